//! Conditions that guard others: `y <> 0 AND x / y >= 1` never divides by zero.
//!
//! The engine evaluates both sides of AND and OR over all rows. An expression that can fail on a row is wrapped in a CASE,
//! which sees only the rows that the members of the chain before it leave open. In a WHERE, members that cannot fail stay
//! as they are, for the service to filter by, and guard the others wherever they are written; filters that the engine has
//! merged into one are taken apart again where they are run ([`SPLIT_FILTERS`]).
//!
//! What can fail: a division by anything but a number that is written there, and text that is converted.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::utils::{conjunction, merge_schema, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Filter, Join, JoinType, LogicalPlan, Operator, lit, not,
};
use datafusion::physical_expr::expressions::{self, CastExpr, Literal};
use datafusion::physical_expr::{PhysicalExpr, conjunction as physical, split_conjunction};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};

use super::operator::Plan;
use super::rule::{Change, Dialects, OperatorRule, PlanRule};
use super::tree::map_named;

/// Guards expressions that can fail. To be run when types fit.
pub(super) const SHORT_CIRCUIT: PlanRule = PlanRule {
    name: "short_circuit",
    dialects: Dialects::BOTH,
    change: Change::Node(short_circuit),
};

fn short_circuit(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    match plan {
        LogicalPlan::Filter(Filter {
            predicate, input, ..
        }) if can_fail(&predicate, &schema) => {
            let predicate = guarded(predicate, &schema)?;
            let filter = Filter::try_new(predicate, input)?;
            Ok(Transformed::yes(LogicalPlan::Filter(filter)))
        }
        LogicalPlan::Join(Join {
            filter: Some(filter),
            join_type: join_type @ JoinType::Inner,
            left,
            right,
            on,
            join_constraint,
            schema: joined,
            null_equality,
            null_aware,
        }) if can_fail(&filter, &schema) => Ok(Transformed::yes(LogicalPlan::Join(Join {
            filter: Some(guarded(filter, &schema)?),
            join_type,
            left,
            right,
            on,
            join_constraint,
            schema: joined,
            null_equality,
            null_aware,
        }))),
        plan => map_named(plan, |expr| expr.transform_up(|expr| chain(expr, &schema))),
    }
}

/// Guards the members of a condition, of which only the rows that it is true for are wanted.
fn guarded(predicate: Expr, schema: &DFSchema) -> Result<Expr> {
    let (failing, safe): (Vec<Expr>, Vec<Expr>) = split_conjunction_owned(predicate)
        .into_iter()
        .partition(|member| can_fail(member, schema));
    let mut guards: Vec<Expr> = safe
        .iter()
        .filter(|member| !member.is_volatile())
        .cloned()
        .collect();
    let mut members = safe;
    for member in failing {
        let member = member.transform_up(|expr| chain(expr, schema))?.data;
        let guard = conjunction(guards.iter().cloned());
        if !member.is_volatile() {
            guards.push(member.clone());
        }
        members.push(match guard {
            Some(guard) => case(guard, member, lit(false)),
            None => member,
        });
    }
    Ok(conjunction(members).unwrap_or_else(|| lit(true)))
}

/// Returns `CASE true WHEN condition THEN then ELSE otherwise END`. The engine would take `CASE WHEN` apart again, into AND
/// and OR.
fn case(condition: Expr, then: Expr, otherwise: Expr) -> Expr {
    Expr::Case(Case::new(
        Some(Box::new(lit(true))),
        vec![(Box::new(condition), Box::new(then))],
        Some(Box::new(otherwise)),
    ))
}

