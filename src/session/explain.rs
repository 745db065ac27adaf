//! The answer to EXPLAIN: one row for each line of the plan.
//!
//! The engine gives a whole plan as one text, which no table shows well.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

/// Returns the columns of the answer.
pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("plan", DataType::Utf8, false)]))
}

/// Returns the lines of the plans in `batch`, whose columns are the engine's: the kind of plan, and its text.
pub(super) fn lines(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let plans = batch.column(1).as_string::<i32>();
    let lines: StringArray = (0..plans.len())
        .filter(|&row| plans.is_valid(row))
        .flat_map(|row| plans.value(row).lines())
        .map(Some)
        .collect();
    RecordBatch::try_new(schema(), vec![Arc::new(lines)])
}
