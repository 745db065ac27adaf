//! Panics of a statement, which are errors of it: the session goes on.
//!
//! What panics has left its own work half done, and nothing of the session's: a statement plans and runs on its own. The
//! panic hook of the program, which saves the secrets of created keys, runs before; it is told here whether the panic
//! will be told as an error.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;

use crate::error::{Error, ErrorKind};

/// How many statements run that turn a panic into an error.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Runs `statement`, and returns an error in the place of a panic.
///
/// # Errors
///
/// Fails as the statement does, or if it panics.
pub(super) async fn caught<T>(
    statement: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let _caught = Caught::begin();
    AssertUnwindSafe(statement)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(error()))
}

/// A statement that turns a panic into an error, until it is dropped.
struct Caught;

impl Caught {
    fn begin() -> Self {
        RUNNING.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Returns true if a panic will be told as the error of a statement.
pub(crate) fn are_caught() -> bool {
    RUNNING.load(Ordering::SeqCst) > 0
}

/// Returns the error of a statement that panicked.
fn error() -> Error {
    Error::new(ErrorKind::Internal, "this statement meets a bug, and was given up").hint(
        "write it in another way; RUST_BACKTRACE=1 shows the place of the bug, which is worth a report",
    )
}
