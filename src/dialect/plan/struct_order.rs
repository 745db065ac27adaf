//! Objects in the order of an aggregate: refused.
//!
//! The engine orders two objects with a NULL field in neither direction, so that `max(spec)` and `string_agg(id, ','
//! ORDER BY spec)` would depend on the order of the rows, or panic.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Distinct, Expr, ExprSchemable, LogicalPlan, WindowFunctionDefinition,
};

use crate::dialect::Dialect;
use crate::dialect::error::{Error, Place};
use crate::dialect::functions::holds;

/// Refuses objects in the ORDER BY of an aggregate and of DISTINCT ON, and as arguments of `min` and `max`.
pub(super) fn check(plan: &LogicalPlan, _: Dialect) -> Result<()> {
    let schema = merge_schema(&plan.inputs());
    if let LogicalPlan::Distinct(Distinct::On(distinct)) = plan {
        for key in distinct.sort_expr.iter().flatten() {
            comparable(&key.expr, &schema, "the ORDER BY of DISTINCT ON")?;
        }
    }
    plan.apply_expressions(|expr| {
        expr.apply(|expr| {
            let (name, args, keys): (_, &[Expr], &[Sort]) = match expr {
                Expr::AggregateFunction(call) => {
                    (call.func.name(), &call.params.args, &call.params.order_by)
                }
                Expr::WindowFunction(call) => match &call.fun {
                    WindowFunctionDefinition::AggregateUDF(fun) => {
                        (fun.name(), &call.params.args, &[])
                    }
                    WindowFunctionDefinition::WindowUDF(_) => {
                        return Ok(TreeNodeRecursion::Continue);
                    }
                },
                _ => return Ok(TreeNodeRecursion::Continue),
            };
            if matches!(name, "min" | "max") {
                for arg in args {
                    comparable(arg, &schema, &format!("`{name}`"))?;
                }
            }
            for key in keys {
                comparable(&key.expr, &schema, &format!("the ORDER BY of `{name}`"))?;
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(())
}

fn comparable(expr: &Expr, schema: &DFSchema, place: &str) -> Result<()> {
    let is_object = |of: &DataType| matches!(of, DataType::Struct(_));
    match expr.get_type(schema) {
        Ok(data_type) if holds(&data_type, is_object) => {
            Err(Error::of_types(format!("{place} does not take objects"))
                .hint("name one of its fields, as in column.field")
                .near(Place::of(expr))
                .into())
        }
        _ => Ok(()),
    }
}
