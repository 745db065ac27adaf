//! SQL values as SQLite defines them, and their conversion from and to Arrow.
//!
//! SQLite's functions are defined over values, each with a type of its own; Arrow's over columns of one type. A
//! [`Column`] turns an Arrow column of any type into [`Value`]s, row by row, and [`to_array`] turns results back.
//! Timestamps become RFC 3339 text, structs and lists JSON text. An object of the service's is the JSON that was sent; any
//! other struct has every field always, and so does its JSON, with explicit nulls. Numbers become text as in SQLite, with
//! 15 significant digits.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray,
    StringBuilder, make_array, new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{
    Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder,
};
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;

use super::error::{Error, MOST};
use crate::dialect::source_json;

const EXTENSION_NAME: &str = "ARROW:extension:name";
const JSON_EXTENSION: &str = "arrow.json";
/// Marks text in which only arrays and objects are JSON, as in the results of `json_extract` over JSON text.
const JSON_CONTAINERS: &str = "iamql:json-containers";

/// One SQL value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    /// SQLite's 1 and 0, kept apart so that JSON gets true and false.
    Bool(bool),
    Int(i64),
    Real(f64),
    Text(Cow<'a, str>),
    /// Text that is known to be JSON, and which JSON functions embed rather than quote.
    Json(Cow<'a, str>),
    Blob(Cow<'a, [u8]>),
}

impl Value<'_> {
    /// Returns true for NULL.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the text, or None for NULL.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(flag) => Cow::Borrowed(if *flag { "1" } else { "0" }),
            Self::Int(number) => Cow::Owned(number.to_string()),
            Self::Real(number) => Cow::Owned(real_text(*number)),
            Self::Text(text) | Self::Json(text) => Cow::Borrowed(text.as_ref()),
            Self::Blob(bytes) => String::from_utf8_lossy(bytes),
        })
    }

    /// Returns the text, an empty one for NULL.
    pub(crate) fn to_text(&self) -> Cow<'_, str> {
        self.text().unwrap_or_default()
    }

    /// Returns the integer of [`int`](Self::int), 0 for NULL.
    pub(crate) fn to_int(&self) -> i64 {
        self.int().unwrap_or(0)
    }

    /// Returns the number; text counts for the number it begins with, else 0. None for NULL.
    pub(crate) fn real(&self) -> Option<f64> {
        match self {
            Self::Null => None,
            Self::Bool(flag) => Some(f64::from(u8::from(*flag))),
            Self::Int(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            text => Some(number_prefix(&text.text()?).parse().unwrap_or(0.0)),
        }
    }

    /// Returns the number cut to an integer, at most the largest there is. None for NULL.
    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Self::Bool(flag) => Some(i64::from(*flag)),
            Self::Int(number) => Some(*number),
            Self::Text(text) | Self::Json(text) => match number_prefix(text).parse() {
                Ok(number) => Some(number),
                Err(_) => self.real().map(|number| number as i64),
            },
            // `as` saturates, and so does SQLite.
            other => other.real().map(|number| number as i64),
        }
    }
}

/// An Arrow column, read as SQL values.
#[derive(Debug)]
pub(crate) struct Column {
    cells: Cells,
    constant: bool,
}

#[derive(Debug)]
enum Cells {
    Null,
    Bool(BooleanArray),
    Int(Int64Array),
    Real(Float64Array),
    Text(StringArray),
    /// Text in which arrays and objects are JSON.
    Containers(StringArray),
    Json(StringArray),
    Blob(BinaryArray),
}

impl Column {
    /// Reads `value`, whose field says whether text is JSON.
    ///
    /// Fails for types that Arrow can make neither a number nor text of.
    pub(crate) fn try_new(value: &ColumnarValue, field: &Field) -> Result<Self> {
        let (array, constant) = match value {
            ColumnarValue::Array(array) => (Arc::clone(array), false),
            ColumnarValue::Scalar(scalar) => (scalar.to_array()?, true),
        };
        Ok(Self {
            cells: Cells::try_new(&array, field)?,
            constant,
        })
    }

