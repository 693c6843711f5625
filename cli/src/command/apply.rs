//! Creates or edits templates and tasks so that the hub has what files describe, all or none.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flow_api_types::limits::APPLY_ITEMS_MAX;
use flow_api_types::{Applied, ApplyRequest, CheckAnswer, MemberCheck};
use serde_json::Value;

use crate::client::Client;
use crate::error::CliError;
use crate::error::ExitStatus;
use crate::manifest::{self, Document};
use crate::output::{self, Format};
use crate::response;

/// Documents of files, with the place of each for messages.
#[derive(Debug, Default)]
pub struct Batch {
    request: ApplyRequest,
    /// `FILE, Template NAME` of each template.
    templates: Vec<String>,
    /// `FILE, Task NAME` of each task.
    tasks: Vec<String>,
}

impl Batch {
    /// Returns the documents of one file.
    pub fn new(file: &Path, documents: Vec<Document>) -> Self {
        let mut batch = Self::default();
        batch.add(file, documents);
        batch
    }

    /// Adds the documents of a file.
    fn add(&mut self, file: &Path, documents: Vec<Document>) {
        for document in documents {
            match document {
                Document::Template(doc) => {
                    self.templates.push(format!("{}, Template {}", file.display(), doc.name));
                    self.request.templates.push(doc);
                }
                Document::Task(doc) => {
                    self.tasks.push(format!("{}, Task {}", file.display(), doc.name));
                    self.request.tasks.push(doc);
                }
            }
        }
    }

    /// Lets the hub check all documents without a change. Returns the response.
    pub async fn check(&self, client: &Client) -> Result<Value, CliError> {
        self.check_size()?;
        let query = [("dry_run", "true")];
        let sent = client.post_with(&["apply"], &query, Some(&body(&self.request)?)).await;
        sent.map_err(|error| self.explain(error))
    }

    /// Lets the hub check all documents and ask the parties, and prints their answers. The command
    /// fails if a party would refuse.
    pub async fn dry_run(&self, client: &Client, format: Format) -> Result<ExitStatus, CliError> {
        let value = self.check(client).await?;
        let Applied { checks, .. } = response::read(&value)?;
        output::show(format, &value, || {
            if checks.is_empty() {
                return "valid; nothing was changed\n".to_owned();
            }
            let row = |task: &str, member: &MemberCheck| {
                let reason = member.reason.as_ref().map(|reason| reason.message.clone());
                vec![
                    task.to_owned(),
                    member.party.clone(),
                    member.role.to_string(),
                    member.answer.to_string(),
                    reason.or_else(|| member.message.clone()).unwrap_or_default(),
                ]
            };
            let rows = checks
                .iter()
                .flat_map(|check| check.members.iter().map(|member| row(&check.name, member)));
            output::table(&["TASK", "PARTY", "ROLE", "ANSWER", "REASON"], rows.collect())
                + "valid; nothing was changed\n"
        })?;
        let refused = checks.iter().flat_map(|check| &check.members);
        let refused = refused.filter(|member| member.answer == CheckAnswer::Refuse).count();
        Ok(if refused == 0 { ExitStatus::Ok } else { ExitStatus::Refused })
    }

    /// Applies all documents in one transaction of the hub and prints its warnings. Returns the
    /// response unchanged, and as read for printing.
    pub async fn send(&self, client: &Client) -> Result<(Value, Applied), CliError> {
        self.check_size()?;
        let sent = client.post(&["apply"], Some(&body(&self.request)?)).await;
        let value: Value = sent.map_err(|error| self.explain(error))?;
        let applied: Applied = response::read(&value)?;
        warn(applied.templates.iter().flat_map(|applied| &applied.template.warnings));
        warn(applied.tasks.iter().flat_map(|applied| &applied.task.warnings));
        Ok((value, applied))
    }

    /// Names the documents of the files in the error for their request.
    fn explain(&self, mut error: CliError) -> CliError {
        for detail in &mut error.details {
            for (list, places) in [("templates[", &self.templates), ("tasks[", &self.tasks)] {
                let found = detail.strip_prefix(list).and_then(|rest| rest.split_once(']'));
                let place = found.and_then(|(index, rest)| {
                    Some((places.get(index.parse::<usize>().ok()?)?, rest.trim_start_matches('.')))
                });
                if let Some((place, rest)) = place {
                    *detail = format!("{place}: {rest}");
                    break;
                }
            }
        }
        if error.exit == ExitStatus::Refused {
            if let Some(place) = self.refused(&error) {
                let cause = if error.details.is_empty() {
                    format!(": {}", error.message)
                } else {
                    String::new()
                };
                error.message = format!("{place} is refused{cause}");
            }
            error.message.push_str("; nothing was changed");
        }
        error
    }

    /// Returns the one document that an error concerns. Errors without fields begin with its noun
    /// and name.
    fn refused(&self, error: &CliError) -> Option<&String> {
        let mut places = self.templates.iter().chain(&self.tasks);
        if error.details.is_empty() {
            let templates = self.request.templates.iter().map(|doc| ("template", &doc.name));
            let names = templates.chain(self.request.tasks.iter().map(|doc| ("task", &doc.name)));
            let mut named = names.zip(places).filter(|((noun, name), _)| {
                error.message.starts_with(&format!("{noun} {name:?}: "))
            });
            return named.next().map(|(_, place)| place);
        }
        places.find(|place| {
            let prefix = format!("{place}: ");
            error.details.iter().all(|detail| detail.starts_with(&prefix))
        })
    }

    /// Rejects more documents than one request can have, so that all or none are applied.
    fn check_size(&self) -> Result<(), CliError> {
        for (noun, places) in [("templates", &self.templates), ("tasks", &self.tasks)] {
            if places.len() > APPLY_ITEMS_MAX {
                let count = places.len();
                let message = format!(
                    "{count} {noun} are too many: one command applies at most {APPLY_ITEMS_MAX}, \
                     all or none; nothing was changed"
                );
                return Err(CliError::usage(message)
                    .with_remedy("Split the files, and apply each part with its own command."));
            }
        }
        Ok(())
    }
}

/// Applies all documents of all files.
pub async fn files(
    client: &Client,
    files: &[PathBuf],
    dry_run: bool,
    format: Format,
) -> Result<ExitStatus, CliError> {
    let mut batch = Batch::default();
    for file in files {
        batch.add(file, manifest::load(file)?);
    }
    if dry_run {
        return batch.dry_run(client, format).await;
    }
    let (value, applied) = batch.send(client).await?;
    output::show(format, &value, || lines(&applied))?;
    Ok(ExitStatus::Ok)
}

/// Formats one line about each template and task.
pub fn lines(Applied { templates, tasks, checks: _ }: &Applied) -> String {
    let templates = templates.iter().map(|applied| {
        let (template, outcome) = (&applied.template, &applied.outcome);
        format!("template {} {outcome} (revision {})\n", template.content.name, template.revision)
    });
    let tasks =
        tasks.iter().map(|applied| format!("task {} {}\n", applied.task.name, applied.outcome));
    templates.chain(tasks).collect()
}

/// Prints warnings of the hub to standard error.
pub fn warn<'a>(warnings: impl IntoIterator<Item = &'a String>) {
    for warning in warnings {
        // A closed standard error loses them, which is no failure of the command.
        let _ = writeln!(io::stderr(), "warning: {warning}");
    }
}

/// Converts a document to the body of a request.
pub fn body(doc: &impl serde::Serialize) -> Result<Value, CliError> {
    serde_json::to_value(doc).map_err(|error| CliError::usage(error.to_string()))
}
