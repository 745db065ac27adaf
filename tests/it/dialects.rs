//! Two dialects: how one is chosen, what the default one says of the other's statements, and StackQL's own ones under
//! `exec`. Where both have an answer, `tests/slt/dialect_*.slt` has it.

use std::path::Path;

use iamql::session::{Done, Options};

use crate::support::{Lab, Output, TestEnv, key};

/// The statements of the provider's page for the resource, with what its placeholders stand for. `BODY` and `CALL` differ
/// between two editions: the provider of 2024, whose body is `data__spec`, and the one of today.
const PAGE: [&str; 13] = [
    "SELECT\nid,\n_spec,\napi_version,\nkind,\nmetadata,\nspec\nFROM confluent.iam.api_keys\n;",
    "SELECT\nid,\napi_version,\nkind,\nmetadata,\nspec\nFROM confluent.iam.api_keys\nWHERE id = 'K000' -- required\n;",
    "SELECT id, api_version, kind, metadata, spec FROM confluent.iam.api_keys WHERE \"spec.owner\" = 'sa-1' AND \"spec.resource\" = 'lkc-1' AND page_size = '100' AND page_token = '';",
    "/*+ create */\nINSERT INTO confluent.iam.api_keys (\nBODY\n)\nSELECT\n'{\"owner\":{\"id\":\"sa-1\"},\"display_name\":\"a\"}'\n;",
    "INSERT INTO confluent.iam.api_keys (\nBODY\n)\nSELECT\n'{\"owner\":{\"id\":\"sa-1\"},\"display_name\":\"b\"}'\nRETURNING\nid,\napi_version,\nkind,\nmetadata,\nspec\n;",
    "/*+ update */\nUPDATE confluent.iam.api_keys\nSET\nspec = '{\"description\":\"x\"}'\nWHERE\nid = 'K000' --required\n;",
    "/*+ update */\nUPDATE confluent.iam.api_keys\nSET\nBODY = '{\"description\":\"y\"}'\nWHERE\nid = 'K000' --required\nRETURNING\nid,\napi_version,\nkind,\nmetadata,\nspec;",
    "EXEC /*+ SHOWRESULTS */ confluent.iam.api_keys.get_CALL @id='K000';",
    "EXEC confluent.iam.api_keys.create_CALL @BODY='{\"owner\":{\"id\":\"sa-1\"},\"display_name\":\"c\"}';",
    "EXEC confluent.iam.api_keys.update_CALL @id='K000', @BODY='{\"description\":\"z\"}';",
    "EXEC confluent.iam.api_keys.update_CALL @id='K000' @@json='{\"spec\":{\"description\":\"w\"}}';",
    "SHOW METHODS IN confluent.iam.api_keys;",
    "/*+ delete */\nDELETE FROM confluent.iam.api_keys\nWHERE id = 'K001' --required\n;",
];

fn env() -> TestEnv {
    let env = TestEnv::with_keys(0);
    for id in ["K000", "K001", "K002"] {
        env.sandbox.insert(key(id, "sa-1", "lkc-1"));
    }
    env
}

#[test]
fn the_provider_page_runs_unchanged_in_both_generations() {
    for (body, method) in [("data__spec", "iam_v2api_key"), ("spec", "iam_v2_api_key")] {
        let env = env();
        for statement in PAGE {
            let statement = statement.replace("BODY", body).replace("CALL", method);
            let output = env.iamql(&["exec", &statement, "-o", "json"]);
            assert_eq!(output.code, Some(0), "{statement}\n{}", output.stderr);
            // Off a terminal, a write says how many keys it touched, and nothing else.
            let is_count = output.stderr.starts_with('(') && output.stderr.lines().count() == 1;
            assert!(
                output.stderr.is_empty() || is_count,
                "{statement}\n{}",
                output.stderr
            );
        }
        let keys = env.sandbox.keys();
        let stored = |id: &str| keys.iter().find(|key| key["id"] == id);
        assert_eq!(
            stored("K000").unwrap()["spec"]["description"],
            "w",
            "{body}"
        );
        assert!(stored("K001").is_none());
        // One is revoked, and three are created.
        assert_eq!(keys.len(), 5);
    }
}

