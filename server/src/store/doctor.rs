//! Checks of the database for `flow-server doctor`. A check that fails is a finding, not an error.

use std::collections::BTreeMap;

use flow_common::error::chain;

use super::Store;
use super::db::{Db, reading};
use super::error::StoreError;
use super::types::{Counts, Finding};

/// Tasks named in a finding.
const NAMED_TASKS_MAX: i64 = 5;

/// Result of one check: `Passed` describes the state, `Failed` names the defect and the remedy.
enum CheckResult {
    Passed(String),
    Failed(String),
}

impl CheckResult {
    fn of_error(error: &StoreError) -> Self {
        Self::Failed(chain(error))
    }

    fn into_finding(self, check: &'static str) -> Finding {
        match self {
            Self::Passed(detail) => Finding { check, ok: true, detail },
            Self::Failed(detail) => Finding { check, ok: false, detail },
        }
    }
}

impl Store {
    /// Runs all checks; reads much of the database.
    pub async fn doctor(&self) -> Vec<Finding> {
        let schema = match self.check_schema().await {
            Ok(()) => CheckResult::Passed("up to date".to_owned()),
            Err(error) => CheckResult::Failed(error.to_string()),
        };
        let failed = |error: StoreError| CheckResult::of_error(&error);
        let server = self.check_server().await.unwrap_or_else(failed);
        let integrity = self.check_integrity().await.unwrap_or_else(failed);
        let has_tables = matches!(schema, CheckResult::Passed(_));
        let mut results = vec![("schema", schema), ("server", server), ("integrity", integrity)];
        // Without the tables of this release, further checks would repeat the fault of the schema.
        if has_tables {
            results.push(("events", self.check_event_numbers().await.unwrap_or_else(failed)));
            let counts = match self.counts().await {
                Ok(counts) => CheckResult::Passed(summary(counts)),
                Err(error) => CheckResult::of_error(&error),
            };
            results.push(("counts", counts));
        }
        results.into_iter().map(|(check, result)| result.into_finding(check)).collect()
    }

    async fn check_server(&self) -> Result<CheckResult, StoreError> {
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
                    CheckResult::Passed(text)
                } else {
                    CheckResult::Failed(format!(
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
                    CheckResult::Passed(text)
                } else {
                    CheckResult::Failed(format!(
                        "{text}: set innodb_flush_log_at_trx_commit to 1, or commits can be lost with the power"
                    ))
                }
            }
        })
    }

    async fn check_integrity(&self) -> Result<CheckResult, StoreError> {
        let Db::Sqlite(pools, _) = &*self.db else {
            return Ok(CheckResult::Passed("left to the database server".to_owned()));
        };
        let problems: Vec<String> =
            sqlx::query_scalar("PRAGMA integrity_check(5)").fetch_all(&pools.read).await?;
        Ok(if problems == ["ok"] {
            CheckResult::Passed("ok".to_owned())
        } else {
            CheckResult::Failed(format!("{}; restore the last backup", problems.join("; ")))
        })
    }

    /// Checks that the events of every task are numbered from 1 to `event_seq` without gaps.
    async fn check_event_numbers(&self) -> Result<CheckResult, StoreError> {
        let wrong: Vec<String> = reading!(&*self.db, |c| {
            sqlx::query_scalar(
                "SELECT t.id FROM tasks t LEFT JOIN (SELECT task_id, COUNT(*) AS events, MAX(seq) AS newest FROM events GROUP BY task_id) e \
                 ON e.task_id = t.id WHERE COALESCE(e.events, 0) <> t.event_seq OR COALESCE(e.newest, 0) <> t.event_seq LIMIT ?",
            )
            .bind(NAMED_TASKS_MAX)
            .fetch_all(c)
            .await
        })?;
        Ok(if wrong.is_empty() {
            CheckResult::Passed("numbered without gaps".to_owned())
        } else {
            CheckResult::Failed(format!(
                "tasks with missing events: {}; another program changed the database: restore the last backup",
                wrong.join(", ")
            ))
        })
    }
}

fn summary(counts: Counts) -> String {
    let Counts { runs, members, parties_connected, parties } = counts;
    let sum = |phases: BTreeMap<String, u64>| phases.values().sum::<u64>();
    format!(
        "{parties} parties, {parties_connected} connected; {} unsettled runs with {} members",
        sum(runs),
        sum(members)
    )
}
