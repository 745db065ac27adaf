//! Listings that the service filters by owner and by resource.

use serde_json::{Value, json};

use crate::support::{Lab, ids, key, number, owner, owners_of, resource};

const LIST: &str = "GET /iam/v2/api-keys?show_expired=true&page_size=100";
const NEXT: &str = "GET /iam/v2/api-keys?show_expired=true&page_size=100&page_token=*";

#[tokio::test]
async fn the_listing_is_filtered_by_owner_however_it_is_asked_for() {
    let lab = Lab::with_view().await;
    let who = lab.sandbox.owners().remove(2);
    let expected = ids(&lab.sandbox, |key| owner(key) == Some(&who));
    assert!(!expected.is_empty());
    for query in [
        "SELECT id FROM api_keys WHERE spec.owner.id = '?'",
        "SELECT id FROM api_keys WHERE '?' = spec.owner.id",
        "SELECT id FROM api_keys k WHERE k.spec.owner.id = '?'",
        "SELECT id FROM confluent.iam.api_keys WHERE confluent.iam.api_keys.spec.owner.id = '?'",
        "SELECT id FROM api_keys WHERE SPEC.Owner.ID = '?'",
        "SELECT id FROM api_keys WHERE spec['owner']['id'] = '?'",
        "SELECT id FROM api_keys WHERE spec.owner['id'] = '?'",
        "SELECT id FROM api_keys WHERE spec -> 'owner' ->> 'id' = '?'",
        "SELECT id FROM api_keys WHERE json_extract(spec, '$.owner.id') = '?'",
        "SELECT id FROM api_keys WHERE JSON_EXTRACT(spec, '$.owner.id') IN ('?')",
        "SELECT id FROM api_keys WHERE spec.owner.id LIKE '?'",
        "SELECT id FROM api_keys WHERE spec.owner.id IS NOT DISTINCT FROM '?'",
        "SELECT id FROM api_keys WHERE (spec.owner.id, kind) IN (('?', 'ApiKey'))",
        "SELECT id FROM vw_api_keys WHERE owner_id = '?'",
        "SELECT id FROM vw_api_keys AS v WHERE v.owner_id IN ('?')",
        "SELECT id FROM mine WHERE owner = '?'",
        "SELECT id FROM (SELECT id, spec FROM api_keys) t WHERE t.spec.owner.id = '?'",
        "SELECT id FROM (SELECT id, spec.owner FROM api_keys) AS t(id, o) WHERE t.o['id'] = '?'",
        "SELECT id FROM (SELECT id, spec.owner.id FROM api_keys) WHERE \"spec.owner.id\" = '?'",
        "WITH o AS (SELECT id, spec.owner.id AS owner FROM api_keys) SELECT id FROM o WHERE owner = '?'",
        "SELECT id FROM api_keys WHERE spec.owner.id = (SELECT '?')",
        "SELECT id FROM api_keys WHERE spec.owner.id IN (SELECT '?')",
    ] {
        let query = query.replace('?', &who);
        let answer = lab.run(&query).await;
        assert_eq!(answer.sorted(), expected, "{query}");
        assert_eq!(
            answer.requests,
            [format!(
                "GET /iam/v2/api-keys?spec.owner={who}&show_expired=true&page_size=100"
            )],
            "{query}"
        );
    }
}

