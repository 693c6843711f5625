//! Formats a watched run: a block that a terminal redraws, or lines for a log. Pure: runs and times
//! in, text out.

use console::{measure_text_width, truncate_str};
use flow_api_types::{
    ContactState, Member, MemberProgress, ProgressSummary, Run, RunSummary, Time,
};
use flow_domain::member::{MemberPhase, ReasonCode};
use flow_domain::run::{RunPhase, WaitCode};
use jiff::Timestamp;

use crate::output::{self, duration, member_style, run_phase, seconds_between, table};

/// Width of the progress bar, in cells.
const BAR_WIDTH: usize = 24;
/// Failed members whose last lines are shown.
const LAST_LINES_MEMBERS_MAX: usize = 3;
/// Number of metrics that each member shows.
const METRICS_MAX: usize = 2;

/// Formats the block for a terminal. Each line has at most `width` cells.
#[must_use]
pub fn frame(task: &str, run: &Run, now: Timestamp, width: usize) -> Vec<String> {
    let took = took(run, now);
    let mut lines = vec![format!("{task}  run {}  {}  {took}", run.number, run_phase(&run.phase))];
    if let (Some(epoch), Some(epochs)) = (run.progress.epoch, run.progress.epochs) {
        let done = if run.phase == RunPhase::Succeeded { epochs } else { epoch.saturating_sub(1) };
        lines.push(format!("{}  epoch {epoch} of {epochs}", bar(done, epochs)));
    }
    let rows = run.members.iter().map(row).collect();
    lines.extend(
        table(&["", "PARTY", "ROLE", "PHASE", "EPOCH", "METRICS"], rows)
            .lines()
            .map(|line| format!("  {line}")),
    );
    lines.extend(run.members.iter().filter_map(member_reason));
    lines.extend(last_lines(run));
    lines.extend(run_reason(run, now));
    lines.into_iter().map(|line| truncate_str(&line, width, "…").into_owned()).collect()
}

/// Formats what has changed since the run was last read, as lines for a log.
#[must_use]
pub fn changes(before: Option<&Run>, run: &Run, now: Timestamp) -> Vec<String> {
    let same = before.filter(|before| before.id == run.id);
    let mut lines = Vec::new();
    let head = format!("run {}", run.number);
    for member in &run.members {
        let old =
            same.and_then(|before| before.members.iter().find(|old| old.party == member.party));
        let unseen = old.is_none() && member.phase == MemberPhase::Pending && !is_away(member);
        if !unseen
            && old.is_none_or(|old| {
                (&old.phase, &old.reason, &old.contact)
                    != (&member.phase, &member.reason, &member.contact)
            })
        {
            let phase = phase(member);
            let reason = member
                .reason
                .as_ref()
                .map(|reason| format!(": {}", reason.message))
                .unwrap_or_default();
            lines.push(format!("{head}: {} {} {phase}{reason}", member.role, member.party));
        }
        if old.is_none_or(|old| old.progress != member.progress) && member.progress.is_some() {
            let shown = [epoch(member), metrics(member)].join(" ");
            if !shown.trim().is_empty() {
                lines.push(format!("{head}: {} epoch {}", member.party, shown.trim()));
            }
        }
    }
    let has_moved = same.is_none_or(|before| before.phase != run.phase);
    let wait = |run: &Run| {
        run.waiting.as_ref().filter(|_| run.ending.is_none()).map(|waiting| waiting.message.clone())
    };
    // During a start the wait changes every few milliseconds, and the lines of the members show the
    // same.
    let is_starting = matches!(run.phase.known(), Some(RunPhase::Reserving | RunPhase::Starting));
    if has_moved || !is_starting && same.is_some_and(|before| wait(before) != wait(run)) {
        let line = format!("{head}: {}", run.phase);
        let reason = run_reason(run, now);
        lines.push(reason.into_iter().fold(line, |line, reason| format!("{line} ({reason})")));
    }
    lines
}

/// Formats one line about the end of a run.
#[must_use]
pub fn ending_line(task: &str, run: &Run, now: Timestamp) -> String {
    let took = took(run, now);
    let reason =
        run.ending.as_ref().map(|ending| format!(": {}", ending.message)).unwrap_or_default();
    format!("{task} run {} {} after {took}{reason}", run.number, run.phase)
}

fn run_reason(run: &Run, now: Timestamp) -> Option<String> {
    if let Some(ending) = &run.ending {
        return Some(format!("{}: {}", ending.code, ending.message));
    }
    let waiting = run.waiting.as_ref()?;
    let since = seconds_between(&waiting.since, None, now)
        .map(|s| format!(", for {}", duration(s)))
        .unwrap_or_default();
    // Only the deadline of a queued run is long enough to show.
    let left = waiting
        .until
        .as_ref()
        .filter(|_| run.phase == RunPhase::Queued)
        .and_then(|until| until.as_str().parse::<Timestamp>().ok())
        .map(|until| until.as_second() - now.as_second());
    let next = left.map(duration).map(|left| match waiting.code.known() {
        Some(WaitCode::Backoff) => format!(", next attempt in {left}"),
        _ => format!(", timeout in {left}"),
    });
    Some(format!("waiting: {}{since}{}", waiting.message, next.unwrap_or_default()))
}

