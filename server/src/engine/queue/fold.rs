//! What each waiting input does to a task, in memory. Nothing is changed by it but caches, so it can be done again.

use std::collections::HashMap;
use std::sync::Arc;

use flow_common::clock::Moment;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{Digest, PartyId, TaskId};
use flow_domain::run::Input;
use flow_domain::template::TemplateBody;
use flow_domain::time::Timestamp;

use super::{Folded, Group, Queue};
use crate::engine::report::{self, Reported};
use crate::engine::working::Working;
use crate::engine::{Act, Answer, IdemKey, Principal, create, delete, edit, start, stop};
use crate::store::StoreError;

/// Resources made by keys in this very batch.
type BatchKeys = HashMap<(String, String), (Digest, String)>;

impl Queue {
    /// Folds every group in memory. Nothing is changed by it but caches.
    pub(super) async fn fold(
        &mut self,
        groups: &[Group],
        now: Moment,
    ) -> Result<Vec<Folded>, StoreError> {
        let mut keys = BatchKeys::new();
        let mut folded = Vec::with_capacity(groups.len());
        for group in groups {
            folded.push(self.fold_group(group, &mut keys, now).await?);
        }
        Ok(folded)
    }

    async fn fold_group(
        &mut self,
        group: &Group,
        keys: &mut BatchKeys,
        now: Moment,
    ) -> Result<Folded, StoreError> {
        let is_first = !self.tasks.contains_key(&group.task);
        let mut working = self.load(&group.task).await?.map(Working::of);
        if let Some(working) =
            working.as_mut().filter(|_| is_first || self.outage.is_present(now.monotonic))
        {
            self.outage.pardon(working, now);
        }
        let mut answers = Vec::with_capacity(group.jobs.len());
        for job in &group.jobs {
            answers.push(self.fold_job(&group.task, &mut working, &job.act, keys, now).await?);
        }
        let (change, after) = match working {
            Some(mut working) => {
                self.greet(&mut working, now.wall);
                let (change, after) = working.finish(now.wall);
                (change, Some(after))
            }
            None => (None, None),
        };
        Ok(Folded { answers, change, after })
    }

    /// A run made to repeat another is told who is connected now: what the old run knew of members that had settled
    /// may be long past.
    fn greet(&self, working: &mut Working, now: Timestamp) {
        for (run, party) in working.retries() {
            if let Some((_, instance)) = self.contacts.get(&party) {
                // A refusal says that it was known.
                let _ = working.input(
                    &run,
                    &Input::Connected { party, instance: instance.clone() },
                    now,
                );
            }
        }
    }

    /// A member's party that there is no more.
    async fn unknown_party(&mut self, working: &Working) -> Result<Option<PartyId>, StoreError> {
        for member in &working.task.body.members {
            if !self.known_parties.contains(&member.party) {
                if self.store.party(&member.party).await?.is_none() {
                    return Ok(Some(member.party.clone()));
                }
                self.known_parties.insert(member.party.clone());
            }
        }
        Ok(None)
    }

