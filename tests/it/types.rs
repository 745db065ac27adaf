//! Types: what is compared is of one kind, and an answer that cannot be right is an error.

use iamql::dialect::Dialect;
use iamql::sandbox::SandboxConfig;
use iamql::session::Options;

use crate::support::{Lab, key, now};

/// A lab with keys of the simulated organization, whose session speaks `dialect`.
async fn speaking(dialect: Dialect) -> Lab {
    let config = SandboxConfig::default().with_keys(60).with_now(now());
    let options = Options {
        dialect,
        ..Options::default()
    };
    Lab::with_options(config, options).await
}

/// Three numbers with a text each, as a table.
const NUMBERS: &str = "(VALUES (1, 'a', true), (2, '5', false), (NULL, NULL, NULL)) t(n, s, b)";

async fn first(lab: &Lab, sql: &str) -> String {
    let answer = lab.run(sql).await;
    answer.rows.join("; ")
}

#[tokio::test]
async fn what_is_no_condition_and_no_group_of_its_own_is_an_error() {
    let lab = speaking(Dialect::Default).await;
    for (sql, expected) in [
        ("SELECT CASE WHEN 1 THEN 2 END", "`1` is a number"),
        (
            "SELECT CASE WHEN n THEN 2 END FROM {numbers}",
            "`n` is a number",
        ),
        (
            "SELECT CASE WHEN 'maybe' THEN 2 END",
            "`maybe` is not a boolean",
        ),
        (
            "SELECT n AS p, n AS r FROM {numbers} GROUP BY n, ROLLUP (n)",
            "appears twice in GROUP BY",
        ),
    ] {
        let sql = sql.replace("{numbers}", NUMBERS);
        let error = lab.fail(&sql).await;
        assert!(
            error.contains(expected) && error.contains("hint: "),
            "{error}"
        );
    }
    for (sql, expected) in [
        ("SELECT CASE WHEN 'true' THEN 2 END", "2"),
        ("SELECT CASE WHEN NULL THEN 2 ELSE 3 END", "3"),
    ] {
        assert_eq!(
            first(&lab, &sql.replace("{numbers}", NUMBERS)).await,
            expected
        );
    }
}

#[tokio::test]
async fn text_that_is_no_value_of_the_other_sides_type_is_an_error_everywhere() {
    let lab = speaking(Dialect::Default).await;
    for condition in [
        "age_days < '90 days'",
        "'90 days' > age_days",
        "age_days = '90 days'",
        "age_days <> '90 days'",
        "age_days IN ('90 days')",
        "age_days NOT IN (1, '90 days')",
        "age_days BETWEEN '1' AND '90 days'",
        "age_days IS DISTINCT FROM '90 days'",
        "age_days IS NOT DISTINCT FROM '90 days'",
        "CASE age_days WHEN '90 days' THEN true END",
        "nullif(age_days, '90 days') > 1",
        "greatest(age_days, '90 days') > 1",
        "coalesce(age_days, '90 days') > 1",
        "age_days + '90 days' > 1",
        "round('90 days') > 1",
        "abs('90 days') > age_days",
        "'90 days' IN (SELECT age_days FROM vw_api_keys)",
        "created_at < '90 days'",
        "created_at IN ('2026-01-01', '90 days')",
        "(age_days > 5) = '90 days'",
        "created_at::date = '90 days'",
    ] {
        let sql = format!("SELECT count(*) FROM vw_api_keys WHERE {condition}");
        let error = lab.fail(&sql).await;
        assert!(error.contains("^^^") && error.contains("hint: "), "{error}");
        assert!(error.contains("90 days` is not "), "{condition}: {error}");
        assert!(lab.requests().is_empty(), "{condition}");
    }
    let delete = "DELETE FROM api_keys WHERE json_extract(spec, '$.owner.id') < 5";
    assert!(lab.fail(delete).await.contains("CAST"));
    assert!(lab.requests().is_empty());
}

