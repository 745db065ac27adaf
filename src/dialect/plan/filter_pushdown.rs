//! Restricts the engine's filter pushdown where it would change an answer.
//!
//! Over logical plans it moves a predicate below a node if all its columns are of a kind that may pass. A predicate
//! without columns always passes then, which is wrong in two cases. Below an aggregate without groups it changes what
//! is aggregated, not whether there is a row: `SELECT count(*) FROM t HAVING (SELECT false)` returned one row. And a
//! volatile one, such as `random() < 0.5`, is evaluated for every row of the input instead of every row of the answer.
//! Both [stay](Staying), as do expressions that can fail above a filter or a join condition that guards them.
//!
//! Over physical plans the engine hands a predicate from a node to its input by the names of the columns. Where two columns
//! of the input share a name, as after a join of a table with itself, it takes the first of them, whichever was meant. A
//! [`Fence`] between the two nodes, which no predicate passes, is there while the engine's rule runs. Joins look at
//! positions and need none. What is volatile stays above what is not.
//!
//! The second of these rules passes on dynamic filters: bounds that a sort with a limit, a join or an aggregate learns
//! while it runs. What runs more than once, such as a subquery with outer values or the second term of a recursion, would
//! keep the bounds of the run before. There every node has a fence below it.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::simplify_expressions::simplify_predicates;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::physical_expr::{conjunction as physical, split_conjunction as predicates};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;

use super::keep_order::{Fence, take_fences_away};
use super::operator::{Plan, over_changed};
use super::rule::{SharedRule, configured_rule, physical_rule};
use super::short_circuit::{can_fail, in_steps};

type LogicalRule = Arc<dyn OptimizerRule + Send + Sync>;

/// Returns `rules`, in which the one that pushes filters down leaves those in their places that have to stay.
pub(crate) fn in_place(rules: Vec<LogicalRule>) -> Vec<LogicalRule> {
    let staying = |rule: LogicalRule| match rule.name() {
        "push_down_filter" => Arc::new(Staying(rule)) as LogicalRule,
        _ => rule,
    };
    rules.into_iter().map(staying).collect()
}

/// The engine's rule, which does not see the predicates that have to stay.
#[derive(Debug)]
struct Staying(LogicalRule);

impl OptimizerRule for Staying {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let plan = one_filter(plan)?;
        let LogicalPlan::Filter(filter) = &plan else {
            return self.0.rewrite(plan, config);
        };
        let predicates = split_conjunction(&filter.predicate).into_iter().cloned();
        let mut predicates: Vec<Expr> = predicates.collect();
        if matches!(filter.input.as_ref(), LogicalPlan::Aggregate(_)) {
            // The engine's rule does so, and hands on the `false` that `x = 1 AND x = 2` is.
            predicates = simplify_predicates(predicates)?;
        }
        let (stay, pass): (Vec<Expr>, Vec<Expr>) = predicates
            .into_iter()
            .partition(|predicate| has_to_stay(predicate, &filter.input));
        let Some(stay) = conjunction(stay) else {
            return self.0.rewrite(plan, config);
        };
        let Some(pass) = conjunction(pass) else {
            return Ok(Transformed::no(plan));
        };
        let passing = Filter::try_new(pass, Arc::clone(&filter.input))?;
        let passed = self.rewrite(LogicalPlan::Filter(passing), config)?;
        if !passed.transformed {
            return Ok(Transformed::no(plan));
        }
        let is_apart = can_fail(&stay, filter.input.schema());
        passed.map_data(|below| {
            Ok(LogicalPlan::Filter(match below {
                LogicalPlan::Filter(rest) if !is_apart => {
                    Filter::try_new(stay.and(rest.predicate), rest.input)?
                }
                below => Filter::try_new(stay, Arc::new(below))?,
            }))
        })
    }
}

/// Makes one filter of those on top of one another, unless the lower one guards the upper one. The engine's rule does so,
/// too, and goes on at once with what
/// is below them.
fn one_filter(plan: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Filter(upper) = &plan else {
        return Ok(plan);
    };
    let LogicalPlan::Filter(lower) = upper.input.as_ref() else {
        return Ok(plan);
    };
    if can_fail(&upper.predicate, lower.input.schema()) {
        return Ok(plan);
    }
    let both = lower.predicate.clone().and(upper.predicate.clone());
    one_filter(LogicalPlan::Filter(Filter::try_new(
        both,
        Arc::clone(&lower.input),
    )?))
}

/// Returns true if `predicate` asks something else below `input` than above it.
fn has_to_stay(predicate: &Expr, input: &LogicalPlan) -> bool {
    match input {
        LogicalPlan::Filter(lower) => can_fail(predicate, lower.input.schema()),
        LogicalPlan::Aggregate(_) => predicate.column_refs().is_empty() || predicate.is_volatile(),
        LogicalPlan::Join(join) if !join.on.is_empty() || join.filter.is_some() => {
            predicate.is_volatile() || can_fail(predicate, &join.schema)
        }
        LogicalPlan::Window(_) | LogicalPlan::Join(_) | LogicalPlan::Distinct(_) => {
            predicate.is_volatile()
        }
        _ => false,
    }
}

