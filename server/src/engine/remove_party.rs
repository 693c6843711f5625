//! Removal of a party. The queue processes it after every change that was posted before, so that no
//! run with the party starts meanwhile.

use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::PartyId;
use tokio::sync::oneshot;

use super::queue::Queue;
use crate::store::PageRequest;

/// Runs that a refusal names.
const NAMED_MAX: usize = 5;

#[derive(Debug)]
pub(super) struct RemoveRequest {
    pub(super) party: PartyId,
    /// Also remove a party whose agent has not confirmed the end of its members.
    pub(super) force: bool,
    pub(super) reply: oneshot::Sender<Result<(), Error>>,
}

impl Queue {
    pub(super) async fn remove_party(
        &mut self,
        RemoveRequest { party, force, reply }: RemoveRequest,
    ) {
        let removed = self.remove_if_idle(&party, force).await;
        // The caller may have disconnected.
        let _ = reply.send(removed);
    }

    async fn remove_if_idle(&mut self, party: &PartyId, force: bool) -> Result<(), Error> {
        let unknown = || Error::new(ErrorCode::PartyNotFound, format!("there is no party {party}"));
        if self.store.party(party).await?.is_none() {
            return Err(unknown());
        }
        let (mut active, mut unconfirmed) = (Vec::new(), Vec::new());
        for (task, run) in self.store.unsettled_of_party(party).await? {
            let Some(aggregate) = self.load(&task).await? else { continue };
            let Some(run) = aggregate.runs.iter().find(|found| found.id == run) else { continue };
            let name = format!("run {} of task {}", run.number, aggregate.task.body.name);
            if run.is_active() { active.push(name) } else { unconfirmed.push(name) }
        }
        if !active.is_empty() {
            let message = format!(
                "{party} takes part in {}: stop the task, or wait for its end",
                named(&active)
            );
            return Err(Error::new(ErrorCode::PartyActive, message));
        }
        let orphans = self.store.orphans(Some(party), &PageRequest::first(1)).await?;
        if !orphans.items.is_empty() {
            unconfirmed
                .push("orphans, which this hub does not know (`flowctl orphan list`)".to_owned());
        }
        if !force && !unconfirmed.is_empty() {
            let message = format!(
                "{party} has not confirmed the end of its part in {}: let its agent connect, or force the removal, after which nothing \
                 here stops what may still run there",
                named(&unconfirmed)
            );
            return Err(Error::new(ErrorCode::PartyActive, message));
        }
        if !self.store.remove_party(party).await? {
            return Err(unknown());
        }
        self.known_parties.remove(party);
        self.party_states.disabled.remove(party);
        self.party_states.never_connected.remove(party);
        self.sessions.remove(party);
        Ok(())
    }
}

fn named(names: &[String]) -> String {
    let shown = names.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
