//! Hides the plan properties that the engine derives wrongly, such as those of a join or a ROLLUP.
//!
//! The engine leaves a sort out, and splits rows into groups and partitions, by what it knows of their order and of columns
//! that are the same in all of them. Some of what it concludes does not hold:
//!
//! - above an outer join, a column that is the same in all rows of the side that may be missing: it is NULL in the rows
//!   that have no partner;
//! - above ROLLUP, CUBE and GROUPING SETS, a key that is the same in all rows: it is NULL in some groups;
//! - above UNION ALL, a column that is the same in all rows of each member: a sort with a limit leaves it out of its keys,
//!   and compares the rows of one member with the bound that another member has set;
//! - above UNION ALL, the order of its members, if they are sorted by what they compute: the engine merges them by keys of
//!   which it then does not know that the rows are sorted by them;
//! - above a filter, that a column is the same in all rows because what is computed from it is: `ts::date = '2026-01-31'`, and
//!   `a / 2 = 1`;
//! - above a hash join, that rows are in the order of both sides: the order of the build side starts again with each
//!   row of the other.
//!
//! A [`ForgetPropertiesExec`] between the input and such a node, or above such a filter, hides what is known. It is
//! there only where something would be concluded, and stays in the plan, since operators ask their inputs again when
//! they run.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Statistics};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NotExpr,
};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterDescription, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PhysicalExpr,
    PlanProperties, StatisticsArgs,
};

use super::operator::{Plan, RECOMPUTE, named, no_expressions, one_input};

/// Keeps the engine from concluding what does not hold. It comes before the rule that leaves sorts out.
pub(super) fn forget_properties(plan: Plan) -> Result<Transformed<Plan>> {
    if let Some(filter) = plan.downcast_ref::<FilterExec>()
        && computes(filter.predicate())
    {
        return Ok(Transformed::yes(Arc::new(ForgetPropertiesExec::new(plan))));
    }
    let misleading = misleading(&plan);
    if !misleading.contains(&true) {
        return Ok(Transformed::no(plan));
    }
    let inputs = plan.children().into_iter().zip(misleading);
    let inputs = inputs.map(|(input, misleads)| match misleads {
        true => Arc::new(ForgetPropertiesExec::new(Arc::clone(input))),
        false => Arc::clone(input),
    });
    let inputs = inputs.collect();
    Ok(Transformed::yes(plan.replace_children(inputs, RECOMPUTE)?))
}

/// Returns true if `predicate` looks at more than columns as they are.
fn computes(predicate: &Arc<dyn PhysicalExpr>) -> bool {
    let looks = |part: &dyn PhysicalExpr| match part.downcast_ref::<BinaryExpr>() {
        Some(operation) => {
            let op = operation.op();
            op.supports_propagation() || matches!(op, Operator::And | Operator::Or)
        }
        None => {
            part.is::<Column>()
                || part.is::<Literal>()
                || part.is::<NotExpr>()
                || part.is::<IsNullExpr>()
                || part.is::<IsNotNullExpr>()
                || part.is::<InListExpr>()
                || part.is::<LikeExpr>()
        }
    };
    predicate
        .exists(|part| Ok(!looks(part.as_ref())))
        .unwrap_or(true)
}

/// Returns which inputs of `plan` it would conclude from wrongly.
fn misleading(plan: &Plan) -> Vec<bool> {
    let inputs = plan.children().into_iter().map(|input| {
        let known = input.equivalence_properties();
        let has_order = known.oeq_class().iter().next().is_some();
        let has_equal = known.eq_group().iter().next().is_some();
        (has_order, has_equal)
    });
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        let has_sets = aggregate.group_expr().groups().len() > 1;
        return inputs
            .map(|(has_order, has_equal)| has_sets && (has_order || has_equal))
            .collect();
    }
    if plan.is::<UnionExec>() {
        return inputs
            .map(|(has_order, has_equal)| has_order || has_equal)
            .collect();
    }
    let join_type = match (
        plan.downcast_ref::<HashJoinExec>(),
        plan.downcast_ref::<NestedLoopJoinExec>(),
    ) {
        (Some(join), _) => *join.join_type(),
        (_, Some(join)) => *join.join_type(),
        _ => return inputs.map(|_| false).collect(),
    };
    let may_be_missing = match join_type {
        JoinType::Left => [false, true],
        JoinType::Right => [true, false],
        JoinType::Full => [true, true],
        _ => [false, false],
    };
    let sides = plan.maintains_input_order().into_iter().zip(may_be_missing);
    inputs
        .zip(sides)
        .map(|((has_order, has_equal), (keeps_order, may_be_missing))| {
            has_order && !keeps_order || has_equal && may_be_missing
        })
        .collect()
}

/// Its input, of which nothing is known.
#[derive(Debug)]
struct ForgetPropertiesExec {
    input: Plan,
    properties: Arc<PlanProperties>,
}

impl ForgetPropertiesExec {
    fn new(input: Plan) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        )
        .with_scheduling_type(input.properties().scheduling_type);
        Self {
            input,
            properties: Arc::new(properties),
        }
    }

    fn over(&self, input: Plan) -> Plan {
        Arc::new(Self::new(input))
    }
}

impl DisplayAs for ForgetPropertiesExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => Ok(()),
            _ => f.write_str("ForgetPropertiesExec"),
        }
    }
}

impl ExecutionPlan for ForgetPropertiesExec {
    named!("ForgetPropertiesExec", properties);
    one_input!();
    no_expressions!();

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        Ok(match inputs {
            [input] => Arc::clone(input),
            _ => Arc::new(Statistics::new_unknown(&self.schema())),
        })
    }

    fn gather_filters_for_pushdown(
        &self,
        _: FilterPushdownPhase,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterDescription> {
        FilterDescription::from_children(filters, &self.children())
    }

    fn handle_child_pushdown_result(
        &self,
        _: FilterPushdownPhase,
        result: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Plan>> {
        Ok(FilterPushdownPropagation::if_all(result))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }
}
