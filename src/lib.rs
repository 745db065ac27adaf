//! SQL for Confluent Cloud's API keys.
//!
//! iamql presents the IAM v2 api-keys resource as the virtual table `confluent.iam.api_keys`. A statement flows
//! through the rooms from left to right, and no room knows those on its left:
//!
//! ```text
//! cli, shell, mcp -> terminal -> session -> table -> api, resource -> Confluent Cloud, or the sandbox
//!                                        -> sql -> dialect, resource
//!                                        -> render
//! cli, terminal   -> sandbox
//! ```
//!
//! - [`api`]: the client of the service's five operations;
//! - [`table`]: the tables and views; turns predicates into requests, and answers into rows;
//! - [`resource`]: what the service offers, as values;
//! - [`dialect`]: turns the SQL that people write into SQL that the engine accepts;
//! - [`sql`]: statements as plain values;
//! - [`session`]: runs and describes statements;
//! - [`render`]: rows as text;
//! - [`sandbox`]: the simulated service;
//! - `terminal`: opening a session, stdout and stderr, for every edge;
//! - `cli`, `shell`, `mcp`: the command line, the interactive shell, the server for AI assistants;
//! - [`error`], `invisible`, `json_scan`, `mask`, `pattern`, `private_file`, [`secret`]: what all of them share.

pub mod api;
mod cli;
pub mod dialect;
pub mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod invisible;
mod json_scan;
mod mask;
mod mcp;
mod pattern;
mod private_file;
pub mod render;
pub mod resource;
pub mod sandbox;
pub mod secret;
pub mod session;
mod shell;
pub mod sql;
pub mod table;
mod terminal;

pub use cli::run;

/// What the tests of this repository reach besides the public items.
#[doc(hidden)]
pub mod testing {
    pub use crate::cli::args::{Args, command};
    pub use crate::mcp::{Bounds, Server, serve};
    pub use crate::shell::commands;
    pub use crate::terminal::open::File as ConfigFile;
}
