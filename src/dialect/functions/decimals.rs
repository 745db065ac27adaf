//! `abs`, `round`, `trunc`, `floor` and `ceil` of decimals, which stay decimals: a float has 15 digits, and `0.3` is not one.

use std::cmp::Ordering;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal256Array};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Decimal256Type, Int64Type, i256,
};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, cast as cast_expr, lit};

use super::internal::InternalFunction;

/// Returns the call of the function `name` over a decimal, if it is one of this module with these arguments.
pub(crate) fn of_decimals(name: &str, args: &[Expr], types: &[DataType]) -> Option<Expr> {
    let function = match name {
        "abs" => InternalFunction::new("decimal_abs", 2, |args| changed(Change::Abs, args)),
        "round" => InternalFunction::new("decimal_round", 2, |args| changed(Change::Round, args)),
        "trunc" => InternalFunction::new("decimal_trunc", 2, |args| changed(Change::Trunc, args)),
        "floor" => InternalFunction::new("decimal_floor", 2, |args| changed(Change::Floor, args)),
        "ceil" => InternalFunction::new("decimal_ceil", 2, |args| changed(Change::Ceil, args)),
        _ => return None,
    };
    let (precision, scale) = match types.first()? {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            (*precision, *scale)
        }
        _ => return None,
    };
    let takes_places = matches!(name, "round" | "trunc");
    let places = match (args, types) {
        ([_], _) => lit(0_i64),
        ([_, places], [_, ty]) if takes_places && ty.is_integer() => {
            cast_expr(places.clone(), DataType::Int64)
        }
        _ => return None,
    };
    let known = match args.get(1) {
        None => Some(0),
        Some(Expr::Literal(places, _)) => match places.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(places)) => places,
            _ => None,
        },
        Some(_) => None,
    };
    let changed = function
        .returning(a_digit_wider)
        .call(vec![args[0].clone(), places]);
    let kept = match known {
        Some(places) if name != "abs" => i8::try_from(places.max(0)).unwrap_or(i8::MAX),
        _ => scale,
    };
    if kept >= scale {
        return Some(changed);
    }
    let precision = precision - scale.abs_diff(kept) + 1;
    let narrower = match &types[0] {
        DataType::Decimal256(..) => DataType::Decimal256(precision, kept),
        _ => DataType::Decimal128(precision, kept),
    };
    Some(cast_expr(changed, narrower))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Change {
    Abs,
    Round,
    Trunc,
    Floor,
    Ceil,
}

impl Change {
    /// Returns what becomes of `number`, of which `unit` is the last place that is kept.
    fn of(self, number: i256, unit: i256) -> i256 {
        let rest = number.wrapping_rem(unit);
        let whole = number.wrapping_sub(rest);
        // `rest >= unit - rest` cannot overflow, where twice the rest could.
        let is_half = rest.wrapping_abs() >= unit.wrapping_sub(rest.wrapping_abs());
        let away = match (self, rest.cmp(&i256::ZERO)) {
            (Self::Abs, _) => return number.wrapping_abs(),
            (_, Ordering::Equal) | (Self::Trunc, _) => return whole,
            (Self::Round, sign) if is_half => sign,
            (Self::Ceil, Ordering::Greater) => Ordering::Greater,
            (Self::Floor, Ordering::Less) => Ordering::Less,
            _ => return whole,
        };
        match away {
            Ordering::Less => whole.wrapping_sub(unit),
            _ => whole.wrapping_add(unit),
        }
    }
}

/// Returns the type of a decimal that is rounded up, and may have a digit more then.
fn a_digit_wider(types: &[DataType]) -> Result<DataType> {
    match types.first() {
        Some(DataType::Decimal128(precision, scale)) => Ok(DataType::Decimal128(
            (precision + 1).min(DECIMAL128_MAX_PRECISION),
            *scale,
        )),
        Some(DataType::Decimal256(precision, scale)) => Ok(DataType::Decimal256(
            (precision + 1).min(DECIMAL256_MAX_PRECISION),
            *scale,
        )),
        other => internal_err!("a decimal was expected, not {other:?}"),
    }
}

/// Changes the numbers of a column of decimals, given the places after the point that are kept of each.
fn changed(change: Change, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let returned = args.return_field.data_type().clone();
    let (DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale)) = returned else {
        return internal_err!("a decimal was expected, not {returned}");
    };
    let changed = move |columns: &[ArrayRef]| {
        let wide = DataType::Decimal256(DECIMAL256_MAX_PRECISION, scale);
        let numbers = cast(&columns[0], &wide)?;
        let places = columns[1].as_primitive::<Int64Type>();
        let changed: Decimal256Array = numbers
            .as_primitive::<Decimal256Type>()
            .iter()
            .zip(places)
            .map(|(number, places)| {
                let digits = i64::from(scale).saturating_sub(places?);
                Some(match u32::try_from(digits) {
                    // There are no more digits than these.
                    Ok(77..) => i256::ZERO,
                    Ok(digits) => change.of(number?, i256::from_i128(10).wrapping_pow(digits)),
                    Err(_) if digits > 0 => i256::ZERO,
                    Err(_) => change.of(number?, i256::ONE),
                })
            })
            .collect();
        let or_fail = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let changed = changed.with_data_type(wide);
        Ok(cast_with_options(&changed, &returned, &or_fail)?)
    };
    make_scalar_function(changed, Vec::new())(&args.args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_cut_and_rounded_away_from_zero() {
        let changed = |change: Change, number: i128| {
            change
                .of(i256::from_i128(number), i256::from_i128(10))
                .to_i128()
                .expect("small")
        };
        for (change, of) in [
            (Change::Round, [30, 20, -20, -30, 20]),
            (Change::Trunc, [20, 20, -20, -20, 20]),
            (Change::Floor, [20, 20, -30, -30, 20]),
            (Change::Ceil, [30, 30, -20, -20, 20]),
            (Change::Abs, [25, 24, 24, 25, 20]),
        ] {
            let numbers = [25, 24, -24, -25, 20];
            assert_eq!(
                numbers.map(|number| changed(change, number)),
                of,
                "{change:?}"
            );
        }
    }
}
