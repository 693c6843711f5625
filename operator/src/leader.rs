//! Of several operators one works: the one that holds the Lease.
//!
//! The Lease is a matter of economy, not of safety: two that work at once, for a moment, do no harm, because every write
//! is one that either may make (names that follow from UIDs, creations that find each other, applies under one name).
//! Whoever cannot renew in time stops all the same. Clocks are not compared: a Lease is over when *this* process has not
//! seen it change for its validity. Validity is measured in boot time: while a machine is suspended its monotonic time stands
//! still and the Lease runs out all the same.

use std::time::Duration;

use flow_common::clock::{Boot, SharedClock, timeout};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};

/// A candidate.
#[derive(Clone)]
pub struct Elector {
    api: Api<Lease>,
    name: String,
    identity: String,
    validity: Duration,
    clock: SharedClock,
}

impl std::fmt::Debug for Elector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Elector {} for {}", self.identity, self.name)
    }
}

/// The Lease could not be renewed in time, or somebody else has it.
#[derive(Debug, thiserror::Error)]
#[error("lost the Lease {name}: {why}")]
pub struct Lost {
    name: String,
    why: String,
}

impl Elector {
    /// A candidate of this identity, which must be its own.
    #[must_use]
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        identity: String,
        validity: Duration,
        clock: SharedClock,
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity,
            validity,
            clock,
        }
    }

    /// Completes once this process is the leader.
    pub async fn acquire(&self) {
        let mut seen: Option<(Option<String>, Boot)> = None;
        loop {
            match self.attempt(&mut seen).await {
                Ok(true) => {
                    return tracing::info!(lease = self.name, identity = self.identity, "leads");
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(lease = self.name, %error, "the Lease cannot be had; trying again")
                }
            }
            self.clock.sleep(self.validity / 8).await;
        }
    }

    /// One attempt. `seen` is the version of the Lease last seen, and since when.
    async fn attempt(&self, seen: &mut Option<(Option<String>, Boot)>) -> kube::Result<bool> {
        let parameters = PostParams::default();
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            let mut lease = Lease::default();
            lease.metadata.name = Some(self.name.clone());
            lease.spec = Some(self.held(None));
            return taken(self.api.create(&parameters, &lease).await);
        };
        let version = lease.metadata.resource_version.clone();
        if seen.as_ref().is_none_or(|(known, _)| *known != version) {
            *seen = Some((version, self.clock.boot()));
        }
        let spec = lease.spec.take().unwrap_or_default();
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        let validity = spec
            .lease_duration_seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(self.validity, Duration::from_secs);
        let over =
            seen.as_ref().is_some_and(|(_, since)| self.clock.boot().since(*since) >= validity);
        if !holder.is_empty() && holder != self.identity && !over {
            return Ok(false);
        }
        lease.spec = Some(self.held(Some(spec)));
        taken(self.api.replace(&self.name, &parameters, &lease).await)
    }

    /// Renews; completes when that has failed for too long.
    pub async fn hold(&self) -> Lost {
        let lost = |why: String| Lost { name: self.name.clone(), why };
        let mut renewed = self.clock.boot();
        loop {
            self.clock.sleep(self.validity / 3).await;
            let asked = self.clock.boot();
            let why = match timeout(self.validity / 3, self.renew()).await {
                Ok(Ok(true)) => {
                    renewed = asked;
                    continue;
                }
                Ok(Ok(false)) => return lost("somebody else holds it".to_owned()),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the API server does not answer".to_owned(),
            };
            if self.clock.boot().since(renewed) + self.validity / 3 >= self.validity {
                return lost(why);
            }
            tracing::warn!(lease = self.name, why, "the Lease could not be renewed; trying again");
        }
    }

    async fn renew(&self) -> kube::Result<bool> {
        let mut lease = self.api.get(&self.name).await?;
        let spec = lease.spec.take().unwrap_or_default();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return Ok(false);
        }
        lease.spec = Some(LeaseSpec { renew_time: Some(self.now()), ..spec });
        taken(self.api.replace(&self.name, &PostParams::default(), &lease).await)
    }

    /// Gives the Lease back, so that another need not wait for its end.
    pub async fn release(&self) -> kube::Result<()> {
        let mut lease = self.api.get(&self.name).await?;
        let spec = lease.spec.take().unwrap_or_default();
        if spec.holder_identity.as_deref() == Some(&self.identity) {
            lease.spec = Some(LeaseSpec {
                holder_identity: None,
                lease_duration_seconds: Some(1),
                renew_time: Some(self.now()),
                ..spec
            });
            self.api.replace(&self.name, &PostParams::default(), &lease).await?;
            tracing::info!(lease = self.name, "gave the Lease back");
        }
        Ok(())
    }

    fn held(&self, before: Option<LeaseSpec>) -> LeaseSpec {
        let before = before.unwrap_or_default();
        let ours = before.holder_identity.as_deref() == Some(&self.identity);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.validity.as_secs()).ok(),
            acquire_time: before.acquire_time.filter(|_| ours).or_else(|| Some(self.now())),
            renew_time: Some(self.now()),
            lease_transitions: Some(before.lease_transitions.unwrap_or(0) + i32::from(!ours)),
            ..LeaseSpec::default()
        }
    }

    fn now(&self) -> MicroTime {
        MicroTime(Timestamp::from_microsecond(self.clock.now().0).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

/// A conflict means that another was faster.
fn taken(answer: kube::Result<Lease>) -> kube::Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}
