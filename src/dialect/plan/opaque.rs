//! An expression that the engine does not look through.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::utils::take_function_args;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// What a function of one argument that gives its argument says of itself, with its `signature` in a field.
macro_rules! gives_its_argument {
    () => {
        fn signature(&self) -> &datafusion::logical_expr::Signature {
            &self.signature
        }

        fn return_type(&self, types: &[DataType]) -> Result<DataType> {
            let [data_type] = take_function_args(self.name(), types)?;
            Ok(data_type.clone())
        }

        fn return_field_from_args(
            &self,
            args: datafusion::logical_expr::ReturnFieldArgs<'_>,
        ) -> Result<datafusion::arrow::datatypes::FieldRef> {
            let [field] = take_function_args(self.name(), args.arg_fields)?;
            Ok(std::sync::Arc::clone(field))
        }
    };
}
pub(crate) use gives_its_argument;

/// Returns a call that gives the value of `expr`, under its name.
pub(super) fn opaque(expr: Expr) -> Expr {
    ScalarUDF::new_from_impl(Opaque {
        signature: Signature::any(1, Volatility::Immutable),
    })
    .call(vec![expr])
}

/// `opaque(x)`: `x`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Opaque {
    signature: Signature,
}

impl ScalarUDFImpl for Opaque {
    fn name(&self) -> &str {
        "opaque"
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let [arg] = take_function_args(self.name(), args)?;
        Ok(arg.schema_name().to_string())
    }

    gives_its_argument!();

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = take_function_args(self.name(), args.args)?;
        Ok(value)
    }
}
