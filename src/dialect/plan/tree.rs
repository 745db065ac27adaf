//! Helpers to walk a plan, for rules and nodes: the only input of a node, every expression, every node. Pure.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{InList, Sort};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, LogicalPlan, LogicalPlanBuilder, Projection, Union,
};

/// Returns the only one of `inputs`, which a node with one input is to have from now on.
///
/// Fails if there is another number of them.
pub(crate) fn only_input<P>(inputs: Vec<P>) -> Result<P> {
    match <[P; 1]>::try_from(inputs) {
        Ok([input]) => Ok(input),
        Err(inputs) => internal_err!("one input was expected, not {}", inputs.len()),
    }
}

/// Rewrites all expressions of `plan`, those of subqueries included, from the leaves up. `rewrite` is given the columns that
/// an expression is over. Columns of the plan keep their names.
///
/// Fails if `rewrite` does.
pub(super) fn rewrite_expressions(
    plan: LogicalPlan,
    rewrite: impl Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>,
) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|plan| {
        let schema = merge_schema(&plan.inputs());
        map_named(plan, |expr| {
            expr.transform_up(|expr| rewrite(expr, &schema))
        })
    })?;
    Ok(plan.data)
}

/// Rewrites the expressions of one node, whose columns keep their names.
///
/// Fails if `rewrite` does.
pub(crate) fn map_named(
    plan: LogicalPlan,
    mut rewrite: impl FnMut(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        Ok(rewrite(expr)?.update_data(|expr| name.restore(expr)))
    })
}

/// Returns the operands that `expr` compares, if it is a comparison, BETWEEN or IN with a list.
pub(super) fn compared(expr: &mut Expr) -> Option<Vec<&mut Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.supports_propagation() => {
            Some(vec![left, right])
        }
        Expr::Between(between) => {
            Some(vec![&mut between.expr, &mut between.low, &mut between.high])
        }
        Expr::InList(InList { expr, list, .. }) => {
            Some(std::iter::once(expr.as_mut()).chain(list).collect())
        }
        _ => None,
    }
}

/// Rewrites all nodes of `plan`, those of subqueries included, from the leaves up. `rewrite` may change the types of columns:
/// nodes above it are given their types anew.
///
/// Fails if `rewrite` does, or if a node does not take the new types.
pub(super) fn rewrite_types(
    plan: LogicalPlan,
    rewrite: impl Fn(LogicalPlan) -> Result<Transformed<LogicalPlan>>,
) -> Result<LogicalPlan> {
    let mut is_changed = false;
    let plan = plan.transform_up_with_subqueries(|plan| {
        let plan = rewrite(plan)?;
        is_changed |= plan.transformed;
        match is_changed {
            true => plan.map_data(retyped),
            false => Ok(plan),
        }
    })?;
    Ok(plan.data)
}

/// Returns `plan` with the types that its inputs and expressions have now.
///
/// Fails if it does not take them.
pub(crate) fn retyped(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Union(union) => Ok(LogicalPlan::Union(Union::try_new_with_loose_types(
            union.inputs,
        )?)),
        LogicalPlan::Values(rows) => LogicalPlanBuilder::values(rows.values)?.build(),
        plan => plan.recompute_schema(),
    }
}

/// Returns `plan` with its columns as `change` makes them, under their names.
///
/// Fails if the engine does not take a column.
pub(crate) fn map_columns(
    plan: Arc<LogicalPlan>,
    change: impl Fn(usize, &Field, Expr) -> Transformed<Expr>,
) -> Result<LogicalPlan> {
    let columns = plan.schema().iter().enumerate();
    let columns = columns.map(|(position, (relation, field))| {
        let changed = change(position, field, Expr::from((relation, field)));
        match changed.transformed {
            true => (changed.data).alias_qualified(relation.cloned(), field.name()),
            false => changed.data,
        }
    });
    let columns = columns.collect();
    Ok(LogicalPlan::Projection(Projection::try_new(columns, plan)?))
}

/// Returns the expressions that rows are sorted by.
pub(super) fn sorted_by(keys: &mut [Sort]) -> impl Iterator<Item = &mut Expr> {
    keys.iter_mut().map(|key| &mut key.expr)
}

/// Makes keys of `exprs` with `key`. Returns true if that changes one of them.
///
/// Fails if `key` does.
pub(super) fn all_keys<'e>(
    exprs: impl Iterator<Item = &'e mut Expr>,
    key: impl Fn(Expr) -> Result<Transformed<Expr>>,
) -> Result<bool> {
    let mut is_changed = false;
    for expr in exprs {
        let changed = key(std::mem::take(expr))?;
        is_changed |= changed.transformed;
        *expr = changed.data;
    }
    Ok(is_changed)
}

/// Makes keys of what DISTINCT ON compares and sorts by, with `key`. Other plans stay as they are.
///
/// Fails if `key` does.
pub(super) fn distinct_keys(
    plan: LogicalPlan,
    key: impl Fn(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Distinct(Distinct::On(mut distinct)) = plan else {
        return Ok(Transformed::no(plan));
    };
    let orders = distinct
        .sort_expr
        .iter_mut()
        .flat_map(|keys| sorted_by(keys));
    let is_changed = all_keys(orders.chain(&mut distinct.on_expr), key)?;
    let plan = LogicalPlan::Distinct(Distinct::On(distinct));
    Ok(Transformed::new_transformed(plan, is_changed))
}
