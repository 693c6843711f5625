//! One hub per database.

use std::time::Duration;

use flow_server::store::{HubLock, Store, StoreError, StoreOptions};
use flow_testkit::wait_for;
use sqlx::{Connection as _, MySqlConnection};
use tokio::task::JoinHandle;

use crate::support::*;

const SOON: Duration = Duration::from_secs(30);

macro_rules! on_both_servers {
    ($($test:ident),+ $(,)?) => {
        $crate::on_every_database!(@on mariadb, MariaDb, $($test),+);
        $crate::on_every_database!(@on mysql, MySql, $($test),+);
    };
}

on_both_servers!(
    second_hub_is_rejected_until_the_first_has_ended,
    hub_retakes_a_broken_lock,
    hub_loses_a_lock_that_another_hub_has_taken,
    hub_that_was_replaced_meanwhile_loses_the_lock,
);

/// Holds the lock as a hub does; ends when another hub has it.
fn kept(mut lock: HubLock) -> JoinHandle<StoreError> {
    tokio::spawn(async move { lock.lost().await })
}

fn refusal(asked: Result<HubLock, StoreError>) -> String {
    match asked {
        Err(StoreError::InUse(sentence)) => sentence,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("two hubs on one database"),
    }
}

/// Returns the number of the connection that holds the lock of this database.
async fn holder(fx: &Fixture) -> Option<i64> {
    let mut connection = MySqlConnection::connect(&fx.url).await.unwrap();
    let sql = "SELECT CAST(IS_USED_LOCK(CONCAT('flow-server:', DATABASE())) AS SIGNED)";
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}

async fn second_hub_is_rejected_until_the_first_has_ended(fx: Fixture) {
    let first = kept(fx.store.lock_hub("first").await.unwrap());
    let other = fx.other().await;
    let sentence = refusal(other.lock_hub("second").await);
    let number = holder(&fx).await.unwrap();
    // One server reports the address as a number, the other as a name.
    let from = ["from 127.0.0.1:", "from localhost:"].iter().any(|from| sentence.contains(from));
    assert!(sentence.contains(&format!("connection {number} ")) && from, "{sentence}");
    let elsewhere = Fixture::new(fx.backend).await;
    elsewhere.store.lock_hub("elsewhere").await.unwrap();
    // As if its process was killed: the socket is closed without a message.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    other.lock_hub("second").await.unwrap();
}

async fn hub_retakes_a_broken_lock(fx: Fixture) {
    let first = kept(fx.store.lock_hub("first").await.unwrap());
    let number = holder(&fx).await.unwrap();
    fx.raw(&format!("KILL {number}")).await;
    wait_for("the lock to be taken again", SOON, async || {
        holder(&fx).await.is_some_and(|by| by != number)
    })
    .await;
    refusal(fx.other().await.lock_hub("second").await);
    assert!(!first.is_finished());
    first.abort();
}

/// Breaks the first hub's lock while `name` waits for it.
async fn replaced(fx: &Fixture, name: &str) -> (JoinHandle<StoreError>, HubLock) {
    let first = kept(fx.store.lock_hub("first").await.unwrap());
    let number = holder(fx).await.unwrap();
    let (other, name) = (fx.other().await, name.to_owned());
    let waiting = tokio::spawn(async move { other.lock_hub(&name).await });
    let waits = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'SELECT CAST(GET_LOCK%'";
    let mut connection = MySqlConnection::connect(&fx.url).await.unwrap();
    wait_for("the other to wait", SOON, async || {
        let waiting: i64 = sqlx::query_scalar(waits).fetch_one(&mut connection).await.unwrap();
        waiting > 0
    })
    .await;
    fx.raw(&format!("KILL {number}")).await;
    (first, waiting.await.unwrap().unwrap())
}

async fn hub_loses_a_lock_that_another_hub_has_taken(fx: Fixture) {
    let (first, second) = replaced(&fx, "second").await;
    let second = kept(second);
    let lost = flow_common::clock::timeout(SOON, first).await.expect("in time").unwrap();
    assert!(
        matches!(&lost, StoreError::InUse(sentence) if sentence.contains("another flow-server uses")),
        "{lost:?}"
    );
    assert!(!second.is_finished());
    second.abort();
}

async fn hub_that_was_replaced_meanwhile_loses_the_lock(fx: Fixture) {
    let (first, second) = replaced(&fx, "second").await;
    drop(second);
    let lost = flow_common::clock::timeout(SOON, first).await.expect("in time").unwrap();
    assert!(
        matches!(&lost, StoreError::InUse(sentence) if sentence.contains("had lost its lock")),
        "{lost:?}"
    );
}

async fn survives_a_restart(mut server: flow_testkit::Server) {
    let url = server.create_database().await;
    let store = Store::open(&url, StoreOptions::default()).await.unwrap();
    store.migrate().await.unwrap();
    let first = kept(store.lock_hub("first").await.unwrap());
    server.kill9();
    server.restart().await;
    let other = Store::open(&url, StoreOptions::default()).await.unwrap();
    let sql = "SELECT CAST(IS_USED_LOCK(CONCAT('flow-server:', DATABASE())) AS SIGNED)";
    wait_for("the lock to be taken again", SOON, async || {
        let mut connection = MySqlConnection::connect(&url).await.ok()?;
        sqlx::query_scalar::<_, Option<i64>>(sql).fetch_one(&mut connection).await.ok()?
    })
    .await;
    refusal(other.lock_hub("second").await);
    assert!(!first.is_finished());
    first.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hub_keeps_its_lock_over_a_restart_of_mariadb() {
    survives_a_restart(flow_testkit::mariadb().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hub_keeps_its_lock_over_a_restart_of_mysql() {
    survives_a_restart(flow_testkit::mysql().await).await;
}

#[tokio::test]
async fn long_database_name_has_a_lock() {
    for server in [flow_testkit::shared_mariadb().await, flow_testkit::shared_mysql().await] {
        let name = "x".repeat(60);
        let mut connection = MySqlConnection::connect(&server.url()).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")))
            .execute(&mut connection)
            .await
            .unwrap();
        let store = Store::open(&format!("{}/{name}", server.url()), StoreOptions::default())
            .await
            .unwrap();
        store.migrate().await.unwrap();
        let lock = store.lock_hub("first").await.unwrap();
        refusal(store.lock_hub("second").await);
        drop(lock);
    }
}
