//! No secret is lost: whatever happens to the output or to the program in the middle of many creates, every key that
//! was created is either delivered or saved.

#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use iamql::api::Method;
use iamql::error::Error;
use iamql::sandbox::{Action, Fault};
use iamql::session::{Sink, save_undelivered};
use serde_json::Value;

#[cfg(target_os = "linux")]
use crate::support::Terminal;
use crate::support::{Collector, Lab, Output, TestEnv, key, on_small_disk, organization, signal};

const ROWS: usize = 50;

const FORMATS: [&str; 7] = ["jsonl", "json", "csv", "tsv", "table", "markdown", "line"];

/// An environment in which `sa-1` may own keys, every answer taking a little.
fn environment() -> TestEnv {
    let env =
        TestEnv::start(organization(0).with(|config| config.latency = Duration::from_millis(3)));
    env.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    env
}

fn insert() -> String {
    let rows: Vec<String> = (0..ROWS)
        .map(|n| format!("('name-{n:02}', 'sa-1')"))
        .collect();
    format!(
        "INSERT INTO api_keys (spec.display_name, spec.owner.id) VALUES {}",
        rows.join(",")
    )
}

/// The ids of the keys that exist beside `K000`.
fn created(env: &TestEnv) -> BTreeSet<String> {
    let keys = env.sandbox.keys().into_iter();
    keys.map(|key| key["id"].as_str().unwrap().to_owned())
        .filter(|id| id != "K000")
        .collect()
}

