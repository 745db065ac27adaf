//! INSERT, UPDATE and DELETE: the rows they answer with, the requests they send, and what they refuse.

use std::sync::Arc;
use std::sync::Mutex;

use iamql::sandbox::{Fault, SandboxConfig};
use iamql::session::{Confirm, Options, Question};
use serde_json::{Value, json};

use crate::support::{Lab, key, number, organization};

/// The bodies of the requests since the last statement began.
fn bodies(lab: &Lab) -> Vec<Value> {
    lab.sandbox
        .requests()
        .iter()
        .filter(|request| !request.body.is_empty())
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect()
}

/// A lab with keys `K000` to `K004` of `sa-1`, and `K005` of `sa-2`.
async fn small() -> Lab {
    with(Options::default()).await
}

async fn with(options: Options) -> Lab {
    let lab = Lab::with_options(organization(0), options).await;
    for n in 0..5 {
        lab.sandbox.insert(key(&number(n), "sa-1", "lkc-1"));
    }
    lab.sandbox.insert(key("K005", "sa-2", "lkc-2"));
    lab
}

fn stored(lab: &Lab, id: &str) -> Option<Value> {
    lab.sandbox.keys().into_iter().find(|key| key["id"] == id)
}

#[tokio::test]
async fn insert_shows_id_name_and_secret_and_sends_one_post_a_row() {
    let lab = small().await;
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
    let mut sent = bodies(&lab);
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
            bodies(&lab),
            [json!({"spec": {"display_name": "n", "owner": {"id": "sa-1"}}})],
            "{sql}"
        );
    }
}

#[tokio::test]
async fn a_key_can_be_copied_whole() {
    let lab = small().await;
    for sql in [
        "INSERT INTO api_keys (spec) SELECT spec FROM api_keys WHERE id = 'K005'",
        "INSERT INTO api_keys (spec) SELECT JSON_SET(JSON_REMOVE(spec, '$.secret'), '$.description', 'copy')
         FROM confluent.iam.api_keys WHERE id = 'K005' RETURNING *",
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(answer.requests, ["GET /iam/v2/api-keys/K005", "POST /iam/v2/api-keys"]);
        let sent = bodies(&lab).remove(0);
        assert_eq!(sent["spec"]["resource"]["id"], "lkc-2", "{sql}");
        assert_eq!(sent["spec"]["owner"], json!({"id": "sa-2", "api_version": "iam/v2", "kind": "ServiceAccount"}));
        assert!(sent["spec"].get("secret").is_none());
    }
}

#[tokio::test]
async fn zero_rows_are_zero_requests() {
    let lab = small().await;
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
async fn all_rows_are_checked_before_the_first_request() {
    let lab = small().await;
    for (sql, expected) in [
        (
            "INSERT INTO api_keys (spec.display_name, spec.owner.id) VALUES ('a', 'sa-1'), ('b', '')",
            "row 2: `spec.owner.id` is missing",
        ),
        (
            "INSERT INTO api_keys (spec.display_name) VALUES ('a')",
            "`spec.owner.id` is missing",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id, spec.resource.id) VALUES ('sa-1', 'lkc-1'), ('sa-1', NULL)",
            "row 2: `spec.resource.id` has no value",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id, spec.display_name) VALUES ('sa-1', 5)",
            "`spec.display_name` is text, not `5`",
        ),
        (
            r#"INSERT INTO api_keys (spec) VALUES ('{"owner": {"id": "sa-1"},}')"#,
            "`spec` is not JSON: trailing comma at line 1, column 26",
        ),
        (
            "INSERT INTO api_keys (spec) VALUES (NULL)",
            "`spec` cannot be NULL",
        ),
        (
            r#"INSERT INTO api_keys (spec) VALUES ('{"owner": {"id": "sa-1", "related": "x"}}')"#,
            "`spec.owner.related` is read-only",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') RETURNING id, bogus",
            "no column `bogus`",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') RETURNING count(*)",
            "no aggregates",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id, spec.display_name) SELECT 'sa-1'",
            "1 columns, and 2 fields",
        ),
        (
            "UPDATE api_keys SET spec.description = NULL WHERE id = 'K000'",
            "`spec.description` cannot be NULL",
        ),
        (
            "UPDATE api_keys SET spec.description = 5 WHERE id = 'K000'",
            "is text, not `5`",
        ),
        (
            "UPDATE api_keys SET spec.description = bogus WHERE id = 'K000'",
            "no column `bogus`",
        ),
        (
            r#"UPDATE api_keys SET spec = '{"owner":{"id":"sa-2"}}' WHERE id = 'K000'"#,
            "`spec.owner` cannot be changed",
        ),
        (
            "UPDATE api_keys SET spec = '{}' WHERE id = 'K000'",
            "`spec` sets nothing",
        ),
        ("DELETE FROM api_keys WHERE bogus = 1", "no column `bogus`"),
    ] {
        let error = lab.fail(sql).await;
        assert!(error.contains(expected), "{sql}\n{error}");
        assert_eq!(lab.requests(), [""; 0], "{sql}");
    }
    assert_eq!(lab.sandbox.keys().len(), 6);
}

