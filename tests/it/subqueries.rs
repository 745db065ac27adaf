//! Subqueries and lateral joins: their rows, and the requests that they cost. Random ones are in `oracle`.

use std::time::{Duration, Instant};

use iamql::session::Options;
use regex::Regex;

use crate::support::{Lab, key, number, organization};

const LIST: &str = "GET /iam/v2/api-keys?show_expired=true&page_size=100";
const NEXT: &str = "GET /iam/v2/api-keys?show_expired=true&page_size=100&page_token=*";
const OF_SA_1: &str = "GET /iam/v2/api-keys?spec.owner=sa-1&show_expired=true&page_size=100";

/// Runs `query`, in which `O` is `o(x)` = 1, 2, 3 and `E` is `e(y,v)` = (1,10), (1,20), (2,30).
async fn rows(lab: &Lab, query: &str) -> Vec<String> {
    let o = Regex::new(r"\bO\b").unwrap();
    let e = Regex::new(r"\bE\b").unwrap();
    let query = o.replace_all(query, "(VALUES (1),(2),(3)) o(x)");
    let query = e.replace_all(&query, "(VALUES (1,10),(1,20),(2,30)) e(y,v)");
    lab.run(&query).await.rows
}

#[tokio::test]
async fn a_subquery_fails_only_for_rows_whose_answer_depends_on_it() {
    let lab = Lab::with_keys(0).await;
    for (query, expected) in [
        (
            "SELECT CASE WHEN x > 1 THEN x ELSE (SELECT y FROM E WHERE v = x * 10) END FROM O ORDER BY x",
            "1,2,3",
        ),
        (
            "SELECT CASE WHEN x > 0 THEN x ELSE (SELECT v FROM E) END FROM O ORDER BY x",
            "1,2,3",
        ),
        (
            "SELECT CASE x WHEN 2 THEN (SELECT v FROM E WHERE y = x) WHEN 3 THEN 0 END FROM O ORDER BY x",
            "NULL,30,0",
        ),
        (
            "SELECT CASE WHEN x = 1 THEN 0 WHEN (SELECT v FROM E WHERE y = x) > 5 THEN 1 ELSE 2 END FROM O ORDER BY x",
            "0,1,2",
        ),
        (
            "SELECT x FROM O WHERE x = 1 OR (SELECT v FROM E WHERE y = x) > 5 ORDER BY x",
            "1,2",
        ),
        (
            "SELECT x > 1 AND (SELECT v FROM E WHERE y = x) > 5 FROM O ORDER BY x",
            "false,true,NULL",
        ),
        (
            "SELECT coalesce(nullif(x, 2), (SELECT v FROM E WHERE y = x)) FROM O ORDER BY x",
            "1,30,3",
        ),
        (
            "SELECT CASE WHEN x <> 2 THEN 6 / (x - 2) IN (SELECT 6) END FROM O ORDER BY x",
            "false,NULL,true",
        ),
    ] {
        assert_eq!(rows(&lab, query).await.join(","), expected, "{query}");
    }
    let error = lab
        .fail("SELECT CASE WHEN x > 1 THEN (SELECT v FROM (VALUES (1), (2)) e(v)) END FROM (VALUES (1), (2)) o(x)")
        .await;
    assert!(error.contains("more than one row"), "{error}");
}

