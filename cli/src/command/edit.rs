//! Edits of templates and tasks, from a file or in the user's editor.

use std::path::Path;

use flow_api_types::{ApplyOutcome, Task, TaskDocument, Template, TemplateInput};
use serde_json::Value;

use super::apply::{body, warn};
use crate::client::{Client, Tagged};
use crate::editor::Draft;
use crate::error::{CliError, ExitStatus};
use crate::manifest::{self, Document, as_file, task_doc, template_doc};
use crate::output::{self, Format};
use crate::resolve;
use crate::response;

/// Edits a template.
pub async fn template(
    client: &Client,
    reference: &str,
    file: Option<&Path>,
    format: Format,
) -> Result<(), CliError> {
    let (found, template) = resolve::template(client, reference).await?;
    let name = &template.content.name;
    let edited = match file {
        Some(file) => {
            send_template(client, &template.id, &file.display().to_string(), manifest::load(file)?)
                .await?
        }
        None => {
            let text = as_file(&Document::Template(template_doc(&found)?))?;
            let shown = format!("the edited template {name}");
            let send = async |docs| send_template(client, &template.id, &shown, docs).await;
            in_editor("template", name, &text, &shown, send).await?
        }
    };
    let (outcome, value) = edited;
    let template: Template = response::read(&value)?;
    warn(&template.warnings);
    let (name, revision) = (&template.content.name, template.revision);
    output::show(format, &value, || format!("template {name} {outcome} (revision {revision})\n"))
}

/// Edits a task.
pub async fn task(
    client: &Client,
    reference: &str,
    file: Option<&Path>,
    format: Format,
) -> Result<(), CliError> {
    let (found, task) = resolve::task(client, reference).await?;
    let edited = match file {
        Some(file) => {
            send_task(client, &task.id, &file.display().to_string(), manifest::load(file)?).await?
        }
        None => {
            let (_, template) = resolve::template(client, &task.template).await?;
            let doc = TaskDocument { template: template.content.name, ..task_doc(&found)? };
            let text = as_file(&Document::Task(doc))?;
            let shown = format!("the edited task {}", task.name);
            let send = async |docs| send_task(client, &task.id, &shown, docs).await;
            in_editor("task", &task.name, &text, &shown, send).await?
        }
    };
    let (outcome, value) = edited;
    let task: Task = response::read(&value)?;
    warn(&task.warnings);
    output::show(format, &value, || format!("task {} {outcome}\n", task.name))
}

type Edited = Result<(ApplyOutcome, Value), CliError>;

async fn send_template(client: &Client, id: &str, shown: &str, docs: Vec<Document>) -> Edited {
    let Ok([Document::Template(doc)]) = <[Document; 1]>::try_from(docs) else {
        return Err(CliError::usage(format!("{shown} must have exactly one template")));
    };
    let Tagged { value, tag } = client.get_tagged(&["templates", id]).await?;
    if template_doc(&value).is_ok_and(|stored: TemplateInput| stored == doc) {
        return Ok((ApplyOutcome::Unchanged, value));
    }
    let value = client.put(&["templates", id], &body(&doc)?, tag.as_deref()).await?;
    Ok((ApplyOutcome::Edited, value))
}

async fn send_task(client: &Client, id: &str, shown: &str, docs: Vec<Document>) -> Edited {
    let Ok([Document::Task(mut doc)]) = <[Document; 1]>::try_from(docs) else {
        return Err(CliError::usage(format!("{shown} must have exactly one task")));
    };
    let (_, template) = resolve::template(client, &doc.template).await?;
    doc.revision = doc.revision.or(Some(template.revision));
    doc.template = template.id;
    let Tagged { value, tag } = client.get_tagged(&["tasks", id]).await?;
    if task_doc(&value).is_ok_and(|stored| stored == doc) {
        return Ok((ApplyOutcome::Unchanged, value));
    }
    let value = client.put(&["tasks", id], &body(&doc)?, tag.as_deref()).await?;
    Ok((ApplyOutcome::Edited, value))
}

/// Quotes a name for a shell.
fn shell_word(name: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    if name.chars().all(is_plain) && !name.starts_with('-') {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', "'\\''"))
}

/// Lets the user edit a text and sends its documents. The user can edit a rejected text again.
async fn in_editor(
    noun: &str,
    name: &str,
    text: &str,
    shown: &str,
    send: impl AsyncFn(Vec<Document>) -> Edited,
) -> Edited {
    let file = format!("{noun}.yaml");
    let manifest = if noun == "task" { " --manifest" } else { "" };
    let word = shell_word(name);
    let remedy = format!(
        "Or edit a file: `flowctl {noun} get {word}{manifest} > FILE`, then `flowctl {noun} edit {word} -f FILE`."
    );
    let mut draft = Draft::new(&file, text)?;
    loop {
        let text = draft.edit().await.map_err(|error| match error.exit {
            ExitStatus::Interrupted => error,
            _ => error.with_remedy(format!("Set EDITOR to an editor on this machine. {remedy}")),
        })?;
        let sent = async {
            let docs = manifest::parse(&text)
                .map_err(|message| CliError::usage(format!("{shown}: {message}")))?;
            send(docs).await
        };
        match draft.unless_stopped(sent).await {
            Err(error)
                if error.exit != ExitStatus::Interrupted && draft.asks_again(&error).await? => {}
            result => return result,
        }
    }
}
