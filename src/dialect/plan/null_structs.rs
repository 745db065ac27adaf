//! A NULL struct has NULL fields.
//!
//! The engine's `get_field` returns what lies beneath a NULL: `nullif(s, s).a` would be the field of the struct that was
//! replaced. This function checks the struct first. It has the same name, for rules that look for fields in a plan.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, make_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::functions::core::getfield::GetFieldFunc;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExpressionPlacement, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature,
};

use super::tree::rewrite_expressions;

const NAME: &str = "get_field";

/// Puts the function that looks at the struct in the place of the engine's.
pub(super) fn null_structs(plan: LogicalPlan) -> Result<LogicalPlan> {
    let function = Arc::new(ScalarUDF::new_from_impl(GetField::default()));
    rewrite_expressions(plan, |expr, _| {
        Ok(match expr {
            Expr::ScalarFunction(call) if call.func.inner().is::<GetFieldFunc>() => {
                let call = ScalarFunction::new_udf(Arc::clone(&function), call.args);
                Transformed::yes(Expr::ScalarFunction(call))
            }
            expr => Transformed::no(expr),
        })
    })
}

/// `get_field(struct, 'field', …)`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct GetField {
    engine: GetFieldFunc,
}

impl ScalarUDFImpl for GetField {
    fn name(&self) -> &str {
        NAME
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.engine.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.engine.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.engine.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.engine.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.engine.return_field_from_args(args)
    }

    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        self.engine.placement(args)
    }

    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        // One call for a path, which is what pushdown looks for.
        let mut is_flat = true;
        while let Some(Expr::ScalarFunction(inner)) = args.first()
            && inner.func.inner().is::<Self>()
        {
            let mut path = inner.args.clone();
            path.extend(args.drain(1..));
            args = path;
            is_flat = false;
        }
        match self.engine.simplify(args, info)? {
            ExprSimplifyResult::Original(args) if !is_flat => {
                let call = ScalarUDF::new_from_impl(Self::default()).call(args);
                Ok(ExprSimplifyResult::Simplified(call))
            }
            simplified => Ok(simplified),
        }
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let path = args.args.split_off(1);
        let fields = args.arg_fields.split_off(1);
        let Some(mut value) = args.args.pop() else {
            return self.engine.invoke_with_args(args);
        };
        let Some(mut value_field) = args.arg_fields.pop() else {
            return self.engine.invoke_with_args(args);
        };
        for (name, name_field) in path.into_iter().zip(fields) {
            let found = match (&value, &name) {
                (ColumnarValue::Array(array), ColumnarValue::Scalar(name)) => field(array, name)?,
                (
                    ColumnarValue::Scalar(ScalarValue::Struct(object)),
                    ColumnarValue::Scalar(name),
                ) => {
                    let object: ArrayRef = Arc::clone(object) as ArrayRef;
                    field(&object, name)?
                }
                _ => None,
            };
            let is_scalar = matches!(value, ColumnarValue::Scalar(_));
            value = match found {
                Some(array) if is_scalar => {
                    ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
                }
                Some(array) => ColumnarValue::Array(array),
                // Maps and the like are the engine's.
                None => self.engine.invoke_with_args(ScalarFunctionArgs {
                    args: vec![value, name],
                    arg_fields: vec![Arc::clone(&value_field), name_field],
                    number_rows: args.number_rows,
                    return_field: Arc::clone(&args.return_field),
                    config_options: Arc::clone(&args.config_options),
                })?,
            };
            value_field = Arc::new(
                value_field
                    .as_ref()
                    .clone()
                    .with_data_type(value.data_type()),
            );
            if value.data_type().is_null() {
                return Ok(ColumnarValue::Scalar(ScalarValue::Null));
            }
        }
        Ok(value)
    }
}

/// Returns the field `name` of the structs in `array`, NULL where they are; None if it holds none, or has no such field.
fn field(array: &ArrayRef, name: &ScalarValue) -> Result<Option<ArrayRef>> {
    if !matches!(array.data_type(), DataType::Struct(_)) {
        return Ok(None);
    }
    let Some(name) = name.try_as_str().flatten() else {
        return Ok(None);
    };
    let objects = array.as_struct();
    let Some(values) = objects.column_by_name(name) else {
        return Ok(None);
    };
    if objects.null_count() == 0 || values.data_type().is_null() {
        return Ok(Some(Arc::clone(values)));
    }
    let nulls = NullBuffer::union(objects.nulls(), values.nulls());
    let values = values.to_data().into_builder().nulls(nulls).build()?;
    Ok(Some(make_array(values)))
}
