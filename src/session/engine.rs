//! The engine, set up for the resources of the service.

use std::sync::Arc;

use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::csv::CsvFiles;
use crate::dialect::apply;
use crate::dialect::functions;
use crate::dialect::plan::distinct::ReadAllGroups;
use crate::dialect::plan::frames::CheckFrames;
use crate::dialect::plan::limits::{LimitBySubquery, StopBehindLimit};
use crate::dialect::plan::multisets::CountCopies;
use crate::dialect::plan::order;
use crate::dialect::plan::recursion::BoundRecursion;
use crate::dialect::plan::windows::WholePartitions;
use crate::dialect::plan::{ReadMoments, by_position};
use crate::resource;
use crate::table::{self, Connection, catalog};

/// Returns a context in which all resources and their views are mounted and local files can be read by name.
///
/// # Errors
///
/// Fails if the engine does not take them.
pub(super) async fn context(connection: Connection) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        // With more partitions, the engine would prefetch pages into them.
        .with_target_partitions(1)
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(resource::CATALOG, resource::DEFAULT_SCHEMA);
    let options = config.options_mut();
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

    let mut analyzers: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![
        Arc::new(CountCopies),
        Arc::new(LimitBySubquery),
        Arc::new(CheckFrames),
        Arc::new(ReadMoments),
    ];
    analyzers.extend(Analyzer::new().rules);
    analyzers.push(apply::rule());
    let builder = SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .with_catalog_list(Arc::new(MemoryCatalogProviderList::new()))
        .with_analyzer_rules(analyzers)
        .with_query_planner(apply::planner())
        .with_physical_optimizer_rules(physical_rules());
    let mut state = functions::register(builder).build();
    state.register_file_format(Arc::new(CsvFiles::default()), true)?;
    let context = SessionContext::new_with_state(state);
    catalog::mount(&context, connection).await?;
    let context = context.enable_url_table();
    functions::claim_names(&context);
    Ok(context)
}

/// Returns the rules over physical plans: the engine's, those about requests, and those about what people mean.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = order::rules(by_position(table::rules(&PhysicalOptimizer::new().rules)));
    rules.push(Arc::new(BoundRecursion));
    rules.push(Arc::new(WholePartitions));
    rules.push(Arc::new(ReadAllGroups));
    rules.push(Arc::new(StopBehindLimit));
    rules
}
