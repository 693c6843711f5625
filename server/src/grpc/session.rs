//! The session with one agent: authentication, both full sets, then changes.
//!
//! ```text
//!  agent  Hello ───────────▶ hub    one session per party: open_session by compare-and-swap
//!         ◀─ Welcome, set ──        the contact is stored before anything is sent
//!         set, reports ───▶         each stored before it is acknowledged
//!         ◀─ desired members, acks
//! ```

mod reports;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use flow_common::text::foreign;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{Digest, InstanceId, PartyId, RunId, TaskId};
use flow_domain::time::Timestamp;
use flow_proto::v1::agent_message::Body as FromAgent;
use flow_proto::v1::hub_message::Body as ToAgent;
use flow_proto::v1::{
    AgentMessage, DesiredMember, DesiredMembers, Goodbye, Hello, HubMessage, Refused,
    SnapshotBegin, SnapshotEnd, Welcome,
};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, Map};
use prost::Message;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, Streaming};
use tracing::Instrument as _;

use super::{convert, logs, outputs};
use crate::auth::Proof;
use crate::engine::ReportOutcome;
use crate::sessions::call_limits::CallPermit;
use crate::sessions::{AgentFeatures, SessionHandle};
use crate::state::App;
use crate::store::{OrphanKey, SessionDecision};

/// The newest supported protocol.
const PROTOCOL_MAX: u32 = 1;
/// The oldest supported protocol: the previous one, once it exists. Tests replay a recorded session
/// of each.
const PROTOCOL_MIN: u32 = PROTOCOL_MAX;
/// Timeout of the Hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Period of wall clock checks while waiting for a stored deadline.
const WALL_CHECK_PERIOD: Duration = Duration::from_secs(5);
/// Bytes of one chunk of a full set.
const SET_CHUNK_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of an inventory.
const INVENTORY_BYTES_MAX: usize = 1024 * 1024;
/// Reports being stored beyond which the agent has to wait.
const PENDING_REPORTS_MAX: usize = 256;
/// Members per message; a chunk of a full set has at most 1 MiB.
const MESSAGE_MEMBERS_MAX: usize = 10_000;
/// Characters of a refusal that quotes an agent.
const REFUSAL_CHARS_MAX: usize = 500;
/// Messages queued for an agent that does not read, each with at most [`SET_CHUNK_BYTES_MAX`]
/// bytes.
const OUTBOUND_MESSAGES_MAX: usize = 16;
/// Longest time in which an agent may read the hub's full set.
const SET_TIMEOUT: Duration = Duration::from_secs(60);

/// Boxed, because an idle channel preallocates 32 slots.
type MessageSender = mpsc::Sender<Box<HubMessage>>;
/// The messages to the agent.
pub(super) type HubMessages =
    Map<ReceiverStream<Box<HubMessage>>, fn(Box<HubMessage>) -> Result<HubMessage, Status>>;

/// The reason why a session ended, for the log and for the agent.
enum SessionEnd {
    /// The agent closed the stream, or the connection broke.
    Gone,
    /// The agent receives the reason, and may reconnect.
    Refused { code: &'static str, message: String, retry_after_s: u32 },
    /// The hub is shutting down.
    Goodbye,
}

impl SessionEnd {
    /// Returns the outcome for the metrics.
    const fn outcome(&self) -> &'static str {
        match self {
            Self::Gone => "disconnected",
            Self::Refused { code, .. } => code,
            Self::Goodbye => "shutdown",
        }
    }
}

impl From<Error> for SessionEnd {
    fn from(error: Error) -> Self {
        Self::Refused { code: "unavailable", message: error.to_string(), retry_after_s: 1 }
    }
}

impl From<crate::store::StoreError> for SessionEnd {
    fn from(error: crate::store::StoreError) -> Self {
        Error::from(error).into()
    }
}

/// Rejects a message. The text may quote the agent, and is logged.
fn malformed(message: impl AsRef<str>) -> SessionEnd {
    SessionEnd::Refused {
        code: "malformed",
        message: foreign(message.as_ref(), REFUSAL_CHARS_MAX),
        retry_after_s: 10,
    }
}

/// Counts a violation of a limit, and rejects the agent for a minute.
fn over_limit(app: &App, limit: &'static str, message: impl Into<String>) -> SessionEnd {
    app.metrics.session_limit(limit);
    SessionEnd::Refused { code: "limit_exceeded", message: message.into(), retry_after_s: 60 }
}

