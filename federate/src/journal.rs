//! The agent's journal: one SQLite file that survives `kill -9` and power loss.
//!
//! The agent writes here first what must be known before it acts (WAL, `synchronous=FULL`, one
//! transaction per batch). A new file gets a random instance id: an agent that loses its journal is
//! another agent to the hub and starts nothing that the lost one may have started. A lock keeps a
//! second agent from using the same journal.
//!
//! An unreadable entry affects only its member: the agent stops the work that it may have started
//! and starts nothing in its place ([`Member::unreadable`]). Its text stays in the table `damaged`.
//!
//! The size that a hub can cause is bounded: a spec stays while a member may be started from it, a
//! member that was refused at once is deleted when it settles, and of the others the newest
//! [`SETTLED_MEMBERS_MAX`] stay.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flow_common::dir_lock::{DirLock, DirLockError};
use flow_common::private_dir::{self, PrivateDirError};
use flow_domain::id::{Digest, InstanceId, PartyId, RunId};
use flow_domain::time::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::member::Member;

/// Sequences reserved at once, so a report needs no write. After a crash numbering continues after
/// them.
const RESERVED_SEQUENCES: u64 = 1 << 20;
/// Settled members kept; the oldest are deleted first. A hub that creates many runs must not fill the
/// party's disk. More than a busy party has in a week, and few enough to report in each session.
pub const SETTLED_MEMBERS_MAX: u32 = 10_000;
/// Seconds for which the agent keeps settled members: a hub restored from a backup may ask for them.
pub const SETTLED_RETENTION_S: u64 = 7 * 24 * 3600;
const VERSION: i64 = 1;
const FILE: &str = "journal.db";
const LOCK: &str = "journal.lock";
/// File that tests whether the disk has space.
const SPACE_PROBE: &str = "space.tmp";
/// Size of that file: the space that the start of a member needs.
const SPACE_PROBE_BYTES: usize = 64 << 10;

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

/// Created at the first unreadable entry.
const DAMAGED: &str = "CREATE TABLE IF NOT EXISTS damaged (run TEXT NOT NULL, state TEXT NOT NULL, UNIQUE (run, state)) STRICT";

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{path} is in use by another agent: stop that agent, or give this one its own data_dir", path = path.display())]
    InUse { path: PathBuf },
    #[error(
        "the journal belongs to party {found}, not {wanted}: give each party's agent its own data_dir"
    )]
    OtherParty { found: String, wanted: PartyId },
    #[error(
        "the journal has version {found} and this agent reads up to {VERSION}: update the agent"
    )]
    Newer { found: i64 },
    #[error("cannot read row {row} of journal table {table}: {message}")]
    Broken { table: &'static str, row: String, message: String },
    #[error(transparent)]
    Directory(#[from] PrivateDirError),
    #[error(transparent)]
    Lock(DirLockError),
    #[error(
        "the directory of the journal was deleted or replaced: restore it and restart the agent"
    )]
    Gone,
    #[error("cannot write a test file of {SPACE_PROBE_BYTES} bytes beside the journal: {0}")]
    Space(std::io::Error),
    #[error("journal: {0}")]
    Database(#[from] sqlx::Error),
}

/// Newest state of the hub's database that the agent has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeenHub {
    /// Incremented by each restore of the database.
    pub incarnation: u64,
    /// Newest revision that the hub has sent.
    pub revision: u64,
}

/// The row of a member. The columns can be read even if the state cannot.
#[derive(sqlx::FromRow)]
struct Row {
    run: String,
    task: String,
    attempt: u32,
    settled: bool,
    finished_at: Option<i64>,
    state: String,
}

#[derive(Debug)]
pub struct Journal {
    db: SqliteConnection,
    instance: InstanceId,
    seen: SeenHub,
    /// Sequences below this one are used, or reserved by this process.
    ceiling: u64,
    first_sequence: u64,
    lock: DirLock,
    space_probe: PathBuf,
}

/// Tests whether the disk has space for a member. On a full disk the database still takes small
/// changes in the space that its log has.
fn probe_space(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::File::create_new(path)?;
    let written = file.write_all(&[b' '; SPACE_PROBE_BYTES]);
    std::fs::remove_file(path)?;
    written
}

impl Journal {
    /// Opens the journal in `dir`, or creates one.
    pub async fn open(dir: &Path, party: &PartyId) -> Result<Self, JournalError> {
        // Others must neither read specs and paths nor write entries, which decide what is started.
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
            // The lock excludes other writers.
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
        let space_probe = dir.join(SPACE_PROBE);
        let mut journal =
            Self { db, instance, seen, ceiling: first_sequence, first_sequence, lock, space_probe };
        journal.write(&[], &[], first_sequence, seen).await?;
        Ok(journal)
    }

