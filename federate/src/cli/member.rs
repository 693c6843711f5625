//! `flow-federate list|show|stop|logs|approve|deny|reload|console`: the party's administrator asks the
//! running agent through its control socket. Texts of the hub are escaped before they are printed.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use flow_common::stdout;
use flow_common::text::{is_unsafe, visible};
use flow_domain::id::Digest;
use flow_domain::member::MemberPhase;
use serde::Serialize;

use super::source::{ConfigArgs, Failure, print};
use crate::config;
use crate::control::client::{Answered, ControlError, call};
use crate::control::describe::{fields, phase};
use crate::control::protocol::{MemberDetails, MemberInfo, Request, Response};

/// Configuration of the agent that the packages install.
const INSTALLED_CONFIG: &str = "/etc/flow/agent.toml";
/// Shortest printed prefix of a run id.
const PREFIX_CHARS_MIN: usize = 12;
const CHUNK_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people
    #[default]
    Table,
    /// The agent's answer
    Json,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Also members that have ended, the last 1,000
    #[arg(long)]
    all: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    selected: MemberArgs,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// The member of a command.
#[derive(Debug, Args)]
pub(super) struct MemberArgs {
    /// Run id or the first digits of it, or name of the task
    member: String,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct LogArgs {
    #[command(flatten)]
    selected: MemberArgs,
    /// Print new lines until the workload ends
    #[arg(short, long)]
    follow: bool,
    /// Print only the last N lines
    #[arg(long, value_name = "N")]
    tail: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct ApproveArgs {
    #[command(flatten)]
    selected: MemberArgs,
    /// Digest that `show` printed; without it the command shows the member and asks
    #[arg(long)]
    digest: Option<Digest>,
}

#[derive(Debug, Args)]
pub(super) struct DenyArgs {
    #[command(flatten)]
    selected: MemberArgs,
    /// Reason that the users of the hub see
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(super) fn list(args: &ListArgs) -> Result<ExitCode, Failure> {
    let Response::Members(members) = ask(&args.config, Request::List { all: args.all })? else {
        return Err(unexpected());
    };
    if args.output == Format::Json {
        return json(&members);
    }
    let text = table(&members);
    print(text.trim_end())?;
    let waiting = members.iter().find(|member| member.phase == MemberPhase::WaitingApproval);
    if let Some(member) = waiting {
        print(&format!("\nTo decide about a waiting member: flow-federate show {}", member.run))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn show(args: &ShowArgs) -> Result<ExitCode, Failure> {
    let details = details(&args.selected)?;
    if args.output == Format::Json {
        return json(&details);
    }
    print(describe(&details).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn stop(args: &MemberArgs) -> Result<ExitCode, Failure> {
    done(&args.config, Request::Stop { member: args.member.clone() })
}

pub(super) fn deny(args: &DenyArgs) -> Result<ExitCode, Failure> {
    let DenyArgs { selected: MemberArgs { member, config }, reason } = args;
    done(config, Request::Deny { member: member.clone(), reason: reason.clone() })
}

/// Approves the digests of the member that was shown, so a member that changes meanwhile is not
/// approved.
pub(super) fn approve(args: &ApproveArgs) -> Result<ExitCode, Failure> {
    let shown = details(&args.selected)?;
    let member = &shown.member;
    let (Some(digest), Some(resolution)) = (&member.digest, &member.resolution) else {
        return Err(format!("member {} has no spec to approve", member.run).into());
    };
    match &args.digest {
        Some(given) if given != digest => {
            return Err(format!(
                "member {} has the digest {digest}, not the one that you approve: look at it with `flow-federate show {}`",
                member.run, member.run
            )
            .into());
        }
        Some(_) => {}
        None if io::stdin().is_terminal() && member.phase == MemberPhase::WaitingApproval => {
            print(&describe(&shown))?;
            write!(io::stdout(), "Approve one start of this member? [y/N] ")?;
            io::stdout().flush()?;
            let mut typed = String::new();
            io::stdin().lock().read_line(&mut typed)?;
            if !matches!(typed.trim(), "y" | "Y" | "yes") {
                return Err("nothing was approved".into());
            }
        }
        None if member.phase == MemberPhase::WaitingApproval => {
            return Err(format!(
                "there is no terminal to ask on: look at the member with `flow-federate show {}` and repeat with --digest DIGEST",
                member.run
            )
            .into());
        }
        // The agent explains why there is nothing to approve.
        None => {}
    }
    let request = Request::Approve {
        member: member.run.to_string(),
        digest: digest.clone(),
        resolution: resolution.clone(),
    };
    done(&args.selected.config, request)
}

pub(super) fn reload(args: &ConfigArgs) -> Result<ExitCode, Failure> {
    let Response::Reloaded { ignored } = ask(args, Request::Reload)? else {
        return Err(unexpected());
    };
    print("reloaded images, datasets, resources and released outputs")?;
    if !ignored.is_empty() {
        print(&format!("changed, and not reloadable: {ignored}; restart the agent"))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn console(args: &ConfigArgs) -> Result<ExitCode, Failure> {
    let Response::Console { link } = ask(args, Request::Console)? else {
        return Err(unexpected());
    };
    print(&visible(&link))?;
    Ok(ExitCode::SUCCESS)
}

/// Copies the log to standard output as it arrives. On a terminal, control characters are escaped.
pub(super) fn logs(args: &LogArgs) -> Result<ExitCode, Failure> {
    let LogArgs { selected: MemberArgs { member, config }, follow, tail } = args;
    let request = Request::Logs { member: member.clone(), tail: *tail, follow: *follow };
    let (response, mut log) = connect(config, request)?;
    let Response::Log = response else { return Err(unexpected()) };
    let escape = io::stdout().is_terminal();
    let (mut chunk, mut rest) = (vec![0; CHUNK_BYTES], Vec::new());
    loop {
        let count = log.read(&mut chunk)?;
        let bytes = if escape {
            rest.extend_from_slice(&chunk[..count]);
            escaped(&mut rest, count == 0).into_bytes()
        } else {
            chunk[..count].to_vec()
        };
        stdout::print(bytes)?;
        if count == 0 {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes the complete characters from `bytes`, with unsafe ones escaped; all of them at the `end`.
fn escaped(bytes: &mut Vec<u8>, end: bool) -> String {
    let complete = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() && !end => error.valid_up_to(),
        _ => bytes.len(),
    };
    let rest = bytes.split_off(complete);
    let text = String::from_utf8_lossy(&std::mem::replace(bytes, rest)).replace('\r', "\n");
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        if is_unsafe(char) && !matches!(char, '\n' | '\t') {
            safe.extend(char.escape_default());
        } else {
            safe.push(char);
        }
    }
    safe
}

fn details(args: &MemberArgs) -> Result<MemberDetails, Failure> {
    match ask(&args.config, Request::Show { member: args.member.clone() })? {
        Response::Member(details) => Ok(*details),
        _ => Err(unexpected()),
    }
}

fn done(config: &ConfigArgs, request: Request) -> Result<ExitCode, Failure> {
    let Response::Done(text) = ask(config, request)? else { return Err(unexpected()) };
    print(&visible(&text))?;
    Ok(ExitCode::SUCCESS)
}

fn ask(config: &ConfigArgs, request: Request) -> Result<Response, Failure> {
    Ok(connect(config, request)?.0)
}

fn connect(config: &ConfigArgs, request: Request) -> Result<Answered, Failure> {
    call(&data_dir(config)?, request).map_err(|error| match error {
        ControlError::Refused(problem) if !problem.candidates.is_empty() => {
            format!("{}:\n{}", visible(&problem.message), table(&problem.candidates).trim_end())
                .into()
        }
        other => visible(&other.to_string()).into_owned().into(),
    })
}

/// The data directory of the configuration, whose other values need not be valid. Without options
/// it is that of the installed agent, so a command is as short as the hub shows it.
fn data_dir(args: &ConfigArgs) -> Result<PathBuf, Failure> {
    let installed = || Some(PathBuf::from(INSTALLED_CONFIG)).filter(|path| path.exists());
    let file = args.file.clone().or_else(|| installed().filter(|_| args.overrides.is_empty()));
    let (loaded, _) = config::load_sound(file, args.overrides.clone())?;
    Ok(loaded.value.data_dir)
}

fn unexpected() -> Failure {
    "the agent sent another kind of answer: use the flow-federate of the agent's version".into()
}

/// Prints JSON. Unsafe characters become JSON's own escapes, which mean the same.
fn json<T: Serialize>(value: &T) -> Result<ExitCode, Failure> {
    let mut text = String::new();
    for char in serde_json::to_string_pretty(value)?.chars() {
        if is_unsafe(char) && char != '\n' {
            write!(text, "\\u{:04x}", u32::from(char))?;
        } else {
            text.push(char);
        }
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn table(members: &[MemberInfo]) -> String {
    let mut rows = vec![["MEMBER", "TASK", "RUN", "ROLE", "PHASE", "REASON"].map(str::to_owned)];
    let prefix = prefix_chars(members);
    rows.extend(members.iter().map(|member| {
        let number = Some(member.run_number).filter(|number| *number > 0);
        [
            member.run.as_str()[..prefix].to_owned(),
            match member.task_name.as_str() {
                "" => member.task.to_string(),
                name => visible(name).into_owned(),
            },
            number.map(|number| number.to_string()).unwrap_or_default(),
            member.role.map(|role| role.to_string()).unwrap_or_default(),
            phase(member),
            member.reason.as_ref().map(|reason| reason.code.to_string()).unwrap_or_default(),
        ]
    }));
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// Digits of a run id that identify each of these members.
fn prefix_chars(members: &[MemberInfo]) -> usize {
    let mut runs: Vec<&str> = members.iter().map(|member| member.run.as_str()).collect();
    runs.sort_unstable();
    let common = |one: &str, other: &str| {
        one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
    };
    let longest = runs.windows(2).map(|pair| common(pair[0], pair[1]) + 1).max().unwrap_or(0);
    longest.clamp(PREFIX_CHARS_MIN, 32)
}

fn describe(details: &MemberDetails) -> String {
    let mut text = String::new();
    for (name, value) in fields(details) {
        text += &format!("{name:<10}  {}\n", visible(&value));
    }
    text
}
