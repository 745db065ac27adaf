//! Reads statements from tokens, and builds statements from tokens.

use datafusion::sql::parser::Statement;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Whitespace};

use super::Dialect;
use super::error::Error;
use super::parse::parse_tokens;
use super::piece::{is_layout, tokenize};
use crate::error::ErrorKind;

/// A place among the tokens of a statement, which moves on. It passes over white space and comments.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'t> {
    tokens: &'t [TokenWithSpan],
    /// The next token, or the number of tokens.
    next: usize,
    /// The token that was taken last.
    last: Option<&'t TokenWithSpan>,
}

impl<'t> Cursor<'t> {
    /// Begins with the first of `tokens`.
    pub(crate) fn new(tokens: &'t [TokenWithSpan]) -> Self {
        let mut cursor = Self {
            tokens,
            next: 0,
            last: None,
        };
        cursor.skip_layout();
        cursor
    }

    fn skip_layout(&mut self) {
        let rest = &self.tokens[self.next..];
        self.next += rest.iter().take_while(|token| is_layout(token)).count();
    }

    /// Returns true if the statement carries `/*+ hint */`, anywhere.
    pub(crate) fn has_hint(&self, hint: &str) -> bool {
        self.tokens.iter().any(|token| match &token.token {
            Token::Whitespace(Whitespace::MultiLineComment(comment)) => {
                comment.strip_prefix('+').is_some_and(|hints| {
                    let mut hints = hints.trim().split([' ', ',']);
                    hints.any(|each| each.eq_ignore_ascii_case(hint))
                })
            }
            _ => false,
        })
    }

    /// Returns the next token.
    pub(crate) fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.next).map(|token| &token.token)
    }

    /// Takes the next token.
    pub(crate) fn advance(&mut self) -> Option<&'t TokenWithSpan> {
        let token = self.tokens.get(self.next)?;
        self.next += 1;
        self.last = Some(token);
        self.skip_layout();
        Some(token)
    }

    /// Returns true at the end.
    pub(crate) fn is_done(&self) -> bool {
        self.next >= self.tokens.len()
    }

    /// Returns the tokens that have not been taken.
    pub(crate) fn rest(&self) -> &'t [TokenWithSpan] {
        &self.tokens[self.next..]
    }

    /// Returns the place of the next token, or of the last one at the end.
    pub(crate) fn span(&self) -> Span {
        let last = || self.tokens.iter().rfind(|token| !is_layout(token));
        let token = self.tokens.get(self.next).or_else(last);
        token.map_or(Span::empty(), |token| token.span)
    }

    /// Returns true if a name with a dot in it is next.
    pub(crate) fn is_dotted(&self) -> bool {
        let mut after = self.clone();
        matches!(after.advance(), Some(token) if matches!(token.token, Token::Word(_)))
            && after.peek() == Some(&Token::Period)
    }

    /// Takes a word and returns it, in lower case unless quoted.
    pub(crate) fn word(&mut self) -> Option<String> {
        let Some(Token::Word(word)) = self.peek() else {
            return None;
        };
        self.advance();
        Some(match word.quote_style {
            Some(_) => word.value.clone(),
            None => word.value.to_lowercase(),
        })
    }

    /// Takes `keyword` if it is next.
    pub(crate) fn take(&mut self, keyword: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Word(word))
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword));
        is_next && self.advance().is_some()
    }

    /// Takes `keyword`.
    ///
    /// Fails if something else is next.
    pub(crate) fn expect(&mut self, keyword: &str) -> Result<(), Error> {
        match self.take(keyword) {
            true => Ok(()),
            false => Err(self.unexpected(&keyword.to_uppercase())),
        }
    }

    /// Takes the symbol `token` if it is next.
    pub(crate) fn take_symbol(&mut self, token: &Token) -> bool {
        self.peek() == Some(token) && self.advance().is_some()
    }

    /// Takes a dotted name, its parts in lower case unless quoted; empty if there is none.
    pub(crate) fn name(&mut self) -> Vec<String> {
        let mut name = Vec::new();
        while let Some(part) = self.word() {
            name.extend(part.split('.').map(str::to_owned));
            if !self.take_symbol(&Token::Period) {
                break;
            }
        }
        name
    }

    /// Takes a dotted name and returns it with its place.
    pub(crate) fn name_and_place(&mut self) -> (Vec<String>, Span) {
        let first = self.span();
        let name = self.name();
        let place = match self.last {
            Some(last) if !name.is_empty() => Span::new(first.start, last.span.end),
            _ => first,
        };
        (name, place)
    }

    /// Takes a dotted name that ends the statement.
    ///
    /// Fails if something follows it.
    pub(crate) fn rest_as_name(&mut self) -> Result<Vec<String>, Error> {
        let name = self.name();
        self.expect_end()?;
        Ok(name)
    }

    /// Checks that this is the end.
    ///
    /// Fails if something follows.
    pub(crate) fn expect_end(&self) -> Result<(), Error> {
        match self.is_done() {
            true => Ok(()),
            false => Err(self.unexpected("the end of the statement")),
        }
    }

    /// Returns the error for the next token, in the place of what was expected.
    pub(crate) fn unexpected(&self, expected: &str) -> Error {
        let found = match self.peek() {
            Some(token) => format!("`{token}`"),
            None => "the end of the statement".to_owned(),
        };
        Error::new(format!("syntax error: expected {expected}, found {found}"))
            .kind(ErrorKind::Syntax)
            .at(self.span())
    }
}

/// A statement that replaces one that was typed. Its tokens have their places in what was typed, so that errors point
/// there.
#[derive(Debug, Default)]
pub(crate) struct Draft(Vec<TokenWithSpan>);

impl Draft {
    /// Adds `sql`, which replaces what was typed at `place`.
    pub(crate) fn sql(mut self, sql: &str, place: Span) -> Self {
        // Text of this program is always cut into tokens; if it were not, the parser would refuse what is left.
        let tokens = tokenize(sql).unwrap_or_default().into_iter();
        let tokens = tokens.filter(|token| !is_layout(token));
        self.0
            .extend(tokens.map(|token| TokenWithSpan::new(token.token, place)));
        self
    }

    /// Adds the text literal `value`, which was typed at `place`.
    pub(crate) fn text(mut self, value: &str, place: Span) -> Self {
        let literal = Token::SingleQuotedString(value.to_owned());
        self.0.push(TokenWithSpan::new(literal, place));
        self
    }

    /// Adds tokens that were typed.
    pub(crate) fn typed(mut self, tokens: &[TokenWithSpan]) -> Self {
        self.0.extend_from_slice(tokens);
        self
    }

    /// Parses the statement, which stands for `text` in `dialect`.
    ///
    /// Fails with the place of the first token that does not fit.
    pub(crate) fn parse(self, text: &str, dialect: Dialect) -> Result<Statement, Error> {
        parse_tokens(self.0, text, dialect)
    }
}
