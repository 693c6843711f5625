//! Derives conclusions from facts: the rules by which a run changes its phase.

use super::{
    COMPLETION_DEADLINE_S, Effect, EndCode, Ending, EventKind, Outcome, RESERVE_BACKOFF_S,
    RESERVE_DEADLINE_S, RETRY_BACKOFF_MAX_S, Run, RunPhase, WaitCode, Waiting,
};
use crate::member::{Contact, DesiredPhase, Member, MemberPhase, Reason, ReasonCode, Role};
use crate::template::Framework;
use crate::time::Timestamp;

/// Delay before the first retry of a run, in seconds; doubles with each retry.
const RETRY_BACKOFF_S: u64 = 10;

/// Advances the run as far as the facts allow.
pub(super) fn advance(run: &mut Run, now: Timestamp, effects: &mut Vec<Effect>) {
    loop {
        let before = run.phase;
        match run.phase {
            RunPhase::Queued => queued(run, now, effects),
            RunPhase::Reserving => reserving(run, now, effects),
            RunPhase::Starting => starting(run, now, effects),
            RunPhase::Running => running(run, now, effects),
            RunPhase::Stopping => stopping(run, now, effects),
            RunPhase::Succeeded | RunPhase::Failed | RunPhase::Cancelled => {
                if run.settled_at.is_none() && run.members.iter().all(|m| m.settled) {
                    run.settled_at = Some(now);
                    effects.push(run.event(
                        EventKind::RunSettled,
                        None,
                        "every member has ended and reported".to_owned(),
                    ));
                }
            }
        }
        if run.phase == before {
            break;
        }
    }
    update_waiting(run, now);
}

/// True if enough members satisfy `fit` for a start: every aggregator, and the required number of
/// trainers.
fn has_quorum(run: &Run, fit: impl Fn(&Member) -> bool) -> bool {
    let trainers = run.members.iter().filter(|m| m.role == Role::Trainer);
    let all = trainers.clone().count();
    let wanted = run.rules.minimum_parties.map_or(all, |k| (k as usize).min(all));
    run.members.iter().filter(|m| m.role == Role::Aggregator).all(&fit)
        && trainers.filter(|m| fit(m)).count() >= wanted
}

fn is_connected(member: &Member) -> bool {
    member.contact == Contact::Connected
}

/// True if the member ended without success. An aggregator whose status showed completion has
/// succeeded, regardless of its exit: the report of the completion and the exits of the trainers
/// may arrive in any order.
fn is_broken(member: &Member) -> bool {
    let done = member.phase == MemberPhase::Succeeded
        || (member.role == Role::Aggregator && member.complete);
    member.phase.is_terminal() && !done
}

fn set_desired(member: &mut Member, desired: DesiredPhase) {
    if member.desired != desired {
        member.desired = desired;
        member.generation += 1;
    }
}

fn failed(code: EndCode, message: String, culprit: Option<&Member>, now: Timestamp) -> Ending {
    Ending {
        outcome: Outcome::Failed,
        code,
        message,
        party: culprit.map(|m| m.party.clone()),
        reason: culprit.and_then(|m| m.reason.clone()),
        by: None,
        at: now,
    }
}

fn names(run: &Run, of: impl Fn(&Member) -> bool) -> String {
    run.members.iter().filter(|m| of(m)).map(|m| m.party.as_str()).collect::<Vec<_>>().join(", ")
}

/// A sentence about the failure of this member.
fn failure_message(member: &Member) -> String {
    match &member.reason {
        Some(reason) => format!("{} {}: {}", member.party, member.phase, reason.message),
        None => format!("{} {}", member.party, member.phase),
    }
}

/// Ends the run if too many members have ended for a start; returns true then.
fn end_without_quorum(run: &mut Run, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
    if has_quorum(run, |m| !m.phase.is_terminal()) {
        return false;
    }
    let culprit = run.members.iter().find(|m| m.phase.is_terminal());
    let code = match culprit.map(|m| m.phase) {
        Some(MemberPhase::Refused) => EndCode::Refused,
        _ => EndCode::StartFailed,
    };
    let message = culprit.map_or_else(|| "too few members for a start".to_owned(), failure_message);
    let ending = failed(code, message, culprit, now);
    end(run, ending, now, effects);
    true
}

