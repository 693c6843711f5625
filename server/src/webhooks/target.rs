//! The URLs that webhooks may have, and the addresses that the hub connects to for them. A user of a
//! project must not reach services of the hub's own networks through the hub (server-side request
//! forgery), so that an address is checked after the resolution of its name, at each connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use flow_domain::webhook::URL_CHARS_MAX;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::network::Network;

/// Rules for the targets of webhooks.
#[derive(Debug, Clone, Default)]
pub struct TargetRules {
    /// Networks that are allowed besides public addresses.
    pub allow_networks: Vec<Network>,
    /// Plain HTTP is accepted for addresses in `allow_networks`.
    pub allow_http: bool,
}

impl TargetRules {
    /// Parses the URL of a webhook. The error is for the person who has sent it.
    pub fn parse(&self, text: &str) -> Result<Url, String> {
        if text.chars().count() > URL_CHARS_MAX {
            return Err(format!("must have at most {URL_CHARS_MAX} characters"));
        }
        let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            "http" => return Err("must begin with https://; the hub does not allow plain HTTP (`webhooks.allow_http`)".to_owned()),
            _ => return Err("must begin with https://".to_owned()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "must not contain a user name or a password; the receiver verifies the signature"
                    .to_owned(),
            );
        }
        if url.fragment().is_some() {
            return Err("must not have a fragment (`#`)".to_owned());
        }
        // A parser of URLs accepts more spellings than the API document.
        if !has_form(text) {
            return Err(
                "must have the form https://HOST/PATH, without spaces and control characters"
                    .to_owned(),
            );
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err("must name a host".to_owned()),
        };
        match address {
            Some(address) if !self.allows(url.scheme() == "https", address) => Err(format!(
                "must not name the address {address}, which is not public; the hub's administrator can allow its network (`webhooks.allow_networks`)"
            )),
            _ => Ok(url),
        }
    }

    /// True if the hub may connect to this address.
    fn allows(&self, is_https: bool, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_allowed = self.allow_networks.iter().any(|network| network.contains(address));
        is_allowed || (is_https && is_public(address))
    }
}

/// True for texts of the form `WEBHOOK_URL_PATTERN` of the API document.
fn has_form(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let is_plain = |text: &str, not: &[char]| {
        !text.contains(|c: char| c.is_whitespace() || c.is_control() || not.contains(&c))
    };
    !host.is_empty() && is_plain(host, &['#', '@', '\\']) && is_plain(path, &['#'])
}

/// Resolves names to the addresses that the rules allow.
pub(super) struct Resolver {
    pub rules: Arc<TargetRules>,
    pub is_https: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (rules, is_https) = (Arc::clone(&self.rules), self.is_https);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| rules.allows(is_https, address.ip())).collect();
            if allowed.is_empty() {
                // The addresses are not named: they are internal to the hub's networks.
                return Err(format!(
                    "{} has no address that webhooks may reach: the hub connects to public addresses over https, and to `webhooks.allow_networks`",
                    name.as_str()
                )
                .into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// True for an address of the public internet (IANA special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // This network; broadcast and reserved.
        || a == 0
        || a >= 240
        // Shared by carriers; protocol assignments; relays of 6to4; benchmarks.
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && b & 0xfe == 18);
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // Only 2000::/3 is allocated. In it, 2001::/23 has protocol assignments and tunnels, 2001:db8::
    // and 3fff:: are for documents, and 2002:: contains addresses of IPv4.
    a & 0xe000 == 0x2000
        && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(networks: &[&str], allow_http: bool) -> TargetRules {
        let networks = networks.iter().map(|network| network.parse().expect("a network"));
        TargetRules { allow_networks: networks.collect(), allow_http }
    }

    #[test]
    fn only_public_addresses_are_public() {
        for (address, expected) in [
            ("8.8.8.8", true),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.0.0.170", false),
            ("192.0.2.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("198.51.100.7", false),
            ("203.0.113.7", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1111", true),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::7f00:1", false),
            ("64:ff9b::7f00:1", false),
            ("100::1", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("2002:7f00:1::", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            let parsed: IpAddr = address.parse().expect(address);
            assert_eq!(rules(&[], false).allows(true, parsed), expected, "{address}");
        }
        let inside = rules(&["10.0.0.0/8", "::1"], true);
        for (address, https, http) in
            [("10.1.2.3", true, true), ("::ffff:10.1.2.3", true, true), ("::1", true, true)]
        {
            let parsed = address.parse().expect(address);
            let found = (inside.allows(true, parsed), inside.allows(false, parsed));
            assert_eq!(found, (https, http), "{address}");
        }
        let public = "8.8.8.8".parse().expect("an address");
        assert!(!inside.allows(false, public), "plain HTTP only for allowed networks");
    }

    #[test]
    fn urls_with_credentials_other_schemes_and_spellings_of_internal_addresses_are_rejected() {
        let strict = rules(&[], false);
        for accepted in
            ["https://hooks.example/@x?y=z", "https://8.8.8.8:8443/", "https://localhost/"]
        {
            strict.parse(accepted).expect(accepted);
        }
        for rejected in [
            "hooks.example",
            "http://hooks.example/",
            "ftp://hooks.example/",
            "file:///etc/passwd",
            "https://",
            "https://user@hooks.example/",
            "https://user:password@hooks.example/",
            "https://:password@hooks.example/",
            "https://hooks.example/#x",
            "https:hooks.example",
            "https:\\\\hooks.example",
            "https://user\\@hooks.example",
            " https://hooks.example",
            "https://hooks.example/a b",
            "https://hooks.example/a\tb",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://①②⑦.0.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/",
            "https://[::ffff:7f00:1]/",
            "https://[fd00:ec2::254]/",
        ] {
            assert!(strict.parse(rejected).is_err(), "{rejected}");
        }
        assert!(strict.parse(&format!("https://hooks.example/{}", "x".repeat(2048))).is_err());
        let inside = rules(&["127.0.0.0/8"], true);
        inside.parse("http://127.0.0.1:9000/").expect("an allowed network");
        assert!(inside.parse("http://8.8.8.8/").is_err(), "plain HTTP leaves the allowed networks");
    }
}
