//! The duration of a durable commit on this disk, measured between the rounds of the benches that
//! wait for commits.

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

/// An SQLite database with one small table and the settings of the hub.
pub struct Disk(SqliteConnection);

impl Disk {
    pub async fn open(folder: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(folder.join("commit.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = options.connect().await.expect("the folder can be written");
        sqlx::query("CREATE TABLE commits (n INTEGER)")
            .execute(&mut connection)
            .await
            .expect("the database is new");
        Self(connection)
    }

    /// Duration of the commit of one row.
    pub async fn commit(&mut self) -> Duration {
        let mut tx = self.0.begin().await.expect("this connection is the only one");
        sqlx::query("INSERT INTO commits VALUES (1)")
            .execute(&mut *tx)
            .await
            .expect("the disk is not full");
        let begun = Instant::now();
        tx.commit().await.expect("the disk is not full");
        begun.elapsed()
    }
}
