//! Arrow values as JSON, straight from the arrays into bytes.
//!
//! arrow-json's encoders write numbers, lists and maps. [`Encoders`] replaces those that would lose something: JSON documents
//! inside strings, control characters, duplicate names, NULLs in the values of dictionaries, types that JSON cannot express.
//! One encoder serves one column of one batch; no tree of values is ever built.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Write;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, GenericStringArray, OffsetSizeTrait, StringArrayType,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{NullableEncoder, make_encoder};
use datafusion::arrow::json::{Encoder, EncoderFactory, EncoderOptions};
use datafusion::arrow::util::display::ArrayFormatter;

use super::options::ARROW_FORMAT;
use super::raw_json::{push_document, push_string};
use super::timestamp::Timestamps;
use crate::json_scan::printable;

/// Tells whether a string field holds JSON documents, by Arrow's canonical extension type.
pub(crate) fn holds_json(field: &Field) -> bool {
    field.extension_type_name() == Some("arrow.json")
}

/// What becomes of NULLs inside nested values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// They are written as `null`.
    Explicit,
    /// They are left out.
    Omitted,
}

/// Returns the options for encoding values.
pub(crate) fn options(nulls: Nulls) -> &'static EncoderOptions {
    static EXPLICIT: LazyLock<EncoderOptions> = LazyLock::new(|| with_nulls(true));
    static OMITTED: LazyLock<EncoderOptions> = LazyLock::new(|| with_nulls(false));
    match nulls {
        Nulls::Explicit => &EXPLICIT,
        Nulls::Omitted => &OMITTED,
    }
}

fn with_nulls(are_explicit: bool) -> EncoderOptions {
    EncoderOptions::default()
        .with_explicit_nulls(are_explicit)
        .with_encoder_factory(Arc::new(Encoders))
}

/// Encodes a row, or a struct, as a JSON object.
///
/// Most readers would drop a value if two members had the same name. The first keeps its name; each later one gets the first
/// suffix `_1`, `_2` and so on that makes it unique.
pub(crate) struct ObjectEncoder<'a> {
    members: Vec<(Vec<u8>, NullableEncoder<'a>)>,
    explicit_nulls: bool,
}

impl<'a> ObjectEncoder<'a> {
    /// Returns an encoder of objects with one member for each column.
    ///
    /// # Errors
    ///
    /// None is known: every Arrow type can be formatted.
    pub(crate) fn try_new(
        fields: &'a [FieldRef],
        columns: &'a [ArrayRef],
        options: &'a EncoderOptions,
    ) -> Result<Self, ArrowError> {
        let members = distinct_names(fields)
            .zip(fields.iter().zip(columns))
            .map(|(name, (field, column))| {
                let mut key = Vec::with_capacity(name.len() + 3);
                push_string(&name, &mut key);
                key.push(b':');
                Ok((key, make_encoder(field, column, options)?))
            })
            .collect::<Result<_, ArrowError>>()?;
        Ok(Self {
            members,
            explicit_nulls: options.explicit_nulls(),
        })
    }
}

impl Encoder for ObjectEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        for (key, value) in &mut self.members {
            let null = value.is_null(row);
            if null && !self.explicit_nulls {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.extend_from_slice(key);
            if null {
                out.extend_from_slice(b"null");
            } else {
                value.encode(row, out);
            }
        }
        out.push(b'}');
    }
}

/// Returns the names of `fields`, each different from all others.
pub(crate) fn distinct_names(fields: &[FieldRef]) -> impl Iterator<Item = Cow<'_, str>> {
    let mut taken: HashSet<Cow<'_, str>> = fields.iter().map(|f| f.name().into()).collect();
    let mut seen = HashSet::new();
    fields.iter().map(move |field| {
        let name = field.name().as_str();
        if seen.insert(name) {
            return Cow::Borrowed(name);
        }
        let mut number = 1;
        loop {
            let candidate: Cow<'_, str> = Cow::Owned(format!("{name}_{number}"));
            if taken.insert(candidate.clone()) {
                return candidate;
            }
            number += 1;
        }
    })
}

