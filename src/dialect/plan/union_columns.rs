//! A rule over logical plans that gives all branches of UNION the names of its columns.
//!
//! The columns of a branch are told by their positions. But the engine finds them by the names of the first branch where all
//! others are empty, or where a branch is not a select list and needs other types: `SELECT x, y … UNION ALL (SELECT DISTINCT
//! y, x …)` would give `x` for `x`.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Union};

/// Gives the names of the union to the select list of each branch that has others, or puts one over it.
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
        // The items of a select list get other names; a literal among them is still one then.
        let (items, below) = match Arc::unwrap_or_clone(input) {
            LogicalPlan::Projection(Projection { expr, input, .. }) => {
                (expr.into_iter().map(Expr::unalias).collect(), input)
            }
            input => {
                let items: Vec<_> = columns.into_iter().map(Expr::Column).collect();
                (items, Arc::new(input))
            }
        };
        let items = items.into_iter().zip(&names);
        let items =
            items.map(|(item, name)| item.alias_qualified(name.relation.clone(), &name.name));
        let named = Projection::try_new(items.collect(), below)?;
        Ok(Arc::new(LogicalPlan::Projection(named)))
    };
    let inputs = inputs.into_iter().map(named).collect::<Result<_>>()?;
    let union = LogicalPlan::Union(Union { inputs, schema });
    Ok(Transformed::new_transformed(union, is_changed))
}
