//! Removes joins that add nothing: a rule over logical plans.
//!
//! `a LEFT JOIN b ON a.x = b.id` returns each row of `a` exactly once if ids are unique in `b`. If the query does not
//! use the columns of `b` either, the join equals `a`, and `b` need not be requested. So a view may join whatever
//! somebody might want to know, and costs only what a query names.
//!
//! What is unique: the id of a resource that has unique ids, because a scan reports each once; and the only column that an
//! aggregation groups by. Nothing is declared that is not checked here.

use std::collections::HashSet;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType, NullEquality};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Join, LogicalPlan};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::ResourceTable;

/// The columns of a plan that are looked at; None is all of them.
type Used<'u> = Option<&'u HashSet<Column>>;

/// Leaves out joins with a unique key whose columns nobody uses.
#[derive(Debug)]
pub(super) struct UnusedJoins;

impl OptimizerRule for UnusedJoins {
    fn name(&self) -> &str {
        "unused_joins"
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        without_unused(plan, None)
    }
}

/// Returns `plan` without the joins in it that add nothing, if of its columns those in `used` are looked at.
fn without_unused(plan: LogicalPlan, used: Used<'_>) -> Result<Transformed<LogicalPlan>> {
    if let LogicalPlan::Join(join) = &plan
        && let Some(kept) = kept(join, used)
    {
        let kept = without_unused(kept.clone(), used)?;
        return Ok(Transformed::yes(kept.data));
    }
    let of_inputs = of_inputs(&plan, used);
    let changed = plan.map_children(|input| without_unused(input, of_inputs.as_ref()))?;
    match changed.transformed {
        true => Ok(Transformed::yes(changed.data.recompute_schema()?)),
        false => Ok(changed),
    }
}

/// Returns the columns of its inputs that `plan` looks at, if those in `used` are looked at of its own.
fn of_inputs(plan: &LogicalPlan, used: Used<'_>) -> Option<HashSet<Column>> {
    let mut columns = match plan {
        LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) => HashSet::new(),
        LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Join(_) => used?.clone(),
        LogicalPlan::SubqueryAlias(alias) => {
            let (outer, inner) = (alias.schema.columns(), alias.input.schema().columns());
            let both = outer.into_iter().zip(inner);
            let used = used?;
            return Some(
                both.filter(|(outer, _)| used.contains(outer))
                    .map(|(_, inner)| inner)
                    .collect(),
            );
        }
        _ => return None,
    };
    for expr in plan.expressions() {
        // A subquery looks at columns that it does not tell here.
        let has_subquery = expr.exists(|expr| {
            Ok(matches!(
                expr,
                Expr::ScalarSubquery(_)
                    | Expr::Exists(_)
                    | Expr::InSubquery(_)
                    | Expr::SetComparison(_)
                    | Expr::OuterReferenceColumn(..)
            ))
        });
        if has_subquery.unwrap_or(true) {
            return None;
        }
        columns.extend(expr.column_refs().into_iter().cloned());
    }
    Some(columns)
}

/// Returns the side of `join` whose rows are those of the join, if the other one adds nothing.
fn kept<'j>(join: &'j Join, used: Used<'_>) -> Option<&'j LogicalPlan> {
    let (kept, added) = match join.join_type {
        JoinType::Left => (&join.left, &join.right),
        JoinType::Right => (&join.right, &join.left),
        _ => return None,
    };
    let is_at_most_once = join.null_equality == NullEquality::NullEqualsNothing
        && join.on.iter().any(|(left, right)| {
            let key = match join.join_type {
                JoinType::Left => right,
                _ => left,
            };
            matches!(key, Expr::Column(key) if is_unique(added, key))
        });
    (is_at_most_once && !is_used(added.schema(), used?)).then_some(kept)
}

fn is_used(schema: &DFSchema, used: &HashSet<Column>) -> bool {
    let is_meant = |column: &Column, used: &Column| {
        column.name == used.name && (used.relation.is_none() || used.relation == column.relation)
    };
    let columns = schema.columns();
    used.iter()
        .any(|used| columns.iter().any(|column| is_meant(column, used)))
}

/// Returns true if no two rows of `plan` have the same value in `column`, other than NULL.
fn is_unique(plan: &LogicalPlan, column: &Column) -> bool {
    let position = || plan.schema().maybe_index_of_column(column);
    match plan {
        LogicalPlan::TableScan(scan) => {
            let Ok(provider) = source_as_provider(&scan.source) else {
                return false;
            };
            let table = provider.downcast_ref::<ResourceTable>();
            table.is_some_and(|table| {
                table.resource.has_get && column.name == table.resource.columns[0].name
            })
        }
        LogicalPlan::Filter(filter) => is_unique(&filter.input, column),
        LogicalPlan::Sort(sort) => is_unique(&sort.input, column),
        LogicalPlan::Limit(limit) => is_unique(&limit.input, column),
        LogicalPlan::SubqueryAlias(alias) => position().is_some_and(|position| {
            let inner = Column::from(alias.input.schema().qualified_field(position));
            is_unique(&alias.input, &inner)
        }),
        LogicalPlan::Projection(projection) => {
            position().is_some_and(
                |position| match projection.expr[position].clone().unalias() {
                    Expr::Column(inner) => is_unique(&projection.input, &inner),
                    _ => false,
                },
            )
        }
        LogicalPlan::Aggregate(aggregate) => {
            let is_group = !matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]);
            is_group && aggregate.group_expr.len() == 1 && position() == Some(0)
        }
        _ => false,
    }
}
