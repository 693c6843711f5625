//! Requests of the party's administrator, on the control socket and in the party view.
//!
//! A change is answered after it is durable. An approval names the digests that the administrator
//! saw: it never applies to another spec, nor to another meaning of image or dataset.

use std::cmp::Reverse;

use flow_common::text::foreign;
use flow_domain::error::ErrorCode;
use flow_domain::id::{Digest, RunId};
use flow_domain::member::{Reason, ReasonCode};

use super::Agent;
use crate::control::protocol::{
    MemberDetails, MemberInfo, Position, Problem, Request, Response, Status,
};
use crate::control::{Answer, ControlRequest};
use crate::health::AgentStatus;
use crate::member::Member;
use crate::reconcile::Input;
use crate::runtime::WorkKey;

/// Settled members in a list, the newest first.
const LISTED_SETTLED_MAX: u32 = 1000;
/// Longest reason of a denial, in characters.
const DENIAL_CHARS_MAX: usize = 500;
/// Shortest prefix of an id.
const PREFIX_CHARS_MIN: usize = 4;
/// Candidates that an answer names.
const CANDIDATES_MAX: usize = 20;

impl Agent {
    pub(super) async fn answer_control(&mut self, request: ControlRequest) {
        let ControlRequest { uid, request, reply } = request;
        let answer = self.perform_control(uid, request).await;
        let answer =
            answer.unwrap_or_else(|problem| Answer::Response(Box::new(Response::Problem(problem))));
        // The client may have disconnected.
        let _ = reply.send(answer);
    }

    async fn perform_control(&mut self, uid: u32, request: Request) -> Result<Answer, Problem> {
        let response = match request {
            Request::List { all } => Response::Members(self.list_members(all).await?),
            Request::Show { member } => {
                let member = self.select(&member, true).await?;
                Response::Member(Box::new(self.details(&member).await))
            }
            Request::Logs { member, .. } => {
                let member = self.select(&member, true).await?;
                if !member.started && member.exit.is_none() {
                    let message = format!("{} has not started and has no log", label(&member));
                    return Err(Problem::new(message));
                }
                return Ok(Answer::Log(WorkKey { run: member.run, attempt: member.attempt }));
            }
            Request::Stop { member } => Response::Done(self.stop_member(uid, &member).await?),
            Request::Approve { member, digest, resolution } => {
                Response::Done(self.approve(uid, &member, &digest, resolution).await?)
            }
            Request::Deny { member, reason } => {
                Response::Done(self.deny(uid, &member, reason).await?)
            }
            Request::Status => Response::Status(Box::new(self.full_status())),
            Request::Page { after, limit } => self.page_of_members(after, limit).await?,
            Request::Members { runs } => {
                let mut infos = Vec::with_capacity(runs.len());
                for run in runs {
                    if let Some(member) = self.find(&run).await? {
                        infos.push(self.info(&member).await);
                    }
                }
                Response::Members(infos)
            }
            Request::Reload | Request::Console => {
                return Err(Problem::new("the agent's loop does not serve this request"));
            }
        };
        Ok(Answer::Response(Box::new(response)))
    }

    async fn stop_member(&mut self, uid: u32, name: &str) -> Result<String, Problem> {
        let member = self.select(name, false).await?;
        let label = label(&member);
        if let Some((phase, _)) = &member.pending_outcome {
            return Ok(format!("{label} is ending already ({phase})"));
        }
        if member.phase.is_terminal() {
            return Ok(format!("{label} has ended already ({})", member.phase));
        }
        tracing::info!(uid, run.id = %member.run, "the administrator stops a member");
        let message = format!("stopped by the administrator of {}", self.config.party);
        let reason = Reason::new(ReasonCode::StoppedByParty, message);
        self.apply(Input::StoppedByParty(member.run.clone(), reason));
        self.commit_change(&member.run).await?;
        Ok(format!("{label} is stopping; the hub cannot start it again"))
    }

