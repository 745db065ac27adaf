//! Where the rows of a statement go.

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use crate::error::Error;

/// Takes the rows of one statement after another.
///
/// A statement calls [`begin`](Sink::begin) once, [`rows`](Sink::rows) any number of times, and
/// [`finish`](Sink::finish) if all went well. Each may wait, as for a reader at the other end of a connection; the
/// statement waits with it.
#[async_trait]
pub trait Sink: Send {
    /// Starts a result with these columns.
    ///
    /// # Errors
    ///
    /// Fails if the output cannot be written.
    async fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error>;

    /// Takes rows that look like those to come, before the first of them. From then on each row is delivered by
    /// [`flush`](Sink::flush), whatever the format: a table decides how wide its columns are now.
    ///
    /// # Errors
    ///
    /// Fails if the output cannot be written.
    async fn expect(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let _ = rows;
        Ok(())
    }

    /// Takes some rows.
    ///
    /// # Errors
    ///
    /// Fails if the output cannot be written.
    async fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error>;

    /// Hands everything taken so far to the operating system, as far as the format allows.
    ///
    /// # Errors
    ///
    /// Fails if the output cannot be written.
    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Ends the result; everything is delivered if this succeeds.
    ///
    /// # Errors
    ///
    /// Fails if the output cannot be written.
    async fn finish(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Finds out, without writing, whether rows of `bytes` can still be delivered.
    ///
    /// # Errors
    ///
    /// Fails if it is known that there is no room for them, or that nobody will read what is written from now on.
    async fn check(&mut self, bytes: u64) -> Result<(), Error> {
        let _ = bytes;
        Ok(())
    }

    /// Returns true if all that was flushed is known to have arrived: it is on disk, or its reader has taken it.
    /// That is so of a sink that keeps the rows itself.
    async fn has_arrived(&mut self) -> bool {
        true
    }

    /// Finds out, after [`finish`](Sink::finish), whether the reader stayed to the end of the rows.
    ///
    /// # Errors
    ///
    /// Fails unless the reader is known to have taken them all.
    async fn settle(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Writes the next result in `format`, such as `csv`.
    ///
    /// # Errors
    ///
    /// Fails if there is no such format, or the rows have one of their own.
    fn reformat(&mut self, format: &str) -> Result<(), Error> {
        Err(Error::statement(format!(
            "rows cannot be shown as {format} here"
        )))
    }

    /// Returns true if rows that were delivered stay where they are, as in a file; false if they can be lost with
    /// their reader, as in a pipe or on a terminal.
    fn keeps(&self) -> bool {
        true
    }

    /// Returns true if rows go nowhere, so that nobody will ever see them.
    fn discards(&self) -> bool {
        false
    }

    /// Returns true if rows are delivered by [`flush`](Sink::flush), false if only by [`finish`](Sink::finish).
    fn is_streaming(&self) -> bool {
        true
    }
}
