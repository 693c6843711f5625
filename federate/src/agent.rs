//! The agent itself: the one loop that owns journal and members. It folds whatever has arrived through
//! [`crate::reconcile`], writes what must be durable in one transaction, and only then acts and speaks.

mod logs;
mod outbox;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{self, Detector, Moment, Monotonic, Retention, SharedClock};
use flow_common::error::root_cause;
use flow_common::log_limit::LogLimit;
use flow_common::text::foreign;
use flow_domain::id::{Digest, PartyId, RunId};
use flow_domain::member::{DesiredPhase, MemberPhase, ReasonCode};
use flow_domain::spec::SealedSpec;
use flow_domain::time::Timestamp;
use flow_proto::v1::hub_message::Body as FromHub;
use flow_proto::v1::{DesiredMember, Hello};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::admission::PartyPolicy;
use crate::convert;
use crate::health::{AgentStatus, StatusRequest};
use crate::journal::{Journal, JournalError, SeenHub};
use crate::member::{Member, WorkStage};
use crate::reconcile::{Action, Input, MemberSet, Transition};
use crate::runtime::{HoldRequest, Observation, Runtime, RuntimeError, WorkKey, WorkState};
use crate::runtime_queue::{Outcome, Reply, Request, RuntimeQueue};
use crate::session::{self, Connector, Login, PROTOCOL, SecretSource, SessionEvent};
pub use logs::LogPolicy;
use logs::Logs;
use outbox::Outbox;

/// Settled members are kept so long, in seconds: a hub restored from a backup may ask.
pub const SETTLED_RETENTION_S: u64 = 7 * 24 * 3600;
/// Time between two looks for what may be dropped.
const PURGE_PERIOD: Duration = Duration::from_secs(3600);
/// Longest time something that the runtime would tell again stays unwritten.
const WRITE_DELAY_MAX: Duration = Duration::from_secs(1);
/// Time between two tries to write a journal that cannot be written.
const JOURNAL_RETRY_DELAY: Duration = Duration::from_secs(5);
/// Time between two tries to ask the runtime what it knows.
const RUNTIME_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Shortest time between two writes that only show whether the journal takes them.
const JOURNAL_PROBE_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Most inputs folded into one transaction.
const INPUTS_PER_PASS_MAX: usize = 256;
/// Messages of the hub that may wait for us: each may be long, and a hub may send without end.
const SESSION_EVENTS_MAX: usize = 32;
/// Longest error about a message of the hub in the log, in characters.
const HUB_ERROR_CHARS_MAX: usize = 300;
/// Opened specs beyond which those that nothing is started from any more are dropped.
const CACHED_SPECS_MAX: usize = 64;

/// What an agent is.
#[derive(Debug)]
pub struct AgentConfig {
    /// Whose agent.
    pub party: PartyId,
    /// Where the journal lives.
    pub data_dir: PathBuf,
    /// Where the secret is that proves to the hub who is calling.
    pub secret: SecretSource,
    /// Holds are let go after so many seconds without the hub.
    pub hold_max_s: u64,
    /// What the party policies; a change is taken up at once.
    pub policy: watch::Receiver<Arc<PartyPolicy>>,
    /// What the party discloses of its members' logs.
    pub logs: LogPolicy,
    /// Whoever wants to know how the agent stands.
    pub status_requests: mpsc::Receiver<StatusRequest>,
}

/// Why an agent ended that was not told to.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The runtime ended.
    #[error("the runtime stopped telling how its work stands; the log says why")]
    RuntimeGone,
    /// The task that keeps the session with the hub ended.
    #[error("the session with the hub ended for good; the log says why")]
    SessionGone,
    /// A task that asks the runtime for something panicked.
    #[error("a request to the runtime panicked: {0}")]
    Request(String),
    /// The data directory is another one.
    #[error("{0}")]
    Place(String),
}

