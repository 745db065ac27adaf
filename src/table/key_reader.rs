//! Reads one key: JSON text into growing columns, in one pass.
//!
//! Turns the members of a JSON object into values of [`Buffer`]s, as the column declaration says. Written by hand because
//! general parsers take two to three times as long (docs/decisions/002); serde still checks whatever is skipped or contains
//! escapes. What is accepted here is JSON, so a page may come here before anybody has validated it.
//!
//! A member of an unexpected type does not fail: the service may grow, and a listing must not break when it does. Such a
//! value becomes NULL and is counted in [`Oddities`].

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate};
use serde::de::{Error, IgnoredAny};

use super::buffer::Buffer;
use crate::json_scan::{self, begins, unescaped};
use crate::resource::{Column, Type};
use crate::secret;

/// What could not be read as declared, for one warning per query.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Oddities {
    /// Timestamps and dates that could not be parsed.
    pub timestamps: usize,
    /// The beginning of one of them.
    pub timestamp: Option<String>,
    /// Members of another type than declared.
    pub types: usize,
    /// The name of one of them.
    pub member: Option<&'static str>,
}

impl Oddities {
    /// Returns true if everything was read as declared.
    pub(super) fn is_empty(&self) -> bool {
        self.timestamps == 0 && self.types == 0
    }
}

/// Adds the members of the object that `json` begins with as row number `row` of `buffers`, one for each of `columns`.
/// Returns the length of the object. Unless it `keeps_secrets`, they are left out of the JSON of the objects that they are
/// in; to leave their columns NULL is the buffers' business.
///
/// Fails if `json` does not begin with an object. There may be values of row `row` then.
pub(super) fn read(
    json: &str,
    columns: &'static [Column],
    buffers: &mut [Buffer],
    row: usize,
    oddities: &mut Oddities,
    keeps_secrets: bool,
) -> Result<usize, serde_json::Error> {
    let mut reader = Reader {
        json,
        at: 0,
        oddities,
        keeps_secrets,
        error: None,
    };
    match reader.object(columns, buffers, row) {
        Some(()) => Ok(reader.at),
        None => Err(reader.error.take().unwrap_or_else(|| error_in(json))),
    }
}

/// Returns why `json` does not begin with an object.
fn error_in(json: &str) -> serde_json::Error {
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Err(error)) => error,
        _ => Error::custom("expected an object"),
    }
}

/// The position in a text, and what was odd so far. Methods return None if the text is not JSON, or not what they read.
struct Reader<'j, 'o> {
    json: &'j str,
    /// Where the next token starts, or white space before it.
    at: usize,
    oddities: &'o mut Oddities,
    keeps_secrets: bool,
    /// Why a string could not be decoded.
    error: Option<serde_json::Error>,
}

