//! Runs workloads as Pods of the party's cluster: one `IflearnerJob` per member, which the operator
//! reconciles.
//!
//! ```text
//!  hold   ──▶ dry-run create: checks permission, quota and name. Ports and address follow from the name
//!  ensure ──▶ create, suspended ──▶ record the UID ──▶ resume
//!  watch  ◀── one follower per key: the watched objects; an end only after a fresh read
//!  stop   ──▶ delete in the foreground: the object stays until its Job and Pods are gone
//! ```
//!
//! **Started once.** An object is created suspended, so an agent that is killed before it records
//! the UID has started nothing: the next agent finds the object by its name, or creates it again.
//! After the UID is on the disk (see `record`) the key is never created again, and a missing object
//! was deleted. Kubernetes may run a Pod twice when a node is partitioned and given up; the
//! operator's Job replaces a Pod only after it failed.
//!
//! **Time.** `max_runtime_s` is the Pod's deadline. Its kubelet counts from the moment it has the
//! Pod: waiting for a node does not count, pulling the image does.
//!
//! **Proof.** The watched objects may be stale. The runtime reports an end only after a fresh read
//! of the object and of all Pods with its labels. A Pod whose node does not respond counts as
//! alive.
//!
//! A damaged record affects one member only: see `record`.
//!
//! While the API server does not respond or forbids the reads, workloads continue, the reported
//! states stay with the reason of the staleness, and the agent retries requests.

pub mod access;
mod build;
mod cache;
pub mod cluster;
mod follow;
pub mod lease;
pub mod naming;
mod pod_state;
mod reasons;
mod record;
mod requests;
pub mod settings;
mod spool;
mod tail;
mod work_state;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use bytes::Bytes;
use flow_common::clock::SharedClock;
use flow_domain::id::{InstanceId, PartyId};
use flow_domain::member::{Reason, ReasonCode};
use flow_domain::time::Timestamp;
use futures::stream::BoxStream;
use kube::Client;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use self::cache::WatchCache;
use self::cluster::{ApiFailure, Cluster};
use self::follow::Entry;
use self::lease::{Candidate, Lease, LeaseError};
use self::record::{Record, Records, Stage};
use self::settings::Settings;
use super::observe::Observations;
use super::rejection::rejected;
use super::{
    Expired, Held, HoldRequest, LogRequest, Observation, Runtime, RuntimeError, StartRequest,
    WorkKey, logs, request_span,
};
use crate::outputs::OutputDir;
use crate::sidecar::io_reason;

#[derive(Clone)]
pub struct KubernetesConfig {
    pub settings: Settings,
    /// The agent's data directory; it contains records and logs in `kubernetes/`.
    pub data_root: PathBuf,
    pub party: PartyId,
    /// Identity of the agent's journal.
    pub instance: InstanceId,
    /// Limit of the kept log of one member in bytes.
    pub log_limit_bytes: u64,
}

/// The failure of a start of the runtime.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error("the records in the data directory cannot be opened: {0}")]
    Records(#[from] io::Error),
}

pub struct KubernetesRuntime {
    shared: Arc<Shared>,
    _tasks: [AbortOnDropHandle<()>; 3],
}

/// The state that requests and followers share.
struct Shared {
    cluster: Cluster,
    cache: WatchCache,
    records: Records,
    lease: Arc<Lease>,
    settings: Settings,
    instance: InstanceId,
    log_limit_bytes: u64,
    clock: SharedClock,
    observations: Arc<Observations>,
    entries: Mutex<HashMap<WorkKey, Arc<Entry>>>,
}

