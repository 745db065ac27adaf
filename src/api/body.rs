//! The raw JSON of one key, and the error for a body that cannot be read.
//!
//! A key is kept exactly as it was sent, so that members unknown to this version survive; the table decodes the fields
//! it needs. Never shows the content of a body.

use std::fmt;
use std::io::Read;
use std::iter::successors;

use bytes::Bytes;
use flate2::read::{GzDecoder, ZlibDecoder};
use serde_json::Value;
use serde_json::value::RawValue;

use super::text::printable;
use crate::json_scan;
use crate::mask::Mask;
use crate::resource::Writes;
use crate::secret::{self, Secret};

/// One key as JSON, exactly as it was sent. `Debug` shows only its size, because the answer to a create contains a
/// secret. Cheap to clone; a key of a page shares the page's memory.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyBody(Bytes);

impl KeyBody {
    /// Takes the body of an answer that must hold one JSON object.
    ///
    /// # Errors
    /// [`DecodeError`] if it is not JSON, or not an object.
    pub fn parse(body: Bytes) -> Result<Self, DecodeError> {
        let body = Self::parse_any(body)?;
        match body.raw().as_bytes().first() {
            Some(b'{') => Ok(body),
            _ => Err(DecodeError::new("expected one object")),
        }
    }

    /// Takes the body of an answer that may be any JSON: the answer to a create is kept even if it looks nothing like a
    /// key, because it may contain the only copy of a secret.
    pub(crate) fn parse_any(body: Bytes) -> Result<Self, DecodeError> {
        let value: &RawValue =
            serde_json::from_slice(&body).map_err(|e| DecodeError::of_json(&e, &body))?;
        let value = body.slice_ref(value.get().as_bytes());
        Ok(Self(value))
    }

    /// Takes the answer to a GET or a PATCH of `id`.
    ///
    /// Fails if it is not an object, tells of an error, or is another object. The answer to a PATCH may lack the id;
    /// that to a GET `needs_id`.
    pub(crate) fn of_id(body: Bytes, id: &str, needs_id: bool) -> Result<Self, DecodeError> {
        let body = Self::parse(body)?;
        check_success(body.raw())?;
        let found = values_at(body.raw(), &["id"]);
        let is_it = |found: &&str| {
            let text = serde_json::from_str::<String>(found).unwrap_or((*found).to_owned());
            text.eq_ignore_ascii_case(id)
        };
        match found.first() {
            None if !needs_id => Ok(body),
            Some(found) if is_it(found) => Ok(body),
            _ => Err(DecodeError::new("expected the object that was asked for")),
        }
    }

    /// Takes the answer to a create, which may hold the only copy of a secret: a byte order mark or a prefix before the
    /// JSON, bytes behind it, bytes in it that are not UTF-8, UTF-16, UTF-32, and gzip or deflate that no header tells of
    /// are no reason to lose it. Text that may hold a secret but is not JSON becomes a JSON string.
    ///
    /// Fails if there is neither a key nor a secret in it.
    pub(crate) fn salvage(body: Bytes) -> Result<Self, DecodeError> {
        let layers: Vec<Bytes> = successors(Some(body), inflated).take(MAX_LAYERS).collect();
        let mut refused = None;
        for layer in &layers {
            match Self::parse_any(layer.clone()) {
                Ok(body) => match body.check_created() {
                    Ok(()) => return Ok(body),
                    Err(error) => return Err(error),
                },
                Err(error) => refused = refused.or(Some(error)),
            }
            let text = text_of(layer);
            let object = |text: &str| {
                let (object, _) = json_scan::value(text)?;
                let object = object.starts_with('{').then_some(object)?;
                let object = Self(Bytes::copy_from_slice(object.as_bytes()));
                // A secret with a byte in it that is no text would not work as it is shown.
                let secrets = object.secrets();
                let is_damaged =
                    |secret: &Secret| secret.reveal().contains(char::REPLACEMENT_CHARACTER);
                let is_whole = !secrets.iter().any(is_damaged) && object.check_created().is_ok();
                is_whole.then_some(object)
            };
            let behind_prefix = || {
                let found = object(&text[text.find('{')?..])?;
                (!found.secrets().is_empty()).then_some(found)
            };
            if let Some(found) = object(&text).or_else(behind_prefix) {
                return Ok(found);
            }
        }
        // Nobody else has it, whatever is wrong with the text around it.
        let texts = layers.iter().map(|layer| match escaped(layer) {
            text if shows_secret(&text) => text,
            _ => text_of(layer),
        });
        let texts = texts.filter(|text| shows_secret(text));
        match texts.last() {
            Some(text) => Ok(Self(Value::String(text).to_string().into())),
            None => Err(refused.unwrap_or_else(|| DecodeError::new("expected a key"))),
        }
    }

