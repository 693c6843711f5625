//! Address of the client of a request.

use std::net::{IpAddr, Ipv4Addr};

/// Address of the client: of its connection, or behind trusted proxies as they report it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// The client uses TLS, as far as the hub knows: cookies are for TLS only.
#[derive(Debug, Clone, Copy)]
pub(super) struct IsTls(pub(super) bool);

/// Address of the client of a request; loopback in tests without a connection.
pub(super) fn address(extensions: &http::Extensions) -> IpAddr {
    extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0)
}
