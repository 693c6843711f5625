//! Deadlines: rows with a due time, looked at by the holder of a lease when the earliest of them comes. The same look
//! drops what is not kept for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use flow_common::clock::SharedClock;
use flow_domain::time::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Act, Engine};
use crate::store::{Store, StoreError};

/// The lease's row.
pub(super) const LEASE: &str = "sweeper";
/// How long the lease lasts without being renewed, in seconds.
const LEASE_S: u64 = 15;
/// Longest time without a look, in seconds: mends a lost wake, renews the lease.
const LOOK_S: u64 = 5;
/// Tasks looked at in one go.
const SWEEP: u32 = 1000;
/// Reports that changed nothing kept of each party.
const AUDITED: u32 = 1000;
/// Answers under an idempotency key are kept so long, in seconds: a week.
const ANSWERS_S: u64 = 7 * 86_400;
/// Time between two looks for answers that are older, in seconds.
const FORGET_S: u64 = 3600;

/// The earliest deadline known here, and a bell for one that is earlier still.
#[derive(Debug)]
pub(super) struct Due {
    at: AtomicI64,
    bell: Notify,
}

impl Due {
    pub(super) fn new() -> Self {
        Self { at: AtomicI64::new(i64::MAX), bell: Notify::new() }
    }

    /// A deadline was stored.
    pub(super) fn earlier(&self, due: Timestamp) {
        if due.0 < self.at.fetch_min(due.0, Ordering::SeqCst) {
            self.bell.notify_one();
        }
    }
}

pub(super) async fn run(engine: Engine, store: Arc<Store>, clock: SharedClock, due: Arc<Due>, stopping: CancellationToken) {
    let holder = flow_common::ids::run_id().to_string();
    let mut forget_at = clock.now();
    loop {
        due.at.store(i64::MAX, Ordering::SeqCst);
        let now = clock.now();
        let next = match sweep(&engine, &store, &holder, now).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "deadlines could not be looked at; trying again");
                Some(now.plus_secs(1))
            }
        };
        if let Err(error) = prune(&store, &mut forget_at, now).await {
            tracing::warn!(%error, "what is not kept for ever could not be dropped; trying again");
        }
        let latest = now.plus_secs(LOOK_S);
        let until = next.map_or(latest, |next| next.min(latest));
        due.at.fetch_min(until.0, Ordering::SeqCst);
        tokio::select! {
            () = stopping.cancelled() => {
                if let Err(error) = store.release_lease(LEASE, &holder).await {
                    tracing::warn!(%error, "the lease on deadlines could not be given back; it runs out by itself");
                }
                return;
            }
            () = clock.sleep_until(until) => {}
            () = due.bell.notified() => {}
        }
    }
}

/// Looks at everything that is due, and answers what is due next.
async fn sweep(engine: &Engine, store: &Store, holder: &str, now: Timestamp) -> Result<Option<Timestamp>, flow_domain::error::Error> {
    if !store.take_lease(LEASE, holder, now, now.plus_secs(LEASE_S)).await? {
        return Ok(None);
    }
    loop {
        let tasks = store.due_tasks(now, SWEEP).await?;
        let all = tasks.len() < SWEEP as usize;
        let looks: Vec<_> = tasks.into_iter().map(|task| engine.post(task, Act::Tick)).collect();
        for look in futures::future::join_all(looks).await {
            look?;
        }
        if all {
            return Ok(store.next_due().await?);
        }
    }
}

/// Keeps small what would only ever grow.
async fn prune(store: &Store, forget_at: &mut Timestamp, now: Timestamp) -> Result<(), StoreError> {
    store.prune_audit(AUDITED).await?;
    if now >= *forget_at {
        store.purge_idempotency(Timestamp(now.0.saturating_sub(Timestamp(0).plus_secs(ANSWERS_S).0))).await?;
        *forget_at = now.plus_secs(FORGET_S);
    }
    Ok(())
}
