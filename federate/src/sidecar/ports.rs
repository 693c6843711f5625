//! Ports that are held bound, but never listened on, for as long as the member lives.
//!
//! Measured with the real framework (iflearner 0.1.0): its gRPC server binds with SO_REUSEPORT, its Flask status page with
//! SO_REUSEADDR only. A holder with both options lets both in; one with SO_REUSEPORT alone makes Flask's bind fail,
//! which is silent (hazard L12). The options are set *after* the bind: the bind itself is exclusive, so two sidecars can
//! never hold one number (hazard L11), and the kernel gives a held number to nobody who asks for any. Whoever asks for
//! just this one with SO_REUSEADDR, as Flask does, is let in until the workload listens: that cannot be told apart, and is
//! why a status page is checked before it is believed.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd as _, OwnedFd};

use flow_domain::member::{Reason, ReasonCode};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, setsockopt, socket, sockopt,
};

use super::protocol::HoldFile;

/// Ports held until dropped.
#[derive(Debug, Default)]
pub struct HeldPorts {
    numbers: BTreeMap<String, u16>,
    sockets: Vec<OwnedFd>,
}

impl HeldPorts {
    /// Bind every port the file names: the number it had before, or a new one.
    pub fn bind(file: &HoldFile) -> Result<Self, Reason> {
        let mut held = Self::default();
        for name in &file.hold.ports {
            let (socket, number) = match (file.ports.get(name), file.port_range) {
                (Some(number), _) => one(*number).map_err(|error| {
                    let message = format!("port {number}, held for {name:?} before, cannot be had again ({error}); start a new run");
                    Reason::new(ReasonCode::PortTaken, message)
                })?,
                (None, None) => one(0).map_err(|error| no_port(name, &error))?,
                (None, Some((low, high))) => in_range(low, high).map_err(|error| no_port(name, &error))?,
            };
            held.numbers.insert(name.clone(), number);
            held.sockets.push(socket);
        }
        Ok(held)
    }

    /// Numbers by name.
    #[must_use]
    pub fn numbers(&self) -> &BTreeMap<String, u16> {
        &self.numbers
    }
}

fn no_port(name: &str, error: &io::Error) -> Reason {
    let message = format!(
        "no free port for {name:?} ({error}); widen the agent's port range or end other runs"
    );
    Reason::new(ReasonCode::ResourcesExhausted, message)
}

/// A free port of the range, beginning at a place of this process's own, so that sidecars seldom try the same numbers.
fn in_range(low: u16, high: u16) -> io::Result<(OwnedFd, u16)> {
    let count = u32::from(high.saturating_sub(low)) + 1;
    let first = std::process::id().wrapping_mul(2_654_435_761) % count;
    for step in 0..count {
        let number =
            low + u16::try_from((first + step) % count).expect("below the length of a u16 range");
        match one(number) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            done => return done,
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

fn one(number: u16) -> io::Result<(OwnedFd, u16)> {
    let held = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(held.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, number)))?;
    setsockopt(&held, sockopt::ReuseAddr, &true)?;
    setsockopt(&held, sockopt::ReusePort, &true)?;
    let number = getsockname::<SockaddrIn>(held.as_raw_fd())?.port();
    Ok((held, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_never_held_twice_even_with_the_sharing_options() {
        let (_held, number) = one(0).expect("a port");
        assert_eq!(one(number).expect_err("held").kind(), io::ErrorKind::AddrInUse);
        assert!(in_range(number, number).is_err());
    }

    #[test]
    fn the_workload_may_listen_on_a_held_port_with_so_reuseaddr_as_flask_does() {
        let (_held, number) = one(0).expect("a port");
        let mine = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
            .expect("a socket");
        setsockopt(&mine, sockopt::ReuseAddr, &true).expect("an option");
        let address = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, number));
        bind(mine.as_raw_fd(), &address).expect("bound beside the holder");
        nix::sys::socket::listen(&mine, nix::sys::socket::Backlog::new(4).expect("a backlog"))
            .expect("listening");
        std::net::TcpStream::connect(("127.0.0.1", number))
            .expect("the holder does not take connections away");
    }
}
