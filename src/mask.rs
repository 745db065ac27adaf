//! Masks secrets in texts that are about to be shown.
//!
//! Whoever answers a request knows the credentials that came with it, and may repeat them: in a message, a title, an
//! id, as a part of a link or of a page. This file finds them in whatever way they are written: with the escapes of
//! JSON, URLs and HTML, in any case and width, with tags, colours, white space, punctuation or invisible characters in
//! between, in Base64 or hexadecimal, nested too, as a list of pieces or of bytes, and in part. A secret with angle
//! brackets, which Confluent's secrets do not have, is not found where tags split it. It depends on [`Secret`] only,
//! and decides nothing about what is shown.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use parking_lot::Mutex;

use crate::invisible::{is_hidden, is_joiner};
use crate::secret::Secret;

/// What is shown in place of a secret.
const MASKED: &str = "***";

/// The most secrets of new keys to look for; those of the service's usual form are found without being known.
const MAX_CREATED: usize = 256;

/// How many characters of a long secret are enough to mask it.
const PART: usize = 12;

/// Secrets that are at least this long are looked for in part.
const LONG: usize = 2 * PART;

/// Shorter ones would be found everywhere.
const SHORTEST: usize = 4;

/// How often a text may be escaped.
const LAYERS: usize = 3;

/// The least length of encoded text that is decoded.
const ENCODED: usize = 8;

/// Bytes of a text that are looked at, far more than is shown.
const MAX_TEXT: usize = 16 * 1024;

/// The characters after `cflt` in the secret of a new key, and how many of them give it away.
const CREATED: usize = 60;
const CREATED_PART: usize = 20;

/// The secrets to be taken out.
#[derive(Default)]
pub(crate) struct Mask {
    secrets: Vec<Secret>,
    created: Mutex<VecDeque<Secret>>,
}

/// A character, and the bytes of the text that stand for it.
#[derive(Clone, Copy)]
struct Unit {
    c: char,
    start: usize,
    end: usize,
}

/// What to look for, prepared.
#[derive(Default)]
struct Wanted {
    /// Parts of [`PART`] characters of long secrets.
    parts: HashSet<Vec<char>>,
    /// Short secrets.
    whole: Vec<Vec<char>>,
}

impl Mask {
    /// Masks `secrets` and those of new keys.
    pub(crate) fn of(secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self {
            secrets: secrets.into_iter().collect(),
            created: Mutex::default(),
        }
    }

    /// Also masks the secret of a new key.
    pub(crate) fn add_created(&self, secret: Secret) {
        let mut created = self.created.lock();
        if created.len() == MAX_CREATED {
            created.pop_front();
        }
        created.push_back(secret);
    }

    /// Returns `text` with `***` in place of each secret. Of a text that is too long to be shown, only the beginning is
    /// returned: looking for secrets takes time.
    pub(crate) fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let text = &text[..text.floor_char_boundary(MAX_TEXT)];
        let wanted = self.wanted();
        let mut found = Vec::new();
        let all = visible(units(text));
        // What looks like a tag may split a secret, with or without what it is around, and may hold one.
        let readings: [Reading; 6] = [
            <[Unit]>::to_vec,
            without_separators,
            |units| without_tags(units, false),
            |units| without_tags(units, true),
            without_punctuation,
            of_numbers,
        ];
        for (number, reading) in readings.into_iter().enumerate() {
            // Without the marks around it, an encoded text would seem to go on with what is beside it.
            let find = match number {
                0..4 => Wanted::find,
                _ => Wanted::find_plain,
            };
            let read = reading(&all);
            // Where there is nothing to leave out it has been looked through.
            if number == 0 || read.len() < all.len() {
                find(&wanted, &read, &mut found);
            }
            for escapes in ESCAPES {
                let mut units = read.clone();
                for _ in 0..LAYERS {
                    let plain = reading(&visible(unescaped(&units, escapes)));
                    if plain.len() == units.len() {
                        break;
                    }
                    match escapes {
                        // Without its padding, an encoded text would seem to go on with what is behind it.
                        QUOTED => Wanted::find_plain(&wanted, &plain, &mut found),
                        _ => find(&wanted, &plain, &mut found),
                    }
                    units = plain;
                }
            }
        }
        replaced(text, found)
    }

    fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::default();
        let created = self.created.lock();
        for secret in self.secrets.iter().chain(created.iter()) {
            wanted.add(secret.reveal());
        }
        wanted
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}

