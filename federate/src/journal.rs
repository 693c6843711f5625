//! The agent's memory: one SQLite file that survives `kill -9` and power loss.
//!
//! What has to be known before something is done is written here first (WAL, `synchronous=FULL`, one transaction a
//! batch). The file is born with a random instance id: whoever loses it is another agent to the hub, and starts nothing
//! that this one may have started. A lock beside it keeps a second agent from using the same journal.
//!
//! An entry that cannot be read costs its own member alone: what it may have started is ended, nothing is started in its
//! place (see [`Member::unreadable`]), and its text stays in the table `damaged` for whoever wants to look.
//!
//! What a hub can make it keep is bounded: a spec stays only as long as a member may still be started from it, of a member
//! that was refused at once nothing stays when it has settled, and of the others the newest [`SETTLED_MEMBERS_MAX`] stay.

use std::path::{Path, PathBuf};
use std::time::Duration;

use flow_common::dir_lock::{DirLock, DirLockError};
use flow_common::private_dir::{self, PrivateDirError};
use flow_domain::id::{Digest, InstanceId, PartyId, RunId};
use flow_domain::time::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::member::Member;

/// Sequences set aside at once, so that a report needs no write of its own; after a crash numbering goes on behind them.
const SEQUENCES: u64 = 1 << 20;
/// Most settled members kept, the newest: a hub that makes many runs must not fill the party's disk with their history.
/// Beyond a week's members of a busy party, and short enough to be told in every session.
pub const SETTLED_MEMBERS_MAX: u32 = 10_000;
/// Seconds for which the agent keeps settled members: a hub restored from a backup may ask for them.
pub const SETTLED_RETENTION_S: u64 = 7 * 24 * 3600;
const VERSION: i64 = 1;
const FILE: &str = "journal.db";
const LOCK: &str = "journal.lock";

const SCHEMA: &str = "
CREATE TABLE agent (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    instance TEXT NOT NULL,
    party TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT;
CREATE TABLE members (
    run TEXT PRIMARY KEY,
    task TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    phase TEXT NOT NULL,
    digest TEXT,
    settled INTEGER NOT NULL,
    finished_at INTEGER,
    state TEXT NOT NULL CHECK (json_valid(state))
) STRICT;
CREATE INDEX members_settled ON members (settled, finished_at);
CREATE TABLE specs (
    digest TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;
";

/// Made when it is needed: a journal that is well has none.
const DAMAGED: &str = "CREATE TABLE IF NOT EXISTS damaged (run TEXT NOT NULL, state TEXT NOT NULL, UNIQUE (run, state)) STRICT";

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another agent has it open.
    #[error("{path} is in use by another agent: end that one, or give this one its own data_dir", path = path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// It belongs to another party.
    #[error(
        "the journal belongs to party {found}, not {wanted}: give each party's agent its own data_dir"
    )]
    OtherParty {
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: PartyId,
    },
    /// A newer agent wrote it.
    #[error(
        "the journal has version {found} and this agent reads up to {VERSION}: update the agent"
    )]
    Newer {
        /// Its version.
        found: i64,
    },
    /// A row that cannot be read.
    #[error("journal table {table}, row {row}: {message}")]
    Broken {
        /// Which table.
        table: &'static str,
        /// Which row.
        row: String,
        /// What is wrong.
        message: String,
    },
    /// The directory is not ours alone.
    #[error(transparent)]
    Directory(#[from] PrivateDirError),
    /// The lock.
    #[error(transparent)]
    Lock(DirLockError),
    /// The directory was deleted or replaced: what was written is lost.
    #[error("the directory of the journal was deleted or replaced")]
    Gone,
    /// The database.
    #[error("journal: {0}")]
    Database(#[from] sqlx::Error),
}

/// What the journal says of the hub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeenHub {
    /// Raised by each restore of the hub's database.
    pub incarnation: u64,
    /// Newest revision heard of.
    pub revision: u64,
}

/// A member as its row has it. What the columns say can be read even if the rest cannot.
#[derive(sqlx::FromRow)]
struct Row {
    run: String,
    task: String,
    attempt: u32,
    settled: bool,
    finished_at: Option<i64>,
    state: String,
}

/// The open journal.
#[derive(Debug)]
pub struct Journal {
    db: SqliteConnection,
    instance: InstanceId,
    seen: SeenHub,
    /// Sequences below this one are used up, or set aside by this process.
    ceiling: u64,
    first_sequence: u64,
    lock: DirLock,
}

