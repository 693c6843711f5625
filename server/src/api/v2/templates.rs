//! Templates and their revisions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use flow_domain::error::{Error, ErrorCode, FieldErrors};
use flow_domain::id::TemplateId;
use flow_domain::template::TemplateBody;
use flow_domain::validation::validate_head;
use http::{StatusCode, header};
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use super::lookup::{no_template, visible_template};
use super::params::{IdempotencyHeader, IfMatchHeader, PageParams, TemplatePath};
use super::reference::Reference;
use super::warnings;
use crate::api::extract::{Body, Caller, Idempotency, Ids, IfMatch, Params, etag};
use crate::api::list::{self, List};
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::engine::IdempotencyKey;
use crate::state::App;
use crate::store::{IdempotencyRecord, TemplateChange, TemplateCreation, TemplateFilter};
use flow_api_types::{Page, Revision, Template, TemplateInput, schema};

failures!(ListFailures = CursorInvalid);
failures!(NotFound = TemplateNotFound);
failures!(CreateFailures = TemplateNameTaken, QuotaExceeded, Invalid, IdempotencyKeyReused);
failures!(EditFailures = TemplateNotFound, TemplateNameTaken, PreconditionFailed, Invalid);
failures!(DeleteFailures = TemplateNotFound, TemplateInUse, PreconditionFailed);
failures!(RevisionsFailures = TemplateNotFound, CursorInvalid);
failures!(RevisionFailures = TemplateNotFound, RevisionNotFound);

/// Filter and page of templates.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListTemplates {
    /// Return only templates whose name begins with this text.
    #[param(value_type = Option<schema::NamePrefix>)]
    name: Option<String>,
    /// `next` of the previous page. Absent for the first page.
    #[param(value_type = Option<schema::Cursor>)]
    cursor: Option<String>,
    /// Largest number of items of the page.
    #[param(value_type = Option<schema::PageLimit>)]
    limit: Option<u32>,
}

/// A revision in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RevisionPath {
    /// Id or name of the template.
    #[param(value_type = schema::TemplateReference, example = flow_domain::sample::template_id)]
    template: Reference<TemplateId>,
    /// Number of the revision.
    #[serde(deserialize_with = "number")]
    #[param(value_type = schema::RevisionNumber)]
    revision: u32,
}

fn number<'de, D: Deserializer<'de>>(source: D) -> Result<u32, D::Error> {
    String::deserialize(source)?
        .parse()
        .map_err(|_| serde::de::Error::custom("must be a whole number"))
}

/// List templates by name
#[utoipa::path(get, path = "/templates", tag = "templates", operation_id = "list_templates", params(ListTemplates),
    responses((status = 200, description = "One page of templates", body = Page<Template>), ListFailures))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ListTemplates>,
) -> Result<Json<Page<Template>>, ApiError> {
    let ListTemplates { name, cursor, limit } = params;
    let filter =
        TemplateFilter { project: caller.0.project, name_prefix: list::text("?name", name)? };
    let list = List::of("templates", &filter);
    let page = app.store.templates(&filter, &list.request(cursor.as_deref(), limit)?).await?;
    Ok(Json(list.page(page, Template::from)))
}

/// Create a template
#[utoipa::path(post, path = "/templates", tag = "templates", operation_id = "create_template", params(IdempotencyHeader), request_body = TemplateInput,
    responses((status = 201, description = "The template", body = Template, headers(
        ("Location" = String, description = "Path of the template"), ("ETag" = String, description = "Number of the newest revision"))), CreateFailures))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    idempotency: Idempotency,
    Body { value, digest }: Body<TemplateInput>,
) -> Result<impl IntoResponse, ApiError> {
    let (name, remark, body) = checked(value)?;
    let now = app.clock.now();
    let template = flow_domain::template::Template {
        id: flow_common::ids::template_id(),
        project: caller.0.project.clone(),
        name,
        remark,
        revision: 1,
        body,
        created_at: now,
        modified_at: now,
    };
    let answer =
        idempotency.bind(&caller, Some(&digest)).map(|IdempotencyKey { scope, key, request }| {
            IdempotencyRecord { scope, key, request, response: template.id.to_string(), at: now }
        });
    let template = match app.store.create_template(&template, answer.as_ref()).await? {
        TemplateCreation::Done => template,
        TemplateCreation::NameTaken => return Err(name_taken(&template.name).into()),
        TemplateCreation::Answered(before)
            if Some(&before.request) != answer.as_ref().map(|answer| &answer.request) =>
        {
            return Err(Error::of(ErrorCode::IdempotencyKeyReused).into());
        }
        TemplateCreation::Answered(before) => {
            let id: TemplateId = before.response.parse().map_err(Error::internal)?;
            app.store
                .template_revision(&id, 1)
                .await?
                .ok_or_else(|| no_template(&Reference::Id(id)))?
        }
    };
    let location = [(header::LOCATION, format!("/api/v2/templates/{}", template.id))];
    let warnings = warnings::of_template(&app, &caller.0.project, &template.body).await?;
    let template = Template { warnings, ..Template::from(template) };
    Ok((StatusCode::CREATED, location, etag(1), Json(template)))
}

pub(in crate::api) fn name_taken(name: &str) -> Error {
    Error::new(
        ErrorCode::TemplateNameTaken,
        format!("a template named {name:?} exists; choose another name or edit that template"),
    )
}