/// Guards what a member of a chain leaves open, with all three outcomes, and what a branch of CASE does.
fn chain(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let Expr::Case(case) = &mut expr
        && case.expr.is_none()
        && case
            .when_then_expr
            .iter()
            .all(|(_, then)| is_boolean(then, schema))
        && case
            .when_then_expr
            .iter()
            .flat_map(|(when, then)| [when, then])
            .chain(&case.else_expr)
            .any(|part| can_fail(part, schema))
    {
        case.expr = Some(Box::new(lit(true)));
        return Ok(Transformed::yes(expr));
    }
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else {
        return Ok(Transformed::no(expr));
    };
    let is_open = matches!(op, Operator::And | Operator::Or)
        && can_fail(&right, schema)
        && !left.is_volatile();
    if !is_open {
        return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr::new(
            left, op, right,
        ))));
    }
    let (settles, outcome) = match op {
        Operator::And => (not(left.as_ref().clone()), lit(false)),
        _ => (left.as_ref().clone(), lit(true)),
    };
    let both = Expr::BinaryExpr(BinaryExpr::new(left, op, right));
    Ok(Transformed::yes(case(settles, outcome, both)))
}

fn is_boolean(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(
        expr.get_type(schema),
        Ok(DataType::Boolean | DataType::Null)
    )
}

/// Returns true if evaluating `expr` can fail on some row.
fn can_fail(expr: &Expr, schema: &DFSchema) -> bool {
    let found = expr.exists(|part| {
        Ok(match part {
            Expr::BinaryExpr(BinaryExpr {
                op: Operator::Divide | Operator::Modulo,
                right,
                ..
            }) => !matches!(right.as_ref(), Expr::Literal(divisor, _) if !is_zero(divisor)),
            Expr::Cast(cast) => {
                !matches!(cast.expr.as_ref(), Expr::Literal(..))
                    && !cast.field.data_type().is_string()
                    && cast
                        .expr
                        .get_type(schema)
                        .is_ok_and(|data_type| data_type.is_string())
            }
            _ => false,
        })
    });
    found.unwrap_or(false)
}

fn is_zero(divisor: &ScalarValue) -> bool {
    divisor.is_null()
        || ScalarValue::new_zero(&divisor.data_type()).is_ok_and(|zero| *divisor == zero)
}

/// A rule over physical plans: a filter over what cannot fail runs before a filter over what can.
pub(super) const SPLIT_FILTERS: OperatorRule = OperatorRule {
    name: "split_filters",
    change: split_filters,
};

fn split_filters(plan: Plan) -> Result<Transformed<Plan>> {
    let Some(filter) = plan.downcast_ref::<FilterExec>() else {
        return Ok(Transformed::no(plan));
    };
    let schema = filter.input().schema();
    let members: Vec<Arc<dyn PhysicalExpr>> = split_conjunction(filter.predicate())
        .into_iter()
        .map(Arc::clone)
        .collect();
    let (failing, safe): (Vec<_>, Vec<_>) = members
        .into_iter()
        .partition(|member| can_fail_in(member, &schema));
    if failing.is_empty() || safe.is_empty() {
        return Ok(Transformed::no(plan));
    }
    let below = FilterExecBuilder::new(physical(safe), Arc::clone(filter.input()))
        .with_batch_size(filter.batch_size())
        .build()?;
    let above = FilterExecBuilder::new(physical(failing), Arc::new(below))
        .apply_projection_by_ref(filter.projection().as_ref())?
        .with_batch_size(filter.batch_size())
        .with_fetch(filter.fetch())
        .build()?;
    Ok(Transformed::yes(Arc::new(above)))
}

fn can_fail_in(
    expr: &Arc<dyn PhysicalExpr>,
    schema: &datafusion::arrow::datatypes::Schema,
) -> bool {
    let found = expr.exists(|part| {
        let part: &dyn PhysicalExpr = part.as_ref();
        Ok(
            if let Some(binary) = part.downcast_ref::<expressions::BinaryExpr>() {
                matches!(binary.op(), Operator::Divide | Operator::Modulo)
                    && binary
                        .right()
                        .downcast_ref::<Literal>()
                        .is_none_or(|divisor| is_zero(divisor.value()))
            } else if let Some(cast) = part.downcast_ref::<CastExpr>() {
                !cast.cast_type().is_string()
                    && cast
                        .expr()
                        .data_type(schema)
                        .is_ok_and(|data_type: DataType| data_type.is_string())
            } else {
                false
            },
        )
    });
    found.unwrap_or(false)
}
