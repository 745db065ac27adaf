//! Why a request got no answer.
//!
//! Turns the errors of the HTTP stack, whose causes are nested and whose types differ by layer, into a
//! [`Failure`]: its kind, whether the request can have reached the service, and the innermost cause in words.
//! Never decides about retries.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use super::text::{Seconds, printable};

/// What kept a request from being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The host's name has no address.
    Dns,
    /// The host refuses connections.
    Refused,
    /// No connection could be made for another reason.
    Unreachable,
    /// There is no trust in the other side's certificate, or no agreement on encryption.
    Tls,
    /// There was no answer in time.
    Timeout,
    /// The connection broke before the answer began.
    Reset,
    /// The connection broke before the answer's body was complete, or the body cannot be decompressed.
    Truncated,
    /// The answer's body is longer than is ever read.
    TooLarge,
    /// Something on this side, before anything was sent.
    Other,
}

/// A request without a complete answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub kind: FailureKind,
    /// The innermost cause, in words fit to be printed.
    pub detail: String,
    /// True if nothing of the request can have reached the service, which therefore cannot have acted.
    pub never_sent: bool,
}

impl Failure {
    /// Returns a failure after the request went out.
    pub(crate) fn sent(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            never_sent: false,
        }
    }

    /// Returns the failure of an attempt that was given `limit`.
    pub(crate) fn timed_out(limit: Duration) -> Self {
        Self::sent(
            FailureKind::Timeout,
            format!("no answer within {}", Seconds(limit)),
        )
    }

    /// Classifies an error of the HTTP client.
    pub(crate) fn of_reqwest(error: &reqwest::Error) -> Self {
        let causes = causes(error);
        let io_kind = causes
            .iter()
            .rev()
            .find_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
        let tls = causes
            .iter()
            .find_map(|cause| cause.downcast_ref::<rustls::Error>());
        let never_sent = error.is_connect() || error.is_builder();
        let kind = if tls.is_some() {
            FailureKind::Tls
        } else if error.is_builder() {
            FailureKind::Other
        } else if error.is_dns() {
            FailureKind::Dns
        } else if error.is_timeout() {
            FailureKind::Timeout
        } else if io_kind == Some(io::ErrorKind::ConnectionRefused) {
            FailureKind::Refused
        } else if error.is_connect() {
            FailureKind::Unreachable
        } else if error.is_body() || error.is_decode() {
            FailureKind::Truncated
        } else {
            FailureKind::Reset
        };
        let detail = match (kind, tls, causes.last()) {
            (_, Some(tls), _) => tls.to_string(),
            (FailureKind::Refused, ..) => "connection refused".to_owned(),
            (FailureKind::Timeout, ..) if never_sent => {
                "the connection was not made in time".to_owned()
            }
            (_, _, Some(cause)) => cause.to_string(),
            (_, _, None) => "unknown cause".to_owned(),
        };
        Self {
            kind,
            detail: printable(&detail),
            never_sent,
        }
    }
}

/// Returns an error and its causes, outermost first. What an [`io::Error`] wraps is among them, which its
/// `source` would pass over.
fn causes<'e>(error: &'e (dyn StdError + 'static)) -> Vec<&'e (dyn StdError + 'static)> {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        causes.push(cause);
        let wrapped = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => cause.source(),
        };
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_io_error_wraps_is_among_the_causes() {
        let inner = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = io::Error::new(io::ErrorKind::InvalidData, io::Error::other(inner));
        let causes = causes(&error);
        assert_eq!(causes.len(), 3);
        assert!(causes[2].is::<rustls::Error>());
    }
}
