//! The session with one agent: who it is, both full sets, then changes.
//!
//! ```text
//!  agent  Hello ───────────▶ hub    one session per party: open_session by compare-and-swap
//!         ◀─ Welcome, set ──        the contact is stored before anything is sent
//!         set, reports ───▶         each stored before it is acknowledged
//!         ◀─ desired members, acks
//! ```

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use flow_common::text::foreign;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{Digest, InstanceId, PartyId, RunId, TaskId};
use flow_domain::run::Refusal;
use flow_domain::time::Timestamp;
use flow_proto::v1::agent_message::Body as FromAgent;
use flow_proto::v1::hub_message::Body as ToAgent;
use flow_proto::v1::{
    Ack, Acks, AgentMessage, DesiredMember, DesiredMembers, Goodbye, Hello, HubMessage,
    MemberReport, Refused, SnapshotBegin, SnapshotEnd, Welcome,
};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, Map};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, Streaming};

use super::{convert, logs};
use crate::auth::Proof;
use crate::engine::ReportOutcome;
use crate::sessions::SessionHandle;
use crate::sessions::call_limits::CallPermit;
use crate::state::App;
use crate::store::{AuditReport, Orphan, OrphanDecision, OrphanKey, PageRequest, SessionDecision};

/// The newest protocol spoken.
const PROTOCOL_MAX: u32 = 1;
/// The oldest: the one before, once there is one. A recorded session of each is replayed by the tests.
const PROTOCOL_MIN: u32 = PROTOCOL_MAX;
/// Longest wait for a Hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Time between two looks at the wall clock while a stored deadline is awaited.
const WALL_CHECK_PERIOD: Duration = Duration::from_secs(5);
/// Largest chunk of a full set, in bytes.
const SET_CHUNK_BYTES_MAX: usize = 1024 * 1024;
/// Largest inventory taken, in bytes.
const INVENTORY_BYTES_MAX: usize = 1024 * 1024;
/// Reports under way to the store; beyond it the agent has to wait.
const PENDING_REPORTS_MAX: usize = 256;
/// Most members one message may speak of: a chunk of a full set has at most 1 MiB.
const MESSAGE_MEMBERS_MAX: usize = 10_000;
/// Most live members of a party that this hub does not know.
const PARTY_ORPHANS_MAX: u32 = 1_000;
/// Longest refusal that quotes an agent, in characters.
const REFUSAL_CHARS_MAX: usize = 500;
/// HubMessages under way to an agent that does not read: each has at most [`SET_CHUNK_BYTES_MAX`] bytes.
const OUTBOUND_MESSAGES_MAX: usize = 16;
/// Longest time an agent may take to read the hub's full set.
const SET_TIMEOUT: Duration = Duration::from_secs(60);

/// Boxed, because an idle channel keeps places for 32 of them ready.
type MessageSender = mpsc::Sender<Box<HubMessage>>;
/// What the agent is sent.
pub(super) type HubMessages =
    Map<ReceiverStream<Box<HubMessage>>, fn(Box<HubMessage>) -> Result<HubMessage, Status>>;

