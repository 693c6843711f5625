//! The registry of connected agents: delivers desired members to them, and streams of logs and
//! outputs from them.
//!
//! The engine and the gRPC service share it. It knows neither of them.

pub(crate) mod call_limits;
pub(crate) mod checks;
pub(crate) mod outputs;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flow_common::clock::{Monotonic, monotonic};
use flow_common::log_limit::LogLimit;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{PartyId, RunId};
use flow_proto::v1::hub_message::Body;
use flow_proto::v1::{DesiredMember, LogCancel, LogOpen};
use futures::Stream;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use call_limits::CallLimits;

/// Messages queued for an agent that does not read, and their bytes; a spec may have 256 KiB.
/// Beyond either the agent is disconnected; the next session starts with the full set.
const OUTBOX_MESSAGES_MAX: usize = 4096;
const OUTBOX_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Chunks of a log queued for its reader.
const LOG_CHUNKS_MAX: usize = 4;
/// Longest wait for an agent to open a log.
const LOG_OPEN_TIMEOUT: Duration = Duration::from_secs(15);

struct OpenSession {
    epoch: u64,
    /// Boxed, because an idle channel preallocates 32 slots.
    out: mpsc::Sender<Box<Body>>,
    /// Bytes queued in `out`.
    waiting: Arc<AtomicUsize>,
    cancelled: CancellationToken,
    agent: AgentFeatures,
}

/// Version and features of an agent.
#[derive(Debug, Clone, Default)]
pub(crate) struct AgentFeatures {
    pub(crate) version: Box<str>,
    pub(crate) sends_outputs: bool,
    pub(crate) checks_specs: bool,
}

impl OpenSession {
    /// Queues a message; `false` if too much is queued. One message always fits, whatever its size.
    fn send(&self, body: Body) -> bool {
        let size = body.encoded_len();
        let before = self.waiting.fetch_add(size, Ordering::Relaxed);
        (before == 0 || before + size <= OUTBOX_BYTES_MAX)
            && self.out.try_send(Box::new(body)).is_ok()
    }
}

/// A log that is being read.
pub(crate) struct LogStream {
    pub(crate) party: PartyId,
    /// Taken by the agent's side stream.
    chunks: Option<mpsc::Sender<Result<Bytes, Error>>>,
    /// Cancelled when the agent has opened its side.
    opened: CancellationToken,
    /// Cancelled when the agent has sent the whole log. A channel that closes before is an
    /// incomplete log.
    complete: CancellationToken,
    /// Cancelled when the party may send no more.
    revoked: CancellationToken,
}

/// The agent's end of a log.
pub(crate) struct LogWriter {
    chunks: mpsc::Sender<Result<Bytes, Error>>,
    complete: CancellationToken,
    revoked: CancellationToken,
}

impl LogWriter {
    /// Forwards a chunk at the reader's speed; `false` if the reader has disconnected, or the party
    /// may send no more.
    pub(crate) async fn send(&self, chunk: Result<Bytes, Error>) -> bool {
        tokio::select! {
            sent = self.chunks.send(chunk) => sent.is_ok(),
            () = self.revoked.cancelled() => false,
        }
    }

    /// Completes when the reader has disconnected, or the party may send no more.
    pub(crate) async fn closed(&self) {
        tokio::select! {
            () = self.chunks.closed() => {}
            () = self.revoked.cancelled() => {}
        }
    }

    /// Marks the log as complete.
    pub(crate) fn finish(self) {
        self.complete.cancel();
    }
}

#[derive(Default)]
struct Registry {
    open: Mutex<HashMap<PartyId, OpenSession>>,
    logs: Mutex<HashMap<u64, LogStream>>,
    outputs: outputs::Outputs,
    checks: checks::Checks,
    /// Limits of log lines per party: a party could cause thousands a second.
    lines: Mutex<HashMap<PartyId, LogLimit>>,
    /// End of the last session of each party since the start of the hub; `None` = connected.
    contacts: Mutex<BTreeMap<PartyId, Option<Monotonic>>>,
    next_log: AtomicU64,
    calls: CallLimits,
}