impl Wanted {
    fn add(&mut self, secret: &str) {
        let chars: Vec<char> = secret
            .chars()
            .filter(|c| !is_dropped(*c))
            .map(lower)
            .collect();
        match chars.len() {
            0..SHORTEST => {}
            SHORTEST..LONG => self.whole.push(chars),
            _ => self.parts.extend(chars.windows(PART).map(<[char]>::to_vec)),
        }
    }

    /// Adds the places of secrets in `units`, in the clear.
    fn find_plain(&self, units: &[Unit], found: &mut Vec<Range<usize>>) {
        self.add_places(units, &chars_of(units), found);
    }

    fn add_places(&self, units: &[Unit], chars: &[char], found: &mut Vec<Range<usize>>) {
        for part in self.places(chars) {
            found.push(units[part.start].start..units[part.end - 1].end);
        }
    }

    /// Adds the places of secrets in `units`, in the clear and encoded.
    fn find(&self, units: &[Unit], found: &mut Vec<Range<usize>>) {
        let chars = chars_of(units);
        self.add_places(units, &chars, found);
        for (is_digit, decode) in ENCODINGS {
            let mut at = 0;
            while at < units.len() {
                let length = chars[at..].iter().take_while(|c| is_digit(**c)).count();
                if length >= ENCODED {
                    let padding = chars[at + length..].iter().take(2);
                    let padding = padding.take_while(|c| **c == '=').count();
                    let run = &units[at..at + length + padding];
                    self.find_encoded(run, length, *decode, found);
                }
                at += length.max(1);
            }
        }
    }

    /// Adds the places of encoded secrets in a run of so many digits and their padding, which may begin with something
    /// else.
    fn find_encoded(
        &self,
        run: &[Unit],
        length: usize,
        decode: fn(&[char]) -> Decoded,
        found: &mut Vec<Range<usize>>,
    ) {
        let chars = chars_of(&run[..length]);
        let Decoded { per_group, .. } = decode(&[]);
        for skipped in 0..per_group {
            let Some(digits) = chars.get(skipped..) else {
                break;
            };
            let Decoded {
                text, group_bytes, ..
            } = decode(digits);
            let decoded: Vec<char> = text.iter().map(|byte| char::from(*byte)).collect();
            let mut places = self.places(&decoded);
            places.extend(self.encoded_places(&decoded));
            for part in places {
                let first = skipped + part.start / group_bytes * per_group;
                let last = skipped + (part.end - 1) / group_bytes * per_group + per_group - 1;
                found.push(joined(run, first, last.min(length - 1)));
            }
        }
    }

    /// Returns where encoded secrets are in `chars`, which were decoded already: the runs of digits that hold one.
    fn encoded_places(&self, chars: &[char]) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        for (is_digit, decode) in ENCODINGS {
            let mut at = 0;
            while at < chars.len() {
                let length = chars[at..].iter().take_while(|c| is_digit(**c)).count();
                let run = &chars[at..at + length];
                let holds_one = |skipped: usize| {
                    let Decoded { text, .. } = decode(run.get(skipped..).unwrap_or_default());
                    let text: Vec<char> = text.iter().map(|byte| char::from(*byte)).collect();
                    !self.places(&text).is_empty()
                };
                let Decoded { per_group, .. } = decode(&[]);
                if length >= ENCODED && (0..per_group).any(holds_one) {
                    places.push(at..at + length);
                }
                at += length.max(1);
            }
        }
        places
    }

    /// Returns where secrets are in `chars`.
    fn places(&self, chars: &[char]) -> Vec<Range<usize>> {
        let mut places = created(chars);
        let lowered: Vec<char> = chars.iter().copied().map(lower).collect();
        if !self.parts.is_empty() {
            let windows = lowered.windows(PART).enumerate();
            let found = windows.filter(|(_, window)| self.parts.contains(*window));
            places.extend(found.map(|(at, _)| at..at + PART));
        }
        for secret in &self.whole {
            let windows = lowered.windows(secret.len()).enumerate();
            let found = windows.filter(|(_, window)| window == secret);
            places.extend(found.map(|(at, _)| at..at + secret.len()));
        }
        places
    }
}

