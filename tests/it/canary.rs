//! No secret shows: every path is driven with secrets that are easy to find, and all that comes out is searched.
//!
//! Where the secret of a new key belongs, in the rows of its INSERT and in the file of those that could not be
//! delivered, it is taken from; the credentials of the session belong nowhere.

#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use iamql::sandbox::{Action, Fault, FaultBody};
use iamql::secret::Secret;

use crate::support::{Output, TestEnv, key, organization};

const KEY: &str = "CANARYKEY2222222";
const SECRET: &str = "canary-secret-of-the-session";
const TOKEN: &str = "canary-token-of-the-session";

/// What the secret of a new key begins with.
const NEW: &str = "cflt";

fn environment() -> TestEnv {
    let config = organization(250).with(|config| {
        config.credentials = (KEY.to_owned(), Secret::new(SECRET));
        config.access_token = Secret::new(TOKEN);
    });
    let env = TestEnv::start(config);
    env.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    env
}

/// The credentials, in every form in which they might come out.
fn forms() -> Vec<String> {
    vec![
        SECRET.to_owned(),
        TOKEN.to_owned(),
        BASE64_STANDARD.encode(format!("{KEY}:{SECRET}")),
        BASE64_STANDARD.encode(SECRET),
        // As curl and some logs would have them.
        format!("{KEY}:"),
        "Basic ".to_owned(),
        "Bearer ".to_owned(),
    ]
}

/// All files below `folder`, with what is in them.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let text = std::fs::read(&path).unwrap();
                    let text = String::from_utf8_lossy(&text).into_owned();
                    found.push((path.display().to_string(), text));
                }
            }
        }
    }
    found
}

#[track_caller]
fn assert_clean(what: &str, text: &str, more: &[&str]) {
    for form in forms()
        .iter()
        .map(String::as_str)
        .chain(more.iter().copied())
    {
        assert!(!text.contains(form), "{what} holds {form}: {text}");
    }
}

/// Runs `command` to its end, and searches what it wrote and what it left behind; with `rows`, the secrets of new keys
/// may stand in its stdout. Returns its exit code.
#[track_caller]
fn search(env: &TestEnv, what: &str, mut command: Command, rows: bool) -> Option<i32> {
    let child = command.spawn().unwrap();
    #[cfg(target_os = "linux")]
    {
        let arguments = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
        assert_clean(what, &String::from_utf8_lossy(&arguments), &[NEW]);
    }
    let output = Output::of(child);
    assert_clean(what, &output.stderr, &[NEW]);
    assert_clean(what, &output.stdout, if rows { &[] } else { &[NEW] });
    for (path, text) in files(&env.state()).into_iter().chain(files(&env.work())) {
        let delivered = path.ends_with("unsaved-secrets.jsonl") || path.ends_with("delivered.csv");
        assert_clean(&path, &text, if delivered { &[] } else { &[NEW] });
    }
    output.code
}

const READS: [&str; 9] = [
    "SELECT * FROM api_keys",
    "SELECT id FROM api_keys WHERE id IN ('K000', 'GONE')",
    "EXPLAIN SELECT * FROM api_keys",
    "EXPLAIN ANALYZE VERBOSE SELECT * FROM api_keys WHERE spec.owner.id = 'sa-1'",
    "EXPLAIN INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')",
    "SHOW ALL",
    "SELECT * FROM information_schema.df_settings",
    "SELECT bogus FROM api_keys",
    "EXEC confluent.iam.api_keys.get_iam_v2api_key @id = 'K000'",
];

const WRITES: [&str; 5] = [
    "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1'), ('sa-1')",
    "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') RETURNING *",
    "EXEC /*+ SHOWRESULTS */ confluent.iam.api_keys.create_iam_v2api_key @@json = '{\"spec\":{\"owner\":{\"id\":\"sa-1\"}}}'",
    "UPDATE api_keys SET spec.display_name = 'x' WHERE id = 'K000' RETURNING *",
    "DELETE FROM api_keys WHERE id = 'K000' RETURNING *",
];

