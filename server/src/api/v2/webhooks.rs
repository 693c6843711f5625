//! Webhooks of a project and their deliveries.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use flow_api_types::{
    Delivery, Page, SecretRotation, SecretText, Webhook, WebhookCreated, WebhookInput,
    WebhookSecret, schema,
};
use flow_domain::error::{Error, ErrorCode, FieldCode, FieldErrors};
use flow_domain::id::{DeliveryId, WebhookId};
use flow_domain::label;
use flow_domain::validation::validate_head;
use flow_domain::webhook::{DeliveryState, EventFilter, WEBHOOKS_MAX};
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::access::Audit;
use super::params::{IfMatchHeader, PageParams};
use super::reference::Reference;
use crate::api::extract::{Body, Caller, Ids, IfMatch, Params, etag};
use crate::api::list::List;
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::state::App;
use crate::store::{self, AccessEntry, WebhookChange, WebhookCreation};
use crate::webhooks::{new_secret, ping};

failures!(ListFailures = CursorInvalid);
failures!(NotFound = WebhookNotFound);
failures!(CreateFailures = WebhookNameTaken, WebhookLimit, Invalid);
failures!(EditFailures = WebhookNotFound, WebhookNameTaken, PreconditionFailed, Invalid);
failures!(DeleteFailures = WebhookNotFound, PreconditionFailed);
failures!(RotateFailures = WebhookNotFound, Invalid);
failures!(TestFailures = WebhookNotFound, WebhookDisabled);
failures!(DeliveriesFailures = WebhookNotFound, CursorInvalid);
failures!(RedeliverFailures = WebhookNotFound, DeliveryNotFound, WebhookDisabled);

/// Longest time for which the former secret signs, in seconds.
const OVERLAP_S_MAX: u32 = 7 * 86_400;

/// A webhook in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct WebhookPath {
    /// Id or name of the webhook.
    #[param(value_type = schema::WebhookReference, example = flow_domain::sample::webhook_id)]
    webhook: Reference<WebhookId>,
}

/// A delivery in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct DeliveryPath {
    /// Id or name of the webhook.
    #[param(value_type = schema::WebhookReference, example = flow_domain::sample::webhook_id)]
    webhook: Reference<WebhookId>,
    /// Id of the delivery.
    #[param(value_type = schema::Id)]
    delivery: DeliveryId,
}

fn show(webhook: store::Webhook) -> Webhook {
    let store::Webhook {
        id,
        project: _,
        name,
        url,
        filter: EventFilter { kinds, labels },
        enabled,
        disabled_reason,
        failing_since,
        secret: _,
        former_secret,
        position: _,
        version: _,
        created_at,
        modified_at,
    } = webhook;
    let kinds = Some(kinds).filter(|kinds| !kinds.is_empty());
    Webhook {
        id: id.into(),
        name,
        url,
        events: kinds.map(|kinds| kinds.into_iter().map(Into::into).collect()),
        labels,
        enabled,
        disabled_reason,
        failing_since: failing_since.map(Into::into),
        former_secret_until: former_secret.map(|(_, until)| until.into()),
        created_at: created_at.into(),
        modified_at: modified_at.into(),
    }
}

fn show_delivery(delivery: store::Delivery) -> Delivery {
    let store::Delivery {
        id,
        webhook: _,
        project: _,
        kind,
        number,
        task,
        body: _,
        state,
        attempts,
        created_at,
        attempted_at,
        next_at,
        status,
        error,
    } = delivery;
    Delivery {
        id: id.into(),
        kind,
        number,
        task: task.map(Into::into),
        state: state.into(),
        attempts,
        created_at: created_at.into(),
        attempted_at: attempted_at.map(Into::into),
        next_attempt_at: (state == DeliveryState::Pending).then(|| next_at.into()),
        status,
        error,
    }
}

