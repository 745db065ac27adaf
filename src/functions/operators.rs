//! Operators over text, the way SQLite reads them.
//!
//! In arithmetic text counts for the number it holds, which is what `strftime('%s', …) - strftime('%s', …)` relies on;
//! and `json_valid(x) = 1` compares a truth value with SQLite's 1 or 0. Nothing is touched that DataFusion can plan
//! itself: dates, intervals and numbers among themselves.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::number::{to_integer, to_number};
use super::value::number_prefix;

/// Plans arithmetic over text, and comparisons of truth values with 1 and 0.
#[derive(Debug)]
pub(crate) struct OperatorPlanner;

impl ExprPlanner for OperatorPlanner {
    fn plan_binary_op(
        &self,
        raw: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{Divide, Eq, Minus, Modulo, Multiply, NotEq, Plus};
        if !matches!(
            raw.op,
            Plus | Minus | Multiply | Divide | Modulo | Eq | NotEq
        ) {
            return Ok(PlannerResult::Original(raw));
        }
        // A parameter has no type yet, and what is wrong with an expression is DataFusion's to say.
        let (Ok(left_type), Ok(right_type)) =
            (raw.left.get_type(schema), raw.right.get_type(schema))
        else {
            return Ok(PlannerResult::Original(raw));
        };
        let RawBinaryExpr { op, left, right } = raw;
        let (left, right) = if matches!(op, Eq | NotEq) {
            (truth(left, &right_type), truth(right, &left_type))
        } else if (left_type.is_string() || right_type.is_string())
            && counts(&left_type)
            && counts(&right_type)
        {
            (number(left, &left_type), number(right, &right_type))
        } else {
            (left, right)
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

/// Returns true for what can stand beside text in arithmetic.
fn counts(data_type: &DataType) -> bool {
    data_type.is_string() || data_type.is_numeric() || data_type.is_null()
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

    use super::super::testing::{context, planned, value};

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
