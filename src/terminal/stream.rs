//! What rows are written to: a file, a pipe, a terminal. Knows whether the reader is still there, and never waits
//! forever for one that has stopped reading.
//!
//! A pipe buffers rows that nobody reads, and a paused reader blocks the writer forever. If the rows hold secrets,
//! both must be noticed: so a stream is checked before it is written to, and a blocked write ends once the
//! statement is interrupted, or the time limit for readers is over.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;
#[cfg(unix)]
use std::time::Instant;

#[cfg(unix)]
use nix::libc::PIPE_BUF;
#[cfg(unix)]
use nix::poll::{PollFd, PollFlags, PollTimeout};

use crate::session::Interrupt;

/// How often a blocked writer checks for an interruption.
#[cfg(unix)]
const LOOK: Duration = Duration::from_millis(100);

/// How long readers are waited for after an interruption, all in all: less than a second, within which a statement ends.
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_millis(800);

/// How long to wait for a reader that wants only the first rows to close the pipe.
#[cfg(unix)]
const LEAVING: Duration = Duration::from_millis(100);

/// How long a reader may read nothing at the end of the rows before it counts as not reading.
#[cfg(unix)]
const UNREAD: Duration = Duration::from_secs(2);

/// The error of a reader that takes nothing.
#[cfg(unix)]
const UNREAD_TEXT: &str = "nobody reads what was written";

/// How often to look how far a reader has come.
#[cfg(unix)]
const GLANCE: Duration = Duration::from_millis(2);

/// Returns true if the disk of `file` has no room left for `bytes`, as far as that can be told.
#[cfg(unix)]
pub(super) fn is_disk_full(file: impl std::os::fd::AsFd, bytes: u64) -> bool {
    let disk = nix::sys::statvfs::fstatvfs(file);
    // Some file systems do not count.
    disk.is_ok_and(|disk| {
        let free = disk.blocks_available().saturating_mul(disk.fragment_size());
        disk.blocks() > 0 && free < bytes
    })
}

/// Opens `path` to append to it. Opening a pipe would otherwise block the thread until somebody reads.
#[cfg(unix)]
fn open(path: &Path, interrupt: &Interrupt) -> io::Result<File> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

    let is_pipe = std::fs::metadata(path)?.file_type().is_fifo();
    let mut options = File::options();
    options.append(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let began = Instant::now();
    let file = loop {
        match options.open(path) {
            Err(error) if is_pipe && error.raw_os_error() == Some(nix::libc::ENXIO) => {
                if interrupt.is_raised() {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                let limit = interrupt.reader_limit();
                if limit.is_some_and(|limit| began.elapsed() >= limit) {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it"));
                }
                std::thread::sleep(GLANCE);
            }
            opened => break opened?,
        }
    };
    fcntl(&file, FcntlArg::F_SETFL(OFlag::O_APPEND))?;
    Ok(file)
}

#[cfg(not(unix))]
fn open(path: &Path, _: &Interrupt) -> io::Result<File> {
    File::options().append(true).open(path)
}

/// Returns true if nothing can be written to `file`.
#[cfg(unix)]
fn is_read_only(file: impl std::os::fd::AsFd) -> bool {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    fcntl(file, FcntlArg::F_GETFL)
        .is_ok_and(|flags| OFlag::from_bits_retain(flags) & OFlag::O_ACCMODE == OFlag::O_RDONLY)
}

/// What is behind a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Rows stay there.
    File,
    /// Rows are discarded.
    Null,
    /// A pipe, with or without a reader at the other end.
    Pipe,
    /// A socket, of which nobody can tell how much was read.
    Socket,
    /// A terminal or another device.
    Device,
}

/// Something that rows are written to.
#[derive(Debug)]
pub(crate) struct Stream {
    file: File,
    kind: Kind,
    is_stdout: bool,
    #[cfg_attr(not(unix), expect(dead_code, reason = "a wait cannot be ended there"))]
    interrupt: Interrupt,
    /// How long its reader was waited for since the statement was interrupted.
    #[cfg_attr(not(unix), expect(dead_code, reason = "a wait cannot be ended there"))]
    waited: Duration,
}

impl Stream {
    /// Writes to `file`. Waits for a paused reader until `interrupt` is raised.
    ///
    /// Fails if the kind of the file cannot be found out.
    pub(crate) fn new(file: File, interrupt: &Interrupt) -> io::Result<Self> {
        Ok(Self {
            kind: kind(&file)?,
            file,
            is_stdout: false,
            interrupt: interrupt.clone(),
            waited: Duration::ZERO,
        })
    }

