//! The resources as the dialect sees them: their nested columns, and the parameters that a query may name.
//!
//! Turns the list of all resources into a `Shape`. It depends on that list and on the dialect, which knows no resource
//! itself.

use std::sync::LazyLock;

use super::ALL;
use super::column::{self, Column};
use super::filter::Filter;
use super::method::Parameter;
use crate::dialect::shape::{Shape, ShapeField, ShapeParameter};

/// Returns what the dialect is told of all resources: their nested columns, and parameters that are not called like the
/// columns that they filter by.
pub(crate) fn shape() -> &'static Shape {
    static SHAPE: LazyLock<Shape> = LazyLock::new(|| {
        let mut shape = Shape::default();
        for resource in ALL {
            add_fields(&mut shape.columns, resource.columns);
            let mut columns = Vec::new();
            add_fields(&mut columns, resource.columns);
            let name = resource.table.rsplit('.').next().unwrap_or_default();
            shape.tables.push((name.to_owned(), columns));
            let filters = resource.filters.iter();
            // A name without a dot may be that of anybody's column.
            let is_path = |filter: &&Filter| {
                filter.parameter != filter.column && filter.parameter.contains('.')
            };
            for filter in filters.filter(is_path) {
                shape.parameters.push(ShapeParameter {
                    name: filter.parameter.to_owned(),
                    path: Some(filter.column.split('.').map(str::to_owned).collect()),
                });
            }
        }
        // Pages are as large as the service makes them.
        shape.parameters.push(ShapeParameter {
            name: Parameter::PAGE_SIZE.name.to_owned(),
            path: None,
        });
        shape
    });
    &SHAPE
}

/// Adds `columns` to `fields`; two of one name become one with the fields of both.
fn add_fields(fields: &mut Vec<ShapeField>, columns: &'static [Column]) {
    for column in column::lifted(columns) {
        let is_known = |field: &ShapeField| field.name == column.name;
        let position = fields.iter().position(is_known).unwrap_or_else(|| {
            fields.push(ShapeField {
                name: column.name.to_owned(),
                fields: Vec::new(),
            });
            fields.len() - 1
        });
        add_fields(&mut fields[position].fields, column.ty.fields());
    }
}