    /// Returns the value of `row`.
    pub(crate) fn value(&self, row: usize) -> Value<'_> {
        let row = if self.constant { 0 } else { row };
        match &self.cells {
            Cells::Null => Value::Null,
            cells if cells.array().is_some_and(|array| array.is_null(row)) => Value::Null,
            Cells::Bool(array) => Value::Bool(array.value(row)),
            Cells::Int(array) => Value::Int(array.value(row)),
            Cells::Real(array) => Value::Real(array.value(row)),
            Cells::Text(array) => Value::Text(array.value(row).into()),
            Cells::Containers(array) => match array.value(row) {
                json if is_container(json) => Value::Json(json.into()),
                text => Value::Text(text.into()),
            },
            Cells::Json(array) => Value::Json(array.value(row).into()),
            Cells::Blob(array) => Value::Blob(array.value(row).into()),
        }
    }
}

impl Cells {
    fn try_new(array: &ArrayRef, field: &Field) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool(array.as_boolean().clone()),
            DataType::Float16
            | DataType::Float32
            | DataType::Float64
            | DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Self::Real(
                cast(array, &DataType::Float64)?
                    .as_primitive::<Float64Type>()
                    .clone(),
            ),
            integer if integer.is_integer() => Self::Int(
                cast(array, &DataType::Int64)?
                    .as_primitive::<Int64Type>()
                    .clone(),
            ),
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => {
                Self::Blob(cast(array, &DataType::Binary)?.as_binary().clone())
            }
            text if text.is_string() => {
                let text = cast(array, &DataType::Utf8)?.as_string().clone();
                if is_json(field) {
                    Self::Json(text)
                } else if field.metadata().contains_key(JSON_CONTAINERS) {
                    Self::Containers(text)
                } else {
                    Self::Text(text)
                }
            }
            nested if nested.is_nested() => Self::Json(to_json(array, field)?),
            _ => Self::Text(to_text(array)?),
        })
    }

    fn array(&self) -> Option<&dyn Array> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(array) => array,
            Self::Int(array) => array,
            Self::Real(array) => array,
            Self::Text(array) | Self::Containers(array) | Self::Json(array) => array,
            Self::Blob(array) => array,
        })
    }
}

/// Collects values of `function` into an array of `data_type`: Utf8, Int64, Float64 or Boolean, others NULL.
pub(crate) fn to_array<'a>(
    function: &'static str,
    values: impl ExactSizeIterator<Item = Result<Value<'a>, Error>>,
    data_type: &DataType,
) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Utf8 => {
            let mut builder = StringBuilder::with_capacity(values.len(), 0);
            for value in values {
                let value = value?;
                let text = value.text();
                let more = text.as_ref().map_or(0, |text| text.len());
                // Beyond 2 GiB the array would panic.
                if (builder.values_slice().len() + more) as u64 > MOST {
                    return Err(Error::TooLong(function.to_owned()).into());
                }
                builder.append_option(text);
            }
            Arc::new(builder.finish())
        }
        DataType::Int64 => Arc::new(
            values
                .map(|value| Ok(value?.int()))
                .collect::<Result<Int64Array, Error>>()?,
        ),
        DataType::Float64 => Arc::new(
            values
                .map(|value| Ok(value?.real()))
                .collect::<Result<Float64Array, Error>>()?,
        ),
        DataType::Boolean => Arc::new(
            values
                .map(|value| Ok(value?.real().map(|number| number != 0.0)))
                .collect::<Result<BooleanArray, Error>>()?,
        ),
        other => new_null_array(other, values.len()),
    })
}

/// Returns true if `field` holds JSON text.
pub(crate) fn is_json(field: &Field) -> bool {
    field
        .metadata()
        .get(EXTENSION_NAME)
        .is_some_and(|name| name == JSON_EXTENSION)
}

