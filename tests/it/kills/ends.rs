//! What ends the program, and when. Everything waits for something that can be seen, and for no longer than [`PATIENCE`].

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::draw;
use crate::support::{Output, Terminal, TestEnv, signal};

/// Signals that the program takes for a request to stop, or ignores.
const CAUGHT: [&str; 17] = [
    "HUP", "INT", "QUIT", "TERM", "XCPU", "XFSZ", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "ABRT",
    "TRAP", "SYS", "IO", "PWR", "RTMIN",
];

/// Signals that end it at once.
const UNCAUGHT: [&str; 5] = ["KILL", "SEGV", "BUS", "ILL", "FPE"];

/// How long any program may take to end once it is told to.
const PATIENCE: Duration = Duration::from_secs(60);

/// Wide enough for a terminal not to break a line that is looked for.
const COLUMNS: usize = 4000;

/// What ends the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing does.
    None,
    Caught(&'static str),
    Uncaught(&'static str),
    /// The terminal that the program talks to is closed.
    TerminalCloses,
    /// The reader takes a few rows and goes away.
    ReaderLeaves,
    /// The reader never reads, and a signal ends the wait.
    ReaderSleeps(&'static str),
    /// The reader reads nothing until the program has ended.
    ReaderIsLate,
    /// Nobody reads the errors, and a signal comes.
    ErrorsUnread(&'static str),
    /// Nothing can be written to stdout.
    DiskIsFull,
    /// No file may grow beyond so many blocks.
    FilesAreSmall(u32),
    /// The organization takes no more keys.
    Quota(usize),
}

impl End {
    /// All of them.
    pub(super) fn all() -> Vec<Self> {
        let mut ends = vec![
            Self::None,
            Self::TerminalCloses,
            Self::TerminalCloses,
            Self::ReaderLeaves,
            Self::ReaderIsLate,
            Self::ReaderSleeps("TERM"),
            Self::ReaderSleeps("KILL"),
            Self::ErrorsUnread("TERM"),
            Self::DiskIsFull,
            Self::FilesAreSmall(2),
            Self::FilesAreSmall(8),
            Self::FilesAreSmall(24),
            Self::FilesAreSmall(64),
            Self::Quota(41),
            Self::Quota(50),
        ];
        ends.extend(CAUGHT.map(Self::Caught));
        // As many as of the others.
        ends.extend([UNCAUGHT; 3].concat().into_iter().map(Self::Uncaught));
        ends
    }

    /// Returns true if it leaves the program no time to do or say anything.
    pub(super) fn is_sudden(self) -> bool {
        matches!(self, Self::Uncaught(_) | Self::ReaderSleeps("KILL"))
    }

    /// Returns true if nobody reads all that the program says.
    pub(super) fn hides_errors(self) -> bool {
        matches!(self, Self::TerminalCloses | Self::ErrorsUnread(_))
    }

    /// Returns true if every row that the program writes to stdout is read, for as long as it lives.
    pub(super) fn reads_rows(self) -> bool {
        matches!(
            self,
            Self::None
                | Self::Caught(_)
                | Self::Uncaught(_)
                | Self::ErrorsUnread(_)
                | Self::FilesAreSmall(_)
                | Self::Quota(_)
        )
    }
}

/// When it does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Point {
    /// Once the service has seen so many requests.
    Requests(usize),
    /// Once so many bytes have been written to stdout and to files.
    Bytes(usize),
}

impl Point {
    /// One of a statement that sends fewer than `requests` requests and writes fewer than `bytes` bytes.
    pub(super) fn draw(rng: &mut Rng, requests: usize, bytes: usize) -> Self {
        match draw(rng, &[true, true, false]) {
            true => Self::Requests(rng.usize(..requests)),
            false => Self::Bytes(rng.usize(..bytes)),
        }
    }

    fn is_reached(self, env: &TestEnv, read: &AtomicUsize) -> bool {
        match self {
            Self::Requests(count) => env.sandbox.requests().len() >= count,
            Self::Bytes(count) => read.load(Ordering::Relaxed) + size(&env.work()) >= count,
        }
    }

    /// Waits for it, or until the program is over.
    fn wait(self, env: &TestEnv, read: &AtomicUsize, mut is_over: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_reached(env, read) && !is_over() {
            assert!(Instant::now() < deadline, "{self:?} does not come");
            // How often it looks decides nothing: the program goes on meanwhile as it likes.
            std::thread::sleep(Duration::from_micros(300));
        }
    }
}

/// The bytes in the files of `folder`, which may come and go.
fn size(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => size(&entry.path()),
        Ok(found) => usize::try_from(found.len()).unwrap(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// Starts the program with `args`, ends it, and returns what could be read of it. From a terminal, that is all in `stdout`.
pub(super) fn run(env: &TestEnv, args: &[&str], end: End, point: Point, rng: &mut Rng) -> Output {
    let mut command = env.command(args);
    match end {
        End::TerminalCloses => {
            if let Some(mut terminal) = Terminal::sized(&command, COLUMNS) {
                point.wait(env, &AtomicUsize::new(0), || !terminal.is_running());
                return Output {
                    stdout: terminal.hang_up(),
                    stderr: String::new(),
                    code: None,
                };
            }
        }
        End::FilesAreSmall(blocks) => command = limited(&command, blocks),
        End::DiskIsFull => {
            command.stdout(File::options().write(true).open("/dev/full").unwrap());
        }
        _ => {}
    }
    let mut child = command.spawn().unwrap();
    let taken = Arc::default();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    match end {
        End::Caught(name) | End::Uncaught(name) => {
            let (stdout, stderr) = (read(stdout, &taken), read(stderr, &Arc::default()));
            point.wait(env, &taken, || is_over(&mut child));
            kill(&mut child, name);
            finish(child, Some(&stdout), Some(&stderr))
        }
        End::ErrorsUnread(name) => {
            drop(stderr);
            let stdout = read(stdout, &taken);
            point.wait(env, &taken, || is_over(&mut child));
            kill(&mut child, name);
            finish(child, Some(&stdout), None)
        }
        End::ReaderLeaves => {
            let stderr = read(stderr, &taken);
            let mut reader = BufReader::with_capacity(1, stdout.unwrap());
            let mut rows = Vec::new();
            for _ in 0..rng.usize(..4) {
                reader.read_until(b'\n', &mut rows).unwrap();
            }
            drop(reader);
            Output {
                stdout: String::from_utf8(rows).unwrap(),
                ..finish(child, None, Some(&stderr))
            }
        }
        End::ReaderSleeps(name) => {
            let stderr = read(stderr, &Arc::default());
            point.wait(env, &taken, || is_over(&mut child));
            kill(&mut child, name);
            let output = finish(child, None, Some(&stderr));
            drop(stdout);
            output
        }
        End::ReaderIsLate => {
            let output = finish(child, None, Some(&read(stderr, &taken)));
            drop(stdout);
            output
        }
        End::None
        | End::TerminalCloses
        | End::DiskIsFull
        | End::FilesAreSmall(_)
        | End::Quota(_) => {
            let (stdout, stderr) = (read(stdout, &taken), read(stderr, &taken));
            finish(child, Some(&stdout), Some(&stderr))
        }
    }
}

/// The same program, whose files may not grow beyond `blocks` of 512 bytes.
fn limited(command: &Command, blocks: u32) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .current_dir(command.get_current_dir().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell
}

/// Reads `stream` to its end, which is the program's, and counts the bytes in `taken` meanwhile.
fn read(stream: Option<impl Read + Send + 'static>, taken: &Arc<AtomicUsize>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    let taken = Arc::clone(taken);
    std::thread::spawn(move || {
        let (mut all, mut bytes) = (Vec::new(), [0; 4096]);
        if let Some(mut stream) = stream {
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                all.extend_from_slice(&bytes[..count]);
                taken.fetch_add(count, Ordering::Relaxed);
            }
        }
        // A test that has failed waits no more.
        let _ = sender.send(all);
    });
    receiver
}

fn is_over(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_some()
}

fn kill(child: &mut Child, name: &str) {
    if !is_over(child) {
        signal(child, name);
    }
}

/// Waits for the end of `child`, and returns what was read.
fn finish(
    mut child: Child,
    stdout: Option<&Receiver<Vec<u8>>>,
    stderr: Option<&Receiver<Vec<u8>>>,
) -> Output {
    let mut text = |stream: Option<&Receiver<Vec<u8>>>| {
        let Some(stream) = stream else {
            return String::new();
        };
        let Ok(bytes) = stream.recv_timeout(PATIENCE) else {
            child.kill().unwrap();
            panic!("the program does not end");
        };
        // The last character may be half there.
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (stderr, stdout) = (text(stderr), text(stdout));
    let code = child.wait().unwrap().code();
    Output {
        stdout,
        stderr,
        code,
    }
}
