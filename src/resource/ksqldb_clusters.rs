//! ksqlDB clusters: `confluent.ksqldb_clusters.clusters`. After Confluent's API reference, "Clusters (ksqldbcm/v2)".

use super::clusters::{IN_ENVIRONMENT, OF_GET, OF_LIST};
use super::collection::{Nouns, Resource, Service};
use super::column::{Column, columns};
use super::common::{API_VERSION, ENVIRONMENT, KIND, METADATA, RAW_SPEC, REFERENCE, SIBLING};
use super::method::Method;

/// The service of ksqlDB clusters.
pub(super) const SERVICE: Service = Service {
    name: "ksqldb_clusters",
    title: "ksqlDB clusters",
    description: "The ksqlDB clusters of an environment",
};

/// The ksqlDB clusters of all environments.
pub(super) const KSQLDB_CLUSTERS: Resource = Resource {
    service: &SERVICE,
    table: "clusters",
    path: "/ksqldbcm/v2/clusters",
    api_version: "ksqldbcm/v2",
    kind: "Cluster",
    nouns: Nouns::of("ksqlDB cluster", "ksqlDB clusters"),
    columns: columns! {
        "id": Text => "Id of the cluster, lksqlc-…";
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
        Method::get("get_ksqldbcm_v2cluster", "Reads one ksqlDB cluster", OF_GET),
        Method::list(
            "list_ksqldbcm_v2clusters",
            "Reads all ksqlDB clusters, page by page",
            OF_LIST,
        ),
    ],
    ..SIBLING
};

const SPEC: &[Column] = columns! {
    "display_name": Text => "Name for people";
    "use_detailed_processing_log": Boolean => "Whether the processing log contains rows";
    "csu": Integer => "Size, in CSU";
    "kafka_cluster": REFERENCE => "The Kafka cluster that it works on";
    "credential_identity": REFERENCE => "The user or service account that it acts as";
    "environment": REFERENCE => "The environment that it is in";
};

const STATUS: &[Column] = columns! {
    "phase": Text => "Stage of its life cycle: PROVISIONING, PROVISIONED, FAILED";
    "is_paused": Boolean => "Whether it is paused";
    "storage": Integer => "Storage, in GB";
    "topic_prefix": Text => "What its topics begin with";
    "http_endpoint": Text => "URL of the cluster";
};
