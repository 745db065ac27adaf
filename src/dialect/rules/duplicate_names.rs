//! Expressions to which the planner gives the same name: those that differ only in a subquery or in a conversion.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, Select, SelectItem, SetExpr, Statement, VisitorMut,
};

use super::select_list::spelled;
use crate::dialect::ast::{apart, binary, folded, idents, number, taken};
use crate::dialect::walk::{ChangedQueries, WalkMut};

/// Gives each subquery and each conversion in aggregates, windows and keys of groups a name of its own: the planner
/// calls the one `<subquery>`, and the other like what is converted.
///
/// ```sql
/// SELECT max(x), max(x::INT), count(*) FILTER (WHERE y IN (SELECT 1)) FROM t
/// -- becomes
/// SELECT max(x), max(CASE WHEN 1 = 1 THEN x::INT END), count(*) FILTER (WHERE CASE WHEN 2 = 2 THEN y IN (SELECT 1) END) FROM t
/// ```
///
/// Not before the engine has refused the statement. What is written alike gets one number, so that an item still is the
/// key of a group. The planner takes the CASE away again, when it has named everything.
pub(super) fn disambiguate_duplicates(statement: &mut Statement) -> bool {
    let mut is_changed = false;
    let _ = statement.walk_mut(&mut ChangedQueries(|query: &mut Query| {
        let SetExpr::Select(select) = query.body.as_mut() else {
            return ControlFlow::Continue(());
        };
        let mut twins = DuplicateNames::default();
        let mut tell_apart = |select: &mut Select| {
            keep_names(&mut select.projection);
            select.projection.walk_own_mut(&mut twins)?;
            select.distinct.walk_own_mut(&mut twins)?;
            select.group_by.walk_own_mut(&mut twins)?;
            select.having.walk_own_mut(&mut twins)?;
            select.qualify.walk_own_mut(&mut twins)?;
            select.named_window.walk_own_mut(&mut twins)?;
            query.order_by.walk_own_mut(&mut twins)
        };
        // It breaks off where this has been done already.
        let _ = tell_apart(select);
        is_changed |= !twins.numbers.is_empty();
        ControlFlow::<()>::Continue(())
    }));
    is_changed
}

/// Gives conversions of columns the columns' names, which they would lose, unless another item has the name.
fn keep_names(items: &mut [SelectItem]) {
    fn name(expr: &Expr) -> Option<String> {
        match expr {
            Expr::Nested(expr) | Expr::Cast { expr, .. } => name(expr),
            expr => idents(expr)?.last().map(folded),
        }
    }
    let names: Vec<Option<String>> = items
        .iter()
        .map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            SelectItem::UnnamedExpr(expr) => name(expr),
            _ => None,
        })
        .collect();
    for (item, name) in items.iter_mut().zip(&names) {
        if let SelectItem::UnnamedExpr(expr) = item
            && idents(expr).is_none()
            && let Some(own) = name
            && names.iter().filter(|other| *other == name).count() == 1
        {
            *item = SelectItem::ExprWithAlias {
                expr: taken(expr),
                alias: Ident::with_quote('"', own),
            };
        }
    }
}

#[derive(Default)]
struct DuplicateNames {
    /// The number of each distinguished expression, by its text.
    numbers: HashMap<String, u64>,
}

impl VisitorMut for DuplicateNames {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match is_apart(expr) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let text = match expr {
            Expr::Cast { expr: operand, .. } if matches!(**operand, Expr::Value(_)) => None,
            Expr::Cast { .. } | Expr::AtTimeZone { .. } => {
                // The names of the columns in it keep two tables apart.
                let mut unqualified = expr.clone();
                unqualified.change_expressions(|expr| {
                    if let Some(name) = idents(expr).and_then(|mut path| path.pop()) {
                        *expr = Expr::Identifier(Ident::new(folded(&name)));
                    }
                });
                Some(spelled(&unqualified))
            }
            Expr::InSubquery { .. } | Expr::Exists { .. } | Expr::Subquery(_) => {
                Some(spelled(expr))
            }
            Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } if is_apart(right) => {
                // Here the subquery is no value.
                if let Expr::Case { conditions, .. } = right.as_mut()
                    && let Some(when) = conditions.pop()
                {
                    **right = when.result;
                }
                Some(spelled(expr))
            }
            _ => None,
        };
        if let Some(text) = text {
            let next = self.numbers.len() as u64 + 1;
            let own = *self.numbers.entry(text).or_insert(next);
            let holds = binary(number(own), BinaryOperator::Eq, number(own));
            *expr = apart(holds, taken(expr));
        }
        ControlFlow::Continue(())
    }
}

/// Returns true for what this rule has made.
fn is_apart(expr: &Expr) -> bool {
    match expr {
        Expr::Case { conditions, .. } => conditions.first().is_some_and(|when| {
            matches!(&when.condition, Expr::BinaryOp { left, op: BinaryOperator::Eq, right }
                if left == right && matches!(**left, Expr::Value(_)))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::reread;

    #[test]
    fn what_is_written_alike_is_told_apart_alike() {
        let told =
            |sql: &str| reread("disambiguate_duplicates", sql, "", false).unwrap_or_default();
        let sql = "SELECT x, EXISTS (SELECT 1) AS a, t.y::TEXT FROM t GROUP BY x, EXISTS (SELECT 1), y::TEXT HAVING EXISTS (SELECT 2) ORDER BY y::TEXT";
        insta::assert_snapshot!(told(sql), @r#"SELECT x, CASE WHEN 1 = 1 THEN EXISTS (SELECT 1) END AS a, CASE WHEN 2 = 2 THEN t.y::TEXT END AS "y" FROM t GROUP BY x, CASE WHEN 1 = 1 THEN EXISTS (SELECT 1) END, CASE WHEN 2 = 2 THEN y::TEXT END HAVING CASE WHEN 3 = 3 THEN EXISTS (SELECT 2) END ORDER BY CASE WHEN 2 = 2 THEN y::TEXT END"#);
        assert_eq!(told(&told(sql)), "");
    }
}
