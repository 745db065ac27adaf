//! Cuts a script into statements, by the tokenizer, so that quotes and comments are right by construction.

use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace};

use crate::dialect::error::Error;
use crate::dialect::parse::{lower_first, next_step};
use crate::dialect::parser::IamqlDialect;
use crate::error::ErrorKind;

/// One statement as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its text, without the semicolon and the white space around it.
    pub text: String,
    /// The line of the script on which it begins, counted from 1.
    pub line: u64,
    /// True if a semicolon ended it.
    pub terminated: bool,
}

impl Piece {
    /// Returns `text`, run in the place of this statement.
    pub fn with_text(&self, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            line: self.line,
            terminated: true,
        }
    }
}

/// The statements of a script.
#[derive(Debug, Default)]
pub struct Script {
    /// The statements in order; the last one may lack its semicolon.
    pub pieces: Vec<Piece>,
    /// What is wrong after the last of them: a quote or a comment that does not end.
    pub broken: Option<(Piece, Error)>,
}

/// Cuts `script` at its semicolons. Pieces that hold nothing but comments are left out.
pub fn split(script: &str) -> Script {
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    let outcome = Tokenizer::new(&IamqlDialect, script)
        .with_unescape(false)
        .tokenize_with_location_into_buf(&mut tokens);
    // One finds the semicolons, the other the beginnings between them.
    let (mut ends, mut begins) = (Cursor::new(script), Cursor::new(script));
    let mut split = Script::default();
    let mut start = 0;
    let mut is_blank = true;
    for TokenWithSpan { token, span } in &tokens {
        match token {
            Token::SemiColon => {
                let semicolon = ends.offset(span.start);
                if !is_blank {
                    split.pieces.push(begins.piece(start, semicolon, true));
                }
                start = (semicolon + 1).min(script.len());
                is_blank = true;
            }
            Token::Whitespace(_) | Token::EOF => {}
            _ => is_blank = false,
        }
    }
    match outcome {
        Ok(()) if is_blank => {}
        Ok(()) => split.pieces.push(begins.piece(start, script.len(), false)),
        Err(error) => {
            let piece = begins.piece(start, script.len(), false);
            let line = (error.location.line + 1).saturating_sub(piece.line);
            let message = lower_first(&error.message);
            let hint = next_step(&message, &piece.text);
            let error = Error {
                hint: hint.map(str::to_owned),
                ..Error::new(message)
                    .kind(ErrorKind::Syntax)
                    .at_location(Location::new(line, error.location.column))
            };
            split.broken = Some((piece, error));
        }
    }
    split
}

/// Returns true if `text` is a line comment that ends nowhere but at its own line, or blank.
pub fn is_blank(text: &str) -> bool {
    let mut tokens = Vec::new();
    Tokenizer::new(&IamqlDialect, text)
        .tokenize_with_location_into_buf(&mut tokens)
        .is_ok()
        && tokens.iter().all(|t: &TokenWithSpan| {
            matches!(
                t.token,
                Token::Whitespace(
                    Whitespace::Space
                        | Whitespace::Newline
                        | Whitespace::Tab
                        | Whitespace::SingleLineComment { .. }
                        | Whitespace::MultiLineComment(_)
                ) | Token::EOF
            )
        })
}

/// A place in a script that moves on, never back: however many places are looked up, the script is read once.
struct Cursor<'s> {
    text: &'s str,
    /// The byte where it is.
    at: usize,
    /// The same by line and column, both counted from 1, columns in characters.
    location: Location,
}

impl<'s> Cursor<'s> {
    fn new(text: &'s str) -> Self {
        Self {
            text,
            at: 0,
            location: Location::new(1, 1),
        }
    }

    /// Moves on while `goes_on` says so of the place, and returns the byte where it stops.
    fn advance(&mut self, goes_on: impl Fn(usize, Location) -> bool) -> usize {
        let rest = &self.text[self.at..];
        for c in rest.chars() {
            if !goes_on(self.at, self.location) {
                break;
            }
            self.at += c.len_utf8();
            self.location = match c {
                '\n' => Location::new(self.location.line + 1, 1),
                _ => Location::new(self.location.line, self.location.column + 1),
            };
        }
        self.at
    }

    /// Returns the byte at `end`.
    fn offset(&mut self, end: Location) -> usize {
        self.advance(|_, here| here < end)
    }

    /// Returns the statement in `start..end`, which begins no earlier than the one before.
    fn piece(&mut self, start: usize, end: usize, terminated: bool) -> Piece {
        let text = &self.text[start..end];
        let begin = start + text.len() - text.trim_start().len();
        self.advance(|at, _| at < begin);
        Piece {
            text: text.trim().to_owned(),
            line: self.location.line,
            terminated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(script: &str) -> Vec<String> {
        split(script).pieces.into_iter().map(|p| p.text).collect()
    }

    #[test]
    fn semicolons_end_statements() {
        assert_eq!(texts("SELECT 1; SELECT 2"), ["SELECT 1", "SELECT 2"]);
        assert_eq!(texts(";;  ; -- nothing\n; /* ; */ ;"), [""; 0]);
        assert_eq!(texts(""), [""; 0]);
    }

    #[test]
    fn semicolons_in_quotes_and_comments_end_nothing() {
        assert_eq!(
            texts("SELECT 'a;''b', \"c;d\", `e;f` -- g;h\n/* i;j */; SELECT 2;"),
            [
                "SELECT 'a;''b', \"c;d\", `e;f` -- g;h\n/* i;j */",
                "SELECT 2"
            ]
        );
    }

    #[test]
    fn a_piece_knows_its_line_and_whether_it_ended() {
        let script = split("SELECT\n1;\n\n  SELECT é'é' ; SELECT 3");
        let facts: Vec<_> = script
            .pieces
            .iter()
            .map(|p| (p.line, p.terminated))
            .collect();
        assert_eq!(facts, [(1, true), (4, true), (4, false)]);
    }

    #[test]
    fn an_open_quote_is_told_apart_from_the_statements_before_it() {
        let script = split("SELECT 1;\nSELECT\n 'x; SELECT 2");
        assert_eq!(script.pieces.len(), 1);
        let (piece, error) = script.broken.unwrap();
        assert_eq!(piece.text, "SELECT\n 'x; SELECT 2");
        assert_eq!(piece.line, 2);
        assert_eq!(error.message, "unterminated string literal");
        assert_eq!(error.span.unwrap().start, Location::new(2, 2));
    }

    #[test]
    fn a_line_of_very_many_statements_is_read_once() {
        // Counting from the beginning of the line for each would take minutes.
        let script = "SELECT 1;".repeat(50_000);
        assert_eq!(split(&script).pieces.len(), 50_000);
    }

    proptest! {
        #[test]
        fn no_script_panics_and_no_statement_is_made_up(script in "[a-z';\"`/*\\-\n é$]{0,60}") {
            let split = split(&script);
            for piece in split.pieces {
                prop_assert!(script.contains(&piece.text));
                prop_assert!(!piece.text.is_empty());
            }
        }
    }
}