fn end_at_queue_deadline(run: &mut Run, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
    if now < run.queue_until {
        return false;
    }
    let cause = run
        .waiting
        .as_ref()
        .map_or_else(|| "not all parties were ready".to_owned(), |w| w.message.clone());
    let ending = failed(
        EndCode::QueueDeadline,
        format!("not started within {} s: {cause}", run.rules.queue_deadline_s),
        None,
        now,
    );
    end(run, ending, now, effects);
    true
}

fn queued(run: &mut Run, now: Timestamp, effects: &mut Vec<Effect>) {
    if end_without_quorum(run, now, effects)
        || end_at_queue_deadline(run, now, effects)
        || now < run.not_before
    {
        return;
    }
    // The first round requests admission and reservation at once; later rounds begin after the
    // admission.
    let first = run.attempt == 0;
    let ready = |m: &Member| {
        is_connected(m)
            && !m.disabled
            && (m.phase == MemberPhase::Admitted || (first && m.phase == MemberPhase::Pending))
    };
    if !has_quorum(run, ready) {
        return;
    }
    run.attempt += 1;
    run.phase = RunPhase::Reserving;
    run.phase_until = Some(now.plus_secs(RESERVE_DEADLINE_S));
    let attempt = run.attempt;
    for member in run.members.iter_mut().filter(|m| !m.phase.is_terminal() && !m.disabled) {
        member.attempt = attempt;
        member.desired = DesiredPhase::Reserved;
        member.generation += 1;
        member.endpoints.clear();
        member.reason = None;
    }
    effects.push(run.event(EventKind::RunReserving, None, format!("reservation round {attempt}")));
}

fn back_to_queue(run: &mut Run, effects: &mut Vec<Effect>, why: String) {
    run.phase = RunPhase::Queued;
    run.phase_until = None;
    for member in run.members.iter_mut().filter(|m| !m.phase.is_terminal()) {
        set_desired(member, DesiredPhase::Admitted);
    }
    effects.push(run.event(EventKind::RunQueued, None, why));
}

fn reserving(run: &mut Run, now: Timestamp, effects: &mut Vec<Effect>) {
    if end_without_quorum(run, now, effects) || end_at_queue_deadline(run, now, effects) {
        return;
    }
    if !has_quorum(run, |m| !m.phase.is_terminal() && m.phase != MemberPhase::WaitingApproval) {
        let parties = names(run, |m| m.phase == MemberPhase::WaitingApproval);
        back_to_queue(run, effects, format!("waiting for an approval at {parties}"));
        return;
    }
    // After the loss of a hold this round cannot succeed: begin the next one without waiting for
    // the deadline.
    let lost = |m: &Member| {
        m.phase == MemberPhase::Admitted
            && m.reason.as_ref().is_some_and(|r| r.code == ReasonCode::HoldExpired)
    };
    if !has_quorum(run, |m| !m.phase.is_terminal() && !lost(m)) {
        let parties = names(run, lost);
        run.not_before = now.plus_secs(1);
        back_to_queue(run, effects, format!("hold lost at {parties}"));
        return;
    }
    let holds = |m: &Member| is_connected(m) && m.phase == MemberPhase::Reserved;
    // Members of disabled parties take no part in the round.
    let asked = |m: &&Member| !m.phase.is_terminal() && m.desired == DesiredPhase::Reserved;
    let all_hold = run.members.iter().filter(asked).all(holds);
    if all_hold {
        commit_start(run, now, effects);
    } else if run.phase_until.is_some_and(|until| now >= until) {
        if has_quorum(run, holds) {
            commit_start(run, now, effects);
        } else {
            let parties = names(run, |m| !holds(m));
            run.not_before = now.plus_secs(RESERVE_BACKOFF_S);
            back_to_queue(
                run,
                effects,
                format!("not reserved within {RESERVE_DEADLINE_S} s: {parties}"),
            );
        }
    }
}

