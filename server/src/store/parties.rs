//! Parties. `sessions` contains the writes of their sessions.

use std::collections::HashSet;

use flow_domain::id::{PartyId, ProjectId};
use flow_domain::time::Timestamp;

use super::contacts;
use super::db::{Tx, execute, id_batches, in_tx, push_list, reading};
use super::error::{StoreError, is_unique_violation};
use super::page::into_page;
use super::types::{Page, PageRequest, Party, PartyRow};
use super::{DEFAULT_PROJECT, Store, unsigned};

#[derive(sqlx::FromRow)]
struct PartyColumns {
    id: String,
    secret_digest: String,
    created_at: i64,
    remark: String,
    epoch: i64,
    instance: Option<String>,
    connected: i64,
    since: i64,
    agent_version: String,
    inventory_digest: Option<String>,
    disabled_at: Option<i64>,
}

const SELECT: &str = "SELECT id, secret_digest, created_at, remark, epoch, instance, connected, since, \
                      agent_version, inventory_digest, disabled_at FROM parties \
                      LEFT JOIN disabled_parties ON disabled_parties.party_id = parties.id";

impl PartyColumns {
    fn read(self) -> Result<Party, StoreError> {
        let Self {
            id,
            secret_digest,
            created_at,
            remark,
            epoch,
            instance,
            connected,
            since,
            agent_version,
            inventory_digest,
            disabled_at,
        } = self;
        let corrupt =
            |column, problem: String| StoreError::corrupt("parties", column, &id, problem);
        Ok(Party {
            row: PartyRow {
                id: id.parse().map_err(|problem| corrupt("id", format!("{problem}")))?,
                secret_digest: secret_digest
                    .parse()
                    .map_err(|problem| corrupt("secret_digest", format!("{problem}")))?,
                created_at: Timestamp(created_at),
                remark,
            },
            epoch: u64::try_from(epoch).map_err(|problem| corrupt("epoch", problem.to_string()))?,
            instance: instance
                .map(|text| text.parse())
                .transpose()
                .map_err(|problem| corrupt("instance", format!("{problem}")))?,
            connected: connected != 0,
            since: Timestamp(since),
            agent_version,
            inventory_digest: inventory_digest
                .map(|text| text.parse())
                .transpose()
                .map_err(|problem| corrupt("inventory_digest", format!("{problem}")))?,
            disabled_at: disabled_at.map(Timestamp),
        })
    }
}

pub(super) async fn read(tx: &mut Tx, id: &PartyId) -> Result<Option<Party>, StoreError> {
    let row: Option<PartyColumns> = in_tx!(tx, |c| {
        let mut sql = sqlx::QueryBuilder::new(SELECT);
        sql.push(" WHERE id = ").push_bind(id.as_str());
        sql.build_query_as().fetch_optional(&mut *c).await
    })?;
    row.map(PartyColumns::read).transpose()
}

impl Store {
    /// Creates a party; [`StoreError::Exists`] if its name is taken.
    pub async fn create_party(&self, party: &PartyRow) -> Result<(), StoreError> {
        let PartyRow { id, secret_digest, created_at, remark } = party;
        let mut tx = self.write_tx("create_party").await?;
        let inserted = execute!(
            &mut tx,
            "INSERT INTO parties (id, project_id, secret_digest, created_at, remark, epoch, instance, connected, since, agent_version, \
             inventory_digest, inventory) VALUES (?, ?, ?, ?, ?, 0, NULL, 0, ?, '', NULL, NULL)",
            id.as_str(),
            DEFAULT_PROJECT,
            secret_digest.as_str(),
            created_at.0,
            remark.as_str(),
            created_at.0,
        );
        match inserted {
            Err(error) if is_unique_violation(&error) => {
                tx.rollback().await;
                Err(StoreError::Exists("the party"))
            }
            Err(error) => Err(error.into()),
            Ok(_) => tx.commit().await,
        }
    }

