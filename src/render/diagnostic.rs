//! Errors as text for people, in several lines: the message, the place in the statement, the causes, the next step.
//!
//! An error may quote anyone's data, so nothing in it can move the cursor or look like a line of ours.

use std::fmt;

use sqlparser::tokenizer::Span;
use unicode_width::UnicodeWidthStr;

use super::{escape_controls, wrapped};
use crate::error::{Cause, Error, Place};

/// Shows an error to people, in several lines that each end with a line break.
#[derive(Debug)]
pub struct Diagnostic<'e> {
    /// The error.
    pub error: &'e Error,
    /// Whether to use colours.
    pub color: bool,
    /// Terminal columns that messages are wrapped to; None is no limit.
    pub width: Option<usize>,
}

impl Diagnostic<'_> {
    /// Writes a line of words.
    fn say(&self, f: &mut fmt::Formatter<'_>, line: &str) -> fmt::Result {
        match self.width {
            None => writeln!(f, "{line}"),
            Some(width) => wrapped(line, width, 2)
                .into_iter()
                .try_for_each(|line| writeln!(f, "{line}")),
        }
    }
}

impl fmt::Display for Diagnostic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (red, blue, bold, reset) = match self.color {
            true => ("\x1b[1;31m", "\x1b[34m", "\x1b[1m", "\x1b[0m"),
            false => ("", "", "", ""),
        };
        let message = printable(&self.error.message);
        self.say(f, &format!("{red}error{reset}: {bold}{message}{reset}"))?;
        if let Some(file) = &self.error.file {
            writeln!(f, "  in `{}`", printable(&file.to_string_lossy()))?;
        }
        for cause in self.error.causes.iter().flat_map(Cause::shown) {
            self.say(f, &format!("  caused by: {}", printable(&cause)))?;
        }
        for note in &self.error.notes {
            self.say(f, &format!("{blue}note{reset}: {}", printable(note)))?;
        }
        if let Some(place) = &self.error.place {
            show_place(place, self.width, f, [blue, red, reset])?;
        }
        if let Some(hint) = &self.error.hint {
            self.say(f, &format!("{blue}hint{reset}: {}", printable(hint)))?;
        }
        Ok(())
    }
}

/// Characters shown before and after the place in a long line.
const CONTEXT: usize = 60;

/// Shows the line of `place` with a mark under it, as much of it as has room in `width` terminal columns.
fn show_place(
    place: &Place,
    width: Option<usize>,
    f: &mut fmt::Formatter<'_>,
    [frame, mark, reset]: [&str; 3],
) -> fmt::Result {
    let Span { start, end } = place.span;
    let Some(line) = (start.line as usize)
        .checked_sub(1)
        .and_then(|line| place.text.lines().nth(line))
    else {
        return Ok(());
    };
    let number = (place.line + start.line - 1).to_string();
    let margin = " ".repeat(number.len());
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(number.len() + 3));
    let chars: Vec<char> = line.chars().collect();
    let first = (start.column as usize).saturating_sub(1).min(chars.len());
    let marked_to = match end.line == start.line {
        true => (end.column as usize).saturating_sub(1),
        false => chars.len(),
    };
    // What is marked may be longer than any terminal is wide.
    let last = marked_to
        .max(first + 1)
        .min(first.saturating_add(room))
        .min(chars.len());
    let shown = Excerpt {
        from: first.saturating_sub(CONTEXT),
        first,
        last,
        to: (last + CONTEXT).min(chars.len()),
    };
    let [before, marked, after] = shown.within(&chars, room);
    writeln!(f, "{frame}{margin} |{reset}")?;
    writeln!(f, "{frame}{number} |{reset} {before}{marked}{after}")?;
    writeln!(
        f,
        "{frame}{margin} |{reset} {}{mark}{}{reset}",
        " ".repeat(before.width()),
        "^".repeat(marked.width().max(1))
    )
}

/// A part of a line, as positions of characters: it goes from `from` up to `to`, and those from `first` up to `last` are
/// marked.
#[derive(Clone, Copy)]
struct Excerpt {
    from: usize,
    first: usize,
    last: usize,
    to: usize,
}

impl Excerpt {
    /// Returns what is before the mark, under it, and after it, shortened to `room` columns: the longer side first, and what
    /// is marked last.
    fn within(mut self, chars: &[char], room: usize) -> [String; 3] {
        loop {
            let texts = self.texts(chars);
            let [before, marked, after] = texts.each_ref().map(|text| text.width());
            if before + marked.max(1) + after <= room {
                return texts;
            }
            let (left, right) = (self.first - self.from, self.to - self.last);
            if left > 0 && left >= right {
                self.from += 1;
            } else if right > 0 {
                self.to -= 1;
            } else if self.last > self.first + 1 {
                self.last -= 1;
                self.to = self.last;
            } else {
                return texts;
            }
        }
    }

