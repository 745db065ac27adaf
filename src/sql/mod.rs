//! Statements: text in, plain values out.
//!
//! This room splits a script into statements, and turns a statement into what the session runs: a query for the
//! engine, or an operation of this program. It knows the resources and their columns, and nothing about clients,
//! connections or output. It never sends a request.
//!
//! - [`split`]: scripts to statements;
//! - `operation`: who runs a statement;
//! - `write`, `spec`: INSERT, UPDATE and DELETE on a resource, and the bodies that they send;
//! - `stackql`: what only StackQL has, such as SHOW METHODS and EXEC.

pub(crate) mod operation;
pub(crate) mod spec;
pub mod split;
pub(crate) mod stackql;
pub(crate) mod write;
