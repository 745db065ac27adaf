//! Reads keys in the spelling that services write them in: no white space between tokens, no escapes in what is wanted,
//! every member of its declared type.
//!
//! Turns the text of a key into values of [`Buffer`]s, as [`super::decode`] does by way of serde, several times as fast.
//! It reads what it is sure of, and gives up on everything else: the decoder then forgets what was added and reads the
//! key again. So nothing here reports an error or an oddity. What nobody wants is passed over by its brackets alone,
//! since the page was checked to be JSON before.

use chrono::NaiveDate;

use super::buffer::Buffer;
use super::columns::{Column, Type};
use crate::plain::unescaped;

/// Adds the members of the object `json` as row number `row` of `buffers`, one for each of `columns`. If `is_narrow`,
/// what comes behind the last member that is wanted is not looked at.
///
/// Returns None if it gave up. There may be values of row `row` then.
pub(super) fn read(
    json: &str,
    columns: &'static [Column],
    buffers: &mut [Buffer],
    row: usize,
    is_narrow: bool,
) -> Option<()> {
    let mut reader = Reader { json, at: 0 };
    match reader.object(columns, buffers, row, is_narrow)? {
        Extent::Whole if reader.at < json.len() => None,
        Extent::Whole | Extent::Enough => Some(()),
    }
}

/// How much of an object was read.
enum Extent {
    Whole,
    Enough,
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

    /// Reads a string without escapes.
    fn string(&mut self) -> Option<&'j str> {
        self.take(b'"')?;
        let start = self.at;
        self.at += unescaped(self.json.as_bytes().get(start..)?);
        let text = self.json.get(start..self.at)?;
        self.take(b'"')?;
        Some(text)
    }

    /// Reads the name of a member and the colon behind it. Returns the position of a column of that name, if there is
    /// one: at `expected` more often than not, as members come in the order of columns.
    fn name(&mut self, columns: &[Column], expected: usize) -> Option<Option<usize>> {
        let rest = self.json.as_bytes().get(self.at..)?.strip_prefix(b"\"")?;
        let is_named = |position: &usize| {
            let behind = rest.strip_prefix(columns[*position].json.as_bytes());
            behind.is_some_and(|behind| behind.starts_with(b"\":"))
        };
        let found = (expected..columns.len()).chain(0..expected).find(is_named);
        match found {
            Some(position) => self.at += columns[position].json.len() + 3,
            None => {
                self.string()?;
                self.take(b':')?;
            }
        }
        Some(found)
    }

    /// Reads an object into row number `row` of `buffers`.
    fn object(
        &mut self,
        columns: &'static [Column],
        buffers: &mut [Buffer],
        row: usize,
        is_narrow: bool,
    ) -> Option<Extent> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(Extent::Whole);
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
                Some(Type::Json | Type::Object(_)) => (wanted(true), wanted(false)),
                _ => (None, found.filter(|position| buffers[*position].wants(row))),
            };
            let start = self.at;
            match typed {
                Some(typed) => self.value(columns[typed].ty, &mut buffers[typed], row)?,
                None => self.pass_over()?,
            }
            if let Some(raw) = raw {
                let text = self.json.get(start..self.at)?;
                buffers[raw].pad(row);
                match text {
                    "null" => buffers[raw].push_null(),
                    text => buffers[raw].push_text(text),
                }
            }
            if is_narrow && !buffers.iter().any(|buffer| buffer.wants(row)) {
                return Some(Extent::Enough);
            }
            if self.take(b',').is_none() {
                self.take(b'}')?;
                return Some(Extent::Whole);
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
            Type::Text => buffer.push_text(self.string()?),
            Type::TextOrBlank => match self.string()? {
                "" => buffer.push_null(),
                text => buffer.push_text(text),
            },
            Type::Timestamp => buffer.push_time(micros(self.string()?.as_bytes())?),
            Type::Object(columns) => {
                let Buffer::Object { fields, valid } = buffer else {
                    return None;
                };
                self.object(columns, fields, valid.len(), false)?;
                valid.append(true);
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
                valid.append(true);
            }
            Type::Json => return None,
        }
        Some(())
    }

    /// Passes over a value of any type.
    fn pass_over(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            match self.peek()? {
                b'"' => self.pass_over_string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                b'-' | b'0'..=b'9' | b'a'..=b'z' => {
                    let word = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z');
                    let rest = self.json.as_bytes().get(self.at..)?;
                    self.at += rest.iter().position(|byte| !word(byte))?;
                }
                _ => return None,
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn pass_over_string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            self.at += unescaped(self.json.as_bytes().get(self.at..)?);
            match self.peek()? {
                b'"' => return self.take(b'"'),
                b'\\' => self.at += 2,
                _ => return None,
            }
        }
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
    use serde_json::{Map, Value, json};

    use super::super::columns::{COLUMNS, schema};
    use super::super::decode::Decoder;
    use super::*;

    const ALL: &[usize] = &[0, 1, 2, 3, 4, 5];

    fn buffers() -> Vec<Buffer> {
        COLUMNS
            .iter()
            .map(|column| Buffer::new(&column.ty))
            .collect()
    }

    fn is_read(json: &str) -> bool {
        read(json, COLUMNS, &mut buffers(), 0, false).is_some()
    }

    /// Decodes one key, or tells that it cannot be decoded.
    fn decoded(json: &str, projection: &[usize]) -> Option<RecordBatch> {
        let schema = schema().project(projection).unwrap();
        let mut decoder = Decoder::new(Arc::new(schema), projection);
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
            key.replace("\"ci\"", r#""a\tb""#),
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
    fn a_narrow_query_looks_no_further_than_it_must() {
        let id = |json: &str| {
            let mut buffers = buffers();
            for buffer in &mut buffers[1..] {
                *buffer = Buffer::Unwanted { len: 0 };
            }
            read(json, COLUMNS, &mut buffers, 0, true)?;
            Some(buffers[0].last_text()?.to_owned())
        };
        assert_eq!(
            id(r#"{"kind":["\"]"],"id":"a","spec":??"#).as_deref(),
            Some("a")
        );
        assert_eq!(id(r#"{"kind":["\"]"]]"#), None);
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
        fn no_text_makes_it_panic(text in "[\\[\\]{}:,\"\\\\a-dé0-9 ]{0,30}") {
            let _ = is_read(&text);
            let _ = is_read(&format!("{{\"spec\":{text}}}"));
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