/// Checks the request and returns name, URL and filter. An error lists all invalid fields. An error
/// does not quote the URL, which may contain a secret.
fn checked(app: &App, input: WebhookInput) -> Result<(String, String, EventFilter, bool), Error> {
    let WebhookInput { name, url, events, labels, enabled } = input;
    let mut wrong = FieldErrors::default();
    wrong.extend(validate_head(&name, "").err().unwrap_or_default());
    if let Err(message) = app.webhooks.rules.parse(&url) {
        wrong.add("/url", FieldCode::Pattern, message);
    }
    if events.as_ref().is_some_and(Vec::is_empty) {
        let message = "must have at least one entry; leave it out for all kinds";
        wrong.add("/events", FieldCode::TooShort, message);
    }
    label::check(&labels, &mut wrong);
    wrong.finish()?;
    let mut kinds = events.unwrap_or_default();
    kinds.sort_unstable();
    kinds.dedup();
    Ok((name, url, EventFilter { kinds, labels }, enabled))
}

/// Returns the webhook if it belongs to the project of the caller.
async fn visible(
    app: &App,
    Caller(principal): &Caller,
    webhook: &Reference<WebhookId>,
) -> Result<store::Webhook, ApiError> {
    let found = match webhook {
        Reference::Id(id) => app.store.webhook(id).await?,
        Reference::Name(name) => app.store.webhook_by_name(&principal.project, name).await?,
    };
    let found = found.filter(|found| found.project == principal.project);
    Ok(found.ok_or_else(|| match webhook {
        Reference::Id(id) => missing(id),
        Reference::Name(name) => {
            Error::new(ErrorCode::WebhookNotFound, format!("there is no webhook named {name:?}"))
        }
    })?)
}

fn missing(id: &WebhookId) -> Error {
    Error::new(ErrorCode::WebhookNotFound, format!("there is no webhook {id}"))
}

fn disabled(webhook: &store::Webhook) -> Error {
    let message = format!("webhook {:?} is disabled; enable it by an edit first", webhook.name);
    Error::new(ErrorCode::WebhookDisabled, message)
}

fn entry(audit: &Audit, action: &str, webhook: &store::Webhook) -> AccessEntry {
    let mut entry = audit.entry(action, &webhook.id);
    entry.project = Some(webhook.project.clone());
    entry.detail.clone_from(&webhook.name);
    entry
}

fn change(webhook: &store::Webhook, change: WebhookChange) -> Result<(), Error> {
    match change {
        WebhookChange::Done => Ok(()),
        WebhookChange::NotFound => Err(missing(&webhook.id)),
        WebhookChange::Stale => {
            let message = "the webhook has changed since it was read; read it again";
            Err(Error::new(ErrorCode::PreconditionFailed, message))
        }
        WebhookChange::NameTaken => Err(name_taken(&webhook.name)),
    }
}

fn name_taken(name: &str) -> Error {
    let message =
        format!("a webhook named {name:?} exists; choose another name or edit that webhook");
    Error::new(ErrorCode::WebhookNameTaken, message)
}

/// List the webhooks of the project by name
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", operation_id = "list_webhooks", params(PageParams),
    responses((status = 200, description = "One page of webhooks", body = Page<Webhook>), ListFailures))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    Params(PageParams { cursor, limit }): Params<PageParams>,
) -> Result<Json<Page<Webhook>>, ApiError> {
    let list = List::of("webhooks", &principal.project);
    let request = list.request(cursor.as_deref(), limit)?;
    Ok(Json(list.page(app.store.webhooks(&principal.project, &request).await?, show)))
}

