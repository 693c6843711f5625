//! Work as pods of the party's own cluster: one `IflearnerJob` per member, which the operator makes real.
//!
//! ```text
//!  hold   ──▶ asked of the API server without effect: permission, quota, name. Ports and address follow from the name
//!  ensure ──▶ create, suspended ──▶ UID put down ──▶ resume
//!  watch  ◀── one follower per key: what the cluster shows; an end only after it was asked again
//!  stop   ──▶ delete in the foreground: the object stays until Job and pods have gone
//! ```
//!
//! **Started once.** An object is born suspended, so an agent killed between creating it and knowing its UID has started
//! nothing: the next one finds it by its name, or makes it again. Once the UID is on the disk (see `record`) the key is
//! never created again, and an object that is gone was deleted. Kubernetes itself may run a pod twice when a node is cut
//! off and given up; the operator's Job replaces a pod only after it has failed.
//!
//! **Time.** `max_runtime_s` is the pod's own deadline, which its kubelet counts from the moment it has the pod: waiting
//! for a node does not count, pulling the image does.
//!
//! **Proof.** What the watches show is a picture. That nothing is alive is told only after a fresh read of the object and
//! of all pods with its labels. A pod whose node does not answer counts as alive.
//!
//! A damaged record sets one member aside and no more: see `record`.
//!
//! While the API server does not answer, or does not allow the agent to look, what runs goes on, what is known stays told,
//! with the reason why nothing more is, and verbs are tried again.

pub mod access;
mod build;
pub mod cluster;
mod follow;
mod judge;
pub mod lease;
pub mod naming;
mod record;
pub mod settings;
mod spool;
mod store;
mod tail;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use flow_common::clock::SharedClock;
use flow_common::error::root_cause;
use flow_crd::IflearnerJob;
use flow_domain::id::{InstanceId, PartyId};
use flow_domain::member::{Reason, ReasonCode};
use flow_domain::time::Timestamp;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use kube::api::PropagationPolicy;
use kube::{Client, ResourceExt as _};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::task::AbortOnDropHandle;

use self::cluster::{Cluster, Trouble};
use self::follow::Entry;
use self::lease::{Applicant, Lease, LeaseError};
use self::record::{Record, Records, Stage};
use self::settings::Settings;
use self::store::Store;
use super::observe::Observations;
use super::{
    Held, HoldRequest, LogRequest, Observation, Runtime, RuntimeError, StartRequest, WorkKey,
    WorkState, logs,
};
use crate::sidecar::io_reason;

/// How a Kubernetes runtime is set up.
#[derive(Clone)]
pub struct KubernetesConfig {
    /// How the cluster is used.
    pub settings: Settings,
    /// The agent's data directory; records and logs are kept under `kubernetes/` in it.
    pub data_root: PathBuf,
    /// The party.
    pub party: PartyId,
    /// The agent's journal.
    pub instance: InstanceId,
    /// Largest log kept of one member, in bytes.
    pub log_limit_bytes: u64,
}

/// Why a runtime cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another agent has the namespace.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The data directory.
    #[error("cannot open the records: {0}")]
    Records(#[from] io::Error),
}

/// The runtime of a cluster.
pub struct KubernetesRuntime {
    shared: Arc<Shared>,
    _tasks: [AbortOnDropHandle<()>; 3],
}

