//! A rule over logical plans that takes parts of times in microseconds.
//!
//! The engine makes a range of times of `extract(year FROM t) < 3000`. For a time in nanoseconds, which end in the
//! year 2262, the range has no end, and the comparison would be NULL.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, cast};

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
    Ok(Transformed::new_transformed(expr, is_changed))
}
