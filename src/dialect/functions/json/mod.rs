//! JSON functions over text, structs, lists and timestamps alike.
//!
//! Turns the JSON functions of SQLite 3.38 and later into DataFusion functions. Anything that is not text is
//! converted to JSON first, see [`convert`]; access to the fields of a struct is left to the planner
//! ([`extract`]), so that it stays typed and can be pushed down. Never follows JSON deeper than 128 levels.

pub(crate) mod build;
pub(crate) mod convert;
pub(crate) mod each;
pub(crate) mod edit;
pub(crate) mod extract;
pub(crate) mod group;
pub(crate) mod node;
pub(crate) mod path;
