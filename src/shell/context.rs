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
    /// The name of a setting of the session.
    Setting,
    /// A value of the setting that `path` names.
    SettingValue,
    /// The first word of a query.
    Query,
    /// The name of a table or a view of the session's own, which can be dropped.
    Droppable { is_view: bool },
    /// An expression of ORDER BY, which may also be a name of the select list.
    Order,
    /// A value of the column that `path` names, within quotes.
    Value,
    /// The name of a file, within quotes.
    File,
    /// Nothing: the cursor is in a string or a comment.
    Nothing,
}

/// Where the cursor is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) place: Place,
    /// The names before the one at the cursor, each followed by a dot; for a value those of its column.
    pub(super) path: Vec<String>,
    /// The part before the cursor of the name at the cursor.
    pub(super) prefix: String,
    /// Where in the text the name at the cursor begins.
    pub(super) start: usize,
    /// The tables of the statement with the names they go by.
    pub(super) tables: Vec<Source>,
    /// The method that the statement calls; empty if it calls none.
    pub(super) method: String,
    /// The names that the select list gives.
    pub(super) aliases: Vec<String>,
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
    "view",
    "show",
    "copy",
    "create",
    "drop",
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
            aliases: aliases(&parts),
            path: match is_set(&parts) {
                true => path.into_iter().chain(setting(&parts)).collect(),
                false => path,
            },
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
        let is_text = open == Open::Text('\'') && content.starts_with('\'');
        let before = parts(text, rest);
        let is_file = before.last().is_some_and(|part| {
            ["to", "from", "join", "location"]
                .iter()
                .any(|word| part.is(word))
        });
        let path = compared(&before).unwrap_or_default();
        Self {
            place: match (is_text, is_file) {
                (true, true) => Place::File,
                (true, false) if !path.is_empty() => Place::Value,
                _ => Place::Nothing,
            },
            path,
            aliases: Vec::new(),
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
            aliases: Vec::new(),
        }
    }
}

