//! `flowctl describe`: everything about a task on one screen.

use flow_domain::run::RunPhase;
use serde_json::json;

use super::task;
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::{self, Format};
use crate::resolve;
use crate::view;

/// Newest events that are shown.
const EVENTS_MAX: usize = 10;

pub async fn print(client: &Client, reference: &str, format: Format) -> Result<Exit, CliError> {
    let (value, found) = resolve::task(client, reference).await?;
    let template = task::template_name(client, &found).await;
    let run = match &found.run {
        Some(_) => Some(resolve::run(client, &found, None).await?),
        None => None,
    };
    let (all, mut events, numbers) = task::read_events(client, &found).await?;
    let whole = json!({
        "task": value,
        "run": run.as_ref().map(|(value, _)| value),
        "events": all,
    });
    let omitted = events.len().saturating_sub(EVENTS_MAX);
    events.drain(..omitted);
    output::show(format, &whole, || {
        let mut text = task::head(&found, &template) + "\n";
        match &run {
            Some((_, run)) => {
                let width = output::terminal_width().unwrap_or(usize::MAX);
                text += &view::frame(&found.name, run, output::now(), width).join("\n");
                text.push('\n');
            }
            None => text += &task::members(&found),
        }
        text += &format!("\nlast events ({omitted} earlier)\n");
        text += &task::events_table(events, &numbers);
        let active =
            run.as_ref().filter(|(_, run)| !run.phase.known().is_some_and(RunPhase::is_terminal));
        let next = match (&run, active) {
            (_, Some(_)) => "flowctl watch {}, flowctl task stop {}",
            (Some(_), None) => "flowctl logs {}, flowctl metrics {}, flowctl task start {}",
            (None, None) => "flowctl task start {}",
        };
        text + "\nnext: " + &next.replace("{}", &found.name) + "\n"
    })?;
    Ok(Exit::Ok)
}
