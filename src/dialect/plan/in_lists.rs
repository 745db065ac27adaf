//! IN lists with exact three-valued logic.
//!
//! The engine's simplifier merges lists over one expression, and forgets NULL: `x NOT IN ('a') OR x NOT IN ('b')` becomes
//! true, also where `x` is NULL; so does a list with a NULL in it, or with a column. This rule runs before it:
//!
//! - `x IN (1, y)` becomes `x = 1 OR x = y`, and NOT IN likewise;
//! - a NULL is taken out of its list: `x NOT IN (1, NULL)` becomes `x NOT IN (1) AND NULL`;
//! - of several lists over `x` in one chain, all but the first are put over `opaque(x)`, which the engine does not know to
//!   be `x`, unless merging them is right: IN beside OR, NOT IN beside AND, and anything beside AND in a condition, where
//!   false is as good as unknown.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, LogicalPlan, Operator, lit};

use super::opaque::opaque;
use super::tree::map_named;

/// Keeps lists of IN from being merged where that forgets NULL. To be run when types fit.
pub(super) fn keep_lists(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let is_condition = matches!(plan, LogicalPlan::Filter(Filter { .. }));
    map_named(plan, |expr| {
        let expr = expr.transform_up(|expr| Ok(without_nulls(expr)))?;
        expr.transform_data(|expr| apart(expr, is_condition))
    })
}

fn unknown() -> Expr {
    lit(ScalarValue::Boolean(None))
}

/// Takes columns and NULLs out of lists.
fn without_nulls(expr: Expr) -> Transformed<Expr> {
    let Expr::InList(InList {
        expr: value,
        list,
        negated,
    }) = expr
    else {
        return Transformed::no(expr);
    };
    let is_plain = |item: &Expr| matches!(item, Expr::Literal(literal, _) if !literal.is_null());
    if list.iter().all(is_plain) || value.is_volatile() {
        return Transformed::no(Expr::InList(InList::new(value, list, negated)));
    }
    let (plain, others): (Vec<Expr>, Vec<Expr>) = list.into_iter().partition(is_plain);
    let mut tests = Vec::with_capacity(others.len() + 1);
    if !plain.is_empty() {
        tests.push(Expr::InList(InList::new(value.clone(), plain, negated)));
    }
    for other in others {
        tests.push(match (&other, negated) {
            (Expr::Literal(..), _) => unknown(),
            (_, false) => value.as_ref().clone().eq(other),
            (_, true) => value.as_ref().clone().not_eq(other),
        });
    }
    let joined = match negated {
        true => tests.into_iter().reduce(Expr::and),
        false => tests.into_iter().reduce(Expr::or),
    };
    Transformed::yes(joined.unwrap_or_else(unknown))
}

/// Keeps the lists of a chain apart; `is_condition` where false is as good as unknown.
fn apart(expr: Expr, is_condition: bool) -> Result<Transformed<Expr>> {
    let Some(op) = chain_of(&expr) else {
        return expr.map_children(|child| apart(child, false));
    };
    let mut members = Vec::new();
    flatten(expr, op, &mut members);
    let mut changed = false;
    // Below OR a member that is false leaves the others as they are, as one that is unknown does.
    let members = members
        .into_iter()
        .map(|member| {
            let member = apart(member, is_condition)?;
            changed |= member.transformed;
            Ok(member.data)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut seen: Vec<(Expr, bool)> = Vec::new();
    let mut kept = Vec::with_capacity(members.len());
    for member in members {
        let Expr::InList(list) = member else {
            kept.push(member);
            continue;
        };
        let merges_well = |negated: bool| match op {
            Operator::Or => !list.negated && !negated,
            _ => list.negated && negated || is_condition,
        };
        let is_at_risk = seen
            .iter()
            .any(|(expr, negated)| *expr == *list.expr && !merges_well(*negated));
        seen.push((list.expr.as_ref().clone(), list.negated));
        kept.push(Expr::InList(match is_at_risk {
            true => {
                changed = true;
                InList::new(Box::new(opaque(*list.expr)), list.list, list.negated)
            }
            false => list,
        }));
    }
    let joined = kept.into_iter().reduce(|left, right| {
        Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
    });
    match joined {
        Some(expr) => Ok(Transformed::new_transformed(expr, changed)),
        None => internal_err!("a chain without members"),
    }
}

fn chain_of(expr: &Expr) -> Option<Operator> {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            op: op @ (Operator::And | Operator::Or),
            ..
        }) => Some(*op),
        _ => None,
    }
}

/// Collects the members of a chain of `op`. By a stack of its own, since a chain may be long.
fn flatten(expr: Expr, op: Operator, members: &mut Vec<Expr>) {
    let mut rest = vec![expr];
    while let Some(expr) = rest.pop() {
        match expr {
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: own,
                right,
            }) if own == op => {
                rest.push(*right);
                rest.push(*left);
            }
            member => members.push(member),
        }
    }
}
