//! Parties that are offered to projects.

use std::collections::{BTreeMap, HashSet};

use flow_domain::access::OfferedDatasets;
use flow_domain::id::{PartyId, ProjectId};
use flow_domain::time::Timestamp;

use super::access_audit::{self, AccessEntry};
use super::db::{execute, id_batches, in_tx, push_list, reading};
use super::error::StoreError;
use super::page::into_page;
use super::project_members::Missing;
use super::types::{Page, PageRequest};
use super::{Store, json, parties, projects};

/// A party that is offered to a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedParty {
    pub party: PartyId,
    pub datasets: OfferedDatasets,
    pub added_at: Timestamp,
}

fn datasets(party: &str, stored: Option<&str>) -> Result<OfferedDatasets, StoreError> {
    let Some(stored) = stored else { return Ok(OfferedDatasets::All) };
    let names = serde_json::from_str(stored);
    names
        .map(OfferedDatasets::Only)
        .map_err(|problem| StoreError::corrupt("project_parties", "datasets", party, problem))
}

impl Store {
    /// Offers a party to a project, with these datasets in place of those that it had.
    pub async fn offer_party(
        &self,
        project: &ProjectId,
        offer: &OfferedParty,
        entry: &AccessEntry,
    ) -> Result<Result<(), Missing>, StoreError> {
        let OfferedParty { party, datasets, added_at } = offer;
        let mut tx = self.write_tx("offer_party").await?;
        if !projects::exists(&mut tx, project).await? {
            tx.rollback().await;
            return Ok(Err(Missing::Project));
        }
        if parties::read(&mut tx, party).await?.is_none() {
            tx.rollback().await;
            return Ok(Err(Missing::Party));
        }
        let names = match datasets {
            OfferedDatasets::All => None,
            OfferedDatasets::Only(names) => Some(json(names)),
        };
        let tail = tx.or_update("project_id, party_id", &["datasets"]);
        in_tx!(&mut tx, |c| {
            let mut sql = sqlx::QueryBuilder::new(
                "INSERT INTO project_parties (project_id, party_id, datasets, added_at) ",
            );
            sql.push_values([()], |mut row, ()| {
                row.push_bind(project.as_str())
                    .push_bind(party.as_str())
                    .push_bind(names.as_deref())
                    .push_bind(added_at.0);
            });
            sql.push(&tail).build().execute(&mut *c).await.map(|_| ())
        })?;
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Withdraws a party from a project. Its runs continue.
    pub async fn withdraw_party(
        &self,
        project: &ProjectId,
        party: &PartyId,
        entry: &AccessEntry,
    ) -> Result<Result<(), Missing>, StoreError> {
        let mut tx = self.write_tx("withdraw_party").await?;
        let sql = "DELETE FROM project_parties WHERE project_id = ? AND party_id = ?";
        if execute!(&mut tx, sql, project.as_str(), party.as_str())? == 0 {
            tx.rollback().await;
            return Ok(Err(Missing::Entry));
        }
        access_audit::write(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Returns the parties that are offered to a project by name, ordered by name.
    pub async fn offers(
        &self,
        project: &ProjectId,
        page: &PageRequest,
    ) -> Result<Page<OfferedParty>, StoreError> {
        let rows: Vec<(String, Option<String>, i64)> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(
                "SELECT party_id, datasets, added_at FROM project_parties WHERE project_id = ",
            );
            sql.push_bind(project.as_str());
            sql.push(" AND party_id > ").push_bind(page.after.as_deref().unwrap_or_default());
            sql.push(" ORDER BY party_id LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.build_query_as().fetch_all(c).await
        })?;
        let read = |(party, names, added_at): (String, Option<String>, i64)| {
            Ok(OfferedParty {
                party: party.parse().map_err(|problem| {
                    StoreError::corrupt("project_parties", "party_id", &party, problem)
                })?,
                datasets: datasets(&party, names.as_deref())?,
                added_at: Timestamp(added_at),
            })
        };
        let offers = rows.into_iter().map(read).collect::<Result<_, StoreError>>()?;
        Ok(into_page(offers, page, |offer: &OfferedParty| offer.party.to_string()))
    }

    /// Returns the names of the parties that are offered to a project one by one; `None` if every party
    /// is offered.
    pub async fn offered_names(
        &self,
        project: &ProjectId,
    ) -> Result<Option<HashSet<PartyId>>, StoreError> {
        if self.project(project).await?.is_some_and(|project| project.all_parties) {
            return Ok(None);
        }
        let names: Vec<String> = reading!(&*self.db, |c| {
            sqlx::query_scalar("SELECT party_id FROM project_parties WHERE project_id = ?")
                .bind(project.as_str())
                .fetch_all(c)
                .await
        })?;
        let parsed = names.into_iter().map(|name| {
            name.parse().map_err(|problem| {
                StoreError::corrupt("project_parties", "party_id", &name, problem)
            })
        });
        parsed.collect::<Result<_, _>>().map(Some)
    }

    /// Returns which of these parties exist and are offered to the project, and with which datasets.
    /// Where every party is offered, an entry limits the datasets of its party. A change by another
    /// process has effect within two seconds.
    pub async fn offered(
        &self,
        project: &ProjectId,
        among: &[&PartyId],
    ) -> Result<BTreeMap<PartyId, OfferedDatasets>, StoreError> {
        let mut found = BTreeMap::new();
        let unknown = self.offers.find(project, among, &mut found);
        if unknown.is_empty() {
            return Ok(found);
        }
        let changes = self.offers.changes();
        for batch in id_batches(&unknown) {
            let rows: Vec<(String, Option<String>)> = reading!(&*self.db, |c| {
                let mut sql = sqlx::QueryBuilder::new(
                    "SELECT p.id, o.datasets FROM parties p JOIN projects j ON j.id = ",
                );
                sql.push_bind(project.as_str());
                sql.push(
                    " LEFT JOIN project_parties o ON o.party_id = p.id AND o.project_id = j.id WHERE (j.all_parties = 1 OR o.party_id IS NOT NULL) AND p.id IN ",
                );
                push_list!(sql, batch.iter().map(|party| party.as_str()));
                sql.build_query_as().fetch_all(c).await
            })?;
            for (party, names) in rows {
                let offered = datasets(&party, names.as_deref())?;
                found.insert(
                    party
                        .parse()
                        .map_err(|problem| StoreError::corrupt("parties", "id", &party, problem))?,
                    offered,
                );
            }
        }
        self.offers.insert(project, &unknown, &found, changes);
        Ok(found)
    }
}
