//! Ports that the sidecar binds, but does not listen on, until the member ends.
//!
//! Measured with iflearner 0.1.0: its gRPC server binds with SO_REUSEPORT, its Flask status page
//! with SO_REUSEADDR only. A socket with both options admits both; a socket with SO_REUSEPORT alone
//! makes Flask's bind fail without a message (hazard L12). The options are set *after* the bind:
//! the bind is exclusive, so two sidecars never hold one number (hazard L11), and the kernel does
//! not assign a held number. A process that binds this number with SO_REUSEADDR, as Flask does,
//! succeeds until the workload listens. The sidecar cannot distinguish such a process, so it
//! validates a status page before it uses it.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd as _, OwnedFd};

use flow_domain::member::{Reason, ReasonCode};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, setsockopt, socket, sockopt,
};

use super::protocol::HoldRecord;

/// The bound ports; dropping it releases them.
#[derive(Debug, Default)]
pub struct HeldPorts {
    numbers: BTreeMap<String, u16>,
    sockets: Vec<OwnedFd>,
}

impl HeldPorts {
    /// Binds every requested port: the recorded number, or a new one.
    pub fn bind(record: &HoldRecord) -> Result<Self, Reason> {
        let mut held = Self::default();
        for name in &record.hold.ports {
            let (socket, number) = match (record.ports.get(name), record.port_range) {
                (Some(number), _) => bind_port(*number).map_err(|error| {
                    let message = format!(
                        "port {number}, which was held for {name:?}, cannot be bound again \
                         ({error}); start a new run"
                    );
                    Reason::new(ReasonCode::PortTaken, message)
                })?,
                (None, None) => bind_port(0).map_err(|error| no_port(name, &error))?,
                (None, Some((low, high))) => {
                    bind_in_range(low, high).map_err(|error| no_port(name, &error))?
                }
            };
            held.numbers.insert(name.clone(), number);
            held.sockets.push(socket);
        }
        Ok(held)
    }

    /// The port numbers by port name.
    #[must_use]
    pub fn numbers(&self) -> &BTreeMap<String, u16> {
        &self.numbers
    }
}

fn no_port(name: &str, error: &io::Error) -> Reason {
    let message = format!(
        "no port is free for {name:?} ({error}); wait for other runs to end, or ask the party to \
         widen the agent's port range"
    );
    Reason::new(ReasonCode::ResourcesExhausted, message)
}

/// Binds a free port of the range. The search starts at a number derived from the pid, so that
/// sidecars seldom try the same numbers.
fn bind_in_range(low: u16, high: u16) -> io::Result<(OwnedFd, u16)> {
    let count = u32::from(high.saturating_sub(low)) + 1;
    let first = std::process::id().wrapping_mul(2_654_435_761) % count;
    for step in 0..count {
        let number =
            low + u16::try_from((first + step) % count).expect("below the length of a u16 range");
        match bind_port(number) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            done => return done,
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

fn bind_port(number: u16) -> io::Result<(OwnedFd, u16)> {
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
    fn port_is_never_held_twice_even_with_the_sharing_options() {
        let (_held, number) = bind_port(0).expect("a port");
        assert_eq!(bind_port(number).expect_err("held").kind(), io::ErrorKind::AddrInUse);
        assert!(bind_in_range(number, number).is_err());
    }

    #[test]
    fn workload_can_listen_on_a_held_port_with_so_reuseaddr_as_flask_does() {
        let (_held, number) = bind_port(0).expect("a port");
        let mine = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
            .expect("a socket");
        setsockopt(&mine, sockopt::ReuseAddr, &true).expect("an option");
        let address = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, number));
        bind(mine.as_raw_fd(), &address).expect("bound beside the holder");
        nix::sys::socket::listen(&mine, nix::sys::socket::Backlog::new(4).expect("a backlog"))
            .expect("listening");
        std::net::TcpStream::connect(("127.0.0.1", number))
            .expect("the sidecar's socket accepts no connection");
    }
}