    async fn approve(
        &mut self,
        uid: u32,
        name: &str,
        digest: &Digest,
        resolution: Digest,
    ) -> Result<String, Problem> {
        let member = self.select(name, false).await?;
        let label = label(&member);
        let is_same = member.digest.as_ref() == Some(digest)
            && member.needs.resolution.as_ref() == Some(&resolution);
        if !is_same {
            return Err(Problem::coded(
                ErrorCode::ApprovalOutdated,
                format!(
                    "{label} has not the digest that you approve, or the configuration changed what its image or dataset means: look at it \
                 again with `flow-federate show {}`",
                    member.run
                ),
            ));
        }
        if member.approved.is_some() {
            return Ok(format!("{label} is approved already"));
        }
        if !member.is_waiting_for_approval() {
            let message = format!("{label} waits for no approval; it is {}", member.phase);
            return Err(Problem::coded(ErrorCode::ApprovalNotPending, message));
        }
        tracing::info!(uid, run.id = %member.run, %digest, "the administrator approves a member");
        self.apply(Input::Approved(member.run.clone(), resolution));
        self.commit_change(&member.run).await?;
        Ok(format!("{label} is approved for one start"))
    }

    async fn deny(
        &mut self,
        uid: u32,
        name: &str,
        reason: Option<String>,
    ) -> Result<String, Problem> {
        let member = self.select(name, false).await?;
        let label = label(&member);
        if !member.is_waiting_for_approval() {
            let message = format!(
                "{label} waits for no approval; it is {}. To end it: flow-federate stop {}",
                member.phase, member.run
            );
            return Err(Problem::coded(ErrorCode::ApprovalNotPending, message));
        }
        tracing::info!(uid, run.id = %member.run, "the administrator denies a member");
        let mut message = format!("denied by the administrator of {}", self.config.party);
        if let Some(reason) = reason.filter(|reason| !reason.trim().is_empty()) {
            message += &format!(": {}", foreign(reason.trim(), DENIAL_CHARS_MAX));
        }
        let reason = Reason::new(ReasonCode::ApprovalDenied, message);
        self.apply(Input::Denied(member.run.clone(), reason));
        self.commit_change(&member.run).await?;
        Ok(format!("{label} is denied"))
    }

    /// Makes the change of a member durable. An error means that it is not durable yet.
    async fn commit_change(&mut self, run: &RunId) -> Result<(), Problem> {
        self.commit().await;
        if self.unwritten.contains_key(run) {
            return Err(Problem::coded(
                ErrorCode::StoreUnavailable,
                "the agent cannot write its journal: it forgets this request if it restarts before it can. Free space on the disk of \
                 data_dir, then repeat the request",
            ));
        }
        Ok(())
    }

    /// The member with this name. Settled members count only with `settled`, and only if no other
    /// one matches.
    async fn select(&mut self, name: &str, settled: bool) -> Result<Member, Problem> {
        let name = name.trim();
        let mut found: Vec<Member> =
            self.members.members().filter(|member| is_named(member, name)).cloned().collect();
        if found.is_empty() && settled {
            // The party view asks by id for many members: one row each, not the whole table.
            let exact = match name.parse::<RunId>() {
                Ok(run) => self.find(&run).await?,
                Err(_) => None,
            };
            found = match exact {
                Some(member) => vec![member],
                None => {
                    let members = self.journal.recent_settled(u32::MAX).await;
                    let members = members.map_err(unreadable)?.into_iter();
                    members.filter(|member| is_named(member, name)).collect()
                }
            };
        }
        if let Some(exact) = found.iter().find(|member| member.run.as_str() == name) {
            return Ok(exact.clone());
        }
        match found.len() {
            0 => {
                let what = if settled { "no member" } else { "no member that has not ended" };
                let message = format!(
                    "{what} is named {:?}: `flow-federate list --all` shows run ids and task names",
                    foreign(name, 100)
                );
                Err(Problem::coded(ErrorCode::MemberNotFound, message))
            }
            1 => Ok(found.remove(0)),
            count => {
                let mut candidates = Vec::new();
                for member in found.iter().take(CANDIDATES_MAX) {
                    candidates.push(self.info(member).await);
                }
                let message = format!("{count} members match {:?}", foreign(name, 100));
                Err(Problem { candidates, ..Problem::new(message) })
            }
        }
    }

    async fn list_members(&mut self, all: bool) -> Result<Vec<MemberInfo>, Problem> {
        let mut members: Vec<Member> = self.members.members().cloned().collect();
        if all {
            let settled = self.journal.recent_settled(LISTED_SETTLED_MAX).await;
            members.extend(settled.map_err(unreadable)?);
        }
        let mut infos = Vec::with_capacity(members.len());
        for member in &members {
            infos.push(self.info(member).await);
        }
        Ok(infos)
    }

