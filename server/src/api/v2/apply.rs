//! Templates and tasks that are created or edited together.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flow_domain::error::FieldCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::lookup::visible_template;
use super::params::IdempotencyHeader;
use super::reference::Reference;
use super::{check, tasks, warnings};
use crate::api::extract::{Body, Caller, Idempotency, Params};
use crate::api::openapi::failures;
use crate::api::problem::{ApiError, field};
use crate::engine::AppliedDocuments;
use crate::state::App;
use flow_api_types::limits::APPLY_ITEMS_MAX;
use flow_api_types::{Applied, AppliedTask, AppliedTemplate, ApplyOutcome, ApplyRequest, Template};

failures!(
    Failures = TemplateNotFound,
    TaskNotFound,
    TaskActive,
    QuotaExceeded,
    Invalid,
    IdempotencyKeyReused
);

/// Options of an apply request.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplyParams {
    /// Only check the request and ask the parties of its tasks what they would do: nothing changes,
    /// and the response has `checks` instead of templates and tasks.
    #[serde(default)]
    #[param(default = false)]
    dry_run: bool,
}

/// Create or edit templates and tasks
///
/// Creates the templates and tasks whose names do not exist, and edits the others. The hub applies
/// all of them in one transaction: if it rejects one, nothing changes. Pointers of invalid fields
/// begin with `/templates/N` or `/tasks/N`.
#[utoipa::path(post, path = "/apply", tag = "tasks", operation_id = "apply", params(ApplyParams, IdempotencyHeader), request_body = ApplyRequest,
    responses((status = 200, description = "The templates and tasks", body = Applied), Failures))]
pub(super) async fn apply(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(ApplyParams { dry_run }): Params<ApplyParams>,
    idempotency: Idempotency,
    Body { value, digest }: Body<ApplyRequest>,
) -> Result<Json<Applied>, ApiError> {
    for (list, length) in [("/templates", value.templates.len()), ("/tasks", value.tasks.len())] {
        if length > APPLY_ITEMS_MAX {
            let message = format!("has {length} entries; the limit is {APPLY_ITEMS_MAX}");
            return Err(field(list, FieldCode::TooLong, message).into());
        }
    }
    let key = idempotency.bind(&caller, Some(&digest));
    let now = app.clock.now();
    let mut applied = Applied { templates: Vec::new(), tasks: Vec::new(), checks: Vec::new() };
    if dry_run {
        let tasks = app.engine.check_documents(&caller.0, &value, now).await?;
        applied.checks = check::parties(&app, tasks).await?;
        return Ok(Json(applied));
    }
    let AppliedDocuments { templates, tasks } =
        app.engine.apply_documents(&caller.0, &value, key, now).await?;
    let mut unmapped = BTreeSet::new();
    for (outcome, id) in templates {
        let template = visible_template(&app, &caller, &Reference::Id(id.clone())).await?;
        let warnings = match outcome {
            ApplyOutcome::Unchanged => Vec::new(),
            ApplyOutcome::Created | ApplyOutcome::Edited => {
                warnings::of_template(&app, &caller.0.project, &template.body).await?
            }
        };
        if !warnings.is_empty() {
            unmapped.insert(id);
        }
        let template = Template { warnings, ..template.into() };
        applied.templates.push(AppliedTemplate { outcome: outcome.into(), template });
    }
    for (outcome, id) in tasks {
        let task = match outcome {
            ApplyOutcome::Unchanged => tasks::read(&app, &caller, &Reference::Id(id)).await?,
            ApplyOutcome::Created | ApplyOutcome::Edited => {
                tasks::warned(&app, &caller, &id, &unmapped).await?
            }
        };
        applied.tasks.push(AppliedTask { outcome: outcome.into(), task });
    }
    Ok(Json(applied))
}
