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

/// More rows than a pipe holds.
const MANY: &str = "SELECT * FROM generate_series(1, 100000)";

#[test]
fn a_signal_and_a_limit_end_a_wait_for_a_reader_that_does_not_read() {
    let env = TestEnv::with_keys(1);
    let started = Instant::now();
    let mut child = begun(&env, &["--timeout", "1"], MANY);
    let unread = child.stdout.take();
    let output = Output::of(child);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output
            .stderr
            .contains("the reader took no data for 1 s (--timeout)"),
        "{output:?}"
    );
    drop(unread);
    for name in ["INT", "TERM"] {
        let mut child = begun(&env, &[], MANY);
        let unread = child.stdout.take();
        signal(&child, name);
        let output = Output::of(child);
        assert_eq!(output.code, Some(130), "{output:?}");
        assert_eq!(output.stderr, "error: interrupted\n");
        drop(unread);
    }
    assert!(started.elapsed() < SOON);
}

/// The endpoint of a service that answers with interim answers alone, one after another, and what tells of requests.
fn endless() -> (String, std::sync::mpsc::Receiver<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let tell = tell.clone();
            std::thread::spawn(move || {
                // What comes before the request would break the connection.
                let _ = std::io::Read::read(&mut stream, &mut [0; 1024]);
                let interim = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000);
                let mut send = || std::io::Write::write_all(&mut stream, &interim);
                if send().is_ok() {
                    let _ = tell.send(());
                }
                while send().is_ok() {}
            });
        }
    });
    (endpoint, told)
}

#[test]
fn a_signal_and_a_limit_end_a_request_whose_answer_never_begins() {
    let env = TestEnv::with_keys(1);
    let (endpoint, asked) = endless();
    let started = Instant::now();
    for name in ["INT", "TERM"] {
        let child = begun(&env, &["--endpoint", &endpoint], "SELECT id FROM api_keys");
        asked.recv().unwrap();
        signal(&child, name);
        let output = Output::of(child);
        assert_eq!(output.code, Some(130), "{output:?}");
        assert_eq!(output.stderr, "error: interrupted\n");
    }
    let limit = ["--endpoint", &endpoint, "--timeout", "1"];
    let output = Output::of(begun(&env, &limit, "SELECT id FROM api_keys"));
    assert_eq!(output.code, Some(1), "{output:?}");
    // The connection keeps the thread busy that would say which request it was.
    assert!(
        output.stderr.contains("no progress for 1 s") || output.stderr.contains("timed out"),
        "{output:?}"
    );
    assert!(started.elapsed() < SOON);
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
