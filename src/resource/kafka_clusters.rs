//! Kafka clusters: `confluent.managed_kafka_clusters.clusters`. After Confluent's API reference, "Clusters (cmk/v2)".

use super::clusters::{IN_ENVIRONMENT, OF_GET, OF_LIST};
use super::collection::{Nouns, Resource, Service};
use super::column::{Column, Type};
use super::common::{API_VERSION, ENVIRONMENT, KIND, METADATA, RAW_SPEC, SIBLING, id, reference};
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
    nouns: Nouns {
        one: "Kafka cluster",
        many: "Kafka clusters",
        title: "Kafka clusters",
    },
    columns: &[
        id("Id of the cluster, lkc-…"),
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
        Method::get("get_cmk_v2cluster", "Reads one Kafka cluster", OF_GET),
        Method::list(
            "list_cmk_v2clusters",
            "Reads all Kafka clusters, page by page",
            OF_LIST,
        ),
    ],
    ..SIBLING
};

const SPEC: &[Column] = &[
    Column::read("display_name", Type::Text, "Name for people"),
    Column::read("availability", Type::Text, "How it is spread over zones"),
    Column::read("cloud", Type::Text, "The cloud that it runs in"),
    Column::read("region", Type::Text, "The region of that cloud"),
    Column::read(
        "config",
        Type::Object(&[
            Column::read(
                "kind",
                Type::Text,
                "Basic, Standard, Dedicated, Enterprise or Freight",
            ),
            Column::read("cku", Type::Integer, "Size of a dedicated cluster, in CKU"),
            Column::read(
                "max_ecku",
                Type::Integer,
                "The most that it may grow to, in eCKU",
            ),
        ]),
        "What kind of cluster it is, and how large",
    ),
    Column::read(
        "kafka_bootstrap_endpoint",
        Type::Text,
        "Where Kafka clients connect",
    ),
    Column::read("http_endpoint", Type::Text, "URL of the cluster"),
    Column::read("api_endpoint", Type::Text, "URL of its Kafka API"),
    Column::read(
        "endpoints",
        Type::Json,
        "All of its endpoints, by access point",
    ),
    Column::read(
        "deletion_protection",
        Type::Boolean,
        "Whether it is protected from deletion",
    ),
    reference("environment", "The environment that it is in"),
    reference("network", "The network that it is in"),
    reference("byok", "The key that it is encrypted with"),
];

const STATUS: &[Column] = &[
    Column::read(
        "phase",
        Type::Text,
        "Where it is in its life: PROVISIONING, PROVISIONED, FAILED, …",
    ),
    Column::read(
        "cku",
        Type::Integer,
        "Size of a dedicated cluster now, in CKU",
    ),
];
