//! Parses the text of one statement into a syntax tree.

use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use sqlparser::ast;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

use super::Dialect;
use super::error::Error;
use super::limits::{self, MAX_DEPTH};
use super::messages::{ATTACH, PRAGMA, lower_first};
use super::parser::IamqlDialect;
use super::piece::{Piece, is_layout, tokenize};
use crate::error::ErrorKind;
use crate::pattern::patterns;

/// Parses `text`, one statement of the default dialect without its semicolon.
///
/// Fails with the place of the first token that does not fit.
pub(crate) fn parse(text: &str) -> Result<Statement, Error> {
    match tokenize(text) {
        Ok(tokens) => parse_typed(tokens, text, Dialect::default()),
        Err(error) => Err(retold(&error.to_string(), text)),
    }
}

/// Parses a statement of `dialect` that has been cut into tokens.
///
/// Fails with the place of the first token that does not fit.
pub(crate) fn parse_piece(piece: &Piece, dialect: Dialect) -> Result<Statement, Error> {
    match piece.tokens() {
        Ok(tokens) => parse_typed(tokens.to_vec(), &piece.text, dialect),
        Err(error) => Err(retold(&error.to_string(), &piece.text)),
    }
}

/// Parses `tokens` as they were typed, with the white space between them.
fn parse_typed(
    tokens: Vec<TokenWithSpan>,
    text: &str,
    dialect: Dialect,
) -> Result<Statement, Error> {
    let run_together = run_together(&tokens);
    let statement = parse_tokens(tokens, text, dialect)?;
    match run_together {
        Some(error) => Err(error),
        None => Ok(statement),
    }
}

/// Finds a number that runs into a name, such as `1a` and `1_000`: the parser reads a number and an alias.
fn run_together(tokens: &[TokenWithSpan]) -> Option<Error> {
    tokens.windows(2).find_map(|pair| {
        let (Token::Number(number, _), Token::Word(word)) = (&pair[0].token, &pair[1].token) else {
            return None;
        };
        let is_one_word = word.quote_style.is_none() && pair[0].span.end == pair[1].span.start;
        is_one_word.then(|| {
            let name = &word.value;
            Error::new(format!(
                "syntax error: the number {number} runs into `{name}`"
            ))
            .kind(ErrorKind::Syntax)
            .at(Span::new(pair[0].span.start, pair[1].span.end))
            .hint("write numbers without separators, and a space between a number and a name")
        })
    })
}

/// Parses the `tokens` of one statement of `dialect`; errors are about `text`.
///
/// Fails with the place of the first token that does not fit.
pub(crate) fn parse_tokens(
    mut tokens: Vec<TokenWithSpan>,
    text: &str,
    dialect: Dialect,
) -> Result<Statement, Error> {
    limits::check(&tokens)?;
    name_stdout(&mut tokens);
    let mut statements = DFParserBuilder::new(tokens)
        .with_dialect(&IamqlDialect::of(dialect))
        .with_recursion_limit(MAX_DEPTH)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| match error.find_root() {
            DataFusionError::SQL(parser, _) => syntax_error(parser.as_ref().clone(), text),
            other => retold(&other.message(), text),
        })?;
    match (statements.pop_front(), statements.pop_front()) {
        (Some(statement), None) => Ok(statement),
        _ => Err(Error::new("expected one statement")),
    }
}

/// What `COPY … TO STDOUT` is read as: the engine's parser takes the name of a file alone.
pub(crate) const STDOUT: &str = "/dev/stdout";

/// Names stdout as a file in `COPY … TO STDOUT`.
fn name_stdout(tokens: &mut [TokenWithSpan]) {
    let words: Vec<usize> = (0..tokens.len())
        .filter(|&at| !is_layout(&tokens[at]))
        .collect();
    let is = |at: usize, word: &str| matches!(&tokens[at].token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word));
    if words.first().is_none_or(|&first| !is(first, "COPY")) {
        return;
    }
    let found = words
        .windows(2)
        .find(|pair| is(pair[0], "TO") && is(pair[1], "STDOUT"));
    if let Some(&[_, stdout]) = found {
        tokens[stdout].token = Token::SingleQuotedString(STDOUT.to_owned());
    }
}

