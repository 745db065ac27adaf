//! Some hundred statements, made wrong by breaking right ones: no message speaks of the engine, and each says where.

use fastrand::Rng;
use iamql::error::Error;

use crate::support::{Lab, key, shown};

/// Right statements, which are broken.
const RIGHT: [&str; 24] = [
    "SELECT id, display_name FROM vw_api_keys WHERE age_days > 90 ORDER BY created_at DESC LIMIT 5",
    "SELECT owner_id, count(*) AS n FROM vw_api_keys GROUP BY owner_id HAVING count(*) > 1 ORDER BY n",
    "SELECT spec.owner.id, metadata.created_at FROM api_keys WHERE id IN ('K1', 'K2')",
    "SELECT json_extract(spec, '$.owner.id') AS owner FROM api_keys WHERE spec ->> 'display_name' LIKE 'a%'",
    "SELECT a.id FROM vw_api_keys a JOIN vw_api_keys b ON a.owner_id = b.owner_id AND a.id < b.id",
    "SELECT id, row_number() OVER (PARTITION BY owner_id ORDER BY created_at) AS n FROM vw_api_keys QUALIFY n = 1",
    "WITH old AS (SELECT id FROM vw_api_keys WHERE age_days > 90) SELECT count(*) FROM old",
    "SELECT CASE WHEN age_days > 90 THEN 'old' ELSE 'new' END AS age FROM vw_api_keys",
    "SELECT id FROM vw_api_keys WHERE created_at < now() - interval '90 days'",
    "SELECT id FROM api_keys WHERE EXISTS (SELECT 1 FROM vw_api_keys v WHERE v.id = api_keys.id)",
    "SELECT id FROM vw_api_keys UNION ALL SELECT owner_id FROM vw_api_keys",
    "SELECT substr(id, 1, 2), upper(id), length(id), coalesce(display_name, '-') FROM vw_api_keys",
    "SELECT date_trunc('month', created_at) AS m, count(*) FROM vw_api_keys GROUP BY 1",
    "SELECT round(avg(age_days), 1), sum(age_days), min(id), max(id) FROM vw_api_keys",
    "SELECT x FROM (VALUES (1, 'a'), (2, 'b')) t(x, y) WHERE y = 'a'",
    "SELECT * FROM generate_series(1, 5) AS s(n) WHERE n BETWEEN 2 AND 4",
    "SELECT e.value FROM api_keys k, json_each(k._spec) AS e",
    "SELECT strftime('%Y', created_at), to_char(created_at, 'YYYY-MM') FROM vw_api_keys",
    "SELECT first_value(id ORDER BY created_at), string_agg(id, ',') FROM vw_api_keys",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY age_days) FROM vw_api_keys",
    "SELECT id FROM vw_api_keys WHERE age_days = (SELECT max(age_days) FROM vw_api_keys)",
    "SELECT unnest(make_array(1, 2)), array_length(make_array(1, 2))",
    "COPY (SELECT id FROM vw_api_keys) TO '{dir}/x.csv'",
    "EXPLAIN SELECT id FROM api_keys WHERE spec.owner.id = 'sa-1'",
];

/// Words that replace others, each of another kind than what stood there.
const OTHERS: [&str; 34] = [
    "id",
    "spec",
    "metadata",
    "created_at",
    "'text'",
    "5",
    "1.5",
    "NULL",
    "true",
    "now()",
    "interval '1 day'",
    "count(*)",
    "row_number()",
    "row_number() OVER ()",
    "make_array(1)",
    "(SELECT 1, 2)",
    "(SELECT id FROM api_keys)",
    ".",
    ")",
    "(",
    ",",
    "THEN",
    "FROM",
    "sa-8pp15s",
    "*",
    "date '2026-01-01'",
    "sum(NULL)",
    "abs()",
    "nosuch(1)",
    "{}",
    "lower(spec)",
    "CAST('x' AS INT)",
    "'2026-13-01'::date",
    "$missing",
];