/// Commits the start and fixes the set of members: members with a hold are required, the others are
/// released.
fn commit_start(run: &mut Run, now: Timestamp, effects: &mut Vec<Effect>) {
    run.phase = RunPhase::Starting;
    run.phase_until = Some(now.plus_secs(run.rules.start_deadline_s));
    let mut released = Vec::new();
    for member in &mut run.members {
        if is_connected(member) && member.phase == MemberPhase::Reserved {
            set_desired(member, DesiredPhase::Running);
        } else {
            member.required = false;
            release(member);
            released.push(member.party.clone());
        }
    }
    for party in &released {
        effects.push(run.event(
            EventKind::MemberReleased,
            Some(party),
            "the run continues without this party".to_owned(),
        ));
    }
    let parties = names(run, |m| m.required);
    effects.push(run.event(EventKind::RunStarting, None, format!("starting {parties}")));
}

/// Requests the stop of a member. A member that was never sent to an agent settles at once.
fn release(member: &mut Member) {
    if member.settled {
        return;
    }
    set_desired(member, DesiredPhase::Stopped);
    if member.instance.is_none() && !member.phase.is_terminal() {
        member.phase = MemberPhase::Stopped;
        let message = if member.disabled {
            "the party was disabled at the hub"
        } else {
            "the party was never connected during the run"
        };
        member.reason = Some(Reason::new(ReasonCode::NeverDelivered, message));
        member.settled = true;
    }
}

/// True if every required member that has not ended is connected.
pub(super) fn all_connected(run: &Run) -> bool {
    run.required().all(|m| m.phase.is_terminal() || is_connected(m))
}

/// Ends the run if a required party was absent for too long; returns true then.
fn end_without_party(run: &mut Run, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
    let limit = run.rules.give_up_after_s;
    let lost = run.required().find(|m| {
        !m.phase.is_terminal()
            && matches!(m.contact, Contact::Away(since) if now >= since.plus_secs(limit))
    });
    let Some(member) = lost else { return false };
    let message = format!("{} was not connected for {limit} s", member.party);
    let ending = failed(EndCode::PartyLost, message, Some(member), now);
    end(run, ending, now, effects);
    true
}

/// True if the member's workload ran and ended without a request to stop.
fn has_run(member: &Member) -> bool {
    use ReasonCode::{ExitNonzero, ExitSignal, MaxRuntimeExceeded, PeerLost};
    let own = |reason: &Reason| {
        matches!(reason.code, ExitNonzero | ExitSignal | MaxRuntimeExceeded | PeerLost)
    };
    member.reason.as_ref().is_some_and(own)
}

fn starting(run: &mut Run, now: Timestamp, effects: &mut Vec<Effect>) {
    // A restored database may lack the release of a member, which the agent then reports. Accept
    // the release within the limits of the rules.
    let released = |m: &Member| {
        m.phase == MemberPhase::Stopped
            && m.reason.as_ref().is_some_and(|r| r.code == ReasonCode::Released)
    };
    if has_quorum(run, |m| m.required && !released(m)) {
        run.members.iter_mut().filter(|m| released(m)).for_each(|m| m.required = false);
    }
    // A report of this phase counts only if the agent had received the start request.
    let declined = |m: &Member| {
        matches!(m.phase, MemberPhase::Admitted | MemberPhase::WaitingApproval)
            && m.observed_generation >= m.generation
    };
    let broken = run.required().find(|m| is_broken(m) || declined(m));
    if let Some(member) = broken {
        // A workload that ran and failed did start, even if other members had not started yet.
        let code = if has_run(member) { EndCode::MemberFailed } else { EndCode::StartFailed };
        let ending = failed(code, failure_message(member), Some(member), now);
        end(run, ending, now, effects);
        return;
    }
    if end_without_party(run, now, effects) {
        return;
    }
    let up =
        |m: &Member| m.phase == MemberPhase::Running || (m.phase.is_terminal() && !is_broken(m));
    if run.required().all(up) {
        run.phase = RunPhase::Running;
        run.phase_until = None;
        run.running_at = Some(now);
        run.progress_at = now;
        effects.push(run.event(
            EventKind::RunRunning,
            None,
            "every required member runs".to_owned(),
        ));
    } else if run.phase_until.is_some_and(|until| now >= until) {
        let parties = names(run, |m| m.required && !up(m));
        let culprit = run.required().find(|m| !up(m));
        let ending = failed(
            EndCode::StartDeadline,
            format!("not running within {} s: {parties}", run.rules.start_deadline_s),
            culprit,
            now,
        );
        end(run, ending, now, effects);
    }
}

