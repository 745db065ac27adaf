//! A gzip bomb: a text with so many blanks after it that it inflates to many times its size.
//!
//! The blanks are compressed once, to something that needs nothing before it, and sent again and again: so it costs nothing
//! to make a big one.

use std::io::Write;
use std::iter::repeat_n;

use axum::body::Bytes;
use crc32fast::Hasher;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use futures::{Stream, StreamExt, stream};

/// The blanks that are compressed together.
static BLANKS: [u8; 1 << 16] = [b' '; 1 << 16];

/// Deflate, no name, no time, an unknown system (RFC 1952).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The last block of all, with nothing in it (RFC 1951).
const END: [u8; 2] = [3, 0];

/// Returns `content` and at least so many blanks that `bytes` is reached, as gzip, in pieces.
pub(super) fn gzip(content: &Bytes, bytes: u64) -> impl Stream<Item = Bytes> + use<> {
    let left = bytes.saturating_sub(content.len() as u64);
    let count = left.div_ceil(BLANKS.len() as u64) as usize;
    let begin = [HEADER.as_slice(), &deflated(content, Compression::none())].concat();
    let content = content.clone();
    let end = stream::once(async move {
        let [mut sum, mut blanks] = [Hasher::new(), Hasher::new()];
        sum.update(&content);
        blanks.update(&BLANKS);
        repeat_n(&blanks, count).for_each(|blanks| sum.combine(blanks));
        // The latter modulo 2^32.
        let length = (content.len() + count * BLANKS.len()) as u32;
        let sums = [sum.finalize(), length].map(u32::to_le_bytes);
        [END.as_slice(), sums.as_flattened()].concat().into()
    });
    let pieces = repeat_n(Bytes::from(deflated(&BLANKS, Compression::best())), count);
    stream::iter([begin.into()].into_iter().chain(pieces)).chain(end)
}

/// Returns `bytes` as blocks that end with a byte, and of which none is the last.
fn deflated(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), level);
    // It writes to memory, which does not fail.
    let _ = encoder.write_all(bytes).and_then(|()| encoder.flush());
    encoder.get_ref().clone()
}