#[tokio::test]
async fn a_row_is_compared_with_that_of_a_subquery() {
    let lab = Lab::with_keys(0).await;
    for (query, expected) in [
        (
            "SELECT x FROM O WHERE (x, 30) = (SELECT y, v FROM E WHERE y = 2)",
            "2",
        ),
        (
            "SELECT (SELECT y, v FROM E WHERE y = 2) > (x, 20) FROM O ORDER BY x",
            "true,true,false",
        ),
        (
            "SELECT (x, 10) <> (SELECT y, v FROM E WHERE y = x + 1) FROM O ORDER BY x",
            "true,NULL,NULL",
        ),
    ] {
        assert_eq!(rows(&lab, query).await.join(","), expected, "{query}");
    }
    for (query, expected) in [
        (
            "SELECT (1, 2) = (SELECT 1, 2, 3)",
            "selects 3 columns where 2 are expected",
        ),
        (
            "SELECT (1, 2) = (SELECT v, v FROM (VALUES (1), (2)) e(v))",
            "more than one row",
        ),
    ] {
        let error = lab.fail(query).await;
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_subquery_is_computed_for_each_outer_value() {
    let lab = Lab::with_keys(0).await;
    for (query, expected) in [
        // A row without GROUP BY is a row over nothing as well.
        (
            "SELECT x FROM O WHERE EXISTS (SELECT count(*) FROM E WHERE y=x)",
            "1,2,3",
        ),
        (
            "SELECT x FROM O WHERE 0 = ANY (SELECT count(*) FROM E WHERE y=x)",
            "3",
        ),
        (
            "SELECT x FROM O WHERE x IN (SELECT y FROM E WHERE y=x ORDER BY v LIMIT 1)",
            "1,2",
        ),
        (
            "SELECT x FROM O WHERE EXISTS (SELECT 1 FROM E WHERE y=x OFFSET 1)",
            "1",
        ),
        (
            "SELECT x FROM O WHERE EXISTS (SELECT y FROM E WHERE y=x UNION SELECT 3 WHERE x=3)",
            "1,2,3",
        ),
        (
            "SELECT x FROM O WHERE NOT EXISTS (SELECT y FROM E WHERE y<x EXCEPT SELECT 1)",
            "1,2",
        ),
        (
            "SELECT x FROM O WHERE EXISTS (SELECT y FROM E WHERE y=x GROUP BY ROLLUP(y))",
            "1,2,3",
        ),
        (
            "SELECT x FROM O WHERE EXISTS (SELECT max(y) FROM E WHERE y=x HAVING count(*) > 1)",
            "1",
        ),
        (
            "SELECT x FROM O WHERE EXISTS (SELECT v FROM E WHERE y=x QUALIFY count(*) OVER () > 1)",
            "1",
        ),
        (
            "SELECT x FROM O WHERE x < ALL (SELECT y FROM E WHERE v > x * 10)",
            "3",
        ),
        (
            "SELECT x FROM O WHERE x NOT IN (SELECT y FROM E WHERE v = x * 10)",
            "2,3",
        ),
        // Two levels: the inner one names the outermost.
        (
            "SELECT x FROM O WHERE EXISTS (SELECT 1 FROM E WHERE y=x AND v IN (SELECT v FROM E WHERE y=x AND v>10))",
            "1,2",
        ),
        (
            "SELECT x FROM O WHERE (SELECT max(v) FROM E WHERE y = (SELECT min(y) FROM E WHERE y>=x)) > 20",
            "2",
        ),
        // Everywhere that a value may stand.
        ("SELECT sum((SELECT count(*) FROM E WHERE y=x)) FROM O", "3"),
        (
            "SELECT x FROM O ORDER BY (SELECT sum(v) FROM E WHERE y=x) DESC NULLS LAST, x LIMIT 1",
            "1",
        ),
        (
            "SELECT count(*) FROM O GROUP BY EXISTS (SELECT 1 FROM E WHERE y=x) ORDER BY 1",
            "1,2",
        ),
        (
            "SELECT x FROM O GROUP BY x HAVING x IN (SELECT y FROM E WHERE v > x * 10) ORDER BY 1",
            "1,2",
        ),
        (
            "SELECT coalesce((SELECT sum(v) FROM E WHERE y=x), 0) FROM O ORDER BY x",
            "30,30,0",
        ),
        (
            "SELECT CASE WHEN x IN (SELECT y FROM E WHERE v>10) THEN 'in' ELSE 'out' END FROM O ORDER BY x",
            "in,in,out",
        ),
        (
            "SELECT count(*) FILTER (WHERE EXISTS (SELECT 1 FROM E WHERE y=x)) FROM O",
            "2",
        ),
        (
            "SELECT row_number() OVER (ORDER BY (SELECT sum(v) FROM E WHERE y=x) NULLS FIRST, x) FROM O ORDER BY x",
            "2,3,1",
        ),
        (
            "SELECT x FROM O JOIN E ON x=y AND v = (SELECT max(v) FROM E WHERE y=x) ORDER BY x",
            "1,2",
        ),
        (
            "SELECT x || ':' || coalesce(v, 0) FROM O LEFT JOIN E ON x=y AND v > (SELECT avg(v) FROM E WHERE y<=x) ORDER BY x",
            "1:20,2:30,3:0",
        ),
        // Nothing is NULL, and unknown is not false.
        (
            "SELECT (SELECT v FROM E WHERE y=x ORDER BY v LIMIT 1) IS NULL FROM O ORDER BY x",
            "false,false,true",
        ),
        (
            "SELECT (x NOT IN (SELECT nullif(y, 2) FROM E WHERE v <= x * 15)) IS NULL FROM O ORDER BY x",
            "false,true,true",
        ),
        (
            "SELECT (x, 10) IN (SELECT y, v FROM E) FROM O ORDER BY x",
            "true,false,false",
        ),
        (
            "SELECT (x, NULL) IN (SELECT y, v FROM E) IS NULL FROM O ORDER BY x",
            "true,true,false",
        ),
        (
            "SELECT count(q) FROM (SELECT (SELECT count(*) FROM E HAVING false) AS q FROM O) WHERE q IS NOT NULL",
            "0",
        ),
    ] {
        assert_eq!(rows(&lab, query).await.join(","), expected, "{query}");
    }
    let nullable = "WITH o(k) AS (VALUES (1),(5)), a(id) AS (VALUES (1),(2)), b(id,y) AS (VALUES (1,1),(2,2))
        SELECT k FROM o WHERE EXISTS (SELECT 1 FROM a LEFT JOIN (SELECT * FROM b WHERE b.y=o.k) b ON a.id=b.id WHERE b.y IS NULL)";
    assert_eq!(lab.run(nullable).await.rows, ["1", "5"]);
}

#[tokio::test]
async fn a_lateral_join_is_computed_for_each_row_to_its_left() {
    let lab = Lab::with_keys(0).await;
    for (query, expected) in [
        (
            "SELECT x, s FROM O LEFT JOIN LATERAL (SELECT sum(v) OVER () AS s FROM E WHERE y=x) l ON true ORDER BY x",
            "1 | 30,1 | 30,2 | 30,3 | NULL",
        ),
        (
            "SELECT x, v FROM O, LATERAL (SELECT v FROM E WHERE y=x ORDER BY v DESC LIMIT 1) l ORDER BY x",
            "1 | 20,2 | 30",
        ),
        (
            "SELECT x, v FROM O CROSS JOIN LATERAL (SELECT v FROM E WHERE y=x OFFSET 1) l",
            "1 | 20",
        ),
        (
            "SELECT x, n FROM O JOIN LATERAL (SELECT count(*) AS n FROM E WHERE y=x) l ON n > 0 ORDER BY x",
            "1 | 2,2 | 1",
        ),
        (
            "SELECT x, n FROM O LEFT JOIN LATERAL (SELECT count(*) AS n FROM E WHERE y=x) l ON n < x ORDER BY x",
            "1 | NULL,2 | 1,3 | 0",
        ),
        (
            "SELECT x, n FROM O LEFT JOIN LATERAL (SELECT count(*) AS n FROM E WHERE y=x HAVING count(*) > 1) l ON true ORDER BY x",
            "1 | 2,2 | NULL,3 | NULL",
        ),
        (
            "SELECT x, m.w FROM O, LATERAL (SELECT v FROM E WHERE y=x) l, LATERAL (SELECT l.v + x AS w) m ORDER BY 1, 2",
            "1 | 11,1 | 21,2 | 32",
        ),
        (
            "SELECT x, y FROM O LEFT JOIN LATERAL (SELECT y FROM E WHERE y<x UNION SELECT 7) l ON true ORDER BY 1, 2",
            "1 | 7,2 | 1,2 | 7,3 | 1,3 | 2,3 | 7",
        ),
        (
            "SELECT x, e.y FROM O JOIN LATERAL (VALUES (x + 1)) e(y) ON true ORDER BY 1",
            "1 | 2,2 | 3,3 | 4",
        ),
    ] {
        assert_eq!(rows(&lab, query).await.join(","), expected, "{query}");
    }
}

#[tokio::test]
async fn nested_members_correlate_like_columns() {
    let lab = Lab::of((0..6).map(|n| key(&number(n), ["sa-1", "sa-2"][n % 2], "lkc-1"))).await;
    let query = "SELECT k.id FROM api_keys k WHERE k.id = (
        SELECT min(j.id) FROM api_keys j WHERE j.spec.owner.id = k.spec.owner.id) ORDER BY 1";
    assert_eq!(lab.run(query).await.rows, ["K000", "K001"]);
    let rows = "SELECT count(*) FROM api_keys k WHERE EXISTS (
        SELECT 1 FROM json_each(k.spec) e WHERE e.key = 'owner')";
    assert_eq!(lab.run(rows).await.rows, ["6"]);
}

