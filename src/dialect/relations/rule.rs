//! What a rule over relations is: a function over a whole statement, which it changes or refuses.

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::ObjectName;

use crate::dialect::Dialect;
use crate::dialect::error::Error;

/// A rule over the relations of a statement. What it reads is standard SQL, so it belongs to all dialects. It changes the
/// statement, or refuses it with the place and with what to write instead.
pub(super) type RelationRule = fn(&mut EngineStatement, &Tables<'_>) -> Result<(), Error>;

/// What rules know about the tables that a statement reads, by their names as typed.
pub(crate) struct Tables<'t> {
    /// How many tables a table or view of the session stands for.
    pub(crate) size: &'t dyn Fn(&ObjectName) -> u64,
    /// The columns of a table; None if they are not known.
    pub(crate) columns: &'t dyn Fn(&ObjectName) -> Option<Vec<String>>,
    /// The dialect of the statement.
    pub(crate) dialect: Dialect,
    /// The catalog and the schema of a table whose name says neither.
    pub(crate) home: [&'t str; 2],
    /// Whether a column, by its name, has fields.
    pub(crate) is_nested: &'t dyn Fn(&str) -> bool,
    /// Whether a function, by its name in lower case, is an aggregate.
    pub(crate) is_aggregate: &'t dyn Fn(&str) -> bool,
}
