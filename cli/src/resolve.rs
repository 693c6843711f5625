//! Finds tasks, templates and runs by the name or id that the user gives.

use flow_api_types::limits::ID_DIGITS;
use flow_api_types::{ListedRun, Page, RunSummary, Task, Template};
use flow_domain::id::TaskId;
use flow_domain::limits::NAME_CHARS_MAX;
use serde_json::Value;

use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::response;

/// Lowest Jaro-Winkler similarity of a name that flowctl suggests.
const SIMILARITY_MIN: f64 = 0.7;

/// Fewest digits at the beginning of an id that flowctl accepts for the id.
const RUN_PREFIX_DIGITS_MIN: usize = 4;

/// Finds a template by name or id. Returns the response unchanged, and as read for printing.
pub async fn template(client: &Client, reference: &str) -> Result<(Value, Template), CliError> {
    let value = find(client, "templates", "template", reference).await?;
    let template = response::read(&value)?;
    Ok((value, template))
}

/// Finds a task by name or id. Returns the response unchanged, and as read for printing.
pub async fn task(client: &Client, reference: &str) -> Result<(Value, Task), CliError> {
    let value = find(client, "tasks", "task", reference).await?;
    let task = response::read(&value)?;
    Ok((value, task))
}

/// Returns the id of the task's run with this number, or of its newest run.
pub async fn run(client: &Client, task: &Task, number: Option<u32>) -> Result<String, CliError> {
    let newest = task.run.as_ref().ok_or_else(|| {
        CliError::new(Exit::Refused, format!("task {} has no run: it was never started", task.name))
            .with_remedy(format!("Start it with `flowctl task start {}`.", task.name))
    })?;
    let Some(number) = number.filter(|number| *number != newest.number) else {
        return Ok(newest.id.clone());
    };
    let runs: Vec<RunSummary> = client.list(&["tasks", &task.id, "runs"], &[], "cursor").await?;
    runs.into_iter().find(|run| run.number == number).map(|run| run.id).ok_or_else(|| {
        CliError::new(Exit::NotFound, format!("task {} has no run {number}", task.name))
            .with_remedy(format!("List its runs with `flowctl task runs {}`.", task.name))
    })
}

/// Finds a run by TASK/NUMBER, by its id or the first digits of its id, or as the newest run of the
/// task with this name or id. Returns the ids of task and run.
pub async fn any_run(client: &Client, reference: &str) -> Result<(String, String), CliError> {
    if let Some((name, number)) = reference.rsplit_once('/') {
        let number = number.parse().map_err(|_| {
            CliError::usage(format!("{reference:?} is no run: {number:?} is no number"))
                .with_remedy("Name a run as TASK/NUMBER, for example digits/3.")
        })?;
        let (_, task) = task(client, name).await?;
        let run = run(client, &task, Some(number)).await?;
        return Ok((task.id, run));
    }
    if (RUN_PREFIX_DIGITS_MIN..=ID_DIGITS).contains(&reference.len())
        && reference.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    {
        let page: Page<ListedRun> =
            client.get(&["runs"], &[("id", reference), ("limit", "2")]).await?;
        match (page.items.as_slice(), page.next) {
            ([], None) => {}
            ([run], None) => return Ok((run.task.clone(), run.summary.id.clone())),
            _ => {
                return Err(CliError::usage(format!(
                    "the ids of several runs begin with {reference}: give more digits"
                )));
            }
        }
    }
    let (_, task) = task(client, reference).await?;
    let run = run(client, &task, None).await?;
    Ok((task.id, run))
}

/// Finds the template or task with this name. Returns the response unchanged.
pub async fn by_name(client: &Client, list: &str, name: &str) -> Result<Option<Value>, CliError> {
    if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
        return Ok(None);
    }
    // The hub filters by the beginning of names.
    let candidates: Vec<Value> = client.list(&[list], &[("name", name)], "cursor").await?;
    Ok(candidates.into_iter().find(|item| item["name"] == name))
}

async fn find(client: &Client, list: &str, noun: &str, reference: &str) -> Result<Value, CliError> {
    // Ids of tasks and templates have the same form.
    if reference.parse::<TaskId>().is_ok() {
        return client.get(&[list, reference], &[]).await;
    }
    if let Some(found) = by_name(client, list, reference).await? {
        return Ok(found);
    }
    let first_page: Page<Value> = client.get(&[list], &[("limit", "200")]).await?;
    let names = first_page.items.iter().filter_map(|item| item["name"].as_str());
    let close = names
        .map(|name| (strsim::jaro_winkler(name, reference), name))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let error = CliError::new(Exit::NotFound, format!("there is no {noun} named {reference:?}"));
    Err(error.with_remedy(match close {
        Some((_, name)) => format!("Did you mean {name:?}? List all with `flowctl {noun} list`."),
        None => format!("List all with `flowctl {noun} list`."),
    }))
}
