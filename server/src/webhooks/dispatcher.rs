//! Queues deliveries for new events, and attempts those that are due. One loop does both; attempts
//! run beside it, one at a time for each webhook.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{self, SharedClock, monotonic};
use flow_common::error::chain;
use flow_common::ids::jitter;
use flow_domain::id::WebhookId;
use flow_domain::time::Timestamp;
use flow_domain::webhook::DeliveryState;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::sender::{Reply, Sender};
use super::{FAILING_DAYS_MAX, WebhookOptions, Webhooks, message, new_delivery};
use crate::metrics::Metrics;
use crate::store::{Attempt, Delivery, FeedRow, PendingDeliveries, Store, StoreError, Webhook};

/// Delays before the attempts after the first one, in seconds; about a day in sum.
const RETRY_DELAYS_S: [u64; 10] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 21_600, 28_800];
/// Longest delay that `Retry-After` of a receiver can ask for, in seconds.
const RETRY_AFTER_S_MAX: u64 = 3_600;
/// Latest next attempt: a later one was stored before the wall clock was set back.
const NEXT_ATTEMPT_S_MAX: u64 = 2 * RETRY_DELAYS_S[RETRY_DELAYS_S.len() - 1];
/// Attempts at the same time, of webhooks without failures since their last success.
const SOUND_ATTEMPTS_MAX: usize = 64;
/// Attempts at the same time, of the other webhooks: their receivers are often slow to fail.
const FAILING_ATTEMPTS_MAX: usize = 16;
/// Waiting deliveries of a webhook beyond which its events stay in the feed.
const PENDING_DELIVERIES_MAX: u64 = 1_000;
/// Events that one pass reads for a webhook.
const READ_EVENTS_MAX: u32 = 256;
/// Period of passes in case a wake was lost.
const PASS_PERIOD_MAX: Duration = Duration::from_secs(15);
/// Shortest time between passes that commits cause.
const PASS_PERIOD_MIN: Duration = Duration::from_millis(50);
/// Delay after a failure of the store.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Longest time for active attempts to finish at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);
/// Seconds of a day.
const DAY_S: u64 = 86_400;
/// Status by which a receiver ends its webhook.
const GONE: u16 = 410;

pub(crate) struct DispatcherParts {
    pub store: Arc<Store>,
    pub clock: SharedClock,
    pub metrics: Arc<Metrics>,
    pub options: WebhookOptions,
    pub webhooks: Arc<Webhooks>,
    /// Changes after each commit.
    pub commits: watch::Receiver<()>,
    pub stopping: CancellationToken,
}

/// State that attempts share.
struct Shared {
    store: Arc<Store>,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    sender: Sender,
}

pub(crate) struct Dispatcher {
    shared: Arc<Shared>,
    webhooks: Arc<Webhooks>,
    commits: watch::Receiver<()>,
    stopping: CancellationToken,
    sound_slots: Arc<Semaphore>,
    failing_slots: Arc<Semaphore>,
    /// Active attempts; each returns its webhook.
    attempts: JoinSet<WebhookId>,
    active: HashSet<WebhookId>,
    /// The last pass found an enabled webhook.
    has_webhooks: bool,
}

impl Dispatcher {
    pub(crate) fn new(parts: DispatcherParts) -> Self {
        let DispatcherParts { store, clock, metrics, options, webhooks, commits, stopping } = parts;
        let sender = Sender::new(options);
        Self {
            shared: Arc::new(Shared { store, clock, metrics, sender }),
            webhooks,
            commits,
            stopping,
            sound_slots: Arc::new(Semaphore::new(SOUND_ATTEMPTS_MAX)),
            failing_slots: Arc::new(Semaphore::new(FAILING_ATTEMPTS_MAX)),
            attempts: JoinSet::new(),
            active: HashSet::new(),
            has_webhooks: true,
        }
    }