/// The encoders that differ from arrow-json's.
#[derive(Debug)]
struct Encoders;

impl EncoderFactory for Encoders {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Utf8 => strings(field, array.as_string::<i32>()),
            DataType::LargeUtf8 => strings(field, array.as_string::<i64>()),
            DataType::Utf8View if holds_json(field) => Box::new(DocumentEncoder {
                array: array.as_string_view(),
            }),
            DataType::Utf8View => Box::new(StringEncoder {
                array: array.as_string_view(),
                is_printable: false,
            }),
            DataType::Struct(fields) => Box::new(ObjectEncoder::try_new(
                fields,
                array.as_struct().columns(),
                options,
            )?),
            // arrow-json only looks at the keys, and would write a NULL in the values as a value.
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_any_dictionary();
                let values = make_encoder(field, dictionary.values(), options)?;
                // `normalized_keys` panics without values; then there is nothing to encode.
                let keys = if dictionary.values().is_empty() {
                    Vec::new()
                } else {
                    dictionary.normalized_keys()
                };
                Box::new(DictionaryEncoder { keys, values })
            }
            DataType::Timestamp(_, _) => match Timestamps::try_new(array) {
                Some(timestamps) => Box::new(TimestampEncoder(timestamps)),
                None => return Ok(None),
            },
            DataType::Union(_, _) => {
                Box::new(TextEncoder(ArrayFormatter::try_new(array, &ARROW_FORMAT)?))
            }
            DataType::Map(_, _) if !is_plain_map(array) => {
                Box::new(TextEncoder(ArrayFormatter::try_new(array, &ARROW_FORMAT)?))
            }
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.logical_nulls())))
    }
}

/// Tells whether a map can be written as a JSON object.
fn is_plain_map(array: &dyn Array) -> bool {
    let map = array.as_map();
    matches!(
        map.keys().data_type(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    ) && map.keys().null_count() == 0
        && map.entries().null_count() == 0
}

fn strings<'a, O: OffsetSizeTrait>(
    field: &Field,
    array: &'a GenericStringArray<O>,
) -> Box<dyn Encoder + 'a> {
    if holds_json(field) {
        return Box::new(DocumentEncoder { array });
    }
    // Checking all values at once is much faster, and usually finds nothing to escape.
    let offsets = array.value_offsets();
    let (first, last) = (offsets[0].as_usize(), offsets[array.len()].as_usize());
    let text = &array.value_data()[first..last];
    Box::new(StringEncoder {
        array,
        is_printable: printable(text) == text.len(),
    })
}

struct StringEncoder<S> {
    array: S,
    /// True if no value contains anything to escape.
    is_printable: bool,
}

impl<'a, S: StringArrayType<'a>> Encoder for StringEncoder<S> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let text = self.array.value(row);
        if self.is_printable {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        } else {
            push_string(text, out);
        }
    }
}

struct DocumentEncoder<S> {
    array: S,
}

impl<'a, S: StringArrayType<'a>> Encoder for DocumentEncoder<S> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        push_document(self.array.value(row), out);
    }
}

struct DictionaryEncoder<'a> {
    keys: Vec<usize>,
    values: NullableEncoder<'a>,
}

impl Encoder for DictionaryEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        self.values.encode(self.keys[row], out);
    }
}

struct TimestampEncoder<'a>(Timestamps<'a>);

impl Encoder for TimestampEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        self.0.write(row, out);
        out.push(b'"');
    }
}

/// Writes values of types that JSON cannot express, as strings.
struct TextEncoder<'a>(ArrayFormatter<'a>);

impl Encoder for TextEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let mut text = Vec::new();
        // Writing to a Vec cannot fail.
        let _ = write!(text, "{}", self.0.value(row));
        push_string(&String::from_utf8_lossy(&text), out);
    }
}
