//! Names that no column has, which SQLite and PostgreSQL read as something else.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, Select, SelectItem, Statement, VisitorMut};
use sqlparser::tokenizer::Span;

use super::rule::UnknownColumn;
use crate::dialect::ast::{args_mut, folded, text};
use crate::dialect::walk::{Walk, WalkMut};

/// Reads a name in double quotes as a text where a value is allowed, as SQLite does.
///
/// ```sql
/// SELECT iif(a > "no", "no", 1), b || "no" FROM t WHERE c = "no"
/// -- becomes, if there is no column `no`
/// SELECT iif(a > 'no', 'no', 1), b || 'no' FROM t WHERE c = 'no'
/// ```
///
/// Values are arguments of functions; unless the name may be a slip, also in what a comparison compares with, in parts
/// of `||`, in results of CASE, and in what the select list gives a name to. What is compared stays a name: a predicate
/// that is true of every row must not come from a slip.
pub(super) fn name_to_text(statement: &mut Statement, unknown: UnknownColumn<'_>) -> bool {
    let mut visitor = QuotedName {
        name: unknown.name,
        in_calls_only: unknown.is_slip,
        found: false,
    };
    let _ = statement.walk_mut(&mut visitor);
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
            *expr = text(&ident.value, ident.span);
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
                self.values(args_mut(function));
            }
            _ if self.in_calls_only => {}
            Expr::BinaryOp {
                left,
                op: StringConcat,
                right,
            } => self.values([left.as_mut(), right.as_mut()]),
            Expr::BinaryOp { op, right, .. }
                if is_comparison(op) || matches!(op, PGRegexMatch | PGRegexNotMatch) =>
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

/// Puts the expression that a select list calls by a name in the place of that name in its WHERE, as SQLite does.
///
/// ```sql
/// SELECT upper(a) AS no FROM t WHERE no LIKE 'x'
/// -- becomes, if there is no column `no`
/// SELECT upper(a) AS no FROM t WHERE (upper(a)) LIKE 'x'
/// ```
///
/// Not an item that contains the name itself, such as `upper(x) AS x`, which would be put there again and again.
pub(super) fn name_to_item(statement: &mut Statement, unknown: UnknownColumn<'_>) -> bool {
    let mut visitor = NameInWhere {
        name: unknown.name,
        found: false,
    };
    let _ = statement.walk_mut(&mut visitor);
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
        // An item that has the name in itself, such as `upper(x) AS x`, would be put there again and again.
        let item = item.filter(|item| !has_name(item, self.name));
        if let (Some(item), Some(condition)) = (item, &mut select.selection) {
            condition.change_expressions(|expr| {
                if matches!(expr, Expr::Identifier(ident) if folded(ident) == self.name) {
                    *expr = Expr::Nested(Box::new(item.clone()));
                    self.found = true;
                }
            });
        }
        ControlFlow::Continue(())
    }
}

fn has_name(expr: &Expr, name: &str) -> bool {
    expr.expressions(|expr| match expr {
        Expr::Identifier(ident) if folded(ident) == name => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .is_break()
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Gt | GtEq | Lt | LtEq)
}

#[cfg(test)]
mod tests {
    use super::super::tests::reread;

    fn with_text(sql: &str, is_slip: bool) -> Option<String> {
        reread("name_to_text", sql, "a b", is_slip)
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
        let put = |sql: &str| reread("name_to_item", sql, "own", false);
        assert_eq!(
            put("SELECT a || 'x' AS Own FROM t WHERE OWN LIKE 'x' AND b IN (own)").as_deref(),
            Some("SELECT a || 'x' AS Own FROM t WHERE (a || 'x') LIKE 'x' AND b IN ((a || 'x'))")
        );
        assert_eq!(put("SELECT upper(own) AS own FROM t WHERE own = 'x'"), None);
        assert_eq!(put("SELECT a AS own FROM t GROUP BY own"), None);
    }
}
