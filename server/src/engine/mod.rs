//! Everything that changes a task goes through here, one change after the other.
//!
//! ```text
//!  api, grpc ──post──▶ queue ──fold──▶ store.apply (one transaction for many tasks) ──▶ answers, wakes, watchers
//! ```
//!
//! What the engine keeps true: an answer is given only after its change is durable; an agent is told of a wish only
//! after the wish is durable; a client that leaves cancels nothing, because the work belongs to the queue; no rule
//! stands here, only the order in which `flow_domain::run::step` is asked. A file per verb holds what the verb does to
//! one task in memory ([`draft::TaskDraft`]); [`queue`] holds when it is done and what happens if the store says no.

mod create;
mod delete;
mod draft;
mod edit;
mod outage;
pub mod progress;
mod queue;
mod remove_party;
mod report;
mod start;
mod stop;
mod timers;
mod wake;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flow_common::clock::{self, Monotonic, SharedClock};
use flow_common::supervisor::Supervisor;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{Digest, InstanceId, PartyId, ProjectId, RunId, TaskId};
use flow_domain::member::Report;
use flow_domain::run::Input;
use flow_domain::task::TaskBody;
use flow_domain::time::Timestamp;
use flow_proto::v1::DesiredMember;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::sessions::Sessions;
use crate::store::{Store, StoreError};
use outage::StoreFault;
use progress::ProgressSink;

pub use report::ReportOutcome;

/// Posts that may wait before a sender has to.
const QUEUE_LENGTH_MAX: usize = 8192;
/// Longest wait of a caller for the engine, however long the queue is.
const CALLER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);
/// The same while the disk of the database is full and the engine tries again and again to write.
const CALLER_TIMEOUT_DISK_FULL: std::time::Duration = std::time::Duration::from_secs(2);

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Name for events and audit.
    pub subject: String,
    /// The project whose resources it may touch.
    pub project: ProjectId,
}

/// An `Idempotency-Key` with what it was sent for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdemKey {
    /// Whose key, for which operation: keys of two scopes never meet.
    pub scope: String,
    /// The key.
    pub key: String,
    /// Digest of the request, so that a key cannot be used for another one.
    pub request: Digest,
}

/// What a verb does to a task.
#[derive(Debug, Clone)]
enum Change {
    Create {
        principal: Principal,
        body: TaskBody,
        idem: Option<IdemKey>,
    },
    Edit {
        principal: Principal,
        body: TaskBody,
        if_version: Option<u64>,
    },
    Start {
        principal: Principal,
        run: RunId,
        idem: Option<IdemKey>,
    },
    Stop {
        principal: Principal,
    },
    Delete {
        principal: Principal,
        if_version: Option<u64>,
    },
    Report {
        run: RunId,
        party: PartyId,
        report: Report,
    },
    /// A fact about one run: contact, progress.
    Input {
        run: RunId,
        input: Input,
    },
    /// Look at the deadlines.
    Tick,
}

/// What a verb answers.
#[derive(Debug, Clone)]
enum ChangeResult {
    Done,
    Task(TaskId),
    Run(RunId),
    Reported(ReportOutcome),
}

type Reply = oneshot::Sender<Result<ChangeResult, Error>>;

/// Something to do to one task.
#[derive(Debug)]
struct QueuedChange {
    change: Change,
    /// For the age of the queue.
    posted: Monotonic,
    /// Nobody may be waiting.
    reply: Option<Reply>,
}

/// A party came or went.
#[derive(Debug)]
struct ContactRequest {
    party: PartyId,
    epoch: u64,
    contact: ContactChange,
    reply: oneshot::Sender<Result<Vec<DesiredMember>, Error>>,
}

#[derive(Debug, Clone)]
enum ContactChange {
    Connected(InstanceId),
    Away(Timestamp),
}

#[derive(Debug)]
enum Request {
    Change(TaskId, QueuedChange),
    Contact(ContactRequest),
    RemoveParty(remove_party::RemoveRequest),
    /// Answered when everything posted before is done.
    Ping(oneshot::Sender<()>),
}

/// The door to the queue. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    posts: mpsc::Sender<Request>,
    store: Arc<Store>,
    watchers: Arc<wake::EventWatchers>,
    progress: Arc<ProgressSink>,
    revision: Arc<AtomicU64>,
    fault: StoreFault,
}

/// What the engine needs.
pub struct EngineParts {
    /// Where tasks are kept.
    pub store: Arc<Store>,
    /// Who is connected.
    pub sessions: Sessions,
    /// What time it is.
    pub clock: SharedClock,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Ends the loops. What was posted before is still done.
    pub stopping: CancellationToken,
    /// Takes the loops' unexpected ends.
    pub supervisor: Supervisor,
    /// Seconds without contact after which another agent may take a party's place.
    pub away_after_s: u64,
}

