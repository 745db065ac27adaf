//! Rewrites rows that are looked up in subqueries, `(a, b) IN (SELECT …)`, and lists of what subqueries give, into what the
//! planner takes.

use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArguments, Ident, Query, Select, SelectItem, SetExpr,
    TableFactor, UnaryOperator,
};

use super::conditions;
use super::rule::Context;
use crate::dialect::ast::{binary, calls, function_name, items_before_star, leftmost};
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
/// Only in WHERE, beside AND and OR, where unknown counts as false. Elsewhere it is [`ROW_IN_SUBQUERY`]'s.
pub(super) fn rows_in_where(select: &mut Select, _: &Context<'_>) {
    if let Some(condition) = &mut select.selection {
        rows_in(condition);
    }
}

/// Selects from the rows of VALUES among which a value is looked for: the planner takes no VALUES there.
///
/// ```sql
/// SELECT 1 FROM t WHERE a IN (VALUES ('b'), ('c'))
/// -- becomes
/// SELECT 1 FROM t WHERE a IN (SELECT * FROM (VALUES ('b'), ('c')) AS __rows)
/// ```
pub(super) fn select_from_values(expr: &mut Expr, _: &Context<'_>) {
    let query = match expr {
        Expr::InSubquery { subquery, .. } => subquery,
        Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => match right.as_mut() {
            Expr::Subquery(query) => query,
            _ => return,
        },
        _ => return,
    };
    if matches!(query.body.as_ref(), SetExpr::Values(_))
        && let Some(select) = rows_from(query, "SELECT * FROM (SELECT 1) AS __rows")
    {
        **query = select;
    }
}

/// Makes a list of what a subquery gives, in its order.
///
/// ```sql
/// SELECT ARRAY(SELECT a FROM t ORDER BY a) AS x
/// -- becomes
/// SELECT coalesce((SELECT array_agg(__rows.__1) FROM (SELECT a FROM t ORDER BY a) AS __rows (__1)), ARRAY[]) AS x
/// ```
///
/// Not where the subquery may have several columns: more than one item, a star, or VALUES.
pub(super) fn list_of_rows(expr: &mut Expr, _: &Context<'_>) {
    let Expr::Function(function) = expr else {
        return;
    };
    let is_array = function_name(function) == "array";
    let FunctionArguments::Subquery(query) = &mut function.args else {
        return;
    };
    let has_one_column = leftmost(&mut query.body).is_some_and(|select| {
        select.projection.len() == 1 && items_before_star(&select.projection).count() == 1
    });
    if is_array
        && has_one_column
        && let Some(rows) = rows_from(
            query,
            "SELECT array_agg(__rows.__1) FROM (SELECT 1) AS __rows (__1)",
        )
        && let Some(empty) = parse::expression("ARRAY[]")
    {
        *expr = calls("coalesce", vec![Expr::Subquery(Box::new(rows)), empty]);
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
        let same = binary(value.clone(), BinaryOperator::Eq, column(name));
        // What is unknown may be the same.
        match is_negated {
            true => Expr::IsNotFalse(Box::new(Expr::Nested(Box::new(same)))),
            false => same,
        }
    });
    let same = same.reduce(|left, right| binary(left, BinaryOperator::And, right));
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
    let mut query = rows_named(names, subquery)?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.selection = condition;
    }
    Some(Expr::Exists {
        subquery: Box::new(query),
        negated,
    })
}

/// Returns `SELECT 1` from the rows of `subquery`, its columns called `names`.
fn rows_named(names: &[String], subquery: &Query) -> Option<Query> {
    let names = names.join(", ");
    rows_from(
        subquery,
        &format!("SELECT 1 FROM (SELECT 1) AS __rows ({names})"),
    )
}

/// Returns `select`, with the rows of `subquery` in the place of those that it selects from.
fn rows_from(subquery: &Query, select: &str) -> Option<Query> {
    let mut query = parse::query(select)?;
    let SetExpr::Select(select) = query.body.as_mut() else {
        return None;
    };
    if let Some(TableFactor::Derived { subquery: rows, .. }) =
        select.from.first_mut().map(|from| &mut from.relation)
    {
        **rows = subquery.clone();
    }
    Some(query)
}

/// Compares a row with the rows of a subquery where unknown is not as good as false.
///
/// ```sql
/// SELECT (b, c) NOT IN (SELECT d, e FROM u) AS x FROM t
/// -- becomes
/// SELECT CASE WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2)
/// WHERE NOT (NOT (b = __rows.__1 AND c = __rows.__2))) THEN false
/// WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2)
/// WHERE (NOT (b = __rows.__1 AND c = __rows.__2)) IS NULL) THEN NULL ELSE true END AS x FROM t
/// ```
///
/// Also ANY and ALL, and a subquery that is a row: `(b, c) = (SELECT d, e FROM u)` becomes
/// `(SELECT b = __rows.__1 AND c = __rows.__2 FROM (SELECT d, e FROM u) AS __rows (__1, __2))`. Two subqueries are left
/// alone: the engine has no rows as values.
pub(super) fn row_in_subquery(expr: &mut Expr, context: &Context<'_>) {
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
            compared_with(row, op, subquery, *negated, context)
        }
        Expr::AnyOp {
            left,
            compare_op,
            right,
            ..
        } => match right.as_ref() {
            Expr::Subquery(rows) => compared_with(left, compare_op.clone(), rows, false, context),
            _ => None,
        },
        Expr::AllOp {
            left,
            compare_op,
            right,
        } => match right.as_ref() {
            Expr::Subquery(rows) => compared_with(left, compare_op.clone(), rows, true, context),
            _ => None,
        },
        Expr::BinaryOp { left, op, right } => compared_with_row(left, op, right, context),
        _ => None,
    };
    if let Some(compared) = compared {
        *expr = compared;
    }
}

