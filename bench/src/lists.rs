//! Pages of 50 out of a million tasks, for every filter of the task list.
//!
//! The hub and fake agents run one task; SQL then copies its rows a million times with other ids,
//! names, phases, templates and parties.

use std::time::Instant;

use flow_domain::id::{PartyId, ProjectId, TemplateId};
use flow_domain::run::RunPhase;
use flow_e2e::{Builder, Hub};
use flow_server::store::{PageRequest, Store, StoreOptions, TaskFilter, TaskOrder};
use reqwest::Method;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::agents::{AgentEvent, Behaviour, Fleet};
use crate::fixture;
use crate::table::{Table, Times, millis};

const TASKS: u32 = 1_000_000;
const WARM_UP: usize = 2;
const CALLS: usize = 300;
const BUDGET: std::time::Duration = std::time::Duration::from_millis(5);

/// Statements that copy the task with the id `S` and its run. In a million tasks:
///
/// - 10 are running, 20,000 failed, 20,000 were never started, the others succeeded;
/// - 500,000 use one template, 10 use another, the others use 998 templates;
/// - all have the party `p0000`, ten have `p0001`, one half has `even`, the other half `odd`;
/// - all tasks of the large template have `even`, all failed tasks have `odd`;
/// - the label `parity` has the same value as this party.
const COPY: [&str; 6] = [
    "INSERT INTO tasks (id, project_id, name, tombstone, template_id, phase, latest_run, runs, version, event_seq, due_at, created_at, \
     modified_at, deleted_at, body) SELECT printf('0190%028x', i), project_id, printf('task-%07d', i), '', \
     printf('0192%028x', CASE WHEN i % 100000 = 17 THEN 1 WHEN i % 2 = 0 THEN 0 ELSE 2 + i % 998 END), \
     CASE WHEN i % 100000 = 7 THEN 'running' WHEN i % 50 = 3 THEN 'failed' WHEN i % 50 = 5 THEN 'new' ELSE phase END, \
     CASE WHEN i % 50 = 5 THEN NULL ELSE printf('0191%028x', i) END, 1, version, event_seq, NULL, created_at + i, created_at + i, NULL, \
     replace(body, name, printf('task-%07d', i)) FROM numbers, tasks WHERE id = 'S'",
    "INSERT INTO task_parties (project_id, party_id, task_id) SELECT project_id, party_id, printf('0190%028x', i) FROM numbers, \
     task_parties WHERE task_id = 'S' AND (party_id = 'p0000' OR i % 100000 = 27)",
    "INSERT INTO task_parties (project_id, party_id, task_id) SELECT project_id, CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END, \
     printf('0190%028x', i) FROM numbers, task_parties WHERE task_id = 'S' AND party_id = 'p0000'",
    "INSERT INTO runs (id, project_id, task_id, number, phase, created_at, settled_at, body) SELECT printf('0191%028x', i), project_id, \
     printf('0190%028x', i), number, phase, created_at, settled_at, \
     replace(replace(body, id, printf('0191%028x', i)), task_id, printf('0190%028x', i)) FROM numbers, runs WHERE task_id = 'S'",
    "INSERT INTO members (run_id, party_id, project_id, task_id, position, phase, body) SELECT printf('0191%028x', i), party_id, \
     project_id, printf('0190%028x', i), position, phase, body FROM numbers, members WHERE task_id = 'S'",
    "INSERT INTO task_labels (project_id, label_name, label_value, task_id) SELECT project_id, 'parity', CASE WHEN i % 2 = 0 THEN 'even' \
     ELSE 'odd' END, printf('0190%028x', i) FROM numbers, tasks WHERE id = 'S'",
];

pub async fn measure(table: &mut Table) {
    let (mut federation, grpc) = fixture::hub(Builder::default().parties(&[])).await;
    let parties = fixture::parties(&federation.hub, 2).await;
    let mut fleet = Fleet::start(grpc, &parties, Behaviour::Instant);
    fleet.all(parties.len(), |event| *event == AgentEvent::Synchronised).await;
    let template = fixture::template(&federation.hub, "lists").await;
    let task =
        fixture::submit(&federation.hub, &fixture::task("the original", &template, &parties)).await;
    fixture::start(&federation.hub, &task).await;
    fleet.all(parties.len(), |event| matches!(event, AgentEvent::Settled { .. })).await;
    drop(fleet);

    federation.kill9_server();
    let database = federation.data_dir("server").join("flow.db");
    eprintln!("bench: lists: making {TASKS} tasks …");
    copy(&database, &task).await;
    federation.restart_server().await;

    let store = Store::open(&format!("sqlite://{}", database.display()), StoreOptions::default())
        .await
        .expect("SQLite allows a second process");
    let mut worst: [Worst; 3] = Default::default();
    for (name, filter, kind) in filters() {
        let in_store = in_store(&store, &filter, kind).await;
        let by_rest = by_rest(&federation.hub, &filter).await;
        table.note(format!(
            "  list by {name}: store {}; REST {}",
            in_store.shown(),
            by_rest.shown()
        ));
        worst[kind as usize].add(name, &in_store, &by_rest);
    }
    store.close().await;
    for (Worst { store, rest }, what) in worst.iter().zip([
        "any one filter",
        "several filters, one rare",
        "several wide filters, page by page",
    ]) {
        table.row(
            format!("50 of {TASKS} tasks, {what} (worst: {})", store.1),
            "p99 < 5 ms",
            format!("p99 {}; REST {} ({})", millis(store.0), millis(rest.0), rest.1),
            store.0 < BUDGET,
        );
    }
}

