//! Conversion between the messages of the protocol and the agent's types. No other module of the
//! agent interprets messages. A message of the hub may be invalid; the agent ignores and logs it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flow_common::text::foreign;
use flow_domain::member::{Exit, Reason, ReasonCode};
use flow_domain::progress::{PartyProgress, Point, Progress};
use flow_proto::v1;

use crate::admission::LogPolicy;
use crate::member::{Admission, DesiredMember, Member};
use crate::runtime::WorkKey;

/// Longest accepted bindings, names and values together. The aggregator of a task with 1,000 members
/// whose names have the greatest length needs two thirds of it.
const BINDINGS_BYTES_MAX: usize = 512 * 1024;

/// Longest name of a task, in characters; no task has a longer one.
const TASK_NAME_CHARS_MAX: usize = 50;

/// Parses a desired member. Returns it with the bytes of its spec.
pub fn desired_member(message: v1::DesiredMember) -> Result<(DesiredMember, Vec<u8>), String> {
    let v1::DesiredMember {
        run_id,
        task_id,
        attempt,
        generation,
        desired,
        spec_digest,
        spec,
        bindings,
        orphan,
        revision: _,
        released,
        task_name,
        run_number,
    } = message;
    let size: usize = bindings.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > BINDINGS_BYTES_MAX {
        return Err(format!("bindings: {size} bytes exceed the limit of {BINDINGS_BYTES_MAX}"));
    }
    let field =
        |name: &'static str| move |error: &dyn std::fmt::Display| format!("{name}: {error}");
    let desired_member = DesiredMember {
        run: run_id.parse().map_err(|e| field("run_id")(&e))?,
        task: task_id.parse().map_err(|e| field("task_id")(&e))?,
        task_name: foreign(&task_name, TASK_NAME_CHARS_MAX),
        run_number,
        attempt,
        generation,
        phase: desired.parse().map_err(|e: String| field("desired")(&e))?,
        digest: if spec_digest.is_empty() {
            None
        } else {
            Some(spec_digest.parse().map_err(|e| field("spec_digest")(&e))?)
        },
        bindings: bindings.into_iter().collect(),
        orphan,
        released,
    };
    Ok((desired_member, spec))
}

