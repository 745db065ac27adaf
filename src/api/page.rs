//! One page of a listing.
//!
//! Turns the body of a page into its keys, as slices of the body, and the token of the next page. There are two readers:
//! [`Page::parse`] takes any JSON and explains what is wrong with it; [`PageSummary::read`] takes only the spelling that
//! services use, and lets the caller decode the keys in the same pass. The link to the next page is only read for its
//! token and never followed, because it may name any host. Depends on [`KeyBody`]; knows nothing about HTTP.
//!
//! The envelope is described in Confluent's API reference, "Pagination": `{"metadata": {"next": …}, "data": […]}`.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::body::{DecodeError, KeyBody, tells_error};
use crate::json_scan;

/// The longest token that is sent, in bytes. Servers take no longer lines.
const MAX_TOKEN: usize = 16 * 1024;

/// Identifies a page of a listing. Opaque.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageToken(String);

impl PageToken {
    /// Wraps a token that is not percent-encoded. `None` if it is empty, which would mean the first page.
    pub fn new(token: &str) -> Option<Self> {
        (!token.is_empty()).then(|| Self(token.to_owned()))
    }

    /// Returns the token, without percent-encoding.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Extracts `page_token` from a link, which may be absolute, relative, or just a query.
    fn of_link(link: &str) -> Option<Self> {
        let query = link.split_once('?').map_or(link, |(_, query)| query);
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let (_, token) = pairs.find(|(name, _)| name == "page_token")?;
        Self::new(&token)
    }
}

/// One page of a listing: its keys in the service's order, as slices of the page's body.
#[derive(Clone)]
pub struct Page {
    keys: Vec<KeyBody>,
    next: Option<PageToken>,
    total: Option<u64>,
}

impl Page {
    /// Parses a page. The syntax of its keys is checked, but they are not decoded.
    ///
    /// # Errors
    /// [`DecodeError`] if `body` is not JSON, `data` is not a list of objects, or the link to the next page has no token: a listing
    /// that cannot be continued must not look complete.
    pub fn parse(body: Bytes) -> Result<Self, DecodeError> {
        let Object(envelope): Object<Envelope<'_>> =
            serde_json::from_slice(&body).map_err(|e| DecodeError::of_json(&e, &body))?;
        let Some(data) = envelope.data else {
            return Err(DecodeError::new("expected `data` to be a list of objects"));
        };
        // How some services write an empty list.
        let data = data.unwrap_or_default();
        if data.iter().any(|key| !key.get().starts_with('{')) {
            return Err(DecodeError::new("expected `data` to be a list of objects"));
        }
        let links = envelope.links.unwrap_or_default();
        let (next, total) = (links.token()?, links.total);
        let key = |key: &&RawValue| KeyBody::of_valid_json(body.slice_ref(key.get().as_bytes()));
        let keys = data.iter().map(key).collect();
        Ok(Self { keys, next, total })
    }

    /// Finds the token of the next page, and the number of keys of all pages, at the beginning of a body that may not be a
    /// page at all. `None` if the links do not come before the keys; no token if this seems to be the last page.
    pub(super) fn peek(body: &[u8]) -> Option<(Option<PageToken>, Option<u64>)> {
        let mut peek = Peek::default();
        // Always fails: see `Peek`.
        let _ =
            serde_json::Deserializer::from_slice(body).deserialize_map(MembersVisitor(&mut peek));
        let links = peek.0?;
        Some((links.token().ok()?, links.total))
    }

    /// Returns the keys in order, without copying them.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = KeyBody> + '_ {
        self.keys.iter().cloned()
    }

    /// Returns the token of the next page; `None` on the last page.
    pub fn next(&self) -> Option<&PageToken> {
        self.next.as_ref()
    }

    /// Returns how many keys all pages of the listing have, if the service says so.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Returns the number of keys on this page.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns true if the page has no keys. There may still be a next page.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// Turns the pages of a listing into something else, such as rows.
pub trait PageReader: Send + 'static {
    /// What a number of pages become.
    type Output: Send;

    /// Reads the keys of `page`.
    fn add(&mut self, page: &Page);

    /// Reads the keys of a body that has not been validated and seems to be a page followed by `next`. Returns their
    /// number.
    ///
    /// `None` if it is not such a page, or if the reader is not sure, which is always a correct answer: nothing is kept of
    /// its keys, and the caller turns to [`Page::parse`].
    fn read(&mut self, body: &[u8], next: Option<&PageToken>) -> Option<usize> {
        let _ = (body, next);
        None
    }

    /// Returns what has become of the keys read since the last call.
    fn finish(&mut self) -> Self::Output;
}