    /// Identity of the journal.
    #[must_use]
    pub const fn instance(&self) -> &InstanceId {
        &self.instance
    }

    #[must_use]
    pub const fn seen(&self) -> SeenHub {
        self.seen
    }

    #[must_use]
    pub const fn lock(&self) -> &DirLock {
        &self.lock
    }

    /// All sequences used before are at most this one.
    #[must_use]
    pub const fn first_sequence(&self) -> u64 {
        self.first_sequence
    }

    /// Writes all changes in one transaction. `specs` are those of members that may still be started;
    /// an existing one stays unchanged. Without changes it uses one sequence, which tests whether the
    /// journal takes writes.
    pub async fn write(
        &mut self,
        members: &[&Member],
        specs: &[(&Digest, &[u8])],
        sequence: u64,
        seen: SeenHub,
    ) -> Result<(), JournalError> {
        let ceiling = if sequence + RESERVED_SEQUENCES / 2 >= self.ceiling {
            sequence + RESERVED_SEQUENCES
        } else {
            self.ceiling
        };
        let is_probe = members.is_empty() && ceiling == self.ceiling && seen == self.seen;
        let ceiling = ceiling + u64::from(is_probe);
        if is_probe {
            let path = self.space_probe.clone();
            let probed = tokio::task::spawn_blocking(move || probe_space(&path)).await;
            probed
                .unwrap_or_else(|error| Err(std::io::Error::other(error)))
                .map_err(JournalError::Space)?;
        }
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
            // No member starts from the spec any more, unless another unsettled one has it.
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

    pub async fn unsettled(&mut self) -> Result<Vec<Member>, JournalError> {
        let rows = sqlx::query_as(
            "SELECT run, task, attempt, settled, finished_at, state FROM members WHERE settled = 0 ORDER BY run",
        );
        let rows = rows.fetch_all(&mut self.db).await?;
        self.parse(rows).await
    }

    /// Settled members that ended after `since`: at most `limit` with a run greater than `after`, in
    /// order of their run.
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

    /// Settled members whose run is smaller than `before`, at most `limit`, the greatest run first.
    pub async fn settled_before(
        &mut self,
        before: Option<&RunId>,
        limit: usize,
    ) -> Result<Vec<Member>, JournalError> {
        let rows = sqlx::query_as(
            "SELECT run, task, attempt, settled, finished_at, state FROM members
             WHERE settled = 1 AND (?1 IS NULL OR run < ?1) ORDER BY run DESC LIMIT ?2",
        );
        let rows =
            rows.bind(before.map(RunId::as_str)).bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = rows.fetch_all(&mut self.db).await?;
        self.parse(rows).await
    }

    /// The settled members that ended last, at most `limit`, the newest first.
    pub async fn recent_settled(&mut self, limit: u32) -> Result<Vec<Member>, JournalError> {
        let rows = sqlx::query_as(
            "SELECT run, task, attempt, settled, finished_at, state FROM members
             WHERE settled = 1 ORDER BY finished_at DESC LIMIT ?",
        );
        let rows = rows.bind(limit).fetch_all(&mut self.db).await?;
        self.parse(rows).await
    }

    /// The member of this run, settled or not.
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
                    tracing::error!(
                        run.id = run,
                        attempt,
                        %error,
                        "cannot read a member's journal entry; the agent keeps the entry in the \
                         table `damaged`, stops the work of the member and reports it as lost"
                    );
                    sqlx::raw_sql(DAMAGED).execute(&mut self.db).await?;
                    let keep =
                        "INSERT INTO damaged (run, state) VALUES (?, ?) ON CONFLICT DO NOTHING";
                    sqlx::query(keep).bind(&run).bind(&state).execute(&mut self.db).await?;
                    // With invalid ids there is no member; its work is stopped as unknown work.
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

    pub async fn spec(&mut self, digest: &Digest) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(sqlx::query_scalar("SELECT bytes FROM specs WHERE digest = ?")
            .bind(digest.as_str())
            .fetch_optional(&mut self.db)
            .await?)
    }

    /// Deletes settled members that ended before `before`, and specs from which no member starts any
    /// more. Returns the number of deleted members.
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

    /// Closes the database. Without it nothing is lost either.
    pub async fn close(self) -> Result<(), JournalError> {
        Ok(self.db.close().await?)
    }
}

/// Size in bytes of the journal in `dir`, with its write-ahead log.
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
    // In the same transaction, so no incomplete journal exists.
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
