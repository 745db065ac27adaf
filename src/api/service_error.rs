//! What the service says when it refuses a request.
//!
//! Turns status, headers and body of an answer into a [`ServiceError`], whatever shape the body has: the documented
//! envelope with any member missing, the shapes that older services and gateways use, a page of HTML, or nothing. All
//! texts are cleaned here, so they can be printed as they are. Knows nothing about retries.
//!
//! The envelope is described in Confluent's API reference, "Errors": `{"errors": [{id, status, code, title, detail,
//! source: {pointer, parameter}}]}`.

use std::fmt;

use reqwest::StatusCode;
use serde_json::Value;

use super::text::{printable, without_tags};
use crate::mask::Mask;

/// Errors and details that are kept besides the first; the rest is counted.
const MAX_MORE: usize = 10;

/// A refusal, as far as the service explained it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceError {
    /// The HTTP status, even if the body says otherwise.
    pub status: u16,
    /// The error's code: `forbidden_access`.
    pub code: Option<String>,
    /// The kind of error, in words.
    pub title: Option<String>,
    /// What went wrong this time, or the shortened raw text if the shape of the body is unknown.
    pub detail: Option<String>,
    /// A JSON pointer to the faulty place in the request's body.
    pub source_pointer: Option<String>,
    /// The faulty query parameter.
    pub source_parameter: Option<String>,
    /// What the service suggests, for each of the errors.
    pub resolution: Option<String>,
    /// The id by which Confluent's support can find the request.
    pub request_id: Option<String>,
    /// The texts of further errors.
    pub more: Vec<String>,
    /// What this program knows to do about it: where credentials come from that are refused.
    pub remedy: Option<String>,
    /// The body says that the credentials themselves are invalid.
    bad_credentials: bool,
    /// The body is a page of HTML or XML: it comes from something in front of the service, or from another server.
    is_page: bool,
}

impl ServiceError {
    /// Reads an answer. `request_id` is the header `X-Request-Id`, which takes precedence over any id in the body.
    pub fn parse(status: u16, request_id: Option<&str>, body: &[u8]) -> Self {
        Self::masked(status, request_id, body, &Mask::default())
    }

    /// Reads an answer, and takes secrets out of each of its texts: as they are read, before any is shortened or
    /// escaped.
    pub(crate) fn masked(status: u16, request_id: Option<&str>, body: &[u8], mask: &Mask) -> Self {
        let mut error = Self {
            status,
            ..Self::default()
        };
        let texts = Texts(mask);
        let text = String::from_utf8_lossy(body);
        error.bad_credentials = text.to_ascii_lowercase().contains("invalid api key");
        match serde_json::from_slice(body) {
            Ok(body) => error.read(&body, texts),
            Err(_) if body.starts_with(&GZIP) => {
                error.detail = Some("the explanation is gzip that cannot be read".to_owned());
            }
            Err(_) if text.trim_start().starts_with('<') => {
                error.is_page = true;
                error.detail = texts.page(&text);
            }
            Err(_) => error.detail = texts.clean(&text),
        }
        if let Some(id) = request_id.and_then(|id| texts.clean(id)) {
            error.request_id = Some(id);
        }
        error
    }

    /// Returns true if the credentials are invalid; some services answer 403 then instead of 401.
    pub fn is_unauthorized(&self) -> bool {
        self.status == 401 || (self.status == 403 && self.bad_credentials)
    }

    /// Returns true for a 403 that is about this request rather than about the credentials. The service also answers
    /// this for deleted keys. A page from a proxy says nothing about any key.
    pub fn is_forbidden(&self) -> bool {
        self.status == 403 && !self.bad_credentials && !self.is_page
    }

    /// Returns true for a 404 that comes from the service. A page from another server says nothing about any key.
    pub fn is_not_found(&self) -> bool {
        self.status == 404 && !self.is_page
    }

    /// Returns true if the service does not take the query parameter `name`: a 400 that names it.
    pub(super) fn refuses_parameter(&self, name: &str) -> bool {
        let texts = [&self.source_parameter, &self.detail, &self.title];
        let mut texts = texts.into_iter().flatten().chain(&self.more);
        self.status == 400 && !self.is_page && texts.any(|text| text.contains(name))
    }

    /// Returns true if the answer is a page instead of an explanation.
    pub fn is_page(&self) -> bool {
        self.is_page
    }

