//! The requests that the sandbox has seen, for tests to count and read.
//!
//! Bounded, because `iamql sandbox` may run for days. What authorizes a request is kept, and never printed.

use std::collections::VecDeque;
use std::fmt;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};

/// The most requests that are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 100_000;

/// One request as it arrived, and how it was answered.
///
/// `Display` gives the request line: `GET /iam/v2/api-keys?page_size=100`.
#[derive(Clone)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// The method.
    pub method: Method,
    /// The path, still percent-encoded.
    pub path: String,
    /// The query without its question mark, still encoded; empty if there is none.
    pub query: String,
    /// All headers, `authorization` included.
    pub headers: HeaderMap,
    /// The body; empty if there is none.
    pub body: Bytes,
    /// The status answered; `None` while there is none, and for ever if the connection was cut instead.
    pub status: Option<u16>,
}

impl LoggedRequest {
    /// Returns the value of a query parameter, decoded; the first one if there are several.
    pub fn parameter(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.into_owned())
    }
}

impl fmt::Display for LoggedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if !self.query.is_empty() {
            write!(f, "?{}", self.query)?;
        }
        Ok(())
    }
}

impl fmt::Debug for LoggedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither headers nor body: both may hold a secret.
        f.debug_struct("LoggedRequest")
            .field("request", &format_args!("{self}"))
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The requests, in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// How many requests came before the first one remembered.
    forgotten: u64,
    requests: VecDeque<LoggedRequest>,
}

impl Log {
    /// Takes a request down, and returns its number.
    pub(super) fn arrived(&mut self, request: LoggedRequest) -> u64 {
        if self.requests.len() == REMEMBERED {
            self.requests.pop_front();
            self.forgotten += 1;
        }
        self.requests.push_back(request);
        self.forgotten + self.requests.len() as u64 - 1
    }

    /// Notes how the request of that number was answered, unless it has been forgotten.
    pub(super) fn answered(&mut self, number: u64, status: u16) {
        let place = number
            .checked_sub(self.forgotten)
            .map(|place| place as usize);
        if let Some(request) = place.and_then(|place| self.requests.get_mut(place)) {
            request.status = Some(status);
        }
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.forgotten += self.requests.len() as u64;
        self.requests.clear();
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn request(query: &str) -> LoggedRequest {
        let authorization = HeaderValue::from_static("Basic canary");
        LoggedRequest {
            method: Method::GET,
            path: "/iam/v2/api-keys".to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::from_iter([(axum::http::header::AUTHORIZATION, authorization)]),
            body: Bytes::from_static(b"canary"),
            status: None,
        }
    }

    #[test]
    fn requests_show_their_line_and_no_secret() {
        assert_eq!(request("a=b").to_string(), "GET /iam/v2/api-keys?a=b");
        assert_eq!(request("").to_string(), "GET /iam/v2/api-keys");
        assert!(!format!("{:?}", request("a=b")).contains("canary"));
        assert_eq!(request("a=%20b").parameter("a").as_deref(), Some(" b"));
    }

    #[test]
    fn answers_find_their_request_after_a_clear() {
        let mut log = Log::default();
        let early = log.arrived(request("1"));
        log.clear();
        let late = log.arrived(request("2"));
        log.answered(early, 500);
        log.answered(late, 200);
        let statuses: Vec<_> = log
            .requests()
            .iter()
            .map(|request| request.status)
            .collect();
        assert_eq!(statuses, [Some(200)]);
    }

    #[test]
    fn the_oldest_requests_are_forgotten() {
        let mut log = Log::default();
        for _ in 0..=REMEMBERED {
            log.arrived(request(""));
        }
        log.answered(REMEMBERED as u64, 204);
        let requests = log.requests();
        assert_eq!(requests.len(), REMEMBERED);
        assert_eq!(requests.last().and_then(|last| last.status), Some(204));
    }
}
