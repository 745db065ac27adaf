//! What a statement uses: its tables with their aliases, and the method that it calls. Pure.

use super::lex::{Kind, Lexeme};
use super::words;

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
pub(super) struct Part<'t> {
    pub(super) kind: Kind,
    pub(super) text: &'t str,
}

impl Part<'_> {
    /// Returns true if it is this keyword, in any case.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Returns true if it may be a name.
    pub(super) fn is_name(&self) -> bool {
        match self.kind {
            Kind::Word => !words::is_keyword(self.text),
            Kind::QuotedName => true,
            _ => false,
        }
    }
}

/// Returns what of `lexemes` means something.
pub(super) fn parts<'t>(text: &'t str, lexemes: &[Lexeme]) -> Vec<Part<'t>> {
    lexemes
        .iter()
        .filter(|l| !matches!(l.kind, Kind::Space | Kind::Comment))
        .map(|l| Part {
            kind: l.kind,
            text: &text[l.start..l.end],
        })
        .collect()
}

/// Returns a name without its quotes.
pub(super) fn unquoted(name: &str) -> String {
    name.trim_matches(['"', '`']).to_owned()
}

/// Returns the tables that a statement names after FROM, JOIN, INTO and UPDATE, and the queries that WITH names.
pub(super) fn sources(parts: &[Part<'_>]) -> Vec<Source> {
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
    let mut is_file = false;
    // A file, whose columns may be named like those of a table.
    if let Some(part) = parts.get(index)
        && part.kind == Kind::Text
        && part.text.starts_with('\'')
    {
        path.push(part.text.to_owned());
        index += 1;
        is_file = true;
    }
    while !is_file
        && let Some(part) = parts.get(index)
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

/// Returns the method that the statement calls.
pub(super) fn called(parts: &[Part<'_>]) -> String {
    match parts {
        [exec, name @ ..] if exec.is("exec") || exec.is("execute") => name
            .iter()
            .take_while(|part| part.is_name() || part.kind == Kind::Dot)
            .filter(|part| part.is_name() && !part.text.starts_with('@'))
            .last()
            .map_or_else(String::new, |part| unquoted(part.text)),
        _ => String::new(),
    }
}
