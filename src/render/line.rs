//! line: one `name | value` line per field, for rows too wide for a table.
//!
//! This is psql's expanded form. Nothing is shortened: JSON is indented, and on a terminal long values are wrapped between
//! words. Rows are written as they arrive, and control characters are escaped so that a value cannot pose as the next field.

use std::borrow::Cow;
use std::io::Write;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Fields;

use super::cell::{CellKind, Cells};
use super::column::is_secret;
use super::encode::Nulls;
use super::error::Error;
use super::escape::escape_controls;
use super::layout::measure;
use super::options::RenderOptions;
use super::renderer::Format;
use super::wrap::{indented, wrapped};

/// Width of the line above a record, unless the terminal is narrower.
const RULE: usize = 40;

/// The least width to wrap values to: in a narrower one hardly a word has room.
const LEAST: usize = 20;

/// Each row as a record of its own.
pub(super) struct Line {
    options: RenderOptions,
    /// What is shown for NULL.
    null: String,
    /// Names, escaped and padded to the same width.
    names: Vec<String>,
    columns: Vec<LineColumn>,
}

/// What is known of a column before its first row.
struct LineColumn {
    kind: CellKind,
    /// Its values are secrets.
    is_secret: bool,
}

impl Line {
    pub(super) fn new(options: RenderOptions) -> Self {
        let [on, off] = options.dim();
        let null = format!("{on}{}{off}", escape_controls(options.null_text()));
        Self {
            options,
            null,
            names: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// Starts record `number`: with a rule that says so, or with an empty line between records if headers are off.
    fn push_rule(&self, number: usize, out: &mut Vec<u8>) {
        if self.options.header {
            let start = out.len();
            // Writing to a Vec cannot fail.
            let _ = write!(out, "-[ RECORD {number} ]-");
            let end = start + self.options.width.map_or(RULE, |width| width.min(RULE));
            out.resize(end.max(out.len()), b'-');
            out.push(b'\n');
        } else if number > 1 {
            out.push(b'\n');
        }
    }
}

impl Line {
    /// Wraps a line of a value that stands behind a name of `indent` columns, unless it is a secret: that is copied.
    fn lines<'l>(&self, line: Cow<'l, str>, indent: usize, is_secret: bool) -> Vec<Cow<'l, str>> {
        match self.options.width {
            Some(width) if !is_secret => {
                wrapped(&line, width.saturating_sub(indent + 3).max(LEAST), 2)
                    .into_iter()
                    .map(|line| Cow::Owned(line.into_owned()))
                    .collect()
            }
            _ => vec![line],
        }
    }
}

impl Format for Line {
    type Columns<'a> = Vec<Cells<'a>>;

    fn begin(&mut self, fields: &Fields, _: &mut Vec<u8>) -> Result<(), Error> {
        let names = fields.iter().map(|field| escape_controls(field.name()));
        let names: Vec<_> = names.collect();
        self.columns = fields
            .iter()
            .map(|field| LineColumn {
                kind: CellKind::of(field),
                is_secret: is_secret(field),
            })
            .collect();
        let widest = names.iter().map(|name| measure(name)).max();
        let widest = widest.unwrap_or_default();
        self.names = names
            .iter()
            .map(|name| format!("{name}{}", " ".repeat(widest - measure(name))))
            .collect();
        Ok(())
    }

