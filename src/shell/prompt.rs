//! The prompt: ready for a statement, or what the unfinished one still needs. Pure.

use unicode_width::UnicodeWidthStr;

use super::lex::{Kind, Lexed, Open};
use crate::dialect::Dialect;

/// What the text before the cursor still needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    /// Nothing: a statement may begin.
    Nothing,
    /// The semicolon.
    Semicolon,
    /// A closing bracket.
    Bracket,
    /// The end of a string, a name or a comment.
    End(Open),
}

/// What words and brackets add up to, from the last semicolon on.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Balance {
    depth: usize,
    has_begun: bool,
}

impl Balance {
    /// Takes the next part into account.
    pub(super) fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Semicolon => *self = Self::default(),
            Kind::Space | Kind::Comment => {}
            Kind::Opening => (self.depth, self.has_begun) = (self.depth + 1, true),
            Kind::Closing => (self.depth, self.has_begun) = (self.depth.saturating_sub(1), true),
            _ => self.has_begun = true,
        }
    }

    /// Returns what is lacking.
    pub(super) fn pending(self) -> Pending {
        match (self.has_begun, self.depth) {
            (false, _) => Pending::Nothing,
            (true, 0) => Pending::Semicolon,
            (true, _) => Pending::Bracket,
        }
    }
}

/// Returns what `lexed` lacks, from its last semicolon on.
pub(super) fn pending(lexed: &Lexed) -> Pending {
    if let Some(open) = lexed.open {
        return Pending::End(open);
    }
    let mut balance = Balance::default();
    for lexeme in &lexed.lexemes {
        balance.add(lexeme.kind);
    }
    balance.pending()
}

impl Pending {
    /// Returns the prompt, which is `ready` where a statement may begin. All are as wide as that, so that the lines of a
    /// statement stand below each other.
    pub(super) fn prompt(self, ready: &str) -> String {
        let lacks = match self {
            Self::Nothing => return ready.to_owned(),
            Self::Semicolon => "-> ",
            Self::Bracket => "(> ",
            Self::End(Open::Text('$')) => "$> ",
            Self::End(Open::Text(_)) => "'> ",
            Self::End(Open::Name('`')) => "`> ",
            Self::End(Open::Name(_)) => "\"> ",
            Self::End(Open::Comment) => "/*> ",
        };
        let width = ready.width();
        format!("{lacks:>width$}")
    }
}

/// Returns the prompt where a statement may begin. It names the place unless that is as usual, and every dialect but the
/// default one.
pub(super) fn ready(place: &str, dialect: Dialect) -> String {
    let place = match place {
        "" => String::new(),
        place => format!(" ({place})"),
    };
    match dialect {
        Dialect::Default => format!("iamql{place}> "),
        other => format!("iamql[{}]{place}> ", other.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lex::lex;
    use super::*;

    fn prompt(text: &str) -> String {
        pending(&lex(text)).prompt(&ready("", Dialect::Default))
    }

    #[test]
    fn the_prompt_shows_what_the_statement_lacks() {
        for (text, expected) in [
            ("", "iamql> "),
            ("  -- a remark\n", "iamql> "),
            ("SELECT 1;\n", "iamql> "),
            ("SELECT 1; SELECT 2\n", "    -> "),
            ("SELEC id FORM\n", "    -> "),
            ("SELECT (1 + [\n", "    (> "),
            ("SELECT (1)\n", "    -> "),
            ("SELECT '(\n", "    '> "),
            ("SELECT \"a\n", "    \"> "),
            ("SELECT `a\n", "    `> "),
            ("SELECT $$a\n", "    $> "),
            ("SELECT 1 /* why\n", "   /*> "),
        ] {
            assert_eq!(prompt(text), expected, "{text}");
        }
    }

    #[test]
    fn all_prompts_are_equally_wide() {
        for (dialect, width) in [(Dialect::Default, 7), (Dialect::Stackql, 16)] {
            for text in ["", "a", "(", "'", "\"", "/*"] {
                let prompt = pending(&lex(text)).prompt(&ready("", dialect));
                assert_eq!(prompt.len(), width, "{prompt}");
            }
        }
        let prompt = pending(&lex("(")).prompt(&ready("prod, read-only", Dialect::Default));
        assert_eq!(prompt.len(), "iamql (prod, read-only)> ".len());
    }

    #[test]
    fn the_prompt_names_the_dialect_unless_it_is_the_default() {
        assert_eq!(ready("", Dialect::Stackql), "iamql[stackql]> ");
        assert_eq!(ready("sandbox", Dialect::Default), "iamql (sandbox)> ");
    }
}
