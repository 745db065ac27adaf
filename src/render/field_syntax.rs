//! How csv, tsv and text separate fields, and quote or escape what is in them.
//!
//! Bytes in, bytes out; knows nothing about rows and columns.

use super::cell::CellKind;
use super::error::Error;
use super::escape::escape_controls;
use super::format::OutputFormat;
use super::options::RenderOptions;

/// How fields are separated and protected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldSyntax {
    /// csv, tsv or text.
    pub(crate) format: OutputFormat,
    /// The separator between fields.
    pub(crate) delimiter: u8,
}

impl FieldSyntax {
    /// Refuses delimiters that have another meaning, since the output could not be read back.
    pub(crate) fn check(self) -> Result<(), Error> {
        let taken = match self.format {
            // As in COPY: a backslash before a letter or a digit is an escape sequence.
            OutputFormat::Tsv => {
                matches!(self.delimiter, b'\\' | b'.') || self.delimiter.is_ascii_alphanumeric()
            }
            OutputFormat::Text => false,
            _ => self.delimiter == b'"',
        };
        if taken || matches!(self.delimiter, b'\n' | b'\r' | 0) || !self.delimiter.is_ascii() {
            return Err(Error::Delimiter {
                format: self.format,
                delimiter: self.delimiter,
            });
        }
        Ok(())
    }

    /// Appends the delimiter, unless this is the first field.
    pub(crate) fn separate(self, index: usize, out: &mut Vec<u8>) {
        if index > 0 {
            out.push(self.delimiter);
        }
    }

    /// Appends one field; None is NULL.
    pub(crate) fn write(
        self,
        value: Option<&[u8]>,
        kind: CellKind,
        options: &RenderOptions,
        out: &mut Vec<u8>,
    ) {
        if self.format == OutputFormat::Text {
            write_plain(value.unwrap_or(b"null"), options, out);
            return;
        }
        let tsv = self.format == OutputFormat::Tsv;
        let Some(value) = value else {
            out.extend_from_slice(if tsv { br"\N" } else { b"" });
            return;
        };
        let guarded;
        let value = if options.csv_guard && kind == CellKind::Text && is_formula(value) {
            guarded = [b"'", value].concat();
            &guarded
        } else {
            value
        };
        if tsv {
            let start = out.len();
            self.write_escaped(value, out);
            if options.terminal {
                let shown = escape_controls(&String::from_utf8_lossy(&out[start..])).into_owned();
                out.truncate(start);
                out.extend_from_slice(shown.as_bytes());
            }
        } else if options.terminal {
            let shown = String::from_utf8_lossy(value);
            self.write_quoted(escape_controls(&shown).as_bytes(), out);
        } else {
            self.write_quoted(value, out);
        }
    }

    /// Appends a csv field whose content `write` appends with its quotes already doubled.
    pub(crate) fn write_doubled(self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        out.push(b'"');
        write(out);
        if self.needs_quotes(&out[start + 1..]) {
            out.push(b'"');
        } else {
            out.remove(start);
        }
    }

    /// Tells whether a csv field would be misread without quotes.
    fn needs_quotes(self, value: &[u8]) -> bool {
        let special = |byte: &u8| *byte == self.delimiter || matches!(byte, b'"' | b'\n' | b'\r');
        // Some readers trim unquoted fields, and an empty one is NULL.
        let edge = |byte: Option<&u8>| byte.is_none_or(|byte| matches!(byte, b' ' | b'\t'));
        edge(value.first()) || edge(value.last()) || value.iter().any(special)
    }

    fn write_quoted(self, value: &[u8], out: &mut Vec<u8>) {
        if !self.needs_quotes(value) {
            out.extend_from_slice(value);
            return;
        }
        // JSON is full of quotes, so the space is filled with quotes first and the other bytes are written over them.
        let quotes = value.iter().filter(|byte| **byte == b'"').count();
        let start = out.len();
        out.resize(start + value.len() + quotes + 2, b'"');
        let mut at = start + 1;
        for &byte in value {
            out[at] = byte;
            at += 1 + usize::from(byte == b'"');
        }
    }

    fn write_escaped(self, value: &[u8], out: &mut Vec<u8>) {
        for &byte in value {
            match byte {
                b'\\' => out.extend_from_slice(br"\\"),
                b'\n' => out.extend_from_slice(br"\n"),
                b'\r' => out.extend_from_slice(br"\r"),
                b'\t' => out.extend_from_slice(br"\t"),
                _ if byte == self.delimiter => out.extend_from_slice(&[b'\\', byte]),
                _ => out.push(byte),
            }
        }
    }
}

