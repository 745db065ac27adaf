//! stderr that never blocks the program.
//!
//! Writes bytes to stderr in bounded time: if it is a pipe that nobody reads, what does not fit is
//! dropped, and the next line that does fit says how much. Everything that this program writes to stderr goes
//! through here.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use parking_lot::Mutex;

#[cfg(unix)]
use super::stream;

/// How long a reader may take to make room for one more piece.
#[cfg_attr(not(unix), expect(dead_code, reason = "a wait cannot be ended there"))]
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    /// For incidental output: once the reader has stopped reading, no time is spent on it.
    Trace,
    /// For warnings and errors.
    Note,
}

/// Bytes that were dropped since the last that were written.
static DROPPED: Mutex<usize> = Mutex::new(0);

/// Writes `text`, or drops it if stderr takes nothing for too long.
pub(crate) fn write(text: &[u8], patience: Patience) {
    // Held while writing, so that lines stay whole.
    let mut dropped = DROPPED.lock();
    let patience = match (patience, *dropped) {
        (Patience::Trace, 0) => Duration::from_millis(200),
        (Patience::Trace, _) => Duration::ZERO,
        (Patience::Note, _) => Duration::from_secs(1),
    };
    if *dropped > 0 {
        let told = format!(
            "({} bytes of output were dropped because nothing read them)\n",
            *dropped
        );
        if put(told.as_bytes(), patience).is_ok() {
            *dropped = 0;
        }
    }
    // If stderr is closed, there is nobody to tell.
    if let Err(left) = put(text, patience) {
        *dropped += left;
    }
}

/// Returns false if nobody can read what is written: stderr is closed, its terminal is, its reader has gone away or has
/// stopped reading, its disk is full, or it is a device such as the null device.
#[cfg(unix)]
pub(crate) fn stderr_is_read() -> bool {
    use nix::poll::PollFlags;
    use nix::sys::stat::{SFlag, fstat};
    let stderr = io::stderr();
    let kind = fstat(&stderr).map(|found| SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT);
    let is_lost = match kind {
        Ok(SFlag::S_IFCHR) => !stderr.is_terminal(),
        Ok(SFlag::S_IFREG) => stream::is_disk_full(&stderr, 1),
        _ => false,
    };
    if is_lost {
        return false;
    }
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
    match stream::poll(&stderr, PollFlags::POLLOUT, Duration::ZERO) {
        // Without any, there is no room in the pipe.
        Ok(events) => !events.is_empty() && !events.intersects(gone),
        Err(_) => true,
    }
}

#[cfg(not(unix))]
pub(crate) fn stderr_is_read() -> bool {
    true
}

/// Writes `text` piece by piece, none of which blocks. Fails with the number of bytes left.
#[cfg(unix)]
fn put(mut text: &[u8], patience: Duration) -> Result<(), usize> {
    let stderr = io::stderr();
    while !text.is_empty() {
        match stream::poll(&stderr, nix::poll::PollFlags::POLLOUT, patience) {
            Ok(events) if events.is_empty() => return Err(text.len()),
            Ok(_) => {}
            Err(_) => return Ok(()),
        }
        // A pipe that is ready takes at least this much without blocking.
        let piece = text.len().min(nix::libc::PIPE_BUF);
        match stderr.lock().write(&text[..piece]) {
            Ok(0) => return Ok(()),
            Ok(written) => text = &text[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn put(text: &[u8], _: Duration) -> Result<(), usize> {
    let _ = io::stderr().lock().write_all(text);
    Ok(())
}

/// stderr for `-v`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trace;

impl Write for Trace {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(bytes, Patience::Trace);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
