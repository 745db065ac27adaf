//! Rules over logical plans that leave no times in seconds and milliseconds.
//!
//! The engine would cut what they are compared with to as few digits, so that a time of whole seconds would equal
//! `10:00:00.5`, and cut the interval that is added to them. So they become microseconds: those of files, and those that a
//! function gives. `x::timestamp(0)` is in microseconds as well, rounded to a second. Times of day are in nanoseconds, as the
//! engine has them in literals.
//!
//! The engine reads the intervals of Parquet files without their months: they are refused where they are used.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast as cast_array;
use datafusion::arrow::datatypes::{
    DataType, Int64Type, IntervalUnit, TimeUnit, TimestampMicrosecondType,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::utils::take_function_args;
use datafusion::error::Result;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::function::Hint;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast, lit, try_cast};

use super::opaque::opaque;
use super::tree::{map_columns, map_named};
use crate::dialect::error::Error;
use crate::dialect::functions::{self, InternalFunction};

/// The microseconds from 1970 to 2000, on either side of which PostgreSQL rounds halves away.
const CENTER: i128 = 946_684_800_000_000;

/// Gives times digits to the microsecond. To be run before anything else looks at their types.
pub(super) fn fine_times(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let plan = map_named(plan, |expr| {
        expr.transform_up(|expr| Ok(fine(expr, &schema)))
    })?;
    plan.transform_data(|plan| {
        let is_source = matches!(plan, LogicalPlan::TableScan(_) | LogicalPlan::Unnest(_));
        let mut fields = plan.schema().fields().iter();
        if !is_source || !fields.any(|field| changed(field.data_type(), lit(1)).is_some()) {
            return Ok(Transformed::no(plan));
        }
        let columns = map_columns(plan.into(), |_, field, column| {
            match changed(field.data_type(), column.clone()) {
                Some(changed) => Transformed::yes(changed),
                None => Transformed::no(column),
            }
        })?;
        Ok(Transformed::yes(columns))
    })
}

/// Returns what is made of the column `expr` of a file, which is of the type `of`; None if it stays as it is.
fn changed(of: &DataType, expr: Expr) -> Option<Expr> {
    match of {
        DataType::Interval(IntervalUnit::DayTime) => Some(refused(expr)),
        // No rule takes a dictionary for what it holds.
        DataType::Dictionary(_, of) => Some(cast(expr, of.as_ref().clone())),
        // The engine would take the conversion from a column and give it to what the column is compared with.
        of => finer(of).map(|finer| opaque(cast(expr, finer))),
    }
}

fn fine(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match &expr {
        Expr::Cast(Cast { field, .. }) | Expr::TryCast(TryCast { field, .. })
            if let DataType::Timestamp(unit, zone) = field.data_type()
                && let Some(step) = step(*unit) =>
        {
            let micros = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            let time = match expr {
                Expr::Cast(conversion) => cast(*conversion.expr, micros),
                Expr::TryCast(conversion) => try_cast(*conversion.expr, micros),
                expr => expr,
            };
            Transformed::yes(rounded().call(vec![time, lit(step)]))
        }
        Expr::ScalarFunction(_) => {
            let of = expr.get_type(schema).ok();
            match of.and_then(|of| changed(&of, expr.clone())) {
                Some(changed) => Transformed::yes(changed),
                None => Transformed::no(expr),
            }
        }
        _ => Transformed::no(expr),
    }
}

/// Returns the microseconds in a `unit` that is longer than one.
fn step(unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Second => Some(1_000_000),
        TimeUnit::Millisecond => Some(1_000),
        TimeUnit::Microsecond | TimeUnit::Nanosecond => None,
    }
}

/// Returns the type that values of `of` get.
fn finer(of: &DataType) -> Option<DataType> {
    Some(match of {
        DataType::Timestamp(unit, zone) => {
            step(*unit)?;
            DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        DataType::Duration(unit) => {
            step(*unit)?;
            DataType::Duration(TimeUnit::Microsecond)
        }
        DataType::Time32(_) | DataType::Time64(TimeUnit::Microsecond) => {
            DataType::Time64(TimeUnit::Nanosecond)
        }
        DataType::List(item) => {
            let finer = finer(item.data_type())?;
            DataType::List(item.as_ref().clone().with_data_type(finer).into())
        }
        DataType::Struct(fields) if fields.iter().any(|it| finer(it.data_type()).is_some()) => {
            let fields = fields.iter().map(|field| match finer(field.data_type()) {
                Some(finer) => field.as_ref().clone().with_data_type(finer).into(),
                None => Arc::clone(field),
            });
            DataType::Struct(fields.collect())
        }
        _ => return None,
    })
}

/// Returns the function that rounds a time to a multiple of some microseconds.
fn rounded() -> InternalFunction {
    InternalFunction::new("round_time", 2, |args| {
        make_scalar_function(round, vec![Hint::Pad, Hint::AcceptsSingular])(&args.args)
    })
    .unnamed()
}

fn round(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let [times, step] = take_function_args("round_time", columns)?;
    let step = i128::from(step.as_primitive::<Int64Type>().value(0));
    let micros = times.as_primitive::<TimestampMicrosecondType>();
    let rounded = micros.try_unary::<_, TimestampMicrosecondType, _>(|time| {
        let from_center = i128::from(time) - CENTER;
        let steps = (from_center.abs() + step / 2) / step;
        i64::try_from(from_center.signum() * steps * step + CENTER).map_err(|_| {
            ArrowError::from_external_error(functions::Error::Overflow("timestamp").into())
        })
    })?;
    Ok(cast_array(&rounded, times.data_type())?)
}

fn refused(column: Expr) -> Expr {
    let refuse = InternalFunction::new("refuse_interval", 1, |_| {
        Err(Error::of_types("the intervals of a Parquet file are not read: they may have months")
            .hint("let the program that writes the file make texts of them, and convert those with CAST")
            .into())
    });
    let returned = |_: &[DataType]| Ok(DataType::Interval(IntervalUnit::MonthDayNano));
    refuse.returning(returned).call(vec![column])
}
