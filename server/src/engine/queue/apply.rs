//! Applies queued changes to tasks in memory. Only caches change, so that a batch can be applied
//! again after the store failed.

use std::collections::HashMap;
use std::sync::Arc;

use flow_common::clock::Moment;
use flow_domain::access::ProjectRole;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{Digest, PartyId, TaskId};
use flow_domain::run::Input;
use flow_domain::template::Template;
use flow_domain::time::Timestamp;

use super::{AppliedChanges, Queue, TaskChanges};
use crate::engine::draft::TaskDraft;
use crate::engine::offers::Offers;
use crate::engine::report::{self, ReportOutcome};
use crate::engine::start::StartRequest;
use crate::engine::{
    Change, ChangeResult, IdempotencyKey, Principal, create, delete, edit, start, stop,
};
use crate::store::StoreError;

/// Request digest and resource of each idempotency key that was used in the current batch, by scope
/// and key.
type BatchKeys = HashMap<(String, String), (Digest, String)>;

/// The reason why a change was not applied.
enum ChangeFailure {
    /// The answer for the caller.
    Rejected(Error),
    /// The store failed: the whole batch has to be applied again.
    Store(StoreError),
}

impl From<Error> for ChangeFailure {
    fn from(error: Error) -> Self {
        Self::Rejected(error)
    }
}

impl From<StoreError> for ChangeFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Queue {
    /// Applies the changes of every group in memory.
    pub(super) async fn apply_all(
        &mut self,
        groups: &[TaskChanges],
        now: Moment,
    ) -> Result<Vec<AppliedChanges>, StoreError> {
        let mut keys = BatchKeys::new();
        let mut applied = Vec::with_capacity(groups.len());
        for group in groups {
            applied.push(self.apply_group(group, &mut keys, now).await?);
        }
        Ok(applied)
    }

    async fn apply_group(
        &mut self,
        group: &TaskChanges,
        keys: &mut BatchKeys,
        now: Moment,
    ) -> Result<AppliedChanges, StoreError> {
        let is_creation =
            group.queued.first().is_some_and(|first| matches!(first.change, Change::Create { .. }));
        // The id of a new task is new: there is nothing to read.
        let mut draft = match is_creation && !self.perhaps_stored.contains(&group.task) {
            true => None,
            false => self.draft(&group.task, now).await?,
        };
        let mut results = Vec::with_capacity(group.queued.len());
        for queued in &group.queued {
            let result =
                self.apply_change(&group.task, &mut draft, &queued.change, keys, now).await;
            results.push(match result {
                Ok(result) => Ok(result),
                Err(ChangeFailure::Rejected(error)) => Err(error),
                Err(ChangeFailure::Store(error)) => return Err(error),
            });
        }
        let (update, after) = match draft {
            Some(mut draft) => {
                self.connect_retries(&mut draft, now.wall);
                let (update, after) = draft.finish(now.wall);
                (update, Some(after))
            }
            None => (None, None),
        };
        Ok(AppliedChanges { results, update, after })
    }

    /// Loads a task for changes.
    pub(super) async fn draft(
        &mut self,
        task: &TaskId,
        now: Moment,
    ) -> Result<Option<TaskDraft>, StoreError> {
        let is_first = !self.tasks.contains_key(task);
        let mut draft = self.load(task).await?.map(TaskDraft::of);
        if let Some(draft) =
            draft.as_mut().filter(|_| is_first || self.outage.is_present(now.monotonic))
        {
            self.outage.extend_deadlines(draft, now);
        }
        Ok(draft)
    }

    /// Records in a retry run which of its parties are connected and disabled now. The states of
    /// the run before are not reliable, because they are not updated once a member has settled.
    fn connect_retries(&self, draft: &mut TaskDraft, now: Timestamp) {
        for (run, party) in draft.retries() {
            if self.party_states.disabled.contains(&party) {
                let party = party.clone();
                let input = Input::PartyDisabled { party, disabled: true, connected: None };
                let _ = draft.input(&run, &input, now);
            }
            if let Some((_, instance)) = self.contacts.get(&party) {
                // A refusal means that the contact was recorded before.
                let _ =
                    draft.input(&run, &Input::Connected { party, instance: instance.clone() }, now);
            }
        }
    }

