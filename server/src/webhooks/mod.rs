//! Webhooks: signed requests to the URLs of projects for events of their tasks.
//!
//! ```text
//!  event feed ──queue──▶ store/deliveries ──attempt──▶ receiver
//!             dispatcher                   dispatcher, sender
//! ```
//!
//! Guarantees: at least one attempt for each event of an enabled webhook, also after `kill -9`,
//! because a delivery is stored in the transaction that advances the webhook's position in the feed;
//! a receiver that is slow or dead delays no other one; a URL of a project reaches no network that
//! the configuration does not allow.

mod dispatcher;
mod message;
mod sender;
mod target;

use std::path::PathBuf;

use flow_domain::id::ProjectId;
use flow_domain::time::Timestamp;
use flow_domain::webhook::DeliveryState;
use tokio::sync::Notify;

pub use target::TargetRules;

pub(crate) use dispatcher::{Dispatcher, DispatcherParts};
pub(crate) use message::new_secret;

use crate::store::{Delivery, Webhook};

/// Kind of a delivery that a user requests as a test.
pub const PING: &str = "ping";
/// Deliveries of a webhook in the log, besides the pending ones.
pub const KEPT_DELIVERIES_MAX: u32 = 1000;
/// Days for which deliveries stay in the log.
pub const KEPT_DELIVERY_DAYS: u64 = 30;
/// Days without a success after which the hub disables a webhook.
pub const FAILING_DAYS_MAX: u64 = 3;

/// Configuration of webhooks.
#[derive(Debug, Clone, Default)]
pub struct WebhookOptions {
    pub rules: TargetRules,
    /// Authorities of receivers, PEM; `None` = those of the machine.
    pub ca_file: Option<PathBuf>,
}

/// The part of webhooks that requests use.
#[derive(Debug)]
pub struct Webhooks {
    pub rules: TargetRules,
    /// Deliveries or webhooks have changed.
    pub(crate) bell: Notify,
}

impl Webhooks {
    pub(crate) fn new(rules: TargetRules) -> Self {
        Self { rules, bell: Notify::new() }
    }

    /// Call after a change of webhooks or deliveries.
    pub fn changed(&self) {
        self.bell.notify_one();
    }
}

/// Returns a delivery that tests a webhook.
#[must_use]
pub fn ping(webhook: &Webhook, now: Timestamp) -> Delivery {
    let body = message::ping(&webhook.project, &webhook.id, &webhook.name, now);
    new_delivery(webhook, &webhook.project, PING, body, now)
}

fn new_delivery(
    webhook: &Webhook,
    project: &ProjectId,
    kind: &str,
    body: String,
    now: Timestamp,
) -> Delivery {
    Delivery {
        id: flow_common::ids::delivery_id(),
        webhook: webhook.id.clone(),
        project: project.clone(),
        kind: kind.to_owned(),
        number: None,
        task: None,
        body,
        state: DeliveryState::Pending,
        attempts: 0,
        created_at: now,
        attempted_at: None,
        next_at: now,
        status: None,
        error: None,
    }
}
