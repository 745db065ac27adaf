//! Classes of types, within which values can be compared.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, ExprSchemable};

/// What a type is to the person who compares its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// NULL, which is of every class.
    Null,
    Text,
    Number,
    Boolean,
    Date,
    Time,
    Timestamp,
    Interval,
    List,
    /// Objects and bytes, which are left to the engine, as lists are.
    Other,
}

impl Class {
    pub(super) fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(..) => Self::Timestamp,
            DataType::Interval(_) | DataType::Duration(_) => Self::Interval,
            DataType::List(_) | DataType::LargeList(_) => Self::List,
            DataType::Dictionary(_, values) => Self::of(values),
            text if text.is_string() => Self::Text,
            number if number.is_numeric() => Self::Number,
            _ => Self::Other,
        }
    }

    pub(super) fn is_temporal(self) -> bool {
        matches!(
            self,
            Self::Date | Self::Time | Self::Timestamp | Self::Interval
        )
    }

    /// Returns true for what is left to the engine.
    pub(super) fn is_nested(self) -> bool {
        matches!(self, Self::List | Self::Other)
    }

    /// Returns what a value of it is.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Text => "text",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Date => "a date",
            Self::Time => "a time of day",
            Self::Timestamp => "a timestamp",
            Self::Interval => "an interval",
            Self::List => "a list",
            Self::Other => "a nested value",
        }
    }

    /// Returns the type that CAST makes a value of it by.
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Number => "DOUBLE",
            Self::Boolean => "BOOLEAN",
            Self::Date => "DATE",
            Self::Time => "TIME",
            Self::Timestamp => "TIMESTAMPTZ",
            Self::Interval => "INTERVAL",
            Self::Null | Self::Text | Self::List | Self::Other => "TEXT",
        }
    }
}

/// Returns the class of `expr`; [`Class::Other`] if it has no type, which is the engine's to complain about.
pub(super) fn class_of(expr: &Expr, schema: &DFSchema) -> Class {
    let data_type = expr.get_type(schema);
    data_type.map_or(Class::Other, |data_type| Class::of(&data_type))
}
