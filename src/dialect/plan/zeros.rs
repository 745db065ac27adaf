//! A rule over logical plans that sorts the negative zero as the zero that it is.
//!
//! `round(-0.4)` is a negative zero. It equals zero, but the engine sorts it before zero, and so tells them apart where rows
//! are put in order: in ORDER BY, in the windows of functions and in DISTINCT ON. It also does in `CASE x WHEN 0` and
//! `nullif(x, 0)`. Adding zero gives the other one.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Distinct, Expr, ExprSchemable, LogicalPlan, lit};

use super::rule::{Change, Dialects, PlanRule};
use super::tree::map_named;

/// Gives zeros one sign where they are sorted by. To be run when types fit.
pub(super) const ONE_ZERO: PlanRule = PlanRule {
    name: "one_zero",
    dialects: Dialects::BOTH,
    change: Change::Node(one_zero),
};

fn one_zero(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    if matches!(plan, LogicalPlan::Sort(_)) {
        return plan.map_expressions(|key| Ok(without_zero_sign(key, &schema)));
    }
    let plan = map_named(plan, |expr| {
        expr.transform_up(|expr| Ok(within(expr, &schema)))
    })?;
    plan.transform_data(|plan| Ok(first_rows(plan, &schema)))
}

/// Gives the keys of DISTINCT ON one zero.
fn first_rows(plan: LogicalPlan, schema: &DFSchema) -> Transformed<LogicalPlan> {
    let LogicalPlan::Distinct(Distinct::On(mut distinct)) = plan else {
        return Transformed::no(plan);
    };
    let orders = distinct.sort_expr.iter_mut().flatten();
    let orders = orders.map(|Sort { expr, .. }| expr);
    let is_changed = all_without_zero_sign(orders.chain(&mut distinct.on_expr), schema);
    Transformed::new_transformed(LogicalPlan::Distinct(Distinct::On(distinct)), is_changed)
}

fn within(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let is_changed = match &mut expr {
        Expr::WindowFunction(call) => {
            let orders = call.params.order_by.iter_mut();
            let orders = orders.map(|Sort { expr, .. }| expr);
            all_without_zero_sign(orders.chain(&mut call.params.partition_by), schema)
        }
        Expr::Case(case) => all_without_zero_sign(case.expr.iter_mut().map(AsMut::as_mut), schema),
        Expr::ScalarFunction(call) if call.name() == "nullif" => {
            all_without_zero_sign(call.args.iter_mut(), schema)
        }
        _ => false,
    };
    Transformed::new_transformed(expr, is_changed)
}

fn all_without_zero_sign<'e>(keys: impl Iterator<Item = &'e mut Expr>, schema: &DFSchema) -> bool {
    let mut is_changed = false;
    for key in keys {
        let changed = without_zero_sign(std::mem::take(key), schema);
        is_changed |= changed.transformed;
        *key = changed.data;
    }
    is_changed
}

fn without_zero_sign(key: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let is_float = key
        .get_type(schema)
        .is_ok_and(|data_type| data_type.is_floating());
    match is_float {
        true => Transformed::yes(key + lit(0.0)),
        false => Transformed::no(key),
    }
}
