//! The requests of a write as rows, for --dry-run and EXPLAIN.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::Writer;
use crate::api::request::Request;
use crate::error::Error;
use crate::session::{Done, Sink};

/// Returns the columns of requests that are shown.
pub(super) fn schema() -> SchemaRef {
    let json = HashMap::from([("ARROW:extension:name".to_owned(), "arrow.json".to_owned())]);
    Arc::new(Schema::new(vec![
        Field::new("method", DataType::Utf8, false),
        Field::new("path", DataType::Utf8, false),
        Field::new("body", DataType::Utf8, true).with_metadata(json),
    ]))
}

impl Writer<'_> {
    /// Delivers `requests` as rows without sending them.
    pub(super) async fn show(
        &self,
        requests: &[Request],
        sink: &mut dyn Sink,
    ) -> Result<Done, Error> {
        let schema = schema();
        let methods = requests.iter().map(|r| Some(r.line.method.as_str()));
        let paths = requests
            .iter()
            .map(|r| Some(r.line.path_and_query.as_str()));
        let bodies = requests
            .iter()
            .map(|r| r.body.as_ref().map(|body| body.as_str()));
        let batch = RecordBatch::try_new(
            Arc::clone(&schema),
            vec![
                Arc::new(methods.collect::<StringArray>()),
                Arc::new(paths.collect::<StringArray>()),
                Arc::new(bodies.collect::<StringArray>()),
            ],
        )
        .map_err(|error| Error::statement("the requests cannot be shown").caused_by(error))?;
        sink.begin(&schema).await?;
        sink.rows(&batch).await?;
        sink.finish().await?;
        Ok(Done::Shown(requests.len()))
    }
}
