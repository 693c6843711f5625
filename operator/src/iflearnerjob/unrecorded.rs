//! Jobs that this process has seen before a status recorded them. Who deletes one of them is understood as if it had been
//! recorded; only what was made by an operator that ended before it could say so is known by its name alone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use flow_common::clock::Monotonic;
use flow_crd::JobRef;

/// Longer than it takes to record a Job, errors and all.
const REMEMBERED: Duration = Duration::from_secs(900);

/// The Jobs, by the UID of their object.
#[derive(Debug, Default)]
pub struct Unrecorded(Mutex<HashMap<String, (JobRef, Monotonic)>>);

impl Unrecorded {
    /// This Job is there.
    pub fn seen(&self, owner: &str, job: JobRef, now: Monotonic) {
        let mut jobs = self.locked();
        jobs.retain(|_, (_, seen)| now < *seen + REMEMBERED);
        jobs.entry(owner.to_owned()).or_insert((job, now));
    }

    /// The Job of an object.
    pub fn of(&self, owner: &str, now: Monotonic) -> Option<JobRef> {
        self.locked()
            .get(owner)
            .filter(|(_, seen)| now < *seen + REMEMBERED)
            .map(|(job, _)| job.clone())
    }

    /// It is recorded.
    pub fn forget(&self, owner: &str) {
        self.locked().remove(owner);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, (JobRef, Monotonic)>> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

#[cfg(test)]
mod tests {
    use flow_common::clock::monotonic;

    use super::*;

    #[test]
    fn the_first_job_of_an_object_is_remembered_and_not_for_ever() {
        let (jobs, now) = (Unrecorded::default(), monotonic());
        let job = |uid: &str| JobRef { name: "a".to_owned(), uid: uid.to_owned() };
        jobs.seen("1", job("x"), now);
        jobs.seen("1", job("y"), now);
        assert_eq!((jobs.of("1", now), jobs.of("2", now)), (Some(job("x")), None));
        assert_eq!(jobs.of("1", now + REMEMBERED), None);
        jobs.seen("2", job("z"), now + REMEMBERED);
        assert_eq!(jobs.locked().len(), 1, "and takes no room");
        jobs.forget("2");
        assert_eq!(jobs.of("2", now + REMEMBERED), None);
    }
}