/// Statements that are wrong in ways of their own.
const WRONG: [&str; 44] = [
    "SELECT substr(id) FROM api_keys",
    "SELECT row_number() FROM api_keys",
    "SELECT id FROM api_keys WHERE row_number() OVER () = 1",
    "COPY (SELECT 1) TO 's3://bucket/y.csv'",
    "SELECT * FROM 's3://bucket/y.csv'",
    "SELECT sum(NULL)",
    "SELECT date '2026-01-01' + interval '9999999 years'",
    "SELECT now() + interval '9999999 years'",
    "COPY (SELECT 1) TO 'x.csv' WITH HEADER ROW",
    "SELECT count(* FROM api_keys WHERE id IN (SELECT id FROM api_keys)",
    "SELECT CASE WHEN age_days > 5 age_days END FROM vw_api_keys",
    "SELECT . FROM api_keys",
    "SELECT id FROM vw_api_keys WHERE owner_id = sa-8pp15s",
    "SELECT id FROM vw_api_keys WHERE owner_id = sa-k2ovqt",
    "SELECT abs(age_days) FILTER (WHERE age_days > 0) FROM vw_api_keys",
    "SELECT round(age_days) OVER () FROM vw_api_keys",
    "SELECT id FROM vw_api_keys ORDER BY 'id'",
    "SELECT count(1, 2)",
    "SELECT sum(sum(age_days)) FROM vw_api_keys",
    "SELECT spec + 1 FROM api_keys",
    "SELECT spec < metadata FROM api_keys",
    "SELECT id FROM api_keys GROUP BY spec HAVING id > spec",
    "SELECT array_length(1), make_array(1, 'x', spec) FROM api_keys",
    "SELECT lag(id, 'x') OVER (ORDER BY id) FROM api_keys",
    "SELECT repeat('a', 'x')",
    "SELECT lpad(id, 'x') FROM api_keys",
    "SELECT CASE WHEN 1 THEN 2 END",
    "SELECT CASE WHEN age_days THEN 2 END FROM vw_api_keys",
    "SELECT id FROM vw_api_keys WHERE age_days",
    "SELECT id FROM vw_api_keys WHERE NOT age_days",
    "SELECT id FROM vw_api_keys WHERE age_days AND true",
    "SELECT (SELECT 1, 2)",
    "SELECT (1, 2) = (SELECT 1, 2, 3)",
    "SELECT id FROM vw_api_keys WHERE id IN (SELECT id, kind FROM api_keys)",
    "SELECT (SELECT max(k.age_days) FROM api_keys) FROM vw_api_keys k",
    "SELECT (SELECT id FROM api_keys) FROM vw_api_keys",
    "SELECT 9223372036854775807 + 1",
    "SELECT group_concat(DISTINCT age_days ORDER BY id) FROM vw_api_keys",
    "SELECT id FROM vw_api_keys UNION SELECT id, owner_id FROM vw_api_keys",
    "SELECT id FROM vw_api_keys GROUP BY owner_id",
    "SELECT id FROM vw_api_keys WHERE count(*) > 1",
    "SELECT id FROM vw_api_keys ORDER BY 7",
    "SELECT date_trunc('fortnight', created_at) FROM vw_api_keys",
    "SELECT id FROM vw_api_keys LIMIT -1",
];

/// What only those who know the engine's parts understand.
const TALK: [&str; 30] = [
    "DataFusion",
    "datafusion",
    "Utf8",
    "Int64",
    "UInt",
    "Float64",
    "Boolean(",
    "Timestamp(",
    "Decimal128",
    "MonthDayNano",
    "physical plan",
    "logical",
    "oerce",
    "TypeSignature",
    "Expr",
    "DFSchema",
    "nternal error",
    "assertion",
    "Struct(",
    "List(",
    "ScalarUDF",
    "Signature",
    "{ ",
    "Some(",
    "__",
    "get_field",
    "checked_",
    "caused by",
    "Arrow",
    "plan_err",
];

