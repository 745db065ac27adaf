//! Gives references to outer columns their final types.
//!
//! The planner types a reference to an outer column when it meets the subquery. At that time a column of a UNION has
//! the type of the first branch, and a CASE that of its first value; both may change when the engine coerces types.
//! This rule runs first: it determines the types that the outer query will have, and gives them to the references below
//! it. It runs again after all rules over types, and then refuses references whose types differ: such a subquery would
//! compute with other values.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef, ExprSchema};
use datafusion::error::Result;
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;

use super::bind::is_lateral;
use super::node::has_subquery;
use crate::dialect::error::{Error, Place};
use crate::dialect::plan::{before_types, map_named, retyped};

/// When the rule runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OuterTypes {
    /// Before all other rules.
    Settled,
    /// Behind all rules over types.
    Checked,
}

impl AnalyzerRule for OuterTypes {
    fn name(&self) -> &str {
        match self {
            Self::Settled => "settle_outer_types",
            Self::Checked => "check_outer_types",
        }
    }

    fn analyze(&self, plan: LogicalPlan, options: &ConfigOptions) -> Result<LogicalPlan> {
        let mut is_correlated = false;
        plan.apply_with_subqueries(|plan| {
            is_correlated |= plan.contains_outer_reference();
            Ok(TreeNodeRecursion::Continue)
        })?;
        match is_correlated {
            true => Walk {
                when: *self,
                options,
            }
            .plan(plan, &mut Vec::new())
            .data(),
            false => Ok(plan),
        }
    }
}

struct Walk<'o> {
    when: OuterTypes,
    options: &'o ConfigOptions,
}

impl Walk<'_> {
    /// Goes over `plan`, which lies within queries with the columns `outer`, the innermost last.
    fn plan(
        &self,
        plan: LogicalPlan,
        outer: &mut Vec<DFSchemaRef>,
    ) -> Result<Transformed<LogicalPlan>> {
        let plan = match plan {
            LogicalPlan::Join(mut join) if is_lateral(&join)? => {
                let left = self.plan(Arc::unwrap_or_clone(join.left), outer)?;
                outer.push(self.schema(&left.data));
                let right = self.plan(Arc::unwrap_or_clone(join.right), outer)?;
                outer.pop();
                (join.left, join.right) = (Arc::new(left.data), Arc::new(right.data));
                let is_changed = left.transformed || right.transformed;
                Transformed::new_transformed(LogicalPlan::Join(join), is_changed)
            }
            plan => plan.map_children(|child| self.plan(child, outer))?,
        };
        let plan = plan.transform_data(|plan| self.subqueries(plan, outer))?;
        let plan = plan.transform_data(|plan| {
            map_named(plan, |expr| {
                expr.transform_up(|expr| self.reference(expr, outer))
            })
        })?;
        if !plan.transformed {
            return Ok(plan);
        }
        plan.map_data(|plan| match plan {
            LogicalPlan::Subquery(subquery) => Ok(LogicalPlan::Subquery(Subquery {
                outer_ref_columns: subquery.subquery.all_out_ref_exprs(),
                ..subquery
            })),
            plan => retyped(plan),
        })
    }

    fn subqueries(
        &self,
        plan: LogicalPlan,
        outer: &mut Vec<DFSchemaRef>,
    ) -> Result<Transformed<LogicalPlan>> {
        let mut has_some = false;
        plan.apply_expressions(|expr| {
            has_some |= has_subquery(expr);
            Ok(TreeNodeRecursion::Continue)
        })?;
        if !has_some {
            return Ok(Transformed::no(plan));
        }
        let mut schema = DFSchema::empty();
        for input in plan.inputs() {
            schema.merge(&self.schema(input));
        }
        outer.push(Arc::new(schema));
        let plan = plan.map_subqueries(|subquery| self.plan(subquery, outer));
        outer.pop();
        plan
    }

    /// Returns the columns of `plan` with the types that they will have.
    fn schema(&self, plan: &LogicalPlan) -> DFSchemaRef {
        let settled = |plan: LogicalPlan| {
            let mut plan = plan;
            for rule in before_types() {
                plan = rule.analyze(plan, self.options)?;
            }
            TypeCoercion::new().analyze(plan, self.options)
        };
        match self.when {
            OuterTypes::Checked => Arc::clone(plan.schema()),
            // What is wrong with it is told where it is analyzed for good.
            OuterTypes::Settled => match settled(plan.clone()) {
                Ok(settled) => Arc::clone(settled.schema()),
                Err(_) => Arc::clone(plan.schema()),
            },
        }
    }

    fn reference(&self, expr: Expr, outer: &[DFSchemaRef]) -> Result<Transformed<Expr>> {
        let Expr::OuterReferenceColumn(field, column) = expr else {
            return Ok(Transformed::no(expr));
        };
        let mut schemas = outer.iter().rev();
        let found = schemas.find_map(|schema| schema.field_from_column(&column).ok());
        Ok(match found {
            Some(found) if found.data_type() != field.data_type() => {
                if self.when == OuterTypes::Checked {
                    return Err(disagrees(&column));
                }
                let field = Field::clone(&field).with_data_type(found.data_type().clone());
                Transformed::yes(Expr::OuterReferenceColumn(Arc::new(field), column))
            }
            _ => Transformed::no(Expr::OuterReferenceColumn(field, column)),
        })
    }
}

fn disagrees(column: &Column) -> datafusion::error::DataFusionError {
    Error::of_types(format!(
        "the type of `{}` is not settled where a subquery reads it",
        column.name
    ))
    .hint("give it a type with CAST in the query that it comes from")
    .near(Place::of(&Expr::Column(column.clone())))
    .into()
}
