//! Small tables of the control loop: leases, members nobody knows, and reports that changed nothing.

use flow_domain::id::{PartyId, RunId};
use flow_domain::time::Timestamp;

use super::db::{execute, in_tx, reading};
use super::error::{StoreError, is_unique_violation};
use super::types::{AuditReport, Orphan, OrphanDecision};
use super::{DEFAULT_PROJECT, Store, signed};

impl OrphanDecision {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Keep => "keep",
        }
    }
}

#[derive(sqlx::FromRow)]
struct OrphanRow {
    party_id: String,
    run_id: String,
    attempt: i64,
    task_id: Option<String>,
    digest: Option<String>,
    phase: String,
    seen_at: i64,
    decision: Option<String>,
}

impl OrphanRow {
    fn read(self) -> Result<Orphan, StoreError> {
        let Self { party_id, run_id, attempt, task_id, digest, phase, seen_at, decision } = self;
        let corrupt = |column, problem: String| StoreError::corrupt("orphans", column, format!("{party_id}/{run_id}/{attempt}"), problem);
        Ok(Orphan {
            party: party_id.parse().map_err(|problem| corrupt("party_id", format!("{problem}")))?,
            run: run_id.parse().map_err(|problem| corrupt("run_id", format!("{problem}")))?,
            task: task_id.map(|id| id.parse()).transpose().map_err(|problem| corrupt("task_id", format!("{problem}")))?,
            attempt: u32::try_from(attempt).map_err(|problem| corrupt("attempt", problem.to_string()))?,
            digest: digest.map(|text| text.parse()).transpose().map_err(|problem| corrupt("digest", format!("{problem}")))?,
            phase: phase.parse().map_err(|problem| corrupt("phase", problem))?,
            seen_at: Timestamp(seen_at),
            decision: match decision.as_deref() {
                None => None,
                Some("stop") => Some(OrphanDecision::Stop),
                Some("keep") => Some(OrphanDecision::Keep),
                Some(_) => return Err(corrupt("decision", "must be stop or keep".to_owned())),
            },
        })
    }
}

