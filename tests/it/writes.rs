//! INSERT, UPDATE and DELETE: the rows they answer with and the requests they send.

use iamql::session::Options;
use serde_json::{Value, json};

use crate::support::{Lab, key, number, organization};

#[tokio::test]
async fn insert_shows_id_name_and_secret_and_sends_one_post_a_row() {
    let lab = Lab::small(Options::default()).await;
    let answer = lab
        .run(
            "INSERT INTO api_keys (spec.display_name, spec.owner.id, spec.resource.id, spec.resource.environment)
             VALUES ('one', 'sa-1', 'lkc-1', 'env-1'), ('two', 'sa-2', DEFAULT, DEFAULT)",
        )
        .await;
    assert_eq!(answer.columns, ["id", "display_name", "secret"]);
    assert_eq!(answer.requests, ["POST /iam/v2/api-keys"; 2]);
    let names: Vec<_> = answer
        .rows
        .iter()
        .map(|r| r.split(" | ").nth(1).unwrap())
        .collect();
    assert_eq!(names, ["one", "two"]);
    for row in &answer.rows {
        let secret = row.split(" | ").nth(2).unwrap();
        assert!(secret.starts_with("cflt") && secret.len() == 64, "{row}");
    }
    let mut sent = lab.bodies();
    sent.sort_by_key(Value::to_string);
    assert_eq!(
        sent,
        [
            json!({"spec": {"display_name": "one", "owner": {"id": "sa-1"}, "resource": {"id": "lkc-1", "environment": "env-1"}}}),
            json!({"spec": {"display_name": "two", "owner": {"id": "sa-2"}}}),
        ]
    );
}

#[tokio::test]
async fn every_form_of_insert_sends_the_same_body() {
    let lab = Lab::with_params(organization(0), [("name", "n"), ("1", "sa-1")]).await;
    lab.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    lab.write("keys.csv", "name,owner\nn,sa-1\n");
    lab.write(
        "keys.json",
        "{\"name\":\"n\",\"owner\":{\"id\":\"sa-1\"}}\n",
    );
    for sql in [
        r#"INSERT INTO api_keys (spec) VALUES ('{"display_name":"n","owner":{"id":"sa-1"}}')"#,
        r#"INSERT INTO confluent.iam.api_keys (data__spec) SELECT '{"display_name":"n","owner":{"id":"sa-1"}}'"#,
        r#"/*+ create */ INSERT /*+ AWAIT */ INTO iam.api_keys (data__spec) SELECT '{"display_name":"n","owner":{"id":"sa-1"}}'"#,
        "INSERT INTO api_keys (spec.display_name, spec.owner.id) VALUES ('n', 'sa-1')",
        "INSERT INTO api_keys (spec.display_name, spec.owner.id) VALUES ($name, $1)",
        "INSERT INTO api_keys (spec) VALUES ({'display_name': 'n', 'owner': {'id': 'sa-1'}})",
        "INSERT INTO api_keys (spec.display_name, spec.owner) VALUES ('n', named_struct('id', 'sa-1'))",
        r#"INSERT INTO api_keys (spec.display_name, spec.owner) VALUES ('n', '{"id":"sa-1"}')"#,
        "INSERT INTO api_keys (spec.display_name, spec.owner.id) SELECT name, owner FROM '{dir}/keys.csv'",
        "INSERT INTO api_keys (spec.display_name, spec.owner) SELECT name, owner FROM '{dir}/keys.json'",
        "INSERT INTO api_keys (spec.display_name, spec.owner.id) SELECT 'n', spec.owner.id FROM api_keys WHERE id = 'K000'",
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(answer.rows.len(), 1, "{sql}");
        assert_eq!(
            lab.bodies(),
            [json!({"spec": {"display_name": "n", "owner": {"id": "sa-1"}}})],
            "{sql}"
        );
    }
}

