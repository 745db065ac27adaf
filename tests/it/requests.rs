//! Which requests a SELECT sends, and that its rows are those that an evaluation of the keys by hand gives.

use serde_json::{Value, json};

use crate::support::{Lab, key, number, organization, owners_of};

const LIST: &str = "GET /iam/v2/api-keys?page_size=100";
const NEXT: &str = "GET /iam/v2/api-keys?page_size=100&page_token=*";

fn get(id: &str) -> String {
    format!("GET /iam/v2/api-keys/{id}")
}

/// The ids of the keys that `wanted` admits, in order.
fn ids(lab: &Lab, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    let keys = lab.sandbox.keys();
    let ids = keys.iter().filter(|key| wanted(key));
    let mut ids: Vec<_> = ids
        .map(|key| text(key, "/id").unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

fn text<'k>(key: &'k Value, pointer: &str) -> Option<&'k str> {
    key.pointer(pointer)?.as_str()
}

fn owner(key: &Value) -> Option<&str> {
    text(key, "/spec/owner/id")
}

fn resource(key: &Value) -> Option<&str> {
    text(key, "/spec/resource/id")
}

/// The organization that most tests here ask about, with a view of the session over it.
async fn lab() -> Lab {
    let lab = Lab::with_keys(250).await;
    let view = lab
        .run(
            "CREATE VIEW mine AS
             SELECT id, spec.owner.id AS owner, spec.resource.id AS resource, kind FROM api_keys",
        )
        .await;
    assert_eq!(view.requests, [""; 0]);
    lab
}

#[tokio::test]
async fn a_key_is_fetched_by_its_id_however_it_is_asked_for() {
    let lab = lab().await;
    let id = ids(&lab, |_| true).remove(7);
    for query in [
        "SELECT id FROM api_keys WHERE id = '?'",
        "SELECT id FROM api_keys WHERE '?' = id",
        "SELECT ID FROM API_KEYS WHERE ID = '?'",
        "SELECT k.id FROM confluent.iam.api_keys AS k WHERE k.id = '?'",
        "SELECT api_keys.id FROM iam.api_keys WHERE api_keys.id IN ('?')",
        "SELECT id FROM api_keys WHERE id = '?' AND true AND 1 = 1",
        "SELECT id FROM api_keys WHERE id = '?' OR false",
        "SELECT id FROM api_keys WHERE id = CAST('?' AS VARCHAR)",
        "SELECT id FROM api_keys WHERE id = concat('', '?')",
        "SELECT id FROM api_keys WHERE id = trim(' ? ')",
        "SELECT id FROM api_keys WHERE id = (SELECT '?')",
        "SELECT id FROM api_keys WHERE id = (SELECT max(v) FROM (VALUES ('?'), ('')) t(v))",
        "SELECT id FROM api_keys WHERE id IN (SELECT '?')",
        "SELECT id FROM vw_api_keys WHERE id = '?'",
        "SELECT id FROM mine WHERE id = '?'",
        "SELECT id FROM (SELECT * FROM api_keys) WHERE id = '?'",
        "SELECT name FROM (SELECT id AS name FROM api_keys) t WHERE t.name = '?'",
        "WITH k AS (SELECT * FROM vw_api_keys) SELECT id FROM k WHERE id = '?'",
        "SELECT id FROM api_keys WHERE id = '?' LIMIT 5",
        "SELECT id FROM api_keys WHERE id = '?' ORDER BY spec.display_name",
        "SELECT DISTINCT id FROM api_keys WHERE id = '?'",
        "SELECT max(id) FROM api_keys WHERE id = '?'",
    ] {
        let query = query.replace('?', &id);
        let answer = lab.run(&query).await;
        assert_eq!(answer.rows, [id.as_str()], "{query}");
        assert_eq!(answer.requests, [get(&id)], "{query}");
    }
}

#[tokio::test]
async fn parameters_are_pushed_down_like_literals() {
    let lab = Lab::with_params(organization(0), [("1", "K001"), ("owner", "sa-1")]).await;
    lab.sandbox.insert(key("K001", "sa-1", "lkc-1"));
    lab.sandbox.insert(key("K002", "sa-2", "lkc-1"));
    let by_id = lab.run("SELECT id FROM api_keys WHERE id = $1").await;
    assert_eq!(by_id.rows, ["K001"]);
    assert_eq!(by_id.requests, [get("K001")]);
    let by_owner = lab
        .run("SELECT id FROM vw_api_keys WHERE owner_id = $owner")
        .await;
    assert_eq!(by_owner.rows, ["K001"]);
    assert_eq!(
        by_owner.requests,
        ["GET /iam/v2/api-keys?spec.owner=sa-1&page_size=100"]
    );
    let prepared = lab
        .run("PREPARE p AS SELECT id FROM api_keys WHERE id = $1; EXECUTE p('K002')")
        .await;
    assert_eq!(prepared.rows, ["K002"]);
    assert_eq!(prepared.requests, [get("K002")]);
}

