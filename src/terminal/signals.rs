//! Turns Ctrl-C and the signals that end a program into an interruption of the running statement.

#[cfg(unix)]
use futures::future::select_all;
use tokio::task::JoinHandle;

use crate::error::Error;
#[cfg(unix)]
use crate::error::ErrorKind;
use crate::session::{Interrupt, remove_staged};
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

/// The signals that end a program, beside those that only a defect raises (SIGSEGV, SIGBUS, SIGILL, SIGFPE) and those
/// that nothing can catch. Not all of them have a name in every library.
#[cfg(unix)]
fn ending() -> Vec<i32> {
    use nix::libc;
    let mut signals = vec![
        libc::SIGINT,
        libc::SIGTERM,
        libc::SIGHUP,
        libc::SIGQUIT,
        libc::SIGXCPU,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGALRM,
        libc::SIGVTALRM,
        libc::SIGPROF,
        libc::SIGABRT,
        libc::SIGTRAP,
        libc::SIGSYS,
        libc::SIGIO,
    ];
    #[cfg(target_os = "linux")]
    {
        signals.extend([libc::SIGPWR, libc::SIGSTKFLT]);
        signals.extend(libc::SIGRTMIN()..=libc::SIGRTMAX());
    }
    signals
}

/// Raises `interrupt` on Ctrl-C, SIGTERM, SIGHUP and the other signals that would end the program, for as long as the
/// returned guard lives: what is under way is finished, and secrets are saved.
pub(crate) fn watch(interrupt: &Interrupt) -> Result<Watch, Error> {
    let interrupt = interrupt.clone();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // A file that is too large is an error of the write that makes it so.
        let _too_large = signal(SignalKind::from_raw(nix::libc::SIGXFSZ)).map_err(unwatched)?;
        let signals = ending().into_iter().map(SignalKind::from_raw).map(signal);
        let mut signals = signals.collect::<Result<Vec<_>, _>>().map_err(unwatched)?;
        Ok(Watch(tokio::spawn(async move {
            loop {
                let signals = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
                let (_, which, _) = select_all(signals).await;
                // A terminal that closes says so more than once, and nobody insists by it.
                let is_insisted = ending().get(which) != Some(&nix::libc::SIGHUP);
                if interrupt.is_raised() && is_insisted {
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
        remove_staged();
        #[expect(
            clippy::exit,
            reason = "the statement holds the thread that would return"
        )]
        std::process::exit(ExitCode::Interrupted as i32);
    }
}
