//! The watches of IflearnerJobs and their children in one namespace or in all, and the controller
//! that they drive.

use std::sync::Arc;

use flow_common::clock::SharedClock;
use flow_crd::{JOB_ANNOTATION, Phase, UID_LABEL};
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Config as ControllerConfig, Controller, watcher};
use kube::{Api, Client, ResourceExt as _};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::context::{Context, GuardedJob};
use super::namespace_policy::NamespacePolicies;
use super::pods::Pods;
use super::reconcile::{on_error, reconcile};
use super::unrecorded_jobs::UnrecordedJobs;
use crate::apis::Apis;
use crate::cache::{Cache, paged_watch};
use crate::config::Config;
use crate::creations::Creations;
use crate::events::EventQueue;
use crate::metrics::{JobCounts, Metrics};

/// The inputs of a controller.
#[derive(Clone)]
pub struct Inputs {
    pub client: Client,
    pub config: Arc<Config>,
    pub clock: SharedClock,
    pub events: EventQueue,
    pub creations: Creations,
    pub metrics: Arc<Metrics>,
    pub apis: Apis,
}

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inputs")
    }
}

/// A controller; it watches nothing before [`Self::run`].
pub struct IflearnerJobController {
    context: Arc<Context>,
    controller: Controller<GuardedJob>,
}

impl std::fmt::Debug for IflearnerJobController {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IflearnerJobController")
    }
}

/// A read-only view of a controller's caches.
#[derive(Clone, Debug)]
pub struct CacheView(Arc<Context>);

impl CacheView {
    /// Adds the objects by role and phase to `counts`.
    pub fn count(&self, counts: &mut JobCounts) {
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

    /// Waits until every watch has listed its objects.
    pub async fn ready(&self) {
        self.0.ready().await;
    }
}

impl IflearnerJobController {
    /// Returns a controller for one namespace, or for all.
    #[must_use]
    pub fn new(inputs: Inputs, namespace: Option<&str>) -> Self {
        let Inputs { client, config, clock, events, metrics, apis, creations } = inputs;
        let children = paged_watch().labels(UID_LABEL);
        let (objects, object_stream) =
            Cache::watch(api(&client, namespace), paged_watch(), drop_finished_template);
        // No pass reads the template and the labels of a Job, and they are most of its size.
        let (jobs, job_stream) =
            Cache::watch(api(&client, namespace), children.clone(), |job: &mut Job| {
                if let Some(spec) = &mut job.spec {
                    spec.template = PodTemplateSpec::default();
                }
                (job.metadata.labels, job.metadata.annotations) = (None, None);
            });
        let (services, service_stream) =
            Cache::watch(api(&client, namespace), children.clone(), |_| {});
        let (network_policies, policy_stream) =
            Cache::watch(api(&client, namespace), children.clone(), |_| {});
        let (pods, pod_stream) = Pods::watch(api(&client, namespace));
        let mut controller = Controller::for_stream(object_stream, objects.store())
            .owns_stream(job_stream)
            .owns_stream(service_stream)
            .owns_stream(policy_stream)
            .watches_stream(pod_stream, |pod: Pod| owner_of(&pod));
        let mut grpc_routes = None;
        if apis.grpc_route {
            let (cache, stream) = Cache::watch(api(&client, namespace), children.clone(), |_| {});
            (grpc_routes, controller) = (Some(cache), controller.owns_stream(stream));
        }
        let mut ingresses = None;
        if apis.ingress {
            let (cache, stream) = Cache::watch(api(&client, namespace), children, |_| {});
            (ingresses, controller) = (Some(cache), controller.owns_stream(stream));
        }
        let concurrency = config.concurrency;
        let namespace_policies =
            NamespacePolicies::new(client.clone(), config.pods.opt_ins.clone());
        let context = Arc::new(Context {
            client,
            config,
            clock,
            events,
            creations,
            metrics,
            apis,
            objects,
            jobs,
            services,
            network_policies,
            grpc_routes,
            ingresses,
            pods,
            namespace_policies,
            unrecorded_jobs: UnrecordedJobs::default(),
            backoff: Backoff::default(),
        });
        Self {
            context,
            controller: controller
                .with_config(ControllerConfig::default().concurrency(concurrency)),
        }
    }

    #[must_use]
    pub fn view(&self) -> CacheView {
        CacheView(Arc::clone(&self.context))
    }

    /// Reconciles until `stop`, and completes after the passes in progress have ended.
    pub async fn run(self, stop: CancellationToken) {
        let Self { context, controller } = self;
        let passes = controller.graceful_shutdown_on(stop.cancelled_owned()).run(
            reconcile,
            |object, error, context| on_error(&object, error, &context),
            context,
        );
        log_watch_errors(passes).await;
    }
}

/// Logs the errors of the watches. Errors of passes are logged by `on_error`.
async fn log_watch_errors<T, E: std::error::Error + 'static>(
    passes: impl Stream<Item = Result<T, kube::runtime::controller::Error<E, watcher::Error>>>,
) {
    let mut passes = std::pin::pin!(passes);
    while let Some(pass) = passes.next().await {
        match pass {
            Err(kube::runtime::controller::Error::QueueError(error)) => {
                tracing::warn!(%error, "a watch failed; it will be restarted")
            }
            Err(kube::runtime::controller::Error::RunnerError(error)) => {
                tracing::error!(%error, "the controller ended")
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

/// Removes the template of a finished object: there may be thousands of them, and no pass reads
/// their templates.
fn drop_finished_template(object: &mut GuardedJob) {
    if let Ok(job) = &mut object.0
        && job.status.as_ref().and_then(|status| status.phase).is_some_and(Phase::is_terminal)
    {
        job.spec.template = PodTemplateSpec::default();
        job.metadata.annotations = None;
    }
}

/// Returns the IflearnerJob of a Pod. The owner reference of the Pod names the Job, so an
/// annotation names the IflearnerJob.
fn owner_of(pod: &Pod) -> Option<ObjectRef<GuardedJob>> {
    let name = pod.annotations().get(JOB_ANNOTATION)?;
    Some(ObjectRef::new(name).within(&pod.namespace()?))
}
