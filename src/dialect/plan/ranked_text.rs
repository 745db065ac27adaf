//! Text beside a number in the dialect `stackql`: greater than every number, unless it holds one.
//!
//! The planner of operators sees to `=`, `<` and their kin. IN, BETWEEN and IS DISTINCT FROM do not pass it, and the engine
//! would read each text as a number, and fail on text that is not one. Each value of a list and each end of a range is ranked
//! for itself, so that texts still compare as texts with one another.

use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, binary_expr};
use datafusion::optimizer::AnalyzerRule;

use super::class::{Class, class_of};
use super::tree::rewrite_expressions;
use crate::dialect::Dialect;
use crate::dialect::functions;

/// Ranks text among numbers. To be run before types are made to fit.
#[derive(Debug)]
pub(super) struct RankText;

impl AnalyzerRule for RankText {
    fn analyze(&self, plan: LogicalPlan, options: &ConfigOptions) -> Result<LogicalPlan> {
        if Dialect::of(options) != Dialect::Stackql {
            return Ok(plan);
        }
        rewrite_expressions(plan, |expr, schema| {
            Ok(match ranked(&expr, schema) {
                Some(ranked) => Transformed::yes(ranked),
                None => Transformed::no(expr),
            })
        })
    }

    fn name(&self) -> &str {
        "rank_text"
    }
}

/// Ranks text beside a number, each value for itself; None where no text stands beside a number.
fn ranked(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let mixed = |one: &Expr, other: &Expr| {
        let classes = (class_of(one, schema), class_of(other, schema));
        matches!(
            classes,
            (Class::Text, Class::Number) | (Class::Number, Class::Text)
        )
    };
    let rank = |value: &Expr| match class_of(value, schema) {
        Class::Text => functions::to_rank().call(vec![value.clone()]),
        _ => value.clone(),
    };
    let pair = |one: &Expr, op, other: &Expr| match mixed(one, other) {
        true => binary_expr(rank(one), op, rank(other)),
        false => binary_expr(one.clone(), op, other.clone()),
    };
    let (found, is_negated) = match expr {
        Expr::Between(between)
            if mixed(&between.expr, &between.low) || mixed(&between.expr, &between.high) =>
        {
            let at_least = pair(&between.expr, Operator::GtEq, &between.low);
            let at_most = pair(&between.expr, Operator::LtEq, &between.high);
            (at_least.and(at_most), between.negated)
        }
        Expr::InList(test) if test.list.iter().any(|item| mixed(&test.expr, item)) => {
            let (others, same): (Vec<Expr>, Vec<Expr>) =
                (test.list.iter().cloned()).partition(|item| mixed(&test.expr, item));
            let others = others.iter().map(rank).collect();
            let found = rank(&test.expr).in_list(others, false);
            let found = match same.is_empty() {
                true => found,
                false => found.or(test.expr.as_ref().clone().in_list(same, false)),
            };
            (found, test.negated)
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::IsDistinctFrom | Operator::IsNotDistinctFrom),
            right,
        }) if mixed(left, right) => (pair(left, *op, right), false),
        _ => return None,
    };
    Some(if is_negated { !found } else { found })
}
