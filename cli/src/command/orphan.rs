//! `flowctl orphan …`: members that run at parties and that the hub does not know.

use flow_api_types::Orphan;
use flow_domain::id::PartyId;
use serde_json::Value;

use crate::args::OrphanCommand;
use crate::client::Client;
use crate::error::{CliError, ExitStatus};
use crate::output::{self, Format};
use crate::response;

pub async fn run(
    client: &Client,
    command: OrphanCommand,
    format: Format,
) -> Result<ExitStatus, CliError> {
    match command {
        OrphanCommand::List { party } => {
            list(client, party.as_ref().map(PartyId::as_str), format).await?
        }
        OrphanCommand::Stop { orphan } => {
            decide(client, &orphan, "stop", "is being stopped", format).await?
        }
        OrphanCommand::Keep { orphan } => {
            decide(client, &orphan, "keep", "runs until it ends", format).await?
        }
    }
    Ok(ExitStatus::Ok)
}

async fn list(client: &Client, party: Option<&str>, format: Format) -> Result<(), CliError> {
    let filter: Vec<(&str, &str)> = party.map(|party| ("party", party)).into_iter().collect();
    let all: Vec<Value> = client.list(&["orphans"], &filter, "cursor").await?;
    let orphans: Vec<Orphan> = all.iter().map(response::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(all), || {
        let now = crate::output::now();
        let row = |orphan: Orphan| {
            let seen = output::age(&orphan.seen_at, now);
            vec![
                orphan.id,
                orphan.phase.to_string(),
                seen,
                orphan.decision.map(|decision| decision.to_string()).unwrap_or_default(),
                orphan.task.unwrap_or_default(),
            ]
        };
        output::table(
            &["ID", "PHASE", "SEEN", "DECISION", "TASK"],
            orphans.into_iter().map(row).collect(),
        )
    })
}

async fn decide(
    client: &Client,
    orphan: &str,
    verb: &str,
    result: &str,
    format: Format,
) -> Result<(), CliError> {
    let value: Value = client.post(&["orphans", orphan, verb], None).await?;
    let orphan: Orphan = response::read(&value)?;
    output::show(format, &value, || format!("orphan {} {result}\n", orphan.id))
}
