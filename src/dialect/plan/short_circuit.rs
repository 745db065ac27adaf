//! Conditions that guard others: `y <> 0 AND x / y >= 1` never divides by zero.
//!
//! The engine evaluates both sides of AND and OR over all rows. An expression that can fail on a row is wrapped in a CASE,
//! which sees only the rows that the members of the chain before it leave open. In a WHERE, members that cannot fail stay
//! as they are, for the service to filter by, and guard the others wherever they are written; filters that the engine has
//! merged into one are taken apart again where they are run ([`split_filters`]).
//!
//! What can fail: a division by anything but a number that is written there, and text that is converted.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::utils::{conjunction, merge_schema, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Filter, LogicalPlan, Operator, lit, not,
};
use datafusion::physical_expr::expressions::{self, CaseExpr, CastExpr, Literal};
use datafusion::physical_expr::{
    PhysicalExpr, ScalarFunctionExpr, conjunction as physical, split_conjunction,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::projection::{ProjectionExec, remove_unnecessary_projections};

use super::operator::Plan;
use super::rule::{SharedRule, configured_rule};
use super::tree::map_named;

type Predicates = Vec<Arc<dyn PhysicalExpr>>;

/// Guards expressions that can fail. To be run when types fit.
pub(super) fn short_circuit(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    match plan {
        LogicalPlan::Filter(Filter {
            predicate, input, ..
        }) if can_fail(&predicate, &schema) => {
            let predicate = guarded(predicate, &schema)?;
            let filter = Filter::try_new(predicate, input)?;
            Ok(Transformed::yes(LogicalPlan::Filter(filter)))
        }
        LogicalPlan::Join(mut join)
            if join.filter.as_ref().is_some_and(|on| can_fail(on, &schema)) =>
        {
            // Rows that do not match are as good as rows for which that is unknown, in an outer join as well.
            let on = join.filter.take().map(|on| guarded(on, &schema));
            join.filter = on.transpose()?;
            Ok(Transformed::yes(LogicalPlan::Join(join)))
        }
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

/// Guards what a member of a chain leaves open, with all three outcomes, what a branch of CASE does, and what the filter of
/// a function over a window leaves out.
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
    if let Expr::WindowFunction(call) = &mut expr
        && let Some(filter) = &call.params.filter
        && !filter.is_volatile()
    {
        // The engine looks at the filter when it has computed the arguments of every row.
        let mut is_changed = false;
        for arg in &mut call.params.args {
            if can_fail(arg, schema) {
                let nothing = lit(ScalarValue::try_from(&arg.get_type(schema)?)?);
                *arg = case(filter.as_ref().clone(), std::mem::take(arg), nothing);
                is_changed = true;
            }
        }
        return Ok(Transformed::new_transformed(expr, is_changed));
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
pub(crate) fn can_fail(expr: &Expr, schema: &DFSchema) -> bool {
    let found = expr.exists(|part| {
        Ok(match part {
            Expr::BinaryExpr(BinaryExpr {
                op: Operator::Divide | Operator::Modulo,
                right,
                ..
            }) => !matches!(converted(right), Expr::Literal(divisor, _) if !is_zero(divisor)),
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

/// Returns what is converted, if something is.
fn converted(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast(cast) => converted(&cast.expr),
        expr => expr,
    }
}

fn is_zero(divisor: &ScalarValue) -> bool {
    divisor.is_null()
        || ScalarValue::new_zero(&divisor.data_type()).is_ok_and(|zero| *divisor == zero)
}

/// Returns `rules`, in which the one that moves projections neither moves what a filter guards nor takes a condition of a join
/// apart that guards a part of itself.
///
/// The engine's rule moves projections below filters, which may guard what they compute; and it computes the parts of a join's
/// condition that are over one side below the join, for all rows of that side, those in a branch of CASE included. Where that
/// could fail, projections alone are moved that cannot.
pub(super) fn whole_conditions(rules: Vec<SharedRule>) -> Vec<SharedRule> {
    let whole = |rule: SharedRule| match rule.name() {
        "ProjectionPushdown" => configured_rule("ProjectionPushdown", move |plan, config| {
            let guards = plan.exists(|plan| {
                let join = plan.downcast_ref::<NestedLoopJoinExec>();
                let on = join.and_then(|join| join.filter());
                Ok(is_guarded(plan) || on.is_some_and(|on| guards(on.expression(), on.schema())))
            })?;
            if !guards {
                return rule.optimize(plan, config);
            }
            plan.transform_down(|plan| match is_guarded(&plan) {
                true => Ok(Transformed::no(plan)),
                false => remove_unnecessary_projections(plan),
            })
            .data()
        }),
        _ => rule,
    };
    rules.into_iter().map(whole).collect()
}

/// Returns true if what `plan` computes may be for the rows alone that are left where it stands.
fn is_guarded(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<ProjectionExec>()
        .is_some_and(|projection| {
            let schema = projection.input().schema();
            let mut columns = projection.expr().iter();
            columns.any(|column| can_fail_in(&column.expr, &schema))
        })
}

/// Returns true if a part of `condition` is not for all rows.
fn guards(condition: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    can_fail_in(condition, schema)
        || has(condition, |part| {
            part.is::<CaseExpr>()
                || part
                    .downcast_ref::<ScalarFunctionExpr>()
                    .is_some_and(|call| call.fun().short_circuits())
        })
}

/// A filter over what cannot fail runs before filters over what can, one each.
pub(super) fn split_filters(plan: Plan) -> Result<Transformed<Plan>> {
    let Some(filter) = plan.downcast_ref::<FilterExec>() else {
        return Ok(Transformed::no(plan));
    };
    let schema = filter.input().schema();
    let members = split_conjunction(filter.predicate()).into_iter().cloned();
    let (safe, failing) = by_risk(members, &schema);
    let mut steps = failing;
    if !safe.is_empty() {
        steps.insert(0, physical(safe));
    }
    if steps.len() < 2 {
        return Ok(Transformed::no(plan));
    }
    Ok(Transformed::yes(in_steps(filter, steps)?))
}

/// Returns a filter for each of `steps`, which are the predicate of `filter`, the first of them next to its input.
pub(super) fn in_steps(
    filter: &FilterExec,
    mut steps: Predicates,
) -> Result<Arc<dyn ExecutionPlan>> {
    let last = steps
        .pop()
        .unwrap_or_else(|| Arc::clone(filter.predicate()));
    let mut input = Arc::clone(filter.input());
    for step in steps {
        let step = FilterExecBuilder::new(step, input).with_batch_size(filter.batch_size());
        input = Arc::new(step.build()?);
    }
    let last = FilterExecBuilder::new(last, input)
        .apply_projection_by_ref(filter.projection().as_ref())?
        .with_batch_size(filter.batch_size())
        .with_fetch(filter.fetch());
    Ok(Arc::new(last.build()?))
}

/// Returns `predicates`, those of an inner query before those around it, in the order in which they are to be checked.
pub(crate) fn in_order(predicates: Predicates, schema: &Schema) -> Predicates {
    let (mut safe, failing) = by_risk(predicates, schema);
    safe.extend(failing);
    safe
}

/// Returns those of `predicates` that cannot fail, and those that can.
fn by_risk(
    predicates: impl IntoIterator<Item = Arc<dyn PhysicalExpr>>,
    schema: &Schema,
) -> (Predicates, Predicates) {
    predicates
        .into_iter()
        .partition(|predicate| !can_fail_in(predicate, schema))
}

fn can_fail_in(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    has(expr, |part| {
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
        }
    })
}

/// Returns true if `is_it` is true of a part of `expr`.
fn has(expr: &Arc<dyn PhysicalExpr>, is_it: impl Fn(&dyn PhysicalExpr) -> bool) -> bool {
    // It never fails.
    expr.exists(|part| Ok(is_it(part.as_ref())))
        .unwrap_or(false)
}
