//! Puts parameters in the place of outer columns.
//!
//! A reference to an outer column is only a name. It belongs to the nearest query around it that has such a column, so
//! the walk keeps the schemas between the reference and the query that is being bound, and skips references that belong
//! to one of those.
//!
//! What becomes a parameter is the largest subexpression over outer columns that cannot fail. One that can, such as a
//! division, may be guarded by a condition beside it, and is computed where it is written.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::{NamePreserver, strip_outer_reference};
use datafusion::logical_expr::logical_plan::{Join, Union};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Cast, Expr, ExprSchemable, GroupingSet, LogicalPlan, LogicalPlanBuilder, Operator,
    Subquery, Values,
};

use super::node::{Bound, Parameter, has_subquery, parameter, subquery, subquery_mut};
use crate::dialect::error::{Error, Place};

/// Binds the columns of one outer query.
pub(super) struct Binder<'a> {
    outer: &'a DFSchema,
    /// The outer expressions so far, each with its parameter.
    bound: Vec<Bound>,
}

impl<'a> Binder<'a> {
    /// Binds columns of `outer`.
    pub(super) fn new(outer: &'a DFSchema) -> Self {
        Self {
            outer,
            bound: Vec::new(),
        }
    }

    /// Returns `subquery` with parameters for the columns of the outer query, at any depth.
    pub(super) fn bind(&mut self, subquery: &LogicalPlan) -> Result<LogicalPlan> {
        Ok(self.plan(subquery.clone(), &mut Vec::new())?.data)
    }

    /// Returns the outer expressions, each with its parameter.
    pub(super) fn bound(self) -> Vec<Bound> {
        self.bound
    }

    fn plan(
        &mut self,
        plan: LogicalPlan,
        between: &mut Vec<DFSchemaRef>,
    ) -> Result<Transformed<LogicalPlan>> {
        let plan = match plan {
            LogicalPlan::Join(mut join) if is_lateral(&join)? => {
                let left = self.plan(Arc::unwrap_or_clone(join.left), between)?;
                between.push(Arc::clone(left.data.schema()));
                let right = self.plan(Arc::unwrap_or_clone(join.right), between)?;
                between.pop();
                join.left = Arc::new(left.data);
                join.right = Arc::new(right.data);
                Transformed::new_transformed(
                    LogicalPlan::Join(join),
                    left.transformed || right.transformed,
                )
            }
            plan => plan.map_children(|child| self.plan(child, between))?,
        };
        let Transformed {
            data: plan,
            transformed: mut changed,
            ..
        } = plan;
        if let LogicalPlan::Aggregate(aggregate) = &plan {
            for expr in &aggregate.aggr_expr {
                is_of_the_outer_query(expr, aggregate.input.schema())?;
            }
        }
        let scope = scope(&plan);
        let names = NamePreserver::new(&plan);
        let mut renew = |expr: Expr| {
            let name = names.save(&expr);
            let expr = self.expr(expr, between, &scope)?;
            changed |= expr.transformed;
            Ok(expr.update_data(|expr| name.restore(expr)))
        };
        let plan = plan.map_expressions(|expr| match expr {
            // A set of groups has no name of its own; its members do.
            Expr::GroupingSet(set) => grouping(set, &mut renew),
            expr => renew(expr),
        })?;
        if !changed {
            return Ok(Transformed::no(plan.data));
        }
        Ok(Transformed::yes(match plan.data {
            // Their rows are evaluated when they are planned, when a parameter has no value yet.
            LogicalPlan::Values(values) if values_have_parameters(&values) => as_union(values)?,
            LogicalPlan::Subquery(subquery) => LogicalPlan::Subquery(with_plan(subquery, None)),
            plan => plan.recompute_schema()?,
        }))
    }

    fn expr(
        &mut self,
        expr: Expr,
        between: &mut Vec<DFSchemaRef>,
        scope: &DFSchemaRef,
    ) -> Result<Transformed<Expr>> {
        let expr = expr.transform_down(|expr| {
            if let Some(Lifted { expr, outer: true }) = self.lift(&expr, between) {
                let parameter = self.parameter(expr)?;
                return Ok(Transformed::new(parameter, true, TreeNodeRecursion::Jump));
            }
            self.subquery(expr, between, scope)
        })?;
        // To the engine, `x IN (a scalar subquery)` would be one over its rows.
        expr.transform_data(|expr| expr.transform_up(|expr| Ok(as_comparison(expr))))
    }

