//! Audit of access: sign-ins, and changes of accounts, tokens, projects and parties. A change and
//! its entry are stored in one transaction.

use flow_domain::id::{ProjectId, UserId};
use flow_domain::text::clip;
use flow_domain::time::Timestamp;

use super::Store;
use super::db::{Tx, execute, reading};
use super::error::StoreError;
use super::page::into_page;
use super::types::{Page, PageRequest};

/// Longest object and detail of an entry, in characters.
const TEXT_CHARS_MAX: usize = 200;

/// Entries that one transaction deletes.
const PURGED_ENTRIES_MAX: i64 = 500;

/// An entry of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessEntry {
    /// Grows with time.
    pub id: String,
    pub at: Timestamp,
    /// `None` for an actor without an account: the hub itself, or a failed sign-in.
    pub actor_id: Option<UserId>,
    /// Name of the account.
    pub actor: String,
    /// Name of the operation, as in `create_token`.
    pub action: String,
    /// Object of the operation.
    pub object: String,
    pub project: Option<ProjectId>,
    /// Address of the client.
    pub address: String,
    pub detail: String,
}

type Columns =
    (String, i64, Option<String>, String, String, String, Option<String>, String, String);

fn read(
    (id, at, actor_id, actor, action, object, project, address, detail): Columns,
) -> Result<AccessEntry, StoreError> {
    let corrupt = |column| {
        let id = id.clone();
        move |problem| StoreError::corrupt("access_audit", column, id, problem)
    };
    Ok(AccessEntry {
        at: Timestamp(at),
        actor_id: actor_id.map(|text| text.parse()).transpose().map_err(corrupt("actor_id"))?,
        project: project.map(|text| text.parse()).transpose().map_err(corrupt("project_id"))?,
        id,
        actor,
        action,
        object,
        address,
        detail,
    })
}

pub(super) async fn write(tx: &mut Tx, entry: &AccessEntry) -> Result<(), StoreError> {
    let AccessEntry { id, at, actor_id, actor, action, object, project, address, detail } = entry;
    execute!(
        tx,
        "INSERT INTO access_audit (id, at, actor_id, actor, action, object, project_id, address, detail) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        id.as_str(),
        at.0,
        actor_id.as_ref().map(UserId::as_str),
        actor.as_str(),
        action.as_str(),
        clip(object, TEXT_CHARS_MAX),
        project.as_ref().map(ProjectId::as_str),
        address.as_str(),
        clip(detail, TEXT_CHARS_MAX),
    )?;
    Ok(())
}

impl Store {
    /// Stores an entry that belongs to no change of the store.
    pub async fn audit_access(&self, entry: &AccessEntry) -> Result<(), StoreError> {
        let mut tx = self.write_tx("audit_access").await?;
        write(&mut tx, entry).await?;
        tx.commit().await
    }

    /// Returns entries, newest first.
    pub async fn access_audit(&self, page: &PageRequest) -> Result<Page<AccessEntry>, StoreError> {
        let rows: Vec<Columns> = reading!(&*self.db, |c| {
            let mut sql = sqlx::QueryBuilder::new(
                "SELECT id, at, actor_id, actor, action, object, project_id, address, detail FROM access_audit",
            );
            if let Some(after) = &page.after {
                sql.push(" WHERE id < ").push_bind(after.as_str());
            }
            sql.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(page.limit) + 1);
            sql.build_query_as().fetch_all(c).await
        })?;
        let entries = rows.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(into_page(entries, page, |entry: &AccessEntry| entry.id.clone()))
    }

    /// Deletes the oldest entries from before this moment.
    pub async fn purge_access_audit(&self, before: Timestamp) -> Result<(), StoreError> {
        loop {
            let oldest: Vec<(String, i64)> = reading!(&*self.db, |c| {
                sqlx::query_as("SELECT id, at FROM access_audit ORDER BY id LIMIT ?")
                    .bind(PURGED_ENTRIES_MAX)
                    .fetch_all(c)
                    .await
            })?;
            let Some((last, _)) = oldest.iter().take_while(|(_, at)| *at < before.0).last() else {
                return Ok(());
            };
            let mut tx = self.write_tx("purge_access_audit").await?;
            execute!(&mut tx, "DELETE FROM access_audit WHERE id <= ?", last.as_str())?;
            tx.commit().await?;
        }
    }
}
