//! csv, tsv and text: rows as fields, for programs and spreadsheets.
//!
//! csv follows RFC 4180, and tsv PostgreSQL's COPY text format. Both distinguish NULL from the empty string, write nested
//! values as JSON with explicit nulls, and return every value unchanged to a reader that follows the same rules. text is
//! StackQL's format for people who edit what they see; its fields cannot be told apart again.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Fields;

use super::cell::{CellKind, Cells};
use super::column::is_secret;
use super::encode::Nulls;
use super::error::Error;
use super::field_syntax::FieldSyntax;
use super::format::OutputFormat;
use super::options::RenderOptions;
use super::renderer::Format;

/// Rows as delimited fields, one record per line.
///
/// Lines end in LF alone. RFC 4180 says CRLF, but csv readers accept both, psql, DuckDB and StackQL write LF, and
/// line-oriented tools need it.
pub(super) struct Delimited {
    syntax: FieldSyntax,
    options: RenderOptions,
    /// For secrets, which are of no use if they are altered.
    unguarded: RenderOptions,
}

impl Delimited {
    /// Returns csv, tsv or text, as `format` says.
    ///
    /// In csv, fields are quoted where needed, NULL is the empty field and the empty string is `""`. A NULL in a result of
    /// one column is an empty line, as in psql. In tsv, a record is always one line, with `\t`, `\n`, `\r` and `\\` for
    /// characters that would break it, and `\N` for NULL. In text, values are written as they are, and NULL as `null`.
    pub(super) fn new(format: OutputFormat, options: RenderOptions) -> Self {
        let usual = match format {
            OutputFormat::Tsv => b'\t',
            _ => b',',
        };
        let delimiter = options.delimiter.unwrap_or(usual);
        Self {
            syntax: FieldSyntax { format, delimiter },
            unguarded: RenderOptions {
                csv_guard: false,
                ..options.clone()
            },
            options,
        }
    }
}

/// The values of one column of one batch.
pub(super) struct Values<'a> {
    kind: CellKind,
    is_secret: bool,
    cells: Cells<'a>,
}

impl Format for Delimited {
    type Columns<'a> = Vec<Values<'a>>;

    fn begin(&mut self, fields: &Fields, out: &mut Vec<u8>) -> Result<(), Error> {
        self.syntax.check()?;
        if self.options.header && !fields.is_empty() {
            for (index, field) in fields.iter().enumerate() {
                let name = Some(field.name().as_bytes());
                self.syntax.separate(index, out);
                self.syntax.write(name, CellKind::Text, &self.options, out);
            }
            out.push(b'\n');
        }
        Ok(())
    }

