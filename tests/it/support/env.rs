//! The real program in an environment of its own, against a sandbox in this process.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use iamql::sandbox::{Sandbox, SandboxConfig};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::answer::{steady, without_token};
use super::{assert_requests_are_described, organization};

/// The program's environment: nothing of the real one but what is set here.
#[derive(Debug)]
pub(crate) struct TestEnv {
    // Dropped in this order: the server stops before its runtime does.
    /// The simulated service.
    pub(crate) sandbox: Sandbox,
    /// What the server runs on.
    _runtime: Runtime,
    folder: TempDir,
}

/// Sends `child` the signal `name`, such as `INT`.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Runs `program` as the shell commands `script` say, as `"$0" "$@"`, in its folder, where `disk` is a disk of 64 KiB of
/// its own. None where this user may mount nothing.
pub(crate) fn on_small_disk(program: &Command, script: &str) -> Option<Output> {
    let unshared = |script: &str| {
        let mut shell = Command::new("unshare");
        shell.args(["-rm", "sh", "-ec"]);
        shell.arg(format!("mount -t tmpfs -o size=64k tmpfs disk; {script}"));
        shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        shell.current_dir(program.get_current_dir().unwrap());
        shell
    };
    let disk = program.get_current_dir().unwrap().join("disk");
    std::fs::create_dir_all(disk).unwrap();
    let mounts = unshared("true").status();
    if !mounts.is_ok_and(|status| status.success()) {
        return None;
    }
    let mut shell = unshared(script);
    shell.arg(program.get_program()).args(program.get_args());
    let variables = program.get_envs();
    shell.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    Some(Output::of(shell.spawn().unwrap()))
}

/// A statement that takes seconds to plan, in a release as well, and none to run.
pub(crate) fn long_to_plan() -> String {
    format!("SELECT 1{}", " + 1".repeat(1_990))
}

impl TestEnv {
    /// An environment with an organization of `keys` keys.
    pub(crate) fn with_keys(keys: usize) -> Self {
        Self::start(organization(keys))
    }

    /// An environment with the sandbox that `config` describes.
    pub(crate) fn start(config: SandboxConfig) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let sandbox = runtime.block_on(Sandbox::start(config)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "config", "state", "work"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self {
            sandbox,
            _runtime: runtime,
            folder,
        }
    }

    /// The program with `args`, reaching the sandbox by the usual variables.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let (key, secret) = self.sandbox.credentials();
        let mut command = self.command_without_credentials(args);
        command
            .env("CONFLUENT_CLOUD_ENDPOINT", self.sandbox.url())
            .env("CONFLUENT_CLOUD_API_KEY", key)
            .env("CONFLUENT_CLOUD_API_SECRET", secret);
        command
    }

    /// The program with `args` and no variable that concerns it.
    pub(crate) fn command_without_credentials(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_iamql"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.folder.path().join("home"))
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env("XDG_DATA_HOME", self.folder.path().join("state"))
            .env("XDG_CACHE_HOME", self.folder.path().join("state"))
            .env("TZ", "UTC")
            .current_dir(self.work())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program with `args`.
    pub(crate) fn iamql(&self, args: &[&str]) -> Output {
        Output::of(self.command(args).spawn().unwrap())
    }

    /// Runs the program with `args`, `input` on its stdin.
    pub(crate) fn iamql_reading(&self, input: &str, args: &[&str]) -> Output {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        // A program that fails before it reads closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Output::of(child)
    }

    /// The folder in which the program runs.
    pub(crate) fn work(&self) -> std::path::PathBuf {
        self.folder.path().join("work")
    }

    /// The folder of the program's configuration.
    pub(crate) fn config(&self) -> std::path::PathBuf {
        self.folder.path().join("config")
    }

    /// The folder of the program's state.
    pub(crate) fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    /// Waits until the sandbox has seen `count` requests.
    ///
    /// # Panics
    ///
    /// If they do not come within a minute, such as from a program that has failed.
    #[track_caller]
    pub(crate) fn wait_for_requests(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.sandbox.requests().len() < count {
            let seen = self.requests();
            assert!(
                Instant::now() < deadline,
                "{} of {count} requests: {seen:#?}",
                seen.len()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The request lines that the sandbox has seen.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.sandbox.requests();
        requests
            .iter()
            .map(|request| without_token(&request.to_string()))
            .collect()
    }
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        assert_requests_are_described(&self.sandbox);
    }
}

/// How a run of the program ended.
#[derive(Debug)]
#[must_use = "assert how the program ended"]
pub(crate) struct Output {
    /// What it wrote to stdout.
    pub(crate) stdout: String,
    /// What it wrote to stderr.
    pub(crate) stderr: String,
    /// Its exit code; None if a signal ended it.
    pub(crate) code: Option<i32>,
}

impl Output {
    /// Waits for the end of `child`.
    pub(crate) fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }

    /// What it wrote to stdout, if it succeeded without a word on stderr but for what writes did.
    #[track_caller]
    pub(crate) fn rows(&self) -> &str {
        assert_eq!(
            (self.code, self.warnings().as_str()),
            (Some(0), ""),
            "{self:?}"
        );
        &self.stdout
    }

    /// What it wrote to stderr, without what writes did.
    pub(crate) fn warnings(&self) -> String {
        let did = ["created", "changed", "deleted"];
        let is_done =
            |line: &&str| line.starts_with('(') && did.iter().any(|did| line.contains(did));
        let lines = self.stderr.split_inclusive('\n');
        lines.filter(|line| !is_done(line)).collect()
    }

    /// What it wrote to stderr, if it ended with `code` and wrote no rows, without what differs from run to run.
    #[track_caller]
    pub(crate) fn error(&self, code: i32) -> String {
        assert_eq!(
            (self.code, self.stdout.as_str()),
            (Some(code), ""),
            "{self:?}"
        );
        steady(&self.stderr)
    }
}

/// The files in `folder`, for tests that nothing was left behind.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}
