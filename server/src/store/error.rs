//! Errors of the store, by the action that the caller has to take.

use std::sync::Arc;

use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{ProjectId, TaskId};

/// A failure of the store. A missing row is `None`, never an error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Nothing was stored; a retry may succeed.
    #[error("the database does not answer, or is busy")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// The commit's answer was lost: all of it is stored, or nothing. The caller has to read to
    /// find out.
    #[error("the outcome of a commit is unknown")]
    Unknown(#[source] Arc<sqlx::Error>),
    /// A stored row cannot be read.
    #[error("the row {id:?} of table {table} is corrupt in column {column}: {problem}")]
    Corrupt { table: &'static str, column: &'static str, id: String, problem: String },
    /// The schema does not match this program; the text contains the remedy.
    #[error("{0}")]
    Schema(String),
    /// The database address or an argument is invalid; the text contains the remedy.
    #[error("{0}")]
    Config(String),
    /// The database file was deleted or replaced while it was open: what was written is lost.
    #[error("the database's file was deleted or replaced while it was open")]
    Gone,
    /// Another hub uses the database; the text names it.
    #[error("{0}")]
    InUse(String),
    /// A page cursor that does not belong to the list.
    #[error("the page cursor does not belong to this list")]
    Cursor,
    /// A row with this key exists.
    #[error("{0} exists")]
    Exists(&'static str),
    /// A quota does not allow another object; the text contains the remedy.
    #[error("{0}")]
    Quota(String),
    /// The project does not exist, or was deleted meanwhile.
    #[error("there is no project {0}")]
    NoProject(ProjectId),
    /// The database rejected a valid statement: a defect of this program, or a changed schema.
    #[error("the database rejected a statement")]
    Broken(#[source] Arc<sqlx::Error>),
}

/// The reason why updates were not stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApplyError {
    /// Nothing was stored: these tasks have a newer version, or are gone. Load them again, and
    /// apply the changes again.
    #[error("{} tasks have a newer version", .0.len())]
    Stale(Vec<TaskId>),
    /// Nothing was stored: this update collides with a stored row.
    #[error("task {task} collides with a stored {what:?}")]
    Duplicate { task: TaskId, what: Duplicate },
    /// After [`StoreError::Unknown`], read again before a retry.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The kind of key that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicate {
    /// A task with this name exists in the project.
    Name,
    /// An answer under this idempotency key exists: return it.
    Idempotency,
    /// A task with this id exists.
    Id,
}

impl StoreError {
    /// Returns whether nothing was stored and a retry may succeed.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Returns whether the request itself is refused; the database works.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Quota(_) | Self::NoProject(_))
    }

    /// Returns whether the disk of the database is full.
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

    /// The database did not answer in time: the outcome is unknown.
    pub(crate) fn timed_out() -> Self {
        Self::Unknown(Arc::new(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
    }

    /// The outcome of a failed COMMIT is unknown.
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
    // SQLite's primary result code is the low byte: busy, locked, read-only, I/O error, full,
    // cannot open.
    matches!(sqlite_code(refusal) & 0xff, 5 | 6 | 8 | 10 | 13 | 14)
}

fn sqlite_code(refusal: &dyn sqlx::error::DatabaseError) -> i64 {
    refusal.code().and_then(|code| code.parse().ok()).unwrap_or(0)
}

fn is_disk_full(refusal: &dyn sqlx::error::DatabaseError) -> bool {
    if let Some(refusal) = refusal.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        // Disk full; table full, which InnoDB reports for a file that cannot grow. Other errors
        // quote the system's error 28.
        let quotes_enospc = ["No space left on device", "errno: 28", "error 28 "]
            .iter()
            .any(|text| refusal.message().contains(text));
        return matches!(refusal.number(), 1021 | 1114) || quotes_enospc;
    }
    // Full; and the shared memory file cannot grow, which only a full disk causes.
    let code = sqlite_code(refusal);
    code & 0xff == 13 || code == 4874
}

pub(super) fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// The error that callers outside the hub receive: retry, or an internal error.
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
            StoreError::Quota(message) => Self::new(ErrorCode::QuotaExceeded, message),
            StoreError::NoProject(_) => Self::new(ErrorCode::ProjectNotFound, error.to_string()),
            _ => Self::internal(error),
        }
    }
}