/// Returns true for the text of an array or an object. Text that merely looks like one cannot be distinguished.
fn is_container(text: &str) -> bool {
    text.starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Returns a nullable field of JSON text: Utf8 with Arrow's `arrow.json` extension type.
pub(crate) fn json_field(name: &str) -> FieldRef {
    let metadata = HashMap::from([(EXTENSION_NAME.to_owned(), JSON_EXTENSION.to_owned())]);
    Arc::new(Field::new(name, DataType::Utf8, true).with_metadata(metadata))
}

/// Returns a nullable field of text in which arrays and objects are JSON.
pub(crate) fn json_containers_field(name: &str) -> FieldRef {
    let metadata = HashMap::from([(JSON_CONTAINERS.to_owned(), "true".to_owned())]);
    Arc::new(Field::new(name, DataType::Utf8, true).with_metadata(metadata))
}

/// Encodes each element of a nested `array` as JSON, with nulls spelled out; a null row stays NULL. Of an object that
/// carries its JSON, that is what it gives.
pub(crate) fn to_json(array: &ArrayRef, field: &Field) -> Result<StringArray> {
    let field = Arc::new(Field::new(field.name(), array.data_type().clone(), true));
    let options = EncoderOptions::default()
        .with_explicit_nulls(true)
        .with_encoder_factory(Arc::new(SourceEncoders));
    let mut encoder = make_encoder(&field, array.as_ref(), &options)?;
    let mut builder = StringBuilder::with_capacity(array.len(), 0);
    let mut text = Vec::new();
    for row in 0..array.len() {
        if encoder.is_null(row) {
            builder.append_null();
        } else {
            text.clear();
            encoder.encode(row, &mut text);
            builder.append_value(String::from_utf8_lossy(&text));
        }
    }
    Ok(builder.finish())
}

/// Encodes objects that carry their JSON as that, wherever they are.
#[derive(Debug)]
struct SourceEncoders;

impl EncoderFactory for SourceEncoders {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let Some(sources) = source_json::of(array) else {
            return Ok(None);
        };
        let typed = source_json::without_array(&make_array(array.to_data()))?;
        let encoder = SourceEncoder {
            sources: sources.clone(),
            field: Field::new(field.name(), typed.data_type().clone(), true).into(),
            typed,
        };
        let nulls = array.nulls().cloned();
        Ok(Some(NullableEncoder::new(Box::new(encoder), nulls)))
    }
}

struct SourceEncoder {
    sources: StringArray,
    /// The same objects as their fields, for those that have been made of others and carry no JSON.
    typed: ArrayRef,
    field: FieldRef,
}

impl Encoder for SourceEncoder {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        if self.sources.is_valid(row) {
            out.extend_from_slice(self.sources.value(row).as_bytes());
            return;
        }
        let options = EncoderOptions::default().with_explicit_nulls(true);
        // An encoder for the whole of the array was made, so there is one for a part of it.
        if let Ok(mut encoder) = make_encoder(&self.field, &self.typed, &options) {
            encoder.encode(row, out);
        }
    }
}

/// Casts dates, times, timestamps and the like to text; timestamps with a zone to RFC 3339 in UTC.
fn to_text(array: &ArrayRef) -> Result<StringArray> {
    let array = match array.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            cast(array, &DataType::Timestamp(*unit, Some("UTC".into())))?
        }
        _ => Arc::clone(array),
    };
    Ok(cast(&array, &DataType::Utf8)?.as_string().clone())
}

/// Returns the text of a float: 15 significant digits and always a fraction, `0.3`, `2.0`, `1.0e+15`.
pub(crate) fn real_text(number: f64) -> String {
    match number {
        number if number.is_nan() => "NaN".to_owned(),
        number if number.is_infinite() => if number > 0.0 { "Inf" } else { "-Inf" }.to_owned(),
        number => spelled(&format!("{number:.14e}")),
    }
}

/// Returns the shortest text that reads back as the same finite float, in the spelling of [`real_text`].
pub(crate) fn shortest_real(number: f64) -> String {
    spelled(&format!("{number:e}"))
}

/// Rounds to the 15 significant digits that are shown.
pub(crate) fn rounded(number: f64) -> f64 {
    format!("{number:.14e}").parse().unwrap_or(number)
}

