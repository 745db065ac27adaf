//! SIGTERM and SIGHUP while a line is edited: the program leaves, and the terminal is as it was.
//!
//! While a statement runs they stop it as Ctrl-C does, which is the command line's business; the shell then leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(unix)]
use crate::error::Error;

/// What the loop and the signals tell each other.
#[derive(Debug, Default, Clone)]
pub(super) struct Life {
    is_leaving: Arc<AtomicBool>,
    is_reading: Arc<AtomicBool>,
}

impl Life {
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

/// Ends as soon as it is dropped.
#[cfg(unix)]
pub(super) struct Watch(tokio::task::JoinHandle<()>);

#[cfg(unix)]
impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Watches for SIGTERM and SIGHUP for as long as what it returns lives.
///
/// # Errors
///
/// Fails if they cannot be watched.
#[cfg(unix)]
pub(super) fn watch(life: &Life) -> Result<Watch, Error> {
    use tokio::signal::unix::{SignalKind, signal};

    let failed =
        |error: std::io::Error| Error::statement("signals cannot be watched").caused_by(&error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let life = life.clone();
    Ok(Watch(tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            life.is_leaving.store(true, Ordering::SeqCst);
            if life.is_reading.load(Ordering::SeqCst) {
                interrupt_editor().await;
                if life.is_reading.load(Ordering::SeqCst) {
                    leave_at_once();
                }
            }
        }
    })))
}

/// Makes the editor give up its line and restore the terminal, by the one signal that it listens to.
#[cfg(unix)]
async fn interrupt_editor() {
    use std::time::Duration;

    let own = std::process::id().to_string();
    // If it cannot be sent the program is left the hard way.
    let _ = tokio::process::Command::new("sh")
        .args(["-c", "kill -INT \"$1\"", "sh", &own])
        .status()
        .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// Nothing runs and nothing is unsaved while a line is read.
#[cfg(unix)]
#[expect(
    clippy::exit,
    reason = "a read from the terminal cannot be given up otherwise"
)]
fn leave_at_once() {
    std::process::exit(crate::error::ExitCode::Interrupted as i32);
}

/// Without such signals there is nothing to watch for.
#[cfg(not(unix))]
pub(super) fn watch(_: &Life) -> Result<(), crate::error::Error> {
    Ok(())
}
