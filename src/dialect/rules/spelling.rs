//! StackQL's spelling of things that SQL spells otherwise.
//!
//! - `spec.owner = 'sa-1'` and `"spec.owner" = 'sa-1'`, after the service's parameter of that name, mean the owner's
//!   id, and so for the resource; as a column `spec.owner` stays the object;
//! - `?` is the next of `$1`, `$2`, …, as ODBC and DuckDB have it;
//! - `page_size = '100'` is a parameter too, and has no meaning here: pages are walked anyway;
//! - a name that the select list gives may stand in WHERE;
//! - `"text"` is a string where a value stands and there is no such column, as in SQLite.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Select,
    SelectItem, Statement, TableAlias, TableAliasColumnDef, TableFactor, Value, VisitMut,
    VisitorMut,
};
use sqlparser::tokenizer::Span;

use crate::dialect::rewrite::folded;

/// Turns StackQL's parameters in `statement` into predicates, in place.
pub(crate) fn parameters(statement: &mut Statement) {
    // The visitor never breaks off.
    let _ = statement.visit(&mut Parameters { unnumbered: 0 });
}

struct Parameters {
    /// How many `?` there were so far.
    unnumbered: usize,
}

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
            Expr::Value(value) if value.value == Value::Placeholder("?".to_owned()) => {
                self.unnumbered += 1;
                value.value = Value::Placeholder(format!("${}", self.unnumbered));
            }
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

/// Turns the quoted name `name` into a string wherever it stands in the place of a value; returns whether it did.
///
/// Such places are the arguments of functions and, unless `in_calls_only`, what a comparison compares with, parts of
/// `||`, the results of CASE, and what the select list gives a name to. What is compared stays a name: a predicate
/// that is true of every row must not come from a slip.
pub(crate) fn name_to_text(statement: &mut Statement, name: &str, in_calls_only: bool) -> bool {
    let mut visitor = QuotedName {
        name,
        in_calls_only,
        found: false,
    };
    let _ = statement.visit(&mut visitor);
    visitor.found
}

struct QuotedName<'n> {
    name: &'n str,
    in_calls_only: bool,
    found: bool,
}

impl QuotedName<'_> {
    fn value(&mut self, expr: &mut Expr) {
        if let Expr::Identifier(ident) = &*expr
            && ident.quote_style == Some('"')
            && ident.value == self.name
        {
            let text = Value::SingleQuotedString(ident.value.clone());
            *expr = Expr::Value(text.with_span(ident.span));
            self.found = true;
        }
    }

    fn values<'e>(&mut self, exprs: impl IntoIterator<Item = &'e mut Expr>) {
        exprs.into_iter().for_each(|expr| self.value(expr));
    }
}

impl VisitorMut for QuotedName<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if !self.in_calls_only {
            let items = select.projection.iter_mut();
            self.values(items.filter_map(|item| match item {
                // One that is typed, and so has a place.
                SelectItem::ExprWithAlias { expr, alias } if alias.span != Span::empty() => {
                    Some(expr)
                }
                _ => None,
            }));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        use BinaryOperator::{PGRegexMatch, PGRegexNotMatch, StringConcat};
        match expr {
            Expr::Function(function) => {
                if let FunctionArguments::List(list) = &mut function.args {
                    self.values(list.args.iter_mut().filter_map(|arg| match arg {
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) => Some(arg),
                        _ => None,
                    }));
                }
            }
            _ if self.in_calls_only => {}
            Expr::BinaryOp {
                left,
                op: StringConcat,
                right,
            } => self.values([left.as_mut(), right.as_mut()]),
            Expr::BinaryOp { op, right, .. }
                if is_order(op) || matches!(op, PGRegexMatch | PGRegexNotMatch) =>
            {
                self.value(right);
            }
            Expr::Like { pattern, .. } | Expr::ILike { pattern, .. } => self.value(pattern),
            Expr::InList { list, .. } => self.values(list),
            Expr::Between { low, high, .. } => self.values([low.as_mut(), high.as_mut()]),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                for when in conditions {
                    if operand.is_some() {
                        self.value(&mut when.condition);
                    }
                    self.value(&mut when.result);
                }
                self.values(else_result.as_deref_mut());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Calls the column of `generate_series(…) AS d` `d`, as PostgreSQL does, if `name` is that; returns whether it did.
pub(crate) fn name_rows(statement: &mut Statement, name: &str) -> bool {
    let mut visitor = NamedRows { name, found: false };
    let _ = statement.visit(&mut visitor);
    visitor.found
}

struct NamedRows<'n> {
    name: &'n str,
    found: bool,
}

