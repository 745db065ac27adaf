//! LIMIT: pages are asked for until there are rows enough, and no further.

use crate::support::{Lab, key, number};

const LIST: &str = "GET /iam/v2/api-keys?show_expired=true&page_size=100";
const NEXT: &str = "GET /iam/v2/api-keys?show_expired=true&page_size=100&page_token=*";

/// 250 keys, K000 to K249; every tenth belongs to `sa-10`, the others to `sa-1`.
async fn lab() -> Lab {
    Lab::of((0..250).map(|n| {
        let owner = if n % 10 == 0 { "sa-10" } else { "sa-1" };
        key(&number(n), owner, "lkc-1")
    }))
    .await
}

#[tokio::test]
async fn a_limit_below_a_page_shrinks_the_page() {
    let lab = lab().await;
    for (query, rows, size) in [
        ("SELECT id FROM api_keys LIMIT 1", 1, 1),
        ("SELECT * FROM api_keys LIMIT 7", 7, 7),
        ("SELECT id FROM vw_api_keys LIMIT 99", 99, 99),
        ("SELECT id FROM api_keys LIMIT 5 OFFSET 3", 5, 8),
        (
            "SELECT id FROM (SELECT id FROM api_keys LIMIT 20) LIMIT 4",
            4,
            4,
        ),
        (
            "SELECT id FROM (SELECT id FROM api_keys LIMIT 4) LIMIT 20",
            4,
            4,
        ),
        (
            "WITH k AS (SELECT id, spec FROM api_keys) SELECT upper(id) FROM k LIMIT 3",
            3,
            3,
        ),
        (
            "SELECT count(*) FROM (SELECT * FROM api_keys LIMIT 6)",
            1,
            6,
        ),
        ("SELECT id FROM api_keys FETCH FIRST 2 ROWS ONLY", 2, 2),
    ] {
        let answer = lab.run(query).await;
        assert_eq!(answer.rows.len(), rows, "{query}");
        assert_eq!(
            answer.requests,
            [format!(
                "GET /iam/v2/api-keys?show_expired=true&page_size={size}"
            )],
            "{query}"
        );
    }
    let owned = lab
        .run("SELECT id FROM api_keys WHERE spec.owner.id = 'sa-10' LIMIT 3")
        .await;
    assert_eq!(owned.rows, ["K000", "K010", "K020"]);
    assert_eq!(
        owned.requests,
        ["GET /iam/v2/api-keys?spec.owner=sa-10&show_expired=true&page_size=3"]
    );
}

#[tokio::test]
async fn a_limit_takes_as_many_pages_as_it_needs() {
    let lab = lab().await;
    for (limit, rows, pages) in [
        ("LIMIT 100", 100, 1),
        ("LIMIT 101", 101, 2),
        ("LIMIT 200", 200, 2),
        ("LIMIT 250", 250, 3),
        ("LIMIT 251", 250, 3),
        ("LIMIT 1000", 250, 3),
        ("LIMIT 1 OFFSET 99", 1, 1),
        ("LIMIT 1 OFFSET 100", 1, 2),
        ("LIMIT 10 OFFSET 245", 5, 3),
        ("LIMIT 10 OFFSET 300", 0, 3),
        ("OFFSET 240", 10, 3),
    ] {
        for select in [
            "SELECT id FROM api_keys",
            "SELECT id FROM vw_api_keys",
            "SELECT id FROM (SELECT id, spec.owner.id AS owner FROM api_keys)",
        ] {
            let answer = lab.run(&format!("{select} {limit}")).await;
            assert_eq!(answer.rows.len(), rows, "{select} {limit}");
            assert_eq!(
                answer.requests,
                [LIST, NEXT, NEXT][..pages],
                "{select} {limit}"
            );
        }
    }
}

