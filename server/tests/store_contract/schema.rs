//! The schema: the same on every database, created once, and checked before use.

use std::collections::{BTreeMap, BTreeSet};

use flow_server::store::{Store, StoreError, StoreOptions, Synchronous};
use sqlx::Connection as _;

use crate::support::*;

crate::on_every_database!(
    new_schema_is_current_and_repeated_migration_changes_nothing,
    missing_migration_is_reported,
    newer_schema_is_reported,
    unfinished_migration_is_reported,
    changed_migration_is_reported,
    empty_database_is_reported,
    concurrent_migrations_do_not_conflict,
    restore_raises_the_incarnation,
    doctor_passes_on_a_new_database,
);

fn schema_error(outcome: Result<(), StoreError>) -> String {
    match outcome {
        Err(StoreError::Schema(sentence)) => sentence,
        other => panic!("{other:?}"),
    }
}

async fn new_schema_is_current_and_repeated_migration_changes_nothing(fx: Fixture) {
    fx.store.ping().await.unwrap();
    fx.store.check_schema().await.unwrap();
    let task = stored(&fx.store, any_task("kept"), true).await;
    fx.store.migrate().await.unwrap();
    fx.store.check_schema().await.unwrap();
    assert_eq!(fx.store.load_task(&task.task.id).await.unwrap(), Some(task));
}

async fn missing_migration_is_reported(fx: Fixture) {
    fx.raw("DELETE FROM _sqlx_migrations WHERE version = 9").await;
    let sentence = schema_error(fx.store.check_schema().await);
    assert!(
        sentence.contains("lacks migration 9") && sentence.contains("flow-server migrate"),
        "{sentence}"
    );
    // A migration's statement can run twice, so that the procedure of the runbook works.
    fx.store.migrate().await.unwrap();
    fx.store.check_schema().await.unwrap();
}

async fn newer_schema_is_reported(fx: Fixture) {
    fx.raw("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1").await;
    for outcome in [fx.store.check_schema().await, fx.store.migrate().await] {
        let sentence = schema_error(outcome);
        assert!(sentence.contains("newer release") && sentence.contains("9999"), "{sentence}");
    }
}

async fn unfinished_migration_is_reported(fx: Fixture) {
    fx.raw("UPDATE _sqlx_migrations SET success = 0 WHERE version = 5").await;
    for outcome in [fx.store.check_schema().await, fx.store.migrate().await] {
        let sentence = schema_error(outcome);
        assert!(
            sentence.contains("migration 5 did not finish") && sentence.contains("README"),
            "{sentence}"
        );
    }
    fx.raw("DELETE FROM _sqlx_migrations WHERE version = 5 AND success = 0").await;
    fx.store.migrate().await.expect("the runbook's way out");
}

async fn changed_migration_is_reported(fx: Fixture) {
    fx.raw("UPDATE _sqlx_migrations SET checksum = X'00' WHERE version = 3").await;
    for outcome in [fx.store.check_schema().await, fx.store.migrate().await] {
        let sentence = schema_error(outcome);
        assert!(sentence.contains("migration 3 was applied with different SQL"), "{sentence}");
    }
}

async fn empty_database_is_reported(fx: Fixture) {
    let fx = Fixture::bare(fx.backend).await;
    assert!(schema_error(fx.store.check_schema().await).contains("lacks migration 1"));
    let findings = fx.store.doctor().await;
    assert!(
        findings.iter().any(|finding| finding.check == "schema" && !finding.ok),
        "{findings:?}"
    );
}

async fn concurrent_migrations_do_not_conflict(fx: Fixture) {
    let fx = Fixture::bare(fx.backend).await;
    let mut programs = Vec::new();
    for _ in 0..4 {
        let store = fx.other().await;
        programs.push(tokio::spawn(async move { store.migrate().await }));
    }
    for program in programs {
        program.await.unwrap().unwrap();
    }
    fx.store.check_schema().await.unwrap();
    assert_eq!(fx.store.incarnation().await.unwrap(), 1);
}

async fn restore_raises_the_incarnation(fx: Fixture) {
    assert_eq!(fx.store.incarnation().await.unwrap(), 1);
    assert_eq!(fx.store.bump_incarnation(0).await.unwrap(), 2);
    fx.store.migrate().await.unwrap();
    assert_eq!(fx.other().await.incarnation().await.unwrap(), 2, "migrating does not set it back");
    assert_eq!(fx.store.bump_incarnation(1).await.unwrap(), 3, "beyond its own");
    assert_eq!(
        fx.store.bump_incarnation(7).await.unwrap(),
        8,
        "and beyond that of the database it replaces"
    );
    fx.raw("DELETE FROM hub").await;
    assert!(matches!(fx.store.incarnation().await, Err(StoreError::Corrupt { table: "hub", .. })));
}

