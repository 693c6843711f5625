//! A hub with a million tasks: SQL copies the rows of one task that fake agents ran, with other ids,
//! names, phases, templates and parties.

use std::time::Duration;

use flow_e2e::{Builder, Federation};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, MySqlConnection,
    SqliteConnection,
};

use crate::agents::{AgentEvent, Behaviour, Fleet, Party};
use crate::fixture;

/// Variable with the number of tasks, for a short run.
const TASKS: &str = "FLOW_BENCH_TASKS";
const TASKS_DEFAULT: u32 = 1_000_000;

/// Statements that copy a task and its run. In a million tasks:
///
/// - 10 are running, 20,000 failed, 20,000 were never started, the others succeeded;
/// - 500,000 use one template, 10 use another, the others use 998 templates;
/// - all have the party `p0000`, ten have `p0001`, one half has `even`, the other half `odd`;
/// - all tasks of the large template have `even`, all failed tasks have `odd`;
/// - the label `parity` has the same value as this party.
///
/// `{task}`, `{run}`, `{template}` and `{name}` are expressions of the number `i` of the copy.
const COPY: [&str; 6] = [
    "INSERT INTO tasks (id, project_id, name, tombstone, template_id, phase, latest_run, runs, version, event_seq, due_at, created_at, \
     modified_at, deleted_at, body) SELECT {task}, project_id, {name}, '', {template}, \
     CASE WHEN i % 100000 = 7 THEN 'running' WHEN i % 50 = 3 THEN 'failed' WHEN i % 50 = 5 THEN 'new' ELSE phase END, \
     CASE WHEN i % 50 = 5 THEN NULL ELSE {run} END, 1, version, event_seq, NULL, created_at + i, created_at + i, NULL, \
     replace(body, name, {name}) FROM {numbers}, source_tasks",
    "INSERT INTO task_parties (project_id, party_id, task_id) SELECT project_id, party_id, {task} FROM {numbers}, \
     source_task_parties WHERE party_id = 'p0000' OR i % 100000 = 27",
    "INSERT INTO task_parties (project_id, party_id, task_id) SELECT project_id, CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END, \
     {task} FROM {numbers}, source_tasks",
    "INSERT INTO runs (id, project_id, task_id, number, phase, created_at, settled_at, body) SELECT {run}, project_id, {task}, number, \
     phase, created_at, settled_at, replace(replace(body, id, {run}), task_id, {task}) FROM {numbers}, source_runs",
    "INSERT INTO members (run_id, party_id, project_id, task_id, position, phase, body) SELECT {run}, party_id, project_id, {task}, \
     position, phase, body FROM {numbers}, source_members",
    "INSERT INTO task_labels (project_id, label_name, label_value, task_id) SELECT project_id, 'parity', CASE WHEN i % 2 = 0 THEN 'even' \
     ELSE 'odd' END, {task} FROM {numbers}, source_tasks",
];

/// Tables with rows of the original, and the column with its id.
const SOURCES: [(&str, &str); 4] =
    [("tasks", "id"), ("task_parties", "task_id"), ("runs", "task_id"), ("members", "task_id")];

/// Memory of MariaDB for a database of some gigabytes.
const MARIADB_TUNING: [&str; 4] = [
    "SET GLOBAL innodb_buffer_pool_size = 2147483648",
    "SET GLOBAL innodb_log_file_size = 1073741824",
    "SET GLOBAL innodb_flush_log_at_trx_commit = 0",
    "SET SESSION unique_checks = 0",
];

/// Pages that MariaDB may still have to write when the measurement starts, and the longest wait.
const DIRTY_PAGES_MAX: i64 = 1_000;
const FLUSH_TIMEOUT: Duration = Duration::from_secs(300);

/// A hub with many tasks.
pub struct Million {
    pub federation: Federation,
    pub parties: Vec<Party>,
    /// Template of the original.
    pub template: String,
    pub tasks: u32,
}

impl Million {
    /// Returns the duration of a measurement: a tenth with few tasks.
    pub fn period(&self, full: Duration) -> Duration {
        if self.tasks < TASKS_DEFAULT { full / 10 } else { full }
    }
}

/// Number of tasks.
fn tasks() -> u32 {
    std::env::var(TASKS).map_or(TASKS_DEFAULT, |text| text.parse().expect("a number of tasks"))
}

/// Id of the task with this number, from 1.
pub fn task_id(number: u32) -> String {
    format!("0190{number:028x}")
}

