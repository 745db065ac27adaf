//! Sends text that is longer or wider than the screen through a pager.
//!
//! Text is buffered until it exceeds the screen or is complete.

use std::io::{self, Write};
use std::process::Stdio;

use crate::terminal::children::{self, Attended};
use crate::terminal::{notes, output};

/// The pager unless `$PAGER` names another: cuts long lines, shows colours, leaves at once if all fits, and leaves the
/// text on the screen.
const DEFAULT: &str = "less -SRFX";

/// Options for a `less` that `$PAGER` names without options, unless `$LESS` is set: otherwise it would show colours as
/// escapes.
const LESS: &str = "SRFX";

/// The exit code of a shell if there is no such program.
const NOT_FOUND: i32 = 127;

/// Columns and rows of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Size {
    /// Asks the terminal.
    pub(super) fn of_terminal() -> Option<Self> {
        let (width, height) = terminal_size::terminal_size()?;
        Some(Self {
            columns: usize::from(width.0),
            rows: usize::from(height.0),
        })
    }
}

/// Returns the command of the pager, from the value of `$PAGER` and `$TERM`; None for none at all.
pub(super) fn command(pager: Option<&str>, term: Option<&str>) -> Option<String> {
    match (pager.map(str::trim), term) {
        (Some("" | "cat"), _) | (_, Some("dumb")) => None,
        (Some(pager), _) => Some(pager.to_owned()),
        (None, _) => is_installed("less").then(|| DEFAULT.to_owned()),
    }
}

fn is_installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|dir| {
        let program = dir
            .join(program)
            .with_extension(std::env::consts::EXE_EXTENSION);
        program.is_file()
    })
}

/// Writes to the terminal, through a pager if needed.
#[derive(Debug)]
pub(super) struct Paged {
    pager: Option<String>,
    fit: Fit,
    held: Vec<u8>,
    to: To,
}

#[derive(Debug)]
enum To {
    Held,
    Terminal,
    Pager(Attended),
}

impl Paged {
    /// Writes to a terminal of `size`, what does not fit to `pager`; without a pager nothing is held back.
    pub(super) fn new(size: Option<Size>, pager: Option<String>) -> Self {
        let pager = pager.filter(|_| size.is_some());
        Self {
            to: match pager {
                Some(_) => To::Held,
                None => To::Terminal,
            },
            fit: Fit::new(size.unwrap_or(Size {
                columns: usize::MAX,
                rows: usize::MAX,
            })),
            pager,
            held: Vec::new(),
        }
    }

    /// Writes the buffered text, and waits for the pager to exit.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.to, To::Terminal) {
            To::Held => {
                let held = std::mem::take(&mut self.held);
                self.write_all(&held)?;
            }
            To::Terminal => {}
            To::Pager(mut child) => {
                drop(child.stdin().take());
                let status = child.wait()?;
                if status.code() == Some(NOT_FOUND) {
                    let pager = self.pager.as_deref().unwrap_or_default();
                    return Err(io::Error::other(format!(
                        "the pager `{pager}` cannot be run"
                    )));
                }
                return Ok(());
            }
        }
        output::stdout().flush()
    }

    fn start_pager(&mut self) -> io::Result<()> {
        let pager = self.pager.as_deref().unwrap_or(DEFAULT);
        notes::end_status();
        let mut command = children::shell(pager);
        command.stdin(Stdio::piped());
        if std::env::var_os("LESS").is_none() {
            command.env("LESS", LESS);
        }
        self.to = To::Pager(Attended::start(&mut command)?);
        let held = std::mem::take(&mut self.held);
        self.write_all(&held)
    }
}

impl Drop for Paged {
    /// If a statement fails or is stopped, the pager still shows the rows so far, and the next prompt must wait for it.
    fn drop(&mut self) {
        if let To::Pager(child) = &mut self.to {
            drop(child.stdin().take());
            // The error of the statement is shown already.
            let _ = child.wait();
        }
    }
}

