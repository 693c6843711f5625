//! Looking after the database: numbers for metrics, backup, and `doctor`.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::db::{Db, reading};
use super::error::StoreError;
use super::types::{Counts, Finding};
use super::{Store, unsigned};

fn by_phase(rows: Vec<(String, i64)>) -> BTreeMap<String, u64> {
    rows.into_iter().map(|(phase, count)| (phase, unsigned(count))).collect()
}

/// Makes the name of a finished file survive power loss.
fn finish(partial: &Path, path: &Path) -> std::io::Result<()> {
    std::fs::File::open(partial)?.sync_all()?;
    std::fs::rename(partial, path)?;
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

impl Store {
    /// Numbers for the metrics page; walks no history.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let runs = reading!(&*self.db, |c| {
            sqlx::query_as(
                "SELECT phase, COUNT(*) FROM runs WHERE settled_at IS NULL GROUP BY phase",
            )
            .fetch_all(c)
            .await
        })?;
        let members = reading!(&*self.db, |c| {
            sqlx::query_as(
                "SELECT m.phase, COUNT(*) FROM runs r JOIN members m ON m.run_id = r.id WHERE r.settled_at IS NULL GROUP BY m.phase",
            )
            .fetch_all(c)
            .await
        })?;
        let (parties, connected): (i64, i64) = reading!(&*self.db, |c| {
            sqlx::query_as(
                "SELECT COUNT(*), CAST(COALESCE(SUM(connected), 0) AS SIGNED INTEGER) FROM parties",
            )
            .fetch_one(c)
            .await
        })?;
        Ok(Counts {
            runs: by_phase(runs),
            members: by_phase(members),
            parties_connected: unsigned(connected),
            parties: unsigned(parties),
        })
    }

    /// A consistent copy of a SQLite database in a new file, while it is in use. The file appears when it is whole.
    pub async fn backup_to(&self, path: &Path) -> Result<(), StoreError> {
        let Db::Sqlite(pools, _) = &*self.db else {
            return Err(StoreError::Config(
                "back up MySQL and MariaDB with their own tools, for example `mysqldump --single-transaction --hex-blob DATABASE`; \
                 after a restore run `UPDATE hub SET incarnation = incarnation + 1`, so that agents learn of it"
                    .to_owned(),
            ));
        };
        let cannot = |problem: std::io::Error| {
            StoreError::Config(format!(
                "the backup cannot be written to {}: {problem}",
                path.display()
            ))
        };
        if path.exists() {
            return Err(StoreError::Config(format!(
                "{} exists; name a file that does not",
                path.display()
            )));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = Path::new(&partial);
        let text = partial
            .to_str()
            .ok_or_else(|| StoreError::Config("the backup's path must be UTF-8".to_owned()))?;
        // What an earlier, interrupted backup left.
        if let Err(problem) = std::fs::remove_file(partial)
            && problem.kind() != std::io::ErrorKind::NotFound
        {
            return Err(cannot(problem));
        }
        // SQLite fills an empty file, and would make a new one readable by all: a backup holds what users keep in their tasks.
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(partial)
            .map_err(cannot)?;
        sqlx::query("VACUUM INTO ?").bind(text).execute(&pools.read).await?;
        finish(partial, path).map_err(cannot)
    }

    /// Looks the database over, reading much of it. Failures of a check are findings, not errors.
    pub async fn doctor(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut note = |check, outcome: Result<String, String>| {
            let (ok, detail) = match outcome {
                Ok(detail) => (true, detail),
                Err(detail) => (false, detail),
            };
            findings.push(Finding { check, ok, detail });
        };
        note(
            "schema",
            self.check_schema()
                .await
                .map(|()| "up to date".to_owned())
                .map_err(|error| error.to_string()),
        );
        note("server", self.server().await.unwrap_or_else(|error| Err(told(&error))));
        note("integrity", self.integrity().await.unwrap_or_else(|error| Err(told(&error))));
        note("events", self.gapless().await.unwrap_or_else(|error| Err(told(&error))));
        let counts = self.counts().await.map(|counts| {
            let Counts { runs, members, parties_connected, parties } = counts;
            let sum = |phases: BTreeMap<String, u64>| phases.values().sum::<u64>();
            format!("{parties} parties, {parties_connected} connected; {} unsettled runs with {} members", sum(runs), sum(members))
        });
        note("counts", counts.map_err(|error| told(&error)));
        findings
    }

    async fn server(&self) -> Result<Result<String, String>, StoreError> {
        Ok(match &*self.db {
            Db::Sqlite(pools, _) => {
                let version: String =
                    sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&pools.read).await?;
                let mode: String =
                    sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&pools.write).await?;
                let synchronous: i64 =
                    sqlx::query_scalar("PRAGMA synchronous").fetch_one(&pools.write).await?;
                let text = format!("SQLite {version}, journal {mode}, synchronous {synchronous}");
                if mode == "wal" {
                    Ok(text)
                } else {
                    Err(format!(
                        "{text}: the journal must be WAL; is the file on a network file system?"
                    ))
                }
            }
            Db::MySql(pools) => {
                let (version, sql_mode, collation, flush): (String, String, String, String) = sqlx::query_as(
                    "SELECT CAST(@@version AS CHAR), CAST(@@sql_mode AS CHAR), CAST(@@collation_database AS CHAR), \
                     CAST(@@innodb_flush_log_at_trx_commit AS CHAR)",
                )
                .fetch_one(&pools.read)
                .await?;
                let text = format!(
                    "{version}, database collation {collation}, sql_mode {sql_mode}, innodb_flush_log_at_trx_commit {flush}"
                );
                if flush == "1" {
                    Ok(text)
                } else {
                    Err(format!(
                        "{text}: set innodb_flush_log_at_trx_commit to 1, or commits can be lost with the power"
                    ))
                }
            }
        })
    }

    async fn integrity(&self) -> Result<Result<String, String>, StoreError> {
        let Db::Sqlite(pools, _) = &*self.db else {
            return Ok(Ok("left to the database server".to_owned()));
        };
        let problems: Vec<String> =
            sqlx::query_scalar("PRAGMA integrity_check(5)").fetch_all(&pools.read).await?;
        Ok(if problems == ["ok"] {
            Ok("ok".to_owned())
        } else {
            Err(format!("{}; restore the last backup", problems.join("; ")))
        })
    }

    /// Every task's events are numbered 1 to `event_seq`.
    async fn gapless(&self) -> Result<Result<String, String>, StoreError> {
        let wrong: Vec<String> = reading!(&*self.db, |c| {
            sqlx::query_scalar(
                "SELECT t.id FROM tasks t LEFT JOIN (SELECT task_id, COUNT(*) AS events, MAX(seq) AS newest FROM events GROUP BY task_id) e \
                 ON e.task_id = t.id WHERE COALESCE(e.events, 0) <> t.event_seq OR COALESCE(e.newest, 0) <> t.event_seq LIMIT 5",
            )
            .fetch_all(c)
            .await
        })?;
        Ok(if wrong.is_empty() {
            Ok("numbered without gaps".to_owned())
        } else {
            Err(format!(
                "tasks with missing events: {}; the database was changed from outside",
                wrong.join(", ")
            ))
        })
    }
}

/// The error with its cause: the reader is an operator at the machine.
fn told(error: &StoreError) -> String {
    let cause =
        std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}