#[tokio::test]
async fn a_returning_list_that_would_lose_the_secret_is_refused() {
    let lab = small().await;
    for list in [
        "id",
        "id, spec.display_name",
        "metadata",
        "substr(spec.secret, 1, 8)",
        "length(spec.secret)",
        "spec.owner",
    ] {
        let error = lab
            .fail(&format!(
                "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') RETURNING {list}"
            ))
            .await;
        assert!(
            error.contains("RETURNING leaves out the secrets"),
            "{list}: {error}"
        );
        assert_eq!(lab.requests(), [""; 0], "{list}");
    }
    for list in [
        "*",
        "spec",
        "_spec",
        "spec.secret AS s",
        "json_extract(spec, '$.secret')",
        "spec ->> 'secret'",
        "id || ':' || spec.secret",
        "api_keys.spec.secret",
        "confluent.iam.api_keys.spec['secret']",
    ] {
        let answer = lab
            .run(&format!(
                "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') RETURNING {list}"
            ))
            .await;
        assert!(answer.rows[0].contains("cflt"), "{list}");
    }
}

#[tokio::test]
async fn secrets_may_be_lost_by_those_who_mean_it() {
    let lab = with(Options {
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
    let lab = small().await;
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
        assert_eq!(bodies(&lab), [json!({"spec": body})], "{sql}");
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
    let lab = small().await;
    let answer = lab
        .run(
            "UPDATE api_keys SET spec.description = spec.display_name || '!' WHERE spec.owner.id = 'sa-2'
             RETURNING id, spec.description",
        )
        .await;
    assert_eq!(
        answer.requests,
        [
            "GET /iam/v2/api-keys?spec.owner=sa-2&page_size=100",
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
    let lab = small().await;
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
    assert!(stored(&lab, "K001").is_none());
    let _ = lab.run("DELETE FROM api_keys WHERE id IN (SELECT key FROM '{dir}/notes.csv' WHERE note = 'second')").await;
    assert!(stored(&lab, "K002").is_none());
    assert_eq!(lab.sandbox.keys().len(), 4);
}

#[tokio::test]
async fn delete_by_id_is_one_delete_and_nothing_else() {
    let lab = small().await;
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
            "GET /iam/v2/api-keys?spec.owner=sa-2&page_size=100",
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
async fn a_key_that_is_gone_is_zero_rows_but_a_refusal_is_not() {
    let lab =
        Lab::start(organization(3).with_unknown_key(iamql::sandbox::UnknownKey::NotFound404)).await;
    let answer = lab
        .run("DELETE FROM api_keys WHERE id = 'GONE' RETURNING id")
        .await;
    assert_eq!((answer.rows.len(), answer.requests.len()), (0, 1));
    let answer = lab
        .run("UPDATE api_keys SET spec.description = 'x' WHERE id = 'GONE' RETURNING id")
        .await;
    assert_eq!((answer.rows.len(), answer.requests.len()), (0, 1));

    let lab = Lab::with_keys(3).await;
    let error = lab.fail("DELETE FROM api_keys WHERE id = 'GONE'").await;
    assert!(
        error.contains("answered 403") && error.contains("for keys that are gone"),
        "{error}"
    );
}

#[tokio::test]
async fn a_delete_that_was_repeated_after_a_lost_answer_succeeds() {
    let lab = small().await;
    lab.sandbox.set_faults(vec![
        "delete,nth=1:create-then-drop".parse::<Fault>().unwrap(),
    ]);
    let lab404 =
        Lab::start(organization(0).with_unknown_key(iamql::sandbox::UnknownKey::NotFound404)).await;
    lab404.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    lab404.sandbox.set_faults(vec![
        "delete,nth=1:create-then-drop".parse::<Fault>().unwrap(),
    ]);
    let answer = lab404
        .run("DELETE FROM api_keys WHERE id = 'K000' RETURNING id")
        .await;
    assert_eq!(answer.requests, ["DELETE /iam/v2/api-keys/K000"; 2]);
    assert_eq!(answer.rows, ["K000"]);
}

#[tokio::test]
async fn a_create_is_never_repeated_when_it_may_have_worked() {
    let lab = small().await;
    lab.sandbox
        .set_faults(vec!["post:create-then-drop".parse::<Fault>().unwrap()]);
    let error = lab
        .fail("INSERT INTO api_keys (spec.owner.id, spec.display_name) VALUES ('sa-1', 'it''s')")
        .await;
    assert_eq!(lab.requests(), ["POST /iam/v2/api-keys"]);
    assert!(
        error.contains("0 keys created, 1 failed, 0 not tried"),
        "{error}"
    );
    let select = "SELECT id, metadata.created_at FROM api_keys WHERE spec.owner.id = 'sa-1' AND spec.display_name = 'it''s'";
    assert!(error.contains(select), "{error}");
    // The advice works: it finds the key that was created all the same.
    lab.sandbox.set_faults(Vec::new());
    assert_eq!(lab.run(select).await.rows.len(), 1);
}

#[tokio::test]
async fn a_create_is_repeated_when_the_service_cannot_have_acted() {
    let lab = small().await;
    lab.sandbox
        .set_faults(vec!["post,times=2:429".parse::<Fault>().unwrap()]);
    let answer = lab
        .run("INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')")
        .await;
    assert_eq!(answer.requests.len(), 3);
    assert_eq!(lab.sandbox.keys().len(), 7);
}

#[tokio::test]
async fn a_failure_half_way_accounts_for_every_row() {
    let lab = Lab::start(organization(0).with_quota(11)).await;
    lab.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    let rows: Vec<String> = (0..50).map(|n| format!("('n{n}', 'sa-1')")).collect();
    let error = lab
        .fail(&format!(
            "INSERT INTO api_keys (spec.display_name, spec.owner.id) VALUES {}",
            rows.join(",")
        ))
        .await;
    assert!(error.contains("402") && error.contains("quota"), "{error}");
    assert!(error.contains("request id"), "{error}");
    let counts = |word: &str| -> usize {
        let before = error.split(word).next().unwrap().trim_end();
        let before = before
            .trim_end_matches("keys")
            .trim_end_matches("key")
            .trim_end();
        before.rsplit([' ', ':']).next().unwrap().parse().unwrap()
    };
    let (created, failed, not_tried) =
        (counts(" created"), counts(" failed"), counts(" not tried"));
    assert_eq!(created + failed + not_tried, 50, "{error}");
    assert_eq!(created, lab.sandbox.keys().len() - 1);
    assert!(not_tried > 0);
}

#[tokio::test]
async fn a_bulk_insert_keeps_the_order_of_its_rows_and_runs_side_by_side() {
    let lab = Lab::start(organization(0).with_latency(std::time::Duration::from_millis(2))).await;
    lab.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    let rows: Vec<String> = (0..60).map(|n| format!("('n{n}', 'sa-1')")).collect();
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
    let expected: Vec<String> = (0..60).map(|n| format!("n{n}")).collect();
    assert_eq!(names, expected);
    assert_eq!(lab.sandbox.max_in_flight(), 8);
}

#[tokio::test]
async fn many_rows_need_a_yes() {
    let lab = Lab::with_keys(30).await;
    let error = lab.fail("DELETE FROM api_keys").await;
    assert!(
        error.contains("DELETE without WHERE would revoke every key"),
        "{error}"
    );
    assert_eq!(lab.requests(), [""; 0]);
    let error = lab.fail("UPDATE api_keys SET spec.description = 'x'").await;
    assert!(
        error.contains("UPDATE without WHERE would change every key"),
        "{error}"
    );
    let error = lab
        .fail("UPDATE api_keys SET spec.description = 'x' WHERE id <> ''")
        .await;
    assert!(
        error.contains("UPDATE would change 30 keys, more than 10"),
        "{error}"
    );
    assert!(lab.requests().iter().all(|line| line.starts_with("GET")));

    let lab = Lab::with_options(
        organization(30),
        Options {
            yes: true,
            allow_self_delete: true,
            ..Options::default()
        },
    )
    .await;
    let _ = lab.run("DELETE FROM api_keys").await;
    assert_eq!(lab.sandbox.keys().len(), 0);
}

/// Answers as it is told, and remembers what it was asked.
struct Person {
    answer: bool,
    asked: Mutex<Vec<(usize, Vec<String>)>>,
}

impl Confirm for Person {
    fn confirm(&self, question: &Question<'_>) -> bool {
        let ids = question.ids.iter().map(|id| (*id).to_owned()).collect();
        self.asked.lock().unwrap().push((question.count, ids));
        self.answer
    }
}

#[tokio::test]
async fn a_person_is_asked_where_there_is_one() {
    for answer in [true, false] {
        let person = Arc::new(Person {
            answer,
            asked: Mutex::default(),
        });
        let lab = with(Options {
            max_affected: 2,
            confirm: Some(Arc::clone(&person) as _),
            ..Options::default()
        })
        .await;
        let _ = lab
            .run("DELETE FROM api_keys WHERE id IN ('K000', 'K001')")
            .await;
        assert!(person.asked.lock().unwrap().is_empty());
        let outcome = lab
            .try_run("DELETE FROM api_keys WHERE spec.owner.id = 'sa-1'")
            .await;
        assert_eq!(outcome.is_ok(), answer);
        let asked = std::mem::take(&mut *person.asked.lock().unwrap());
        let ids = ["K002", "K003", "K004"].map(str::to_owned).to_vec();
        assert_eq!(asked, [(3, ids)]);
        assert_eq!(lab.sandbox.keys().len(), if answer { 1 } else { 4 });
        // Without WHERE it asks however few they are.
        let _ = lab.try_run("DELETE FROM api_keys").await;
        assert_eq!(person.asked.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_session_does_not_lock_itself_out() {
    let config = || SandboxConfig::new().with_keys(3);
    let lab = Lab::with_options(
        config(),
        Options {
            yes: true,
            ..Options::default()
        },
    )
    .await;
    let own = lab.sandbox.credentials().0.to_owned();
    for sql in [
        format!("DELETE FROM api_keys WHERE id = '{own}'"),
        format!("DELETE FROM api_keys WHERE id IN ('a', '{own}')"),
        "DELETE FROM api_keys WHERE kind = 'ApiKey'".to_owned(),
        "DELETE FROM api_keys".to_owned(),
    ] {
        let error = lab.fail(&sql).await;
        assert!(error.contains("lock you out"), "{sql}: {error}");
        assert_eq!(lab.sandbox.keys().len(), 3);
    }
    let _ = lab
        .run(&format!("DELETE FROM api_keys WHERE id <> '{own}'"))
        .await;
    assert_eq!(lab.sandbox.keys().len(), 1);
}

#[tokio::test]
async fn read_only_sessions_change_nothing() {
    let lab = with(Options {
        read_only: true,
        yes: true,
        ..Options::default()
    })
    .await;
    for sql in [
        "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')",
        "UPDATE api_keys SET spec.description = 'x' WHERE id = 'K000'",
        "DELETE FROM api_keys WHERE id = 'K000'",
    ] {
        let error = lab.fail(sql).await;
        assert!(error.contains("read-only"), "{error}");
        assert_eq!(lab.requests(), [""; 0]);
    }
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "COPY (SELECT 1) TO '{dir}/x.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{dir}/x.csv'",
    ] {
        lab.fail(sql).await;
    }
    let _ = lab.run("SELECT id FROM api_keys").await;
    assert!(!lab.folder().join("x.csv").exists());
}

#[tokio::test]
async fn explain_and_dry_run_show_the_requests_and_send_none_that_changes_anything() {
    let statements = [
        (
            "INSERT INTO api_keys (spec.owner.id, spec.display_name) VALUES ('sa-1', 'n')",
            vec![
                r#"POST | /iam/v2/api-keys | {"spec":{"owner":{"id":"sa-1"},"display_name":"n"}}"#,
            ],
            0,
        ),
        (
            "UPDATE api_keys SET spec.description = 'x' WHERE id = 'K000'",
            vec![r#"PATCH | /iam/v2/api-keys/K000 | {"spec":{"description":"x"}}"#],
            0,
        ),
        (
            "UPDATE api_keys SET spec.description = id WHERE spec.owner.id = 'sa-2'",
            vec![r#"PATCH | /iam/v2/api-keys/K005 | {"spec":{"description":"K005"}}"#],
            1,
        ),
        (
            "DELETE FROM api_keys WHERE id = 'a/b'",
            vec!["DELETE | /iam/v2/api-keys/a%2Fb | NULL"],
            0,
        ),
        (
            "DELETE FROM api_keys WHERE spec.owner.id = 'sa-9'",
            vec![],
            1,
        ),
    ];
    let plain = small().await;
    let dry = with(Options {
        dry_run: true,
        ..Options::default()
    })
    .await;
    for (sql, rows, reads) in statements {
        for (lab, sql) in [(&plain, format!("EXPLAIN {sql}")), (&dry, sql.to_owned())] {
            let answer = lab.run(&sql).await;
            assert_eq!(answer.columns, ["method", "path", "body"]);
            assert_eq!(answer.rows, rows, "{sql}");
            assert_eq!(answer.requests.len(), reads, "{sql}");
            assert!(
                answer.requests.iter().all(|line| line.starts_with("GET")),
                "{sql}"
            );
        }
    }
    assert_eq!(plain.sandbox.keys().len(), 6);
}

#[tokio::test]
async fn what_there_is_no_request_for_is_refused_with_what_to_use_instead() {
    let lab = small().await;
    for (sql, expected) in [
        ("BEGIN", "no transactions"),
        ("START TRANSACTION", "no transactions"),
        ("COMMIT", "no transactions"),
        ("ROLLBACK", "no transactions"),
        ("TRUNCATE TABLE api_keys", "use DELETE"),
        (
            "MERGE INTO api_keys k USING (SELECT 'a' AS id) x ON k.id = x.id WHEN MATCHED THEN DELETE",
            "UPDATE … FROM",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') ON CONFLICT DO NOTHING",
            "never conflicts",
        ),
        (
            "DROP TABLE api_keys",
            "cannot be created, altered or dropped",
        ),
        (
            "DROP VIEW vw_api_keys",
            "cannot be created, altered or dropped",
        ),
        (
            "ALTER TABLE api_keys ADD COLUMN x INT",
            "cannot be created, altered or dropped",
        ),
        (
            "CREATE TABLE api_keys (x INT)",
            "cannot be created, altered or dropped",
        ),
        (
            "CREATE OR REPLACE VIEW vw_api_keys AS SELECT 1",
            "cannot be created, altered or dropped",
        ),
        (
            "INSERT INTO vw_api_keys (id) VALUES ('a')",
            "write to `api_keys`",
        ),
        (
            "UPDATE vw_api_keys SET display_name = 'x'",
            "write to `api_keys`",
        ),
        (
            "DELETE FROM confluent.iam.vw_api_keys",
            "write to `api_keys`",
        ),
        (
            "DELETE FROM api_keys WHERE id = 'K000' LIMIT 1",
            "choose the rows in WHERE",
        ),
        (
            "EXPLAIN ANALYZE DELETE FROM api_keys WHERE id = 'K000'",
            "would carry it out",
        ),
    ] {
        let error = lab.fail(sql).await;
        assert!(error.contains(expected), "{sql}: {error}");
        assert_eq!(lab.requests(), [""; 0], "{sql}");
    }
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
async fn what_looks_like_a_name_in_a_write_is_one() {
    let lab = small().await;
    for sql in [
        "DELETE FROM api_keys WHERE lower(\"display_name\") NOT LIKE 'prod%'",
        "UPDATE api_keys SET spec.description = upper(\"bogus\") WHERE id = 'K000'",
        "DELETE FROM api_keys WHERE page_size = '100'",
        "UPDATE api_keys SET spec.description = 'x' WHERE id = 'K000' OR page_size = 5",
        "SET datafusion.catalog.default_schema = 'other'",
        "INSERT INTO api_keys (spec.owner.id, spec.resource) VALUES ('sa-1', 'null')",
        "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') RETURNING id, spec.secret, (SELECT max(id) FROM api_keys)",
    ] {
        let _ = lab.fail(sql).await;
        assert!(
            lab.requests().iter().all(|line| line.starts_with("GET")),
            "{sql}"
        );
    }
    let answer = lab
        .run("UPDATE api_keys SET spec.display_name = concat(\"id\", '-x') WHERE id = 'K000' RETURNING spec.display_name")
        .await;
    assert_eq!(answer.rows, ["K000-x"]);
    let answer = lab
        .run("UPDATE api_keys SET spec.description = uuid() WHERE id IN ('K001', 'K002') RETURNING spec.description")
        .await;
    assert_ne!(answer.rows[0], answer.rows[1]);
}

#[tokio::test]
async fn a_create_without_its_secret_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let unsaved = iamql::session::Unsaved::in_dir(folder.path());
    let lab = with(Options {
        unsaved: Some(unsaved.clone()),
        ..Options::default()
    })
    .await;
    lab.sandbox
        .set_faults(vec!["post,nth=2:malformed".parse::<Fault>().unwrap()]);
    let error = lab
        .fail("INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1'), ('sa-1') RETURNING CASE WHEN id = 'PROBE' THEN spec.secret END")
        .await;
    assert!(error.contains("unsaved-secrets.jsonl"), "{error}");
    assert_eq!(unsaved.count(), 1);
}
