//! Every phase of a run with every input, as one table; and every state of a member with every
//! input, for the invariants.

mod support;

use flow_domain::member::{Contact, DesiredPhase, Member, MemberPhase, Reason, ReasonCode, Report};
use flow_domain::run::{
    EndCode, Ending, Input, Outcome, RESERVE_DEADLINE_S, Refusal, Run, RunPhase, step,
};
use flow_domain::task::Rules;
use flow_domain::template::Framework;
use flow_domain::time::Timestamp;
use support::{START, assert_legal, desired_phases, fold, instance, new_run, party, report};

/// The member of the inputs: a trainer.
const ME: usize = 1;

fn after(run: &Run, input: &Input, now: Timestamp) -> Run {
    fold(run, input, now).unwrap_or_else(|refusal| panic!("{input:?} was refused: {refusal}")).0
}

fn all_report(mut run: Run, phase: MemberPhase, now: Timestamp) -> Run {
    for index in 0..run.members.len() {
        let report = Report {
            complete: run.phase == RunPhase::Running && index == 0,
            ..report(&run, index, phase)
        };
        run = after(&run, &Input::Report { party: party(index), report }, now);
    }
    run
}

/// A run in this phase after the usual inputs, and the current time.
fn run_in(phase: RunPhase) -> (Run, Timestamp) {
    let now = START.plus_secs(1);
    let stop = Input::Stop { by: "ada".to_owned(), deleting: false };
    let reserving = || new_run(Framework::Iflearner, 2, Rules::default(), true);
    let starting = || all_report(reserving(), MemberPhase::Reserved, now);
    let running = || all_report(starting(), MemberPhase::Running, now);
    let run = match phase {
        RunPhase::Queued => {
            let approval = report(&reserving(), ME, MemberPhase::WaitingApproval);
            after(&reserving(), &Input::Report { party: party(ME), report: approval }, now)
        }
        RunPhase::Reserving => reserving(),
        RunPhase::Starting => starting(),
        RunPhase::Running => running(),
        RunPhase::Stopping => after(&running(), &stop, now),
        RunPhase::Succeeded => {
            let mut run = running();
            for index in [1, 2] {
                let done = report(&run, index, MemberPhase::Succeeded);
                run = after(&run, &Input::Report { party: party(index), report: done }, now);
            }
            let verdict = Report { complete: true, ..report(&run, 0, MemberPhase::Running) };
            run = after(&run, &Input::Report { party: party(0), report: verdict }, now);
            let stopped = report(&run, 0, MemberPhase::Stopped);
            after(&run, &Input::Report { party: party(0), report: stopped }, now)
        }
        // Ended by their deadlines: the members have not settled.
        RunPhase::Failed => {
            let broken = report(&running(), 2, MemberPhase::Failed);
            let run = after(&running(), &Input::Report { party: party(2), report: broken }, now);
            after(&run, &Input::Tick, now.plus_secs(60))
        }
        RunPhase::Cancelled => {
            after(&after(&running(), &stop, now), &Input::Tick, now.plus_secs(60))
        }
    };
    assert_eq!(run.phase, phase);
    let present = run.finished_at.unwrap_or(now).plus_secs(1);
    (run, present)
}

