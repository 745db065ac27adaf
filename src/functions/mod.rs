//! SQL functions beyond DataFusion's: SQLite's, as StackQL documents them.
//!
//! Turns a session's builder into one that knows nested access in four spellings and SQLite's functions, over JSON
//! text and Arrow's structs alike.

mod aggregate;
#[cfg(test)]
mod conformance;
mod error;
mod format;
mod json;
mod lateral;
mod nested;
mod number;
mod operators;
mod regexp;
mod rewrite;
mod scalar;
#[cfg(test)]
mod testing;
mod text;
mod time;
mod value;

use std::sync::Arc;

use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::planner::ExprPlanner;

pub use error::Error;
pub use json::convert::to_json;
pub use rewrite::rewrite;

/// Adds the functions to `builder`, whose default features must be there already.
///
/// Statements go through [`rewrite`] before they are planned.
pub fn register(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    // The first planner that takes an expression has it, so these come before the engine's.
    let planners: [Arc<dyn ExprPlanner>; 4] = [
        Arc::new(nested::NestedPlanner),
        Arc::new(operators::OperatorPlanner),
        Arc::new(aggregate::AggregatePlanner),
        Arc::new(text::SubstringPlanner),
    ];
    builder
        .expr_planners()
        .get_or_insert_default()
        .splice(0..0, planners);
    builder
        .relation_planners()
        .get_or_insert_default()
        .insert(0, Arc::new(lateral::JsonRowsPlanner));
    // Of two functions with one name the later wins.
    builder
        .scalar_functions()
        .get_or_insert_default()
        .extend(scalar_functions().into_iter().map(Arc::new));
    builder
        .aggregate_functions()
        .get_or_insert_default()
        .extend(aggregate::functions().into_iter().map(Arc::new));
    builder
}

fn scalar_functions() -> Vec<ScalarUDF> {
    let mut functions = vec![
        json::convert::to_json(),
        json::convert::to_text(),
        json::extract::json_extract(),
        json::extract::json_get(),
        json::extract::json_get_text(),
        format::printf(),
    ];
    functions.extend(json::build::functions());
    functions.extend(json::edit::functions());
    functions.extend(text::functions());
    functions.extend(regexp::functions());
    functions.extend(number::functions());
    functions.extend(time::functions());
    functions
}
