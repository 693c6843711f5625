//! Stop and deletion of all tasks that filters select.

use flow_api_types::limits::BULK_TASKS_MAX;
use flow_api_types::{BulkResult, RunSummary, Selection};
use flow_domain::run::RunPhase;
use serde_json::{Value, json};

use super::filter;
use crate::args::TaskFilters;
use crate::client::Client;
use crate::confirm::confirm;
use crate::error::{CliError, ExitStatus};
use crate::output::{self, Format};
use crate::response;

/// The change of each task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Stop,
    Delete,
}

/// Fails if a filter is given together with a task.
pub fn no_filters(filters: TaskFilters) -> Result<(), CliError> {
    if filter::of_tasks(filters)?.is_empty() {
        return Ok(());
    }
    Err(CliError::usage("name a task or give filters, not both"))
}

/// Changes the tasks that the filters select at this time, after a question. The command fails if one
/// of them was not changed.
pub async fn change(
    client: &Client,
    verb: Verb,
    filters: TaskFilters,
    yes: bool,
    format: Format,
) -> Result<ExitStatus, CliError> {
    let mut query = filter::of_tasks(filters)?;
    if query.is_empty() {
        return Err(CliError::usage("name a task, or give at least one filter"));
    }
    query.push(("fields", "name,run".to_owned()));
    let query: Vec<(&str, &str)> =
        query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let found: Vec<Selection> = client.list(&["tasks"], &query, "cursor").await?;
    let is_active = |task: &&Selection| {
        let run = task.fields.get("run").map(response::read::<RunSummary>);
        run.is_some_and(|run| {
            run.is_ok_and(|run| !run.phase.known().is_some_and(RunPhase::is_terminal))
        })
    };
    let active = found.iter().filter(is_active).count();
    let tasks: Vec<&Selection> = match verb {
        Verb::Stop => found.iter().filter(is_active).collect(),
        Verb::Delete => found.iter().collect(),
    };
    if !yes && !tasks.is_empty() {
        let (fact, question) = match verb {
            Verb::Stop => (
                format!("{active} of {} tasks have an active run", found.len()),
                "Stop these runs?",
            ),
            Verb::Delete => (
                format!("the filters select {} tasks, {active} with an active run", tasks.len()),
                "Stop the runs and delete the tasks with their history?",
            ),
        };
        confirm(&fact, question)?;
    }
    let path = match verb {
        Verb::Stop => ["bulk", "tasks", "stop"],
        Verb::Delete => ["bulk", "tasks", "delete"],
    };
    let mut results: Vec<Value> = Vec::new();
    let mut failed = 0;
    for some in tasks.chunks(BULK_TASKS_MAX as usize) {
        let ids: Vec<&str> = some.iter().map(|task| task.id.as_str()).collect();
        let value: Value = client.post(&path, Some(&json!({ "tasks": ids }))).await?;
        let BulkResult { tasks, next: _ } = response::read(&value)?;
        failed += tasks.iter().filter(|task| task.error.is_some()).count();
        results.extend(value["tasks"].as_array().into_iter().flatten().cloned());
    }
    output::show(format, &json!({ "tasks": results }), || {
        let name = |id: &Value| {
            let task = tasks.iter().find(|task| *id == task.id.as_str());
            let name = task.and_then(|task| task.fields.get("name")?.as_str());
            name.unwrap_or_default().to_owned()
        };
        let done = if verb == Verb::Stop { "is being stopped" } else { "deleted" };
        let line = |result: &Value| match result["error"]["message"].as_str() {
            None => format!("task {} {done}\n", name(&result["id"])),
            Some(message) => format!("task {}: {message}\n", name(&result["id"])),
        };
        match results.is_empty() {
            true => "no task is selected\n".to_owned(),
            false => results.iter().map(line).collect(),
        }
    })?;
    Ok(if failed == 0 { ExitStatus::Ok } else { ExitStatus::Refused })
}
