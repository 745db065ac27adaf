//! Growing columns that can drop their last rows, and become Arrow arrays.
//!
//! Arrow's own builders cannot take a value back, but the decoder must, because it reads what may turn out not to be a
//! page. Fields that are missing from a row cost nothing: their NULLs are filled in before the next value, or at the
//! end. Depends on Arrow and the column declaration alone.

use std::sync::Arc;

use datafusion::arrow::array::builder::NullBufferBuilder;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Int64Array, StringArray, StructArray,
    TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;

use crate::resource::{Column, Type};

/// The most bytes of text in one column of a batch, so that 32-bit offsets never overflow.
const MAX_TEXT: usize = 1 << 30;

/// The values of one field for all rows so far, including NULLs.
pub(super) enum Buffer {
    /// A field that the query does not need: a row count, which becomes NULLs.
    Unwanted { len: usize },
    Text {
        text: String,
        ends: Vec<i32>,
        valid: NullBufferBuilder,
    },
    /// Integers, booleans as 0 and 1, times in microseconds and dates in days since 1970.
    Number {
        values: Vec<i64>,
        valid: NullBufferBuilder,
    },
    Object {
        fields: Vec<Buffer>,
        /// The JSON of the object, for the JSON functions.
        source: Box<Buffer>,
        valid: NullBufferBuilder,
    },
}

impl Buffer {
    /// Returns an empty buffer for values of type `ty`.
    pub(super) fn new(ty: &Type) -> Self {
        let valid = NullBufferBuilder::new(0);
        match ty {
            Type::Text | Type::Secret | Type::Json => Self::Text {
                text: String::new(),
                ends: Vec::new(),
                valid,
            },
            Type::Integer | Type::Boolean | Type::Timestamp | Type::Date => Self::Number {
                values: Vec::new(),
                valid,
            },
            Type::Object(fields) => Self::Object {
                fields: fields.iter().map(|f| Self::new(&f.ty)).collect(),
                source: Box::new(Self::new(&Type::Json)),
                valid,
            },
            Type::Lifted(fields) => Self::Object {
                fields: fields.iter().map(|f| Self::new(&f.ty)).collect(),
                source: Box::new(Self::Unwanted { len: 0 }),
                valid,
            },
        }
    }

    /// Returns an empty buffer for values of `column` that keeps only the fields at `paths`, and what is in them. A
    /// path begins with the name of a column.
    pub(super) fn of_fields(column: &Column, paths: &[&[String]]) -> Self {
        // The fields of a lifted object are columns themselves.
        if let Type::Lifted(fields) = column.ty {
            let fields: Vec<_> = fields.iter().map(|f| Self::of_fields(f, paths)).collect();
            let is_wanted = fields.iter().any(|f| !matches!(f, Self::Unwanted { .. }));
            return match is_wanted {
                true => Self::Object {
                    fields,
                    source: Box::new(Self::Unwanted { len: 0 }),
                    valid: NullBufferBuilder::new(0),
                },
                false => Self::Unwanted { len: 0 },
            };
        }
        let inner: Vec<_> = paths
            .iter()
            .filter(|path| path.first().is_some_and(|name| name == column.name))
            .map(|path| &path[1..])
            .collect();
        match column.ty {
            _ if inner.is_empty() => Self::Unwanted { len: 0 },
            Type::Object(fields) if inner.iter().all(|path| !path.is_empty()) => Self::Object {
                fields: fields.iter().map(|f| Self::of_fields(f, &inner)).collect(),
                source: Box::new(Self::Unwanted { len: 0 }),
                valid: NullBufferBuilder::new(0),
            },
            _ => Self::new(&column.ty),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Unwanted { len } => *len,
            Self::Text { valid, .. } | Self::Number { valid, .. } | Self::Object { valid, .. } => {
                valid.len()
            }
        }
    }

    /// Returns true if value number `row` is needed and still missing.
    pub(super) fn wants(&self, row: usize) -> bool {
        !matches!(self, Self::Unwanted { .. }) && self.len() <= row
    }

    pub(super) fn push_null(&mut self) {
        self.pad(self.len() + 1);
    }

