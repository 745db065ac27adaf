//! Integers that overflow are an error, and so are texts that outgrow the machine's memory.
//!
//! The engine's `+`, `-`, `*` and negation of integers wrap around: `9223372036854775807 + 1` would be the smallest
//! integer there is. They become functions that check, under the names of the operators. Sums are `functions::sum`'s.
//! `||` of texts, which doubles a text with every step, becomes a function with a bound.

use datafusion::arrow::array::{ArrayRef, Datum};
use datafusion::arrow::compute::kernels::numeric::{add, mul, neg, sub};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::common::tree_node::Transformed;
use datafusion::common::utils::take_function_args;
use datafusion::common::{DFSchema, internal_err};
use datafusion::error::Result;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs,
};
use datafusion::physical_expr_common::datum::apply;

use crate::dialect::functions::{self, Hidden};

/// Checks the arithmetic of integers. To be run when types fit.
pub(super) fn check_integers(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_integer =
        |expr: &Expr| type_of(expr, schema).is_ok_and(|data_type| data_type.is_integer());
    let is_text = |expr: &Expr| type_of(expr, schema).is_ok_and(|data_type| data_type.is_string());
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if let Some(checked) = checked(op)
                && is_integer(&left)
                && is_integer(&right) =>
        {
            Transformed::yes(checked.call(vec![*left, *right]))
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::StringConcat,
            right,
        }) if is_text(&left) && is_text(&right) => {
            Transformed::yes(functions::join_texts().call(vec![*left, *right]))
        }
        Expr::Negative(inner) if !matches!(*inner, Expr::Literal(..)) && is_integer(&inner) => {
            Transformed::yes(negated().call(vec![*inner]))
        }
        expr => Transformed::no(expr),
    })
}

/// Returns the type of `expr`. Asked for that of a long chain, the engine would write the name of each operator in it, which
/// is as long as what it is over.
fn type_of(expr: &Expr, schema: &DFSchema) -> Result<DataType> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (left, right) = (type_of(left, schema)?, type_of(right, schema)?);
            BinaryTypeCoercer::new(&left, op, &right).get_result_type()
        }
        Expr::ScalarFunction(call) if call.func.inner().is::<Hidden>() => {
            let types = call.args.iter().map(|arg| type_of(arg, schema));
            call.func.return_type(&types.collect::<Result<Vec<_>>>()?)
        }
        expr => expr.get_type(schema),
    }
}

/// Returns the function that `op` of integers is, which fails where the result is not an integer of 64 bits.
fn checked(op: Operator) -> Option<Hidden> {
    let function = match op {
        Operator::Plus => {
            Hidden::new("checked_add", 2, |args| of_two(args, add)).spelled(|args| args.join(" + "))
        }
        Operator::Minus => Hidden::new("checked_subtract", 2, |args| of_two(args, sub))
            .spelled(|args| args.join(" - ")),
        Operator::Multiply => Hidden::new("checked_multiply", 2, |args| of_two(args, mul))
            .spelled(|args| args.join(" * ")),
        _ => return None,
    };
    Some(function.returning(|types| match types {
        [DataType::Null, other] | [other, ..] => Ok(other.clone()),
        [] => internal_err!("an operator without operands"),
    }))
}

fn of_two(
    args: &ScalarFunctionArgs,
    operator: fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>,
) -> Result<ColumnarValue> {
    let [left, right] = take_function_args("arithmetic", &args.args)?;
    apply(left, right, operator)
}

/// Returns the function that the minus before an integer is, which fails for the smallest integer.
fn negated() -> Hidden {
    Hidden::new("checked_negate", 1, |args| {
        let negated = |columns: &[ArrayRef]| Ok(neg(&columns[0])?);
        make_scalar_function(negated, Vec::new())(&args.args)
    })
    .spelled(|args| format!("(- {})", args[0]))
}
