//! The rows of one run of a subquery, reduced to the answer for one outer row. Pure.
//!
//! Comparisons have three outcomes. `x = ANY (…)` is true if it is true for any row, unknown if it is unknown for any
//! of the others, and otherwise false; `ALL` is the same with true and false exchanged. So over no rows ANY is false
//! and ALL true, whatever `x` is.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use datafusion::arrow::compute::concat;
use datafusion::common::ScalarValue;
use datafusion::common::cast::as_boolean_array;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr_common::datum::apply_cmp;

/// What a subquery came to for one set of outer values.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// Whether there are any rows.
    Exists(bool),
    /// The value of the only row, or NULL.
    Scalar(ScalarValue),
    /// The first column of all rows, None without any.
    Column(Option<ArrayRef>),
    /// All rows, in one batch, None without any.
    Rows(Option<RecordBatch>),
}

impl Answer {
    /// Returns how much memory its rows take.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Exists(_) | Self::Scalar(_) | Self::Column(None) | Self::Rows(None) => 0,
            Self::Column(Some(column)) => column.get_array_memory_size(),
            Self::Rows(Some(rows)) => rows.get_array_memory_size(),
        }
    }
}

/// Returns the first column of `batches`.
pub(super) fn first_column(batches: &[RecordBatch]) -> Result<Option<ArrayRef>> {
    let columns: Vec<_> = batches
        .iter()
        .filter(|batch| batch.num_rows() > 0)
        .map(|batch| batch.column(0).as_ref())
        .collect();
    Ok(match columns[..] {
        [] => None,
        _ => Some(concat(&columns)?),
    })
}

/// Returns `value op ANY column` or, with `all`, `value op ALL column`; None is unknown.
pub(super) fn compare(
    value: &ScalarValue,
    op: Operator,
    all: bool,
    column: Option<&ArrayRef>,
) -> Result<Option<bool>> {
    let Some(column) = column else {
        return Ok(Some(all));
    };
    let rows = column.len();
    let left = ColumnarValue::Scalar(value.clone());
    let right = ColumnarValue::Array(Arc::clone(column));
    let outcomes = apply_cmp(op, &left, &right)?.into_array(rows)?;
    let outcomes: &BooleanArray = as_boolean_array(&outcomes)?;
    // ANY is settled by a true row, ALL by a false one.
    let settling = !all;
    let settled = match settling {
        true => outcomes.has_true(),
        false => outcomes.has_false(),
    };
    Ok(match (settled, outcomes.null_count()) {
        (true, _) => Some(settling),
        (false, 0) => Some(!settling),
        (false, _) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::Int64Array;
    use proptest::prelude::*;

    #[test]
    fn no_rows_settle_any_and_all_whatever_the_value_is() {
        for value in [ScalarValue::Int64(None), ScalarValue::Int64(Some(1))] {
            assert_eq!(
                compare(&value, Operator::Eq, false, None).unwrap(),
                Some(false)
            );
            assert_eq!(
                compare(&value, Operator::Eq, true, None).unwrap(),
                Some(true)
            );
        }
    }

    fn by_hand(value: Option<i64>, op: Operator, all: bool, rows: &[Option<i64>]) -> Option<bool> {
        let outcome = |row: &Option<i64>| {
            let (value, row) = (value?, (*row)?);
            Some(match op {
                Operator::Eq => value == row,
                Operator::NotEq => value != row,
                Operator::Lt => value < row,
                Operator::LtEq => value <= row,
                Operator::Gt => value > row,
                _ => value >= row,
            })
        };
        let outcomes: Vec<_> = rows.iter().map(outcome).collect();
        match () {
            () if outcomes.contains(&Some(!all)) => Some(!all),
            () if outcomes.contains(&None) => None,
            () => Some(all),
        }
    }

    proptest! {
        #[test]
        fn any_and_all_have_three_outcomes(
            value in prop::option::of(0..4_i64),
            rows in prop::collection::vec(prop::option::of(0..4_i64), 0..5),
            op in prop::sample::select(vec![
                Operator::Eq, Operator::NotEq, Operator::Lt, Operator::LtEq, Operator::Gt, Operator::GtEq,
            ]),
            all: bool,
        ) {
            let column: ArrayRef = Arc::new(Int64Array::from(rows.clone()));
            let column = (!rows.is_empty()).then_some(&column);
            let outcome = compare(&ScalarValue::Int64(value), op, all, column).unwrap();
            prop_assert_eq!(outcome, by_hand(value, op, all, &rows));
        }
    }
}
