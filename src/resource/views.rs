//! Views over the resources, for common questions about keys; each may use those before it.

use super::api_keys::{API_KEYS, IAM, VW_API_KEYS};
use super::findings;
use super::relation::{Definition, View};

/// All views, in the order of SHOW RESOURCES.
pub const VIEWS: &[&View] = &[&VW_API_KEYS, &INVENTORY, &FINDINGS];

/// Keys with the names of their owners and of what they open.
///
/// Each join is with the unique id of a collection, so one whose columns nobody names adds nothing, and is left out.
const INVENTORY: View = View {
    service: &IAM,
    name: "vw_api_key_inventory",
    of: &API_KEYS,
    definition: Definition::Sql(INVENTORY_SQL),
    description: "API keys with the names of their owners and of what they open",
    computed: &[
        (
            "owner_name",
            "Full name of the user, or display name of the service account, that owns the key",
        ),
        (
            "owner_email",
            "E-mail address of the user that owns the key",
        ),
        (
            "owner_is_known",
            "Whether the owner is among the users and the service accounts",
        ),
        (
            "resource_display_name",
            "Name of the Kafka cluster, Schema Registry or ksqlDB cluster that the key opens",
        ),
        (
            "environment_display_name",
            "Name of the environment of what the key opens",
        ),
    ],
};

const INVENTORY_SQL: &str = "
SELECT
    keys.*,
    coalesce(users.full_name, accounts.display_name) AS owner_name,
    users.email AS owner_email,
    users.id IS NOT NULL OR accounts.id IS NOT NULL AS owner_is_known,
    coalesce(kafka.spec.display_name, registries.spec.display_name, ksqldb.spec.display_name) AS resource_display_name,
    environments.display_name AS environment_display_name
FROM confluent.iam.vw_api_keys AS keys
LEFT JOIN confluent.iam.users AS users ON keys.owner_id = users.id
LEFT JOIN confluent.iam.service_accounts AS accounts ON keys.owner_id = accounts.id
LEFT JOIN confluent.org.environments AS environments ON keys.environment_id = environments.id
LEFT JOIN confluent.managed_kafka_clusters.clusters AS kafka ON keys.resource_id = kafka.id
LEFT JOIN confluent.schema_registry_clusters.v3_clusters AS registries ON keys.resource_id = registries.id
LEFT JOIN confluent.ksqldb_clusters.clusters AS ksqldb ON keys.resource_id = ksqldb.id";

/// What may be wrong with keys.
const FINDINGS: View = View {
    service: &IAM,
    name: "vw_api_key_findings",
    of: &API_KEYS,
    definition: Definition::Controls,
    description: "What may be wrong with keys: a row for each finding",
    computed: findings::COLUMNS,
};
