//! A cursor over the tokens of one statement.

use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer, Whitespace};

use crate::dialect::error::Error;
use crate::dialect::parser::IamqlDialect;

/// The tokens of a statement that have not been read yet.
#[derive(Debug)]
pub(super) struct Tokens {
    tokens: Vec<TokenWithSpan>,
    next: usize,
    /// The texts of `/*+ … */`, upper case.
    hints: Vec<String>,
}

impl Tokens {
    /// Reads `text`; None if it cannot be cut into tokens.
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut tokens = Vec::new();
        Tokenizer::new(&IamqlDialect, text)
            .tokenize_with_location_into_buf(&mut tokens)
            .ok()?;
        let mut hints = Vec::new();
        tokens.retain(|token: &TokenWithSpan| match &token.token {
            Token::Whitespace(Whitespace::MultiLineComment(comment)) => {
                if let Some(hint) = comment.strip_prefix('+') {
                    hints.push(hint.trim().to_uppercase());
                }
                false
            }
            Token::Whitespace(_) | Token::EOF => false,
            _ => true,
        });
        Some(Self {
            tokens,
            next: 0,
            hints,
        })
    }

    /// Returns true if the statement carries `/*+ hint */`.
    pub(super) fn has_hint(&self, hint: &str) -> bool {
        self.hints
            .iter()
            .any(|h| h.split([' ', ',']).any(|h| h == hint))
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|token| &token.token)
    }

    pub(super) fn advance(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next)?.token.clone();
        self.next += 1;
        Some(token)
    }

    pub(super) fn is_done(&self) -> bool {
        self.next >= self.tokens.len()
    }

    /// Returns the place of the next token, or of the last one at the end.
    pub(super) fn span(&self) -> Span {
        let at = self.next.min(self.tokens.len().saturating_sub(1));
        self.tokens
            .get(at)
            .map_or(Span::empty(), |token| token.span)
    }

    /// Returns the place of the token that was read last.
    pub(super) fn last_span(&self) -> Span {
        let last = self.next.checked_sub(1).and_then(|at| self.tokens.get(at));
        last.map_or(Span::empty(), |token| token.span)
    }

    /// Returns true if a name with a dot in it is next.
    pub(super) fn is_dotted(&self) -> bool {
        let after = self.tokens.get(self.next + 1).map(|token| &token.token);
        matches!(self.peek(), Some(Token::Word(_))) && after == Some(&Token::Period)
    }

    /// Takes a word and returns it in lower case.
    pub(super) fn word(&mut self) -> Option<String> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = match word.quote_style {
                    Some(_) => word.value.clone(),
                    None => word.value.to_lowercase(),
                };
                self.next += 1;
                Some(word)
            }
            _ => None,
        }
    }

    /// Takes `keyword` if it is next.
    pub(super) fn take(&mut self, keyword: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Word(word))
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword));
        self.next += usize::from(is_next);
        is_next
    }

    pub(super) fn expect(&mut self, keyword: &str) -> Result<(), Error> {
        match self.take(keyword) {
            true => Ok(()),
            false => Err(self.unexpected(&keyword.to_uppercase())),
        }
    }

    /// Takes the symbol `token` if it is next.
    pub(super) fn take_symbol(&mut self, token: &Token) -> bool {
        let is_next = self.peek() == Some(token);
        self.next += usize::from(is_next);
        is_next
    }

    pub(super) fn number(&mut self) -> Option<String> {
        match self.advance()? {
            Token::Number(number, _) => Some(number),
            _ => None,
        }
    }

    /// Takes a dotted name, its parts in lower case unless quoted; empty if there is none.
    pub(super) fn name(&mut self) -> Vec<String> {
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
    pub(super) fn name_and_place(&mut self) -> (Vec<String>, Span) {
        let start = self.span().start;
        let name = self.name();
        let place = match name.is_empty() {
            true => self.span(),
            false => Span::new(start, self.last_span().end),
        };
        (name, place)
    }

    /// Takes a dotted name that ends the statement.
    pub(super) fn rest_as_name(&mut self) -> Result<Vec<String>, Error> {
        let name = self.name();
        self.expect_end()?;
        Ok(name)
    }

    pub(super) fn expect_end(&self) -> Result<(), Error> {
        match self.is_done() {
            true => Ok(()),
            false => Err(self.unexpected("the end of the statement")),
        }
    }

    /// Returns what is left of `text`, the statement that was read.
    pub(super) fn rest_of<'t>(&self, text: &'t str) -> &'t str {
        let Some(next) = self.tokens.get(self.next) else {
            return "";
        };
        let start = next.span.start;
        let line = text
            .split_inclusive('\n')
            .take((start.line as usize).saturating_sub(1))
            .map(str::len)
            .sum::<usize>();
        let column = text[line..]
            .char_indices()
            .nth((start.column as usize).saturating_sub(1))
            .map_or(0, |(at, _)| at);
        &text[line + column..]
    }

    pub(super) fn unexpected(&self, expected: &str) -> Error {
        let found = match self.peek() {
            Some(token) => format!("`{token}`"),
            None => "the end of the statement".to_owned(),
        };
        Error::new(format!("syntax error: expected {expected}, found {found}")).at(self.span())
    }
}