    fn columns<'a>(
        &self,
        fields: &'a Fields,
        batch: &'a RecordBatch,
    ) -> Result<Self::Columns<'a>, Error> {
        Cells::of_batch(fields, batch, Nulls::Omitted)
    }

    fn row(&mut self, columns: &mut Vec<Cells<'_>>, row: usize, number: usize, out: &mut Vec<u8>) {
        self.push_rule(number + 1, out);
        for ((name, column), cells) in self.names.iter().zip(&self.columns).zip(columns) {
            let indent = measure(name);
            let lines: Vec<Cow<'_, str>> = match (cells.text(row), column.kind) {
                (None, _) => vec![Cow::Borrowed(self.null.as_str())],
                (Some(json), CellKind::Json) => indented(&json)
                    .lines()
                    .flat_map(|line| {
                        let is_secret = line.trim_start().starts_with("\"secret\":");
                        let line = escape_controls(line).into_owned();
                        self.lines(Cow::Owned(line), indent, is_secret)
                    })
                    .collect(),
                (Some(text), _) => {
                    let text = escape_controls(&text).into_owned();
                    self.lines(Cow::Owned(text), indent, column.is_secret)
                }
            };
            let mut name = Cow::Borrowed(name.as_str());
            for line in lines {
                let space = if line.is_empty() { "" } else { " " };
                // Writing to a Vec cannot fail.
                let _ = writeln!(out, "{name} |{space}{line}");
                name = Cow::Owned(" ".repeat(indent));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::OutputFormat::Line;
    use super::super::testing::{batch, keys, plain, render, strings};
    use super::*;

    #[test]
    fn a_record_for_each_row() {
        insta::assert_snapshot!(plain(Line, &keys()), @r#"
        -[ RECORD 1 ]---------------------------
        id           | AAAABBBBCCCC2222
        display_name | billing
        description  | café, "quoted"
        _spec        | {
                     |   "a": [
                     |     1,
                     |     null
                     |   ]
                     | }
        spec         | {
                     |   "display_name": "billing",
                     |   "expires_at": "2026-01-03T04:05:06Z",
                     |   "owner": {
                     |     "id": "sa-1"
                     |   },
                     |   "resources": [
                     |     {
                     |       "id": "lkc-1",
                     |       "environment": "env-1"
                     |     },
                     |     {
                     |       "id": "aws.us-east-1",
                     |       "environment": "env-9"
                     |     }
                     |   ]
                     | }
        age_days     | 7
        created_at   | 2026-01-03T04:05:06Z
        -[ RECORD 2 ]---------------------------
        id           | KEY2
        display_name | 決済サービス
        description  | 👩‍💻 team | ops
        _spec        | {
                     |   "b": "x y"
                     | }
        spec         | {
                     |   "display_name": "決済サービス",
                     |   "expires_at": "2026-01-03T04:05:06.811920Z",
                     |   "owner": {
                     |     "id": "u-2"
                     |   },
                     |   "resources": []
                     | }
        age_days     | -9223372036854775808
        created_at   | 2026-01-03T04:05:06.811920Z
        -[ RECORD 3 ]---------------------------
        id           | KEY3
        display_name |
        description  | NULL
        _spec        | NULL
        spec         | {
                     |   "display_name": ""
                     | }
        age_days     | NULL
        created_at   | NULL
        -[ RECORD 4 ]---------------------------
        id           | KEY4
        display_name | line\nbreak \x1b[31m
        description  |  \u{202e}desrever
        _spec        | "not json"
        spec         | NULL
        age_days     | 120
        created_at   | 1969-12-31T23:59:59.999999Z
        "#);
    }

    #[test]
    fn records_are_numbered_across_batches() {
        let batch = batch([("a", strings([Some("x")]))]);
        let options = RenderOptions {
            width: Some(20),
            ..Default::default()
        };
        let text = render(Line, &options, &[batch.clone(), batch]).0;
        assert_eq!(
            text,
            "-[ RECORD 1 ]-------\na | x\n-[ RECORD 2 ]-------\na | x\n"
        );
    }

    #[test]
    fn without_headers_an_empty_line_parts_records() {
        let options = RenderOptions {
            header: false,
            color: true,
            ..Default::default()
        };
        let batch = batch([("a", strings([Some("x"), None, Some("")]))]);
        assert_eq!(
            render(Line, &options, &[batch]).0,
            "a | x\n\na | \x1b[2mNULL\x1b[0m\n\na |\n"
        );
    }
}
