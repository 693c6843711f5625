//! The state that all reconcile passes of a controller share: client, configuration, caches and
//! queues.

use std::sync::Arc;

use flow_common::clock::SharedClock;
use flow_crd::IflearnerJob;
use futures::future::OptionFuture;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::{Api, Client};

use super::backoff::Backoff;
use super::namespace_policy::NamespacePolicies;
use super::pods::Pods;
use super::unrecorded_jobs::UnrecordedJobs;
use super::validate::Plan;
use crate::apis::Apis;
use crate::cache::Cache;
use crate::config::Config;
use crate::creations::Creations;
use crate::events::EventQueue;
use crate::gateway_api::GrpcRoute;
use crate::metrics::Metrics;

/// A watched object. One that does not fit its type does not end the watch.
pub type GuardedJob = DeserializeGuard<IflearnerJob>;

pub struct Context {
    pub client: Client,
    pub config: Arc<Config>,
    pub clock: SharedClock,
    pub events: EventQueue,
    pub creations: Creations,
    pub metrics: Arc<Metrics>,
    pub apis: Apis,
    pub objects: Cache<GuardedJob>,
    pub jobs: Cache<Job>,
    pub services: Cache<Service>,
    pub network_policies: Cache<NetworkPolicy>,
    /// `None` if the cluster does not serve the API.
    pub grpc_routes: Option<Cache<GrpcRoute>>,
    /// `None` if the cluster does not serve the API.
    pub ingresses: Option<Cache<Ingress>>,
    pub pods: Pods,
    pub namespace_policies: NamespacePolicies,
    pub unrecorded_jobs: UnrecordedJobs,
    pub backoff: Backoff,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}

impl Context {
    /// Returns the API of one kind in the namespace of a plan.
    pub fn api<K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>>(
        &self,
        plan: &Plan,
    ) -> Api<K> {
        Api::namespaced(self.client.clone(), &plan.namespace)
    }

    /// Waits until every watch has listed its objects. Before that, a missing object proves
    /// nothing.
    pub async fn ready(&self) {
        let Self {
            objects, jobs, services, network_policies, grpc_routes, ingresses, pods, ..
        } = self;
        pods.ready().await;
        futures::join!(objects.ready(), jobs.ready(), services.ready(), network_policies.ready());
        futures::join!(
            OptionFuture::from(grpc_routes.as_ref().map(Cache::ready)),
            OptionFuture::from(ingresses.as_ref().map(Cache::ready))
        );
    }

    /// Returns the current time in the type of Kubernetes.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.clock.now().0).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}
