//! The prompt: ready for a statement, or what the unfinished one still needs. Pure.

use unicode_width::UnicodeWidthStr;

use super::lex::{Kind, Lexed, Open};
use crate::render::{escape_controls, shortened};

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

/// The most terminal columns of a name in the prompt.
const MAX_NAME: usize = 20;

/// Returns the prompt where a statement may begin: the name of what is connected, and in brackets what is unusual.
pub(super) fn ready(name: &str, unusual: &[String]) -> String {
    let name = shortened(&escape_controls(name), MAX_NAME).into_owned();
    match unusual {
        [] => format!("{name}> "),
        unusual => format!("{name}[{}]> ", unusual.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lex::lex;
    use super::*;

    fn prompt(text: &str) -> String {
        pending(&lex(text)).prompt(&ready("iamql", &[]))
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
        let unusual = ["read-only".to_owned(), "dry-run".to_owned()];
        for (ready, width) in [
            (ready("iamql", &[]), 7),
            (ready("prod", &unusual), 26),
            (ready("本番", &[]), 6),
        ] {
            for text in ["", "a", "(", "'", "\"", "/*"] {
                assert_eq!(pending(&lex(text)).prompt(&ready).width(), width, "{ready}");
            }
        }
    }

    #[test]
    fn the_prompt_names_what_is_connected_and_what_is_unusual() {
        assert_eq!(ready("sandbox", &[]), "sandbox> ");
        assert_eq!(ready("prod", &["max 5".to_owned()]), "prod[max 5]> ");
        assert_eq!(ready("a\nb", &[]), "a\\nb> ");
        assert_eq!(ready(&"x".repeat(50), &[]).width(), 22);
    }
}
