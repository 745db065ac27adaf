//! A rule over logical plans that gives all branches of UNION the names of its columns.
//!
//! The columns of a branch are told by their positions. But the engine finds them by the names of the first branch where all
//! others are empty, or where a branch is not a select list and needs other types: `SELECT x, y … UNION ALL (SELECT DISTINCT
//! y, x …)` would give `x` for `x`.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Union};

/// Puts a select list with the names of the union over each branch that has others.
pub(super) fn name_columns(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Union(Union { inputs, schema }) = plan else {
        return Ok(Transformed::no(plan));
    };
    let names = schema.columns();
    let mut is_changed = false;
    let named = |input: Arc<LogicalPlan>| {
        let columns = input.schema().columns();
        if columns == names || columns.len() != names.len() {
            return Ok(input);
        }
        is_changed = true;
        let columns = columns.into_iter().zip(&names).map(|(column, name)| {
            Expr::Column(column).alias_qualified(name.relation.clone(), &name.name)
        });
        let named = Projection::try_new(columns.collect(), input)?;
        Ok(Arc::new(LogicalPlan::Projection(named)))
    };
    let inputs = inputs.into_iter().map(named).collect::<Result<_>>()?;
    let union = LogicalPlan::Union(Union { inputs, schema });
    Ok(Transformed::new_transformed(union, is_changed))
}
