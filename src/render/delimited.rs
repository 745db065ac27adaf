//! csv, tsv and text: rows as fields, for programs and spreadsheets.
//!
//! csv follows RFC 4180, and tsv PostgreSQL's COPY text format. Both distinguish NULL from the empty string, write nested
//! values as JSON with explicit nulls, and return every value unchanged to a reader that follows the same rules. text is
//! StackQL's format for people who edit what they see; its fields cannot be told apart again.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Fields;
use datafusion::arrow::json::writer::{NullableEncoder, make_encoder};

use super::cell::{CellKind, Cells};
use super::column::is_secret;
use super::encode::{self, Nulls, can_double};
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
pub(super) enum Values<'a> {
    /// As text, which the syntax escapes.
    Cells(CellKind, Cells<'a>),
    /// The same, of secrets.
    Secrets(CellKind, Cells<'a>),
    /// As JSON that is written with its quotes doubled.
    Json(NullableEncoder<'a>),
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
        // Only csv has quotes to double, and on a terminal controls are escaped in the text of the cell.
        let doubles = self.syntax.format == OutputFormat::Csv && !self.options.terminal;
        fields
            .iter()
            .zip(batch.columns())
            .map(|(field, column)| {
                Ok(match CellKind::of(field) {
                    CellKind::Json if doubles && can_double(field.data_type()) => {
                        Values::Json(make_encoder(field, column, encode::doubled())?)
                    }
                    kind if is_secret(field) => {
                        Values::Secrets(kind, Cells::try_new(field, column, Nulls::Explicit)?)
                    }
                    kind => Values::Cells(kind, Cells::try_new(field, column, Nulls::Explicit)?),
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
            match values {
                Values::Cells(kind, cells) => {
                    self.syntax
                        .write(cells.bytes(row), *kind, &self.options, out);
                }
                Values::Secrets(kind, cells) => {
                    self.syntax
                        .write(cells.bytes(row), *kind, &self.unguarded, out);
                }
                Values::Json(encoder) if encoder.is_null(row) => {}
                Values::Json(encoder) => self
                    .syntax
                    .write_doubled(out, |out| encoder.encode(row, out)),
            }
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        Array, ArrayRef, Date32Array, Int64Array, StringArray, StructArray,
    };
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use proptest::prelude::*;

    use super::super::OutputFormat::{Csv, Tsv};
    use super::super::column::SECRET_MARK;
    use super::super::renderer;
    use super::super::testing::{
        batch, document_field, keys, plain, render, scalars, strings, visible,
    };
    use super::*;

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

    proptest! {
        #[test]
        fn json_is_quoted_as_any_other_text_would_be(
            texts in prop::collection::vec(prop::option::of(prop_oneof![
                any::<String>(),
                "[\\[\\]{}:,;\"\\\\ a1]{0,6}",
                "\"[a-z\\\\\",;]{0,4}\"",
                Just("{}".to_owned()),
                Just("[1,2]".to_owned()),
                Just("{ \"a\" : [\"x\\\"y\"] }".to_owned()),
            ]), 1..6),
            delimiter in prop::sample::select(b",;:[1".as_slice()),
        ) {
            let texts: StringArray = texts.into_iter().collect();
            let document = document_field("d");
            let days: Date32Array = (0..texts.len() as i32).map(|day| (day % 3 > 0).then_some(20_000 * day)).collect();
            let day = Arc::new(Field::new("day", DataType::Date32, true));
            let member = StructArray::from(vec![
                (Arc::new(document.clone()), Arc::new(texts.clone()) as ArrayRef),
                (day, Arc::new(days) as ArrayRef),
            ]);
            let fields = vec![document, Field::new("s", member.data_type().clone(), true)];
            let columns: Vec<ArrayRef> = vec![Arc::new(texts), Arc::new(member)];
            let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
            let options = RenderOptions { delimiter: Some(delimiter), header: false, ..Default::default() };

            let syntax = FieldSyntax { format: Csv, delimiter };
            let schema = batch.schema();
            let mut expected = Vec::new();
            for row in 0..batch.num_rows() {
                for (index, field) in schema.fields().iter().enumerate() {
                    syntax.separate(index, &mut expected);
                    let mut cells = Cells::try_new(field, batch.column(index), Nulls::Explicit).unwrap();
                    syntax.write(cells.bytes(row), CellKind::Json, &options, &mut expected);
                }
                expected.push(b'\n');
            }
            prop_assert_eq!(render(Csv, &options, &[batch]).0, String::from_utf8(expected).unwrap());
        }
    }
}
