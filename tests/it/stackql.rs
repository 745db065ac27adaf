//! What people bring from StackQL: its statements for this resource run unchanged.

use crate::support::{Lab, TestEnv, key, number, organization};

async fn lab() -> Lab {
    let lab = Lab::with_keys(0).await;
    let _ = lab.run("SET dialect = 'stackql'").await;
    for n in 0..4 {
        lab.sandbox.insert(key(&number(n), "sa-1", "lkc-1"));
    }
    lab.sandbox.insert(key("K004", "u-2", "cloud"));
    lab
}

#[tokio::test]
async fn selects_of_the_documentation_run_unchanged() {
    let lab = lab().await;
    for (sql, rows) in [
        (
            "SELECT id, _spec, api_version, kind, metadata, spec FROM confluent.iam.api_keys ;",
            5,
        ),
        (
            "SELECT id, api_version, kind, metadata, spec FROM confluent.iam.api_keys WHERE id = 'K001' -- required\n;",
            1,
        ),
        (
            "SELECT id, spec FROM confluent.iam.api_keys WHERE \"spec.owner\" = 'sa-1' AND page_size = '100';",
            4,
        ),
        (
            "SELECT id, spec FROM confluent.iam.api_keys WHERE spec.owner = 'sa-1' AND spec.resource = 'lkc-1';",
            4,
        ),
        (
            "SELECT id FROM confluent.iam.api_keys WHERE id IN ('K000', 'K001');",
            2,
        ),
        (
            "SELECT id, JSON_EXTRACT(spec, '$.owner.id') AS owner_id, JSON_EXTRACT(spec, '$.resource.id') AS resource_id FROM confluent.iam.api_keys ORDER BY owner_id DESC LIMIT 5;",
            5,
        ),
        (
            "SELECT JSON_EXTRACT(spec, '$.owner.id') owner, COUNT(*) AS num_keys, GROUP_CONCAT(id) AS key_list FROM confluent.iam.api_keys GROUP BY JSON_EXTRACT(spec, '$.owner.id') HAVING COUNT(*) > 1;",
            1,
        ),
        (
            "SELECT k.id, json_each.key, json_each.value FROM confluent.iam.api_keys k, JSON_EACH(spec) WHERE json_each.key = 'display_name';",
            5,
        ),
        (
            "SELECT a.id, b.id AS other FROM confluent.iam.api_keys a INNER JOIN confluent.iam.api_keys b ON JSON_EXTRACT(a.spec, '$.owner.id') = JSON_EXTRACT(b.spec, '$.owner.id') WHERE a.id < b.id;",
            6,
        ),
        (
            "SELECT id, ROUND(JULIANDAY('now') - JULIANDAY(JSON_EXTRACT(metadata, '$.created_at'))) AS age FROM confluent.iam.api_keys WHERE JULIANDAY('now') - JULIANDAY(JSON_EXTRACT(metadata, '$.created_at')) > 90;",
            5,
        ),
        (
            "SELECT id, SPLIT_PART(JSON_EXTRACT(metadata, '$.self'), '/', -1) AS tail FROM confluent.iam.api_keys;",
            5,
        ),
        (
            "SELECT id, IIF(JSON_EXTRACT(spec, '$.owner.id') LIKE 'sa-%', \"service account\", \"user\") AS kind_of_owner FROM confluent.iam.api_keys;",
            5,
        ),
        (
            "SELECT id, ROW_NUMBER() OVER (ORDER BY JSON_EXTRACT(metadata, '$.created_at') DESC) AS n FROM confluent.iam.api_keys;",
            5,
        ),
        (
            "WITH o AS (SELECT JSON_EXTRACT(spec, '$.owner.id') AS owner FROM confluent.iam.api_keys) SELECT owner, COUNT(*) AS n FROM o GROUP BY owner UNION ALL SELECT 'all', COUNT(*) FROM o;",
            3,
        ),
        (
            "SELECT (STRFTIME('%s','now') - STRFTIME('%s', JSON_EXTRACT(metadata, '$.created_at')))/86400 AS days FROM confluent.iam.api_keys",
            5,
        ),
        (
            "SELECT id FROM confluent.iam.api_keys WHERE JSON_EXTRACT(spec, '$.owner.id') REGEXP '^sa-'",
            4,
        ),
        (
            "SELECT JSON_EXTRACT(spec, '$.owner.id') AS own, JSON_GROUP_OBJECT(id, JSON_EXTRACT(spec, '$.display_name')), JSON_GROUP_ARRAY(JSON_OBJECT('id', id)) FROM confluent.iam.api_keys GROUP BY own",
            2,
        ),
        (
            "CREATE OR REPLACE VIEW owners AS SELECT id, JSON_EXTRACT(spec, '$.owner.id') AS owner FROM confluent.iam.api_keys; SELECT * FROM owners;",
            5,
        ),
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(answer.rows.len(), rows, "{sql}\n{answer:?}");
    }
}