async fn doctor_passes_on_a_new_database(fx: Fixture) {
    stored(&fx.store, any_task("well"), true).await;
    let findings = fx.store.doctor().await;
    assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
    assert!(
        findings.iter().any(|finding| finding.detail.contains("1 unsettled runs with 2 members")),
        "{findings:?}"
    );
}

#[tokio::test]
async fn invalid_address_is_rejected_with_an_example() {
    for (url, hint) in [
        ("postgres://x", "sqlite:"),
        ("", "sqlite:"),
        ("mysql://[", "mysql://user"),
        ("sqlite:x?mode=what", "path"),
    ] {
        match Store::open(url, StoreOptions::default()).await {
            Err(StoreError::Config(sentence)) => assert!(sentence.contains(hint), "{sentence}"),
            Err(other) => panic!("{url}: {other:?}"),
            Ok(_) => panic!("{url} was taken"),
        }
    }
}

#[tokio::test]
async fn unreachable_database_is_unavailable() {
    let port = flow_testkit::free_port();
    let opened =
        Store::open(&format!("mysql://flow:x@127.0.0.1:{port}/hub"), StoreOptions::default()).await;
    assert!(opened.is_err_and(|error| error.is_retryable()));
    let folder = tempfile::tempdir().unwrap();
    let opened = Store::open(
        &format!("sqlite:{}/no/such/folder/hub.db", folder.path().display()),
        StoreOptions::default(),
    )
    .await;
    assert!(opened.is_err_and(|error| error.is_retryable()));
}

#[tokio::test]
async fn backup_is_complete_and_never_overwrites_a_file() {
    let fx = Fixture::new(Backend::Sqlite).await;
    let task = stored(&fx.store, any_task("saved"), true).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup.db");
    std::fs::write(folder.path().join("backup.db.partial"), "left by a crash").unwrap();
    fx.store.backup_to(&path).await.unwrap();
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "b12: no other user may read it");
    let mut later = change(&fx.store, &task.task.id).await;
    later.events.push(event("after the backup"));
    fx.store.apply(&[later]).await.unwrap();

    let options = StoreOptions {
        synchronous: Synchronous::Normal,
        max_connections: 1,
        ..StoreOptions::default()
    };
    let restored = Store::open(&format!("sqlite:{}", path.display()), options).await.unwrap();
    restored.check_schema().await.unwrap();
    assert_eq!(restored.load_task(&task.task.id).await.unwrap(), Some(task));
    let again = fx.store.backup_to(&path).await;
    assert!(
        matches!(&again, Err(StoreError::Config(sentence)) if sentence.contains("exists")),
        "{again:?}"
    );
    assert_eq!(
        std::fs::read_dir(folder.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == "partial")
            .count(),
        0
    );

    let mariadb = Fixture::new(Backend::MariaDb).await;
    let refused = mariadb.store.backup_to(&folder.path().join("other.db")).await;
    assert!(
        matches!(&refused, Err(StoreError::Config(sentence)) if sentence.contains("mysqldump")),
        "{refused:?}"
    );
}

/// Tables whose rows belong to no project, or not always to one.
const OF_THE_FEDERATION: [&str; 9] = [
    "hub",
    "users",
    "projects",
    "api_tokens",
    "browser_sessions",
    "access_audit",
    "device_sign_ins",
    "sign_in_codes",
    "oidc_identities",
];

/// A column: type, and whether it may be NULL.
type Column = (String, &'static str, bool);
/// An index: whether it is unique, and its columns.
type Index = (bool, Vec<String>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    columns: BTreeSet<Column>,
    indexes: BTreeMap<String, Index>,
}

fn kind(declared: &str) -> &'static str {
    match declared.to_ascii_lowercase().as_str() {
        "integer" | "bigint" | "int" => "number",
        "text" | "char" | "varchar" | "mediumtext" => "text",
        "blob" | "mediumblob" => "bytes",
        other => panic!("{other} is in no portable schema"),
    }
}

