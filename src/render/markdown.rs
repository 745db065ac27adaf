//! markdown: a pipe table as GitHub reads it.
//!
//! Rows are written as they arrive, without padding, because rendering aligns the columns. Whatever a value contains, it
//! stays text inside its cell: no markup, link, image or further cell. comfy-table is not used: it would hold back all rows
//! to align the source, and it cannot mark a column as aligned to the right.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Fields;

use super::cell::{CellKind, Cells};
use super::encode::Nulls;
use super::error::Error;
use super::escape::escape_controls;
use super::options::RenderOptions;
use super::renderer::Format;

/// Rows as a [GitHub table](https://github.github.com/gfm/#tables-extension-).
pub(super) struct Markdown(pub(super) RenderOptions);

impl Format for Markdown {
    type Columns<'a> = Vec<Cells<'a>>;

    fn begin(&mut self, fields: &Fields, out: &mut Vec<u8>) -> Result<(), Error> {
        if fields.is_empty() {
            return Ok(());
        }
        for field in fields {
            // A table needs a header line, so without headers its cells are empty.
            push_cell(if self.0.header { field.name() } else { "" }, out);
        }
        out.extend_from_slice(b"|\n");
        for field in fields {
            out.extend_from_slice(match CellKind::of(field) {
                CellKind::Number => b"| ---: ".as_slice(),
                _ => b"| --- ",
            });
        }
        out.extend_from_slice(b"|\n");
        Ok(())
    }

    fn columns<'a>(
        &self,
        fields: &'a Fields,
        batch: &'a RecordBatch,
    ) -> Result<Self::Columns<'a>, Error> {
        Cells::of_batch(fields, batch, Nulls::Omitted)
    }

    fn row(&mut self, columns: &mut Vec<Cells<'_>>, row: usize, _: usize, out: &mut Vec<u8>) {
        if columns.is_empty() {
            return;
        }
        for cells in columns {
            push_cell(
                cells.text(row).as_deref().unwrap_or(self.0.null_text()),
                out,
            );
        }
        out.extend_from_slice(b"|\n");
    }
}

fn push_cell(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"| ");
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            // The only way to break a line inside a cell. A `<` in a value is escaped, so it cannot be mistaken for this.
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
            // Between letters it is plain text, and common in names.
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
    use super::super::testing::{batch, keys, plain, render, strings};
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
