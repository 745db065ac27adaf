//! How calls fail: one enum for the whole room.
//!
//! Each error of a request knows the request, the number of attempts and the time. Messages are one sentence; the
//! remedy is in [`Error::hint`]. Texts from the service have been cleaned when they were read, and no error contains
//! credentials or the body of a successful answer.

use std::fmt;
use std::time::Duration;

use datafusion::error::DataFusionError;

use super::body::DecodeError;
use super::failure::{Failure, FailureKind};
use super::request::{Method, RequestLine};
use super::service_error::ServiceError;
use super::text::Seconds;
use crate::error::counted;

/// What went wrong in the client.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The endpoint cannot be used.
    #[error("{reason}")]
    Endpoint {
        /// Why, with what was expected.
        reason: String,
    },
    /// The credentials cannot be sent.
    #[error("{reason}")]
    Credentials {
        /// Why, with what was expected; never a value.
        reason: &'static str,
    },
    /// The additional certificates cannot be used.
    #[error("the additional certificates cannot be used: {reason}")]
    Certificate {
        /// Why, with what was expected.
        reason: String,
    },
    /// The service refused the request.
    #[error("`{}` answered {service}{}", call.request, call.effort())]
    Service {
        /// The request.
        call: Box<Call>,
        /// The answer.
        service: Box<ServiceError>,
    },
    /// The answer was a redirection, which is never followed.
    #[error("`{}` answered {status}{}", call.request, host.as_deref().map_or(" without an address".to_owned(), |host| format!(", a redirection to `{host}`, where credentials are not sent")))]
    Redirect {
        /// The request.
        call: Box<Call>,
        /// The HTTP status.
        status: u16,
        /// The host it pointed to.
        host: Option<String>,
    },
    /// There was no complete answer.
    #[error("`{}` {}{}", call.request, no_answer(failure), call.effort())]
    NoAnswer {
        /// The request.
        call: Box<Call>,
        /// What happened instead.
        failure: Failure,
    },
    /// The answer was a success, but its body cannot be read.
    #[error("`{}` answered {status}, but {reason}{}", call.request, call.effort())]
    Decode {
        /// The request.
        call: Box<Call>,
        /// The HTTP status.
        status: u16,
        /// What was expected.
        reason: DecodeError,
    },
    /// The service asks for a longer pause than there is time for.
    #[error("the service asks `{}` to wait {}, but only {} are left{}{}", call.request, Seconds(*asked), Seconds(*left), said(service.as_deref()), call.effort())]
    WaitTooLong {
        /// The request.
        call: Box<Call>,
        /// How long the service asks to wait.
        asked: Duration,
        /// How much is left of the time for this call.
        left: Duration,
        /// The answer that asked for it, if it was the answer to this request.
        service: Option<Box<ServiceError>>,
    },
    /// The statement was stopped before the request was sent, or sent again.
    #[error("`{}` was not sent{}: the statement was stopped", call.request, if call.attempts == 0 { "" } else { " again" })]
    Stopped {
        /// The request.
        call: Box<Call>,
    },
    /// The request was not sent, because the statement had sent as many as it may.
    #[error("`{}` was not sent: the statement may send no more than {}", call.request, counted(*most, "request"))]
    BudgetSpent {
        /// The request and the attempts so far.
        call: Box<Call>,
        /// How many the statement may send.
        most: u64,
    },
    /// The request was not sent, because it would change something and this client only reads.
    #[error("`{}` was not sent: this session is read-only", call.request)]
    ReadsOnly {
        /// The request.
        call: Box<Call>,
    },
    /// A listing returned to a page that it had already read.
    #[error("the listing `{request}` is endless: the service links to a page for the second time")]
    RepeatedToken {
        /// The first request of the listing.
        request: RequestLine,
    },
    /// A listing came to its end before all was listed.
    #[error("the listing `{request}` returned {keys}, but the service reports {total}")]
    Short {
        /// The first request of the listing.
        request: RequestLine,
        /// What was listed.
        keys: u64,
        /// What there is, as the service says.
        total: u64,
    },
    /// A listing whose ids further requests are made of lacks one.
    #[error("the listing `{request}` {reason}, and its ids are needed for further requests")]
    NoId {
        /// The first request of the listing.
        request: RequestLine,
        /// What is missing.
        reason: &'static str,
    },
    /// A listing had page after page with nothing new on them.
    #[error(
        "the listing `{request}` is endless: more than {} pages in a row hold nothing new, and each links to another",
        super::pagination::MAX_EMPTY_PAGES
    )]
    EmptyPages {
        /// The first request of the listing.
        request: RequestLine,
    },
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