    /// Returns the same key; with the id that a header `named`, if it tells none itself.
    pub(crate) fn with_id(self, named: Option<&str>) -> Self {
        let named = named.filter(|_| self.id().is_none());
        let Some((id, rest)) = named.zip(self.raw().strip_prefix('{')) else {
            return self;
        };
        let separator = if rest.trim_start().starts_with('}') {
            ""
        } else {
            ","
        };
        Self(format!("{{\"id\":{}{separator}{rest}", Value::from(id)).into())
    }

    /// Fails if a create was answered so that there is neither a key nor anything that may be a secret.
    fn check_created(&self) -> Result<(), DecodeError> {
        if !self.secrets().is_empty() {
            return Ok(());
        }
        let value = serde_json::from_str::<Value>(self.raw());
        match check_success(self.raw()) {
            // Ids of errors look like secrets.
            Err(_) if value.as_ref().is_ok_and(has_secret_member) => Ok(()),
            Err(error) => Err(error),
            Ok(()) if self.has_id() || self.may_hold_secret() => Ok(()),
            Ok(()) => Err(DecodeError::new("expected a key")),
        }
    }

    /// Takes a slice that is known to be valid JSON.
    pub(super) fn of_valid_json(json: Bytes) -> Self {
        Self(json)
    }

    /// Returns the secrets of a new key: one, unless its place is there more than once with different texts.
    pub fn secrets(&self) -> Vec<Secret> {
        let mut texts = self.texts_at(&[Writes::BODY, secret::NAME]);
        texts.dedup();
        texts.into_iter().map(Secret::new).collect()
    }

    /// Returns the id; None if there is none.
    pub(crate) fn id(&self) -> Option<String> {
        self.texts_at(&["id"]).into_iter().next()
    }

    fn has_id(&self) -> bool {
        let ids = values_at(self.raw(), &["id"]);
        ids.iter().any(|id| !matches!(*id, "null" | "\"\""))
    }

    /// Returns the texts at `path` that are not empty: several where a member is there more than once.
    pub(crate) fn texts_at(&self, path: &[&str]) -> Vec<String> {
        let values = values_at(self.raw(), path).into_iter();
        values
            .filter_map(|value| serde_json::from_str::<String>(value).ok())
            .filter(|text| !text.is_empty())
            .collect()
    }

    /// Returns true unless it is certain that no text in it is a secret.
    pub(crate) fn may_hold_secret(&self) -> bool {
        fn has_long_word(value: &Value) -> bool {
            match value {
                Value::String(text) => {
                    let is_letter = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
                    text.len() >= 32 && text.chars().all(is_letter)
                }
                Value::Array(items) => items.iter().any(has_long_word),
                Value::Object(members) => members.values().any(has_long_word),
                _ => false,
            }
        }
        match serde_json::from_str(self.raw()) {
            Ok(Value::String(text)) if shows_secret(&text) => true,
            Ok(value) => has_long_word(&value) || has_secret_member(&value),
            Err(_) => true,
        }
    }

    /// Returns true for the text of an answer that is no JSON.
    pub(crate) fn is_text(&self) -> bool {
        self.raw().starts_with('"')
    }

    /// Returns the JSON text, without white space around it.
    pub fn raw(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the text was valid JSON when the body was made")
    }

    #[cfg(test)]
    pub(super) fn from_text(json: &str) -> Self {
        Self::parse(Bytes::copy_from_slice(json.as_bytes())).unwrap()
    }
}

