//! Which proxy leads to the service, as the environment says. Pure.
//!
//! The rules are those of curl: `https_proxy`, then `all_proxy`, the lower case of a name before the upper case, and
//! `no_proxy` for the hosts to reach without one. Invalid values are refused: a direct connection is not what was
//! asked for.

use std::net::IpAddr;

use url::Url;

use super::credentials::Environment;
use crate::api::{Endpoint, Proxy};
use crate::error::Error;
use crate::secret::Secret;

/// The variables that name a proxy, the first of them before the others.
const NAMES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// The kinds of proxies that other programs take.
const SCHEMES: [&str; 5] = ["socks", "socks4", "socks4a", "socks5", "socks5h"];

/// The variables that name hosts to reach without one.
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// All variables that are read here.
pub(super) const VARIABLES: [&str; 6] = [
    NAMES[0],
    NAMES[1],
    NAMES[2],
    NAMES[3],
    EXCEPTIONS[0],
    EXCEPTIONS[1],
];

/// Returns the proxy that leads to `endpoint`.
///
/// Fails if a variable names one that cannot be used.
pub(super) fn proxy(
    environment: &Environment,
    endpoint: &Endpoint,
) -> Result<Option<Proxy>, Error> {
    let variable = |name: &'static str| {
        // An empty one is as good as none. One of white space is a mistake.
        let value = environment.get(name)?;
        (!value.is_empty()).then_some((name, value.trim()))
    };
    let Some((name, address)) = NAMES.into_iter().find_map(variable) else {
        return Ok(None);
    };
    let exceptions = EXCEPTIONS.into_iter().find_map(variable);
    let (host, port) = endpoint.host_and_port();
    if endpoint.is_loopback() || exceptions.is_some_and(|(_, list)| excepts(list, host, port)) {
        return Ok(None);
    }
    read(name, address).map(Some)
}

fn read(variable: &'static str, address: &str) -> Result<Proxy, Error> {
    let shown = shown(address);
    // What is refused may be a password where its host was forgotten.
    let refused = |why: &str| {
        Error::usage(format!("the proxy that {variable} names {why}")).hint(format!(
            "write it as http://HOST:PORT, or unset {variable} to connect directly"
        ))
    };
    let full = match address.contains("://") {
        true => address.to_owned(),
        false => format!("http://{address}"),
    };
    let url = Url::parse(&full).map_err(|_| refused("has no address of the form HOST:PORT"))?;
    match url.scheme() {
        "http" | "https" => {}
        scheme => {
            let why = match SCHEMES.contains(&scheme) {
                true => format!("is of the kind `{scheme}`, which is not supported"),
                false => "is of a kind that is not supported".to_owned(),
            };
            return Err(refused(&why));
        }
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(refused("has no host"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(refused(
            "has more than an address: a path, a query or a fragment",
        ));
    }
    Ok(Proxy {
        address: Secret::new(full),
        shown,
        variable,
    })
}

/// Returns an address without a user name or a password.
fn shown(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    match rest.rsplit_once('@') {
        Some((_, rest)) => format!("{scheme}{rest}"),
        None => address.to_owned(),
    }
}

/// Returns true if `list` names the host, a domain that it is in, or a network that its address is in.
fn excepts(list: &str, host: &str, port: u16) -> bool {
    list.split([',', ' ']).map(str::trim).any(|entry| {
        if entry == "*" {
            return true;
        }
        let (name, only) = match entry.rsplit_once(':') {
            // Two colons are in an IPv6 address.
            Some((name, digits)) if !name.contains(':') || name.ends_with(']') => {
                match digits.parse::<u16>() {
                    Ok(only) => (name, Some(only)),
                    Err(_) => (entry, None),
                }
            }
            _ => (entry, None),
        };
        let name = name.trim_matches(['[', ']']);
        !name.is_empty() && only.is_none_or(|only| only == port) && covers(name, host)
    })
}

fn covers(name: &str, host: &str) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        let (network, bits) = match name.split_once('/') {
            Some((network, bits)) => (network.parse().ok(), bits.parse().ok()),
            None => (name.parse().ok(), Some(128)),
        };
        return network
            .zip(bits)
            .is_some_and(|(network, bits)| is_in(network, bits, address));
    }
    let name = name.strip_prefix('*').unwrap_or(name);
    let name = name.trim_start_matches('.').trim_end_matches('.');
    let host = host.trim_end_matches('.');
    let Some(at) = host.len().checked_sub(name.len()) else {
        return false;
    };
    host.is_char_boundary(at)
        && host[at..].eq_ignore_ascii_case(name)
        && (at == 0 || host[..at].ends_with('.'))
}

