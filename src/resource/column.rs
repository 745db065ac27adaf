//! Columns: their types, their places in the service's JSON, who may set them, and what they mean.
//!
//! Types and read-only marks follow the published descriptions; fields that those call `x-immutable` are
//! [`Access::OnCreate`].

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit};

use crate::dialect::source_json;

/// One column, or one field of a nested column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Name in SQL, of this level only.
    pub name: &'static str,
    /// Name of the member in the service's JSON object that holds it.
    pub json: &'static str,
    /// Type, with the fields of a nested column.
    pub ty: Type,
    /// Who may set it, and when.
    pub access: Access,
    /// One sentence for people.
    pub description: &'static str,
}

/// Declares columns, one a row: name, type, who may set it if that is not the service alone, and a sentence for people. A
/// row may also name a column that is declared elsewhere.
macro_rules! columns {
    ($($($name:literal: $ty:expr $(, $access:ident)? => $description:literal)? $($column:path)?;)*) => {{
        #[allow(unused_imports, reason = "not every table has columns of all types")]
        use $crate::resource::column::{Access, Column, Type::*};
        const COLUMNS: &[Column] = &[$(
            $(Column::read($name, $ty, $description)$(.set_by(Access::$access))?)?
            $($column)?
        ),*];
        COLUMNS
    }};
}
pub(super) use columns;

/// The type of a column.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    /// Utf8.
    Text,
    /// Utf8 that only the answer to a create holds, where the empty string stands for "not given". Everywhere else it is
    /// NULL, and left out of [`Type::Json`], whatever the service sends.
    Secret,
    /// Utf8 with Arrow's `arrow.json` extension type: the JSON text of the member as it was sent.
    Json,
    /// Timestamp(µs, UTC), RFC 3339 in JSON.
    Timestamp,
    /// Date32, `YYYY-MM-DD` in JSON. RFC 3339 is read, too, for its day in UTC.
    Date,
    /// Int64.
    Integer,
    /// Boolean.
    Boolean,
    /// Struct of the given fields, and of the object's JSON for the JSON functions.
    Object(&'static [Column]),
    /// No column itself: an object of the JSON whose fields stand beside the other columns.
    Lifted(&'static [Column]),
}

/// Who may set a column, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only the service sets it.
    ReadOnly,
    /// INSERT may set it, UPDATE may not.
    OnCreate,
    /// INSERT and UPDATE may set it.
    Writable,
}

impl Type {
    /// Returns the nested fields, none for a scalar.
    pub fn fields(&self) -> &'static [Column] {
        match self {
            Self::Object(fields) | Self::Lifted(fields) => fields,
            _ => &[],
        }
    }

    /// Returns the Arrow type.
    pub fn arrow(&self) -> DataType {
        match self {
            Self::Text | Self::Secret | Self::Json => DataType::Utf8,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Date => DataType::Date32,
            Self::Integer => DataType::Int64,
            Self::Boolean => DataType::Boolean,
            Self::Object(fields) => {
                let source = Arc::new(source_json::field());
                let fields = arrow_fields(fields);
                DataType::Struct(fields.iter().cloned().chain([source]).collect())
            }
            Self::Lifted(fields) => DataType::Struct(arrow_fields(fields)),
        }
    }

    /// Returns the name of the type for people: `text`, `json`, `timestamp`, `date`, `integer`, `boolean` or `object`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Text | Self::Secret => "text",
            Self::Json => "json",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Object(_) | Self::Lifted(_) => "object",
        }
    }
}

impl Column {
    /// A column that has the same name in SQL and in JSON, and that only the service sets.
    pub const fn read(name: &'static str, ty: Type, description: &'static str) -> Self {
        Self {
            name,
            json: name,
            ty,
            access: Access::ReadOnly,
            description,
        }
    }

    /// The same column, set by whom `access` says.
    pub const fn set_by(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// An object of the JSON, called `json`, whose `fields` stand beside the other columns.
    pub const fn lifted(json: &'static str, fields: &'static [Self]) -> Self {
        Self::read(json, Type::Lifted(fields), "")
    }

    /// Returns the Arrow field. Every column is nullable: the service may leave any member out.
    pub fn arrow(&self) -> Field {
        let field = Field::new(self.name, self.ty.arrow(), true);
        match self.ty {
            Type::Json => field.with_metadata(json_metadata()),
            _ => field,
        }
    }
}

/// Returns the metadata of an Arrow field that is JSON.
pub(crate) fn json_metadata() -> HashMap<String, String> {
    HashMap::from([("ARROW:extension:name".to_owned(), "arrow.json".to_owned())])
}

/// Returns `columns` with the fields of lifted objects in their places.
pub(super) fn lifted(columns: &'static [Column]) -> Vec<&'static Column> {
    let mut found = Vec::with_capacity(columns.len());
    for column in columns {
        match column.ty {
            Type::Lifted(fields) => found.extend(lifted(fields)),
            _ => found.push(column),
        }
    }
    found
}

pub(super) fn arrow_fields(columns: &'static [Column]) -> Fields {
    lifted(columns).into_iter().map(Column::arrow).collect()
}
