//! Names where the hub wants ids: people name things, programs may give either.

use flow_domain::id::TaskId;
use serde_json::Value;

use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::wire::{Page, RunSummary, Task, Template};

/// Longest name of a task or template, in characters.
const LONGEST_NAME: usize = 50;
/// Two names are alike enough for a suggestion.
const ALIKE: f64 = 0.7;

/// The template called so: its document and the part of it that is read here.
pub async fn template(client: &Client, reference: &str) -> Result<(Value, Template), Failure> {
    let value = find(client, "templates", "template", reference).await?;
    let template = crate::wire::read(&value)?;
    Ok((value, template))
}

/// The task called so: its document and the part of it that is read here.
pub async fn task(client: &Client, reference: &str) -> Result<(Value, Task), Failure> {
    let value = find(client, "tasks", "task", reference).await?;
    let task = crate::wire::read(&value)?;
    Ok((value, task))
}

/// The id of the task's run of this number; of its newest without one.
pub async fn run(client: &Client, task: &Task, number: Option<u32>) -> Result<String, Failure> {
    let newest = task.run.as_ref().ok_or_else(|| {
        Failure::new(Exit::Refused, format!("task {} was never started", task.name))
            .with_remedy(format!("Start it with `flowctl task start {}`.", task.name))
    })?;
    let Some(number) = number.filter(|number| *number != newest.number) else {
        return Ok(newest.id.clone());
    };
    let runs: Vec<RunSummary> = client.list(&["tasks", &task.id, "runs"], &[], "cursor").await?;
    runs.into_iter().find(|run| run.number == number).map(|run| run.id).ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("task {} has no run {number}", task.name))
            .with_remedy(format!("List its runs with `flowctl task runs {}`.", task.name))
    })
}

/// The document of this name in a list, if there is one.
pub async fn by_name(client: &Client, list: &str, name: &str) -> Result<Option<Value>, Failure> {
    if !(1..=LONGEST_NAME).contains(&name.chars().count()) {
        return Ok(None);
    }
    // The hub filters by how names begin.
    let alike: Vec<Value> = client.list(&[list], &[("name", name)], "cursor").await?;
    Ok(alike.into_iter().find(|item| item["name"] == name))
}

async fn find(client: &Client, list: &str, noun: &str, reference: &str) -> Result<Value, Failure> {
    // Ids of tasks and templates have one form.
    if reference.parse::<TaskId>().is_ok() {
        return client.get(&[list, reference], &[]).await;
    }
    if let Some(found) = by_name(client, list, reference).await? {
        return Ok(found);
    }
    let others: Page<Value> = client.get(&[list], &[("limit", "200")]).await?;
    let names = others.items.iter().filter_map(|item| item["name"].as_str());
    let close = names
        .map(|name| (strsim::jaro_winkler(name, reference), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let failure = Failure::new(Exit::NotFound, format!("there is no {noun} named {reference:?}"));
    Err(failure.with_remedy(match close {
        Some((_, name)) => format!("Did you mean {name:?}? `flowctl {noun} list` shows all."),
        None => format!("`flowctl {noun} list` shows all."),
    }))
}
