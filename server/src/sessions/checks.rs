//! Questions to agents: would the policy of the party accept a spec? An agent reserves nothing for
//! the answer, and the hub stores nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flow_domain::id::PartyId;
use flow_domain::member::Reason;
use flow_domain::spec::SealedSpec;
use flow_proto::v1::SpecCheck;
use flow_proto::v1::hub_message::Body;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::Sessions;

/// Longest wait for the answer of an agent.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Unanswered questions to one party; each carries a spec.
const PARTY_CHECKS_MAX: usize = 16;

/// Answer of a party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SpecAnswer {
    Accept,
    /// A person must approve.
    Ask(Reason),
    Refuse(Reason),
    /// The agent gave no answer, for this cause.
    Unknown(String),
}

struct Question {
    party: PartyId,
    answer: oneshot::Sender<SpecAnswer>,
}

/// The unanswered questions to all parties.
#[derive(Default)]
pub(super) struct Checks {
    open: Mutex<HashMap<u64, Question>>,
    next_id: AtomicU64,
}

impl Checks {
    /// Ends the questions that wait for the agent of a session that ended.
    pub(super) fn end(&self, party: &PartyId) {
        self.open.lock().retain(|_, question| &question.party != party);
    }
}

/// Removes a question whose caller does not wait any more.
struct QuestionGuard<'a> {
    checks: &'a Checks,
    id: u64,
}

impl Drop for QuestionGuard<'_> {
    fn drop(&mut self) {
        self.checks.open.lock().remove(&self.id);
    }
}

impl Sessions {
    /// Asks the agent of the spec's party what its policy would do.
    pub(crate) async fn check_spec(&self, sealed: &SealedSpec) -> SpecAnswer {
        let party = &sealed.spec.party;
        let unknown = |cause: String| SpecAnswer::Unknown(cause);
        match self.agent(party) {
            None => return unknown(not_connected(party)),
            Some(agent) if !agent.checks_specs => {
                return unknown(format!(
                    "the agent of {party} has version {}, which cannot answer: ask the party to update flow-federate",
                    agent.version
                ));
            }
            Some(_) => {}
        }
        let checks = &self.0.checks;
        let id = checks.next_id.fetch_add(1, Ordering::Relaxed) + 1;
        let (answer, answered) = oneshot::channel();
        {
            let mut open = checks.open.lock();
            if open.values().filter(|question| &question.party == party).count() >= PARTY_CHECKS_MAX
            {
                return unknown(format!(
                    "{party} has {PARTY_CHECKS_MAX} unanswered questions: retry in a moment"
                ));
            }
            open.insert(id, Question { party: party.clone(), answer });
        }
        let _guard = QuestionGuard { checks, id };
        let check = SpecCheck {
            check_id: id,
            spec_digest: sealed.digest.to_string(),
            spec: sealed.bytes.clone(),
        };
        if !self.send(party, Body::SpecCheck(check)) {
            return unknown(not_connected(party));
        }
        match flow_common::clock::timeout(ANSWER_TIMEOUT, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => unknown(not_connected(party)),
            Err(_) => unknown(format!(
                "the agent of {party} did not answer within {} s",
                ANSWER_TIMEOUT.as_secs()
            )),
        }
    }

    /// Passes on the answer of an agent; `false` if its question is unknown.
    pub(crate) fn spec_checked(&self, party: &PartyId, id: u64, answer: SpecAnswer) -> bool {
        let mut open = self.0.checks.open.lock();
        if open.get(&id).is_none_or(|question| &question.party != party) {
            return false;
        }
        open.remove(&id).is_some_and(|question| question.answer.send(answer).is_ok())
    }
}

fn not_connected(party: &PartyId) -> String {
    format!("{party} is not connected")
}
