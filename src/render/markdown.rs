//! markdown: a pipe table as GitHub reads it.
//!
//! Rows leave as they come, without padding; nobody aligns Markdown by eye once it is rendered. Whatever a value holds,
//! it stays text inside its cell: no markup, no link, no image, no further cell. comfy-table would hold all rows to
//! align the source, and has no way to say that a column is aligned to the right when it is read.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Fields, SchemaRef};
use datafusion::arrow::json::EncoderOptions;

use super::cell::{Cells, Kind};
use super::encode;
use super::escape::escape_controls;
use super::sink::Sink;
use super::{Error, RenderOptions, Renderer, Summary};

/// Writes rows as a [GitHub table](https://github.github.com/gfm/#tables-extension-).
pub(crate) struct MarkdownRenderer<'w> {
    sink: Sink<'w>,
    encoding: EncoderOptions,
    options: RenderOptions,
    fields: Fields,
    rows: usize,
}

impl<'w> MarkdownRenderer<'w> {
    /// Writes to `sink`.
    pub(crate) fn new(options: RenderOptions, sink: Sink<'w>) -> Self {
        Self {
            sink,
            encoding: encode::options(false),
            options,
            fields: Fields::empty(),
            rows: 0,
        }
    }
}

impl Renderer for MarkdownRenderer<'_> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        self.fields = schema.fields().clone();
        if self.fields.is_empty() {
            return Ok(());
        }
        let out = &mut self.sink.buffer;
        for field in &self.fields {
            // Without a header line it would be no table, so its cells are left empty.
            push_cell(
                if self.options.header {
                    field.name()
                } else {
                    ""
                },
                out,
            );
        }
        out.extend_from_slice(b"|\n");
        for field in &self.fields {
            out.extend_from_slice(if Kind::of(field) == Kind::Number {
                b"| ---: "
            } else {
                b"| --- "
            });
        }
        out.extend_from_slice(b"|\n");
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows();
        if self.fields.is_empty() {
            return Ok(());
        }
        let mut columns = self
            .fields
            .iter()
            .zip(batch.columns())
            .map(|(field, column)| Cells::try_new(field, column, &self.encoding))
            .collect::<Result<Vec<_>, Error>>()?;
        let mut scratch = Vec::new();
        for row in 0..batch.num_rows() {
            for cells in &mut columns {
                let text = cells.text(row, &mut scratch);
                push_cell(
                    text.as_deref().unwrap_or(self.options.null_text()),
                    &mut self.sink.buffer,
                );
            }
            self.sink.buffer.extend_from_slice(b"|\n");
            self.sink.spill()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Summary, Error> {
        self.flush()?;
        Ok(Summary {
            rows: self.rows,
            shortened: Vec::new(),
        })
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(self.sink.flush()?)
    }
}

fn push_cell(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"| ");
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            // The one way to break a line inside a cell; a `<` from a value is never written as one.
            out.extend_from_slice(b"<br>");
        }
        push_escaped(
            &escape_controls(line.strip_suffix('\r').unwrap_or(line)),
            out,
        );
    }
    out.push(b' ');
}

fn push_escaped(line: &str, out: &mut Vec<u8>) {
    let bytes = line.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            // Between letters it is plain text, and names are full of them.
            b'_' if at > 0 && is_word(bytes.get(at - 1)) && is_word(bytes.get(at + 1)) => {
                out.push(b'_')
            }
            b'|' | b'\\' | b'`' | b'*' | b'_' | b'[' | b']' | b'~' | b'$' => {
                out.extend_from_slice(&[b'\\', *byte])
            }
            _ => out.push(*byte),
        }
    }
}

fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::super::OutputFormat::Markdown;
    use super::super::fixtures::{batch, keys, plain, render, strings};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_table_for_github() {
        insta::assert_snapshot!(plain(Markdown, &keys()), @r#"
        | id | display_name | description | \_spec | spec | age_days | created_at |
        | --- | --- | --- | --- | --- | ---: | --- |
        | AAAABBBBCCCC2222 | billing | café, "quoted" | {"a":\[1,null\]} | {"display_name":"billing","expires_at":"2026-01-03T04:05:06Z","owner":{"id":"sa-1"},"resources":\[{"id":"lkc-1","environment":"env-1"},{"id":"aws.us-east-1","environment":"env-9"}\]} | 7 | 2026-01-03T04:05:06Z |
        | KEY2 | 決済サービス | 👩‍💻 team \| ops | {"b":"x y"} | {"display_name":"決済サービス","expires_at":"2026-01-03T04:05:06.811920Z","owner":{"id":"u-2"},"resources":\[\]} | -9223372036854775808 | 2026-01-03T04:05:06.811920Z |
        | KEY3 |  | NULL | NULL | {"display_name":""} | NULL | NULL |
        | KEY4 | line<br>break \\x1b\[31m |  \\u{202e}desrever | "not json" | NULL | 120 | 1969-12-31T23:59:59.999999Z |
        "#);
    }

    #[test]
    fn values_cannot_become_markup() {
        let batch = batch([(
            "a|b",
            strings([
                Some("<b>&"),
                Some("![x](http://e) *b* _i_ a_b `c` ~~d~~ $e$"),
                Some("1\r\n2"),
                Some("\\|"),
            ]),
        )]);
        insta::assert_snapshot!(plain(Markdown, &batch), @r"
        | a\|b |
        | --- |
        | &lt;b&gt;&amp; |
        | !\[x\](http://e) \*b\* \_i\_ a_b \`c\` \~\~d\~\~ \$e\$ |
        | 1<br>2 |
        | \\\| |
        ");
    }

    #[test]
    fn without_a_header_it_is_still_a_table() {
        let options = RenderOptions {
            header: false,
            ..Default::default()
        };
        let batch = batch([("a", strings([None])), ("b", strings([Some("")]))]);
        assert_eq!(
            render(Markdown, &options, &[batch]).0,
            "|  |  |\n| --- | --- |\n| NULL |  |\n"
        );
    }

    proptest! {
        #[test]
        fn a_row_is_one_line_of_as_many_cells(text in any::<String>()) {
            let written = plain(Markdown, &batch([("a", strings([Some(&text)])), ("b", strings([None]))]));
            let lines: Vec<_> = written.split_terminator('\n').collect();
            prop_assert_eq!(lines.len(), 3);
            let bare = lines[2].replace(r"\\", "").replace(r"\|", "");
            prop_assert_eq!(bare.matches('|').count(), 3);
            let hostile = ['<', '>', '\u{1b}'];
            prop_assert!(!written.replace("<br>", "").contains(hostile));
        }
    }
}
