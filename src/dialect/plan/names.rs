//! Names that are those of two columns of a derived table, as in `SELECT x FROM (SELECT 1 AS x, 2 AS x) t`: refused.
//!
//! The engine calls the second one `x:1`, so that `x` is the first. A star stands for both. Names that a person has typed
//! are recognized by their places: the columns of a star have none.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::dialect::Dialect;
use crate::dialect::error::{Error, Place};
use crate::error::ErrorKind;

/// Refuses names that could be two columns.
pub(super) fn check(plan: &LogicalPlan, _: Dialect) -> Result<()> {
    let inputs: Vec<&DFSchema> = plan.inputs().iter().map(|i| i.schema().as_ref()).collect();
    plan.apply_expressions(|expr| {
        typed_columns(expr, |column| match has_double(&inputs, column) {
            true => Err(twice(column)),
            false => Ok(()),
        })
    })?;
    Ok(())
}

/// Calls `check` for each column in `expr` that has a place in the statement.
fn typed_columns(
    expr: &Expr,
    mut check: impl FnMut(&Column) -> std::result::Result<(), Error>,
) -> Result<TreeNodeRecursion> {
    expr.apply(|part| {
        if let Expr::Column(column) = part
            && column.spans.first().is_some()
        {
            check(column)?;
        }
        Ok(TreeNodeRecursion::Continue)
    })
}

fn has_double(inputs: &[&DFSchema], column: &Column) -> bool {
    let double = Column::new(column.relation.clone(), format!("{}:1", column.name));
    inputs.iter().any(|schema| schema.has_column(&double))
}

fn twice(column: &Column) -> Error {
    let (name, table) = (&column.name, column.relation.as_ref());
    let of = table.map(|table| format!(" of `{}`", table.table()));
    Error::of_types(format!(
        "`{name}` is the name of two columns{}",
        of.unwrap_or_default()
    ))
    .kind(ErrorKind::Name)
    .hint("give one of them another name with AS")
    .near(Place::of(&Expr::Column(column.clone())))
}
