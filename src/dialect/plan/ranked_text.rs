//! Text and booleans beside a number in the dialect `stackql`: text is greater than every number, unless it holds one, and
//! a boolean is 1 or 0.
//!
//! The planner of operators sees to `=`, `<` and their kin. IN, BETWEEN, CASE, nullif and IS DISTINCT FROM do not pass it,
//! and the engine would read each text as a number, and fail on text that is not one. Each value of a list and each end of
//! a range is ranked for itself, so that texts still compare as texts with one another.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Case, InSubquery};
use datafusion::logical_expr::{
    Between, BinaryExpr, Expr, LogicalPlanBuilder, Operator, binary_expr, cast, lit,
};

use super::class::{Class, class_of};
use crate::dialect::functions;

/// Ranks text among numbers. To be run before types are made to fit.
pub(super) fn rank_text(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let Expr::InSubquery(test) = expr {
        return in_subquery(test, schema);
    }
    Ok(match ranked(&expr, schema) {
        Some(ranked) => Transformed::yes(ranked),
        None => Transformed::no(expr),
    })
}

/// Ranks text and booleans beside a number, each value for itself; None where neither is beside a number.
fn ranked(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let mixed = |one: &Expr, other: &Expr| {
        let classes = (class_of(one, schema), class_of(other, schema));
        matches!(
            classes,
            (Class::Text | Class::Boolean, Class::Number)
                | (Class::Number, Class::Text | Class::Boolean)
        )
    };
    let rank = |value: &Expr| match class_of(value, schema) {
        Class::Text => functions::to_rank().call(vec![value.clone()]),
        Class::Boolean => cast(value.clone(), DataType::Int64),
        _ => value.clone(),
    };
    // What a number is compared with can all be ranked, so that the number is computed once.
    let is_number = |value: &Expr| class_of(value, schema) == Class::Number;
    let pair = |one: &Expr, op, other: &Expr| match mixed(one, other) {
        true => binary_expr(rank(one), op, rank(other)),
        false => binary_expr(one.clone(), op, other.clone()),
    };
    let (found, is_negated) = match expr {
        Expr::Between(between)
            if mixed(&between.expr, &between.low) || mixed(&between.expr, &between.high) =>
        {
            let Between {
                expr, low, high, ..
            } = between;
            let is_within = match is_number(expr) {
                true => expr.as_ref().clone().between(rank(low), rank(high)),
                false => pair(expr, Operator::GtEq, low).and(pair(expr, Operator::LtEq, high)),
            };
            (is_within, between.negated)
        }
        Expr::InList(test) if test.list.iter().any(|item| mixed(&test.expr, item)) => {
            let is_ranked = |item: &Expr| is_number(&test.expr) || mixed(&test.expr, item);
            let (ranked, same): (Vec<Expr>, Vec<Expr>) =
                test.list.iter().cloned().partition(is_ranked);
            let found = rank(&test.expr).in_list(ranked.iter().map(rank).collect(), false);
            let found = match same.is_empty() {
                true => found,
                false => found.or(test.expr.as_ref().clone().in_list(same, false)),
            };
            (found, test.negated)
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::IsDistinctFrom | Operator::IsNotDistinctFrom),
            right,
        }) if mixed(left, right) => (pair(left, *op, right), false),
        Expr::Case(Case {
            expr: Some(value),
            when_then_expr: arms,
            else_expr,
        }) if arms.iter().any(|(when, _)| mixed(value, when)) => {
            let arms = arms.iter().map(|(when, then)| {
                let when = match is_number(value) {
                    true => rank(when),
                    false => pair(value, Operator::Eq, when),
                };
                (Box::new(when), then.clone())
            });
            let value = is_number(value).then(|| value.clone());
            let case = Case::new(value, arms.collect(), else_expr.clone());
            (Expr::Case(case), false)
        }
        Expr::ScalarFunction(call) if call.name() == "nullif" => match call.args.as_slice() {
            [value, other] if mixed(value, other) => {
                let is_equal = pair(value, Operator::Eq, other);
                let arms = vec![(Box::new(is_equal), Box::new(lit(ScalarValue::Null)))];
                let case = Case::new(None, arms, Some(Box::new(value.clone())));
                (Expr::Case(case), false)
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(if is_negated { !found } else { found })
}

/// Ranks what is looked for in a subquery, or the column of the subquery, if one of them is text and the other a number.
fn in_subquery(mut test: InSubquery, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let rank = |value: Expr| functions::to_rank().call(vec![value]);
    let plan = &test.subquery.subquery;
    let column = Class::of(plan.schema().field(0).data_type());
    match (class_of(&test.expr, schema), column) {
        (Class::Text, Class::Number) => test.expr = Box::new(rank(*test.expr)),
        (Class::Number, Class::Text) => {
            let column = Expr::from(plan.schema().qualified_field(0));
            let ranked = LogicalPlanBuilder::from(Arc::clone(plan)).project([rank(column)])?;
            test.subquery = test.subquery.with_plan(Arc::new(ranked.build()?));
        }
        _ => return Ok(Transformed::no(Expr::InSubquery(test))),
    }
    Ok(Transformed::yes(Expr::InSubquery(test)))
}
