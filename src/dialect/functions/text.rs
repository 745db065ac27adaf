//! Text: `length`, `substr`, `instr`, `replace`, `split_part`, `char`, `typeof`, `upper` and `lower` over anything, and
//! the choice of one value, `iif` and `coalesce`.
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
use datafusion::logical_expr::{Expr, ScalarUDF, cast, lit, when};

use super::bounded;
use super::error::{Error, MOST};
use super::scalar::{Arity, Macro, ReturnType, RowFunction, row, row_with_null};
use super::value::{Value, number_prefix};

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
        substr_of_stackql(),
        row("instr", two, int, instr),
        row("replace", three, text, replace),
        row("split_part", three, text, split_part),
        RowFunction::new("split_part", three, text, split_part_of_stackql)
            .of_stackql()
            .udf(),
        RowFunction::new("like", Arity::Between(2, 3), ReturnType::Bool, like)
            .of_stackql()
            .udf(),
        RowFunction::new("numeric", one, int, numeric)
            .returning(numeric_type)
            .of_stackql()
            .udf(),
        RowFunction::new("truth", one, ReturnType::Bool, truth)
            .shortcut(|args, info| {
                let is_truth = info.get_data_type(&args[0])? == DataType::Boolean;
                Ok(is_truth.then(|| args[0].clone()))
            })
            .of_stackql()
            .udf(),
        Macro::new("upper", one, |args| Ok(upper(first(args))))
            .of_text()
            .udf(),
        Macro::new("lower", one, |args| Ok(lower(first(args))))
            .of_text()
            .udf(),
        row_with_null("char", Arity::AtLeast(0), text, char_of),
        row_with_null("typeof", one, text, type_of),
        Macro::new("coalesce", Arity::AtLeast(1), coalesce)
            .taking(coalesce_types)
            .udf(),
        // To SQLite's planner the name is advice.
        Macro::new("likely", one, |args| Ok(first(args))).udf(),
        Macro::new("zeroblob", one, |args| {
            let zeros = bounded::repeat().call(vec![lit("\0"), first(args)]);
            Ok(cast(zeros, DataType::Binary))
        })
        .taking(|_| Ok(vec![DataType::Int64]))
        .returning(|_| DataType::Binary)
        .udf(),
        Macro::new("sqlite_version", Arity::Between(0, 0), |_| Ok(lit(SQLITE)))
            .of_text()
            .udf(),
        Macro::new("iif", three, iif)
            .taking(iif_types)
            .returning(|types| types[1].clone())
            .or(&["if"])
            .udf(),
    ]
}

/// The version of SQLite that the functions are compared with, in `conformance`.
const SQLITE: &str = "3.40.1";

fn first(args: Vec<Expr>) -> Expr {
    args.into_iter().next().unwrap_or_default()
}

/// The names of functions of this module that answer otherwise in the dialect `stackql`.
pub(crate) const OF_STACKQL: [&str; 3] = ["substr", "substring", "split_part"];

/// `substr(x, start [, length])`, as in PostgreSQL: places before the text count, and hold nothing.
fn substr() -> ScalarUDF {
    RowFunction::new("substr", Arity::Between(2, 3), ReturnType::Text, |args| {
        let (text, start) = (args[0].to_text(), args[1].to_int());
        let end = match args.get(2).map(Value::to_int) {
            None => i64::MAX,
            Some(length) if length < 0 => {
                return Err(Error::Argument {
                    function: "substr",
                    expected: "a length from 0",
                    given: length.to_string(),
                });
            }
            Some(length) => start.saturating_add(length),
        };
        let skipped = usize::try_from(start.saturating_sub(1)).unwrap_or(0);
        let length = usize::try_from(end.saturating_sub(start.max(1))).unwrap_or(0);
        let part: String = text.chars().skip(skipped).take(length).collect();
        Ok(Value::Text(part.into()))
    })
    .or(&["substring"])
    .udf()
}

