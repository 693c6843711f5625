//! `kill -9` during writes. The store keeps every acknowledged update; it keeps any other update
//! completely or not at all. Event numbers have no gap and no duplicate.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::support::*;
use flow_domain::id::TaskId;
use flow_server::store::{ApplyError, Store, StoreError, StoreOptions, TaskUpdate};

/// Tasks updated together in one transaction.
const BATCH: usize = 5;
/// Commits before the kill.
const COMMITS: u64 = 40;

/// Creates the tasks of one writer.
async fn tasks(store: &Store, name: &str) -> Vec<TaskId> {
    let changes: Vec<TaskUpdate> =
        (0..BATCH).map(|number| creation(any_task(&format!("{name}-{number}")))).collect();
    store.apply(&changes).await.unwrap();
    changes.into_iter().map(|change| change.task.id).collect()
}

/// Updates all tasks once more, each with two events.
async fn round(store: &Store, ids: &[TaskId]) -> Result<(), ApplyError> {
    let mut changes = Vec::new();
    for found in store.load_tasks(ids).await? {
        changes.push(TaskUpdate {
            insert: false,
            creator: None,
            base_version: found.version,
            base_event_seq: found.event_seq,
            base_runs: Some(found.task.runs),
            body_changed: false,
            runs: Vec::new(),
            events: vec![event("first"), event("second")],
            specs: Vec::new(),
            due: Some(at(1)),
            idempotency: None,
            task: found.task,
        });
    }
    assert_eq!(changes.len(), BATCH);
    store.apply(&changes).await
}

/// Checks a writer's tasks after the crash; returns the number of stored rounds.
async fn rounds(store: &Store, ids: &[TaskId]) -> u64 {
    let found = store.load_tasks(ids).await.unwrap();
    let versions: Vec<u64> = found.iter().map(|task| task.version).collect();
    assert!(
        versions.windows(2).all(|pair| pair[0] == pair[1]),
        "a transaction is stored wholly or not at all: {versions:?}"
    );
    for task in &found {
        assert_eq!(task.event_seq, i64::try_from(2 * task.version - 1).unwrap());
        let events = store.events(&task.task.id, 0, 10_000).await.unwrap();
        assert!(events.iter().map(|row| row.seq).eq(1..=task.event_seq), "numbered without gaps");
    }
    versions[0] - 1
}

async fn all_checks_pass(store: &Store) {
    let findings = store.doctor().await;
    assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
}

