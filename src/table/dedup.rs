//! Deduplication: drops rows whose id has already been seen.
//!
//! A listing that changes while it is read may return a key twice, and so may listings that overlap. Turns ids and
//! their rows into the rows that are new. Depends on Arrow alone.

use std::collections::HashSet;

use datafusion::arrow::array::{BooleanArray, RecordBatch, StringArray};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::error::ArrowError;

/// The ids that have been seen.
///
/// An id of up to 16 bytes, as all known ones are, is packed into a number: exact, and small enough for millions. Ids
/// mostly come in order, and then it is enough to compare them with the last one.
#[derive(Default)]
pub(super) struct Seen {
    /// Each is greater than all before it.
    ascending: Vec<u128>,
    /// Each is less than the last of `ascending`.
    others: HashSet<u128>,
    long: HashSet<Box<str>>,
}

impl Seen {
    /// Returns the rows whose ids are new. A row without an id is always new.
    ///
    /// No failure is known: there is an id, or NULL, for every row.
    pub(super) fn fresh(
        &mut self,
        ids: &StringArray,
        rows: RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        let is_fresh: Vec<bool> = ids
            .iter()
            .map(|id| id.is_none_or(|id| self.insert(id)))
            .collect();
        if is_fresh.iter().all(|fresh| *fresh) {
            return Ok(rows);
        }
        filter_record_batch(&rows, &BooleanArray::from(is_fresh))
    }

    fn insert(&mut self, id: &str) -> bool {
        let mut packed = [0; 16];
        match packed.get_mut(..id.len()) {
            // With a NUL in it, it would look like a shorter id.
            Some(room) if !id.contains('\0') => {
                room.copy_from_slice(id.as_bytes());
                self.insert_short(u128::from_be_bytes(packed))
            }
            _ => self.long.insert(id.into()),
        }
    }

    fn insert_short(&mut self, id: u128) -> bool {
        match self.ascending.last() {
            Some(last) if id <= *last => {
                self.ascending.binary_search(&id).is_err() && self.others.insert(id)
            }
            _ => {
                self.ascending.push(id);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Array, RecordBatchOptions, UInt32Array};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use proptest::prelude::*;

    use super::*;

    /// Returns the positions of the rows of `ids` that are fresh.
    fn fresh(seen: &mut Seen, ids: &[Option<&str>]) -> Vec<u32> {
        let ids: StringArray = ids.iter().copied().collect();
        let schema = Schema::new(vec![Field::new("row", DataType::UInt32, false)]);
        let rows = Arc::new(UInt32Array::from_iter_values(0..ids.len() as u32));
        let rows = RecordBatch::try_new(Arc::new(schema), vec![rows]).unwrap();
        let fresh = seen.fresh(&ids, rows).unwrap();
        let rows = fresh.column(0).as_any().downcast_ref::<UInt32Array>();
        rows.unwrap().values().to_vec()
    }

    #[test]
    fn a_repeated_key_is_reported_once_even_across_batches() {
        let mut seen = Seen::default();
        let long = "x".repeat(40);
        let longer = "x".repeat(41);
        let first = [Some("a"), Some("a"), Some(&*long), None, Some("")];
        assert_eq!(fresh(&mut seen, &first), [0, 2, 3, 4]);
        let second = [Some("a"), Some(&*long), Some("a\0"), None, None];
        assert_eq!(fresh(&mut seen, &second), [2, 3, 4]);
        assert_eq!(fresh(&mut seen, &[Some(""), Some(&*longer)]), [1]);
        assert!(fresh(&mut seen, &[]).is_empty());
    }

    #[test]
    fn rows_without_columns_are_counted() {
        let ids = StringArray::from(vec!["a", "b", "a"]);
        let options = RecordBatchOptions::new().with_row_count(Some(3));
        let empty = Arc::new(Schema::empty());
        let rows = RecordBatch::try_new_with_options(empty, Vec::new(), &options).unwrap();
        assert_eq!(Seen::default().fresh(&ids, rows).unwrap().num_rows(), 2);
    }

    proptest! {
        #[test]
        fn the_order_of_ids_does_not_matter(ids in prop::collection::vec("[ab]{0,3}|[xy]{17}", 0..60)) {
            let (mut seen, mut met) = (Seen::default(), HashSet::new());
            for id in ids {
                prop_assert_eq!(seen.insert(&id), met.insert(id));
            }
        }
    }
}
