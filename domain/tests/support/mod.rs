//! Runs and inputs for the tests of the run machine, and the invariants after every step.

use flow_domain::id::{Digest, InstanceId, PartyId};
use flow_domain::member::{
    Contact, DesiredPhase, Member, MemberPhase, Reason, ReasonCode, Report, Role,
};
use flow_domain::run::{
    Effect, EventKind, Input, NewMember, NewRun, Outcome, Refusal, Run, RunPhase, next_due, step,
};
use flow_domain::sample;
use flow_domain::task::Rules;
use flow_domain::template::Framework;
use flow_domain::time::Timestamp;

/// Begin of every test.
pub const START: Timestamp = Timestamp(1_800_000_000_000_000);

/// One of two journals of a party's agent.
pub fn instance(party: usize, journal: usize) -> InstanceId {
    format!("{party:031x}{journal:x}").parse().expect("32 hexadecimal digits")
}

/// The aggregator `p0` and `trainers` trainers.
pub fn party(index: usize) -> PartyId {
    sample::party(&format!("p{index}"))
}

/// A run of `trainers` trainers and an aggregator; all parties connected if `connected`.
pub fn new_run(framework: Framework, trainers: usize, rules: Rules, connected: bool) -> Run {
    let member = |index: usize| NewMember {
        party: party(index),
        role: if index == 0 { Role::Aggregator } else { Role::Trainer },
        digest: Digest::of(b"spec"),
        connected: connected.then(|| instance(index, 0)),
        away_since: START,
        never_connected: false,
        disabled: false,
    };
    let new = NewRun {
        id: sample::run_id(),
        task: sample::task_id(),
        number: 1,
        retry_of: None,
        started_by: None,
        inputs: None,
        retries_left: rules.retries,
        not_before: START,
        framework,
        rules,
        stop_grace_s: 10,
        members: (0..=trainers).map(member).collect(),
    };
    let (run, effects) = Run::new(new, START);
    assert!(!effects.is_empty());
    run
}

/// The report of a correct agent for a member in this phase. Only an aggregator that has run can
/// show completion.
pub fn report(run: &Run, index: usize, phase: MemberPhase) -> Report {
    let member = &run.members[index];
    let reason = match phase {
        MemberPhase::WaitingApproval => Some(ReasonCode::ApprovalRequired),
        MemberPhase::Refused => Some(ReasonCode::PolicyDenied),
        MemberPhase::Failed => Some(ReasonCode::ExitNonzero),
        MemberPhase::Stopped => Some(ReasonCode::StopRequested),
        _ => None,
    };
    Report {
        instance: member.instance.clone().unwrap_or_else(|| instance(index, 0)),
        attempt: member.attempt,
        sequence: member.sequence + 1,
        observed_generation: member.generation,
        phase,
        reason: reason.map(|code| Reason::new(code, "set by the test")),
        exit: None,
        endpoints: std::collections::BTreeMap::new(),
        resolution: None,
        complete: false,
    }
}

/// Applies one input and checks the invariants of every step.
pub fn fold(run: &Run, input: &Input, now: Timestamp) -> Result<(Run, Vec<Effect>), Refusal> {
    let answer = step(run, input, now);
    if let Ok((next, effects)) = &answer {
        assert_sound(next);
        assert_legal(run, next, effects);
        // A repeated input changes nothing (F13: agents repeat reports).
        assert!(step(next, input, now).is_err(), "{input:?} changes something a second time");
    }
    answer
}

/// Invariants of every run between steps.
pub fn assert_sound(run: &Run) {
    let ended = run.phase.is_terminal();
    assert_eq!(run.finished_at.is_some(), ended, "{run:#?}");
    assert_eq!(run.ending.is_some(), ended || run.phase == RunPhase::Stopping, "{run:#?}");
    assert_eq!(
        run.settled_at.is_some(),
        ended && run.members.iter().all(|m| m.settled),
        "{run:#?}"
    );
    // Every run that has not ended has a deadline (L2).
    assert_eq!(next_due(run).is_some(), !ended, "{run:#?}");
    if let Some(ending) = &run.ending {
        let phase = match ending.outcome {
            Outcome::Succeeded => RunPhase::Succeeded,
            Outcome::Failed => RunPhase::Failed,
            Outcome::Cancelled => RunPhase::Cancelled,
        };
        assert!(run.phase == phase || run.phase == RunPhase::Stopping, "{run:#?}");
    }
    for member in &run.members {
        assert!(!member.settled || member.phase.is_terminal(), "{member:#?}");
        assert!(member.attempt <= run.attempt, "{run:#?}");
        assert!(
            member.contact != Contact::Connected
                || member.instance.is_some()
                || member.is_withheld(),
            "{member:#?}"
        );
        // A member of a disabled party takes part in no reservation round.
        let is_left_out = member.disabled && member.desired == DesiredPhase::Admitted;
        assert!(
            member.phase.is_terminal()
                || (run.phase == RunPhase::Reserving && is_left_out)
                || desired_phases(run.phase).contains(&member.desired),
            "{:?}: {member:#?}",
            run.phase
        );
    }
}

