//! Text literals, read as values of the class that they are compared with.

use std::borrow::Cow;

use chrono::Utc;
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, TimeUnit};
use datafusion::common::ScalarValue;

use super::class::Class;
use crate::dialect::functions::checked::interval_value;
use crate::dialect::functions::truth_of;
use crate::pattern::patterns;

/// Reads `text` as a value of `class`, whose other values are of `data_type`; None if it is not one.
///
/// The text must be a value from end to end; blanks around it do not count, as in PostgreSQL.
pub(super) fn read(text: &str, class: Class, data_type: &DataType) -> Option<ScalarValue> {
    let text = text.trim();
    match class {
        Class::Number if data_type.is_floating() => match number(text) {
            Some(ScalarValue::Decimal128(..)) => text.parse::<f64>().ok().map(ScalarValue::from),
            number => number.or_else(|| special(text)),
        },
        Class::Number => number(text),
        Class::Boolean => truth_of(text).map(ScalarValue::from),
        Class::Date => date(text),
        Class::Timestamp => timestamp(text, data_type),
        Class::Time => cast(text, &DataType::Time64(TimeUnit::Nanosecond)),
        // Without a unit it would be months, and PostgreSQL has seconds.
        Class::Interval => interval_value(text),
        Class::Null | Class::Text | Class::List | Class::Other => Some(ScalarValue::from(text)),
    }
}

/// Returns the number as it would be if it had been typed without quotes.
pub(super) fn number(text: &str) -> Option<ScalarValue> {
    // Rust reads more than that: `inf`, `nan`.
    let is_plain = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    if !is_plain {
        return None;
    }
    if let Ok(number) = text.parse::<i64>() {
        return Some(ScalarValue::from(number));
    }
    if let Ok(number) = text.parse::<u64>() {
        return Some(ScalarValue::from(number));
    }
    exact(text).or_else(|| text.parse::<f64>().ok().map(ScalarValue::from))
}

/// Returns the decimal that `text` spells, if it has more digits than a float holds.
fn exact(text: &str) -> Option<ScalarValue> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (precision, scale) = exact_digits(digits)?;
    let digits: i128 = digits.replace('.', "").parse().ok()?;
    Some(ScalarValue::Decimal128(
        Some(sign * digits),
        precision,
        scale,
    ))
}

/// Returns the precision and the scale of the decimal that `digits` spells, if a float or an integer of 64 bits might not
/// hold them all, and a decimal does.
pub(crate) fn exact_digits(digits: &str) -> Option<(u8, i8)> {
    const OF_FLOATS: usize = 15;
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
    if !is_digits(whole) || !is_digits(places) || digits.parse::<u64>().is_ok() {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let leading = match whole {
        "" => places.len() - places.trim_start_matches('0').len(),
        _ => 0,
    };
    let precision = whole.len() + places.len();
    if precision - leading <= OF_FLOATS || precision > usize::from(DECIMAL128_MAX_PRECISION) {
        return None;
    }
    let scale = i8::try_from(places.len()).ok()?;
    Some((u8::try_from(precision).ok()?, scale))
}

/// Returns the float that is no finite number, in PostgreSQL's spellings.
fn special(text: &str) -> Option<ScalarValue> {
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(text));
    Some(ScalarValue::from(match text {
        _ if is(&["nan"]) => f64::NAN,
        _ if is(&["infinity", "+infinity", "inf", "+inf"]) => f64::INFINITY,
        _ if is(&["-infinity", "-inf"]) => f64::NEG_INFINITY,
        _ => return None,
    }))
}

/// Returns the day, or the timestamp if a time is said: a day beside it is its midnight.
fn date(text: &str) -> Option<ScalarValue> {
    match text.contains(':') {
        true => timestamp(text, &utc()),
        false => cast(text, &DataType::Date32),
    }
}

