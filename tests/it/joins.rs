//! Joins: what the other side holds decides what is asked for.

use std::time::Duration;

use crate::support::{Answer, Lab, key, number, organization};

const LIST: &str = "GET /iam/v2/api-keys?show_expired=true&page_size=100";
const NEXT: &str = "GET /iam/v2/api-keys?show_expired=true&page_size=100&page_token=*";

fn owned_by(owner: &str) -> String {
    format!("GET /iam/v2/api-keys?spec.owner={owner}&show_expired=true&page_size=100")
}

/// 120 keys: K000 to K119, of owners sa-0 to sa-9 and of clusters lkc-0 to lkc-3; with a file that names two owners, one
/// of them twice, and an owner without keys.
async fn lab() -> Lab {
    lab_with(Duration::ZERO).await
}

/// The same, with answers that take `latency`: what is asked for side by side is under way before the first of them.
async fn lab_with(latency: Duration) -> Lab {
    let lab = Lab::start(organization(0).with(|config| config.latency = latency)).await;
    for n in 0..120 {
        lab.sandbox.insert(key(
            &number(n),
            &format!("sa-{}", n % 10),
            &format!("lkc-{}", n % 4),
        ));
    }
    lab.write(
        "owners.csv",
        "owner,team\nsa-1,red\nsa-2,blue\nsa-2,green\nsa-99,none\n",
    );
    lab.write("none.csv", "owner,team\n");
    lab
}

fn assert_three_owners(answer: &Answer, query: &str) {
    assert_eq!(
        answer.sorted_requests(),
        [owned_by("sa-1"), owned_by("sa-2"), owned_by("sa-99")],
        "{query}"
    );
}

#[tokio::test]
async fn a_join_with_a_file_lists_once_per_owner_in_it() {
    let lab = lab().await;
    for query in [
        "SELECT k.id, o.team FROM api_keys k JOIN '{dir}/owners.csv' o ON k.spec.owner.id = o.owner",
        "SELECT k.id, o.team FROM '{dir}/owners.csv' o JOIN api_keys k ON k.spec.owner.id = o.owner",
        "SELECT k.id, o.team FROM api_keys k JOIN '{dir}/owners.csv' o ON o.owner = k.spec['owner']['id']",
        "SELECT k.id, o.team FROM vw_api_keys k JOIN '{dir}/owners.csv' o ON k.owner_id = o.owner",
        "SELECT k.id, o.team FROM '{dir}/owners.csv' o, vw_api_keys k WHERE k.owner_id = o.owner",
        "SELECT k.id, o.team FROM '{dir}/owners.csv' o INNER JOIN (SELECT id, spec.owner.id AS owner FROM api_keys) k USING (owner)",
        "SELECT k.id, o.team FROM (SELECT id, spec.owner.id AS owner FROM api_keys) k NATURAL JOIN '{dir}/owners.csv' o",
        "WITH o AS (SELECT * FROM '{dir}/owners.csv') SELECT k.id, o.team FROM api_keys k JOIN o ON k.spec.owner.id = o.owner",
        "SELECT k.id, o.team FROM api_keys k JOIN '{dir}/owners.csv' o ON k.spec -> 'owner' ->> 'id' = o.owner",
        "SELECT k.id, o.team FROM api_keys k JOIN (VALUES ('sa-1', 'red'), ('sa-2', 'blue'), ('sa-2', 'green'), ('sa-99', 'none')) AS o(owner, team) ON k.spec.owner.id = o.owner",
        "SELECT k.id, o.team FROM (VALUES ('sa-1', 'red'), ('sa-2', 'blue'), ('sa-2', 'green'), ('sa-99', 'none')) AS o(owner, team) JOIN api_keys k ON k.spec.owner.id = o.owner",
        "CREATE TABLE o AS SELECT * FROM '{dir}/owners.csv'; SELECT k.id, o.team FROM api_keys k JOIN o ON k.spec.owner.id = o.owner",
        "CREATE VIEW ov AS SELECT * FROM '{dir}/owners.csv'; SELECT k.id, ov.team FROM api_keys k JOIN ov ON k.spec.owner.id = ov.owner",
        "SELECT k.id, o.team FROM api_keys k RIGHT JOIN '{dir}/owners.csv' o ON k.spec.owner.id = o.owner WHERE k.id IS NOT NULL",
    ] {
        let answer = lab.run(query).await;
        assert_eq!(answer.rows.len(), 36, "{query}");
        assert!(answer.rows.contains(&"K002 | green".to_owned()), "{query}");
        assert_three_owners(&answer, query);
    }
}