    fn columns<'a>(
        &self,
        fields: &'a Fields,
        batch: &'a RecordBatch,
    ) -> Result<Self::Columns<'a>, Error> {
        fields
            .iter()
            .zip(batch.columns())
            .map(|(field, column)| {
                Ok(Values {
                    kind: CellKind::of(field),
                    is_secret: is_secret(field),
                    cells: Cells::try_new(field, column, Nulls::Explicit)?,
                })
            })
            .collect()
    }

    fn row(&mut self, columns: &mut Vec<Values<'_>>, row: usize, _: usize, out: &mut Vec<u8>) {
        if columns.is_empty() {
            return;
        }
        for (index, values) in columns.iter_mut().enumerate() {
            self.syntax.separate(index, out);
            let options = match values.is_secret {
                true => &self.unguarded,
                false => &self.options,
            };
            let cell = values.cells.bytes(row);
            self.syntax.write(cell, values.kind, options, out);
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::OutputFormat::{Csv, Tsv};
    use super::super::column::SECRET_MARK;
    use super::super::renderer;
    use super::super::testing::{batch, keys, plain, render, scalars, strings, visible};
    use super::*;
    use datafusion::arrow::array::{ArrayRef, Int64Array};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    #[test]
    fn csv_quotes_where_needed_and_tells_null_from_empty() {
        insta::assert_snapshot!(visible(&plain(Csv, &keys())), @r#"
        id,display_name,description,_spec,spec,age_days,created_at
        AAAABBBBCCCC2222,billing,"café, ""quoted""","{""a"":[1,null]}","{""display_name"":""billing"",""expires_at"":""2026-01-03T04:05:06Z"",""owner"":{""id"":""sa-1"",""environment"":null},""resources"":[{""id"":""lkc-1"",""environment"":""env-1""},{""id"":""aws.us-east-1"",""environment"":""env-9""}]}",7,2026-01-03T04:05:06Z
        KEY2,決済サービス,👩‍💻 team | ops,"{""b"":""x y""}","{""display_name"":""決済サービス"",""expires_at"":""2026-01-03T04:05:06.811920Z"",""owner"":{""id"":""u-2"",""environment"":null},""resources"":[]}",-9223372036854775808,2026-01-03T04:05:06.811920Z
        KEY3,"",,,"{""display_name"":"""",""expires_at"":null,""owner"":null,""resources"":null}",,
        KEY4,"line
        break \x1b[31m"," \u{202e}desrever","""not json""",,120,1969-12-31T23:59:59.999999Z
        "#);
    }

    #[test]
    fn tsv_keeps_every_record_on_one_line() {
        insta::assert_snapshot!(visible(&plain(Tsv, &keys())), @r#"
        id\tdisplay_name\tdescription\t_spec\tspec\tage_days\tcreated_at
        AAAABBBBCCCC2222\tbilling\tcafé, "quoted"\t{"a":[1,null]}\t{"display_name":"billing","expires_at":"2026-01-03T04:05:06Z","owner":{"id":"sa-1","environment":null},"resources":[{"id":"lkc-1","environment":"env-1"},{"id":"aws.us-east-1","environment":"env-9"}]}\t7\t2026-01-03T04:05:06Z
        KEY2\t決済サービス\t👩‍💻 team | ops\t{"b":"x y"}\t{"display_name":"決済サービス","expires_at":"2026-01-03T04:05:06.811920Z","owner":{"id":"u-2","environment":null},"resources":[]}\t-9223372036854775808\t2026-01-03T04:05:06.811920Z
        KEY3\t\t\N\t\N\t{"display_name":"","expires_at":null,"owner":null,"resources":null}\t\N\t\N
        KEY4\tline\nbreak \x1b[31m\t \u{202e}desrever\t"not json"\t\N\t120\t1969-12-31T23:59:59.999999Z
        "#);
    }

    #[test]
    fn scalars_are_spelt_as_arrow_spells_them() {
        assert_eq!(
            plain(Csv, &scalars()),
            "ok,ratio\ntrue,1.5\n,NaN\nfalse,-inf\n,1.0\n"
        );
    }

    #[test]
    fn the_header_can_be_left_out() {
        let options = RenderOptions {
            header: false,
            ..Default::default()
        };
        let batch = batch([("a", strings([Some("x")]))]);
        assert_eq!(render(Csv, &options, std::slice::from_ref(&batch)).0, "x\n");
        assert_eq!(render(Tsv, &options, &[batch]).0, "x\n");
    }

    #[test]
    fn the_delimiter_can_be_chosen_and_is_protected() {
        let options = RenderOptions {
            delimiter: Some(b';'),
            ..Default::default()
        };
        let batch = batch([("a", strings([Some("x;y")])), ("b", strings([Some("1,2")]))]);
        assert_eq!(
            render(Csv, &options, std::slice::from_ref(&batch)).0,
            "a;b\n\"x;y\";1,2\n"
        );
        assert_eq!(render(Tsv, &options, &[batch]).0, "a;b\nx\\;y;1,2\n");
    }

    #[test]
    fn a_delimiter_that_cannot_be_read_back_is_refused() {
        for (format, delimiter) in [
            (Csv, b'"'),
            (Csv, b'\n'),
            (Csv, 0xe9),
            (Tsv, b'\\'),
            (Tsv, b'N'),
        ] {
            let options = RenderOptions {
                delimiter: Some(delimiter),
                ..Default::default()
            };
            let mut renderer = renderer(format, &options, Box::new(std::io::sink()));
            let error = renderer.begin(&keys().schema()).unwrap_err();
            assert!(
                matches!(error, Error::Delimiter { .. }),
                "{format} {delimiter}"
            );
        }
    }

    #[test]
    fn formulas_are_disarmed_in_text_and_only_if_asked() {
        let text = strings([Some("=1+1"), Some("@x"), Some("\tx"), Some("a=1")]);
        let number: ArrayRef = Arc::new(Int64Array::from(vec![-1, -2, -3, -4]));
        let batch = batch([("text", text), ("n", number)]);
        let options = RenderOptions {
            csv_guard: true,
            ..Default::default()
        };
        assert_eq!(
            plain(Csv, &batch),
            "text,n\n=1+1,-1\n@x,-2\n\"\tx\",-3\na=1,-4\n"
        );
        assert_eq!(
            render(Csv, &options, std::slice::from_ref(&batch)).0,
            "text,n\n'=1+1,-1\n'@x,-2\n'\tx,-3\na=1,-4\n"
        );
        assert!(render(Tsv, &options, &[batch]).0.contains("'=1+1\t-1\n"));
        for sign in ["+", "-", "\r", "\n", "＝", "＋", "－", "＠"] {
            let text = format!("{sign}1");
            let batch = one_cell(&text);
            let written = render(Csv, &options, &[batch]).0;
            assert!(written.contains(&format!("'{text}")), "{written}");
        }
    }

    #[test]
    fn no_secret_is_ever_altered() {
        let options = RenderOptions {
            csv_guard: true,
            ..Default::default()
        };
        let marked = Field::new("x", DataType::Utf8, true)
            .with_metadata([(SECRET_MARK.to_owned(), String::new())].into());
        for field in [
            Field::new("secret", DataType::Utf8, true),
            Field::new("spec.secret", DataType::Utf8, true),
            marked,
        ] {
            let schema = Arc::new(Schema::new(vec![field]));
            let batch = RecordBatch::try_new(schema, vec![strings([Some("+secret=")])]).unwrap();
            for format in [Csv, Tsv] {
                let written = render(format, &options, std::slice::from_ref(&batch)).0;
                assert_eq!(written.lines().nth(1), Some("+secret="));
            }
        }
    }

    fn one_cell(text: &str) -> RecordBatch {
        batch([("a", strings([Some(text)]))])
    }

    #[test]
    fn a_terminal_gets_no_control_character_raw() {
        let options = RenderOptions {
            terminal: true,
            ..Default::default()
        };
        let batch = batch([("a", strings([Some("\u{1b}[2J\n\u{202e},")]))]);
        assert_eq!(
            render(Csv, &options, std::slice::from_ref(&batch)).0,
            "a\n\"\\x1b[2J\\n\\u{202e},\"\n"
        );
        assert_eq!(
            render(Tsv, &options, &[batch]).0,
            "a\n\\x1b[2J\\n\\u{202e},\n"
        );
    }

    /// A pipe whose reader takes once what is there, and goes away.
    #[derive(Clone)]
    struct Pipe(std::sync::Arc<std::sync::Mutex<Option<Vec<u8>>>>);

    impl Default for Pipe {
        fn default() -> Self {
            Self(std::sync::Arc::new(std::sync::Mutex::new(Some(Vec::new()))))
        }
    }

    impl Pipe {
        fn take(&self) -> Option<Vec<u8>> {
            self.0.lock().unwrap().take()
        }
    }

    impl std::io::Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            match self.0.lock().unwrap().as_mut() {
                Some(pipe) => std::io::Write::write(pipe, bytes),
                None => Err(std::io::ErrorKind::BrokenPipe.into()),
            }
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_flushed_row_is_out() {
        let pipe = Pipe::default();
        let mut renderer = renderer(Csv, &RenderOptions::default(), Box::new(pipe.clone()));
        let batch = batch([("a", strings([Some("x")]))]);
        renderer.begin(&batch.schema()).unwrap();
        renderer.batch(&batch).unwrap();
        renderer.flush().unwrap();
        assert_eq!(pipe.take().unwrap(), b"a\nx\n");
        renderer.batch(&batch).unwrap();
        assert!(renderer.flush().unwrap_err().is_broken_pipe());
    }
}
