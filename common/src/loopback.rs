//! What is said in plain text anybody on the way can read, tokens and secrets with it: so it never leaves the machine.

use std::net::IpAddr;

/// Whether this address is of this machine alone.
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether the host of a URL is of this machine alone; an IPv6 address may be in brackets.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.trim_matches(['[', ']']).parse().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_dialled_from_elsewhere_is_loopback() {
        for good in
            ["127.0.0.1", "127.9.9.9", "[::1]", "::1", "::ffff:127.0.0.1", "localhost", "LocalHost"]
        {
            assert!(is_loopback_host(good), "{good}");
        }
        for bad in
            ["0.0.0.0", "[::]", "10.0.0.1", "192.168.1.1", "hub.example", "localhost.example", ""]
        {
            assert!(!is_loopback_host(bad), "{bad}");
        }
    }
}