/// The position of the second term among the inputs of a recursion.
const RECURSIVE_TERM: usize = 1;

/// Tells whether the input of a node at a position runs more than once. None: as often as the node itself.
pub(crate) type RunsAgain = fn(&Plan, usize) -> Option<bool>;

/// Returns `rules`, in which those that push filters down run between fences.
pub(crate) fn fenced_in(rules: Vec<SharedRule>, runs_again: RunsAgain) -> Vec<SharedRule> {
    let fenced_in = |rule: SharedRule| match rule.name() {
        "FilterPushdown" => vec![
            physical_rule("in_their_order", in_their_order),
            physical_rule("volatile_apart", volatile_apart),
            fenced("FilterPushdown", rule, |_, _| None),
        ],
        "FilterPushdown(Post)" => vec![fenced("FilterPushdown(Post)", rule, runs_again)],
        _ => vec![rule],
    };
    rules.into_iter().flat_map(fenced_in).collect()
}

/// Makes one filter of those that stand on top of one another, what the lower one asks first. The engine's rule would put that
/// behind what the upper one asks.
fn in_their_order(plan: Plan) -> Result<Plan> {
    plan.transform_up(|plan| {
        let Some(upper) = plan.downcast_ref::<FilterExec>() else {
            return Ok(Transformed::no(plan));
        };
        let Some(lower) = upper.input().downcast_ref::<FilterExec>() else {
            return Ok(Transformed::no(plan));
        };
        if lower.projection().is_some() || lower.fetch().is_some() {
            return Ok(Transformed::no(plan));
        }
        let both = [lower.predicate(), upper.predicate()].map(Arc::clone);
        let both = FilterExecBuilder::new(physical(both), Arc::clone(lower.input()))
            .apply_projection_by_ref(upper.projection().as_ref())?
            .with_batch_size(upper.batch_size())
            .with_fetch(upper.fetch());
        Ok(Transformed::yes(Arc::new(both.build()?)))
    })
    .data()
}

/// Puts what is volatile in a filter into one of its own above the rest, which may pass.
fn volatile_apart(plan: Plan) -> Result<Plan> {
    plan.transform_up(|plan| {
        let Some(filter) = plan.downcast_ref::<FilterExec>() else {
            return Ok(Transformed::no(plan));
        };
        let members = predicates(filter.predicate()).into_iter().cloned();
        let (stay, pass): (Vec<_>, Vec<_>) = members.partition(is_volatile);
        if stay.is_empty() || pass.is_empty() {
            return Ok(Transformed::no(plan));
        }
        let steps = vec![physical(pass), physical(stay)];
        Ok(Transformed::yes(in_steps(filter, steps)?))
    })
    .data()
}

/// Returns `rule`, which is called `name`, running while there are fences where no predicate may pass.
fn fenced(name: &'static str, rule: SharedRule, runs_again: RunsAgain) -> SharedRule {
    configured_rule(name, move |plan, config| {
        let plan = rule.optimize(with_fences(&plan, runs_again, false)?, config)?;
        plan.transform_up(take_fences_away).data()
    })
}

/// Returns `plan` with its fences, which is a part that runs more than once if `is_again`.
fn with_fences(plan: &Plan, runs_again: RunsAgain, is_again: bool) -> Result<Plan> {
    over_changed(plan, |position, child| {
        let is_again = match plan.downcast_ref::<RecursiveQueryExec>() {
            Some(_) => is_again || position == RECURSIVE_TERM,
            None => runs_again(plan, position).unwrap_or(is_again),
        };
        let input = with_fences(&child, runs_again, is_again)?;
        Ok(match is_again || !is_safe(plan, &child) {
            true => Arc::new(Fence::new(input, None)),
            false => input,
        })
    })
}

/// Returns true if predicates pass from `plan` to `child` for what they are.
fn is_safe(plan: &Plan, child: &Plan) -> bool {
    if let Some(filter) = plan.downcast_ref::<FilterExec>()
        && is_volatile(filter.predicate())
    {
        return false;
    }
    let schema = child.schema();
    let mut names = HashSet::new();
    if schema
        .fields()
        .iter()
        .all(|field| names.insert(field.name()))
    {
        return true;
    }
    // A projection hands on predicates in which the positions are right, a filter its own one, and a join looks at those.
    // What is above the filter does not get past it: its columns have the names that those of the join have.
    let keeps_positions = plan.downcast_ref::<ProjectionExec>().is_some()
        || plan.downcast_ref::<FilterExec>().is_some();
    keeps_positions && child.downcast_ref::<HashJoinExec>().is_some()
}
