//! CallLimits of each party that are under way. A party holds connections only through its calls, so these bounds hold for its
//! connections, too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use flow_domain::id::PartyId;
use tonic::Status;

/// Most session calls of a party: its session, those that end, and those of agents that try to take over.
const SESSION_CALLS_MAX: usize = 8;
/// Most PushLog calls of a party. Its agent sends at most 32 logs at a time; those of a lost connection may not have ended.
const PUSH_LOG_CALLS_MAX: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum CallKind {
    Session,
    PushLog,
}

/// The registry. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallLimits(Arc<Mutex<HashMap<(PartyId, CallKind), usize>>>);

impl CallLimits {
    /// Registers a session call.
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

    /// Registers a PushLog call.
    pub(crate) fn push_log(&self, party: &PartyId) -> Result<CallPermit, Status> {
        self.enter(party, CallKind::PushLog, PUSH_LOG_CALLS_MAX).ok_or_else(|| {
            exhausted(party, PUSH_LOG_CALLS_MAX, "log streams", "retry when one of them has ended")
        })
    }

    fn enter(&self, party: &PartyId, kind: CallKind, max: usize) -> Option<CallPermit> {
        let key = (party.clone(), kind);
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
    tracing::debug!(%party, max, what, "a call was refused: the party has as many as it may have");
    Status::resource_exhausted(format!(
        "{party} has {max} {what} open, the most a party may have: {remedy}"
    ))
}

/// One call; it ends when dropped.
#[derive(Debug)]
pub(crate) struct CallPermit {
    limits: CallLimits,
    key: (PartyId, CallKind),
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        let mut calls = self.limits.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = calls.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                calls.remove(&self.key);
            }
        }
    }
}