    /// Appends NULLs until there are `len` values. The fields of an object are padded later.
    pub(super) fn pad(&mut self, len: usize) {
        let missing = len.saturating_sub(self.len());
        if missing == 0 {
            return;
        }
        match self {
            Self::Unwanted { len: rows } => *rows = len,
            Self::Text { text, ends, valid } => {
                ends.resize(len, text.len() as i32);
                valid.append_n_nulls(missing);
            }
            Self::Number { values, valid } => {
                values.resize(len, 0);
                valid.append_n_nulls(missing);
            }
            Self::Object { valid, .. } => valid.append_n_nulls(missing),
        }
    }

    /// Appends `value` to a buffer of text; any other buffer gets NULL.
    pub(super) fn push_text(&mut self, value: &str) {
        match self {
            Self::Text { text, ends, valid } => {
                // Beyond the limit the value is dropped, and `finish` refuses the batch.
                if text.len() <= MAX_TEXT {
                    text.push_str(value);
                }
                ends.push(text.len().min(i32::MAX as usize) as i32);
                valid.append_non_null();
            }
            _ => self.push_null(),
        }
    }

    /// Appends `value` to a buffer of numbers; any other buffer gets NULL.
    pub(super) fn push_number(&mut self, value: i64) {
        match self {
            Self::Number { values, valid } => {
                values.push(value);
                valid.append_non_null();
            }
            _ => self.push_null(),
        }
    }

    /// Drops all but the first `len` values.
    pub(super) fn truncate(&mut self, len: usize) {
        match self {
            Self::Unwanted { len: rows } => *rows = len.min(*rows),
            Self::Text { text, ends, valid } => {
                ends.truncate(len);
                text.truncate(ends.last().map_or(0, |&end| end as usize));
                valid.truncate(len);
            }
            Self::Number { values, valid } => {
                values.truncate(len);
                valid.truncate(len);
            }
            Self::Object {
                fields,
                source,
                valid,
            } => {
                fields.iter_mut().for_each(|f| f.truncate(len));
                source.truncate(len);
                valid.truncate(len);
            }
        }
    }

    /// Takes `len` values, padded with NULLs, as an array of `ty`, which is the Arrow type that the buffer was made
    /// for. Keeps the capacity for the next batch.
    ///
    /// Fails if there is more text than 32-bit offsets can address.
    pub(super) fn finish(&mut self, ty: &DataType, len: usize) -> Result<ArrayRef, ArrowError> {
        self.pad(len);
        Ok(match (self, ty) {
            (Self::Unwanted { len }, _) => new_null_array(ty, std::mem::take(len)),
            (Self::Text { text, ends, valid }, _) => {
                if text.len() > MAX_TEXT {
                    return Err(ArrowError::OffsetOverflowError(text.len()));
                }
                let room = String::with_capacity(text.len());
                let values = std::mem::replace(text, room).into_bytes().into();
                Arc::new(StringArray::try_new(offsets(ends), values, valid.finish())?)
            }
            (Self::Number { values, valid }, ty) => {
                let room = Vec::with_capacity(values.len());
                let (values, valid) = (std::mem::replace(values, room), valid.finish());
                match ty {
                    DataType::Boolean => {
                        let values = values.into_iter().map(|value| value != 0).collect();
                        Arc::new(BooleanArray::new(values, valid))
                    }
                    DataType::Timestamp(..) => {
                        let array = TimestampMicrosecondArray::try_new(values.into(), valid)?;
                        Arc::new(array.with_timezone("UTC"))
                    }
                    DataType::Date32 => {
                        let days = values.into_iter().map(|days| days as i32).collect();
                        Arc::new(Date32Array::try_new(days, valid)?)
                    }
                    _ => Arc::new(Int64Array::try_new(values.into(), valid)?),
                }
            }
            (
                Self::Object {
                    fields,
                    source,
                    valid,
                },
                DataType::Struct(types),
            ) => {
                let len = valid.len();
                let buffers = fields.iter_mut().chain([source.as_mut()]);
                let arrays = buffers
                    .zip(types)
                    .map(|(buffer, field)| buffer.finish(field.data_type(), len))
                    .collect::<Result<Vec<_>, _>>()?;
                Arc::new(StructArray::try_new(types.clone(), arrays, valid.finish())?)
            }
            (Self::Object { .. }, _) => {
                return Err(ArrowError::SchemaError(
                    "a buffer is read as the type it was made for".to_owned(),
                ));
            }
        })
    }
}

/// Takes `ends` as offsets, with the start of the first value before them.
fn offsets(ends: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    offsets.append(ends);
    OffsetBuffer::new(ScalarBuffer::from(offsets))
}