impl<'j> Reader<'j, '_> {
    /// Returns the first byte of the next token.
    fn peek(&mut self) -> Option<u8> {
        match *self.json.as_bytes().get(self.at)? {
            ..=b' ' => self.peek_after_space(),
            byte => Some(byte),
        }
    }

    #[cold]
    fn peek_after_space(&mut self) -> Option<u8> {
        let rest = self.json.as_bytes().get(self.at..)?;
        let is_token = |byte: &u8| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.at += rest.iter().position(is_token)?;
        self.json.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, token: u8) -> Option<()> {
        (self.peek()? == token).then(|| self.at += 1)
    }

    fn take_word(&mut self, word: &str) -> Option<()> {
        let rest = self.json.as_bytes().get(self.at..)?;
        rest.starts_with(word.as_bytes())
            .then(|| self.at += word.len())
    }

    fn string(&mut self) -> Option<Cow<'j, str>> {
        self.take(b'"')?;
        let start = self.at;
        let end = start + unescaped(self.json.as_bytes().get(start..)?);
        if self.json.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return self.json.get(start..end).map(Cow::Borrowed);
        }
        // There are escapes in it.
        self.at = start - 1;
        let text = self.any_value()?;
        let read = serde_json::from_str(text);
        // One key with half a character must not hide all others.
        match read.or_else(|error| serde_json::from_str(&whole_characters(text)).map_err(|_| error))
        {
            Ok(text) => Some(Cow::Owned(text)),
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    /// Skips a value of any type, and returns its text.
    fn any_value(&mut self) -> Option<&'j str> {
        let (value, rest) = json_scan::value(self.json.get(self.at..)?)?;
        self.at = self.json.len() - rest.len();
        Some(value)
    }

    /// Reads the name of a member and the colon after it. Returns the position of a column of that name, if there is one:
    /// usually `expected`, because members come in the order of columns.
    fn name(&mut self, columns: &[Column], expected: usize) -> Option<Option<usize>> {
        self.peek()?;
        let rest = self.json.as_bytes().get(self.at..)?.strip_prefix(b"\"")?;
        let is_named = |position: &usize| {
            let name = columns[*position].json.as_bytes();
            begins(rest, name) && rest.get(name.len()..name.len() + 2) == Some(b"\":")
        };
        if let Some(found) = (expected..columns.len()).chain(0..expected).find(is_named) {
            self.at += columns[found].json.len() + 3;
            return Some(Some(found));
        }
        let name = self.string()?;
        self.take(b':')?;
        Some(columns.iter().position(|column| column.json == name))
    }

    /// Reads an object into row number `row` of `buffers`.
    fn object(
        &mut self,
        columns: &'static [Column],
        buffers: &mut [Buffer],
        row: usize,
    ) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        let mut expected = 0;
        loop {
            let found = self.name(columns, expected)?;
            expected = found.map_or(expected, |position| position + 1);
            // A member may go to two columns: as its text, and by its type. The first of several with one name counts.
            let wanted = |is_json: bool| {
                let name = columns[found?].json;
                let mut columns = columns.iter().zip(&*buffers);
                columns.position(|(column, buffer)| {
                    column.json == name
                        && matches!(column.ty, Type::Json) == is_json
                        && buffer.wants(row)
                })
            };
            let (raw, typed) = match found.map(|position| columns[position].ty) {
                Some(Type::Json | Type::Object(_) | Type::Lifted(_)) => {
                    (wanted(true), wanted(false))
                }
                _ => (None, found.filter(|position| buffers[*position].wants(row))),
            };
            self.peek()?;
            let text = match typed {
                Some(typed) => {
                    let start = self.at;
                    self.value(&columns[typed], &mut buffers[typed], row)?;
                    self.json.get(start..self.at)?
                }
                None => self.any_value()?,
            };
            let end = self.at;
            if let Some(typed) = typed {
                // The same object for what is lifted out of it.
                let also = |columns: &'static [Column], buffers: &[Buffer]| {
                    let name = columns[typed].json;
                    let mut columns = columns.iter().zip(buffers);
                    columns.position(|(column, buffer)| {
                        matches!(column.ty, Type::Lifted(_))
                            && column.json == name
                            && buffer.wants(row)
                    })
                };
                while let Some(lifted) = also(columns, buffers) {
                    self.at = end - text.len();
                    self.value(&columns[lifted], &mut buffers[lifted], row)?;
                }
                self.at = end;
            }
            if let Some(raw) = raw {
                buffers[raw].pad(row);
                let typed = columns.iter().find(|column| {
                    column.json == columns[raw].json && !matches!(column.ty, Type::Json)
                });
                let fields = typed.map_or(&[][..], |column| column.ty.fields());
                match text {
                    "null" => buffers[raw].push_null(),
                    text => buffers[raw].push_text(&self.shown(text, fields)),
                }
            }
            if self.take(b',').is_none() {
                return self.take(b'}');
            }
        }
    }

    /// Reads a value of `column` as value number `row` of `buffer`.
    fn value(&mut self, column: &Column, buffer: &mut Buffer, row: usize) -> Option<()> {
        if buffer.len() < row {
            buffer.pad(row);
        }
        match (self.peek()?, column.ty) {
            (b'"', Type::Text) => buffer.push_text(&self.string()?),
            (b'"', Type::Secret) => match &*self.string()? {
                "" => buffer.push_null(),
                text => buffer.push_text(text),
            },
            (b'"', Type::Timestamp) => {
                let text = self.string()?;
                match micros(text.as_bytes()).or_else(|| any_micros(&text)) {
                    Some(micros) => buffer.push_number(micros),
                    None => {
                        buffer.push_null();
                        self.odd_timestamp(&text);
                    }
                }
            }
            (b'"', Type::Date) => {
                let text = self.string()?;
                match days(&text) {
                    Some(days) => buffer.push_number(days.into()),
                    None => {
                        buffer.push_null();
                        self.odd_timestamp(&text);
                    }
                }
            }
            (b'n', _) => {
                self.take_word("null")?;
                buffer.push_null();
            }
            (b'{', Type::Object(columns) | Type::Lifted(columns)) => {
                let Buffer::Object {
                    fields,
                    source,
                    valid,
                } = buffer
                else {
                    return None;
                };
                let (start, row) = (self.at, valid.len());
                self.object(columns, fields, row)?;
                if source.wants(row) {
                    source.pad(row);
                    source.push_text(&self.shown(self.json.get(start..self.at)?, columns));
                }
                valid.append_non_null();
            }
            (b'-' | b'0'..=b'9' | b't' | b'f', Type::Text | Type::Secret) => {
                buffer.push_text(self.any_value()?);
            }
            (b'-' | b'0'..=b'9', Type::Integer) => match integer(self.any_value()?) {
                Some(number) => buffer.push_number(number),
                None => {
                    buffer.push_null();
                    self.odd_type(column);
                }
            },
            (b't' | b'f', Type::Boolean) => {
                buffer.push_number(i64::from(self.any_value()? == "true"));
            }
            // Nested JSON whose text is the value.
            (_, Type::Json) => buffer.push_text(self.any_value()?),
            _ => {
                self.any_value()?;
                buffer.push_null();
                self.odd_type(column);
            }
        }
        Some(())
    }

    /// Returns `text`, the JSON of an object with the fields `columns`, as it may be shown.
    fn shown(&self, text: &'j str, columns: &[Column]) -> Cow<'j, str> {
        if self.keeps_secrets {
            return Cow::Borrowed(text);
        }
        let mut columns = columns.iter();
        match columns.find(|column| matches!(column.ty, Type::Secret)) {
            Some(secret) => without_member(text, secret.json),
            // An object of which no secret is known must not show one either. Its name may be written with escapes.
            None if text.contains(secret::NAME) || text.contains('\\') => {
                without_member(text, secret::NAME)
            }
            None => Cow::Borrowed(text),
        }
    }

    fn odd_type(&mut self, column: &Column) {
        self.oddities.types += 1;
        self.oddities.member.get_or_insert(column.name);
    }

    fn odd_timestamp(&mut self, text: &str) {
        // Some services write the empty string for "not given".
        if !text.is_empty() {
            self.oddities.timestamps += 1;
            self.oddities
                .timestamp
                .get_or_insert_with(|| text.chars().take(40).collect());
        }
    }
}

