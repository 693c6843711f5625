//! The kernel's queue of connections that a program has not accepted yet.

use std::os::fd::AsFd;

use nix::sys::socket::{Backlog, listen};

/// Connections in the queue, if `net.core.somaxconn` allows as many.
const ACCEPT_QUEUE_MAX: i32 = 2048;

/// Makes the queue of a listener longer than the 128 connections of the standard library. The kernel
/// drops further connections, and a client repeats its attempt only after one second, then after
/// three: hundreds of clients that connect at once would delay each other and a probe.
pub fn lengthen(listener: &impl AsFd) {
    // For a listening socket, this changes only the length of its queue.
    let done = Backlog::new(ACCEPT_QUEUE_MAX).and_then(|length| listen(listener, length));
    if let Err(error) = done {
        tracing::debug!(%error, "cannot make the queue of a listener longer");
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a14_hundreds_of_connections_wait_for_a_busy_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        lengthen(&listener);
        let address = listener.local_addr().unwrap();
        // Nothing accepts: a connection beyond the queue is never established.
        let connect = || TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap();
        let waiting: Vec<TcpStream> = std::iter::repeat_with(connect).take(300).collect();
        assert_eq!(waiting.len(), 300);
    }
}
