//! The control socket of the agent: the party's administrator lists, shows, stops, approves and
//! denies members, reads their logs and reloads the configuration.
//!
//! A Unix socket in the data directory, which only the agent's user and root may use: mode 0600,
//! and the agent checks the user id of each peer. One connection carries one request. Connections,
//! request size and waiting times are limited. The socket changes nothing itself: the agent's loop
//! handles each request, and answers after the change is durable.

pub mod client;
pub mod console;
pub mod describe;
pub mod protocol;

use std::convert::Infallible;
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock;
use flow_common::log_limit::LogLimit;
use flow_domain::id::RunId;
use futures::StreamExt as _;
use nix::unistd::geteuid;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::runtime::{LogRequest, Runtime, RuntimeError, WorkKey};
use console::Console;
use protocol::{Problem, REQUEST_BYTES_MAX, Request, Response, line, parse_request};

/// Name of the socket in the data directory.
pub const SOCKET: &str = "control.sock";
/// Connections served at a time; the next gets an error.
const CONNECTIONS_MAX: usize = 32;
/// Followed logs at a time, so that they leave connections for other requests.
const LOGS_MAX: usize = 16;
/// Time for the request of a connection.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for the answer of the agent's loop.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time in which a peer reads an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Delay after an `accept` that failed, usually for lack of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Requests that wait for the agent's loop.
pub(crate) const WAITING_MAX: usize = 8;

/// A request to the agent's loop.
#[derive(Debug)]
pub struct ControlRequest {
    /// User id of the administrator, for the log.
    pub uid: u32,
    pub request: Request,
    pub reply: oneshot::Sender<Answer>,
}

/// The answer of the agent's loop.
#[derive(Debug)]
pub enum Answer {
    Response(Box<Response>),
    /// Send the log of this work.
    Log(WorkKey),
}

/// A request to reload the configuration. The answer names the changed keys that need a restart, or
/// the fault.
pub type ReloadRequest = oneshot::Sender<Result<String, String>>;

/// A change that followers of the party view may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Something of the member of this run.
    Member(RunId),
    /// The session with the hub, the configuration or the journal.
    Party,
}

/// Changes that a follower has not read yet; beyond this number it misses some.
const UNREAD_CHANGES_MAX: usize = 1024;

/// Announces changes of the agent to those who follow them.
#[derive(Debug, Clone)]
pub struct Changes(broadcast::Sender<Change>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(UNREAD_CHANGES_MAX))
    }
}

impl Changes {
    pub fn send(&self, change: Change) {
        // An error means that there is no follower.
        let _ = self.0.send(change);
    }

    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }
}

/// The parts of the agent that serve the socket's requests.
#[derive(Clone)]
pub struct ControlParts {
    pub requests: mpsc::Sender<ControlRequest>,
    /// `None` if the agent is a part of another program.
    pub reload: Option<mpsc::Sender<ReloadRequest>>,
    pub runtime: Arc<dyn Runtime>,
    pub changes: Changes,
    /// Makes sign-in links; `None` if the agent serves no party view.
    pub console: Option<Arc<Console>>,
}

/// The bound socket. The caller holds the lock of the data directory, so no other agent uses it.
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Binds the socket, and removes that of an agent that was killed.
    pub fn bind(data_dir: &Path) -> io::Result<Self> {
        let folder = open_folder(data_dir)?;
        let short = short_path(&folder);
        match std::fs::remove_file(&short) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&short)?;
        std::fs::set_permissions(&short, Permissions::from_mode(0o600))?;
        Ok(Self { listener, path: data_dir.join(SOCKET) })
    }

    /// Serves requests until the caller drops the future.
    pub async fn serve(&self, parts: ControlParts) -> Infallible {
        let logs = Arc::new(Semaphore::new(LOGS_MAX));
        let mut connections = JoinSet::new();
        let mut lines = LogLimit::default();
        loop {
            while connections.try_join_next().is_some() {}
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    if let Some(left_out) = lines.admit(clock::monotonic()) {
                        tracing::warn!(%error, left_out = flow_common::log_limit::if_any(left_out), "the control socket cannot accept a connection");
                    }
                    clock::sleep(ACCEPT_RETRY_DELAY).await;
                    continue;
                }
            };
            let refusal = match stream.peer_cred() {
                Ok(peer) if peer.uid() == geteuid().as_raw() || peer.uid() == 0 => {
                    if connections.len() < CONNECTIONS_MAX {
                        let (parts, logs) = (parts.clone(), Arc::clone(&logs));
                        connections.spawn(serve_connection(stream, peer.uid(), parts, logs));
                        continue;
                    }
                    format!("{CONNECTIONS_MAX} requests are open, the limit: retry in a moment")
                }
                Ok(peer) => {
                    if let Some(left_out) = lines.admit(clock::monotonic()) {
                        tracing::warn!(
                            uid = peer.uid(),
                            left_out = flow_common::log_limit::if_any(left_out),
                            "refused a connection of another user on the control socket"
                        );
                    }
                    format!("only user {} and root may control this agent", geteuid())
                }
                Err(error) => format!("cannot find out which user asks: {error}"),
            };
            // Into the empty buffer of the socket: a peer that does not read delays nothing.
            let _ = stream.try_write(&line(&Response::Problem(Problem::new(refusal))));
        }
    }

    /// Removes the socket's file at an orderly end.
    pub fn remove(self) {
        // A file that stays is harmless: the next agent removes it, and connections to it fail.
        let _ = std::fs::remove_file(self.path);
    }
}

/// The address of a socket has at most 107 bytes, a path may be longer: the socket is addressed
/// through a descriptor of its directory.
fn open_folder(data_dir: &Path) -> io::Result<File> {
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    OpenOptions::new().read(true).custom_flags(flags).open(data_dir)
}

