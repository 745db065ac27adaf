//! Which controls of `vw_api_key_findings` were skipped, and whether the rows of the statement show it.
//!
//! A control that could not be checked has a row that says so, but a query may leave it out: `status = 'alarm'` is
//! false of it, and `count(*)` counts it like a finding. A row cannot be followed through the engine, so the rows that
//! arrive are inspected. It depends only on Arrow and the names of the controls.

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_string_array;

use super::scope::Warning;
use crate::resource::findings::CONTROLS;

/// What a finding is that could not be looked for.
pub(super) const SKIP: &str = "skip";

/// The controls that were skipped.
#[derive(Debug, Default)]
pub(super) struct SkippedControls(Vec<Skip>);

#[derive(Debug)]
struct Skip {
    control: &'static str,
    reason: String,
    is_told: bool,
}

impl SkippedControls {
    /// Adds a control, once.
    pub(super) fn add(&mut self, control: &'static str, reason: &str) {
        if self.0.iter().all(|skip| skip.control != control) {
            self.0.push(Skip {
                control,
                reason: reason.to_owned(),
                is_told: false,
            });
        }
    }

    /// Returns a warning for each skipped control that no row has reported.
    pub(super) fn unreported(&self) -> impl Iterator<Item = Warning> {
        let unreported = self.0.iter().filter(|skip| !skip.is_told);
        unreported.map(|skip| Warning::Skipped {
            control: skip.control,
            reason: skip.reason.clone(),
        })
    }

    /// Looks at rows for those that tell.
    pub(super) fn note_rows(&mut self, rows: &RecordBatch) {
        if self.0.iter().all(|skip| skip.is_told) {
            return;
        }
        let texts = rows.columns().iter().filter_map(|column| {
            let is_text = match column.data_type() {
                DataType::Dictionary(_, value) => value.is_string(),
                other => other.is_string(),
            };
            is_text.then(|| cast(column, &DataType::Utf8).ok())?
        });
        let texts: Vec<_> = texts.collect();
        for row in 0..rows.num_rows() {
            let cells = texts.iter().filter_map(|column| {
                let column = as_string_array(column).ok()?;
                column.is_valid(row).then(|| column.value(row))
            });
            let cells: Vec<&str> = cells.collect();
            let names_one = cells.iter().any(|cell| names(cell, None));
            for skip in &mut self.0 {
                skip.is_told |= cells.iter().any(|cell| skip.is_told_by(cell))
                    && (!names_one || cells.iter().any(|cell| names(cell, Some(skip.control))));
            }
        }
    }
}

impl Skip {
    fn is_told_by(&self, cell: &str) -> bool {
        cell == SKIP || cell.contains("\"skip\"") || cell.contains(&self.reason)
    }
}

/// Returns true if `cell` has the name of the control `wanted`, or of any.
fn names(cell: &str, wanted: Option<&str>) -> bool {
    let mut controls = CONTROLS.iter().map(|control| control.name);
    match wanted {
        Some(control) => cell.contains(control),
        None => controls.any(|control| cell.contains(control)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray, StringViewArray};
    use std::sync::Arc;

    const REASON: &str = "users may not be read: that needs the role AccountAdmin";

    fn unreported(rows: &[&[&str]]) -> usize {
        let mut skips = SkippedControls::default();
        skips.add("owner_unknown", REASON);
        skips.add("owner_unknown", REASON);
        for row in rows {
            let mut columns: Vec<(String, ArrayRef)> = Vec::new();
            for (position, cell) in row.iter().enumerate() {
                let column: ArrayRef = match position % 2 {
                    0 => Arc::new(StringArray::from(vec![*cell])),
                    _ => Arc::new(StringViewArray::from(vec![*cell])),
                };
                columns.push((position.to_string(), column));
            }
            let count: ArrayRef = Arc::new(Int64Array::from(vec![1]));
            columns.push(("count".to_owned(), count));
            skips.note_rows(&RecordBatch::try_from_iter(columns).unwrap());
        }
        skips.unreported().count()
    }

    #[test]
    fn a_control_is_told_by_a_row_of_its_own_or_of_none() {
        for told in [
            &["owner_unknown", "skip"][..],
            &["owner_unknown", REASON],
            &["skip"],
            &[REASON],
            &[r#"findings{control="owner_unknown",status="skip"} 1"#],
            &["owner_unknown: users may not be read: that needs the role AccountAdmin"],
        ] {
            assert_eq!(unreported(&[told]), 0, "{told:?}");
        }
        for unreported in [
            &[][..],
            &["owner_unknown"],
            &["owner_is_admin", "skip"],
            &["owner_is_admin", REASON],
            &["a job to skip"],
        ] {
            assert_eq!(self::unreported(&[unreported]), 1, "{unreported:?}");
        }
    }
}
