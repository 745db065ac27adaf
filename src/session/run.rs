//! Runs a statement: reads what it is, has it carried out, and gives its rows to the sink.
//!
//! Turns one [`Piece`] of a script into rows and a [`Report`]. It calls everything else in a session: planning, writes,
//! StackQL's statements, copies. A panic in any of them is an error of the statement.

use std::fs::File;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::{RecordBatch, UInt64Array};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{LogicalPlan, WriteOp};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::parser::Statement as EngineStatement;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::copy::{self, Staged};
use super::diagnose;
use super::error::{in_statement, without_other_dialect};
use super::executor::panicked;
use super::explain;
use super::interrupt::Interrupt;
use super::local_change::LocalChange;
use super::memory::HeldRows;
use super::params::Params;
use super::plan::Reading;
use super::planner_thread::on_planner_thread_within;
use super::report::{Done, Report};
use super::sink::Sink;
use super::write::Writer;
use super::{Call, Session};
use crate::api::{Budget, Traffic};
use crate::dialect::output_names::{Names, renamed};
use crate::dialect::{Dialect, parse};
use crate::error::{Error, ErrorKind};
use crate::resource;
use crate::sql::operation::Operation;
use crate::sql::split::Piece;
use crate::table::scope::Scope;

impl Session {
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
        // In a box, because the future is large, and a caller that awaits several statements holds each in its frame.
        let carried_out = Box::pin(self.carry_out(call, sink));
        let done = match AssertUnwindSafe(carried_out).catch_unwind().await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => {
                let error = match self.dialect() {
                    Dialect::Default => error,
                    Dialect::Stackql => without_other_dialect(error),
                };
                return Err(noted(error, &scope));
            }
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
        let operation = Operation::read(piece, self.dialect()).map_err(wrong)?;
        self.perform(operation, call, sink).await
    }

    /// Runs `operation`, which the statement of `call` was read as.
    pub(super) async fn perform(
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
                let done = call.interrupt.stops(done).await;
                // A paused reader keeps a query from noticing at once that it is to stop.
                done.map_err(
                    |error| match call.interrupt.is_raised() && is_unread(&error) {
                        true => Error::interrupted(),
                        false => error,
                    },
                )
            }
        }
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
        let is_silent = counts.is_some() || is_silent(frame.logical_plan());
        let explains = matches!(
            frame.logical_plan(),
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)
        );
        let (state, plan) = frame.into_parts();
        if let (Some(change), Some(done)) = (LocalChange::of(&plan).map_err(diagnose)?, counts) {
            let query = DataFrame::new(state, change.query.clone());
            let rows = self.stream(query, scope).await?.map_err(diagnose)?;
            let mut held = HeldRows::new(&self.context.runtime_env());
            let rows = Box::pin(held.collect(rows)).await.map_err(diagnose)?;
            return Ok(done(change.put(rows).await.map_err(diagnose)?));
        }
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
        let mut held = HeldRows::new(&self.context.runtime_env());
        while let Some(batch) = rows.next().await {
            let batch = match explains {
                true => batch.and_then(|batch| Ok(explain::lines(&batch)?)),
                false => batch.map(|batch| renamed(batch, &schema)),
            };
            let batch = batch.map_err(diagnose)?;
            count += match counts {
                Some(_) => counted(&batch),
                None => batch.num_rows(),
            };
            if !is_silent {
                scope.note_rows(&batch);
                if !sink.is_streaming() {
                    held.add_text(&batch).map_err(diagnose)?;
                }
                sink.rows(&batch).await?;
                // A reader of a pipe sees each page as it arrives; closing the pipe stops the listing.
                sink.flush().await?;
            }
        }
        if let Some(done) = counts {
            return Ok(done(count));
        }
        if is_silent {
            return Ok(Done::Ok);
        }
        sink.finish().await?;
        Ok(Done::Rows(count))
    }

    /// Moves what a COPY has written to its target. A pipe may have no reader, so this is not waited for forever.
    ///
    /// An interruption drops this wherever it waits, and is told as one. So files are moved where it does not wait: a COPY
    /// that is told to be interrupted has replaced nothing.
    ///
    /// # Errors
    ///
    /// Fails if a target cannot be written, or not in time.
    async fn commit(&self, staged: Vec<Staged>) -> Result<(), Error> {
        let (streams, files): (Vec<_>, Vec<_>) = staged.into_iter().partition(Staged::is_stream);
        // The disk may take its time, which is waited for beforehand. Whether it took them is seen when they are moved.
        let written: Vec<_> = files.iter().map(Staged::written).collect();
        self.within_limit(move || written.iter().for_each(|path| sync(path)))
            .await?;
        files.into_iter().try_for_each(Staged::commit)?;
        if streams.is_empty() {
            return Ok(());
        }
        self.within_limit(|| streams.into_iter().try_for_each(Staged::commit))
            .await?
    }

    /// Runs `work` on a thread of its own, for as long as a statement may wait.
    async fn within_limit<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let limit = self.options.timeout;
        let work = || async move { work() };
        on_planner_thread_within(limit, work).await.ok_or_else(|| {
            Error::statement(format!(
                "the target of the copy did not accept the data within {} s",
                limit.as_secs()
            ))
            .hint("a pipe needs a reader; pass --timeout to allow more time")
        })
    }
}

/// Returns true if `error` says that the reader takes no more data.
fn is_unread(error: &Error) -> bool {
    let cause = error.find::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

/// Puts a file on the disk, if it is there.
fn sync(path: &Path) {
    let _ = File::open(path).and_then(|file| file.sync_all());
}

/// Returns what is done by plans whose one row is the number of rows that they write: that is told, and is no row for a
/// reader.
fn counts(plan: &LogicalPlan) -> Option<fn(usize) -> Done> {
    match plan {
        LogicalPlan::Copy(_) => Some(Done::Written),
        LogicalPlan::Dml(write) => Some(match write.op {
            WriteOp::Update => Done::LocalUpdated,
            WriteOp::Delete | WriteOp::Truncate => Done::LocalDeleted,
            WriteOp::Insert(_) | WriteOp::Ctas => Done::LocalInserted,
            _ => Done::Written,
        }),
        _ => None,
    }
}

/// Returns the number in the one row of such a plan.
fn counted(batch: &RecordBatch) -> usize {
    let counts = batch.columns().first().map(|column| column.as_ref());
    let counts = counts.and_then(|column| column.as_any().downcast_ref::<UInt64Array>());
    let sum: u64 = counts.map_or(0, |counts| counts.iter().flatten().sum());
    usize::try_from(sum).unwrap_or(usize::MAX)
}

/// Adds what is to be known about the rows that a reader took before it left.
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