/// Create a webhook
///
/// The hub sends the events that happen from then on. Returns the secret with which the hub signs,
/// which it does not show again; if the response is lost, replace the secret. Therefore the request
/// accepts no `Idempotency-Key`; a repeated request fails with `webhook_name_taken`.
#[utoipa::path(post, path = "/webhooks", tag = "webhooks", operation_id = "create_webhook", request_body = WebhookInput,
    responses((status = 201, description = "The webhook", body = WebhookCreated, headers(
        ("Location" = String, description = "Path of the webhook"), ("ETag" = String, description = "Version of the webhook"))), CreateFailures))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    audit: Audit,
    Body { value, digest: _ }: Body<WebhookInput>,
) -> Result<impl IntoResponse, ApiError> {
    let (name, url, filter, enabled) = checked(&app, value)?;
    let webhook = store::Webhook {
        id: flow_common::ids::webhook_id(),
        project: principal.project,
        name,
        url,
        filter,
        enabled,
        disabled_reason: None,
        failing_since: None,
        secret: new_secret(),
        former_secret: None,
        position: 0,
        version: 1,
        created_at: audit.now,
        modified_at: audit.now,
    };
    let entry = entry(&audit, "create_webhook", &webhook);
    match app.store.create_webhook(&webhook, WEBHOOKS_MAX, &entry).await? {
        WebhookCreation::Done => {}
        WebhookCreation::NameTaken => return Err(name_taken(&webhook.name).into()),
        WebhookCreation::LimitReached => {
            let message = format!("the project has {WEBHOOKS_MAX} webhooks, the limit");
            return Err(Error::new(ErrorCode::WebhookLimit, message).into());
        }
    }
    app.webhooks.changed();
    let location = [(header::LOCATION, format!("/api/v2/webhooks/{}", webhook.id))];
    let secret = SecretText(webhook.secret.expose().to_owned());
    let created = WebhookCreated { webhook: show(webhook), secret };
    Ok((StatusCode::CREATED, location, etag(1), Json(created)))
}

/// Get a webhook
#[utoipa::path(get, path = "/webhooks/{webhook}", tag = "webhooks", operation_id = "get_webhook", params(WebhookPath),
    responses((status = 200, description = "The webhook", body = Webhook, headers(("ETag" = String, description = "Version of the webhook"))), NotFound))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(WebhookPath { webhook }): Ids<WebhookPath>,
) -> Result<impl IntoResponse, ApiError> {
    let webhook = visible(&app, &caller, &webhook).await?;
    Ok((etag(webhook.version), Json(show(webhook))))
}

/// Edit a webhook
///
/// Replaces everything but the secret. Waiting deliveries go to the new URL. To enable a webhook that
/// the hub has disabled, send it with `enabled`.
#[utoipa::path(put, path = "/webhooks/{webhook}", tag = "webhooks", operation_id = "edit_webhook", params(WebhookPath, IfMatchHeader), request_body = WebhookInput,
    responses((status = 200, description = "The webhook after the edit", body = Webhook, headers(("ETag" = String, description = "Version of the webhook"))), EditFailures))]
pub(super) async fn edit(
    State(app): State<Arc<App>>,
    caller: Caller,
    audit: Audit,
    Ids(WebhookPath { webhook }): Ids<WebhookPath>,
    IfMatch(version): IfMatch,
    Body { value, digest: _ }: Body<WebhookInput>,
) -> Result<impl IntoResponse, ApiError> {
    let mut webhook = visible(&app, &caller, &webhook).await?;
    (webhook.name, webhook.url, webhook.filter, webhook.enabled) = checked(&app, value)?;
    webhook.modified_at = audit.now;
    let entry = entry(&audit, "edit_webhook", &webhook);
    change(&webhook, app.store.edit_webhook(&webhook, version, &entry).await?)?;
    app.webhooks.changed();
    let webhook = visible(&app, &caller, &Reference::Id(webhook.id)).await?;
    Ok((etag(webhook.version), Json(show(webhook))))
}

/// Delete a webhook with its deliveries
#[utoipa::path(delete, path = "/webhooks/{webhook}", tag = "webhooks", operation_id = "delete_webhook", params(WebhookPath, IfMatchHeader),
    responses((status = 204, description = "The webhook was deleted"), DeleteFailures))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    audit: Audit,
    Ids(WebhookPath { webhook }): Ids<WebhookPath>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, ApiError> {
    let webhook = visible(&app, &caller, &webhook).await?;
    let entry = entry(&audit, "delete_webhook", &webhook);
    change(&webhook, app.store.delete_webhook(&webhook.id, version, &entry).await?)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replace the secret of a webhook
///
/// For `overlap_s` seconds each message has two signatures, by the new secret and by the former one,
/// so that the receiver can change its secret without a gap. The hub does not show the secret again.
#[utoipa::path(post, path = "/webhooks/{webhook}/rotate-secret", tag = "webhooks", operation_id = "rotate_webhook_secret", params(WebhookPath),
    request_body = SecretRotation, responses((status = 200, description = "The new secret", body = WebhookSecret), RotateFailures))]