#[tokio::test]
async fn a_key_can_be_copied_whole() {
    let lab = Lab::small(Options::default()).await;
    for sql in [
        "INSERT INTO api_keys (spec) SELECT spec FROM api_keys WHERE id = 'K005'",
        "INSERT INTO api_keys (spec) SELECT JSON_SET(JSON_REMOVE(spec, '$.secret'), '$.description', 'copy')
         FROM confluent.iam.api_keys WHERE id = 'K005' RETURNING *",
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(answer.requests, ["GET /iam/v2/api-keys/K005", "POST /iam/v2/api-keys"]);
        let sent = lab.bodies().remove(0);
        assert_eq!(sent["spec"]["resource"]["id"], "lkc-2", "{sql}");
        assert_eq!(sent["spec"]["owner"], json!({"id": "sa-2", "api_version": "iam/v2", "kind": "ServiceAccount"}));
        assert!(sent["spec"].get("secret").is_none());
    }
}

#[tokio::test]
async fn zero_rows_are_zero_requests() {
    let lab = Lab::small(Options::default()).await;
    let answer = lab
        .run("INSERT INTO api_keys (spec.owner.id) SELECT 'sa-1' WHERE false")
        .await;
    assert_eq!((answer.rows.len(), answer.requests.len()), (0, 0));
    let answer = lab
        .run("UPDATE api_keys SET spec.description = 'x' WHERE false RETURNING id")
        .await;
    assert_eq!((answer.rows.len(), answer.requests.len()), (0, 0));
    let answer = lab
        .run("DELETE FROM api_keys WHERE id = 'a' AND id = 'b'")
        .await;
    assert_eq!((answer.rows.len(), answer.requests.len()), (0, 0));
}

#[tokio::test]
async fn secrets_may_be_lost_by_those_who_mean_it() {
    let lab = Lab::small(Options {
        discard_secrets: true,
        ..Options::default()
    })
    .await;
    let answer = lab
        .run(
            "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') RETURNING spec.owner.id AS owner",
        )
        .await;
    assert_eq!(
        (answer.columns, answer.rows),
        (vec!["owner".to_owned()], vec!["sa-1".to_owned()])
    );
}

#[tokio::test]
async fn update_by_id_with_constants_is_one_patch_and_nothing_else() {
    let lab = Lab::small(Options::default()).await;
    for (sql, body) in [
        (
            "UPDATE api_keys SET spec.description = 'x' WHERE id = 'K000'",
            json!({"description": "x"}),
        ),
        (
            "UPDATE api_keys SET spec.description = '' WHERE id = 'K000'",
            json!({"description": ""}),
        ),
        (
            "UPDATE api_keys k SET spec.display_name = upper('a') || 'b', spec.description = 'y' WHERE k.id = 'K000'",
            json!({"display_name": "Ab", "description": "y"}),
        ),
        (
            r#"UPDATE api_keys SET spec = '{"description":"z"}' WHERE id = 'K000'"#,
            json!({"description": "z"}),
        ),
        (
            r#"UPDATE /*+ AWAIT */ api_keys SET data__spec = '{"description":"q"}' WHERE id = 'K000'"#,
            json!({"description": "q"}),
        ),
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(answer.requests, ["PATCH /iam/v2/api-keys/K000"], "{sql}");
        assert_eq!(lab.bodies(), [json!({"spec": body})], "{sql}");
        assert_eq!(answer.rows, [""; 0]);
    }
    let answer = lab
        .run("UPDATE api_keys SET spec.description = 'r' WHERE id IN ('K000', 'K001') RETURNING id, spec.description")
        .await;
    assert_eq!(
        answer.sorted_requests(),
        ["PATCH /iam/v2/api-keys/K000", "PATCH /iam/v2/api-keys/K001"]
    );
    assert_eq!(answer.rows, ["K000 | r", "K001 | r"]);
}

