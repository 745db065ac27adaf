//! Text: `length`, `substr`, `instr`, `replace`, `split_part`, `char`, `unicode`, `hex`, `unhex`, `quote`, `typeof`,
//! `upper` and `lower` over anything, and the choice of one value, `iif` and `coalesce`.
//!
//! Positions count characters from 1. Any type of argument is read as the text that SQLite would show, structs and
//! lists as JSON.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result as PlanResult;
use datafusion::functions::expr_fn::character_length;
use datafusion::functions::string::expr_fn::{lower, upper};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult};
use datafusion::logical_expr::type_coercion::binary::{
    comparison_coercion, try_type_union_resolution,
};
use datafusion::logical_expr::{Expr, ScalarUDF, cast, when};

use super::error::Error;
use super::scalar::{Arity, Macro, ReturnType, RowFunction};
use super::value::{Value, real_text};

type Evaluated = Result<Value<'static>, Error>;

/// Returns the functions of this module.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    let (one, two, three) = (
        Arity::Between(1, 1),
        Arity::Between(2, 2),
        Arity::Between(3, 3),
    );
    let (text, int) = (ReturnType::Text, ReturnType::Int);
    vec![
        RowFunction::new("length", one, int, length)
            .shortcut(|args, info| {
                let plain = info.get_data_type(&args[0])?.is_string();
                Ok(plain.then(|| cast(character_length(args[0].clone()), DataType::Int64)))
            })
            .udf(),
        substr(),
        RowFunction::new("instr", two, int, instr).udf(),
        RowFunction::new("replace", three, text, replace).udf(),
        RowFunction::new("split_part", three, text, split_part).udf(),
        Macro::new(
            "upper",
            one,
            |_| Ok(vec![DataType::Utf8]),
            |_| DataType::Utf8,
            |args| Ok(upper(args.into_iter().next().unwrap_or_default())),
        )
        .udf(),
        Macro::new(
            "lower",
            one,
            |_| Ok(vec![DataType::Utf8]),
            |_| DataType::Utf8,
            |args| Ok(lower(args.into_iter().next().unwrap_or_default())),
        )
        .udf(),
        RowFunction::new("char", Arity::AtLeast(0), text, char_of).udf(),
        RowFunction::new("unicode", one, int, unicode).udf(),
        RowFunction::new("hex", one, text, hex).udf(),
        RowFunction::new("unhex", Arity::Between(1, 2), text, unhex).udf(),
        RowFunction::new("quote", one, text, quote).udf(),
        RowFunction::new("typeof", one, text, type_of).udf(),
        Macro::new(
            "coalesce",
            Arity::AtLeast(1),
            coalesce_types,
            |types| types[0].clone(),
            coalesce,
        )
        .udf(),
        Macro::new("iif", three, iif_types, |types| types[1].clone(), iif)
            .or(&["if"])
            .udf(),
    ]
}

/// `substr(x, start [, length])`.
fn substr() -> ScalarUDF {
    RowFunction::new("substr", Arity::Between(2, 3), ReturnType::Text, |args| {
        let (Some(text), Some(start)) = (args[0].text(), args[1].int()) else {
            return Ok(Value::Null);
        };
        let length = match args.get(2).map(Value::int) {
            Some(None) => return Ok(Value::Null),
            Some(length) => length,
            None => None,
        };
        let count = text.chars().count();
        let (from, to) = window(start, length, i64::try_from(count).unwrap_or(i64::MAX));
        let part = text
            .chars()
            .skip(from)
            .take(to.saturating_sub(from))
            .collect::<String>();
        Ok(Value::Text(part.into()))
    })
    .or(&["substring"])
    .udf()
}

/// Returns the characters that `substr` takes of `count`, from 0, the end excluded.
///
/// A negative start counts from the end, a negative length takes what precedes the start, and 0 is the place before
/// the first character.
fn window(start: i64, length: Option<i64>, count: i64) -> (usize, usize) {
    let from = match start {
        0 => -1,
        start if start > 0 => start - 1,
        start => count.saturating_add(start),
    };
    let (from, to) = match length {
        None => (from, count),
        Some(length) if length < 0 => (from.saturating_add(length), from),
        Some(length) => (from, from.saturating_add(length)),
    };
    let within = |place: i64| usize::try_from(place.clamp(0, count)).unwrap_or(0);
    (within(from), within(to))
}

/// Plans `SUBSTRING(x FROM a FOR b)` and `SUBSTR(x, a, b)`, which have a syntax of their own.
#[derive(Debug)]
pub(crate) struct SubstringPlanner;

impl ExprPlanner for SubstringPlanner {
    fn plan_substring(&self, args: Vec<Expr>) -> PlanResult<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(substr().call(args)))
    }
}

