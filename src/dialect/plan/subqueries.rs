//! A rule over logical plans that prepares subqueries for the engine's own rules, which turn them into joins.
//!
//! - An aggregate over `o.spec.owner.id = k.spec.owner.id`, where `k` is of the outer query, is turned into a join only if
//!   the side of the subquery is a column, which a field is not: it becomes one.
//! - `id > ALL (SELECT id FROM api_keys)` would compare the subquery's `id` with itself: its columns get a name of their
//!   own.
//! - `IN (SELECT …)` may be unknown: see `membership`.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::SetComparison;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, col,
};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::three_valued::three_valued;

/// Prepares subqueries for the engine's own rules.
#[derive(Debug, Default)]
pub(crate) struct PrepareSubqueries;

impl OptimizerRule for PrepareSubqueries {
    fn name(&self) -> &str {
        "prepare_subqueries"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        plan.transform_up_with_subqueries(|plan| {
            let named = plan.map_expressions(|expr| expr.transform_up(name_compared_set))?;
            named
                .transform_data(name_correlated_fields)?
                .transform_data(three_valued)
        })
    }
}

fn name_compared_set(expr: Expr) -> Result<Transformed<Expr>> {
    let Expr::SetComparison(set) = expr else {
        return Ok(Transformed::no(expr));
    };
    // Optimization may come by several times.
    if matches!(*set.subquery.subquery, LogicalPlan::SubqueryAlias(_)) {
        return Ok(Transformed::no(Expr::SetComparison(set)));
    }
    let plan = Arc::unwrap_or_clone(set.subquery.subquery);
    let subquery = LogicalPlanBuilder::from(plan)
        .alias("__compared")?
        .build()?;
    Ok(Transformed::yes(Expr::SetComparison(SetComparison {
        subquery: Subquery {
            subquery: Arc::new(subquery),
            ..set.subquery
        },
        ..set
    })))
}

fn name_correlated_fields(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Aggregate(mut aggregate) = plan else {
        return Ok(Transformed::no(plan));
    };
    let LogicalPlan::Filter(filter) = aggregate.input.as_ref() else {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    };
    let mut fields = Vec::new();
    let predicates: Vec<Expr> = split_conjunction_owned(filter.predicate.clone())
        .into_iter()
        .map(|predicate| name_field(predicate, &mut fields))
        .collect();
    let (Some(predicate), false) = (conjunction(predicates), fields.is_empty()) else {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    };
    let columns = filter
        .input
        .schema()
        .columns()
        .into_iter()
        .map(Expr::Column);
    let input = LogicalPlanBuilder::from(filter.input.as_ref().clone())
        .project(columns.chain(fields))?
        .build()?;
    // The aggregate's own columns do not change: it names what it takes.
    aggregate.input = Arc::new(LogicalPlan::Filter(Filter::try_new(
        predicate,
        Arc::new(input),
    )?));
    Ok(Transformed::yes(LogicalPlan::Aggregate(aggregate)))
}

/// Replaces the side of `predicate` that is a field of the subquery's own by a column, if the other side is of the outer
/// query. The column's definition is added to `fields`.
fn name_field(predicate: Expr, fields: &mut Vec<Expr>) -> Expr {
    let Expr::BinaryExpr(BinaryExpr {
        left,
        op: Operator::Eq,
        right,
    }) = predicate
    else {
        return predicate;
    };
    let is_outer = |expr: &Expr| expr.contains_outer() && !expr.any_column_refs();
    let mut name = |expr: Box<Expr>, other: &Expr| {
        if !matches!(*expr, Expr::ScalarFunction(_)) || expr.contains_outer() || !is_outer(other) {
            return expr;
        }
        let name = format!("__correlated_{}", fields.len() + 1);
        fields.push(expr.alias(&name));
        Box::new(col(name))
    };
    let left = name(left, &right);
    let right = name(right, &left);
    Expr::BinaryExpr(BinaryExpr {
        left,
        op: Operator::Eq,
        right,
    })
}
