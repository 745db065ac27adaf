//! A volatile function is evaluated once per row where it is written once.
//!
//! The engine writes `x BETWEEN a AND b` as `x >= a AND x <= b`, and `nullif`, `coalesce` and their kin as CASE with `x`
//! in it twice, so that `random() BETWEEN 0.4 AND 0.6` would draw two numbers. Volatile operands are computed in a
//! projection below.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Expr, Filter, LogicalPlan, Projection, ident};

use super::tree::map_named;

/// Computes volatile operands once. To be run when types fit.
pub(super) fn hoist_volatile(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut count = 0;
    plan.transform_up_with_subqueries(|plan| computed_below(plan, &mut count))
        .data()
}

fn computed_below(plan: LogicalPlan, count: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let input = match &plan {
        LogicalPlan::Projection(Projection { input, .. })
        | LogicalPlan::Filter(Filter { input, .. })
        | LogicalPlan::Aggregate(Aggregate { input, .. }) => Arc::clone(input),
        _ => return Ok(Transformed::no(plan)),
    };
    let mut computed: Vec<Expr> = Vec::new();
    let changed = map_named(plan, |expr| {
        if !expr.is_volatile() {
            return Ok(Transformed::no(expr));
        }
        expr.transform_up(|mut expr| {
            let mut changed = false;
            for operand in written_twice(&mut expr) {
                if operand.is_volatile() {
                    *count += 1;
                    let name = format!("__once_{count}");
                    let value = std::mem::replace(operand, ident(&name));
                    computed.push(value.alias(name));
                    changed = true;
                }
            }
            Ok(Transformed::new_transformed(expr, changed))
        })
    })?;
    if !changed.transformed {
        return Ok(changed);
    }
    let columns: Vec<Expr> = input
        .schema()
        .columns()
        .into_iter()
        .map(Expr::Column)
        .collect();
    let items = columns.iter().cloned().chain(computed).collect();
    let below = Arc::new(LogicalPlan::Projection(Projection::try_new(items, input)?));
    let plan = changed.data;
    let expressions = plan.expressions();
    Ok(Transformed::yes(match plan {
        LogicalPlan::Filter(filter) => {
            let filter = Filter::try_new(filter.predicate, below)?;
            let filter = Arc::new(LogicalPlan::Filter(filter));
            LogicalPlan::Projection(Projection::try_new(columns, filter)?)
        }
        plan => plan.with_new_exprs(expressions, vec![Arc::unwrap_or_clone(below)])?,
    }))
}

/// Returns the operands that the engine's rewriting of `expr` repeats.
fn written_twice(expr: &mut Expr) -> Vec<&mut Expr> {
    match expr {
        Expr::Between(between) => vec![&mut between.expr],
        Expr::InList(list) => vec![&mut list.expr],
        Expr::ScalarFunction(call)
            if matches!(
                call.name(),
                "nullif" | "coalesce" | "ifnull" | "nvl" | "nvl2"
            ) =>
        {
            call.args.iter_mut().collect()
        }
        _ => Vec::new(),
    }
}