#[tokio::test]
async fn a_limit_with_a_predicate_left_asks_for_no_page_too_many() {
    let lab = lab().await;
    // Ten matching keys a page.
    for (limit, rows, pages) in [
        (1, 1, 1),
        (9, 9, 1),
        (10, 10, 1),
        (11, 11, 2),
        (20, 20, 2),
        (25, 25, 3),
        (26, 25, 3),
    ] {
        for select in [
            "SELECT id FROM api_keys WHERE id LIKE '%0'",
            "SELECT id FROM vw_api_keys WHERE owner_id LIKE '%0'",
            "SELECT id FROM (SELECT id, spec.owner.id AS o FROM api_keys) WHERE o <> 'sa-1'",
            "SELECT id FROM (SELECT id, upper(spec.owner.id) AS o FROM api_keys) WHERE o LIKE '%10'",
        ] {
            let answer = lab.run(&format!("{select} LIMIT {limit}")).await;
            assert_eq!(answer.rows.len(), rows, "{select} LIMIT {limit}");
            assert_eq!(
                answer.requests,
                [LIST, NEXT, NEXT][..pages],
                "{select} LIMIT {limit}"
            );
        }
    }
}

#[tokio::test]
async fn a_limit_above_a_limit_with_a_predicate_between_counts_the_right_rows() {
    let lab = lab().await;
    let answer = lab
        .run("SELECT id FROM (SELECT * FROM api_keys LIMIT 15) WHERE id LIKE '%0'")
        .await;
    assert_eq!(answer.rows, ["K000", "K010"]);
    assert_eq!(
        answer.requests,
        ["GET /iam/v2/api-keys?show_expired=true&page_size=15"]
    );
}

#[tokio::test]
async fn a_union_under_a_limit_stops_as_soon_as_it_has_enough() {
    let lab = lab().await;
    let first = lab
        .run("SELECT id FROM api_keys UNION ALL SELECT kind FROM api_keys LIMIT 5")
        .await;
    assert_eq!(first.rows.len(), 5);
    assert_eq!(
        first.requests,
        ["GET /iam/v2/api-keys?show_expired=true&page_size=5"]
    );
    let second = lab
        .run("SELECT id FROM api_keys WHERE id = 'K003' UNION ALL SELECT id FROM api_keys LIMIT 1")
        .await;
    assert_eq!(second.rows, ["K003"]);
    assert_eq!(second.requests, ["GET /iam/v2/api-keys/K003"]);
    let both = lab
        .run("SELECT id FROM api_keys UNION ALL SELECT id FROM api_keys LIMIT 260")
        .await;
    assert_eq!(both.rows.len(), 260);
    assert_eq!(both.requests, [LIST, NEXT, NEXT, LIST]);
}

#[tokio::test]
async fn what_must_see_every_row_lists_every_page() {
    let lab = lab().await;
    for query in [
        "SELECT id FROM api_keys ORDER BY id DESC LIMIT 2",
        "SELECT spec.owner.id, count(*) FROM api_keys GROUP BY 1 LIMIT 1",
        "SELECT id, row_number() OVER (ORDER BY id DESC) FROM api_keys LIMIT 1",
    ] {
        let answer = lab.run(query).await;
        assert_eq!(answer.requests, [LIST, NEXT, NEXT], "{query}");
    }
}

#[tokio::test]
async fn a_limit_over_several_filtered_listings_asks_one_after_the_other() {
    let lab = lab().await;
    let answer = lab
        .run("SELECT id FROM api_keys WHERE spec.owner.id IN ('sa-1', 'sa-10') LIMIT 2")
        .await;
    assert_eq!(answer.rows.len(), 2);
    assert_eq!(
        answer.requests,
        ["GET /iam/v2/api-keys?spec.owner=sa-1&show_expired=true&page_size=2"]
    );
}

#[tokio::test]
async fn what_would_take_all_memory_is_refused_by_the_number_of_its_tables() {
    let lab = Lab::with_keys(3).await;
    let mut named = vec!["c0 AS (SELECT id FROM api_keys)".to_owned()];
    for n in 1..=25 {
        let before = n - 1;
        named.push(format!(
            "c{n} AS (SELECT a.id FROM c{before} a JOIN c{before} b USING (id))"
        ));
    }
    let error = lab
        .fail(&format!("WITH {} SELECT * FROM c25", named.join(", ")))
        .await;
    assert!(error.contains("the limit is 1000"), "{error}");
    // Views stand for their tables, too.
    let _ = lab.run("CREATE VIEW v0 AS SELECT id FROM api_keys").await;
    let mut last = String::new();
    for n in 1..=25 {
        let before = n - 1;
        let view =
            format!("CREATE VIEW v{n} AS SELECT a.id FROM v{before} a JOIN v{before} b USING (id)");
        match lab.try_run(&view).await {
            Ok(_) => {}
            Err(error) => {
                last = crate::support::shown(&error);
                break;
            }
        }
    }
    assert!(last.contains("the limit is 1000"), "{last}");
    assert_eq!(lab.requests(), [""; 0]);
}

