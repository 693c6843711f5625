//! Webhooks of a project and their deliveries.

use std::collections::BTreeMap;

use flow_domain::run::EventKind;
use flow_domain::webhook::DeliveryState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Named, SecretText, Time, schema};

/// Content of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = WebhookInput::sample)]
pub struct WebhookInput {
    /// Name, unique among the webhooks of the project.
    #[schema(value_type = schema::Name)]
    pub name: String,
    /// Address of the receiver, `https://`, without user name, password and fragment.
    #[schema(value_type = schema::WebhookUrl)]
    pub url: String,
    /// Kinds of events that the hub sends. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::EventKinds>)]
    pub events: Option<Vec<EventKind>>,
    /// Send only events of tasks with these labels, all of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = schema::Labels)]
    pub labels: BTreeMap<String, String>,
    /// Send events. A disabled webhook skips the events that happen meanwhile, and its waiting
    /// deliveries fail.
    #[serde(default = "enabled")]
    #[schema(default = true)]
    pub enabled: bool,
}

const fn enabled() -> bool {
    true
}

/// Webhook of a project, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// Id of the webhook.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// Name of the webhook.
    pub name: String,
    /// Address of the receiver.
    pub url: String,
    /// Kinds of events that the hub sends. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::EventKinds>)]
    pub events: Option<Vec<Named<EventKind>>>,
    /// Labels of the tasks whose events the hub sends.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The hub sends events.
    pub enabled: bool,
    /// Cause for which the hub has disabled the webhook. Absent if a person did, and if it is
    /// enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    /// First failed attempt since the last success. Absent: none failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Time>,
    /// When the former secret stops signing. Absent: only one secret signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_secret_until: Option<Time>,
    /// When the webhook was created.
    pub created_at: Time,
    /// When the webhook was changed.
    pub modified_at: Time,
}

/// New webhook with its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WebhookCreated {
    /// The webhook.
    pub webhook: Webhook,
    /// Secret with which the hub signs, in the form of the Standard Webhooks specification. The hub
    /// does not show it again.
    #[schema(value_type = String)]
    pub secret: SecretText,
}

/// New secret of a webhook.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WebhookSecret {
    /// Name of the webhook.
    pub name: String,
    /// Secret with which the hub signs. The hub does not show it again.
    #[schema(value_type = String)]
    pub secret: SecretText,
    /// Until then each message has a signature by the former secret too. Absent: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_until: Option<Time>,
}

/// Delivery of a webhook: one message, with its attempts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Id of the delivery, the header `webhook-id` of each of its attempts.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// Kind of the event, or `ping` for a test.
    pub kind: String,
    /// Number of the event in the feed. Absent for a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// Id of the task. Absent for a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Id>)]
    pub task: Option<String>,
    /// State of the delivery.
    #[schema(value_type = schema::DeliveryState)]
    pub state: Named<DeliveryState>,
    /// Attempts since the delivery was queued or requested again.
    pub attempts: u32,
    /// When the delivery was queued.
    pub created_at: Time,
    /// When the last attempt ended. Absent: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempted_at: Option<Time>,
    /// Earliest time of the next attempt. Absent: there will be none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Time>,
    /// HTTP status of the last response. Absent: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Cause of the last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
