//! One page of a listing.
//!
//! Turns the envelope of a page into its keys, as slices of the body, and into the token of the next page. The
//! link to the next page is only ever read for its token, never followed: it may name any host. Depends on
//! [`KeyBody`]; knows nothing of HTTP.
//!
//! The envelope is that of Confluent's API reference, "Pagination": `{"metadata": {"next": …}, "data": […]}`.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::body::{DecodeError, KeyBody};

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

    proptest! {
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
