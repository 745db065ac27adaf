//! The real program: where statements come from, where rows go, and how it ends.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::Child;
use std::time::{Duration, Instant};

use iamql::sandbox::{Action, Contract, Fault};

#[cfg(target_os = "linux")]
use crate::support::Terminal;
use crate::support::{Output, TestEnv, files, key, long_to_plan, signal};

/// Two keys, one with quotes in its name and one without a name.
fn env() -> TestEnv {
    let env = TestEnv::with_keys(0);
    let mut named = key("K001", "sa-1", "lkc-1");
    named["spec"]["display_name"] = "a \"b\", c".into();
    env.sandbox.insert(named);
    let mut unnamed = key("K002", "sa-1", "cloud");
    unnamed["spec"]["display_name"] = serde_json::Value::Null;
    env.sandbox.insert(unnamed);
    env
}

const NAMES: &str = "SELECT id, spec.display_name FROM api_keys ORDER BY id";
const OWNER: &str = "SELECT id, spec.owner FROM api_keys WHERE id = 'K001'";

#[test]
fn statements_come_from_arguments_files_and_stdin() {
    let env = env();
    let script = "-- two statements\nSELECT 1 AS n;\nSELECT 2 AS n;\n";
    std::fs::write(env.work().join("script.sql"), script).unwrap();
    let expected = "n\n1\nn\n2\n";
    for args in [
        ["-o", "csv", "-e", "SELECT 1 AS n", "-e", "SELECT 2 AS n"].as_slice(),
        &["-o", "csv", "-e", "SELECT 1 AS n; SELECT 2 AS n"],
        &["-o", "csv", "-e", script],
        &["-o", "csv", "-f", "script.sql"],
        &["-o", "csv", "-i", "script.sql"],
        &["exec", "SELECT 1 AS n; SELECT 2 AS n", "-o", "csv"],
        &["exec", "-i", "script.sql", "-o", "csv"],
    ] {
        assert_eq!(env.iamql(args).rows(), expected, "{args:?}");
    }
    for args in [
        ["-o", "csv"].as_slice(),
        &["-o", "csv", "-f", "-"],
        &["exec", "-i", "-", "--output", "csv"],
    ] {
        assert_eq!(env.iamql_reading(script, args).rows(), expected, "{args:?}");
    }
    assert_eq!(env.iamql_reading("", &[]).rows(), "");
    assert_eq!(env.iamql_reading("-- nothing\n;;", &[]).rows(), "");
    assert_eq!(env.requests(), [""; 0]);
}

