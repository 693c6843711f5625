//! Prints the logs of a run. The parties send them; the hub stores no logs.

use std::io::{self, IsTerminal as _, Write as _};

use bytes::Bytes;
use console::Style;
use flow_api_types::{Member, Run};
use flow_common::text::is_unsafe;
use flow_domain::id::PartyId;
use flow_domain::member::MemberPhase;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::header::HeaderMap;

use crate::args::{LogPart, LogsArgs};
use crate::client::Client;
use crate::error::{CliError, ExitStatus};
use crate::resolve;
use crate::response;

/// Chunks of one log.
type Log = BoxStream<'static, Result<Bytes, CliError>>;

/// Prints the log of one party, or the logs of all parties of a run.
pub async fn print(
    client: &Client,
    LogsArgs { task, party, part, run }: LogsArgs,
) -> Result<ExitStatus, CliError> {
    let (_, task) = resolve::task(client, &task.task).await?;
    let (_, run) = resolve::run(client, &task, run).await?;
    of_run(client, &task.id, &run, party.as_ref(), part).await
}

/// Prints the log of one party of a run, or of all.
pub async fn of_run(
    client: &Client,
    task: &str,
    run: &Run,
    party: Option<&PartyId>,
    LogPart { follow, tail }: LogPart,
) -> Result<ExitStatus, CliError> {
    let (client, task, id) = (client.clone(), task.to_owned(), run.id.clone());
    let request = LogRequest { client, task, run: id, follow, tail };
    match party {
        Some(party) => one(&request, party.as_str()).await,
        None => all(&request, run).await,
    }
}

struct LogRequest {
    client: Client,
    task: String,
    run: String,
    follow: bool,
    tail: Option<u32>,
}

impl LogRequest {
    /// Opens the log of a party when the stream is first read.
    fn open(&self, party: &str) -> Log {
        let Self { client, task, run, follow, tail } = self;
        let (client, task, run) = (client.clone(), task.clone(), run.clone());
        let (follow, tail, party) = (*follow, *tail, party.to_owned());
        let opened = async move {
            let lines = tail.map(|lines| lines.to_string());
            let mut query = Vec::new();
            query.extend(lines.as_deref().map(|lines| ("tail", lines)));
            query.extend(follow.then_some(("follow", "true")));
            let path = ["tasks", &task, "runs", &run, "members", &party, "logs"];
            let response = client.stream(&path, &query, HeaderMap::new()).await?;
            Ok::<_, CliError>(response.bytes_stream().map_err(broken))
        };
        stream::once(opened).try_flatten().boxed()
    }

    /// Prints to standard error that a log is empty: standard output stays as empty as the log. A
    /// failure to print the note does not matter.
    async fn note_empty(&self, party: &str) {
        if self.tail.is_none_or(|lines| lines > 0) {
            let path = ["tasks", &self.task, "runs", &self.run, "members", party];
            let _ = writeln!(io::stderr(), "{}", empty_note(&self.client, &path, party).await);
        }
    }
}

fn broken(error: reqwest::Error) -> CliError {
    let message = format!("the connection broke before the end of the log: {error}");
    CliError::new(ExitStatus::Unreachable, message)
        .with_remedy("Repeat the command, with --tail N to skip the lines that were printed.")
}

/// Copies the log of one party to standard output as it arrives. On a terminal, control characters
/// are escaped.
async fn one(request: &LogRequest, party: &str) -> Result<ExitStatus, CliError> {
    let mut chunks = request.open(party);
    let mut escaper = io::stdout().is_terminal().then(Escaper::default);
    let mut empty = true;
    while let Some(chunk) = chunks.next().await {
        let chunk = escaped(&mut escaper, chunk?);
        empty &= chunk.is_empty();
        if !write(&chunk)? {
            return Ok(ExitStatus::Ok);
        }
    }
    if empty {
        request.note_empty(party).await;
    }
    Ok(ExitStatus::Ok)
}

