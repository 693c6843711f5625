//! One agent per namespace. A Lease there says whose journal's the namespace is, and which process serves it now.
//!
//! The journal's instance id stands in the Lease, so that a volume which was lost or mounted wrongly cannot pass for a new
//! party: an agent with another journal is refused until somebody deletes the Lease and thereby says that the old work is
//! given up. An agent with the same journal (it has the journal's lock) takes the Lease over at once; whoever held it
//! notices at the next renewal, and ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
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
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::cluster::{Trouble, within};
use super::naming::{INSTANCE, PARTY};

/// The Lease's name. One: two agents in a namespace would stop each other's work.
pub const NAME: &str = "flow-federate";

/// Time between two renewals.
const RENEW: Duration = Duration::from_secs(10);
/// Pause after a renewal that failed.
const AGAIN: Duration = Duration::from_secs(2);
/// Nothing is made in the cluster this long after the last renewal. Boot time: while the machine was suspended, another
/// agent may have taken the Lease.
const VALID: Duration = Duration::from_secs(30);

/// Why the namespace cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another journal's.
    #[error(
        "the namespace {namespace} belongs to the agent of {party} with journal {found}, and this one is of {wanted_party} with journal \
         {wanted}: give each agent a namespace of its own, or bring back the volume with that journal. If it is lost for good: \
         kubectl -n {namespace} delete lease {NAME} (what it had started then ends as agent_state_lost)"
    )]
    Another {
        /// Where.
        namespace: String,
        /// Whose it is.
        party: String,
        /// Which journal's.
        found: String,
        /// Who asked.
        wanted_party: PartyId,
        /// With which journal.
        wanted: InstanceId,
    },
    /// The API server does not let us.
    #[error("the Lease {NAME} cannot be taken: {0}")]
    Refused(String),
}

/// A Lease that is held.
pub struct Lease {
    api: Api<LeaseObject>,
    holder: String,
    clock: SharedClock,
    renewed: Mutex<Boot>,
    /// Why it could not be renewed, since it cannot.
    trouble: watch::Sender<Option<Reason>>,
    lost: CancellationToken,
}

/// Who asks for a Lease.
#[derive(Debug, Clone)]
pub struct Applicant {
    /// Where.
    pub namespace: String,
    /// The party.
    pub party: PartyId,
    /// Its journal.
    pub instance: InstanceId,
    /// This process: random.
    pub holder: String,
}

impl Lease {
    /// Take the Lease; waits for an API server that does not answer.
    pub async fn take(
        api: Api<LeaseObject>,
        who: &Applicant,
        clock: SharedClock,
    ) -> Result<Arc<Self>, LeaseError> {
        loop {
            match Self::try_take(&api, who, clock.now()).await? {
                Ok(()) => break,
                Err(error) => {
                    tracing::warn!(error = %error, "the cluster does not answer yet; trying again")
                }
            }
            clock.sleep(AGAIN).await;
        }
        Ok(Arc::new(Self {
            api,
            holder: who.holder.clone(),
            renewed: Mutex::new(clock.boot()),
            clock,
            trouble: watch::Sender::new(None),
            lost: CancellationToken::new(),
        }))
    }