/// All inputs for the member, by name.
fn inputs(run: &Run) -> Vec<(String, Input)> {
    let me = || party(ME);
    let mut inputs = vec![
        ("stop".to_owned(), Input::Stop { by: "ada".to_owned(), deleting: false }),
        ("delete".to_owned(), Input::Stop { by: "ada".to_owned(), deleting: true }),
    ];
    for &phase in MemberPhase::ALL {
        inputs.push((
            format!("report {phase}"),
            Input::Report { party: me(), report: report(run, ME, phase) },
        ));
    }
    let running = || report(run, ME, MemberPhase::Running);
    let stale = Report { sequence: run.members[ME].sequence, ..running() };
    let older = Report { attempt: run.members[ME].attempt.wrapping_sub(1), ..running() };
    let foreign = Report { instance: instance(ME, 7), ..running() };
    inputs.extend([
        ("report again".to_owned(), Input::Report { party: me(), report: stale }),
        ("report of an older round".to_owned(), Input::Report { party: me(), report: older }),
        ("report of another journal".to_owned(), Input::Report { party: me(), report: foreign }),
        ("report of a stranger".to_owned(), Input::Report { party: party(9), report: running() }),
        ("connected again".to_owned(), Input::Connected { party: me(), instance: instance(ME, 0) }),
        ("connected anew".to_owned(), Input::Connected { party: me(), instance: instance(ME, 7) }),
        ("away".to_owned(), Input::Away { party: me(), since: START.plus_secs(2) }),
        (
            "party disabled".to_owned(),
            Input::PartyDisabled { party: me(), disabled: true, connected: None },
        ),
        ("moved".to_owned(), Input::Moved { party: me() }),
        ("taken over".to_owned(), Input::TakenOver { from: START.plus_secs(2), clock_set: None }),
        (
            "clock set".to_owned(),
            Input::TakenOver { from: START.plus_secs(2), clock_set: Some(START.plus_secs(2)) },
        ),
        ("tick".to_owned(), Input::Tick),
        ("tick after all deadlines".to_owned(), Input::Tick),
    ]);
    inputs
}

/// The result of each input in each phase: the next phase, or the rule of the refusal in
/// parentheses. The columns: queued (for an approval), reserving, starting, running, stopping,
/// succeeded, failed, cancelled; in the last two the members have not settled yet.
const TABLE: &str = "\
stop                       stopping          stopping          stopping          stopping          (ended)           (ended)           (ended)           (ended)
delete                     stopping          stopping          stopping          stopping          (ended)           (ended)           (ended)           (ended)
report pending             queued            reserving         starting          running           stopping          (member_terminal) failed            cancelled
report waiting_approval    queued            queued            stopping          running           stopping          (member_terminal) failed            cancelled
report refused             stopping          stopping          stopping          stopping          stopping          (member_terminal) failed            cancelled
report admitted            queued            reserving         stopping          running           stopping          (member_terminal) failed            cancelled
report reserved            queued            reserving         starting          running           stopping          (member_terminal) failed            cancelled
report starting            starting          starting          starting          running           stopping          (member_terminal) failed            cancelled
report running             starting          starting          starting          running           stopping          (member_terminal) failed            cancelled
report succeeded           starting          starting          starting          running           stopping          (member_terminal) failed            cancelled
report failed              stopping          stopping          stopping          stopping          stopping          (member_terminal) failed            cancelled
report stopped             stopping          stopping          stopping          stopping          stopping          (member_terminal) failed            cancelled
report again               (not_newer)       (not_newer)       (not_newer)       (not_newer)       (not_newer)       (member_terminal) (not_newer)       (not_newer)
report of an older round   (old_attempt)     (old_attempt)     (old_attempt)     (old_attempt)     (old_attempt)     (member_terminal) (old_attempt)     (old_attempt)
report of another journal  (wrong_instance)  (wrong_instance)  (wrong_instance)  (wrong_instance)  (wrong_instance)  (member_terminal) (wrong_instance)  (wrong_instance)
report of a stranger       (unknown_party)   (unknown_party)   (unknown_party)   (unknown_party)   (unknown_party)   (unknown_party)   (unknown_party)   (unknown_party)
connected again            (no_change)       (no_change)       (no_change)       (no_change)       (no_change)       (member_terminal) (no_change)       (no_change)
connected anew             queued            reserving         stopping          stopping          stopping          (member_terminal) failed            cancelled
away                       queued            reserving         starting          running           stopping          (member_terminal) failed            cancelled
party disabled             queued            reserving         starting          running           stopping          (member_terminal) failed            cancelled
moved                      (no_change)       (no_change)       (no_change)       running           (no_change)       (no_change)       (no_change)       (no_change)
taken over                 (no_change)       reserving         starting          running           stopping          (no_change)       (no_change)       (no_change)
clock set                  queued            reserving         starting          running           stopping          (no_change)       (no_change)       (no_change)
tick                       (no_change)       (no_change)       (no_change)       (no_change)       (no_change)       (no_change)       (no_change)       (no_change)
tick after all deadlines   stopping          stopping          stopping          stopping          cancelled         (no_change)       (no_change)       (no_change)
";

