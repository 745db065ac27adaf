//! ksqlDB clusters: `confluent.ksqldb_clusters.clusters`. After Confluent's API reference, "Clusters (ksqldbcm/v2)".

use super::clusters::{IN_ENVIRONMENT, OF_GET, OF_LIST};
use super::collection::{Nouns, Resource, Service};
use super::column::{Column, Type};
use super::common::{API_VERSION, ENVIRONMENT, KIND, METADATA, RAW_SPEC, SIBLING, id, reference};
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
    nouns: Nouns {
        one: "ksqlDB cluster",
        many: "ksqlDB clusters",
        title: "ksqlDB clusters",
    },
    columns: &[
        id("Id of the cluster, lksqlc-…"),
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
        Method::get("get_ksqldbcm_v2cluster", "Reads one ksqlDB cluster", OF_GET),
        Method::list(
            "list_ksqldbcm_v2clusters",
            "Reads all ksqlDB clusters, page by page",
            OF_LIST,
        ),
    ],
    ..SIBLING
};

const SPEC: &[Column] = &[
    Column::read("display_name", Type::Text, "Name for people"),
    Column::read(
        "use_detailed_processing_log",
        Type::Boolean,
        "Whether the processing log contains rows",
    ),
    Column::read("csu", Type::Integer, "Size, in CSU"),
    reference("kafka_cluster", "The Kafka cluster that it works on"),
    reference(
        "credential_identity",
        "The user or service account that it acts as",
    ),
    reference("environment", "The environment that it is in"),
];

const STATUS: &[Column] = &[
    Column::read(
        "phase",
        Type::Text,
        "Where it is in its life: PROVISIONING, PROVISIONED, FAILED",
    ),
    Column::read("is_paused", Type::Boolean, "Whether it is paused"),
    Column::read("storage", Type::Integer, "Storage, in GB"),
    Column::read("topic_prefix", Type::Text, "What its topics begin with"),
    Column::read("http_endpoint", Type::Text, "URL of the cluster"),
];
