//! `flow-federate outputs`: the outputs in the data directory, while the agent runs or not.
//!
//! The commands read the run directories and need no connection. An ended member never starts
//! again, so its outputs can be removed beside a running agent: a stream of the agent ends as
//! incomplete, and the retention finds less to remove.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use flow_common::text::visible;
use flow_domain::id::ProjectId;

use super::source::{ConfigArgs, Failure, load, print};
use crate::admission::PartyPolicy;
use crate::config::{Config, RuntimeKind};
use crate::outputs::{Listing, Output, OutputDir, disk_use};
use crate::runtime::{Origin, WorkKey};
use crate::sidecar::rundir::{self, OUTPUTS, RunDir, RunDirState, dir_name, name};

/// Fewest digits of a run's id that select it.
const PREFIX_DIGITS_MIN: usize = 4;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the members of this party with their outputs and disk use, or the files of one member.
    List {
        /// Id of the run, or its first digits.
        run: Option<String>,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Print the directory with the outputs of a member.
    Path {
        /// Id of the run, or its first digits.
        run: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Remove the outputs of a member that has ended. Its log stays.
    Remove {
        /// Id of the run, or its first digits.
        run: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

pub(super) fn main(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::List { run: None, config } => list(&read(&config)?)?,
        Command::List { run: Some(run), config } => files(&find(&read(&config)?, &run)?)?,
        Command::Path { run, config } => {
            let (_, dir) = find(&read(&config)?, &run)?;
            let path = std::path::absolute(dir.join(name::OUTPUT))?;
            if !path.is_dir() {
                return Err(missing(&path));
            }
            print(&path.display().to_string())?;
        }
        Command::Remove { run, config } => remove(&find(&read(&config)?, &run)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read(args: &ConfigArgs) -> Result<Config, Failure> {
    let config = load(args)?.value;
    if config.runtime == RuntimeKind::Kubernetes {
        return Err(
            "the members of this party run as Pods: their outputs are on the claim in \
             kubernetes.output_claim, each in a directory with the name of its IflearnerJob; copy them \
             with a Pod that mounts the claim"
                .into(),
        );
    }
    Ok(config)
}

/// The members with a run directory, the newest last.
fn members(config: &Config) -> Result<Vec<(WorkKey, RunDir)>, Failure> {
    let runs = config.data_dir.join("runs");
    let mut found = rundir::list(&runs).map_err(|error| {
        format!("{}: {error}: check data_dir, and run as the user of the agent", runs.display())
    })?;
    // Ids of runs begin with their time.
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// The newest attempt of the run that the user named.
fn find(config: &Config, run: &str) -> Result<(WorkKey, RunDir), Failure> {
    let is_prefix =
        run.len() >= PREFIX_DIGITS_MIN && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_prefix {
        return Err(format!(
            "{:?} is no id of a run: give at least {PREFIX_DIGITS_MIN} of its first digits, see \
             `flow-federate outputs list`",
            visible(run)
        )
        .into());
    }
    let mut found = members(config)?;
    let run = run.to_ascii_lowercase();
    found.retain(|(key, _)| key.run.as_str().starts_with(&run));
    if found.windows(2).any(|pair| pair[0].0.run != pair[1].0.run) {
        return Err(format!("several runs begin with {run}: give more digits").into());
    }
    found.pop().ok_or_else(|| {
        format!("this party has no files of run {run}: see `flow-federate outputs list`").into()
    })
}

fn missing(path: &Path) -> Failure {
    format!(
        "{} does not exist: the outputs were removed, or the member never started",
        path.display()
    )
    .into()
}

fn list(config: &Config) -> Result<(), Failure> {
    let policy = PartyPolicy { release: config.outputs.release.clone(), ..PartyPolicy::default() };
    let mut rows = vec![
        ["RUN", "TASK", "ATTEMPT", "STATE", "FILES", "OUTPUTS", "ON DISK", "DATASET", "RELEASED"]
            .map(str::to_owned),
    ];
    for (key, dir) in members(config)? {
        let outputs = OutputDir::of(dir.clone());
        let Listing { files, left_out } = outputs.list().unwrap_or_default();
        let more = if left_out > 0 { "+" } else { "" };
        let origin = outputs.origin.as_ref();
        let dataset = origin.and_then(|origin| origin.dataset.as_ref());
        rows.push([
            key.run.to_string(),
            origin.map(|origin| origin.run_name.clone()).unwrap_or_default(),
            key.attempt.to_string(),
            state(&dir).to_owned(),
            format!("{}{more}", files.len()),
            size(files.iter().map(|file| file.size).sum()),
            size(disk_use(dir.path())),
            dataset.map_or_else(|| "-".to_owned(), ToString::to_string),
            origin.map_or_else(|| "no".to_owned(), |origin| released(&policy, origin)),
        ]);
    }
    print(&table(&rows))
}

/// The projects to which outputs may leave.
fn released(policy: &PartyPolicy, origin: &Origin) -> String {
    if policy.releases(origin, None) {
        return "yes".to_owned();
    }
    let projects: Vec<&str> =
        policy.projects_of(origin).into_iter().map(ProjectId::as_str).collect();
    if projects.is_empty() { "no".to_owned() } else { format!("to {}", projects.join(", ")) }
}

/// The state that the files show, without the lock.
fn state(dir: &RunDir) -> &'static str {
    if dir.has(name::EXIT) || dir.has(name::FORGOTTEN) {
        "ended"
    } else if dir.has(name::STARTED) {
        "running"
    } else {
        "reserved"
    }
}

fn files((_, dir): &(WorkKey, RunDir)) -> Result<(), Failure> {
    let outputs = OutputDir::of(dir.clone());
    let listing = outputs.list().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => missing(&outputs.path()),
        _ => format!("{}: {error}", outputs.path().display()).into(),
    })?;
    let mut rows = vec![["SIZE", "SHA-256", "PATH"].map(str::to_owned)];
    for Output { path, size: bytes, sha256, .. } in listing.files {
        // The agent keeps the digests that it computes; this command only reads them.
        let sha256 = match sha256 {
            Some(sha256) => Some(sha256),
            None => outputs.open(&path).and_then(|open| open.hash(|| false)).unwrap_or_default(),
        };
        let sha256 = sha256.map_or_else(|| "(changing)".to_owned(), |sha256| sha256.to_string());
        rows.push([size(bytes), sha256, path.to_string()]);
    }
    print(&table(&rows))?;
    if listing.left_out > 0 {
        print(&format!(
            "{} more entries are not listed: beyond the limit of files, links, or names that cannot \
             be printed",
            listing.left_out
        ))?;
    }
    Ok(())
}

fn remove((key, dir): &(WorkKey, RunDir)) -> Result<(), Failure> {
    let member = dir_name(key);
    match dir.inspect()? {
        RunDirState::Exited(_) | RunDirState::Forgotten => {}
        RunDirState::Alive => {
            return Err(format!("{member} is running: wait for its end, or stop its run").into());
        }
        RunDirState::Fresh(_) => return Err(format!("{member} never started").into()),
        RunDirState::Interrupted(_) => {
            return Err(format!(
                "{member} has no recorded end: start the agent, which records it, and repeat"
            )
            .into());
        }
        RunDirState::Missing => return Err(missing(dir.path())),
    }
    let outputs = OutputDir::of(dir.clone());
    if !dir.has(name::OUTPUT) {
        return Err(missing(&outputs.path()));
    }
    let bytes = disk_use(&outputs.path());
    // After a crash in the middle the command can be repeated.
    dir.remove_parts(&OUTPUTS)?;
    print(&format!("removed the outputs of {member}: {}", size(bytes)))
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// Columns of equal width; the last one is not padded.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1023.9 KiB"),
            (5 << 20, "5.0 MiB"),
            (3 << 40, "3.0 TiB"),
            (u64::MAX, "1677721.5 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