#[test]
fn every_phase_has_a_result_for_every_input() {
    let mut table = String::new();
    let runs: Vec<_> = RunPhase::ALL.iter().map(|&phase| run_in(phase)).collect();
    let rows = inputs(&runs[0].0).len();
    for row in 0..rows {
        let mut line = String::new();
        for (run, now) in &runs {
            let (name, input) = inputs(run).swap_remove(row);
            if line.is_empty() {
                line = format!("{name:26}");
            }
            let now = if name.contains("deadlines") { now.plus_secs(86_400) } else { *now };
            let cell = match fold(run, &input, now) {
                Ok((next, _)) => next.phase.to_string(),
                Err(refusal) => format!("({refusal})"),
            };
            line += &format!(" {cell:17}");
        }
        table += line.trim_end();
        table.push('\n');
    }
    assert_eq!(table, TABLE, "\n{table}");
}

/// A run whose member is in this state, which may be unreachable.
fn force(
    phase: RunPhase,
    member_phase: MemberPhase,
    desired: DesiredPhase,
    settled: bool,
    away: bool,
) -> (Run, Timestamp) {
    let (mut run, now) = run_in(phase);
    let contact = if away { Contact::Away(now) } else { Contact::Connected };
    let Member { phase, desired: known_desired, settled: is_settled, contact: known, .. } =
        &mut run.members[ME];
    (*phase, *known_desired, *is_settled, *known) =
        (member_phase, desired, settled && member_phase.is_terminal(), contact);
    run.settled_at =
        (run.phase.is_terminal() && run.members.iter().all(|m| m.settled)).then_some(now);
    (run, now)
}

#[test]
fn every_state_of_a_member_has_a_legal_result_for_every_input() {
    let mut answers = 0;
    for &phase in RunPhase::ALL {
        for &member_phase in MemberPhase::ALL {
            for &desired in DesiredPhase::ALL {
                for (settled, away) in [(false, false), (false, true), (true, false), (true, true)]
                {
                    let (run, now) = force(phase, member_phase, desired, settled, away);
                    for (name, input) in inputs(&run) {
                        answers += 1;
                        let Ok((next, effects)) = step(&run, &input, now) else { continue };
                        assert_ne!(next, run, "{name} was taken and changed nothing");
                        // Unreachable states only need a result.
                        if member_phase.is_terminal() || desired_phases(phase).contains(&desired) {
                            assert_legal(&run, &next, &effects);
                        }
                    }
                }
            }
        }
    }
    assert_eq!(answers, 8 * 10 * 4 * 4 * inputs(&run_in(RunPhase::Queued).0).len());
}

#[test]
fn f11_stop_ends_a_run_although_a_party_stays_away() {
    for phase in [RunPhase::Queued, RunPhase::Reserving, RunPhase::Starting, RunPhase::Running] {
        let (run, now) = run_in(phase);
        let run = after(&run, &Input::Away { party: party(ME), since: now }, now);
        let run = after(&run, &Input::Stop { by: "ada".to_owned(), deleting: true }, now);
        let due = flow_domain::run::next_due(&run).expect("a stop has a deadline");
        let run = after(&run, &Input::Tick, due);
        assert_eq!((run.phase, run.is_settled()), (RunPhase::Cancelled, false), "{phase}");
    }
}

#[test]
fn f10_no_member_starts_before_all_required_members_have_reserved() {
    let mut run = run_in(RunPhase::Reserving).0;
    for index in 0..3 {
        assert!(
            run.members.iter().all(|m| m.desired == DesiredPhase::Reserved),
            "{index} of 3 have reserved"
        );
        let reserved = report(&run, index, MemberPhase::Reserved);
        run = after(&run, &Input::Report { party: party(index), report: reserved }, START);
    }
    assert!(run.members.iter().all(|m| m.desired == DesiredPhase::Running));
}

