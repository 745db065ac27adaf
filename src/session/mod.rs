//! A session: statements in, rows to a [`Sink`] and a [`Report`] out.
//!
//! Reads go through the engine, writes straight to the service. It depends on [`crate::sql`] for what a statement is,
//! on [`crate::table`] for the data, on [`crate::api`] for the writes. It never prints and never talks to a person:
//! what it has to say is in the report or the error, and it asks through [`Options`].
//!
//! This file defines what a session consists of; the others, which import it, define what it can do: `run` runs a
//! statement, `describe` tells its columns without running it, `plan` plans it, `write` changes keys.

mod column_type;
mod copy;
mod create;
mod delimited;
mod describe;
mod description;
mod diagnose;
mod engine;
mod error;
mod executor;
mod explain;
mod information_schema;
mod interrupt;
mod json_lines;
mod last_result;
mod local_change;
mod local_files;
mod memory;
mod names;
mod options;
mod params;
mod partition_key;
mod plan;
mod planner_thread;
mod prepared;
mod report;
mod run;
mod sink;
mod stackql;
mod staging;
mod text_sink;
mod text_table;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::prelude::SessionContext;
use parking_lot::Mutex;

use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind};
use crate::resource::{self, CATALOG, DEFAULT_SCHEMA};
use crate::sql::split::Piece;
use crate::table::Connection;
use crate::table::scope::Scope;

pub use description::Description;
pub use error::in_statement;
pub(crate) use executor::panicked;
pub use interrupt::Interrupt;
pub use names::{Function, Relation};
pub use options::Options;
pub use params::Params;
pub(crate) use planner_thread::{ENGINE_THREAD, STACK};
use prepared::Prepared;
pub use report::{Done, Report};
pub use sink::Sink;
pub(crate) use staging::{StagedFile, Target, has_staged, remove_staged, unfinished};
pub(crate) use write::text_at;
pub use write::{
    Confirm, Journals, Origin, Question, RescueFile, Unfinished, Verb, save_undelivered,
};

/// A session.
pub struct Session {
    context: SessionContext,
    connection: Connection,
    options: Arc<Options>,
    /// The statements that created materialized views, by name.
    materialized: Mutex<BTreeMap<String, Piece>>,
    prepared: Arc<Prepared>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
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
            prepared: Arc::default(),
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
            stderr_is_read: None,
            no_files: true,
            max_requests: Some(max_requests),
            ..self.options.as_ref().clone()
        };
        Self::open(self.connection.clone(), options).await
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
}
