//! Conversion between protocol and domain, the only place for it. Each message is parsed once, and
//! rejected as a whole if one part is invalid.

use std::collections::BTreeMap;

use flow_common::text::{foreign, is_unsafe};
use flow_domain::bindings::is_endpoint;
use flow_domain::error::Error;
use flow_domain::id::{InstanceId, PartyId, RunId, TaskId};
use flow_domain::member::{
    DesiredPhase, Exit, LAST_LINE_CHARS_MAX, LAST_LINES_MAX, Reason, ReasonCode, Report,
};
use flow_domain::progress::{PartyProgress, Point, Progress};
use flow_domain::time::Timestamp;
use flow_proto::v1;
use tonic::Status;

use crate::sessions::checks::SpecAnswer;
use crate::store::OrphanKey;

/// Bytes of a text from an agent; longer texts are truncated.
const TEXT_BYTES_MAX: usize = 2000;
/// Metrics kept per member.
const METRICS_MAX: usize = 256;
/// Entries of a map or list in one message.
const ENTRIES_MAX: usize = 10_000;

/// A report with the run and task that it refers to.
#[derive(Debug, Clone)]
pub struct ParsedReport {
    pub run: RunId,
    /// The task, as the agent knows it.
    pub task: TaskId,
    /// Digest of the spec that the agent holds.
    pub digest: Option<flow_domain::id::Digest>,
    pub report: Report,
}

/// The reason why a message is invalid.
pub type ParseError = String;

fn field<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, ParseError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| format!("{name}: {error}"))
}

/// Replaces terminal control characters and bounds the length. Texts of a party are shown on
/// terminals and pages.
pub(super) fn clip(text: String) -> String {
    let mut text: String = text
        .chars()
        .map(|c| if is_unsafe(c) && c != '\n' && c != '\t' { '\u{fffd}' } else { c })
        .collect();
    if text.len() > TEXT_BYTES_MAX {
        let mut end = TEXT_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Bounds and escapes the last lines of a workload again, because an agent may not have.
fn last_lines(lines: Vec<String>) -> Vec<String> {
    let surplus = lines.len().saturating_sub(LAST_LINES_MAX);
    lines.into_iter().skip(surplus).map(|line| foreign(&line, LAST_LINE_CHARS_MAX)).collect()
}

/// Returns a valid name of a series or metric, without surrounding white space, which some
/// databases ignore.
fn name(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= 128 && !text.chars().any(char::is_control))
        .then(|| text.to_owned())
}

/// Returns a number as it may be stored.
fn number(text: String) -> Option<String> {
    (text.len() <= 64 && text.parse::<f64>().is_ok()).then_some(text)
}

/// Returns the agent's version for display.
#[must_use]
pub fn version(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic()).take(64).collect()
}

/// Converts a reason. An unknown code of a newer agent becomes part of the message, because it is
/// no reason to reject the agent.
fn reason(reason: v1::Reason) -> Reason {
    match reason.code.parse() {
        Ok(code) => Reason { code, message: clip(reason.message) },
        Err(_) => Reason {
            code: ReasonCode::RuntimeError,
            message: clip(format!("{}: {}", reason.code, reason.message)),
        },
    }
}

/// Converts the answer to a check of a spec.
pub(super) fn spec_answer(message: v1::SpecChecked) -> Result<SpecAnswer, ParseError> {
    let v1::SpecChecked { check_id: _, answer, reason: why } = message;
    let why = || reason(why.unwrap_or_default());
    match answer.as_str() {
        "accept" => Ok(SpecAnswer::Accept),
        "ask" => Ok(SpecAnswer::Ask(why())),
        "refuse" => Ok(SpecAnswer::Refuse(why())),
        other => Err(format!("answer: {other}")),
    }
}