#[test]
fn a_mark_of_utf_8_before_a_script_is_skipped() {
    let env = env();
    let script = "\u{feff}SELECT 1 AS n;\nSELECT bad;\n";
    std::fs::write(env.work().join("script.sql"), script).unwrap();
    std::fs::write(env.work().join("outer.sql"), "\u{feff}\\i script.sql\n").unwrap();
    for output in [
        env.iamql(&["-o", "csv", "-f", "script.sql"]),
        env.iamql_reading(script, &["-o", "csv"]),
        env.iamql_reading(script, &["shell", "-o", "csv"]),
        env.iamql_reading("\u{feff}\\i outer.sql\n", &["shell", "-o", "csv"]),
    ] {
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(1), "n\n1\n"),
            "{output:?}"
        );
        assert!(
            output.stderr.contains("2 | SELECT bad"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn commands_of_the_shell_are_refused_in_scripts_before_anything_runs() {
    let env = env();
    let script = "DELETE FROM api_keys WHERE id = 'K001';\n\\d api_keys\n";
    for output in [env.iamql_reading(script, &[]), env.iamql(&["-e", script])] {
        assert_eq!(output.code, Some(2));
        insta::allow_duplicates! {
            insta::assert_snapshot!(output.stderr, @r"
            error: line 2: `\d api_keys` is a shell command, and only SQL statements run here
            hint: `iamql shell < FILE` runs a file of both, as \i FILE does in the shell
            ");
        }
    }
    assert!(env.requests().is_empty());
}

#[test]
fn a_write_says_what_it_did_in_a_log() {
    let env = env();
    let statements = [
        "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')",
        "UPDATE api_keys SET spec.description = 'x' WHERE id = 'K001'",
        "DELETE FROM api_keys WHERE id IN ('K001', 'K002')",
        "SELECT 1 AS n",
    ];
    let mut args = vec!["-o", "csv"];
    args.extend(statements.iter().flat_map(|statement| ["-e", statement]));
    let told = env.iamql(&args).stderr;
    let told: Vec<_> = told
        .lines()
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(
        told,
        ["(1 key created", "(1 key changed", "(2 keys deleted"]
    );
    let quiet = env.iamql(&[
        "-q",
        "-e",
        "DELETE FROM api_keys WHERE spec.owner.id = 'sa-1'",
    ]);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_tab_can_be_a_delimiter_and_a_limit_a_parameter() {
    let env = env();
    let output = env.iamql(&["-o", "csv", "-d", "\\t", "-e", "SELECT 1 AS a, 2 AS b"]);
    assert_eq!(output.rows(), "a\tb\n1\t2\n");
    let limited = |value: &str| {
        let param = format!("l={value}");
        env.iamql(&[
            "-o",
            "csv",
            "-H",
            "--param",
            &param,
            "-e",
            "SELECT id FROM api_keys LIMIT $l",
        ])
    };
    assert_eq!(limited("1").rows(), "K001\n");
    assert_eq!(limited("many").code, Some(1));
}

#[test]
fn profiles_are_listed_for_completion() {
    let env = env();
    let folder = env.config().join("iamql");
    std::fs::create_dir_all(&folder).unwrap();
    assert_eq!(env.iamql(&["profiles"]).rows(), "");
    std::fs::write(folder.join("config.toml"), "[profiles.b]\n[profiles.a]\n").unwrap();
    assert_eq!(env.iamql(&["profiles"]).rows(), "a\nb\n");
}

#[test]
fn rows_are_written_in_every_format() {
    let env = env();
    let mut all = String::new();
    for format in ["table", "markdown", "line", "json", "jsonl", "csv", "tsv"] {
        for query in [NAMES, OWNER] {
            let output = env.iamql(&["-o", format, "-e", query]);
            all.push_str(&format!("{format}:\n{}\n", output.rows()));
        }
    }
    insta::assert_snapshot!(all, @r#"
    table:
    ┌──────┬───────────────────┐
    │ id   │ spec.display_name │
    ├──────┼───────────────────┤
    │ K001 │ a "b", c          │
    │ K002 │ NULL              │
    └──────┴───────────────────┘

    table:
    ┌──────┬──────────────────────────────────────────────────────────────┐
    │ id   │ spec.owner                                                   │
    ├──────┼──────────────────────────────────────────────────────────────┤
    │ K001 │ {"id":"sa-1","api_version":"iam/v2","kind":"ServiceAccount"} │
    └──────┴──────────────────────────────────────────────────────────────┘

    markdown:
    | id | spec.display_name |
    | --- | --- |
    | K001 | a "b", c |
    | K002 | NULL |

    markdown:
    | id | spec.owner |
    | --- | --- |
    | K001 | {"id":"sa-1","api_version":"iam/v2","kind":"ServiceAccount"} |

    line:
    -[ RECORD 1 ]---------------------------
    id                | K001
    spec.display_name | a "b", c
    -[ RECORD 2 ]---------------------------
    id                | K002
    spec.display_name | NULL

    line:
    -[ RECORD 1 ]---------------------------
    id         | K001
    spec.owner | {
               |   "id": "sa-1",
               |   "api_version": "iam/v2",
               |   "kind": "ServiceAccount"
               | }

    json:
    [
    {"id":"K001","spec.display_name":"a \"b\", c"},
    {"id":"K002","spec.display_name":null}
    ]

    json:
    [
    {"id":"K001","spec.owner":{"id":"sa-1","related":null,"resource_name":null,"api_version":"iam/v2","kind":"ServiceAccount"}}
    ]

    jsonl:
    {"id":"K001","spec.display_name":"a \"b\", c"}
    {"id":"K002","spec.display_name":null}

    jsonl:
    {"id":"K001","spec.owner":{"id":"sa-1","related":null,"resource_name":null,"api_version":"iam/v2","kind":"ServiceAccount"}}

    csv:
    id,spec.display_name
    K001,"a ""b"", c"
    K002,

    csv:
    id,spec.owner
    K001,"{""id"":""sa-1"",""related"":null,""resource_name"":null,""api_version"":""iam/v2"",""kind"":""ServiceAccount""}"

    tsv:
    id	spec.display_name
    K001	a "b", c
    K002	\N

    tsv:
    id	spec.owner
    K001	{"id":"sa-1","related":null,"resource_name":null,"api_version":"iam/v2","kind":"ServiceAccount"}
    "#);
}

#[test]
fn no_rows_are_still_a_result() {
    let env = env();
    let query = "SELECT id, kind FROM api_keys WHERE false";
    let of = |format: &str| env.iamql(&["-o", format, "-e", query]).rows().to_owned();
    assert_eq!(of("json"), "[]\n");
    assert_eq!(of("jsonl"), "");
    assert_eq!(of("csv"), "id,kind\n");
    assert_eq!(of("tsv"), "id\tkind\n");
    assert_eq!(of("line"), "");
    insta::assert_snapshot!(of("table"), @r"
    ┌────┬──────┐
    │ id │ kind │
    ├────┼──────┤
    └────┴──────┘
    ");
    insta::assert_snapshot!(of("markdown"), @r"
    | id | kind |
    | --- | --- |
    ");
}

#[test]
fn the_line_of_names_can_be_left_out() {
    let env = env();
    for flag in ["--no-header", "-H", "--hideheaders"] {
        let output = env.iamql(&["-o", "csv", flag, "-e", NAMES]);
        assert_eq!(output.rows(), "K001,\"a \"\"b\"\", c\"\nK002,\n");
    }
}

#[test]
fn rows_go_to_a_file_that_only_its_owner_reads() {
    let env = env();
    for args in [
        ["-o", "jsonl", "--output-file", "rows", "-e", OWNER].as_slice(),
        &["exec", OWNER, "-o", "jsonl", "-f", "rows"],
    ] {
        assert_eq!(env.iamql(args).rows(), "");
        let path = env.work().join("rows");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\"id\":\"K001\","), "{text}");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn warnings_go_to_stderr_even_if_quiet() {
    let env = env();
    let query = "SELECT id FROM api_keys WHERE id IN ('K001', 'GONE')";
    for args in [
        ["-o", "csv", "-e", query].as_slice(),
        &["-q", "-o", "csv", "-e", query],
    ] {
        let output = env.iamql(args);
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(0), "id\nK001\n")
        );
        assert!(output.stderr.starts_with("warning: key `GONE` is left out"));
        assert_eq!(output.stderr.lines().count(), 1);
    }
}

#[test]
fn a_script_stops_at_its_first_failure() {
    let env = env();
    std::fs::write(
        env.work().join("script.sql"),
        "SELECT 1 AS n;\nSELECT\n  bogus\nFROM api_keys;\nSELECT 3 AS n;\n",
    )
    .unwrap();
    let output = env.iamql(&["-o", "csv", "-f", "script.sql"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), "n\n1\n"));
    insta::assert_snapshot!(output.stderr, @r"
    error: no column `bogus`
      |
    3 |   bogus
      |   ^^^^^
    hint: columns here: id, _spec, api_version, kind, metadata, spec
    ");
    let output = env.iamql(&[
        "-o",
        "csv",
        "-e",
        "SELECT 1 AS n",
        "-e",
        "SELEC",
        "-e",
        "SELECT 3",
    ]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), "n\n1\n"));
    let output = env.iamql(&["-o", "csv", "-e", "SELECT 1 AS n; SELECT 'open"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), "n\n1\n"));
}

#[test]
fn a_listing_that_fails_leaves_its_array_open() {
    let env = TestEnv::with_keys(250);
    env.sandbox.set_faults(vec![Fault::status(400).on_page(2)]);
    let output = env.iamql(&["-o", "json", "-e", "SELECT id FROM api_keys"]);
    assert_eq!(output.code, Some(1));
    assert!(serde_json::from_str::<serde_json::Value>(&output.stdout).is_err());
    assert!(output.stderr.contains("answered 400"), "{}", output.stderr);
}

/// Runs the program, reads one line of its output and closes the pipe; returns how it ended, and what it said.
fn left_after_one_line(env: &TestEnv, args: &[&str]) -> (Option<i32>, String) {
    let mut child = env.command(args).spawn().unwrap();
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let env = TestEnv::with_keys(2_000);
    for format in ["jsonl", "csv", "json", "table", "line"] {
        let args = ["-o", format, "-e", "SELECT * FROM api_keys"];
        let (code, stderr) = left_after_one_line(&env, &args);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{format}");
    }
}

#[test]
fn a_reader_that_goes_away_is_an_error_if_a_change_has_not_been_made() {
    let env = TestEnv::with_keys(2_000);
    for (rest, code) in [
        ("SELECT 1", 0),
        ("SHOW PROVIDERS", 0),
        ("SHOW TABLES IN iam", 0),
        ("DESCRIBE api_keys", 0),
        ("SLEEP 1", 0),
        ("EXEC api_keys.get_iam_v2api_key @id = 'x'", 0),
        ("EXPLAIN DELETE FROM api_keys WHERE id = 'x'", 0),
        ("EXEC api_keys.delete_iam_v2api_key @id = 'x'", 1),
        ("DELETE FROM api_keys WHERE id = 'x'", 1),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1", 1),
    ] {
        let script = format!("SELECT * FROM api_keys; {rest}");
        let (ended, stderr) = left_after_one_line(&env, &["-o", "csv", "-e", &script]);
        assert_eq!(ended, Some(code), "{rest}\n{stderr}");
        assert_eq!(
            stderr.contains("were not run"),
            code == 1,
            "{rest}\n{stderr}"
        );
    }
}

#[test]
fn a_page_is_delivered_before_the_next_one_is_there() {
    for format in ["csv", "tsv", "jsonl", "json"] {
        let env = TestEnv::with_keys(250);
        env.sandbox
            .set_faults(vec![Fault::new(Action::Stall).on_page(2)]);
        let mut child = env
            .command(&["-H", "-o", format, "-e", "SELECT id FROM api_keys"])
            .spawn()
            .unwrap();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let mut rows = 0;
        while rows < 100 {
            let mut bytes = Vec::new();
            let end = if format == "json" { b'}' } else { b'\n' };
            assert!(reader.read_until(end, &mut bytes).unwrap() > 0, "{format}");
            rows += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Sends `child` the signal `name`, which interrupts it.
#[track_caller]
fn assert_is_interrupted(mut child: Child, name: &str) {
    signal(&child, name);
    let mut stderr = String::new();
    let _ = child.stderr.take().unwrap().read_to_string(&mut stderr);
    assert_eq!(child.wait().unwrap().code(), Some(130), "{name}");
    assert_eq!(stderr, "error: interrupted\n", "{name}");
}

#[test]
fn an_interrupt_ends_a_slow_listing() {
    for name in ["INT", "TERM", "HUP"] {
        let env = TestEnv::with_keys(250);
        env.sandbox
            .set_faults(vec![Fault::new(Action::Stall).on_page(2)]);
        let child = env
            .command(&["-o", "csv", "-e", "SELECT id FROM api_keys"])
            .spawn()
            .unwrap();
        env.wait_for_requests(2);
        assert_is_interrupted(child, name);
    }
}

#[test]
fn an_interrupt_ends_planning() {
    for name in ["INT", "TERM", "HUP"] {
        let env = TestEnv::with_keys(1);
        let script = format!("SELECT 'begun'; {}", long_to_plan());
        let mut child = env
            .command(&["-q", "--no-header", "-o", "csv", "-e", &script])
            .spawn()
            .unwrap();
        let mut begun = [0; 6];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut begun)
            .unwrap();
        std::thread::sleep(Duration::from_millis(200));
        let sent = Instant::now();
        assert_is_interrupted(child, name);
        assert!(sent.elapsed() < Duration::from_secs(10), "{name}");
    }
}

#[test]
fn planning_takes_no_longer_than_the_timeout() {
    let env = TestEnv::with_keys(1);
    for statement in [
        long_to_plan(),
        long_to_plan().replace("SELECT", "DELETE FROM api_keys WHERE id ="),
        format!("INSERT INTO api_keys (spec.owner.id) {}", long_to_plan()),
    ] {
        let error = env.iamql(&["--timeout", "1", "-e", &statement]).error(1);
        assert!(error.contains("longer than 1 s to plan"), "{error}");
        assert!(error.contains("--timeout"), "{error}");
    }
    assert_eq!(env.requests(), [""; 0]);
}

#[test]
fn the_sandbox_needs_no_account() {
    let env = env();
    let run = |sql: &str| {
        let command = env
            .command_without_credentials(&["--sandbox", "-o", "csv", "-e", sql])
            .spawn();
        Output::of(command.unwrap())
    };
    assert_eq!(run("SELECT count(*) AS n FROM api_keys").rows(), "n\n250\n");
    assert_eq!(env.requests(), [""; 0]);
}

#[test]
fn verbose_shows_requests_and_no_secret() {
    let env = env();
    let (_, secret) = env.sandbox.credentials();
    for flag in ["-v", "-vv"] {
        let output = env.iamql(&[
            flag,
            "-o",
            "csv",
            "-e",
            "SELECT id FROM api_keys WHERE id = 'K001'",
        ]);
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(0), "id\nK001\n")
        );
        assert!(
            output.stderr.contains("/iam/v2/api-keys/K001"),
            "{}",
            output.stderr
        );
        assert!(!output.stderr.contains(secret), "{}", output.stderr);
    }
}

#[test]
fn stdout_holds_rows_and_nothing_else() {
    let env = env();
    let output = env.iamql(&[
        "-e",
        "CREATE VIEW v AS SELECT id FROM api_keys; SET datafusion.execution.batch_size = 10",
    ]);
    assert_eq!(output.rows(), "");
    let colored = env.iamql(&["--color", "never", "-e", "SELECT bogus FROM api_keys"]);
    assert!(!colored.error(1).contains('\x1b'));
    let colored = env.iamql(&["--color", "always", "-e", "SELECT bogus FROM api_keys"]);
    assert!(colored.error(1).contains('\x1b'));
}

/// What a person may have pasted.
const PASTED: &str = "\u{1b}[31mx\u{9b}32m\u{7}\u{202e}y";

#[test]
fn errors_of_the_command_line_repeat_nothing_that_acts_on_a_terminal() {
    let env = env();
    let option = format!("--{PASTED}");
    let assigned = format!("--output={PASTED}");
    let options = [
        "--output",
        "--color",
        "--concurrency",
        "--timeout",
        "--memory-limit",
        "--max-affected",
        "--delimiter",
        "--dialect",
        "--param",
        "--auth",
        "--profile",
        "--endpoint",
        "--ca-cert",
        "--file",
    ];
    let statement = ["-e", "SELECT id FROM api_keys"];
    let mut lines: Vec<Vec<&str>> = options
        .iter()
        .map(|option| [&[*option, PASTED][..], &statement].concat())
        .collect();
    lines.extend([
        vec![PASTED],
        vec![&option],
        vec![&assigned],
        vec!["--quiet", &option, "x"],
        vec!["help", PASTED],
        vec!["man", PASTED],
        vec!["completions", PASTED],
        vec!["exec", &option],
        vec!["mcp", PASTED],
        vec!["sandbox", "--keys", PASTED],
        vec!["sandbox", "--fault", PASTED],
        vec!["sandbox", "--contract", PASTED],
    ]);
    for line in lines {
        for color in ["auto", "never"] {
            let output = env.iamql(&[&["--color", color], &line[..]].concat());
            assert!(matches!(output.code, Some(1 | 2)), "{line:?}: {output:?}");
            let acts = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
            assert!(!output.stderr.contains(acts), "{line:?}: {output:?}");
            assert!(output.stderr.starts_with("error: "), "{line:?}: {output:?}");
            assert_eq!(output.stdout, "", "{line:?}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn help_and_errors_of_the_command_line_obey_color_at_a_terminal() {
    let env = env();
    for (args, last) in [
        (&["--help"][..], "Base URL of the service"),
        (&["-h"], "Base URL of the service"),
        (&["sandbox", "--help"], "Print help"),
        (&["--output", "x"], "try '--help'"),
        (&["bogus"], "try '--help'"),
        (&["--bogus"], "try '--help'"),
        (&["--outptu", "csv"], "\n"),
    ] {
        for color in [&["--color", "never"][..], &["--color=never"]] {
            let mut command = env.command(&[color, args].concat());
            command.env("CLICOLOR_FORCE", "1").env("FORCE_COLOR", "1");
            let Some(mut terminal) = Terminal::start(&command) else {
                return;
            };
            let shown = terminal.wait_for(last);
            assert!(!shown.contains('\u{1b}'), "{args:?}: {shown:?}");
        }
    }
}

#[test]
fn nothing_is_left_behind() {
    let env = env();
    let output = env.iamql(&["-o", "csv", "-e", NAMES]);
    assert_eq!(output.rows().lines().count(), 3);
    assert_eq!(files(&env.work()), [""; 0]);
    assert_eq!(files(&env.state()), [""; 0]);
    assert_eq!(files(&env.config()), [""; 0]);
}

#[test]
fn the_served_sandbox_says_how_to_reach_it() {
    let env = env();
    for contract in Contract::ALL {
        let args = [
            "sandbox",
            "--port",
            "0",
            "--keys",
            "3",
            "--contract",
            contract.number(),
        ];
        let mut child = env.command_without_credentials(&args).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        assert!(
            first.ends_with(&format!("(contract {contract})")),
            "{first}"
        );
        let mut variables = Vec::new();
        while variables.len() < 4 {
            let line = lines.next().unwrap().unwrap();
            if let Some((name, value)) =
                line.strip_prefix("export ").and_then(|l| l.split_once('='))
            {
                variables.push((name.to_owned(), value.trim_matches('\'').to_owned()));
            }
        }
        // The API key with its secret, or the token, in place of them.
        for credentials in [1..3, 3..4] {
            let count = "SELECT count(*) AS n FROM api_keys";
            let count = env
                .command_without_credentials(&["-o", "csv", "-e", count])
                .envs(
                    variables[..1]
                        .iter()
                        .chain(&variables[credentials])
                        .cloned(),
                )
                .spawn();
            assert_eq!(Output::of(count.unwrap()).rows(), "n\n3\n");
        }
        signal(&child, "TERM");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let unknown = env.iamql(&["sandbox", "--contract", "0.6"]);
    assert!(unknown.error(2).contains("[possible values: 0.4, 0.5]"));
}
