//! Kubernetes events about objects, for `kubectl describe`.
//!
//! The name of an event follows from its content and from the version of the object whose status it
//! describes: the API server stores a repeated event once, and a new occurrence has a new name.
//! Events are sent one after the other in the background; each one first waits until no child is
//! being created ([`Creations`]), so that the events of a thousand jobs do not delay their Jobs. No
//! behaviour depends on an event: a failed or discarded event is logged. Decision 0033 explains why
//! the `Recorder` of kube is not used.

use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::timeout;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::{Api, Client};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::FIELD_MANAGER;
use crate::creations::Creations;
use crate::metrics::Metrics;

/// Longest note that the API server accepts, in bytes.
const NOTE_BYTES_MAX: usize = 1000;
/// Largest number of queued events; they use some megabytes.
const QUEUED_EVENTS_MAX: usize = 4096;
/// Longest time for which creations delay an event.
const EVENT_DELAY_MAX: Duration = Duration::from_secs(1);

/// The content of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    pub is_warning: bool,
    /// Machine-readable, in CamelCase.
    pub reason: String,
    /// Human-readable.
    pub note: String,
}

impl ObjectEvent {
    pub fn normal(reason: &str, note: impl Into<String>) -> Self {
        Self { is_warning: false, reason: reason.to_owned(), note: note.into() }
    }

    pub fn warning(reason: &str, note: impl Into<String>) -> Self {
        Self { is_warning: true, reason: reason.to_owned(), note: note.into() }
    }
}

/// The queue of events to send. Clones share one queue.
#[derive(Clone, Debug)]
pub struct EventQueue {
    queue: mpsc::Sender<Event>,
    reporting_instance: String,
}

impl EventQueue {
    /// Returns the queue and its sender. Events are sent while the sender is polled; after `stop`
    /// it completes when the queue is empty. `reporting_instance` identifies this process.
    pub fn new(
        client: Client,
        reporting_instance: String,
        metrics: Arc<Metrics>,
        creations: Creations,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        Self::with_delay_max(EVENT_DELAY_MAX, client, reporting_instance, metrics, creations, stop)
    }

    fn with_delay_max(
        delay_max: Duration,
        client: Client,
        reporting_instance: String,
        metrics: Arc<Metrics>,
        creations: Creations,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, mut queued) = mpsc::channel(QUEUED_EVENTS_MAX);
        let sender = async move {
            loop {
                let event: Event = tokio::select! {
                    biased;
                    Some(event) = queued.recv() => event,
                    () = stop.cancelled() => break,
                };
                tokio::select! {
                    _ = timeout(delay_max, creations.idle()) => {}
                    () = stop.cancelled() => {}
                }
                send(&client, &event, &metrics).await;
            }
        };
        (Self { queue, reporting_instance }, sender)
    }

    /// Queues an event about `regarding`. Does not wait.
    pub fn publish(&self, event: &ObjectEvent, regarding: &ObjectReference, at: MicroTime) {
        let object = event_object(event, regarding, &self.reporting_instance, at);
        if self.queue.try_send(object).is_err() {
            tracing::warn!(
                reason = event.reason,
                object.name = regarding.name,
                "the queue of events is full; the event is discarded"
            );
        }
    }
}

async fn send(client: &Client, event: &Event, metrics: &Metrics) {
    let api: Api<Event> =
        Api::namespaced(client.clone(), event.metadata.namespace.as_deref().unwrap_or("default"));
    metrics.record_write("Event", "create");
    match api.create(&PostParams::default(), event).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        Err(error) => tracing::warn!(
            reason = event.reason,
            object.name = event.regarding.as_ref().and_then(|object| object.name.as_deref()),
            %error,
            "cannot create an event; it is discarded"
        ),
    }
}

fn event_object(
    event: &ObjectEvent,
    regarding: &ObjectReference,
    reporting_instance: &str,
    at: MicroTime,
) -> Event {
    let ObjectEvent { is_warning, reason, note } = event;
    let mut object = Event::default();
    object.metadata.name = Some(event_name(regarding, reason, note));
    object.metadata.namespace = regarding.namespace.clone();
    object.regarding = Some(regarding.clone());
    object.event_time = Some(at);
    object.type_ = Some(if *is_warning { "Warning" } else { "Normal" }.to_owned());
    object.reason = Some(reason.clone());
    object.action = Some("Reconcile".to_owned());
    object.note = Some(note[..note.floor_char_boundary(NOTE_BYTES_MAX)].to_owned());
    object.reporting_controller = Some(FIELD_MANAGER.to_owned());
    object.reporting_instance = Some(reporting_instance.to_owned());
    object
}

