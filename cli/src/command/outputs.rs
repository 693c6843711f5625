//! `flowctl run outputs` and `flowctl output get`: the files that workloads left at the parties.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flow_api_types::{Member, Output, OutputList, Run};
use flow_domain::id::{Digest, PartyId};
use flow_domain::output::OutputPath;
use futures::StreamExt as _;
use reqwest::header::{ETAG, HeaderMap, HeaderValue, RANGE};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::args::{OutputCommand, OutputGetArgs};
use crate::client::Client;
use crate::error::{CliError, ExitStatus};
use crate::output::{self, Format};
use crate::resolve;
use crate::response;

/// Attempts without any progress before a download fails.
const ATTEMPTS_MAX: u32 = 5;
/// Delay after a failed attempt; it doubles with each further one.
const RETRY_DELAY_MIN: Duration = Duration::from_secs(1);
/// Digits of a SHA-256 in a table.
const DIGEST_DIGITS: usize = 12;

pub async fn run(
    client: &Client,
    command: OutputCommand,
    format: Format,
) -> Result<ExitStatus, CliError> {
    match command {
        OutputCommand::Get(args) => get(client, args, format).await?,
    }
    Ok(ExitStatus::Ok)
}

/// Segments of the URL path of a member's outputs.
struct OutputsOf {
    task: String,
    run: String,
    party: String,
}

impl OutputsOf {
    fn list(&self) -> [&str; 7] {
        ["tasks", &self.task, "runs", &self.run, "members", &self.party, "outputs"]
    }

    async fn read(&self, client: &Client) -> Result<(Value, OutputList), CliError> {
        let value: Value = client.get(&self.list(), &[]).await?;
        let list = response::read(&value)?;
        Ok((value, list))
    }
}

/// Lists the outputs of one party, or of all parties that release some.
pub async fn list(
    client: &Client,
    run: &str,
    party: Option<PartyId>,
    format: Format,
) -> Result<ExitStatus, CliError> {
    let (task, run) = resolve::any_run(client, run).await?;
    let of = |party: String| OutputsOf { task: task.clone(), run: run.clone(), party };
    let parties: Vec<String> = match &party {
        Some(party) => vec![party.to_string()],
        None => {
            let run: Run = client.get(&["tasks", &task, "runs", &run], &[]).await?;
            run.members.into_iter().map(|Member { party, .. }| party).collect()
        }
    };
    let (mut values, mut rows, mut errors) = (Vec::new(), Vec::new(), Vec::<CliError>::new());
    for party in parties {
        match of(party.clone()).read(client).await {
            Ok((mut value, list)) => {
                value["party"] = party.clone().into();
                values.push(value);
                rows.extend(list.outputs.iter().map(|output| row(&party, output)));
                if list.left_out > 0 {
                    note(&format!(
                        "{party} has {} more entries that are not listed: beyond the limit, links, \
                         or names that cannot be printed",
                        list.left_out
                    ));
                }
            }
            // The other parties may have outputs.
            Err(error) => errors.push(error),
        }
    }
    if values.is_empty() && !errors.is_empty() {
        let mut error = errors.remove(0);
        error.details.extend(errors.into_iter().map(|other| other.message));
        return Err(error);
    }
    errors.iter().for_each(|error| note(&error.message));
    output::show(format, &Value::Array(values), || {
        output::table(&["PARTY", "PATH", "SIZE", "MODIFIED", "SHA-256"], rows)
    })?;
    Ok(ExitStatus::Ok)
}

fn row(party: &str, Output { path, size: bytes, modified_at, sha256 }: &Output) -> Vec<String> {
    let sha256 = sha256.as_deref().unwrap_or("(computing)");
    vec![
        party.to_owned(),
        path.to_string(),
        size(*bytes),
        output::age(modified_at, output::now()),
        sha256.chars().take(DIGEST_DIGITS).collect(),
    ]
}

/// Prints a line beside the result. Its failure does not matter.
fn note(text: &str) {
    let _ = writeln!(io::stderr(), "note: {text}");
}

async fn get(
    client: &Client,
    OutputGetArgs { name, party, path, all, to, force }: OutputGetArgs,
    format: Format,
) -> Result<(), CliError> {
    let (task, run) = resolve::any_run(client, &name.run).await?;
    let of = OutputsOf { task, run, party: party.to_string() };
    let mut fetched = Vec::new();
    if let (Some(path), false) = (path, all) {
        let name = path.parts().last().unwrap_or_default();
        let target = to.unwrap_or_else(|| PathBuf::from(name));
        let target = if target.is_dir() { target.join(name) } else { target };
        if !force && target.symlink_metadata().is_ok() {
            return Err(exists(&target));
        }
        fetched.push(download(client, &of, &path, &target).await?);
    } else {
        let folder = to.unwrap_or_else(|| PathBuf::from(party.as_str()));
        let (_, list) = of.read(client).await?;
        for Output { path, sha256, .. } in &list.outputs {
            // Every part is a plain name, so that the file is inside the folder.
            let target = path.parts().fold(folder.clone(), |folder, part| folder.join(part));
            if !force && target.symlink_metadata().is_ok() {
                if sha256.is_some() && *sha256 == digest_of_file(&target)? {
                    note(&format!("{} is complete", target.display()));
                    continue;
                }
                return Err(exists(&target));
            }
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).map_err(|error| at(parent, &error))?;
            }
            fetched.push(download(client, &of, path, &target).await?);
        }
        if list.left_out > 0 {
            note(&format!("{} more entries are not listed and were not fetched", list.left_out));
        }
    }
    let values = fetched.iter().map(
        |file| json!({ "file": file.target, "size": file.size, "sha256": file.sha256.as_str() }),
    );
    output::show(format, &values.collect(), || {
        let line = |file: &Fetched| {
            let (target, sha256) = (file.target.display(), &file.sha256);
            format!("{target}: {}, SHA-256 {sha256}\n", size(file.size))
        };
        fetched.iter().map(line).collect()
    })
}

