//! Keys that expire: none is missing from an answer, in either edition of the service, and a create can set the day.

use chrono::{DateTime, Days, NaiveDate, Utc};
use fastrand::Rng;
use iamql::sandbox::{Contract, SandboxConfig, UnknownFilter};
use iamql::session::Options;
use serde_json::{Value, json};

use crate::support::{Lab, key, now, number, organization};

/// Keys of few owners and resources, most of which have expired at the time of the sandbox, or soon will.
fn keys(rng: &mut Rng, count: usize) -> Vec<Value> {
    let today = now().date_naive();
    let made = (0..count).map(|n| {
        let owner = ["sa-1", "sa-2", "u-1"][rng.usize(0..3)];
        let resource = ["lkc-1", "lsrc-1", "cloud", "aws.us-east-1"][rng.usize(0..4)];
        let mut key = key(&number(n), owner, resource);
        if rng.usize(0..4) > 0 {
            let day = match rng.bool() {
                true => today - Days::new(rng.u64(0..400)),
                false => today + Days::new(rng.u64(0..40)),
            };
            key["spec"]["expires_at"] = json!(day.to_string());
        }
        key
    });
    made.collect()
}

/// The same keys as a service of `contract` has them.
fn of_contract(keys: &[Value], contract: Contract) -> Vec<Value> {
    let mut keys = keys.to_vec();
    for key in &mut keys {
        if contract == Contract::V04
            && let Some(day) = key["spec"].get("expires_at").and_then(Value::as_str)
        {
            key["spec"]["expires_at"] = json!(format!("{day}T23:59:59Z"));
        }
    }
    keys
}

async fn lab(config: SandboxConfig, keys: &[Value]) -> Lab {
    let lab = Lab::start(config).await;
    keys.iter().for_each(|key| lab.sandbox.insert(key.clone()));
    lab
}

/// The three services that there may be: of today, of before, and of before with a shrug for what it does not know.
async fn labs(keys: &[Value]) -> Vec<Lab> {
    let old = of_contract(keys, Contract::V04);
    let ignoring = organization(0)
        .with_contract(Contract::V04)
        .with(|config| config.unknown_filter = UnknownFilter::Ignored);
    vec![
        lab(organization(0).with_contract(Contract::V05), keys).await,
        lab(organization(0).with_contract(Contract::V04), &old).await,
        lab(ignoring, &old).await,
    ]
}

/// Returns the ids of `keys` that `wanted` admits, in order.
fn ids(keys: &[Value], wanted: impl Fn(&str, &str, Option<NaiveDate>) -> bool) -> Vec<String> {
    let text = |key: &Value, pointer: &str| key.pointer(pointer)?.as_str().map(str::to_owned);
    let is_wanted = |key: &&Value| {
        let day = text(key, "/spec/expires_at").map(|day| day.parse().unwrap());
        let owner = text(key, "/spec/owner/id").unwrap();
        wanted(&owner, &text(key, "/spec/resource/id").unwrap(), day)
    };
    let wanted = keys.iter().filter(is_wanted);
    wanted.map(|key| text(key, "/id").unwrap()).collect()
}

#[tokio::test]
async fn no_key_is_missing_because_it_has_expired_on_any_way_to_it() {
    let mut rng = Rng::with_seed(16);
    for count in [3, 120, 230] {
        let keys = keys(&mut rng, count);
        let all = ids(&keys, |_, _, _| true);
        let of_owner = ids(&keys, |owner, _, _| owner == "sa-1");
        let of_resource = ids(&keys, |_, resource, _| resource == "lkc-1");
        let of_both = ids(&keys, |owner, resource, _| {
            owner == "sa-1" && resource == "lkc-1"
        });
        let of_region = ids(&keys, |_, resource, _| resource == "aws.us-east-1");
        let of_two = ids(&keys, |owner, _, _| owner != "u-1");
        for lab in labs(&keys).await {
            for (sql, expected) in [
                ("SELECT id FROM api_keys", &all),
                ("SELECT id FROM vw_api_keys", &all),
                (
                    "SELECT id FROM api_keys WHERE spec.owner.id = 'sa-1'",
                    &of_owner,
                ),
                (
                    "SELECT id FROM api_keys WHERE spec.owner.id IN ('sa-1', 'sa-2')",
                    &of_two,
                ),
                (
                    "SELECT id FROM api_keys WHERE spec.resource.id = 'lkc-1'",
                    &of_resource,
                ),
                (
                    "SELECT id FROM vw_api_keys WHERE resource_id = 'aws.us-east-1'",
                    &of_region,
                ),
                (
                    "SELECT id FROM api_keys WHERE spec.owner.id = 'sa-1' AND spec.resource.id = 'lkc-1'",
                    &of_both,
                ),
                (
                    "SELECT k.id FROM api_keys k JOIN (VALUES ('sa-1')) o(id) ON k.spec.owner.id = o.id",
                    &of_owner,
                ),
                (
                    "SELECT a.id FROM api_keys a JOIN api_keys b ON a.id = b.id WHERE a.spec.owner.id = 'sa-1'",
                    &of_owner,
                ),
                (
                    "SELECT id FROM api_keys k WHERE EXISTS (SELECT 1 FROM (VALUES ('lkc-1')) r(id) WHERE r.id = k.spec.resource.id)",
                    &of_resource,
                ),
                (
                    "SELECT id FROM api_keys WHERE id IN (SELECT id FROM api_keys WHERE spec.owner.id = 'sa-1')",
                    &of_owner,
                ),
                ("SELECT id FROM api_keys LIMIT 1000", &all),
                (
                    "SELECT id FROM api_keys WHERE spec.owner.id = 'sa-1' LIMIT 1000",
                    &of_owner,
                ),
            ] {
                let answer = lab.run(sql).await;
                assert_eq!(answer.sorted(), *expected, "{count} keys: {sql}");
            }
            let one = format!("SELECT id FROM api_keys WHERE id = '{}'", all[0]);
            assert_eq!(lab.run(&one).await.value(), all[0]);
            for limit in [1, 7, count] {
                let answer = lab
                    .run(&format!("SELECT id FROM api_keys LIMIT {limit}"))
                    .await;
                assert_eq!(answer.rows.len(), limit.min(count), "{count} keys");
            }
        }
    }
}