    /// Adds to the pipe or device at `path`. Waits for a pipe to get a reader, until `interrupt` is raised or its limit
    /// for readers is over.
    ///
    /// Fails if it cannot be opened, and as [`io::ErrorKind::Interrupted`] if it was interrupted.
    pub(crate) fn open(path: &Path, interrupt: &Interrupt) -> io::Result<Self> {
        Self::new(open(path, interrupt)?, interrupt)
    }

    /// Writes to stdout without its buffer, so that what was written has left the process.
    ///
    /// Fails if the kind of the file cannot be found out, and if nothing can be written to it.
    pub(crate) fn stdout(interrupt: &Interrupt) -> io::Result<Self> {
        #[cfg(unix)]
        let stdout = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?;
        #[cfg(windows)]
        let stdout =
            std::os::windows::io::AsHandle::as_handle(&io::stdout()).try_clone_to_owned()?;
        #[cfg(unix)]
        if is_read_only(&stdout) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it is open for reading only",
            ));
        }
        Ok(Self {
            is_stdout: true,
            ..Self::new(File::from(stdout), interrupt)?
        })
    }

    /// Returns true if stdout is a file that other users can read. Its permissions are not ours to change.
    #[cfg(unix)]
    pub(crate) fn is_open_to_others(&self) -> bool {
        use std::os::unix::fs::PermissionsExt;
        let mode = self
            .file
            .metadata()
            .map_or(0, |found| found.permissions().mode());
        self.is_stdout && self.kind == Kind::File && mode & 0o077 != 0
    }

    /// Here a file inherits its permissions from its folder.
    #[cfg(not(unix))]
    pub(crate) fn is_open_to_others(&self) -> bool {
        false
    }

    /// Returns true if a person sees what is written.
    pub(crate) fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// Returns true if what was written stays there.
    pub(crate) fn keeps(&self) -> bool {
        self.kind == Kind::File
    }

    /// Returns true if what is written is discarded.
    pub(crate) fn discards(&self) -> bool {
        self.kind == Kind::Null
    }

    /// Puts what was written to a file on the disk.
    ///
    /// Fails if the disk does not take it.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match self.kind {
            Kind::File => self.file.sync_data(),
            _ => Ok(()),
        }
    }

    /// Finds out whether `bytes` more could be written, without writing any.
    ///
    /// Fails if nobody will read what is written from now on, or there is no room for it.
    #[cfg(unix)]
    pub(crate) fn check(&self, bytes: u64) -> io::Result<()> {
        match self.kind {
            Kind::Null => Ok(()),
            Kind::File if is_disk_full(&self.file, bytes) => Err(io::ErrorKind::StorageFull.into()),
            Kind::File => Ok(()),
            Kind::Pipe | Kind::Socket | Kind::Device => {
                self.wait_for_leaving(Duration::ZERO)?;
                // A device that takes nothing refuses nothing as well. A terminal would wait for other writers.
                match self.kind == Kind::Device && !self.is_terminal() {
                    true => (&self.file).write(&[]).map(drop),
                    false => Ok(()),
                }
            }
        }
    }

    /// Without `poll`, a closed pipe shows only when something is written.
    #[cfg(not(unix))]
    pub(crate) fn check(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    /// Keeps a pipe open until its reader has taken everything, and for a moment longer. A reader that wants all rows
    /// waits for the end of the file; one that leaves now may not have used all of them.
    ///
    /// Fails if the reader leaves, if it stops reading, and where nobody can tell.
    #[cfg(unix)]
    pub(crate) fn settle(&self) -> io::Result<()> {
        if !matches!(self.kind, Kind::Pipe | Kind::Socket) {
            return self.check(1);
        }
        let (mut before, mut still) = (u64::MAX, Duration::ZERO);
        loop {
            self.wait_for_leaving(Duration::ZERO)?;
            match self.unread() {
                Some(0) => return self.wait_for_leaving(LEAVING),
                Some(unread) if unread != before => (before, still) = (unread, Duration::ZERO),
                Some(_) => still += GLANCE,
                None => {
                    self.wait_for_leaving(LEAVING)?;
                    return Err(io::Error::other("it is not known how much was read"));
                }
            }
            let most = match self.interrupt.is_raised() {
                true => PATIENCE,
                false => UNREAD,
            };
            if still >= most {
                return Err(io::Error::new(io::ErrorKind::TimedOut, UNREAD_TEXT));
            }
            self.wait_for_leaving(GLANCE)?;
        }
    }

    /// Returns how many bytes of a pipe its reader has not taken; None where nobody can tell.
    #[cfg(target_os = "linux")]
    fn unread(&self) -> Option<u64> {
        match self.kind {
            Kind::Pipe => rustix::io::ioctl_fionread(&self.file).ok(),
            _ => None,
        }
    }

    /// Elsewhere the writing end of a pipe does not tell.
    #[cfg(all(unix, not(target_os = "linux")))]
    fn unread(&self) -> Option<u64> {
        None
    }

    /// Returns true if what was written is known to be on disk, or taken by its reader.
    pub(crate) fn has_arrived(&self) -> bool {
        match self.kind {
            Kind::File => self.file.sync_data().is_ok(),
            Kind::Null | Kind::Device => true,
            #[cfg(unix)]
            Kind::Pipe | Kind::Socket => self.unread() == Some(0),
            #[cfg(not(unix))]
            Kind::Pipe | Kind::Socket => false,
        }
    }

    /// Without `poll` the reader cannot be watched.
    #[cfg(not(unix))]
    pub(crate) fn settle(&self) -> io::Result<()> {
        Ok(())
    }

    #[cfg(unix)]
    fn wait_for_leaving(&self, most: Duration) -> io::Result<()> {
        // With no event requested, `poll` still reports that the other end is closed.
        let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
        match poll(&self.file, PollFlags::empty(), most)? {
            found if found.intersects(gone) => Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "its reader is gone",
            )),
            _ => Ok(()),
        }
    }

    /// Waits until the stream can be written to.
    ///
    /// # Errors
    ///
    /// Fails if that takes too long.
    #[cfg(unix)]
    fn wait(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        loop {
            let glance = Instant::now();
            let is_ready = !poll(&self.file, PollFlags::POLLOUT, LOOK)?.is_empty();
            let limit = self.interrupt.reader_limit();
            let why = if self.interrupt.is_raised() {
                // A reader that takes a little now and then would never let a statement end.
                self.waited += glance.elapsed();
                (self.waited >= PATIENCE).then(|| UNREAD_TEXT.to_owned())
            } else {
                self.waited = Duration::ZERO;
                limit
                    .filter(|limit| !is_ready && begun.elapsed() >= *limit)
                    .map(|limit| {
                        format!(
                            "the reader took no data for {} s (--timeout)",
                            limit.as_secs()
                        )
                    })
            };
            if let Some(why) = why {
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            if is_ready {
                return Ok(());
            }
        }
    }
}