impl VisitorMut for NamedRows<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name,
            args: Some(_),
            alias,
            ..
        }
        | TableFactor::Function { name, alias, .. } = factor
            && let [part] = name.0.as_slice()
            && let Some(function) = part.as_ident()
            && ["generate_series", "range"].contains(&folded(function).as_str())
        {
            let called = alias.as_ref().map_or(function, |alias| &alias.name);
            let is_named = alias
                .as_ref()
                .is_some_and(|alias| !alias.columns.is_empty());
            if !is_named && folded(called) == self.name {
                let called = called.clone();
                *alias = Some(TableAlias {
                    explicit: true,
                    columns: vec![TableAliasColumnDef {
                        name: called.clone(),
                        data_type: None,
                    }],
                    name: called,
                    at: None,
                });
                self.found = true;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Puts the expression that a select list calls `name` in the place of that name in its WHERE, as SQLite does; returns
/// whether it did.
pub(crate) fn name_to_item(statement: &mut Statement, name: &str) -> bool {
    let mut visitor = NameInWhere { name, found: false };
    let _ = statement.visit(&mut visitor);
    visitor.found
}

struct NameInWhere<'n> {
    name: &'n str,
    found: bool,
}

impl VisitorMut for NameInWhere<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let item = select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if folded(alias) == self.name => Some(expr),
            _ => None,
        });
        if let (Some(item), Some(condition)) = (item, &mut select.selection) {
            let mut item = Substitute {
                name: self.name,
                item,
                found: false,
            };
            let _ = condition.visit(&mut item);
            self.found |= item.found;
        }
        ControlFlow::Continue(())
    }
}

struct Substitute<'n> {
    name: &'n str,
    item: &'n Expr,
    found: bool,
}

impl VisitorMut for Substitute<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        // An item that has the name in itself, such as `upper(x) AS x`, would be put there again and again.
        if matches!(expr, Expr::Identifier(ident) if folded(ident) == self.name)
            && !has_name(self.item, self.name)
        {
            *expr = Expr::Nested(Box::new(self.item.clone()));
            self.found = true;
        }
        ControlFlow::Continue(())
    }
}

fn has_name(expr: &Expr, name: &str) -> bool {
    sqlparser::ast::visit_expressions(expr, |expr| match expr {
        Expr::Identifier(ident) if folded(ident) == name => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .is_break()
}

fn is_order(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Gt, GtEq, Lt, LtEq};
    is_comparison(op) || matches!(op, Gt | GtEq | Lt | LtEq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse::parse;
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

    fn with_text(sql: &str, in_calls_only: bool) -> Option<String> {
        let mut statement = plain(sql);
        name_to_text(&mut statement, "a b", in_calls_only).then(|| statement.to_string())
    }

    #[test]
    fn a_quoted_name_in_a_call_may_be_a_string() {
        let sql = "SELECT IIF(\"a b\" > 1, \"a b\", \"c\"), \"a b\" FROM t";
        assert_eq!(
            with_text(sql, true).as_deref(),
            Some("SELECT IIF(\"a b\" > 1, 'a b', \"c\"), \"a b\" FROM t")
        );
        assert_eq!(
            with_text("SELECT \"a b\" FROM t WHERE x = \"a b\"", true),
            None
        );
    }

    #[test]
    fn a_quoted_name_may_be_a_string_where_a_value_stands() {
        for (sql, expected) in [
            (
                "SELECT \"a b\" AS x FROM t WHERE x = \"a b\" OR x LIKE \"a b\" OR x IN (\"a b\")",
                "SELECT 'a b' AS x FROM t WHERE x = 'a b' OR x LIKE 'a b' OR x IN ('a b')",
            ),
            (
                "SELECT CASE x WHEN \"a b\" THEN \"a b\" ELSE \"a b\" END || \"a b\" FROM t",
                "SELECT CASE x WHEN 'a b' THEN 'a b' ELSE 'a b' END || 'a b' FROM t",
            ),
        ] {
            assert_eq!(with_text(sql, false).as_deref(), Some(expected));
        }
        for sql in [
            "SELECT 1 FROM t WHERE \"a b\" <> 'x' AND \"a b\" IS NOT NULL AND \"a b\"",
            "SELECT \"a b\" FROM t GROUP BY \"a b\" ORDER BY \"a b\"",
        ] {
            assert_eq!(with_text(sql, false), None, "{sql}");
        }
    }

    #[test]
    fn a_name_of_the_select_list_may_stand_in_where() {
        let put = |sql: &str| {
            let mut statement = plain(sql);
            name_to_item(&mut statement, "own").then(|| statement.to_string())
        };
        assert_eq!(
            put("SELECT a || 'x' AS Own FROM t WHERE OWN LIKE 'x' AND b IN (own)").as_deref(),
            Some("SELECT a || 'x' AS Own FROM t WHERE (a || 'x') LIKE 'x' AND b IN ((a || 'x'))")
        );
        assert_eq!(put("SELECT upper(own) AS own FROM t WHERE own = 'x'"), None);
        assert_eq!(put("SELECT a AS own FROM t GROUP BY own"), None);
    }
}
