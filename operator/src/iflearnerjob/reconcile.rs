//! One reconcile pass of one IflearnerJob: dereference → validate → build → apply → write status.
//!
//! A pass ends early where the object is being deleted, its run is over, or its state is about to
//! change ([`Case`]). The process may end after any request: the next pass continues from the state
//! of the cluster. Only `apply` and `write_status` write.

use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::monotonic;
use flow_common::ids::jitter;
use flow_crd::{IflearnerJob, IflearnerJobStatus, Phase};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::{Resource as _, ResourceExt as _};
use tracing::Instrument as _;

use super::apply::{self, Applied, Created, Written};
use super::build::{self, Desired};
use super::burst;
use super::context::{Context, GuardedJob};
use super::dereference::{self, Run};
use super::error::Error;
use super::namespace_policy::NamespaceAnswer;
use super::observe::{self, JobFacts, PodFacts, PodState};
use super::outcome::Outcome;
use super::status::{self, ConditionUpdate, ConditionValue, Stage, StatusInput};
use super::unreadable::report_unreadable;
use super::validate::{self, Exposure, Plan, PodPlan, Rejection};
use crate::children::{ChildError, is_controlled_by};
use crate::config::Config;

/// Time to wait for the exit of the Pod after its Job ended: both end within a moment, and one
/// write of the status reports both.
const POD_EXIT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time to wait for the condition of the Job after its Pod ended: the Job controller lags under
/// load.
const JOB_CONDITION_TIMEOUT: Duration = Duration::from_secs(60);
/// Requeue delay while the other of Job and Pod is awaited.
const JOB_END_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Requeue delay of a Job without a Pod.
const MISSING_POD_POLL_INTERVAL: Duration = Duration::from_secs(12);
/// Bounds of the requeue delay for state that no watch reports. The delay is a quarter of the
/// object's age.
const POLL_INTERVAL_MIN: Duration = Duration::from_secs(2);
const POLL_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// Finalizer of an object that is deleted with `--cascade=orphan`: its children remain.
const ORPHAN_FINALIZER: &str = "orphan";

/// Reconciles one object.
pub async fn reconcile(object: Arc<GuardedJob>, context: Arc<Context>) -> Result<Action, Error> {
    context.ready().await;
    let object = context.objects.newest(object);
    let span = tracing::info_span!(
        "reconcile",
        object.namespace = object.namespace(),
        object.name = object.name_any(),
        object.uid = object.uid(),
        object.generation = object.meta().generation,
    );
    let began = monotonic();
    let result = async {
        match &object.0 {
            Ok(job) => reconcile_job(job, &context).await,
            Err(invalid) => report_unreadable(invalid, &context).await,
        }
    }
    .instrument(span)
    .await;
    context
        .metrics
        .record_pass(result.as_ref().map_or("error", |outcome| outcome.label()), began.elapsed());
    let outcome = result?;
    context.backoff.reset(&object.uid().unwrap_or_default());
    Ok(outcome.action())
}

/// Returns the delay after which a failed pass is repeated, and logs the error.
#[must_use]
pub fn on_error(object: &GuardedJob, error: &Error, context: &Context) -> Action {
    context.metrics.record_failure(error.label());
    if matches!(error, Error::Child(ChildError::Terminating { .. })) {
        return Action::requeue(Duration::from_millis(500 + jitter(1000)));
    }
    let (failures, delay) = context.backoff.next(object.uid().unwrap_or_default());
    tracing::warn!(
        object.namespace = object.namespace(),
        object.name = object.name_any(),
        object.uid = object.uid(),
        object.generation = object.meta().generation,
        failures,
        %error,
        "reconcile pass failed; it will be repeated"
    );
    Action::requeue(delay)
}

/// The inputs of one pass.
struct Pass<'a> {
    object: &'a IflearnerJob,
    context: &'a Context,
    plan: Plan,
    old: IflearnerJobStatus,
    now: Timestamp,
}

/// The kind of pass that an object needs. Every special case is decided here, before anything is
/// written.
enum Case {
    /// The object is being deleted.
    Deleted,
    /// The status is terminal.
    Finished,
    /// The state is about to change; reconcile again after this delay.
    Postponed(Duration),
    /// The status follows from what was read; there is nothing to apply.
    Decided(Observation),
    /// There is a Job to create or to keep.
    Active(Work),
}

