//! One agent per namespace. A Lease in the namespace names the journal that the namespace belongs
//! to and the process that serves it.
//!
//! With the journal's instance id in the Lease, an agent with a lost or wrong volume is not
//! accepted as a new party: an agent with another journal is rejected until an administrator
//! deletes the Lease and thereby gives up the old work. An agent with the same journal (it has the
//! journal's lock) takes the Lease at once; the previous holder detects that at its next renewal
//! and ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{Boot, SharedClock};
use flow_domain::id::{InstanceId, PartyId};
use flow_domain::member::Reason;
use flow_domain::time::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease as LeaseObject, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff;
use kube::api::PostParams;
use kube::{Api, ResourceExt as _};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::cluster::{ApiFailure, with_timeout};
use super::naming::{INSTANCE, PARTY};

/// Name of the Lease. It is constant, because two agents in a namespace would stop each other's work.
pub const NAME: &str = "flow-federate";

const RENEW_PERIOD: Duration = Duration::from_secs(10);

/// Delay after a failed renewal.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// Delay after a renewal that conflicted with another write.
const CONFLICT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Validity of a renewal: afterwards the agent creates nothing in the cluster before the next one. In
/// boot time: another agent may take the Lease while this machine is suspended.
const LEASE_DURATION: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error(
        "the namespace {namespace} belongs to the agent of party {party} with journal {found}, but this \
         agent is of party {own_party} with journal {own}; use one namespace for each agent, or restore \
         the volume with that journal. If that journal is lost, run `kubectl -n {namespace} delete lease \
         {NAME}`; the members that it started then end as agent_state_lost"
    )]
    OtherJournal {
        namespace: String,
        party: String,
        /// The journal in the Lease.
        found: String,
        own_party: PartyId,
        /// This agent's journal.
        own: InstanceId,
    },
    #[error("the Lease {NAME} cannot be taken: {0}")]
    Rejected(String),
}

/// The result of one attempt to take the Lease.
enum Take {
    Taken,
    Retry(std::io::Error),
}

/// The held Lease.
pub struct Lease {
    api: Api<LeaseObject>,
    holder: String,
    clock: SharedClock,
    renewed: Mutex<Boot>,
    renewal_failure: watch::Sender<Option<Reason>>,
    lost: CancellationToken,
}

#[derive(Debug, Clone)]
pub struct Candidate {
    pub namespace: String,
    pub party: PartyId,
    /// Identity of the agent's journal.
    pub instance: InstanceId,
    /// Random identity of this process.
    pub holder: String,
}

impl Lease {
    /// Takes the Lease. Waits for an API server that does not respond.
    pub async fn take(
        api: Api<LeaseObject>,
        candidate: &Candidate,
        clock: SharedClock,
    ) -> Result<Arc<Self>, LeaseError> {
        while let Take::Retry(error) = Self::try_take(&api, candidate, clock.now()).await? {
            tracing::warn!(error = %error, "the Lease {NAME} cannot be taken yet; retrying");
            clock.sleep(RETRY_DELAY).await;
        }
        Ok(Arc::new(Self {
            api,
            holder: candidate.holder.clone(),
            renewed: Mutex::new(clock.boot()),
            clock,
            renewal_failure: watch::Sender::new(None),
            lost: CancellationToken::new(),
        }))
    }

