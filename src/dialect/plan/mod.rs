//! Rules over logical plans: what the engine would read, compare or decorrelate in another way than SQL does.

mod subqueries;
mod three_valued;
mod time_literals;

pub(crate) use subqueries::PrepareSubqueries;
pub(crate) use time_literals::{ReadMoments, with_seconds};