#[tokio::test]
async fn the_listing_is_filtered_by_resource_and_by_both() {
    let lab = Lab::with_view().await;
    let keys = lab.sandbox.keys();
    let sample = keys
        .iter()
        .find(|key| resource(key).is_some_and(|id| id.starts_with("lkc-")) && owner(key).is_some());
    let (who, what) = sample
        .map(|key| (owner(key).unwrap(), resource(key).unwrap()))
        .unwrap();
    let on_resource = ids(&lab.sandbox, |key| resource(key) == Some(what));
    let on_both = ids(&lab.sandbox, |key| {
        resource(key) == Some(what) && owner(key) == Some(who)
    });
    for query in [
        "SELECT id FROM api_keys WHERE spec.resource.id = '?'",
        "SELECT id FROM vw_api_keys WHERE resource_id = '?'",
        "SELECT id FROM api_keys WHERE spec -> 'resource' ->> 'id' = '?'",
    ] {
        let answer = lab.run(&query.replace('?', what)).await;
        assert_eq!(answer.sorted(), on_resource, "{query}");
        assert_eq!(
            answer.requests,
            [format!(
                "GET /iam/v2/api-keys?spec.resource={what}&show_expired=true&page_size=100"
            )],
            "{query}"
        );
    }
    for query in [
        "SELECT id FROM api_keys WHERE spec.resource.id = '{R}' AND spec.owner.id = '{O}'",
        "SELECT id FROM vw_api_keys WHERE owner_id = '{O}' AND resource_id = '{R}'",
        "SELECT id FROM mine WHERE owner = '{O}' AND resource = '{R}'",
        "SELECT id FROM (SELECT * FROM mine WHERE owner = '{O}') WHERE resource = '{R}'",
    ] {
        let query = query.replace("{R}", what).replace("{O}", who);
        let answer = lab.run(&query).await;
        assert_eq!(answer.sorted(), on_both, "{query}");
        assert_eq!(
            answer.requests,
            [format!(
                "GET /iam/v2/api-keys?spec.owner={who}&spec.resource={what}&show_expired=true&page_size=100"
            )],
            "{query}"
        );
    }
}

#[tokio::test]
async fn resources_that_the_service_does_not_match_exactly_are_found_here() {
    let lab = Lab::with_view().await;
    for what in ["aws.us-east-1", "CLOUD", "", "nothing"] {
        let answer = lab
            .run(&format!(
                "SELECT id FROM api_keys WHERE spec.resource.id = '{what}'"
            ))
            .await;
        assert_eq!(
            answer.sorted(),
            ids(&lab.sandbox, |key| resource(key) == Some(what)),
            "{what}"
        );
        assert_eq!(answer.requests, [LIST, NEXT, NEXT], "{what}");
    }
    for what in ["cloud", "global", "tableflow"] {
        let answer = lab
            .run(&format!(
                "SELECT id FROM api_keys WHERE spec.resource.id = '{what}'"
            ))
            .await;
        let expected = ids(&lab.sandbox, |key| resource(key) == Some(what));
        assert!(!expected.is_empty());
        assert_eq!(answer.sorted(), expected, "{what}");
        assert_eq!(
            answer.requests,
            [format!(
                "GET /iam/v2/api-keys?spec.resource={what}&show_expired=true&page_size=100"
            )],
        );
    }
}

#[tokio::test]
async fn several_owners_are_listed_side_by_side_one_by_one() {
    let lab = Lab::with_view().await;
    let mut who = lab.sandbox.owners()[1..4].to_vec();
    who.sort();
    let expected = ids(&lab.sandbox, |key| {
        owner(key).is_some_and(|owner| who.iter().any(|who| who == owner))
    });
    let listings: Vec<_> = who
        .iter()
        .map(|who| format!("GET /iam/v2/api-keys?spec.owner={who}&show_expired=true&page_size=100"))
        .collect();
    let [a, b, c] = who.as_slice() else {
        panic!("three owners")
    };
    for query in [
        format!("SELECT id FROM api_keys WHERE spec.owner.id IN ('{a}', '{b}', '{c}')"),
        format!("SELECT id FROM vw_api_keys WHERE owner_id IN ('{a}', '{b}', '{c}', '{a}')"),
        format!("SELECT id FROM mine WHERE owner = '{a}' OR owner = '{b}' OR owner = '{c}'"),
        format!(
            "SELECT id FROM api_keys WHERE (spec.owner.id = '{a}' AND id > '') OR spec.owner.id IN ('{b}', '{c}')"
        ),
    ] {
        let answer = lab.run(&query).await;
        assert_eq!(answer.sorted(), expected, "{query}");
        assert_eq!(answer.sorted_requests(), listings, "{query}");
    }
}

