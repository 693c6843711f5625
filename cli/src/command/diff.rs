//! `flowctl diff`: what `apply` would change.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use console::Style;
use flow_api_types::{TaskDocument, TemplateInput};
use flow_common::text::visible;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::client::Client;
use crate::error::{CliError, ExitStatus};
use crate::manifest::{self, Document, as_file, task_doc, template_doc};
use crate::output;
use crate::resolve;

/// Unchanged lines around a change.
const CONTEXT_LINES: usize = 3;

/// Prints the differences between the hub and the files. Returns [`ExitStatus::Failed`] if there are any.
pub async fn files(client: &Client, files: &[PathBuf]) -> Result<ExitStatus, CliError> {
    let mut documents = Vec::new();
    for file in files {
        documents.extend(manifest::load(file)?);
    }
    // Newest revision of each template of the files after `apply`.
    let mut revisions = BTreeMap::new();
    let mut text = String::new();
    let is_template = |document: &Document| matches!(document, Document::Template(_));
    let (templates, tasks): (Vec<_>, Vec<_>) = documents.into_iter().partition(is_template);
    for document in templates.into_iter().chain(tasks) {
        let (place, before, after) = match document {
            Document::Template(doc) => template(client, doc, &mut revisions).await?,
            Document::Task(doc) => task(client, doc, &revisions).await?,
        };
        let before = before.map(|document| as_file(&document)).transpose()?.unwrap_or_default();
        text += &difference(&place, &before, &as_file(&after)?);
    }
    output::print(&text)?;
    Ok(if text.is_empty() { ExitStatus::Ok } else { ExitStatus::Failed })
}

type Pair = (String, Option<Document>, Document);

async fn template(
    client: &Client,
    doc: TemplateInput,
    revisions: &mut BTreeMap<String, u64>,
) -> Result<Pair, CliError> {
    let stored = stored(client, "templates", &doc.name).await?;
    let newest = stored.as_ref().and_then(|stored| stored["revision"].as_u64()).unwrap_or(0);
    let before = stored.as_ref().map(template_doc).transpose()?;
    let is_changed = before.as_ref() != Some(&doc);
    revisions.insert(doc.name.clone(), newest + u64::from(is_changed));
    let place = format!("template {}", doc.name);
    Ok((place, before.map(Document::Template), Document::Template(doc)))
}

async fn task(
    client: &Client,
    mut doc: TaskDocument,
    revisions: &BTreeMap<String, u64>,
) -> Result<Pair, CliError> {
    let stored = stored(client, "tasks", &doc.name).await?;
    let mut before = stored.as_ref().map(task_doc).transpose()?;
    if let Some(before) = &mut before
        && let Ok((_, template)) = resolve::template(client, &before.template).await
    {
        before.template = template.content.name;
    }
    let mut newest = revisions.get(&doc.template).and_then(|newest| u32::try_from(*newest).ok());
    if newest.is_none() {
        let (_, template) = resolve::template(client, &doc.template).await?;
        doc.template = template.content.name;
        newest = Some(template.revision);
    }
    doc.revision = doc.revision.or(newest);
    let place = format!("task {}", doc.name);
    Ok((place, before.map(Document::Task), Document::Task(doc)))
}

/// Returns the object with this name, if there is one.
async fn stored(client: &Client, list: &str, name: &str) -> Result<Option<Value>, CliError> {
    match client.get(&[list, name], &[]).await {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.exit == ExitStatus::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Formats the difference as `diff -u` does. Empty if there is none.
fn difference(place: &str, before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut text = String::new();
    for hunk in diff.unified_diff().context_radius(CONTEXT_LINES).iter_hunks() {
        let _ = writeln!(text, "{}", hunk.header());
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ('-', Style::new().red()),
                ChangeTag::Insert => ('+', Style::new().green()),
                ChangeTag::Equal => (' ', Style::new()),
            };
            let line = format!("{sign}{}", visible(change.value().trim_end_matches('\n')));
            let _ = writeln!(text, "{}", style.apply_to(line));
        }
    }
    if text.is_empty() {
        return text;
    }
    format!("--- {place} at the hub\n+++ {place} in the file\n{text}", place = visible(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_shows_changed_lines_only() {
        assert_eq!(difference("task a", "x\n", "x\n"), "");
        let text = difference("task a", "epochs: 1\nname: a\n", "epochs: 2\nname: a\n");
        let text = console::strip_ansi_codes(&text).into_owned();
        assert!(text.starts_with("--- task a at the hub\n+++ task a in the file\n@@ "), "{text}");
        assert!(text.ends_with("-epochs: 1\n+epochs: 2\n name: a\n"), "{text}");
    }
}
