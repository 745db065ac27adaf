//! Warns where a statement compares a column with a value that the service spells differently.
//!
//! A scan warns of those in its own predicates. Conditions that never get to a scan are found here: those above a
//! LIMIT, in the ON of an outer join, beside an OR, in CASE and FILTER. Turns logical plans into warnings of the
//! statement.
//!
//! Not handled: columns that come out of a UNION, an aggregate or a call, and those of an outer query in a subquery.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Operator};

use super::ResourceTable;
use super::scope::Scope;
use crate::resource::{Filter, Resource};

/// Warns `scope` of each value that `plan` compares with a column that is never equal to it.
///
/// Fails if the engine cannot walk over the plan.
pub(crate) fn check(plan: &LogicalPlan, scope: &Scope) -> Result<()> {
    plan.apply_with_subqueries(|plan| {
        let inputs = plan.inputs();
        plan.apply_expressions(|expr| {
            expr.apply(|part| {
                for (column, value) in comparisons(part) {
                    if let Some(filter) = inputs.iter().find_map(|input| filter(input, column))
                        && let Some(written) = (filter.written)(value)
                    {
                        scope.misspelled(vec![(filter.column, value.to_owned(), written)]);
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(())
}

/// Returns the texts that `expr` compares something with by itself.
fn comparisons(expr: &Expr) -> Vec<(&Expr, &str)> {
    match expr {
        Expr::BinaryExpr(binary)
            if matches!(
                binary.op,
                Operator::Eq
                    | Operator::NotEq
                    | Operator::IsDistinctFrom
                    | Operator::IsNotDistinctFrom
            ) =>
        {
            let (left, right) = (binary.left.as_ref(), binary.right.as_ref());
            let sides = [(left, text(right)), (right, text(left))];
            let sides = sides.into_iter();
            sides
                .filter_map(|(side, text)| Some((side, text?)))
                .collect()
        }
        Expr::InList(list) => {
            let texts = list.list.iter().filter_map(text);
            texts.map(|text| (list.expr.as_ref(), text)).collect()
        }
        Expr::Case(case) => {
            let Some(column) = &case.expr else {
                return Vec::new();
            };
            let texts = case
                .when_then_expr
                .iter()
                .filter_map(|(when, _)| text(when));
            texts.map(|text| (column.as_ref(), text)).collect()
        }
        _ => Vec::new(),
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str()?,
        Expr::Cast(cast) => text(&cast.expr),
        _ => None,
    }
}

/// Returns the filter of a resource whose column `expr`, over the output of `plan`, is.
fn filter(plan: &LogicalPlan, expr: &Expr) -> Option<&'static Filter> {
    let (resource, path) = origin(plan, expr)?;
    let path = path.join(".");
    let is_it = |filter: &&Filter| filter.column == path || filter.also.contains(&path.as_str());
    resource.filters.iter().find(is_it)
}

/// Returns where `expr`, over the output of `plan`, comes from: a resource, and the path in its table.
fn origin(plan: &LogicalPlan, expr: &Expr) -> Option<(&'static Resource, Vec<String>)> {
    match expr {
        Expr::Column(column) => of_column(plan, position(plan, column)?),
        Expr::Alias(alias) => origin(plan, &alias.expr),
        Expr::Cast(cast) => origin(plan, &cast.expr),
        Expr::ScalarFunction(call) if call.name() == "get_field" => {
            let (base, names) = call.args.split_first()?;
            let (resource, mut path) = origin(plan, base)?;
            for name in names {
                path.push(text(name)?.to_owned());
            }
            Some((resource, path))
        }
        _ => None,
    }
}

fn position(plan: &LogicalPlan, column: &Column) -> Option<usize> {
    plan.schema().maybe_index_of_column(column)
}

/// The same for a column of `plan`'s output, by its position.
fn of_column(plan: &LogicalPlan, position: usize) -> Option<(&'static Resource, Vec<String>)> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let provider = source_as_provider(&scan.source).ok()?;
            let table = provider.downcast_ref::<ResourceTable>()?;
            let name = scan.projected_schema.field(position).name().clone();
            Some((table.resource, vec![name]))
        }
        LogicalPlan::Projection(projection) => {
            origin(&projection.input, projection.expr.get(position)?)
        }
        LogicalPlan::Aggregate(aggregate) => {
            origin(&aggregate.input, aggregate.group_expr.get(position)?)
        }
        LogicalPlan::SubqueryAlias(alias) => of_column(&alias.input, position),
        LogicalPlan::Filter(filter) => of_column(&filter.input, position),
        LogicalPlan::Sort(sort) => of_column(&sort.input, position),
        LogicalPlan::Limit(limit) => of_column(&limit.input, position),
        LogicalPlan::Distinct(Distinct::All(input)) => of_column(input, position),
        LogicalPlan::Window(window) => {
            let is_input = position < window.input.schema().fields().len();
            is_input.then(|| of_column(&window.input, position))?
        }
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            match join.join_type {
                JoinType::RightSemi | JoinType::RightAnti => of_column(&join.right, position),
                // A column that tells whether there is a match comes from neither side.
                JoinType::RightMark => None,
                _ if position < left => of_column(&join.left, position),
                JoinType::LeftMark => None,
                _ => of_column(&join.right, position - left),
            }
        }
        _ => None,
    }
}
