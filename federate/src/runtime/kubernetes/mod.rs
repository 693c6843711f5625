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
mod record;
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
use flow_common::error::root_cause;
use flow_crd::IflearnerJob;
use flow_domain::id::{InstanceId, PartyId};
use flow_domain::member::{Reason, ReasonCode};
use flow_domain::time::Timestamp;
use futures::stream::BoxStream;
use kube::api::PropagationPolicy;
use kube::{Client, ResourceExt as _};
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
use super::rejection::{
    forgotten, hold_expired, name_taken, rejected, started_before, still_alive,
};
use super::{
    Expired, Held, HoldRequest, LogRequest, Observation, Runtime, RuntimeError, StartRequest,
    WorkKey, WorkState, logs, request_span,
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
        self.cache.pod(key, pod).is_none_or(|pod| work_state::has_ended(&pod, container))
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

    async fn hold(self: &Arc<Self>, request: HoldRequest) -> Result<Held, RuntimeError> {
        let entry = self.entry_for(&request.key)?;
        let mut record = entry.record.lock().await;
        match record.as_ref().map(|record| &record.stage) {
            None => {}
            Some(Stage::Held) => {
                return Ok(record.as_ref().map(|record| record.held.clone()).unwrap_or_default());
            }
            Some(Stage::Created { .. } | Stage::Ended { .. } | Stage::Damaged) => {
                return Err(started_before());
            }
            Some(Stage::Forgotten) => return Err(forgotten()),
        }
        self.confirm_lease("hold a member's place in the cluster").await?;
        match self.cluster.dry_run_create(&build::probe(&request.key)).await {
            Ok(_) => {}
            Err(ApiFailure::AlreadyExists) => return Err(name_taken()),
            Err(failure) => {
                return Err(failure.into_runtime_error("hold a member's place in the cluster"));
            }
        }
        let new = Record {
            held: build::held(&request.key, &request.ports, &self.settings),
            stage: Stage::Held,
        };
        self.write(&request.key, &new).await?;
        let held = new.held.clone();
        *record = Some(new);
        drop(record);
        entry.wake(self);
        Ok(held)
    }

    async fn ensure(self: &Arc<Self>, request: StartRequest) -> Result<(), RuntimeError> {
        let entry = self.entry_for(&request.key)?;
        let mut record = entry.record.lock().await;
        self.repair_record(&request.key, &mut record).await?;
        let Some(known) = record.as_mut() else { return Err(hold_expired()) };
        match &known.stage {
            Stage::Held => {
                let job = build::job(&request, &known.held, &self.instance, &self.settings)
                    .map_err(RuntimeError::Refused)?;
                self.confirm_lease("start a member").await?;
                let uid = self.create_or_adopt(&request, &job).await?;
                known.stage = Stage::Created { uid, stopping: false };
                if let Err(error) = self.write(&request.key, known).await {
                    // The object is suspended, so nothing ran.
                    known.stage = Stage::Held;
                    return Err(error);
                }
            }
            Stage::Created { .. } | Stage::Ended { .. } | Stage::Damaged => {}
            Stage::Forgotten => return Err(forgotten()),
        }
        if let Stage::Created { uid, stopping: false } = &known.stage
            && self.may_be_suspended(&request.key)
        {
            match self.cluster.resume(&request.key, uid).await {
                // Deleted: the follower proves it.
                Ok(()) | Err(ApiFailure::NotFound) => {}
                // Another object with this name, or the same one with many concurrent writes.
                Err(ApiFailure::Conflict) if !self.object_exists(&request.key, uid).await? => {}
                Err(failure) => return Err(failure.into_runtime_error("resume a member's object")),
            }
        }
        drop(record);
        entry.wake(self);
        Ok(())
    }

    /// The UID of the key's object, which is created if it does not exist.
    async fn create_or_adopt(
        &self,
        request: &StartRequest,
        job: &IflearnerJob,
    ) -> Result<String, RuntimeError> {
        match self.cluster.create(job).await {
            Ok(created) => return Ok(created.uid().unwrap_or_default()),
            Err(ApiFailure::AlreadyExists) => {}
            Err(failure) => return Err(failure.into_runtime_error("create a member's object")),
        }
        // An earlier agent created it and was killed before it recorded the UID, or the response of
        // an earlier attempt was lost.
        let found = self
            .cluster
            .job(&request.key)
            .await
            .map_err(|failure| failure.into_runtime_error("read a member's object"))?;
        let Some(found) = found.filter(|found| found.metadata.deletion_timestamp.is_none()) else {
            return Err(ApiFailure::NotFound.into_runtime_error("create a member's object"));
        };
        let same = naming::key(&found.metadata).as_ref() == Some(&request.key)
            && found
                .labels()
                .get(naming::PARTY)
                .is_some_and(|party| party == request.party.as_str())
            && found.annotations().get(naming::DIGEST) == job.annotations().get(naming::DIGEST);
        if same { Ok(found.uid().unwrap_or_default()) } else { Err(name_taken()) }
    }

    async fn object_exists(&self, key: &WorkKey, uid: &str) -> Result<bool, RuntimeError> {
        let found = self
            .cluster
            .job(key)
            .await
            .map_err(|failure| failure.into_runtime_error("read a member's object"))?;
        Ok(found.is_some_and(|found| found.uid().as_deref() == Some(uid)))
    }

    fn may_be_suspended(&self, key: &WorkKey) -> bool {
        let object = self.cache.of(key).and_then(|(object, _)| object);
        object.is_none_or(|object| {
            object.spec.run_policy.as_ref().is_none_or(|policy| policy.suspend != Some(false))
        })
    }

    async fn stop(self: &Arc<Self>, key: WorkKey) -> Result<(), RuntimeError> {
        let entry = self.entry_for(&key)?;
        let mut record = entry.record.lock().await;
        self.repair_record(&key, &mut record).await?;
        let to_error = |failure: ApiFailure| failure.into_runtime_error("stop a member");
        let uid = match record.as_ref().map(|record| &record.stage) {
            Some(Stage::Created { uid, .. }) => Some(uid.clone()),
            // An agent may have created it and been killed before it recorded the UID.
            Some(Stage::Held) | None => {
                let found = self.cluster.job(&key).await.map_err(to_error)?;
                found
                    .filter(|found| naming::key(&found.metadata).as_ref() == Some(&key))
                    .and_then(|found| found.uid())
            }
            // The record is damaged and the object is gone: its Pods are terminating.
            Some(Stage::Ended { .. } | Stage::Damaged) => {
                drop(record);
                entry.wake(self);
                return Ok(());
            }
            Some(Stage::Forgotten) => {
                entry.publish_end(self, WorkState::Absent, None);
                return Ok(());
            }
        };
        let Some(uid) = uid else {
            self.remove(&key).await?;
            *record = None;
            entry.publish_end(self, WorkState::Absent, None);
            return Ok(());
        };
        let held = record.as_ref().map(|record| record.held.clone()).unwrap_or_default();
        let stopping = Record { held, stage: Stage::Created { uid: uid.clone(), stopping: true } };
        if record.as_ref() != Some(&stopping) {
            // A stop also works on a full disk. The agent then cannot distinguish its deletion from
            // another one's.
            if let Err(error) = self.write(&key, &stopping).await {
                tracing::warn!(run.id = %key.run, %error, cause = %root_cause(&error), "the stop of a member could not be recorded; the agent stops the member without it");
            }
            *record = Some(stopping);
        }
        self.cluster.delete(&key, &uid, PropagationPolicy::Foreground).await.map_err(to_error)?;
        drop(record);
        entry.wake(self);
        Ok(())
    }

    /// Repairs a damaged record from the cluster. The labels of the object name its key. Without an
    /// object and a living Pod, the exit is unknown. The record stays damaged while a Pod is alive.
    async fn repair_record(
        &self,
        key: &WorkKey,
        record: &mut Option<Record>,
    ) -> Result<(), RuntimeError> {
        if record.as_ref().is_none_or(|record| record.stage != Stage::Damaged) {
            return Ok(());
        }
        let to_error = |failure: ApiFailure| {
            failure.into_runtime_error("read the objects of a member whose record was damaged")
        };
        let found = self
            .cluster
            .job(key)
            .await
            .map_err(to_error)?
            .filter(|found| naming::key(&found.metadata).as_ref() == Some(key));
        let stage = if let Some(found) = found {
            Stage::Created {
                stopping: found.metadata.deletion_timestamp.is_some(),
                uid: found.uid().unwrap_or_default(),
            }
        } else if self
            .cluster
            .pods_of(key)
            .await
            .map_err(to_error)?
            .iter()
            .all(work_state::is_finished)
        {
            let text = "the agent's record of this member was damaged and the cluster has no object \
                        of it, so it is unknown whether it ran or how it ended; start a new run";
            let state = WorkState::Lost(Reason::new(ReasonCode::AgentStateLost, text));
            Stage::Ended { uid: String::new(), state, progress: None }
        } else {
            return Ok(());
        };
        let repaired = Record { held: Held::default(), stage };
        self.write(key, &repaired).await?;
        *record = Some(repaired);
        Ok(())
    }

    async fn forget(self: &Arc<Self>, key: WorkKey) -> Result<(), RuntimeError> {
        let entry = self.entry_for(&key)?;
        let mut record = entry.record.lock().await;
        match record.as_ref().map(|record| &record.stage) {
            Some(Stage::Ended { uid, .. }) => {
                let deleted = self.cluster.delete(&key, uid, PropagationPolicy::Background).await;
                deleted
                    .map_err(|failure| failure.into_runtime_error("delete a member's object"))?;
            }
            Some(Stage::Held | Stage::Created { .. } | Stage::Damaged) => {
                return Err(still_alive());
            }
            Some(Stage::Forgotten) | None => {}
        }
        // Nothing ran for a key without a record. A new record would only let a hub fill the disk.
        if let Some(before) = record.take() {
            let forgotten = Record { held: before.held, stage: Stage::Forgotten };
            self.write(&key, &forgotten).await?;
            *record = Some(forgotten);
        }
        drop(record);
        entry.abandon();
        self.entries().remove(&key);
        self.observations.forget(&key);
        Ok(())
    }

    async fn confirm_lease(&self, action: &str) -> Result<(), RuntimeError> {
        self.lease.confirm().await.map_err(|failure| failure.into_runtime_error(action))
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

    async fn outputs(&self, _key: WorkKey) -> Result<OutputDir, RuntimeError> {
        let text = "the members of this party run as Pods, and its agent cannot read the volume of \
                    their outputs: ask its administrator to copy them from the claim in \
                    kubernetes.output_claim";
        Err(RuntimeError::Refused(Reason::new(ReasonCode::PolicyDenied, text)))
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

/// An error of the agent's disk. A full disk is permanent; the caller retries after any other error.
fn disk_error(action: &str, source: io::Error) -> RuntimeError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            RuntimeError::Refused(io_reason(action, &source))
        }
        _ => RuntimeError::of_machine(action, source),
    }
}
