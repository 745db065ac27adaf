//! `--output-file`: what was there is there until the run has succeeded, and secrets of new keys outlast every end.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use crate::support::{TestEnv, files, key};

/// Creates three keys, one after another.
const INSERT: &str = "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1'), ('sa-1'), ('sa-1')";

/// Runs `sql` with its rows in `keys.jsonl`.
fn into_file(sql: &str) -> Vec<&str> {
    let flags = ["-o", "jsonl", "--concurrency", "1", "--output-file"];
    [flags.as_slice(), &["keys.jsonl", "-e", sql]].concat()
}

fn environment(faults: &[&str]) -> TestEnv {
    let env = TestEnv::with_keys(250);
    // The owner of the new keys.
    env.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    let faults = faults.iter().map(|fault| fault.parse().unwrap());
    env.sandbox.set_faults(faults.collect());
    env
}

#[test]
fn what_was_there_survives_a_run_that_fails() {
    for sql in [
        "SELECT id FROM api_keys",
        "SELECT 1; SELECT id FROM api_keys",
        "SELECT id, 1 / (length(id) - length(id)) FROM api_keys",
        "SELECT nothing",
    ] {
        let env = environment(&["page=3:400"]);
        let path = env.work().join("keys.jsonl");
        fs::write(&path, "precious").unwrap();
        assert_eq!(env.iamql(&into_file(sql)).code, Some(1), "{sql}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious", "{sql}");
        fs::remove_file(&path).unwrap();
        assert_eq!(env.iamql(&into_file(sql)).code, Some(1), "{sql}");
        assert_eq!(files(&env.work()), [""; 0], "{sql}");
    }
}