#[tokio::test]
async fn a_listing_below_a_subquery_is_read_once() {
    let lab = Lab::with_keys(250).await;
    for query in [
        "SELECT o, (SELECT min(created_at) FROM vw_api_keys k WHERE k.owner_id = o.o) FROM (SELECT DISTINCT owner_id AS o FROM vw_api_keys) o",
        "SELECT id FROM vw_api_keys k WHERE created_at = (SELECT min(created_at) FROM vw_api_keys j WHERE j.owner_id = k.owner_id)",
        "SELECT id FROM vw_api_keys a WHERE age_days >= ALL (SELECT b.age_days FROM vw_api_keys b WHERE b.owner_id = a.owner_id)",
        "SELECT id, id IN (SELECT id FROM api_keys WHERE spec.owner.kind = 'User') FROM api_keys",
        "SELECT o.id, l.id FROM vw_api_keys o LEFT JOIN LATERAL (SELECT id FROM vw_api_keys k WHERE k.owner_id = o.owner_id AND k.created_at > o.created_at ORDER BY created_at LIMIT 1) l ON true",
        "SELECT id, (SELECT j.display_name FROM vw_api_keys j WHERE j.owner_id = k.owner_id ORDER BY created_at LIMIT 1) FROM vw_api_keys k LIMIT 3",
        "SELECT id FROM vw_api_keys a WHERE EXISTS (SELECT count(*) FROM vw_api_keys b WHERE b.owner_id = a.owner_id AND b.id < ANY (SELECT c.id FROM vw_api_keys c WHERE c.resource_id = a.resource_id) HAVING count(*) > 1)",
    ] {
        let answer = lab.run(query).await;
        assert_eq!(answer.requests, [LIST, NEXT, NEXT], "{query}");
        assert!(!answer.rows.is_empty(), "{query}");
    }
    // What does not depend on the outer row still goes to the service.
    let narrowed = "SELECT t.n, (SELECT count(*) FROM api_keys k WHERE k.spec.owner.id = 'sa-1' AND length(k.id) > t.n) FROM (VALUES (1), (2)) t(n)";
    assert_eq!(lab.run(narrowed).await.requests, [OF_SA_1]);
    // Whether there is any key, one key says.
    let any = lab.run("SELECT EXISTS (SELECT 1 FROM api_keys)").await;
    assert_eq!(
        any.requests,
        ["GET /iam/v2/api-keys?show_expired=true&page_size=1"]
    );
    // Without outer rows nothing is asked for.
    let none = "SELECT n FROM (VALUES (1)) t(n) WHERE n > 1 AND EXISTS (SELECT count(*) FROM api_keys k WHERE length(k.id) > t.n)";
    assert_eq!(lab.run(none).await.requests, [""; 0]);
}

