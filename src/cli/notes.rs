//! What people are told on stderr: warnings, row counts, errors. The only place that writes there.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Shown};
use crate::session::{Done, Report};

/// Whether stderr takes colours, settled once at the start.
static COLOR: AtomicBool = AtomicBool::new(false);

/// Settles whether stderr takes colours.
pub(crate) fn use_color(color: bool) {
    COLOR.store(color, Ordering::Relaxed);
}

fn write(text: &str) {
    // Nobody is left to tell if stderr is closed.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Tells of something that did not stop the statement.
pub(crate) fn warn(message: &str) {
    let (yellow, reset) = match COLOR.load(Ordering::Relaxed) {
        true => ("\x1b[33m", "\x1b[0m"),
        false => ("", ""),
    };
    write(&format!(
        "{yellow}warning{reset}: {}\n",
        crate::render::escape_controls(message)
    ));
}

/// Tells of something that is decoration, to a terminal only.
pub(crate) fn say(message: &str) {
    if std::io::stderr().is_terminal() {
        write(&format!("{message}\n"));
    }
}

/// Shows an error; a reader who went away is not told so.
pub(crate) fn error(error: &Error) {
    if !error.is_broken_pipe {
        let color = COLOR.load(Ordering::Relaxed);
        write(&Shown { error, color }.to_string());
    }
}

/// Says what a statement did, in one line.
pub(crate) fn summary(report: &Report) -> String {
    let plural = |n: u64, one: &str| match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    };
    let mut parts = vec![match &report.done {
        Done::Rows(rows) => plural(*rows as u64, "row"),
        Done::Inserted(keys) => format!("{} created", plural(*keys as u64, "key")),
        Done::Updated(keys) => format!("{} changed", plural(*keys as u64, "key")),
        Done::Deleted(keys) => format!("{} deleted", plural(*keys as u64, "key")),
        Done::Shown(0) => "nothing would be sent".to_owned(),
        Done::Shown(n) => format!("{} shown, not sent", plural(*n as u64, "request")),
        Done::Note(note) => note.clone(),
        Done::Ok => "ok".to_owned(),
    }];
    let figures = report.traffic.figures();
    if figures.requests > 0 {
        parts.push(plural(figures.requests, "request"));
    }
    match figures.retries {
        0 => {}
        1 => parts.push("1 retry".to_owned()),
        n => parts.push(format!("{n} retries")),
    }
    parts.push(format!("{:.3} s", report.elapsed.as_secs_f64()));
    format!("({})", parts.join(", "))
}
