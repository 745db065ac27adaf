//! Intervals compare by their length, of 30 days for each month and 24 hours for each day, as in PostgreSQL.
//!
//! The engine would compare the months, then the days, then the rest, and no interval with a difference of times, which
//! has another type. Both become their length, in comparisons and as sort keys. Operations that would look at the
//! months and cannot be given a length are refused: `min` and `max`, grouping by intervals, and comparing lists of
//! them.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{
    AggregateFunctionParams, Case, InList, InSubquery, SetComparison,
};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, ExprSchemable, LogicalPlan, Operator, Projection, Subquery, lit,
    when,
};

use super::tree::{all_keys, distinct_keys, map_named, sorted_by};
use crate::dialect::error::Error;
use crate::dialect::functions::{compares_elements, holds, interval_length};

/// Compares intervals by their length. To be run before types are made to fit.
pub(super) fn compare_lengths(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let is_sort = matches!(plan, LogicalPlan::Sort(_));
    refuse_groups(&plan, &schema)?;
    let plan = map_named(plan, |expr| {
        let expr = expr.transform_up(|expr| by_length(expr, &schema))?;
        match is_sort {
            true => expr.transform_data(|expr| key(expr, &schema)),
            false => Ok(expr),
        }
    })?;
    plan.transform_data(|plan| distinct_keys(plan, |expr| key(expr, &schema)))
}

/// Refuses what would tell intervals of one length apart.
fn refuse_groups(plan: &LogicalPlan, schema: &DFSchema) -> Result<()> {
    let holds = |expr: &Expr| {
        let mut found = false;
        let of = |expr: &Expr| expr.get_type(schema).is_ok_and(|of| holds_interval(&of));
        if let Expr::GroupingSet(sets) = expr {
            found = sets.distinct_expr().into_iter().any(of);
        }
        found || of(expr)
    };
    let clause = match plan {
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.iter().any(holds) => "GROUP BY",
        LogicalPlan::Distinct(Distinct::All(input))
            if (input.schema().fields().iter()).any(|field| holds_interval(field.data_type())) =>
        {
            "DISTINCT"
        }
        LogicalPlan::Join(join) if join.on.iter().any(|(key, _)| holds(key)) => {
            "a join by equality"
        }
        _ => return Ok(()),
    };
    Err(refused(clause, "CAST(… AS TEXT) tells them apart by their spelling").into())
}

fn refused(what: &str, hint: &'static str) -> Error {
    Error::of_types(format!("{what} does not take an interval")).hint(hint)
}

fn by_length(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let key = |expr| key(expr, schema);
    let operands: Vec<&mut Expr> = match &mut expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if op.supports_propagation() || matches!(op, Operator::AtArrow | Operator::ArrowAt) =>
        {
            vec![left, right]
        }
        Expr::Between(between) => vec![&mut between.expr, &mut between.low, &mut between.high],
        Expr::InList(InList { expr, list, .. }) => {
            std::iter::once(expr.as_mut()).chain(list).collect()
        }
        Expr::Case(Case {
            expr: Some(operand),
            when_then_expr,
            ..
        }) => {
            let whens = when_then_expr.iter_mut();
            let whens = whens.map(|(when, _)| when.as_mut());
            whens.chain([operand.as_mut()]).collect()
        }
        Expr::InSubquery(InSubquery {
            expr: value,
            subquery,
            ..
        })
        | Expr::SetComparison(SetComparison {
            expr: value,
            subquery,
            ..
        }) => {
            let column = subquery.subquery.schema().field(0).data_type().clone();
            let is_changed = are_intervals(&[value.get_type(schema)?, column])?;
            if is_changed {
                **value = length(std::mem::take(value));
                *subquery = with_lengths(subquery)?;
            }
            return Ok(Transformed::new_transformed(expr, is_changed));
        }
        Expr::ScalarFunction(call) => {
            return match call.name() {
                "nullif" | "greatest" | "least" => chosen(expr, schema),
                name if compares_elements(name) => {
                    let types = call.args.iter().map(|arg| arg.get_type(schema));
                    refuse_lists(&types.collect::<Result<Vec<_>>>()?)?;
                    Ok(Transformed::no(expr))
                }
                _ => Ok(Transformed::no(expr)),
            };
        }
        Expr::WindowFunction(call) => {
            let params = &mut call.params;
            refuse_aggregate(call.fun.name(), &params.args, schema)?;
            if params.distinct && params.args.iter().any(|arg| is_interval(arg, schema)) {
                return Err(refused(
                    "DISTINCT",
                    "compare their lengths with date_part('epoch', x)",
                )
                .into());
            }
            let orders = sorted_by(&mut params.order_by);
            let changed = all_keys(orders.chain(&mut params.partition_by), key)?;
            return Ok(Transformed::new_transformed(expr, changed));
        }
        Expr::AggregateFunction(call) => {
            let name = call.func.name().to_owned();
            let AggregateFunctionParams {
                args,
                order_by,
                distinct,
                ..
            } = &mut call.params;
            refuse_aggregate(&name, args, schema)?;
            let changed = match (*distinct, name.as_str()) {
                (true, "count") => all_keys(args.iter_mut(), key)?,
                (true, _) if args.iter().any(|arg| is_interval(arg, schema)) => {
                    return Err(refused(
                        &format!("`{name}` with DISTINCT"),
                        "CAST(… AS TEXT) tells them apart by their spelling",
                    )
                    .into());
                }
                _ => all_keys(sorted_by(order_by), key)?,
            };
            return Ok(Transformed::new_transformed(expr, changed));
        }
        _ => return Ok(Transformed::no(expr)),
    };
    let types = operands.iter().map(|operand| operand.get_type(schema));
    // What is wrong with an operand is the engine's to say.
    let Ok(types) = types.collect::<Result<Vec<_>>>() else {
        return Ok(Transformed::no(expr));
    };
    if !are_intervals(&types)? {
        return Ok(Transformed::no(expr));
    }
    for operand in operands {
        *operand = length(std::mem::take(operand));
    }
    Ok(Transformed::yes(expr))
}

