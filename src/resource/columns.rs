//! The one declaration of `api_keys`: every column with its type, its place in the service's JSON, whether it can
//! be written, how a predicate on it is pushed down, and what it means.
//!
//! The Arrow schema ([`schema`]), the decoder ([`crate::table::decode`]), the pushdown rules, the checks on writes, DESCRIBE,
//! the shell's completion and the table reference all read [`COLUMNS`]; to add a column, add it here.
//!
//! Types and read-only marks follow the published description of `iam/v2` API keys; fields that it calls `x-immutable`
//! are [`Access::OnCreate`].

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

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
    /// What a predicate on it saves.
    pub pushdown: Pushdown,
    /// One sentence for people.
    pub description: &'static str,
}

/// The type of a column.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    /// Utf8.
    Text,
    /// Utf8 in which the empty string stands for "not given" and reads as NULL.
    TextOrBlank,
    /// Utf8 with Arrow's `arrow.json` extension type: the JSON text of the member as it was sent.
    Json,
    /// Timestamp(µs, UTC), RFC 3339 in JSON.
    Timestamp,
    /// Struct of the given fields.
    Object(&'static [Column]),
    /// List of structs of the given fields.
    List(&'static [Column]),
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

/// What an equality on a column saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushdown {
    /// Nothing: it is checked after the keys have come.
    None,
    /// The key is fetched by its id.
    Get,
    /// The listing is filtered by `spec.owner`.
    Owner,
    /// The listing is filtered by `spec.resource`, for the ids that the service is known to match exactly.
    Resource,
}

impl Type {
    /// Returns the nested fields, none for a scalar.
    pub fn fields(&self) -> &'static [Column] {
        match self {
            Self::Object(fields) | Self::List(fields) => fields,
            _ => &[],
        }
    }

    /// Returns the Arrow type.
    pub fn arrow(&self) -> DataType {
        match self {
            Self::Text | Self::TextOrBlank | Self::Json => DataType::Utf8,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Object(fields) => DataType::Struct(arrow_fields(fields)),
            Self::List(fields) => DataType::List(Arc::new(list_item(fields))),
        }
    }

    /// Returns the name of the type for people: `text`, `json`, `timestamp`, `object` or `list of object`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Text | Self::TextOrBlank => "text",
            Self::Json => "json",
            Self::Timestamp => "timestamp",
            Self::Object(_) => "object",
            Self::List(_) => "list of object",
        }
    }
}

impl Column {
    /// Returns the Arrow field. Every column is nullable: the service may leave any member out.
    pub fn arrow(&self) -> Field {
        let field = Field::new(self.name, self.ty.arrow(), true);
        match self.ty {
            Type::Json => field.with_metadata(HashMap::from([(
                "ARROW:extension:name".to_owned(),
                "arrow.json".to_owned(),
            )])),
            _ => field,
        }
    }
}

fn arrow_fields(columns: &[Column]) -> Fields {
    columns.iter().map(Column::arrow).collect()
}

pub(crate) fn list_item(fields: &[Column]) -> Field {
    Field::new("item", DataType::Struct(arrow_fields(fields)), true)
}

/// Returns the Arrow schema of `api_keys`, all six columns.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> =
        LazyLock::new(|| Arc::new(Schema::new(arrow_fields(COLUMNS))));
    Arc::clone(&SCHEMA)
}

/// Returns the column at `path`, each step a name in SQL, or None if there is none such.
pub fn find<S: AsRef<str>>(path: &[S]) -> Option<&'static Column> {
    let (first, rest) = path.split_first()?;
    let mut column = COLUMNS.iter().find(|c| c.name == first.as_ref())?;
    for step in rest {
        column = column
            .ty
            .fields()
            .iter()
            .find(|c| c.name == step.as_ref())?;
    }
    Some(column)
}

/// Returns every column and nested field with its dotted path, parents before children.
pub fn paths() -> Vec<(String, &'static Column)> {
    fn walk(prefix: &str, columns: &'static [Column], found: &mut Vec<(String, &'static Column)>) {
        for column in columns {
            let path = match prefix {
                "" => column.name.to_owned(),
                prefix => format!("{prefix}.{}", column.name),
            };
            found.push((path.clone(), column));
            walk(&path, column.ty.fields(), found);
        }
    }
    let mut found = Vec::new();
    walk("", COLUMNS, &mut found);
    found
}

const fn column(name: &'static str, ty: Type, access: Access, description: &'static str) -> Column {
    Column {
        name,
        json: name,
        ty,
        access,
        pushdown: Pushdown::None,
        description,
    }
}

const fn pushed(column: Column, pushdown: Pushdown) -> Column {
    Column { pushdown, ..column }
}

