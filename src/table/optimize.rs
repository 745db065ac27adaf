//! Optimizer rules that account for the cost of requests.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::concurrent_scans::{is_whole, side_by_side};
use super::join_on_id::{join_on_id, narrowed};
use super::pushdown::Plan as Requests;
use super::scan::ResourceScan;
use super::shared::SharedListing;
use super::unused_joins::UnusedJoins;
use super::used_fields::read_what_is_used;
use crate::dialect::apply::keeps_rows;
use crate::dialect::plan::operator::over_changed;
use crate::dialect::plan::{SequentialExec, physical_rule};
use crate::resource::Resource;

type Plan = Arc<dyn ExecutionPlan>;

/// Returns the engine's rules over logical plans, followed by ours.
pub(crate) fn logical_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    rules.push(Arc::new(UnusedJoins));
    rules
}

/// Returns the engine's rules over physical plans with ours in their places.
pub(crate) fn rules(
    engine: &[Arc<dyn PhysicalOptimizerRule + Send + Sync>],
) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = Vec::with_capacity(engine.len() + 5);
    for rule in engine {
        rules.push(Arc::clone(rule));
        // Once the join has supplied its predicates its sides can no longer be swapped.
        if rule.name() == "join_selection" {
            rules.push(physical_rule("probe_the_service", probe_the_service));
        }
    }
    rules.extend([
        physical_rule("join_on_id", join_on_id),
        physical_rule("ask_no_further", ask_no_further),
        physical_rule("ask_once", ask_once),
        physical_rule("read_what_is_used", read_what_is_used),
        physical_rule("side_by_side", side_by_side),
    ]);
    rules
}

/// Puts a scan of a resource on the probe side of a hash join with anything else, and a whole resource on that side of a
/// join with part of another.
///
/// The join then knows the other side's keys before the scan starts, and the scan asks for those alone. The engine
/// chooses by row counts, which files do not have.
fn probe_the_service(plan: Plan) -> Result<Plan> {
    plan.transform_up(|plan| {
        if let Some(join) = plan.downcast_ref::<HashJoinExec>()
            && join.join_type().supports_swap()
            // NOT IN is answered from this side alone.
            && !join.null_aware
            && reads_keys(join.left())
            && (!reads_keys(join.right()) || is_narrowed_by_right(join))
        {
            return Ok(Transformed::yes(
                join.swap_inputs(PartitionMode::CollectLeft)?,
            ));
        }
        Ok(Transformed::no(plan))
    })
    .data()
}

/// Returns true if the right side is a part of what there is, the left one all of it, and its rows without a match come to
/// nothing.
fn is_narrowed_by_right(join: &HashJoinExec) -> bool {
    narrowed(join).0 && is_whole(join.left()) && !is_whole(join.right())
}

fn reads_keys(plan: &Plan) -> bool {
    plan.downcast_ref::<ResourceScan>().is_some() || plan.children().into_iter().any(reads_keys)
}

/// Lets scans below a LIMIT ask for a page only when the rows so far have proved too few: those of the scan itself, and
/// those of the other branches of a UNION before it.
fn ask_no_further(plan: Plan) -> Result<Plan> {
    limit(plan, false)
}

fn limit(plan: Plan, limited: bool) -> Result<Plan> {
    let limited = limited || plan.fetch().is_some();
    if let Some(scan) = plan.downcast_ref::<ResourceScan>() {
        return Ok(match limited {
            true => Arc::new(scan.without_prefetch()),
            false => plan,
        });
    }
    // These read all of an input, whatever is wanted of their output.
    let reads_all = |position: usize| {
        plan.downcast_ref::<SortExec>().is_some()
            || plan
                .downcast_ref::<AggregateExec>()
                .is_some_and(|aggregate| aggregate.limit_options().is_none())
            || keeps_rows(&plan)
            || position == 0 && plan.downcast_ref::<HashJoinExec>().is_some()
    };
    let is_merged = limited && plan.downcast_ref::<CoalescePartitionsExec>().is_some();
    over_changed(&plan, |position, child| {
        let child = limit(child, limited && !reads_all(position))?;
        let several = child.output_partitioning().partition_count() > 1;
        Ok(match is_merged && several && reads_keys(&child) {
            true => Arc::new(SequentialExec::one_by_one(child)),
            false => child,
        })
    })
}

/// Requests that scans may share.
struct Candidate {
    resource: &'static Resource,
    requests: Requests,
    scans: usize,
    /// True if one of them reads the answers to their end.
    is_whole: bool,
}

/// Lets scans that ask for the same objects share the requests: those that read the answers to their end, and those that
/// may stop before, if another that reads them all has set them going by then.
fn ask_once(plan: Plan) -> Result<Plan> {
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut count = |resource: &'static Resource, requests: Requests, is_whole: bool| {
        let mut known = candidates.iter_mut();
        match known.find(|known| known.resource == resource && known.requests == requests) {
            Some(known) => {
                known.scans += 1;
                known.is_whole |= is_whole;
            }
            None => candidates.push(Candidate {
                resource,
                requests,
                scans: 1,
                is_whole,
            }),
        }
    };
    plan.apply(|plan| {
        if let Some(scan) = plan.downcast_ref::<ResourceScan>() {
            count(scan.resource(), scan.known_requests(), scan.reads_all());
            for source in scan.sources() {
                count(source, Requests::list_all(), true);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let shared: Vec<Arc<SharedListing>> = candidates
        .into_iter()
        .filter(|known| known.scans > 1 && known.is_whole && known.requests != Requests::Nothing)
        .map(|known| Arc::new(SharedListing::new(known.resource, known.requests)))
        .collect();
    if shared.is_empty() {
        return Ok(plan);
    }
    plan.transform_up(|plan| {
        let Some(scan) = plan.downcast_ref::<ResourceScan>() else {
            return Ok(Transformed::no(plan));
        };
        let find = |resource: &Resource, requests: &Requests| {
            let mut shared = shared.iter();
            shared
                .find(|shared| shared.is_of(resource, requests))
                .map(Arc::clone)
        };
        let twin = find(scan.resource(), &scan.known_requests());
        let sources = scan.sources().into_iter();
        let sources: Vec<_> = sources
            .filter_map(|of| find(of, &Requests::list_all()))
            .collect();
        if twin.is_none() && sources.is_empty() {
            return Ok(Transformed::no(plan));
        }
        let scan = scan.fed_by(sources);
        Ok(Transformed::yes(Arc::new(match twin {
            Some(twin) => scan.sharing(twin),
            None => scan,
        })))
    })
    .data()
}
