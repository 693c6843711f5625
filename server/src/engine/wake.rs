//! Updates after a commit: desired members for agents, and event numbers for watchers.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use flow_domain::error::Error;
use flow_domain::id::{Digest, TaskId};
use flow_domain::member::{DesiredPhase, Member};
use flow_domain::run::Run;
use flow_domain::spec::SealedSpec;
use flow_proto::v1::DesiredMember;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::feed::Feed;
use crate::store::{RunUpdate, Store};

/// Specs in the cache; each has at most 256 KiB, most have less than 2.
const CACHED_SPECS_MAX: usize = 4096;

/// Specs by digest; a spec never changes. The oldest are dropped one by one, because dropping
/// thousands at once would delay a start.
#[derive(Debug, Default)]
pub(super) struct SpecCache {
    kept: HashMap<Digest, Arc<SealedSpec>>,
    by_age: VecDeque<Digest>,
}

impl SpecCache {
    async fn get(
        &mut self,
        store: &Store,
        task: &TaskId,
        digest: &Digest,
    ) -> Result<Arc<SealedSpec>, Error> {
        if let Some(found) = self.kept.get(digest) {
            return Ok(Arc::clone(found));
        }
        let bytes = store
            .spec(task, digest)
            .await?
            .ok_or_else(|| Error::internal(format!("spec {digest} of a run is not stored")))?;
        Ok(self.keep(SealedSpec::open(&bytes, digest).map_err(Error::internal)?))
    }

    /// Caches a spec that is about to be sent.
    pub(super) fn keep(&mut self, sealed: SealedSpec) -> Arc<SealedSpec> {
        let sealed = Arc::new(sealed);
        if self.kept.insert(sealed.digest.clone(), Arc::clone(&sealed)).is_none() {
            self.by_age.push_back(sealed.digest.clone());
        }
        sealed
    }

    /// Drops specs beyond the limit. Call after the updates were sent.
    pub(super) fn trim(&mut self) {
        while self.kept.len() > CACHED_SPECS_MAX
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.kept.remove(&oldest);
        }
    }
}

/// Returns new members, and members whose desired state changed. (A member keeps its position in
/// its run.)
pub(super) fn moved(change: &RunUpdate) -> Vec<&Member> {
    let before = change.before.as_ref().map_or(&[][..], |run| run.members.as_slice());
    let is_new = |place: usize, member: &Member| {
        before
            .get(place)
            .is_none_or(|old| (old.attempt, old.generation) != (member.attempt, member.generation))
    };
    let members = change.after.members.iter().enumerate();
    let unsettled = members.filter(|(_, member)| !member.settled && !member.is_withheld());
    unsettled.filter(|(place, member)| is_new(*place, member)).map(|(_, member)| member).collect()
}

/// Builds the desired state of one member, as its agent receives it.
pub(super) async fn desired_member(
    store: &Store,
    specs: &mut SpecCache,
    task_name: &str,
    run: &Run,
    member: &Member,
    revision: u64,
) -> Result<DesiredMember, Error> {
    let mut desired = DesiredMember {
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
        released: member.desired == DesiredPhase::Stopped && !member.required,
        task_name: task_name.to_owned(),
        run_number: run.number,
    };
    if member.desired == DesiredPhase::Stopped {
        return Ok(desired);
    }
    let sealed = specs.get(store, &run.task, &member.digest).await?;
    desired.spec.clone_from(&sealed.bytes);
    if member.desired == DesiredPhase::Running {
        match run.bindings(&sealed.spec) {
            Ok(bindings) => desired.bindings.extend(bindings),
            // A peer reserved without naming its port. The agent detects the missing binding and
            // refuses.
            Err(hole) => {
                tracing::warn!(run.id = %run.id, party.id = %member.party, %hole, "a peer reserved without a port for a binding; the agent will refuse")
            }
        }
    }
    Ok(desired)
}

/// Receivers of new events: of one task, and of all.
#[derive(Debug, Default)]
pub(super) struct EventWatchers {
    by_task: Mutex<HashMap<TaskId, watch::Sender<i64>>>,
    pub(super) feed: Arc<Feed>,
}

impl EventWatchers {
    pub(super) fn subscribe(&self, task: &TaskId) -> watch::Receiver<i64> {
        let mut senders = self.by_task.lock();
        senders.retain(|_, sender| sender.receiver_count() > 0);
        senders.entry(task.clone()).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    pub(super) fn notify(&self, task: &TaskId, seq: i64) {
        self.feed.wake();
        let mut senders = self.by_task.lock();
        if let Some(sender) = senders.get(task)
            && sender.send(seq).is_err()
        {
            senders.remove(task);
        }
    }
}
