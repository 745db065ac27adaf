//! The ksqlDB cluster of each environment.

use serde_json::{Value, json};

use super::super::organization::{KAFKA, KSQLDB, PUBLIC_BASE, parsed};
use super::collection::{Collection, ENVIRONMENT, READ_ONLY};
use super::inputs::{Inputs, crn, present};

pub(super) static COLLECTION: Collection = Collection {
    path: "/ksqldbcm/v2/clusters",
    api_version: "ksqldbcm/v2",
    kind: "Cluster",
    parameters: &[ENVIRONMENT],
    objects: ksqldb_clusters,
    ..READ_ONLY
};

fn ksqldb_clusters(inputs: &Inputs<'_>) -> Vec<Value> {
    let clusters = inputs.clusters(KSQLDB);
    clusters
        .map(|(id, environment)| ksqldb_cluster(inputs, id, environment))
        .collect()
}

fn ksqldb_cluster(inputs: &Inputs<'_>, id: &str, environment: &str) -> Value {
    let mut draw = inputs.draw(id);
    let base = format!("{}/environment={environment}", crn(inputs.organization));
    let kafka = inputs.clusters(KAFKA).find(|(_, own)| *own == environment);
    let kafka = kafka.map_or("lkc-000000", |(id, _)| id);
    let accounts: Vec<_> = present(inputs.organization)
        .filter(|owner| !owner.is_person())
        .collect();
    let account = &accounts[draw.index(accounts.len())].reference;
    let members = json!({
        "spec": {
            "display_name": format!("ksqlDB_{}", &id["lksqlc-".len()..]),
            "use_detailed_processing_log": true,
            "csu": 1 << draw.index(3),
            "kafka_cluster": {
                "id": kafka,
                "environment": environment,
                "related": format!("{PUBLIC_BASE}/cmk/v2/clusters/{kafka}"),
                "resource_name": format!("{base}/cloud-cluster={kafka}"),
                "api_version": "cmk/v2",
                "kind": "Cluster",
            },
            "credential_identity": parsed(account),
            "environment": inputs.environment(environment),
        },
        "status": {
            "phase": "PROVISIONED",
            "is_paused": false,
            "storage": 125,
            "topic_prefix": format!("p{}", id.trim_start_matches('l')),
            "http_endpoint": format!("https://{id}.us-east-1.aws.confluent.cloud"),
        },
    });
    COLLECTION.object(
        inputs,
        id,
        &format!("{base}/cloud-cluster={kafka}/ksql={id}"),
        members,
    )
}