/// Run an agent until `stop`. What it started goes on; a later agent on the same journal takes it up again.
pub async fn run(
    config: AgentConfig,
    connector: Connector,
    runtime: Arc<dyn Runtime>,
    clock: SharedClock,
    stop: CancellationToken,
) -> Result<(), AgentError> {
    let login = Login { party: config.party.clone(), secret: config.secret.clone() };
    // Before anything is waited for: what the runtime tells until then, it tells nobody.
    let watch = runtime.watch();
    let mut journal = Journal::open(&config.data_dir, &config.party).await?;
    let policy = config.policy.borrow().clone();
    let reading = clock.read();
    let unsettled = journal.unsettled().await?;
    let seen = journal.seen();
    let (members, out) = MemberSet::restore(
        unsettled,
        policy.resources.clone(),
        config.hold_max_s,
        journal.first_sequence(),
        seen.incarnation,
        reading.into(),
    );
    let (replies, heard) = mpsc::unbounded_channel();
    let logs = Logs::new(config.logs);
    let mut agent = Agent {
        runtime_queue: RuntimeQueue::new(Arc::clone(&runtime), Arc::clone(&clock), replies),
        config,
        runtime,
        clock,
        journal,
        members,
        out,
        policy,
        specs: BTreeMap::new(),
        unwritten: BTreeMap::new(),
        write_later: BTreeSet::new(),
        write_by: None,
        journal_retry: None,
        seen,
        outbox: Outbox::default(),
        logs,
        hub_lines: LogLimit::default(),
        connected: false,
        sessions: 0,
        purge_at: reading.monotonic,
        retention: Retention::new(Duration::from_secs(SETTLED_RETENTION_S), reading),
        detector: Detector::new(reading),
        wrote_at: None,
    };
    let lost = agent.journal.lock().lost();
    let heartbeat = clock::heartbeat(Arc::clone(&agent.clock));
    let ended = tokio::select! {
        ended = agent.serve(connector, login, watch, heard, &stop) => ended,
        never = heartbeat => match never {},
        // Nothing that is written from now on would be found again.
        lost = lost => return Err(AgentError::Place(lost)),
    };
    agent.commit().await?;
    agent.flush().await;
    agent.journal.close().await?;
    ended
}

struct Agent {
    config: AgentConfig,
    runtime: Arc<dyn Runtime>,
    clock: SharedClock,
    journal: Journal,
    members: MemberSet,
    /// What follows from the inputs folded since the last commit.
    out: Transition,
    policy: Arc<PartyPolicy>,
    /// Opened specs; never without that of a member not yet written.
    specs: BTreeMap<Digest, Arc<SealedSpec>>,
    /// Members the journal could not take.
    unwritten: BTreeMap<RunId, Member>,
    write_later: BTreeSet<RunId>,
    write_by: Option<Monotonic>,
    journal_retry: Option<Monotonic>,
    seen: SeenHub,
    outbox: Outbox,
    logs: Logs,
    /// Lines that a hub can cause as often as it likes.
    hub_lines: LogLimit,
    connected: bool,
    /// Sessions opened by this process.
    sessions: u64,
    purge_at: Monotonic,
    retention: Retention,
    detector: Detector,
    /// When the journal last took a write.
    wrote_at: Option<Monotonic>,
    runtime_queue: RuntimeQueue,
}

