//! Offers of parties to projects that were read a moment ago.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flow_common::clock::{Monotonic, monotonic};
use flow_domain::access::OfferedDatasets;
use flow_domain::id::{PartyId, ProjectId};
use parking_lot::Mutex;

/// Longest time for which a change of offers by another process may have no effect.
const REMEMBERED_PERIOD: Duration = Duration::from_secs(2);
/// Pairs of project and party remembered; all are forgotten beyond.
const REMEMBERED_OFFERS_MAX: usize = 10_000;

/// The datasets of a party that is offered to a project; `None`: it is not offered.
type Offer = Option<OfferedDatasets>;
/// Offers by party, and when each was read.
type Offers = HashMap<PartyId, (Monotonic, Offer)>;

/// Offers that were read a moment ago: each creation and each start of a task asks for them.
#[derive(Debug, Default)]
pub(super) struct OfferMemory {
    known: Mutex<HashMap<ProjectId, Offers>>,
    /// Increments with each change of offers by this process.
    changes: AtomicU64,
}

impl OfferMemory {
    /// Adds the known offers of these parties to `found`, and returns the other parties.
    pub(super) fn find<'a>(
        &self,
        project: &ProjectId,
        among: &[&'a PartyId],
        found: &mut BTreeMap<PartyId, OfferedDatasets>,
    ) -> Vec<&'a PartyId> {
        let known = self.known.lock();
        let Some(known) = known.get(project) else { return among.to_vec() };
        let is_unknown = |party: &&&PartyId| match known.get(**party) {
            Some((since, offer)) if since.elapsed() < REMEMBERED_PERIOD => {
                found.extend(offer.clone().map(|datasets| ((**party).clone(), datasets)));
                false
            }
            _ => true,
        };
        among.iter().filter(is_unknown).copied().collect()
    }

    /// Remembers what was read after `changes`, unless an offer was changed since.
    pub(super) fn insert(
        &self,
        project: &ProjectId,
        read: &[&PartyId],
        found: &BTreeMap<PartyId, OfferedDatasets>,
        changes: u64,
    ) {
        let mut known = self.known.lock();
        if self.changes.load(Ordering::SeqCst) != changes {
            return;
        }
        if known.values().map(HashMap::len).sum::<usize>() + read.len() > REMEMBERED_OFFERS_MAX {
            known.clear();
        }
        let now = monotonic();
        let offers = read.iter().map(|party| ((*party).clone(), (now, found.get(*party).cloned())));
        known.entry(project.clone()).or_default().extend(offers);
    }

    /// Number of changes of offers by this process.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    fn forget(&self) {
        let mut known = self.known.lock();
        self.changes.fetch_add(1, Ordering::SeqCst);
        known.clear();
    }
}

/// Forgets the offers when the transaction that changes them has ended.
pub(super) struct OfferChange(Arc<OfferMemory>);

impl OfferChange {
    /// Returns `None` for a transaction that changes no parties, projects or offers.
    pub(super) fn of(transaction: &str, memory: &Arc<OfferMemory>) -> Option<Self> {
        let is_change = matches!(
            transaction,
            "create_party"
                | "remove_party"
                | "create_project"
                | "edit_project"
                | "delete_project"
                | "offer_party"
                | "withdraw_party"
        );
        is_change.then(|| Self(Arc::clone(memory)))
    }
}

impl Drop for OfferChange {
    fn drop(&mut self) {
        self.0.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_that_were_read_before_a_change_are_not_remembered() {
        let memory = OfferMemory::default();
        let project: ProjectId = "default".parse().expect("a name");
        let [a, b]: [PartyId; 2] = ["a", "b"].map(|name| name.parse().expect("a name"));
        let read = BTreeMap::from([(a.clone(), OfferedDatasets::All)]);
        let find = || {
            let mut found = BTreeMap::new();
            let unknown = memory.find(&project, &[&a, &b], &mut found).len();
            (found.len(), unknown)
        };
        memory.insert(&project, &[&a, &b], &read, 0);
        assert_eq!(find(), (1, 0), "that a party is not offered is remembered, too");
        memory.forget();
        assert_eq!(find(), (0, 2));
        memory.insert(&project, &[&a, &b], &read, 0);
        assert_eq!(find(), (0, 2), "the read may be older than the change");
    }
}