#[test]
fn lost_hold_starts_another_round_at_once() {
    let (run, now) = run_in(RunPhase::Reserving);
    let expired = Reason::new(ReasonCode::HoldExpired, "the sidecar is gone");
    let lost = Report { reason: Some(expired), ..report(&run, ME, MemberPhase::Admitted) };
    let run = after(&run, &Input::Report { party: party(ME), report: lost }, now);
    assert_eq!(run.phase, RunPhase::Queued);
    let due = flow_domain::run::next_due(&run).expect("a next try");
    assert_eq!(due, now.plus_secs(1));
    for index in [0, 2] {
        assert_eq!(run.members[index].desired, DesiredPhase::Admitted, "nothing is held meanwhile");
    }
    let run = [0, 2].iter().fold(run, |run, &index| {
        let admitted = report(&run, index, MemberPhase::Admitted);
        after(&run, &Input::Report { party: party(index), report: admitted }, now)
    });
    let run = after(&run, &Input::Tick, due);
    assert_eq!((run.phase, run.attempt), (RunPhase::Reserving, 2));
    assert!(
        step(&run, &Input::Tick, due).is_err(),
        "a report about the old hold does not count in the new round"
    );
}

#[test]
fn report_from_before_the_start_request_does_not_decline_it() {
    let (run, now) = run_in(RunPhase::Starting);
    for phase in [MemberPhase::WaitingApproval, MemberPhase::Admitted] {
        let answer = report(&run, ME, phase);
        let stale =
            Report { observed_generation: answer.observed_generation - 1, ..answer.clone() };
        let waits = after(&run, &Input::Report { party: party(ME), report: stale }, now);
        assert_eq!(waits.phase, RunPhase::Starting, "{phase}");
        let ends = after(&run, &Input::Report { party: party(ME), report: answer }, now);
        assert_eq!(ends.head.ending.map(|e| e.code), Some(EndCode::StartFailed), "{phase}");
    }
}

#[test]
fn workload_that_fails_during_the_start_is_a_failed_member() {
    let (run, now) = run_in(RunPhase::Starting);
    for (code, ending) in [
        (ReasonCode::ExitNonzero, EndCode::MemberFailed),
        (ReasonCode::SpawnFailed, EndCode::StartFailed),
    ] {
        let broken = Report {
            reason: Some(Reason::new(code, "as it says")),
            ..report(&run, 2, MemberPhase::Failed)
        };
        let run = after(&run, &Input::Report { party: party(2), report: broken }, now);
        assert_eq!(run.head.ending.map(|e| e.code), Some(ending), "{code}");
    }
}

#[test]
fn f10_incomplete_start_is_undone() {
    let (run, now) = run_in(RunPhase::Starting);
    let spawn = Some(Reason::new(ReasonCode::SpawnFailed, "no such program"));
    let broken = Report { reason: spawn, ..report(&run, 2, MemberPhase::Failed) };
    let run = after(&run, &Input::Report { party: party(2), report: broken }, now);
    assert_eq!(run.ending.as_ref().map(|e| e.code), Some(EndCode::StartFailed));
    assert!(run.members.iter().all(|m| m.desired == DesiredPhase::Stopped || m.settled));
}

#[test]
fn l6_report_of_an_older_round_changes_no_phase() {
    let (run, now) = run_in(RunPhase::Running);
    let old = Report { attempt: 0, sequence: 99, ..report(&run, ME, MemberPhase::Failed) };
    assert_eq!(
        step(&run, &Input::Report { party: party(ME), report: old }, now),
        Err(Refusal::OldAttempt)
    );
}

#[test]
fn stop_of_a_failing_run_cancels_its_retry() {
    let rules = Rules { retries: 2, ..Rules::default() };
    let mut run = new_run(Framework::Iflearner, 1, rules, true);
    for phase in [MemberPhase::Reserved, MemberPhase::Running] {
        run = all_report(run, phase, START);
    }
    let broken = report(&run, ME, MemberPhase::Failed);
    let run = after(&run, &Input::Report { party: party(ME), report: broken }, START);
    assert_eq!((run.phase, run.retries_left), (RunPhase::Stopping, 2));
    let run = after(&run, &Input::Stop { by: "ada".to_owned(), deleting: false }, START);
    assert!(
        matches!(
            run.ending,
            Some(Ending { outcome: Outcome::Failed, code: EndCode::MemberFailed, .. })
        ),
        "the first cause stays"
    );
    let due = flow_domain::run::next_due(&run).expect("a stop has a deadline");
    let (run, effects) = fold(&run, &Input::Tick, due).expect("the deadline has passed");
    assert_eq!(run.phase, RunPhase::Failed);
    assert!(
        !effects.iter().any(|e| matches!(e, flow_domain::run::Effect::Retry { .. })),
        "{effects:?}"
    );
}

