//! Scans JSON without decoding it.
//!
//! Nearly all text of a listing is copied unchanged. This file finds what must not be copied unchanged, for readers and
//! writers of JSON alike: the `"` and `\` that end or escape, controls, and what is not ASCII. Bytes in, a length out,
//! eight bytes at a time, by [SIMD within a register] in safe Rust. Whole values are left to serde, which validates
//! them.
//!
//! [SIMD within a register]: https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord

use std::borrow::Cow;

use serde_json::value::RawValue;

/// One in every byte.
const ONES: u64 = u64::MAX / 0xff;

/// The highest bit of every byte.
const HIGHS: u64 = ONES << 7;

/// Splits `text` after the JSON value that it begins with. None if there is no such value.
pub(crate) fn value(text: &str) -> Option<(&str, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let value = values.next()?.ok()?;
    Some((value.get(), text.get(values.byte_offset()..)?))
}

/// A member of an object.
pub(crate) struct Member<'j> {
    /// Its name, without escapes.
    pub(crate) name: Cow<'j, str>,
    /// All of it, from the name to the value.
    pub(crate) text: &'j str,
    /// Its value.
    pub(crate) value: &'j str,
}

/// Returns the members of the JSON `object` in their order. None if it is not an object.
pub(crate) fn members(object: &str) -> Option<Vec<Member<'_>>> {
    let mut rest = object.strip_prefix('{')?.trim_start();
    let mut members = Vec::new();
    if rest.starts_with('}') {
        return Some(members);
    }
    loop {
        let start = rest;
        let (name, after) = value(rest)?;
        let (value, after) = value(after.trim_start().strip_prefix(':')?.trim_start())?;
        members.push(Member {
            name: serde_json::from_str(name).ok()?,
            text: start.get(..start.len() - after.len())?,
            value,
        });
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None => return rest.starts_with('}').then_some(members),
        }
    }
}

/// Returns true if `text` begins with `name`. Names are so short that calling a comparison of slices takes longer than
/// comparing them here.
pub(crate) fn begins(text: &[u8], name: &[u8]) -> bool {
    let Some(text) = text.get(..name.len()) else {
        return false;
    };
    match name.len() {
        // The two ends meet or overlap.
        8..=16 => {
            text.first_chunk::<8>() == name.first_chunk()
                && text.last_chunk::<8>() == name.last_chunk()
        }
        4..8 => {
            text.first_chunk::<4>() == name.first_chunk()
                && text.last_chunk::<4>() == name.last_chunk()
        }
        _ => text == name,
    }
}

/// Returns the number of bytes before the first `"`, `\` or C0 control: what a JSON string contains unescaped.
pub(crate) fn unescaped(text: &[u8]) -> usize {
    prefix(text, escaped)
}

/// Returns the number of bytes before the first that is `"`, `\` or not printable ASCII.
pub(crate) fn printable(text: &[u8]) -> usize {
    // The sum sets the highest bit for DEL.
    prefix(text, |word| {
        escaped(word) | ((word | word.wrapping_add(ONES)) & HIGHS)
    })
}

/// Sets the highest bit of each byte that is `"`, `\` or a C0 control. Only the lowest of these bits is reliable: bytes
/// above it may be marked wrongly.
fn escaped(word: u64) -> u64 {
    // Flipping this bit moves `"` right after the controls, which are only permuted.
    let turned = word ^ (ONES * 2);
    below(turned, 0x21) | below(word ^ (ONES * u64::from(b'\\')), 1)
}

/// Sets the highest bit of each byte that is less than `bound`, which is at most 0x80. The same reservation applies.
fn below(word: u64, bound: u64) -> u64 {
    word.wrapping_sub(ONES * bound) & !word & HIGHS
}

/// Returns the number of bytes before the first for which `found` sets the highest bit.
fn prefix(text: &[u8], found: impl Fn(u64) -> u64) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // In little-endian order the first byte is the lowest.
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

    #[test]
    fn a_value_is_parted_from_what_comes_behind_it() {
        assert_eq!(value(r#"{"a":"}"},"b""#), Some((r#"{"a":"}"}"#, r#","b""#)));
        assert_eq!(value("-1.5e3]"), Some(("-1.5e3", "]")));
        assert_eq!(value(r#""\"é",7"#), Some((r#""\"é""#, ",7")));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(value(&deep), Some((&*deep, "")));
        for broken in ["", "]", "01]", "{\"a\":}", "\"\n\"", "[1", "nul"] {
            assert_eq!(value(broken), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn what_begins_with_a_name_is_told(text in "[ab]{0,20}", name in "[ab]{0,20}", rest in "[ab]{0,3}") {
            prop_assert_eq!(begins(text.as_bytes(), name.as_bytes()), text.starts_with(&name));
            let longer = name.clone() + &rest;
            prop_assert!(begins(longer.as_bytes(), name.as_bytes()));
        }

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
