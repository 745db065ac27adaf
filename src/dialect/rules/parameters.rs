//! Parameters as StackQL's users and ODBC write them.

use sqlparser::ast::{BinaryOperator, Expr, Ident, Value};

use super::rule::Context;
use crate::dialect::ast::folded;
use crate::dialect::shape::ShapeParameter;

/// Drops a comparison with a parameter that has no effect here.
///
/// ```sql
/// SELECT 1 FROM t WHERE page_size = '100' AND a = 1
/// -- becomes
/// SELECT 1 FROM t WHERE true AND a = 1
/// ```
///
/// Only equality with a literal: anything else was not meant for the service. `page_token = ''` is the first page, which
/// is where every listing begins; another token would leave out the pages before it, and is not a column.
pub(super) fn ignored_parameter(expr: &mut Expr, context: &mut Context<'_>) {
    let is_ignored = |name: &Expr, value: &Expr| {
        let (Expr::Identifier(name), Expr::Value(value)) = (name, value) else {
            return false;
        };
        let name = folded(name);
        let mut parameters = context.shape.parameters.iter();
        let is_first_page = || value.value == Value::SingleQuotedString(String::new());
        parameters.any(|parameter| parameter.path.is_none() && parameter.name == name)
            || name == "page_token" && is_first_page()
    };
    if let Expr::BinaryOp { left, op, right } = expr
        && is_equality(op)
        && (is_ignored(left, right) || is_ignored(right, left))
    {
        *expr = Expr::Value(Value::Boolean(true).into());
    }
}

/// Compares the path that a parameter of the service stands for, in dots or as one quoted name.
///
/// ```sql
/// SELECT spec.owner FROM t WHERE spec.owner = 'sa-1' AND k."spec.resource" IN ('a', $b)
/// -- becomes
/// SELECT spec.owner FROM t WHERE spec.owner.id = 'sa-1' AND k.spec.resource.id IN ('a', $b)
/// ```
///
/// Only comparisons with texts and parameters: elsewhere `spec.owner` is the object.
pub(super) fn parameter_to_path(expr: &mut Expr, context: &mut Context<'_>) {
    let compared = match expr {
        Expr::BinaryOp { left, op, right } if is_equality(op) && is_text(right) => left,
        Expr::BinaryOp { left, op, right } if is_equality(op) && is_text(left) => right,
        Expr::InList { expr, list, .. } if list.iter().all(is_text) => expr,
        Expr::Like { expr, pattern, .. } if is_text(pattern) => expr,
        _ => return,
    };
    let idents = match compared.as_ref() {
        Expr::Identifier(ident) => std::slice::from_ref(ident),
        Expr::CompoundIdentifier(idents) => idents.as_slice(),
        _ => return,
    };
    let parameters = &context.shape.parameters;
    if let Some(path) = parameters.iter().find_map(|each| path(idents, each)) {
        **compared = Expr::CompoundIdentifier(path);
    }
}

/// Returns the path that `idents` stand for, their qualifiers before it, if they end with the name of `parameter`.
fn path(idents: &[Ident], parameter: &ShapeParameter) -> Option<Vec<Ident>> {
    let path = parameter.path.as_ref()?;
    let (last, before) = idents.split_last()?;
    let added = |steps: &[String]| -> Vec<Ident> {
        let idents = steps.iter().map(|step| Ident::with_span(last.span, step));
        idents.collect()
    };
    if last.quote_style.is_some() && last.value == parameter.name {
        return Some([before, &added(path)].concat());
    }
    // Written in dots, the path begins with the parameter, as typed.
    let steps: Vec<&str> = parameter.name.split('.').collect();
    let start = idents.len().checked_sub(steps.len())?;
    let is_named = idents[start..].iter().map(folded).eq(steps.iter().copied());
    let field = path.get(steps.len()..)?;
    let is_begun = path
        .iter()
        .zip(&steps)
        .all(|(of_path, step)| of_path == step);
    (is_named && is_begun).then(|| [idents, &added(field)].concat())
}

/// Numbers `?`.
///
/// ```sql
/// SELECT ? FROM t WHERE id = ? LIMIT ?
/// -- becomes
/// SELECT $1 FROM t WHERE id = $2 LIMIT $3
/// ```
///
/// Does not look for `$1` in the same statement: the two are not meant to be mixed.
pub(super) fn numbered_placeholder(expr: &mut Expr, context: &mut Context<'_>) {
    if let Expr::Value(value) = expr
        && value.value == Value::Placeholder("?".to_owned())
    {
        context.placeholders += 1;
        value.value = Value::Placeholder(format!("${}", context.placeholders));
    }
}

fn is_equality(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq)
}

fn is_text(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value)
        if matches!(value.value, Value::SingleQuotedString(_) | Value::Placeholder(_)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::alone_all;

    fn spelled(sql: &str) -> String {
        let names = [
            "ignored_parameter",
            "parameter_to_path",
            "numbered_placeholder",
        ];
        alone_all(&names, sql)
    }

    #[test]
    fn parameters_become_predicates_on_ids() {
        for (sql, expected) in [
            (
                "SELECT spec.owner FROM t WHERE spec.owner = 'sa-1' AND page_size = '100'",
                "SELECT spec.owner FROM t WHERE spec.owner.id = 'sa-1' AND true",
            ),
            (
                "SELECT 1 FROM t WHERE \"spec.owner\" = 'sa-1' AND k.\"spec.resource\" IN ('a', $b)",
                "SELECT 1 FROM t WHERE spec.owner.id = 'sa-1' AND k.spec.resource.id IN ('a', $b)",
            ),
            (
                "SELECT 1 FROM t WHERE 'x' <> k.spec.resource AND spec.owner LIKE 'sa-%'",
                "SELECT 1 FROM t WHERE 'x' <> k.spec.resource.id AND spec.owner.id LIKE 'sa-%'",
            ),
            (
                "SELECT 1 FROM t WHERE page_token = '' AND page_token = 'x'",
                "SELECT 1 FROM t WHERE true AND page_token = 'x'",
            ),
            (
                "SELECT ? FROM t WHERE id = ? AND spec.owner = ? LIMIT ?",
                "SELECT $1 FROM t WHERE id = $2 AND spec.owner.id = $3 LIMIT $4",
            ),
        ] {
            assert_eq!(spelled(sql), expected);
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for sql in [
            "SELECT owner FROM t WHERE owner = 'x' AND spec.owner.id = 'y'",
            "SELECT \"spec.owner\" FROM t WHERE spec.owner IS NOT NULL",
            "SELECT 1 FROM t WHERE spec.owner = o.owner AND page_size > 5",
        ] {
            assert_eq!(spelled(sql), sql);
        }
    }
}