/// Returns which of `wanted` `file` is ready for, or what is wrong with it, within `most`; nothing if that takes longer.
#[cfg(unix)]
pub(super) fn poll(file: &impl AsFd, wanted: PollFlags, most: Duration) -> io::Result<PollFlags> {
    let timeout = PollTimeout::try_from(most).unwrap_or(PollTimeout::ZERO);
    loop {
        let mut asked = [PollFd::new(file.as_fd(), wanted)];
        match nix::poll::poll(&mut asked, timeout) {
            Ok(_) => return Ok(asked[0].revents().unwrap_or(PollFlags::empty())),
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(unix)]
        if matches!(self.kind, Kind::Pipe | Kind::Socket | Kind::Device) {
            self.wait()?;
            // A pipe that is ready takes at least this much without blocking.
            return self.file.write(&bytes[..bytes.len().min(PIPE_BUF)]);
        }
        // The console needs the standard library's translation to UTF-16.
        #[cfg(not(unix))]
        if self.is_stdout {
            return io::stdout().lock().write(bytes);
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        #[cfg(not(unix))]
        if self.is_stdout {
            return io::stdout().lock().flush();
        }
        self.file.flush()
    }
}

#[cfg(unix)]
fn kind(file: &File) -> io::Result<Kind> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let found = file.metadata()?;
    let ty = found.file_type();
    let null = std::fs::metadata("/dev/null").map(|null| null.rdev());
    Ok(match () {
        () if ty.is_file() => Kind::File,
        () if ty.is_fifo() => Kind::Pipe,
        () if ty.is_socket() => Kind::Socket,
        // If stdout was closed, the runtime has opened the null device in its place.
        () if ty.is_char_device() && null.is_ok_and(|null| null == found.rdev()) => Kind::Null,
        () => Kind::Device,
    })
}

