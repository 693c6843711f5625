//! What can go wrong below, sorted by what the caller should do about it.

use std::sync::Arc;

use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::TaskId;

/// A failure of the store. A row that is not there is `None`, never an error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Nothing was stored; the same call may go better later.
    #[error("the database does not answer, or is busy")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// The commit's answer was lost: it is stored wholly or not at all, and only reading tells.
    #[error("it is not known whether the database stored the change")]
    Unknown(#[source] Arc<sqlx::Error>),
    /// A stored row makes no sense.
    #[error("the row {id:?} of table {table} is corrupt in column {column}: {problem}")]
    Corrupt {
        /// Table of the row.
        table: &'static str,
        /// Column that cannot be read.
        column: &'static str,
        /// Key of the row.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The schema is not the one this program needs; the sentence says what to do.
    #[error("{0}")]
    Schema(String),
    /// The database's address or an argument is not usable; the sentence says what to do.
    #[error("{0}")]
    Config(String),
    /// The database's file was deleted or replaced while it was open: what was written is lost.
    #[error("the database's file was deleted or replaced while it was open")]
    Gone,
    /// Another hub has the database; the sentence says which.
    #[error("{0}")]
    InUse(String),
    /// A page was asked for that begins nowhere in its list.
    #[error("the page cursor is not one of this list")]
    Cursor,
    /// Two rows of one key: the thing exists.
    #[error("{0} exists")]
    Exists(&'static str),
    /// The database refused what it should have accepted: a defect of this program or a schema that was meddled with.
    #[error("the database refused a statement")]
    Broken(#[source] Arc<sqlx::Error>),
}

/// Why changes were not applied.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApplyError {
    /// Nothing was stored: these tasks have moved on (or are gone). Load them again and compute anew.
    #[error("{} tasks have moved on", .0.len())]
    Stale(Vec<TaskId>),
    /// Nothing was stored: this change collides with a stored row.
    #[error("task {task} collides with a stored {what:?}")]
    Duplicate {
        /// The change.
        task: TaskId,
        /// With what.
        what: Duplicate,
    },
    /// See there. [`StoreError::Unknown`]: read again before trying again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicate {
    /// A task of this name in the project.
    Name,
    /// An answer under this idempotency key: read it and answer the same.
    Idempotency,
    /// A task of this id.
    Id,
}

impl StoreError {
    /// The same call may go better later, and nothing was stored by this one.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// The database has no room to write.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        let (Self::Unavailable(cause) | Self::Unknown(cause) | Self::Broken(cause)) = self else {
            return false;
        };
        let Some(refusal) = cause.as_database_error() else { return false };
        is_disk_full(refusal)
    }

    pub(super) fn corrupt(
        table: &'static str,
        column: &'static str,
        id: impl Into<String>,
        problem: impl ToString,
    ) -> Self {
        Self::Corrupt { table, column, id: id.into(), problem: problem.to_string() }
    }

    /// The database did not answer in time: whether it stored the change is not known.
    pub(crate) fn timed_out() -> Self {
        Self::Unknown(Arc::new(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
    }

    /// What a failed COMMIT means: not known.
    pub(super) fn at_commit(error: sqlx::Error) -> Self {
        Self::Unknown(Arc::new(error))
    }
}

/// A failure before COMMIT: nothing was stored.
impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let transient = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => true,
            sqlx::Error::Database(refusal) => is_transient(refusal.as_ref()),
            _ => false,
        };
        if transient { Self::Unavailable(Arc::new(error)) } else { Self::Broken(Arc::new(error)) }
    }
}

pub(super) fn is_transient(refusal: &dyn sqlx::error::DatabaseError) -> bool {
    if let Some(refusal) = refusal.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        // Too many connections, out of memory, server shutting down, lock wait timeout, deadlock,
        // read-only (failover), killed query, gone away, lost, killed connection.
        return is_disk_full(refusal)
            || matches!(
                refusal.number(),
                1040 | 1041
                    | 1053
                    | 1203
                    | 1205
                    | 1213
                    | 1290
                    | 1317
                    | 1792
                    | 1836
                    | 1927
                    | 2006
                    | 2013
                    | 4031
            );
    }
    // SQLite's primary result code is the low byte: busy, locked, read-only, I/O error, full, cannot open.
    matches!(sqlite_code(refusal) & 0xff, 5 | 6 | 8 | 10 | 13 | 14)
}

fn sqlite_code(refusal: &dyn sqlx::error::DatabaseError) -> i64 {
    refusal.code().and_then(|code| code.parse().ok()).unwrap_or(0)
}

fn is_disk_full(refusal: &dyn sqlx::error::DatabaseError) -> bool {
    if let Some(refusal) = refusal.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        // Disk full; the table is full, which InnoDB says of a file that cannot grow. Others quote the system's error 28.
        let quotes_enospc = ["No space left on device", "errno: 28", "error 28 "]
            .iter()
            .any(|text| refusal.message().contains(text));
        return matches!(refusal.number(), 1021 | 1114) || quotes_enospc;
    }
    // Full; and the file of shared memory cannot grow, which nothing but a full disk causes.
    let code = sqlite_code(refusal);
    code & 0xff == 13 || code == 4874
}

pub(super) fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// What a caller outside is told: to come back, or that something broke.
impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            error if error.is_disk_full() => Self::of(ErrorCode::StoreFull).caused_by(error),
            StoreError::Gone => {
                let message = "the hub's database was deleted or replaced, and this hub ends: nothing was stored";
                Self::new(ErrorCode::StoreUnavailable, message).caused_by(error)
            }
            StoreError::Unavailable(_) | StoreError::Unknown(_) => {
                Self::of(ErrorCode::StoreUnavailable).caused_by(error)
            }
            _ => Self::internal(error),
        }
    }
}