/// Returns the path of the column that a text after `parts` is compared with, as in `spec.owner.id =` and `id IN ('a',`.
fn compared(parts: &[Part<'_>]) -> Option<Vec<String>> {
    let (last, mut before) = parts.split_last()?;
    let is_operator = ["=", "==", "<>", "!="].contains(&last.text)
        || ["like", "ilike"].iter().any(|word| last.is(word));
    if !is_operator {
        // A list: back over its values to the bracket, and over IN.
        let mut list = parts;
        while let Some((part, rest)) = list.split_last()
            && matches!(part.kind, Kind::Comma | Kind::Text)
        {
            list = rest;
        }
        let [rest @ .., word, bracket] = list else {
            return None;
        };
        if bracket.text != "(" || !word.is("in") {
            return None;
        }
        before = rest;
    }
    if let Some((not, rest)) = before.split_last()
        && not.is("not")
    {
        before = rest;
    }
    let mut path = Vec::new();
    while let Some((name, rest)) = before.split_last()
        && name.is_name()
    {
        path.push(unquoted(name.text));
        match rest.split_last() {
            Some((dot, rest)) if dot.kind == Kind::Dot => before = rest,
            _ => break,
        }
    }
    path.reverse();
    Some(path)
}

/// Returns the names that follow AS, and name no query.
fn aliases(parts: &[Part<'_>]) -> Vec<String> {
    parts
        .windows(2)
        .filter(|pair| pair[0].is("as") && pair[1].is_name())
        .map(|pair| unquoted(pair[1].text))
        .collect()
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
    if let Some((_, rest)) = words::BEGUN
        .iter()
        .find(|(begin, _)| begin.iter().any(|word| last.is(word)))
    {
        return Place::Words(rest);
    }
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
    if parts.first().is_some_and(|first| first.is("prepare")) && !last.is("as") {
        return match parts.len() {
            1 => Place::Nothing,
            _ => Place::Words(words::AFTER_NAME),
        };
    }
    match ["explain", "analyze", "verbose", "as"].map(|word| last.is(word)) {
        [true, ..] => Place::Words(words::AFTER_EXPLAIN),
        [.., true] => Place::Start,
        [_, false, false, _] => Place::Expression,
        _ => Place::Query,
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
        "desc" if !before.is_empty() => match is_first {
            true => Place::Words(words::AFTER_ORDER),
            false => Place::Order,
        },
        "create" if is_first => Place::Words(words::AFTER_CREATE),
        "create" | "drop" => Place::Words(words::AFTER_DROP),
        "table" | "view" => named(word == "view", before, within),
        "copy" if is_first => Place::Table,
        "copy" if last.is_some_and(|last| last.kind == Kind::Opening) => Place::Start,
        "copy" if within.iter().any(|part| part.is("to")) => Place::Nothing,
        "copy" => Place::Words(words::AFTER_COPY),
        "by" if before.last().is_some_and(|part| part.is("order")) => match is_fresh {
            true => Place::Order,
            false if last.is_some_and(ends_operand) => Place::Words(words::AFTER_ORDER),
            false => Place::Order,
        },
        "limit" => match last {
            Some(last) if ends_operand(last) => Place::Words(words::AFTER_LIMIT),
            _ => Place::Nothing,
        },
        "from" | "join" if last.is_some_and(|last| last.is("as") || last.is("offset")) => {
            Place::Nothing
        }
        "from" | "join" | "describe" | "desc" if is_fresh => Place::Table,
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
        "set" if before.is_empty() => match last {
            None => Place::Setting,
            Some(last) if last.text == "=" || last.is("to") => Place::SettingValue,
            Some(last) if last.kind == Kind::Dot => Place::Setting,
            Some(_) => Place::Nothing,
        },
        _ => Place::Expression,
    }
}

/// Returns true if `parts` begin a SET of a setting.
fn is_set(parts: &[Part<'_>]) -> bool {
    parts.first().is_some_and(|part| part.is("set"))
}

/// Returns the name of the setting that `parts` assign to.
fn setting(parts: &[Part<'_>]) -> impl Iterator<Item = String> {
    let names = parts.iter().skip(1);
    names
        .take_while(|part| part.is_name() || part.kind == Kind::Dot)
        .filter(|part| part.is_name() && !part.is("to"))
        .map(|part| unquoted(part.text))
}

/// Returns true if an operand ends with `part`, so that an operator or the end of the expression follows.
fn ends_operand(part: &Part<'_>) -> bool {
    part.is_name() || matches!(part.kind, Kind::Closing | Kind::Number | Kind::Text)
}

/// Says what may follow TABLE or VIEW: the name of one that is dropped, nothing where a new name is to be found, and what
/// comes after that.
fn named(is_view: bool, before: &[Part<'_>], within: &[Part<'_>]) -> Place {
    let begins_with = |word: &str| before.first().is_some_and(|part| part.is(word));
    if within.last().is_some_and(|last| last.is("as")) {
        return Place::Query;
    }
    match (
        begins_with("drop"),
        begins_with("create"),
        within.is_empty(),
    ) {
        (true, _, true) => Place::Droppable { is_view },
        (true, _, false) => Place::Nothing,
        (_, true, true) => Place::Nothing,
        (_, true, false) if before.iter().any(|part| part.is("external")) => {
            Place::Words(words::AFTER_EXTERNAL)
        }
        (_, true, false) => Place::Words(words::AFTER_NAME),
        // `TABLE t` is a query.
        (false, false, true) => Place::Table,
        (false, false, false) => Place::Words(words::AFTER_SOURCE),
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
            ("EXPLAIN se|", Place::Words(words::AFTER_EXPLAIN)),
            ("EXPLAIN ANALYZE |", Place::Query),
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
            ("DELETE |", Place::Words(&["FROM"])),
            ("explain delete |", Place::Words(&["FROM"])),
            ("INSERT |", Place::Words(&["INTO"])),
            ("PREPARE |", Place::Nothing),
            ("PREPARE p |", Place::Words(words::AFTER_NAME)),
            ("PREPARE p(INT) |", Place::Words(words::AFTER_NAME)),
            ("PREPARE p AS |", Place::Start),
            ("SELECT * FROM a GROUP |", Place::Words(&["BY"])),
            ("SELECT * FROM a WHERE x ORDER |", Place::Words(&["BY"])),
            ("SELECT * FROM a LEFT |", Place::Words(&["JOIN"])),
            ("SELECT * FROM a AS |", Place::Nothing),
            ("SELECT * FROM a LIMIT |", Place::Nothing),
            (
                "SELECT * FROM a LIMIT 5 |",
                Place::Words(words::AFTER_LIMIT),
            ),
            ("SELECT * FROM a LIMIT 5 OFFSET |", Place::Nothing),
            ("SELECT * FROM a OFFSET |", Place::Nothing),
            ("SHOW |", Place::Words(words::SHOWN)),
            ("SHOW METHODS IN |", Place::Table),
            ("SHOW SERVICES |", Place::Nothing),
            ("SELECT * FROM (SELECT id FROM |", Place::Table),
            ("SELECT * FROM a JOIN |", Place::Table),
            ("SELECT * FROM a WHERE (id = 1 OR |", Place::Expression),
            ("SELECT * FROM a ORDER BY id DESC, |", Place::Order),
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
            ("SELECT * FROM a WHERE id = '|", Place::Value),
            ("SELECT * FROM a WHERE id NOT IN ('x', '|", Place::Value),
            ("SELECT * FROM a WHERE f('|", Place::Nothing),
            ("SELECT '|", Place::Nothing),
            ("SELECT * FROM a ORDER BY |", Place::Order),
            ("SELECT * FROM a ORDER BY id, |", Place::Order),
            ("SELECT * FROM a ORDER BY id + |", Place::Order),
            (
                "SELECT * FROM a ORDER BY id |",
                Place::Words(words::AFTER_ORDER),
            ),
            ("SELECT * FROM a GROUP BY |", Place::Expression),
            ("COPY |", Place::Table),
            ("COPY api_keys |", Place::Words(words::AFTER_COPY)),
            ("COPY (SELECT 1) |", Place::Words(words::AFTER_COPY)),
            ("COPY (|", Place::Start),
            ("COPY t TO |", Place::Nothing),
            ("CREATE |", Place::Words(words::AFTER_CREATE)),
            ("CREATE VIEW |", Place::Nothing),
            (
                "CREATE OR REPLACE VIEW v |",
                Place::Words(words::AFTER_NAME),
            ),
            ("CREATE VIEW v AS |", Place::Query),
            ("SET |", Place::Setting),
            ("SET findings.|", Place::Setting),
            ("SET dialect = |", Place::SettingValue),
            ("SET dialect TO st|", Place::SettingValue),
            ("SET dialect |", Place::Nothing),
            (
                "CREATE EXTERNAL TABLE t |",
                Place::Words(words::AFTER_EXTERNAL),
            ),
            ("DROP |", Place::Words(words::AFTER_DROP)),
            ("DROP VIEW |", Place::Droppable { is_view: true }),
            ("DROP TABLE |", Place::Droppable { is_view: false }),
            ("TABLE |", Place::Table),
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
    fn a_value_is_of_the_column_that_it_is_compared_with() {
        for (text, path) in [
            (
                "SELECT 1 FROM t WHERE k.spec.owner.id = 'sa-|",
                "k.spec.owner.id",
            ),
            ("SELECT 1 FROM t WHERE \"id\" NOT LIKE '|", "id"),
            (
                "SELECT 1 FROM t WHERE owner_id IN ('a', 'b', '|",
                "owner_id",
            ),
        ] {
            let context = at(text);
            assert_eq!(context.path.join("."), path);
        }
        assert_eq!(at("SELECT n AS total FROM t ORDER BY |").aliases, ["total"]);
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
