//! One code path for two database drivers.
//!
//! sqlx has no object-safe connection type for the types used here. Therefore [`reading!`] and
//! [`in_tx!`] compile the same body once per driver; each arm must end in the same type: rows
//! affected, or plain tuples. SQL is the portable subset (see `dialect`) with `?` placeholders,
//! static or built by `QueryBuilder` from static pieces.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use flow_common::dir_lock::Place;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{
    ConnectOptions as _, Connection as _, Database, MySql, Pool, Sqlite, SqliteConnection,
    Transaction,
};

use super::error::StoreError;
use super::metrics::{StoreMetrics, TransactionTimer};
use super::offer_memory::OfferChange;
use super::types::{StoreOptions, Synchronous};

/// Longest wait for a free connection, and for SQLite's file lock held by another process (backup,
/// doctor).
const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(10);

/// Prepared statements of a connection. Each kind of INSERT has one for each of [`BATCH_LENGTHS`]
/// that occurs: with fewer, a busy hub would prepare statements again and again.
const PREPARED_STATEMENTS_MAX: usize = 512;
/// Pages in SQLite's log that justify a checkpoint while the engine is idle; well below the number
/// that forces one on a writer.
const CHECKPOINT_PAGES_MIN: i64 = 400;

/// Separate pools for writers and readers: SQLite has one writer, and on MySQL the isolation level
/// differs.
pub(super) struct Pools<D: Database> {
    pub write: Pool<D>,
    /// All reads of a transaction see one state: WAL snapshot, REPEATABLE READ.
    pub read: Pool<D>,
}

pub(super) enum Db {
    Sqlite(Pools<Sqlite>, Arc<Place>),
    MySql(Pools<MySql>),
}

/// An open transaction; rolled back on drop.
pub(super) struct Tx {
    pub connection: TxConnection,
    /// `None` for a transaction that only reads.
    timer: Option<TransactionTimer>,
    /// Dropped at the end of the transaction.
    pub offer_change: Option<OfferChange>,
}

