//! SQL names of types that the engine would read as another type.

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::planner::TypePlanner;
use sqlparser::ast::{DataType as SqlType, ExactNumberInfo};

/// Plans `float` as a number of 8 bytes, as it is in PostgreSQL, SQLite and DuckDB. `float(1)` to `float(24)`, `real` and
/// `float4` are the engine's, of 4 bytes.
///
/// A negative scale is refused: the engine would write such a number without its zeros.
#[derive(Debug)]
pub(crate) struct SqlTypes;

impl TypePlanner for SqlTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        if let SqlType::Decimal(ExactNumberInfo::PrecisionAndScale(_, scale))
        | SqlType::Dec(ExactNumberInfo::PrecisionAndScale(_, scale))
        | SqlType::Numeric(ExactNumberInfo::PrecisionAndScale(_, scale)) = sql_type
            && *scale < 0
        {
            return plan_err!("negative scale {scale} in {sql_type}");
        }
        let is_double = match sql_type {
            SqlType::Float(ExactNumberInfo::None) => true,
            SqlType::Float(ExactNumberInfo::Precision(bits)) => (25..=53).contains(bits),
            _ => false,
        };
        Ok(is_double.then(|| Field::new("", DataType::Float64, true).into()))
    }
}
