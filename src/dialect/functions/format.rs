//! `printf(format, …)`, which the dialect `stackql` also calls `format`, and PostgreSQL's `format(format, …)`.
//!
//! `printf` turns a format and values into text as SQLite's does ("Built-in printf()", sqlite.org/printf.html): a
//! missing value is 0 or empty, a conversion that does not exist ends the text. Widths and precisions count
//! characters, which SQLite does only under the flag `!`.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

use datafusion::logical_expr::ScalarUDF;

use super::error::{Error, MOST};
use super::scalar::{Arity, ReturnType, RowFunction, row_with_null};
use super::value::Value;

/// The most characters that a width or a precision may ask for; Rust's formatting ends at 65,535.
const LONGEST: usize = 60_000;
/// The digits of a float that SQLite shows, and with the flag `!`; the rest are zeros.
const DIGITS: usize = 16;
pub(crate) const MORE_DIGITS: usize = 26;

/// `printf(format, …)`.
pub(crate) fn printf() -> ScalarUDF {
    RowFunction::new(
        "printf",
        Arity::AtLeast(1),
        ReturnType::Text,
        |args| -> Result<_, Error> {
            let Some(format) = args[0].text() else {
                return Ok(Value::Null);
            };
            Ok(Value::Text(formatted(&format, &args[1..])?.into()))
        },
    )
    .taking_null()
    .or(&["stackql_format"])
    .udf()
}

/// The name of the function of this module that answers otherwise in the dialect `stackql`.
pub(super) const OF_STACKQL: &str = "format";

/// PostgreSQL's `format(format, …)`, which knows `%s`, `%L` and `%%`.
///
/// Not `%I`: which names need quotes follows from PostgreSQL's list of keywords.
pub(crate) fn format() -> ScalarUDF {
    row_with_null(
        OF_STACKQL,
        Arity::AtLeast(1),
        ReturnType::Text,
        |args| -> Result<_, Error> {
            let Some(format) = args[0].text() else {
                return Ok(Value::Null);
            };
            Ok(Value::Text(by_position(&format, &args[1..])?.into()))
        },
    )
}

/// Writes `values` by PostgreSQL's `format`.
///
/// # Errors
///
/// Fails on a conversion that it does not have, and on a value that is not there.
fn by_position(format: &str, values: &[Value<'_>]) -> Result<String, Error> {
    let wrong = |expected, given: &str| Error::Argument {
        function: "format",
        expected,
        given: given.to_owned(),
    };
    let (mut text, mut taken) = (String::new(), 0);
    let mut parts = format.split('%');
    text.push_str(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        if part.is_empty() {
            // Two signs beside each other are one.
            let Some(after) = parts.next() else {
                return Err(wrong("a letter after `%`", format));
            };
            text.push('%');
            text.push_str(after);
            continue;
        }
        let mut rest = part;
        let mut value_at = |position: Option<usize>| {
            taken = position.unwrap_or(taken + 1);
            let value = taken.checked_sub(1).and_then(|at| values.get(at));
            value.ok_or_else(|| wrong("a value for each `%`", format))
        };
        let position = take_position(&mut rest);
        let mut is_left = false;
        while let Some(after) = rest.strip_prefix('-') {
            (is_left, rest) = (true, after);
        }
        let width = match rest.strip_prefix('*') {
            Some(after) => {
                rest = after;
                let position = take_position(&mut rest);
                value_at(position)?.to_int()
            }
            None => {
                let digits =
                    rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                let (digits, after) = rest.split_at(digits);
                rest = after;
                match digits {
                    "" => 0,
                    digits => digits.parse().unwrap_or(i64::MAX),
                }
            }
        };
        let mut letters = rest.chars();
        let letter = letters.next();
        if !matches!(letter, Some('s' | 'L')) {
            return Err(wrong(
                "%s or %L, and printf takes other conversions",
                &format!("%{part}"),
            ));
        }
        let value = value_at(position)?;
        let converted: Cow<'_, str> = match value {
            Value::Null if letter == Some('L') => "NULL".into(),
            Value::Null => "".into(),
            Value::Bool(truth) => {
                let spelled = if *truth { "t" } else { "f" };
                quoted_if(letter == Some('L'), spelled.into())
            }
            value => quoted_if(letter == Some('L'), value.to_text()),
        };
        let spec = Spec {
            left: is_left || width < 0,
            width: bounded("format", width)?,
            ..Spec::default()
        };
        text.push_str(&spec.padded("", converted.into_owned(), false));
        text.push_str(letters.as_str());
        if text.len() as u64 > MOST {
            return Err(Error::TooLong("format".to_owned()));
        }
    }
    Ok(text)
}

