//! Offsets of RANGE frames, whose type has to fit the key of the order.
//!
//! `RANGE 123 PRECEDING` over a timestamp names no unit, and over text there is no distance; the engine computes
//! something for both. Both are refused: over a time the offset is an interval, over a number a number, and text has no
//! distance.

use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, WindowFrameBound, WindowFrameUnits,
};

use crate::dialect::Dialect;
use crate::dialect::error::{Error, Place};

/// Refuses offsets of RANGE frames that do not fit their order.
pub(super) fn check(plan: &LogicalPlan, _: Dialect) -> Result<()> {
    let LogicalPlan::Window(window) = plan else {
        return Ok(());
    };
    window.window_expr.iter().try_for_each(|expr| {
        let visited = expr.apply(|expr| {
            if let Expr::WindowFunction(call) = expr {
                check_frame(call, window.input.schema())?;
            }
            Ok(TreeNodeRecursion::Continue)
        });
        visited.map(|_| ())
    })
}

fn check_frame(call: &WindowFunction, schema: &DFSchema) -> Result<()> {
    let frame = &call.params.window_frame;
    let (WindowFrameUnits::Range, Some(key)) = (frame.units, call.params.order_by.first()) else {
        return Ok(());
    };
    let offset = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::Preceding(offset) | WindowFrameBound::Following(offset) => {
            (!offset.is_null()).then(|| offset.clone())
        }
        WindowFrameBound::CurrentRow => None,
    };
    let offsets = [offset(&frame.start_bound), offset(&frame.end_bound)];
    for offset in offsets.into_iter().flatten() {
        let wrong = match is_negative(&offset) {
            true => Some(
                Error::of_types(format!("RANGE {offset} is negative"))
                    .hint("swap PRECEDING and FOLLOWING, and make the offset positive"),
            ),
            false => misfit(&offset, key.expr.get_type(schema)?),
        };
        if let Some(wrong) = wrong {
            return Err(wrong.near(Place::of(&key.expr)).into());
        }
    }
    Ok(())
}

/// Returns the error for an offset that is not of a kind with `key`.
fn misfit(offset: &ScalarValue, key: DataType) -> Option<Error> {
    match key {
        DataType::Date32 | DataType::Date64
            if interval(offset).is_some_and(|by| by.nanoseconds != 0) =>
        {
            Some(
                Error::of_types(format!("RANGE {offset} over dates, which have no hours"))
                    .hint("order by the date as a time: ORDER BY CAST(x AS TIMESTAMP)"),
            )
        }
        of if of.is_numeric() || of.is_null() => None,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Time64(_) => {
            is_number(offset).then(|| {
                Error::of_types(format!("RANGE {offset} is not an interval")).hint(
                    "over a date or a time the offset is an interval, such as INTERVAL '1 day'",
                )
            })
        }
        DataType::Interval(_) | DataType::Duration(_) => None,
        _ => Some(
            Error::of_types("RANGE with an offset needs an order by a number or a time")
                .hint("ROWS counts rows, whatever they are ordered by"),
        ),
    }
}

/// Returns true for an offset that goes the other way than its PRECEDING or FOLLOWING says.
fn is_negative(offset: &ScalarValue) -> bool {
    let number = offset.cast_to(&DataType::Float64);
    if let Ok(ScalarValue::Float64(Some(number))) = number {
        return number < 0.0;
    }
    interval(offset).is_some_and(|by| by.months < 0 || by.days < 0 || by.nanoseconds < 0)
}

fn interval(offset: &ScalarValue) -> Option<IntervalMonthDayNano> {
    match offset.cast_to(&DataType::Interval(IntervalUnit::MonthDayNano)) {
        Ok(ScalarValue::IntervalMonthDayNano(by)) => by,
        _ => None,
    }
}

/// Returns true for a number; the planner makes text of every offset that was typed.
fn is_number(offset: &ScalarValue) -> bool {
    match offset.try_as_str() {
        Some(text) => text.is_some_and(|text| text.trim().parse::<f64>().is_ok()),
        None => offset.data_type().is_numeric(),
    }
}
