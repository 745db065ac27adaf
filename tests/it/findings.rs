//! `vw_api_key_findings`: every control against SQLite, which shares nothing with the program but the service's data; the
//! requests of each; and what may not be read.

use std::collections::BTreeSet;

use iamql::resource::findings::CONTROLS;
use iamql::sandbox::{Fault, SandboxConfig};
use iamql::session::Options;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Lab, TestEnv, organization};

/// The same as each control, in SQLite's words. `$` is the threshold.
const THEIRS: [(&str, i64, &str); 14] = [
    ("key_age", 400, "SELECT id, owner FROM keys WHERE julianday('now') - julianday(created) >= $ + 1"),
    ("expires_soon", 30, "SELECT id, owner FROM keys WHERE date(expires) BETWEEN date('now') AND date('now', '+' || $ || ' days')"),
    ("expired_but_listed", 0, "SELECT id, owner FROM keys WHERE date(expires) < date('now')"),
    ("no_expiry", 0, "SELECT id, owner FROM keys WHERE expires IS NULL"),
    ("owner_is_person", 0, "SELECT id, owner FROM keys WHERE owner GLOB 'u-*'"),
    (
        "owner_unknown",
        0,
        "SELECT id, owner FROM keys WHERE owner IS NULL
         OR owner NOT IN (SELECT id FROM users UNION SELECT id FROM accounts)",
    ),
    (
        "owner_is_admin",
        0,
        "SELECT id, owner FROM keys WHERE 'User:' || owner IN
         (SELECT principal FROM bindings WHERE role = 'OrganizationAdmin')",
    ),
    ("no_description", 0, "SELECT id, owner FROM keys WHERE coalesce(trim(description), '') = ''"),
    (
        "duplicate_for_resource",
        3,
        "SELECT id, owner FROM working k WHERE
         (SELECT count(*) FROM working o WHERE o.owner = k.owner AND o.opens = k.opens AND o.environment IS k.environment) > $",
    ),
    (
        "rotation_unfinished",
        30,
        "SELECT id, owner FROM working k WHERE EXISTS
         (SELECT 1 FROM working o WHERE o.owner = k.owner AND o.opens = k.opens AND o.environment IS k.environment
            AND o.created > k.created)
         AND (SELECT min(cast(julianday('now') - julianday(o.created) AS INTEGER)) FROM working o
            WHERE o.owner = k.owner AND o.opens = k.opens AND o.environment IS k.environment) > $",
    ),
    ("broad_scope", 0, "SELECT id, owner FROM keys WHERE lower(opens) IN ('cloud', 'global')"),
    (
        "resource_gone",
        0,
        "SELECT id, owner FROM keys WHERE (opens GLOB 'lkc-*' OR opens GLOB 'lsrc-*' OR opens GLOB 'lksqlc-*')
         AND opens NOT IN (SELECT id FROM clusters)",
    ),
    ("near_quota", 60, "SELECT id, person FROM quotas WHERE used * 100.0 / most >= $"),
    (
        "idle_service_account",
        0,
        "SELECT id, id FROM accounts WHERE id NOT IN (SELECT owner FROM keys WHERE owner IS NOT NULL)",
    ),
];

