//! Where in a statement the cursor stands: what could be named there, and which tables the statement is about. Pure.

use super::lex::{Kind, Lexeme, Open, lex};
use super::words;

/// What may stand at the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The first word of a statement.
    Start,
    /// The name of a table.
    Table,
    /// What follows the name of a table.
    AfterTable,
    /// The name of a method.
    Method,
    /// A field that INSERT may set.
    Created,
    /// A field that UPDATE may set.
    Changed,
    /// An expression, or the next clause.
    Expression,
    /// The name of a file, within quotes.
    File,
    /// Nothing that could be known: within a string or a comment.
    Nothing,
}

/// Where the cursor stands.
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
}

/// A table of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// Its name, with what stands before it; empty for a query that the statement names.
    pub(super) table: String,
    /// What its columns are qualified with.
    pub(super) alias: String,
}

/// A part that means something, with its text.
#[derive(Debug, Clone, Copy)]
struct Part<'t> {
    kind: Kind,
    text: &'t str,
}

impl Part<'_> {
    fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    fn is_name(&self) -> bool {
        match self.kind {
            Kind::Word => !words::is_keyword(self.text),
            Kind::QuotedName => true,
            _ => false,
        }
    }
}

/// Words before which a clause ends and after which something of its own may stand.
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
    "methods",
];

impl Context {
    /// Looks at byte `cursor` of `text`.
    pub(super) fn at(text: &str, cursor: usize) -> Self {
        let before = lex(&text[..cursor]);
        let from = before
            .lexemes
            .iter()
            .rposition(|l| l.kind == Kind::Semicolon)
            .map_or(0, |at| at + 1);
        let statement = &before.lexemes[from..];
        let begins = statement.first().map_or(cursor, |l| l.start);
        let tables = sources(&parts(text, &current(text, begins)));
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
        }
    }

    fn nothing(start: usize) -> Self {
        Self {
            place: Place::Nothing,
            path: Vec::new(),
            prefix: String::new(),
            start,
            tables: Vec::new(),
        }
    }
}

/// Returns the parts of the whole statement that begins at byte `begins`.
fn current(text: &str, begins: usize) -> Vec<Lexeme> {
    let mut lexemes = lex(&text[begins..]).lexemes;
    if let Some(end) = lexemes.iter().position(|l| l.kind == Kind::Semicolon) {
        lexemes.truncate(end);
    }
    for lexeme in &mut lexemes {
        lexeme.start += begins;
        lexeme.end += begins;
    }
    lexemes
}

fn parts<'t>(text: &'t str, lexemes: &[Lexeme]) -> Vec<Part<'t>> {
    lexemes
        .iter()
        .filter(|l| !matches!(l.kind, Kind::Space | Kind::Comment))
        .map(|l| Part {
            kind: l.kind,
            text: &text[l.start..l.end],
        })
        .collect()
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

fn unquoted(name: &str) -> String {
    name.trim_matches(['"', '`']).to_owned()
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
                    let is_first = index + 1 == parts.len();
                    return in_clause(&word, is_first || last.kind == Kind::Comma, parts);
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

/// Says what may stand in the clause that `word` begins; `is_fresh` right behind it or a comma.
fn in_clause(word: &str, is_fresh: bool, parts: &[Part<'_>]) -> Place {
    match word {
        "from" | "join" | "update" | "into" | "table" | "describe" | "desc" if is_fresh => {
            // `ORDER BY x DESC,` is no DESCRIBE.
            match word == "desc" && parts.len() > 1 {
                true => Place::Expression,
                false => Place::Table,
            }
        }
        "from" | "join" | "update" | "into" => Place::AfterTable,
        "exec" | "execute" | "method" | "methods" => Place::Method,
        "set" if parts.first().is_some_and(|first| first.is("update")) => match parts.last() {
            Some(last) if last.is("set") || last.kind == Kind::Comma => Place::Changed,
            _ => Place::Expression,
        },
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

/// Returns the tables that a statement names after FROM, JOIN, INTO and UPDATE, and the queries that WITH names.
fn sources(parts: &[Part<'_>]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut index = 0;
    while let Some(part) = parts.get(index) {
        index += 1;
        if part.is_name()
            && parts.get(index).is_some_and(|p| p.is("as"))
            && parts.get(index + 1).is_some_and(|p| p.text == "(")
        {
            found.push(Source {
                table: String::new(),
                alias: unquoted(part.text),
            });
        }
        if ["from", "join", "into", "update"]
            .iter()
            .any(|word| part.is(word))
        {
            while let Some(next) = source(parts, index, &mut found) {
                index = next;
                match parts.get(index) {
                    Some(comma) if comma.kind == Kind::Comma => index += 1,
                    _ => break,
                }
            }
        }
    }
    found
}

/// Reads `name [[AS] alias]` at `index`; returns where it ends.
fn source(parts: &[Part<'_>], mut index: usize, found: &mut Vec<Source>) -> Option<usize> {
    let mut path = Vec::new();
    while let Some(part) = parts.get(index)
        && part.is_name()
    {
        path.push(unquoted(part.text));
        index += 1;
        match parts.get(index) {
            Some(dot) if dot.kind == Kind::Dot => index += 1,
            _ => break,
        }
    }
    let mut alias = path.last()?.clone();
    if parts.get(index).is_some_and(|part| part.is("as")) {
        index += 1;
    }
    if let Some(part) = parts.get(index)
        && part.is_name()
    {
        alias = unquoted(part.text);
        index += 1;
    }
    found.push(Source {
        table: path.join("."),
        alias,
    });
    Some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Looks at the place of `|`.
    fn at(text: &str) -> Context {
        let cursor = text.find('|').unwrap();
        Context::at(&text.replace('|', ""), cursor)
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
            ("SELECT * FROM a x |", Place::AfterTable),
            ("SELECT * FROM (SELECT id FROM |", Place::Table),
            ("SELECT * FROM a JOIN |", Place::Table),
            ("SELECT * FROM a WHERE (id = 1 OR |", Place::Expression),
            ("SELECT * FROM a ORDER BY id DESC, |", Place::Expression),
            ("INSERT INTO ap|", Place::Table),
            ("INSERT INTO confluent.iam.api_keys (id, |", Place::Created),
            ("INSERT INTO a (b) VALUES (|", Place::Expression),
            ("UPDATE |", Place::Table),
            ("UPDATE a SET |", Place::Changed),
            ("UPDATE a SET x = |", Place::Expression),
            ("UPDATE a SET x = 1, |", Place::Changed),
            ("DELETE FROM |", Place::Table),
            ("DESCRIBE |", Place::Table),
            ("DESCRIBE METHOD |", Place::Method),
            ("EXEC confluent.iam.api_keys.|", Place::Method),
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
            let context = Context::at(&text, cursor);
            prop_assert!(context.start <= cursor);
        }
    }
}
