//! Make what a file says so: create what is not there, edit what differs, leave alone what is as it should be.
//!
//! Each document is one request, so whatever interrupts this, the same file applied again completes it.

use std::path::PathBuf;

use flow_common::text::visible;
use serde_json::{Value, json};

use super::check;
use crate::client::{Client, Tagged};
use crate::failure::{Exit, Failure};
use crate::manifest::{self, Document, TaskDoc, TemplateDoc};
use crate::output::{self, Format};
use crate::resolve;
use crate::wire;

/// What was done about one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Created,
    /// It was different.
    Edited,
    /// It was so already.
    Unchanged,
}

impl Change {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Edited => "edited",
            Self::Unchanged => "unchanged",
        }
    }
}

/// Applies all documents of all files, in order. Nothing is changed before every document has been read and checked.
pub async fn files(client: &Client, files: &[PathBuf], format: Format) -> Result<Exit, Failure> {
    let mut documents = Vec::new();
    for file in files {
        documents.extend(manifest::load(file)?);
    }
    check::documents(client, &documents).await?;
    let mut results = Vec::new();
    for document in documents {
        let (line, value) = match document {
            Document::Template(doc) => template(client, &doc).await.map(said_template)?,
            Document::Task(doc) => task(client, doc).await.map(said_task)?,
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

/// The line about a template, and its document.
pub fn said_template((change, value): (Change, Value)) -> (String, Value) {
    let revision = value["revision"].as_u64().unwrap_or_default();
    (
        format!("template {} {} (revision {revision})\n", visible(name(&value)), change.as_str()),
        value,
    )
}

/// The line about a task, and its document.
pub fn said_task((change, value): (Change, Value)) -> (String, Value) {
    (format!("task {} {}\n", visible(name(&value)), change.as_str()), value)
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}

/// What the hub is sent for a template.
pub fn template_input(doc: &TemplateDoc) -> Result<Value, Failure> {
    let mut input =
        serde_json::to_value(&doc.body).map_err(|error| Failure::usage(error.to_string()))?;
    input["name"] = json!(doc.name);
    input["remark"] = json!(doc.remark);
    Ok(input)
}

/// Creates or edits the template of this name.
pub async fn template(client: &Client, doc: &TemplateDoc) -> Result<(Change, Value), Failure> {
    match resolve::by_name(client, "templates", &doc.name).await? {
        None => {
            Ok((Change::Created, client.post(&["templates"], Some(&template_input(doc)?)).await?))
        }
        Some(found) => edit_template(client, &found, doc).await,
    }
}

/// Makes the template `found` say what `doc` says.
pub async fn edit_template(
    client: &Client,
    found: &Value,
    doc: &TemplateDoc,
) -> Result<(Change, Value), Failure> {
    let id = found["id"].as_str().unwrap_or_default();
    let Tagged { value, tag } = client.get_tagged(&["templates", id]).await?;
    if template_doc(&value).is_ok_and(|is| is == *doc) {
        return Ok((Change::Unchanged, value));
    }
    Ok((
        Change::Edited,
        client.put(&["templates", id], &template_input(doc)?, tag.as_deref()).await?,
    ))
}

/// Creates or edits the task of this name.
pub async fn task(client: &Client, doc: TaskDoc) -> Result<(Change, Value), Failure> {
    let (_, template) = resolve::template(client, &doc.template).await?;
    let doc = TaskDoc {
        revision: doc.revision.or(Some(template.revision)),
        template: template.id,
        ..doc
    };
    let input = serde_json::to_value(&doc).map_err(|error| Failure::usage(error.to_string()))?;
    let Some(found) = resolve::by_name(client, "tasks", &doc.name).await? else {
        return Ok((Change::Created, client.post(&["tasks"], Some(&input)).await?));
    };
    let id = found["id"].as_str().unwrap_or_default();
    let Tagged { value, tag } = client.get_tagged(&["tasks", id]).await?;
    if task_doc(&value).is_ok_and(|is| is == doc) {
        return Ok((Change::Unchanged, value));
    }
    Ok((Change::Edited, client.put(&["tasks", id], &input, tag.as_deref()).await?))
}

/// The template a document of the hub describes, as people write it.
pub fn template_doc(value: &Value) -> Result<TemplateDoc, Failure> {
    let about = ["id", "name", "remark", "revision", "created_at", "modified_at"];
    Ok(TemplateDoc {
        name: name(value).to_owned(),
        remark: value["remark"].as_str().unwrap_or_default().to_owned(),
        body: wire::exact(&keep(value, |field| !about.contains(&field)))?,
    })
}

/// The task a document of the hub describes, as people write it.
fn task_doc(value: &Value) -> Result<TaskDoc, Failure> {
    let asked =
        ["name", "remark", "template", "revision", "epochs", "parameters", "members", "rules"];
    wire::exact(&keep(value, |field| asked.contains(&field)))
}

fn keep(value: &Value, wanted: impl Fn(&str) -> bool) -> Value {
    let fields = value.as_object().into_iter().flatten().filter(|(field, _)| wanted(field));
    Value::Object(fields.map(|(field, value)| (field.clone(), value.clone())).collect())
}
