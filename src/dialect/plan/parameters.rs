//! Text parameters used as numbers: `$days + 1`.
//!
//! The engine settles the types of every node as soon as it replaces parameters by values, and has no arithmetic over
//! text. So a text in arithmetic becomes a number before that.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, lit};

use super::literal;
use super::tree::rewrite_expressions;
use crate::dialect::error::{Error, Place};

/// Puts numbers in the places of the parameters of `plan` that are calculated with. `value` returns the value of a parameter
/// by its name.
///
/// Fails if such a value is a text and no number.
pub(crate) fn with_numbers(
    plan: LogicalPlan,
    value: &dyn Fn(&str) -> Option<ScalarValue>,
) -> Result<LogicalPlan> {
    rewrite_expressions(plan, |mut expr, schema| {
        let mut is_changed = false;
        if let Expr::BinaryExpr(BinaryExpr { left, op, right }) = &mut expr {
            is_changed |= replaced(left, *op, right, schema, value)?;
            is_changed |= replaced(right, *op, left, schema, value)?;
        }
        Ok(Transformed::new_transformed(expr, is_changed))
    })
}

/// Puts a number in the place of `side` if it is a parameter that `op` calculates with beside `other`.
fn replaced(
    side: &mut Expr,
    op: Operator,
    other: &Expr,
    schema: &DFSchema,
    value: &dyn Fn(&str) -> Option<ScalarValue>,
) -> Result<bool> {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    let Expr::Placeholder(parameter) = &*side else {
        return Ok(false);
    };
    let wants_number = match other.get_type(schema) {
        Ok(number) if number.is_numeric() => {
            matches!(op, Plus | Minus | Multiply | Divide | Modulo)
        }
        _ => false,
    };
    let Some(value) = value(parameter.id.trim_start_matches('$')).filter(|_| wants_number) else {
        return Ok(false);
    };
    let Some(Some(text)) = value.try_as_str() else {
        return Ok(false);
    };
    let Some(number) = literal::number(text.trim()) else {
        return Err(Error::of_types(format!("`{text}` is not a number"))
            .hint(format!("`{}` is calculated with here", parameter.id))
            .near(Place::typed(text))
            .into());
    };
    *side = lit(number);
    Ok(true)
}
