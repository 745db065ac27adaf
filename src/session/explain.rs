//! The answer to EXPLAIN: one row for each line of the plan.
//!
//! The engine returns a whole plan as one text, which does not fit into a table cell.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

use crate::render::WRAP_MARK;

/// How the engine writes the value of a subquery, which is not known before the plan runs.
const VALUE: &str = "scalar_subquery(<pending>)";

/// Returns the columns of the answer: a plan is never cut.
pub(super) fn schema() -> SchemaRef {
    let mark = HashMap::from([(WRAP_MARK.to_owned(), String::new())]);
    let plan = Field::new("plan", DataType::Utf8, false).with_metadata(mark);
    Arc::new(Schema::new(vec![plan]))
}

/// Returns the lines of the plans in `batch`, whose columns are the kind of a plan and its text. If there are several,
/// as after VERBOSE, a line with the kind comes before each.
pub(super) fn lines(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let kinds = batch.column(0).as_string::<i32>();
    let plans = batch.column(1).as_string::<i32>();
    let mut lines = Vec::new();
    for (kind, plan) in kinds.iter().zip(plans) {
        if plans.len() > 1 {
            lines.extend(kind.map(|kind| format!("{kind}:")));
        }
        let plan = plan.into_iter().flat_map(str::lines);
        lines.extend(plan.map(|line| line.replace(VALUE, "(subquery)")));
    }
    RecordBatch::try_new(schema(), vec![Arc::new(StringArray::from(lines))])
}
