//! Input and output of the store: plain values, the same for every database.

use std::collections::BTreeMap;

use flow_domain::id::{Digest, InstanceId, PartyId, ProjectId, RunId, TaskId, TemplateId, UserId};
use flow_domain::member::MemberPhase;
use flow_domain::progress::{Point, Progress, SeriesSummary};
use flow_domain::run::{Event, Run, RunPhase};
use flow_domain::spec::SealedSpec;
use flow_domain::task::Task;
use flow_domain::template::Template;
use flow_domain::time::Timestamp;
use serde::Deserialize;

/// Durability of a commit in SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// A commit survives a power failure.
    #[default]
    Full,
    /// A commit survives `kill -9`; the last commits may be lost in a power failure.
    Normal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// SQLite only; the database server sets InnoDB's flushing.
    pub synchronous: Synchronous,
    /// Connections for reads, and on MySQL as many for writes. SQLite has one writer.
    pub max_connections: u32,
    pub quotas: Quotas,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { synchronous: Synchronous::Full, max_connections: 8, quotas: Quotas::default() }
    }
}

/// Limits of stored objects: of each project without limits of its own, and of each account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    pub tasks: u32,
    pub runs: u32,
    pub templates: u32,
    pub tokens_per_account: u32,
}

impl Default for Quotas {
    /// As in `config.default.toml`.
    fn default() -> Self {
        Self { tasks: 100_000, runs: 1_000_000, templates: 10_000, tokens_per_account: 100 }
    }
}

/// The position of a page in a list. A cursor (`after`) stays correct while rows are added and
/// removed; `offset` is for v1 clients, which count pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// [`Page::next`] of the page before; `None` = first page.
    pub after: Option<String>,
    /// Rows to skip after the cursor.
    pub offset: u32,
    pub limit: u32,
}

impl PageRequest {
    /// Returns the first page, of `limit` rows.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { after: None, offset: 0, limit }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Cursor of the next page; `None` = last page. Valid for this list with these filters only.
    pub next: Option<String>,
}

/// The unit of change: a task with its unsettled runs and its newest run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// Deleted tasks are loaded too.
    pub task: Task,
    /// For compare-and-swap.
    pub version: u64,
    /// Number of the task's newest event; 0 = none.
    pub event_seq: i64,
    /// The earliest deadline.
    pub due: Option<Timestamp>,
    /// Oldest first.
    pub runs: Vec<Run>,
}

impl Aggregate {
    #[must_use]
    pub fn latest_run(&self) -> Option<&Run> {
        self.runs.last()
    }
}

/// The update of one run. Only rows that differ between `before` and `after` are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunUpdate {
    /// As loaded; `None` = a new run.
    pub before: Option<Run>,
    pub after: Run,
}

/// An event to store; its number comes from the task's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub at: Timestamp,
    pub event: Event,
}

/// A stored event of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Number of the event in its task, from 1, without gaps.
    pub seq: i64,
    pub at: Timestamp,
    pub event: Event,
}

/// A stored event in the feed of all tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRow {
    /// Number of the event in the feed. Numbers grow with the commits; they have gaps within a
    /// project.
    pub number: i64,
    pub project: ProjectId,
    pub task: TaskId,
    /// Name of the task at the time of the read.
    pub task_name: String,
    pub event: EventRow,
}

/// The answer to a request, kept so that a repeated request gets the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Caller and operation; at most 191 bytes.
    pub scope: String,
    /// The caller's key; at most 191 bytes.
    pub key: String,
    /// Digest of the request: the same key with another request is an error.
    pub request: Digest,
    /// An id, or JSON.
    pub response: String,
    pub at: Timestamp,
}