/// A request, and the attempts to have it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The request.
    pub request: RequestLine,
    /// How often it was sent.
    pub attempts: u32,
    /// The time from the first attempt to the error, pauses included.
    pub elapsed: Duration,
    /// True if at least one attempt may have taken effect, although no answer confirmed it.
    pub may_have_acted: bool,
    /// The id of the key that a create made, if the answer got as far as naming it.
    pub created: Option<String>,
}

impl Call {
    fn effort(&self) -> Effort<'_> {
        Effort(self)
    }
}

/// `, after 3 tries in 4.2 s`, or nothing if there was only one.
struct Effort<'a>(&'a Call);

impl fmt::Display for Effort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.attempts {
            0 | 1 => Ok(()),
            tries => write!(f, ", after {tries} tries in {}", Seconds(self.0.elapsed)),
        }
    }
}

fn said(service: Option<&ServiceError>) -> String {
    service.map_or_else(String::new, |service| format!(": {service}"))
}

fn no_answer(failure: &Failure) -> String {
    let what = match failure.kind {
        FailureKind::Dns => "found no address for the host",
        FailureKind::Refused | FailureKind::Unreachable => "could not connect",
        FailureKind::Tls => "failed the TLS handshake",
        FailureKind::Certificate => "does not trust the certificate of the host",
        FailureKind::Timeout => "timed out",
        FailureKind::Reset => "lost its connection before an answer arrived",
        FailureKind::Truncated => "got an incomplete answer",
        FailureKind::TooLarge => "got an answer that is too long",
        FailureKind::Other => "could not be sent",
    };
    format!("{what}: {}", failure.detail)
}

