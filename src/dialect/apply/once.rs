//! The parts of a subquery that no parameter reaches: read once, and kept.
//!
//! [`read_once`] puts a node above the largest such parts of an optimized subquery, so that the predicates that do not
//! depend on outer values are below it, where they can still save requests. [`OnceExec`] keeps the rows. A part that
//! depends on a query further out is read once for each value of that query.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::catalog::default_table_source::source_as_provider;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, Subquery};
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PlanProperties, execute_stream,
};
use futures::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::known::below_projection;
use super::node::{Apply, Once, Parameter, downcast, extension, parameter, parameters, subquery};
use crate::dialect::plan::can_fail;
use crate::dialect::plan::operator::{
    Plan, named, no_expressions, one_input, over_changed, unknown_statistics,
};

/// Rows that are kept together: many short batches would each cost what a long one does.
const ROWS: usize = 8192;

/// Puts a [`Once`] above each of the largest parts of `plan` that none of `own` reaches.
pub(super) fn read_once(plan: LogicalPlan, own: &[Arc<Parameter>]) -> Result<LogicalPlan> {
    if !reaches(own, &plan)? {
        return match is_worth_keeping(&plan)? {
            true => once(plan),
            false => Ok(plan),
        };
    }
    let plan = match plan {
        LogicalPlan::Filter(filter) => match swapped(&filter, own)? {
            Some(plan) => return read_once(plan, own),
            None => split(filter, own)?,
        },
        plan => plan,
    };
    let plan = plan
        .map_children(|child| Ok(Transformed::yes(read_once(child, own)?)))?
        .data;
    plan.map_expressions(|expr| {
        expr.transform_up(|expr| match expr {
            Expr::ScalarSubquery(inner) if parameter(&inner).is_none() => {
                let plan = read_once(inner.subquery.as_ref().clone(), own)?;
                Ok(Transformed::yes(Expr::ScalarSubquery(Subquery {
                    subquery: Arc::new(plan),
                    ..inner
                })))
            }
            expr => Ok(Transformed::no(expr)),
        })
    })
    .data()
}

/// Puts a [`Once`] above `input`, and in it, if it depends on queries further out, above what does not.
fn once(input: LogicalPlan) -> Result<LogicalPlan> {
    let parameters = parameters(&input)?;
    let input = match parameters.is_empty() {
        true => input,
        false => read_once(input, &parameters)?,
    };
    Ok(extension(Once { input, parameters }))
}

/// Puts a condition that no parameter reaches below a projection and a condition that one reaches: the engine leaves a
/// condition on a field of an object above a projection. None if there is nothing of the kind, or if the condition may
/// fail on rows that the other one leaves out.
fn swapped(filter: &Filter, own: &[Arc<Parameter>]) -> Result<Option<LogicalPlan>> {
    let LogicalPlan::Projection(projection) = filter.input.as_ref() else {
        return Ok(None);
    };
    let LogicalPlan::Filter(lower) = projection.input.as_ref() else {
        return Ok(None);
    };
    let Some(predicate) = below_projection(&filter.predicate, projection) else {
        return Ok(None);
    };
    if names(&predicate, own)?
        || predicate.is_volatile()
        || can_fail(&predicate, lower.input.schema())
    {
        return Ok(None);
    }
    let first = Filter::try_new(predicate, Arc::clone(&lower.input))?;
    let first = Arc::new(LogicalPlan::Filter(first));
    let then = LogicalPlan::Filter(Filter::try_new(lower.predicate.clone(), first)?);
    let projection = LogicalPlan::Projection(projection.clone());
    let plan = projection.with_new_exprs(projection.expressions(), vec![then])?;
    Ok(Some(plan))
}

/// Puts the conditions that no parameter reaches below the others.
fn split(filter: Filter, own: &[Arc<Parameter>]) -> Result<LogicalPlan> {
    let Filter {
        predicate, input, ..
    } = filter;
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for condition in split_conjunction_owned(predicate) {
        match names(&condition, own)? || condition.is_volatile() {
            true => above.push(condition),
            false => below.push(condition),
        }
    }
    let mut input = input;
    if let Some(below) = conjunction(below) {
        input = Arc::new(LogicalPlan::Filter(Filter::try_new(below, input)?));
    }
    Ok(match conjunction(above) {
        Some(above) => LogicalPlan::Filter(Filter::try_new(above, input)?),
        None => Arc::unwrap_or_clone(input),
    })
}

fn names(expr: &Expr, own: &[Arc<Parameter>]) -> Result<bool> {
    expr.exists(|expr| match subquery(expr) {
        Some(inner) => reaches(own, &inner.subquery),
        None => Ok(false),
    })
}

/// Returns true if `plan` depends on one of `own`, or on the rows that a recursion around it has come to.
fn reaches(own: &[Arc<Parameter>], plan: &LogicalPlan) -> Result<bool> {
    if parameters(plan)?.iter().any(|found| own.contains(found)) {
        return Ok(true);
    }
    is_in_recursion(plan)
}

/// Returns true if `plan` reads the rows that a recursion around it has come to.
pub(super) fn is_in_recursion(plan: &LogicalPlan) -> Result<bool> {
    let (mut used, mut made) = (Vec::new(), Vec::new());
    recursions(plan, &mut used, &mut made)?;
    Ok(used.iter().any(|name| !made.contains(name)))
}

