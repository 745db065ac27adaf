//! SQL functions beyond DataFusion's: SQLite's, as StackQL documents them.
//!
//! Turns a session's builder into one that knows nested access in four spellings and SQLite's functions, over JSON
//! text and Arrow's structs alike.

mod error;
mod json;
mod nested;
mod scalar;
#[cfg(test)]
mod testing;
mod value;

use std::sync::Arc;

use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::ScalarUDF;

pub use error::Error;
pub use json::convert::to_json;

/// Adds the functions to `builder`, after whose default features this must be called.
pub fn register(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    let planners = builder.expr_planners().get_or_insert_default();
    // The first planner that takes an expression has it.
    planners.insert(0, Arc::new(nested::NestedPlanner));
    let functions = scalar_functions().into_iter().map(Arc::new);
    builder
        .scalar_functions()
        .get_or_insert_default()
        .extend(functions);
    builder
}

fn scalar_functions() -> Vec<ScalarUDF> {
    vec![
        json::convert::to_json(),
        json::convert::to_text(),
        json::extract::json_extract(),
        json::extract::json_get(),
        json::extract::json_get_text(),
    ]
}