fn timestamp(text: &str, data_type: &DataType) -> Option<ScalarValue> {
    let zone = match data_type {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    // Without an offset of its own it is a time in the zone of what is beside it.
    let place = zone.as_deref().and_then(|zone| zone.parse::<Tz>().ok());
    let text = with_seconds(text);
    let time = match place {
        Some(place) => string_to_datetime(&place, &text).ok()?.to_utc(),
        None => string_to_datetime(&Utc, &text).ok()?,
    };
    Some(match time.timestamp_subsec_nanos() % 1000 {
        0 => ScalarValue::TimestampMicrosecond(Some(time.timestamp_micros()), zone),
        _ => ScalarValue::TimestampNanosecond(Some(time.timestamp_nanos_opt()?), zone),
    })
}

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn cast(text: &str, data_type: &DataType) -> Option<ScalarValue> {
    let value = ScalarValue::from(text).cast_to(data_type).ok()?;
    (!value.is_null()).then_some(value)
}

patterns! {
    /// A time of day without seconds, with its date and perhaps its offset.
    MINUTES = r"^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d)(\s*(?:[Zz]|[+-]\d\d(?::?\d\d)?))?$";
}

/// Returns `time` with the seconds that the engine wants: `2026-01-31 10:20:00` for `2026-01-31 10:20`.
pub(crate) fn with_seconds(time: &str) -> Cow<'_, str> {
    MINUTES.replace(time, "$1:00$2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_from_end_to_end() {
        assert_eq!(number("90"), Some(ScalarValue::from(90_i64)));
        assert_eq!(number("-1.5"), Some(ScalarValue::from(-1.5)));
        assert_eq!(number("1e3"), Some(ScalarValue::from(1000.0)));
        assert_eq!(
            number("18446744073709551615"),
            Some(ScalarValue::from(u64::MAX))
        );
        assert_eq!(
            number("-1234567890123456.78"),
            Some(ScalarValue::Decimal128(
                Some(-123_456_789_012_345_678),
                18,
                2
            ))
        );
        for text in ["90 days", "", "inf", "NaN", "0x10", "1,5", "--1", "e"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn digits_that_a_float_may_lose_are_those_of_a_decimal() {
        for (digits, size) in [
            ("1234567890123456.78", Some((18, 2))),
            ("0.00000000000000000001", None),
            ("0.1234567890123456", Some((16, 16))),
            (".1234567890123456", Some((16, 16))),
            ("9007199254740993.", Some((16, 0))),
            ("123456789012345.", None),
            ("18446744073709551615", None),
            ("18446744073709551616", Some((20, 0))),
            ("99999999999999999999999999999999999999", Some((38, 0))),
            ("999999999999999999999999999999999999999", None),
            ("12345678901234567e3", None),
        ] {
            assert_eq!(exact_digits(digits), size, "{digits}");
        }
    }

    #[test]
    fn truth_has_postgresqls_spellings() {
        assert_eq!(truth_of("Yes"), Some(true));
        assert_eq!(truth_of("off"), Some(false));
        assert_eq!(truth_of("2"), None);
    }

    #[test]
    fn a_day_with_a_time_is_compared_as_a_timestamp() {
        let read = |text: &str| read(text, Class::Date, &DataType::Date32).map(|v| v.data_type());
        assert_eq!(read("2026-01-31"), Some(DataType::Date32));
        assert_eq!(read(" 2026-01-31T12:00Z "), Some(utc()));
        assert_eq!(read("soon"), None);
    }

    #[test]
    fn a_time_without_seconds_gets_them() {
        for (typed, read) in [
            ("2026-01-31 10:20", "2026-01-31 10:20:00"),
            ("2026-01-31T10:20Z", "2026-01-31T10:20:00Z"),
            ("2026-01-31 10:20 +02", "2026-01-31 10:20:00 +02"),
            ("2026-01-31 10:20:30", "2026-01-31 10:20:30"),
            ("2026-01-31", "2026-01-31"),
            ("10:20", "10:20"),
        ] {
            assert_eq!(with_seconds(typed), read);
        }
    }
}
