//! The newest openings and ends of sessions of each party. The writer of sessions stores them in its
//! own transactions; a new row replaces the oldest one of its party.

use flow_api_types::limits::PARTY_CONTACTS_MAX;
use flow_domain::id::PartyId;
use flow_domain::time::Timestamp;
use tokio::sync::broadcast;

use super::db::{Tx, execute, insert_rows, reading};
use super::error::StoreError;
use super::{DEFAULT_PROJECT, Store, signed};

/// Changes queued for a reader that is behind.
const QUEUED_CHANGES_MAX: usize = 1024;
/// Reason for the end of a session that was open when the hub ended without a shutdown.
const HUB_RESTARTED: &str = "hub_restarted";

/// Opening or end of a session of a party's agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactChange {
    pub party: PartyId,
    /// Orders the changes of a party: twice the epoch of the session, and one more for its end.
    pub number: u64,
    pub at: Timestamp,
    /// Cause of the end; `None` for an opening.
    pub reason: Option<String>,
    /// Version of the agent that opened the session; empty for an end.
    pub agent_version: String,
}

impl ContactChange {
    pub(super) fn opened(party: &PartyId, epoch: u64, at: Timestamp, version: &str) -> Self {
        let agent_version = version.to_owned();
        Self { party: party.clone(), number: 2 * epoch, at, reason: None, agent_version }
    }

    pub(super) fn ended(party: &PartyId, epoch: u64, at: Timestamp, reason: &str) -> Self {
        Self {
            party: party.clone(),
            number: 2 * epoch + 1,
            at,
            reason: Some(reason.to_owned()),
            agent_version: String::new(),
        }
    }

    /// Returns true for an opening.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.reason.is_none()
    }
}

/// Sends stored changes to readers.
#[derive(Debug, Clone)]
pub(super) struct ContactFeed(broadcast::Sender<ContactChange>);

impl Default for ContactFeed {
    fn default() -> Self {
        Self(broadcast::channel(QUEUED_CHANGES_MAX).0)
    }
}

impl ContactFeed {
    pub(super) fn send(&self, changes: impl Iterator<Item = ContactChange>) {
        if self.0.receiver_count() > 0 {
            // The last reader may have left.
            changes.for_each(|change| drop(self.0.send(change)));
        }
    }
}

/// Stores changes in the place of the oldest ones of their parties.
pub(super) async fn write(tx: &mut Tx, changes: &[ContactChange]) -> Result<(), StoreError> {
    let head = "REPLACE INTO party_contacts (party_id, slot, project_id, number, at, reason, agent_version) ";
    insert_rows!(tx, head, "", changes, |_| 250, |row, change| {
        row.push_bind(change.party.as_str())
            .push_bind(signed(change.number % u64::from(PARTY_CONTACTS_MAX)))
            .push_bind(DEFAULT_PROJECT)
            .push_bind(signed(change.number))
            .push_bind(change.at.0)
            .push_bind(change.reason.as_deref().unwrap_or_default())
            .push_bind(change.agent_version.as_str())
    });
    Ok(())
}

/// Stores the end of all open sessions.
pub(super) async fn end_all(tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
    execute!(
        tx,
        "REPLACE INTO party_contacts (party_id, slot, project_id, number, at, reason, agent_version) \
         SELECT id, (2 * epoch + 1) % ?, project_id, 2 * epoch + 1, ?, ?, '' FROM parties WHERE connected = 1",
        i64::from(PARTY_CONTACTS_MAX),
        now.0,
        HUB_RESTARTED,
    )?;
    Ok(())
}

pub(super) async fn remove(tx: &mut Tx, party: &PartyId) -> Result<(), StoreError> {
    execute!(tx, "DELETE FROM party_contacts WHERE party_id = ?", party.as_str())?;
    Ok(())
}

impl Store {
    /// Returns a receiver of the openings and ends of sessions that this process stores. A receiver
    /// that is too far behind loses the oldest ones and receives an error.
    #[must_use]
    pub fn watch_contacts(&self) -> broadcast::Receiver<ContactChange> {
        self.contacts.0.subscribe()
    }

    /// Returns the newest openings and ends of sessions of a party, newest first.
    pub async fn contacts_of(&self, party: &PartyId) -> Result<Vec<ContactChange>, StoreError> {
        let rows: Vec<(i64, i64, String, String)> = reading!(&*self.db, |c| {
            sqlx::query_as("SELECT number, at, reason, agent_version FROM party_contacts WHERE party_id = ? ORDER BY number DESC")
                .bind(party.as_str())
                .fetch_all(c)
                .await
        })?;
        let change = |(number, at, reason, agent_version): (i64, i64, String, String)| {
            Ok(ContactChange {
                party: party.clone(),
                number: u64::try_from(number).map_err(|problem| {
                    StoreError::corrupt("party_contacts", "number", party.as_str(), problem)
                })?,
                at: Timestamp(at),
                reason: Some(reason).filter(|reason| !reason.is_empty()),
                agent_version,
            })
        };
        rows.into_iter().map(change).collect()
    }
}
