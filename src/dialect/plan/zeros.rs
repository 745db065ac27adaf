//! A rule over logical plans that sorts the negative zero as the zero that it is.
//!
//! `round(-0.4)` is a negative zero. It equals zero, but the engine sorts it before zero, and so tells them apart where rows
//! are put in order: in ORDER BY, in the windows of functions and in DISTINCT ON. Adding zero gives the other one.

use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, lit};
use datafusion::optimizer::AnalyzerRule;

/// Gives zeros one sign where they are sorted by. To be run when types fit.
#[derive(Debug)]
pub(super) struct OneZero;

impl AnalyzerRule for OneZero {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|plan| {
            let schema = merge_schema(&plan.inputs());
            if matches!(plan, LogicalPlan::Sort(_)) {
                return plan.map_expressions(|key| Ok(unsigned(key, &schema)));
            }
            if !matches!(plan, LogicalPlan::Window(_)) {
                return Ok(Transformed::no(plan));
            }
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let expr = expr.transform_up(|expr| Ok(in_window(expr, &schema)))?;
                Ok(expr.update_data(|expr| name.restore(expr)))
            })
        })?;
        Ok(plan.data)
    }

    fn name(&self) -> &str {
        "one_zero"
    }
}

fn in_window(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let mut is_changed = false;
    if let Expr::WindowFunction(call) = &mut expr {
        let orders = call.params.order_by.iter_mut();
        let orders = orders.map(|Sort { expr, .. }| expr);
        for key in orders.chain(&mut call.params.partition_by) {
            let changed = unsigned(std::mem::take(key), schema);
            is_changed |= changed.transformed;
            *key = changed.data;
        }
    }
    Transformed::new_transformed(expr, is_changed)
}

fn unsigned(key: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let is_float = key
        .get_type(schema)
        .is_ok_and(|data_type| data_type.is_floating());
    match is_float {
        true => Transformed::yes(key + lit(0.0)),
        false => Transformed::no(key),
    }
}
