//! The audit of access.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flow_api_types::{AuditEntry, Page};

use super::super::params::PageParams;
use crate::api::extract::Params;
use crate::api::list::List;
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::state::App;
use crate::store::AccessEntry;

failures!(ListFailures = CursorInvalid);

fn show(entry: AccessEntry) -> AuditEntry {
    let AccessEntry { id, at, actor_id: _, actor, action, object, project, address, detail } =
        entry;
    AuditEntry {
        id,
        at: at.into(),
        actor,
        action,
        object,
        project: project.map(Into::into),
        address,
        detail,
    }
}

/// List sign-ins and changes of access, newest first
#[utoipa::path(get, path = "/audit", tag = "access", operation_id = "list_audit", params(PageParams),
    responses((status = 200, description = "One page of entries", body = Page<AuditEntry>), ListFailures))]
pub(in crate::api::v2) async fn list(
    State(app): State<Arc<App>>,
    Params(PageParams { cursor, limit }): Params<PageParams>,
) -> Result<Json<Page<AuditEntry>>, ApiError> {
    let list = List::of("audit", &());
    let page = app.store.access_audit(&list.request(cursor.as_deref(), limit)?).await?;
    Ok(Json(list.page(page, show)))
}
