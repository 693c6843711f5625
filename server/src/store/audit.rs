//! Audit of reports that changed no phase. The newest of each party are kept, for any number of
//! reports.

use std::collections::BTreeSet;

use flow_domain::id::{PartyId, RunId};

use super::db::{execute, in_tx, reading};
use super::error::StoreError;
use super::types::AuditReport;
use super::{DEFAULT_PROJECT, Store, signed};
use parking_lot::Mutex;

/// Parties with reports since the last pruning; `None` = unknown, as after a start.
#[derive(Debug, Default)]
pub(super) struct UnprunedParties(Mutex<Option<BTreeSet<PartyId>>>);

impl UnprunedParties {
    fn add(&self, party: &PartyId) {
        if let Some(parties) = &mut *self.0.lock() {
            parties.insert(party.clone());
        }
    }

    fn take(&self) -> Option<BTreeSet<PartyId>> {
        self.0.lock().replace(BTreeSet::new())
    }

    /// Makes the next pruning check all parties.
    fn forget(&self) {
        *self.0.lock() = None;
    }
}

impl Store {
    /// Stores a report that changed no phase. Storing it twice has no effect.
    pub async fn audit_report(&self, report: &AuditReport) -> Result<(), StoreError> {
        let AuditReport { party, run, report, attempt, sequence, instance, refusal, at } = report;
        let mut tx = self.write_tx("audit_report").await?;
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
        tx.commit().await?;
        self.unpruned_parties.add(party);
        Ok(())
    }

    /// Returns refusal and report of the party's audit reports, in the order of its journal.
    pub async fn audited_reports(
        &self,
        party: &PartyId,
        run: &RunId,
    ) -> Result<Vec<(String, String)>, StoreError> {
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

    /// Deletes all but the newest `most` reports of each party with new reports since the last
    /// call.
    pub async fn prune_audit(&self, most: u32) -> Result<(), StoreError> {
        let grown = self.unpruned_parties.take();
        let pruned = self.prune_audit_of(grown, most).await;
        if pruned.is_err() {
            self.unpruned_parties.forget();
        }
        pruned
    }

    async fn prune_audit_of(
        &self,
        grown: Option<BTreeSet<PartyId>>,
        most: u32,
    ) -> Result<(), StoreError> {
        let parties: Vec<String> = match grown {
            Some(parties) => parties.into_iter().map(String::from).collect(),
            None => reading!(&*self.db, |c| sqlx::query_scalar(
                "SELECT DISTINCT party_id FROM audit_reports"
            )
            .fetch_all(c)
            .await)?,
        };
        for party in parties {
            let first_too_old: Option<i64> = reading!(&*self.db, |c| {
                sqlx::query_scalar("SELECT at FROM audit_reports WHERE party_id = ? ORDER BY at DESC LIMIT 1 OFFSET ?")
                    .bind(&party)
                    .bind(i64::from(most))
                    .fetch_optional(c)
                    .await
            })?;
            if let Some(at) = first_too_old {
                let mut tx = self.write_tx("prune_audit_of").await?;
                execute!(
                    &mut tx,
                    "DELETE FROM audit_reports WHERE party_id = ? AND at <= ?",
                    &party,
                    at
                )?;
                tx.commit().await?;
            }
        }
        Ok(())
    }
}
