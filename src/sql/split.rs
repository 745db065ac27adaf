//! Cuts a script into statements, by the tokenizer, so that quotes and comments are right by construction.

use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace};

use super::dialect::IamqlDialect;
use super::error::Error;

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
    let lines = Lines::new(script);
    let mut split = Script::default();
    let mut start = 0;
    let mut is_blank = true;
    for TokenWithSpan { token, span } in &tokens {
        match token {
            Token::SemiColon => {
                let semicolon = lines.offset(span.start);
                if !is_blank {
                    split.pieces.push(lines.piece(start, semicolon, true));
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
        Ok(()) => split.pieces.push(lines.piece(start, script.len(), false)),
        Err(error) => {
            let piece = lines.piece(start, script.len(), false);
            let line = (error.location.line + 1).saturating_sub(piece.line);
            let error = Error::new(lower_first(&error.message))
                .at_location(Location::new(line, error.location.column));
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

/// Makes the parser's messages look like ours: lower case, no final stop.
pub(super) fn lower_first(message: &str) -> String {
    let mut chars = message.trim_end_matches('.').chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// Finds bytes by line and column, both counted from 1, columns in characters.
struct Lines<'s> {
    text: &'s str,
    starts: Vec<usize>,
}

impl<'s> Lines<'s> {
    fn new(text: &'s str) -> Self {
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(newlines).collect(),
        }
    }

    fn offset(&self, location: Location) -> usize {
        let line = (location.line as usize).saturating_sub(1);
        let Some(&start) = self.starts.get(line) else {
            return self.text.len();
        };
        let column = (location.column as usize).saturating_sub(1);
        self.text[start..]
            .char_indices()
            .nth(column)
            .map_or(self.text.len(), |(at, _)| start + at)
    }

    fn piece(&self, start: usize, end: usize, terminated: bool) -> Piece {
        let text = &self.text[start..end];
        let leading = text.len() - text.trim_start().len();
        let line = self.starts.partition_point(|&s| s <= start + leading);
        Piece {
            text: text.trim().to_owned(),
            line: line as u64,
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
