//! What SELECT can do: every file in `tests/slt` is run in a fresh session over the same twelve keys.
//!
//! `UPDATE_SLT=1 cargo test --test it slt` writes what the statements come to into the files.

use std::fmt;
use std::path::{Path, PathBuf};

use futures::executor::block_on;
use iamql::error::Error;
use serde_json::{Value, json};
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};
use tokio::runtime::Runtime;

use crate::support::{Lab, key};

/// Id, name, owner, resource, environment, day of creation.
type Row = (
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    &'static str,
);

/// The keys; what is None is missing.
const KEYS: [Row; 12] = [
    (
        "K01",
        Some("ci deploy"),
        Some("sa-1"),
        Some("lkc-1"),
        Some("env-1"),
        "2020-01-01",
    ),
    (
        "K02",
        Some("ci test"),
        Some("sa-1"),
        Some("lkc-1"),
        Some("env-1"),
        "2020-02-29",
    ),
    (
        "K03",
        Some("CI Release"),
        Some("sa-1"),
        Some("lkc-2"),
        Some("env-2"),
        "2021-03-01",
    ),
    (
        "K04",
        Some("etl"),
        Some("sa-2"),
        Some("lkc-1"),
        Some("env-1"),
        "2021-06-15",
    ),
    (
        "K05",
        Some("etl"),
        Some("sa-2"),
        Some("lsrc-1"),
        Some("env-1"),
        "2021-06-15",
    ),
    (
        "K06",
        Some(""),
        Some("sa-2"),
        Some("lksqlc-1"),
        Some("env-2"),
        "2022-01-31",
    ),
    ("K07", None, Some("u-1"), Some("cloud"), None, "2022-07-04"),
    (
        "K08",
        Some("laptop"),
        Some("u-1"),
        Some("cloud"),
        None,
        "2022-12-31",
    ),
    (
        "K09",
        Some("100%_done"),
        Some("u-2"),
        Some("aws.us-east-1"),
        Some("env-1"),
        "2023-01-01",
    ),
    (
        "K10",
        Some("o'brien"),
        Some("u-2"),
        None,
        None,
        "2023-05-05",
    ),
    (
        "K11",
        Some("health check"),
        None,
        Some("lkc-2"),
        Some("env-2"),
        "2023-08-09",
    ),
    (
        "K12",
        Some("tomorrow"),
        Some("sa-3"),
        Some("global"),
        None,
        "2199-01-01",
    ),
];

fn built((id, name, owner, resource, environment, day): Row) -> Value {
    let mut key = key(id, owner.unwrap_or_default(), resource.unwrap_or_default());
    key["metadata"]["created_at"] = json!(format!("{day}T10:20:30.405Z"));
    key["spec"]["display_name"] = json!(name);
    if let Some(environment) = environment {
        key["spec"]["resource"]["environment"] = json!(environment);
    }
    match owner {
        None => key["spec"]["owner"] = Value::Null,
        Some(owner) if owner.starts_with("u-") => key["spec"]["owner"]["kind"] = json!("User"),
        Some(_) => {}
    }
    match resource {
        None => key["spec"]["resource"] = Value::Null,
        Some("aws.us-east-1") => key["spec"]["resource"]["kind"] = json!("Region"),
        Some(_) => {}
    }
    // One key opens two clusters.
    if id == "K03" {
        key["spec"]["resources"] = json!([
            {"id": "lkc-2", "environment": "env-2"},
            {"id": "lkc-1", "environment": "env-1"},
        ]);
    }
    key
}

#[derive(Debug)]
struct Connection {
    lab: Lab,
    runtime: Runtime,
}

impl Connection {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let lab = runtime.block_on(Lab::of(KEYS.map(built)));
        Self { lab, runtime }
    }
}

/// An error without its place and its hint.
#[derive(Debug)]
struct Message(String);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Message {}

impl From<Error> for Message {
    fn from(error: Error) -> Self {
        Self(error.message)
    }
}

impl DB for Connection {
    type Error = Message;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Message> {
        let answer = self.runtime.block_on(self.lab.try_run(sql))?;
        if answer.columns.is_empty() {
            return Ok(DBOutput::StatementComplete(0));
        }
        // A blank line would end the rows in the file.
        let shown = |row: String| {
            vec![if row.is_empty() {
                "(empty)".to_owned()
            } else {
                row
            }]
        };
        Ok(DBOutput::Rows {
            types: vec![DefaultColumnType::Text],
            rows: answer.rows.into_iter().map(shown).collect(),
        })
    }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "slt"));
    files.sort();
    files
}

#[test]
fn statements_come_to_what_the_files_say() {
    let mut failures = Vec::new();
    let files = files();
    assert!(!files.is_empty());
    for file in files {
        let mut runner = Runner::new(|| std::future::ready(Ok(Connection::open())));
        let outcome = if std::env::var_os("UPDATE_SLT").is_some() {
            let updated = runner.update_test_file(
                &file,
                " ",
                sqllogictest::default_validator,
                sqllogictest::default_normalizer,
                sqllogictest::default_column_validator,
            );
            block_on(updated).map_err(|error| error.to_string())
        } else {
            let run = runner.run_file(&file);
            run.map_err(|error| error.display(false).to_string())
        };
        failures.extend(outcome.err());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