/// Prints the logs of all members, each line with its party: one log after the other, or all at
/// once while they grow. A log that cannot be read does not hide the others.
async fn all(request: &LogRequest, run: &Run) -> Result<ExitStatus, CliError> {
    const COLORS: [fn(Style) -> Style; 5] =
        [Style::cyan, Style::yellow, Style::magenta, Style::green, Style::blue];
    let width = run.members.iter().map(|member| member.party.len()).max().unwrap_or(0);
    let mut parties: Vec<PartyLines> = run
        .members
        .iter()
        .zip(COLORS.iter().cycle())
        .map(|(member, color)| {
            let style = color(Style::new());
            let prefix = style.apply_to(format!("{:<width$} │ ", member.party)).to_string();
            PartyLines {
                prefix: prefix.into_bytes(),
                escaper: io::stdout().is_terminal().then(Escaper::default),
                line: Vec::new(),
                is_empty: true,
            }
        })
        .collect();
    let logs = run.members.iter().enumerate().map(|(index, member)| {
        // A marker at the end of each log.
        let end = stream::once(async { Ok(Bytes::new()) });
        request.open(&member.party).chain(end).map(move |chunk| (index, chunk)).boxed()
    });
    let mut chunks = if request.follow {
        stream::select_all(logs).boxed()
    } else {
        stream::iter(logs.collect::<Vec<_>>()).flatten().boxed()
    };
    let mut exit = ExitStatus::Ok;
    while let Some((index, chunk)) = chunks.next().await {
        let (party, name) = (&mut parties[index], &run.members[index].party);
        match chunk {
            Ok(chunk) => {
                if !write(&party.feed(chunk))? {
                    return Ok(ExitStatus::Ok);
                }
            }
            Err(error) => {
                party.is_empty = false;
                exit = if exit == ExitStatus::Ok { error.exit } else { exit };
                eprint!("{name}: {}", error.render());
            }
        }
    }
    for (party, member) in parties.iter().zip(&run.members) {
        if party.is_empty {
            request.note_empty(&member.party).await;
        }
    }
    Ok(exit)
}

/// Log of one party, cut into lines.
struct PartyLines {
    prefix: Vec<u8>,
    escaper: Option<Escaper>,
    /// Beginning of a line that the next chunk continues.
    line: Vec<u8>,
    is_empty: bool,
}

impl PartyLines {
    /// Adds a chunk and returns the complete lines with their prefix. An empty chunk is the end.
    fn feed(&mut self, chunk: Bytes) -> Vec<u8> {
        let is_end = chunk.is_empty();
        self.is_empty &= is_end;
        self.line.extend_from_slice(&escaped(&mut self.escaper, chunk));
        if is_end && !self.line.is_empty() {
            self.line.push(b'\n');
        }
        let mut text = Vec::new();
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            text.extend_from_slice(&self.prefix);
            text.extend(self.line.drain(..=end));
        }
        text
    }
}

fn escaped(escaper: &mut Option<Escaper>, chunk: Bytes) -> Bytes {
    match escaper {
        Some(escaper) => escaper.feed(&chunk).into(),
        None => chunk,
    }
}

/// Writes to standard output. Returns false if its reader has closed the pipe.
fn write(bytes: &[u8]) -> Result<bool, CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        result => {
            result?;
            Ok(true)
        }
    }
}

/// Explains an empty log by the phase of its member.
async fn empty_note(client: &Client, member: &[&str], party: &str) -> String {
    let member = client.get(member, &[]).await.and_then(|value| response::read::<Member>(&value));
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
    fn u14_lines_of_a_party_have_its_name_independently_of_chunk_boundaries() {
        let log = b"one\n\ntwo\nend";
        for size in 1..=log.len() {
            let prefix = b"a | ".to_vec();
            let mut party = PartyLines { prefix, escaper: None, line: Vec::new(), is_empty: true };
            let mut text: Vec<u8> = log
                .chunks(size)
                .flat_map(|chunk| party.feed(Bytes::copy_from_slice(chunk)))
                .collect();
            text.extend(party.feed(Bytes::new()));
            assert_eq!(text, b"a | one\na | \na | two\na | end\n", "chunks of {size}");
            assert!(!party.is_empty);
        }
    }

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
