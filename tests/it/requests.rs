//! Which requests a SELECT sends, and that its rows are those that an evaluation of the keys by hand gives.

use crate::support::{Lab, ids, key, organization, owners_of};

const LIST: &str = "GET /iam/v2/api-keys?show_expired=true&page_size=100";
const NEXT: &str = "GET /iam/v2/api-keys?show_expired=true&page_size=100&page_token=*";

fn get(id: &str) -> String {
    format!("GET /iam/v2/api-keys/{id}")
}

#[tokio::test]
async fn a_key_is_fetched_by_its_id_however_it_is_asked_for() {
    let lab = Lab::with_view().await;
    let id = ids(&lab.sandbox, |_| true).remove(7);
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
        "SELECT id FROM api_keys WHERE id IS NOT DISTINCT FROM '?'",
        "SELECT id FROM api_keys WHERE (id, kind) = ('?', 'ApiKey')",
        "SELECT id FROM api_keys WHERE ROW(id, kind) IS NOT DISTINCT FROM ROW('?', 'ApiKey')",
        "SELECT id FROM api_keys WHERE (id = '?') IS TRUE",
        "SELECT id FROM api_keys WHERE CASE WHEN id = '?' THEN true END",
        "SELECT id FROM api_keys WHERE CASE WHEN kind = 'x' THEN false ELSE id = '?' END",
        "SELECT id FROM api_keys WHERE random() < 2 AND id = '?'",
        "SELECT id FROM vw_api_keys WHERE id = '?' AND random() < 2",
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
        ["GET /iam/v2/api-keys?spec.owner=sa-1&show_expired=true&page_size=100"]
    );
    let prepared = lab
        .run("PREPARE p AS SELECT id FROM api_keys WHERE id = $1; EXECUTE p('K002')")
        .await;
    assert_eq!(prepared.rows, ["K002"]);
    assert_eq!(prepared.requests, [get("K002")]);
}

