//! Physical plans over other children: the step that every rule over them takes.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};

type Plan = Arc<dyn ExecutionPlan>;

/// Returns `plan` over what `change` makes of its children, given by their positions.
pub(super) fn over_changed(
    plan: &Plan,
    change: impl Fn(usize, Plan) -> Result<Plan>,
) -> Result<Plan> {
    let children = plan.children();
    let changed = children
        .iter()
        .enumerate()
        .map(|(position, child)| change(position, Arc::clone(child)))
        .collect::<Result<Vec<_>>>()?;
    let is_same = changed
        .iter()
        .zip(children)
        .all(|(changed, child)| Arc::ptr_eq(changed, child));
    if is_same {
        return Ok(Arc::clone(plan));
    }
    let keep = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
    Arc::clone(plan).replace_children(changed, keep)
}