/// Returns `object`, which is valid JSON, without its members called `name`. Of an object that has none every character
/// stays.
fn without_member<'t>(object: &'t str, name: &str) -> Cow<'t, str> {
    // Letters can be escaped in no other way.
    if !object.starts_with('{') || (!object.contains(name) && !object.contains("\\u")) {
        return Cow::Borrowed(object);
    }
    if let Some(left) = without_first(object, name) {
        return Cow::Owned(left);
    }
    let Some(members) = json_scan::members(object) else {
        // It was read as an object a moment ago, and what is not understood is not shown.
        return Cow::Borrowed("{}");
    };
    let kept: Vec<&str> = members
        .iter()
        .filter(|member| member.name != name)
        .map(|member| member.text)
        .collect();
    match kept.len() == members.len() {
        true => Cow::Borrowed(object),
        false => Cow::Owned(format!("{{{}}}", kept.join(","))),
    }
}

/// The same for an object in compact form that begins with the member, a text, as services write it. None if there may be
/// more to it.
fn without_first(object: &str, name: &str) -> Option<String> {
    let text = object
        .strip_prefix("{\"")?
        .strip_prefix(name)?
        .strip_prefix("\":\"")?;
    let rest = text
        .get(json_scan::unescaped(text.as_bytes())..)?
        .strip_prefix("\",")?;
    let is_all = !rest.contains(name) && !rest.contains("\\u");
    is_all.then(|| format!("{{{rest}"))
}

