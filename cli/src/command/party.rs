//! `flowctl party …`

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use flow_common::text::visible;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::args::PartyCommand;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::{self, Format};
use crate::wire::{self, Contact, NewParty, Party};

pub async fn run(client: &Client, command: PartyCommand, format: Format) -> Result<Exit, Failure> {
    match command {
        PartyCommand::Add { name, remark, secret_file, print_secret: _ } => {
            add(client, name.as_str(), &remark, secret_file.as_deref()).await?
        }
        PartyCommand::List => list(client, format).await?,
        PartyCommand::Get { party } => get(client, party.as_str(), format).await?,
    }
    Ok(Exit::Ok)
}

/// The hub tells the secret once, so the place for it is made before it is asked.
async fn add(client: &Client, name: &str, remark: &str, secret_file: Option<&Path>) -> Result<(), Failure> {
    let place = secret_file.map(Place::make).transpose()?;
    let NewParty { secret } = client.post_once(&["parties"], &json!({"name": name, "remark": remark})).await?;
    match place {
        None => output::print(&format!("{}\n", visible(&secret))),
        Some(place) => {
            let path = place.keep(&secret)?;
            output::print(&format!("party {name} added; its secret is in {}\n", path.display()))
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
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
            Failure::usage(format!("--secret-file {}: {error}", path.display()))
                .with_remedy("Name a file that does not exist yet, in a directory you can write to.")
        })?;
        Ok(Self { path: path.to_owned(), file, kept: false })
    }

    fn keep(mut self, secret: &str) -> Result<PathBuf, Failure> {
        writeln!(self.file, "{secret}")
            .and_then(|()| self.file.sync_all())
            .map_err(|error| Failure::new(Exit::Failed, format!("the party was added, but its secret could not be written: {error}")))?;
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
        let now = Timestamp::now();
        let row = |party: Party| {
            let agent = party.agent.map(|agent| agent.version).unwrap_or_default();
            vec![party.name, contact(&party.contact, now), agent, output::age(&party.created_at, now), party.remark]
        };
        output::table(&["NAME", "CONTACT", "AGENT", "AGE", "REMARK"], parties.into_iter().map(row).collect())
    })
}

async fn get(client: &Client, name: &str, format: Format) -> Result<(), Failure> {
    let value: Value = client.get(&["parties", name], &[]).await?;
    let party: Party = wire::read(&value)?;
    let inventory = party.inventory.as_ref().map(serde_yaml_ng::to_string).transpose();
    let inventory = inventory.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    output::show(format, &value, || {
        let now = Timestamp::now();
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
