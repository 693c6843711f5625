//! What the store takes and gives: plain values, the same for every database. Rows and SQL stay below.

use std::collections::BTreeMap;

use flow_domain::id::{Digest, InstanceId, PartyId, ProjectId, RunId, TaskId, TemplateId};
use flow_domain::member::MemberPhase;
use flow_domain::progress::{Point, Progress};
use flow_domain::run::{Event, Run, RunPhase};
use flow_domain::spec::SealedSpec;
use flow_domain::task::Task;
use flow_domain::time::Timestamp;

/// What SQLite promises of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// A commit survives power loss.
    #[default]
    Full,
    /// A commit survives `kill -9`, but the last ones may be lost with the power.
    Normal,
}

/// How the store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// SQLite only; InnoDB's flushing is the database server's setting.
    pub synchronous: Synchronous,
    /// Most connections for reading, and on MySQL as many for writing. SQLite has one writer.
    pub max_connections: u32,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { synchronous: Synchronous::Full, max_connections: 8 }
    }
}

/// One page of a list. Pages follow each other by `after`, which stays right while rows come and go; `offset` is for
/// v1 callers, who count pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// [`Page::next`] of the page before; `None` = from the start.
    pub after: Option<String>,
    /// Rows to skip, counted from `after`.
    pub offset: u32,
    /// Most rows wanted.
    pub limit: u32,
}

impl PageRequest {
    /// The first `limit` rows.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { after: None, offset: 0, limit }
    }
}

/// Rows of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; `None` = there is none. Names a place in this list under these filters only.
    pub next: Option<String>,
}

/// The unit of change: a task with every run that can still move, and always the newest one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// The task; deleted ones are loaded too.
    pub task: Task,
    /// For compare-and-swap.
    pub version: u64,
    /// Number of the task's newest event; 0 = none.
    pub event_seq: i64,
    /// When the sweep has to look at it.
    pub due: Option<Timestamp>,
    /// Runs that are active or unsettled, and the newest one, oldest first.
    pub runs: Vec<Run>,
}

impl Aggregate {
    /// The newest run.
    #[must_use]
    pub fn latest_run(&self) -> Option<&Run> {
        self.runs.last()
    }
}

/// One run of a change. Only rows that differ between the two are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunUpdate {
    /// As it was loaded; `None` = a new run.
    pub before: Option<Run>,
    /// As it shall be.
    pub after: Run,
}

/// An event to be written; its number comes from the task's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// One stored event of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its number in the task, from 1, without gaps.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// The answer to a request, kept so that the same request sent again gets the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdemRecord {
    /// Who asked for what kind of thing. At most 191 bytes.
    pub scope: String,
    /// The caller's key. At most 191 bytes.
    pub key: String,
    /// Digest of the request: the same key with another request is an error.
    pub request: Digest,
    /// What was answered: an id, or JSON, as the caller likes.
    pub response: String,
    /// When.
    pub at: Timestamp,
}

/// What one task becomes. All changes of one [`super::Store::apply`] are stored together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskUpdate {
    /// The task as it shall be.
    pub task: Task,
    /// The task is new: `base_version` and `base_event_seq` are 0.
    pub insert: bool,
    /// Version the change was computed from. The stored version is this and 1 more.
    pub base_version: u64,
    /// Number of the newest event then.
    pub base_event_seq: i64,
    /// `task.body` differs from what is stored.
    pub body_changed: bool,
    /// Runs that are new or differ.
    pub runs: Vec<RunUpdate>,
    /// Events, numbered on from `base_event_seq` in this order.
    pub events: Vec<NewEvent>,
    /// Specs of new members; those already stored are left alone.
    pub specs: Vec<SealedSpec>,
    /// When the sweep has to look at the task next; replaces what is stored.
    pub due: Option<Timestamp>,
    /// Stored with the change.
    pub idempotency: Option<IdemRecord>,
}

/// How a database finds something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryPlan {
    /// In its own words.
    pub words: String,
    /// How much there was to do, in hundreds of instructions; only SQLite counts them.
    pub steps: Option<u32>,
}

/// Which tasks a list shows. Empty or `None` = all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFilter {
    /// Of this project. Required: every list is one project's.
    pub project: ProjectId,
    /// Whose name begins with this. Such a list is ordered by name; all others by id, newest first.
    pub name_prefix: Option<String>,
    /// Whose newest run is in one of these phases; `None` in the list = never started.
    pub phases: Vec<Option<RunPhase>>,
    /// In which this party has a part.
    pub party: Option<PartyId>,
    /// Made from this template.
    pub template: Option<TemplateId>,
}

impl TaskFilter {
    /// All tasks of a project.
    #[must_use]
    pub const fn project(project: ProjectId) -> Self {
        Self { project, name_prefix: None, phases: Vec::new(), party: None, template: None }
    }
}