/// Handle of the registry. Cheap to clone.
#[derive(Clone, Default)]
pub struct Sessions(Arc<Registry>);

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sessions({})", self.count())
    }
}

/// A session's part of its registration.
pub(crate) struct SessionHandle {
    pub(crate) out: Outbox,
    /// Cancelled when another session has superseded this one, or the agent does not read.
    pub(crate) cancelled: CancellationToken,
}

/// Messages queued for one session.
pub(crate) struct Outbox {
    messages: mpsc::Receiver<Box<Body>>,
    waiting: Arc<AtomicUsize>,
}

impl Outbox {
    /// Returns the next message; `None` when the session was superseded and the queue is empty.
    pub(crate) async fn next(&mut self) -> Option<Box<Body>> {
        let body = self.messages.recv().await?;
        self.waiting.fetch_sub(body.encoded_len(), Ordering::Relaxed);
        Some(body)
    }
}

impl Sessions {
    #[must_use]
    pub fn count(&self) -> usize {
        self.open().len()
    }

    /// Returns each party that had a session since the start of the hub, with the time since its
    /// end; `None` = connected.
    pub(crate) fn contacts(&self) -> Vec<(PartyId, Option<Duration>)> {
        let contacts = self.0.contacts.lock();
        let elapsed = |(party, ended): (&PartyId, &Option<Monotonic>)| {
            (party.clone(), ended.map(|ended| ended.elapsed()))
        };
        contacts.iter().map(elapsed).collect()
    }

    /// Ends the sessions of a removed party, and forgets it.
    pub(crate) fn remove(&self, party: &PartyId) {
        self.revoke(party);
        self.0.contacts.lock().remove(party);
    }

    /// Returns the parties with a session with this process, by name.
    #[must_use]
    pub fn connected(&self) -> Vec<PartyId> {
        let mut parties: Vec<_> = self.open().keys().cloned().collect();
        parties.sort();
        parties
    }

    /// Returns whether the party has a session with this process.
    #[must_use]
    pub fn is_connected(&self, party: &PartyId) -> bool {
        self.open().contains_key(party)
    }

    pub(crate) fn calls(&self) -> &CallLimits {
        &self.0.calls
    }