#[tokio::test]
async fn rows_beyond_the_limit_of_memory_are_an_error_that_names_it() {
    let options = iamql::session::Options {
        memory_limit: 8 << 20,
        ..iamql::session::Options::default()
    };
    let lab = Lab::small(options).await;
    for sql in [
        "WITH RECURSIVE r AS (SELECT 'x' AS t UNION ALL SELECT t || t FROM r WHERE length(t) < 1000000000) SELECT max(length(t)) FROM r",
        "SELECT count(*) FROM generate_series(1, 3000000) a JOIN generate_series(1, 3000000) b ON a.value = b.value",
        "SELECT length(string_agg('0123456789', '')) FROM generate_series(1, 3000000)",
        "CREATE TABLE t AS SELECT a.value FROM generate_series(1, 200000) a, generate_series(1, 200000) b",
        "INSERT INTO api_keys (spec.display_name) SELECT a.value::text FROM generate_series(1, 200000) a, generate_series(1, 200000) b",
    ] {
        let error = lab.fail(sql).await;
        assert!(error.contains("the limit of 8 MiB"), "{sql}\n{error}");
        assert!(error.contains("--memory-limit"), "{sql}\n{error}");
    }
    for sql in [
        "SELECT repeat('x', 2000000000)",
        "SELECT rpad(id, 2147483647, 'y') FROM api_keys",
        "SELECT length(x || x || x) FROM (SELECT repeat('x', value * 100000000) AS x FROM generate_series(1, 1))",
        "SELECT cardinality(array_concat([value], range(0, 5000))) FROM generate_series(1, 8192)",
    ] {
        let error = lab.fail(sql).await;
        assert!(error.contains("more than 256 MiB"), "{sql}\n{error}");
    }
    for sql in [
        "SELECT length(repeat('x', 140000000))",
        "SELECT length(concat(repeat('x', 9000000), repeat('x', 9000000)))",
        "SELECT length(concat_ws('', repeat('x', 9000000), repeat('x', 9000000)))",
        "SELECT length(repeat('x', 9000000) || repeat('x', 9000000))",
    ] {
        let error = lab.fail(sql).await;
        assert!(
            error.contains("of constants would give more than 16 MiB"),
            "{sql}\n{error}"
        );
    }
}

#[tokio::test]
async fn texts_that_are_too_long_for_all_rows_are_an_error_that_names_the_limit() {
    let lab = Lab::with_keys(0).await;
    let rows = "FROM generate_series(1, 5000)";
    for (column, limit) in [
        // Constants, which are made once and are columns then.
        ("repeat('x', 1000000)", "256 MiB"),
        ("rpad('x', 1000000, 'y')", "256 MiB"),
        ("repeat('x', 1000000) || value", "256 MiB"),
        ("value || repeat('x', 1000000) || 'z'", "256 MiB"),
        ("length(repeat('x', 1000000) || value)", "256 MiB"),
        ("concat(repeat('x', 1000000), value)", "256 MiB"),
        ("repeat(value::text, 1000000)", "256 MiB"),
        (
            "replace(value::text, value::text, repeat('x', 1000000))",
            "256 MiB",
        ),
        ("json_array(repeat('x', 1000000), value)", "256 MiB"),
        // Places where nothing is known of them.
        ("max(repeat('x', 1000000))", "2 GiB"),
        ("max(length(repeat('x', 1000000) || value))", "256 MiB"),
        ("length(string_agg(repeat('x', 1000000), ''))", "2 GiB"),
    ] {
        let sql = format!("SELECT {column} {rows}");
        let error = lab.fail(&sql).await;
        assert!(error.contains(limit), "{sql}\n{error}");
        assert!(!error.contains("defect"), "{sql}\n{error}");
    }
    // One copy is enough for these.
    for sql in [
        format!("SELECT count(*) {rows} WHERE value::text < repeat('x', 1000000)"),
        format!("SELECT length(repeat('x', 1000000)) {rows} LIMIT 1"),
        "SELECT length(repeat('x', 1000000) || value) FROM generate_series(1, 1)".to_owned(),
    ] {
        assert_eq!(lab.run(&sql).await.rows.len(), 1, "{sql}");
    }
}
