//! Rules over plans: what the engine would read or compare in another way than SQL does.

pub(crate) mod distinct;
mod filter_pushdown;
pub(crate) mod frames;
pub(crate) mod limits;
pub(crate) mod multisets;
pub(crate) mod order;
pub(crate) mod recursion;
mod time_literals;
pub(crate) mod windows;

pub(crate) use filter_pushdown::by_position;
pub(crate) use time_literals::{ReadMoments, with_seconds};
