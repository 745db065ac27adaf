//! The buffer between a renderer and its writer.
//!
//! Renderers append bytes to one reused buffer, which goes to the writer in large pieces. Nothing is written that was
//! not handed over by [`Sink::spill`] or [`Sink::flush`], and nothing is written twice.

use std::io::{self, Write};

/// Bytes that collect before they go to the writer: what a Linux pipe holds.
const SPILL: usize = 64 * 1024;

/// A writer with the bytes that it has yet to get.
pub(crate) struct Sink<'w> {
    writer: Box<dyn Write + Send + 'w>,
    /// What the renderer appends to.
    pub(crate) buffer: Vec<u8>,
}

impl<'w> Sink<'w> {
    /// Wraps `writer`.
    pub(crate) fn new(writer: Box<dyn Write + Send + 'w>) -> Self {
        Self {
            writer,
            buffer: Vec::new(),
        }
    }

    /// Passes the bytes on if enough have collected; called after each row.
    pub(crate) fn spill(&mut self) -> io::Result<()> {
        if self.buffer.len() < SPILL {
            Ok(())
        } else {
            self.drain()
        }
    }

    /// Passes all bytes on, and flushes the writer.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        self.writer.flush()
    }

    fn drain(&mut self) -> io::Result<()> {
        let result = self.writer.write_all(&self.buffer);
        // After an error too: nobody knows which part is out, and rows must not appear twice.
        self.buffer.clear();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nothing for as long as it is full.
    struct Disk<'a> {
        full: bool,
        taken: &'a mut Vec<u8>,
    }

    impl Write for Disk<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if std::mem::take(&mut self.full) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.taken.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn small_pieces_wait_and_large_ones_go() {
        let mut taken = Vec::new();
        let mut sink = Sink::new(Box::new(&mut taken));
        sink.buffer.extend_from_slice(b"row\n");
        sink.spill().unwrap();
        assert_eq!(sink.buffer, b"row\n");
        sink.buffer.resize(SPILL, b'x');
        sink.spill().unwrap();
        assert!(sink.buffer.is_empty());
        drop(sink);
        assert_eq!(taken.len(), SPILL);
    }

    #[test]
    fn bytes_that_were_refused_are_not_written_later() {
        let mut taken = Vec::new();
        let mut sink = Sink::new(Box::new(Disk {
            full: true,
            taken: &mut taken,
        }));
        sink.buffer.extend_from_slice(b"one\n");
        assert!(sink.flush().is_err());
        sink.buffer.extend_from_slice(b"two\n");
        sink.flush().unwrap();
        drop(sink);
        assert_eq!(taken, b"two\n");
    }
}
