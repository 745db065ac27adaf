//! Where requests go: a base URL, checked once.
//!
//! Turns what was typed into an [`Endpoint`], and an endpoint plus the path of a request into a URL. Pure; never
//! resolves a name. Refuses everything that could send credentials unencrypted or to an unexpected host, so that the
//! rest of the client need not check again.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::error::Error;
use super::text::printable;

/// The base URL of the service: https, or plain http to this machine only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    /// The URL as text, without a final slash. A request's path is appended to it.
    base: String,
}

impl Endpoint {
    /// The address of Confluent Cloud's control plane.
    pub const PRODUCTION: &'static str = "https://api.confluent.cloud";

    /// Parses a base URL. The host's case and its trailing dot are normalised; a path is kept as a prefix of
    /// every request's path.
    ///
    /// # Errors
    /// [`Error::Endpoint`] if it is not a URL, has a scheme other than `https` (`http` is accepted for
    /// `127.0.0.0/8`, `::1` and `localhost`), or carries a user name, a query or a fragment. A URL with user
    /// information is not repeated in the message, since that may be a password.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // The text before an `@` may be a password, even where the URL parser would not see one.
        let shown = if text.contains('@') {
            "the endpoint".to_owned()
        } else {
            // So may a parameter.
            let shown = text.split(['?', '#']).next().unwrap_or_default();
            format!("endpoint `{}`", printable(shown))
        };
        let refuse = |why: &str| Error::Endpoint {
            reason: format!("{shown} {why}"),
        };
        let mut url = Url::parse(text.trim()).map_err(|e| refuse(&format!("is not a URL: {e}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse(
                "carries a user name or password; expected an address alone",
            ));
        }
        if !matches!(url.scheme(), "https" | "http") {
            return Err(refuse("has an unknown scheme; expected `https://`"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse(
                "carries a query or a fragment; expected an address and perhaps a path",
            ));
        }
        if let Some(Host::Domain(name)) = url.host() {
            let bare = name.trim_end_matches('.').to_owned();
            if bare.len() != name.len() && url.set_host(Some(&bare)).is_err() {
                return Err(refuse("has no host name"));
            }
        }
        if url.scheme() == "http" && !loopback(&url) {
            return Err(refuse(
                "would send credentials unencrypted; expected `https://`, or a loopback address",
            ));
        }
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, base })
    }

    /// Returns [`Endpoint::PRODUCTION`].
    pub fn production() -> Self {
        let url = Url::parse(Self::PRODUCTION).expect("a constant that the tests parse");
        Self {
            url,
            base: Self::PRODUCTION.to_owned(),
        }
    }

    /// Returns the host, without the brackets of an IPv6 address, and the port.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or(443);
        (host.trim_matches(['[', ']']), port)
    }

    /// Returns true if the endpoint is this machine.
    pub fn is_loopback(&self) -> bool {
        loopback(&self.url)
    }

    /// Returns true if requests travel unencrypted, which implies [`Endpoint::is_loopback`].
    pub(crate) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// Returns the address of `path_and_query`, which begins with a slash.
    pub(crate) fn address(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.base)
    }

    /// Returns true if `location`, absolute or relative to this endpoint, is on its host.
    pub(crate) fn is_at(&self, location: &str) -> bool {
        let location = self.url.join(location);
        location.is_ok_and(|location| location.host_str() == self.url.host_str())
    }

    /// Returns the host that `location`, absolute or relative to this endpoint, points to.
    pub(crate) fn host_of(&self, location: &str) -> Option<String> {
        Some(printable(self.url.join(location).ok()?.host_str()?))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

fn loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => Ipv4Addr::is_loopback(&address),
        Some(Host::Ipv6(address)) => Ipv6Addr::is_loopback(&address),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> String {
        Endpoint::parse(text).unwrap().to_string()
    }

    fn refused(text: &str) -> String {
        Endpoint::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_production_address_is_a_valid_endpoint() {
        assert_eq!(
            Endpoint::parse(Endpoint::PRODUCTION).unwrap(),
            Endpoint::production()
        );
        assert!(!Endpoint::production().is_loopback());
    }

    #[test]
    fn case_trailing_dots_and_slashes_are_normalised() {
        assert_eq!(
            parsed("HTTPS://Api.Confluent.Cloud./"),
            "https://api.confluent.cloud"
        );
        assert_eq!(parsed("http://LOCALHOST.:8080"), "http://localhost:8080");
        assert_eq!(
            parsed("https://api.example.com:443"),
            "https://api.example.com"
        );
    }

    #[test]
    fn a_path_is_kept_as_a_prefix() {
        let endpoint = Endpoint::parse("https://gateway.example/confluent/").unwrap();
        assert_eq!(
            endpoint.address("/iam/v2/api-keys"),
            "https://gateway.example/confluent/iam/v2/api-keys"
        );
    }

    #[test]
    fn plain_http_is_for_loopback_alone() {
        for text in [
            "http://127.0.0.1:9",
            "http://127.1.2.3",
            "http://[::1]:9",
            "http://localhost",
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert!(endpoint.is_loopback() && endpoint.is_plain(), "{text}");
        }
        for text in [
            "http://api.confluent.cloud",
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "http://[::2]",
        ] {
            assert!(refused(text).contains("unencrypted"), "{text}");
        }
    }

    #[test]
    fn names_that_only_look_like_this_machine_are_not_it() {
        for host in [
            "0.0.0.0",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[fe80::1]",
            "169.254.169.254",
            "2852039166",
            "0xA9.0xFE.0xA9.0xFE",
            "128.0.0.1",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "localhost%2eevil.example",
            "localhost\u{ff0e}evil.example",
            "evil.localhost",
            "localhost-evil.example",
            "LOCALHOST.EVIL.EXAMPLE.",
            "evil.example\\@localhost",
            "evil.example/@localhost",
        ] {
            let text = format!("http://{host}");
            assert!(Endpoint::parse(&text).is_err(), "{text}");
        }
        for text in [
            "http:evil.example",
            "http:\\\\evil.example",
            "\thttp://evil.\nexample",
        ] {
            assert!(refused(text).contains("unencrypted"), "{text:?}");
        }
        // Other spellings of it are.
        for text in [
            "http://2130706433:9",
            "http://0x7f.1:9",
            "http://0177.0.0.1:9",
            "http://127.1:9",
            "http://127.0.0.1.:9",
        ] {
            assert_eq!(parsed(text), "http://127.0.0.1:9", "{text}");
        }
        assert_eq!(parsed("http://[0:0:0:0:0:0:0:1]:9"), "http://[::1]:9");
        assert_eq!(parsed("http://loc\u{ff41}lhost.:9"), "http://localhost:9");
    }

    proptest! {
        #[test]
        fn a_request_goes_to_the_host_that_was_checked(
            text in "(https?|HTTP):[/\\\\]{0,3}([a-z0-9.:@%#?/\\\\\\[\\]\\t-]|localhost|127\\.0\\.0\\.1|evil){0,8}",
        ) {
            if let Ok(endpoint) = Endpoint::parse(&text) {
                let sent = Url::parse(&endpoint.address("/iam/v2/api-keys?page_token=x")).unwrap();
                prop_assert_eq!(sent.host(), endpoint.url.host());
                prop_assert_eq!((sent.scheme(), sent.port()), (endpoint.url.scheme(), endpoint.url.port()));
                prop_assert!(sent.path().ends_with("/iam/v2/api-keys"));
                prop_assert!(sent.username().is_empty() && sent.password().is_none());
                prop_assert!(sent.scheme() == "https" || loopback(&sent));
            }
        }
    }

    #[test]
    fn what_is_not_a_bare_address_is_refused() {
        insta::assert_snapshot!(refused("api.confluent.cloud"), @"endpoint `api.confluent.cloud` is not a URL: relative URL without a base");
        insta::assert_snapshot!(refused("localhost:8080"), @"endpoint `localhost:8080` has an unknown scheme; expected `https://`");
        insta::assert_snapshot!(refused("https://h/?a=b"), @"endpoint `https://h/` carries a query or a fragment; expected an address and perhaps a path");
        assert!(refused("https://h/#x").contains("fragment"));
        assert!(Endpoint::parse("https://./").is_err());
        assert!(Endpoint::parse("").is_err());
    }

    #[test]
    fn passwords_in_an_endpoint_are_not_repeated() {
        for text in [
            "https://me:canary@h",
            "https://me:canary@",
            "https://canary@h",
            "me:canary@h:9:9",
        ] {
            assert!(!refused(text).contains("canary"), "{text}");
        }
    }
}