/// Loads all that the service has, as it would say it.
fn database(lab: &Lab) -> Connection {
    let database = Connection::open_in_memory().unwrap();
    database
        .execute_batch(
            "CREATE TABLE keys (id, owner, opens, environment, created, expires, description);
             CREATE VIEW working AS SELECT * FROM keys WHERE expires IS NULL OR date(expires) >= date('now');
             CREATE TABLE users (id, name, email); CREATE TABLE accounts (id, name);
             CREATE TABLE bindings (principal, role); CREATE TABLE clusters (id, name);
             CREATE TABLE environments (id, name); CREATE TABLE quotas (id, most, used, person);",
        )
        .unwrap();
    let load = |table: &str, objects: Vec<Value>, places: &[&str]| {
        for object in objects {
            let cells = places.iter().map(|place| match object.pointer(place) {
                Some(Value::String(text)) => rusqlite::types::Value::Text(text.clone()),
                Some(Value::Number(number)) => {
                    rusqlite::types::Value::Integer(number.as_i64().unwrap())
                }
                _ => rusqlite::types::Value::Null,
            });
            let marks = vec!["?"; places.len()].join(", ");
            let sql = format!("INSERT INTO {table} VALUES ({marks})");
            database
                .execute(&sql, rusqlite::params_from_iter(cells))
                .unwrap();
        }
    };
    let keys = lab.sandbox.keys().into_iter().map(|mut key| {
        let resource = key["spec"]["resource"].clone();
        let text = |pointer: &str| {
            resource
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let in_name = |text: &str| {
            let (_, rest) = text.split_once("/environment=")?;
            Some(rest.split('/').next()?.to_owned())
        };
        let in_id = |id: &str| {
            Some(
                id.split_once('.')
                    .filter(|(first, _)| first.starts_with("env-"))?
                    .0
                    .to_owned(),
            )
        };
        let environment = Some(text("/environment"))
            .filter(|id| !id.is_empty())
            .or_else(|| in_name(&text("/resource_name")))
            .or_else(|| in_id(&text("/id")));
        key["environment"] = environment.map_or(Value::Null, Value::String);
        if resource.is_null() && key["spec"]["resources"].is_null() {
            key["spec"]["resource"] = json!({"id": "cloud"});
        }
        key
    });
    load(
        "keys",
        keys.collect(),
        &[
            "/id",
            "/spec/owner/id",
            "/spec/resource/id",
            "/environment",
            "/metadata/created_at",
            "/spec/expires_at",
            "/spec/description",
        ],
    );
    let all = |path: &str| lab.sandbox.objects(path);
    load(
        "users",
        all("/iam/v2/users"),
        &["/id", "/full_name", "/email"],
    );
    load(
        "accounts",
        all("/iam/v2/service-accounts"),
        &["/id", "/display_name"],
    );
    load(
        "bindings",
        all("/iam/v2/role-bindings"),
        &["/principal", "/role_name"],
    );
    load(
        "environments",
        all("/org/v2/environments"),
        &["/id", "/display_name"],
    );
    for path in [
        "/cmk/v2/clusters",
        "/srcm/v3/clusters",
        "/ksqldbcm/v2/clusters",
    ] {
        load("clusters", all(path), &["/id", "/spec/display_name"]);
    }
    load(
        "quotas",
        all("/service-quota/v1/applied-quotas"),
        &["/id", "/applied_limit", "/usage", "/user/id"],
    );
    database
}

fn theirs(database: &Connection, sql: &str) -> Vec<(Option<String>, Option<String>)> {
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let mut rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
    rows.sort();
    rows
}

/// A lab of the organization that the sandbox has by itself, today.
async fn lab() -> Lab {
    Lab::start(
        SandboxConfig::default()
            .with_keys(250)
            .with_now(chrono::Utc::now()),
    )
    .await
}

#[tokio::test]
async fn every_control_finds_what_the_oracle_finds() {
    let lab = lab().await;
    let database = database(&lab);
    let mut found = 0;
    for ((name, threshold, sql), control) in THEIRS.iter().zip(CONTROLS) {
        assert_eq!(*name, control.name);
        if let Some(setting) = control.setting {
            let _ = lab
                .run(&format!("SET findings.{} = {threshold}", setting.name))
                .await;
        }
        let answer = lab
            .run(&format!(
                "SELECT resource, owner_id, severity, status FROM vw_api_key_findings WHERE control = '{name}'"
            ))
            .await;
        for row in &answer.cells {
            assert_eq!(row[2].as_deref(), Some(control.severity));
            assert_eq!(row[3].as_deref(), Some(control.status));
        }
        let mut ours: Vec<_> = answer
            .cells
            .iter()
            .map(|row| (row[0].clone(), row[1].clone()))
            .collect();
        ours.sort();
        let theirs = theirs(&database, &sql.replace('$', &threshold.to_string()));
        assert_eq!(ours, theirs, "{name}");
        // What is documented is what the view does.
        let documented = control.query(|_| threshold.to_string());
        let answer = lab.run(&documented).await;
        assert_eq!(answer.columns, ["resource", "reason", "owner_id"], "{name}");
        assert_eq!(answer.cells.len(), theirs.len(), "{name}");
        assert!(answer.cells.iter().all(|row| row[1].is_some()), "{name}");
        found += usize::from(!theirs.is_empty());
    }
    // An agreement about nothing would say nothing.
    assert!(found >= 12, "{found}");
}

#[tokio::test]
async fn the_inventory_is_what_the_oracle_has() {
    let lab = lab().await;
    let database = database(&lab);
    let ours = lab
        .run(
            "SELECT id, owner_name, owner_email, owner_is_known, resource_display_name, environment_display_name
             FROM vw_api_key_inventory ORDER BY id",
        )
        .await;
    let mut statement = database
        .prepare(
            "SELECT k.id, coalesce(u.name, a.name), u.email,
                iif(coalesce(u.id, a.id) IS NULL, 'false', 'true'), c.name, e.name
             FROM keys k LEFT JOIN users u ON u.id = k.owner LEFT JOIN accounts a ON a.id = k.owner
             LEFT JOIN clusters c ON c.id = k.opens LEFT JOIN environments e ON e.id = k.environment ORDER BY k.id",
        )
        .unwrap();
    let theirs = statement.query_map([], |row| (0..6).map(|n| row.get(n)).collect());
    let theirs: Vec<Vec<Option<String>>> = theirs.unwrap().map(Result::unwrap).collect();
    assert_eq!(theirs.len(), 250);
    assert_eq!(ours.cells, theirs);
}

fn without_pages(requests: &[String]) -> BTreeSet<String> {
    let listings = requests
        .iter()
        .map(|line| line.split(['?', '&']).next().unwrap().to_owned());
    listings.collect()
}

#[tokio::test]
async fn a_control_sends_what_it_needs_and_nothing_else() {
    let lab = lab().await;
    let keys = "GET /iam/v2/api-keys";
    for control in CONTROLS {
        let sql = format!(
            "SELECT * FROM vw_api_key_findings WHERE control = '{}'",
            control.name
        );
        let requests = without_pages(&lab.run(&sql).await.requests);
        let clusters = [
            "GET /cmk/v2/clusters",
            "GET /ksqldbcm/v2/clusters",
            "GET /org/v2/environments",
            "GET /srcm/v3/clusters",
        ];
        let expected: Vec<&str> = match control.name {
            "owner_unknown" => vec![keys, "GET /iam/v2/service-accounts", "GET /iam/v2/users"],
            "owner_is_admin" => vec![
                keys,
                "GET /iam/v2/role-bindings",
                "GET /org/v2/organizations",
            ],
            "resource_gone" => std::iter::once(keys).chain(clusters).collect(),
            "near_quota" => vec!["GET /service-quota/v1/applied-quotas"],
            "idle_service_account" => vec![keys, "GET /iam/v2/service-accounts"],
            _ => vec![keys],
        };
        let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(requests, expected, "{}", control.name);
    }
    // 250 keys are three pages, listed once for all controls.
    let answer = lab.run("SELECT count(*) FROM vw_api_key_findings").await;
    let listed = answer
        .requests
        .iter()
        .filter(|line| line.starts_with("GET /iam/v2/api-keys"));
    assert_eq!(listed.count(), 3, "{:?}", answer.requests);
    for (condition, requests) in [
        ("control = 'key_age'", 3),
        ("control IN ('key_age', 'no_expiry')", 3),
        ("control LIKE 'key%' AND severity = 'medium'", 3),
        ("control = 'near_quota'", 8),
        ("control = 'nonsense'", 0),
        ("control = 'key_age' AND severity = 'low'", 0),
        ("status = 'skip' AND control = 'no_expiry'", 3),
        ("false", 0),
    ] {
        let answer = lab
            .run(&format!(
                "SELECT * FROM vw_api_key_findings WHERE {condition}"
            ))
            .await;
        assert_eq!(
            answer.requests.len(),
            requests,
            "{condition}: {:?}",
            answer.requests
        );
    }
    // Whatever becomes of the rows.
    for (sql, requests) in [
        ("SELECT count(*) FROM vw_api_key_findings WHERE control = 'key_age'", 3),
        ("SELECT resource FROM vw_api_key_findings WHERE control = 'key_age' LIMIT 300", 3),
        ("SELECT 1 FROM vw_api_key_findings WHERE severity = 'medium' AND control LIKE 'key%'", 3),
        ("SELECT owner_id, count(*) FROM vw_api_key_findings WHERE control = 'no_expiry' GROUP BY 1", 3),
        ("SELECT control, count(*) FROM vw_api_key_findings GROUP BY 1 HAVING control = 'no_expiry'", 3),
        ("SELECT control, severity, count(*) FROM vw_api_key_findings WHERE control IN ('key_age', 'no_expiry') GROUP BY ALL", 3),
        ("SELECT DISTINCT resource FROM (SELECT control AS c, resource FROM vw_api_key_findings) WHERE c = 'key_age'", 3),
        ("WITH f AS (SELECT upper(control) AS c FROM vw_api_key_findings) SELECT count(*) FROM f WHERE c = 'KEY_AGE'", 3),
        ("SELECT count(*) FROM vw_api_key_findings f JOIN vw_api_keys k ON k.id = f.resource WHERE f.control = 'key_age'", 3),
        ("SELECT resource, reason FROM vw_api_key_findings f LEFT JOIN vw_api_keys k ON k.id = f.resource WHERE control = 'no_expiry'", 3),
        ("SELECT id FROM api_keys WHERE id IN (SELECT resource FROM vw_api_key_findings WHERE control = 'key_age')", 3),
        ("SELECT id FROM api_keys WHERE NOT EXISTS (SELECT 1 FROM vw_api_key_findings WHERE control = 'key_age' AND resource = api_keys.id)", 3),
        (
            "SELECT resource, owner_name, reason FROM vw_api_key_findings f JOIN vw_api_key_inventory k ON k.id = f.resource
             WHERE control = 'key_age'",
            5,
        ),
        ("SELECT count(*) FROM vw_api_key_findings WHERE control = 'nonsense'", 0),
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(
            answer.requests.len(),
            requests,
            "{sql}: {:?}",
            answer.requests
        );
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_skipped_with_the_reason() {
    let lab = lab().await;
    lab.sandbox.set_faults(vec![
        Fault::status(403).on_path("/iam/v2/users"),
        Fault::status(403).on_path("/org/v2/organizations"),
        Fault::status(403).on_path("/srcm/v3/clusters"),
    ]);
    let answer = lab
        .run("SELECT control, status, resource, reason, owner_id FROM vw_api_key_findings WHERE status = 'skip' ORDER BY control")
        .await;
    assert_eq!(
        answer.rows,
        [
            "owner_is_admin | skip | NULL | organizations may not be read: that needs the role OrganizationAdmin | NULL",
            "owner_unknown | skip | NULL | users may not be read: that needs the role AccountAdmin or OrganizationAdmin | NULL",
            "resource_gone | skip | NULL | Schema Registries may not be read: that needs the role CloudClusterAdmin, EnvironmentAdmin or OrganizationAdmin | NULL",
        ]
    );
    // The others are as they would be, and of a control that is skipped there is nothing else.
    let answer = lab
        .run("SELECT control, count(*) FROM vw_api_key_findings WHERE control IN ('no_expiry', 'owner_unknown') GROUP BY 1 ORDER BY 1")
        .await;
    assert_eq!(answer.rows.len(), 2);
    assert_eq!(answer.rows[1], "owner_unknown | 1");
    // The keys themselves.
    lab.sandbox
        .set_faults(vec![Fault::status(403).on_path("/iam/v2/api-keys")]);
    let answer = lab
        .run(
            "SELECT DISTINCT status, reason FROM vw_api_key_findings WHERE control <> 'near_quota'",
        )
        .await;
    assert_eq!(
        answer.rows,
        ["skip | API keys may not be read: that needs the role OrganizationAdmin"]
    );
    // Anything else is an error.
    for fault in ["401", "400", "malformed"] {
        lab.sandbox
            .set_faults(vec![format!("get:{fault}").parse().unwrap()]);
        let error = lab.fail("SELECT * FROM vw_api_key_findings").await;
        assert!(error.starts_with("error: "), "{fault}: {error}");
    }
}

#[tokio::test]
async fn a_skipped_control_that_the_rows_do_not_tell_of_is_a_warning() {
    let lab = lab().await;
    lab.sandbox
        .set_faults(vec![Fault::status(403).on_path("/iam/v2/users")]);
    let warning = "control `owner_unknown` was not checked: users may not be read: that needs the role AccountAdmin or OrganizationAdmin";
    for (told, sql) in [
        (
            true,
            "SELECT * FROM vw_api_key_findings WHERE control = 'owner_unknown'",
        ),
        (
            true,
            "SELECT control, reason FROM vw_api_key_findings WHERE status <> 'info'",
        ),
        (
            true,
            "SELECT control, status, count(*) FROM vw_api_key_findings GROUP BY ALL",
        ),
        (
            true,
            "SELECT status, count(*) FROM vw_api_key_findings GROUP BY ALL",
        ),
        (
            true,
            "SELECT DISTINCT upper(control) || ': ' || reason FROM vw_api_key_findings",
        ),
        (
            true,
            "SELECT control FROM vw_api_key_findings WHERE control = 'key_age' AND status = 'skip'",
        ),
        (
            false,
            "SELECT control, reason FROM vw_api_key_findings WHERE status = 'alarm'",
        ),
        (false, "SELECT count(*) FROM vw_api_key_findings"),
        (
            false,
            "SELECT control, count(*) FROM vw_api_key_findings GROUP BY ALL",
        ),
        (
            false,
            "SELECT reason FROM vw_api_key_findings WHERE control = 'owner_unknown' AND resource = 'K'",
        ),
        (
            false,
            "SELECT reason FROM vw_api_key_findings f JOIN vw_api_keys k ON f.resource = k.id WHERE control = 'owner_unknown'",
        ),
        (
            false,
            "SELECT id FROM api_keys WHERE id IN (SELECT resource FROM vw_api_key_findings WHERE control = 'owner_unknown')",
        ),
    ] {
        let expected: &[&str] = if told { &[] } else { &[warning] };
        assert_eq!(lab.run(sql).await.warnings, expected, "{sql}");
    }
}

#[test]
fn a_control_that_could_not_be_checked_fails_a_script() {
    let env = TestEnv::start(organization(5));
    env.sandbox
        .set_faults(vec![Fault::status(403).on_path("/iam/v2/users")]);
    let run = |condition: &str| {
        let sql =
            format!("SELECT control, resource, reason FROM vw_api_key_findings WHERE {condition}");
        env.iamql(&["--fail-on-rows", "-e", &sql])
    };
    let run = |condition: &str| {
        let output = run(condition);
        (output.code, output.stderr)
    };
    // The row says so.
    let (code, stderr) = run("status <> 'info' AND control = 'owner_unknown'");
    assert_eq!((code, stderr.as_str()), (Some(3), ""));
    let (code, stderr) = run("status = 'alarm' AND control = 'owner_unknown'");
    assert_eq!(code, Some(1));
    assert!(
        stderr
            .starts_with("warning: control `owner_unknown` was not checked: users may not be read"),
        "{stderr}"
    );
    assert!(
        stderr.contains(
            "error: there are no rows, but a control was not checked\nhint: `status <> 'info'`"
        ),
        "{stderr}"
    );
    let (code, stderr) = run("status = 'alarm' AND control IN ('owner_unknown', 'no_expiry')");
    assert_eq!(code, Some(3));
    assert!(
        stderr.contains("`owner_unknown` was not checked"),
        "{stderr}"
    );
    // What was not asked for is not missing.
    let (code, stderr) = run("status = 'alarm' AND control = 'expires_soon' AND resource = 'K'");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    // Without the flag, nobody has asked.
    let sql = "SELECT resource FROM vw_api_key_findings WHERE status = 'alarm' AND control = 'owner_unknown'";
    assert_eq!(env.iamql(&["-e", sql]).code, Some(0));
}

#[tokio::test]
async fn thresholds_are_settings() {
    let lab = lab().await;
    let count = "SELECT count(*) FROM vw_api_key_findings WHERE control = 'key_age'";
    let before: usize = lab.run(count).await.value().parse().unwrap();
    let _ = lab.run("SET findings.max_age_days = 5000").await;
    let after: usize = lab.run(count).await.value().parse().unwrap();
    assert!(after < before, "{after} {before}");
    assert_eq!(
        lab.run("SHOW findings.max_age_days").await.cells[0][1].as_deref(),
        Some("5000")
    );
    for (statement, message) in [
        ("SET findings.max_age = 5", "no setting `findings.max_age`"),
        (
            "SET findings.max_age_days = 'soon'",
            "`findings.max_age_days` is a whole number",
        ),
        ("SET findings.max_age_days = -1", "whole number"),
    ] {
        let error = lab.fail(statement).await;
        assert!(error.contains(message), "{statement}: {error}");
    }
    let options = Options {
        findings: [("max_age_days".to_owned(), 5000)].into(),
        ..Options::default()
    };
    let lab = Lab::with_options(organization(250), options).await;
    assert_eq!(
        lab.run("SHOW findings.max_age_days").await.cells[0][1].as_deref(),
        Some("5000")
    );
}

#[test]
fn rows_can_fail_a_script() {
    let env = TestEnv::start(organization(5));
    let code = |statements: &[&str]| {
        let mut args = vec!["--fail-on-rows"];
        statements.iter().for_each(|sql| args.extend(["-e", sql]));
        env.iamql(&args).code
    };
    assert_eq!(code(&["SELECT 1"]), Some(3));
    assert_eq!(code(&["SELECT 1 WHERE false"]), Some(0));
    assert_eq!(code(&["SELECT id FROM api_keys LIMIT 1"]), Some(3));
    // The last one counts.
    assert_eq!(code(&["SELECT 1; SELECT 1 WHERE false"]), Some(0));
    assert_eq!(
        code(&["SELECT 1", "SET findings.max_age_days = 1"]),
        Some(0)
    );
    assert_eq!(
        code(&["SELECT 1 WHERE false", "SELECT 2", "-- nothing"]),
        Some(3)
    );
    assert_eq!(code(&["SELECT nothing"]), Some(1));
    assert_eq!(env.iamql(&["-e", "SELECT 1"]).code, Some(0));
    assert_eq!(env.iamql(&["shell", "--fail-on-rows"]).code, Some(2));
}
