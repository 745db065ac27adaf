//! Rows that are kept in memory: the last result, and what `\gset`, `\crosstabview` and `\watch` work on.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::error::Error;
use crate::render::cell_text;
use crate::session::Sink;

/// The table that holds the last result.
pub(super) const LAST_RESULT: &str = "_";

/// Bytes of rows that are kept.
const MAX_BYTES: usize = 64 << 20;

/// The rows of one result.
#[derive(Debug, Default)]
pub(super) struct BufferedRows {
    schema: Option<SchemaRef>,
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl BufferedRows {
    /// Returns true if there was a result, and more of it than is kept.
    pub(super) fn is_too_large(&self) -> bool {
        self.bytes > MAX_BYTES
    }

    /// Returns true if there was a result.
    pub(super) fn has_result(&self) -> bool {
        self.schema.is_some()
    }

    /// Returns the result, if there was one.
    pub(super) fn into_result(self) -> Option<(SchemaRef, Vec<RecordBatch>)> {
        Some((self.schema?, self.batches))
    }

    /// Returns the rows as one batch.
    ///
    /// Fails if there was no result, or more of it than is kept.
    pub(super) fn into_batch(self) -> Result<RecordBatch, Error> {
        if self.is_too_large() {
            return Err(
                Error::statement("the result is too large to keep in memory")
                    .hint("select fewer rows or columns"),
            );
        }
        let (schema, batches) = self
            .into_result()
            .ok_or_else(|| Error::statement("the statement has no rows"))?;
        concat_batches(&schema, &batches)
            .map_err(|error| Error::statement("the rows cannot be kept").caused_by(error))
    }

    fn begin(&mut self, schema: &SchemaRef) {
        *self = Self {
            schema: Some(Arc::clone(schema)),
            ..Self::default()
        };
    }

    fn add(&mut self, batch: &RecordBatch) {
        self.bytes += batch.get_array_memory_size();
        match self.is_too_large() {
            true => self.batches.clear(),
            false => self.batches.push(batch.clone()),
        }
    }
}

#[async_trait]
impl Sink for BufferedRows {
    async fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        Self::begin(self, schema);
        Ok(())
    }

    async fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.add(batch);
        Ok(())
    }

    fn is_streaming(&self) -> bool {
        false
    }
}

/// Hands rows on, and keeps them.
pub(super) struct Keeping<'s> {
    pub(super) to: &'s mut dyn Sink,
    pub(super) memory: &'s mut BufferedRows,
}

#[async_trait]
impl Sink for Keeping<'_> {
    async fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        self.memory.begin(schema);
        self.to.begin(schema).await
    }

    async fn expect(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        self.to.expect(rows).await
    }

    async fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.memory.add(batch);
        self.to.rows(batch).await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        self.to.flush().await
    }

    async fn finish(&mut self) -> Result<(), Error> {
        self.to.finish().await
    }

    async fn check(&mut self, bytes: u64) -> Result<(), Error> {
        self.to.check(bytes).await
    }

    async fn settle(&mut self) -> Result<(), Error> {
        self.to.settle().await
    }

    fn reformat(&mut self, format: &str) -> Result<(), Error> {
        self.to.reformat(format)
    }

    fn keeps(&self) -> bool {
        self.to.keeps()
    }

    fn discards(&self) -> bool {
        self.to.discards()
    }

    async fn has_arrived(&mut self) -> bool {
        self.to.has_arrived().await
    }

    fn is_streaming(&self) -> bool {
        self.to.is_streaming()
    }
}

/// Returns the cells of `batch` as text, row by row; None is NULL.
///
/// Fails if a type has no text; no such type is known.
pub(super) fn texts(batch: &RecordBatch) -> Result<Vec<Vec<Option<String>>>, Error> {
    let schema = batch.schema();
    let cell = |row: usize, column: usize| {
        cell_text(&schema.fields()[column], batch.column(column), row)
            .map_err(|error| Error::statement("the rows cannot be read").caused_by(error))
    };
    (0..batch.num_rows())
        .map(|row| {
            (0..batch.num_columns())
                .map(|column| cell(row, column))
                .collect()
        })
        .collect()
}

/// The rows of the last run of `\watch`.
#[derive(Debug, Default)]
pub(super) struct Seen(Option<HashMap<Vec<Option<String>>, usize>>);

impl Seen {
    /// Takes note of the rows of `batch`, and returns them with a column before them that marks those which the last
    /// run did not have; the first run marks none.
    ///
    /// Fails as [`texts`] does.
    pub(super) fn mark(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let rows = texts(batch)?;
        let mut now: HashMap<_, usize> = HashMap::new();
        let mut before = self.0.take();
        let mut marks = Vec::with_capacity(rows.len());
        for row in rows {
            let known = match &mut before {
                None => true,
                Some(before) => before.get_mut(&row).is_some_and(|left| {
                    let is_there = *left > 0;
                    *left = left.saturating_sub(1);
                    is_there
                }),
            };
            marks.push(if known { "" } else { "*" });
            *now.entry(row).or_default() += 1;
        }
        self.0 = Some(now);
        let mut fields = vec![Arc::new(Field::new("*", DataType::Utf8, false))];
        fields.extend(batch.schema().fields().iter().cloned());
        let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(marks))];
        columns.extend(batch.columns().iter().cloned());
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .map_err(|error| Error::statement("the rows cannot be marked").caused_by(error))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;

    use super::*;

    fn numbers(values: &[i64]) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
        RecordBatch::try_from_iter([("n", column)]).unwrap()
    }

    #[test]
    fn rows_that_the_last_run_did_not_have_are_marked() {
        let mut seen = Seen::default();
        let mut marks = |values: &[i64]| -> String {
            let marked = texts(&seen.mark(&numbers(values)).unwrap()).unwrap();
            let marks = marked.iter().map(|row| row[0].as_deref().unwrap());
            marks
                .map(|mark| if mark.is_empty() { "-" } else { mark })
                .collect()
        };
        assert_eq!(marks(&[1, 2]), "--");
        assert_eq!(marks(&[1, 3, 2]), "-*-");
        assert_eq!(marks(&[1, 1, 3]), "-*-");
        assert_eq!(marks(&[]), "");
        assert_eq!(marks(&[1]), "*");
    }

    #[test]
    fn rows_beyond_the_bound_are_not_kept() {
        let mut memory = BufferedRows::default();
        memory.begin(&numbers(&[]).schema());
        memory.add(&numbers(&vec![0; MAX_BYTES / 8]));
        memory.add(&numbers(&[1]));
        assert!(memory.is_too_large() && memory.batches.is_empty());
        assert!(memory.into_batch().is_err());
    }
}
