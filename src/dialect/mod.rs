//! What people write, and what the engine takes: the SQL dialect.
//!
//! This room turns text into syntax trees and syntax trees into ones that the engine plans, adds the functions that the
//! engine lacks, and corrects its logical plans where they would give another answer. It is told which columns are nested
//! by a [`shape::Shape`], depends on no other room, and never sends a request.
//!
//! - [`parser`], [`parse`], `limits`, `unsupported`: text to syntax trees, and what is refused on the way;
//! - `rewrite`, `rules`: syntax trees into ones that the engine plans, see `ast`, `path` and [`shape`] for what they share;
//! - `plan`: rules over logical plans;
//! - [`functions`]: SQLite's functions, and paths into JSON;
//! - `output_names`: the columns of a result, named as they were written;
//! - `messages`: the engine's messages in plain words;
//! - [`error`]: what is wrong, where, and the next step.

pub(crate) mod ast;
pub mod error;
pub mod functions;
mod limits;
pub(crate) mod messages;
pub(crate) mod output_names;
pub mod parse;
pub mod parser;
mod path;
pub(crate) mod plan;
pub(crate) mod rewrite;
mod rules;
pub mod shape;
pub(crate) mod unsupported;
