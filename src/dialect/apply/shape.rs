//! Reshapes the plans around an Apply: fewer rows, other columns. Pure.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::Result;
use datafusion::logical_expr::logical_plan::Sort;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Projection, Subquery, lit};

use super::bind::free_columns;
use super::node::{Kind, Nullable, downcast, extension, subquery};

/// Returns `plan` with only the rows and columns that `kind` needs.
pub(super) fn as_few_rows(plan: LogicalPlan, kind: &Kind) -> Result<LogicalPlan> {
    let needed = match kind {
        Kind::Exists => 1,
        // The second one is an error.
        Kind::Scalar => 2,
        Kind::Compare { .. } | Kind::Rows { .. } => return Ok(plan),
    };
    let plan = match (plan, kind) {
        // What is selected makes no difference, but for what makes rows of it.
        (LogicalPlan::Projection(projection), Kind::Exists)
            if matches!(
                projection.input.as_ref(),
                LogicalPlan::Filter(_)
                    | LogicalPlan::TableScan(_)
                    | LogicalPlan::SubqueryAlias(_)
                    | LogicalPlan::Join(_)
            ) =>
        {
            let row = vec![lit(true).alias("row")];
            LogicalPlan::Projection(Projection::try_new(row, projection.input)?)
        }
        (plan, _) => plan,
    };
    match plan.max_rows() {
        Some(most) if most <= needed => Ok(plan),
        _ => LogicalPlanBuilder::from(plan)
            .limit(0, Some(needed))?
            .build(),
    }
}

/// Returns `plan`, the subquery of a value, so that the value may be NULL if there may be no row.
///
/// The engine takes the word of the column that is selected: a `count(*)` would never be NULL, whatever HAVING says. A
/// column that may be NULL here may be one that is not once the engine has simplified it, such as `coalesce(x, 1)`.
pub(super) fn nullable(plan: LogicalPlan) -> Result<LogicalPlan> {
    let is_known = has_one_row(&plan) || downcast::<Nullable>(&plan).is_some();
    match is_known {
        true => Ok(plan),
        false => Ok(extension(Nullable::try_new(plan)?)),
    }
}

fn has_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => has_one_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => has_one_row(&alias.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        _ => false,
    }
}

/// Returns `plan` with the columns of `schema` and no others.
pub(super) fn with_columns(plan: LogicalPlan, schema: &DFSchemaRef) -> Result<LogicalPlan> {
    let is_same = plan.schema().fields().len() == schema.fields().len()
        && plan.schema().columns() == schema.columns();
    if is_same {
        return Ok(plan);
    }
    let columns = schema.columns().into_iter().map(Expr::Column).collect();
    let projection = Projection::try_new(columns, Arc::new(plan))?;
    Ok(LogicalPlan::Projection(projection))
}

/// Puts below `sort` the columns that its subqueries name, and leaves them out above it.
///
/// `SELECT x FROM t ORDER BY (SELECT … WHERE e.y = t.z)` sorts what the select list has made.
pub(super) fn with_sorted_columns(sort: Sort) -> Result<Transformed<LogicalPlan>> {
    let schema = Arc::clone(sort.input.schema());
    let mut named = Vec::new();
    for key in &sort.expr {
        key.expr.apply(|expr| {
            if let Some(inner) = subquery(expr) {
                named.extend(free_columns(&inner.subquery)?);
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    let LogicalPlan::Projection(projection) = sort.input.as_ref() else {
        return Ok(Transformed::no(LogicalPlan::Sort(sort)));
    };
    let below = projection.input.schema();
    named.retain(|column| !schema.has_column(column) && below.has_column(column));
    if named.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Sort(sort)));
    }
    let mut exprs = projection.expr.clone();
    for column in named {
        let column = Expr::Column(column);
        if !exprs.contains(&column) {
            exprs.push(column);
        }
    }
    let wider = Projection::try_new(exprs, Arc::clone(&projection.input))?;
    let sorted = LogicalPlan::Sort(Sort {
        input: Arc::new(LogicalPlan::Projection(wider)),
        ..sort
    });
    with_columns(sorted, &schema).map(Transformed::yes)
}

/// Returns true if each subquery of `condition` is about one side of a join only.
pub(super) fn have_sides(condition: &Expr, left: &DFSchema, right: &DFSchema) -> Result<bool> {
    let has_both = condition.exists(|expr| match subquery(expr) {
        Some(inner) => Ok(side(expr, inner, left, right)?.is_none()),
        None => Ok(false),
    })?;
    Ok(!has_both)
}

/// Returns 0 if the subquery `expr` is about columns of `left` only, 1 if about those of `right`, None if about both.
pub(super) fn side(
    expr: &Expr,
    inner: &Subquery,
    left: &DFSchema,
    right: &DFSchema,
) -> Result<Option<usize>> {
    let mut named = free_columns(&inner.subquery)?;
    named.extend(expr.column_refs().into_iter().cloned());
    let of = |schema: &DFSchema| named.iter().all(|column| schema.has_column(column));
    Ok(match (of(left), of(right)) {
        (true, _) => Some(0),
        (false, true) => Some(1),
        (false, false) => None,
    })
}
