//! Programs that the shell and the configuration start: a pager, an editor, a command that a person types or that prints
//! a secret.
//!
//! All of them are started from here, because none of them may inherit the credentials of this process. It starts
//! nothing itself: it returns commands, and whoever asked for one decides about its streams.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The variable with the API key.
pub(crate) const KEY: &str = "CONFLUENT_CLOUD_API_KEY";
/// The variable with its secret.
pub(crate) const SECRET: &str = "CONFLUENT_CLOUD_API_SECRET";
/// The variable with a bearer token.
pub(crate) const TOKEN: &str = "CONFLUENT_CLOUD_ACCESS_TOKEN";

/// Further variables with credentials, which a person has named.
static NAMED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Keeps the variable `name` from programs as well, such as one that `--auth` names.
pub(crate) fn withhold(name: &str) {
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    named.insert(name.to_owned());
}

/// Returns `program`, which will not inherit the credentials.
pub(crate) fn program(program: &str) -> Command {
    let mut command = Command::new(program);
    for name in [KEY, SECRET, TOKEN] {
        command.env_remove(name);
    }
    let named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    for name in named.iter() {
        command.env_remove(name);
    }
    command
}

/// Returns the system's shell with `text` to run; it will not inherit the credentials either.
pub(crate) fn shell(text: &str) -> Command {
    let (shell, flag) = match cfg!(windows) {
        true => ("cmd", "/C"),
        false => ("sh", "-c"),
    };
    let mut command = program(shell);
    command.args([flag, text]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_program_gets_the_credentials() {
        withhold("MY_PASSWORD");
        for command in [program("x"), shell("x")] {
            let removed: Vec<_> = command
                .get_envs()
                .filter(|(_, value)| value.is_none())
                .map(|(name, _)| name.to_owned())
                .collect();
            for name in [KEY, SECRET, TOKEN, "MY_PASSWORD"] {
                assert!(removed.iter().any(|removed| removed == name), "{name}");
            }
        }
    }
}
