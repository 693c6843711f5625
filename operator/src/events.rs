//! Events: what happened to an object, for `kubectl describe`.
//!
//! An event's name follows from what it says and from the version of the object that has the status it tells of: the same
//! one is stored once however often it is sent, and what happens again is told again. They are sent one after the other and
//! nobody waits for them; they themselves wait for whatever is [`Urgent`], so that telling of a thousand jobs does not hold
//! up the making of them. Nothing depends on an event: where sending fails, or too many wait, that is logged.

use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::timeout;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::{Api, Client};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::MANAGER;
use crate::metrics::Metrics;

/// Longest note that the API takes, in bytes.
const NOTE_MAX: usize = 1000;
/// So many events wait at most; that is some megabytes.
const WAITING_MAX: usize = 4096;
/// An event lets what is urgent go first for so long.
const YIELD_MAX: Duration = Duration::from_secs(1);

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

/// Takes events to be sent.
#[derive(Clone, Debug)]
pub struct Events {
    waiting: mpsc::Sender<Event>,
    urgent: watch::Sender<usize>,
    instance: String,
}

/// As long as it lives, something goes on that events wait for.
#[derive(Debug)]
pub struct Urgent(watch::Sender<usize>);

impl Drop for Urgent {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Events {
    /// `instance` is this process among the operators. Events are sent while the future is polled; it completes once
    /// none waits after `stop`.
    pub fn new(
        client: Client,
        instance: String,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        Self::that_wait(YIELD_MAX, client, instance, metrics, stop)
    }

    fn that_wait(
        patience: Duration,
        client: Client,
        instance: String,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (waiting, mut next) = mpsc::channel(WAITING_MAX);
        let (urgent, mut going_on) = watch::channel(0);
        let send = async move {
            loop {
                let event: Event = tokio::select! {
                    biased;
                    Some(event) = next.recv() => event,
                    () = stop.cancelled() => break,
                };
                tokio::select! {
                    _ = timeout(patience, going_on.wait_for(|count| *count == 0)) => {}
                    () = stop.cancelled() => {}
                }
                send(&client, &event, &metrics).await;
            }
        };
        (Self { waiting, urgent, instance }, send)
    }

    /// From now on, until the answer is dropped, events wait.
    #[must_use]
    pub fn let_wait(&self) -> Urgent {
        self.urgent.send_modify(|count| *count += 1);
        Urgent(self.urgent.clone())
    }

    /// How much goes on that events wait for.
    #[must_use]
    pub fn urgent(&self) -> usize {
        *self.urgent.borrow()
    }

    /// Say that something happened to `regarding`.
    pub fn tell(&self, happened: &Happened, regarding: &ObjectReference, at: MicroTime) {
        if self.waiting.try_send(event(happened, regarding, &self.instance, at)).is_err() {
            tracing::warn!(
                reason = happened.reason,
                object.name = regarding.name,
                "too many events wait: this one is not sent"
            );
        }
    }
}

async fn send(client: &Client, event: &Event, metrics: &Metrics) {
    let api: Api<Event> =
        Api::namespaced(client.clone(), event.metadata.namespace.as_deref().unwrap_or("default"));
    metrics.wrote("Event", "create");
    match api.create(&PostParams::default(), event).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        Err(error) => tracing::warn!(reason = event.reason, %error, "an event could not be stored"),
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
        .chain_update(regarding.resource_version.as_deref().unwrap_or_default())
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
        ObjectReference {
            name: Some(name.to_owned()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        }
    }

    /// Sends to an API server that only notes that something came.
    fn sender(
        patience: Duration,
        stop: &CancellationToken,
    ) -> (Events, mpsc::UnboundedReceiver<http::Method>) {
        let (note, noted) = mpsc::unbounded_channel();
        let api_server = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            note.send(request.method().clone()).unwrap();
            async {
                Ok::<_, std::convert::Infallible>(http::Response::new(kube::client::Body::from(
                    b"{}".to_vec(),
                )))
            }
        });
        let (events, sending) = Events::that_wait(
            patience,
            Client::new(api_server, "n"),
            "i".to_owned(),
            Arc::default(),
            stop.clone(),
        );
        tokio::spawn(sending);
        (events, noted)
    }

    fn tell(events: &Events) {
        let at = MicroTime(k8s_openapi::jiff::Timestamp::UNIX_EPOCH);
        events.tell(&Happened::normal("Made", "x"), &regarding("a", "1"), at);
    }

    /// Everybody else does all that can be done now.
    async fn turn() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn an_event_waits_for_all_that_is_urgent() {
        let (events, mut noted) = sender(LONG, &CancellationToken::new());
        tell(&events);
        assert_eq!(noted.recv().await, Some(http::Method::POST), "nothing is urgent");
        let (one, other) = (events.let_wait(), events.let_wait());
        tell(&events);
        turn().await;
        drop(one);
        turn().await;
        assert!(noted.is_empty(), "something is urgent still");
        drop(other);
        assert_eq!(noted.recv().await, Some(http::Method::POST));
    }

    #[tokio::test]
    async fn an_event_does_not_wait_for_ever_nor_when_the_operator_ends() {
        let (events, mut noted) = sender(Duration::ZERO, &CancellationToken::new());
        let _urgent = events.let_wait();
        tell(&events);
        assert_eq!(noted.recv().await, Some(http::Method::POST), "its patience is at its end");

        let stop = CancellationToken::new();
        let (events, mut noted) = sender(LONG, &stop);
        let _urgent = events.let_wait();
        tell(&events);
        turn().await;
        assert!(noted.is_empty());
        stop.cancel();
        assert_eq!(noted.recv().await, Some(http::Method::POST));
    }

    #[test]
    fn the_same_event_has_the_same_name_and_any_other_another() {
        let one = name(&regarding("a", "1"), "Failed", "x");
        assert_eq!(one, name(&regarding("a", "1"), "Failed", "x"));
        for other in [
            name(&regarding("a", "2"), "Failed", "x"),
            name(
                &ObjectReference { resource_version: Some("7".to_owned()), ..regarding("a", "1") },
                "Failed",
                "x",
            ),
            name(&regarding("a", "1"), "Failed", "y"),
            name(&regarding("a", "1"), "Failedx", ""),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn names_and_notes_keep_within_their_limits() {
        let long = regarding(&"a.".repeat(126), "1");
        let event = event(
            &Happened::warning("Failed", "ä".repeat(2000)),
            &long,
            "i",
            MicroTime(k8s_openapi::jiff::Timestamp::UNIX_EPOCH),
        );
        assert!(event.metadata.name.unwrap().len() <= 253);
        assert!(event.note.unwrap().len() <= NOTE_MAX);
    }
}
