//! What a listing can be filtered by: query parameters, and the values that the service takes for them.
//!
//! It depends on collections only for a parameter whose values are the ids of one. It never decides whether a filter is
//! sent: that is for the pushdown of the table.

use super::collection::Resource;

/// A query parameter that a listing can be filtered by.
#[derive(Debug)]
pub struct Filter {
    /// Path of the column that it is compared with.
    pub column: &'static str,
    /// Paths of other columns that have the same value.
    pub also: &'static [&'static str],
    /// Name of the parameter.
    pub parameter: &'static str,
    /// Which values may be sent: those that the service is known to match. An empty value never is, since it means "no
    /// filter".
    pub is_sendable: fn(&str) -> bool,
    /// How the service writes a value that it takes in another spelling; None for any other value. Comparing with such a
    /// value finds nothing.
    pub written: fn(&str) -> Option<&'static str>,
    /// True if the service answers with equal values and no others. If it answers with more, as for "contains", the
    /// answer must not be taken for complete before its end.
    pub is_exact: bool,
    /// True if one request may carry several values, of which an object has any.
    pub is_repeatable: bool,
    /// What is sent if a query names no value, because the service wants one; None if it does not.
    pub required: Option<Required>,
}

/// A parameter that the service does not answer without.
#[derive(Debug)]
pub struct Required {
    /// The values of all objects there are: a query that names none makes one listing for each.
    pub values: Values,
    /// True if a GET by id needs it, too.
    pub for_get: bool,
}

/// Where values come from.
#[derive(Debug)]
pub enum Values {
    /// These.
    Fixed(&'static [&'static str]),
    /// The ids of another resource, each behind `prefix`.
    Ids {
        /// The resource, which is listed first.
        of: &'static Resource,
        /// What stands before each id.
        prefix: &'static str,
        /// True if there is one in any case, so that an empty listing is a wrong one.
        is_never_empty: bool,
    },
}

impl Filter {
    /// A filter that the service matches exactly, whatever the value.
    pub const fn exact(column: &'static str, parameter: &'static str) -> Self {
        Self {
            column,
            also: &[],
            parameter,
            is_sendable: |_| true,
            written: |_| None,
            is_exact: true,
            is_repeatable: false,
            required: None,
        }
    }
}
