//! Values after which COPY … PARTITIONED BY names folders. The engine would turn a NULL into the zero of its type, so
//! NULL is an error.

use datafusion::arrow::array::Array;
use datafusion::common::internal_err;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, LogicalPlan, lit};

use crate::dialect::functions::InternalFunction;
use crate::dialect::plan::map_columns;
use crate::error::Error;

/// Returns `input`, which fails at a row with a NULL in one of `columns`.
pub(super) fn without_nulls(input: LogicalPlan, columns: &[String]) -> Result<LogicalPlan> {
    map_columns(input.into(), |_, field, column| {
        match columns.contains(field.name()) {
            true => Transformed::yes(key(column, field.name())),
            false => Transformed::no(column),
        }
    })
}

/// `partition_key(x, name)`: `x`, a column of that name, which is not NULL.
fn key(column: Expr, name: &str) -> Expr {
    InternalFunction::new("partition_key", 2, |args| {
        let [value, ColumnarValue::Scalar(name)] = args.args.as_slice() else {
            return internal_err!("a key has a name");
        };
        let has_null = match value {
            ColumnarValue::Array(values) => values.logical_null_count() > 0,
            ColumnarValue::Scalar(value) => value.is_null(),
        };
        match has_null {
            true => Err(Error::statement(format!(
                "`{name}` is NULL in a row, but COPY names a folder after it"
            ))
            .hint("exclude such rows with WHERE, or give them a value with coalesce")
            .into()),
            false => Ok(value.clone()),
        }
    })
    .keeping_field()
    .call(vec![column, lit(name)])
}
