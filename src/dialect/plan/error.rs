//! What a rule over plans finds wrong with a statement, and what was typed there.

use datafusion::common::Span;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;

use crate::error::ErrorKind;

/// A statement that the dialect refuses. Crosses the engine as `DataFusionError::External`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Error {
    /// What kind of error it is; of types unless said otherwise.
    pub(crate) kind: ErrorKind,
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
            kind: ErrorKind::Type,
            message: message.into(),
            hint: None,
            place: Place::default(),
        }
    }

    pub(crate) fn kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
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

    /// Returns where `expr` is.
    pub(crate) fn of(expr: &Expr) -> Self {
        let typed = match expr {
            Expr::Literal(value, _) => value
                .try_as_str()
                .map(|text| text.unwrap_or_default().to_owned()),
            // The keys of USING come without a place.
            Expr::Column(column) if column.spans.first().is_none() => Some(column.name.clone()),
            _ => None,
        };
        Self {
            typed,
            near: first_column(expr),
        }
    }

    /// Returns the place of the literal or the name `typed`.
    pub(crate) fn typed(typed: impl Into<String>) -> Self {
        Self {
            typed: Some(typed.into()),
            near: None,
        }
    }
}

/// Returns the place of the first column in `expr`.
pub(super) fn first_column(expr: &Expr) -> Option<Span> {
    let mut found = None;
    // It never fails.
    let _ = expr.apply(|part| {
        if let Expr::Column(column) | Expr::OuterReferenceColumn(_, column) = part
            && let Some(span) = column.spans.first()
        {
            found = Some(span);
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}
