//! The Kafka clusters that are still there.

use serde_json::{Value, json};

use super::super::names::SYSTEMS;
use super::super::organization::KAFKA;
use super::collection::{Collection, ENVIRONMENT, Parameter, READ_ONLY};
use super::inputs::{Inputs, crn};

pub(super) static COLLECTION: Collection = Collection {
    path: "/cmk/v2/clusters",
    api_version: "cmk/v2",
    kind: "Cluster",
    parameters: &[
        ENVIRONMENT,
        Parameter::new("spec.deletion_protection", "/spec/deletion_protection")
            .admitting(|found, truth| found.as_bool() == truth.parse().ok()),
        Parameter::new("spec.network", "/spec/network/id").repeatable(),
    ],
    objects: kafka_clusters,
    ..READ_ONLY
};

/// What kind of cluster `id` is. The first environment is for production.
pub(super) fn kind(inputs: &Inputs<'_>, id: &str, environment: &str) -> &'static str {
    if inputs.organization.environments.first().map(String::as_str) == Some(environment) {
        return "Dedicated";
    }
    ["Basic", "Standard", "Enterprise"][inputs.draw(id).index(3)]
}

fn kafka_clusters(inputs: &Inputs<'_>) -> Vec<Value> {
    inputs
        .clusters(KAFKA)
        .enumerate()
        .map(|(number, (id, environment))| kafka_cluster(inputs, number, id, environment))
        .collect()
}

fn kafka_cluster(inputs: &Inputs<'_>, number: usize, id: &str, environment: &str) -> Value {
    let crn = format!(
        "{}/environment={environment}/cloud-cluster={id}/kafka={id}",
        crn(inputs.organization)
    );
    let (cloud, region) = [
        ("AWS", "us-east-1"),
        ("AWS", "eu-central-1"),
        ("GCP", "europe-west3"),
    ][number % 3];
    let host = format!(
        "{id}.{region}.{}.confluent.cloud",
        cloud.to_ascii_lowercase()
    );
    let kind = kind(inputs, id, environment);
    let members = json!({
        "spec": {
            "display_name": format!("{}-{}", SYSTEMS[number % SYSTEMS.len()], number + 1),
            "availability": if kind == "Basic" { "LOW" } else { "HIGH" },
            "cloud": cloud,
            "region": region,
            "config": { "kind": kind },
            "kafka_bootstrap_endpoint": format!("SASL_SSL://{host}:9092"),
            "http_endpoint": format!("https://{host}:443"),
            "deletion_protection": kind == "Dedicated",
            "environment": inputs.environment(environment),
        },
        "status": { "phase": "PROVISIONED" },
    });
    let mut cluster = COLLECTION.object(inputs, id, &crn, members);
    if kind == "Dedicated" {
        cluster["spec"]["config"]["cku"] = json!(2);
        cluster["status"]["cku"] = json!(2);
    }
    cluster
}
