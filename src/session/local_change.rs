//! INSERT, UPDATE and DELETE of the tables that a session has made.
//!
//! The engine adds the rows of an INSERT to the table as they come: values of another type than the column's, as after
//! UNION ALL, could not be read again.
//!
//! The engine takes the condition of an UPDATE or a DELETE from what its optimizer has left of the plan. What has become a join,
//! or a relation without rows, is lost there: `DELETE … WHERE k IN (SELECT …)` and `WHERE false` would delete every row.
//! Here such a statement becomes a query over the table that gives the rows it has afterwards, which is planned as any
//! other, and they take the place of its rows once all of them are there.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options, filter_record_batch, not};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::{exec_err, internal_err, not_impl_err};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, WriteOp, col, lit, when};

/// The column that tells which rows are meant.
const MEANT: &str = "__meant";

/// A statement over a table of the session.
pub(super) struct LocalChange {
    table: Arc<dyn TableProvider>,
    verb: Verb,
    /// The new rows of an INSERT. Else the rows of the table, in an UPDATE as they are afterwards, and behind their columns
    /// whether they are meant.
    pub(super) query: LogicalPlan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Insert,
    Update,
    Delete,
}

impl LocalChange {
    /// Reads `plan`; None if it changes no rows of such a table.
    ///
    /// Fails for what cannot be carried out: a LIMIT, and other tables beside it.
    pub(super) fn of(plan: &LogicalPlan) -> Result<Option<Self>> {
        let LogicalPlan::Dml(write) = plan else {
            return Ok(None);
        };
        let verb = match write.op {
            WriteOp::Insert(InsertOp::Append) => Verb::Insert,
            WriteOp::Delete => Verb::Delete,
            WriteOp::Update => Verb::Update,
            _ => return Ok(None),
        };
        let table = source_as_provider(&write.target)?;
        if table.downcast_ref::<MemTable>().is_none() {
            return Ok(None);
        }
        let (values, input) = match (verb, write.input.as_ref()) {
            (Verb::Insert, query) => {
                let query = query.clone();
                return Ok(Some(Self { table, verb, query }));
            }
            (Verb::Update, LogicalPlan::Projection(projection)) => {
                (projection.expr.as_slice(), projection.input.as_ref())
            }
            (Verb::Update, _) => return internal_err!("an UPDATE without values"),
            (Verb::Delete, input) => (&[][..], input),
        };
        let (condition, rows) = match input {
            LogicalPlan::Filter(filter) => (filter.predicate.clone(), filter.input.as_ref()),
            rows => (lit(true), rows),
        };
        if !is_table(rows) {
            return not_impl_err!(
                "UPDATE and DELETE on a table of the session do not support LIMIT or other tables"
            );
        }
        let columns = rows.schema().columns().into_iter().map(Expr::from);
        let columns: Vec<Expr> = columns.collect();
        let meant = condition.is_true().alias(MEANT);
        let found = LogicalPlanBuilder::from(rows.clone())
            .project(columns.iter().cloned().chain([meant]))?;
        if verb == Verb::Delete {
            let query = found.build()?;
            return Ok(Some(Self { table, verb, query }));
        }
        if values.len() != columns.len() {
            return internal_err!("an UPDATE without a value for each column");
        }
        let values = columns.into_iter().zip(values).map(|(column, value)| {
            let name = column.qualified_name().1;
            let value = value.clone().unalias();
            let value = match value == column {
                true => column,
                false => when(col(MEANT), value).otherwise(column)?,
            };
            Ok(value.alias(name))
        });
        let mut values = values.collect::<Result<Vec<_>>>()?;
        values.push(col(MEANT));
        Ok(Some(Self {
            table,
            verb,
            query: found.project(values)?.build()?,
        }))
    }

    /// Puts `rows`, those of the query, in the place of the table's or behind them, and returns how many of them were meant.
    ///
    /// Fails if a value does not fit into its column; the table is as it was then.
    pub(super) async fn put(&self, rows: Vec<RecordBatch>) -> Result<usize> {
        let Some(table) = self.table.downcast_ref::<MemTable>() else {
            return internal_err!("not a table of the session");
        };
        let mut count = 0;
        let mut kept = Vec::with_capacity(rows.len());
        for batch in rows {
            if self.verb == Verb::Insert {
                count += batch.num_rows();
                kept.push(self.read(batch.columns())?);
                continue;
            }
            let Some((meant, columns)) = batch.columns().split_last() else {
                return internal_err!("rows without columns");
            };
            let (meant, rows) = (meant.as_boolean(), self.read(columns)?);
            count += meant.true_count();
            kept.push(match self.verb {
                Verb::Delete => filter_record_batch(&rows, &not(meant)?)?,
                _ => rows,
            });
        }
        kept.retain(|batch| batch.num_rows() > 0);
        table.sort_order.lock().clear();
        if self.verb == Verb::Insert {
            let Some(partition) = table.batches.first() else {
                return internal_err!("a table of the session without a place for rows");
            };
            partition.write().await.append(&mut kept);
            return Ok(count);
        }
        for partition in &table.batches {
            *partition.write().await = std::mem::take(&mut kept);
        }
        Ok(count)
    }

    /// Returns `columns` with the types of the table's.
    fn read(&self, columns: &[ArrayRef]) -> Result<RecordBatch> {
        // What does not fit is an error, and no NULL.
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let schema = self.table.schema();
        let mut cells = Vec::with_capacity(columns.len());
        for (column, field) in columns.iter().zip(schema.fields()) {
            let rounded = rounded_for(field.data_type(), column)?;
            let cell = cast_with_options(&rounded, field.data_type(), &options)?;
            if !field.is_nullable() && cell.null_count() > 0 {
                return exec_err!("column `{}` does not accept NULL", field.name());
            }
            cells.push(cell);
        }
        Ok(RecordBatch::try_new(schema, cells)?)
    }
}

/// Returns `column` with its numbers rounded if they are to be integers; a cast would cut them.
fn rounded_for(data_type: &DataType, column: &ArrayRef) -> Result<ArrayRef> {
    Ok(match column.data_type() {
        DataType::Float32 | DataType::Float64 if data_type.is_integer() => {
            let numbers = cast(column, &DataType::Float64)?;
            let numbers: Float64Array =
                (numbers.as_primitive::<Float64Type>()).unary(|number| number.round());
            Arc::new(numbers)
        }
        DataType::Decimal128(digits, _) if data_type.is_integer() => {
            cast(column, &DataType::Decimal128(*digits, 0))?
        }
        _ => Arc::clone(column),
    })
}

/// Returns true if `plan` reads one table, whole.
fn is_table(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => is_table(&alias.input),
        LogicalPlan::TableScan(scan) => scan.filters.is_empty() && scan.fetch.is_none(),
        _ => false,
    }
}
