//! The SQL dialect: turns the SQL that people write into SQL that the engine accepts.
//!
//! This room turns text into syntax trees and syntax trees into ones that the engine plans, adds the functions that the
//! engine lacks, and corrects its logical plans where they would give another answer. It is told which columns are nested
//! by a `Shape`, depends on no other room, and never sends a request.
//!
//! - `piece`, `tokens`: the text of a statement, and its tokens;
//! - `parser`, `parse`, `limits`, `unsupported`, `calls`: text to syntax trees, and what is refused on the way;
//! - `rewrite`, `rules`: syntax trees into ones that the engine plans, see `ast`, `path` and `shape` for what they share;
//! - `postgres_conflicts`: what the default dialect refuses, because PostgreSQL would answer otherwise;
//! - `relations`: joins, windows and orders in the syntax tree, which need to know the tables or the functions;
//! - `plan`: rules over logical plans;
//! - `apply`: subqueries and lateral joins;
//! - `functions`: SQLite's functions, and paths into JSON;
//! - `output_names`: the columns of a result, named as they were written;
//! - `sql_types`: types by their SQL names;
//! - `messages`, `type_names`: the engine's messages and types in plain words;
//! - [`Dialect`]: which of the two a session speaks;
//! - [`error`]: what is wrong, where, and the next step.

pub(crate) mod apply;
pub(crate) mod ast;
pub(crate) mod calls;
pub(crate) mod error;
pub mod functions;
mod limits;
pub(crate) mod messages;
pub(crate) mod output_names;
pub(crate) mod parse;
pub(crate) mod parser;
mod path;
pub(crate) mod piece;
pub(crate) mod plan;
mod postgres_conflicts;
pub(crate) mod relations;
pub(crate) mod rewrite;
mod rules;
mod setting;
pub(crate) mod shape;
pub(crate) mod source_json;
mod sql_types;
pub(crate) mod tokens;
pub(crate) mod type_names;
pub(crate) mod unsupported;
pub(crate) mod walk;

pub use setting::Dialect;
pub(crate) use setting::OTHER_DIALECT;
