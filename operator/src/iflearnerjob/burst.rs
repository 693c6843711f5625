//! Pacing of a burst: when many objects arrive at once, all Jobs are created before the first
//! statuses are written.
//!
//! A status write costs the API server more than the creation of a child, and the parties of a run
//! wait for each other's Pods. A delayed status contains nothing but the reference to the Job.

use std::time::Duration;

use flow_crd::IflearnerJob;
use k8s_openapi::jiff::Timestamp;

use super::apply;
use super::observe::{JobFacts, PodFacts, PodState};

/// Up to this number of concurrent creations no status is delayed.
const UNDELAYED_CREATIONS_MAX: usize = 3;
/// Longest delay of an object's first status, counted from the creation of its Job.
const FIRST_STATUS_DELAY_MAX: Duration = Duration::from_secs(10);
/// Interval at which a delayed object is reconciled again.
pub const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Returns whether the first status of an object with a Job waits for the creation of other Jobs.
pub fn delays_first_status(
    object: &IflearnerJob,
    job: &JobFacts,
    pod: Option<&PodFacts>,
    creations_in_progress: usize,
    now: Timestamp,
) -> bool {
    let is_new = object.status.is_none() && job.end.is_none();
    let is_quiet = pod.is_none_or(|pod| pod.state == PodState::Pending && pod.problem.is_none());
    let is_young = job.created.as_ref().is_some_and(|created| {
        now.duration_since(created.0).unsigned_abs() < FIRST_STATUS_DELAY_MAX
    });
    is_new
        && is_quiet
        && is_young
        && !apply::job_differs(object, job)
        && creations_in_progress > UNDELAYED_CREATIONS_MAX
}