#[test]
fn generic_aggregator_that_ends_first_sets_no_deadline_for_trainers() {
    let mut run = new_run(Framework::Generic, 1, Rules::default(), true);
    for phase in [MemberPhase::Reserved, MemberPhase::Running] {
        run = all_report(run, phase, START);
    }
    let done = report(&run, 0, MemberPhase::Succeeded);
    run = after(&run, &Input::Report { party: party(0), report: done }, START);
    let _ = step(&run, &Input::Tick, START.plus_secs(120)).map(|(next, _)| run = next);
    assert_eq!(run.phase, RunPhase::Running);
    let done = report(&run, ME, MemberPhase::Succeeded);
    run = after(&run, &Input::Report { party: party(ME), report: done }, START.plus_secs(121));
    assert_eq!(run.phase, RunPhase::Succeeded);
}

#[test]
fn u8_stopped_member_of_a_complete_training_has_that_reason() {
    let stopped = |run: &Run| Report {
        reason: Some(Reason::new(ReasonCode::StopRequested, "stopped on request of the hub")),
        ..report(run, 0, MemberPhase::Stopped)
    };
    let message = |run: &Run| {
        let reason = run.members[0].reason.as_ref().expect("a reason");
        reason.message.clone()
    };
    let mut run = new_run(Framework::Iflearner, 1, Rules::default(), true);
    for phase in [MemberPhase::Reserved, MemberPhase::Running] {
        run = all_report(run, phase, START);
    }
    let running = run.clone();
    let done = report(&run, ME, MemberPhase::Succeeded);
    run = after(&run, &Input::Report { party: party(ME), report: done }, START);
    let complete = Report { complete: true, ..report(&run, 0, MemberPhase::Running) };
    run = after(&run, &Input::Report { party: party(0), report: complete }, START);
    let end = stopped(&run);
    run = after(&run, &Input::Report { party: party(0), report: end }, START);
    assert_eq!(message(&run), "ended: the training is complete");
    let stop = Input::Stop { by: "ada".to_owned(), deleting: false };
    let run = after(&running, &stop, START);
    let end = stopped(&run);
    let run = after(&run, &Input::Report { party: party(0), report: end }, START);
    assert_eq!(message(&run), "stopped on request of the hub");
}

#[test]
fn l8_completion_shown_by_an_aggregator_counts_in_any_order() {
    let done = |run: &Run, index| (index, report(run, index, MemberPhase::Succeeded));
    let killed = |run: &Run| (0, Report { complete: true, ..report(run, 0, MemberPhase::Failed) });
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]] {
        let (mut run, now) = run_in(RunPhase::Running);
        for who in order {
            let (index, report) = if who == 0 { killed(&run) } else { done(&run, who) };
            run = after(&run, &Input::Report { party: party(index), report }, now);
        }
        assert_eq!(run.phase, RunPhase::Succeeded, "{order:?}");
    }
}

#[test]
fn release_reported_by_a_member_cannot_break_the_quorum() {
    for (minimum_parties, outcome) in
        [(None, RunPhase::Stopping), (Some(2), RunPhase::Stopping), (Some(1), RunPhase::Running)]
    {
        let mut run =
            new_run(Framework::Iflearner, 2, Rules { minimum_parties, ..Rules::default() }, true);
        run = all_report(run, MemberPhase::Reserved, START);
        let released = Reason::new(ReasonCode::Released, "released");
        let gone = Report { reason: Some(released), ..report(&run, ME, MemberPhase::Stopped) };
        run = after(&run, &Input::Report { party: party(ME), report: gone }, START);
        for index in [0, 2] {
            let up = report(&run, index, MemberPhase::Running);
            run = after(&run, &Input::Report { party: party(index), report: up }, START);
        }
        assert_eq!(run.phase, outcome, "{minimum_parties:?}");
    }
}

