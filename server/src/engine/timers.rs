//! The deadline loop. The holder of a lease checks tasks whose stored deadline has passed, when the
//! earliest one expires. The same loop prunes data with a retention.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use flow_common::clock::{Monotonic, Reading, Retention, SharedClock, monotonic};
use flow_domain::time::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{Change, Engine};
use crate::access::IDLE_S;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};
use crate::webhooks::{KEPT_DELIVERIES_MAX, KEPT_DELIVERY_DAYS};

/// Name of the lease's row.
pub(super) const LEASE: &str = "sweeper";
/// Duration of the lease without renewal, in seconds.
const LEASE_DURATION_S: u64 = 15;
/// Longest time between two checks: it bounds the effect of a missed wake or of a wall clock that
/// was set, and renews the lease.
const CHECK_PERIOD_MAX: Duration = Duration::from_secs(5);
/// Delay after a failed check.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Tasks checked per query.
const SWEEP_TASKS_MAX: u32 = 1000;
/// Audit reports kept per party.
const AUDIT_REPORTS_MAX: u32 = 1000;
/// Retention of answers under idempotency keys: one week.
const IDEMPOTENCY_RETENTION: Duration = Duration::from_secs(7 * 86_400);
/// Period of the deletion of data whose retention has passed.
const PURGE_PERIOD: Duration = Duration::from_secs(3600);
/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// Days for which the hub keeps data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionDays {
    /// Days of the feed of events. Events of a task stay with their task.
    pub events: u64,
    /// Days of the audit of access.
    pub audit: u64,
}

impl Default for RetentionDays {
    fn default() -> Self {
        Self { events: 7, audit: 400 }
    }
}

/// The age limits of the data that the loop deletes.
struct Retentions {
    answers: Retention,
    events: Retention,
    audit: Retention,
    deliveries: Retention,
}

impl Retentions {
    fn new(days: RetentionDays, first: Reading) -> Self {
        let of_days = |days: u64| Retention::new(Duration::from_secs(days * DAY_S), first);
        Self {
            answers: Retention::new(IDEMPOTENCY_RETENTION, first),
            events: of_days(days.events),
            audit: of_days(days.audit),
            deliveries: of_days(KEPT_DELIVERY_DAYS),
        }
    }
}

/// The earliest known deadline, and a wake for an earlier one.
#[derive(Debug)]
pub(super) struct NextDeadline {
    at: AtomicI64,
    bell: Notify,
}

impl NextDeadline {
    pub(super) fn new() -> Self {
        Self { at: AtomicI64::new(i64::MAX), bell: Notify::new() }
    }

    /// Records a stored deadline; wakes the loop if it is the earliest.
    pub(super) fn earlier(&self, due: Timestamp) {
        if due.0 < self.at.fetch_min(due.0, Ordering::SeqCst) {
            self.bell.notify_one();
        }
    }
}

pub(super) async fn run(
    engine: Engine,
    store: Arc<Store>,
    clock: SharedClock,
    due: Arc<NextDeadline>,
    metrics: Arc<Metrics>,
    retention: RetentionDays,
    stopping: CancellationToken,
) {
    let holder = flow_common::ids::run_id().to_string();
    let mut retentions = Retentions::new(retention, clock.read());
    let mut purge_at = clock.monotonic();
    loop {
        due.at.store(i64::MAX, Ordering::SeqCst);
        let now = clock.read();
        let started = monotonic();
        let swept = sweep(&engine, &store, &holder, now.wall)
            .instrument(tracing::debug_span!("deadlines"))
            .await;
        metrics.loop_pass("deadlines", swept.is_ok(), started);
        let pause = match swept {
            Ok(Some(next)) => CHECK_PERIOD_MAX.min(Duration::from_micros(
                u64::try_from(next.0.saturating_sub(now.wall.0)).unwrap_or(0),
            )),
            Ok(None) => CHECK_PERIOD_MAX,
            Err(error) => {
                tracing::warn!(%error, "cannot check deadlines; retrying");
                RETRY_DELAY
            }
        };
        let started = monotonic();
        let pruned = prune(&store, &mut retentions, &mut purge_at, now)
            .instrument(tracing::debug_span!("retention"))
            .await;
        metrics.loop_pass("retention", pruned.is_ok(), started);
        if let Err(error) = pruned {
            tracing::warn!(%error, "cannot delete expired data; retrying");
        }
        due.at.fetch_min(
            now.wall.0.saturating_add(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX)),
            Ordering::SeqCst,
        );
        tokio::select! {
            () = stopping.cancelled() => {
                if let Err(error) = store.release_lease(LEASE, &holder).await {
                    tracing::warn!(%error, "cannot release the lease of the deadline loop; it expires");
                }
                return;
            }
            () = clock.sleep_until(now.monotonic + pause) => {}
            () = due.bell.notified() => {}
        }
    }
}

/// Checks all tasks that are due. Returns the next deadline.
async fn sweep(
    engine: &Engine,
    store: &Store,
    holder: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, flow_domain::error::Error> {
    if !store.take_lease(LEASE, holder, now, now.plus_secs(LEASE_DURATION_S)).await? {
        return Ok(None);
    }
    loop {
        let tasks = store.due_tasks(now, SWEEP_TASKS_MAX).await?;
        let all = tasks.len() < SWEEP_TASKS_MAX as usize;
        let checks: Vec<_> =
            tasks.into_iter().map(|task| engine.post(task, Change::Tick)).collect();
        for check in futures::future::join_all(checks).await {
            check?;
        }
        if all {
            return Ok(store.next_due().await?);
        }
    }
}

/// Deletes data whose retention has passed.
async fn prune(
    store: &Store,
    retentions: &mut Retentions,
    purge_at: &mut Monotonic,
    now: Reading,
) -> Result<(), StoreError> {
    store.prune_audit(AUDIT_REPORTS_MAX).await?;
    if now.monotonic >= *purge_at {
        let Retentions { answers, events, audit, deliveries } = retentions;
        if let Some(cutoff) = answers.cutoff(now) {
            store.purge_idempotency(cutoff).await?;
        }
        if let Some(cutoff) = events.cutoff(now) {
            store.purge_feed(cutoff).await?;
        }
        if let Some(cutoff) = audit.cutoff(now) {
            store.purge_access_audit(cutoff).await?;
        }
        store.purge_deliveries(deliveries.cutoff(now), KEPT_DELIVERIES_MAX).await?;
        store.purge_webhook_secrets(now.wall).await?;
        let idle_since = Timestamp(now.wall.0.saturating_sub(Timestamp(0).plus_secs(IDLE_S).0));
        store.purge_sessions(now.wall, idle_since).await?;
        *purge_at = now.monotonic + PURGE_PERIOD;
    }
    Ok(())
}
