//! One cell as text: what every format but json puts between its separators.
//!
//! Strings are themselves, nested values and JSON documents are JSON text on one line, timestamps RFC 3339, and every
//! other type what Arrow's own formatter makes of it. Nothing is escaped or quoted here; that is the format's part.

use std::borrow::Cow;
use std::io::Write;

use datafusion::arrow::array::{Array, AsArray, LargeStringArray, StringArray, StringViewArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::json::EncoderOptions;
use datafusion::arrow::json::writer::{NullableEncoder, make_encoder};
use datafusion::arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};

use super::Error;
use super::encode::{self, holds_json};
use super::timestamp::Timestamps;

/// How Arrow's formatter is used everywhere here: a value that it cannot show is shown as its error, in its place.
///
/// The time between two timestamps is told in days and hours, as intervals are.
pub(crate) const FORMAT: FormatOptions<'static> = FormatOptions::new()
    .with_display_error(true)
    .with_duration_format(DurationFormat::Pretty);

/// What a column holds, as far as its looks go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anyone's text, or a type whose text may hold anyone's.
    Text,
    /// Numbers, which are aligned to the right.
    Number,
    /// Short values that Arrow spells: dates, times, booleans, NULL.
    Scalar,
    /// Nested values and documents, as JSON text.
    Json,
}

impl Kind {
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
    /// Prepares a column; `options` say how nested values are written.
    pub(crate) fn try_new(
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Self, Error> {
        let values = match (Kind::of(field), array.data_type()) {
            (Kind::Json, _) => Values::Json(make_encoder(field, array, options)?),
            (_, DataType::Utf8) => Values::Utf8(array.as_string()),
            (_, DataType::LargeUtf8) => Values::LargeUtf8(array.as_string()),
            (_, DataType::Utf8View) => Values::Utf8View(array.as_string_view()),
            _ => match Timestamps::try_new(array) {
                Some(timestamps) => Values::Timestamps(timestamps),
                None => Values::Formatted(ArrayFormatter::try_new(array, &FORMAT)?),
            },
        };
        Ok(Self {
            nulls: array.logical_nulls(),
            values,
        })
    }

    /// Returns the text of one cell, or None for NULL; `scratch` is overwritten if the text has to be made.
    pub(crate) fn bytes<'s>(
        &'s mut self,
        row: usize,
        scratch: &'s mut Vec<u8>,
    ) -> Option<&'s [u8]> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        scratch.clear();
        match &mut self.values {
            Values::Utf8(array) => return Some(array.value(row).as_bytes()),
            Values::LargeUtf8(array) => return Some(array.value(row).as_bytes()),
            Values::Utf8View(array) => return Some(array.value(row).as_bytes()),
            Values::Timestamps(timestamps) => timestamps.write(row, scratch),
            Values::Json(encoder) => encoder.encode(row, scratch),
            Values::Formatted(formatter) => {
                // Writing to a Vec cannot fail.
                let _ = write!(scratch, "{}", formatter.value(row));
            }
        }
        Some(scratch)
    }

    /// Returns the same as [`bytes`](Self::bytes), as a string.
    pub(crate) fn text<'s>(
        &'s mut self,
        row: usize,
        scratch: &'s mut Vec<u8>,
    ) -> Option<Cow<'s, str>> {
        // All of it was written as UTF-8, and is checked at the speed of memory.
        let bytes = self.bytes(row, scratch)?;
        Some(match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        })
    }
}

/// Returns one cell as people's formats show it before escaping, or None for NULL.
///
/// Strings are themselves; nested values are JSON on one line, without their nulls. Panics if `row` is out of bounds.
///
/// # Errors
///
/// [`Error::Arrow`] if Arrow has no text for the type; none of its types is known to lack one.
pub fn cell_text(field: &FieldRef, array: &dyn Array, row: usize) -> Result<Option<String>, Error> {
    let options = encode::options(false);
    let mut scratch = Vec::new();
    Ok(Cells::try_new(field, array, &options)?
        .text(row, &mut scratch)
        .map(Cow::into_owned))
}

/// Returns one cell as JSON text on one line, as json and jsonl write it: nulls explicit, strings quoted, NULL `null`.
///
/// Panics if `row` is out of bounds.
///
/// # Errors
///
/// As [`cell_text`].
pub fn cell_json(field: &FieldRef, array: &dyn Array, row: usize) -> Result<String, Error> {
    let options = encode::options(true);
    let mut encoder = make_encoder(field, array, &options)?;
    if encoder.is_null(row) {
        return Ok("null".to_owned());
    }
    let mut out = Vec::new();
    encoder.encode(row, &mut out);
    Ok(String::from_utf8_lossy(&out).into_owned())
}