/// What verbs and followers have in common.
struct Shared {
    cluster: Cluster,
    store: Store,
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
    /// Take the namespace's Lease and look after everything found there. Waits for an API server that does not answer.
    pub async fn start(
        client: Client,
        config: KubernetesConfig,
        clock: SharedClock,
    ) -> Result<Self, StartError> {
        let KubernetesConfig { settings, data_root, party, instance, log_limit_bytes } = config;
        let cluster = Cluster::new(client, &settings.namespace);
        let records = Records::open(std::path::absolute(data_root)?.join("kubernetes"))?;
        let applicant = Applicant {
            namespace: settings.namespace.clone(),
            party: party.clone(),
            instance: instance.clone(),
            holder: flow_common::ids::request_id(),
        };
        let lease = Lease::take(cluster.leases.clone(), &applicant, clock.clone()).await?;
        let shared = Arc::new(Shared {
            cluster,
            store: Store::default(),
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
            // Of what has ended everything is told before the hub can hear that it has.
            shared.entry(&key)?.look_again(&shared);
        }
        let watching = {
            let (shared, selector) = (Arc::clone(&shared), naming::of_party(&party));
            async move {
                let (jobs, pods) = (shared.cluster.jobs.clone(), shared.cluster.pods.clone());
                shared.store.follow(jobs, pods, &selector, |key| shared.changed(key)).await;
                shared.observations.fail("the watch of the cluster ended");
            }
        };
        let noticing = {
            let (shared, mut trouble) = (Arc::clone(&shared), lease.trouble());
            async move {
                while trouble.changed().await.is_ok() {
                    shared.changed(None);
                }
            }
        };
        let observations = &shared.observations;
        let tasks = [
            tokio::spawn(observations.essential("watch of the cluster", watching)),
            tokio::spawn(observations.essential("watch of the Lease's state", noticing)),
            tokio::spawn(observations.essential("renewal of the Lease", lease.keep())),
        ];
        let tasks = tasks.map(AbortOnDropHandle::new);
        Ok(Self { shared, _tasks: tasks })
    }

    /// Completes when another agent has taken the namespace: this one has to end.
    pub async fn lost(&self) {
        self.shared.lease.lost().await;
    }

    /// Removes forgotten keys: those without a log if they were forgotten at `proof` or before, the others with their logs if
    /// at `logs` or before; `None` keeps logs. Answers how many. Outputs are on the party's claim, where nothing is removed.
    pub fn sweep(&self, proof: Timestamp, logs: Option<Timestamp>) -> io::Result<usize> {
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
                .changed(&key)?
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_micros();
            let is_before = |cutoff: Timestamp| since <= u128::from(cutoff.0.max(0).unsigned_abs());
            let past = logs.is_some_and(is_before) || !self.shared.records.has_log(&key);
            if forgotten && is_before(proof) && past {
                self.shared.records.remove(&key)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

impl Drop for KubernetesRuntime {
    /// A follower holds its entry, so it would go on for ever. The pods stay.
    fn drop(&mut self) {
        self.shared.entries().drain().for_each(|(_, entry)| entry.abandon());
    }
}

impl Shared {
    fn entries(&self) -> MutexGuard<'_, HashMap<WorkKey, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// As [`Shared::entry`], for a verb.
    fn entry_for(&self, key: &WorkKey) -> Result<Arc<Entry>, RuntimeError> {
        self.entry(key).map_err(|error| disk("read a member's record", error))
    }

    /// Something is new about a key; without one, about all.
    fn changed(self: &Arc<Self>, key: Option<&WorkKey>) {
        let keys =
            key.map_or_else(|| self.entries().keys().cloned().collect(), |key| vec![key.clone()]);
        for key in keys {
            match self.entry(&key) {
                Ok(entry) => entry.look_again(self),
                Err(error) => {
                    tracing::error!(run.id = %key.run, error = %error, "a member's record cannot be read")
                }
            }
        }
    }

    fn has_ended(&self, key: &WorkKey, pod: &str, container: &str) -> bool {
        self.store.pod(key, pod).is_none_or(|pod| judge::has_ended(&pod, container))
    }

    /// Why the cluster shows nothing of what happens there, if it does not.
    fn blindness(&self) -> Option<Reason> {
        self.lease.trouble().borrow().clone().or_else(|| self.store.blindness())
    }

    async fn write(&self, key: &WorkKey, record: &Record) -> Result<(), RuntimeError> {
        let (records, key, record) = (self.records.clone(), key.clone(), record.clone());
        let written = spawn_blocking(move || records.write(&key, &record)).await;
        written
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|error| disk("put down how a member stands", error))
    }

    async fn remove(&self, key: &WorkKey) -> Result<(), RuntimeError> {
        let (records, key) = (self.records.clone(), key.clone());
        let removed = spawn_blocking(move || records.remove(&key)).await;
        removed
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|error| disk("remove a member's record", error))
    }

    async fn hold(self: &Arc<Self>, hold: HoldRequest) -> Result<Held, RuntimeError> {
        let entry = self.entry_for(&hold.key)?;
        let mut record = entry.record.lock().await;
        match record.as_ref().map(|record| &record.stage) {
            None => {}
            Some(Stage::Held) => {
                return Ok(record.as_ref().map(|record| record.held.clone()).unwrap_or_default());
            }
            Some(Stage::Created { .. } | Stage::Ended { .. } | Stage::Damaged) => {
                return Err(refused(
                    "this attempt was started before; a new one needs a new attempt number",
                ));
            }
            Some(Stage::Forgotten) => return Err(forgotten()),
        }
        self.confirm("hold a member's place").await?;
        match self.cluster.try_create(&build::probe(&hold.key)).await {
            Ok(_) => {}
            Err(Trouble::Exists) => return Err(name_taken()),
            Err(trouble) => return Err(trouble.told("ask the cluster for a member's place")),
        }
        let promised = Record {
            held: build::held(&hold.key, &hold.ports, &self.settings),
            stage: Stage::Held,
        };
        self.write(&hold.key, &promised).await?;
        let held = promised.held.clone();
        *record = Some(promised);
        drop(record);
        entry.look_again(self);
        Ok(held)
    }

    async fn ensure(self: &Arc<Self>, launch: StartRequest) -> Result<(), RuntimeError> {
        let entry = self.entry_for(&launch.key)?;
        let mut record = entry.record.lock().await;
        self.mend(&launch.key, &mut record).await?;
        let Some(known) = record.as_mut() else { return Err(hold_gone()) };
        match &known.stage {
            Stage::Held => {
                let job = build::job(&launch, &known.held, &self.instance, &self.settings)
                    .map_err(RuntimeError::Refused)?;
                self.confirm("start a member").await?;
                let uid = self.make(&launch, &job).await?;
                known.stage = Stage::Created { uid, stopping: false };
                if let Err(error) = self.write(&launch.key, known).await {
                    // Nothing runs yet, so nothing needs to be known.
                    known.stage = Stage::Held;
                    return Err(error);
                }
            }
            Stage::Created { .. } | Stage::Ended { .. } | Stage::Damaged => {}
            Stage::Forgotten => return Err(forgotten()),
        }
        if let Stage::Created { uid, stopping: false } = &known.stage
            && self.may_be_suspended(&launch.key)
        {
            match self.cluster.resume(&launch.key, uid).await {
                // Deleted: its follower will prove it.
                Ok(()) | Err(Trouble::Gone) => {}
                // Another object of the name; or the same, which others wrote to all the while.
                Err(Trouble::Other) if !self.is_there(&launch.key, uid).await? => {}
                Err(trouble) => return Err(trouble.told("let a member start")),
            }
        }
        drop(record);
        entry.look_again(self);
        Ok(())
    }

    /// The UID of the key's object, which is made if it is not there.
    async fn make(
        &self,
        launch: &StartRequest,
        job: &IflearnerJob,
    ) -> Result<String, RuntimeError> {
        match self.cluster.create(job).await {
            Ok(made) => return Ok(made.uid().unwrap_or_default()),
            Err(Trouble::Exists) => {}
            Err(trouble) => return Err(trouble.told("create a member's object")),
        }
        // Ours, of an agent that was killed before it knew; or an earlier try of which no answer came.
        let found = self
            .cluster
            .job(&launch.key)
            .await
            .map_err(|trouble| trouble.told("look at a member's object"))?;
        let Some(found) = found.filter(|found| found.metadata.deletion_timestamp.is_none()) else {
            return Err(Trouble::Gone.told("create a member's object"));
        };
        let same = naming::key(&found.metadata).as_ref() == Some(&launch.key)
            && found
                .labels()
                .get(naming::PARTY)
                .is_some_and(|party| party == launch.party.as_str())
            && found.annotations().get(naming::DIGEST) == job.annotations().get(naming::DIGEST);
        if same { Ok(found.uid().unwrap_or_default()) } else { Err(name_taken()) }
    }

    async fn is_there(&self, key: &WorkKey, uid: &str) -> Result<bool, RuntimeError> {
        let found = self
            .cluster
            .job(key)
            .await
            .map_err(|trouble| trouble.told("look at a member's object"))?;
        Ok(found.is_some_and(|found| found.uid().as_deref() == Some(uid)))
    }

    fn may_be_suspended(&self, key: &WorkKey) -> bool {
        let object = self.store.of(key).and_then(|(object, _)| object);
        object.is_none_or(|object| {
            object.spec.run_policy.as_ref().is_none_or(|policy| policy.suspend != Some(false))
        })
    }

    async fn stop(self: &Arc<Self>, key: WorkKey) -> Result<(), RuntimeError> {
        let entry = self.entry_for(&key)?;
        let mut record = entry.record.lock().await;
        self.mend(&key, &mut record).await?;
        let told = |trouble: Trouble| trouble.told("stop a member");
        let uid = match record.as_ref().map(|record| &record.stage) {
            Some(Stage::Created { uid, .. }) => Some(uid.clone()),
            // Made perhaps by an agent that was killed before it knew.
            Some(Stage::Held) | None => {
                let found = self.cluster.job(&key).await.map_err(told)?;
                found
                    .filter(|found| naming::key(&found.metadata).as_ref() == Some(&key))
                    .and_then(|found| found.uid())
            }
            // Damaged, and its object gone: its pods are on their way out.
            Some(Stage::Ended { .. } | Stage::Damaged) => {
                drop(record);
                entry.look_again(self);
                return Ok(());
            }
            Some(Stage::Forgotten) => {
                entry.tell_end(self, WorkState::Absent, None);
                return Ok(());
            }
        };
        let Some(uid) = uid else {
            self.remove(&key).await?;
            *record = None;
            entry.tell_end(self, WorkState::Absent, None);
            return Ok(());
        };
        let held = record.as_ref().map(|record| record.held.clone()).unwrap_or_default();
        let stopping = Record { held, stage: Stage::Created { uid: uid.clone(), stopping: true } };
        if record.as_ref() != Some(&stopping) {
            // Stopping works on a full disk too. What is lost then is that it was us who deleted it.
            if let Err(error) = self.write(&key, &stopping).await {
                tracing::warn!(run.id = %key.run, %error, cause = %root_cause(&error), "stopping all the same");
            }
            *record = Some(stopping);
        }
        self.cluster.delete(&key, &uid, PropagationPolicy::Foreground).await.map_err(told)?;
        drop(record);
        entry.look_again(self);
        Ok(())
    }

    /// Make a damaged record good from what the cluster shows. The object itself says whose it is; if there is none, and no
    /// pod is alive, nothing is left that could say how it ended. Stays damaged as long as a pod is.
    async fn mend(&self, key: &WorkKey, record: &mut Option<Record>) -> Result<(), RuntimeError> {
        if record.as_ref().is_none_or(|record| record.stage != Stage::Damaged) {
            return Ok(());
        }
        let told = |trouble: Trouble| {
            trouble.told("find out what became of a member whose record was damaged")
        };
        let found = self
            .cluster
            .job(key)
            .await
            .map_err(told)?
            .filter(|found| naming::key(&found.metadata).as_ref() == Some(key));
        let stage = if let Some(found) = found {
            Stage::Created {
                stopping: found.metadata.deletion_timestamp.is_some(),
                uid: found.uid().unwrap_or_default(),
            }
        } else if self.cluster.pods_of(key).await.map_err(told)?.iter().all(judge::is_finished) {
            let text = "the agent's record of this member was damaged, and the cluster has nothing left of it: it is not known whether \
                        it ran, or how it ended; start again";
            let state = WorkState::Lost(Reason::new(ReasonCode::AgentStateLost, text));
            Stage::Ended { uid: String::new(), state, progress: None }
        } else {
            return Ok(());
        };
        let mended = Record { held: Held::default(), stage };
        self.write(key, &mended).await?;
        *record = Some(mended);
        Ok(())
    }

    async fn forget(self: &Arc<Self>, key: WorkKey) -> Result<(), RuntimeError> {
        let entry = self.entry_for(&key)?;
        let mut record = entry.record.lock().await;
        match record.as_ref().map(|record| &record.stage) {
            Some(Stage::Ended { uid, .. }) => {
                let deleted = self.cluster.delete(&key, uid, PropagationPolicy::Background).await;
                deleted.map_err(|trouble| trouble.told("remove a member's object"))?;
            }
            Some(Stage::Held | Stage::Created { .. } | Stage::Damaged) => {
                return Err(refused("this member is still alive; stop it first"));
            }
            Some(Stage::Forgotten) | None => {}
        }
        // Of a key without a record nothing has run: a record of it would only let a hub fill the disk.
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

    async fn confirm(&self, deed: &str) -> Result<(), RuntimeError> {
        self.lease.confirm().await.map_err(|trouble| trouble.told(deed))
    }

    async fn known(&self) -> Result<Vec<WorkKey>, RuntimeError> {
        if let Err(why) = self.store.completed().await {
            return Err(
                Trouble::Away(io::Error::other(why)).told("list the members of this cluster")
            );
        }
        let mut known = self.store.keys();
        for key in self.records.keys().map_err(|error| disk("list the records", error))? {
            let record =
                self.records.read(&key).map_err(|error| disk("read a member's record", error))?;
            if record.is_some_and(|record| record.stage != Stage::Forgotten) {
                known.push(key);
            }
        }
        known.sort_unstable();
        known.dedup();
        Ok(known)
    }
}

impl Runtime for KubernetesRuntime {
    fn hold(&self, hold: HoldRequest) -> BoxFuture<'_, Result<Held, RuntimeError>> {
        async move { self.shared.hold(hold).await }.boxed()
    }

    fn ensure(&self, launch: StartRequest) -> BoxFuture<'_, Result<(), RuntimeError>> {
        async move { self.shared.ensure(launch).await }.boxed()
    }

    /// The grace is the pod's own, which it got at the start from the same spec that a stop takes it from. So only work
    /// that no journal knows, stopped with no grace at all, gets more than is said here: to end that at once the agent
    /// would need the right to delete pods.
    fn stop(&self, key: WorkKey, _grace_s: u64) -> BoxFuture<'_, Result<(), RuntimeError>> {
        async move { self.shared.stop(key).await }.boxed()
    }

