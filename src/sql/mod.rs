//! Statements: text in, plain values out.
//!
//! This room turns a script into statements, and a statement into what the session carries out: a query for the
//! engine, or an operation of ours. It knows the columns of the table and nothing of clients, connections or output.
//! It never sends a request.
//!
//! - [`dialect`], [`split`], [`parse`]: text to syntax trees;
//! - [`operation`]: who carries a statement out;
//! - [`rewrite`], `any_row`, `clauses`, `conditions`, `objects`, `select_list`, `spelling`, `subqueries`, `synonyms`,
//!   `times`, [`names`]: what people write, made plannable, and named in the result as they wrote it; `dropped`: what
//!   cannot be;
//! - [`mod@write`], [`spec`]: INSERT, UPDATE and DELETE on `api_keys`, and the bodies that they send;
//! - [`stackql`], [`methods`]: what only StackQL has, SHOW METHODS and EXEC among it;
//! - [`error`]: what is wrong, where, and the next step.

mod any_row;
mod chain;
mod clauses;
mod conditions;
pub mod dialect;
mod dropped;
pub mod error;
pub mod methods;
pub mod names;
mod objects;
pub mod operation;
pub mod parse;
pub mod rewrite;
mod select_list;
pub mod spec;
mod spelling;
pub mod split;
pub mod stackql;
mod subqueries;
mod synonyms;
mod times;
pub mod write;
