//! Results to text.
//!
//! Turns a schema and the record batches that follow it into one of seven formats on a writer. Depends on Arrow and
//! a writer, and on nothing else: it never sees a client, a plan or a terminal, and never writes anything but rows
//! (counts, timings and warnings are the caller's, from [`Summary`]).
//!
//! The formats fall in two families, which treat values differently on purpose. *json*, *jsonl*, *csv* and *tsv* are
//! read by programs: values arrive unharmed, nested values keep their explicit nulls, rows leave as they come.
//! *table*, *markdown* and *line* are read by people: control characters become visible escapes (see
//! [`escape_controls`]) and nested values drop their nulls, so that a key with twenty empty references stays legible.

mod cell;
mod column;
mod delimited;
mod diagnostic;
mod dialect;
mod encode;
mod error;
mod escape;
mod format;
mod json;
mod layout;
mod line;
mod markdown;
mod raw_json;
mod sink;
mod table;
mod timestamp;

#[cfg(test)]
mod fixtures;

use std::io::Write;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

pub use cell::{cell_json, cell_text};
pub use diagnostic::Diagnostic;
pub use error::Error;
pub use escape::escape_controls;
pub use format::OutputFormat;

/// How a result is to look, whatever its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderOptions {
    /// Write the column names: the header line of table, csv and tsv, the header cells of markdown (whose header
    /// line must stay, empty, for the table to be one) and the `-[ RECORD 1 ]-` lines of line.
    pub header: bool,
    /// Text that stands for NULL in table, markdown and line; `NULL` unless set.
    pub null: Option<String>,
    /// Terminal columns that a table should fit into; None is no limit.
    ///
    /// Fitting shortens cells, but never one in a column called `secret`, or one whose struct has a `secret` that is
    /// not NULL; the table is rather wider than asked.
    pub width: Option<usize>,
    /// Dim NULL with terminal escapes, in table and line.
    pub color: bool,
    /// What parts the fields of csv and tsv, one ASCII character; a comma and a tab unless set.
    pub delimiter: Option<u8>,
    /// Write a single quote before text in csv and tsv that a spreadsheet would take for a formula: text that begins
    /// with `=`, `+`, `-`, `@`, TAB or CR. This changes the value, so it is off unless asked for.
    pub csv_guard: bool,
    /// The writer is a terminal, so csv and tsv show control characters as escapes too. The other formats never write
    /// them raw.
    pub terminal: bool,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self {
            header: true,
            null: None,
            width: None,
            color: false,
            delimiter: None,
            csv_guard: false,
            terminal: false,
        }
    }
}

impl RenderOptions {
    /// Returns the text that stands for NULL in the formats for people.
    pub(crate) fn null_text(&self) -> &str {
        self.null.as_deref().unwrap_or("NULL")
    }
}

/// What a renderer has written, known once it has finished.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Rows written.
    pub rows: usize,
    /// Names, in order, of the columns that do not show whole: some cell was shortened, or the column was left out.
    pub shortened: Vec<String>,
}

/// Writes one result in one format.
///
/// Call [`begin`](Renderer::begin) once, [`batch`](Renderer::batch) for each batch and [`finish`](Renderer::finish)
/// once. A renderer that is dropped without `finish` leaves the result incomplete: nothing of a table is out, and a
/// json array is not closed.
pub trait Renderer: Send {
    /// Starts a result with these columns.
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error>;

    /// Takes the next rows, whose columns are those given to [`begin`](Renderer::begin).
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), Error>;

    /// Ends the result and flushes the writer.
    fn finish(&mut self) -> Result<Summary, Error>;

    /// Hands all rows taken so far to the writer and flushes it.
    ///
    /// Rows count as delivered once this returns Ok. After an error they may be out in part, and are not written
    /// again. A table has nothing to hand over before [`finish`](Renderer::finish), since widths need every row.
    fn flush(&mut self) -> Result<(), Error>;
}

/// Marks, in the metadata of a field, a column that holds what is shown once and never again: it is never shortened.
pub const SECRET_MARK: &str = "iamql.secret";

/// Returns a renderer for one result; options that the format has no use for are ignored.
pub fn renderer<'w>(
    format: OutputFormat,
    options: &RenderOptions,
    writer: Box<dyn Write + Send + 'w>,
) -> Box<dyn Renderer + 'w> {
    let sink = sink::Sink::new(writer);
    let options = options.clone();
    match format {
        OutputFormat::Table => Box::new(table::TableRenderer::new(options, sink)),
        OutputFormat::Markdown => Box::new(markdown::MarkdownRenderer::new(options, sink)),
        OutputFormat::Line => Box::new(line::LineRenderer::new(options, sink)),
        OutputFormat::Json => Box::new(json::JsonRenderer::array(sink)),
        OutputFormat::Jsonl => Box::new(json::JsonRenderer::lines(sink)),
        OutputFormat::Csv => Box::new(delimited::DelimitedRenderer::csv(options, sink)),
        OutputFormat::Tsv => Box::new(delimited::DelimitedRenderer::tsv(options, sink)),
        OutputFormat::Text => Box::new(delimited::DelimitedRenderer::text(options, sink)),
    }
}
