//! Internal functions: rules put them into a plan, and users cannot call them.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::scalar::by_name;

/// A function that a rule puts into a plan. Unless it says otherwise, its value has the type of its first argument.
#[derive(Debug)]
pub(crate) struct InternalFunction {
    name: &'static str,
    signature: Signature,
    invoke: fn(&ScalarFunctionArgs) -> Result<ColumnarValue>,
    returns: fn(&[DataType]) -> Result<DataType>,
    spelled: Option<fn(&[String]) -> String>,
    keeps_field: bool,
}

impl InternalFunction {
    /// Returns the function called `name` of so many arguments, whose values `invoke` gives.
    pub(crate) fn new(
        name: &'static str,
        arguments: usize,
        invoke: fn(&ScalarFunctionArgs) -> Result<ColumnarValue>,
    ) -> Self {
        Self {
            name,
            signature: Signature::any(arguments, Volatility::Immutable),
            invoke,
            returns: |types| Ok(types[0].clone()),
            spelled: None,
            keeps_field: false,
        }
    }

    /// Gives it another signature.
    pub(crate) fn taking(self, signature: Signature) -> Self {
        Self { signature, ..self }
    }

    /// Gives its values the type that `returns` says, given those of its arguments.
    pub(crate) fn returning(self, returns: fn(&[DataType]) -> Result<DataType>) -> Self {
        Self { returns, ..self }
    }

    /// Names columns of it as `spelled` says, given the names of its arguments.
    pub(crate) fn spelled(self, spelled: fn(&[String]) -> String) -> Self {
        Self {
            spelled: Some(spelled),
            ..self
        }
    }

    /// Leaves a column of its argument its name.
    pub(crate) fn unnamed(self) -> Self {
        self.spelled(|args| args[0].clone())
    }

    /// Leaves a column of its argument all but the type.
    pub(crate) fn keeping_field(self) -> Self {
        Self {
            keeps_field: true,
            ..self
        }
    }

    /// Returns it as the engine takes it.
    pub(crate) fn udf(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(self)
    }

    /// Calls it.
    pub(crate) fn call(self, args: Vec<Expr>) -> Expr {
        self.udf().call(args)
    }
}

by_name!(InternalFunction.name);

impl ScalarUDFImpl for InternalFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let names = args.iter().map(|arg| arg.schema_name().to_string());
        let names: Vec<String> = names.collect();
        Ok(match self.spelled {
            Some(spelled) => spelled(&names),
            None => format!("{}({})", self.name, names.join(",")),
        })
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        (self.returns)(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types = args.arg_fields.iter().map(|arg| arg.data_type().clone());
        let data_type = self.return_type(&types.collect::<Vec<_>>())?;
        Ok(Arc::new(match args.arg_fields {
            [field, ..] if self.keeps_field => field.as_ref().clone().with_data_type(data_type),
            _ => Field::new(self.name, data_type, true),
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        (self.invoke)(&args)
    }
}
