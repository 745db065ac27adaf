//! Self-joins of keys on their ids: a filter on one side also applies to the other.
//!
//! An id belongs to one key. So in `a JOIN b ON a.id = b.id WHERE b.spec.owner.id = 'sa-1'` the rows of `a` that find a
//! partner have that owner as well, and one filtered listing answers both sides. A rule over physical plans; it knows
//! what the scan is and sends nothing.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::scan::ResourceScan;
use crate::dialect::plan::operator::over_changed;
use crate::resource::Pushed;

type Plan = Arc<dyn ExecutionPlan>;

/// Tells each side of a join on ids what is asked of the other.
pub(super) fn join_on_id(plan: Plan) -> Result<Plan> {
    plan.transform_up(|plan| {
        let Some(join) = plan.downcast_ref::<HashJoinExec>() else {
            return Ok(Transformed::no(plan));
        };
        let sides = join.on().iter().find_map(|(left, right)| {
            let (left, right) = (position(left)?, position(right)?);
            let asked = (scan(join.left(), left)?, scan(join.right(), right)?);
            (asked.0.resource() == asked.1.resource()).then_some((left, right, asked))
        });
        let Some((left, right, (of_left, of_right))) = sides else {
            return Ok(Transformed::no(plan));
        };
        let (narrows_left, narrows_right) = narrowed(join);
        let changed = over_changed(&plan, |side, child| match side {
            0 if narrows_left => implying(child, left, of_right.predicates()),
            1 if narrows_right => implying(child, right, of_left.predicates()),
            _ => Ok(child),
        })?;
        Ok(Transformed::yes(changed))
    })
    .data()
}

/// Returns of which sides the rows without a match come to nothing.
pub(super) fn narrowed(join: &HashJoinExec) -> (bool, bool) {
    match join.join_type() {
        // A NULL on the other side decides about all rows.
        _ if join.null_aware => (false, false),
        JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi => (true, true),
        JoinType::Left | JoinType::LeftAnti | JoinType::LeftMark => (false, true),
        JoinType::Right | JoinType::RightAnti | JoinType::RightMark => (true, false),
        JoinType::Full => (false, false),
    }
}

fn position(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    let column: Option<&Column> = expr.downcast_ref();
    column.map(Column::index)
}

/// Returns which column of its only input the column at `position` is, where a row of the input that `plan` is not given
/// changes none of the others that it makes. A limit is not such a node.
fn passed_on(plan: &Plan, position: usize) -> Option<usize> {
    if plan.fetch().is_some() {
        return None;
    }
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        return match filter.projection() {
            Some(columns) => columns.get(position).copied(),
            None => Some(position),
        };
    }
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        return self::position(&projection.expr().get(position)?.expr);
    }
    // Groups by the id, and whatever else, are of one row each.
    let aggregate = plan.downcast_ref::<AggregateExec>()?;
    let groups = aggregate.group_expr();
    match groups.is_single() {
        true => self::position(&groups.expr().get(position)?.0),
        false => None,
    }
}

/// Returns the scan whose id is the column of `plan` at `position`.
fn scan(plan: &Plan, position: usize) -> Option<&ResourceScan> {
    if let Some(scan) = plan.downcast_ref::<ResourceScan>() {
        let resource = scan.resource();
        let column = resource.fields()[*scan.projection().get(position)?].name;
        let is_id = resource.pushed(column) == Some(Pushed::Get);
        return (is_id && scan.fetch().is_none()).then_some(scan);
    }
    let below = passed_on(plan, position)?;
    scan(plan.children().first()?, below)
}

/// Returns `plan` with a scan that knows that only rows which satisfy `predicates` are needed.
fn implying(plan: Plan, position: usize, predicates: &[Arc<dyn PhysicalExpr>]) -> Result<Plan> {
    if predicates.is_empty() {
        return Ok(plan);
    }
    if let Some(scan) = plan.downcast_ref::<ResourceScan>() {
        return Ok(Arc::new(scan.implying(predicates)));
    }
    match passed_on(&plan, position) {
        Some(below) => over_changed(&plan, |_, child| implying(child, below, predicates)),
        None => Ok(plan),
    }
}
