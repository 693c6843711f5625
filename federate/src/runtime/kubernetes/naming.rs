//! The names and labels of a key in a cluster.
//!
//! The name contains the whole run id, so two keys never share one. It has at most 47 characters,
//! so it fits wherever the operator or Kubernetes use it (container, Service, label, Pod with a
//! suffix). The names of party and task are labels, so their length does not affect the name (F17).

use std::collections::BTreeMap;

use flow_domain::id::{InstanceId, PartyId, RunId, TaskId};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::runtime::WorkKey;

pub const RUN: &str = "flow-federate/run";
pub const ATTEMPT: &str = "flow-federate/attempt";
pub const TASK: &str = "flow-federate/task";
pub const PARTY: &str = "flow-federate/party";
/// Label of the agent's journal.
pub const INSTANCE: &str = "flow-federate/instance";
/// Annotation of the spec's digest.
pub const DIGEST: &str = "flow-federate/digest";

/// Prefix of the name of every created object.
pub const PREFIX: &str = "run-";

/// The name of a key's object and of its Service.
#[must_use]
pub fn name(key: &WorkKey) -> String {
    format!("{PREFIX}{}-{}", key.run, key.attempt)
}

/// The labels of a key's object and of its Pods.
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

/// The key in the labels of an object or Pod.
#[must_use]
pub fn key(meta: &ObjectMeta) -> Option<WorkKey> {
    let labels = meta.labels.as_ref()?;
    let run: RunId = labels.get(RUN)?.parse().ok()?;
    Some(WorkKey { run, attempt: labels.get(ATTEMPT)?.parse().ok()? })
}

/// The selector of all objects of a party.
#[must_use]
pub fn of_party(party: &PartyId) -> String {
    format!("{PARTY}={party}")
}

/// The selector of all objects of a key.
#[must_use]
pub fn of_key(key: &WorkKey) -> String {
    format!("{RUN}={},{ATTEMPT}={}", key.run, key.attempt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f17_name_fits_everywhere_and_is_unique_to_its_key() {
        let run = |letter: &str| letter.repeat(32).parse().expect("an id");
        let longest = WorkKey { run: run("f"), attempt: u32::MAX };
        let found = name(&longest);
        // The limit of the operator, which a Job's Pods extend by a suffix.
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
    fn labels_contain_the_key() {
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
