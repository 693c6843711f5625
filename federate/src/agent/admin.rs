//! Requests of the party's administrator on the control socket.
//!
//! A change is answered after it is durable. An approval names the digests that the administrator
//! saw: it never applies to another spec, nor to another meaning of image or dataset.

use flow_common::text::foreign;
use flow_domain::id::{Digest, RunId};
use flow_domain::member::{Reason, ReasonCode};

use super::Agent;
use crate::control::protocol::{MemberDetails, MemberInfo, Problem, Request, Response};
use crate::control::{Answer, ControlRequest};
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
            return Err(Problem::new(format!(
                "{label} has not the digest that you approve, or the configuration changed what its image or dataset means: look at it \
                 again with `flow-federate show {}`",
                member.run
            )));
        }
        if member.approved.is_some() {
            return Ok(format!("{label} is approved already"));
        }
        if !member.is_waiting_for_approval() {
            return Err(Problem::new(format!(
                "{label} waits for no approval; it is {}",
                member.phase
            )));
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
            return Err(Problem::new(format!(
                "{label} waits for no approval; it is {}. To end it: flow-federate stop {}",
                member.phase, member.run
            )));
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
            return Err(Problem::new(
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
                Ok(run) => self.journal.member(&run).await.map_err(unreadable)?,
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
                Err(Problem::new(format!(
                    "{what} is named {:?}: `flow-federate list --all` shows run ids and task names",
                    foreign(name, 100)
                )))
            }
            1 => Ok(found.remove(0)),
            count => {
                let mut candidates = Vec::new();
                for member in found.iter().take(CANDIDATES_MAX) {
                    candidates.push(self.info(member).await);
                }
                let message = format!("{count} members match {:?}", foreign(name, 100));
                Err(Problem { message, candidates })
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

/// The member in a sentence.
fn label(member: &Member) -> String {
    match member.task_name.as_str() {
        "" => format!("member {}", member.run),
        name => format!("member {} (task {name}, run {})", member.run, member.run_number),
    }
}

fn unreadable(error: crate::journal::JournalError) -> Problem {
    Problem::new(format!("cannot read the journal: {error}"))
}
