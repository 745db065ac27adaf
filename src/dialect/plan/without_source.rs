//! Removes the JSON that objects carry before they are copied or compared.
//!
//! ```sql
//! COPY api_keys TO 'keys.parquet'
//! SELECT spec FROM api_keys EXCEPT SELECT spec FROM 'keys.parquet'
//! -- are planned as
//! COPY (SELECT id, …, without_source(spec) AS spec FROM api_keys) TO 'keys.parquet'
//! SELECT without_source(spec) FROM api_keys EXCEPT SELECT spec FROM 'keys.parquet'
//! ```
//!
//! So an object of the service can be compared with one of a file, which carries none. Where all objects carry their JSON,
//! as below DISTINCT and in a UNION of tables of the service, they keep it: JSON functions above may ask for it.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, JoinType, NullEquality};
use datafusion::error::Result;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Join, LogicalPlan, Union,
};

use super::tree::{map_columns, map_named};
use crate::dialect::functions::InternalFunction;
use crate::dialect::source_json;

/// Returns `plan`, whose COPYs write objects as their fields.
///
/// Fails if a plan cannot be put together again.
pub(crate) fn without_sources(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up(|plan| {
        let LogicalPlan::Copy(mut copy) = plan else {
            return Ok(Transformed::no(plan));
        };
        copy.input = without_source(copy.input)?;
        Ok(Transformed::yes(LogicalPlan::Copy(copy)))
    })
    .data()
}

/// Compares objects without the JSON that they carry.
pub(super) fn compared(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Union(union) => columns(union),
        LogicalPlan::Join(mut join)
            if is_of_sets(&join) && carries_any(&join.left) != carries_any(&join.right) =>
        {
            join.left = without_source(join.left)?;
            join.right = without_source(join.right)?;
            Ok(Transformed::yes(LogicalPlan::Join(join)))
        }
        plan => comparisons(plan),
    }
}

/// Returns true for the join that the engine makes of EXCEPT and INTERSECT: they alone hold NULLs for equal.
fn is_of_sets(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftAnti | JoinType::LeftSemi)
        && join.null_equality == NullEquality::NullEqualsNull
}

/// Takes the JSON off the columns of a UNION that are not of one type because some of them carry JSON and others do not.
fn columns(mut union: Union) -> Result<Transformed<LogicalPlan>> {
    let carrying = union.inputs.iter().filter(|input| carries_any(input));
    if [0, union.inputs.len()].contains(&carrying.count()) {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let inputs = union.inputs.into_iter().map(without_source);
    union.inputs = inputs.collect::<Result<_>>()?;
    Ok(Transformed::yes(LogicalPlan::Union(union)))
}

fn comparisons(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    map_named(plan, |expr| {
        expr.transform_up(|expr| Ok(comparison(expr, &schema)))
    })
}

fn comparison(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let mut is_changed = false;
    if let Expr::BinaryExpr(BinaryExpr { left, op, right }) = &mut expr
        && op.supports_propagation()
    {
        for side in [left, right] {
            if side.get_type(schema).is_ok_and(|found| carries(&found)) {
                **side = call(std::mem::take(side.as_mut()));
                is_changed = true;
            }
        }
    }
    Transformed::new_transformed(expr, is_changed)
}

fn carries(data_type: &DataType) -> bool {
    source_json::without_type(data_type) != *data_type
}

fn carries_any(plan: &LogicalPlan) -> bool {
    let mut fields = plan.schema().fields().iter();
    fields.any(|field| carries(field.data_type()))
}

/// Returns `plan` with its objects without their JSON, under their names.
fn without_source(plan: Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
    if !carries_any(&plan) {
        return Ok(plan);
    }
    let plan = map_columns(plan, |_, field, column| match carries(field.data_type()) {
        true => Transformed::yes(call(column)),
        false => Transformed::no(column),
    })?;
    Ok(Arc::new(plan))
}

/// `without_source(x)`: `x` without the JSON of any object in it.
fn call(value: Expr) -> Expr {
    InternalFunction::new("without_source", 1, |args| {
        let array = args.args[0].to_array(args.number_rows)?;
        Ok(ColumnarValue::Array(source_json::without_array(&array)?))
    })
    .returning(|types| Ok(source_json::without_type(&types[0])))
    .keeping_field()
    .call(vec![value])
}