impl Error {
    /// Returns the call that failed; `None` for errors of configuration and of whole listings.
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Service { call, .. }
            | Self::Redirect { call, .. }
            | Self::NoAnswer { call, .. }
            | Self::Decode { call, .. }
            | Self::WaitTooLong { call, .. }
            | Self::Stopped { call }
            | Self::BudgetSpent { call, .. }
            | Self::ReadsOnly { call } => Some(call),
            _ => None,
        }
    }

    /// Returns the service's explanation, if there is one.
    pub fn service(&self) -> Option<&ServiceError> {
        match self {
            Self::Service { service, .. } => Some(service),
            Self::WaitTooLong { service, .. } => service.as_deref(),
            _ => None,
        }
    }

    /// Returns true if the service, and not a gateway, answered 404.
    pub fn is_not_found(&self) -> bool {
        self.service().is_some_and(ServiceError::is_not_found)
    }

    /// Returns true for a 403 about the request: no permission, or no such key.
    pub fn is_forbidden(&self) -> bool {
        self.service().is_some_and(ServiceError::is_forbidden)
    }

    /// Returns true if the service does not accept the credentials.
    pub fn is_unauthorized(&self) -> bool {
        self.service().is_some_and(ServiceError::is_unauthorized)
    }

    /// Returns true if the request may have taken effect in spite of the error. For a create this means that there may
    /// be a live key whose secret nobody has. Always false for reads.
    pub fn outcome_unknown(&self) -> bool {
        self.call()
            .is_some_and(|call| call.request.method != Method::GET && call.may_have_acted)
    }

    /// Returns true if the request certainly had no effect, because it was stopped in time.
    pub fn is_not_sent(&self) -> bool {
        match self {
            Self::Stopped { call } | Self::BudgetSpent { call, .. } | Self::ReadsOnly { call } => {
                !call.may_have_acted
            }
            _ => false,
        }
    }

    /// Returns the id of a key that was created although the create failed: the answer named the key and then broke
    /// off. Its secret is lost, so it should be deleted.
    pub fn created_key(&self) -> Option<&str> {
        self.call()?.created.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::{self, KeyId, ListParams, RequestBody};
    use super::*;
    use crate::resource::API_KEYS;

    fn call(request: request::Request, attempts: u32, may_have_acted: bool) -> Box<Call> {
        let elapsed = Duration::from_millis(4210);
        Box::new(Call {
            request: request.line,
            attempts,
            elapsed,
            may_have_acted,
            created: None,
        })
    }

    fn list(attempts: u32) -> Box<Call> {
        call(
            request::list(&ListParams::all(&API_KEYS), None),
            attempts,
            true,
        )
    }

    fn create() -> Box<Call> {
        call(
            request::create(&API_KEYS, &RequestBody::from_spec(&serde_json::Map::new())),
            1,
            true,
        )
    }

    fn service(status: u16, body: &str) -> Box<ServiceError> {
        Box::new(ServiceError::parse(status, Some("d37c"), body.as_bytes()))
    }

    #[test]
    fn messages_are_one_sentence_with_request_and_effort() {
        let body = r#"{"errors":[{"code":"forbidden_access","detail":"Forbidden Access"}]}"#;
        let error = Error::Service {
            call: list(1),
            service: service(403, body),
        };
        insta::assert_snapshot!(error, @"`GET /iam/v2/api-keys?show_expired=true&page_size=100` answered 403 forbidden_access: Forbidden Access (request id d37c)");
        let error = Error::Service {
            call: list(3),
            service: service(503, ""),
        };
        insta::assert_snapshot!(error, @"`GET /iam/v2/api-keys?show_expired=true&page_size=100` answered 503 Service Unavailable (request id d37c), after 3 tries in 4.2 s");
        let error = Error::Redirect {
            call: list(1),
            status: 302,
            host: Some("login.example".into()),
        };
        insta::assert_snapshot!(error, @"`GET /iam/v2/api-keys?show_expired=true&page_size=100` answered 302, a redirection to `login.example`, where credentials are not sent");
        let failure = Failure {
            kind: FailureKind::Refused,
            detail: "connection refused".into(),
            never_sent: true,
        };
        let error = Error::NoAnswer {
            call: list(4),
            failure,
        };
        insta::assert_snapshot!(error, @"`GET /iam/v2/api-keys?show_expired=true&page_size=100` could not connect: connection refused, after 4 tries in 4.2 s");
        let error = Error::Decode {
            call: list(1),
            status: 200,
            reason: DecodeError::new("the JSON ends too early"),
        };
        insta::assert_snapshot!(error, @"`GET /iam/v2/api-keys?show_expired=true&page_size=100` answered 200, but the JSON ends too early");
        let (asked, left) = (Duration::from_secs(120), Duration::from_secs(30));
        let error = Error::WaitTooLong {
            call: list(1),
            asked,
            left,
            service: None,
        };
        insta::assert_snapshot!(error, @"the service asks `GET /iam/v2/api-keys?show_expired=true&page_size=100` to wait 120 s, but only 30 s are left");
    }

    #[test]
    fn a_write_without_an_answer_has_an_unknown_outcome() {
        let failure = Failure::timed_out(Duration::from_secs(30));
        let read = Error::NoAnswer {
            call: list(8),
            failure: failure.clone(),
        };
        assert!(!read.outcome_unknown());
        let created = Error::NoAnswer {
            call: create(),
            failure: failure.clone(),
        };
        assert!(created.outcome_unknown());
        assert!(created.hint().unwrap().contains("may have been created"));
        let deleted = call(
            request::delete(&API_KEYS, &KeyId::new("K").unwrap()),
            2,
            false,
        );
        assert!(
            !Error::NoAnswer {
                call: deleted,
                failure: failure.clone()
            }
            .outcome_unknown()
        );
        let known = Box::new(Call {
            created: Some("K7".into()),
            ..*create()
        });
        let error = Error::NoAnswer {
            call: known,
            failure,
        };
        assert_eq!(error.created_key(), Some("K7"));
        assert!(error.hint().unwrap().contains("`K7`"));
    }
}
