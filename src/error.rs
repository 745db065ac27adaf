//! The error that ends a statement or the program: its kind, its message, and its causes.
//!
//! Each room has errors of its own. The session turns those of the rooms below it into an [`Error`], `render` shows it,
//! and the edge picks an exit code for its kind. This file depends on no other room.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use sqlparser::tokenizer::Span;

/// What kind of failure an error is, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The command line or the configuration is wrong.
    Usage,
    /// The statement cannot be parsed.
    Syntax,
    /// A table, column, function or parameter does not exist or is ambiguous.
    Name,
    /// A value is of the wrong type, or cannot be converted to the right one.
    Type,
    /// Something else is wrong with the statement: it cannot be done, or not with these values.
    Statement,
    /// It is not allowed: the session is read-only, a guard refused it, or the service did (401 or 403).
    Permission,
    /// There are no credentials, or none that can be sent.
    Credentials,
    /// The service could not be reached, or answered with an error.
    Service,
    /// A file, a pipe or a terminal cannot be read or written.
    Io,
    /// The user stopped it.
    Interrupted,
    /// The reader of the output went away, and nothing was lost by that: an edge need not tell anybody.
    BrokenPipe,
    /// This program or the engine is at fault.
    Internal,
}

/// What went wrong.
#[derive(Debug, Clone)]
pub struct Error {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// What is wrong, naming what was typed; lower case, no final stop.
    pub message: String,
    /// The file that the statement is in, if an earlier statement named it. Boxed because it is rare and errors are
    /// returned everywhere.
    pub file: Option<Box<PathBuf>>,
    /// Its causes. Several if several requests failed.
    pub causes: Vec<Cause>,
    /// What else people should know, such as what was done in spite of the error.
    pub notes: Vec<String>,
    /// The place in the statement.
    pub place: Option<Box<Place>>,
    /// The next step.
    pub hint: Option<String>,
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

/// An error behind another one, as the room that met it made it.
#[derive(Debug, Clone)]
pub struct Cause {
    /// The error.
    pub error: Arc<dyn std::error::Error + Send + Sync>,
    /// What people read about it; None if the message says it already, perhaps in other words.
    pub text: Option<String>,
}

/// A place in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The statement.
    pub text: String,
    /// The line of the script on which the statement begins, counted from 1.
    pub line: u64,
    /// Where in `text`, lines and columns counted from 1, the end behind the last character.
    pub span: Span,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            file: None,
            causes: Vec::new(),
            notes: Vec::new(),
            place: None,
            hint: None,
        }
    }

    /// An error of a statement.
    pub fn statement(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Statement, message)
    }

    /// An error of the command line or the configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// The user stopped it.
    pub fn interrupted() -> Self {
        Self::new(ErrorKind::Interrupted, "interrupted")
    }

    /// Adds the next step.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Names the file that it is in, unless that is known already: the innermost file is where to look.
    pub fn in_file(self, file: impl Into<PathBuf>) -> Self {
        Self {
            file: self.file.or_else(|| Some(Box::new(file.into()))),
            ..self
        }
    }

    /// Adds a cause, which people are shown with its own causes.
    pub fn caused_by(self, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        let text = chain(&error).find_map(own_words);
        self.with_cause(error, text)
    }

    /// Keeps a cause for programs, without showing it, because the message says the same already.
    pub fn retelling(self, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.with_cause(error, None)
    }

    fn with_cause(
        mut self,
        error: impl std::error::Error + Send + Sync + 'static,
        text: Option<String>,
    ) -> Self {
        let error = Arc::new(error);
        self.causes.push(Cause { error, text });
        self
    }

    /// Returns the first of its causes of type `T`.
    pub fn find<T: std::error::Error + 'static>(&self) -> Option<&T> {
        let causes = self.causes.iter();
        let mut errors = causes.flat_map(|cause| chain(cause.error.as_ref()));
        errors.find_map(|error| error.downcast_ref())
    }
}

impl Cause {
    /// Returns what people are shown of it: each error's text, outermost first.
    pub fn shown(&self) -> impl Iterator<Item = String> {
        self.text.iter().flat_map(|text| {
            let behind = chain(self.error.as_ref()).filter_map(own_words).skip(1);
            std::iter::once(text.clone()).chain(behind)
        })
    }
}

/// Returns `error` and all of its causes.
fn chain<'e>(
    error: &'e (dyn std::error::Error + Send + Sync + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |error| error.source())
}

/// What is said of a file that is not text.
pub(crate) const NOT_UTF8: &str = "it is not UTF-8";

/// Returns what `error` says, without the engine's name for its kind; None if it only wraps the next one.
fn own_words(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    use DataFusionError as Engine;
    match error.downcast_ref::<Engine>() {
        Some(
            Engine::Plan(text)
            | Engine::Execution(text)
            | Engine::Configuration(text)
            | Engine::NotImplemented(text)
            | Engine::Internal(text)
            | Engine::ResourcesExhausted(text),
        ) => return Some(text.clone()),
        Some(wrapper) if std::error::Error::source(wrapper).is_some() => return None,
        _ => {}
    }
    match error.downcast_ref::<ArrowError>() {
        Some(ArrowError::ExternalError(_)) => None,
        _ => Some(
            error
                .to_string()
                .replace("stream did not contain valid UTF-8", NOT_UTF8),
        ),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let cause = self.causes.first()?;
        Some(cause.error.as_ref())
    }
}

/// Returns `1 row`, `2 rows`: `count` of what is called `one`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn what_is_behind_an_error_is_kept_and_shown_unless_it_is_said_already() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = Error::statement("it failed")
            .caused_by(io::Error::other(refused()))
            .retelling(fmt::Error);
        let shown: Vec<String> = error.causes.iter().flat_map(Cause::shown).collect();
        assert_eq!(shown, ["connection refused"]);
        let found = error.find::<io::Error>().unwrap();
        assert_eq!(found.kind(), io::ErrorKind::Other);
        assert!(error.find::<fmt::Error>().is_some());
        assert!(error.find::<std::num::ParseIntError>().is_none());
    }

    #[test]
    fn the_engines_names_for_kinds_of_errors_are_left_out() {
        let shown = |error: DataFusionError| -> Vec<String> {
            let error = Error::statement("it failed").caused_by(error);
            error.causes.iter().flat_map(Cause::shown).collect()
        };
        let refused = || Box::new(io::Error::from(io::ErrorKind::ConnectionRefused));
        let external = || DataFusionError::External(refused());
        for wrapped in [
            external(),
            external().context("while it ran"),
            ArrowError::ExternalError(refused()).into(),
            DataFusionError::External(Box::new(external())),
        ] {
            assert_eq!(shown(wrapped), ["connection refused"]);
        }
        assert_eq!(shown(DataFusionError::Execution("no".to_owned())), ["no"]);
        let not_text = io::read_to_string(&b"\xff"[..]).unwrap_err();
        assert_eq!(shown(DataFusionError::IoError(not_text)), [NOT_UTF8]);
    }
}
