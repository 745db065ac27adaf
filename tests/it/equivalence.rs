//! Whatever the predicate, asking the service gives the rows that a copy of all keys gives.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{Lab, key, number};

const KEYS: usize = 60;

/// Keys that differ in few values, so that predicates hit, and lack some of them.
fn keys() -> impl Iterator<Item = Value> {
    (0..KEYS).map(|n| {
        let mut key = key(
            &number(n),
            ["sa-1", "sa-2", "u-1"][n % 3],
            [
                "lkc-1",
                "lkc-2",
                "lsrc-1",
                "cloud",
                "CLOUD",
                "aws.us-east-1",
            ][n % 6],
        );
        let spec = &mut key["spec"];
        match n % 7 {
            0 => spec["display_name"] = json!(null),
            1 => spec["display_name"] = json!(""),
            2 => spec["display_name"] = json!("ci%_x"),
            _ => spec["display_name"] = json!(format!("ci {}", n % 4)),
        }
        if n % 11 == 0 {
            spec["owner"] = json!(null);
        }
        if n % 13 == 0 {
            spec["resource"] = json!(null);
        }
        if n % 10 == 0 {
            spec["owner"]["kind"] = json!("User");
        }
        key["metadata"]["created_at"] = match n % 9 {
            0 => json!(null),
            day => json!(format!("2026-01-0{day}T00:00:00Z")),
        };
        key
    })
}

/// A value that a column may be compared with, as SQL.
fn value_of(column: &str) -> BoxedStrategy<String> {
    let values: Vec<&str> = match column {
        "id" => vec![
            "K000", "K001", "K002", "K030", "K059", "K060", "gone", "", "k001",
        ],
        "spec.owner.id" | "owner_id" => vec!["sa-1", "sa-2", "u-1", "sa-9", "", "SA-1"],
        "spec.resource.id" | "resource_id" => vec![
            "lkc-1",
            "lkc-2",
            "lsrc-1",
            "cloud",
            "CLOUD",
            "aws.us-east-1",
            "lkc-9",
            "",
        ],
        "kind" => vec!["ApiKey", "apikey", ""],
        "spec.owner.kind" | "owner_kind" => vec!["User", "ServiceAccount"],
        "resource_type" => vec!["kafka", "cloud", "schema-registry"],
        "metadata.created_at" | "created_at" => {
            vec![
                "2026-01-01T00:00:00Z",
                "2026-01-05T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ]
        }
        _ => vec!["ci 0", "ci 1", "", "ci%_x"],
    };
    let literal = proptest::sample::select(values).prop_map(|value| format!("'{value}'"));
    prop_oneof![12 => literal, 1 => Just("NULL".to_owned())].boxed()
}

/// A predicate without AND, OR and NOT.
fn simple(columns: &'static [&'static str]) -> impl Strategy<Value = String> {
    let column = proptest::sample::select(columns);
    column.prop_flat_map(|column| {
        let value = || value_of(column);
        let several = proptest::collection::vec(value(), 1..6);
        prop_oneof![
            4 => value().prop_map(move |v| format!("{column} = {v}")),
            1 => value().prop_map(move |v| format!("{v} = {column}")),
            1 => value().prop_map(move |v| format!("{column} = (SELECT {v})")),
            3 => several.prop_map(move |v| format!("{column} IN ({})", v.join(", "))),
            1 => proptest::collection::vec(value(), 1..4)
                .prop_map(move |v| format!("{column} NOT IN ({})", v.join(", "))),
            1 => value().prop_map(move |v| format!("{column} <> {v}")),
            1 => value().prop_map(move |v| format!("{column} < {v}")),
            1 => value().prop_map(move |v| format!("{column} IS DISTINCT FROM {v}")),
            1 => value().prop_map(move |v| format!("{column} IS NOT DISTINCT FROM {v}")),
            1 => (value(), value()).prop_map(move |(a, b)| format!("{column} BETWEEN {a} AND {b}")),
            1 => proptest::sample::select(vec!["K00%", "sa-1", "%1", "ci_0", "", "%"])
                .prop_map(move |p| format!("CAST({column} AS VARCHAR) LIKE '{p}'")),
            1 => Just(format!("{column} IS NULL")),
            1 => Just(format!("{column} IS NOT NULL")),
            1 => value().prop_map(move |v| format!("coalesce(CAST({column} AS VARCHAR), {v}) = {v}")),
        ]
    })
}

