//! The engine, set up for the resources of the service.

use std::sync::Arc;

use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::optimizer::Analyzer;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::Options;
use super::csv::CsvFiles;
use crate::dialect::functions;
use crate::dialect::{apply, plan};
use crate::resource::{self, findings::Setting};
use crate::table::{self, Connection, Thresholds, catalog};

/// Returns a context in which all resources and their views are mounted and local files can be read by name.
///
/// # Errors
///
/// Fails if the engine does not take them.
pub(super) async fn context(connection: Connection, session: &Options) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        // With more partitions, the engine would prefetch pages into them.
        .with_target_partitions(1)
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(resource::CATALOG, resource::DEFAULT_SCHEMA);
    let options = config.options_mut();
    options.extensions.insert(session.dialect);
    options.extensions.insert(Thresholds::default());
    for (name, value) in &session.findings {
        options.set(&format!("{}.{name}", Setting::PREFIX), &value.to_string())?;
    }
    // For the place of an error.
    options.sql_parser.collect_spans = true;
    // `now()` has a zone, and shows it.
    options.execution.time_zone = Some("UTC".to_owned());
    // EXPLAIN is about requests.
    options.explain.physical_plan_only = true;
    // Keeps plans readable; it saves nothing, because a page holds whole keys.
    options.optimizer.enable_leaf_expression_pushdown = false;
    // The order of a subquery is kept, see `dialect::plan::order`.
    options.sql_parser.enable_subquery_sort_elimination = false;

    let mut analyzers = plan::before_types();
    analyzers.extend(Analyzer::new().rules);
    analyzers.extend(plan::after_types());
    analyzers.push(apply::rule());
    let builder = SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .with_catalog_list(Arc::new(MemoryCatalogProviderList::new()))
        .with_analyzer_rules(analyzers)
        .with_optimizer_rules(table::logical_rules())
        .with_query_planner(apply::planner(vec![Arc::new(table::ControlPlanner)]))
        .with_physical_optimizer_rules(plan::physical(table::rules(
            &PhysicalOptimizer::new().rules,
        )));
    let mut state = functions::register(builder).build();
    state.register_file_format(Arc::new(CsvFiles::default()), true)?;
    let context = SessionContext::new_with_state(state);
    catalog::mount(&context, connection).await?;
    let context = context.enable_url_table();
    functions::claim_names(&context);
    Ok(context)
}
