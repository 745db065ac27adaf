//! Macros for what our physical operators have in common in their `impl ExecutionPlan`, and nodes of logical plans in
//! theirs.
//!
//! The engine asks every operator for its inputs, for a copy over other inputs, and for its expressions, and has no
//! default implementations. These macros implement them for most of our operators. [`over_changed`] is the step that
//! rules over any operators take.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};

/// Any operator.
pub(crate) type Plan = Arc<dyn ExecutionPlan>;

/// For inputs of which something else is known than of those before.
pub(crate) const RECOMPUTE: ReplaceChildrenOptions =
    ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);

/// Returns `plan` over what `change` makes of its inputs, given by their positions. The same must be known of them.
pub(crate) fn over_changed(
    plan: &Plan,
    change: impl Fn(usize, Plan) -> Result<Plan>,
) -> Result<Plan> {
    let children = plan.children();
    let changed = children
        .iter()
        .enumerate()
        .map(|(position, child)| change(position, Arc::clone(child)))
        .collect::<Result<Vec<_>>>()?;
    let is_same = changed
        .iter()
        .zip(children)
        .all(|(changed, child)| Arc::ptr_eq(changed, child));
    if is_same {
        return Ok(Arc::clone(plan));
    }
    let keep = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
    Arc::clone(plan).replace_children(changed, keep)
}

/// What an operator is called, and what is known of its rows: in its field `properties`, or the same as of its input.
macro_rules! named {
    ($name:literal, properties) => {
        fn name(&self) -> &str {
            $name
        }

        fn properties(&self) -> &std::sync::Arc<datafusion::physical_plan::PlanProperties> {
            &self.properties
        }
    };
    ($name:literal) => {
        fn name(&self) -> &str {
            $name
        }

        fn properties(&self) -> &std::sync::Arc<datafusion::physical_plan::PlanProperties> {
            self.input.properties()
        }
    };
}

/// The inputs of an operator that has one, in its field `input`. Its own method `over` copies it over another one:
/// `fn over(&self, input: Plan) -> Plan`.
macro_rules! one_input {
    () => {
        fn children(&self) -> Vec<&$crate::dialect::plan::operator::Plan> {
            vec![&self.input]
        }

        fn replace_children(
            self: std::sync::Arc<Self>,
            children: Vec<$crate::dialect::plan::operator::Plan>,
            _: datafusion::physical_plan::execution_plan::ReplaceChildrenOptions,
        ) -> datafusion::error::Result<$crate::dialect::plan::operator::Plan> {
            Ok(self.over($crate::dialect::plan::only_input(children)?))
        }

        // Deprecated, and still required.
        fn with_new_children(
            self: std::sync::Arc<Self>,
            children: Vec<$crate::dialect::plan::operator::Plan>,
        ) -> datafusion::error::Result<$crate::dialect::plan::operator::Plan> {
            Ok(self.over($crate::dialect::plan::only_input(children)?))
        }
    };
}

/// The inputs of an operator that has none.
macro_rules! no_input {
    () => {
        fn children(&self) -> Vec<&$crate::dialect::plan::operator::Plan> {
            Vec::new()
        }

        fn replace_children(
            self: std::sync::Arc<Self>,
            _: Vec<$crate::dialect::plan::operator::Plan>,
            _: datafusion::physical_plan::execution_plan::ReplaceChildrenOptions,
        ) -> datafusion::error::Result<$crate::dialect::plan::operator::Plan> {
            Ok(self)
        }

        // Deprecated, and still required.
        fn with_new_children(
            self: std::sync::Arc<Self>,
            _: Vec<$crate::dialect::plan::operator::Plan>,
        ) -> datafusion::error::Result<$crate::dialect::plan::operator::Plan> {
            Ok(self)
        }
    };
}

/// The expressions of an operator that has none.
macro_rules! no_expressions {
    () => {
        fn apply_expressions(
            &self,
            _: &mut dyn FnMut(
                &std::sync::Arc<dyn datafusion::physical_plan::PhysicalExpr>,
            ) -> datafusion::error::Result<
                datafusion::common::tree_node::TreeNodeRecursion,
            >,
        ) -> datafusion::error::Result<datafusion::common::tree_node::TreeNodeRecursion> {
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
        }
    };
}

/// The statistics of an operator that cannot know how many rows it has.
macro_rules! unknown_statistics {
    () => {
        fn statistics_from_inputs(
            &self,
            _: &[std::sync::Arc<datafusion::common::Statistics>],
            _: &datafusion::physical_plan::StatisticsArgs,
        ) -> datafusion::error::Result<std::sync::Arc<datafusion::common::Statistics>> {
            let unknown = datafusion::common::Statistics::new_unknown(&self.schema());
            Ok(std::sync::Arc::new(unknown))
        }
    };
}

/// What a node of a logical plan is called, its inputs and its expressions, of which it has none. It has one input, in
/// its field `input`; or none, and then its schema is in its field `schema`.
macro_rules! logical_node {
    ($name:literal, no_input) => {
        fn name(&self) -> &str {
            $name
        }

        fn inputs(&self) -> Vec<&datafusion::logical_expr::LogicalPlan> {
            Vec::new()
        }

        fn schema(&self) -> &datafusion::common::DFSchemaRef {
            &self.schema
        }

        fn expressions(&self) -> Vec<datafusion::logical_expr::Expr> {
            Vec::new()
        }

        fn with_exprs_and_inputs(
            &self,
            _: Vec<datafusion::logical_expr::Expr>,
            _: Vec<datafusion::logical_expr::LogicalPlan>,
        ) -> datafusion::error::Result<Self> {
            Ok(self.clone())
        }
    };
    ($name:literal) => {
        fn name(&self) -> &str {
            $name
        }

        fn inputs(&self) -> Vec<&datafusion::logical_expr::LogicalPlan> {
            vec![&self.input]
        }

        fn expressions(&self) -> Vec<datafusion::logical_expr::Expr> {
            Vec::new()
        }
    };
}

pub(crate) use {logical_node, named, no_expressions, no_input, one_input, unknown_statistics};
