//! Support of the store's tests: a new database of each kind, and sample values from the domain's
//! own functions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use flow_domain::id::{Digest, InstanceId, PartyId, ProjectId, TaskId, TemplateId};
use flow_domain::member::Role;
use flow_domain::run::{Effect, Event, EventKind, Input, NewMember, NewRun, Run, step};
use flow_domain::spec::{MemberSpec, SealedSpec};
use flow_domain::task::{Rules, Task, TaskBody, TaskMember};
use flow_domain::template::{Framework, Resources, Template, TemplateBody};
use flow_domain::time::Timestamp;
use flow_server::store::{AccessEntry, NewEvent, RunUpdate, Store, StoreOptions, TaskUpdate};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    MariaDb,
    MySql,
}

/// A database of one test.
pub struct Fixture {
    pub backend: Backend,
    pub store: Store,
    pub url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Fixture {
    /// Without a schema.
    pub async fn bare(backend: Backend) -> Self {
        let (url, folder) = match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                (format!("sqlite:{}", folder.path().join("hub.db").display()), Some(folder))
            }
            Backend::MariaDb => {
                (flow_testkit::shared_mariadb().await.create_database().await, None)
            }
            Backend::MySql => (flow_testkit::shared_mysql().await.create_database().await, None),
        };
        let store = Store::open(&url, StoreOptions::default()).await.unwrap();
        Self { backend, store, url, _folder: folder }
    }

    /// With the schema.
    pub async fn new(backend: Backend) -> Self {
        let fixture = Self::bare(backend).await;
        fixture.store.migrate().await.unwrap();
        fixture
    }

    /// Opens the same database as another hub.
    pub async fn other(&self) -> Store {
        Store::open(&self.url, StoreOptions::default()).await.unwrap()
    }

    /// Changes the database without the store.
    pub async fn raw(&self, sql: &str) {
        use sqlx::Connection;
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        match self.backend {
            Backend::Sqlite => {
                let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Backend::MariaDb | Backend::MySql => {
                let mut connection = sqlx::MySqlConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}

/// One test function, run on every database.
#[macro_export]
macro_rules! on_every_database {
    ($($test:ident),+ $(,)?) => {
        $crate::on_every_database!(@on sqlite, Sqlite, $($test),+);
        $crate::on_every_database!(@on mariadb, MariaDb, $($test),+);
        $crate::on_every_database!(@on mysql, MySql, $($test),+);
    };
    (@on $module:ident, $backend:ident, $($test:ident),+) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test($crate::support::Fixture::new($crate::support::Backend::$backend).await).await;
                }
            )+
        }
    };
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp(1_700_000_000_000_000 + seconds * 1_000_000)
}