/// The report of one member. The party's policy for logs also applies to the last lines that a
/// workload printed.
pub fn report(member: &Member, logs: LogPolicy) -> v1::MemberReport {
    let mut ended = member.exit.clone();
    if let Some(ended) = &mut ended {
        logs.restrict(&mut ended.last_lines);
    }
    let last_line = ended.as_ref().and_then(|ended| ended.last_lines.last());
    let why = member.reported_reason().cloned().map(|mut why| {
        if why.code == ReasonCode::ExitNonzero && member.phase.is_terminal() {
            match last_line {
                Some(line) => _ = write!(why.message, ": \"{line}\""),
                None if logs.disclose => why.message.push_str("; read its log for the cause"),
                None => why.message.push_str("; ask the party for the cause in its log"),
            }
        }
        reason(why)
    });
    v1::MemberReport {
        run_id: member.run.to_string(),
        task_id: member.task.to_string(),
        attempt: member.attempt,
        sequence: member.sequence,
        observed_generation: member.generation,
        phase: member.phase.to_string(),
        reason: why,
        exit: ended.map(exit),
        endpoints: member.endpoints.clone().into_iter().collect(),
        resolution: member.needs.resolution.as_ref().map(ToString::to_string).unwrap_or_default(),
        complete: member.complete,
        spec_digest: member.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

/// The answer to a check of a spec.
pub fn spec_checked(check_id: u64, admission: Admission) -> v1::SpecChecked {
    let (answer, why) = match admission {
        Admission::Admit(_) => ("accept", None),
        Admission::Ask(_, why) => ("ask", Some(why)),
        Admission::Refuse(why) => ("refuse", Some(why)),
    };
    v1::SpecChecked { check_id, answer: answer.to_owned(), reason: why.map(reason) }
}

pub fn reason(reason: Reason) -> v1::Reason {
    let Reason { code, message } = reason;
    v1::Reason { code: code.to_string(), message }
}

fn exit(exit: Exit) -> v1::Exit {
    let Exit { code, signal, reason: why, last_lines, started_at, finished_at } = exit;
    v1::Exit {
        code,
        signal,
        reason: why.map(reason),
        last_lines,
        started_at: started_at.0,
        finished_at: finished_at.0,
    }
}

pub fn progress(key: &WorkKey, progress: Progress) -> v1::MemberProgress {
    let Progress { epoch, epochs, parties, metrics, points, complete: _ } = progress;
    let party = |line: PartyProgress| {
        let PartyProgress { ready, complete, current_epoch, total_epoch } = line;
        v1::PartyProgress { ready, complete, current_epoch, total_epoch }
    };
    v1::MemberProgress {
        run_id: key.run.to_string(),
        attempt: key.attempt,
        epoch,
        epochs,
        parties: parties.into_iter().map(|(name, line)| (name, party(line))).collect(),
        metrics: metrics.into_iter().collect(),
        points: points
            .into_iter()
            .map(|Point { series, step, value }| v1::Point { series, step, value })
            .collect(),
    }
}

/// Merges newer progress into `kept`: the newer values replace the older ones, points accumulate, and
/// the newest `points_max` of them stay.
pub fn coalesce(
    kept: &mut BTreeMap<WorkKey, Progress>,
    key: WorkKey,
    mut newer: Progress,
    points_max: usize,
) {
    if let Some(older) = kept.remove(&key) {
        newer.points.splice(0..0, older.points);
    }
    let surplus = newer.points.len().saturating_sub(points_max);
    newer.points.drain(..surplus);
    kept.insert(key, newer);
}

#[cfg(test)]
mod tests {
    use flow_domain::member::MemberPhase;
    use flow_domain::time::Timestamp;

    use super::*;

    #[test]
    fn u8_report_quotes_the_last_line_if_the_party_discloses_logs() {
        let id = "0".repeat(32);
        let message =
            v1::DesiredMember { run_id: id.clone(), task_id: id, ..v1::DesiredMember::default() };
        let message = v1::DesiredMember { desired: "running".to_owned(), ..message };
        let member = Member {
            phase: MemberPhase::Failed,
            reason: Some(Reason::new(ReasonCode::ExitNonzero, "exited with status 1")),
            exit: Some(Exit {
                code: Some(1),
                signal: None,
                reason: None,
                last_lines: ["Traceback", "KeyError: 'X'"].map(str::to_owned).to_vec(),
                started_at: Timestamp(0),
                finished_at: Timestamp(0),
            }),
            ..Member::new(&desired_member(message).expect("a message").0)
        };
        let reported = |logs: LogPolicy| {
            let report = report(&member, logs);
            let lines = report.exit.expect("an exit").last_lines;
            (report.reason.expect("a reason").message, lines)
        };
        let (message, lines) = reported(LogPolicy::default());
        assert_eq!(message, "exited with status 1: \"KeyError: 'X'\"");
        assert_eq!(lines, ["Traceback", "KeyError: 'X'"]);
        let (message, lines) = reported(LogPolicy { disclose: false, ..LogPolicy::default() });
        assert_eq!(message, "exited with status 1; ask the party for the cause in its log");
        assert!(lines.is_empty());
        let (message, _) =
            reported(LogPolicy { limit_bytes_per_stream: Some(1), ..LogPolicy::default() });
        assert_eq!(message, "exited with status 1; read its log for the cause");
    }

    #[test]
    fn a10_bindings_above_the_size_of_the_largest_task_are_rejected() {
        let id = "0".repeat(32);
        let message = |length: usize| v1::DesiredMember {
            run_id: id.clone(),
            task_id: id.clone(),
            desired: "running".to_owned(),
            bindings: (0..8).map(|n| (format!("x{n}"), "y".repeat(length))).collect(),
            ..v1::DesiredMember::default()
        };
        assert!(desired_member(message(60_000)).is_ok());
        assert!(
            desired_member(message(100_000))
                .is_err_and(|error| error.starts_with("bindings: 800016 bytes"))
        );
    }
}
