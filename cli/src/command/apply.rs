//! Creates or edits templates and tasks so that the hub has what a file describes.
//!
//! Each document is one request. After an interruption the same command completes the rest.

use std::path::PathBuf;

use flow_api_types::TemplateInput;
use flow_common::text::visible;
use serde_json::Value;

use super::check;
use crate::client::{Client, Tagged};
use crate::error::{CliError, Exit};
use crate::manifest::{self, Document, TaskDoc};
use crate::output::{self, Format};
use crate::resolve;

/// Effect of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyOutcome {
    Created,
    Edited,
    Unchanged,
}

impl ApplyOutcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Edited => "edited",
            Self::Unchanged => "unchanged",
        }
    }
}

/// Applies all documents of all files, in order. Reads and checks every document before the first
/// change.
pub async fn files(client: &Client, files: &[PathBuf], format: Format) -> Result<Exit, CliError> {
    let mut documents = Vec::new();
    for file in files {
        documents.extend(manifest::load(file)?);
    }
    check::documents(client, &documents).await?;
    let mut results = Vec::new();
    for document in documents {
        let (line, value) = match document {
            Document::Template(doc) => template(client, &doc).await.map(template_line)?,
            Document::Task(doc) => task(client, doc).await.map(task_line)?,
        };
        if format == Format::Table {
            output::print(&line)?;
        }
        results.push(value);
    }
    if format != Format::Table {
        output::show(format, &Value::Array(results), String::new)?;
    }
    Ok(Exit::Ok)
}

/// Formats the line about a template. Returns the response with it.
pub fn template_line((change, value): (ApplyOutcome, Value)) -> (String, Value) {
    let revision = value["revision"].as_u64().unwrap_or_default();
    (
        format!("template {} {} (revision {revision})\n", visible(name(&value)), change.as_str()),
        value,
    )
}

/// Formats the line about a task. Returns the response with it.
pub fn task_line((change, value): (ApplyOutcome, Value)) -> (String, Value) {
    (format!("task {} {}\n", visible(name(&value)), change.as_str()), value)
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}

/// Converts a document to the body of a request.
pub fn body(doc: &impl serde::Serialize) -> Result<Value, CliError> {
    serde_json::to_value(doc).map_err(|error| CliError::usage(error.to_string()))
}

/// Creates or edits the template with the name of the document.
pub async fn template(
    client: &Client,
    doc: &TemplateInput,
) -> Result<(ApplyOutcome, Value), CliError> {
    match resolve::by_name(client, "templates", &doc.name).await? {
        None => Ok((ApplyOutcome::Created, client.post(&["templates"], Some(&body(doc)?)).await?)),
        Some(found) => edit_template(client, &found, doc).await,
    }
}

/// Edits the template `found` unless it already equals the document.
pub async fn edit_template(
    client: &Client,
    found: &Value,
    doc: &TemplateInput,
) -> Result<(ApplyOutcome, Value), CliError> {
    let id = found["id"].as_str().unwrap_or_default();
    let Tagged { value, tag } = client.get_tagged(&["templates", id]).await?;
    if manifest::template_doc(&value).is_ok_and(|stored| stored == *doc) {
        return Ok((ApplyOutcome::Unchanged, value));
    }
    Ok((ApplyOutcome::Edited, client.put(&["templates", id], &body(doc)?, tag.as_deref()).await?))
}

/// Creates or edits the task with the name of the document.
pub async fn task(client: &Client, doc: TaskDoc) -> Result<(ApplyOutcome, Value), CliError> {
    let (_, template) = resolve::template(client, &doc.template).await?;
    let doc = TaskDoc {
        revision: doc.revision.or(Some(template.revision)),
        template: template.id,
        ..doc
    };
    let input = body(&doc)?;
    let Some(found) = resolve::by_name(client, "tasks", &doc.name).await? else {
        return Ok((ApplyOutcome::Created, client.post(&["tasks"], Some(&input)).await?));
    };
    let id = found["id"].as_str().unwrap_or_default();
    let Tagged { value, tag } = client.get_tagged(&["tasks", id]).await?;
    if manifest::task_doc(&value).is_ok_and(|stored| stored == doc) {
        return Ok((ApplyOutcome::Unchanged, value));
    }
    Ok((ApplyOutcome::Edited, client.put(&["tasks", id], &input, tag.as_deref()).await?))
}