#[tokio::test]
async fn more_than_fifty_owners_are_one_listing() {
    let keys = (0..60).map(|n| key(&number(n), &format!("sa-{n:02}"), "lkc-1"));
    let lab = Lab::of(keys).await;
    let query = |n: usize| {
        let owners: Vec<_> = (0..n).map(|n| format!("'sa-{n:02}'")).collect();
        format!(
            "SELECT id FROM api_keys WHERE spec.owner.id IN ({})",
            owners.join(", ")
        )
    };
    let fifty = lab.run(&query(50)).await;
    assert_eq!((fifty.rows.len(), fifty.requests.len()), (50, 50));
    let more = lab.run(&query(51)).await;
    assert_eq!(more.rows.len(), 51);
    assert_eq!(more.requests, [LIST]);
}

#[tokio::test]
async fn every_page_repeats_the_filters_and_the_page_size() {
    let keys = (0..230).map(|n| key(&number(n), "sa-1", "lkc-1"));
    let lab = Lab::of(keys).await;
    let answer = lab
        .run("SELECT id FROM api_keys WHERE spec.owner.id = 'sa-1' AND spec.resource.id = 'lkc-1'")
        .await;
    assert_eq!(answer.rows.len(), 230);
    let first =
        "GET /iam/v2/api-keys?spec.owner=sa-1&spec.resource=lkc-1&show_expired=true&page_size=100";
    let next = format!("{first}&page_token=*");
    assert_eq!(answer.requests, [first, &next, &next]);
    let tokens = lab.sandbox.requests();
    let tokens: Vec<_> = tokens.iter().map(|r| r.parameter("page_token")).collect();
    assert_eq!(tokens[0], None);
    assert_ne!(tokens[1], tokens[2]);
}

#[tokio::test]
async fn a_service_that_filters_too_little_changes_no_answer() {
    // The service compares resources without regard to case, and in the old edition finds a key by any of its resources.
    let mut several = key("K002", "sa-1", "lkc-2");
    several["spec"]["resources"] = json!([{"id": "lkc-2"}, {"id": "lkc-1"}]);
    let lab = Lab::of([
        key("K001", "sa-1", "lkc-1"),
        several,
        key("K003", "sa-1", "LKC-1"),
    ])
    .await;
    let answer = lab
        .run("SELECT id FROM api_keys WHERE spec.resource.id = 'lkc-1'")
        .await;
    assert_eq!(answer.rows, ["K001"]);
    assert_eq!(
        answer.requests,
        ["GET /iam/v2/api-keys?spec.resource=lkc-1&show_expired=true&page_size=100"]
    );
}

#[tokio::test]
async fn every_owner_of_the_organization_is_found_by_its_filter() {
    let lab = Lab::with_view().await;
    for who in owners_of(&lab.sandbox.keys()) {
        let answer = lab
            .run(&format!(
                "SELECT id FROM vw_api_keys WHERE owner_id = '{who}'"
            ))
            .await;
        assert_eq!(
            answer.sorted(),
            ids(&lab.sandbox, |key| owner(key) == Some(&who)),
            "{who}"
        );
    }
}

