//! GROUP BY with one expression twice in a set of groups, as in `GROUP BY x, ROLLUP (x)`, or with a constant in one:
//! refused.
//!
//! In SQL these are two keys, and the one within ROLLUP is NULL in the rows of totals. The engine takes them for one,
//! and takes every equal constant in the select list for that key.

use datafusion::common::tree_node::TreeNode;
use datafusion::error::Result;
use datafusion::logical_expr::expr::GroupingSet;
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::dialect::Dialect;
use crate::dialect::error::{Error, Place};

/// Refuses sets of groups with an expression twice, or with a constant.
pub(super) fn check(plan: &LogicalPlan, _: Dialect) -> Result<()> {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.iter().try_for_each(check_sets),
        _ => Ok(()),
    }
}

fn check_sets(group: &Expr) -> Result<()> {
    let sets: Vec<&[Expr]> = match group {
        Expr::GroupingSet(GroupingSet::GroupingSets(sets)) => {
            sets.iter().map(Vec::as_slice).collect()
        }
        Expr::GroupingSet(GroupingSet::Rollup(keys) | GroupingSet::Cube(keys)) => vec![keys],
        _ => return Ok(()),
    };
    let twice = |set: &[Expr]| {
        let mut exprs = set.iter().enumerate();
        exprs
            .find(|(at, expr)| set[..*at].contains(expr))
            .map(|(_, expr)| expr.clone())
    };
    let is_constant = |expr: &&Expr| !expr.any_column_refs() && !expr.is_volatile();
    if let Some(constant) = sets.iter().copied().flatten().find(is_constant) {
        let is_subquery = |expr: &Expr| {
            Ok(matches!(
                expr,
                Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_)
            ))
        };
        let what = match constant.exists(is_subquery)? {
            true => "a subquery".to_owned(),
            false => format!("the constant `{}`", constant.human_display()),
        };
        return Err(
            Error::new(format!("ROLLUP, CUBE or GROUPING SETS over {what}"))
                .hint("leave it out, or make it a column of a subquery in FROM")
                .into(),
        );
    }
    match sets.iter().find_map(|set| twice(set)) {
        Some(expr) => Err(Error::new(format!(
            "`{}` appears twice in GROUP BY, beside or within ROLLUP, CUBE or GROUPING SETS",
            expr.human_display()
        ))
        .hint("name it once, or give one of the two another name in a subquery")
        .near(Place::of(&expr))
        .into()),
        None => Ok(()),
    }
}
