//! API keys: `confluent.iam.api_keys` and its view `vw_api_keys`.
//!
//! After Confluent's API reference, "API Keys (iam/v2)".

use super::collection::{Nouns, Resource, Service};
use super::column::{Access, Column, Type, columns};
use super::filter::Filter;
use super::method::{Method, Operation, Parameter};
use super::relation::{Definition, View};
use super::writes::{Needed, Removed, Writes};

/// The service that API keys belong to.
pub const IAM: Service = Service {
    name: "iam",
    title: "Identity and access management",
    description: "Who may do what in Confluent Cloud",
};

/// API keys.
pub const API_KEYS: Resource = Resource {
    service: &IAM,
    table: "api_keys",
    path: "/iam/v2/api-keys",
    api_version: "iam/v2",
    kind: "ApiKey",
    nouns: Nouns {
        one: "key",
        many: "keys",
        title: "API keys",
    },
    columns: COLUMNS,
    has_get: true,
    filters: &[
        Filter::exact("spec.owner.id", "spec.owner"),
        Filter {
            is_sendable: is_matched_exactly,
            written: |id| {
                WORDS
                    .into_iter()
                    .find(|word| *word != id && id.eq_ignore_ascii_case(word))
            },
            ..Filter::exact("spec.resource.id", "spec.resource")
        },
    ],
    list_all: Some("show_expired"),
    max_page_size: 100,
    assumed_rows: 5_000,
    role: "OrganizationAdmin",
    hides_gone: true,
    methods: METHODS,
    writes: Some(Writes {
        owner: Needed {
            path: "spec.owner.id",
            reason: "every key has an owner",
            hint: "set it to the id of a service account (sa-…) or a user (u-…)",
        },
        resource: Needed {
            path: "spec.resource.id",
            reason: "without spec.resource a key is a Cloud API key",
            hint: "name the resource (lkc-…, lsrc-…), or `cloud` for a Cloud API key",
        },
        display_name: "spec.display_name",
        description: "spec.description",
        secret: "spec.secret",
        created_at: "metadata.created_at",
        removed: &[Removed {
            path: "spec.resources",
            reason: "the service no longer has keys for several resources, and would create a Cloud API key instead",
            hint: "name one resource in spec.resource.id, and create a key for each",
        }],
        example: "spec.display_name, spec.owner.id, spec.resource.id",
    }),
};

/// Returns true for the resource ids that the service is known to match exactly.
///
/// Confluent's CLI filters by these and by no others; for Flink regions it lists everything.
fn is_matched_exactly(id: &str) -> bool {
    ["lkc-", "lsrc-", "lksqlc-"]
        .iter()
        .any(|prefix| id.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()))
        || WORDS.contains(&id)
}

/// Ids of resources that are words. A create takes them in any case, and reads have them in lower case.
const WORDS: [&str; 3] = ["cloud", "global", "tableflow"];

const ID: Parameter = Parameter::new("id", "string", true, "The API key");
const BODY: Parameter = Parameter::new(
    "spec",
    "object",
    true,
    "What the key is: its name, its owner and what it opens",
);

const METHODS: &[Method] = &[
    Method {
        name: "get_iam_v2api_key",
        operation: Operation::Get,
        description: "Reads one API key",
        parameters: &[ID],
    },
    Method {
        name: "list_iam_v2api_keys",
        operation: Operation::List,
        description: "Reads all API keys that the credentials may see, page by page",
        parameters: &[
            Parameter::PAGE_SIZE,
            Parameter::optional("spec.owner", "Id of the owner"),
            Parameter::optional("spec.resource", "Id of the resource"),
        ],
    },
    Method {
        name: "create_iam_v2api_key",
        operation: Operation::Create,
        description: "Creates an API key; its secret is in the answer and nowhere else",
        parameters: &[BODY],
    },
    Method {
        name: "delete_iam_v2api_key",
        operation: Operation::Delete,
        description: "Revokes an API key for good",
        parameters: &[ID],
    },
    Method {
        name: "update_iam_v2api_key",
        operation: Operation::Update,
        description: "Changes the name and the description of an API key",
        parameters: &[
            ID,
            Parameter {
                is_required: false,
                ..BODY
            },
        ],
    },
];

