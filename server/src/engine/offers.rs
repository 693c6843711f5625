//! Parties and datasets that are offered to a project. To the project any other party does not
//! exist.

use std::collections::{BTreeMap, BTreeSet};

use flow_domain::access::OfferedDatasets;
use flow_domain::error::{Error, ErrorCode, FieldCode, FieldErrors};
use flow_domain::id::{PartyId, ProjectId};
use flow_domain::limits::MEMBERS_MAX;
use flow_domain::task::{TaskBody, TaskMember};

use crate::store::{PageRequest, Store, StoreError};

/// Offered parties that the error about an unknown one names.
const NAMED_PARTIES_MAX: u32 = 20;

/// The parties of some tasks that exist and are offered to their project.
pub(super) struct Offers {
    project: ProjectId,
    found: BTreeMap<PartyId, OfferedDatasets>,
    /// Offered parties that the error about an unknown one names.
    pub(super) named: Vec<PartyId>,
}

impl Offers {
    /// Looks up the parties of a task. The validation rejects a task with more members.
    pub(super) async fn of_task(
        store: &Store,
        project: &ProjectId,
        body: &TaskBody,
    ) -> Result<Self, StoreError> {
        let parties = body.members.iter().take(MEMBERS_MAX).map(|member| &member.party);
        Self::of(store, project, parties).await
    }

    /// Looks up these parties.
    pub(super) async fn of<'a>(
        store: &Store,
        project: &ProjectId,
        parties: impl Iterator<Item = &'a PartyId>,
    ) -> Result<Self, StoreError> {
        let parties: BTreeSet<&PartyId> = parties.collect();
        let parties: Vec<&PartyId> = parties.into_iter().collect();
        let found = store.offered(project, &parties).await?;
        let named = if found.len() == parties.len() {
            Vec::new()
        } else {
            let page = PageRequest::first(NAMED_PARTIES_MAX);
            let offered = store.parties_of_project(project, &page).await?.items;
            offered.into_iter().map(|party| party.row.id).collect()
        };
        Ok(Self { project: project.clone(), found, named })
    }

    pub(super) fn contains(&self, party: &PartyId) -> bool {
        self.found.contains_key(party)
    }

    /// Checks the datasets of a task whose parties are offered.
    pub(super) fn check_datasets(&self, body: &TaskBody) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::default();
        for (index, member) in body.members.iter().enumerate() {
            if let Some(message) = self.refusal(member) {
                errors.add(format!("/members/{index}/dataset"), FieldCode::NotAllowed, message);
            }
        }
        errors.finish()
    }

    /// Checks a stored task before a start: an offer may have been withdrawn since its last edit.
    pub(super) fn check_start(&self, body: &TaskBody) -> Result<(), Error> {
        for member in &body.members {
            let message = if self.contains(&member.party) {
                match self.refusal(member) {
                    Some(refusal) => format!("member {}: {refusal}", member.party),
                    None => continue,
                }
            } else {
                format!(
                    "{}, a member of the task, is not offered to project {} any more: edit the task",
                    member.party, self.project
                )
            };
            return Err(Error::new(ErrorCode::PartyNotFound, message));
        }
        Ok(())
    }

    fn refusal(&self, member: &TaskMember) -> Option<String> {
        let dataset = member.dataset.as_ref()?;
        let offered = self.found.get(&member.party)?;
        (!offered.contains(dataset)).then(|| {
            format!(
                "the dataset {dataset} of {} is not offered to project {}",
                member.party, self.project
            )
        })
    }
}
