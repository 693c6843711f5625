//! The engine applies every change of a task, one after the other.
//!
//! ```text
//!  api, grpc ──request──▶ queue ──apply──▶ store.apply (one transaction for many tasks) ──▶ results, wakes, watchers
//! ```
//!
//! Guarantees: a result is returned only after its change is durable; an agent receives a desired
//! member only after it is durable; a client that disconnects cancels nothing, because the queue
//! owns the change.
//!
//! The engine holds no rules: it decides the order in which `flow_domain::run::step` is called. One
//! file per verb changes one task in memory ([`draft::TaskDraft`]); [`queue`] decides when, and
//! handles failures of the store.

mod create;
mod delete;
mod disable_party;
mod documents;
mod draft;
mod edit;
mod feed;
mod offers;
mod outage;
pub mod progress;
mod queue;
mod remove_party;
mod report;
mod start;
mod stop;
mod timers;
mod wake;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flow_common::clock::{self, Monotonic, SharedClock};
use flow_common::supervisor::Supervisor;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{Digest, InstanceId, PartyId, ProjectId, RunId, TaskId, TemplateId};
use flow_domain::member::Report;
use flow_domain::run::{Input, Run};
use flow_domain::task::{Overrides, Task, TaskBody};
use flow_domain::template::TemplateBody;
use flow_domain::time::Timestamp;
use flow_proto::v1::DesiredMember;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::sessions::Sessions;
use crate::store::{Store, StoreError, TaskRow};
use outage::StoreFault;
use progress::ProgressSink;
use start::StartRequest;

pub use crate::access::Principal;
pub use documents::AppliedDocuments;
pub use feed::FeedFollower;
pub use report::ReportOutcome;
pub use timers::RetentionDays;

/// Queued requests beyond which a sender waits.
const QUEUE_LENGTH_MAX: usize = 8192;
/// Timeout of a caller, for any length of the queue.
const CALLER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);
/// Timeout of a caller while the disk of the database is full and the engine retries its write.
const CALLER_TIMEOUT_DISK_FULL: std::time::Duration = std::time::Duration::from_secs(2);

/// An `Idempotency-Key` and the request it was sent with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Operation and caller: keys of two scopes are independent.
    pub scope: String,
    pub key: String,
    /// Digest of the request; the key is rejected for any other request.
    pub request: Digest,
}

/// A requested transition of one task.
#[derive(Debug, Clone)]
enum Change {
    Create {
        principal: Principal,
        body: TaskBody,
        idem: Option<IdempotencyKey>,
    },
    Edit {
        principal: Principal,
        body: TaskBody,
        if_version: Option<u64>,
    },
    Start(StartRequest),
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
    /// Check the deadlines.
    Tick,
}

#[derive(Debug, Clone)]
enum ChangeResult {
    Done,
    Created(Box<Task>),
    /// An earlier request created the task.
    Task(TaskId),
    Started(Box<Run>),
    /// An earlier request created the run.
    Run(RunId),
    Reported(ReportOutcome),
}

impl Change {
    /// Returns the name of a change that a user requests; `None` for facts.
    const fn name(&self) -> Option<&'static str> {
        match self {
            Self::Create { .. } => Some("create"),
            Self::Edit { .. } => Some("edit"),
            Self::Start(_) => Some("start"),
            Self::Stop { .. } => Some("stop"),
            Self::Delete { .. } => Some("delete"),
            Self::Report { .. } | Self::Input { .. } | Self::Tick => None,
        }
    }
}

/// The task of a request that creates one.
#[derive(Debug)]
pub enum CreatedTask {
    /// The task as it is stored, and the content of its template.
    New(Box<TaskRow>, Box<TemplateBody>),
    /// The task that an earlier request with the same key created.
    Earlier(TaskId),
}

