//! Intervals compare by their length, of 30 days for each month and 24 hours for each day, as PostgreSQL has it.
//!
//! The engine would compare the months, then the days, then the rest, and no interval with a difference of times, which
//! has another type. Both become their length, in comparisons and as sort keys. The smallest and the largest of them is
//! refused, as is grouping by them: the engine would look at the months.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Distinct, Expr, ExprSchemable, LogicalPlan};

use super::error::Error;
use super::rule::{Change, Dialects, PlanRule};
use super::tree::{compared, map_named};
use crate::dialect::functions::interval_length;

/// Compares intervals by their length. To be run before types are made to fit.
pub(super) const COMPARE_LENGTHS: PlanRule = PlanRule {
    name: "compare_lengths",
    dialects: Dialects::BOTH,
    change: Change::Node(compare_lengths),
};

fn compare_lengths(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let is_sort = matches!(plan, LogicalPlan::Sort(_));
    refuse_groups(&plan, &schema)?;
    map_named(plan, |expr| {
        let expr = expr.transform_up(|expr| by_length(expr, &schema))?;
        match is_sort {
            true => expr.transform_data(|expr| Ok(key(expr, &schema))),
            false => Ok(expr),
        }
    })
}

/// Refuses what would tell intervals of one length apart.
fn refuse_groups(plan: &LogicalPlan, schema: &DFSchema) -> Result<()> {
    let clause = match plan {
        LogicalPlan::Aggregate(aggregate)
            if aggregate
                .group_expr
                .iter()
                .any(|key| is_interval(key, schema)) =>
        {
            "GROUP BY"
        }
        LogicalPlan::Distinct(Distinct::All(input))
            if input
                .schema()
                .fields()
                .iter()
                .any(|field| matches!(field.data_type(), DataType::Interval(_))) =>
        {
            "DISTINCT"
        }
        LogicalPlan::Join(join) if join.on.iter().any(|(key, _)| is_interval(key, schema)) => {
            "a join by equality"
        }
        _ => return Ok(()),
    };
    Err(Error::new(format!("{clause} does not take an interval"))
        .hint("CAST(… AS TEXT) tells them apart by their spelling")
        .into())
}

fn by_length(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match &mut expr {
        Expr::WindowFunction(call) => {
            let mut changed = false;
            for Sort { expr, .. } in &mut call.params.order_by {
                let wrapped = key(std::mem::take(expr), schema);
                changed |= wrapped.transformed;
                *expr = wrapped.data;
            }
            return Ok(Transformed::new_transformed(expr, changed));
        }
        Expr::AggregateFunction(call) if matches!(call.func.name(), "min" | "max") => {
            if let [arg] = call.params.args.as_slice()
                && is_interval(arg, schema)
            {
                return Err(Error::new(format!(
                    "`{}` does not take an interval",
                    call.func.name()
                ))
                .hint("sort by it, and take the first row: ORDER BY … LIMIT 1")
                .into());
            }
            return Ok(Transformed::no(expr));
        }
        _ => {}
    }
    let Some(operands) = compared(&mut expr) else {
        return Ok(Transformed::no(expr));
    };
    let mut some_interval = false;
    for operand in &operands {
        match operand.get_type(schema) {
            Ok(DataType::Interval(_)) => some_interval = true,
            Ok(DataType::Duration(_) | DataType::Null) => {}
            _ => return Ok(Transformed::no(expr)),
        }
    }
    if !some_interval {
        return Ok(Transformed::no(expr));
    }
    for operand in operands {
        let length = interval_length().call(vec![std::mem::take(operand)]);
        *operand = length;
    }
    Ok(Transformed::yes(expr))
}

/// Returns what sorts as `expr` should: the engine sorts by no difference of times in a window.
fn key(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expr.get_type(schema) {
        Ok(DataType::Interval(_) | DataType::Duration(_)) => {
            Transformed::yes(interval_length().call(vec![expr]))
        }
        _ => Transformed::no(expr),
    }
}

fn is_interval(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Interval(_)))
}
