//! How a run under watch looks: a block that is redrawn on a terminal, lines that are only ever added elsewhere.
//! Pure: runs and times in, text out.

use console::{Style, measure_text_width, truncate_str};
use jiff::Timestamp;

use crate::output::{duration, seconds_between, table};
use crate::wire::{Member, Run};

/// Cells of the progress bar.
const BAR: usize = 24;
/// Metrics shown per party.
const METRICS: usize = 2;

/// The block for a terminal `width` cells wide: one line per entry, none wider.
#[must_use]
pub fn frame(task: &str, run: &Run, now: Timestamp, width: usize) -> Vec<String> {
    let took = seconds_between(&run.created_at, run.finished_at.as_deref(), now)
        .map(duration)
        .unwrap_or_default();
    let mut lines = vec![format!(
        "{task}  run {}  {}  {took}",
        run.number,
        phase_style(&run.phase).apply_to(&run.phase)
    )];
    if let (Some(epoch), Some(epochs)) = (run.progress.epoch, run.progress.epochs) {
        let done = if run.phase == "succeeded" { epochs } else { epoch.saturating_sub(1) };
        lines.push(format!("{}  epoch {epoch} of {epochs}", bar(done, epochs)));
    }
    let rows = run.members.iter().map(row).collect();
    lines.extend(
        table(&["", "PARTY", "ROLE", "PHASE", "EPOCH", "METRICS"], rows)
            .lines()
            .map(|line| format!("  {line}")),
    );
    lines.extend(run.members.iter().filter_map(trouble));
    lines.extend(why(run, now));
    lines.into_iter().map(|line| truncate_str(&line, width, "…").into_owned()).collect()
}

/// What has changed from one look to the next, as lines for a log.
#[must_use]
pub fn changes(before: Option<&Run>, run: &Run, now: Timestamp) -> Vec<String> {
    let same = before.filter(|before| before.id == run.id);
    let mut lines = Vec::new();
    let head = format!("run {}", run.number);
    for member in &run.members {
        let old =
            same.and_then(|before| before.members.iter().find(|old| old.party == member.party));
        let unseen = old.is_none() && member.phase == "pending" && !is_away(member);
        if !unseen
            && old.is_none_or(|old| {
                (&old.phase, &old.reason, &old.contact)
                    != (&member.phase, &member.reason, &member.contact)
            })
        {
            let state = if is_away(member) {
                format!("{} (not connected)", member.phase)
            } else {
                member.phase.clone()
            };
            let reason = member
                .reason
                .as_ref()
                .map(|reason| format!(": {}", reason.message))
                .unwrap_or_default();
            lines.push(format!("{head}: {} {} {state}{reason}", member.role, member.party));
        }
        if old.is_none_or(|old| old.progress != member.progress) && member.progress.is_some() {
            let shown = [epoch(member), metrics(member)].join(" ");
            if !shown.trim().is_empty() {
                lines.push(format!("{head}: {} epoch {}", member.party, shown.trim()));
            }
        }
    }
    let moved = same.is_none_or(|before| before.phase != run.phase);
    let waits = |run: &Run| {
        run.waiting.as_ref().filter(|_| run.ending.is_none()).map(|waiting| waiting.message.clone())
    };
    // Whom a start waits for changes in milliseconds, and the members' lines tell it.
    let settling = matches!(run.phase.as_str(), "reserving" | "starting");
    if moved || !settling && same.is_some_and(|before| waits(before) != waits(run)) {
        let line = format!("{head}: {}", run.phase);
        lines.push(why(run, now).into_iter().fold(line, |line, why| format!("{line} ({why})")));
    }
    lines
}

/// One line about how a run ended.
#[must_use]
pub fn verdict(task: &str, run: &Run, now: Timestamp) -> String {
    let took = seconds_between(&run.created_at, run.finished_at.as_deref(), now)
        .map(duration)
        .unwrap_or_default();
    let why = run.ending.as_ref().map(|ending| format!(": {}", ending.message)).unwrap_or_default();
    format!("{task} run {} {} after {took}{why}", run.number, run.phase)
}

fn why(run: &Run, now: Timestamp) -> Option<String> {
    if let Some(ending) = &run.ending {
        return Some(format!("{}: {}", ending.code, ending.message));
    }
    let waiting = run.waiting.as_ref()?;
    let since = seconds_between(&waiting.since, None, now)
        .map(|s| format!(", for {}", duration(s)))
        .unwrap_or_default();
    // Past the queue the deadlines are the platform's own and short.
    let left = waiting
        .until
        .as_deref()
        .filter(|_| run.phase == "queued")
        .and_then(|until| seconds_between(&now.to_string(), Some(until), now));
    let next = left.map(duration).map(|left| match waiting.code.as_str() {
        "backoff" => format!(", next try in {left}"),
        _ => format!(", gives up in {left}"),
    });
    Some(format!("waiting: {}{since}{}", waiting.message, next.unwrap_or_default()))
}

