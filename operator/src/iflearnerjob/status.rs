//! The status of an object, made from what was found and done. Pure.
//!
//! A status is written only when it differs from the one before, so nothing in it may differ for no reason: messages of
//! a trouble that lasts (`0/3 nodes are available…`, `Back-off pulling image…`) keep their first wording, and times are
//! those of the change.

use flow_crd::{IflearnerJob, IflearnerJobStatus, JobRef, OptIn, Phase, condition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt as _;

use super::observe::{JobFacts, PodFacts, PodState, RUNS_AS_ROOT, Why, is_disruption};
use super::policy;
use super::validate::Refusal;
use crate::config::Config;
use crate::events::Happened;
use crate::gateway_api::{GrpcRoute, ParentRef, ParentStatus};

/// Where a job stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// It will never run.
    Refused(Refusal),
    /// It has no Job yet, for this reason.
    Waiting(Why),
    /// It has a Job.
    Working {
        /// The Job.
        job: JobFacts,
        /// Its latest Pod.
        pod: Option<PodFacts>,
        /// What keeps it from having what it should have.
        trouble: Option<Why>,
    },
    /// It had a Job, which is gone, and with it all that is known of its end.
    JobDeleted,
    /// It runs as the original operator started it: a bare Pod, which is left alone.
    Original(PodFacts),
}

/// Whether something is as it should be: a condition before it has a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// `None` = not known.
    pub holds: Option<bool>,
    /// Why.
    pub why: Why,
}

impl Verdict {
    /// It is so, or not.
    pub fn new(holds: Option<bool>, reason: &str, message: impl Into<String>) -> Self {
        Self { holds, why: Why::new(reason, message) }
    }
}

/// What is to become of a condition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Finding {
    /// Nobody looked.
    #[default]
    AsBefore,
    /// There is nothing of that kind.
    Irrelevant,
    /// This was found.
    Is(Verdict),
}

/// All that a status is made of.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    /// The object, with its status so far.
    pub object: &'a IflearnerJob,
    /// Where it stands.
    pub stage: Stage,
    /// The route.
    pub exposed: Finding,
    /// The trust roots.
    pub certificates: Finding,
    /// Where it is reached; `None` = nowhere yet.
    pub endpoint: Option<String>,
    /// The present moment.
    pub now: Time,
}

