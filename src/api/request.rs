//! The requests about a resource as plain values.
//!
//! Turns ids, filters and bodies into a [`Request`]: method, path, query and body, relative to the endpoint. Pure, so
//! that EXPLAIN and `--dry-run` can show exactly what would be sent. Never sends anything, and knows nothing about
//! credentials.
//!
//! Paths and parameters are those of the [`Resource`].

use std::fmt::{self, Write as _};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
pub use reqwest::Method;

use super::page::PageToken;
use crate::mask::Mask;
use crate::resource::{self, Resource, Writes};

/// The id of an object, usable as a path segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// Wraps `id`, which is opaque. `None` for the empty string, `.` and `..`, and for text with a separator of URLs,
    /// white space or a control character: no object has such an id, and a server might take it for another path.
    pub fn new(id: &str) -> Option<Self> {
        let is_unsafe = |c: char| {
            matches!(c, '/' | '\\' | '%' | '?' | '#') || c.is_whitespace() || c.is_control()
        };
        (!matches!(id, "" | "." | "..") && !id.contains(is_unsafe)).then(|| Self(id.to_owned()))
    }

    /// Returns the id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The filters of a request: query parameters with their values, in order.
///
/// An empty value would mean "no filter" to the service, so it is never sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters(Vec<(&'static str, String)>);

impl Filters {
    /// Returns the same filters and another one.
    #[must_use]
    pub fn with(mut self, parameter: &'static str, value: impl Into<String>) -> Self {
        self.0.push((parameter, value.into()));
        self
    }

    /// Returns true if there is a value for `parameter`.
    pub fn has(&self, parameter: &str) -> bool {
        self.0.iter().any(|(name, _)| *name == parameter)
    }

    /// Returns true if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `spec.owner=sa-1&spec.resource=lkc-1`, as it is read, not as it is sent.
impl fmt::Display for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (name, value)) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "&" };
            write!(f, "{separator}{name}={value}")?;
        }
        Ok(())
    }
}

/// What a listing asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListParams {
    /// What is listed.
    pub resource: &'static Resource,
    /// Which of it.
    pub filters: Filters,
    /// True to ask for objects that the service would leave out. See [`Resource::list_all`].
    pub all: bool,
    /// Objects per page, clamped to 1 and the most that the resource allows when the request is made.
    pub page_size: u16,
}

impl ListParams {
    /// All objects of `resource`, in pages as large as can be.
    pub fn all(resource: &'static Resource) -> Self {
        Self {
            resource,
            filters: Filters::default(),
            all: true,
            page_size: resource.max_page_size,
        }
    }

    /// Returns the parameter that asks for objects that the service would leave out, if there is one.
    pub(super) fn list_all(&self) -> Option<&'static str> {
        self.resource.list_all.filter(|_| self.all)
    }
}

/// The parameter that names a page.
const TOKEN: &str = "page_token";

/// The most bytes of a path and query that are shown.
const MAX_SHOWN: usize = 2048;

/// Method, path and query of a request: `GET /iam/v2/api-keys?show_expired=true&page_size=100`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestLine {
    /// The HTTP method.
    pub method: Method,
    /// Path and query, percent-encoded, relative to the endpoint.
    pub path_and_query: String,
}

impl RequestLine {
    /// Returns the resource that this reads, if a refusal means that it may not be read: of one object of others, 403 may
    /// mean that it is gone.
    pub(crate) fn needs_role(&self) -> Option<&'static Resource> {
        let path = self.path_and_query.split('?').next()?;
        let is_read = |resource: &&Resource| match path.strip_prefix(resource.path) {
            Some("") => true,
            Some(rest) => rest.starts_with('/') && !resource.hides_gone,
            None => false,
        };
        let mut resources = resource::ALL.iter().copied();
        resources.find(|resource| self.method == Method::GET && is_read(resource))
    }

    /// Returns the line as it may be shown: not longer than anybody reads, and without what `mask` takes out if there is a
    /// token, the only part that the service has written.
    pub(super) fn shown(&self, mask: &Mask) -> Self {
        let path = &self.path_and_query;
        let beginning = &path[..path.floor_char_boundary(MAX_SHOWN)];
        let mut shown = match beginning.contains(TOKEN) {
            true => mask.apply(beginning).into_owned(),
            false => beginning.to_owned(),
        };
        if beginning.len() < path.len() {
            shown.push('…');
        }
        Self {
            method: self.method.clone(),
            path_and_query: shown,
        }
    }

    /// Returns the id of the object of this request's collection that `location` points to.
    pub(crate) fn id_in<'l>(&self, location: &'l str) -> Option<&'l str> {
        let path = location.split(['?', '#']).next()?;
        let collection = self.path_and_query.rsplit('/').next()?;
        let (before, id) = path.trim_end_matches('/').rsplit_once('/')?;
        (before.rsplit('/').next() == Some(collection)).then_some(id)
    }
}

