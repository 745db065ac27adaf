//! Writes that are refused before anything is sent.

use iamql::session::Options;

use crate::support::Lab;

#[tokio::test]
async fn all_rows_are_checked_before_the_first_request() {
    let lab = Lab::small(Options::default()).await;
    for (sql, expected) in [
        (
            "INSERT INTO api_keys (spec.display_name, spec.owner.id) VALUES ('a', 'sa-1'), ('b', '')",
            "row 2: `spec.owner.id` is missing",
        ),
        (
            "INSERT INTO api_keys (spec.display_name) VALUES ('a')",
            "`spec.owner.id` is missing",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id, spec.resource.id) VALUES ('sa-1', 'lkc-1'), ('sa-1', NULL)",
            "row 2: `spec.resource.id` has no value",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id, spec.display_name) VALUES ('sa-1', 5)",
            "`spec.display_name` is text, not `5`",
        ),
        (
            r#"INSERT INTO api_keys (spec) VALUES ('{"owner": {"id": "sa-1"},}')"#,
            "`spec` is not JSON: trailing comma at line 1, column 26",
        ),
        (
            "INSERT INTO api_keys (spec) VALUES (NULL)",
            "`spec` cannot be NULL",
        ),
        (
            r#"INSERT INTO api_keys (spec) VALUES ('{"owner": {"id": "sa-1", "related": "x"}}')"#,
            "`spec.owner.related` is read-only",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') RETURNING id, bogus",
            "no column `bogus`",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') RETURNING count(*)",
            "not aggregates",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id, spec.display_name) SELECT 'sa-1'",
            "1 columns, and 2 fields",
        ),
        (
            "UPDATE api_keys SET spec.description = NULL WHERE id = 'K000'",
            "`spec.description` cannot be NULL",
        ),
        (
            "UPDATE api_keys SET spec.description = 5 WHERE id = 'K000'",
            "is text, not `5`",
        ),
        (
            "UPDATE api_keys SET spec.description = bogus WHERE id = 'K000'",
            "no column `bogus`",
        ),
        (
            r#"UPDATE api_keys SET spec = '{"owner":{"id":"sa-2"}}' WHERE id = 'K000'"#,
            "`spec.owner` cannot be changed",
        ),
        (
            "UPDATE api_keys SET spec = '{}' WHERE id = 'K000'",
            "`spec` sets nothing",
        ),
        ("DELETE FROM api_keys WHERE bogus = 1", "no column `bogus`"),
    ] {
        let error = lab.fail(sql).await;
        assert!(error.contains(expected), "{sql}\n{error}");
        assert_eq!(lab.requests(), [""; 0], "{sql}");
    }
    assert_eq!(lab.sandbox.keys().len(), 6);
}

#[tokio::test]
async fn a_returning_list_that_would_lose_the_secret_is_refused() {
    let lab = Lab::small(Options::default()).await;
    for list in [
        "id",
        "id, spec.display_name",
        "metadata",
        "substr(spec.secret, 1, 8)",
        "length(spec.secret)",
        "spec.owner",
    ] {
        let error = lab
            .fail(&format!(
                "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') RETURNING {list}"
            ))
            .await;
        assert!(
            error.contains("RETURNING leaves out the secrets"),
            "{list}: {error}"
        );
        assert_eq!(lab.requests(), [""; 0], "{list}");
    }
    for list in [
        "*",
        "spec",
        "_spec",
        "spec.secret AS s",
        "json_extract(spec, '$.secret')",
        "spec ->> 'secret'",
        "id || ':' || spec.secret",
        "api_keys.spec.secret",
        "confluent.iam.api_keys.spec['secret']",
    ] {
        let answer = lab
            .run(&format!(
                "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') RETURNING {list}"
            ))
            .await;
        assert!(answer.rows[0].contains("cflt"), "{list}");
    }
}

#[tokio::test]
async fn what_there_is_no_request_for_is_refused_with_what_to_use_instead() {
    let lab = Lab::small(Options::default()).await;
    for (sql, expected) in [
        ("BEGIN", "no transactions"),
        ("START TRANSACTION", "no transactions"),
        ("COMMIT", "no transactions"),
        ("ROLLBACK", "no transactions"),
        ("TRUNCATE TABLE api_keys", "use DELETE"),
        (
            "MERGE INTO api_keys k USING (SELECT 'a' AS id) x ON k.id = x.id WHEN MATCHED THEN DELETE",
            "UPDATE … FROM",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') ON CONFLICT DO NOTHING",
            "never conflicts",
        ),
        (
            "DROP TABLE api_keys",
            "cannot be created, altered or dropped",
        ),
        (
            "DROP VIEW vw_api_keys",
            "cannot be created, altered or dropped",
        ),
        (
            "ALTER TABLE api_keys ADD COLUMN x INT",
            "cannot be created, altered or dropped",
        ),
        (
            "CREATE TABLE api_keys (x INT)",
            "cannot be created, altered or dropped",
        ),
        (
            "CREATE OR REPLACE VIEW vw_api_keys AS SELECT 1",
            "cannot be created, altered or dropped",
        ),
        (
            "INSERT INTO vw_api_keys (id) VALUES ('a')",
            "write to `api_keys`",
        ),
        (
            "UPDATE vw_api_keys SET display_name = 'x'",
            "write to `api_keys`",
        ),
        (
            "DELETE FROM confluent.iam.vw_api_keys",
            "write to `api_keys`",
        ),
        (
            "DELETE FROM api_keys WHERE id = 'K000' LIMIT 1",
            "choose the rows in WHERE",
        ),
        (
            "EXPLAIN ANALYZE DELETE FROM api_keys WHERE id = 'K000'",
            "would run it",
        ),
    ] {
        let error = lab.fail(sql).await;
        assert!(error.contains(expected), "{sql}: {error}");
        assert_eq!(lab.requests(), [""; 0], "{sql}");
    }
}

