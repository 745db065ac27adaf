//! What is wrong with a statement: said in its own words, with its place and the next step.

use iamql::api;
use iamql::error::ErrorKind;
use iamql::sandbox::Fault;
use iamql::session::Options;

use crate::support::{Lab, key};

async fn lab() -> Lab {
    Lab::of([key("K001", "sa-1", "lkc-1")]).await
}

/// Words of the engine and the language that mean nothing to the person who typed.
const NOISE: [&str; 12] = [
    "Error during planning",
    "External error",
    "Execution error",
    "Internal error",
    "DataFusion",
    "Struct(",
    "Schema error",
    "SQL error",
    "ParserError",
    "Arrow error",
    "Utf8",
    "get_field",
];

/// Runs each of `statements`, which fail, and returns their errors.
async fn errors(statements: &[&str]) -> String {
    let lab = lab().await;
    let mut errors = String::new();
    for statement in statements {
        let error = lab.fail(statement).await;
        for noise in NOISE {
            assert!(!error.contains(noise), "{statement}: {error}");
        }
        errors.push_str(&error);
        errors.push('\n');
    }
    errors
}

#[tokio::test]
async fn unknown_tables_and_columns_are_named_with_the_nearest() {
    let errors = errors(&[
        "SELECT * FROM api_key",
        "SELECT * FROM confluent.iam.apikeys",
        "SELECT * FROM nothing_like_it",
        "SELECT * FROM other.iam.api_keys",
        "SELECT ids FROM api_keys",
        "SELECT k.kindd FROM api_keys k",
        "SELECT id FROM api_keys WHERE owner.id = 'x'",
        "SELECT display_name FROM api_keys",
        "SELECT x.id FROM api_keys k",
        "SELECT owner FROM vw_api_keys",
        "SELECT id FROM vw_api_keys ORDER BY create_at",
        "SELECT spce.owner.id FROM api_keys",
        "SELECT id\nFROM api_keys\nWHERE kind = 'x'\n  AND bogus = 1",
        "SELECT 1; SELECT 2;\n\nSELECT bogus\nFROM api_keys",
        "SELECT id FROM '{dir}/missing.csv'",
        "SELECT id FROM api_keys a, api_keys b",
    ])
    .await;
    let folder = regex::Regex::new("`/[^`]*/missing").unwrap();
    insta::assert_snapshot!(folder.replace_all(&errors, "`DIR/missing"), @r#"
    error: no table `api_key`
      |
    1 | SELECT * FROM api_key
      |               ^^^^^^^
    hint: did you mean `api_keys`?

    error: no table `apikeys`
      |
    1 | SELECT * FROM confluent.iam.apikeys
      |               ^^^^^^^^^^^^^^^^^^^^^
    hint: did you mean `api_keys`?

    error: no table `nothing_like_it`
      |
    1 | SELECT * FROM nothing_like_it
      |               ^^^^^^^^^^^^^^^
    hint: tables here: api_keys, role_bindings, service_accounts, users, vw_api_key_findings, vw_api_key_inventory, vw_api_keys, org.environments, org.organizations, managed_kafka_clusters.clusters, schema_registry_clusters.v3_clusters, ksqldb_clusters.clusters, quotas.applied_quotas

    error: no table `other.iam.api_keys`
      |
    1 | SELECT * FROM other.iam.api_keys
      |               ^^^^^^^^^^^^^^^^^^
    hint: did you mean `api_keys`?

    error: no column `ids`
      |
    1 | SELECT ids FROM api_keys
      |        ^^^
    hint: did you mean `id`?

    error: no column `k.kindd`
      |
    1 | SELECT k.kindd FROM api_keys k
      |        ^^^^^^^
    hint: did you mean `k.kind`?

    error: no column `owner.id`
      |
    1 | SELECT id FROM api_keys WHERE owner.id = 'x'
      |                               ^^^^^^^^
    hint: did you mean `spec.owner.id`?

    error: no column `display_name`
      |
    1 | SELECT display_name FROM api_keys
      |        ^^^^^^^^^^^^
    hint: did you mean `spec.display_name`?

    error: no column `x.id`
      |
    1 | SELECT x.id FROM api_keys k
      |        ^^^^
    hint: tables here: k

    error: no column `owner`
      |
    1 | SELECT owner FROM vw_api_keys
      |        ^^^^^
    hint: did you mean `owner_id`?

    error: no column `create_at`
      |
    1 | SELECT id FROM vw_api_keys ORDER BY create_at
      |                                     ^^^^^^^^^
    hint: did you mean `created_at`?

    error: no column `spce.owner.id`
      |
    1 | SELECT spce.owner.id FROM api_keys
      |        ^^^^^^^^^^^^^
    hint: did you mean `spec.owner.id`?

    error: no column `bogus`
      |
    4 |   AND bogus = 1
      |       ^^^^^
    hint: columns here: id, _spec, api_version, kind, metadata, spec

    error: no column `bogus`
      |
    3 | SELECT bogus
      |        ^^^^^
    hint: columns here: id, _spec, api_version, kind, metadata, spec

    error: no file `DIR/missing.csv`
    hint: paths are relative to the folder in which iamql was started

    error: column `id` is in more than one of the tables
      |
    1 | SELECT id FROM api_keys a, api_keys b
      |        ^^
    hint: put the table's name or alias before it
    "#);
}

#[tokio::test]
async fn unknown_fields_are_found_in_both_spellings_of_a_path() {
    let errors = errors(&[
        "SELECT spec.dislay_name FROM api_keys",
        "SELECT k.id FROM api_keys k WHERE k.spec.owner.idd = 'x'",
        "SELECT spec['owner']['kin'] FROM api_keys",
        "SELECT id,\n  metadata.crated_at\nFROM api_keys",
        "SELECT id FROM api_keys k WHERE EXISTS (SELECT 1 FROM api_keys o WHERE o.id = k.spec.owner.ownr)",
        "SELECT spec.resources FROM api_keys",
        "SELECT spec.owner.id.x FROM api_keys",
        "SELECT spec.zebra FROM api_keys",
    ])
    .await;
    insta::assert_snapshot!(errors, @r"
    error: no field `dislay_name` in `spec`
      |
    1 | SELECT spec.dislay_name FROM api_keys
      |             ^^^^^^^^^^^
    hint: did you mean `display_name`? `spec ->> 'dislay_name'` reads a member that is not a column

    error: no field `idd` in `spec.owner`
      |
    1 | SELECT k.id FROM api_keys k WHERE k.spec.owner.idd = 'x'
      |                                                ^^^
    hint: did you mean `id`? `spec.owner ->> 'idd'` reads a member that is not a column

    error: no field `kin` in `spec.owner`
      |
    1 | SELECT spec['owner']['kin'] FROM api_keys
      |                      ^^^^^
    hint: did you mean `kind`? `spec.owner ->> 'kin'` reads a member that is not a column

    error: no field `crated_at` in `metadata`
      |
    2 |   metadata.crated_at
      |            ^^^^^^^^^
    hint: did you mean `created_at`? `metadata ->> 'crated_at'` reads a member that is not a column

    error: no field `ownr` in `spec.owner`
      |
    1 | … EXISTS (SELECT 1 FROM api_keys o WHERE o.id = k.spec.owner.ownr)
      |                                                              ^^^^
    hint: it has `id`, `related`, `resource_name`, `api_version`, `kind`; `spec.owner ->> 'ownr'` reads a member that is not a column

    error: no field `resources` in `spec`
      |
    1 | SELECT spec.resources FROM api_keys
      |             ^^^^^^^^^
    hint: did you mean `resource`? `spec ->> 'resources'` reads a member that is not a column

    error: cannot take a field of text
    hint: the name of a table is written without quotes, or in double quotes

    error: no field `zebra` in `spec`
      |
    1 | SELECT spec.zebra FROM api_keys
      |             ^^^^^
    hint: it has `secret`, `display_name`, `description`, `expires_at`, `created_by`, `owner`, `resource`; `spec ->> 'zebra'` reads a member that is not a column
    ");
}

#[tokio::test]
async fn syntax_errors_point_to_the_token() {
    let errors = errors(&[
        "SELEC id FROM api_keys",
        "SELECT id FROM api_keys WHERE",
        "SELECT id FORM api_keys",
        "SELECT (id FROM api_keys",
        "SELECT id\nFROM api_keys\nORDER id",
        "SELECT id FROM api_keys WHERE id = 'x",
        "SELECT id FROM api_keys LIMIT 'x'",
        "SELECT id FROM api_keys WHERE id == == 'x'",
    ])
    .await;
    insta::assert_snapshot!(errors, @"
    error: syntax error: expected an SQL statement, found `SELEC`
      |
    1 | SELEC id FROM api_keys
      | ^^^^^

    error: syntax error: expected an expression, found the end of the statement
      |
    1 | SELECT id FROM api_keys WHERE
      |                              ^

    error: syntax error: expected end of statement, found `api_keys`
      |
    1 | SELECT id FORM api_keys
      |                ^^^^^^^^

    error: syntax error: expected ), found `FROM`
      |
    1 | SELECT (id FROM api_keys
      |            ^^^^
    hint: the parenthesis of line 1, column 8 is not closed

    error: syntax error: expected end of statement, found `ORDER`
      |
    3 | ORDER id
      | ^^^^^

    error: unterminated string literal
      |
    1 | SELECT id FROM api_keys WHERE id = 'x
      |                                    ^

    error: `x` is not a number of rows
      |
    1 | SELECT id FROM api_keys LIMIT 'x'
      |                               ^^^
    hint: LIMIT and OFFSET take an integer, as in LIMIT 10

    error: syntax error: expected an expression, found `==`
      |
    1 | SELECT id FROM api_keys WHERE id == == 'x'
      |                                     ^
    ");
}

#[tokio::test]
async fn types_that_do_not_fit_are_told_in_plain_words() {
    let errors = errors(&[
        "SELECT id + spec FROM api_keys",
        "SELECT id FROM api_keys WHERE spec = 'x'",
        "SELECT id FROM api_keys WHERE metadata.created_at < 'yesterday'",
        "SELECT id FROM api_keys WHERE id",
        "SELECT sum(id) FROM api_keys",
        "SELECT upper() FROM api_keys",
        "SELECT uper(id) FROM api_keys",
        "SELECT CAST('x' AS INT)",
        "SELECT 1 / 0",
        "SELECT id FROM api_keys WHERE count(*) > 1",
        "SELECT id FROM api_keys TABLESAMPLE (10)",
        "SELECT * FROM api_keys k, unnest(k.spec.owner)",
        "SELECT id FROM api_keys UNION SELECT id, kind FROM api_keys",
        "SELECT id FROM api_keys WHERE id = (SELECT id, kind FROM api_keys)",
        "SELECT id FROM api_keys WHERE id = (SELECT 'a' UNION ALL SELECT 'b')",
        "SELECT coalesce(metadata.created_at, 1) FROM api_keys",
        "SELECT id FROM api_keys WHERE id = $owner",
        "SELECT id FROM api_keys WHERE id = $1",
        "SELECT id FROM api_keys WHERE id = ?",
        "SELECT id FROM api_keys LIMIT -1",
        "COPY (SELECT id FROM api_keys) TO '{dir}/x.unknown'",
        "SET nonsense = 1",
        "SELECT interval 'x'",
    ])
    .await;
    insta::assert_snapshot!(errors, @r#"
    error: there is no `+` of text and object
      |
    1 | SELECT id + spec FROM api_keys
      |        ^^^^^^^^^
    hint: convert one of them with CAST

    error: cannot compare object with text by `=`
    hint: compare one of its fields, as in column.field

    error: `yesterday` is not a timestamp
      |
    1 | SELECT id FROM api_keys WHERE metadata.created_at < 'yesterday'
      |                                                     ^^^^^^^^^^^
    hint: timestamps are written as in '2026-01-31' and '2026-01-31T10:20:30Z'; now() - interval '1 day' is a day ago

    error: expected a condition, but `id` is text
    hint: compare it with something, as in x = 5

    error: `sum` does not take text
      |
    1 | SELECT sum(id) FROM api_keys
      |        ^^^
    hint: convert it with CAST

    error: `upper` takes one argument, not 0
      |
    1 | SELECT upper() FROM api_keys
      |        ^^^^^

    error: no function `uper`
      |
    1 | SELECT uper(id) FROM api_keys
      |        ^^^^
    hint: did you mean `upper`?

    error: `x` is not a valid integer
      |
    1 | SELECT CAST('x' AS INT)
      |             ^^^
    hint: TRY_CAST gives NULL for what cannot be converted

    error: division by zero
    hint: nullif(x, 0) as the divisor gives NULL where x is 0

    error: an aggregate function is not allowed in WHERE, which looks at one row at a time
    hint: HAVING looks at groups; an aggregate of the outer query is computed in a subquery in FROM

    error: TABLESAMPLE is not supported
      |
    1 | SELECT id FROM api_keys TABLESAMPLE (10)
      |                ^^^^^^^^
    hint: write ORDER BY random() LIMIT n

    error: `unnest` of an object cannot be planned
    hint: it takes a list, as in unnest(ARRAY[1, 2]); `x.*` gives the fields of an object

    error: the sides of UNION have different numbers of columns
      |
    1 | SELECT id FROM api_keys UNION SELECT id, kind FROM api_keys
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: NULL stands for a column that one of them lacks

    error: a subquery used as a value must select one column, not several: api_keys.id, api_keys.kind
    hint: select one of them; rows are compared as in (a, b) IN (SELECT c, d …)

    error: a subquery that is used as a value returned more than one row
    hint: take one of them with LIMIT 1 or with an aggregate such as max(); IN and EXISTS look at all of them

    error: `coalesce` has no type for all of its arguments
      |
    1 | SELECT coalesce(metadata.created_at, 1) FROM api_keys
      |        ^^^^^^^^
    hint: convert them with CAST

    error: parameter `$owner` has no value
      |
    1 | SELECT id FROM api_keys WHERE id = $owner
      |                                    ^^^^^^
    hint: pass it as --param owner=…

    error: parameter `$1` has no value
      |
    1 | SELECT id FROM api_keys WHERE id = $1
      |                                    ^^
    hint: pass it as --param 1=…

    error: parameter `$1` has no value
      |
    1 | SELECT id FROM api_keys WHERE id = ?
      |                                    ^
    hint: pass it as --param 1=…

    error: LIMIT must not be negative, and here it is -1
    hint: leave it out for all rows

    error: unknown file format `unknown`
    hint: file formats: csv, json, parquet, arrow; STORED AS names one

    error: no setting `nonsense`
    hint: SHOW ALL lists the settings

    error: invalid input syntax for type interval: "x"
      |
    1 | SELECT interval 'x'
      |                 ^^^
    "#);
}

#[tokio::test]
async fn what_others_have_is_told_with_what_there_is_instead() {
    let errors = errors(&[
        "SELECT *, \"nosuch\" FROM api_keys",
        "SELECT *, \"knd\" FROM api_keys",
        "SELECT id FROM api_keys ORDER BY \"nosuch\"",
        "SELECT k FROM api_keys k",
        "SELECT id api_keys",
        "SELECT CAST(id AS INT) FROM api_keys",
        "SELECT nosuchfunction(id) FROM api_keys",
        "SELECT age(metadata.created_at) FROM api_keys",
        "SELECT 1 FROM api_keys WHERE (id, kind) OVERLAPS (id, kind)",
        "SELECT 1 FROM api_keys WHERE 'lkc-1' = ANY (make_array(spec.resource))",
        "SELECT 1 FROM api_keys WHERE _spec @> '{}'",
        "SELECT to_char(metadata.created_at, 'RM') FROM api_keys",
        "SELECT to_char(1, '999')",
        "SELECT id FROM api_keys ORDER BY 7",
        "SELECT * FROM jsonb_each_text('{}')",
        "SELECT spec::xml FROM api_keys",
        "SELECT * RENAME (id AS key) FROM api_keys",
        "SELECT * FROM unnest(ARRAY[1]) WITH ORDINALITY",
        "SELECT 1 FROM dual",
        "TABLE vw_api_keys ORDER BY create_at",
    ])
    .await;
    insta::assert_snapshot!(errors, @r#"
    error: no column `nosuch`
      |
    1 | SELECT *, "nosuch" FROM api_keys
      |           ^^^^^^^^
    hint: text goes in single quotes: 'nosuch'; columns here: id, _spec, api_version, kind, metadata, spec

    error: no column `knd`
      |
    1 | SELECT *, "knd" FROM api_keys
      |           ^^^^^
    hint: did you mean `kind`?

    error: no column `nosuch`
      |
    1 | SELECT id FROM api_keys ORDER BY "nosuch"
      |                                  ^^^^^^^^
    hint: text goes in single quotes: 'nosuch'; columns here: id, _spec, api_version, kind, metadata, spec

    error: no column `k`
      |
    1 | SELECT k FROM api_keys k
      |        ^
    hint: `k` is a table: `k.*` is all of its columns

    error: no column `id`
      |
    1 | SELECT id api_keys
      |        ^^
    hint: there is no FROM clause to take it from

    error: `K001` is not a valid integer
    hint: a row has this value: TRY_CAST gives NULL for what cannot be converted, and a number in quotes is compared as text

    error: no function `nosuchfunction`
      |
    1 | SELECT nosuchfunction(id) FROM api_keys
      |        ^^^^^^^^^^^^^^
    hint: SHOW FUNCTIONS lists them

    error: no function `age`
      |
    1 | SELECT age(metadata.created_at) FROM api_keys
      |        ^^^
    hint: subtract, as in now() - created_at

    error: the operator `Overlaps` is not supported

    error: `array_has` does not take these arguments: list, text
    hint: convert them with CAST

    error: `@>` is for lists
    hint: compare its fields one by one, as in column.field = 'x'

    error: this pattern is not supported
      |
    1 | SELECT to_char(metadata.created_at, 'RM') FROM api_keys
      |                                     ^^^^
    hint: write one such as 'YYYY-MM-DD' or '%Y-%m-%d'

    error: `to_char` does not take these arguments: integer, text
      |
    1 | SELECT to_char(1, '999')
      |        ^^^^^^^
    hint: convert them with CAST

    error: ORDER BY 7, but the select list has 1 columns
    hint: name a column, or count those of the select list from 1

    error: no table function `jsonb_each_text`
    hint: there are json_each, json_tree, unnest, generate_series and range

    error: there is no type `xml`
    hint: types are TEXT, INT, BIGINT, DOUBLE, DECIMAL, BOOLEAN, DATE, TIME, TIMESTAMP, TIMESTAMPTZ and INTERVAL

    error: wildcard * with RENAME not supported

    error: WITH ORDINALITY is not supported
      |
    1 | SELECT * FROM unnest(ARRAY[1]) WITH ORDINALITY
      |                            ^
    hint: write row_number() OVER (), which numbers rows

    error: no table `dual`
      |
    1 | SELECT 1 FROM dual
      |               ^^^^
    hint: FROM can be left out

    error: no column `create_at`
      |
    1 | TABLE vw_api_keys ORDER BY create_at
      |                            ^^^^^^^^^
    hint: did you mean `created_at`?
    "#);
}

#[tokio::test]
async fn programs_can_tell_kinds_of_errors_apart() {
    let lab = lab().await;
    for (statement, kind) in [
        ("SELECT (1", ErrorKind::Syntax),
        ("SELECT 'no end", ErrorKind::Syntax),
        ("SELECT bogus FROM api_keys", ErrorKind::Name),
        ("SELECT spec.bogus FROM api_keys", ErrorKind::Name),
        ("SELECT * FROM bogus", ErrorKind::Name),
        ("SELECT bogus(1)", ErrorKind::Name),
        ("SELECT $bogus", ErrorKind::Name),
        ("SELECT x FROM (SELECT 1 AS x, 2 AS x) t", ErrorKind::Name),
        ("SELECT CAST('x' AS INT)", ErrorKind::Type),
        (
            "SELECT count(*) OVER (ORDER BY created_at RANGE 5 PRECEDING) FROM vw_api_keys",
            ErrorKind::Type,
        ),
        (
            "SELECT id, count(*) FROM api_keys GROUP BY id, ROLLUP (id)",
            ErrorKind::Statement,
        ),
        ("SELECT 1 / 0", ErrorKind::Statement),
        ("DELETE FROM api_keys", ErrorKind::Permission),
    ] {
        let error = lab.try_run(statement).await.unwrap_err();
        assert_eq!(error.kind, kind, "{statement}: {error:?}");
    }
}

#[tokio::test]
async fn a_read_only_session_refuses_for_lack_of_permission() {
    let options = Options {
        read_only: true,
        ..Options::default()
    };
    let lab = Lab::small(options).await;
    for statement in [
        "COPY (SELECT 1) TO '{dir}/x.csv'",
        "DELETE FROM api_keys WHERE id = 'K001'",
    ] {
        let error = lab.try_run(statement).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Permission, "{statement}: {error:?}");
    }
}

#[tokio::test]
async fn what_the_service_said_is_kept_for_programs() {
    let lab = lab().await;
    for (status, kind) in [(403, ErrorKind::Permission), (400, ErrorKind::Service)] {
        for statement in [
            "SELECT * FROM api_keys",
            "DELETE FROM api_keys WHERE id = 'K001'",
        ] {
            lab.sandbox.set_faults(vec![Fault::status(status)]);
            let error = lab.try_run(statement).await.unwrap_err();
            let service = error.find::<api::Error>().and_then(api::Error::service);
            assert_eq!(service.unwrap().status, status, "{error:?}");
            assert_eq!(error.kind, kind, "{error:?}");
        }
    }
}
