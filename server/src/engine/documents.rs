//! Templates and tasks of one request, applied in one transaction or not at all.
//!
//! The plan is made outside the queue, from reads of the store. The queue applies it to the tasks in
//! memory and stores everything at once ([`super::queue`]). If an object changed after the plan was
//! made, nothing is stored and a new plan is made.

use std::collections::HashMap;

use flow_api_types::{ApplyOutcome, ApplyRequest, TaskDocument, TemplateInput};
use flow_domain::error::{Error, ErrorCode, FieldCode, FieldErrors};
use flow_domain::id::{TaskId, TemplateId};
use flow_domain::limits::MEMBERS_MAX;
use flow_domain::task::TaskBody;
use flow_domain::template::{Template, TemplateBody};
use flow_domain::time::Timestamp;
use flow_domain::validation::validate_head;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::offers::Offers;
use super::{CALLER_TIMEOUT, Engine, IdempotencyKey, Principal, Request, shutting_down};
use crate::store::{Store, TemplateWrite};

/// Plans of one request before its caller gets an error.
const PLANS_MAX: u32 = 10;

/// The applied objects, in the order of the request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedDocuments {
    pub templates: Vec<(ApplyOutcome, TemplateId)>,
    pub tasks: Vec<(ApplyOutcome, TaskId)>,
}

/// The writes of a request. They are valid for the state of the store from which they were made.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) templates: Vec<PlannedTemplate>,
    pub(super) tasks: Vec<PlannedTask>,
}

/// A template as it will be stored.
#[derive(Debug)]
pub(super) struct PlannedTemplate {
    pub(super) outcome: ApplyOutcome,
    pub(super) template: Template,
}

