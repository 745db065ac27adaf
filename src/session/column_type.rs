//! The type of a column of text fields: the narrowest one that loses nothing of any of its values.
//!
//! Every value counts, not only the first ones. `007` and a number of 25 digits stay text, because a number would not
//! give them back. Pure.

use chrono::{NaiveDate, Utc};
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::{DataType, TimeUnit};

/// The integers that a float holds exactly.
const EXACT: u64 = 1 << 53;

/// What is known of a column.
#[derive(Debug, Clone)]
pub(super) struct TypeGuess {
    /// True once there was a value.
    is_seen: bool,
    is_bool: bool,
    is_int: bool,
    is_float: bool,
    is_date: bool,
    is_time: bool,
    /// True for a float, rather than an integer or a word such as `NaN` that could be one.
    has_digits: bool,
    /// True for an integer that a float would round.
    has_big_int: bool,
    has_nanos: bool,
    has_zone: bool,
    has_blank: bool,
}

impl Default for TypeGuess {
    fn default() -> Self {
        Self {
            is_seen: false,
            is_bool: true,
            is_int: true,
            is_float: true,
            is_date: true,
            is_time: true,
            has_digits: false,
            has_big_int: false,
            has_nanos: false,
            has_zone: false,
            has_blank: false,
        }
    }
}

impl TypeGuess {
    /// Takes the next value.
    pub(super) fn see(&mut self, text: &str) {
        self.is_seen = true;
        self.is_bool &= text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
        let int = as_int(text);
        self.is_int &= int.is_some();
        self.has_big_int |= int.is_some_and(|int| int.unsigned_abs() > EXACT);
        if self.is_float {
            let has_digits = is_float(text);
            self.has_digits |= has_digits;
            self.is_float = has_digits || matches!(text, "NaN" | "inf" | "-inf");
        }
        self.is_date &= is_date(text);
        if self.is_time {
            self.see_time(text);
        }
    }

    /// Takes an empty field that may be a text or nothing at all.
    pub(super) fn see_blank(&mut self) {
        self.has_blank = true;
    }

    /// Takes a value that is a text for certain.
    pub(super) fn see_text(&mut self) {
        *self = Self {
            is_seen: true,
            is_bool: false,
            is_int: false,
            is_float: false,
            is_date: false,
            is_time: false,
            ..self.clone()
        };
    }

    fn see_time(&mut self, text: &str) {
        let begins = text.len() > 18
            && text.is_ascii()
            && is_date(&text[..10])
            && matches!(text.as_bytes()[10], b'T' | b' ');
        self.is_time = begins && string_to_datetime(&Utc, text).is_ok();
        if !self.is_time {
            return;
        }
        let rest = &text[19..];
        let digits = rest.strip_prefix('.').unwrap_or("");
        let digits = digits.bytes().take_while(u8::is_ascii_digit).count();
        self.has_nanos |= digits > 6;
        self.has_zone |= rest.contains(|c: char| c != '.' && !c.is_ascii_digit());
    }

    /// Returns the type of the column.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self { is_seen: false, .. } if self.has_blank => DataType::Utf8,
            Self { is_seen: false, .. } => DataType::Null,
            Self { is_bool: true, .. } => DataType::Boolean,
            Self { is_int: true, .. } => DataType::Int64,
            Self { is_float: true, .. } if self.has_digits && !self.has_big_int => {
                DataType::Float64
            }
            Self { is_date: true, .. } => DataType::Date32,
            Self { is_time: true, .. } => {
                let unit = match self.has_nanos {
                    true => TimeUnit::Nanosecond,
                    false => TimeUnit::Microsecond,
                };
                DataType::Timestamp(unit, self.has_zone.then(|| "UTC".into()))
            }
            _ => DataType::Utf8,
        }
    }
}

/// Reads an integer that is written as it would be written again.
fn as_int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_canonical = match digits.as_bytes() {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_canonical.then(|| text.parse().ok()).flatten()
}

