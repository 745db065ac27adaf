//! Reads keys in the spelling that services write them in: no white space between tokens, every member of its declared
//! type.
//!
//! Turns the text of a key into values of [`Buffer`]s, as [`super::decode`] does by way of serde, several times as fast.
//! It reads what it is sure of, and gives up on everything else: the decoder then forgets what was added and reads the
//! key again. So nothing here reports an error or an oddity. What it has read is JSON: a page may come here before
//! anybody has checked it.

use std::borrow::Cow;

use chrono::NaiveDate;

use super::buffer::Buffer;
use crate::json_scan::{self, begins, unescaped};
use crate::resource::{Column, Type};

/// Adds the members of the object that `json` begins with as row number `row` of `buffers`, one for each of `columns`.
///
/// Returns the length of the object, or None if it gave up. There may be values of row `row` then.
pub(super) fn read(
    json: &str,
    columns: &'static [Column],
    buffers: &mut [Buffer],
    row: usize,
) -> Option<usize> {
    let mut reader = Reader { json, at: 0 };
    reader.object(columns, buffers, row)?;
    Some(reader.at)
}

struct Reader<'j> {
    json: &'j str,
    /// What comes before was read.
    at: usize,
}

impl<'j> Reader<'j> {
    fn peek(&self) -> Option<u8> {
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
        let quote = self.at;
        self.take(b'"')?;
        let start = self.at;
        self.at += unescaped(self.json.as_bytes().get(start..)?);
        if self.peek()? == b'"' {
            let text = self.json.get(start..self.at)?;
            self.at += 1;
            return Some(Cow::Borrowed(text));
        }
        // There are escapes in it.
        self.at = quote;
        let text = serde_json::from_str(self.any_value()?).ok()?;
        Some(Cow::Owned(text))
    }

    /// Passes over a value of any type, and returns its text.
    fn any_value(&mut self) -> Option<&'j str> {
        let (value, rest) = json_scan::value(self.json.get(self.at..)?)?;
        self.at = self.json.len() - rest.len();
        Some(value)
    }

    /// Reads the name of a member and the colon behind it. Returns the position of a column of that name, if there is
    /// one: at `expected` more often than not, as members come in the order of columns.
    fn name(&mut self, columns: &[Column], expected: usize) -> Option<Option<usize>> {
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
            // A member may go to two columns: as its text, and by its type.
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
            let text = match typed {
                Some(typed) => {
                    let start = self.at;
                    self.value(columns[typed].ty, &mut buffers[typed], row)?;
                    self.json.get(start..self.at)?
                }
                None => self.any_value()?,
            };
            if let Some(raw) = raw {
                buffers[raw].pad(row);
                match text {
                    "null" => buffers[raw].push_null(),
                    text => buffers[raw].push_text(text),
                }
            }
            if self.take(b',').is_none() {
                return self.take(b'}');
            }
        }
    }

    /// Reads a value of type `ty` as value number `row` of `buffer`.
    fn value(&mut self, ty: Type, buffer: &mut Buffer, row: usize) -> Option<()> {
        if buffer.len() < row {
            buffer.pad(row);
        }
        if self.peek()? == b'n' {
            self.take_word("null")?;
            buffer.push_null();
            return Some(());
        }
        match ty {
            Type::Text => buffer.push_text(&self.string()?),
            Type::TextOrBlank => match &*self.string()? {
                "" => buffer.push_null(),
                text => buffer.push_text(text),
            },
            Type::Timestamp => buffer.push_time(micros(self.string()?.as_bytes())?),
            Type::Object(columns) | Type::Lifted(columns) => {
                let Buffer::Object { fields, valid } = buffer else {
                    return None;
                };
                self.object(columns, fields, valid.len())?;
                valid.append_non_null();
            }
            Type::List(columns) => {
                let Buffer::List { items, ends, valid } = buffer else {
                    return None;
                };
                self.take(b'[')?;
                if self.take(b']').is_none() {
                    loop {
                        self.value(Type::Object(columns), items, items.len())?;
                        if self.take(b',').is_none() {
                            break self.take(b']')?;
                        }
                    }
                }
                ends.push(i32::try_from(items.len()).ok()?);
                valid.append_non_null();
            }
            Type::Json => return None,
        }
        Some(())
    }
}

