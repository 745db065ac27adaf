//! Scans a statement while its lines come in: what it still needs, where a semicolon ended one, where a command begins.
//! Pure.
//!
//! Finished lines are not tokenized again, so the cost is linear in the length of the statement.

use super::lex::{Kind, Open, lex};
use super::prompt::{Balance, Pending};

/// What is known of a text that grows line by line.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Bytes that were looked at.
    seen: usize,
    /// Bytes that need not be tokenized again: up to an open quote or comment, else all of them.
    settled: usize,
    balance: Balance,
    open: Option<Open>,
    /// Where the last semicolon ends.
    semicolon: Option<usize>,
    /// Where the first backslash outside of quotes and comments stands.
    backslash: Option<usize>,
}

impl Scan {
    /// Looks at all of `text`.
    pub(super) fn of(text: &str) -> Self {
        let mut scan = Self::default();
        scan.go_on(text);
        scan
    }

    /// Looks at what `text` has now behind what was seen of it; both end with a line.
    pub(super) fn go_on(&mut self, text: &str) {
        let new = &text[self.seen..];
        self.seen = text.len();
        if self.open.is_some_and(|open| !may_end(open, new)) {
            return;
        }
        let from = self.settled;
        let lexed = lex(&text[from..]);
        self.open = lexed.open;
        // What is open is looked at again with the line that may end it.
        let settled = lexed.lexemes.len() - usize::from(lexed.open.is_some());
        for lexeme in &lexed.lexemes[..settled] {
            self.balance.add(lexeme.kind);
            match lexeme.kind {
                Kind::Semicolon => self.semicolon = Some(from + lexeme.end),
                Kind::Backslash => {
                    self.backslash.get_or_insert(from + lexeme.start);
                }
                _ => {}
            }
            self.settled = from + lexeme.end;
        }
    }

    /// Returns what the statement lacks that stands behind the last semicolon.
    pub(super) fn pending(&self) -> Pending {
        match self.open {
            Some(open) => Pending::End(open),
            None => self.balance.pending(),
        }
    }

    /// Returns where the last semicolon ends.
    pub(super) fn semicolon(&self) -> Option<usize> {
        self.semicolon
    }

    /// Returns where a command begins.
    pub(super) fn backslash(&self) -> Option<usize> {
        self.backslash
    }
}

/// Returns true if `line` may end what is open: it holds a part of what would.
fn may_end(open: Open, line: &str) -> bool {
    match open {
        Open::Text('$') => line.contains('$'),
        Open::Text(_) => line.contains(['\'', '"']),
        Open::Name('[') => line.contains(']'),
        Open::Name(quote) => line.contains(quote),
        Open::Comment => line.contains('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::super::prompt::pending;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_that_are_settled_are_not_looked_at_again() {
        let mut text = "INSERT INTO t VALUES\n".to_owned();
        let mut scan = Scan::of(&text);
        for _ in 0..100 {
            text.push_str("('a', /* ; */ 1),\n");
            scan.go_on(&text);
            assert_eq!(scan.settled, text.len());
        }
        assert_eq!(scan.pending(), Pending::Semicolon);
    }

    #[test]
    fn a_quote_is_looked_at_again_only_by_a_line_that_may_end_it() {
        let mut text = "SELECT 'a;\n".to_owned();
        let mut scan = Scan::of(&text);
        text.push_str("b; (\n");
        scan.go_on(&text);
        assert_eq!(scan.pending(), Pending::End(Open::Text('\'')));
        assert_eq!((scan.settled, scan.semicolon()), (7, None));
        text.push_str("c' ; SELECT (\n");
        scan.go_on(&text);
        assert_eq!(scan.pending(), Pending::Bracket);
        assert_eq!(scan.semicolon(), text.rfind(';').map(|at| at + 1));
    }

    proptest! {
        #[test]
        fn line_by_line_is_as_at_once(lines in prop::collection::vec("[a-zE';\"`/*\\- é$.()\\\\\\[\\]]{0,12}", 0..8)) {
            let mut text = String::new();
            let mut scan = Scan::default();
            for line in lines {
                text.push_str(&line);
                text.push('\n');
                scan.go_on(&text);
                let lexed = lex(&text);
                prop_assert_eq!(scan.pending(), pending(&lexed));
                let at = |kind| lexed.lexemes.iter().filter(move |l| l.kind == kind);
                prop_assert_eq!(scan.semicolon(), at(Kind::Semicolon).next_back().map(|l| l.end));
                prop_assert_eq!(scan.backslash(), at(Kind::Backslash).next().map(|l| l.start));
            }
        }
    }
}
