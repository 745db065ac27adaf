//! Floats of which one value has several spellings: two zeros, and a NaN of either sign.
//!
//! The machine gives `0.0 / 0.0` a sign, and the engine orders by it: below `-Infinity`, and apart from other NaNs. Where a
//! float is computed it becomes [the one NaN](one_nan). The negative zero is shown as such, so it becomes zero only in [a
//! key](float_key) to sort, group or compare by, also within lists and objects.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, make_array};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::error::Result;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use super::internal::InternalFunction;

/// `one_nan(x)`: x, and every NaN the same.
pub(crate) fn one_nan() -> InternalFunction {
    InternalFunction::new("one_nan", 1, |args| one_spelling(args, false)).unnamed()
}

/// `float_key(x)`: x, with one NaN and one zero. A key of GROUP BY keeps its name.
pub(crate) fn float_key() -> InternalFunction {
    InternalFunction::new("float_key", 1, |args| one_spelling(args, true)).unnamed()
}

/// Returns true for floats, and for lists and objects of them.
pub(crate) fn holds_float(data_type: &DataType) -> bool {
    holds(data_type, DataType::is_floating)
}

/// Returns true for types that `is_it` holds for, and for lists and objects of them.
pub(crate) fn holds(data_type: &DataType, is_it: fn(&DataType) -> bool) -> bool {
    is_it(data_type)
        || match data_type {
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::FixedSizeList(item, _)
            | DataType::Map(item, _) => holds(item.data_type(), is_it),
            DataType::Struct(fields) => fields.iter().any(|field| holds(field.data_type(), is_it)),
            _ => false,
        }
}

fn one_spelling(args: &ScalarFunctionArgs, is_key: bool) -> Result<ColumnarValue> {
    let spelled = |columns: &[ArrayRef]| spelled(&columns[0], is_key);
    make_scalar_function(spelled, Vec::new())(&args.args)
}

/// Returns `array` with one NaN, and with one zero if it `is_key`.
pub(super) fn spelled(array: &ArrayRef, is_key: bool) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Float64 => Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(
            |x| match (x.is_nan(), is_key) {
                (true, _) => f64::NAN,
                (false, true) => x + 0.0,
                (false, false) => x,
            },
        )),
        DataType::Float32 => Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(
            |x| match (x.is_nan(), is_key) {
                (true, _) => f32::NAN,
                (false, true) => x + 0.0,
                (false, false) => x,
            },
        )),
        data_type if holds_float(data_type) => {
            let data = array.to_data();
            let parts = data.child_data().iter().map(|part| {
                let part = spelled(&make_array(part.clone()), is_key)?;
                Ok(part.to_data())
            });
            let parts = parts.collect::<Result<Vec<_>>>()?;
            make_array(data.into_builder().child_data(parts).build()?)
        }
        _ => Arc::clone(array),
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Float64Array, ListArray, StructArray};
    use datafusion::arrow::datatypes::Field;

    use super::*;

    #[test]
    fn floats_within_lists_and_objects_have_one_spelling() {
        let floats = [Some(-0.0), Some(-f64::NAN), None, Some(-1.5)];
        let lists = ListArray::from_iter_primitive::<Float64Type, _, _>([
            Some(vec![Some(1.0)]),
            Some(floats.to_vec()),
            None,
        ]);
        let field = Field::new("x", lists.data_type().clone(), true);
        let rows: ArrayRef = Arc::new(StructArray::from(vec![(
            Arc::new(field),
            Arc::new(lists) as ArrayRef,
        )]));
        let key = spelled(&rows.slice(1, 2), true).expect("a key");
        let list = key.as_struct().column(0).as_list::<i32>().value(0);
        let list: &Float64Array = list.as_primitive();
        assert!(list.value(0).is_sign_positive());
        assert!(list.value(1).is_nan() && list.value(1).is_sign_positive());
        assert!(list.is_null(2));
        assert_eq!(list.value(3).to_bits(), (-1.5_f64).to_bits());
        assert!(key.as_struct().column(0).is_null(1));
        let kept = spelled(&rows, false).expect("a value");
        let kept = kept.as_struct().column(0).as_list::<i32>().value(1);
        let kept: &Float64Array = kept.as_primitive();
        assert!(kept.value(0).is_sign_negative() && kept.value(1).is_sign_positive());
    }
}
