//! The raw JSON of one key, and the error for a body that cannot be read.
//!
//! A key is kept exactly as it was sent, so that members unknown to this version survive; the table decodes the fields
//! it needs. Never shows the content of a body.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::text::printable;
use crate::json_scan;
use crate::mask::Mask;
use crate::secret::Secret;

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

    /// Takes the answer to a create, which may hold the only copy of a secret: a byte order mark or a prefix before the
    /// JSON, bytes behind it, bytes in it that are not UTF-8 and UTF-16 are no reason to lose it.
    ///
    /// # Errors
    /// [`DecodeError`] if there is no whole object in it.
    pub(crate) fn salvage(body: Bytes) -> Result<Self, DecodeError> {
        let refused = match Self::parse_any(body.clone()) {
            Ok(body) => return Ok(body),
            Err(refused) => refused,
        };
        let text = utf16(&body).map_or_else(|| String::from_utf8_lossy(&body), Cow::Owned);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let object = |text: &str| {
            let (object, _) = json_scan::value(text)?;
            let object = object.starts_with('{').then_some(object)?;
            Some(Self(Bytes::copy_from_slice(object.as_bytes())))
        };
        let behind_prefix = || {
            let found = object(&text[text.find('{')?..])?;
            found.secret().is_some().then_some(found)
        };
        object(text).or_else(behind_prefix).ok_or(refused)
    }

    /// Takes a slice that is known to be valid JSON.
    pub(super) fn of_valid_json(json: Bytes) -> Self {
        Self(json)
    }

    /// Returns the secret of a new key; `None` if it is not where it should be.
    pub fn secret(&self) -> Option<Secret> {
        let key: serde_json::Value = serde_json::from_str(self.raw()).ok()?;
        let secret = key.get("spec")?.get("secret")?.as_str()?;
        (!secret.is_empty()).then(|| Secret::new(secret))
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

/// Returns the text of UTF-16 with a byte order mark.
fn utf16(body: &[u8]) -> Option<String> {
    let read: fn([u8; 2]) -> u16 = match body {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let (units, _) = body.as_chunks::<2>();
    let units = units.iter().map(|unit| read(*unit));
    Some(
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
    )
}

impl fmt::Debug for KeyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyBody({} bytes)", self.0.len())
    }
}

/// Reads the answer to a request that returns nothing. It may be empty, or any JSON. Anything else does not come from
/// the service: a page that a gateway sends instead must not pass for a deletion.
pub(crate) fn read_nothing(body: Bytes) -> Result<(), DecodeError> {
    if body.trim_ascii().is_empty() {
        return Ok(());
    }
    serde_json::from_slice(&body)
        .map(|IgnoredAny| ())
        .map_err(|error| DecodeError::of_json(&error, &body))
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

    /// Returns the same without secrets: what a type was may be told by a value.
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
        for body in ["<html></html>", "{\"a\":", "gone"] {
            assert!(read_nothing(Bytes::from_static(body.as_bytes())).is_err());
        }
    }

    #[test]
    fn a_secret_is_found_behind_a_prefix_and_in_utf16() {
        const KEY: &str = r#"{"id":"K","spec":{"secret":"s3"}}"#;
        let utf16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let units = KEY.encode_utf16().flat_map(bytes);
            mark.into_iter().chain(units).collect()
        };
        for body in [
            format!(")]}}',\n{KEY}").into_bytes(),
            format!("\u{feff} {KEY}\0").into_bytes(),
            utf16([0xff, 0xfe], u16::to_le_bytes),
            utf16([0xfe, 0xff], u16::to_be_bytes),
        ] {
            let found = KeyBody::salvage(Bytes::from(body)).unwrap();
            assert_eq!(found.raw(), KEY);
        }
        for body in ["<script>{}</script>", "x {\"a\":1}", ")]}',"] {
            let body = Bytes::from_static(body.as_bytes());
            assert!(KeyBody::salvage(body).is_err());
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
