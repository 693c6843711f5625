//! Jobs that this process has seen before a status recorded them.
//!
//! The deletion of such a Job has the same consequence as that of a recorded one: the run is over.
//! A Job that another operator created right before its end is known by its name alone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use flow_common::clock::Monotonic;
use flow_crd::JobRef;

/// Time for which a Job is remembered. The time exceeds the time in which a status is written,
/// including retries.
const RETENTION: Duration = Duration::from_secs(900);

/// The Jobs by the UID of their IflearnerJob.
#[derive(Debug, Default)]
pub struct UnrecordedJobs(Mutex<HashMap<String, (JobRef, Monotonic)>>);

impl UnrecordedJobs {
    /// Remembers the Job of an owner; the first Job of an owner wins.
    pub fn remember(&self, owner_uid: &str, job: JobRef, now: Monotonic) {
        let mut jobs = self.locked();
        jobs.retain(|_, (_, since)| now < *since + RETENTION);
        jobs.entry(owner_uid.to_owned()).or_insert((job, now));
    }

    pub fn get(&self, owner_uid: &str, now: Monotonic) -> Option<JobRef> {
        self.locked()
            .get(owner_uid)
            .filter(|(_, since)| now < *since + RETENTION)
            .map(|(job, _)| job.clone())
    }

    /// Forgets the Job of an owner after a status recorded it.
    pub fn forget(&self, owner_uid: &str) {
        self.locked().remove(owner_uid);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, (JobRef, Monotonic)>> {
        self.0.lock().expect("no thread panics while it holds this lock")
    }
}

#[cfg(test)]
mod tests {
    use flow_common::clock::monotonic;

    use super::*;

    #[test]
    fn first_job_of_an_object_is_remembered_until_its_retention_ends() {
        let (jobs, now) = (UnrecordedJobs::default(), monotonic());
        let job = |uid: &str| JobRef { name: "a".to_owned(), uid: uid.to_owned() };
        jobs.remember("1", job("x"), now);
        jobs.remember("1", job("y"), now);
        assert_eq!((jobs.get("1", now), jobs.get("2", now)), (Some(job("x")), None));
        assert_eq!(jobs.get("1", now + RETENTION), None);
        jobs.remember("2", job("z"), now + RETENTION);
        assert_eq!(jobs.locked().len(), 1, "an expired entry is removed");
        jobs.forget("2");
        assert_eq!(jobs.get("2", now + RETENTION), None);
    }
}
