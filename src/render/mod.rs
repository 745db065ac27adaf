//! Results to text.

mod escape;

pub use escape::escape_controls;
