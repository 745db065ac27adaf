//! A table that falls back to records, one field per line, if it does not fit.
//!
//! Holds all rows, as a table does anyway, and then writes them in one form or the other.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::cell::CellKind;
use super::error::Error;
use super::options::{Expanded, RenderOptions};
use super::renderer::{FormatRenderer, Renderer, Summary};
use super::{line, table};

/// Rows as a table or as records, whichever can be read.
pub(super) struct TableOrRecords<'w> {
    options: RenderOptions,
    writer: Box<dyn Write + Send + 'w>,
    schema: Option<SchemaRef>,
    batches: Vec<RecordBatch>,
}

impl<'w> TableOrRecords<'w> {
    pub(super) fn new(options: RenderOptions, writer: Box<dyn Write + Send + 'w>) -> Self {
        Self {
            options,
            writer,
            schema: None,
            batches: Vec::new(),
        }
    }

    /// Returns true if records are to be shown in place of a table of which `summary` is told.
    fn gives_way(&self, schema: &SchemaRef, summary: &Summary) -> bool {
        match self.options.expanded {
            Expanded::Auto => !summary.is_whole(),
            Expanded::Nested => schema
                .fields()
                .iter()
                .any(|field| CellKind::of(field) == CellKind::Json && summary.lacks(field.name())),
            Expanded::On | Expanded::Never => false,
        }
    }

    fn write(&self, mut to: Box<dyn Renderer + '_>, schema: &SchemaRef) -> Result<Summary, Error> {
        to.begin(schema)?;
        for batch in &self.batches {
            to.batch(batch)?;
        }
        to.finish()
    }
}

impl Renderer for TableOrRecords<'_> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        self.schema = Some(Arc::clone(schema));
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.batches.push(batch.clone());
        Ok(())
    }

    fn finish(&mut self) -> Result<Summary, Error> {
        let Some(schema) = self.schema.take() else {
            return Ok(Summary::default());
        };
        let mut text = Vec::new();
        let format = table::Table::new(self.options.clone());
        let mut summary =
            self.write(FormatRenderer::boxed(format, Box::new(&mut text)), &schema)?;
        if self.gives_way(&schema, &summary) {
            text.clear();
            let format = line::Line::new(self.options.clone());
            summary = self.write(FormatRenderer::boxed(format, Box::new(&mut text)), &schema)?;
        }
        self.writer.write_all(&text)?;
        self.writer.flush()?;
        Ok(summary)
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::OutputFormat::Table;
    use super::super::testing::{keys, render};
    use super::*;

    fn shown(expanded: Expanded, width: usize, columns: &[usize]) -> String {
        let options = RenderOptions {
            width: Some(width),
            expanded,
            ..Default::default()
        };
        render(Table, &options, &[keys().project(columns).unwrap()]).0
    }

    #[test]
    fn objects_that_do_not_fit_are_shown_as_records() {
        let all = [0, 1, 4];
        assert!(shown(Expanded::Nested, 80, &all).starts_with("-[ RECORD 1 ]"));
        assert!(shown(Expanded::Nested, 400, &all).starts_with('┌'));
        assert!(shown(Expanded::Never, 80, &all).starts_with('┌'));
        // Texts are cut as before.
        assert!(shown(Expanded::Nested, 30, &[0, 1, 2]).starts_with('┌'));
        assert!(shown(Expanded::Auto, 30, &[0, 1, 2]).starts_with("-[ RECORD 1 ]"));
        assert!(shown(Expanded::Auto, 80, &[0, 1, 2]).starts_with('┌'));
        assert!(shown(Expanded::On, 400, &all).starts_with("-[ RECORD 1 ]"));
    }
}