/// What a run of digits says.
struct Decoded {
    text: Vec<u8>,
    /// Digits that are decoded together.
    per_group: usize,
    /// Bytes that they become.
    group_bytes: usize,
}

/// Which characters are digits, and how they are decoded.
type Encoding = (fn(char) -> bool, fn(&[char]) -> Decoded);

const ENCODINGS: &[Encoding] = &[(is_base64, base64), (is_hex, hex)];

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_')
}

fn is_hex(c: char) -> bool {
    c.is_ascii_hexdigit()
}

fn base64(digits: &[char]) -> Decoded {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let standard = |c: &char| match c {
        '-' => '+',
        '_' => '/',
        c => *c,
    };
    let mut digits: String = digits.iter().map(standard).collect();
    // One digit alone is less than a byte.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    Decoded {
        text: ENGINE.decode(digits).unwrap_or_default(),
        per_group: 4,
        group_bytes: 3,
    }
}

fn hex(digits: &[char]) -> Decoded {
    let value = |c: char| c.to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, _) = digits.as_chunks::<2>();
    Decoded {
        text: pairs
            .iter()
            .filter_map(|[high, low]| Some(value(*high)? << 4 | value(*low)?))
            .collect(),
        per_group: 2,
        group_bytes: 1,
    }
}

/// Returns the bytes of the text for the digits from `first` to `last`, and for those that stand beside them without
/// anything in between: what is left of an encoded text is of no use.
fn joined(run: &[Unit], mut first: usize, mut last: usize) -> Range<usize> {
    while first > 0 && run[first - 1].end == run[first].start {
        first -= 1;
    }
    while last + 1 < run.len() && run[last].end == run[last + 1].start {
        last += 1;
    }
    run[first].start..run[last].end
}

/// Returns where secrets of new keys are in `chars`, by their form.
fn created(chars: &[char]) -> Vec<Range<usize>> {
    let is_digit = |c: &&char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    let mut places = Vec::new();
    for (at, window) in chars.windows(4).enumerate() {
        if window != ['c', 'f', 'l', 't'] {
            continue;
        }
        let rest = &chars[at + 4..];
        let length = rest.iter().take(CREATED).take_while(is_digit).count();
        // Prose is not a secret.
        let is_random = rest[..length].iter().any(char::is_ascii_uppercase)
            && rest[..length].iter().any(|c| c.is_ascii_digit());
        if length >= CREATED_PART && is_random {
            places.push(at..at + 4 + length);
        }
    }
    places
}

fn chars_of(units: &[Unit]) -> Vec<char> {
    units.iter().map(|unit| unit.c).collect()
}

fn units(text: &str) -> Vec<Unit> {
    let units = text.char_indices().map(|(start, c)| Unit {
        c,
        start,
        end: start + c.len_utf8(),
    });
    units.collect()
}

/// Returns true for characters that may stand inside a secret without anybody seeing them.
fn is_dropped(c: char) -> bool {
    c.is_whitespace() || is_hidden(c) || is_joiner(c) || is_combining(c)
}

/// Returns true for accents that are written over the letter before them.
fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Returns `c` in lower case, and in the usual width.
fn lower(c: char) -> char {
    let narrow = match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    };
    narrow.to_ascii_lowercase()
}

/// Leaves out what nobody sees, such as the sequences that colour a terminal.
fn visible(units: Vec<Unit>) -> Vec<Unit> {
    let mut kept = Vec::with_capacity(units.len());
    let mut rest = units.as_slice();
    while let [first, after @ ..] = rest {
        let sequence = match (first.c, after.first().map(|unit| unit.c)) {
            ('\u{1b}', Some('[')) => Some(&after[1..]),
            ('\u{9b}', _) => Some(after),
            _ => None,
        };
        rest = match sequence {
            Some(sequence) => {
                let is_last = |unit: &Unit| matches!(unit.c, '@'..='~');
                let end = sequence.iter().position(is_last);
                &sequence[end.map_or(sequence.len(), |end| end + 1)..]
            }
            None => after,
        };
        if !is_dropped(first.c) {
            kept.push(*first);
        }
    }
    kept
}

