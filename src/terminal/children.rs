//! Programs that this one starts: a pager, an editor, a command that prints a secret.
//!
//! They get the environment, but not the credentials in it: a pager has no use for them, and hands them on to whatever
//! it starts.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The variables that hold credentials, wherever they are used.
pub(crate) const CREDENTIALS: [&str; 3] = [
    "CONFLUENT_CLOUD_API_KEY",
    "CONFLUENT_CLOUD_API_SECRET",
    "CONFLUENT_CLOUD_ACCESS_TOKEN",
];

/// Variables of other names that hold credentials, as `--auth` says.
static NAMED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Keeps the variable `name` from all programs that are started from now on.
pub(crate) fn withhold(name: &str) {
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    named.insert(name.to_owned());
}

/// Returns the program `name`, to be started without the credentials.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(name);
    let named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    for variable in CREDENTIALS
        .into_iter()
        .chain(named.iter().map(String::as_str))
    {
        command.env_remove(variable);
    }
    command
}

/// Returns the system's shell with `text` to run, to be started without the credentials.
pub(crate) fn shell(text: &str) -> Command {
    let (shell, flag) = match cfg!(windows) {
        true => ("cmd", "/C"),
        false => ("sh", "-c"),
    };
    let mut shell = command(shell);
    shell.args([flag, text]);
    shell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_left_out() {
        withhold("MY_SECRET");
        let command = command("x");
        let left_out: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .filter_map(|(name, _)| name.to_str())
            .collect();
        for name in CREDENTIALS.iter().chain(&["MY_SECRET"]) {
            assert!(left_out.contains(name), "{name}");
        }
    }
}
