//! The watches of an operator for IflearnerJobs in one namespace, or in all, and the loop that they drive.

use std::sync::{Arc, Mutex};

use flow_common::clock::SharedClock;
use flow_crd::{JOB_ANNOTATION, Phase, UID_LABEL};
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Config as Pace, Controller, watcher};
use kube::{Api, Client, ResourceExt as _};
use tokio_util::sync::CancellationToken;

use super::consent::Consent;
use super::pods::Pods;
use super::reconcile::{Context, Guarded, after_error, reconcile};
use super::unrecorded::Unrecorded;
use crate::apis::Apis;
use crate::cache::{Cache, by_page};
use crate::config::Config;
use crate::events::Events;
use crate::metrics::{Counts, Metrics};

/// What a controller is given.
#[derive(Clone)]
pub struct Inputs {
    /// The API server.
    pub client: Client,
    /// The configuration.
    pub config: Arc<Config>,
    /// The time.
    pub clock: SharedClock,
    /// Where events go.
    pub events: Events,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Which optional APIs there are.
    pub apis: Apis,
}

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inputs")
    }
}

/// A controller that is set up, and does nothing before it is run.
pub struct IflearnerJobs {
    context: Arc<Context>,
    controller: Controller<Guarded>,
}

impl std::fmt::Debug for IflearnerJobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IflearnerJobs")
    }
}

/// How many objects a view of the cache counts by role and phase.
#[derive(Clone, Debug)]
pub struct View(Arc<Context>);

impl View {
    /// Add them to `counts`.
    pub fn count(&self, counts: &mut Counts) {
        for object in self.0.objects.store().state() {
            let Ok(job) = &object.0 else {
                *counts.entry(("", "Unreadable")).or_default() += 1;
                continue;
            };
            let phase =
                job.status.as_ref().and_then(|status| status.phase).map_or("New", Phase::as_str);
            *counts.entry((job.spec.role.as_str(), phase)).or_default() += 1;
        }
    }

    /// Completes once everything that is watched was listed.
    pub async fn ready(&self) {
        self.0.ready().await;
    }
}

impl IflearnerJobs {
    /// For one namespace, or all. Watches nothing yet.
    #[must_use]
    pub fn new(inputs: Inputs, namespace: Option<&str>) -> Self {
        let Inputs { client, config, clock, events, metrics, apis } = inputs;
        let ours = by_page().labels(UID_LABEL);
        let (objects, object_stream) =
            Cache::follow(api(&client, namespace), by_page(), forget_the_past);
        // Of a Job neither template nor names are ever asked for, and they are most of it.
        let (jobs, job_stream) =
            Cache::follow(api(&client, namespace), ours.clone(), |job: &mut Job| {
                if let Some(spec) = &mut job.spec {
                    spec.template = PodTemplateSpec::default();
                }
                (job.metadata.labels, job.metadata.annotations) = (None, None);
            });
        let (services, service_stream) =
            Cache::follow(api(&client, namespace), ours.clone(), |_| {});
        let (network_policies, policy_stream) =
            Cache::follow(api(&client, namespace), ours.clone(), |_| {});
        let (pods, pod_stream) = Pods::follow(api(&client, namespace));
        let mut controller = Controller::for_stream(object_stream, objects.store())
            .owns_stream(job_stream)
            .owns_stream(service_stream)
            .owns_stream(policy_stream)
            .watches_stream(pod_stream, |pod: Pod| job_of(&pod));
        let mut grpc_routes = None;
        if apis.grpc_route {
            let (cache, stream) = Cache::follow(api(&client, namespace), ours.clone(), |_| {});
            (grpc_routes, controller) = (Some(cache), controller.owns_stream(stream));
        }
        let mut ingresses = None;
        if apis.ingress {
            let (cache, stream) = Cache::follow(api(&client, namespace), ours, |_| {});
            (ingresses, controller) = (Some(cache), controller.owns_stream(stream));
        }
        let concurrency = config.concurrency;
        let context = Arc::new(Context {
            client,
            config,
            clock,
            events,
            metrics,
            apis,
            objects,
            jobs,
            services,
            network_policies,
            grpc_routes,
            ingresses,
            pods,
            consent: Consent::default(),
            unrecorded: Unrecorded::default(),
            failures: Mutex::default(),
        });
        Self {
            context,
            controller: controller.with_config(Pace::default().concurrency(concurrency)),
        }
    }

    /// What it knows.
    #[must_use]
    pub fn view(&self) -> View {
        View(Arc::clone(&self.context))
    }

    /// Work until `stop`; looks that are under way are finished.
    pub async fn run(self, stop: CancellationToken) {
        let Self { context, controller } = self;
        let looks = controller.graceful_shutdown_on(stop.cancelled_owned()).run(
            reconcile,
            |object, error, context| after_error(&object, error, &context),
            context,
        );
        report(looks).await;
    }
}

/// Errors of looks are logged where they are handled; what is left are those of the watches.
async fn report<T, E: std::error::Error + 'static>(
    looks: impl Stream<Item = Result<T, kube::runtime::controller::Error<E, watcher::Error>>>,
) {
    let mut looks = std::pin::pin!(looks);
    while let Some(look) = looks.next().await {
        match look {
            Err(kube::runtime::controller::Error::QueueError(error)) => {
                tracing::warn!(%error, "a watch failed and is begun again")
            }
            Err(kube::runtime::controller::Error::RunnerError(error)) => {
                tracing::error!(%error, "the controller has ended")
            }
            Ok(_) | Err(_) => {}
        }
    }
}

fn api<K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>>(
    client: &Client,
    namespace: Option<&str>,
) -> Api<K> {
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// There may be thousands of jobs that have ended, and their templates are most of them. Nothing is made of them again.
fn forget_the_past(object: &mut Guarded) {
    if let Ok(job) = &mut object.0
        && job.status.as_ref().and_then(|status| status.phase).is_some_and(Phase::is_terminal)
    {
        job.spec.template = PodTemplateSpec::default();
        job.metadata.annotations = None;
    }
}

/// The Job owns the Pod; whose it is stands in an annotation.
fn job_of(pod: &Pod) -> Option<ObjectRef<Guarded>> {
    let name = pod.annotations().get(JOB_ANNOTATION)?;
    Some(ObjectRef::new(name).within(&pod.namespace()?))
}
