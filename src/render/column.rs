//! What a table remembers while it waits for its last row: each column's needs and each cell's text.

use super::cell::Kind;
use super::escape::escape_controls;
use super::layout::{FLOOR, Wish, measure, shorten};

/// Terminal columns that leave a timestamp its seconds, with an ellipsis for the fraction.
const SECONDS: usize = 20;

/// One column, as far as the rows so far tell.
pub(crate) struct Column {
    /// Its header.
    pub(crate) name: Text,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Terminal columns of its widest cell.
    pub(crate) widest: usize,
    /// Whether it may be neither shortened nor left out.
    pub(crate) pinned: bool,
    /// Terminal columns below which it had better be left out, if it needs that many.
    floor: usize,
}

/// Escaped text and the terminal columns that it takes, or would take if it had not been shortened.
pub(crate) struct Text {
    /// The text, shortened if it could never be shown in full.
    pub(crate) text: Box<str>,
    /// Terminal columns of the full text.
    pub(crate) width: usize,
}

impl Text {
    /// Escapes `raw`, and keeps no more of it than fits into `most`.
    pub(crate) fn new(raw: &str, most: Option<usize>) -> Self {
        let text = escape_controls(raw);
        let width = measure(&text);
        match most {
            Some(most) if width > most => Self {
                text: shorten(&text, most).into(),
                width,
            },
            _ => Self {
                text: text.into(),
                width,
            },
        }
    }
}

impl Column {
    /// Starts a column without cells. Ids and secrets are known by their names.
    pub(crate) fn new(name: &str, kind: Kind) -> Self {
        let last = name.rsplit('.').next().unwrap_or(name);
        let pinned = last == "secret";
        let id = last == "id" || last.ends_with("_id");
        let floor = match kind {
            Kind::Text | Kind::Json if !id && !pinned => FLOOR,
            Kind::Scalar => SECONDS,
            // A part of an id or of a number is of no use.
            _ => usize::MAX,
        };
        Self {
            name: Text::new(name, None),
            kind,
            widest: 0,
            floor,
            pinned,
        }
    }

    /// Returns what the column asks for, with its name above it or without.
    pub(crate) fn wish(&self, header: bool) -> Wish {
        let name = if header { self.name.width } else { 0 };
        let natural = self.widest.max(name);
        let floor = self.widest.min(self.floor).max(name.min(FLOOR));
        Wish {
            natural,
            floor: if self.pinned { natural } else { floor },
            pinned: self.pinned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(name: &str, kind: Kind) -> usize {
        let mut column = Column::new(name, kind);
        column.widest = 100;
        column.wish(true).floor
    }

    #[test]
    fn what_is_of_no_use_in_part_stays_whole() {
        assert_eq!(floor("id", Kind::Text), 100);
        assert_eq!(floor("owner_id", Kind::Text), 100);
        assert_eq!(floor("spec.owner.id", Kind::Text), 100);
        assert_eq!(floor("count(*)", Kind::Number), 100);
        assert_eq!(floor("created_at", Kind::Scalar), SECONDS);
        assert_eq!(floor("description", Kind::Text), FLOOR);
        assert_eq!(floor("grid", Kind::Text), FLOOR);
    }

    #[test]
    fn a_long_name_counts_only_where_it_is_shown() {
        let mut column = Column::new("a name of some length", Kind::Text);
        column.widest = 3;
        assert_eq!(
            column.wish(true),
            Wish {
                natural: 21,
                floor: FLOOR,
                pinned: false
            }
        );
        assert_eq!(
            column.wish(false),
            Wish {
                natural: 3,
                floor: 3,
                pinned: false
            }
        );
    }

    #[test]
    fn no_more_text_is_held_than_could_be_shown() {
        let text = Text::new(&"x".repeat(1000), Some(80));
        assert_eq!((measure(&text.text), text.width), (80, 1000));
        assert_eq!(&*Text::new("a\nb", None).text, r"a\nb");
    }
}
