//! A rule over logical plans that checks conversions from which the engine would make a different value.
//!
//! A text without a unit becomes an interval of months to the engine, and seconds to PostgreSQL: it is refused, as
//! `INTERVAL '5'` is. A number that its type cannot hold becomes infinity, and one that no time has another time.
//! A time of day that a zone skips or repeats is an error that names it.
//! NUMERIC alone, of any length in PostgreSQL, has 10 places here: more of them are refused. A float becomes a decimal by its
//! digits, as in PostgreSQL: `1.005` is rounded up.

use std::str::FromStr;
use std::sync::Arc;

use chrono::TimeZone;
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast as cast_array;
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::arrow::temporal_conversions::timestamp_us_to_datetime;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::common::utils::take_function_args;
use datafusion::error::Result;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::function::Hint;
use datafusion::logical_expr::{Expr, ExprSchemable, ScalarUDF, cast, lit};

use crate::dialect::error::Error;
use crate::dialect::functions::{InternalFunction, checked};

/// NUMERIC without a precision.
const NUMERIC: DataType = DataType::Decimal128(38, 10);

/// Checks what is converted. To be run when types fit.
pub(super) fn check_casts(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let found = match &mut expr {
        Expr::Cast(Cast { expr: value, field })
            if *field.data_type() == NUMERIC
                && matches!(value.get_type(schema), Ok(DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale)) if scale > 10) =>
        {
            let number = value.as_mut();
            *number = cast(std::mem::take(number), DataType::Utf8);
            Some((number, checked::numeric_text()))
        }
        Expr::Cast(Cast { expr: value, field })
            if let DataType::Timestamp(_, Some(zone)) = field.data_type()
                && !matches!(zone.as_ref(), "UTC" | "+00:00" | "Z")
                && matches!(value.get_type(schema), Ok(DataType::Timestamp(_, None))) =>
        {
            let time = std::mem::take(value.as_mut());
            **value = clock_time().call(vec![time, lit(zone.as_ref())]);
            return Ok(Transformed::yes(expr));
        }
        Expr::Cast(Cast { expr: value, field }) => match value.get_type(schema) {
            Ok(from) => check(&from, field.data_type()).map(|check| (value.as_mut(), check)),
            Err(_) => None,
        },
        Expr::TryCast(TryCast { expr: value, field })
            if matches!(field.data_type(), DataType::Decimal128(..))
                && matches!(value.get_type(schema), Ok(DataType::Float64)) =>
        {
            Some((value.as_mut(), checked::decimal_number()))
        }
        Expr::TryCast(TryCast { expr: value, field })
            if matches!(field.data_type(), DataType::Interval(_))
                && value.get_type(schema).is_ok_and(|ty| ty.is_string()) =>
        {
            Some((value.as_mut(), checked::interval_text_or_null()))
        }
        Expr::ScalarFunction(call) if call.name() == "to_timestamp" => {
            match call.args.as_mut_slice() {
                [seconds] if seconds.get_type(schema).is_ok_and(|ty| ty.is_floating()) => {
                    Some((seconds, checked::seconds()))
                }
                _ => None,
            }
        }
        _ => None,
    };
    let Some((value, check)) = found else {
        return Ok(Transformed::no(expr));
    };
    *value = check.call(vec![std::mem::take(value)]);
    Ok(Transformed::yes(expr))
}

/// Returns the function that gives a time, or fails for one that the clocks of a zone do not show once.
fn clock_time() -> InternalFunction {
    InternalFunction::new("clock_time", 2, |args| {
        let hints = vec![Hint::Pad, Hint::AcceptsSingular];
        make_scalar_function(shown_once, hints)(&args.args)
    })
    .unnamed()
}

fn shown_once(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let [times, zone] = take_function_args("AT TIME ZONE", columns)?;
    let name = zone.as_string::<i32>().value(0);
    let zone = Tz::from_str(name)?;
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let micros = cast_array(times, &micros)?;
    let micros = micros.as_primitive::<TimestampMicrosecondType>();
    for time in micros.iter().flatten().filter_map(timestamp_us_to_datetime) {
        if zone.offset_from_local_datetime(&time).single().is_none() {
            return Err(Error::new(format!(
                "`{}` is skipped or repeated in {name}, where the clocks change",
                time.format("%Y-%m-%dT%H:%M:%S%.f")
            ))
            .hint("write the time with its offset, as in TIMESTAMPTZ '2024-03-10 02:30-05:00'")
            .into());
        }
    }
    Ok(Arc::clone(times))
}

/// Returns what checks a value of `from` that becomes one of `to`.
fn check(from: &DataType, to: &DataType) -> Option<ScalarUDF> {
    match (from, to) {
        (text, DataType::Interval(_)) if text.is_string() => Some(checked::interval_text()),
        (text, DataType::Float64) if text.is_string() => Some(checked::double_text()),
        (text, DataType::Float32) if text.is_string() => Some(checked::real_text()),
        (text, &NUMERIC) if text.is_string() => Some(checked::numeric_text()),
        (DataType::Float64, &NUMERIC) => Some(checked::numeric_number()),
        (DataType::Float64, DataType::Decimal128(..)) => Some(checked::decimal_number()),
        (DataType::Float64, DataType::Float32) => Some(checked::real_number()),
        _ => None,
    }
}
