//! `vw_api_key_inventory`: whose keys there are, what they open, and which requests that takes.

use std::time::Duration;

use iamql::sandbox::Fault;
use serde_json::json;

use crate::support::{Lab, key, organization};

/// A lab with three keys, two owners and one cluster.
async fn lab() -> Lab {
    let mut of_person = key("K000", "u-1", "lkc-1");
    of_person["spec"]["resource"]["environment"] = json!("env-a");
    let of_program = key("K001", "sa-1", "lkc-9");
    let mut of_nobody = key("K002", "sa-9", "cloud");
    of_nobody["spec"]["resource"] = json!({"id": "cloud", "kind": "Cloud"});
    let lab = Lab::of([of_person, of_program, of_nobody]).await;
    let user = json!({"id": "u-1", "email": "jo@example.com", "full_name": "Jo Doe"});
    let account = json!({"id": "sa-1", "display_name": "exporter"});
    let environment = json!({"id": "env-a", "display_name": "production"});
    let cluster =
        json!({"id": "lkc-1", "spec": {"display_name": "orders", "environment": {"id": "env-a"}}});
    for (path, object) in [
        ("/iam/v2/users", user),
        ("/iam/v2/service-accounts", account),
        ("/org/v2/environments", environment),
        ("/cmk/v2/clusters", cluster),
    ] {
        lab.sandbox.set_objects(path, vec![object]);
    }
    lab
}

const KEYS: &str = "GET /iam/v2/api-keys?show_expired=true&page_size=100";
const USERS: &str = "GET /iam/v2/users?page_size=100";
const ACCOUNTS: &str = "GET /iam/v2/service-accounts?page_size=100";
const ENVIRONMENTS: &str = "GET /org/v2/environments?page_size=100";

#[tokio::test]
async fn names_stand_beside_the_ids() {
    let lab = lab().await;
    let answer = lab
        .run(
            "SELECT id, owner_name, owner_email, owner_is_known, resource_display_name, environment_display_name
             FROM vw_api_key_inventory ORDER BY id",
        )
        .await;
    assert_eq!(
        answer.rows,
        [
            "K000 | Jo Doe | jo@example.com | true | orders | production",
            "K001 | exporter | NULL | true | NULL | NULL",
            "K002 | NULL | NULL | false | NULL | NULL",
        ]
    );
    assert_eq!(
        answer.sorted_requests(),
        [
            "GET /cmk/v2/clusters?environment=env-a&page_size=100",
            KEYS,
            ACCOUNTS,
            USERS,
            "GET /ksqldbcm/v2/clusters?environment=env-a&page_size=100",
            ENVIRONMENTS,
            "GET /srcm/v3/clusters?environment=env-a&page_size=100",
        ]
    );
}

#[tokio::test]
async fn only_what_a_query_names_is_asked_for() {
    let lab = lab().await;
    for (sql, requests) in [
        ("SELECT id FROM vw_api_key_inventory", &[KEYS][..]),
        ("SELECT count(*) FROM vw_api_key_inventory", &[KEYS]),
        (
            "SELECT id, age_days FROM vw_api_key_inventory WHERE age_days > 3 ORDER BY id",
            &[KEYS],
        ),
        (
            "SELECT owner_id, count(*) FROM vw_api_key_inventory GROUP BY 1",
            &[KEYS],
        ),
        (
            "SELECT DISTINCT resource_type FROM vw_api_key_inventory LIMIT 9",
            &[KEYS],
        ),
        (
            "SELECT i.id FROM vw_api_key_inventory i JOIN vw_api_keys k ON i.id = k.id",
            &[KEYS],
        ),
        (
            "SELECT id FROM vw_api_keys UNION SELECT id FROM vw_api_key_inventory",
            &[KEYS],
        ),
        (
            "WITH i AS (SELECT * FROM vw_api_key_inventory) SELECT id, row_number() OVER (ORDER BY id) FROM i",
            &[KEYS],
        ),
        (
            "SELECT id, owner_email FROM vw_api_key_inventory",
            &[KEYS, USERS],
        ),
        (
            "SELECT id, owner_name FROM vw_api_key_inventory",
            &[KEYS, ACCOUNTS, USERS],
        ),
        (
            "SELECT id FROM vw_api_key_inventory WHERE owner_is_known",
            &[KEYS, ACCOUNTS, USERS],
        ),
        (
            "SELECT id FROM vw_api_key_inventory WHERE NOT owner_is_known",
            &[KEYS, ACCOUNTS, USERS],
        ),
        (
            "SELECT id FROM vw_api_key_inventory WHERE owner_name IS NULL",
            &[KEYS, ACCOUNTS, USERS],
        ),
        (
            "SELECT count(*) FROM vw_api_keys k LEFT JOIN iam.service_accounts s ON k.owner_id = s.id WHERE s.id IS NULL",
            &[KEYS, ACCOUNTS],
        ),
        (
            "SELECT id FROM vw_api_keys k WHERE NOT EXISTS (SELECT 1 FROM iam.users u WHERE u.id = k.owner_id)
             AND NOT EXISTS (SELECT 1 FROM iam.service_accounts s WHERE s.id = k.owner_id)",
            &[KEYS, ACCOUNTS, USERS],
        ),
        (
            "SELECT id FROM vw_api_key_inventory ORDER BY owner_email",
            &[KEYS, USERS],
        ),
        (
            "SELECT id, environment_display_name FROM vw_api_key_inventory",
            &[KEYS, ENVIRONMENTS],
        ),
        (
            "SELECT id FROM vw_api_key_inventory WHERE id = 'K000'",
            &["GET /iam/v2/api-keys/K000"],
        ),
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(answer.sorted_requests(), requests, "{sql}");
        assert!(!answer.rows.is_empty(), "{sql}");
    }
}

