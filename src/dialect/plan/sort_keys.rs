//! Sort keys that stand twice: the second one changes nothing, and the engine panics of it in `DISTINCT ON` and in
//! ordered aggregates.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

/// Drops sort keys that stood before.
#[derive(Debug)]
pub(super) struct SortKeysOnce;

impl AnalyzerRule for SortKeysOnce {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|plan| {
            let plan = match plan {
                LogicalPlan::Sort(mut sort) => {
                    let changed = keep_first(&mut sort.expr);
                    Transformed::new_transformed(LogicalPlan::Sort(sort), changed)
                }
                LogicalPlan::Distinct(Distinct::On(mut distinct)) => {
                    let changed = distinct.sort_expr.as_mut().is_some_and(keep_first);
                    let plan = LogicalPlan::Distinct(Distinct::On(distinct));
                    Transformed::new_transformed(plan, changed)
                }
                plan => Transformed::no(plan),
            };
            plan.transform_data(|plan| {
                let names = NamePreserver::new(&plan);
                plan.map_expressions(|expr| {
                    let name = names.save(&expr);
                    let expr = expr.transform_up(|mut expr| {
                        let changed = match &mut expr {
                            Expr::AggregateFunction(call) => keep_first(&mut call.params.order_by),
                            Expr::WindowFunction(call) => keep_first(&mut call.params.order_by),
                            _ => false,
                        };
                        Ok(Transformed::new_transformed(expr, changed))
                    })?;
                    Ok(expr.update_data(|expr| name.restore(expr)))
                })
            })
        })?;
        Ok(plan.data)
    }

    fn name(&self) -> &str {
        "sort_keys_once"
    }
}

/// Keeps the first of the keys over one expression; returns whether there were others.
fn keep_first(keys: &mut Vec<Sort>) -> bool {
    let before = keys.len();
    let mut kept: Vec<Sort> = Vec::with_capacity(before);
    for key in std::mem::take(keys) {
        if !kept.iter().any(|known| known.expr == key.expr) {
            kept.push(key);
        }
    }
    *keys = kept;
    keys.len() < before
}