#[tokio::test]
async fn the_same_questions_have_the_same_answers_in_both_editions() {
    let keys = keys(&mut Rng::with_seed(7), 150);
    let labs = labs(&keys).await;
    for sql in [
        "SELECT id, spec.expires_at, spec.created_by FROM api_keys ORDER BY id",
        "SELECT * FROM vw_api_keys ORDER BY id",
        "SELECT id FROM api_keys WHERE spec.expires_at IS NULL ORDER BY id",
        "SELECT id FROM api_keys WHERE spec.expires_at < now() + interval '90 days' ORDER BY id",
        "SELECT id FROM vw_api_keys WHERE expires_at BETWEEN '2026-06-01' AND '2026-07-31' ORDER BY id",
        "SELECT is_expired, count(*), min(days_left), max(days_left) FROM vw_api_keys GROUP BY 1 ORDER BY 1",
        "SELECT owner_id, count(expires_at), max(expires_at) FROM vw_api_keys GROUP BY 1 ORDER BY 1",
        "SELECT date_part('year', spec.expires_at), count(*) FROM api_keys GROUP BY 1 ORDER BY 1",
    ] {
        let expected = labs[0].run(sql).await.rows;
        assert!(!expected.is_empty());
        for lab in &labs[1..] {
            assert_eq!(lab.run(sql).await.rows, expected, "{sql}");
        }
    }
    // What the older edition refuses it is not asked for twice.
    let again = labs[1].run("SELECT count(*) FROM api_keys").await;
    assert_eq!(again.requests[0], "GET /iam/v2/api-keys?page_size=100");
    let explained = labs[1].run("EXPLAIN SELECT * FROM api_keys").await;
    assert!(!format!("{explained:?}").contains("show_expired"));
    let explained = labs[0].run("EXPLAIN SELECT * FROM api_keys").await;
    assert!(format!("{explained:?}").contains("show_expired=true"));
}

#[tokio::test]
async fn the_view_counts_the_days_to_the_last_one_in_utc() {
    let today = Utc::now().date_naive();
    let on = |n: usize, day: Option<NaiveDate>| {
        let mut key = key(&number(n), "sa-1", "lkc-1");
        if let Some(day) = day {
            key["spec"]["expires_at"] = json!(day.to_string());
        }
        key
    };
    let keys = [
        on(0, None),
        on(1, Some(today)),
        on(2, Some(today - Days::new(1))),
        on(3, Some(today + Days::new(1))),
        on(4, Some(today - Days::new(365))),
        on(5, NaiveDate::from_ymd_opt(9999, 12, 31)),
    ];
    let lab = Lab::of(keys).await;
    let sql = "SELECT id, is_expired, CASE WHEN days_left > 1000 THEN 1000 ELSE days_left END FROM vw_api_keys ORDER BY id";
    let rows = lab.run(sql).await.rows;
    if Utc::now().date_naive() != today {
        return; // It is past midnight now.
    }
    assert_eq!(
        rows,
        [
            "K000 | false | NULL",
            "K001 | false | 0",
            "K002 | true | -1",
            "K003 | false | 1",
            "K004 | true | -365",
            "K005 | false | 1000",
        ]
    );
    let valid = lab
        .run("SELECT id FROM vw_api_keys WHERE NOT is_expired ORDER BY id")
        .await;
    assert_eq!(valid.rows, ["K000", "K001", "K003", "K005"]);
    let soon = lab
        .run("SELECT id FROM vw_api_keys WHERE days_left BETWEEN 0 AND 30 ORDER BY id")
        .await;
    assert_eq!(soon.rows, ["K001", "K003"]);
}

