//! Values that COPY … PARTITIONED BY names folders by. The engine takes a NULL for the zero of its type, so it is an error.

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::utils::take_function_args;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

use crate::dialect::plan::gives_its_argument;
use crate::error::Error;

/// Returns `input`, which fails at a row with a NULL in one of `columns`.
pub(super) fn without_nulls(input: LogicalPlan, columns: &[String]) -> Result<LogicalPlan> {
    let fields = input.schema().iter();
    let exprs = fields.map(|(relation, field)| {
        let column = Expr::from((relation, field));
        match columns.contains(field.name()) {
            true => key(column, field.name()).alias_qualified(relation.cloned(), field.name()),
            false => column,
        }
    });
    let exprs: Vec<Expr> = exprs.collect();
    LogicalPlanBuilder::from(input).project(exprs)?.build()
}

fn key(column: Expr, name: &str) -> Expr {
    ScalarUDF::new_from_impl(PartitionKey {
        column: name.to_owned(),
        signature: Signature::any(1, Volatility::Immutable),
    })
    .call(vec![column])
}

/// `partition_key(x)`: `x`, which is not NULL.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PartitionKey {
    column: String,
    signature: Signature,
}

impl ScalarUDFImpl for PartitionKey {
    fn name(&self) -> &str {
        "partition_key"
    }

    gives_its_argument!();

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = take_function_args(self.name(), args.args)?;
        let has_null = match &value {
            ColumnarValue::Array(values) => values.logical_null_count() > 0,
            ColumnarValue::Scalar(value) => value.is_null(),
        };
        match has_null {
            true => Err(Error::statement(format!(
                "`{}` is NULL in a row, and COPY names a folder by it",
                self.column
            ))
            .hint("leave such rows out with WHERE, or give them a value with coalesce")
            .into()),
            false => Ok(value),
        }
    }
}