/// Checks the request and returns name, remark and body. An error lists all invalid fields.
fn checked(input: TemplateInput) -> Result<(String, String, TemplateBody), Error> {
    let (name, remark, body) = input.into_parts();
    let mut wrong = FieldErrors::default();
    for found in [validate_head(&name, &remark), body.validate()] {
        wrong.extend(found.err().unwrap_or_default());
    }
    wrong.finish()?;
    Ok((name, remark, body))
}

/// Get a template with its newest revision
#[utoipa::path(get, path = "/templates/{template}", tag = "templates", operation_id = "get_template", params(TemplatePath),
    responses((status = 200, description = "The template", body = Template, headers(("ETag" = String, description = "Number of the newest revision"))), NotFound))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TemplatePath { template }): Ids<TemplatePath>,
) -> Result<impl IntoResponse, ApiError> {
    let template = visible_template(&app, &caller, &template).await?;
    Ok((etag(u64::from(template.revision)), Json(Template::from(template))))
}

/// Edit a template
///
/// Creates a new revision. Tasks keep their revision.
#[utoipa::path(put, path = "/templates/{template}", tag = "templates", operation_id = "edit_template", params(TemplatePath, IfMatchHeader), request_body = TemplateInput,
    responses((status = 200, description = "The template after the edit", body = Template, headers(("ETag" = String, description = "Number of the newest revision"))), EditFailures))]
pub(super) async fn edit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TemplatePath { template: id }): Ids<TemplatePath>,
    IfMatch(version): IfMatch,
    Body { value, digest: _ }: Body<TemplateInput>,
) -> Result<impl IntoResponse, ApiError> {
    let mut template = visible_template(&app, &caller, &id).await?;
    (template.name, template.remark, template.body) = checked(value)?;
    template.modified_at = app.clock.now();
    change(&template, app.store.edit_template(&template, base(version)).await?)?;
    app.engine.template_edited(template.id.clone()).await?;
    let template = visible_template(&app, &caller, &Reference::Id(template.id)).await?;
    let warnings = warnings::of_template(&app, &caller.0.project, &template.body).await?;
    let template = Template { warnings, ..Template::from(template) };
    Ok((etag(u64::from(template.revision)), Json(template)))
}

/// Delete a template
///
/// Fails while a task uses the template.
#[utoipa::path(delete, path = "/templates/{template}", tag = "templates", operation_id = "delete_template", params(TemplatePath, IfMatchHeader),
    responses((status = 204, description = "The template was deleted"), DeleteFailures))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TemplatePath { template }): Ids<TemplatePath>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, ApiError> {
    let template = visible_template(&app, &caller, &template).await?;
    change(&template, app.store.delete_template(&template.id, base(version)).await?)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns the revision of `If-Match`. A version out of range becomes 0, which no template has.
fn base(version: Option<u64>) -> Option<u32> {
    version.map(|version| u32::try_from(version).unwrap_or(0))
}

/// Converts the outcome of an edit or a deletion to the error for the caller.
pub(in crate::api) fn change(
    template: &flow_domain::template::Template,
    change: TemplateChange,
) -> Result<(), Error> {
    match change {
        TemplateChange::Done { .. } => Ok(()),
        TemplateChange::NotFound => Err(no_template(&Reference::Id(template.id.clone()))),
        TemplateChange::Stale { revision } => {
            let message = format!(
                "the template has changed since it was read and is at revision {revision} now; read it again"
            );
            Err(Error::new(ErrorCode::PreconditionFailed, message))
        }
        TemplateChange::NameTaken => Err(name_taken(&template.name)),
        TemplateChange::InUse { tasks } => Err(Error::new(
            ErrorCode::TemplateInUse,
            format!("tasks use the template: {}; delete them first", tasks.join(", ")),
        )),
    }
}

/// List the revisions of a template, newest first
#[utoipa::path(get, path = "/templates/{template}/revisions", tag = "templates", operation_id = "list_revisions", params(TemplatePath, PageParams),
    responses((status = 200, description = "One page of revisions", body = Page<Revision>), RevisionsFailures))]
pub(super) async fn revisions(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TemplatePath { template: id }): Ids<TemplatePath>,
    Params(PageParams { cursor, limit }): Params<PageParams>,
) -> Result<Json<Page<Revision>>, ApiError> {
    let id = visible_template(&app, &caller, &id).await?.id;
    let list = List::of("revisions", &id);
    let page = app.store.template_revisions(&id, &list.request(cursor.as_deref(), limit)?).await?;
    Ok(Json(list.page(page, Revision::from)))
}

/// Get a revision of a template
#[utoipa::path(get, path = "/templates/{template}/revisions/{revision}", tag = "templates", operation_id = "get_revision", params(RevisionPath),
    responses((status = 200, description = "The revision", body = Revision), RevisionFailures))]
pub(super) async fn revision(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(RevisionPath { template: id, revision }): Ids<RevisionPath>,
) -> Result<Json<Revision>, ApiError> {
    let template = visible_template(&app, &caller, &id).await?;
    let newest = template.revision;
    let found = app.store.template_revision(&template.id, revision).await?;
    let found = found.ok_or_else(|| {
        Error::new(
            ErrorCode::RevisionNotFound,
            format!("the template has no revision {revision}; it has revisions 1 to {newest}"),
        )
    })?;
    Ok(Json(Revision::from(found)))
}