    fn texts(&self, chars: &[char]) -> [String; 3] {
        let text = |part: &[char]| printable(&part.iter().collect::<String>());
        let cut = |is_cut: bool| if is_cut { "…" } else { "" };
        [
            format!(
                "{}{}",
                cut(self.from > 0),
                text(&chars[self.from..self.first])
            ),
            text(&chars[self.first..self.last]),
            format!(
                "{}{}",
                text(&chars[self.last..self.to]),
                cut(self.to < chars.len())
            ),
        ]
    }
}

/// Returns `text` on one line, with what a terminal would act on written out: a message may quote anyone's data, which
/// must not look like a line of ours.
fn printable(text: &str) -> String {
    escape_controls(&text.replace('\t', " ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlparser::tokenizer::Location;

    fn shown(text: &str, span: [u64; 4], line: u64) -> String {
        shown_in(None, text, span, line)
    }

    fn shown_in(width: Option<usize>, text: &str, span: [u64; 4], line: u64) -> String {
        let span = Span::new(
            Location::new(span[0], span[1]),
            Location::new(span[2], span[3]),
        );
        let place = Place {
            text: text.to_owned(),
            line,
            span,
        };
        let error = Error {
            place: Some(Box::new(place)),
            ..Error::statement("no such thing").hint("try another")
        };
        Diagnostic {
            error: &error,
            color: false,
            width,
        }
        .to_string()
    }

    #[test]
    fn the_place_is_marked_under_its_line() {
        insta::assert_snapshot!(shown("SELECT bogus\nFROM t", [1, 8, 1, 13], 1), @r"
        error: no such thing
          |
        1 | SELECT bogus
          |        ^^^^^
        hint: try another
        ");
        insta::assert_snapshot!(shown("SELECT id,\n  日本 bogus", [2, 6, 2, 11], 9), @r"
        error: no such thing
           |
        10 |   日本 bogus
           |        ^^^^^
        hint: try another
        ");
    }

    #[test]
    fn words_are_wrapped_and_the_statement_is_not() {
        let error = Error::statement("one two three four five").hint("six seven eight nine");
        let text = Diagnostic {
            error: &error,
            color: true,
            width: Some(20),
        }
        .to_string();
        assert_eq!(
            text.replace("\x1b[1;31m", "")
                .replace("\x1b[34m", "")
                .replace("\x1b[1m", "")
                .replace("\x1b[0m", ""),
            "error: one two three\n  four five\nhint: six seven\n  eight nine\n"
        );
    }

    #[test]
    fn the_innermost_file_is_named() {
        let error = Error::statement("no such thing")
            .in_file("b.sql")
            .in_file("a.sql");
        let color = false;
        let text = Diagnostic {
            error: &error,
            color,
            width: None,
        }
        .to_string();
        assert_eq!(text, "error: no such thing\n  in `b.sql`\n");
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("SELECT {} bogus {}", "x".repeat(200), "y".repeat(200));
        insta::assert_snapshot!(shown(&text, [1, 209, 1, 214], 1), @r"
        error: no such thing
          |
        1 | …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx bogus yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…
          |                                                              ^^^^^
        hint: try another
        ");
    }

    #[test]
    fn the_line_and_its_mark_fit_the_terminal() {
        let text =
            "SELECT id, '日本日本', owner_id, owner_kind, created_at, ownr_id FROM vw_api_keys";
        insta::assert_snapshot!(shown_in(Some(50), text, [1, 54, 1, 61], 1), @r"
        error: no such thing
          |
        1 | …er_kind, created_at, ownr_id FROM vw_api_keys
          |                       ^^^^^^^
        hint: try another
        ");
        insta::assert_snapshot!(shown_in(Some(30), text, [1, 12, 1, 18], 1), @r"
        error: no such thing
          |
        1 | …CT id, '日本日本', owner…
          |         ^^^^^^^^^^
        hint: try another
        ");
        for width in 1..90 {
            for first in 1..=78 {
                let shown = shown_in(Some(width), text, [1, first, 1, first + 7], 1);
                let lines: Vec<&str> = shown.lines().filter(|line| line.contains(" | ")).collect();
                let [line, mark] = lines[..] else {
                    panic!("{shown}")
                };
                assert!(line.width().max(mark.width()) <= width.max(8), "{shown}");
            }
        }
    }

    #[test]
    fn places_outside_of_the_text_do_no_harm() {
        for span in [
            [0, 0, 0, 0],
            [1, 90, 1, 95],
            [7, 1, 7, 1],
            [1, 3, 1, 1],
            [1, 2, 5, 1],
        ] {
            assert!(shown("SELECT", span, 1).starts_with("error: no such thing\n"));
        }
    }

    #[test]
    fn nothing_in_an_error_moves_the_cursor() {
        let error =
            Error::statement("bad \x1b[2J \u{202e}\nhint: forged \u{2028}\u{e0041}").hint("\r\x07");
        let text = Diagnostic {
            error: &error,
            color: false,
            width: None,
        }
        .to_string();
        assert_eq!(
            text,
            "error: bad \\x1b[2J \\u{202e}\\nhint: forged \\u{2028}\\u{e0041}\nhint: \\r\\x07\n"
        );
    }
}