    /// One job. The outer error says that the store did not answer, the inner one is the caller's.
    async fn fold_job(
        &mut self,
        id: &TaskId,
        working: &mut Option<Working>,
        act: &Act,
        keys: &mut BatchKeys,
        moment: Moment,
    ) -> Result<Result<Answer, Error>, StoreError> {
        let now = moment.wall;
        if let Act::Create { idem: Some(idem), .. } | Act::Start { idem: Some(idem), .. } = act
            && let Some(earlier) = self.earlier(idem, keys).await?
        {
            return Ok(earlier.and_then(|resource| {
                let broken =
                    |_| Error::internal(format!("an idempotency record names {resource:?}"));
                Ok(match act {
                    Act::Create { .. } => Answer::Task(resource.parse().map_err(broken)?),
                    _ => Answer::Run(resource.parse().map_err(broken)?),
                })
            }));
        }
        if let Act::Create { principal, body, idem } = act {
            if working.is_none() {
                *working = Some(create::create(id.clone(), principal, body, idem.as_ref(), now));
                note(keys, idem.as_ref(), id.as_str());
            }
            return Ok(Ok(Answer::Task(id.clone())));
        }
        let Some(working) = working else {
            return Ok(match act {
                Act::Report { .. } => Ok(Answer::Reported(Reported::Unknown)),
                Act::Input { .. } | Act::Tick => Ok(Answer::Done),
                _ => Err(Error::of(ErrorCode::TaskNotFound)),
            });
        };
        let seen = |principal: &Principal, working: &Working| {
            // Deleting twice is fine, and so is deleting again because the first answer was lost.
            let hidden = working.task.deleted_at.is_some() && !matches!(act, Act::Delete { .. });
            match working.task.project == principal.project && !hidden {
                true => Ok(()),
                false => Err(Error::of(ErrorCode::TaskNotFound)),
            }
        };
        Ok(match act {
            Act::Create { .. } => Ok(Answer::Task(id.clone())),
            Act::Edit { principal, body, if_version } => seen(principal, working)
                .and_then(|()| edit::edit(working, principal, body, *if_version, now))
                .map(|()| Answer::Done),
            Act::Start { principal, run, idem } => match seen(principal, working) {
                Err(error) => Err(error),
                Ok(()) => {
                    let template = match self.template(principal, working).await? {
                        Ok(template) => template,
                        Err(error) => return Ok(Err(error)),
                    };
                    if let Some(party) = self.unknown_party(working).await? {
                        let message = format!(
                            "{party}, a member of the task, was removed from the federation: edit the task"
                        );
                        return Ok(Err(Error::new(ErrorCode::PartyNotFound, message)));
                    }
                    let connected = |party: &PartyId| {
                        self.contacts.get(party).map(|(_, instance)| instance.clone())
                    };
                    let done =
                        start::start(working, run, idem.as_ref(), &template, &connected, now);
                    if done.is_ok() {
                        note(keys, idem.as_ref(), run.as_str());
                    }
                    done.map(|()| Answer::Run(run.clone()))
                }
            },
            Act::Stop { principal } => seen(principal, working)
                .and_then(|()| stop::stop(working, principal, now))
                .map(|()| Answer::Done),
            Act::Delete { principal, if_version } => seen(principal, working)
                .and_then(|()| delete::delete(working, principal, *if_version, now))
                .map(|()| Answer::Done),
            Act::Report { run, party, report } => {
                Ok(Answer::Reported(report::report(working, run, party, report, now)))
            }
            Act::Input { run, input } => {
                let mut input = input.clone();
                if let Input::Away { since, .. } = &mut input {
                    // Posted before the clock was set, it may be later than now.
                    *since = (*since).max(self.outage.deaf_until(moment)).min(now);
                }
                // A refusal says that the fact changes nothing.
                let _ = working.input(run, &input, now);
                Ok(Answer::Done)
            }
            Act::Tick => {
                working.ticked = true;
                let runs: Vec<_> = working.runs.iter().map(|run| run.id.clone()).collect();
                for run in runs {
                    let _ = working.input(&run, &Input::Tick, now);
                }
                Ok(Answer::Done)
            }
        })
    }

    /// What was made by this key before, if anything; an error if it was used for another request.
    async fn earlier(
        &self,
        idem: &IdemKey,
        keys: &BatchKeys,
    ) -> Result<Option<Result<String, Error>>, StoreError> {
        let found = match keys.get(&(idem.scope.clone(), idem.key.clone())) {
            Some(found) => Some(found.clone()),
            None => self
                .store
                .idempotency(&idem.scope, &idem.key)
                .await?
                .map(|record| (record.request, record.response)),
        };
        Ok(found.map(|(request, resource)| {
            if request == idem.request {
                Ok(resource)
            } else {
                Err(Error::of(ErrorCode::IdempotencyKeyReused))
            }
        }))
    }

    async fn template(
        &mut self,
        principal: &Principal,
        working: &Working,
    ) -> Result<Result<Arc<TemplateBody>, Error>, StoreError> {
        let key = (working.task.body.template.clone(), working.task.body.revision);
        if let Some(found) = self.templates.get(&key) {
            return Ok(Ok(Arc::clone(found)));
        }
        Ok(match create::template(&self.store, principal, &working.task.body).await {
            Ok(body) => {
                let body = Arc::new(body);
                self.templates.insert(key, Arc::clone(&body));
                Ok(body)
            }
            Err(error) => Err(error),
        })
    }
}

fn note(keys: &mut BatchKeys, idem: Option<&IdemKey>, resource: &str) {
    if let Some(idem) = idem {
        keys.insert(
            (idem.scope.clone(), idem.key.clone()),
            (idem.request.clone(), resource.to_owned()),
        );
    }
}
