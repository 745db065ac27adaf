//! The rules over syntax trees, one value each, in the order in which they run.
//!
//! Each rule says in its documentation what a statement is before it and after it, and what it leaves alone and why; a
//! test runs every rule alone over its own documentation. [`super::rewrite`] walks the tree and calls them. A rule knows
//! one part of a tree and a [`rule::Context`], and nothing else.

mod bare_columns;
mod clauses;
mod conditions;
mod names;
mod objects;
mod parameters;
mod paths;
mod powers;
pub(super) mod regex;
pub(super) mod rule;
mod select_list;
mod sqlite;
mod subqueries;
mod synonyms;
pub(super) mod times;

use rule::Writer::{DuckDb, Stackql};
use rule::{Hook, Refusal, SecondReading, SyntaxRule};

use sqlparser::ast::Expr;

use super::ast::function_name;
use super::error::Error;
use super::functions;

/// What the functions of this program need of a statement, above all of `json_each` over a column.
///
/// ```sql
/// SELECT 1 FROM a, json_each(a.x) WHERE b REGEXP '^x'
/// -- becomes
/// SELECT 1 FROM (a CROSS JOIN json_each(a.x)) WHERE b ~ '^x'
/// ```
///
/// See [`functions::rewrite`].
const FUNCTIONS: SyntaxRule = SyntaxRule::both(
    "functions",
    &[DuckDb, Stackql],
    Hook::Finish(functions::rewrite),
);

/// Counts what is true as 1, and takes the number in a JSON text, as SQLite does.
///
/// ```sql
/// SELECT sum(a IS NULL), sum(json_extract(b, '$.n')) FROM t
/// -- becomes
/// SELECT sum((a IS NULL + 0)), sum((json_extract(b, '$.n') + 0)) FROM t
/// ```
///
/// See [`functions::numbers`].
const NUMBERS_OF_SQLITE: SyntaxRule =
    SyntaxRule::stackql_only("numbers_of_sqlite", Hook::Finish(functions::numbers))
        .or_refuse(Refusal::Expr(sum_refused));

fn sum_refused(expr: &Expr) -> Option<Error> {
    let Expr::Function(function) = expr else {
        return None;
    };
    functions::sums_truth(function).then(|| {
        let name = function_name(function);
        Error::new(format!("`{name}` takes numbers, and this is a condition"))
            .hint("count(*) FILTER (WHERE …) counts the rows where it is true")
    })
}

/// The rules that every statement goes through. Those of one hook run in this order; see [`Hook`] for the order of hooks.
pub(super) const SYNTAX_RULES: &[SyntaxRule] = &[
    clauses::SHOW_TABLES,
    clauses::SET_TIME_ZONE,
    clauses::SET_DIALECT,
    clauses::NOT_TEMPORARY,
    times::TIMES_OF_COLUMNS,
    parameters::IGNORED_PARAMETER,
    parameters::PARAMETER_TO_PATH,
    parameters::NUMBERED_PLACEHOLDER,
    sqlite::OPERATORS_OF_STACKQL,
    sqlite::COMMA_IN_LIMIT,
    powers::POWERS,
    clauses::TABLE_TO_SELECT,
    clauses::FETCH_TO_LIMIT,
    clauses::FROM_ALONE,
    clauses::ORDER_BY_ORDINALS,
    clauses::NAME_ORDERED_ITEMS,
    clauses::NAME_SIDES_ALIKE,
    clauses::POSITIONS_IN_GROUPING_SETS,
    select_list::SPREAD_OBJECTS,
    select_list::NAME_ITEMS,
    select_list::TELL_CASTS_APART,
    subqueries::ROWS_IN_WHERE,
    paths::PATH_TO_SUBSCRIPTS,
    paths::QUOTE_FIELDS,
    times::TIME_PATTERNS,
    synonyms::INTEGER_DIVISION,
    synonyms::PERCENTILE_DISC,
    synonyms::FUNCTION_NAMES,
    times::TIMES_IN_MICROSECONDS,
    synonyms::BASE64_WITH_PADDING,
    synonyms::LENGTH_OF_ARRAY,
    synonyms::PART_OF_DATE,
    synonyms::VALUE_OF_EXTREME,
    conditions::PATH_BY_ARROWS,
    objects::OBJECT_TO_TEXT,
    sqlite::LIKE_IGNORES_CASE,
    sqlite::FUNCTIONS_OF_STACKQL,
    sqlite::PATHS_BEHIND_ARROWS,
    sqlite::CASTS_OF_STACKQL,
    sqlite::TYPED_NULL,
    sqlite::TRUTH_OF_NUMBERS,
    sqlite::NUMBER_AS_CONDITION,
    conditions::ESCAPE_BY_BACKSLASH,
    regex::WORD_BOUNDARIES,
    conditions::SIMILAR_TO_REGEX,
    conditions::ROWS_BY_COLUMNS,
    subqueries::ROW_IN_SUBQUERY,
    conditions::LIKE_EACH,
    conditions::ANY_ELEMENT,
    conditions::ARRAY_IN_TEXT,
    conditions::CLOCK_IN_INTERVAL,
    conditions::MINUS_INTERVAL,
    FUNCTIONS,
    NUMBERS_OF_SQLITE,
    conditions::ARRAY_BY_CALL,
];

/// The readings that are tried, in this order, after the engine has refused a statement.
pub(super) const SECOND_READINGS: &[SecondReading] = &[
    names::NAME_TO_ITEM,
    names::NAME_ROWS,
    names::NAME_TO_TEXT,
    select_list::NAME_EVERY_ITEM,
    bare_columns::BARE_COLUMNS,
];

#[cfg(test)]
pub(super) mod tests;