impl Engine {
    /// Notes that nobody is connected, then starts the queue, the timers and the progress writer. Call once per store; answers the tasks that have to end
    /// before the process may.
    pub async fn start(parts: EngineParts) -> Result<(Self, tokio_util::task::TaskTracker), Error> {
        let (posts, rx) = mpsc::channel(QUEUE_LENGTH_MAX);
        let watchers = Arc::new(wake::EventWatchers::default());
        let due = Arc::new(timers::NextDeadline::new());
        let revision = Arc::new(AtomicU64::new(0));
        let fault = StoreFault::default();
        let queue = queue::Queue::new(
            &parts,
            Arc::clone(&watchers),
            Arc::clone(&due),
            Arc::clone(&revision),
            fault.clone(),
        );
        let EngineParts { store, clock, stopping, supervisor, .. } = parts;
        let progress = Arc::new(ProgressSink::new(clock.clone()));
        let engine = Self {
            posts,
            revision,
            fault,
            store: Arc::clone(&store),
            watchers,
            progress: Arc::clone(&progress),
        };
        let tracker = tokio_util::task::TaskTracker::new();
        tracker.spawn(supervisor.essential("engine queue", &stopping, queue.run(rx)));
        tracker.spawn(supervisor.essential(
            "session writer",
            &stopping,
            session_writer(Arc::clone(&store), stopping.clone()),
        ));
        // Before anybody looks at a deadline.
        engine.take_over(clock.now()).await?;
        let timers =
            timers::run(engine.clone(), Arc::clone(&store), clock.clone(), due, stopping.clone());
        tracker.spawn(supervisor.essential("timers", &stopping, timers));
        let progress = progress::run(engine.clone(), store, clock, progress, stopping.clone());
        tracker.spawn(supervisor.essential("progress writer", &stopping, progress));
        tracker.close();
        Ok((engine, tracker))
    }

    async fn post(&self, task: TaskId, change: Change) -> Result<ChangeResult, Error> {
        let (reply, answer) = oneshot::channel();
        let change = QueuedChange { change, posted: clock::monotonic(), reply: Some(reply) };
        // What was posted is done even if nobody waits any longer.
        let asked = async {
            self.posts.send(Request::Change(task, change)).await.map_err(|_| shutting_down())?;
            answer.await.map_err(|_| shutting_down())?
        };
        let late = |_| {
            self.fault.get().map_or_else(|| Error::of(ErrorCode::StoreUnavailable), Error::from)
        };
        let is_full = self.fault.get().is_some_and(|error| error.is_disk_full());
        clock::timeout(if is_full { CALLER_TIMEOUT_DISK_FULL } else { CALLER_TIMEOUT }, asked)
            .await
            .map_err(late)?
    }

    /// Submits a task. Checked against its template's revision and the parties known.
    pub async fn create_task(
        &self,
        principal: &Principal,
        body: TaskBody,
        idem: Option<IdemKey>,
    ) -> Result<TaskId, Error> {
        create::check(&self.store, principal, &body).await?;
        let id = flow_common::ids::task_id();
        match self.post(id, Change::Create { principal: principal.clone(), body, idem }).await? {
            ChangeResult::Task(id) => Ok(id),
            other => Err(unexpected_result(&other)),
        }
    }

    /// Replaces a task's content. Refused while a run of it is active, or when `if_version` is not its version.
    pub async fn edit_task(
        &self,
        principal: &Principal,
        task: &TaskId,
        body: TaskBody,
        if_version: Option<u64>,
    ) -> Result<(), Error> {
        create::check(&self.store, principal, &body).await?;
        self.post(task.clone(), Change::Edit { principal: principal.clone(), body, if_version })
            .await
            .map(|_| ())
    }

    /// Makes a new run.
    pub async fn start_task(
        &self,
        principal: &Principal,
        task: &TaskId,
        idem: Option<IdemKey>,
    ) -> Result<RunId, Error> {
        let run = flow_common::ids::run_id();
        match self
            .post(task.clone(), Change::Start { principal: principal.clone(), run, idem })
            .await?
        {
            ChangeResult::Run(id) => Ok(id),
            other => Err(unexpected_result(&other)),
        }
    }

    /// Asks the task's active run to end. A run that is ending already is left as it is.
    pub async fn stop_task(&self, principal: &Principal, task: &TaskId) -> Result<(), Error> {
        self.post(task.clone(), Change::Stop { principal: principal.clone() }).await.map(|_| ())
    }

    /// Hides the task and ends what runs. Its members are kept until they have settled.
    /// With `if_version` only if that is its version.
    pub async fn delete_task(
        &self,
        principal: &Principal,
        task: &TaskId,
        if_version: Option<u64>,
    ) -> Result<(), Error> {
        self.post(task.clone(), Change::Delete { principal: principal.clone(), if_version })
            .await
            .map(|_| ())
    }

