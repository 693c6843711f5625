//! Parties: make one known, see who takes part and what each offers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use flow_domain::error::{Error, ErrorCode, FieldErrors};
use flow_domain::id::{Digest, PartyId};
use flow_domain::member;
use flow_domain::validation::check_remark;
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::params::{PageParams, PartyPath};
use crate::api::extract::{Body, Caller, Ids, Params};
use crate::api::list::List;
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::state::App;
use crate::store::{self, StoreError};
use flow_api_types::{Agent, NewParty, Page, Party, PartyCreated, PartySecret, SecretRotation};

failures!(ListFailures = CursorInvalid);
failures!(CreateFailures = PartyExists);
failures!(NotFound = PartyNotFound);
failures!(DeleteFailures = PartyNotFound, PartyActive);

/// Longest overlap of two secrets, in seconds.
const OVERLAP_MAX_S: u32 = 7 * 24 * 3600;

/// How a party is removed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteParams {
    /// Remove it although its agent has not confirmed the end of members whose runs are over: for an agent that will never
    /// connect again.
    #[serde(default)]
    #[param(default = false)]
    force: bool,
}

fn response(party: store::Party, inventory: Option<serde_json::Value>) -> Party {
    let store::Party { row, epoch, instance, connected, since, agent_version, inventory_digest: _ } =
        party;
    let store::PartyRow { id, secret_digest: _, created_at, remark } = row;
    let contact = if connected { member::Contact::Connected } else { member::Contact::Away(since) };
    let agent = instance
        .filter(|_| epoch > 0)
        .map(|instance| Agent { instance: instance.into(), version: agent_version });
    Party {
        name: id.into(),
        remark,
        created_at: created_at.into(),
        contact: contact.into(),
        agent,
        inventory,
    }
}

/// List parties by name
#[utoipa::path(get, path = "/parties", tag = "parties", operation_id = "list_parties", params(PageParams),
    responses((status = 200, description = "A page of parties, without inventories", body = Page<Party>), ListFailures))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _: Caller,
    Params(PageParams { cursor, limit }): Params<PageParams>,
) -> Result<Json<Page<Party>>, ApiError> {
    let list = List::of("parties", &());
    let page = app.store.parties(&list.request(cursor.as_deref(), limit)?).await?;
    Ok(Json(list.page(page, |party| response(party, None))))
}

/// Make a party known
///
/// Answers the secret its agent proves itself with: this once, since only its hash is kept. For that reason the call
/// takes no `Idempotency-Key`; a repeated one finds that the party exists.
#[utoipa::path(post, path = "/parties", tag = "parties", operation_id = "create_party", request_body = NewParty,
    responses((status = 201, description = "The party and its secret", body = PartyCreated, headers(
        ("Location" = String, description = "Where the party is"))), CreateFailures))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    _: Caller,
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
            format!("a party named {name} exists: its secret cannot be shown again, but replaced by another"),
        ),
        other => other.into(),
    })?;
    let location = [(header::LOCATION, format!("/api/v2/parties/{name}"))];
    Ok((StatusCode::CREATED, location, Json(PartyCreated { name: name.into(), secret })))
}

/// Read a party, with what it offers
#[utoipa::path(get, path = "/parties/{party}", tag = "parties", operation_id = "get_party", params(PartyPath),
    responses((status = 200, description = "The party", body = Party), NotFound))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    _: Caller,
    Ids(PartyPath { party: id }): Ids<PartyPath>,
) -> Result<Json<Party>, ApiError> {
    let party = app.store.party(&id).await?;
    let party = party.ok_or_else(|| unknown(&id))?;
    let inventory = app.store.inventory(&id).await?;
    Ok(Json(response(party, inventory)))
}

/// Replace a party's secret
///
/// Answers a new secret: this once, since only its hash is kept. If the answer is lost, repeat the call. The party's
/// session and the logs that are read from it are cut; its agent comes back with the new secret or, within the overlap,
/// with the replaced one, whose sessions are cut again when the overlap ends.
#[utoipa::path(post, path = "/parties/{party}/secret", tag = "parties", operation_id = "rotate_party_secret", params(PartyPath),
    request_body = SecretRotation, responses((status = 200, description = "The new secret", body = PartySecret), NotFound))]
pub(super) async fn rotate_secret(
    State(app): State<Arc<App>>,
    _: Caller,
    Ids(PartyPath { party: id }): Ids<PartyPath>,
    Body { value: SecretRotation { overlap_s }, digest: _ }: Body<SecretRotation>,
) -> Result<Json<PartySecret>, ApiError> {
    let mut wrong = FieldErrors::default();
    wrong.range("/overlap_s", overlap_s, 0, OVERLAP_MAX_S);
    wrong.finish().map_err(Error::from)?;
    let secret = flow_common::ids::secret();
    let former_until = (overlap_s > 0).then(|| app.clock.now().plus_secs(overlap_s.into()));
    if !app.store.rotate_party_secret(&id, &Digest::of(secret.as_bytes()), former_until).await? {
        return Err(unknown(&id).into());
    }
    app.sessions.revoke(&id);
    tracing::info!(party = %id, overlap_s, "the party's secret was replaced");
    Ok(Json(PartySecret { name: id.into(), secret, former_until: former_until.map(Into::into) }))
}

/// Remove a party
///
/// Its agent is turned away from then on. Tasks and runs in which it took part stay readable; a task that names it cannot
/// be started until it is edited. Refused while a run with it is active, and while its agent has not confirmed the end of
/// its members.
#[utoipa::path(delete, path = "/parties/{party}", tag = "parties", operation_id = "delete_party", params(PartyPath, DeleteParams),
    responses((status = 204, description = "It is gone"), DeleteFailures))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    _: Caller,
    Ids(PartyPath { party: id }): Ids<PartyPath>,
    Params(DeleteParams { force }): Params<DeleteParams>,
) -> Result<StatusCode, ApiError> {
    if app.embedded.get() == Some(&id) {
        let message = format!(
            "{id} is the party of the hub's own agent: set hub_agent.enabled = false and restart the hub first"
        );
        return Err(Error::new(ErrorCode::PartyActive, message).into());
    }
    app.engine.remove_party(&id, force).await?;
    tracing::info!(party = %id, force, "the party was removed");
    Ok(StatusCode::NO_CONTENT)
}

fn unknown(id: &PartyId) -> Error {
    Error::new(ErrorCode::PartyNotFound, format!("there is no party {id}"))
}
