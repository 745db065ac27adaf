//! How the program ends: the exit code for each kind of error.

use crate::error::ErrorKind;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// All statements succeeded, or the reader of the rows had enough.
    Success = 0,
    /// A statement failed.
    Failure = 1,
    /// The command line, the configuration or the credentials are wrong.
    Usage = 2,
    /// There are rows, and `--fail-on-rows` was given.
    Rows = 3,
    /// Ctrl-C, or SIGTERM.
    Interrupted = 130,
}

impl From<ErrorKind> for ExitCode {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage | ErrorKind::Credentials => Self::Usage,
            ErrorKind::Interrupted => Self::Interrupted,
            ErrorKind::BrokenPipe => Self::Success,
            _ => Self::Failure,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
