//! One statement as it was typed, with its tokens. The parser, StackQL's statements and error messages share them.

use std::sync::Arc;

use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, TokenizerError};

use super::parser::IamqlDialect;

/// One statement as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its text, without the semicolon and the white space around it.
    pub text: String,
    /// The line of the script on which it begins, counted from 1.
    pub line: u64,
    /// True if a semicolon ended it.
    pub terminated: bool,
    tokens: Result<Arc<[TokenWithSpan]>, Arc<TokenizerError>>,
}

impl Piece {
    /// Returns `text` as a statement of its own.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let tokens = tokenize(&text).map(Arc::from).map_err(Arc::new);
        Self {
            text,
            line: 1,
            terminated: true,
            tokens,
        }
    }

    /// Returns a statement that was cut out of a script, whose `tokens` have their places in `text`.
    pub(crate) fn cut(text: &str, line: u64, terminated: bool, tokens: Vec<TokenWithSpan>) -> Self {
        Self {
            text: text.to_owned(),
            line,
            terminated,
            tokens: Ok(tokens.into()),
        }
    }

    /// Puts the statement at `line` of a script.
    pub fn at_line(self, line: u64) -> Self {
        Self { line, ..self }
    }

    /// Returns the tokens, white space among them, with their places in the text.
    ///
    /// Fails for a quote or a comment that does not end.
    pub(crate) fn tokens(&self) -> Result<&[TokenWithSpan], &TokenizerError> {
        self.tokens.as_deref().map_err(Arc::as_ref)
    }
}

/// Cuts `text` into tokens.
///
/// Fails for a quote or a comment that does not end.
pub(crate) fn tokenize(text: &str) -> Result<Vec<TokenWithSpan>, TokenizerError> {
    let mut tokens = Vec::new();
    tokenize_into(text, &mut tokens)?;
    Ok(tokens)
}

/// Cuts `text` into `tokens`, those before an error too.
///
/// Fails for a quote or a comment that does not end.
pub(crate) fn tokenize_into(
    text: &str,
    tokens: &mut Vec<TokenWithSpan>,
) -> Result<(), TokenizerError> {
    Tokenizer::new(&IamqlDialect::DEFAULT, text).tokenize_with_location_into_buf(tokens)
}

/// Returns true for white space and comments.
pub(crate) fn is_layout(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_) | Token::EOF)
}

/// A place in a text that moves on, never back: however many places are looked up, the text is read once.
#[derive(Debug)]
pub(crate) struct Place<'s> {
    text: &'s str,
    /// The byte where it is.
    at: usize,
    /// The same by line and column, both counted from 1, columns in characters.
    location: Location,
}

impl<'s> Place<'s> {
    /// Begins at the beginning of `text`.
    pub(crate) fn new(text: &'s str) -> Self {
        Self {
            text,
            at: 0,
            location: Location::new(1, 1),
        }
    }

    /// Moves to `location`, and returns its byte.
    pub(crate) fn move_to(&mut self, location: Location) -> usize {
        self.advance(|_, here| here < location);
        self.at
    }

    /// Moves to the byte `at`, and returns its line and column.
    pub(crate) fn move_to_byte(&mut self, at: usize) -> Location {
        self.advance(|here, _| here < at);
        self.location
    }

    fn advance(&mut self, goes_on: impl Fn(usize, Location) -> bool) {
        for c in self.text[self.at..].chars() {
            if !goes_on(self.at, self.location) {
                break;
            }
            self.at += c.len_utf8();
            self.location = match c {
                '\n' => Location::new(self.location.line + 1, 1),
                _ => Location::new(self.location.line, self.location.column + 1),
            };
        }
    }
}
