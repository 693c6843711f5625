//! `flowctl template …`

use std::path::Path;

use flow_api_types::{Revision, Template, TemplateInput};
use serde_json::Value;

use crate::args::TemplateCommand;
use crate::client::Client;
use crate::command::apply::{body, warn};
use crate::command::edit;
use crate::error::{CliError, ExitStatus};
use crate::manifest::{self, Document, as_file, template_doc};
use crate::output::{self, Format};
use crate::resolve;
use crate::response;

pub async fn run(
    client: &Client,
    command: TemplateCommand,
    format: Format,
) -> Result<ExitStatus, CliError> {
    match command {
        TemplateCommand::List => list(client, format).await?,
        TemplateCommand::Get { template, revision } => {
            get(client, &template, revision, format).await?
        }
        TemplateCommand::Create { file } => create(client, &file, format).await?,
        TemplateCommand::Edit { template, file } => {
            edit::template(client, &template, file.as_deref(), format).await?
        }
        TemplateCommand::Delete { template } => {
            let (_, template) = resolve::template(client, &template).await?;
            client.delete(&["templates", &template.id]).await?;
            output::print(&format!("template {} deleted\n", template.content.name))?;
        }
        TemplateCommand::Revisions { template } => revisions(client, &template, format).await?,
    }
    Ok(ExitStatus::Ok)
}

async fn list(client: &Client, format: Format) -> Result<(), CliError> {
    let all: Vec<Value> = client.list(&["templates"], &[], "cursor").await?;
    let templates: Vec<Template> = all.iter().map(response::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let now = crate::output::now();
        let row = |t: Template| {
            vec![
                t.content.name,
                t.revision.to_string(),
                t.content.framework.to_string(),
                t.content.image,
                output::age(&t.modified_at, now),
                t.content.remark,
            ]
        };
        output::table(
            &["NAME", "REVISION", "FRAMEWORK", "IMAGE", "CHANGED", "REMARK"],
            templates.into_iter().map(row).collect(),
        )
    })
}

async fn get(
    client: &Client,
    reference: &str,
    revision: Option<u32>,
    format: Format,
) -> Result<(), CliError> {
    let (mut value, template) = resolve::template(client, reference).await?;
    if let Some(revision) = revision {
        value = client
            .get(&["templates", &template.id, "revisions", &revision.to_string()], &[])
            .await?;
    }
    // A table cannot show a template. The text is a file for `flowctl apply`.
    let text = as_file(&Document::Template(template_doc(&value)?))?;
    output::show(format, &value, || text)
}

async fn create(client: &Client, file: &Path, format: Format) -> Result<(), CliError> {
    for doc in templates_in(file)? {
        let value: Value = client.post(&["templates"], Some(&body(&doc)?)).await?;
        warn(&response::read::<Template>(&value)?.warnings);
        output::show(format, &value, || format!("template {} created\n", doc.name))?;
    }
    Ok(())
}

async fn revisions(client: &Client, reference: &str, format: Format) -> Result<(), CliError> {
    let (_, template) = resolve::template(client, reference).await?;
    let all: Vec<Value> =
        client.list(&["templates", &template.id, "revisions"], &[], "cursor").await?;
    let revisions: Vec<Revision> = all.iter().map(response::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let now = crate::output::now();
        let row = |r: Revision| {
            vec![
                r.revision.to_string(),
                output::age(&r.created_at, now),
                r.content.image,
                r.content.command.join(" "),
            ]
        };
        output::table(
            &["REVISION", "AGE", "IMAGE", "COMMAND"],
            revisions.into_iter().map(row).collect(),
        )
    })
}

fn templates_in(file: &Path) -> Result<Vec<TemplateInput>, CliError> {
    templates(&file.display().to_string(), manifest::load(file)?)
}

fn templates(shown: &str, documents: Vec<Document>) -> Result<Vec<TemplateInput>, CliError> {
    let only = |document| match document {
        Document::Template(doc) => Ok(doc),
        Document::Task(doc) => Err(CliError::usage(format!(
            "{shown} has the task {}; use `flowctl apply -f` for templates and tasks",
            doc.name
        ))),
    };
    documents.into_iter().map(only).collect()
}
