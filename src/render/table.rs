//! table: a box of aligned columns, for people.
//!
//! Rows are held until [`finish`](Renderer::finish), since widths need them all; no cell is held beyond the width that
//! could ever be shown. What to shorten and what to leave out is decided here; comfy-table lays out what is left.

use std::io;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Fields, SchemaRef};
use datafusion::arrow::json::EncoderOptions;

use super::cell::{Cells, Kind};
use super::column::{Column, Text};
use super::encode;
use super::escape::escape_controls;
use super::layout::{self, ELLIPSIS, Slot, measure, shorten};
use super::sink::Sink;
use super::{Error, RenderOptions, Renderer, Summary};

/// Writes rows as a table that fits the terminal.
///
/// Numbers are aligned to the right. Ids and numbers stay whole as long as they are shown at all, since a part of one
/// is of no use, and timestamps keep their seconds; a secret is always shown whole. Without any columns nothing is
/// written.
pub(crate) struct TableRenderer<'w> {
    sink: Sink<'w>,
    encoding: EncoderOptions,
    options: RenderOptions,
    fields: Fields,
    columns: Vec<Column>,
    /// Row by row, one for each column.
    cells: Vec<Option<Text>>,
    rows: usize,
}

impl<'w> TableRenderer<'w> {
    /// Writes to `sink` once all rows are in.
    pub(crate) fn new(options: RenderOptions, sink: Sink<'w>) -> Self {
        Self {
            sink,
            encoding: encode::options(false),
            options,
            fields: Fields::empty(),
            columns: Vec::new(),
            cells: Vec::new(),
            rows: 0,
        }
    }

    /// Writes the rows, as many at a time as keep the copy that is laid out small.
    fn draw(&mut self, slots: &[Slot]) -> io::Result<()> {
        let mut table = self.layout(slots);
        let null = self.null();
        for row in self.cells.chunks_exact(self.columns.len()) {
            table.add_row(slots.iter().map(|slot| match *slot {
                Slot::Column { index, width } => match &row[index] {
                    Some(cell) => fitted(cell, width),
                    None => null.clone(),
                },
                Slot::Gap => ELLIPSIS.to_owned(),
            }));
        }
        let text = self.dimmed(table.to_string());
        self.sink.buffer.extend_from_slice(text.as_bytes());
        self.sink.buffer.push(b'\n');
        self.sink.spill()
    }

    /// Returns the table without its rows, its columns as wide as `slots` say.
    fn layout(&self, slots: &[Slot]) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table
            .load_preset(BOX)
            .set_content_arrangement(ContentArrangement::Disabled);
        if self.options.header {
            table.set_header(slots.iter().map(|slot| match *slot {
                Slot::Column { index, width } => fitted(&self.columns[index].name, width),
                Slot::Gap => ELLIPSIS.to_owned(),
            }));
        }
        for (position, slot) in slots.iter().enumerate() {
            let Slot::Column { index, width } = *slot else {
                continue;
            };
            // Without rows and header there is no such column yet.
            if let Some(column) = table.column_mut(position) {
                if self.columns[index].kind == Kind::Number {
                    column.set_cell_alignment(CellAlignment::Right);
                }
                let padding = 2;
                let width = u16::try_from(width + padding).unwrap_or(u16::MAX);
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
            }
        }
        table
    }

    /// Returns what stands for NULL while the table is laid out.
    fn null(&self) -> String {
        let text = escape_controls(self.options.null_text());
        match self.options.color {
            true => DIM.to_string().repeat(measure(&text)),
            false => text.into_owned(),
        }
    }

    /// Puts the dimmed text of NULL in its place, which styles must not have widened.
    fn dimmed(&self, table: String) -> String {
        let placeholder = self.null();
        if !self.options.color || placeholder.is_empty() {
            return table;
        }
        let text = escape_controls(self.options.null_text());
        table.replace(&placeholder, &format!("\x1b[2m{text}\x1b[0m"))
    }
}

fn fitted(text: &Text, width: usize) -> String {
    match text.width > width {
        true => shorten(&text.text, width),
        false => text.text.to_string(),
    }
}

/// Borders, a line below the header, and none between rows.
const BOX: &str = "││──├─┼┤│    ┬┴┌┐└┘";

/// Stands for a column of NULL's text; [`Text`] never holds it.
const DIM: char = super::escape::PLACEHOLDER;