#[tokio::test]
async fn times_beyond_nanoseconds_are_compared() {
    let mut keys: Vec<Value> = (0..4).map(|n| key(&number(n), "sa-1", "lkc-1")).collect();
    keys[0]["metadata"]["deleted_at"] = json!("0001-01-01T00:00:00Z");
    keys[1]["metadata"]["deleted_at"] = json!("2027-01-01T00:00:00.000001Z");
    keys[2]["metadata"]["deleted_at"] = json!("9999-12-31T23:59:59.999999Z");
    let lab = Lab::of(keys).await;
    for (test, expected) in [
        (
            "metadata.deleted_at = '9999-12-31T23:59:59.999999Z'",
            &["K002"][..],
        ),
        ("metadata.deleted_at < '9999-12-31'", &["K000", "K001"]),
        ("'9999-01-01' > metadata.deleted_at", &["K000", "K001"]),
        ("metadata.deleted_at > '0001-01-01'", &["K001", "K002"]),
        (
            "metadata.deleted_at <> '0001-01-01 00:00:00'",
            &["K001", "K002"],
        ),
        (
            "metadata.deleted_at > '2027-01-01T00:00:00.0000005Z'",
            &["K001", "K002"],
        ),
        (
            "metadata.deleted_at BETWEEN '0001-01-01' AND '2028-01-01'",
            &["K000", "K001"],
        ),
        (
            "metadata.deleted_at IN ('0001-01-01', '9999-01-01')",
            &["K000"],
        ),
        (
            "metadata.deleted_at NOT IN ('0001-01-01', '2000-01-01', '2001-01-01', '2002-01-01')",
            &["K001", "K002"],
        ),
        (
            "metadata.deleted_at IS DISTINCT FROM '0001-01-01'",
            &["K001", "K002", "K003"],
        ),
        (
            "metadata.deleted_at = (SELECT max(metadata.deleted_at) FROM api_keys)",
            &["K002"],
        ),
        (
            "CASE WHEN metadata.deleted_at < '9999-01-01' THEN metadata.deleted_at > '0001-01-02' END",
            &["K001"],
        ),
    ] {
        let query = format!("SELECT id FROM api_keys WHERE {test}");
        assert_eq!(lab.run(&query).await.sorted(), expected, "{query}");
    }
}

#[tokio::test]
async fn days_are_compared() {
    let mut keys: Vec<Value> = (0..4).map(|n| key(&number(n), "sa-1", "lkc-1")).collect();
    keys[0]["spec"]["expires_at"] = json!("0001-01-01");
    keys[1]["spec"]["expires_at"] = json!("2027-01-01");
    keys[2]["spec"]["expires_at"] = json!("9999-12-31");
    let lab = Lab::of(keys).await;
    for (test, expected) in [
        ("spec.expires_at = '9999-12-31'", &["K002"][..]),
        ("spec.expires_at < '9999-12-31'", &["K000", "K001"]),
        ("date '9999-01-01' > spec.expires_at", &["K000", "K001"]),
        ("spec.expires_at > '0001-01-01'", &["K001", "K002"]),
        (
            "spec.expires_at BETWEEN '0001-01-01' AND '2028-01-01'",
            &["K000", "K001"],
        ),
        ("spec.expires_at IN ('0001-01-01', '9999-01-01')", &["K000"]),
        (
            "spec.expires_at IS DISTINCT FROM '0001-01-01'",
            &["K001", "K002", "K003"],
        ),
        (
            "spec.expires_at = (SELECT max(spec.expires_at) FROM api_keys)",
            &["K002"],
        ),
        (
            "spec.expires_at < timestamp '2027-01-01 00:00:01'",
            &["K000", "K001"],
        ),
        (
            "spec.expires_at < now() + interval '90 years'",
            &["K000", "K001"],
        ),
        (
            "spec.expires_at > current_date + interval '365000 days'",
            &["K002"],
        ),
        (
            "spec.expires_at - interval '1 day' = '2026-12-31'",
            &["K001"],
        ),
    ] {
        let query = format!("SELECT id FROM api_keys WHERE {test}");
        assert_eq!(lab.run(&query).await.sorted(), expected, "{query}");
        let query = format!(
            "SELECT id FROM vw_api_keys WHERE {}",
            test.replace("spec.", "").replace("api_keys", "vw_api_keys")
        );
        assert_eq!(lab.run(&query).await.sorted(), expected, "{query}");
    }
}