#[tokio::test]
async fn every_form_of_insert_sets_the_last_day() {
    let lab = Lab::of([key("K001", "sa-1", "lkc-1")]).await;
    let owner = r#""owner":{"id":"sa-1"}"#;
    for insert in [
        "INSERT INTO api_keys (spec.owner.id, spec.expires_at) VALUES ('sa-1', '2099-12-31')".to_owned(),
        "INSERT INTO api_keys (spec.owner.id, spec.expires_at) VALUES ('sa-1', DATE '2099-12-31')".to_owned(),
        "INSERT INTO api_keys (spec.owner.id, spec.expires_at) SELECT 'sa-1', CAST('2099-12-30' AS DATE) + interval '1 day'".to_owned(),
        "INSERT INTO api_keys (spec.owner.id, spec.expires_at) SELECT 'sa-1', CAST(TIMESTAMP '2099-12-31T10:00:00' AS DATE)".to_owned(),
        "INSERT INTO api_keys (spec.owner.id, spec.expires_at) VALUES ('sa-1', '2099-12-31T23:59:59Z')".to_owned(),
        "INSERT INTO api_keys (spec.owner.id, spec.expires_at) VALUES ('sa-1', '2100-01-01T00:30:00+01:00')".to_owned(),
        format!("INSERT INTO api_keys (data__spec) VALUES ('{{{owner},\"expires_at\":\"2099-12-31T23:59:59.5Z\"}}')"),
        format!("INSERT INTO api_keys (spec) VALUES ('{{{owner},\"expires_at\":\"2099-12-31\"}}')"),
        format!("INSERT INTO api_keys (data__spec) SELECT '{{{owner},\"expires_at\":\"2099-12-31\"}}'"),
        format!(
            "EXEC /*+ SHOWRESULTS */ confluent.iam.api_keys.create_iam_v2api_key @@json = '{{\"spec\":{{{owner},\"expires_at\":\"2099-12-31\"}}}}'"
        ),
    ] {
        let answer = lab.run(&insert).await;
        assert_eq!(answer.rows.len(), 1, "{insert}");
        let body = &lab.bodies()[0];
        assert_eq!(body["spec"]["expires_at"], "2099-12-31", "{insert}");
    }
    let days = lab
        .run("SELECT DISTINCT spec.expires_at FROM api_keys WHERE id <> 'K001'")
        .await;
    assert_eq!(days.value(), "2099-12-31");
}

#[tokio::test]
async fn a_day_that_is_over_or_is_none_is_refused_before_any_request() {
    let lab = Lab::small(Options::default()).await;
    let yesterday = (Utc::now() - chrono::TimeDelta::days(1)).date_naive();
    for (value, expected) in [
        (
            format!("'{yesterday}'"),
            "`spec.expires_at` is in the past: ",
        ),
        (
            "current_date - interval '1 day'".to_owned(),
            "`spec.expires_at` is in the past: ",
        ),
        (
            "'tomorrow'".to_owned(),
            "`spec.expires_at` is a date, not `\"tomorrow\"`",
        ),
        ("'2099-1-1'".to_owned(), "`spec.expires_at` is a date, not"),
        (
            "'2099-02-30'".to_owned(),
            "`spec.expires_at` is a date, not",
        ),
        (
            "now() + interval '90 days'".to_owned(),
            "`spec.expires_at` is a date, not",
        ),
        (
            "20991231".to_owned(),
            "`spec.expires_at` is a date, not `20991231`",
        ),
    ] {
        let error = lab
            .fail(&format!(
                "INSERT INTO api_keys (spec.owner.id, spec.expires_at) VALUES ('sa-1', {value})"
            ))
            .await;
        assert!(error.contains(expected), "{value}: {error}");
        let caret = format!(
            "{}^^^",
            " ".repeat("1 | INSERT INTO api_keys (spec.owner.id, ".len())
        );
        let caret = caret.replacen("    ", "  | ", 1);
        assert!(error.contains(&caret), "{value}: {error}");
        assert_eq!(lab.requests(), [""; 0], "{value}");
    }
    for sql in [
        "UPDATE api_keys SET spec.expires_at = '2099-12-31' WHERE id = 'K000'",
        "UPDATE api_keys SET spec = '{\"expires_at\":\"2099-12-31\"}' WHERE id = 'K000'",
    ] {
        let error = lab.fail(sql).await;
        assert!(
            error.contains("`spec.expires_at` cannot be changed once the key exists"),
            "{error}"
        );
        assert_eq!(lab.requests(), [""; 0], "{sql}");
    }
    for field in ["spec.resources", "spec.resources.id"] {
        let error = lab
            .fail(&format!(
                "INSERT INTO api_keys (spec.owner.id, {field}) VALUES ('sa-1', 'lkc-1')"
            ))
            .await;
        assert!(
            error.contains("would create a Cloud API key instead"),
            "{error}"
        );
        assert_eq!(lab.requests(), [""; 0], "{field}");
    }
    let error = lab
        .fail("INSERT INTO api_keys (spec.owner.id, spec.created_by) VALUES ('sa-1', 'u-1')")
        .await;
    assert!(error.contains("`spec.created_by` is read-only"), "{error}");
}

