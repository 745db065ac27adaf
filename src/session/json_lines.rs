//! JSON files as one object after another: an array of objects, or lines of them.
//!
//! Turns the brackets and commas of an array into spaces, so that a reader of lines can read arrays without holding
//! them in memory. An array that is not closed, or holds something other than objects, is an error, and so is a number
//! with more digits than a float can represent: it would be another number. Pure except for its input.

use std::io::{self, Read};

use super::column_type::comes_back;
use super::delimited::malformed;

/// Where in the text the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Outside every array: in a file of lines, or before the first bracket.
    Outside,
    /// Behind the bracket that opens the array.
    First,
    /// Behind a comma of the array.
    Next,
    /// Behind an object of the array.
    Behind,
}

/// Reads an array of objects as the objects alone.
pub(super) struct JsonLines<R> {
    input: R,
    at: At,
    /// Open brackets of the current object.
    depth: usize,
    in_string: bool,
    after_backslash: bool,
    /// What there is of the current number.
    number: String,
}

impl<R: Read> JsonLines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            at: At::Outside,
            depth: 0,
            in_string: false,
            after_backslash: false,
            number: String::new(),
        }
    }

    /// Takes `byte` for a part of a number, or of none: then the number before it is complete.
    fn see(&mut self, byte: u8) -> io::Result<()> {
        match byte {
            b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E' if !self.in_string => {
                self.number.push(byte.into());
                return Ok(());
            }
            _ if self.number.is_empty() => return Ok(()),
            _ => {}
        }
        let number = std::mem::take(&mut self.number);
        let is_kept = number.parse::<i64>().is_ok()
            || number.parse::<u64>().is_ok()
            || number.parse::<f64>().is_err()
            || comes_back(&number);
        match is_kept {
            true => Ok(()),
            false => Err(malformed(format!(
                "the number {number} has more digits than are kept: write it as a text, in quotes"
            ))),
        }
    }

    /// Returns the replacement for `byte`.
    fn put(&mut self, byte: u8) -> io::Result<u8> {
        if self.in_string {
            self.in_string = byte != b'"' || self.after_backslash;
            self.after_backslash = byte == b'\\' && !self.after_backslash;
            return Ok(byte);
        }
        if self.depth > 0 {
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            if self.depth == 0 && self.at != At::Outside {
                self.at = At::Behind;
            }
            return Ok(byte);
        }
        match (self.at, byte) {
            (_, b' ' | b'\t' | b'\n' | b'\r') => return Ok(byte),
            (At::Outside, b'[') => self.at = At::First,
            (At::Outside | At::First | At::Next, b'{') => {
                self.depth = 1;
                return Ok(byte);
            }
            (At::First | At::Behind, b']') => self.at = At::Outside,
            (At::Behind, b',') => self.at = At::Next,
            (At::Outside, _) => {
                return Err(malformed(
                    "rows are objects: `{`, or `[` before them".to_owned(),
                ));
            }
            (At::Behind, _) => {
                return Err(malformed(
                    "the objects of an array must be separated by commas".to_owned(),
                ));
            }
            (At::First | At::Next, _) => {
                return Err(malformed(
                    "the array contains a value that is not an object".to_owned(),
                ));
            }
        }
        Ok(b' ')
    }
}

impl<R: Read> Read for JsonLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        for byte in &mut buffer[..read] {
            self.see(*byte)?;
            *byte = self.put(*byte)?;
        }
        if read == 0 && (self.at != At::Outside || self.depth > 0) {
            return Err(malformed(
                "the file ends within a row or an array".to_owned(),
            ));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<String, String> {
        let mut lines = String::new();
        let read = JsonLines::new(text.as_bytes()).read_to_string(&mut lines);
        read.map(|_| lines).map_err(|error| error.to_string())
    }

    #[test]
    fn an_array_is_read_as_its_objects_and_lines_as_they_are() {
        assert_eq!(
            lines("[{\"a\":[1,2]},\n{\"b\":\"],\\\"[\"}]\n").unwrap(),
            " {\"a\":[1,2]} \n{\"b\":\"],\\\"[\"} \n"
        );
        assert_eq!(
            lines("{\"a\":\"\\\\\"}\n{}").unwrap(),
            "{\"a\":\"\\\\\"}\n{}"
        );
        let numbers = "{\"a\":[0.1,-1.50e3,18446744073709551615,true,false,\"1e400\"]}";
        assert_eq!(lines(numbers).unwrap(), numbers);
        // Several results in one file.
        assert_eq!(lines("[{}]\n[]").unwrap().trim(), "{}");
    }

    #[test]
    fn what_is_no_array_of_objects_is_an_error() {
        for (text, problem) in [
            ("[{}", "ends within"),
            ("{\"a\":", "ends within"),
            ("[{},]", "not an object"),
            ("[{}{}]", "comma"),
            ("[1]", "not an object"),
            ("[[{}]]", "not an object"),
            ("1", "rows are objects"),
            ("[{}] x", "rows are objects"),
            ("{\"a\":12345678901234567.89}", "more digits"),
            ("{\"a\":[1e400]}", "more digits"),
            ("{\"a\":123456789012345678901}", "more digits"),
        ] {
            let error = lines(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
