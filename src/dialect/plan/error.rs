//! What a rule over plans finds wrong with a statement, and what was typed there.

use datafusion::common::Span;
use datafusion::error::DataFusionError;

/// A statement that the dialect refuses. Crosses the engine as `DataFusionError::External`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Error {
    /// What is wrong, naming what was typed.
    pub(crate) message: String,
    /// The next step.
    pub(crate) hint: Option<String>,
    /// Where it is.
    pub(crate) place: Place,
}

/// What is known of the place of an error: plans keep the places of columns, but not of literals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The literal or the name as it was typed, without quotes.
    pub(crate) typed: Option<String>,
    /// The place of a column nearby, or of the column itself where nothing was `typed`.
    pub(crate) near: Option<Span>,
}

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            place: Place::default(),
        }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    pub(crate) fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

impl Place {
    /// Returns this place, or `other` if it is not known.
    pub(crate) fn or(self, other: Self) -> Self {
        match self {
            Self {
                typed: None,
                near: None,
            } => other,
            place => place,
        }
    }
}
