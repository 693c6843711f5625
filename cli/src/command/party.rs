//! `flowctl party …`

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use flow_common::text::visible;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::args::{PartyCommand, SecretArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::{self, Format};
use crate::wire::{self, Contact, NewSecret, Party};

pub async fn run(client: &Client, command: PartyCommand, format: Format) -> Result<Exit, Failure> {
    match command {
        PartyCommand::Add { name, remark, secret } => {
            add(client, name.as_str(), &remark, &secret).await?
        }
        PartyCommand::RotateSecret { party, overlap, secret } => {
            rotate(client, party.as_str(), overlap, &secret).await?
        }
        PartyCommand::Remove { party, force } => {
            let query: &[(&str, &str)] = if force { &[("force", "true")] } else { &[] };
            client.delete_with(&["parties", party.as_str()], query).await?;
            output::print(&format!("party {party} removed\n"))?;
        }
        PartyCommand::List => list(client, format).await?,
        PartyCommand::Get { party } => get(client, party.as_str(), format).await?,
    }
    Ok(Exit::Ok)
}

/// The hub tells the secret once, so the place for it is made before it is asked.
async fn add(
    client: &Client,
    name: &str,
    remark: &str,
    SecretArgs { secret_file, .. }: &SecretArgs,
) -> Result<(), Failure> {
    let place = secret_file.as_deref().map(Place::make).transpose()?;
    let NewSecret { secret, .. } =
        client.post_once(&["parties"], &json!({"name": name, "remark": remark})).await?;
    deliver(name, "added", &secret, place)
}

async fn rotate(
    client: &Client,
    name: &str,
    overlap_s: u32,
    SecretArgs { secret_file, .. }: &SecretArgs,
) -> Result<(), Failure> {
    let place = secret_file.as_deref().map(Place::make).transpose()?;
    let NewSecret { secret, former_until } =
        client.post_once(&["parties", name, "secret"], &json!({"overlap_s": overlap_s})).await?;
    let deed = match former_until {
        Some(until) => {
            format!("has a new secret; the old one is accepted until {}", visible(&until))
        }
        None => "has a new secret; the old one is no longer accepted".to_owned(),
    };
    deliver(name, &deed, &secret, place)
}

/// Prints the secret, or keeps it in its place. A secret that is lost here cannot be had again, but replaced.
fn deliver(name: &str, deed: &str, secret: &str, place: Option<Place>) -> Result<(), Failure> {
    let lost = |error: io::Error| {
        Failure::new(
            Exit::Failed,
            format!("party {name} {deed}, but its new secret could not be written: {error}"),
        )
        .with_remedy(format!(
            "Give it another one: flowctl party rotate-secret {name} --secret-file FILE"
        ))
    };
    match place {
        // Also to a pipe that nobody reads: unlike other answers, this one cannot be had again.
        None => writeln!(io::stdout(), "{}", visible(secret)).map_err(lost),
        Some(place) => {
            let path = place.keep(secret).map_err(lost)?;
            Ok(output::print(&format!(
                "party {name} {deed}; its secret is in {}\n",
                path.display()
            ))?)
        }
    }
}

/// A new, empty file only its owner can read; gone again unless a secret is kept in it.
struct Place {
    path: PathBuf,
    file: File,
    kept: bool,
}

impl Place {
    fn make(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(
            |error| {
                Failure::usage(format!("--secret-file {}: {error}", path.display())).with_remedy(
                    "Name a file that does not exist yet, in a directory you can write to.",
                )
            },
        )?;
        Ok(Self { path: path.to_owned(), file, kept: false })
    }

    fn keep(mut self, secret: &str) -> io::Result<PathBuf> {
        writeln!(self.file, "{secret}")?;
        self.file.sync_all()?;
        self.kept = true;
        Ok(self.path.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing to do if it fails: an empty file is in the way of nobody but its maker.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

async fn list(client: &Client, format: Format) -> Result<(), Failure> {
    let all: Vec<Value> = client.list(&["parties"], &[], "cursor").await?;
    let parties: Vec<Party> = all.iter().map(wire::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let now = crate::output::now();
        let row = |party: Party| {
            let agent = party.agent.map(|agent| agent.version).unwrap_or_default();
            vec![
                party.name,
                contact(&party.contact, now),
                agent,
                output::age(&party.created_at, now),
                party.remark,
            ]
        };
        output::table(
            &["NAME", "CONTACT", "AGENT", "AGE", "REMARK"],
            parties.into_iter().map(row).collect(),
        )
    })
}

async fn get(client: &Client, name: &str, format: Format) -> Result<(), Failure> {
    let value: Value = client.get(&["parties", name], &[]).await?;
    let party: Party = wire::read(&value)?;
    let inventory = party.inventory.as_ref().map(serde_yaml_ng::to_string).transpose();
    let inventory = inventory.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    output::show(format, &value, || {
        let now = crate::output::now();
        let text = output::fields(&[
            ("name", party.name.clone()),
            ("remark", party.remark.clone()),
            ("contact", contact(&party.contact, now)),
            ("agent", party.agent.map(|agent| agent.version).unwrap_or_default()),
            ("age", output::age(&party.created_at, now)),
        ]);
        match inventory {
            Some(inventory) => format!("{text}\noffers\n{inventory}"),
            None => text,
        }
    })
}

fn contact(contact: &Contact, now: Timestamp) -> String {
    match (contact.state.as_str(), &contact.since) {
        ("away", Some(since)) => format!("away for {}", output::age(since, now)),
        ("away", None) => "never seen".to_owned(),
        (state, _) => state.to_owned(),
    }
}
