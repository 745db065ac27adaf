//! Rules over plans: they correct what the engine would read, compare or compute differently from SQL.

mod checked_casts;
mod class;
mod constants;
mod dates;
mod dedup_sort_keys;
mod distinct;
mod extract;
mod filter_pushdown;
mod fine_times;
mod folders;
mod forget_properties;
mod frames;
mod grouping_sets;
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
mod opaque;
pub(crate) mod operator;
mod overflow;
mod parameters;
mod patterns;
mod ranked_text;
mod recursion;
mod rule;
mod sequential;
mod short_circuit;
mod strict_types;
mod struct_order;
mod subquery_limits;
mod time_functions;
mod time_literals;
mod tree;
mod union_columns;
mod window_keys;
mod windows;
mod without_source;
mod zeros;

use std::sync::Arc;

use datafusion::optimizer::{AnalyzerRule, OptimizerRule};

pub(crate) use filter_pushdown::RunsAgain;
pub(crate) use folders::HIVE_NULL;
pub(crate) use literal::{exact_digits, with_seconds};
pub(crate) use parameters::with_numbers;
pub(crate) use rule::{SharedRule, physical_rule};
pub(crate) use sequential::SequentialExec;
pub(crate) use short_circuit::{can_fail, in_order};
pub(crate) use strict_types::assigned;
pub(crate) use subquery_limits::limit_by_outer_values;
pub(crate) use tree::{map_columns, map_named, only_input, retyped};
pub(crate) use without_source::without_sources;

use rule::Change::{Check, Expr, Node, Plan, Type};
use rule::{Dialects, PlanRule, operator_rule};

type Rule = Arc<dyn AnalyzerRule + Send + Sync>;
type LogicalRule = Arc<dyn OptimizerRule + Send + Sync>;

/// The rules that run before the engine makes types fit, in this order.
const BEFORE_TYPES: [PlanRule; 18] = [
    PlanRule::both("check_names", Check(names::check)),
    PlanRule::both("name_union_columns", Node(union_columns::name_columns)),
    PlanRule::both("check_recursion", Check(recursion::check_recursion)),
    PlanRule::both("null_folders", Type(folders::null_folders)),
    PlanRule::both("fine_times", Type(fine_times::fine_times)),
    PlanRule::both("compare_without_source", Type(without_source::compared)),
    PlanRule::both("count_copies", Node(multisets::count_copies)),
    PlanRule::both(
        "limit_by_subquery",
        Node(subquery_limits::limit_by_subquery),
    ),
    PlanRule::both("check_frames", Check(frames::check)),
    PlanRule::both("check_groups", Check(grouping_sets::check)),
    PlanRule::both("check_objects", Check(struct_order::check)),
    PlanRule::both("parse_time_literals", Expr(time_literals::read)),
    PlanRule::of(
        "days_with_intervals",
        Dialects::DEFAULT,
        Type(dates::days_with_intervals),
    ),
    PlanRule::both("compare_days", Expr(dates::compare_days)),
    PlanRule::of(
        "check_times",
        Dialects::STACKQL,
        Check(ranked_text::check_times),
    ),
    PlanRule::of("rank_text", Dialects::STACKQL, Expr(ranked_text::rank_text)),
    PlanRule::of(
        "strict_types",
        Dialects::DEFAULT,
        Type(strict_types::checked),
    ),
    PlanRule::both("compare_lengths", Node(intervals::compare_lengths)),
];

/// The rules that run when types fit, in this order.
const AFTER_TYPES: [PlanRule; 13] = [
    PlanRule::both("check_arithmetic", Expr(overflow::check_arithmetic)),
    PlanRule::both("check_casts", Expr(checked_casts::check_casts)),
    PlanRule::both("keep_lossy_casts", Expr(lossy_casts::keep_lossy_casts)),
    PlanRule::both(
        "parts_of_microseconds",
        Expr(extract::parts_of_microseconds),
    ),
    PlanRule::both("times_by_function", Expr(time_functions::times_by_function)),
    PlanRule::both("check_patterns", Expr(patterns::check_patterns)),
    PlanRule::both("keep_backslashes", Expr(patterns::keep_backslashes)),
    PlanRule::both("one_zero", Node(zeros::one_zero)),
    PlanRule::both("keep_lists", Node(in_lists::keep_lists)),
    PlanRule::both("null_structs", Plan(null_structs::null_structs)),
    PlanRule::both(
        "compute_window_keys",
        Node(window_keys::compute_window_keys),
    ),
    PlanRule::both("hoist_volatile", Plan(hoist_volatile::hoist_volatile)),
    PlanRule::both("short_circuit", Node(short_circuit::short_circuit)),
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
    for rule in &mut rules {
        if rule.name() == "eliminate_duplicated_expr" {
            *rule = Arc::new(dedup_sort_keys::KeepSorts(Arc::clone(rule)));
        }
    }
    rules.push(Arc::new(dedup_sort_keys::DedupSortKeys));
    rules.push(Arc::new(folders::NoUnknownFolders));
    rules
}

/// Returns `rules`, the engine's and those about requests, with those about what people mean.
///
/// `runs_again` knows the nodes that are not of this module and run an input more than once.
pub(crate) fn physical(rules: Vec<SharedRule>, runs_again: RunsAgain) -> Vec<SharedRule> {
    let mut rules = keep_order::rules(short_circuit::whole_conditions(rules));
    // It takes a constant for a column with one value, also where that is NULL or there is no row.
    rules.retain(|rule| rule.name() != "aggregate_statistics");
    rules.push(operator_rule("bound_recursion", recursion::bound_recursion));
    rules.push(operator_rule("whole_partitions", windows::whole_partitions));
    rules.push(operator_rule("read_all_groups", distinct::read_all_groups));
    rules.push(operator_rule(
        "stop_behind_limit",
        subquery_limits::stop_behind_limit,
    ));
    let mut rules = filter_pushdown::fenced_in(rules, runs_again);
    rules.push(operator_rule("split_filters", short_circuit::split_filters));
    rules.push(operator_rule("bound_constants", constants::bound_constants));
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
        name_union_columns
        check_recursion
        null_folders
        fine_times
        compare_without_source
        count_copies
        limit_by_subquery
        check_frames
        check_groups
        check_objects
        parse_time_literals
        days_with_intervals
        compare_days
        check_times
        rank_text
        strict_types
        compare_lengths
        check_arithmetic
        check_casts
        keep_lossy_casts
        parts_of_microseconds
        times_by_function
        check_patterns
        keep_backslashes
        one_zero
        keep_lists
        null_structs
        compute_window_keys
        hoist_volatile
        short_circuit
        ");
    }
}
