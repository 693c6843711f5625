//! Records an input as facts about members.

use super::advance::{advance, end};
use super::{
    Effect, EndCode, EventKind, Input, Outcome, RESERVE_BACKOFF_S, RESERVE_DEADLINE_S,
    RETRY_BACKOFF_MAX_S, Refusal, Run, RunPhase,
};
use crate::id::{InstanceId, PartyId};
use crate::member::{Contact, DesiredPhase, Member, MemberPhase, Reason, ReasonCode, Report};
use crate::time::Timestamp;

/// Applies `input` to `run` at `now`. Total: every pair has a result.
///
/// # Errors
/// The rule that rejected the input; the run does not change.
pub fn step(run: &Run, input: &Input, now: Timestamp) -> Result<(Run, Vec<Effect>), Refusal> {
    let mut next = run.clone();
    let mut effects = Vec::new();
    match input {
        Input::Stop { by, deleting } => {
            if next.ending.is_some() || next.phase.is_terminal() {
                let failing = next.ending.as_ref().is_some_and(|e| e.outcome == Outcome::Failed)
                    && !next.phase.is_terminal();
                if !failing || next.retries_left == 0 {
                    return Err(Refusal::Ended);
                }
                // The first cause remains, but a stop by a user cancels the retries.
                next.retries_left = 0;
                effects.push(next.event(
                    EventKind::RunStopping,
                    None,
                    format!("no retry follows: stopped by {by}"),
                ));
                return Ok((next, effects));
            }
            let (code, cause) = if *deleting {
                (EndCode::Deleted, "the task was deleted")
            } else {
                (EndCode::Stopped, "stopped")
            };
            let ending = super::Ending {
                outcome: Outcome::Cancelled,
                code,
                message: format!("{cause} by {by}"),
                party: None,
                reason: None,
                by: Some(by.clone()),
                at: now,
            };
            end(&mut next, ending, now, &mut effects);
        }
        Input::Report { party, report } => {
            record_report(&mut next, party, report, now, &mut effects)?
        }
        Input::Connected { party, instance } => {
            connected(&mut next, party, instance, now, &mut effects)?
        }
        Input::Away { party, since } => away(&mut next, party, *since, &mut effects)?,
        Input::PartyDisabled { party, disabled, connected } => {
            let member = find(&mut next, party)?;
            if member.settled {
                return Err(Refusal::MemberTerminal);
            }
            member.disabled = *disabled;
            if !disabled && member.instance.is_none() && connected.is_some() {
                member.instance.clone_from(connected);
                // The agent receives the member for the first time.
                member.generation += 1;
            }
        }
        Input::Moved { party } => {
            if next.member(party).is_none() {
                return Err(Refusal::UnknownParty);
            }
            if next.phase != RunPhase::Running || now <= next.progress_at {
                return Err(Refusal::NoChange);
            }
            next.progress_at = now;
        }
        Input::TakenOver { from, clock_set } => {
            restart_deadlines(&mut next, *from, now);
            if let Some(set) = clock_set {
                restart_queue_deadline(&mut next, *set, now);
            }
        }
        Input::Tick => {}
    }
    advance(&mut next, now, &mut effects);
    if next == *run {
        return Err(Refusal::NoChange);
    }
    Ok((next, effects))
}

fn find<'a>(run: &'a mut Run, party: &PartyId) -> Result<&'a mut Member, Refusal> {
    run.members.iter_mut().find(|m| &m.party == party).ok_or(Refusal::UnknownParty)
}

