//! Plans the logical nodes of this module as physical ones.
//!
//! A subquery is optimized and planned here, once per statement. Its physical plan becomes a child of the node, so that the
//! rules over physical plans, which run after this, see the scans in it beside those of the outer query.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{
    SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext,
};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use futures::stream;

use super::exec::ApplyExec;
use super::known::with_known_values;
use super::node::{Apply, Kind, Nullable, Once, Parameter, ParameterNode, parameters};
use super::once::{OnceExec, read_once};
use crate::dialect::plan::limit_by_outer_values;
use crate::dialect::plan::operator::{named, no_expressions, no_input};

/// Plans as the engine does, and knows the nodes of this module.
pub(super) struct ApplyQueryPlanner {
    /// Planners of nodes that are not of this module.
    pub(super) others: super::Planners,
}

impl fmt::Debug for ApplyQueryPlanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplyQueryPlanner").finish_non_exhaustive()
    }
}

#[async_trait]
impl QueryPlanner for ApplyQueryPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut planners = self.others.clone();
        planners.push(Arc::new(NodePlanner));
        DefaultPhysicalPlanner::with_extension_planners(planners)
            .create_physical_plan(plan, session)
            .await
    }
}

struct NodePlanner;

#[async_trait]
impl ExtensionPlanner for NodePlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let node = node.as_any();
        if let Some(node) = node.downcast_ref::<ParameterNode>() {
            return Ok(Some(Arc::new(ParameterExec::new(node))));
        }
        let ([logical], [input]) = (logical_inputs, inputs) else {
            return Ok(None);
        };
        if let Some(once) = node.downcast_ref::<Once>() {
            let parameters = once.parameters.clone();
            return Ok(Some(Arc::new(OnceExec::new(Arc::clone(input), parameters))));
        }
        if node.is::<Nullable>() {
            return Ok(Some(Arc::clone(input)));
        }
        let Some(apply) = node.downcast_ref::<Apply>() else {
            return Ok(None);
        };
        let schema = apply.input_schema();
        let exprs = apply.outer.iter().chain(apply.kind.operand());
        let exprs = exprs
            .chain(&apply.guard)
            .map(|expr| planner.create_physical_expr(expr, schema, session, context))
            .collect::<Result<Vec<_>>>()?;
        let subquery = subquery(planner, apply, logical, session).await?;
        let exec = ApplyExec::try_new(apply, Arc::clone(input), subquery, exprs)?;
        Ok(Some(Arc::new(exec)))
    }
}

/// Plans the subquery of `apply`, whose input is `input`, and leaves it to the plan around it to be optimized as a part of
/// that.
async fn subquery(
    planner: &dyn PhysicalPlanner,
    apply: &Apply,
    input: &LogicalPlan,
    session: &dyn Session,
) -> Result<Arc<dyn ExecutionPlan>> {
    let Some(state) = session.as_any().downcast_ref::<SessionState>() else {
        return internal_err!("a session without a state cannot plan a subquery");
    };
    // It was analyzed with the statement. A second time, the rules would take what the engine has made for what was typed.
    let analyzed = limit_by_outer_values(with_known_values(apply, input)?)?;
    let plan = state.optimizer().optimize(analyzed, state, |_, _| {})?;
    let stops_early = matches!(apply.kind, Kind::Exists | Kind::Scalar);
    let plan = match apply.parameters.is_empty() && stops_early {
        // As a whole it need not be read to its end.
        true => match parameters(&plan)? {
            further_out if further_out.is_empty() => plan,
            further_out => read_once(plan, &further_out)?,
        },
        false => read_once(plan, &apply.parameters)?,
    };
    let unoptimized = SessionStateBuilder::new_from_existing(state.clone())
        .with_physical_optimizer_rules(Vec::new())
        .build();
    planner.create_physical_plan(&plan, &unoptimized).await
}

/// One row: the value of a parameter.
#[derive(Debug)]
struct ParameterExec {
    parameter: Arc<Parameter>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl ParameterExec {
    fn new(node: &ParameterNode) -> Self {
        let schema = Arc::clone(UserDefinedLogicalNode::schema(node).inner());
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            parameter: Arc::clone(&node.parameter),
            schema,
            properties: Arc::new(properties),
        }
    }
}

impl DisplayAs for ParameterExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => f.write_str(&self.parameter.text),
            _ => write!(f, "OuterValue: {}", self.parameter.text),
        }
    }
}

impl ExecutionPlan for ParameterExec {
    named!("OuterValue", properties);
    no_input!();
    no_expressions!();

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (parameter, schema) = (Arc::clone(&self.parameter), Arc::clone(&self.schema));
        let row = stream::once(async move {
            let value = parameter.get()?.to_array()?;
            Ok(RecordBatch::try_new(schema, vec![value])?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            row,
        )))
    }
}
