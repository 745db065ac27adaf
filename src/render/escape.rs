//! Makes text safe to show: whatever would move the cursor, or hide or reorder text, becomes a visible escape.
//!
//! Values come from a service that stores whatever it is given. Printed raw, a description could colour the terminal, set
//! its title, forge a second row, or show `admin` where `nimda` is stored. Pure; knows nothing about formats.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

use crate::invisible::{is_hidden, is_joiner, is_selector};

/// The most zero-width characters in a row that are shown as they are.
///
/// Living scripts stack a few marks; more only serve to paint over the neighbouring rows.
const MARKS: usize = 8;

/// Returns the text with every control or invisible character replaced by a visible escape.
///
/// `\n`, `\r` and `\t` are written by name, other ASCII controls as `\x1b`, and everything else as `\u{202e}`: what
/// `invisible::is_hidden` lists, and combining marks beyond a few in a row. Joiners and variation selectors stay where
/// scripts and emoji need them.
///
/// A backslash stays a backslash, as in psql. So `\n` in a table may also be those two characters; they are harmless, JSON
/// inside a cell stays readable, and the formats for programs distinguish the two.
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut marks = 0;
    let mut previous = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let bare = c.width() == Some(0);
        marks = if bare { marks + 1 } else { 0 };
        let hidden = if is_joiner(c) {
            let next = rest.clone().next();
            // The next character must itself be shown, so it is neither a selector nor a mark too many.
            !previous.is_some_and(joins)
                || !next.is_some_and(|next| joins(next) && !is_selector(next))
                || marks == MARKS
        } else if is_selector(c) {
            !previous.is_some_and(selects)
        } else {
            is_hidden(c) || (bare && previous.is_none())
        };
        if hidden || marks > MARKS {
            push_escape(c, &mut out);
        } else {
            out.push(c);
        }
        // The next character is displayed beside this one, or its escape.
        previous = out.chars().next_back();
    }
    Cow::Owned(out)
}

fn push_escape(c: char, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = match c {
        '\n' => out.write_str(r"\n"),
        '\r' => out.write_str(r"\r"),
        '\t' => out.write_str(r"\t"),
        c if c.is_ascii() => write!(out, r"\x{:02x}", u32::from(c)),
        c => write!(out, r"\u{{{:x}}}", u32::from(c)),
    };
}

/// Tells whether a joiner next to `c` has work to do: the scripts that use them, and emoji, all come after Cyrillic.
fn joins(c: char) -> bool {
    c >= '\u{590}' && !is_joiner(c) && !is_hidden(c)
}

/// Tells whether `c` is something that a variation selector can select a form of.
fn selects(c: char) -> bool {
    !c.is_ascii() && !is_joiner(c) && !is_selector(c) && !is_hidden(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(
            escape_controls(r#"{"a": "C:\\dir"} ~"#),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn terminal_controls_are_written_out() {
        assert_eq!(escape_controls("a\nb\tc\rd"), r"a\nb\tc\rd");
        assert_eq!(escape_controls("\x1b[31mred\0\x7f"), r"\x1b[31mred\x00\x7f");
        assert_eq!(escape_controls("\u{9b}31m"), r"\u{9b}31m");
    }

    #[test]
    fn text_cannot_be_reordered_or_hidden() {
        assert_eq!(
            escape_controls("\u{202e}nimda\u{2066}"),
            r"\u{202e}nimda\u{2066}"
        );
        assert_eq!(
            escape_controls("ad\u{200b}min\u{feff}"),
            r"ad\u{200b}min\u{feff}"
        );
        assert_eq!(escape_controls("ad\u{200d}min"), r"ad\u{200d}min");
        assert_eq!(escape_controls("a\u{e0041}\u{fe01}"), r"a\u{e0041}\u{fe01}");
        assert_eq!(escape_controls("é\u{fe01}\u{fe02}"), "é\u{fe01}\\u{fe02}");
        assert_eq!(escape_controls("one\u{2028}two"), r"one\u{2028}two");
        assert_eq!(escape_controls("\u{1772}\u{e0100}"), r"\u{1772}\u{e0100}");
        assert_eq!(escape_controls("א\u{200d}\u{fe0f}"), r"א\u{200d}\u{fe0f}");
    }

    #[test]
    fn scripts_and_emoji_keep_their_joiners() {
        for text in [
            "héllo",
            "日本語",
            "e\u{301}",
            "👩\u{200d}💻",
            "❤\u{fe0f}\u{200d}🔥",
            "می\u{200c}خواهم",
            "Ünïcödé",
        ] {
            assert_eq!(escape_controls(text), text);
        }
    }

    #[test]
    fn piled_up_marks_are_cut_off() {
        let zalgo = format!("a{}", "\u{301}".repeat(10));
        assert_eq!(
            escape_controls(&zalgo),
            format!("a{}{}", "\u{301}".repeat(8), r"\u{301}".repeat(2))
        );
        assert_eq!(escape_controls("\u{301}a"), r"\u{301}a");
    }

    proptest! {
        #[test]
        fn nothing_that_controls_a_terminal_is_left(text in any::<String>()) {
            let shown = escape_controls(&text);
            prop_assert!(!shown.chars().any(is_hidden));
        }

        #[test]
        fn escaping_twice_changes_nothing_more(text in any::<String>()) {
            let once = escape_controls(&text).into_owned();
            prop_assert_eq!(&escape_controls(&once), &once);
        }
    }
}