impl CreatedTask {
    /// Returns the id of the task.
    #[must_use]
    pub const fn id(&self) -> &TaskId {
        match self {
            Self::New(row, _) => &row.task.id,
            Self::Earlier(id) => id,
        }
    }
}

/// The run of a request that starts a task.
#[derive(Debug)]
pub enum StartedRun {
    /// The run as it was created.
    New(Box<Run>),
    /// The run that an earlier request with the same key created.
    Earlier(RunId),
}

type Reply = oneshot::Sender<Result<ChangeResult, Error>>;

#[derive(Debug)]
struct QueuedChange {
    change: Change,
    /// For the metric of the queue's age.
    posted: Monotonic,
    /// `None` for facts, which have no caller.
    reply: Option<Reply>,
}

/// The parties with a state that members of new runs record.
#[derive(Debug, Default)]
struct PartyStates {
    disabled: HashSet<PartyId>,
    /// Parties without a session so far. Complete for the parties of a task that is being started.
    never_connected: HashSet<PartyId>,
}

/// A session was opened or closed.
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
    /// A template may have another name.
    TemplateEdited(TemplateId),
    Documents(documents::DocumentsPost),
    DisableParty(disable_party::DisableRequest),
    /// Acknowledged after every request that was posted before.
    Ping(oneshot::Sender<()>),
}

/// Handle of the engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    posts: mpsc::Sender<Request>,
    store: Arc<Store>,
    watchers: Arc<wake::EventWatchers>,
    progress: Arc<ProgressSink>,
    revision: Arc<AtomicU64>,
    fault: StoreFault,
}

pub struct EngineParts {
    pub store: Arc<Store>,
    pub sessions: Sessions,
    pub clock: SharedClock,
    pub metrics: Arc<Metrics>,
    /// Ends the loops. Requests that were posted before are still processed.
    pub stopping: CancellationToken,
    /// Reports loops that end unexpectedly.
    pub supervisor: Supervisor,
    /// Seconds without contact after which another agent may replace the party's agent.
    pub away_after_s: u64,
    pub retention: RetentionDays,
}

impl Engine {
    /// Records that no agent is connected, then starts the queue, the timers and the progress
    /// writer. Call once per store. Also returns the tasks that must end before the process does.
    pub async fn start(parts: EngineParts) -> Result<(Self, tokio_util::task::TaskTracker), Error> {
        let (posts, rx) = mpsc::channel(QUEUE_LENGTH_MAX);
        let watchers = Arc::new(wake::EventWatchers::default());
        let due = Arc::new(timers::NextDeadline::new());
        let revision = Arc::new(AtomicU64::new(0));
        let fault = StoreFault::default();
        let disabled = parts.store.disabled_parties().await?;
        let queue = queue::Queue::new(
            &parts,
            disabled.clone(),
            Arc::clone(&watchers),
            Arc::clone(&due),
            Arc::clone(&revision),
            fault.clone(),
        );
        let EngineParts { store, clock, stopping, supervisor, metrics, retention, .. } = parts;
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
        let feed = Arc::clone(&engine.watchers.feed).run(Arc::clone(&store), stopping.clone());
        tracker.spawn(supervisor.essential("event feed", &stopping, feed));
        tracker.spawn(supervisor.essential("engine queue", &stopping, queue.run(rx)));
        tracker.spawn(supervisor.essential(
            "session writer",
            &stopping,
            session_writer(Arc::clone(&store), stopping.clone()),
        ));
        // Before the timers check a deadline.
        engine.take_over(clock.now(), &disabled).await?;
        let timers = timers::run(
            engine.clone(),
            Arc::clone(&store),
            clock.clone(),
            due,
            Arc::clone(&metrics),
            retention,
            stopping.clone(),
        );
        tracker.spawn(supervisor.essential("timers", &stopping, timers));
        let progress =
            progress::run(engine.clone(), store, clock, progress, metrics, stopping.clone());
        tracker.spawn(supervisor.essential("progress writer", &stopping, progress));
        tracker.close();
        Ok((engine, tracker))
    }

