//! Plans a statement as it is written or, if the engine refuses it, in a second reading that the session's dialect
//! allows.
//!
//! Lenient readings are tried only after the engine has refused a statement, so they never change the meaning of a
//! valid one. A write is never read leniently: it could affect keys that were not meant.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::common::internal_err;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::ViewTable;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{DdlStatement, LogicalPlan, SetVariable, Statement};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::planner::object_name_to_table_reference;
use futures::StreamExt;
use sqlparser::ast::{self, FromTable, ObjectName, Query, SetExpr, TableFactor};

use super::executor::{self, Patience};
use super::options::Options;
use super::params::Params;
use super::planner_thread::{on_planner_thread, on_planner_thread_within};
use super::prepared::Prepared;
use super::{Session, copy, create, local_files, memory};
use crate::dialect::calls;
use crate::dialect::relations;
use crate::dialect::rewrite::{refuse_other_dialect, reread, rewrite, suggest_other_dialect};
use crate::dialect::walk::Walk;
use crate::dialect::{self, Dialect, parse, source_json};
use crate::error::Error;
use crate::resource;
use crate::table::{self, scope::Scope};

/// How to read a statement that the engine refuses.
#[derive(Debug, Clone)]
pub(super) enum Reading {
    /// As it is written.
    Strict,
    /// As the dialect of the session would: see `dialect::rules`. Warnings go to the scope.
    Lenient(Arc<Scope>),
}

/// What the engine returns for a statement: a plan, or its error.
pub(super) type PlanResult<T> = Result<T, DataFusionError>;

/// Changes a physical plan before it runs.
type Prepare = fn(Arc<dyn ExecutionPlan>) -> PlanResult<Arc<dyn ExecutionPlan>>;

// All of these plan on a thread of their own, see `on_planner_thread`. The outer error is that of a timeout.
impl Session {
    /// Plans `statement`, and runs it if it returns no rows (CREATE, SET, …).
    ///
    /// Fails if that takes too long.
    pub(super) async fn plan(
        &self,
        statement: EngineStatement,
        reading: Reading,
        params: &Params,
    ) -> Result<PlanResult<DataFrame>, Error> {
        let planner = self.planner(params);
        let (tables, is_typed) = match parse::as_sql(&statement) {
            Some(ast::Statement::Prepare { data_types, .. }) => {
                (create::tables_read(&statement), !data_types.is_empty())
            }
            _ => (Vec::new(), false),
        };
        let plan = || async move { planner.plan(statement, reading).await };
        let plan = self.within_timeout(plan).await?;
        let settled =
            plan.and_then(|plan| self.prepared.settle(plan, tables, is_typed, &self.context));
        let plan = match settled {
            Ok(plan) => plan,
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = create::check_unread(&self.context, &self.prepared, &plan).await {
            return Ok(Err(error));
        }
        let is_ddl = matches!(plan, LogicalPlan::Ddl(_));
        let context = self.context.clone();
        let carried_out = || async move {
            match plan {
                LogicalPlan::Ddl(DdlStatement::CreateView(view)) => {
                    create::view(&context, view).await
                }
                LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(table)) => {
                    create::table(&context, table).await
                }
                plan => context.execute_logical_plan(plan).await,
            }
        };
        Ok(match is_ddl {
            // CREATE TABLE AS runs a query, which may take long.
            true => on_planner_thread(carried_out).await,
            false => Box::pin(carried_out()).await,
        })
    }

    /// Begins to run `frame`, whose scans report to `scope`.
    ///
    /// Fails if planning takes too long.
    pub(super) async fn stream(
        &self,
        frame: DataFrame,
        scope: &Arc<Scope>,
    ) -> Result<PlanResult<SendableRecordBatchStream>, Error> {
        self.stream_of(frame, scope, Ok).await
    }

    /// The same for rows that leave the engine: the JSON that objects carry is neither read for them nor in them.
    ///
    /// Fails if planning takes too long.
    pub(super) async fn stream_out(
        &self,
        frame: DataFrame,
        scope: &Arc<Scope>,
    ) -> Result<PlanResult<SendableRecordBatchStream>, Error> {
        let rows = self.stream_of(frame, scope, table::for_output).await?;
        Ok(rows.map(|rows| {
            let schema = source_json::without_schema(&rows.schema());
            let rows = rows.map(|batch| Ok(source_json::without(&batch?)?));
            Box::pin(RecordBatchStreamAdapter::new(schema, rows)) as _
        }))
    }