/// Starts the session; it lives until either side ends it.
pub(super) fn open(
    app: Arc<App>,
    party: PartyId,
    proof: Option<Proof>,
    stream: Streaming<AgentMessage>,
    call: CallPermit,
) -> HubMessages {
    let (out, rx) = mpsc::channel(OUTBOUND_MESSAGES_MAX);
    let span = tracing::info_span!("session", party.id = %party);
    tokio::spawn(run_session(app, party, proof, stream, call, out).instrument(span));
    ReceiverStream::new(rx).map(|message| Ok(*message))
}

/// Runs a session. The hub has one such task per agent: begin, end and each message are boxed, so
/// that an idle session does not reserve space for them.
async fn run_session(
    app: Arc<App>,
    party: PartyId,
    proof: Option<Proof>,
    stream: Streaming<AgentMessage>,
    call: CallPermit,
    out: MessageSender,
) {
    let (_call, started) = (call, flow_common::clock::monotonic());
    let (party, app) = (&party, &app);
    let end = match Box::pin(Session::begin(app, party, proof, stream, out.clone())).await {
        Ok(mut session) => {
            let Err(end) = session.run().await;
            Box::pin(session.close(end.outcome())).await;
            end
        }
        Err(end) => end,
    };
    app.metrics.rpc("session", end.outcome(), started);
    let last = match end {
        SessionEnd::Gone => return,
        SessionEnd::Refused { code, message, retry_after_s } => {
            if let Some(left_out) = app.sessions.admit_log_line(party) {
                tracing::info!(party.id = %party, code, message, left_out = flow_common::log_limit::if_any(left_out), "rejected or ended a session");
            }
            ToAgent::Refused(Refused { code: code.to_owned(), message, retry_after_s })
        }
        SessionEnd::Goodbye => ToAgent::Goodbye(Goodbye { retry_after_s: 1 }),
    };
    // An agent that does not read finds the stream closed.
    let _ = out.try_send(Box::new(HubMessage { body: Some(last) }));
}

/// Sessions that register at the same time. After a start of the hub all agents connect at once;
/// without a limit their registrations leave gaps of several KiB per agent in the heap. A
/// registration waits for the store alone, never for its agent.
static REGISTRATIONS: Semaphore = Semaphore::const_new(256);

struct Session<'a> {
    app: &'a Arc<App>,
    party: &'a PartyId,
    stream: Streaming<AgentMessage>,
    out: MessageSender,
    handle: SessionHandle,
    instance: InstanceId,
    epoch: u64,
    incarnation: u64,
    /// The agent has seen this hub in its present incarnation, and no revision beyond the hub's
    /// own.
    is_known_to_agent: bool,
    revision: u64,
    /// Tasks of the runs that the agent reported, and their projects once they are needed.
    tasks: HashMap<RunId, TaskId>,
    owners: HashMap<RunId, crate::engine::progress::RunOwner>,
    /// Orphans that the agent reported in this session.
    orphans: HashSet<OrphanKey>,
    pending:
        FuturesUnordered<BoxFuture<'static, (convert::ParsedReport, Result<ReportOutcome, Error>)>>,
    /// Ends the session when its secret is no longer accepted.
    revocation: Option<AbortOnDropHandle<()>>,
}

impl<'a> Session<'a> {
    async fn begin(
        app: &'a Arc<App>,
        party: &'a PartyId,
        proof: Option<Proof>,
        mut stream: Streaming<AgentMessage>,
        out: MessageSender,
    ) -> Result<Self, SessionEnd> {
        let hello = hello(&mut stream).await?;
        let instance: InstanceId =
            hello.instance.parse().map_err(|error| malformed(format!("instance: {error}")))?;
        if !(PROTOCOL_MIN..=PROTOCOL_MAX).contains(&hello.protocol) {
            let spoken = format!("this hub supports protocols {PROTOCOL_MIN} to {PROTOCOL_MAX}");
            let message =
                format!("{spoken}, the agent uses {}: update the older program", hello.protocol);
            return Err(SessionEnd::Refused {
                code: "protocol_unsupported",
                message,
                retry_after_s: 60,
            });
        }
        let place = REGISTRATIONS.acquire().await.expect("the semaphore is never closed");
        // Boxed, so that the session does not reserve space for it while it sends its full set.
        let registered = Box::pin(Self::register(app, party, proof, stream, out, &hello, instance));
        let (mut session, set) = registered.await?;
        drop(place);
        let set = match flow_common::clock::timeout(SET_TIMEOUT, session.send_set(set)).await {
            Ok(sent) => sent,
            Err(_) => Err(over_limit(
                app,
                "set",
                format!("the hub's full set was not read within {} s", SET_TIMEOUT.as_secs()),
            )),
        };
        if let Err(end) = set {
            session.close(end.outcome()).await;
            return Err(end);
        }
        Ok(session)
    }