/// Returns 32 hexadecimal digits that grow within a process.
pub fn hex() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{:032x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn project() -> ProjectId {
    "default".parse().unwrap()
}

/// Creates a project.
pub async fn add_project(store: &Store, name: &str) -> ProjectId {
    let id = name.parse().unwrap();
    let entry = AccessEntry {
        id: hex(),
        at: at(1),
        actor_id: None,
        actor: String::new(),
        action: "create_project".to_owned(),
        object: name.to_owned(),
        project: None,
        address: String::new(),
        detail: String::new(),
    };
    store.create_project(&id, "", false, &entry).await.unwrap();
    id
}

pub fn party(name: &str) -> PartyId {
    name.parse().unwrap()
}

pub fn instance(number: u32) -> InstanceId {
    format!("{number:032x}").parse().unwrap()
}

pub fn template(name: &str) -> Template {
    Template {
        id: hex().parse().unwrap(),
        project: project(),
        name: name.to_owned(),
        remark: "for tests – „größer“ 🧪".to_owned(),
        revision: 1,
        body: TemplateBody {
            framework: Framework::Generic,
            image: "noop".to_owned(),
            command: vec!["true".to_owned()],
            aggregator_command: Vec::new(),
            workdir: String::new(),
            env: BTreeMap::new(),
            parameters: BTreeMap::new(),
            resources: Resources::default(),
            max_runtime_s: 60,
            stop_grace_s: 1,
            requires_aggregator: false,
            requires_dataset: [Role::Trainer].into(),
        },
        created_at: at(0),
        modified_at: at(0),
    }
}

/// A task of these parties; the first is the aggregator.
pub fn task(name: &str, template: &TemplateId, parties: &[&str]) -> Task {
    let members = parties.iter().enumerate().map(|(index, name)| TaskMember {
        party: party(name),
        role: if index == 0 { Role::Aggregator } else { Role::Trainer },
        dataset: None,
    });
    Task {
        id: hex().parse().unwrap(),
        project: project(),
        body: TaskBody {
            name: name.to_owned(),
            remark: "it's \"quoted\" \\ and % _ ! 🧪".to_owned(),
            template: template.clone(),
            revision: 1,
            epochs: 3,
            parameters: BTreeMap::from([("lr".to_owned(), "0.1".to_owned())]),
            members: members.collect(),
            rules: Rules::default(),
            labels: BTreeMap::new(),
        },
        created_at: at(1),
        modified_at: at(1),
        runs: 0,
        deleted_at: None,
    }
}

pub fn template_id() -> TemplateId {
    "f".repeat(32).parse().unwrap()
}

/// A task of two parties.
pub fn any_task(name: &str) -> Task {
    task(name, &template_id(), &["hospital-a", "hospital-b"])
}

pub fn event(message: &str) -> NewEvent {
    let event =
        Event { kind: EventKind::TaskEdited, run: None, party: None, message: message.to_owned() };
    NewEvent { at: at(2), event }
}

/// The update that creates `task`.
pub fn creation(task: Task) -> TaskUpdate {
    let event = Event {
        kind: EventKind::TaskCreated,
        run: None,
        party: None,
        message: "created".to_owned(),
    };
    TaskUpdate {
        task,
        insert: true,
        creator: None,
        base_version: 0,
        base_event_seq: 0,
        base_runs: None,
        body_changed: false,
        runs: Vec::new(),
        events: vec![NewEvent { at: at(1), event }],
        specs: Vec::new(),
        due: None,
        idempotency: None,
    }
}

/// An update of the stored task without a change.
pub async fn change(store: &Store, id: &TaskId) -> TaskUpdate {
    let found = store.load_task(id).await.unwrap().expect("the task is stored");
    TaskUpdate {
        insert: false,
        creator: None,
        base_version: found.version,
        base_event_seq: found.event_seq,
        base_runs: found.task.deleted_at.is_none().then_some(found.task.runs),
        body_changed: false,
        runs: Vec::new(),
        events: Vec::new(),
        specs: Vec::new(),
        due: found.due,
        idempotency: None,
        task: found.task,
    }
}

pub fn spec(task: &Task, party: &PartyId) -> SealedSpec {
    let bytes = format!("{{\"task\":\"{}\",\"party\":\"{party}\"}}", task.id).into_bytes();
    let spec = MemberSpec {
        version: 1,
        party: party.clone(),
        role: Role::Trainer,
        framework: Framework::Generic,
        image: "noop".to_owned(),
        argv: vec!["true".to_owned()],
        workdir: String::new(),
        env: BTreeMap::new(),
        parties: Vec::new(),
        epochs: 1,
        parameters: BTreeMap::new(),
        dataset: None,
        resources: Resources::default(),
        max_runtime_s: 60,
        stop_grace_s: 1,
        holes: BTreeMap::new(),
    };
    SealedSpec { spec, digest: Digest::of(&bytes), bytes }
}

/// Returns the events among the effects.
pub fn events_of(effects: Vec<Effect>) -> Vec<NewEvent> {
    let events = effects.into_iter().filter_map(|effect| match effect {
        Effect::Event(event) => Some(NewEvent { at: at(3), event }),
        Effect::Retry { .. } => None,
    });
    events.collect()
}

/// Adds a new run to the update.
pub fn start(change: &mut TaskUpdate) -> Run {
    change.task.runs += 1;
    let task = &change.task;
    change.specs = task.body.members.iter().map(|member| spec(task, &member.party)).collect();
    let members = task.body.members.iter().zip(&change.specs).map(|(member, spec)| NewMember {
        party: member.party.clone(),
        role: member.role,
        digest: spec.digest.clone(),
        connected: Some(instance(1)),
        away_since: at(0),
        never_connected: false,
        disabled: false,
    });
    let new = NewRun {
        id: hex().parse().unwrap(),
        task: task.id.clone(),
        number: task.runs,
        retry_of: None,
        started_by: None,
        inputs: None,
        retries_left: 0,
        not_before: at(0),
        framework: Framework::Generic,
        rules: Rules::default(),
        stop_grace_s: 1,
        members: members.collect(),
    };
    let (run, effects) = Run::new(new, at(3));
    change.events.extend(events_of(effects));
    change.runs.push(RunUpdate { before: None, after: run.clone() });
    change.due = flow_domain::run::next_due(&run);
    run
}

/// Applies one input to a stored run, in the update.
pub fn feed(change: &mut TaskUpdate, before: &Run, input: &Input) -> Run {
    let (after, effects) = step(before, input, at(4)).expect("the input moves the run");
    change.events.extend(events_of(effects));
    change.due = flow_domain::run::next_due(&after);
    change.runs.push(RunUpdate { before: Some(before.clone()), after: after.clone() });
    after
}

/// Ends and settles a run directly, because these tests check the store only.
pub fn settle(change: &mut TaskUpdate, before: &Run, phase: flow_domain::run::RunPhase) -> Run {
    let mut after = before.clone();
    after.phase = phase;
    after.finished_at = Some(at(5));
    after.settled_at = Some(at(5));
    for member in &mut after.members {
        member.settled = true;
    }
    change.due = None;
    change.runs.push(RunUpdate { before: Some(before.clone()), after: after.clone() });
    after
}

/// Stores a task, and starts it if `started`; returns it as stored.
pub async fn stored(store: &Store, task: Task, started: bool) -> flow_server::store::Aggregate {
    let id = task.id.clone();
    let mut change = creation(task);
    if started {
        start(&mut change);
    }
    store.apply(&[change]).await.unwrap();
    store.load_task(&id).await.unwrap().unwrap()
}
