//! Quotas and their usage. Usage is counted on request, so it reflects the current
//! keys.
//!
//! Two quotas are nearly used up: service accounts, and the keys of the Kafka cluster that most keys were for at the
//! start. The id is the code of a quota, so the same one comes once for every environment or cluster.

use serde_json::{Value, json};

use super::super::organization::{KAFKA, PUBLIC_BASE, parsed};
use super::collection::{Collection, Parameter, READ_ONLY};
use super::inputs::{Inputs, crn};
use super::{kafka_clusters, service_accounts, users};

pub(super) static COLLECTION: Collection = Collection {
    path: "/service-quota/v1/applied-quotas",
    api_version: "service-quota/v1",
    kind: "AppliedQuota",
    parameters: &[
        Parameter::new("scope", "/scope").required(),
        Parameter::new("environment", "/environment/id").by_id(),
        Parameter::new("network", "/network/id").by_id(),
        Parameter::new("kafka_cluster", "/kafka_cluster/id").by_id(),
        Parameter::new("identity_provider", "/identity_provider/id").by_id(),
        Parameter::new("certificate_authority", "/certificate_authority/id").by_id(),
        Parameter::new("id", "/id"),
    ],
    max_page_size: 200,
    objects: applied_quotas,
    ..READ_ONLY
};

fn applied_quotas(inputs: &Inputs<'_>) -> Vec<Value> {
    let organization = inputs.organization;
    let keys = inputs.store.len();
    let count = |collection: &Collection| (collection.objects)(inputs).len();
    let accounts = count(&service_accounts::COLLECTION);
    let mut quotas = Vec::new();

    let limit = inputs.config.quota.unwrap_or(3000);
    for (code, name, default, applied, usage) in [
        (
            "iam.max_cloud_api_keys.per_org",
            "API keys per organization",
            3000,
            limit,
            keys,
        ),
        (
            "iam.max_service_accounts.per_org",
            "Service accounts per organization",
            1000,
            accounts + 1,
            accounts,
        ),
        (
            "iam.max_users.per_org",
            "Users per organization",
            250,
            250,
            count(&users::COLLECTION),
        ),
        (
            "iam.max_environments.per_org",
            "Environments per organization",
            25,
            25,
            organization.environments.len(),
        ),
    ] {
        let mut quota = quota(inputs, "ORGANIZATION", (code, name), default, applied);
        quota["usage"] = json!(usage);
        quota["organization"] = json!({
            "id": organization.id,
            "related": format!("{PUBLIC_BASE}/org/v2/organizations/{}", organization.id),
            "resource_name": crn(organization),
        });
        quotas.push(quota);
    }

    for environment in &organization.environments {
        let name = (
            "kafka.max_kafka_clusters.per_env",
            "Kafka clusters per environment",
        );
        let mut quota = quota(inputs, "ENVIRONMENT", name, 20, 20);
        let clusters = inputs.clusters(KAFKA).filter(|(_, own)| own == environment);
        quota["usage"] = json!(clusters.count());
        quota["environment"] = global(inputs.environment(environment));
        quotas.push(quota);
    }

    let used = inputs.keys_by_resource();
    for (cluster, environment) in inputs.clusters(KAFKA) {
        let default = match kafka_clusters::kind(inputs, cluster, environment) {
            "Basic" => 50,
            "Standard" => 250,
            "Enterprise" => 2500,
            _ => 20_000,
        };
        let applied = match inputs.busiest {
            Some((busiest, count)) if busiest == cluster => count + 1,
            _ => default,
        };
        let name = (
            "kafka.max_api_keys.per_cluster",
            "API keys per Kafka cluster",
        );
        let mut quota = quota(inputs, "KAFKA_CLUSTER", name, default, applied);
        quota["usage"] = json!(used.get(cluster).copied().unwrap_or(0));
        quota["environment"] = global(inputs.environment(environment));
        quota["kafka_cluster"] = json!({
            "id": cluster,
            "environment": environment,
            "related": format!("{PUBLIC_BASE}/cmk/v2/clusters/{cluster}"),
            "resource_name":
                format!("{}/environment={environment}/cloud-cluster={cluster}", crn(organization)),
        });
        quotas.push(quota);
    }

    // Usage is not told for these.
    let name = (
        "iam.max_cloud_api_keys.per_service_account",
        "API keys per service account",
    );
    quotas.push(quota(inputs, "SERVICE_ACCOUNT", name, 100, 100));
    let person = global(parsed(&organization.person().reference));
    for (code, name) in [
        ("iam.max_cloud_api_keys.per_user", "Cloud API keys per user"),
        (
            "iam.max_cluster_api_keys.per_user",
            "Cluster API keys per user",
        ),
    ] {
        let mut quota = quota(inputs, "USER_ACCOUNT", (code, name), 10, 10);
        quota["user"] = person.clone();
        quotas.push(quota);
    }
    quotas
}

fn quota(
    inputs: &Inputs<'_>,
    scope: &str,
    (code, name): (&str, &str),
    default: usize,
    applied: usize,
) -> Value {
    let crn = format!("{}/applied-quota={code}", crn(inputs.organization));
    let members = json!({
        "scope": scope,
        "display_name": name,
        "default_limit": default,
        "applied_limit": applied,
    });
    COLLECTION.object(inputs, code, &crn, members)
}

/// Returns a reference without its type, as this group writes them.
fn global(mut reference: Value) -> Value {
    if let Some(members) = reference.as_object_mut() {
        members.retain(|name, _| matches!(name.as_str(), "id" | "related" | "resource_name"));
    }
    reference
}
