//! The schema. Numbered migrations create it; every command checks it before it uses the database.

use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::{Connection as _, MySqlConnection};

use super::Store;
use super::db::{Db, Tx, execute, reading};
use super::error::{StoreError, is_transient, is_unique_violation};
use super::lock::lock_name;

static SQLITE: Migrator = sqlx::migrate!("../migrations/sqlite");
static MYSQL: Migrator = sqlx::migrate!("../migrations/mysql");

/// Longest wait for the lock under which one program at a time migrates, in seconds.
const MIGRATION_LOCK_WAIT_MAX_S: i64 = 60;

fn explain(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Dirty(version) => dirty(version),
        MigrateError::VersionMissing(version) => too_new(version),
        MigrateError::VersionMismatch(version) => altered(version),
        MigrateError::Execute(error) => error.into(),
        other => {
            StoreError::Schema(format!("the migration failed: {other}; see migrations/README.md"))
        }
    }
}

fn dirty(version: i64) -> StoreError {
    StoreError::Schema(format!(
        "migration {version} did not finish; repair the database as described in migrations/README.md, then run `flow-server migrate`"
    ))
}

fn too_new(version: i64) -> StoreError {
    StoreError::Schema(format!(
        "the database was migrated by a newer release (migration {version} is unknown here); run that release or a newer one"
    ))
}

fn too_old(version: i64) -> StoreError {
    StoreError::Schema(format!(
        "the database lacks migration {version}; run `flow-server migrate` with this release"
    ))
}

fn altered(version: i64) -> StoreError {
    StoreError::Schema(format!(
        "migration {version} was applied with different SQL than in this release; use the release that created the database"
    ))
}

impl Store {
    /// Applies all pending migrations. Several processes may call it at the same time.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &*self.db {
            Db::Sqlite(pools, _) => {
                let mut connection = pools.write.acquire().await?;
                // SQLite has no migration lock: one of two processes finds a migration that the
                // other has applied.
                let mut races = 0;
                while let Err(error) = SQLITE.run_direct(None, &mut *connection, false).await {
                    races += 1;
                    if !is_race(&error) || races > SQLITE.iter().len() {
                        return Err(explain(error));
                    }
                }
                Ok(())
            }
            Db::MySql(pools) => {
                // Closing a connection of its own releases the lock in every case.
                let mut connection = pools.write.acquire().await?.detach();
                let done = migrate_mysql(&mut connection).await;
                connection.close().await.ok();
                done
            }
        }
    }

    /// Checks that the schema matches this program; the error contains the remedy.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let (present, migrator): (i64, &Migrator) = match &*self.db {
            Db::Sqlite(pools, _) => (
                sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'").fetch_one(&pools.read).await?,
                &SQLITE,
            ),
            Db::MySql(pools) => (
                sqlx::query_scalar(
                    "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '_sqlx_migrations'",
                )
                .fetch_one(&pools.read)
                .await?,
                &MYSQL,
            ),
        };
        let applied: Vec<(i64, Vec<u8>, bool)> = if present == 0 {
            Vec::new()
        } else {
            reading!(&*self.db, |c| {
                sqlx::query_as(
                    "SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version",
                )
                .fetch_all(c)
                .await
            })?
        };
        if let Some((version, ..)) = applied.iter().find(|(_, _, success)| !success) {
            return Err(dirty(*version));
        }
        if let Some((version, ..)) =
            applied.iter().find(|(version, ..)| !migrator.version_exists(*version))
        {
            return Err(too_new(*version));
        }
        for migration in migrator.iter() {
            match applied.iter().find(|(version, ..)| *version == migration.version) {
                None => return Err(too_old(migration.version)),
                Some((version, checksum, _)) if checksum[..] != migration.checksum[..] => {
                    return Err(altered(*version));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Returns the number of restores of this database. Agents use it to classify members that the
    /// hub does not know.
    pub async fn incarnation(&self) -> Result<u64, StoreError> {
        let stored: Option<i64> = reading!(&*self.db, |c| sqlx::query_scalar(
            "SELECT incarnation FROM hub WHERE id = 1"
        )
        .fetch_optional(c)
        .await)?;
        let stored = stored.ok_or_else(|| {
            StoreError::corrupt("hub", "id", "1", "the row is missing; run `flow-server migrate`")
        })?;
        u64::try_from(stored)
            .map_err(|problem| StoreError::corrupt("hub", "incarnation", "1", problem))
    }

    /// Gives the hub a new identity after a restore. `before` is the incarnation of the replaced
    /// database, 0 if it is not known: the same backup restored twice must yield two identities.
    pub async fn bump_incarnation(&self, before: u64) -> Result<u64, StoreError> {
        let before = i64::try_from(before).unwrap_or(i64::MAX - 1);
        let mut tx: Tx = self.write_tx("bump_incarnation").await?;
        let sql = "UPDATE hub SET incarnation = 1 + CASE WHEN incarnation > ? THEN incarnation ELSE ? END WHERE id = 1";
        execute!(&mut tx, sql, before, before)?;
        tx.commit().await?;
        self.incarnation().await
    }
}

fn is_race(error: &MigrateError) -> bool {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            is_unique_violation(error) || error.as_database_error().is_some_and(is_transient)
        }
        _ => false,
    }
}

/// sqlx's own lock asks for an infinite wait. MariaDB answers that with NULL and no lock. Therefore
/// the lock is taken here, and the answer is checked.
async fn migrate_mysql(connection: &mut MySqlConnection) -> Result<(), StoreError> {
    let locked: Option<i64> = sqlx::query_scalar(concat!(
        "SELECT CAST(GET_LOCK(",
        lock_name!("flow-server migrate "),
        ", ?) AS SIGNED)"
    ))
    .bind(MIGRATION_LOCK_WAIT_MAX_S)
    .fetch_one(&mut *connection)
    .await?;
    if locked != Some(1) {
        return Err(StoreError::Schema(format!(
            "another migration has been running for {MIGRATION_LOCK_WAIT_MAX_S} s; retry when it is done"
        )));
    }
    let mut migrator = Migrator::with_migrations(MYSQL.iter().cloned().collect());
    migrator.set_locking(false);
    run(&migrator, connection).await
}

async fn run<C: Migrate>(migrator: &Migrator, connection: &mut C) -> Result<(), StoreError> {
    migrator.run_direct(None, connection, false).await.map_err(explain)
}
