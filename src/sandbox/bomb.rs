//! A gzip bomb: a text with so many blanks after it that it inflates to 160 times its size.
//!
//! Written bit by bit (RFC 1951 and RFC 1952) rather than by a compressor, so that it costs nothing to make a big one.

use axum::body::Bytes;
use futures::{Stream, stream};

/// The most bytes that one match repeats.
const MATCH: u64 = 258;
/// Matches in one piece: some 64 KB of gzip.
const MATCHES: u64 = 40_000;

/// Returns `content` and at least so many blanks that `bytes` is reached, as gzip, in pieces.
pub(super) fn gzip(content: &Bytes, bytes: u64) -> impl Stream<Item = Bytes> + use<> {
    let mut bits = Bits::default();
    // The header: deflate, no name, no time, an unknown system.
    bits.out
        .extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    for piece in content.chunks(usize::from(u16::MAX)) {
        bits.put_stored(piece);
    }
    // The last block, with the fixed codes; one blank, then matches that repeat what is one byte back.
    bits.put(1, 1);
    bits.put(1, 2);
    bits.put_code(0x30 + u32::from(b' '), 8);
    let mut sum = crc32fast::Hasher::new();
    sum.update(content);
    sum.update(b" ");
    let length = content.len() as u64 + 1;
    let left = bytes.saturating_sub(length).div_ceil(MATCH);
    let state = (Some(left), bits, sum, length);
    stream::unfold(state, |(left, mut bits, mut sum, mut length)| async move {
        let left = left?;
        let now = left.min(MATCHES);
        for _ in 0..now {
            // Length 258, distance 1.
            bits.put_code(0xc5, 8);
            bits.put_code(0, 5);
            sum.update(&[b' '; MATCH as usize]);
        }
        length += now * MATCH;
        let mut left = Some(left - now);
        if left == Some(0) {
            left = None;
            // The end of the block, then sum and length, the latter modulo 2^32.
            bits.put_code(0, 7);
            bits.align();
            bits.out
                .extend_from_slice(&sum.clone().finalize().to_le_bytes());
            bits.out.extend_from_slice(&(length as u32).to_le_bytes());
        }
        let piece = Bytes::from(std::mem::take(&mut bits.out));
        Some((piece, (left, bits, sum, length)))
    })
}

/// Bits on their way into bytes, the lowest first.
#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    /// Appends the lowest `count` bits of `value`, the lowest first.
    fn put(&mut self, value: u32, count: u32) {
        self.pending |= value << self.count;
        self.count += count;
        while self.count >= 8 {
            self.out.push((self.pending & 0xff) as u8);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    /// Appends a Huffman code of `count` bits, which goes the highest first.
    fn put_code(&mut self, code: u32, count: u32) {
        self.put(code.reverse_bits() >> (32 - count), count);
    }

    fn align(&mut self) {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
    }

    /// Appends a block that is not the last and holds `piece` as it is.
    fn put_stored(&mut self, piece: &[u8]) {
        self.put(0, 3);
        self.align();
        let length = piece.len() as u16;
        self.out.extend_from_slice(&length.to_le_bytes());
        self.out.extend_from_slice(&(!length).to_le_bytes());
        self.out.extend_from_slice(piece);
    }
}
