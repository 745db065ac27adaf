//! A session: statements in, rows to a [`Sink`] and a [`Report`] out.
//!
//! Reads go through the engine, writes straight to the service. It depends on [`crate::sql`] for what a statement is,
//! on [`crate::table`] for the data, on [`crate::api`] for the writes. It never prints and never talks to a person:
//! what it has to say is in the report or the error, and it asks through [`Options`].

mod column_type;
mod copy;
mod delimited;
mod describe;
mod description;
mod diagnose;
mod engine;
mod error;
mod executor;
mod explain;
mod interrupt;
mod json_lines;
mod last_result;
mod local_files;
mod memory;
mod names;
mod params;
mod plan;
mod planner_thread;
mod sink;
mod stackql;
mod staging;
mod text_sink;
mod text_table;
mod write;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions, UInt64Array};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as EngineStatement;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::api::{Budget, Traffic};
use crate::dialect::Dialect;
use crate::dialect::output_names::Names;
use crate::dialect::parse;
use crate::error::{Error, ErrorKind};
use crate::resource::{self, CATALOG, DEFAULT_SCHEMA};
use crate::sql::operation::Operation;
use crate::sql::split::Piece;
use crate::table::Connection;
use crate::table::scope::{Scope, Warning};

use copy::Staged;
use plan::Reading;
use write::Writer;

pub use description::Description;
pub use error::in_statement;
pub(crate) use executor::panicked;

/// What threads are called on which the engine plans and runs a statement. A panic there is an error of the statement.
pub(crate) const ENGINE_THREAD: &str = "engine";

pub use interrupt::Interrupt;
pub use names::{Function, Relation};
pub use params::Params;
pub(crate) use planner_thread::STACK;
pub use sink::Sink;
pub(crate) use staging::{StagedFile, Target, unfinished};
pub(crate) use write::text_at;
pub use write::{Confirm, Journals, Question, RescueFile, Unfinished, Verb, save_undelivered};

/// What a session may do, and with what.
#[derive(Clone)]
pub struct Options {
    /// Refuses everything that changes keys or local files. Tables and views of the session are its own.
    pub read_only: bool,
    /// Lets no statement read or write a local file.
    pub no_files: bool,
    /// Bytes that the statements of the session may hold at a time.
    pub memory_limit: usize,
    /// Shows the requests of writes, and sends none that changes anything.
    pub dry_run: bool,
    /// Writes to many keys without confirmation.
    pub yes: bool,
    /// Keys that UPDATE or DELETE may touch without confirmation.
    pub max_affected: usize,
    /// Lets INSERT lose the secrets of the keys that it creates.
    pub discard_secrets: bool,
    /// Lets DELETE revoke the key that the session authenticates with.
    pub allow_self_delete: bool,
    /// Asks a person. If None, everything that needs confirmation is refused.
    pub confirm: Option<Arc<dyn Confirm>>,
    /// Where undelivered secrets are saved.
    pub rescue_file: Option<RescueFile>,
    /// Where the journals of creates are, which tell the next run what a process that was killed has left behind.
    pub journals: Option<Journals>,
    /// The most requests that one statement may send. If None, as many as it needs.
    pub max_requests: Option<u64>,
    /// How long the engine may plan a statement.
    pub timeout: Duration,
    /// The dialect of SQL that statements are in.
    pub dialect: Dialect,
    /// Thresholds of findings, by their names; the others are as they come.
    pub findings: BTreeMap<String, u32>,
}

/// A session.
pub struct Session {
    context: SessionContext,
    connection: Connection,
    options: Arc<Options>,
    /// The statements that created materialized views, by name.
    materialized: Mutex<BTreeMap<String, Piece>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_only: false,
            no_files: false,
            memory_limit: Self::MEMORY_LIMIT,
            dry_run: false,
            yes: false,
            max_affected: Self::MAX_AFFECTED,
            discard_secrets: false,
            allow_self_delete: false,
            confirm: None,
            rescue_file: None,
            journals: None,
            max_requests: None,
            timeout: Self::TIMEOUT,
            dialect: Dialect::Default,
            findings: BTreeMap::new(),
        }
    }
}

