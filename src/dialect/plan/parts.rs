//! A rule over logical plans that takes parts of times in microseconds.
//!
//! The engine makes a range of times of `extract(year FROM t) < 3000`. For a time in nanoseconds, which end in the
//! year 2262, the range has no end, and the comparison would be NULL.
//!
//! Of a difference of times it takes seconds and less as integers of 4 bytes, which are NULL beyond 68 years: they are
//! computed here.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, cast, lit};

/// Takes parts of times in microseconds. To be run when types fit.
pub(super) fn parts_of_microseconds(
    mut expr: Expr,
    schema: &DFSchema,
) -> Result<Transformed<Expr>> {
    let mut is_changed = false;
    if let Expr::ScalarFunction(call) = &mut expr
        && call.name() == "date_part"
        && let [_, time] = call.args.as_mut_slice()
        && let Ok(DataType::Timestamp(TimeUnit::Nanosecond, zone)) = time.get_type(schema)
    {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, zone);
        *time = cast(std::mem::take(time), micros);
        is_changed = true;
    }
    if let Expr::ScalarFunction(call) = &expr
        && call.name() == "date_part"
        && let [Expr::Literal(part, _), difference] = call.args.as_slice()
        && let Ok(DataType::Duration(unit)) = difference.get_type(schema)
        && let Some(Some(part)) = part.try_as_str()
    {
        let count = cast(difference.clone(), DataType::Int64);
        let in_second = match unit {
            TimeUnit::Second => 1,
            TimeUnit::Millisecond => 1_000,
            TimeUnit::Microsecond => 1_000_000,
            TimeUnit::Nanosecond => 1_000_000_000_i64,
        };
        match part.to_lowercase().as_str() {
            "epoch" => {
                let seconds = cast(count, DataType::Float64) / lit(in_second as f64);
                return Ok(Transformed::yes(seconds));
            }
            // What has no room is an error.
            "second" | "seconds" => {
                let seconds = cast(count / lit(in_second), DataType::Int32);
                return Ok(Transformed::yes(seconds));
            }
            _ => {}
        }
    }
    Ok(Transformed::new_transformed(expr, is_changed))
}