/// Allowed desired phases of a member that has not ended, in each phase of its run.
pub const fn desired_phases(phase: RunPhase) -> &'static [DesiredPhase] {
    match phase {
        RunPhase::Queued => &[DesiredPhase::Admitted],
        RunPhase::Reserving => &[DesiredPhase::Reserved],
        RunPhase::Starting | RunPhase::Running => &[DesiredPhase::Running, DesiredPhase::Stopped],
        RunPhase::Stopping | RunPhase::Succeeded | RunPhase::Failed | RunPhase::Cancelled => {
            &[DesiredPhase::Stopped]
        }
    }
}

/// Invariants between a run and its successor.
pub fn assert_legal(before: &Run, after: &Run, effects: &[Effect]) {
    use RunPhase::{Cancelled, Failed, Queued, Reserving, Running, Starting, Stopping, Succeeded};
    let legal: &[RunPhase] = match before.phase {
        Queued | Reserving => {
            &[Queued, Reserving, Starting, Running, Stopping, Succeeded, Failed, Cancelled]
        }
        Starting => &[Starting, Running, Stopping, Succeeded, Failed, Cancelled],
        Running => &[Running, Stopping, Succeeded, Failed, Cancelled],
        Stopping => &[Stopping, Succeeded, Failed, Cancelled],
        Succeeded | Failed | Cancelled => &[before.phase],
    };
    assert!(legal.contains(&after.phase), "{:?} -> {:?}", before.phase, after.phase);
    assert!(before.ending.is_none() || before.ending == after.ending, "the first cause wins");
    assert!(before.finished_at.is_none() || before.finished_at == after.finished_at);
    assert!(before.attempt <= after.attempt && before.retries_left >= after.retries_left);
    for (old, new) in before.members.iter().zip(&after.members) {
        assert_member_legal(old, new);
    }
    let retries = effects.iter().filter(|e| matches!(e, Effect::Retry { .. })).count();
    let failed_now = after.phase == Failed && before.phase != Failed;
    assert!(retries <= usize::from(failed_now && before.retries_left > 0), "{retries} retries");
    let has_event =
        |kind| effects.iter().any(|e| matches!(e, Effect::Event(event) if event.kind == kind));
    if before.phase != after.phase {
        let kind = match after.phase {
            Queued => EventKind::RunQueued,
            Reserving => EventKind::RunReserving,
            Starting => EventKind::RunStarting,
            Running => EventKind::RunRunning,
            Stopping => EventKind::RunStopping,
            Succeeded => EventKind::RunSucceeded,
            Failed => EventKind::RunFailed,
            Cancelled => EventKind::RunCancelled,
        };
        assert!(has_event(kind), "a change of phase has its event: {effects:?}");
    }
}

fn assert_member_legal(old: &Member, new: &Member) {
    let same = Member { required: new.required, ..old.clone() };
    assert!(!old.settled || same == *new, "a settled member stays as it is: {old:#?} {new:#?}");
    assert!(
        !old.phase.is_terminal() || old.phase == new.phase,
        "terminal is terminal: {old:#?} {new:#?}"
    );
    assert!(old.attempt <= new.attempt && old.generation <= new.generation);
    assert!(
        old.desired == new.desired || old.generation < new.generation,
        "every change of the desired phase has a new generation"
    );
    assert!(
        old.desired != DesiredPhase::Stopped || new.desired == DesiredPhase::Stopped,
        "nobody is called back"
    );
    assert!(!old.complete || new.complete, "completion stays");
    assert!(old.required || !new.required);
}