fn faults() -> Vec<Fault> {
    let status = |code, body| {
        Fault::new(Action::Status {
            code,
            headers: Vec::new(),
            body,
        })
    };
    vec![
        Fault::new(Action::Unauthorized),
        Fault::new(Action::BadCredentials403),
        status(403, FaultBody::Json),
        status(400, FaultBody::Html),
        status(501, FaultBody::Hostile),
        Fault::new(Action::Redirect {
            status: 307,
            location: "https://elsewhere.example/?x=1".to_owned(),
        }),
        // Once, so that what is repeated is seen, too.
        Fault::new(Action::Reset).times(1),
        Fault::new(Action::Truncate { chunked: false }).times(1),
        Fault::new(Action::Malformed).times(1),
        Fault::new(Action::CreateThenDrop).times(1),
    ]
}

#[test]
fn reads_show_no_secret() {
    let env = environment();
    for verbosity in ["-q", "-vvv"] {
        for sql in READS {
            search(&env, sql, env.command(&[verbosity, "-e", sql]), false);
        }
    }
    for fault in faults() {
        env.sandbox.set_faults(vec![fault.clone()]);
        let what = format!("{fault:?}");
        search(&env, &what, env.command(&["-vvv", "-e", READS[0]]), false);
    }
}

#[test]
fn writes_show_the_secrets_of_new_keys_in_their_rows_and_nowhere_else() {
    let env = environment();
    for sql in WRITES {
        let dry = env.command(&["-vvv", "--dry-run", "-e", sql]);
        search(&env, sql, dry, false);
        let code = search(&env, sql, env.command(&["-vvv", "-e", sql]), true);
        assert_eq!(code, Some(0), "{sql}");
    }
    let file = [
        "--output-file",
        "delivered.csv",
        "-o",
        "csv",
        "-vvv",
        "-e",
        WRITES[0],
    ];
    search(&env, "a file", env.command(&file), false);
    let discarded = [
        "--discard-secrets",
        "-vvv",
        "-e",
        &format!("{} RETURNING id", WRITES[0]),
    ];
    search(&env, "no secret wanted", env.command(&discarded), false);
    for fault in faults() {
        env.sandbox.set_faults(vec![fault.clone().nth(2)]);
        for sql in [WRITES[0], "DELETE FROM api_keys WHERE id = 'GONE'"] {
            let what = format!("{sql} {fault:?}");
            search(&env, &what, env.command(&["-vvv", "-e", sql]), true);
        }
    }
}

