//! Local files: what iamql writes it reads again, and the same rows come back.

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use datafusion::arrow::array::{
    DictionaryArray, IntervalDayTimeArray, Time64MicrosecondArray, TimestampMillisecondArray,
};
use datafusion::arrow::datatypes::{Int8Type, IntervalDayTime};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use iamql::render::{OutputFormat, RenderOptions, cell_text, renderer};
use iamql::session::Done;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{Lab, Output, TestEnv};

/// One row: a text, an integer, a float, a truth value.
type Row = (Option<String>, Option<i64>, Option<f64>, Option<bool>);

fn batch(rows: &[Row]) -> RecordBatch {
    let texts: StringArray = rows.iter().map(|row| row.0.as_deref()).collect();
    let ints: Int64Array = rows.iter().map(|row| row.1).collect();
    let floats: Float64Array = rows.iter().map(|row| row.2).collect();
    let bools: BooleanArray = rows.iter().map(|row| row.3).collect();
    let column = |name: &'static str, array: ArrayRef| (name, array, true);
    RecordBatch::try_from_iter_with_nullable([
        column("t", Arc::new(texts)),
        column("n", Arc::new(ints)),
        column("f", Arc::new(floats)),
        column("b", Arc::new(bools)),
    ])
    .unwrap()
}

fn cells(batch: &RecordBatch) -> Vec<Vec<Option<String>>> {
    let row = |row| {
        let fields = batch.schema();
        let columns = fields.fields().iter().zip(batch.columns());
        columns
            .map(|(field, column)| cell_text(field, column, row).unwrap())
            .collect()
    };
    (0..batch.num_rows()).map(row).collect()
}

