//! Checks the operand of a conversion before the engine turns it into a different value than was written.
//!
//! The engine would read a text without a unit as an interval of months, and a number out of range as infinity or 1970.
//! Rules put these functions into conversions; people cannot call them. Each returns its argument, or fails.

use std::borrow::Cow;

use datafusion::arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ScalarUDF;

use super::error::Error;
use super::scalar::{Arity, Eval, ReturnType, row};
use super::value::Value;
use crate::pattern::patterns;

/// The text of an interval, its time of day in units.
pub(crate) fn interval_text() -> ScalarUDF {
    checked("interval_text", ReturnType::Text, |args| {
        read(&args[0], |text| {
            interval(text).ok_or("an interval with a unit, such as 12 days")
        })
    })
}

/// The same, NULL for what has no unit.
pub(crate) fn interval_text_or_null() -> ScalarUDF {
    checked("interval_text_or_null", ReturnType::Text, |args| {
        let text = args[0].to_text();
        let text = interval(&text);
        Ok(text.map_or(Value::Null, |text| Value::Text(text.into_owned().into())))
    })
}

/// The text of a number that 8 bytes hold.
pub(crate) fn double_text() -> ScalarUDF {
    checked("double_text", ReturnType::Text, |args| {
        read(&args[0], |text| match text.trim().parse::<f64>() {
            Ok(number) if number.is_infinite() && is_number(text) => Err("a number in range"),
            _ => Ok(Cow::Borrowed(text)),
        })
    })
}

/// The text of a number that 4 bytes hold.
pub(crate) fn real_text() -> ScalarUDF {
    checked("real_text", ReturnType::Text, |args| {
        read(&args[0], |text| match text.trim().parse::<f32>() {
            Ok(number) if number.is_infinite() && is_number(text) => Err("a number in range"),
            _ => Ok(Cow::Borrowed(text)),
        })
    })
}

/// The text of a number that has room in NUMERIC without a precision.
pub(crate) fn numeric_text() -> ScalarUDF {
    checked("numeric_text", ReturnType::Text, |args| {
        read(&args[0], |text| match places(text) {
            Some(places) if places > NUMERIC_PLACES => Err(IN_NUMERIC),
            _ => Ok(Cow::Borrowed(text)),
        })
    })
}

/// The digits of a float that has room there, as far as it was typed: what is computed has digits to its end, and is rounded.
pub(crate) fn numeric_number() -> ScalarUDF {
    checked("numeric_number", ReturnType::Text, |args| {
        let Some(number) = args[0].real() else {
            return Ok(Value::Null);
        };
        let written = format!("{number:e}");
        let (digits, _) = written.split_once('e').unwrap_or((&written, ""));
        let is_typed = digits.chars().filter(char::is_ascii_digit).count() <= TYPED;
        let is_lost = number != 0.0 && number.abs() < 1e-10;
        if (is_typed && places(&written).is_some_and(|it| it > NUMERIC_PLACES)) || is_lost {
            return Err(Error::Unread {
                expected: IN_NUMERIC,
                given: number.to_string(),
            });
        }
        Ok(digits_of(number))
    })
}

/// The digits of a float, which becomes a decimal: `1.005` is rounded by its digits, and not by what is left of a binary
/// fraction.
pub(crate) fn decimal_number() -> ScalarUDF {
    checked("decimal_number", ReturnType::Text, |args| {
        Ok(args[0].real().map_or(Value::Null, digits_of))
    })
}

/// So many digits of a number come back as they were typed. PostgreSQL takes as many.
const TYPED: usize = 15;

fn digits_of(number: f64) -> Value<'static> {
    let digits = format!("{number:.*e}", TYPED - 1);
    // Without an exponent.
    let number = digits.parse::<f64>().unwrap_or(number);
    Value::Text(number.to_string().into())
}

/// The places after the point of NUMERIC without a precision.
const NUMERIC_PLACES: i64 = 10;
const IN_NUMERIC: &str = "a number of 10 places, which NUMERIC has without a precision";

