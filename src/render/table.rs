//! table: a box of aligned columns, for people.
//!
//! Rows are held until the end, because column widths depend on all of them, unless rows like them were shown before:
//! then the widths are decided once, and each row is written when it comes. This file decides what each cell shows: its
//! text without controls, shortened to the width that [`layout`] grants its column. comfy-table draws the box, around the
//! header and a single row that stands for all rows; the real rows are written here, because comfy-table would measure every
//! cell again, character by character. It never has to wrap a cell, and never sees a terminal.

use std::borrow::Cow;
use std::io;

use comfy_table::{CellAlignment, ContentArrangement};
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::Fields;

use super::cell::{CellKind, Cells};
use super::column::{TableColumn, holds_secret};
use super::encode::Nulls;
use super::error::Error;
use super::escape::escape_controls;
use super::layout::{self, ELLIPSIS, MAX_WIDTH, Slot, measure, shortened};
use super::options::RenderOptions;
use super::output_buffer::OutputBuffer;
use super::renderer::{Format, Summary};
use super::wrap::wrapped;

/// The lines of the box, in the order of comfy-table's presets: thin, and none between rows.
const LINES: &str = "││──├─┼┤│    ┬┴┌┐└┘";

/// Rows as a table that fits the terminal.
///
/// Numbers are aligned to the right. Ids and numbers are either shown whole or not at all, because a part of one is useless,
/// and timestamps keep their seconds. A secret is always shown whole, even inside a struct. Nothing is written for a table
/// without columns, or without both a header and rows.
pub(super) struct Table {
    options: RenderOptions,
    /// What is shown for NULL, escaped.
    null: String,
    fields: Fields,
    columns: Vec<TableColumn>,
    /// Row by row, one for each column; None is NULL.
    cells: Vec<Option<Box<str>>>,
    /// The layout, if it was decided before the first row.
    decided: Option<Decided>,
}

/// A layout that does not wait for the rows.
struct Decided {
    slots: Vec<Slot>,
    /// What comes before the first row.
    top: Vec<String>,
    /// What comes after the last one.
    bottom: Option<String>,
}

impl Table {
    pub(super) fn new(options: RenderOptions) -> Self {
        Self {
            null: escape_controls(options.null_text()).into_owned(),
            options,
            fields: Fields::empty(),
            columns: Vec::new(),
            cells: Vec::new(),
            decided: None,
        }
    }

    fn slots(&self) -> Vec<Slot> {
        let header = self.options.header;
        let requests: Vec<_> = (self.columns.iter())
            .map(|column| column.width_request(header))
            .collect();
        layout::fit(&requests, self.options.width)
    }

