//! Dry run of a submit: a task is validated, and its parties are asked what they would do.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flow_domain::framework;
use flow_domain::spec::SealedSpec;
use flow_domain::task::{TaskBody, TaskMember};
use flow_domain::template::TemplateBody;
use futures::future::join_all;

use super::tasks;
use crate::api::extract::{Body, Caller};
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::sessions::checks::SpecAnswer;
use crate::state::App;
use flow_api_types::{CheckAnswer, MemberCheck, TaskCheck, TaskInput};

failures!(Failures = TaskNameTaken, TemplateNotFound, RevisionNotFound, TaskNameEmpty, Invalid);

/// Members that one request asks.
const ASKED_MEMBERS_MAX: usize = 1_000;

/// Check a task
///
/// Validates the task as its creation does, and asks the agents of its parties what they would do.
/// Nothing is created or reserved. A party that is not connected, or whose agent is too old, has the
/// answer `unknown`; the response takes at most a few seconds. The answers are those of this moment.
#[utoipa::path(post, path = "/check", tag = "tasks", operation_id = "check_task", request_body = TaskInput,
    responses((status = 200, description = "The answers of the parties", body = TaskCheck), Failures))]
pub(super) async fn check(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body { value, digest: _ }: Body<TaskInput>,
) -> Result<Json<TaskCheck>, ApiError> {
    let body = tasks::content(&app, &caller, value).await?;
    let template = app.engine.check_task(&caller.0, &body).await?;
    let mut checks = parties(&app, vec![(body, template)]).await?;
    let none = || flow_domain::error::Error::internal("the check of one task has one result");
    Ok(Json(checks.pop().ok_or_else(none)?))
}

/// Asks the parties of these valid tasks.
pub(super) async fn parties(
    app: &App,
    tasks: Vec<(TaskBody, TemplateBody)>,
) -> Result<Vec<TaskCheck>, ApiError> {
    let disabled = app.store.disabled_parties().await?;
    let mut asked = 0;
    let mut checks = Vec::with_capacity(tasks.len());
    for (task, template) in tasks {
        let mut sealed = framework::seal_all(&task, &template)?;
        let ask = |TaskMember { party, role, dataset: _ }: &TaskMember| {
            asked += 1;
            let spec: Option<SealedSpec> = sealed.remove(party);
            let unasked = if disabled.contains(party) {
                Some(format!("{party} is disabled: a run waits until an administrator enables it"))
            } else if asked > ASKED_MEMBERS_MAX {
                Some(format!("the request has more than {ASKED_MEMBERS_MAX} members to ask"))
            } else {
                None
            };
            let (party, role) = (party.clone(), *role);
            async move {
                let answer = match (unasked, spec) {
                    (None, Some(spec)) => app.sessions.check_spec(&spec).await,
                    (Some(cause), _) => SpecAnswer::Unknown(cause),
                    (None, None) => SpecAnswer::Unknown("the member has no spec".to_owned()),
                };
                let (answer, reason, message) = match answer {
                    SpecAnswer::Accept => (CheckAnswer::Accept, None, None),
                    SpecAnswer::Ask(reason) => (CheckAnswer::Ask, Some(reason), None),
                    SpecAnswer::Refuse(reason) => (CheckAnswer::Refuse, Some(reason), None),
                    SpecAnswer::Unknown(cause) => (CheckAnswer::Unknown, None, Some(cause)),
                };
                MemberCheck {
                    party: party.into(),
                    role: role.into(),
                    answer: answer.into(),
                    reason: reason.map(Into::into),
                    message,
                }
            }
        };
        let members = task.members.iter().map(ask).collect::<Vec<_>>();
        checks.push((task.name, members));
    }
    let answers = checks
        .into_iter()
        .map(async |(name, members)| TaskCheck { name, members: join_all(members).await });
    Ok(join_all(answers).await)
}
