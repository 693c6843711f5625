//! Leader election: of several operators, the one that holds the Lease works.
//!
//! The Lease saves work; correctness does not depend on it. Two operators that work at the same
//! time do no harm, because each write is valid from either of them: names follow from UIDs, a
//! second creation finds the first, and applies use one field manager. An operator that cannot
//! renew in time stops nevertheless. Clocks are not compared: a Lease has expired when this process
//! has seen no change of it for its validity. Validity is measured in boot time, which counts while
//! the machine is suspended.

use std::time::Duration;

use flow_common::clock::{Boot, SharedClock, timeout};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};

/// A candidate for the Lease.
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

/// The Lease could not be renewed in time, or another operator holds it.
#[derive(Debug, thiserror::Error)]
#[error("lost the Lease {name}: {cause}")]
pub struct LeaseLost {
    name: String,
    cause: String,
}

impl Elector {
    /// Returns a candidate. No other process may have this identity.
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

    /// Waits until this process holds the Lease.
    pub async fn acquire(&self) {
        let mut observed: Option<(Option<String>, Boot)> = None;
        loop {
            match self.try_acquire(&mut observed).await {
                Ok(true) => {
                    return tracing::info!(
                        lease = self.name,
                        identity = self.identity,
                        "acquired the Lease; this operator leads"
                    );
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(lease = self.name, %error, "cannot acquire the Lease; retrying")
                }
            }
            self.clock.sleep(self.validity / 8).await;
        }
    }

    /// Tries once. `observed` is the last version of the Lease and the time since which it has not
    /// changed.
    async fn try_acquire(
        &self,
        observed: &mut Option<(Option<String>, Boot)>,
    ) -> kube::Result<bool> {
        let parameters = PostParams::default();
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            let mut lease = Lease::default();
            lease.metadata.name = Some(self.name.clone());
            lease.spec = Some(self.held_spec(None));
            return is_acquired(self.api.create(&parameters, &lease).await);
        };
        let version = lease.metadata.resource_version.clone();
        if observed.as_ref().is_none_or(|(known, _)| *known != version) {
            *observed = Some((version, self.clock.boot()));
        }
        let spec = lease.spec.take().unwrap_or_default();
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        let validity = spec
            .lease_duration_seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(self.validity, Duration::from_secs);
        let has_expired =
            observed.as_ref().is_some_and(|(_, since)| self.clock.boot().since(*since) >= validity);
        if !holder.is_empty() && holder != self.identity && !has_expired {
            return Ok(false);
        }
        lease.spec = Some(self.held_spec(Some(spec)));
        is_acquired(self.api.replace(&self.name, &parameters, &lease).await)
    }

    /// Renews the Lease; completes when the renewal has failed for too long.
    pub async fn hold(&self) -> LeaseLost {
        let lost = |cause: String| LeaseLost { name: self.name.clone(), cause };
        let mut renewed = self.clock.boot();
        loop {
            self.clock.sleep(self.validity / 3).await;
            let requested = self.clock.boot();
            let cause = match timeout(self.validity / 3, self.renew()).await {
                Ok(Ok(true)) => {
                    renewed = requested;
                    continue;
                }
                Ok(Ok(false)) => return lost("another operator holds it".to_owned()),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the API server does not respond".to_owned(),
            };
            if self.clock.boot().since(renewed) + self.validity / 3 >= self.validity {
                return lost(cause);
            }
            tracing::warn!(lease = self.name, cause, "cannot renew the Lease; retrying");
        }
    }

    async fn renew(&self) -> kube::Result<bool> {
        let mut lease = self.api.get(&self.name).await?;
        let spec = lease.spec.take().unwrap_or_default();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return Ok(false);
        }
        lease.spec = Some(LeaseSpec { renew_time: Some(self.now()), ..spec });
        is_acquired(self.api.replace(&self.name, &PostParams::default(), &lease).await)
    }

    /// Releases the Lease, so that another operator does not wait until it expires.
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
            tracing::info!(lease = self.name, "released the Lease");
        }
        Ok(())
    }

    fn held_spec(&self, before: Option<LeaseSpec>) -> LeaseSpec {
        let before = before.unwrap_or_default();
        let is_own = before.holder_identity.as_deref() == Some(&self.identity);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.validity.as_secs()).ok(),
            acquire_time: before.acquire_time.filter(|_| is_own).or_else(|| Some(self.now())),
            renew_time: Some(self.now()),
            lease_transitions: Some(before.lease_transitions.unwrap_or(0) + i32::from(!is_own)),
            ..LeaseSpec::default()
        }
    }

    fn now(&self) -> MicroTime {
        MicroTime(Timestamp::from_microsecond(self.clock.now().0).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

/// Returns false for a conflict: another process was faster.
fn is_acquired(answer: kube::Result<Lease>) -> kube::Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}
