//! Stop and deletion of many tasks in one request, with a result per task.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flow_domain::error::{Error, FieldCode};
use flow_domain::id::TaskId;
use futures::future::join_all;

use super::filter;
use crate::api::extract::{Body, Caller};
use crate::api::list::List;
use crate::api::openapi::failures;
use crate::api::problem::{ApiError, field};
use crate::state::App;
use flow_api_types::limits::BULK_TASKS_MAX;
use flow_api_types::{BulkError, BulkRequest, BulkResult, BulkTask, TaskSelector};

failures!(Failures = CursorInvalid, TemplateNotFound);

/// Stop tasks
///
/// Stops the active runs of up to 100 tasks, given by ids or by a filter. The response has a result
/// for each task; a task without an active run is one of those that fail. With `next` in the
/// response, the same filter selects more tasks: send it again with this `cursor`. A repeated request
/// has no effect.
#[utoipa::path(post, path = "/bulk/tasks/stop", tag = "tasks", operation_id = "stop_tasks", request_body = BulkRequest,
    responses((status = 200, description = "The result for each task", body = BulkResult), Failures))]
pub(super) async fn stop(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body { value, digest: _ }: Body<BulkRequest>,
) -> Result<Json<BulkResult>, ApiError> {
    let (tasks, next) = selected(&app, &caller, value).await?;
    let stop = async |(id, name): (TaskId, Option<String>)| {
        let done = app.engine.stop_task(&caller.0, &id).await;
        result(id, name, done)
    };
    let tasks = join_all(tasks.into_iter().map(stop)).await;
    Ok(Json(BulkResult { tasks, next }))
}

/// Delete tasks
///
/// Deletes up to 100 tasks, given by ids or by a filter, and stops their active runs. The response
/// has a result for each task. With `next` in the response, the same filter selects more tasks: send
/// it again with this `cursor`. A repeated request has no effect.
#[utoipa::path(post, path = "/bulk/tasks/delete", tag = "tasks", operation_id = "delete_tasks", request_body = BulkRequest,
    responses((status = 200, description = "The result for each task", body = BulkResult), Failures))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body { value, digest: _ }: Body<BulkRequest>,
) -> Result<Json<BulkResult>, ApiError> {
    let (tasks, next) = selected(&app, &caller, value).await?;
    let delete = async |(id, name): (TaskId, Option<String>)| {
        let done = app.engine.delete_task(&caller.0, &id, None).await;
        result(id, name, done)
    };
    let tasks = join_all(tasks.into_iter().map(delete)).await;
    Ok(Json(BulkResult { tasks, next }))
}

type Selected = (Vec<(TaskId, Option<String>)>, Option<String>);

/// Returns the tasks of a request, and the cursor of the next ones.
async fn selected(app: &App, caller: &Caller, request: BulkRequest) -> Result<Selected, ApiError> {
    let BulkRequest { mut tasks, filter, cursor } = request;
    let Some(mut selector) = filter else {
        if tasks.len() > BULK_TASKS_MAX as usize {
            let message = format!("has {} entries; the limit is {BULK_TASKS_MAX}", tasks.len());
            return Err(field("/tasks", FieldCode::TooLong, message).into());
        }
        if cursor.is_some() {
            let message = "belongs to a `filter`, which is missing";
            return Err(field("/cursor", FieldCode::NotAllowed, message).into());
        }
        tasks.sort_unstable();
        tasks.dedup();
        return Ok((tasks.into_iter().map(|id| (id, None)).collect(), None));
    };
    if !tasks.is_empty() {
        let message = "is not valid together with `filter`: send one of them";
        return Err(field("/tasks", FieldCode::NotAllowed, message).into());
    }
    // Every name begins with the empty text.
    selector.name = selector.name.filter(|name| !name.is_empty());
    if selector == TaskSelector::default() {
        let message = "must have at least one condition: without one it selects every task";
        return Err(field("/filter", FieldCode::Required, message).into());
    }
    let filter = filter::of_tasks(app, caller, selector, "/filter/").await?;
    let list = List::of("bulk-tasks", &filter);
    let request = list.request(cursor.as_deref(), Some(BULK_TASKS_MAX))?;
    let page = app.store.list_tasks(&filter, &request).await?;
    let page = list.page(page, |row| (row.task.id, Some(row.task.body.name)));
    Ok((page.items, page.next))
}

fn result(id: TaskId, name: Option<String>, done: Result<(), Error>) -> BulkTask {
    let error = done.err().map(|error| BulkError {
        code: error.row().slug.to_owned(),
        message: error.message.clone(),
    });
    BulkTask { id: id.into(), name, error }
}
