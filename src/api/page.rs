//! One page of a listing.
//!
//! Turns the envelope of a page into its keys, as slices of the body, and into the token of the next page; or, in one
//! pass, into whatever a [`PageReader`] makes of the keys. The link to the next page is only ever read for its token,
//! never followed: it may name any host. Depends on [`KeyBody`]; knows nothing of HTTP.
//!
//! The envelope is that of Confluent's API reference, "Pagination": `{"metadata": {"next": …}, "data": […]}`.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::body::{DecodeError, KeyBody};
use crate::json_scan;

/// Stands for the next page of a listing. Opaque.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageToken(String);

impl PageToken {
    /// Wraps a token as it was before any encoding. `None` if it is empty, which would mean the first page.
    pub fn new(token: &str) -> Option<Self> {
        (!token.is_empty()).then(|| Self(token.to_owned()))
    }

    /// Returns the token, not encoded.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads `page_token` from the query of a link, which may be absolute, relative, or the query alone.
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
    total_size: Option<u64>,
}

impl Page {
    /// Reads the envelope in one pass. The keys in it are found, and checked for syntax, but not decoded.
    ///
    /// # Errors
    /// [`DecodeError`] if it is not JSON, `data` is not a list, or the link to the next page has no token: an
    /// answer that cannot be continued must not pass for a complete one.
    pub fn parse(body: Bytes) -> Result<Self, DecodeError> {
        let envelope: Envelope<'_> =
            serde_json::from_slice(&body).map_err(|e| DecodeError::of_json(&e, &body))?;
        let Some(data) = envelope.data else {
            return Err(DecodeError::new("expected `data` to be a list of keys"));
        };
        let next = envelope.links.token()?;
        let key = |key: &&RawValue| KeyBody::of_valid_json(body.slice_ref(key.get().as_bytes()));
        let keys = data.iter().map(key).collect();
        Ok(Self {
            keys,
            next,
            total_size: envelope.links.total_size,
        })
    }

    /// Reads what to ask for next out of the beginning of a page, which may not be one. `None` if it is not known
    /// before the keys are read; `Some(None)` if it seems to be the last page.
    pub(crate) fn peek(body: &[u8]) -> Option<Option<PageToken>> {
        let mut links = None;
        // It ends by way of an error, as soon as it has met the links or the keys.
        let _ = serde_json::Deserializer::from_slice(body).deserialize_map(Peek(&mut links));
        links?.token().ok()
    }

    /// Returns the keys in order, without copying them.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = KeyBody> + '_ {
        self.keys.iter().cloned()
    }

    /// Returns what to ask for next; `None` on the last page.
    pub fn next(&self) -> Option<&PageToken> {
        self.next.as_ref()
    }

    /// Returns the number of keys on this page.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns true if there is no key on this page, which may still have a next one.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the number of keys of the whole listing, if the service says so.
    pub fn total_size(&self) -> Option<u64> {
        self.total_size
    }
}

/// What a page says besides its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The number of keys on the page.
    pub(crate) len: usize,
    /// What to ask for next; `None` on the last page.
    pub(crate) next: Option<PageToken>,
}

/// Makes something of the keys of a listing, page by page.
pub trait PageReader: Send + 'static {
    /// What it makes of the keys of some pages.
    type Keys: Send;

    /// Reads the keys of `page`.
    fn add(&mut self, page: &Page);

    /// Reads the keys of what should be a page that goes on with `next`, which nobody has checked, and returns their number.
    ///
    /// `None` if it is no such page, or if it is not sure, which is always right: the body is left to [`Page::parse`] then,
    /// and there is no trace of its keys.
    fn read(&mut self, body: &[u8], next: Option<&PageToken>) -> Option<usize> {
        let _ = (body, next);
        None
    }

    /// Returns what became of the keys that were read since the last call.
    fn finish(&mut self) -> Self::Keys;
}

/// What a [`PageReader`] makes of some pages of a listing, in order.
#[derive(Debug)]
pub struct Listed<K> {
    /// What became of their keys.
    pub keys: K,
    /// The number of keys.
    pub len: usize,
    /// The number of pages, at least one.
    pub pages: usize,
    /// True if there are no pages behind them.
    pub is_last: bool,
}