#[tokio::test]
async fn list_parameters_are_pushed_down_in_every_spelling() {
    let lab = lab().await;
    for sql in [
        "SELECT id FROM api_keys WHERE spec.owner = 'sa-1' AND page_size = 10",
        "SELECT id FROM api_keys WHERE \"spec.owner\" = 'sa-1'",
        "SELECT k.id FROM api_keys k WHERE k.\"spec.owner\" IN ('sa-1')",
        "EXEC /*+ SHOWRESULTS */ confluent.iam.api_keys.list_iam_v2api_keys @\"spec.owner\" = 'sa-1'",
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(
            answer.requests,
            ["GET /iam/v2/api-keys?spec.owner=sa-1&show_expired=true&page_size=100"],
            "{sql}"
        );
        assert_eq!(answer.rows.len(), 4);
    }
    let answer = lab
        .run("SELECT spec.owner FROM api_keys WHERE spec.owner = 'u-2'")
        .await;
    assert!(answer.value().contains(r#""id":"u-2""#), "{answer:?}");
}

#[tokio::test]
async fn all_five_methods_can_be_called() {
    let lab = lab().await;
    let answer = lab
        .run("EXEC /*+ SHOWRESULTS */ confluent.iam.api_keys.get_iam_v2api_key @id='K000';")
        .await;
    assert_eq!(answer.requests, ["GET /iam/v2/api-keys/K000"]);
    assert_eq!(answer.columns.len(), 6);
    let answer = lab
        .run("EXEC confluent.iam.api_keys.get_iam_v2api_key @id='K000'")
        .await;
    assert_eq!((answer.rows.len(), answer.requests.len()), (0, 1));
    let answer = lab
        .run("EXEC /*+ SHOWRESULTS */ confluent.iam.api_keys.list_iam_v2_api_keys")
        .await;
    assert_eq!(answer.rows.len(), 5);
    let answer = lab
        .run(r#"EXEC confluent.iam.api_keys.create_iam_v2api_key @@json = '{"spec": {"owner": {"id": "sa-1"}, "display_name": "new"}}'"#)
        .await;
    assert_eq!(answer.columns, ["id", "display_name", "secret"]);
    assert!(answer.rows[0].contains("cflt"));
    let answer = lab
        .run(r#"EXEC /*+ SHOWRESULTS */ confluent.iam.api_keys.update_iam_v2_api_key @id = 'K000' @@json = '{"spec": {"description": "x"}}'"#)
        .await;
    assert_eq!(answer.requests, ["PATCH /iam/v2/api-keys/K000"]);
    assert!(answer.rows[0].contains(r#""description":"x""#));
    let answer = lab
        .run("EXEC confluent.iam.api_keys.delete_iam_v2api_key @id = 'K000'")
        .await;
    assert_eq!(answer.requests, ["DELETE /iam/v2/api-keys/K000"]);
    assert_eq!(lab.sandbox.keys().len(), 5);
}

#[tokio::test]
async fn guards_hold_for_exec_too() {
    let lab = Lab::start(organization(3)).await;
    let own = lab.sandbox.credentials().0.to_owned();
    let error = lab
        .fail(&format!(
            "EXEC confluent.iam.api_keys.delete_iam_v2api_key @id = '{own}'"
        ))
        .await;
    assert!(error.contains("lock you out"), "{error}");
    let error = lab
        .fail(r#"EXEC confluent.iam.api_keys.update_iam_v2api_key @id = 'x' @@json = '{"spec": {"owner": {"id": "y"}}}'"#)
        .await;
    assert!(error.contains("cannot be changed"), "{error}");
    assert_eq!(lab.requests(), [""; 0]);
}

/// Errors of what stands for another statement point into what was typed.
#[tokio::test]
async fn errors_point_into_the_statement_that_was_typed() {
    let lab = lab().await;
    let mut errors = String::new();
    for sql in [
        r#"EXEC confluent.iam.api_keys.create_iam_v2api_key @@json='{"spec":"x"}'"#,
        "SHOW TABLES IN confluent.iam WHERE bogus = 1",
        "SHOW METHODS WHERE methodname = 'x' +",
        "SHOW METHODS WHERE methodname = 'x' y",
        "CREATE MATERIALIZED VIEW mv\nAS SELECT bogus FROM api_keys",
    ] {
        errors.push_str(&lab.fail(sql).await);
        errors.push('\n');
    }
    insta::assert_snapshot!(errors, @r#"
    error: `spec` is an object, not `"x"`
      |
    1 | EXEC confluent.iam.api_keys.create_iam_v2api_key @@json='{"spec":"x"}'
      |                                                  ^^^^^^
    
    error: no column `bogus`
      |
    1 | SHOW TABLES IN confluent.iam WHERE bogus = 1
      |                                    ^^^^^
    hint: columns here: table_catalog, table_schema, table_name, table_type
    
    error: syntax error: expected an expression, found the end of the statement
      |
    1 | SHOW METHODS WHERE methodname = 'x' +
      |                                      ^
    
    error: syntax error: expected end of statement, found `y`
      |
    1 | SHOW METHODS WHERE methodname = 'x' y
      |                                     ^
    
    error: no column `bogus`
      |
    2 | AS SELECT bogus FROM api_keys
      |           ^^^^^
    hint: columns here: id, _spec, api_version, kind, metadata, spec
    "#);
    assert_eq!(lab.requests(), [""; 0]);
}

#[tokio::test]
async fn discovery_needs_no_requests() {
    let lab = lab().await;
    for (sql, rows) in [
        ("SHOW PROVIDERS", 1),
        ("SHOW SERVICES IN confluent LIKE '%iam%'", 1),
        ("SHOW SERVICES IN confluent LIKE 'x%'", 0),
        (
            "SHOW EXTENDED RESOURCES FROM confluent.iam WHERE name = 'api_keys'",
            1,
        ),
        ("SHOW METHODS IN confluent.iam.api_keys", 5),
        (
            "SHOW EXTENDED METHODS IN confluent.iam.api_keys WHERE SQLVerb = 'SELECT' AND MethodName LIKE 'get%'",
            1,
        ),
        ("SHOW METHODS IN confluent.iam.api_keys LIKE 'list%'", 1),
        ("SHOW INSERT INTO confluent.iam.api_keys", 1),
        ("DESCRIBE confluent.iam.api_keys", 6),
        ("DESC api_keys", 6),
        ("DESCRIBE EXTENDED api_keys", 29),
        ("SHOW COLUMNS FROM api_keys", 6),
        ("DESCRIBE vw_api_keys", 16),
        (
            "DESCRIBE METHOD EXTENDED confluent.iam.api_keys.create_iam_v2api_key",
            6,
        ),
        ("SHOW FUNCTIONS LIKE 'json_extract'", 1),
        ("SHOW VERSION", 1),
        ("SHOW TRANSACTION ISOLATION LEVEL", 1),
        ("SHOW EXTENDED VERSION", 1),
        ("SHOW AUTH confluent", 1),
        ("REGISTRY LIST", 1),
        ("REGISTRY LIST confluent", 1),
        ("REGISTRY PULL confluent v1", 0),
        ("USE confluent", 0),
        ("SLEEP 1", 0),
        ("PURGE cache", 0),
        ("SHOW TABLES", 13),
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(answer.rows.len(), rows, "{sql}\n{answer:?}");
        assert_eq!(answer.requests, [""; 0], "{sql}");
    }
}

#[tokio::test]
async fn materialized_views_hold_their_rows_until_they_are_refreshed() {
    let lab = lab().await;
    let count = "SELECT count(*) FROM mv";
    let _ = lab
        .run("CREATE MATERIALIZED VIEW mv AS SELECT id, spec FROM confluent.iam.api_keys")
        .await;
    let _ = lab.run("DELETE FROM api_keys WHERE id = 'K000'").await;
    assert_eq!(lab.run(count).await.value(), "5");
    let _ = lab.run("REFRESH MATERIALIZED VIEW mv").await;
    assert_eq!(lab.run(count).await.value(), "4");
    let _ = lab.run("DROP MATERIALIZED VIEW mv").await;
    assert!(lab.fail(count).await.contains("no table `mv`"));
    assert!(
        lab.fail("REFRESH MATERIALIZED VIEW other")
            .await
            .contains("no materialized view `other`")
    );
}

#[tokio::test]
async fn what_is_text_in_stackql_may_be_used_as_text() {
    let lab = lab().await;
    for (sql, rows) in [
        (
            "SELECT id FROM confluent.iam.api_keys WHERE spec LIKE '%\"u-2\"%'",
            1,
        ),
        (
            "SELECT id FROM confluent.iam.api_keys WHERE UPPER(spec) LIKE '%SA-1%'",
            4,
        ),
        (
            "SELECT id FROM confluent.iam.api_keys WHERE CAST(spec AS TEXT) REGEXP '\"lkc-1\"'",
            4,
        ),
        (
            "SELECT id FROM confluent.iam.api_keys WHERE spec || '' LIKE '%lkc-1%'",
            4,
        ),
        (
            "SELECT id FROM confluent.iam.api_keys WHERE JSON_EXTRACT(spec, '$.owner') LIKE '%u-2%'",
            1,
        ),
        ("SELECT COALESCE(spec, '{}') FROM confluent.iam.api_keys", 5),
        (
            "SELECT id FROM confluent.iam.api_keys WHERE LENGTH(spec) > 10",
            5,
        ),
        (
            "SELECT id FROM confluent.iam.api_keys WHERE JSON_EXTRACT(_spec, '$.owner.id') > 5",
            5,
        ),
        ("SELECT id FROM confluent.iam.api_keys WHERE id = 5", 0),
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(answer.rows.len(), rows, "{sql}\n{answer:?}");
    }
    let sums = "SELECT SUM(JSON_EXTRACT(spec, '$.owner.id') LIKE 'u-%'), SUM(id > 'K001') FROM confluent.iam.api_keys";
    assert_eq!(lab.run(sums).await.rows, ["1 | 3"]);
}

#[tokio::test]
async fn names_of_the_select_list_and_texts_in_double_quotes_are_read_as_sqlite_does() {
    let lab = lab().await;
    for (sql, rows) in [
        (
            "SELECT JSON_EXTRACT(spec, '$.owner.id') AS own FROM api_keys WHERE own LIKE 'u-%'",
            1,
        ),
        (
            "SELECT id FROM api_keys WHERE JSON_EXTRACT(spec, '$.owner.id') = \"sa-1\"",
            4,
        ),
        (
            "SELECT id FROM api_keys WHERE id IN (\"K000\", \"K001\") AND kind LIKE \"Api%\"",
            2,
        ),
        (
            "SELECT id, \"a key\" AS label, CASE WHEN id IS 'K000' THEN \"x\" ELSE \"y\" END FROM api_keys",
            5,
        ),
        ("SELECT 7 DIV 2, 7 MOD 2", 1),
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(answer.rows.len(), rows, "{sql}\n{answer:?}");
    }
    let error = lab
        .fail("SELECT id FROM api_keys WHERE kind = \"kin\"")
        .await;
    assert!(error.contains("did you mean `kind`?"), "{error}");
    let error = lab
        .fail("SELECT id FROM api_keys WHERE \"nobody\" <> 'x'")
        .await;
    assert!(
        error.contains("text goes in single quotes: 'nobody'"),
        "{error}"
    );
    // In a write a slip could mean other keys.
    let error = lab.fail("DELETE FROM api_keys WHERE id = \"K000\"").await;
    assert!(
        error.contains("text goes in single quotes: 'K000'"),
        "{error}"
    );
    assert_eq!(lab.sandbox.keys().len(), 5);
    let error = lab
        .fail("SELECT id FROM api_keys WHERE page_token = 'x'")
        .await;
    assert!(error.contains("all pages are read for you"), "{error}");
}

#[tokio::test]
async fn a_bare_column_beside_an_aggregate_is_of_some_row() {
    let lab = lab().await;
    let answer = lab
        .run("SELECT spec.resource.id, COUNT(*) AS n FROM confluent.iam.api_keys GROUP BY JSON_EXTRACT(spec, '$.owner.id') ORDER BY n")
        .await;
    assert_eq!(answer.rows, ["cloud | 1", "lkc-1 | 4"]);
    assert_eq!(answer.columns, ["spec.resource.id", "n"]);
    assert_eq!(answer.warnings.len(), 1);
    assert!(
        answer.warnings[0].ends_with("the value is that of some row of each group"),
        "{:?}",
        answer.warnings
    );
    let answer = lab.run("SELECT spec.owner.id, MAX(id) FROM api_keys").await;
    assert_eq!(answer.rows, ["u-2 | K004"]);
    let answer = lab.run("SELECT spec.owner.id, MIN(id) FROM api_keys").await;
    assert_eq!(answer.rows, ["sa-1 | K000"]);
    let answer = lab
        .run("SELECT kind, COUNT(*) FROM api_keys GROUP BY kind")
        .await;
    assert_eq!(answer.warnings, [""; 0]);
}

#[tokio::test]
async fn functions_have_the_same_meaning_in_every_session() {
    for _ in 0..4 {
        let lab = lab().await;
        let sql =
            "SELECT LENGTH(12.5), INSTR(12345, 34), SUBSTR('hello', -3), POWER('2', 3), SIGN('-3')";
        assert_eq!(lab.run(sql).await.rows, ["4 | 3 | llo | 8.0 | -1"]);
    }
}

#[tokio::test]
async fn a_copied_key_loses_its_secret_and_its_links() {
    let lab = lab().await;
    let answer = lab
        .run("INSERT INTO confluent.iam.api_keys (spec) SELECT JSON_SET(JSON_REMOVE(spec, '$.secret'), '$.description', 'copy') FROM confluent.iam.api_keys WHERE id = 'K000' RETURNING *;")
        .await;
    assert_eq!((answer.rows.len(), answer.columns.len()), (1, 6));
    let mut expiring = key("K009", "sa-1", "lkc-1");
    expiring["spec"]["expires_at"] = "9999-12-31".into();
    expiring["spec"]["created_by"] = "u-1".into();
    lab.sandbox.insert(expiring);
    let copy = "INSERT INTO api_keys (spec) SELECT spec FROM api_keys WHERE id = 'K009'";
    let error = lab.fail(copy).await;
    assert!(
        error.contains("json_remove(spec, '$.created_by')"),
        "{error}"
    );
    let copy = copy.replace("SELECT spec", "SELECT json_remove(spec, '$.created_by')");
    let answer = lab
        .run(&format!("{copy} RETURNING spec.expires_at, spec.secret"))
        .await;
    assert!(answer.rows[0].starts_with("9999-12-31 | "));
}

#[tokio::test]
async fn answers_can_be_filtered_by_any_of_their_columns() {
    let lab = lab().await;
    for (sql, rows) in [
        (
            "SHOW METHODS IN confluent.iam.api_keys WHERE \"SQLVerb\" = 'SELECT'",
            2,
        ),
        ("SHOW FUNCTIONS WHERE name = 'iif'", 1),
        ("SHOW COLUMNS FROM api_keys LIKE 'i%'", 1),
        ("SHOW TABLES LIKE 'api%'", 1),
        ("SHOW TABLES IN confluent.iam", 7),
        ("SHOW SCHEMAS", 6),
        ("SHOW METHODS IN confluent.iam.vw_api_keys", 0),
        ("SHOW RESOURCES", 13),
    ] {
        let answer = lab.run(sql).await;
        assert_eq!(answer.rows.len(), rows, "{sql}\n{answer:?}");
        assert_eq!(answer.requests, [""; 0], "{sql}");
    }
    let answer = lab
        .run("EXPLAIN EXEC api_keys.delete_iam_v2api_key @id = 'K000'")
        .await;
    assert!(
        answer.rows[0].contains("DELETE | /iam/v2/api-keys/K000"),
        "{answer:?}"
    );
    assert_eq!(answer.requests, [""; 0]);
}

#[test]
fn statements_to_edit_can_be_printed_as_they_are() {
    let env = TestEnv::with_keys(0);
    let statement = "SHOW INSERT /*+ REQUIRED */ INTO confluent.iam.api_keys";
    let args = ["exec", statement, "--output", "text", "--hideheaders"];
    insta::assert_snapshot!(env.iamql(&args).rows(), @r#"
    INSERT INTO confluent.iam.api_keys (spec)
    SELECT '{
      "owner": {
        "id": "{{ owner_id }}"
      }
    }'
    RETURNING id, spec.secret;
    "#);
    let args = [
        "exec",
        "SELECT 'a\"b' AS x, NULL AS y, 1 AS z",
        "-o",
        "text",
    ];
    assert_eq!(env.iamql(&args).rows(), "x,y,z\na\"b,null,1\n");
}

#[test]
fn options_that_are_not_here_say_what_to_use() {
    let env = TestEnv::with_keys(0);
    let error = env
        .iamql(&["exec", "SELECT 1", "--iqldata", "x.json"])
        .error(2);
    assert!(
        error.contains("no option `--iqldata`: templates are not supported"),
        "{error}"
    );
    assert!(error.contains("--param name=value"), "{error}");
    let error = env.iamql(&["srv", "--pgsrv.port", "5444"]).error(2);
    assert!(error.contains("srv"), "{error}");
}