/// Why a session ended, for the log and, where it helps, for the agent.
enum SessionEnd {
    /// The agent closed, or the connection broke.
    Gone,
    /// The agent is told, and may come back.
    Refused { code: &'static str, message: String, retry_after_s: u32 },
    /// The hub is going down.
    Goodbye,
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

/// The message may quote what the agent sent, and goes to the log.
fn malformed(message: impl AsRef<str>) -> SessionEnd {
    SessionEnd::Refused {
        code: "malformed",
        message: foreign(message.as_ref(), REFUSAL_CHARS_MAX),
        retry_after_s: 10,
    }
}

/// What is over a limit is counted, and the agent left alone for a while.
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
    tokio::spawn(run_session(app, party, proof, stream, call, out));
    ReceiverStream::new(rx).map(|message| Ok(*message))
}

/// The task of a session. The hub keeps one for each agent, so its beginning, its end and each message are on the heap: an
/// idle session should not keep the room that they take.
async fn run_session(
    app: Arc<App>,
    party: PartyId,
    proof: Option<Proof>,
    stream: Streaming<AgentMessage>,
    call: CallPermit,
    out: MessageSender,
) {
    let _call = call;
    let (party, app) = (&party, &app);
    let end = match Box::pin(Session::begin(app, party, proof, stream, out.clone())).await {
        Ok(mut session) => {
            let Err(end) = session.run().await;
            Box::pin(session.close()).await;
            end
        }
        Err(end) => end,
    };
    let last = match end {
        SessionEnd::Gone => return,
        SessionEnd::Refused { code, message, retry_after_s } => {
            if let Some(left_out) = app.sessions.admit_log_line(party) {
                tracing::info!(%party, code, message, left_out, "a session was refused or cut");
            }
            ToAgent::Refused(Refused { code: code.to_owned(), message, retry_after_s })
        }
        SessionEnd::Goodbye => ToAgent::Goodbye(Goodbye { retry_after_s: 1 }),
    };
    // An agent that does not read will find the stream closed.
    let _ = out.try_send(Box::new(HubMessage { body: Some(last) }));
}

struct Session<'a> {
    app: &'a Arc<App>,
    party: &'a PartyId,
    stream: Streaming<AgentMessage>,
    out: MessageSender,
    handle: SessionHandle,
    instance: InstanceId,
    epoch: u64,
    incarnation: u64,
    /// The agent has seen this hub, in its present incarnation, no further than the hub itself.
    is_known_to_agent: bool,
    revision: u64,
    /// Tasks of the runs the agent reported on, with their projects once they are needed.
    tasks: HashMap<RunId, TaskId>,
    owners: HashMap<RunId, crate::engine::progress::RunOwner>,
    /// Orphans the agent spoke of in this session.
    orphans: HashSet<OrphanKey>,
    pending:
        FuturesUnordered<BoxFuture<'static, (convert::ParsedReport, Result<ReportOutcome, Error>)>>,
    /// Cuts the session when the secret it was opened with is no longer accepted.
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
            let spoken =
                format!("this hub speaks protocol {PROTOCOL_MAX} (the oldest: {PROTOCOL_MIN})");
            let message =
                format!("{spoken}, the agent {}: update the older of the two", hello.protocol);
            return Err(SessionEnd::Refused {
                code: "protocol_unsupported",
                message,
                retry_after_s: 60,
            });
        }
        // On the heap, because a session that sends its full set should not keep the room for this.
        let (mut session, set) =
            Box::pin(Self::register(app, party, proof, stream, out, &hello, instance)).await?;
        let set = match flow_common::clock::timeout(SET_TIMEOUT, session.send_set(set)).await {
            Ok(said) => said,
            Err(_) => Err(over_limit(
                app,
                "set",
                format!("the hub's full set was not read within {} s", SET_TIMEOUT.as_secs()),
            )),
        };
        if let Err(end) = set {
            session.close().await;
            return Err(end);
        }
        Ok(session)
    }

    /// Opens the session, welcomes the agent and reads the full set of its party.
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
                    "another agent of {party} is connected, or was until a moment ago: end it, or wait"
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
            tracing::warn!(%party, %old, new = %instance, left_out, "another agent journal took the party's place");
        }
        let Some(handle) = app.sessions.register(party, grant.epoch) else {
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
                session.close().await;
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
            // Again, now that the session is handle: one that authenticated before its secret was replaced and was
            // handle after would otherwise be cut by nobody.
            let now = self.app.clock.now();
            let until =
                proof.accepted_until(&self.app.store, self.party, now).await.map_err(|error| {
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

    /// Every unsettled member of the party.
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
            // The newest progress of a member comes before its report, which may be its last.
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
                        None => tracing::debug!(party = %self.party, "a message this hub does not know; a newer agent, perhaps"),
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
            FromAgent::Inventory(inventory) => {
                if inventory.json.len() > INVENTORY_BYTES_MAX
                    || Digest::of(&inventory.json).as_str() != inventory.digest
                {
                    return Err(malformed(
                        "the inventory is too long, or not what its digest says",
                    ));
                }
                // Read as a value and written anew: what cannot be read back must not get into the store.
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

    /// One message is one piece of work: others wait for its end.
    fn check_member_count(&self, members: usize) -> Result<(), SessionEnd> {
        if members <= MESSAGE_MEMBERS_MAX {
            return Ok(());
        }
        Err(over_limit(
            self.app,
            "members",
            format!(
                "one message speaks of {members} members and may speak of {MESSAGE_MEMBERS_MAX}"
            ),
        ))
    }

    /// The agent has told of every member it holds: orphans it did not speak of are gone.
    async fn finish_set(&mut self) -> Result<(), SessionEnd> {
        while let Some((reported, outcome)) = self.pending.next().await {
            self.handle_outcome(reported, outcome).await?;
        }
        let listed = self
            .app
            .store
            .orphans(Some(self.party), &PageRequest::first(PARTY_ORPHANS_MAX))
            .await?;
        for orphan in listed.items {
            if !self.orphans.contains(&orphan.key) {
                self.app.store.forget_orphan(&orphan.key).await?;
            }
        }
        Ok(())
    }

    /// Progress counts only for members of this party; whose they are is looked up once.
    async fn owner(
        &mut self,
        run: &RunId,
    ) -> Result<Option<crate::engine::progress::RunOwner>, SessionEnd> {
        if let Some(owner) = self.owners.get(run) {
            return Ok(Some(owner.clone()));
        }
        let Some(task) = self.tasks.get(run) else { return Ok(None) };
        let Some(aggregate) = self.app.store.load_task(task).await? else { return Ok(None) };
        if !aggregate
            .runs
            .iter()
            .any(|found| &found.id == run && found.member(self.party).is_some())
        {
            return Ok(None);
        }
        let owner = (task.clone(), aggregate.task.project.clone());
        self.owners.insert(run.clone(), owner.clone());
        Ok(Some(owner))
    }

    /// Hands a report on; its acknowledgement follows when it is stored.
    async fn report(&mut self, message: MemberReport) -> Result<(), SessionEnd> {
        let reported = convert::report(&self.instance, message).map_err(malformed)?;
        if reported.report.phase.is_terminal() {
            self.tasks.remove(&reported.run);
            self.owners.remove(&reported.run);
        } else {
            self.tasks.insert(reported.run.clone(), reported.task.clone());
        }
        // One big set may hold more than may be under way.
        while self.pending.len() >= PENDING_REPORTS_MAX {
            if let Some((reported, outcome)) = self.pending.next().await {
                self.handle_outcome(reported, outcome).await?;
            }
        }
        let answer = self
            .app
            .engine
            .report(
                reported.task.clone(),
                reported.run.clone(),
                self.party.clone(),
                reported.report.clone(),
            )
            .await?;
        self.pending.push(Box::pin(async move { (reported, answer.await) }));
        Ok(())
    }

    async fn handle_outcome(
        &mut self,
        reported: convert::ParsedReport,
        outcome: Result<ReportOutcome, Error>,
    ) -> Result<(), SessionEnd> {
        let settled = match outcome? {
            ReportOutcome::Taken { settled, refused } => {
                if let Some(refusal @ (Refusal::OldAttempt | Refusal::WrongInstance)) = refused {
                    self.audit(&reported, refusal).await?;
                }
                settled
            }
            ReportOutcome::Unknown => match self.app.store.run(&reported.run).await? {
                Some(run) if run.member(self.party).is_some() => {
                    run.member(self.party).is_some_and(|member| member.settled)
                }
                _ => return self.orphan(reported).await,
            },
        };
        self.acknowledge(&reported, settled).await
    }

    async fn acknowledge(
        &mut self,
        reported: &convert::ParsedReport,
        settled: bool,
    ) -> Result<(), SessionEnd> {
        let convert::ParsedReport { run, report, .. } = reported;
        let ack = Ack {
            run_id: run.to_string(),
            attempt: report.attempt,
            sequence: report.sequence,
            settled,
        };
        self.send(ToAgent::Acks(Acks { acks: vec![ack] })).await
    }

    /// A report that changes no phase is kept all the same.
    async fn audit(
        &mut self,
        reported: &convert::ParsedReport,
        refusal: Refusal,
    ) -> Result<(), SessionEnd> {
        let row = AuditReport {
            party: self.party.clone(),
            run: reported.run.clone(),
            report: serde_json::to_string(&reported.report).unwrap_or_default(),
            attempt: reported.report.attempt,
            sequence: reported.report.sequence,
            instance: self.instance.clone(),
            refusal: refusal.to_string(),
            at: self.app.clock.now(),
        };
        Ok(self.app.store.audit_report(&row).await?)
    }

    /// A member this hub does not know. One that has ended needs nothing but to be let go. A live one is stopped if
    /// this hub, in this very incarnation, must have made it and then forgotten it; else the hub was restored from a
    /// backup, and an operator decides.
    async fn orphan(&mut self, reported: convert::ParsedReport) -> Result<(), SessionEnd> {
        // Nothing more is taken of it: what an agent invents must not fill the memory.
        self.tasks.remove(&reported.run);
        let convert::ParsedReport { run, task, digest, report } = &reported;
        let key =
            OrphanKey { party: self.party.clone(), run: run.clone(), attempt: report.attempt };
        let known = self.app.store.orphan(&key).await?;
        if report.phase.is_terminal() {
            self.orphans.remove(&key);
            if known.is_some() {
                self.app.store.forget_orphan(&key).await?;
            }
            return self.acknowledge(&reported, true).await;
        }
        // Once listed, it stays an operator's to decide, however often the agent comes back.
        if known
            .as_ref()
            .map_or(self.is_known_to_agent, |orphan| orphan.decision == Some(OrphanDecision::Stop))
        {
            if let Some(left_out) = self.app.sessions.admit_log_line(self.party) {
                tracing::warn!(party = %self.party, %run, left_out, "a member of an unknown run is being stopped");
            }
            self.send(ToAgent::DesiredMember(convert::stop_orphan(&key, task, self.revision)))
                .await?;
        } else if known.is_none()
            && let Some(left_out) = self.app.sessions.admit_log_line(self.party)
        {
            tracing::warn!(party = %self.party, %run, left_out, "a member made before this hub was restored is left running");
        }
        if known.is_some() || !self.is_known_to_agent {
            let orphan = Orphan {
                key,
                task: Some(task.clone()),
                digest: digest.clone(),
                phase: report.phase,
                seen_at: self.app.clock.now(),
                decision: None,
            };
            if !self.app.store.put_orphan(&orphan, PARTY_ORPHANS_MAX).await? {
                let message = format!(
                    "this hub does not know {PARTY_ORPHANS_MAX} live members of the party already: have some stopped there"
                );
                return Err(over_limit(self.app, "orphans", message));
            }
            self.orphans.insert(orphan.key);
        }
        Ok(())
    }

    /// The session is over: the party is away from now on, unless a newer session has taken over.
    async fn close(&mut self) {
        // What was reported is stored whether or not anybody hears of it.
        while let Some((_, outcome)) = self.pending.next().await {
            if let Err(error) = outcome {
                tracing::debug!(party = %self.party, %error, "a report was not stored; the agent says it again");
            }
        }
        self.app.sessions.unregister(self.party, self.epoch);
        let now = self.app.clock.now();
        // Left open, it would keep a replacement agent out for ever.
        while let Err(error) = self.app.store.close_session(self.party, self.epoch, now).await {
            tracing::warn!(party = %self.party, %error, "the end of a session could not be stored; trying again");
            tokio::select! {
                () = self.app.stopping.cancelled() => break,
                () = flow_common::clock::sleep(Duration::from_secs(1)) => {}
            }
        }
        if let Err(error) = self.app.engine.away(self.party, self.epoch, now).await {
            tracing::warn!(party = %self.party, %error, "the end of a session could not be noted");
        }
    }
}

async fn revoke_at(app: Arc<App>, party: PartyId, until: Timestamp) {
    // The wall clock can be set meanwhile, so it is read again and again.
    while let Ok(left @ 1..) = u64::try_from(until.0.saturating_sub(app.clock.now().0)) {
        app.clock.sleep(Duration::from_micros(left).min(WALL_CHECK_PERIOD)).await;
    }
    tracing::info!(%party, "the replaced secret of a session is no longer accepted; cutting the session");
    app.sessions.revoke(&party);
}

fn superseded() -> SessionEnd {
    SessionEnd::Refused {
        code: "superseded",
        message: "a newer session of this agent was opened, or the party's secret replaced"
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

    /// Size of the future that a function returns, in bytes.
    fn size_of_future<A, F>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    /// Ten thousand idle agents are to fit in 400 MB; what else an agent costs stands in docs/operations.md.
    #[test]
    fn the_tasks_of_an_idle_agent_are_small() {
        let session = size_of_future(|(app, party, proof, stream, call, out)| {
            run_session(app, party, proof, stream, call, out)
        });
        let connection = size_of_future(|(app, io, peer, limits, metrics)| {
            super::super::serve_io::<crate::listener::Io>(app, io, peer, limits, metrics)
        });
        assert!(session <= 3 * 1024, "a session's task takes {session} bytes");
        assert!(connection <= 2 * 1024, "a connection's task takes {connection} bytes");
    }
}