fn length(args: &[Value<'_>]) -> Evaluated {
    let count = match &args[0] {
        Value::Blob(bytes) => bytes.len(),
        value => match value.text() {
            None => return Ok(Value::Null),
            Some(text) => text.chars().count(),
        },
    };
    Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn instr(args: &[Value<'_>]) -> Evaluated {
    if let (Value::Blob(bytes), Value::Blob(part)) = (&args[0], &args[1]) {
        let place = match part.is_empty() {
            true => 1,
            false => bytes
                .windows(part.len())
                .position(|window| window == part.as_ref())
                .map_or(0, |byte| byte + 1),
        };
        return Ok(Value::Int(i64::try_from(place).unwrap_or(i64::MAX)));
    }
    let (Some(text), Some(part)) = (args[0].text(), args[1].text()) else {
        return Ok(Value::Null);
    };
    let place = text
        .find(part.as_ref())
        .map_or(0, |byte| text[..byte].chars().count() + 1);
    Ok(Value::Int(i64::try_from(place).unwrap_or(i64::MAX)))
}

fn replace(args: &[Value<'_>]) -> Evaluated {
    let (Some(text), Some(from), Some(to)) = (args[0].text(), args[1].text(), args[2].text())
    else {
        return Ok(Value::Null);
    };
    let replaced = if from.is_empty() {
        text.into_owned()
    } else {
        text.replace(from.as_ref(), &to)
    };
    Ok(Value::Text(replaced.into()))
}

/// Each character of the separator separates; an index outside of the parts gives the empty string.
fn split_part(args: &[Value<'_>]) -> Evaluated {
    let (Some(text), Some(separators), Some(index)) =
        (args[0].text(), args[1].text(), args[2].int())
    else {
        return Ok(Value::Null);
    };
    let mut parts = text.split(|c| separators.contains(c));
    let nth = |back: u64| usize::try_from(back - 1).unwrap_or(usize::MAX);
    let part = match index {
        0 => {
            return Err(Error::Argument {
                function: "split_part",
                expected: "an index from 1, or from -1 counting back",
                given: "0".to_owned(),
            });
        }
        index if index > 0 => parts.nth(nth(index.unsigned_abs())),
        index => parts.rev().nth(nth(index.unsigned_abs())),
    };
    Ok(Value::Text(part.unwrap_or_default().to_owned().into()))
}

fn char_of(args: &[Value<'_>]) -> Evaluated {
    let text: String = args
        .iter()
        .map(|value| {
            let code = value.int().unwrap_or(0);
            u32::try_from(code)
                .ok()
                .and_then(char::from_u32)
                .unwrap_or(char::REPLACEMENT_CHARACTER)
        })
        .collect();
    Ok(Value::Text(text.into()))
}

fn unicode(args: &[Value<'_>]) -> Evaluated {
    let first = args[0].text().and_then(|text| text.chars().next());
    Ok(first.map_or(Value::Null, |c| Value::Int(i64::from(u32::from(c)))))
}

fn hex(args: &[Value<'_>]) -> Evaluated {
    let text = args[0].text().unwrap_or_default();
    let bytes = match &args[0] {
        Value::Blob(bytes) => bytes.as_ref(),
        _ => text.as_bytes(),
    };
    Ok(Value::Text(digits(bytes).into()))
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Gives text, where SQLite gives bytes: NULL if it is not hexadecimal, or not UTF-8 then.
fn unhex(args: &[Value<'_>]) -> Evaluated {
    let ignored = match args.get(1).map(Value::text) {
        None => None,
        Some(None) => return Ok(Value::Null),
        Some(ignored) => ignored,
    };
    let Some(text) = args[0].text() else {
        return Ok(Value::Null);
    };
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut half = None;
    for c in text.chars() {
        match (c.to_digit(16), half) {
            (Some(digit), None) => half = Some(digit),
            (Some(digit), Some(high)) => {
                bytes.extend(u8::try_from(high << 4 | digit));
                half = None;
            }
            // What is ignored may stand between pairs, not within them.
            (None, None) if ignored.as_ref().is_some_and(|ignored| ignored.contains(c)) => {}
            (None, _) => return Ok(Value::Null),
        }
    }
    Ok(match (half, String::from_utf8(bytes)) {
        (None, Ok(text)) => Value::Text(text.into()),
        _ => Value::Null,
    })
}

fn quote(args: &[Value<'_>]) -> Evaluated {
    let literal = match &args[0] {
        Value::Null => "NULL".to_owned(),
        Value::Blob(bytes) => format!("X'{}'", digits(bytes)),
        Value::Real(number) => real_text(*number),
        Value::Text(text) | Value::Json(text) => format!("'{}'", text.replace('\'', "''")),
        number => number.text().unwrap_or_default().into_owned(),
    };
    Ok(Value::Text(literal.into()))
}

/// Names the storage class that SQLite would have; truth values are its integers.
fn type_of(args: &[Value<'_>]) -> Evaluated {
    let name = match &args[0] {
        Value::Null => "null",
        Value::Bool(_) | Value::Int(_) => "integer",
        Value::Real(_) => "real",
        Value::Text(_) | Value::Json(_) => "text",
        Value::Blob(_) => "blob",
    };
    Ok(Value::Text(name.into()))
}

/// Beside text everything is text: which of the two it will be is not known before the row is.
fn iif_types(types: &[DataType]) -> PlanResult<Vec<DataType>> {
    let common = match types[1].is_string() != types[2].is_string() {
        true if types[1].is_null() || types[2].is_null() => {
            comparison_coercion(&types[1], &types[2])
        }
        true => Some(DataType::Utf8),
        false => comparison_coercion(&types[1], &types[2]),
    };
    match common {
        Some(common) => Ok(vec![DataType::Boolean, common.clone(), common]),
        None => plan_err!("iif has no type for both {} and {}", types[1], types[2]),
    }
}

/// As of `iif`; what is nested is for the engine to reconcile.
fn coalesce_types(types: &[DataType]) -> PlanResult<Vec<DataType>> {
    let has_text = types.iter().any(DataType::is_string);
    let has_other = types.iter().any(|ty| !ty.is_string() && !ty.is_null());
    match has_text && has_other && !types.iter().any(DataType::is_nested) {
        true => Ok(vec![DataType::Utf8; types.len()]),
        false => try_type_union_resolution(types),
    }
}

fn coalesce(mut args: Vec<Expr>) -> PlanResult<Expr> {
    let last = args.pop().unwrap_or_default();
    let mut cases = args.into_iter();
    let Some(first) = cases.next() else {
        return Ok(last);
    };
    let mut choice = when(first.clone().is_not_null(), first);
    for arg in cases {
        choice.when(arg.clone().is_not_null(), arg);
    }
    choice.otherwise(last)
}

fn iif(args: Vec<Expr>) -> PlanResult<Expr> {
    let [condition, yes, no] = <[Expr; 3]>::try_from(args).unwrap_or_default();
    when(condition, yes).otherwise(no)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::functions::testing::{column, error, value};

    proptest! {
        #[test]
        fn a_window_never_leaves_the_text(
            start in any::<i64>(),
            length in any::<Option<i64>>(),
            count in 0..10_i64,
        ) {
            let (from, to) = window(start, length, count);
            prop_assert!(from <= 10 && to <= 10);
        }
    }

    #[tokio::test]
    async fn text_functions_take_anything_for_text() {
        for (expression, expected) in [
            ("length(spec -> 'resource') > 20", "true"),
            ("length(metadata.created_at)", "27"),
            ("substr(metadata.created_at, 1, 10)", "2026-01-03"),
            (
                "replace(metadata.created_at, 'T', ' ')",
                "2026-01-03 04:05:06.811920Z",
            ),
            ("instr(spec.owner.id, '-')", "3"),
            (
                "split_part(metadata.resource_name, '/', -1)",
                "api-key=KEYA",
            ),
            ("split_part(metadata.resource_name, '/=', 5)", "c"),
            ("length(spec.description)", "11"),
        ] {
            let found = column(&format!("SELECT {expression} FROM api_keys LIMIT 1")).await;
            assert_eq!(found, [expected], "{expression}");
        }
    }

    #[tokio::test]
    async fn substring_has_three_spellings() {
        for call in [
            "substr('hello', -3, 2)",
            "substring('hello', -3, 2)",
            "substring('hello' FROM -3 FOR 2)",
        ] {
            assert_eq!(value(call).await, "ll", "{call}");
        }
    }

    #[tokio::test]
    async fn iif_is_lazy_and_finds_a_common_type() {
        assert_eq!(value("iif(1 > 2, 1, 2.5)").await, "2.5");
        assert_eq!(value("if(NULL, 'a', 'b')").await, "b");
        assert_eq!(value("iif(true, 1, 'none')").await, "1");
        assert_eq!(value("iif(1, 'a', 'b')").await, "a");
        let sql = "SELECT iif(length(id) = 0, 1 / (length(id) - 4), 2) FROM api_keys LIMIT 1";
        assert_eq!(column(sql).await, ["2"]);
        let sql = "SELECT sum(iif(spec.owner.id LIKE 'u-%', 1, 0)) FROM api_keys";
        assert_eq!(column(sql).await, ["1"]);
    }

    #[tokio::test]
    async fn a_part_with_the_number_0_is_an_error() {
        let error = error("SELECT split_part('a', ',', 0)").await;
        assert_eq!(
            error.to_string(),
            "`split_part` expected an index from 1, or from -1 counting back, not `0`"
        );
    }
}