impl KubernetesRuntime {
    /// Takes the namespace's Lease and follows every recorded member. Waits for an API server that
    /// does not respond.
    pub async fn start(
        client: Client,
        config: KubernetesConfig,
        clock: SharedClock,
    ) -> Result<Self, StartError> {
        let KubernetesConfig { settings, data_root, party, instance, log_limit_bytes } = config;
        let cluster = Cluster::new(client, &settings.namespace);
        let records = Records::open(std::path::absolute(data_root)?.join("kubernetes"))?;
        let candidate = Candidate {
            namespace: settings.namespace.clone(),
            party: party.clone(),
            instance: instance.clone(),
            holder: flow_common::ids::request_id(),
        };
        let lease = Lease::take(cluster.leases.clone(), &candidate, clock.clone()).await?;
        let shared = Arc::new(Shared {
            cluster,
            cache: WatchCache::default(),
            records,
            lease: Arc::clone(&lease),
            settings,
            instance,
            log_limit_bytes,
            clock,
            observations: Arc::default(),
            entries: Mutex::default(),
        });
        for key in shared.records.keys()? {
            // Publish the recorded ends before the hub can receive anything from this agent.
            shared.entry(&key)?.wake(&shared);
        }
        let watching = {
            let (shared, selector) = (Arc::clone(&shared), naming::of_party(&party));
            async move {
                let (jobs, pods) = (shared.cluster.jobs.clone(), shared.cluster.pods.clone());
                shared.cache.follow(jobs, pods, &selector, |key| shared.changed(key)).await;
                shared.observations.fail("the watch of the cluster ended");
            }
        };
        let watching_lease = {
            let (shared, mut failure) = (Arc::clone(&shared), lease.renewal_failure());
            async move {
                while failure.changed().await.is_ok() {
                    shared.changed(None);
                }
            }
        };
        let observations = &shared.observations;
        let tasks = [
            tokio::spawn(observations.essential("watch of the cluster", watching)),
            tokio::spawn(observations.essential("watch of the Lease's state", watching_lease)),
            tokio::spawn(observations.essential("renewal of the Lease", lease.renew_until_lost())),
        ];
        let tasks = tasks.map(AbortOnDropHandle::new);
        Ok(Self { shared, _tasks: tasks })
    }

    /// Completes when another agent has taken the namespace. This agent must end then.
    pub async fn lost(&self) {
        self.shared.lease.lost().await;
    }

    /// A record with a log is removed with its log. Outputs are on the party's claim, where the
    /// agent removes nothing.
    fn sweep_now(&self, proof: Timestamp, logs: Option<Timestamp>) -> io::Result<usize> {
        let mut removed = 0;
        for key in self.shared.records.keys()? {
            let forgotten = self
                .shared
                .records
                .read(&key)?
                .is_some_and(|record| record.stage == Stage::Forgotten);
            let since = self
                .shared
                .records
                .modified_at(&key)?
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_micros();
            let is_before = |cutoff: Timestamp| since <= u128::from(cutoff.0.max(0).unsigned_abs());
            let is_expired = logs.is_some_and(is_before) || !self.shared.records.has_log(&key);
            if forgotten && is_before(proof) && is_expired {
                self.shared.records.remove(&key)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

impl Drop for KubernetesRuntime {
    /// A follower owns its entry, so it would never end. The Pods stay.
    fn drop(&mut self) {
        self.shared.entries().drain().for_each(|(_, entry)| entry.abandon());
    }
}

impl Shared {
    fn entries(&self) -> MutexGuard<'_, HashMap<WorkKey, Arc<Entry>>> {
        self.entries.lock()
    }

    fn entry(&self, key: &WorkKey) -> io::Result<Arc<Entry>> {
        let mut entries = self.entries();
        if let Some(entry) = entries.get(key) {
            return Ok(Arc::clone(entry));
        }
        let entry = Entry::new(key.clone(), self.records.read(key)?);
        entries.insert(key.clone(), Arc::clone(&entry));
        Ok(entry)
    }

    /// As [`Shared::entry`], with the error of a request.
    fn entry_for(&self, key: &WorkKey) -> Result<Arc<Entry>, RuntimeError> {
        self.entry(key).map_err(|error| disk_error("read a member's record", error))
    }

    /// Wakes the follower of a key; without one, all followers.
    fn changed(self: &Arc<Self>, key: Option<&WorkKey>) {
        let keys =
            key.map_or_else(|| self.entries().keys().cloned().collect(), |key| vec![key.clone()]);
        for key in keys {
            match self.entry(&key) {
                Ok(entry) => entry.wake(self),
                Err(error) => {
                    tracing::error!(run.id = %key.run, error = %error, "the record of a member cannot be read");
                }
            }
        }
    }

    fn has_ended(&self, key: &WorkKey, pod: &str, container: &str) -> bool {
        self.cache.pod(key, pod).is_none_or(|pod| pod_state::has_ended(&pod, container))
    }

    /// The reason for which the watched objects are stale; `None` if they are current.
    fn staleness(&self) -> Option<Reason> {
        self.lease.renewal_failure().borrow().clone().or_else(|| self.cache.staleness())
    }

    async fn write(&self, key: &WorkKey, record: &Record) -> Result<(), RuntimeError> {
        let (records, key, record) = (self.records.clone(), key.clone(), record.clone());
        let written = spawn_blocking(move || records.write(&key, &record)).await;
        written
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|error| disk_error("record the state of a member", error))
    }

    async fn remove(&self, key: &WorkKey) -> Result<(), RuntimeError> {
        let (records, key) = (self.records.clone(), key.clone());
        let removed = spawn_blocking(move || records.remove(&key)).await;
        removed
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|error| disk_error("remove a member's record", error))
    }

    async fn known(&self) -> Result<Vec<WorkKey>, RuntimeError> {
        if let Err(error) = self.cache.completed().await {
            let failure = ApiFailure::Unavailable(io::Error::other(error));
            return Err(failure.into_runtime_error("list the members in the cluster"));
        }
        let mut known = self.cache.keys();
        for key in self.records.keys().map_err(|error| disk_error("list the records", error))? {
            let record = self
                .records
                .read(&key)
                .map_err(|error| disk_error("read a member's record", error))?;
            if record.is_some_and(|record| record.stage != Stage::Forgotten) {
                known.push(key);
            }
        }
        known.sort_unstable();
        known.dedup();
        Ok(known)
    }
}

#[async_trait]
impl Runtime for KubernetesRuntime {
    async fn hold(&self, request: HoldRequest) -> Result<Held, RuntimeError> {
        let span = request_span("hold", &request.key);
        self.shared.hold(request).instrument(span).await
    }

