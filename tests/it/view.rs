//! `vw_api_keys`: what people see of a key.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{Lab, key, number};

/// A key whose `spec.resource` is `resource`.
fn on(id: &str, resource: Value) -> Value {
    let mut key = key(id, "sa-1", "");
    key["spec"]["resource"] = resource;
    key
}

#[tokio::test]
async fn the_columns_are_those_people_ask_for() {
    let lab = Lab::with_keys(1).await;
    let answer = lab.run("SELECT * FROM vw_api_keys").await;
    assert_eq!(
        answer.columns,
        [
            "id",
            "display_name",
            "description",
            "owner_id",
            "owner_kind",
            "resource_id",
            "resource_kind",
            "resource_type",
            "environment_id",
            "created_at",
            "updated_at",
            "created_by",
            "expires_at",
            "is_expired",
            "days_left",
            "age_days",
        ]
    );
}

#[tokio::test]
async fn the_type_of_a_resource_is_named_as_confluents_own_cli_names_it() {
    let cases = [
        (json!({"id": "lkc-1", "kind": "Cluster"}), "kafka"),
        (
            json!({"id": "lsrc-1", "kind": "SchemaRegistry"}),
            "schema-registry",
        ),
        (
            json!({"id": "lsrc-1", "kind": "Cluster"}),
            "schema-registry",
        ),
        (json!({"id": "lksqlc-1", "kind": "ksqlDB"}), "ksql"),
        (json!({"id": "lksqlc-1", "kind": "Cluster"}), "ksql"),
        (
            json!({"id": "aws.us-east-1", "kind": "Region"}),
            "flink-region",
        ),
        (
            json!({"id": "env-1.aws.us-east-1", "kind": "Region"}),
            "flink-region",
        ),
        (json!({"id": "tableflow", "kind": "Tableflow"}), "tableflow"),
        (json!({"id": "TABLEFLOW"}), "tableflow"),
        (json!({"id": "cloud", "kind": "Cloud"}), "cloud"),
        (json!({"id": "CLOUD"}), "cloud"),
        (json!({"id": "global", "kind": "Global"}), "global"),
        (json!({"id": "new-1", "kind": "Cluster"}), "kafka"),
        (json!(null), "cloud"),
        (json!({"id": "new-1", "kind": "New"}), "NULL"),
    ];
    let keys = cases
        .iter()
        .enumerate()
        .map(|(n, (resource, _))| on(&number(n), resource.clone()));
    let lab = Lab::of(keys).await;
    let answer = lab
        .run("SELECT resource_type FROM vw_api_keys ORDER BY id")
        .await;
    let expected: Vec<_> = cases.iter().map(|(_, name)| *name).collect();
    assert_eq!(answer.rows, expected);
}

#[tokio::test]
async fn a_key_without_any_resource_is_a_cloud_key_and_one_of_several_clusters_is_not() {
    let mut none = key("K001", "sa-1", "");
    none["spec"].as_object_mut().unwrap().remove("resource");
    let mut several = none.clone();
    several["id"] = json!("K002");
    several["spec"]["resources"] = json!([{"id": "lkc-1"}, {"id": "lkc-2"}]);
    let bare = json!({"id": "K003"});
    let lab = Lab::of([none, several, bare]).await;
    let answer = lab
        .run("SELECT id, resource_type FROM vw_api_keys ORDER BY id")
        .await;
    assert_eq!(answer.rows, ["K001 | cloud", "K002 | NULL", "K003 | NULL"]);
}

#[tokio::test]
async fn the_environment_is_taken_from_wherever_it_stands() {
    let crn = |rest: &str| format!("crn://api.confluent.cloud/organization=org-1/{rest}");
    let lab = Lab::of([
        on("K000", json!({"id": "lkc-1", "environment": "env-a"})),
        on(
            "K001",
            json!({"id": "lkc-1", "resource_name": crn("environment=env-b/cloud-cluster=lkc-1")}),
        ),
        on(
            "K002",
            json!({"id": "lsrc-1", "environment": "env-c", "resource_name": crn("schema-registry=lsrc-1")}),
        ),
        on(
            "K003",
            json!({"id": "lsrc-1", "resource_name": crn("schema-registry=lsrc-1")}),
        ),
        on("K004", json!({"id": "env-d.aws.us-east-1", "kind": "Region"})),
        on(
            "K005",
            json!({"id": "lkc-1", "environment": "", "resource_name": crn("environment=env-f")}),
        ),
        on("K006", json!({"id": "cloud", "resource_name": "cloud"})),
    ])
    .await;
    let answer = lab
        .run("SELECT environment_id FROM vw_api_keys ORDER BY id")
        .await;
    assert_eq!(
        answer.rows,
        ["env-a", "env-b", "env-c", "NULL", "env-d", "env-f", "NULL"]
    );
}

#[tokio::test]
async fn the_age_is_counted_in_whole_days() {
    let now = Utc::now();
    let aged = |id: &str, age: TimeDelta| {
        let mut key = key(id, "sa-1", "lkc-1");
        key["metadata"]["created_at"] = json!((now - age).to_rfc3339());
        key
    };
    let lab = Lab::of([
        aged("K000", TimeDelta::hours(1)),
        aged("K001", TimeDelta::hours(25)),
        aged("K002", TimeDelta::hours(24 * 400 + 12)),
        json!({"id": "K003", "spec": {}}),
    ])
    .await;
    let answer = lab
        .run("SELECT id, age_days FROM vw_api_keys ORDER BY id")
        .await;
    assert_eq!(
        answer.rows,
        ["K000 | 0", "K001 | 1", "K002 | 400", "K003 | NULL"]
    );
    let old = lab
        .run("SELECT id FROM vw_api_keys WHERE age_days > 90")
        .await;
    assert_eq!(old.rows, ["K002"]);
    let old = lab
        .run("SELECT id FROM api_keys WHERE metadata.created_at < now() - interval '90 days'")
        .await;
    assert_eq!(old.rows, ["K002"]);
}

#[tokio::test]
async fn the_table_and_the_view_cannot_be_replaced() {
    let lab = Lab::with_keys(1).await;
    for statement in [
        "CREATE TABLE api_keys AS SELECT 1",
        "CREATE OR REPLACE TABLE api_keys AS SELECT 1",
        "CREATE OR REPLACE VIEW vw_api_keys AS SELECT 1",
        "DROP TABLE api_keys",
        "DROP VIEW vw_api_keys",
    ] {
        let error = lab.fail(statement).await;
        assert!(error.starts_with("error: "), "{statement}: {error}");
        assert!(!error.contains("Execution"), "{statement}: {error}");
    }
    assert_eq!(
        lab.run("SELECT count(*) FROM vw_api_keys").await.value(),
        "1"
    );
}