#[cfg(not(unix))]
fn kind(file: &File) -> io::Result<Kind> {
    Ok(match file.metadata()?.is_file() {
        true => Kind::File,
        false => Kind::Device,
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::{PipeReader, Read, pipe};
    use std::os::fd::OwnedFd;

    fn piped() -> (PipeReader, Stream, Interrupt) {
        let (reader, writer) = pipe().unwrap();
        let interrupt = Interrupt::default();
        let stream = Stream::new(File::from(OwnedFd::from(writer)), &interrupt).unwrap();
        (reader, stream, interrupt)
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_not_waited_for_forever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let impatient = Interrupt::with_reader_limit(Some(Duration::ZERO));
        let timed_out = Stream::open(&path, &impatient).unwrap_err();
        assert_eq!(timed_out.kind(), io::ErrorKind::TimedOut);

        let interrupt = Interrupt::default();
        let waiting = std::thread::spawn({
            let (path, interrupt) = (path.clone(), interrupt.clone());
            move || Stream::open(&path, &interrupt).map(drop)
        });
        interrupt.raise();
        let interrupted = waiting.join().unwrap().unwrap_err();
        assert_eq!(interrupted.kind(), io::ErrorKind::Interrupted);

        let reader = std::thread::spawn({
            let path = path.clone();
            move || std::fs::read_to_string(path).unwrap()
        });
        let mut stream = Stream::open(&path, &Interrupt::default()).unwrap();
        stream.write_all(b"rows").unwrap();
        drop(stream);
        assert_eq!(reader.join().unwrap(), "rows");
    }

    #[test]
    fn a_reader_that_leaves_is_noticed_without_a_word_being_written() {
        let (reader, stream, _) = piped();
        stream.check(1).unwrap();
        stream.settle().unwrap();
        drop(reader);
        for noticed in [stream.check(1), stream.settle()] {
            assert_eq!(noticed.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_reader_that_does_not_read_is_told_from_one_that_does() {
        let (mut reader, mut stream, interrupt) = piped();
        assert!(stream.has_arrived());
        stream.write_all(b"row\n").unwrap();
        assert!(!stream.has_arrived());
        interrupt.raise();
        let doubt = stream.settle().unwrap_err();
        assert_eq!(doubt.kind(), io::ErrorKind::TimedOut);
        reader.read_exact(&mut [0; 4]).unwrap();
        assert!(stream.has_arrived());
        stream.settle().unwrap();
    }

    #[test]
    fn nobody_can_tell_what_became_of_a_row_in_a_socket() {
        let (_reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let stream = Stream::new(File::from(OwnedFd::from(writer)), &Interrupt::default());
        let stream = stream.unwrap();
        assert!(!stream.has_arrived() && !stream.keeps());
        stream.check(1).unwrap();
        stream.settle().unwrap_err();
    }

    #[test]
    fn a_pipe_takes_more_than_it_holds_as_long_as_somebody_reads() {
        let (mut reader, mut stream, _) = piped();
        let sent = vec![b'x'; 300_000];
        let taken = std::thread::spawn(move || {
            let mut taken = Vec::new();
            reader.read_to_end(&mut taken).unwrap();
            taken
        });
        stream.write_all(&sent).unwrap();
        drop(stream);
        assert_eq!(taken.join().unwrap(), sent);
    }

    #[test]
    fn a_reader_that_pauses_is_given_up_once_the_statement_is_to_stop() {
        let (_reader, mut stream, interrupt) = piped();
        interrupt.raise();
        // What can be written at once still is.
        stream.write_all(b"row\n").unwrap();
        let full = stream.write_all(&vec![b'x'; 1 << 20]).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_reader_that_takes_little_now_and_then_is_given_up_as_well() {
        let (mut reader, mut stream, interrupt) = piped();
        interrupt.raise();
        let reading = std::thread::spawn(move || {
            let mut taken = [0; PIPE_BUF];
            while reader.read(&mut taken).is_ok_and(|read| read > 0) {
                std::thread::sleep(LOOK / 2);
            }
        });
        let begun = Instant::now();
        let full = stream.write_all(&vec![b'x'; 1 << 20]).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() < Duration::from_secs(5));
        drop(stream);
        reading.join().unwrap();
    }

    #[test]
    fn a_reader_that_pauses_for_longer_than_the_limit_is_given_up() {
        let (_reader, writer) = pipe().unwrap();
        let interrupt = Interrupt::with_reader_limit(Some(LOOK));
        let mut stream = Stream::new(File::from(OwnedFd::from(writer)), &interrupt).unwrap();
        stream.write_all(b"row\n").unwrap();
        let full = stream.write_all(&vec![b'x'; 1 << 20]).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_file_keeps_rows_and_the_null_device_drops_them() {
        let interrupt = Interrupt::default();
        let open = |path: &str| {
            let file = File::options().write(true).open(path).unwrap();
            Stream::new(file, &interrupt).unwrap()
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows");
        std::fs::write(&path, "").unwrap();
        let file = open(path.to_str().unwrap());
        assert!(file.keeps() && !file.discards());
        file.check(1).unwrap();
        file.settle().unwrap();
        let null = open("/dev/null");
        assert!(null.discards() && !null.keeps());
        let (_reader, pipe, _) = piped();
        assert!(!pipe.keeps() && !pipe.discards());
    }
}