/// The most times that an answer is inflated.
const MAX_LAYERS: usize = 4;

/// The longest answer that is inflated, in bytes.
const MAX_INFLATED: u64 = 1024 * 1024;

/// Returns what is in `body` if it is gzip or zlib that no header tells of, as much of it as can be read.
pub(super) fn inflated(body: &Bytes) -> Option<Bytes> {
    let mut text = Vec::new();
    // What was read before an error is kept.
    let _ = match body.as_ref() {
        [0x1f, 0x8b, ..] => GzDecoder::new(&**body)
            .take(MAX_INFLATED)
            .read_to_end(&mut text),
        [0x78, flags, ..] if (0x7800 + u32::from(*flags)).is_multiple_of(31) => {
            ZlibDecoder::new(&**body)
                .take(MAX_INFLATED)
                .read_to_end(&mut text)
        }
        _ => return None,
    };
    (!text.is_empty()).then(|| text.into())
}

/// Returns the text that `body` is in UTF-8, UTF-16 or UTF-32, without a byte order mark and space before it. Without a
/// mark the zeros tell: JSON begins with ASCII.
fn text_of(body: &[u8]) -> String {
    let (width, is_little): (usize, bool) = match body {
        [0xff, 0xfe, 0, 0, ..] => (4, true),
        [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, _, ..] => (4, false),
        [0xff, 0xfe, ..] => (2, true),
        [0xfe, 0xff, ..] => (2, false),
        [_, 0, 0, 0, ..] => (4, true),
        [_, 0, _, 0, ..] => (2, true),
        [0, _, 0, _, ..] => (2, false),
        _ => (1, false),
    };
    let units = body.chunks_exact(width).map(|unit| {
        let add = |number: u32, byte: &u8| number << 8 | u32::from(*byte);
        match is_little {
            true => unit.iter().rev().fold(0, add),
            false => unit.iter().fold(0, add),
        }
    });
    let text: String = match width {
        1 => String::from_utf8_lossy(body).into_owned(),
        2 => char::decode_utf16(units.map(|unit| unit as u16))
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
        _ => units
            .map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
    };
    text.trim_start_matches('\u{feff}').trim_start().to_owned()
}

/// Returns `body` as text in which bytes that are none are written as `\xff`.
fn escaped(body: &[u8]) -> String {
    let mut text = String::new();
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk
            .invalid()
            .iter()
            .for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// Returns true if `name` is that of a secret.
fn names_secret(name: &str) -> bool {
    name.to_ascii_lowercase().contains("secret")
}

/// Returns true if there seems to be a member in `text` that is called a secret, and is not empty.
fn shows_secret(text: &str) -> bool {
    const QUOTES: [char; 3] = ['"', '\'', '\\'];
    let lower = text.to_ascii_lowercase();
    lower.match_indices("secret").any(|(at, name)| {
        let rest = lower[at + name.len()..].trim_start_matches(QUOTES);
        let value = rest.trim_start().strip_prefix(':').map(str::trim_start);
        value.is_some_and(|value| {
            let inner = value.trim_start_matches('\\').strip_prefix(['"', '\'']);
            inner.is_some_and(|inner| !inner.is_empty() && !inner.starts_with(QUOTES))
        })
    })
}

/// Returns true if a member anywhere in `value` is called a secret, and is not empty.
fn has_secret_member(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_secret_member),
        Value::Object(members) => members.iter().any(|(name, value)| {
            let is_empty = value.is_null() || value.as_str() == Some("");
            (names_secret(name) && !is_empty) || has_secret_member(value)
        }),
        _ => false,
    }
}

/// Returns the values at `path` in `json`, all of them where a member is there more than once.
fn values_at<'j>(json: &'j str, path: &[&str]) -> Vec<&'j str> {
    let Some((name, rest)) = path.split_first() else {
        return vec![json];
    };
    let members = json_scan::members(json).unwrap_or_default().into_iter();
    members
        .filter(|member| member.name == *name)
        .flat_map(|member| values_at(member.value, rest))
        .collect()
}

