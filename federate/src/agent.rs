//! The agent's loop, the only owner of the journal and the members.
//!
//! Each pass folds the inputs that have arrived through [`crate::reconcile`], writes in one
//! transaction what must be durable, and only then sends requests to the runtime and reports to the
//! hub. The session, the runtime queue and the log streams are tasks of their own; they share no
//! state with the loop and talk to it through channels.

mod admin;
mod commit;
mod hub;
mod logs;
mod outbox;
mod outputs;
mod requests;
mod specs;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{self, Detector, Moment, Monotonic, Retention, SharedClock};
use flow_common::log_limit::LogLimit;
use flow_domain::id::{Digest, PartyId, RunId};
use flow_domain::spec::SealedSpec;
use flow_domain::time::Timestamp;
use flow_proto::v1::Hello;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

pub use crate::admission::LogPolicy;
use crate::admission::PartyPolicy;
use crate::control::{
    self, Changes, ControlParts, ControlRequest, ControlSocket, ReloadRequest, SOCKET,
};
use crate::health::{AgentStatus, StatusRequest};
use crate::journal::{Journal, JournalError, SETTLED_RETENTION_S, SeenHub};
use crate::member::Member;
use crate::metrics::AgentMetrics;
use crate::reconcile::{Input, MemberSet, Transition};
use crate::rest::{self, PartyListener};
use crate::runtime::{Observation, Runtime};
use crate::runtime_queue::{Reply, RuntimeQueue};
use crate::session::{self, Connector, Login, PROTOCOL, SecretSource, SessionEvent};
use logs::Logs;
use outbox::Outbox;
use outputs::Outputs;
use steps::STEP_LINES_PER_MINUTE_MAX;

const PURGE_PERIOD: Duration = Duration::from_secs(3600);
/// Inputs of one kind folded into one transaction.
const INPUTS_PER_PASS_MAX: usize = 256;
/// Unread messages of the hub: each may be long, and a hub may send without end.
const SESSION_EVENTS_MAX: usize = 32;

#[derive(Debug)]
pub struct AgentConfig {
    pub party: PartyId,
    /// Directory of the journal.
    pub data_dir: PathBuf,
    pub secret: SecretSource,
    /// Time in seconds without the hub after which a hold expires.
    pub hold_max_s: u64,
    /// A change takes effect at once.
    pub policy: watch::Receiver<Arc<PartyPolicy>>,
    pub logs: LogPolicy,
    pub status_requests: mpsc::Receiver<StatusRequest>,
    /// Reloads the configuration; `None` if the agent is a part of another program.
    pub reload: Option<mpsc::Sender<ReloadRequest>>,
    /// Listener of the REST API and the party view; `None` if the agent has none.
    pub rest: Option<rest::Bound>,
    pub metrics: AgentMetrics,
}

/// Cause for which an agent ended without a request to stop.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the runtime sends no observations any more: read the log for the cause")]
    RuntimeGone,
    #[error("the task that keeps the session with the hub ended: read the log for the cause")]
    SessionGone,
    #[error("cannot listen at {path}: {source}", path = path.display())]
    ControlSocket { path: PathBuf, source: std::io::Error },
    #[error("cannot serve the REST API: {0}")]
    Rest(#[from] rest::OpenError),
    #[error("a request to the runtime panicked: {0}")]
    RequestPanicked(String),
    /// The data directory was deleted or replaced.
    #[error("{0}")]
    DirectoryLost(String),
}