/// The update of one task. All updates of one [`super::Store::apply`] are stored together or not at
/// all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskUpdate {
    pub task: Task,
    /// The task is new: `base_version` and `base_event_seq` are 0.
    pub insert: bool,
    /// The account that creates a new task.
    pub creator: Option<UserId>,
    /// Version that the update is based on. The stored version becomes this plus 1.
    pub base_version: u64,
    /// Number of the newest event at that version.
    pub base_event_seq: i64,
    /// Runs of the task at that version; `None` for a new and for a deleted task.
    pub base_runs: Option<u32>,
    /// `task.body` differs from the stored body.
    pub body_changed: bool,
    /// Runs that are new or differ.
    pub runs: Vec<RunUpdate>,
    /// Events, numbered from `base_event_seq + 1` in this order.
    pub events: Vec<NewEvent>,
    /// Specs of new members; stored ones are kept.
    pub specs: Vec<SealedSpec>,
    /// The next deadline; replaces the stored one.
    pub due: Option<Timestamp>,
    /// Stored with the update.
    pub idempotency: Option<IdempotencyRecord>,
}

/// The plan of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryPlan {
    /// The database's own description.
    pub words: String,
    /// Cost in hundreds of instructions; only SQLite counts them.
    pub steps: Option<u32>,
}

/// A filter of tasks. Empty or `None` = all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFilter {
    /// Required: every list belongs to one project.
    pub project: ProjectId,
    /// Prefix of the name.
    pub name_prefix: Option<String>,
    /// Phases of the newest run; `None` in the list = never started.
    pub phases: Vec<Option<RunPhase>>,
    /// A party with a part in the task.
    pub party: Option<PartyId>,
    pub template: Option<TemplateId>,
    /// Labels that the task has, all of them: name and value.
    pub labels: Vec<(String, String)>,
    /// Time of creation.
    pub created: TimeRange,
    /// `None`: by name with a name prefix, else by creation.
    pub order: Option<TaskOrder>,
    /// `None`: names ascend, times descend.
    pub descending: Option<bool>,
}

impl TaskFilter {
    /// All tasks of a project.
    #[must_use]
    pub const fn project(project: ProjectId) -> Self {
        Self {
            project,
            name_prefix: None,
            phases: Vec::new(),
            party: None,
            template: None,
            labels: Vec::new(),
            created: TimeRange { from: None, before: None },
            order: None,
            descending: None,
        }
    }
}

/// The order of a list of tasks. Tasks that were created or edited at the same time follow in the
/// order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskOrder {
    Name,
    Created,
    Modified,
}

/// A range of time. `None` = no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// The first time of the range.
    pub from: Option<Timestamp>,
    /// The first time after the range.
    pub before: Option<Timestamp>,
}

impl TimeRange {
    pub(super) const fn is_all(&self) -> bool {
        self.from.is_none() && self.before.is_none()
    }
}

/// A filter of runs. Empty or `None` = all. The list is ordered by creation, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFilter {
    pub project: ProjectId,
    /// First digits of the id.
    pub id_prefix: String,
    pub phases: Vec<RunPhase>,
    /// A party with a member of the run.
    pub party: Option<PartyId>,
    pub task: Option<TaskId>,
    /// Time of creation.
    pub created: TimeRange,
}

impl RunFilter {
    /// All runs of a project.
    #[must_use]
    pub const fn project(project: ProjectId) -> Self {
        Self {
            project,
            id_prefix: String::new(),
            phases: Vec::new(),
            party: None,
            task: None,
            created: TimeRange { from: None, before: None },
        }
    }
}

/// A task for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    pub task: Task,
    /// For `ETag`s.
    pub version: u64,
    /// Number of the newest event.
    pub event_seq: i64,
    /// Phase of the newest run; `None` = never started.
    pub phase: Option<RunPhase>,
    pub latest_run: Option<RunId>,
    /// Name of the account that created the task; `None` if it was deleted, and for a task from
    /// before accounts.
    pub creator: Option<String>,
}

/// A filter of templates. The list is ordered by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFilter {
    pub project: ProjectId,
    /// Prefix of the name.
    pub name_prefix: Option<String>,
}

/// Outcome of the creation of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateCreation {
    Done,
    /// Another template of the project has the name.
    NameTaken,
    /// The key was used before; nothing was created now.
    Answered(IdempotencyRecord),
}

