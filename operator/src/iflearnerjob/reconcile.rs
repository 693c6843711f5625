//! One look at one object: what it should be, what is, what is done about it, what is said about it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_common::clock::{SharedClock, monotonic};
use flow_common::ids::jitter;
use flow_crd::{IflearnerJob, IflearnerJobStatus, Phase};
use futures::future::OptionFuture;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ObjectReference, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use k8s_openapi::jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::{Api, Client, Resource as _, ResourceExt as _};

use super::apply::{self, Applied, Created, Written};
use super::build;
use super::consent::{self, Consent};
use super::dereference::{self, Run};
use super::observe::{JobFacts, PodFacts, PodState};
use super::pods::Pods;
use super::status::{self, Finding, Found, Stage, Verdict};
use super::unreadable::unreadable;
use super::unrecorded::Unrecorded;
use super::validate::{self, Exposure, Plan, Refusal};
use crate::apis::Apis;
use crate::cache::Cache;
use crate::children::{ChildError, belongs};
use crate::config::Config;
use crate::events::Events;
use crate::gateway_api::GrpcRoute;
use crate::metrics::Metrics;

/// An object as it is watched: one that cannot be read stops no other.
pub type Guarded = DeserializeGuard<IflearnerJob>;

/// Job and Pod end within a moment of each other, and the status says both in one write. After its Job has ended, so long
/// is waited for the Pod to say how.
const EXIT_DUE: Duration = Duration::from_secs(5);
/// After its Pod has ended, so long is waited for the Job: its controller is behind where many end at once.
const VERDICT_DUE: Duration = Duration::from_secs(60);
/// More Jobs than these being made are many: first all are made, then their statuses are written. A status costs the API
/// server more than a child does, and what a Pod waits for is its Job.
const FEW: usize = 3;
/// The first status of an object waits for that so long at most.
const TOLD_WITHIN: Duration = Duration::from_secs(10);
/// How often is looked whether it waits still.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After so long what has changed meanwhile is known here, too.
const OUTDATED: Duration = Duration::from_millis(100);
/// Finalizer of an object that is deleted and whose children are to stay.
const ORPHAN: &str = "orphan";
/// Longest wait between two looks after errors.
const BACKOFF_MAX: Duration = Duration::from_secs(300);

/// Everything a look needs.
pub struct Context {
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
    /// The objects themselves.
    pub objects: Cache<Guarded>,
    /// Their Jobs.
    pub jobs: Cache<Job>,
    /// Their Services.
    pub services: Cache<Service>,
    /// Their NetworkPolicies.
    pub network_policies: Cache<NetworkPolicy>,
    /// Their GRPCRoutes, where there is such a thing.
    pub grpc_routes: Option<Cache<GrpcRoute>>,
    /// Their Ingresses.
    pub ingresses: Option<Cache<Ingress>>,
    /// Their Pods.
    pub pods: Pods,
    /// What namespaces allow.
    pub consent: Consent,
    /// Their Jobs that no status records yet.
    pub unrecorded: Unrecorded,
    /// Errors in a row, by UID.
    pub failures: Mutex<HashMap<String, u32>>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}

/// Why a look could not be finished. It is repeated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A child.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// A request.
    #[error("{what}: {source}")]
    Api {
        /// What for.
        what: &'static str,
        /// The answer.
        #[source]
        source: kube::Error,
    },
    /// It was there a moment ago.
    #[error("{0} has just gone")]
    Vanished(String),
}

impl Error {
    /// For `map_err`.
    pub fn api(what: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Api { what, source }
    }

    /// Its kind, for counting.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Child(ChildError::Leaving { .. }) => "leaving",
            Self::Child(_) => "child",
            Self::Api { .. } => "api",
            Self::Vanished(_) => "vanished",
        }
    }
}

impl Context {
    /// The API of one kind in the namespace of a plan.
    pub fn api<K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>>(
        &self,
        plan: &Plan,
    ) -> Api<K> {
        Api::namespaced(self.client.clone(), &plan.namespace)
    }

