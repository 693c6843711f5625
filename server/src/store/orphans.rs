//! Orphans: members that an agent holds and the hub does not know, until they have ended.

use std::fmt;
use std::str::FromStr;

use flow_domain::id::PartyId;
use flow_domain::time::Timestamp;

use super::db::{execute, in_tx, reading};
use super::error::StoreError;
use super::page::into_page;
use super::types::{Orphan, OrphanDecision, OrphanKey, Page, PageRequest};
use super::{DEFAULT_PROJECT, Store};

impl OrphanDecision {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Keep => "keep",
        }
    }
}

impl fmt::Display for OrphanKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { party, run, attempt } = self;
        write!(f, "{party}.{run}.{attempt}")
    }
}

impl FromStr for OrphanKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // No part can contain a dot.
        let parts: [&str; 3] =
            text.split('.').collect::<Vec<_>>().try_into().map_err(|_| KEY_FORMAT)?;
        let [party, run, attempt] = parts;
        Ok(Self {
            party: party.parse().map_err(|_| KEY_FORMAT)?,
            run: run.parse().map_err(|_| KEY_FORMAT)?,
            attempt: attempt.parse().map_err(|_| KEY_FORMAT)?,
        })
    }
}

const KEY_FORMAT: &str = "must be an id from the list of orphans: PARTY.RUN.ATTEMPT";

#[derive(sqlx::FromRow)]
struct OrphanColumns {
    party_id: String,
    run_id: String,
    attempt: i64,
    task_id: Option<String>,
    digest: Option<String>,
    phase: String,
    seen_at: i64,
    decision: Option<String>,
}

const SELECT: &str =
    "SELECT party_id, run_id, attempt, task_id, digest, phase, seen_at, decision FROM orphans";

impl OrphanColumns {
    fn read(self) -> Result<Orphan, StoreError> {
        let Self { party_id, run_id, attempt, task_id, digest, phase, seen_at, decision } = self;
        let corrupt = |column, problem: String| {
            StoreError::corrupt(
                "orphans",
                column,
                format!("{party_id}/{run_id}/{attempt}"),
                problem,
            )
        };
        Ok(Orphan {
            key: OrphanKey {
                party: party_id
                    .parse()
                    .map_err(|problem| corrupt("party_id", format!("{problem}")))?,
                run: run_id.parse().map_err(|problem| corrupt("run_id", format!("{problem}")))?,
                attempt: u32::try_from(attempt)
                    .map_err(|problem| corrupt("attempt", problem.to_string()))?,
            },
            task: task_id
                .map(|id| id.parse())
                .transpose()
                .map_err(|problem| corrupt("task_id", format!("{problem}")))?,
            digest: digest
                .map(|text| text.parse())
                .transpose()
                .map_err(|problem| corrupt("digest", format!("{problem}")))?,
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
    /// Stores a new orphan, or updates a known one; a decision stays. Returns `false` without
    /// storing a new one if its party has `most` already.
    pub async fn put_orphan(&self, orphan: &Orphan, most: u32) -> Result<bool, StoreError> {
        let Orphan {
            key: OrphanKey { party, run, attempt },
            task,
            digest,
            phase,
            seen_at,
            decision,
        } = orphan;
        let mut tx = self.write_tx("put_orphan").await?;
        let others: i64 = in_tx!(&mut tx, |c| {
            sqlx::query_scalar("SELECT COUNT(*) FROM orphans WHERE party_id = ? AND NOT (run_id = ? AND attempt = ?)")
                .bind(party.as_str())
                .bind(run.as_str())
                .bind(i64::from(*attempt))
                .fetch_one(&mut *c)
                .await
        })?;
        if others >= i64::from(most) {
            tx.rollback().await;
            return Ok(false);
        }
        let tail =
            tx.or_update("party_id, run_id, attempt", &["task_id", "digest", "phase", "seen_at"]);
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
        tx.commit().await?;
        Ok(true)
    }

    /// Returns orphans of one party or of all parties, ordered by key.
    pub async fn orphans(
        &self,
        party: Option<&PartyId>,
        page: &PageRequest,
    ) -> Result<Page<Orphan>, StoreError> {
        let after = page
            .after
            .as_ref()
            .map(|key| key.parse::<OrphanKey>())
            .transpose()
            .map_err(|_| StoreError::Cursor)?;
        let rows: Vec<OrphanColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE 1 = 1");
            if let Some(party) = party {
                sql.push(" AND party_id = ").push_bind(party.as_str());
            }
            if let Some(OrphanKey { party, run, attempt }) = &after {
                sql.push(" AND (party_id, run_id, attempt) > (").push_bind(party.as_str());
                sql.push(", ")
                    .push_bind(run.as_str())
                    .push(", ")
                    .push_bind(i64::from(*attempt))
                    .push(")");
            }
            sql.push(" ORDER BY party_id, run_id, attempt LIMIT ")
                .push_bind(i64::from(page.limit) + 1);
            sql.push(" OFFSET ").push_bind(i64::from(page.offset));
            sql.build_query_as().fetch_all(c).await
        })?;
        let orphans = rows.into_iter().map(OrphanColumns::read).collect::<Result<_, _>>()?;
        Ok(into_page(orphans, page, |orphan: &Orphan| orphan.key.to_string()))
    }

    pub async fn orphan(&self, key: &OrphanKey) -> Result<Option<Orphan>, StoreError> {
        let OrphanKey { party, run, attempt } = key;
        let row: Option<OrphanColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE party_id = ")
                .push_bind(party.as_str())
                .push(" AND run_id = ")
                .push_bind(run.as_str());
            sql.push(" AND attempt = ").push_bind(i64::from(*attempt));
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(OrphanColumns::read).transpose()
    }

    /// Stores the decision of an operator about an orphan; `false` if there is no such orphan.
    pub async fn decide_orphan(
        &self,
        key: &OrphanKey,
        decision: OrphanDecision,
    ) -> Result<bool, StoreError> {
        let OrphanKey { party, run, attempt } = key;
        let mut tx = self.write_tx("decide_orphan").await?;
        let sql =
            "UPDATE orphans SET decision = ? WHERE party_id = ? AND run_id = ? AND attempt = ?";
        let matched = execute!(
            &mut tx,
            sql,
            decision.as_str(),
            party.as_str(),
            run.as_str(),
            i64::from(*attempt)
        )?;
        tx.commit().await?;
        Ok(matched > 0)
    }

    /// Deletes an orphan that its agent no longer holds.
    pub async fn forget_orphan(&self, key: &OrphanKey) -> Result<(), StoreError> {
        let OrphanKey { party, run, attempt } = key;
        let mut tx = self.write_tx("forget_orphan").await?;
        let sql = "DELETE FROM orphans WHERE party_id = ? AND run_id = ? AND attempt = ?";
        execute!(&mut tx, sql, party.as_str(), run.as_str(), i64::from(*attempt))?;
        tx.commit().await
    }
}