fn running(run: &mut Run, now: Timestamp, effects: &mut Vec<Effect>) {
    if run.completes() {
        let ending = Ending {
            outcome: Outcome::Succeeded,
            code: EndCode::Completed,
            message: "every required trainer finished".to_owned(),
            party: None,
            reason: None,
            by: None,
            at: now,
        };
        end(run, ending, now, effects);
        return;
    }
    let broken = run.required().find(|m| is_broken(m));
    if let Some(member) = broken {
        let ending = failed(EndCode::MemberFailed, failure_message(member), Some(member), now);
        end(run, ending, now, effects);
        return;
    }
    if end_without_party(run, now, effects) {
        return;
    }
    let trainers_done = run
        .required()
        .filter(|m| m.role == Role::Trainer)
        .all(|m| m.phase == MemberPhase::Succeeded);
    let aggregator_gone = run.framework == Framework::Iflearner
        && run.required().any(|m| m.role == Role::Aggregator && m.phase.is_terminal());
    if (trainers_done || aggregator_gone) && run.trainers_done_at.is_none() {
        run.trainers_done_at = Some(now);
    }
    // During the absence of a party the hub receives neither its progress nor its completion;
    // `give_up_after_s` applies.
    if !all_connected(run) {
        return;
    }
    if run.trainers_done_at.is_some_and(|at| now >= at.plus_secs(COMPLETION_DEADLINE_S)) {
        let message = format!(
            "the workloads exited with 0, but the framework's status did not show every party complete at its last epoch within {COMPLETION_DEADLINE_S} s"
        );
        let ending = failed(EndCode::NoVerdict, message, None, now);
        end(run, ending, now, effects);
    } else if now >= run.progress_at.plus_secs(run.rules.no_progress_s) {
        let message =
            format!("no progress for {} s; read the members' logs", run.rules.no_progress_s);
        let ending = failed(EndCode::NoProgress, message, None, now);
        end(run, ending, now, effects);
    }
}

/// Enters phase `stopping`. Only the first cause counts: a run that is already ending does not
/// change.
pub(super) fn end(run: &mut Run, ending: Ending, now: Timestamp, effects: &mut Vec<Effect>) {
    if run.ending.is_some() || run.phase.is_terminal() {
        return;
    }
    run.phase = RunPhase::Stopping;
    run.phase_until = Some(now.plus_secs(run.stop_limit_s()));
    run.members.iter_mut().for_each(release);
    effects.push(run.event(
        EventKind::RunStopping,
        ending.party.as_ref(),
        format!("{}: {}", ending.outcome, ending.message),
    ));
    run.ending = Some(ending);
}

fn stopping(run: &mut Run, now: Timestamp, effects: &mut Vec<Effect>) {
    let settled = run.members.iter().all(|m| m.settled);
    if !settled && run.phase_until.is_none_or(|until| now < until) {
        return;
    }
    let Some(ending) = &run.ending else { return };
    let (phase, kind) = match ending.outcome {
        Outcome::Succeeded => (RunPhase::Succeeded, EventKind::RunSucceeded),
        Outcome::Failed => (RunPhase::Failed, EventKind::RunFailed),
        Outcome::Cancelled => (RunPhase::Cancelled, EventKind::RunCancelled),
    };
    let message = ending.message.clone();
    let is_retryable = phase == RunPhase::Failed
        && ending.code != EndCode::Refused
        && ending.reason.as_ref().is_none_or(|r| r.code.is_retryable());
    run.phase = phase;
    run.phase_until = None;
    run.finished_at = Some(now);
    effects.push(run.event(kind, None, message));
    if is_retryable && run.retries_left > 0 {
        let used = run.rules.retries.saturating_sub(run.retries_left).min(16);
        let wait = (RETRY_BACKOFF_S << used).min(RETRY_BACKOFF_MAX_S);
        effects.push(run.event(EventKind::RunRetry, None, format!("a retry follows in {wait} s")));
        effects.push(Effect::Retry { not_before: now.plus_secs(wait) });
    }
}