pub(super) enum TxConnection {
    /// With the place of the database file.
    Sqlite(Transaction<'static, Sqlite>, Arc<Place>),
    MySql(Transaction<'static, MySql>),
}

/// Runs the body with the pool of readers, in a span whose target is the module of the caller.
macro_rules! reading {
    ($db:expr, |$c:ident| $body:expr) => {{
        let read = async {
            match $db {
                $crate::store::db::Db::Sqlite(pools, _) => {
                    let $c = &pools.read;
                    $body
                }
                $crate::store::db::Db::MySql(pools) => {
                    let $c = &pools.read;
                    $body
                }
            }
        };
        tracing::Instrument::instrument(read, tracing::debug_span!("store_read")).await
    }};
}
pub(super) use reading;

/// Runs the body with the connection of a transaction; pass it on as `&mut *c`.
macro_rules! in_tx {
    ($tx:expr, |$c:ident| $body:expr) => {
        match &mut ($tx).connection {
            $crate::store::db::TxConnection::Sqlite(tx, _) => {
                let $c = &mut **tx;
                $body
            }
            $crate::store::db::TxConnection::MySql(tx) => {
                let $c = &mut **tx;
                $body
            }
        }
    };
}
pub(super) use in_tx;

/// Executes one statement in a transaction. Returns the matched rows (both drivers count matched
/// rows).
macro_rules! execute {
    ($tx:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::db::in_tx!($tx, |c| sqlx::query($sql)$(.bind($value))*.execute(&mut *c).await.map(|done| done.rows_affected()))
    };
}
pub(super) use execute;

/// Inserts many rows in few statements: `|row| bytes` estimates the length of a row, `|values,
/// row|` binds it.
macro_rules! insert_rows {
    ($tx:expr, $head:expr, $tail:expr, $rows:expr, |$measured:pat_param| $bytes:expr, |$b:ident, $row:pat_param| $bind:expr $(,)?) => {
        for batch in
            $crate::store::db::batches(&$rows[..], $tx.statement_bytes_max(), |$measured| $bytes)
        {
            $crate::store::db::in_tx!(&mut *$tx, |c| {
                let mut statement = sqlx::QueryBuilder::new($head);
                statement.push_values(batch, |mut $b, $row| {
                    $bind;
                });
                statement.push(&$tail);
                statement.build().execute(&mut *c).await.map(|_| ())
            })?;
        }
    };
}
pub(super) use insert_rows;

/// Pushes `(?, ?, …)` with these values; there must be at least one.
macro_rules! push_list {
    ($sql:expr, $values:expr) => {
        let mut list = $sql.push("(").separated(", ");
        for value in $values {
            list.push_bind(value);
        }
        list.push_unseparated(")");
    };
}
pub(super) use push_list;

/// Bytes of values per statement with several rows. sqlx leaves Nagle's algorithm on, so that a
/// statement with a second TLS record (16 kB) waits for the server's delayed acknowledgement: 40 ms
/// instead of 0.2 ms.
pub(super) const STATEMENT_BYTES_MAX: usize = 12_000;
/// The same limit on SQLite, where only memory bounds it, and each statement is a round trip to
/// another thread.
const STATEMENT_BYTES_MAX_SQLITE: usize = 1_000_000;

/// Rows per statement. Few lengths, so that each statement is prepared once; enough of them that a
/// hundred rows take two statements.
const BATCH_LENGTHS: [usize; 11] = [512, 256, 128, 96, 64, 32, 16, 8, 4, 2, 1];
/// Ids per list.
const LIST_IDS_MAX: usize = 128;

/// Splits `rows` into slices of [`BATCH_LENGTHS`], none with more than `longest` bytes.
pub(super) fn batches<T>(
    rows: &[T],
    longest: usize,
    bytes: impl Fn(&T) -> usize,
) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let fits = |size: &usize| {
            *size <= rest.len()
                && (*size == 1 || rest[..*size].iter().map(&bytes).sum::<usize>() <= longest)
        };
        let size = BATCH_LENGTHS.into_iter().find(fits)?;
        let (batch, after) = rest.split_at(size);
        rest = after;
        Some(batch)
    })
}

/// Splits `ids` into lists for `IN (…)` of few lengths, so that each statement is prepared once.
/// The last id fills the last list: a duplicate id matches its row once, and costs less than a
/// second statement.
pub(super) fn id_batches<T>(ids: &[T]) -> impl Iterator<Item = Vec<&T>> {
    ids.chunks(LIST_IDS_MAX).map(|chunk| {
        let length = chunk.len().next_power_of_two();
        chunk
            .iter()
            .chain(std::iter::repeat_n(&chunk[chunk.len() - 1], length - chunk.len()))
            .collect()
    })
}

impl Db {
    pub async fn open(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        match url.split(':').next().unwrap_or_default() {
            "sqlite" => {
                let (pools, place) = open_sqlite(url, options).await?;
                Ok(Self::Sqlite(pools, Arc::new(place)))
            }
            "mysql" | "mariadb" => Ok(Self::MySql(open_mysql(url, options).await?)),
            _ => Err(StoreError::Config(
                "the database address must begin with `sqlite:` (then a path) or `mysql://` (MySQL and MariaDB)".to_owned(),
            )),
        }
    }

    /// Begins a transaction that writes. On SQLite it takes the write lock at once, so that it
    /// cannot fail later.
    /// `name` identifies it in spans and metrics.
    pub async fn write(
        &self,
        name: &'static str,
        metrics: &StoreMetrics,
    ) -> Result<Tx, StoreError> {
        let timer = Some(metrics.begin(name));
        let connection = match self {
            Self::Sqlite(pools, place) => TxConnection::Sqlite(
                pools.write.begin_with("BEGIN IMMEDIATE").await?,
                Arc::clone(place),
            ),
            Self::MySql(pools) => TxConnection::MySql(pools.write.begin().await?),
        };
        Ok(Tx { connection, timer, offer_change: None })
    }

