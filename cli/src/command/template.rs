//! `flowctl template …`

use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::args::TemplateCommand;
use crate::client::Client;
use crate::command::apply::{edit_template, said_template, template_doc, template_input};
use crate::failure::{Exit, Failure};
use crate::manifest::{self, Document, TemplateDoc};
use crate::output::{self, Format};
use crate::resolve;
use crate::wire::{self, Revision, Template};

pub async fn run(client: &Client, command: TemplateCommand, format: Format) -> Result<Exit, Failure> {
    match command {
        TemplateCommand::List => list(client, format).await?,
        TemplateCommand::Get { template, revision } => get(client, &template, revision, format).await?,
        TemplateCommand::Create { file } => create(client, &file, format).await?,
        TemplateCommand::Edit { template, file } => edit(client, &template, file.as_deref(), format).await?,
        TemplateCommand::Delete { template } => {
            let (_, template) = resolve::template(client, &template).await?;
            client.delete(&["templates", &template.id]).await?;
            output::print(&format!("template {} deleted\n", template.name))?;
        }
        TemplateCommand::Revisions { template } => revisions(client, &template, format).await?,
    }
    Ok(Exit::Ok)
}

async fn list(client: &Client, format: Format) -> Result<(), Failure> {
    let all: Vec<Value> = client.list(&["templates"], &[], "cursor").await?;
    let templates: Vec<Template> = all.iter().map(wire::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let now = Timestamp::now();
        let row = |t: Template| vec![t.name, t.revision.to_string(), t.framework, t.image, output::age(&t.modified_at, now), t.remark];
        output::table(&["NAME", "REVISION", "FRAMEWORK", "IMAGE", "CHANGED", "REMARK"], templates.into_iter().map(row).collect())
    })
}

async fn get(client: &Client, reference: &str, revision: Option<u32>, format: Format) -> Result<(), Failure> {
    let (mut value, template) = resolve::template(client, reference).await?;
    if let Some(revision) = revision {
        value = client.get(&["templates", &template.id, "revisions", &revision.to_string()], &[]).await?;
    }
    // As it would be written to apply it again: a table could not hold it.
    let text = as_file(&template_doc(&value)?)?;
    output::show(format, &value, || text)
}

async fn create(client: &Client, file: &Path, format: Format) -> Result<(), Failure> {
    for doc in templates_in(file)? {
        let value: Value = client.post(&["templates"], Some(&template_input(&doc)?)).await?;
        output::show(format, &value, || format!("template {} created\n", doc.name))?;
    }
    Ok(())
}

async fn edit(client: &Client, reference: &str, file: Option<&Path>, format: Format) -> Result<(), Failure> {
    let (found, template) = resolve::template(client, reference).await?;
    let doc = match file {
        Some(file) => match <[TemplateDoc; 1]>::try_from(templates_in(file)?) {
            Ok([doc]) => doc,
            Err(_) => return Err(Failure::usage(format!("{} must hold one template", file.display()))),
        },
        None => in_editor(&template.id, &as_file(&template_doc(&found)?)?)?,
    };
    let (line, value) = said_template(edit_template(client, &found, &doc).await?);
    output::show(format, &value, || line)
}

async fn revisions(client: &Client, reference: &str, format: Format) -> Result<(), Failure> {
    let (_, template) = resolve::template(client, reference).await?;
    let all: Vec<Value> = client.list(&["templates", &template.id, "revisions"], &[], "cursor").await?;
    let revisions: Vec<Revision> = all.iter().map(wire::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let now = Timestamp::now();
        let row = |r: Revision| vec![r.revision.to_string(), output::age(&r.created_at, now), r.image, r.command.join(" ")];
        output::table(&["REVISION", "MADE", "IMAGE", "COMMAND"], revisions.into_iter().map(row).collect())
    })
}

fn templates_in(file: &Path) -> Result<Vec<TemplateDoc>, Failure> {
    let only = |document| match document {
        Document::Template(doc) => Ok(doc),
        Document::Task(doc) => {
            Err(Failure::usage(format!("{} holds the task {}; use `flowctl apply -f` for both", file.display(), doc.name)))
        }
    };
    manifest::load(file)?.into_iter().map(only).collect()
}

fn as_file(doc: &TemplateDoc) -> Result<String, Failure> {
    let head = json!({"kind": "Template", "name": doc.name, "remark": doc.remark});
    [serde_yaml_ng::to_string(&head), serde_yaml_ng::to_string(&doc.body)]
        .into_iter()
        .collect::<Result<String, _>>()
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

/// Lets a person edit the text. A text that cannot be read stays on disk, for nobody likes to type twice.
fn in_editor(id: &str, text: &str) -> Result<TemplateDoc, Failure> {
    let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "vi".to_owned());
    let path = std::env::temp_dir().join(format!("flowctl-template-{id}-{}.yaml", std::process::id()));
    std::fs::write(&path, text)?;
    // Through a shell, since editors are often given with arguments.
    let ended = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&path).status()?;
    if !ended.success() {
        return Err(Failure::new(Exit::Failed, format!("the editor `{editor}` failed; nothing was changed")));
    }
    let mut docs = templates_in(&path)
        .map_err(|failure| failure.with_remedy(format!("Mend it and give it to `flowctl template edit -f {}`.", path.display())))?;
    std::fs::remove_file(&path)?;
    docs.pop().ok_or_else(|| Failure::usage("the file holds no template"))
}
