//! The requests to the runtime: each changes the record and the object of one member.

use std::sync::Arc;

use flow_common::error::root_cause;
use flow_crd::IflearnerJob;
use flow_domain::member::{Reason, ReasonCode};
use kube::ResourceExt as _;
use kube::api::PropagationPolicy;

use super::cluster::ApiFailure;
use super::record::{Record, Stage};
use super::{Shared, build, naming, pod_state};
use crate::runtime::rejection::{forgotten, hold_expired, name_taken, started_before, still_alive};
use crate::runtime::{Held, HoldRequest, RuntimeError, StartRequest, WorkKey, WorkState};

impl Shared {
    pub(super) async fn hold(self: &Arc<Self>, request: HoldRequest) -> Result<Held, RuntimeError> {
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

    pub(super) async fn ensure(
        self: &Arc<Self>,
        request: StartRequest,
    ) -> Result<(), RuntimeError> {
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

    pub(super) async fn stop(self: &Arc<Self>, key: WorkKey) -> Result<(), RuntimeError> {
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
    pub(super) async fn repair_record(
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
            .all(pod_state::is_finished)
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

    pub(super) async fn forget(self: &Arc<Self>, key: WorkKey) -> Result<(), RuntimeError> {
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
}