/// Converts a report of an agent whose journal is `instance`.
pub fn report(
    instance: &InstanceId,
    message: v1::MemberReport,
) -> Result<ParsedReport, ParseError> {
    let v1::MemberReport {
        run_id,
        task_id,
        attempt,
        sequence,
        observed_generation,
        phase,
        reason: why,
        exit,
        endpoints,
        resolution,
        complete,
        spec_digest,
    } = message;
    if endpoints.len() > 64 {
        return Err("endpoints: more than 64".to_owned());
    }
    // Stored as a signed number.
    if sequence > i64::MAX as u64 || observed_generation > i64::MAX as u64 {
        return Err("sequence or observed_generation is beyond 2^63".to_owned());
    }
    let exit = exit
        .map(|exit| {
            Ok::<_, ParseError>(Exit {
                code: exit.code,
                signal: exit.signal,
                reason: exit.reason.map(reason),
                last_lines: last_lines(exit.last_lines),
                started_at: Timestamp(exit.started_at),
                finished_at: Timestamp(exit.finished_at),
            })
        })
        .transpose()?;
    Ok(ParsedReport {
        run: field("run_id", &run_id)?,
        task: field("task_id", &task_id)?,
        digest: if spec_digest.is_empty() {
            None
        } else {
            Some(field("spec_digest", &spec_digest)?)
        },
        report: Report {
            instance: instance.clone(),
            attempt,
            sequence,
            observed_generation,
            phase: field("phase", &phase)?,
            reason: why.map(reason),
            exit,
            // Peers receive them: only addresses may pass.
            endpoints: endpoints
                .into_iter()
                .filter(|(name, address)| name.len() <= 64 && is_endpoint(address))
                .collect(),
            resolution: if resolution.is_empty() {
                None
            } else {
                Some(field("resolution", &resolution)?)
            },
            complete,
        },
    })
}

/// Converts progress of one member.
pub fn progress(message: v1::MemberProgress) -> Result<(RunId, u32, Progress), ParseError> {
    let v1::MemberProgress { run_id, attempt, epoch, epochs, parties, metrics, points } = message;
    if parties.len() > ENTRIES_MAX || metrics.len() > ENTRIES_MAX || points.len() > ENTRIES_MAX {
        return Err(format!("progress: more than {ENTRIES_MAX} entries"));
    }
    let parties =
        parties.into_iter().filter(|(name, _)| name.parse::<PartyId>().is_ok()).take(1000).map(
            |(name, party)| {
                let v1::PartyProgress { ready, complete, current_epoch, total_epoch } = party;
                (name, PartyProgress { ready, complete, current_epoch, total_epoch })
            },
        );
    let points = points.into_iter().filter_map(|v1::Point { series, step, value }| {
        Some(Point { series: name(&series)?, step, value: number(value)? })
    });
    let progress = Progress {
        epoch,
        epochs,
        parties: parties.collect(),
        metrics: metrics
            .into_iter()
            .filter_map(|(key, value)| Some((name(&key)?, number(value)?)))
            .take(METRICS_MAX)
            .collect::<BTreeMap<_, _>>(),
        points: points.collect(),
        complete: false,
    };
    Ok((field("run_id", &run_id)?, attempt, progress))
}

/// Returns the desired state that stops an orphan. An agent obeys a stop with any generation.
#[must_use]
pub(crate) fn stop_orphan(
    OrphanKey { party: _, run, attempt }: &OrphanKey,
    task: &TaskId,
    revision: u64,
) -> v1::DesiredMember {
    v1::DesiredMember {
        run_id: run.to_string(),
        task_id: task.to_string(),
        attempt: *attempt,
        generation: 1,
        desired: DesiredPhase::Stopped.to_string(),
        orphan: true,
        revision,
        ..v1::DesiredMember::default()
    }
}

/// Returns the status of an error for the agent.
#[must_use]
pub fn status(error: &Error) -> Status {
    Status::new(tonic::Code::from_i32(error.row().grpc as i32), error.to_string())
}