impl fmt::Display for RequestLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path_and_query)
    }
}

/// The JSON text of a create or an update. It contains no secret, because `spec.secret` cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestBody(String);

impl RequestBody {
    /// Returns the body that sets the members of `spec`: `{"spec":{…}}`.
    pub fn from_spec(spec: &serde_json::Map<String, serde_json::Value>) -> Self {
        Self(serde_json::json!({ (Writes::BODY): spec }).to_string())
    }

    /// Returns the JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One request, ready to be sent to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Method, path and query.
    pub line: RequestLine,
    /// The body of a create or an update.
    pub body: Option<RequestBody>,
}

impl Request {
    fn new(method: Method, path_and_query: String, body: Option<&RequestBody>) -> Self {
        Self {
            line: RequestLine {
                method,
                path_and_query,
            },
            body: body.cloned(),
        }
    }
}

/// Returns the request that reads one object of `resource`; `filters` are the parameters that it needs.
pub(crate) fn get(resource: &Resource, id: &KeyId, filters: &Filters) -> Request {
    let mut path = one(resource, id);
    let mut query = Query::new(&mut path);
    query.add_all(filters);
    Request::new(Method::GET, path, None)
}

/// Returns the request for one page: the one that `token` stands for, or the first. Everything else is sent with every
/// token.
pub(crate) fn list(params: &ListParams, token: Option<&PageToken>) -> Request {
    let mut path = params.resource.path.to_owned();
    let mut query = Query::new(&mut path);
    query.add_all(&params.filters);
    if let Some(parameter) = params.list_all() {
        query.add(parameter, "true");
    }
    let page_size = params.page_size.clamp(1, params.resource.max_page_size);
    query.add("page_size", &page_size.to_string());
    if let Some(token) = token {
        query.add(TOKEN, token.as_str());
    }
    Request::new(Method::GET, path, None)
}

/// Returns the request that creates an object of `resource`.
pub(crate) fn create(resource: &Resource, body: &RequestBody) -> Request {
    Request::new(Method::POST, resource.path.to_owned(), Some(body))
}

/// Returns the request that changes those fields of one object that `body` names.
pub(crate) fn update(resource: &Resource, id: &KeyId, body: &RequestBody) -> Request {
    Request::new(Method::PATCH, one(resource, id), Some(body))
}

/// Returns the request that deletes one object, for good.
pub(crate) fn delete(resource: &Resource, id: &KeyId) -> Request {
    Request::new(Method::DELETE, one(resource, id), None)
}

fn one(resource: &Resource, id: &KeyId) -> String {
    format!("{}/{}", resource.path, encoded(id.as_str()))
}

/// Appends parameters to a path.
struct Query<'p> {
    path: &'p mut String,
    separator: char,
}

impl<'p> Query<'p> {
    fn new(path: &'p mut String) -> Self {
        Self {
            path,
            separator: '?',
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.path, "{}{name}={}", self.separator, encoded(value));
        self.separator = '&';
    }

    fn add_all(&mut self, filters: &Filters) {
        for (name, value) in filters.0.iter().filter(|(_, value)| !value.is_empty()) {
            self.add(name, value);
        }
    }
}