pub(super) async fn rotate_secret(
    State(app): State<Arc<App>>,
    caller: Caller,
    audit: Audit,
    Ids(WebhookPath { webhook }): Ids<WebhookPath>,
    Body { value: SecretRotation { overlap_s }, digest: _ }: Body<SecretRotation>,
) -> Result<Json<WebhookSecret>, ApiError> {
    let mut wrong = FieldErrors::default();
    wrong.range("/overlap_s", overlap_s, 0, OVERLAP_S_MAX);
    wrong.finish().map_err(Error::from)?;
    let webhook = visible(&app, &caller, &webhook).await?;
    let secret = new_secret();
    let former_until = (overlap_s > 0).then(|| audit.now.plus_secs(overlap_s.into()));
    let entry = entry(&audit, "rotate_webhook_secret", &webhook);
    let rotated =
        app.store.rotate_webhook_secret(&webhook.id, &secret, former_until, &entry).await?;
    change(&webhook, rotated)?;
    Ok(Json(WebhookSecret {
        name: webhook.name,
        secret: SecretText(secret.expose().to_owned()),
        former_until: former_until.map(Into::into),
    }))
}

/// Test a webhook
///
/// Sends a message of type `ping`. The list of deliveries has its result.
#[utoipa::path(post, path = "/webhooks/{webhook}/test", tag = "webhooks", operation_id = "test_webhook", params(WebhookPath),
    responses((status = 202, description = "The delivery", body = Delivery), TestFailures))]
pub(super) async fn test(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(WebhookPath { webhook }): Ids<WebhookPath>,
) -> Result<impl IntoResponse, ApiError> {
    let webhook = visible(&app, &caller, &webhook).await?;
    let delivery = ping(&webhook, app.clock.now());
    if !app.store.queue_delivery(&delivery).await? {
        return Err(disabled(&webhook).into());
    }
    app.webhooks.changed();
    Ok((StatusCode::ACCEPTED, Json(show_delivery(delivery))))
}

/// List the deliveries of a webhook, newest first
///
/// The hub keeps the newest 1000 deliveries of a webhook for 30 days, and those that are pending.
#[utoipa::path(get, path = "/webhooks/{webhook}/deliveries", tag = "webhooks", operation_id = "list_deliveries", params(WebhookPath, PageParams),
    responses((status = 200, description = "One page of deliveries", body = Page<Delivery>), DeliveriesFailures))]
pub(super) async fn deliveries(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(WebhookPath { webhook }): Ids<WebhookPath>,
    Params(PageParams { cursor, limit }): Params<PageParams>,
) -> Result<Json<Page<Delivery>>, ApiError> {
    let webhook = visible(&app, &caller, &webhook).await?.id;
    let list = List::of("deliveries", &webhook);
    let page = app.store.deliveries(&webhook, &list.request(cursor.as_deref(), limit)?).await?;
    Ok(Json(list.page(page, show_delivery)))
}

/// Send a delivery again
///
/// The message has the same `webhook-id` and body as before. A pending delivery is sent now.
#[utoipa::path(post, path = "/webhooks/{webhook}/deliveries/{delivery}/redeliver", tag = "webhooks", operation_id = "redeliver", params(DeliveryPath),
    responses((status = 202, description = "The delivery", body = Delivery), RedeliverFailures))]
pub(super) async fn redeliver(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(DeliveryPath { webhook, delivery: id }): Ids<DeliveryPath>,
) -> Result<impl IntoResponse, ApiError> {
    let webhook = visible(&app, &caller, &webhook).await?;
    let found = app.store.delivery(&id).await?.filter(|found| found.webhook == webhook.id);
    let missing = || {
        let message = format!("webhook {:?} has no delivery {id}", webhook.name);
        Error::new(ErrorCode::DeliveryNotFound, message)
    };
    let now = app.clock.now();
    let mut delivery = found.ok_or_else(missing)?;
    if !app.store.redeliver(&delivery, now).await? {
        return Err(disabled(&webhook).into());
    }
    app.webhooks.changed();
    (delivery.state, delivery.attempts, delivery.next_at) = (DeliveryState::Pending, 0, now);
    Ok((StatusCode::ACCEPTED, Json(show_delivery(delivery))))
}
