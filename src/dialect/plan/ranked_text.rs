//! Text beside a number in the dialect `stackql`: greater than every number, unless it holds one.
//!
//! The planner of operators sees to `=`, `<` and their kin. IN, BETWEEN and IS DISTINCT FROM do not pass it, and the engine
//! would read each text as a number, and fail of one that is none.

use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

use super::class::Class;
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
        rewrite_expressions(plan, |mut expr, schema| {
            let is_changed = match &mut expr {
                Expr::Between(between) => ranked(
                    vec![&mut between.expr, &mut between.low, &mut between.high],
                    schema,
                ),
                Expr::InList(InList { expr, list, .. }) => {
                    ranked(std::iter::once(expr.as_mut()).chain(list).collect(), schema)
                }
                Expr::BinaryExpr(BinaryExpr {
                    left,
                    op: Operator::IsDistinctFrom | Operator::IsNotDistinctFrom,
                    right,
                }) => ranked(vec![left, right], schema),
                _ => false,
            };
            Ok(Transformed::new_transformed(expr, is_changed))
        })
    }

    fn name(&self) -> &str {
        "rank_text"
    }
}

/// Ranks the texts of `operands` if there is a number among them; returns whether it is so.
fn ranked(operands: Vec<&mut Expr>, schema: &DFSchema) -> bool {
    let classes: Vec<Class> = (operands.iter())
        .map(|operand| {
            let data_type = operand.get_type(schema);
            data_type.map_or(Class::Other, |data_type| Class::of(&data_type))
        })
        .collect();
    if !(classes.contains(&Class::Number) && classes.contains(&Class::Text)) {
        return false;
    }
    for (operand, class) in operands.into_iter().zip(classes) {
        if class == Class::Text {
            *operand = functions::to_rank().call(vec![std::mem::take(operand)]);
        }
    }
    true
}
