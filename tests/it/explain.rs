//! EXPLAIN: the requests are named and not sent; EXPLAIN ANALYZE counts those that were.

use std::sync::LazyLock;

use iamql::sandbox::Fault;
use regex::Regex;

use crate::support::{Lab, key, number};

async fn lab() -> Lab {
    Lab::of((0..250).map(|n| key(&number(n), &format!("sa-{}", n % 5), "lkc-1"))).await
}

#[tokio::test]
async fn a_plan_names_the_requests_and_who_checks_what() {
    let lab = lab().await;
    let mut plans = String::new();
    for query in [
        "SELECT * FROM api_keys",
        "SELECT id FROM api_keys WHERE id = 'K001' AND kind = 'ApiKey'",
        "SELECT id FROM api_keys WHERE id IN ('a', 'b', 'c')",
        "SELECT id FROM api_keys WHERE spec.owner.id IN ('sa-1', 'sa-2') LIMIT 5",
        "SELECT id FROM vw_api_keys WHERE owner_id = 'sa-1' AND display_name LIKE 'ci%' LIMIT 5",
        "SELECT id FROM api_keys WHERE id = 'a' AND id = 'b'",
        "SELECT k.id FROM api_keys k JOIN (VALUES ('sa-1')) t(o) ON k.spec.owner.id = t.o",
        "SELECT id FROM api_keys ORDER BY id LIMIT 1",
        "SELECT id FROM api_keys WHERE id = (SELECT 'a')",
    ] {
        let answer = lab.run(&format!("EXPLAIN {query}")).await;
        assert_eq!(answer.requests, [""; 0], "{query}");
        assert_eq!(answer.columns, ["plan"]);
        plans.push_str(&format!("{query}\n  {}\n\n", answer.rows.join("\n  ")));
    }
    insta::assert_snapshot!(plans, @r#"
    SELECT * FROM api_keys
      ApiKeysScan: requests=[GET /iam/v2/api-keys?show_expired=true&page_size=100]

    SELECT id FROM api_keys WHERE id = 'K001' AND kind = 'ApiKey'
      ProjectionExec: expr=[id@0 as id]
        ApiKeysScan: requests=[GET /iam/v2/api-keys/K001], pushed=[id = K001], checked here=[kind = ApiKey]

    SELECT id FROM api_keys WHERE id IN ('a', 'b', 'c')
      ApiKeysScan: requests=[GET /iam/v2/api-keys/a, GET /iam/v2/api-keys/b, GET /iam/v2/api-keys/c], pushed=[id = a OR id = b OR id = c]

    SELECT id FROM api_keys WHERE spec.owner.id IN ('sa-1', 'sa-2') LIMIT 5
      ProjectionExec: expr=[id@0 as id]
        ApiKeysScan: requests=[GET /iam/v2/api-keys?spec.owner=sa-1&show_expired=true&page_size=5, GET /iam/v2/api-keys?spec.owner=sa-2&show_expired=true&page_size=5], pushed=[spec.owner.id IN (SET) ([sa-1, sa-2])], fetch=5

    SELECT id FROM vw_api_keys WHERE owner_id = 'sa-1' AND display_name LIKE 'ci%' LIMIT 5
      ProjectionExec: expr=[id@0 as id]
        ApiKeysScan: requests=[GET /iam/v2/api-keys?spec.owner=sa-1&show_expired=true&page_size=100], pushed=[spec.owner.id = sa-1], checked here=[spec.display_name LIKE ci%], fetch=5

    SELECT id FROM api_keys WHERE id = 'a' AND id = 'b'
      EmptyExec

    SELECT k.id FROM api_keys k JOIN (VALUES ('sa-1')) t(o) ON k.spec.owner.id = t.o
      HashJoinExec: mode=CollectLeft, join_type=Inner, on=[(o@0, k.spec[owner][id]@2)], projection=[id@1]
        ProjectionExec: expr=[column1@0 as o]
          DataSourceExec: partitions=1, partition_sizes=[1]
        ProjectionExec: expr=[id@0 as id, spec@1 as spec, get_field(spec@1, owner, id) as k.spec[owner][id]]
          ApiKeysScan: requests=[GET /iam/v2/api-keys?show_expired=true&page_size=100], may be narrowed while running by=[spec.owner.id]

    SELECT id FROM api_keys ORDER BY id LIMIT 1
      SortExec: TopK(fetch=1), expr=[id@0 ASC NULLS LAST], preserve_partitioning=[false]
        ApiKeysScan: requests=[GET /iam/v2/api-keys?show_expired=true&page_size=100], may be narrowed while running by=[id]

    SELECT id FROM api_keys WHERE id = (SELECT 'a')
      ScalarSubqueryExec: subqueries=1
        ApiKeysScan: requests=[GET /iam/v2/api-keys?show_expired=true&page_size=100], checked here=[id = (subquery)], may be narrowed while running by=[id]
        ProjectionExec: expr=[a as Utf8("a")]
          PlaceholderRowExec
    "#);
}

#[tokio::test]
async fn a_long_list_of_requests_is_counted() {
    let lab = lab().await;
    let ids: Vec<_> = (0..20).map(|n| format!("'{}'", number(n))).collect();
    let answer = lab
        .run(&format!(
            "EXPLAIN SELECT id FROM api_keys WHERE id IN ({})",
            ids.join(", ")
        ))
        .await;
    assert!(answer.rows[0].contains("K007, … 20 in all]"), "{answer:?}");
}

#[tokio::test]
async fn a_tree_names_the_requests_too() {
    let lab = lab().await;
    let answer = lab
        .run("EXPLAIN FORMAT TREE SELECT id FROM api_keys WHERE spec.owner.id = 'sa-1'")
        .await;
    insta::assert_snapshot!(answer.rows.join("\n"), @r"
    ┌───────────────────────────┐
    │       ProjectionExec      │
    │    --------------------   │
    │           id: id          │
    └─────────────┬─────────────┘
    ┌─────────────┴─────────────┐
    │        ApiKeysScan        │
    │    --------------------   │
    │ GET /iam/v2/api-keys?spec │
    │        .owner: sa-1       │
    │       &show_expired       │
    │   : true&page_size: 100   │
    └───────────────────────────┘
    ");
}

#[tokio::test]
async fn a_verbose_plan_tells_its_parts_apart() {
    let lab = lab().await;
    let answer = lab.run("EXPLAIN VERBOSE SELECT id FROM api_keys").await;
    let scan = "ApiKeysScan: requests=[GET /iam/v2/api-keys?show_expired=true&page_size=100]";
    assert!(
        answer
            .rows
            .windows(2)
            .any(|pair| pair == ["physical_plan:", scan]),
        "{answer:?}"
    );
}

/// Hides the figures that differ from run to run.
fn steady(plan: &[String]) -> String {
    static TIMES: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"[0-9.]+ ?(ns|µs|ms|s|B|K|KB)\b").unwrap());
    TIMES.replace_all(&plan.join("\n"), "*").into_owned()
}

