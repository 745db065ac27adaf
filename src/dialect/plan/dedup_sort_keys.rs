//! Removes duplicate sort keys: the second has no effect, but makes the engine panic in `DISTINCT ON` and in ordered
//! aggregates. The rule runs after the engine's, which may have simplified `coalesce(x, 1)` to the `x` beside it.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::tree::map_named;

/// The engine's rule for repeated expressions, except in sorts: there it would drop keys that others seem to
/// determine, and assume that a column which is unique on one side of a join is unique above it.
#[derive(Debug)]
pub(super) struct KeepSorts(pub(super) Arc<dyn OptimizerRule + Send + Sync>);

impl OptimizerRule for KeepSorts {
    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Sort(_) => Ok(Transformed::no(plan)),
            plan => self.0.rewrite(plan, config),
        }
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn name(&self) -> &str {
        self.0.name()
    }
}

/// Drops repeated sort keys.
#[derive(Debug)]
pub(super) struct DedupSortKeys;

impl OptimizerRule for DedupSortKeys {
    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        plan.transform_up_with_subqueries(|plan| {
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
                map_named(plan, |expr| {
                    expr.transform_up(|mut expr| {
                        let changed = match &mut expr {
                            Expr::AggregateFunction(call) => keep_first(&mut call.params.order_by),
                            Expr::WindowFunction(call) => keep_first(&mut call.params.order_by),
                            _ => false,
                        };
                        Ok(Transformed::new_transformed(expr, changed))
                    })
                })
            })
        })
    }

    fn name(&self) -> &str {
        "dedup_sort_keys"
    }
}

/// Keeps the first of the keys over one expression; returns whether there were others.
fn keep_first(keys: &mut Vec<Sort>) -> bool {
    let before = keys.len();
    let mut kept: Vec<Sort> = Vec::with_capacity(before);
    for key in std::mem::take(keys) {
        // What was simplified has its old name for an alias.
        let value = key.expr.clone().unalias_nested().data;
        if !kept.iter().any(|known| known.expr == value) {
            let key = Sort { expr: value, ..key };
            kept.push(key);
        }
    }
    *keys = kept;
    keys.len() < before
}
