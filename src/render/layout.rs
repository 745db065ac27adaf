//! Which columns of a table are shown, and how wide. Pure.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Shown in place of the rest of a cell, or of columns that were left out.
pub(crate) const ELLIPSIS: &str = "…";

/// The least width of a text column that is shown at all: enough to tell rows apart.
pub(crate) const MIN_WIDTH: usize = 8;

/// How much of a column's name is shown at least: all of it, if it is no longer than most. A column that would show less is
/// better left out.
pub(crate) const NAME_WIDTH: usize = 16;

/// The greatest width of text: with padding, comfy-table counts columns in a u16. A secret may be wider, and then extends
/// beyond the box.
pub(crate) const MAX_WIDTH: usize = u16::MAX as usize - 2;

/// The widths that suit a column, in terminal columns, without borders and padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WidthRequest {
    /// The width that shows everything.
    pub(crate) natural: usize,
    /// The least useful width; a narrower column is better left out.
    pub(crate) floor: usize,
    /// Whether it may never be narrower than `floor` nor be left out, however wide the table becomes.
    pub(crate) pinned: bool,
}

/// One drawn column, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The column of that index.
    Column {
        /// Its index in the schema.
        index: usize,
        /// The width of its text.
        width: usize,
    },
    /// One or more columns left out here.
    Gap,
}

impl Slot {
    /// Returns the width of its text.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Column { width, .. } => width,
            Self::Gap => 1,
        }
    }
}

/// Fits columns into `width` terminal columns, borders included; None is no limit.
///
/// The widest columns shrink first, down to their floors, so that short ones such as ids stay whole. If the floors do not
/// fit, columns are left out, as few as possible: from the middle if that is enough, because the first and last columns tell
/// most, otherwise from the end. If even the first column is too wide, it shrinks below its floor, unless there are pinned
/// columns: a secret is useless without the id next to it, so the table is then wider than asked.
pub(crate) fn fit(requests: &[WidthRequest], width: Option<usize>) -> Vec<Slot> {
    let Some(width) = width else {
        return (0..requests.len())
            .map(|index| Slot::Column {
                index,
                width: requests[index].natural,
            })
            .collect();
    };
    for kept in (1..=requests.len()).rev() {
        for last in [kept / 2, 0] {
            let slots = keep(requests, kept - last, last, |request| request.floor);
            if let Some(spare) = width.checked_sub(total(&slots)) {
                return widen(slots, requests, spare);
            }
        }
    }
    let pinned = requests.iter().any(|request| request.pinned);
    let slots = keep(
        requests,
        1,
        0,
        |request| if pinned { request.floor } else { 1 },
    );
    let spare = width.saturating_sub(total(&slots));
    widen(slots, requests, spare)
}

/// Keeps so many of the first columns and so many of the last, and those that are pinned.
fn keep(
    requests: &[WidthRequest],
    first: usize,
    last: usize,
    least: impl Fn(&WidthRequest) -> usize,
) -> Vec<Slot> {
    let mut slots = Vec::with_capacity(requests.len());
    for (index, request) in requests.iter().enumerate() {
        if index < first || index + last >= requests.len() || request.pinned {
            slots.push(Slot::Column {
                index,
                width: least(request),
            });
        } else if slots.last() != Some(&Slot::Gap) {
            slots.push(Slot::Gap);
        }
    }
    slots
}

/// Returns the width of the drawn table: a space on either side of each text, and a line around each.
fn total(slots: &[Slot]) -> usize {
    slots.iter().map(|slot| slot.width() + 3).sum::<usize>() + 1
}

/// Gives out what is to spare, always to the narrowest column that wants more.
fn widen(mut slots: Vec<Slot>, requests: &[WidthRequest], mut spare: usize) -> Vec<Slot> {
    loop {
        let narrowest = slots
            .iter_mut()
            .filter_map(|slot| match slot {
                Slot::Column { index, width } if *width < requests[*index].natural => Some(width),
                _ => None,
            })
            .min_by_key(|width| **width);
        match narrowest {
            Some(width) if spare > 0 => {
                *width += 1;
                spare -= 1;
            }
            _ => return slots,
        }
    }
}

/// Returns the terminal columns that `text` takes.
pub(crate) fn measure(text: &str) -> usize {
    // Nearly all cells are ASCII, and `width` looks each character up in tables, which is slow.
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}

