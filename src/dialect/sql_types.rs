//! Types by their SQL names, where the engine knows them as something else.

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::planner::TypePlanner;
use sqlparser::ast::{DataType as SqlType, ExactNumberInfo};

/// Plans `float` as a number of 8 bytes, as it is in PostgreSQL, SQLite and DuckDB. `float(1)` to `float(24)`, `real` and
/// `float4` are the engine's, of 4 bytes.
#[derive(Debug)]
pub(crate) struct SqlTypes;

impl TypePlanner for SqlTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        let is_double = match sql_type {
            SqlType::Float(ExactNumberInfo::None) => true,
            SqlType::Float(ExactNumberInfo::Precision(bits)) => (25..=53).contains(bits),
            _ => false,
        };
        Ok(is_double.then(|| Field::new("", DataType::Float64, true).into()))
    }
}
