//! Rules over plans: what the engine would read or compare in another way than SQL does.

mod filter_pushdown;
mod time_literals;

pub(crate) use filter_pushdown::by_position;
pub(crate) use time_literals::{ReadMoments, with_seconds};