    fn subquery(
        &mut self,
        mut expr: Expr,
        between: &mut Vec<DFSchemaRef>,
        scope: &DFSchemaRef,
    ) -> Result<Transformed<Expr>> {
        let Some(subquery) = subquery_mut(&mut expr) else {
            return Ok(Transformed::no(expr));
        };
        between.push(Arc::clone(scope));
        let plan = self.plan(subquery.subquery.as_ref().clone(), between);
        between.pop();
        let plan = plan?;
        *subquery = with_plan(subquery.clone(), Some(plan.data));
        Ok(Transformed::new_transformed(expr, plan.transformed))
    }

    /// Returns the expression that has the value of `outer`.
    fn parameter(&mut self, outer: Expr) -> Result<Expr> {
        if let Some((_, parameter)) = self.bound.iter().find(|(known, _)| *known == outer) {
            return parameter.expr();
        }
        let (_, field) = outer.to_field(self.outer)?;
        let parameter = Arc::new(Parameter::new(outer.human_display().to_string(), &field));
        let expr = parameter.expr()?;
        self.bound.push((outer, parameter));
        Ok(expr)
    }

    /// Returns the column of the outer query that is the path `expr` into a nested one, by which the query is grouped.
    fn grouped(&self, expr: &Expr, between: &[DFSchemaRef]) -> Option<Column> {
        if !matches!(expr, Expr::ScalarFunction(_)) || !expr.contains_outer() {
            return None;
        }
        let is_foreign = |expr: &Expr| {
            Ok(matches!(expr, Expr::OuterReferenceColumn(_, column)
                if between.iter().any(|schema| schema.has_column(column))))
        };
        let name = strip_outer_reference(expr.clone())
            .schema_name()
            .to_string();
        let column = Column::new_unqualified(name);
        let is_ours = self.outer.has_column(&column) && !expr.exists(is_foreign).ok()?;
        is_ours.then_some(column)
    }

    /// Returns `expr` over the outer query's own columns, if it is made of nothing but those, literals and functions that
    /// cannot fail.
    fn lift(&self, expr: &Expr, between: &[DFSchemaRef]) -> Option<Lifted> {
        let lift = |expr: &Expr| self.lift(expr, between);
        let unary = |inner: &Expr, make: fn(Box<Expr>) -> Expr| {
            let inner = lift(inner)?;
            Some(Lifted {
                expr: make(Box::new(inner.expr)),
                outer: inner.outer,
            })
        };
        if let Some(column) = self.grouped(expr, between) {
            return Some(Lifted {
                expr: Expr::Column(column),
                outer: true,
            });
        }
        match expr {
            Expr::OuterReferenceColumn(_, column) => {
                let is_ours = !between.iter().any(|schema| schema.has_column(column))
                    && self.outer.has_column(column);
                is_ours.then(|| Lifted {
                    expr: Expr::Column(column.clone()),
                    outer: true,
                })
            }
            Expr::Literal(..) => Some(Lifted {
                expr: expr.clone(),
                outer: false,
            }),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if cannot_fail(*op, right) => {
                let (left, right) = (lift(left)?, lift(right)?);
                let outer = left.outer || right.outer;
                let (left, right) = (Box::new(left.expr), Box::new(right.expr));
                Some(Lifted {
                    expr: Expr::BinaryExpr(BinaryExpr::new(left, *op, right)),
                    outer,
                })
            }
            Expr::Not(inner) => unary(inner, Expr::Not),
            Expr::IsNull(inner) => unary(inner, Expr::IsNull),
            Expr::IsNotNull(inner) => unary(inner, Expr::IsNotNull),
            Expr::IsTrue(inner) => unary(inner, Expr::IsTrue),
            Expr::IsFalse(inner) => unary(inner, Expr::IsFalse),
            Expr::Cast(Cast { expr: inner, field }) => {
                let lifted = lift(inner)?;
                let from = lifted.expr.get_type(self.outer).ok()?;
                cast_cannot_fail(&from, field.data_type()).then(|| Lifted {
                    expr: Expr::Cast(Cast {
                        expr: Box::new(lifted.expr),
                        field: Arc::clone(field),
                    }),
                    outer: lifted.outer,
                })
            }
            Expr::ScalarFunction(call) if call.func.name() == "get_field" => {
                let args: Vec<_> = call.args.iter().map(lift).collect::<Option<_>>()?;
                let outer = args.iter().any(|arg| arg.outer);
                let mut call = call.clone();
                call.args = args.into_iter().map(|arg| arg.expr).collect();
                Some(Lifted {
                    expr: Expr::ScalarFunction(call),
                    outer,
                })
            }
            _ => None,
        }
    }
}