fn row(member: &Member) -> Vec<String> {
    let sign = match member.phase.as_str() {
        _ if !member.required => "-",
        "succeeded" => "✓",
        "failed" | "refused" => "✗",
        "running" => "●",
        _ => "·",
    };
    let phase =
        if is_away(member) { format!("{} (away)", member.phase) } else { member.phase.clone() };
    vec![
        sign.to_owned(),
        member.party.clone(),
        member.role.clone(),
        phase,
        epoch(member),
        metrics(member),
    ]
}

/// Why a member is where it is, unless that is what was wished.
fn trouble(member: &Member) -> Option<String> {
    let reason = member.reason.as_ref().filter(|reason| reason.code != "stop_requested")?;
    Some(format!("  {}: {}", member.party, reason.message))
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
    let shown: Vec<_> = progress
        .headline()
        .into_iter()
        .take(METRICS)
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    shown.join("  ")
}

fn is_away(member: &Member) -> bool {
    member.contact.state == "away"
}

fn bar(done: u32, all: u32) -> String {
    let filled = (BAR * done as usize).checked_div(all as usize).unwrap_or(0).min(BAR);
    format!("[{}{}]", "█".repeat(filled), "░".repeat(BAR - filled))
}

fn phase_style(phase: &str) -> Style {
    match phase {
        "succeeded" => Style::new().green(),
        "failed" => Style::new().red(),
        "running" => Style::new().cyan(),
        _ => Style::new().yellow(),
    }
}

/// Lines a block really takes, so that it can be cleared: the terminal may have been made narrower since.
#[must_use]
pub fn height(lines: &[String], width: usize) -> usize {
    lines.iter().map(|line| measure_text_width(line).div_ceil(width.max(1)).max(1)).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(phase: &str) -> Run {
        serde_json::from_value(json!({
            "id": "1", "number": 2, "phase": phase, "created_at": "2026-01-01T00:00:00Z",
            "progress": {"epoch": 1, "epochs": 3},
            "members": [
                {"party": "hub", "role": "aggregator", "phase": "running", "required": true, "contact": {"state": "connected"}},
                {"party": "party-a", "role": "trainer", "phase": "running", "required": true, "contact": {"state": "connected"},
                 "progress": {"epoch": 2, "epochs": 3, "metrics": {"local/acc": 0.5724, "local/loss": 1.2, "global/acc": 0.8508}}},
                {"party": "party-b", "role": "trainer", "phase": "reserved", "required": true, "contact": {"state": "away", "since": "2026-01-01T00:00:03Z"},
                 "progress": {"epoch": 1, "epochs": 3}},
            ],
        }))
        .unwrap()
    }

    fn at(second: u8) -> Timestamp {
        format!("2026-01-01T00:00:{second:02}Z").parse().unwrap()
    }

    #[test]
    fn the_block_shows_epoch_accuracy_and_who_is_away() {
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
        assert!(!text.contains("local/loss"), "accuracies come first:\n{text}");
    }

    #[test]
    fn no_line_of_the_block_is_wider_than_the_terminal() {
        for width in [20, 40, 80] {
            let lines = frame("digits", &run("running"), at(12), width);
            assert!(lines.iter().all(|line| measure_text_width(line) <= width), "{lines:#?}");
            assert_eq!(height(&lines, width), lines.len());
        }
    }

    #[test]
    fn only_what_changed_is_written_as_lines() {
        let first = run("starting");
        assert_eq!(changes(None, &first, at(1)).last().unwrap(), "run 2: starting");
        assert_eq!(changes(Some(&first), &first, at(2)), Vec::<String>::new());
        let mut second = first.clone();
        "running".clone_into(&mut second.members[2].phase);
        "connected".clone_into(&mut second.members[2].contact.state);
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
    fn a_wait_says_why_since_when_and_until_when() {
        let mut waits = run("queued");
        waits.waiting = serde_json::from_value(json!({
            "code": "party_away", "message": "party-b is not connected",
            "since": "2026-01-01T00:00:05Z", "until": "2026-01-01T01:00:00Z",
        }))
        .unwrap();
        let line = changes(None, &waits, at(15)).pop().unwrap();
        assert_eq!(
            line,
            "run 2: queued (waiting: party-b is not connected, for 10s, gives up in 59m 45s)"
        );
    }
}