/// Reads `2026-01-03T04:05:06Z`, with up to 9 digits of a fraction, as microseconds since 1970. None if it is spelt in
/// another way, which may be as good.
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
            // What is finer than a microsecond is dropped, as chrono drops it.
            let kept = &fraction[..fraction.len().min(6)];
            number(&fraction[kept.len()..])?;
            number(kept)? * 10u32.pow(6 - kept.len() as u32)
        }
        _ => return None,
    };
    let (hour, minute, second) = (number(&[h0, h1])?, number(&[i0, i1])?, number(&[s0, s1])?);
    // A leap second, too, is left to others.
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
    use datafusion::arrow::array::RecordBatch;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;
    use serde_json::{Map, Value, json};

    use super::super::decode::Decoder;
    use super::*;
    use crate::resource::API_KEYS;

    const COLUMNS: &[Column] = API_KEYS.columns;
    const ALL: &[usize] = &[0, 1, 2, 3, 4, 5];

    fn buffers() -> Vec<Buffer> {
        COLUMNS
            .iter()
            .map(|column| Buffer::new(&column.ty))
            .collect()
    }

    fn is_read(json: &str) -> bool {
        read(json, COLUMNS, &mut buffers(), 0) == Some(json.len())
    }

    /// Decodes one key, or tells that it cannot be decoded.
    fn decoded(json: &str, projection: &[usize]) -> Option<RecordBatch> {
        let schema = API_KEYS.schema().project(projection).unwrap();
        let mut decoder = Decoder::new(&API_KEYS, Arc::new(schema), projection);
        decoder.push(json).ok()?;
        Some(decoder.finish().unwrap())
    }

    /// Spells an object so that it is left to serde.
    fn spaced(json: &str) -> String {
        json.replacen('{', "{ ", 1)
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
    fn the_spelling_of_services_is_read_here() {
        assert!(is_read(&key().to_string()));
        assert!(is_read("{}"));
    }

    #[test]
    fn what_is_odd_is_left_to_others() {
        let key = key().to_string();
        for odd in [
            spaced(&key),
            key.replace("\"ci\"", r#""\ud800""#),
            key.replace("-2500.0", "-02500.0"),
            key.replace("\"ci\"", "7"),
            key.replace("06.811920Z", "06+01:00"),
            key.replace("06.811920Z", "60Z"),
            key.replace("[{", "[3,{"),
            key[..key.len() - 1].to_owned(),
            format!("{key}x"),
            "[]".to_owned(),
            String::new(),
        ] {
            assert!(!is_read(&odd), "{odd}");
        }
    }

    #[test]
    fn what_comes_behind_a_key_is_not_its_business() {
        let key = key().to_string();
        let len = read(&format!("{key},{{"), COLUMNS, &mut buffers(), 0);
        assert_eq!(len, Some(key.len()));
    }

    /// Any value that a member might have, more often than not one that is declared.
    fn any_member() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            Just(String::new()),
            "[a-z]{1,12}",
            any::<String>(),
            Just("2026-01-03T04:05:06.5Z".to_owned()),
            Just("2026-01-03T04:05:06+01:00".to_owned()),
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
            "id kind api_version metadata spec self created_at secret owner resource resources display_name environment new"
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
        fn it_reads_what_serde_reads(key in any_object(any_member())) {
            let compact = key.to_string();
            for projection in [ALL, &[], &[0], &[1], &[5], &[1, 5], &[3, 4]] {
                let ours = decoded(&compact, projection);
                prop_assert_eq!(ours, decoded(&spaced(&compact), projection));
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
                    if let Some(len) = read(&text, COLUMNS, &mut buffers, 0) {
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
