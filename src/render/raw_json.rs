//! JSON text as JSON: strings are escaped, documents are validated and put on one line.
//!
//! Works on bytes, without a tree in between. C0 controls are written as `\u00XX`, as JSON requires, and so is every other
//! character that [`is_hidden`] lists: a terminal would obey or hide it, and a parser reads both spellings as the same string.
//! Joiners and variation selectors are left alone, because scripts and emoji need them.

use serde::de::IgnoredAny;

use crate::invisible::is_hidden;
use crate::json_scan::printable;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` as a JSON string, quotes and all.
pub(crate) fn push_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut clean = 0;
    let mut at = 0;
    loop {
        at += printable(&bytes[at..]);
        let len = match bytes.get(at) {
            None => break,
            Some(byte @ (b'"' | b'\\')) => {
                out.extend_from_slice(&bytes[clean..at]);
                out.extend_from_slice(&[b'\\', *byte]);
                1
            }
            Some(_) => match hidden(&text[at..]) {
                Some(c) => {
                    out.extend_from_slice(&bytes[clean..at]);
                    push_escape(c, out);
                    c.len_utf8()
                }
                None => {
                    at += harmless(&text[at..]);
                    continue;
                }
            },
        };
        at += len;
        clean = at;
    }
    out.extend_from_slice(&bytes[clean..]);
    out.push(b'"');
}

/// Appends the JSON document `text`, without white space between tokens.
///
/// Members, their order, and the spelling of numbers and strings are kept. Text that is not JSON becomes a string.
pub(crate) fn push_document(text: &str, out: &mut Vec<u8>) {
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return push_string(text, out);
    }
    let bytes = text.as_bytes();
    let mut in_string = false;
    let mut clean = 0;
    let mut at = 0;
    loop {
        if in_string {
            at += printable(bytes.get(at..).unwrap_or_default());
        }
        let left_out = match bytes.get(at) {
            None => break,
            Some(b'"') => {
                in_string = !in_string;
                at += 1;
                continue;
            }
            // An escaped quote does not end the string.
            Some(b'\\') => {
                at += 2;
                continue;
            }
            Some(b' ' | b'\n' | b'\r' | b'\t') if !in_string => None,
            Some(0x7f..) => match hidden(&text[at..]) {
                Some(c) => Some(c),
                None => {
                    at += harmless(&text[at..]);
                    continue;
                }
            },
            Some(_) => {
                at += 1;
                continue;
            }
        };
        out.extend_from_slice(&bytes[clean..at]);
        at += left_out.map_or(1, char::len_utf8);
        clean = at;
        if let Some(c) = left_out {
            push_escape(c, out);
        }
    }
    out.extend_from_slice(bytes.get(clean..).unwrap_or_default());
}

/// Returns the length of the character that `text` begins with, if it needs no escape, and of all such characters beyond
/// ASCII that follow it.
fn harmless(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    let end = chars.find(|(_, c)| c.is_ascii() || is_hidden(*c));
    end.map_or(text.len(), |(at, _)| at)
}

/// Returns the character that `text` begins with, if it must be escaped.
fn hidden(text: &str) -> Option<char> {
    text.chars().next().filter(|c| is_hidden(*c))
}

fn push_escape(c: char, out: &mut Vec<u8>) {
    match c {
        '\n' => out.extend_from_slice(br"\n"),
        '\r' => out.extend_from_slice(br"\r"),
        '\t' => out.extend_from_slice(br"\t"),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let digit = |shift: u32| HEX[usize::from(*unit >> shift & 15)];
                out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn string(text: &str) -> String {
        let mut out = Vec::new();
        push_string(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn document(text: &str) -> String {
        let mut out = Vec::new();
        push_document(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_where_json_or_a_terminal_asks_for_it() {
        assert_eq!(string("plain é 日本"), r#""plain é 日本""#);
        assert_eq!(string("a\"b\\c\n\t\r"), r#""a\"b\\c\n\t\r""#);
        assert_eq!(
            string("\u{200f}\u{202e}\u{2066}\u{2026}"),
            "\"\\u200f\\u202e\\u2066\u{2026}\""
        );
        assert_eq!(
            string("\u{61c}\u{200b}\u{200d}\u{2060}\u{feff}\u{e0041}\u{fffd}"),
            "\"\\u061c\\u200b\u{200d}\\u2060\\ufeff\\udb40\\udc41\u{fffd}\""
        );
        assert_eq!(
            string("\0\x1b\x7f\u{9b}\u{a0}"),
            "\"\\u0000\\u001b\\u007f\\u009b\u{a0}\""
        );
    }

    #[test]
    fn documents_keep_everything_but_the_space_between_tokens() {
        assert_eq!(
            document("{ \"b\" : [ 1.50 , 2e3 ],\r\n\t\"a b\":\" \\\" x \" }"),
            r#"{"b":[1.50,2e3],"a b":" \" x "}"#
        );
        assert_eq!(
            document("{\"x\":\"\u{9b}31m\\\\\"} "),
            r#"{"x":"\u009b31m\\"}"#
        );
        assert_eq!(document("null"), "null");
    }

    #[test]
    fn what_is_no_json_becomes_a_string() {
        assert_eq!(document("{'a': 1}\n"), r#""{'a': 1}\n""#);
        assert_eq!(document("{} {}"), r#""{} {}""#);
        assert_eq!(document(""), r#""""#);
    }

    #[test]
    fn nesting_of_any_depth_is_read_without_recursion() {
        let open = "[".repeat(100_000);
        assert_eq!(document(&open), format!("\"{open}\""));
        let deep = format!("{open}{}", "]".repeat(100_000));
        assert_eq!(document(&deep), deep);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_string_reads_back_and_holds_no_control(text in any::<String>()) {
            let written = string(&text);
            prop_assert!(!written.chars().any(char::is_control));
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }

        #[test]
        fn any_document_reads_back_from_one_line(value in any_json()) {
            let written = document(&serde_json::to_string_pretty(&value).unwrap());
            prop_assert!(!written.chars().any(char::is_control));
            prop_assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), value);
        }
    }
}