#[tokio::test]
async fn several_ids_are_fetched_side_by_side() {
    let lab = Lab::with_view().await;
    let wanted = &ids(&lab.sandbox, |_| true)[3..8];
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
    let lab = Lab::with_view().await;
    // 250 keys are three pages, once that is known.
    let _ = lab.run("SELECT count(*) FROM api_keys").await;
    let all = ids(&lab.sandbox, |_| true);
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
    let lab = Lab::with_view().await;
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
    let lab = Lab::with_view().await;
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
async fn ids_and_owners_are_encoded_and_what_cannot_be_an_id_is_not_asked_for() {
    let lab = Lab::of([key("a&b=c", "o&p=q", "lkc-1")]).await;
    let answer = lab.run("SELECT id FROM api_keys WHERE id = 'a&b=c'").await;
    assert_eq!(answer.requests, ["GET /iam/v2/api-keys/a%26b%3Dc"]);
    assert_eq!(answer.rows, ["a&b=c"]);
    let answer = lab
        .run("SELECT id FROM api_keys WHERE spec.owner.id = 'o&p=q'")
        .await;
    assert_eq!(
        answer.requests,
        ["GET /iam/v2/api-keys?spec.owner=o%26p%3Dq&show_expired=true&page_size=100"]
    );
    assert_eq!(answer.rows, ["a&b=c"]);
    let none = "('.', '..', '../api-keys/OWNKEY', 'a/b', 'a%2Fb', 'a?b', 'a#b', 'a b')";
    for statement in ["SELECT id", "DELETE"] {
        let answer = lab
            .run(&format!("{statement} FROM api_keys WHERE id IN {none}"))
            .await;
        assert_eq!(answer.requests, [""; 0], "{statement}");
    }
}

#[tokio::test]
async fn an_outer_join_on_the_owner_asks_for_that_owner_whatever_else_it_is_on() {
    let lab = Lab::with_view().await;
    let owner = owners_of(&lab.sandbox.keys()).remove(0);
    let answer = lab
        .run(&format!(
            "SELECT count(k.id) > 0 FROM (VALUES ('{owner}', '7')) t(owner, n) LEFT JOIN vw_api_keys k \
             ON k.owner_id = t.owner AND t.n <> 'x' AND CAST(t.n AS integer) > 5"
        ))
        .await;
    assert_eq!(answer.value(), "true");
    let listing =
        format!("GET /iam/v2/api-keys?spec.owner={owner}&show_expired=true&page_size=100");
    assert_eq!(answer.requests, [listing]);
}

#[tokio::test]
async fn scans_for_the_same_id_share_one_request() {
    let lab = Lab::with_view().await;
    let id = ids(&lab.sandbox, |_| true).remove(7);
    for sql in [
        "SELECT a.id FROM api_keys a, api_keys b WHERE a.id = '?' AND b.id = '?'",
        "SELECT id FROM api_keys WHERE id = '?' AND (SELECT count(*) FROM vw_api_keys WHERE id = '?') = 1",
        "WITH k AS (SELECT * FROM vw_api_keys WHERE id = '?') SELECT id FROM k WHERE owner_id IN (SELECT owner_id FROM k)",
    ] {
        let answer = lab.run(&sql.replace('?', &id)).await;
        assert_eq!(answer.rows, [id.as_str()], "{sql}");
        assert_eq!(answer.requests, [get(&id)], "{sql}");
    }
    let none = "SELECT count(*) FROM api_keys a FULL JOIN api_keys b ON true WHERE a.id = 'NONE' AND b.id = 'NONE'";
    let answer = lab.run(none).await;
    assert_eq!(answer.rows, ["0"]);
}

#[tokio::test]
async fn scans_that_list_the_same_keys_share_one_listing() {
    let lab = Lab::with_keys(150).await;
    let pages = [
        "GET /iam/v2/api-keys?show_expired=true&page_size=100",
        "GET /iam/v2/api-keys?show_expired=true&page_size=100&page_token=*",
    ];
    for sql in [
        "SELECT count(*) FROM api_keys a JOIN api_keys b ON a.spec.owner.id = b.spec.owner.id WHERE a.id < b.id",
        "WITH o AS (SELECT spec.owner.id AS owner FROM api_keys) SELECT owner FROM o UNION ALL SELECT 'all' FROM o",
        "SELECT id FROM api_keys WHERE spec.owner.id IN (SELECT spec.owner.id FROM api_keys GROUP BY 1 HAVING count(*) > 3)",
        "SELECT id FROM vw_api_keys v WHERE age_days > (SELECT avg(age_days) FROM vw_api_keys)",
        // Below a LIMIT, too, once one side of the join has read it all.
        "SELECT a.id FROM api_keys a JOIN api_keys b ON a.spec.owner.id = b.spec.owner.id LIMIT 3",
        "SELECT a.id FROM api_keys a FULL JOIN api_keys b ON a.id = b.id LIMIT 3",
        "SELECT id FROM api_keys k WHERE EXISTS (SELECT 1 FROM vw_api_keys v WHERE v.owner_id = k.spec.owner.id AND v.id <> k.id) LIMIT 3",
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(answer.requests, pages, "{sql}");
        assert!(!answer.rows.is_empty(), "{sql}");
    }
    // Nothing is listed for the second part before it is known that the first is too little.
    let first = lab
        .run("SELECT id FROM (SELECT id FROM api_keys UNION ALL SELECT max(id) FROM api_keys) LIMIT 3")
        .await;
    assert_eq!(first.requests.len(), 1, "{:?}", first.requests);
    // What differs is asked for separately.
    let owner = owners_of(&lab.sandbox.keys()).remove(0);
    let answer = lab
        .run(&format!(
            "SELECT count(*) FROM api_keys WHERE spec.owner.id = '{owner}' UNION ALL SELECT count(*) FROM api_keys"
        ))
        .await;
    assert_eq!(answer.requests.len(), 3);
}

#[tokio::test]
async fn an_owner_that_the_outer_query_fixes_is_asked_for_in_its_subqueries() {
    let lab = Lab::with_view().await;
    let owner = owners_of(&lab.sandbox.keys()).remove(0);
    let listing =
        format!("GET /iam/v2/api-keys?spec.owner={owner}&show_expired=true&page_size=100");
    for query in [
        "SELECT k.id FROM vw_api_keys k WHERE k.owner_id = '?' AND k.age_days =
            (SELECT max(b.age_days) FROM vw_api_keys b WHERE b.owner_id = k.owner_id)",
        "SELECT k.id FROM vw_api_keys k WHERE k.owner_id = '?' AND NOT EXISTS
            (SELECT 1 FROM vw_api_keys b WHERE b.owner_id = k.owner_id AND b.age_days > k.age_days)",
        "SELECT k.id FROM vw_api_keys k WHERE k.owner_id = '?' AND k.age_days >= ALL
            (SELECT b.age_days FROM vw_api_keys b WHERE b.owner_id = k.owner_id)",
        "SELECT k.id || (SELECT count(*) FROM api_keys b WHERE b.spec.owner.id = k.spec.owner.id AND b.id < k.id)
            FROM api_keys k WHERE k.spec.owner.id = '?'",
        "SELECT k.id || l.n FROM vw_api_keys k CROSS JOIN LATERAL
            (SELECT count(*) AS n FROM vw_api_keys b WHERE b.owner_id = k.owner_id AND b.id < k.id) l
            WHERE k.owner_id = '?'",
        "SELECT k.id || l.n FROM vw_api_keys k JOIN (VALUES ('?')) o(owner) ON o.owner = k.owner_id
            LEFT JOIN LATERAL (SELECT count(*) AS n FROM vw_api_keys b WHERE b.owner_id = k.owner_id AND b.id < k.id) l
            ON true WHERE k.owner_id = '?'",
    ] {
        let asked = lab.run(&query.replace('?', &owner)).await;
        assert_eq!(asked.requests, [listing.as_str()], "{query}");
        let hidden = query.replace("k.owner_id = '?'", &format!("k.owner_id || '' = '{owner}'"));
        let hidden = hidden.replace("k.spec.owner.id = '?'", &format!("k.spec.owner.id || '' = '{owner}'"));
        let listed = lab.run(&hidden.replace('?', &owner)).await;
        assert!(listed.requests.len() > 1 && !asked.rows.is_empty(), "{query}");
        assert_eq!(asked.rows, listed.rows, "{query}");
    }
}