fn written(format: OutputFormat, batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = renderer(format, &RenderOptions::default(), Box::new(&mut bytes));
    writer.begin(&batch.schema()).unwrap();
    writer.batch(batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    bytes
}

#[test]
fn every_format_for_programs_is_read_as_it_was_written() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let lab = runtime.block_on(Lab::with_keys(0));
    let text = prop_oneof![
        "[a-z\"'\\\\\t\n\r,;:{}\\[\\]N0-9é ]{0,8}",
        Just("\\N".to_owned()),
        Just("NULL".to_owned()),
        Just(String::new()),
    ];
    let row = (
        prop::option::of(text),
        prop::option::of(any::<i64>()),
        prop::option::of(-1e9..1e9f64),
        prop::option::of(any::<bool>()),
    );
    let rows = prop::collection::vec(row, 1..12);
    let config = Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    };
    let case = AtomicUsize::new(0);
    TestRunner::new(config)
        .run(&rows, |mut rows| {
            // With a word among them, texts stay texts in formats that do not say what they are.
            rows.push((Some("word".to_owned()), Some(1), Some(0.5), Some(true)));
            let batch = batch(&rows);
            for (format, extension) in [
                (OutputFormat::Csv, "csv"),
                (OutputFormat::Tsv, "tsv"),
                (OutputFormat::Json, "json"),
                (OutputFormat::Jsonl, "jsonl"),
                (OutputFormat::Jsonl, "ndjson"),
                (OutputFormat::Parquet, "parquet"),
                (OutputFormat::Arrow, "arrow"),
            ] {
                // A name of its own: the engine remembers what it knows of a file.
                let name = format!("{}.{extension}", case.fetch_add(1, Ordering::Relaxed));
                fs::write(lab.folder().join(&name), written(format, &batch)).unwrap();
                let read =
                    runtime.block_on(lab.run(&format!("SELECT t, n, f, b FROM '{{dir}}/{name}'")));
                prop_assert_eq!(&read.cells, &cells(&batch), "{}", name);
            }
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn nothing_and_the_empty_text_stay_apart_in_files_of_one_column_too() {
    let lab = Lab::with_keys(0).await;
    let rows = "SELECT CASE value % 5 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'x' || value END AS a FROM generate_series(1, 250)";
    for extension in ["csv", "tsv", "json", "jsonl", "ndjson", "parquet", "arrow"] {
        let name = format!("{{dir}}/a.{extension}");
        assert_eq!(
            lab.run(&format!("COPY ({rows}) TO '{name}'")).await.done,
            Some(Done::Written(250))
        );
        let counts =
            format!("SELECT count(*), count(a), count(*) FILTER (WHERE a = '') FROM '{name}'");
        assert_eq!(
            lab.run(&counts).await.rows,
            ["250 | 200 | 50"],
            "{extension}"
        );
    }
}

#[tokio::test]
async fn no_rows_still_have_columns() {
    let lab = Lab::with_keys(0).await;
    for extension in ["csv", "tsv", "parquet"] {
        let copy = format!("COPY (SELECT id, kind FROM api_keys) TO '{{dir}}/none.{extension}'");
        assert_eq!(lab.run(&copy).await.done, Some(Done::Written(0)));
        let read = lab
            .run(&format!("SELECT * FROM '{{dir}}/none.{extension}'"))
            .await;
        assert_eq!(read.columns, ["id", "kind"], "{extension}");
    }
}

#[tokio::test]
async fn files_of_a_folder_have_their_columns_in_any_order() {
    let lab = Lab::with_keys(0).await;
    fs::create_dir(lab.folder().join("parts")).unwrap();
    lab.write("parts/1.csv", "a,b\n1,x\n");
    lab.write("parts/2.csv", "b,a\ny,2\n");
    lab.write("parts/3.csv", "b,c\nz,2026-01-02\n");
    let read = lab
        .run("SELECT a, b, c FROM '{dir}/parts/' ORDER BY b")
        .await;
    assert_eq!(
        read.rows,
        ["1 | x | NULL", "2 | y | NULL", "NULL | z | 2026-01-02"]
    );
    // Folders say more about their rows.
    let parted = "COPY (SELECT * FROM (VALUES (1, 'x'), (2, 'y')) t(a, part)) TO '{dir}/by_part/' STORED AS CSV PARTITIONED BY (part)";
    let _ = lab.run(parted).await;
    let read = lab
        .run("SELECT a, part FROM '{dir}/by_part/' ORDER BY a")
        .await;
    assert_eq!(read.rows, ["1 | x", "2 | y"]);
    lab.write("parts/4.json", "{\"a\":1}");
    let error = lab.fail("SELECT * FROM '{dir}/parts/'").await;
    assert!(error.contains("several formats"), "{error}");
}

#[tokio::test]
async fn views_and_prepared_statements_read_the_files_that_are_there() {
    let lab = Lab::with_keys(0).await;
    fs::create_dir(lab.folder().join("parts")).unwrap();
    lab.write("parts/1.csv", "a,b\n1,x\n");
    let _ = lab
        .run("CREATE VIEW v AS SELECT * FROM '{dir}/parts/'")
        .await;
    let _ = lab
        .run("PREPARE p AS SELECT count(*) FROM '{dir}/parts/'")
        .await;
    // Its columns are in another order, and there is one more.
    lab.write("parts/2.csv", "c,b,a\nz,y,2\n");
    assert_eq!(
        lab.run("SELECT * FROM v ORDER BY a").await.rows,
        ["1 | x", "2 | y"]
    );
    assert_eq!(lab.run("EXECUTE p").await.rows, ["2"]);
    lab.write("parts/1.csv", "a\nnone\n");
    let error = lab.fail("SELECT a FROM v").await;
    assert!(
        error.contains("column `a` of") && error.contains("make the view"),
        "{error}"
    );
    assert_eq!(
        lab.run("SELECT b FROM v ORDER BY b").await.rows,
        ["y", "NULL"]
    );
}

#[tokio::test]
async fn folders_may_say_null_and_whatever_a_name_cannot_hold() {
    let lab = Lab::with_keys(0).await;
    for format in ["CSV", "PARQUET"] {
        let parted = format!(
            "COPY (SELECT * FROM (VALUES (1, 'a b/ü%'), (2, 'x'), (3, '__HIVE_DEFAULT_PARTITION__')) t(n, part))
             TO '{{dir}}/{format}/' STORED AS {format} PARTITIONED BY (part)"
        );
        let _ = lab.run(&parted).await;
        for (condition, rows) in [
            ("true", &["1 | a b/ü%", "2 | x", "3 | NULL"][..]),
            ("part = 'a b/ü%'", &["1 | a b/ü%"]),
            ("part IS NULL", &["3 | NULL"]),
            ("part <> 'x'", &["1 | a b/ü%"]),
            ("nullif(part, 'x') IN ('a b/ü%', 'y')", &["1 | a b/ü%"]),
            ("NOT (part = 'x' AND n > 0)", &["1 | a b/ü%"]),
        ] {
            let query =
                format!("SELECT n, part FROM '{{dir}}/{format}/' WHERE {condition} ORDER BY n");
            assert_eq!(lab.run(&query).await.rows, rows, "{query}");
        }
    }
    let declared = "CREATE EXTERNAL TABLE t (n INT, part TEXT) STORED AS PARQUET PARTITIONED BY (part) LOCATION '{dir}/PARQUET/'";
    let _ = lab.run(declared).await;
    let read = lab
        .run("SELECT n FROM t WHERE nullif(part, 'x') <> 'y'")
        .await;
    assert_eq!(read.rows, ["1"]);
}

#[tokio::test]
async fn every_row_counts_for_the_columns_and_their_types() {
    let lab = Lab::with_keys(0).await;
    let mut lines = "{\"a\":1}\n".repeat(1_500);
    lines.push_str("{\"a\":2.5,\"late\":\"x\"}\n");
    lab.write("late.json", &lines);
    let read = lab
        .run("SELECT max(a), max(late), count(*) FROM '{dir}/late.json'")
        .await;
    assert_eq!(read.rows, ["2.5 | x | 1501"]);
    let mut rows = "a,b\n".to_owned() + &"1,1\n".repeat(1_500);
    rows.push_str("word,007\n");
    lab.write("late.csv", &rows);
    let read = lab
        .run("SELECT max(a), max(b), count(*) FROM '{dir}/late.csv'")
        .await;
    assert_eq!(read.rows, ["word | 1 | 1501"]);
}

#[tokio::test]
async fn what_is_broken_is_an_error_that_says_where() {
    let lab = Lab::with_keys(0).await;
    for (name, text, problem) in [
        (
            "short.csv",
            "a,b\n1,2\n3\n",
            "line 3: there is 1 field for 2 columns",
        ),
        ("open.csv", "a\n\"x\n", "never closed"),
        ("twice.csv", "a,a\n1,2\n", "two columns are called `a`"),
        ("cut.json", "[{\"a\":1},", "ends within"),
        ("word.json", "[1]", "not an object"),
    ] {
        lab.write(name, text);
        let error = lab.fail(&format!("SELECT * FROM '{{dir}}/{name}'")).await;
        assert!(error.contains(problem), "{name}: {error}");
        assert!(error.contains(name), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_file_may_have_columns_and_types_that_the_statement_gives_it() {
    let lab = Lab::with_keys(0).await;
    lab.write("x.txt", "b;a\n007;1\n;\n");
    let _ = lab
        .run("CREATE EXTERNAL TABLE t (a INT, b VARCHAR) STORED AS CSV LOCATION '{dir}/x.txt' OPTIONS (delimiter ';')")
        .await;
    assert_eq!(
        lab.run("SELECT a, b FROM t ORDER BY a").await.rows,
        ["1 | 007", "NULL | NULL"]
    );
    let error = lab
        .fail("CREATE EXTERNAL TABLE u (nosuch INT) STORED AS CSV LOCATION '{dir}/x.txt'; SELECT * FROM u")
        .await;
    assert!(error.contains("no column `nosuch`"), "{error}");
}

/// Runs `sql` with `input` on stdin.
fn reading(env: &TestEnv, input: &[u8], args: &[&str]) -> Output {
    let mut child = env.command(args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    Output::of(child)
}

#[cfg(unix)]
#[test]
fn pipes_are_tables() {
    let env = TestEnv::with_keys(0);
    let rows = batch(&[(Some("x".to_owned()), Some(1), None, None)]);
    for input in [
        b"t,n\nx,1\n".to_vec(),
        b"t\tn\nx\t1\n".to_vec(),
        b" [{\"t\":\"x\",\"n\":1}]".to_vec(),
        b"{\"t\":\"x\",\"n\":1}\n".to_vec(),
        written(OutputFormat::Parquet, &rows),
        written(OutputFormat::Arrow, &rows),
    ] {
        for name in ["/dev/stdin", "/dev/fd/0"] {
            // Read once, and the same for every statement.
            let sql = format!(
                "SELECT t, n FROM '{name}'; SELECT count(*) AS c FROM '{name}' a JOIN '{name}' b USING (n)"
            );
            let run = reading(&env, &input, &["-o", "csv", "-e", &sql]);
            assert_eq!(run.rows(), "t,n\nx,1\nc\n1\n", "{name}: {input:?}");
        }
    }
    let pipe = env.work().join("pipe.tsv");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let writer = std::thread::spawn(move || fs::write(pipe, "a\n\\N\n\n").unwrap());
    let run = env.iamql(&[
        "-o",
        "csv",
        "-e",
        "SELECT count(*) AS n, count(a) AS a FROM 'pipe.tsv'",
    ]);
    assert_eq!(run.rows(), "n,a\n2,1\n");
    writer.join().unwrap();
    let run = reading(&env, b"", &["-e", "SELECT * FROM '/dev/stdin'"]);
    assert!(run.error(1).contains("no data came through it"), "{run:?}");
}

#[test]
fn the_format_is_that_of_the_extension_unless_another_is_asked_for() {
    let env = TestEnv::with_keys(0);
    for (name, flags, expected) in [
        ("a.json", vec![], "[\n{\"a\":1}\n]\n"),
        ("a.jsonl", vec![], "{\"a\":1}\n"),
        ("a.CSV", vec![], "a\n1\n"),
        ("a.tsv", vec![], "a\n1\n"),
        ("a.md", vec![], "| a |\n| ---: |\n| 1 |\n"),
        ("b.json", vec!["-o", "csv"], "a\n1\n"),
    ] {
        let args = [
            flags.as_slice(),
            &["--output-file", name, "-e", "SELECT 1 AS a"],
        ]
        .concat();
        assert_eq!(env.iamql(&args).rows(), "");
        assert_eq!(
            fs::read_to_string(env.work().join(name)).unwrap(),
            expected,
            "{name}"
        );
    }
    for name in ["a.parquet", "a.arrow"] {
        assert_eq!(
            env.iamql(&["--output-file", name, "-e", "SELECT 1 AS a"])
                .rows(),
            ""
        );
        let read = env.iamql(&[
            "-o",
            "csv",
            "-e",
            &format!("SELECT a + 1 AS a FROM '{name}'"),
        ]);
        assert_eq!(read.rows(), "a\n2\n");
        let twice = env.iamql(&["--output-file", name, "-e", "SELECT 1; SELECT 2"]);
        assert!(twice.error(1).contains("holds one result"), "{twice:?}");
    }
    let insert = "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')";
    let refused = env.iamql(&["--output-file", "keys.parquet", "-e", insert]);
    assert!(
        refused.error(1).contains("complete only at the end"),
        "{refused:?}"
    );
    assert_eq!(env.requests(), [""; 0]);
}

#[test]
fn a_copy_to_stdout_is_rows_in_its_own_format() {
    let env = TestEnv::with_keys(0);
    for (sql, expected) in [
        ("COPY (SELECT 1 AS a) TO STDOUT STORED AS CSV", "a\n1\n"),
        (
            "copy (SELECT 1 AS a) to stdout stored as jsonl; SELECT 2 AS b",
            "{\"a\":1}\n[\n{\"b\":2}\n]\n",
        ),
        ("COPY (SELECT 1 AS a) TO '/dev/stdout'", "[\n{\"a\":1}\n]\n"),
    ] {
        for flags in [
            [].as_slice(),
            &["--no-files"],
            &["--read-only"],
            &["--dry-run"],
        ] {
            let run = env.iamql(&[flags, &["-o", "json", "-e", sql]].concat());
            assert_eq!(run.rows(), expected, "{sql}");
        }
    }
    let run = env.iamql(&["-e", "COPY (SELECT 1 AS a) TO STDOUT STORED AS nonsense"]);
    assert!(
        run.error(1).contains("no output format `NONSENSE`"),
        "{run:?}"
    );
}

#[tokio::test]
async fn copies_and_tables_are_local_and_work_in_a_dry_run() {
    let lab = Lab::small(iamql::session::Options {
        dry_run: true,
        ..iamql::session::Options::default()
    })
    .await;
    let _ = lab
        .run("CREATE TABLE t AS SELECT id FROM api_keys; CREATE VIEW v AS SELECT * FROM t")
        .await;
    assert_eq!(
        lab.run("COPY v TO '{dir}/v.csv'").await.done,
        Some(Done::Written(6))
    );
    assert_eq!(
        lab.run("SELECT count(*) FROM '{dir}/v.csv'").await.rows,
        ["6"]
    );
}

#[tokio::test]
async fn what_is_done_to_rows_of_a_local_table_is_told_by_its_verb() {
    let lab = Lab::with_keys(0).await;
    let _ = lab.run("CREATE TABLE t (a INT)").await;
    for (sql, done) in [
        ("INSERT INTO t VALUES (1), (2), (3)", Done::LocalInserted(3)),
        ("UPDATE t SET a = 5 WHERE a > 1", Done::LocalUpdated(2)),
        ("DELETE FROM t WHERE a = 5", Done::LocalDeleted(2)),
        ("COPY t TO '{dir}/t.csv'", Done::Written(1)),
    ] {
        assert_eq!(lab.run(sql).await.done, Some(done), "{sql}");
    }
}

#[tokio::test]
async fn values_of_parquet_files_are_compared_as_they_are() {
    let lab = Lab::with_keys(0).await;
    let file = lab.folder().join("values.parquet");
    let column = |name: &'static str, array: ArrayRef| (name, array, true);
    let dictionary: DictionaryArray<Int8Type> = ["true"].into_iter().collect();
    let batch = RecordBatch::try_from_iter_with_nullable([
        column("x", Arc::new(Float64Array::from(vec![-0.0]))),
        column("m", Arc::new(TimestampMillisecondArray::from(vec![123]))),
        column("t", Arc::new(Time64MicrosecondArray::from(vec![100_000]))),
        column(
            "i",
            Arc::new(IntervalDayTimeArray::from(vec![IntervalDayTime::new(2, 3)])),
        ),
        column("b", Arc::new(dictionary)),
    ])
    .unwrap();
    let properties = WriterProperties::builder().set_bloom_filter_enabled(true);
    let file = fs::File::create(file).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    for condition in [
        "x = 0",
        "x >= 0 AND x <= 0",
        "NOT x <> 0",
        "x = ANY (ARRAY[0, 7.5])",
        "x IN (0, 7.5)",
        "m < TIMESTAMP '1970-01-01 00:00:00.123456'",
        "m <> TIMESTAMP '1970-01-01 00:00:00.123456'",
        "m + INTERVAL '1 microsecond' > m",
        "m AT TIME ZONE 'UTC' < TIMESTAMPTZ '1970-01-01 00:00:00.123456Z'",
        "t < TIME '00:00:00.1000001'",
        "b = 'true'",
    ] {
        let sql = format!("SELECT count(*) FROM '{{dir}}/values.parquet' WHERE {condition}");
        assert_eq!(lab.run(&sql).await.rows, ["1"], "{condition}");
    }
    for (sql, refused) in [
        (
            "SELECT i FROM '{dir}/values.parquet'",
            "the intervals of a Parquet file are not read",
        ),
        (
            "SELECT x FROM '{dir}/values.parquet' WHERE b",
            "expected a condition",
        ),
    ] {
        let error = lab.fail(sql).await;
        assert!(error.contains(refused), "{sql}: {error}");
    }
}

#[tokio::test]
async fn numbers_that_a_float_would_change_are_texts_or_refused() {
    let lab = Lab::with_keys(0).await;
    lab.write("a.csv", "x\n12345678901234567.89\n1e400\n");
    let read = lab.run("SELECT x FROM '{dir}/a.csv'").await;
    assert_eq!(read.rows, ["12345678901234567.89", "1e400"]);
    for (rows, refused) in [
        (r#"{"a":1e400}"#, "has more digits than are kept"),
        (r#"{"a":1,"a":2}"#, "two members are called `a`"),
        ("{\"a\":{\"x\":1}}\n{\"a\":3}", "do not fit in columns"),
        (
            "{\"a\":[1]}\n{\"a\":3}",
            "the member `a` is an object or a list in one row",
        ),
    ] {
        lab.write("a.jsonl", rows);
        let error = lab.fail("SELECT * FROM '{dir}/a.jsonl'").await;
        assert!(
            error.contains(refused) && error.contains("a.jsonl"),
            "{rows}: {error}"
        );
    }
}
