//! The control socket: a few connections, none of which may hold the sidecar up.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use flow_domain::progress::Progress;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;

use super::container::is_descendant;
use super::progress::Known;
use super::protocol::{Answer, LINE_LIMIT, Verb, line, parse_request};
use crate::runtime::WorkState;

/// Connections served at a time. An agent needs two.
const MOST: usize = 16;

/// Most connections accepted in one turn of the loop: whoever connects without end must not hold up the rest of it.
const ACCEPTS_PER_TURN: usize = 32;

/// Points in one line: keeps it far below the limit.
const POINTS_PER_LINE: usize = 500;

/// Time the last words to an agent may take.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// One agent's connection.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    subscription: Option<Subscription>,
    closed: bool,
}

/// What a subscriber has been told.
#[derive(Debug, Default)]
struct Subscription {
    points: u64,
    version: u64,
}

/// The listener and its connections.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    connections: Vec<Connection>,
    /// `false` after a connection could not be accepted for want of descriptors: the listener would stay readable, and the
    /// loop spin.
    accepting: bool,
}

impl Control {
    /// Listen at `path`, which must be short: the caller stands in the run directory.
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

    /// What to poll: the listener, then each connection with whether it waits to write.
    pub fn polled(&self) -> impl Iterator<Item = (BorrowedFd<'_>, bool)> {
        let listener = self.accepting.then(|| (self.listener.as_fd(), false));
        listener
            .into_iter()
            .chain(self.connections.iter().map(|one| (one.stream.as_fd(), !one.output.is_empty())))
    }

    /// Accept whoever waits, read what has come, and answer the requests. The workload is refused: it has nothing to say
    /// here, and would take the agent's places.
    pub fn receive(&mut self) -> Vec<(usize, Verb)> {
        for _ in 0..ACCEPTS_PER_TURN {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.accepting = error.kind() == io::ErrorKind::WouldBlock;
                    break;
                }
            };
            let peer = getsockopt(&stream, PeerCredentials).map(|credentials| credentials.pid());
            let is_stranger = peer.is_ok_and(|pid| !is_descendant(pid));
            if self.connections.len() < MOST && is_stranger && stream.set_nonblocking(true).is_ok()
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
            requests.extend(connection.receive().into_iter().map(|verb| (index, verb)));
        }
        requests
    }

    /// Try again to accept connections.
    pub fn accept_again(&mut self) {
        self.accepting = true;
    }

    /// Answer one connection.
    pub fn answer(&mut self, index: usize, answer: &Answer) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.send(answer);
        }
    }

    /// From now on tell this connection of changes.
    pub fn subscribe(&mut self, index: usize) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.subscription = Some(Subscription::default());
        }
    }

    /// Whether an agent is listening.
    #[must_use]
    pub fn has_subscriber(&self) -> bool {
        self.connections.iter().any(|one| one.subscription.is_some() && !one.closed)
    }

    /// Tell every subscriber of a new state.
    pub fn publish(&mut self, answer: &Answer) {
        for connection in self.connections.iter_mut().filter(|one| one.subscription.is_some()) {
            connection.send(answer);
        }
    }

    /// Tell every subscriber that has read all before what is new of the progress.
    pub fn publish_progress(&mut self, known: &Known, state: &WorkState) {
        for connection in &mut self.connections {
            let Some(mut told) = connection.subscription.take() else { continue };
            while connection.output.is_empty()
                && !connection.closed
                && (told.version != known.version() || known.has_more(told.points))
            {
                told.version = known.version();
                let progress: Progress = known.since(&mut told.points, POINTS_PER_LINE);
                let answer = Answer {
                    state: Some(state.clone()),
                    progress: Some(progress),
                    ..super::answer()
                };
                connection.output.extend(line(&answer));
                connection.flush();
            }
            connection.subscription = Some(told);
        }
    }

    /// Write what could not be written before, and forget who has left.
    pub fn flush(&mut self) {
        self.connections.iter_mut().for_each(Connection::flush);
        self.connections.retain(|one| !one.closed);
    }

    /// Give everybody a moment to take what they were told.
    pub fn close(self) {
        for mut one in self.connections {
            if one.stream.set_nonblocking(false).is_ok()
                && one.stream.set_write_timeout(Some(LAST_WORDS)).is_ok()
            {
                let _ = one.stream.write_all(&one.output);
            }
        }
    }
}

impl Connection {
    fn receive(&mut self) -> Vec<Verb> {
        let mut part = [0; 16 << 10];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => self.closed = true,
                Ok(count) => self.input.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.closed = true,
            }
            if self.closed || self.input.len() > LINE_LIMIT {
                break;
            }
        }
        let mut verbs = Vec::new();
        while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let taken: Vec<u8> = self.input.drain(..=end).collect();
            match parse_request(&taken) {
                Ok(verb) => verbs.push(verb),
                Err(text) => self.send(&super::refusal(text)),
            }
        }
        self.closed |= self.input.len() > LINE_LIMIT;
        verbs
    }

    fn send(&mut self, answer: &Answer) {
        self.output.extend(line(answer));
        self.flush();
        // A reader this far behind is better served by a new connection, which begins with the state as it is.
        self.closed |= self.output.len() > LINE_LIMIT;
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