/// Returns `nullif`, `greatest` and `least` of intervals as the CASE that they are.
fn chosen(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(call) = &expr else {
        return Ok(Transformed::no(expr));
    };
    let types = call.args.iter().map(|arg| arg.get_type(schema));
    if !are_intervals(&types.collect::<Result<Vec<_>>>()?)? {
        return Ok(Transformed::no(expr));
    }
    let [one, other] = call.args.as_slice() else {
        let name = call.name();
        return Err(
            Error::of_types(format!("`{name}` takes two intervals at most"))
                .hint(format!("write {name}({name}(a, b), c)"))
                .into(),
        );
    };
    // Each is read twice.
    if one.is_volatile() || other.is_volatile() {
        let name = call.name();
        return Err(
            Error::of_types(format!("`{name}` of random intervals is not supported"))
                .hint("name them in a subquery first: FROM (SELECT … AS a, … AS b)")
                .into(),
        );
    }
    let (one_length, other_length) = (length(one.clone()), length(other.clone()));
    let chosen = match call.name() {
        "nullif" => {
            when(one_length.eq(other_length), lit(ScalarValue::Null)).otherwise(one.clone())
        }
        name => {
            let is_one = match name {
                "greatest" => one_length.gt_eq(other_length),
                _ => one_length.lt_eq(other_length),
            };
            when(other.clone().is_null().or(is_one), one.clone()).otherwise(other.clone())
        }
    };
    Ok(Transformed::yes(chosen?))
}

/// Refuses aggregates that would find the smallest, the largest or the middle one by months.
fn refuse_aggregate(name: &str, args: &[Expr], schema: &DFSchema) -> Result<()> {
    let is_ranked = matches!(
        name,
        "min" | "max" | "median" | "percentile_cont" | "approx_median" | "approx_percentile_cont"
    );
    match args.first() {
        Some(arg) if is_ranked && is_interval(arg, schema) => Err(refused(
            &format!("`{name}`"),
            "sort by it, and take the first row: ORDER BY … LIMIT 1",
        )
        .into()),
        _ => Ok(()),
    }
}

/// Returns true for intervals, among which may be differences of times.
///
/// # Errors
///
/// Fails if one of them is a list or an object of intervals.
fn are_intervals(types: &[DataType]) -> Result<bool> {
    refuse_lists(types)?;
    let is_interval = |of: &DataType| matches!(of, DataType::Interval(_));
    let is_length = |of: &DataType| matches!(of, DataType::Duration(_) | DataType::Null);
    Ok(types.iter().any(is_interval) && types.iter().all(|of| is_interval(of) || is_length(of)))
}

fn refuse_lists(types: &[DataType]) -> Result<()> {
    let is_list = |of: &DataType| of.is_nested() && holds_interval(of);
    match types.iter().any(is_list) {
        true => Err(
            Error::of_types("lists and rows of intervals cannot be compared")
                .hint("compare the intervals one by one; unnest(x) makes rows of a list")
                .into(),
        ),
        false => Ok(()),
    }
}

/// Returns true for intervals, and for lists and objects of them.
fn holds_interval(data_type: &DataType) -> bool {
    holds(data_type, |of| matches!(of, DataType::Interval(_)))
}

/// Returns a subquery of one column with the lengths of what it gives.
fn with_lengths(subquery: &Subquery) -> Result<Subquery> {
    let (relation, field) = subquery.subquery.schema().qualified_field(0);
    let column = Expr::from((relation, field));
    let item = length(column).alias_qualified(relation.cloned(), field.name());
    let lengths = Projection::try_new(vec![item], Arc::clone(&subquery.subquery))?;
    Ok(subquery.with_plan(Arc::new(LogicalPlan::Projection(lengths))))
}

fn length(expr: Expr) -> Expr {
    interval_length().call(vec![expr])
}

/// Returns what sorts as `expr` should: the engine sorts by no difference of times in a window.
fn key(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Ok(data_type) = expr.get_type(schema) else {
        return Ok(Transformed::no(expr));
    };
    refuse_lists(std::slice::from_ref(&data_type))?;
    Ok(match data_type {
        DataType::Interval(_) | DataType::Duration(_) => Transformed::yes(length(expr)),
        _ => Transformed::no(expr),
    })
}

fn is_interval(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Interval(_)))
}