/// The ids in rows of JSON, each of which has its secret.
fn ids(lines: &str, secret: &str) -> BTreeSet<String> {
    lines
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let secret = row.pointer(secret).unwrap().as_str().unwrap();
            assert!(secret.starts_with("cflt") && secret.len() == 64, "{line}");
            row["id"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn unsaved_file(env: &TestEnv) -> PathBuf {
    env.state().join("iamql/unsaved-secrets.jsonl")
}

/// The ids in the file of secrets that could not be delivered.
fn saved(env: &TestEnv) -> BTreeSet<String> {
    let path = unsaved_file(env);
    let Ok(text) = std::fs::read_to_string(&path) else {
        return BTreeSet::new();
    };
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    ids(&text, "/spec/secret")
}

/// Asserts that each of the keys that were created is delivered or saved, and none twice.
#[track_caller]
fn assert_accounted(env: &TestEnv, delivered: &BTreeSet<String>, stderr: &str) {
    let saved = saved(env);
    let all: BTreeSet<String> = delivered.union(&saved).cloned().collect();
    assert_eq!(all, created(env), "{stderr}");
    assert!(delivered.is_disjoint(&saved));
    if !saved.is_empty() {
        assert!(stderr.contains("unsaved-secrets.jsonl"), "{stderr}");
    }
}

/// Ends `child` and returns its exit code, stdout and stderr.
fn end(mut child: Child) -> (Option<i32>, String, String) {
    let read = |stream: Option<Box<dyn Read>>| {
        let mut text = String::new();
        if let Some(mut stream) = stream {
            stream.read_to_string(&mut text).unwrap();
        }
        text
    };
    let stdout = read(child.stdout.take().map(|s| Box::new(s) as _));
    let stderr = read(child.stderr.take().map(|s| Box::new(s) as _));
    (child.wait().unwrap().code(), stdout, stderr)
}

#[test]
fn all_rows_are_delivered_in_order_in_every_format() {
    for format in FORMATS {
        let env = environment();
        let output = env.iamql(&["-q", "-o", format, "-y", "-e", &insert()]);
        let rows = output.rows();
        let positions: Vec<usize> = (0..ROWS)
            .map(|n| rows.find(&format!("name-{n:02}")).unwrap())
            .collect();
        assert!(positions.is_sorted(), "{format}");
        assert_eq!(rows.matches("cflt").count(), ROWS, "{format}");
        assert!(!unsaved_file(&env).exists());
    }
}

#[test]
fn an_interruption_stops_creating_and_loses_nothing() {
    for name in ["INT", "TERM", "HUP"] {
        let env = environment();
        let child = env
            .command(&["-o", "jsonl", "-y", "-e", &insert()])
            .spawn()
            .unwrap();
        env.wait_for_requests(12);
        signal(&child, name);
        let (code, stdout, stderr) = end(child);
        let delivered = ids(&stdout, "/secret");
        assert_accounted(&env, &delivered, &stderr);
        if delivered.len() < ROWS {
            assert_eq!(code, Some(130), "{stderr}");
            assert!(stderr.contains("INSERT was interrupted"), "{stderr}");
            let count = format!(
                "{} keys created, 0 failed, {} not tried",
                delivered.len(),
                ROWS - delivered.len()
            );
            assert!(stderr.contains(&count), "{stderr}");
        }
    }
}

#[test]
fn a_row_is_written_as_soon_as_its_key_exists_in_every_format() {
    for format in FORMATS {
        let env = TestEnv::start(
            organization(0).with(|config| config.latency = Duration::from_millis(30)),
        );
        env.sandbox.insert(key("K000", "sa-1", "lkc-1"));
        let args = ["--concurrency", "1", "-o", format, "-y", "-e", &insert()];
        let mut child = env.command(&args).spawn().unwrap();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let mut seen = String::new();
        while !seen.contains("cflt") {
            assert!(reader.read_line(&mut seen).unwrap() > 0, "{format}: {seen}");
        }
        assert!(env.requests().len() < ROWS / 2, "{format}");
        child.kill().unwrap();
        let _ = end(child);
    }
}

#[test]
fn the_next_start_names_the_keys_of_a_process_that_was_killed() {
    let env = environment();
    let child = env
        .command(&["-o", "table", "-y", "-e", &insert()])
        .spawn()
        .unwrap();
    env.wait_for_requests(20);
    signal(&child, "KILL");
    let (_, stdout, _) = end(child);
    let next = env.iamql(&["-e", "SELECT 1"]);
    assert_eq!(next.code, Some(0));
    assert!(next.stderr.contains("did not finish"), "{next:?}");
    assert!(!next.stderr.contains("cflt"), "{next:?}");
    for id in created(&env) {
        let is_told = stdout.contains(&id) || next.stderr.contains(&id);
        assert!(
            is_told || next.stderr.contains("SELECT id"),
            "{id}: {next:?}"
        );
    }
    // Until the journal is removed.
    assert_eq!(env.iamql(&["-e", "SELECT 1"]).stderr, next.stderr);
}

#[test]
fn the_next_start_tells_what_nobody_could_read() {
    for is_read in [true, false] {
        let env = environment();
        let fault = Fault::new(Action::CreateThenDrop).on_method(Method::POST);
        env.sandbox.set_faults(vec![fault.nth(3).times(1)]);
        let mut child = env
            .command(&["-o", "jsonl", "-y", "-e", &insert()])
            .spawn()
            .unwrap();
        if !is_read {
            drop(child.stderr.take());
        }
        let output = Output::of(child);
        assert_eq!(output.code, Some(1), "{output:?}");
        let next = env.iamql(&["-e", "SELECT 1"]).stderr;
        assert_eq!(output.stderr.contains("SELECT id"), is_read, "{output:?}");
        assert_eq!(next.contains("SELECT id"), !is_read, "{next}");
        // Those that were delivered need nobody's care.
        let lost = created(&env)
            .into_iter()
            .filter(|id| !output.stdout.contains(id));
        assert_eq!(lost.count(), 1, "{output:?}");
        for told in ["exists, and its", "exist, and their"] {
            assert!(!next.contains(told), "{next}");
        }
    }
}

#[test]
fn a_journal_holds_no_secret_and_is_gone_at_the_end() {
    let env = environment();
    let child = env
        .command(&["-q", "-o", "jsonl", "-y", "-e", &insert()])
        .spawn()
        .unwrap();
    env.wait_for_requests(20);
    let folder = env.state().join("iamql");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let mode = std::fs::metadata(&path).map(|found| found.permissions().mode());
        seen += usize::from(mode.is_ok_and(|mode| mode & 0o777 == 0o600));
        assert!(!text.contains("cflt"), "{text}");
    }
    let (code, _, stderr) = end(child);
    assert_eq!((code, stderr.as_str(), seen), (Some(0), "", 1));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn rows_that_nobody_has_read_are_saved() {
    let env = environment();
    let sql = "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1'), ('sa-1')";
    let mut child = env.command(&["-o", "jsonl", "-e", sql]).spawn().unwrap();
    let unread = child.stdout.take();
    let (code, _, stderr) = end(child);
    drop(unread);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains("the reader did not read all rows"),
        "{stderr}"
    );
    assert_eq!(saved(&env), created(&env));
    assert_eq!(created(&env).len(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_small_disk_is_noticed_before_the_first_create() {
    let env = environment();
    let program = env.command(&["-o", "jsonl", "-y", "-e", &insert()]);
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", "ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in program.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let (code, _, stderr) = end(shell.spawn().unwrap());
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("secrets could not be saved in"), "{stderr}");
    assert_eq!(env.requests(), [""; 0]);
    assert_eq!(
        std::fs::read_dir(env.state().join("iamql"))
            .unwrap()
            .count(),
        0
    );
}

#[cfg(target_os = "linux")]
#[test]
fn no_core_is_dumped() {
    let env = environment();
    let child = env
        .command(&["-o", "jsonl", "-y", "-e", &insert()])
        .spawn()
        .unwrap();
    env.wait_for_requests(1);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let _ = end(child);
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}

#[test]
fn what_is_in_the_place_of_a_state_file_is_left_alone() {
    let env = environment();
    let (folder, target) = (env.state().join("iamql"), env.work().join("target"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
    std::fs::write(&target, "precious\n").unwrap();
    std::fs::set_permissions(&target, PermissionsExt::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(&target, unsaved_file(&env)).unwrap();
    let output = env.iamql(&["-o", "jsonl", "-y", "-e", &insert()]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output.stderr.contains("it is a symbolic link"),
        "{output:?}"
    );
    assert!(
        output.stderr.contains("other users can change"),
        "{output:?}"
    );
    assert_eq!(env.requests(), [""; 0]);
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious\n");
    let mode = std::fs::metadata(&target).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[cfg(target_os = "linux")]
#[test]
fn a_trace_that_nobody_reads_does_not_hold_up_the_program() {
    let env = TestEnv::start(organization(0));
    env.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    let rows = ["('sa-1')"; 500].join(",");
    let sql = format!("INSERT INTO api_keys (spec.owner.id) VALUES {rows}");
    let mut child = env
        .command(&["-vv", "-o", "jsonl", "-y", "-e", &sql])
        .spawn()
        .unwrap();
    let unread = child.stderr.take();
    let (code, stdout, _) = end(child);
    drop(unread);
    assert_eq!(code, Some(0));
    assert_eq!(ids(&stdout, "/secret"), created(&env));
    assert_eq!(created(&env).len(), 500);
}

#[test]
fn an_interruption_of_a_table_still_shows_what_was_created() {
    let env = environment();
    let child = env.command(&["-y", "-e", &insert()]).spawn().unwrap();
    env.wait_for_requests(12);
    signal(&child, "INT");
    let (_, stdout, stderr) = end(child);
    assert_eq!(
        stdout.matches("cflt").count(),
        created(&env).len(),
        "{stderr}"
    );
    assert!(!unsaved_file(&env).exists());
}

#[test]
fn a_reader_that_goes_away_stops_creating_and_loses_nothing() {
    let env = environment();
    let mut child = env
        .command(&["-o", "jsonl", "-y", "-e", &insert()])
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut reader = BufReader::with_capacity(1, child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    let (code, _, stderr) = end(child);
    let saved = saved(&env);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("its rows cannot be written"), "{stderr}");
    // What went into the pipe before it was closed cannot be told from what was read, so that all are saved.
    assert!(ids(&first, "/secret").is_subset(&saved));
    assert_eq!(saved, created(&env));
    assert!(saved.len() < ROWS);
}

#[test]
fn a_reader_that_is_gone_already_costs_no_key_in_any_format() {
    for format in FORMATS {
        let env = environment();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = env.command(&["-o", format, "-y", "-e", &insert()]);
        let (code, _, stderr) = end(command.stdout(Stdio::from(writer)).spawn().unwrap());
        assert_eq!(code, Some(1), "{format}: {stderr}");
        assert!(
            stderr.contains("rows cannot be written"),
            "{format}: {stderr}"
        );
        assert_eq!(env.requests(), [""; 0], "{format}");
    }
}

#[test]
fn a_reader_that_goes_away_is_noticed_before_a_table_is_written() {
    let env = environment();
    let mut child = env.command(&["-y", "-e", &insert()]).spawn().unwrap();
    env.wait_for_requests(1);
    drop(child.stdout.take());
    let (code, _, stderr) = end(child);
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(saved(&env), created(&env));
    assert!(stderr.contains("not tried"), "{stderr}");
}

#[test]
fn a_reader_that_pauses_does_not_hold_up_a_program_that_is_to_stop() {
    // More rows than a pipe holds, none of which is read before the program has ended.
    let env = TestEnv::start(organization(0));
    env.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    let row = format!("('sa-1', '{}')", "x".repeat(500));
    let rows = vec![row; 200];
    let sql = format!(
        "INSERT INTO api_keys (spec.owner.id, spec.display_name) VALUES {}",
        rows.join(",")
    );
    let mut child = env
        .command(&["-o", "jsonl", "-y", "-e", &sql])
        .spawn()
        .unwrap();
    env.wait_for_requests(20);
    signal(&child, "TERM");
    let code = child.wait().unwrap().code();
    let (_, stdout, stderr) = end(child);
    assert_eq!(code, Some(130), "{stderr}");
    // The last line may be half a row.
    let whole = stdout.rfind('\n').map_or("", |end| &stdout[..end]);
    let all: BTreeSet<String> = ids(whole, "/secret").union(&saved(&env)).cloned().collect();
    assert_eq!(all, created(&env), "{stderr}");
    assert!(all.len() < 200);
}

#[test]
fn a_full_disk_costs_no_key_in_any_format() {
    for format in FORMATS {
        let env = environment();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = env.command(&["-o", format, "-y", "-e", &insert()]);
        let child = command.stdout(Stdio::from(full)).spawn().unwrap();
        let (code, _, stderr) = end(child);
        assert_eq!(code, Some(1), "{format}: {stderr}");
        assert_eq!(env.requests(), [""; 0], "{format}: {stderr}");
    }
}

#[test]
fn stdout_that_is_open_for_reading_only_is_found_out_first() {
    let env = environment();
    let mut command = env.command(&["-o", "jsonl", "-y", "-e", &insert()]);
    let child = command.stdout(File::open("/dev/null").unwrap()).spawn();
    let (code, _, stderr) = end(child.unwrap());
    assert_eq!(code, Some(2), "{stderr}");
    assert_eq!(
        stderr,
        "error: cannot write to `stdout`\n  caused by: it is open for reading only\n"
    );
    assert_eq!(env.requests(), [""; 0], "{stderr}");
}

#[test]
fn a_disk_that_is_nearly_full_costs_no_key_either() {
    for to in ["> disk/rows", "--output-file disk/rows"] {
        let env = environment();
        let program = env.command(&["-o", "jsonl", "-y", "-e", &insert()]);
        // Room for some of the rows.
        let script = format!("head -c 45000 /dev/zero > disk/other; \"$0\" \"$@\" {to}");
        let Some(output) = on_small_disk(&program, &script) else {
            return;
        };
        assert_eq!(output.code, Some(1), "{output:?}");
        assert!(output.stderr.contains("cannot be written"), "{output:?}");
        assert_eq!(env.requests(), [""; 0], "{to}");
    }
}

#[test]
fn an_output_file_that_cannot_be_written_is_found_out_first() {
    let env = environment();
    std::fs::write(env.work().join("file"), "no folder").unwrap();
    let output = env.iamql(&[
        "--output-file",
        "file/x.csv",
        "-o",
        "csv",
        "-y",
        "-e",
        &insert(),
    ]);
    assert!(output.error(2).contains("cannot write to `file/x.csv`"));
    assert_eq!(env.requests(), [""; 0]);
}

#[test]
fn an_output_file_with_secrets_is_for_its_owner_only() {
    let env = environment();
    let _ = env.iamql(&[
        "--output-file",
        "keys.csv",
        "-o",
        "csv",
        "-y",
        "-e",
        &insert(),
    ]);
    let path = env.work().join("keys.csv");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        std::fs::read_to_string(path).unwrap().lines().count(),
        ROWS + 1
    );
}

#[test]
fn nothing_is_created_where_secrets_could_not_be_saved() {
    let env = environment();
    std::fs::write(env.state().join("iamql"), "a file in the folder's place").unwrap();
    let error = env.iamql(&["-o", "jsonl", "-y", "-e", &insert()]).error(1);
    assert!(error.contains("secrets could not be saved in"), "{error}");
    assert!(error.contains("XDG_STATE_HOME"), "{error}");
    assert_eq!(env.requests(), [""; 0]);
    // Those who mean it get their rows all the same.
    let output = env.iamql(&[
        "-q",
        "--discard-secrets",
        "-o",
        "jsonl",
        "-y",
        "-e",
        &insert(),
    ]);
    assert_eq!(output.rows().lines().count(), ROWS);
}

/// An output that comes to grief when all rows are there.
#[derive(Default)]
struct Panicking(Collector);

#[async_trait]
impl Sink for Panicking {
    async fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        self.0.begin(schema).await
    }

    async fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.0.rows(batch).await
    }

    async fn finish(&mut self) -> Result<(), Error> {
        panic!("on purpose")
    }

    fn is_streaming(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_panic_saves_the_secrets_of_keys_that_were_created() {
    // As the program does.
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        save_undelivered();
        tell(panic);
    }));
    let (lab, unsaved, _folder) = Lab::saving().await;
    let (statement, mut sink) = (insert(), Panicking::default());
    let error = lab.run_into(&statement, &mut sink).await.unwrap_err();
    assert!(error.message.contains("on purpose"), "{}", error.message);
    let saved = ids(
        &std::fs::read_to_string(unsaved.path()).unwrap(),
        "/spec/secret",
    );
    let keys = lab.sandbox.keys().into_iter();
    let created: BTreeSet<String> = keys
        .map(|key| key["id"].as_str().unwrap().to_owned())
        .filter(|id| !id.starts_with("K00"))
        .collect();
    assert_eq!((saved.len(), &saved), (ROWS, &created));
    // None of them is held any more.
    assert!(save_undelivered().is_empty());
}

#[test]
fn secrets_that_cannot_be_saved_either_name_their_keys() {
    let env =
        TestEnv::start(organization(0).with(|config| config.latency = Duration::from_millis(500)));
    env.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    let mut command = env.command(&["-o", "jsonl", "-y", "-e", &insert()]);
    let mut child = command.spawn().unwrap();
    // The reader and the folder go away in the middle, where no check sees it.
    env.wait_for_requests(1);
    drop(child.stdout.take());
    std::fs::remove_dir_all(env.state().join("iamql")).unwrap();
    std::fs::write(env.state().join("iamql"), "a file in the folder's place").unwrap();
    let (code, _, stderr) = end(child);
    assert_eq!(code, Some(1));
    assert!(!created(&env).is_empty());
    for id in created(&env) {
        assert!(stderr.contains(&format!("'{id}'")), "{stderr}");
    }
    assert!(
        stderr.contains("DELETE FROM api_keys WHERE id IN"),
        "{stderr}"
    );
    assert!(!stderr.contains("cflt"), "{stderr}");
}

#[test]
fn the_next_start_mentions_secrets_that_wait() {
    let env = environment();
    std::fs::create_dir(env.state().join("iamql")).unwrap();
    std::fs::write(unsaved_file(&env), "{\"id\":\"K\"}\n").unwrap();
    let output = env.iamql(&["-e", "SELECT 1"]);
    assert!(
        output
            .stderr
            .contains("unsaved-secrets.jsonl` holds a secret"),
        "{output:?}"
    );
    assert_eq!(output.code, Some(0));
}

#[test]
fn a_failure_half_way_delivers_what_was_created_and_exits_with_one() {
    let env = TestEnv::start(organization(0).with(|config| config.quota = Some(9)));
    env.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    let output = env.iamql(&["-o", "jsonl", "-y", "-e", &insert()]);
    assert_eq!(output.code, Some(1));
    assert_eq!(ids(&output.stdout, "/secret"), created(&env));
    assert!(output.stderr.contains("8 keys created"), "{output:?}");
}

#[test]
fn an_output_that_goes_nowhere_is_refused_before_anything_is_created() {
    let env = environment();
    let error = env
        .iamql(&["--output-file", "/dev/null", "-y", "-e", &insert()])
        .error(1);
    assert!(error.contains("the output is discarded"), "{error}");
    assert_eq!(env.requests(), [""; 0]);
    let null = File::options().write(true).open("/dev/null").unwrap();
    let mut command = env.command(&["-o", "jsonl", "-y", "-e", &insert()]);
    let (code, _, stderr) = end(command.stdout(Stdio::from(null)).spawn().unwrap());
    assert_eq!(code, Some(1));
    assert!(stderr.contains("the output is discarded"), "{stderr}");
    assert_eq!(env.requests(), [""; 0]);
}

#[test]
fn an_output_file_keeps_its_content_until_there_is_a_result_and_opens_to_nobody() {
    let env = environment();
    let path = env.work().join("keys.csv");
    std::fs::write(&path, "precious").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let failed = env.iamql(&["--output-file", "keys.csv", "-o", "csv", "-e", "SELEC 1"]);
    assert_eq!(failed.code, Some(1));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    let _ = env.iamql(&[
        "--output-file",
        "keys.csv",
        "-o",
        "csv",
        "-y",
        "-e",
        &insert(),
    ]);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), ROWS + 1);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_reader_that_goes_away_does_not_hide_a_write_that_was_not_run() {
    let env = environment();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let sql = "SELECT 1; DELETE FROM api_keys WHERE id = 'K000'";
    let mut command = env.command(&["-o", "csv", "-e", sql]);
    let (code, _, stderr) = end(command.stdout(Stdio::from(writer)).spawn().unwrap());
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("later statements were not run"), "{stderr}");
}

#[test]
fn a_file_that_others_can_read_is_pointed_out() {
    let env = environment();
    let sql = "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')";
    for (mode, is_open) in [(0o644, true), (0o600, false)] {
        let path = env.work().join("keys.jsonl");
        std::fs::write(&path, "before\n").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let file = File::options().append(true).open(&path).unwrap();
        let mut command = env.command(&["-o", "jsonl", "-e", sql]);
        let (code, _, stderr) = end(command.stdout(Stdio::from(file)).spawn().unwrap());
        assert_eq!(code, Some(0));
        assert_eq!(stderr.contains("other users can read"), is_open, "{stderr}");
        // It is the caller's: neither emptied nor closed.
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        let found = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode);
    }
}