    /// Takes a row apart: its cells, none longer than could be shown.
    fn take(
        &mut self,
        columns: &mut [(Cells<'_>, &ArrayRef)],
        row: usize,
    ) -> Vec<Option<Box<str>>> {
        let most = self.options.width.unwrap_or(usize::MAX);
        let mut taken = Vec::with_capacity(columns.len());
        for (column, (cells, array)) in self.columns.iter_mut().zip(columns) {
            taken.push(match cells.text(row) {
                Some(raw) => Some(column.take(&raw, most, holds_secret(array, row))),
                None => {
                    column.take_null(&self.null);
                    None
                }
            });
        }
        taken
    }

    /// Returns the lines above the rows and the one below them.
    fn frame(&self, slots: &[Slot]) -> (Vec<String>, Option<String>) {
        let mut lines: Vec<_> = self.draw_box(slots).lines().collect();
        let bottom = lines.pop();
        // The placeholder row.
        lines.pop();
        (lines, bottom)
    }

    /// Draws the table with one row that is as wide as each slot.
    fn draw_box(&self, slots: &[Slot]) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table
            .load_preset(LINES)
            .set_content_arrangement(ContentArrangement::Disabled);
        if self.options.header {
            table.set_header(row(slots, |index, width| {
                shortened(&self.columns[index].name, width).into_owned()
            }));
        }
        table.add_row(
            slots
                .iter()
                .map(|slot| "x".repeat(slot.width().min(MAX_WIDTH))),
        );
        for (column, slot) in table.column_iter_mut().zip(slots) {
            if is_number(&self.columns, *slot) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }

    fn write(&self, slots: &[Slot], out: &mut OutputBuffer<'_>) -> io::Result<()> {
        let (top, bottom) = self.frame(slots);
        for line in top {
            write_line(&line, &mut out.buffer);
            out.spill()?;
        }
        // There are slots, so there are columns.
        for cells in self.cells.chunks(self.columns.len()) {
            self.write_row(slots, cells, &mut out.buffer);
            out.spill()?;
        }
        if let Some(line) = bottom {
            write_line(&line, &mut out.buffer);
        }
        out.spill()
    }

    fn write_row(&self, slots: &[Slot], cells: &[Option<Box<str>>], out: &mut Vec<u8>) {
        let [on, off] = self.options.dim();
        // One line, unless cells are wrapped.
        let mut lines = 1;
        let mut line = 0;
        while line < lines {
            for slot in slots {
                out.extend_from_slice("│ ".as_bytes());
                let (text, before, after) = match *slot {
                    Slot::Gap if line == 0 => (Cow::Borrowed(ELLIPSIS), "", ""),
                    Slot::Gap => (Cow::Borrowed(""), "", ""),
                    Slot::Column { index, width } => match &cells[index] {
                        Some(text) if self.columns[index].wraps => {
                            let mut wrapped = wrapped(text, width, 2);
                            lines = lines.max(wrapped.len());
                            match line < wrapped.len() {
                                true => (wrapped.swap_remove(line), "", ""),
                                false => (Cow::Borrowed(""), "", ""),
                            }
                        }
                        _ if line > 0 => (Cow::Borrowed(""), "", ""),
                        // The width was decided before this came.
                        Some(text) if self.decided.is_some() && self.columns[index].is_whole() => {
                            (Cow::Borrowed(&**text), "", "")
                        }
                        Some(text) => (shortened(text, width), "", ""),
                        None => (shortened(&self.null, width), on, off),
                    },
                };
                // Only a secret may be wider than the box.
                let spare = slot.width().min(MAX_WIDTH).saturating_sub(measure(&text));
                let (left, right) = match is_number(&self.columns, *slot) {
                    true => (spare, 0),
                    false => (0, spare),
                };
                out.resize(out.len() + left, b' ');
                for part in [before, &text, after] {
                    out.extend_from_slice(part.as_bytes());
                }
                out.resize(out.len() + right + 1, b' ');
            }
            out.extend_from_slice("│\n".as_bytes());
            line += 1;
        }
    }
}

fn write_line(line: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

/// Tells whether a slot shows numbers, which are aligned to the right.
fn is_number(columns: &[TableColumn], slot: Slot) -> bool {
    matches!(slot, Slot::Column { index, .. } if columns[index].kind == CellKind::Number)
}

/// Returns the texts of one row, given that of a column by its index and width.
fn row(slots: &[Slot], text: impl Fn(usize, usize) -> String) -> Vec<String> {
    let texts = slots.iter().map(|slot| match *slot {
        Slot::Column { index, width } => text(index, width),
        Slot::Gap => ELLIPSIS.to_owned(),
    });
    texts.collect()
}

impl Format for Table {
    type Columns<'a> = Vec<(Cells<'a>, &'a ArrayRef)>;

    fn begin(&mut self, fields: &Fields, _: &mut Vec<u8>) -> Result<(), Error> {
        self.fields = fields.clone();
        self.columns = fields.iter().map(|field| TableColumn::of(field)).collect();
        Ok(())
    }

    fn columns<'a>(
        &self,
        fields: &'a Fields,
        batch: &'a RecordBatch,
    ) -> Result<Self::Columns<'a>, Error> {
        let cells = Cells::of_batch(fields, batch, Nulls::Omitted)?;
        Ok(cells.into_iter().zip(batch.columns()).collect())
    }

    fn expect(&mut self, columns: &mut Vec<(Cells<'_>, &ArrayRef)>, row: usize) {
        self.take(columns, row);
    }

    fn expected(&mut self) {
        let slots = self.slots();
        if slots.is_empty() {
            return;
        }
        let (top, bottom) = self.frame(&slots);
        self.decided = Some(Decided { slots, top, bottom });
    }

    fn row(
        &mut self,
        columns: &mut Vec<(Cells<'_>, &ArrayRef)>,
        row: usize,
        _: usize,
        out: &mut Vec<u8>,
    ) {
        let cells = self.take(columns, row);
        let Some(decided) = &mut self.decided else {
            self.cells.extend(cells);
            return;
        };
        for line in decided.top.drain(..) {
            write_line(&line, out);
        }
        if let Some(decided) = &self.decided {
            self.write_row(&decided.slots, &cells, out);
        }
    }

    fn end(&mut self, rows: usize, out: &mut OutputBuffer<'_>) -> io::Result<Summary> {
        let (slots, is_decided) = match self.decided.take() {
            Some(Decided { slots, bottom, .. }) => {
                if let Some(line) = bottom.filter(|_| rows > 0) {
                    write_line(&line, &mut out.buffer);
                }
                (slots, true)
            }
            None => {
                let slots = self.slots();
                if !slots.is_empty() && (self.options.header || rows > 0) {
                    self.write(&slots, out)?;
                }
                (slots, false)
            }
        };
        let mut widths = vec![None; self.columns.len()];
        for slot in slots {
            if let Slot::Column { index, width } = slot {
                widths[index] = Some(width);
            }
        }
        let mut summary = Summary::default();
        for ((field, column), width) in self.fields.iter().zip(&self.columns).zip(widths) {
            match width {
                None => summary.dropped.push(field.name().clone()),
                // Its width was decided before its values came, and they are whole nevertheless.
                Some(_) if is_decided && column.is_whole() => {}
                Some(width) if !column.fits(width) => summary.cut.push(field.name().clone()),
                Some(_) => {}
            }
        }
        Ok(summary)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray, StructArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use proptest::prelude::*;

    use super::super::OutputFormat::Table;
    use super::super::renderer;
    use super::super::testing::{batch, keys, plain, render, strings};
    use super::super::{Expanded, WRAP_MARK};
    use super::*;

    const ALL_BUT_ID: [&str; 6] = [
        "display_name",
        "description",
        "_spec",
        "spec",
        "age_days",
        "created_at",
    ];

    fn fitted(width: usize, batch: &RecordBatch) -> (String, Summary) {
        let options = RenderOptions {
            width: Some(width),
            expanded: Expanded::Never,
            ..Default::default()
        };
        render(Table, &options, std::slice::from_ref(batch))
    }

    #[test]
    fn rows_are_written_as_they_come_once_it_is_known_what_they_look_like() {
        let rows = |id: &str, name: &str| {
            batch([
                ("id", strings([Some(id)])),
                ("name", strings([Some(name)])),
                ("secret", strings([Some("s3cret")])),
            ])
        };
        let written = Arc::new(std::sync::Mutex::new(Vec::new()));
        let options = RenderOptions {
            width: Some(30),
            expanded: Expanded::Never,
            ..Default::default()
        };
        let mut table = renderer(Table, &options, Box::new(Shared(Arc::clone(&written))));
        table.begin(&rows("", "").schema()).unwrap();
        table.expect(&rows("XXXX", "a name")).unwrap();
        table.flush().unwrap();
        let lines = || String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!(lines(), "");
        table.batch(&rows("K1", "billing")).unwrap();
        table.flush().unwrap();
        assert!(
            lines().ends_with("│ K1   │ billi… │ s3cret │\n"),
            "{}",
            lines()
        );
        table.batch(&rows("KEY-22", "a")).unwrap();
        let summary = table.finish().unwrap();
        insta::assert_snapshot!(lines(), @"
        ┌──────┬────────┬────────┐
        │ id   │ name   │ secret │
        ├──────┼────────┼────────┤
        │ K1   │ billi… │ s3cret │
        │ KEY-22 │ a      │ s3cret │
        └──────┴────────┴────────┘
        ");
        assert_eq!(summary.cut, ["name"]);
    }

    /// A writer that others can look at.
    struct Shared(Arc<std::sync::Mutex<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
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
        assert_eq!(summary.cut, ["spec"]);
        assert!(summary.dropped.is_empty());
    }

    #[test]
    fn a_table_of_80_columns() {
        let (text, summary) = fitted(80, &keys());
        insta::assert_snapshot!(text, @r#"
        ┌──────────────────┬──────────────┬─────────────┬─────────────┬────────────┬───┐
        │ id               │ display_name │ description │ _spec       │ spec       │ … │
        ├──────────────────┼──────────────┼─────────────┼─────────────┼────────────┼───┤
        │ AAAABBBBCCCC2222 │ billing      │ café, "quo… │ {"a":[1,nu… │ {"display… │ … │
        │ KEY2             │ 決済サービス │ 👩‍💻 team …   │ {"b":"x y"} │ {"display… │ … │
        │ KEY3             │              │ NULL        │ NULL        │ {"display… │ … │
        │ KEY4             │ line\nbreak… │  \u{202e}d… │ "not json"  │ NULL       │ … │
        └──────────────────┴──────────────┴─────────────┴─────────────┴────────────┴───┘
        "#);
        assert_eq!(summary.rows, 4);
        assert_eq!(summary.cut, ALL_BUT_ID[..4]);
        assert_eq!(summary.dropped, ALL_BUT_ID[4..]);
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
        assert_eq!(summary.cut, ALL_BUT_ID[..1]);
        assert_eq!(summary.dropped, ALL_BUT_ID[1..]);
    }

    #[test]
    fn a_column_that_is_marked_is_wrapped_rather_than_cut() {
        let mark = std::collections::HashMap::from([(WRAP_MARK.to_owned(), String::new())]);
        let plan = Field::new("plan", DataType::Utf8, false).with_metadata(mark);
        let number = Field::new("n", DataType::Int64, false);
        let text = strings([Some("  scan of one two three four five six"), Some("short")]);
        let columns: Vec<ArrayRef> = vec![text, Arc::new(Int64Array::from(vec![1, 2]))];
        let batch =
            RecordBatch::try_new(Arc::new(Schema::new(vec![plan, number])), columns).unwrap();
        let (text, summary) = fitted(34, &batch);
        insta::assert_snapshot!(text, @"
        ┌────────────────────────────┬───┐
        │ plan                       │ n │
        ├────────────────────────────┼───┤
        │   scan of one two three    │ 1 │
        │     four five six          │   │
        │ short                      │ 2 │
        └────────────────────────────┴───┘
        ");
        assert!(summary.is_whole());
    }

    #[test]
    fn without_a_width_everything_is_shown() {
        let (_, summary) = render(Table, &RenderOptions::default(), &[keys()]);
        assert!(summary.is_whole());
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
        assert!(!summary.lacks("spec.secret"));
    }

    /// Structs that hold a struct with a secret, or NULL.
    fn nested(secrets: [Option<&str>; 2], note: &str) -> ArrayRef {
        let member = |name: &str, array: ArrayRef| {
            let field = Field::new(name, array.data_type().clone(), true);
            StructArray::from(vec![
                (Arc::new(field), array),
                (
                    Arc::new(Field::new("note", DataType::Utf8, true)),
                    strings([Some(note), Some(note)]),
                ),
            ])
        };
        Arc::new(member("spec", Arc::new(member("secret", strings(secrets)))))
    }

    #[test]
    fn a_secret_inside_a_struct_is_never_shortened() {
        let secret = "cflt".repeat(16);
        let names = strings([Some("a display name that is long"), None]);
        let made = batch([
            ("id", strings([Some("KEY1"), Some("KEY2")])),
            ("key", nested([Some(&secret), None], "x")),
            ("display_name", names),
        ]);
        let (text, summary) = fitted(40, &made);
        assert!(text.contains(&secret), "{text}");
        assert_eq!(summary.dropped, ["display_name"]);
    }

    #[test]
    fn a_struct_without_its_secret_is_shortened_like_any_other() {
        let read = batch([("key", nested([None, None], &"long ".repeat(20)))]);
        let (text, summary) = fitted(40, &read);
        assert!(text.lines().all(|line| measure(line) <= 40), "{text}");
        assert_eq!(summary.cut, ["key"]);
    }

    #[test]
    fn text_too_long_for_any_table_is_shortened() {
        let batch = batch([("a", strings([Some(&"x ".repeat(40_000))]))]);
        let (text, summary) = render(Table, &RenderOptions::default(), &[batch]);
        let widths: Vec<_> = text.lines().map(measure).collect();
        assert_eq!(widths, [layout::MAX_WIDTH + 4; 5]);
        assert_eq!(summary.cut, ["a"]);
    }

    #[test]
    fn a_result_without_columns_or_without_header_and_rows_is_nothing() {
        let empty = RecordBatch::new_empty(Arc::new(Schema::empty()));
        assert_eq!(plain(Table, &empty), "");
        let options = RenderOptions {
            header: false,
            ..Default::default()
        };
        assert_eq!(render(Table, &options, &[keys().slice(0, 0)]).0, "");
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
