//! Operators over text, the way SQLite reads them.
//!
//! - In arithmetic text is read as the number it holds, on which `strftime('%s', …) - strftime('%s', …)` relies,
//!   and a boolean as 1 or 0.
//! - Text compared with a number, as `json_extract` gives it, is compared as a number; other text is greater than every
//!   number.
//! - Arithmetic over unsigned integers is that of signed ones.
//! - `json_valid(x) = 1` compares a truth value with SQLite's 1 or 0.
//! - `||` and the operators of regular expressions take anything for its text, an object for its JSON.
//!
//! Nothing is touched that DataFusion can plan itself: dates, intervals and numbers among themselves.

use std::cmp::Ordering;

use datafusion::arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::utils::list_ndims;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, cast, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::bounded::{array_append, array_prepend};
use super::checked::interval_value;
use super::intervals::interval_times;
use super::json::convert::to_text;
use super::number::{to_integer, to_number, to_rank};
use super::value::{number_prefix, truth_of};

/// Plans operators over operands that DataFusion refuses, or understands otherwise than SQLite.
#[derive(Debug)]
pub(crate) struct OperatorPlanner;

impl ExprPlanner for OperatorPlanner {
    fn plan_binary_op(
        &self,
        raw: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{
            Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, PGRegexIMatch,
            PGRegexMatch, PGRegexNotIMatch, PGRegexNotMatch, Plus, StringConcat,
        };
        let operands: fn(Operand, Operand) -> (Expr, Expr) = match raw.op {
            Plus | Minus | Multiply | Divide | Modulo => arithmetic,
            Eq | NotEq | Lt | LtEq | Gt | GtEq => comparison,
            StringConcat => concatenation,
            PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch => expression,
            _ => return Ok(PlannerResult::Original(raw)),
        };
        if let Some(multiple) = multiple_by_parameter(&raw, schema) {
            return Ok(PlannerResult::Planned(multiple));
        }
        // A parameter has no type yet, and what is wrong with an expression is DataFusion's to say.
        let (Ok(left_type), Ok(right_type)) =
            (raw.left.get_type(schema), raw.right.get_type(schema))
        else {
            return Ok(PlannerResult::Original(raw));
        };
        let RawBinaryExpr { op, left, right } = raw;
        if let Some(multiple) = multiple((&left, &left_type), &op, (&right, &right_type)) {
            return Ok(PlannerResult::Planned(multiple));
        }
        let is_joined = matches!(op, StringConcat);
        let is_expression = matches!(
            op,
            PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch
        );
        if is_joined && !left_type.is_null() && !right_type.is_null() {
            match list_ndims(&left_type).cmp(&list_ndims(&right_type)) {
                Ordering::Greater => {
                    let appended = array_append().call(vec![left, right]);
                    return Ok(PlannerResult::Planned(appended));
                }
                Ordering::Less => {
                    let prepended = array_prepend().call(vec![left, right]);
                    return Ok(PlannerResult::Planned(prepended));
                }
                Ordering::Equal => {}
            }
        }
        let right = match &right {
            // The engine would make IS NOT NULL of it, which is not NULL for NULL.
            Expr::Literal(pattern, _)
                if is_expression && pattern.try_as_str() == Some(Some(".*")) =>
            {
                lit("")
            }
            _ => right,
        };
        let (left, right) = operands((left, left_type), (right, right_type));
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

type Operand = (Expr, DataType);

/// The type of a time of day.
const TIME: DataType = DataType::Time64(TimeUnit::Nanosecond);

/// The type of the time at which a date begins. A difference of times moves it; the engine adds none to a date.
const MIDNIGHT: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// Returns a multiple of an interval by a parameter: `$days * interval '1 day'`. DataFusion would take the parameter for an
/// interval.
fn multiple_by_parameter(raw: &RawBinaryExpr, schema: &DFSchema) -> Option<Expr> {
    let (interval, parameter) = match (&raw.left, &raw.op, &raw.right) {
        (Expr::Placeholder(_), BinaryOperator::Multiply, interval) => (interval, &raw.left),
        (interval, BinaryOperator::Multiply, Expr::Placeholder(_)) => (interval, &raw.right),
        _ => return None,
    };
    let is_interval = matches!(
        interval.get_type(schema),
        Ok(DataType::Interval(_) | DataType::Duration(_))
    );
    let number = cast(parameter.clone(), DataType::Float64);
    is_interval.then(|| interval_times().call(vec![interval.clone(), number]))
}

/// Returns a multiple of an interval or of a difference of times, which DataFusion has none of.
fn multiple(
    left: (&Expr, &DataType),
    op: &BinaryOperator,
    right: (&Expr, &DataType),
) -> Option<Expr> {
    let is_interval =
        |data_type: &DataType| matches!(data_type, DataType::Interval(_) | DataType::Duration(_));
    let (interval, number) = match (left, op, right) {
        (left, BinaryOperator::Multiply | BinaryOperator::Divide, right)
            if is_interval(left.1) && right.1.is_numeric() =>
        {
            (left.0, right.0)
        }
        (left, BinaryOperator::Multiply, right) if left.1.is_numeric() && is_interval(right.1) => {
            (right.0, left.0)
        }
        _ => return None,
    };
    let factor = match op {
        BinaryOperator::Divide => lit(1.0) / cast(number.clone(), DataType::Float64),
        _ => number.clone(),
    };
    Some(interval_times().call(vec![interval.clone(), factor]))
}

fn arithmetic(left: Operand, right: Operand) -> (Expr, Expr) {
    let is_text_or_truth =
        |data_type: &DataType| data_type.is_string() || *data_type == DataType::Boolean;
    if (is_text_or_truth(&left.1) || is_text_or_truth(&right.1))
        && counts(&left.1)
        && counts(&right.1)
    {
        return (number(left.0, &left.1), number(right.0, &right.1));
    }
    let moved = |(date, data_type): Operand, other: &DataType| match (&data_type, other) {
        (DataType::Date32, DataType::Duration(_)) => cast(date, MIDNIGHT),
        _ => signed((date, data_type)),
    };
    let (left_type, right_type) = (left.1.clone(), right.1.clone());
    (moved(left, &right_type), moved(right, &left_type))
}

/// Returns an unsigned integer, such as the length of a list or a column of a file, as a signed one. Beside a signed one
/// the engine would make decimals of both, which are divided otherwise, and a difference may be negative.
fn signed((expr, data_type): Operand) -> Expr {
    match data_type.is_unsigned_integer() {
        true => cast(expr, DataType::Int64),
        false => expr,
    }
}

fn comparison(left: Operand, right: Operand) -> (Expr, Expr) {
    match (flag(&left, &right.1), flag(&right, &left.1)) {
        (Some(flag), _) => return (flag, right.0),
        (_, Some(flag)) => return (left.0, flag),
        _ => {}
    }
    let (left_type, right_type) = (left.1.clone(), right.1.clone());
    (comparable(left, &right_type), comparable(right, &left_type))
}

/// Returns the boolean that a literal spells which is compared with one.
fn flag((expr, _): &Operand, other: &DataType) -> Option<Expr> {
    match (expr, other) {
        (Expr::Literal(text, _), DataType::Boolean) => {
            text.try_as_str().flatten().and_then(truth_of).map(lit)
        }
        _ => None,
    }
}

/// Makes `operand` comparable with a value of the type `other`.
fn comparable((expr, data_type): Operand, other: &DataType) -> Expr {
    match (&data_type, other) {
        (text, number) if text.is_string() && number.is_numeric() => to_rank().call(vec![expr]),
        // Times of day of files may have fewer digits than those of literals, which the engine does not compare.
        (DataType::Time32(_) | DataType::Time64(TimeUnit::Microsecond), _) => cast(expr, TIME),
        (DataType::Boolean, text) if text.is_string() => to_text().call(vec![expr]),
        (text, DataType::Time32(_) | DataType::Time64(_)) if text.is_string() => {
            read_as(expr, &TIME)
        }
        (text, other @ DataType::Interval(_)) if text.is_string() => read_as(expr, other),
        // A difference of times is compared with an interval.
        (text, DataType::Duration(_)) if text.is_string() => {
            read_as(expr, &DataType::Interval(IntervalUnit::MonthDayNano))
        }
        _ => truth(expr, other),
    }
}

/// Reads the text of a literal as a value of `data_type`, which DataFusion would not compare it with.
fn read_as(expr: Expr, data_type: &DataType) -> Expr {
    let value = match &expr {
        Expr::Literal(text, _) => match (data_type, text.try_as_str().flatten()) {
            (DataType::Interval(_), Some(text)) => interval_value(text),
            _ => text.cast_to(data_type).ok(),
        },
        _ => None,
    };
    match value {
        Some(value) => lit(value),
        None => expr,
    }
}

fn concatenation(left: Operand, right: Operand) -> (Expr, Expr) {
    let is_list = |data_type: &DataType| {
        matches!(
            data_type,
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)
        )
    };
    // Lists are joined to a list, which is DataFusion's. As in PostgreSQL, a NULL without a type is a list.
    if is_list(&left.1) || is_list(&right.1) {
        return match (left.1.is_null(), right.1.is_null()) {
            (true, _) => (cast(left.0, right.1.clone()), right.0),
            (_, true) => {
                let null = cast(right.0, left.1.clone());
                (left.0, null)
            }
            _ => (left.0, right.0),
        };
    }
    let no_text = !left.1.is_string() && !right.1.is_string();
    let part = |(expr, data_type): Operand| {
        let is_spelled_otherwise =
            data_type.is_floating() || matches!(data_type, DataType::Boolean | DataType::Struct(_));
        match is_spelled_otherwise || no_text {
            true => to_text().call(vec![expr]),
            false => expr,
        }
    };
    (part(left), part(right))
}

fn expression(left: Operand, right: Operand) -> (Expr, Expr) {
    let text = |(expr, data_type): Operand| match data_type.is_string() || data_type.is_null() {
        true => expr,
        false => to_text().call(vec![expr]),
    };
    (text(left), text(right))
}

/// Returns true for what can be beside text in arithmetic.
fn counts(data_type: &DataType) -> bool {
    data_type.is_string()
        || data_type.is_numeric()
        || data_type.is_null()
        || *data_type == DataType::Boolean
}

/// Reads 1 and 0 as true and false if that is what they are compared with.
fn truth(expr: Expr, other: &DataType) -> Expr {
    match (&expr, other) {
        (Expr::Literal(ScalarValue::Int64(Some(1)), _), DataType::Boolean) => lit(true),
        (Expr::Literal(ScalarValue::Int64(Some(0)), _), DataType::Boolean) => lit(false),
        _ => expr,
    }
}

/// Reads text as a number. Which kind must be known before the text is: an integer where it can be nothing else.
fn number(expr: Expr, data_type: &DataType) -> Expr {
    if *data_type == DataType::Boolean {
        return to_integer().call(vec![expr]);
    }
    if !data_type.is_string() {
        return expr;
    }
    let integer = match &expr {
        Expr::Literal(text, _) => text
            .try_as_str()
            .flatten()
            .is_some_and(|text| number_prefix(text).parse::<i64>().is_ok()),
        Expr::ScalarFunction(call) if call.name() == "strftime" => {
            call.args.first().is_some_and(writes_an_integer)
        }
        _ => false,
    };
    if integer { to_integer() } else { to_number() }.call(vec![expr])
}

/// Returns true for the formats of `strftime` that give digits only.
fn writes_an_integer(format: &Expr) -> bool {
    let Expr::Literal(format, _) = format else {
        return false;
    };
    let Some(format) = format.try_as_str().flatten() else {
        return false;
    };
    format.len() >= 2
        && format.as_bytes().chunks(2).all(|part| {
            matches!(
                part,
                [
                    b'%',
                    b'd' | b'H' | b'j' | b'm' | b'M' | b's' | b'S' | b'w' | b'W' | b'Y'
                ]
            )
        })
}

#[cfg(test)]
mod tests {
    use datafusion::common::ScalarValue;

