//! What the service offers, as values.
//!
//! A resource is declared once, here. Everything else reads the declaration: requests, schemas, decoding, pushdown,
//! DESCRIBE, completion and the reference. This room depends on Arrow's types and on nothing else of this program.

pub mod columns;
