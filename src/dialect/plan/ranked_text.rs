//! Text and booleans compared with a number in the dialect `stackql`: text that is not a number is greater than every
//! number, and a boolean is 1 or 0.
//!
//! The planner of operators handles `=`, `<` and their kin. IN, BETWEEN, CASE, nullif and IS DISTINCT FROM do not go
//! through it, and the engine would read each text as a number, and fail on text that is not one. Each value of a list
//! and each end of a range is ranked for itself, so that texts still compare as texts with one another.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Case, InSubquery};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, binary_expr, cast, lit,
};

use super::class::{Class, class_of};
use super::strict_types::{Relation, misfit};
use super::tree::compared;
use crate::dialect::Dialect;
use crate::dialect::functions;

/// Refuses a time beside a number, which the engine takes for days or microseconds since 1970, and which nobody means by it.
pub(super) fn check_times(plan: &LogicalPlan, _: Dialect) -> Result<()> {
    let schema = merge_schema(&plan.inputs());
    let check = |operands: &[&Expr]| {
        let classes = operands.iter().map(|it| (*it, class_of(it, &schema)));
        let classes: Vec<(&Expr, Class)> = classes.collect();
        let time = classes.iter().find(|(_, class)| class.is_temporal());
        let number = classes.iter().find(|(_, class)| *class == Class::Number);
        match (time, number) {
            (Some((time, class)), Some((number, other))) => {
                Err(misfit(time, *class, number, *other, Relation::Compared))
            }
            _ => Ok(()),
        }
    };
    if let LogicalPlan::Join(join) = plan {
        join.on
            .iter()
            .try_for_each(|(one, other)| check(&[one, other]))?;
    }
    plan.apply_expressions(|expr| {
        expr.apply(|expr| {
            match expr {
                Expr::Case(case) => {
                    let whens = case.when_then_expr.iter().map(|(when, _)| when.as_ref());
                    let value = case.expr.iter().map(AsRef::as_ref);
                    let has_value = case.expr.is_some();
                    let operands: Vec<&Expr> = value.chain(whens.filter(|_| has_value)).collect();
                    check(&operands)?;
                }
                Expr::ScalarFunction(call) if call.name() == "nullif" => {
                    check(&call.args.iter().collect::<Vec<_>>())?;
                }
                expr => {
                    if let Some(operands) = compared(&mut expr.clone()) {
                        check(&operands.iter().map(|it| &**it).collect::<Vec<_>>())?;
                    }
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(())
}

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
