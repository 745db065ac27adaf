//! Arrow values as the JSON of a request's body.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::RecordBatch;
use serde_json::Value;

use crate::dialect::{self, source_json};
use crate::render::cell_json;
use crate::resource::{Needed, Type};
use crate::sql::spec::{self, Origin, Spec};
use crate::sql::write::{Insert, Target, Update};

/// Returns the checked spec of every row of an INSERT.
///
/// # Errors
///
/// Fails at the first row that cannot be created `today`, naming the row and the field.
pub(super) fn of_insert(
    insert: &Insert,
    rows: &RecordBatch,
    today: NaiveDate,
) -> Result<Vec<Spec>, dialect::error::Error> {
    let defaults: HashSet<(usize, usize)> = insert.defaults.iter().copied().collect();
    let origin = match insert.is_copy {
        true => Origin::Copied,
        false => Origin::Typed,
    };
    let resource = insert.resource;
    let needed = resource.writes.as_ref().map(|writes| &writes.resource);
    each_row(rows.num_rows(), |row| {
        let mut spec = Spec::new();
        for (column, target) in insert.targets.iter().enumerate() {
            if defaults.contains(&(row, column)) {
                continue;
            }
            match value(target, rows, column, row)? {
                Some(value) => set(&mut spec, target, value)?,
                None if target.is_spec() => {
                    return Err(spec::null(&target.name()).at(target.span));
                }
                // An empty cell must not create a key for the whole cloud.
                None => {
                    let name = target.name();
                    let is_needed = |n: &&Needed| [n.path, n.of()].contains(&name.as_str());
                    if let Some(needed) = needed.filter(is_needed) {
                        return Err(spec::no_id(needed).at(target.span));
                    }
                }
            }
        }
        spec::for_create(resource, spec, origin, today)
    })
}

/// Returns the checked fields that every row of an UPDATE sets; the values begin at `first` of the columns.
///
/// # Errors
///
/// Fails at the first row that cannot be changed so, naming the row and the field.
pub(super) fn of_update(
    update: &Update,
    rows: &RecordBatch,
    first: usize,
) -> Result<Vec<Spec>, dialect::error::Error> {
    each_row(rows.num_rows(), |row| {
        let mut spec = Spec::new();
        for (position, target) in update.targets.iter().enumerate() {
            match value(target, rows, first + position, row)? {
                Some(value) => set(&mut spec, target, value)?,
                None => return Err(spec::null(&target.name()).at(target.span)),
            }
        }
        spec::for_update(update.resource, spec)
    })
}

fn each_row(
    rows: usize,
    read: impl Fn(usize) -> Result<Spec, dialect::error::Error>,
) -> Result<Vec<Spec>, dialect::error::Error> {
    (0..rows)
        .map(|row| {
            read(row).map_err(|mut error| {
                if rows > 1 {
                    error.message = format!("row {}: {}", row + 1, error.message);
                }
                error
            })
        })
        .collect()
}

fn set(spec: &mut Spec, target: &Target, value: Value) -> Result<(), dialect::error::Error> {
    match value {
        Value::Object(members) if target.is_spec() => spec.extend(members),
        value if target.is_spec() => return Err(spec::not_an_object(&value).at(target.span)),
        value => spec::put(spec, &target.path, value),
    }
    Ok(())
}

/// Returns the value of one cell; None for NULL.
fn value(
    target: &Target,
    rows: &RecordBatch,
    column: usize,
    row: usize,
) -> Result<Option<Value>, dialect::error::Error> {
    let schema = rows.schema();
    let field = &schema.fields()[column];
    let unreadable = |error: String| {
        dialect::error::Error::new(format!("`{}` cannot be read: {error}", target.name()))
            .at(target.span)
    };
    let shown = source_json::without_array(rows.column(column));
    let shown = shown.map_err(|e| unreadable(e.to_string()))?;
    let field = field.as_ref().clone();
    let field = Arc::new(field.with_data_type(shown.data_type().clone()));
    let text = cell_json(&field, &shown, row).map_err(|e| unreadable(e.to_string()))?;
    let value: Value = serde_json::from_str(&text).map_err(|e| unreadable(e.to_string()))?;
    Ok(match (value, target.column.ty) {
        (Value::Null, _) => None,
        (Value::String(text), _) if target.is_spec() => Some(Value::Object(
            spec::parse(&text).map_err(|e| e.at(target.span))?,
        )),
        // A nested field may also be given as JSON text.
        (Value::String(text), Type::Object(_)) => {
            let value = spec::parse_value(&text).unwrap_or(Value::String(text));
            (!value.is_null()).then_some(value)
        }
        (value, _) => Some(value),
    })
}