impl Renderer for TableRenderer<'_> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        self.fields = schema.fields().clone();
        self.columns = self
            .fields
            .iter()
            .map(|field| Column::new(field.name(), Kind::of(field)))
            .collect();
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows();
        let mut readers = self
            .fields
            .iter()
            .zip(batch.columns())
            .map(|(field, column)| Cells::try_new(field, column, &self.encoding))
            .collect::<Result<Vec<_>, Error>>()?;
        let null = measure(&escape_controls(self.options.null_text()));
        let mut scratch = Vec::new();
        for row in 0..batch.num_rows() {
            for (reader, column) in readers.iter_mut().zip(&mut self.columns) {
                let most = if column.pinned {
                    None
                } else {
                    self.options.width
                };
                let cell = reader
                    .text(row, &mut scratch)
                    .map(|raw| Text::new(&raw, most));
                column.widest = column
                    .widest
                    .max(cell.as_ref().map_or(null, |cell| cell.width));
                self.cells.push(cell);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Summary, Error> {
        let mut shortened = Vec::new();
        if !self.columns.is_empty() {
            let wishes: Vec<_> = self
                .columns
                .iter()
                .map(|column| column.wish(self.options.header))
                .collect();
            let slots = layout::fit(&wishes, self.options.width);
            for (index, column) in self.columns.iter().enumerate() {
                let shown = slots.iter().any(|slot| match slot {
                    Slot::Column {
                        index: shown,
                        width,
                    } => *shown == index && *width >= column.widest,
                    Slot::Gap => false,
                });
                if !shown {
                    shortened.push(self.fields[index].name().clone());
                }
            }
            self.draw(&slots)?;
        }
        self.flush()?;
        Ok(Summary {
            rows: self.rows,
            shortened,
        })
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(self.sink.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
    use datafusion::arrow::datatypes::Schema;
    use proptest::prelude::*;

    use super::super::OutputFormat::Table;
    use super::super::fixtures::{batch, keys, plain, render, strings};
    use super::*;

    fn fitted(width: usize, batch: &RecordBatch) -> (String, Summary) {
        let options = RenderOptions {
            width: Some(width),
            ..Default::default()
        };
        render(Table, &options, std::slice::from_ref(batch))
    }

    #[test]
    fn a_table_of_200_columns() {
        let (text, summary) = fitted(200, &keys());
        insta::assert_snapshot!(text, @r#"
        ┌──────────────────┬──────────────────────┬───────────────────┬────────────────┬──────────────────────────────────────────────────────────────────┬──────────────────────┬─────────────────────────────┐
        │ id               │ display_name         │ description       │ _spec          │ spec                                                             │             age_days │ created_at                  │
        ├──────────────────┼──────────────────────┼───────────────────┼────────────────┼──────────────────────────────────────────────────────────────────┼──────────────────────┼─────────────────────────────┤
        │ AAAABBBBCCCC2222 │ billing              │ café, "quoted"    │ {"a":[1,null]} │ {"display_name":"billing","expires_at":"2026-01-03T04:05:06Z","… │                    7 │ 2026-01-03T04:05:06Z        │
        │ KEY2             │ 決済サービス         │ 👩‍💻 team | ops     │ {"b":"x y"}    │ {"display_name":"決済サービス","expires_at":"2026-01-03T04:05:0… │ -9223372036854775808 │ 2026-01-03T04:05:06.811920Z │
        │ KEY3             │                      │ NULL              │ NULL           │ {"display_name":""}                                              │                 NULL │ NULL                        │
        │ KEY4             │ line\nbreak \x1b[31m │  \u{202e}desrever │ "not json"     │ NULL                                                             │                  120 │ 1969-12-31T23:59:59.999999Z │
        └──────────────────┴──────────────────────┴───────────────────┴────────────────┴──────────────────────────────────────────────────────────────────┴──────────────────────┴─────────────────────────────┘
        "#);
        assert_eq!(summary.shortened, ["spec"]);
    }

    #[test]
    fn a_table_of_80_columns() {
        let (text, summary) = fitted(80, &keys());
        insta::assert_snapshot!(text, @r#"
        ┌──────────────────┬─────────────┬─────────────┬─────────────┬─────────────┬───┐
        │ id               │ display_na… │ description │ _spec       │ spec        │ … │
        ├──────────────────┼─────────────┼─────────────┼─────────────┼─────────────┼───┤
        │ AAAABBBBCCCC2222 │ billing     │ café, "quo… │ {"a":[1,nu… │ {"display_… │ … │
        │ KEY2             │ 決済サービ… │ 👩‍💻 team …   │ {"b":"x y"} │ {"display_… │ … │
        │ KEY3             │             │ NULL        │ NULL        │ {"display_… │ … │
        │ KEY4             │ line\nbrea… │  \u{202e}d… │ "not json"  │ NULL        │ … │
        └──────────────────┴─────────────┴─────────────┴─────────────┴─────────────┴───┘
        "#);
        assert_eq!(summary.rows, 4);
        assert_eq!(
            summary.shortened,
            [
                "display_name",
                "description",
                "_spec",
                "spec",
                "age_days",
                "created_at"
            ]
        );
    }

    #[test]
    fn a_table_of_40_columns() {
        let (text, summary) = fitted(40, &keys());
        insta::assert_snapshot!(text, @r"
        ┌──────────────────┬───────────────┬───┐
        │ id               │ display_name  │ … │
        ├──────────────────┼───────────────┼───┤
        │ AAAABBBBCCCC2222 │ billing       │ … │
        │ KEY2             │ 決済サービス  │ … │
        │ KEY3             │               │ … │
        │ KEY4             │ line\nbreak … │ … │
        └──────────────────┴───────────────┴───┘
        ");
        assert_eq!(
            summary.shortened,
            [
                "display_name",
                "description",
                "_spec",
                "spec",
                "age_days",
                "created_at"
            ]
        );
    }

    #[test]
    fn without_a_width_everything_is_shown() {
        let (_, summary) = render(Table, &RenderOptions::default(), &[keys()]);
        assert!(summary.shortened.is_empty());
    }

    #[test]
    fn no_rows_still_have_a_header() {
        insta::assert_snapshot!(plain(Table, &keys().slice(0, 0).project(&[0, 5]).unwrap()), @r"
        ┌────┬──────────┐
        │ id │ age_days │
        ├────┼──────────┤
        └────┴──────────┘
        ");
    }

    #[test]
    fn the_header_can_be_left_out() {
        let options = RenderOptions {
            header: false,
            ..Default::default()
        };
        let batch = batch([("a long name", strings([Some("x"), None]))]);
        insta::assert_snapshot!(render(Table, &options, &[batch]).0, @r"
        ┌──────┐
        │ x    │
        │ NULL │
        └──────┘
        ");
    }

    #[test]
    fn null_is_dim_in_colour_and_takes_its_own_width() {
        let options = RenderOptions {
            color: true,
            null: Some("∅".to_owned()),
            ..Default::default()
        };
        let batch = batch([("a", strings([None, Some("")]))]);
        let text = render(Table, &options, &[batch]).0;
        assert!(text.contains("│ \x1b[2m∅\x1b[0m │\n│   │\n"), "{text}");
    }

    #[test]
    fn a_secret_is_never_shortened() {
        let secret = "cflt".repeat(16);
        let batch = batch([
            ("id", strings([Some("KEY1")])),
            (
                "display_name",
                strings([Some("a display name that is long")]),
            ),
            ("spec.secret", strings([Some(&secret)])),
        ]);
        let (text, summary) = fitted(40, &batch);
        assert!(text.contains(&secret), "{text}");
        assert!(!summary.shortened.contains(&"spec.secret".to_owned()));
    }

    #[test]
    fn a_result_of_no_columns_is_nothing() {
        assert_eq!(
            plain(Table, &RecordBatch::new_empty(Arc::new(Schema::empty()))),
            ""
        );
    }

    proptest! {
        #[test]
        fn no_value_can_forge_a_line_or_reach_the_terminal(
            values in prop::collection::vec(any::<Option<String>>(), 1..8),
            name in any::<String>(),
            width in prop::option::of(12usize..100),
        ) {
            let number: ArrayRef = Arc::new(Int64Array::from_iter_values(0..values.len() as i64));
            let text: ArrayRef = Arc::new(values.iter().map(Option::as_deref).collect::<StringArray>());
            let batch = batch([("n", number), (&name, text)]);
            let options = RenderOptions { width, ..Default::default() };
            let (table, _) = render(Table, &options, &[batch]);
            let lines: Vec<_> = table.split_terminator('\n').collect();
            prop_assert_eq!(lines.len(), values.len() + 4);
            prop_assert!(!lines.iter().any(|line| line.chars().any(char::is_control)));
            let widest = lines.iter().map(|line| measure(line)).max().unwrap_or_default();
            prop_assert!(width.is_none_or(|width| widest <= width));
        }
    }
}