#[tokio::test]
async fn membership_in_a_file_lists_once_per_owner_in_it() {
    let lab = lab().await;
    for query in [
        "SELECT id FROM api_keys WHERE spec.owner.id IN (SELECT owner FROM '{dir}/owners.csv')",
        "SELECT id FROM vw_api_keys WHERE owner_id IN (SELECT owner FROM '{dir}/owners.csv')",
        "SELECT id FROM api_keys k WHERE EXISTS (SELECT 1 FROM '{dir}/owners.csv' o WHERE o.owner = k.spec.owner.id)",
        "SELECT id FROM api_keys k LEFT SEMI JOIN '{dir}/owners.csv' o ON o.owner = k.spec.owner.id",
    ] {
        let answer = lab.run(query).await;
        assert_eq!(answer.rows.len(), 24, "{query}");
        assert_three_owners(&answer, query);
    }
}

#[tokio::test]
async fn what_a_file_has_and_the_service_has_not_lists_once_per_owner() {
    let lab = lab().await;
    for query in [
        "SELECT o.owner FROM '{dir}/owners.csv' o WHERE NOT EXISTS (SELECT 1 FROM api_keys k WHERE k.spec.owner.id = o.owner)",
        "SELECT o.owner FROM '{dir}/owners.csv' o LEFT ANTI JOIN api_keys k ON k.spec.owner.id = o.owner",
        "SELECT o.owner FROM '{dir}/owners.csv' o LEFT JOIN api_keys k ON k.spec.owner.id = o.owner WHERE k.id IS NULL",
    ] {
        let answer = lab.run(query).await;
        assert_eq!(answer.rows, ["sa-99"], "{query}");
        assert_three_owners(&answer, query);
    }
}

#[tokio::test]
async fn an_outer_join_from_the_file_lists_once_per_owner_in_it() {
    let lab = lab().await;
    let query = "SELECT o.owner, count(k.id) FROM '{dir}/owners.csv' o
                 LEFT JOIN api_keys k ON k.spec.owner.id = o.owner GROUP BY 1 ORDER BY 1";
    let answer = lab.run(query).await;
    assert_eq!(answer.rows, ["sa-1 | 12", "sa-2 | 24", "sa-99 | 0"]);
    assert_three_owners(&answer, query);
}

#[tokio::test]
async fn an_outer_join_from_the_keys_lists_everything() {
    let lab = lab().await;
    for (query, rows) in [
        (
            "SELECT k.id, o.team FROM api_keys k LEFT JOIN '{dir}/owners.csv' o ON k.spec.owner.id = o.owner",
            132,
        ),
        (
            "SELECT k.id, o.team FROM '{dir}/owners.csv' o RIGHT JOIN api_keys k ON k.spec.owner.id = o.owner",
            132,
        ),
        (
            "SELECT k.id, o.team FROM api_keys k FULL JOIN '{dir}/owners.csv' o ON k.spec.owner.id = o.owner",
            133,
        ),
        (
            "SELECT id FROM api_keys WHERE spec.owner.id NOT IN (SELECT owner FROM '{dir}/owners.csv')",
            96,
        ),
        (
            "SELECT id FROM api_keys k WHERE NOT EXISTS (SELECT 1 FROM '{dir}/owners.csv' o WHERE o.owner = k.spec.owner.id)",
            96,
        ),
        (
            "SELECT k.id, o.team FROM api_keys k LEFT JOIN '{dir}/none.csv' o ON k.spec.owner.id = o.owner",
            120,
        ),
        (
            "SELECT id FROM api_keys k CROSS JOIN (VALUES (1), (2)) t(n)",
            240,
        ),
    ] {
        let answer = lab.run(query).await;
        assert_eq!(answer.rows.len(), rows, "{query}");
        assert_eq!(answer.requests, [LIST, NEXT], "{query}");
    }
}

