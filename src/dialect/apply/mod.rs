//! Apply: subqueries and lateral joins, computed once for each distinct outer value.
//!
//! The engine turns correlated subqueries into joins. It refuses many shapes, and for some it returns wrong rows. This
//! module takes every subquery that is not on a short allow-list away from the engine and computes it as SQL defines it:
//! bind the outer values, run the subquery, reduce its rows to the answer.
//!
//! ```text
//! SELECT x FROM o WHERE EXISTS (SELECT count(*) FROM e WHERE e.y = o.x % 3)
//!
//! Projection: x                          drops the column that Apply added
//!   Filter: __exists_1
//!     Apply: EXISTS, for each o.x % 3    adds the column __exists_1
//!       TableScan: o
//!       ┄ Limit: 1                       the subquery, in which a parameter
//!         ┄ Filter: e.y = $1             stands for the outer expression
//!           ┄ Once                       what no parameter reaches is read once
//!             ┄ TableScan: e
//! ```
//!
//! - `rule`: the analyzer rule that takes subqueries out of expressions and lateral joins out of FROM. It is the last one,
//!   because types are settled then, and the optimizer, which would refuse some of these plans, has not seen them yet;
//! - `outer_types`: gives references to outer columns their types before all other rules, and checks them after all
//!   others;
//! - `guard`, `shape`: for which rows an answer is needed, and the plans around an Apply, reshaped for it;
//! - `allow`: the shapes that are left to the engine's own joins, because those push predicates down;
//! - `bind`: replaces outer columns by parameters. It takes the largest subexpressions over outer columns that cannot
//!   fail, so that `e.y = o.x % 250` has 250 distinct values whatever the number of rows;
//! - `node`: the logical nodes. The subquery is inside the node and not an input, so that the engine's rules do not move
//!   anything in or out of it;
//! - `plan`: logical nodes to physical ones. The subquery is optimized and planned once per statement;
//! - `known`: outer values that a condition of the outer query fixes, which become literals in the subquery;
//! - `once`: the parts of a subquery that no parameter reaches, which are read once per statement and kept;
//! - `exec`: the physical node. For each distinct value it sets the parameters, resets the physical plan and runs it;
//! - `answer`: the rows of one run, reduced with three-valued logic.
//!
//! A parameter is an uncorrelated scalar subquery of one row to the engine. That is the one kind of expression whose value
//! the engine itself settles only while a plan runs, so every rule of the optimizer already knows what it may do with it.
//!
//! What follows from evaluating once per distinct value:
//! - NULL is a value like any other;
//! - a volatile function in an uncorrelated subquery is evaluated once per statement, in a correlated one once per
//!   distinct outer value;
//! - a subquery in a branch of CASE, after AND, OR or in `coalesce` is evaluated only for rows whose answer depends on it,
//!   as a guard of the node says.
//!
//! It depends on the engine and on the errors of `plan`: it knows no resource and sends no request.

mod allow;
mod answer;
mod bind;
mod exec;
mod guard;
mod known;
mod node;
mod once;
mod outer_types;
mod plan;
mod rule;
mod shape;

use std::sync::Arc;

use datafusion::execution::context::QueryPlanner;
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::ExtensionPlanner;

/// Returns the rule that checks the types of outer columns and the one that takes subqueries away from the engine, for the
/// end of the list of analyzer rules.
pub(crate) fn rules() -> [Arc<dyn AnalyzerRule + Send + Sync>; 2] {
    [
        Arc::new(outer_types::OuterTypes::Checked),
        Arc::new(rule::ApplySubqueries),
    ]
}

/// Returns the rule that settles the types of outer columns, for the beginning of the list.
pub(crate) fn first_rule() -> Arc<dyn AnalyzerRule + Send + Sync> {
    Arc::new(outer_types::OuterTypes::Settled)
}

/// Returns true if the input of `plan` at `position` runs more than once, and None if as often as `plan` itself.
pub(crate) fn runs_again(plan: &Arc<dyn ExecutionPlan>, position: usize) -> Option<bool> {
    exec::runs_again(plan, position).or_else(|| once::runs_again(plan))
}

/// Returns true for the node that keeps its rows for a subquery that is run several times.
pub(crate) fn keeps_rows(plan: &Arc<dyn ExecutionPlan>) -> bool {
    once::is_once(plan)
}

/// Planners of nodes that are not made here.
pub(crate) type Planners = Vec<Arc<dyn ExtensionPlanner + Send + Sync>>;

/// Returns the planner that knows the nodes that the rule makes, and those that `others` know.
pub(crate) fn planner(others: Planners) -> Arc<dyn QueryPlanner + Send + Sync> {
    Arc::new(plan::ApplyQueryPlanner { others })
}
