//! Where the cursor is in a statement: what may be named there, and which tables the statement uses. Pure.

use super::lex::{Kind, Lexed, Lexeme, Open, lex};
use super::sources::{Part, Source, called, parts, sources, unquoted};
use super::words;

/// What may stand at the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The first word of a statement.
    Start,
    /// The name of a table.
    Table,
    /// The name of a table that is to be changed.
    Changeable,
    /// One of these words, such as those that follow the name of a table.
    Words(&'static [&'static str]),
    /// The name of a method.
    Method,
    /// `@name` of the method that is called.
    Parameter,
    /// A field that INSERT may set.
    Created,
    /// A field that UPDATE may set.
    Changed,
    /// An expression, or the next clause.
    Expression,
    /// The name of a file, within quotes.
    File,
    /// Nothing: the cursor is in a string or a comment.
    Nothing,
}

/// Where the cursor is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) place: Place,
    /// The names before the one at the cursor, each followed by a dot.
    pub(super) path: Vec<String>,
    /// The part before the cursor of the name at the cursor.
    pub(super) prefix: String,
    /// Where in the text the name at the cursor begins.
    pub(super) start: usize,
    /// The tables of the statement with the names they go by.
    pub(super) tables: Vec<Source>,
    /// The method that the statement calls; empty if it calls none.
    pub(super) method: String,
}

/// Keywords that end one clause and begin another.
const CLAUSES: &[&str] = &[
    "select",
    "from",
    "join",
    "where",
    "on",
    "by",
    "having",
    "set",
    "values",
    "into",
    "update",
    "returning",
    "exec",
    "execute",
    "describe",
    "desc",
    "method",
    "limit",
    "using",
    "table",
    "show",
];

impl Context {
    /// Looks at byte `cursor` of `text`, of which `before` are the parts before the cursor.
    pub(super) fn at(text: &str, before: &Lexed, cursor: usize) -> Self {
        let from = before
            .lexemes
            .iter()
            .rposition(|l| l.kind == Kind::Semicolon)
            .map_or(0, |at| at + 1);
        let statement = &before.lexemes[from..];
        let tables = sources(&parts(text, &whole(text, statement, cursor)));
        if let Some(open) = before.open {
            return Self::within(open, text, statement, tables);
        }
        let (start, prefix, path, rest) = name_at(text, statement, cursor);
        let parts = parts(text, rest);
        let ends_in_comment = statement.last().is_some_and(|l| {
            l.kind == Kind::Comment && l.end == cursor && !text[..cursor].ends_with(['\n', '/'])
        });
        Self {
            place: match ends_in_comment {
                true => Place::Nothing,
                false => place(&parts),
            },
            method: called(&parts),
            path,
            prefix,
            start,
            tables,
        }
    }

    /// The cursor is within a quote or a comment.
    fn within(open: Open, text: &str, statement: &[Lexeme], tables: Vec<Source>) -> Self {
        let Some((last, rest)) = statement.split_last() else {
            return Self::nothing(text.len());
        };
        let content = &text[last.start..last.end];
        let is_file = open == Open::Text('\'')
            && content.starts_with('\'')
            && parts(text, rest).last().is_some_and(|part| {
                ["to", "from", "join", "location"]
                    .iter()
                    .any(|word| part.is(word))
            });
        Self {
            place: if is_file { Place::File } else { Place::Nothing },
            path: Vec::new(),
            prefix: content.get(1..).unwrap_or_default().to_owned(),
            start: last.start + 1,
            tables,
            method: String::new(),
        }
    }

    fn nothing(start: usize) -> Self {
        Self {
            place: Place::Nothing,
            path: Vec::new(),
            prefix: String::new(),
            start,
            tables: Vec::new(),
            method: String::new(),
        }
    }
}

/// Returns the parts of the whole statement, of which `before` are those before the cursor. The last of them may go on
/// behind it; the others are not taken apart again.
fn whole(text: &str, before: &[Lexeme], cursor: usize) -> Vec<Lexeme> {
    let (settled, from) = match before.split_last() {
        Some((last, settled)) => (settled, last.start),
        None => (before, cursor),
    };
    let rest = lex(&text[from..]).lexemes.into_iter();
    let rest = rest
        .take_while(|lexeme| lexeme.kind != Kind::Semicolon)
        .map(|lexeme| Lexeme {
            start: lexeme.start + from,
            end: lexeme.end + from,
            ..lexeme
        });
    settled.iter().copied().chain(rest).collect()
}

