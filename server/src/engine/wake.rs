//! Telling those who wait for a commit: agents (assignments) and readers of events (a number per task).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use flow_domain::error::Error;
use flow_domain::id::{Digest, PartyId, TaskId};
use flow_domain::member::{Desired, Member};
use flow_domain::run::Run;
use flow_domain::spec::SealedSpec;
use flow_proto::v1::Assignment;
use tokio::sync::watch;

use crate::store::{RunChange, Store};

/// Specs kept in memory; each is at most 256 KiB, most are about 2.
const KEEP_SPECS: usize = 4096;

/// Specs by digest. They never change.
#[derive(Debug, Default)]
pub(super) struct Specs(HashMap<Digest, Arc<SealedSpec>>);

impl Specs {
    async fn get(&mut self, store: &Store, digest: &Digest) -> Result<Arc<SealedSpec>, Error> {
        if let Some(found) = self.0.get(digest) {
            return Ok(Arc::clone(found));
        }
        let bytes = store.spec(digest).await?.ok_or_else(|| Error::internal(format!("spec {digest} of a run is not stored")))?;
        Ok(self.keep(SealedSpec::open(&bytes, digest).map_err(Error::internal)?))
    }

    /// Remembers a spec that was just read, or just made: it is about to be sent.
    pub(super) fn keep(&mut self, sealed: SealedSpec) -> Arc<SealedSpec> {
        if self.0.len() >= KEEP_SPECS {
            self.0.clear();
        }
        let sealed = Arc::new(sealed);
        self.0.insert(sealed.digest.clone(), Arc::clone(&sealed));
        sealed
    }
}

/// Members whose wish changed, or who are new.
pub(super) fn moved(change: &RunChange) -> Vec<PartyId> {
    let before = |party: &PartyId| change.before.as_ref().and_then(|run| run.member(party));
    change
        .after
        .members
        .iter()
        .filter(|member| !member.settled)
        .filter(|member| before(&member.party).is_none_or(|old| (old.attempt, old.generation) != (member.attempt, member.generation)))
        .map(|member| member.party.clone())
        .collect()
}

/// What one member shall be, as its agent is told.
pub(super) async fn assignment(store: &Store, specs: &mut Specs, run: &Run, member: &Member, revision: u64) -> Result<Assignment, Error> {
    let mut assignment = Assignment {
        run_id: run.id.to_string(),
        task_id: run.task.to_string(),
        attempt: member.attempt,
        generation: member.generation,
        desired: member.desired.to_string(),
        spec_digest: member.digest.to_string(),
        spec: Vec::new(),
        bindings: HashMap::default(),
        orphan: false,
        revision,
        released: member.desired == Desired::Stopped && !member.required,
    };
    if member.desired == Desired::Stopped {
        return Ok(assignment);
    }
    let sealed = specs.get(store, &member.digest).await?;
    assignment.spec.clone_from(&sealed.bytes);
    if member.desired == Desired::Running {
        match run.bindings(&sealed.spec) {
            Ok(bindings) => assignment.bindings.extend(bindings),
            // A peer reserved without naming its port. The agent finds the hole empty and says so in its refusal.
            Err(hole) => tracing::warn!(run = %run.id, party = %member.party, %hole, "no value for a binding"),
        }
    }
    Ok(assignment)
}

/// Readers of events, by task.
#[derive(Debug, Default)]
pub(super) struct Watchers(Mutex<HashMap<TaskId, watch::Sender<i64>>>);

impl Watchers {
    pub(super) fn subscribe(&self, task: &TaskId) -> watch::Receiver<i64> {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        senders.retain(|_, sender| sender.receiver_count() > 0);
        senders.entry(task.clone()).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    pub(super) fn notify(&self, task: &TaskId, seq: i64) {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = senders.get(task)
            && sender.send(seq).is_err()
        {
            senders.remove(task);
        }
    }
}