/// Takes `2$` from the start of `rest`.
fn take_position(rest: &mut &str) -> Option<usize> {
    let (digits, after) = rest.split_once('$')?;
    let position = digits
        .bytes()
        .all(|c| c.is_ascii_digit())
        .then_some(digits)?;
    // One that is too large has no value, as 0 has none.
    let position = (!position.is_empty()).then(|| position.parse().unwrap_or(0))?;
    *rest = after;
    Some(position)
}

/// Returns `text` as a literal of PostgreSQL's if it is to be quoted.
fn quoted_if(is_quoted: bool, text: Cow<'_, str>) -> Cow<'_, str> {
    if !is_quoted {
        return text;
    }
    let prefix = if text.contains('\\') { "E" } else { "" };
    let text = text.replace('\\', r"\\").replace('\'', "''");
    format!("{prefix}'{text}'").into()
}

fn formatted(format: &str, values: &[Value<'_>]) -> Result<String, Error> {
    let mut text = String::new();
    let mut values = values.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let spec = Spec::parse(&mut chars, &mut values)?;
        let Some(conversion) = chars.next() else {
            text.push('%');
            break;
        };
        match spec.convert(conversion, &mut values) {
            Some(converted) => text.push_str(&converted),
            None => break,
        }
        if text.len() as u64 > MOST {
            return Err(Error::TooLong("printf".to_owned()));
        }
    }
    Ok(text)
}

/// What is between `%` and the letter of a conversion.
#[derive(Debug, Default)]
struct Spec {
    left: bool,
    sign: Option<char>,
    alternate: bool,
    more: bool,
    zeros: bool,
    thousands: bool,
    width: usize,
    precision: Option<usize>,
}

impl Spec {
    fn parse<'a, 'v: 'a>(
        chars: &mut Peekable<Chars<'_>>,
        values: &mut impl Iterator<Item = &'a Value<'v>>,
    ) -> Result<Self, Error> {
        let mut spec = Self::default();
        while let Some(flag) = chars.next_if(|c| "-+ #!0,".contains(*c)) {
            match flag {
                '-' => spec.left = true,
                '+' => spec.sign = Some('+'),
                ' ' => spec.sign = Some(' '),
                '#' => spec.alternate = true,
                '!' => spec.more = true,
                '0' => spec.zeros = true,
                _ => spec.thousands = true,
            }
        }
        if let Some(width) = count(chars, values) {
            spec.left |= width < 0;
            spec.width = bounded("printf", width)?;
        }
        if chars.next_if_eq(&'.').is_some() {
            let precision = count(chars, values).unwrap_or(0);
            spec.precision = Some(bounded("printf", precision)?);
        }
        // The size of C's integers means nothing here.
        while chars.next_if_eq(&'l').is_some() {}
        Ok(spec)
    }

    fn convert<'a, 'v: 'a>(
        &self,
        conversion: char,
        values: &mut impl Iterator<Item = &'a Value<'v>>,
    ) -> Option<String> {
        if conversion == '%' {
            return Some(self.padded("", "%".to_owned(), false));
        }
        let value = values.next().unwrap_or(&Value::Null);
        let int = value.to_int();
        let real = value.real().unwrap_or(0.0);
        // Two's complement: -1 is ffffffffffffffff.
        let bits = int.cast_unsigned();
        Some(match conversion {
            'd' | 'i' => self.decimal(sign_of(int < 0, self.sign), int.unsigned_abs()),
            'u' => self.decimal("", bits),
            'x' | 'p' => self.integer(self.prefix("0x", bits), &format!("{bits:x}")),
            'X' => self.integer(self.prefix("0X", bits), &format!("{bits:X}")),
            'o' => self.integer(self.prefix("0", bits), &format!("{bits:o}")),
            'r' => self.integer(sign_of(int < 0, self.sign), &ordinal(int.unsigned_abs())),
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' => self.float(conversion, real),
            'c' => {
                let first = value.to_text().chars().next();
                let first = first.map(String::from).unwrap_or_default();
                self.padded("", first.repeat(self.precision.unwrap_or(1).max(1)), false)
            }
            's' | 'z' => self.padded("", self.cut(value).into_owned(), false),
            'q' | 'Q' | 'w' if value.is_null() => {
                let null = Value::Text(if conversion == 'Q' { "NULL" } else { "(NULL)" }.into());
                self.padded("", self.cut(&null).into_owned(), false)
            }
            'q' => self.padded("", self.cut(value).replace('\'', "''"), false),
            'Q' => self.padded(
                "",
                format!("'{}'", self.cut(value).replace('\'', "''")),
                false,
            ),
            'w' => self.padded("", self.cut(value).replace('"', "\"\""), false),
            _ => return None,
        })
    }

    fn cut<'a>(&self, value: &'a Value<'_>) -> Cow<'a, str> {
        let text = value.to_text();
        match self.precision {
            Some(precision) => text.chars().take(precision).collect::<String>().into(),
            None => text,
        }
    }

    fn prefix(&self, prefix: &'static str, bits: u64) -> &'static str {
        if self.alternate && bits != 0 {
            prefix
        } else {
            ""
        }
    }

    fn decimal(&self, prefix: &str, number: u64) -> String {
        let digits = self.filled(prefix, &number.to_string());
        let digits = if self.thousands {
            grouped(&digits)
        } else {
            digits
        };
        self.padded(prefix, digits, false)
    }

    fn integer(&self, prefix: &str, digits: &str) -> String {
        self.padded(prefix, self.filled(prefix, digits), false)
    }

    /// Puts zeros before `digits` until there are as many as are asked for.
    fn filled(&self, prefix: &str, digits: &str) -> String {
        let mut least = self.precision.unwrap_or(0);
        if self.zeros {
            // Zeros fill the width, but for one place that a sign may want.
            let sign = usize::from(matches!(prefix, "-" | "+" | " "));
            least = least.max(self.width.saturating_sub(sign));
        }
        format!("{digits:0>least$}")
    }

    fn float(&self, conversion: char, number: f64) -> String {
        let sign = sign_of(number < 0.0, self.sign);
        let number = number.abs();
        if number.is_infinite() {
            return self.padded(sign, "Inf".to_owned(), false);
        }
        let precision = self.precision.unwrap_or(6);
        let most = if self.more { MORE_DIGITS } else { DIGITS };
        let mut digits = match conversion {
            'f' | 'F' if self.more => without_trailing_zeros(&fixed(number, precision, most)),
            'e' | 'E' if self.more => without_trailing_zeros(&scientific(number, precision, most)),
            'f' | 'F' => fixed(number, precision, most),
            'e' | 'E' => scientific(number, precision, most),
            _ => {
                let precision = precision.max(1);
                let scientific = scientific(number, precision - 1, most);
                let exponent = exponent_of(&scientific);
                let shown =
                    match usize::try_from(i64::try_from(precision).unwrap_or(0) - 1 - exponent) {
                        Ok(places) if exponent >= -4 => fixed(number, places, most),
                        _ => scientific,
                    };
                if self.alternate {
                    shown
                } else {
                    without_trailing_zeros(&shown)
                }
            }
        };
        let end = digits.find('e').unwrap_or(digits.len());
        if !digits.contains('.') && (self.more || self.alternate) {
            digits.insert_str(end, if self.more { ".0" } else { "." });
        }
        if conversion.is_ascii_uppercase() {
            digits.make_ascii_uppercase();
        }
        self.padded(sign, digits, self.zeros)
    }

    fn padded(&self, prefix: &str, text: String, zeros: bool) -> String {
        let length = prefix.chars().count() + text.chars().count();
        let fill = self.width.saturating_sub(length);
        match (self.left, zeros) {
            (true, _) => format!("{prefix}{text}{}", " ".repeat(fill)),
            (false, true) => format!("{prefix}{}{text}", "0".repeat(fill)),
            (false, false) => format!("{}{prefix}{text}", " ".repeat(fill)),
        }
    }
}

