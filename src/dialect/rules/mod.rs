//! Rules over the syntax tree, one family to a file. Pure: [`super::rewrite`] says when each of them runs.

pub(super) mod bare_columns;
pub(super) mod clauses;
pub(super) mod conditions;
pub(super) mod objects;
pub(super) mod select_list;
pub(super) mod spelling;
pub(super) mod subqueries;
pub(super) mod synonyms;
pub(super) mod times;