#[tokio::test]
async fn owners_are_looked_up_one_by_one_only_if_they_are_few() {
    for (owners, lists) in [(3, false), (10, false), (11, true), (29, true)] {
        let lab = Lab::with_keys(0).await;
        for n in 0..owners {
            let mut key = key(&format!("K{n:03}"), &format!("sa-{n}"), "lkc-1");
            key["spec"]["description"] = json!("of a job");
            lab.sandbox.insert(key);
        }
        let answer = lab
            .run("SELECT k.id, s.display_name FROM vw_api_keys k LEFT JOIN iam.service_accounts s ON s.id = k.owner_id WHERE k.description = 'of a job'")
            .await;
        assert_eq!(answer.rows.len(), owners);
        let accounts = answer
            .requests
            .iter()
            .filter(|line| line.contains("service-accounts"));
        let accounts: Vec<_> = accounts.map(String::as_str).collect();
        match lists {
            true => assert_eq!(accounts, [ACCOUNTS]),
            false => assert_eq!(accounts.len(), owners, "{accounts:?}"),
        }
    }
}

#[tokio::test]
async fn a_join_is_left_out_only_if_it_adds_nothing() {
    let lab = lab().await;
    for (sql, rows, asks) in [
        (
            "SELECT k.id FROM vw_api_keys k LEFT JOIN iam.users u ON k.owner_id = u.id",
            3,
            false,
        ),
        (
            "SELECT k.id FROM vw_api_keys k LEFT JOIN iam.users u ON k.owner_id = u.id AND u.email LIKE 'x%'",
            3,
            false,
        ),
        (
            "SELECT k.id FROM (SELECT id, email FROM iam.users) u RIGHT JOIN vw_api_keys k ON k.owner_id = u.id",
            3,
            false,
        ),
        // Not unique.
        (
            "SELECT k.id FROM vw_api_keys k LEFT JOIN iam.users u ON k.owner_id <> u.email",
            3,
            true,
        ),
        (
            "SELECT k.id FROM vw_api_keys k LEFT JOIN iam.users u ON u.kind = k.owner_id",
            3,
            true,
        ),
        (
            "SELECT k.id FROM vw_api_keys k LEFT JOIN iam.users u ON true",
            3,
            true,
        ),
        // Not an outer join, or one that keeps the other side.
        (
            "SELECT k.id FROM vw_api_keys k JOIN iam.users u ON k.owner_id = u.id",
            1,
            true,
        ),
        (
            "SELECT k.id FROM vw_api_keys k RIGHT JOIN iam.users u ON k.owner_id = u.id",
            1,
            true,
        ),
        (
            "SELECT k.id FROM vw_api_keys k FULL JOIN iam.users u ON k.owner_id = u.id",
            3,
            true,
        ),
        // Looked at.
        (
            "SELECT k.id FROM vw_api_keys k LEFT JOIN iam.users u ON k.owner_id = u.id WHERE u.id IS NULL",
            2,
            true,
        ),
        (
            "SELECT k.id FROM vw_api_keys k LEFT JOIN iam.users u ON k.owner_id = u.id ORDER BY u.email",
            3,
            true,
        ),
        (
            "SELECT k.id FROM vw_api_keys k LEFT JOIN iam.users u ON k.owner_id = u.id
             WHERE EXISTS (SELECT 1 FROM iam.service_accounts s WHERE s.id <> coalesce(u.id, ''))",
            3,
            true,
        ),
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(answer.rows.len(), rows, "{sql}");
        let asked = answer
            .requests
            .iter()
            .any(|line| line.starts_with("GET /iam/v2/users"));
        assert_eq!(asked, asks, "{sql}: {:?}", answer.requests);
    }
}

