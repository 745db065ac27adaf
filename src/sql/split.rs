//! Splits a script into statements.
//!
//! The tokenizer finds the semicolons, so that those in quotes and comments do not end a statement. A statement
//! is tokenized only here: each keeps its tokens.

use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

use crate::dialect::error::Error;
use crate::dialect::messages::lower_first;
use crate::dialect::parse::next_step;
use crate::dialect::piece::{Place, is_layout, tokenize_into};
use crate::error::ErrorKind;

pub use crate::dialect::piece::Piece;

/// The statements of a script.
#[derive(Debug, Default)]
pub struct Script {
    /// The statements in order; the last one may lack its semicolon.
    pub pieces: Vec<Piece>,
    /// What is wrong after the last of them: a quote or a comment that does not end.
    pub broken: Option<(Piece, Error)>,
}

/// Splits `script` at its semicolons, and leaves out pieces that hold nothing but comments.
pub fn split(script: &str) -> Script {
    let mut tokens = Vec::new();
    let outcome = tokenize_into(script, &mut tokens);
    // One finds the semicolons, the other the beginnings between them.
    let mut ends = Place::new(script);
    let mut begins = Cutter {
        script,
        place: Place::new(script),
    };
    let mut split = Script::default();
    let mut start = 0;
    let mut of_piece: Vec<TokenWithSpan> = Vec::new();
    for token in tokens {
        if token.token != Token::SemiColon {
            of_piece.push(token);
            continue;
        }
        let semicolon = ends.move_to(token.span.start);
        let of_piece = std::mem::take(&mut of_piece);
        if !of_piece.iter().all(is_layout) {
            let piece = begins.piece(start, semicolon, true, of_piece);
            split.pieces.push(piece);
        }
        start = (semicolon + 1).min(script.len());
    }
    match outcome {
        Ok(()) if of_piece.iter().all(is_layout) => {}
        Ok(()) => {
            let piece = begins.piece(start, script.len(), false, of_piece);
            split.pieces.push(piece);
        }
        Err(error) => {
            let (text, begin) = begins.text(start, script.len());
            let line = (error.location.line + 1).saturating_sub(begin.line);
            let message = lower_first(&error.message);
            let hint = next_step(&message, text);
            let error = Error {
                hint: hint.map(str::to_owned),
                ..Error::new(message)
                    .kind(ErrorKind::Syntax)
                    .at_location(Location::new(line, error.location.column))
            };
            let mut piece = Piece::new(text).at_line(begin.line);
            piece.terminated = false;
            split.broken = Some((piece, error));
        }
    }
    split
}

/// Returns the text of a file without the mark of UTF-8 that editors of Windows put before it.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Cuts texts out of a script, from its beginning to its end.
struct Cutter<'s> {
    script: &'s str,
    place: Place<'s>,
}

impl<'s> Cutter<'s> {
    /// Returns the text in `start..end` without the white space around it, and where it begins. The next text must not
    /// begin earlier.
    fn text(&mut self, start: usize, end: usize) -> (&'s str, Location) {
        let text = &self.script[start..end];
        let begin = start + text.len() - text.trim_start().len();
        (text.trim(), self.place.move_to_byte(begin))
    }

    /// Returns the statement in `start..end`, which `tokens` were cut from.
    fn piece(
        &mut self,
        start: usize,
        end: usize,
        terminated: bool,
        mut tokens: Vec<TokenWithSpan>,
    ) -> Piece {
        let (text, begin) = self.text(start, end);
        tokens.retain(|token| token.span.start >= begin);
        for token in &mut tokens {
            let place = |at| relative(at, begin);
            token.span = Span::new(place(token.span.start), place(token.span.end));
        }
        Piece::cut(text, begin.line, terminated, tokens)
    }
}

/// Returns `place` as lines and columns from `begin` on.
fn relative(place: Location, begin: Location) -> Location {
    match place.line == begin.line {
        true => Location::new(1, place.column + 1 - begin.column),
        false => Location::new(place.line + 1 - begin.line, place.column),
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

    #[test]
    fn the_tokens_of_a_piece_are_those_of_its_text() {
        let script =
            "SELECT 'a''b'\n, \"c\"; -- d\n\n  /* e */ SELECT é, $1\n  + .5 ;EXEC a @b = 'c'";
        let script = split(script);
        assert_eq!(script.pieces.len(), 3);
        for piece in script.pieces {
            let alone = Piece::new(&*piece.text);
            let (cut, alone) = (piece.tokens().unwrap(), alone.tokens().unwrap());
            let with_places = |tokens: &[TokenWithSpan]| format!("{tokens:?}");
            let end = cut.iter().rposition(|token| !is_layout(token)).unwrap();
            assert_eq!(with_places(&cut[..=end]), with_places(&alone[..=end]));
        }
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