/// The slowest filter so far, in the store and by REST.
#[derive(Default)]
struct Worst {
    store: (std::time::Duration, &'static str),
    rest: (std::time::Duration, &'static str),
}

impl Worst {
    fn add(&mut self, name: &'static str, store: &Times, rest: &Times) {
        self.store = self.store.max((store.percentile(99), name));
        self.rest = self.rest.max((rest.percentile(99), name));
    }
}

async fn copy(database: &std::path::Path, task: &str) {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .pragma("synchronous", "off")
        .pragma("cache_size", "-1000000");
    let mut connection = options.connect().await.expect("the hub is stopped");
    for statement in COPY {
        let numbers = format!(
            "WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {TASKS}) "
        );
        let (head, body) = statement.split_once(" SELECT ").expect("each statement copies rows");
        let statement =
            format!("{head} {numbers} SELECT {}", body.replace("'S'", &format!("'{task}'")));
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .expect("the schema has these columns");
    }
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut connection)
        .await
        .expect("this connection is the only one");
    connection.close().await.expect("the connection is open");
}

/// The selectivity of a combination of filters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One filter, with many or few matches.
    One,
    /// Several filters, one of which has few matches.
    WideAndRare,
    /// Several filters with many matches each and few or none together: the number of entries that
    /// one page may read is bounded.
    Wide,
}

/// Every filter alone, every pair, and some combinations of three and four.
fn filters() -> Vec<(&'static str, TaskFilter, Kind)> {
    use Kind::{One, Wide, WideAndRare};
    let all = || TaskFilter::project("default".parse::<ProjectId>().expect("a slug"));
    let template =
        |number: u32| Some(format!("0192{number:028x}").parse::<TemplateId>().expect("32 digits"));
    let party = |name: &str| Some(name.parse::<PartyId>().expect("a slug"));
    let name = |prefix: &str| Some(prefix.to_owned());
    let label = |value: &str| vec![("parity".to_owned(), value.to_owned())];
    let running = || vec![Some(RunPhase::Running)];
    let succeeded = || vec![Some(RunPhase::Succeeded)];
    let failed = || vec![Some(RunPhase::Failed)];
    vec![
        ("nothing", all(), One),
        ("name, broad", TaskFilter { name_prefix: name("task-"), ..all() }, One),
        ("name, narrow", TaskFilter { name_prefix: name("task-07"), ..all() }, One),
        ("phase, broad", TaskFilter { phases: succeeded(), ..all() }, One),
        ("phase, rare", TaskFilter { phases: running(), ..all() }, One),
        (
            "phase, four",
            TaskFilter {
                phases: vec![
                    None,
                    Some(RunPhase::Running),
                    Some(RunPhase::Failed),
                    Some(RunPhase::Succeeded),
                ],
                ..all()
            },
            One,
        ),
        ("party, broad", TaskFilter { party: party("p0000"), ..all() }, One),
        ("party, rare", TaskFilter { party: party("p0001"), ..all() }, One),
        ("template, broad", TaskFilter { template: template(0), ..all() }, One),
        ("template, rare", TaskFilter { template: template(1), ..all() }, One),
        ("label, broad", TaskFilter { labels: label("even"), ..all() }, One),
        ("nothing, by edit", TaskFilter { order: Some(TaskOrder::Modified), ..all() }, One),
        (
            "phase, rare, by edit",
            TaskFilter { phases: running(), order: Some(TaskOrder::Modified), ..all() },
            One,
        ),
        (
            "label and phase, never both",
            TaskFilter { labels: label("even"), phases: failed(), ..all() },
            Wide,
        ),
        (
            "phase, wide, by edit",
            TaskFilter { phases: failed(), order: Some(TaskOrder::Modified), ..all() },
            Wide,
        ),
        (
            "name and phase",
            TaskFilter { name_prefix: name("task-"), phases: running(), ..all() },
            WideAndRare,
        ),
        (
            "name and party",
            TaskFilter { name_prefix: name("task-"), party: party("p0001"), ..all() },
            WideAndRare,
        ),
        (
            "name and template",
            TaskFilter { name_prefix: name("task-"), template: template(1), ..all() },
            WideAndRare,
        ),
        (
            "party and phase",
            TaskFilter { party: party("p0000"), phases: running(), ..all() },
            WideAndRare,
        ),
        (
            "party and template",
            TaskFilter { party: party("p0000"), template: template(1), ..all() },
            WideAndRare,
        ),
        (
            "phase and template",
            TaskFilter { phases: succeeded(), template: template(1), ..all() },
            WideAndRare,
        ),
        (
            "name, party, template and phase",
            TaskFilter {
                name_prefix: name("task-"),
                phases: succeeded(),
                template: template(1),
                party: party("p0000"),
                ..all()
            },
            WideAndRare,
        ),
        (
            "name and phase, wide",
            TaskFilter { name_prefix: name("task-"), phases: failed(), ..all() },
            Wide,
        ),
        (
            "party and phase, wide",
            TaskFilter { party: party("odd"), phases: succeeded(), ..all() },
            Wide,
        ),
        (
            "party and template, never both",
            TaskFilter { party: party("odd"), template: template(0), ..all() },
            Wide,
        ),
        (
            "party and phase, never both",
            TaskFilter { party: party("even"), phases: failed(), ..all() },
            Wide,
        ),
        (
            "party and two phases, never both",
            TaskFilter {
                party: party("even"),
                phases: vec![None, Some(RunPhase::Failed)],
                ..all()
            },
            Wide,
        ),
        (
            "phase and template, never both",
            TaskFilter { phases: failed(), template: template(0), ..all() },
            Wide,
        ),
        (
            "party, template and phase, never all",
            TaskFilter { party: party("odd"), template: template(0), phases: succeeded(), ..all() },
            Wide,
        ),
        (
            "name, party and phase, never all",
            TaskFilter {
                name_prefix: name("task-"),
                party: party("even"),
                phases: failed(),
                ..all()
            },
            Wide,
        ),
        (
            "name, party and template, never all",
            TaskFilter {
                name_prefix: name("task-"),
                party: party("odd"),
                template: template(0),
                ..all()
            },
            Wide,
        ),
        (
            "name, party, template and phase, never all",
            TaskFilter {
                name_prefix: name("task-"),
                party: party("odd"),
                template: template(0),
                phases: succeeded(),
                ..all()
            },
            Wide,
        ),
    ]
}

