//! `flowctl task submit`: applies a file and starts its tasks.

use std::collections::BTreeMap;

use flow_api_types::{Run, StartInput, Task};
use serde_json::Value;

use super::apply::{self, Batch};
use crate::args::{RunValues, SubmitArgs};
use crate::client::Client;
use crate::error::{CliError, ExitStatus};
use crate::manifest::{self, Document};
use crate::output::{self, Format};
use crate::response;
use crate::watch;

/// Applies the file and starts its tasks. The values belong to the runs, not to the tasks.
pub async fn run(
    client: &Client,
    args: SubmitArgs,
    format: Format,
) -> Result<ExitStatus, CliError> {
    let SubmitArgs { file, watch, dry_run, name, values } = args;
    let input = start_input(values)?;
    let mut documents = manifest::load(&file)?;
    let tasks = documents.iter().filter(|document| matches!(document, Document::Task(_))).count();
    if tasks == 0 {
        let message = format!("{} has no document with `kind: Task`", file.display());
        return Err(CliError::usage(message));
    }
    if tasks > 1 && (watch || name.is_some()) {
        return Err(CliError::usage(format!(
            "{} has {tasks} tasks; --watch and --name need a file with one task",
            file.display()
        )));
    }
    for document in &mut documents {
        if let (Document::Task(doc), Some(name)) = (document, &name) {
            doc.name.clone_from(name);
        }
    }
    if dry_run || input != StartInput::default() {
        // The hub checks the values of the runs before the first change.
        let mut runs = documents.clone();
        for document in &mut runs {
            if let Document::Task(doc) = document {
                doc.epochs = input.epochs.unwrap_or(doc.epochs);
                doc.parameters.extend(input.parameters.clone());
            }
        }
        let batch = Batch::new(&file, runs);
        if dry_run {
            return batch.dry_run(client, format).await;
        }
        batch.check(client).await?;
    }
    let (_, applied) = Batch::new(&file, documents).send(client).await?;
    if format == Format::Table {
        output::print(&apply::lines(&applied))?;
    }
    let mut exit = ExitStatus::Ok;
    for applied in applied.tasks {
        exit = start(client, &applied.task, &input, watch, format).await?;
    }
    Ok(exit)
}

/// Converts the options to the body of a start request.
pub fn start_input(RunValues { epochs, params }: RunValues) -> Result<StartInput, CliError> {
    let mut parameters = BTreeMap::new();
    for param in &params {
        let (name, value) = param.split_once('=').ok_or_else(|| {
            CliError::usage(format!("invalid --param {param:?}: must be NAME=VALUE"))
        })?;
        if parameters.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(CliError::usage(format!("--param {name} is given twice")));
        }
    }
    Ok(StartInput { epochs, parameters })
}

/// Starts a run of the task.
pub async fn start(
    client: &Client,
    task: &Task,
    input: &StartInput,
    watch: bool,
    format: Format,
) -> Result<ExitStatus, CliError> {
    let body = (*input != StartInput::default()).then(|| apply::body(input)).transpose()?;
    let value: Value = client.post(&["tasks", &task.id, "start"], body.as_ref()).await?;
    let run: Run = response::read(&value)?;
    if watch {
        return watch::follow(client, task, run.summary.id, true, format).await;
    }
    output::show(format, &value, || format!("task {} started: run {}\n", task.name, run.number))?;
    Ok(ExitStatus::Ok)
}
