//! Why a request got no answer.
//!
//! Turns the errors of the HTTP stack, which are nested and have a different type in each layer, into a [`Failure`]:
//! its kind, whether the request may have reached the service, and the innermost cause in words. Never decides about
//! retries.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use chrono::DateTime;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use super::text::{Seconds, printable};
use crate::mask::Mask;

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
    /// The other side's certificate was not issued by a trusted authority, or the two sides could not agree on
    /// encryption.
    Tls,
    /// The other side's certificate is not valid, at this time or for this host.
    Certificate,
    /// No answer arrived in time.
    Timeout,
    /// The connection broke before the answer began.
    Reset,
    /// The connection broke before the body was complete, or the body cannot be decompressed.
    Truncated,
    /// The body is longer than the limit.
    TooLarge,
    /// Something went wrong on this side, before anything was sent.
    Other,
}

/// A request without a complete answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub kind: FailureKind,
    /// The innermost cause, safe to print.
    pub detail: String,
    /// True if the request cannot have reached the service, so it cannot have had an effect.
    pub never_sent: bool,
}

impl Failure {
    /// Returns a failure that occurred after the request was sent.
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

    /// Returns the same without secrets.
    pub(crate) fn masked(self, mask: &Mask) -> Self {
        Self {
            detail: mask.apply(&self.detail).into_owned(),
            ..self
        }
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
        let certificate = tls.and_then(invalid_certificate);
        let is_plain = matches!(
            tls,
            Some(rustls::Error::InvalidMessage(
                rustls::InvalidMessage::InvalidContentType
            ))
        );
        let kind = if certificate.is_some() {
            FailureKind::Certificate
        } else if tls.is_some() {
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
            (FailureKind::Certificate, ..) => certificate.unwrap_or_default(),
            (_, Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)), _) => {
                "its certificate is signed by an authority that is not trusted here".to_owned()
            }
            (_, Some(_), _) if is_plain => {
                "the other side does not speak TLS; is it a port for http?".to_owned()
            }
            (_, Some(tls), _) if is_too_old(tls) => OLD_TLS.to_owned(),
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

/// The error for a host without a current version of TLS.
pub(crate) const OLD_TLS: &str = "the host speaks only TLS 1.1 or older";

fn is_too_old(error: &rustls::Error) -> bool {
    use rustls::PeerIncompatible::{
        ServerDoesNotSupportTls12Or13, ServerTlsVersionIsDisabledByOurConfig,
    };
    matches!(
        error,
        rustls::Error::AlertReceived(rustls::AlertDescription::ProtocolVersion)
            | rustls::Error::PeerIncompatible(
                ServerDoesNotSupportTls12Or13 | ServerTlsVersionIsDisabledByOurConfig
            )
    )
}

/// Says why a certificate is not valid, for known reasons other than its issuer.
fn invalid_certificate(error: &rustls::Error) -> Option<String> {
    let rustls::Error::InvalidCertificate(problem) = error else {
        return None;
    };
    let day = |time: &UnixTime| {
        i64::try_from(time.as_secs())
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map_or("another day".to_owned(), |day| day.format("%F").to_string())
    };
    Some(match problem {
        CertificateError::Expired => "it has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("it expired on {}", day(not_after))
        }
        CertificateError::NotValidYet => "it is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("it is not valid before {}", day(not_before))
        }
        CertificateError::NotValidForName => "it is for another host".to_owned(),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            // Each is formatted with its type: `DnsName("api.example.com")`.
            let names: Vec<_> = presented
                .iter()
                .map(|name| name.split('"').nth(1).unwrap_or(name))
                .collect();
            let names = match names.is_empty() {
                true => "another host".to_owned(),
                false => format!("`{}`", names.join("`, `")),
            };
            format!("it is for {names}, not for `{}`", expected.to_str())
        }
        CertificateError::Revoked => "it was revoked".to_owned(),
        CertificateError::BadSignature => "its signature does not match".to_owned(),
        CertificateError::BadEncoding => "it cannot be read".to_owned(),
        other if format!("{other:?}").contains("UnsupportedCertVersion") => {
            "it is of X.509 version 1, which cannot be used".to_owned()
        }
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "it is that of an authority (CA:TRUE), which cannot be that of a host as well"
                .to_owned()
        }
        _ => return None,
    })
}

/// Returns an error and its causes, outermost first. Includes what an [`io::Error`] wraps, which its `source` would
/// skip.
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
    use rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_in_words() {
        let told = |problem| invalid_certificate(&rustls::Error::InvalidCertificate(problem));
        let time = UnixTime::since_unix_epoch(Duration::from_secs(86_400));
        let far = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
        let expired = CertificateError::ExpiredContext {
            time,
            not_after: time,
        };
        assert_eq!(told(expired).unwrap(), "it expired on 1970-01-02");
        let early = CertificateError::NotValidYetContext {
            time,
            not_before: far,
        };
        assert_eq!(told(early).unwrap(), "it is not valid before another day");
        let other = |presented: &[&str]| {
            told(CertificateError::NotValidForNameContext {
                expected: ServerName::try_from("localhost").unwrap(),
                presented: presented.iter().map(|name| (*name).to_owned()).collect(),
            })
            .unwrap()
        };
        assert_eq!(
            other(&["DnsName(\"a.example\")", "odd"]),
            "it is for `a.example`, `odd`, not for `localhost`"
        );
        assert_eq!(other(&[]), "it is for another host, not for `localhost`");
        assert_eq!(told(CertificateError::UnknownIssuer), None);
        let signature = told(CertificateError::BadSignature);
        assert_eq!(signature.unwrap(), "its signature does not match");
        assert!(is_too_old(&rustls::Error::AlertReceived(
            rustls::AlertDescription::ProtocolVersion
        )));
    }

    #[test]
    fn what_an_io_error_wraps_is_among_the_causes() {
        let inner = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = io::Error::new(io::ErrorKind::InvalidData, io::Error::other(inner));
        let causes = causes(&error);
        assert_eq!(causes.len(), 3);
        assert!(causes[2].is::<rustls::Error>());
    }
}