async fn sqlite_schema(url: &str) -> BTreeMap<String, Table> {
    let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
    let mut schema: BTreeMap<String, Table> = BTreeMap::new();
    let columns: Vec<(String, String, String, i64, i64)> = sqlx::query_as(
        "SELECT m.name, c.name, c.type, c.\"notnull\", c.pk FROM sqlite_master m JOIN pragma_table_info(m.name) c \
         WHERE m.type = 'table' AND m.name <> '_sqlx_migrations' ORDER BY m.name, c.pk",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for (table, column, declared, not_null, key) in columns {
        let table = schema.entry(table).or_default();
        table.columns.insert((column.clone(), kind(&declared), not_null == 0));
        if key > 0 {
            table.indexes.entry("PRIMARY".to_owned()).or_insert((true, Vec::new())).1.push(column);
        }
    }
    let indexes: Vec<(String, String, i64, String)> = sqlx::query_as(
        "SELECT m.name, i.name, i.\"unique\", c.name FROM sqlite_master m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c \
         WHERE m.type = 'table' AND m.name <> '_sqlx_migrations' AND i.origin = 'c' ORDER BY i.name, c.seqno",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for (table, index, unique, column) in indexes {
        schema
            .entry(table)
            .or_default()
            .indexes
            .entry(index)
            .or_insert((unique == 1, Vec::new()))
            .1
            .push(column);
    }
    schema
}

async fn mysql_schema(url: &str) -> BTreeMap<String, Table> {
    let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
    let mut schema: BTreeMap<String, Table> = BTreeMap::new();
    let columns: Vec<(String, String, String, String, Option<String>)> = sqlx::query_as(
        "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR), CAST(data_type AS CHAR), CAST(is_nullable AS CHAR), \
         CAST(collation_name AS CHAR) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name <> '_sqlx_migrations'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for (table, column, declared, nullable, collation) in columns {
        assert!(
            collation.is_none_or(|name| name.ends_with("_bin")),
            "{table}.{column}: case must matter"
        );
        schema.entry(table).or_default().columns.insert((
            column,
            kind(&declared),
            nullable == "YES",
        ));
    }
    let indexes: Vec<(String, String, i64, String)> = sqlx::query_as(
        "SELECT CAST(table_name AS CHAR), CAST(index_name AS CHAR), CAST(non_unique AS SIGNED), CAST(column_name AS CHAR) \
         FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name <> '_sqlx_migrations' \
         ORDER BY index_name, seq_in_index",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for (table, index, non_unique, column) in indexes {
        schema
            .entry(table)
            .or_default()
            .indexes
            .entry(index)
            .or_insert((non_unique == 0, Vec::new()))
            .1
            .push(column);
    }
    schema
}

#[tokio::test]
async fn all_databases_have_the_same_tables_columns_and_indexes() {
    let sqlite = Fixture::new(Backend::Sqlite).await;
    let sqlite = sqlite_schema(&sqlite.url).await;
    assert!(sqlite.len() > 15 && sqlite["tasks"].indexes.contains_key("tasks_name"), "{sqlite:?}");
    for (name, table) in &sqlite {
        assert!(
            OF_THE_FEDERATION.contains(&name.as_str())
                || table.columns.contains(&("project_id".to_owned(), "text", false)),
            "{name} has no project_id"
        );
        assert!(table.indexes.contains_key("PRIMARY"), "{name} has no key");
    }
    for backend in [Backend::MariaDb, Backend::MySql] {
        let other = Fixture::new(backend).await;
        let other = mysql_schema(&other.url).await;
        assert_eq!(
            sqlite.keys().collect::<Vec<_>>(),
            other.keys().collect::<Vec<_>>(),
            "{backend:?}"
        );
        for (name, table) in &sqlite {
            assert_eq!(table, &other[name], "{backend:?}: {name}");
        }
    }
}

#[test]
fn every_mysql_migration_is_one_statement_that_can_run_twice() {
    let folder = flow_testkit::repository().join("migrations/mysql");
    let names = |folder: &std::path::Path| {
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        entries.collect::<BTreeSet<_>>()
    };
    assert_eq!(
        names(&folder),
        names(&folder.with_file_name("sqlite")),
        "each migration is there for both dialects"
    );
    for name in names(&folder) {
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let statements: String = text.lines().filter(|line| !line.starts_with("--")).collect();
        assert_eq!(statements.matches(';').count(), 1, "{name}");
        assert!(
            statements.contains("IF NOT EXISTS") || statements.contains("INSERT IGNORE"),
            "{name}"
        );
    }
}