#[tokio::test]
async fn what_looks_like_a_name_in_a_write_is_one() {
    let lab = Lab::small(Options::default()).await;
    for sql in [
        "DELETE FROM api_keys WHERE lower(\"display_name\") NOT LIKE 'prod%'",
        "UPDATE api_keys SET spec.description = upper(\"bogus\") WHERE id = 'K000'",
        "DELETE FROM api_keys WHERE page_size = '100'",
        "UPDATE api_keys SET spec.description = 'x' WHERE id = 'K000' OR page_size = 5",
        "SET datafusion.catalog.default_schema = 'other'",
        "INSERT INTO api_keys (spec.owner.id, spec.resource) VALUES ('sa-1', 'null')",
        "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') RETURNING id, spec.secret, (SELECT max(id) FROM api_keys)",
    ] {
        let _ = lab.fail(sql).await;
        assert!(
            lab.requests().iter().all(|line| line.starts_with("GET")),
            "{sql}"
        );
    }
    let answer = lab
        .run("UPDATE api_keys SET spec.display_name = concat(\"id\", '-x') WHERE id = 'K000' RETURNING spec.display_name")
        .await;
    assert_eq!(answer.rows, ["K000-x"]);
    let answer = lab
        .run("UPDATE api_keys SET spec.description = uuid() WHERE id IN ('K001', 'K002') RETURNING spec.description")
        .await;
    assert_ne!(answer.rows[0], answer.rows[1]);
}

#[tokio::test]
async fn a_write_within_another_statement_is_not_carried_out() {
    let lab = Lab::small(Options::default()).await;
    for sql in [
        "PREPARE p AS DELETE FROM api_keys WHERE id = 'K000'",
        "PREPARE p AS INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')",
        "WITH x AS (DELETE FROM api_keys WHERE id = 'K000' RETURNING id) SELECT * FROM x",
        "WITH x AS (DELETE FROM api_keys WHERE id = 'K000' RETURNING id) DELETE FROM api_keys WHERE id IN (SELECT id FROM x)",
        "SELECT * FROM (UPDATE api_keys SET spec.description = 'x' WHERE id = 'K000' RETURNING id) AS x",
        "COPY (INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') RETURNING *) TO '{dir}/x.csv'",
        "CREATE TABLE t AS DELETE FROM api_keys WHERE id = 'K000'",
        "CREATE VIEW v AS DELETE FROM vw_api_keys WHERE id = 'K000'",
        "(DELETE FROM api_keys WHERE id = 'K000')",
        "EXPLAIN ANALYZE WITH x AS (SELECT 'K000' AS id) DELETE FROM api_keys WHERE id IN (SELECT id FROM x)",
    ] {
        let error = lab.fail(sql).await;
        let is_explained =
            error.contains("must be a statement of its own") || error.contains("would run it");
        assert!(is_explained, "{sql}: {error}");
        assert_eq!(lab.requests(), [""; 0], "{sql}");
    }
    assert_eq!(lab.sandbox.keys().len(), 6);
    assert!(!lab.folder().join("x.csv").exists());
}

#[tokio::test]
async fn clauses_that_would_be_passed_over_are_refused() {
    let lab = Lab::small(Options::default()).await;
    for (sql, expected) in [
        (
            "DELETE FROM api_keys, vw_api_keys WHERE id = 'K000'",
            "DELETE takes one table",
        ),
        ("SET TRANSACTION READ ONLY", "no transactions"),
        (
            "WITH api_keys AS (SELECT 'K000' AS id) DELETE FROM api_keys WHERE id = 'K001'",
            "`api_keys` is the table that the statement writes to",
        ),
        (
            "WITH vw_api_keys AS (SELECT 'K000' AS id) DELETE FROM api_keys WHERE id = 'K001'",
            "is a view",
        ),
        (
            r#"INSERT INTO api_keys (spec) VALUES ('{"owner": {"id": "sa-1"}, "owner": {"id": "sa-2"}}')"#,
            "`owner` is a duplicate member",
        ),
        (
            r#"INSERT INTO api_keys (spec.owner) VALUES ('{"id": "sa-1", "id": "sa-2"}')"#,
            "`spec.owner` is an object",
        ),
        (
            "INSERT INTO api_keys (spec) VALUES (5)",
            "`spec` is an object, not `5`",
        ),
        (
            "UPDATE api_keys SET spec = 5 WHERE id = 'K000'",
            "`spec` is an object, not `5`",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1'), ('  ')",
            "row 2: `spec.owner.id` is missing",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id, spec.display_name) VALUES ('sa-1', 7)",
            "CAST(… AS VARCHAR)",
        ),
        (
            "DELETE FROM api_keys WHERE id = 'K000' RETURNING 1 / (length(id) - 4)",
            "division by zero",
        ),
    ] {
        let error = lab.fail(sql).await;
        assert!(error.contains(expected), "{sql}: {error}");
        assert_eq!(lab.requests(), [""; 0], "{sql}");
    }
}
