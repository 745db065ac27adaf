//! What can go wrong in a SQL function, in the words of the person who typed it.
//!
//! Turns a failed argument into an [`Error`] with a message and, kept apart, a [`hint`](Error::hint). Crosses
//! DataFusion as `DataFusionError::External`, so that the printer of errors gets the type back. Never prints.

use datafusion::error::DataFusionError;

use crate::dialect::error::nearest;

/// Bytes that one call may give for the rows of a batch.
pub(super) const MOST: u64 = 256 << 20;

/// Bytes that a call of constants may give. Its value is a part of the statement, and copied while that is planned.
pub(super) const MOST_OF_CONSTANTS: u64 = 16 << 20;

/// A call that cannot be planned or evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// A field that the struct does not have.
    #[error("no field `{field}` in {}", place(parent))]
    UnknownField {
        /// The field as typed.
        field: String,
        /// Where it was looked for, e.g. `spec.owner`.
        parent: String,
        /// The fields that exist there.
        known: Vec<String>,
        /// What takes it from the JSON instead, where there is JSON to take it from.
        json: Option<String>,
    },

    /// A step into something that has no parts, or not parts of this kind.
    #[error("cannot take `{step}` of {}, which is {is}", place(parent))]
    NoParts {
        /// The step as typed.
        step: String,
        /// Where it was taken.
        parent: String,
        /// What is there: "text", "a list" and so on.
        is: String,
    },

    /// A JSON path that does not parse.
    #[error("`{0}` is not a JSON path")]
    BadPath(String),

    /// Text that should have been JSON.
    #[error("malformed JSON in `{function}`: {detail}")]
    MalformedJson {
        /// The function that read it.
        function: &'static str,
        /// What the parser said, with line and column.
        detail: String,
    },

    /// A number of arguments that the function does not take.
    #[error("`{function}` takes {expected}, not {given}")]
    Arguments {
        /// The function called.
        function: &'static str,
        /// What it takes, e.g. "an odd number of arguments".
        expected: String,
        /// How many were given.
        given: usize,
    },

    /// An argument of the right number but the wrong kind.
    #[error("`{function}` expected {expected}, not `{given}`")]
    Argument {
        /// The function called.
        function: &'static str,
        /// What it expected.
        expected: &'static str,
        /// The value given, as text.
        given: String,
    },

    /// A flag that a function of regular expressions does not know.
    #[error("`{flag}` is not a flag of this function")]
    Flag {
        /// The flag.
        flag: char,
        /// The flags that it knows.
        known: String,
    },

    /// What is to be converted, and is not of the kind.
    #[error("`{given}` is not {expected}")]
    Unread {
        /// What it should be.
        expected: &'static str,
        /// The value given, as text.
        given: String,
    },

    /// Arguments for which a function of numbers has no value.
    #[error("`{function}` is not defined for {given}")]
    NoValue {
        /// The function called.
        function: &'static str,
        /// Its arguments, as text.
        given: String,
    },

    /// A use of a table function that cannot be planned.
    #[error("{what} cannot be planned")]
    Unplannable {
        /// What was typed, e.g. "`json_each` over a column of an outer query".
        what: String,
        /// What to type instead.
        instead: &'static str,
    },

    /// A result that would take too much memory.
    #[error("`{0}` would give more than {limit} MiB", limit = MOST >> 20)]
    TooLong(String),

    /// A result of constants that would take too much memory while the statement is planned.
    #[error("`{0}` of constants would give more than {limit} MiB", limit = MOST_OF_CONSTANTS >> 20)]
    TooLongConstant(String),

    /// A constant that would take too much memory in every row.
    #[error("a constant would take more than {limit} MiB, written out for every row", limit = MOST >> 20)]
    LongConstant,

    /// A result outside the range of its type.
    #[error("integer overflow in `{0}`")]
    Overflow(&'static str),

    /// An interval that has no room in its type.
    #[error("the interval is out of range")]
    IntervalOverflow,

    /// A decimal that has no room in its type.
    #[error("decimal overflow: the result has more than 38 digits")]
    DecimalOverflow,
}

impl Error {
    /// Returns the next step to try, where there is one.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownField {
                field, known, json, ..
            } => {
                let hint = match meant(field, known) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("it has {}", quoted(known)),
                };
                Some(match json {
                    Some(json) if hint.ends_with('?') => {
                        format!("{hint} `{json}` reads a member that is not a column")
                    }
                    Some(json) => format!("{hint}; `{json}` reads a member that is not a column"),
                    None => hint,
                })
            }
            Self::BadPath(_) => Some(
                "write it as `$.name`, `$[0]` or `$.\"a name\"`, one after the other".to_owned(),
            ),
            Self::MalformedJson { .. } => {
                Some("`json_valid(x)` tells which rows hold JSON".to_owned())
            }
            Self::NoParts { is, .. } if is == "a list" => Some(
                "take an element first: `-> 0` and `$[0]` are the first, and `unnest` gives all"
                    .to_owned(),
            ),
            Self::Flag { known, .. } => Some(format!("it takes any of `{known}`")),
            Self::NoValue { .. } => {
                Some("nullif and CASE can replace such arguments by NULL".to_owned())
            }
            Self::DecimalOverflow => Some(
                "CAST(… AS DOUBLE) goes further, and a smaller scale leaves room before the decimal point"
                    .to_owned(),
            ),
            Self::Unread { expected, .. } if expected.contains("NUMERIC") => Some(
                "write NUMERIC(p, s), as in NUMERIC(38, 20) for 20 places; round(x, 10) leaves digits out"
                    .to_owned(),
            ),
            Self::Unread { .. } => {
                Some("CASE WHEN can exclude the rows that hold no such value".to_owned())
            }
            Self::Unplannable { instead, .. } => Some((*instead).to_owned()),
            _ => None,
        }
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

/// Returns the known name that `typed` most likely stands for, or one that begins with it.
fn meant<'k>(typed: &str, known: &'k [String]) -> Option<&'k str> {
    let mut known = known.iter().map(String::as_str);
    nearest(typed, known.clone()).or_else(|| known.find(|name| name.starts_with(typed)))
}

/// Returns `parent` as it is named in messages. What is computed has no name of its own.
fn place(parent: &str) -> String {
    match parent.contains('(') {
        true => "the value before it".to_owned(),
        false => format!("`{parent}`"),
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(field: &str) -> Error {
        Error::UnknownField {
            field: field.to_owned(),
            parent: "spec".to_owned(),
            known: vec!["display_name".to_owned(), "owner".to_owned()],
            json: None,
        }
    }

    #[test]
    fn a_slip_of_the_finger_gets_the_name_that_was_meant() {
        let error = unknown("dislpay_name");
        assert_eq!(error.to_string(), "no field `dislpay_name` in `spec`");
        assert_eq!(
            error.hint().as_deref(),
            Some("did you mean `display_name`?")
        );
    }

    #[test]
    fn a_name_unlike_any_other_gets_the_whole_list() {
        assert_eq!(
            unknown("xyz").hint().as_deref(),
            Some("it has `display_name`, `owner`")
        );
    }
}
