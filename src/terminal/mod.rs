//! What every edge shares: stdout and stderr, notes to people, progress.
//!
//! It depends on the session for what a statement did and on rendering for how rows look. It never parses a command line
//! and never reads a statement.

pub(crate) mod exit;
pub(crate) mod notes;
pub(crate) mod output;
mod progress;
mod stream;

pub(crate) use progress::{Progress, enable as enable_progress};
