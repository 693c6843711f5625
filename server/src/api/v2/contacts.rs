//! Openings and ends of the sessions of a party's agent.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flow_api_types::{ContactChange, ContactList, ContactState};

use super::params::PartyPath;
use super::parties::visible_party;
use crate::api::extract::{Caller, Ids};
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::state::App;
use crate::store;

failures!(NotFound = PartyNotFound);

fn show(change: store::ContactChange) -> ContactChange {
    let is_connected = change.is_connected();
    let store::ContactChange { party: _, number: _, at, reason, agent_version } = change;
    let state = if is_connected { ContactState::Connected } else { ContactState::Away };
    ContactChange {
        at: at.into(),
        state: state.into(),
        reason,
        version: Some(agent_version).filter(|version| !version.is_empty()),
    }
}

/// List the newest contact changes of a party
///
/// Each opening and each end of a session of the party's agent, newest first. The hub keeps the
/// newest 100 of each party, from this release on.
#[utoipa::path(get, path = "/parties/{party}/contacts", tag = "parties", operation_id = "list_party_contacts", params(PartyPath),
    responses((status = 200, description = "The contact changes", body = ContactList), NotFound))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    Ids(PartyPath { party }): Ids<PartyPath>,
) -> Result<Json<ContactList>, ApiError> {
    visible_party(&app, &principal, &party).await?;
    let changes = app.store.contacts_of(&party).await?;
    Ok(Json(ContactList { items: changes.into_iter().map(show).collect() }))
}