    /// Removes a party. Refused while a run with it is active and, unless `force`, while its agent has not confirmed the end
    /// of its members.
    pub async fn remove_party(&self, party: &PartyId, force: bool) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let post = remove_party::RemoveRequest { party: party.clone(), force, reply };
        let asked = async {
            self.posts.send(Request::RemoveParty(post)).await.map_err(|_| shutting_down())?;
            answer.await.map_err(|_| shutting_down())?
        };
        flow_common::clock::timeout(CALLER_TIMEOUT, asked)
            .await
            .map_err(|_| Error::of(ErrorCode::StoreUnavailable))?
    }

    /// The number of the task's newest event known here; changes with each commit that adds one. A receiver made
    /// before reading the events misses none.
    #[must_use]
    pub fn subscribe(&self, task: &TaskId) -> watch::Receiver<i64> {
        self.watchers.subscribe(task)
    }

    /// Posts an agent's report; the future answers once it is stored (or refused).
    pub(crate) async fn report(
        &self,
        task: TaskId,
        run: RunId,
        party: PartyId,
        report: Report,
    ) -> Result<impl Future<Output = Result<ReportOutcome, Error>> + use<>, Error> {
        if report.phase.is_terminal() || report.complete {
            self.progress.flush_member(&self.store, &run, &party).await?;
        }
        let (reply, answer) = oneshot::channel();
        let change = QueuedChange {
            change: Change::Report { run, party, report },
            posted: clock::monotonic(),
            reply: Some(reply),
        };
        self.posts.send(Request::Change(task, change)).await.map_err(|_| shutting_down())?;
        Ok(async move {
            match answer.await.map_err(|_| shutting_down())?? {
                ChangeResult::Reported(reported) => Ok(reported),
                other => Err(unexpected_result(&other)),
            }
        })
    }

    /// A session was opened: folds it into the party's unsettled members and answers what each of them shall be.
    pub(crate) async fn connected(
        &self,
        party: &PartyId,
        epoch: u64,
        instance: &InstanceId,
    ) -> Result<Vec<DesiredMember>, Error> {
        self.contact(party, epoch, ContactChange::Connected(instance.clone())).await
    }

    /// The session of this epoch ended.
    pub(crate) async fn away(
        &self,
        party: &PartyId,
        epoch: u64,
        since: Timestamp,
    ) -> Result<(), Error> {
        self.contact(party, epoch, ContactChange::Away(since)).await.map(|_| ())
    }

    async fn contact(
        &self,
        party: &PartyId,
        epoch: u64,
        contact: ContactChange,
    ) -> Result<Vec<DesiredMember>, Error> {
        let (reply, answer) = oneshot::channel();
        let post = ContactRequest { party: party.clone(), epoch, contact, reply };
        self.posts.send(Request::Contact(post)).await.map_err(|_| shutting_down())?;
        answer.await.map_err(|_| shutting_down())?
    }

    /// A hub that has just started: whoever is not connected is away from now on, not from before. (That deadlines begin
    /// again is the queue's doing, which has just started, too.)
    async fn take_over(&self, now: Timestamp) -> Result<(), Error> {
        self.store.all_away(now).await?;
        // There is one hub per database: whoever looked at the deadlines is gone.
        self.store.free_lease(timers::LEASE).await?;
        for task in self.store.active_tasks().await? {
            let aggregate = match self.store.load_task(&task).await {
                Ok(Some(aggregate)) => aggregate,
                Ok(None) => continue,
                Err(error) if error.is_retryable() => return Err(error.into()),
                Err(error) => {
                    // One row that cannot be read does not keep the hub from all others.
                    tracing::error!(%task, error = %flow_common::error::chain(&error), "a task cannot be taken over");
                    continue;
                }
            };
            for run in aggregate.runs.iter().filter(|run| !run.is_settled()) {
                for member in run.members.iter().filter(|member| !member.settled) {
                    let input = Input::Away { party: member.party.clone(), since: now };
                    self.post_fact(task.clone(), run.id.clone(), input).await?;
                }
            }
            self.tick(task).await?;
        }
        Ok(())
    }

    /// Posts a fact about a run without waiting for it.
    pub(crate) async fn post_fact(
        &self,
        task: TaskId,
        run: RunId,
        input: Input,
    ) -> Result<(), Error> {
        let change = QueuedChange {
            change: Change::Input { run, input },
            posted: clock::monotonic(),
            reply: None,
        };
        self.posts.send(Request::Change(task, change)).await.map_err(|_| shutting_down())
    }

    async fn tick(&self, task: TaskId) -> Result<(), Error> {
        self.post(task, Change::Tick).await.map(|_| ())
    }

    /// Completes once everything posted before is done; `false` if it never will be.
    pub(crate) async fn ping(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        self.posts.send(Request::Ping(reply)).await.is_ok() && answer.await.is_ok()
    }

    /// Why the store takes nothing from the engine at the moment, if it does not.
    pub(crate) fn store_fault(&self) -> Option<StoreError> {
        self.fault.get()
    }

    /// Number of the newest change published.
    pub(crate) fn revision(&self) -> u64 {
        self.revision.load(Ordering::SeqCst)
    }

    /// Where sessions put progress.
    pub(crate) fn progress(&self) -> &ProgressSink {
        &self.progress
    }
}

/// The store's own task, which it started before there was a supervisor.
async fn session_writer(store: Arc<Store>, stopping: CancellationToken) {
    stopping.run_until_cancelled(store.session_writer_ended()).await;
}

fn shutting_down() -> Error {
    Error::new(ErrorCode::Busy, "the hub is going down: repeat in a moment")
}

fn unexpected_result(answer: &ChangeResult) -> Error {
    Error::internal(format!("the engine answered {answer:?} to another question"))
}