fn record_report(
    run: &mut Run,
    party: &PartyId,
    report: &Report,
    now: Timestamp,
    effects: &mut Vec<Effect>,
) -> Result<(), Refusal> {
    let Report {
        instance,
        attempt,
        sequence,
        observed_generation,
        phase,
        reason,
        exit,
        endpoints,
        resolution,
        complete,
    } = report;
    let has_succeeded =
        run.ending.as_ref().is_some_and(|ending| ending.outcome == Outcome::Succeeded);
    let member = find(run, party)?;
    if member.settled {
        return Err(Refusal::MemberTerminal);
    }
    if member.instance.as_ref().is_some_and(|known| known != instance) {
        return Err(Refusal::WrongInstance);
    }
    if *attempt < member.attempt {
        return Err(Refusal::OldAttempt);
    }
    if *sequence <= member.sequence {
        return Err(Refusal::NotNewer);
    }
    let was = member.phase;
    // An agent that receives only the stop of a member cannot exclude that its journal was lost.
    // The hub can: it sends no start before the first report.
    let received_only_stop = member.sequence == 0
        && was == MemberPhase::Pending
        && member.desired == DesiredPhase::Stopped
        && reason.as_ref().is_some_and(|reason| reason.code == ReasonCode::AgentStateLost);
    let (phase, reason) = if received_only_stop {
        let message = "the party received the member when it was already stopped";
        (&MemberPhase::Stopped, &Some(Reason::new(ReasonCode::NeverDelivered, message)))
    } else {
        (phase, reason)
    };
    member.instance = Some(instance.clone());
    member.attempt = *attempt;
    member.sequence = *sequence;
    member.observed_generation = *observed_generation;
    member.complete |= complete;
    member.resolution.clone_from(resolution);
    // A member that the hub has declared lost keeps its phase; the terminal report of its agent
    // only settles it.
    if was.is_terminal() {
        member.settled = phase.is_terminal();
        run.attempt = run.attempt.max(*attempt);
        return Ok(());
    }
    member.phase = *phase;
    // The agent does not know why the hub stopped the member.
    member.reason = match reason {
        Some(Reason { code: ReasonCode::StopRequested, .. }) if has_succeeded => {
            Some(Reason::new(ReasonCode::StopRequested, "ended: the training is complete"))
        }
        reason => reason.clone(),
    };
    member.exit.clone_from(exit);
    member.endpoints.clone_from(endpoints);
    member.settled = phase.is_terminal();
    let message = match reason {
        Some(reason) if was != *phase => format!("{phase} ({reason})"),
        _ => phase.to_string(),
    };
    if was != *phase {
        effects.push(run.event(EventKind::MemberPhase, Some(party), message));
    }
    // Only the hub creates attempts: an unknown newer attempt precedes a restore of the database
    // from a backup.
    run.attempt = run.attempt.max(*attempt);
    let started = phase.is_live() || *phase == MemberPhase::Succeeded || *complete;
    // Only the newest round can have started.
    if started
        && *attempt == run.attempt
        && matches!(run.phase, RunPhase::Queued | RunPhase::Reserving)
    {
        resume_start(run, now, effects);
    }
    Ok(())
}

/// Resumes a start that the hub committed before its database was restored from a backup: a member
/// runs although the restored database has no start commit. The hub requests `running` at that
/// attempt from every member: a running member does nothing, a member with a hold starts, and a
/// member without a hold fails.
fn resume_start(run: &mut Run, now: Timestamp, effects: &mut Vec<Effect>) {
    let attempt = run.attempt;
    run.phase = RunPhase::Starting;
    run.phase_until = Some(now.plus_secs(run.rules.start_deadline_s));
    for member in run.members.iter_mut().filter(|m| !m.phase.is_terminal()) {
        member.attempt = attempt;
        member.desired = DesiredPhase::Running;
        member.generation += 1;
        if !member.phase.is_live() && member.phase != MemberPhase::Reserved {
            member.phase = MemberPhase::Pending;
        }
    }
    effects.push(run.event(
        EventKind::RunStarting,
        None,
        "already started before the hub was restored".to_owned(),
    ));
}

/// Restarts every deadline for messages of parties at `from`, the end of an outage of the hub.
/// Times and deadlines are clamped to the range that `from..=now` allows, because a wall clock that
/// was set back leaves them in the future. Idempotent.
fn restart_deadlines(run: &mut Run, from: Timestamp, now: Timestamp) {
    let from = from.min(now);
    let moment = |at: Timestamp| at.clamp(from, now);
    let deadline = |until: Timestamp, seconds: u64| {
        until.clamp(from.plus_secs(seconds), now.plus_secs(seconds))
    };
    for member in run.members.iter_mut().filter(|member| !member.settled) {
        if let Contact::Away(since) = &mut member.contact {
            *since = moment(*since);
        }
    }
    match run.phase {
        RunPhase::Queued => clamp_queue_deadline(run, RESERVE_DEADLINE_S, from, now),
        RunPhase::Reserving => {
            clamp_queue_deadline(run, RESERVE_DEADLINE_S, from, now);
            run.phase_until = run.phase_until.map(|until| deadline(until, RESERVE_DEADLINE_S));
        }
        RunPhase::Starting => {
            run.phase_until =
                run.phase_until.map(|until| deadline(until, run.rules.start_deadline_s))
        }
        RunPhase::Running => {
            run.progress_at = moment(run.progress_at);
            run.trainers_done_at = run.trainers_done_at.map(moment);
        }
        RunPhase::Stopping => {
            run.phase_until = run.phase_until.map(|until| deadline(until, run.stop_limit_s()))
        }
        RunPhase::Succeeded | RunPhase::Failed | RunPhase::Cancelled => {}
    }
}

