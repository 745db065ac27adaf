//! What the program says of itself: help, version, completions, the manual.

#![cfg(unix)]

use std::process::{Command, Stdio};

use iamql::testing;
use regex::Regex;

use crate::support::{Output, TestEnv};

const COMMANDS: [&str; 6] = ["shell", "exec", "mcp", "sandbox", "completions", "man"];

/// Runs the program at a terminal's usual width, and returns what it shows.
fn shown(args: &[&str]) -> String {
    let env = TestEnv::with_keys(0);
    let output = Output::of(env.command(args).env("COLUMNS", "80").spawn().unwrap());
    output.rows().to_owned()
}

/// Gives `input` to a program that may not be installed; None if it is not.
fn checked_by(program: &str, args: &[&str], input: &str) -> Option<String> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    std::io::Write::write_all(&mut child.stdin.take()?, input.as_bytes()).unwrap();
    let output = Output::of(child);
    Some(output.rows().to_owned())
}

#[test]
fn all_help_fits_80_columns_and_has_examples() {
    let mut pages = vec![vec!["-h"], vec!["--help"]];
    for command in COMMANDS {
        pages.extend([vec![command, "-h"], vec![command, "--help"]]);
    }
    for page in pages {
        let text = shown(&page);
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{page:?}");
        let has_examples = text.contains("\nExamples:\n") || page[0] == "shell";
        assert!(has_examples, "{page:?}");
    }
}

#[test]
fn short_help_groups_its_options() {
    insta::assert_snapshot!(shown(&["-h"]), @r#"
    SQL for Confluent Cloud's API keys

    Usage: iamql [OPTIONS]
           iamql [OPTIONS] <COMMAND>

    Commands:
      shell        Start the interactive shell
      exec         Run SQL and exit, with StackQL's options
      mcp          Serve AI assistants on stdin and stdout; they can only read
      sandbox      Serve the simulated service on loopback until stopped
      completions  Print the completion script of a shell
      man          Print a page of the manual
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Statements:
      -e, --execute <SQL>       Run this SQL and exit; may be given several times
      -f, --file <FILE>         Run the statements of this file and exit; - is stdin
                                [alias: -i]
          --dialect <NAME>      Dialect of SQL [default: default, and stackql for
                                exec] [possible values: default, stackql]
          --param <NAME=VALUE>  Value of $NAME in statements; may be given several
                                times

    Output:
      -o, --output <FORMAT>     How rows are written [possible values: table,
                                markdown, line, json, jsonl, csv, tsv, parquet,
                                arrow]
          --output-file <FILE>  Write rows to this file instead of stdout
      -H, --no-header           Omit the line of column names
      -d, --delimiter <CHAR>    Character between csv fields
          --csv-guard           Mark csv and tsv cells that a spreadsheet would run
                                as a formula
          --fail-on-rows        Exit with code 3 if the last statement returned rows
      -q, --quiet               Print rows, warnings and errors, and nothing else
      -v, --verbose...          Show requests on stderr; twice for their bodies too
          --color <WHEN>        When to use colours [default: auto] [possible
                                values: auto, always, never]

    Connection:
          --endpoint <URL>     Base URL of the service
          --sandbox            Run against a simulated organization of 250 keys
                               inside this process
          --profile <NAME>     Profile of config.toml to take credentials and
                               settings from
          --auth <JSON>        Where credentials are, in StackQL's format:
                               {"confluent": {"type": "basic", "username_var": "…",
                               "password_var": "…"}}
          --ca-cert <FILE>     PEM file of certificates to trust besides the
                               system's
          --timeout <SECONDS>  Seconds for one request with its retries and waits,
                               and for planning [default: 60]
          --concurrency <N>    Requests in parallel [default: 8]

    Safety:
          --dry-run            Show the requests that writes would send, and send
                               none that change anything
          --read-only          Refuse every statement that changes keys or local
                               files
          --no-files           Let statements neither read nor write local files
          --memory-limit <N>   Memory that statements may hold at a time, in MiB
                               [default: 1024]
      -y, --yes                Do not ask before a write to many keys
          --max-affected <N>   Keys that a write may touch without being asked
                               [default: 10]
          --discard-secrets    Allow INSERT to lose the secrets of the keys that it
                               creates
          --allow-self-delete  Allow DELETE of the key that this session
                               authenticates with

    Examples:
      iamql --sandbox
          A shell on a simulated organization; needs no account
      iamql -e "SELECT id, display_name FROM vw_api_keys WHERE owner_id = 'sa-1'"
          The keys of one service account
      iamql -o csv -e "SELECT * FROM vw_api_keys WHERE age_days >= 90" > old.csv
          Keys that are at least 90 days old, for a spreadsheet
      iamql --dry-run -e "DELETE FROM api_keys WHERE spec.owner.id = 'u-1'"
          What would be sent, without sending it

    Environment:
      CONFLUENT_CLOUD_API_KEY, CONFLUENT_CLOUD_API_SECRET
          A Cloud API key and its secret; a profile in config.toml works too
      CONFLUENT_CLOUD_ACCESS_TOKEN
          A bearer token, in place of the two
      CONFLUENT_CLOUD_ENDPOINT
          Base URL of the service
    "#);
}

#[test]
fn the_examples_of_the_help_run() {
    let env = TestEnv::with_keys(10);
    let help = shown(&["--help"]);
    let examples = help.lines().filter(|line| line.starts_with("  iamql "));
    let mut count = 0;
    for example in examples {
        let program = env!("CARGO_BIN_EXE_iamql");
        let mut command = Command::new("sh");
        let example = example.trim().replacen("iamql", program, 1);
        command.args(["-e", "-c", &example]);
        let variables = env.command(&[]);
        for (name, value) in variables.get_envs() {
            command.env(name, value.unwrap());
        }
        command
            .current_dir(env.work())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let output = Output::of(command.spawn().unwrap());
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (Some(0), ""),
            "{example}"
        );
        count += 1;
    }
    assert_eq!(count, 4);
}

