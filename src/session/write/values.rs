//! Arrow values as the JSON of a request's body.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use serde_json::Value;

use crate::dialect::error::Error;
use crate::dialect::source_json;
use crate::render::cell_json;
use crate::resource::{Needed, Type};
use crate::sql::spec::{self, Origin, Spec};
use crate::sql::write::{Insert, Target, Update};

/// Returns the checked spec of every row of an INSERT.
///
/// Fails at the first row that cannot be created `today`, naming the row and the field.
pub(super) async fn of_insert(
    insert: &Insert,
    rows: &RecordBatch,
    today: NaiveDate,
) -> Result<Vec<Spec>, Error> {
    let defaults: HashSet<(usize, usize)> = insert.defaults.iter().copied().collect();
    let origin = match insert.is_copy {
        true => Origin::Copied,
        false => Origin::Typed,
    };
    let resource = insert.resource;
    let needed = resource.writes.as_ref().map(|writes| &writes.resource);
    let columns = columns(insert.targets.iter(), rows, 0)?;
    each_row(rows.num_rows(), |row| {
        let mut spec = Spec::new();
        for (column, target) in insert.targets.iter().enumerate() {
            if defaults.contains(&(row, column)) {
                continue;
            }
            match columns[column].value(row)? {
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
            .map_err(|error| placed(error, &insert.targets))
    })
    .await
}

/// Returns `error`, which names a field, with the place of the target that has set it.
fn placed(error: Error, targets: &[Target]) -> Error {
    let sets = |target: &&Target| {
        let rest = error.message.split_once('`').map_or("", |(_, rest)| rest);
        let rest = rest.strip_prefix(&target.name());
        rest.is_some_and(|rest| rest.starts_with(['`', '.']))
    };
    // What is missing has no place.
    let is_missing = error.message.contains("` is missing");
    let mut targets = targets.iter().filter(|_| !is_missing);
    let target = targets
        .clone()
        .filter(sets)
        .max_by_key(|target| target.path.len())
        .or_else(|| targets.find(|target| target.is_spec()));
    match (error.span, target) {
        (None, Some(target)) => error.at(target.span),
        _ => error,
    }
}

/// Returns the checked fields that every row of an UPDATE sets; the values begin at `first` of the columns.
///
/// Fails at the first row that cannot be changed so, naming the row and the field.
pub(super) async fn of_update(
    update: &Update,
    rows: &RecordBatch,
    first: usize,
) -> Result<Vec<Spec>, Error> {
    let columns = columns(update.targets.iter(), rows, first)?;
    each_row(rows.num_rows(), |row| {
        let mut spec = Spec::new();
        for (target, column) in update.targets.iter().zip(&columns) {
            match column.value(row)? {
                Some(value) => set(&mut spec, target, value)?,
                None => return Err(spec::null(&target.name()).at(target.span)),
            }
        }
        spec::for_update(update.resource, spec).map_err(|error| placed(error, &update.targets))
    })
    .await
}

/// Rows after which others get a turn, so that a statement of many rows can be stopped.
const ROWS_AT_A_TIME: usize = 64;

async fn each_row(
    rows: usize,
    read: impl Fn(usize) -> Result<Spec, Error>,
) -> Result<Vec<Spec>, Error> {
    let mut specs = Vec::new();
    for row in 0..rows {
        if row % ROWS_AT_A_TIME == 0 {
            tokio::task::yield_now().await;
        }
        specs.push(read(row).map_err(|mut error| {
            if rows > 1 {
                error.message = format!("row {}: {}", row + 1, error.message);
            }
            error
        })?);
    }
    Ok(specs)
}

fn set(spec: &mut Spec, target: &Target, value: Value) -> Result<(), Error> {
    match value {
        Value::Object(members) if target.is_spec() => spec.extend(members),
        value if target.is_spec() => return Err(spec::not_an_object(&value).at(target.span)),
        value => spec::put(spec, &target.path, value),
    }
    Ok(())
}

/// The values of one field, with objects as they are shown.
struct Column<'t> {
    target: &'t Target,
    field: FieldRef,
    shown: ArrayRef,
}

/// Returns the columns of `rows` that `targets` are set to, which begin at `first`.
fn columns<'t>(
    targets: impl Iterator<Item = &'t Target>,
    rows: &RecordBatch,
    first: usize,
) -> Result<Vec<Column<'t>>, Error> {
    let schema = rows.schema();
    targets
        .enumerate()
        .map(|(position, target)| {
            let shown = source_json::without_array(rows.column(first + position))
                .map_err(|error| unreadable(target, &error))?;
            let field = schema.field(first + position).clone();
            Ok(Column {
                target,
                field: Arc::new(field.with_data_type(shown.data_type().clone())),
                shown,
            })
        })
        .collect()
}

fn unreadable(target: &Target, error: &impl Display) -> Error {
    Error::new(format!("`{}` cannot be read: {error}", target.name())).at(target.span)
}

impl Column<'_> {
    /// Returns the value of one cell; None for NULL.
    fn value(&self, row: usize) -> Result<Option<Value>, Error> {
        let target = self.target;
        let text =
            cell_json(&self.field, &self.shown, row).map_err(|error| unreadable(target, &error))?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| unreadable(target, &error))?;
        if let (DataType::Timestamp(_, zone), Type::Date) =
            (self.shown.data_type(), &target.column.ty)
            && let Some(moment) = value.as_str()
        {
            // A midnight without a zone is its day: `current_date + interval '1 year'` is one.
            return match moment.strip_suffix("T00:00:00").filter(|_| zone.is_none()) {
                Some(day) => Ok(Some(Value::String(day.to_owned()))),
                None => Err(spec::not_a_date(&target.name(), &value).at(target.span)),
            };
        }
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
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_statement_of_many_rows_gives_way() {
        let read = Cell::new(0);
        let specs = each_row(1000, |_| {
            read.set(read.get() + 1);
            Ok(Spec::new())
        });
        let mut specs = std::pin::pin!(specs);
        assert!(specs.as_mut().now_or_never().is_none());
        assert!(read.get() <= ROWS_AT_A_TIME);
        assert_eq!(specs.await.map(|specs| specs.len()), Ok(1000));
    }
}