    /// Begins a transaction whose reads all see one state.
    pub async fn snapshot(&self) -> Result<Tx, StoreError> {
        let connection = match self {
            Self::Sqlite(pools, place) => {
                TxConnection::Sqlite(pools.read.begin().await?, Arc::clone(place))
            }
            Self::MySql(pools) => TxConnection::MySql(pools.read.begin().await?),
        };
        Ok(Tx { connection, timer: None, offer_change: None })
    }

    /// Checkpoints SQLite's log if it is long. Otherwise SQLite does so within the commit that
    /// exceeds its limit, which then takes ten times as long.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        // A writer is active: skip this checkpoint.
        let Self::Sqlite(Pools { write, .. }, _) = self else { return Ok(()) };
        let Some(mut connection) = write.try_acquire() else { return Ok(()) };
        let looked =
            sqlx::query_as("PRAGMA wal_checkpoint(NOOP)").fetch_one(&mut *connection).await;
        let (_, logged, copied): (i64, i64, i64) = looked?;
        if logged - copied >= CHECKPOINT_PAGES_MIN {
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut *connection).await?;
        }
        Ok(())
    }

    pub async fn close(&self) {
        match self {
            Self::Sqlite(pools, _) => {
                pools.read.close().await;
                pools.write.close().await;
            }
            Self::MySql(pools) => {
                pools.read.close().await;
                pools.write.close().await;
            }
        }
    }
}

impl Tx {
    /// Returns the limit of bytes of values in one statement with several rows.
    pub const fn statement_bytes_max(&self) -> usize {
        match self.connection {
            TxConnection::Sqlite(..) => STATEMENT_BYTES_MAX_SQLITE,
            TxConnection::MySql(_) => STATEMENT_BYTES_MAX,
        }
    }

    /// Commits. Nothing may be reported as stored before this returns `Ok`.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Self { connection, mut timer, offer_change: _offer_change } = self;
        let committed = connection.commit().await;
        if let Some(timer) = &mut timer {
            timer.finish(committed.is_ok());
        }
        committed
    }

    /// Returns the connection to the pool at once, instead of at its next use.
    pub async fn rollback(self) {
        let done = match self.connection {
            TxConnection::Sqlite(tx, _) => tx.rollback().await,
            TxConnection::MySql(tx) => tx.rollback().await,
        };
        if let Err(error) = done {
            tracing::debug!(%error, "a rollback failed; the database rolls back by itself");
        }
    }
}

impl TxConnection {
    async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx, place) => {
                tx.commit().await.map_err(StoreError::at_commit)?;
                // The file may have been deleted or replaced since it was opened.
                if place.is_gone() { Err(StoreError::Gone) } else { Ok(()) }
            }
            Self::MySql(tx) => tx.commit().await.map_err(StoreError::at_commit),
        }
    }
}

fn pool<D: Database>(max: u32) -> PoolOptions<D> {
    PoolOptions::new().max_connections(max.max(1)).acquire_timeout(CONNECTION_WAIT_MAX)
}

