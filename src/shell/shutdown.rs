//! SIGTERM and SIGHUP while the shell waits for input: the program ends, and the terminal is restored.
//!
//! While a statement runs, `terminal` stops it as for Ctrl-C, and the shell then ends.

#[cfg(unix)]
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
#[cfg(unix)]
use crate::terminal::children;
#[cfg(unix)]
use crate::terminal::exit::ExitCode;
use crate::terminal::notes;
#[cfg(unix)]
use crate::terminal::signals::{Watch, unwatched};

/// The state that the read loop and the signal handler share.
#[derive(Debug, Default, Clone)]
pub(super) struct Shutdown {
    is_leaving: Arc<AtomicBool>,
    is_reading: Arc<AtomicBool>,
}

impl Shutdown {
    /// Returns true once the program was asked to end.
    pub(super) fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::SeqCst)
    }

    /// Runs `read`, which waits for a person.
    pub(super) fn while_reading<T>(&self, read: impl FnOnce() -> T) -> T {
        self.is_reading.store(true, Ordering::SeqCst);
        let read = read();
        self.is_reading.store(false, Ordering::SeqCst);
        read
    }
}

/// Watches for SIGTERM and SIGHUP for as long as what it returns lives.
///
/// Fails if they cannot be watched.
#[cfg(unix)]
pub(super) fn watch(shutdown: &Shutdown) -> Result<Watch, Error> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate()).map_err(unwatched)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(unwatched)?;
    let shutdown = shutdown.clone();
    let modes = terminal_modes();
    Ok(Watch(tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            // The order matters: the loop checks `is_leaving` after it has cleared `is_reading`, and runs nothing
            // further.
            shutdown.is_leaving.store(true, Ordering::SeqCst);
            children::end_attended();
            if shutdown.is_reading.load(Ordering::SeqCst) {
                restore(modes.as_deref());
                leave();
            }
        }
    })))
}

/// Returns the modes of the terminal as `stty` spells them, before the line editor changes them.
#[cfg(unix)]
fn terminal_modes() -> Option<String> {
    let output = children::command("stty")
        .arg("-g")
        .stdin(Stdio::inherit())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let modes = String::from_utf8(output.stdout).ok()?;
    Some(modes.trim().to_owned())
}

/// Restores the terminal.
#[cfg(unix)]
fn restore(modes: Option<&str>) {
    if let Some(modes) = modes {
        // The terminal may be gone, and nobody is left to tell.
        let _ = children::command("stty")
            .arg(modes)
            .stderr(Stdio::null())
            .status();
        // Turns bracketed paste off, and starts a new line for the next prompt.
        notes::line("\x1b[?2004l");
    }
}

/// Ends the program: the blocking read cannot be cancelled otherwise, and nothing else is running. A question is asked
/// before the first request that changes something.
#[cfg(unix)]
#[expect(
    clippy::exit,
    reason = "nothing runs and nothing is unsaved while a line or an answer is read"
)]
fn leave() {
    std::process::exit(ExitCode::Interrupted as i32);
}

/// Without such signals there is nothing to watch for.
#[cfg(not(unix))]
pub(super) fn watch(_: &Shutdown) -> Result<(), Error> {
    Ok(())
}
