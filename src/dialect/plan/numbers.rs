//! Numbers of different types in one operation: a float and a decimal give a float, as in PostgreSQL.
//!
//! The engine would make decimals of 15 places of both: `1e-20` would be `0`, and `1e30`, infinity and NaN have no such
//! decimal. A literal with a point is a decimal beside decimals, if it has few enough digits. Pure.

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::type_coercion::binary::type_union_resolution;
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, Values, cast, lit};

/// Gives the numbers among `operands` a type that all of them fit, where the engine would choose another. Returns whether
/// any was changed.
pub(super) fn unify(operands: &mut [&mut Expr], schema: &DFSchema, is_compared: bool) -> bool {
    let types = operands.iter().map(|operand| operand.get_type(schema));
    let Ok(mut types) = types.collect::<Result<Vec<_>>>() else {
        return false;
    };
    let mut changed = false;
    if types.iter().any(DataType::is_decimal) {
        let literals: Vec<_> = operands.iter().map(|operand| decimal(operand)).collect();
        let with_literals: Vec<_> = (literals.iter().zip(&types))
            .map(|(literal, own)| match literal {
                Some(literal) => literal.data_type(),
                None => own.clone(),
            })
            .collect();
        if fit(&with_literals) {
            for (operand, literal) in operands.iter_mut().zip(literals) {
                if let Some(literal) = literal {
                    **operand = lit(literal);
                    changed = true;
                }
            }
            types = with_literals;
        }
    }
    // The engine would compare a number of 4 bytes with an integer in 4 bytes.
    let cuts_integers =
        is_compared && types.contains(&DataType::Float32) && types.iter().any(DataType::is_integer);
    if !mixes(&types) && !cuts_integers {
        return changed;
    }
    for (operand, own) in operands.iter_mut().zip(&types) {
        if own.is_numeric() && *own != DataType::Float64 {
            **operand = as_float(std::mem::take(*operand));
            changed = true;
        }
    }
    changed
}

/// Returns `number` as a float: that of its digits, if it is a literal.
fn as_float(number: Expr) -> Expr {
    match number {
        Expr::Negative(number) => Expr::Negative(Box::new(as_float(*number))),
        Expr::Cast(Cast { expr, field }) => match expr.as_ref() {
            Expr::Literal(digits, _)
                if let Some(Ok(float)) = digits.try_as_str().flatten().map(str::parse::<f64>) =>
            {
                lit(float)
            }
            _ => cast(Expr::Cast(Cast { expr, field }), DataType::Float64),
        },
        number => cast(number, DataType::Float64),
    }
}

/// Returns the type of a column with numbers of `types`.
pub(super) fn common(types: &[DataType]) -> Option<DataType> {
    match mixes(types) {
        true => Some(DataType::Float64),
        false => type_union_resolution(types),
    }
}

/// Gives the columns of VALUES their types anew where the planner has made decimals of floats.
pub(super) fn rows(mut rows: Values) -> Result<Transformed<Values>> {
    let mut changed = false;
    for (column, field) in rows.schema.fields().iter().enumerate() {
        if !field.data_type().is_decimal() {
            continue;
        }
        let as_typed = |cell: &Expr| match cell {
            // A literal with many digits is a text that is converted.
            Expr::Cast(Cast { expr, field: to })
                if to.data_type() == field.data_type()
                    && !matches!(expr.as_ref(), Expr::Literal(text, _) if text.try_as_str().is_some()) =>
            {
                expr.as_ref().clone()
            }
            Expr::Literal(null, _) if null.is_null() => lit(ScalarValue::Null),
            cell => cell.clone(),
        };
        let cells = rows.values.iter().map(|row| as_typed(&row[column]));
        let mut cells: Vec<Expr> = cells.collect();
        let types = cells.iter().map(|cell| cell.get_type(&rows.schema));
        if !mixes(&types.collect::<Result<Vec<_>>>()?) {
            continue;
        }
        unify(
            &mut cells.iter_mut().collect::<Vec<_>>(),
            &rows.schema,
            false,
        );
        for (row, cell) in rows.values.iter_mut().zip(cells) {
            row[column] = cell;
        }
        changed = true;
    }
    Ok(Transformed::new_transformed(rows, changed))
}

/// Returns the number of a literal with a point as a decimal, if it has few enough digits to be one.
pub(super) fn decimal(literal: &Expr) -> Option<ScalarValue> {
    let number = match literal {
        Expr::Literal(ScalarValue::Float64(Some(number)), _) if number.is_finite() => *number,
        Expr::Alias(alias) => return decimal(&alias.expr),
        _ => return None,
    };
    let text = number.to_string();
    let (whole, places) = text.split_once('.').unwrap_or((&text, ""));
    // A float holds no more digits than these.
    if whole.trim_start_matches('-').len() + places.len() > 17 {
        return None;
    }
    let scale = i8::try_from(places.len()).ok()?;
    let digits = format!("{whole}{places}").parse().ok()?;
    Some(ScalarValue::Decimal128(Some(digits), 18, scale))
}

/// Reads a literal with a point as a decimal beside a decimal in arithmetic, as in comparisons. Returns whether any was changed.
///
/// What is divided gets places: the engine gives a quotient four more than the dividend has.
pub(super) fn operands(
    left: &mut Expr,
    op: Operator,
    right: &mut Expr,
    schema: &DFSchema,
) -> Result<bool> {
    const PLACES: i8 = 12;
    let is_decimal = |side: &Expr| side.get_type(schema).is_ok_and(|of| of.is_decimal());
    let literal = match (is_decimal(left), is_decimal(right)) {
        (true, false) => &mut *right,
        (false, true) => &mut *left,
        _ => return Ok(false),
    };
    let Some(ScalarValue::Decimal128(Some(digits), _, scale)) = decimal(literal) else {
        return Ok(false);
    };
    // No wider than it is: the widths of operands add up.
    let width = u8::try_from(digits.unsigned_abs().to_string().len()).unwrap_or(18);
    let width = width.max(scale.unsigned_abs());
    *literal = lit(ScalarValue::Decimal128(Some(digits), width, scale));
    if op == Operator::Divide
        && let DataType::Decimal128(precision, scale) = left.get_type(schema)?
        && scale < PLACES
    {
        let wider = (precision + PLACES.abs_diff(scale)).min(DECIMAL128_MAX_PRECISION);
        *left = cast(std::mem::take(left), DataType::Decimal128(wider, PLACES));
    }
    Ok(true)
}

/// Returns true for decimals and integers, of which one is a decimal.
pub(super) fn are_decimals(types: &[DataType]) -> bool {
    types.iter().any(DataType::is_decimal)
        && types.iter().all(|of| of.is_decimal() || of.is_integer())
}

fn mixes(types: &[DataType]) -> bool {
    types.iter().any(DataType::is_decimal) && types.iter().any(DataType::is_floating)
}

/// Returns true if there is a decimal that all of the decimals and integers of `types` fit.
fn fit(types: &[DataType]) -> bool {
    let digits = types.iter().filter_map(|of| match of {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            Some((i16::from(*precision) - i16::from(*scale), i16::from(*scale)))
        }
        of if of.is_integer() => Some((20, 0)),
        _ => None,
    });
    let (whole, places): (Vec<i16>, Vec<i16>) = digits.unzip();
    let most = |counts: Vec<i16>| counts.into_iter().max().unwrap_or_default();
    most(whole) + most(places) <= i16::from(DECIMAL128_MAX_PRECISION)
}