fn short_path(folder: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()))
}

async fn serve_connection(stream: UnixStream, uid: u32, parts: ControlParts, logs: Arc<Semaphore>) {
    let mut stream = BufReader::new(stream);
    let answered = match read_request(&mut stream).await {
        Ok(Request::Reload) => reload(uid, parts.reload.as_ref()).await,
        Ok(Request::Console) => sign_in_link(uid, parts.console.as_deref()),
        Ok(request) => match ask(uid, request.clone(), &parts.requests).await {
            Ok(Answer::Response(response)) => Ok(*response),
            Ok(Answer::Log(key)) => return serve_log(stream, key, &request, &parts, &logs).await,
            Err(problem) => Err(problem),
        },
        Err(problem) => Err(problem),
    };
    respond(&mut stream, &answered.unwrap_or_else(Response::Problem)).await;
}

async fn read_request(stream: &mut BufReader<UnixStream>) -> Result<Request, Problem> {
    let mut text = Vec::new();
    let mut limited = stream.take(REQUEST_BYTES_MAX + 1);
    let read = limited.read_until(b'\n', &mut text);
    match clock::timeout(REQUEST_TIMEOUT, read).await {
        Ok(Ok(_)) if text.len() as u64 > REQUEST_BYTES_MAX => {
            Err(Problem::new(format!("the request exceeds {REQUEST_BYTES_MAX} bytes")))
        }
        Ok(Ok(_)) => parse_request(&text).map_err(Problem::new),
        Ok(Err(error)) => Err(Problem::new(format!("cannot read the request: {error}"))),
        Err(_) => Err(Problem::new(format!(
            "no complete request arrived within {} s",
            REQUEST_TIMEOUT.as_secs()
        ))),
    }
}

fn sign_in_link(uid: u32, console: Option<&Console>) -> Result<Response, Problem> {
    let Some(console) = console else {
        return Err(Problem::new(
            "this agent serves no party view: v1.listen is not set, or another program has its address, as the agent's log shows; set v1.listen to a free \
             address and restart the agent",
        ));
    };
    tracing::info!(uid, "the administrator opens the party view");
    Ok(Response::Console { link: console.link() })
}

/// Asks the agent's loop.
pub(crate) async fn ask(
    uid: u32,
    request: Request,
    requests: &mpsc::Sender<ControlRequest>,
) -> Result<Answer, Problem> {
    let (reply, answer) = oneshot::channel();
    let asked = async {
        requests.send(ControlRequest { uid, request, reply }).await.ok()?;
        answer.await.ok()
    };
    clock::timeout(ANSWER_TIMEOUT, asked).await.ok().flatten().ok_or_else(|| {
        Problem::new("the agent is restoring its members or its disk is slow: retry in a moment")
    })
}

async fn reload(
    uid: u32,
    reload: Option<&mpsc::Sender<ReloadRequest>>,
) -> Result<Response, Problem> {
    let reload = reload.ok_or_else(|| {
        Problem::new("this agent is a part of flow-server: reload that with SIGHUP")
    })?;
    tracing::info!(uid, "the administrator reloads the configuration");
    let (reply, answer) = oneshot::channel();
    let asked = async {
        reload.send(reply).await.ok()?;
        answer.await.ok()
    };
    match clock::timeout(ANSWER_TIMEOUT, asked).await.ok().flatten() {
        Some(Ok(ignored)) => Ok(Response::Reloaded { ignored }),
        Some(Err(fault)) => Err(Problem::new(fault)),
        None => Err(Problem::new("the agent does not answer: read its log")),
    }
}

/// Writes a response. A peer that has disconnected or does not read needs none.
async fn respond(stream: &mut BufReader<UnixStream>, response: &Response) -> bool {
    let response = line(response);
    let written = clock::timeout(WRITE_TIMEOUT, stream.get_mut().write_all(&response)).await;
    matches!(written, Ok(Ok(())))
}

/// Sends a log after a first line, until it ends or the peer disconnects.
async fn serve_log(
    mut stream: BufReader<UnixStream>,
    key: WorkKey,
    request: &Request,
    parts: &ControlParts,
    logs: &Semaphore,
) {
    let (tail_lines, follow) = match request {
        Request::Logs { tail, follow, .. } => (*tail, *follow),
        _ => (None, false),
    };
    let opened = match logs.try_acquire() {
        Ok(permit) => match parts.runtime.logs(key, LogRequest { tail_lines, follow }).await {
            Ok(log) => Ok((permit, log)),
            Err(RuntimeError::Refused(reason)) => Err(reason.message),
            Err(RuntimeError::Transient { context, source, .. }) => {
                Err(format!("{context}: {source}"))
            }
        },
        Err(_) => Err(format!("{LOGS_MAX} logs are being read, the limit: end one of the readers")),
    };
    let (_permit, mut log) = match opened {
        Ok(opened) => opened,
        Err(message) => {
            respond(&mut stream, &Response::Problem(Problem::new(message))).await;
            return;
        }
    };
    if !respond(&mut stream, &Response::Log).await {
        return;
    }
    let (mut peer, mut out) = stream.into_inner().into_split();
    let sent = async {
        while let Some(chunk) = log.next().await {
            match chunk {
                Ok(chunk) => out.write_all(&chunk).await?,
                Err(error) => {
                    let note = format!("\n[the rest of this log cannot be read: {error}]\n");
                    return out.write_all(note.as_bytes()).await;
                }
            }
        }
        Ok(())
    };
    // The peer sends nothing more: a read completes when it disconnects.
    let mut end = [0; 1];
    tokio::select! {
        _ = sent => {}
        _ = peer.read(&mut end) => {}
    }
}
