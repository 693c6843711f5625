//! Events: what happened to an object, for `kubectl describe`.
//!
//! An event's name follows from what it says, so the same one is stored once however often it is sent: again after a
//! crash, or by a second operator. Sending fails quietly; nothing depends on an event.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::{Api, Client};
use sha2::{Digest as _, Sha256};

use crate::MANAGER;
use crate::metrics::Metrics;

/// Longest note that the API takes, in bytes.
const NOTE_MAX: usize = 1000;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// A warning, or the normal course of things.
    pub warning: bool,
    /// CamelCase.
    pub reason: String,
    /// A sentence.
    pub note: String,
}

impl Happened {
    /// The normal course of things.
    pub fn normal(reason: &str, note: impl Into<String>) -> Self {
        Self { warning: false, reason: reason.to_owned(), note: note.into() }
    }

    /// Somebody should look.
    pub fn warning(reason: &str, note: impl Into<String>) -> Self {
        Self { warning: true, reason: reason.to_owned(), note: note.into() }
    }
}

/// Sends events.
#[derive(Clone)]
pub struct Events {
    client: Client,
    instance: String,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Events from {}", self.instance)
    }
}

impl Events {
    /// `instance` is this process among the operators.
    #[must_use]
    pub fn new(client: Client, instance: String) -> Self {
        Self { client, instance }
    }

    /// Say that something happened to `regarding`.
    pub async fn send(&self, happened: &Happened, regarding: &ObjectReference, at: MicroTime, metrics: &Metrics) {
        let event = event(happened, regarding, &self.instance, at);
        let api: Api<Event> = Api::namespaced(self.client.clone(), regarding.namespace.as_deref().unwrap_or("default"));
        metrics.wrote("Event", "create");
        match api.create(&PostParams::default(), &event).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(error) => tracing::warn!(reason = happened.reason, %error, "an event could not be stored"),
        }
    }
}

fn event(happened: &Happened, regarding: &ObjectReference, instance: &str, at: MicroTime) -> Event {
    let Happened { warning, reason, note } = happened;
    let mut event = Event::default();
    event.metadata.name = Some(name(regarding, reason, note));
    event.metadata.namespace = regarding.namespace.clone();
    event.regarding = Some(regarding.clone());
    event.event_time = Some(at);
    event.type_ = Some(if *warning { "Warning" } else { "Normal" }.to_owned());
    event.reason = Some(reason.clone());
    event.action = Some("Reconcile".to_owned());
    event.note = Some(note[..note.floor_char_boundary(NOTE_MAX)].to_owned());
    event.reporting_controller = Some(MANAGER.to_owned());
    event.reporting_instance = Some(instance.to_owned());
    event
}

fn name(regarding: &ObjectReference, reason: &str, note: &str) -> String {
    let digest = Sha256::new()
        .chain_update(regarding.uid.as_deref().unwrap_or_default())
        .chain_update([0])
        .chain_update(reason)
        .chain_update([0])
        .chain_update(note)
        .finalize();
    let object = regarding.name.as_deref().unwrap_or_default();
    // 253 characters at most, all of the object's own alphabet, and no dot before the last.
    let object = object[..object.floor_char_boundary(200)].trim_end_matches(['.', '-']);
    digest.iter().take(8).fold(format!("{object}."), |name, byte| format!("{name}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regarding(name: &str, uid: &str) -> ObjectReference {
        ObjectReference { name: Some(name.to_owned()), uid: Some(uid.to_owned()), ..ObjectReference::default() }
    }

    #[test]
    fn the_same_event_has_the_same_name_and_any_other_another() {
        let one = name(&regarding("a", "1"), "Failed", "x");
        assert_eq!(one, name(&regarding("a", "1"), "Failed", "x"));
        for other in [
            name(&regarding("a", "2"), "Failed", "x"),
            name(&regarding("a", "1"), "Failed", "y"),
            name(&regarding("a", "1"), "Failedx", ""),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn names_and_notes_keep_within_their_limits() {
        let long = regarding(&"a.".repeat(126), "1");
        let event = event(&Happened::warning("Failed", "ä".repeat(2000)), &long, "i", MicroTime(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
        assert!(event.metadata.name.unwrap().len() <= 253);
        assert!(event.note.unwrap().len() <= NOTE_MAX);
    }
}
