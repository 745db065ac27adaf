//! A rule over logical plans that reads the literals that times, and differences of times, are compared with.
//!
//! The engine would compare the table's times with text in nanoseconds, which end in 2262 and begin in 1677, and fail on
//! a text beyond them: `expires_at < '9999-12-31'`. They are in microseconds, so the text is read as microseconds. Text
//! that is not a time, or is more precise, is left to the engine.
//!
//! And it would compare differences of times with intervals by the months, then the days, then the rest of them, so that
//! `now() - created_at > interval '90 days'` would never be true: a difference has no days. So the interval becomes a
//! difference, of 30 days for each month and 24 hours for each day, as PostgreSQL has it; one that is not a literal is
//! left to `intervals`.

use std::borrow::Cow;

use datafusion::arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use super::class::Class;
use super::literal::{self, with_seconds};
use super::tree::compared;
use crate::dialect::functions::checked::interval_value;

/// Reads the literals that `expr` compares with a time, or with a difference of times.
/// Reads text as a time where it is compared with one. To be run before types are made to fit.
pub(super) fn read(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Some(compared) = compared(&mut expr) else {
        return Ok(Transformed::no(expr));
    };
    let mut types = Vec::with_capacity(compared.len());
    for expr in &compared {
        // What has no type yet is not one of these.
        types.push(expr.get_type(schema).unwrap_or(DataType::Null));
    }
    let is_precise =
        |ty: &&DataType| matches!(ty, DataType::Timestamp(TimeUnit::Microsecond, Some(_)));
    let precise = types.iter().find(is_precise);
    let is_time = |ty: &DataType| matches!(ty, DataType::Timestamp(..));
    let is_difference = |ty: &DataType| matches!(ty, DataType::Duration(_));
    let (has_time, has_difference) = (types.iter().any(is_time), types.iter().any(is_difference));
    let mut changed = false;
    for expr in compared {
        let read = match precise {
            Some(ty) => timestamp_literal(expr, ty),
            None if has_time => whole_time(expr),
            None if has_difference => difference(expr),
            None => None,
        };
        if let Some(read) = read {
            *expr = read;
            changed = true;
        }
    }
    Ok(Transformed::new_transformed(expr, changed))
}

/// Returns the literal of a time without seconds with them.
fn whole_time(expr: &Expr) -> Option<Expr> {
    let Expr::Literal(text, _) = expr else {
        return None;
    };
    match with_seconds(text.try_as_str()??) {
        Cow::Owned(whole) => Some(lit(whole)),
        Cow::Borrowed(_) => None,
    }
}

/// Returns the difference of times that a literal of an interval stands for, or a text that is one.
fn difference(expr: &Expr) -> Option<Expr> {
    const MONTH: i64 = 30;
    const DAY: i64 = 86_400_000_000_000;
    let literal = match expr {
        Expr::Literal(literal, _) => literal,
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::Literal(literal, _) => literal,
            _ => return None,
        },
        _ => return None,
    };
    let interval = match literal.data_type() {
        DataType::Interval(_) => literal
            .cast_to(&DataType::Interval(IntervalUnit::MonthDayNano))
            .ok()?,
        _ => interval_value(literal.try_as_str()??)?,
    };
    let ScalarValue::IntervalMonthDayNano(Some(interval)) = interval else {
        return None;
    };
    let days = i64::from(interval.months) * MONTH + i64::from(interval.days);
    let nanos = days
        .saturating_mul(DAY)
        .saturating_add(interval.nanoseconds);
    Some(lit(ScalarValue::DurationNanosecond(Some(nanos))))
}

/// Returns the time that a literal's text says, to the microsecond, where the others are of the type `ty`; without an
/// offset of its own it is one in their zone.
fn timestamp_literal(expr: &Expr, ty: &DataType) -> Option<Expr> {
    let Expr::Literal(text, _) = expr else {
        return None;
    };
    match literal::read(text.try_as_str()??, Class::Timestamp, ty)? {
        time @ ScalarValue::TimestampMicrosecond(..) => Some(lit(time)),
        _ => None,
    }
}
