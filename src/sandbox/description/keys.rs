//! The operations of the API keys, and what their bodies may hold.

use super::shape::{Member, NAME, Operation, PAGE_SIZE, PAGE_TOKEN, SOME_TEXT, Shape, TEXT};

static REFERENCE: [Member; 6] = [
    Member::new("id", &NAME).required(),
    Member::new("environment", &NAME),
    Member::new("related", &SOME_TEXT).required().read_only(),
    Member::new("resource_name", &SOME_TEXT)
        .required()
        .read_only(),
    // These two are read-only by the description, but Confluent's Terraform provider sends them with every create.
    Member::new("api_version", &SOME_TEXT),
    Member::new("kind", &SOME_TEXT),
];
/// As a reference, but never scoped to an environment.
static OWNER: [Member; 5] = [
    Member::new("id", &NAME).required(),
    Member::new("related", &SOME_TEXT).required().read_only(),
    Member::new("resource_name", &SOME_TEXT)
        .required()
        .read_only(),
    Member::new("api_version", &SOME_TEXT),
    Member::new("kind", &SOME_TEXT),
];
static METADATA: [Member; 5] = [
    Member::new("self", &TEXT).required(),
    Member::new("resource_name", &TEXT),
    Member::new("created_at", &Shape::Time),
    Member::new("updated_at", &Shape::Time),
    Member::new("deleted_at", &Shape::Time),
];
static SPEC: [Member; 7] = [
    Member::new("secret", &TEXT).read_only(),
    Member::new("display_name", &TEXT),
    Member::new("description", &TEXT),
    Member::new("owner", &Shape::Object(&OWNER)).required(),
    Member::new("resource", &Shape::Nullable(&Shape::Object(&REFERENCE))),
    Member::new("expires_at", &Shape::Date),
    Member::new("created_by", &NAME).read_only(),
];
static SPEC_UPDATE: [Member; 3] = [
    Member::new("display_name", &TEXT),
    Member::new("description", &TEXT),
    Member::new("created_by", &NAME).read_only(),
];
pub(super) static KEY: Shape = Shape::Object(&[
    Member::new("api_version", &Shape::Word(&["iam/v2"]))
        .required()
        .read_only(),
    Member::new("kind", &Shape::Word(&["ApiKey"]))
        .required()
        .read_only(),
    Member::new("id", &NAME).required().read_only(),
    Member::new("metadata", &Shape::Object(&METADATA)).read_only(),
    Member::new("spec", &Shape::Object(&SPEC)).required(),
]);
static KEY_UPDATE: Shape = Shape::Object(&[
    Member::new("api_version", &Shape::Word(&["iam/v2"])).read_only(),
    Member::new("kind", &Shape::Word(&["ApiKey"])).read_only(),
    Member::new("id", &NAME).read_only(),
    Member::new("metadata", &Shape::Object(&METADATA)).read_only(),
    Member::new("spec", &Shape::Object(&SPEC_UPDATE)),
]);

pub(super) static PATH: &str = "/iam/v2/api-keys";
static FILTERS: [Member; 5] = [
    Member::new("spec.owner", &TEXT),
    Member::new("spec.resource", &TEXT),
    Member::new("show_expired", &Shape::Truth),
    PAGE_SIZE,
    PAGE_TOKEN,
];

pub(super) static OPERATIONS: [Operation; 5] = [
    Operation::new("GET", PATH).with_parameters(&FILTERS),
    Operation::new("POST", PATH).with_body(&KEY),
    Operation::new("GET", PATH).by_id(),
    Operation::new("PATCH", PATH).by_id().with_body(&KEY_UPDATE),
    Operation::new("DELETE", PATH).by_id(),
];