#[tokio::test]
async fn an_analysis_counts_requests_retries_bytes_and_time() {
    let lab = lab().await;
    lab.sandbox.set_faults(vec![Fault::status(503).nth(2)]);
    let answer = lab
        .run("EXPLAIN ANALYZE SELECT id FROM api_keys WHERE spec.owner.kind = 'ServiceAccount'")
        .await;
    assert_eq!(answer.requests.len(), 4);
    insta::assert_snapshot!(steady(&answer.rows), @r"
    ProjectionExec: expr=[id@0 as id], metrics=[output_rows=250, elapsed_compute=*, output_bytes=*, output_batches=3, expr_0_eval_time=*]
      ApiKeysScan: requests=[GET /iam/v2/api-keys?show_expired=true&page_size=100], checked here=[spec.owner.kind = ServiceAccount], metrics=[output_rows=250, bytes=*, requests=4, retries=1, wire_time=*]
    ");
}

#[tokio::test]
async fn an_analysis_of_a_join_shows_the_requests_that_it_came_to() {
    let lab = lab().await;
    let answer = lab
        .run(
            "EXPLAIN ANALYZE SELECT k.id FROM api_keys k
             JOIN (VALUES ('sa-1'), ('sa-2')) t(o) ON k.spec.owner.id = t.o",
        )
        .await;
    assert_eq!(answer.requests.len(), 2);
    let scan = answer.rows.iter().find(|line| line.contains("ApiKeysScan"));
    let scan = steady(std::slice::from_ref(scan.unwrap()));
    insta::assert_snapshot!(scan.trim(), @"ApiKeysScan: requests=[GET /iam/v2/api-keys?spec.owner=sa-1&show_expired=true&page_size=100, GET /iam/v2/api-keys?spec.owner=sa-2&show_expired=true&page_size=100], may be narrowed while running by=[spec.owner.id], metrics=[output_rows=100, bytes=*, requests=2, retries=0, wire_time=*]");
}

#[tokio::test]
async fn a_statement_that_cannot_run_cannot_be_explained() {
    let lab = lab().await;
    insta::assert_snapshot!(lab.fail("EXPLAIN SELECT bogus FROM api_keys").await, @r"
    error: no column `bogus`
      |
    1 | EXPLAIN SELECT bogus FROM api_keys
      |                ^^^^^
    hint: columns here: id, _spec, api_version, kind, metadata, spec
    ");
}
