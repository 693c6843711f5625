//! What the runtime is being asked right now: one request per key at a time, the newest waiting behind it, repeated
//! with back-off while the runtime says that it may work later. What is to end is asked for however often it is refused.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::SharedClock;
use flow_common::error::root_cause;
use flow_common::supervisor::panic_message;
use flow_domain::member::Reason;
use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::runtime::{Held, HoldRequest, Runtime, RuntimeError, StartRequest, WorkKey};

/// First wait before a request is repeated; doubles.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// Longest wait before a request is repeated.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// A request, with all it needs.
#[derive(Debug, Clone)]
pub enum Request {
    /// Set aside.
    Hold(HoldRequest),
    /// Start once.
    Start(Box<StartRequest>),
    /// End, with this grace in seconds.
    Stop(WorkKey, u64),
    /// Drop the proof.
    Forget(WorkKey),
}

impl Request {
    /// Which key it is about.
    #[must_use]
    pub const fn key(&self) -> &WorkKey {
        match self {
            Self::Hold(hold) => &hold.key,
            Self::Start(launch) => &launch.key,
            Self::Stop(key, _) | Self::Forget(key) => key,
        }
    }
}

/// What came of a request.
#[derive(Debug)]
pub struct Outcome {
    /// Whose.
    pub key: WorkKey,
    /// What is held, if it was a hold; an error only if repeating it is of no use.
    pub result: Result<Option<Held>, RuntimeError>,
}

/// What is said of a request.
#[derive(Debug)]
pub enum Reply {
    /// It did not work yet, and is tried again.
    Delayed(WorkKey, Reason),
    /// It has been answered.
    Completed(Outcome),
    /// The task that asks panicked: its key would never be asked about again.
    Panicked(String),
}

struct Active {
    superseded: CancellationToken,
    next: Option<Request>,
}

/// The requests under way.
pub struct RuntimeQueue {
    runtime: Arc<dyn Runtime>,
    clock: SharedClock,
    replies: mpsc::UnboundedSender<Reply>,
    active: BTreeMap<WorkKey, Active>,
}

impl RuntimeQueue {
    /// What comes of requests goes to `replies`; each that is done must come back through [`RuntimeQueue::complete`].
    pub fn new(
        runtime: Arc<dyn Runtime>,
        clock: SharedClock,
        replies: mpsc::UnboundedSender<Reply>,
    ) -> Self {
        Self { runtime, clock, replies, active: BTreeMap::new() }
    }

    /// Ask now, or as soon as the request under way for this key has been answered.
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
                let task = perform(
                    Arc::clone(&self.runtime),
                    Arc::clone(&self.clock),
                    request,
                    superseded,
                    self.replies.clone(),
                );
                let replies = self.replies.clone();
                tokio::spawn(async move {
                    if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                        let _ = replies.send(Reply::Panicked(panic_message(&*panic).to_owned()));
                    }
                });
            }
        }
    }

    /// The request for this key has been answered.
    pub fn complete(&mut self, key: &WorkKey) {
        if let Some(request) = self.active.remove(key).and_then(|active| active.next) {
            self.enqueue(request);
        }
    }
}

async fn perform(
    runtime: Arc<dyn Runtime>,
    clock: SharedClock,
    request: Request,
    superseded: CancellationToken,
    replies: mpsc::UnboundedSender<Reply>,
) {
    let mut wait = BACKOFF_MIN;
    let mut reported = None;
    let result = loop {
        let result = match &request {
            Request::Hold(hold) => runtime.hold(hold.clone()).await.map(Some),
            Request::Start(launch) => {
                runtime.ensure(StartRequest::clone(launch)).await.map(|()| None)
            }
            Request::Stop(key, grace_s) => runtime.stop(key.clone(), *grace_s).await.map(|()| None),
            Request::Forget(key) => runtime.forget(key.clone()).await.map(|()| None),
        };
        let error = match result {
            Err(error @ RuntimeError::Transient { .. }) => error,
            // Somebody may give back the right that is missing; and nobody else would ever end it.
            Err(error @ RuntimeError::Refused(_)) if matches!(request, Request::Stop(..)) => error,
            result => break result,
        };
        let WorkKey { run, attempt } = request.key();
        tracing::warn!(run.id = %run, attempt, cause = %root_cause(&error), wait_s = wait.as_secs(), "{error}; trying again");
        // A closed receiver is an agent going down; here and below.
        if reported.as_ref() != Some(error.reason()) {
            reported = Some(error.reason().clone());
            let _ = replies.send(Reply::Delayed(request.key().clone(), error.reason().clone()));
        }
        tokio::select! {
            () = clock.sleep(wait) => wait = BACKOFF_MAX.min(wait * 2),
            () = superseded.cancelled() => break Ok(None),
        }
    };
    let _ = replies.send(Reply::Completed(Outcome { key: request.key().clone(), result }));
}
