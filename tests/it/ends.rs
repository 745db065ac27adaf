//! Statements that would never end: a signal, a limit, or a bound ends each of them.

#![cfg(target_os = "linux")]

use std::process::Child;
use std::time::{Duration, Instant};

use crate::support::{Lab, Output, TestEnv, signal};

/// How long an end may take here, where other tests keep the processors busy.
const SOON: Duration = Duration::from_secs(20);

/// A join that never gives way.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b, generate_series(1, 1000) c";

/// A read and a write that wait for the other end of a pipe.
const WAITING: [&str; 2] = ["SELECT * FROM 'p.csv'", "COPY (SELECT 1 AS x) TO 'p.csv'"];

/// An environment with a pipe that nobody has opened.
fn with_pipe() -> TestEnv {
    let env = TestEnv::with_keys(1);
    let pipe = env.work().join("p.csv");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    env
}

/// Runs `sql` behind a statement that shows when it begins.
fn begun(env: &TestEnv, args: &[&str], sql: &str) -> Child {
    use std::io::{BufRead, BufReader};
    let mut all = vec![
        "-q",
        "--no-header",
        "-o",
        "csv",
        "-e",
        "SELECT 'begun'",
        "-e",
        sql,
    ];
    all.extend(args);
    let mut child = env.command(&all).spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "begun\n");
    child.stdout = Some(stdout.into_inner());
    child
}

#[test]
fn a_signal_ends_what_never_gives_way() {
    for name in ["INT", "TERM"] {
        let env = TestEnv::with_keys(1);
        let child = begun(&env, &[], ENDLESS);
        let started = Instant::now();
        signal(&child, name);
        let output = Output::of(child);
        assert_eq!(output.code, Some(130));
        assert_eq!(output.stderr, "error: interrupted\n");
        assert!(started.elapsed() < SOON);
    }
}

#[test]
fn a_signal_ends_a_wait_for_a_pipe() {
    for sql in WAITING {
        let env = with_pipe();
        let child = begun(&env, &[], sql);
        let started = Instant::now();
        signal(&child, "INT");
        assert_eq!(Output::of(child).code, Some(130), "{sql}");
        assert!(started.elapsed() < SOON, "{sql}");
    }
}

#[test]
fn a_limit_ends_what_never_gives_way() {
    let env = TestEnv::with_keys(1);
    let started = Instant::now();
    let output = Output::of(begun(&env, &["--timeout", "1"], ENDLESS));
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("no progress for 1 s"), "{output:?}");
    assert!(started.elapsed() < SOON);
}

#[test]
fn a_limit_ends_a_wait_for_a_pipe() {
    for sql in WAITING {
        let env = with_pipe();
        let started = Instant::now();
        let output = Output::of(begun(&env, &["--timeout", "1"], sql));
        assert_eq!(output.code, Some(1), "{sql}: {output:?}");
        assert!(output.stderr.contains("--timeout"), "{sql}: {output:?}");
        assert!(started.elapsed() < SOON, "{sql}");
    }
}

#[tokio::test]
async fn a_recursion_without_an_end_is_an_error() {
    let lab = Lab::with_keys(0).await;
    // It doubles with every round.
    let error = lab
        .fail("WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x FROM t, (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) d) SELECT count(*) FROM t")
        .await;
    assert!(
        error.contains("the recursive query `t` has not ended after 1000000 rows"),
        "{error}"
    );
}
