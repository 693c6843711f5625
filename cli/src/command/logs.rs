//! The log of one party's workload, as the party gives it out: the hub keeps none.

use std::io::{self, Write as _};

use futures::StreamExt as _;
use reqwest::header::HeaderMap;

use crate::args::LogsArgs;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::resolve;

/// Copies the log to standard output, as it comes.
pub async fn print(client: &Client, LogsArgs { task, party, follow, tail, run }: LogsArgs) -> Result<Exit, Failure> {
    let (_, task) = resolve::task(client, &task).await?;
    let run = resolve::run(client, &task, run).await?;
    let tail = tail.map(|lines| lines.to_string());
    let mut query = Vec::new();
    if let Some(tail) = &tail {
        query.push(("tail", tail.as_str()));
    }
    if follow {
        query.push(("follow", "true"));
    }
    let path = ["tasks", &task.id, "runs", &run, "members", &party, "logs"];
    let mut chunks = client.stream(&path, &query, HeaderMap::new()).await?.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            Failure::new(Exit::Unreachable, format!("the log broke off: {error}")).with_remedy("Ask for it again with --tail.")
        })?;
        let mut out = io::stdout().lock();
        match out.write_all(&chunk).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Ok),
            result => result?,
        }
    }
    Ok(Exit::Ok)
}
