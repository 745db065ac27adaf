//! PostgreSQL's `format(format, …)`, which knows `%s`, `%L` and `%%`.

use std::borrow::Cow;

use datafusion::logical_expr::ScalarUDF;

use super::error::{Error, MOST};
use super::scalar::{Arity, ReturnType, row_with_null};
use super::value::Value;

/// The most characters that a width may ask for.
const LONGEST: usize = 60_000;

/// `format(format, …)`.
///
/// Not `%I`: which names need quotes follows from PostgreSQL's list of keywords.
pub(crate) fn format() -> ScalarUDF {
    row_with_null(
        "format",
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
            return Err(wrong("%s or %L", &format!("%{part}")));
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
        let fill = " ".repeat(blanks(width, &converted)?);
        let (before, after) = match is_left || width < 0 {
            true => ("", fill.as_str()),
            false => (fill.as_str(), ""),
        };
        text.extend([before, &converted, after]);
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

/// Returns how many blanks fill `text` up to `width`.
///
/// # Errors
///
/// Fails for a width beyond [`LONGEST`].
fn blanks(width: i64, text: &str) -> Result<usize, Error> {
    match usize::try_from(width.unsigned_abs()) {
        Ok(width) if width <= LONGEST => Ok(width.saturating_sub(text.chars().count())),
        _ => Err(Error::Argument {
            function: "format",
            expected: "widths of up to 60,000 characters",
            given: width.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_format_breaks_it(format in "[%.*0-9a-zA-Z!,#+ -]{0,12}", number in any::<f64>()) {
            let values = [Value::Real(number), Value::Text("é'\"".into()), Value::Null];
            // What it does not know is refused.
            let _ = by_position(&format, &values);
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
    fn widths_count_characters_and_are_bounded() {
        let value = [Value::Text("naïve".into())];
        assert_eq!(by_position("[%7s]", &value).unwrap(), "[  naïve]");
        for width in ["%999999999s", "%-60001s"] {
            let error = by_position(width, &value).unwrap_err();
            assert!(error.to_string().contains("up to 60,000"), "{width}");
        }
    }
}
