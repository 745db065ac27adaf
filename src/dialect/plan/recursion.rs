//! An end for recursive queries that have none.
//!
//! The engine repeats the second term of a recursive CTE for as long as it gives rows. Here the repetitions and the rows
//! are counted, and too many are an error.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

use super::error::Error;
use super::operator::{Plan, RECOMPUTE, no_expressions, one_input};
use super::rule::OperatorRule;
use crate::error::ErrorKind;

/// How often the second term may be repeated.
const ROUNDS: usize = 100_000;

/// How many rows it may give in all.
const ROWS: usize = 1_000_000;

/// Counts what recursive queries do.
pub(super) const BOUND_RECURSION: OperatorRule = OperatorRule {
    name: "bound_recursion",
    change: bound_recursion,
};

fn bound_recursion(plan: Plan) -> Result<Transformed<Plan>> {
    let Some(query) = plan.downcast_ref::<RecursiveQueryExec>() else {
        return Ok(Transformed::no(plan));
    };
    let counted: Plan = Arc::new(BoundedRecursionExec {
        name: query.name().to_owned(),
        input: Arc::clone(query.recursive_term()),
        rounds: Arc::default(),
        rows: Arc::default(),
    });
    let children = vec![Arc::clone(query.static_term()), counted];
    Ok(Transformed::yes(
        plan.replace_children(children, RECOMPUTE)?,
    ))
}

/// The second term of a recursive query, which counts how often it is run and what it gives.
#[derive(Debug)]
struct BoundedRecursionExec {
    name: String,
    input: Plan,
    // The engine makes a new plan for every round, and these go from one to the next.
    rounds: Arc<AtomicUsize>,
    rows: Arc<AtomicUsize>,
}

impl BoundedRecursionExec {
    fn over(&self, input: Plan) -> Plan {
        Arc::new(Self {
            name: self.name.clone(),
            input,
            rounds: Arc::clone(&self.rounds),
            rows: Arc::clone(&self.rows),
        })
    }
}

/// Returns the error of a recursion that has done `count` of `what`.
fn endless(name: &str, count: usize, what: &str) -> DataFusionError {
    Error::new(format!(
        "the recursive query `{name}` has not ended after {count} {what}"
    ))
    .kind(ErrorKind::Statement)
    .hint("end it with WHERE in its second part, or leave out ALL so that rows which were there before end it")
    .into()
}

impl DisplayAs for BoundedRecursionExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => Ok(()),
            _ => write!(f, "BoundedRecursionExec: at most {ROUNDS} times"),
        }
    }
}

impl ExecutionPlan for BoundedRecursionExec {
    fn name(&self) -> &str {
        "BoundedRecursionExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    one_input!();
    no_expressions!();

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if self.rounds.fetch_add(1, Ordering::Relaxed) >= ROUNDS {
            return Err(endless(&self.name, ROUNDS, "rounds"));
        }
        let (name, rows) = (self.name.clone(), Arc::clone(&self.rows));
        let batches = self.input.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            match rows.fetch_add(batch.num_rows(), Ordering::Relaxed) {
                before if before > ROWS => Err(endless(&name, ROWS, "rows")),
                _ => Ok(batch),
            }
        });
        let batches = RecordBatchStreamAdapter::new(self.schema(), batches);
        Ok(Box::pin(batches))
    }
}
