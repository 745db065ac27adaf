//! Statements: text in, plain values out.
//!
//! This room turns a script into statements, and a statement into what the session carries out: a query for the
//! engine, or an operation of ours. It knows the columns of the table and nothing of clients, connections or output.
//! It never sends a request.
//!
//! - [`split`]: scripts to statements;
//! - [`operation`]: who carries a statement out;
//! - [`mod@write`], [`spec`]: INSERT, UPDATE and DELETE on a resource, and the bodies that they send;
//! - [`stackql`]: what only StackQL has, SHOW METHODS and EXEC among it.

pub mod operation;
pub mod spec;
pub mod split;
pub mod stackql;
pub mod write;
