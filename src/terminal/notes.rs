//! What people read on stderr: warnings, row counts, errors. Nothing else writes there.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::stderr::{self, Patience};
use crate::error::{Error, ErrorKind, counted};
use crate::render::Diagnostic;
use crate::session::{Done, Report};

/// Whether stderr takes colours, decided once at the start.
static COLOR: AtomicBool = AtomicBool::new(false);

/// Decides whether stderr takes colours.
pub(crate) fn use_color(color: bool) {
    COLOR.store(color, Ordering::Relaxed);
}

/// The live progress line, which is rewritten in place and must be erased before anything else is written.
static STATUS: Mutex<Status> = Mutex::new(Status {
    is_shown: false,
    is_wanted: false,
});

struct Status {
    is_shown: bool,
    is_wanted: bool,
}

impl Status {
    fn erase(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            stderr::write(b"\r\x1b[K", Patience::Trace);
        }
    }
}

/// Allows a progress line, until [`end_status`] or the first rows on the terminal.
pub(crate) fn begin_status() {
    STATUS.lock().is_wanted = true;
}

/// Shows `text`, which must fit one line of the terminal, in place of the previous progress line.
pub(crate) fn show_status(text: &str) {
    let mut status = STATUS.lock();
    if status.is_wanted {
        status.is_shown = true;
        stderr::write(format!("\r{text}\x1b[K").as_bytes(), Patience::Trace);
    }
}

/// Erases the progress line and allows no further one.
pub(crate) fn end_status() {
    let mut status = STATUS.lock();
    status.is_wanted = false;
    status.erase();
}

fn write(text: &str) {
    STATUS.lock().erase();
    stderr::write(text.as_bytes(), Patience::Note);
}

/// Returns the columns of stderr, if it is a terminal.
fn columns() -> Option<usize> {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    size.map(|(width, _)| usize::from(width.0))
}

/// Wraps one line between words to the terminal.
fn wrapped(line: &str) -> String {
    match columns() {
        Some(columns) => crate::render::wrapped(line, columns, 2).join("\n"),
        None => line.to_owned(),
    }
}

/// Warns of something that did not stop the statement.
pub(crate) fn warn(message: &str) {
    let (yellow, reset) = match COLOR.load(Ordering::Relaxed) {
        true => ("\x1b[33m", "\x1b[0m"),
        false => ("", ""),
    };
    let message = crate::render::escape_controls(message);
    let line = format!("{yellow}warning{reset}: {message}");
    write(&format!("{}\n", wrapped(&line)));
}

/// Writes something that only helps a person at a terminal, and nothing if stderr is not one.
pub(crate) fn if_terminal(message: &str) {
    if std::io::stderr().is_terminal() {
        let lines: Vec<_> = message.lines().map(wrapped).collect();
        write(&format!("{}\n", lines.join("\n")));
    }
}

/// Writes words that a person asked for, wrapped to the terminal, with what would act on it made visible.
pub(crate) fn say(text: &str) {
    let lines: Vec<_> = text
        .lines()
        .map(|line| wrapped(&crate::render::escape_controls(line)))
        .collect();
    line(&lines.join("\n"));
}

/// Writes text that comes from elsewhere, line by line, with what would act on a terminal made visible.
pub(crate) fn visible(text: &str) {
    let lines = text.trim_end().split('\n');
    let lines: Vec<_> = lines.map(crate::render::escape_controls).collect();
    line(&lines.join("\n"));
}

/// Writes what a person asked for or has to answer.
pub(crate) fn line(text: &str) {
    write(&format!("{}\n", text.trim_end()));
}

/// Shows an error. That the reader went away is not shown: the reader knows.
pub(crate) fn error(error: &Error) {
    if error.kind != ErrorKind::BrokenPipe {
        let color = COLOR.load(Ordering::Relaxed);
        let width = columns();
        let mut text = Diagnostic {
            error,
            color,
            width,
        }
        .to_string();
        if error.kind == ErrorKind::Interrupted && std::io::stderr().is_terminal() {
            // The terminal has echoed `^C`; this overwrites it.
            text.insert(0, '\r');
        }
        write(&text);
    }
}

/// Says what a statement did: to a person at a terminal, and of a write to whoever reads stderr, such as the log of a job.
pub(crate) fn done(report: &Report, timing: bool) {
    let summary = summary(report, timing);
    match report.done {
        Done::Inserted(_)
        | Done::Updated(_)
        | Done::Deleted(_)
        | Done::Written(_)
        | Done::LocalInserted(_)
        | Done::LocalUpdated(_)
        | Done::LocalDeleted(_) => line(&wrapped(&summary)),
        _ => if_terminal(&summary),
    }
}

/// Summarizes what a statement did in one line, with `timing` also how long it took.
pub(crate) fn summary(report: &Report, timing: bool) -> String {
    let mut parts = vec![match &report.done {
        Done::Rows(rows) => counted(*rows as u64, "row"),
        Done::Written(rows) => format!("{} written", counted(*rows as u64, "row")),
        Done::LocalInserted(rows) => format!("{} inserted", counted(*rows as u64, "row")),
        Done::LocalUpdated(rows) => format!("{} updated", counted(*rows as u64, "row")),
        Done::LocalDeleted(rows) => format!("{} deleted", counted(*rows as u64, "row")),
        Done::Inserted(keys) => format!("{} created", counted(*keys as u64, "key")),
        Done::Updated(keys) => format!("{} changed", counted(*keys as u64, "key")),
        Done::Deleted(keys) => format!("{} deleted", counted(*keys as u64, "key")),
        Done::Shown(0) => "nothing would be sent".to_owned(),
        Done::Shown(n) => format!("{} shown, not sent", counted(*n as u64, "request")),
        Done::Note(note) => note.clone(),
        Done::Ok => "ok".to_owned(),
    }];
    let figures = report.traffic.figures();
    if figures.requests > 0 {
        parts.push(counted(figures.requests, "request"));
    }
    match figures.retries {
        0 => {}
        1 => parts.push("1 retry".to_owned()),
        n => parts.push(format!("{n} retries")),
    }
    if timing {
        parts.push(format!("{:.3} s", report.elapsed.as_secs_f64()));
    }
    let pushed = match report.pushed.is_empty() {
        true => String::new(),
        false => format!("; pushed down: {}", report.pushed.join(", ")),
    };
    crate::render::escape_controls(&format!("({}{pushed})", parts.join(", "))).into_owned()
}