    async fn post(&self, task: TaskId, change: Change) -> Result<ChangeResult, Error> {
        let (reply, answer) = oneshot::channel();
        let change = QueuedChange { change, posted: clock::monotonic(), reply: Some(reply) };
        // The queue processes the change even if the caller times out.
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

    /// Returns a receiver that changes after each commit.
    pub(crate) fn commits(&self) -> watch::Receiver<()> {
        self.watchers.feed.commits()
    }

    /// Opens a stream of the events of a project, after this number or of new events only.
    pub async fn follow(
        &self,
        project: ProjectId,
        after: Option<i64>,
    ) -> Result<FeedFollower, StoreError> {
        let (feed, store) = (Arc::clone(&self.watchers.feed), Arc::clone(&self.store));
        FeedFollower::new(feed, store, project, after).await
    }

    /// Creates a task, after its content was checked against the revision of the template and the
    /// known parties.
    pub async fn create_task(
        &self,
        principal: &Principal,
        body: TaskBody,
        idem: Option<IdempotencyKey>,
    ) -> Result<CreatedTask, Error> {
        let template = create::check(&self.store, principal, &body).await?;
        let id = flow_common::ids::task_id();
        match self.post(id, Change::Create { principal: principal.clone(), body, idem }).await? {
            ChangeResult::Created(task) => Ok(CreatedTask::New(
                Box::new(create::row(*task, principal)),
                Box::new(template.body),
            )),
            ChangeResult::Task(id) => Ok(CreatedTask::Earlier(id)),
            other => Err(unexpected_result(&other)),
        }
    }

    /// Checks a task as its creation does, and changes nothing. Returns the content of its template.
    pub async fn check_task(
        &self,
        principal: &Principal,
        body: &TaskBody,
    ) -> Result<TemplateBody, Error> {
        let template = create::check(&self.store, principal, body).await?;
        if self.store.task_by_name(&principal.project, &body.name).await?.is_some() {
            return Err(create::name_taken(&body.name));
        }
        Ok(template.body)
    }

    /// Replaces a task's content. Rejected while a run is active, or if `if_version` is not the
    /// stored version.
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

    /// Creates a run with these values in place of those of the task.
    pub async fn start_task(
        &self,
        principal: &Principal,
        task: &TaskId,
        overrides: Overrides,
        idem: Option<IdempotencyKey>,
    ) -> Result<StartedRun, Error> {
        let (principal, run) = (principal.clone(), flow_common::ids::run_id());
        let request = StartRequest { principal, run, overrides, idem };
        match self.post(task.clone(), Change::Start(request)).await? {
            ChangeResult::Started(run) => Ok(StartedRun::New(run)),
            ChangeResult::Run(id) => Ok(StartedRun::Earlier(id)),
            other => Err(unexpected_result(&other)),
        }
    }

    /// Stops the task's active run. A run that is ending already does not change.
    pub async fn stop_task(&self, principal: &Principal, task: &TaskId) -> Result<(), Error> {
        self.post(task.clone(), Change::Stop { principal: principal.clone() }).await.map(|_| ())
    }

    /// Hides the task and stops its active run. Its members are kept until they have settled. With
    /// `if_version` only if that is the stored version.
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

    /// Removes a party. Rejected while a run with it is active and, unless `force`, while its agent
    /// has not confirmed the end of its members.
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

    /// Reports an edit of a template, so that new runs record its new name.
    pub async fn template_edited(&self, template: TemplateId) -> Result<(), Error> {
        self.posts.send(Request::TemplateEdited(template)).await.map_err(|_| shutting_down())
    }

    /// Disables a party, so that it gets no new members, or enables it.
    pub async fn disable_party(&self, party: &PartyId, disabled: bool) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let post = disable_party::DisableRequest { party: party.clone(), disabled, reply };
        let asked = async {
            self.posts.send(Request::DisableParty(post)).await.map_err(|_| shutting_down())?;
            answer.await.map_err(|_| shutting_down())?
        };
        flow_common::clock::timeout(CALLER_TIMEOUT, asked)
            .await
            .map_err(|_| Error::of(ErrorCode::StoreUnavailable))?
    }

