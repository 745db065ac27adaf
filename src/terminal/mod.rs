//! What every edge shares: opening a session, stdout and stderr, progress, signals, exit codes.
//!
//! It depends on the session for what a statement did and on rendering for how rows look. It never parses a command line
//! and never reads a statement, and it depends on no edge.

pub(crate) mod children;
pub(crate) mod color;
pub(crate) mod directories;
pub(crate) mod exit;
pub(crate) mod log;
pub(crate) mod notes;
pub(crate) mod open;
pub(crate) mod output;
mod progress;
pub(crate) mod secrets;
pub(crate) mod signals;
mod stderr;
mod stream;

pub(crate) use progress::{Progress, enable as enable_progress};