#[test]
fn party_that_received_only_the_stop_is_stopped_and_not_failed() {
    let rules = Rules { minimum_parties: Some(1), ..Rules::default() };
    let mut run = new_run(Framework::Iflearner, 2, rules, true);
    for index in [0, 2] {
        let held = report(&run, index, MemberPhase::Reserved);
        run = after(&run, &Input::Report { party: party(index), report: held }, START);
    }
    let late = START.plus_secs(RESERVE_DEADLINE_S);
    let run = after(&run, &Input::Tick, late);
    assert_eq!((run.phase, run.members[ME].desired), (RunPhase::Starting, DesiredPhase::Stopped));
    let unknown = Reason::new(ReasonCode::AgentStateLost, "the agent does not know the run");
    let lost = Report { reason: Some(unknown), ..report(&run, ME, MemberPhase::Failed) };
    let run = after(&run, &Input::Report { party: party(ME), report: lost }, late);
    let me = &run.members[ME];
    assert_eq!((me.phase, me.settled), (MemberPhase::Stopped, true));
    assert_eq!(me.reason.as_ref().map(|r| r.code), Some(ReasonCode::NeverDelivered));
}

#[test]
fn f8_reconnected_agent_is_a_member_again_at_once() {
    let (run, now) = run_in(RunPhase::Running);
    let away = after(&run, &Input::Away { party: party(ME), since: now }, now);
    let back = after(
        &away,
        &Input::Connected { party: party(ME), instance: instance(ME, 0) },
        now.plus_secs(60),
    );
    assert_eq!(back.members[ME].contact, Contact::Connected);
    assert_eq!(back.phase, RunPhase::Running);
    let done = report(&back, ME, MemberPhase::Succeeded);
    assert_eq!(
        after(&back, &Input::Report { party: party(ME), report: done }, now).members[ME].phase,
        MemberPhase::Succeeded
    );
}

#[test]
fn f13_failed_start_names_party_and_reason() {
    let (run, now) = run_in(RunPhase::Starting);
    let spawn = Reason::new(ReasonCode::SpawnFailed, "client.py is not executable");
    let broken = Report { reason: Some(spawn.clone()), ..report(&run, ME, MemberPhase::Failed) };
    let ending = after(&run, &Input::Report { party: party(ME), report: broken }, now)
        .head
        .ending
        .expect("the start is over");
    assert_eq!((ending.party, ending.reason), (Some(party(ME)), Some(spawn)));
    assert!(ending.message.contains("client.py is not executable"), "{}", ending.message);
}

#[test]
fn l1_federation_without_progress_ends_and_one_with_progress_does_not() {
    let (run, now) = run_in(RunPhase::Running);
    let limit = run.rules.no_progress_s;
    let moved = after(&run, &Input::Moved { party: party(ME) }, now.plus_secs(limit - 10));
    assert_eq!(step(&moved, &Input::Tick, now.plus_secs(limit + 10)), Err(Refusal::NoChange));
    let ended = after(&run, &Input::Tick, now.plus_secs(limit + 10));
    assert_eq!(ended.head.ending.map(|e| e.code), Some(EndCode::NoProgress));
}

#[test]
fn f8_deadlines_that_passed_during_an_outage_restart() {
    let later = START.plus_secs(86_400);
    for phase in [
        RunPhase::Queued,
        RunPhase::Reserving,
        RunPhase::Starting,
        RunPhase::Running,
        RunPhase::Stopping,
    ] {
        let (run, _) = run_in(phase);
        let taken = after(&run, &Input::TakenOver { from: later, clock_set: None }, later);
        assert_eq!(taken.phase, phase);
        assert_eq!(
            step(&taken, &Input::Tick, later.plus_secs(25)),
            Err(Refusal::NoChange),
            "{phase}"
        );
        let due = flow_domain::run::next_due(&taken).expect("the deadline is there all the same");
        assert_ne!(after(&taken, &Input::Tick, due).phase, phase, "{phase}");
    }
}

const HOUR_S: i64 = 3_600;
/// Changes of the wall clock in these tests, in seconds.
const JUMPS: [i64; 4] = [HOUR_S, -HOUR_S, 240 * HOUR_S, -240 * HOUR_S];

/// A time of a clock that was set by `seconds`.
fn set_by(at: Timestamp, seconds: i64) -> Timestamp {
    Timestamp(at.0 + seconds * 1_000_000)
}

