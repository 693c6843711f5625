//! `flowctl party …`

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use flow_api_types::{
    Contact, ContactState, NewParty, Party, PartyCreated, PartySecret, SecretRotation,
};
use flow_common::text::visible;
use flow_domain::id::PartyId;
use jiff::Timestamp;
use serde_json::Value;

use crate::args::{PartyCommand, SecretArgs};
use crate::client::Client;
use crate::command::apply::body;
use crate::error::{CliError, ExitStatus};
use crate::output::{self, Format};
use crate::response;

pub async fn run(
    client: &Client,
    command: PartyCommand,
    format: Format,
) -> Result<ExitStatus, CliError> {
    match command {
        PartyCommand::Add { name, remark, secret } => add(client, name, remark, &secret).await?,
        PartyCommand::RotateSecret { party, overlap, secret } => {
            rotate(client, party.as_str(), overlap, &secret).await?
        }
        PartyCommand::Remove { party, force } => {
            let query: &[(&str, &str)] = if force { &[("force", "true")] } else { &[] };
            client.delete_with(&["parties", party.as_str()], query).await?;
            output::print(&format!("party {party} removed\n"))?;
        }
        PartyCommand::Disable { party } => set_enabled(client, party.as_str(), false).await?,
        PartyCommand::Enable { party } => set_enabled(client, party.as_str(), true).await?,
        PartyCommand::List => list(client, format).await?,
        PartyCommand::Get { party } => get(client, party.as_str(), format).await?,
    }
    Ok(ExitStatus::Ok)
}

/// Creates the file for the secret before the request: the hub shows the secret only once.
async fn add(
    client: &Client,
    name: PartyId,
    remark: String,
    SecretArgs { secret_file, .. }: &SecretArgs,
) -> Result<(), CliError> {
    let file = secret_file.as_deref().map(NewFile::create).transpose()?;
    let request = body(&NewParty { name: name.clone(), remark })?;
    let PartyCreated { name: _, secret } = client.post_once(&["parties"], &request).await?;
    deliver(name.as_str(), "added", &secret, file)
}

async fn rotate(
    client: &Client,
    name: &str,
    overlap_s: u32,
    SecretArgs { secret_file, .. }: &SecretArgs,
) -> Result<(), CliError> {
    let file = secret_file.as_deref().map(NewFile::create).transpose()?;
    let request = body(&SecretRotation { overlap_s })?;
    let PartySecret { name: _, secret, former_until } =
        client.post_once(&["parties", name, "secret"], &request).await?;
    let result = match former_until {
        Some(until) => {
            format!(
                "has a new secret; the hub accepts the old one until {}",
                visible(until.as_str())
            )
        }
        None => "has a new secret; the hub no longer accepts the old one".to_owned(),
    };
    deliver(name, &result, &secret, file)
}

async fn set_enabled(client: &Client, name: &str, enabled: bool) -> Result<(), CliError> {
    let verb = if enabled { "enable" } else { "disable" };
    let _: Value = client.post(&["parties", name, verb], None).await?;
    let effect = if enabled {
        "runs that wait for it continue"
    } else {
        "it gets no new members, and its running members continue"
    };
    output::print(&format!("party {name} is {verb}d: {effect}\n"))
}

/// Prints the secret or writes it to the file.
fn deliver(name: &str, result: &str, secret: &str, file: Option<NewFile>) -> Result<(), CliError> {
    let lost = |error: io::Error| {
        CliError::new(
            ExitStatus::Failed,
            format!("party {name} {result}, but flowctl could not write its secret: {error}"),
        )
        .with_remedy(format!(
            "The secret is lost. Replace it: flowctl party rotate-secret {name} --secret-file FILE"
        ))
    };
    match file {
        // A closed pipe is an error here: the hub does not show the secret again.
        None => writeln!(io::stdout(), "{}", visible(secret)).map_err(lost),
        Some(file) => {
            let path = file.write(secret).map_err(lost)?;
            Ok(output::print(&format!(
                "party {name} {result}; its secret is in {}\n",
                path.display()
            ))?)
        }
    }
}

/// A new file with mode 0600. Dropping it without a secret removes it.
pub struct NewFile {
    path: PathBuf,
    file: File,
    is_written: bool,
}

impl NewFile {
    pub fn create(path: &Path) -> Result<Self, CliError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(
            |error| {
                CliError::usage(format!("cannot create {} for the secret: {error}", path.display()))
                    .with_remedy(
                        "Name a file that does not exist, in a directory that you can write to.",
                    )
            },
        )?;
        Ok(Self { path: path.to_owned(), file, is_written: false })
    }

    pub fn write(mut self, secret: &str) -> io::Result<PathBuf> {
        writeln!(self.file, "{secret}")?;
        self.file.sync_all()?;
        self.is_written = true;
        Ok(self.path.clone())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_written {
            // An empty file that stays does no harm; the next call reports it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

async fn list(client: &Client, format: Format) -> Result<(), CliError> {
    let all: Vec<Value> = client.list(&["parties"], &[], "cursor").await?;
    let parties: Vec<Party> = all.iter().map(response::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let now = crate::output::now();
        let row = |party: Party| {
            let contact = contact(&party, now);
            let agent = party.agent.map(|agent| agent.version).unwrap_or_default();
            vec![party.name, contact, agent, output::age(&party.created_at, now), party.remark]
        };
        output::table(
            &["NAME", "CONTACT", "AGENT", "AGE", "REMARK"],
            parties.into_iter().map(row).collect(),
        )
    })
}

async fn get(client: &Client, name: &str, format: Format) -> Result<(), CliError> {
    let value: Value = client.get(&["parties", name], &[]).await?;
    let party: Party = response::read(&value)?;
    let inventory = party.inventory.as_ref().map(serde_yaml_ng::to_string).transpose();
    let inventory =
        inventory.map_err(|error| CliError::new(ExitStatus::Failed, error.to_string()))?;
    output::show(format, &value, || {
        let now = crate::output::now();
        let text = output::fields(&[
            ("name", party.name.clone()),
            ("remark", party.remark.clone()),
            ("contact", contact(&party, now)),
            ("agent", party.agent.map(|agent| agent.version).unwrap_or_default()),
            ("age", output::age(&party.created_at, now)),
        ]);
        match inventory {
            Some(inventory) => format!("{text}\ninventory\n{inventory}"),
            None => text,
        }
    })
}

fn contact(party: &Party, now: Timestamp) -> String {
    let Contact { state, since } = &party.contact;
    let contact = match (state.known(), since) {
        (Some(ContactState::Away), Some(since)) => format!("away for {}", output::age(since, now)),
        (Some(ContactState::Away), None) => "never connected".to_owned(),
        (Some(ContactState::Connected) | None, _) => state.to_string(),
    };
    if party.disabled_at.is_some() { format!("{contact}, disabled") } else { contact }
}
