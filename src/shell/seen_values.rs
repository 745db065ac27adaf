//! Values seen in earlier rows, to complete `owner_id = '` and the like. Pure.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, FieldRef};

use super::view_columns;
use crate::resource::VIEWS;
use crate::secret;

/// Rows of a result that are looked at.
const MAX_ROWS: usize = 1000;

/// Values of one column that are remembered.
const MAX_VALUES: usize = 500;

/// Bytes of a value that is remembered.
const MAX_LENGTH: usize = 100;

/// Values by the column that has them.
#[derive(Debug, Default, Clone)]
pub(super) struct SeenValues(BTreeMap<String, BTreeSet<String>>);

impl SeenValues {
    /// Takes note of the texts in `batch`, those within objects included.
    pub(super) fn note(&mut self, batch: &RecordBatch) {
        let rows = batch.slice(0, batch.num_rows().min(MAX_ROWS));
        for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
            self.note_column(field.name(), field, column);
        }
    }

    fn note_column(&mut self, path: &str, field: &FieldRef, column: &dyn Array) {
        if field.name() == secret::NAME {
            return;
        }
        match column.data_type() {
            DataType::Struct(fields) => {
                let members = column.as_struct().columns();
                for (field, member) in fields.iter().zip(members) {
                    self.note_column(&format!("{path}.{}", field.name()), field, member);
                }
            }
            DataType::Utf8 => self.note_texts(path, column.as_string::<i32>().iter()),
            DataType::Utf8View => self.note_texts(path, column.as_string_view().iter()),
            _ => {}
        }
    }

    fn note_texts<'t>(&mut self, path: &str, texts: impl Iterator<Item = Option<&'t str>>) {
        let known = self.0.entry(canonical(path)).or_default();
        for value in texts.flatten() {
            let is_short = !value.is_empty() && value.len() <= MAX_LENGTH;
            if is_short && known.len() < MAX_VALUES && !value.contains(char::is_control) {
                known.insert(value.to_owned());
            }
        }
    }

    /// Returns the values of the column that `path` names, with or without an alias before it.
    pub(super) fn of(&self, path: &[String]) -> impl Iterator<Item = &String> {
        let whole = self.0.get(&canonical(&path.join(".")));
        let without_alias = || self.0.get(&canonical(&path.get(1..)?.join(".")));
        whole.or_else(without_alias).into_iter().flatten()
    }
}

/// Returns the name of a column by which it is known: a column of a view by that of the table.
fn canonical(path: &str) -> String {
    let path = path.to_lowercase();
    let mut sources = VIEWS.iter().map(|view| view_columns::source(view, &path));
    match sources.find_map(|source| source) {
        Some(source) => source.to_owned(),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, StringArray, StructArray};
    use datafusion::arrow::datatypes::{Field, Fields};

    use super::*;

    #[test]
    fn values_are_known_by_the_names_of_the_table_and_of_its_view() {
        let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
        let owner = StructArray::new(
            Fields::from(vec![Field::new("id", DataType::Utf8, true)]),
            vec![text("u-1")],
            None,
        );
        let spec = StructArray::new(
            Fields::from(vec![
                Field::new("owner", owner.data_type().clone(), true),
                Field::new("secret", DataType::Utf8, true),
            ]),
            vec![Arc::new(owner), text("canary")],
            None,
        );
        let mut values = SeenValues::default();
        let table: ArrayRef = Arc::new(spec);
        values.note(&RecordBatch::try_from_iter([("spec", table)]).unwrap());
        values.note(&RecordBatch::try_from_iter([("owner_id", text("sa-1"))]).unwrap());
        values.note(&RecordBatch::try_from_iter([("mine", text("x"))]).unwrap());
        let of = |path: &str| {
            let path: Vec<_> = path.split('.').map(str::to_owned).collect();
            values.of(&path).cloned().collect::<Vec<_>>().join(" ")
        };
        for path in [
            "owner_id",
            "v.owner_id",
            "spec.owner.id",
            "k.spec.owner.id",
            "OWNER_ID",
        ] {
            assert_eq!(of(path), "sa-1 u-1", "{path}");
        }
        assert_eq!(of("mine"), "x");
        assert_eq!(of("spec.secret"), "");
    }
}