    /// A page of all members, which the party view shows. The journal has the settled ones.
    async fn page_of_members(
        &mut self,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Response, Problem> {
        let limit = limit as usize;
        let is_left = |member: &Member| after.as_ref().is_none_or(|at| *at < position(member));
        let mut found: Vec<Member> =
            self.members.members().filter(|member| is_left(member)).cloned().collect();
        let before = match &after {
            Some(Position { has_ended: true, run }) => Some(&run.0),
            _ => None,
        };
        let settled = self.journal.settled_before(before, limit + 1).await.map_err(unreadable)?;
        let is_held = |member: &Member| self.members.member(&member.run).is_some();
        found.extend(settled.into_iter().filter(|member| !is_held(member)));
        found.sort_by_key(position);
        let has_more = found.len() > limit;
        found.truncate(limit);
        let mut members = Vec::with_capacity(found.len());
        for member in &found {
            members.push(self.info(member).await);
        }
        Ok(Response::Page { members, has_more })
    }

    /// The member of this run, settled or not.
    async fn find(&mut self, run: &RunId) -> Result<Option<Member>, Problem> {
        match self.members.member(run) {
            Some(member) => Ok(Some(member.clone())),
            None => self.journal.member(run).await.map_err(unreadable),
        }
    }

    fn full_status(&self) -> Status {
        let AgentStatus { connected, sessions, members, journal_writable } = self.status();
        Status {
            instance: self.journal.instance().clone(),
            connected,
            away_since: self.away_since,
            sessions,
            journal_writable,
            members,
            capacity: self.policy.resources.clone(),
            used: self.members.used(),
            reloads: self.reloads,
        }
    }

    async fn info(&mut self, member: &Member) -> MemberInfo {
        let sealed = match member.startable_spec() {
            Some(_) => self.spec_of(member).await.ok(),
            None => None,
        };
        let spec = sealed.as_ref().map(|sealed| &sealed.spec);
        MemberInfo {
            run: member.run.clone(),
            task: member.task.clone(),
            task_name: member.task_name.clone(),
            run_number: member.run_number,
            attempt: member.attempt,
            phase: member.phase,
            desired: member.desired,
            ending: member.pending_outcome.as_ref().map(|(phase, _)| *phase),
            reason: match &member.pending_outcome {
                Some((_, Some(reason))) => Some(reason.clone()),
                _ => member.reported_reason().cloned(),
            },
            exit: member.exit.clone(),
            finished_at: member.finished_at,
            role: spec.map(|spec| spec.role).or(member.needs.role),
            image: spec.map(|spec| spec.image.clone()),
            dataset: spec.and_then(|spec| spec.dataset.clone()),
            digest: member.digest.clone(),
            resolution: member.needs.resolution.clone(),
            approved: member.approved.is_some(),
            settled: member.settled,
            started: member.started || member.exit.is_some(),
            resources: member.needs.resources.clone(),
            progress: self.outbox.latest(&member.key()),
        }
    }

    async fn details(&mut self, member: &Member) -> MemberDetails {
        let info = self.info(member).await;
        let spec = match member.startable_spec() {
            Some(_) => self.spec_of(member).await.ok().map(|sealed| sealed.spec.clone()),
            None => None,
        };
        let (image_meaning, dataset_meaning) =
            spec.as_ref().map(|spec| self.policy.meanings(spec)).unwrap_or_default();
        MemberDetails {
            member: info,
            spec,
            image_meaning,
            dataset_meaning,
            ports: member.ports.clone(),
        }
    }
}

fn is_named(member: &Member, name: &str) -> bool {
    let is_prefix = |id: &str| name.len() >= PREFIX_CHARS_MIN && id.starts_with(name);
    is_prefix(member.run.as_str())
        || is_prefix(member.task.as_str())
        || (!name.is_empty() && member.task_name == name)
}

fn position(member: &Member) -> Position {
    Position { has_ended: member.phase.is_terminal(), run: Reverse(member.run.clone()) }
}

/// The member in a sentence.
fn label(member: &Member) -> String {
    match member.task_name.as_str() {
        "" => format!("member {}", member.run),
        name => format!("member {} (task {name}, run {})", member.run, member.run_number),
    }
}

fn unreadable(error: crate::journal::JournalError) -> Problem {
    Problem::coded(ErrorCode::StoreUnavailable, format!("cannot read the journal: {error}"))
}