    async fn stream_of(
        &self,
        frame: DataFrame,
        scope: &Arc<Scope>,
        prepared: Prepare,
    ) -> Result<PlanResult<SendableRecordBatchStream>, Error> {
        let (mut state, plan) = frame.into_parts();
        state.config_mut().set_extension(Arc::clone(scope));
        let frame = DataFrame::new(state, plan);
        let begun = move || async move {
            let context = Arc::new(frame.task_ctx());
            let plan = frame.create_physical_plan().await?;
            execute_stream(executor::giving_way(prepared(plan)?)?, context)
        };
        let rows = self.within_timeout(begun).await?;
        let patience = Patience {
            limit: self.options.timeout,
            traffic: Arc::clone(scope.traffic()),
        };
        Ok(rows.map(|rows| executor::on_a_thread(rows, patience)))
    }

    /// Plans how `frame` would be run.
    ///
    /// Fails if planning takes too long.
    pub(super) async fn physical_plan(
        &self,
        frame: DataFrame,
    ) -> Result<PlanResult<Arc<dyn ExecutionPlan>>, Error> {
        let planning = || async move { frame.create_physical_plan().await };
        self.within_timeout(planning).await
    }

    /// Runs `planning` within the timeout for planning.
    ///
    /// Fails if it takes longer.
    pub(super) async fn within_timeout<T, F>(
        &self,
        planning: impl FnOnce() -> F + Send + 'static,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send,
    {
        let limit = self.options.timeout;
        on_planner_thread_within(limit, planning)
            .await
            .ok_or_else(|| {
                Error::statement(format!(
                    "the statement takes longer than {} s to plan",
                    limit.as_secs()
                ))
                .hint("split it, read long lists from a file, or give it more time with --timeout")
            })
    }

    /// Returns a planner for one statement with `params`, which can move to another thread.
    pub(super) fn planner(&self, params: &Params) -> Planner {
        Planner {
            params: params.clone(),
            context: self.context.clone(),
            prepared: Arc::clone(&self.prepared),
            options: Arc::clone(&self.options),
        }
    }
}

/// Plans statements.
pub(super) struct Planner {
    pub(super) context: SessionContext,
    pub(super) prepared: Arc<Prepared>,
    options: Arc<Options>,
    params: Params,
}

impl Planner {
    async fn plan(&self, statement: EngineStatement, reading: Reading) -> PlanResult<LogicalPlan> {
        let scope = match &reading {
            Reading::Strict => None,
            Reading::Lenient(scope) => Some(Arc::clone(scope)),
        };
        let plan = self.with_initial(self.plan_open(statement, reading).await?);
        memory::refuse_settings(&plan)?;
        if self.options.no_files {
            local_files::refuse_plan(&plan)?;
        }
        if self.options.read_only {
            local_files::refuse_writing(&plan)?;
        }
        let plan = dialect::plan::without_sources(self.with_params(plan)?)?;
        if let Some(scope) = scope {
            table::check_spelling(&plan, &scope)?;
        }
        if let LogicalPlan::Explain(explain) = &plan {
            // The engine would return an error as the text of the plan.
            self.context
                .state()
                .create_physical_plan(&explain.plan)
                .await?;
        }
        Ok(plan)
    }

    /// Turns RESET of iamql's own settings, and SET … TO DEFAULT, into a SET: the engine does not know their defaults.
    fn with_initial(&self, plan: LogicalPlan) -> LogicalPlan {
        let variable = match &plan {
            LogicalPlan::Statement(Statement::ResetVariable(reset)) => match &*reset.variable {
                "dialect" => "iamql.dialect".to_owned(),
                variable => variable.to_owned(),
            },
            LogicalPlan::Statement(Statement::SetVariable(set))
                // `default` is the name of a dialect.
                if set.value.eq_ignore_ascii_case("default") && set.variable != "iamql.dialect" =>
            {
                set.variable.clone()
            }
            _ => return plan,
        };
        let Some(value) = self.options.initial(&variable) else {
            return plan;
        };
        LogicalPlan::Statement(Statement::SetVariable(SetVariable { variable, value }))
    }

    /// Plans `statement` with its parameters left open.
    pub(super) async fn plan_open(
        &self,
        mut statement: EngineStatement,
        reading: Reading,
    ) -> PlanResult<LogicalPlan> {
        if self.options.no_files {
            local_files::refuse(&statement)?;
        }
        let state = self.context.state();
        copy::check_format(&statement, &|format| {
            state.get_file_format_factory(format).is_some()
        })?;
        local_files::reading_columns_once(async {
            self.rewrite(&mut statement).await?;
            self.logical_plan(statement, &reading).await
        })
        .await
    }