/// Parses `tokens` as one expression; errors are about `text`.
///
/// Fails with the place of the first token that does not fit.
pub(crate) fn parse_expr(tokens: &[TokenWithSpan], text: &str) -> Result<ast::Expr, Error> {
    limits::check(tokens)?;
    let mut parser = Parser::new(&IamqlDialect::DEFAULT)
        .with_recursion_limit(MAX_DEPTH)
        .with_tokens_with_locations(tokens.to_vec());
    let parsed = parser
        .parse_expr()
        .and_then(|expr| match parser.peek_token_ref().token {
            Token::EOF => Ok(expr),
            _ => parser.expected_ref("end of statement", parser.peek_token_ref()),
        });
    parsed.map_err(|error| syntax_error(error, text))
}

/// Returns the ordinary SQL statement in `statement`, if it is one.
pub(crate) fn as_sql(statement: &Statement) -> Option<&ast::Statement> {
    match statement {
        Statement::Statement(statement) => Some(statement),
        _ => None,
    }
}

/// Parses `sql`, a query that the program has written itself; None if it is not one.
pub(crate) fn query(sql: &str) -> Option<ast::Query> {
    match parse(sql).ok()? {
        Statement::Statement(statement) => match *statement {
            ast::Statement::Query(query) => Some(*query),
            _ => None,
        },
        _ => None,
    }
}

/// Parses `sql`, an expression that the program has written itself; None if it is not one.
pub(crate) fn expression(sql: &str) -> Option<ast::Expr> {
    let query = query(&format!("SELECT {sql}"))?;
    match *query.body {
        ast::SetExpr::Select(mut select) => match select.projection.pop() {
            Some(ast::SelectItem::UnnamedExpr(expr)) => Some(expr),
            _ => None,
        },
        _ => None,
    }
}

/// Wraps `query` as a statement for the engine.
pub(crate) fn query_statement(query: ast::Query) -> Statement {
    Statement::Statement(Box::new(ast::Statement::Query(Box::new(query))))
}

/// Retells an error of the parser, or the one that it went back from.
fn syntax_error(error: ParserError, text: &str) -> Error {
    let error = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            retold(&message, text)
        }
        ParserError::RecursionLimitExceeded => {
            return Error::new(format!(
                "the statement nests deeper than {MAX_DEPTH} levels"
            ))
            .hint("name inner queries with WITH");
        }
    };
    match error.span.and_then(|span| in_case(text, span.start)) {
        Some(within) => within,
        None => error,
    }
}

patterns! {
    /// EXISTS without its parentheses.
    EXISTS_SELECT = r"(?i)\bexists\s+select\b";
    /// PostgreSQL's BETWEEN with its ends in any order.
    BETWEEN_SYMMETRIC = r"(?i)\bbetween\s+symmetric\b";
    /// A subquery within the parentheses of a set of groups, which the parser takes for a list.
    GROUPED_SUBQUERY = r"(?is)\b(?:rollup|cube|grouping\s+sets)\s*\((?:[^()]|\([^()]*\))*\(\s*select\b";
    /// The place of an error, at the end of the parser's message.
    PLACE = r",? at Line: (\d+), Column: (\d+)\.?$";
}