/// What a [`PageReader`] has made of consecutive pages of a listing.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    /// What the keys have become.
    pub(crate) output: T,
    /// The number of keys.
    pub(crate) keys: usize,
    /// The number of pages, at least one.
    pub(crate) pages: usize,
    /// True if the listing ends here.
    pub(crate) is_last: bool,
}

/// A page without its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageSummary {
    /// The number of keys.
    pub(crate) len: usize,
    /// The token of the next page; `None` on the last page.
    pub(crate) next: Option<PageToken>,
}

impl PageSummary {
    /// Reads a page in one pass. `key` is called with the text that starts at each key, and returns the key's length, or
    /// `None` if it is not a key.
    ///
    /// `None` if the page is not spelled the way services spell it, or is not a page: [`Page::parse`] tells which. Every
    /// page that is accepted here would be accepted there too, provided that `key` accepts nothing but objects.
    pub(crate) fn read(body: &[u8], mut key: impl FnMut(&str) -> Option<usize>) -> Option<Self> {
        let mut rest = std::str::from_utf8(body).ok()?.strip_prefix('{')?;
        let mut metadata = None;
        let mut len = None;
        loop {
            let (name, after) = json_scan::value(rest)?;
            rest = after.strip_prefix(':')?;
            match name {
                // The last of several `data` members counts, but the keys of the first have been read.
                r#""data""# if len.is_some() => return None,
                r#""data""# => {
                    let keys;
                    (keys, rest) = elements(rest, &mut key)?;
                    len = Some(keys);
                }
                _ => {
                    let value;
                    (value, rest) = json_scan::value(rest)?;
                    match name {
                        // `Page::parse` says what is wrong with such a page.
                        r#""metadata""# if metadata.is_some() => return None,
                        r#""error""# | r#""errors""# | r#""error_code""# => return None,
                        r#""metadata""# => {
                            metadata = Some(links(serde_json::from_str(value).ok()?));
                        }
                        // An escape may hide one of the names, and names must be strings.
                        _ if name.contains('\\') || !name.starts_with('"') => return None,
                        _ => {}
                    }
                }
            }
            match rest.split_at_checked(1)? {
                (",", after) => rest = after,
                ("}", after) if is_space(after) => break,
                _ => return None,
            }
        }
        let next = metadata.unwrap_or_default().token().ok()?;
        Some(Self { len: len?, next })
    }
}

/// Calls `key` for each element of the list at the start of `text`. Returns their number and the text after the list.
fn elements<'t>(
    text: &'t str,
    key: &mut impl FnMut(&str) -> Option<usize>,
) -> Option<(usize, &'t str)> {
    let mut rest = text.strip_prefix('[')?;
    if let Some(after) = rest.strip_prefix(']') {
        return Some((0, after));
    }
    let mut len = 0;
    loop {
        rest = rest.get(key(rest)?..)?;
        len += 1;
        match rest.split_at_checked(1)? {
            (",", after) => rest = after,
            ("]", after) => return Some((len, after)),
            _ => return None,
        }
    }
}

/// Returns true if `text` is empty or JSON white space.
fn is_space(text: &str) -> bool {
    text.trim_matches([' ', '\n', '\r', '\t']).is_empty()
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("keys", &self.len())
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// The envelope of a page.
#[derive(Default)]
struct Envelope<'a> {
    /// None without such a member, nothing in it for null.
    data: Option<Option<Vec<&'a RawValue>>>,
    links: Option<Links<'a>>,
}

impl<'de> Members<'de> for Envelope<'de> {
    const EXPECTED: &'static str = "a page of keys";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            // Nobody can tell which of them is meant.
            "data" if self.data.is_some() => return Err(A::Error::custom("`data` is there twice")),
            "metadata" if self.links.is_some() => {
                return Err(A::Error::custom("`metadata` is there twice"));
            }
            "data" => self.data = Some(map.next_value()?),
            "metadata" => self.links = Some(links(map.next_value()?)),
            "error" | "errors" | "error_code" => {
                let error: &RawValue = map.next_value()?;
                if tells_error(name, error.get()) {
                    return Err(A::Error::custom("the page contains both data and an error"));
                }
            }
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