    use crate::dialect::functions::testing::{column, context, planned, value};

    #[tokio::test]
    async fn text_counts_for_its_number_and_integers_stay_integers() {
        for (expression, expected) in [
            ("'12' + 1", "13"),
            ("'1.5' * 2", "3.0"),
            ("'12 keys' - '2'", "10"),
            ("'none' + 1", "1.0"),
            ("'7' / 2", "3"),
            ("7 % to_text(4)", "3.0"),
            ("strftime('%Y', '2026-06-01') + 1", "2027"),
            ("strftime('%Y-%m', '2026-06-01') + 1", "2027.0"),
            ("NULL + 'x' IS NULL", "true"),
        ] {
            assert_eq!(value(expression).await, expected, "{expression}");
        }
    }

    #[tokio::test]
    async fn truth_compares_with_1_and_0() {
        assert_eq!(value("json_valid('[]') = 1").await, "true");
        assert_eq!(value("0 <> json_valid('[]')").await, "true");
        assert_eq!(value("1 = 1").await, "true");
    }

    #[tokio::test]
    async fn text_beside_a_number_is_compared_as_one_or_is_greater() {
        for (expression, expected) in [
            ("json_extract('{\"a\":10.5}', '$.a') > 9", "true"),
            ("json_extract('{\"a\":10}', '$.a') = 10.0", "true"),
            ("9 < json_extract('{\"a\":\"x\"}', '$.a')", "true"),
            ("json_extract('{\"a\":\"x\"}', '$.a') <= 9", "false"),
            ("json_extract('{\"a\":\"x\"}', '$.a') <> 9", "true"),
            ("json_extract('{\"a\":null}', '$.a') > 9", "NULL"),
            ("json_extract('{\"a\":true}', '$.a') = true", "true"),
            ("json_extract('{\"a\":true}', '$.a') = 1", "true"),
        ] {
            assert_eq!(value(expression).await, expected, "{expression}");
        }
    }