/// Runs an agent until `stop`. Started work continues; the next agent on the same journal takes it
/// over.
pub async fn run(
    mut config: AgentConfig,
    connector: Connector,
    runtime: Arc<dyn Runtime>,
    clock: SharedClock,
    stop: CancellationToken,
) -> Result<(), AgentError> {
    let login = Login { party: config.party.clone(), secret: config.secret.clone() };
    // Before the first await: the runtime drops observations that have no receiver.
    let observations = runtime.watch();
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
    let (replies_tx, replies) = mpsc::unbounded_channel();
    let log_policy = config.logs;
    let logs = Logs::new(log_policy);
    let control = ControlSocket::bind(&config.data_dir).map_err(|source| {
        AgentError::ControlSocket { path: config.data_dir.join(SOCKET), source }
    })?;
    let rest = match config.rest.take() {
        Some(bound) => {
            let settings = rest::Settings {
                party: config.party.clone(),
                data_dir: config.data_dir.clone(),
                hold_max_s: config.hold_max_s,
                policy: config.policy.clone(),
                logs: config.logs,
            };
            Some(PartyListener::open(bound, settings, Arc::clone(&clock))?)
        }
        None => None,
    };
    let (requests, control_requests) = mpsc::channel(control::WAITING_MAX);
    let parts = ControlParts {
        requests,
        reload: config.reload.clone(),
        runtime: Arc::clone(&runtime),
        changes: Changes::default(),
        console: rest.as_ref().map(PartyListener::console),
    };
    let (changes, rest_parts) = (parts.changes.clone(), parts.clone());
    let rest = async {
        match rest {
            Some(listener) => listener.serve(rest_parts).await,
            None => std::future::pending().await,
        }
    };
    let mut agent = Agent {
        runtime_queue: RuntimeQueue::new(
            Arc::clone(&runtime),
            Arc::clone(&clock),
            config.party.clone(),
            config.metrics.clone(),
            replies_tx,
        ),
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
        outbox: Outbox::new(log_policy),
        logs,
        outputs: Outputs::new(),
        hub_lines: LogLimit::default(),
        step_lines: LogLimit::per_minute(STEP_LINES_PER_MINUTE_MAX),
        control_requests,
        connected: false,
        away_since: None,
        reloads: 0,
        changes,
        sessions: 0,
        purge_at: reading.monotonic,
        retention: Retention::new(Duration::from_secs(SETTLED_RETENTION_S), reading),
        detector: Detector::new(reading),
        wrote_at: None,
    };
    let lost = agent.journal.lock().lost();
    let heartbeat = clock::heartbeat(Arc::clone(&agent.clock));
    let ended = tokio::select! {
        // In this task: the agent ends if it panics.
        never = control.serve(parts) => match never {},
        never = rest => match never {},
        ended = agent.serve(connector, login, observations, replies, &stop) => ended,
        never = heartbeat => match never {},
        // The agent cannot persist anything any more.
        lost = lost => return Err(AgentError::DirectoryLost(lost)),
    };
    control.remove();
    agent.commit().await;
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
    /// Consequences of the inputs since the last commit.
    out: Transition,
    policy: Arc<PartyPolicy>,
    /// Opened specs; always includes those of members that are not journaled yet.
    specs: BTreeMap<Digest, Arc<SealedSpec>>,
    /// Members whose write the journal refused.
    unwritten: BTreeMap<RunId, Member>,
    write_later: BTreeSet<RunId>,
    /// Deadline for the members of `write_later`.
    write_by: Option<Monotonic>,
    /// Time of the next write attempt; `None` while the journal takes writes.
    journal_retry: Option<Monotonic>,
    seen: SeenHub,
    outbox: Outbox,
    logs: Logs,
    outputs: Outputs,
    /// Limits log lines that a hub can cause.
    hub_lines: LogLimit,
    /// Limits the log lines of members' steps, which a hub can cause, too.
    step_lines: LogLimit,
    control_requests: mpsc::Receiver<ControlRequest>,
    connected: bool,
    /// End of the last session.
    away_since: Option<Timestamp>,
    /// Reloads of the configuration.
    reloads: u64,
    changes: Changes,
    /// Sessions opened by this process.
    sessions: u64,
    purge_at: Monotonic,
    retention: Retention,
    detector: Detector,
    /// Time of the last successful write.
    wrote_at: Option<Monotonic>,
    runtime_queue: RuntimeQueue,
}

/// The channels from which one pass may take further inputs.
struct Inputs {
    observations: mpsc::Receiver<Observation>,
    events: mpsc::Receiver<SessionEvent>,
    policy: watch::Receiver<Arc<PartyPolicy>>,
}

/// Cause of a pass.
enum Wakeup {
    Observed(Option<Observation>),
    Reply(Reply),
    StatusRequested(StatusRequest),
    ControlRequested(ControlRequest),
    Session(Option<SessionEvent>),
    PolicyChanged,
    MessageSent,
    Due,
}