    /// Puts `statement` so that the engine plans what is meant.
    async fn rewrite(&self, statement: &mut EngineStatement) -> PlanResult<()> {
        calls::check(statement, &|name, is_windowed| {
            self.kind_of(name, is_windowed)
        })?;
        let views = self.views(statement).await;
        let tables = match relations::merged_columns::needs_columns(statement) {
            true => self.tables_of(statement).await,
            false => HashMap::new(),
        };
        let tables = relations::Tables {
            size: &|name| views.get(name).copied().unwrap_or(1),
            columns: &|name| tables.get(name).cloned(),
            dialect: self.dialect(),
            home: [resource::CATALOG, resource::DEFAULT_SCHEMA],
            is_nested: &|name| resource::shape().is_nested_column(name),
            is_aggregate: &|name| self.kind_of(name, false) == Some(calls::Kind::Aggregate),
        };
        relations::apply(statement, &tables)?;
        refuse_other_dialect(statement, self.dialect())?;
        rewrite(statement, resource::shape(), self.dialect());
        Ok(())
    }

    fn dialect(&self) -> Dialect {
        Dialect::of(self.context.state_ref().read().config_options())
    }

    /// Returns the names of the columns of every table that `statement` reads.
    async fn tables_of(&self, statement: &EngineStatement) -> HashMap<ObjectName, Vec<String>> {
        let mut tables = HashMap::new();
        for name in relations::merged_columns::tables_of(statement) {
            // What is not found here is a CTE, or the engine's planner tells of it.
            if let Ok(table) = object_name_to_table_reference(name.clone(), true)
                && let Ok(table) = self.context.table_provider(table).await
            {
                let schema = table.schema();
                let columns = schema.fields().iter().map(|field| field.name().clone());
                tables.insert(name, columns.collect());
            }
        }
        tables
    }

    /// Returns how many tables each view that `statement` reads stands for.
    async fn views(&self, statement: &EngineStatement) -> HashMap<ObjectName, u64> {
        let mut views = HashMap::new();
        for name in relations::merged_columns::tables_of(statement) {
            // A quoted name may be that of a file, which is not opened for this.
            let is_plain = name.0.iter().all(|part| {
                let ident = part.as_ident();
                ident.is_some_and(|ident| ident.quote_style.is_none())
            });
            if is_plain
                && let Ok(table) = object_name_to_table_reference(name.clone(), true)
                && let Ok(table) = self.context.table_provider(table).await
                && let Some(plan) = table.get_logical_plan()
            {
                views.insert(name, leaves(&plan));
            }
        }
        views
    }

    /// Returns what kind of function `name` stands for in a call with or without OVER.
    fn kind_of(&self, name: &str, is_windowed: bool) -> Option<calls::Kind> {
        let state = self.context.state_ref();
        let state = state.read();
        let is_window = state.window_functions().contains_key(name);
        // The engine looks for names in this order.
        if is_window && is_windowed {
            Some(calls::Kind::Window)
        } else if state.aggregate_functions().contains_key(name) {
            Some(calls::Kind::Aggregate)
        } else if is_window {
            Some(calls::Kind::Window)
        } else if state.scalar_functions().contains_key(name) {
            Some(calls::Kind::Scalar)
        } else {
            None
        }
    }

    async fn logical_plan(
        &self,
        mut statement: EngineStatement,
        reading: &Reading,
    ) -> PlanResult<LogicalPlan> {
        let state = self.context.state();
        loop {
            let error = match Box::pin(self.engine_plan(statement.clone())).await {
                Ok(plan) => return Ok(plan),
                Err(error) => error,
            };
            let Reading::Lenient(scope) = reading else {
                return Err(error);
            };
            let is_aggregate = |name: &str| state.aggregate_functions().contains_key(name);
            let (shape, dialect) = (resource::shape(), self.dialect());
            match reread(&mut statement, &error, shape, dialect, &is_aggregate) {
                Some(columns) => scope.any_row(&columns),
                None => {
                    return Err(suggest_other_dialect(
                        statement,
                        error,
                        shape,
                        dialect,
                        &is_aggregate,
                    ));
                }
            }
        }
    }