/// Leaves out everything but letters, digits and what else secrets are made of.
fn without_punctuation(units: &[Unit]) -> Vec<Unit> {
    let kept = |unit: &&Unit| unit.c.is_alphanumeric() || matches!(unit.c, '+' | '/');
    units.iter().filter(kept).copied().collect()
}

/// Reads lists of bytes in decimal digits: `[99,102,108,116]`.
fn of_numbers(units: &[Unit]) -> Vec<Unit> {
    let mut kept: Vec<Unit> = Vec::with_capacity(units.len());
    let mut rest = units;
    let mut begins = true;
    while let [first, after @ ..] = rest {
        let length = rest
            .iter()
            .take(4)
            .take_while(|unit| unit.c.is_ascii_digit())
            .count();
        let (digits, behind) = rest.split_at(length);
        let value: String = digits.iter().map(|unit| unit.c).collect();
        let byte = value
            .parse()
            .ok()
            .filter(|byte: &u8| byte.is_ascii_graphic());
        let ends = !matches!(behind.first(), Some(next) if !matches!(next.c, ',' | ']'));
        rest = match (byte, digits.last()) {
            (Some(byte), Some(last)) if begins && ends => {
                let (start, end) = (first.start, last.end);
                kept.push(Unit {
                    c: char::from(byte),
                    start,
                    end,
                });
                // The next number follows behind a comma.
                behind
                    .get(1..)
                    .filter(|_| behind[0].c == ',')
                    .unwrap_or(behind)
            }
            _ => {
                begins = matches!(first.c, ',' | '[');
                kept.push(*first);
                after
            }
        };
    }
    kept
}

/// Leaves out what may stand between the characters or the bytes of a text: quotes, commas, colons, brackets, the plus
/// between two quoted texts, and the `0x` of a byte.
fn without_separators(units: &[Unit]) -> Vec<Unit> {
    let c = |at: usize| units.get(at).map(|unit| unit.c);
    let is_quote = |c: Option<char>| matches!(c, Some('"' | '\''));
    let mut kept = Vec::with_capacity(units.len());
    for (at, unit) in units.iter().enumerate() {
        let before = |back: usize| at.checked_sub(back).and_then(c);
        let is_separator = match unit.c {
            '"' | '\'' | ',' | ':' | '[' | ']' => true,
            '\\' => is_quote(c(at + 1)),
            // In a list it is an element.
            '+' => {
                is_quote(before(1))
                    && (is_quote(c(at + 1)) || c(at + 1) == Some('\\'))
                    && !matches!(before(2), None | Some(',' | '['))
            }
            '0' => c(at + 1) == Some('x') && is_byte(c(at + 2), c(at + 3)),
            'x' => before(1) == Some('0') && is_byte(c(at + 1), c(at + 2)),
            _ => false,
        };
        if !is_separator {
            kept.push(*unit);
        }
    }
    kept
}

fn is_byte(high: Option<char>, low: Option<char>) -> bool {
    high.is_some_and(is_hex) && low.is_some_and(is_hex)
}

/// How many elements back the beginning of one is looked for.
const MAX_NESTED: usize = 64;

/// A way to read a text.
type Reading = fn(&[Unit]) -> Vec<Unit>;