#[tokio::test]
async fn update_finds_its_rows_as_select_does() {
    let lab = Lab::small(Options::default()).await;
    let answer = lab
        .run(
            "UPDATE api_keys SET spec.description = spec.display_name || '!' WHERE spec.owner.id = 'sa-2'
             RETURNING id, spec.description",
        )
        .await;
    assert_eq!(
        answer.requests,
        [
            "GET /iam/v2/api-keys?spec.owner=sa-2&show_expired=true&page_size=100",
            "PATCH /iam/v2/api-keys/K005"
        ]
    );
    assert_eq!(answer.rows, ["K005 | key K005!"]);
    let answer = lab
        .run("UPDATE api_keys SET spec.description = spec.display_name WHERE id = 'K001'")
        .await;
    assert_eq!(
        answer.requests,
        ["GET /iam/v2/api-keys/K001", "PATCH /iam/v2/api-keys/K001"]
    );
}

#[tokio::test]
async fn update_and_delete_take_rows_from_other_tables() {
    let lab = Lab::small(Options::default()).await;
    lab.write(
        "notes.csv",
        "key,note\nK001,first\nK002,second\nK009,none\n",
    );
    let answer = lab
        .run(
            "UPDATE api_keys k SET spec.description = n.note FROM '{dir}/notes.csv' n WHERE k.id = n.key
             RETURNING k.id, spec.description",
        )
        .await;
    let mut rows = answer.rows.clone();
    rows.sort();
    assert_eq!(rows, ["K001 | first", "K002 | second"]);
    lab.write("twice.csv", "key,note\nK001,a\nK001,b\n");
    let error = lab
        .fail("UPDATE api_keys k SET spec.description = n.note FROM '{dir}/twice.csv' n WHERE k.id = n.key")
        .await;
    assert!(error.contains("key `K001` matches several rows"), "{error}");
    let _ = lab
        .run("DELETE FROM api_keys k USING '{dir}/twice.csv' n WHERE k.id = n.key")
        .await;
    assert!(lab.stored("K001").is_none());
    let _ = lab.run("DELETE FROM api_keys WHERE id IN (SELECT key FROM '{dir}/notes.csv' WHERE note = 'second')").await;
    assert!(lab.stored("K002").is_none());
    assert_eq!(lab.sandbox.keys().len(), 4);
}

#[tokio::test]
async fn delete_by_id_is_one_delete_and_nothing_else() {
    let lab = Lab::small(Options::default()).await;
    let answer = lab.run("DELETE FROM api_keys WHERE id = 'K000'").await;
    assert_eq!(answer.requests, ["DELETE /iam/v2/api-keys/K000"]);
    let answer = lab
        .run("DELETE FROM api_keys WHERE id IN ('K001', 'K002') RETURNING id")
        .await;
    assert_eq!(
        answer.sorted_requests(),
        [
            "DELETE /iam/v2/api-keys/K001",
            "DELETE /iam/v2/api-keys/K002"
        ]
    );
    assert_eq!(answer.rows, ["K001", "K002"]);
    let answer = lab
        .run("DELETE FROM api_keys WHERE id = 'K003' RETURNING id, spec.owner.id")
        .await;
    assert_eq!(
        answer.requests,
        ["GET /iam/v2/api-keys/K003", "DELETE /iam/v2/api-keys/K003"]
    );
    assert_eq!(answer.rows, ["K003 | sa-1"]);
    let answer = lab
        .run("DELETE FROM api_keys WHERE spec.owner.id = 'sa-2' AND spec.display_name LIKE 'key%'")
        .await;
    assert_eq!(
        answer.requests,
        [
            "GET /iam/v2/api-keys?spec.owner=sa-2&show_expired=true&page_size=100",
            "DELETE /iam/v2/api-keys/K005"
        ]
    );
    assert_eq!(lab.sandbox.keys().len(), 1);
}