    /// Opens the session, welcomes the agent and reads its party's full set.
    async fn register(
        app: &'a Arc<App>,
        party: &'a PartyId,
        proof: Option<Proof>,
        stream: Streaming<AgentMessage>,
        out: MessageSender,
        hello: &Hello,
        instance: InstanceId,
    ) -> Result<(Self, Vec<DesiredMember>), SessionEnd> {
        let now = app.clock.now();
        let incarnation = app.store.incarnation().await?;
        let grant = match app
            .store
            .open_session(
                party,
                &instance,
                &convert::version(&hello.agent_version),
                now,
                app.away_after_s,
            )
            .await?
        {
            SessionDecision::Granted(grant) => grant,
            SessionDecision::InUse { .. } => {
                let message = format!(
                    "another agent of {party} is connected, or was within the last seconds: stop it, or wait"
                );
                return Err(SessionEnd::Refused {
                    code: "party_in_use",
                    message,
                    retry_after_s: 5,
                });
            }
            SessionDecision::UnknownParty => {
                let message = format!("there is no party {party} here");
                return Err(SessionEnd::Refused {
                    code: "unauthenticated",
                    message,
                    retry_after_s: 10,
                });
            }
        };
        if let Some(old) = &grant.replaced
            && let Some(left_out) = app.sessions.admit_log_line(party)
        {
            tracing::warn!(party.id = %party, %old, new = %instance, left_out = flow_common::log_limit::if_any(left_out), "an agent with another journal replaced the party's agent");
        }
        let agent = AgentFeatures {
            version: convert::version(&hello.agent_version).into(),
            sends_outputs: hello.sends_outputs,
            checks_specs: hello.checks_specs,
        };
        let Some(handle) = app.sessions.register(party, grant.epoch, agent) else {
            return Err(superseded());
        };
        let is_known_to_agent = hello.seen_incarnation == incarnation;
        let mut session = Self {
            app,
            party,
            stream,
            out,
            handle,
            instance,
            epoch: grant.epoch,
            incarnation,
            is_known_to_agent,
            revision: 0,
            tasks: HashMap::new(),
            owners: HashMap::new(),
            orphans: HashSet::new(),
            pending: FuturesUnordered::new(),
            revocation: None,
        };
        match session.authorize_and_welcome(proof, hello).await {
            Ok(set) => Ok((session, set)),
            Err(end) => {
                session.close(end.outcome()).await;
                Err(end)
            }
        }
    }

    async fn authorize_and_welcome(
        &mut self,
        proof: Option<Proof>,
        hello: &Hello,
    ) -> Result<Vec<DesiredMember>, SessionEnd> {
        if let Some(proof) = proof {
            // Check again after the registration: otherwise a session that authenticated before its
            // secret was replaced, and registered after, would stay open.
            let now = self.app.clock.now();
            let until =
                proof.accepted_until(&self.app.store, self.party, now).await.map_err(|error| {
                    let error = Error::from(error);
                    match error.code {
                        ErrorCode::Unauthenticated => SessionEnd::Refused {
                            code: "unauthenticated",
                            message: error.to_string(),
                            retry_after_s: 10,
                        },
                        _ => error.into(),
                    }
                })?;
            self.revocation = until.map(|until| {
                AbortOnDropHandle::new(tokio::spawn(revoke_at(
                    Arc::clone(self.app),
                    self.party.clone(),
                    until,
                )))
            });
        }
        self.welcome(hello).await
    }

    async fn welcome(&mut self, hello: &Hello) -> Result<Vec<DesiredMember>, SessionEnd> {
        let known =
            self.app.store.party(self.party).await?.and_then(|party| party.inventory_digest);
        let want_inventory = known.is_none_or(|known| known.as_str() != hello.inventory_digest);
        self.send(ToAgent::Welcome(Welcome {
            protocol: hello.protocol,
            hub_version: env!("CARGO_PKG_VERSION").to_owned(),
            party: self.party.to_string(),
            epoch: self.epoch,
            hub_incarnation: self.incarnation,
            want_inventory,
        }))
        .await?;
        let set = self.app.engine.connected(self.party, self.epoch, &self.instance).await?;
        self.revision = set
            .iter()
            .map(|member| member.revision)
            .max()
            .unwrap_or(0)
            .max(self.app.engine.revision());
        self.is_known_to_agent &= hello.seen_revision <= self.revision;
        Ok(set)
    }

