//! Turns results into text.
//!
//! Turns a schema and the record batches that follow it into one of nine formats on a writer. Depends on Arrow and a
//! writer and on nothing else: it never sees a client, a plan or a terminal, and writes nothing but rows. Counts, timings and
//! warnings are left to the caller, who gets a [`Summary`].
//!
//! There are two families of formats of text, which treat values differently on purpose. *json*, *jsonl*, *csv* and *tsv* are for
//! programs: values are written unchanged, nested values keep their explicit nulls, rows are written as they arrive. *table*,
//! *markdown* and *line* are for people: control characters become visible escapes (see [`escape_controls`]) and nested values
//! omit their nulls, so that a key with twenty empty references stays legible.
//!
//! A format is a file with one implementation of `renderer::Format`, a name in `format.rs` and a line in [`renderer()`].

mod binary;
mod cell;
mod column;
mod delimited;
mod diagnostic;
mod encode;
mod error;
mod escape;
mod field_syntax;
mod format;
mod json;
mod layout;
mod line;
mod markdown;
mod options;
mod output_buffer;
mod raw_json;
mod records;
mod renderer;
mod table;
mod timestamp;
mod wrap;

#[cfg(test)]
mod testing;

use std::io::Write;

pub use cell::{cell_json, cell_text};
pub use column::SECRET_MARK;
pub(crate) use column::WRAP_MARK;
pub use diagnostic::Diagnostic;
pub(crate) use encode::distinct_names;
pub use error::Error;
pub use escape::escape_controls;
pub use format::OutputFormat;
pub use options::{Expanded, RenderOptions};
pub use renderer::{Renderer, Summary};
pub(crate) use wrap::wrapped;

use renderer::FormatRenderer;

/// Returns a renderer for one result.
pub fn renderer<'w>(
    format: OutputFormat,
    options: &RenderOptions,
    writer: Box<dyn Write + Send + 'w>,
) -> Box<dyn Renderer + 'w> {
    let options = options.clone();
    match (format, options.expanded) {
        (OutputFormat::Table, Expanded::On) => {
            FormatRenderer::boxed(line::Line::new(options), writer)
        }
        (OutputFormat::Table, Expanded::Auto | Expanded::Nested) if options.width.is_some() => {
            Box::new(records::TableOrRecords::new(options, writer))
        }
        (format, _) => in_format(format, options, writer),
    }
}

fn in_format<'w>(
    format: OutputFormat,
    options: RenderOptions,
    writer: Box<dyn Write + Send + 'w>,
) -> Box<dyn Renderer + 'w> {
    match format {
        OutputFormat::Table => FormatRenderer::boxed(table::Table::new(options), writer),
        OutputFormat::Markdown => FormatRenderer::boxed(markdown::Markdown(options), writer),
        OutputFormat::Line => FormatRenderer::boxed(line::Line::new(options), writer),
        OutputFormat::Parquet | OutputFormat::Arrow => {
            Box::new(binary::Binary::new(format, writer))
        }
        OutputFormat::Json => FormatRenderer::boxed(json::Json::Array, writer),
        OutputFormat::Jsonl => FormatRenderer::boxed(json::Json::Lines, writer),
        OutputFormat::Csv | OutputFormat::Tsv | OutputFormat::Text => {
            FormatRenderer::boxed(delimited::Delimited::new(format, options), writer)
        }
    }
}
