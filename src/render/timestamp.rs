//! Timestamps as RFC 3339, fast.
//!
//! A key has three timestamps, so this is part of the hot loop, and Arrow's own formatter uses chrono's, which is general and
//! slow. Turns Arrow timestamps into text; never quotes it.

use std::io::Write;

use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};
use datafusion::arrow::array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::buffer::ScalarBuffer;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::arrow::util::display::ArrayFormatter;

use super::options::ARROW_FORMAT;

/// The values of one timestamp column.
pub(crate) enum Timestamps<'a> {
    /// Instants in UTC, or times without a time zone.
    Plain {
        values: ScalarBuffer<i64>,
        unit: TimeUnit,
        utc: bool,
    },
    /// Instants that are shown with another offset.
    Zoned(ArrayFormatter<'a>),
}

impl<'a> Timestamps<'a> {
    /// Reads a column, or returns None if it holds no timestamps.
    pub(crate) fn try_new(array: &'a dyn Array) -> Option<Self> {
        let DataType::Timestamp(unit, zone) = array.data_type() else {
            return None;
        };
        let utc = zone
            .as_deref()
            .is_none_or(|zone| matches!(zone, "UTC" | "Z" | "+00:00" | "+00"));
        // An instant in a zone that Arrow does not know is shown in UTC.
        if !utc && let Ok(formatter) = ArrayFormatter::try_new(array, &ARROW_FORMAT) {
            return Some(Self::Zoned(formatter));
        }
        let values = match unit {
            TimeUnit::Second => array.as_primitive::<TimestampSecondType>().values(),
            TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values(),
            TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values(),
            TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values(),
        };
        Some(Self::Plain {
            values: values.clone(),
            unit: *unit,
            utc: zone.is_some(),
        })
    }

    /// Appends one value: `2026-01-03T04:05:06Z`, with 3, 6 or 9 digits of a fraction if there is one, and without the
    /// `Z` if the type has no zone. A value too large for a date is written as its number.
    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        match self {
            Self::Zoned(formatter) => {
                let _ = write!(out, "{}", formatter.value(row));
            }
            Self::Plain { values, unit, utc } => match instant(values[row], *unit) {
                Some(time) => write_instant(time, *utc, out),
                None => {
                    let _ = write!(out, "{}", values[row]);
                }
            },
        }
    }
}

fn instant(value: i64, unit: TimeUnit) -> Option<DateTime<Utc>> {
    match unit {
        TimeUnit::Second => DateTime::from_timestamp(value, 0),
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(value),
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(value),
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(value)),
    }
}

fn write_instant(instant: DateTime<Utc>, utc: bool, out: &mut Vec<u8>) {
    // Reading a part of an instant with a zone would compute all of it.
    let time = instant.naive_utc();
    let year = match u32::try_from(time.year()) {
        Ok(year) if year <= 9999 => year,
        // RFC 3339 ends with the year 9999; ISO 8601 continues with a sign.
        _ => {
            let text = instant.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            out.extend_from_slice(
                if utc {
                    &text
                } else {
                    text.trim_end_matches('Z')
                }
                .as_bytes(),
            );
            return;
        }
    };
    push_digits(year, 4, out);
    for (mark, part) in [
        (b'-', time.month()),
        (b'-', time.day()),
        (b'T', time.hour()),
        (b':', time.minute()),
        (b':', time.second()),
    ] {
        out.push(mark);
        push_digits(part, 2, out);
    }
    let nanos = time.nanosecond() % 1_000_000_000;
    if nanos != 0 {
        out.push(b'.');
        match nanos {
            n if n % 1_000_000 == 0 => push_digits(n / 1_000_000, 3, out),
            n if n % 1_000 == 0 => push_digits(n / 1_000, 6, out),
            n => push_digits(n, 9, out),
        }
    }
    if utc {
        out.push(b'Z');
    }
}

fn push_digits(mut number: u32, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + width, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        ArrayRef, Int32Array, TimestampMicrosecondArray, TimestampNanosecondArray,
        TimestampSecondArray,
    };
    use proptest::prelude::*;

    use super::*;

    fn text(array: ArrayRef) -> String {
        let mut out = Vec::new();
        Timestamps::try_new(&array).unwrap().write(0, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_fraction_is_shown_only_if_there_is_one() {
        let micros = |value| {
            text(Arc::new(
                TimestampMicrosecondArray::from(vec![value]).with_timezone("UTC"),
            ))
        };
        assert_eq!(micros(1_767_413_106_000_000), "2026-01-03T04:05:06Z");
        assert_eq!(micros(1_767_413_106_811_920), "2026-01-03T04:05:06.811920Z");
        assert_eq!(micros(1_767_413_106_500_000), "2026-01-03T04:05:06.500Z");
        assert_eq!(micros(-1), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn zones_show_as_their_type_says() {
        let at = |zone: &str| {
            text(Arc::new(
                TimestampSecondArray::from(vec![0]).with_timezone(zone),
            ))
        };
        assert_eq!(at("+00:00"), "1970-01-01T00:00:00Z");
        assert_eq!(at("+02:00"), "1970-01-01T02:00:00+02:00");
        assert_eq!(at("Nowhere/Land"), "1970-01-01T00:00:00Z");
        assert_eq!(
            text(Arc::new(TimestampNanosecondArray::from(vec![1]))),
            "1970-01-01T00:00:00.000000001"
        );
    }

    #[test]
    fn values_outside_the_calendar_are_still_shown() {
        let seconds = |value| {
            text(Arc::new(
                TimestampSecondArray::from(vec![value]).with_timezone("UTC"),
            ))
        };
        assert_eq!(seconds(i64::MAX), "9223372036854775807");
        assert_eq!(seconds(253_402_300_800), "+10000-01-01T00:00:00Z");
    }

    #[test]
    fn other_types_are_left_to_others() {
        assert!(Timestamps::try_new(&Int32Array::from(vec![1])).is_none());
    }

    proptest! {
        #[test]
        fn it_agrees_with_chrono(micros in -62_167_219_200_000_000i64..253_402_300_800_000_000) {
            let ours = text(Arc::new(TimestampMicrosecondArray::from(vec![micros]).with_timezone("UTC")));
            let theirs = DateTime::from_timestamp_micros(micros).unwrap();
            prop_assert_eq!(ours, theirs.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        }
    }
}
