//! `flowctl template …`

use std::path::Path;

use serde_json::{Value, json};

use crate::args::TemplateCommand;
use crate::client::Client;
use crate::command::apply::{Change, edit_template, said_template, template_doc, template_input};
use crate::editor::Draft;
use crate::failure::{Exit, Failure};
use crate::manifest::{self, Document, TemplateDoc};
use crate::output::{self, Format};
use crate::resolve;
use crate::wire::{self, Revision, Template};

pub async fn run(
    client: &Client,
    command: TemplateCommand,
    format: Format,
) -> Result<Exit, Failure> {
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
        let now = crate::output::now();
        let row = |t: Template| {
            vec![
                t.name,
                t.revision.to_string(),
                t.framework,
                t.image,
                output::age(&t.modified_at, now),
                t.remark,
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
) -> Result<(), Failure> {
    let (mut value, template) = resolve::template(client, reference).await?;
    if let Some(revision) = revision {
        value = client
            .get(&["templates", &template.id, "revisions", &revision.to_string()], &[])
            .await?;
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

async fn edit(
    client: &Client,
    reference: &str,
    file: Option<&Path>,
    format: Format,
) -> Result<(), Failure> {
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
        None => in_editor(client, &template.name, &found).await?,
    };
    let (line, value) = said_template(edited);
    output::show(format, &value, || line)
}

fn only_template(shown: &str, docs: Vec<TemplateDoc>) -> Result<TemplateDoc, Failure> {
    let [doc] = <[TemplateDoc; 1]>::try_from(docs)
        .map_err(|_| Failure::usage(format!("{shown} must hold one template")))?;
    Ok(doc)
}

/// Lets the user edit the template `found` and sends it. A text that is refused can be edited again.
async fn in_editor(client: &Client, name: &str, found: &Value) -> Result<(Change, Value), Failure> {
    let mut draft = Draft::new("template.yaml", &as_file(&template_doc(found)?)?)?;
    let shown = format!("the edited template {name}");
    loop {
        let text = draft.edit().await?;
        let sent = async {
            let docs = manifest::parse(&text)
                .map_err(|message| Failure::usage(format!("{shown}: {message}")))?;
            edit_template(client, found, &only_template(&shown, templates(&shown, docs)?)?).await
        };
        match draft.unless_stopped(sent).await {
            Err(failure)
                if failure.exit != Exit::Interrupted && draft.asks_again(&failure).await? => {}
            result => return result,
        }
    }
}

async fn revisions(client: &Client, reference: &str, format: Format) -> Result<(), Failure> {
    let (_, template) = resolve::template(client, reference).await?;
    let all: Vec<Value> =
        client.list(&["templates", &template.id, "revisions"], &[], "cursor").await?;
    let revisions: Vec<Revision> = all.iter().map(wire::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let now = crate::output::now();
        let row = |r: Revision| {
            vec![
                r.revision.to_string(),
                output::age(&r.created_at, now),
                r.image,
                r.command.join(" "),
            ]
        };
        output::table(
            &["REVISION", "MADE", "IMAGE", "COMMAND"],
            revisions.into_iter().map(row).collect(),
        )
    })
}

fn templates_in(file: &Path) -> Result<Vec<TemplateDoc>, Failure> {
    templates(&file.display().to_string(), manifest::load(file)?)
}

fn templates(shown: &str, documents: Vec<Document>) -> Result<Vec<TemplateDoc>, Failure> {
    let only = |document| match document {
        Document::Template(doc) => Ok(doc),
        Document::Task(doc) => Err(Failure::usage(format!(
            "{shown} holds the task {}; use `flowctl apply -f` for both",
            doc.name
        ))),
    };
    documents.into_iter().map(only).collect()
}

fn as_file(doc: &TemplateDoc) -> Result<String, Failure> {
    let head = json!({"kind": "Template", "name": doc.name, "remark": doc.remark});
    [serde_yaml_ng::to_string(&head), serde_yaml_ng::to_string(&doc.body)]
        .into_iter()
        .collect::<Result<String, _>>()
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b7_a_template_that_is_shown_or_edited_is_read_back_as_it_was_whatever_its_texts_look_like() {
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
        doc.body.command = odd.map(str::to_owned).to_vec();
        doc.body.command.push("long ".repeat(100));
        doc.body.env = odd
            .iter()
            .enumerate()
            .map(|(index, text)| (format!("K{index}"), (*text).to_owned()))
            .collect();
        doc.remark = odd.join("\n");
        doc.name = "1e3".to_owned();
        assert_eq!(manifest::parse(&as_file(&doc).unwrap()), Ok(vec![Document::Template(doc)]));
    }
}
