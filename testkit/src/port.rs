//! Ports for servers that cannot be handed a bound socket.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// A loopback port that is free now and is given to nobody else in this process.
///
/// It lies below the kernel's ephemeral range (which begins at 32768), so no outgoing connection can take it before the
/// server binds it. Where you can, bind port 0 and ask which one it became: that has no race at all.
pub fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 18_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run side by side begin at different places.
    let offset = (std::process::id().wrapping_mul(611) % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (offset + step) % COUNT;
        // The standard library sets SO_REUSEADDR, so a port in TIME_WAIT counts as free, as it will for the server.
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {FIRST} to {}", FIRST + COUNT);
}