impl Options {
    /// Keys that UPDATE or DELETE may touch without confirmation, by default.
    pub const MAX_AFFECTED: usize = 10;

    /// Bytes that the statements of a session may hold at a time, by default.
    pub const MEMORY_LIMIT: usize = 1 << 30;

    /// How long the engine may plan a statement, by default.
    pub const TIMEOUT: Duration = Duration::from_secs(60);
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("read_only", &self.read_only)
            .field("no_files", &self.no_files)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

/// What a statement did, besides its rows.
#[derive(Debug)]
pub struct Report {
    /// What was done.
    pub done: Done,
    /// Worth telling.
    pub warnings: Vec<Warning>,
    /// The figures of the requests.
    pub traffic: Arc<Traffic>,
    /// The predicates that the requests carried, as they are typed.
    pub pushed: Vec<String>,
    /// The time from reading the statement to the end of its rows, without that in which a person was asked.
    pub elapsed: Duration,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Rows were delivered.
    Rows(usize),
    /// Rows were written to a local table or a file.
    Written(usize),
    /// Keys were created.
    Inserted(usize),
    /// Keys were changed.
    Updated(usize),
    /// Keys were revoked.
    Deleted(usize),
    /// The requests of a write were shown, and not sent.
    Shown(usize),
    /// Nothing had to be done, with the reason; or rows were computed but not asked for.
    Note(String),
    /// A statement without a result succeeded, such as CREATE VIEW or SET.
    Ok,
}

/// One call of [`Session::run`]: the statement, and what it was given.
#[derive(Clone, Copy)]
struct Call<'c> {
    piece: &'c Piece,
    params: &'c Params,
    scope: &'c Arc<Scope>,
    interrupt: &'c Interrupt,
}

impl<'c> Call<'c> {
    /// The same for `piece`, which is run in the place of the statement.
    fn of(self, piece: &'c Piece) -> Self {
        Self { piece, ..self }
    }
}

impl Session {
    /// Opens a session on `connection`. Sends nothing.
    ///
    /// # Errors
    ///
    /// Fails if the engine cannot be set up.
    pub async fn open(connection: Connection, options: Options) -> Result<Self, Error> {
        let connection = match options.read_only {
            true => connection.reading_only(),
            false => connection,
        };
        let context = engine::context(&connection, &options).map_err(|error| {
            Error::new(ErrorKind::Internal, "the SQL engine cannot be set up").caused_by(error)
        })?;
        Ok(Self {
            context,
            connection,
            options: Arc::new(options),
            materialized: Mutex::default(),
        })
    }

    /// Opens another session over the same connection for somebody who is not trusted: it can change nothing, shows what
    /// writes would send, has no files, and sends at most `max_requests` requests for a statement. Sends nothing.
    ///
    /// # Errors
    ///
    /// Fails if the engine cannot be set up.
    pub async fn confined(&self, max_requests: u64) -> Result<Self, Error> {
        let options = Options {
            read_only: true,
            dry_run: true,
            yes: false,
            discard_secrets: false,
            allow_self_delete: false,
            confirm: None,
            rescue_file: None,
            journals: None,
            no_files: true,
            max_requests: Some(max_requests),
            ..self.options.as_ref().clone()
        };
        Self::open(self.connection.clone(), options).await
    }

