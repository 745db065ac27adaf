//! Limits on recursive queries, and one type for each of their columns.
//!
//! The engine converts what the second term gives into the types of the first: `1.5` would be 1 beside an integer. What
//! loses nothing is converted, and the rest is refused, as in PostgreSQL.
//!
//! The engine repeats the second term of a recursive CTE for as long as it gives rows. Here the repetitions and the rows
//! are counted, and too many are an error.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::expr::{Alias, Cast};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::StreamExt;

use super::class::Class;
use super::operator::{Plan, RECOMPUTE, named, no_expressions, one_input};
use crate::dialect::Dialect;
use crate::dialect::error::{Error, Place};
use crate::dialect::type_names::type_name;

/// How often the second term may be repeated.
const ROUNDS: usize = 100_000;

/// How many rows it may give in all.
const ROWS: usize = 1_000_000;

/// Refuses a recursive query whose second term has other types than its first. To be run before types are looked at.
pub(super) fn check_recursion(plan: &LogicalPlan, _: Dialect) -> Result<()> {
    let LogicalPlan::RecursiveQuery(query) = plan else {
        return Ok(());
    };
    let LogicalPlan::Projection(term) = query.recursive_term.as_ref() else {
        return Ok(());
    };
    let columns = query.static_term.schema().fields().iter();
    columns.zip(&term.expr).try_for_each(|(column, item)| {
        // Conversions that were typed stand in a call, see `relations::recursion`.
        let Some((value, to)) = converted(item) else {
            return Ok(());
        };
        let from = value.get_type(term.input.schema())?;
        let is_literal = matches!(value, Expr::Literal(..)) && Class::of(&from) == Class::Text;
        if is_literal || keeps(&from, to) {
            return Ok(());
        }
        Err(Error::of_types(format!(
            "column `{}` of the recursive query `{}` is {} in its first part and {} in its second",
            column.name(),
            query.name,
            type_name(to),
            type_name(&from),
        ))
        .hint("CAST in the first part gives the column the type that both have")
        .near(Place::of(value))
        .into())
    })
}

/// Returns what the engine has put a conversion around, and the type that it becomes.
fn converted(item: &Expr) -> Option<(&Expr, &DataType)> {
    match item {
        Expr::Alias(Alias { expr, .. }) => converted(expr),
        Expr::Cast(Cast { expr, field }) => Some((expr, field.data_type())),
        _ => None,
    }
}

/// Returns true if every value of `from` is one of `to`, or cannot become one.
fn keeps(from: &DataType, to: &DataType) -> bool {
    use DataType::{Decimal128, Decimal256, Float64, List, Timestamp};
    match (from, to) {
        (from, to) if from == to || from.is_null() => true,
        // The engine fails at an integer that is too large.
        (from, to) if from.is_integer() => to.is_numeric(),
        (from, Float64) => from.is_numeric(),
        (
            Decimal128(digits, places) | Decimal256(digits, places),
            Decimal128(room, to) | Decimal256(room, to),
        ) => {
            let whole = |digits: u8, places: i8| i16::from(digits) - i16::from(places);
            places <= to && whole(*digits, *places) <= whole(*room, *to)
        }
        (Timestamp(_, from), Timestamp(_, to)) => from.is_some() == to.is_some(),
        (List(from), List(to)) => keeps(from.data_type(), to.data_type()),
        (from, Timestamp(..)) => Class::of(from) == Class::Date,
        (from, to) => {
            let class = Class::of(from);
            class == Class::of(to)
                && matches!(
                    class,
                    Class::Text | Class::Interval | Class::Time | Class::Date
                )
        }
    }
}

/// Counts what recursive queries do.
pub(super) fn bound_recursion(plan: Plan) -> Result<Transformed<Plan>> {
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
    named!("BoundedRecursionExec");
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
