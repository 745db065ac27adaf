//! The error that ends a statement or the program: what the user reads, and the exit code.
//!
//! Every room has its own errors; they become an [`Error`] where the rooms meet. It knows how to show itself, with the
//! place in the statement and the next step, and the one printer for people is here.

use std::fmt;
use std::path::PathBuf;

use sqlparser::tokenizer::Span;

use crate::api;
use crate::dialect;
use crate::render::escape_controls;
use crate::table::NotConnected;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitCode {
    /// All statements succeeded.
    Success = 0,
    /// A statement failed.
    Statement = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// Ctrl-C, or SIGTERM.
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// What went wrong, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What is wrong, naming what was typed; lower case, no final stop.
    pub message: String,
    /// The file that the statement stands in, if it is one that a statement before it named. Boxed, since it is rare
    /// and errors are returned everywhere.
    pub file: Option<Box<PathBuf>>,
    /// What lies behind it, outermost first.
    pub causes: Vec<String>,
    /// What else is to be known, such as what was done all the same.
    pub notes: Vec<String>,
    /// The place in the statement.
    pub place: Option<Box<Place>>,
    /// The next step.
    pub hint: Option<String>,
    /// How the program ends because of it.
    pub code: ExitCode,
    /// True if the reader of the output went away, which is no error to tell anybody.
    pub is_broken_pipe: bool,
}

/// A place in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The statement.
    pub text: String,
    /// The line of the script on which the statement begins, counted from 1.
    pub line: u64,
    /// Where in `text`, lines and columns counted from 1, the end behind the last character.
    pub span: Span,
}

impl Error {
    /// An error of a statement.
    pub fn statement(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            file: None,
            causes: Vec::new(),
            notes: Vec::new(),
            place: None,
            hint: None,
            code: ExitCode::Statement,
            is_broken_pipe: false,
        }
    }

    /// An error of the command line or the configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            code: ExitCode::Usage,
            ..Self::statement(message)
        }
    }

    /// The user stopped it.
    pub fn interrupted() -> Self {
        Self {
            code: ExitCode::Interrupted,
            ..Self::statement("interrupted")
        }
    }

    /// Adds the next step.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Says in which file it is, unless that is known already: the innermost is where to look.
    pub fn in_file(self, file: impl Into<PathBuf>) -> Self {
        Self {
            file: self.file.or_else(|| Some(Box::new(file.into()))),
            ..self
        }
    }

    /// Adds what lies behind it.
    pub fn caused_by(mut self, error: &dyn std::error::Error) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            self.causes.push(cause.to_string());
            next = cause.source();
        }
        self
    }

    /// Makes an error of `error` in the statement `text`, which begins at `line` of the script.
    pub fn in_statement(error: dialect::error::Error, text: &str, line: u64) -> Self {
        Self {
            place: error.span.map(|span| {
                Box::new(Place {
                    text: text.to_owned(),
                    line,
                    span,
                })
            }),
            hint: error.hint,
            ..Self::statement(error.message)
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<&api::Error> for Error {
    fn from(error: &api::Error) -> Self {
        let mut converted = Self::statement(error.to_string());
        converted.hint = error.hint();
        match std::error::Error::source(error) {
            Some(source) => converted.caused_by(source),
            None => converted,
        }
    }
}

impl From<NotConnected> for Error {
    fn from(error: NotConnected) -> Self {
        Self::usage(error.reason).hint(error.hint)
    }
}

/// Shows an error to people, several lines, each ended.
#[derive(Debug)]
pub struct Shown<'e> {
    /// The error.
    pub error: &'e Error,
    /// Whether to use colours.
    pub color: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (red, blue, bold, reset) = match self.color {
            true => ("\x1b[1;31m", "\x1b[34m", "\x1b[1m", "\x1b[0m"),
            false => ("", "", "", ""),
        };
        let message = printable(&self.error.message);
        writeln!(f, "{red}error{reset}: {bold}{message}{reset}")?;
        if let Some(file) = &self.error.file {
            writeln!(f, "  in `{}`", printable(&file.to_string_lossy()))?;
        }
        for cause in &self.error.causes {
            writeln!(f, "  caused by: {}", printable(cause))?;
        }
        for note in &self.error.notes {
            writeln!(f, "{blue}note{reset}: {}", printable(note))?;
        }
        if let Some(place) = &self.error.place {
            place.show(f, blue, red, reset)?;
        }
        if let Some(hint) = &self.error.hint {
            writeln!(f, "{blue}hint{reset}: {}", printable(hint))?;
        }
        Ok(())
    }
}

/// Characters shown before and after the place in a long line.
const CONTEXT: usize = 60;

impl Place {
    fn show(
        &self,
        f: &mut fmt::Formatter<'_>,
        frame: &str,
        mark: &str,
        reset: &str,
    ) -> fmt::Result {
        let Span { start, end } = self.span;
        let Some(line) = (start.line as usize)
            .checked_sub(1)
            .and_then(|line| self.text.lines().nth(line))
        else {
            return Ok(());
        };
        let number = (self.line + start.line - 1).to_string();
        let margin = " ".repeat(number.len());
        let chars: Vec<char> = line.chars().collect();
        let first = (start.column as usize).saturating_sub(1).min(chars.len());
        let last = match end.line == start.line {
            true => (end.column as usize).saturating_sub(2),
            false => chars.len(),
        }
        .max(first)
        .min(chars.len().max(first));
        let from = first.saturating_sub(CONTEXT);
        let to = (last + 1 + CONTEXT).min(chars.len()).max(from);
        let text = |part: &[char]| -> String { printable(&part.iter().collect::<String>()) };
        let cut = |is_cut: bool| if is_cut { "…" } else { "" };
        let before = format!("{}{}", cut(from > 0), text(&chars[from..first]));
        let marked = text(&chars[first..(last + 1).min(chars.len()).max(first)]);
        let after = text(&chars[(last + 1).clamp(first, to)..to]);
        let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
        writeln!(f, "{frame}{margin} |{reset}")?;
        writeln!(
            f,
            "{frame}{number} |{reset} {before}{marked}{after}{}",
            cut(to < chars.len())
        )?;
        writeln!(
            f,
            "{frame}{margin} |{reset} {}{mark}{}{reset}",
            " ".repeat(width(&before)),
            "^".repeat(width(&marked).max(1))
        )
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
        let span = Span::new(
            Location::new(span[0], span[1]),
            Location::new(span[2], span[3]),
        );
        let error = dialect::error::Error::new("no such thing")
            .at(span)
            .hint("try another");
        let error = Error::in_statement(error, text, line);
        Shown {
            error: &error,
            color: false,
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
    fn the_innermost_file_is_named() {
        let error = Error::statement("no such thing")
            .in_file("b.sql")
            .in_file("a.sql");
        let color = false;
        let text = Shown {
            error: &error,
            color,
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
        let text = Shown {
            error: &error,
            color: false,
        }
        .to_string();
        assert_eq!(
            text,
            "error: bad \\x1b[2J \\u{202e}\\nhint: forged \\u{2028}\\u{e0041}\nhint: \\r\\x07\n"
        );
    }
}