/// Leaves out what looks like tags, also `with_content`: `<b>…</b>`.
fn without_tags(units: &[Unit], with_content: bool) -> Vec<Unit> {
    let mut kept: Vec<Unit> = Vec::with_capacity(units.len());
    // Where the last opening bracket is in what was kept.
    let mut opened = None;
    // The elements that have begun, and where in what was kept.
    let mut elements: Vec<(String, usize)> = Vec::new();
    for unit in units {
        match (unit.c, opened) {
            ('<', _) => {
                opened = Some(kept.len());
                kept.push(*unit);
            }
            ('>', Some(at)) => {
                let first = kept.get(at + 1).map(|unit| unit.c);
                match first {
                    Some(c) if c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?') => {
                        // White space has gone, so attributes stand right behind a name.
                        let name = kept[at + 1..]
                            .iter()
                            .map(|unit| unit.c.to_ascii_lowercase());
                        let name: String = name.skip_while(|c| *c == '/').collect();
                        kept.truncate(at);
                        // One that began long before splits no secret.
                        let recent = elements.len().saturating_sub(MAX_NESTED);
                        let begun = elements[recent..].iter();
                        let begun = begun.rev().position(|(begun, _)| begun.starts_with(&name));
                        match begun.map(|back| elements.len() - 1 - back) {
                            Some(element) if c == '/' && with_content => {
                                kept.truncate(elements[element].1);
                                elements.truncate(element);
                            }
                            _ if c != '/' => elements.push((name, at)),
                            _ => {}
                        }
                    }
                    _ => kept.push(*unit),
                }
                opened = None;
            }
            _ => kept.push(*unit),
        }
    }
    kept
}

/// What escapes of JSON, of URLs and of HTML begin with: all of them, and each by itself, since a secret may look like an
/// escape of another kind. Then those of quoted-printable text with them.
const ESCAPES: [&str; 6] = ["\\%&", "\\", "%", "&", "\\%&=", QUOTED];

/// The same, and the ends of lines that go on, which look like padding.
const QUOTED: &str = "\\%&=\n";

/// Takes away one layer of those escapes that begin with one of `escapes`.
fn unescaped(units: &[Unit], escapes: &str) -> Vec<Unit> {
    let mut plain = Vec::with_capacity(units.len());
    let mut rest = units;
    while let [first, ..] = rest {
        let escape = match first.c {
            c if !escapes.contains(c) => None,
            '\\' => backslash(rest),
            '%' | '=' => percent(rest),
            '&' => entity(rest),
            _ => None,
        };
        if escape.is_none() && first.c == '=' && escapes == QUOTED {
            rest = &rest[1..];
            continue;
        }
        let (c, length) = escape.unwrap_or((first.c, 1));
        plain.push(Unit {
            c,
            start: first.start,
            end: rest[length - 1].end,
        });
        rest = &rest[length..];
    }
    plain
}

fn digits(units: &[Unit], count: usize) -> Option<u32> {
    let digits = units.get(..count)?.iter();
    digits
        .map(|unit| unit.c.to_digit(16))
        .try_fold(0, |value: u32, digit| {
            value.checked_mul(16)?.checked_add(digit?)
        })
}

/// Reads an escape of JSON, or one that this program writes, at the start of `units`: its character and its length.
fn backslash(units: &[Unit]) -> Option<(char, usize)> {
    let c = match units.get(1)?.c {
        'u' if units.get(2)?.c == '{' => {
            let length = units[3..].iter().take(7).position(|unit| unit.c == '}')?;
            let c = char::from_u32(digits(&units[3..], length)?)?;
            return Some((c, length + 4));
        }
        'u' => {
            let high = digits(&units[2..], 4)?;
            if let Some(c) = char::from_u32(high) {
                return Some((c, 6));
            }
            let follows = units.get(6)?.c == '\\' && units.get(7)?.c == 'u';
            let low = digits(units.get(8..)?, 4).filter(|low| follows && *low >= 0xdc00)?;
            let c = 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
            return Some((char::from_u32(c)?, 12));
        }
        'x' => return Some((char::from_u32(digits(&units[2..], 2)?)?, 4)),
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        c @ ('"' | '\\' | '/' | '\'') => c,
        _ => return None,
    };
    Some((c, 2))
}

/// Reads UTF-8 at the start of `units`, percent-encoded or with `=` for each `%`: its character and its length.
fn percent(units: &[Unit]) -> Option<(char, usize)> {
    let mark = units.first()?.c;
    let byte = |units: &[Unit]| -> Option<u8> {
        let value = digits(units.get(1..)?, 2).filter(|_| units[0].c == mark)?;
        u8::try_from(value).ok()
    };
    let mut bytes = Vec::new();
    while bytes.len() < 4 {
        bytes.push(byte(units.get(bytes.len() * 3..)?)?);
        if let Ok(text) = std::str::from_utf8(&bytes) {
            return Some((text.chars().next()?, bytes.len() * 3));
        }
    }
    None
}