fn event_name(regarding: &ObjectReference, reason: &str, note: &str) -> String {
    let digest = Sha256::new()
        .chain_update(regarding.uid.as_deref().unwrap_or_default())
        .chain_update([0])
        .chain_update(regarding.resource_version.as_deref().unwrap_or_default())
        .chain_update([0])
        .chain_update(reason)
        .chain_update([0])
        .chain_update(note)
        .finalize();
    let object = regarding.name.as_deref().unwrap_or_default();
    // A name has at most 253 characters, and its last label begins with a letter or a digit.
    let object = object[..object.floor_char_boundary(200)].trim_end_matches(['.', '-']);
    digest.iter().take(8).fold(format!("{object}."), |name, byte| format!("{name}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regarding(name: &str, uid: &str) -> ObjectReference {
        ObjectReference {
            name: Some(name.to_owned()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        }
    }

    struct Fixture {
        events: EventQueue,
        creations: Creations,
        requests: mpsc::UnboundedReceiver<http::Method>,
    }

    /// Starts a queue whose API server records the methods of its requests.
    fn start(delay_max: Duration, stop: &CancellationToken) -> Fixture {
        let (record, requests) = mpsc::unbounded_channel();
        let api_server = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            record.send(request.method().clone()).unwrap();
            async {
                Ok::<_, std::convert::Infallible>(http::Response::new(kube::client::Body::from(
                    b"{}".to_vec(),
                )))
            }
        });
        let creations = Creations::default();
        let (events, sender) = EventQueue::with_delay_max(
            delay_max,
            Client::new(api_server, "n"),
            "i".to_owned(),
            Arc::default(),
            creations.clone(),
            stop.clone(),
        );
        tokio::spawn(sender);
        Fixture { events, creations, requests }
    }

    fn publish(events: &EventQueue) {
        let at = MicroTime(k8s_openapi::jiff::Timestamp::UNIX_EPOCH);
        events.publish(&ObjectEvent::normal("Created", "x"), &regarding("a", "1"), at);
    }

    /// Lets all other tasks run until each one waits.
    async fn run_other_tasks() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    const LONG_DELAY: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn event_waits_until_no_creation_is_in_progress() {
        let Fixture { events, creations, mut requests } =
            start(LONG_DELAY, &CancellationToken::new());
        publish(&events);
        assert_eq!(requests.recv().await, Some(http::Method::POST), "no creation is in progress");
        let (one, other) = (creations.begin(), creations.begin());
        publish(&events);
        run_other_tasks().await;
        drop(one);
        run_other_tasks().await;
        assert!(requests.is_empty(), "one creation is still in progress");
        drop(other);
        assert_eq!(requests.recv().await, Some(http::Method::POST));
    }

    #[tokio::test]
    async fn event_is_sent_after_its_longest_delay_and_at_shutdown() {
        let Fixture { events, creations, mut requests } =
            start(Duration::ZERO, &CancellationToken::new());
        let _creation = creations.begin();
        publish(&events);
        assert_eq!(requests.recv().await, Some(http::Method::POST), "the delay has ended");

        let stop = CancellationToken::new();
        let Fixture { events, creations, mut requests } = start(LONG_DELAY, &stop);
        let _creation = creations.begin();
        publish(&events);
        run_other_tasks().await;
        assert!(requests.is_empty());
        stop.cancel();
        assert_eq!(requests.recv().await, Some(http::Method::POST));
    }

    #[test]
    fn equal_events_have_equal_names_and_others_differ() {
        let one = event_name(&regarding("a", "1"), "Failed", "x");
        assert_eq!(one, event_name(&regarding("a", "1"), "Failed", "x"));
        for other in [
            event_name(&regarding("a", "2"), "Failed", "x"),
            event_name(
                &ObjectReference { resource_version: Some("7".to_owned()), ..regarding("a", "1") },
                "Failed",
                "x",
            ),
            event_name(&regarding("a", "1"), "Failed", "y"),
            event_name(&regarding("a", "1"), "Failedx", ""),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn name_and_note_do_not_exceed_their_limits() {
        let long = regarding(&"a.".repeat(126), "1");
        let event = event_object(
            &ObjectEvent::warning("Failed", "ä".repeat(2000)),
            &long,
            "i",
            MicroTime(k8s_openapi::jiff::Timestamp::UNIX_EPOCH),
        );
        assert!(event.metadata.name.unwrap().len() <= 253);
        assert!(event.note.unwrap().len() <= NOTE_BYTES_MAX);
    }
}
