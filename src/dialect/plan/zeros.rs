//! A rule over logical plans that makes equal floats identical: the two zeros, and NaNs of either sign.
//!
//! `round(-0.4)` is a negative zero. It equals zero, but the engine sorts it before zero, and so distinguishes them
//! where rows are sorted: in ORDER BY, in window functions and in DISTINCT ON. The same happens in `CASE x WHEN 0` and
//! `nullif(x, 0)`, in `x IN (0, 1, 2, 3)`, which is a set to it, and wherever lists and objects are compared or
//! grouped. There it becomes [a key](float_key). It makes such a set of `x = 0 OR x = 1 OR …`, too, so the other side
//! of a constant is a key.
//!
//! The NaN of `0.0 / 0.0` has a sign, by which it would be less than every number. Arithmetic over floats gives
//! [the one NaN](one_nan), as aggregates do (`functions::sliding`).

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Cast, InList, TryCast};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Distinct, Expr, ExprSchemable, LogicalPlan, Operator};

use super::tree::{all_keys, distinct_keys, map_columns, map_named, sorted_by};
use crate::dialect::functions::{compares_elements, float_key, holds_float, one_nan};

/// Gives floats one spelling where they are computed or compared. To be run when types fit.
pub(super) fn one_zero(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let is_sort = matches!(plan, LogicalPlan::Sort(_));
    let is_nested_key = |expr: &Expr| matches!(type_of(expr, &schema), Some(of) if is_nested(&of));
    let keys: Vec<Expr> = match &plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.clone(),
        LogicalPlan::Join(join) => {
            let pairs = join.on.iter();
            pairs
                .flat_map(|(left, right)| [left, right])
                .cloned()
                .collect()
        }
        _ => Vec::new(),
    };
    let plan = map_named(plan, |expr| {
        let is_key = is_sort || is_nested_key(&expr) && keys.contains(&expr);
        let expr = expr.transform_up(|expr| within(expr, &schema))?;
        match is_key {
            true => expr.transform_data(|expr| key(expr, &schema)),
            false => Ok(expr),
        }
    })?;
    plan.transform_data(|plan| distinct(plan, &schema))
}

/// Gives the keys of DISTINCT ON one spelling, and lists and objects in the rows of DISTINCT.
fn distinct(plan: LogicalPlan, schema: &DFSchema) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Distinct(Distinct::All(input))
            if (input.schema().fields().iter()).any(|field| is_nested(field.data_type())) =>
        {
            let rows = map_columns(input, |_, field, column| {
                match is_nested(field.data_type()) {
                    true => Transformed::yes(float_key().call(vec![column])),
                    false => Transformed::no(column),
                }
            })?;
            let rows = Distinct::All(Arc::new(rows));
            Ok(Transformed::yes(LogicalPlan::Distinct(rows)))
        }
        plan => distinct_keys(plan, |expr| key(expr, schema)),
    }
}

fn within(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if gives_other_nan(&expr, schema) {
        return Ok(Transformed::yes(one_nan().call(vec![expr])));
    }
    let key = |expr| key(expr, schema);
    let is_changed = match &mut expr {
        Expr::WindowFunction(call) => {
            let params = &mut call.params;
            let orders = sorted_by(&mut params.order_by);
            all_keys(orders.chain(&mut params.partition_by), key)?
        }
        Expr::AggregateFunction(call) => {
            let params = &mut call.params;
            let orders = sorted_by(&mut params.order_by);
            let args = params.args.iter_mut().filter(|_| params.distinct);
            all_keys(orders.chain(args), key)?
        }
        Expr::Case(case) => {
            let whens = case.when_then_expr.iter_mut();
            let whens = whens.map(|(when, _)| when.as_mut());
            match &mut case.expr {
                Some(operand) => all_keys(whens.chain([operand.as_mut()]), key)?,
                None => false,
            }
        }
        Expr::ScalarFunction(call) if call.name() == "nullif" => {
            all_keys(call.args.iter_mut(), key)?
        }
        Expr::ScalarFunction(call) if compares_elements(call.name()) => {
            all_keys(call.args.iter_mut(), key)?
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if matches!(op, Operator::Eq | Operator::NotEq)
                && (literal(left).is_some() || literal(right).is_some()) =>
        {
            let sides = [left.as_mut(), right.as_mut()].into_iter();
            all_keys(sides.filter(|side| !is_nonzero(side)), key)?
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares_lists(*op) => {
            all_nested([left.as_mut(), right.as_mut()], schema)?
        }
        Expr::InList(InList { expr, list, .. }) => {
            let tests = list.iter_mut().chain([expr.as_mut()]);
            all_keys(tests.filter(|test| !is_nonzero(test)), key)?
        }
        Expr::Between(between) => all_nested(
            [&mut between.expr, &mut between.low, &mut between.high].map(AsMut::as_mut),
            schema,
        )?,
        _ => false,
    };
    Ok(Transformed::new_transformed(expr, is_changed))
}

/// Returns true for what may give a NaN with a sign though its operands are none.
fn gives_other_nan(expr: &Expr, schema: &DFSchema) -> bool {
    let is_float = |expr: &Expr| type_of(expr, schema).is_some_and(|of| of.is_floating());
    let is_text = |expr: &Expr| type_of(expr, schema).is_some_and(|of| of.is_string());
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            use Operator::{Divide, Minus, Modulo, Multiply, Plus};
            let may = match op {
                Plus | Minus => !is_finite(left) && !is_finite(right),
                Multiply => !is_nonzero(left) && !is_nonzero(right),
                Divide => !is_nonzero(left) && !is_nonzero(right),
                Modulo => true,
                _ => false,
            };
            may && is_float(expr)
        }
        Expr::Negative(number) => !is_finite(number) && is_float(number),
        Expr::Cast(Cast { expr: text, field }) | Expr::TryCast(TryCast { expr: text, field }) => {
            field.data_type().is_floating() && is_text(text)
        }
        _ => false,
    }
}

fn literal(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Literal(value, _) => match value.cast_to(&DataType::Float64).ok()? {
            ScalarValue::Float64(number) => number,
            _ => None,
        },
        Expr::Cast(Cast { expr, field }) if field.data_type().is_numeric() => literal(expr),
        _ => None,
    }
}

fn is_finite(expr: &Expr) -> bool {
    literal(expr).is_some_and(f64::is_finite)
}

fn is_nonzero(expr: &Expr) -> bool {
    literal(expr).is_some_and(|number| number.is_finite() && number != 0.0)
}

fn compares_lists(op: Operator) -> bool {
    op.supports_propagation() || matches!(op, Operator::AtArrow | Operator::ArrowAt)
}

fn is_nested(data_type: &DataType) -> bool {
    data_type.is_nested() && holds_float(data_type)
}

fn type_of(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    expr.get_type(schema).ok()
}

/// Makes keys of all `exprs` if one of them is a list or an object.
fn all_nested<'e>(
    exprs: impl IntoIterator<Item = &'e mut Expr>,
    schema: &DFSchema,
) -> Result<bool> {
    let exprs: Vec<&mut Expr> = exprs.into_iter().collect();
    let is_some_nested = |expr: &&mut Expr| type_of(expr, schema).is_some_and(|of| is_nested(&of));
    match exprs.iter().any(is_some_nested) {
        true => all_keys(exprs.into_iter(), |expr| key(expr, schema)),
        false => Ok(false),
    }
}

fn key(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(
        match type_of(&expr, schema).is_some_and(|of| holds_float(&of)) {
            true => Transformed::yes(float_key().call(vec![expr])),
            false => Transformed::no(expr),
        },
    )
}