fn is_in(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    let mask = |most: u32| {
        u128::MAX
            .checked_shl(most.saturating_sub(bits))
            .unwrap_or(0)
    };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            u128::from(network.to_bits() ^ address.to_bits()) & mask(32) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            (network.to_bits() ^ address.to_bits()) & mask(128) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)], endpoint: &str) -> Result<Option<(String, &'static str)>, Error> {
        let environment = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let proxy = proxy(&environment, &Endpoint::parse(endpoint).unwrap())?;
        Ok(proxy.map(|proxy| (proxy.shown, proxy.variable)))
    }

    const SERVICE: &str = "https://api.confluent.cloud";

    #[test]
    fn the_lower_case_comes_first_and_a_password_is_not_shown() {
        let both = [
            ("HTTPS_PROXY", "http://upper:1"),
            ("https_proxy", "me:canary@lower:2"),
        ];
        assert_eq!(
            of(&both, SERVICE).unwrap(),
            Some(("lower:2".to_owned(), "https_proxy"))
        );
        let all = [("ALL_PROXY", "http://me:canary@all:3"), ("https_proxy", "")];
        assert_eq!(
            of(&all, SERVICE).unwrap(),
            Some(("http://all:3".to_owned(), "ALL_PROXY"))
        );
        assert_eq!(of(&[], SERVICE).unwrap(), None);
        assert_eq!(of(&both, "https://127.0.0.1:8080").unwrap(), None);
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        for address in [
            " ",
            "http://",
            "http://me:canary@host:port",
            "socks5://me:canary@host:1080",
            "http://host:3128/path",
            "me:canary@ho st",
            "http://me:canary",
            "me:canary:host:3128",
            "canary://host",
        ] {
            let error = of(&[("HTTPS_PROXY", address)], SERVICE).unwrap_err();
            assert!(error.message.contains("HTTPS_PROXY"), "{address}");
            assert!(!format!("{error:?}").contains("canary"), "{address}");
            // Where none is used, nothing is wrong.
            let unused = [("HTTPS_PROXY", address), ("NO_PROXY", "*")];
            assert_eq!(of(&unused, SERVICE).unwrap(), None);
        }
    }

    #[test]
    fn hosts_are_excepted_by_name_domain_port_and_network() {
        let is_direct = |list: &str, endpoint: &str| {
            of(
                &[("https_proxy", "http://p:1"), ("NO_PROXY", list)],
                endpoint,
            )
            .unwrap()
            .is_none()
        };
        for list in [
            "*",
            "api.confluent.cloud",
            "API.Confluent.Cloud.",
            ".confluent.cloud",
            "*.confluent.cloud",
            "confluent.cloud",
            "x, api.confluent.cloud:443",
            "*.confluent.cloud:443",
        ] {
            assert!(is_direct(list, SERVICE), "{list}");
        }
        for list in [
            "",
            "pi.confluent.cloud",
            "api.confluent.cloud:8443",
            "confluent",
            "x.*",
            ",:443",
        ] {
            assert!(!is_direct(list, SERVICE), "{list}");
        }
        for (list, expected) in [
            ("10.0.0.0/8", true),
            ("10.1.2.3", true),
            ("10.1.2.3:443", true),
            ("10.1.2.0/31", false),
            ("0.0.0.0/0", true),
            ("1.2.3", false),
        ] {
            assert_eq!(is_direct(list, "https://10.1.2.3"), expected, "{list}");
        }
        for (list, expected) in [
            ("fd00::/8", true),
            ("[fd00::1]:443", true),
            ("fd00::2", false),
        ] {
            assert_eq!(is_direct(list, "https://[fd00::1]"), expected, "{list}");
        }
    }
}