/// Returns how many digits that count follow the point of the number `text`; None if it is no number.
fn places(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse::<f64>().ok()?;
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent: i64 = exponent.parse().ok()?;
    let fraction = fraction.trim_end_matches('0');
    let places = match fraction.len() {
        0 => -i64::try_from(whole.len() - whole.trim_end_matches('0').len()).ok()?,
        places => i64::try_from(places).ok()?,
    };
    Some(places - exponent)
}

/// A number that 4 bytes hold.
pub(crate) fn real_number() -> ScalarUDF {
    checked("real_number", ReturnType::Real, |args| {
        number(&args[0], |number| {
            number.is_finite() && number.abs() > f64::from(f32::MAX)
        })
    })
}

/// The seconds since 1970 of a time that the engine has.
pub(crate) fn seconds() -> ScalarUDF {
    // Its times are nanoseconds of 64 bits.
    const MOST: f64 = 9_223_372_036.0;
    checked("to_timestamp", ReturnType::Real, |args| {
        number(&args[0], |seconds| seconds.is_nan() || seconds.abs() > MOST)
    })
}

fn checked(name: &'static str, returns: ReturnType, eval: Eval) -> ScalarUDF {
    row(name, Arity::Between(1, 1), returns, eval)
}

/// Gives what `change` makes of a text, which returns what was expected if it is none.
fn read(
    value: &Value<'_>,
    change: impl Fn(&str) -> Result<Cow<'_, str>, &'static str>,
) -> Result<Value<'static>, Error> {
    let text = value.to_text();
    match change(&text) {
        Ok(changed) => Ok(Value::Text(changed.into_owned().into())),
        Err(expected) => Err(Error::Unread {
            expected,
            given: text.into_owned(),
        }),
    }
}

fn number(value: &Value<'_>, is_beyond: impl Fn(f64) -> bool) -> Result<Value<'static>, Error> {
    match value.real() {
        Some(number) if is_beyond(number) => Err(Error::Unread {
            expected: "a number in range",
            given: format!("{number:e}"),
        }),
        Some(number) => Ok(Value::Real(number)),
        None => Ok(Value::Null),
    }
}

/// Returns true for digits, and not for `inf`.
fn is_number(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
}

patterns! {
    /// A time of day in an interval.
    CLOCK = r"^([^:]*?)([+-]?)(\d+):(\d\d)(?::(\d\d(?:\.\d+)?))?$";
}

/// Returns the text of an interval with a unit for each of its numbers: `1 day 3 hours 0 minutes` for `1 day 03:00`. None
/// if it is a number alone.
pub(crate) fn interval(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    if text.parse::<f64>().is_ok() {
        return None;
    }
    Some(CLOCK.replace(text, |found: &regex::Captures<'_>| {
        let part = |at: usize| found.get(at).map_or("", |part| part.as_str());
        let sign = part(2);
        let seconds = found.get(5).map_or("0", |seconds| seconds.as_str());
        format!(
            "{}{sign}{} hours {sign}{} minutes {sign}{seconds} seconds",
            part(1),
            part(3),
            part(4)
        )
    }))
}

/// Returns the interval that `text` is; None for a number alone, and for what is none.
pub(crate) fn interval_value(text: &str) -> Option<ScalarValue> {
    let text = interval(text)?;
    let value = ScalarValue::from(text.as_ref())
        .cast_to(&DataType::Interval(IntervalUnit::MonthDayNano))
        .ok()?;
    (!value.is_null()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_they_are_written() {
        for (text, counted) in [
            ("1.50", Some(1)),
            ("-0.00000000001", Some(11)),
            ("1.5e-10", Some(11)),
            ("150e-11", Some(10)),
            ("1.5E3", Some(-2)),
            ("x", None),
        ] {
            assert_eq!(places(text), counted, "{text}");
        }
    }

    #[test]
    fn a_time_of_day_in_an_interval_is_hours_minutes_and_seconds() {
        let read = |text| interval(text).map(Cow::into_owned);
        assert_eq!(read("12"), None);
        assert_eq!(read(" -1.5e3 "), None);
        assert_eq!(read("12 days").as_deref(), Some("12 days"));
        assert_eq!(
            read("1 day 03:00").as_deref(),
            Some("1 day 03 hours 00 minutes 0 seconds")
        );
        assert_eq!(
            read("-03:20:01.5").as_deref(),
            Some("-03 hours -20 minutes -01.5 seconds")
        );
    }
}
