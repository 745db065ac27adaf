//! LEAD, LAG, FIRST_VALUE, LAST_VALUE and NTH_VALUE, computed over whole partitions.
//!
//! The engine computes them row by row where it can, to hold as few rows as possible. The state that it keeps between
//! rows is wrong where NULLs are ignored: `lead(v, 2) IGNORE NULLS`, and frames that end at the current row. Over a
//! whole partition it evaluates the frame of each row afresh, and is right.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::physical_expr::window::StandardWindowExpr;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec, WindowUDFExpr};
use datafusion::physical_plan::{InputOrderMode, WindowExpr};

use super::operator::Plan;

/// The functions that look at other rows of their frame.
const LOOK_AROUND: [&str; 5] = ["lead", "lag", "first_value", "last_value", "nth_value"];

/// Evaluates whole partitions where the engine would go row by row.
pub(super) fn whole_partitions(plan: Plan) -> Result<Transformed<Plan>> {
    let Some(window) = plan.downcast_ref::<BoundedWindowAggExec>() else {
        return Ok(Transformed::no(plan));
    };
    if !window.window_expr().iter().any(looks_around) {
        return Ok(Transformed::no(plan));
    }
    let mut input = Arc::clone(window.input());
    if window.input_order_mode != InputOrderMode::Sorted
        && let Some(order) = order_of(window.window_expr())
    {
        input = Arc::new(SortExec::new(order, input));
    }
    let expressions = window.window_expr().to_vec();
    Ok(Transformed::yes(Arc::new(WindowAggExec::try_new(
        expressions,
        input,
        false,
    )?)))
}

fn looks_around(window: &Arc<dyn WindowExpr>) -> bool {
    let function = window.as_any().downcast_ref::<StandardWindowExpr>();
    let function = function.map(StandardWindowExpr::get_standard_func_expr);
    function
        .and_then(|function| function.as_any().downcast_ref::<WindowUDFExpr>())
        .is_some_and(|function| LOOK_AROUND.contains(&function.fun().name()))
}

/// Returns the order that windows want, all of them the same: their partitions together, each in its order.
fn order_of(windows: &[Arc<dyn WindowExpr>]) -> Option<LexOrdering> {
    let window = windows.first()?;
    let partitions = window.partition_by().iter();
    let partitions = partitions.map(|key| PhysicalSortExpr::new_default(Arc::clone(key)));
    LexOrdering::new(partitions.chain(window.order_by().iter().cloned()))
}
