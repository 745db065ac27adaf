//! What a table remembers of each column while it waits for its last row. Pure.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::Field;

use super::SECRET_MARK;
use super::cell::Kind;
use super::escape::escape_controls;
use super::layout::{FLOOR, MOST, Wish, measure, shortened};

/// The name of columns, and of members of structs, that hold what is shown once and never again.
const SECRET: &str = "secret";

/// Terminal columns that leave a timestamp its seconds, with an ellipsis for the fraction.
const SECONDS: usize = 20;

/// One column, as far as the rows so far tell.
pub(crate) struct Column {
    /// Its header, escaped.
    pub(crate) name: Box<str>,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Whether all of its values are secrets, by its name.
    secret: bool,
    /// Terminal columns of its widest cell.
    widest: usize,
    /// Terminal columns of its widest secret, which is neither shortened nor left out; 0 if it has none.
    pinned: usize,
    /// Whether a cell was shortened when it came.
    cut: bool,
    /// Terminal columns below which it had better be left out, if it needs that many.
    floor: usize,
}

impl Column {
    /// Starts the column of `field`, without cells.
    pub(crate) fn of(field: &Field) -> Self {
        let column = Self::new(field.name(), Kind::of(field));
        Self {
            secret: column.secret || field.metadata().contains_key(SECRET_MARK),
            ..column
        }
    }

    /// Starts a column without cells. Ids and secrets are known by their names.
    pub(crate) fn new(name: &str, kind: Kind) -> Self {
        let last = name.rsplit('.').next().unwrap_or(name);
        let secret = last == SECRET;
        let id = last == "id" || last.ends_with("_id");
        let floor = match kind {
            Kind::Text | Kind::Json if !id && !secret => FLOOR,
            Kind::Scalar => SECONDS,
            // A part of an id or of a number is of no use.
            _ => usize::MAX,
        };
        Self {
            name: shortened(&escape_controls(name), MOST).into(),
            kind,
            secret,
            widest: 0,
            pinned: 0,
            cut: false,
            floor,
        }
    }

    /// Takes note of a value, and returns it escaped and no wider than a table that fits `width` could ever show.
    ///
    /// One that holds a secret is returned whole.
    pub(crate) fn take(&mut self, raw: &str, width: usize, holds_secret: bool) -> Box<str> {
        let text = escape_controls(raw);
        let full = measure(&text);
        self.widest = self.widest.max(full);
        if self.secret || holds_secret {
            self.pinned = self.pinned.max(full);
            return text.into();
        }
        let most = width.min(MOST);
        self.cut |= full > most;
        shortened(&text, most).into()
    }

    /// Takes note of a NULL that is shown as `text`, which is escaped already.
    pub(crate) fn take_null(&mut self, text: &str) {
        self.widest = self.widest.max(measure(text));
    }

    /// Returns what the column asks for, with its name above it or without.
    pub(crate) fn wish(&self, header: bool) -> Wish {
        let name = if header { measure(&self.name) } else { 0 };
        // comfy-table gives each column room for a character.
        let natural = self.widest.max(name).max(1);
        let floor = self.widest.min(self.floor).max(name.min(FLOOR)).max(1);
        Wish {
            natural,
            floor: floor.max(self.pinned),
            pinned: self.pinned > 0,
        }
    }

    /// Tells whether all cells show whole in so many terminal columns.
    pub(crate) fn fits(&self, width: usize) -> bool {
        self.widest <= width && !self.cut
    }
}

/// Tells whether a value is a struct that has a secret in it, at any depth.
pub(crate) fn holds_secret(array: &dyn Array, row: usize) -> bool {
    array.as_struct_opt().is_some_and(|value| {
        value.is_valid(row)
            && value
                .fields()
                .iter()
                .zip(value.columns())
                .any(|(field, member)| {
                    if field.name() == SECRET {
                        member.is_valid(row)
                    } else {
                        holds_secret(member, row)
                    }
                })
    })
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
        let mut column = Column::new("a", Kind::Text);
        assert_eq!(&*column.take("a\nb", 80, false), r"a\nb");
        assert!(column.fits(4));
        assert_eq!(measure(&column.take(&"x".repeat(1000), 80, false)), 80);
        assert!(!column.fits(1000));
    }

    #[test]
    fn a_secret_is_held_whole_and_asks_for_its_width() {
        let secret = "s".repeat(64);
        let mut column = Column::new("spec.secret", Kind::Text);
        assert!(!column.wish(true).pinned);
        assert_eq!(*column.take(&secret, 40, false), secret);
        let mut outer = Column::new("spec", Kind::Json);
        assert_eq!(*outer.take(&secret, 40, true), secret);
        outer.take(&"x".repeat(200), 40, false);
        for (column, natural) in [(column, 64), (outer, 200)] {
            assert_eq!(
                column.wish(true),
                Wish {
                    natural,
                    floor: 64,
                    pinned: true
                }
            );
        }
    }
}