    #[tokio::test]
    async fn anything_has_a_text_to_be_joined_and_matched() {
        for (expression, expected) in [
            ("1 || 2", "12"),
            ("'a' || (1 = 1)", "a1"),
            ("2.0 || 'x'", "2.0x"),
            ("'a' || NULL", "NULL"),
            ("51 REGEXP '^5'", "true"),
            ("(1 = 1) + 1", "2"),
        ] {
            assert_eq!(value(expression).await, expected, "{expression}");
        }
        let objects =
            "SELECT id FROM api_keys WHERE spec || '' LIKE '%sa-1%' AND spec REGEXP '\"sa-1\"'";
        assert_eq!(column(objects).await, ["KEYA"]);
    }

    #[tokio::test]
    async fn parameters_get_their_type_from_the_engine() {
        let context = context();
        let sql = "SELECT id FROM api_keys WHERE (spec ->> 'display_name') = $1";
        let frame = planned(&context, sql).await.expect("a plan");
        let frame = frame
            .with_param_values(vec![ScalarValue::from("ci")])
            .expect("a parameter");
        assert_eq!(frame.count().await.expect("runs"), 1);
        let frame = planned(&context, "SELECT $1 -> 'a', $2 + 1")
            .await
            .expect("a plan");
        let values = vec![ScalarValue::from("{\"a\":1}"), ScalarValue::from(2_i64)];
        let frame = frame.with_param_values(values).expect("parameters");
        assert_eq!(frame.count().await.expect("runs"), 1);
    }
}
