//! StackQL's spelling of things that SQL spells otherwise.
//!
//! - `spec.owner = 'sa-1'` and `"spec.owner" = 'sa-1'`, after the service's parameter of that name, mean the owner's
//!   id, and so for the resource; as a column `spec.owner` stays the object;
//! - `page_size = '100'` is a parameter too, and has no meaning here: pages are walked anyway;
//! - `"text"` as an argument of a function is a string if there is no such column, as in SQLite.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Statement, Value,
    VisitMut, VisitorMut,
};

use super::rewrite::folded;

/// Turns StackQL's parameters in `statement` into predicates, in place.
pub(super) fn parameters(statement: &mut Statement) {
    // The visitor never breaks off.
    let _ = statement.visit(&mut Parameters);
}

struct Parameters;

impl VisitorMut for Parameters {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::BinaryOp { left, op, right } if is_comparison(op) => {
                if is_page_size(left, right) || is_page_size(right, left) {
                    *expr = Expr::Value(Value::Boolean(true).into());
                } else if is_text(right) {
                    name_the_id(left);
                } else if is_text(left) {
                    name_the_id(right);
                }
            }
            Expr::InList { expr, list, .. } if list.iter().all(is_text) => name_the_id(expr),
            Expr::Like { expr, pattern, .. } if is_text(pattern) => name_the_id(expr),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq)
}

fn is_text(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value)
        if matches!(value.value, Value::SingleQuotedString(_) | Value::Placeholder(_)))
}

fn is_page_size(name: &Expr, value: &Expr) -> bool {
    matches!(name, Expr::Identifier(ident) if folded(ident) == "page_size")
        && matches!(value, Expr::Value(_))
}

/// Appends `id` to `spec.owner` and `spec.resource`, however they are written.
fn name_the_id(expr: &mut Expr) {
    let idents = match expr {
        Expr::Identifier(ident) => vec![ident.clone()],
        Expr::CompoundIdentifier(idents) => idents.clone(),
        _ => return,
    };
    let Some((last, before)) = idents.split_last() else {
        return;
    };
    let is_reference = |name: &str| matches!(name, "owner" | "resource");
    let mut path = before.to_vec();
    match folded(last).split_once('.') {
        Some(("spec", reference)) if last.quote_style.is_some() && is_reference(reference) => {
            path.push(Ident::with_span(last.span, "spec"));
            path.push(Ident::with_span(last.span, reference));
        }
        None if is_reference(&folded(last))
            && before.last().map(folded).as_deref() == Some("spec") =>
        {
            path.push(last.clone());
        }
        _ => return,
    }
    path.push(Ident::with_span(last.span, "id"));
    *expr = Expr::CompoundIdentifier(path);
}

/// Turns the quoted name `name` into a string wherever it is an argument of a function; returns whether it was one.
pub(super) fn name_to_text(statement: &mut Statement, name: &str) -> bool {
    let mut visitor = QuotedName { name, found: false };
    let _ = statement.visit(&mut visitor);
    visitor.found
}

struct QuotedName<'n> {
    name: &'n str,
    found: bool,
}

impl VisitorMut for QuotedName<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Function(function) = expr else {
            return ControlFlow::Continue(());
        };
        let FunctionArguments::List(list) = &mut function.args else {
            return ControlFlow::Continue(());
        };
        for arg in &mut list.args {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg
                && let Expr::Identifier(ident) = &*arg
                && ident.quote_style == Some('"')
                && ident.value == self.name
            {
                let text = Value::SingleQuotedString(ident.value.clone());
                *arg = Expr::Value(text.with_span(ident.span));
                self.found = true;
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse::parse;
    use datafusion::sql::parser::Statement as EngineStatement;

    fn plain(sql: &str) -> Statement {
        match parse(sql).unwrap() {
            EngineStatement::Statement(statement) => *statement,
            other => panic!("{other}"),
        }
    }

    fn spelled(sql: &str) -> String {
        let mut statement = plain(sql);
        parameters(&mut statement);
        statement.to_string()
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

    #[test]
    fn a_quoted_name_in_a_call_may_be_a_string() {
        let mut statement = plain("SELECT IIF(\"a b\" > 1, \"a b\", \"c\"), \"a b\" FROM t");
        assert!(name_to_text(&mut statement, "a b"));
        assert_eq!(
            statement.to_string(),
            "SELECT IIF(\"a b\" > 1, 'a b', \"c\"), \"a b\" FROM t"
        );
        assert!(!name_to_text(&mut statement, "a b"));
    }
}
