//! A rule over logical plans that takes parts of times in microseconds.
//!
//! The engine makes a range of times of `extract(year FROM t) < 3000`. For a time in nanoseconds, which end in the
//! year 2262, the range has no end, and the comparison would be NULL.
//!
//! From a difference of times it takes the total hours, minutes and so on, as integers that overflow; from an interval
//! it takes milliseconds without their fraction. PostgreSQL and DuckDB take fields, as in `1 day 02:03:04.5`, and so do
//! the functions that replace it here.

use std::str::FromStr;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::cast as cast_array;
use datafusion::arrow::compute::kernels::cast_utils::IntervalUnit as Part;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::common::utils::take_function_args;
use datafusion::error::Result;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::function::Hint;
use datafusion::logical_expr::{Expr, ExprSchemable, cast, lit};

use crate::dialect::error::Error;
use crate::dialect::functions::{InternalFunction, interval_epoch, interval_part, series_step};

/// Does by itself what the engine does to times before 1970, to steps of series, and to differences of times, in another way
/// than PostgreSQL: it cuts times towards 1970, goes a step of several signs by one of them, and ignores a pattern.
pub(super) fn times_by_function(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(mut call) = expr else {
        return Ok(Transformed::no(expr));
    };
    let types = call.args.iter().map(|arg| arg.get_type(schema));
    let types = types.collect::<Result<Vec<_>>>()?;
    let name = call.name().to_owned();
    match (name.as_str(), call.args.as_mut_slice(), types.as_slice()) {
        ("to_char", _, [DataType::Interval(_) | DataType::Duration(_), _]) => {
            Err(Error::of_types("`to_char` does not take an interval")
                .hint("extract(hour FROM x) takes a part of it, and CAST(x AS TEXT) writes it")
                .into())
        }
        (
            "generate_series" | "gen_series" | "range",
            [_, _, step],
            [_, _, DataType::Interval(_)],
        ) => {
            *step = series_step().call(vec![std::mem::take(step)]);
            Ok(Transformed::yes(Expr::ScalarFunction(call)))
        }
        ("date_bin", [_, times @ ..], [_, DataType::Timestamp(..), ..]) => {
            for time in times {
                *time = near_time().call(vec![std::mem::take(time)]);
            }
            Ok(Transformed::yes(Expr::ScalarFunction(call)))
        }
        ("date_trunc", [Expr::Literal(unit, _), time], [_, DataType::Timestamp(..)])
            if let Some(Some(unit)) = unit.try_as_str()
                && let Some(step) = step_of(unit) =>
        {
            Ok(Transformed::yes(
                floor_time().call(vec![std::mem::take(time), lit(step)]),
            ))
        }
        _ => Ok(Transformed::no(Expr::ScalarFunction(call))),
    }
}

/// Returns the function that gives a time that is one in nanoseconds, or fails: the engine would put NULL in the place of others.
fn near_time() -> InternalFunction {
    InternalFunction::new("near_time", 1, |args| {
        let check = |columns: &[ArrayRef]| {
            if let DataType::Timestamp(_, zone) = columns[0].data_type() {
                let nanos = DataType::Timestamp(TimeUnit::Nanosecond, zone.clone());
                let nanos = cast_array(&columns[0], &nanos)?;
                if nanos.null_count() > columns[0].null_count() {
                    return Err(Error::new("a time is beyond the years 1677 to 2262")
                        .hint("`date_bin` takes no other; date_trunc takes any")
                        .into());
                }
            }
            Ok(Arc::clone(&columns[0]))
        };
        make_scalar_function(check, Vec::new())(&args.args)
    })
    .unnamed()
}

/// Returns the nanoseconds of a unit that is below a second.
fn step_of(unit: &str) -> Option<i64> {
    match unit.trim().to_lowercase().as_str() {
        "millisecond" | "milliseconds" => Some(1_000_000),
        "microsecond" | "microseconds" => Some(1_000),
        _ => None,
    }
}

/// Returns the function that gives the last multiple of some nanoseconds that is not after a time.
fn floor_time() -> InternalFunction {
    InternalFunction::new("floor_time", 2, |args| {
        let hints = vec![Hint::Pad, Hint::AcceptsSingular];
        make_scalar_function(floor, hints)(&args.args)
    })
    .spelled(|args| format!("date_trunc({})", args[0]))
}

fn floor(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let [times, step] = take_function_args("date_trunc", columns)?;
    let unit = match times.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 1,
        _ => 1_000,
    };
    let step = step.as_primitive::<Int64Type>().value(0) / unit;
    let counts = cast_array(times, &DataType::Int64)?;
    let counts = counts.as_primitive::<Int64Type>();
    let floored: Int64Array = counts.unary(|count| count.saturating_sub(count.rem_euclid(step)));
    Ok(cast_array(&floored, times.data_type())?)
}

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