impl Journal {
    /// Open the journal in `dir`, or begin one.
    pub async fn open(dir: &Path, party: &PartyId) -> Result<Self, JournalError> {
        // Specs and data paths are the party's own, and what is read here decides what is started.
        private_dir::ensure(dir)?;
        let lock = DirLock::acquire(&dir.join(LOCK)).map_err(|error| match error {
            DirLockError::InUse(_) => JournalError::InUse { path: dir.to_owned() },
            error @ DirLockError::Io { .. } => JournalError::Lock(error),
        })?;
        let mut db = SqliteConnectOptions::new()
            .filename(dir.join(FILE))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // Nobody else writes: the lock sees to it.
            .busy_timeout(Duration::from_millis(500))
            .pragma("cache_size", "-512")
            .disable_statement_logging()
            .connect()
            .await?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut db).await?;
        match version {
            0 => create(&mut db, party).await?,
            VERSION => {}
            found => return Err(JournalError::Newer { found }),
        }
        let row = "SELECT instance, party, sequence, incarnation, revision FROM agent WHERE id = 1";
        let (instance, found, sequence, incarnation, revision): (String, String, i64, i64, i64) =
            sqlx::query_as(row).fetch_one(&mut db).await?;
        if found != party.as_str() {
            return Err(JournalError::OtherParty { found, wanted: party.clone() });
        }
        let instance = instance
            .parse()
            .map_err(|e: flow_domain::id::BadId| broken("agent", "1", e.to_string()))?;
        let seen = SeenHub { incarnation: unsigned(incarnation), revision: unsigned(revision) };
        let first_sequence = unsigned(sequence);
        let mut journal =
            Self { db, instance, seen, ceiling: first_sequence, first_sequence, lock };
        journal.write(&[], &[], first_sequence, seen).await?;
        Ok(journal)
    }

    /// Born with the journal.
    #[must_use]
    pub const fn instance(&self) -> &InstanceId {
        &self.instance
    }

    /// The hub as last seen.
    #[must_use]
    pub const fn seen(&self) -> SeenHub {
        self.seen
    }

    /// The lock on the directory.
    #[must_use]
    pub const fn lock(&self) -> &DirLock {
        &self.lock
    }

    /// Every sequence used before was at most this.
    #[must_use]
    pub const fn first_sequence(&self) -> u64 {
        self.first_sequence
    }

    /// One transaction: all of it is durable, or nothing. `specs` are those of members that may still be started; one
    /// that is there already stays as it is. Without anything to write, a sequence is used up, which shows whether
    /// something can be written.
    pub async fn write(
        &mut self,
        members: &[&Member],
        specs: &[(&Digest, &[u8])],
        sequence: u64,
        seen: SeenHub,
    ) -> Result<(), JournalError> {
        let ceiling = if sequence + SEQUENCES / 2 >= self.ceiling {
            sequence + SEQUENCES
        } else {
            self.ceiling
        };
        let is_probe = members.is_empty() && ceiling == self.ceiling && seen == self.seen;
        let ceiling = ceiling + u64::from(is_probe);
        let mut tx = self.db.begin().await?;
        if ceiling != self.ceiling || seen != self.seen {
            sqlx::query(
                "UPDATE agent SET sequence = ?, incarnation = ?, revision = ? WHERE id = 1",
            )
            .bind(signed(ceiling))
            .bind(signed(seen.incarnation))
            .bind(signed(seen.revision))
            .execute(&mut *tx)
            .await?;
        }
        for (digest, bytes) in specs {
            sqlx::query(
                "INSERT INTO specs (digest, bytes) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
            )
            .bind(digest.as_str())
            .bind(*bytes)
            .execute(&mut *tx)
            .await?;
        }
        for member in members {
            let state = serde_json::to_string(member)
                .map_err(|e| broken("members", member.run.as_str(), e.to_string()))?;
            sqlx::query(
                "INSERT INTO members (run, task, attempt, phase, digest, settled, finished_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (run) DO UPDATE SET attempt = excluded.attempt, phase = excluded.phase, digest = excluded.digest,
                 settled = excluded.settled, finished_at = excluded.finished_at, state = excluded.state",
            )
            .bind(member.run.as_str())
            .bind(member.task.as_str())
            .bind(member.attempt)
            .bind(member.phase.as_str())
            .bind(member.digest.as_ref().map(Digest::as_str))
            .bind(member.settled)
            .bind(member.finished_at.map(|at| at.0))
            .bind(state)
            .execute(&mut *tx)
            .await?;
        }
        for member in members.iter().filter(|member| member.settled) {
            if member.is_refused_without_hold() {
                sqlx::query("DELETE FROM members WHERE run = ?")
                    .bind(member.run.as_str())
                    .execute(&mut *tx)
                    .await?;
            }
            // Nothing is started from it any more, unless another member has the same.
            sqlx::query("DELETE FROM specs WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM members WHERE settled = 0 AND digest = ?1)")
                .bind(member.digest.as_ref().map(Digest::as_str))
                .execute(&mut *tx)
                .await?;
        }
        if members.iter().any(|member| member.settled) {
            sqlx::query(
                "DELETE FROM members WHERE run IN
                 (SELECT run FROM members WHERE settled = 1 ORDER BY finished_at DESC LIMIT -1 OFFSET ?)",
            )
            .bind(SETTLED_MEMBERS_MAX)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        if self.lock.place().is_gone() {
            return Err(JournalError::Gone);
        }
        self.ceiling = ceiling;
        self.seen = seen;
        Ok(())
    }

    /// The members that have not settled.
    pub async fn unsettled(&mut self) -> Result<Vec<Member>, JournalError> {
        let rows = sqlx::query_as(
            "SELECT run, task, attempt, settled, finished_at, state FROM members WHERE settled = 0 ORDER BY run",
        );
        let rows = rows.fetch_all(&mut self.db).await?;
        self.parse(rows).await
    }

    /// Settled members that ended after `since`: up to `limit` whose run follows `after`, in order.
    pub async fn settled(
        &mut self,
        since: Timestamp,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Member>, JournalError> {
        let rows = sqlx::query_as(
            "SELECT run, task, attempt, settled, finished_at, state FROM members
             WHERE settled = 1 AND finished_at > ? AND run > ? ORDER BY run LIMIT ?",
        );
        let rows = rows.bind(since.0).bind(after).bind(limit).fetch_all(&mut self.db).await?;
        self.parse(rows).await
    }

    /// One member, settled or not.
    pub async fn member(&mut self, run: &RunId) -> Result<Option<Member>, JournalError> {
        let row = sqlx::query_as(
            "SELECT run, task, attempt, settled, finished_at, state FROM members WHERE run = ?",
        );
        let row = row.bind(run.as_str()).fetch_optional(&mut self.db).await?;
        Ok(self.parse(row.into_iter().collect()).await?.pop())
    }

    async fn parse(&mut self, rows: Vec<Row>) -> Result<Vec<Member>, JournalError> {
        let mut members = Vec::with_capacity(rows.len());
        for Row { run, task, attempt, settled, finished_at, state } in rows {
            match serde_json::from_str(&state) {
                Ok(member) => members.push(member),
                Err(error) => {
                    tracing::error!(run.id = run, attempt, %error, "a member's journal entry cannot be read: it is kept in the table \
                        `damaged`, what the member may have started is ended, and the hub is told that it is lost");
                    sqlx::raw_sql(DAMAGED).execute(&mut self.db).await?;
                    let keep =
                        "INSERT INTO damaged (run, state) VALUES (?, ?) ON CONFLICT DO NOTHING";
                    sqlx::query(keep).bind(&run).bind(&state).execute(&mut self.db).await?;
                    // With ids that are none it stands for nobody: its work is ended as that of no member at all.
                    if let (Ok(run), Ok(task)) = (run.parse(), task.parse()) {
                        members.push(Member::unreadable(
                            run,
                            task,
                            attempt,
                            finished_at.filter(|_| settled).map(Timestamp),
                        ));
                    }
                }
            }
        }
        Ok(members)
    }

    /// The bytes of a spec.
    pub async fn spec(&mut self, digest: &Digest) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(sqlx::query_scalar("SELECT bytes FROM specs WHERE digest = ?")
            .bind(digest.as_str())
            .fetch_optional(&mut self.db)
            .await?)
    }

    /// Drop settled members that ended before `before`, and specs nobody is started from any more.
    pub async fn purge(&mut self, before: Timestamp) -> Result<u64, JournalError> {
        let mut tx = self.db.begin().await?;
        let gone = sqlx::query("DELETE FROM members WHERE settled = 1 AND finished_at <= ?")
            .bind(before.0)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM specs WHERE digest NOT IN (SELECT digest FROM members WHERE settled = 0 AND digest IS NOT NULL)")
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(gone.rows_affected())
    }

    /// Close in order; not doing so loses nothing.
    pub async fn close(self) -> Result<(), JournalError> {
        Ok(self.db.close().await?)
    }
}

/// Bytes on the disk of the journal in `dir`, with what has not been folded into it yet.
#[must_use]
pub fn size(dir: &Path) -> u64 {
    let files = [FILE.to_owned(), format!("{FILE}-wal")];
    files.iter().filter_map(|file| dir.join(file).metadata().ok()).map(|found| found.len()).sum()
}

async fn create(db: &mut SqliteConnection, party: &PartyId) -> Result<(), JournalError> {
    let mut tx = db.begin().await?;
    sqlx::raw_sql(SCHEMA).execute(&mut *tx).await?;
    sqlx::query("INSERT INTO agent (id, instance, party, sequence, incarnation, revision) VALUES (1, ?, ?, 0, 0, 0)")
        .bind(flow_common::ids::instance_id().as_str())
        .bind(party.as_str())
        .execute(&mut *tx)
        .await?;
    // In the same transaction: a journal is born whole or not at all.
    sqlx::raw_sql("PRAGMA user_version = 1").execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

fn broken(table: &'static str, row: &str, message: String) -> JournalError {
    JournalError::Broken { table, row: row.to_owned(), message }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
