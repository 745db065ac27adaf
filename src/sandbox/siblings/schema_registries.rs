//! The Schema Registry of each environment.

use serde_json::{Value, json};

use super::super::organization::SCHEMA_REGISTRY;
use super::collection::{Collection, ENVIRONMENT, READ_ONLY};
use super::inputs::{Inputs, crn};

pub(super) static COLLECTION: Collection = Collection {
    path: "/srcm/v3/clusters",
    api_version: "srcm/v3",
    kind: "Cluster",
    parameters: &[ENVIRONMENT],
    objects: schema_registries,
    ..READ_ONLY
};

fn schema_registries(inputs: &Inputs<'_>) -> Vec<Value> {
    let organization = crn(inputs.organization);
    let clusters = inputs.clusters(SCHEMA_REGISTRY);
    clusters
        .map(|(id, environment)| {
            let crn = format!("{organization}/environment={environment}/schema-registry={id}");
            let production = &inputs.organization.environments[0];
            let package = if environment == production {
                "ADVANCED"
            } else {
                "ESSENTIALS"
            };
            let host = format!("https://{id}.us-east-1.aws.confluent.cloud");
            let members = json!({
                "spec": {
                    "display_name": "Stream Governance Package",
                    "package": package,
                    "http_endpoint": host,
                    "catalog_http_endpoint": host,
                    "private_http_endpoint": "",
                    "private_networking_config": {},
                    "cloud": "AWS",
                    "region": "us-east-1",
                    "environment": inputs.environment(environment),
                },
                "status": { "phase": "PROVISIONED" },
            });
            COLLECTION.object(inputs, id, &crn, members)
        })
        .collect()
}