/// An expression over the outer query's own columns.
struct Lifted {
    expr: Expr,
    /// True if there are any columns in it.
    outer: bool,
}

fn cannot_fail(op: Operator, right: &Expr) -> bool {
    let is_zero = |value: &ScalarValue| {
        ScalarValue::new_zero(&value.data_type()).is_ok_and(|zero| zero == *value)
    };
    match op {
        Operator::Divide | Operator::Modulo => match right {
            Expr::Literal(value, _) => !value.is_null() && !is_zero(value),
            _ => false,
        },
        Operator::Plus | Operator::Minus | Operator::Multiply | Operator::StringConcat => true,
        Operator::And | Operator::Or => true,
        op => op.supports_propagation(),
    }
}

fn cast_cannot_fail(from: &DataType, to: &DataType) -> bool {
    let is_small = matches!(
        from,
        DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::Boolean
    );
    match to {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => !from.is_nested(),
        DataType::Float64 => from.is_numeric(),
        DataType::Int64 => is_small,
        to => from == to,
    }
}

/// Replaces `x IN (a)`, where `a` is a parameter, by a comparison.
fn as_comparison(expr: Expr) -> Transformed<Expr> {
    match expr {
        Expr::InList(InList {
            expr,
            mut list,
            negated,
        }) if is_parameter_alone(&list) => {
            let op = match negated {
                true => Operator::NotEq,
                false => Operator::Eq,
            };
            let right = Box::new(list.remove(0));
            Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(expr, op, right)))
        }
        expr => Transformed::no(expr),
    }
}

fn is_parameter_alone(list: &[Expr]) -> bool {
    matches!(list, [Expr::ScalarSubquery(subquery)] if parameter(subquery).is_some())
}

/// Returns `subquery` over another plan, or with what it names of the outer query looked up again.
fn with_plan(subquery: Subquery, plan: Option<LogicalPlan>) -> Subquery {
    let plan = plan.map_or(subquery.subquery, Arc::new);
    Subquery {
        outer_ref_columns: plan.all_out_ref_exprs(),
        subquery: plan,
        spans: subquery.spans,
    }
}

