//! What a rule over plans is: a name, the dialects it belongs to, and a function that changes or checks a plan.

use std::fmt;
use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_optimizer::PhysicalOptimizerRule;

use super::operator::Plan;
use super::tree::{rewrite_expressions, rewrite_types};
use crate::dialect::Dialect;

pub(super) use crate::dialect::setting::Dialects;

/// What a rule does with a logical plan, subqueries included.
#[derive(Debug)]
pub(super) enum Change {
    /// Changes the plan as a whole.
    Plan(fn(LogicalPlan) -> Result<LogicalPlan>),
    /// Changes each node, from the leaves up.
    Node(fn(LogicalPlan) -> Result<Transformed<LogicalPlan>>),
    /// Changes each node, from the leaves up, and perhaps the types of its columns: the nodes above it are given theirs anew.
    Type(fn(LogicalPlan) -> Result<Transformed<LogicalPlan>>),
    /// Changes each expression, given the columns that it is over. Columns of the plan keep their names.
    Expr(fn(Expr, &DFSchema) -> Result<Transformed<Expr>>),
    /// Changes nothing, and fails for a node that is refused.
    Check(fn(&LogicalPlan, Dialect) -> Result<()>),
}

/// A rule over logical plans, for the engine's analyzer.
#[derive(Debug)]
pub(super) struct PlanRule {
    /// Its name.
    pub(super) name: &'static str,
    /// Where it applies.
    pub(super) dialects: Dialects,
    /// What it does.
    pub(super) change: Change,
}

impl AnalyzerRule for PlanRule {
    fn analyze(&self, plan: LogicalPlan, options: &ConfigOptions) -> Result<LogicalPlan> {
        let dialect = Dialect::of(options);
        if !self.dialects.contains(dialect) {
            return Ok(plan);
        }
        match self.change {
            Change::Plan(change) => change(plan),
            Change::Node(change) => plan.transform_up_with_subqueries(change).data(),
            Change::Type(change) => rewrite_types(plan, change),
            Change::Expr(change) => rewrite_expressions(plan, change),
            Change::Check(check) => {
                plan.apply_with_subqueries(|plan| {
                    check(plan, dialect)?;
                    Ok(TreeNodeRecursion::Continue)
                })?;
                Ok(plan)
            }
        }
    }

    fn name(&self) -> &str {
        self.name
    }
}

impl PlanRule {
    /// Returns a rule of all dialects.
    pub(super) const fn both(name: &'static str, change: Change) -> Self {
        Self::of(name, Dialects::BOTH, change)
    }

    /// Returns a rule of `dialects`.
    pub(super) const fn of(name: &'static str, dialects: Dialects, change: Change) -> Self {
        Self {
            name,
            dialects,
            change,
        }
    }
}

/// A rule over physical plans, for the engine's optimizer.
pub(crate) type SharedRule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// Returns the rule called `name` that makes of an operator what `change` says, from the leaves up.
pub(super) fn operator_rule(
    name: &'static str,
    change: fn(Plan) -> Result<Transformed<Plan>>,
) -> SharedRule {
    configured_rule(name, move |plan, _| plan.transform_up(change).data())
}

/// Returns the rule called `name` that rewrites whole physical plans with `rewrite`.
pub(crate) fn physical_rule(name: &'static str, rewrite: fn(Plan) -> Result<Plan>) -> SharedRule {
    configured_rule(name, move |plan, _| rewrite(plan))
}

/// Returns the rule called `name` that rewrites whole physical plans with `rewrite`, which is given the settings too.
pub(super) fn configured_rule(
    name: &'static str,
    rewrite: impl Fn(Plan, &ConfigOptions) -> Result<Plan> + Send + Sync + 'static,
) -> SharedRule {
    Arc::new(PhysicalRule { name, rewrite })
}

struct PhysicalRule<F> {
    name: &'static str,
    rewrite: F,
}

impl<F> fmt::Debug for PhysicalRule<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl<F> PhysicalOptimizerRule for PhysicalRule<F>
where
    F: Fn(Plan, &ConfigOptions) -> Result<Plan> + Send + Sync + 'static,
{
    fn optimize(&self, plan: Plan, config: &ConfigOptions) -> Result<Plan> {
        (self.rewrite)(plan, config)
    }

    fn name(&self) -> &str {
        self.name
    }

    fn schema_check(&self) -> bool {
        true
    }
}