/// Returns the JSON string `text` with U+FFFD for each escape that is half a pair of surrogates.
fn whole_characters(text: &str) -> String {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (mut whole, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(c) = text[at..].chars().next() {
        let length = match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                whole.push_str("\\ufffd");
                at += 6;
                continue;
            }
            // Two backslashes are a character, which no `u` follows.
            _ if c == '\\' => 2,
            _ => c.len_utf8(),
        };
        let end = (at + length).min(text.len());
        whole.push_str(text.get(at..end).unwrap_or_default());
        at = end;
    }
    whole
}

/// Reads a JSON number that is whole, also one written as `4.0` or `1e3`.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        // Up to here each whole number is told from the next.
        let is_exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
        is_exact.then_some(number as i64)
    })
}

/// Reads any RFC 3339 timestamp as microseconds since 1970.
fn any_micros(text: &str) -> Option<i64> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(time.timestamp_micros())
}

/// Reads `2026-01-03`, or the day in UTC of an RFC 3339 timestamp, as days since 1970.
fn days(text: &str) -> Option<i32> {
    let day = match text.as_bytes() {
        [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] => {
            let year = i32::try_from(number(&[*y0, *y1, *y2, *y3])?).ok()?;
            NaiveDate::from_ymd_opt(year, number(&[*m0, *m1])?, number(&[*d0, *d1])?)?
        }
        _ => DateTime::parse_from_rfc3339(text)
            .ok()?
            .to_utc()
            .date_naive(),
    };
    Some(day.to_epoch_days())
}

/// Reads `2026-01-03T04:05:06Z`, with up to 9 fractional digits, as microseconds since 1970. None for any other spelling,
/// which may be valid too.
fn micros(text: &[u8]) -> Option<i64> {
    let (whole, rest) = text.split_at_checked(19)?;
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        i0,
        i1,
        b':',
        s0,
        s1,
    ] = *whole
    else {
        return None;
    };
    let year = i32::try_from(number(&[y0, y1, y2, y3])?).ok()?;
    let day = NaiveDate::from_ymd_opt(year, number(&[m0, m1])?, number(&[d0, d1])?)?;
    let micro = match rest.strip_suffix(b"Z")? {
        [] => 0,
        [b'.', fraction @ ..] if matches!(fraction.len(), 1..=9) => {
            // Digits beyond microseconds are dropped, as chrono drops them.
            let kept = &fraction[..fraction.len().min(6)];
            number(&fraction[kept.len()..])?;
            number(kept)? * 10u32.pow(6 - kept.len() as u32)
        }
        _ => return None,
    };
    let (hour, minute, second) = (number(&[h0, h1])?, number(&[i0, i1])?, number(&[s0, s1])?);
    // Leap seconds are left to chrono too.
    let time = day.and_hms_micro_opt(hour, minute, second, micro)?;
    Some(time.and_utc().timestamp_micros())
}

