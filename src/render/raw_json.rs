//! JSON text as JSON: strings are escaped, documents are validated and put on one line.
//!
//! Works on bytes, without a tree in between. C0 controls are written as `\u00XX`, as JSON requires, and so is every other
//! character that [`is_hidden`] lists: a terminal would obey or hide it, and a parser reads both spellings as the same string.
//! Joiners and variation selectors are left alone, because scripts and emoji need them.

use serde::de::IgnoredAny;

use crate::invisible::is_hidden;
use crate::json_scan::printable;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// How the quotes of JSON are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// As they are.
    Plain,
    /// Each one twice, as between the quotes of a csv field.
    Doubled,
}

impl Quotes {
    /// Appends one quote.
    pub(crate) fn push(self, out: &mut Vec<u8>) {
        out.push(b'"');
        if self == Self::Doubled {
            out.push(b'"');
        }
    }
}

/// Appends `text` as a JSON string, quotes and all.
pub(crate) fn push_string(text: &str, quotes: Quotes, out: &mut Vec<u8>) {
    quotes.push(out);
    let bytes = text.as_bytes();
    let mut clean = 0;
    let mut at = 0;
    loop {
        at += printable(&bytes[at..]);
        let len = match bytes.get(at) {
            None => break,
            Some(byte @ (b'"' | b'\\')) => {
                out.extend_from_slice(&bytes[clean..at]);
                out.push(b'\\');
                match byte {
                    b'"' => quotes.push(out),
                    _ => out.push(b'\\'),
                }
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
    quotes.push(out);
}

/// Appends the JSON document `text`, without white space between tokens.
///
/// Members, their order, and the spelling of numbers and strings are kept. Text that is not JSON becomes a string.
pub(crate) fn push_document(text: &str, quotes: Quotes, out: &mut Vec<u8>) {
    let start = out.len();
    if push_compact(text.as_bytes(), quotes, out).is_some() {
        return;
    }
    out.truncate(start);
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return push_string(text, quotes, out);
    }
    let bytes = text.as_bytes();
    let is_doubled = quotes == Quotes::Doubled;
    let mut in_string = false;
    let mut clean = 0;
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if in_string {
            at += printable(rest);
        }
        let skipped = match bytes.get(at) {
            None => break,
            Some(b'"') => {
                in_string = !in_string;
                at += 1;
                if is_doubled {
                    double(bytes, &mut clean, at, out);
                }
                continue;
            }
            // An escaped quote does not end the string.
            Some(b'\\') => {
                at += 2;
                if is_doubled && bytes.get(at - 1) == Some(&b'"') {
                    double(bytes, &mut clean, at, out);
                }
                continue;
            }
            Some(b' ' | b'\n' | b'\r' | b'\t') if !in_string => Some((None, 1)),
            Some(0x7f..) => hidden(&text[at..]).map(|c| (Some(c), c.len_utf8())),
            Some(_) => None,
        };
        match skipped {
            None => at += harmless(&text[at..]),
            Some((escaped, len)) => {
                out.extend_from_slice(&bytes[clean..at]);
                if let Some(c) = escaped {
                    push_escape(c, out);
                }
                at += len;
                clean = at;
            }
        }
    }
    out.extend_from_slice(bytes.get(clean..).unwrap_or_default());
}

/// The most levels of nesting that are validated and copied in one pass.
const LEVELS: u32 = u64::BITS;

/// Validates and copies, in one pass, a document in the spelling that services use: no white space between tokens, and
/// strings of printable ASCII without escapes. None, possibly with something appended, if it is spelled in any other way or
/// is not JSON.
fn push_compact(text: &[u8], quotes: Quotes, out: &mut Vec<u8>) -> Option<()> {
    // One bit for each open object (1) or list (0), the innermost lowest.
    let (mut objects, mut depth) = (0u64, 0);
    let mut tokens = Tokens {
        text,
        at: 0,
        clean: 0,
        quotes,
        out,
    };
    loop {
        match tokens.rest() {
            [b'{', b'}', ..] | [b'[', b']', ..] => tokens.at += 2,
            [open @ (b'{' | b'['), ..] if depth < LEVELS => {
                objects = objects << 1 | u64::from(*open == b'{');
                depth += 1;
                tokens.at += 1;
                if *open == b'{' {
                    tokens.name()?;
                }
                continue;
            }
            [b'"', ..] => tokens.string()?,
            _ => tokens.word()?,
        }
        // After a value.
        loop {
            let is_object = objects & 1 == 1;
            match tokens.rest() {
                [] if depth == 0 => {
                    tokens.out.extend_from_slice(&text[tokens.clean..]);
                    return Some(());
                }
                [b',', ..] if depth > 0 => {
                    tokens.at += 1;
                    if is_object {
                        tokens.name()?;
                    }
                    break;
                }
                [close @ (b'}' | b']'), ..] if depth > 0 && is_object == (*close == b'}') => {
                    tokens.at += 1;
                    objects >>= 1;
                    depth -= 1;
                }
                _ => return None,
            }
        }
    }
}

/// A document that is read token by token, and copied in pieces where quotes are doubled.
struct Tokens<'t> {
    text: &'t [u8],
    /// Where the next token starts.
    at: usize,
    /// The end of what has been copied.
    clean: usize,
    quotes: Quotes,
    out: &'t mut Vec<u8>,
}