/// Retells a message of the parser: its place apart from it, and its words in our style.
fn retold(message: &str, text: &str) -> Error {
    let place = PLACE.captures(message);
    let location = place.as_ref().and_then(|place| {
        let number = |i| place.get(i)?.as_str().parse().ok();
        Some(Location::new(number(1)?, number(2)?))
    });
    let cut = place.and_then(|place| place.get(0));
    let cut = cut.map_or(message.len(), |place| {
        // A comma may be what was found.
        let is_found = message[..place.start()].ends_with("found: ");
        place.start() + usize::from(is_found)
    });
    let message = lower_first(message[..cut].trim_start_matches("sql parser error: "))
        .replace("expected: ", "expected ")
        .replace(", found: EOF", ", found the end of the statement");
    let message = quote_found(&message);
    let message = match message.strip_prefix("no infix parser for token ") {
        Some(_) => "there is no such operator".to_owned(),
        None => message,
    };
    if message.starts_with("WITH HEADER ROW") {
        return Error::new("WITH HEADER ROW is not supported")
            .kind(ErrorKind::Syntax)
            .hint("a header is assumed; OPTIONS ('format.has_header' 'false') turns that off");
    }
    let error = Error::new(format!("syntax error: {message}")).kind(ErrorKind::Syntax);
    let in_comment = || {
        let is_end = message.ends_with("the end of the statement");
        let place = location.filter(|location| location.line > 0);
        let place = place.or_else(|| is_end.then(|| text_end(text)));
        place.is_some_and(|place| in_other_comment(text, place))
    };
    let error = match next_step(&message, text).or_else(|| in_comment().then_some(COMMENTS)) {
        Some(hint) => error.hint(hint),
        None => match location.and_then(|location| unquoted_text(text, location)) {
            Some(word) => error.hint(format!("text is written in single quotes: '{word}'")),
            None => match location.and_then(|location| still_open(&message, text, location)) {
                Some(hint) => error.hint(hint),
                None => error,
            },
        },
    };
    match location {
        Some(location) if location.line > 0 => {
            error.at(Span::new(location, token_end(text, location)))
        }
        _ if message.ends_with("the end of the statement") => error.at_location(text_end(text)),
        _ => error,
    }
}

/// The hint where a comment was probably meant.
const COMMENTS: &str = "comments begin with --, or are put between /* and */";

/// Returns true if `//` or `#`, which begin comments elsewhere, are at `location` or before it in its line.
fn in_other_comment(text: &str, location: Location) -> bool {
    let line = usize::try_from(location.line)
        .ok()
        .and_then(|line| line.checked_sub(1));
    let line = line
        .and_then(|line| text.lines().nth(line))
        .unwrap_or_default();
    let column = usize::try_from(location.column).unwrap_or(usize::MAX);
    let before: String = line.chars().take(column).collect();
    // Of a string only what is around it counts.
    let outside: Vec<&str> = before.split('\'').step_by(2).collect();
    outside
        .iter()
        .any(|part| part.contains("//") || part.contains('#'))
}

/// Returns what to write instead of what other dialects have, which the parser gave up on with `message`.
pub(crate) fn next_step(message: &str, text: &str) -> Option<&'static str> {
    let found = |token: &str| message.ends_with(&format!("found `{token}`"));
    let begins = |word: &str| {
        let first = text.split_whitespace().next();
        first.is_some_and(|first| first.eq_ignore_ascii_case(word))
    };
    let is_template = text.contains("{{") && ["{", "}"].iter().any(|brace| found(brace));
    if is_template || text.trim_start().starts_with("<<<") {
        Some("templates are not supported: pass values as --param name=value, and write $name")
    } else if found("#") || found("//") || found("/") && text.contains("//") {
        Some(COMMENTS)
    } else if message == "unterminated string literal" && text.contains("\\'") {
        Some("a quote within a text is doubled: 'it''s'")
    } else if message.starts_with("expected ), found") && GROUPED_SUBQUERY.is_match(text) {
        Some(
            "ROLLUP, CUBE and GROUPING SETS take columns: select the subquery as one in a subquery in FROM",
        )
    } else if found("SELECT") && EXISTS_SELECT.is_match(text) {
        Some("a subquery is in parentheses: EXISTS (SELECT …)")
    } else if BETWEEN_SYMMETRIC.is_match(text) {
        Some("there is no BETWEEN SYMMETRIC: write BETWEEN least(a, b) AND greatest(a, b)")
    } else if begins("CREATE") && message.starts_with("expected a data type name") {
        Some(
            "a column has a type, as in (a INT); SELECT names columns: CREATE TABLE t AS SELECT 1 AS a",
        )
    } else if found("EXCLUDE") {
        Some("EXCLUDE is not supported in a window frame")
    } else if found("[") {
        Some("a name is quoted as \"name\" or `name`")
    } else if begins("ATTACH") {
        Some(ATTACH)
    } else if begins("PRAGMA") {
        Some(PRAGMA)
    } else if message.starts_with("expecting number or byte length")
        || found("SAMPLE")
        || found("USING") && text.to_lowercase().contains("using sample")
    {
        Some("ORDER BY random() LIMIT n takes a sample")
    } else if text.to_lowercase().contains(" glob ") {
        Some("there is no GLOB: write LIKE 'a%', or REGEXP '^a'")
    } else {
        None
    }
}