#[tokio::test]
async fn text_that_is_a_value_of_the_other_sides_type_is_that_value() {
    let lab = speaking(Dialect::Default).await;
    for (expression, expected) in [
        ("5 < '10'", "true"),
        ("'10' = 10.0", "true"),
        ("' 7 ' IN (7)", "true"),
        ("true = 'yes'", "true"),
        ("false <> 'F'", "false"),
        ("true = 1", "true"),
        ("0 = (1 = 1)", "false"),
        ("date '2026-01-31' < '2026-02-01'", "true"),
        ("date '2026-01-31' < '2026-01-31T12:00Z'", "true"),
        ("timestamp '2026-01-31 10:20' = '2026-01-31T10:20'", "true"),
        ("now() > '2020-01-01'", "true"),
        ("interval '25 hours' > '1 day'", "true"),
        ("time '10:20' < '11:00'", "true"),
        ("'12' + 1", "13"),
        ("'1.5' * 2", "3.0"),
        ("abs('-3')", "3"),
        ("CASE 2 WHEN '2' THEN 'two' END", "two"),
        ("CASE WHEN true THEN 1 ELSE '2' END", "1"),
        ("nullif('2', 2) IS NULL", "true"),
        ("greatest(5, '7')", "7"),
        ("NULL = 'x'", "NULL"),
        ("NULL + 'x'", "NULL"),
    ] {
        let sql = format!("SELECT {expression}");
        match expected {
            "NULL" if expression.contains('+') => {
                lab.fail(&sql).await;
            }
            expected => assert_eq!(first(&lab, &sql).await, expected, "{expression}"),
        }
    }
    let union = "SELECT 1 AS n UNION ALL SELECT '3' ORDER BY n DESC";
    assert_eq!(first(&lab, union).await, "3; 1");
    assert_eq!(
        first(&lab, "SELECT count(*) FROM api_keys LIMIT '1'").await,
        "60"
    );
}

#[tokio::test]
async fn text_beside_a_number_or_a_boolean_asks_for_a_cast() {
    let lab = speaking(Dialect::Default).await;
    for sql in [
        "SELECT 1 FROM t WHERE s = 5",
        "SELECT 1 FROM t WHERE s IN (5, 6)",
        "SELECT 1 FROM t WHERE s BETWEEN 1 AND 5",
        "SELECT 1 FROM t WHERE s IS DISTINCT FROM 5",
        "SELECT 1 FROM t WHERE n = s",
        "SELECT 1 FROM t WHERE b = s",
        "SELECT s + 1 FROM t",
        "SELECT (s || 1) + 2 FROM t",
        "SELECT round(s) FROM t",
        "SELECT substr(s, s) FROM t",
        "SELECT abs(s) FROM t",
        "SELECT greatest(n, s) FROM t",
        "SELECT coalesce(s, n) FROM t",
        "SELECT iif(b, s, n) FROM t",
        "SELECT CASE WHEN b THEN n ELSE s END FROM t",
        "SELECT CASE s WHEN 1 THEN 2 END FROM t",
        "SELECT 1 FROM t WHERE n IN (SELECT s FROM t)",
        "SELECT 1 FROM t WHERE n = ANY (SELECT s FROM t)",
        "SELECT 1 FROM t JOIN (SELECT s AS x FROM t) u ON u.x = t.n",
        "SELECT 1 FROM t JOIN (SELECT s AS n FROM t) u USING (n)",
        "SELECT n FROM t UNION SELECT s FROM t",
        "SELECT n FROM t INTERSECT SELECT s FROM t",
        "SELECT 1 FROM t WHERE json_extract(s, '$.x') > 5",
        "SELECT 1 FROM t WHERE s ->> 'x' = 5",
        "SELECT sum(json_extract(s, '$.x')) FROM t",
    ] {
        let sql = format!("WITH t AS (SELECT * FROM {NUMBERS}) {sql}");
        let error = lab.fail(&sql).await;
        assert!(error.contains("CAST"), "{sql}: {error}");
        assert!(error.contains("text"), "{sql}: {error}");
    }
}