impl Write for Paged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Terminal => output::stdout().write(bytes),
            To::Pager(child) => match child.stdin() {
                Some(stdin) => stdin.write(bytes),
                None => Ok(bytes.len()),
            },
            To::Held => {
                self.held.extend_from_slice(bytes);
                if !self.fit.holds(bytes) {
                    self.start_pager()?;
                }
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Terminal => output::stdout().flush(),
            To::Pager(child) => child.stdin().as_mut().map_or(Ok(()), Write::flush),
            To::Held => Ok(()),
        }
    }
}

/// Measures text against a screen.
#[derive(Debug)]
struct Fit {
    size: Size,
    lines: usize,
    column: usize,
    /// True within a terminal escape, which has no width.
    in_escape: bool,
}

/// Lines of the screen for the footer and the next prompt.
const SPARE_ROWS: usize = 2;

impl Fit {
    fn new(size: Size) -> Self {
        Self {
            size,
            lines: 0,
            column: 0,
            in_escape: false,
        }
    }

    /// Adds `bytes`. Returns true if everything so far fits the screen. Characters count as one column each; a wide one
    /// that is missed costs a wrapped line and nothing else.
    fn holds(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            match byte {
                b'\n' => {
                    self.lines += 1;
                    self.column = 0;
                }
                0x1b => self.in_escape = true,
                b'm' if self.in_escape => self.in_escape = false,
                // The later bytes of a character.
                0x80..=0xbf => {}
                _ if self.in_escape => {}
                _ => self.column += 1,
            }
            if self.column > self.size.columns
                || self.lines.saturating_add(SPARE_ROWS) > self.size.rows
            {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(text: &str) -> bool {
        let size = Size {
            columns: 10,
            rows: 6,
        };
        Fit::new(size).holds(text.as_bytes())
    }

    #[test]
    fn long_and_wide_text_does_not_fit() {
        assert!(fits("1\n2\n3\n4\n"));
        assert!(!fits("1\n2\n3\n4\n5\n"));
        assert!(fits("1234567890\n"));
        assert!(!fits("12345678901"));
    }

    #[test]
    fn colours_take_no_room_and_characters_take_one_column() {
        assert!(fits("\x1b[2mNULL\x1b[0m 45678\n"));
        assert!(fits("éééééééééé\n"));
    }

    #[test]
    fn the_pager_is_the_one_of_the_environment() {
        assert_eq!(command(Some("most"), None).as_deref(), Some("most"));
        assert_eq!(command(Some(""), None), None);
        assert_eq!(command(Some("cat"), None), None);
        assert_eq!(command(Some("less"), Some("dumb")), None);
    }

    #[cfg(unix)]
    #[test]
    fn what_does_not_fit_goes_through_the_pager() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seen");
        let size = Size {
            columns: 10,
            rows: 3,
        };
        let mut paged = Paged::new(Some(size), Some(format!("cat > '{}'", file.display())));
        for line in ["1\n", "2\n", "3\n"] {
            paged.write_all(line.as_bytes()).unwrap();
        }
        paged.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "1\n2\n3\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_pager_is_waited_for_when_the_statement_is_not_finished() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seen");
        let size = Size {
            columns: 1,
            rows: 1,
        };
        let pager = format!("cat > '{0}'; echo left >> '{0}'", file.display());
        let mut paged = Paged::new(Some(size), Some(pager));
        paged.write_all(b"1\n2\n").unwrap();
        drop(paged);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "1\n2\nleft\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_pager_that_is_not_there_is_an_error() {
        let size = Size {
            columns: 1,
            rows: 1,
        };
        let mut paged = Paged::new(Some(size), Some("no-such-pager 2>/dev/null".to_owned()));
        let _ = paged.write_all(b"wide and\nlong\n");
        let error = paged.finish().unwrap_err();
        assert!(error.to_string().contains("no-such-pager"));
    }
}