    fn open(&self) -> MutexGuard<'_, HashMap<PartyId, OpenSession>> {
        self.0.open.lock()
    }

    fn logs(&self) -> MutexGuard<'_, HashMap<u64, LogStream>> {
        self.0.logs.lock()
    }

    /// Returns `Some` if a log line caused by the party may be written now, with the number of
    /// suppressed lines before it.
    pub(crate) fn admit_log_line(&self, party: &PartyId) -> Option<u64> {
        let mut lines = self.0.lines.lock();
        lines.entry(party.clone()).or_default().admit(flow_common::clock::monotonic())
    }

    /// Registers a session, and cancels an older one of the party; `None` if a newer one is
    /// registered.
    pub(crate) fn register(
        &self,
        party: &PartyId,
        epoch: u64,
        agent: AgentFeatures,
    ) -> Option<SessionHandle> {
        let (out, messages) = mpsc::channel(OUTBOX_MESSAGES_MAX);
        let (waiting, cancelled) = (Arc::default(), CancellationToken::new());
        let mut open = self.open();
        if open.get(party).is_some_and(|other| other.epoch > epoch) {
            return None;
        }
        let entry = OpenSession {
            epoch,
            out,
            waiting: Arc::clone(&waiting),
            cancelled: cancelled.clone(),
            agent,
        };
        if let Some(older) = open.insert(party.clone(), entry) {
            older.cancelled.cancel();
        }
        self.0.contacts.lock().insert(party.clone(), None);
        Some(SessionHandle { out: Outbox { messages, waiting }, cancelled })
    }

    /// Removes the session of this epoch, and logs that wait for its agent.
    pub(crate) fn unregister(&self, party: &PartyId, epoch: u64) {
        {
            let mut open = self.open();
            if open.get(party).is_some_and(|present| present.epoch == epoch) {
                open.remove(party);
                // A removed party has no entry.
                if let Some(ended) = self.0.contacts.lock().get_mut(party) {
                    *ended = Some(monotonic());
                }
            } else {
                return;
            }
        }
        self.logs().retain(|_, log| &log.party != party || log.opened.is_cancelled());
        self.0.outputs.remove_unopened(party);
        self.0.checks.end(party);
    }

    /// Queues the desired state of a member for its agent.
    pub(crate) fn send_desired(&self, party: &PartyId, member: DesiredMember) {
        self.send(party, Body::DesiredMember(member));
    }

    fn send(&self, party: &PartyId, body: Body) -> bool {
        let open = self.open();
        let Some(session) = open.get(party) else { return false };
        if !session.send(body) {
            if let Some(left_out) = self.admit_log_line(party) {
                tracing::warn!(party.id = %party, left_out, "the agent does not read its messages; ending its session");
            }
            session.cancelled.cancel();
            return false;
        }
        true
    }

    /// Returns the features of the party's agent if it is connected.
    fn agent(&self, party: &PartyId) -> Option<AgentFeatures> {
        Some(self.open().get(party)?.agent.clone())
    }

    /// Ends the party's session and its streams, because its credentials are no longer valid.
    pub(crate) fn revoke(&self, party: &PartyId) {
        self.disconnect(party);
        for (_, log) in self.logs().extract_if(|_, log| &log.party == party) {
            log.revoked.cancel();
        }
        self.0.outputs.revoke(party);
    }

    /// Ends the party's session; the agent reconnects and gets the full set.
    pub(crate) fn disconnect(&self, party: &PartyId) {
        if let Some(session) = self.open().get(party) {
            session.cancelled.cancel();
        }
    }

    /// Opens a member's log at its party: the last `tail` lines (`None` = all), and with `follow`
    /// until it ends. The hub stores none of it; dropping the stream cancels it at the agent.
    pub async fn open_log(
        &self,
        party: &PartyId,
        run: &RunId,
        attempt: u32,
        tail: Option<u64>,
        follow: bool,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + Send + use<>, Error> {
        let id = self.0.next_log.fetch_add(1, Ordering::Relaxed) + 1;
        let (chunks, mut rx) = mpsc::channel(LOG_CHUNKS_MAX);
        let (opened, complete) = (CancellationToken::new(), CancellationToken::new());
        let log = LogStream {
            party: party.clone(),
            chunks: Some(chunks),
            opened: opened.clone(),
            complete: complete.clone(),
            revoked: CancellationToken::new(),
        };
        self.logs().insert(id, log);
        let guard = LogGuard { sessions: self.clone(), party: party.clone(), id };
        let open =
            LogOpen { stream_id: id, run_id: run.to_string(), attempt, tail_lines: tail, follow };
        if !self.send(party, Body::LogOpen(open)) {
            return Err(unavailable(party, "is not connected"));
        }
        let first = flow_common::clock::timeout(LOG_OPEN_TIMEOUT, async {
            tokio::select! {
                biased;
                first = rx.recv() => match first {
                    Some(Ok(chunk)) => Ok(Some(chunk)),
                    Some(Err(error)) => Err(error),
                    // Opened and ended at once: an empty log.
                    None if opened.is_cancelled() => Ok(None),
                    None => Err(unavailable(party, "has disconnected")),
                },
                () = opened.cancelled() => Ok(None),
            }
        })
        .await
        .map_err(|_| unavailable(party, "does not answer"))??;
        let rest = futures::stream::unfold(Some((rx, guard)), move |reading| {
            let complete = complete.clone();
            async move {
                let (mut rx, guard) = reading?;
                match rx.recv().await {
                    Some(Ok(chunk)) => Some((Ok(chunk), Some((rx, guard)))),
                    Some(Err(error)) => Some((Err(error), None)),
                    None if complete.is_cancelled() => None,
                    None => Some((Err(unavailable(&guard.party, "has disconnected")), None)),
                }
            }
        });
        Ok(futures::StreamExt::chain(futures::stream::iter(first.map(Ok)), rest))
    }

    /// Opens the agent's side of a log.
    pub(crate) fn take_log(&self, party: &PartyId, id: u64) -> Option<LogWriter> {
        let mut logs = self.logs();
        let log = logs.get_mut(&id).filter(|log| &log.party == party)?;
        log.opened.cancel();
        Some(LogWriter {
            chunks: log.chunks.take()?,
            complete: log.complete.clone(),
            revoked: log.revoked.clone(),
        })
    }

    /// Ends a log that the agent refuses to send, or cannot send.
    pub(crate) fn refuse_log(&self, party: &PartyId, id: u64, error: Error) {
        let mut logs = self.logs();
        if logs.get(&id).is_some_and(|log| &log.party == party)
            && let Some(chunks) = logs.remove(&id).and_then(|log| log.chunks)
        {
            // The reader may have disconnected.
            let _ = chunks.try_send(Err(error));
        }
    }

    /// Removes a log whose agent has sent everything, or was cancelled.
    pub(crate) fn end_log(&self, id: u64) {
        self.logs().remove(&id);
    }
}