    /// Returns a party of the task that was removed.
    async fn removed_party(&mut self, draft: &TaskDraft) -> Result<Option<PartyId>, StoreError> {
        for member in &draft.task.body.members {
            if !self.known_parties.contains(&member.party) {
                let Some(found) = self.store.party(&member.party).await? else {
                    return Ok(Some(member.party.clone()));
                };
                if found.epoch == 0 {
                    self.party_states.never_connected.insert(member.party.clone());
                }
                self.known_parties.insert(member.party.clone());
            }
        }
        Ok(None)
    }

    async fn apply_change(
        &mut self,
        id: &TaskId,
        draft: &mut Option<TaskDraft>,
        change: &Change,
        keys: &mut BatchKeys,
        moment: Moment,
    ) -> Result<ChangeResult, ChangeFailure> {
        let now = moment.wall;
        if let Change::Create { idem: Some(idem), .. }
        | Change::Start(StartRequest { idem: Some(idem), .. }) = change
            && let Some(resource) = self.earlier_resource(idem, keys).await?
        {
            let broken = |_| Error::internal(format!("an idempotency record names {resource:?}"));
            return Ok(match change {
                Change::Create { .. } => ChangeResult::Task(resource.parse().map_err(broken)?),
                _ => ChangeResult::Run(resource.parse().map_err(broken)?),
            });
        }
        if let Change::Create { principal, body, idem } = change {
            if draft.is_none() {
                let new = create::create(id.clone(), principal, body, idem.as_ref(), now);
                let task = Box::new(new.task.clone());
                *draft = Some(new);
                remember(keys, idem.as_ref(), id.as_str());
                return Ok(ChangeResult::Created(task));
            }
            return Ok(ChangeResult::Task(id.clone()));
        }
        let Some(draft) = draft else {
            return match change {
                Change::Report { .. } => Ok(ChangeResult::Reported(ReportOutcome::Unknown)),
                Change::Input { .. } | Change::Tick => Ok(ChangeResult::Done),
                _ => Err(Error::of(ErrorCode::TaskNotFound).into()),
            };
        };
        match change {
            Change::Create { .. } => Ok(ChangeResult::Task(id.clone())),
            Change::Edit { principal, body, if_version } => {
                check_visible(principal, draft)?;
                self.check_owner(principal, draft).await?;
                edit::edit(draft, principal, body, *if_version, now)?;
                Ok(ChangeResult::Done)
            }
            Change::Start(request) => {
                check_visible(&request.principal, draft)?;
                self.check_owner(&request.principal, draft).await?;
                let template = self.template(&request.principal, draft).await?;
                if let Some(party) = self.removed_party(draft).await? {
                    let message = format!(
                        "{party}, a member of the task, was removed from the federation: edit the task"
                    );
                    return Err(Error::new(ErrorCode::PartyNotFound, message).into());
                }
                let task = &draft.task;
                let offers = Offers::of_task(&self.store, &task.project, &task.body).await?;
                offers.check_start(&task.body)?;
                let connected = |party: &PartyId| {
                    self.contacts.get(party).map(|(_, instance)| instance.clone())
                };
                let states = &self.party_states;
                start::start(draft, request, &template, &connected, states, now)?;
                remember(keys, request.idem.as_ref(), request.run.as_str());
                let run = draft.run(&request.run).cloned();
                let missing = || Error::internal("the run of a start is missing");
                Ok(ChangeResult::Started(Box::new(run.ok_or_else(missing)?)))
            }
            Change::Stop { principal } => {
                check_visible(principal, draft)?;
                self.check_owner(principal, draft).await?;
                stop::stop(draft, principal, now)?;
                Ok(ChangeResult::Done)
            }
            Change::Delete { principal, if_version } => {
                // A second deletion succeeds, because the answer to the first may have been lost.
                check_project(principal, draft)?;
                self.check_owner(principal, draft).await?;
                delete::delete(draft, principal, *if_version, now)?;
                Ok(ChangeResult::Done)
            }
            Change::Report { run, party, report } => {
                Ok(ChangeResult::Reported(report::report(draft, run, party, report, now)))
            }
            Change::Input { run, input } => {
                let mut input = input.clone();
                if let Input::Away { since, .. } = &mut input {
                    // An input that was posted before the clock was set back may lie in the future.
                    *since = (*since).max(self.outage.unreachable_until(moment)).min(now);
                }
                // A refusal means that the fact changes nothing.
                let _ = draft.input(run, &input, now);
                Ok(ChangeResult::Done)
            }
            Change::Tick => {
                draft.ticked = true;
                let runs: Vec<_> = draft.runs.iter().map(|run| run.id.clone()).collect();
                for run in runs {
                    let _ = draft.input(&run, &Input::Tick, now);
                }
                Ok(ChangeResult::Done)
            }
        }
    }