impl Agent {
    async fn serve(
        &mut self,
        connector: Connector,
        login: Login,
        mut observations: mpsc::Receiver<Observation>,
        mut replies: mpsc::UnboundedReceiver<Reply>,
        stop: &CancellationToken,
    ) -> Result<(), AgentError> {
        self.decide_again().await;
        self.commit().await;
        tokio::select! {
            stopped = self.stop_unknown_work(&mut observations, &mut replies) => stopped?,
            () = stop.cancelled() => return Ok(()),
        }
        let (hello, hello_rx) = watch::channel(self.hello());
        let (events_tx, events) = mpsc::channel(SESSION_EVENTS_MAX);
        let mut inputs = Inputs { observations, events, policy: self.config.policy.clone() };
        // The session ends when `inputs` is dropped.
        tokio::spawn(session::run(
            connector,
            login,
            hello_rx,
            Arc::clone(&self.clock),
            self.config.metrics.clone(),
            events_tx,
        ));
        let clock = Arc::clone(&self.clock);
        loop {
            // Before the wait, because inputs that never cease would postpone it.
            if self.next_due() <= self.now().monotonic {
                self.pass(Wakeup::Due, &mut inputs).await?;
            }
            self.outbox.send_ready(&self.members, clock.monotonic());
            let due = self.next_due();
            let wakeup = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                observation = inputs.observations.recv() => Wakeup::Observed(observation),
                Some(reply) = replies.recv() => Wakeup::Reply(reply),
                Some(request) = self.config.status_requests.recv() => {
                    Wakeup::StatusRequested(request)
                }
                Some(request) = self.control_requests.recv() => {
                    Wakeup::ControlRequested(request)
                }
                event = inputs.events.recv() => Wakeup::Session(event),
                Ok(()) = inputs.policy.changed() => Wakeup::PolicyChanged,
                () = self.outbox.send_next(&self.members, clock.monotonic()) => Wakeup::MessageSent,
                () = clock.sleep_until(due) => Wakeup::Due,
            };
            self.pass(wakeup, &mut inputs).await?;
            let now = self.hello();
            hello.send_if_modified(|old| std::mem::replace(old, now.clone()) != now);
        }
    }

    /// Handles one wakeup, with further inputs of the same kind, and commits.
    async fn pass(&mut self, wakeup: Wakeup, inputs: &mut Inputs) -> Result<(), AgentError> {
        let began = self.clock.monotonic();
        let span = tracing::debug_span!("agent_pass", party.id = %self.config.party);
        let result = async {
            self.handle(wakeup, inputs).await?;
            self.commit().await;
            Ok(())
        };
        let result = result.instrument(span).await;
        let outcome = match &result {
            Ok(()) if self.journal_retry.is_none() => "ok",
            Ok(()) => "journal_failed",
            Err(_) => "ended",
        };
        self.config.metrics.pass(outcome, self.clock.monotonic().since(began));
        result
    }

    async fn handle(&mut self, wakeup: Wakeup, inputs: &mut Inputs) -> Result<(), AgentError> {
        match wakeup {
            Wakeup::Observed(observation) => {
                self.apply_observation(observation.ok_or(AgentError::RuntimeGone)?);
                for _ in 1..INPUTS_PER_PASS_MAX {
                    let Ok(observation) = inputs.observations.try_recv() else { break };
                    self.apply_observation(observation);
                }
            }
            Wakeup::Reply(reply) => self.apply_reply(reply)?,
            Wakeup::StatusRequested(request) => {
                self.probe_journal().await;
                // The requester may have timed out.
                let _ = request.send(self.status());
            }
            Wakeup::ControlRequested(request) => self.answer_control(request).await,
            Wakeup::Session(event) => {
                self.apply_session_event(event.ok_or(AgentError::SessionGone)?).await?;
                for _ in 1..INPUTS_PER_PASS_MAX {
                    let Ok(event) = inputs.events.try_recv() else { break };
                    self.apply_session_event(event).await?;
                }
            }
            Wakeup::PolicyChanged => {
                let policy = inputs.policy.borrow_and_update().clone();
                self.apply_policy(policy).await;
            }
            Wakeup::MessageSent => {}
            Wakeup::Due => self.tick().await,
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
            sends_outputs: true,
            checks_specs: true,
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

    /// The present moment. All deadlines are compared with it, because it detects that the process
    /// did not run for a while.
    fn now(&mut self) -> Moment {
        let reading = self.clock.read();
        if let Some(disturbance) = self.detector.observe(reading) {
            let (set_by_s, paused_s) =
                (disturbance.wall_set_by / 1_000_000, disturbance.paused.as_secs());
            tracing::warn!(
                set_by_s,
                paused_s,
                "the wall clock was set, or this process did not run for a while"
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

    fn next_due(&self) -> Monotonic {
        // Overdue progress is sent as soon as the session has room; it needs no wakeup.
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
            self.purge().await;
        }
    }
}