    /// Returns true if a quota is used up: 402, or its older form as a 400.
    pub fn is_quota_exceeded(&self) -> bool {
        let mentions = |text: &Option<String>, what: &str| {
            text.as_deref().is_some_and(|text| text.contains(what))
        };
        self.status == 402
            || mentions(&self.code, "quota_exceeded")
            || mentions(&self.detail, "is currently limited to")
    }

    fn read(&mut self, body: &Value, texts: Texts<'_>) {
        let entry = match &body["errors"] {
            Value::Array(errors) => {
                self.add(errors.iter().skip(1), texts);
                errors.first().unwrap_or(&Value::Null)
            }
            errors @ Value::Object(_) => errors,
            _ => match &body["error"] {
                error @ Value::Object(_) => error,
                Value::String(_) => return self.read_flat(body, texts),
                _ => body,
            },
        };
        self.code = texts
            .text(&entry["code"])
            .or_else(|| texts.text(&entry["error_code"]));
        self.title = texts.text(&entry["title"]);
        self.detail = texts
            .text(&entry["detail"])
            .or_else(|| texts.text(&entry["message"]));
        let suggested = |entry: &Value| {
            texts
                .text(&entry["resolution"])
                .or_else(|| texts.text(&entry["suggestion"]))
        };
        let entries = match &body["errors"] {
            Value::Array(errors) => errors.iter().take(1 + MAX_MORE).collect(),
            _ => vec![entry],
        };
        let mut resolutions: Vec<String> = entries.into_iter().filter_map(suggested).collect();
        resolutions.dedup();
        self.resolution = Some(resolutions.join("; ")).filter(|text| !text.is_empty());
        self.source_pointer = texts.text(&entry["source"]["pointer"]);
        self.source_parameter = texts.text(&entry["source"]["parameter"]);
        self.request_id = texts
            .text(&entry["id"])
            .or_else(|| texts.text(&body["requestId"]))
            .or_else(|| texts.text(&body["request_id"]));
        match &entry["details"] {
            Value::Array(details) => self.add(details.iter(), texts),
            details => self.more.extend(texts.text(details)),
        }
        if self.code.is_none()
            && self.title.is_none()
            && self.detail.is_none()
            && self.more.is_empty()
        {
            self.read_unknown(body, texts);
        }
    }

    /// Keeps what the first of `entries` say, and counts the others.
    fn add<'v>(&mut self, mut entries: impl ExactSizeIterator<Item = &'v Value>, texts: Texts<'_>) {
        let room = MAX_MORE.saturating_sub(self.more.len());
        self.more.extend(
            entries
                .by_ref()
                .take(room)
                .filter_map(|entry| texts.explanation(entry)),
        );
        if entries.len() > 0 {
            self.more.push(format!("and {} more", entries.len()));
        }
    }

    /// `{"error": "text"}`, perhaps with a longer text beside it, as OAuth servers and web frameworks write it.
    fn read_flat(&mut self, body: &Value, texts: Texts<'_>) {
        let longer = texts
            .text(&body["error_description"])
            .or_else(|| texts.text(&body["message"]));
        (self.code, self.detail) = match longer {
            Some(longer) => (texts.text(&body["error"]), Some(longer)),
            None => (None, texts.text(&body["error"])),
        };
        self.request_id = texts.text(&body["requestId"]);
    }

    /// Shows JSON of unknown shape as it is, except for what may be a key with its secret.
    fn read_unknown(&mut self, body: &Value, texts: Texts<'_>) {
        self.detail = match body {
            Value::Null => None,
            Value::Object(members) if members.is_empty() => None,
            body if body.to_string().contains("\"secret\"") => {
                Some("the explanation has an unknown format".to_owned())
            }
            Value::String(text) => texts.clean(text),
            body => texts.clean(&body.to_string()),
        };
    }
}