/// Outcome of an edit or a deletion of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateChange {
    Done {
        /// The newest revision.
        revision: u32,
    },
    NotFound,
    /// Another edit came first.
    Stale {
        /// The newest revision.
        revision: u32,
    },
    /// Another template of the project has the name.
    NameTaken,
    /// Tasks that are not deleted refer to the template.
    InUse {
        /// Names of some of them.
        tasks: Vec<String>,
    },
}

/// The write of one template in [`super::Store::apply_documents`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateWrite {
    Create(Template),
    /// Adds revision `template.revision` on top of the one before.
    Edit(Template),
}

/// The part of a party that sessions do not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyRow {
    pub id: PartyId,
    /// SHA-256 of the secret.
    pub secret_digest: Digest,
    pub created_at: Timestamp,
    /// For people.
    pub remark: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    pub row: PartyRow,
    /// Number of the newest session; 0 = never connected.
    pub epoch: u64,
    /// The agent of the newest session.
    pub instance: Option<InstanceId>,
    /// A session is open.
    pub connected: bool,
    /// Start of the session, or of the absence.
    pub since: Timestamp,
    /// Version of the agent that was connected last.
    pub agent_version: String,
    /// Digest of the stored inventory.
    pub inventory_digest: Option<Digest>,
    /// An administrator disabled the party at this time.
    pub disabled_at: Option<Timestamp>,
}

/// The decision about an agent that asks for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionDecision {
    Granted(SessionGrant),
    /// Another agent of the party has a session, or had one within `away_after_s`.
    InUse {
        /// Start of that session, or of that absence.
        since: Timestamp,
    },
    UnknownParty,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionGrant {
    /// Number of the session: sessions with a smaller number are superseded.
    pub epoch: u64,
    /// The other journal that held the party's members before.
    pub replaced: Option<InstanceId>,
}

/// Newest progress of a member, with points to add to its series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressWrite {
    /// Project of the task.
    pub project: ProjectId,
    pub run: RunId,
    pub party: PartyId,
    /// Time of receipt.
    pub at: Timestamp,
    /// `points` are appended to the series.
    pub progress: Progress,
}

/// Stored progress of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressRow {
    pub run: RunId,
    pub party: PartyId,
    /// Time of receipt.
    pub at: Timestamp,
    /// `points` is empty.
    pub progress: Progress,
}

/// Stored series of a member by name; points in order of arrival.
pub type Series = BTreeMap<String, Vec<Point>>;

/// Summaries of the series of a run, by party and name.
pub type SeriesSummaries = BTreeMap<(PartyId, String), SeriesSummary>;

/// Identifies a member that an agent holds and the hub does not know. As text `PARTY.RUN.ATTEMPT`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrphanKey {
    pub party: PartyId,
    /// The run that the agent names.
    pub run: RunId,
    /// Reservation round.
    pub attempt: u32,
}

/// A member that an agent holds and the hub does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    pub key: OrphanKey,
    /// The task, if the agent names it.
    pub task: Option<TaskId>,
    /// Digest of the spec.
    pub digest: Option<Digest>,
    pub phase: MemberPhase,
    /// Time of the last report.
    pub seen_at: Timestamp,
    /// Decision of an operator.
    pub decision: Option<OrphanDecision>,
}

/// Decision of an operator about an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrphanDecision {
    /// End the member.
    Stop,
    /// Let the member run to its end.
    Keep,
}

/// A report that changed no phase, kept for the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    pub party: PartyId,
    pub run: RunId,
    /// The report as JSON.
    pub report: String,
    /// Reservation round of the report.
    pub attempt: u32,
    /// Number in the agent's journal.
    pub sequence: u64,
    pub instance: InstanceId,
    /// The rule because of which the report changed nothing.
    pub refusal: String,
    /// Time of receipt.
    pub at: Timestamp,
}

/// Counts for the metrics page. Only unsettled runs are counted: the others are history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Unsettled runs by phase.
    pub runs: BTreeMap<String, u64>,
    /// Members of unsettled runs by phase.
    pub members: BTreeMap<String, u64>,
    /// Parties with an open session.
    pub parties_connected: u64,
    pub parties: u64,
}

/// The result of one check of `doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub check: &'static str,
    pub ok: bool,
    /// The result; if the check failed, with the remedy.
    pub detail: String,
}