fn unavailable(party: &PartyId, what: &str) -> Error {
    Error::new(
        ErrorCode::LogUnavailable,
        format!("{party} {what}: its log is not available now; retry when its agent is connected"),
    )
}

/// Cancels the log at its agent when the reader disconnects.
struct LogGuard {
    sessions: Sessions,
    party: PartyId,
    id: u64,
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let unfinished = self.sessions.logs().remove(&self.id).is_some();
        if unfinished {
            self.sessions.send(&self.party, Body::LogCancel(LogCancel { stream_id: self.id }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desired_member(spec: usize) -> DesiredMember {
        DesiredMember { spec: vec![0; spec], ..DesiredMember::default() }
    }

    #[test]
    fn a11_log_lines_are_limited_per_party() {
        let (sessions, hostile, other) = (
            Sessions::default(),
            "hostile".parse().expect("a name"),
            "other".parse().expect("a name"),
        );
        let written = (0..1_000).filter(|_| sessions.admit_log_line(&hostile).is_some()).count();
        assert!(written < 50, "{written} lines");
        assert_eq!(sessions.admit_log_line(&other), Some(0));
    }

    #[tokio::test]
    async fn agent_that_does_not_read_is_disconnected_when_too_many_bytes_are_queued() {
        let (sessions, party) = (Sessions::default(), "hospital-a".parse().expect("a name"));
        let mut session =
            sessions.register(&party, 1, AgentFeatures::default()).expect("the first");
        sessions.send_desired(&party, desired_member(OUTBOX_BYTES_MAX + 1));
        assert!(!session.cancelled.is_cancelled(), "one message always fits");
        session.out.next().await.expect("it waits");
        for _ in 0..OUTBOX_BYTES_MAX / (256 * 1024) - 1 {
            sessions.send_desired(&party, desired_member(256 * 1024));
        }
        assert!(!session.cancelled.is_cancelled(), "what was read counts no more");
        sessions.send_desired(&party, desired_member(256 * 1024));
        assert!(session.cancelled.is_cancelled());
    }

    #[tokio::test]
    async fn agent_that_does_not_read_is_disconnected_when_too_many_messages_are_queued() {
        let (sessions, party) = (Sessions::default(), "hospital-a".parse().expect("a name"));
        let session = sessions.register(&party, 1, AgentFeatures::default()).expect("the first");
        for _ in 0..OUTBOX_MESSAGES_MAX {
            sessions.send_desired(&party, desired_member(0));
        }
        assert!(!session.cancelled.is_cancelled());
        sessions.send_desired(&party, desired_member(0));
        assert!(session.cancelled.is_cancelled());
    }
}