#[tokio::test]
async fn a_body_may_be_given_by_its_spec() {
    let lab = Lab::small(Options::default()).await;
    for name in ["spec", "data__spec"] {
        let answer = lab
            .run(&format!(
                "EXEC confluent.iam.api_keys.create_iam_v2_api_key @{name}='{{\"owner\":{{\"id\":\"sa-1\"}}, \"display_name\":\"new\"}}'"
            ))
            .await;
        assert_eq!(answer.requests, ["POST /iam/v2/api-keys"]);
        assert_eq!(answer.columns, ["id", "display_name", "secret"]);
        assert!(answer.rows[0].contains("cflt"), "{answer:?}");
    }
    let answer = lab
        .run("EXEC /*+ SHOWRESULTS */ confluent.iam.api_keys.update_iam_v2_api_key @id='K000', @spec='{\"description\":\"x\"}'")
        .await;
    assert_eq!(answer.requests, ["PATCH /iam/v2/api-keys/K000"]);
    assert!(
        answer.rows[0].contains(r#""description":"x""#),
        "{answer:?}"
    );
    let answer = lab
        .run("EXEC confluent.iam.api_keys.update_iam_v2_api_key @spec='{\"description\":\"y\"}', @id='K000'")
        .await;
    assert_eq!(
        (answer.rows.len(), answer.done),
        (0, Some(Done::Updated(1)))
    );
    let answer = lab
        .run("EXPLAIN EXEC confluent.iam.api_keys.create_iam_v2_api_key @spec='{\"owner\":{\"id\":\"sa-1\"}}'")
        .await;
    assert!(
        answer.rows[0].contains(r#"POST | /iam/v2/api-keys | {"spec":{"owner":{"id":"sa-1"}}}"#),
        "{answer:?}"
    );
    assert_eq!(answer.requests, [""; 0]);
}

#[tokio::test]
async fn a_body_given_by_its_spec_is_checked_and_guarded() {
    let lab = Lab::small(Options::default()).await;
    let mut errors = String::new();
    for arguments in [
        "create_iam_v2_api_key @spec='{}'",
        "create_iam_v2_api_key @spec='x'",
        "create_iam_v2_api_key @spec='{\"owner\":{\"id\":\"sa-1\"},\"bogus\":1}'",
        "create_iam_v2_api_key @spec='{}', @data__spec='{}'",
        "create_iam_v2_api_key @spec='{}' @@json='{}'",
        "create_iam_v2_api_key @spec='{}', @spec='{}'",
        "create_iam_v2_api_key",
        "update_iam_v2_api_key @spec='{\"description\":\"x\"}'",
        "update_iam_v2_api_key @id='K000', @spec='{\"owner\":{\"id\":\"x\"}}'",
        "delete_iam_v2_api_key @id='K000', @spec='{}'",
    ] {
        let error = lab
            .fail(&format!("EXEC confluent.iam.api_keys.{arguments}"))
            .await;
        errors.push_str(&error);
        errors.push('\n');
        assert_eq!(lab.requests(), [""; 0], "{arguments}");
    }
    insta::assert_snapshot!(errors, @r#"
    error: `spec.owner.id` is missing: every key has an owner
    hint: set it to the id of a service account (sa-…) or a user (u-…)

    error: `@spec` is not JSON: expected value at line 1, column 1 of the text
      |
    1 | EXEC confluent.iam.api_keys.create_iam_v2_api_key @spec='x'
      |                                                   ^^^^^
    hint: write it as '{"display_name": "…", "owner": {"id": "sa-…"}}'

    error: no field `spec.bogus`
      |
    1 | EXEC confluent.iam.api_keys.create_iam_v2_api_key @spec='{"owner":{"id":"sa-1"},"bogus":1}'
      |                                                   ^^^^^
    hint: `spec` may hold display_name, description, expires_at, owner, resource

    error: the body is given twice, by `@spec` and `@data__spec`
      |
    1 | …EC confluent.iam.api_keys.create_iam_v2_api_key @spec='{}', @data__spec='{}'
      |                                                              ^^^^^^^^^^^
    hint: leave one of them out

    error: the body is given twice, by `@spec` and `@@json`
      |
    1 | …XEC confluent.iam.api_keys.create_iam_v2_api_key @spec='{}' @@json='{}'
      |                                                              ^^^^^^
    hint: leave one of them out

    error: `@spec` is given twice
      |
    1 | …EC confluent.iam.api_keys.create_iam_v2_api_key @spec='{}', @spec='{}'
      |                                                              ^^^^^
    hint: leave one of them out

    error: `create_iam_v2api_key` needs @spec
    hint: add @spec = '{…}', or @@json = '{"spec": {…}}'

    error: `update_iam_v2api_key` needs @id
    hint: add @id = '…'

    error: `spec.owner` cannot be changed once the key exists
      |
    1 | …EC confluent.iam.api_keys.update_iam_v2_api_key @id='K000', @spec='{"owner":{"id":"x"}}'
      |                                                              ^^^^^
    hint: only spec.display_name and spec.description can; for anything else create a new key and delete this one

    error: no parameter `spec`
      |
    1 | …EC confluent.iam.api_keys.delete_iam_v2_api_key @id='K000', @spec='{}'
      |                                                              ^^^^^
    hint: there is: @id
    "#);
    let guarded = Lab::small(Options {
        read_only: true,
        ..Options::default()
    })
    .await;
    let error = guarded
        .fail("EXEC confluent.iam.api_keys.create_iam_v2_api_key @spec='{\"owner\":{\"id\":\"sa-1\"}}'")
        .await;
    assert!(error.contains("read-only"), "{error}");
}

#[tokio::test]
async fn the_default_dialect_says_what_to_write_and_which_one_takes_it() {
    let lab = Lab::small(Options::default()).await;
    let mut errors = String::new();
    for sql in [
        "SELECT id FROM api_keys WHERE spec.owner.id = \"nobody\"",
        "SELECT spec.owner.id AS own FROM api_keys WHERE own = 'sa-1'",
        "SELECT spec.owner.id, max(id) FROM api_keys",
        "SELECT id FROM api_keys HAVING count(*) > 1",
        "SELECT id FROM api_keys WHERE page_size = '100'",
        "SELECT id FROM api_keys WHERE page_token = ''",
        "SELECT id FROM api_keys WHERE \"spec.owner\" = 'sa-1'",
        "SELECT id FROM api_keys WHERE spec.owner = 'sa-1'",
        "SELECT CAST(id AS SIGNED) FROM api_keys",
        "SELECT NOT 1",
        "SELECT sum(NULL)",
        "SELECT sum(id LIKE 'K%') FROM api_keys",
        "SELECT id + 1 FROM api_keys",
        "SELECT id FROM api_keys WHERE id > 5",
        "SELECT id FROM vw_api_keys WHERE age_days > '90 days'",
    ] {
        let error = lab.fail(sql).await;
        assert!(error.contains('^'), "{error}");
        assert!(error.contains("--dialect stackql takes it"), "{error}");
        errors.push_str(&error);
        errors.push('\n');
        assert_eq!(lab.requests(), [""; 0], "{sql}");
    }
    insta::assert_snapshot!(errors, @r#"
    error: no column `nobody`
      |
    1 | SELECT id FROM api_keys WHERE spec.owner.id = "nobody"
      |                                               ^^^^^^^^
    hint: text goes in single quotes: 'nobody'; --dialect stackql takes it

    error: no column `own`
      |
    1 | SELECT spec.owner.id AS own FROM api_keys WHERE own = 'sa-1'
      |                                                 ^^^
    hint: WHERE does not see the names of the select list: repeat the expression, or select from a subquery; --dialect stackql takes it

    error: a column in SELECT is neither in GROUP BY nor in an aggregate function
      |
    1 | SELECT spec.owner.id, max(id) FROM api_keys
      |        ^^^^
    hint: add it to GROUP BY, or take one of its values with min or max; --dialect stackql takes it

    error: a column in SELECT is neither in GROUP BY nor in an aggregate function
      |
    1 | SELECT id FROM api_keys HAVING count(*) > 1
      |        ^^
    hint: add it to GROUP BY, or take one of its values with min or max; --dialect stackql takes it

    error: no column `page_size`
      |
    1 | SELECT id FROM api_keys WHERE page_size = '100'
      |                               ^^^^^^^^^
    hint: leave it out: all pages are read for you; --dialect stackql takes it

    error: no column `page_token`
      |
    1 | SELECT id FROM api_keys WHERE page_token = ''
      |                               ^^^^^^^^^^
    hint: leave it out: all pages are read for you; --dialect stackql takes it

    error: no column `spec.owner`
      |
    1 | SELECT id FROM api_keys WHERE "spec.owner" = 'sa-1'
      |                               ^^^^^^^^^^^^
    hint: write spec.owner.id; --dialect stackql takes it

    error: cannot compare object with text by `=`
      |
    1 | SELECT id FROM api_keys WHERE spec.owner = 'sa-1'
      |                               ^^^^^^^^^^
    hint: write spec.owner.id; --dialect stackql takes it

    error: there is no type `SIGNED`
      |
    1 | SELECT CAST(id AS SIGNED) FROM api_keys
      |             ^^
    hint: write BIGINT; --dialect stackql takes it

    error: NOT takes a condition, but `1` is a number
      |
    1 | SELECT NOT 1
      |            ^
    hint: compare it with something, as in 1 = 0; --dialect stackql takes it

    error: `sum` of a NULL without a type
      |
    1 | SELECT sum(NULL)
      |        ^^^^^^^^
    hint: write CAST(NULL AS BIGINT); --dialect stackql takes it

    error: `sum` takes numbers, but this is a condition
      |
    1 | SELECT sum(id LIKE 'K%') FROM api_keys
      |        ^^^^^^^^^^^^^^^^
    hint: count(*) FILTER (WHERE …) counts the rows where it is true; --dialect stackql takes it

    error: `id` is text, but a number was expected
      |
    1 | SELECT id + 1 FROM api_keys
      |        ^^
    hint: CAST(id AS DOUBLE) reads it as a number, and fails on a row that does not hold one; TRY_CAST gives NULL there; --dialect stackql takes it

    error: cannot compare text with a number
      |
    1 | SELECT id FROM api_keys WHERE id > 5
      |                               ^^
    hint: `id` is text: convert it with CAST(id AS DOUBLE); to compare text, write '5' in quotes; --dialect stackql takes it

    error: `90 days` is not a number
      |
    1 | SELECT id FROM vw_api_keys WHERE age_days > '90 days'
      |                                             ^^^^^^^^^
    hint: `age_days` is a number: compare it with one, as in age_days < 90; --dialect stackql takes it
    "#);
    let _ = lab.run("SET dialect = 'stackql'").await;
    for sql in [
        "SELECT spec.owner.id, max(id) FROM api_keys",
        "SELECT id FROM api_keys WHERE spec.owner = 'sa-1' AND page_size = '100'",
        "SELECT CAST(id AS SIGNED), NOT 1, sum(NULL) FROM api_keys",
    ] {
        let _ = lab.run(sql).await;
    }
    // A write is never read leniently, and no dialect takes it.
    for sql in [
        "DELETE FROM api_keys WHERE id > 5",
        "UPDATE api_keys SET spec.description = 'x' WHERE length(id) > '5x'",
        "DELETE FROM api_keys WHERE id = \"nobody\"",
        "UPDATE api_keys SET spec.description = upper(\"nobody\") WHERE id = 'K000'",
    ] {
        let error = lab.fail(sql).await;
        assert!(!error.contains("--dialect"), "{error}");
    }
}

#[tokio::test]
async fn a_dialect_can_be_set_and_seen() {
    let lab = Lab::small(Options::default()).await;
    assert_eq!(lab.run("SHOW dialect").await.rows, ["dialect | default"]);
    for sql in [
        "SET dialect = 'stackql'",
        "SET dialect = stackql",
        "SET dialect TO 'StackQL'",
        "SET iamql.dialect = 'stackql'",
    ] {
        let _ = lab.run("SET dialect TO default").await;
        assert_eq!(lab.run("SHOW dialect").await.rows, ["dialect | default"]);
        let answer = lab.run(sql).await;
        assert_eq!((answer.rows.len(), answer.columns.len()), (0, 0));
        assert_eq!(lab.run("SELECT 6 ^ 3").await.value(), "5", "{sql}");
    }
    let all = lab.run("SHOW ALL").await;
    assert!(
        all.rows.contains(&"dialect | stackql".to_owned()),
        "{all:?}"
    );
    // What a view means is settled when it is made.
    let _ = lab
        .run("CREATE VIEW x AS SELECT 6 ^ 3 AS n, 'A' LIKE 'a' AS is_like; SET dialect = 'default'")
        .await;
    assert_eq!(lab.run("SELECT * FROM x").await.rows, ["5 | true"]);
    assert_eq!(lab.run("SELECT 6 ^ 3").await.value(), "216.0");
}

#[test]
fn flags_commands_and_profiles_choose_the_dialect() {
    let env = env();
    let folder = env.config().join("iamql");
    std::fs::create_dir(&folder).unwrap();
    let profiles = "[profiles.theirs]\ndialect = 'stackql'\n[profiles.ours]\ndialect = 'default'\n";
    std::fs::write(folder.join("config.toml"), profiles).unwrap();
    let (stackql, default) = ("5\n", "216.0\n");
    let sql = "SELECT 6 ^ 3";
    for (args, expected) in [
        (&["-e", sql][..], default),
        (&["--dialect", "stackql", "-e", sql], stackql),
        (&["exec", sql], stackql),
        (&["exec", sql, "--dialect", "default"], default),
        (&["--profile", "theirs", "-e", sql], stackql),
        (
            &["--profile", "theirs", "--dialect", "default", "-e", sql],
            default,
        ),
        (&["exec", sql, "--profile", "ours"], stackql),
        (&["-e", "SET dialect = 'stackql'", "-e", sql], stackql),
    ] {
        let args = [&["-o", "csv", "-H"], args].concat();
        assert_eq!(env.iamql(&args).rows(), expected, "{args:?}");
    }
    let error = env.iamql(&["--dialect", "mysql", "-e", sql]).error(2);
    assert!(error.contains("default, stackql"), "{error}");
    std::fs::write(
        folder.join("config.toml"),
        "[profiles.x]\ndialect = 'mysql'",
    )
    .unwrap();
    let error = env.iamql(&["--profile", "x", "-e", sql]).error(2);
    assert!(error.contains("config.toml, line 2"), "{error}");
    assert!(error.contains("stackql"), "{error}");
}

#[test]
fn wrapper_scripts_keep_working() {
    let env = env();
    let (key, secret) = env.sandbox.credentials();
    let file = env.work().join("keys.env");
    let url = env.sandbox.url();
    let variables = format!(
        "# the sandbox\nexport CONFLUENT_CLOUD_API_KEY={key}\nCONFLUENT_CLOUD_API_SECRET=\"{secret}\"\nCONFLUENT_CLOUD_ENDPOINT={url}\n"
    );
    std::fs::write(file, variables).unwrap();
    let args = [
        "exec",
        "--approot",
        "/tmp/.stackql",
        "--offline",
        "--loglevel=info",
        "--http.response.pageLimit=20",
        "--http.response.maxResults",
        "-1",
        "--env.file",
        "keys.env",
        "SELECT id FROM confluent.iam.api_keys WHERE id = 'K000'",
        "--output",
        "json",
    ];
    let output = Output::of(env.command_without_credentials(&args).spawn().unwrap());
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(0), "[\n{\"id\":\"K000\"}\n]\n")
    );
    for (option, reason) in [
        ("--approot", "the provider is built in"),
        ("--offline", "there is no registry"),
        ("--loglevel", "-v shows the requests"),
        ("--http.response.pageLimit", "answers are always complete"),
        ("--http.response.maxResults", "answers are always complete"),
    ] {
        let warning = format!("warning: `{option}` has no effect here: {reason}");
        assert!(output.stderr.contains(&warning), "{}", output.stderr);
    }
    assert_eq!(output.stderr.lines().count(), 5, "{}", output.stderr);
    let error = env
        .iamql(&["exec", "--env.file", "none.env", "SELECT 1"])
        .error(2);
    assert!(error.contains("none.env"), "{error}");
    let error = env
        .iamql(&["exec", "--tls.allowInsecure", "SELECT 1"])
        .error(2);
    assert!(
        error.contains("certificates are always verified"),
        "{error}"
    );
    let error = env
        .iamql(&["exec", "-i", "script.iql", "-q", "vars.jsonnet"])
        .error(2);
    insta::assert_snapshot!(error, @r"
    error: `-q vars.jsonnet` is data for a template, and templates are not supported
    hint: pass each value as --param name=value, and write $name in the statement; -q alone is --quiet
    ");
}

#[test]
fn what_has_no_rows_prints_nothing() {
    let env = env();
    let script = "CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2); CREATE VIEW v AS SELECT a FROM t; \
                  COPY (SELECT 1 AS x) TO 'x.csv'; SET dialect = 'stackql'; DROP VIEW v; SELECT count(*) AS n FROM t";
    let output = env.iamql(&["exec", script, "-o", "json"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.stdout, "[\n{\"n\":2}\n]\n");
    // What was written is told beside it.
    let told: Vec<&str> = output
        .stderr
        .lines()
        .filter_map(|line| line.split(',').next())
        .collect();
    assert_eq!(told, ["(2 rows inserted", "(1 row written"]);
}

/// The table of `docs/stackql.md` with statements side by side.
#[tokio::test]
async fn statements_side_by_side_run_in_their_dialects() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/stackql.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("<!-- side by side -->").unwrap();
    let (table, _) = rest.split_once("<!-- /side by side -->").unwrap();
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    assert_eq!(rows.len(), 10);
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [theirs, ours] = cells.as_slice() else {
            panic!("{row}");
        };
        let mut answers = Vec::new();
        for (statement, dialect) in [(theirs, "stackql"), (ours, "default")] {
            // Each on an organization of its own, since some of them write.
            let lab = Lab::with_keys(60).await;
            let first = lab.run("SELECT min(id) FROM api_keys").await;
            let robot = "SELECT min(owner_id) FROM vw_api_keys WHERE owner_id LIKE 'sa-%'";
            let robot = lab.run(robot).await;
            let _ = lab.run(&format!("SET dialect = '{dialect}'")).await;
            let statement = statement.trim().trim_matches('`');
            let statement = statement.replace("275XZQCZYAQKJA5H", first.value());
            let statement = statement.replace("sa-k2ovqt", robot.value());
            let answer = lab.run(&statement).await;
            assert_eq!(answer.warnings, [""; 0], "{statement}");
            answers.push(answer);
        }
        if row.contains("INSERT") {
            continue;
        }
        let sorted: Vec<_> = answers.iter().map(|answer| answer.sorted()).collect();
        assert_eq!(sorted[0], sorted[1], "{row}");
        assert_eq!(answers[0].done, answers[1].done, "{row}");
    }
}

/// What a SELECT shows is what a DELETE with the same condition touches, although the types of its conditions are strict.
#[tokio::test]
async fn a_delete_in_stackql_touches_what_a_select_shows() {
    for condition in [
        "is_expired = 'true'",
        "'f' = is_expired",
        "is_expired <> 'true'",
        "is_expired = 1",
        "is_expired IN (1)",
        "age_days > 100",
        "owner_id LIKE 'sa-%'",
        "NOT is_expired",
    ] {
        let lab = Lab::with_keys(10).await;
        let _ = lab.run("SET dialect = 'stackql'").await;
        let rows =
            format!("SELECT id FROM vw_api_keys WHERE {condition} AND id <> 'SANDBOXDEMOKEY22'");
        let shown = lab.run(&rows).await;
        let delete = format!("DELETE FROM api_keys WHERE id IN ({rows}) RETURNING id");
        let deleted = lab.run(&delete).await;
        assert_eq!(deleted.sorted(), shown.sorted(), "{condition}");
    }
}