#[tokio::test]
async fn a_join_with_nothing_sends_nothing() {
    let lab = lab().await;
    for query in [
        "SELECT k.id FROM api_keys k JOIN '{dir}/none.csv' o ON k.spec.owner.id = o.owner",
        "SELECT k.id FROM '{dir}/none.csv' o JOIN api_keys k ON k.spec.owner.id = o.owner",
        "SELECT k.id FROM '{dir}/none.csv' o LEFT JOIN api_keys k ON k.spec.owner.id = o.owner",
        "SELECT id FROM api_keys WHERE spec.owner.id IN (SELECT owner FROM '{dir}/none.csv')",
        "SELECT id FROM api_keys WHERE id IN (SELECT owner FROM '{dir}/none.csv')",
        "SELECT k.id FROM api_keys k, '{dir}/owners.csv' o WHERE k.spec.owner.id = o.owner AND o.team = 'x'",
    ] {
        let answer = lab.run(query).await;
        assert_eq!(answer.rows, [""; 0], "{query}");
        assert_eq!(answer.requests, [""; 0], "{query}");
    }
}

#[tokio::test]
async fn a_join_on_two_columns_filters_by_both() {
    let lab = lab().await;
    lab.write("pairs.csv", "o,r\nsa-1,lkc-1\nsa-1,lkc-3\n");
    for query in [
        "SELECT k.id FROM api_keys k JOIN '{dir}/pairs.csv' p ON k.spec.owner.id = p.o AND k.spec.resource.id = p.r",
        "SELECT k.id FROM '{dir}/pairs.csv' p JOIN vw_api_keys k ON (k.owner_id, k.resource_id) = (p.o, p.r)",
    ] {
        let answer = lab.run(query).await;
        assert_eq!(answer.rows.len(), 12, "{query}");
        assert_eq!(
            answer.sorted_requests(),
            [
                "GET /iam/v2/api-keys?spec.owner=sa-1&spec.resource=lkc-1&show_expired=true&page_size=100",
                "GET /iam/v2/api-keys?spec.owner=sa-1&spec.resource=lkc-3&show_expired=true&page_size=100",
            ],
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_join_on_ids_fetches_them() {
    let lab = lab().await;
    lab.write("ids.csv", "id\nK007\nK011\nK007\n");
    let answer = lab
        .run("SELECT k.id FROM api_keys k JOIN '{dir}/ids.csv' i ON k.id = i.id")
        .await;
    assert_eq!(answer.sorted(), ["K007", "K007", "K011"]);
    assert_eq!(
        answer.sorted_requests(),
        ["GET /iam/v2/api-keys/K007", "GET /iam/v2/api-keys/K011"]
    );
}

#[tokio::test]
async fn a_predicate_beside_a_join_narrows_what_is_asked_for() {
    let lab = lab().await;
    let answer = lab
        .run(
            "SELECT k.id FROM api_keys k JOIN '{dir}/owners.csv' o ON k.spec.owner.id = o.owner
             WHERE o.team <> 'none' AND k.spec.owner.id IN ('sa-2', 'sa-3')",
        )
        .await;
    assert_eq!(answer.rows.len(), 24);
    assert_eq!(answer.requests, [owned_by("sa-2")]);
}

#[tokio::test]
async fn more_owners_than_fifty_in_a_file_are_one_listing() {
    let lab = lab().await;
    for (count, rows, requests) in [(50, 120, 50), (51, 120, 2), (400, 120, 2)] {
        let owners: String = (0..count).map(|n| format!("sa-{n}\n")).collect();
        lab.write("many.csv", &format!("owner\n{owners}"));
        let answer = lab
            .run("SELECT k.id FROM api_keys k JOIN '{dir}/many.csv' o ON k.spec.owner.id = o.owner")
            .await;
        assert_eq!(answer.rows.len(), rows, "{count}");
        assert_eq!(answer.requests.len(), requests, "{count}");
    }
}

#[tokio::test]
async fn a_limit_above_a_join_stops_the_listing() {
    let lab = lab_with(Duration::from_millis(20)).await;
    let answer = lab
        .run("SELECT k.id FROM api_keys k JOIN (VALUES ('lkc-0'), ('lkc-1')) r(id) ON k.spec.resource.id = r.id LIMIT 5")
        .await;
    assert_eq!(answer.rows.len(), 5);
    assert_eq!(answer.requests.len(), 2, "{:?}", answer.requests);
}

#[tokio::test]
async fn a_key_without_owner_joins_nothing_and_is_kept_by_an_outer_join() {
    let mut nobody = key("K001", "sa-1", "lkc-1");
    nobody["spec"].as_object_mut().unwrap().remove("owner");
    let lab = Lab::of([nobody, key("K002", "sa-2", "lkc-1")]).await;
    lab.write("owners.csv", "owner\nsa-2\n\n");
    let inner = lab
        .run("SELECT k.id FROM api_keys k JOIN '{dir}/owners.csv' o ON k.spec.owner.id = o.owner")
        .await;
    assert_eq!(inner.rows, ["K002"]);
    let outer = lab
        .run("SELECT k.id, o.owner FROM api_keys k LEFT JOIN '{dir}/owners.csv' o ON k.spec.owner.id = o.owner")
        .await;
    assert_eq!(outer.sorted(), ["K001 | NULL", "K002 | sa-2"]);
}

#[tokio::test]
async fn a_test_of_a_subquery_is_unknown_where_a_null_might_be_what_was_looked_for() {
    let lab = lab().await;
    lab.write("some.csv", "owner,team\nsa-1,red\n,red\nsa-2,blue\n");
    let some = "(SELECT owner FROM '{dir}/some.csv')";
    let none = "(SELECT owner FROM '{dir}/none.csv')";
    let of_sa_2 = "(SELECT owner FROM '{dir}/some.csv' WHERE team = 'blue')";
    for (test, rows) in [
        // With a NULL among the rows nothing is surely not among them.
        (format!("spec.owner.id NOT IN {some}"), 0),
        (format!("spec.owner.id NOT IN {some} OR id = 'K000'"), 1),
        (format!("NOT (spec.owner.id IN {some} OR id = 'K000')"), 0),
        (format!("(spec.owner.id IN {some}) IS NULL"), 96),
        (format!("(spec.owner.id IN {some}) IS NOT TRUE"), 96),
        (format!("CASE WHEN spec.owner.id IN {some} THEN false ELSE id = 'K000' END"), 1),
        (format!("spec.owner.id IN {some} OR id = 'K000'"), 25),
        // Nothing is among no rows, and NULL is neither.
        (format!("spec.owner.id NOT IN {none} OR id = 'K000'"), 120),
        (format!("NULLIF(spec.owner.id, 'sa-1') NOT IN {of_sa_2} OR id = 'gone'"), 96),
        (format!("NULLIF(spec.owner.id, 'sa-1') NOT IN {none} OR id = 'gone'"), 120),
        // The same of rows that depend on the key.
        ("spec.owner.id NOT IN (SELECT s.owner FROM '{dir}/some.csv' s WHERE s.owner = k.spec.owner.id)".to_owned(), 96),
        ("'x' NOT IN (SELECT s.team FROM '{dir}/some.csv' s WHERE s.owner = k.spec.owner.id)".to_owned(), 120),
        ("'red' NOT IN (SELECT s.team FROM '{dir}/some.csv' s WHERE s.owner = k.spec.owner.id) OR id = 'gone'".to_owned(), 108),
    ] {
        let query = format!("SELECT id FROM api_keys k WHERE {test}");
        assert_eq!(lab.run(&query).await.rows.len(), rows, "{query}");
    }
}