/// Returns true if the member `name` with the JSON `value` tells of an error, whatever the status of the answer says.
pub(super) fn tells_error(name: &str, value: &str) -> bool {
    matches!(name, "error" | "errors" | "error_code")
        && !matches!(value, "null" | "[]" | "{}" | "\"\"" | "false")
}

/// Fails if `json` reports an error.
fn check_success(json: &str) -> Result<(), DecodeError> {
    let members = json_scan::members(json).unwrap_or_default();
    match members
        .iter()
        .any(|member| tells_error(&member.name, member.value))
    {
        true => Err(DecodeError::new("the body reports an error")),
        false => Ok(()),
    }
}

impl fmt::Debug for KeyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyBody({} bytes)", self.0.len())
    }
}

/// Reads the answer to a request that returns nothing. It may be empty, or any JSON that tells of no error. Anything else
/// does not come from the service: a page that a gateway sends instead must not pass for a deletion.
pub(crate) fn read_nothing(body: Bytes) -> Result<(), DecodeError> {
    if body.trim_ascii().is_empty() {
        return Ok(());
    }
    check_success(KeyBody::parse_any(body)?.raw())
}

/// Why a body could not be read: what was expected and where. It never repeats the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct DecodeError {
    what: String,
    is_foreign: bool,
    is_shape: bool,
}

impl DecodeError {
    pub(crate) fn new(expected: &str) -> Self {
        Self {
            what: expected.to_owned(),
            is_foreign: false,
            is_shape: true,
        }
    }

    /// Returns the same without secrets: serde may quote a value to say what its type is.
    pub(crate) fn masked(self, mask: &Mask) -> Self {
        Self {
            what: mask.apply(&self.what).into_owned(),
            ..self
        }
    }

    /// Returns true if the body cannot come from the service: it is empty, or a page of HTML.
    pub(crate) fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    /// Returns true if the body is JSON, but not what was expected. Asking once more may help, asking often does not.
    pub(crate) fn is_shape(&self) -> bool {
        self.is_shape
    }

