//! Intervals: their length, and their multiples. Behind operators, not for people to call.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, IntervalMonthDayNanoArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, DurationNanosecondType, Float64Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::error::Error;

const DAY: i128 = 86_400_000_000_000;
const MONTH_DAYS: i128 = 30;

/// `interval_length(x)`: the nanoseconds of an interval or a difference of times, of 30 days for a month and 24 hours for
/// a day.
pub(crate) fn interval_length() -> ScalarUDF {
    ScalarUDF::new_from_impl(Length {
        signature: Signature::any(1, Volatility::Immutable),
    })
}

/// `interval_times(x, n)`: an interval or a difference of times, `n` times. What is left of a month goes to the days, and
/// what is left of a day to the time, as in PostgreSQL.
pub(super) fn interval_times() -> ScalarUDF {
    ScalarUDF::new_from_impl(Times {
        signature: Signature::any(2, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Length {
    signature: Signature,
}

const LENGTH: DataType = DataType::Decimal128(38, 0);

impl ScalarUDFImpl for Length {
    fn name(&self) -> &str {
        "interval_length"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(LENGTH)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = args.args.as_slice() else {
            return internal_err!("{} of other than one value", self.name());
        };
        over(value, |array| {
            let lengths: Decimal128Array = match array.data_type() {
                DataType::Duration(_) => nanoseconds(array)?
                    .as_primitive::<DurationNanosecondType>()
                    .iter()
                    .map(|length| length.map(i128::from))
                    .collect(),
                _ => months_days_nanos(array)?
                    .as_primitive::<IntervalMonthDayNanoType>()
                    .iter()
                    .map(|interval| interval.map(length))
                    .collect(),
            };
            Ok(Arc::new(lengths.with_precision_and_scale(38, 0)?) as ArrayRef)
        })
    }
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

/// Applies `change` to a column, or to a constant.
fn over(
    value: &ColumnarValue,
    change: impl Fn(&ArrayRef) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    Ok(match value {
        ColumnarValue::Array(array) => ColumnarValue::Array(change(array)?),
        ColumnarValue::Scalar(scalar) => {
            let array = change(&scalar.to_array()?)?;
            ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&array, 0)?)
        }
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Times {
    signature: Signature,
}

impl ScalarUDFImpl for Times {
    fn name(&self) -> &str {
        "interval_times"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match types.first() {
            Some(difference @ DataType::Duration(_)) => difference.clone(),
            _ => DataType::Interval(IntervalUnit::MonthDayNano),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let [value, factor] = args.args.as_slice() else {
            return internal_err!("{} of other than two values", self.name());
        };
        let is_constant = matches!(
            (value, factor),
            (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_))
        );
        let rows = if is_constant { 1 } else { rows };
        let (value, factor) = (value.to_array(rows)?, factor.to_array(rows)?);
        let factors = cast(&factor, &DataType::Float64)?;
        let factors = factors.as_primitive::<Float64Type>();
        let array: ArrayRef = match value.data_type() {
            difference @ DataType::Duration(_) => {
                let values = cast(&value, &DataType::Int64)?;
                let values = values.as_primitive::<Int64Type>();
                let scaled: datafusion::arrow::array::Int64Array = values
                    .iter()
                    .zip(factors)
                    .map(|(value, factor)| match (value, factor) {
                        (Some(value), Some(factor)) => whole(value as f64 * factor).map(Some),
                        _ => Ok(None),
                    })
                    .collect::<Result<_, Error>>()?;
                cast(&scaled, difference)?
            }
            _ => {
                let values = months_days_nanos(&value)?;
                let values = values.as_primitive::<IntervalMonthDayNanoType>();
                let scaled: IntervalMonthDayNanoArray = values
                    .iter()
                    .zip(factors)
                    .map(|(value, factor)| match (value, factor) {
                        (Some(value), Some(factor)) => times(value, factor).map(Some),
                        _ => Ok(None),
                    })
                    .collect::<Result<_, Error>>()?;
                Arc::new(scaled)
            }
        };
        match is_constant {
            true => Ok(ColumnarValue::Scalar(
                datafusion::common::ScalarValue::try_from_array(&array, 0)?,
            )),
            false => Ok(ColumnarValue::Array(array)),
        }
    }
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