/// Clamps the queue deadline: at least `seconds` after `from`, at most the configured time after
/// `now`.
fn clamp_queue_deadline(run: &mut Run, seconds: u64, from: Timestamp, now: Timestamp) {
    // A time beyond the longest backoff comes from the wall clock before it was set.
    let backoff_max_s = match (run.attempt, &run.retry_of) {
        (0, None) => 0,
        (0, Some(_)) => RETRY_BACKOFF_MAX_S,
        _ => RESERVE_BACKOFF_S,
    };
    run.not_before = run.not_before.min(now.plus_secs(backoff_max_s));
    let begin = if run.attempt == 0 { now.max(run.not_before) } else { now };
    let latest = begin.plus_secs(run.rules.queue_deadline_s);
    run.queue_until = run.queue_until.min(latest).max(from.plus_secs(seconds));
}

/// Restarts the queue deadline after the wall clock was set at `from`, because the elapsed part is
/// unknown.
fn restart_queue_deadline(run: &mut Run, from: Timestamp, now: Timestamp) {
    if matches!(run.phase, RunPhase::Queued | RunPhase::Reserving) {
        clamp_queue_deadline(run, run.rules.queue_deadline_s, from.min(now), now);
    }
}

/// Restarts the deadlines for progress and completion: the hub received neither during the absence
/// of a party.
fn restart_progress_deadlines(run: &mut Run, now: Timestamp) {
    run.progress_at = run.progress_at.max(now);
    run.trainers_done_at = run.trainers_done_at.map(|at| at.max(now));
}

fn connected(
    run: &mut Run,
    party: &PartyId,
    instance: &InstanceId,
    now: Timestamp,
    effects: &mut Vec<Effect>,
) -> Result<(), Refusal> {
    let member = find(run, party)?;
    if member.settled {
        return Err(Refusal::MemberTerminal);
    }
    let was_away = member.contact != Contact::Connected;
    member.contact = Contact::Connected;
    member.never_connected = false;
    let replaced = member.instance.as_ref().is_some_and(|known| known != instance);
    if !member.is_withheld() {
        member.instance = Some(instance.clone());
    }
    if replaced {
        member.sequence = 0;
        member.endpoints.clear();
        if member.phase.is_terminal() {
            // The member has ended and only waits for its terminal report.
        } else if member.desired == DesiredPhase::Running
            || member.desired == DesiredPhase::Stopped
            || member.phase.is_live()
        {
            // The workload may have started and the journal is lost: the member never starts again.
            member.phase = MemberPhase::Failed;
            member.reason = Some(Reason::new(
                ReasonCode::AgentStateLost,
                "the party's agent reconnected without its journal: the state of the workload is unknown",
            ));
        } else {
            member.phase = MemberPhase::Pending;
            member.reason = None;
        }
        effects.push(run.event(
            EventKind::MemberReplaced,
            Some(party),
            "the agent has another journal".to_owned(),
        ));
    }
    if was_away {
        if run.phase == RunPhase::Running {
            restart_progress_deadlines(run, now);
        }
        effects.push(run.event(EventKind::MemberConnected, Some(party), "connected".to_owned()));
    }
    Ok(())
}

fn away(
    run: &mut Run,
    party: &PartyId,
    since: Timestamp,
    effects: &mut Vec<Effect>,
) -> Result<(), Refusal> {
    let member = find(run, party)?;
    if member.settled {
        return Err(Refusal::MemberTerminal);
    }
    match member.contact {
        Contact::Connected => {
            member.contact = Contact::Away(since);
            effects.push(run.event(EventKind::MemberAway, Some(party), "not connected".to_owned()));
        }
        // After an outage the absence counts from the take-over of the hub.
        Contact::Away(known) => member.contact = Contact::Away(known.max(since)),
    }
    Ok(())
}