impl Store {
    /// Takes the lease, or keeps it: `true` if `holder` has it until `until`. A lease that has run out is anybody's.
    pub async fn take_lease(&self, name: &str, holder: &str, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.db.write().await?;
        let found: Option<(String, i64, i64)> = in_tx!(&mut tx, |c| {
            sqlx::query_as("SELECT holder, version, held_until FROM leases WHERE name = ?").bind(name).fetch_optional(&mut *c).await
        })?;
        let taken = match found {
            None => {
                let sql = "INSERT INTO leases (name, project_id, holder, version, held_until) VALUES (?, ?, ?, 1, ?)";
                match execute!(&mut tx, sql, name, DEFAULT_PROJECT, holder, until.0) {
                    Err(error) if is_unique_violation(&error) => 0,
                    other => other?,
                }
            }
            Some((other, _, held_until)) if other != holder && held_until > now.0 => 0,
            Some((_, version, _)) => execute!(
                &mut tx,
                "UPDATE leases SET holder = ?, held_until = ?, version = version + 1 WHERE name = ? AND version = ?",
                holder,
                until.0,
                name,
                version,
            )?,
        };
        if taken == 0 {
            tx.rollback().await;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Gives the lease back; nothing happens if another has it.
    pub async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        let sql = "UPDATE leases SET held_until = 0, version = version + 1 WHERE name = ? AND holder = ?";
        execute!(&mut tx, sql, name, holder)?;
        tx.commit().await
    }

    /// Notes a member the hub does not know, or what was newly seen of it. A decision stays.
    pub async fn put_orphan(&self, orphan: &Orphan) -> Result<(), StoreError> {
        let Orphan { party, run, task, attempt, digest, phase, seen_at, decision } = orphan;
        let mut tx = self.db.write().await?;
        let tail = tx.or_update("party_id, run_id, attempt", &["task_id", "digest", "phase", "seen_at"]);
        in_tx!(&mut tx, |c| {
            let mut sql = sqlx::QueryBuilder::new(
                "INSERT INTO orphans (party_id, run_id, attempt, project_id, task_id, digest, phase, seen_at, decision) ",
            );
            sql.push_values([()], |mut row, ()| {
                row.push_bind(party.as_str())
                    .push_bind(run.as_str())
                    .push_bind(i64::from(*attempt))
                    .push_bind(DEFAULT_PROJECT)
                    .push_bind(task.as_ref().map(|id| id.as_str()))
                    .push_bind(digest.as_ref().map(|digest| digest.as_str()))
                    .push_bind(phase.as_str())
                    .push_bind(seen_at.0)
                    .push_bind(decision.map(OrphanDecision::as_str));
            });
            sql.push(&tail).build().execute(&mut *c).await.map(|_| ())
        })?;
        tx.commit().await
    }

    /// Members the hub does not know.
    pub async fn orphans(&self) -> Result<Vec<Orphan>, StoreError> {
        let rows: Vec<OrphanRow> = reading!(&*self.db, |c| {
            sqlx::query_as(
                "SELECT party_id, run_id, attempt, task_id, digest, phase, seen_at, decision FROM orphans ORDER BY party_id, run_id, attempt",
            )
            .fetch_all(c)
            .await
        })?;
        rows.into_iter().map(OrphanRow::read).collect()
    }

    /// Writes down what an operator wants of an orphan; `false` if there is no such orphan.
    pub async fn decide_orphan(&self, party: &PartyId, run: &RunId, attempt: u32, decision: OrphanDecision) -> Result<bool, StoreError> {
        let mut tx = self.db.write().await?;
        let sql = "UPDATE orphans SET decision = ? WHERE party_id = ? AND run_id = ? AND attempt = ?";
        let matched = execute!(&mut tx, sql, decision.as_str(), party.as_str(), run.as_str(), i64::from(attempt))?;
        tx.commit().await?;
        Ok(matched > 0)
    }

    /// The orphan is gone: its agent has let go of it.
    pub async fn forget_orphan(&self, party: &PartyId, run: &RunId, attempt: u32) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        let sql = "DELETE FROM orphans WHERE party_id = ? AND run_id = ? AND attempt = ?";
        execute!(&mut tx, sql, party.as_str(), run.as_str(), i64::from(attempt))?;
        tx.commit().await
    }

    /// Keeps a report that changed no phase. The same report again changes nothing.
    pub async fn audit_report(&self, report: &AuditReport) -> Result<(), StoreError> {
        let AuditReport { party, run, report, attempt, sequence, instance, refusal, at } = report;
        let mut tx = self.db.write().await?;
        let tail = tx.or_keep("party_id, run_id, instance, attempt, sequence", "at");
        in_tx!(&mut tx, |c| {
            let mut sql = sqlx::QueryBuilder::new(
                "INSERT INTO audit_reports (party_id, run_id, instance, attempt, sequence, project_id, refusal, report, at) ",
            );
            sql.push_values([()], |mut row, ()| {
                row.push_bind(party.as_str())
                    .push_bind(run.as_str())
                    .push_bind(instance.as_str())
                    .push_bind(i64::from(*attempt))
                    .push_bind(signed(*sequence))
                    .push_bind(DEFAULT_PROJECT)
                    .push_bind(refusal.as_str())
                    .push_bind(report.as_str())
                    .push_bind(at.0);
            });
            sql.push(&tail).build().execute(&mut *c).await.map(|_| ())
        })?;
        tx.commit().await
    }

    /// Reports of the party that changed no phase: refusal and report, in the order of its journal.
    pub async fn audited_reports(&self, party: &PartyId, run: &RunId) -> Result<Vec<(String, String)>, StoreError> {
        Ok(reading!(&*self.db, |c| {
            sqlx::query_as(
                "SELECT refusal, report FROM audit_reports WHERE party_id = ? AND run_id = ? ORDER BY instance, attempt, sequence",
            )
            .bind(party.as_str())
            .bind(run.as_str())
            .fetch_all(c)
            .await
        })?)
    }
}
