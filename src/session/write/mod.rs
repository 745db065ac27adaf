//! Runs INSERT, UPDATE and DELETE.
//!
//! The engine evaluates every expression; the requests bypass it, because a create must return rows. The order is the
//! same for all three: check everything that can be wrong, ask the guards, send the requests in parallel, and account
//! for each of them whatever happens.

mod candidates;
mod concurrent;
mod confirm;
mod delete;
mod delivery;
mod describe;
mod guard;
mod insert;
mod journal;
mod outcome;
mod requests;
mod rescue;
mod returning;
mod undelivered;
mod update;
mod values;

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::compute::{concat_batches, take_record_batch};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::projection::ProjectionExec;
use futures::future::BoxFuture;
use sqlparser::ast::Query;
use tokio::time::timeout;

use super::diagnose;
use super::error::{in_statement, without_other_dialect};
use super::memory::HeldRows;
use super::plan::{PlanResult, Reading};
use super::report::Done;
use super::sink::Sink;
use super::{Call, Session};
use crate::api::{Client, KeyBody, KeyId};
use crate::dialect::parse::query_statement;
use crate::dialect::{self, Dialect};
use crate::error::{Error, ErrorKind};
use crate::resource::Resource;
use crate::sql::spec::Spec;
use crate::sql::write::{self, Write};
use crate::table::decode::Decoder;
use crate::table::scan::ResourceScan;

use returning::Returning;

pub use confirm::{Confirm, Question, Verb};
pub(super) use describe::describe;
pub use journal::{Journals, Origin, Unfinished};
pub(crate) use requests::text_at;
pub use rescue::RescueFile;
pub use undelivered::save_undelivered;

/// One running statement that changes keys.
pub(super) struct Writer<'s> {
    pub(super) session: &'s Session,
    /// What is written.
    pub(super) resource: &'static Resource,
    pub(super) call: Call<'s>,
    /// True if the requests are to be shown, and none sent that changes anything.
    pub(super) is_dry: bool,
}

/// The keys that an UPDATE or DELETE affects.
struct Rows {
    ids: Vec<KeyId>,
    /// Their rows, in the same order, if they had to be fetched.
    fetched: Option<RecordBatch>,
}