    /// Sends every unsettled member of the party.
    async fn send_set(&mut self, set: Vec<DesiredMember>) -> Result<(), SessionEnd> {
        let begin = SnapshotBegin {
            epoch: self.epoch,
            hub_incarnation: self.incarnation,
            revision: self.revision,
        };
        self.send(ToAgent::SnapshotBegin(begin)).await?;
        let mut chunk = DesiredMembers::default();
        let mut size = 0;
        for member in set {
            // The newest progress of a member arrives before its report, which may be its last.
            if let (Ok(run), Ok(task)) = (member.run_id.parse(), member.task_id.parse()) {
                self.tasks.insert(run, task);
            }
            let more = member.encoded_len() + 8;
            if size + more > SET_CHUNK_BYTES_MAX && !chunk.members.is_empty() {
                self.send(ToAgent::DesiredMembers(std::mem::take(&mut chunk))).await?;
                size = 0;
            }
            size += more;
            chunk.members.push(member);
        }
        if !chunk.members.is_empty() {
            self.send(ToAgent::DesiredMembers(chunk)).await?;
        }
        self.send(ToAgent::SnapshotEnd(SnapshotEnd { epoch: self.epoch })).await
    }

    async fn send(&mut self, body: ToAgent) -> Result<(), SessionEnd> {
        tokio::select! {
            sent = self.out.send(Box::new(HubMessage { body: Some(body) })) => sent.map_err(|_| SessionEnd::Gone),
            () = self.handle.cancelled.cancelled() => Err(superseded()),
        }
    }

    async fn run(&mut self) -> Result<std::convert::Infallible, SessionEnd> {
        loop {
            tokio::select! {
                () = self.handle.cancelled.cancelled() => return Err(superseded()),
                () = self.app.stopping.cancelled() => return Err(SessionEnd::Goodbye),
                Some(body) = self.handle.out.next() => self.send(*body).await?,
                Some((reported, outcome)) = self.pending.next() => Box::pin(self.handle_outcome(reported, outcome)).await?,
                message = self.stream.message(), if self.pending.len() < PENDING_REPORTS_MAX => {
                    let body = message.ok().flatten().ok_or(SessionEnd::Gone)?.body;
                    match body {
                        Some(body) => Box::pin(self.handle(body)).await?,
                        None => tracing::debug!(party.id = %self.party, "ignoring an unknown message; the agent may be newer than this hub"),
                    }
                }
            }
        }
    }

    async fn handle(&mut self, body: FromAgent) -> Result<(), SessionEnd> {
        match body {
            FromAgent::Hello(_) => return Err(malformed("a second Hello")),
            FromAgent::SnapshotBegin(_) => {}
            FromAgent::SnapshotEnd(_) => self.finish_set().await?,
            FromAgent::Members(set) => {
                self.check_member_count(set.members.len())?;
                for report in set.members {
                    self.report(report).await?;
                }
            }
            FromAgent::Report(report) => self.report(report).await?,
            FromAgent::Progress(batch) => {
                self.check_member_count(batch.members.len())?;
                for member in batch.members {
                    let (run, _, progress) = convert::progress(member).map_err(malformed)?;
                    if let Some(owner) = self.owner(&run).await? {
                        self.app.engine.progress().put(owner, run, self.party.clone(), progress);
                    }
                }
            }
            FromAgent::LogRefused(refused) => {
                let error = logs::refused(self.party, refused.reason.unwrap_or_default());
                self.app.sessions.refuse_log(self.party, refused.stream_id, error);
            }
            FromAgent::OutputRefused(refused) => {
                let error = outputs::refused(self.party, refused.reason.unwrap_or_default());
                self.app.sessions.refuse_output(self.party, refused.stream_id, error);
            }
            FromAgent::SpecChecked(checked) => {
                let id = checked.check_id;
                let answer = convert::spec_answer(checked).map_err(malformed)?;
                // The caller may not wait any more.
                let _ = self.app.sessions.spec_checked(self.party, id, answer);
            }
            FromAgent::Inventory(inventory) => {
                if inventory.json.len() > INVENTORY_BYTES_MAX
                    || Digest::of(&inventory.json).as_str() != inventory.digest
                {
                    return Err(malformed(
                        "the inventory is too long, or does not match its digest",
                    ));
                }
                // Parsed and serialized again, so that the store contains only what can be read
                // back.
                let json = serde_json::from_slice::<serde_json::Value>(&inventory.json)
                    .map_err(|error| malformed(format!("the inventory is not JSON: {error}")))?
                    .to_string();
                let digest =
                    inventory.digest.parse().map_err(|_| malformed("the inventory's digest"))?;
                self.app.store.set_inventory(self.party, &digest, &json).await?;
            }
        }
        Ok(())
    }

