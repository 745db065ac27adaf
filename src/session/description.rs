//! The description of a statement: what is known before it runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;

/// The columns and parameters of a statement.
#[derive(Debug, Clone)]
pub struct Description {
    /// The columns of its rows; none if it gives no rows.
    pub columns: SchemaRef,
    /// Its parameters by name, positional ones as `1`, `2`, …; with their types, as far as the statement tells them.
    pub parameters: BTreeMap<String, Option<DataType>>,
}

impl Description {
    /// A statement without rows and parameters.
    pub(super) fn empty() -> Self {
        Self::of(Arc::new(Schema::empty()))
    }

    pub(super) fn of(columns: SchemaRef) -> Self {
        let parameters = BTreeMap::new();
        Self {
            columns,
            parameters,
        }
    }
}

/// Returns the parameters of `plan`.
pub(super) fn parameters(
    plan: &LogicalPlan,
) -> Result<BTreeMap<String, Option<DataType>>, DataFusionError> {
    let types = plan.get_parameter_types()?.into_iter();
    let types = types.map(|(name, ty)| (name.trim_start_matches('$').to_owned(), ty));
    Ok(types.collect())
}