/// Updates the condition that the run waits for. `since` remains while code and party do not
/// change.
fn update_waiting(run: &mut Run, now: Timestamp) {
    let found = waiting(run, now);
    run.waiting = found.map(|(code, message, party, until)| {
        let since = match &run.waiting {
            // A wall clock that was set back would leave `since` in the future.
            Some(old) if old.code == code && old.party == party => old.since.min(now),
            _ => now,
        };
        Waiting { code, message, party, since, until }
    });
}

type WaitCause = (WaitCode, String, Option<crate::id::PartyId>, Option<Timestamp>);

fn waiting(run: &Run, now: Timestamp) -> Option<WaitCause> {
    let find =
        |of: &dyn Fn(&&Member) -> bool| run.required().filter(|m| !m.phase.is_terminal()).find(of);
    let older = || {
        find(&|m| m.reason.as_ref().is_some_and(|r| r.code == ReasonCode::PreviousRunStopping)).map(
            |m| {
                (
                    WaitCode::PreviousRunStopping,
                    format!("{} is still stopping an older run of this task", m.party),
                    Some(m.party.clone()),
                )
            },
        )
    };
    let gone = || {
        find(&|m| !is_connected(m)).map(|m| {
            let state = if m.never_connected { "has never connected" } else { "is not connected" };
            (WaitCode::PartyAway, format!("{} {state}", m.party), Some(m.party.clone()))
        })
    };
    let disabled = || {
        find(&|m| m.disabled).map(|m| {
            let message = format!("{} is disabled at the hub", m.party);
            (WaitCode::PartyDisabled, message, Some(m.party.clone()))
        })
    };
    let asks = || {
        find(&|m| m.phase == MemberPhase::WaitingApproval).map(|m| {
            (
                WaitCode::Approval,
                format!(
                    "the administrator of {} must approve there: flow-federate approve {}",
                    m.party, run.id
                ),
                Some(m.party.clone()),
            )
        })
    };
    let (code, message, party) = match run.phase {
        RunPhase::Queued if now < run.not_before => {
            return Some((
                WaitCode::Backoff,
                "waiting for the next attempt".to_owned(),
                None,
                Some(run.not_before),
            ));
        }
        RunPhase::Queued => {
            older().or_else(disabled).or_else(asks).or_else(gone).or_else(|| {
                find(&|m| m.phase != MemberPhase::Admitted).map(|m| {
                    (
                        WaitCode::Admission,
                        format!("{} has not decided about the spec yet", m.party),
                        Some(m.party.clone()),
                    )
                })
            })?
        }
        RunPhase::Reserving => older().or_else(gone).or_else(|| {
            find(&|m| m.phase != MemberPhase::Reserved).map(|m| {
                let why = m.reason.as_ref().map(|r| format!(": {}", r.message)).unwrap_or_default();
                (
                    WaitCode::Reservation,
                    format!("{} has not reserved resources yet{why}", m.party),
                    Some(m.party.clone()),
                )
            })
        })?,
        RunPhase::Starting => gone().or_else(|| {
            find(&|m| m.phase != MemberPhase::Running).map(|m| {
                let why = m.reason.as_ref().map(|r| format!(": {}", r.message)).unwrap_or_default();
                (
                    WaitCode::Starting,
                    format!("{} is not running yet{why}", m.party),
                    Some(m.party.clone()),
                )
            })
        })?,
        RunPhase::Running => gone()?,
        RunPhase::Stopping | RunPhase::Succeeded | RunPhase::Failed | RunPhase::Cancelled => {
            let member = run.members.iter().find(|m| !m.settled)?;
            let state = if is_connected(member) {
                "has not confirmed its end yet"
            } else {
                "is not connected and will be stopped after it reconnects"
            };
            (WaitCode::Stopping, format!("{} {state}", member.party), Some(member.party.clone()))
        }
    };
    let until = match run.phase {
        RunPhase::Queued => Some(run.queue_until),
        _ => run.phase_until,
    };
    Some((code, message, party, until))
}