/// The status that follows.
#[must_use]
pub fn status(found: &Found<'_>, config: &Config) -> IflearnerJobStatus {
    let old = found.object.status.clone().unwrap_or_default();
    let mut new =
        IflearnerJobStatus { observed_generation: found.object.metadata.generation, ..old.clone() };
    if found.endpoint.is_some() {
        new.endpoint.clone_from(&found.endpoint);
    }
    let mut ready = Verdict::new(Some(false), "NotRunning", "");
    match &found.stage {
        Stage::Refused(Refusal { reason, message }) => {
            end(&mut new, Phase::Failed, Why::new(*reason, message), Some(found.now.clone()))
        }
        Stage::Waiting(why) => say(&mut new, Phase::Pending, Some(why.clone())),
        Stage::JobDeleted => {
            let message = "the Job was deleted before its end was seen: a training is not started a second time; delete this object and create it anew";
            end(&mut new, Phase::Failed, Why::new("JobDeleted", message), Some(found.now.clone()));
        }
        Stage::Original(pod) => original(&mut new, pod, &found.now),
        Stage::Working { job, pod, trouble } => {
            working(&mut new, found, job, pod.as_ref(), trouble.as_ref(), config);
            if new.phase == Some(Phase::Pending) {
                // Until it runs, where it will run is not worth a write.
                let IflearnerJobStatus { start_time, pod_name, pod_ip, host_ip, restarts, .. } =
                    old.clone();
                new = IflearnerJobStatus { start_time, pod_name, pod_ip, host_ip, restarts, ..new };
            }
            if new.phase == Some(Phase::Running) && pod.as_ref().is_some_and(|pod| pod.ready) {
                ready = match (trouble, &found.exposed) {
                    (Some(why), _) => Verdict { holds: Some(false), why: why.clone() },
                    (None, Finding::Is(exposed)) if exposed.holds == Some(false) => exposed.clone(),
                    _ => Verdict::new(Some(true), "Running", ""),
                };
            }
        }
    }
    // Waiting longer for the same reason is nothing new.
    if old.phase == new.phase
        && old.reason == new.reason
        && !new.phase.is_some_and(Phase::is_terminal)
    {
        new.message = old.message.clone().or(new.message);
    }
    let (reason, message) = (new.reason.clone(), new.message.clone().unwrap_or_default());
    let why = |default: &str| {
        Why::new(reason.clone().unwrap_or_else(|| default.to_owned()), message.clone())
    };
    let progressing = match new.phase {
        Some(Phase::Succeeded) => Verdict { holds: Some(false), why: why("Succeeded") },
        Some(Phase::Failed) => Verdict { holds: Some(false), why: why("Failed") },
        Some(Phase::Unknown) => Verdict { holds: None, why: why("NodeLost") },
        Some(Phase::Running) => Verdict { holds: Some(true), why: why("Running") },
        Some(Phase::Pending) | None => Verdict { holds: Some(true), why: why("Starting") },
    };
    if ready.holds == Some(false) && ready.why.reason == "NotRunning" {
        ready.why = progressing.why.clone();
    }
    let terminal = |phase: Phase| {
        if new.phase == Some(phase) {
            Finding::Is(Verdict { holds: Some(true), why: why(phase.as_str()) })
        } else {
            Finding::Irrelevant
        }
    };
    let findings = [
        (condition::PROGRESSING, Finding::Is(progressing)),
        (condition::READY, Finding::Is(ready)),
        (condition::EXPOSED, found.exposed.clone()),
        (condition::CERTIFICATES_READY, found.certificates.clone()),
        (condition::COMPLETE, terminal(Phase::Succeeded)),
        (condition::FAILED, terminal(Phase::Failed)),
    ];
    let conditions = findings.into_iter().filter_map(|(type_, finding)| {
        let before = old.condition(type_).cloned();
        match finding {
            Finding::Is(verdict) => Some(made(type_, verdict, before, found)),
            Finding::AsBefore => before,
            Finding::Irrelevant => None,
        }
    });
    new.conditions = conditions.collect();
    new
}

/// A condition; its time changes with its status only, and its message not while its reason lasts.
fn made(type_: &str, verdict: Verdict, before: Option<Condition>, found: &Found<'_>) -> Condition {
    let status = match verdict.holds {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let same_status = before.as_ref().filter(|before| before.status == status);
    let Why { reason, message } = verdict.why;
    Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        last_transition_time: same_status
            .map_or_else(|| found.now.clone(), |before| before.last_transition_time.clone()),
        message: same_status
            .filter(|before| before.reason == reason && !before.message.is_empty())
            .map_or(message, |before| before.message.clone()),
        observed_generation: found.object.metadata.generation,
        reason: if reason.is_empty() { "Unknown".to_owned() } else { reason },
    }
}

fn say(status: &mut IflearnerJobStatus, phase: Phase, why: Option<Why>) {
    status.phase = Some(phase);
    (status.reason, status.message) = match why {
        Some(Why { reason, message }) => {
            (Some(reason), Some(message).filter(|message| !message.is_empty()))
        }
        None => (None, None),
    };
}

fn end(status: &mut IflearnerJobStatus, phase: Phase, why: Why, at: Option<Time>) {
    say(status, phase, Some(why));
    status.completion_time = at;
}

fn observed(status: &mut IflearnerJobStatus, pod: &PodFacts) {
    status.pod_name = Some(pod.name.clone());
    status.pod_ip = pod.ip.clone().or(status.pod_ip.take());
    status.host_ip = pod.host_ip.clone().or(status.host_ip.take());
    status.restarts = Some(pod.restarts);
    status.exit_code = pod.exit_code.or(status.exit_code.take());
}

fn original(status: &mut IflearnerJobStatus, pod: &PodFacts, now: &Time) {
    observed(status, pod);
    match pod.state {
        PodState::Pending => say(status, Phase::Pending, pod.trouble.clone()),
        PodState::Running => say(status, Phase::Running, pod.trouble.clone()),
        PodState::Lost => say(status, Phase::Unknown, pod.trouble.clone()),
        PodState::Ended if pod.exit_code == Some(0) => {
            end(status, Phase::Succeeded, Why::new("Succeeded", ""), Some(now.clone()))
        }
        PodState::Ended => {
            let why = pod.trouble.clone().unwrap_or_else(|| Why::new("Error", "its Pod failed"));
            end(status, Phase::Failed, why, Some(now.clone()));
        }
    }
}

