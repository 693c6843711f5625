//! Finds tasks, templates and runs by the name or id that the user gives.

use flow_api_types::limits::ID_DIGITS;
use flow_api_types::{ListedRun, Page, Run, Task, Template};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::Client;
use crate::error::{CliError, ExitStatus};
use crate::names::nearest;
use crate::response;

/// Fewest digits at the beginning of an id that flowctl accepts for the id.
const RUN_PREFIX_DIGITS_MIN: usize = 4;

/// Finds a template by name or id. Returns the response unchanged, and as read for printing.
pub async fn template(client: &Client, reference: &str) -> Result<(Value, Template), CliError> {
    find(client, "templates", "template", reference).await
}

/// Finds a task by name or id. Returns the response unchanged, and as read for printing.
pub async fn task(client: &Client, reference: &str) -> Result<(Value, Task), CliError> {
    find(client, "tasks", "task", reference).await
}

/// Finds a run of the task by its number, or the newest run. Returns the response unchanged, and as
/// read for printing.
pub async fn run(
    client: &Client,
    task: &Task,
    number: Option<u32>,
) -> Result<(Value, Run), CliError> {
    if task.run.is_none() {
        let message = format!("task {} has no run: it was never started", task.name);
        return Err(CliError::new(ExitStatus::Refused, message)
            .with_remedy(format!("Start it with `flowctl task start {}`.", task.name)));
    }
    let reference = number.map_or_else(|| "latest".to_owned(), |number| number.to_string());
    match client.get(&["tasks", &task.id, "runs", &reference], &[]).await {
        Ok(value) => {
            let run = response::read(&value)?;
            Ok((value, run))
        }
        Err(error) if error.exit == ExitStatus::NotFound => {
            Err(error.with_remedy(format!("List its runs with `flowctl task runs {}`.", task.name)))
        }
        Err(error) => Err(error),
    }
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
        let (_, run) = run(client, &task, Some(number)).await?;
        return Ok((task.id, run.summary.id));
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
    let (_, run) = run(client, &task, None).await?;
    Ok((task.id, run.summary.id))
}

async fn find<T: DeserializeOwned>(
    client: &Client,
    list: &str,
    noun: &str,
    reference: &str,
) -> Result<(Value, T), CliError> {
    let value: Value = match client.get(&[list, reference], &[]).await {
        Ok(value) => value,
        Err(error) if error.exit == ExitStatus::NotFound => {
            return Err(unknown(client, list, noun, reference).await?);
        }
        Err(error) => return Err(error),
    };
    let read = response::read(&value)?;
    Ok((value, read))
}

/// Error for an unknown name, with the nearest known one.
async fn unknown(
    client: &Client,
    list: &str,
    noun: &str,
    reference: &str,
) -> Result<CliError, CliError> {
    let first_page: Page<Value> = client.get(&[list], &[("limit", "200")]).await?;
    let names = first_page.items.iter().filter_map(|item| item["name"].as_str());
    let error =
        CliError::new(ExitStatus::NotFound, format!("there is no {noun} named {reference:?}"));
    Ok(error.with_remedy(match nearest(reference, names) {
        Some(name) => format!("Did you mean {name:?}? List all with `flowctl {noun} list`."),
        None => format!("List all with `flowctl {noun} list`."),
    }))
}
