//! Limits on the size of a statement.
//!
//! The parser limits how deep a statement nests. But it reads `1 + 1 + 1` in a loop, and its tree is as deep as the chain
//! is long: walking it takes stack for every operator. The engine asks every operator for its type and name again and
//! again; where operators become function calls, planning takes time cubic in their number. So operators are counted
//! before parsing, from tokens alone, whatever the statement means.
//!
//! A release build plans the longest statement that is allowed within seconds.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::error::Error;

/// How deep a statement may nest: far deeper than people write, far less than the stack holds.
pub(crate) const MAX_DEPTH: usize = 64;

/// The most operators in a row: far more than people write, and the stack of the planner's thread is large enough.
const MAX_LINKS: usize = 2_000;

/// The most consecutive steps into a value: as deep as JSON may nest.
const MAX_STEPS: usize = 128;

/// The most comparisons in a row, `a = b = c`, without AND or OR between them.
const MAX_COMPARISONS: usize = 64;

/// The most set operations and joins in one query: each adds a plan.
const MAX_QUERIES: usize = 250;

/// The most queries that WITH names in one statement: each is planned knowing all those before it.
const MAX_NAMED: usize = 1_000;

/// The counts within one pair of brackets.
#[derive(Default)]
struct Level {
    /// Operators since the last comma.
    links: usize,
    /// Consecutive postfix operators (`->`, `[…]`, calls) since the last operator of lower precedence.
    steps: usize,
    /// Comparisons since the last AND, OR or the like.
    comparisons: usize,
    /// Set operations and joins since the opening bracket.
    queries: usize,
    /// True in a list of tables, where a comma is a join.
    in_from: bool,
}

/// The kind of chain that an operator belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Steps into a value, and other operators that become function calls: `->`, `[1]`, DIV.
    Step,
    /// Comparisons, such as `=` and LIKE.
    Comparison,
    /// Operators between predicates, such as AND.
    Predicate,
    /// Cheap operators: arithmetic, casts, IS NULL.
    Plain,
}

impl Level {
    /// Counts an operator.
    fn link(&mut self, link: Link) {
        self.links += 1;
        match link {
            Link::Step => self.steps += 1,
            Link::Comparison => (self.steps, self.comparisons) = (0, self.comparisons + 1),
            Link::Predicate => (self.steps, self.comparisons) = (0, 0),
            Link::Plain => self.steps = 0,
        }
    }

    /// Starts a new expression, after a comma or at a clause.
    fn begin(&mut self) {
        (self.steps, self.comparisons) = (0, 0);
    }

    /// Returns which limit a statement that names `named` queries exceeds, if any, and what to do about it.
    fn excess(&self, named: usize) -> Option<(String, &'static str)> {
        let (_, max, (verb, what), hint) = [
            (
                self.links,
                MAX_LINKS,
                ("has", "operators in a row"),
                "write a long list as `IN (…)`, or read it from a file",
            ),
            (
                self.steps,
                MAX_STEPS,
                ("has", "consecutive steps into a value"),
                "JSON cannot be nested deeper; split longer paths over an inner query",
            ),
            (
                self.comparisons,
                MAX_COMPARISONS,
                ("has", "comparisons in a row"),
                "put AND or OR between them",
            ),
            (
                self.queries,
                MAX_QUERIES,
                ("combines", "queries"),
                "write rows as `VALUES (…), (…)`, or read them from a file",
            ),
            (
                named,
                MAX_NAMED,
                ("names", "queries"),
                "CREATE VIEW keeps a query for the statements to come",
            ),
        ]
        .into_iter()
        .find(|(count, max, ..)| count > max)?;
        let told = format!("the statement {verb} more than {max} {what}");
        Some((told, hint))
    }
}

