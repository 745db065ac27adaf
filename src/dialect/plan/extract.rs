//! A rule over logical plans that takes parts of times in microseconds.
//!
//! The engine makes a range of times of `extract(year FROM t) < 3000`. For a time in nanoseconds, which end in the
//! year 2262, the range has no end, and the comparison would be NULL.
//!
//! From a difference of times it takes the total hours, minutes and so on, as integers that overflow; from an interval
//! it takes milliseconds without their fraction. PostgreSQL and DuckDB take fields, as in `1 day 02:03:04.5`, and so do
//! the functions that replace it here.

use std::str::FromStr;

use datafusion::arrow::compute::kernels::cast_utils::IntervalUnit as Part;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, cast, lit};

use crate::dialect::error::Error;
use crate::dialect::functions::{interval_epoch, interval_part};

/// Takes parts of times in microseconds, and fields of intervals. To be run when types fit.
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
        && let [Expr::Literal(part, _), length] = call.args.as_slice()
        && let Some(Some(part)) = part.try_as_str()
        && let Ok(of @ (DataType::Duration(_) | DataType::Interval(_))) = length.get_type(schema)
    {
        let is_interval = matches!(of, DataType::Interval(_));
        let part = part.trim().trim_matches(['\'', '"']).to_lowercase();
        let taken = match Part::from_str(&part) {
            _ if part == "epoch" => interval_epoch().call(vec![length.clone()]),
            Ok(Part::Year | Part::Month) if !is_interval => {
                return Err(Error::of_types(format!("a difference of times has no `{part}`"))
                    .hint("its days are whole: extract(day FROM a - b) / 365; date_part('year', x) takes the year of a time")
                    .into());
            }
            Ok(
                Part::Year
                | Part::Month
                | Part::Day
                | Part::Hour
                | Part::Minute
                | Part::Second
                | Part::Millisecond
                | Part::Microsecond,
            ) => interval_part().call(vec![lit(part), length.clone()]),
            _ => {
                return Err(Error::of_types(format!("an interval has no `{part}`"))
                    .hint("there are year, month, day, hour, minute, second, millisecond, microsecond and epoch")
                    .into());
            }
        };
        return Ok(Transformed::yes(taken));
    }
    Ok(Transformed::new_transformed(expr, is_changed))
}