/// Turns `d.ddde±n` into SQLite's spelling.
fn spelled(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = match digits.trim_end_matches('0') {
        "" => return "0.0".to_owned(),
        digits => digits,
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let fraction = |digits: &str| {
        if digits.is_empty() {
            "0".to_owned()
        } else {
            digits.to_owned()
        }
    };
    if !(-4..15).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let mark = if exponent < 0 { '-' } else { '+' };
        return format!(
            "{sign}{first}.{}e{mark}{:02}",
            fraction(rest),
            exponent.abs()
        );
    }
    match usize::try_from(exponent) {
        Ok(exponent) if digits.len() > exponent + 1 => {
            let (whole, rest) = digits.split_at(exponent + 1);
            format!("{sign}{whole}.{rest}")
        }
        Ok(exponent) => format!("{sign}{digits:0<width$}.0", width = exponent + 1),
        Err(_) => {
            let zeros = usize::try_from(-1 - exponent).unwrap_or(0);
            format!("{sign}0.{}{digits}", "0".repeat(zeros))
        }
    }
}

/// Returns the longest beginning of `text`, white space aside, that reads as a number; it may be empty.
pub(crate) fn number_prefix(text: &str) -> &str {
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(sign);
    let mut end = sign + whole;
    let mut seen = whole;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        seen += fraction;
        end += 1 + fraction;
    }
    if seen == 0 {
        return "";
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    &text[..end]
}

/// Returns the boolean that `text` spells, in PostgreSQL's ways.
pub(crate) fn truth_of(text: &str) -> Option<bool> {
    let is = |names: [&str; 6]| names.iter().any(|name| name.eq_ignore_ascii_case(text));
    if is(["true", "t", "yes", "y", "on", "1"]) {
        Some(true)
    } else if is(["false", "f", "no", "n", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::StructArray;

    use super::*;

    #[test]
    fn floats_are_spelled_with_15_digits_and_a_fraction() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "0.0"),
            (2.0, "2.0"),
            (-1.5, "-1.5"),
            (0.1 + 0.2, "0.3"),
            (1.0 / 3.0, "0.333333333333333"),
            (0.0001, "0.0001"),
            (0.00001, "1.0e-05"),
            (1e14, "100000000000000.0"),
            (1e15, "1.0e+15"),
            (123_456_789_012_345_680.0, "1.23456789012346e+17"),
            (1e100, "1.0e+100"),
            (f64::NEG_INFINITY, "-Inf"),
        ];
        for (number, text) in cases {
            assert_eq!(real_text(number), text);
        }
    }

    #[test]
    fn an_object_that_carries_its_json_is_that_json_wherever_it_is() {
        let text = |values: Vec<Option<&str>>| Arc::new(StringArray::from(values)) as ArrayRef;
        let fields = vec![Field::new("a", DataType::Utf8, true), source_json::field()];
        let sources = vec![Some(r#"{"b":[1],"a":"x"}"#), None, None];
        let columns = vec![text(vec![Some("x"), None, None]), text(sources)];
        let nulls = Some(vec![true, true, false].into());
        let objects = StructArray::try_new(fields.into(), columns, nulls).unwrap();
        let objects: ArrayRef = Arc::new(objects);
        let field = Field::new("o", objects.data_type().clone(), true);
        let read = to_json(&objects, &field).unwrap();
        let read: Vec<_> = read.iter().collect();
        assert_eq!(
            read,
            [Some(r#"{"b":[1],"a":"x"}"#), Some(r#"{"a":null}"#), None]
        );
        let outer = StructArray::from(vec![(Arc::new(field), objects)]);
        let outer: ArrayRef = Arc::new(outer);
        let field = Field::new("p", outer.data_type().clone(), true);
        let read = to_json(&outer, &field).unwrap();
        assert_eq!(read.value(0), r#"{"o":{"b":[1],"a":"x"}}"#);
        assert_eq!(read.value(2), r#"{"o":null}"#);
    }

    #[test]
    fn text_counts_for_the_number_it_begins_with() {
        let cases = [
            ("12abc", "12"),
            (" -3.5e2x", "-3.5e2"),
            ("1e", "1"),
            (".5", ".5"),
            ("5.", "5."),
            ("-", ""),
            ("abc", ""),
            ("", ""),
            ("0x10", "0"),
        ];
        for (text, prefix) in cases {
            assert_eq!(number_prefix(text), prefix, "{text}");
        }
        assert_eq!(
            Value::Text("9223372036854775807".into()).int(),
            Some(i64::MAX)
        );
        assert_eq!(Value::Text("9.9".into()).int(), Some(9));
        assert_eq!(Value::Text("abc".into()).real(), Some(0.0));
    }
}
