//! Sessions without files: no statement reads or writes one, and none finds out whether there is one.

use std::fs;

use iamql::sandbox::SandboxConfig;
use iamql::session::Options;

use crate::support::{Lab, organization};

/// What is in the files that nobody may see.
const CANARY: &str = "canary-7f3a";

async fn without_files() -> Lab {
    let options = Options {
        no_files: true,
        ..Options::default()
    };
    let lab = Lab::with_options(organization(3), options).await;
    lab.write("secret.csv", &format!("id,ticket\n{CANARY},1\n"));
    lab.write("secret.json", &format!("{{\"id\":\"{CANARY}\"}}\n"));
    lab.write("secret", &format!("id\n{CANARY}\n"));
    fs::create_dir(lab.folder().join("folder")).unwrap();
    lab.write("folder/a.csv", &format!("id\n{CANARY}\n"));
    lab
}

/// Statements that use a file, each of which is refused because it does.
const REFUSED: &[&str] = &[
    "SELECT * FROM '{dir}/secret.csv'",
    "SELECT * FROM \"{dir}/secret.csv\"",
    "SELECT * FROM `{dir}/secret.csv`",
    "SELECT * FROM '{dir}/secret.json'",
    "SELECT * FROM '{dir}/secret'",
    "SELECT * FROM '{dir}/folder/'",
    "SELECT * FROM '{dir}/folder'",
    "SELECT * FROM '{dir}/*.csv'",
    "SELECT * FROM 'file://{dir}/secret.csv'",
    "SELECT * FROM 'FILE://{dir}/secret.csv'",
    "SELECT * FROM 'secret.csv'",
    "SELECT * FROM '~/secret.csv'",
    "SELECT * FROM '../secret.csv'",
    "SELECT * FROM '{dir}/missing.csv'",
    "SELECT * FROM '/dev/stdin'",
    "SELECT * FROM '/dev/fd/0'",
    "SELECT * FROM '/proc/self/environ'",
    "SELECT * FROM confluent.iam.\"{dir}/secret.csv\"",
    "SELECT * FROM iam.\"{dir}/secret.csv\"",
    "SELECT * FROM 's3://bucket/secret.csv'",
    "SELECT * FROM 'https://example.com/secret.csv'",
    "TABLE '{dir}/secret.csv'",
    "WITH t AS (SELECT * FROM '{dir}/secret.csv') SELECT * FROM t",
    "SELECT id FROM api_keys WHERE id IN (SELECT id FROM '{dir}/secret.csv')",
    "SELECT (SELECT max(id) FROM '{dir}/secret.csv')",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM '{dir}/secret.csv')",
    "SELECT k.id FROM api_keys k LEFT JOIN '{dir}/secret.csv' s USING (id)",
    "SELECT k.id FROM api_keys k, LATERAL (SELECT * FROM '{dir}/secret.csv' s WHERE s.id = k.id) x",
    "SELECT id FROM api_keys UNION ALL SELECT id FROM '{dir}/secret.csv'",
    "EXPLAIN SELECT * FROM '{dir}/secret.csv'",
    "EXPLAIN ANALYZE SELECT * FROM '{dir}/secret.csv'",
    "CREATE VIEW v AS SELECT * FROM '{dir}/secret.csv'",
    "CREATE TABLE t AS SELECT * FROM '{dir}/secret.csv'",
    "CREATE MATERIALIZED VIEW m AS SELECT * FROM '{dir}/secret.csv'",
    "PREPARE p AS SELECT * FROM '{dir}/secret.csv'",
    "INSERT INTO api_keys (spec.owner.id) SELECT id FROM '{dir}/secret.csv'",
    "UPDATE api_keys SET spec.description = 'x' WHERE id IN (SELECT id FROM '{dir}/secret.csv')",
    "DELETE FROM api_keys WHERE id IN (SELECT id FROM '{dir}/secret.csv')",
    "EXPLAIN INSERT INTO api_keys (spec.owner.id) SELECT id FROM '{dir}/secret.csv'",
    "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{dir}/secret.csv'",
    "CREATE EXTERNAL TABLE t (id VARCHAR) STORED AS CSV LOCATION '{dir}/secret'",
    "CREATE EXTERNAL TABLE IF NOT EXISTS t STORED AS JSON LOCATION '{dir}/secret.json'",
    "CREATE OR REPLACE EXTERNAL TABLE t STORED AS CSV LOCATION 'secret'",
    "CREATE UNBOUNDED EXTERNAL TABLE t STORED AS CSV LOCATION '/dev/stdin'",
    "COPY (SELECT id FROM api_keys) TO '{dir}/out.csv'",
    "COPY api_keys TO '{dir}/out.json'",
    "COPY (SELECT id FROM api_keys) TO 'out' STORED AS PARQUET",
    "COPY (SELECT id, kind FROM api_keys) TO '{dir}/out/' STORED AS CSV PARTITIONED BY (kind)",
    "COPY (SELECT id FROM api_keys) TO '/dev/stderr' STORED AS CSV",
    "EXPLAIN COPY (SELECT id FROM api_keys) TO '{dir}/out.csv'",
    "EXPLAIN ANALYZE COPY (SELECT id FROM api_keys) TO '{dir}/out.csv'",
];

