//! `flowctl template …`

use std::path::Path;

use flow_api_types::{Revision, Template, TemplateInput};
use serde_json::{Value, json};

use crate::args::TemplateCommand;
use crate::client::Client;
use crate::command::apply::{ApplyOutcome, body, edit_template, template_line};
use crate::editor::Draft;
use crate::error::{CliError, Exit};
use crate::manifest::{self, Document, template_doc};
use crate::output::{self, Format};
use crate::resolve;
use crate::response;

pub async fn run(
    client: &Client,
    command: TemplateCommand,
    format: Format,
) -> Result<Exit, CliError> {
    match command {
        TemplateCommand::List => list(client, format).await?,
        TemplateCommand::Get { template, revision } => {
            get(client, &template, revision, format).await?
        }
        TemplateCommand::Create { file } => create(client, &file, format).await?,
        TemplateCommand::Edit { template, file } => {
            edit(client, &template, file.as_deref(), format).await?
        }
        TemplateCommand::Delete { template } => {
            let (_, template) = resolve::template(client, &template).await?;
            client.delete(&["templates", &template.id]).await?;
            output::print(&format!("template {} deleted\n", template.content.name))?;
        }
        TemplateCommand::Revisions { template } => revisions(client, &template, format).await?,
    }
    Ok(Exit::Ok)
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
    let text = as_file(&template_doc(&value)?)?;
    output::show(format, &value, || text)
}

async fn create(client: &Client, file: &Path, format: Format) -> Result<(), CliError> {
    for doc in templates_in(file)? {
        let value: Value = client.post(&["templates"], Some(&body(&doc)?)).await?;
        output::show(format, &value, || format!("template {} created\n", doc.name))?;
    }
    Ok(())
}

async fn edit(
    client: &Client,
    reference: &str,
    file: Option<&Path>,
    format: Format,
) -> Result<(), CliError> {
    let (found, template) = resolve::template(client, reference).await?;
    let edited = match file {
        Some(file) => {
            edit_template(
                client,
                &found,
                &only_template(&file.display().to_string(), templates_in(file)?)?,
            )
            .await?
        }
        None => in_editor(client, &template.content.name, &found).await?,
    };
    let (line, value) = template_line(edited);
    output::show(format, &value, || line)
}

fn only_template(shown: &str, docs: Vec<TemplateInput>) -> Result<TemplateInput, CliError> {
    let [doc] = <[TemplateInput; 1]>::try_from(docs)
        .map_err(|_| CliError::usage(format!("{shown} must have exactly one template")))?;
    Ok(doc)
}

/// Lets the user edit the template `found` and sends it. The user can edit a rejected text again.
async fn in_editor(
    client: &Client,
    name: &str,
    found: &Value,
) -> Result<(ApplyOutcome, Value), CliError> {
    let mut draft = Draft::new("template.yaml", &as_file(&template_doc(found)?)?)?;
    let shown = format!("the edited template {name}");
    loop {
        let text = draft.edit().await?;
        let sent = async {
            let docs = manifest::parse(&text)
                .map_err(|message| CliError::usage(format!("{shown}: {message}")))?;
            edit_template(client, found, &only_template(&shown, templates(&shown, docs)?)?).await
        };
        match draft.unless_stopped(sent).await {
            Err(error) if error.exit != Exit::Interrupted && draft.asks_again(&error).await? => {}
            result => return result,
        }
    }
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

fn as_file(doc: &TemplateInput) -> Result<String, CliError> {
    [serde_yaml_ng::to_string(&json!({"kind": "Template"})), serde_yaml_ng::to_string(doc)]
        .into_iter()
        .collect::<Result<String, _>>()
        .map_err(|error| CliError::new(Exit::Failed, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b7_printed_template_is_read_back_unchanged() {
        let odd = [
            "",
            "null",
            "~",
            "3.10",
            "1e3",
            "0x1F",
            "+5",
            ".5",
            "true",
            "yes",
            "2026-11-30",
            " lead",
            "trail ",
            "a: b",
            "a #b",
            "# c",
            "two\nlines\n\n",
            "\n",
            "\ttab",
            "a\r\nb",
            "😀",
            "\u{85}\u{2028}\u{feff}x",
            "\u{1b}[0m",
            "it's",
            "\"",
            "\\",
            "- x",
            "? k",
            "*a",
            "&a",
            "!t",
            "%x",
            "@x",
            "`x",
            "|",
            ">",
            "---",
            "...",
            "{a}",
            "[a]",
            "a,b",
            "<<",
            "=",
        ];
        let mut doc = manifest::parse(
            "kind: Template\nname: abc\nframework: generic\nimage: x\ncommand: [x]",
        )
        .unwrap();
        let Document::Template(mut doc) = doc.remove(0) else { panic!("a template") };
        doc.command = odd.map(str::to_owned).to_vec();
        doc.command.push("long ".repeat(100));
        doc.env = odd
            .iter()
            .enumerate()
            .map(|(index, text)| (format!("K{index}"), (*text).to_owned()))
            .collect();
        doc.remark = odd.join("\n");
        doc.name = "1e3".to_owned();
        assert_eq!(manifest::parse(&as_file(&doc).unwrap()), Ok(vec![Document::Template(doc)]));
    }
}