#[tokio::test]
async fn several_ids_are_fetched_side_by_side() {
    let lab = lab().await;
    let wanted = &ids(&lab, |_| true)[3..8];
    let gets: Vec<_> = wanted.iter().map(|id| get(id)).collect();
    let quoted: Vec<_> = wanted.iter().map(|id| format!("'{id}'")).collect();
    let equal: Vec<_> = quoted.iter().map(|id| format!("id = {id}")).collect();
    for query in [
        format!(
            "SELECT id FROM api_keys WHERE id IN ({})",
            quoted.join(", ")
        ),
        format!("SELECT id FROM api_keys WHERE {}", equal.join(" OR ")),
        format!(
            "SELECT id FROM vw_api_keys WHERE id IN ({})",
            quoted.join(", ")
        ),
        format!(
            "SELECT id FROM mine WHERE id IN ({0}, {0})",
            quoted.join(", ")
        ),
        format!(
            "SELECT id FROM api_keys WHERE id IN (SELECT v FROM (VALUES ({})) t(v))",
            quoted.join("), (")
        ),
    ] {
        let answer = lab.run(&query).await;
        assert_eq!(answer.sorted(), wanted, "{query}");
        assert_eq!(answer.sorted_requests(), gets, "{query}");
    }
}

#[tokio::test]
async fn ids_are_listed_where_that_is_fewer_requests() {
    let lab = lab().await;
    // 250 keys are three pages, once that is known.
    let _ = lab.run("SELECT count(*) FROM api_keys").await;
    let all = ids(&lab, |_| true);
    let query = |n: usize| {
        let quoted: Vec<_> = all[..n].iter().map(|id| format!("'{id}'")).collect();
        format!("SELECT id FROM api_keys WHERE id IN ({})", quoted.join(","))
    };
    let three = lab.run(&query(3)).await;
    assert_eq!(three.requests.len(), 3);
    assert!(three.requests.iter().all(|line| line.contains("keys/")));
    let four = lab.run(&query(4)).await;
    assert_eq!(four.requests, [LIST, NEXT, NEXT]);
    assert_eq!(four.sorted(), all[..4]);
}

#[tokio::test]
async fn the_listing_is_filtered_by_owner_however_it_is_asked_for() {
    let lab = lab().await;
    let who = lab.sandbox.owners().remove(2);
    let expected = ids(&lab, |key| owner(key) == Some(&who));
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
        "SELECT id FROM api_keys WHERE spec ->> '$.owner.id' = '?'",
        "SELECT id FROM api_keys WHERE json_extract(spec, '$.owner.id') = '?'",
        "SELECT id FROM api_keys WHERE JSON_EXTRACT(spec, '$.owner.id') IN ('?')",
        "SELECT id FROM api_keys WHERE spec.owner.id LIKE '?'",
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
                "GET /iam/v2/api-keys?spec.owner={who}&page_size=100"
            )],
            "{query}"
        );
    }
}

#[tokio::test]
async fn the_listing_is_filtered_by_resource_and_by_both() {
    let lab = lab().await;
    let keys = lab.sandbox.keys();
    let sample = keys
        .iter()
        .find(|key| resource(key).is_some_and(|id| id.starts_with("lkc-")) && owner(key).is_some());
    let (who, what) = sample
        .map(|key| (owner(key).unwrap(), resource(key).unwrap()))
        .unwrap();
    let on_resource = ids(&lab, |key| resource(key) == Some(what));
    let on_both = ids(&lab, |key| {
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
                "GET /iam/v2/api-keys?spec.resource={what}&page_size=100"
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
                "GET /iam/v2/api-keys?spec.owner={who}&spec.resource={what}&page_size=100"
            )],
            "{query}"
        );
    }
}

