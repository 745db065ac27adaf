//! What to do about an error.
//!
//! Turns an [`Error`] into the next step, which is printed apart from the message. Describes flags and variables in
//! words, because their names belong to the command line.

use super::error::Error;
use super::failure::{FailureKind, OLD_TLS};
use super::request::Method;
use super::service_error::ServiceError;

impl Error {
    /// Returns what to do next, as a sentence in lower case without a final stop.
    pub fn hint(&self) -> Option<String> {
        let resolution = self
            .service()
            .and_then(|service| service.resolution.clone());
        match (self.own_hint(), resolution) {
            (Some(hint), Some(resolution)) => {
                Some(format!("{hint}; the service suggests: {resolution}"))
            }
            (hint, resolution) => hint.or(resolution),
        }
    }

    fn own_hint(&self) -> Option<String> {
        if let Some(id) = self.created_key() {
            return Some(format!(
                "the key `{id}` was created and its secret is lost: delete it and create another"
            ));
        }
        let creates = self
            .call()
            .is_some_and(|call| call.request.method == Method::POST);
        if creates && self.outcome_unknown() {
            return Some(
                "the key may have been created all the same: look for it before trying again"
                    .to_owned(),
            );
        }
        let hint = match self {
            Self::Endpoint { .. } => {
                "`--endpoint` takes an address such as `https://api.confluent.cloud`"
            }
            Self::Credentials { .. } => CREDENTIALS,
            Self::Certificate { .. } => "`--ca-cert` takes a file of certificates in PEM",
            // A listing does not ask for a particular key.
            Self::Service { call, service } => {
                return match call.request.needs_role() {
                    Some(resource) if service.is_forbidden() => Some(format!(
                        "the owner of these credentials may not read {}: that needs the role {}",
                        resource.nouns.title, resource.role
                    )),
                    _ => hint_of_service(service),
                };
            }
            Self::WaitTooLong { .. } => {
                "wait before trying again, or allow more time with `--timeout`"
            }
            Self::Redirect { .. } => {
                "if the service has moved, name its new address with `--endpoint`"
            }
            Self::NoAnswer { failure, .. } => match failure.kind {
                FailureKind::Tls if failure.detail.contains("does not speak TLS") => {
                    "check the port; for plain http, the address given with `--endpoint` begins with `http://`"
                }
                FailureKind::Tls if failure.detail == OLD_TLS => {
                    "TLS 1.2 or 1.3 is needed: check the address, and whether a proxy is in between"
                }
                FailureKind::Tls => {
                    "if the certificate is signed by an authority of your own, name it with `--ca-cert`"
                }
                FailureKind::Certificate if failure.detail.contains("CA:TRUE") => {
                    "make a certificate for the host with basicConstraints=CA:FALSE; the authority may sign it, or it \
                     may sign itself"
                }
                FailureKind::Certificate if failure.detail.starts_with("it is for ") => {
                    "check the address if one is given with `--endpoint`, and whether a proxy is in between"
                }
                FailureKind::Certificate
                    if failure.detail.starts_with("its signature")
                        || failure.detail.ends_with("cannot be read")
                        || failure.detail.ends_with("cannot be used") =>
                {
                    "the host needs another certificate; check whether a proxy is in between"
                }
                FailureKind::Certificate => {
                    "check the clock of this machine, and the address if one is given with `--endpoint`"
                }
                FailureKind::Dns | FailureKind::Refused | FailureKind::Unreachable => UNREACHABLE,
                FailureKind::Timeout if failure.never_sent => UNREACHABLE,
                FailureKind::Timeout => "allow more time with `--timeout`",
                _ => return None,
            },
            Self::Decode { .. } => ANOTHER_SERVER,
            Self::Short { .. } | Self::NoId { .. } => {
                "run the statement again: what is listed may have changed in between"
            }
            Self::BudgetSpent { .. } => {
                "ask for less: name ids or an owner in WHERE, or add a LIMIT without ORDER BY"
            }
            Self::RepeatedToken { .. }
            | Self::EmptyPages { .. }
            | Self::Stopped { .. }
            | Self::ReadsOnly { .. } => {
                return None;
            }
        };
        Some(hint.to_owned())
    }
}

const CREDENTIALS: &str = "set CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET to a Cloud or Global API key; \
                           the key of a cluster does not work here";

const ANOTHER_SERVER: &str =
    "check that `--endpoint` names the service, and that no proxy is in between";

const UNREACHABLE: &str = "check the network, and the address if one is given with `--endpoint`";

fn hint_of_service(service: &ServiceError) -> Option<String> {
    if service.is_unauthorized() {
        let remedy = service.remedy.clone();
        return remedy.or_else(|| Some(CREDENTIALS.to_owned()));
    }
    let hint = if service.is_page() && matches!(service.status, 403 | 404) {
        ANOTHER_SERVER
    } else if service.is_quota_exceeded() {
        "delete keys that are not in use, or ask Confluent for a higher quota"
    } else if service.status == 403 {
        "the service gives this answer both if access is denied and if the key no longer exists"
    } else if service.status == 429 {
        "wait before trying again, or send fewer requests at a time with `--concurrency`"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::error::Call;
    use super::super::failure::Failure;
    use super::super::request::{self, ListParams};
    use super::*;
    use crate::resource::API_KEYS;

    fn list(attempts: u32) -> Box<Call> {
        Box::new(Call {
            request: request::list(&ListParams::all(&API_KEYS), None).line,
            attempts,
            elapsed: Duration::ZERO,
            may_have_acted: true,
            created: None,
        })
    }

    fn service(status: u16, body: &str) -> Box<ServiceError> {
        Box::new(ServiceError::parse(status, None, body.as_bytes()))
    }

    #[test]
    fn hints_name_what_can_be_done() {
        let hint = |status, body| {
            Error::Service {
                call: list(1),
                service: service(status, body),
            }
            .hint()
        };
        assert!(
            hint(401, "")
                .unwrap()
                .contains("CONFLUENT_CLOUD_API_SECRET")
        );
        assert!(
            hint(403, r#"{"message":"invalid API key"}"#)
                .unwrap()
                .contains("CONFLUENT_CLOUD_API_KEY")
        );
        assert!(hint(402, "").unwrap().contains("quota"));
        assert_eq!(
            hint(400, r#"{"errors":[{"resolution":"use fewer"}]}"#).as_deref(),
            Some("use fewer")
        );
        let both = hint(429, r#"{"errors":[{"resolution":"use fewer"}]}"#).unwrap();
        assert!(both.starts_with("wait ") && both.ends_with("; the service suggests: use fewer"));
        assert_eq!(hint(404, ""), None);
        assert!(hint(403, "").unwrap().contains("may not read"));
        let failed = |kind| {
            let failure = Failure {
                kind,
                detail: String::new(),
                never_sent: false,
            };
            Error::NoAnswer {
                call: list(1),
                failure,
            }
            .hint()
            .unwrap_or_default()
        };
        assert!(failed(FailureKind::Dns).contains("--endpoint"));
        assert!(failed(FailureKind::Tls).contains("--ca-cert"));
        assert!(failed(FailureKind::Timeout).contains("--timeout"));
        assert_eq!(failed(FailureKind::Reset), "");
    }
}
