//! Ctrl-C and the signals that end a program, as an interruption of the running statement.

use tokio::task::JoinHandle;

use crate::error::Error;
#[cfg(unix)]
use crate::error::ErrorKind;
use crate::session::Interrupt;
use crate::terminal::{exit::ExitCode, notes, secrets};

/// Watches for as long as it lives.
#[derive(Debug)]
pub(crate) struct Watch(pub(crate) JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Makes an error of a failure to watch signals.
#[cfg(unix)]
pub(crate) fn unwatched(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, "signals cannot be watched").caused_by(error)
}

/// Raises `interrupt` on Ctrl-C, SIGTERM and SIGHUP for as long as the returned guard lives.
pub(crate) fn watch(interrupt: &Interrupt) -> Result<Watch, Error> {
    let interrupt = interrupt.clone();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut ctrl_c = signal(SignalKind::interrupt()).map_err(unwatched)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(unwatched)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(unwatched)?;
        Ok(Watch(tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = ctrl_c.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                if interrupt.is_raised() {
                    insist(&interrupt);
                }
                interrupt.raise();
            }
        })))
    }
    #[cfg(not(unix))]
    {
        Ok(Watch(tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if interrupt.is_raised() {
                    insist(&interrupt);
                }
                interrupt.raise();
            }
        })))
    }
}

/// Ends the program at a second signal. Requests in flight that change keys are waited for: their answers hold secrets.
fn insist(interrupt: &Interrupt) {
    if interrupt.is_sending() {
        notes::line("stopping: requests that change keys are in flight and will be finished");
    } else if interrupt.is_running() {
        secrets::save();
        #[expect(
            clippy::exit,
            reason = "the statement holds the thread that would return"
        )]
        std::process::exit(ExitCode::Interrupted as i32);
    }
}
