//! Rules over logical plans about dates beside times.
//!
//! [`DAYS_WITH_INTERVALS`] turns a date to which an interval is added into a timestamp, as PostgreSQL does: the engine
//! would give a date, and lose the hours. [`COMPARE_DAYS`] compares a date with a time exactly, whatever the date.
//!
//! A date compared with a time is the midnight at which it begins. The engine would convert it to nanoseconds, in which
//! there is no year 9999, and fail. So the dates are compared, and the time of day decides only if they are equal:
//!
//! ```sql
//! expires_at < now()
//! -- becomes
//! expires_at < CAST(now() AS DATE) OR expires_at = CAST(now() AS DATE) AND CAST(CAST(now() AS DATE) AS TIMESTAMP) < now()
//! ```
//!
//! A time in a zone other than UTC counts as its local time there, and also becomes that where it loses its zone. IN
//! and IS DISTINCT FROM are left to the engine.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::functions::datetime::to_local_time;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, binary_expr, cast,
};

use super::tree::map_named;

/// Adds intervals to dates. To be run before comparisons are looked at.
pub(super) fn days_with_intervals(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    map_named(plan, |expr| {
        expr.transform_up(|expr| Ok(moved(expr, &schema)))
    })
}

fn moved(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let mut is_moved = false;
    if let Expr::BinaryExpr(BinaryExpr { left, op, right }) = &mut expr
        && matches!(op, Operator::Plus | Operator::Minus)
    {
        let is_interval = |side: &Expr| {
            matches!(
                side.get_type(schema),
                Ok(DataType::Interval(_) | DataType::Duration(_))
            )
        };
        let date = match (is_date(left, schema), is_date(right, schema)) {
            (true, false) if is_interval(right) => Some(left),
            (false, true) if is_interval(left) => Some(right),
            _ => None,
        };
        if let Some(date) = date {
            let midnight = DataType::Timestamp(TimeUnit::Microsecond, None);
            **date = cast(std::mem::take(date.as_mut()), midnight);
            is_moved = true;
        }
    }
    Transformed::new_transformed(expr, is_moved)
}

/// Compares dates with times. To be run before types are made to fit.
pub(super) fn compare_days(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(compared(expr, schema))
}

fn compared(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match &mut expr {
        Expr::BinaryExpr(BinaryExpr { left, right, .. })
            if is_date(left, schema) || is_date(right, schema) =>
        {
            in_local_time(left, schema);
            in_local_time(right, schema);
        }
        Expr::Between(between) if is_date(&between.expr, schema) => {
            in_local_time(&mut between.low, schema);
            in_local_time(&mut between.high, schema);
        }
        Expr::Cast(Cast { expr: time, field })
            if matches!(field.data_type(), DataType::Timestamp(_, None)) =>
        {
            let is_changed = in_local_time(time, schema);
            return Transformed::new_transformed(expr, is_changed);
        }
        _ => {}
    }
    let read = match &expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => comparison(left, *op, right, schema),
        Expr::Between(between) => in_range(between, schema),
        _ => None,
    };
    match read {
        Some(read) => Transformed::yes(read),
        None => Transformed::no(expr),
    }
}

/// Reads a comparison of a date with a time, in either order.
fn comparison(left: &Expr, op: Operator, right: &Expr, schema: &DFSchema) -> Option<Expr> {
    if is_date(left, schema) {
        return with_time(left, op, right, time_type(right, schema)?);
    }
    let time = time_type(left, schema)?;
    match is_date(right, schema) {
        true => with_time(right, op.swap()?, left, time),
        false => None,
    }
}

/// Returns `date op time`, the latter being of `data_type`.
fn with_time(date: &Expr, op: Operator, time: &Expr, data_type: DataType) -> Option<Expr> {
    use Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    // Which way the comparison of the dates decides, unless they are equal.
    let strict = match op {
        Lt | LtEq => Some(Lt),
        Gt | GtEq => Some(Gt),
        Eq | NotEq => None,
        _ => return None,
    };
    let day = cast(time.clone(), DataType::Date32);
    let (midnight, time) = (cast(day.clone(), data_type), time.clone());
    let same = binary_expr(date.clone(), Eq, day.clone());
    Some(match strict {
        Some(strict) => {
            let rest = same.and(binary_expr(midnight, op, time));
            binary_expr(date.clone(), strict, day).or(rest)
        }
        None => {
            // Without a date the comparison is neither true nor false, whatever the time of day.
            let is_midnight = binary_expr(midnight, Eq, time).or(date.clone().is_null());
            let equal = same.and(is_midnight);
            match op {
                NotEq => !equal,
                _ => equal,
            }
        }
    })
}

fn in_range(between: &Between, schema: &DFSchema) -> Option<Expr> {
    let Between {
        expr,
        negated,
        low,
        high,
    } = between;
    let ends = [(low, Operator::GtEq), (high, Operator::LtEq)];
    if !is_date(expr, schema) || ends.iter().all(|(end, _)| time_type(end, schema).is_none()) {
        return None;
    }
    let [low, high] = ends.map(|(end, op)| {
        comparison(expr, op, end, schema).or_else(|| {
            is_date(end, schema)
                .then(|| binary_expr(expr.as_ref().clone(), op, end.as_ref().clone()))
        })
    });
    let both = low?.and(high?);
    Some(if *negated { !both } else { both })
}

/// Takes the zone from a time in another one than UTC, and returns whether it was such a time.
fn in_local_time(expr: &mut Expr, schema: &DFSchema) -> bool {
    let is_zoned = matches!(expr.get_type(schema), Ok(DataType::Timestamp(_, Some(_))));
    let is_changed = is_zoned && time_type(expr, schema).is_none();
    if is_changed {
        *expr = to_local_time().call(vec![std::mem::take(expr)]);
    }
    is_changed
}

fn is_date(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Date32))
}

/// Returns the type of `expr` if it is a time in UTC.
fn time_type(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    let data_type = expr.get_type(schema).ok()?;
    let is_utc = |zone: &str| matches!(zone, "UTC" | "+00:00" | "Z");
    match &data_type {
        DataType::Timestamp(_, None) => Some(data_type),
        DataType::Timestamp(_, Some(zone)) if is_utc(zone) => Some(data_type),
        _ => None,
    }
}
