//! One hub per database. Until hubs can share one, a second is refused at its start, and a hub whose place was taken ends.
//!
//! On MySQL and MariaDB the right is a named lock on a connection of its own, which the server frees the moment that
//! connection ends: a hub that was killed leaves nothing to wait for. (A hub whose machine vanished without a word is
//! noticed by [`CONNECTION_IDLE_MAX_S`].) For SQLite the lock on the data directory says the same, and none is taken here.
//!
//! The lock is lost whenever its connection breaks, as in a restart of the database, and taken again. Whether somebody
//! else was the hub meanwhile is told by a row that each of them writes its name into.

use std::future::pending;
use std::time::Duration;

use flow_domain::time::Timestamp;
use sqlx::{ConnectOptions as _, MySqlConnection};

use super::Store;
use super::db::Db;
use super::error::StoreError;

/// A lock's name: what it is for, and the database. It may have 64 characters, as the database's own may.
macro_rules! lock_name {
    ($what:literal) => {
        concat!(
            "CONCAT('",
            $what,
            "', IF(CHAR_LENGTH(DATABASE()) <= 44, DATABASE(), LEFT(SHA2(DATABASE(), 256), 40)))"
        )
    };
}
pub(super) use lock_name;

/// The row with the present hub's name.
const LEASE: &str = "hub";
/// Longest wait for a hub that is on its way out, in seconds.
const LOCK_WAIT_MAX_S: i64 = 5;
/// Time between two looks at the lock.
const CHECK_PERIOD: Duration = Duration::from_secs(1);
/// Longest wait for an answer of the database.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);
/// Silence after which the database server ends the lock's connection, in seconds.
const CONNECTION_IDLE_MAX_S: i64 = 30;

/// The right to be the hub of a database, as long as it lives.
pub struct HubLock {
    store: Store,
    held: Option<ServerLock>,
}

/// The lock on a MySQL or MariaDB server.
struct ServerLock {
    connection: MySqlConnection,
    /// The server's number of the connection.
    number: i64,
    /// What this hub calls itself.
    holder: String,
}

/// What came of asking for the lock.
enum LockAttempt {
    Granted(MySqlConnection, i64),
    /// The connection of this number has it.
    Taken(i64),
}

impl Store {
    /// Takes the right to be the hub of this database, under a name nobody else uses. [`StoreError::InUse`] if another
    /// program has it.
    pub async fn lock_hub(&self, holder: &str) -> Result<HubLock, StoreError> {
        let held = match &*self.db {
            Db::Sqlite(..) => None,
            Db::MySql(_) => match self.try_lock().await? {
                LockAttempt::Taken(by) => return Err(self.in_use(by).await),
                LockAttempt::Granted(connection, number) => {
                    self.free_lease(LEASE).await?;
                    self.take_lease(LEASE, holder, Timestamp(0), Timestamp(i64::MAX)).await?;
                    Some(ServerLock { connection, number, holder: holder.to_owned() })
                }
            },
        };
        Ok(HubLock { store: self.clone(), held })
    }

    async fn try_lock(&self) -> Result<LockAttempt, StoreError> {
        let Db::MySql(pools) = &*self.db else {
            return Err(StoreError::Config("only a database server has locks".to_owned()));
        };
        let attempt = async {
            let mut connection = pools.write.connect_options().connect().await?;
            sqlx::query("SET SESSION wait_timeout = ?")
                .bind(CONNECTION_IDLE_MAX_S)
                .execute(&mut connection)
                .await?;
            let (locked, number, by): (Option<i64>, i64, Option<i64>) = sqlx::query_as(concat!(
                "SELECT CAST(GET_LOCK(",
                lock_name!("flow-server:"),
                ", ?) AS SIGNED), CAST(CONNECTION_ID() AS SIGNED), CAST(IS_USED_LOCK(",
                lock_name!("flow-server:"),
                ") AS SIGNED)"
            ))
            .bind(LOCK_WAIT_MAX_S)
            .fetch_one(&mut connection)
            .await?;
            Ok::<_, sqlx::Error>(if locked == Some(1) {
                LockAttempt::Granted(connection, number)
            } else {
                LockAttempt::Taken(by.unwrap_or(0))
            })
        };
        Ok(flow_common::clock::timeout(RESPONSE_TIMEOUT, attempt)
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)??)
    }

    async fn in_use(&self, by: i64) -> StoreError {
        let Db::MySql(pools) = &*self.db else {
            return StoreError::InUse("another flow-server uses this database".to_owned());
        };
        let host = sqlx::query_scalar(
            "SELECT CAST(host AS CHAR) FROM information_schema.processlist WHERE id = ?",
        );
        // Only for the sentence.
        let host: Option<String> =
            host.bind(by).fetch_optional(&pools.read).await.unwrap_or_default();
        StoreError::InUse(format!(
            "another flow-server uses this database (connection {by} of the database server, from {}): stop it, or set another store.url; \
             one whose machine is gone is noticed within {CONNECTION_IDLE_MAX_S} s",
            host.unwrap_or_else(|| "an unknown address".to_owned())
        ))
    }
}

impl HubLock {
    /// Keeps the lock, through outages of the database. Ends only when another hub has taken this one's place.
    pub async fn lost(&mut self) -> StoreError {
        let Self { store, held: Some(held) } = self else { return pending().await };
        loop {
            flow_common::clock::sleep(CHECK_PERIOD).await;
            if !held.is_held().await {
                tracing::error!("the lock on the database was lost; taking it again");
                if let Some(reason) = held.retake(store).await {
                    return reason;
                }
                tracing::warn!(
                    "this hub has the lock on the database again, and nobody had it in between"
                );
            }
        }
    }
}

impl ServerLock {
    async fn is_held(&mut self) -> bool {
        let sql = concat!(
            "SELECT CAST(COALESCE(IS_USED_LOCK(",
            lock_name!("flow-server:"),
            ") = CONNECTION_ID(), 0) AS SIGNED)"
        );
        let held = sqlx::query_scalar(sql).fetch_one(&mut self.connection);
        matches!(flow_common::clock::timeout(RESPONSE_TIMEOUT, held).await, Ok(Ok(1_i64)))
    }

    /// Asks until the database answers. `None` if this is still the one hub, else why it is not.
    async fn retake(&mut self, store: &Store) -> Option<StoreError> {
        loop {
            match store.try_lock().await {
                Ok(LockAttempt::Granted(connection, number)) => {
                    (self.connection, self.number) = (connection, number);
                    match store.lease_holder(LEASE).await {
                        Ok(holder) if holder.as_ref() == Some(&self.holder) => return None,
                        Ok(_) => {
                            return Some(StoreError::InUse(
                                "another flow-server used this database in between".to_owned(),
                            ));
                        }
                        Err(error) => {
                            tracing::warn!(%error, "the lock on the database cannot be checked; trying again")
                        }
                    }
                }
                // What the server has not yet noticed to be broken.
                Ok(LockAttempt::Taken(by)) if by == self.number => {}
                Ok(LockAttempt::Taken(by)) => return Some(store.in_use(by).await),
                Err(error) => {
                    tracing::warn!(%error, "the lock on the database cannot be taken again yet; trying again")
                }
            }
            flow_common::clock::sleep(CHECK_PERIOD).await;
        }
    }
}