/// Checks `tokens`, those of one statement.
///
/// Fails at the operator that is one too many.
pub(crate) fn check(tokens: &[TokenWithSpan]) -> Result<(), Error> {
    let mut outer = Vec::new();
    let mut level = Level::default();
    let mut named = 0;
    // How many brackets are open. The parser goes about what is in them in a loop.
    let mut lists = 0_usize;
    let mut before = Keyword::NoKeyword;
    for TokenWithSpan { token, span } in tokens {
        let mut keyword = Keyword::NoKeyword;
        match token {
            Token::LParen if before == Keyword::AS => {
                named += 1;
                outer.push(std::mem::take(&mut level));
            }
            Token::LParen | Token::LBrace => outer.push(std::mem::take(&mut level)),
            Token::LBracket => {
                // A subscript is a link of what it is a subscript of.
                level.link(Link::Step);
                outer.push(std::mem::take(&mut level));
                lists += 1;
                if lists > MAX_DEPTH {
                    let what = format!("the statement nests lists deeper than {MAX_DEPTH} levels");
                    return Err(Error::new(what).at(*span).hint("put the lists into a file"));
                }
            }
            Token::RParen | Token::RBrace | Token::RBracket => {
                lists = match token {
                    Token::RBracket => lists.saturating_sub(1),
                    _ => lists,
                };
                level = outer.pop().unwrap_or_default();
            }
            Token::Comma => {
                level.links = 0;
                level.begin();
                level.queries += usize::from(level.in_from);
            }
            Token::Word(word) if word.quote_style.is_none() => {
                keyword = word.keyword;
                match keyword {
                    Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::JOIN => {
                        level.queries += 1;
                        level.links = 0;
                        level.begin();
                        level.in_from = keyword == Keyword::JOIN;
                    }
                    // `IS DISTINCT FROM` names no tables.
                    Keyword::FROM => level.in_from = before != Keyword::DISTINCT,
                    keyword if begins_a_clause(keyword) => {
                        level.begin();
                        level.in_from = false;
                    }
                    keyword if begins_a_part(keyword) => level.begin(),
                    keyword => {
                        if let Some(link) = word_link(keyword) {
                            level.link(link);
                        }
                    }
                }
            }
            other if is_symbol(other) => level.link(symbol_link(other)),
            _ => {}
        }
        // Between AS and the bracket there may be [NOT] MATERIALIZED, and layout anywhere.
        let is_between = matches!(token, Token::Whitespace(_))
            || matches!(keyword, Keyword::MATERIALIZED | Keyword::NOT) && before == Keyword::AS;
        if !is_between {
            before = keyword;
        }
        if let Some((what, hint)) = level.excess(named) {
            return Err(Error::new(what).at(*span).hint(hint));
        }
    }
    Ok(())
}

/// Words that end the list of tables.
fn begins_a_clause(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::SELECT
            | Keyword::WHERE
            | Keyword::GROUP
            | Keyword::HAVING
            | Keyword::ORDER
            | Keyword::QUALIFY
            | Keyword::WINDOW
            | Keyword::LIMIT
            | Keyword::OFFSET
            | Keyword::FETCH
            | Keyword::RETURNING
    )
}

/// Words that another expression follows.
fn begins_a_part(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::CASE
            | Keyword::WHEN
            | Keyword::THEN
            | Keyword::ELSE
            | Keyword::END
            | Keyword::ON
            | Keyword::SET
            | Keyword::BY
    )
}

/// Returns the kind of an operator that is a word, if `keyword` is one with a left operand.
fn word_link(keyword: Keyword) -> Option<Link> {
    match keyword {
        Keyword::AND | Keyword::OR | Keyword::XOR => Some(Link::Predicate),
        Keyword::IN
        | Keyword::LIKE
        | Keyword::ILIKE
        | Keyword::SIMILAR
        | Keyword::RLIKE
        | Keyword::REGEXP
        | Keyword::BETWEEN
        | Keyword::OVERLAPS
        | Keyword::MATCH => Some(Link::Comparison),
        Keyword::DIV | Keyword::MOD | Keyword::AT => Some(Link::Step),
        Keyword::IS | Keyword::NOT | Keyword::COLLATE | Keyword::NOTNULL => Some(Link::Plain),
        _ => None,
    }
}

/// Returns the kind of the operator `symbol`.
fn symbol_link(symbol: &Token) -> Link {
    match symbol {
        Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod | Token::StringConcat => {
            Link::Plain
        }
        Token::Eq
        | Token::DoubleEq
        | Token::Neq
        | Token::Lt
        | Token::LtEq
        | Token::Gt
        | Token::GtEq
        | Token::Spaceship
        | Token::Tilde
        | Token::TildeAsterisk
        | Token::ExclamationMarkTilde
        | Token::ExclamationMarkTildeAsterisk => Link::Comparison,
        _ => Link::Step,
    }
}

