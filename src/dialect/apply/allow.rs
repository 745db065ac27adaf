//! The shapes of subqueries that are left to the engine's own joins.
//!
//! A join pushes predicates down and knows what the other side holds before it asks the service, so it saves requests.
//! Every shape here is held by a property test, see docs/decisions/003-subqueries-by-apply.md. All of them are conditions
//! of WHERE or HAVING, alone or beside AND, where unknown is as good as false:
//!
//! 1. `x IN (uncorrelated)`, where `x` names a column: a semi join;
//! 2. `x NOT IN (uncorrelated)`, where `x` names a column: a null-aware anti join;
//! 3. `[NOT] EXISTS (plain)`: a semi or an anti join;
//! 4. `x IN (plain)`, where `x` names a column and the plain subquery selects one: a semi join.
//!
//! A subquery is *plain* if it is a SELECT of any expressions over any uncorrelated relation, with a WHERE in which the
//! outer query occurs only in equalities, an outer expression on one side and an inner one on the other. The engine puts what
//! is selected, and the columns of these equalities, under one alias, so no two of them may have the same name.

use std::collections::HashMap;

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, LogicalPlan, Operator};

use super::bind::free_columns;
use super::node::{has_subquery, subquery};

/// Returns true if the engine may compute `condition`, a conjunct of a filter over `input`.
pub(super) fn is_left_to_the_engine(condition: &Expr, input: &DFSchema) -> Result<bool> {
    let (condition, is_not) = match condition {
        Expr::Not(inner) => (inner.as_ref(), true),
        condition => (condition, false),
    };
    match condition {
        Expr::Exists(exists) => is_plain(&exists.subquery.subquery, input),
        Expr::InSubquery(test) => {
            if !test.expr.any_column_refs() || has_subquery(&test.expr) {
                return Ok(false);
            }
            let plan = &test.subquery.subquery;
            if free_columns(plan)?.is_empty() {
                return Ok(true);
            }
            // The engine gives an item that is computed, and what it pulls up beside it, one name.
            let is_column = match plan.as_ref() {
                LogicalPlan::Projection(items) => items
                    .expr
                    .iter()
                    .all(|item| matches!(item, Expr::Column(_))),
                _ => true,
            };
            Ok(test.negated == is_not && is_column && is_plain(plan, input)?)
        }
        _ => Ok(false),
    }
}

fn is_plain(plan: &LogicalPlan, input: &DFSchema) -> Result<bool> {
    let mut columns = Vec::new();
    let filter = match plan {
        LogicalPlan::Projection(projection) => {
            columns.extend(projection.expr.iter().map(|expr| match expr {
                Expr::Column(column) => column.clone(),
                expr => Column::from_name(expr.schema_name().to_string()),
            }));
            let is_simple =
                |expr: &Expr| !expr.contains_outer() && !has_subquery(expr) && !expr.is_volatile();
            if !projection.expr.iter().all(is_simple) {
                return Ok(false);
            }
            projection.input.as_ref()
        }
        plan => {
            columns.extend(plan.schema().columns());
            plan
        }
    };
    let LogicalPlan::Filter(Filter {
        predicate,
        input: relation,
        ..
    }) = filter
    else {
        return Ok(false);
    };
    // An aggregate below would be a HAVING, a window a QUALIFY.
    let is_rows = !matches!(
        relation.as_ref(),
        LogicalPlan::Aggregate(_) | LogicalPlan::Window(_)
    );
    let conditions = split_conjunction(predicate);
    let is_correlated = conditions
        .iter()
        .any(|condition| condition.contains_outer());
    let is_simple = |condition: &&Expr| {
        !has_subquery(condition) && (!condition.contains_outer() || is_equality(condition, input))
    };
    let correlated = conditions.iter().filter(|it| it.contains_outer());
    columns.extend(correlated.flat_map(|it| it.column_refs()).cloned());
    Ok(is_rows
        && is_correlated
        && conditions.iter().all(is_simple)
        && have_own_names(&columns)
        && free_columns(relation)?.is_empty())
}

/// Returns true if no two of `columns` have the same name.
fn have_own_names(columns: &[Column]) -> bool {
    let mut known: HashMap<&str, &Column> = HashMap::new();
    columns
        .iter()
        .all(|column| *known.entry(&column.name).or_insert(column) == column)
}

/// Returns true if `condition` compares something of the outer query with something of the inner one.
fn is_equality(condition: &Expr, input: &DFSchema) -> bool {
    let Expr::BinaryExpr(BinaryExpr {
        left,
        op: Operator::Eq,
        right,
    }) = condition
    else {
        return false;
    };
    let is_outer = |expr: &Expr| {
        let is_foreign = |expr: &Expr| matches!(expr, Expr::OuterReferenceColumn(_, column) if !input.has_column(column));
        // The closure does not fail.
        let has_foreign = expr.exists(|expr| Ok(is_foreign(expr))).unwrap_or(true);
        expr.contains_outer() && !expr.any_column_refs() && !has_foreign && !has_any_subquery(expr)
    };
    let is_inner =
        |expr: &Expr| !expr.contains_outer() && expr.any_column_refs() && !has_any_subquery(expr);
    is_outer(left) && is_inner(right) || is_inner(left) && is_outer(right)
}

fn has_any_subquery(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(subquery(expr).is_some()))
        .unwrap_or(true)
}
