//! Address and scheme of a client behind proxies. `X-Forwarded-For` is believed only as far as the
//! proxies that wrote it are trusted: from the right, the end that the nearest proxy writes; and so are
//! `X-Forwarded-Proto` and `X-Forwarded-Prefix` of the nearest proxy.

use std::net::IpAddr;
use std::str::FromStr;

use flow_console::Base;
use http::HeaderMap;

use crate::network::Network;

/// Header with the addresses from the client to the nearest proxy.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Header with the scheme that the client uses to reach the proxy.
const FORWARDED_PROTO: &str = "x-forwarded-proto";
/// Header with the path that the proxy removes from the begin of each path.
const FORWARDED_PREFIX: &str = "x-forwarded-prefix";

/// The proxies whose `X-Forwarded-…` headers are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

impl FromStr for TrustedProxies {
    type Err = String;

    /// Reads addresses and networks, separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl TrustedProxies {
    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Returns the address of the client of a request that arrived from `peer`.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let values = headers.get_all(FORWARDED_FOR).iter().rev();
        let texts = values.map(|value| value.to_str().unwrap_or("?"));
        let mut hops = texts.flat_map(|text| text.rsplit(',').map(str::trim));
        while self.contains(client) {
            match hops.next().map(str::parse) {
                Some(Ok(hop)) => client = hop,
                Some(Err(_)) | None => break,
            }
        }
        client
    }

    /// Returns whether a proxy reports that the client of a request from `peer` uses TLS.
    #[must_use]
    pub fn has_tls(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(FORWARDED_PROTO).iter();
        let text = values.next_back().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let scheme = text.rsplit(',').next().unwrap_or_default().trim();
        self.contains(peer) && scheme.eq_ignore_ascii_case("https")
    }

    /// Returns the path under which a proxy reports that the client of a request from `peer` finds
    /// the hub.
    #[must_use]
    pub fn base(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Base> {
        let value = headers.get_all(FORWARDED_PREFIX).iter().next_back()?;
        value
            .to_str()
            .ok()
            .filter(|_| self.contains(peer))
            .and_then(|path| Base::parse(path.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let trusted: TrustedProxies = trusted.parse().expect("networks");
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().expect("a header value"));
        }
        trusted.client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn forwarded_addresses_count_from_the_right_and_only_behind_trusted_proxies() {
        let two = "10.0.0.0/8, 2001:db8::1";
        for (trusted, peer, forwarded, expected) in [
            ("", "192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"),
            (two, "192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            (two, "10.1.2.3", &["198.51.100.7"], "198.51.100.7"),
            (two, "10.1.2.3", &["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
            (two, "2001:db8::1", &["1.1.1.1, 198.51.100.7, 10.9.9.9"], "198.51.100.7"),
            (two, "10.1.2.3", &["1.1.1.1, 198.51.100.7", "10.9.9.9"], "198.51.100.7"),
            (two, "10.1.2.3", &["spoofed, 10.9.9.9"], "10.9.9.9"),
            (two, "10.1.2.3", &[], "10.1.2.3"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", &["198.51.100.7"], "198.51.100.7"),
        ] {
            assert_eq!(
                client(trusted, peer, forwarded),
                expected,
                "{trusted} {peer} {forwarded:?}"
            );
        }
        let trusted: TrustedProxies = two.parse().expect("networks");
        for (peer, forwarded, expected) in [
            ("10.1.2.3", &["https"][..], true),
            ("10.1.2.3", &["http, HTTPS"], true),
            ("10.1.2.3", &["https", "http"], false),
            ("10.1.2.3", &["https, http"], false),
            ("10.1.2.3", &[], false),
            ("192.0.2.1", &["https"], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append(FORWARDED_PROTO, value.parse().expect("a header value"));
            }
            let is_tls = trusted.has_tls(peer.parse().expect("an address"), &headers);
            assert_eq!(is_tls, expected, "{peer} {forwarded:?}");
        }
        for (peer, prefix, expected) in [
            ("10.1.2.3", "/flow", Some("/flow/")),
            ("10.1.2.3", "//evil.example", None),
            ("192.0.2.1", "/flow", None),
        ] {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static(FORWARDED_PREFIX),
                prefix.parse().expect("a header value"),
            )]);
            let base = trusted.base(peer.parse().expect("an address"), &headers);
            assert_eq!(base.as_ref().map(Base::as_str), expected, "{peer} {prefix}");
        }
        for wrong in ["10.0.0.0/33", "10.0.0", "example", "::/129", "10.0.0.0/x", "/8"] {
            assert!(wrong.parse::<TrustedProxies>().is_err(), "{wrong}");
        }
    }
}