/// What gzip begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        let reason = StatusCode::from_u16(self.status)
            .ok()
            .and_then(|status| status.canonical_reason());
        // One name for the kind of error, then any details.
        let status = self.status.to_string();
        let code = self.code.as_deref().filter(|code| *code != status);
        let kind = code.or(self.title.as_deref()).or(reason);
        if let Some(kind) = kind {
            write!(f, " {kind}")?;
        }
        let detail = self.detail.as_deref().or(self.title.as_deref());
        let mut separator = ": ";
        for text in detail
            .into_iter()
            .filter(|text| Some(*text) != kind)
            .chain(self.more.iter().map(String::as_str))
        {
            write!(f, "{separator}{}", text.trim_end_matches('.'))?;
            separator = "; ";
        }
        if let Some(pointer) = &self.source_pointer {
            write!(f, ", at `{pointer}`")?;
        }
        if let Some(parameter) = &self.source_parameter {
            write!(f, ", in parameter `{parameter}`")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

/// Reads texts of an answer, each without the secrets of the mask.
#[derive(Clone, Copy)]
struct Texts<'m>(&'m Mask);

impl Texts<'_> {
    /// Returns the text of one of several errors or details.
    fn explanation(self, entry: &Value) -> Option<String> {
        let said = ["detail", "message", "title", "code"]
            .iter()
            .find_map(|member| self.text(&entry[*member]));
        let said = said.or_else(|| self.text(entry))?;
        let source = &entry["source"];
        let place = self.text(&source["pointer"]);
        Some(match place.or_else(|| self.text(&source["parameter"])) {
            Some(place) => format!("{} at `{place}`", said.trim_end_matches('.')),
            None => said,
        })
    }

    fn text(self, value: &Value) -> Option<String> {
        match value {
            Value::String(text) => self.clean(text),
            Value::Number(number) => self.clean(&number.to_string()),
            _ => None,
        }
    }

    /// Returns the text of a page, which may have secrets between its tags and in them.
    fn page(self, page: &str) -> Option<String> {
        self.clean(&without_tags(&self.0.apply(page)))
    }

    fn clean(self, text: &str) -> Option<String> {
        let text = printable(&self.0.apply(text));
        Some(text).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn said(status: u16, body: &str) -> String {
        ServiceError::parse(status, None, body.as_bytes()).to_string()
    }

    #[test]
    fn the_envelope_is_read_with_any_member_missing() {
        insta::assert_snapshot!(said(403, r#"{"errors":[{"id":"0a1b","status":"403","code":"forbidden_access","detail":"Forbidden Access","source":{}}]}"#), @"403 forbidden_access: Forbidden Access (request id 0a1b)");
        insta::assert_snapshot!(said(404, r#"{"errors":[{"id":"77-88","status":"404","code":"api_key_not_found","title":"Not Found","detail":"The API Key (id=GLOBALX) does not exist"}]}"#), @"404 api_key_not_found: The API Key (id=GLOBALX) does not exist (request id 77-88)");
        insta::assert_snapshot!(said(401, r#"{"errors":[{"id":"9f","status":"401","detail":"Unauthorized","source":{}}]}"#), @"401 Unauthorized (request id 9f)");
        insta::assert_snapshot!(said(404, r#"{"errors":[{"title":"Not Found","detail":"no such key."}]}"#), @"404 Not Found: no such key");
        insta::assert_snapshot!(said(400, r#"{"errors":[{"code":"invalid_filter","title":"Invalid Filter","detail":"bad page","source":{"parameter":"page_size"}}]}"#), @"400 invalid_filter: bad page, in parameter `page_size`");
        insta::assert_snapshot!(said(409, r#"{"errors":[{"code":"resource_already_exists","title":"Conflict"}]}"#), @"409 resource_already_exists: Conflict");
        insta::assert_snapshot!(said(400, r#"{"errors":[]}"#), @r#"400 Bad Request: {"errors":[]}"#);
    }

    #[test]
    fn several_errors_are_all_told() {
        insta::assert_snapshot!(said(422, r#"{"errors":[{"code":"invalid_configuration","detail":"name too long.","source":{"pointer":"/spec/display_name"}},{"detail":"unknown owner.","source":{"pointer":"/spec/owner"}}]}"#), @"422 invalid_configuration: name too long; unknown owner at `/spec/owner`, at `/spec/display_name`");
    }

    #[test]
    fn a_million_errors_are_counted() {
        let errors = vec![r#"{"detail":"no","details":["x"]}"#; 1000].join(",");
        let told = said(400, &format!(r#"{{"errors":[{errors}]}}"#));
        assert!(told.ends_with("no; no; and 989 more; and 1 more"), "{told}");
        let details = vec![r#""no""#; 1000].join(",");
        let told = said(400, &format!(r#"{{"error":{{"details":[{details}]}}}}"#));
        assert!(told.ends_with("no; no; and 990 more"), "{told}");
    }

    #[test]
    fn other_shapes_are_understood() {
        insta::assert_snapshot!(said(403, r#"{"message":"resource not found"}"#), @"403 Forbidden: resource not found");
        insta::assert_snapshot!(said(403, r#"{"error":{"code":403,"message":"invalid API key"}}"#), @"403 Forbidden: invalid API key");
        insta::assert_snapshot!(said(500, r#"{"error":"boom"}"#), @"500 Internal Server Error: boom");
        insta::assert_snapshot!(said(400, r#"{"error":"invalid_grant","error_description":"no"}"#), @"400 invalid_grant: no");
        insta::assert_snapshot!(said(404, r#"{"error_code":40403,"message":"gone"}"#), @"404 40403: gone");
        insta::assert_snapshot!(said(429, r#"{"status":429,"error":{"code":"RATE_LIMITED","message":"slow down","details":["ten a second"],"suggestion":"wait"},"requestId":"r-7","doc_url":"https://d"}"#), @"429 RATE_LIMITED: slow down; ten a second (request id r-7)");
    }

    #[test]
    fn what_is_no_json_is_shown_cleaned() {
        insta::assert_snapshot!(said(502, "<html><title>502</title><h1>Bad\u{1b}[2J gateway</h1></html>"), @r"502 Bad Gateway: 502 Bad\u{1b}[2J gateway");
        insta::assert_snapshot!(said(503, "try\r\nlater"), @"503 Service Unavailable: try later");
        insta::assert_snapshot!(said(429, ""), @"429 Too Many Requests");
        insta::assert_snapshot!(said(599, "{}"), @"599");
        let gzip = ServiceError::parse(401, None, b"\x1f\x8b\x08\0\xff").to_string();
        insta::assert_snapshot!(gzip, @"401 Unauthorized: the explanation is gzip that cannot be read");
    }

    #[test]
    fn what_the_service_suggests_is_kept_for_each_error() {
        let body = br#"{"errors":[{"detail":"a","resolution":"do this"},{"detail":"b","resolution":"and that"},{"detail":"c"}]}"#;
        let error = ServiceError::parse(422, None, body);
        assert_eq!(error.resolution.as_deref(), Some("do this; and that"));
    }

    #[test]
    fn a_parameter_is_refused_by_a_400_that_names_it() {
        let refuses = |status, body: &str| {
            ServiceError::parse(status, None, body.as_bytes()).refuses_parameter("show_expired")
        };
        assert!(refuses(
            400,
            r#"{"errors":[{"source":{"parameter":"show_expired"}}]}"#
        ));
        assert!(refuses(
            400,
            r#"{"message":"unknown query parameter show_expired"}"#
        ));
        assert!(!refuses(
            400,
            r#"{"errors":[{"source":{"parameter":"page_size"}}]}"#
        ));
        assert!(!refuses(403, r#"{"message":"show_expired"}"#));
        assert!(!refuses(400, "<html>show_expired</html>"));
    }

    #[test]
    fn the_header_s_request_id_goes_before_the_body_s() {
        let error = ServiceError::parse(
            403,
            Some("from-header"),
            br#"{"errors":[{"id":"from-body"}]}"#,
        );
        assert_eq!(error.request_id.as_deref(), Some("from-header"));
    }

    #[test]
    fn a_403_is_about_the_credentials_only_if_it_says_so() {
        let parse = |body: &str| ServiceError::parse(403, None, body.as_bytes());
        let bad = parse(r#"{"error":{"code":403,"message":"Invalid API Key provided"}}"#);
        assert!(bad.is_unauthorized() && !bad.is_forbidden());
        let gone = parse(r#"{"errors":[{"code":"forbidden_access"}]}"#);
        assert!(gone.is_forbidden() && !gone.is_unauthorized());
    }

    #[test]
    fn quotas_are_recognised_in_both_forms() {
        assert!(ServiceError::parse(402, None, b"").is_quota_exceeded());
        let old = br#"{"message":"Your organization is currently limited to 10 keys"}"#;
        assert!(ServiceError::parse(400, None, old).is_quota_exceeded());
        assert!(!ServiceError::parse(400, None, b"{}").is_quota_exceeded());
    }

    #[test]
    fn a_key_in_the_wrong_place_is_not_shown() {
        let error = ServiceError::parse(500, None, br#"{"id":"K","spec":{"secret":"canary"}}"#);
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}
