//! Rules over plans: what the engine would read, compare or compute in another way than SQL does.

mod checked_casts;
mod class;
mod constants;
mod days;
mod dedup_sort_keys;
mod distinct;
mod error;
mod filter_pushdown;
mod forget_properties;
mod frames;
mod groups;
mod hoist_volatile;
mod in_lists;
mod intervals;
mod keep_order;
mod literal;
mod lossy_casts;
mod multisets;
mod names;
mod null_structs;
mod numbers;
mod objects;
mod opaque;
pub(crate) mod operator;
mod overflow;
mod parameters;
mod parts;
mod ranked_text;
mod recursion;
mod rule;
mod sequential;
mod short_circuit;
mod strict_types;
mod subquery_limits;
mod time_literals;
mod tree;
mod windows;
mod without_source;
mod zeros;

use std::sync::Arc;

use datafusion::optimizer::{AnalyzerRule, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;

pub(crate) use error::{Error, Place};
pub(crate) use filter_pushdown::RunsAgain;
pub(crate) use literal::with_seconds;
pub(crate) use opaque::gives_its_argument;
pub(crate) use parameters::with_numbers;
pub(crate) use rule::physical_rule;
pub(crate) use sequential::SequentialExec;
pub(crate) use short_circuit::{can_fail, in_order};
pub(crate) use strict_types::assigned;
pub(crate) use subquery_limits::limit_by_outer_values;
pub(crate) use tree::{map_named, only_input, retyped};
pub(crate) use without_source::without_sources;

use rule::PlanRule;

type Rule = Arc<dyn AnalyzerRule + Send + Sync>;
type LogicalRule = Arc<dyn OptimizerRule + Send + Sync>;
type PhysicalRule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rules that run before the engine makes types fit, in this order.
const BEFORE_TYPES: [PlanRule; 14] = [
    names::CHECK_NAMES,
    recursion::CHECK_RECURSION,
    without_source::COMPARE_WITHOUT_SOURCE,
    multisets::COUNT_COPIES,
    subquery_limits::LIMIT_BY_SUBQUERY,
    frames::CHECK_FRAMES,
    groups::CHECK_GROUPS,
    objects::CHECK_OBJECTS,
    time_literals::PARSE_TIME_LITERALS,
    days::DAYS_WITH_INTERVALS,
    days::COMPARE_DAYS,
    ranked_text::RANK_TEXT,
    strict_types::STRICT_TYPES,
    intervals::COMPARE_LENGTHS,
];

/// The rules that run when types fit, in this order.
const AFTER_TYPES: [PlanRule; 9] = [
    overflow::CHECK_INTEGERS,
    checked_casts::CHECK_CASTS,
    lossy_casts::KEEP_LOSSY_CASTS,
    parts::PARTS_OF_MICROSECONDS,
    zeros::ONE_ZERO,
    in_lists::KEEP_LISTS,
    null_structs::NULL_STRUCTS,
    hoist_volatile::HOIST_VOLATILE,
    short_circuit::SHORT_CIRCUIT,
];

/// Returns the rules that run before the engine makes types fit.
pub(crate) fn before_types() -> Vec<Rule> {
    BEFORE_TYPES.map(|rule| Arc::new(rule) as Rule).into()
}

/// Returns the rules that run when types fit.
pub(crate) fn after_types() -> Vec<Rule> {
    AFTER_TYPES.map(|rule| Arc::new(rule) as Rule).into()
}

/// Returns `rules`, the engine's and those about requests, with those over logical plans about what people mean.
pub(crate) fn logical(rules: Vec<LogicalRule>) -> Vec<LogicalRule> {
    let mut rules = filter_pushdown::in_place(rules);
    rules.push(Arc::new(dedup_sort_keys::DedupSortKeys));
    rules
}

/// Returns `rules`, the engine's and those about requests, with those about what people mean.
///
/// `runs_again` knows the nodes that are not of this module and run an input more than once.
pub(crate) fn physical(rules: Vec<PhysicalRule>, runs_again: RunsAgain) -> Vec<PhysicalRule> {
    let mut rules = keep_order::rules(short_circuit::whole_conditions(rules));
    // It takes a constant for a column with one value, also where that is NULL or there is no row.
    rules.retain(|rule| rule.name() != "aggregate_statistics");
    rules.push(Arc::new(recursion::BOUND_RECURSION));
    rules.push(Arc::new(windows::WHOLE_PARTITIONS));
    rules.push(Arc::new(distinct::READ_ALL_GROUPS));
    rules.push(Arc::new(subquery_limits::STOP_BEHIND_LIMIT));
    let mut rules = filter_pushdown::walled(rules, runs_again);
    rules.push(Arc::new(short_circuit::SPLIT_FILTERS));
    rules.push(Arc::new(constants::BOUND_CONSTANTS));
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_run_in_this_order() {
        let rules = BEFORE_TYPES.into_iter().chain(AFTER_TYPES);
        let rules: Vec<&str> = rules.map(|rule| rule.name).collect();
        insta::assert_snapshot!(rules.join("\n"), @r"
        check_names
        check_recursion
        compare_without_source
        count_copies
        limit_by_subquery
        check_frames
        check_groups
        check_objects
        parse_time_literals
        days_with_intervals
        compare_days
        rank_text
        strict_types
        compare_lengths
        check_integers
        check_casts
        keep_lossy_casts
        parts_of_microseconds
        one_zero
        keep_lists
        null_structs
        hoist_volatile
        short_circuit
        ");
    }
}
