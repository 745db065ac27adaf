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
use super::raw_json::{Quotes, push_document, push_string};
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
    static EXPLICIT: LazyLock<EncoderOptions> =
        LazyLock::new(|| with_quotes(Nulls::Explicit, Quotes::Plain));
    static OMITTED: LazyLock<EncoderOptions> =
        LazyLock::new(|| with_quotes(Nulls::Omitted, Quotes::Plain));
    match nulls {
        Nulls::Explicit => &EXPLICIT,
        Nulls::Omitted => &OMITTED,
    }
}

/// Returns the options for encoding values with explicit nulls and every quote written twice. Only for types that
/// [`can_double`] accepts.
pub(crate) fn doubled() -> &'static EncoderOptions {
    static DOUBLED: LazyLock<EncoderOptions> =
        LazyLock::new(|| with_quotes(Nulls::Explicit, Quotes::Doubled));
    &DOUBLED
}

fn with_quotes(nulls: Nulls, quotes: Quotes) -> EncoderOptions {
    EncoderOptions::default()
        .with_explicit_nulls(nulls == Nulls::Explicit)
        .with_encoder_factory(Arc::new(Encoders { quotes }))
}

/// Tells whether all quotes of a type are written by this file. arrow-json's own encoders cannot double theirs.
pub(crate) fn can_double(ty: &DataType) -> bool {
    match ty {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Timestamp(_, _) => {
            true
        }
        DataType::Boolean | DataType::Date32 => true,
        DataType::Struct(fields) => fields.iter().all(|field| can_double(field.data_type())),
        DataType::List(item) | DataType::LargeList(item) => can_double(item.data_type()),
        other => other.is_integer(),
    }
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
    /// No failure is known: every Arrow type can be formatted.
    pub(crate) fn try_new(
        fields: &'a [FieldRef],
        columns: &'a [ArrayRef],
        options: &'a EncoderOptions,
    ) -> Result<Self, ArrowError> {
        Self::quoted(fields, columns, options, Quotes::Plain)
    }

    fn quoted(
        fields: &'a [FieldRef],
        columns: &'a [ArrayRef],
        options: &'a EncoderOptions,
        quotes: Quotes,
    ) -> Result<Self, ArrowError> {
        let members = distinct_names(fields)
            .zip(fields.iter().zip(columns))
            .map(|(name, (field, column))| {
                let mut key = Vec::with_capacity(name.len() + 3);
                push_string(&name, quotes, &mut key);
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
struct Encoders {
    quotes: Quotes,
}

impl EncoderFactory for Encoders {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let quotes = self.quotes;
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Utf8 => strings(field, array.as_string::<i32>(), quotes),
            DataType::LargeUtf8 => strings(field, array.as_string::<i64>(), quotes),
            DataType::Utf8View if holds_json(field) => Box::new(DocumentEncoder {
                array: array.as_string_view(),
                quotes,
            }),
            DataType::Utf8View => Box::new(StringEncoder {
                array: array.as_string_view(),
                is_printable: false,
                quotes,
            }),
            DataType::Struct(fields) => Box::new(ObjectEncoder::quoted(
                fields,
                array.as_struct().columns(),
                options,
                quotes,
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
                Some(timestamps) => Box::new(TimestampEncoder { timestamps, quotes }),
                None => return Ok(None),
            },
            DataType::Date32 | DataType::Union(_, _) => text(array, quotes)?,
            DataType::Map(_, _) if !is_plain_map(array) => text(array, quotes)?,
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
    quotes: Quotes,
) -> Box<dyn Encoder + 'a> {
    if holds_json(field) {
        return Box::new(DocumentEncoder { array, quotes });
    }
    // Checking all values at once is much faster, and usually finds nothing to escape.
    let offsets = array.value_offsets();
    let (first, last) = (offsets[0].as_usize(), offsets[array.len()].as_usize());
    let text = &array.value_data()[first..last];
    Box::new(StringEncoder {
        array,
        is_printable: printable(text) == text.len(),
        quotes,
    })
}

struct StringEncoder<S> {
    array: S,
    /// True if no value contains anything to escape.
    is_printable: bool,
    quotes: Quotes,
}

impl<'a, S: StringArrayType<'a>> Encoder for StringEncoder<S> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let text = self.array.value(row);
        if self.is_printable {
            self.quotes.push(out);
            out.extend_from_slice(text.as_bytes());
            self.quotes.push(out);
        } else {
            push_string(text, self.quotes, out);
        }
    }
}

struct DocumentEncoder<S> {
    array: S,
    quotes: Quotes,
}

impl<'a, S: StringArrayType<'a>> Encoder for DocumentEncoder<S> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        push_document(self.array.value(row), self.quotes, out);
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

struct TimestampEncoder<'a> {
    timestamps: Timestamps<'a>,
    quotes: Quotes,
}

impl Encoder for TimestampEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        self.quotes.push(out);
        self.timestamps.write(row, out);
        self.quotes.push(out);
    }
}

/// Writes values of types that JSON cannot express, as strings.
struct TextEncoder<'a> {
    formatter: ArrayFormatter<'a>,
    quotes: Quotes,
    /// The text of the last value.
    text: Vec<u8>,
}

fn text(array: &dyn Array, quotes: Quotes) -> Result<Box<dyn Encoder + '_>, ArrowError> {
    Ok(Box::new(TextEncoder {
        formatter: ArrayFormatter::try_new(array, &ARROW_FORMAT)?,
        quotes,
        text: Vec::new(),
    }))
}

impl Encoder for TextEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        self.text.clear();
        // Writing to a Vec cannot fail.
        let _ = write!(self.text, "{}", self.formatter.value(row));
        push_string(&String::from_utf8_lossy(&self.text), self.quotes, out);
    }
}