#[tokio::test]
async fn a_join_of_keys_with_keys_on_their_ids_is_one_filtered_listing() {
    let lab = Lab::of((0..200).map(|n| key(&number(n), &format!("sa-{}", n % 3), "lkc-1"))).await;
    for query in [
        "SELECT id FROM api_keys WHERE id IN (SELECT id FROM api_keys WHERE spec.owner.id = 'sa-1')",
        "SELECT a.id FROM api_keys a JOIN api_keys b ON a.id = b.id WHERE b.spec.owner.id = 'sa-1'",
        "SELECT a.id FROM api_keys b JOIN api_keys a ON a.id = b.id AND b.spec.owner.id = 'sa-1'",
        "SELECT id FROM api_keys a WHERE EXISTS (SELECT 1 FROM api_keys b WHERE b.id = a.id AND b.spec.owner.id = 'sa-1')",
        "SELECT id FROM vw_api_keys WHERE id IN (SELECT id FROM vw_api_keys WHERE owner_id = 'sa-1')",
        "SELECT a.id FROM vw_api_keys b LEFT JOIN api_keys a ON a.id = b.id WHERE b.owner_id = 'sa-1'",
        "SELECT id FROM api_keys WHERE id IN (SELECT id FROM api_keys WHERE spec.owner.id = 'sa-1' GROUP BY id)",
    ] {
        let answer = lab.run(query).await;
        assert_eq!(answer.rows.len(), 67, "{query}");
        assert_eq!(answer.requests, [OF_SA_1], "{query}");
    }
    // The rows that a limit takes are not narrowed, nor those that an outer join keeps.
    let limited = "SELECT count(*) FROM api_keys a JOIN (SELECT id FROM api_keys ORDER BY id LIMIT 5) b ON a.id = b.id WHERE a.spec.owner.id = 'sa-1'";
    assert_eq!(lab.run(limited).await.rows, ["2"]);
    let kept = "SELECT count(*) FROM api_keys a LEFT JOIN (SELECT id FROM api_keys WHERE spec.owner.id = 'sa-1') b ON a.id = b.id";
    assert_eq!(lab.run(kept).await.rows, ["200"]);
    let without = "SELECT count(*) FROM api_keys WHERE id NOT IN (SELECT id FROM api_keys WHERE spec.owner.id = 'sa-1')";
    assert_eq!(lab.run(without).await.rows, ["133"]);
}