    /// Completes once all that is watched was listed: before, what is missing here proves nothing.
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

    /// The present moment, as Kubernetes writes it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.clock.now().0).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Look at an object.
pub async fn reconcile(object: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Error> {
    context.ready().await;
    let began = monotonic();
    let object = context.objects.newest(object);
    let outcome = match &object.0 {
        Ok(job) => look(job, &context).await,
        Err(invalid) => unreadable(invalid, &context).await,
    };
    context.metrics.reconciled(began.elapsed());
    if outcome.is_ok() {
        context
            .failures
            .lock()
            .expect("nothing panics while it holds this lock")
            .remove(&object.uid().unwrap_or_default());
    }
    outcome
}

/// What to do after an error: again, later and later, at a random moment.
#[must_use]
pub fn after_error(object: &Guarded, error: &Error, context: &Context) -> Action {
    context.metrics.failed(error.kind());
    if matches!(error, Error::Child(ChildError::Leaving { .. })) {
        return Action::requeue(Duration::from_millis(500 + jitter(1000)));
    }
    let (uid, name) = (object.uid().unwrap_or_default(), object.name_any());
    let mut failures = context.failures.lock().expect("nothing panics while it holds this lock");
    let count = failures.entry(uid).or_default();
    *count += 1;
    let limit = BACKOFF_MAX.min(Duration::from_millis(500) * 2_u32.saturating_pow(*count - 1));
    tracing::warn!(object.namespace = object.namespace(), object.name = name, failures = *count, %error, "will look again");
    Action::requeue(
        limit / 4
            + Duration::from_millis(jitter(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))),
    )
}

/// What a look came to.
struct Outcome {
    stage: Stage,
    exposed: Finding,
    certificates: Finding,
    /// The plan's children are there.
    reachable: bool,
    /// Look again after this time, whatever happens.
    again: Option<Duration>,
}

impl Outcome {
    fn of(stage: Stage) -> Self {
        Self {
            stage,
            exposed: Finding::AsBefore,
            certificates: Finding::AsBefore,
            reachable: false,
            again: None,
        }
    }
}

async fn look(object: &IflearnerJob, context: &Context) -> Result<Action, Error> {
    if object.metadata.deletion_timestamp.is_some() {
        // Children go with their owner; nothing is made for one that is on its way out.
        return leave(object, context).await;
    }
    let old = object.status.clone().unwrap_or_default();
    let mut plan = Plan::new(object, &context.config, context.apis);
    if old.phase.is_some_and(Phase::is_terminal) {
        return over(object, &old, &plan, context).await;
    }
    let now = context.now();
    let run = dereference::run(context, object, &plan).await?;
    if let Run::Created(job) = &run
        && can_wait(object, job, context.pods.latest(&plan.uid).as_ref(), context, now)
    {
        return Ok(Action::requeue(LOOK_EVERY));
    }
    let watched = dereference::front(context, &mut plan).await?;
    let found = match run {
        Run::Gone => Outcome::of(Stage::JobDeleted),
        Run::Original(pod) => {
            Outcome { again: Some(patience(object, now)), ..Outcome::of(Stage::Original(pod)) }
        }
        Run::OriginalGone => {
            let message = "its Pod, which the original operator started, is gone, and its end with it: delete this object and create it anew";
            Outcome::of(Stage::Refused(Refusal { reason: "PodLost", message: message.to_owned() }))
        }
        Run::NotCreated => match create(object, &plan, context).await? {
            // Of an object that has gone meanwhile there would be no other look, and its Job is to be taken back.
            Some(Outcome { stage: Stage::Working { job, pod, .. }, .. })
                if can_wait(object, &job, pod.as_ref(), context, now)
                    && stays(object, &plan, context) =>
            {
                return Ok(Action::requeue(LOOK_EVERY));
            }
            Some(made) => made,
            None => return Ok(Action::await_change()),
        },
        Run::Created(job) => match follow(object, &plan, job, context, now).await? {
            Some(found) => found,
            None => return Ok(Action::requeue(Duration::from_secs(1))),
        },
    };
    let endpoint = found.reachable.then(|| endpoint(&plan, &context.config));
    let Outcome { stage, exposed, certificates, again, .. } = found;
    let facts = Found { object, stage, exposed, certificates, endpoint, now: seconds(now) };
    let new = status::status(&facts, &context.config);
    if object.status.as_ref() != Some(&new) {
        match tell(object, &old, &new, &plan, context, now).await? {
            Written::Version(_) => {}
            Written::Leaving => return Ok(Action::await_change()),
            Written::Outdated => return Ok(Action::requeue(OUTDATED)),
        }
    }
    if new.phase.is_some_and(Phase::is_terminal) {
        return over(object, &new, &plan, context).await;
    }
    let again = again.or_else(|| (!watched).then(|| patience(object, now)));
    Ok(again.map_or_else(Action::await_change, Action::requeue))
}

/// From nothing to a Job. `None`: the object is about to go, or has gone.
async fn create(
    object: &IflearnerJob,
    plan: &Plan,
    context: &Context,
) -> Result<Option<Outcome>, Error> {
    let again = Some(patience(object, context.now()));
    let _urgent = context.events.let_wait();
    let allowed = match consent::allowed(context, object, plan).await? {
        Ok(allowed) => allowed,
        Err(why) => return Ok(Some(Outcome { again, ..Outcome::of(Stage::Waiting(why)) })),
    };
    let pod_plan = match validate::pod(object, allowed, &context.config) {
        Ok(pod_plan) => pod_plan,
        Err(refusal) => return Ok(Some(Outcome::of(Stage::Refused(refusal)))),
    };
    let certificates = dereference::certificates(context, plan, &pod_plan.certificates).await?;
    if let Finding::Is(Verdict { holds: Some(false), why }) = &certificates {
        let stage = Stage::Waiting(why.clone());
        return Ok(Some(Outcome { certificates, again, ..Outcome::of(stage) }));
    }
    let Applied { exposed, trouble } =
        apply::children(context, plan, &build::desired(plan, &context.config)).await?;
    if let Some(why) = trouble {
        return Ok(Some(Outcome {
            exposed,
            certificates,
            again,
            ..Outcome::of(Stage::Waiting(why))
        }));
    }
    // All that was time enough to delete it; of what is made now a Pod would start.
    if !stays(object, plan, context) {
        return Ok(None);
    }
    let (stage, again) = match apply::create_job(context, object, plan, &pod_plan).await? {
        Created::Job(job) => (
            Stage::Working { job, pod: context.pods.latest(&plan.uid), trouble: None },
            Some(NO_POD),
        ),
        Created::Refused(refusal) => (Stage::Refused(refusal), None),
        Created::Waiting(why) => (Stage::Waiting(why), again),
    };
    Ok(Some(Outcome { stage, exposed, certificates, reachable: true, again }))
}

/// There is nothing to say but that it has a Job, and many others are about to get theirs.
fn can_wait(
    object: &IflearnerJob,
    job: &JobFacts,
    pod: Option<&PodFacts>,
    context: &Context,
    now: Timestamp,
) -> bool {
    let is_new = object.status.is_none() && job.end.is_none();
    let is_quiet = pod.is_none_or(|pod| pod.state == PodState::Pending && pod.trouble.is_none());
    let is_young = job
        .created
        .as_ref()
        .is_some_and(|made| now.duration_since(made.0).unsigned_abs() < TOLD_WITHIN);
    is_new && is_quiet && is_young && !apply::is_due(object, job) && context.events.urgent() > FEW
}

/// For all that is known, the very object is there still.
fn stays(object: &IflearnerJob, plan: &Plan, context: &Context) -> bool {
    let is_still = |known: Arc<Guarded>| {
        known.meta().uid == object.metadata.uid && known.meta().deletion_timestamp.is_none()
    };
    context.objects.get(&plan.namespace, &plan.name).is_some_and(is_still)
}

/// A Job without a Pod is looked at again after so long.
const NO_POD: Duration = Duration::from_secs(12);

/// A job that has its Job. `None`: too early to say anything.
async fn follow(
    object: &IflearnerJob,
    plan: &Plan,
    job: JobFacts,
    context: &Context,
    now: Timestamp,
) -> Result<Option<Outcome>, Error> {
    let mut pod = context.pods.latest(&plan.uid);
    let one_has_ended = match (&job.end, &pod) {
        (Some(end), Some(pod)) if pod.state != PodState::Ended => {
            end.at.as_ref().map(|at| (at, EXIT_DUE))
        }
        (None, Some(pod)) if pod.state == PodState::Ended => {
            pod.ended.as_ref().map(|at| (at, VERDICT_DUE))
        }
        _ => None,
    };
    // Of a node whose clock is wrong nothing is waited for.
    if one_has_ended.is_some_and(|(at, due)| now.duration_since(at.0).unsigned_abs() < due) {
        return Ok(None);
    }
    if job.end.is_some() {
        // What is said now is said for good.
        if pod.as_ref().is_none_or(|pod| pod.state != PodState::Ended) {
            pod = dereference::latest_pod(context, plan)
                .await?
                .or(pod)
                .or_else(|| context.pods.last_words(&plan.uid));
        }
        return Ok(Some(Outcome::of(Stage::Working { job, pod, trouble: None })));
    }
    // What follows from a Pod's end, the Job says in a moment.
    if pod.is_none() && !job.suspended && context.pods.has_just_gone(&plan.uid) {
        return Ok(None);
    }
    let Applied { exposed, mut trouble } =
        apply::children(context, plan, &build::desired(plan, &context.config)).await?;
    let job = apply::sync_job(context, object, plan, job).await?;
    let mut again = trouble.is_some().then(|| patience(object, now));
    if pod.is_none() {
        trouble = trouble.or(dereference::why_no_pod(context, plan, &job, now).await?);
        again = again.or((!job.suspended).then_some(NO_POD));
    }
    // Made by an operator that was killed before it could say so.
    let is_unrecorded = object.status.as_ref().is_none_or(|status| status.job.is_none());
    let mut certificates = Finding::AsBefore;
    if is_unrecorded {
        certificates = dereference::certificates(
            context,
            plan,
            &validate::certificates(object, &context.config),
        )
        .await?;
    }
    Ok(Some(Outcome {
        stage: Stage::Working { job, pod, trouble },
        exposed,
        certificates,
        reachable: true,
        again,
    }))
}

/// A job whose end is recorded: nothing of it runs on, and its Job goes when the job says so.
async fn over(
    object: &IflearnerJob,
    old: &IflearnerJobStatus,
    plan: &Plan,
    context: &Context,
) -> Result<Action, Error> {
    let job = old.job.as_ref().and_then(|recorded| {
        let job = context.jobs.get(&plan.namespace, &recorded.name)?;
        (job.uid().as_ref() == Some(&recorded.uid) && job.metadata.deletion_timestamp.is_none())
            .then(|| super::observe::job(&job))
    });
    let ttl_s =
        object.spec.run_policy.as_ref().and_then(|policy| policy.ttl_seconds_after_finished);
    match (job, ttl_s) {
        (Some(job), _) if job.end.is_none() => {
            apply::delete_job(context, plan, &job.name, &job.uid).await?
        }
        (Some(job), Some(ttl_s)) if job.ttl_s != Some(ttl_s) => {
            apply::let_go(context, plan, &job, ttl_s).await?
        }
        _ => {}
    }
    if old.observed_generation != object.metadata.generation {
        let mut new =
            IflearnerJobStatus { observed_generation: object.metadata.generation, ..old.clone() };
        new.conditions
            .iter_mut()
            .for_each(|condition| condition.observed_generation = object.metadata.generation);
        if apply::status(context, object, plan, &new).await? == Written::Outdated {
            return Ok(Action::requeue(OUTDATED));
        }
    }
    Ok(Action::await_change())
}

/// A Job that was made at the last moment, and is on no record, is taken back: before the garbage collector comes, a Pod of
/// it could start. Unless children are to stay.
async fn leave(object: &IflearnerJob, context: &Context) -> Result<Action, Error> {
    let is_recorded = object.status.as_ref().is_some_and(|status| status.job.is_some());
    if !is_recorded && !object.finalizers().iter().any(|finalizer| finalizer == ORPHAN) {
        let plan = Plan::new(object, &context.config, context.apis);
        let made = context
            .jobs
            .get(&plan.namespace, &plan.names.job)
            .filter(|job| belongs(&**job, &plan.owner));
        if let Some(job) = made.filter(|job| job.metadata.deletion_timestamp.is_none()) {
            apply::delete_job(context, &plan, &job.name_any(), &job.uid().unwrap_or_default())
                .await?;
        }
    }
    Ok(Action::await_change())
}

/// Write the status, then say what happened.
async fn tell(
    object: &IflearnerJob,
    old: &IflearnerJobStatus,
    new: &IflearnerJobStatus,
    plan: &Plan,
    context: &Context,
    now: Timestamp,
) -> Result<Written, Error> {
    let written = apply::status(context, object, plan, new).await?;
    if let (Written::Leaving, None, Some(job)) = (&written, &old.job, &new.job) {
        // As in `leave`; of an object that has gone there will be no other look.
        apply::delete_job(context, plan, &job.name, &job.uid).await?;
    }
    let Written::Version(version) = &written else { return Ok(written) };
    if old.phase != new.phase {
        let phase = new.phase.map_or("", Phase::as_str);
        tracing::info!(
            object.namespace = plan.namespace,
            object.name = plan.name,
            phase,
            reason = new.reason,
            "phase"
        );
    }
    if new.phase == Some(Phase::Running)
        && !matches!(old.phase, Some(Phase::Running | Phase::Unknown))
    {
        let age = object
            .creation_timestamp()
            .map_or(0.0, |created| now.duration_since(created.0).as_secs_f64());
        context.metrics.runs(age);
    }
    for happened in status::events(old, new, validate::restart_note(object)) {
        let regarding =
            ObjectReference { resource_version: version.clone(), ..object.object_ref(&()) };
        context.events.tell(&happened, &regarding, MicroTime(now));
    }
    Ok(written)
}

/// Where the job's gRPC port is reached.
fn endpoint(plan: &Plan, config: &Config) -> String {
    match &plan.exposure {
        Exposure::Gateway { host, .. } | Exposure::Ingress { host, .. } => {
            format!("{host}:{}", config.exposure.port)
        }
        Exposure::Unwanted
        | Exposure::Unconfigured
        | Exposure::NotInstalled { .. }
        | Exposure::Unauthenticated { .. } => {
            format!("{}.{}.svc:{}", plan.names.service, plan.namespace, config.service.grpc_port)
        }
    }
}

/// How long to wait for what nobody announces (a ConfigMap, a name that becomes free): the older the object, the longer.
fn patience(object: &IflearnerJob, now: Timestamp) -> Duration {
    let age = object
        .creation_timestamp()
        .and_then(|created| Duration::try_from(now.duration_since(created.0)).ok())
        .unwrap_or_default();
    let wait = (age / 4).clamp(Duration::from_secs(2), Duration::from_secs(60));
    wait + Duration::from_millis(jitter(u64::try_from(wait.as_millis() / 4).unwrap_or(0)))
}

/// Times of Kubernetes have no fractions; one with would never compare equal to what comes back.
fn seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}
