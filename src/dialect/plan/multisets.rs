//! EXCEPT ALL and INTERSECT ALL, which count how often a row is on each side.
//!
//! The engine plans both as a semi or anti join over all columns, which drops every copy of a row or none. Here each side
//! numbers the copies of a row, and the number is one more column to join on: of three copies on the left and one on the
//! right, the first finds its partner and the second and third do not.
//!
//! ```text
//! LeftAnti(a, b: x = x)  →  project x (LeftAnti(number(a), number(b): x = x, n = n))
//! ```
//!
//! Such joins are recognized by a property that no other plan has: NULLs are equal in them. Without ALL the left side
//! is distinct, where numbering would change nothing.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, JoinType, NullEquality};
use datafusion::error::Result;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Distinct, Expr, ExprFunctionExt, Join, LogicalPlan, LogicalPlanBuilder,
};

/// The columns that number the copies of a row on either side.
const NUMBERS: [&str; 2] = ["__left_copy", "__right_copy"];

/// Numbers the copies of rows on both sides of EXCEPT ALL and INTERSECT ALL.
pub(super) fn count_copies(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Join(join) if counts_copies(&join) => Ok(Transformed::yes(numbered(join)?)),
        plan => Ok(Transformed::no(plan)),
    }
}

fn counts_copies(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftAnti | JoinType::LeftSemi)
        && join.null_equality == NullEquality::NullEqualsNull
        && join.filter.is_none()
        // A subquery is analyzed once more when it is planned.
        && !join.on.iter().any(is_number)
        && !matches!(join.left.as_ref(), LogicalPlan::Distinct(Distinct::All(_)))
}

fn is_number((left, _): &(Expr, Expr)) -> bool {
    matches!(left, Expr::Column(column) if column.name == NUMBERS[0])
}

fn numbered(join: Join) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = join
        .left
        .schema()
        .columns()
        .into_iter()
        .map(Expr::from)
        .collect();
    let number = |side: &Arc<LogicalPlan>, keys: Vec<Expr>, number: &str| {
        let copy = row_number().partition_by(keys).build()?.alias(number);
        let mut items: Vec<Expr> = side
            .schema()
            .columns()
            .into_iter()
            .map(Expr::from)
            .collect();
        let plan = LogicalPlanBuilder::from(side.as_ref().clone()).window(vec![copy])?;
        items.push(Expr::from(Column::new_unqualified(number)));
        plan.project(items)?.build()
    };
    let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
    let left = number(&join.left, left_keys, NUMBERS[0])?;
    let right = number(&join.right, right_keys, NUMBERS[1])?;
    let same_number = NUMBERS.map(|number| Expr::from(Column::new_unqualified(number)));
    let mut keys = join.on;
    keys.push(same_number.into());
    let joined = LogicalPlan::Join(Join::try_new(
        Arc::new(left),
        Arc::new(right),
        keys,
        None,
        join.join_type,
        join.join_constraint,
        join.null_equality,
        false,
    )?);
    LogicalPlanBuilder::from(joined).project(columns)?.build()
}