/// One task of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// The task.
    pub task: Task,
    /// For `ETag`s.
    pub version: u64,
    /// Number of its newest event.
    pub event_seq: i64,
    /// Phase of its newest run; `None` = never started.
    pub phase: Option<RunPhase>,
    /// Its newest run.
    pub latest_run: Option<RunId>,
}

/// Which templates a list shows, ordered by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFilter {
    /// Of this project.
    pub project: ProjectId,
    /// Whose name begins with this.
    pub name_prefix: Option<String>,
}

/// How making a template went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateCreation {
    /// Done.
    Done,
    /// Another template of the project has the name.
    NameTaken,
    /// The same key was used before; nothing was made now.
    Answered(IdemRecord),
}

/// How a template edit or deletion went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateChange {
    /// Done; the number of the newest revision.
    Done {
        /// Newest revision.
        revision: u32,
    },
    /// There is no such template.
    NotFound,
    /// Another edit came first; the number of the newest revision now.
    Stale {
        /// Newest revision.
        revision: u32,
    },
    /// Another template of the project has the name.
    NameTaken,
    /// Tasks that are not deleted refer to it.
    InUse {
        /// Names of some of them.
        tasks: Vec<String>,
    },
}

/// A party as it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyRow {
    /// Its name.
    pub id: PartyId,
    /// SHA-256 of its secret.
    pub secret_digest: Digest,
    /// When it was made.
    pub created_at: Timestamp,
    /// For people.
    pub remark: String,
}

/// A party as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// As it was made.
    pub row: PartyRow,
    /// Number of its newest session; 0 = never connected.
    pub epoch: u64,
    /// The agent of its newest session.
    pub instance: Option<InstanceId>,
    /// A session is open.
    pub connected: bool,
    /// Connected, or away, since this moment.
    pub since: Timestamp,
    /// Version of the agent that was last connected.
    pub agent_version: String,
    /// Digest of the stored inventory.
    pub inventory_digest: Option<Digest>,
}

/// Answer to an agent that wants a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionDecision {
    /// It has it.
    Granted(SessionGrant),
    /// Another agent of the party has one, or had one until a moment ago.
    InUse {
        /// Connected, or away, since.
        since: Timestamp,
    },
    /// There is no such party.
    UnknownParty,
}

/// A session, granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionGrant {
    /// Its number: a session with a smaller one is over.
    pub epoch: u64,
    /// The other journal that held the party's members before.
    pub replaced: Option<InstanceId>,
}

/// Newest progress of a member, with points to be added to its series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressWrite {
    /// Project of the task.
    pub project: ProjectId,
    /// Which run.
    pub run: RunId,
    /// Whose.
    pub party: PartyId,
    /// When it was heard.
    pub at: Timestamp,
    /// What it shows; its `points` are appended to the series.
    pub progress: Progress,
}

/// Stored progress of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressRow {
    /// Which run.
    pub run: RunId,
    /// Whose.
    pub party: PartyId,
    /// When it was heard.
    pub at: Timestamp,
    /// What it shows; `points` is empty.
    pub progress: Progress,
}

/// Stored series of a member, by name; points in order of arrival.
pub type Series = BTreeMap<String, Vec<Point>>;

/// Names a member an agent holds and the hub does not know. As text `PARTY.RUN.ATTEMPT`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrphanKey {
    /// Whose agent.
    pub party: PartyId,
    /// The run it says it belongs to.
    pub run: RunId,
    /// Reservation round.
    pub attempt: u32,
}

/// A member an agent holds and the hub does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Its name.
    pub key: OrphanKey,
    /// The task, if it tells.
    pub task: Option<TaskId>,
    /// Digest of its spec.
    pub digest: Option<Digest>,
    /// Where it stands.
    pub phase: MemberPhase,
    /// When it was last told of.
    pub seen_at: Timestamp,
    /// What an operator decided.
    pub decision: Option<OrphanDecision>,
}

/// What an operator wants of an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrphanDecision {
    /// End it.
    Stop,
    /// Let it run to its own end.
    Keep,
}

/// A report that changed no phase, kept for the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// Whose.
    pub party: PartyId,
    /// Of which run.
    pub run: RunId,
    /// The report as JSON.
    pub report: String,
    /// Reservation round it speaks of.
    pub attempt: u32,
    /// Its number in the agent's journal.
    pub sequence: u64,
    /// Journal.
    pub instance: InstanceId,
    /// Why it changed nothing.
    pub refusal: String,
    /// When it was heard.
    pub at: Timestamp,
}

/// Numbers for the metrics page. Only what can still move is counted: terminal, settled runs are history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Unsettled runs by phase.
    pub runs: BTreeMap<String, u64>,
    /// Members of unsettled runs by phase.
    pub members: BTreeMap<String, u64>,
    /// Parties with an open session.
    pub parties_connected: u64,
    /// Parties.
    pub parties: u64,
}

/// One thing `doctor` looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, and what to do if it is not well.
    pub detail: String,
}
