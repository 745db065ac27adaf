//! The rules over syntax trees, one value each, in the order in which they run.
//!
//! The documentation of each rule shows a statement before and after it, and what it leaves alone and why; a
//! test runs every rule alone over its own documentation. [`super::rewrite`] walks the tree and calls them. A rule knows
//! one part of a tree and a [`rule::Context`], and nothing else.

mod bare_columns;
mod clauses;
mod conditions;
mod duplicate_names;
mod long_numbers;
mod names;
mod objects;
mod parameters;
mod paths;
mod powers;
pub(super) mod regex;
pub(super) mod rule;
mod select_list;
mod series;
mod sqlite;
mod subqueries;
mod synonyms;
pub(super) mod times;

use rule::{
    Answer, Hook, Refusal, SecondReading, SyntaxRule, Writer, second_readings, syntax_rules,
};

use sqlparser::ast::Statement;

use super::functions;
use super::setting::Dialects;

/// What the functions of this program need of a statement, above all of `json_each` over a column.
///
/// ```sql
/// SELECT 1 FROM a, json_each(a.x) WHERE b REGEXP '^x'
/// -- becomes
/// SELECT 1 FROM (a CROSS JOIN json_each(a.x)) WHERE b ~ '^x'
/// ```
///
/// See [`functions::rewrite`].
fn functions(statement: &mut Statement) {
    functions::rewrite(statement);
}

/// The rules that every statement goes through. Those of one hook run in this order; see [`Hook`] for the order of hooks.
pub(super) const SYNTAX_RULES: &[SyntaxRule] = syntax_rules! {
    BOTH [DuckDb] clauses::show_tables: Statement;
    BOTH [Psql] clauses::set_time_zone: Statement;
    BOTH [Psql, DuckDb, Stackql] clauses::set_dialect: Statement;
    BOTH [Psql, DuckDb] clauses::not_temporary: Statement;
    BOTH [Psql, DuckDb] times::times_of_columns: Statement;
    STACKQL [Stackql] parameters::ignored_parameter: EarlyExpr;
    STACKQL [Stackql] parameters::parameter_to_path: EarlyExpr;
    BOTH [DuckDb] parameters::numbered_placeholder: EarlyExpr;
    STACKQL [Stackql] sqlite::operators_of_stackql: EarlyExpr or sqlite::operator_refused: Expr;
    STACKQL [Stackql] sqlite::sets_from_left: Query;
    STACKQL [Stackql] sqlite::comma_in_limit: Query or sqlite::comma_refused: Query;
    DEFAULT [Psql, DuckDb] long_numbers::long_numbers: EarlyExpr;
    DEFAULT [Psql, DuckDb] powers::powers: Statement;
    BOTH [Psql, DuckDb] clauses::table_to_select: Query;
    BOTH [Psql, DuckDb] clauses::fetch_to_limit: Query;
    BOTH [DuckDb] clauses::from_alone: Query;
    BOTH [Psql, DuckDb] clauses::order_by_ordinals: Query;
    BOTH [Psql, DuckDb] clauses::name_ordered_items: Query;
    BOTH [Psql, DuckDb, Stackql] clauses::name_sides: Query;
    BOTH [Psql] series::name_series: Query;
    BOTH [Psql, DuckDb] clauses::rows_in_groups: Select;
    BOTH [Psql, DuckDb] clauses::positions_in_grouping_sets: Select;
    BOTH [Psql, DuckDb] clauses::numbers_in_groups: Select;
    BOTH [Psql, DuckDb] clauses::join_before_lateral: Select;
    BOTH [DuckDb] select_list::spread_objects: Select;
    BOTH [Psql, DuckDb, Stackql] select_list::name_items: Select;
    BOTH [Psql, DuckDb, Stackql] select_list::disambiguate_casts: Query;
    BOTH [Psql, DuckDb] subqueries::rows_in_where: Select;
    BOTH [DuckDb] paths::path_to_subscripts: Expr;
    BOTH [Psql, DuckDb] paths::quote_fields: Expr;
    BOTH [Psql] times::time_patterns: Expr;
    BOTH [DuckDb] synonyms::integer_division: Expr;
    BOTH [Psql, DuckDb] synonyms::function_names: Expr;
    BOTH [Psql, DuckDb] times::times_in_microseconds: Expr;
    DEFAULT [Psql] synonyms::base64_with_padding: Expr;
    DEFAULT [Psql] synonyms::length_of_array: Expr;
    BOTH [DuckDb] synonyms::part_of_date: Expr;
    BOTH [DuckDb] synonyms::value_of_extreme: Expr;
    BOTH [Psql] conditions::path_by_arrows: Expr;
    BOTH [DuckDb, Stackql] objects::object_in_cast: Expr;
    STACKQL [Stackql] objects::object_to_text: Expr;
    STACKQL [Stackql] sqlite::like_ignores_case: Expr;
    STACKQL [Stackql] sqlite::functions_of_stackql: Expr or sqlite::function_refused: Expr;
    STACKQL [Stackql] sqlite::paths_behind_arrows: Expr or sqlite::path_refused: Expr;
    STACKQL [Stackql] sqlite::casts_of_stackql: Expr or sqlite::cast_refused: Expr;
    STACKQL [Stackql] sqlite::typed_null: Expr or sqlite::null_refused: Expr;
    STACKQL [Stackql] sqlite::truth_of_numbers: Expr or sqlite::truth_refused: Expr;
    STACKQL [Stackql] sqlite::number_as_condition: Select or sqlite::condition_refused: Query;
    BOTH [Psql, DuckDb] conditions::escape_by_backslash: Expr;
    DEFAULT [Psql] regex::word_boundaries: Expr;
    BOTH [Psql, DuckDb] conditions::similar_to_regex: Expr;
    BOTH [Psql, DuckDb] conditions::rows_by_columns: Expr;
    BOTH [Psql, DuckDb] subqueries::row_in_subquery: Expr;
    BOTH [Psql, DuckDb] subqueries::list_of_rows: Expr;
    BOTH [Psql, DuckDb] subqueries::select_from_values: Expr;
    BOTH [Psql] conditions::like_each: Expr;
    BOTH [Psql, DuckDb] conditions::any_element: Expr;
    BOTH [Psql] conditions::array_in_text: Expr;
    BOTH [Psql] conditions::clock_in_interval: Expr;
    BOTH [Psql] conditions::minus_interval: Expr;
    BOTH [DuckDb, Stackql] self::functions: Finish;
    STACKQL [Stackql] sqlite::numbers_of_sqlite: Finish or sqlite::sum_refused: Expr;
    BOTH [Psql, DuckDb] conditions::array_by_call: Finish;
};

/// The readings that are tried, in this order, after the engine has refused a statement.
pub(super) const SECOND_READINGS: &[SecondReading] = second_readings! {
    STACKQL [Stackql] names::name_to_item: UnknownColumn
        or "WHERE does not see the names of the select list: repeat the expression, or select from a subquery";
    STACKQL [Stackql] names::name_to_text: UnknownColumn
        or "text goes in single quotes: '{name}'";
    BOTH [Psql, DuckDb, Stackql] select_list::name_every_item: SameName;
    BOTH [Psql, DuckDb] duplicate_names::disambiguate_duplicates: DuplicateNames;
    STACKQL [Stackql] bare_columns::bare_columns: BareColumn
        or "add it to GROUP BY, or take one of its values with min or max";
};

#[cfg(test)]
pub(super) mod tests;