/// Appends a value as it is; on a terminal, line by line and without controls.
fn write_plain(value: &[u8], options: &RenderOptions, out: &mut Vec<u8>) {
    if !options.terminal {
        out.extend_from_slice(value);
        return;
    }
    for (index, line) in String::from_utf8_lossy(value).split('\n').enumerate() {
        if index > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(escape_controls(line).as_bytes());
    }
}

/// Tells whether a spreadsheet would evaluate the text: <https://owasp.org/www-community/attacks/CSV_Injection>.
fn is_formula(value: &[u8]) -> bool {
    // Full-width forms of the same characters, as East Asian keyboards type them.
    let wide = ["＝", "＋", "－", "＠"];
    matches!(
        value.first(),
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n')
    ) || wide.iter().any(|sign| value.starts_with(sign.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, StringArray};
    use proptest::prelude::*;

    use super::super::OutputFormat::{Csv, Tsv};
    use super::super::testing::{batch, plain};
    use super::*;

    fn field(format: OutputFormat, value: &str) -> String {
        let delimiter = if format == Tsv { b'\t' } else { b',' };
        let mut out = Vec::new();
        let syntax = FieldSyntax { format, delimiter };
        syntax.write(
            Some(value.as_bytes()),
            CellKind::Text,
            &RenderOptions::default(),
            &mut out,
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn csv_quotes_only_what_would_be_misread() {
        assert_eq!(field(Csv, "a b|c"), "a b|c");
        assert_eq!(field(Csv, ""), "\"\"");
        for value in ["a,b", "a\nb", "a\rb", " a", "a ", "\ta"] {
            assert_eq!(field(Csv, value), format!("\"{value}\""));
        }
        assert_eq!(field(Csv, "\"a\"\""), "\"\"\"a\"\"\"\"\"");
    }

    #[test]
    fn tsv_text_never_looks_like_null() {
        assert_eq!(field(Tsv, r"\N"), r"\\N");
        assert_eq!(field(Tsv, "a\tb\r\n"), r"a\tb\r\n");
        assert_eq!(field(Tsv, ""), "");
    }

    /// Reads csv by the letter of RFC 4180, with None for an empty field that is not quoted.
    fn read_csv(text: &str) -> Vec<Vec<Option<String>>> {
        let mut records = Vec::new();
        let mut record = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let field = if let Some(quoted) = rest.strip_prefix('"') {
                let mut field = String::new();
                rest = quoted;
                loop {
                    let (piece, after) = rest.split_once('"').unwrap();
                    field.push_str(piece);
                    match after.strip_prefix('"') {
                        Some(more) => {
                            field.push('"');
                            rest = more;
                        }
                        None => {
                            rest = after;
                            break Some(field);
                        }
                    }
                }
            } else {
                let (field, after) = rest.split_at(rest.find([',', '\n']).unwrap());
                rest = after;
                (!field.is_empty()).then(|| field.to_owned())
            };
            record.push(field);
            if rest.starts_with('\n') {
                records.push(std::mem::take(&mut record));
            }
            rest = &rest[1..];
        }
        records
    }

    /// Reads tsv as COPY does.
    fn read_tsv(text: &str) -> Vec<Vec<Option<String>>> {
        let field = |raw: &str| {
            if raw == r"\N" {
                return None;
            }
            let mut out = String::new();
            let mut chars = raw.chars();
            while let Some(c) = chars.next() {
                out.push(match c {
                    '\\' => match chars.next().unwrap() {
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        other => other,
                    },
                    _ => c,
                });
            }
            Some(out)
        };
        text.split_terminator('\n')
            .map(|line| line.split('\t').map(field).collect())
            .collect()
    }

    /// Strings made mostly of what the two formats have to protect.
    fn hostile() -> impl Strategy<Value = Option<String>> {
        prop::option::of(prop_oneof![
            "[,\"\n\r\t\\\\N a\u{1b}é]{0,8}",
            any::<String>()
        ])
    }

    proptest! {
        #[test]
        fn both_read_back_to_the_same_strings(rows in prop::collection::vec((hostile(), hostile()), 0..8)) {
            let left: ArrayRef = Arc::new(rows.iter().map(|(left, _)| left.as_deref()).collect::<StringArray>());
            let right: ArrayRef = Arc::new(rows.iter().map(|(_, right)| right.as_deref()).collect::<StringArray>());
            let batch = batch([("left", left), ("right", right)]);
            let rows: Vec<_> = rows.into_iter().map(|(left, right)| vec![left, right]).collect();
            let tsv = plain(Tsv, &batch);
            prop_assert_eq!(tsv.matches('\n').count(), rows.len() + 1);
            prop_assert_eq!(&read_csv(&plain(Csv, &batch))[1..], &rows[..]);
            prop_assert_eq!(&read_tsv(&tsv)[1..], &rows[..]);
        }
    }
}
