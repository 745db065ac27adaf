//! Finds the first byte of a text that needs care, eight bytes at a time.
//!
//! Nearly all text of a listing is copied as it is. What may not be is looked for here, for the readers and the
//! writers of JSON alike: the `"` and `\` that end or escape, the controls, and what is not ASCII. Bytes in, a length
//! out; the safe half of what [SIMD within a register] can do.
//!
//! [SIMD within a register]: https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord

/// One in every byte.
const ONES: u64 = u64::MAX / 0xff;

/// The highest bit of every byte.
const HIGHS: u64 = ONES << 7;

/// Returns how many bytes come before the first `"`, `\` or C0 control: what a JSON string holds unescaped.
pub(crate) fn unescaped(text: &[u8]) -> usize {
    prefix(text, |word| {
        equal(word, b'"') | equal(word, b'\\') | below(word, 0x20)
    })
}

/// Returns how many bytes come before the first that is `"`, `\` or no printable ASCII.
pub(crate) fn printable(text: &[u8]) -> usize {
    prefix(text, |word| {
        equal(word, b'"')
            | equal(word, b'\\')
            | below(word, 0x20)
            | equal(word, 0x7f)
            | (word & HIGHS)
    })
}

/// Returns the highest bit of each byte that is `byte`. Above the lowest one that is set, others may be set, too.
fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

/// Returns the highest bit of each byte that is less than `bound`, as [`equal`] does. `bound` is at most 0x80.
fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(bound)) & !word & HIGHS
}

/// Returns how many bytes come before the first for which `found` sets the highest bit.
fn prefix(text: &[u8], found: impl Fn(u64) -> u64) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // In this order the first byte is the lowest.
        let marks = found(u64::from_le_bytes(*word));
        if marks != 0 {
            return index * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let mut last = [b' '; 8];
    last[..rest.len()].copy_from_slice(rest);
    let marks = found(u64::from_le_bytes(last));
    words.len() * 8 + rest.len().min(marks.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_escaped(byte: u8) -> bool {
        matches!(byte, b'"' | b'\\' | 0..=0x1f)
    }

    fn before(text: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
        let first = text.iter().position(|byte| wanted(*byte));
        first.unwrap_or(text.len())
    }

    #[test]
    fn every_byte_is_told_at_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..20 {
                let mut text = [b'a'; 20];
                text[place] = byte;
                assert_eq!(unescaped(&text), before(&text, is_escaped));
                let other = |byte| is_escaped(byte) || byte >= 0x7f;
                assert_eq!(printable(&text), before(&text, other));
            }
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_one_byte_at_a_time(text in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(unescaped(&text), before(&text, is_escaped));
            prop_assert_eq!(printable(&text), before(&text, |byte| is_escaped(byte) || byte >= 0x7f));
        }

        #[test]
        fn text_without_any_is_passed_over_whole(text in "[ !#-\\[\\]-~]{0,40}") {
            prop_assert_eq!(unescaped(text.as_bytes()), text.len());
            prop_assert_eq!(printable(text.as_bytes()), text.len());
        }
    }
}
