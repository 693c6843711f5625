//! Counts for the metrics page and for `doctor`. No query reads settled runs.

use std::collections::BTreeMap;

use super::db::reading;
use super::error::StoreError;
use super::types::Counts;
use super::{Store, unsigned};

fn by_phase(rows: Vec<(String, i64)>) -> BTreeMap<String, u64> {
    rows.into_iter().map(|(phase, count)| (phase, unsigned(count))).collect()
}

impl Store {
    /// Counts what the metrics page shows.
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
}
