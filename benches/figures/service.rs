//! The simulated service in a process of its own, and who asks it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use super::process::Program;

/// A running simulated service; it ends with this value.
pub(crate) struct Service {
    process: Child,
    /// The variables that its banner asks to export.
    variables: Vec<(String, String)>,
}

impl Service {
    /// Serves an organization of `keys` keys, with every answer taking `latency_ms` milliseconds at least.
    pub(crate) fn start(keys: usize, latency_ms: u64) -> Self {
        let (keys, latency) = (keys.to_string(), latency_ms.to_string());
        let sandbox = [
            "sandbox",
            "--port",
            "0",
            "--keys",
            &keys,
            "--latency-ms",
            &latency,
        ];
        let mut process = Program::iamql(sandbox)
            .command()
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let banner = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let mut variables = Vec::new();
        for line in banner.lines() {
            let line = line.expect("the banner is text");
            if let Some((name, value)) = line
                .trim()
                .strip_prefix("export ")
                .and_then(|rest| rest.split_once('='))
            {
                variables.push((name.to_owned(), value.trim_matches('\'').to_owned()));
            }
            if variables.len() == 3 {
                break;
            }
        }
        Self { process, variables }
    }

    /// A run of the program that answers `sql`.
    pub(crate) fn query(&self, sql: &str, format: &str) -> Program {
        Program::iamql(["-o", format, "-e", sql]).with_variables(&self.variables)
    }

    /// A run of a floor that asks this service.
    pub(crate) fn floor(&self, args: &[&str]) -> Program {
        Program::floor(["floor"].iter().chain(args).copied()).with_variables(&self.variables)
    }

    /// The values of a query of one column.
    pub(crate) fn column(&self, sql: &str) -> Vec<String> {
        let (rows, _) = self.query(sql, "csv").output();
        rows.lines().skip(1).map(str::to_owned).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may be gone already, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