/// True after enough calls for one filter: fewer if the calls are slow, so that a slow filter does
/// not take minutes.
fn enough(times: &Times) -> bool {
    times.len() >= CALLS || times.len() >= 5 && times.percentile(50) > BUDGET * 10
}

/// Reads page after page, and starts again after the last page.
async fn in_store(store: &Store, filter: &TaskFilter, kind: Kind) -> Times {
    let mut page = PageRequest::first(50);
    let mut times = Times::default();
    for call in 0.. {
        let begun = Instant::now();
        let found = store.list_tasks(filter, &page).await.expect("the database answers");
        if call >= WARM_UP {
            times.push(begun.elapsed());
        }
        let nothing = found.items.is_empty() && page.after.is_none() && kind != Kind::Wide;
        assert!(!nothing, "{filter:?}: the copied rows do not match");
        page.after = found.next;
        if enough(&times) {
            break;
        }
    }
    times
}

async fn by_rest(hub: &Hub, filter: &TaskFilter) -> Times {
    let TaskFilter {
        project: _,
        name_prefix,
        phases,
        party,
        template,
        labels,
        created: _,
        order,
        descending,
    } = filter;
    let phases = phases
        .iter()
        .map(|phase| phase.map_or("new", RunPhase::as_str))
        .collect::<Vec<_>>()
        .join(",");
    let mut query = vec![("limit", "50".to_owned())];
    query.extend(name_prefix.iter().map(|name| ("name", name.clone())));
    query.extend(party.iter().map(|party| ("party", party.to_string())));
    query.extend(template.iter().map(|template| ("template", template.to_string())));
    query.extend((!phases.is_empty()).then_some(("phase", phases)));
    query.extend(labels.iter().map(|(name, value)| ("label", format!("{name}={value}"))));
    query.extend(order.map(|order| {
        let sort = match order {
            TaskOrder::Name => "name",
            TaskOrder::Created => "created",
            TaskOrder::Modified => "modified",
        };
        ("sort", sort.to_owned())
    }));
    query.extend(
        descending
            .map(|descending| ("direction", if descending { "desc" } else { "asc" }.to_owned())),
    );
    let query: Vec<_> = query.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    let query = query.join("&");

    let mut times = Times::default();
    let mut cursor = String::new();
    for call in 0.. {
        let begun = Instant::now();
        let page = hub.call(Method::GET, &format!("/tasks?{query}{cursor}"), None).await;
        if call >= WARM_UP {
            times.push(begun.elapsed());
        }
        cursor = page["next"].as_str().map_or_else(String::new, |next| format!("&cursor={next}"));
        if enough(&times) {
            break;
        }
    }
    times
}