fn working(
    status: &mut IflearnerJobStatus,
    found: &Found<'_>,
    job: &JobFacts,
    pod: Option<&PodFacts>,
    trouble: Option<&Why>,
    config: &Config,
) {
    status.job = Some(JobRef { name: job.name.clone(), uid: job.uid.clone() });
    status.start_time = job.started.clone().or(status.start_time.take());
    if let Some(pod) = pod {
        observed(status, pod);
    }
    let namespace = found.object.namespace().unwrap_or_default();
    let troubled = trouble.or(pod.and_then(|pod| pod.trouble.as_ref())).cloned();
    if let Some(job_end) = &job.end {
        let at = job_end.at.clone().or_else(|| status.completion_time.clone());
        let (phase, why) = if job_end.succeeded {
            (Phase::Succeeded, Why::new("Succeeded", ""))
        } else {
            // A Pod that the cluster ends vanishes together with the Job's end.
            let lost = status.reason.clone().filter(|_| pod.is_none() && is_disrupted(status));
            let lost =
                lost.map(|reason| Why::new(reason, status.message.clone().unwrap_or_default()));
            let pods_own = pod
                .and_then(|pod| pod.trouble.clone())
                .or(lost)
                .filter(|_| job_end.why.reason != "DeadlineExceeded");
            let mut why = pods_own.unwrap_or_else(|| job_end.why.clone());
            let imposed =
                config.pods.read_only_root && status.exit_code.is_some_and(|code| code != 0);
            if imposed && why.reason == "Error" {
                let remedy =
                    policy::remedy([OptIn::WriteRoot].into(), &namespace, &config.pods.opt_ins);
                why.message = format!(
                    "{}; if that is because it could not write to its image's file system, {remedy}",
                    why.message
                );
            }
            if why.reason == "OOMKilled"
                && policy::limits_memory(&found.object.spec.template, &config.pods.limits)
            {
                let limit = "its template names no memory, so the operator's limit holds (pods.limits): name what it needs in resources";
                why.message = format!("{}; {limit}", why.message);
            }
            (Phase::Failed, why)
        };
        return end(status, phase, why, at);
    }
    if let Some(why) = troubled.clone().filter(|why| why.reason == RUNS_AS_ROOT) {
        let remedy = policy::remedy([OptIn::Root].into(), &namespace, &config.pods.opt_ins);
        let why = Why::new(why.reason, format!("{}; {remedy}", why.message));
        return end(status, Phase::Failed, why, Some(found.now.clone()));
    }
    match pod.map(|pod| pod.state) {
        _ if job.suspended => say(
            status,
            Phase::Pending,
            Some(Why::new(
                "Suspended",
                "the job is suspended: spec.runPolicy.suspend, or a queue, holds it",
            )),
        ),
        // Gone with its node, or from it; what that means for the job, the Job says in a moment.
        None if troubled.is_none() && is_disrupted(status) && !is_retried(found.object) => {}
        None | Some(PodState::Pending) => say(status, Phase::Pending, troubled),
        Some(PodState::Running) => say(status, Phase::Running, troubled),
        Some(PodState::Lost) => {
            let lost = troubled.unwrap_or_else(|| Why::new("NodeLost", "the node does not answer"));
            say(status, Phase::Unknown, Some(lost));
        }
        // What that means for the job, the Job says in a moment.
        Some(PodState::Ended) => {
            let phase = status.phase.unwrap_or(Phase::Running);
            say(
                status,
                phase,
                status
                    .reason
                    .clone()
                    .map(|reason| Why::new(reason, status.message.clone().unwrap_or_default())),
            );
        }
    }
}

/// Another Pod follows one that has failed.
fn is_retried(object: &IflearnerJob) -> bool {
    object
        .spec
        .run_policy
        .as_ref()
        .and_then(|policy| policy.backoff_limit)
        .is_some_and(|limit| limit > 0)
}

