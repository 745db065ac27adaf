//! The prompt: ready for a statement, or what the unfinished one still needs. Pure.

use super::lex::{Kind, Lexed, Open};

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
    /// Returns the prompt at `place`, which may be empty. All are of one width, so that the lines of a statement stand
    /// below each other.
    pub(super) fn prompt(self, place: &str) -> String {
        let ready = match place {
            "" => "iamql> ".to_owned(),
            place => format!("iamql ({place})> "),
        };
        let lacking = match self {
            Self::Nothing => return ready,
            Self::Semicolon => "-> ",
            Self::Bracket => "(> ",
            Self::End(Open::Text('$')) => "$> ",
            Self::End(Open::Text(_)) => "'> ",
            Self::End(Open::Name('`')) => "`> ",
            Self::End(Open::Name(_)) => "\"> ",
            Self::End(Open::Comment) => "/*> ",
        };
        format!("{lacking:>width$}", width = ready.chars().count())
    }
}

#[cfg(test)]
mod tests {
    use super::super::lex::lex;
    use super::*;

    fn prompt(text: &str) -> String {
        pending(&lex(text)).prompt("")
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
        for text in ["", "a", "(", "'", "\"", "/*"] {
            assert_eq!(prompt(text).len(), 7);
            let at_a_place = pending(&lex(text)).prompt("prod, read-only");
            assert_eq!(at_a_place.len(), "iamql (prod, read-only)> ".len());
        }
        assert_eq!(Pending::Nothing.prompt("sandbox"), "iamql (sandbox)> ");
    }
}
