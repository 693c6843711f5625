//! Opened specs, and the new decisions about them after a change of the party's policy.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_domain::id::Digest;
use flow_domain::member::DesiredPhase;
use flow_domain::spec::SealedSpec;

use super::Agent;
use crate::admission::PartyPolicy;
use crate::control::Change;
use crate::member::Member;
use crate::reconcile::Input;

/// Cached specs above which those that start no member any more are dropped.
const CACHED_SPECS_MAX: usize = 64;

impl Agent {
    /// Opens the bytes of a spec, once. The journal stores it with the members that may be started
    /// from it.
    pub(super) fn open_spec(
        &mut self,
        digest: &Digest,
        bytes: &[u8],
    ) -> Result<Arc<SealedSpec>, String> {
        if let Some(spec) = self.specs.get(digest) {
            return Ok(Arc::clone(spec));
        }
        let spec = Arc::new(SealedSpec::open(bytes, digest)?);
        if self.specs.len() >= CACHED_SPECS_MAX {
            let needed: BTreeSet<&Digest> =
                self.members.members().filter_map(Member::startable_spec).collect();
            self.specs.retain(|digest, _| needed.contains(digest));
        }
        self.specs.insert(digest.clone(), Arc::clone(&spec));
        Ok(spec)
    }

    /// The spec of a member, which this process or an earlier one has opened.
    pub(super) async fn spec_of(&mut self, member: &Member) -> Result<Arc<SealedSpec>, String> {
        let digest = member.digest.clone().ok_or("the member has no spec")?;
        if let Some(spec) = self.specs.get(&digest) {
            return Ok(Arc::clone(spec));
        }
        let bytes = self
            .journal
            .spec(&digest)
            .await
            .map_err(|e| e.to_string())?
            .ok_or("the journal does not hold the spec")?;
        self.open_spec(&digest, &bytes)
    }

    /// Replaces the policy.
    pub(super) async fn apply_policy(&mut self, policy: Arc<PartyPolicy>) {
        tracing::info!("reloaded images, datasets, resources and released outputs");
        self.members.set_capacity(policy.resources.clone());
        self.policy = policy;
        self.reloads += 1;
        self.changes.send(Change::Party);
        self.decide_again().await;
        self.outbox.inventory(self.policy.inventory(&self.runtime.describe()));
    }

    /// Decides again about all members that are not stopping: the policy has changed, or may have
    /// while no agent ran.
    pub(super) async fn decide_again(&mut self) {
        let open: Vec<Member> = self
            .members
            .members()
            .filter(|m| !m.phase.is_terminal() && m.desired != DesiredPhase::Stopped)
            .cloned()
            .collect();
        for member in open {
            if let Ok(spec) = self.spec_of(&member).await {
                let admission = self.policy.decide_spec(&spec.spec);
                self.apply(Input::AdmissionChanged(member.run, admission));
            }
        }
    }
}
