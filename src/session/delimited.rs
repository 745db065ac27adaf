//! csv and tsv as records: bytes in, fields out.
//!
//! csv is that of RFC 4180: a field in quotes may hold anything, and an empty field without quotes is NULL. tsv is
//! PostgreSQL's COPY text format: one line a record, `\t`, `\n` and the like in place of what would break it, and `\N` for
//! NULL. Both are what `render` writes. It knows no columns and no types.

use std::io::{self, Read};

/// A longer record is a mistake: a quote that was never closed, or a device that never ends.
const MAX_RECORD: usize = 64 << 20;

/// How fields are separated and quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// By quotes, as in csv.
    Quotes {
        quote: u8,
        /// In front of a quote inside quotes; without one the quote is doubled.
        escape: Option<u8>,
    },
    /// By backslashes, as in tsv.
    Backslashes,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syntax {
    pub(super) delimiter: u8,
    pub(super) quoting: Quoting,
    /// What a line begins with that is no record.
    pub(super) comment: Option<u8>,
}

impl Syntax {
    pub(super) const CSV: Self = Self {
        delimiter: b',',
        quoting: Quoting::Quotes {
            quote: b'"',
            escape: None,
        },
        comment: None,
    };

    pub(super) const TSV: Self = Self {
        delimiter: b'\t',
        quoting: Quoting::Backslashes,
        comment: None,
    };
}

/// One record.
#[derive(Debug, Default)]
pub(super) struct Record {
    bytes: Vec<u8>,
    /// Where each field ends in `bytes`, and what it is.
    fields: Vec<(usize, Kind)>,
    /// The line that it begins on, counted from 1.
    pub(super) line: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Quoted,
    Null,
}

/// One field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'r> {
    pub(super) bytes: &'r [u8],
    kind: Kind,
}

impl Field<'_> {
    /// Returns true if it is empty and nothing says that it is a text.
    pub(super) fn is_blank(&self) -> bool {
        self.bytes.is_empty() && self.kind == Kind::Plain
    }

    /// Returns true if it was written as NULL.
    pub(super) fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }
}

impl Record {
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Returns true for an empty line.
    pub(super) fn is_blank(&self) -> bool {
        self.fields.len() == 1 && self.field(0).is_some_and(|field| field.is_blank())
    }

    pub(super) fn field(&self, at: usize) -> Option<Field<'_>> {
        let &(end, kind) = self.fields.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.fields[before].0);
        Some(Field {
            bytes: &self.bytes[start..end],
            kind,
        })
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        (0..self.len()).filter_map(|at| self.field(at))
    }

    fn end_field(&mut self, kind: Kind) {
        self.fields.push((self.bytes.len(), kind));
    }
}

/// Reads records one after another.
pub(super) struct Records<R> {
    input: R,
    syntax: Syntax,
    buffer: Vec<u8>,
    /// What of `buffer` is not read yet.
    rest: std::ops::Range<usize>,
    line: u64,
    /// True after a carriage return: a line feed belongs to it.
    after_return: bool,
    is_begun: bool,
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: R, syntax: Syntax) -> Self {
        Self {
            input,
            syntax,
            buffer: vec![0; 64 << 10],
            rest: 0..0,
            line: 1,
            after_return: false,
            is_begun: false,
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.rest.is_empty() {
            let read = loop {
                match self.input.read(&mut self.buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read?,
                }
            };
            self.rest = 0..read;
        }
        Ok(self.buffer[self.rest.clone()].first().copied())
    }

    fn next(&mut self) -> io::Result<Option<u8>> {
        let byte = self.peek()?;
        if byte.is_some() {
            self.rest.start += 1;
        }
        Ok(byte)
    }

    /// Skips the mark that some programs put before UTF-8.
    fn skip_mark(&mut self) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        for expected in [0xef, 0xbb, 0xbf] {
            match self.peek()? {
                Some(byte) if byte == expected => {
                    read.push(byte);
                    self.rest.start += 1;
                }
                _ => return Ok(read),
            }
        }
        Ok(Vec::new())
    }

    /// Reads the next record into `record`. Returns false at the end.
    ///
    /// Fails if the input does, a quote is never closed, or a record has no end.
    pub(super) fn read(&mut self, record: &mut Record) -> io::Result<bool> {
        record.bytes.clear();
        record.fields.clear();
        if !self.is_begun {
            self.is_begun = true;
            record.bytes = self.skip_mark()?;
        }
        loop {
            if self.after_return && self.peek()? == Some(b'\n') {
                self.rest.start += 1;
            }
            self.after_return = false;
            match self.peek()? {
                None if record.bytes.is_empty() => return Ok(false),
                Some(byte) if Some(byte) == self.syntax.comment && record.bytes.is_empty() => {
                    self.skip_line()?;
                }
                _ => break,
            }
        }
        record.line = self.line;
        match self.syntax.quoting {
            Quoting::Quotes { quote, escape } => self.read_quoted(record, quote, escape)?,
            Quoting::Backslashes => self.read_escaped(record)?,
        }
        Ok(true)
    }

    fn skip_line(&mut self) -> io::Result<()> {
        while let Some(byte) = self.next()? {
            if self.ends_line(byte) {
                break;
            }
        }
        Ok(())
    }

    fn ends_line(&mut self, byte: u8) -> bool {
        self.after_return = byte == b'\r';
        let ends = matches!(byte, b'\n' | b'\r');
        self.line += u64::from(ends);
        ends
    }

    fn read_quoted(
        &mut self,
        record: &mut Record,
        quote: u8,
        escape: Option<u8>,
    ) -> io::Result<()> {
        let mut kind = Kind::Plain;
        let mut is_empty = record.bytes.is_empty();
        while let Some(byte) = self.next()? {
            if byte == quote && is_empty {
                (kind, is_empty) = (Kind::Quoted, false);
                self.read_quotes(record, quote, escape)?;
            } else if byte == self.syntax.delimiter {
                record.end_field(kind);
                (kind, is_empty) = (Kind::Plain, true);
            } else if self.ends_line(byte) {
                break;
            } else {
                is_empty = false;
                record.bytes.push(byte);
            }
            check_length(record)?;
        }
        record.end_field(kind);
        Ok(())
    }

    /// Reads up to the quote that closes.
    fn read_quotes(
        &mut self,
        record: &mut Record,
        quote: u8,
        escape: Option<u8>,
    ) -> io::Result<()> {
        while let Some(byte) = self.next()? {
            if Some(byte) == escape && byte != quote {
                if let Some(escaped) = self.next()? {
                    record.bytes.push(escaped);
                }
            } else if byte != quote {
                self.line += u64::from(byte == b'\n');
                record.bytes.push(byte);
            } else if self.peek()? == Some(quote) {
                self.rest.start += 1;
                record.bytes.push(quote);
            } else {
                return Ok(());
            }
            check_length(record)?;
        }
        Err(malformed(format!(
            "the record on line {} has a quote that is never closed",
            record.line
        )))
    }

    fn read_escaped(&mut self, record: &mut Record) -> io::Result<()> {
        let mut start = 0;
        let mut kind = Kind::Plain;
        while let Some(byte) = self.next()? {
            if byte == self.syntax.delimiter {
                record.end_field(kind);
                (start, kind) = (record.bytes.len(), Kind::Plain);
            } else if self.ends_line(byte) {
                break;
            } else if byte != b'\\' {
                kind = Kind::Plain;
                record.bytes.push(byte);
            } else if let Some(escaped) = self.next()? {
                let is_whole = record.bytes.len() == start && kind == Kind::Plain;
                match escaped {
                    b'N' if is_whole => kind = Kind::Null,
                    b't' => record.bytes.push(b'\t'),
                    b'n' => record.bytes.push(b'\n'),
                    b'r' => record.bytes.push(b'\r'),
                    b'b' => record.bytes.push(8),
                    b'f' => record.bytes.push(12),
                    b'v' => record.bytes.push(11),
                    other => record.bytes.push(other),
                }
            } else {
                record.bytes.push(byte);
            }
            check_length(record)?;
        }
        record.end_field(kind);
        Ok(())
    }
}