/// `substr(x, start [, length])`, as in SQLite.
fn substr_of_stackql() -> ScalarUDF {
    RowFunction::new("substr", Arity::Between(2, 3), ReturnType::Text, |args| {
        let (text, start) = (args[0].to_text(), args[1].to_int());
        let length = args.get(2).map(Value::to_int);
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
    .of_stackql()
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
        value => value.to_text().chars().count(),
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
    let (text, part) = (args[0].to_text(), args[1].to_text());
    let place = text
        .find(part.as_ref())
        .map_or(0, |byte| text[..byte].chars().count() + 1);
    Ok(Value::Int(i64::try_from(place).unwrap_or(i64::MAX)))
}

fn replace(args: &[Value<'_>]) -> Evaluated {
    let [text, from, to] = [0, 1, 2].map(|arg| args[arg].to_text());
    let grows = to.len().saturating_sub(from.len());
    if grows > 0 && !from.is_empty() {
        let found = text.matches(from.as_ref()).count();
        if found.saturating_mul(grows) as u64 > MOST {
            return Err(Error::TooLong("replace".to_owned()));
        }
    }
    let replaced = if from.is_empty() {
        text.into_owned()
    } else {
        text.replace(from.as_ref(), &to)
    };
    Ok(Value::Text(replaced.into()))
}

/// As in PostgreSQL: an index outside of the parts gives the empty string, and without a separator all is one part.
fn split_part(args: &[Value<'_>]) -> Evaluated {
    let (text, separator, index) = (args[0].to_text(), args[1].to_text(), args[2].to_int());
    if index == 0 {
        return Err(Error::Argument {
            function: "split_part",
            expected: "an index from 1, or from -1 counting back",
            given: "0".to_owned(),
        });
    }
    let part = match separator.is_empty() {
        true => (index.abs() == 1).then_some(text.as_ref()),
        false => part(&text, &separator, index),
    };
    Ok(Value::Text(part.unwrap_or_default().to_owned().into()))
}

/// As in StackQL: an index outside of the parts gives NULL, and so does an empty separator.
fn split_part_of_stackql(args: &[Value<'_>]) -> Evaluated {
    let (text, separator) = (args[0].to_text(), args[1].to_text());
    let part = match args[2].to_int() {
        0 => None,
        _ if separator.is_empty() => None,
        index => part(&text, &separator, index),
    };
    Ok(part.map_or(Value::Null, |part| Value::Text(part.to_owned().into())))
}

/// Returns the part at `index`, which is not 0 and counts back if it is negative.
fn part<'t>(text: &'t str, separator: &str, index: i64) -> Option<&'t str> {
    let nth = usize::try_from(index.unsigned_abs() - 1).unwrap_or(usize::MAX);
    match index > 0 {
        true => text.split(separator).nth(nth),
        false => text.rsplit(separator).nth(nth),
    }
}

/// `like(text, pattern [, escape])`, as in SQLite: ASCII letters match in both cases.
fn like(args: &[Value<'_>]) -> Evaluated {
    let (text, pattern) = (args[0].to_text(), args[1].to_text());
    let escape = match args.get(2).map(Value::to_text) {
        None => None,
        Some(escape) => match escape.parse::<char>() {
            Ok(escape) => Some(escape),
            Err(_) => {
                return Err(Error::Argument {
                    function: "like",
                    expected: "one character to escape with",
                    given: escape.into_owned(),
                });
            }
        },
    };
    let text: Vec<char> = text.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut pattern_steps = Vec::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pattern_steps.push(match c {
            c if Some(c) == escape => match chars.next() {
                Some(literal) => Step::One(literal.to_ascii_lowercase()),
                // An escape that escapes nothing matches nothing.
                None => return Ok(Value::Bool(false)),
            },
            '%' => Step::Rest,
            '_' => Step::Any,
            c => Step::One(c.to_ascii_lowercase()),
        });
    }
    Ok(Value::Bool(matches(&text, &pattern_steps)))
}

/// A step of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    One(char),
    Any,
    Rest,
}

/// Goes back to the last `%` only, so that no pattern takes longer than its length times that of the text.
fn matches(text: &[char], pattern: &[Step]) -> bool {
    let (mut at, mut step) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(step) {
            Some(Step::Rest) => {
                back = Some((at, step));
                step += 1;
            }
            Some(Step::Any) => (at, step) = (at + 1, step + 1),
            Some(Step::One(c)) if *c == text[at] => (at, step) = (at + 1, step + 1),
            _ => match back {
                Some((from, rest)) => {
                    back = Some((from + 1, rest));
                    (at, step) = (from + 1, rest + 1);
                }
                None => return false,
            },
        }
    }
    pattern[step..].iter().all(|step| *step == Step::Rest)
}

/// What SQLite makes of a value for a column of numbers. A column has one type here, so text must hold an integer.
fn numeric(args: &[Value<'_>]) -> Evaluated {
    let text = match &args[0] {
        Value::Bool(truth) => return Ok(Value::Int(i64::from(*truth))),
        Value::Int(number) => return Ok(Value::Int(*number)),
        Value::Real(number) => return Ok(Value::Real(*number)),
        other => other.to_text().into_owned(),
    };
    let number = number_prefix(&text);
    let whole = |number: &f64| number.fract() == 0.0 && number.abs() < 9.0e15;
    let read = match number.is_empty() {
        true => Some(0),
        #[expect(clippy::cast_possible_truncation, reason = "a whole number that fits")]
        false => number.parse::<i64>().ok().or_else(|| {
            number
                .parse()
                .ok()
                .filter(whole)
                .map(|number| number as i64)
        }),
    };
    read.map(Value::Int).ok_or(Error::Argument {
        function: "cast",
        expected: "an integer (DOUBLE takes fractions)",
        given: text,
    })
}

fn numeric_type(types: &[DataType]) -> ReturnType {
    match types.first() {
        Some(data_type) if data_type.is_floating() => ReturnType::Real,
        Some(DataType::Decimal128(..) | DataType::Decimal256(..)) => ReturnType::Real,
        _ => ReturnType::Int,
    }
}

/// What counts as true in SQLite: a number that is not zero.
fn truth(args: &[Value<'_>]) -> Evaluated {
    Ok(match &args[0] {
        Value::Bool(truth) => Value::Bool(*truth),
        value => value
            .real()
            .map_or(Value::Null, |number| Value::Bool(number != 0.0)),
    })
}

fn char_of(args: &[Value<'_>]) -> Evaluated {
    let text: String = args
        .iter()
        .map(|value| {
            u32::try_from(value.to_int())
                .ok()
                .and_then(char::from_u32)
                .unwrap_or(char::REPLACEMENT_CHARACTER)
        })
        .collect();
    Ok(Value::Text(text.into()))
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
    use crate::dialect::functions::testing::{column, default_value, error, value};

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
            ("length(spec.description)", "11"),
        ] {
            let found = column(&format!("SELECT {expression} FROM api_keys LIMIT 1")).await;
            assert_eq!(found, [expected], "{expression}");
        }
    }

    #[tokio::test]
    async fn each_dialect_has_its_own_parts_of_a_text() {
        for (expression, stackql, default) in [
            ("split_part('a--b--c', '--', 2)", "b", "b"),
            ("split_part('x', '/', 5)", "NULL", ""),
            ("split_part('a/b/c', '/', -1)", "c", "c"),
            ("split_part('a/b/c', '/', -4)", "NULL", ""),
            ("split_part('ab', '', 1)", "NULL", "ab"),
            ("split_part('ab', '', 2)", "NULL", ""),
            ("split_part('a', ',', NULL)", "NULL", "NULL"),
            ("split_part(NULL, ',', 1)", "NULL", "NULL"),
            ("substr('hello', -3)", "llo", "hello"),
            ("substr('hello', 0, 3)", "he", "he"),
            ("substr('hello', -1, 4)", "o", "he"),
            ("substr('hello', 2, NULL)", "NULL", "NULL"),
            ("substring('hello' FROM 2 FOR 3)", "ell", "ell"),
            ("substring('hello' FROM -3)", "llo", "hello"),
        ] {
            assert_eq!(value(expression).await, stackql, "{expression}");
            assert_eq!(default_value(expression).await, default, "{expression}");
        }
    }

    #[tokio::test]
    async fn like_ignores_the_case_of_ascii_letters() {
        for (expression, stackql, default) in [
            ("'Abc' LIKE 'a%C'", "true", "false"),
            ("'É' LIKE 'é'", "false", "false"),
            ("'a_b' LIKE 'A!_B' ESCAPE '!'", "true", "false"),
            ("'axb' LIKE 'A!_B' ESCAPE '!'", "false", "false"),
            (r"'a\b' LIKE 'A\B'", "true", "false"),
            ("'aXbXc' LIKE 'A%x%C'", "true", "false"),
            ("'aab' LIKE '%AB'", "true", "false"),
            ("'' LIKE '%'", "true", "true"),
            ("'a' LIKE ''", "false", "false"),
            ("'a' NOT LIKE 'A'", "false", "true"),
            ("NULL LIKE 'a'", "NULL", "NULL"),
            ("'ab' LIKE '__'", "true", "true"),
            ("'ab' LIKE '_'", "false", "false"),
        ] {
            assert_eq!(value(expression).await, stackql, "{expression}");
            assert_eq!(default_value(expression).await, default, "{expression}");
        }
    }

    #[tokio::test]
    async fn casts_and_negation_are_as_in_stackql() {
        for (expression, expected) in [
            ("CAST('12' AS SIGNED)", "12"),
            ("CAST('12abc' AS UNSIGNED)", "12"),
            ("CAST('abc' AS BINARY)", "0"),
            ("CAST(1.5 AS SIGNED)", "1.5"),
            ("CAST('1e3' AS SIGNED)", "1000"),
            ("CAST(NULL AS SIGNED)", "NULL"),
            ("CAST(12 AS CHAR)", "12"),
            ("CAST('abc' AS NCHAR)", "abc"),
            ("NOT 1", "false"),
            ("NOT 0", "true"),
            ("NOT '1'", "false"),
            ("NOT NULL", "NULL"),
            ("NOT (1 = 2)", "true"),
            ("sum(NULL)", "NULL"),
            ("avg(NULL)", "NULL"),
            ("total(NULL)", "0.0"),
            ("6 ^ 3", "5"),
        ] {
            assert_eq!(value(expression).await, expected, "{expression}");
        }
        let error = error("SELECT CAST('1.5' AS SIGNED)").await;
        assert_eq!(
            error.to_string(),
            "`cast` expected an integer (DOUBLE takes fractions), not `1.5`"
        );
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
        assert_eq!(
            default_value("split_part('a', ',', 0)").await,
            "External error: `split_part` expected an index from 1, or from -1 counting back, not `0`"
        );
        assert_eq!(value("split_part('a', ',', 0)").await, "NULL");
    }
}