fn recursions(plan: &LogicalPlan, used: &mut Vec<String>, made: &mut Vec<String>) -> Result<()> {
    plan.apply_with_subqueries(|plan| {
        match plan {
            LogicalPlan::TableScan(scan)
                if source_as_provider(&scan.source)
                    .is_ok_and(|provider| provider.is::<CteWorkTable>()) =>
            {
                used.push(scan.table_name.table().to_owned());
            }
            LogicalPlan::RecursiveQuery(query) => made.push(query.name.clone()),
            plan => {
                if let Some(apply) = downcast::<Apply>(plan) {
                    recursions(&apply.subquery, used, made)?;
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// Returns true if it takes more to read `plan` than to keep its rows.
fn is_worth_keeping(plan: &LogicalPlan) -> Result<bool> {
    plan.exists(|plan| {
        Ok(matches!(
            plan,
            LogicalPlan::TableScan(_) | LogicalPlan::RecursiveQuery(_)
        ) || downcast::<Apply>(plan).is_some())
    })
}

/// Reads its input once, and keeps the rows for every run that follows.
#[derive(Debug)]
pub(super) struct OnceExec {
    input: Arc<dyn ExecutionPlan>,
    parameters: Vec<Arc<Parameter>>,
    kept: Arc<Mutex<Kept>>,
    properties: Arc<PlanProperties>,
}

/// The rows, and the values that they depend on.
#[derive(Debug, Default)]
struct Kept {
    versions: Vec<u64>,
    batches: Arc<OnceCell<Vec<RecordBatch>>>,
    /// True once the plan has been run: the next run needs a fresh one.
    is_used: bool,
}

impl OnceExec {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, parameters: Vec<Arc<Parameter>>) -> Self {
        Self::with(input, parameters, Arc::default())
    }

    fn over(&self, input: Plan) -> Plan {
        let (parameters, kept) = (self.parameters.clone(), Arc::clone(&self.kept));
        Arc::new(Self::with(input, parameters, kept))
    }

    fn with(
        input: Arc<dyn ExecutionPlan>,
        parameters: Vec<Arc<Parameter>>,
        kept: Arc<Mutex<Kept>>,
    ) -> Self {
        let properties = PlanProperties::new(
            input.equivalence_properties().clone(),
            Partitioning::UnknownPartitioning(1),
            // A LIMIT above does not shorten what is read.
            EmissionType::Final,
            input.boundedness(),
        );
        Self {
            input,
            parameters,
            kept,
            properties: Arc::new(properties),
        }
    }
}

/// Returns true if `plan` keeps the rows of its input and reads them more than once, None if it does not keep them.
pub(super) fn runs_again(plan: &Arc<dyn ExecutionPlan>) -> Option<bool> {
    let once = plan.downcast_ref::<OnceExec>()?;
    Some(!once.parameters.is_empty())
}

/// Returns true if `plan` itself keeps the rows of its input.
pub(super) fn is_once(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<OnceExec>().is_some()
}

/// Returns `plan` as it was before it ran. What was read once is kept.
pub(super) fn fresh(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    if is_once(plan) {
        return Ok(Arc::clone(plan));
    }
    over_changed(plan, |_, child| fresh(&child))?.reset_state()
}

impl DisplayAs for OnceExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outer: Vec<_> = self.parameters.iter().map(|p| p.text.as_str()).collect();
        match (format, outer.is_empty()) {
            (DisplayFormatType::TreeRender, _) => Ok(()),
            (_, true) => f.write_str("OnceExec"),
            (_, false) => write!(f, "OnceExec: for each distinct {}", outer.join(", ")),
        }
    }
}

impl ExecutionPlan for OnceExec {
    named!("OnceExec", properties);
    one_input!();
    no_expressions!();

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    unknown_statistics!();

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (input, parameters, kept) = (
            Arc::clone(&self.input),
            self.parameters.clone(),
            Arc::clone(&self.kept),
        );
        let rows = async move {
            let (batches, is_used) = {
                let mut kept = kept.lock();
                let versions: Vec<_> = parameters.iter().map(|p| p.version()).collect();
                if kept.versions != versions {
                    kept.versions = versions;
                    kept.batches = Arc::default();
                }
                let is_used = kept.is_used;
                kept.is_used = true;
                (Arc::clone(&kept.batches), is_used)
            };
            let rows = batches
                .get_or_try_init(|| async {
                    // The first run is of the plan that EXPLAIN ANALYZE shows.
                    let input = match is_used {
                        true => fresh(&input)?,
                        false => input,
                    };
                    read(input, context).await
                })
                .await?
                .clone();
            Ok::<_, DataFusionError>(stream::iter(rows).map(Ok))
        };
        let rows = stream::once(rows).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// Returns all rows of `plan`, in long batches.
async fn read(plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<Vec<RecordBatch>> {
    let schema = plan.schema();
    let mut batches = execute_stream(plan, context)?;
    let (mut long, mut short, mut rows) = (Vec::new(), Vec::new(), 0);
    while let Some(batch) = batches.try_next().await? {
        rows += batch.num_rows();
        short.push(batch);
        if rows >= ROWS {
            long.push(concat_batches(&schema, &short)?);
            short.clear();
            rows = 0;
        }
    }
    if rows > 0 {
        long.push(concat_batches(&schema, &short)?);
    }
    Ok(long)
}
