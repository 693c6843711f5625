//! Templates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use flow_domain::error::{Error, ErrorCode, FieldErrors};
use flow_domain::limits::{GRACE_S_DEFAULT, IMAGE_CHARS_MAX, RUNTIME_S_DEFAULT};
use flow_domain::template::{Framework, Resources, Template, TemplateBody};
use flow_domain::validation::validate_head;
use serde::Deserialize;
use serde_json::{Value, json};

use super::envelope::success;
use super::mask::Mask;
use super::paging::Paging;
use super::{check_name, hyper_parameter, invalid, or_default, renamed, rfc_822};
use crate::api::extract::{Body, Caller, Ids};
use crate::api::problem::ApiError;
use crate::api::v2;
use crate::iflearner_flow::{ENTRY_POINT, template_id, template_id_text};
use crate::state::App;
use crate::store::{TemplateCreation, TemplateFilter};

#[derive(Debug, Deserialize)]
pub(super) struct TemplatePath {
    template_id: String,
}

/// The body of a request. Every field may be absent or `null`; unknown fields are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct TemplateFields {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    remark: String,
    #[serde(default, deserialize_with = "or_default")]
    image_url: String,
    #[serde(default, deserialize_with = "or_default")]
    workdir: String,
    #[serde(default, deserialize_with = "or_default")]
    command: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    hyper_parameter: Vec<String>,
}

impl TemplateFields {
    /// Checks the request and returns name, remark and content. `base` is the content that the
    /// request edits.
    fn content(self, base: TemplateBody) -> Result<(String, String, TemplateBody), Error> {
        let Self { name, remark, image_url, workdir, mut command, hyper_parameter } = self;
        check_name(&name)?;
        if !(1..=IMAGE_CHARS_MAX).contains(&image_url.chars().count()) {
            return Err(invalid("Please set the image_url parameter length between 1 and 255"));
        }
        if command.is_empty() {
            command.push(ENTRY_POINT.to_owned());
        }
        let defaults = hyper_parameter::parse(hyper_parameter)?;
        let body = TemplateBody {
            image: image_url,
            command,
            workdir,
            parameters: hyper_parameter::declare(defaults, base.parameters),
            ..base
        };
        let mut wrong = FieldErrors::default();
        for found in [validate_head(&name, &remark), body.validate()] {
            wrong.extend(found.err().unwrap_or_default());
        }
        wrong.finish().map_err(|wrong| renamed(wrong.into()))?;
        Ok((name, remark, body))
    }
}

/// The content of a new template before the fields of the request.
fn empty() -> TemplateBody {
    TemplateBody {
        framework: Framework::Iflearner,
        image: String::new(),
        command: Vec::new(),
        aggregator_command: Vec::new(),
        workdir: String::new(),
        env: BTreeMap::new(),
        parameters: BTreeMap::new(),
        resources: Resources::default(),
        max_runtime_s: RUNTIME_S_DEFAULT,
        stop_grace_s: GRACE_S_DEFAULT,
        requires_aggregator: false,
        requires_dataset: BTreeSet::new(),
    }
}

fn show(template: &Template) -> Value {
    let Template { id, project: _, name, remark, revision: _, body, created_at, modified_at } =
        template;
    let command: &[String] = if body.command == [ENTRY_POINT] { &[] } else { &body.command };
    json!({
        "name": name,
        "remark": remark,
        "image_url": body.image,
        "workdir": body.workdir,
        "command": command,
        "hyper_parameter": hyper_parameter::show(&body.parameters),
        "template_id": template_id_text(id),
        "create_time": rfc_822(*created_at),
        "modify_time": rfc_822(*modified_at),
    })
}

/// Returns the newest revision of a template of the caller's project.
pub(super) async fn visible(
    app: &App,
    Caller(principal): &Caller,
    id: &str,
) -> Result<Template, ApiError> {
    let found = match template_id(id) {
        Some(id) => app.store.template(&id).await?,
        None => None,
    };
    let found = found.filter(|found| found.project == principal.project);
    found.ok_or_else(|| {
        Error::new(
            ErrorCode::TemplateNotFound,
            "there is no template with this id; GET /api/v1/template lists the templates",
        )
        .into()
    })
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    mask: Mask,
    paging: Paging,
) -> Result<Response, ApiError> {
    let filter = TemplateFilter { project: principal.project, name_prefix: None };
    let page = app.store.templates(&filter, &paging.request()).await?;
    let count = app.store.count_templates(&filter).await?;
    let templates: Vec<Value> = page.items.iter().map(show).collect();
    Ok(success(&mask, Some(json!({ "templates": templates, "template_count": count }))))
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    mask: Mask,
    Body { value, digest: _ }: Body<TemplateFields>,
) -> Result<Response, ApiError> {
    let (name, remark, body) = value.content(empty())?;
    let now = app.clock.now();
    let template = Template {
        id: flow_common::ids::template_id(),
        project: principal.project,
        name,
        remark,
        revision: 1,
        body,
        created_at: now,
        modified_at: now,
    };
    match app.store.create_template(&template, None).await? {
        TemplateCreation::NameTaken => Err(v2::templates::name_taken(&template.name).into()),
        TemplateCreation::Done | TemplateCreation::Answered(_) => {
            Ok(success(&mask, Some(json!({ "template_id": template_id_text(&template.id) }))))
        }
    }
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TemplatePath { template_id }): Ids<TemplatePath>,
    mask: Mask,
) -> Result<Response, ApiError> {
    let template = visible(&app, &caller, &template_id).await?;
    Ok(success(&mask, Some(show(&template))))
}

/// Replaces the fields of the template. Tasks use the new content from their next start on.
pub(super) async fn edit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TemplatePath { template_id }): Ids<TemplatePath>,
    mask: Mask,
    Body { value, digest: _ }: Body<TemplateFields>,
) -> Result<Response, ApiError> {
    let mut template = visible(&app, &caller, &template_id).await?;
    let base = template.revision;
    (template.name, template.remark, template.body) = value.content(template.body)?;
    template.modified_at = app.clock.now();
    let edited = app.store.edit_template(&template, Some(base)).await?;
    v2::templates::change(&template, edited)?;
    app.engine.template_edited(template.id).await?;
    Ok(success(&mask, None))
}

/// Deletes the template, unless a task uses it (defect F21).
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(TemplatePath { template_id }): Ids<TemplatePath>,
    mask: Mask,
) -> Result<Response, ApiError> {
    let template = visible(&app, &caller, &template_id).await?;
    v2::templates::change(&template, app.store.delete_template(&template.id, None).await?)?;
    Ok(success(&mask, None))
}
