//! Rules over logical plans: what the engine would read, compare, compute or decorrelate in another way than SQL does.

mod class;
mod error;
mod in_lists;
mod intervals;
mod literal;
mod null_structs;
mod once;
mod overflow;
mod short_circuit;
mod sort_keys;
mod strict_types;
mod subqueries;
mod three_valued;
mod time_literals;

use std::sync::Arc;

use datafusion::optimizer::AnalyzerRule;

pub(crate) use error::Error;
pub(crate) use short_circuit::SplitFilters;
pub(crate) use subqueries::PrepareSubqueries;
pub(crate) use time_literals::with_seconds;

type Rule = Arc<dyn AnalyzerRule + Send + Sync>;

/// Returns the rules that run before the engine makes types fit.
pub(crate) fn before_types() -> Vec<Rule> {
    vec![
        Arc::new(time_literals::ReadMoments),
        Arc::new(strict_types::StrictTypes),
        Arc::new(intervals::CompareLengths),
        Arc::new(sort_keys::SortKeysOnce),
    ]
}

/// Returns the rules that run when types fit.
pub(crate) fn after_types() -> Vec<Rule> {
    vec![
        Arc::new(overflow::CheckIntegers),
        Arc::new(in_lists::KeepLists),
        Arc::new(null_structs::NullStructs),
        Arc::new(once::EvaluateOnce),
        Arc::new(short_circuit::ShortCircuit),
    ]
}
