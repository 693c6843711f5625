//! The caller itself.

use axum::Json;
use flow_api_types::Me;

use super::Whole;
use crate::api::extract::Caller;

/// Get the account of the caller
///
/// Returns what the credential of the request allows.
#[utoipa::path(get, path = "/me", tag = "access", operation_id = "get_me",
    responses((status = 200, description = "The caller", body = Me)))]
pub(in crate::api::v2) async fn get(Caller(principal): Caller, whole: Whole) -> Json<Me> {
    let projects = whole.projects();
    Json(Me {
        id: principal.user.into(),
        name: principal.subject,
        kind: whole.0.kind.into(),
        federation_admin: principal.federation_admin,
        credential: principal.credential.kind().to_owned(),
        project: principal.project.into(),
        role: principal.role.map(Into::into),
        projects,
    })
}