/// The `metadata` of a page.
#[derive(Default)]
struct Links<'a> {
    /// None without such a member, nothing in it for null.
    next: Option<Option<Cow<'a, str>>>,
    total: Option<u64>,
}

impl Links<'_> {
    fn token(&self) -> Result<Option<PageToken>, DecodeError> {
        match self.next.as_ref().and_then(Option::as_deref) {
            None | Some("") => Ok(None),
            Some(link) => match PageToken::of_link(link) {
                Some(token) if token.0.len() > MAX_TOKEN => Err(DecodeError::new(
                    "expected a shorter `page_token` in the link to the next page",
                )),
                Some(token) => Ok(Some(token)),
                None => Err(DecodeError::new(
                    "expected a `page_token` in the link to the next page",
                )),
            },
        }
    }
}

/// Returns the links of a page whose `metadata` may be null.
fn links(metadata: Option<Object<Links<'_>>>) -> Links<'_> {
    metadata.map(|Object(links)| links).unwrap_or_default()
}

impl<'de> Members<'de> for Links<'de> {
    const EXPECTED: &'static str = "an object with the links of a page";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            // Nobody can tell which of them is meant.
            "next" if self.next.is_some() => return Err(A::Error::custom("`next` is there twice")),
            "next" => {
                let link: Option<Text<'de>> = map.next_value()?;
                self.next = Some(link.map(|Text(link)| link));
            }
            "total_size" => self.total = whole(map.next_value::<&RawValue>()?.get()),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

/// Returns the number that `json` is, as a number or in quotes; None for what is none, which says nothing.
fn whole(json: &str) -> Option<u64> {
    let text = json.trim_matches('"');
    text.parse().ok().or_else(|| {
        let (whole, fraction) = text.split_once('.')?;
        let is_zero = fraction.bytes().all(|digit| digit == b'0');
        is_zero.then(|| whole.parse().ok()).flatten()
    })
}

/// The links of a page, if they come before its keys.
#[derive(Default)]
struct Peek<'a>(Option<Links<'a>>);

impl<'de> Members<'de> for Peek<'de> {
    const EXPECTED: &'static str = "a page of keys";

    /// Fails, and so stops the parser, as soon as it meets the links or the keys.
    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "data" => return Err(A::Error::custom("the keys come first")),
            "metadata" => {
                self.0 = Some(links(map.next_value()?));
                return Err(A::Error::custom("the links are known"));
            }
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

/// What a JSON object is read into, member by member. A later member replaces an earlier one of the same name where the
/// implementation does not refuse it.
trait Members<'de>: Default {
    /// What the object is, for error messages.
    const EXPECTED: &'static str;

    /// Reads the value of the member called `name` from `map`.
    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

struct MembersVisitor<'m, M>(&'m mut M);

impl<'de, M: Members<'de>> Visitor<'de> for MembersVisitor<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(M::EXPECTED)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = map.next_key()? {
            self.0.member(&name, &mut map)?;
        }
        Ok(())
    }
}

/// A JSON object read by [`Members`].
struct Object<M>(M);

impl<'de, M: Members<'de>> Deserialize<'de> for Object<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = M::default();
        deserializer.deserialize_map(MembersVisitor(&mut members))?;
        Ok(Self(members))
    }
}

