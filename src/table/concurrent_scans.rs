//! Starts independent scans below a join at the same time.
//!
//! A hash join reads one side to its end before it reads the other, because the first may narrow the second. A side
//! that is read whole narrows nothing, and waiting for it only takes time. A rule over physical plans finds the scans
//! that are needed in any case; the first one that is polled starts all of them. It sends nothing
//! itself.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::physical_expr::utils::split_conjunction;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::expressions::{Column, IsNullExpr};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::join_on_id::narrowed;
use super::scan::ResourceScan;
use super::start_group::StartGroup;
use crate::dialect::apply::keeps_rows;
use crate::dialect::plan::operator::over_changed;

type Plan = Arc<dyn ExecutionPlan>;

/// Lets scans start together that do not wait for each other.
pub(super) fn side_by_side(plan: Plan) -> Result<Plan> {
    started(plan, None, Above::NoJoin)
}

/// What stands above a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Above {
    /// Nothing that supplies predicates.
    NoJoin,
    /// Joins whose other sides narrow nothing.
    Whole,
    /// A join whose other side narrows this one.
    Part,
}

/// Returns `plan` with those of its scans that are wanted as soon as a row of it is starting with `group`.
fn started(plan: Plan, group: Option<&Arc<StartGroup>>, above: Above) -> Result<Plan> {
    if let Some(scan) = plan.downcast_ref::<ResourceScan>() {
        let scan = match above {
            Above::Whole => scan.independent(),
            Above::NoJoin | Above::Part => scan.clone(),
        };
        return Ok(match group {
            Some(group) if scan.reads_all() => Arc::new(scan.starting_with(Arc::clone(group))),
            _ => Arc::new(scan),
        });
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        let waits = waits(join);
        let own = match group {
            None if wanted_at_once(&plan) > 1 => Some(Arc::default()),
            group => group.cloned(),
        };
        return over_changed(&plan, |side, child| match side {
            1 if waits => started(child, None, Above::Part),
            1 if above == Above::NoJoin => started(child, own.as_ref(), Above::Whole),
            _ => started(child, own.as_ref(), above),
        });
    }
    let group = group.filter(|_| hands_on(&plan));
    over_changed(&plan, |_, child| started(child, group, above))
}

/// Returns true if the probe side of `join` is to wait for what the other one narrows it to.
fn waits(join: &HashJoinExec) -> bool {
    narrowed(join).1 && !is_whole(join.left()) && can_be_narrowed(join.right())
}

/// Returns true if a scan in `plan` may ask for less once a join tells it what it has use for.
fn can_be_narrowed(plan: &Plan) -> bool {
    let scan = plan.downcast_ref::<ResourceScan>();
    scan.is_some_and(ResourceScan::can_be_narrowed)
        || plan.children().into_iter().any(can_be_narrowed)
}

/// Returns how many scans are wanted as soon as a row of `plan` is.
fn wanted_at_once(plan: &Plan) -> usize {
    if let Some(scan) = plan.downcast_ref::<ResourceScan>() {
        return usize::from(scan.reads_all());
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        let probe = match waits(join) {
            true => 0,
            false => wanted_at_once(join.right()),
        };
        return wanted_at_once(join.left()) + probe;
    }
    match hands_on(plan) {
        true => plan.children().into_iter().map(wanted_at_once).sum(),
        false => 0,
    }
}

/// Returns true if `plan` asks its only input for rows as soon as it is asked itself. A node that keeps its rows for a
/// subquery may not be asked at all.
fn hands_on(plan: &Plan) -> bool {
    plan.children().len() == 1 && !keeps_rows(plan)
}

/// Returns true if `plan` reads all there is of the resources in it, so that a join with it narrows nothing, or next to
/// nothing: of the keys whose owners are not among the users, all others own one.
pub(super) fn is_whole(plan: &Plan) -> bool {
    if let Some(scan) = plan.downcast_ref::<ResourceScan>() {
        return scan.is_whole();
    }
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        return filter.fetch().is_none() && keeps_unmatched(filter) && is_whole(filter.input());
    }
    let keeps_all = plan.fetch().is_none()
        && (plan.downcast_ref::<ProjectionExec>().is_some()
            || plan.downcast_ref::<CoalescePartitionsExec>().is_some()
            || plan.downcast_ref::<AggregateExec>().is_some()
            || plan.downcast_ref::<SortExec>().is_some()
            || plan.downcast_ref::<HashJoinExec>().is_some());
    keeps_all && plan.children().into_iter().all(is_whole)
}

/// Returns true if `filter` leaves the rows for which an outer join has found nothing.
fn keeps_unmatched(filter: &FilterExec) -> bool {
    let predicates = split_conjunction(filter.predicate());
    let is_unmatched = |predicate: &&Arc<dyn PhysicalExpr>| {
        let null = predicate.downcast_ref::<IsNullExpr>();
        null.is_some_and(|null| null.arg().downcast_ref::<Column>().is_some())
    };
    predicates.iter().all(is_unmatched) && is_outer_join(filter.input())
}

/// Returns true if `plan` is an outer join, or picks columns of one.
fn is_outer_join(plan: &Plan) -> bool {
    if plan.downcast_ref::<ProjectionExec>().is_some() {
        return plan.children().into_iter().all(is_outer_join);
    }
    let join = plan.downcast_ref::<HashJoinExec>();
    join.is_some_and(|join| join.join_type().is_outer())
}