    fn known(&self) -> BoxFuture<'_, Result<Vec<WorkKey>, RuntimeError>> {
        async move { self.shared.known().await }.boxed()
    }

    fn describe(&self) -> BTreeMap<String, String> {
        let answers =
            if self.shared.lease.cluster_answers() { "answers" } else { "does not answer" };
        let sidecar = if self.shared.settings.sidecar_image.is_some() { "yes" } else { "no" };
        [("kind", "kubernetes"), ("cluster", answers), ("progress", sidecar)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    fn watch(&self) -> mpsc::Receiver<Observation> {
        self.shared.observations.watch()
    }

    fn logs(
        &self,
        key: WorkKey,
        request: LogRequest,
    ) -> BoxFuture<'_, Result<BoxStream<'static, io::Result<Bytes>>, RuntimeError>> {
        let state = self.shared.entries().get(&key).map(|entry| entry.state());
        let kept = self.shared.records.dir(&key).is_dir();
        let folder = self.shared.records.log(&key);
        async move {
            if !kept {
                return Err(refused("no log of this member is kept here any more"));
            }
            logs::open(folder, request, state)
                .await
                .map_err(|error| disk("read a member's log", error))
        }
        .boxed()
    }

    fn forget(&self, key: WorkKey) -> BoxFuture<'_, Result<(), RuntimeError>> {
        async move { self.shared.forget(key).await }.boxed()
    }
}

fn refused(text: &str) -> RuntimeError {
    RuntimeError::Refused(Reason::new(ReasonCode::RuntimeError, text))
}

fn forgotten() -> RuntimeError {
    refused(
        "this attempt was forgotten and is never started again; a new one needs a new attempt number",
    )
}

fn hold_gone() -> RuntimeError {
    RuntimeError::Refused(Reason::new(
        ReasonCode::HoldExpired,
        "nothing is held for this attempt any more; reserve again",
    ))
}

fn name_taken() -> RuntimeError {
    let text = "an IflearnerJob of this member's name exists that its agent did not make: ask the party to remove it";
    RuntimeError::Refused(Reason::new(ReasonCode::NameTaken, text))
}

/// An error of the agent's own disk: final if waiting does not help, else to be tried again.
fn disk(deed: &str, source: io::Error) -> RuntimeError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            RuntimeError::Refused(io_reason(deed, &source))
        }
        _ => RuntimeError::of_machine(deed, source),
    }
}