fn row(member: &Member) -> Vec<String> {
    let sign = match member.phase.known() {
        _ if !member.required => "-",
        Some(MemberPhase::Succeeded) => "✓",
        Some(MemberPhase::Failed | MemberPhase::Refused) => "✗",
        Some(MemberPhase::Running) => "●",
        _ => "·",
    };
    let style = member_style(member.phase.known());
    let phase = style.apply_to(phase(member)).to_string();
    vec![
        style.apply_to(sign).to_string(),
        member.party.clone(),
        member.role.to_string(),
        phase,
        epoch(member),
        metrics(member),
    ]
}

/// Returns the reason for the phase of a member, unless the hub stopped it.
fn member_reason(member: &Member) -> Option<String> {
    let reason =
        member.reason.as_ref().filter(|reason| reason.code != ReasonCode::StopRequested)?;
    Some(format!("  {}: {}", member.party, reason.message))
}

/// Formats what failed members printed last.
fn last_lines(run: &Run) -> Vec<String> {
    let printed = run.members.iter().filter_map(|member| {
        let exit = member.exit.as_ref().filter(|exit| !exit.last_lines.is_empty())?;
        Some((&member.party, &exit.last_lines))
    });
    printed
        .take(LAST_LINES_MEMBERS_MAX)
        .flat_map(|(party, lines)| {
            let head = format!("  last lines of {party}:");
            std::iter::once(head).chain(lines.iter().map(|line| format!("  | {line}")))
        })
        .collect()
}

fn epoch(member: &Member) -> String {
    match member.progress.as_ref().map(|progress| (progress.epoch, progress.epochs)) {
        Some((Some(epoch), Some(epochs))) => format!("{epoch}/{epochs}"),
        Some((Some(epoch), None)) => epoch.to_string(),
        _ => String::new(),
    }
}

fn metrics(member: &Member) -> String {
    let Some(progress) = &member.progress else { return String::new() };
    let shown: Vec<_> = by_importance(progress)
        .into_iter()
        .take(METRICS_MAX)
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    shown.join("  ")
}

/// Sorts metrics by name, accuracies first.
fn by_importance(progress: &MemberProgress) -> Vec<(&str, String)> {
    let text = |value: &Option<f64>| {
        value.map_or_else(|| "not a number".to_owned(), crate::output::number)
    };
    let mut metrics: Vec<_> =
        progress.metrics.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
    metrics.sort_by_key(|(name, _)| (!name.contains("acc"), *name));
    metrics
}

fn phase(member: &Member) -> String {
    let away = if is_away(member) { " (away)" } else { "" };
    format!("{}{away}", member.phase)
}

fn is_away(member: &Member) -> bool {
    member.contact.state == ContactState::Away
}

fn bar(done: u32, all: u32) -> String {
    let filled = (BAR_WIDTH * done as usize).checked_div(all as usize).unwrap_or(0).min(BAR_WIDTH);
    format!("[{}{}]", "█".repeat(filled), "░".repeat(BAR_WIDTH - filled))
}

/// Returns the number of terminal lines that a block occupies. A terminal that became narrower
/// wraps lines.
#[must_use]
pub fn height(lines: &[String], width: usize) -> usize {
    lines.iter().map(|line| measure_text_width(line).div_ceil(width.max(1)).max(1)).sum()
}

/// Formats the time from the creation of a run to its end, or to `now`. A run that ended within a
/// minute has a decimal.
pub fn took(run: &RunSummary, now: Timestamp) -> String {
    let parse = |time: &Time| time.as_str().parse::<Timestamp>().ok();
    let Some(start) = parse(&run.created_at) else { return String::new() };
    let end = run.finished_at.as_ref().and_then(parse);
    let micros = end.unwrap_or(now).as_microsecond() - start.as_microsecond();
    match end {
        Some(_) if (0..60_000_000).contains(&micros) => {
            let tenths = micros / 100_000;
            format!("{}.{}s", tenths / 10, tenths % 10)
        }
        _ => duration(micros.div_euclid(1_000_000)),
    }
}

/// Formats the epoch of a run.
pub fn epochs(run: Option<&RunSummary>) -> String {
    match run.map(|run| &run.progress) {
        Some(ProgressSummary { epoch: Some(epoch), epochs: Some(epochs), .. }) => {
            format!("{epoch}/{epochs}")
        }
        _ => String::new(),
    }
}

/// Returns the cause of the end of the run, or the cause for which it is not running yet.
pub fn reason(run: &RunSummary) -> String {
    let ending = run.ending.as_ref().map(|ending| ending.message.clone());
    ending
        .or_else(|| run.waiting.as_ref().map(|waiting| waiting.message.clone()))
        .unwrap_or_default()
}