    pub(crate) async fn run(mut self) {
        while !self.stopping.is_cancelled() {
            let (began, now) = (monotonic(), self.shared.clock.now());
            let started = self.shared.clock.monotonic();
            let passed = self.pass(now).instrument(tracing::debug_span!("webhooks")).await;
            self.shared.metrics.loop_pass("webhooks", passed.is_ok(), began);
            let pause = passed.unwrap_or_else(|error| {
                tracing::warn!(error = %chain(&error), "cannot read events and deliveries of webhooks; retrying");
                STORE_RETRY_DELAY
            });
            tokio::select! {
                () = self.stopping.cancelled() => {}
                () = self.shared.clock.sleep_until(started + pause) => {}
                () = self.webhooks.bell.notified() => {}
                _ = self.commits.changed(), if self.has_webhooks => clock::sleep(PASS_PERIOD_MIN).await,
                Some(ended) = self.attempts.join_next() => self.ended(ended),
            }
            while let Some(ended) = self.attempts.try_join_next() {
                self.ended(ended);
            }
        }
        // An attempt that is aborted is repeated after the next start.
        let finish = async { while self.attempts.join_next().await.is_some() {} };
        let _ = clock::timeout(SHUTDOWN_TIMEOUT, finish).await;
    }

    fn ended(&mut self, ended: Result<WebhookId, tokio::task::JoinError>) {
        match ended {
            Ok(webhook) => {
                self.active.remove(&webhook);
            }
            // The supervisor records the panic.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }

    /// Queues new events and starts due attempts. Returns the time until the next pass.
    async fn pass(&mut self, now: Timestamp) -> Result<Duration, StoreError> {
        let webhooks = self.shared.store.enabled_webhooks().await?;
        self.has_webhooks = !webhooks.is_empty();
        if webhooks.is_empty() {
            self.shared.metrics.webhook_queue_age(Duration::ZERO);
            return Ok(PASS_PERIOD_MAX);
        }
        let counts = by_webhook(self.shared.store.pending_deliveries().await?);
        let mut pause = PASS_PERIOD_MAX;
        for webhook in &webhooks {
            if counts.get(&webhook.id).is_some_and(|found| found.count >= PENDING_DELIVERIES_MAX) {
                continue;
            }
            match self.queue(webhook, now).await {
                Ok(false) => {}
                Ok(true) => pause = Duration::ZERO,
                // A row that cannot be read must not stop other webhooks.
                Err(error) => {
                    tracing::warn!(webhook.id = %webhook.id, error = %chain(&error), "cannot queue the events of a webhook; retrying");
                    pause = pause.min(STORE_RETRY_DELAY);
                }
            }
        }
        let webhooks: HashMap<WebhookId, Webhook> =
            webhooks.into_iter().map(|webhook| (webhook.id.clone(), webhook)).collect();
        let pending = self.shared.store.pending_deliveries().await?;
        let oldest = pending.iter().map(|found| found.oldest_at.0).min().unwrap_or(now.0);
        self.shared.metrics.webhook_queue_age(between(Timestamp(oldest), now));
        for PendingDeliveries { webhook, next_at, .. } in pending {
            let Some(webhook) = webhooks.get(&webhook) else { continue };
            if self.active.contains(&webhook.id) {
                continue;
            }
            if next_at > now && next_at <= now.plus_secs(NEXT_ATTEMPT_S_MAX) {
                pause = pause.min(between(now, next_at));
                continue;
            }
            let slots = if webhook.failing_since.is_some() {
                &self.failing_slots
            } else {
                &self.sound_slots
            };
            // The end of an attempt causes the next pass.
            let Ok(slot) = Arc::clone(slots).try_acquire_owned() else { continue };
            let delivery = match self.shared.store.next_delivery(&webhook.id).await {
                Ok(Some(delivery)) => delivery,
                Ok(None) => continue,
                Err(error) => {
                    tracing::warn!(webhook.id = %webhook.id, error = %chain(&error), "cannot read a delivery of a webhook; retrying");
                    pause = pause.min(STORE_RETRY_DELAY);
                    continue;
                }
            };
            self.active.insert(webhook.id.clone());
            let shared = Arc::clone(&self.shared);
            self.attempts.spawn(shared.attempt(webhook.clone(), delivery, slot));
        }
        Ok(pause)
    }

    /// Queues deliveries for the next events of a webhook. Returns `true` if there may be more.
    async fn queue(&self, webhook: &Webhook, now: Timestamp) -> Result<bool, StoreError> {
        let store = &self.shared.store;
        let rows = store.feed(Some(&webhook.project), webhook.position, READ_EVENTS_MAX).await?;
        let Some(last) = rows.last().map(|row| row.number) else { return Ok(false) };
        let labels = if webhook.filter.labels.is_empty() {
            HashMap::new()
        } else {
            let tasks: BTreeSet<_> = rows.iter().map(|row| &row.task).collect();
            store.labels_of(&tasks).await?
        };
        let none = std::collections::BTreeMap::new();
        let deliveries: Vec<Delivery> = rows
            .iter()
            .filter(|row| {
                let labels = labels.get(&row.task).unwrap_or(&none);
                webhook.filter.matches(row.event.event.kind, labels)
            })
            .map(|row| of_event(webhook, row, now))
            .collect();
        store.queue_deliveries(webhook, last, &deliveries).await?;
        Ok(rows.len() == READ_EVENTS_MAX as usize)
    }
}

fn by_webhook(pending: Vec<PendingDeliveries>) -> HashMap<WebhookId, PendingDeliveries> {
    pending.into_iter().map(|found| (found.webhook.clone(), found)).collect()
}

fn of_event(webhook: &Webhook, row: &FeedRow, now: Timestamp) -> Delivery {
    let kind = row.event.event.kind.as_str();
    Delivery {
        number: Some(row.number),
        task: Some(row.task.clone()),
        ..new_delivery(webhook, &webhook.project, kind, message::event(row), now)
    }
}

/// Returns the time from `from` to `to`; zero if `to` is earlier.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0))
}

impl Shared {
    /// Sends a delivery and stores the result. Nothing else is sent to the webhook until the result
    /// is stored: otherwise its receiver would get the same message again and again.
    async fn attempt(
        self: Arc<Self>,
        webhook: Webhook,
        delivery: Delivery,
        _slot: OwnedSemaphorePermit,
    ) -> WebhookId {
        let reply = self.sender.post(&webhook, &delivery, self.clock.now()).await;
        let attempt = result(&webhook, &delivery, reply, self.clock.now());
        self.metrics.webhook_delivery(match attempt.state {
            DeliveryState::Delivered => "delivered",
            DeliveryState::Pending => "retried",
            DeliveryState::Failed => "failed",
        });
        loop {
            match self.store.record_attempt(&webhook, &delivery.id, &attempt).await {
                Ok(false) => break,
                Ok(true) => {
                    let reason = attempt.disable.as_deref().unwrap_or_default();
                    tracing::warn!(webhook.id = %webhook.id, webhook.name = %webhook.name, project = %webhook.project, reason, "disabled a webhook");
                    break;
                }
                Err(error) => {
                    tracing::warn!(webhook.id = %webhook.id, error = %chain(&error), "cannot store the result of a delivery; retrying");
                    clock::sleep(STORE_RETRY_DELAY).await;
                }
            }
        }
        webhook.id
    }
}

/// Returns the consequence of a reply, or of the failure to get one.
fn result(
    webhook: &Webhook,
    delivery: &Delivery,
    reply: Result<Reply, String>,
    now: Timestamp,
) -> Attempt {
    let (status, retry_after_s, error) = match reply {
        Ok(Reply { status: status @ 200..=299, .. }) => {
            let state = DeliveryState::Delivered;
            let (status, error, disable) = (Some(status), None, None);
            return Attempt { at: now, state, next_at: now, status, error, disable };
        }
        Ok(Reply { status, retry_after_s }) => {
            let error = match status {
                300..=399 => format!("the receiver answered {status}; redirects are not followed"),
                _ => format!("the receiver answered {status}"),
            };
            (Some(status), retry_after_s.unwrap_or(0), error)
        }
        Err(error) => (None, 0, error),
    };
    let since = webhook.failing_since.unwrap_or(now);
    let disable = if status == Some(GONE) {
        Some(format!("the receiver answered {GONE} (Gone)"))
    } else if now >= since.plus_secs(FAILING_DAYS_MAX * DAY_S) {
        Some(format!(
            "no delivery has succeeded for {FAILING_DAYS_MAX} days; the last error: {error}"
        ))
    } else {
        None
    };
    let delay = usize::try_from(delivery.attempts).ok().and_then(|made| RETRY_DELAYS_S.get(made));
    let (state, next_at) = match delay.filter(|_| disable.is_none()) {
        None => (DeliveryState::Failed, now),
        Some(delay) => {
            let delay = (*delay).max(retry_after_s.min(RETRY_AFTER_S_MAX));
            // A quarter of jitter: receivers that fail together recover one after the other.
            let next_at = Timestamp(now.plus_secs(delay).0 + micros(jitter(delay * 250_000)));
            (DeliveryState::Pending, next_at)
        }
    };
    Attempt { at: now, state, next_at, status, error: Some(error), disable }
}

fn micros(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}