impl Writer<'_> {
    /// Carries out `write`, its rows going to `sink`.
    pub(super) async fn run(self, write: Write, sink: &mut dyn Sink) -> Result<Done, Error> {
        if self.session.options.read_only && !self.is_dry {
            return Err(
                Error::new(ErrorKind::Permission, "this session is read-only").hint(
                    "leave out --read-only, or read_only of the profile; EXPLAIN shows what the statement would send",
                ),
            );
        }
        let done = match write {
            Write::Insert(insert) => self.insert(*insert, sink).await,
            Write::Update(update) => self.update(*update, sink).await,
            Write::Delete(delete) => self.delete(*delete, sink).await,
        };
        // If keys were to be changed, a reader that went away is a failure.
        done.map_err(|error| match error.kind {
            ErrorKind::BrokenPipe => Error {
                kind: ErrorKind::Io,
                ..error
            },
            _ => error,
        })
    }

    fn client(&self) -> Result<Client, Error> {
        let client = self.session.connection.client()?;
        let scope = self.call.scope;
        Ok(scope
            .client(client, Arc::clone(scope.traffic()))
            .stopped_by(self.call.interrupt.stop()))
    }

    /// Returns the key that the session authenticates with.
    fn own_key(&self) -> Option<String> {
        let client = self.session.connection.client().ok()?;
        client.key_id().map(str::to_owned)
    }

    fn wrong(&self, error: dialect::error::Error) -> Error {
        in_statement(error, &self.call.piece.text, self.call.piece.line)
    }

    fn failed(&self, error: DataFusionError) -> Error {
        // Conditions of writes are strict in either dialect.
        without_other_dialect(diagnose::diagnose(
            error,
            self.call.piece,
            &self.session.tables(),
        ))
    }

    async fn frame(&self, query: Query) -> Result<PlanResult<DataFrame>, Error> {
        self.session
            .plan(query_statement(query), Reading::Strict, self.call.params)
            .await
    }

    /// Plans a query that finds the keys of an UPDATE or DELETE. Its types are strict in either dialect: where text counts for
    /// a number, a slip could mean other keys.
    async fn finding(&self, query: Query) -> Result<PlanResult<DataFrame>, Error> {
        let frame = self.frame(query).await?;
        Ok(frame.and_then(|frame| {
            let (mut state, plan) = frame.into_parts();
            if reads_many(&plan) {
                return Err(of_many(self.resource).into());
            }
            let options = state.config_mut().options_mut();
            options.extensions.insert(Dialect::Default);
            Ok(DataFrame::new(state, plan))
        }))
    }

    /// Plans the list `typed`.
    async fn returning(&self, typed: &write::Returning) -> Result<Returning, Error> {
        let (planner, typed) = (self.session.planner(self.call.params), typed.clone());
        let planning = || async move { Returning::plan(typed, &planner).await };
        let planned = self.session.within_timeout(planning);
        let planned = self.call.interrupt.stops(planned).await?;
        planned.map_err(|error| self.failed(error))
    }

    /// Runs what `planned` plans and returns all of its rows.
    async fn rows_of(
        &self,
        planned: BoxFuture<'_, Result<PlanResult<DataFrame>, Error>>,
    ) -> Result<RecordBatch, Error> {
        let failed = |error: DataFusionError| self.failed(error);
        let collected = async {
            let frame = planned.await?.map_err(failed)?;
            let rows = self.session.stream(frame, self.call.scope).await?;
            let rows = rows.map_err(failed)?;
            let schema = rows.schema();
            let mut held = HeldRows::new(&self.session.context.runtime_env());
            let batches = held.collect(rows).await.map_err(failed)?;
            concat_batches(&schema, &batches).map_err(|error| failed(error.into()))
        };
        self.call.interrupt.stops(collected).await
    }

    /// Returns what `read` reads from the rows of the statement, unless it is stopped or takes too long.
    async fn values(
        &self,
        read: impl Future<Output = Result<Vec<Spec>, dialect::error::Error>>,
    ) -> Result<Vec<Spec>, Error> {
        let limit = self.session.options.timeout;
        let read = async {
            match timeout(limit, read).await {
                Ok(specs) => specs.map_err(|error| self.wrong(error)),
                Err(_) => Err(Error::statement(format!(
                    "the rows of the statement could not be read within {} s",
                    limit.as_secs()
                ))
                .hint("pass --timeout to allow more time")),
            }
        };
        self.call.interrupt.stops(read).await
    }

    /// Returns the ids that `query` will find, if its predicate alone tells them.
    async fn known_ids(&self, query: Query) -> Result<Option<Vec<KeyId>>, Error> {
        let plan = async {
            match Box::pin(self.finding(query)).await? {
                Ok(frame) => self.session.physical_plan(frame).await,
                Err(error) => Ok(Err(error)),
            }
        };
        let plan = self.call.interrupt.stops(plan).await?;
        let mut plan = plan.map_err(|error| self.failed(error))?;
        while let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            plan = Arc::clone(projection.input());
        }
        if plan.downcast_ref::<EmptyExec>().is_some() {
            return Ok(Some(Vec::new()));
        }
        Ok(plan
            .downcast_ref::<ResourceScan>()
            .and_then(ResourceScan::known_ids))
    }

    /// Finds the rows of an UPDATE or DELETE by the queries of their ids and of their rows; their columns are read if
    /// `needs_rows`, or if a person is asked about them.
    async fn affected(
        &self,
        (ids, rows): (Query, Query),
        needs_rows: bool,
        is_unbounded: bool,
    ) -> Result<Rows, Error> {
        let found = self.find(ids.clone(), rows.clone(), needs_rows).await?;
        match found.fetched.is_none() && self.asks(is_unbounded, &found) {
            true => self.find(ids, rows, true).await,
            false => Ok(found),
        }
    }

    /// Finds the rows of an UPDATE or DELETE: by their ids alone if `ids` tells them and nothing else is `needed`.
    async fn find(&self, ids: Query, rows: Query, needs_rows: bool) -> Result<Rows, Error> {
        if !needs_rows && let Some(ids) = self.known_ids(ids).await? {
            return Ok(Rows { ids, fetched: None });
        }
        let fetched = self.rows_of(Box::pin(self.finding(rows))).await?;
        let ids = fetched
            .column(0)
            .as_string_opt::<i32>()
            .ok_or_else(|| Error::statement("the rows to write have no ids"))?;
        let ids = (0..fetched.num_rows())
            .map(|row| {
                let id = if ids.is_null(row) { "" } else { ids.value(row) };
                KeyId::new(id).ok_or_else(|| {
                    Error::statement(format!("key `{id}` cannot be requested by its id"))
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Rows {
            ids,
            fetched: Some(fetched),
        })
    }
}

/// Returns true if `plan` makes its rows of several, or several of one. What it reads in FROM may do so.
fn reads_many(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) | LogicalPlan::Unnest(_) => true,
        LogicalPlan::Join(_) | LogicalPlan::SubqueryAlias(_) => false,
        plan => plan.inputs().into_iter().any(reads_many),
    }
}

fn of_many(resource: &Resource) -> Error {
    let example = resource.writes.as_ref().map_or("", |w| w.description);
    Error::statement(
        "SET computes a value for each key; aggregate functions, window functions and unnest are not allowed",
    )
    .hint(format!("a subquery reads several rows: SET {example} = (SELECT max(…) FROM …)"))
}

impl Rows {
    /// Returns the rows at `positions`, in that order.
    fn pick(&self, positions: &[usize]) -> Result<Self, Error> {
        let indices = positions.iter().map(|&position| position as u64);
        let indices = UInt64Array::from_iter_values(indices);
        let fetched = match &self.fetched {
            Some(fetched) => Some(take_record_batch(fetched, &indices).map_err(|error| {
                Error::statement("the rows of the write cannot be put in order").caused_by(error)
            })?),
            None => None,
        };
        let ids = positions.iter().map(|&position| self.ids[position].clone());
        Ok(Self {
            ids: ids.collect(),
            fetched,
        })
    }
}

/// Decodes the object of an answer as a row with all columns of the table.
fn row_of(mut decoder: Decoder, key: &KeyBody) -> Result<RecordBatch, DataFusionError> {
    decoder
        .push(key.raw())
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
    Ok(decoder.finish()?)
}
