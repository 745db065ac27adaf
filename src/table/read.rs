//! Turns pages into rows, straight from the bytes of an answer where possible.
//!
//! Combines the envelope of a page, which [`crate::api`] knows, and the [`Decoder`] of keys. A page that has not been
//! validated is read in one pass, and everything is taken back if it turns out not to be a page.

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::error::{DataFusionError, Result};

use super::decode::{Decoder, Oddities};
use crate::api::{KeyBody, Page, PageReader, PageSummary, PageToken};

/// A batch of keys.
#[derive(Debug)]
pub struct KeyBatch {
    /// What tells the rows apart: their ids, NULL where an object has none, or all that they are.
    pub ids: ArrayRef,
    /// One row for each key, repeated keys included.
    pub rows: RecordBatch,
    /// What could not be read as declared.
    pub oddities: Oddities,
}

/// Reads pages into rows.
#[derive(Debug)]
pub struct RowReader {
    decoder: Decoder,
    /// Why a key could not be read; nothing is read after it.
    failed: Option<serde_json::Error>,
}

impl RowReader {
    /// Returns a reader that decodes keys with `decoder`, which is still empty.
    pub fn new(decoder: Decoder) -> Self {
        Self {
            decoder,
            failed: None,
        }
    }

    /// Reads `keys`.
    pub(super) fn add_keys(&mut self, keys: impl IntoIterator<Item = KeyBody>) {
        if self.failed.is_none() {
            let mut keys = keys.into_iter();
            self.failed = keys.find_map(|key| self.decoder.push(key.raw()).err());
        }
    }
}

impl PageReader for RowReader {
    /// An error if one of the keys is not a JSON object, or if a column holds more text than Arrow's 32-bit offsets can
    /// address.
    type Output = Result<KeyBatch>;

    fn add(&mut self, page: &Page) {
        self.add_keys(page.keys());
    }

    fn read(&mut self, body: &[u8], next: Option<&PageToken>) -> Option<usize> {
        let (rows, oddities) = (self.decoder.rows(), self.decoder.oddities().clone());
        match PageSummary::read(body, |text| self.decoder.push_first(text).ok()) {
            Some(page) if page.next.as_ref() == next => Some(page.len),
            _ => {
                self.decoder.truncate(rows);
                // They will be counted when the page is read again.
                self.decoder.set_oddities(oddities);
                None
            }
        }
    }

    fn finish(&mut self) -> Result<KeyBatch> {
        let finished = self.decoder.finish_with_ids();
        let oddities = self.decoder.take_oddities();
        if let Some(error) = self.failed.take() {
            return Err(DataFusionError::External(Box::new(error)));
        }
        let (ids, rows) = finished?;
        Ok(KeyBatch {
            ids,
            rows,
            oddities,
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use datafusion::arrow::array::AsArray;

    use super::*;
    use crate::resource::API_KEYS;

    fn reader() -> RowReader {
        RowReader::new(Decoder::of_all(&API_KEYS))
    }

    fn ids(keys: &KeyBatch) -> Vec<Option<&str>> {
        keys.ids.as_string::<i32>().iter().collect()
    }

    #[test]
    fn a_page_is_read_alike_in_one_pass_and_in_two() {
        let body = r#"{"metadata":{"next":"?page_token=t"},"data":[{"id":"a","spec":{"owner":{"id":"u-1"}}},{"id":"b","metadata":{"created_at":"soon"}},{ "id": 7 }]}"#;
        let page = Page::parse(Bytes::from_static(body.as_bytes())).unwrap();
        let (mut one, mut two) = (reader(), reader());
        assert_eq!(one.read(body.as_bytes(), page.next()), Some(3));
        two.add(&page);
        let (one, two) = (one.finish().unwrap(), two.finish().unwrap());
        assert_eq!(ids(&one), [Some("a"), Some("b"), Some("7")]);
        assert_eq!((&one.ids, &one.rows), (&two.ids, &two.rows));
        assert_eq!(one.oddities, two.oddities);
        assert_eq!(one.oddities.timestamps, 1);
    }

    #[test]
    fn of_what_is_not_the_page_nothing_is_left() {
        let mut reader = reader();
        let first = br#"{"data":[{"id":"a","metadata":{"created_at":"soon"}}]}"#;
        assert_eq!(reader.read(first, None), Some(1));
        for body in [
            r#"{"data":[{"id":"b","metadata":{"created_at":"soon"}},{"id":"c""#,
            r#"{"data":[{"id":"b"},3]}"#,
            r#"{"data":[{"id":"b"}],"metadata":{"next":"?"}}"#,
            r#"{"data":[{"id":"b"}],"metadata":{"next":"?page_token=t"}}"#,
        ] {
            assert_eq!(reader.read(body.as_bytes(), None), None, "{body}");
        }
        let last = br#"{"data":[{"id":"d"}]}"#;
        assert_eq!(reader.read(last, None), Some(1));
        let read = reader.finish().unwrap();
        assert_eq!(ids(&read), [Some("a"), Some("d")]);
        assert_eq!(read.rows.num_rows(), 2);
        assert_eq!(read.oddities.timestamps, 1);
    }
}
