//! One cell as text, for every format but json.
//!
//! Strings stay as they are, nested values and JSON documents become JSON on one line, timestamps become RFC 3339, and
//! every other type whatever Arrow's own formatter returns. Nothing is escaped or quoted here; that is left to the
//! format.

use std::borrow::Cow;
use std::io::Write;

use datafusion::arrow::array::{
    Array, AsArray, LargeStringArray, RecordBatch, StringArray, StringViewArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::arrow::json::writer::{NullableEncoder, make_encoder};
use datafusion::arrow::util::display::ArrayFormatter;

use super::encode::{self, Nulls, holds_json};
use super::error::Error;
use super::options::ARROW_FORMAT;
use super::timestamp::Timestamps;

/// The kind of values in a column, as far as it matters for display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellKind {
    /// Strings, and other types whose text may contain arbitrary strings.
    Text,
    /// Numbers, which are aligned to the right.
    Number,
    /// Short values that Arrow formats: dates, times, booleans, NULL.
    Scalar,
    /// Nested values and documents, as JSON text.
    Json,
}

impl CellKind {
    /// Returns the kind of values in `field`.
    pub(crate) fn of(field: &Field) -> Self {
        Self::of_type(field.data_type(), holds_json(field))
    }

    fn of_type(data_type: &DataType, holds_json: bool) -> Self {
        match data_type {
            DataType::Dictionary(_, values) => Self::of_type(values, holds_json),
            DataType::RunEndEncoded(_, values) => Self::of_type(values.data_type(), holds_json),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View if holds_json => Self::Json,
            DataType::Boolean | DataType::Null => Self::Scalar,
            other if other.is_numeric() => Self::Number,
            other if other.is_temporal() => Self::Scalar,
            other if other.is_nested() && !matches!(other, DataType::Union(_, _)) => Self::Json,
            _ => Self::Text,
        }
    }
}

/// The cells of one column of one batch.
pub(crate) struct Cells<'a> {
    nulls: Option<NullBuffer>,
    values: Values<'a>,
    /// Holds the text of the last cell that had to be formatted.
    text: Vec<u8>,
}

enum Values<'a> {
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8View(&'a StringViewArray),
    Timestamps(Timestamps<'a>),
    Json(NullableEncoder<'a>),
    Formatted(ArrayFormatter<'a>),
}

impl<'a> Cells<'a> {
    /// Prepares all columns of a batch; `nulls` is for the NULLs in nested values.
    pub(crate) fn of_batch(
        fields: &'a Fields,
        batch: &'a RecordBatch,
        nulls: Nulls,
    ) -> Result<Vec<Self>, Error> {
        let columns = fields.iter().zip(batch.columns());
        columns
            .map(|(field, column)| Self::try_new(field, column, nulls))
            .collect()
    }

    /// Prepares one column.
    pub(crate) fn try_new(
        field: &'a FieldRef,
        array: &'a dyn Array,
        nulls: Nulls,
    ) -> Result<Self, Error> {
        let values = match (CellKind::of(field), array.data_type()) {
            (CellKind::Json, _) => {
                Values::Json(make_encoder(field, array, encode::options(nulls))?)
            }
            (_, DataType::Utf8) => Values::Utf8(array.as_string()),
            (_, DataType::LargeUtf8) => Values::LargeUtf8(array.as_string()),
            (_, DataType::Utf8View) => Values::Utf8View(array.as_string_view()),
            _ => match Timestamps::try_new(array) {
                Some(timestamps) => Values::Timestamps(timestamps),
                None => Values::Formatted(ArrayFormatter::try_new(array, &ARROW_FORMAT)?),
            },
        };
        Ok(Self {
            nulls: array.logical_nulls(),
            values,
            text: Vec::new(),
        })
    }

    /// Returns the text of one cell, or None for NULL.
    pub(crate) fn bytes(&mut self, row: usize) -> Option<&[u8]> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        self.text.clear();
        match &mut self.values {
            Values::Utf8(array) => return Some(array.value(row).as_bytes()),
            Values::LargeUtf8(array) => return Some(array.value(row).as_bytes()),
            Values::Utf8View(array) => return Some(array.value(row).as_bytes()),
            Values::Timestamps(timestamps) => timestamps.write(row, &mut self.text),
            Values::Json(encoder) => encoder.encode(row, &mut self.text),
            Values::Formatted(formatter) => {
                // Writing to a Vec cannot fail.
                let _ = write!(self.text, "{}", formatter.value(row));
            }
        }
        Some(&self.text)
    }

    /// Returns the same as [`bytes`](Self::bytes), as a string.
    pub(crate) fn text(&mut self, row: usize) -> Option<Cow<'_, str>> {
        let bytes = self.bytes(row)?;
        // It is always UTF-8, and `from_utf8` checks that much faster than `from_utf8_lossy` does.
        Some(match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        })
    }
}

/// Returns one cell as the formats for people show it, before escaping, or None for NULL.
///
/// Strings stay as they are; nested values are JSON on one line, without their nulls. Panics if `row` is out of bounds.
///
/// # Errors
///
/// [`Error::Arrow`] if Arrow has no text for the type; no such type is known.
pub fn cell_text(field: &FieldRef, array: &dyn Array, row: usize) -> Result<Option<String>, Error> {
    let mut cells = Cells::try_new(field, array, Nulls::Omitted)?;
    Ok(cells.text(row).map(Cow::into_owned))
}

/// Returns one cell as JSON on one line, as json and jsonl write it: nulls explicit, strings quoted, NULL as `null`.
///
/// Panics if `row` is out of bounds.
///
/// # Errors
///
/// As [`cell_text`].
pub fn cell_json(field: &FieldRef, array: &dyn Array, row: usize) -> Result<String, Error> {
    let mut encoder = make_encoder(field, array, encode::options(Nulls::Explicit))?;
    if encoder.is_null(row) {
        return Ok("null".to_owned());
    }
    let mut out = Vec::new();
    encoder.encode(row, &mut out);
    Ok(String::from_utf8_lossy(&out).into_owned())
}
