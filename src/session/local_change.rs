//! UPDATE and DELETE of the tables that a session has made.
//!
//! The engine takes the condition of such a statement from what its optimizer has left of the plan. What has become a join,
//! or a relation without rows, is lost there: `DELETE … WHERE k IN (SELECT …)` and `WHERE false` would delete every row.
//! Here the statement becomes a query over the table that gives the rows it has afterwards, which is planned as any other,
//! and they take the place of its rows once all of them are there.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{cast, filter_record_batch, not};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::{exec_err, internal_err, not_impl_err};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, WriteOp, col, lit, when};

/// The column that tells which rows are meant.
const MEANT: &str = "__meant";

/// A statement over a table of the session.
pub(super) struct LocalChange {
    table: Arc<dyn TableProvider>,
    is_delete: bool,
    /// The rows of the table, in an UPDATE as they are afterwards, and behind their columns whether they are meant.
    pub(super) query: LogicalPlan,
}

impl LocalChange {
    /// Reads `plan`; None if it is no UPDATE or DELETE of such a table.
    ///
    /// # Errors
    ///
    /// Fails for what cannot be carried out: a LIMIT, and other tables beside it.
    pub(super) fn of(plan: &LogicalPlan) -> Result<Option<Self>> {
        let LogicalPlan::Dml(write) = plan else {
            return Ok(None);
        };
        let is_delete = match write.op {
            WriteOp::Delete => true,
            WriteOp::Update => false,
            _ => return Ok(None),
        };
        let table = source_as_provider(&write.target)?;
        if table.downcast_ref::<MemTable>().is_none() {
            return Ok(None);
        }
        let (values, input) = match write.input.as_ref() {
            LogicalPlan::Projection(projection) if !is_delete => {
                (projection.expr.as_slice(), projection.input.as_ref())
            }
            input if is_delete => (&[][..], input),
            _ => return internal_err!("an UPDATE without values"),
        };
        let (condition, rows) = match input {
            LogicalPlan::Filter(filter) => (filter.predicate.clone(), filter.input.as_ref()),
            rows => (lit(true), rows),
        };
        if !is_table(rows) {
            return not_impl_err!(
                "UPDATE and DELETE of a table of the session take no LIMIT and no other table beside it"
            );
        }
        let columns = rows.schema().columns().into_iter().map(Expr::from);
        let columns: Vec<Expr> = columns.collect();
        let meant = condition.is_true().alias(MEANT);
        let found = LogicalPlanBuilder::from(rows.clone())
            .project(columns.iter().cloned().chain([meant]))?;
        if is_delete {
            let query = found.build()?;
            return Ok(Some(Self {
                table,
                is_delete,
                query,
            }));
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
            is_delete,
            query: found.project(values)?.build()?,
        }))
    }

    /// Puts `rows`, those of the query, in the place of the table's, and returns how many of them were meant.
    ///
    /// # Errors
    ///
    /// Fails if a value does not fit into its column; the table is as it was then.
    pub(super) async fn put(&self, rows: Vec<RecordBatch>) -> Result<usize> {
        let Some(table) = self.table.downcast_ref::<MemTable>() else {
            return internal_err!("a table of the session that is none");
        };
        let mut count = 0;
        let mut kept = Vec::with_capacity(rows.len());
        for batch in rows {
            let (meant, rows) = self.read(&batch)?;
            count += meant.true_count();
            kept.push(match self.is_delete {
                true => filter_record_batch(&rows, &not(&meant)?)?,
                false => rows,
            });
        }
        kept.retain(|batch| batch.num_rows() > 0);
        table.sort_order.lock().clear();
        for partition in &table.batches {
            *partition.write().await = std::mem::take(&mut kept);
        }
        Ok(count)
    }

    /// Returns which rows of `batch` are meant, and its other columns as the table has them.
    fn read(&self, batch: &RecordBatch) -> Result<(BooleanArray, RecordBatch)> {
        let schema = self.table.schema();
        let Some((meant, columns)) = batch.columns().split_last() else {
            return internal_err!("rows without columns");
        };
        let mut cells = Vec::with_capacity(columns.len());
        for (column, field) in columns.iter().zip(schema.fields()) {
            let cell = cast(column, field.data_type())?;
            if !field.is_nullable() && cell.null_count() > 0 {
                return exec_err!(
                    "column `{}` of this table holds no NULL: it was made from values that never are",
                    field.name()
                );
            }
            cells.push(cell);
        }
        let rows = RecordBatch::try_new(schema, cells)?;
        Ok((meant.as_boolean().clone(), rows))
    }
}

/// Returns true if `plan` reads one table, whole.
fn is_table(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => is_table(&alias.input),
        LogicalPlan::TableScan(scan) => scan.filters.is_empty() && scan.fetch.is_none(),
        _ => false,
    }
}