#[tokio::test]
async fn the_service_may_still_refuse_a_day() {
    // Its clock is years ahead of this machine's.
    let ahead = DateTime::from_timestamp(4_102_444_800, 0).unwrap();
    let lab = lab(
        organization(0).with_now(ahead),
        &[key("K001", "sa-1", "lkc-1")],
    )
    .await;
    let error = lab
        .fail("INSERT INTO api_keys (spec.owner.id, spec.expires_at) VALUES ('sa-1', '2099-12-31')")
        .await;
    assert!(error.contains("answered 422"), "{error}");
    // What the service suggests is told.
    assert!(
        error.contains("Use today's date in UTC or a later one"),
        "{error}"
    );
}

#[tokio::test]
async fn a_service_that_ignores_the_day_is_told() {
    let insert =
        "INSERT INTO api_keys (spec.owner.id, spec.expires_at) VALUES ('sa-1', '2099-12-31')";
    for (contract, warnings) in [(Contract::V04, 1), (Contract::V05, 0)] {
        let lab = lab(
            organization(0).with_contract(contract),
            &[key("K001", "sa-1", "lkc-1")],
        )
        .await;
        let answer = lab.run(insert).await;
        assert_eq!(answer.warnings.len(), warnings, "{:?}", answer.warnings);
        let told =
            |warning: &String| warning.contains("answered without the last day that was set for `");
        assert!(answer.warnings.iter().all(told), "{:?}", answer.warnings);
    }
}

#[tokio::test]
async fn a_resource_that_the_service_spells_otherwise_is_told() {
    let mut cloud = key("K001", "sa-1", "cloud");
    cloud["spec"]["resource"]["kind"] = json!("Cloud");
    let lab = Lab::of([cloud]).await;
    for sql in [
        "SELECT id FROM api_keys WHERE spec.resource.id = 'CLOUD'",
        "SELECT id FROM vw_api_keys WHERE resource_id IN ('CLOUD', 'lkc-1')",
        // None of these gets to a scan.
        "SELECT a.id FROM api_keys a LEFT JOIN vw_api_keys b ON a.id = b.id AND a.spec.resource.id = 'CLOUD'",
        "SELECT id FROM (SELECT * FROM vw_api_keys ORDER BY id LIMIT 3) WHERE resource_id = 'CLOUD'",
        "WITH k AS (SELECT id, spec.resource.id AS r FROM api_keys LIMIT 3) SELECT k.id FROM k JOIN api_keys a ON k.id = a.id WHERE k.r = 'CLOUD'",
        "SELECT id FROM api_keys WHERE spec.resource.id = 'CLOUD' OR spec.owner.id = 'sa-9'",
        "SELECT id FROM api_keys WHERE spec.resource.id <> 'CLOUD'",
        "SELECT count(*) FILTER (WHERE spec.resource.id = 'CLOUD') FROM api_keys",
        "SELECT CASE resource_id WHEN 'CLOUD' THEN 1 END FROM vw_api_keys",
        "SELECT owner_id FROM vw_api_keys a WHERE EXISTS (SELECT 1 FROM vw_api_keys b WHERE b.id = a.id AND b.resource_id = 'CLOUD')",
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(
            answer.warnings,
            ["no `spec.resource.id` is equal to `CLOUD`: the service writes `cloud`"],
            "{sql}"
        );
    }
    let answer = lab
        .run("SELECT id FROM api_keys WHERE spec.resource.id = 'cloud'")
        .await;
    assert_eq!((answer.value(), answer.warnings.len()), ("K001", 0));
    // Other columns may hold it.
    let other = "SELECT a.id FROM api_keys a LEFT JOIN vw_api_keys b ON a.spec.display_name = 'CLOUD' AND upper(b.resource_id) = 'CLOUD'";
    assert_eq!(lab.run(other).await.warnings, [""; 0]);
}