    /// Carries out one statement, its rows going to `sink`. Stops when `interrupt` is raised.
    ///
    /// Several statements may run at the same time, on one session or on several that share a client.
    ///
    /// `traffic` counts the requests while they are made, for a progress display.
    ///
    /// # Errors
    ///
    /// Fails if the statement is wrong or cannot be carried out. The rows that the sink has taken are then incomplete.
    pub async fn run(
        &self,
        piece: &Piece,
        params: &Params,
        traffic: Arc<Traffic>,
        sink: &mut dyn Sink,
        interrupt: &Interrupt,
    ) -> Result<Report, Error> {
        let started = Instant::now();
        let budget = self.options.max_requests.map(Budget::of);
        let scope = Scope::new(traffic).within(budget.unwrap_or_default());
        let scope = Arc::new(scope);
        let call = Call {
            piece,
            params,
            scope: &scope,
            interrupt,
        };
        let _running = interrupt.running();
        let carried_out = self.carry_out(call, sink);
        let done = match AssertUnwindSafe(carried_out).catch_unwind().await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => return Err(noted(error, &scope)),
            Err(panic) => return Err(panicked(panic.as_ref())),
        };
        Ok(Report {
            done,
            warnings: scope.warnings(),
            pushed: scope.pushed(),
            traffic: Arc::clone(scope.traffic()),
            elapsed: started.elapsed().saturating_sub(scope.waited()),
        })
    }

    async fn carry_out(&self, call: Call<'_>, sink: &mut dyn Sink) -> Result<Done, Error> {
        let piece = call.piece;
        let wrong = |error| in_statement(error, &piece.text, piece.line);
        let operation = Operation::read(piece).map_err(wrong)?;
        self.perform(operation, call, sink).await
    }

    /// Runs `operation`, which the statement of `call` was read as.
    async fn perform(
        &self,
        operation: Operation,
        call: Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Done, Error> {
        match operation {
            Operation::Stackql(statement) => self.stackql(statement, call, sink).await,
            Operation::WithoutRows(operation) => self.without_rows(*operation, call, sink).await,
            Operation::Write { write, is_dry } => {
                let writer = Writer {
                    session: self,
                    resource: write.resource(),
                    call,
                    is_dry: is_dry || self.options.dry_run,
                };
                writer.run(write, sink).await
            }
            Operation::Query(statement) => {
                let statement = copy::to_stdout(statement, sink)?;
                let done = self.query(call, statement, sink);
                call.interrupt.stops(done).await
            }
        }
    }

    /// Returns the dialect of SQL that statements are in.
    pub fn dialect(&self) -> Dialect {
        Dialect::of(self.context.state_ref().read().config_options())
    }

    /// Takes the statements that follow in `dialect`.
    pub fn speak(&self, dialect: Dialect) {
        let state = self.context.state_ref();
        let mut state = state.write();
        let options = state.config_mut().options_mut();
        options.extensions.insert(dialect);
    }

    /// Returns what the session may do, and with what.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Returns the connection to the service, or the reason why there is none.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the names of all tables and views, service by service, with their schema where that is not the session's.
    pub fn tables(&self) -> Vec<String> {
        let Some(catalog) = self.context.catalog(CATALOG) else {
            return Vec::new();
        };
        let of_schema = |schema: String| {
            let names = catalog.schema(&schema).map(|found| found.table_names());
            let names = names.unwrap_or_default().into_iter();
            names.map(move |name| match schema.as_str() {
                DEFAULT_SCHEMA => name,
                schema => format!("{schema}.{name}"),
            })
        };
        let services = resource::services().into_iter();
        services
            .flat_map(|service| of_schema(service.name.to_owned()))
            .collect()
    }

    async fn query(
        &self,
        call: Call<'_>,
        statement: EngineStatement,
        sink: &mut dyn Sink,
    ) -> Result<Done, Error> {
        let Call { piece, scope, .. } = call;
        let shape = resource::shape();
        let names = parse::as_sql(&statement)
            .map(|sql| Names::of(sql, shape))
            .unwrap_or_default();
        let diagnose = |error: DataFusionError| diagnose::diagnose(error, piece, &self.tables());
        let frame = self
            .plan(statement, Reading::Lenient(Arc::clone(scope)), call.params)
            .await?
            .map_err(diagnose)?;
        let counts = counts(frame.logical_plan());
        let is_silent = counts || is_silent(frame.logical_plan());
        let explains = matches!(
            frame.logical_plan(),
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)
        );
        let (state, plan) = frame.into_parts();
        let (plan, staged) =
            copy::stage(plan, self.options.rescue_file.as_ref()).map_err(diagnose)?;
        let frame = DataFrame::new(state, plan);
        let mut rows = self.stream_out(frame, scope).await?.map_err(diagnose)?;
        if !staged.is_empty() {
            // The count is delivered only after the copy is in its final place.
            let schema = rows.schema();
            let told: Vec<_> = rows.try_collect().await.map_err(diagnose)?;
            self.commit(staged).await?;
            let told = stream::iter(told.into_iter().map(Ok));
            rows = Box::pin(RecordBatchStreamAdapter::new(schema, told));
        }
        let schema = match explains {
            true => explain::schema(),
            false => names.apply(&rows.schema(), shape),
        };
        if !is_silent {
            sink.begin(&schema).await?;
        }
        let mut count = 0;
        while let Some(batch) = rows.next().await {
            let batch = match explains {
                true => batch.and_then(|batch| Ok(explain::lines(&batch)?)),
                false => batch.map(|batch| renamed(batch, &schema)),
            };
            let batch = batch.map_err(diagnose)?;
            count += match counts {
                true => counted(&batch),
                false => batch.num_rows(),
            };
            if !is_silent {
                sink.rows(&batch).await?;
                // A reader of a pipe sees each page as it arrives; closing the pipe stops the listing.
                sink.flush().await?;
            }
        }
        if counts {
            return Ok(Done::Written(count));
        }
        if is_silent {
            return Ok(Done::Ok);
        }
        sink.finish().await?;
        Ok(Done::Rows(count))
    }
}

