//! Schema Registries: `confluent.schema_registry_clusters.v3_clusters`. After Confluent's API reference, "Clusters (srcm/v3)".

use super::clusters::{IN_ENVIRONMENT, OF_GET, OF_LIST};
use super::collection::{Nouns, Resource, Service};
use super::column::{Column, columns};
use super::common::{API_VERSION, ENVIRONMENT, KIND, METADATA, RAW_SPEC, REFERENCE, SIBLING};
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
    nouns: Nouns::of("Schema Registry", "Schema Registries"),
    columns: columns! {
        "id": Text => "Id of the Schema Registry, lsrc-…";
        RAW_SPEC;
        API_VERSION;
        KIND;
        METADATA;
        "spec": Object(SPEC) => "What the cluster is";
        "status": Object(STATUS) => "State of the cluster";
        ENVIRONMENT;
    },
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

const SPEC: &[Column] = columns! {
    "display_name": Text => "Name for people";
    "package": Text => "The package: ESSENTIALS or ADVANCED";
    "http_endpoint": Text => "URL of the Schema Registry";
    "catalog_http_endpoint": Text => "URL of its catalog";
    "private_http_endpoint": Text => "URL in private networks";
    "private_networking_config": Object(PRIVATE_NETWORKING) => "Endpoints in private networks";
    "cloud": Text => "The cloud that it runs in";
    "region": Text => "The region of that cloud";
    "environment": REFERENCE => "The environment that it is in";
};

const PRIVATE_NETWORKING: &[Column] = columns! {
    "regional_endpoints": Json => "URL by region";
};

const STATUS: &[Column] = columns! {
    "phase": Text => "Stage of its life cycle: PROVISIONING, PROVISIONED, FAILED, …";
};
