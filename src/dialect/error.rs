//! What is wrong with a statement, and where.

use std::fmt::Display;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use sqlparser::tokenizer::{Location, Span};

use crate::error::ErrorKind;

/// An error in a statement, found before anything was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// What is wrong, naming what was typed.
    pub message: String,
    /// Where in the statement, lines and columns counted from 1, the end after the last character; None if that is
    /// not known.
    pub span: Option<Span>,
    /// The literal or the name as it was typed, without quotes, if `span` is only the place of something near it.
    pub typed: Option<String>,
    /// The next step.
    pub hint: Option<String>,
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

impl Error {
    /// Returns an error with nothing but a message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Statement,
            message: message.into(),
            span: None,
            typed: None,
            hint: None,
        }
    }

    /// Returns an error about types.
    pub(crate) fn of_types(message: impl Into<String>) -> Self {
        Self::new(message).kind(ErrorKind::Type)
    }

    /// Says what kind of error it is.
    pub fn kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Adds the place, if it is known.
    pub fn at(self, span: impl Into<Option<Span>>) -> Self {
        let known = span.into().filter(|span| *span != Span::empty());
        Self {
            span: known.or(self.span),
            ..self
        }
    }

    /// Adds what a plan knows of the place.
    pub(crate) fn near(self, place: Place) -> Self {
        Self {
            span: place.near,
            typed: place.typed,
            ..self
        }
    }

    /// Adds the place of one character.
    pub fn at_location(self, location: Location) -> Self {
        self.at(Span::new(location, location))
    }

    /// Adds the next step.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Adds the next step, if there is one.
    pub fn with_hint(self, hint: Option<String>) -> Self {
        Self {
            hint: hint.or(self.hint),
            ..self
        }
    }
}

/// What a plan knows of a place: plans keep the places of columns, but not of literals.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The literal or the name as it was typed, without quotes.
    pub(crate) typed: Option<String>,
    /// The place of a column nearby, or of the column itself where nothing was `typed`.
    pub(crate) near: Option<Span>,
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
pub(crate) fn first_column(expr: &Expr) -> Option<Span> {
    let mut found = None;
    // It never fails.
    let _ = expr.apply(|part| {
        if let Expr::Column(column) | Expr::OuterReferenceColumn(_, column) = part
            && let Some(span) = column.spans.first()
        {
            found = Some(parser_span(span));
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

/// Returns the engine's `span` as one of the parser.
pub(crate) fn parser_span(span: datafusion::common::Span) -> Span {
    let at = |place: datafusion::common::Location| Location::new(place.line, place.column);
    Span::new(at(span.start), at(span.end))
}

/// Returns the hint at the name that is near, or `otherwise` without one.
pub(crate) fn meant(near: Option<impl Display>, otherwise: impl Into<String>) -> String {
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => otherwise.into(),
    }
}

/// Returns the name that `typed` most likely stands for, if one is close.
pub(crate) fn nearest<'n>(
    typed: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let typed = typed.to_lowercase();
    let length = typed.chars().count();
    names
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&typed, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, name)| {
            let of_name = name.chars().count();
            // One letter for another is no slip.
            *distance <= of_name.max(3) / 3 && *distance < of_name.min(length).max(1)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_a_likely_one_or_none() {
        let names = ["display_name", "description", "owner"];
        assert_eq!(nearest("dislay_name", names), Some("display_name"));
        assert_eq!(nearest("OWNRE", names), Some("owner"));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest("s", ["x", "s1", "S"]), Some("S"));
        assert_eq!(nearest("s", ["x"]), None);
    }
}
