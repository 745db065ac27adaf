//! Conversions of errors from the rooms below. Each converted error keeps the original as its cause.

use sqlparser::tokenizer::Span;

use crate::api;
use crate::dialect::{self, OTHER_DIALECT};
use crate::error::{Error, ErrorKind, Place};
use crate::table::NotConnected;

/// Makes an error of `error` in the statement `text`, which begins at `line` of the script.
pub fn in_statement(error: dialect::error::Error, text: &str, line: u64) -> Error {
    let place = |span: Span| {
        Box::new(Place {
            text: text.to_owned(),
            line,
            span,
        })
    };
    Error {
        place: error.span.map(place),
        hint: error.hint,
        ..Error::new(error.kind, error.message)
    }
}

/// Returns `error` without the hint that the other dialect takes the statement.
pub(super) fn without_other_dialect(mut error: Error) -> Error {
    if let Some(hint) = &mut error.hint {
        *hint = hint.replace(&format!("; {OTHER_DIALECT}"), "");
    }
    error
}

impl From<api::Error> for Error {
    fn from(error: api::Error) -> Self {
        let converted = Self::new(kind(&error), error.to_string());
        let hint = error.hint();
        Self {
            hint,
            ..converted.retelling(error)
        }
    }
}

/// Returns what kind of failure `error` is.
pub(super) fn kind(error: &api::Error) -> ErrorKind {
    match error {
        api::Error::Endpoint { .. } | api::Error::Certificate { .. } => ErrorKind::Usage,
        api::Error::Credentials { .. } => ErrorKind::Credentials,
        api::Error::BudgetSpent { .. } | api::Error::ReadsOnly { .. } => ErrorKind::Permission,
        error if error.is_unauthorized() || error.is_forbidden() => ErrorKind::Permission,
        _ => ErrorKind::Service,
    }
}

impl From<NotConnected> for Error {
    fn from(error: NotConnected) -> Self {
        Self::new(ErrorKind::Credentials, error.reason.clone())
            .hint(error.hint.clone())
            .retelling(error)
    }
}