/// Changes the members of a set of groups.
pub(super) fn grouping(
    set: GroupingSet,
    mut change: impl FnMut(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<Expr>> {
    let mut changed = false;
    let mut all = |exprs: Vec<Expr>| {
        exprs
            .into_iter()
            .map(|expr| {
                let expr = change(expr)?;
                changed |= expr.transformed;
                Ok(expr.data)
            })
            .collect::<Result<Vec<_>>>()
    };
    let set = match set {
        GroupingSet::Rollup(exprs) => GroupingSet::Rollup(all(exprs)?),
        GroupingSet::Cube(exprs) => GroupingSet::Cube(all(exprs)?),
        GroupingSet::GroupingSets(sets) => {
            GroupingSet::GroupingSets(sets.into_iter().map(all).collect::<Result<_>>()?)
        }
    };
    Ok(Transformed::new_transformed(
        Expr::GroupingSet(set),
        changed,
    ))
}

fn values_have_parameters(values: &Values) -> bool {
    let has_parameter = |expr: &Expr| {
        expr.exists(|expr| {
            Ok(matches!(expr, Expr::ScalarSubquery(subquery) if parameter(subquery).is_some()))
        })
        .unwrap_or(true)
    };
    values.values.iter().flatten().any(has_parameter)
}

/// Returns one SELECT for each row.
pub(super) fn as_union(values: Values) -> Result<LogicalPlan> {
    let empty = DFSchema::empty();
    let rows = values.values.into_iter().map(|row| {
        let row = row.into_iter().zip(values.schema.fields());
        let row = row.map(|(expr, field)| {
            let expr = expr.cast_to(field.data_type(), &empty)?;
            Ok(expr.unalias().alias(field.name()))
        });
        let row = row.collect::<Result<Vec<_>>>()?;
        let row = LogicalPlanBuilder::empty(true).project(row)?.build()?;
        Ok(Arc::new(row))
    });
    let mut rows = rows.collect::<Result<Vec<_>>>()?;
    match rows.len() {
        1 => Ok(Arc::unwrap_or_clone(rows.remove(0))),
        _ => Ok(LogicalPlan::Union(Union::try_new(rows)?)),
    }
}

/// Refuses an aggregate over outer columns alone, those that a subquery within it names included: in SQL it is one of the
/// outer query, which the engine does not know. `own` are the columns of this one.
fn is_of_the_outer_query(aggregate: &Expr, own: &DFSchema) -> Result<()> {
    let mut place = Place::default();
    let (mut is_own, mut is_outer) = (aggregate.any_column_refs(), false);
    aggregate.apply(|expr| {
        if matches!(expr, Expr::OuterReferenceColumn(..)) {
            is_outer = true;
            place = std::mem::take(&mut place).or(Place::of(expr));
        }
        if let Some(subquery) = subquery(expr).filter(|within| parameter(within).is_none()) {
            for column in free_columns(&subquery.subquery)? {
                match own.has_column(&column) {
                    true => is_own = true,
                    false => is_outer = true,
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if is_own || !is_outer {
        return Ok(());
    }
    Err(Error::new(format!(
        "`{}` is over columns of the outer query alone, and so an aggregate of that query",
        strip_outer_reference(aggregate.clone()).human_display()
    ))
    .hint("write it in the outer query, or over a column of the subquery")
    .near(place)
    .into())
}

/// Returns what a subquery in an expression of `plan` sees around it. To make it takes long, so that is done only where
/// there is a subquery.
fn scope(plan: &LogicalPlan) -> DFSchemaRef {
    let mut needed = false;
    // The closure does not fail.
    let _ = plan.apply_expressions(|expr| {
        needed |= has_subquery(expr);
        Ok(TreeNodeRecursion::Continue)
    });
    Arc::new(match needed {
        true => merge_schema(&plan.inputs()),
        false => DFSchema::empty(),
    })
}

/// Returns the columns of outer queries that `plan` names, at any depth.
pub(super) fn free_columns(plan: &LogicalPlan) -> Result<Vec<Column>> {
    let mut found = Vec::new();
    collect_free(plan, &mut Vec::new(), &mut found)?;
    Ok(found)
}

fn collect_free(
    plan: &LogicalPlan,
    between: &mut Vec<DFSchemaRef>,
    found: &mut Vec<Column>,
) -> Result<()> {
    match plan {
        LogicalPlan::Join(join) if is_lateral(join)? => {
            collect_free(&join.left, between, found)?;
            between.push(Arc::clone(join.left.schema()));
            collect_free(&join.right, between, found)?;
            between.pop();
        }
        plan => {
            for input in plan.inputs() {
                collect_free(input, between, found)?;
            }
        }
    }
    let scope = scope(plan);
    plan.apply_expressions(|expr| {
        expr.apply(|expr| {
            if let Expr::OuterReferenceColumn(_, column) = expr
                && !between.iter().any(|schema| schema.has_column(column))
            {
                found.push(column.clone());
            }
            if let Some(inner) = subquery(expr)
                && parameter(inner).is_none()
            {
                between.push(Arc::clone(&scope));
                let collected = collect_free(&inner.subquery, between, found);
                between.pop();
                collected?;
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(())
}

/// Returns true if the right side of `join` may name columns of the left one.
///
/// The planner marks such a side only where it names them itself, and not in a subquery of its own.
pub(super) fn is_lateral(join: &Join) -> Result<bool> {
    let mut is_marked = false;
    join.right.apply(|plan| {
        is_marked |= matches!(plan, LogicalPlan::Subquery(_));
        Ok(match plan {
            _ if is_marked => TreeNodeRecursion::Stop,
            // What is lateral to a side of this one is not to the left of the other.
            LogicalPlan::Join(_) => TreeNodeRecursion::Jump,
            _ => TreeNodeRecursion::Continue,
        })
    })?;
    if is_marked {
        return Ok(true);
    }
    let left = join.left.schema();
    let named = free_columns(&join.right)?;
    let (Some(column), false) = (
        named.iter().find(|column| left.has_column(column)),
        join.right
            .exists(|plan| Ok(plan.contains_outer_reference()))?,
    ) else {
        return Ok(false);
    };
    Ok(!join.right.schema().has_column(column))
}