/// The columns of `confluent.iam.api_keys`, in the order of `SELECT *`.
pub const COLUMNS: &[Column] = &[
    pushed(
        column(
            "id",
            Type::Text,
            Access::ReadOnly,
            "The API key itself, the public half of the credential",
        ),
        Pushdown::Get,
    ),
    Column {
        json: "spec",
        ..column(
            "_spec",
            Type::Json,
            Access::ReadOnly,
            "The spec object exactly as the service sent it, fields unknown to this version included",
        )
    },
    column(
        "api_version",
        Type::Text,
        Access::ReadOnly,
        "Version of the representation, iam/v2",
    ),
    column(
        "kind",
        Type::Text,
        Access::ReadOnly,
        "Kind of the object, ApiKey",
    ),
    column(
        "metadata",
        Type::Object(METADATA),
        Access::ReadOnly,
        "What the service records about the key",
    ),
    column(
        "spec",
        Type::Object(SPEC),
        Access::OnCreate,
        "What the key is: its name, its owner and what it opens",
    ),
];

const METADATA: &[Column] = &[
    column(
        "self",
        Type::Text,
        Access::ReadOnly,
        "URL of the key at the service",
    ),
    column(
        "resource_name",
        Type::Text,
        Access::ReadOnly,
        "Confluent resource name (CRN) of the key",
    ),
    column(
        "created_at",
        Type::Timestamp,
        Access::ReadOnly,
        "When the key was created",
    ),
    column(
        "updated_at",
        Type::Timestamp,
        Access::ReadOnly,
        "When the key was last changed",
    ),
    column(
        "deleted_at",
        Type::Timestamp,
        Access::ReadOnly,
        "When the key was deleted",
    ),
];

const SPEC: &[Column] = &[
    column(
        "secret",
        Type::TextOrBlank,
        Access::ReadOnly,
        "The secret, only ever set in the answer to the INSERT that created the key",
    ),
    column(
        "display_name",
        Type::Text,
        Access::Writable,
        "Name for people, not unique",
    ),
    column(
        "description",
        Type::Text,
        Access::Writable,
        "Description for people",
    ),
    column(
        "expires_at",
        Type::Timestamp,
        Access::ReadOnly,
        "When the key expires, if it does",
    ),
    column(
        "owner",
        Type::Object(OWNER),
        Access::OnCreate,
        "The service account or user that the key acts as",
    ),
    column(
        "resource",
        Type::Object(RESOURCE),
        Access::OnCreate,
        "What the key opens: a cluster, a Schema Registry, a region, or the cloud API",
    ),
    column(
        "resources",
        Type::List(REFERENCE),
        Access::OnCreate,
        "All that a multi-cluster key opens",
    ),
];

const OWNER: &[Column] = &reference(Pushdown::Owner);
const RESOURCE: &[Column] = &reference(Pushdown::Resource);
const REFERENCE: &[Column] = &reference(Pushdown::None);

const fn reference(id: Pushdown) -> [Column; 6] {
    [
        pushed(
            column(
                "id",
                Type::Text,
                Access::OnCreate,
                "Id of what is referred to",
            ),
            id,
        ),
        column(
            "environment",
            Type::Text,
            Access::OnCreate,
            "Id of the environment it lives in",
        ),
        column(
            "related",
            Type::Text,
            Access::ReadOnly,
            "URL of what is referred to",
        ),
        column(
            "resource_name",
            Type::Text,
            Access::ReadOnly,
            "Confluent resource name (CRN) of what is referred to",
        ),
        column(
            "api_version",
            Type::Text,
            Access::OnCreate,
            "API version of what is referred to",
        ),
        column(
            "kind",
            Type::Text,
            Access::OnCreate,
            "Kind of what is referred to: User, ServiceAccount, Cluster, …",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn select_star_gives_the_six_columns_in_order() {
        let schema = schema();
        let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(
            names,
            ["id", "_spec", "api_version", "kind", "metadata", "spec"]
        );
    }

    #[test]
    fn three_paths_are_pushed_down() {
        let pushed: Vec<_> = paths()
            .into_iter()
            .filter(|(_, c)| c.pushdown != Pushdown::None)
            .map(|(path, c)| (path, c.pushdown))
            .collect();
        assert_eq!(
            pushed,
            [
                ("id".to_owned(), Pushdown::Get),
                ("spec.owner.id".to_owned(), Pushdown::Owner),
                ("spec.resource.id".to_owned(), Pushdown::Resource),
            ]
        );
    }

    #[test]
    fn a_path_finds_its_column() {
        assert_eq!(find(&["spec", "owner", "kind"]).unwrap().ty.label(), "text");
        assert!(find(&["spec", "bogus"]).is_none());
        assert!(find::<&str>(&[]).is_none());
    }

    #[test]
    fn the_raw_spec_carries_the_json_extension_type() {
        let field = COLUMNS[1].arrow();
        assert_eq!(field.extension_type_name(), Some("arrow.json"));
    }
}
