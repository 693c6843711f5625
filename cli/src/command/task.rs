//! `flowctl task …`

use flow_api_types::{RunSummary, Task, TaskDocument};
use flow_domain::run::RunPhase;
use serde_json::Value;

use crate::args::{TaskCommand, TaskFilters, TaskSelection, TaskSorting, WatchArgs};
use crate::client::{Client, Tagged};
use crate::command::bulk::{self, Verb};
use crate::command::describe::{events_table, head, members, read_events, template_name};
use crate::command::run::of_task;
use crate::command::{apply, describe, edit, filter, logs, metrics, submit};
use crate::confirm::confirm;
use crate::error::{CliError, ExitStatus};
use crate::manifest::{self, Document};
use crate::output::{self, Format};
use crate::resolve;
use crate::response;
use crate::view::{epochs, phase_cell, reason};
use crate::watch;

pub async fn run(
    client: &Client,
    command: TaskCommand,
    format: Format,
) -> Result<ExitStatus, CliError> {
    match command {
        TaskCommand::Init => {}
        TaskCommand::Submit(args) => return submit::run(client, args, format).await,
        TaskCommand::List { filters, sorting } => list(client, filters, sorting, format).await?,
        TaskCommand::Get { task, manifest } => get(client, &task.task, manifest, format).await?,
        TaskCommand::Describe(task) => return describe::print(client, &task.task, format).await,
        TaskCommand::Start { task, values, watch } => {
            let input = submit::start_input(values)?;
            let (_, task) = resolve::task(client, &task.task).await?;
            return submit::start(client, &task, &input, watch, format).await;
        }
        TaskCommand::Stop(TaskSelection { task: None, filters, yes }) => {
            return bulk::change(client, Verb::Stop, filters, yes, format).await;
        }
        TaskCommand::Delete(TaskSelection { task: None, filters, yes }) => {
            return bulk::change(client, Verb::Delete, filters, yes, format).await;
        }
        TaskCommand::Stop(TaskSelection { task: Some(task), filters, yes: _ }) => {
            bulk::no_filters(filters)?;
            let (_, task) = resolve::task(client, &task).await?;
            let value: Value = client.post(&["tasks", &task.id, "stop"], None).await?;
            output::show(format, &value, || format!("task {} is being stopped\n", task.name))?;
        }
        TaskCommand::Edit { task, file } => {
            edit::task(client, &task.task, file.as_deref(), format).await?
        }
        TaskCommand::Clone { task, name } => clone(client, &task.task, name, format).await?,
        TaskCommand::Delete(TaskSelection { task: Some(task), filters, yes }) => {
            bulk::no_filters(filters)?;
            delete(client, &task, yes, format).await?;
        }
        TaskCommand::Events(task) => events(client, &task.task, format).await?,
        TaskCommand::Watch(args) => return watch(client, args, format).await,
        TaskCommand::Runs(task) => of_task(client, &task.task, usize::MAX, format).await?,
        TaskCommand::Logs(args) => return logs::print(client, args).await,
        TaskCommand::Metrics(args) => return metrics::print(client, args, format).await,
    }
    Ok(ExitStatus::Ok)
}

pub async fn watch(
    client: &Client,
    WatchArgs { task, run }: WatchArgs,
    format: Format,
) -> Result<ExitStatus, CliError> {
    let (_, task) = resolve::task(client, &task.task).await?;
    let (_, found) = resolve::run(client, &task, run).await?;
    watch::follow(client, &task, found.summary.id, run.is_none(), format).await
}

async fn list(
    client: &Client,
    filters: TaskFilters,
    TaskSorting { sort, reverse }: TaskSorting,
    format: Format,
) -> Result<(), CliError> {
    let by_name = sort.as_ref().map_or(filters.name.is_some(), |sort| sort == "name");
    let mut query = filter::of_tasks(filters)?;
    query.extend(sort.map(|sort| ("sort", sort)));
    if reverse {
        query.push(("direction", if by_name { "desc" } else { "asc" }.to_owned()));
    }
    let query: Vec<(&str, &str)> =
        query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let all: Vec<Value> = client.list(&["tasks"], &query, "cursor").await?;
    let tasks: Vec<Task> = all.iter().map(response::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let now = crate::output::now();
        let row = |task: Task| {
            let reason = task.run.as_ref().map(reason).unwrap_or_default();
            let phase = phase_cell(task.run.as_ref());
            vec![
                task.name,
                phase,
                task.runs.to_string(),
                epochs(task.run.as_ref()),
                output::age(&task.created_at, now),
                reason,
            ]
        };
        output::table(
            &["NAME", "PHASE", "RUNS", "EPOCH", "AGE", "REASON"],
            tasks.into_iter().map(row).collect(),
        )
    })
}

async fn get(
    client: &Client,
    reference: &str,
    as_manifest: bool,
    format: Format,
) -> Result<(), CliError> {
    let (value, task) = resolve::task(client, reference).await?;
    let template = template_name(client, &task).await;
    if as_manifest {
        let doc = TaskDocument { template, ..manifest::task_doc(&value)? };
        return output::print(&manifest::as_file(&Document::Task(doc))?);
    }
    output::show(format, &value, || head(&task, &template) + "\n" + &members(&task))
}

async fn clone(
    client: &Client,
    reference: &str,
    name: String,
    format: Format,
) -> Result<(), CliError> {
    let (value, task) = resolve::task(client, reference).await?;
    let doc = TaskDocument { name, ..manifest::task_doc(&value)? };
    let value: Value = client.post(&["tasks"], Some(&apply::body(&doc)?)).await?;
    let created: Task = response::read(&value)?;
    apply::warn(&created.warnings);
    output::show(format, &value, || {
        format!("task {} created with the content of {}\n", created.name, task.name)
    })
}

/// Deletes a task. If no run is active, the deletion fails if one starts meanwhile.
async fn delete(
    client: &Client,
    reference: &str,
    yes: bool,
    format: Format,
) -> Result<(), CliError> {
    let (_, task) = resolve::task(client, reference).await?;
    let Tagged { value, mut tag } = client.get_tagged(&["tasks", &task.id]).await?;
    let task: Task = response::read(&value)?;
    let is_active = |run: &&RunSummary| !run.phase.known().is_some_and(RunPhase::is_terminal);
    let active = task.run.as_ref().filter(is_active);
    if yes {
        tag = None;
    } else if let Some(run) = active {
        let fact = format!("run {} of task {} is {}", run.number, task.name, run.phase);
        confirm(&fact, "Stop the run and delete the task with its history?")?;
        tag = None;
    }
    client.delete_if(&["tasks", &task.id], tag.as_deref()).await?;
    if format == Format::Table {
        output::print(&format!("task {} deleted\n", task.name))?;
    }
    Ok(())
}

async fn events(client: &Client, reference: &str, format: Format) -> Result<(), CliError> {
    let (_, task) = resolve::task(client, reference).await?;
    let (value, events, numbers) = read_events(client, &task).await?;
    output::show(format, &value, || events_table(events, &numbers))
}
