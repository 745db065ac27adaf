//! Finds which fields of `spec` and `metadata` a query uses, so that no others are read out of a key.
//!
//! A rule over physical plans: where the nodes above a scan make their columns anew, as projections and aggregations
//! do, the fields that their expressions name are all that anybody sees. The types stay as they are; a field that nobody
//! names is NULL. Depends on plans and the column declaration; decodes nothing itself.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::optimize::over_changed;
use super::scan::ResourceScan;
use crate::resource::Resource;

type Plan = Arc<dyn ExecutionPlan>;

/// A column, or a field of one, by its names from the outside in. It stands for all that is in it.
pub(super) type FieldPath = Vec<String>;

/// A field of a node's output, or of its input: the position of its column, and names from there on inwards.
#[derive(Debug, Clone)]
struct Field {
    column: usize,
    steps: Vec<String>,
}

/// Has scans read the fields that are used and no others.
#[derive(Debug)]
pub(super) struct ReadWhatIsUsed;

impl PhysicalOptimizerRule for ReadWhatIsUsed {
    fn optimize(&self, plan: Plan, _: &ConfigOptions) -> Result<Plan> {
        narrowed(plan, None)
    }

    fn name(&self) -> &str {
        "read_what_is_used"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Returns `plan`, of whose output `used` is all that anybody sees; None is everything.
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

/// Returns the fields of its input that `plan` makes its output of; None if columns may pass through unseen.
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

/// Adds the fields that `expr` uses to `fields`.
fn collect(expr: &Arc<dyn PhysicalExpr>, fields: &mut Vec<Field>) {
    match Field::of(expr) {
        Some(field) => fields.push(field),
        None => {
            for child in expr.children() {
                collect(child, fields);
            }
        }
    }
}

/// Reads a call that takes fields by name out of a value: the value, and the names from the outside in.
pub(super) fn get_field(
    expr: &Arc<dyn PhysicalExpr>,
) -> Option<(&Arc<dyn PhysicalExpr>, Vec<String>)> {
    let any: &dyn Any = expr.as_ref();
    let function = any.downcast_ref::<ScalarFunctionExpr>()?;
    if function.fun().name() != "get_field" {
        return None;
    }
    let (base, names) = function.args().split_first()?;
    let name = |name: &Arc<dyn PhysicalExpr>| {
        let any: &dyn Any = name.as_ref();
        let name = any.downcast_ref::<Literal>()?.value().try_as_str()??;
        Some(name.to_owned())
    };
    Some((base, names.iter().map(name).collect::<Option<_>>()?))
}

impl Field {
    /// Reads a column, or a chain of fields by name that begins with one.
    fn of(expr: &Arc<dyn PhysicalExpr>) -> Option<Self> {
        let any: &dyn Any = expr.as_ref();
        if let Some(column) = any.downcast_ref::<Column>() {
            return Some(Self {
                column: column.index(),
                steps: Vec::new(),
            });
        }
        let (base, names) = get_field(expr)?;
        Some(Self::of(base)?.field(&names))
    }

    /// Returns the field further in.
    fn field(&self, steps: &[String]) -> Self {
        Self {
            column: self.column,
            steps: [&self.steps, steps].concat(),
        }
    }
}

/// Returns the paths of `fields` in the table of `resource`; their columns are those at `projection`.
fn in_table(fields: &[Field], resource: &Resource, projection: &[usize]) -> Vec<FieldPath> {
    let columns = resource.fields();
    let path = |field: &Field| {
        let column = columns[projection[field.column]].name.to_owned();
        [&[column], field.steps.as_slice()].concat()
    };
    fields.iter().map(path).collect()
}

/// Returns what `expr` uses of the table of `resource`; its columns are those at `projection`.
pub(super) fn paths(
    expr: &Arc<dyn PhysicalExpr>,
    resource: &Resource,
    projection: &[usize],
) -> Vec<FieldPath> {
    let mut fields = Vec::new();
    collect(expr, &mut fields);
    in_table(&fields, resource, projection)
}

#[cfg(test)]
mod tests {
    use datafusion::common::DFSchema;
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::resource::API_KEYS;

    fn used(sql: &str) -> Vec<String> {
        let session = SessionContext::new();
        let schema = DFSchema::try_from(API_KEYS.schema().as_ref().clone()).unwrap();
        let expr = session.parse_sql_expr(sql, &schema).unwrap();
        let expr = session.create_physical_expr(expr, &schema).unwrap();
        let paths = paths(&expr, &API_KEYS, &[0, 1, 2, 3, 4, 5]);
        paths.iter().map(|path| path.join(".")).collect()
    }

    #[test]
    fn fields_are_told_from_whole_columns() {
        assert_eq!(used("spec['owner']['id']"), ["spec.owner.id"]);
        assert_eq!(
            used("upper(spec['display_name']) || id"),
            ["spec.display_name", "id"]
        );
        assert_eq!(
            used("spec['owner'] IS NULL OR metadata IS NULL"),
            ["spec.owner", "metadata"]
        );
        assert_eq!(
            used("CASE WHEN kind = 'x' THEN spec['owner']['id'] END"),
            ["kind", "spec.owner.id"]
        );
        assert_eq!(used("named_struct('a', spec)['a']['owner']"), ["spec"]);
        assert_eq!(used("1 = 1"), [""; 0]);
    }
}
