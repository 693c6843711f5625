//! The requests to the runtime: one per key at a time, and the newest one next.
//!
//! A request that fails for now is retried with backoff until it succeeds, is refused, or a newer
//! request for its key supersedes it. A refused stop is retried, too: no other request would ever
//! end the work. The queue knows nothing of members; each result goes to the agent as a [`Reply`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::SharedClock;
use flow_common::error::root_cause;
use flow_common::supervisor::panic_message;
use flow_domain::id::PartyId;
use flow_domain::member::Reason;
use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::metrics::AgentMetrics;
use crate::runtime::{Held, HoldRequest, Runtime, RuntimeError, StartRequest, WorkKey};

const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub enum Request {
    Hold(HoldRequest),
    Start(Box<StartRequest>),
    /// Releases the hold or ends the workload, with this grace period in seconds.
    Stop(WorkKey, u64),
    Forget(WorkKey),
}

impl Request {
    #[must_use]
    pub const fn key(&self) -> &WorkKey {
        match self {
            Self::Hold(hold) => &hold.key,
            Self::Start(start) => &start.key,
            Self::Stop(key, _) | Self::Forget(key) => key,
        }
    }

    const fn verb(&self) -> &'static str {
        match self {
            Self::Hold(_) => "hold",
            Self::Start(_) => "start",
            Self::Stop(..) => "stop",
            Self::Forget(_) => "forget",
        }
    }
}

#[derive(Debug)]
pub enum Outcome {
    Held(Held),
    Done,
    /// A retry cannot succeed.
    Refused(Reason),
    /// A newer request for the key takes the place of this one.
    Superseded,
}

#[derive(Debug)]
pub enum Reply {
    /// The request failed for now, for this reason; the queue retries it.
    Delayed(WorkKey, Reason),
    /// The agent must answer with [`RuntimeQueue::complete`].
    Completed(WorkKey, Outcome),
    /// The request's task panicked, so requests for its key would wait without end.
    Panicked(String),
}

struct Active {
    superseded: CancellationToken,
    next: Option<Request>,
}

pub struct RuntimeQueue {
    worker: Worker,
    active: BTreeMap<WorkKey, Active>,
}

impl RuntimeQueue {
    pub fn new(
        runtime: Arc<dyn Runtime>,
        clock: SharedClock,
        party: PartyId,
        metrics: AgentMetrics,
        replies: mpsc::UnboundedSender<Reply>,
    ) -> Self {
        let worker = Worker { runtime, clock, party, metrics, replies };
        Self { worker, active: BTreeMap::new() }
    }

    /// Sends the request now, or as soon as the current request for its key has completed.
    pub fn enqueue(&mut self, request: Request) {
        match self.active.entry(request.key().clone()) {
            Entry::Occupied(mut active) => {
                let active = active.get_mut();
                active.superseded.cancel();
                active.next = Some(request);
            }
            Entry::Vacant(free) => {
                let superseded = CancellationToken::new();
                free.insert(Active { superseded: superseded.clone(), next: None });
                tokio::spawn(self.worker.clone().run(request, superseded));
            }
        }
    }

    /// Sends the next request for this key, if there is one.
    pub fn complete(&mut self, key: &WorkKey) {
        if let Some(request) = self.active.remove(key).and_then(|active| active.next) {
            self.enqueue(request);
        }
    }
}

/// The environment of one request. A failed send means that the agent is shutting down.
#[derive(Clone)]
struct Worker {
    runtime: Arc<dyn Runtime>,
    clock: SharedClock,
    party: PartyId,
    metrics: AgentMetrics,
    replies: mpsc::UnboundedSender<Reply>,
}

impl Worker {
    async fn run(self, request: Request, superseded: CancellationToken) {
        let WorkKey { run, attempt } = request.key();
        let span = tracing::info_span!(
            "runtime_request",
            request = request.verb(),
            run.id = %run,
            attempt,
            party.id = %self.party,
        );
        let performed = AssertUnwindSafe(self.perform(&request, &superseded)).catch_unwind();
        let reply = match performed.instrument(span).await {
            Ok(outcome) => Reply::Completed(request.key().clone(), outcome),
            Err(panic) => Reply::Panicked(panic_message(&*panic).to_owned()),
        };
        let _ = self.replies.send(reply);
    }

    async fn perform(&self, request: &Request, superseded: &CancellationToken) -> Outcome {
        let mut delay = BACKOFF_MIN;
        let mut reported = None;
        loop {
            let error = match self.send(request).await {
                Ok(Some(held)) => return Outcome::Held(held),
                Ok(None) => return Outcome::Done,
                // An administrator may grant a missing right.
                Err(error @ RuntimeError::Refused(_)) if matches!(request, Request::Stop(..)) => {
                    error
                }
                Err(RuntimeError::Refused(reason)) => return Outcome::Refused(reason),
                Err(error @ RuntimeError::Transient { .. }) => error,
            };
            tracing::warn!(
                cause = %root_cause(&error),
                delay_s = delay.as_secs(),
                "request to the runtime failed: {error}; retrying"
            );
            if reported.as_ref() != Some(error.reason()) {
                reported = Some(error.reason().clone());
                let delayed = Reply::Delayed(request.key().clone(), error.reason().clone());
                let _ = self.replies.send(delayed);
            }
            tokio::select! {
                () = self.clock.sleep(delay) => delay = BACKOFF_MAX.min(delay * 2),
                () = superseded.cancelled() => return Outcome::Superseded,
            }
        }
    }

    /// Sends the request once.
    async fn send(&self, request: &Request) -> Result<Option<Held>, RuntimeError> {
        let began = self.clock.monotonic();
        let result = match request {
            Request::Hold(hold) => self.runtime.hold(hold.clone()).await.map(Some),
            Request::Start(start) => {
                self.runtime.ensure(StartRequest::clone(start)).await.map(|()| None)
            }
            Request::Stop(key, grace_s) => {
                self.runtime.stop(key.clone(), *grace_s).await.map(|()| None)
            }
            Request::Forget(key) => self.runtime.forget(key.clone()).await.map(|()| None),
        };
        let outcome = match &result {
            Ok(_) => "done",
            Err(RuntimeError::Refused(_)) => "refused",
            Err(RuntimeError::Transient { .. }) => "failed",
        };
        let took = self.clock.monotonic().since(began);
        self.metrics.runtime_request(request.verb(), outcome, took);
        result
    }
}
