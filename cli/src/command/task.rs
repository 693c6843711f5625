//! `flowctl task …`

use std::collections::BTreeMap;
use std::path::Path;

use flow_api_types::{Event, ProgressSummary, Run, RunSummary, StartInput, Task, TaskMember};
use serde_json::Value;

use crate::args::{RunValues, TaskCommand};
use crate::client::Client;
use crate::command::run::of_task;
use crate::command::{apply, check, logs};
use crate::error::{CliError, Exit};
use crate::manifest::{self, Document, TaskDoc};
use crate::output::{self, Format};
use crate::resolve;
use crate::response;
use crate::watch;

pub async fn run(client: &Client, command: TaskCommand, format: Format) -> Result<Exit, CliError> {
    match command {
        TaskCommand::Submit { file, watch, name, values } => {
            let input = start_input(values)?;
            return submit(client, &file, watch, name, &input, format).await;
        }
        TaskCommand::List => list(client, format).await?,
        TaskCommand::Get { task } => get(client, &task, format).await?,
        TaskCommand::Start { task, values, watch } => {
            let input = start_input(values)?;
            let (_, task) = resolve::task(client, &task).await?;
            return start(client, &task, &input, watch, format).await;
        }
        TaskCommand::Stop { task } => {
            let (_, task) = resolve::task(client, &task).await?;
            client.post::<Value>(&["tasks", &task.id, "stop"], None).await?;
            print_line(format, &format!("task {} is being stopped\n", task.name))?;
        }
        TaskCommand::Delete { task } => {
            let (_, task) = resolve::task(client, &task).await?;
            client.delete(&["tasks", &task.id]).await?;
            print_line(format, &format!("task {} deleted\n", task.name))?;
        }
        TaskCommand::Events { task } => events(client, &task, format).await?,
        TaskCommand::Watch { task, run } => {
            let (_, task) = resolve::task(client, &task).await?;
            let id = resolve::run(client, &task, run).await?;
            return watch::follow(client, &task, id, run.is_none(), format).await;
        }
        TaskCommand::Runs { task } => of_task(client, &task, usize::MAX, format).await?,
        TaskCommand::Logs(args) => return logs::print(client, args).await,
    }
    Ok(Exit::Ok)
}

