//! The engine, set up for the resources of the service.

use std::sync::Arc;

use datafusion::catalog::{DynamicFileCatalog, MemoryCatalogProviderList};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::optimizer::Analyzer;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};
use url::Url;

use super::information_schema::TypeNames;
use super::local_files::{ExternalTables, LocalFiles, NoFiles, TEXT_FORMATS};
use super::memory::LimitedPool;
use super::options::Options;
use super::text_sink::TextFiles;
use crate::dialect::functions;
use crate::dialect::{apply, plan};
use crate::resource::{self, findings::Setting};
use crate::table::{self, Connection, Thresholds, catalog};

/// Returns a context in which all resources and their views are mounted, and local files can be read by name if `session`
/// allows it.
///
/// Fails if the engine does not take them.
pub(super) fn context(connection: &Connection, session: &Options) -> Result<SessionContext> {
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
    // Statistics of Parquet files leave NaN out, so that `x > 5` would skip a part of a file that holds one.
    options.execution.parquet.pruning = false;
    options.execution.parquet.enable_page_index = false;
    // Bloom filters know one of the two zeros, which are equal.
    options.execution.parquet.bloom_filter_on_read = false;
    options.execution.collect_statistics = false;
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
    // It would refuse a UNION of JSON columns of the service and of a file: the engine joins the metadata of columns in one
    // way for the logical plan and in another for the physical one.
    options.execution.skip_physical_aggregate_schema_check = true;

    let mut analyzers = vec![apply::first_rule()];
    analyzers.extend(plan::before_types());
    analyzers.push(Arc::new(TypeNames));
    analyzers.extend(Analyzer::new().rules);
    analyzers.extend(plan::after_types());
    analyzers.extend(apply::rules());
    let builder = SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .with_runtime_env(runtime(session)?)
        .with_catalog_list(Arc::new(MemoryCatalogProviderList::new()))
        .with_analyzer_rules(analyzers)
        .with_optimizer_rules(plan::logical(table::logical_rules()))
        .with_query_planner(apply::planner(vec![Arc::new(table::ControlPlanner)]))
        .with_physical_optimizer_rules(plan::physical(
            table::rules(&PhysicalOptimizer::new().rules),
            apply::runs_again,
        ));
    let mut state = functions::register(builder).build();
    for format in TextFiles::ALL {
        state.register_file_format(Arc::new(format), true)?;
    }
    let context = SessionContext::new_with_state(state);
    let context = match session.no_files {
        true => without_files(&context),
        false => with_files(&context, session.memory_limit),
    };
    catalog::mount(&context, connection)?;
    functions::claim_names(&context);
    Ok(context)
}

/// Returns what the engine takes from the machine: memory up to a limit, and files unless there are to be none.
fn runtime(session: &Options) -> Result<Arc<RuntimeEnv>> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(LimitedPool::new(session.memory_limit)))
        // The engine would not see files that come to a folder, or go, after it was read once.
        .with_object_list_cache_limit(0);
    if !session.no_files {
        return runtime.build_arc();
    }
    // Rows that do not fit in memory are not put into files either.
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = runtime.with_disk_manager_builder(disk).build_arc()?;
    let files =
        Url::parse("file://").map_err(|error| DataFusionError::External(Box::new(error)))?;
    runtime.deregister_object_store(&files)?;
    Ok(runtime)
}

/// Returns `context` with a catalog that knows the names of files, and refuses them.
fn without_files(context: &SessionContext) -> SessionContext {
    let state = context.state();
    let tables = Arc::clone(state.catalog_list());
    SessionStateBuilder::new_from_existing(state)
        .with_catalog_list(Arc::new(DynamicFileCatalog::new(tables, Arc::new(NoFiles))))
        .build()
        .into()
}

/// Returns `context` in which local files can be read by name.
fn with_files(context: &SessionContext, limit: usize) -> SessionContext {
    let state = context.state();
    let tables = Arc::clone(state.catalog_list());
    let files = Arc::new(LocalFiles::new(limit));
    let mut builder = SessionStateBuilder::new_from_existing(state).with_catalog_list(Arc::new(
        DynamicFileCatalog::new(tables, Arc::clone(&files) as _),
    ));
    for format in TEXT_FORMATS {
        let factory = Arc::new(ExternalTables(Arc::clone(&files)));
        builder = builder.with_table_factory(format.to_uppercase(), factory);
    }
    let context: SessionContext = builder.build().into();
    files.of_session(&context);
    context
}
