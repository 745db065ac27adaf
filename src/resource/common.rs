//! What the declarations of several resources share: columns that every object has, and references to other objects.

use super::api_keys::API_KEYS;
use super::collection::Resource;
use super::column::{Column, Type, columns};

/// What the collections beside the keys have in common: they can only be read.
pub(super) const SIBLING: Resource = Resource {
    columns: &[],
    filters: &[],
    list_all: None,
    max_page_size: 100,
    assumed_rows: 1_000,
    hides_gone: false,
    writes: None,
    ..API_KEYS
};

/// The version of an object's representation.
pub(super) const API_VERSION: Column =
    Column::read("api_version", Type::Text, "Version of the representation");

/// The kind of an object.
pub(super) const KIND: Column = Column::read("kind", Type::Text, "Kind of the object");

/// What the service records about an object.
pub(super) const METADATA: Column = Column::read(
    "metadata",
    Type::Object(columns! {
        "self": Text => "URL of the object at the service";
        "resource_name": Text => "Confluent resource name (CRN) of the object";
        "created_at": Timestamp => "When it was created";
        "updated_at": Timestamp => "When it was last changed";
        "deleted_at": Timestamp => "When it was deleted";
    }),
    "What the service records about the object",
);

/// The `spec` object as it was sent.
pub(super) const RAW_SPEC: Column = Column {
    json: "spec",
    ..Column::read(
        "_spec",
        Type::Json,
        "The spec object exactly as the service sent it, fields unknown to this version included",
    )
};

/// The id of the environment in `spec`, as a column: the service calls the parameter so.
pub(super) const ENVIRONMENT: Column = Column::lifted(
    "spec",
    &[Column::lifted(
        "environment",
        &[Column {
            json: "id",
            ..Column::read(
                "environment",
                Type::Text,
                "Id of the environment that it is in",
            )
        }],
    )],
);

/// A reference to another object.
pub(super) const REFERENCE: Type = Type::Object(columns! {
    "id": Text => "Id of the referenced object";
    "environment": Text => "Id of the environment it lives in";
    "related": Text => "URL of the referenced object";
    "resource_name": Text => "Confluent resource name (CRN) of the referenced object";
    "api_version": Text => "API version of the referenced object";
    "kind": Text => "Kind of the referenced object";
});
