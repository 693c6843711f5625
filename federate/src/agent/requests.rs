//! Requests to the runtime, their replies, and its observations.

use std::collections::BTreeSet;
use std::time::Duration;

use flow_common::error::root_cause;
use flow_domain::member::{MemberPhase, Reason, ReasonCode};
use tokio::sync::mpsc;

use super::{Agent, AgentError};
use crate::control::Change;
use crate::member::{Member, WorkStage};
use crate::reconcile::Input;
use crate::runtime::{HoldRequest, Observation, WorkKey, WorkState};
use crate::runtime_queue::{Outcome, Reply, Request};

/// Delay between two attempts to list the work that the runtime knows.
const RUNTIME_RETRY_DELAY: Duration = Duration::from_secs(1);

impl Agent {
    /// Stops the work that the runtime knows and the journal does not, and waits for its end. It
    /// happens before the first session: the journal may be lost, and the hub may immediately ask
    /// for another run of the same task.
    pub(super) async fn stop_unknown_work(
        &mut self,
        observations: &mut mpsc::Receiver<Observation>,
        replies: &mut mpsc::UnboundedReceiver<Reply>,
    ) -> Result<(), AgentError> {
        let known = loop {
            match self.runtime.known().await {
                Ok(known) => break known,
                Err(error) => {
                    tracing::warn!(
                        cause = %root_cause(&error),
                        "cannot list the work of the runtime: {error}; retrying"
                    );
                    self.clock.sleep(RUNTIME_RETRY_DELAY).await;
                }
            }
        };
        // A hold does not survive a reboot, and the runtime does not report that.
        let lost_holds: Vec<WorkKey> = self
            .members
            .members()
            .filter(|m| m.work == WorkStage::Held)
            .map(Member::key)
            .filter(|key| !known.contains(key))
            .collect();
        for key in lost_holds {
            self.apply(Input::WorkObserved(key, WorkState::Absent));
        }
        self.commit().await;
        let mut unknown: BTreeSet<WorkKey> =
            known.into_iter().filter(|key| self.members.member(&key.run).is_none()).collect();
        for key in &unknown {
            tracing::warn!(
                run.id = %key.run,
                attempt = key.attempt,
                "stopping work that the journal does not know"
            );
            self.runtime_queue.enqueue(Request::Stop(key.clone(), 0));
        }
        while !unknown.is_empty() {
            tokio::select! {
                observation = observations.recv() => {
                    let observation = observation.ok_or(AgentError::RuntimeGone)?;
                    if matches!(
                        observation.state,
                        WorkState::Absent | WorkState::Exited(_) | WorkState::Lost(_)
                    ) {
                        unknown.remove(&observation.key);
                    }
                    self.apply_observation(observation);
                }
                Some(reply) = replies.recv() => self.apply_reply(reply)?,
            }
            self.commit().await;
        }
        Ok(())
    }

    pub(super) fn apply_observation(&mut self, Observation { key, state, progress }: Observation) {
        if let Some(progress) = progress {
            if progress.complete {
                self.apply(Input::WorkCompleted(key.clone()));
            }
            if self.members.member(&key.run).is_some_and(|m| m.attempt == key.attempt) {
                self.outbox.progress(key.clone(), progress, self.clock.monotonic());
                self.changes.send(Change::Member(key.run.clone()));
            }
        }
        self.apply(Input::WorkObserved(key, state));
    }

    pub(super) fn apply_reply(&mut self, reply: Reply) -> Result<(), AgentError> {
        let (key, outcome) = match reply {
            Reply::Delayed(key, reason) => {
                self.apply(Input::RequestDelayed(key, Some(reason)));
                return Ok(());
            }
            Reply::Completed(key, outcome) => (key, outcome),
            Reply::Panicked(message) => return Err(AgentError::RequestPanicked(message)),
        };
        self.apply(Input::RequestDelayed(key.clone(), None));
        match outcome {
            Outcome::Held(held) => {
                self.apply(Input::WorkObserved(key.clone(), WorkState::Held(held)));
            }
            Outcome::Refused(reason) => self.apply(Input::RequestRefused(key.clone(), reason)),
            Outcome::Done | Outcome::Superseded => {}
        }
        self.runtime_queue.complete(&key);
        Ok(())
    }

    pub(super) fn request_hold(&mut self, key: &WorkKey) {
        let Some(member) = self.members.member(&key.run).filter(|m| m.attempt == key.attempt)
        else {
            return;
        };
        let hold = HoldRequest {
            key: key.clone(),
            task: member.task.clone(),
            party: self.config.party.clone(),
            ports: member.needs.ports.clone(),
        };
        self.runtime_queue.enqueue(Request::Hold(hold));
    }

    pub(super) async fn request_start(&mut self, key: &WorkKey) {
        let Some(member) =
            self.members.member(&key.run).filter(|m| m.attempt == key.attempt).cloned()
        else {
            return;
        };
        let start = match self.spec_of(&member).await {
            Ok(spec) => self.policy.start_request(&member, &spec.spec),
            Err(message) => Err(Reason::new(ReasonCode::SpecInvalid, message)),
        };
        match start {
            Ok(start) => self.runtime_queue.enqueue(Request::Start(Box::new(start))),
            // The start is proven. A changed policy or a missing spec does not undo it.
            Err(reason) if member.phase == MemberPhase::Running => {
                tracing::warn!(
                    run.id = %key.run,
                    attempt = key.attempt,
                    %reason,
                    "cannot repeat the request to start a running member; it continues"
                );
            }
            Err(reason) => self.apply(Input::RequestRefused(key.clone(), reason)),
        }
    }
}