async fn open_sqlite(
    url: &str,
    options: StoreOptions,
) -> Result<(Pools<Sqlite>, Place), StoreError> {
    let connect = SqliteConnectOptions::from_str(url)
        .map_err(|_| {
            StoreError::Config(
                "the database address must be `sqlite:` and the path of a file".to_owned(),
            )
        })?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match options.synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        })
        .foreign_keys(true)
        .busy_timeout(CONNECTION_WAIT_MAX)
        // Fallback if [`Db::checkpoint`] does not run: a writer then waits for the checkpoint.
        // Frequent short checkpoints cost less than rare long ones. (A connection of its own would
        // not help, because the disk is busy either way.)
        .pragma("wal_autocheckpoint", "1000")
        .pragma("cache_size", "-16000")
        // Otherwise SQLite writes a file for the rollback of each statement with many rows, page by
        // page at every commit.
        .pragma("temp_store", "memory")
        .statement_cache_capacity(PREPARED_STATEMENTS_MAX)
        .disable_statement_logging();
    // The writer comes first: it creates the file and turns WAL on. A statement that finds the disk
    // full ends its transaction; then the driver's ROLLBACK fails, and the driver believes that a
    // transaction is open. Such a connection is closed, because it could not write until a restart.
    let sound = |connection: &mut SqliteConnection| !connection.is_in_transaction();
    // A file is always reachable: a ping before each statement would only take time.
    let pool = |max| -> SqlitePoolOptions { pool(max).test_before_acquire(false) };
    let write = pool(1)
        .before_acquire(move |connection, _| Box::pin(std::future::ready(Ok(sound(connection)))));
    let write = write.connect_with(connect.clone()).await?;
    // A new file must not be opened in the place of a deleted one.
    write.set_connect_options(connect.clone().create_if_missing(false));
    let file = connect.get_filename().to_owned();
    let place = Place::of(&file)
        .map_err(|error| StoreError::Config(format!("{}: {error}", file.display())))?;
    let read = pool(options.max_connections).connect_with(connect.read_only(true)).await?;
    Ok((Pools { write, read }, place))
}

async fn open_mysql(url: &str, options: StoreOptions) -> Result<Pools<MySql>, StoreError> {
    let connect = MySqlConnectOptions::from_str(url)
        .map_err(|_| {
            StoreError::Config(
                "the database address must look like `mysql://user:password@host:3306/database`"
                    .to_owned(),
            )
        })?
        .statement_cache_capacity(PREPARED_STATEMENTS_MAX)
        .disable_statement_logging();
    let isolated = |level: &'static str| -> MySqlPoolOptions {
        // Each connection is tested before its use: the database may have been restarted.
        pool(options.max_connections).after_connect(move |connection, _| {
            Box::pin(async move {
                sqlx::query(level).execute(connection).await?;
                Ok(())
            })
        })
    };
    Ok(Pools {
        // The version column provides order; fewer gap locks mean fewer deadlocks.
        write: isolated("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            .connect_with(connect.clone())
            .await?,
        read: isolated("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .connect_with(connect)
            .await?,
    })
}

#[cfg(test)]
mod tests {
    use super::{BATCH_LENGTHS, LIST_IDS_MAX, STATEMENT_BYTES_MAX, batches, id_batches};

    #[test]
    fn id_lists_contain_every_id_and_have_few_lengths() {
        for count in [0_usize, 1, 2, 3, 50, 51, 127, 128, 129, 300] {
            let ids: Vec<usize> = (0..count).collect();
            let lists: Vec<_> = id_batches(&ids).collect();
            assert_eq!(
                lists.len(),
                count.div_ceil(LIST_IDS_MAX),
                "one statement for as many as it may name"
            );
            assert!(
                lists.iter().all(|list| list.len().is_power_of_two() && list.len() <= LIST_IDS_MAX)
            );
            let mut named: Vec<usize> = lists.into_iter().flatten().copied().collect();
            named.dedup();
            assert_eq!(named, ids);
        }
    }

    #[test]
    fn batches_contain_every_row_once_and_have_few_lengths() {
        for count in [0_usize, 1, 3, 4, 63, 64, 65, 500] {
            for bytes in [0, 500, 1_000, 100_000] {
                let rows: Vec<usize> = (0..count).collect();
                let lengths: Vec<usize> =
                    batches(&rows, STATEMENT_BYTES_MAX, |_| bytes).map(<[usize]>::len).collect();
                assert_eq!(
                    batches(&rows, STATEMENT_BYTES_MAX, |_| bytes)
                        .flatten()
                        .copied()
                        .collect::<Vec<_>>(),
                    rows
                );
                assert!(lengths.iter().all(|length| BATCH_LENGTHS.contains(length)), "{lengths:?}");
                assert!(
                    lengths
                        .iter()
                        .all(|length| *length == 1 || length * bytes <= STATEMENT_BYTES_MAX),
                    "{lengths:?} of {bytes}"
                );
            }
        }
    }
}