impl Outline {
    /// Reads a page in the one pass in which `key` reads its keys: it is given the text from where a key begins, and
    /// returns the length of the key, or `None` if that is no key.
    ///
    /// `None` if the page is not spelt as services spell it, or is none: [`Page::parse`] tells. Whatever is read here is a
    /// page to that, too, if what `key` takes for a key is JSON.
    pub(crate) fn read(body: &[u8], mut key: impl FnMut(&str) -> Option<usize>) -> Option<Self> {
        let mut rest = std::str::from_utf8(body).ok()?.strip_prefix('{')?;
        let mut links = Links::default();
        let mut len = None;
        loop {
            let (name, behind) = json_scan::value(rest)?;
            rest = behind.strip_prefix(':')?;
            match name {
                // Of a repeated member the last counts, whose keys are not the first to be read.
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
                        r#""metadata""# => {
                            let read: Option<Links<'_>> = serde_json::from_str(value).ok()?;
                            links = read.unwrap_or_default();
                        }
                        // An escape may hide one of the names, and what is no text is none.
                        _ if name.contains('\\') || !name.starts_with('"') => return None,
                        _ => {}
                    }
                }
            }
            match rest.split_at_checked(1)? {
                (",", behind) => rest = behind,
                ("}", behind) if is_space(behind) => break,
                _ => return None,
            }
        }
        let next = links.token().ok()?;
        Some(Self { len: len?, next })
    }
}

/// Has `key` read the elements of a list that `text` begins with. Returns their number and what comes behind the list.
fn elements<'t>(
    text: &'t str,
    key: &mut impl FnMut(&str) -> Option<usize>,
) -> Option<(usize, &'t str)> {
    let mut rest = text.strip_prefix('[')?;
    if let Some(behind) = rest.strip_prefix(']') {
        return Some((0, behind));
    }
    let mut len = 0;
    loop {
        rest = rest.get(key(rest)?..)?;
        len += 1;
        match rest.split_at_checked(1)? {
            (",", behind) => rest = behind,
            ("]", behind) => return Some((len, behind)),
            _ => return None,
        }
    }
}

/// Tells whether there is nothing but what JSON allows behind a value.
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

#[derive(Default)]
struct Envelope<'a> {
    data: Option<Vec<&'a RawValue>>,
    links: Links<'a>,
}

#[derive(Default)]
struct Links<'a> {
    next: Option<Cow<'a, str>>,
    total_size: Option<u64>,
}

impl Links<'_> {
    fn token(&self) -> Result<Option<PageToken>, DecodeError> {
        match self.next.as_deref() {
            None | Some("") => Ok(None),
            Some(link) => match PageToken::of_link(link) {
                Some(token) => Ok(Some(token)),
                None => Err(DecodeError::new(
                    "expected a `page_token` in the link to the next page",
                )),
            },
        }
    }
}

/// Reads the members before the keys, and stops.
struct Peek<'s, 'a>(&'s mut Option<Links<'a>>);

impl<'de> Visitor<'de> for Peek<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page of keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "data" => break,
                "metadata" => {
                    let links: Option<Links<'de>> = map.next_value()?;
                    *self.0 = Some(links.unwrap_or_default());
                    break;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Err(A::Error::custom("nothing more is wanted"))
    }
}