/// Returns `row op ANY (subquery)` or, with `all`, `row op ALL (subquery)`.
fn compared_with(
    row: &Expr,
    op: BinaryOperator,
    subquery: &Query,
    all: bool,
    context: &Context<'_>,
) -> Option<Expr> {
    let Expr::Tuple(columns) = row else {
        return None;
    };
    let names: Vec<String> = (1..=columns.len()).map(|n| format!("__{n}")).collect();
    let other = names.iter().map(|name| column(name)).collect();
    let mut holds = binary(row.clone(), op, Expr::Tuple(other));
    conditions::rows_by_columns(&mut holds, context);
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
    let mut outcome = parse::expression(outcome)?;
    if let Expr::Case { conditions, .. } = &mut outcome
        && let [first, second] = &mut conditions[..]
    {
        first.condition = exists(&names, subquery, Some(settles), false)?;
        second.condition = exists(&names, subquery, Some(Expr::IsNull(holds)), false)?;
    }
    Some(outcome)
}

/// Returns `left op right`, where one side is a row and the other a subquery of one.
fn compared_with_row(
    left: &Expr,
    op: &BinaryOperator,
    right: &Expr,
    context: &Context<'_>,
) -> Option<Expr> {
    let (Expr::Tuple(columns), Expr::Subquery(row)) = (match left {
        Expr::Tuple(_) => (left, right),
        _ => (right, left),
    }) else {
        return None;
    };
    let names: Vec<String> = (1..=columns.len()).map(|n| format!("__{n}")).collect();
    let other = Expr::Tuple(names.iter().map(|name| column(name)).collect());
    let side = |side: &Expr| match side {
        Expr::Subquery(_) => other.clone(),
        row => row.clone(),
    };
    let mut holds = binary(side(left), op.clone(), side(right));
    conditions::rows_by_columns(&mut holds, context);
    let mut query = rows_named(&names, row)?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = vec![SelectItem::UnnamedExpr(holds)];
    }
    Some(Expr::Subquery(Box::new(query)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::rewritten;

    #[test]
    fn a_list_is_made_of_one_column() {
        insta::assert_snapshot!(rewritten("SELECT x = ANY (ARRAY(SELECT y FROM u WHERE z = x)) FROM t"), @"SELECT NOT (x <> ALL(coalesce((SELECT array_agg(__rows.__1) FROM (SELECT y FROM u WHERE z = x) AS __rows (__1)), ARRAY[]))) FROM t");
        insta::assert_snapshot!(rewritten("SELECT ARRAY(SELECT y, z FROM u), ARRAY(SELECT * FROM u) FROM t"), @"SELECT ARRAY(SELECT y, z FROM u), ARRAY(SELECT * FROM u) FROM t");
    }

    #[test]
    fn rows_are_looked_for_in_subqueries() {
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t WHERE a OR (b, c) IN (SELECT d, e FROM u)"), @"SELECT 1 FROM t WHERE a OR EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE b = __rows.__1 AND c = __rows.__2)");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t WHERE (b, c) NOT IN (SELECT d, e FROM u)"), @"SELECT 1 FROM t WHERE NOT EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE (b = __rows.__1) IS NOT FALSE AND (c = __rows.__2) IS NOT FALSE)");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t WHERE NOT ((b, c) IN (SELECT d, e FROM u))"), @"SELECT 1 FROM t WHERE NOT (CASE WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE ((b = __rows.__1 AND c = __rows.__2))) THEN true WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE ((b = __rows.__1 AND c = __rows.__2)) IS NULL) THEN NULL ELSE false END)");
        insta::assert_snapshot!(rewritten("SELECT (b, c) NOT IN (SELECT d, e FROM u) AS x FROM t"), @"SELECT CASE WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE NOT (NOT (b = __rows.__1 AND c = __rows.__2))) THEN false WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE (NOT (b = __rows.__1 AND c = __rows.__2)) IS NULL) THEN NULL ELSE true END AS x FROM t");
        insta::assert_snapshot!(rewritten("SELECT (b, c) < ALL (SELECT d, e FROM u) AS x FROM t"), @"SELECT CASE WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE NOT ((b < __rows.__1 OR b = __rows.__1 AND (c < __rows.__2)))) THEN false WHEN EXISTS (SELECT 1 FROM (SELECT d, e FROM u) AS __rows (__1, __2) WHERE ((b < __rows.__1 OR b = __rows.__1 AND (c < __rows.__2))) IS NULL) THEN NULL ELSE true END AS x FROM t");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t WHERE (b, c) = (SELECT d, e FROM u)"), @"SELECT 1 FROM t WHERE (SELECT (b = __rows.__1 AND c = __rows.__2) FROM (SELECT d, e FROM u) AS __rows (__1, __2))");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t WHERE (SELECT d, e FROM u) <> (b, c)"), @"SELECT 1 FROM t WHERE (SELECT NOT (__rows.__1 = b AND __rows.__2 = c) FROM (SELECT d, e FROM u) AS __rows (__1, __2))");
    }
}
