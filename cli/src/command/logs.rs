//! The log of one party's workload, as the party gives it out: the hub keeps none.

use std::io::{self, IsTerminal as _, Write as _};

use flow_common::text::is_unsafe;
use flow_domain::member::MemberPhase;
use futures::StreamExt as _;
use reqwest::header::HeaderMap;

use crate::args::LogsArgs;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::resolve;
use crate::wire::{self, Member};

/// Copies the log to standard output, as it comes; to a terminal, without what a terminal would obey.
pub async fn print(
    client: &Client,
    LogsArgs { task, party, follow, tail, run }: LogsArgs,
) -> Result<Exit, Failure> {
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
    let mut shown = io::stdout().is_terminal().then(Shown::default);
    let mut empty = true;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            Failure::new(Exit::Unreachable, format!("the log broke off: {error}"))
                .with_remedy("Ask for it again with --tail.")
        })?;
        let chunk = match &mut shown {
            Some(shown) => shown.feed(&chunk).into(),
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
        // On standard error, so that standard output stays as empty as the log. The log itself was delivered, whatever
        // becomes of this note.
        let _ = writeln!(io::stderr(), "{}", empty_note(client, &path, party.as_str()).await);
    }
    Ok(Exit::Ok)
}

/// Why nothing was printed, as far as the hub tells.
async fn empty_note(client: &Client, log: &[&str], party: &str) -> String {
    let member =
        client.get(&log[..log.len() - 1], &[]).await.and_then(|value| wire::read::<Member>(&value));
    match member.map(|member| member.phase.parse().is_ok_and(MemberPhase::is_terminal)) {
        Ok(false) => format!(
            "{party} has printed nothing yet (Python prints at once with `python -u` or `print(…, flush=True)`)"
        ),
        Ok(true) | Err(_) => format!("{party} has printed nothing"),
    }
}

/// A log on a terminal. Line breaks and tabs stay; a bare carriage return, as progress bars use it, begins a line.
#[derive(Default)]
struct Shown {
    /// The beginning of a character whose end is still to come.
    begun: Vec<u8>,
    /// The last character was a carriage return.
    returned: bool,
}

impl Shown {
    fn feed(&mut self, chunk: &[u8]) -> String {
        self.begun.extend_from_slice(chunk);
        let bytes = std::mem::take(&mut self.begun);
        let mut text = String::with_capacity(bytes.len());
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            chunk.valid().chars().for_each(|char| self.put(char, &mut text));
            let broken = chunk.invalid();
            // Cut off by the end of the chunk, or wrong.
            if chunks.peek().is_none()
                && std::str::from_utf8(broken).is_err_and(|error| error.error_len().is_none())
            {
                self.begun = broken.to_vec();
            } else if !broken.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }

    fn put(&mut self, char: char, text: &mut String) {
        match char {
            '\n' if self.returned => {}
            '\r' | '\n' => text.push('\n'),
            '\t' => text.push('\t'),
            _ if is_unsafe(char) => text.extend(char.escape_default()),
            _ => text.push(char),
        }
        self.returned = char == '\r';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_on_a_terminal_is_the_same_wherever_its_chunks_end_and_commands_nothing() {
        let log = "größe\t1\r\n10%\r20%\n\u{1b}]0;gotcha\u{7}\u{9b}2J".as_bytes();
        let log = [log, b"\xff!\xc3"].concat();
        for size in 1..=log.len() {
            let mut shown = Shown::default();
            let text: String = log.chunks(size).map(|chunk| shown.feed(chunk)).collect();
            assert_eq!(
                text, "größe\t1\n10%\n20%\n\\u{1b}]0;gotcha\\u{7}\\u{9b}2J\u{fffd}!",
                "chunks of {size}"
            );
        }
    }
}