#[test]
fn a_second_signal_is_told_what_is_waited_for() {
    let env =
        TestEnv::start(organization(0).with(|config| config.latency = Duration::from_millis(500)));
    env.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    let child = env
        .command(&["-o", "jsonl", "-y", "-e", &insert()])
        .spawn()
        .unwrap();
    env.wait_for_requests(1);
    signal(&child, "INT");
    signal(&child, "TERM");
    let (code, stdout, stderr) = end(child);
    assert_eq!(code, Some(130), "{stderr}");
    assert!(stderr.contains("will be finished"), "{stderr}");
    assert_accounted(&env, &ids(&stdout, "/secret"), &stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_that_is_closed_loses_nothing_that_it_has_shown() {
    for format in ["table", "jsonl"] {
        let env = TestEnv::start(
            organization(0).with(|config| config.latency = Duration::from_millis(50)),
        );
        env.sandbox.insert(key("K000", "sa-1", "lkc-1"));
        std::fs::write(env.work().join("insert.sql"), insert()).unwrap();
        let args = ["--color", "never", "-o", format, "-y", "-f", "insert.sql"];
        let Some(terminal) = Terminal::start(&env.command(&args)) else {
            return;
        };
        env.wait_for_requests(12);
        terminal.close();
        assert_eq!(saved(&env), created(&env), "{format}");
        assert!(created(&env).len() < ROWS, "{format}");
    }
}
