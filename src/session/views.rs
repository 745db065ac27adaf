//! CREATE VIEW.
//!
//! The engine would keep a plan whose types are settled, by its own rules alone, and check that one. Here a view is kept
//! as it was written, so that its query means what it means in FROM, and what is wrong with it is told when it is created.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::exec_err;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::ViewTable;
use datafusion::error::Result;
use datafusion::logical_expr::{CreateView, LogicalPlanBuilder};
use datafusion::prelude::SessionContext;

/// Creates `view`, or puts it in the place of another one if it says so.
///
/// # Errors
///
/// Fails if there is such a table, if its query cannot be planned, or if two of its columns share a name.
pub(super) async fn create(context: &SessionContext, view: CreateView) -> Result<DataFrame> {
    let exists = context.table_exist(view.name.clone())?;
    if exists && !view.or_replace {
        return exec_err!("Table '{}' already exists", view.name);
    }
    let mut names = HashSet::new();
    for field in view.input.schema().fields() {
        if !names.insert(field.name()) {
            return exec_err!("column `{}` is in the view twice", field.name());
        }
    }
    let state = context.state();
    let plan = Arc::unwrap_or_clone(view.input);
    state
        .analyzer()
        .execute_and_check(plan.clone(), state.config_options(), |_, _| {})?;
    if exists {
        context.deregister_table(view.name.clone())?;
    }
    let table = ViewTable::new(plan, view.definition);
    context.register_table(view.name, Arc::new(table))?;
    let nothing = LogicalPlanBuilder::empty(false).build()?;
    Ok(DataFrame::new(context.state(), nothing))
}