    /// Bounds the work of one message, because others wait for its end.
    fn check_member_count(&self, members: usize) -> Result<(), SessionEnd> {
        if members <= MESSAGE_MEMBERS_MAX {
            return Ok(());
        }
        Err(over_limit(
            self.app,
            "members",
            format!("one message contains {members} members; the limit is {MESSAGE_MEMBERS_MAX}"),
        ))
    }

    /// Closes the session for this reason. The party is away from now on, unless a newer session
    /// exists.
    async fn close(&mut self, reason: &'static str) {
        // Reports are stored even if they cannot be acknowledged any more.
        while let Some((_, outcome)) = self.pending.next().await {
            if let Err(error) = outcome {
                tracing::debug!(party.id = %self.party, %error, "a report was not stored; the agent sends it again");
            }
        }
        self.app.sessions.unregister(self.party, self.epoch);
        let now = self.app.clock.now();
        // An open session would exclude a replacement agent for ever.
        while let Err(error) =
            self.app.store.close_session(self.party, self.epoch, now, reason).await
        {
            tracing::warn!(party.id = %self.party, %error, "cannot store the end of a session; retrying");
            tokio::select! {
                () = self.app.stopping.cancelled() => break,
                () = flow_common::clock::sleep(Duration::from_secs(1)) => {}
            }
        }
        if let Err(error) = self.app.engine.away(self.party, self.epoch, now).await {
            tracing::warn!(party.id = %self.party, %error, "cannot record the end of a session in the party's members");
        }
    }
}

async fn revoke_at(app: Arc<App>, party: PartyId, until: Timestamp) {
    // The wall clock may be set meanwhile, so that it is read repeatedly.
    while let Ok(left @ 1..) = u64::try_from(until.0.saturating_sub(app.clock.now().0)) {
        app.clock.sleep(Duration::from_micros(left).min(WALL_CHECK_PERIOD)).await;
    }
    tracing::info!(party.id = %party, "the replaced secret of a session is no longer accepted; ending the session");
    app.sessions.revoke(&party);
}

fn superseded() -> SessionEnd {
    SessionEnd::Refused {
        code: "superseded",
        message: "a newer session of this agent was opened, or the party was removed or its secret replaced"
            .to_owned(),
        retry_after_s: 1,
    }
}

async fn hello(stream: &mut Streaming<AgentMessage>) -> Result<Hello, SessionEnd> {
    let first = flow_common::clock::timeout(HELLO_TIMEOUT, stream.message())
        .await
        .map_err(|_| malformed("no Hello within 10 s"))?;
    match first.ok().flatten().ok_or(SessionEnd::Gone)?.body {
        Some(FromAgent::Hello(hello)) => Ok(hello),
        _ => Err(malformed("the first message must be Hello")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the size of the future that a function returns, in bytes.
    fn size_of_future<A, F>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    /// Ten thousand idle agents must fit in 400 MB; docs/operations.md lists the other costs of an
    /// agent.
    #[test]
    fn tasks_of_an_idle_agent_are_small() {
        let session = size_of_future(|(app, party, proof, stream, call, out)| {
            run_session(app, party, proof, stream, call, out)
        });
        let connection = size_of_future(|(app, io, peer, limits, metrics)| {
            super::super::serve_io::<crate::listener::Io>(
                app,
                io,
                peer,
                crate::listener::ConnectionRequests::default(),
                limits,
                metrics,
            )
        });
        assert!(session <= 3 * 1024, "a session's task takes {session} bytes");
        assert!(connection <= 2 * 1024, "a connection's task takes {connection} bytes");
    }
}
