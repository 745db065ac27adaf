//! Resources as tables of the engine, and the views over them.
//!
//! This room turns the service's objects into Arrow rows, and the engine's predicates into the fewest requests. It depends on
//! [`crate::resource`] for what there is, on [`crate::api`] for the requests, and on DataFusion for its traits. It never
//! parses SQL, and never writes.
//!
//! - [`read`], [`decode`], `key_reader`, `buffer`: pages and keys into record batches; `dedup`: each key once;
//! - [`pushdown`]: predicates into requests, as plain values;
//! - [`scan`], `fetch`, `shared`: the plan node, and the streams that carry out its requests;
//! - `optimize`, `used_fields`, `fields`, `join_on_id`, `concurrent_scans`, `start_group`: rules over physical plans
//!   that know what a request costs, and what starts scans together;
//! - `unused_joins`: a rule over logical plans that saves requests; `spelling`: values in them that the service never writes;
//! - `findings`: the view of what may be wrong with keys; `skipped_controls`: which of it could not be looked for;
//! - [`catalog`]: where the tables, the views and the user's own tables live;
//! - [`scope`]: what one statement shares with all its scans.

mod buffer;
pub(crate) mod catalog;
mod concurrent_scans;
pub mod decode;
mod dedup;
mod fetch;
mod fields;
mod findings;
mod join_on_id;
mod key_reader;
mod optimize;
mod pushdown;
pub mod read;
pub(crate) mod scan;
pub(crate) mod scope;
mod shared;
mod skipped_controls;
mod spelling;
mod start_group;
mod unused_joins;
mod used_fields;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::api::Client;
use crate::resource::Resource;
use fetch::KnownPages;
pub(crate) use findings::{ControlPlanner, Thresholds};
pub(crate) use optimize::{logical_rules, rules};
use scan::ResourceScan;
pub(crate) use spelling::check as check_spelling;
pub(crate) use used_fields::for_output;

/// The service, or the reason why it cannot be asked.
///
/// Much needs no service (`SELECT 1`, files, DESCRIBE, EXPLAIN), so a session without credentials is a session still;
/// the reason comes up at the first request.
#[derive(Debug, Clone)]
pub struct Connection(Result<Client, NotConnected>);

/// Why the service cannot be asked, and what to do about it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct NotConnected {
    /// What is missing.
    pub reason: String,
    /// The next step.
    pub hint: String,
}

impl From<NotConnected> for DataFusionError {
    fn from(error: NotConnected) -> Self {
        Self::External(Box::new(error))
    }
}

impl Connection {
    /// A session that can ask the service through `client`.
    pub fn to(client: Client) -> Self {
        Self(Ok(client))
    }

    /// A session that cannot ask the service, because of `reason`.
    pub fn missing(reason: NotConnected) -> Self {
        Self(Err(reason))
    }

    /// Returns the same connection, except that nothing is sent that changes something.
    pub fn reading_only(self) -> Self {
        Self(self.0.map(|client| client.reading_only()))
    }

    /// Returns the client.
    ///
    /// # Errors
    ///
    /// Fails with the reason why there is no connection.
    pub fn client(&self) -> Result<&Client, NotConnected> {
        self.0.as_ref().map_err(Clone::clone)
    }
}

/// The table of a resource.
#[derive(Debug, Clone)]
pub struct ResourceTable {
    resource: &'static Resource,
    schema: SchemaRef,
    connection: Connection,
    known: KnownPages,
}

impl ResourceTable {
    /// The objects of `resource` that `connection` reaches.
    pub fn new(resource: &'static Resource, connection: Connection) -> Self {
        Self {
            resource,
            schema: resource.schema(),
            connection,
            known: KnownPages::default(),
        }
    }
}

#[async_trait]
impl TableProvider for ResourceTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    // Filters are not taken here: those over nested fields never arrive through a view or a CTE, and the physical
    // pushdown brings all of them to the scan.
    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = match projection {
            Some(columns) => columns.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let schema = Arc::new(self.schema.project(&projection)?);
        Ok(Arc::new(ResourceScan::new(
            self.resource,
            self.connection.clone(),
            self.known.clone(),
            schema,
            projection,
            limit,
        )))
    }
}