/// Reads a reference to a character at the start of `units`: the character and the length.
fn entity(units: &[Unit]) -> Option<(char, usize)> {
    let end = units.iter().take(12).position(|unit| unit.c == ';');
    end.and_then(|length| closed_entity(units, length))
        .or_else(|| open_entity(units))
}

/// Reads a reference without the `;` at its end, as browsers do.
fn open_entity(units: &[Unit]) -> Option<(char, usize)> {
    let text: String = units.iter().take(10).map(|unit| unit.c).collect();
    let (start, radix) = match text.strip_prefix("&#")?.strip_prefix(['x', 'X']) {
        Some(_) => (3, 16),
        None => (2, 10),
    };
    let digits: String = text[start..]
        .chars()
        .take_while(|c| c.is_digit(radix))
        .collect();
    let c = char::from_u32(u32::from_str_radix(&digits, radix).ok()?)?;
    Some((c, start + digits.len()))
}

fn closed_entity(units: &[Unit], length: usize) -> Option<(char, usize)> {
    let name: String = units[1..length].iter().map(|unit| unit.c).collect();
    let c = match name.as_str() {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "sol" => '/',
        "plus" => '+',
        "equals" => '=',
        "lowbar" => '_',
        "colon" => ':',
        name => {
            let number = name.strip_prefix('#')?;
            let value = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(value.ok()?)?
        }
    };
    Some((c, length + 1))
}