    /// Lets the engine plan `statement`.
    ///
    /// The engine gives every VALUES in the query of an INSERT the types of the table's columns, also one that is read in
    /// FROM. So such a query is planned by itself, and the INSERT reads it as a view. In DELETE it does not know an alias;
    /// there the rows that are deleted are planned by themselves.
    async fn engine_plan(&self, mut statement: EngineStatement) -> PlanResult<LogicalPlan> {
        static VIEWS: AtomicU64 = AtomicU64::new(0);
        let state = self.context.state();
        if let Some(query) = deleted_rows(&mut statement) {
            let rows = state
                .statement_to_plan(parse::query_statement(query))
                .await?;
            let plan = state.statement_to_plan(statement).await?;
            let (LogicalPlan::Projection(rows), LogicalPlan::Dml(mut delete)) = (rows, plan) else {
                return internal_err!("a DELETE without rows");
            };
            delete.input = rows.input;
            return Ok(LogicalPlan::Dml(delete));
        }
        let Some(source) = inserted_query(&mut statement) else {
            return state.statement_to_plan(statement).await;
        };
        let name = format!("__inserted_{}", VIEWS.fetch_add(1, Ordering::Relaxed));
        let Some(view) = parse::query(&format!("SELECT * FROM {name}")) else {
            return internal_err!("a query that cannot be read");
        };
        let query = std::mem::replace(source.as_mut(), view);
        let rows = state
            .statement_to_plan(parse::query_statement(query))
            .await?;
        let view = Arc::new(ViewTable::new(rows, None));
        self.context.register_table(name.as_str(), view)?;
        let plan = state.statement_to_plan(statement).await;
        self.context.deregister_table(name.as_str())?;
        plan
    }

    pub(super) fn with_params(&self, plan: LogicalPlan) -> PlanResult<LogicalPlan> {
        // PREPARE keeps its placeholders for EXECUTE.
        if self.params.is_empty() || matches!(plan, LogicalPlan::Statement(_)) {
            return Ok(plan);
        }
        let names = plan.get_parameter_names()?;
        let is_missing = |name: &&String| self.params.value(name.trim_start_matches('$')).is_none();
        if let Some(missing) = names.iter().filter(is_missing).min() {
            return Err(self.params.missing(missing).into());
        }
        let plan = dialect::plan::with_numbers(plan, &|name| self.params.value(name))?;
        plan.with_param_values(self.params.values())
    }
}

/// Takes the alias of the table and the condition out of a DELETE with an alias, and returns the query that they make.
fn deleted_rows(statement: &mut EngineStatement) -> Option<Query> {
    let EngineStatement::Statement(statement) = statement else {
        return None;
    };
    let ast::Statement::Delete(delete) = statement.as_mut() else {
        return None;
    };
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &mut delete.from;
    let [table] = tables.as_mut_slice() else {
        return None;
    };
    let mut query = parse::query("SELECT * FROM t")?;
    if let SetExpr::Select(select) = query.body.as_mut()
        && delete.limit.is_none()
        && delete.using.is_none()
        && let TableFactor::Table { alias: Some(_), .. } = &table.relation
    {
        select.from = vec![table.clone()];
        select.selection = delete.selection.take();
        if let TableFactor::Table { alias, .. } = &mut table.relation {
            *alias = None;
        }
        return Some(query);
    }
    None
}

/// Returns the query of an INSERT that has a VALUES somewhere within it.
fn inserted_query(statement: &mut EngineStatement) -> Option<&mut Box<Query>> {
    let EngineStatement::Statement(statement) = statement else {
        return None;
    };
    let ast::Statement::Insert(insert) = statement.as_mut() else {
        return None;
    };
    let source = insert.source.as_mut()?;
    let is_values = matches!(*source.body, SetExpr::Values(_));
    let has_values = || source.queries(|query| values(&query.body)).is_break();
    (!is_values && has_values()).then_some(source)
}

/// Breaks at a VALUES.
fn values(body: &SetExpr) -> ControlFlow<()> {
    match body {
        SetExpr::Values(_) => ControlFlow::Break(()),
        SetExpr::SetOperation { left, right, .. } => {
            values(left)?;
            values(right)
        }
        _ => ControlFlow::Continue(()),
    }
}

/// Returns how many tables `plan` reads.
fn leaves(plan: &LogicalPlan) -> u64 {
    let inputs = plan.inputs();
    match inputs.is_empty() {
        true => 1,
        false => inputs.into_iter().map(leaves).fold(0, u64::saturating_add),
    }
}
