//! `IN (SELECT …)` where the answer may be unknown.
//!
//! With a NULL among the subquery's rows, or on the left, `x NOT IN (SELECT …)` is unknown rather than true. The engine
//! knows that of a `NOT IN` that stands alone in WHERE and names nothing of the outer query. Beside OR and below NOT it
//! would take unknown for false, and then `NOT IN` for true; of a correlated one it makes no plan. Such a test becomes a
//! CASE with three outcomes, made of tests that have two.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ExprSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Filter, LogicalPlan, LogicalPlanBuilder, Operator, Subquery,
    lit, when,
};

/// Gives the tests in a filter their third outcome where it makes a difference.
pub(crate) fn three_valued(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Filter(Filter {
        predicate, input, ..
    }) = plan
    else {
        return Ok(Transformed::no(plan));
    };
    let schema = input.schema();
    let mut changed = false;
    let predicates = split_conjunction_owned(predicate)
        .into_iter()
        .map(|predicate| {
            let predicate = if is_known(&predicate) {
                Transformed::no(predicate)
            } else {
                where_true_counts(predicate, schema)?
            };
            changed |= predicate.transformed;
            Ok(predicate.data)
        })
        .collect::<Result<Vec<_>>>()?;
    let predicate = conjunction(predicates).unwrap_or_else(|| lit(true));
    let filter = LogicalPlan::Filter(Filter::try_new(predicate, input)?);
    Ok(Transformed::new_transformed(filter, changed))
}

/// Returns true for a `NOT IN` that the engine answers with all three outcomes.
fn is_known(predicate: &Expr) -> bool {
    let test = match predicate {
        Expr::InSubquery(test) if test.negated => test,
        Expr::Not(inner) => match inner.as_ref() {
            Expr::InSubquery(test) if !test.negated => test,
            _ => return false,
        },
        _ => return false,
    };
    test.subquery.outer_ref_columns.is_empty() && test.expr.any_column_refs()
}

/// Rewrites a predicate of which only the rows that it is true for are wanted: there false is as good as unknown.
fn where_true_counts(predicate: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match predicate {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::And | Operator::Or),
            right,
        }) => {
            let left = where_true_counts(*left, schema)?;
            let right = where_true_counts(*right, schema)?;
            let changed = left.transformed || right.transformed;
            let both = BinaryExpr::new(Box::new(left.data), op, Box::new(right.data));
            Ok(Transformed::new_transformed(
                Expr::BinaryExpr(both),
                changed,
            ))
        }
        Expr::InSubquery(test) if !test.negated => Ok(Transformed::no(Expr::InSubquery(test))),
        other => other.transform_up(|expr| match expr {
            Expr::InSubquery(test) if may_be_unknown(&test, schema) => {
                Ok(Transformed::yes(with_three_outcomes(test, schema)?))
            }
            expr => Ok(Transformed::no(expr)),
        }),
    }
}

fn may_be_unknown(test: &InSubquery, schema: &DFSchema) -> bool {
    let row = test.subquery.subquery.schema();
    test.expr.nullable(schema).unwrap_or(true)
        || row.fields().iter().any(|field| field.is_nullable())
}

/// Returns `CASE WHEN x IN (…) THEN … WHEN EXISTS (… WHERE x = … IS NULL) THEN NULL ELSE … END`.
fn with_three_outcomes(test: InSubquery, schema: &DFSchema) -> Result<Expr> {
    let rows = test.subquery.subquery.as_ref();
    let column = Expr::Column(Column::from(rows.schema().qualified_field(0)));
    let outer = test.expr.as_ref().clone().transform_up(|expr| {
        Ok(match expr {
            Expr::Column(column) => {
                let field = Arc::clone(schema.field_from_column(&column)?);
                Transformed::yes(Expr::OuterReferenceColumn(field, column))
            }
            expr => Transformed::no(expr),
        })
    })?;
    let unknown = LogicalPlanBuilder::from(rows.clone())
        .filter(column.eq(outer.data).is_null())?
        .build()?;
    let unknown = Expr::Exists(Exists {
        subquery: Subquery {
            outer_ref_columns: unknown.all_out_ref_exprs(),
            subquery: Arc::new(unknown),
            spans: test.subquery.spans.clone(),
        },
        negated: false,
    });
    let negated = test.negated;
    let found = Expr::InSubquery(InSubquery {
        negated: false,
        ..test
    });
    when(found, lit(!negated))
        .when(unknown, lit(ScalarValue::Boolean(None)))
        .otherwise(lit(negated))
}
