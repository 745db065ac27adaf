//! Subqueries where the engine does not take them, as others that it does.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Ident, Query, Select, SelectItem, SetExpr, TableFactor,
    UnaryOperator, VisitMut, VisitorMut,
};

use super::rule::{Context, Hook, SyntaxRule};
use crate::dialect::ast::number;
use crate::dialect::parse;

/// Looks for a row among those of a subquery by EXISTS, and by NOT EXISTS of a row that may be the same.
///
/// ```sql
/// SELECT 1 FROM t WHERE (b, c) IN (SELECT d, e FROM u)
/// -- becomes
/// SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2)
/// WHERE b = __rows.__1 AND c = __rows.__2)
/// ```
///
/// Only in WHERE, beside AND and OR, where unknown counts as false. Below NOT and in a select list it would not.
pub(super) const ROWS_IN_WHERE: SyntaxRule =
    SyntaxRule::new("rows_in_where", Hook::Select(rows_in_where));

fn rows_in_where(select: &mut Select, _: &Context<'_>) {
    if let Some(condition) = &mut select.selection {
        rows_in(condition);
    }
}

fn rows_in(expr: &mut Expr) {
    match expr {
        Expr::Nested(expr) => rows_in(expr),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And | BinaryOperator::Or,
            right,
        } => {
            rows_in(left);
            rows_in(right);
        }
        Expr::InSubquery {
            expr: row,
            subquery,
            negated,
        } => {
            if let Expr::Tuple(columns) = row.as_ref()
                && let Some(exists) = is_among(columns, subquery, *negated)
            {
                *expr = exists;
            }
        }
        _ => {}
    }
}

/// Returns whether a row is, or is certainly not, among those of `subquery`.
fn is_among(columns: &[Expr], subquery: &Query, is_negated: bool) -> Option<Expr> {
    let names: Vec<String> = (1..=columns.len()).map(|n| format!("__{n}")).collect();
    let mut query = parse::query(&format!(
        "SELECT 1 FROM (SELECT 1) AS __rows ({})",
        names.join(", ")
    ))?;
    let SetExpr::Select(select) = query.body.as_mut() else {
        return None;
    };
    if let Some(TableFactor::Derived { subquery: rows, .. }) =
        select.from.first_mut().map(|from| &mut from.relation)
    {
        **rows = subquery.clone();
    }
    let same = columns.iter().zip(&names).map(|(column, name)| {
        let same = Expr::BinaryOp {
            left: Box::new(column.clone()),
            op: BinaryOperator::Eq,
            right: Box::new(Expr::CompoundIdentifier(vec![
                Ident::new("__rows"),
                Ident::new(name),
            ])),
        };
        // What is unknown may be the same.
        match is_negated {
            true => Expr::IsNotFalse(Box::new(Expr::Nested(Box::new(same)))),
            false => same,
        }
    });
    select.selection = same.reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    });
    Some(Expr::Exists {
        subquery: Box::new(query),
        negated: is_negated,
    })
}

/// Counts rows where a select list asks whether there are any.
///
/// ```sql
/// SELECT EXISTS (SELECT 1 FROM t WHERE a = b) AS x FROM u
/// -- becomes
/// SELECT ((SELECT count(*) FROM t WHERE a = b) > 0) AS x FROM u
/// ```
///
/// Only in select lists, outside of inner queries, which are visited on their own.
pub(super) const EXISTS_IN_LIST: SyntaxRule =
    SyntaxRule::new("exists_in_list", Hook::Select(exists_in_list));

fn exists_in_list(select: &mut Select, _: &Context<'_>) {
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            let _ = expr.visit(&mut Exists { depth: 0 });
        }
    }
}

/// Visits what stands outside of all subqueries.
struct Exists {
    depth: usize,
}

impl VisitorMut for Exists {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let (0, Expr::Exists { subquery, negated }) = (self.depth, &*expr)
            && let Some(count) = count_of(subquery)
        {
            let some = Expr::Nested(Box::new(Expr::BinaryOp {
                left: Box::new(Expr::Subquery(Box::new(count))),
                op: BinaryOperator::Gt,
                right: Box::new(number(0)),
            }));
            *expr = match negated {
                true => Expr::UnaryOp {
                    op: UnaryOperator::Not,
                    expr: Box::new(some),
                },
                false => some,
            };
        }
        ControlFlow::Continue(())
    }
}

/// Returns the query that counts the rows of `query`.
fn count_of(query: &Query) -> Option<Query> {
    let mut count = parse::query("SELECT count(*) FROM (SELECT 1) AS __rows")?;
    let SetExpr::Select(counting) = count.body.as_mut() else {
        return None;
    };
    if let SetExpr::Select(select) = query.body.as_ref()
        && query.with.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && is_row_by_row(select)
    {
        // Not over a sub-select, so that it may name columns of the outer query.
        let projection = std::mem::take(&mut counting.projection);
        **counting = Select {
            projection,
            ..select.as_ref().clone()
        };
        counting.distinct = None;
    } else if let Some(TableFactor::Derived { subquery, .. }) =
        counting.from.first_mut().map(|from| &mut from.relation)
    {
        **subquery = query.clone();
    }
    Some(count)
}

/// Returns true for a SELECT with a row for each of those that its WHERE lets through.
fn is_row_by_row(select: &Select) -> bool {
    let is_ungrouped = match &select.group_by {
        GroupByExpr::All(_) => false,
        GroupByExpr::Expressions(by, modifiers) => by.is_empty() && modifiers.is_empty(),
    };
    let is_plain = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => matches!(
            expr,
            Expr::Value(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_)
        ),
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        SelectItem::ExprWithAliases { .. } => false,
    };
    is_ungrouped
        && !select.from.is_empty()
        && select.having.is_none()
        && select.qualify.is_none()
        && select.top.is_none()
        && select.projection.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::super::tests::rewritten;

    #[test]
    fn rows_are_looked_for_in_subqueries() {
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t WHERE a OR (b, c) IN (SELECT d, e FROM u)"), @"SELECT 1 FROM t WHERE a OR EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE b = __rows.__1 AND c = __rows.__2)");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t WHERE (b, c) NOT IN (SELECT d, e FROM u)"), @"SELECT 1 FROM t WHERE NOT EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE (b = __rows.__1) IS NOT FALSE AND (c = __rows.__2) IS NOT FALSE)");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t WHERE NOT ((b, c) IN (SELECT d, e FROM u))"), @"SELECT 1 FROM t WHERE NOT ((b, c) IN (SELECT d, e FROM u))");
    }

    #[test]
    fn rows_are_counted_where_it_is_asked_whether_there_are_any() {
        insta::assert_snapshot!(rewritten("SELECT EXISTS (SELECT 1 FROM t WHERE a = b) AS x FROM u"), @"SELECT ((SELECT count(*) FROM t WHERE a = b) > 0) AS x FROM u");
        insta::assert_snapshot!(rewritten("SELECT CASE WHEN NOT EXISTS (SELECT max(a) FROM t) THEN 1 END AS x"), @"SELECT CASE WHEN NOT ((SELECT count(*) FROM (SELECT max(a) FROM t) AS __rows) > 0) THEN 1 END AS x");
        insta::assert_snapshot!(rewritten("SELECT (SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM u)) AS x"), @"SELECT (SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM u)) AS x");
    }
}
