//! How much memory the statements of a session may hold.
//!
//! The engine's operators ask a pool before they keep rows. The pool here has a limit, and its refusal says what a person
//! can do about it. It counts what the engine reports, and the rows that a statement collects. It depends on nothing
//! else in the program.

use std::fmt;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{
    GreedyMemoryPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::{LogicalPlan, Statement};
use futures::TryStreamExt;

use crate::dialect::functions::slice_size;
use crate::error::{Error, ErrorKind};

/// What a person can do about the limit.
pub(super) const HINT: &str =
    "--memory-limit MIB gives statements more; a WHERE, a LIMIT or fewer columns need less";

/// A pool that refuses more than its limit.
#[derive(Debug)]
pub(super) struct LimitedPool {
    pool: GreedyMemoryPool,
    limit: usize,
}

impl LimitedPool {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            pool: GreedyMemoryPool::new(limit),
            limit,
        }
    }
}

impl fmt::Display for LimitedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt(f)
    }
}

impl MemoryPool for LimitedPool {
    fn name(&self) -> &'static str {
        "limited"
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.pool.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.pool.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        // The engine's message speaks of its pools. Operators that can use the disk instead look at the variant.
        let refused = |_| DataFusionError::ResourcesExhausted(excess(self.limit));
        self.pool.try_grow(reservation, additional).map_err(refused)
    }

    fn reserved(&self) -> usize {
        self.pool.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

/// The rows that a statement itself holds, which count against the limit until this is dropped.
#[derive(Debug)]
pub(super) struct HeldRows(MemoryReservation);

impl HeldRows {
    /// Bytes that a cell takes at least that is laid out as text.
    const CELL: usize = 64;

    /// Returns none so far, of a statement of the engine with `runtime`.
    pub(super) fn new(runtime: &RuntimeEnv) -> Self {
        Self(MemoryConsumer::new("rows").register(&runtime.memory_pool))
    }

    /// Adds `batch`.
    ///
    /// Fails if there is no room for it.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.grow(size(batch)?)
    }

    /// Adds `batch`, laid out as a table.
    ///
    /// Fails if there is no room for it.
    pub(super) fn add_text(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells = batch.num_rows() * batch.num_columns();
        self.grow(size(batch)? + cells * Self::CELL)
    }

    fn grow(&mut self, bytes: usize) -> Result<()> {
        self.0.try_grow(bytes)
    }

    /// Collects `rows`.
    ///
    /// Fails if there is no room for them, and if `rows` does.
    pub(super) async fn collect(
        &mut self,
        mut rows: SendableRecordBatchStream,
    ) -> Result<Vec<RecordBatch>> {
        let mut collected = Vec::new();
        while let Some(batch) = rows.try_next().await? {
            self.add(&batch)?;
            collected.push(batch);
        }
        Ok(collected)
    }
}

/// Returns the bytes of the rows of `batch`, which may be a part of larger ones.
fn size(batch: &RecordBatch) -> Result<usize> {
    let sizes = batch.columns().iter();
    let mut sizes = sizes.map(slice_size);
    Ok(sizes.try_fold(0, |sum, size| Ok::<_, ArrowError>(sum + size?))?)
}

/// Returns what is wrong with a statement that needs more than `limit` bytes.
pub(super) fn excess(limit: usize) -> String {
    format!(
        "the statement needs more memory than the limit of {} MiB",
        limit >> 20
    )
}

/// Returns true if `said`, the message of an error or a panic of the engine, is about a column that is too long for it.
///
/// Functions refuse much less, see `dialect::functions`. What is left is put together of many parts: rows that are sorted
/// or joined, and lists.
pub(super) fn is_overflow(said: &str) -> bool {
    said.to_ascii_lowercase().contains("offset overflow")
}

/// Returns the error of a statement that needs such a column.
pub(super) fn overflow() -> Error {
    Error::statement(
        "a column takes more than 2 GiB in one batch of rows, which is the most that it can",
    )
    .hint("a WHERE, a LIMIT or shorter texts need less")
}

/// Refuses to change the engine's own limits and places by a statement: they are the session's.
///
/// Fails for SET and RESET of such a setting.
pub(super) fn refuse_settings(plan: &LogicalPlan) -> Result<(), Error> {
    let variable = match plan {
        LogicalPlan::Statement(Statement::SetVariable(set)) => &set.variable,
        LogicalPlan::Statement(Statement::ResetVariable(reset)) => &reset.variable,
        _ => return Ok(()),
    };
    match variable.starts_with("datafusion.runtime.") {
        true => Err(Error::new(
            ErrorKind::Permission,
            format!("a statement cannot change `{variable}`"),
        )
        .hint("--memory-limit MIB sets how much memory statements may hold")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::execution::memory_pool::MemoryConsumer;
    use std::sync::Arc;

    #[test]
    fn a_refusal_names_the_limit() {
        let pool: Arc<dyn MemoryPool> = Arc::new(LimitedPool::new(2 << 20));
        let rows = MemoryConsumer::new("rows").register(&pool);
        rows.try_grow(1 << 20).unwrap();
        let error = rows.try_grow((1 << 20) + 1).unwrap_err();
        assert!(
            matches!(&error, DataFusionError::ResourcesExhausted(message) if message.contains("2 MiB")),
            "{error}"
        );
        assert_eq!(pool.reserved(), 1 << 20);
    }
}
