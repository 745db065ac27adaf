//! The order of rows that a subquery asks for, kept for the query around it.
//!
//! In SQL a table has no order, and the engine drops the sort of a subquery that nothing above it needs. SQLite, DuckDB
//! and PostgreSQL keep it, and people rely on it: `SELECT group_concat(id) FROM (SELECT id … ORDER BY id)`. So
//!
//! - a [`Fence`] around every sort and limit makes the one rule that removes and moves sorts, `EnsureRequirements`, leave
//!   them where they are. It is there for that rule alone;
//! - before that rule runs, properties that it would derive wrongly are hidden, see [`forget_properties`];
//! - the members of a UNION ALL are read side by side and given one after another, see [`SequentialExec`].
//!
//! A limit below another sort stays below it as well: its own input decides which rows it takes, and a recursion
//! that only the limit ends would otherwise never end.

use std::fmt;
use std::sync::Arc;

use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{LexRequirement, OrderingRequirements};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
};

use super::forget_properties::forget_properties;
use super::operator::{Plan, named, no_expressions, one_input};
use super::rule::{SharedRule, operator_rule, physical_rule};
use super::sequential::SequentialExec;

/// The engine's rule that removes sorts and moves them.
const MOVES_SORTS: &str = "EnsureRequirements";

/// Returns `rules` with those that keep the order in their places.
pub(crate) fn rules(rules: Vec<SharedRule>) -> Vec<SharedRule> {
    let mut kept: Vec<SharedRule> = Vec::with_capacity(rules.len() + 4);
    for rule in rules {
        let moves = rule.name() == MOVES_SORTS;
        if moves {
            kept.push(operator_rule("forget_properties", forget_properties));
            kept.push(operator_rule("put_up_fences", put_up_fences));
        }
        kept.push(rule);
        if moves {
            kept.push(operator_rule("take_fences_away", take_fences_away));
        }
    }
    kept.push(physical_rule("give_in_order", give_in_order));
    kept
}

fn put_up_fences(plan: Plan) -> Result<Transformed<Plan>> {
    let order = match plan.downcast_ref::<SortExec>() {
        Some(sort) => Some(OrderingRequirements::new(LexRequirement::from(
            sort.expr().clone(),
        ))),
        None if plan.downcast_ref::<GlobalLimitExec>().is_some()
            || plan.downcast_ref::<LocalLimitExec>().is_some() =>
        {
            None
        }
        None => return Ok(Transformed::no(plan)),
    };
    Ok(Transformed::yes(Arc::new(Fence::new(plan, order))))
}

/// Returns the input of a fence.
pub(super) fn take_fences_away(plan: Plan) -> Result<Transformed<Plan>> {
    match plan.downcast_ref::<Fence>() {
        Some(fence) => Ok(Transformed::yes(Arc::clone(&fence.input))),
        None => Ok(Transformed::no(plan)),
    }
}

/// Requires the order of its input, and lets no sort and no predicate through. It is never run.
#[derive(Debug)]
pub(super) struct Fence {
    input: Plan,
    order: Option<OrderingRequirements>,
}

impl Fence {
    pub(super) fn new(input: Plan, order: Option<OrderingRequirements>) -> Self {
        Self { input, order }
    }

    fn over(&self, input: Plan) -> Plan {
        Arc::new(Self::new(input, self.order.clone()))
    }
}

impl DisplayAs for Fence {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fence")
    }
}

impl ExecutionPlan for Fence {
    named!("Fence");
    one_input!();
    no_expressions!();

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![self.order.clone()]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("a fence was left in the plan")
    }
}

/// Gives the parts of a UNION ALL in their order.
fn give_in_order(plan: Plan) -> Result<Plan> {
    let plan = plan.transform_up(|plan| {
        let Some(merged) = plan.downcast_ref::<CoalescePartitionsExec>() else {
            return Ok(Transformed::no(plan));
        };
        let mut input = Arc::clone(merged.input());
        if input.output_partitioning().partition_count() > 1 {
            input = Arc::new(SequentialExec::prefetching(input));
        }
        Ok(Transformed::yes(match plan.fetch() {
            // Unlike the engine's own end of merging, it asks for nothing once it has enough.
            Some(rows) => Arc::new(GlobalLimitExec::new(input, 0, Some(rows))),
            None => input,
        }))
    });
    let plan = plan.data()?;
    // Whoever runs the plan would merge its partitions as they come.
    Ok(match plan.output_partitioning().partition_count() {
        0 | 1 => plan,
        _ => Arc::new(SequentialExec::prefetching(plan)),
    })
}
