//! The rows of one call, as JSON objects, within their bounds.
//!
//! It takes rows until a bound on rows or bytes is reached, and then ends the statement: nothing is requested for
//! rows that nobody will see. The requests of a write are counted to the end, because their number decides.

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, FieldRef, SchemaRef};
use serde_json::{Map, Value, json};

use super::{Bounds, visible};
use crate::dialect::type_names::type_name;
use crate::error::{Error, ErrorKind};
use crate::render::{cell_json, distinct_names};
use crate::session::Sink;

/// Takes the rows of one call.
#[derive(Debug)]
pub(super) struct Rows {
    bounds: Bounds,
    /// The columns, with the names that they have in each row.
    columns: Vec<(String, FieldRef)>,
    bytes: usize,
    /// Rows that there are, as far as they have come.
    pub(super) count: usize,
    /// The rows that are shown.
    pub(super) rows: Vec<Value>,
    /// Whether to count the remaining rows once no more of them are shown.
    counts_all: bool,
    /// What cut the rows, if anything did.
    pub(super) cut: Option<Cut>,
}

/// A bound that cut a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Rows,
    Bytes,
    Requests,
}

impl Cut {
    /// Its name in a result.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Bytes => "bytes",
            Self::Requests => "requests",
        }
    }

    /// Says which bound it was, and how to ask for less.
    pub(super) fn told(self, bounds: &Bounds) -> String {
        match self {
            Self::Rows => format!(
                "cut after {} rows, there are more: count or group them, narrow WHERE, or page with ORDER BY id and \
                 WHERE id > the last one",
                bounds.rows
            ),
            Self::Bytes => format!(
                "cut after {} bytes of rows, there are more: name the columns that you need, or add a LIMIT",
                bounds.bytes
            ),
            Self::Requests => format!(
                "cut after {} requests, there may be more rows: name ids or an owner in WHERE, or add a LIMIT",
                bounds.requests
            ),
        }
    }
}

impl Rows {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self {
            bounds,
            columns: Vec::new(),
            bytes: 0,
            count: 0,
            rows: Vec::new(),
            counts_all: false,
            cut: None,
        }
    }

    /// Counts the rows that are not shown, too: of the requests of a write, all are known.
    pub(super) fn counting_all(self) -> Self {
        Self {
            counts_all: true,
            ..self
        }
    }

    /// Returns the columns with their types.
    pub(super) fn columns(&self) -> Vec<Value> {
        let columns = self.columns.iter();
        columns
            .map(|(name, field)| json!({ "name": name, "type": type_name(field.data_type()) }))
            .collect()
    }

    /// Returns the texts of the only column, such as the lines of a plan.
    pub(super) fn lines(&self) -> Vec<&str> {
        let cells = self.rows.iter().filter_map(|row| row.as_object());
        cells
            .filter_map(|row| row.values().next()?.as_str())
            .collect()
    }

    fn row(&self, batch: &RecordBatch, row: usize) -> Result<Value, Error> {
        let mut object = Map::new();
        for ((name, field), column) in self.columns.iter().zip(batch.columns()) {
            let raw = cell_json(field, column, row).map_err(|error| {
                Error::new(ErrorKind::Internal, "a cell cannot be shown").caused_by(error)
            })?;
            let cell = match field.data_type() {
                // A float would round it.
                DataType::Decimal128(..) | DataType::Decimal256(..) if raw != "null" => {
                    visible::text(raw.trim_matches('"'))
                }
                _ => visible::read(&raw),
            };
            object.insert(name.clone(), cell);
        }
        Ok(Value::Object(object))
    }

    /// Shows no more rows, because of `cut`. Fails to end the statement, unless rows are counted.
    fn end(&mut self, cut: Cut) -> Result<(), Error> {
        self.cut = Some(cut);
        match self.counts_all {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::BrokenPipe, "these rows are enough")),
        }
    }
}

#[async_trait]
impl Sink for Rows {
    async fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        let names = distinct_names(schema.fields());
        let columns = names.zip(schema.fields()).map(|(name, field)| {
            let name = crate::render::escape_controls(&name).into_owned();
            (name, FieldRef::clone(field))
        });
        self.columns = columns.collect();
        let named: usize = self.columns.iter().map(|(name, _)| name.len()).sum();
        if named > self.bounds.bytes {
            let (count, bytes) = (self.columns.len(), self.bounds.bytes);
            return Err(Error::statement(format!(
                "the names of the {count} columns have more than {bytes} bytes"
            ))
            .hint("name fewer columns, and give them short names with AS"));
        }
        Ok(())
    }

    async fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.count += batch.num_rows();
        if self.cut.is_some() {
            return Ok(());
        }
        for row in 0..batch.num_rows() {
            if self.rows.len() == self.bounds.rows {
                return self.end(Cut::Rows);
            }
            let object = self.row(batch, row)?;
            let bytes = object.to_string().len() + 1;
            if self.bytes + bytes > self.bounds.bytes {
                return self.end(Cut::Bytes);
            }
            self.bytes += bytes;
            self.rows.push(object);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use datafusion::arrow::array::{ArrayRef, Decimal128Array, Int64Array, StringArray};
    use datafusion::arrow::datatypes::{Field, Schema};

    async fn taken(bounds: Bounds, columns: Vec<(&str, ArrayRef)>) -> Rows {
        let fields = columns
            .iter()
            .map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let mut rows = Rows::within(bounds);
        rows.begin(&schema).await.unwrap();
        let end = rows.rows(&batch).await;
        assert_eq!(end.is_err(), rows.cut.is_some());
        rows
    }

    fn numbers(count: i64) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(0..count))
    }

    #[tokio::test]
    async fn the_bound_is_the_last_row_that_is_taken() {
        let bounds = Bounds {
            rows: 3,
            ..Bounds::default()
        };
        let rows = taken(bounds, vec![("n", numbers(3))]).await;
        assert_eq!((rows.rows.len(), rows.cut), (3, None));
        let rows = taken(bounds, vec![("n", numbers(4))]).await;
        assert_eq!((rows.rows.len(), rows.cut), (3, Some(Cut::Rows)));
    }

    #[tokio::test]
    async fn bytes_are_counted_as_they_are_sent() {
        let bounds = Bounds {
            // Each row is `{"n":0},`.
            bytes: 16,
            ..Bounds::default()
        };
        let rows = taken(bounds, vec![("n", numbers(2))]).await;
        assert_eq!((rows.rows.len(), rows.cut), (2, None));
        let rows = taken(bounds, vec![("n", numbers(3))]).await;
        assert_eq!((rows.rows.len(), rows.cut), (2, Some(Cut::Bytes)));
        let long: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(100)]));
        let rows = taken(bounds, vec![("n", long)]).await;
        assert_eq!((rows.rows.len(), rows.cut), (0, Some(Cut::Bytes)));
    }

    #[tokio::test]
    async fn no_value_is_lost_to_a_name_or_to_a_float() {
        let exact = Decimal128Array::from_iter_values([12_345_678_901_234_567_890_123])
            .with_precision_and_scale(38, 3)
            .unwrap();
        let columns = vec![
            ("n", numbers(1)),
            ("n", numbers(1)),
            ("a\u{202e}", Arc::new(exact) as ArrayRef),
        ];
        let rows = taken(Bounds::default(), columns).await;
        let expected = json!({ "n": 0, "n_1": 0, r"a\u{202e}": "12345678901234567890.123" });
        assert_eq!(rows.rows, [expected]);
        assert_eq!(
            rows.columns()[1],
            json!({ "name": "n_1", "type": "integer" })
        );
    }
}