#[test]
fn b5_each_deadline_has_exactly_its_length_after_a_clock_change() {
    for phase in [
        RunPhase::Queued,
        RunPhase::Reserving,
        RunPhase::Starting,
        RunPhase::Running,
        RunPhase::Stopping,
    ] {
        let (run, now) = run_in(phase);
        let length = flow_domain::run::next_due(&run).expect("a deadline").secs_since(now);
        for jump in JUMPS {
            let now = set_by(now.plus_secs(5), jump);
            let set = after(&run, &Input::TakenOver { from: now, clock_set: Some(now) }, now);
            assert_eq!(set.phase, phase, "{phase} {jump}");
            let due = if phase == RunPhase::Queued {
                Some(set.queue_until)
            } else {
                flow_domain::run::next_due(&set)
            };
            let due = due.expect("the deadline is there all the same");
            let left = due.secs_since(now);
            // `run_in` returns a time up to two seconds after the deadline was set.
            assert!(
                (length - 5..=length + 2).contains(&left),
                "{phase} {jump}: {left} s of {length} s"
            );
            let early = step(&set, &Input::Tick, now.plus_secs(left - 1))
                .map_or(phase, |(run, _)| run.phase);
            assert_eq!(early, phase, "{jump}");
            assert_ne!(after(&set, &Input::Tick, due).phase, phase, "{phase} {jump}");
        }
    }
}

#[test]
fn b6_pause_long_after_a_clock_change_counts_alone() {
    for phase in [
        RunPhase::Queued,
        RunPhase::Reserving,
        RunPhase::Starting,
        RunPhase::Running,
        RunPhase::Stopping,
    ] {
        let (run, now) = run_in(phase);
        let later = now.plus_secs(86_400);
        let taken = after(
            &run,
            &Input::TakenOver { from: later, clock_set: Some(now) },
            later.plus_secs(3),
        );
        assert_eq!(taken.phase, phase);
    }
}

#[test]
fn b5_clock_change_does_not_change_absence_and_backoff() {
    let (run, now) = run_in(RunPhase::Running);
    let run = after(&run, &Input::Away { party: party(ME), since: now }, now);
    for jump in JUMPS {
        let now = set_by(now.plus_secs(5), jump);
        let set = after(&run, &Input::TakenOver { from: now, clock_set: Some(now) }, now);
        let limit = run.rules.give_up_after_s;
        assert_eq!(
            step(&set, &Input::Tick, now.plus_secs(limit - 1)),
            Err(Refusal::NoChange),
            "{jump}"
        );
        let ended = after(&set, &Input::Tick, now.plus_secs(limit));
        assert_eq!(ended.head.ending.map(|ending| ending.code), Some(EndCode::PartyLost), "{jump}");
    }
    let mut repeated = new_run(Framework::Iflearner, 2, Rules::default(), false);
    repeated.not_before = START.plus_secs(600);
    repeated.retry_of = Some(repeated.id.clone());
    for jump in JUMPS {
        let now = set_by(START.plus_secs(5), jump);
        let set = step(&repeated, &Input::TakenOver { from: now, clock_set: Some(now) }, now)
            .expect("it is queued")
            .0;
        assert!(set.not_before <= now.plus_secs(600), "{jump}: waits until {:?}", set.not_before);
    }
}

#[test]
fn b5_hub_with_its_clock_set_back_waits_no_longer_than_the_rules_allow() {
    for phase in [
        RunPhase::Queued,
        RunPhase::Reserving,
        RunPhase::Starting,
        RunPhase::Running,
        RunPhase::Stopping,
    ] {
        let (run, now) = run_in(phase);
        let length = flow_domain::run::next_due(&run).expect("a deadline").secs_since(now);
        let now = set_by(now, -240 * HOUR_S);
        let taken = after(&run, &Input::TakenOver { from: now, clock_set: None }, now);
        let due = if phase == RunPhase::Queued {
            Some(taken.queue_until)
        } else {
            flow_domain::run::next_due(&taken)
        };
        let left = due.expect("a deadline").secs_since(now);
        assert!(left <= length + 2, "{phase}: {left} s of {length} s");
    }
}

