//! Parties: add, list, rotate the secret, remove.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use flow_domain::access::OfferedDatasets;
use flow_domain::error::{Error, ErrorCode, FieldErrors};
use flow_domain::id::{Digest, PartyId};
use flow_domain::member;
use flow_domain::validation::check_remark;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::access::Audit;
use super::params::{PageParams, PartyPath};
use crate::access::Principal;
use crate::api::extract::{Body, Caller, Ids, Params};
use crate::api::list::List;
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::state::App;
use crate::store::{self, StoreError};
use flow_api_types::{
    Agent, Contact, NewParty, Page, Party, PartyCreated, PartySecret, SecretRotation,
};

failures!(ListFailures = CursorInvalid);
failures!(CreateFailures = PartyExists);
failures!(NotFound = PartyNotFound);
failures!(DeleteFailures = PartyNotFound, PartyActive);

/// Longest time for which the hub accepts the old secret, in seconds: one week.
const OVERLAP_S_MAX: u32 = 7 * 24 * 3600;

/// Options of a removal.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteParams {
    /// Remove the party even if its agent has not confirmed that all members of ended runs have
    /// ended. For an agent that will never connect again.
    #[serde(default)]
    #[param(default = false)]
    force: bool,
}

fn response(party: store::Party, inventory: Option<Value>) -> Party {
    let store::Party {
        row,
        epoch,
        instance,
        connected,
        since,
        agent_version,
        inventory_digest: _,
        disabled_at,
    } = party;
    let store::PartyRow { id, secret_digest: _, created_at, remark } = row;
    let contact = match (connected, epoch) {
        (true, _) => member::Contact::Connected.into(),
        (false, 0) => Contact::never(),
        (false, _) => member::Contact::Away(since).into(),
    };
    let agent = instance
        .filter(|_| epoch > 0)
        .map(|instance| Agent { instance: instance.into(), version: agent_version });
    Party {
        name: id.into(),
        remark,
        created_at: created_at.into(),
        contact,
        disabled_at: disabled_at.map(Into::into),
        agent,
        inventory,
    }
}

/// List parties by name
///
/// Returns the parties that are offered to the project; to an administrator of the federation all
/// parties.
#[utoipa::path(get, path = "/parties", tag = "parties", operation_id = "list_parties", params(PageParams),
    responses((status = 200, description = "One page of parties, without inventories", body = Page<Party>), ListFailures))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    Params(PageParams { cursor, limit }): Params<PageParams>,
) -> Result<Json<Page<Party>>, ApiError> {
    let project = (!principal.federation_admin).then_some(&principal.project);
    let list = match project {
        None => List::of("parties", &()),
        Some(project) => List::of("parties", project),
    };
    let request = list.request(cursor.as_deref(), limit)?;
    let page = match project {
        None => app.store.parties(&request).await?,
        Some(project) => app.store.parties_of_project(project, &request).await?,
    };
    Ok(Json(list.page(page, |party| response(party, None))))
}

/// Add a party
///
/// Returns the secret with which the party's agent authenticates. The hub stores only the hash of
/// the secret and cannot return it again. Therefore the request accepts no `Idempotency-Key`; a
/// repeated request fails with `party_exists`.
#[utoipa::path(post, path = "/parties", tag = "parties", operation_id = "create_party", request_body = NewParty,
    responses((status = 201, description = "The party and its secret", body = PartyCreated, headers(
        ("Location" = String, description = "Path of the party"))), CreateFailures))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    audit: Audit,
    Body { value, digest: _ }: Body<NewParty>,
) -> Result<impl IntoResponse, ApiError> {
    let NewParty { name, remark } = value;
    let mut wrong = FieldErrors::default();
    check_remark(&remark, &mut wrong);
    wrong.finish().map_err(Error::from)?;
    let secret = flow_common::ids::secret();
    let row = store::PartyRow {
        id: name.clone(),
        secret_digest: Digest::of(secret.as_bytes()),
        created_at: app.clock.now(),
        remark,
    };
    app.store.create_party(&row).await.map_err(|error| match error {
        StoreError::Exists(_) => Error::new(
            ErrorCode::PartyExists,
            format!("a party named {name} exists; the hub cannot show its secret again: replace it if it is lost"),
        ),
        other => other.into(),
    })?;
    audit.record(&app, "create_party", &name).await;
    let location = [(header::LOCATION, format!("/api/v2/parties/{name}"))];
    Ok((StatusCode::CREATED, location, Json(PartyCreated { name: name.into(), secret })))
}

/// Get a party with its images, datasets and resources
#[utoipa::path(get, path = "/parties/{party}", tag = "parties", operation_id = "get_party", params(PartyPath),
    responses((status = 200, description = "The party", body = Party), NotFound))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    Ids(PartyPath { party: id }): Ids<PartyPath>,
) -> Result<Json<Party>, ApiError> {
    let (party, offered) = visible_party(&app, &principal, &id).await?;
    let mut inventory = app.store.inventory(&id).await?;
    if let Some(inventory) = &mut inventory {
        hide_datasets(inventory, &offered);
    }
    Ok(Json(response(party, inventory)))
}

/// Returns a party that the caller may see, and its datasets that the project may use.
pub(super) async fn visible_party(
    app: &App,
    principal: &Principal,
    id: &PartyId,
) -> Result<(store::Party, OfferedDatasets), ApiError> {
    let offered = match principal.federation_admin {
        true => OfferedDatasets::All,
        false => {
            let mut offered = app.store.offered(&principal.project, &[id]).await?;
            offered.remove(id).ok_or_else(|| unknown(id))?
        }
    };
    let party = app.store.party(id).await?;
    Ok((party.ok_or_else(|| unknown(id))?, offered))
}

