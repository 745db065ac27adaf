//! Which fields of nested columns an expression uses.
//!
//! Turns physical expressions into paths of names. Depends on the column declaration.

use std::sync::Arc;

use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::expressions::Column;

use crate::resource::Resource;

/// A column, or a field of one, by its names from the outside in. It includes everything in it.
pub(super) type FieldPath = Vec<String>;

/// A field of a node's output, or of its input: the position of its column, and the names of the fields inside it.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) column: usize,
    pub(super) steps: Vec<String>,
}

/// Adds the fields that `expr` uses to `fields`.
pub(super) fn collect(expr: &Arc<dyn PhysicalExpr>, fields: &mut Vec<Field>) {
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
    let function = expr.downcast_ref::<ScalarFunctionExpr>()?;
    if function.fun().name() != "get_field" {
        return None;
    }
    let (base, names) = function.args().split_first()?;
    let name = |name: &Arc<dyn PhysicalExpr>| {
        let name = name.downcast_ref::<Literal>()?.value().try_as_str()??;
        Some(name.to_owned())
    };
    Some((base, names.iter().map(name).collect::<Option<_>>()?))
}

impl Field {
    /// Reads a column, or a chain of fields by name that begins with one.
    pub(super) fn of(expr: &Arc<dyn PhysicalExpr>) -> Option<Self> {
        if let Some(column) = expr.downcast_ref::<Column>() {
            return Some(Self {
                column: column.index(),
                steps: Vec::new(),
            });
        }
        let (base, names) = get_field(expr)?;
        Some(Self::of(base)?.field(&names))
    }

    /// Returns the field further in.
    pub(super) fn field(&self, steps: &[String]) -> Self {
        Self {
            column: self.column,
            steps: [&self.steps, steps].concat(),
        }
    }
}

/// Returns the paths of `fields` in the table of `resource`; their columns are those at `projection`.
pub(super) fn in_table(
    fields: &[Field],
    resource: &Resource,
    projection: &[usize],
) -> Vec<FieldPath> {
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
