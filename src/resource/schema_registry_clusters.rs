//! Schema Registries: `confluent.schema_registry_clusters.v3_clusters`. After Confluent's API reference, "Clusters (srcm/v3)".

use super::clusters::{IN_ENVIRONMENT, OF_GET, OF_LIST};
use super::collection::{Nouns, Resource, Service};
use super::column::{Column, Type};
use super::common::{API_VERSION, ENVIRONMENT, KIND, METADATA, RAW_SPEC, SIBLING, id, reference};
use super::method::Method;

/// The service of Schema Registries.
pub(super) const SERVICE: Service = Service {
    name: "schema_registry_clusters",
    title: "Schema Registries",
    description: "The Schema Registry of an environment",
};

/// The Schema Registries of all environments.
pub(super) const SCHEMA_REGISTRY_CLUSTERS: Resource = Resource {
    service: &SERVICE,
    table: "v3_clusters",
    path: "/srcm/v3/clusters",
    api_version: "srcm/v3",
    kind: "Cluster",
    nouns: Nouns {
        one: "Schema Registry",
        many: "Schema Registries",
        title: "Schema Registries",
    },
    columns: &[
        id("Id of the Schema Registry, lsrc-…"),
        RAW_SPEC,
        API_VERSION,
        KIND,
        METADATA,
        Column::read("spec", Type::Object(SPEC), "What the cluster is"),
        Column::read("status", Type::Object(STATUS), "How the cluster is"),
        ENVIRONMENT,
    ],
    filters: IN_ENVIRONMENT,
    role: "CloudClusterAdmin, EnvironmentAdmin or OrganizationAdmin",
    methods: &[
        Method::get("get_srcm_v3cluster", "Reads one Schema Registry", OF_GET),
        Method::list(
            "list_srcm_v3clusters",
            "Reads all Schema Registries, page by page",
            OF_LIST,
        ),
    ],
    ..SIBLING
};

const SPEC: &[Column] = &[
    Column::read("display_name", Type::Text, "Name for people"),
    Column::read("package", Type::Text, "The package: ESSENTIALS or ADVANCED"),
    Column::read("http_endpoint", Type::Text, "URL of the Schema Registry"),
    Column::read("catalog_http_endpoint", Type::Text, "URL of its catalog"),
    Column::read(
        "private_http_endpoint",
        Type::Text,
        "URL in private networks",
    ),
    Column::read(
        "private_networking_config",
        Type::Object(&[Column::read(
            "regional_endpoints",
            Type::Json,
            "URL by region",
        )]),
        "Endpoints in private networks",
    ),
    Column::read("cloud", Type::Text, "The cloud that it runs in"),
    Column::read("region", Type::Text, "The region of that cloud"),
    reference("environment", "The environment that it is in"),
];

const STATUS: &[Column] = &[Column::read(
    "phase",
    Type::Text,
    "Where it is in its life: PROVISIONING, PROVISIONED, FAILED, …",
)];