/// Returns `text`, with an ellipsis for its end if it is wider than `width`.
pub(crate) fn shortened(text: &str, width: usize) -> Cow<'_, str> {
    if measure(text) <= width {
        return Cow::Borrowed(text);
    }
    let room = width.saturating_sub(measure(ELLIPSIS));
    let mut used = 0;
    let end = text
        .char_indices()
        .find(|(_, c)| {
            used += c.width().unwrap_or(0);
            used > room
        })
        .map_or(text.len(), |(at, _)| at);
    let mut kept = &text[..end];
    // A selector can make the whole text wider than its characters, and a joiner at the end joins nothing.
    while let Some(last) = kept.chars().next_back()
        && (measure(kept) > room || last == '\u{200d}')
    {
        kept = &kept[..kept.len() - last.len_utf8()];
    }
    Cow::Owned(format!("{kept}{ELLIPSIS}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(natural: usize) -> WidthRequest {
        WidthRequest {
            natural,
            floor: natural.min(MIN_WIDTH),
            pinned: false,
        }
    }

    fn whole(natural: usize) -> WidthRequest {
        WidthRequest {
            natural,
            floor: natural,
            pinned: false,
        }
    }

    /// Spells a layout as `index:width`, a gap as `…`.
    fn fitted(requests: &[WidthRequest], width: usize) -> String {
        let spelt = fit(requests, Some(width))
            .into_iter()
            .map(|slot| match slot {
                Slot::Column { index, width } => format!("{index}:{width}"),
                Slot::Gap => ELLIPSIS.to_owned(),
            });
        spelt.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_fits_is_left_alone() {
        assert_eq!(fitted(&[whole(16), text(20)], 43), "0:16 1:20");
        assert_eq!(
            fit(&[text(5000)], None),
            [Slot::Column {
                index: 0,
                width: 5000
            }]
        );
        assert_eq!(fit(&[], Some(80)), []);
    }

    #[test]
    fn the_widest_columns_shrink_first() {
        assert_eq!(
            fitted(&[whole(16), text(20), text(300)], 80),
            "0:16 1:20 2:34"
        );
        assert_eq!(
            fitted(&[whole(16), text(200), text(300)], 80),
            "0:16 1:27 2:27"
        );
    }

    #[test]
    fn columns_are_left_out_from_the_middle() {
        assert_eq!(
            fitted(&[whole(16), text(30), text(30), text(30)], 40),
            "0:16 … 3:13"
        );
        assert_eq!(
            fitted(&[whole(16), whole(20), text(9), text(9), text(9)], 66),
            "0:16 1:20 … 4:9"
        );
    }

    #[test]
    fn columns_are_left_out_from_the_end_if_the_last_is_too_wide() {
        assert_eq!(
            fitted(&[whole(16), text(9), text(9), whole(30)], 40),
            "0:16 1:9 …"
        );
    }

    #[test]
    fn the_first_column_shrinks_rather_than_go() {
        assert_eq!(fitted(&[whole(40), text(30)], 20), "0:12 …");
        assert_eq!(fitted(&[whole(40)], 1), "0:1");
    }

    #[test]
    fn a_pinned_column_is_whole_even_if_the_table_is_not() {
        let secret = WidthRequest {
            natural: 64,
            floor: 64,
            pinned: true,
        };
        assert_eq!(
            fitted(&[whole(16), text(9), secret, text(9)], 40),
            "0:16 … 2:64 …"
        );
    }

    #[test]
    fn cutting_leaves_whole_characters() {
        assert_eq!(shortened("abcdefgh", 4), "abc…");
        assert_eq!(shortened("日本語", 4), "日…");
        assert_eq!(shortened("日本語", 5), "日本…");
        assert_eq!(
            shortened("e\u{301}e\u{301}e\u{301}s", 3),
            "e\u{301}e\u{301}…"
        );
        assert_eq!(shortened("👩\u{200d}💻 work", 4), "👩…");
        assert_eq!(shortened("abc", 1), "…");
    }

    proptest! {
        #[test]
        fn a_table_is_never_wider_than_asked(naturals in prop::collection::vec(0usize..100, 1..12), width in 9usize..200) {
            let requests: Vec<_> = naturals.iter().map(|natural| text(*natural)).collect();
            prop_assert!(total(&fit(&requests, Some(width))) <= width);
        }

        #[test]
        fn shortened_text_fits(string in "\\PC{0,40}", width in 1usize..40) {
            prop_assert!(measure(&shortened(&string, width)) <= width);
        }
    }
}
