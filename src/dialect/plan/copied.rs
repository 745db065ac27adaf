//! Leaves the JSON that objects carry out of what a COPY writes.
//!
//! ```sql
//! COPY api_keys TO 'keys.parquet'
//! -- is planned as
//! COPY (SELECT id, …, shown(spec) AS spec FROM api_keys) TO 'keys.parquet'
//! ```

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::plan_err;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::dialect::source_json;

/// Returns `plan`, whose COPYs write objects as their fields.
///
/// # Errors
///
/// Fails if a plan cannot be put together again.
pub(crate) fn without_sources(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up(|plan| {
        let LogicalPlan::Copy(mut copy) = plan else {
            return Ok(Transformed::no(plan));
        };
        copy.input = Arc::new(shown(Arc::unwrap_or_clone(copy.input))?);
        Ok(Transformed::yes(LogicalPlan::Copy(copy)))
    })
    .data()
}

fn shown(plan: LogicalPlan) -> Result<LogicalPlan> {
    let carries =
        |field: &FieldRef| source_json::without_type(field.data_type()) != *field.data_type();
    if !plan.schema().fields().iter().any(carries) {
        return Ok(plan);
    }
    let function = Arc::new(ScalarUDF::new_from_impl(Shown {
        signature: Signature::any(1, Volatility::Immutable),
    }));
    let columns = plan.schema().iter().map(|(qualifier, field)| {
        let column = Expr::from((qualifier, field));
        match carries(field) {
            true => ScalarUDF::call(&function, vec![column])
                .alias_qualified(qualifier.cloned(), field.name()),
            false => column,
        }
    });
    let columns: Vec<Expr> = columns.collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// `shown(x)`: `x` without the JSON of any object in it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Shown {
    signature: Signature,
}

impl ScalarUDFImpl for Shown {
    fn name(&self) -> &str {
        "shown"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [one] => Ok(source_json::without_type(one)),
            _ => plan_err!("shown takes one argument"),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let field = args.arg_fields[0].as_ref().clone();
        let data_type = source_json::without_type(field.data_type());
        Ok(field.with_data_type(data_type).into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let array = args.args[0].to_array(args.number_rows)?;
        Ok(ColumnarValue::Array(source_json::without_array(&array)?))
    }
}
