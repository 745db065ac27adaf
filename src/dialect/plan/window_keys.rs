//! Keys of windows that are computed, as in `PARTITION BY a > b ORDER BY a`.
//!
//! The engine sorts the rows by such a key, and then may not see that they are in this order: if it compares what is
//! computed, or if a column of the order is in it. Of several functions with one window, it may take a computed key out of
//! some alone, and then panics because their keys differ. Here computed keys are columns of a projection below the window.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::WindowFunctionParams;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Window, ident};

use super::tree::{map_named, sorted_by};

/// Computes such keys below the window.
pub(super) fn compute_window_keys(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Window(Window { input, schema, .. }) = &plan else {
        return Ok(Transformed::no(plan));
    };
    let (input, columns) = (Arc::clone(input), schema.columns());
    let mut computed: Vec<Expr> = Vec::new();
    let changed = map_named(plan, |mut expr| {
        let Some(params) = window(&mut expr) else {
            return Ok(Transformed::no(expr));
        };
        let WindowFunctionParams {
            partition_by,
            order_by,
            ..
        } = params;
        let keys = partition_by.iter_mut().chain(sorted_by(order_by));
        let mut is_changed = false;
        for key in keys {
            if !matches!(key, Expr::Column(_) | Expr::Literal(..)) {
                // Windows over one key stay so.
                let known = computed.iter().position(|known| known == key);
                let at = known.unwrap_or(computed.len());
                let own = std::mem::replace(key, ident(name(at)));
                if known.is_none() {
                    computed.push(own);
                }
                is_changed = true;
            }
        }
        Ok(Transformed::new_transformed(expr, is_changed))
    })?;
    if !changed.transformed {
        return Ok(changed);
    }
    let below = input.schema().columns().into_iter().map(Expr::Column);
    let computed = computed.into_iter().enumerate();
    let computed = computed.map(|(at, key)| key.alias(name(at)));
    let below = Projection::try_new(below.chain(computed).collect(), input)?;
    let expressions = changed.data.expressions();
    let window =
        (changed.data).with_new_exprs(expressions, vec![LogicalPlan::Projection(below)])?;
    let columns = columns.into_iter().map(Expr::Column).collect();
    let above = Projection::try_new(columns, Arc::new(window))?;
    Ok(Transformed::yes(LogicalPlan::Projection(above)))
}

/// Returns what the key at `position` is called.
fn name(position: usize) -> String {
    format!("__key_{}", position + 1)
}

/// Returns the parameters of a window function, also of one with an alias.
fn window(expr: &mut Expr) -> Option<&mut WindowFunctionParams> {
    match expr {
        Expr::Alias(alias) => window(&mut alias.expr),
        Expr::WindowFunction(function) => Some(&mut function.params),
        _ => None,
    }
}
