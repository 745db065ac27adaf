//! Integers that overflow are an error, and texts that outgrow the memory of the machine.
//!
//! The engine's `+`, `-`, `*` and negation of integers wrap around: `9223372036854775807 + 1` would be the smallest
//! integer there is. They become functions that check, under the names of the operators. Sums are `functions::sum`'s.
//! `||` of texts, which doubles a text with every step, becomes a function with a bound.

use datafusion::arrow::array::{ArrayRef, Datum};
use datafusion::arrow::compute::kernels::numeric::{add, mul, neg, sub};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, internal_err};
use datafusion::error::Result;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

use super::rule::{Change, Dialects, PlanRule};
use crate::dialect::functions;

/// Checks the arithmetic of integers. To be run when types fit.
pub(super) const CHECK_INTEGERS: PlanRule = PlanRule {
    name: "check_integers",
    dialects: Dialects::BOTH,
    change: Change::Expr(check_integers),
};

fn check_integers(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_integer =
        |expr: &Expr| type_of(expr, schema).is_ok_and(|data_type| data_type.is_integer());
    let is_text = |expr: &Expr| type_of(expr, schema).is_ok_and(|data_type| data_type.is_string());
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if Arithmetic::of(op).is_some() && is_integer(&left) && is_integer(&right) =>
        {
            let Some(arithmetic) = Arithmetic::of(op) else {
                return internal_err!("{op} is not checked");
            };
            Transformed::yes(arithmetic.call(vec![*left, *right]))
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::StringConcat,
            right,
        }) if is_text(&left) && is_text(&right) => {
            Transformed::yes(functions::join_texts().call(vec![*left, *right]))
        }
        Expr::Negative(inner) if !matches!(*inner, Expr::Literal(..)) && is_integer(&inner) => {
            Transformed::yes(Arithmetic::Negate.call(vec![*inner]))
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
        Expr::ScalarFunction(call)
            if call.func.inner().is::<Checked>() || functions::joins_texts(&call.func) =>
        {
            let types = call.args.iter().map(|arg| type_of(arg, schema));
            call.func.return_type(&types.collect::<Result<Vec<_>>>()?)
        }
        expr => expr.get_type(schema),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Negate,
}

impl Arithmetic {
    fn of(op: Operator) -> Option<Self> {
        Some(match op {
            Operator::Plus => Self::Add,
            Operator::Minus => Self::Subtract,
            Operator::Multiply => Self::Multiply,
            _ => return None,
        })
    }

    fn call(self, args: Vec<Expr>) -> Expr {
        ScalarUDF::new_from_impl(Checked {
            arithmetic: self,
            signature: Signature::variadic_any(Volatility::Immutable),
        })
        .call(args)
    }

    fn spelled(self, args: &[String]) -> String {
        let sign = match self {
            Self::Add => "+",
            Self::Subtract | Self::Negate => "-",
            Self::Multiply => "*",
        };
        match args {
            [left, right] => format!("{left} {sign} {right}"),
            args => format!("(- {})", args.join(", ")),
        }
    }
}

/// Arithmetic of integers that fails where the result is not an integer of 64 bits.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    arithmetic: Arithmetic,
    signature: Signature,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.arithmetic {
            Arithmetic::Add => "checked_add",
            Arithmetic::Subtract => "checked_subtract",
            Arithmetic::Multiply => "checked_multiply",
            Arithmetic::Negate => "checked_negate",
        }
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let args: Vec<String> = args
            .iter()
            .map(|arg| arg.schema_name().to_string())
            .collect();
        Ok(self.arithmetic.spelled(&args))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::Null, other] | [other, ..] => Ok(other.clone()),
            [] => internal_err!("{} without arguments", self.name()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let operator: fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError> =
            match self.arithmetic {
                Arithmetic::Add => add,
                Arithmetic::Subtract => sub,
                Arithmetic::Multiply => mul,
                Arithmetic::Negate => {
                    let negated = |columns: &[ArrayRef]| Ok(neg(&columns[0])?);
                    return make_scalar_function(negated, Vec::new())(&args.args);
                }
            };
        match args.args.as_slice() {
            [left, right] => apply(left, right, operator),
            _ => internal_err!("{} of other than two values", self.name()),
        }
    }
}