    async fn try_take(
        api: &Api<LeaseObject>,
        candidate: &Candidate,
        now: Timestamp,
    ) -> Result<Take, LeaseError> {
        let failed = |failure: ApiFailure| match failure {
            ApiFailure::Unavailable(error) => Ok(Take::Retry(error)),
            ApiFailure::Rejected(reason) => Err(LeaseError::Rejected(reason.message)),
            ApiFailure::NotFound | ApiFailure::AlreadyExists | ApiFailure::Conflict => {
                Ok(Take::Retry(std::io::Error::other("another process changes the Lease")))
            }
        };
        let mut lease = match with_timeout(api.get_opt(NAME)).await {
            Ok(Some(lease)) => lease,
            Ok(None) => {
                let object = new_object(candidate, now);
                let created = with_timeout(api.create(&PostParams::default(), &object)).await;
                return created.map_or_else(failed, |_| Ok(Take::Taken));
            }
            Err(failure) => return failed(failure),
        };
        let annotation = |key: &str| lease.annotations().get(key).cloned().unwrap_or_default();
        let (party, found) = (annotation(PARTY), annotation(INSTANCE));
        if party != candidate.party.as_str() || found != candidate.instance.to_string() {
            return Err(LeaseError::OtherJournal {
                namespace: candidate.namespace.clone(),
                party,
                found,
                own_party: candidate.party.clone(),
                own: candidate.instance.clone(),
            });
        }
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(candidate.holder.clone());
        spec.acquire_time = Some(micro(now));
        spec.renew_time = Some(micro(now));
        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0).saturating_add(1));
        // The object has the version of the read: a concurrent change is a conflict.
        with_timeout(api.replace(NAME, &PostParams::default(), &lease))
            .await
            .map_or_else(failed, |_| Ok(Take::Taken))
    }

    /// Renews the Lease until another process takes it.
    pub async fn renew_until_lost(self: Arc<Self>) {
        let mut delay = RENEW_PERIOD;
        loop {
            tokio::select! {
                () = self.clock.sleep(delay) => {}
                () = self.lost.cancelled() => return,
            }
            delay = match self.renew().await {
                Ok(()) => {
                    if self.set_renewal_failure(None) {
                        tracing::info!("the cluster responds again");
                    }
                    RENEW_PERIOD
                }
                // Another process wrote the Lease between the read and the write.
                Err(ApiFailure::Conflict | ApiFailure::AlreadyExists) => CONFLICT_RETRY_DELAY,
                Err(ApiFailure::NotFound) => {
                    tracing::error!(
                        "another process took the Lease {NAME} or deleted it; this agent ends"
                    );
                    self.lost.cancel();
                    return;
                }
                Err(failure @ ApiFailure::Unavailable(_)) => {
                    if self.set_renewal_failure(Some(failure.staleness()))
                        && let ApiFailure::Unavailable(error) = failure
                    {
                        tracing::warn!(error = %error, "the cluster does not respond; workloads continue and the agent retries");
                    }
                    RETRY_DELAY
                }
                Err(ApiFailure::Rejected(reason)) => {
                    tracing::warn!(%reason, "the Lease {NAME} cannot be renewed");
                    self.set_renewal_failure(Some(ApiFailure::Rejected(reason).staleness()));
                    RENEW_PERIOD
                }
            };
        }
    }

    /// `NotFound` = the Lease was deleted or another process took it.
    async fn renew(&self) -> Result<(), ApiFailure> {
        let requested_at = self.clock.boot();
        let mut lease = with_timeout(self.api.get_opt(NAME)).await?.ok_or(ApiFailure::NotFound)?;
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(&self.holder) {
            return Err(ApiFailure::NotFound);
        }
        spec.renew_time = Some(micro(self.clock.now()));
        with_timeout(self.api.replace(NAME, &PostParams::default(), &lease)).await?;
        *self.renewed.lock() = requested_at;
        Ok(())
    }

    /// Confirms that this process holds the Lease and may create objects. Renews the Lease if the
    /// last renewal is older than [`LEASE_DURATION`].
    pub async fn confirm(&self) -> Result<(), ApiFailure> {
        let valid_until = *self.renewed.lock() + LEASE_DURATION;
        if self.lost.is_cancelled() {
            return Err(ApiFailure::Unavailable(std::io::Error::other(
                "the agent's Lease is lost",
            )));
        }
        if self.clock.boot() < valid_until { Ok(()) } else { self.renew().await }
    }

    /// Returns `true` if the value changed.
    fn set_renewal_failure(&self, failure: Option<Reason>) -> bool {
        self.renewal_failure
            .send_if_modified(|before| std::mem::replace(before, failure.clone()) != failure)
    }

    /// True if the last renewal succeeded.
    #[must_use]
    pub fn cluster_responds(&self) -> bool {
        self.renewal_failure.borrow().is_none()
    }

    /// The failure of the last renewal as it changes; `None` after a success.
    #[must_use]
    pub fn renewal_failure(&self) -> watch::Receiver<Option<Reason>> {
        self.renewal_failure.subscribe()
    }

    /// Completes when another process has the Lease.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

fn new_object(candidate: &Candidate, now: Timestamp) -> LeaseObject {
    let annotations = BTreeMap::from([
        (PARTY.to_owned(), candidate.party.to_string()),
        (INSTANCE.to_owned(), candidate.instance.to_string()),
    ]);
    LeaseObject {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(candidate.holder.clone()),
            acquire_time: Some(micro(now)),
            renew_time: Some(micro(now)),
            lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
            lease_transitions: Some(0),
            ..LeaseSpec::default()
        }),
    }
}

fn micro(at: Timestamp) -> MicroTime {
    MicroTime(jiff::Timestamp::from_microsecond(at.0).unwrap_or_default())
}
