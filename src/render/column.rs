//! What a table remembers about each column until its last row arrives. Pure.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::Field;

use super::cell::CellKind;
use super::escape::escape_controls;
use super::layout::{MAX_WIDTH, MIN_WIDTH, NAME_WIDTH, WidthRequest, measure, shortened};
use crate::secret;

/// Marks, in the metadata of a field, a column whose values are shown once and never again: it is never shortened.
pub const SECRET_MARK: &str = "iamql.secret";

/// Marks, in the metadata of a field, text that is wrapped in a table rather than cut.
pub(crate) const WRAP_MARK: &str = "iamql.wrap";

/// The width of a timestamp with its seconds, and an ellipsis in place of the fraction.
const SECONDS_WIDTH: usize = 20;

/// One column of a table, as far as it is known from the rows so far.
pub(crate) struct TableColumn {
    /// Its header, escaped.
    pub(crate) name: Box<str>,
    /// What it holds.
    pub(crate) kind: CellKind,
    /// Whether all of its values are secrets, judging by its name.
    secret: bool,
    /// Whether its cells are wrapped rather than cut.
    pub(crate) wraps: bool,
    /// Width of its widest cell.
    widest: usize,
    /// Width of its widest secret, which is neither shortened nor left out; 0 if it has none.
    pinned: usize,
    /// Whether a cell was shortened when it was added.
    cut: bool,
    /// The width below which it is better left out, unless all of it is narrower.
    floor: usize,
}

impl TableColumn {
    /// Starts the column of `field`, without cells.
    pub(crate) fn of(field: &Field) -> Self {
        Self {
            secret: is_secret(field),
            wraps: field.metadata().contains_key(WRAP_MARK),
            ..Self::new(field.name(), CellKind::of(field))
        }
    }

    /// Starts a column without cells. Ids and secrets are recognized by their names.
    pub(crate) fn new(name: &str, kind: CellKind) -> Self {
        let last = last_step(name);
        let secret = last == secret::NAME;
        let id = last == "id" || last.ends_with("_id");
        let floor = match kind {
            CellKind::Text | CellKind::Json if !id && !secret => MIN_WIDTH,
            CellKind::Scalar => SECONDS_WIDTH,
            // A part of an id or of a number is useless.
            _ => usize::MAX,
        };
        Self {
            name: shortened(&escape_controls(name), MAX_WIDTH).into(),
            kind,
            secret,
            wraps: false,
            widest: 0,
            pinned: 0,
            cut: false,
            floor,
        }
    }

    /// Adds a value. Returns it escaped, and shortened to what a table of `width` could show at most, unless it is a
    /// secret.
    pub(crate) fn take(&mut self, raw: &str, width: usize, holds_secret: bool) -> Box<str> {
        let text = escape_controls(raw);
        let full = measure(&text);
        self.widest = self.widest.max(full);
        if self.secret || holds_secret {
            self.pinned = self.pinned.max(full);
            return text.into();
        }
        let most = match self.wraps {
            true => MAX_WIDTH,
            false => width.min(MAX_WIDTH),
        };
        self.cut |= full > most;
        shortened(&text, most).into()
    }

    /// Returns true if a part of a value is of no use, so that it is shown whole or not at all.
    pub(crate) fn is_whole(&self) -> bool {
        self.secret || self.pinned > 0 || self.floor == usize::MAX
    }

    /// Adds a NULL, shown as `text`, which is already escaped.
    pub(crate) fn take_null(&mut self, text: &str) {
        self.widest = self.widest.max(measure(text));
    }

    /// Returns the widths that suit the column, with or without a header above it.
    pub(crate) fn width_request(&self, header: bool) -> WidthRequest {
        let name = if header { measure(&self.name) } else { 0 };
        // comfy-table draws no column narrower than one character.
        let natural = self.widest.max(name).max(1);
        let floor = self.widest.min(self.floor).max(name.min(NAME_WIDTH)).max(1);
        WidthRequest {
            natural,
            floor: floor.max(self.pinned),
            pinned: self.pinned > 0,
        }
    }

    /// Tells whether all cells are shown in full at this width.
    pub(crate) fn fits(&self, width: usize) -> bool {
        (self.widest <= width || self.wraps) && !self.cut
    }
}

fn last_step(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Tells whether all values of a column are secrets, by its mark or its name.
pub(crate) fn is_secret(field: &Field) -> bool {
    field.metadata().contains_key(SECRET_MARK) || last_step(field.name()) == secret::NAME
}

/// Tells whether a value is a struct with a secret in it, at any depth.
pub(crate) fn holds_secret(array: &dyn Array, row: usize) -> bool {
    array.as_struct_opt().is_some_and(|value| {
        value.is_valid(row)
            && value
                .fields()
                .iter()
                .zip(value.columns())
                .any(|(field, member)| {
                    if field.name() == secret::NAME {
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

    fn floor(name: &str, kind: CellKind) -> usize {
        let mut column = TableColumn::new(name, kind);
        column.widest = 100;
        column.width_request(true).floor
    }

    #[test]
    fn what_is_of_no_use_in_part_stays_whole() {
        assert_eq!(floor("id", CellKind::Text), 100);
        assert_eq!(floor("owner_id", CellKind::Text), 100);
        assert_eq!(floor("spec.owner.id", CellKind::Text), 100);
        assert_eq!(floor("count(*)", CellKind::Number), 100);
        assert_eq!(floor("created_at", CellKind::Scalar), SECONDS_WIDTH);
        assert_eq!(floor("description", CellKind::Text), "description".len());
        assert_eq!(floor("grid", CellKind::Text), MIN_WIDTH);
    }

    #[test]
    fn a_long_name_counts_only_where_it_is_shown() {
        let mut column = TableColumn::new("a name of some length", CellKind::Text);
        column.widest = 3;
        assert_eq!(
            column.width_request(true),
            WidthRequest {
                natural: 21,
                floor: NAME_WIDTH,
                pinned: false
            }
        );
        assert_eq!(
            column.width_request(false),
            WidthRequest {
                natural: 3,
                floor: 3,
                pinned: false
            }
        );
    }

    #[test]
    fn no_more_text_is_held_than_could_be_shown() {
        let mut column = TableColumn::new("a", CellKind::Text);
        assert_eq!(&*column.take("a\nb", 80, false), r"a\nb");
        assert!(column.fits(4));
        assert_eq!(measure(&column.take(&"x".repeat(1000), 80, false)), 80);
        assert!(!column.fits(1000));
    }

    #[test]
    fn a_secret_is_held_whole_and_asks_for_its_width() {
        let secret = "s".repeat(64);
        let mut column = TableColumn::new("spec.secret", CellKind::Text);
        assert!(!column.width_request(true).pinned);
        assert_eq!(*column.take(&secret, 40, false), secret);
        let mut outer = TableColumn::new("spec", CellKind::Json);
        assert_eq!(*outer.take(&secret, 40, true), secret);
        outer.take(&"x".repeat(200), 40, false);
        for (column, natural) in [(column, 64), (outer, 200)] {
            assert_eq!(
                column.width_request(true),
                WidthRequest {
                    natural,
                    floor: 64,
                    pinned: true
                }
            );
        }
    }
}
