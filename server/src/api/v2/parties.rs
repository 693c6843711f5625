//! Parties: make one known, see who takes part and what each offers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use flow_domain::error::{Error, ErrorCode, FieldErrors};
use flow_domain::id::Digest;
use flow_domain::member;
use flow_domain::template::check_remark;
use http::{StatusCode, header};

use super::model::{Agent, NewParty, Page, Party, PartyCreated};
use super::{PageParams, PartyPath};
use crate::api::extract::{Body, Caller, Ids, Params};
use crate::api::list::List;
use crate::api::openapi::failures;
use crate::api::problem::Failure;
use crate::app::App;
use crate::store::{self, StoreError};

failures!(ListFailures = CursorInvalid);
failures!(CreateFailures = PartyExists);
failures!(NotFound = PartyNotFound);

impl Party {
    fn new(party: store::Party, inventory: Option<serde_json::Value>) -> Self {
        let store::Party { row, epoch, instance, connected, since, agent_version, inventory_digest: _ } = party;
        let store::PartyRow { id, secret_digest: _, created_at, remark } = row;
        let contact = if connected { member::Contact::Connected } else { member::Contact::Away(since) };
        let agent = instance.filter(|_| epoch > 0).map(|instance| Agent { instance: instance.into(), version: agent_version });
        Self { name: id.into(), remark, created_at: created_at.into(), contact: contact.into(), agent, inventory }
    }
}

/// List parties by name
#[utoipa::path(get, path = "/parties", tag = "parties", operation_id = "list_parties", params(PageParams),
    responses((status = 200, description = "A page of parties, without inventories", body = Page<Party>), ListFailures))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _: Caller,
    Params(PageParams { cursor, limit }): Params<PageParams>,
) -> Result<Json<Page<Party>>, Failure> {
    let list = List::of("parties", &());
    let page = app.store.parties(&list.request(cursor.as_deref(), limit)?).await?;
    Ok(Json(list.page(page, |party| Party::new(party, None))))
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
) -> Result<impl IntoResponse, Failure> {
    let NewParty { name, remark } = value;
    let mut wrong = FieldErrors::default();
    check_remark(&remark, &mut wrong);
    wrong.finish().map_err(Error::from)?;
    let secret = flow_common::ids::secret();
    let row = store::PartyRow { id: name.clone(), secret_digest: Digest::of(secret.as_bytes()), created_at: app.clock.now(), remark };
    app.store.create_party(&row).await.map_err(|error| match error {
        StoreError::Exists(_) => {
            Error::new(ErrorCode::PartyExists, format!("a party named {name} exists: its secret cannot be shown again"))
        }
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
) -> Result<Json<Party>, Failure> {
    let party = app.store.party(&id).await?;
    let party = party.ok_or_else(|| Error::new(ErrorCode::PartyNotFound, format!("there is no party {id}")))?;
    let inventory = app.store.inventory(&id).await?;
    Ok(Json(Party::new(party, inventory)))
}
