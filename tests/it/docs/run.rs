//! Runs a block against a sandbox that is filled as `--sandbox` is, and stands still.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use chrono::Utc;
use clap::Parser;
use iamql::sandbox::SandboxConfig;
use iamql::testing::{Args, ConfigFile};
use serde_json::Value;

use super::block::{Block, Use, without_secrets};
use crate::support::TestEnv;

/// Runs `block` in `folder` and returns what it shows, and whether it succeeded; None if it shows nothing to compare,
/// or cannot run on this system.
pub(super) fn run(block: &Block, folder: &Path) -> Option<(String, bool)> {
    let env = TestEnv::start(SandboxConfig::default().with_now(Utc::now()));
    let mut command = match block.purpose()? {
        Use::Statements => env.command(&["-f", "-"]),
        Use::Commands if block.is("jq") && !has_jq() => return None,
        Use::Commands | Use::Server | Use::Workflow if cfg!(windows) => return None,
        Use::Workflow => {
            let (_, steps) = block.text.split_once("- run: |\n").unwrap();
            shell(&env, steps)
        }
        Use::Commands => shell(&env, &format!("exec 2>&1\n{}", commands(block))),
        Use::Server => {
            let port = block.text.replace("--port 8089", "--port 0");
            serve(shell(&env, &format!("exec {port}")));
            return None;
        }
        Use::Transcript => return transcript(&env, &block.text),
        Use::Configuration => {
            ConfigFile::parse(&block.text).unwrap();
            return None;
        }
        Use::Client => {
            start_of_client(&block.text);
            return None;
        }
        Use::Cargo | Use::Output | Use::Sight => return None,
    };
    let mut child = command
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    if block.purpose() == Some(Use::Statements) {
        stdin.write_all(block.text.as_bytes()).unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    Some((without_secrets(&shown), output.status.success()))
}

/// Checks that the configuration of an MCP client starts the program with arguments that it takes.
fn start_of_client(configuration: &str) {
    let configuration: Value = serde_json::from_str(configuration).unwrap();
    let servers = configuration.as_object().unwrap().values().next().unwrap();
    let server = &servers["iamql"];
    assert_eq!(server["command"], "iamql");
    let args = server["args"].as_array().unwrap().iter();
    let args = args.map(|arg| arg.as_str().unwrap());
    let read = Args::try_parse_from(["iamql"].into_iter().chain(args));
    assert!(read.is_ok(), "{read:?}");
}

/// The commands of `block` as they run here: with the program that was built, and with the credentials of the sandbox
/// where the page has a reader set their own.
fn commands(block: &Block) -> String {
    let is_placeholder = |line: &&str| line.starts_with("export ") && line.contains("=…");
    let lines: Vec<&str> = block
        .text
        .lines()
        .filter(|line| !is_placeholder(line))
        .collect();
    lines.join("\n").replace("cargo run -- ", "iamql ")
}

/// The system's shell, for which `iamql` is the program that was built.
fn shell(env: &TestEnv, script: &str) -> Command {
    let program = env.command(&[]);
    let folder = Path::new(program.get_program()).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display());
    let (key, secret) = env.sandbox.credentials();
    let mut command = Command::new("sh");
    command
        .args(["-e", "-c", script])
        .env_clear()
        .env("PATH", path)
        .env("MY_KEY", key)
        .env("MY_SECRET", secret)
        // There is no network; this takes what is sent and answers nothing.
        .env("WEBHOOK", "file:///dev/null");
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap());
    }
    command
}

fn has_jq() -> bool {
    let jq = Command::new("jq")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    jq.is_ok_and(|status| status.success())
}

/// Starts a server, and ends it once it has said how to reach it.
fn serve(mut server: Command) {
    let mut child = server
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_ready = |line: &String| line.starts_with("export CONFLUENT_CLOUD_ENDPOINT=");
    let ready = lines.map(Result::unwrap).any(|line| is_ready(&line));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(ready);
}

/// Columns of the terminal of a transcript: those of a small window.
#[cfg(target_os = "linux")]
const COLUMNS: usize = 80;

/// Runs a session, and returns what is on the screen in the end. None where no terminal can be had.
pub(super) fn session(text: &str) -> Option<String> {
    let env = TestEnv::start(SandboxConfig::default().with_now(Utc::now()));
    transcript(&env, text).map(|(screen, _)| screen)
}

/// Types what `text` has after its prompts, and returns what is on the screen in the end.
#[cfg(target_os = "linux")]
fn transcript(env: &TestEnv, text: &str) -> Option<(String, bool)> {
    use crate::support::Terminal;
    use regex::Regex;

    let typed =
        Regex::new(r#"^(iamql(?: \([^)]*\))?> | +[-('"]> |Type \d+ to .*: )(.*)$"#).unwrap();
    let mut lines = text.lines();
    let first = lines.next()?;
    let args: Vec<&str> = first.split(' ').skip(2).collect();
    let mut program = env.command_without_credentials(&args);
    // On such a terminal the screen is the transcript: nothing on it is drawn twice.
    program.env("TERM", "dumb");
    let mut terminal = Terminal::sized(&program, COLUMNS)?;
    let mut screen = format!("{first}\n");
    for keys in lines.filter_map(|line| typed.captures(line)) {
        screen += &terminal.wait_for(&keys[1]);
        screen += &keys[1];
        terminal.press(&format!("{}\n", &keys[2]));
    }
    // What is typed last ends the shell, and is all that comes.
    let last = text.lines().next_back()?.split("> ").nth(1)?;
    terminal.wait_for(last);
    screen += last;
    let succeeded = terminal.end() == Some(0);
    Some((without_secrets(&screen.replace('\r', "")), succeeded))
}

#[cfg(not(target_os = "linux"))]
fn transcript(_: &TestEnv, _: &str) -> Option<(String, bool)> {
    None
}