/// Returns `text` with `***` in place of what was `found`.
fn replaced(text: &str, mut found: Vec<Range<usize>>) -> Cow<'_, str> {
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    found.sort_by_key(|range| range.start);
    let (mut masked, mut end) = (String::with_capacity(text.len()), 0);
    for range in found {
        if range.start > end || masked.is_empty() {
            masked.push_str(&text[end..range.start]);
            masked.push_str(MASKED);
        }
        end = end.max(range.end);
    }
    masked.push_str(&text[end..]);
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "aB3+/dE6fG7hI8jK9lM0nO1pQ2rS3tU4vW5xY6zA7bC8dE9fG0hI1jK2lM3nO4==";

    fn mask() -> Mask {
        Mask::of([Secret::new(SECRET)])
    }

    fn created_secret() -> String {
        format!("cflt{}", "aB3+/".repeat(12))
    }

    #[test]
    fn what_is_around_a_secret_stays() {
        let encoded = BASE64_STANDARD.encode(format!("KEY:{SECRET}"));
        let text = format!(
            "auth Basic {encoded} secret {SECRET} created {} key KEY",
            created_secret()
        );
        assert_eq!(
            mask().apply(&text),
            "auth Basic *** secret *** created *** key KEY"
        );
        for text in [
            "",
            "no secret here: 100% of <b>it</b> & more",
            "cflt is what they begin with",
        ] {
            assert!(matches!(mask().apply(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn of_a_long_text_only_the_beginning_is_looked_at_and_shown() {
        let text = format!("{SECRET} {}", "é! ".repeat(1 << 20));
        let masked = mask().apply(&text).into_owned();
        assert!(masked.starts_with("*** é!") && masked.len() <= MAX_TEXT);
    }

    #[test]
    fn short_secrets_are_found_whole_and_tiny_ones_not_at_all() {
        let mask = Mask::of(["canary", "abc"].map(Secret::new));
        assert_eq!(mask.apply("a CANARY, abc"), "a ***, abc");
        assert_eq!(mask.apply("can<i>ary</i>"), "***</i>");
    }

    #[test]
    fn a_secret_of_another_form_is_found_once_it_is_known() {
        let mask = Mask::default();
        let secret = "0123456789abcdefghijklmnopqrstuv";
        assert_eq!(mask.apply(secret), secret);
        mask.add_created(Secret::new(secret));
        assert_eq!(mask.apply(&format!("[{secret}]")), "[***]");
        for n in 0..MAX_CREATED {
            mask.add_created(Secret::new(format!("{n:040}")));
        }
        assert_eq!(mask.apply(secret), secret);
    }

    #[test]
    fn a_part_gives_a_secret_away() {
        for part in [&SECRET[..PART], &SECRET[30..50], &SECRET[40..]] {
            assert_eq!(mask().apply(&format!("it was {part}…")), "it was ***…");
        }
    }

    /// Writes a text in another way.
    #[derive(Debug, Clone, Copy)]
    enum Way {
        Json,
        JsonDigits,
        Percent,
        Html,
        Tags,
        Spaces,
        Invisible,
        Base64,
        Base64Url,
        Hex,
        Upper,
        HtmlOpen,
        Base64Twice,
        HexOfBase64,
        HexColons,
        HexBytes,
        List,
        Sum,
        Quoted,
    }

    const WAYS: [Way; 19] = [
        Way::Json,
        Way::JsonDigits,
        Way::Percent,
        Way::Html,
        Way::Tags,
        Way::Spaces,
        Way::Invisible,
        Way::Base64,
        Way::Base64Url,
        Way::Hex,
        Way::Upper,
        Way::HtmlOpen,
        Way::Base64Twice,
        Way::HexOfBase64,
        Way::HexColons,
        Way::HexBytes,
        Way::List,
        Way::Sum,
        Way::Quoted,
    ];

    impl Way {
        fn write(self, text: &str) -> String {
            let each = |f: fn(char) -> String| text.chars().map(f).collect::<String>();
            match self {
                Self::Json => text
                    .replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace('/', "\\/"),
                Self::JsonDigits => each(|c| format!("\\u{:04x}", u32::from(c))),
                Self::Percent => each(|c| {
                    let mut bytes = [0; 4];
                    let bytes = c.encode_utf8(&mut bytes).bytes();
                    bytes.map(|byte| format!("%{byte:02X}")).collect()
                }),
                Self::Html => each(|c| match u32::from(c) % 2 {
                    0 => format!("&#{};", u32::from(c)),
                    _ => format!("&#x{:x};", u32::from(c)),
                }),
                Self::Tags => each(|c| format!("{c}<wbr>")),
                Self::Spaces => each(|c| format!("{c} \n")),
                Self::Invisible => each(|c| format!("{c}\u{200b}\u{ad}")),
                Self::Base64 => BASE64_STANDARD.encode(text),
                Self::Base64Url => BASE64_URL_SAFE_NO_PAD.encode(text),
                Self::Hex => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
                Self::Upper => text.to_ascii_uppercase(),
                Self::HtmlOpen => each(|c| format!("&#{}", u32::from(c))),
                Self::Base64Twice => BASE64_STANDARD.encode(BASE64_STANDARD.encode(text)),
                Self::HexOfBase64 => Self::Hex.write(&BASE64_STANDARD.encode(text)),
                Self::HexColons => {
                    let bytes: Vec<String> =
                        text.bytes().map(|byte| format!("{byte:02X}")).collect();
                    bytes.join(":")
                }
                Self::Quoted => {
                    let bytes: Vec<String> =
                        text.bytes().map(|byte| format!("={byte:02X}")).collect();
                    let lines: Vec<String> = bytes.chunks(20).map(<[String]>::concat).collect();
                    lines.join("=\r\n")
                }
                Self::HexBytes => text.bytes().map(|byte| format!("0x{byte:02x}, ")).collect(),
                Self::List => format!("{:?}", text.chars().map(String::from).collect::<Vec<_>>()),
                Self::Sum => {
                    let chars: Vec<char> = text.chars().collect();
                    let pieces = chars
                        .chunks(5)
                        .map(|piece| format!("{:?}", String::from_iter(piece)));
                    pieces.collect::<Vec<_>>().join(" + ")
                }
            }
        }
    }

    #[test]
    fn a_secret_is_found_in_whatever_way_it_is_written() {
        for way in WAYS {
            for outer in [
                Way::Json,
                Way::JsonDigits,
                Way::Percent,
                Way::Html,
                Way::Tags,
                Way::Spaces,
            ] {
                let is_separated = matches!(
                    way,
                    Way::Tags | Way::HexColons | Way::HexBytes | Way::List | Way::Sum
                );
                if is_separated && matches!(outer, Way::Tags) {
                    // A tag with tags in its name is no tag, and separators with tags around them are kept.
                    continue;
                }
                let written = outer.write(&way.write(SECRET));
                let masked = mask().apply(&format!("({written})")).into_owned();
                assert!(masked.contains("***"), "{way:?} in {outer:?}: {masked}");
                assert!(masked.len() < 40, "{way:?} in {outer:?}: {masked}");
            }
        }
    }

    #[test]
    fn a_secret_is_found_around_elements() {
        for split in [
            "<script>x</script>",
            "<b>one <i>two</i></b>",
            "<B a='1'>x</b >",
        ] {
            let written: Vec<String> = SECRET.chars().map(String::from).collect();
            let written = written.chunks(5).map(<[String]>::concat);
            let written = written.collect::<Vec<_>>().join(split);
            let masked = mask().apply(&format!("({written})")).into_owned();
            assert_eq!(masked, "(***)", "{split}");
        }
    }

    #[test]
    fn a_secret_is_found_whatever_stands_between_its_letters() {
        const SECRET: &str = "Ow1nS3cretOfTheSession0123456789";
        let mask = Mask::of([Secret::new(SECRET)]);
        let joined = |between: &str| {
            let letters: Vec<String> = SECRET.chars().map(String::from).collect();
            letters.join(between)
        };
        let bytes: Vec<String> = SECRET.bytes().map(|byte| byte.to_string()).collect();
        let wide = |c: char| char::from_u32(u32::from(c) + 0xfee0).unwrap();
        let mut forms = vec![
            SECRET.chars().map(wide).collect(),
            format!("[{}]", bytes.join(",")),
            format!("{{\"b\":[{}]}}", bytes.join(", ")),
        ];
        for between in [
            "-",
            ".",
            "_",
            "|",
            ";",
            "\\",
            "\u{1b}[31m",
            "\u{1b}[0;1m",
            "\\u001b[2m",
            "\u{301}",
        ] {
            forms.push(joined(between));
        }
        for form in forms {
            let masked = mask.apply(&format!("a {form} z")).into_owned();
            assert!(
                masked.starts_with("a ") && masked.contains("***") && masked.len() < 20,
                "{form}: {masked}"
            );
        }
        for text in ["[1,2,3]", "99,102,108 and 116", "a-b.c_d|e;f"] {
            assert_eq!(mask.apply(text), text);
        }
    }

    /// A secret, and a way to write it.
    fn written() -> impl Strategy<Value = (String, Way)> {
        let secrets = |way| match way {
            // A bracket of the secret may close a tag that began before it. Confluent's secrets have none.
            Way::Tags => ["[A-Za-z0-9+/_=.-]{6,80}", "[!-;=?-~]{6,40}"],
            // A separator of the secret is taken for one around it.
            Way::HexColons | Way::HexBytes | Way::List | Way::Sum => {
                ["[A-Za-wyz0-9/_=.-]{6,80}", "[!#-&(-*.-9;-Z^-wy-~-]{6,40}"]
            }
            _ => ["[A-Za-z0-9+/_=.-]{6,80}", "[!-~]{6,40}"],
        };
        prop::sample::select(&WAYS).prop_flat_map(move |way| {
            let [usual, any] = secrets(way);
            (prop_oneof![usual, any], Just(way))
        })
    }

    proptest! {
        #[test]
        fn no_secret_slips_through(
            (secret, way) in written(),
            before in "[ -~\n]{0,20}",
            after in "[ -~\n]{0,20}",
        ) {
            let mask = Mask::of([Secret::new(secret.clone())]);
            let written = way.write(&secret);
            let text = format!("{before} \"{written}\" {after}");
            let masked = mask.apply(&text);
            prop_assert!(masked.contains(MASKED), "{masked}");
            prop_assert!(!masked.contains(&secret), "{masked}");
            prop_assert!(!masked.contains(&written), "{masked}");
        }

        #[test]
        fn other_texts_stay_as_they_are(text in "\\PC{0,200}") {
            prop_assert_eq!(mask().apply(&text), text.as_str());
        }
    }
}
