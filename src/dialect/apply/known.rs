//! Outer values that are known before the query runs.
//!
//! In `… WHERE k.owner_id = 'sa-1' AND EXISTS (SELECT … WHERE b.owner_id = k.owner_id)` the outer value is `'sa-1'` in every
//! row. Put into the subquery, it becomes a filter of the request. Values that may be spelled in two ways, such as
//! floats, are left alone.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, JoinType, LogicalPlan, Operator, Projection,
};

use super::node::{Apply, downcast, parameter};

/// Returns the subquery of `apply`, whose conditions hold the outer values that `input` always has.
pub(super) fn with_known_values(apply: &Apply, input: &LogicalPlan) -> Result<LogicalPlan> {
    let plan = apply.subquery.as_ref().clone();
    let bound = apply.outer.iter().zip(&apply.parameters);
    let known = bound.filter_map(|(expr, parameter)| Some((parameter, value(input, expr)?)));
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        return Ok(plan);
    }
    let put = |expr: Expr| {
        let value = match &expr {
            Expr::ScalarSubquery(subquery) => parameter(subquery)
                .and_then(|wanted| known.iter().find(|(parameter, _)| *parameter == wanted)),
            _ => None,
        };
        Ok(match value {
            Some((_, value)) => Transformed::yes(Expr::Literal(value.clone(), None)),
            None => Transformed::no(expr),
        })
    };
    let plan = plan.transform_down(|plan| match plan {
        LogicalPlan::Filter(Filter {
            predicate, input, ..
        }) => {
            let predicate = predicate.transform_down(put)?;
            let filter = Filter::try_new(predicate.data, input)?;
            Ok(Transformed::new(
                LogicalPlan::Filter(filter),
                predicate.transformed,
                TreeNodeRecursion::Continue,
            ))
        }
        plan => Ok(Transformed::no(plan)),
    });
    Ok(plan?.data)
}

/// Returns the value that `expr` has in every row of `plan`, if a condition says so.
fn value(plan: &LogicalPlan, expr: &Expr) -> Option<ScalarValue> {
    if expr.is_volatile() {
        return None;
    }
    match plan {
        LogicalPlan::Filter(filter) => {
            let mut conditions = split_conjunction(&filter.predicate).into_iter();
            let said = conditions.find_map(|condition| said(condition, expr));
            said.or_else(|| value(&filter.input, expr))
        }
        LogicalPlan::TableScan(scan) => {
            let mut conditions = scan.filters.iter().flat_map(split_conjunction);
            conditions.find_map(|condition| said(condition, expr))
        }
        LogicalPlan::Projection(projection) => {
            value(&projection.input, &below_projection(expr, projection)?)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let source = |column: &Column| {
                let at = alias.schema.maybe_index_of_column(column)?;
                Some(Expr::from(alias.input.schema().qualified_field(at)))
            };
            value(&alias.input, &below(expr, &source)?)
        }
        LogicalPlan::Join(join) => {
            // On the other side of an outer join a row may be missing.
            let (left, right) = match join.join_type {
                JoinType::Inner => (true, true),
                JoinType::Left => (true, false),
                JoinType::Right => (false, true),
                _ => (false, false),
            };
            let mut sides = [(&join.left, left), (&join.right, right)].into_iter();
            let (side, _) = sides.find(|(side, is_whole)| *is_whole && has_columns(side, expr))?;
            value(side, expr)
        }
        LogicalPlan::Sort(sort) => value(&sort.input, expr),
        plan => {
            let input = downcast::<Apply>(plan)?.input();
            has_columns(input, expr).then(|| value(input, expr))?
        }
    }
}

/// Returns `expr`, over the columns of `projection`, over those of its input. None if it has others.
pub(super) fn below_projection(expr: &Expr, projection: &Projection) -> Option<Expr> {
    below(expr, &|column| {
        let at = projection.schema.maybe_index_of_column(column)?;
        projection.expr.get(at).cloned()
    })
}

/// Returns `expr` over the input of a node, whose columns come from there as `source` says.
fn below(expr: &Expr, source: &dyn Fn(&Column) -> Option<Expr>) -> Option<Expr> {
    let mut is_known = true;
    let below = expr.clone().transform_up(|expr| {
        let Expr::Column(column) = &expr else {
            return Ok(Transformed::no(expr));
        };
        let source = source(column);
        is_known &= source.is_some();
        Ok(source.map_or(Transformed::no(expr), Transformed::yes))
    });
    is_known.then_some(below.ok()?.data.unalias_nested().data)
}

fn has_columns(plan: &LogicalPlan, expr: &Expr) -> bool {
    let columns = expr.column_refs();
    columns
        .iter()
        .all(|column| plan.schema().has_column(column))
}

/// Returns the value that `condition` says `expr` has.
fn said(condition: &Expr, expr: &Expr) -> Option<ScalarValue> {
    let Expr::BinaryExpr(BinaryExpr {
        left,
        op: Operator::Eq,
        right,
    }) = condition
    else {
        return None;
    };
    let value = match (left.as_ref(), right.as_ref()) {
        (Expr::Literal(value, _), other) | (other, Expr::Literal(value, _)) if other == expr => {
            value
        }
        _ => return None,
    };
    let is_plain = value.data_type().is_integer()
        || matches!(value.data_type(), DataType::Utf8 | DataType::Boolean);
    (is_plain && !value.is_null()).then(|| value.clone())
}
