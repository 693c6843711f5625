//! The control socket: a bounded number of connections, none of which can block the sidecar.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use flow_domain::member::{Reason, ReasonCode};
use flow_domain::progress::Progress;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;

use super::container::is_descendant;
use super::progress::ProgressHistory;
use super::protocol::{LINE_BYTES_MAX, Request, Response, line, parse_request};
use crate::workload::WorkState;

/// Limit of the open connections. An agent needs two.
const CONNECTIONS_MAX: usize = 16;

/// Limit of the connections accepted in one turn of the event loop, so that a process that connects
/// endlessly cannot block the loop.
const ACCEPTS_PER_TURN_MAX: usize = 32;

/// Limit of the points in one line, which keeps it far below [`LINE_BYTES_MAX`].
const POINTS_PER_LINE_MAX: usize = 500;

/// Timeout of the last write to each connection.
const FINAL_WRITE_TIMEOUT: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    subscription: Option<Subscription>,
    closed: bool,
}

/// The progress that a subscriber got: a cursor of points and the version of the rest.
#[derive(Debug, Default)]
struct Subscription {
    points: u64,
    version: u64,
}

#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    connections: Vec<Connection>,
    /// `false` after an accept failed for lack of descriptors: the listener would stay readable and
    /// the loop would spin.
    accepting: bool,
}

impl Control {
    /// Listens at `path`, which must be short: the caller's working directory is the run directory.
    pub fn listen(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, connections: Vec::new(), accepting: true })
    }

    /// The descriptors to poll: the listener, then each connection with whether it waits to write.
    pub fn polled(&self) -> impl Iterator<Item = (BorrowedFd<'_>, bool)> {
        let listener = self.accepting.then(|| (self.listener.as_fd(), false));
        listener
            .into_iter()
            .chain(self.connections.iter().map(|one| (one.stream.as_fd(), !one.output.is_empty())))
    }

    /// Accepts waiting connections, reads their input and returns the requests. It rejects
    /// connections of the workload, which has no use for the socket and could occupy all
    /// connections.
    pub fn receive(&mut self) -> Vec<(usize, Request)> {
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.accepting = error.kind() == io::ErrorKind::WouldBlock;
                    break;
                }
            };
            let peer = getsockopt(&stream, PeerCredentials).map(|credentials| credentials.pid());
            let is_outside = peer.is_ok_and(|pid| !is_descendant(pid));
            if self.connections.len() < CONNECTIONS_MAX
                && is_outside
                && stream.set_nonblocking(true).is_ok()
            {
                let connection = Connection {
                    stream,
                    input: Vec::new(),
                    output: Vec::new(),
                    subscription: None,
                    closed: false,
                };
                self.connections.push(connection);
            }
        }
        let mut requests = Vec::new();
        for (index, connection) in self.connections.iter_mut().enumerate() {
            requests.extend(connection.receive().into_iter().map(|request| (index, request)));
        }
        requests
    }

    /// Resumes accepting connections.
    pub fn resume_accepting(&mut self) {
        self.accepting = true;
    }

    pub fn respond(&mut self, index: usize, response: &Response) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.send(response);
        }
    }

    /// Sends every change to this connection from now on.
    pub fn subscribe(&mut self, index: usize) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.subscription = Some(Subscription::default());
        }
    }

    #[must_use]
    pub fn has_subscriber(&self) -> bool {
        self.connections.iter().any(|one| one.subscription.is_some() && !one.closed)
    }

    /// Sends a state to every subscriber.
    pub fn publish(&mut self, response: &Response) {
        for connection in self.connections.iter_mut().filter(|one| one.subscription.is_some()) {
            connection.send(response);
        }
    }

    /// Sends new progress to every subscriber that has read all previous lines.
    pub fn publish_progress(&mut self, history: &ProgressHistory, state: &WorkState) {
        for connection in &mut self.connections {
            let Some(mut sent) = connection.subscription.take() else { continue };
            while connection.output.is_empty()
                && !connection.closed
                && (sent.version != history.version() || history.has_more(sent.points))
            {
                sent.version = history.version();
                let progress: Progress = history.since(&mut sent.points, POINTS_PER_LINE_MAX);
                let response = Response {
                    state: Some(state.clone()),
                    progress: Some(progress),
                    ..super::empty_response()
                };
                connection.output.extend(line(&response));
                connection.flush();
            }
            connection.subscription = Some(sent);
        }
    }

    /// Writes pending output and drops closed connections.
    pub fn flush(&mut self) {
        self.connections.iter_mut().for_each(Connection::flush);
        self.connections.retain(|one| !one.closed);
    }

    /// Writes the pending output of every connection, each within [`FINAL_WRITE_TIMEOUT`].
    pub fn close(self) {
        for mut one in self.connections {
            if one.stream.set_nonblocking(false).is_ok()
                && one.stream.set_write_timeout(Some(FINAL_WRITE_TIMEOUT)).is_ok()
            {
                let _ = one.stream.write_all(&one.output);
            }
        }
    }
}

impl Connection {
    fn receive(&mut self) -> Vec<Request> {
        let mut part = [0; 16 << 10];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => self.closed = true,
                Ok(count) => self.input.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.closed = true,
            }
            if self.closed || self.input.len() > LINE_BYTES_MAX {
                break;
            }
        }
        let mut requests = Vec::new();
        while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let taken: Vec<u8> = self.input.drain(..=end).collect();
            match parse_request(&taken) {
                Ok(request) => requests.push(request),
                Err(text) => {
                    let reason = Reason::new(ReasonCode::RuntimeError, text);
                    self.send(&super::error_response(reason));
                }
            }
        }
        self.closed |= self.input.len() > LINE_BYTES_MAX;
        requests
    }

    fn send(&mut self, response: &Response) {
        self.output.extend(line(response));
        self.flush();
        // A reader that is this far behind reconnects and gets the current state first.
        self.closed |= self.output.len() > LINE_BYTES_MAX;
    }

    fn flush(&mut self) {
        while !self.output.is_empty() && !self.closed {
            match self.stream.write(&self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.closed = true,
            }
        }
    }
}
