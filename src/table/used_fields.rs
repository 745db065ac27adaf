//! Reads only the fields of nested columns that a query uses.
//!
//! A rule over physical plans: below a projection or an aggregation, only the fields that its expressions name are needed. The
//! types stay as they are; a field that is not needed is NULL. Depends on plans and the column declaration; decodes nothing
//! itself.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::projection::ProjectionExec;

use super::fields::{Field, collect, in_table};
use super::scan::ResourceScan;
use crate::dialect::plan::operator::over_changed;
use crate::dialect::source_json;

type Plan = Arc<dyn ExecutionPlan>;

/// Makes scans read the fields that are used, and no others.
pub(super) fn read_what_is_used(plan: Plan) -> Result<Plan> {
    narrowed(plan, None)
}

/// Returns `plan`, the whole of one, whose output leaves the engine: the JSON that objects carry is not read for it.
pub(crate) fn for_output(plan: Plan) -> Result<Plan> {
    let mut used = Vec::new();
    for (column, field) in plan.schema().fields().iter().enumerate() {
        let steps = Vec::new();
        add_shown(Field { column, steps }, field.data_type(), &mut used);
    }
    narrowed(plan, Some(&used))
}

/// Adds `field` to `used`, or the fields within it that are shown.
fn add_shown(field: Field, data_type: &DataType, used: &mut Vec<Field>) {
    let DataType::Struct(fields) = data_type else {
        return used.push(field);
    };
    for inner in fields.iter().filter(|inner| !source_json::is_source(inner)) {
        let field = field.field(std::slice::from_ref(inner.name()));
        add_shown(field, inner.data_type(), used);
    }
}

/// Returns `plan`, reading no more than is needed for the fields `used` of its output; None is all of them.
fn narrowed(plan: Plan, used: Option<&[Field]>) -> Result<Plan> {
    if let Some(scan) = plan.downcast_ref::<ResourceScan>() {
        return Ok(match used {
            Some(used) => {
                Arc::new(scan.reading(in_table(used, scan.resource(), scan.projection())))
            }
            None => plan,
        });
    }
    let of_input = of_input(&plan, used);
    over_changed(&plan, |_, child| narrowed(child, of_input.as_deref()))
}

/// Returns the fields of its input that `plan` uses; None if it may pass on columns that its expressions do not name.
fn of_input(plan: &Plan, used: Option<&[Field]>) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        for (position, output) in projection.expr().iter().enumerate() {
            match (Field::of(&output.expr), used) {
                (Some(field), Some(used)) => {
                    let inner = used.iter().filter(|used| used.column == position);
                    fields.extend(inner.map(|used| field.field(&used.steps)));
                }
                _ => collect(&output.expr, &mut fields),
            }
        }
        return Some(fields);
    }
    let aggregate = plan.downcast_ref::<AggregateExec>()?;
    let groups = aggregate.group_expr();
    for (expr, _) in groups.expr().iter().chain(groups.null_expr()) {
        collect(expr, &mut fields);
    }
    for function in aggregate.aggr_expr() {
        let sorts = function.order_bys().iter().map(|sort| &sort.expr);
        for expr in function.expressions().iter().chain(sorts) {
            collect(expr, &mut fields);
        }
    }
    for filter in aggregate.filter_expr().iter().flatten() {
        collect(filter, &mut fields);
    }
    Some(fields)
}
