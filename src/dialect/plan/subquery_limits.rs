//! LIMIT and OFFSET given by a subquery, as a condition on the number of the row.
//!
//! ```text
//! Limit (skip: s, fetch: (subquery)) over q
//! project q (filter n > s AND n <= s + (subquery) (window row_number() AS n over q))
//! ```
//!
//! The engine accepts only limits that are known when it plans. A LIMIT that is NULL is no limit, as in PostgreSQL,
//! and a negative one is an error. [`stop_behind_limit`] ends the rows where their number is beyond the limit.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Column;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Limit, LogicalPlan, LogicalPlanBuilder, Operator, ScalarFunctionArgs, lit,
};
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use datafusion::prelude::{cast, coalesce};
use futures::stream::{self, StreamExt};

use super::operator::{Plan, named, one_input};
use crate::dialect::error::Error;
use crate::dialect::functions::InternalFunction;

/// The column that numbers the rows.
const NUMBER: &str = "__row";

/// Does so in a plan whose types fit, in which outer values have become subqueries.
///
/// Fails as the engine does.
pub(crate) fn limit_by_outer_values(plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(limit_by_subquery)?.data)
}

/// Turns limits that are given by subqueries into conditions.
pub(super) fn limit_by_subquery(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Limit(limit) if asks(&limit)? => Ok(Transformed::yes(as_condition(limit)?)),
        plan => Ok(Transformed::no(plan)),
    }
}

fn asks(limit: &Limit) -> Result<bool> {
    let mut bounds = [&limit.skip, &limit.fetch].into_iter().flatten();
    bounds.try_fold(false, |asks, bound| {
        Ok(asks || bound.exists(|expr| Ok(matches!(expr, Expr::ScalarSubquery(_))))?)
    })
}

fn as_condition(limit: Limit) -> Result<LogicalPlan> {
    let input = Arc::unwrap_or_clone(limit.input);
    let columns: Vec<Expr> = input
        .schema()
        .columns()
        .into_iter()
        .map(Expr::from)
        .collect();
    let number = || cast(Expr::from(Column::new_unqualified(NUMBER)), DataType::Int64);
    let bound = |check: InternalFunction, bound: Expr, without: i64| {
        let bound = check.call(vec![cast(bound, DataType::Int64)]);
        coalesce(vec![bound, lit(without)])
    };
    let offset = InternalFunction::new("__offset", 1, |args| non_negative(args, "OFFSET"));
    let skip = (limit.skip).map_or_else(|| lit(0_i64), |skip| bound(offset, *skip, 0));
    let mut condition = number().gt(skip.clone());
    if let Some(fetch) = limit.fetch {
        let limit = InternalFunction::new("__limit", 1, |args| non_negative(args, "LIMIT"));
        let last = skip + bound(limit, *fetch, i64::from(u32::MAX));
        condition = condition.and(number().lt_eq(last));
    }
    LogicalPlanBuilder::from(input)
        .window(vec![row_number().alias(NUMBER)])?
        .filter(condition)?
        .project(columns)?
        .build()
}

/// Returns a bound, and fails if it is negative.
fn non_negative(args: &ScalarFunctionArgs, clause: &str) -> Result<ColumnarValue> {
    let bound = &args.args[0];
    let values = bound.to_array(args.number_rows)?;
    let mut numbers = values.as_primitive::<Int64Type>().iter().flatten();
    if numbers.any(|number| number < 0) {
        return Err(Error::new(format!("{clause} must not be negative")).into());
    }
    Ok(bound.clone())
}

/// Ends the rows of a query after the last one that its limit wants.
pub(super) fn stop_behind_limit(plan: Plan) -> Result<Transformed<Plan>> {
    let Some(filter) = plan.downcast_ref::<FilterExec>() else {
        return Ok(Transformed::no(plan));
    };
    let parts = split_conjunction(filter.predicate());
    let Some(last) = parts.into_iter().find(|part| is_end(part)) else {
        return Ok(Transformed::no(plan));
    };
    Ok(Transformed::yes(Arc::new(StopAfterExec {
        input: Arc::clone(filter.input()),
        wanted: Arc::clone(filter.predicate()),
        projection: filter.projection().as_ref().map(|columns| columns.to_vec()),
        not_behind: Arc::clone(last),
        properties: Arc::clone(plan.properties()),
    })))
}

/// Returns true for a predicate that the number of a row is at most something.
fn is_end(predicate: &Arc<dyn PhysicalExpr>) -> bool {
    predicate.downcast_ref::<BinaryExpr>().is_some_and(|part| {
        *part.op() == Operator::LtEq
            && (collect_columns(part.left()).iter()).any(|column| column.name() == NUMBER)
    })
}

/// Gives the rows that are wanted, up to the first that is beyond them all.
#[derive(Debug)]
struct StopAfterExec {
    input: Arc<dyn ExecutionPlan>,
    wanted: Arc<dyn PhysicalExpr>,
    not_behind: Arc<dyn PhysicalExpr>,
    /// The columns that are given; all if it is None.
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
}

impl StopAfterExec {
    fn over(&self, input: Plan) -> Plan {
        Arc::new(Self {
            input,
            wanted: Arc::clone(&self.wanted),
            not_behind: Arc::clone(&self.not_behind),
            projection: self.projection.clone(),
            properties: Arc::clone(&self.properties),
        })
    }
}

impl DisplayAs for StopAfterExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => Ok(()),
            _ => write!(f, "StopAfterExec: {}", self.wanted),
        }
    }
}

impl ExecutionPlan for StopAfterExec {
    named!("StopAfterExec", properties);
    one_input!();

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        visit(&self.wanted)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let (wanted, not_behind) = (Arc::clone(&self.wanted), Arc::clone(&self.not_behind));
        let projection = self.projection.clone();
        let rows = stream::try_unfold(Some(input), move |input| {
            let (wanted, not_behind) = (Arc::clone(&wanted), Arc::clone(&not_behind));
            let projection = projection.clone();
            async move {
                let Some(mut input) = input else {
                    return Ok(None);
                };
                let Some(batch) = input.next().await.transpose()? else {
                    return Ok(None);
                };
                let mut rows = filter_record_batch(&batch, &tested(&wanted, &batch)?)?;
                if let Some(columns) = projection {
                    rows = rows.project(&columns)?;
                }
                let not_behind = tested(&not_behind, &batch)?;
                let is_over = (not_behind.len().checked_sub(1))
                    .is_some_and(|last| not_behind.is_null(last) || !not_behind.value(last));
                Ok(Some((rows, (!is_over).then_some(input))))
            }
        });
        let rows = RecordBatchStreamAdapter::new(self.schema(), rows);
        Ok(Box::pin(rows))
    }
}

/// Returns for which rows of `batch` `test` holds.
fn tested(test: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<BooleanArray> {
    let values = test.evaluate(batch)?.into_array(batch.num_rows())?;
    Ok(as_boolean_array(&values)?.clone())
}
