//! The buffer between a renderer and its writer.
//!
//! Renderers append bytes to one reused buffer, which is written in large pieces, by [`OutputBuffer::spill`] and
//! [`OutputBuffer::flush`] only. Nothing is written twice.

use std::io::{self, Write};

/// Bytes to collect before they are written: the capacity of a Linux pipe.
const SPILL: usize = 64 * 1024;

/// A writer, and the bytes that have not been written to it yet.
pub(crate) struct OutputBuffer<'w> {
    writer: Box<dyn Write + Send + 'w>,
    /// What the renderer appends to.
    pub(crate) buffer: Vec<u8>,
}

impl<'w> OutputBuffer<'w> {
    /// Wraps `writer`.
    pub(crate) fn new(writer: Box<dyn Write + Send + 'w>) -> Self {
        Self {
            writer,
            buffer: Vec::new(),
        }
    }

    /// Writes the bytes if enough have been collected; called after each row.
    pub(crate) fn spill(&mut self) -> io::Result<()> {
        if self.buffer.len() < SPILL {
            Ok(())
        } else {
            self.drain()
        }
    }

    /// Writes all bytes, and flushes the writer.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        self.writer.flush()
    }

    fn drain(&mut self) -> io::Result<()> {
        let result = self.writer.write_all(&self.buffer);
        // Even after an error: there is no telling which part was written, and rows must not appear twice.
        self.buffer.clear();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails the first write if it is full.
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
        let mut out = OutputBuffer::new(Box::new(&mut taken));
        out.buffer.extend_from_slice(b"row\n");
        out.spill().unwrap();
        assert_eq!(out.buffer, b"row\n");
        out.buffer.resize(SPILL, b'x');
        out.spill().unwrap();
        assert!(out.buffer.is_empty());
        drop(out);
        assert_eq!(taken.len(), SPILL);
    }

    #[test]
    fn bytes_that_were_refused_are_not_written_later() {
        let mut taken = Vec::new();
        let mut out = OutputBuffer::new(Box::new(Disk {
            full: true,
            taken: &mut taken,
        }));
        out.buffer.extend_from_slice(b"one\n");
        assert!(out.flush().is_err());
        out.buffer.extend_from_slice(b"two\n");
        out.flush().unwrap();
        drop(out);
        assert_eq!(taken, b"two\n");
    }
}
