//! `flowctl describe`: everything about a task on one screen, and the texts of its parts.

use std::collections::BTreeMap;

use flow_api_types::{Event, RunSummary, Task, TaskMember};
use flow_domain::run::RunPhase;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::{CliError, ExitStatus};
use crate::output::{self, Format};
use crate::resolve;
use crate::response;
use crate::view::{self, epochs, phase_cell, reason};

/// Newest events that are shown.
const EVENTS_MAX: usize = 10;

pub async fn print(
    client: &Client,
    reference: &str,
    format: Format,
) -> Result<ExitStatus, CliError> {
    let (value, found) = resolve::task(client, reference).await?;
    let template = template_name(client, &found).await;
    let run = match &found.run {
        Some(_) => Some(resolve::run(client, &found, None).await?),
        None => None,
    };
    let (all, mut events, numbers) = read_events(client, &found).await?;
    let whole = json!({
        "task": value,
        "run": run.as_ref().map(|(value, _)| value),
        "events": all,
    });
    let omitted = events.len().saturating_sub(EVENTS_MAX);
    events.drain(..omitted);
    output::show(format, &whole, || {
        let mut text = head(&found, &template) + "\n";
        match &run {
            Some((_, run)) => {
                let width = output::terminal_width().unwrap_or(usize::MAX);
                text += &view::frame(&found.name, run, output::now(), width).join("\n");
                text.push('\n');
            }
            None => text += &members(&found),
        }
        text += &format!("\nlast events ({omitted} earlier)\n");
        text += &events_table(events, &numbers);
        let active =
            run.as_ref().filter(|(_, run)| !run.phase.known().is_some_and(RunPhase::is_terminal));
        let next = match (&run, active) {
            (_, Some(_)) => "flowctl watch {}, flowctl task stop {}",
            (Some(_), None) => "flowctl logs {}, flowctl metrics {}, flowctl task start {}",
            (None, None) => "flowctl task start {}",
        };
        text + "\nnext: " + &next.replace("{}", &found.name) + "\n"
    })?;
    Ok(ExitStatus::Ok)
}

/// Returns the name of the task's template. A task keeps the id of a template that was deleted.
pub async fn template_name(client: &Client, task: &Task) -> String {
    match resolve::template(client, &task.template).await {
        Ok((_, template)) => template.content.name,
        Err(_) => task.template.clone(),
    }
}

/// Formats the fields of a task.
pub fn head(task: &Task, template: &str) -> String {
    let run = task.run.as_ref();
    let parameters: Vec<String> =
        task.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    output::fields(&[
        ("name", task.name.clone()),
        ("id", task.id.clone()),
        ("remark", task.remark.clone()),
        ("template", format!("{template} revision {}", task.revision)),
        ("epochs", task.epochs.to_string()),
        ("parameters", parameters.join(" ")),
        ("age", output::age(&task.created_at, output::now())),
        ("runs", task.runs.to_string()),
        ("phase", phase_cell(run)),
        ("epoch", epochs(run)),
        ("reason", run.map(reason).unwrap_or_default()),
    ])
}

/// Formats the members of a task.
pub fn members(task: &Task) -> String {
    let row = |member: &TaskMember| {
        let dataset = member.dataset.clone().unwrap_or_default();
        vec![member.party.clone(), member.role.to_string(), dataset]
    };
    output::table(&["PARTY", "ROLE", "DATASET"], task.members.iter().map(row).collect())
}

/// Reads the events of a task and the number of each of its runs, by id.
pub async fn read_events(
    client: &Client,
    task: &Task,
) -> Result<(Value, Vec<Event>, BTreeMap<String, u32>), CliError> {
    let all: Vec<Value> = client.list(&["tasks", &task.id, "events"], &[], "after").await?;
    let events: Vec<Event> = all.iter().map(response::read).collect::<Result<_, _>>()?;
    let runs: Vec<RunSummary> = client.list(&["tasks", &task.id, "runs"], &[], "cursor").await?;
    let numbers = runs.into_iter().map(|run| (run.id, run.number)).collect();
    Ok((Value::Array(all), events, numbers))
}

/// Formats events with the number of their run.
pub fn events_table(events: Vec<Event>, numbers: &BTreeMap<String, u32>) -> String {
    let row = |event: Event| {
        let run = event.run.and_then(|run| numbers.get(&run)).map(u32::to_string);
        vec![
            event.seq.to_string(),
            event.at.to_string(),
            run.unwrap_or_default(),
            event.kind.to_string(),
            event.party.unwrap_or_default(),
            event.message,
        ]
    };
    output::table(
        &["NUMBER", "TIME", "RUN", "KIND", "PARTY", "MESSAGE"],
        events.into_iter().map(row).collect(),
    )
}