/// Reads up to 9 decimal digits.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u32::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::{DateTime, SecondsFormat};
    use datafusion::arrow::json::LineDelimitedWriter;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::super::decode::Decoder;
    use super::*;
    use crate::dialect::source_json;
    use crate::resource::API_KEYS;

    const COLUMNS: &[Column] = API_KEYS.columns;
    const ALL: &[usize] = &[0, 1, 2, 3, 4, 5];

    fn buffers() -> Vec<Buffer> {
        COLUMNS
            .iter()
            .map(|column| Buffer::new(&column.ty))
            .collect()
    }

    /// Returns the length of the key that `json` begins with, if there is one.
    fn length(json: &str) -> Option<usize> {
        let mut oddities = Oddities::default();
        read(json, COLUMNS, &mut buffers(), 0, &mut oddities, false).ok()
    }

    /// Decodes one key. Returns its row as JSON, with NULLs left out, and what was odd.
    fn decoded(json: &str, projection: &[usize]) -> (Value, Oddities) {
        let schema = API_KEYS.schema().project(projection).unwrap();
        let mut decoder = Decoder::new(&API_KEYS, Arc::new(schema), projection);
        decoder.push(json).unwrap();
        let mut writer = LineDelimitedWriter::new(Vec::new());
        let rows = source_json::without(&decoder.finish().unwrap()).unwrap();
        writer.write(&rows).unwrap();
        writer.finish().unwrap();
        let row = serde_json::from_slice(&writer.into_inner()).unwrap();
        (row, decoder.take_oddities())
    }

    /// Does the same by way of a tree: what `object` becomes as a row of `columns`.
    fn expected(object: &Value, columns: &[Column], oddities: &mut Oddities) -> Value {
        let row = columns.iter().filter_map(|column| {
            let member = object.get(column.json).filter(|member| !member.is_null())?;
            let value = match (column.ty, member) {
                (Type::Json, member) => {
                    let mut member = member.clone();
                    member
                        .as_object_mut()
                        .map(|spec| spec.shift_remove("secret"));
                    Some(member.to_string().into())
                }
                (Type::Secret, _) => return None,
                (Type::Text, Value::String(_)) => Some(member.clone()),
                (Type::Text, Value::Number(_) | Value::Bool(_)) => Some(member.to_string().into()),
                (Type::Timestamp, Value::String(text)) => {
                    match DateTime::parse_from_rfc3339(text) {
                        Ok(time) => {
                            let time = DateTime::from_timestamp_micros(time.timestamp_micros());
                            let format = SecondsFormat::AutoSi;
                            Some(time.unwrap().to_rfc3339_opts(format, true).into())
                        }
                        Err(_) => {
                            oddities.timestamps += usize::from(!text.is_empty());
                            return None;
                        }
                    }
                }
                (Type::Object(columns), Value::Object(_)) => {
                    Some(expected(member, columns, oddities))
                }
                (Type::Date, Value::String(text)) => {
                    let time = DateTime::parse_from_rfc3339(text);
                    match time
                        .map(|time| time.to_utc().date_naive())
                        .or_else(|_| text.parse())
                    {
                        Ok(day) => Some(day.to_string().into()),
                        Err(_) => {
                            oddities.timestamps += usize::from(!text.is_empty());
                            return None;
                        }
                    }
                }
                _ => None,
            };
            oddities.types += usize::from(value.is_none());
            Some((column.name.to_owned(), value?))
        });
        Value::Object(row.collect())
    }

    /// Spells an object with white space wherever JSON allows it. Only for objects without such characters in strings.
    fn spaced(json: &str) -> String {
        json.replace('{', " { ")
            .replace(',', " ,\n")
            .replace(':', "\t: ")
            .replace(']', "\r] ")
    }

    fn key() -> Value {
        let reference = json!({"id": "sa-1", "related": "https://x", "resource_name": "crn://x", "kind": "Région"});
        json!({
            "api_version": "iam/v2",
            "kind": "ApiKey",
            "id": "AAAABBBBCCCCDDDD",
            "metadata": {"self": "https://x", "created_at": "2026-01-03T04:05:06.811920Z", "deleted_at": null},
            "spec": {
                "secret": "", "display_name": "ci", "owner": reference, "resource": reference,
                "resources": [reference, null, {}], "new": {"a": [1, -2.5e3, true, "\\\"}", []]},
                "description": "\"&\t",
            },
        })
    }

    #[test]
    fn keys_are_read_however_they_are_spelled() {
        let compact =
            r#"{"id":"k","spec":{"owner":{"id":"u"},"resources":[{"id":"r"},null],"new":[1,{}]}}"#;
        let escaped = compact
            .replace("owner", r"\u006fwner")
            .replace('r', r"\u0072");
        let pretty = serde_json::to_string_pretty(&key()).unwrap();
        for spelling in ["{}", " {\n} ", compact, &spaced(compact), &escaped, &pretty] {
            let (row, oddities) = decoded(spelling.trim_end(), &[0, 5]);
            assert_eq!(length(spelling.trim_end()), Some(spelling.trim_end().len()));
            assert!(oddities.is_empty());
            if spelling.contains("\"k\"") {
                assert_eq!(row, decoded(compact, &[0, 5]).0, "{spelling}");
            }
        }
    }

    #[test]
    fn half_a_character_is_read_as_the_sign_for_one() {
        for (text, expected) in [
            (r"\ud800", "\u{fffd}"),
            (r"a\udc00\ud83d\ude00\ud83d", "a\u{fffd}\u{1f600}\u{fffd}"),
            (r"\\ud800", r"\ud800"),
            (r"é\ud800\u0041", "é\u{fffd}A"),
        ] {
            let (row, odd) = decoded(&format!(r#"{{"id":"{text}"}}"#), &[0]);
            assert_eq!(row, json!({ "id": expected }));
            assert!(odd.is_empty());
        }
    }

    #[test]
    fn what_is_not_a_key_is_an_error() {
        let key = key().to_string();
        for broken in [
            key.replace("-2500.0", "-02500.0"),
            key.replace("[{", "[3 {"),
            key[..key.len() - 1].to_owned(),
            format!("x{key}"),
            "[]".to_owned(),
            "3".to_owned(),
            String::new(),
        ] {
            assert_eq!(length(&broken), None, "{broken}");
        }
    }

    #[test]
    fn a_member_is_left_out_however_it_is_spelled() {
        for (object, left) in [
            (r#"{"secret":"s"}"#, "{}"),
            (
                r#"{ "a" : 1 , "secret" : "s" , "b" : [ "secret" ] }"#,
                r#"{"a" : 1,"b" : [ "secret" ]}"#,
            ),
            (
                r#"{"a":1,"s\u0065cret":{"b":2},"secret":null}"#,
                r#"{"a":1}"#,
            ),
            (
                r#"{"a":"secret", "b":{"secret":1}}"#,
                r#"{"a":"secret", "b":{"secret":1}}"#,
            ),
            (
                r#"{"secret":"","a":1,"b":{"c":2}}"#,
                r#"{"a":1,"b":{"c":2}}"#,
            ),
            (r#"{"secret":"x","a":"secret"}"#, r#"{"a":"secret"}"#),
            (r#"{"secret":"","a":2,"s\u0065cret":1}"#, r#"{"a":2}"#),
            (r#"{"secret":"a\",","a":2}"#, r#"{"a":2}"#),
            (r#"{"secret":""}"#, "{}"),
            (r#"{"secrets":"\u0041"}"#, r#"{"secrets":"\u0041"}"#),
            ("{ }", "{ }"),
        ] {
            assert_eq!(without_member(object, "secret"), left, "{object}");
        }
    }

    #[test]
    fn the_text_after_a_key_is_ignored() {
        let key = key().to_string();
        assert_eq!(length(&format!("{key},{{")), Some(key.len()));
    }

    /// Any value that a member might have, more often than not one that is declared.
    fn any_member() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            Just(String::new()),
            "[a-z]{1,12}",
            any::<String>(),
            Just("2026-01-03T04:05:06.5Z".to_owned()),
            Just("2026-01-03T04:05:06+01:00".to_owned()),
            Just("2026-01-03T00:05:06+01:00".to_owned()),
            Just("2027-02-28".to_owned()),
            Just("0000-02-30T00:00:00Z".to_owned()),
        ];
        let leaf = prop_oneof![
            6 => text.prop_map(Value::from),
            1 => Just(Value::Null),
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 40, 5, |inner| {
            prop_oneof![
                4 => any_object(inner.clone()),
                1 => prop::collection::vec(inner, 0..4).prop_map(Value::from),
            ]
        })
    }

    fn any_object(member: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
        let names = prop::sample::select(
            "id kind api_version metadata spec self created_at secret owner resource expires_at display_name environment new"
                .split(' ')
                .collect::<Vec<_>>(),
        );
        prop::collection::vec((names, member), 0..7).prop_map(|members| {
            let members = members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value));
            Value::Object(members.collect::<Map<_, _>>())
        })
    }

    proptest! {
        #[test]
        fn it_reads_what_a_tree_holds(key in any_object(any_member())) {
            for projection in [ALL, &[], &[0], &[1], &[5], &[1, 5], &[3, 4]] {
                let columns: Vec<_> = COLUMNS.iter().enumerate().filter(|(position, _)| *position == 0 || projection.contains(position)).map(|(_, column)| *column).collect();
                let mut odd = Oddities::default();
                let mut row = expected(&key, &columns, &mut odd);
                if !projection.contains(&0) {
                    row.as_object_mut().unwrap().remove("id");
                }
                let (ours, oddities) = decoded(&key.to_string(), projection);
                prop_assert_eq!(ours, row);
                prop_assert_eq!((oddities.types, oddities.timestamps), (odd.types, odd.timestamps));
            }
        }

        #[test]
        fn what_is_read_is_json(text in "[\\[\\]{}:,\"\\\\a-dé0-9 \n.-]{0,30}", name in "spec|metadata|id|x") {
            for text in [text.clone(), format!("{{\"{name}\":{text}}}"), format!("{{\"spec\":{{\"owner\":{{\"{name}\":\"{text}\"}}}}}}")] {
                for is_wanted in [true, false] {
                    let mut buffers = buffers();
                    if !is_wanted {
                        buffers.fill_with(|| Buffer::Unwanted { len: 0 });
                    }
                    if let Ok(len) = read(&text, COLUMNS, &mut buffers, 0, &mut Oddities::default(), false) {
                        prop_assert!(serde_json::from_str::<IgnoredAny>(&text[..len]).is_ok(), "{}", text);
                    }
                }
            }
        }

        #[test]
        fn timestamps_are_read_as_chrono_reads_them(micros in -62_167_219_200_000_000i64..253_402_300_800_000_000, digits in 0usize..9) {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            let text = time.to_rfc3339_opts(SecondsFormat::Nanos, true);
            let cut = text[..20 + digits].trim_end_matches('.');
            let text = format!("{cut}Z");
            let theirs = DateTime::parse_from_rfc3339(&text).unwrap().timestamp_micros();
            prop_assert_eq!(super::micros(text.as_bytes()), Some(theirs));
        }

        #[test]
        fn what_looks_like_a_timestamp_is_none_unless_chrono_reads_it(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,10})?Z?") {
            if let Some(ours) = super::micros(text.as_bytes()) {
                prop_assert_eq!(DateTime::parse_from_rfc3339(&text).map(|time| time.timestamp_micros()), Ok(ours));
            }
        }
    }
}