/// Everything but RFC 3986's unreserved characters.
const ALL_BUT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Percent-encodes `text` so that it stays one path segment or one value.
fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, ALL_BUT_UNRESERVED)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::endpoint::Endpoint;
    use super::*;
    use crate::resource::API_KEYS;

    fn params(owner: &str) -> ListParams {
        ListParams {
            filters: Filters::default().with("spec.owner", owner),
            ..ListParams::all(&API_KEYS)
        }
    }

    fn id(text: &str) -> KeyId {
        KeyId::new(text).unwrap()
    }

    fn token(text: &str) -> PageToken {
        PageToken::new(text).unwrap()
    }

    #[test]
    fn a_listing_asks_for_full_pages_and_sends_no_empty_filter() {
        insta::assert_snapshot!(list(&params(""), None).line, @"GET /iam/v2/api-keys?show_expired=true&page_size=100");
    }

    #[test]
    fn every_page_repeats_filters_and_page_size_beside_the_token() {
        let params = ListParams {
            filters: params("sa-1").filters.with("spec.resource", "lkc-2"),
            page_size: 7,
            ..ListParams::all(&API_KEYS)
        };
        insta::assert_snapshot!(list(&params, Some(&token("a+b/c="))).line, @"GET /iam/v2/api-keys?spec.owner=sa-1&spec.resource=lkc-2&show_expired=true&page_size=7&page_token=a%2Bb%2Fc%3D");
    }

    #[test]
    fn page_sizes_are_clamped_to_what_the_service_takes() {
        let line = |page_size| {
            list(
                &ListParams {
                    page_size,
                    ..ListParams::all(&API_KEYS)
                },
                None,
            )
            .line
            .to_string()
        };
        assert!(line(0).ends_with("page_size=1"));
        assert!(line(5000).ends_with("page_size=100"));
    }

    #[test]
    fn filters_cannot_smuggle_parameters() {
        let params = params("u-1&page_size=1#ü");
        insta::assert_snapshot!(list(&params, None).line, @"GET /iam/v2/api-keys?spec.owner=u-1%26page_size%3D1%23%C3%BC&show_expired=true&page_size=100");
    }

    #[test]
    fn writes_carry_their_bodies() {
        let spec = json!({ "display_name": "ci", "owner": { "id": "sa-1" } });
        let body = RequestBody::from_spec(spec.as_object().unwrap());
        assert_eq!(
            body.as_str(),
            r#"{"spec":{"display_name":"ci","owner":{"id":"sa-1"}}}"#
        );
        assert_eq!(
            create(&API_KEYS, &body).line.to_string(),
            "POST /iam/v2/api-keys"
        );
        assert_eq!(
            update(&API_KEYS, &id("K"), &body).line.to_string(),
            "PATCH /iam/v2/api-keys/K"
        );
        assert_eq!(update(&API_KEYS, &id("K"), &body).body, Some(body));
        assert_eq!(
            delete(&API_KEYS, &id("K")).line.to_string(),
            "DELETE /iam/v2/api-keys/K"
        );
        assert_eq!(delete(&API_KEYS, &id("K")).body, None);
    }

    #[test]
    fn what_may_be_another_path_is_no_id() {
        let none = [
            "",
            ".",
            "..",
            " ",
            "a b",
            "a/b",
            "a\\b",
            "%2e%2e",
            "a?b",
            "a#b",
            "a\n",
            "a\u{9b}",
            "../api-keys/OWNKEY",
        ];
        assert!(none.iter().all(|text| KeyId::new(text).is_none()));
        let some = ["...", "a&b=c", "a;b", "ü", "ABCDEFGHIJKLMNOP"];
        assert!(some.iter().all(|text| KeyId::new(text).is_some()));
    }

    proptest! {
        #[test]
        fn any_id_stays_one_path_segment(text in ".+") {
            let Some(id) = KeyId::new(&text) else { return Ok(()) };
            let line = get(&API_KEYS, &id, &Filters::default()).line;
            let url = url::Url::parse(&Endpoint::production().address(&line.path_and_query)).unwrap();
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!(&segments[..3], &["iam", "v2", "api-keys"]);
            prop_assert_eq!(segments.len(), 4);
            prop_assert!(url.query().is_none() && url.fragment().is_none());
            // `+` is a plus sign in a path and never unencoded here, so a form decoder reads the segment back.
            let decoded: String = url::form_urlencoded::parse(segments[3].as_bytes()).map(|(k, _)| k).collect();
            prop_assert_eq!(decoded, text);
        }

        #[test]
        fn any_filter_is_read_back_as_it_was(owner in ".+", cursor in ".+") {
            let line = list(&params(&owner), Some(&token(&cursor))).line;
            let url = url::Url::parse(&Endpoint::production().address(&line.path_and_query)).unwrap();
            let pairs: Vec<_> = url.query_pairs().collect();
            prop_assert_eq!(pairs.len(), 4);
            prop_assert_eq!(pairs[0].1.as_ref(), owner);
            prop_assert_eq!(pairs[3].1.as_ref(), cursor);
        }
    }
}