enum Work {
    Create,
    Keep { job: JobFacts, pod: Option<PodFacts> },
}

/// The result of the validation of an object that has work to do.
enum Validation {
    Accepted { work: ValidWork, certificates: ConditionUpdate },
    NotAccepted(Observation),
}

enum ValidWork {
    Create(PodPlan),
    Keep { job: JobFacts, pod: Option<PodFacts> },
}

enum Progress {
    Observed(Observation),
    /// The object was deleted during the pass.
    ObjectDeleted,
}

/// The facts of a pass from which the status is computed.
struct Observation {
    stage: Stage,
    exposed: ConditionUpdate,
    certificates: ConditionUpdate,
    /// The Service and the route of the plan exist.
    is_reachable: bool,
    /// Delay of the next pass; `None` if a watch reports every change.
    requeue: Option<Duration>,
}

impl Observation {
    fn of(stage: Stage) -> Self {
        Self {
            stage,
            exposed: ConditionUpdate::Keep,
            certificates: ConditionUpdate::Keep,
            is_reachable: false,
            requeue: None,
        }
    }
}

async fn reconcile_job(object: &IflearnerJob, context: &Context) -> Result<Outcome, Error> {
    let mut pass = Pass {
        object,
        context,
        plan: Plan::new(object, &context.config, context.apis),
        old: object.status.clone().unwrap_or_default(),
        now: context.now(),
    };

    // Dereference.
    let work = match case(&pass).await? {
        Case::Deleted => return on_delete(&pass).await,
        Case::Finished => return reconcile_finished(&pass, &pass.old).await,
        Case::Postponed(delay) => return Ok(Outcome::Postponed(delay)),
        Case::Decided(observation) => return finish_pass(&pass, observation).await,
        Case::Active(work) => work,
    };
    let is_gateway_watched = dereference::gateway(context, &mut pass.plan).await?;
    let is_new = matches!(work, Work::Create);
    let progress = {
        let _creation = is_new.then(|| context.creations.begin());
        // Validate.
        match validate(&pass, work).await? {
            Validation::NotAccepted(observation) => Progress::Observed(observation),
            Validation::Accepted { work, certificates } => {
                // Build.
                let desired = build::desired(&pass.plan, &context.config);
                // Apply.
                match work {
                    ValidWork::Create(pod_plan) => {
                        apply_new(&pass, &desired, &pod_plan, certificates).await?
                    }
                    ValidWork::Keep { job, pod } => {
                        let observation =
                            apply_existing(&pass, &desired, job, pod, certificates).await?;
                        Progress::Observed(observation)
                    }
                }
            }
        }
    };
    // Write status.
    let mut observation = match progress {
        Progress::Observed(observation) => observation,
        Progress::ObjectDeleted => return Ok(Outcome::Deleted),
    };
    if is_new
        && let Stage::Working { job, pod, .. } = &observation.stage
        && delays_first_status(&pass, job, pod.as_ref())
        // An object that was deleted gets no other pass, and its Job must be deleted.
        && still_exists(&pass)
    {
        return Ok(Outcome::Postponed(burst::POLL_INTERVAL));
    }
    if !is_gateway_watched {
        observation.requeue = observation.requeue.or_else(|| Some(poll_interval(&pass)));
    }
    finish_pass(&pass, observation).await
}

async fn case(pass: &Pass<'_>) -> Result<Case, Error> {
    if pass.object.metadata.deletion_timestamp.is_some() {
        return Ok(Case::Deleted);
    }
    if pass.old.phase.is_some_and(Phase::is_terminal) {
        return Ok(Case::Finished);
    }
    Ok(match dereference::run(pass.context, pass.object, &pass.plan).await? {
        Run::NotCreated => Case::Active(Work::Create),
        Run::Created(job) => case_of_job(pass, job).await?,
        Run::Gone => Case::Decided(Observation::of(Stage::JobDeleted)),
        Run::Original(pod) => Case::Decided(Observation {
            requeue: Some(poll_interval(pass)),
            ..Observation::of(Stage::Original(pod))
        }),
        Run::OriginalGone => {
            let message = "the Pod that the original operator created is gone, and its exit code with it: delete the IflearnerJob and create it again";
            Case::Decided(Observation::of(Stage::Rejected(Rejection {
                reason: "PodLost",
                message: message.to_owned(),
            })))
        }
    })
}