/// Returns true for operators: all tokens but those listed.
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

    use super::*;
    use crate::dialect::parser::IamqlDialect;

    fn complaint(text: &str) -> Option<String> {
        let mut tokens = Vec::new();
        Tokenizer::new(&IamqlDialect::DEFAULT, text)
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
            "NOT ",
            "- ",
            "f(1, 2) * ",
            "a -> 'b' || ",
            "a['b'] = 1 OR ",
        ] {
            let chain = |links| format!("SELECT {}1", link.repeat(links));
            assert_eq!(complaint(&chain(MAX_LINKS / 3)), None, "{link}");
            let complaint = complaint(&chain(MAX_LINKS + 1)).unwrap_or_default();
            assert!(complaint.contains("2000 operators in a row"), "{link}");
        }
        for link in ["['a']", "::int", " IS NULL", " -> 'a'", " COLLATE x"] {
            let chain = format!("SELECT a{}", link.repeat(MAX_LINKS + 1));
            assert!(complaint(&chain).is_some(), "{link}");
        }
    }

    #[test]
    fn what_becomes_calls_of_functions_is_bounded_sooner() {
        let steps = "128 consecutive steps";
        let comparisons = "64 comparisons in a row";
        for (link, max, told) in [
            (" -> 'a'", MAX_STEPS, steps),
            (" ->> 'a'", MAX_STEPS, steps),
            ("['a']", MAX_STEPS, steps),
            (" DIV 2", MAX_STEPS, steps),
            (" = 'a'", MAX_COMPARISONS, comparisons),
            (" ~ 'a'", MAX_COMPARISONS, comparisons),
            (" <> 1 + 2", MAX_COMPARISONS, comparisons),
        ] {
            let chain = |links| format!("SELECT a{}", link.repeat(links));
            assert_eq!(complaint(&chain(max)), None, "{link}");
            let complaint = complaint(&chain(max + 1)).unwrap_or_default();
            assert!(complaint.contains(told), "{link}: {complaint}");
        }
        for many in [
            format!("SELECT a{}", " -> 'b' + a".repeat(500)),
            format!("SELECT a{}", " -> 'b' ->> 'c' = 'd' OR a".repeat(300)),
            format!("SELECT CASE{} END", " WHEN a = 1 THEN a -> 'b'".repeat(500)),
            format!("SELECT a = 1{}", ", a = 1".repeat(5_000)),
        ] {
            assert_eq!(complaint(&many), None, "{many}");
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
        let tables = |count| {
            format!(
                "SELECT 1 FROM (SELECT 1, 2) t{}",
                ", (SELECT 1, 2) t".repeat(count)
            )
        };
        assert_eq!(complaint(&tables(MAX_QUERIES)), None);
        assert!(complaint(&tables(MAX_QUERIES + 1)).is_some_and(|c| c.contains("250 queries")));
        let list = "a IS DISTINCT FROM 1, ".repeat(MAX_QUERIES + 1);
        for no_tables in [
            format!("SELECT {list}1"),
            format!("SELECT 1 FROM t GROUP BY {list}1"),
            format!("SELECT 1 FROM t WHERE a IN ({list}1) ORDER BY {list}1"),
        ] {
            assert_eq!(complaint(&no_tables), None);
        }
    }

    #[test]
    fn named_queries_are_bounded() {
        for query in [
            "q AS (SELECT 1), ",
            "q AS NOT MATERIALIZED (SELECT 1), ",
            "q(a) AS\n(SELECT 1), ",
        ] {
            let with = |count| format!("WITH {}q AS (SELECT 1) SELECT 1", query.repeat(count));
            assert_eq!(complaint(&with(MAX_NAMED - 1)), None, "{query}");
            let complaint = complaint(&with(MAX_NAMED)).unwrap_or_default();
            assert!(complaint.contains("1000 queries"), "{query}: {complaint}");
        }
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
