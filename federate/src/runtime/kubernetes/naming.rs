//! How a key is spelled in a cluster.
//!
//! The name holds all of the run's id: two keys never share one, and with at most 47 characters it fits wherever the
//! operator or Kubernetes put it (container, Service, label, Pod with a suffix). What is a name elsewhere, the party's or
//! the task's, is a label, so no length of it can make a name too long (F17).

use std::collections::BTreeMap;

use flow_domain::id::{InstanceId, PartyId, RunId, TaskId};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::runtime::WorkKey;

/// The run.
pub const RUN: &str = "flow-federate/run";
/// The reservation round.
pub const ATTEMPT: &str = "flow-federate/attempt";
/// The task.
pub const TASK: &str = "flow-federate/task";
/// The party.
pub const PARTY: &str = "flow-federate/party";
/// The agent's journal.
pub const INSTANCE: &str = "flow-federate/instance";
/// Annotation: digest of the spec.
pub const DIGEST: &str = "flow-federate/digest";

/// What begins the name of every object made here.
pub const PREFIX: &str = "run-";

/// The name of a key's object, and of its Service.
#[must_use]
pub fn name(key: &WorkKey) -> String {
    format!("{PREFIX}{}-{}", key.run, key.attempt)
}

/// Labels of a key's object and of its pods.
#[must_use]
pub fn labels(
    key: &WorkKey,
    task: &TaskId,
    party: &PartyId,
    instance: &InstanceId,
) -> BTreeMap<String, String> {
    [
        (RUN, key.run.to_string()),
        (ATTEMPT, key.attempt.to_string()),
        (TASK, task.to_string()),
        (PARTY, party.to_string()),
        (INSTANCE, instance.to_string()),
    ]
    .map(|(label, value)| (label.to_owned(), value))
    .into()
}

/// The key an object or pod says it belongs to.
#[must_use]
pub fn key(meta: &ObjectMeta) -> Option<WorkKey> {
    let labels = meta.labels.as_ref()?;
    let run: RunId = labels.get(RUN)?.parse().ok()?;
    Some(WorkKey { run, attempt: labels.get(ATTEMPT)?.parse().ok()? })
}

/// Selects everything of a party.
#[must_use]
pub fn of_party(party: &PartyId) -> String {
    format!("{PARTY}={party}")
}

/// Selects everything of a key.
#[must_use]
pub fn of_key(key: &WorkKey) -> String {
    format!("{RUN}={},{ATTEMPT}={}", key.run, key.attempt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f17_a_name_fits_everywhere_and_stands_for_one_key() {
        let run = |letter: &str| letter.repeat(32).parse().expect("an id");
        let longest = WorkKey { run: run("f"), attempt: u32::MAX };
        let found = name(&longest);
        // 52 is what the operator leaves room for, and a Job for its pods' suffix.
        assert!(found.len() <= 52, "{found}");
        assert!(
            found
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        );
        let others =
            [WorkKey { run: run("e"), attempt: u32::MAX }, WorkKey { run: run("f"), attempt: 1 }];
        assert!(others.iter().all(|other| name(other) != found));
    }

    #[test]
    fn labels_lead_back_to_the_key() {
        let longest: PartyId = "p".repeat(63).parse().expect("a name");
        let wanted = WorkKey { run: "a".repeat(32).parse().expect("an id"), attempt: 3 };
        let task = "b".repeat(32).parse().expect("an id");
        let labels = labels(&wanted, &task, &longest, &"c".repeat(32).parse().expect("an id"));
        assert!(labels.values().all(|value| value.len() <= 63));
        assert_eq!(
            key(&ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }),
            Some(wanted)
        );
        assert_eq!(key(&ObjectMeta::default()), None);
    }
}
