//! Rows as a table of the session, so that a result can be asked further questions without a request.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;

use super::Session;
use crate::error::{Error, ErrorKind};

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
    let taken: HashSet<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let mut used = HashSet::new();
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| {
            let mut name = field.name().clone();
            let mut number = 1;
            while !used.insert(name.clone()) {
                number += 1;
                name = format!("{}_{number}", field.name());
                if taken.contains(name.as_str()) {
                    name = field.name().clone();
                }
            }
            field.as_ref().clone().with_name(name).with_nullable(true)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field};

    use super::*;

    #[test]
    fn columns_of_one_name_get_numbers() {
        let field = |name: &str| Field::new(name, DataType::Utf8, false);
        let schema = Schema::new(["id", "id", "id_2", "id"].map(field).to_vec());
        let names: Vec<_> = distinct(&Arc::new(schema))
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        assert_eq!(names, ["id", "id_3", "id_2", "id_4"]);
    }
}