async fn case_of_job(pass: &Pass<'_>, job: JobFacts) -> Result<Case, Error> {
    let Pass { context, plan, now, .. } = pass;
    let mut pod = context.pods.latest(&plan.uid);
    if delays_first_status(pass, &job, pod.as_ref()) {
        return Ok(Case::Postponed(burst::POLL_INTERVAL));
    }
    let first_end = match (&job.end, &pod) {
        (Some(end), Some(pod)) if pod.state != PodState::Ended => {
            end.at.as_ref().map(|at| (at, POD_EXIT_TIMEOUT))
        }
        (None, Some(pod)) if pod.state == PodState::Ended => {
            pod.ended.as_ref().map(|at| (at, JOB_CONDITION_TIMEOUT))
        }
        _ => None,
    };
    // The absolute difference: the clock of a node may be wrong in either direction.
    if first_end.is_some_and(|(at, timeout)| now.duration_since(at.0).unsigned_abs() < timeout) {
        return Ok(Case::Postponed(JOB_END_POLL_INTERVAL));
    }
    if job.end.is_some() {
        // The status of an ended Job is final, so the cache alone does not decide about its Pod.
        if pod.as_ref().is_none_or(|pod| pod.state != PodState::Ended) {
            pod = dereference::latest_pod(context, plan)
                .await?
                .or(pod)
                .or_else(|| context.pods.recently_deleted(&plan.uid));
        }
        return Ok(Case::Decided(Observation::of(Stage::Working { job, pod, problem: None })));
    }
    // The Job controller reports the consequence of the Pod's end in a moment.
    if pod.is_none() && !job.suspended && context.pods.was_just_deleted(&plan.uid) {
        return Ok(Case::Postponed(JOB_END_POLL_INTERVAL));
    }
    Ok(Case::Active(Work::Keep { job, pod }))
}

/// Checks a new object against the policy of its namespace and the certificates that it names. A
/// Job that exists was checked before; only the condition of its certificates may be missing.
async fn validate(pass: &Pass<'_>, work: Work) -> Result<Validation, Error> {
    let Pass { object, context, plan, old, .. } = pass;
    if let Work::Keep { job, pod } = work {
        // The operator may have ended between the creation of the Job and the first status.
        let certificates = if old.job.is_none() {
            let wanted = validate::certificates(object, &context.config);
            dereference::certificates(context, plan, &wanted).await?
        } else {
            ConditionUpdate::Keep
        };
        return Ok(Validation::Accepted { work: ValidWork::Keep { job, pod }, certificates });
    }
    let waiting = |cause| Observation {
        requeue: Some(poll_interval(pass)),
        ..Observation::of(Stage::Waiting(cause))
    };
    let watched_version = context.objects.watched_version();
    let allowed = match context.namespace_policies.get(object, watched_version).await? {
        NamespaceAnswer::Allowed(allowed) => allowed,
        NamespaceAnswer::Forbidden(cause) => return Ok(Validation::NotAccepted(waiting(cause))),
    };
    let pod_plan = match validate::pod(object, allowed, &context.config) {
        Ok(pod_plan) => pod_plan,
        Err(rejection) => {
            return Ok(Validation::NotAccepted(Observation::of(Stage::Rejected(rejection))));
        }
    };
    let certificates = dereference::certificates(context, plan, &pod_plan.certificates).await?;
    if let ConditionUpdate::Set(ConditionValue { is_true: Some(false), cause }) = &certificates {
        let observation = waiting(cause.clone());
        return Ok(Validation::NotAccepted(Observation { certificates, ..observation }));
    }
    Ok(Validation::Accepted { work: ValidWork::Create(pod_plan), certificates })
}

