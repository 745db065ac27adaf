//! The program at a terminal: a person's keys in, what the screen gets out.
//!
//! The terminal is made by `script`, which Linux systems have; nothing here waits for time to pass, but for text.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Long beyond what any answer takes, so that a test that waits for the wrong thing fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Columns of a terminal, unless a test is about them.
const COLUMNS: usize = 100;

/// A program that talks to a terminal of 30 rows, and that ends with it.
#[derive(Debug)]
pub(crate) struct Terminal {
    script: Child,
    keys: ChildStdin,
    output: Receiver<Vec<u8>>,
    /// What has come and was not waited for yet.
    screen: String,
    /// Where the program runs.
    folder: PathBuf,
}

impl Terminal {
    /// Starts `program` with its arguments and environment. None where there is no `script`.
    pub(crate) fn start(program: &Command) -> Option<Self> {
        Self::sized(program, COLUMNS)
    }

    /// Starts `program` in a terminal of so many columns. None where there is no `script`.
    pub(crate) fn sized(program: &Command, columns: usize) -> Option<Self> {
        let words = std::iter::once(program.get_program()).chain(program.get_args());
        let words: Vec<String> = words
            .map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', "'\\''")))
            .collect();
        let line = format!(
            "stty cols {columns} rows 30; echo $$ > pid; tty > tty; exec {}",
            words.join(" ")
        );
        let path = std::env::var("PATH").unwrap_or_default();
        let mut script = Command::new("script");
        script
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env_clear()
            .env("PATH", path)
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .current_dir(program.get_current_dir().unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        for (name, value) in program.get_envs() {
            if let Some(value) = value {
                script.env(name, value);
            }
        }
        let mut script = script.spawn().ok()?;
        let keys = script.stdin.take().unwrap();
        let mut stdout = script.stdout.take().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let (mut bytes, mut pending) = ([0; 4096], Vec::new());
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                pending.extend_from_slice(&bytes[..count]);
                // A character may come in two parts.
                let end = match std::str::from_utf8(&pending) {
                    Err(error) if error.error_len().is_none() => error.valid_up_to(),
                    _ => pending.len(),
                };
                if sender.send(pending.drain(..end).collect()).is_err() {
                    return;
                }
            }
        });
        Some(Self {
            script,
            keys,
            output,
            screen: String::new(),
            folder: program.get_current_dir().unwrap().to_owned(),
        })
    }

    /// Presses keys, as the bytes that a terminal sends for them.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Presses keys, which nobody reads if the program has ended in the meantime.
    pub(crate) fn press_in_passing(&mut self, keys: &str) {
        let _ = self.keys.write_all(keys.as_bytes());
    }

    /// Returns true if `text` is on the screen, or comes next and soon, and takes it away with all that came before it.
    pub(crate) fn shows(&mut self, text: &str) -> bool {
        if let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(20)) {
            self.screen.push_str(&String::from_utf8_lossy(&bytes));
        }
        let at = self.screen.find(text);
        at.map(|at| self.screen.drain(..at + text.len())).is_some()
    }

    /// Types a line and Enter.
    pub(crate) fn enter(&mut self, line: &str) {
        self.press(&format!("{line}\r"));
    }

    /// Waits until `text` is on the screen, and returns what came before it.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        // A line of progress may come again and again in the meantime.
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.screen.find(text) {
                let rest = self.screen.split_off(at + text.len());
                let mut before = std::mem::replace(&mut self.screen, rest);
                before.truncate(at);
                return before;
            }
            let patience = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(patience) {
                Ok(bytes) => self.screen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("`{text}` does not come; there is: {}", self.screen),
            }
        }
    }

    /// Makes the window so many columns wide.
    pub(crate) fn resize(&self, columns: usize) {
        let tty = std::fs::read_to_string(self.folder.join("tty")).unwrap();
        let resized = Command::new("stty")
            .args(["-F", tty.trim(), "cols", &columns.to_string()])
            .status()
            .unwrap();
        assert!(resized.success());
    }

    /// Sends the program a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.folder.join("pid")).unwrap();
        let sent = Command::new("kill")
            .args(["-s", name, pid.trim()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for the end of the program, and returns its exit code.
    pub(crate) fn end(mut self) -> Option<i32> {
        self.script.wait().unwrap().code()
    }

    /// Returns false once the program has ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.script.try_wait().unwrap().is_none()
    }

    /// Closes the terminal, as a window is closed, and waits for the end of the program, which has not come before.
    #[track_caller]
    pub(crate) fn close(mut self) {
        assert!(self.is_running());
        self.hang_up();
    }

    /// Closes the terminal, whether or not the program has ended, and waits for its end. Returns what the terminal showed
    /// that was not waited for.
    #[track_caller]
    pub(crate) fn hang_up(mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut pid = String::new();
        // It is there before the program is.
        while !pid.ends_with('\n') {
            assert!(Instant::now() < deadline, "the program does not start");
            std::thread::yield_now();
            pid = std::fs::read_to_string(self.folder.join("pid")).unwrap_or_default();
        }
        let process = Path::new("/proc").join(pid.trim());
        let _ = self.script.kill();
        self.script.wait().unwrap();
        while is_running(&process) {
            assert!(Instant::now() < deadline, "the program goes on");
            std::thread::yield_now();
        }
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.screen.push_str(&String::from_utf8_lossy(&bytes));
        }
        std::mem::take(&mut self.screen)
    }
}

impl Drop for Terminal {
    /// Closes the terminal of a program that was not waited for: nothing outlives its test.
    fn drop(&mut self) {
        // Neither is possible once the program has ended.
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

/// Returns false for a process that is gone, or that nobody has taken note of yet.
fn is_running(process: &Path) -> bool {
    std::fs::read_to_string(process.join("stat")).is_ok_and(|stat| {
        let state = stat.rsplit(") ").next().unwrap_or_default();
        !state.starts_with('Z')
    })
}
