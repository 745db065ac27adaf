//! Splits typed text into parts for colours and completion.
//!
//! Uses the tokenizer that cuts and parses statements, so that the prompt, the colours and the completion never
//! disagree with it about where a quote or a comment ends. What the tokenizer cannot finish is one last part, marked
//! with what is open. Pure.

use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};

use crate::dialect::parser::IamqlDialect;
use crate::dialect::piece::Place;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a name.
    Word,
    /// A name in quotes.
    QuotedName,
    /// A string.
    Text,
    /// A number.
    Number,
    /// `$1`, `$name`.
    Placeholder,
    /// A comment.
    Comment,
    /// White space.
    Space,
    /// `;`
    Semicolon,
    /// `(`, `[` or `{`.
    Opening,
    /// `)`, `]` or `}`.
    Closing,
    /// `.`
    Dot,
    /// `,`
    Comma,
    /// `:`
    Colon,
    /// `\`, which begins a command.
    Backslash,
    /// Anything else.
    Symbol,
}

/// What does not end within the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    /// A string, begun by `'`, or by `$` for a dollar quote.
    Text(char),
    /// A name, begun by this quote.
    Name(char),
    /// A comment, begun by `/*`.
    Comment,
}

/// A part of a text, from byte `start` up to byte `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A text in parts, without gaps.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Lexed {
    pub(super) lexemes: Vec<Lexeme>,
    /// What the last part is, if it does not end.
    pub(super) open: Option<Open>,
}

/// Takes `text` apart.
pub(super) fn lex(text: &str) -> Lexed {
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    let outcome = Tokenizer::new(&IamqlDialect::DEFAULT, text)
        .with_unescape(false)
        .tokenize_with_location_into_buf(&mut tokens);
    let mut place = Place::new(text);
    let mut lexemes: Vec<Lexeme> = Vec::with_capacity(tokens.len() + 1);
    let mut end = 0;
    for TokenWithSpan { token, span } in &tokens {
        let start = place.move_to(span.start);
        end = place.move_to(span.end);
        lexemes.push(Lexeme {
            kind: kind(token),
            start,
            end,
        });
    }
    let mut open = None;
    if outcome.is_err() && end < text.len() {
        open = opened_by(&text[end..]);
        lexemes.push(Lexeme {
            kind: match open {
                Some(Open::Comment) => Kind::Comment,
                Some(Open::Name(_)) => Kind::QuotedName,
                Some(Open::Text(_)) => Kind::Text,
                None => Kind::Symbol,
            },
            start: end,
            end: text.len(),
        });
    }
    Lexed { lexemes, open }
}

/// Says what `rest`, which the tokenizer cannot finish, begins with.
fn opened_by(rest: &str) -> Option<Open> {
    let first = rest.chars().next()?;
    match first {
        '/' => Some(Open::Comment),
        '"' | '`' | '[' => Some(Open::Name(first)),
        '$' => Some(Open::Text('$')),
        _ => rest
            .chars()
            .take(4)
            .find(|c| matches!(c, '\'' | '"'))
            .map(|_| Open::Text('\'')),
    }
}

fn kind(token: &Token) -> Kind {
    match token {
        Token::Word(word) if word.quote_style.is_some() => Kind::QuotedName,
        Token::Word(_) => Kind::Word,
        Token::Number(..) => Kind::Number,
        Token::Placeholder(_) => Kind::Placeholder,
        Token::Whitespace(
            Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
        ) => Kind::Comment,
        Token::Whitespace(_) => Kind::Space,
        Token::SemiColon => Kind::Semicolon,
        Token::LParen | Token::LBracket | Token::LBrace => Kind::Opening,
        Token::RParen | Token::RBracket | Token::RBrace => Kind::Closing,
        Token::Period => Kind::Dot,
        Token::Comma => Kind::Comma,
        Token::Colon => Kind::Colon,
        Token::Backslash => Kind::Backslash,
        Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::TripleSingleQuotedString(_)
        | Token::TripleDoubleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::DoubleQuotedByteStringLiteral(_)
        | Token::SingleQuotedRawStringLiteral(_)
        | Token::DoubleQuotedRawStringLiteral(_)
        | Token::QuoteDelimitedStringLiteral(_)
        | Token::NationalQuoteDelimitedStringLiteral(_) => Kind::Text,
        _ => Kind::Symbol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::split::split;
    use proptest::prelude::*;

    fn parts(text: &str) -> Vec<(Kind, &str)> {
        lex(text)
            .lexemes
            .iter()
            .map(|l| (l.kind, &text[l.start..l.end]))
            .filter(|(kind, _)| *kind != Kind::Space)
            .collect()
    }

    #[test]
    fn text_is_taken_apart_as_statements_are() {
        use Kind::*;
        assert_eq!(
            parts("SELECT k.\"é\", 'a;b' -- c\n/* d */ FROM x[1] :v \\g"),
            [
                (Word, "SELECT"),
                (Word, "k"),
                (Dot, "."),
                (QuotedName, "\"é\""),
                (Comma, ","),
                (Text, "'a;b'"),
                (Comment, "-- c\n"),
                (Comment, "/* d */"),
                (Word, "FROM"),
                (Word, "x"),
                (Opening, "["),
                (Number, "1"),
                (Closing, "]"),
                (Colon, ":"),
                (Word, "v"),
                (Backslash, "\\"),
                (Word, "g"),
            ]
        );
    }

    #[test]
    fn what_does_not_end_is_the_last_part() {
        for (text, open) in [
            ("SELECT 'x; y", Open::Text('\'')),
            ("SELECT E'x", Open::Text('\'')),
            ("SELECT \"x; y", Open::Name('"')),
            ("SELECT `x", Open::Name('`')),
            ("SELECT /* ; /* */ ", Open::Comment),
            ("SELECT $$ x", Open::Text('$')),
        ] {
            let lexed = lex(text);
            assert_eq!(lexed.open, Some(open), "{text}");
            assert_eq!(lexed.lexemes.last().unwrap().end, text.len());
        }
        assert_eq!(lex("SELECT 'x'").open, None);
    }

    proptest! {
        #[test]
        fn parts_have_no_gaps_and_end_statements_where_split_does(text in "[a-zE';\"`/*\\-\n é$.()\\\\]{0,60}") {
            let lexed = lex(&text);
            let mut at = 0;
            for lexeme in &lexed.lexemes {
                prop_assert_eq!(lexeme.start, at);
                at = lexeme.end;
            }
            prop_assert_eq!(at, text.len());
            let script = split(&text);
            prop_assert!(lexed.open.is_none() || script.broken.is_some());
        }
    }
}