async fn survives_kill9(mut server: flow_testkit::Server) {
    let url = server.create_database().await;
    let setup = Store::open(&url, StoreOptions::default()).await.unwrap();
    setup.migrate().await.unwrap();
    for crash in 0..3 {
        let stop = Arc::new(AtomicBool::new(false));
        let committed = Arc::new(AtomicU64::new(0));
        let mut writers = Vec::new();
        for writer in 0..4 {
            let ids = tasks(&setup, &format!("crash-{crash}-{writer}")).await;
            let store = Store::open(&url, StoreOptions::default()).await.unwrap();
            let (stop, committed) = (stop.clone(), committed.clone());
            writers.push(tokio::spawn(async move {
                let mut acknowledged = 0;
                while !stop.load(Ordering::Relaxed) {
                    match round(&store, &ids).await {
                        Ok(()) => acknowledged += 1,
                        Err(ApplyError::Store(
                            StoreError::Unknown(_) | StoreError::Unavailable(_),
                        )) => break,
                        Err(other) => panic!("{other:?}"),
                    }
                    committed.fetch_add(1, Ordering::Relaxed);
                }
                store.close().await;
                (ids, acknowledged)
            }));
        }
        flow_testkit::wait_for("commits", Duration::from_secs(60), async || {
            committed.load(Ordering::Relaxed) >= COMMITS
        })
        .await;
        server.kill9();
        stop.store(true, Ordering::Relaxed);
        let mut done = Vec::new();
        for writer in writers {
            done.push(writer.await.unwrap());
        }
        server.restart().await;

        let store = Store::open(&url, StoreOptions::default()).await.unwrap();
        for (ids, acknowledged) in done {
            let stored = rounds(&store, &ids).await;
            assert!(
                stored == acknowledged || stored == acknowledged + 1,
                "{stored} rounds stored, {acknowledged} acknowledged"
            );
            round(&store, &ids).await.expect("an update after a reload succeeds");
            assert_eq!(rounds(&store, &ids).await, stored + 1);
        }
        all_checks_pass(&store).await;
        // The connections from before the crash are broken; new ones work.
        flow_testkit::wait_for("the old store to come back", Duration::from_secs(30), async || {
            setup.ping().await.is_ok()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_mariadb_keeps_each_transaction_atomic() {
    survives_kill9(flow_testkit::mariadb().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_mysql_keeps_each_transaction_atomic() {
    survives_kill9(flow_testkit::mysql().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_database_every_change_is_unavailable_and_nothing_is_stored() {
    let mut server = flow_testkit::mariadb().await;
    let url = server.create_database().await;
    let store = Store::open(&url, StoreOptions { max_connections: 2, ..StoreOptions::default() })
        .await
        .unwrap();
    store.migrate().await.unwrap();
    let ids = tasks(&store, "steady").await;
    let prepared = change(&store, &ids[0]).await;
    server.kill9();
    let refused = store.apply(std::slice::from_ref(&prepared)).await.unwrap_err();
    assert!(matches!(&refused, ApplyError::Store(error) if error.is_retryable()), "{refused:?}");
    assert!(store.load_task(&ids[0]).await.unwrap_err().is_retryable());
    server.restart().await;
    store.apply(&[prepared]).await.expect("the same change succeeds after the restart");
    assert_eq!(store.load_task(&ids[0]).await.unwrap().unwrap().version, 2);
}

const CHILD: &str = "FLOW_STORE_CRASH_DATABASE";

/// Not a test: the process that the next test starts, with the database in `CHILD`, and kills.
#[tokio::test]
async fn writes_until_killed() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let store = Store::open(&url, StoreOptions::default()).await.unwrap();
    let ids = tasks(&store, "child").await;
    let mut out = std::io::stdout();
    let named: Vec<&str> = ids.iter().map(TaskId::as_str).collect();
    writeln!(out, "\ntasks {}", named.join(" ")).unwrap();
    loop {
        round(&store, &ids).await.unwrap();
        writeln!(out, "\nstored").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn killed_process_keeps_each_sqlite_transaction_atomic() {
    for commits in [1, 7, 30] {
        let fx = Fixture::new(Backend::Sqlite).await;
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "crash::writes_until_killed", "--nocapture", "--test-threads=1"])
            .env(CHILD, &fx.url)
            .stdout(Stdio::piped());
        let mut child = flow_testkit::spawn_tied(command).unwrap();
        let output = child.stdout.take().unwrap();
        let (ids, acknowledged) = tokio::task::spawn_blocking(move || {
            let mut ids: Vec<TaskId> = Vec::new();
            let mut acknowledged = 0;
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(named) = line.strip_prefix("tasks ") {
                    ids = named.split(' ').map(|id| id.parse().unwrap()).collect();
                }
                acknowledged += u64::from(line == "stored");
                // Killed here; the rest of its output is still read.
                if acknowledged == commits && line == "stored" {
                    child.kill().unwrap();
                }
            }
            assert!(!child.wait().unwrap().success(), "the process ended because of the kill");
            (ids, acknowledged)
        })
        .await
        .unwrap();
        assert!(acknowledged >= commits);
        let store = fx.other().await;
        let stored = rounds(&store, &ids).await;
        assert!(
            stored == acknowledged || stored == acknowledged + 1,
            "{stored} rounds stored, {acknowledged} acknowledged"
        );
        all_checks_pass(&store).await;
        round(&store, &ids).await.expect("an update after the crash succeeds");
    }
}
