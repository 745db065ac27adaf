//! Kafka clusters: `confluent.managed_kafka_clusters.clusters`. After Confluent's API reference, "Clusters (cmk/v2)".

use super::clusters::{IN_ENVIRONMENT, OF_GET, OF_LIST};
use super::collection::{Nouns, Resource, Service};
use super::column::{Column, columns};
use super::common::{API_VERSION, ENVIRONMENT, KIND, METADATA, RAW_SPEC, REFERENCE, SIBLING};
use super::method::Method;

/// The service of Kafka clusters.
pub(super) const SERVICE: Service = Service {
    name: "managed_kafka_clusters",
    title: "Kafka clusters",
    description: "The Kafka clusters of an environment",
};

/// The Kafka clusters of all environments.
pub(super) const KAFKA_CLUSTERS: Resource = Resource {
    service: &SERVICE,
    table: "clusters",
    path: "/cmk/v2/clusters",
    api_version: "cmk/v2",
    kind: "Cluster",
    nouns: Nouns::of("Kafka cluster", "Kafka clusters"),
    columns: columns! {
        "id": Text => "Id of the cluster, lkc-…";
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
        Method::get("get_cmk_v2cluster", "Reads one Kafka cluster", OF_GET),
        Method::list(
            "list_cmk_v2clusters",
            "Reads all Kafka clusters, page by page",
            OF_LIST,
        ),
    ],
    ..SIBLING
};

const SPEC: &[Column] = columns! {
    "display_name": Text => "Name for people";
    "availability": Text => "How it is distributed over availability zones";
    "cloud": Text => "The cloud that it runs in";
    "region": Text => "The region of that cloud";
    "config": Object(CONFIG) => "What kind of cluster it is, and how large";
    "kafka_bootstrap_endpoint": Text => "Where Kafka clients connect";
    "http_endpoint": Text => "URL of the cluster";
    "api_endpoint": Text => "URL of its Kafka API";
    "endpoints": Json => "All of its endpoints, by access point";
    "deletion_protection": Boolean => "Whether it is protected from deletion";
    "environment": REFERENCE => "The environment that it is in";
    "network": REFERENCE => "The network that it is in";
    "byok": REFERENCE => "The key that it is encrypted with";
};

const CONFIG: &[Column] = columns! {
    "kind": Text => "Basic, Standard, Dedicated, Enterprise or Freight";
    "cku": Integer => "Size of a dedicated cluster, in CKU";
    "max_ecku": Integer => "The most that it may grow to, in eCKU";
};

const STATUS: &[Column] = columns! {
    "phase": Text => "Stage of its life cycle: PROVISIONING, PROVISIONED, FAILED, …";
    "cku": Integer => "Size of a dedicated cluster now, in CKU";
};