/// Removes the datasets that are not offered to the project, and their paths.
fn hide_datasets(inventory: &mut Value, offered: &OfferedDatasets) {
    let OfferedDatasets::Only(names) = offered else { return };
    let is_offered = |name: &Value| names.iter().any(|offered| name == offered.as_str());
    if let Some(datasets) = inventory.get_mut("datasets").and_then(Value::as_array_mut) {
        datasets.retain(is_offered);
    }
    if let Some(paths) = inventory.get_mut("v1_paths").and_then(Value::as_object_mut) {
        paths.retain(|_, name| is_offered(name));
    }
}

/// Replace a party's secret
///
/// Returns a new secret. The hub stores only its hash and cannot return it again; if the response
/// is lost, repeat the request. The hub closes the session and the log streams of the party. The
/// agent connects again with the new secret or, during the overlap, with the old one. At the end of
/// the overlap the hub closes sessions with the old secret.
#[utoipa::path(post, path = "/parties/{party}/secret", tag = "parties", operation_id = "rotate_party_secret", params(PartyPath),
    request_body = SecretRotation, responses((status = 200, description = "The new secret", body = PartySecret), NotFound))]
pub(super) async fn rotate_secret(
    State(app): State<Arc<App>>,
    audit: Audit,
    Ids(PartyPath { party: id }): Ids<PartyPath>,
    Body { value: SecretRotation { overlap_s }, digest: _ }: Body<SecretRotation>,
) -> Result<Json<PartySecret>, ApiError> {
    let mut wrong = FieldErrors::default();
    wrong.range("/overlap_s", overlap_s, 0, OVERLAP_S_MAX);
    wrong.finish().map_err(Error::from)?;
    let secret = flow_common::ids::secret();
    let former_until = (overlap_s > 0).then(|| app.clock.now().plus_secs(overlap_s.into()));
    if !app.store.rotate_party_secret(&id, &Digest::of(secret.as_bytes()), former_until).await? {
        return Err(unknown(&id).into());
    }
    app.sessions.revoke(&id);
    audit.record(&app, "rotate_party_secret", &id).await;
    tracing::info!(party = %id, overlap_s, "secret of the party replaced");
    Ok(Json(PartySecret { name: id.into(), secret, former_until: former_until.map(Into::into) }))
}

/// Disable a party
///
/// The party gets no new members: a run that needs it waits (`party_disabled`) until the party is
/// enabled or the queue deadline passes. Members that run continue, and the agent stays connected.
/// Has no effect on a disabled party.
#[utoipa::path(post, path = "/parties/{party}/disable", tag = "parties", operation_id = "disable_party", params(PartyPath),
    responses((status = 200, description = "The disabled party", body = Party), NotFound))]
pub(super) async fn disable(
    State(app): State<Arc<App>>,
    caller: Caller,
    audit: Audit,
    Ids(PartyPath { party: id }): Ids<PartyPath>,
) -> Result<Json<Party>, ApiError> {
    let party = set_disabled(Arc::clone(&app), caller, id.clone(), true).await?;
    audit.record(&app, "disable_party", &id).await;
    Ok(party)
}

/// Enable a party
///
/// Reverts `disable_party`: runs that wait for the party continue. Has no effect on an enabled
/// party.
#[utoipa::path(post, path = "/parties/{party}/enable", tag = "parties", operation_id = "enable_party", params(PartyPath),
    responses((status = 200, description = "The enabled party", body = Party), NotFound))]
pub(super) async fn enable(
    State(app): State<Arc<App>>,
    caller: Caller,
    audit: Audit,
    Ids(PartyPath { party: id }): Ids<PartyPath>,
) -> Result<Json<Party>, ApiError> {
    let party = set_disabled(Arc::clone(&app), caller, id.clone(), false).await?;
    audit.record(&app, "enable_party", &id).await;
    Ok(party)
}

async fn set_disabled(
    app: Arc<App>,
    caller: Caller,
    id: PartyId,
    disabled: bool,
) -> Result<Json<Party>, ApiError> {
    app.engine.disable_party(&id, disabled).await?;
    tracing::info!(party = %id, disabled, "party disabled or enabled");
    get(State(app), caller, Ids(PartyPath { party: id })).await
}

/// Remove a party
///
/// The hub rejects the agent of the party from then on. Tasks and runs of the party stay readable;
/// a task with the party cannot start until it is edited. Fails while a run of the party is active,
/// and until its agent has confirmed that all its members have ended.
#[utoipa::path(delete, path = "/parties/{party}", tag = "parties", operation_id = "delete_party", params(PartyPath, DeleteParams),
    responses((status = 204, description = "The party was removed"), DeleteFailures))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    audit: Audit,
    Ids(PartyPath { party: id }): Ids<PartyPath>,
    Params(DeleteParams { force }): Params<DeleteParams>,
) -> Result<StatusCode, ApiError> {
    if app.embedded.get() == Some(&id) {
        let message = format!(
            "party {id} belongs to the agent inside the hub: set hub_agent.enabled = false and restart the hub first"
        );
        return Err(Error::new(ErrorCode::PartyActive, message).into());
    }
    app.engine.remove_party(&id, force).await?;
    audit.record(&app, "delete_party", &id).await;
    tracing::info!(party = %id, force, "party removed");
    Ok(StatusCode::NO_CONTENT)
}

fn unknown(id: &PartyId) -> Error {
    Error::new(ErrorCode::PartyNotFound, format!("there is no party {id}"))
}