#[test]
fn a_command_that_runs_no_statement_lists_its_own_options() {
    for name in ["sandbox", "completions", "man"] {
        let help = shown(&[name, "-h"]);
        let is_heading = |line: &&str| line.ends_with(':') && !line.starts_with(' ');
        let headings: Vec<&str> = help.lines().filter(is_heading).collect();
        assert!(headings.contains(&"Options:"), "{help}");
        for heading in ["Statements:", "Output:", "Connection:", "Safety:"] {
            assert!(!headings.contains(&heading), "{help}");
        }
    }
    // The others are taken all the same.
    assert_eq!(shown(&["-q", "man"]), shown(&["man", "--quiet"]));
}

#[test]
fn the_version_may_name_the_commit() {
    let version = Regex::new(r"^iamql \d+\.\d+\.\d+( \([0-9a-f]{12}\))?\n$").unwrap();
    for flag in ["-V", "--version"] {
        let shown = shown(&[flag]);
        assert!(version.is_match(&shown), "{shown}");
    }
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let load = "\ncomplete -p iamql";
    for (name, check, load, loaded) in [
        ("bash", &["--norc", "-s"][..], load, "-F _iamql iamql"),
        ("zsh", &["-n"][..], "", ""),
        ("fish", &["--no-execute"][..], "", ""),
    ] {
        let script = shown(&["completions", name]);
        assert!(script.contains("max-affected"), "{name}");
        if let Some(said) = checked_by(name, check, &format!("{script}{load}")) {
            assert!(said.contains(loaded), "{name}: {said}");
        }
    }
    let powershell = shown(&["completions", "powershell"]);
    assert!(powershell.contains("Register-ArgumentCompleter"));
}

#[test]
fn the_manual_has_every_option_of_the_declaration() {
    let mut whole = testing::command();
    whole.build();
    for name in [None].into_iter().chain(COMMANDS.map(Some)) {
        let words: Vec<&str> = ["man"].into_iter().chain(name).collect();
        let page = shown(&words);
        let title = name.map_or("iamql".to_owned(), |name| format!("iamql-{name}"));
        assert!(page.contains(&format!(".TH {title} 1 ")), "{page}");
        let about = match name {
            Some(name) => whole.find_subcommand(name).unwrap(),
            None => &whole,
        };
        let plain = page.replace('\\', "");
        for arg in about.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let Some(long) = arg.get_long() else { continue };
            assert!(plain.contains(&format!("--{long}")), "{title}: --{long}");
        }
        if let Some(text) = checked_by("groff", &["-man", "-ww", "-Kutf8", "-Tutf8"], &page) {
            assert!(text.contains("iamql manual"), "{text}");
        }
    }
}

#[test]
fn the_manual_knows_its_commands() {
    let env = TestEnv::with_keys(0);
    insta::assert_snapshot!(env.iamql(&["man", "slect"]).error(2), @r"
    error: there is no command `slect`
    hint: commands: shell, exec, mcp, sandbox, completions, man
    ");
}

#[test]
fn a_reader_that_goes_away_ends_a_page_without_a_word() {
    let env = TestEnv::with_keys(0);
    for page in [["completions", "bash"].as_slice(), &["man"]] {
        let mut child = env.command(page).spawn().unwrap();
        drop(child.stdout.take());
        let output = Output::of(child);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    }
}