    /// Removes the party with its secrets and orphans; its tasks and runs stay. Returns `false` if
    /// there is no such party.
    pub async fn remove_party(&self, id: &PartyId) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("remove_party").await?;
        execute!(&mut tx, "DELETE FROM former_secrets WHERE party_id = ?", id.as_str())?;
        execute!(&mut tx, "DELETE FROM orphans WHERE party_id = ?", id.as_str())?;
        execute!(&mut tx, "DELETE FROM project_parties WHERE party_id = ?", id.as_str())?;
        execute!(&mut tx, "DELETE FROM disabled_parties WHERE party_id = ?", id.as_str())?;
        contacts::remove(&mut tx, id).await?;
        let matched = execute!(&mut tx, "DELETE FROM parties WHERE id = ?", id.as_str())?;
        tx.commit().await?;
        Ok(matched > 0)
    }

    /// Disables a party at `now`, or enables it. A party that is disabled keeps its earlier time.
    /// Returns `false` if there is no such party.
    pub async fn disable_party(
        &self,
        id: &PartyId,
        disabled: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write_tx("disable_party").await?;
        let Some(party) = read(&mut tx, id).await? else {
            tx.rollback().await;
            return Ok(false);
        };
        if party.disabled_at.is_some() != disabled {
            if disabled {
                execute!(
                    &mut tx,
                    "INSERT INTO disabled_parties (party_id, project_id, disabled_at) VALUES (?, ?, ?)",
                    id.as_str(),
                    DEFAULT_PROJECT,
                    now.0
                )?;
            } else {
                execute!(&mut tx, "DELETE FROM disabled_parties WHERE party_id = ?", id.as_str())?;
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    pub async fn disabled_parties(&self) -> Result<HashSet<PartyId>, StoreError> {
        let ids: Vec<String> = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT party_id FROM disabled_parties").fetch_all(c).await
        })?;
        let parsed = ids.into_iter().map(|id| {
            id.parse().map_err(|problem| {
                StoreError::corrupt("disabled_parties", "party_id", &id, problem)
            })
        });
        parsed.collect()
    }

    pub async fn party(&self, id: &PartyId) -> Result<Option<Party>, StoreError> {
        let row: Option<PartyColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE id = ").push_bind(id.as_str());
            sql.build_query_as().fetch_optional(c).await
        })?;
        row.map(PartyColumns::read).transpose()
    }

    /// Returns parties ordered by name.
    pub async fn parties(&self, page: &PageRequest) -> Result<Page<Party>, StoreError> {
        let rows: Vec<PartyColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE id > ").push_bind(page.after.as_deref().unwrap_or_default());
            sql.push(" ORDER BY id LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.push(" OFFSET ").push_bind(i64::from(page.offset));
            sql.build_query_as().fetch_all(c).await
        })?;
        let parties = rows.into_iter().map(PartyColumns::read).collect::<Result<_, _>>()?;
        Ok(into_page(parties, page, |party: &Party| party.row.id.to_string()))
    }

    /// Returns the parties that are offered to a project, ordered by name.
    pub async fn parties_of_project(
        &self,
        project: &ProjectId,
        page: &PageRequest,
    ) -> Result<Page<Party>, StoreError> {
        let rows: Vec<PartyColumns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(SELECT);
            sql.push(" WHERE id > ").push_bind(page.after.as_deref().unwrap_or_default());
            sql.push(" AND (EXISTS (SELECT 1 FROM projects j WHERE j.all_parties = 1 AND j.id = ")
                .push_bind(project.as_str());
            sql.push(") OR id IN (SELECT o.party_id FROM project_parties o WHERE o.project_id = ")
                .push_bind(project.as_str());
            sql.push(")) ORDER BY id LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.build_query_as().fetch_all(c).await
        })?;
        let parties = rows.into_iter().map(PartyColumns::read).collect::<Result<_, _>>()?;
        Ok(into_page(parties, page, |party: &Party| party.row.id.to_string()))
    }

    pub async fn count_parties(&self) -> Result<u64, StoreError> {
        let count: i64 =
            reading!(&*self.db, |c| sqlx::query_scalar("SELECT COUNT(*) FROM parties")
                .fetch_one(c)
                .await)?;
        Ok(unsigned(count))
    }

    /// Ends all sessions of an earlier process; absence starts now. An absence that starts in the
    /// future was stored before the clock was set back.
    pub async fn all_away(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write_tx("all_away").await?;
        contacts::end_all(&mut tx, now).await?;
        execute!(
            &mut tx,
            "UPDATE parties SET connected = 0, since = ? WHERE connected = 1 OR since > ?",
            now.0,
            now.0
        )?;
        tx.commit().await
    }

    /// Corrects the absences after the wall clock was set by `set_by` microseconds to `now`. An
    /// absence shorter than `away_after_s` restarts now, so that no other agent replaces the agent
    /// of the party too early. An absence that would start in the future restarts now, too.
    pub async fn restart_absences(
        &self,
        now: Timestamp,
        set_by: i64,
        away_after_s: u64,
    ) -> Result<(), StoreError> {
        let recent = now
            .0
            .saturating_sub(set_by)
            .saturating_sub(Timestamp(0).plus_secs(away_after_s).0)
            .min(now.0);
        let mut tx = self.write_tx("restart_absences").await?;
        execute!(
            &mut tx,
            "UPDATE parties SET since = ? WHERE connected = 0 AND since > ?",
            now.0,
            recent
        )?;
        tx.commit().await
    }

    /// Returns the inventories of these parties as JSON of their agents; a party whose agent sent none
    /// is left out.
    pub async fn inventories(&self, parties: &[&str]) -> Result<Vec<(String, String)>, StoreError> {
        let mut found = Vec::new();
        for batch in id_batches(parties) {
            let rows: Vec<(String, String)> = reading!(&*self.db, |c| {
                let mut sql = sqlx::QueryBuilder::new(
                    "SELECT id, inventory FROM parties WHERE inventory IS NOT NULL AND id IN ",
                );
                push_list!(sql, batch.iter().copied().copied());
                sql.build_query_as().fetch_all(c).await
            })?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// Returns up to `limit` inventories of the parties after this name, ordered by name.
    pub async fn inventories_after(
        &self,
        party: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>, StoreError> {
        Ok(reading!(&*self.db, |c| {
            sqlx::query_as("SELECT id, inventory FROM parties WHERE inventory IS NOT NULL AND id > ? ORDER BY id LIMIT ?")
                .bind(party)
                .bind(i64::from(limit))
                .fetch_all(c)
                .await
        })?)
    }

    /// Returns the inventory that the party's agent sent.
    pub async fn inventory(
        &self,
        party: &PartyId,
    ) -> Result<Option<serde_json::Value>, StoreError> {
        let json: Option<Option<String>> = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT inventory FROM parties WHERE id = ?")
                .bind(party.as_str())
                .fetch_optional(c)
                .await
        })?;
        json.flatten()
            .map(|json| {
                serde_json::from_str(&json).map_err(|problem| {
                    StoreError::corrupt("parties", "inventory", party.as_str(), problem)
                })
            })
            .transpose()
    }
}
