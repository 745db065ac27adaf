//! How long a chain of operators may be.
//!
//! The parser bounds how deep a statement nests, but reads `1 + 1 + 1` in a loop, and what it makes of it is as deep as
//! the chain is long: whoever walks it needs stack for every link. So links are counted before the parser begins, from
//! tokens alone. Never looks at what a statement means.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::error::Error;

/// The most operators in a row: far beyond what people write, well within the stack that the program gives itself.
const MAX_LINKS: usize = 2_000;

/// The most set operations and joins in one query, each of which takes a plan of its own.
const MAX_QUERIES: usize = 250;

/// What has been counted between two brackets.
#[derive(Default)]
struct Level {
    /// Operators since the last comma.
    links: usize,
    /// Set operations and joins since the bracket.
    queries: usize,
}

/// Checks `tokens`, those of one statement.
///
/// # Errors
///
/// Fails with the place of the operator that is one too many.
pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<(), Error> {
    let mut outer = Vec::new();
    let mut level = Level::default();
    for TokenWithSpan { token, span } in tokens {
        match token {
            Token::LParen | Token::LBrace => outer.push(std::mem::take(&mut level)),
            Token::LBracket => {
                // A subscript is a link of what it is a subscript of.
                level.links += 1;
                outer.push(std::mem::take(&mut level));
            }
            Token::RParen | Token::RBrace | Token::RBracket => {
                level = outer.pop().unwrap_or_default();
            }
            Token::Comma => level.links = 0,
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::JOIN => {
                    level.queries += 1;
                    level.links = 0;
                }
                keyword if is_operator(keyword) => level.links += 1,
                _ => {}
            },
            other if is_symbol(other) => level.links += 1,
            _ => {}
        }
        if level.links > MAX_LINKS {
            return Err(Error::new(format!(
                "the statement has more than {MAX_LINKS} operators in a row"
            ))
            .at(*span)
            .hint("write a long list as `IN (…)`, or read it from a file"));
        }
        if level.queries > MAX_QUERIES {
            return Err(Error::new(format!(
                "the statement combines more than {MAX_QUERIES} queries"
            ))
            .at(*span)
            .hint("write rows as `VALUES (…), (…)`, or read them from a file"));
        }
    }
    Ok(())
}

/// Words that take what stands before them as their operand.
fn is_operator(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::AND
            | Keyword::OR
            | Keyword::XOR
            | Keyword::NOT
            | Keyword::IS
            | Keyword::IN
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::SIMILAR
            | Keyword::RLIKE
            | Keyword::REGEXP
            | Keyword::BETWEEN
            | Keyword::COLLATE
            | Keyword::AT
            | Keyword::DIV
            | Keyword::OVERLAPS
            | Keyword::MATCH
            | Keyword::NOTNULL
    )
}

/// Every token that is an operator, by leaving out what is none.
fn is_symbol(token: &Token) -> bool {
    !matches!(
        token,
        Token::EOF
            | Token::Word(_)
            | Token::Number(_, _)
            | Token::Char(_)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::Whitespace(_)
            | Token::Period
            | Token::SemiColon
            | Token::Placeholder(_)
    )
}

#[cfg(test)]
mod tests {
    use sqlparser::tokenizer::Tokenizer;

    use super::super::dialect::IamqlDialect;
    use super::*;

    fn complaint(text: &str) -> Option<String> {
        let mut tokens = Vec::new();
        Tokenizer::new(&IamqlDialect, text)
            .tokenize_with_location_into_buf(&mut tokens)
            .unwrap();
        check(&tokens).err().map(|error| error.message)
    }

    #[test]
    fn chains_are_bounded() {
        for link in [
            "1 + ",
            "'a' || ",
            "a AND ",
            "a OR ",
            "a -> ",
            "a = ",
            "NOT ",
            "- ",
            "f(1, 2) * ",
            "a['b'] = ",
        ] {
            let chain = |links| format!("SELECT {}1", link.repeat(links));
            assert_eq!(complaint(&chain(MAX_LINKS / 2)), None, "{link}");
            let complaint = complaint(&chain(MAX_LINKS + 1)).unwrap_or_default();
            assert!(complaint.contains("2000 operators in a row"), "{link}");
        }
        for link in ["['a']", "::int", " IS NULL", " -> 'a'", " COLLATE x"] {
            let chain = format!("SELECT a{}", link.repeat(MAX_LINKS + 1));
            assert!(complaint(&chain).is_some(), "{link}");
        }
    }

    #[test]
    fn queries_are_bounded() {
        for link in ["SELECT 1, 2 UNION ALL ", "SELECT 1, 2 EXCEPT "] {
            let chain = |links| format!("{}SELECT 1, 2", link.repeat(links));
            assert_eq!(complaint(&chain(MAX_QUERIES)), None);
            assert!(complaint(&chain(MAX_QUERIES + 1)).is_some_and(|c| c.contains("250 queries")));
        }
        let joins = format!(
            "SELECT 1 FROM t{}",
            " JOIN t USING (a, b)".repeat(MAX_QUERIES + 1)
        );
        assert!(complaint(&joins).is_some());
    }

    #[test]
    fn long_lists_are_no_chains() {
        let many = 50_000;
        let ids = "'K', ".repeat(many);
        assert_eq!(complaint(&format!("SELECT 1 WHERE id IN ({ids}'K')")), None);
        let rows = "(1 + 1, 'a' = 'b'), ".repeat(many);
        assert_eq!(complaint(&format!("VALUES {rows}(1, 2)")), None);
        let columns = "a + b AS c, ".repeat(many);
        assert_eq!(complaint(&format!("SELECT {columns}1")), None);
        assert_eq!(
            complaint(&format!("SELECT {}1{}", "(".repeat(many), ")".repeat(many))),
            None
        );
    }
}