/// A JSON string, borrowed unless it contains escapes.
#[derive(serde::Deserialize)]
struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(json: &str) -> Page {
        Page::parse(Bytes::copy_from_slice(json.as_bytes())).unwrap()
    }

    fn refused(json: &str) -> String {
        Page::parse(Bytes::copy_from_slice(json.as_bytes()))
            .unwrap_err()
            .to_string()
    }

    fn next(link: &str) -> Option<PageToken> {
        page(&format!(r#"{{"metadata":{{"next":{link}}},"data":[]}}"#))
            .next()
            .cloned()
    }

    #[test]
    fn keys_are_slices_of_the_page_in_order() {
        let page = page(
            r#"{"data":[ {"id":"b"} , {"id":"a","x":[{}]} ],"metadata":{"total_size":2},"kind":"ApiKeyList"}"#,
        );
        let keys: Vec<_> = page.keys().map(|key| key.raw().to_owned()).collect();
        assert_eq!(keys, [r#"{"id":"b"}"#, r#"{"id":"a","x":[{}]}"#]);
        assert_eq!((page.len(), page.next()), (2, None));
    }

    #[test]
    fn the_last_page_is_told_in_many_ways() {
        for end in [
            r#"{"data":[]}"#,
            r#"{"data":null}"#,
            r#"{"metadata":null,"data":null}"#,
            r#"{"metadata":null,"data":[]}"#,
            r#"{"metadata":{},"data":[]}"#,
        ] {
            assert_eq!((page(end).next(), page(end).len()), (None, 0), "{end}");
        }
        assert_eq!(["null", r#""""#].map(next), [None, None]);
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_an_error() {
        insta::assert_snapshot!(refused(r#"{"data":[{"id":"a"}],"data":[]}"#), @"the JSON cannot be read: `data` is there twice at line 1 column 27");
        insta::assert_snapshot!(refused(r#"{"metadata":{},"data":[],"metadata":{}}"#), @"the JSON cannot be read: `metadata` is there twice at line 1 column 35");
        insta::assert_snapshot!(refused(r#"{"data":[],"error":{"code":500}}"#), @"the JSON cannot be read: the page contains both data and an error at line 1 column 32");
        for odd in [
            r#"{"data":[],"data":[]}"#,
            r#"{"metadata":null,"metadata":null,"data":[]}"#,
            r#"{"data":[],"errors":[{"detail":"x"}]}"#,
        ] {
            refused(odd);
            assert_eq!(PageSummary::read(odd.as_bytes(), |_| None), None, "{odd}");
        }
        assert!(page(r#"{"error":null,"errors":[],"data":[]}"#).is_empty());
    }

    #[test]
    fn how_many_there_are_is_known_if_it_is_said() {
        let total =
            |metadata: &str| page(&format!(r#"{{"metadata":{metadata},"data":[]}}"#)).total();
        for said in ["7", "\"7\"", "7.0"] {
            assert_eq!(
                total(&format!(r#"{{"total_size":{said}}}"#)),
                Some(7),
                "{said}"
            );
        }
        for silent in [
            "{}",
            "null",
            r#"{"total_size":null}"#,
            r#"{"total_size":-1}"#,
            r#"{"total_size":7.5}"#,
        ] {
            assert_eq!(total(silent), None, "{silent}");
        }
    }

    #[test]
    fn links_of_every_form_are_read_for_their_token_alone() {
        let token = PageToken::new("a b+c/=");
        for link in [
            "https://elsewhere.example/iam/v2/api-keys?page_token=a+b%2Bc%2F%3D&page_size=10",
            "/iam/v2/api-keys?page_size=10&page_token=a%20b%2Bc%2F%3D#x",
            "?page_token=a%20b%2Bc/=",
            "page_token=a%20b%2Bc/=",
        ] {
            assert_eq!(next(&format!("\"{link}\"")), token, "{link}");
        }
        assert_eq!(next(r#""https:\/\/h\/?page_token=t""#), PageToken::new("t"));
    }

    #[test]
    fn a_page_that_cannot_be_continued_or_understood_is_an_error() {
        insta::assert_snapshot!(refused(r#"{"metadata":{"next":"https://h/p?page_size=1"},"data":[]}"#), @"expected a `page_token` in the link to the next page");
        insta::assert_snapshot!(refused(r#"{"metadata":{"next":"?page_token="},"data":[]}"#), @"expected a `page_token` in the link to the next page");
        insta::assert_snapshot!(refused(r#"{"metadata":{}}"#), @"expected `data` to be a list of objects");
        insta::assert_snapshot!(refused(r#"{"data":[{"id":"a"},null]}"#), @"expected `data` to be a list of objects");
        insta::assert_snapshot!(refused(r#"{"data":[{"id":"a"}"#), @"the JSON ends too early");
        for json in [
            r#"{"data":{}}"#,
            r#"{"data":[],"metadata":7}"#,
            r#"{"data":[],"metadata":{"next":7}}"#,
            "[]",
            "null",
        ] {
            assert!(refused(json).contains("invalid type"), "{json}");
        }
    }

    #[test]
    fn what_comes_next_is_known_before_the_keys_if_the_links_stand_before_them() {
        let peek = |body: &str| Some(Page::peek(body.as_bytes())?.0);
        let token = Some(PageToken::new("t"));
        assert_eq!(
            peek(r#"{"kind":"x","metadata":{"next":"?page_token=t"},"data":[ cut"#),
            token
        );
        for end in [
            r#"{"metadata":{},"#,
            r#"{"metadata":null,"#,
            r#"{"metadata":{"next":""},"#,
        ] {
            assert_eq!(peek(end), Some(None), "{end}");
        }
        for unknown in [
            r#"{"data":[],"metadata":{"next":"?page_token=t"}}"#,
            r#"{"metadata":{"next":"?page_size=1"}"#,
            r#"{"metadata":{"next":"#,
            r#"{"kind":"x"}"#,
            "[]",
            "",
        ] {
            assert_eq!(peek(unknown), None, "{unknown}");
        }
    }

    /// Reads a page whose keys may be any objects but `{"id":7}`.
    fn summary(body: &[u8]) -> Option<(Vec<String>, PageSummary)> {
        let mut keys = Vec::new();
        let summary = PageSummary::read(body, |text| {
            let (key, rest) = json_scan::value(text)?;
            keys.push(key.to_owned());
            let is_key = key.starts_with('{') && key != r#"{"id":7}"#;
            is_key.then_some(text.len() - rest.len())
        })?;
        Some((keys, summary))
    }

    #[test]
    fn a_page_of_the_usual_spelling_is_read_in_one_pass() {
        let body = r#"{"api_version":"iam/v2","kind":"ApiKeyList","metadata":{"next":"?page_token=t","total_size":2},"data":[{"id":"a"},{"id":"b"}],"new":[{}]}"#;
        let (keys, summary) = summary(format!("{body}\n").as_bytes()).unwrap();
        assert_eq!(keys, [r#"{"id":"a"}"#, r#"{"id":"b"}"#]);
        assert_eq!((summary.len, summary.next), (2, PageToken::new("t")));
    }

    #[test]
    fn what_may_be_no_page_is_left_to_others() {
        for odd in [
            r#"{"data":[]"#,
            r#"{"data":[]} x"#,
            r#"{"data":[{},]}"#,
            r#"{"data":[{} ]}"#,
            r#"{"data":[{"id":7}]}"#,
            r#"{"data":null}"#,
            r#"{"data":[],"data":[]}"#,
            r#"{"data":[],"metad\u0061ta":{}}"#,
            r#"{"data":[],"metadata":7}"#,
            r#"{"data":[],"metadata":{"next":"?page_size=1"}}"#,
            r#"{"data":[],7:8}"#,
            r#"{"metadata":{}}"#,
            "{\"data\":[\"\u{1}\"]}",
            "{}",
            "[]",
            "",
        ] {
            assert_eq!(summary(odd.as_bytes()), None, "{odd}");
        }
        assert_eq!(summary(b"{\"data\":[\"\xff\"]}"), None);
    }

    proptest! {
        #[test]
        fn what_is_read_in_one_pass_is_the_page(
            members in prop::collection::vec((
                prop::sample::select(vec!["data", "metadata", "kind", "d\\u0061ta"]),
                prop::sample::select(vec!["[]", "[{},{\"id\":\"[\"}]", "[1]", "[ {}]", "null", "{}", "{\"next\":\"?page_token=a\"}", "{\"next\":\"b\"}", "\"x\"", "[}"]),
            ), 0..4),
            cut in 0usize..200,
        ) {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            let text = format!("{{{}}}", members.join(","));
            for body in [&text[..], &text[..cut.min(text.len())]] {
                if let Some((keys, summary)) = summary(body.as_bytes()) {
                    let page = page(body);
                    prop_assert_eq!((summary.len, summary.next.as_ref()), (page.len(), page.next()));
                    prop_assert_eq!(page.keys().map(|key| key.raw().to_owned()).collect::<Vec<_>>(), keys);
                }
            }
        }

        #[test]
        fn no_body_makes_the_parser_panic(body in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(page) = Page::parse(Bytes::from(body)) {
                prop_assert!(page.keys().all(|key| !key.raw().is_empty()));
            }
        }

        #[test]
        fn any_token_survives_a_link(token in ".+") {
            let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("page_token", &token).finish();
            prop_assert_eq!(PageToken::of_link(&format!("https://h/p?{query}")), PageToken::new(&token));
        }
    }
}
