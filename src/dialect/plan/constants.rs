//! Long constants, which are refused where they would be written out for every row.
//!
//! `repeat('x', 1000000)` is one text of a megabyte until it is a column: then every row of a batch has a copy, and beyond
//! 2 GiB the engine panics. That happens in the columns of a projection and beside `||`. Elsewhere, as in a
//! comparison, one copy is enough.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use super::operator::Plan;
use crate::dialect::functions::bounded_constant;

/// Bounds constants in projections. To be run last, because other rules look for constants.
pub(super) fn bound_constants(plan: Plan) -> Result<Transformed<Plan>> {
    let Some(projection) = plan.downcast_ref::<ProjectionExec>() else {
        return Ok(Transformed::no(plan));
    };
    let mut is_changed = false;
    let mut columns = Vec::new();
    for ProjectionExpr { expr, alias } in projection.expr() {
        let bounded = bound(Arc::clone(expr))?;
        is_changed |= bounded.transformed;
        columns.push(ProjectionExpr {
            expr: bounded.data,
            alias: alias.clone(),
        });
    }
    if !is_changed {
        return Ok(Transformed::no(plan));
    }
    let bounded = ProjectionExec::try_new(columns, Arc::clone(projection.input()))?;
    Ok(Transformed::yes(Arc::new(bounded)))
}

fn bound(column: Arc<dyn PhysicalExpr>) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    if let Some(bounded) = bounded_constant(&column) {
        return Ok(Transformed::yes(bounded));
    }
    column.transform_up(|expr| {
        let is_joined = expr
            .downcast_ref::<BinaryExpr>()
            .is_some_and(|binary| *binary.op() == Operator::StringConcat);
        if !is_joined {
            return Ok(Transformed::no(expr));
        }
        let bounded: Vec<_> = expr.children().into_iter().map(bounded_constant).collect();
        if bounded.iter().all(Option::is_none) {
            return Ok(Transformed::no(expr));
        }
        let operands = expr.children().into_iter().zip(bounded);
        let operands =
            operands.map(|(operand, bounded)| bounded.unwrap_or_else(|| Arc::clone(operand)));
        let operands = operands.collect();
        expr.with_new_children(operands).map(Transformed::yes)
    })
}
