//! What all formats have in common: rows are taken batch by batch, buffered, counted and flushed.
//!
//! A format is one [`Format`] in one file; [`FormatRenderer`] makes a [`Renderer`] of it.

use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Fields, SchemaRef};

use super::error::Error;
use super::output_buffer::OutputBuffer;

/// What a renderer has written, known once it has finished.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Rows written.
    pub rows: usize,
    /// Names, in order, of the columns of which a cell was cut to fit.
    pub cut: Vec<String>,
    /// Names, in order, of the columns that were left out because they do not fit.
    pub dropped: Vec<String>,
}

impl Summary {
    /// Returns true if every value was written in full.
    pub fn is_whole(&self) -> bool {
        self.cut.is_empty() && self.dropped.is_empty()
    }

    /// Returns true if column `name` is not there in full.
    pub fn lacks(&self, name: &str) -> bool {
        self.cut
            .iter()
            .chain(&self.dropped)
            .any(|lacking| lacking == name)
    }
}

/// Writes one result in one format.
///
/// Call [`begin`](Renderer::begin) once, [`batch`](Renderer::batch) for each batch and [`finish`](Renderer::finish)
/// once. A renderer that is dropped without `finish` leaves the result incomplete: a table has not been written at all,
/// and a json array is not closed.
pub trait Renderer: Send {
    /// Starts a result with these columns.
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error>;

    /// Takes rows that look like those to come, before the first of them, so that each can be written as it comes: a
    /// table decides how wide its columns are now, and a cell that is wider than was expected pushes its line out.
    fn expect(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let _ = batch;
        Ok(())
    }

    /// Takes the next rows, whose columns are those given to [`begin`](Renderer::begin).
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), Error>;

    /// Ends the result and flushes the writer.
    fn finish(&mut self) -> Result<Summary, Error>;

    /// Hands all rows taken so far to the writer and flushes it.
    ///
    /// Rows count as delivered once this returns Ok. After an error some of them may have been written, and they are not
    /// written again. A table has nothing to hand over before [`finish`](Renderer::finish), because column widths depend on
    /// every row, unless it was told what to [`expect`](Renderer::expect).
    fn flush(&mut self) -> Result<(), Error>;
}

/// One output format.
pub(super) trait Format: Send {
    /// The columns of one batch, prepared for reading row by row.
    type Columns<'a>;

    /// Starts a result; writes the header, if there is one.
    fn begin(&mut self, fields: &Fields, out: &mut Vec<u8>) -> Result<(), Error>;

    /// Prepares the columns of `batch`.
    fn columns<'a>(
        &self,
        fields: &'a Fields,
        batch: &'a RecordBatch,
    ) -> Result<Self::Columns<'a>, Error>;

    /// Looks at row `row` of a batch that is like those to come.
    fn expect(&mut self, columns: &mut Self::Columns<'_>, row: usize) {
        let _ = (columns, row);
    }

    /// Decides what the rows looked at are good for: from now on each row is written when it comes.
    fn expected(&mut self) {}

    /// Writes row `row` of a batch, which is row `number` of the result; both count from 0.
    fn row(
        &mut self,
        columns: &mut Self::Columns<'_>,
        row: usize,
        number: usize,
        out: &mut Vec<u8>,
    );

    /// Ends a result of `rows` rows. The rows of what it returns are not used.
    fn end(&mut self, rows: usize, out: &mut OutputBuffer<'_>) -> io::Result<Summary> {
        let _ = (rows, out);
        Ok(Summary::default())
    }
}

/// Renders results in the format `F`.
pub(super) struct FormatRenderer<'w, F> {
    format: F,
    out: OutputBuffer<'w>,
    fields: Fields,
    rows: usize,
}

impl<'w, F: Format + 'w> FormatRenderer<'w, F> {
    /// Returns a renderer that writes to `writer`.
    pub(super) fn boxed(format: F, writer: Box<dyn Write + Send + 'w>) -> Box<dyn Renderer + 'w> {
        Box::new(Self {
            format,
            out: OutputBuffer::new(writer),
            fields: Fields::empty(),
            rows: 0,
        })
    }
}

impl<F: Format> Renderer for FormatRenderer<'_, F> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        self.fields = schema.fields().clone();
        self.format.begin(&self.fields, &mut self.out.buffer)
    }

    fn expect(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let mut columns = self.format.columns(&self.fields, batch)?;
        for row in 0..batch.num_rows() {
            self.format.expect(&mut columns, row);
        }
        self.format.expected();
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let mut columns = self.format.columns(&self.fields, batch)?;
        for row in 0..batch.num_rows() {
            self.format
                .row(&mut columns, row, self.rows, &mut self.out.buffer);
            self.rows += 1;
            self.out.spill()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Summary, Error> {
        let shown = self.format.end(self.rows, &mut self.out)?;
        self.flush()?;
        Ok(Summary {
            rows: self.rows,
            ..shown
        })
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(self.out.flush()?)
    }
}
