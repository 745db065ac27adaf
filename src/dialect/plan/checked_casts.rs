//! A rule over logical plans that checks conversions from which the engine would make a different value.
//!
//! A text without a unit becomes an interval of months to the engine, and seconds to PostgreSQL: it is refused, as
//! `INTERVAL '5'` is. A number that its type cannot hold becomes infinity, and one that no time has another time.
//! NUMERIC alone, of any length in PostgreSQL, has 10 places here: more of them are refused.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::{Expr, ExprSchemable, ScalarUDF, cast};

use crate::dialect::functions::checked;

/// NUMERIC without a precision.
const NUMERIC: DataType = DataType::Decimal128(38, 10);

/// Checks what is converted. To be run when types fit.
pub(super) fn check_casts(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let found = match &mut expr {
        Expr::Cast(Cast { expr: value, field })
            if *field.data_type() == NUMERIC
                && matches!(value.get_type(schema), Ok(DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale)) if scale > 10) =>
        {
            let number = value.as_mut();
            *number = cast(std::mem::take(number), DataType::Utf8);
            Some((number, checked::numeric_text()))
        }
        Expr::Cast(Cast { expr: value, field }) => match value.get_type(schema) {
            Ok(from) => check(&from, field.data_type()).map(|check| (value.as_mut(), check)),
            Err(_) => None,
        },
        Expr::TryCast(TryCast { expr: value, field })
            if matches!(field.data_type(), DataType::Interval(_))
                && value.get_type(schema).is_ok_and(|ty| ty.is_string()) =>
        {
            Some((value.as_mut(), checked::interval_text_or_null()))
        }
        Expr::ScalarFunction(call) if call.name() == "to_timestamp" => {
            match call.args.as_mut_slice() {
                [seconds] if seconds.get_type(schema).is_ok_and(|ty| ty.is_floating()) => {
                    Some((seconds, checked::seconds()))
                }
                _ => None,
            }
        }
        _ => None,
    };
    let Some((value, check)) = found else {
        return Ok(Transformed::no(expr));
    };
    *value = check.call(vec![std::mem::take(value)]);
    Ok(Transformed::yes(expr))
}

/// Returns what checks a value of `from` that becomes one of `to`.
fn check(from: &DataType, to: &DataType) -> Option<ScalarUDF> {
    match (from, to) {
        (text, DataType::Interval(_)) if text.is_string() => Some(checked::interval_text()),
        (text, DataType::Float64) if text.is_string() => Some(checked::double_text()),
        (text, DataType::Float32) if text.is_string() => Some(checked::real_text()),
        (text, &NUMERIC) if text.is_string() => Some(checked::numeric_text()),
        (DataType::Float64, &NUMERIC) => Some(checked::numeric_number()),
        (DataType::Float64, DataType::Float32) => Some(checked::real_number()),
        _ => None,
    }
}