    /// Returns the number of the task's newest event, updated with each commit that adds one. A
    /// receiver that was created before events are read misses none.
    #[must_use]
    pub fn subscribe(&self, task: &TaskId) -> watch::Receiver<i64> {
        self.watchers.subscribe(task)
    }

    /// Posts an agent's report. The returned future completes once the report is stored or refused.
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

    /// Records an opened session in the party's unsettled members. Returns the desired state of
    /// each of them.
    pub(crate) async fn connected(
        &self,
        party: &PartyId,
        epoch: u64,
        instance: &InstanceId,
    ) -> Result<Vec<DesiredMember>, Error> {
        self.contact(party, epoch, ContactChange::Connected(instance.clone())).await
    }

    /// Records that the session of this epoch has ended.
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

    /// Starts the absence of every party that is not connected at the moment this hub starts. (The
    /// queue extends the deadlines.)
    async fn take_over(&self, now: Timestamp, disabled: &HashSet<PartyId>) -> Result<(), Error> {
        self.store.all_away(now).await?;
        // There is one hub per database: the previous holder has ended.
        self.store.free_lease(timers::LEASE).await?;
        for task in self.store.active_tasks().await? {
            let aggregate = match self.store.load_task(&task).await {
                Ok(Some(aggregate)) => aggregate,
                Ok(None) => continue,
                Err(error) if error.is_retryable() => return Err(error.into()),
                Err(error) => {
                    // One row that cannot be read must not stop the hub.
                    tracing::error!(task.id = %task, error = %flow_common::error::chain(&error), "cannot read a task at startup; its deadlines are not checked");
                    continue;
                }
            };
            for run in aggregate.runs.iter().filter(|run| !run.is_settled()) {
                for member in run.members.iter().filter(|member| !member.settled) {
                    let input = Input::Away { party: member.party.clone(), since: now };
                    self.post_fact(task.clone(), run.id.clone(), input).await?;
                    // The hub may have been killed before it recorded the change in its runs.
                    let is_disabled = disabled.contains(&member.party);
                    if member.disabled != is_disabled {
                        let input = Input::PartyDisabled {
                            party: member.party.clone(),
                            disabled: is_disabled,
                            connected: None,
                        };
                        self.post_fact(task.clone(), run.id.clone(), input).await?;
                    }
                }
            }
            self.tick(task).await?;
        }
        Ok(())
    }

    /// Posts a fact about a run; does not wait for its result.
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

    /// Completes when every request that was posted before is done; `false` if the queue has ended.
    pub(crate) async fn ping(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        self.posts.send(Request::Ping(reply)).await.is_ok() && answer.await.is_ok()
    }

    /// Returns the failure of the store, while the engine cannot write.
    pub(crate) fn store_fault(&self) -> Option<StoreError> {
        self.fault.get()
    }

    /// Returns the number of the newest published change.
    pub(crate) fn revision(&self) -> u64 {
        self.revision.load(Ordering::SeqCst)
    }

    pub(crate) fn progress(&self) -> &ProgressSink {
        &self.progress
    }
}

/// Watches the store's writer of sessions, which starts before the supervisor exists.
async fn session_writer(store: Arc<Store>, stopping: CancellationToken) {
    stopping.run_until_cancelled(store.session_writer_ended()).await;
}

fn shutting_down() -> Error {
    Error::new(ErrorCode::Busy, "the hub is shutting down: retry in a moment")
}

fn unexpected_result(answer: &ChangeResult) -> Error {
    Error::internal(format!("the engine returned {answer:?} for another change"))
}