fn exists(target: &Path) -> CliError {
    CliError::new(ExitStatus::Usage, format!("{} exists", target.display()))
        .with_remedy("Use --force to replace it, or --to to name another place.")
}

fn at(path: &Path, error: &io::Error) -> CliError {
    CliError::new(ExitStatus::Failed, format!("{}: {error}", path.display()))
}

/// A complete file.
struct Fetched {
    target: PathBuf,
    size: u64,
    sha256: Digest,
}

/// The failure of one attempt.
enum Failure {
    /// The file has another content than the first bytes on the disk.
    Changed,
    /// The connection broke, or the party cannot send at this time.
    Temporary(CliError),
    Permanent(CliError),
}

/// Fetches a file to `target`, which appears complete or not at all. Bytes that arrive stay in
/// `target.part`, where the next attempt or the next command continues.
async fn download(
    client: &Client,
    of: &OutputsOf,
    path: &OutputPath,
    target: &Path,
) -> Result<Fetched, CliError> {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let (mut attempts, mut has_changed, mut delay) = (0, false, RETRY_DELAY_MIN);
    loop {
        let before = part.metadata().map_or(0, |found| found.len());
        match attempt(client, of, path, &part).await {
            Ok((size, sha256)) => {
                fs::rename(&part, target).map_err(|error| at(target, &error))?;
                return Ok(Fetched { target: target.to_owned(), size, sha256 });
            }
            Err(Failure::Changed) if !has_changed => {
                has_changed = true;
                fs::remove_file(&part).map_err(|error| at(&part, &error))?;
            }
            Err(Failure::Changed) => {
                return Err(CliError::new(
                    ExitStatus::Failed,
                    format!("{path} of {} changes while it is fetched", of.party),
                )
                .with_remedy("Repeat the command when the workload has finished the file."));
            }
            Err(Failure::Temporary(error)) => {
                let after = part.metadata().map_or(0, |found| found.len());
                attempts = if after > before { 1 } else { attempts + 1 };
                if attempts >= ATTEMPTS_MAX {
                    return Err(error.with_remedy("Repeat the command to continue."));
                }
                delay = if attempts == 1 { RETRY_DELAY_MIN } else { delay * 2 };
                flow_common::clock::sleep(delay).await;
            }
            Err(Failure::Permanent(error)) => return Err(error),
        }
    }
}

/// Appends the missing bytes to `part` and verifies all of them.
async fn attempt(
    client: &Client,
    of: &OutputsOf,
    path: &OutputPath,
    part: &Path,
) -> Result<(u64, Digest), Failure> {
    let io = |error: io::Error| Failure::Permanent(at(part, &error));
    let mut hasher = Sha256::new();
    let mut size = match File::open(part) {
        Ok(mut file) => hash_into(&mut file, &mut hasher).map_err(io)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(io(error)),
    };
    // A refused request creates no file.
    let response = open(client, of, path, size).await?;
    let mut file = File::options().append(true).create(true).open(part).map_err(io)?;
    let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
    let sha256: Digest = tag.trim_matches('"').parse().map_err(|_| {
        Failure::Permanent(CliError::new(ExitStatus::Failed, "the hub sent no SHA-256 of the file"))
    })?;
    if size > 0 && response.status() != StatusCode::PARTIAL_CONTENT {
        file.set_len(0).map_err(io)?;
        (hasher, size) = (Sha256::new(), 0);
    }
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            let text = format!("the connection broke before the end of {path}: {error}");
            Failure::Temporary(CliError::new(ExitStatus::Unreachable, text))
        })?;
        hasher.update(&chunk);
        file.write_all(&chunk).map_err(io)?;
        size += chunk.len() as u64;
    }
    if digest(hasher) != sha256 {
        return Err(Failure::Changed);
    }
    file.sync_all().map_err(io)?;
    Ok((size, sha256))
}

async fn open(
    client: &Client,
    of: &OutputsOf,
    path: &OutputPath,
    offset: u64,
) -> Result<Response, Failure> {
    let mut headers = HeaderMap::new();
    if offset > 0 {
        let range = HeaderValue::from_str(&format!("bytes={offset}-"))
            .expect("digits are valid in a header");
        headers.insert(RANGE, range);
    }
    let segments = [&of.list()[..], &[path.as_str()]].concat();
    client.stream(&segments, &[], headers).await.map_err(|error| match error.exit {
        // The first bytes on the disk are longer than the file.
        ExitStatus::Refused
            if offset > 0 && error.code.as_deref() == Some("range_not_satisfiable") =>
        {
            Failure::Changed
        }
        ExitStatus::Unreachable => Failure::Temporary(error),
        _ => Failure::Permanent(error),
    })
}

fn hash_into(file: &mut File, hasher: &mut Sha256) -> io::Result<u64> {
    let mut block = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        match file.read(&mut block)? {
            0 => return Ok(size),
            count => {
                hasher.update(&block[..count]);
                size += count as u64;
            }
        }
    }
}

fn digest_of_file(path: &Path) -> Result<Option<String>, CliError> {
    let mut hasher = Sha256::new();
    let hashed = File::open(path).and_then(|mut file| hash_into(&mut file, &mut hasher));
    hashed.map_err(|error| at(path, &error))?;
    Ok(Some(digest(hasher).into()))
}

fn digest(hasher: Sha256) -> Digest {
    let text: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    text.parse().expect("64 hexadecimal digits")
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    let mib = bytes >> 20;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{mib} MiB"),
    }
}