impl PlannedTemplate {
    pub(super) fn write(&self) -> Option<TemplateWrite> {
        match self.outcome {
            ApplyOutcome::Created => Some(TemplateWrite::Create(self.template.clone())),
            ApplyOutcome::Edited => Some(TemplateWrite::Edit(self.template.clone())),
            ApplyOutcome::Unchanged => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct PlannedTask {
    pub(super) id: TaskId,
    /// No task has the name.
    pub(super) is_new: bool,
    pub(super) body: TaskBody,
    /// Content of the template in the revision of the task.
    pub(super) template: TemplateBody,
}

#[derive(Debug)]
pub(super) struct DocumentsPost {
    pub(super) principal: Principal,
    pub(super) plan: Plan,
    pub(super) idem: Option<IdempotencyKey>,
    /// `None`: an object has changed, a new plan is needed.
    pub(super) reply: oneshot::Sender<Result<Option<AppliedDocuments>, Error>>,
}

impl Engine {
    /// Checks all documents of a request and changes nothing. Returns each task with its template.
    pub async fn check_documents(
        &self,
        principal: &Principal,
        request: &ApplyRequest,
        now: Timestamp,
    ) -> Result<Vec<(TaskBody, TemplateBody)>, Error> {
        let plan = plan(&self.store, principal, request, now).await?;
        Ok(plan.tasks.into_iter().map(|task| (task.body, task.template)).collect())
    }

    /// Creates or edits templates and tasks by name, all or none.
    pub async fn apply_documents(
        &self,
        principal: &Principal,
        request: &ApplyRequest,
        idem: Option<IdempotencyKey>,
        now: Timestamp,
    ) -> Result<AppliedDocuments, Error> {
        for _ in 0..PLANS_MAX {
            if let Some(idem) = &idem
                && let Some(known) = self.store.idempotency(&idem.scope, &idem.key).await?
            {
                if known.request != idem.request {
                    return Err(Error::of(ErrorCode::IdempotencyKeyReused));
                }
                return serde_json::from_str(&known.response).map_err(Error::internal);
            }
            let plan = plan(&self.store, principal, request, now).await?;
            let (reply, answer) = oneshot::channel();
            let (principal, idem) = (principal.clone(), idem.clone());
            let post = DocumentsPost { principal, plan, idem, reply };
            let asked = async {
                self.posts.send(Request::Documents(post)).await.map_err(|_| shutting_down())?;
                answer.await.map_err(|_| shutting_down())?
            };
            let applied = flow_common::clock::timeout(CALLER_TIMEOUT, asked).await;
            if let Some(applied) = applied.map_err(|_| Error::of(ErrorCode::StoreUnavailable))?? {
                return Ok(applied);
            }
        }
        Err(Error::new(
            ErrorCode::Busy,
            "too many concurrent changes of these templates and tasks: retry in a moment",
        ))
    }
}

/// Checks all documents and decides what to write. An error lists the fields of all documents.
async fn plan(
    store: &Store,
    principal: &Principal,
    request: &ApplyRequest,
    now: Timestamp,
) -> Result<Plan, Error> {
    let ApplyRequest { templates, tasks } = request;
    let mut errors = FieldErrors::default();
    check_names("templates", templates.iter().map(|template| &template.name), &mut errors);
    check_names("tasks", tasks.iter().map(|task| &task.name), &mut errors);
    let mut planned = Vec::with_capacity(templates.len());
    for (index, input) in templates.iter().enumerate() {
        let template = plan_template(store, principal, input, now).await?;
        let found = [
            validate_head(&template.template.name, &template.template.remark),
            template.template.body.validate(),
        ];
        for wrong in found.into_iter().filter_map(Result::err) {
            errors.extend(wrong.below(&format!("/templates/{index}")));
        }
        planned.push(template);
    }
    // The validation rejects tasks with more members.
    let members = tasks.iter().flat_map(|task| task.members.iter().take(MEMBERS_MAX));
    let members = members.map(|member| &member.party);
    let parties = Offers::of(store, &principal.project, members).await?;
    let mut planned_tasks = Vec::with_capacity(tasks.len());
    for (index, document) in tasks.iter().enumerate() {
        match plan_task(store, principal, document, &planned, &parties).await? {
            Ok(task) => planned_tasks.push(task),
            Err(wrong) => errors.extend(wrong.below(&format!("/tasks/{index}"))),
        }
    }
    errors.finish()?;
    Ok(Plan { templates: planned, tasks: planned_tasks })
}

fn check_names<'a>(list: &str, names: impl Iterator<Item = &'a String>, errors: &mut FieldErrors) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (index, name) in names.enumerate() {
        if let Some(earlier) = first.get(name.as_str()) {
            let message = format!("{list}[{earlier}] already has the name {name:?}");
            errors.add(format!("/{list}/{index}/name"), FieldCode::Duplicate, message);
        } else {
            first.insert(name, index);
        }
    }
}

async fn plan_template(
    store: &Store,
    principal: &Principal,
    input: &TemplateInput,
    now: Timestamp,
) -> Result<PlannedTemplate, Error> {
    let (name, remark, body) = input.clone().into_parts();
    let stored = store.template_by_name(&principal.project, &name).await?;
    let (outcome, template) = match stored {
        None => {
            let (id, project) = (flow_common::ids::template_id(), principal.project.clone());
            let (created_at, modified_at) = (now, now);
            let revision = 1;
            let template =
                Template { id, project, name, remark, revision, body, created_at, modified_at };
            (ApplyOutcome::Created, template)
        }
        Some(stored) if (&stored.remark, &stored.body) == (&remark, &body) => {
            (ApplyOutcome::Unchanged, stored)
        }
        Some(stored) => {
            let revision = stored.revision + 1;
            let template = Template { remark, body, revision, modified_at: now, ..stored };
            (ApplyOutcome::Edited, template)
        }
    };
    Ok(PlannedTemplate { outcome, template })
}

async fn plan_task(
    store: &Store,
    principal: &Principal,
    document: &TaskDocument,
    planned: &[PlannedTemplate],
    parties: &Offers,
) -> Result<Result<PlannedTask, FieldErrors>, Error> {
    let mut errors = FieldErrors::default();
    let id = document.template.parse::<TemplateId>().ok();
    let of_request = planned.iter().map(|planned| &planned.template).find(|template| {
        id.as_ref().map_or(template.name == document.template, |id| template.id == *id)
    });
    let newest = match (of_request, &id) {
        (Some(template), _) => Some(template.clone()),
        (None, Some(id)) => store.template(id).await?,
        (None, None) => store.template_by_name(&principal.project, &document.template).await?,
    };
    let Some(newest) = newest.filter(|template| template.project == principal.project) else {
        let message = format!("there is no template named {:?}", document.template);
        errors.add("/template", FieldCode::Unknown, message);
        return Ok(Err(errors));
    };
    let revision = document.revision.unwrap_or(newest.revision);
    let content = if revision == newest.revision {
        Some(newest.body)
    } else {
        store.template_revision(&newest.id, revision).await?.map(|found| found.body)
    };
    let Some(content) = content else {
        let message = format!("the template has revisions 1 to {}", newest.revision);
        errors.add("/revision", FieldCode::Unknown, message);
        return Ok(Err(errors));
    };
    let body = document.clone().into_body(newest.id, revision);
    let checked = body
        .validate_among(&content, &|party| parties.contains(party), &parties.named)
        .and_then(|()| parties.check_datasets(&body));
    if let Err(wrong) = checked {
        return Ok(Err(wrong));
    }
    let stored = store.task_by_name(&principal.project, &body.name).await?;
    let is_new = stored.is_none();
    let id = stored.map_or_else(flow_common::ids::task_id, |stored| stored.task.id);
    Ok(Ok(PlannedTask { id, is_new, body, template: content }))
}