// Written by hand, because a derived one fails on repeated members.
impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Envelope<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a page of keys")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut envelope = Envelope::default();
                while let Some(Name(name)) = map.next_key()? {
                    match name.as_ref() {
                        "data" => envelope.data = map.next_value()?,
                        "metadata" => {
                            envelope.links =
                                map.next_value::<Option<Links<'de>>>()?.unwrap_or_default()
                        }
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(envelope)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl<'de> Deserialize<'de> for Links<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Links<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the links of a page")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut links = Links::default();
                while let Some(Name(name)) = map.next_key()? {
                    match name.as_ref() {
                        "next" => {
                            links.next = map
                                .next_value::<Option<Name<'de>>>()?
                                .map(|Name(link)| link)
                        }
                        "total_size" => {
                            let size: &RawValue = map.next_value()?;
                            links.total_size = size.get().parse().ok();
                        }
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(links)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A text of the envelope, borrowed unless it holds escapes.
#[derive(serde::Deserialize)]
struct Name<'t>(#[serde(borrow)] Cow<'t, str>);

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
        assert_eq!(
            (page.len(), page.total_size(), page.next()),
            (2, Some(2), None)
        );
    }

    #[test]
    fn the_last_page_is_told_in_many_ways() {
        for end in [
            r#"{"data":[]}"#,
            r#"{"metadata":null,"data":[]}"#,
            r#"{"metadata":{},"data":[]}"#,
        ] {
            assert_eq!(page(end).next(), None, "{end}");
        }
        assert_eq!(["null", r#""""#].map(next), [None, None]);
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
        insta::assert_snapshot!(refused(r#"{"metadata":{}}"#), @"expected `data` to be a list of keys");
        insta::assert_snapshot!(refused(r#"{"data":null}"#), @"expected `data` to be a list of keys");
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
        let peek = |body: &str| Page::peek(body.as_bytes());
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

    #[test]
    fn repeated_members_and_odd_totals_do_not_matter() {
        let page = page(
            r#"{"data":[1],"data":[{}],"metadata":{"next":"?page_token=x"},"metadata":{"total_size":"many"}}"#,
        );
        assert_eq!(
            (page.len(), page.next(), page.total_size()),
            (1, None, None)
        );
    }

    #[test]
    fn an_element_that_is_no_key_is_handed_on_as_it_is() {
        let page = page(r#"{"data":[null,{}]}"#);
        let texts: Vec<_> = page.keys().map(|key| key.raw().to_owned()).collect();
        assert_eq!(texts, ["null", "{}"]);
    }

    /// Reads a page whose keys are any JSON that is not `7`.
    fn outline(body: &[u8]) -> Option<(Vec<String>, Outline)> {
        let mut keys = Vec::new();
        let outline = Outline::read(body, |text| {
            let (key, rest) = json_scan::value(text)?;
            keys.push(key.to_owned());
            (key != "7").then_some(text.len() - rest.len())
        })?;
        Some((keys, outline))
    }

    #[test]
    fn a_page_of_the_usual_spelling_is_read_in_one_pass() {
        let body = r#"{"api_version":"iam/v2","kind":"ApiKeyList","metadata":{"next":"?page_token=t","total_size":2},"data":[{"id":"a"},{"id":"b"}],"new":[{}]}"#;
        let (keys, outline) = outline(format!("{body}\n").as_bytes()).unwrap();
        assert_eq!(keys, [r#"{"id":"a"}"#, r#"{"id":"b"}"#]);
        assert_eq!((outline.len, outline.next), (2, PageToken::new("t")));
    }

    #[test]
    fn what_may_be_no_page_is_left_to_others() {
        for odd in [
            r#"{"data":[]"#,
            r#"{"data":[]} x"#,
            r#"{"data":[1,]}"#,
            r#"{"data":[1 ]}"#,
            r#"{"data":[7]}"#,
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
            assert_eq!(outline(odd.as_bytes()), None, "{odd}");
        }
        assert_eq!(outline(b"{\"data\":[\"\xff\"]}"), None);
    }

    proptest! {
        #[test]
        fn what_is_read_in_one_pass_is_the_page(
            members in prop::collection::vec((
                prop::sample::select(vec!["data", "metadata", "kind", "d\\u0061ta"]),
                prop::sample::select(vec!["[]", "[1,{\"id\":\"[\"}]", "[ 1]", "null", "{}", "{\"next\":\"?page_token=a\"}", "{\"next\":\"b\"}", "\"x\"", "[}"]),
            ), 0..4),
            cut in 0usize..200,
        ) {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            let text = format!("{{{}}}", members.join(","));
            for body in [&text[..], &text[..cut.min(text.len())]] {
                if let Some((keys, outline)) = outline(body.as_bytes()) {
                    let page = page(body);
                    prop_assert_eq!((outline.len, outline.next.as_ref()), (page.len(), page.next()));
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
