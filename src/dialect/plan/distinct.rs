//! DISTINCT below LIMIT over rows that have an order.
//!
//! The engine lets a grouping without aggregates stop once it has as many groups as the LIMIT wants. Where the rows come
//! in an order, as after a window, it takes another path that needs a sort direction which is missing, and fails. There
//! the grouping reads all rows; the LIMIT above it is still in the plan.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::physical_plan::aggregates::AggregateExec;

use super::operator::Plan;

/// Lets groupings read all rows that cannot stop early.
pub(super) fn read_all_groups(plan: Plan) -> Result<Transformed<Plan>> {
    let Some(groups) = plan.downcast_ref::<AggregateExec>() else {
        return Ok(Transformed::no(plan));
    };
    let has_no_way = groups
        .limit_options()
        .is_some_and(|limit| limit.descending().is_none() && groups.get_minmax_desc().is_none())
        && !groups.is_unordered_unfiltered_group_by_distinct();
    Ok(match has_no_way {
        true => Transformed::yes(Arc::new(groups.with_new_limit_options(None))),
        false => Transformed::no(plan),
    })
}
