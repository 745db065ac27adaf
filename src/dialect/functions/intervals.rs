//! Intervals: their length, and their multiples. They implement operators; users cannot call them.

use std::str::FromStr;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, IntervalMonthDayNanoArray,
};
use datafusion::arrow::compute::kernels::cast_utils::IntervalUnit as Part;
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options, try_binary};
use datafusion::arrow::datatypes::{
    DataType, DurationNanosecondType, Float64Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::utils::take_function_args;
use datafusion::error::Result;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::function::Hint;

use super::error::Error;
use super::internal::InternalFunction;

const DAY: i128 = 86_400_000_000_000;
const MONTH_DAYS: i128 = 30;

/// `interval_length(x)`: the nanoseconds of an interval or a difference of times, of 30 days for a month and 24 hours for
/// a day.
pub(crate) fn interval_length() -> InternalFunction {
    InternalFunction::new("interval_length", 1, |args| {
        make_scalar_function(lengths, Vec::new())(&args.args)
    })
    .returning(|_| Ok(DataType::Decimal128(38, 0)))
}

/// `interval_times(x, n)`: an interval or a difference of times, `n` times. What is left of a month goes to the days, and
/// what is left of a day to the time, as in PostgreSQL.
pub(super) fn interval_times() -> InternalFunction {
    InternalFunction::new("interval_times", 2, |args| {
        make_scalar_function(multiples, Vec::new())(&args.args)
    })
    .returning(|types| {
        Ok(match types.first() {
            Some(difference @ DataType::Duration(_)) => difference.clone(),
            _ => DataType::Interval(IntervalUnit::MonthDayNano),
        })
    })
}

/// `interval_part(part, x)`: a field of an interval or a difference of times, as in PostgreSQL, but whole. A month has no
/// fixed length, so the months of an interval are years and months, its days are as many as there are, and the hours are
/// those of its time. The days of a difference have 24 hours.
pub(crate) fn interval_part() -> InternalFunction {
    InternalFunction::new("interval_part", 2, |args| {
        make_scalar_function(parts, vec![Hint::AcceptsSingular])(&args.args)
    })
    .returning(|_| Ok(DataType::Int32))
}

/// `interval_epoch(x)`: the seconds of an interval or a difference of times, of 365.25 days for a year and 30 for a month,
/// as in PostgreSQL.
pub(crate) fn interval_epoch() -> InternalFunction {
    InternalFunction::new("interval_epoch", 1, |args| {
        make_scalar_function(epochs, Vec::new())(&args.args)
    })
    .returning(|_| Ok(DataType::Float64))
}

/// `series_step(x)`: an interval that a series may go by. The engine tells by its first part whether it goes up or down.
///
/// Fails if it goes up by one part, and down by another.
pub(crate) fn series_step() -> InternalFunction {
    InternalFunction::new("series_step", 1, |args| {
        let check = |columns: &[ArrayRef]| {
            let steps = months_days_nanos(&columns[0])?;
            let steps = steps.as_primitive::<IntervalMonthDayNanoType>();
            steps.iter().flatten().try_for_each(check_step)?;
            Ok(Arc::clone(&columns[0]))
        };
        make_scalar_function(check, Vec::new())(&args.args)
    })
    .unnamed()
}

/// Fails if `step` goes up by one part, and down by another.
pub(super) fn check_step(step: IntervalMonthDayNano) -> Result<()> {
    let signs = [
        step.months.signum().into(),
        step.days.signum().into(),
        step.nanoseconds.signum(),
    ];
    match signs.contains(&1) && signs.contains(&-1) {
        true => Err(crate::dialect::error::Error::new(
            "the step of a series goes one way: all its parts have one sign",
        )
        .hint("days alone, as in INTERVAL '29 days', have one")
        .into()),
        false => Ok(()),
    }
}

/// The fields of an interval: each counts for itself, and may be negative.
struct Fields {
    months: i32,
    days: i64,
    nanos: i128,
}

fn fields(column: &ArrayRef) -> Result<Vec<Option<Fields>>> {
    let nanos_of = |unit| match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    Ok(match column.data_type() {
        DataType::Duration(unit) => {
            let counts = cast(column, &DataType::Int64)?;
            let counts = counts.as_primitive::<Int64Type>().iter();
            let fields = counts.map(|count| {
                let nanos = i128::from(count?) * nanos_of(*unit);
                Some(Fields {
                    months: 0,
                    days: i64::try_from(nanos / DAY).ok()?,
                    nanos: nanos % DAY,
                })
            });
            fields.collect()
        }
        _ => {
            let intervals = months_days_nanos(column)?;
            let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>().iter();
            let fields = intervals.map(|interval| {
                interval.map(|interval| Fields {
                    months: interval.months,
                    days: interval.days.into(),
                    nanos: interval.nanoseconds.into(),
                })
            });
            fields.collect()
        }
    })
}

fn parts(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let [part, values] = take_function_args("interval_part", columns)?;
    let part = part.as_string::<i32>().value(0).to_owned();
    let part = Part::from_str(&part)?;
    let values = fields(values)?.into_iter().map(|fields| {
        let Fields {
            months,
            days,
            nanos,
        } = fields?;
        let whole = |of: i128, below: i128| i64::try_from(nanos / of % below).ok();
        Some(match part {
            Part::Year => i64::from(months / 12),
            Part::Month => i64::from(months % 12),
            Part::Day => days,
            Part::Hour => whole(3_600_000_000_000, i128::MAX)?,
            Part::Minute => whole(60_000_000_000, 60)?,
            Part::Second => whole(1_000_000_000, 60)?,
            Part::Millisecond => whole(1_000_000, 60_000)?,
            _ => whole(1_000, 60_000_000)?,
        })
    });
    let values = Int64Array::from_iter(values);
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    Ok(cast_with_options(&values, &DataType::Int32, &strict)?)
}

fn epochs(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let [values] = take_function_args("interval_epoch", columns)?;
    let seconds = fields(values)?.into_iter().map(|fields| {
        let Fields {
            months,
            days,
            nanos,
        } = fields?;
        let days = f64::from(months / 12) * 365.25 + f64::from(months % 12) * 30.0 + days as f64;
        Some(days * 86_400.0 + nanos as f64 / 1e9)
    });
    Ok(Arc::new(Float64Array::from_iter(seconds)))
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
                scaled(value, factor).map_err(in_kernel)
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
    // A float does not hold the nanoseconds of a year.
    let (micros, nanos) = (interval.nanoseconds / 1000, interval.nanoseconds % 1000);
    let micros = i128::from(scaled(micros, factor)?) * 1000;
    let nanos = micros + i128::from(scaled(nanos, factor)?) + i128::from(whole(rest)?);
    Ok(IntervalMonthDayNano::new(
        i32::try_from(whole(months.trunc())?).map_err(|_| Error::Overflow("*"))?,
        i32::try_from(whole(days.trunc())?).map_err(|_| Error::Overflow("*"))?,
        i64::try_from(nanos).map_err(|_| Error::Overflow("*"))?,
    ))
}

/// Returns `value` so many times, exactly if `factor` is whole.
fn scaled(value: i64, factor: f64) -> Result<i64, Error> {
    match factor.fract() == 0.0 && factor.abs() < 1e15 {
        true => i64::try_from(i128::from(value) * factor as i128).map_err(|_| Error::Overflow("*")),
        false => whole(value as f64 * factor),
    }
}

fn whole(number: f64) -> Result<i64, Error> {
    let number = number.round();
    // The largest float below 2^63 is an integer of 64 bits.
    match number.is_finite() && number.abs() < 9_223_372_036_854_775_808.0 {
        true => Ok(number as i64),
        false => Err(Error::Overflow("*")),
    }
}
