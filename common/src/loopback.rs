//! Loopback addresses. Connections in plain text reveal tokens and secrets, so only loopback
//! addresses may use them.

use std::net::IpAddr;

/// True if the address belongs to the loopback interface.
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// True if the host of a URL is a loopback address or `localhost`; an IPv6 address may have
/// brackets.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.trim_matches(['[', ']']).parse().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_loopback_interface_are_loopback() {
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