#[tokio::test]
async fn resources_that_the_service_does_not_match_exactly_are_found_here() {
    let lab = lab().await;
    for what in ["aws.us-east-1", "CLOUD", "", "nothing"] {
        let answer = lab
            .run(&format!(
                "SELECT id FROM api_keys WHERE spec.resource.id = '{what}'"
            ))
            .await;
        assert_eq!(
            answer.sorted(),
            ids(&lab, |key| resource(key) == Some(what)),
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
        let expected = ids(&lab, |key| resource(key) == Some(what));
        assert!(!expected.is_empty());
        assert_eq!(answer.sorted(), expected, "{what}");
        assert_eq!(
            answer.requests,
            [format!(
                "GET /iam/v2/api-keys?spec.resource={what}&page_size=100"
            )],
        );
    }
}

#[tokio::test]
async fn several_owners_are_listed_side_by_side_one_by_one() {
    let lab = lab().await;
    let mut who = lab.sandbox.owners()[1..4].to_vec();
    who.sort();
    let expected = ids(&lab, |key| {
        owner(key).is_some_and(|owner| who.iter().any(|who| who == owner))
    });
    let listings: Vec<_> = who
        .iter()
        .map(|who| format!("GET /iam/v2/api-keys?spec.owner={who}&page_size=100"))
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
async fn a_predicate_beside_an_id_is_checked_here() {
    let lab = Lab::of([key("K001", "sa-1", "lkc-1")]).await;
    for (query, rows) in [
        ("id = 'K001' AND spec.owner.id = 'sa-1'", 1),
        ("id = 'K001' AND spec.owner.id = 'sa-2'", 0),
        ("id = 'K001' AND spec.display_name LIKE '%K001'", 1),
        ("id = 'K001' AND metadata.created_at < '2020-01-01'", 0),
        ("id = 'K001' AND kind <> 'ApiKey'", 0),
    ] {
        let answer = lab
            .run(&format!("SELECT id FROM api_keys WHERE {query}"))
            .await;
        assert_eq!(answer.rows.len(), rows, "{query}");
        assert_eq!(answer.requests, [get("K001")], "{query}");
    }
}

#[tokio::test]
async fn contradictions_cost_nothing() {
    let lab = lab().await;
    for condition in [
        "false",
        "1 = 0",
        "NULL",
        "id = NULL",
        "id IN (NULL)",
        "id = ''",
        "id = 'a' AND id = 'b'",
        "id IN ('a', 'b') AND id IN ('c')",
        "spec.owner.id = 'a' AND spec.owner.id = 'b'",
        "spec.owner.id = NULL",
        "id = (SELECT NULL)",
        "id IN (SELECT id FROM (SELECT 'x' AS id) WHERE false)",
        "spec.owner.id = (SELECT v FROM (VALUES ('a')) t(v) WHERE v = 'b')",
    ] {
        for table in ["api_keys", "(SELECT id, spec, kind FROM api_keys)"] {
            let query = format!("SELECT id FROM {table} WHERE {condition}");
            let answer = lab.run(&query).await;
            assert_eq!(answer.rows, [""; 0], "{query}");
            assert_eq!(answer.requests, [""; 0], "{query}");
        }
    }
    for query in [
        "SELECT * FROM api_keys LIMIT 0",
        "SELECT count(*) FROM api_keys WHERE false",
        "SELECT 1",
        "SELECT id FROM mine WHERE owner = 'a' AND owner = 'b'",
        "SELECT id FROM vw_api_keys WHERE id = 'a' AND id = 'b'",
    ] {
        assert_eq!(lab.run(query).await.requests, [""; 0], "{query}");
    }
}

#[tokio::test]
async fn anything_else_lists_every_page_once() {
    let lab = lab().await;
    for query in [
        "SELECT * FROM api_keys",
        "SELECT count(*) FROM api_keys",
        "SELECT * FROM vw_api_keys",
        "SELECT id FROM api_keys WHERE id <> 'a'",
        "SELECT id FROM api_keys WHERE NOT id = 'a'",
        "SELECT id FROM api_keys WHERE id > 'a'",
        "SELECT id FROM api_keys WHERE id LIKE 'A%'",
        "SELECT id FROM api_keys WHERE upper(id) = 'A'",
        "SELECT id FROM api_keys WHERE id = 'a' OR spec.owner.id = 'sa-1'",
        "SELECT id FROM api_keys WHERE spec.owner.id IS NULL",
        "SELECT id FROM api_keys WHERE spec.owner.id = ''",
        "SELECT id FROM api_keys WHERE spec.owner.kind = 'User'",
        "SELECT id FROM api_keys WHERE spec.resource.id IN ('lkc-1', 'aws.us-east-1')",
        "SELECT id FROM api_keys WHERE spec.display_name = 'x'",
        "SELECT id FROM api_keys WHERE id = kind",
        "SELECT id FROM api_keys WHERE random() < 0",
        "SELECT spec.owner.id, count(*) FROM api_keys GROUP BY 1",
        "SELECT id FROM api_keys ORDER BY id LIMIT 3",
    ] {
        let answer = lab.run(query).await;
        assert_eq!(answer.requests, [LIST, NEXT, NEXT], "{query}");
    }
}

#[tokio::test]
async fn every_page_repeats_the_filters_and_the_page_size() {
    let keys = (0..230).map(|n| key(&number(n), "sa-1", "lkc-1"));
    let lab = Lab::of(keys).await;
    let answer = lab
        .run("SELECT id FROM api_keys WHERE spec.owner.id = 'sa-1' AND spec.resource.id = 'lkc-1'")
        .await;
    assert_eq!(answer.rows.len(), 230);
    let first = "GET /iam/v2/api-keys?spec.owner=sa-1&spec.resource=lkc-1&page_size=100";
    let next = format!("{first}&page_token=*");
    assert_eq!(answer.requests, [first, &next, &next]);
    let tokens = lab.sandbox.requests();
    let tokens: Vec<_> = tokens.iter().map(|r| r.parameter("page_token")).collect();
    assert_eq!(tokens[0], None);
    assert_ne!(tokens[1], tokens[2]);
}

#[tokio::test]
async fn ids_and_owners_are_encoded_and_what_cannot_be_an_id_is_not_asked_for() {
    let lab = Lab::of([key("a/b?c", "o&p=q", "lkc-1")]).await;
    let answer = lab.run("SELECT id FROM api_keys WHERE id = 'a/b?c'").await;
    assert_eq!(answer.requests, ["GET /iam/v2/api-keys/a%2Fb%3Fc"]);
    assert_eq!(answer.rows, ["a/b?c"]);
    let answer = lab
        .run("SELECT id FROM api_keys WHERE spec.owner.id = 'o&p=q'")
        .await;
    assert_eq!(
        answer.requests,
        ["GET /iam/v2/api-keys?spec.owner=o%26p%3Dq&page_size=100"]
    );
    assert_eq!(answer.rows, ["a/b?c"]);
    let answer = lab
        .run("SELECT id FROM api_keys WHERE id IN ('.', '..')")
        .await;
    assert_eq!(answer.requests, [""; 0]);
}

#[tokio::test]
async fn a_service_that_filters_too_little_changes_no_answer() {
    // The service compares resources without regard to case, and finds a key by any of its resources.
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
        ["GET /iam/v2/api-keys?spec.resource=lkc-1&page_size=100"]
    );
}

#[tokio::test]
async fn every_owner_of_the_organization_is_found_by_its_filter() {
    let lab = lab().await;
    for who in owners_of(&lab.sandbox.keys()) {
        let answer = lab
            .run(&format!(
                "SELECT id FROM vw_api_keys WHERE owner_id = '{who}'"
            ))
            .await;
        assert_eq!(
            answer.sorted(),
            ids(&lab, |key| owner(key) == Some(&who)),
            "{who}"
        );
    }
}

#[tokio::test]
async fn scans_that_list_the_same_keys_share_one_listing() {
    let lab = Lab::with_keys(150).await;
    let pages = [
        "GET /iam/v2/api-keys?page_size=100",
        "GET /iam/v2/api-keys?page_size=100&page_token=*",
    ];
    for sql in [
        "SELECT count(*) FROM api_keys a JOIN api_keys b ON a.spec.owner.id = b.spec.owner.id WHERE a.id < b.id",
        "WITH o AS (SELECT spec.owner.id AS owner FROM api_keys) SELECT owner FROM o UNION ALL SELECT 'all' FROM o",
        "SELECT id FROM api_keys WHERE spec.owner.id IN (SELECT spec.owner.id FROM api_keys GROUP BY 1 HAVING count(*) > 3)",
        "SELECT id FROM vw_api_keys v WHERE age_days > (SELECT avg(age_days) FROM vw_api_keys)",
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(answer.requests, pages, "{sql}");
        assert!(!answer.rows.is_empty(), "{sql}");
    }
    // What differs is asked for separately.
    let owner = owners_of(&lab.sandbox.keys()).remove(0);
    let answer = lab
        .run(&format!(
            "SELECT count(*) FROM api_keys WHERE spec.owner.id = '{owner}' UNION ALL SELECT count(*) FROM api_keys"
        ))
        .await;
    assert_eq!(answer.requests.len(), 3);
}