fn count<'a, 'v: 'a>(
    chars: &mut Peekable<Chars<'_>>,
    values: &mut impl Iterator<Item = &'a Value<'v>>,
) -> Option<i64> {
    if chars.next_if_eq(&'*').is_some() {
        return Some(values.next().and_then(Value::int).unwrap_or(0));
    }
    let mut count = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        count = Some(
            count
                .unwrap_or(0_i64)
                .saturating_mul(10)
                .saturating_add(i64::from(digit)),
        );
    }
    count
}

/// Returns a width or a precision.
///
/// # Errors
///
/// Fails beyond [`LONGEST`].
fn bounded(function: &'static str, count: i64) -> Result<usize, Error> {
    match usize::try_from(count.unsigned_abs()) {
        Ok(count) if count <= LONGEST => Ok(count),
        _ => Err(Error::Argument {
            function,
            expected: "widths of up to 60,000 characters",
            given: count.to_string(),
        }),
    }
}

fn sign_of(negative: bool, positive: Option<char>) -> &'static str {
    match (negative, positive) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(_)) => " ",
        (false, None) => "",
    }
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn ordinal(number: u64) -> String {
    let suffix = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

/// Writes `number`, which is not negative, with `places` after the point and zeros after the first `most` digits.
pub(crate) fn fixed(number: f64, places: usize, most: usize) -> String {
    // SQLite rounds what it shows rather than what it holds: 1.005 to 1.01, although it is a little less.
    let thirds = number.log2().floor() as i64 / 3;
    let room = i64::try_from(places)
        .unwrap_or(i64::MAX)
        .saturating_add(thirds);
    let number = if room < 15 {
        number + number * 3e-16
    } else {
        number
    };
    cut(
        &half_up(number, places, |number, places| {
            format!("{number:.places$}")
        }),
        most,
    )
}

/// Writes `number`, which is not negative, as `d.ddde±nn` with zeros after the first `most` digits.
fn scientific(number: f64, places: usize, most: usize) -> String {
    let text = half_up(number, places, |number, places| {
        format!("{number:.places$e}")
    });
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let mark = if exponent < 0 { '-' } else { '+' };
    format!("{}e{mark}{:02}", cut(mantissa, most), exponent.abs())
}

/// Puts zeros in the place of the digits that follow the first `most`.
fn cut(number: &str, most: usize) -> String {
    let mut shown = 0;
    number
        .chars()
        .map(|c| {
            let counts = c != '.' && (shown > 0 || c != '0');
            shown += usize::from(counts);
            if counts && shown > most { '0' } else { c }
        })
        .collect()
}

/// Formats with ties away from zero, where Rust breaks them to even.
fn half_up(number: f64, places: usize, format: fn(f64, usize) -> String) -> String {
    let exact = format(number, places + 40);
    let digits = exact.split('e').next().unwrap_or_default();
    let tail = &digits[digits.len().saturating_sub(40)..];
    let tie = tail.starts_with('5') && tail[1..].bytes().all(|digit| digit == b'0');
    format(if tie { number.next_up() } else { number }, places)
}

fn exponent_of(scientific: &str) -> i64 {
    scientific
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or(0)
}

fn without_trailing_zeros(digits: &str) -> String {
    let (mantissa, exponent) = digits.split_at(digits.find('e').unwrap_or(digits.len()));
    if !mantissa.contains('.') {
        return digits.to_owned();
    }
    format!(
        "{}{exponent}",
        mantissa.trim_end_matches('0').trim_end_matches('.')
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_format_breaks_it(format in "[%.*0-9a-zA-Z!,#+ -]{0,12}", number in any::<f64>()) {
            let values = [Value::Real(number), Value::Text("é'\"".into()), Value::Null];
            // One that is too wide is refused.
            let _ = formatted(&format, &values);
        }
    }

    #[test]
    fn postgresqls_format_takes_positions_widths_and_literals() {
        let values = ["a", "O'Reilly", r"a\b", "3"].map(|text| Value::Text(text.into()));
        for (format, expected) in [
            ("%2$s %1$s", "O'Reilly a"),
            ("%2$s %s", r"O'Reilly a\b"),
            ("%L %L %L", r"'a' 'O''Reilly' E'a\\b'"),
            ("100%% %s%%", "100% a%"),
            ("|%3s|%-10s|", "|  a|O'Reilly  |"),
            ("|%4$*4$s|", "|  3|"),
            ("%%%s", "%a"),
        ] {
            assert_eq!(
                by_position(format, &values).as_deref(),
                Ok(expected),
                "{format}"
            );
        }
        for format in [
            "%",
            "x%s%",
            "%d",
            "%I",
            "%9$s",
            "%0$s",
            "%s %s %s %s %s",
            "%99999999999999999999$s",
        ] {
            assert!(by_position(format, &values).is_err(), "{format}");
        }
        assert_eq!(
            by_position("%s|%L|%L", &[Value::Null, Value::Null, Value::Bool(true)]).as_deref(),
            Ok("|NULL|'t'")
        );
    }

    #[test]
    fn widths_count_characters() {
        let value = [Value::Text("naïve".into())];
        assert_eq!(formatted("[%7s]", &value).unwrap(), "[  naïve]");
        assert_eq!(formatted("[%.3s]", &value).unwrap(), "[naï]");
    }

    #[test]
    fn enormous_widths_and_precisions_are_refused() {
        for format in [
            "%999999999d",
            "%.999999999d",
            "%.999999999f",
            "%.999999999e",
            "%.999999999g",
        ] {
            let error = formatted(format, &[Value::Real(1.5)]).unwrap_err();
            assert!(error.to_string().contains("up to 60,000"), "{format}");
        }
    }
}