/// Creates the children of an object, and its Job last.
async fn apply_new(
    pass: &Pass<'_>,
    desired: &Desired,
    pod_plan: &PodPlan,
    certificates: ConditionUpdate,
) -> Result<Progress, Error> {
    let Pass { object, context, plan, .. } = pass;
    let Applied { exposed, problem } = apply::children(context, plan, desired).await?;
    let poll = Some(poll_interval(pass));
    if let Some(cause) = problem {
        return Ok(Progress::Observed(Observation {
            exposed,
            certificates,
            requeue: poll,
            ..Observation::of(Stage::Waiting(cause))
        }));
    }
    // The object may have been deleted during the requests above, and a Pod of a Job that is
    // created now would start.
    if !still_exists(pass) {
        return Ok(Progress::ObjectDeleted);
    }
    let (stage, requeue) = match apply::create_job(context, object, plan, pod_plan).await? {
        Created::Job(job) => {
            let pod = context.pods.latest(&plan.uid);
            (Stage::Working { job, pod, problem: None }, Some(MISSING_POD_POLL_INTERVAL))
        }
        Created::Rejected(rejection) => (Stage::Rejected(rejection), None),
        Created::Waiting(cause) => (Stage::Waiting(cause), poll),
    };
    Ok(Progress::Observed(Observation {
        stage,
        exposed,
        certificates,
        is_reachable: true,
        requeue,
    }))
}

/// Brings the children of an object with a Job to the desired state.
async fn apply_existing(
    pass: &Pass<'_>,
    desired: &Desired,
    job: JobFacts,
    pod: Option<PodFacts>,
    certificates: ConditionUpdate,
) -> Result<Observation, Error> {
    let Pass { object, context, plan, now, .. } = pass;
    let Applied { exposed, mut problem } = apply::children(context, plan, desired).await?;
    let job = apply::sync_job(context, object, plan, job).await?;
    let mut requeue = problem.is_some().then(|| poll_interval(pass));
    if pod.is_none() {
        problem = problem.or(dereference::missing_pod_cause(context, plan, &job, *now).await?);
        requeue = requeue.or((!job.suspended).then_some(MISSING_POD_POLL_INTERVAL));
    }
    let stage = Stage::Working { job, pod, problem };
    Ok(Observation { stage, exposed, certificates, is_reachable: true, requeue })
}

/// Computes the status and writes it if it differs from the stored one.
async fn finish_pass(pass: &Pass<'_>, observation: Observation) -> Result<Outcome, Error> {
    let Pass { object, context, plan, now, .. } = pass;
    let Observation { stage, exposed, certificates, is_reachable, requeue } = observation;
    let endpoint = is_reachable.then(|| endpoint(plan, &context.config));
    let input =
        StatusInput { object, stage, exposed, certificates, endpoint, now: whole_seconds(*now) };
    let new = status::compute_status(&input, &context.config);
    if object.status.as_ref() != Some(&new) {
        match write_status(pass, &new).await? {
            Written::Version(_) => {}
            Written::ObjectDeleted => return Ok(Outcome::Deleted),
            Written::Conflict => return Ok(Outcome::Conflict),
        }
    }
    if new.phase.is_some_and(Phase::is_terminal) {
        return reconcile_finished(pass, &new).await;
    }
    Ok(Outcome::Reconciled { requeue })
}

/// Writes the status, then publishes the events that follow from the change.
async fn write_status(pass: &Pass<'_>, new: &IflearnerJobStatus) -> Result<Written, Error> {
    let Pass { object, context, plan, old, now } = pass;
    let written = apply::status(context, object, plan, new).await?;
    if let (Written::ObjectDeleted, None, Some(job)) = (&written, &old.job, &new.job) {
        // An object that is gone gets no other pass, so `on_delete` does not run for it.
        apply::delete_job(context, plan, &job.name, &job.uid).await?;
    }
    let Written::Version(version) = &written else { return Ok(written) };
    if old.phase != new.phase {
        let phase = new.phase.map_or("", Phase::as_str);
        tracing::info!(phase, reason = new.reason, "phase of the IflearnerJob changed");
    }
    if new.phase == Some(Phase::Running)
        && !matches!(old.phase, Some(Phase::Running | Phase::Unknown))
    {
        let age_s = object
            .creation_timestamp()
            .map_or(0.0, |created| now.duration_since(created.0).as_secs_f64());
        context.metrics.record_time_to_run(age_s);
    }
    for event in status::events(old, new, validate::restart_note(object)) {
        let regarding =
            ObjectReference { resource_version: version.clone(), ..object.object_ref(&()) };
        context.events.publish(&event, &regarding, MicroTime(*now));
    }
    Ok(written)
}