    /// Returns the resource that an earlier request with this key created. Rejects a key that was
    /// used for another request.
    async fn earlier_resource(
        &self,
        idem: &IdempotencyKey,
        keys: &BatchKeys,
    ) -> Result<Option<String>, ChangeFailure> {
        let found = match keys.get(&(idem.scope.clone(), idem.key.clone())) {
            Some(found) => Some(found.clone()),
            None => self
                .store
                .idempotency(&idem.scope, &idem.key)
                .await?
                .map(|record| (record.request, record.response)),
        };
        match found {
            None => Ok(None),
            Some((request, resource)) if request == idem.request => Ok(Some(resource)),
            Some(_) => Err(Error::of(ErrorCode::IdempotencyKeyReused).into()),
        }
    }

    /// Rejects a change of a task of another account by a caller who may change its own tasks only.
    pub(super) async fn check_owner(
        &self,
        principal: &Principal,
        draft: &TaskDraft,
    ) -> Result<(), Error> {
        if principal.has(ProjectRole::Operator) {
            return Ok(());
        }
        let stored = match &draft.creator {
            Some(_) => None,
            None => self.store.task_creator(&draft.task.id).await?,
        };
        let creator = draft.creator.as_ref().or(stored.as_ref());
        if principal.has(ProjectRole::Submitter) && creator == Some(&principal.user) {
            return Ok(());
        }
        let message = format!(
            "another account created the task {:?}: this needs the role {} in project {}",
            draft.task.body.name,
            ProjectRole::Operator,
            principal.project
        );
        Err(Error::new(ErrorCode::Forbidden, message))
    }

    async fn template(
        &mut self,
        principal: &Principal,
        draft: &TaskDraft,
    ) -> Result<Arc<Template>, Error> {
        let key = (draft.task.body.template.clone(), draft.task.body.revision);
        if let Some(found) = self.templates.get(&key) {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(create::template(&self.store, principal, &draft.task.body).await?);
        self.templates.insert(key, Arc::clone(&found));
        Ok(found)
    }
}

/// Hides tasks of other projects.
fn check_project(principal: &Principal, draft: &TaskDraft) -> Result<(), Error> {
    if draft.task.project == principal.project {
        Ok(())
    } else {
        Err(Error::of(ErrorCode::TaskNotFound))
    }
}

/// Hides deleted tasks, and tasks of other projects.
fn check_visible(principal: &Principal, draft: &TaskDraft) -> Result<(), Error> {
    check_project(principal, draft)?;
    if draft.task.deleted_at.is_none() { Ok(()) } else { Err(Error::of(ErrorCode::TaskNotFound)) }
}

fn remember(keys: &mut BatchKeys, idem: Option<&IdempotencyKey>, resource: &str) {
    if let Some(idem) = idem {
        keys.insert(
            (idem.scope.clone(), idem.key.clone()),
            (idem.request.clone(), resource.to_owned()),
        );
    }
}