/// The last that was known is that the cluster ends its Pod.
fn is_disrupted(status: &IflearnerJobStatus) -> bool {
    status.phase == Some(Phase::Unknown) || status.reason.as_deref().is_some_and(is_disruption)
}

/// What the gateways say of a route.
#[must_use]
pub fn of_grpc_route(route: &GrpcRoute) -> Verdict {
    let gateway = route.spec.parent_refs.first().map_or("", |parent| &parent.name);
    let listener = |parent: &ParentRef| {
        (
            parent.name.clone(),
            parent.namespace.clone().or_else(|| route.namespace()),
            parent.section_name.clone(),
        )
    };
    let ours = |parent: &&ParentStatus| {
        route.spec.parent_refs.iter().any(|wanted| listener(wanted) == listener(&parent.parent_ref))
    };
    let parents: Vec<&ParentStatus> =
        route.status.iter().flat_map(|status| status.parents.iter().filter(ours)).collect();
    let refused = parents.iter().flat_map(|parent| &parent.conditions).find(|condition| {
        matches!(condition.type_.as_str(), "Accepted" | "ResolvedRefs")
            && condition.status == "False"
    });
    if let Some(condition) = refused {
        return Verdict::new(
            Some(false),
            &condition.reason,
            format!("Gateway {gateway}: {}", condition.message),
        );
    }
    let accepted = parents.iter().any(|parent| {
        parent
            .conditions
            .iter()
            .any(|condition| condition.type_ == "Accepted" && condition.status == "True")
    });
    if accepted {
        Verdict::new(Some(true), "Accepted", format!("Gateway {gateway} routes to it"))
    } else {
        Verdict::new(
            None,
            "NotAccepted",
            format!(
                "no controller has taken up the GRPCRoute yet: is there a Gateway {gateway} with one?"
            ),
        )
    }
}

/// What the ingress controller says.
#[must_use]
pub fn of_ingress(ingress: &k8s_openapi::api::networking::v1::Ingress) -> Verdict {
    let balancer = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    match balancer
        .and_then(|balancer| balancer.ingress.as_ref())
        .and_then(|addresses| addresses.first())
    {
        Some(_) => Verdict::new(Some(true), "HasAddress", "the ingress controller routes to it"),
        None => Verdict::new(
            None,
            "NoAddress",
            "no ingress controller has given the Ingress an address (some never do)",
        ),
    }
}

/// What is worth an event between two statuses.
#[must_use]
pub fn events(
    old: &IflearnerJobStatus,
    new: &IflearnerJobStatus,
    restart_note: Option<String>,
) -> Vec<Happened> {
    let mut happened = Vec::new();
    if let (None, Some(job)) = (&old.job, &new.job) {
        happened.push(Happened::normal("JobCreated", format!("created Job {}", job.name)));
        happened.extend(restart_note.map(|note| Happened::warning("RestartPolicyMapped", note)));
    }
    let note = new.message.clone().unwrap_or_default();
    if old.phase != new.phase || old.reason != new.reason {
        match (new.phase, &new.reason) {
            (Some(Phase::Succeeded), _) => {
                happened.push(Happened::normal("Succeeded", "the workload succeeded"))
            }
            (Some(Phase::Running), None) => {
                happened.push(Happened::normal("Running", "the workload runs"))
            }
            (Some(Phase::Pending), Some(reason)) if reason == "Suspended" => {
                happened.push(Happened::normal(reason, note))
            }
            (_, Some(reason)) => happened.push(Happened::warning(reason, note)),
            (_, None) => {}
        }
    }
    let exposed = |status: &IflearnerJobStatus| {
        status
            .condition(condition::EXPOSED)
            .map(|found| (found.status.clone(), found.reason.clone(), found.message.clone()))
    };
    if let Some((status, reason, message)) = exposed(new)
        .filter(|now| exposed(old).is_none_or(|before| (&before.0, &before.1) != (&now.0, &now.1)))
    {
        match status.as_str() {
            "True" => happened.push(Happened::normal("Exposed", message)),
            "False" => happened.push(Happened::warning(&reason, message)),
            _ => {}
        }
    }
    happened
}

#[cfg(test)]
mod tests;
