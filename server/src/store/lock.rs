//! The lock for one hub per database. A second hub is rejected at its start, and a hub that loses
//! the lock to another one ends.
//!
//! On MySQL and MariaDB it is a named lock on a connection of its own. The server releases it when
//! that connection ends, also after `kill -9` of the hub. If the machine of the hub disappears, the
//! server ends the connection after [`CONNECTION_IDLE_MAX_S`]. On SQLite there is no such lock: the
//! lock on the data directory admits only one hub.
//!
//! If the connection breaks, for example because the database restarts, the hub loses the lock and
//! acquires it again. The lease `hub` names the last holder of the lock: another name means that
//! another hub held the lock in between, and this hub ends.

use std::future::pending;
use std::time::Duration;

use flow_domain::time::Timestamp;
use sqlx::{ConnectOptions as _, MySqlConnection};

use super::Store;
use super::db::Db;
use super::error::StoreError;

/// SQL of the lock's name: purpose and database. Both a lock and a database name may have 64
/// characters.
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

/// The lease that names the last holder of the lock.
const LEASE: &str = "hub";
/// Longest wait for a hub that is shutting down, in seconds.
const LOCK_WAIT_MAX_S: i64 = 5;
/// Period of checks of the lock.
const CHECK_PERIOD: Duration = Duration::from_secs(1);
/// Timeout of one statement.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);
/// Idle time after which the database server closes the lock's connection, in seconds.
const CONNECTION_IDLE_MAX_S: i64 = 30;

/// The right to be the hub of a database. Dropping the value gives it up.
pub struct HubLock {
    store: Store,
    held: Option<ServerLock>,
}

/// The named lock on a MySQL or MariaDB server.
struct ServerLock {
    connection: MySqlConnection,
    /// Number of the connection at the server.
    number: i64,
    /// Unique name of this hub.
    holder: String,
}

enum LockAttempt {
    Granted(MySqlConnection, i64),
    /// The connection with this number holds the lock.
    Taken(i64),
}

impl Store {
    /// Acquires the lock for one hub, under a unique name. Fails with [`StoreError::InUse`] if
    /// another program has it.
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
        // Only for the message.
        let host: Option<String> =
            host.bind(by).fetch_optional(&pools.read).await.unwrap_or_default();
        StoreError::InUse(format!(
            "another flow-server uses this database (connection {by} of the database server, from {}): stop it, or set another store.url; \
             the lock of a machine that disappeared is released after {CONNECTION_IDLE_MAX_S} s",
            host.unwrap_or_else(|| "an unknown address".to_owned())
        ))
    }
}

impl HubLock {
    /// Holds the lock through outages of the database. Returns when another hub has taken it.
    pub async fn lost(&mut self) -> StoreError {
        let Self { store, held: Some(held) } = self else { return pending().await };
        loop {
            flow_common::clock::sleep(CHECK_PERIOD).await;
            if !held.is_held().await {
                tracing::error!("lost the lock on the database; acquiring it again");
                if let Some(reason) = held.retake(store).await {
                    return reason;
                }
                tracing::warn!(
                    "acquired the lock on the database again; no other hub held it in between"
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

    /// Retries until the database answers. Returns the error if another hub held the lock in
    /// between, `None` if this hub has it again.
    async fn retake(&mut self, store: &Store) -> Option<StoreError> {
        loop {
            match store.try_lock().await {
                Ok(LockAttempt::Granted(connection, number)) => {
                    (self.connection, self.number) = (connection, number);
                    match store.lease_holder(LEASE).await {
                        Ok(holder) if holder.as_ref() == Some(&self.holder) => return None,
                        Ok(_) => {
                            return Some(StoreError::InUse(
                                "another flow-server used this database while this hub had lost its lock".to_owned(),
                            ));
                        }
                        Err(error) => {
                            tracing::warn!(%error, "cannot check the lock on the database; retrying")
                        }
                    }
                }
                // The server has not yet detected that the old connection is broken.
                Ok(LockAttempt::Taken(by)) if by == self.number => {}
                Ok(LockAttempt::Taken(by)) => return Some(store.in_use(by).await),
                Err(error) => {
                    tracing::warn!(%error, "cannot acquire the lock on the database yet; retrying")
                }
            }
            flow_common::clock::sleep(CHECK_PERIOD).await;
        }
    }
}