    async fn try_take(
        api: &Api<LeaseObject>,
        who: &Applicant,
        now: Timestamp,
    ) -> Result<Result<(), std::io::Error>, LeaseError> {
        let refused = |trouble: Trouble| match trouble {
            Trouble::Away(error) => Ok(Err(error)),
            Trouble::Refused(reason) => Err(LeaseError::Refused(reason.message)),
            Trouble::Gone | Trouble::Exists | Trouble::Other => {
                Ok(Err(std::io::Error::other("somebody else changes it")))
            }
        };
        let mut lease = match within(api.get_opt(NAME)).await {
            Ok(Some(lease)) => lease,
            Ok(None) => {
                let made = within(api.create(&PostParams::default(), &born(who, now))).await;
                return made.map_or_else(refused, |_| Ok(Ok(())));
            }
            Err(trouble) => return refused(trouble),
        };
        let said = |key: &str| lease.annotations().get(key).cloned().unwrap_or_default();
        let (party, found) = (said(PARTY), said(INSTANCE));
        if party != who.party.as_str() || found != who.instance.to_string() {
            let (namespace, wanted_party, wanted) =
                (who.namespace.clone(), who.party.clone(), who.instance.clone());
            return Err(LeaseError::Another { namespace, party, found, wanted_party, wanted });
        }
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(who.holder.clone());
        spec.acquire_time = Some(micro(now));
        spec.renew_time = Some(micro(now));
        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0).saturating_add(1));
        // With the version it was read in: who else takes it makes this one a conflict.
        within(api.replace(NAME, &PostParams::default(), &lease))
            .await
            .map_or_else(refused, |_| Ok(Ok(())))
    }

    /// Renew until it is lost.
    pub async fn keep(self: Arc<Self>) {
        let mut pause = RENEW;
        loop {
            tokio::select! {
                () = self.clock.sleep(pause) => {}
                () = self.lost.cancelled() => return,
            }
            pause = match self.renew().await {
                Ok(()) => {
                    if self.note(None) {
                        tracing::info!("the cluster answers again");
                    }
                    RENEW
                }
                // Somebody wrote it between our reading and writing: look again who.
                Err(Trouble::Other | Trouble::Exists) => Duration::from_millis(100),
                Err(Trouble::Gone) => {
                    tracing::error!("the Lease {NAME} is not ours any more: this agent ends");
                    self.lost.cancel();
                    return;
                }
                Err(trouble @ Trouble::Away(_)) => {
                    if self.note(Some(trouble.blindness()))
                        && let Trouble::Away(error) = trouble
                    {
                        tracing::warn!(error = %error, "the cluster does not answer; what runs goes on");
                    }
                    AGAIN
                }
                Err(Trouble::Refused(reason)) => {
                    tracing::warn!(%reason, "the Lease {NAME} cannot be renewed");
                    self.note(Some(Trouble::Refused(reason).blindness()));
                    RENEW
                }
            };
        }
    }

    /// `Gone`: deleted, or another's.
    async fn renew(&self) -> Result<(), Trouble> {
        let asked_at = self.clock.boot();
        let mut lease = within(self.api.get_opt(NAME)).await?.ok_or(Trouble::Gone)?;
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(&self.holder) {
            return Err(Trouble::Gone);
        }
        spec.renew_time = Some(micro(self.clock.now()));
        within(self.api.replace(NAME, &PostParams::default(), &lease)).await?;
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = asked_at;
        Ok(())
    }

    /// Whether something may be made in the cluster: the Lease was ours a moment ago. Asks, if that was too long ago.
    pub async fn confirm(&self) -> Result<(), Trouble> {
        let valid_until = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) + VALID;
        if self.lost.is_cancelled() {
            return Err(Trouble::Away(std::io::Error::other("the agent's Lease is lost")));
        }
        if self.clock.boot() < valid_until { Ok(()) } else { self.renew().await }
    }

    /// Answers whether that is new.
    fn note(&self, trouble: Option<Reason>) -> bool {
        self.trouble
            .send_if_modified(|before| std::mem::replace(before, trouble.clone()) != trouble)
    }

    /// Whether the API server answered when it was last asked.
    #[must_use]
    pub fn cluster_answers(&self) -> bool {
        self.trouble.borrow().is_none()
    }

    /// Why it did not when it was last asked, as it changes.
    #[must_use]
    pub fn trouble(&self) -> watch::Receiver<Option<Reason>> {
        self.trouble.subscribe()
    }

    /// Completes when the Lease is another's.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

fn born(who: &Applicant, now: Timestamp) -> LeaseObject {
    let annotations = BTreeMap::from([
        (PARTY.to_owned(), who.party.to_string()),
        (INSTANCE.to_owned(), who.instance.to_string()),
    ]);
    LeaseObject {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(who.holder.clone()),
            acquire_time: Some(micro(now)),
            renew_time: Some(micro(now)),
            lease_duration_seconds: i32::try_from(VALID.as_secs()).ok(),
            lease_transitions: Some(0),
            ..LeaseSpec::default()
        }),
    }
}

fn micro(at: Timestamp) -> MicroTime {
    MicroTime(jiff::Timestamp::from_microsecond(at.0).unwrap_or_default())
}