/// Starts a hub and fills its database: the embedded one, or that at this URL.
pub async fn hub(builder: Builder, mariadb: Option<&str>) -> Million {
    let tasks = tasks();
    let (mut federation, grpc) = fixture::hub(builder).await;
    let parties = fixture::parties(&federation.hub, 2).await;
    let mut fleet = Fleet::start(grpc, &parties, Behaviour::Instant);
    fleet.all(parties.len(), |event| *event == AgentEvent::Synchronised).await;
    let template = fixture::template(&federation.hub, "lists").await;
    let original = fixture::task("the original", &template, &parties);
    let task = fixture::submit(&federation.hub, &original).await;
    fixture::start(&federation.hub, &task).await;
    fleet.all(parties.len(), |event| matches!(event, AgentEvent::Settled { .. })).await;
    drop(fleet);

    federation.kill9_server();
    eprintln!("bench: making {tasks} tasks …");
    match mariadb {
        None => in_sqlite(&federation.data_dir("server").join("flow.db"), &task, tasks).await,
        Some(url) => in_mariadb(url, &task, tasks).await,
    }
    federation.restart_server().await;
    Million { federation, parties, template, tasks }
}

async fn in_sqlite(database: &std::path::Path, task: &str, tasks: u32) {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .pragma("synchronous", "off")
        .pragma("temp_store", "memory")
        .pragma("cache_size", "-1000000");
    let mut connection: SqliteConnection = options.connect().await.expect("the hub is stopped");
    let id = |prefix: &str, number: &str| format!("printf('{prefix}%028x', {number})");
    let numbers = format!(
        "(WITH RECURSIVE counted (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < {tasks}) SELECT i FROM counted) numbers"
    );
    for statement in statements(task, &numbers, "printf('task-%07d', i)", id) {
        connection.execute(AssertSqlSafe(statement)).await.expect("the schema has these columns");
    }
    connection
        .execute("PRAGMA wal_checkpoint(TRUNCATE)")
        .await
        .expect("this connection is the only one");
    connection.close().await.expect("the connection is open");
    // Otherwise the first commits that are measured wait for the pages of all tasks.
    let file = std::fs::File::open(database).expect("the database is a file");
    file.sync_all().expect("the disk has room");
}

async fn in_mariadb(url: &str, task: &str, tasks: u32) {
    let mut connection = MySqlConnection::connect(url).await.expect("the server runs");
    for statement in MARIADB_TUNING {
        connection.execute(statement).await.expect("the user has all permissions");
    }
    let id = |prefix: &str, number: &str| {
        format!("CONCAT('{prefix}', LPAD(LOWER(HEX({number})), 28, '0'))")
    };
    let numbers = format!("(SELECT seq AS i FROM seq_1_to_{tasks}) numbers");
    for statement in statements(task, &numbers, "CONCAT('task-', LPAD(i, 7, '0'))", id) {
        connection.execute(AssertSqlSafe(statement)).await.expect("the schema has these columns");
    }
    for statement in [
        "SET GLOBAL innodb_flush_log_at_trx_commit = 1",
        "ANALYZE TABLE tasks, task_parties, task_labels, runs, members",
        "SET GLOBAL innodb_max_dirty_pages_pct = 0",
    ] {
        connection.execute(statement).await.expect("the user has all permissions");
    }
    // As for SQLite.
    let dirty = "SELECT CAST(variable_value AS SIGNED) FROM information_schema.global_status WHERE variable_name = 'INNODB_BUFFER_POOL_PAGES_DIRTY'";
    flow_testkit::wait_for("all pages on the disk", FLUSH_TIMEOUT, async || {
        let pages: i64 = sqlx::query_scalar(dirty).fetch_one(&mut connection).await.ok()?;
        (pages < DIRTY_PAGES_MAX).then_some(())
    })
    .await;
    connection
        .execute("SET GLOBAL innodb_max_dirty_pages_pct = 90")
        .await
        .expect("the user has all permissions");
    connection.close().await.expect("the connection is open");
}

/// Returns the statements with the expressions of a dialect.
fn statements(
    task: &str,
    numbers: &str,
    name: &str,
    id: impl Fn(&str, &str) -> String,
) -> Vec<String> {
    let sources = SOURCES.map(|(table, column)| {
        format!("CREATE TEMPORARY TABLE source_{table} AS SELECT * FROM {table} WHERE {column} = '{task}'")
    });
    let template = "CASE WHEN i % 100000 = 17 THEN 1 WHEN i % 2 = 0 THEN 0 ELSE 2 + i % 998 END";
    let copies = COPY.map(|statement| {
        statement
            .replace("{task}", &id("0190", "i"))
            .replace("{run}", &id("0191", "i"))
            .replace("{template}", &id("0192", template))
            .replace("{name}", name)
            .replace("{numbers}", numbers)
    });
    sources.into_iter().chain(copies).collect()
}
