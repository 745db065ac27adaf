//! Names that could be two columns: refused, where the engine would take one of them.
//!
//! - A derived table may give one name to two columns, as in `SELECT x FROM (SELECT 1 AS x, 2 AS x) t`. The engine calls the
//!   second one `x:1`, so that `x` is the first. A star stands for both.
//! - In ORDER BY a name by itself is one of the select list, and within an expression one of the tables: `SELECT y AS x FROM
//!   t ORDER BY abs(x)` sorts by the column `x`. The engine takes the name of the select list in both.
//!
//! In the first case, names that a person has typed are recognized by their places: the columns of a star have none.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Projection, Sort};

use crate::dialect::Dialect;
use crate::dialect::error::{Error, Place};
use crate::error::ErrorKind;

/// Refuses names that could be two columns.
pub(super) fn check(plan: &LogicalPlan, dialect: Dialect) -> Result<()> {
    let inputs: Vec<&DFSchema> = plan.inputs().iter().map(|i| i.schema().as_ref()).collect();
    plan.apply_expressions(|expr| {
        typed_columns(expr, |column| match has_double(&inputs, column) {
            true => Err(twice(column)),
            false => Ok(()),
        })
    })?;
    match plan {
        LogicalPlan::Sort(sort) if dialect == Dialect::Default => orders(sort),
        _ => Ok(()),
    }
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

fn orders(sort: &Sort) -> Result<()> {
    let Some(projection) = projection(&sort.input) else {
        return Ok(());
    };
    for key in &sort.expr {
        if matches!(key.expr, Expr::Column(_)) {
            continue;
        }
        // The engine has put the columns of the select list in their places already, and those have none.
        if let Some(column) = key.expr.column_refs().into_iter().find(|column| {
            column.relation.is_none()
                && is_given(projection, &column.name)
                && is_input(&projection.input, &column.name)
        }) {
            return Err(both(column).into());
        }
    }
    Ok(())
}

/// Returns the select list below `plan`.
fn projection(plan: &LogicalPlan) -> Option<&Projection> {
    match plan {
        LogicalPlan::Projection(projection) => Some(projection),
        LogicalPlan::Distinct(Distinct::All(input)) => projection(input),
        _ => None,
    }
}

/// Returns true if the list gives `name` to something else than a column of that name.
fn is_given(projection: &Projection, name: &str) -> bool {
    projection.expr.iter().any(|item| match item {
        Expr::Alias(alias) if alias.name == name => {
            let item = item.clone().unalias_nested().data;
            !matches!(item, Expr::Column(column) if column.name == name)
        }
        _ => false,
    })
}

/// Returns true if a table that the list is over has a column `name`.
fn is_input(input: &Arc<LogicalPlan>, name: &str) -> bool {
    let has_it = |plan: &LogicalPlan| {
        let mut fields = plan.schema().fields().iter();
        fields.any(|field| field.name() == name)
    };
    match input.as_ref() {
        LogicalPlan::Aggregate(aggregate) => has_it(&aggregate.input),
        LogicalPlan::Filter(filter) => is_input(&filter.input, name),
        LogicalPlan::Window(window) => is_input(&window.input, name),
        plan => has_it(plan),
    }
}

fn both(column: &Column) -> Error {
    let name = &column.name;
    Error::of_types(format!(
        "`{name}` in ORDER BY is a column, and a name of the select list"
    ))
    .kind(ErrorKind::Name)
    .hint("give the item another name")
    .near(Place::of(&Expr::Column(column.clone())))
}