    /// Describes where `body` stops being valid JSON, or what it is if it is something else.
    pub(crate) fn of_json(error: &serde_json::Error, body: &[u8]) -> Self {
        let start = body.trim_ascii_start();
        let is_foreign = matches!(start, [] | [b'<', ..]);
        let told;
        let what = match start {
            [] => "the body is empty",
            [0x1f, 0x8b, ..] => "the body is gzip without a header that says so",
            [b'<', ..] => "the body is a page of HTML or XML",
            _ if error.is_eof() => "the JSON ends too early",
            _ => {
                told = printable(&format!("the JSON cannot be read: {error}"));
                &told
            }
        };
        Self {
            what: what.to_owned(),
            is_foreign,
            is_shape: !is_foreign && error.is_data(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn refused(body: &'static [u8]) -> String {
        KeyBody::parse(Bytes::from_static(body))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_text_is_kept_as_it_was_sent() {
        let body = KeyBody::from_text(" {\"id\" : \"K\", \"new\":1.0}\n");
        assert_eq!(body.raw(), "{\"id\" : \"K\", \"new\":1.0}");
        assert_eq!(format!("{body:?}"), "KeyBody(23 bytes)");
    }

    #[test]
    fn what_is_gzip_is_read_as_far_as_it_may_be_long() {
        let gzip = |text: &[u8]| {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(text).unwrap();
            Bytes::from(gzip.finish().unwrap())
        };
        let body = br#"{"errors":[{"detail":"no such owner"}]}"#;
        assert_eq!(inflated(&gzip(body)).unwrap(), body[..]);
        assert_eq!(inflated(&Bytes::from_static(body)), None);
        assert_eq!(inflated(&Bytes::from_static(b"\x1f\x8b\x08\0\xff")), None);
        let bomb = gzip(&vec![b' '; 4 * MAX_INFLATED as usize]);
        assert_eq!(inflated(&bomb).unwrap().len() as u64, MAX_INFLATED);
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        insta::assert_snapshot!(refused(b""), @"the body is empty");
        insta::assert_snapshot!(refused(b"{\"id\":"), @"the JSON ends too early");
        insta::assert_snapshot!(refused(b"<html></html>"), @"the body is a page of HTML or XML");
        insta::assert_snapshot!(refused(b"\x1f\x8b\x08"), @"the body is gzip without a header that says so");
        insta::assert_snapshot!(refused(b"[]"), @"expected one object");
        insta::assert_snapshot!(refused(b"{} {}"), @"the JSON cannot be read: trailing characters at line 1 column 4");
        insta::assert_snapshot!(refused(b"{\"a\":\"\xff\"}"), @"the JSON cannot be read: invalid unicode code point at line 1 column 7");
    }

    #[test]
    fn nothing_is_an_empty_body_or_any_json() {
        for body in ["", " \r\n", "{}", "null", "[{\"a\": 1}]"] {
            assert!(read_nothing(Bytes::from_static(body.as_bytes())).is_ok());
        }
        for body in [
            "<html></html>",
            "{\"a\":",
            "gone",
            "{\"errors\":[{\"status\":\"403\"}]}",
            "{\"error\":{\"message\":\"nope\"}}",
            " {\"error_code\":40301,\"message\":\"nope\"}",
        ] {
            assert!(read_nothing(Bytes::from_static(body.as_bytes())).is_err());
        }
    }

    const KEY: &str = r#"{"id":"K","spec":{"secret":"s3"}}"#;

    fn salvaged(body: impl AsRef<[u8]>) -> Result<KeyBody, DecodeError> {
        KeyBody::salvage(Bytes::copy_from_slice(body.as_ref()))
    }

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        let mut encoder = flate2::bufread::GzEncoder::new(body, flate2::Compression::fast());
        encoder.read_to_end(&mut text).unwrap();
        text
    }

    #[test]
    fn a_secret_is_found_whatever_is_around_the_key() {
        let utf16 = |bytes: fn(u16) -> [u8; 2], mark: &[u8]| -> Vec<u8> {
            let units = KEY.encode_utf16().flat_map(bytes);
            mark.iter().copied().chain(units).collect()
        };
        let utf32 = |bytes: fn(u32) -> [u8; 4], mark: &[u8]| -> Vec<u8> {
            let units = KEY.chars().flat_map(|c| bytes(c.into()));
            mark.iter().copied().chain(units).collect()
        };
        let mut zlib = Vec::new();
        flate2::bufread::ZlibEncoder::new(KEY.as_bytes(), flate2::Compression::fast())
            .read_to_end(&mut zlib)
            .unwrap();
        let torn = gzip(KEY.as_bytes());
        for body in [
            format!(")]}}',\n{KEY}").into_bytes(),
            format!("\u{feff} {KEY}\0").into_bytes(),
            utf16(u16::to_le_bytes, &[0xff, 0xfe]),
            utf16(u16::to_be_bytes, &[0xfe, 0xff]),
            utf16(u16::to_le_bytes, &[]),
            utf16(u16::to_be_bytes, &[]),
            utf32(u32::to_le_bytes, &[0xff, 0xfe, 0, 0]),
            utf32(u32::to_be_bytes, &[0, 0, 0xfe, 0xff]),
            utf32(u32::to_le_bytes, &[]),
            utf32(u32::to_be_bytes, &[]),
            gzip(KEY.as_bytes()),
            gzip(&gzip(KEY.as_bytes())),
            gzip(&utf16(u16::to_le_bytes, &[])),
            torn[..torn.len() - 8].to_owned(),
            zlib,
        ] {
            assert_eq!(salvaged(&body).unwrap().raw(), KEY, "{body:?}");
        }
        for body in [
            "<script>{}</script>",
            "x {\"a\":1}",
            ")]}',",
            "<p>Keep your secret: it is yours</p>",
            "{\"id\":\"K\",\"spec\":{\"secret\":\"\"",
        ] {
            assert!(salvaged(body).is_err());
        }
    }

    #[test]
    fn a_secret_with_a_byte_that_is_no_text_is_kept_as_it_was_sent() {
        let at =
            |place: usize| [&KEY.as_bytes()[..place], b"\xff", &KEY.as_bytes()[place..]].concat();
        let within = KEY.find("secret\":\"").unwrap() + 10;
        let kept = salvaged(at(within)).unwrap();
        let text: String = serde_json::from_str(kept.raw()).unwrap();
        assert_eq!(text, format!("{}\\xff{}", &KEY[..within], &KEY[within..]));
        let elsewhere = salvaged(at(KEY.find("K\"").unwrap())).unwrap();
        assert!(!elsewhere.secrets().is_empty());
    }

    #[test]
    fn what_may_hold_a_secret_and_is_no_json_is_kept_as_text() {
        for body in [
            &KEY[..KEY.len() - 2],
            &KEY.replace("}}", "},}"),
            &KEY.replace("}}", "},\"x\":NaN}"),
            &KEY.replace("\"K\"", "\"K\n\""),
            &KEY.replace('"', "'"),
        ] {
            for bytes in [body.as_bytes().to_vec(), gzip(body.as_bytes())] {
                let kept = salvaged(bytes).unwrap();
                let text: String = serde_json::from_str(kept.raw()).unwrap();
                assert_eq!(text, *body);
                assert!(kept.secrets().is_empty() && kept.may_hold_secret());
            }
        }
    }

    #[test]
    fn an_answer_without_a_key_is_no_key() {
        for body in [
            "null",
            "[]",
            "5",
            "{}",
            r#"{"spec":{}}"#,
            r#"{"status":"accepted"}"#,
            r#"{"errors":[{"id":"0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d","status":"403"}]}"#,
            r#"{"error":{"message":"invalid secret"}}"#,
        ] {
            assert!(salvaged(body).is_err(), "{body}");
        }
        for body in [
            r#"{"id":"K"}"#,
            r#"[{"spec":{"secret":"s"}}]"#,
            r#"{"id":"K","spec":{"secret":"s"},"errors":[{"a":1}]}"#,
            r#""0123456789abcdef0123456789abcdef0123456789abcdef""#,
        ] {
            assert_eq!(salvaged(body).unwrap().raw(), body);
        }
    }

    #[test]
    fn every_text_at_the_place_of_the_secret_is_one() {
        let secrets = |body: &str| -> Vec<String> {
            let found = salvaged(body).unwrap().secrets();
            found.iter().map(|s| s.reveal().to_owned()).collect()
        };
        let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
        for body in [
            r#"{"id":"K","spec":{"secret":"a"},"spec":{"owner":1}}"#,
            r#"{"id":"K","spec":{"secret":"a","secret":""}}"#,
            r#"{"id":"K","spec":{"secret":null,"secret":"a"}}"#,
            r#"{"id":"K","x":"\ud800","spec":{"s\u0065cret":"a"}}"#,
            &format!(r#"{{"x":{deep},"spec":{{"secret":"a"}}}}"#),
        ] {
            assert_eq!(secrets(body), ["a"], "{body}");
        }
        assert_eq!(
            secrets(r#"{"spec":{"secret":"a","secret":"b"}}"#),
            ["a", "b"]
        );
    }

    #[test]
    fn the_answer_must_be_the_object_that_was_asked_for() {
        let read = |body: &'static str, needs_id| {
            KeyBody::of_id(Bytes::from_static(body.as_bytes()), "K1", needs_id).is_ok()
        };
        assert!(read(r#"{"id":"K1"}"#, true) && read(r#"{"id":"k1"}"#, true));
        assert!(read("{}", false) && !read("{}", true));
        for body in [
            r#"{"id":"K2"}"#,
            r#"{"id":null}"#,
            r#"{"id":"K1","errors":[{"status":"403"}]}"#,
        ] {
            assert!(!read(body, false) && !read(body, true), "{body}");
        }
    }

    #[test]
    fn a_created_key_is_kept_whatever_type_of_json_it_is() {
        let body = KeyBody::parse_any(Bytes::from_static(b"[\"canary\"]")).unwrap();
        assert!(!format!("{body:?}").contains("canary"));
        assert_eq!(body.raw(), "[\"canary\"]");
        for other in ["null", "7", "\"text\""] {
            assert!(KeyBody::parse_any(Bytes::from_static(other.as_bytes())).is_ok());
        }
    }
}