fn broken(rng: &mut Rng) -> String {
    let right = rng.choice(&RIGHT).copied().unwrap();
    let mut words: Vec<String> = right.split(' ').map(str::to_owned).collect();
    let at = rng.usize(..words.len());
    match rng.u8(..5) {
        0 => {
            words.remove(at);
        }
        1 => words.insert(at, (*rng.choice(&OTHERS).unwrap()).to_owned()),
        2 => {
            let other = rng.usize(..words.len());
            words.swap(at, other);
        }
        _ => words[at] = (*rng.choice(&OTHERS).unwrap()).to_owned(),
    }
    words.join(" ")
}

/// Returns what is wrong with the error of `sql`.
fn fault(sql: &str, error: &Error) -> Option<String> {
    let mut told = vec![error.message.as_str()];
    told.extend(error.hint.as_deref());
    told.extend(
        error
            .causes
            .iter()
            .filter_map(|cause| cause.text.as_deref()),
    );
    // What was typed may be told back.
    let quoted = regex::Regex::new("`[^`]*`|'[^']*'|\"[^\"]*\"").unwrap();
    for text in told {
        let plain = quoted.replace_all(text, "");
        if let Some(word) = TALK.iter().find(|word| plain.contains(**word)) {
            return Some(format!("{sql}\n  speaks of `{word}`: {}", shown(error)));
        }
    }
    // Without a place there is a next step, at least.
    (error.place.is_none() && error.hint.is_none() && error.file.is_none()).then(|| {
        format!(
            "{sql}\n  has neither a place nor a next step: {}",
            shown(error)
        )
    })
}

#[tokio::test]
async fn no_message_speaks_of_the_engine_and_each_says_where() {
    let lab = Lab::of([key("K1", "sa-1", "lkc-1"), key("K2", "sa-2", "lkc-1")]).await;
    let seed = std::env::var("ORACLE_SEED").map_or(0, |seed| seed.parse().unwrap());
    let count = std::env::var("ORACLE_QUERIES").map_or(400, |count| count.parse().unwrap());
    let mut rng = Rng::with_seed(seed);
    let mut faults = Vec::new();
    let random: Vec<String> = (0..count).map(|_| broken(&mut rng)).collect();
    let mut wrong = 0;
    for sql in WRONG.iter().map(|sql| (*sql).to_owned()).chain(random) {
        if let Err(error) = lab.try_run(&sql).await {
            wrong += 1;
            faults.extend(fault(&sql, &error));
        }
    }
    assert!(wrong >= count / 2, "{wrong} of {count} are wrong");
    assert!(
        faults.is_empty(),
        "{} of {wrong}:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[tokio::test]
async fn a_panic_is_the_error_of_its_statement() {
    let lab = Lab::of([key("K1", "sa-1", "lkc-1")]).await;
    // Nothing is known to panic; a sink does.
    struct Panics;
    #[async_trait::async_trait]
    impl iamql::session::Sink for Panics {
        async fn has_arrived(&mut self) -> bool {
            true
        }

        fn is_streaming(&self) -> bool {
            false
        }
        async fn begin(
            &mut self,
            _: &datafusion::arrow::datatypes::SchemaRef,
        ) -> Result<(), Error> {
            panic!("of the sink")
        }
        async fn rows(&mut self, _: &datafusion::arrow::array::RecordBatch) -> Result<(), Error> {
            Ok(())
        }
        async fn flush(&mut self) -> Result<(), Error> {
            Ok(())
        }
        async fn finish(&mut self) -> Result<(), Error> {
            Ok(())
        }
    }
    let error = lab
        .run_into("SELECT id FROM api_keys", &mut Panics)
        .await
        .unwrap_err();
    assert_eq!(
        error.message,
        "a bug in iamql ended the statement: of the sink"
    );
    assert_eq!(lab.run("SELECT id FROM api_keys").await.rows, ["K1"]);
}