/// The columns of `confluent.iam.api_keys`, in the order of `SELECT *`.
const COLUMNS: &[Column] = columns! {
    "id": Text => "The API key itself, the public half of the credential";
    RAW_SPEC;
    "api_version": Text => "Version of the representation, iam/v2";
    "kind": Text => "Kind of the object, ApiKey";
    "metadata": Object(METADATA) => "What the service records about the key";
    "spec": Object(SPEC), OnCreate => "What the key is: its name, its owner and what it opens";
};

const RAW_SPEC: Column = Column {
    json: "spec",
    ..Column::read(
        "_spec",
        Type::Json,
        "The spec object as the service sent it, without a secret; fields unknown to this version included",
    )
};

const METADATA: &[Column] = columns! {
    "self": Text => "URL of the key at the service";
    "resource_name": Text => "Confluent resource name (CRN) of the key";
    "created_at": Timestamp => "When the key was created";
    "updated_at": Timestamp => "When the key was last changed";
    "deleted_at": Timestamp => "When the key was deleted";
};

const SPEC: &[Column] = columns! {
    "secret": Secret => "The secret, only ever set in the answer to the INSERT that created the key";
    "display_name": Text, Writable => "Name for people, not unique";
    "description": Text, Writable => "Description for people";
    "expires_at": Date, OnCreate => "The last day on which the key works, in UTC; NULL if it does not expire";
    "created_by": Text => "Id of the principal that created the key";
    "owner": Object(OWNER), OnCreate => "The service account or user that the key acts as";
    "resource": Object(REFERENCE), OnCreate =>
        "What the key opens: a cluster, a Schema Registry, a region, or the cloud API";
};

const OWNER: &[Column] = &[REFERRED_ID, RELATED, RESOURCE_NAME, API_VERSION, KIND];

const REFERENCE: &[Column] = columns! {
    REFERRED_ID;
    "environment": Text, OnCreate => "Id of the environment it lives in";
    RELATED;
    RESOURCE_NAME;
    API_VERSION;
    KIND;
};

const REFERRED_ID: Column =
    Column::read("id", Type::Text, "Id of the referenced object").set_by(Access::OnCreate);
const RELATED: Column = Column::read("related", Type::Text, "URL of the referenced object");
const RESOURCE_NAME: Column = Column::read(
    "resource_name",
    Type::Text,
    "Confluent resource name (CRN) of the referenced object",
);
const API_VERSION: Column = Column::read(
    "api_version",
    Type::Text,
    "API version of the referenced object",
)
.set_by(Access::OnCreate);
const KIND: Column = Column::read(
    "kind",
    Type::Text,
    "Kind of the referenced object: User, ServiceAccount, Cluster, …",
)
.set_by(Access::OnCreate);

/// API keys for people.
pub(super) const VW_API_KEYS: View = View {
    service: &IAM,
    name: "vw_api_keys",
    of: &API_KEYS,
    definition: Definition::Sql(VIEW_SQL),
    description: "API keys, flat and read-only, for people",
    computed: &[
        (
            "resource_type",
            "What the key opens, as Confluent's CLI calls it",
        ),
        (
            "environment_id",
            "Id of the environment of what the key opens",
        ),
        (
            "is_expired",
            "Whether the last day on which the key works is over; false without an expiry",
        ),
        (
            "days_left",
            "Days until the last day on which the key works: 0 on that day, negative after it, NULL without an expiry",
        ),
        ("age_days", "Whole days since the key was created"),
    ],
};

