//! A rule over logical plans about functions of times that the engine computes otherwise than PostgreSQL.
//!
//! It truncates times before 1970 upwards, follows only one part of a step such as `1 month -1 day`, ignores the pattern of
//! `to_char` for an interval, and gives NULL for times in `date_bin` that nanoseconds do not reach.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::cast as cast_array;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::common::utils::take_function_args;
use datafusion::error::Result;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::function::Hint;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use crate::dialect::error::Error;
use crate::dialect::functions::{InternalFunction, series_step};

/// The functions that the rule looks at.
const NAMES: [&str; 6] = [
    "date_bin",
    "date_trunc",
    "gen_series",
    "generate_series",
    "range",
    "to_char",
];

/// Truncates times downwards, and refuses steps, patterns and times that the engine would not heed. To be run when types fit.
pub(super) fn times_by_function(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut call = match expr {
        Expr::ScalarFunction(call) if NAMES.contains(&call.name()) => call,
        expr => return Ok(Transformed::no(expr)),
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