/// A predicate over `columns`.
fn predicate(columns: &'static [&'static str]) -> impl Strategy<Value = String> {
    simple(columns).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            1 => inner.clone().prop_map(|a| format!("NOT ({a})")),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(a, b, c)| format!("CASE WHEN {a} THEN {b} ELSE {c} END")),
        ]
    })
}

/// Compares what `table` and its copy give for random predicates, each in one of `forms`.
fn compare(
    cases: u32,
    columns: &'static [&'static str],
    table: &'static str,
    forms: &'static [&'static str],
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let lab = runtime.block_on(async {
        let lab = Lab::of(keys()).await;
        let copy = format!("CREATE TABLE copy AS SELECT * FROM {table}");
        assert_eq!(lab.run(&copy).await.requests.len(), 1);
        lab
    });
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let input = (predicate(columns), proptest::sample::select(forms));
    let outcome = TestRunner::new(config).run(&input, |(predicate, form)| {
        let query = |table: &str| {
            form.replace("{table}", table)
                .replace("{predicate}", &predicate)
        };
        let (asked, copied) = runtime.block_on(async {
            (
                lab.try_run(&query(table)).await,
                lab.try_run(&query("copy")).await,
            )
        });
        let (Ok(asked), Ok(copied)) = (&asked, &copied) else {
            return Err(TestCaseError::fail(format!(
                "{}: {asked:?}, {copied:?}",
                query(table)
            )));
        };
        prop_assert_eq!(asked.sorted(), copied.sorted(), "{}", query(table));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn the_table_and_its_copy_agree_on_every_predicate() {
    compare(
        150,
        &[
            "id",
            "id",
            "spec.owner.id",
            "spec.owner.id",
            "spec.resource.id",
            "spec.owner.kind",
            "kind",
            "spec.display_name",
            "metadata.created_at",
        ],
        "api_keys",
        &[
            "SELECT id FROM {table} WHERE {predicate}",
            "SELECT * FROM {table} WHERE {predicate}",
            "SELECT count(*) FROM {table} WHERE {predicate}",
            "SELECT spec.owner.id, count(*) FROM {table} WHERE {predicate} GROUP BY 1",
            "SELECT least(count(*), 3) FROM (SELECT 1 FROM {table} WHERE {predicate} LIMIT 3)",
            "SELECT id FROM {table} WHERE {predicate} ORDER BY id LIMIT 4",
            "SELECT a.id FROM (SELECT * FROM {table} WHERE {predicate}) a
             JOIN (SELECT id FROM {table} WHERE kind = 'ApiKey') b ON a.id = b.id",
        ],
    );
}

#[test]
fn the_view_and_its_copy_agree_on_every_predicate() {
    compare(
        100,
        &[
            "id",
            "owner_id",
            "owner_id",
            "resource_id",
            "owner_kind",
            "resource_type",
            "display_name",
            "created_at",
        ],
        "vw_api_keys",
        &[
            "SELECT id FROM {table} WHERE {predicate}",
            "SELECT id, owner_id, resource_type FROM {table} WHERE {predicate}",
            "SELECT count(*) FROM {table} WHERE {predicate}",
            "WITH k AS (SELECT * FROM {table} WHERE {predicate}) SELECT id FROM k WHERE owner_id = 'sa-1'",
            "SELECT k.id, o.n FROM {table} k JOIN (VALUES ('sa-1', 1), ('u-1', 2)) o(owner, n)
             ON k.owner_id = o.owner WHERE {predicate}",
            "SELECT o.owner, k.id FROM (VALUES ('sa-1'), ('x')) o(owner) LEFT JOIN
             (SELECT * FROM {table} WHERE {predicate}) k ON k.owner_id = o.owner",
            "SELECT o.owner FROM (VALUES ('sa-1'), ('sa-2'), ('x')) o(owner) WHERE NOT EXISTS
             (SELECT 1 FROM {table} k WHERE k.owner_id = o.owner AND {predicate})",
        ],
    );
}
