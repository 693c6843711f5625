//! Prints the log of one workload. The party sends it; the hub stores no logs.

use std::io::{self, IsTerminal as _, Write as _};

use flow_api_types::Member;
use flow_common::text::is_unsafe;
use flow_domain::member::MemberPhase;
use futures::StreamExt as _;
use reqwest::header::HeaderMap;

use crate::args::LogsArgs;
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::resolve;
use crate::response;

/// Copies the log to standard output as it arrives. On a terminal, control characters are escaped.
pub async fn print(
    client: &Client,
    LogsArgs { task, party, follow, tail, run }: LogsArgs,
) -> Result<Exit, CliError> {
    let (_, task) = resolve::task(client, &task).await?;
    let run = resolve::run(client, &task, run).await?;
    let lines = tail.map(|lines| lines.to_string());
    let mut query = Vec::new();
    if let Some(lines) = &lines {
        query.push(("tail", lines.as_str()));
    }
    if follow {
        query.push(("follow", "true"));
    }
    let path = ["tasks", &task.id, "runs", &run, "members", party.as_str(), "logs"];
    let mut chunks = client.stream(&path, &query, HeaderMap::new()).await?.bytes_stream();
    let mut escaper = io::stdout().is_terminal().then(Escaper::default);
    let mut empty = true;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            CliError::new(
                Exit::Unreachable,
                format!("the connection broke before the end of the log: {error}"),
            )
            .with_remedy("Repeat the command, with --tail N to skip the lines that were printed.")
        })?;
        let chunk = match &mut escaper {
            Some(escaper) => escaper.feed(&chunk).into(),
            None => chunk,
        };
        empty &= chunk.is_empty();
        let mut out = io::stdout().lock();
        match out.write_all(&chunk).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Ok),
            result => result?,
        }
    }
    if empty && tail.is_none_or(|lines| lines > 0) {
        // Standard output stays as empty as the log. A failure to print the note does not matter:
        // the log was delivered.
        let _ = writeln!(io::stderr(), "{}", empty_note(client, &path, party.as_str()).await);
    }
    Ok(Exit::Ok)
}

/// Explains an empty log by the phase of its member.
async fn empty_note(client: &Client, log: &[&str], party: &str) -> String {
    let member = client
        .get(&log[..log.len() - 1], &[])
        .await
        .and_then(|value| response::read::<Member>(&value));
    match member.map(|member| member.phase.known().is_some_and(MemberPhase::is_terminal)) {
        Ok(false) => format!(
            "the log of {party} is empty so far (Python writes at once with `python -u` or `print(…, flush=True)`)"
        ),
        Ok(true) | Err(_) => format!("the log of {party} is empty"),
    }
}

/// Escapes a log for a terminal. Line breaks and tabs stay. A bare carriage return, as progress
/// bars write it, becomes a line break.
#[derive(Default)]
struct Escaper {
    /// First bytes of a character that the next chunk completes.
    partial: Vec<u8>,
    /// The last character was a carriage return.
    after_return: bool,
}

impl Escaper {
    fn feed(&mut self, chunk: &[u8]) -> String {
        self.partial.extend_from_slice(chunk);
        let bytes = std::mem::take(&mut self.partial);
        let mut text = String::with_capacity(bytes.len());
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            chunk.valid().chars().for_each(|char| self.put(char, &mut text));
            let broken = chunk.invalid();
            // Incomplete at the end of the chunk, or invalid.
            if chunks.peek().is_none()
                && std::str::from_utf8(broken).is_err_and(|error| error.error_len().is_none())
            {
                self.partial = broken.to_vec();
            } else if !broken.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }

    fn put(&mut self, char: char, text: &mut String) {
        match char {
            '\n' if self.after_return => {}
            '\r' | '\n' => text.push('\n'),
            '\t' => text.push('\t'),
            _ if is_unsafe(char) => text.extend(char.escape_default()),
            _ => text.push(char),
        }
        self.after_return = char == '\r';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_on_a_terminal_is_escaped_independently_of_chunk_boundaries() {
        let log = "größe\t1\r\n10%\r20%\n\u{1b}]0;gotcha\u{7}\u{9b}2J".as_bytes();
        let log = [log, b"\xff!\xc3"].concat();
        for size in 1..=log.len() {
            let mut escaper = Escaper::default();
            let text: String = log.chunks(size).map(|chunk| escaper.feed(chunk)).collect();
            assert_eq!(
                text, "größe\t1\n10%\n20%\n\\u{1b}]0;gotcha\\u{7}\\u{9b}2J\u{fffd}!",
                "chunks of {size}"
            );
        }
    }
}
