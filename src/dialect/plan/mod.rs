//! Rules over plans: what the engine would read, compare or compute in another way than SQL does.

mod claims;
mod class;
mod constants;
mod days;
mod distinct;
mod error;
mod filter_pushdown;
mod frames;
mod groups;
mod in_lists;
mod intervals;
mod limits;
mod literal;
mod lossy_casts;
mod multisets;
mod names;
mod null_structs;
mod once;
pub(crate) mod operator;
mod order;
mod overflow;
mod parameters;
mod parts;
mod ranked_text;
mod recursion;
mod rule;
mod sequential;
mod short_circuit;
mod shown;
mod sort_keys;
mod strict_types;
mod time_literals;
mod tree;
mod windows;
mod zeros;

use std::sync::Arc;

use datafusion::optimizer::{AnalyzerRule, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;

pub(crate) use error::{Error, Place};
pub(crate) use filter_pushdown::RunsAgain;
pub(crate) use literal::with_seconds;
pub(crate) use parameters::with_numbers;
pub(crate) use rule::physical_rule;
pub(crate) use sequential::SequentialExec;
pub(crate) use shown::without_sources;
pub(crate) use tree::only_input;

type Rule = Arc<dyn AnalyzerRule + Send + Sync>;
type LogicalRule = Arc<dyn OptimizerRule + Send + Sync>;
type PhysicalRule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// Returns the rules that run before the engine makes types fit.
pub(crate) fn before_types() -> Vec<Rule> {
    vec![
        Arc::new(names::CheckNames),
        Arc::new(shown::CompareShown),
        Arc::new(multisets::CountCopies),
        Arc::new(limits::LimitBySubquery),
        Arc::new(frames::CheckFrames),
        Arc::new(groups::CheckGroups),
        Arc::new(time_literals::ReadMoments),
        Arc::new(days::DaysWithIntervals),
        Arc::new(days::CompareDays),
        Arc::new(ranked_text::RankText),
        Arc::new(strict_types::StrictTypes),
        Arc::new(intervals::CompareLengths),
    ]
}

/// Returns the rules that run when types fit.
pub(crate) fn after_types() -> Vec<Rule> {
    vec![
        Arc::new(overflow::CheckIntegers),
        Arc::new(lossy_casts::KeepLossyCasts),
        Arc::new(parts::PartsOfMicroseconds),
        Arc::new(zeros::OneZero),
        Arc::new(in_lists::KeepLists),
        Arc::new(null_structs::NullStructs),
        Arc::new(once::EvaluateOnce),
        Arc::new(short_circuit::ShortCircuit),
    ]
}

/// Returns `rules`, the engine's and those about requests, with those over logical plans about what people mean.
pub(crate) fn logical(rules: Vec<LogicalRule>) -> Vec<LogicalRule> {
    let mut rules = filter_pushdown::in_place(rules);
    rules.push(Arc::new(sort_keys::SortKeysOnce));
    rules
}

/// Returns `rules`, the engine's and those about requests, with those about what people mean.
///
/// `runs_again` knows the nodes that are not of this module and run an input more than once.
pub(crate) fn physical(rules: Vec<PhysicalRule>, runs_again: RunsAgain) -> Vec<PhysicalRule> {
    let mut rules = order::rules(rules);
    rules.extend([
        physical_rule("bound_recursion", recursion::bound_recursion),
        physical_rule("whole_partitions", windows::whole_partitions),
        physical_rule("read_all_groups", distinct::read_all_groups),
        physical_rule("stop_behind_limit", limits::stop_behind_limit),
    ]);
    let mut rules = filter_pushdown::walled(rules, runs_again);
    rules.extend([
        physical_rule("split_filters", short_circuit::split_filters),
        physical_rule("bound_constants", constants::bound_constants),
    ]);
    rules
}