#[test]
fn a_run_that_succeeds_replaces_the_file_behind_a_link_and_keeps_its_mode() {
    let env = environment(&[]);
    let (path, link) = (env.work().join("rows"), env.work().join("keys.jsonl"));
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("rows", &link).unwrap();
    let run = env.iamql(&into_file("SELECT 1 AS a; SELECT 2 AS a"));
    assert_eq!(run.rows(), "");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn an_insert_that_fails_loses_neither_what_was_there_nor_what_it_has_created() {
    let env = environment(&["nth=3:400"]);
    let path = env.work().join("keys.jsonl");
    fs::write(&path, "{\"secret\":\"of an earlier run\"}\n").unwrap();
    let failed = env.iamql(&into_file(INSERT));
    assert_eq!(failed.code, Some(1));
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "{\"secret\":\"of an earlier run\"}\n"
    );
    let beside = env.work().join("keys.jsonl.unfinished");
    let rows = fs::read_to_string(&beside).unwrap();
    assert_eq!(rows.matches("\"secret\":\"").count(), 2, "{rows}");
    assert_eq!(
        fs::metadata(&beside).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(
        failed.stderr.contains("keys.jsonl.unfinished`"),
        "{failed:?}"
    );
    // Later runs tell of it, and leave it alone.
    env.sandbox.set_faults(Vec::new());
    let next = env.iamql(&into_file(INSERT));
    assert_eq!(next.code, Some(0));
    assert!(next.stderr.contains("keys.jsonl.unfinished`"), "{next:?}");
    assert_eq!(fs::read_to_string(&beside).unwrap(), rows);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
}

#[test]
fn secrets_never_replace_what_may_be_secrets_too() {
    let env = environment(&[]);
    let read = |name: &str| fs::read_to_string(env.work().join(name)).unwrap();
    let first = env.iamql(&into_file(INSERT));
    assert_eq!(
        (first.code, first.stderr.contains("earlier")),
        (Some(0), false),
        "{first:?}"
    );
    let before = read("keys.jsonl");
    for name in ["keys.jsonl.earlier", "keys.jsonl.earlier-2"] {
        let held = read("keys.jsonl");
        let next = env.iamql(&into_file(INSERT));
        assert_eq!(next.code, Some(0), "{next:?}");
        assert!(
            next.stderr.contains(&format!(
                "what was in it before is in `{}`",
                env.work().join(name).display()
            )),
            "{next:?}"
        );
        assert_eq!(read(name), held);
    }
    assert_eq!(read("keys.jsonl.earlier"), before);
    // Rows that can be read again may be replaced.
    assert_eq!(env.iamql(&into_file("SELECT 1")).code, Some(0));
    assert_eq!(files(&env.work()).len(), 3);
}

#[test]
fn a_run_that_fails_tells_where_the_secrets_of_its_keys_are() {
    let env = environment(&[]);
    let failed = env.iamql(&[&into_file(INSERT)[..], &["-e", "SELECT 1/0"]].concat());
    assert_eq!(failed.code, Some(1));
    let told = "note: the rows with the secrets of new keys are in `";
    assert!(failed.stderr.contains(told), "{failed:?}");
}

#[test]
fn an_insert_that_creates_nothing_leaves_no_file() {
    let env = environment(&["post:400"]);
    for format in ["jsonl", "csv"] {
        let failed = env.iamql(&["-o", format, "--output-file", "new", "-e", INSERT]);
        assert_eq!(failed.code, Some(1));
        assert!(!failed.stderr.contains("unfinished"), "{failed:?}");
        assert_eq!(files(&env.work()), [""; 0], "{format}");
    }
}

#[test]
fn rows_of_an_insert_are_in_the_file_as_soon_as_they_exist_even_if_the_program_is_killed() {
    for (was_there, place) in [
        (None, "keys.jsonl"),
        (Some("old\n"), "keys.jsonl.unfinished"),
    ] {
        let env = environment(&["nth=3:stall"]);
        if let Some(text) = was_there {
            fs::write(env.work().join("keys.jsonl"), text).unwrap();
        }
        let mut child = env.command(&into_file(INSERT)).spawn().unwrap();
        env.wait_for_requests(3);
        let deadline = Instant::now() + Duration::from_secs(60);
        let written = || fs::read_to_string(env.work().join(place)).unwrap_or_default();
        while written().lines().count() < 2 {
            assert!(Instant::now() < deadline, "{}", written());
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(written().matches("\"secret\":\"").count(), 2);
        if let Some(text) = was_there {
            let kept = fs::read_to_string(env.work().join("keys.jsonl")).unwrap();
            assert_eq!(kept, text);
            let next = env.iamql(&into_file("SELECT 1"));
            assert!(next.stderr.contains("keys.jsonl.unfinished`"), "{next:?}");
        }
    }
}

#[test]
fn the_file_of_undelivered_secrets_is_never_an_output() {
    let env = environment(&[]);
    let folder = env.state().join("iamql");
    fs::create_dir(&folder).unwrap();
    let precious = folder.join("unsaved-secrets.jsonl");
    fs::write(&precious, "{\"id\":\"A\"}\n").unwrap();
    symlink(&precious, env.work().join("link.jsonl")).unwrap();
    fs::hard_link(&precious, env.work().join("hard.jsonl")).unwrap();
    for name in [
        precious.to_str().unwrap(),
        "../state/iamql/unsaved-secrets.jsonl",
        "../state/./iamql/../iamql/unsaved-secrets.jsonl",
        "link.jsonl",
        "hard.jsonl",
    ] {
        let run = env.iamql(&["-q", "--output-file", name, "-e", "SELECT 1"]);
        assert_eq!(run.code, Some(2), "{name}");
        assert!(run.stderr.contains("undelivered secrets"), "{run:?}");
        let copy = format!("COPY (SELECT 1) TO '{name}' STORED AS JSON");
        let run = env.iamql(&["-q", "-e", &copy]);
        assert_eq!(run.code, Some(1), "{name}");
        assert!(run.stderr.contains("undelivered secrets"), "{run:?}");
    }
    let folder = format!(
        "COPY (SELECT 1) TO '{}/' STORED AS JSON OPTIONS (overwrite true)",
        folder.display()
    );
    assert_eq!(env.iamql(&["-q", "-e", &folder]).code, Some(1));
    assert_eq!(fs::read_to_string(&precious).unwrap(), "{\"id\":\"A\"}\n");
}

#[test]
fn a_name_that_names_no_format_is_told() {
    let env = environment(&[]);
    let run = |name: &str, args: &[&str]| {
        let args = [args, &["--output-file", name, "-e", "SELECT 1 AS a"]].concat();
        env.iamql(&args)
    };
    for name in ["w.csv.gz", "w.JSONL.zst"] {
        let refused = run(name, &[]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(
            refused
                .stderr
                .starts_with("error: --output-file does not compress"),
            "{refused:?}"
        );
        assert!(!env.work().join(name).exists());
    }
    let told = run("w.zzz", &[]);
    assert_eq!(told.code, Some(0));
    assert_eq!(
        told.stderr,
        "warning: `w.zzz` has no known extension, so a table is written; choose a format with -o\n"
    );
    for (name, args) in [
        ("w.csv", &[][..]),
        ("w.txt", &[]),
        ("w", &[]),
        ("w.csv.gz", &["-o", "csv"]),
        ("w.zzz", &["-o", "table"]),
    ] {
        let run = run(name, args);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{name}");
    }
}

#[test]
fn a_delimiter_that_is_not_used_is_told() {
    let env = environment(&[]);
    let stderr = |args: &[&str]| env.iamql(&[&["-d", "|"], args].concat()).stderr;
    assert_eq!(
        stderr(&["-e", "SELECT 1"]),
        "warning: --delimiter is for csv and tsv, and the rows are written as table\n"
    );
    for args in [
        &["-o", "csv", "-e", "SELECT 1"][..],
        &["-o", "tsv", "-e", "SELECT 1"],
        &["-e", "COPY (SELECT 1) TO STDOUT STORED AS CSV"],
    ] {
        assert_eq!(stderr(args), "", "{args:?}");
    }
}

#[test]
fn what_went_into_a_local_file_or_table_is_told() {
    let env = environment(&[]);
    let stderr = |sql: &str, args: &[&str]| env.iamql(&[args, &["-e", sql]].concat()).stderr;
    let copy = "COPY (SELECT * FROM generate_series(1, 3)) TO 'x.csv'";
    let told = stderr(copy, &[]);
    assert!(told.starts_with("(3 rows written, "), "{told}");
    let insert = "CREATE TABLE t (a INT); INSERT INTO t VALUES (1)";
    let told = stderr(insert, &[]);
    assert!(told.starts_with("(1 row inserted, "), "{told}");
    assert_eq!(stderr(copy, &["-q"]), "");
}

#[test]
fn stdout_and_pipes_are_written_to_as_they_are() {
    let env = environment(&[]);
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let run = env.iamql(&["-o", "jsonl", "--output-file", name, "-e", "SELECT 1 AS a"]);
        assert_eq!(run.rows(), "{\"a\":1}\n", "{name}");
    }
    let pipe = env.work().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    let run = env.iamql(&[
        "-o",
        "jsonl",
        "--output-file",
        "pipe",
        "-e",
        "SELECT 1 AS a",
    ]);
    assert_eq!(run.rows(), "");
    assert_eq!(reader.join().unwrap(), "{\"a\":1}\n");
    assert_eq!(files(&env.work()), ["pipe"]);
}

#[test]
fn a_file_that_may_not_be_grown_is_as_it_was() {
    let env = environment(&[]);
    let path = env.work().join("keys.jsonl");
    fs::write(&path, "old").unwrap();
    for sql in [
        "SELECT repeat('x', 1000000) AS x",
        "COPY (SELECT repeat('x', 1000000) AS x) TO 'keys.jsonl' STORED AS JSON",
    ] {
        let program = env.command(&into_file(sql));
        let mut limited = std::process::Command::new("sh");
        // The signal would end the program; ignored, the write fails as on a full disk.
        limited
            .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""])
            .arg(program.get_program())
            .args(program.get_args())
            .current_dir(env.work())
            .env_clear()
            .envs(
                program
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let run = crate::support::Output::of(limited.spawn().unwrap());
        assert_eq!(run.code, Some(1), "{sql}: {run:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old", "{sql}");
        assert_eq!(files(&env.work()), ["keys.jsonl"], "{sql}");
    }
}

#[test]
fn a_file_that_is_written_in_place_is_as_it_was_if_the_disk_is_full() {
    let env = environment(&[]);
    for sql in [
        "SELECT repeat('x', 50000) AS x",
        "COPY (SELECT repeat('x', 50000) AS x) TO 'keys.jsonl' STORED AS JSON",
    ] {
        fs::write(env.work().join("keys.jsonl"), "").unwrap();
        // What is mounted cannot be replaced. The new file fits on the disk of its folder, and not on the small one.
        let script = "head -c 20000 /dev/zero > disk/other; yes old | head -c 20000 > disk/keys; cp disk/keys before; \
                      touch keys.jsonl; mount --bind disk/keys keys.jsonl; \
                      code=0; \"$0\" \"$@\" || code=$?; cmp keys.jsonl before; rm before; exit $code";
        let Some(run) = crate::support::on_small_disk(&env.command(&into_file(sql)), script) else {
            return;
        };
        assert_eq!(run.code, Some(1), "{sql}: {run:?}");
        assert_eq!(run.stdout, "", "{sql}");
        assert!(run.stderr.contains("cannot write to"), "{sql}: {run:?}");
        assert_eq!(
            files(&env.work()).len(),
            2,
            "{sql}: only the file and the disk"
        );
    }
}

/// Where secrets are saved that could not be delivered.
fn rescued(env: &TestEnv) -> String {
    fs::read_to_string(env.state().join("iamql/unsaved-secrets.jsonl")).unwrap_or_default()
}

/// What happens to files in the folder in which the program runs.
type Change = fn(&std::path::Path);

#[test]
fn a_file_that_is_gone_while_keys_are_created_loses_no_secret() {
    let changes: [(&str, Option<&str>, Change); 5] = [
        ("keys.jsonl", None, |work| {
            fs::remove_file(work.join("keys.jsonl")).unwrap();
        }),
        ("keys.jsonl", None, |work| {
            fs::rename(work.join("keys.jsonl"), work.join("moved")).unwrap();
            fs::write(work.join("keys.jsonl"), "other").unwrap();
        }),
        ("keys.jsonl", Some("old"), |work| {
            fs::remove_file(work.join("keys.jsonl.unfinished")).unwrap();
        }),
        ("d/keys.csv", None, |work| {
            fs::remove_dir_all(work.join("d")).unwrap()
        }),
        ("d/keys.csv", None, |work| {
            fs::rename(work.join("d"), work.join("e")).unwrap()
        }),
    ];
    for (position, (name, was_there, change)) in changes.into_iter().enumerate() {
        // While a row is awaited, and between the last row and the end of the run.
        for (fault, sql, requests) in [
            ("post,nth=3,times=1:429,retry-after=1", INSERT.to_owned(), 3),
            (
                "get,times=1:429,retry-after=1",
                format!("{INSERT}; SELECT id FROM api_keys LIMIT 1"),
                4,
            ),
        ] {
            let env = environment(&[fault]);
            fs::create_dir(env.work().join("d")).unwrap();
            if let Some(text) = was_there {
                fs::write(env.work().join(name), text).unwrap();
            }
            let ids = || {
                env.sandbox
                    .keys()
                    .into_iter()
                    .map(|key| key["id"].to_string())
            };
            let before: Vec<String> = ids().collect();
            let args = ["--concurrency", "1", "--output-file", name, "-e", &sql];
            let child = env.command(&args).spawn().unwrap();
            env.wait_for_requests(requests);
            change(&env.work());
            let run = crate::support::Output::of(child);
            let case = format!("{position} {fault}: {run:?}");
            assert_eq!(run.code, Some(1), "{case}");
            assert!(run.stderr.contains("was removed or replaced"), "{case}");
            assert!(run.stderr.contains("unsaved-secrets.jsonl`"), "{case}");
            assert!(
                !run.stderr.contains("secrets of new keys are in `keys"),
                "{case}"
            );
            let saved = rescued(&env);
            let new: Vec<String> = ids().filter(|id| !before.contains(id)).collect();
            assert_eq!(new.len(), 3, "{case}");
            for id in &new {
                let lines = saved
                    .lines()
                    .filter(|line| line.contains(id.trim_matches('"')));
                assert_eq!(lines.count(), 1, "{case}\n{saved}");
            }
        }
    }
}

#[test]
fn a_file_that_another_run_writes_secrets_to_is_neither_replaced_nor_called_abandoned() {
    for was_there in [None, Some("old")] {
        let env = environment(&["post,nth=3,times=1:429,retry-after=3"]);
        if let Some(text) = was_there {
            fs::write(env.work().join("keys.jsonl"), text).unwrap();
        }
        let child = env.command(&into_file(INSERT)).spawn().unwrap();
        env.wait_for_requests(3);
        let second = env.iamql(&into_file("SELECT 1"));
        assert!(!second.stderr.contains("did not finish"), "{second:?}");
        match was_there {
            // It is replaced when the other run ends, as if they had run one after the other.
            Some(_) => assert!(
                second.stderr.contains("being written by another run"),
                "{second:?}"
            ),
            None => {
                let copy = "COPY (SELECT 1) TO 'keys.jsonl' STORED AS JSON";
                for run in [second, env.iamql(&["-e", copy])] {
                    assert_eq!(run.code, Some(1), "{run:?}");
                    assert!(run.stderr.contains("are being written to it"), "{run:?}");
                }
            }
        }
        let first = crate::support::Output::of(child);
        assert_eq!(first.code, Some(0), "{first:?}");
        let rows = fs::read_to_string(env.work().join("keys.jsonl")).unwrap();
        assert_eq!(rows.matches("\"secret\":\"").count(), 3, "{rows}");
        assert_eq!(rescued(&env), "");
    }
}