/// Reconciles an object with a terminal status: deletes a Job that still runs, and sets the
/// retention of one that ended.
async fn reconcile_finished(
    pass: &Pass<'_>,
    status: &IflearnerJobStatus,
) -> Result<Outcome, Error> {
    let Pass { object, context, plan, .. } = pass;
    let job = status.job.as_ref().and_then(|recorded| {
        let job = context.jobs.get(&plan.namespace, &recorded.name)?;
        (job.uid().as_ref() == Some(&recorded.uid) && job.metadata.deletion_timestamp.is_none())
            .then(|| observe::job(&job))
    });
    let ttl_s =
        object.spec.run_policy.as_ref().and_then(|policy| policy.ttl_seconds_after_finished);
    match (job, ttl_s) {
        (Some(job), _) if job.end.is_none() => {
            apply::delete_job(context, plan, &job.name, &job.uid).await?;
        }
        (Some(job), Some(ttl_s)) if job.ttl_s != Some(ttl_s) => {
            apply::set_retention(context, plan, &job, ttl_s).await?;
        }
        _ => {}
    }
    let generation = object.metadata.generation;
    if status.observed_generation != generation {
        let mut new = IflearnerJobStatus { observed_generation: generation, ..status.clone() };
        new.conditions.iter_mut().for_each(|condition| condition.observed_generation = generation);
        if apply::status(context, object, plan, &new).await? == Written::Conflict {
            return Ok(Outcome::Conflict);
        }
    }
    Ok(Outcome::Finished)
}

/// Deletes a Job that no status records: its Pod could start before the garbage collector deletes
/// the Job. The garbage collector deletes all other children.
async fn on_delete(pass: &Pass<'_>) -> Result<Outcome, Error> {
    let Pass { object, context, plan, old, .. } = pass;
    if old.job.is_none()
        && !object.finalizers().iter().any(|finalizer| finalizer == ORPHAN_FINALIZER)
    {
        let created = context
            .jobs
            .get(&plan.namespace, &plan.names.job)
            .filter(|job| is_controlled_by(&**job, &plan.owner));
        if let Some(job) = created.filter(|job| job.metadata.deletion_timestamp.is_none()) {
            apply::delete_job(context, plan, &job.name_any(), &job.uid().unwrap_or_default())
                .await?;
        }
    }
    Ok(Outcome::Deleted)
}

fn delays_first_status(pass: &Pass<'_>, job: &JobFacts, pod: Option<&PodFacts>) -> bool {
    let creations = pass.context.creations.in_progress();
    burst::delays_first_status(pass.object, job, pod, creations, pass.now)
}

/// Returns whether the cache holds this very object and no request for its deletion.
fn still_exists(pass: &Pass<'_>) -> bool {
    let is_same = |known: Arc<GuardedJob>| {
        known.meta().uid == pass.object.metadata.uid && known.meta().deletion_timestamp.is_none()
    };
    pass.context.objects.get(&pass.plan.namespace, &pass.plan.name).is_some_and(is_same)
}

/// Returns the address of the gRPC port as `host:port`.
fn endpoint(plan: &Plan, config: &Config) -> String {
    match &plan.exposure {
        Exposure::Gateway { host, .. } | Exposure::Ingress { host, .. } => {
            format!("{host}:{}", config.exposure.port)
        }
        Exposure::NotRequested
        | Exposure::NotConfigured
        | Exposure::NotInstalled { .. }
        | Exposure::Unauthenticated { .. } => {
            format!("{}.{}.svc:{}", plan.names.service, plan.namespace, config.service.grpc_port)
        }
    }
}

/// Returns the requeue delay for state that no watch reports (a ConfigMap, a name that becomes
/// free): the older the object, the longer.
fn poll_interval(pass: &Pass<'_>) -> Duration {
    let age = pass
        .object
        .creation_timestamp()
        .and_then(|created| Duration::try_from(pass.now.duration_since(created.0)).ok())
        .unwrap_or_default();
    let interval = (age / 4).clamp(POLL_INTERVAL_MIN, POLL_INTERVAL_MAX);
    interval + Duration::from_millis(jitter(u64::try_from(interval.as_millis() / 4).unwrap_or(0)))
}

/// Truncates to seconds, as the API server does; a fraction would never compare equal to the stored
/// time.
fn whole_seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}
