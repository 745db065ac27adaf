//! What people write, and what the engine takes: the SQL dialect.
//!
//! This room turns text into syntax trees and syntax trees into ones that the engine plans, adds the functions that the
//! engine lacks, and corrects its logical plans where they would give another answer. It is told which columns are nested
//! and otherwise knows no resource, no client and no connection; it never sends a request.
//!
//! - [`parser`], [`parse`], `limits`, `unsupported`: text to syntax trees, and what is refused on the way;
//! - [`rewrite`], `rules`: syntax trees into ones that the engine plans;
//! - `plan`: rules over logical plans;
//! - `apply`: subqueries and lateral joins;
//! - [`functions`]: SQLite's functions, and paths into JSON;
//! - [`output_names`]: the columns of a result, named as they were written;
//! - `messages`: the engine's messages in plain words;
//! - [`error`]: what is wrong, where, and the next step.

pub(crate) mod apply;
pub mod error;
pub mod functions;
mod limits;
pub(crate) mod messages;
pub mod output_names;
pub mod parse;
pub mod parser;
pub(crate) mod plan;
pub mod rewrite;
mod rules;
pub(crate) mod unsupported;
