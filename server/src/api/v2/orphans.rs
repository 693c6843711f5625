//! Orphans: members that run at a party and that the hub does not know, for example after a restore
//! from a backup.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::PartyId;
use http::StatusCode;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use crate::api::extract::{Caller, Ids, Params};
use crate::api::list::List;
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::grpc::convert;
use crate::state::App;
use crate::store::{self, OrphanDecision, OrphanKey};
use flow_api_types::{Orphan, Page, schema};

failures!(ListFailures = CursorInvalid);
failures!(NotFound = OrphanNotFound);

impl From<store::Orphan> for Orphan {
    fn from(orphan: store::Orphan) -> Self {
        let store::Orphan { key, task, digest, phase, seen_at, decision } = orphan;
        let id = key.to_string();
        let store::OrphanKey { party, run, attempt } = key;
        let decision = decision.map(|decision| match decision {
            OrphanDecision::Stop => flow_api_types::OrphanDecision::Stop,
            OrphanDecision::Keep => flow_api_types::OrphanDecision::Keep,
        });
        Self {
            id,
            party: party.into(),
            run: run.into(),
            task: task.map(Into::into),
            attempt,
            spec_digest: digest.map(Into::into),
            phase: phase.into(),
            seen_at: seen_at.into(),
            decision: decision.map(Into::into),
        }
    }
}

/// Filter and page of orphans.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListOrphans {
    /// Return only orphans of this party.
    #[param(value_type = Option<schema::PartyName>)]
    party: Option<PartyId>,
    /// `next` of the previous page. Absent for the first page.
    #[param(value_type = Option<schema::Cursor>)]
    cursor: Option<String>,
    /// Largest number of items of the page.
    #[param(value_type = Option<schema::PageLimit>)]
    limit: Option<u32>,
}

/// An orphan in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OrphanPath {
    /// Id of the orphan, from the list.
    #[serde(deserialize_with = "key")]
    #[param(value_type = schema::OrphanId)]
    orphan: OrphanKey,
}

fn key<'de, D: Deserializer<'de>>(source: D) -> Result<OrphanKey, D::Error> {
    String::deserialize(source)?.parse().map_err(serde::de::Error::custom)
}

/// List orphans
///
/// Orphans are members that run at a party and that the hub does not know: the hub was restored
/// from a backup that is older than they are. An orphan runs until it ends or exceeds its longest
/// runtime, and then leaves the list.
#[utoipa::path(get, path = "/orphans", tag = "orphans", operation_id = "list_orphans", params(ListOrphans),
    responses((status = 200, description = "One page of orphans", body = Page<Orphan>), ListFailures))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _: Caller,
    Params(ListOrphans { party, cursor, limit }): Params<ListOrphans>,
) -> Result<Json<Page<Orphan>>, ApiError> {
    let list = List::of("orphans", &party);
    let page = app.store.orphans(party.as_ref(), &list.request(cursor.as_deref(), limit)?).await?;
    Ok(Json(list.page(page, Orphan::from)))
}

/// Stop an orphan
///
/// The hub sends the stop to the party at once, or when the party connects. The orphan leaves the
/// list when the party reports its end. A second stop has no effect.
#[utoipa::path(post, path = "/orphans/{orphan}/stop", tag = "orphans", operation_id = "stop_orphan", params(OrphanPath),
    responses((status = 202, description = "The orphan, which is stopping", body = Orphan), NotFound))]
pub(super) async fn stop(
    State(app): State<Arc<App>>,
    _: Caller,
    Ids(OrphanPath { orphan }): Ids<OrphanPath>,
) -> Result<(StatusCode, Json<Orphan>), ApiError> {
    let orphan = decide(&app, &orphan, OrphanDecision::Stop).await?;
    if let Some(task) = &orphan.task {
        app.sessions.send_desired(
            &orphan.key.party,
            convert::stop_orphan(&orphan.key, task, app.engine.revision()),
        );
    }
    Ok((StatusCode::ACCEPTED, Json(orphan.into())))
}

/// Keep an orphan
///
/// Records the decision that the orphan runs until it ends. An orphan without a decision runs until
/// it ends, too. A stop that the party has received cannot be undone.
#[utoipa::path(post, path = "/orphans/{orphan}/keep", tag = "orphans", operation_id = "keep_orphan", params(OrphanPath),
    responses((status = 200, description = "The orphan", body = Orphan), NotFound))]
pub(super) async fn keep(
    State(app): State<Arc<App>>,
    _: Caller,
    Ids(OrphanPath { orphan }): Ids<OrphanPath>,
) -> Result<Json<Orphan>, ApiError> {
    Ok(Json(decide(&app, &orphan, OrphanDecision::Keep).await?.into()))
}

async fn decide(
    app: &App,
    key: &OrphanKey,
    decision: OrphanDecision,
) -> Result<store::Orphan, ApiError> {
    app.store.decide_orphan(key, decision).await?;
    let found = app.store.orphan(key).await?;
    Ok(found.ok_or_else(|| {
        Error::new(
            ErrorCode::OrphanNotFound,
            format!("there is no orphan {key}: it has ended or never existed"),
        )
    })?)
}