/// The view for people.
///
/// The names of resource types are those of Confluent's own CLI. A resource's environment stands in the reference, or
/// in its resource name (CRN), or, in ids of Flink regions from before March 2024, before the region.
const VIEW_SQL: &str = "
SELECT
    id,
    spec.display_name AS display_name,
    spec.description AS description,
    spec.owner.id AS owner_id,
    spec.owner.kind AS owner_kind,
    spec.resource.id AS resource_id,
    spec.resource.kind AS resource_kind,
    CASE
        WHEN spec.resource.id LIKE 'lkc-%' THEN 'kafka'
        WHEN spec.resource.id LIKE 'lsrc-%' OR spec.resource.kind = 'SchemaRegistry' THEN 'schema-registry'
        WHEN spec.resource.id LIKE 'lksqlc-%' OR spec.resource.kind = 'ksqlDB' THEN 'ksql'
        WHEN spec.resource.kind = 'Region' THEN 'flink-region'
        WHEN lower(spec.resource.id) = 'tableflow' OR spec.resource.kind = 'Tableflow' THEN 'tableflow'
        WHEN lower(spec.resource.id) = 'global' OR spec.resource.kind = 'Global' THEN 'global'
        WHEN lower(spec.resource.id) = 'cloud' OR spec.resource.kind = 'Cloud' THEN 'cloud'
        WHEN spec.resource.kind = 'Cluster' THEN 'kafka'
        WHEN spec IS NOT NULL AND spec.resource.id IS NULL AND json_extract(_spec, '$.resources') IS NULL THEN 'cloud'
    END AS resource_type,
    coalesce(
        nullif(spec.resource.environment, ''),
        (regexp_match(spec.resource.resource_name, '/environment=([^/]+)'))[1],
        (regexp_match(spec.resource.id, '^(env-[^.]+)[.]'))[1]
    ) AS environment_id,
    metadata.created_at AS created_at,
    metadata.updated_at AS updated_at,
    spec.created_by AS created_by,
    spec.expires_at AS expires_at,
    coalesce(spec.expires_at < current_date(), false) AS is_expired,
    CAST((date_part('epoch', spec.expires_at) - date_part('epoch', current_date())) / 86400 AS BIGINT) AS days_left,
    CAST(floor((date_part('epoch', now()) - date_part('epoch', metadata.created_at)) / 86400) AS BIGINT) AS age_days
FROM confluent.iam.api_keys";

#[cfg(test)]
mod tests {
    use super::super::Pushed;
    use super::*;

    #[test]
    fn select_star_gives_the_six_columns_in_order() {
        let names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
        assert_eq!(
            names,
            ["id", "_spec", "api_version", "kind", "metadata", "spec"]
        );
    }

    #[test]
    fn three_paths_are_pushed_down() {
        let paths = API_KEYS.paths().into_iter();
        let pushed: Vec<_> = paths
            .filter_map(|(path, _)| Some((API_KEYS.pushed(&path)?, path)))
            .collect();
        assert_eq!(
            pushed,
            [
                (Pushed::Get, "id".to_owned()),
                (Pushed::Filter(0), "spec.owner.id".to_owned()),
                (Pushed::Filter(1), "spec.resource.id".to_owned()),
            ]
        );
    }

    #[test]
    fn a_path_finds_its_column() {
        let kind = API_KEYS.find(&["spec", "owner", "kind"]).unwrap();
        assert_eq!(kind.ty.label(), "text");
        assert!(API_KEYS.find(&["spec", "bogus"]).is_none());
        assert!(API_KEYS.find::<&str>(&[]).is_none());
    }

    #[test]
    fn the_raw_spec_carries_the_json_extension_type() {
        let field = COLUMNS[1].arrow();
        assert_eq!(field.extension_type_name(), Some("arrow.json"));
    }

    #[test]
    fn both_spellings_name_the_same_method() {
        for method in METHODS {
            let newer = method.name.replace("_v2api_", "_v2_api_");
            assert_eq!(API_KEYS.method(method.name), Some(method));
            assert_eq!(API_KEYS.method(&newer.to_uppercase()), Some(method));
        }
        assert_eq!(API_KEYS.method("get_iam_v2api_keys"), None);
    }
}