/// Formats the phase of a task's newest run.
pub fn phase_cell(run: Option<&RunSummary>) -> String {
    run.map_or_else(|| "never started".to_owned(), |run| output::run_phase(&run.phase))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn member(party: &str, role: &str, phase: &str, more: &Value) -> Value {
        let mut member = json!(Member::sample());
        member["party"] = json!(party);
        member["role"] = json!(role);
        member["phase"] = json!(phase);
        member.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        member
    }

    fn run(phase: &str) -> Run {
        let mut run = json!(Run::sample());
        run["number"] = json!(2);
        run["phase"] = json!(phase);
        run["progress"] = json!({"epoch": 1, "epochs": 3, "members": {}});
        run["members"] = json!([
            member("hub", "aggregator", "running", &json!({})),
            member(
                "party-a",
                "trainer",
                "running",
                &json!({"progress": {"epoch": 2, "epochs": 3,
                "metrics": {"local/acc": 0.5724, "local/loss": 1.2, "global/acc": 0.8508}}})
            ),
            member(
                "party-b",
                "trainer",
                "reserved",
                &json!({
                "contact": {"state": "away", "since": "2026-01-01T00:00:03Z"},
                "progress": {"epoch": 1, "epochs": 3, "metrics": {}}})
            ),
        ]);
        run.as_object_mut().unwrap().remove("waiting");
        serde_json::from_value(run).unwrap()
    }

    fn at(second: u8) -> Timestamp {
        format!("2026-01-01T00:00:{second:02}Z").parse().unwrap()
    }

    #[test]
    fn block_shows_epoch_accuracy_and_absent_members() {
        let text = frame("digits", &run("running"), at(12), 200).join("\n");
        let text = console::strip_ansi_codes(&text);
        for part in [
            "digits  run 2  running  12s",
            "epoch 1 of 3",
            "2/3",
            "global/acc 0.8508  local/acc 0.5724",
            "reserved (away)",
        ] {
            assert!(text.contains(part), "{part:?} in:\n{text}");
        }
        assert!(!text.contains("local/loss"), "{text}");
    }

    #[test]
    fn u8_block_shows_the_last_lines_of_failed_members() {
        let mut run = run("failed");
        run.members[1].exit = serde_json::from_value(json!({
            "code": 1, "signal": null, "last_lines": ["Traceback:", "KeyError: 'X'"],
            "started_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:00:01Z",
        }))
        .unwrap();
        let lines = frame("digits", &run, at(12), 200);
        let shown = ["  last lines of party-a:", "  | Traceback:", "  | KeyError: 'X'"];
        assert!(lines.windows(3).any(|part| part == shown), "{lines:#?}");
    }

    #[test]
    fn block_fits_the_width_of_the_terminal() {
        for width in [20, 40, 80] {
            let lines = frame("digits", &run("running"), at(12), width);
            assert!(lines.iter().all(|line| measure_text_width(line) <= width), "{lines:#?}");
            assert_eq!(height(&lines, width), lines.len());
        }
    }

    /// The list of runs and their comparison showed different durations of one run.
    #[test]
    fn u13_duration_of_a_run_has_one_form() {
        let mut ended = run("succeeded");
        assert_eq!(took(&ended, at(12)), "12s", "of an active run");
        for (end, text) in [
            ("2026-01-01T00:00:00.990Z", "0.9s"),
            ("2026-01-01T00:00:59.999Z", "59.9s"),
            ("2026-01-01T00:01:00Z", "1m 0s"),
            ("2026-01-01T02:05:30Z", "2h 5m"),
        ] {
            ended.summary.finished_at = serde_json::from_value(json!(end)).unwrap();
            assert_eq!(took(&ended, at(12)), text);
            assert!(ending_line("digits", &ended, at(12)).ends_with(&format!("after {text}")));
        }
    }

    #[test]
    fn only_changes_are_written_as_lines() {
        let first = run("starting");
        assert_eq!(changes(None, &first, at(1)).last().unwrap(), "run 2: starting");
        assert_eq!(changes(Some(&first), &first, at(2)), Vec::<String>::new());
        let mut second = first.clone();
        second.members[2].phase = MemberPhase::Running.into();
        second.members[2].contact.state = ContactState::Connected.into();
        second.members[1].progress.as_mut().unwrap().epoch = Some(3);
        assert_eq!(
            changes(Some(&first), &second, at(3)),
            [
                "run 2: party-a epoch 3/3 global/acc 0.8508  local/acc 0.5724",
                "run 2: trainer party-b running"
            ]
        );
    }

    #[test]
    fn wait_shows_cause_duration_and_timeout() {
        let mut waiting = run("queued");
        waiting.waiting = serde_json::from_value(json!({
            "code": "party_away", "message": "party-b is not connected",
            "since": "2026-01-01T00:00:05Z", "until": "2026-01-01T01:00:00Z",
        }))
        .unwrap();
        let line = changes(None, &waiting, at(15)).pop().unwrap();
        assert_eq!(
            line,
            "run 2: queued (waiting: party-b is not connected, for 10s, timeout in 59m 45s)"
        );
    }
}