fn check_length(record: &Record) -> io::Result<()> {
    match record.bytes.len() > MAX_RECORD {
        true => Err(malformed(format!(
            "the record on line {} is longer than {} MiB",
            record.line,
            MAX_RECORD >> 20
        ))),
        false => Ok(()),
    }
}

pub(super) fn malformed(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of `text`, a NULL as `<null>` and an empty text as `<empty>`.
    fn records(text: &str, syntax: Syntax) -> Result<Vec<String>, String> {
        let mut reader = Records::new(text.as_bytes(), syntax);
        let mut record = Record::default();
        let mut found = Vec::new();
        while reader
            .read(&mut record)
            .map_err(|error| error.to_string())?
        {
            let fields = record.fields().map(|field| match field {
                field if field.is_null() => "<null>".to_owned(),
                field if field.is_blank() => "<blank>".to_owned(),
                field if field.bytes.is_empty() => "<empty>".to_owned(),
                field => String::from_utf8(field.bytes.to_vec()).unwrap(),
            });
            found.push(format!(
                "{}: {}",
                record.line,
                fields.collect::<Vec<_>>().join("|")
            ));
        }
        Ok(found)
    }

    #[test]
    fn csv_is_that_of_rfc_4180() {
        let of = |text| records(text, Syntax::CSV).unwrap();
        assert_eq!(
            of("a,b\n1,\"\"\n,\n"),
            ["1: a|b", "2: 1|<empty>", "3: <blank>|<blank>"]
        );
        assert_eq!(
            of("\u{feff}a\r\n\"x\"\"y\r\nz\",\n\nb"),
            ["1: a", "2: x\"y\r\nz|<blank>", "4: <blank>", "5: b"]
        );
        assert_eq!(of("a\"b,\"c\"d\n"), ["1: a\"b|cd"]);
        assert_eq!(of(""), [""; 0]);
        assert_eq!(
            records("a\n\"b\nc", Syntax::CSV).unwrap_err(),
            "the record on line 2 has a quote that is never closed"
        );
        let other = Syntax {
            delimiter: b';',
            quoting: Quoting::Quotes {
                quote: b'\'',
                escape: Some(b'\\'),
            },
            comment: Some(b'#'),
        };
        assert_eq!(records("#a\n'b\\';c';d\n#", other).unwrap(), ["2: b';c|d"]);
    }

    #[test]
    fn tsv_is_postgresqls() {
        let of = |text| records(text, Syntax::TSV).unwrap();
        assert_eq!(of("a\tb\n\\N\t\n"), ["1: a|b", "2: <null>|<blank>"]);
        assert_eq!(of("\\\\N\t\\t\\n\\\\\n"), ["1: \\N|\t\n\\"]);
        assert_eq!(of("x\\N\t\"q\"\r\n"), ["1: xN|\"q\""]);
    }

    #[test]
    fn a_record_without_an_end_is_an_error() {
        let mut reader = Records::new(io::repeat(b'x'), Syntax::CSV);
        let error = reader.read(&mut Record::default()).unwrap_err();
        assert!(error.to_string().contains("longer than 64 MiB"), "{error}");
    }
}
