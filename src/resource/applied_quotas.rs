//! Quotas: `confluent.quotas.applied_quotas`. After Confluent's API reference, "Applied Quotas (service-quota/v1)".

use super::collection::{Nouns, Resource, Service};
use super::column::columns;
use super::common::{API_VERSION, KIND, METADATA, REFERENCE, SIBLING};
use super::filter::{Filter, Required, Values};
use super::method::{Method, Parameter};

/// The service of quotas.
pub(super) const QUOTAS: Service = Service {
    name: "quotas",
    title: "Service quotas",
    description: "Quotas and their usage",
};

/// The scopes that quotas are listed by.
#[rustfmt::skip]
const SCOPES: &[&str] = &[
    "ORGANIZATION", "ENVIRONMENT", "NETWORK", "KAFKA_CLUSTER", "SERVICE_ACCOUNT", "USER_ACCOUNT",
    "IDENTITY_PROVIDER", "CERTIFICATE_AUTHORITY",
];

/// Quotas and their usage, and how much there is.
///
/// The id is the name of a quota, which several environments or clusters have.
pub(super) const APPLIED_QUOTAS: Resource = Resource {
    service: &QUOTAS,
    table: "applied_quotas",
    path: "/service-quota/v1/applied-quotas",
    api_version: "service-quota/v1",
    kind: "AppliedQuota",
    nouns: Nouns::of("quota", "quotas"),
    columns: columns! {
        "id": Text => "Name of the quota, such as iam.max_cloud_api_keys.per_org; the same for all that it is applied to";
        "scope": Text => "What it is applied to: ORGANIZATION, KAFKA_CLUSTER, …";
        "display_name": Text => "Name for people";
        "default_limit": Integer => "The limit unless another one was agreed on";
        "applied_limit": Integer => "The limit that applies";
        "usage": Integer => "How much is used, if the service says";
        "user": REFERENCE => "The user that it is applied to";
        "organization": REFERENCE => "The organization that it is applied to";
        "environment": REFERENCE => "The environment that it is applied to";
        "network": REFERENCE => "The network that it is applied to";
        "kafka_cluster": REFERENCE => "The Kafka cluster that it is applied to";
        "identity_provider": REFERENCE => "The identity provider that it is applied to";
        "certificate_authority": REFERENCE => "The certificate authority that it is applied to";
        API_VERSION;
        KIND;
        METADATA;
    },
    has_get: false,
    filters: &[
        Filter {
            required: Some(Required {
                values: Values::Fixed(SCOPES),
                for_get: false,
            }),
            ..Filter::exact("scope", "scope")
        },
        Filter::exact("id", "id"),
    ],
    max_page_size: 200,
    role: "OrganizationAdmin",
    methods: &[Method::list(
        "list_service_quota_v1applied_quotas",
        "Reads the quotas of one scope or of all, page by page",
        &[
            Parameter::PAGE_SIZE,
            Parameter::optional("scope", "The scope; all of them if it is left out"),
            Parameter::optional("id", "Name of the quota"),
        ],
    )],
    ..SIBLING
};