/// How many CASEs, the innermost first, are looked at for what they lack.
const MAX_CASES: usize = 16;

/// Retells an error before `location` in a CASE, which the parser goes back from to read CASE as a name.
fn in_case(text: &str, location: Location) -> Option<Error> {
    let tokens = tokenize(text).ok()?;
    let is_case = |token: &TokenWithSpan| matches!(&token.token, Token::Word(word) if word.keyword == Keyword::CASE);
    let at = tokens
        .iter()
        .position(|token| token.span.start == location)?;
    tokens[..at].iter().position(is_case)?;
    // Parsing takes exponential time in the depth of nested CASEs that fail.
    let mut cases = (0..tokens.len())
        .rev()
        .filter(|&at| is_case(&tokens[at]))
        .take(MAX_CASES);
    // The innermost one first.
    let error = cases.find_map(|from| {
        let tokens = tokens[from..].to_vec();
        let mut parser = Parser::new(&IamqlDialect::DEFAULT).with_tokens_with_locations(tokens);
        case(&mut parser).err()
    })?;
    let ParserError::ParserError(message) = error else {
        return None;
    };
    // Nothing but what the CASE itself lacks.
    ["THEN", "WHEN", "END"]
        .iter()
        .any(|word| message.contains(&format!("Expected: {word}")))
        .then(|| {
            retold(&message, text)
                .hint("CASE is written as CASE WHEN condition THEN value ELSE value END")
        })
}

/// Reads a CASE. The parser itself would go back to read it as a name.
fn case(parser: &mut Parser<'_>) -> Result<(), ParserError> {
    parser.expect_keyword(Keyword::CASE)?;
    if !parser.peek_keyword(Keyword::WHEN) {
        parser.parse_expr()?;
    }
    parser.expect_keyword(Keyword::WHEN)?;
    loop {
        parser.parse_expr()?;
        parser.expect_keyword(Keyword::THEN)?;
        parser.parse_expr()?;
        if !parser.parse_keyword(Keyword::WHEN) {
            break;
        }
    }
    if parser.parse_keyword(Keyword::ELSE) {
        parser.parse_expr()?;
    }
    parser.expect_keyword(Keyword::END).map(drop)
}

/// Returns the word with a hyphen around `location`, such as an id without its quotes.
pub(crate) fn unquoted_text(text: &str, location: Location) -> Option<String> {
    let line: Vec<char> = text
        .lines()
        .nth(usize::try_from(location.line).ok()?.checked_sub(1)?)?
        .chars()
        .collect();
    let at = usize::try_from(location.column).ok()?.checked_sub(1)?;
    let is_part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_inside = line.get(at).is_some_and(is_part);
    if !is_inside {
        return None;
    }
    let start = line[..at]
        .iter()
        .rposition(|c| !is_part(c))
        .map_or(0, |before| before + 1);
    let length = line[start..].iter().take_while(|c| is_part(c)).count();
    let word: String = line[start..start + length].iter().collect();
    // `a-b` may be a difference, `sa-8pp15s` cannot be one.
    let (head, tail) = word.split_once('-')?;
    let is_id = head.starts_with(|c: char| c.is_ascii_alphabetic())
        && tail.starts_with(|c: char| c.is_ascii_alphanumeric())
        && tail.contains(|c: char| c.is_ascii_digit());
    is_id.then_some(word)
}

/// Returns where the parenthesis was opened that `message` misses the end of.
fn still_open(message: &str, text: &str, location: Location) -> Option<String> {
    if !message.contains("expected )") {
        return None;
    }
    let tokens = tokenize(text).ok()?;
    let mut open = Vec::new();
    for token in tokens {
        if token.span.start >= location {
            break;
        }
        match token.token {
            Token::LParen => open.push(token.span.start),
            Token::RParen => {
                open.pop();
            }
            _ => {}
        }
    }
    let open = open.pop()?;
    Some(format!(
        "the parenthesis of line {}, column {} is not closed",
        open.line, open.column
    ))
}