#[tokio::test]
async fn many_ids_are_deleted_without_looking_for_them() {
    let lab = Lab::with_options(
        organization(0),
        Options {
            yes: true,
            ..Options::default()
        },
    )
    .await;
    let ids: Vec<String> = (0..400).map(number).collect();
    for id in &ids {
        lab.sandbox.insert(key(id, "sa-1", "lkc-1"));
    }
    let list = ids.join("','");
    let answer = lab
        .run(&format!("DELETE FROM api_keys WHERE id IN ('{list}')"))
        .await;
    assert_eq!(answer.requests.len(), 400);
    assert!(
        answer
            .requests
            .iter()
            .all(|line| line.starts_with("DELETE"))
    );
    assert_eq!(lab.sandbox.keys().len(), 0);
}

#[tokio::test]
async fn a_bulk_insert_keeps_the_order_of_its_rows_and_runs_side_by_side() {
    let config =
        organization(0).with(|config| config.latency = std::time::Duration::from_millis(2));
    let options = Options {
        yes: true,
        ..Options::default()
    };
    let lab = Lab::with_options(config, options).await;
    lab.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    let rows: Vec<String> = (0..200).map(|n| format!("('n{n}', 'sa-1')")).collect();
    let answer = lab
        .run(&format!(
            "INSERT INTO api_keys (spec.display_name, spec.owner.id) VALUES {} RETURNING spec.display_name, spec.secret",
            rows.join(",")
        ))
        .await;
    let names: Vec<&str> = answer
        .rows
        .iter()
        .map(|row| row.split(" | ").next().unwrap())
        .collect();
    let expected: Vec<String> = (0..200).map(|n| format!("n{n}")).collect();
    assert_eq!(names, expected);
    assert_eq!(answer.requests, ["POST /iam/v2/api-keys"; 200]);
    // So that 200 of them take about 25 round trips; `side_by_side` counts those.
    assert_eq!(lab.sandbox.max_in_flight(), 8);
}

#[tokio::test]
async fn parameters_reach_every_part_of_a_write() {
    let lab = Lab::with_params(organization(0), [("id", "K000"), ("text", "it's")]).await;
    lab.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    let answer = lab
        .run("UPDATE api_keys SET spec.description = $text WHERE id = $id RETURNING id, spec.description")
        .await;
    assert_eq!(answer.requests, ["PATCH /iam/v2/api-keys/K000"]);
    assert_eq!(answer.rows, ["K000 | it's"]);
    let answer = lab
        .run("UPDATE api_keys SET spec.description = $text WHERE id = $id RETURNING $text || '!' AS t")
        .await;
    assert_eq!(answer.rows, ["it's!"]);
    let answer = lab.run("DELETE FROM api_keys WHERE id = $id").await;
    assert_eq!(answer.requests, ["DELETE /iam/v2/api-keys/K000"]);
}

#[tokio::test]
async fn queries_may_be_named_before_a_write() {
    let lab = Lab::small(Options::default()).await;
    let answer = lab
        .run(
            "WITH owners AS (SELECT 'sa-1' AS owner)
             INSERT INTO api_keys (spec.owner.id) WITH one AS (SELECT owner FROM owners) SELECT owner FROM one",
        )
        .await;
    assert_eq!(answer.requests, ["POST /iam/v2/api-keys"]);
    let answer = lab
        .run(
            "WITH x AS (SELECT 'K001' AS key, 'new' AS name)
             UPDATE api_keys SET spec.display_name = x.name FROM x WHERE id = x.key RETURNING id, spec.display_name",
        )
        .await;
    assert_eq!(answer.rows, ["K001 | new"]);
    let answer = lab
        .run("WITH x AS (SELECT 'K002' AS key) DELETE FROM api_keys WHERE id IN (SELECT key FROM x) RETURNING id")
        .await;
    assert_eq!(answer.rows, ["K002"]);
    assert!(lab.stored("K002").is_none());
    let answer = lab
        .run("EXPLAIN WITH x AS (SELECT 'K003' AS key) DELETE FROM api_keys WHERE id IN (SELECT key FROM x)")
        .await;
    assert_eq!(answer.rows, ["DELETE | /iam/v2/api-keys/K003 | NULL"]);
    assert!(lab.stored("K003").is_some());
}