impl<'t> Tokens<'t> {
    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn string(&mut self) -> Option<()> {
        let inside = self.rest().strip_prefix(b"\"")?;
        let len = printable(inside);
        if inside.get(len) != Some(&b'"') {
            return None;
        }
        let end = self.at + len + 2;
        if self.quotes == Quotes::Doubled {
            double(self.text, &mut self.clean, self.at + 1, self.out);
            double(self.text, &mut self.clean, end, self.out);
        }
        self.at = end;
        Some(())
    }

    /// The name of a member, and the colon after it.
    fn name(&mut self) -> Option<()> {
        self.string()?;
        self.rest().starts_with(b":").then(|| self.at += 1)
    }

    /// A number, a truth value or null.
    fn word(&mut self) -> Option<()> {
        let in_word =
            |byte: &&u8| matches!(byte, b'-' | b'+' | b'.') || byte.is_ascii_alphanumeric();
        let rest = self.rest();
        let word = &rest[..rest.iter().take_while(in_word).count()];
        let is_value = word == b"null" || serde_json::from_slice::<IgnoredAny>(word).is_ok();
        is_value.then(|| self.at += word.len())
    }
}

/// Copies `bytes[..at]`, which ends in a quote, and starts the next piece at that same quote, so that it is written twice.
fn double(bytes: &[u8], clean: &mut usize, at: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&bytes[*clean..at]);
    *clean = at - 1;
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
        push_string(text, Quotes::Plain, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn document(text: &str) -> String {
        let mut out = Vec::new();
        push_document(text, Quotes::Plain, &mut out);
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

    fn compact(text: &str) -> Option<String> {
        let mut out = Vec::new();
        push_compact(text.as_bytes(), Quotes::Plain, &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_spelling_of_services_is_copied_in_one_pass() {
        let spec = r#"{"a":{"id":"sa-1","n":null},"b":[{},[],-1.5e3,true,[[""]]],"c":""}"#;
        assert_eq!(compact(spec).as_deref(), Some(spec));
        let deepest = format!("{}0{}", "[".repeat(64), "]".repeat(64));
        assert_eq!(compact(&deepest).as_deref(), Some(&*deepest));
        assert_eq!(compact(&format!("[{deepest}]")), None);
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

    /// Takes back what [`Quotes::Doubled`] does; None if there is a quote that stands alone.
    fn halved(text: &str) -> Option<String> {
        let single = text.replace("\"\"", "\0");
        (!single.contains('"')).then(|| single.replace('\0', "\""))
    }

    proptest! {
        #[test]
        fn what_is_copied_in_one_pass_is_json(text in "[\\[\\]{}:,\"0-2ntrue .-]{0,12}") {
            if let Some(copied) = compact(&text) {
                prop_assert_eq!(&copied, &text);
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
            }
        }

        #[test]
        fn doubled_quotes_are_the_only_difference(text in any::<String>(), value in any_json()) {
            let mut out = Vec::new();
            push_string(&text, Quotes::Doubled, &mut out);
            prop_assert_eq!(halved(std::str::from_utf8(&out).unwrap()), Some(string(&text)));
            for text in [&text, &value.to_string(), &serde_json::to_string_pretty(&value).unwrap()] {
                let mut out = Vec::new();
                push_document(text, Quotes::Doubled, &mut out);
                prop_assert_eq!(halved(std::str::from_utf8(&out).unwrap()), Some(document(text)));
            }
        }

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
