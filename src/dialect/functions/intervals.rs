//! Intervals: their length, and their multiples. Behind operators, not for people to call.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Int64Array, IntervalMonthDayNanoArray,
};
use datafusion::arrow::compute::{cast, try_binary};
use datafusion::arrow::datatypes::{
    DataType, DurationNanosecondType, Float64Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::utils::take_function_args;
use datafusion::error::Result;
use datafusion::functions::utils::make_scalar_function;

use super::error::Error;
use super::hidden::Hidden;

const DAY: i128 = 86_400_000_000_000;
const MONTH_DAYS: i128 = 30;

/// `interval_length(x)`: the nanoseconds of an interval or a difference of times, of 30 days for a month and 24 hours for
/// a day.
pub(crate) fn interval_length() -> Hidden {
    Hidden::new("interval_length", 1, |args| {
        make_scalar_function(lengths, Vec::new())(&args.args)
    })
    .returning(|_| Ok(DataType::Decimal128(38, 0)))
}

/// `interval_times(x, n)`: an interval or a difference of times, `n` times. What is left of a month goes to the days, and
/// what is left of a day to the time, as in PostgreSQL.
pub(super) fn interval_times() -> Hidden {
    Hidden::new("interval_times", 2, |args| {
        make_scalar_function(multiples, Vec::new())(&args.args)
    })
    .returning(|types| {
        Ok(match types.first() {
            Some(difference @ DataType::Duration(_)) => difference.clone(),
            _ => DataType::Interval(IntervalUnit::MonthDayNano),
        })
    })
}

fn lengths(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let [values] = take_function_args("interval_length", columns)?;
    let lengths: Decimal128Array = match values.data_type() {
        DataType::Duration(_) => nanoseconds(values)?
            .as_primitive::<DurationNanosecondType>()
            .iter()
            .map(|length| length.map(i128::from))
            .collect(),
        _ => months_days_nanos(values)?
            .as_primitive::<IntervalMonthDayNanoType>()
            .iter()
            .map(|interval| interval.map(length))
            .collect(),
    };
    Ok(Arc::new(lengths.with_precision_and_scale(38, 0)?))
}

fn length(interval: IntervalMonthDayNano) -> i128 {
    let days = i128::from(interval.months) * MONTH_DAYS + i128::from(interval.days);
    days * DAY + i128::from(interval.nanoseconds)
}

fn nanoseconds(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(cast(array, &DataType::Duration(TimeUnit::Nanosecond))?)
}

fn months_days_nanos(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(cast(
        array,
        &DataType::Interval(IntervalUnit::MonthDayNano),
    )?)
}

fn multiples(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let [values, factors] = take_function_args("interval_times", columns)?;
    let factors = cast(factors, &DataType::Float64)?;
    let factors = factors.as_primitive::<Float64Type>();
    Ok(match values.data_type() {
        difference @ DataType::Duration(_) => {
            let values = cast(values, &DataType::Int64)?;
            let values = values.as_primitive::<Int64Type>();
            let scaled: Int64Array = try_binary(values, factors, |value, factor| {
                whole(value as f64 * factor).map_err(in_kernel)
            })?;
            cast(&scaled, difference)?
        }
        _ => {
            let values = months_days_nanos(values)?;
            let values = values.as_primitive::<IntervalMonthDayNanoType>();
            let scaled: IntervalMonthDayNanoArray =
                try_binary(values, factors, |value, factor| {
                    times(value, factor).map_err(in_kernel)
                })?;
            Arc::new(scaled)
        }
    })
}

fn in_kernel(error: Error) -> ArrowError {
    ArrowError::from_external_error(Box::new(error))
}

fn times(interval: IntervalMonthDayNano, factor: f64) -> Result<IntervalMonthDayNano, Error> {
    let months = f64::from(interval.months) * factor;
    let days = f64::from(interval.days) * factor + (months - months.trunc()) * 30.0;
    // Fractions of a day below a microsecond are the arithmetic's own.
    let day = DAY as f64;
    let rest = ((days - days.trunc()) * day / 1000.0).round() * 1000.0;
    let nanos = interval.nanoseconds as f64 * factor + rest;
    Ok(IntervalMonthDayNano::new(
        i32::try_from(whole(months.trunc())?).map_err(|_| Error::Overflow("*"))?,
        i32::try_from(whole(days.trunc())?).map_err(|_| Error::Overflow("*"))?,
        whole(nanos)?,
    ))
}

fn whole(number: f64) -> Result<i64, Error> {
    let number = number.round();
    // The largest float below 2^63 is an integer of 64 bits.
    match number.is_finite() && number.abs() < 9_223_372_036_854_775_808.0 {
        true => Ok(number as i64),
        false => Err(Error::Overflow("*")),
    }
}