/// Statements of other systems that would use a file. There is no such statement or function here.
const UNKNOWN: &[&str] = &[
    "COPY api_keys FROM '{dir}/secret.csv'",
    "SELECT * FROM read_csv('{dir}/secret.csv')",
    "SELECT * FROM read_json_auto('{dir}/secret.json')",
    "SELECT * FROM read_parquet('{dir}/secret.csv')",
    "SELECT * FROM glob('{dir}/*')",
    "SELECT readfile('{dir}/secret.csv')",
    "SELECT writefile('{dir}/out.csv', 'x')",
    "SELECT load_extension('{dir}/secret')",
    "SELECT pg_read_file('{dir}/secret.csv')",
    "ATTACH '{dir}/secret' AS other",
    "LOAD '{dir}/secret'",
    "LOAD DATA INPATH '{dir}/secret.csv' INTO TABLE api_keys",
    "INSERT OVERWRITE DIRECTORY '{dir}/out' SELECT id FROM api_keys",
    "UNLOAD (SELECT id FROM api_keys) TO '{dir}/out'",
    "CREATE FUNCTION f() RETURNS INT AS '{dir}/secret' LANGUAGE C",
    "DESCRIBE '{dir}/secret.csv'",
    "SHOW COLUMNS FROM '{dir}/secret.csv'",
    "SET datafusion.runtime.temp_directory = '{dir}'",
    "SET datafusion.runtime.memory_limit = '100G'",
    "RESET datafusion.runtime.memory_limit",
];

#[tokio::test]
async fn no_statement_reads_or_writes_a_file() {
    let lab = without_files().await;
    let before = entries(&lab);
    for sql in REFUSED {
        let error = lab.fail(sql).await;
        assert!(error.contains("this session uses none"), "{sql}\n{error}");
        assert!(error.contains("--no-files"), "{sql}\n{error}");
        assert!(!error.contains(CANARY), "{sql}\n{error}");
        assert_eq!(lab.requests(), [""; 0], "{sql}");
    }
    for sql in UNKNOWN {
        let error = lab.fail(sql).await;
        assert!(!error.contains(CANARY), "{sql}\n{error}");
        assert_eq!(lab.requests(), [""; 0], "{sql}");
    }
    assert_eq!(entries(&lab), before);
}

#[tokio::test]
async fn a_file_that_exists_is_refused_in_the_words_of_one_that_does_not() {
    let lab = without_files().await;
    let there = lab.fail("SELECT * FROM '{dir}/secret.csv'").await;
    let not_there = lab.fail("SELECT * FROM '{dir}/nothin.csv'").await;
    assert_eq!(there.replace("secret", "nothin"), not_there);
    // A word is a table's name, and no file by that name is looked for.
    let error = lab.fail("SELECT * FROM secret").await;
    assert!(error.contains("no table `secret`"), "{error}");
}

#[tokio::test]
async fn everything_else_works_without_files() {
    let lab = without_files().await;
    let answer = lab
        .run("CREATE TABLE t AS SELECT id FROM api_keys; SELECT count(*) FROM t JOIN api_keys USING (id)")
        .await;
    assert_eq!(answer.rows, ["3"]);
    let described = lab.run("SHOW TABLES IN iam").await;
    assert!(!described.rows.is_empty());
}

#[tokio::test]
async fn rows_that_do_not_fit_in_memory_go_to_no_file_either() {
    let options = Options {
        no_files: true,
        memory_limit: 1 << 20,
        ..Options::default()
    };
    let lab = Lab::with_options(SandboxConfig::default(), options).await;
    let error = lab
        .fail("SELECT count(*) FROM (SELECT value FROM generate_series(1, 2000000) ORDER BY random() LIMIT 1999999)")
        .await;
    assert!(error.contains("the limit of 1 MiB"), "{error}");
    assert!(error.contains("--memory-limit"), "{error}");
}

fn entries(lab: &Lab) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(lab.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