/// Converts the options to the body of a start request.
fn start_input(RunValues { epochs, params }: RunValues) -> Result<StartInput, CliError> {
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

/// Replaces values of the tasks among the documents.
fn edited(documents: &[Document], edit: impl Fn(&mut TaskDoc)) -> Vec<Document> {
    let mut documents = documents.to_vec();
    for document in &mut documents {
        if let Document::Task(doc) = document {
            edit(doc);
        }
    }
    documents
}

/// Applies the file and starts its tasks. `input` belongs to the runs, not to the tasks.
async fn submit(
    client: &Client,
    file: &Path,
    watch: bool,
    name: Option<String>,
    input: &StartInput,
    format: Format,
) -> Result<Exit, CliError> {
    let documents = manifest::load(file)?;
    let tasks = documents.iter().filter(|document| matches!(document, Document::Task(_))).count();
    if tasks == 0 {
        return Err(CliError::usage(format!(
            "{} has no document with `kind: Task`",
            file.display()
        )));
    }
    if tasks > 1 && (watch || name.is_some()) {
        return Err(CliError::usage(format!(
            "{} has {tasks} tasks; --watch and --name need a file with one task",
            file.display()
        )));
    }
    let documents =
        edited(&documents, |doc| doc.name = name.clone().unwrap_or_else(|| doc.name.clone()));
    check::documents(client, &documents).await?;
    if *input != StartInput::default() {
        // The runs, before the first change.
        let runs = edited(&documents, |doc| {
            doc.epochs = input.epochs.unwrap_or(doc.epochs);
            doc.parameters.extend(input.parameters.clone());
        });
        check::documents(client, &runs).await?;
    }
    let mut submitted = Vec::new();
    for document in documents {
        let line = match document {
            Document::Template(doc) => apply::template_line(apply::template(client, &doc).await?).0,
            Document::Task(doc) => {
                let (line, value) = apply::task_line(apply::task(client, doc).await?);
                submitted.push(response::read::<Task>(&value)?);
                line
            }
        };
        print_line(format, &line)?;
    }
    let mut exit = Exit::Ok;
    for task in submitted {
        exit = start(client, &task, input, watch, format).await?;
    }
    Ok(exit)
}

async fn start(
    client: &Client,
    task: &Task,
    input: &StartInput,
    watch: bool,
    format: Format,
) -> Result<Exit, CliError> {
    let body = (*input != StartInput::default()).then(|| apply::body(input)).transpose()?;
    let value: Value = client.post(&["tasks", &task.id, "start"], body.as_ref()).await?;
    let run: Run = response::read(&value)?;
    if watch {
        return watch::follow(client, task, run.summary.id, true, format).await;
    }
    output::show(format, &value, || format!("task {} started: run {}\n", task.name, run.number))?;
    Ok(Exit::Ok)
}

async fn list(client: &Client, format: Format) -> Result<(), CliError> {
    let all: Vec<Value> = client.list(&["tasks"], &[], "cursor").await?;
    let tasks: Vec<Task> = all.iter().map(response::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let now = crate::output::now();
        let row = |task: Task| {
            let reason = task.run.as_ref().map(reason).unwrap_or_default();
            let phase = phase(task.run.as_ref());
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

async fn get(client: &Client, reference: &str, format: Format) -> Result<(), CliError> {
    let (value, task) = resolve::task(client, reference).await?;
    // A task keeps the id of a template that was deleted.
    let template = match resolve::template(client, &task.template).await {
        Ok((_, template)) => template.content.name,
        Err(_) => task.template.clone(),
    };
    output::show(format, &value, || {
        let run = task.run.as_ref();
        let mut text = output::fields(&[
            ("name", task.name.clone()),
            ("id", task.id.clone()),
            ("remark", task.remark.clone()),
            ("template", format!("{template} revision {}", task.revision)),
            ("epochs", task.epochs.to_string()),
            (
                "parameters",
                task.parameters
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
            ("age", output::age(&task.created_at, crate::output::now())),
            ("runs", task.runs.to_string()),
            ("phase", phase(run)),
            ("epoch", epochs(run)),
            ("reason", run.map(reason).unwrap_or_default()),
        ]);
        let row = |member: TaskMember| {
            vec![member.party, member.role.to_string(), member.dataset.unwrap_or_default()]
        };
        text.push('\n');
        text + &output::table(
            &["PARTY", "ROLE", "DATASET"],
            task.members.into_iter().map(row).collect(),
        )
    })
}

async fn events(client: &Client, reference: &str, format: Format) -> Result<(), CliError> {
    let (_, task) = resolve::task(client, reference).await?;
    let all: Vec<Value> = client.list(&["tasks", &task.id, "events"], &[], "after").await?;
    let events: Vec<Event> = all.iter().map(response::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let row = |event: Event| {
            vec![
                event.seq.to_string(),
                event.at.to_string(),
                event.kind.to_string(),
                event.party.unwrap_or_default(),
                event.message,
            ]
        };
        output::table(
            &["NUMBER", "TIME", "KIND", "PARTY", "MESSAGE"],
            events.into_iter().map(row).collect(),
        )
    })
}

fn phase(run: Option<&RunSummary>) -> String {
    run.map_or_else(|| "never started".to_owned(), |run| run.phase.to_string())
}

pub fn epochs(run: Option<&RunSummary>) -> String {
    match run.map(|run| &run.progress) {
        Some(ProgressSummary { epoch: Some(epoch), epochs: Some(epochs), .. }) => {
            format!("{epoch}/{epochs}")
        }
        _ => String::new(),
    }
}

/// Returns the cause of the end of the run, or the cause for which it is not running yet.
pub fn reason(run: &RunSummary) -> String {
    let ending = run.ending.as_ref().map(|ending| ending.message.clone());
    ending
        .or_else(|| run.waiting.as_ref().map(|waiting| waiting.message.clone()))
        .unwrap_or_default()
}

/// Prints a line for people. Programs use the exit code.
fn print_line(format: Format, line: &str) -> Result<(), CliError> {
    if format == Format::Table { output::print(line) } else { Ok(()) }
}
