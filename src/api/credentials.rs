//! Credentials, and the header made from them.
//!
//! Depends on [`Secret`]. The header is built once, is marked sensitive, and belongs to the transport; nothing else
//! sees the secret in the clear.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;

use super::error::Error;
use crate::secret::Secret;

/// What authenticates a request (Confluent's API reference, "Authentication").
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A Cloud or Global API key and its secret, sent by Basic authentication.
    Basic {
        /// The API key, which is not secret.
        key: String,
        /// Its secret.
        secret: Secret,
    },
    /// An access token, sent as a bearer token.
    Bearer(Secret),
}

impl Credentials {
    /// Returns the id of the API key that authenticates, if it is a key.
    pub fn key_id(&self) -> Option<&str> {
        match self {
            Self::Basic { key, .. } => Some(key),
            Self::Bearer(_) => None,
        }
    }

    /// Returns what must never be shown: the secret, and what a header makes of it.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::Basic { key, secret } => {
                let pair = STANDARD.encode(format!("{key}:{}", secret.reveal()));
                vec![secret.clone(), Secret::new(pair)]
            }
            Self::Bearer(token) => vec![token.clone()],
        }
    }

    /// Returns the value of the `Authorization` header, marked sensitive.
    ///
    /// Fails if a part is empty, if it contains a control character (usually a line break from a
    /// file), or if the key contains a colon, which Basic authentication cannot express. No message repeats a value.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, Error> {
        let refuse = |reason| Err(Error::Credentials { reason });
        let control = |text: &str| text.chars().any(char::is_control);
        let text = match self {
            Self::Basic { key, secret } => {
                if key.is_empty() || secret.is_empty() {
                    return refuse("the API key or its secret is empty");
                }
                if control(key) || control(secret.reveal()) {
                    return refuse(
                        "the API key or its secret contains a line break or another control character",
                    );
                }
                if key.contains(':') {
                    return refuse(
                        "the API key contains a colon; expected the key alone, without its secret",
                    );
                }
                format!(
                    "Basic {}",
                    STANDARD.encode(format!("{key}:{}", secret.reveal()))
                )
            }
            Self::Bearer(token) => {
                if token.is_empty() {
                    return refuse("the access token is empty");
                }
                if control(token.reveal()) || token.reveal().contains(' ') {
                    return refuse(
                        "the access token contains a space, a line break or another control character",
                    );
                }
                format!("Bearer {}", token.reveal())
            }
        };
        let Ok(mut value) = HeaderValue::from_str(&text) else {
            return refuse("the access token contains characters that no header can carry");
        };
        value.set_sensitive(true);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(key: &str, secret: &str) -> Credentials {
        Credentials::Basic {
            key: key.to_owned(),
            secret: Secret::new(secret),
        }
    }

    #[test]
    fn debug_shows_the_key_and_no_secret() {
        let credentials = [
            basic("KEY", "canary"),
            Credentials::Bearer(Secret::new("canary")),
        ];
        let headers = credentials.each_ref().map(|c| c.authorization().unwrap());
        let shown = format!("{credentials:?} {headers:?}");
        assert!(
            shown.contains("KEY") && !shown.contains("canary"),
            "{shown}"
        );
        assert!(!shown.contains(&STANDARD.encode("KEY:canary")), "{shown}");
        assert_eq!(
            credentials.each_ref().map(Credentials::key_id),
            [Some("KEY"), None]
        );
    }

    #[test]
    fn headers_follow_the_basic_and_bearer_schemes() {
        assert_eq!(
            basic("user", "pass").authorization().unwrap(),
            "Basic dXNlcjpwYXNz"
        );
        assert_eq!(
            Credentials::Bearer(Secret::new("abc"))
                .authorization()
                .unwrap(),
            "Bearer abc"
        );
    }

    #[test]
    fn unusable_credentials_are_refused_without_repeating_them() {
        let bad = [
            basic("", "canary"),
            basic("k", ""),
            basic("k", "canary\n"),
            basic("k:canary", "s"),
        ];
        let tokens = ["", "canary\r\n", "two canary"].map(|t| Credentials::Bearer(Secret::new(t)));
        for credentials in bad.iter().chain(&tokens) {
            let error = credentials.authorization().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }
}