impl Session {
    /// Moves what a COPY has written to its target. A pipe may have no reader, so this is not waited for forever.
    ///
    /// # Errors
    ///
    /// Fails if a target cannot be written, or not in time.
    async fn commit(&self, staged: Vec<Staged>) -> Result<(), Error> {
        let limit = self.options.timeout;
        let work = || async move { staged.into_iter().try_for_each(Staged::commit) };
        match planner_thread::on_planner_thread_within(limit, work).await {
            Some(committed) => committed,
            None => Err(Error::statement(format!(
                "the target of the copy has not taken it within {} s",
                limit.as_secs()
            ))
            .hint("a pipe needs a reader; --timeout gives it more time")),
        }
    }
}

/// Returns true for plans whose one row is the number of rows that they write: that is told, and is no row for a reader.
fn counts(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Dml(_) | LogicalPlan::Copy(_))
}

/// Returns the number in the one row of such a plan.
fn counted(batch: &RecordBatch) -> usize {
    let counts = batch.columns().first().map(|column| column.as_ref());
    let counts = counts.and_then(|column| column.as_any().downcast_ref::<UInt64Array>());
    let sum: u64 = counts.map_or(0, |counts| counts.iter().flatten().sum());
    usize::try_from(sum).unwrap_or(usize::MAX)
}

/// Tells a reader who has enough what there is to know about the rows that it took.
fn noted(mut error: Error, scope: &Scope) -> Error {
    if error.kind == ErrorKind::BrokenPipe {
        let warnings = scope.warnings();
        error.notes.extend(warnings.iter().map(ToString::to_string));
    }
    error
}

/// Returns true for plans without a result, such as CREATE VIEW.
fn is_silent(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::EmptyRelation(empty) if !empty.produce_one_row && empty.schema.fields().is_empty())
}

/// Returns `batch` with the names of `schema`.
fn renamed(batch: RecordBatch, schema: &SchemaRef) -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = batch.columns().to_vec();
    // Only the names differ, so this cannot fail; if it did, the old names would do.
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).unwrap_or(batch)
}
