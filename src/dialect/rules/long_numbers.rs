//! Numbers with more digits than a float holds. The planner makes floats of all numbers with a point.

use sqlparser::ast::{CastKind, DataType, ExactNumberInfo, Expr, Value};

use super::rule::Context;
use crate::dialect::ast::text;
use crate::dialect::plan::exact_digits;

/// Reads a number with more than 15 digits, or an integer of more than 64 bits, as a decimal.
///
/// ```sql
/// SELECT a = 1234567890123456.78 AS b, 1234567890123456.78::float8 AS c FROM t
/// -- becomes
/// SELECT a = CAST('1234567890123456.78' AS DECIMAL(18,2)) AS b, '1234567890123456.78'::FLOAT8 AS c FROM t
/// ```
///
/// What is converted to a float or a decimal is read as that from its digits. A number with an exponent is a float, and so is
/// one of more than 38 digits, which no decimal has.
pub(super) fn long_numbers(expr: &mut Expr, _: &mut Context<'_>) {
    if let Expr::Cast {
        expr, data_type, ..
    } = expr
        && reads_digits(data_type)
        && let Some((number, _)) = long_number(expr)
    {
        **expr = number;
    }
    if let Some((number, (precision, scale))) = long_number(expr) {
        let size = ExactNumberInfo::PrecisionAndScale(precision.into(), scale.into());
        *expr = Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(number),
            data_type: DataType::Decimal(size),
            array: false,
            format: None,
        };
    }
}

/// Returns the digits of `expr` as a text, and the precision and the scale of their decimal.
fn long_number(expr: &Expr) -> Option<(Expr, (u8, i8))> {
    let Expr::Value(typed) = expr else {
        return None;
    };
    let Value::Number(digits, false) = &typed.value else {
        return None;
    };
    let size = exact_digits(digits)?;
    Some((text(digits, typed.span), size))
}

/// Returns true for the types that a text of digits is converted to as the number would be.
fn reads_digits(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Decimal(_)
            | DataType::Numeric(_)
            | DataType::Dec(_)
            | DataType::Float(_)
            | DataType::Float4
            | DataType::Float8
            | DataType::Real
            | DataType::Double(_)
            | DataType::DoublePrecision
    )
}
