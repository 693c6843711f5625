//! What the runtime is being asked right now: one request per key at a time, the newest waiting behind it, repeated
//! with back-off while the runtime says that it may work later. What is to end is asked for however often it is refused.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::SharedClock;
use flow_common::supervisor::panic_message;
use flow_domain::member::Reason;
use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::dial::root_cause;
use crate::runtime::{Held, HoldRequest, Runtime, RuntimeError, StartRequest, WorkKey};

/// First wait before a request is repeated; doubles.
const RETRY: Duration = Duration::from_secs(1);
/// Longest wait before a request is repeated.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// A request, with all it needs.
#[derive(Debug, Clone)]
pub enum Job {
    /// Set aside.
    Hold(HoldRequest),
    /// Start once.
    Ensure(Box<StartRequest>),
    /// End, with this grace in seconds.
    Stop(WorkKey, u64),
    /// Drop the proof.
    Forget(WorkKey),
}

impl Job {
    /// Which key it is about.
    #[must_use]
    pub const fn key(&self) -> &WorkKey {
        match self {
            Self::Hold(hold) => &hold.key,
            Self::Ensure(launch) => &launch.key,
            Self::Stop(key, _) | Self::Forget(key) => key,
        }
    }
}

/// What came of a request.
#[derive(Debug)]
pub struct Done {
    /// Whose.
    pub key: WorkKey,
    /// What is held, if it was a hold; an error only if repeating it is of no use.
    pub result: Result<Option<Held>, RuntimeError>,
}

/// What is said of a request.
#[derive(Debug)]
pub enum Word {
    /// It did not work yet, and is tried again.
    Delayed(WorkKey, Reason),
    /// It has been answered.
    Done(Done),
    /// The task that asks panicked: its key would never be asked about again.
    Panicked(String),
}

struct Running {
    superseded: CancellationToken,
    next: Option<Job>,
}

/// The requests under way.
pub struct Works {
    runtime: Arc<dyn Runtime>,
    clock: SharedClock,
    words: mpsc::UnboundedSender<Word>,
    running: BTreeMap<WorkKey, Running>,
}

impl Works {
    /// What comes of requests goes to `words`; each that is done must come back through [`Works::finished`].
    pub fn new(
        runtime: Arc<dyn Runtime>,
        clock: SharedClock,
        words: mpsc::UnboundedSender<Word>,
    ) -> Self {
        Self { runtime, clock, words, running: BTreeMap::new() }
    }

    /// Ask now, or as soon as the request under way for this key has been answered.
    pub fn start(&mut self, job: Job) {
        match self.running.entry(job.key().clone()) {
            Entry::Occupied(mut running) => {
                let running = running.get_mut();
                running.superseded.cancel();
                running.next = Some(job);
            }
            Entry::Vacant(free) => {
                let superseded = CancellationToken::new();
                free.insert(Running { superseded: superseded.clone(), next: None });
                let asking = ask(
                    Arc::clone(&self.runtime),
                    Arc::clone(&self.clock),
                    job,
                    superseded,
                    self.words.clone(),
                );
                let words = self.words.clone();
                tokio::spawn(async move {
                    if let Err(panic) = AssertUnwindSafe(asking).catch_unwind().await {
                        let _ = words.send(Word::Panicked(panic_message(&*panic).to_owned()));
                    }
                });
            }
        }
    }

    /// The request for this key has been answered.
    pub fn finished(&mut self, key: &WorkKey) {
        if let Some(job) = self.running.remove(key).and_then(|running| running.next) {
            self.start(job);
        }
    }
}

async fn ask(
    runtime: Arc<dyn Runtime>,
    clock: SharedClock,
    job: Job,
    superseded: CancellationToken,
    words: mpsc::UnboundedSender<Word>,
) {
    let mut wait = RETRY;
    let mut told = None;
    let result = loop {
        let result = match &job {
            Job::Hold(hold) => runtime.hold(hold.clone()).await.map(Some),
            Job::Ensure(launch) => runtime.ensure(StartRequest::clone(launch)).await.map(|()| None),
            Job::Stop(key, grace_s) => runtime.stop(key.clone(), *grace_s).await.map(|()| None),
            Job::Forget(key) => runtime.forget(key.clone()).await.map(|()| None),
        };
        let error = match result {
            Err(error @ RuntimeError::Transient { .. }) => error,
            // Somebody may give back the right that is missing; and nobody else would ever end it.
            Err(error @ RuntimeError::Refused(_)) if matches!(job, Job::Stop(..)) => error,
            result => break result,
        };
        let WorkKey { run, attempt } = job.key();
        tracing::warn!(run.id = %run, attempt, cause = %root_cause(&error), wait_s = wait.as_secs(), "{error}; trying again");
        // A closed receiver is an agent going down; here and below.
        if told.as_ref() != Some(error.reason()) {
            told = Some(error.reason().clone());
            let _ = words.send(Word::Delayed(job.key().clone(), error.reason().clone()));
        }
        tokio::select! {
            () = clock.sleep(wait) => wait = RETRY_MAX.min(wait * 2),
            () = superseded.cancelled() => break Ok(None),
        }
    };
    let _ = words.send(Word::Done(Done { key: job.key().clone(), result }));
}
