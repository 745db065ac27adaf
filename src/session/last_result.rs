//! The last result as a table of the session, so that it can be queried without a request.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;

use super::Session;
use crate::error::{Error, ErrorKind};
use crate::render::distinct_names;

impl Session {
    /// Makes `rows` the table `name`, in memory, in place of one that was made so before. A column whose name another one
    /// has before it gets a number.
    ///
    /// # Errors
    ///
    /// Fails if the rows do not fit their columns, or the name belongs to the schema.
    pub fn set_table(
        &self,
        name: &str,
        schema: &SchemaRef,
        rows: Vec<RecordBatch>,
    ) -> Result<(), Error> {
        let failed = |error: DataFusionError| {
            Error::new(
                ErrorKind::Internal,
                format!("the rows cannot be kept as `{name}`"),
            )
            .caused_by(error)
        };
        let schema = distinct(schema);
        let rows = rows
            .into_iter()
            .map(|batch| {
                let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                let columns = batch.columns().to_vec();
                RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| failed(error.into()))?;
        let table = MemTable::try_new(schema, vec![rows]).map_err(failed)?;
        let name = TableReference::bare(name);
        self.context
            .deregister_table(name.clone())
            .and_then(|_| self.context.register_table(name, Arc::new(table)))
            .map_err(failed)?;
        Ok(())
    }

    /// Removes a table that [`set_table`](Self::set_table) made, if there is one.
    pub fn remove_table(&self, name: &str) {
        // Only tables that belong to the schema cannot be removed.
        let _ = self.context.deregister_table(TableReference::bare(name));
    }
}

/// Returns `schema` with names of which none occurs twice, and with columns that may be NULL.
fn distinct(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().zip(distinct_names(schema.fields()));
    let fields = fields.map(|(field, name)| {
        let field = field.as_ref().clone().with_name(name);
        field.with_nullable(true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
