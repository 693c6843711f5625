//! Limits of open calls per party. A party needs a call for each connection that it holds, so that
//! they also limit its connections.

use std::collections::HashMap;
use std::sync::Arc;

use flow_domain::id::PartyId;
use parking_lot::Mutex;
use tonic::Status;

/// Session calls per party: its session, ending ones, and those of agents that try to replace it.
const SESSION_CALLS_MAX: usize = 8;
/// PushLog calls per party. An agent sends at most 32 logs at a time; calls of a lost connection
/// may not have ended.
const PUSH_LOG_CALLS_MAX: usize = 64;
/// PushOutput calls per party. An agent opens at most 8 at a time, each on a connection of its own.
const PUSH_OUTPUT_CALLS_MAX: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum CallKind {
    Session,
    PushLog,
    PushOutput,
}

/// Open calls of all parties. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallLimits(Arc<Mutex<HashMap<(PartyId, CallKind), usize>>>);

impl CallLimits {
    pub(crate) fn session(&self, party: &PartyId) -> Result<CallPermit, Status> {
        self.enter(party, CallKind::Session, SESSION_CALLS_MAX).ok_or_else(|| {
            exhausted(
                party,
                SESSION_CALLS_MAX,
                "sessions",
                "end its other agents, or wait until their sessions have ended",
            )
        })
    }

    pub(crate) fn push_log(&self, party: &PartyId) -> Result<CallPermit, Status> {
        self.enter(party, CallKind::PushLog, PUSH_LOG_CALLS_MAX).ok_or_else(|| {
            exhausted(party, PUSH_LOG_CALLS_MAX, "log streams", "retry when one of them has ended")
        })
    }

    pub(crate) fn push_output(&self, party: &PartyId) -> Result<CallPermit, Status> {
        self.enter(party, CallKind::PushOutput, PUSH_OUTPUT_CALLS_MAX).ok_or_else(|| {
            exhausted(
                party,
                PUSH_OUTPUT_CALLS_MAX,
                "output streams",
                "retry when one of them has ended",
            )
        })
    }

    fn enter(&self, party: &PartyId, kind: CallKind, max: usize) -> Option<CallPermit> {
        let key = (party.clone(), kind);
        let mut calls = self.0.lock();
        let count = calls.entry(key.clone()).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        drop(calls);
        Some(CallPermit { limits: self.clone(), key })
    }
}

fn exhausted(party: &PartyId, max: usize, what: &str, remedy: &str) -> Status {
    tracing::debug!(party.id = %party, max, what, "rejected a call: the party has reached its limit");
    Status::resource_exhausted(format!(
        "{party} has {max} {what} open, the limit per party: {remedy}"
    ))
}

/// An open call; dropping it ends the call.
#[derive(Debug)]
pub(crate) struct CallPermit {
    limits: CallLimits,
    key: (PartyId, CallKind),
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        let mut calls = self.limits.0.lock();
        if let Some(count) = calls.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                calls.remove(&self.key);
            }
        }
    }
}