impl Agent {
    async fn serve(
        &mut self,
        connector: Connector,
        login: Login,
        mut watch: mpsc::Receiver<Observation>,
        mut replies: mpsc::UnboundedReceiver<Reply>,
        stop: &CancellationToken,
    ) -> Result<(), AgentError> {
        self.commit().await?;
        tokio::select! {
            swept = self.stop_unknown_work(&mut watch, &mut replies) => swept?,
            () = stop.cancelled() => return Ok(()),
        }
        let (hello, hello_rx) = watch::channel(self.hello());
        let (events_tx, mut events) = mpsc::channel(SESSION_EVENTS_MAX);
        let mut policies = self.config.policy.clone();
        // Dropping `events` ends it.
        tokio::spawn(session::run(connector, login, hello_rx, Arc::clone(&self.clock), events_tx));
        loop {
            let clock = Arc::clone(&self.clock);
            // Neither deadlines nor the hub wait for a quiet moment.
            if self.next_due() <= self.now().monotonic {
                self.tick().await;
                self.commit().await?;
            }
            self.outbox.send_ready(&self.members, clock.monotonic());
            let due = self.next_due();
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                observation = watch.recv() => {
                    self.observe(observation.ok_or(AgentError::RuntimeGone)?);
                    for _ in 1..INPUTS_PER_PASS_MAX {
                        match watch.try_recv() {
                            Ok(observation) => self.observe(observation),
                            Err(_) => break,
                        }
                    }
                }
                Some(reply) = replies.recv() => self.apply_reply(reply)?,
                Some(request) = self.config.status_requests.recv() => {
                    self.probe_journal().await;
                    // Whoever asked may have left.
                    let _ = request.send(self.status());
                }
                event = events.recv() => {
                    self.apply_session_event(event.ok_or(AgentError::SessionGone)?).await?;
                    for _ in 1..INPUTS_PER_PASS_MAX {
                        match events.try_recv() {
                            Ok(event) => self.apply_session_event(event).await?,
                            Err(_) => break,
                        }
                    }
                }
                Ok(()) = policies.changed() => {
                    let policy = policies.borrow_and_update().clone();
                    self.apply_policy(policy).await?;
                }
                () = self.outbox.send_next(&self.members, clock.monotonic()) => {}
                () = clock.sleep_until(due) => self.tick().await,
            }
            self.commit().await?;
            let now = self.hello();
            hello.send_if_modified(|old| std::mem::replace(old, now.clone()) != now);
        }
    }

    /// Before the hub hears of us: what the runtime knows and the journal does not is stopped, and seen dead. The
    /// journal may have been lost, and the hub may at once ask for another run of the same task.
    async fn stop_unknown_work(
        &mut self,
        watch: &mut mpsc::Receiver<Observation>,
        replies: &mut mpsc::UnboundedReceiver<Reply>,
    ) -> Result<(), AgentError> {
        let known = loop {
            match self.runtime.known().await {
                Ok(known) => break known,
                Err(error) => {
                    tracing::warn!(cause = %root_cause(&error), "{error}; trying again");
                    self.clock.sleep(RUNTIME_RETRY_DELAY).await;
                }
            }
        };
        // Holds die with the machine; nobody but us can tell.
        let lost: Vec<WorkKey> = self
            .members
            .members()
            .filter(|m| m.work == WorkStage::Held)
            .map(Member::key)
            .filter(|key| !known.contains(key))
            .collect();
        for key in lost {
            self.apply(Input::WorkObserved(key, WorkState::Absent));
        }
        self.commit().await?;
        let mut unknown: BTreeSet<WorkKey> =
            known.into_iter().filter(|key| self.members.member(&key.run).is_none()).collect();
        for key in &unknown {
            tracing::warn!(run.id = %key.run, attempt = key.attempt, "stopping work that the journal does not know");
            self.runtime_queue.enqueue(Request::Stop(key.clone(), 0));
        }
        while !unknown.is_empty() {
            tokio::select! {
                observation = watch.recv() => {
                    let observation = observation.ok_or(AgentError::RuntimeGone)?;
                    if matches!(observation.state, WorkState::Absent | WorkState::Exited(_) | WorkState::Lost(_)) {
                        unknown.remove(&observation.key);
                    }
                    self.observe(observation);
                }
                Some(reply) = replies.recv() => self.apply_reply(reply)?,
            }
            self.commit().await?;
        }
        Ok(())
    }

    fn hello(&self) -> Hello {
        Hello {
            protocol: PROTOCOL,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: self.journal.instance().to_string(),
            inventory_digest: self.policy.inventory(&self.runtime.describe()).0.to_string(),
            seen_incarnation: self.members.oldest_incarnation(),
            seen_revision: self.seen.revision,
        }
    }

    fn status(&self) -> AgentStatus {
        let mut members = BTreeMap::new();
        for member in self.members.members() {
            *members.entry(member.phase).or_default() += 1;
        }
        AgentStatus {
            connected: self.connected,
            sessions: self.sessions,
            members,
            journal_writable: self.journal_retry.is_none(),
        }
    }

    /// Checks that the journal takes writes, unless one succeeded a moment ago: somebody asks for the agent's state.
    async fn probe_journal(&mut self) {
        if self.journal_retry.is_none()
            && self.wrote_at.is_none_or(|at| at.elapsed() >= JOURNAL_PROBE_INTERVAL_MIN)
        {
            self.write().await;
        }
    }

    /// The present moment. Every deadline is judged by it, because this notices that the process did not run for a while.
    fn now(&mut self) -> Moment {
        let reading = self.clock.read();
        if let Some(disturbance) = self.detector.observe(reading) {
            let (set_by_s, paused_s) =
                (disturbance.wall_set_by / 1_000_000, disturbance.paused.as_secs());
            tracing::warn!(
                set_by_s,
                paused_s,
                "the clock was set, or this process did not run for a while"
            );
            if !disturbance.paused.is_zero() {
                self.members.apply(Input::Resumed, reading.into(), &mut self.out);
            }
        }
        reading.into()
    }

    fn apply(&mut self, input: Input) {
        let now = self.now();
        self.members.apply(input, now, &mut self.out);
    }

    fn observe(&mut self, Observation { key, state, progress }: Observation) {
        if let Some(progress) = progress {
            if progress.complete {
                self.apply(Input::WorkCompleted(key.clone()));
            }
            if self.members.member(&key.run).is_some_and(|member| member.attempt == key.attempt) {
                self.outbox.progress(key.clone(), progress, self.clock.monotonic());
            }
        }
        self.apply(Input::WorkObserved(key, state));
    }

    fn apply_reply(&mut self, reply: Reply) -> Result<(), AgentError> {
        let Outcome { key, result } = match reply {
            Reply::Delayed(key, reason) => {
                self.apply(Input::RequestDelayed(key, Some(reason)));
                return Ok(());
            }
            Reply::Completed(done) => done,
            Reply::Panicked(message) => return Err(AgentError::Request(message)),
        };
        self.apply(Input::RequestDelayed(key.clone(), None));
        match result {
            Ok(Some(held)) => self.apply(Input::WorkObserved(key.clone(), WorkState::Held(held))),
            Ok(None) => {}
            Err(RuntimeError::Refused(reason)) => {
                self.apply(Input::RequestRefused(key.clone(), reason))
            }
            Err(error @ RuntimeError::Transient { .. }) => {
                tracing::error!(%error, cause = %root_cause(&error), "a request was given up")
            }
        }
        self.runtime_queue.complete(&key);
        Ok(())
    }

    async fn apply_session_event(&mut self, event: SessionEvent) -> Result<(), AgentError> {
        match event {
            SessionEvent::Opened { welcome, out, hub } => {
                if self.seen.incarnation != welcome.hub_incarnation {
                    // A restored hub counts its revisions from an older number on.
                    self.seen = SeenHub { incarnation: welcome.hub_incarnation, revision: 0 };
                }
                self.apply(Input::Connected { incarnation: welcome.hub_incarnation });
                // What is said from here on has been written.
                self.commit().await?;
                let mut set: Vec<_> = self.members.members().map(convert::report).collect();
                let since = Timestamp(
                    self.clock
                        .now()
                        .0
                        .saturating_sub(Timestamp(0).plus_secs(SETTLED_RETENTION_S).0),
                );
                let mut after = String::new();
                loop {
                    let page = self.journal.settled(since, &after, 1000).await?;
                    let Some(last) = page.last() else { break };
                    after = last.run.to_string();
                    set.extend(page.iter().map(convert::report));
                }
                (self.connected, self.sessions) = (true, self.sessions + 1);
                self.logs.open(hub, out.clone());
                self.outbox.open(out, welcome.epoch, set, &self.members);
                if welcome.want_inventory {
                    self.outbox.inventory(self.policy.inventory(&self.runtime.describe()));
                }
            }
            SessionEvent::Closed => {
                self.connected = false;
                self.outbox.close();
                self.logs.close();
                self.apply(Input::Disconnected);
            }
            SessionEvent::Message(body) => self.apply_message(body).await?,
        }
        Ok(())
    }

    async fn apply_message(&mut self, body: FromHub) -> Result<(), AgentError> {
        match body {
            FromHub::DesiredMember(assignment) => self.apply_desired(assignment).await?,
            FromHub::DesiredMembers(chunk) => {
                for assignment in chunk.members {
                    self.apply_desired(assignment).await?;
                }
            }
            FromHub::Acks(acks) => {
                for ack in acks.acks.into_iter().filter(|ack| ack.settled) {
                    if let Ok(run) = ack.run_id.parse() {
                        self.apply(Input::ReportAcked { run, attempt: ack.attempt, settled: true });
                    }
                }
            }
            FromHub::SnapshotBegin(begin) => {
                self.seen.revision = self.seen.revision.max(begin.revision)
            }
            FromHub::LogOpen(open) => {
                let member = match open.run_id.parse() {
                    Ok(run) => match self.members.member(&run) {
                        Some(member) => Some(member.clone()),
                        None => self.journal.member(&run).await.unwrap_or_else(|error| {
                            tracing::warn!(%error, "a member whose log is asked for cannot be read");
                            None
                        }),
                    },
                    Err(_) => None,
                };
                self.logs.start(open, member.as_ref(), &self.runtime);
            }
            FromHub::LogCancel(cancel) => self.logs.cancel(cancel.stream_id),
            // Nothing is concluded from what the hub's set does not hold: the hub speaks of it itself when it hears of it.
            FromHub::SnapshotEnd(_) => {}
            FromHub::Welcome(_) | FromHub::Refused(_) | FromHub::Goodbye(_) => {
                tracing::debug!("the session's own message came late")
            }
        }
        Ok(())
    }

    async fn apply_desired(&mut self, assignment: DesiredMember) -> Result<(), AgentError> {
        self.seen.revision = self.seen.revision.max(assignment.revision);
        let (desired, bytes) = match convert::desired_member(assignment) {
            Ok(parsed) => parsed,
            Err(error) => {
                if let Some(left_out) = self.hub_lines.admit(clock::monotonic()) {
                    let error = foreign(&error, HUB_ERROR_CHARS_MAX);
                    tracing::error!(
                        error,
                        left_out,
                        "an assignment cannot be understood and is ignored"
                    );
                }
                return Ok(());
            }
        };
        if self.members.member(&desired.run).is_none()
            && let Some(member) = self.journal.member(&desired.run).await?
            && !self.members.restore_settled(member, &mut self.out)
        {
            return Ok(());
        }
        let admission = if desired.phase == DesiredPhase::Stopped {
            None
        } else {
            let spec = match &desired.digest {
                Some(digest) => self.open_spec(digest, &bytes),
                None => Err("the assignment names no spec".to_owned()),
            };
            let admission = self.policy.decide(
                &self.config.party,
                &desired,
                spec.as_ref().map(AsRef::as_ref).map_err(Clone::clone),
            );
            Some(admission)
        };
        self.apply(Input::DesiredReceived(desired, admission));
        Ok(())
    }

    /// Opens the bytes of a spec, once. It is journaled with the members that may be started from it.
    fn open_spec(&mut self, digest: &Digest, bytes: &[u8]) -> Result<Arc<SealedSpec>, String> {
        if let Some(spec) = self.specs.get(digest) {
            return Ok(Arc::clone(spec));
        }
        let spec = Arc::new(SealedSpec::open(bytes, digest)?);
        if self.specs.len() >= CACHED_SPECS_MAX {
            let needed: BTreeSet<&Digest> =
                self.members.members().filter_map(Member::startable_spec).collect();
            self.specs.retain(|digest, _| needed.contains(digest));
        }
        self.specs.insert(digest.clone(), Arc::clone(&spec));
        Ok(spec)
    }

    /// A spec that was opened before, by this process or an earlier one.
    async fn spec_of(&mut self, member: &Member) -> Result<Arc<SealedSpec>, String> {
        let digest = member.digest.clone().ok_or("the member has no spec")?;
        if let Some(spec) = self.specs.get(&digest) {
            return Ok(Arc::clone(spec));
        }
        let bytes = self
            .journal
            .spec(&digest)
            .await
            .map_err(|e| e.to_string())?
            .ok_or("the journal does not hold the spec")?;
        self.open_spec(&digest, &bytes)
    }

    /// The party policies something else: ask the policy again about whatever has not begun.
    async fn apply_policy(&mut self, policy: Arc<PartyPolicy>) -> Result<(), AgentError> {
        tracing::info!("images, datasets and resources were read again");
        self.members.set_capacity(policy.resources.clone());
        self.policy = policy;
        let open: Vec<Member> = self
            .members
            .members()
            .filter(|m| !m.phase.is_terminal() && m.desired != DesiredPhase::Stopped)
            .cloned()
            .collect();
        for member in open {
            if let Ok(spec) = self.spec_of(&member).await {
                let admission = self.policy.decide_spec(&spec.spec);
                self.apply(Input::AdmissionChanged(member.run, admission));
            }
        }
        self.outbox.inventory(self.policy.inventory(&self.runtime.describe()));
        Ok(())
    }

    fn next_due(&self) -> Monotonic {
        // Progress that is due goes out as soon as the session has room: nothing to wake up for.
        let progress = self.outbox.next_due().filter(|at| *at > self.clock.monotonic());
        let due = [self.members.next_due(), self.write_by, self.journal_retry, progress];
        due.into_iter().flatten().fold(self.purge_at, Monotonic::min)
    }

    async fn tick(&mut self) {
        self.apply(Input::Tick);
        let monotonic = self.now().monotonic;
        if self.write_by.is_some_and(|by| monotonic >= by) {
            self.flush().await;
        }
        if monotonic >= self.purge_at {
            self.purge_at = monotonic + PURGE_PERIOD;
            let Some(before) = self.retention.cutoff(self.clock.read()) else { return };
            match self.journal.purge(before).await {
                Ok(0) => {}
                Ok(count) => {
                    tracing::info!(count, "settled members past their retention were dropped")
                }
                Err(error) => {
                    tracing::warn!(%error, "the journal could not be purged; trying again later")
                }
            }
        }
    }

    /// Write, then act, then speak; again as long as that leads to more.
    async fn commit(&mut self) -> Result<(), AgentError> {
        loop {
            let retry = self.journal_retry.is_some_and(|at| self.clock.monotonic() >= at);
            let out = std::mem::take(&mut self.out);
            if out == Transition::default() && !retry {
                break;
            }
            let Transition { write, write_later, actions, reports, rejected } = out;
            self.write_later.extend(write_later);
            let must_write = !write.is_empty() || retry;
            self.unwritten.extend(write);
            let written =
                if must_write { self.write().await } else { self.journal_retry.is_none() };
            let mut undone = Vec::new();
            for action in actions {
                match action {
                    Action::Stop(key, grace_s) => {
                        self.runtime_queue.enqueue(Request::Stop(key, grace_s))
                    }
                    Action::Forget(key) if written => {
                        self.runtime_queue.enqueue(Request::Forget(key))
                    }
                    // Asked again at the next start.
                    Action::Forget(_) => {}
                    Action::Hold(_) | Action::Start(_) if !written => undone.push(action),
                    Action::Hold(key) => self.request_hold(&key),
                    Action::Start(key) => self.request_start(&key).await,
                }
            }
            if !undone.is_empty() || (!written && must_write) {
                self.apply(Input::WriteFailed(undone));
            }
            self.outbox.report(reports);
            rejected.iter().for_each(|member| self.outbox.answer(member));
        }
        if !self.write_later.is_empty() && self.write_by.is_none()
            || self.seen != self.journal.seen() && self.write_by.is_none()
        {
            self.write_by = Some(self.clock.monotonic() + WRITE_DELAY_MAX);
        }
        Ok(())
    }

    /// What the runtime would tell again.
    async fn flush(&mut self) {
        self.write_by = None;
        self.write().await;
    }

    /// Everything unwritten, in one transaction. Answers whether it is durable.
    async fn write(&mut self) -> bool {
        for run in std::mem::take(&mut self.write_later) {
            if let Some(member) = self.members.member(&run) {
                self.unwritten.insert(run, member.clone());
            }
        }
        let members: Vec<&Member> = self.unwritten.values().collect();
        let specs: BTreeMap<&Digest, &[u8]> = members
            .iter()
            .filter_map(|member| self.specs.get_key_value(member.startable_spec()?))
            .map(|(digest, spec)| (digest, spec.bytes.as_slice()))
            .collect();
        let specs: Vec<_> = specs.into_iter().collect();
        match self.journal.write(&members, &specs, self.members.sequence(), self.seen).await {
            Ok(()) => {
                self.unwritten.clear();
                self.write_by = None;
                self.wrote_at = Some(clock::monotonic());
                if self.journal_retry.take().is_some() {
                    tracing::info!("the journal can be written again");
                    self.apply(Input::WriteRecovered);
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "the journal cannot be written: no new work until it can; free some space");
                self.journal_retry = Some(self.clock.monotonic() + JOURNAL_RETRY_DELAY);
                false
            }
        }
    }

    fn request_hold(&mut self, key: &WorkKey) {
        let Some(member) = self.members.member(&key.run).filter(|m| m.attempt == key.attempt)
        else {
            return;
        };
        let hold = HoldRequest {
            key: key.clone(),
            task: member.task.clone(),
            party: self.config.party.clone(),
            ports: member.needs.ports.clone(),
        };
        self.runtime_queue.enqueue(Request::Hold(hold));
    }

    async fn request_start(&mut self, key: &WorkKey) {
        let Some(member) =
            self.members.member(&key.run).filter(|m| m.attempt == key.attempt).cloned()
        else {
            return;
        };
        let launch = match self.spec_of(&member).await {
            Ok(spec) => self.policy.start_request(&member, &spec.spec),
            Err(message) => Err(flow_domain::member::Reason::new(ReasonCode::SpecInvalid, message)),
        };
        match launch {
            Ok(launch) => self.runtime_queue.enqueue(Request::Start(Box::new(launch))),
            // The start is proven: what the names mean by now, or whether the spec is at hand, changes nothing of it.
            Err(reason) if member.phase == MemberPhase::Running => {
                tracing::warn!(run = %key.run, %reason, "not asked again")
            }
            Err(reason) => self.apply(Input::RequestRefused(key.clone(), reason)),
        }
    }
}