#[tokio::test]
async fn parameters_take_the_type_of_what_they_stand_beside() {
    let config = || SandboxConfig::default().with_keys(60).with_now(now());
    let lab = Lab::with_params(
        config(),
        [("days", "90"), ("n", "2"), ("day", "2020-01-01")],
    )
    .await;
    let sql = "SELECT id FROM vw_api_keys WHERE age_days > $days AND created_at > $day LIMIT $n";
    assert_eq!(lab.run(sql).await.rows.len(), 2);
    let lab = Lab::with_params(config(), [("days", "90 days"), ("n", "two")]).await;
    let error = lab
        .fail("SELECT id FROM vw_api_keys WHERE age_days > $days")
        .await;
    insta::assert_snapshot!(error, @"
    error: `90 days` is not a number
      |
    1 | SELECT id FROM vw_api_keys WHERE age_days > $days
      |                                             ^^^^^
    hint: `age_days` is a number: compare it with one, as in age_days < 90; --dialect stackql takes it
    ");
    let error = lab.fail("SELECT id FROM vw_api_keys LIMIT $n").await;
    insta::assert_snapshot!(error, @"
    error: `two` is not a number of rows
      |
    1 | SELECT id FROM vw_api_keys LIMIT $n
      |                                  ^^
    hint: LIMIT and OFFSET take an integer, as in LIMIT 10
    ");
}

#[tokio::test]
async fn the_caret_is_at_the_literal_that_does_not_fit() {
    let lab = speaking(Dialect::Default).await;
    let sql =
        "SELECT count(*) FROM vw_api_keys WHERE display_name = '90 days' OR age_days < '90 days'";
    insta::assert_snapshot!(lab.fail(sql).await, @"
    error: `90 days` is not a number
      |
    1 | …OM vw_api_keys WHERE display_name = '90 days' OR age_days < '90 days'
      |                                                              ^^^^^^^^^
    hint: `age_days` is a number: compare it with one, as in age_days < 90; --dialect stackql takes it
    ");
    let sql = "SELECT count(*) FROM vw_api_keys WHERE display_name = 5";
    insta::assert_snapshot!(lab.fail(sql).await, @"
    error: cannot compare text with a number
      |
    1 | SELECT count(*) FROM vw_api_keys WHERE display_name = 5
      |                                        ^^^^^^^^^^^^
    hint: `display_name` is text: convert it with CAST(display_name AS DOUBLE); to compare text, write '5' in quotes; --dialect stackql takes it
    ");
    let sql = "SELECT created_at FROM vw_api_keys WHERE created_at > 'yesterday'";
    insta::assert_snapshot!(lab.fail(sql).await, @"
    error: `yesterday` is not a timestamp
      |
    1 | SELECT created_at FROM vw_api_keys WHERE created_at > 'yesterday'
      |                                                       ^^^^^^^^^^^
    hint: timestamps are written as in '2026-01-31' and '2026-01-31T10:20:30Z'; now() - interval '1 day' is a day ago
    ");
}

#[tokio::test]
async fn stackqls_dialect_reads_text_as_sqlite_does() {
    let lab = speaking(Dialect::Stackql).await;
    for (expression, expected) in [
        ("'12 keys' - '2'", "10"),
        ("round('abc')", "0.0"),
        ("json_extract('{\"a\":10.5}', '$.a') > 9", "true"),
        ("'x' > 9", "true"),
        ("coalesce(1, 'x')", "1"),
        ("2 ^ 10", "8"),
    ] {
        assert_eq!(
            first(&lab, &format!("SELECT {expression}")).await,
            expected,
            "{expression}"
        );
    }
    let strict = speaking(Dialect::Default).await;
    assert_eq!(
        first(&strict, "SELECT 2 ^ 10, 2 * 3 ^ 2, -2 ^ 2").await,
        "1024.0 | 18.0 | 4.0"
    );
    strict.fail("SELECT round('abc')").await;
    assert!(
        strict
            .run("SET iamql.dialect = 'stackql'")
            .await
            .rows
            .is_empty()
    );
    assert_eq!(first(&strict, "SELECT round('abc')").await, "0.0");
}

#[tokio::test]
async fn integers_that_overflow_are_an_error() {
    let lab = speaking(Dialect::Default).await;
    for expression in [
        "9223372036854775807 + 1",
        "n + n",
        "-9223372036854775808 - n",
        "n * 2",
        "-(-n - 1)",
        "sum(n)",
        "sum(DISTINCT n) + 1",
        "sum(n) OVER ()",
        "abs(-n - 1)",
        "CAST(1e30 AS BIGINT)",
        "CAST(n AS INT)",
        "CAST(2147483647 AS INT) + CAST(1 AS INT)",
    ] {
        let sql = format!(
            "SELECT {expression} FROM (VALUES (9223372036854775807), (9223372036854775807)) t(n)"
        );
        let error = lab.fail(&sql).await;
        assert!(
            error.contains("overflow") || error.contains("out of the range"),
            "{expression}: {error}"
        );
    }
    for (expression, expected) in [
        ("sum(n)", "6"),
        ("sum(DISTINCT n)", "3"),
        ("sum(n) FILTER (WHERE n > 5)", "NULL"),
        ("sum(-n - 1)", "-10"),
        ("sum(n * 2)", "12"),
    ] {
        let sql = format!("SELECT {expression} FROM (VALUES (1), (2), (NULL), (2), (1)) t(n)");
        assert_eq!(first(&lab, &sql).await, expected, "{expression}");
    }
    let sql = "SELECT sum(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) \
               FROM (VALUES (1), (2), (4)) t(n) ORDER BY n";
    assert_eq!(first(&lab, sql).await, "1; 3; 6");
    let islands = "SELECT row_number() OVER (ORDER BY n) - row_number() OVER (ORDER BY n DESC) \
                   FROM (VALUES (1), (2)) t(n) ORDER BY 1";
    assert_eq!(first(&lab, islands).await, "-1; 1");
    let sql =
        "SELECT g, sum(n) FROM (VALUES (1, 2), (1, 3), (2, NULL)) t(g, n) GROUP BY g ORDER BY g";
    assert_eq!(first(&lab, sql).await, "1 | 5; 2 | NULL");
}

#[tokio::test]
async fn intervals_compare_by_length_and_have_multiples() {
    let lab = speaking(Dialect::Default).await;
    for (expression, expected) in [
        ("interval '1 month' > interval '100 days'", "false"),
        ("interval '1 month' = interval '30 days'", "true"),
        ("interval '24 hours' < interval '1 day'", "false"),
        ("interval '1 year' > interval '359 days'", "true"),
        (
            "interval '40 days' BETWEEN interval '1 month' AND interval '2 months'",
            "true",
        ),
        ("interval '30 days' IN (interval '1 month')", "true"),
        ("interval '1 day' * 2 = interval '2 days'", "true"),
        ("2 * interval '1 month' = interval '2 months'", "true"),
        ("interval '1 day' / 2 = interval '12 hours'", "true"),
        ("interval '1 day' * 1.5 = interval '36 hours'", "true"),
        ("now() - 90 * interval '1 day' < now()", "true"),
        (
            "now() - timestamp '2020-01-01' > 365 * interval '1 day'",
            "true",
        ),
    ] {
        assert_eq!(
            first(&lab, &format!("SELECT {expression}")).await,
            expected,
            "{expression}"
        );
    }
    let sorted = "SELECT x FROM (VALUES (interval '1 month', 1), (interval '100 days', 2), (interval '2 hours', 3)) \
                  t(i, x) ORDER BY i";
    assert_eq!(first(&lab, sorted).await, "3; 1; 2");
    let ranked = "SELECT min(n) FROM (SELECT row_number() OVER (ORDER BY updated_at - created_at) AS n \
                  FROM vw_api_keys)";
    assert_eq!(first(&lab, ranked).await, "1");
    let series = "SELECT count(*) FROM generate_series(timestamp '2026-01-01', timestamp '2026-01-03', interval '1 day')";
    assert_eq!(first(&lab, series).await, "3");
    assert!(
        lab.fail("SELECT max(i) FROM (VALUES (interval '1 day')) t(i)")
            .await
            .contains("LIMIT 1")
    );
}

#[tokio::test]
async fn what_is_volatile_is_evaluated_once() {
    let lab = speaking(Dialect::Default).await;
    // Evaluated twice, the share would be 0.36 rather than 0.2, and NULL beside 0 would be a third.
    for share in [
        "SELECT count(*) FROM generate_series(1, 4000) WHERE random() BETWEEN 0.4 AND 0.6",
        "SELECT count(*) FILTER (WHERE random() BETWEEN 0.4 AND 0.6) FROM generate_series(1, 4000)",
        "SELECT sum(CASE WHEN random() BETWEEN 0.4 AND 0.6 THEN 1 ELSE 0 END) FROM generate_series(1, 4000)",
        "SELECT count(*) FROM (SELECT random() r FROM generate_series(1, 4000)) WHERE r BETWEEN 0.4 AND 0.6",
    ] {
        let count: u32 = first(&lab, share).await.parse().unwrap();
        assert!((600..1000).contains(&count), "{share}: {count}");
    }
    let zeros = "SELECT count(*) FROM (SELECT nullif(CAST(floor(random() * 2) AS INT), 0) AS n \
                 FROM generate_series(1, 500)) WHERE n = 0";
    assert_eq!(first(&lab, zeros).await, "0");
}

#[tokio::test]
async fn a_null_struct_has_null_fields() {
    let lab = Lab::of([key("K1", "sa-1", "lkc-1"), key("K2", "sa-2", "lkc-1")]).await;
    for (expression, expected) in [
        ("(nullif(spec, spec)).owner.id", "NULL; NULL"),
        ("(CASE WHEN id = 'K1' THEN spec END).owner.id", "sa-1; NULL"),
        ("spec.owner.id", "sa-1; sa-2"),
    ] {
        let sql = format!("SELECT {expression} FROM api_keys ORDER BY id");
        assert_eq!(first(&lab, &sql).await, expected, "{expression}");
        let sql = format!("SELECT x FROM (SELECT {expression} AS x, id FROM api_keys) ORDER BY id");
        assert_eq!(first(&lab, &sql).await, expected, "{expression}");
    }
    let derived =
        "SELECT s.a FROM (SELECT nullif(s, s) AS s FROM (VALUES (named_struct('a', 1))) t(s)) u";
    assert_eq!(first(&lab, derived).await, "NULL");
}

#[tokio::test]
async fn a_condition_guards_what_can_fail() {
    let lab = speaking(Dialect::Default).await;
    let n = "generate_series(1, 4) AS t(n)";
    for (sql, expected) in [
        (
            format!("SELECT n FROM {n} WHERE n <> 3 AND 10 / (n - 3) > 0"),
            "4",
        ),
        (
            format!("SELECT n FROM {n} WHERE 10 / (n - 3) > 0 AND n <> 3"),
            "4",
        ),
        (
            format!("SELECT n FROM {n} WHERE n = 3 OR 10 / (n - 3) > 0 ORDER BY n"),
            "3; 4",
        ),
        (
            format!("SELECT n FROM (SELECT n FROM {n} WHERE n <> 3) u WHERE 10 / (n - 3) > 0"),
            "4",
        ),
        (
            format!("SELECT n <> 3 AND 10 / (n - 3) > 0 FROM {n}"),
            "false; false; false; true",
        ),
        (
            format!("SELECT n = 3 OR 10 / (n - 3) > 0 FROM {n}"),
            "false; false; true; true",
        ),
        (
            format!("SELECT CASE WHEN n <> 3 THEN 10 / (n - 3) > 0 END FROM {n}"),
            "false; false; NULL; true",
        ),
        (
            format!("SELECT coalesce(n, 10 / (n - n)) FROM {n}"),
            "1; 2; 3; 4",
        ),
        (
            "SELECT s FROM (VALUES ('1'), ('x')) t(s) WHERE s <> 'x' AND CAST(s AS INT) > 0"
                .to_owned(),
            "1",
        ),
    ] {
        assert_eq!(first(&lab, &sql).await, expected, "{sql}");
    }
    assert!(
        lab.fail("SELECT 10 / (n - 3) FROM generate_series(1, 4) AS t(n)")
            .await
            .contains("division by zero")
    );
}

#[tokio::test]
async fn percentiles_are_exact_and_digits_are_cut() {
    let lab = speaking(Dialect::Default).await;
    let sql = "SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY x), percentile_cont(0.9) WITHIN GROUP (ORDER BY x DESC) \
               FROM (VALUES (1234567.0), (7654321.5), (9999999.25)) t(x)";
    assert_eq!(first(&lab, sql).await, "9530863.7 | 2518517.8999999994");
    for (expression, expected) in [
        ("trunc(123.45, -1)", "120.0"),
        ("trunc(-123.45, 1)", "-123.4"),
        ("trunc(0.29, 2)", "0.29"),
        ("trunc(129, -1)", "120"),
        ("trunc(2.9)", "2.0"),
    ] {
        assert_eq!(
            first(&lab, &format!("SELECT {expression}")).await,
            expected,
            "{expression}"
        );
    }
}

#[tokio::test]
async fn sort_keys_that_stand_twice_change_nothing() {
    let lab = speaking(Dialect::Default).await;
    let t = "(VALUES (1, 2), (1, 1), (2, 3)) t(g, x)";
    for (sql, expected) in [
        (
            format!("SELECT DISTINCT ON (g) g, x FROM {t} ORDER BY g, x, g"),
            "1 | 1; 2 | 3",
        ),
        (
            format!("SELECT first_value(x ORDER BY x, x DESC) FROM {t}"),
            "1",
        ),
        (
            format!("SELECT g, last_value(x ORDER BY x, x) FROM {t} GROUP BY g ORDER BY g, g"),
            "1 | 2; 2 | 3",
        ),
        (
            format!("SELECT rank() OVER (ORDER BY x, x) FROM {t} ORDER BY x, x DESC"),
            "1; 2; 3",
        ),
    ] {
        assert_eq!(first(&lab, &sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn a_date_is_compared_with_a_time_exactly_whatever_the_date() {
    let lab = Lab::with_keys(0).await;
    for (test, expected) in [
        (
            "date '2026-01-02' < timestamp '2026-01-02 00:00:00'",
            "false",
        ),
        (
            "date '2026-01-02' < timestamp '2026-01-02 00:00:00.000001'",
            "true",
        ),
        (
            "date '2026-01-02' <= timestamp '2026-01-02 00:00:00'",
            "true",
        ),
        (
            "date '2026-01-02' >= timestamp '2026-01-02 00:00:01'",
            "false",
        ),
        (
            "date '2026-01-02' > timestamp '2026-01-01 23:59:59'",
            "true",
        ),
        (
            "date '2026-01-02' = timestamp '2026-01-02 00:00:00'",
            "true",
        ),
        (
            "date '2026-01-02' = timestamp '2026-01-02 00:00:01'",
            "false",
        ),
        (
            "date '2026-01-02' <> timestamp '2026-01-02 00:00:01'",
            "true",
        ),
        (
            "timestamp '2026-01-02 00:00:01' > date '2026-01-02'",
            "true",
        ),
        (
            "timestamp '1969-12-31 12:00:00' > date '1969-12-31'",
            "true",
        ),
        (
            "timestamp '1969-12-31 12:00:00' < date '1970-01-01'",
            "true",
        ),
        ("date '9999-12-31' > now()", "true"),
        ("date '0001-01-01' < now() - interval '90 days'", "true"),
        ("now() >= date '9999-12-31'", "false"),
        ("date '9999-12-31' = now()", "false"),
        (
            "date '9999-12-31' < timestamptz '9999-12-31 10:00:00'",
            "true",
        ),
        ("CAST(NULL AS DATE) < now()", "NULL"),
        ("current_date < CAST(NULL AS TIMESTAMP)", "NULL"),
        (
            "date '9999-12-31' BETWEEN now() AND now() + interval '30 days'",
            "false",
        ),
        (
            "date '9999-12-31' NOT BETWEEN now() AND date '9999-12-30'",
            "true",
        ),
        (
            "date '9999-12-31' BETWEEN now() AND date '9999-12-31'",
            "true",
        ),
    ] {
        let sql = format!("SELECT {test}");
        assert_eq!(lab.run(&sql).await.value(), expected, "{sql}");
    }
}