/// Returns true for a decimal number that a float stands for: no leading zeros, and no integer that is too long.
fn is_float(text: &str) -> bool {
    let number = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (number, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !fraction.is_none_or(are_digits) {
        return false;
    }
    if whole.is_empty() && fraction.is_none_or(str::is_empty) {
        return false;
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return false;
    }
    match (fraction, exponent) {
        (_, Some(exponent)) => {
            let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            !digits.is_empty() && are_digits(digits) && comes_back(text)
        }
        (Some(_), None) => comes_back(text),
        (None, None) => as_int(text).is_some(),
    }
}

/// Returns true if a float written out is the number `text` again, in this or another spelling.
pub(super) fn comes_back(text: &str) -> bool {
    let float = text.parse::<f64>().ok().filter(|float| float.is_finite());
    float.is_some_and(|float| digits(text) == digits(&format!("{float:e}")))
}

/// Returns the digits of the number `text` from the first to the last that is not zero, and the power of ten of the last
/// one.
fn digits(text: &str) -> Option<(String, i64)> {
    let text = text.trim_start_matches('-');
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let places = i64::try_from(fraction.len()).ok()?;
    let significant = significant.trim_start_matches('0');
    match significant.is_empty() {
        true => Some((String::new(), 0)),
        false => {
            let exponent: i64 = exponent.parse().ok()?;
            Some((
                significant.to_owned(),
                exponent.checked_add(zeros - places)?,
            ))
        }
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> String {
        let mut guess = TypeGuess::default();
        for value in values {
            guess.see(value);
        }
        guess.data_type().to_string()
    }

    #[test]
    fn the_type_is_the_narrowest_that_loses_nothing() {
        for (values, expected) in [
            (["1", "-2"].as_slice(), "Int64"),
            (&["0"], "Int64"),
            (&["1", "2.5"], "Float64"),
            (&["1e3", "-.5", "NaN", "inf"], "Float64"),
            (
                &["0.30000000000000004", "-0.0", "1.50", "5E-324"],
                "Float64",
            ),
            (&["12345678901234567.89"], "Utf8"),
            (&["0.1000000000000000055"], "Utf8"),
            (&["1e400"], "Utf8"),
            (&["1e-400"], "Utf8"),
            (&["NaN"], "Utf8"),
            (&["007"], "Utf8"),
            (&["+1"], "Utf8"),
            (&["-0"], "Utf8"),
            (&["1", "x"], "Utf8"),
            (&["9223372036854775807"], "Int64"),
            (&["9223372036854775808"], "Utf8"),
            (&["9007199254740993", "0.5"], "Utf8"),
            (&["true", "FALSE"], "Boolean"),
            (&["true", "1"], "Utf8"),
            (&["2026-01-02"], "Date32"),
            (&["2026-02-30"], "Utf8"),
            (&["2026-01-02", "2026-01-02T03:04:05"], "Utf8"),
            (
                &["2026-01-02T03:04:05Z", "2026-01-02T03:04:05"],
                "Timestamp(µs, \"UTC\")",
            ),
            (&["2026-01-02 03:04:05.123"], "Timestamp(µs)"),
            (&["2026-01-02T03:04:05.25+02:00"], "Timestamp(µs, \"UTC\")"),
            (&["2026-01-02T03:04:05.1234567Z"], "Timestamp(ns, \"UTC\")"),
            (&["2026-01-02T03:04:05 or so"], "Utf8"),
            (&[], "Null"),
        ] {
            assert_eq!(of(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_blank_is_nothing_among_numbers_and_a_text_by_itself() {
        let mut guess = TypeGuess::default();
        guess.see_blank();
        assert_eq!(guess.data_type(), DataType::Utf8);
        guess.see("1");
        assert_eq!(guess.data_type(), DataType::Int64);
        guess.see_text();
        assert_eq!(guess.data_type(), DataType::Utf8);
    }
}
