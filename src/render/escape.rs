//! Makes text safe to show: whatever would move the cursor, hide or reorder text is written out instead.
//!
//! Values come from a service that stores what anyone gave it. Printed raw, a description could colour the terminal,
//! set its title, forge a second row, or show `admin` where `nimda` is stored. Pure; it knows nothing of formats.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

/// Characters of no width in a row that are shown as they are.
///
/// Living scripts stack a few; longer piles only serve to paint over the neighbouring rows.
const MARKS: usize = 8;

/// Returns the text with every control or invisible character replaced by a visible escape.
///
/// `\n`, `\r` and `\t` by name, other ASCII controls as `\x1b`, all else as `\u{202e}`: C1 controls, line separators,
/// bidirectional overrides, everything that Unicode lists as [default ignorable] such as zero-width spaces and tags,
/// and piled-up combining marks. Joiners and variation selectors stay where scripts and emoji need them.
///
/// A backslash stays a backslash. So `\n` in a table may also be those two characters; that cannot move anything, JSON
/// inside a cell stays readable, and the formats for programs tell the two apart. psql decided the same.
///
/// [default ignorable]: https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
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
            // What follows must itself be shown: no selector, and no mark too many.
            !previous.is_some_and(joins)
                || !next.is_some_and(|next| joins(next) && !is_selector(next))
                || marks == MARKS
        } else if is_selector(c) {
            !previous.is_some_and(selects)
        } else {
            c.is_control() || is_ignorable(c) || (bare && previous.is_none())
        };
        if hidden || marks > MARKS {
            push_escape(c, &mut out);
        } else {
            out.push(c);
        }
        // What comes next stands beside what is shown.
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

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Tells whether a joiner next to `c` has work to do: the scripts that use them, and emoji, all lie past Cyrillic.
fn joins(c: char) -> bool {
    c >= '\u{590}' && !is_joiner(c) && !is_ignorable(c)
}

/// Tells whether `c` is something that a variation selector can select a form of.
fn selects(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !is_joiner(c) && !is_selector(c) && !is_ignorable(c)
}

/// Unicode's default ignorable characters but joiners and selectors, and the two line separators.
fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e00ff}'
            | '\u{e01f0}'..='\u{e0fff}'
    )
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
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_ignorable(c)));
        }

        #[test]
        fn escaping_twice_changes_nothing_more(text in any::<String>()) {
            let once = escape_controls(&text).into_owned();
            prop_assert_eq!(&escape_controls(&once), &once);
        }
    }
}