#[test]
fn secrets_that_are_saved_are_in_their_file_alone() {
    let env = environment();
    for sql in &WRITES[1..3] {
        let mut command = env.command(&["-vvv", "-o", "jsonl", "-e", sql]);
        // Of a socket nobody can tell what was read.
        let (_reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        command.stdout(Stdio::from(std::os::fd::OwnedFd::from(writer)));
        let code = search(&env, sql, command, false);
        assert_eq!(code, Some(0), "{sql}");
    }
    let saved = env.state().join("iamql/unsaved-secrets.jsonl");
    assert_eq!(
        std::fs::read_to_string(saved).unwrap().matches(NEW).count(),
        2
    );
    search(
        &env,
        "the next start",
        env.command(&["-vvv", "-e", "SELECT 1"]),
        false,
    );
}

#[test]
fn every_way_to_give_credentials_keeps_them() {
    let env = environment();
    let url = env.sandbox.url();
    let dir = env.config().join("iamql");
    std::fs::create_dir(&dir).unwrap();
    let secret = env.config().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let config = format!(
        "[profiles.file]\nendpoint = '{url}'\napi_key = '{KEY}'\napi_secret_file = '{0}'\n\
         [profiles.command]\nendpoint = '{url}'\napi_key = '{KEY}'\napi_secret_command = 'cat {0}'\n\
         [profiles.broken]\nendpoint = '{url}'\napi_key = '{KEY}'\napi_secret_command = 'cat {0} | grep nothing'\n",
        secret.display()
    );
    std::fs::write(dir.join("config.toml"), config).unwrap();
    let pair = BASE64_STANDARD.encode(format!("{KEY}:{SECRET}"));
    let auth = |rest: &str| format!(r#"{{"confluent":{{"type":"basic",{rest}}}}}"#);
    let by_variables = auth(r#""username_var":"U","password_var":"P""#);
    let encoded = auth(r#""credentialsenvvar":"PAIR""#);
    let broken = auth(r#""credentialsenvvar":"P""#);
    let run = |args: &[&str]| {
        let sql = [
            "-vvv",
            "-o",
            "csv",
            "-e",
            "SELECT count(*) AS n FROM api_keys",
        ];
        let mut command = env.command_without_credentials(&[args, &sql].concat());
        command.envs([("U", KEY), ("P", SECRET), ("PAIR", &pair)]);
        command.env("RUST_BACKTRACE", "1").env("RUST_LOG", "trace");
        command
    };
    for (args, code) in [
        (vec!["--profile", "file"], 0),
        (vec!["--profile", "command"], 0),
        (vec!["--profile", "broken"], 2),
        (vec!["--endpoint", &url, "--auth", &by_variables], 0),
        (vec!["--endpoint", &url, "--auth", &encoded], 0),
        (vec!["--endpoint", &url, "--auth", &broken], 2),
    ] {
        let ended = search(&env, &format!("{args:?}"), run(&args), false);
        assert_eq!(ended, Some(code), "{args:?}");
    }
    let mut token = run(&["--endpoint", &url]);
    token.env("CONFLUENT_CLOUD_ACCESS_TOKEN", TOKEN);
    assert_eq!(search(&env, "a token", token, false), Some(0));
    let mut odd = run(&["--endpoint", &url]);
    odd.env("CONFLUENT_CLOUD_ACCESS_TOKEN", format!("{TOKEN}\u{1}"));
    assert_eq!(
        search(&env, "a token that cannot be sent", odd, false),
        Some(2)
    );
    let endpoint = format!("https://{KEY}:{SECRET}@api.example.com");
    let mut inside = run(&[]);
    inside.env("CONFLUENT_CLOUD_ENDPOINT", endpoint);
    inside.envs([
        ("CONFLUENT_CLOUD_API_KEY", KEY),
        ("CONFLUENT_CLOUD_API_SECRET", SECRET),
    ]);
    assert_eq!(
        search(&env, "a secret in the endpoint", inside, false),
        Some(2)
    );
}

#[test]
fn a_password_in_an_argument_is_warned_of_and_not_repeated() {
    let env = environment();
    let url = env.sandbox.url();
    for (auth, code) in [
        (
            format!(
                r#"{{"confluent":{{"type":"basic","username":"{KEY}","password":"{SECRET}"}}}}"#
            ),
            0,
        ),
        (
            format!(
                r#"{{"confluent":{{"type":"basic","username":"{KEY}","password":"{SECRET}","x":1}}}}"#
            ),
            2,
        ),
        (
            format!(r#"{{"confluent":{{"type":"basic","username":"{KEY}","password":"{SECRET}"#),
            2,
        ),
    ] {
        let sql = "SELECT count(*) AS n FROM api_keys";
        let args = [
            "--endpoint",
            &url,
            "--auth",
            &auth,
            "-vvv",
            "-o",
            "csv",
            "-e",
            sql,
        ];
        let output = Output::of(env.command_without_credentials(&args).spawn().unwrap());
        assert_eq!(output.code, Some(code), "{output:?}");
        assert_clean("--auth", &output.stderr, &[]);
        assert_clean("--auth", &output.stdout, &[]);
        let warned = output.stderr.contains("warning: --auth holds a password");
        assert_eq!(warned, code == 0, "{output:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_shell_keeps_no_secret() {
    use crate::support::Terminal;

    let env = environment();
    let mut program = env.command(&["--color", "never", "-vvv"]);
    program.env("PAGER", "cat");
    let Some(mut terminal) = Terminal::start(&program) else {
        return;
    };
    terminal.wait_for("iamql> ");
    terminal.enter(&format!("{};", WRITES[0]));
    let shown = terminal.wait_for("created");
    assert_eq!(shown.matches(NEW).count(), 2, "{shown}");
    assert_clean("the terminal", &shown, &[]);
    for (line, answer) in [
        ("\\conninfo", "127.0.0.1"),
        ("\\d api_keys", "display_name"),
        ("SELECT nothing FROM api_keys;", "hint: "),
    ] {
        terminal.wait_for("iamql> ");
        terminal.enter(line);
        let shown = terminal.wait_for(answer);
        assert_clean(line, &shown, &[NEW]);
    }
    terminal.wait_for("iamql> ");
    terminal.enter("\\q");
    assert_eq!(terminal.end(), Some(0));
    for (path, text) in files(&env.state()) {
        assert_clean(&path, &text, &[NEW]);
    }
}

#[test]
fn a_panic_shows_no_secret() {
    let held = Secret::new(SECRET);
    let panic = std::panic::catch_unwind(|| panic!("{:?}", (&held, Some(&held))));
    let message = panic.unwrap_err().downcast::<String>().unwrap();
    assert_clean("a panic", &message, &[]);
}
