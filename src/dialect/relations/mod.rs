//! Rules about the relations of a query: joins, named windows, recursion. SQL in, SQL out, or an error with its place.
//!
//! The documentation of each rule shows a statement before and after it, or what it refuses; a test runs every rule
//! alone over that. They are not among the [syntax rules](super::rules), which change a part of a tree and never fail:
//! these look at whole statements, know the columns of the tables that the statements read, and can refuse them.

mod expansion;
pub(crate) mod merged_columns;
mod named_windows;
mod order_keys;
mod qualifiers;
mod recursion;
mod rule;
mod shadowed_order_names;

use datafusion::sql::parser::Statement as EngineStatement;

use super::error::Error;
use rule::RelationRule;
pub(crate) use rule::Tables;

/// The rules, in the order in which they run: what is refused whatever it reads comes before what needs the tables.
const RELATION_RULES: [(&str, RelationRule); 7] = [
    ("recursion", recursion::recursion),
    ("expansion", expansion::expansion),
    ("qualifiers", qualifiers::qualifiers),
    ("order_keys", order_keys::order_keys),
    ("named_windows", named_windows::named_windows),
    ("merged_columns", merged_columns::merged_columns),
    (
        "shadowed_order_names",
        shadowed_order_names::shadowed_order_names,
    ),
];

/// Applies all rules to `statement`.
///
/// Fails as the first rule does that refuses it.
pub(crate) fn apply(statement: &mut EngineStatement, tables: &Tables<'_>) -> Result<(), Error> {
    let mut rules = RELATION_RULES.iter();
    rules.try_for_each(|(_, rule)| rule(statement, tables))
}

#[cfg(test)]
mod tests;
