//! Programs that are run for what they cost.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program with its arguments and an environment of nothing but what it is given.
pub(crate) struct Program {
    path: PathBuf,
    args: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Program {
    /// The program under test, with the user's configuration out of its sight.
    pub(crate) fn iamql<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(PathBuf::from(env!("CARGO_BIN_EXE_iamql")), args)
    }

    /// This program as a floor.
    pub(crate) fn floor<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(
            std::env::current_exe().expect("this program has a path"),
            args,
        )
    }

    fn new<'a>(path: PathBuf, args: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            path,
            args: args.into_iter().map(str::to_owned).collect(),
            variables: Vec::new(),
        }
    }

    /// Returns the same program with more variables in its environment.
    pub(crate) fn with_variables(mut self, variables: &[(String, String)]) -> Self {
        self.variables.extend_from_slice(variables);
        self
    }

    /// Returns the command, with its output dropped.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.args)
            .env_clear()
            .env("HOME", std::env::temp_dir().join("iamql-figures"))
            .envs(
                self.variables
                    .iter()
                    .map(|(name, value)| (OsStr::new(name), OsStr::new(value))),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Runs the program and returns the seconds it took.
    fn seconds(&self) -> f64 {
        let start = Instant::now();
        let output = self
            .command()
            .stderr(Stdio::piped())
            .output()
            .expect("the program starts");
        let took = start.elapsed().as_secs_f64();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?}: {told}", self.args);
        took
    }

    /// Runs the program and returns what it wrote to stdout and to stderr.
    pub(crate) fn output(&self) -> (String, String) {
        let output = self
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .expect("the program starts");
        assert!(
            output.status.success(),
            "{:?} ended with {}",
            self.args,
            output.status
        );
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (text(output.stdout), text(output.stderr))
    }

    /// Runs the program and returns how many requests it says it sent.
    pub(crate) fn requests(&self) -> usize {
        let mut verbose = Self::new(self.path.clone(), self.args.iter().map(String::as_str));
        verbose.args.push("-v".to_owned());
        let (_, told) = verbose.with_variables(&self.variables).output();
        told.lines()
            .filter(|line| line.contains("answered method=GET"))
            .count()
    }

    /// Runs the program and returns the most memory that it held at a time, in units of 10⁶ bytes; NaN where the
    /// system does not tell.
    pub(crate) fn peak_megabytes(&self) -> f64 {
        let mut child = self.command().spawn().expect("the program starts");
        let status = format!("/proc/{}/status", child.id());
        let mut peak = f64::NAN;
        // The kernel keeps the maximum, so that only what happens after the last look can be missed.
        while child
            .try_wait()
            .expect("the program can be waited for")
            .is_none()
        {
            let told = std::fs::read_to_string(&status).unwrap_or_default();
            let line = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kibibytes =
                line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
            peak = kibibytes.map_or(peak, |kibibytes| kibibytes * 1024.0 / 1e6);
            std::thread::sleep(Duration::from_micros(500));
        }
        peak
    }
}

/// Runs two programs in turn and returns the seconds that each took, after a run of each that does not count.
pub(crate) fn paired(ours: &Program, floor: &Program, runs: usize) -> (Vec<f64>, Vec<f64>) {
    if runs > 1 {
        ours.seconds();
        floor.seconds();
    }
    (0..runs).map(|_| (ours.seconds(), floor.seconds())).unzip()
}

/// Returns the median of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
