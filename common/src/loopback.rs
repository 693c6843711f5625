//! Until parties can enrol and hold certificates, nothing of the platform listens where another machine could dial it.

use std::net::SocketAddr;

/// A listener was asked to stand in the open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a loopback address: listen on 127.0.0.1 or [::1]; other addresses come with enrolment (TLS certificates)")]
pub struct NotLoopback(pub SocketAddr);

/// Refuse every address that is not loopback.
pub fn require_loopback(addr: SocketAddr) -> Result<SocketAddr, NotLoopback> {
    if addr.ip().to_canonical().is_loopback() { Ok(addr) } else { Err(NotLoopback(addr)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_listened_on() {
        for good in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:1234", "[::ffff:127.0.0.1]:1"] {
            assert!(require_loopback(good.parse().unwrap()).is_ok(), "{good}");
        }
        for bad in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "192.168.1.1:1"] {
            assert!(require_loopback(bad.parse().unwrap()).is_err(), "{bad}");
        }
    }
}