#[tokio::test]
async fn ids_that_a_join_supplies_are_looked_up_while_they_are_few() {
    let lab = Lab::of((0..250).map(|n| key(&number(n), "sa-1", "lkc-1"))).await;
    for (count, requests) in [(30, 30), (31, 3)] {
        // What is known of the organization is of the session.
        let lab = Lab::of(lab.sandbox.keys()).await;
        let ids: String = (0..count).map(|n| format!("{}\n", number(n))).collect();
        lab.write("ids.csv", &format!("id\n{ids}"));
        let answer = lab
            .run("SELECT k.id FROM api_keys k JOIN '{dir}/ids.csv' i ON k.id = i.id")
            .await;
        assert_eq!(answer.rows.len(), count);
        assert_eq!(answer.requests.len(), requests, "{count}");
    }
}

#[tokio::test]
async fn a_delete_names_the_keys_that_its_subquery_means() {
    let options = Options {
        dry_run: true,
        ..Options::default()
    };
    let lab = Lab::with_options(organization(0), options).await;
    for n in 0..7 {
        let owner = ["sa-1", "sa-2", "sa-1", "sa-3", "sa-1", "sa-2", "sa-4"][n];
        lab.sandbox.insert(key(&number(n), owner, "lkc-1"));
    }
    // The oldest key of each owner that has more than one.
    let delete = "DELETE FROM api_keys k WHERE EXISTS (
        SELECT count(*) FROM api_keys j WHERE j.spec.owner.id = k.spec.owner.id HAVING count(*) > 1 AND min(j.id) = k.id)";
    let shown = lab.run(delete).await.rows.join("\n");
    for n in 0..7 {
        assert_eq!(shown.contains(&number(n)), n < 2, "{shown}");
    }
    assert_eq!(lab.sandbox.keys().len(), 7);
}