/// Returns where the name at the cursor begins, its text, the names before its dots, and the parts before all that.
fn name_at<'l>(
    text: &str,
    lexemes: &'l [Lexeme],
    cursor: usize,
) -> (usize, String, Vec<String>, &'l [Lexeme]) {
    let mut rest = lexemes;
    let mut start = cursor;
    let mut prefix = String::new();
    if let Some((last, before)) = rest.split_last()
        && last.kind == Kind::Word
    {
        start = last.start;
        prefix = text[last.start..last.end].to_owned();
        rest = before;
    }
    // The name of a parameter begins with its signs.
    if let Some((sign, before)) = rest.split_last()
        && sign.end == start
        && matches!(&text[sign.start..sign.end], "@" | "@@")
    {
        start = sign.start;
        prefix.insert_str(0, &text[sign.start..sign.end]);
        rest = before;
    }
    let mut path = Vec::new();
    while let [before @ .., name, dot] = rest
        && dot.kind == Kind::Dot
        && matches!(name.kind, Kind::Word | Kind::QuotedName)
    {
        path.push(unquoted(&text[name.start..name.end]));
        rest = before;
    }
    path.reverse();
    (start, prefix, path, rest)
}

/// Says what may follow `parts`.
fn place(parts: &[Part<'_>]) -> Place {
    let Some(last) = parts.last() else {
        return Place::Start;
    };
    // Goes back to the word that begins the clause, past what brackets hold.
    let mut depth = 0usize;
    for (index, part) in parts.iter().enumerate().rev() {
        match part.kind {
            Kind::Closing => depth += 1,
            Kind::Opening if depth > 0 => depth -= 1,
            Kind::Opening if is_column_list(&parts[..index]) => return Place::Created,
            // The bracket of a call or a subquery: the clause is the one around it, unless it opens one.
            Kind::Word if depth == 0 => {
                let word = part.text.to_lowercase();
                if CLAUSES.contains(&word.as_str()) {
                    return in_clause(&word, &parts[..index], &parts[index + 1..]);
                }
            }
            _ => {}
        }
    }
    match last.is("explain") || last.is("analyze") || last.is("verbose") || last.is("as") {
        true => Place::Start,
        false => Place::Expression,
    }
}

/// Says what may stand at the end of the clause that `word` begins, after what is `before` and `within` it.
fn in_clause(word: &str, before: &[Part<'_>], within: &[Part<'_>]) -> Place {
    let last = within.last();
    let is_first = last.is_none();
    let is_fresh = last.is_none_or(|last| last.kind == Kind::Comma);
    let deletes = before.last().is_some_and(|part| part.is("delete"));
    match word {
        "from" if deletes && is_first => Place::Changeable,
        "into" | "update" if is_first => Place::Changeable,
        // `ORDER BY x DESC,` is no DESCRIBE.
        "desc" if !before.is_empty() => Place::Expression,
        "from" | "join" | "table" | "describe" | "desc" if is_fresh => Place::Table,
        "from" if deletes => Place::Words(words::AFTER_DELETE),
        "from" | "join" => Place::Words(words::AFTER_SOURCE),
        "update" => Place::Words(words::AFTER_UPDATE),
        "into" => Place::Words(words::AFTER_INTO),
        "method" => Place::Method,
        "exec" | "execute" => match last {
            None => Place::Method,
            Some(last) if last.kind == Kind::Symbol => Place::Nothing,
            Some(_) => Place::Parameter,
        },
        "show" => match last {
            None => Place::Words(words::SHOWN),
            Some(last) if last.is("in") => Place::Table,
            Some(last) if last.is("extended") => Place::Words(words::SHOWN),
            Some(_) => Place::Nothing,
        },
        "set" if before.first().is_some_and(|first| first.is("update")) && is_fresh => {
            Place::Changed
        }
        _ => Place::Expression,
    }
}

/// Returns true if `parts` end in `INSERT INTO name`.
fn is_column_list(parts: &[Part<'_>]) -> bool {
    let names = parts
        .iter()
        .rev()
        .take_while(|part| part.is_name() || part.kind == Kind::Dot)
        .count();
    names > 0
        && parts[..parts.len() - names]
            .last()
            .is_some_and(|part| part.is("into"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Looks at the place of `|`.
    fn at(text: &str) -> Context {
        let cursor = text.find('|').unwrap();
        let text = text.replace('|', "");
        Context::at(&text, &lex(&text[..cursor]), cursor)
    }

    #[test]
    fn what_may_stand_somewhere_follows_from_what_stands_before() {
        for (text, expected) in [
            ("|", Place::Start),
            ("SELECT 1; se|", Place::Start),
            ("EXPLAIN se|", Place::Start),
            ("SELECT |", Place::Expression),
            ("SELECT count(|) FROM t", Place::Expression),
            ("SELECT * FROM |", Place::Table),
            ("SELECT * FROM a, b|", Place::Table),
            ("SELECT * FROM a x |", Place::Words(words::AFTER_SOURCE)),
            (
                "SELECT * FROM a JOIN b |",
                Place::Words(words::AFTER_SOURCE),
            ),
            ("DELETE FROM a |", Place::Words(words::AFTER_DELETE)),
            ("UPDATE a |", Place::Words(words::AFTER_UPDATE)),
            ("INSERT INTO a |", Place::Words(words::AFTER_INTO)),
            ("INSERT INTO a (b) |", Place::Words(words::AFTER_INTO)),
            ("SHOW |", Place::Words(words::SHOWN)),
            ("SHOW METHODS IN |", Place::Table),
            ("SHOW SERVICES |", Place::Nothing),
            ("SELECT * FROM (SELECT id FROM |", Place::Table),
            ("SELECT * FROM a JOIN |", Place::Table),
            ("SELECT * FROM a WHERE (id = 1 OR |", Place::Expression),
            ("SELECT * FROM a ORDER BY id DESC, |", Place::Expression),
            ("INSERT INTO ap|", Place::Changeable),
            ("INSERT INTO confluent.iam.api_keys (id, |", Place::Created),
            ("INSERT INTO a (b) VALUES (|", Place::Expression),
            ("UPDATE |", Place::Changeable),
            ("UPDATE a SET |", Place::Changed),
            ("UPDATE a SET x = |", Place::Expression),
            ("UPDATE a SET x = 1, |", Place::Changed),
            ("DELETE FROM |", Place::Changeable),
            ("DESCRIBE |", Place::Table),
            ("DESCRIBE METHOD |", Place::Method),
            ("EXEC confluent.iam.api_keys.|", Place::Method),
            ("EXEC a.b.c.d |", Place::Parameter),
            ("EXEC a.b.c.d @id = |", Place::Nothing),
            ("EXEC a.b.c.d @id = 'x', @@|", Place::Parameter),
            ("COPY (SELECT 1) TO '/tmp/|", Place::File),
            ("SELECT * FROM '|", Place::File),
            ("SELECT * FROM a WHERE id = '|", Place::Nothing),
            ("SELECT 1 -- fr|", Place::Nothing),
            ("SELECT 1 /* fr|", Place::Nothing),
        ] {
            assert_eq!(at(text).place, expected, "{text}");
        }
    }

    #[test]
    fn the_name_at_the_cursor_has_its_path() {
        let context = at("SELECT k.spec.own| FROM api_keys k");
        assert_eq!(context.path, ["k", "spec"]);
        assert_eq!(context.prefix, "own");
        assert_eq!(context.start, 14);
        let context = at("SELECT \"k\".|");
        assert_eq!(
            (context.path, context.prefix),
            (vec!["k".to_owned()], String::new())
        );
    }

    #[test]
    fn the_method_that_is_called_is_known() {
        assert_eq!(at("EXEC confluent.iam.api_keys.get |").method, "get");
        assert_eq!(
            at("EXEC /*+ SHOWRESULTS */ a.b.c.d @id = '1', @|").method,
            "d"
        );
        assert_eq!(at("SELECT a.b|").method, "");
    }

    #[test]
    fn tables_are_known_from_the_whole_statement() {
        let tables = |text| -> Vec<String> {
            let spell = |s: Source| format!("{} as {}", s.table, s.alias);
            at(text).tables.into_iter().map(spell).collect()
        };
        assert_eq!(
            tables(
                "SELECT | FROM confluent.iam.api_keys k, b AS c JOIN d ON true; SELECT 1 FROM e"
            ),
            ["confluent.iam.api_keys as k", "b as c", "d as d"]
        );
        assert_eq!(
            tables("SELECT 1 FROM e; WITH q AS (SELECT 1) SELECT | FROM q WHERE x"),
            [" as q", "q as q"]
        );
        assert_eq!(tables("UPDATE a SET |"), ["a as a"]);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(words in prop::collection::vec("(select|from|join|insert into|\\.|,|\\(|\\)|a|'|\"|;| )", 0..12), cut in 0usize..60) {
            let text = words.join(" ");
            let cursor = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let before = lex(&text[..cursor]);
            let context = Context::at(&text, &before, cursor);
            prop_assert!(context.start <= cursor);
            if !text.contains(';') {
                prop_assert_eq!(whole(&text, &before.lexemes, cursor), lex(&text).lexemes);
            }
        }
    }
}