#[tokio::test]
async fn a_group_is_unique_too() {
    let lab = lab().await;
    let sql = "SELECT u.email FROM iam.users u LEFT JOIN (SELECT owner_id, count(*) AS keys FROM vw_api_keys GROUP BY owner_id) k ON k.owner_id = u.id";
    let answer = lab.run(sql).await;
    assert_eq!(answer.rows, ["jo@example.com"]);
    assert_eq!(answer.requests, [USERS]);
    let answer = lab.run(&sql.replace("u.email", "u.email, k.keys")).await;
    assert_eq!(answer.rows, ["jo@example.com | 1"]);
    // Several groups of one owner are several rows.
    let sql = sql.replace("GROUP BY owner_id)", "GROUP BY owner_id, resource_id)");
    assert_eq!(lab.run(&sql).await.requests.len(), 2);
}

#[tokio::test]
async fn an_owner_is_found_first_and_then_only_their_keys() {
    let lab = lab().await;
    let answer = lab
        .run("SELECT id, owner_name FROM vw_api_key_inventory WHERE owner_email = 'jo@example.com'")
        .await;
    assert_eq!(answer.rows, ["K000 | Jo Doe"]);
    let at = |line: &str| answer.requests.iter().position(|one| one == line);
    let of_owner = at("GET /iam/v2/api-keys?spec.owner=u-1&show_expired=true&page_size=100");
    assert!(at(USERS) < of_owner, "{:?}", answer.requests);
    let keys = answer
        .requests
        .iter()
        .filter(|line| line.contains("api-keys"));
    assert_eq!(keys.count(), 1);
    let nobody = lab
        .run("SELECT id FROM vw_api_key_inventory WHERE owner_email = 'nobody@example.com'")
        .await;
    assert_eq!(nobody.rows, [""; 0]);
    assert_eq!(nobody.requests, [USERS]);
    // And the owner of a key by the key.
    let answer = lab
        .run("SELECT owner_email FROM vw_api_key_inventory WHERE id = 'K000'")
        .await;
    assert_eq!(answer.rows, ["jo@example.com"]);
    assert_eq!(
        answer.requests,
        ["GET /iam/v2/api-keys/K000", "GET /iam/v2/users/u-1"]
    );
}

#[tokio::test]
async fn listings_that_do_not_wait_for_each_other_are_read_side_by_side() {
    let lab =
        Lab::start(organization(250).with(|config| config.latency = Duration::from_millis(20)))
            .await;
    let answer = lab
        .run("SELECT id, owner_name FROM vw_api_key_inventory")
        .await;
    assert_eq!(answer.rows.len(), 250);
    assert_eq!(answer.requests.len(), 5);
    assert!(
        lab.sandbox.max_in_flight() >= 3,
        "{}",
        lab.sandbox.max_in_flight()
    );
    // Beyond a LIMIT nothing is listed.
    let answer = lab
        .run("SELECT id, owner_name FROM vw_api_key_inventory LIMIT 3")
        .await;
    assert_eq!(answer.rows.len(), 3);
    let keys = answer
        .requests
        .iter()
        .filter(|line| line.contains("api-keys"));
    assert_eq!(keys.count(), 1, "{:?}", answer.requests);
}

#[tokio::test]
async fn a_sibling_that_may_not_be_read_fails_what_needs_it_and_nothing_else() {
    let lab = lab().await;
    lab.sandbox
        .set_faults(vec![Fault::status(403).on_path("/iam/v2/users")]);
    for sql in [
        "SELECT owner_email FROM vw_api_key_inventory",
        "SELECT owner_name FROM vw_api_key_inventory WHERE id = 'K000'",
        "SELECT id FROM vw_api_key_inventory WHERE owner_email = 'x'",
    ] {
        let error = lab.fail(sql).await;
        assert!(
            error.contains("the role AccountAdmin or OrganizationAdmin"),
            "{sql}: {error}"
        );
    }
    assert_eq!(
        lab.run("SELECT id FROM vw_api_key_inventory")
            .await
            .rows
            .len(),
        3
    );
    let environments = lab
        .run("SELECT environment_display_name FROM vw_api_key_inventory")
        .await;
    assert_eq!(environments.rows.len(), 3);
}
