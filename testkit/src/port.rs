//! Ports for servers that cannot be handed a bound socket.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Returns a loopback port that is free and that no other call in this process gets.
///
/// The port is below the kernel's ephemeral range (from 32768), so that no outgoing connection uses
/// it before the server binds it. Prefer port 0 and the port that the kernel assigns, if the server
/// allows it: this has no race.
pub fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 18_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Parallel test processes begin at different ports.
    let offset = (std::process::id().wrapping_mul(611) % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (offset + step) % COUNT;
        // The standard library sets SO_REUSEADDR: a port in TIME_WAIT counts as free, as it does
        // for the server.
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {FIRST} to {}", FIRST + COUNT);
}