#[test]
fn missing_progress_during_an_absence_does_not_fail_the_run() {
    let (mut run, now) = run_in(RunPhase::Running);
    run.rules.give_up_after_s = 7_200;
    let away = after(&run, &Input::Away { party: party(ME), since: now }, now);
    let late = now.plus_secs(run.rules.no_progress_s + 10);
    assert_eq!(step(&away, &Input::Tick, late), Err(Refusal::NoChange));
    let back =
        after(&away, &Input::Connected { party: party(ME), instance: instance(ME, 0) }, late);
    assert_eq!(step(&back, &Input::Tick, late.plus_secs(10)), Err(Refusal::NoChange));
}

#[test]
fn l4_party_with_a_lost_journal_never_starts_again() {
    let (run, now) = run_in(RunPhase::Running);
    let run = after(&run, &Input::Connected { party: party(ME), instance: instance(ME, 7) }, now);
    let me = &run.members[ME];
    assert_eq!((me.phase, me.desired), (MemberPhase::Failed, DesiredPhase::Stopped));
    assert_eq!(me.reason.as_ref().map(|r| r.code), Some(ReasonCode::AgentStateLost));
    assert_eq!(run.phase, RunPhase::Stopping, "the whole run is repeated, or nothing");
}

#[test]
fn u25_member_of_a_disabled_party_waits_and_does_not_delay_the_others() {
    let disable = |run: &Run, disabled: bool| {
        let connected = (!disabled).then(|| instance(ME, 0));
        let input = Input::PartyDisabled { party: party(ME), disabled, connected };
        after(run, &input, START.plus_secs(1))
    };
    let waits = |run: &Run| run.waiting.as_ref().map(|waiting| waiting.message.clone());
    // Disabled before its agent connects: the member is not delivered.
    let mut run = disable(&new_run(Framework::Generic, 2, Rules::default(), false), true);
    for index in 0..3 {
        let input = Input::Connected { party: party(index), instance: instance(index, 0) };
        run = after(&run, &input, START.plus_secs(2));
    }
    assert_eq!(
        (run.phase, run.member(&party(ME)).unwrap().is_withheld()),
        (RunPhase::Queued, true)
    );
    assert_eq!(waits(&run).as_deref(), Some("p1 is disabled at the hub"));
    let generation = run.members[ME].generation;
    let run = disable(&run, false);
    assert_eq!((run.phase, run.members[ME].is_withheld()), (RunPhase::Reserving, false));
    assert!(run.members[ME].generation > generation, "the agent receives the member");

    // A run that needs fewer parties starts without it.
    let rules = Rules { minimum_parties: Some(1), ..Rules::default() };
    let mut run = disable(&new_run(Framework::Generic, 2, rules, false), true);
    for index in 0..3 {
        let input = Input::Connected { party: party(index), instance: instance(index, 0) };
        run = after(&run, &input, START.plus_secs(2));
    }
    assert_eq!(run.phase, RunPhase::Reserving);
    for index in [0, 2] {
        let held = report(&run, index, MemberPhase::Reserved);
        run = after(&run, &Input::Report { party: party(index), report: held }, START.plus_secs(3));
    }
    assert_eq!(run.phase, RunPhase::Starting, "at once, without waiting for the deadline");
    assert!(run.members[ME].settled && !run.members[ME].required);
}

#[test]
fn u25_party_that_never_connected_is_named_as_such() {
    let mut run = new_run(Framework::Generic, 2, Rules::default(), false);
    run.members[ME].never_connected = true;
    for index in [0, 2] {
        let input = Input::Connected { party: party(index), instance: instance(index, 0) };
        run = after(&run, &input, START.plus_secs(1));
    }
    let waits = |run: &Run| run.waiting.as_ref().map(|waiting| waiting.message.clone());
    assert_eq!(waits(&run).as_deref(), Some("p1 has never connected"));
    let connect = Input::Connected { party: party(ME), instance: instance(ME, 0) };
    let run = after(&run, &connect, START.plus_secs(1));
    let run = after(&run, &Input::Away { party: party(ME), since: START }, START.plus_secs(2));
    assert_eq!(waits(&run).as_deref(), Some("p1 is not connected"));
}