/// Returns the place after the last character of `text`.
fn text_end(text: &str) -> Location {
    let last = text.lines().last().unwrap_or_default();
    Location::new(
        (text.lines().count() as u64).max(1),
        last.chars().count() as u64 + 1,
    )
}

/// Puts the token that was found in backticks.
fn quote_found(message: &str) -> String {
    match message.split_once(", found: ") {
        Some((expected, "the end of the statement")) => {
            format!("{expected}, found the end of the statement")
        }
        Some((expected, found)) => format!("{expected}, found `{found}`"),
        None => message.to_owned(),
    }
}

/// Returns the end of the word that begins at `location`.
fn token_end(text: &str, location: Location) -> Location {
    let rest = text
        .lines()
        .nth((location.line as usize).saturating_sub(1))
        .map(|line| {
            line.chars()
                .skip((location.column as usize).saturating_sub(1))
        });
    let word = rest.map_or(0, |rest| {
        rest.take_while(|c| c.is_alphanumeric() || *c == '_')
            .count()
    });
    Location::new(location.line, location.column + (word as u64).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let error = parse(text).unwrap_err();
        let span = error.span.map_or("nowhere".to_owned(), |span| {
            format!(
                "{}:{}-{}",
                span.start.line, span.start.column, span.end.column
            )
        });
        format!("{} ({span})", error.message)
    }

    #[test]
    fn a_syntax_error_names_what_was_found_and_where() {
        insta::assert_snapshot!(error("SELEC id FROM api_keys"), @"syntax error: expected an SQL statement, found `SELEC` (1:1-6)");
        insta::assert_snapshot!(error("SELECT id FORM api_keys"), @"syntax error: expected end of statement, found `api_keys` (1:16-24)");
        insta::assert_snapshot!(error("SELECT id FROM api_keys WHERE"), @"syntax error: expected an expression, found the end of the statement (1:30-30)");
        insta::assert_snapshot!(error("SELECT (1"), @"syntax error: expected ), found the end of the statement (1:10-10)");
        insta::assert_snapshot!(error("SELECT\n 'x"), @"syntax error: unterminated string literal (2:2-3)");
    }

    #[test]
    fn a_number_does_not_run_into_a_name() {
        insta::assert_snapshot!(error("SELECT 1_000"), @"syntax error: the number 1 runs into `_000` (1:8-13)");
        insta::assert_snapshot!(error("SELECT id FROM t LIMIT 5OFFSET 2"), @"syntax error: the number 5 runs into `OFFSET` (1:24-31)");
        for text in [
            "SELECT 1 a, 2\"b\", 1e3, 1.5, t1.x FROM t1",
            "SELECT 0x1F, X'1F', $1",
        ] {
            parse(text).unwrap();
        }
    }

    #[test]
    fn what_other_dialects_have_gets_what_to_write_instead() {
        let hint = |text: &str| parse(text).unwrap_err().hint.unwrap_or_default();
        insta::assert_snapshot!(hint("# one\nSELECT 1"), @"comments begin with --, or are put between /* and */");
        insta::assert_snapshot!(hint("// one\nSELECT 1"), @"comments begin with --, or are put between /* and */");
        for text in [
            "SELECT 1 // one and all",
            "SELECT id # the key\nFROM t",
            "SELECT 1 # one",
        ] {
            assert_eq!(hint(text), COMMENTS, "{text}");
        }
        assert!(!in_other_comment(
            "SELECT 'a // b' FORM t",
            Location::new(1, 17)
        ));
        insta::assert_snapshot!(hint("SELECT 'it\\'s'"), @"a quote within a text is doubled: 'it''s'");
        insta::assert_snapshot!(hint("SELECT id FROM [api_keys]"), @r#"a name is quoted as "name" or `name`"#);
        insta::assert_snapshot!(hint("SELECT 1 WHERE id GLOB 'a*'"), @"there is no GLOB: write LIKE 'a%', or REGEXP '^a'");
        insta::assert_snapshot!(hint("ATTACH 'x'"), @"FROM 'keys.csv' reads a file");
        insta::assert_snapshot!(hint("pragma table_info(api_keys)"), @"DESCRIBE lists the columns of a table");
        for text in [
            "SELECT * FROM t SAMPLE 10%",
            "SELECT * FROM t USING SAMPLE 10",
        ] {
            assert_eq!(hint(text), "ORDER BY random() LIMIT n takes a sample");
        }
        insta::assert_snapshot!(hint("<<<json {} >>> SELECT 1"), @"templates are not supported: pass values as --param name=value, and write $name");
    }

    #[test]
    fn what_is_missing_is_named_where_it_is_missing() {
        let told = |text: &str| {
            let hint = parse(text).unwrap_err().hint.unwrap_or_default();
            format!("{}; {hint}", error(text))
        };
        insta::assert_snapshot!(told("SELECT CASE WHEN a > 5 a END FROM t"), @"syntax error: expected THEN, found `a` (1:24-25); CASE is written as CASE WHEN condition THEN value ELSE value END");
        insta::assert_snapshot!(told("SELECT CASE WHEN a THEN 1 FROM t"), @"syntax error: expected END, found `FROM` (1:27-31); CASE is written as CASE WHEN condition THEN value ELSE value END");
        insta::assert_snapshot!(told("SELECT CASE WHEN (CASE WHEN a b END) THEN 1 END"), @"syntax error: expected THEN, found `b` (1:31-32); CASE is written as CASE WHEN condition THEN value ELSE value END");
        insta::assert_snapshot!(told("SELECT id FROM t WHERE owner = sa-8pp15s"), @"syntax error: expected end of statement, found `pp15s` (1:36-41); text is written in single quotes: 'sa-8pp15s'");
        insta::assert_snapshot!(told("SELECT 1 IN (2 3, 4)"), @"syntax error: expected ), found `3` (1:16-17); the parenthesis of line 1, column 13 is not closed");
        insta::assert_snapshot!(told("SELECT 1 WHERE NOT EXISTS SELECT 1"), @"syntax error: expected (, found `SELECT` (1:27-33); a subquery is in parentheses: EXISTS (SELECT …)");
        insta::assert_snapshot!(told("SELECT 5 BETWEEN SYMMETRIC 9 AND 1"), @"syntax error: expected AND, found `9` (1:28-29); there is no BETWEEN SYMMETRIC: write BETWEEN least(a, b) AND greatest(a, b)");
        insta::assert_snapshot!(told("CREATE TABLE t(a, b) AS SELECT 1, 2"), @"syntax error: expected a data type name, found `,` (1:17-18); a column has a type, as in (a INT); SELECT names columns: CREATE TABLE t AS SELECT 1 AS a");
        insta::assert_snapshot!(told("SELECT (a + , 4)"), @"syntax error: expected an expression, found `,` (1:13-14);");
        insta::assert_snapshot!(told("SELECT . FROM t"), @"syntax error: expected an expression, found `.` (1:8-9);");
        insta::assert_snapshot!(told("SELECT count(* FROM t WHERE id IN (SELECT id FROM t)"), @"syntax error: expected ), found `FROM` (1:16-20); the parenthesis of line 1, column 13 is not closed");
        insta::assert_snapshot!(told("COPY (SELECT 1) TO 'x.csv' WITH HEADER ROW"), @"WITH HEADER ROW is not supported (nowhere); a header is assumed; OPTIONS ('format.has_header' 'false') turns that off");
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let deep = format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000));
        assert!(error(&deep).contains("nests deeper"));
    }

    #[test]
    fn statements_of_the_engine_parse() {
        for text in [
            "SELECT spec->'owner'->>'id' FROM api_keys WHERE spec->>'display_name' = 'x'",
            "SELECT * EXCLUDE (spec) FROM api_keys",
            "INSERT INTO confluent.iam.api_keys (spec.display_name, spec.owner.id) VALUES ('a', 'b') RETURNING id",
            "UPDATE api_keys SET spec.display_name = 'x' WHERE id = $1 RETURNING *",
            "COPY (SELECT 1) TO 'x.csv'",
            "EXPLAIN ANALYZE SELECT 1",
            "EXEC confluent.iam.api_keys.get_iam_v2api_key @id = 'x'",
        ] {
            parse(text).unwrap();
        }
    }
}