    async fn ensure(&self, request: StartRequest) -> Result<(), RuntimeError> {
        let span = request_span("ensure", &request.key);
        self.shared.ensure(request).instrument(span).await
    }

    /// The grace period is the Pod's, which it got at the start from the spec that a stop also takes it
    /// from. Only a workload that no journal contains, which the agent stops with a grace period of 0,
    /// gets more time: to end it at once the agent would need permission to delete Pods.
    async fn stop(&self, key: WorkKey, _grace_s: u64) -> Result<(), RuntimeError> {
        let span = request_span("stop", &key);
        self.shared.stop(key).instrument(span).await
    }

    async fn known(&self) -> Result<Vec<WorkKey>, RuntimeError> {
        self.shared.known().await
    }

    fn describe(&self) -> BTreeMap<String, String> {
        let answers =
            if self.shared.lease.cluster_responds() { "answers" } else { "does not answer" };
        let sidecar = if self.shared.settings.sidecar_image.is_some() { "yes" } else { "no" };
        [("kind", "kubernetes"), ("cluster", answers), ("progress", sidecar)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    fn watch(&self) -> mpsc::Receiver<Observation> {
        self.shared.observations.watch()
    }

    async fn logs(
        &self,
        key: WorkKey,
        request: LogRequest,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, RuntimeError> {
        let state = self.shared.entries().get(&key).map(|entry| entry.state());
        if !self.shared.records.dir(&key).is_dir() {
            return Err(rejected("this agent no longer keeps a log of this member"));
        }
        logs::open(self.shared.records.log(&key), request, state)
            .instrument(request_span("logs", &key))
            .await
            .map_err(|error| disk_error("read a member's log", error))
    }

    async fn outputs(&self, key: WorkKey) -> Result<OutputDir, RuntimeError> {
        let has_volume = self.shared.settings.output_claim.is_some();
        Err(RuntimeError::Refused(outputs_stay(&key, has_volume)))
    }

    async fn forget(&self, key: WorkKey) -> Result<(), RuntimeError> {
        let span = request_span("forget", &key);
        self.shared.forget(key).instrument(span).await
    }

    async fn sweep(&self, expired: &Expired) -> Result<usize, RuntimeError> {
        self.sweep_now(expired.proof, expired.logs)
            .map_err(|error| disk_error("remove old records", error))
    }
}

/// The reason for which outputs of Pods stay at the party, with the place where they are.
fn outputs_stay(key: &WorkKey, has_volume: bool) -> Reason {
    let text = if has_volume {
        let folder = naming::name(key);
        format!(
            "members of this party run as Pods, and their outputs stay on its own volume: ask its \
             administrator for a copy of the directory {folder}"
        )
    } else {
        "members of this party run as Pods, and it keeps no outputs of them: its administrator can \
         set kubernetes.output_claim for later runs"
            .to_owned()
    };
    Reason::new(ReasonCode::PolicyDenied, text)
}

/// An error of the agent's disk. A full disk is permanent; the caller retries after any other error.
fn disk_error(action: &str, source: io::Error) -> RuntimeError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            RuntimeError::Refused(io_reason(action, &source))
        }
        _ => RuntimeError::of_machine(action, source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u6_outputs_of_pods_stay_at_the_party() {
        let run = "0190f3a4d3e27e00a1b2c3d4e5f60718".parse().expect("an id");
        let key = WorkKey { run, attempt: 2 };
        let kept = outputs_stay(&key, true);
        assert_eq!(kept.code, ReasonCode::PolicyDenied);
        assert!(kept.message.contains(&naming::name(&key)), "{kept:?}");
        let lost = outputs_stay(&key, false).message;
        assert!(lost.contains("keeps no outputs") && lost.contains("output_claim"), "{lost}");
    }
}
