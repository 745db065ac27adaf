//! Arrow values as JSON, straight from the arrays into bytes.
//!
//! arrow-json's encoders do numbers, lists and maps; [`Rules`] takes the place of those that would lose something:
//! JSON text inside strings, controls that a terminal obeys, duplicate names, NULLs behind dictionaries, types that
//! JSON cannot hold. One encoder serves one column of one batch; no tree of values is ever built.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, GenericStringArray, OffsetSizeTrait, StringArrayType,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{NullableEncoder, make_encoder};
use datafusion::arrow::json::{Encoder, EncoderFactory, EncoderOptions};
use datafusion::arrow::util::display::ArrayFormatter;

use super::cell::FORMAT;
use super::raw_json::{Quotes, push_document, push_string};
use super::timestamp::Timestamps;
use crate::plain::printable;

/// Tells whether a string field holds JSON documents, by Arrow's canonical extension type.
pub(crate) fn holds_json(field: &Field) -> bool {
    field.extension_type_name() == Some("arrow.json")
}

/// Returns the options all encoding here goes by; nested NULLs are written as `null`, or left out.
pub(crate) fn options(explicit_nulls: bool) -> EncoderOptions {
    with_quotes(explicit_nulls, Quotes::Plain)
}

/// Returns the same, with every quote written twice, for types of which [`can_double`] says that it can be done.
pub(crate) fn doubled(explicit_nulls: bool) -> EncoderOptions {
    with_quotes(explicit_nulls, Quotes::Doubled)
}

fn with_quotes(explicit_nulls: bool, quotes: Quotes) -> EncoderOptions {
    EncoderOptions::default()
        .with_explicit_nulls(explicit_nulls)
        .with_encoder_factory(Arc::new(Rules { quotes }))
}

/// Tells whether all quotes of a type are written here. Those of arrow-json's own encoders cannot be doubled.
pub(crate) fn can_double(ty: &DataType) -> bool {
    match ty {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Timestamp(_, _) => {
            true
        }
        DataType::Boolean => true,
        DataType::Struct(fields) => fields.iter().all(|field| can_double(field.data_type())),
        DataType::List(item) | DataType::LargeList(item) => can_double(item.data_type()),
        other => other.is_integer(),
    }
}

/// Encodes a row, or a struct, as a JSON object.
///
/// Names that come twice would lose a value in most readers. The first keeps its name; each later one gets `_1`, `_2`
/// and so on, the first that no other member has.
pub(crate) struct ObjectEncoder<'a> {
    members: Vec<(Vec<u8>, NullableEncoder<'a>)>,
    explicit_nulls: bool,
}

impl<'a> ObjectEncoder<'a> {
    /// Makes the encoder of the objects that these columns form.
    ///
    /// # Errors
    ///
    /// None is known: every Arrow type has some text.
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

fn distinct_names(fields: &[FieldRef]) -> impl Iterator<Item = Cow<'_, str>> {
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

/// Where our encoding differs from arrow-json's.
#[derive(Debug)]
struct Rules {
    quotes: Quotes,
}

impl EncoderFactory for Rules {
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
            // arrow-json looks at the keys alone, and would show a NULL among the values as a value.
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_any_dictionary();
                let values = make_encoder(field, dictionary.values(), options)?;
                // Without values there is nothing to encode, and keys cannot be normalised.
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
            DataType::Union(_, _) => {
                Box::new(TextEncoder(ArrayFormatter::try_new(array, &FORMAT)?))
            }
            DataType::Map(_, _) if !is_plain_map(array) => {
                Box::new(TextEncoder(ArrayFormatter::try_new(array, &FORMAT)?))
            }
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.logical_nulls())))
    }
}

/// Tells whether a map can be a JSON object.
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
    // Looking at all values at once is faster by far, and finds nothing more often than not.
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
    /// True if no value holds anything to escape.
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

/// Writes the text of a value that JSON has no form for, as a string.
struct TextEncoder<'a>(ArrayFormatter<'a>);

impl Encoder for TextEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let mut text = Vec::new();
        // Writing to a Vec cannot fail.
        let _ = write!(text, "{}", self.0.value(row));
        push_string(&String::from_utf8_lossy(&text), Quotes::Plain, out);
    }
}
