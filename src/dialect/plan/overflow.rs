//! Integer overflow is an error, and so are texts too long for memory.
//!
//! The engine's `+`, `-`, `*` and negation of integers wrap around: `9223372036854775807 + 1` would be the smallest
//! integer there is. Its decimals may get a digit more than there is room for, which is not shown. They become functions
//! that check, under the names of the operators. Sums are `functions::sum`'s. `||` of texts, which doubles a text with every step, becomes a function with a bound.

use datafusion::arrow::array::{ArrayRef, AsArray, Datum};
use datafusion::arrow::compute::kernels::numeric::{add, div, mul, neg, sub};
use datafusion::arrow::datatypes::{DataType, Decimal128Type};
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

use crate::dialect::functions::{self, InternalFunction};

/// Checks the arithmetic of integers and decimals. To be run when types fit.
pub(super) fn check_arithmetic(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_integer =
        |expr: &Expr| type_of(expr, schema).is_ok_and(|data_type| data_type.is_integer());
    let is_decimal =
        |expr: &Expr| type_of(expr, schema).is_ok_and(|of| matches!(of, DataType::Decimal128(..)));
    let is_text = |expr: &Expr| type_of(expr, schema).is_ok_and(|data_type| data_type.is_string());
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if let Some(checked) = checked(op)
                && (is_integer(&left) && is_integer(&right) && op != Operator::Divide
                    || is_decimal(&left) && is_decimal(&right)) =>
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
        Expr::ScalarFunction(call) if call.func.inner().is::<InternalFunction>() => {
            let types = call.args.iter().map(|arg| type_of(arg, schema));
            call.func.return_type(&types.collect::<Result<Vec<_>>>()?)
        }
        expr => expr.get_type(schema),
    }
}

/// Returns the function that `op` is, which fails where the result has no room in its type.
fn checked(op: Operator) -> Option<InternalFunction> {
    macro_rules! checked {
        ($name:literal, $op:ident, $kernel:ident, $sign:literal) => {
            InternalFunction::new($name, 2, |args| of_two(args, $kernel))
                .spelled(|args| args.join($sign))
                .returning(|types| returned(Operator::$op, types))
        };
    }
    Some(match op {
        Operator::Plus => checked!("checked_add", Plus, add, " + "),
        Operator::Minus => checked!("checked_subtract", Minus, sub, " - "),
        Operator::Multiply => checked!("checked_multiply", Multiply, mul, " * "),
        Operator::Divide => checked!("checked_divide", Divide, div, " / "),
        _ => return None,
    })
}

fn returned(op: Operator, types: &[DataType]) -> Result<DataType> {
    match types {
        [left @ DataType::Decimal128(..), right] => {
            BinaryTypeCoercer::new(left, &op, right).get_result_type()
        }
        [DataType::Null, other] | [other, ..] => Ok(other.clone()),
        [] => internal_err!("an operator without operands"),
    }
}

fn of_two(
    args: &ScalarFunctionArgs,
    operator: fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>,
) -> Result<ColumnarValue> {
    let [left, right] = take_function_args("arithmetic", &args.args)?;
    let result = apply(left, right, operator)?;
    if let DataType::Decimal128(precision, _) = result.data_type() {
        let numbers = result.to_array(1)?;
        let numbers = numbers.as_primitive::<Decimal128Type>();
        let is_fitting = numbers.validate_decimal_precision(precision).is_ok();
        return match is_fitting {
            true => Ok(result),
            false => Err(functions::Error::DecimalOverflow.into()),
        };
    }
    Ok(result)
}

/// Returns the function that the minus before an integer is, which fails for the smallest integer.
fn negated() -> InternalFunction {
    InternalFunction::new("checked_negate", 1, |args| {
        let negated = |columns: &[ArrayRef]| Ok(neg(&columns[0])?);
        make_scalar_function(negated, Vec::new())(&args.args)
    })
    .spelled(|args| format!("(- {})", args[0]))
}