#[tokio::test]
async fn explain_shows_the_subquery_and_sends_nothing() {
    let lab = Lab::with_keys(250).await;
    let answer = lab
        .run(
            "EXPLAIN SELECT id FROM vw_api_keys a WHERE age_days >= ALL (
             SELECT b.age_days FROM vw_api_keys b WHERE b.owner_id = a.owner_id AND b.resource_id = 'cloud')",
        )
        .await;
    assert_eq!(answer.requests, [""; 0]);
    let plan = answer.rows.join("\n");
    for part in [
        "ApplyExec: a.age_days >= ALL, for each distinct a.owner_id",
        "OnceExec",
        "requests=[GET /iam/v2/api-keys?spec.resource=cloud&show_expired=true&page_size=100]",
        "OuterValue: a.owner_id",
    ] {
        assert!(plan.contains(part), "{part}\n{plan}");
    }
}

#[tokio::test]
async fn what_a_subquery_cannot_answer_is_an_error() {
    let lab = Lab::with_keys(3).await;
    insta::assert_snapshot!(lab.fail("SELECT x, (SELECT y FROM (VALUES (1), (2)) e(y) WHERE y >= o.x) FROM (VALUES (1)) o(x)").await, @r"
    error: a subquery that is used as a value returned more than one row
    hint: take one of them with LIMIT 1 or with an aggregate such as max(); IN and EXISTS look at all of them
    ");
    insta::assert_snapshot!(lab.fail("SELECT x FROM (VALUES (1)) o(x) WHERE EXISTS (SELECT 1 FROM api_keys k WHERE k.bogus = o.x)").await, @r"
    error: no column `k.bogus`
      |
    1 | …LUES (1)) o(x) WHERE EXISTS (SELECT 1 FROM api_keys k WHERE k.bogus = o.x)
      |                                                              ^^^^^^^
    hint: columns here: id, _spec, api_version, kind, metadata, spec
    ");
    insta::assert_snapshot!(lab.fail("SELECT x FROM (VALUES (1)) o(x) WHERE 1 = (SELECT max(o.x) FROM api_keys)").await, @r#"
    error: `max(o.x)` is over columns of the outer query alone, and so an aggregate of that query
    hint: write it in the outer query, or over a column of the subquery
    "#);
    assert_eq!(
        rows(
            &lab,
            "SELECT (SELECT count(*) FROM (SELECT y FROM E LIMIT o.x) l) FROM O ORDER BY 1"
        )
        .await,
        ["1", "2", "3"]
    );
}

#[tokio::test]
async fn a_subquery_gives_way_between_two_values() {
    let lab = Lab::with_keys(0).await;
    let slow = "SELECT sum((SELECT count(*) FROM generate_series(1, 100) e(y) WHERE y = g.x)) FROM generate_series(1, 90000) g(x)";
    let started = Instant::now();
    let interrupted = tokio::time::timeout(Duration::from_millis(100), lab.try_run(slow)).await;
    assert!(interrupted.is_err());
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn a_subquery_is_run_once_for_each_distinct_value() {
    let lab = Lab::with_keys(0).await;
    let answer = lab
        .run("EXPLAIN ANALYZE SELECT (SELECT count(*) FROM generate_series(1, 9) e(y) WHERE y = g.x % 7) FROM generate_series(1, 20000) g(x)")
        .await;
    let apply = answer
        .rows
        .iter()
        .find(|line| line.contains("ApplyExec"))
        .unwrap();
    assert!(
        apply.contains("for each distinct g.x % 7") && apply.contains("runs=7"),
        "{apply}"
    );
}
