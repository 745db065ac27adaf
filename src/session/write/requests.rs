//! The requests of a write as rows, for --dry-run and EXPLAIN.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, StringArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::{Rows, Writer};
use crate::api::request::Request;
use crate::error::Error;
use crate::resource::{Writes, json_metadata};
use crate::session::{Done, Sink};

/// Requests that are shown before others get a turn.
const ROWS_AT_A_TIME: usize = 512;

/// Returns the columns of requests that are shown; with those that name the key that each is about, if it exists and is
/// written as `named` says.
pub(super) fn schema(named: Option<&Writes>) -> SchemaRef {
    let mut fields = vec![
        Field::new("method", DataType::Utf8, false),
        Field::new("path", DataType::Utf8, false),
        Field::new("body", DataType::Utf8, true).with_metadata(json_metadata()),
    ];
    if let Some(writes) = named {
        let names = writes.telling_names();
        fields.extend(names.map(|name| Field::new(name, DataType::Utf8, true)));
    }
    Arc::new(Schema::new(fields))
}

/// Returns the text column at `path` of `rows`, such as `spec.owner.id`.
pub(crate) fn text_at(rows: &RecordBatch, path: &str) -> Option<ArrayRef> {
    let mut steps = path.split('.');
    let mut column = Arc::clone(rows.column_by_name(steps.next()?)?);
    for step in steps {
        column = Arc::clone(column.as_struct_opt()?.column_by_name(step)?);
    }
    (column.data_type() == &DataType::Utf8).then_some(column)
}

impl Writer<'_> {
    /// Returns true if the keys that requests are about are named beside them. EXPLAIN sends nothing to find out.
    pub(super) fn names_keys(&self) -> bool {
        self.is_dry && self.session.options.dry_run
    }

    /// Delivers `requests` as rows without sending them, each with the names of the key that it is about, if there are
    /// keys.
    pub(super) async fn show(
        &self,
        requests: &[Request],
        keys: Option<&Rows>,
        sink: &mut dyn Sink,
    ) -> Result<Done, Error> {
        let named = self.resource.writes.as_ref().filter(|_| keys.is_some());
        let schema = schema(named);
        let methods = requests.iter().map(|r| Some(r.line.method.as_str()));
        let paths = requests
            .iter()
            .map(|r| Some(r.line.path_and_query.as_str()));
        let bodies = requests
            .iter()
            .map(|r| r.body.as_ref().map(|body| body.as_str()));
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(methods.collect::<StringArray>()),
            Arc::new(paths.collect::<StringArray>()),
            Arc::new(bodies.collect::<StringArray>()),
        ];
        if let (Some(keys), Some(writes)) = (keys, named) {
            columns.extend([writes.display_name, writes.owner.path].map(|path| {
                let fetched = keys.fetched.as_ref();
                let names = fetched.and_then(|fetched| text_at(fetched, path));
                names.unwrap_or_else(|| new_null_array(&DataType::Utf8, requests.len()))
            }));
        }
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)
            .map_err(|error| Error::statement("the requests cannot be shown").caused_by(error))?;
        sink.begin(&schema).await?;
        let sent = async {
            for first in (0..batch.num_rows()).step_by(ROWS_AT_A_TIME) {
                let count = ROWS_AT_A_TIME.min(batch.num_rows() - first);
                sink.rows(&batch.slice(first, count)).await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        };
        self.call.interrupt.stops(sent).await?;
        sink.finish().await?;
        Ok(Done::Shown(requests.len()))
    }
}
