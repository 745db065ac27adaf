//! Programs that this one starts: a pager, an editor, a command that prints a secret.
//!
//! They get the environment without the credentials in it: a pager has no use for them, and passes them on to whatever
//! it starts.

use std::collections::BTreeSet;
use std::io;
use std::process::{Child, ChildStdin, Command, ExitStatus};

use parking_lot::Mutex;

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
    let mut named = NAMED.lock();
    named.insert(name.to_owned());
}

/// Returns the program `name`, to be started without the credentials.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(name);
    let named = NAMED.lock();
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

/// The process ids of the programs that a person works with.
static ATTENDED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A program that a person works with, and that this one waits for: a pager, an editor, a reader of rows. [`end_attended`] ends it.
#[derive(Debug)]
pub(crate) struct Attended(Child);

impl Attended {
    /// Starts `command`.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.spawn()?;
        ATTENDED.lock().insert(child.id());
        Ok(Self(child))
    }

    /// Returns what the program reads, if it was started with a pipe.
    pub(crate) fn stdin(&mut self) -> &mut Option<ChildStdin> {
        &mut self.0.stdin
    }

    /// Waits until the program has ended.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.0.wait();
        // Another program may get the id from now on.
        ATTENDED.lock().remove(&self.0.id());
        status
    }
}

/// Asks the programs that a person works with to end, because this one has been asked to.
#[cfg(unix)]
pub(crate) fn end_attended() {
    ATTENDED.lock().iter().copied().for_each(end);
}

#[cfg(unix)]
fn end(id: u32) {
    use nix::sys::signal::{Signal, kill};
    let Ok(id) = i32::try_from(id) else {
        return;
    };
    // An interactive shell ends at the second one only. A program that has ended already needs neither.
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let _ = kill(nix::unistd::Pid::from_raw(id), signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_program_that_a_person_works_with_is_ended() {
        let mut program = Attended::start(&mut shell("exec sleep 600")).unwrap();
        // Other tests have programs of their own.
        end(program.0.id());
        assert!(!program.wait().unwrap().success());
        assert!(!ATTENDED.lock().contains(&program.0.id()));
    }

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
