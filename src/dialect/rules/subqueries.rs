//! Rows that are looked for in subqueries, which the planner does not take, put so that it does. Pure, for
//! [`crate::dialect::rewrite`] to call.
//!
//! `(a, b) IN (SELECT …)` in WHERE is an EXISTS over the subquery, and `NOT IN` a NOT EXISTS of a row that may be it.
//! Elsewhere, where unknown is not as good as false, it is a CASE with three outcomes, and so is a comparison of a row with
//! ANY or ALL rows of a subquery.

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, Select, SelectItem, SetExpr, Statement, TableFactor,
    UnaryOperator,
};

use super::conditions;

use crate::dialect::parse::{as_sql, parse};

/// Puts rows that are looked for in subqueries into a form that the planner takes, where unknown counts as false: beside
/// AND and OR in WHERE, and not below NOT.
pub(crate) fn rows_in_where(select: &mut Select) {
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
    let same = columns.iter().zip(&names).map(|(value, name)| {
        let same = Expr::BinaryOp {
            left: Box::new(value.clone()),
            op: BinaryOperator::Eq,
            right: Box::new(column(name)),
        };
        // What is unknown may be the same.
        match is_negated {
            true => Expr::IsNotFalse(Box::new(Expr::Nested(Box::new(same)))),
            false => same,
        }
    });
    let same = same.reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    });
    exists(&names, subquery, same, is_negated)
}

/// Returns a column of the rows of a subquery.
fn column(name: &str) -> Expr {
    Expr::CompoundIdentifier(vec![Ident::new("__rows"), Ident::new(name)])
}

/// Returns whether there is a row in `subquery`, its columns called `names`, for which `condition` is true.
fn exists(
    names: &[String],
    subquery: &Query,
    condition: Option<Expr>,
    negated: bool,
) -> Option<Expr> {
    let names = names.join(", ");
    let mut query = template(&format!("SELECT 1 FROM (SELECT 1) AS __rows ({names})"))?;
    let SetExpr::Select(select) = query.body.as_mut() else {
        return None;
    };
    if let Some(TableFactor::Derived { subquery: rows, .. }) =
        select.from.first_mut().map(|from| &mut from.relation)
    {
        **rows = subquery.clone();
    }
    select.selection = condition;
    Some(Expr::Exists {
        subquery: Box::new(query),
        negated,
    })
}

/// Puts a row that is compared with the rows of a subquery, anywhere else than [`rows_in_where`] looks, into a form that
/// the planner takes: a CASE with three outcomes.
pub(crate) fn row_in_subquery(expr: &mut Expr) {
    let compared = match expr {
        Expr::InSubquery {
            expr: row,
            subquery,
            negated,
        } => {
            let op = if *negated {
                BinaryOperator::NotEq
            } else {
                BinaryOperator::Eq
            };
            compared_with(row, op, subquery, *negated)
        }
        Expr::AnyOp {
            left,
            compare_op,
            right,
            ..
        } => match right.as_ref() {
            Expr::Subquery(rows) => compared_with(left, compare_op.clone(), rows, false),
            _ => None,
        },
        Expr::AllOp {
            left,
            compare_op,
            right,
        } => match right.as_ref() {
            Expr::Subquery(rows) => compared_with(left, compare_op.clone(), rows, true),
            _ => None,
        },
        _ => None,
    };
    if let Some(compared) = compared {
        *expr = compared;
    }
}

/// Returns `row op ANY (subquery)` or, with `all`, `row op ALL (subquery)`.
fn compared_with(row: &Expr, op: BinaryOperator, subquery: &Query, all: bool) -> Option<Expr> {
    let Expr::Tuple(columns) = row else {
        return None;
    };
    let names: Vec<String> = (1..=columns.len()).map(|n| format!("__{n}")).collect();
    let other = names.iter().map(|name| column(name)).collect();
    let mut holds = Expr::BinaryOp {
        left: Box::new(row.clone()),
        op,
        right: Box::new(Expr::Tuple(other)),
    };
    conditions::rows_by_columns(&mut holds);
    let holds = Box::new(Expr::Nested(Box::new(holds)));
    let (outcome, settles) = match all {
        true => (
            "CASE WHEN true THEN false WHEN true THEN NULL ELSE true END",
            Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr: holds.clone(),
            },
        ),
        false => (
            "CASE WHEN true THEN true WHEN true THEN NULL ELSE false END",
            holds.as_ref().clone(),
        ),
    };
    let mut outcome = expression(outcome)?;
    if let Expr::Case { conditions, .. } = &mut outcome
        && let [first, second] = &mut conditions[..]
    {
        first.condition = exists(&names, subquery, Some(settles), false)?;
        second.condition = exists(&names, subquery, Some(Expr::IsNull(holds)), false)?;
    }
    Some(outcome)
}

/// Returns the only item of a select list.
fn expression(sql: &str) -> Option<Expr> {
    let query = template(&format!("SELECT {sql}"))?;
    match *query.body {
        SetExpr::Select(mut select) => match select.projection.pop() {
            Some(SelectItem::UnnamedExpr(expr)) => Some(expr),
            _ => None,
        },
        _ => None,
    }
}

fn template(sql: &str) -> Option<Query> {
    match as_sql(&parse(sql).ok()?) {
        Some(Statement::Query(query)) => Some(query.as_ref().clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::rewrite::rewritten;

    #[test]
    fn rows_are_looked_for_in_subqueries() {
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t WHERE a OR (b, c) IN (SELECT d, e FROM u)"), @"SELECT 1 FROM t WHERE a OR EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE b = __rows.__1 AND c = __rows.__2)");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t WHERE (b, c) NOT IN (SELECT d, e FROM u)"), @"SELECT 1 FROM t WHERE NOT EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE (b = __rows.__1) IS NOT FALSE AND (c = __rows.__2) IS NOT FALSE)");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t WHERE NOT ((b, c) IN (SELECT d, e FROM u))"), @"SELECT 1 FROM t WHERE NOT (CASE WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE ((b = __rows.__1 AND c = __rows.__2))) THEN true WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE ((b = __rows.__1 AND c = __rows.__2)) IS NULL) THEN NULL ELSE false END)");
        insta::assert_snapshot!(rewritten("SELECT (b, c) NOT IN (SELECT d, e FROM u) AS x FROM t"), @"SELECT CASE WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE NOT (NOT (b = __rows.__1 AND c = __rows.__2))) THEN false WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE (NOT (b = __rows.__1 AND c = __rows.__2)) IS NULL) THEN NULL ELSE true END AS x FROM t");
        insta::assert_snapshot!(rewritten("SELECT (b, c) < ALL (SELECT d, e FROM u) AS x FROM t"), @"SELECT CASE WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE NOT ((b < __rows.__1 OR b = __rows.__1 AND (c < __rows.__2)))) THEN false WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE ((b < __rows.__1 OR b = __rows.__1 AND (c < __rows.__2))) IS NULL) THEN NULL ELSE true END AS x FROM t");
    }
}
