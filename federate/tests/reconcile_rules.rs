//! The rules of the agent's reconciliation, one by one. `model_check` tests their combination.

use std::collections::BTreeMap;
use std::time::Duration;

use flow_common::clock::{Moment, Monotonic};
use flow_domain::id::{Digest, RunId};
use flow_domain::member::{DesiredPhase, Exit, MemberPhase, Reason, ReasonCode};
use flow_domain::template::Resources;
use flow_domain::time::Timestamp;
use flow_federate::member::{Admission, DesiredMember, Member, Needs, PORTS_PER_MEMBER_MAX};
use flow_federate::reconcile::{Action, Input, MEMBERS_MAX, MemberSet, Transition};
use flow_federate::runtime::{Held, WorkKey, WorkState};

const NOW: Timestamp = Timestamp(1_000_000_000);
const NO_LIMIT: Resources = Resources { cpu_millis: 0, memory_mib: 0 };

struct Test {
    party: MemberSet,
    now: Timestamp,
}

/// A moment at which no clock has been set: monotonic time equals wall time.
fn moment(wall: Timestamp) -> Moment {
    Moment { wall, monotonic: Monotonic::from_origin(Duration::from_micros(wall.0.unsigned_abs())) }
}

fn run(n: u8) -> RunId {
    format!("{n:032x}").parse().unwrap()
}

fn key(n: u8, attempt: u32) -> WorkKey {
    WorkKey { run: run(n), attempt }
}

/// The desired member of run `n` of task 1.
fn wish(n: u8, attempt: u32, generation: u64, desired: DesiredPhase) -> DesiredMember {
    DesiredMember {
        run: run(n),
        task: format!("{:032x}", 1).parse().unwrap(),
        attempt,
        generation,
        phase: desired,
        digest: Some(Digest::of(b"spec")),
        bindings: BTreeMap::new(),
        orphan: false,
        released: false,
    }
}

fn needs(cpu_millis: u32) -> Needs {
    Needs { resources: Resources { cpu_millis, memory_mib: 0 }, grace_s: 7, ..Needs::default() }
}

fn held() -> WorkState {
    WorkState::Held(Held::on_loopback(BTreeMap::from([("grpc".to_owned(), 4000)])))
}

fn exited(code: Option<i32>, signal: Option<i32>, reason: Option<ReasonCode>) -> WorkState {
    let reason = reason.map(|code| Reason::new(code, "said the supervisor"));
    WorkState::Exited(Exit { code, signal, reason, started_at: NOW, finished_at: NOW })
}

impl Test {
    fn new() -> Self {
        Self::offering(NO_LIMIT)
    }

    fn offering(capacity: Resources) -> Self {
        let (party, out) = MemberSet::restore(Vec::new(), capacity, 600, 0, 1, moment(NOW));
        assert_eq!(out, Transition::default());
        let mut test = Self { party, now: NOW };
        test.hear(Input::Connected { incarnation: 1 });
        test
    }

    fn hear(&mut self, input: Input) -> Transition {
        let mut out = Transition::default();
        self.party.apply(input, moment(self.now), &mut out);
        out
    }

    fn wish(&mut self, n: u8, attempt: u32, generation: u64, desired: DesiredPhase) -> Transition {
        self.hear(Input::DesiredReceived(
            wish(n, attempt, generation, desired),
            Some(Admission::Admit(needs(100))),
        ))
    }

    fn stop(&mut self, n: u8, attempt: u32, generation: u64) -> Transition {
        self.hear(Input::DesiredReceived(wish(n, attempt, generation, DesiredPhase::Stopped), None))
    }

    fn see(&mut self, n: u8, attempt: u32, state: WorkState) -> Transition {
        self.hear(Input::WorkObserved(key(n, attempt), state))
    }

    /// Brings run `n` to `Running` in attempt 1.
    fn start(&mut self, n: u8) {
        self.wish(n, 1, 2, DesiredPhase::Reserved);
        self.see(n, 1, held());
        assert_eq!(self.wish(n, 1, 3, DesiredPhase::Running).actions, [Action::Start(key(n, 1))]);
        self.see(n, 1, WorkState::Running);
        assert_eq!(self.at(n), (MemberPhase::Running, None));
    }

    fn at(&self, n: u8) -> (MemberPhase, Option<ReasonCode>) {
        let member = self.party.member(&run(n)).expect("the member is held");
        (member.phase, member.reason.as_ref().map(|r| r.code))
    }
}

#[test]
fn a_first_reservation_holds_at_once_and_is_written_before() {
    let mut test = Test::new();
    let out = test.wish(1, 1, 2, DesiredPhase::Reserved);
    assert_eq!(out.actions, [Action::Hold(key(1, 1))]);
    assert!(out.write.contains_key(&run(1)));
    assert!(out.reports.is_empty(), "one round trip: nothing is said until ports are held");
    let out = test.see(1, 1, held());
    assert_eq!(out.reports.len(), 1);
    assert!(out.write.is_empty(), "the runtime would tell it again");
    assert_eq!(test.at(1), (MemberPhase::Reserved, None));
}

#[test]
fn a_wish_of_an_older_attempt_or_generation_is_ignored() {
    let mut test = Test::new();
    test.wish(1, 2, 5, DesiredPhase::Reserved);
    test.see(1, 2, held());
    for (attempt, generation) in [(1, 9), (2, 4), (2, 5)] {
        assert_eq!(
            test.wish(1, attempt, generation, DesiredPhase::Admitted),
            Transition::default()
        );
    }
    assert_eq!(test.at(1), (MemberPhase::Reserved, None));
}

#[test]
fn a_stop_is_obeyed_whatever_round_the_hub_believes_in() {
    let mut test = Test::new();
    test.wish(1, 5, 9, DesiredPhase::Reserved);
    test.see(1, 5, held());
    assert_eq!(test.stop(1, 1, 2).actions, [Action::Stop(key(1, 5), 7)]);
    test.see(1, 5, WorkState::Absent);
    assert_eq!(test.at(1), (MemberPhase::Stopped, Some(ReasonCode::StopRequested)));
}

#[test]
fn nothing_starts_without_a_hold_of_the_very_same_attempt() {
    let mut test = Test::new();
    test.wish(1, 1, 2, DesiredPhase::Reserved);
    test.see(1, 1, held());
    let out = test.wish(1, 2, 3, DesiredPhase::Running);
    assert_eq!(out.actions, [Action::Stop(key(1, 1), 7)], "the older hold goes, nothing starts");
    assert_eq!(test.at(1).0, MemberPhase::Admitted, "not final while the old hold may be alive");
    test.see(1, 1, WorkState::Absent);
    assert_eq!(test.at(1), (MemberPhase::Failed, Some(ReasonCode::HoldExpired)));
}

#[test]
fn a8_a_run_that_neither_journal_nor_runtime_knows_is_answered_and_leaves_no_trace() {
    for desired in [DesiredPhase::Running, DesiredPhase::Stopped] {
        let mut test = Test::new();
        let bindings = BTreeMap::from([("x".to_owned(), "y".to_owned())]);
        let invented = DesiredMember { bindings, ..wish(1, 1, 3, desired) };
        let out = test.hear(Input::DesiredReceived(
            invented,
            (desired == DesiredPhase::Running).then(|| Admission::Admit(needs(100))),
        ));
        assert_eq!(
            out,
            Transition { reports: [run(1)].into(), ..Transition::default() },
            "nothing is written or done"
        );
        assert_eq!(test.at(1), (MemberPhase::Failed, Some(ReasonCode::AgentStateLost)));
        assert!(test.party.member(&run(1)).is_some_and(|member| member.bindings.is_empty()));
        // A delayed older desired member starts nothing, and a newer incarnation causes no write.
        assert_eq!(test.wish(1, 1, 2, DesiredPhase::Reserved), Transition::default());
        assert_eq!(test.hear(Input::Connected { incarnation: 2 }), Transition::default());
        let (mut next, out) = MemberSet::restore(Vec::new(), NO_LIMIT, 600, 100, 1, moment(NOW));
        assert_eq!(out, Transition::default());
        let mut again = Transition::default();
        next.apply(Input::DesiredReceived(wish(1, 1, 3, desired), None), moment(NOW), &mut again);
        assert_eq!(
            again.reports.len(),
            1,
            "a process that knows nothing of the first answer gives it again"
        );
        assert_eq!(
            test.hear(Input::ReportAcked { run: run(1), attempt: 1, settled: true }),
            Transition::default()
        );
        assert!(test.party.member(&run(1)).is_none());
        // A delayed desired member that arrives after the acknowledgement starts nothing either.
        let out = test.wish(1, 1, 2, DesiredPhase::Reserved);
        assert_eq!(out, Transition { reports: [run(1)].into(), ..Transition::default() });
        assert_eq!(test.at(1), (MemberPhase::Failed, Some(ReasonCode::AgentStateLost)));
    }
}

#[test]
fn a_run_nobody_remembers_is_never_started_and_work_that_the_runtime_found_is_seen_dead_first() {
    for desired in [DesiredPhase::Running, DesiredPhase::Stopped] {
        let mut test = Test::new();
        assert_eq!(test.see(1, 1, WorkState::Running).actions, [Action::Stop(key(1, 1), 0)]);
        test.wish(1, 1, 3, desired);
        assert_eq!(test.at(1).0, MemberPhase::Pending);
        test.see(1, 1, WorkState::Absent);
        assert_eq!(test.at(1), (MemberPhase::Failed, Some(ReasonCode::AgentStateLost)));
        let out = test.hear(Input::ReportAcked { run: run(1), attempt: 1, settled: true });
        assert!(out.write[&run(1)].settled, "what the runtime knew is remembered");
    }
}

#[test]
fn an_orphan_nobody_knows_on_either_side_is_nothing() {
    let mut test = Test::new();
    let orphan = DesiredMember { orphan: true, ..wish(1, 1, 3, DesiredPhase::Stopped) };
    assert_eq!(test.hear(Input::DesiredReceived(orphan, None)), Transition::default());
}

#[test]
fn a_success_outranks_a_stop_that_came_before_it_was_seen() {
    let mut test = Test::new();
    test.start(1);
    test.stop(1, 1, 4);
    assert_eq!(
        test.at(1).0,
        MemberPhase::Running,
        "nothing is said to have ended while it may be alive"
    );
    test.see(1, 1, exited(Some(0), None, None));
    assert_eq!(test.at(1), (MemberPhase::Succeeded, None));
}

#[test]
fn every_way_to_end_has_its_reason() {
    let by_itself = [
        (exited(Some(0), None, None), (MemberPhase::Succeeded, None)),
        (exited(Some(71), None, None), (MemberPhase::Failed, Some(ReasonCode::PeerLost))),
        (exited(Some(3), None, None), (MemberPhase::Failed, Some(ReasonCode::ExitNonzero))),
        (exited(None, Some(9), None), (MemberPhase::Failed, Some(ReasonCode::ExitSignal))),
        (
            exited(None, Some(9), Some(ReasonCode::MaxRuntimeExceeded)),
            (MemberPhase::Failed, Some(ReasonCode::MaxRuntimeExceeded)),
        ),
        (
            exited(None, Some(15), Some(ReasonCode::StopRequested)),
            (MemberPhase::Stopped, Some(ReasonCode::StopRequested)),
        ),
        (
            WorkState::Lost(Reason::new(ReasonCode::SidecarLost, "gone")),
            (MemberPhase::Failed, Some(ReasonCode::SidecarLost)),
        ),
    ];
    for (state, end) in by_itself {
        let mut test = Test::new();
        test.start(1);
        test.see(1, 1, state.clone());
        assert_eq!(test.at(1), end, "{state:?}");
    }
    let mut test = Test::new();
    test.start(1);
    test.stop(1, 1, 4);
    test.see(1, 1, exited(None, Some(15), None));
    assert_eq!(
        test.at(1),
        (MemberPhase::Stopped, Some(ReasonCode::StopRequested)),
        "a signal after a stop is the stop"
    );
}

#[test]
fn a_released_member_says_so_for_a_hub_that_forgets() {
    let mut test = Test::new();
    test.wish(1, 1, 2, DesiredPhase::Reserved);
    test.see(1, 1, held());
    test.hear(Input::DesiredReceived(
        DesiredMember { released: true, ..wish(1, 1, 3, DesiredPhase::Stopped) },
        None,
    ));
    test.see(1, 1, WorkState::Absent);
    assert_eq!(test.at(1), (MemberPhase::Stopped, Some(ReasonCode::Released)));
}

#[test]
fn f16_l6_a_newer_run_of_a_task_waits_until_the_older_is_proven_dead() {
    let mut test = Test::new();
    test.start(1);
    assert_eq!(test.wish(2, 1, 2, DesiredPhase::Reserved).actions, []);
    assert_eq!(test.at(2), (MemberPhase::Admitted, Some(ReasonCode::PreviousRunStopping)));
    test.stop(1, 1, 4);
    assert_eq!(test.at(2).0, MemberPhase::Admitted);
    let out = test.see(1, 1, exited(None, Some(15), None));
    assert_eq!(out.actions, [Action::Hold(key(2, 1))]);
}

#[test]
fn what_the_party_offers_is_shared_and_never_exceeded() {
    let other_task = |n: u8| DesiredMember {
        task: format!("{:032x}", 100 + u32::from(n)).parse().unwrap(),
        ..wish(n, 1, 2, DesiredPhase::Reserved)
    };
    let mut test = Test::offering(Resources { cpu_millis: 1000, memory_mib: 0 });
    let admit = |cpu| Some(Admission::Admit(needs(cpu)));
    assert_eq!(test.hear(Input::DesiredReceived(other_task(1), admit(700))).actions.len(), 1);
    assert_eq!(test.hear(Input::DesiredReceived(other_task(2), admit(400))).actions, []);
    assert_eq!(test.at(2), (MemberPhase::Admitted, Some(ReasonCode::ResourcesExhausted)));
    test.hear(Input::DesiredReceived(other_task(3), admit(1001)));
    assert_eq!(
        test.at(3),
        (MemberPhase::Refused, Some(ReasonCode::ResourcesExhausted)),
        "it never will fit"
    );
    test.see(1, 1, held());
    test.hear(Input::DesiredReceived(
        DesiredMember { phase: DesiredPhase::Stopped, generation: 3, ..other_task(1) },
        None,
    ));
    assert_eq!(test.see(1, 1, WorkState::Absent).actions, [Action::Hold(key(2, 1))]);
}

#[test]
fn a_key_is_held_once_a_lost_hold_waits_for_the_next_round() {
    let mut test = Test::new();
    test.wish(1, 1, 2, DesiredPhase::Reserved);
    test.see(1, 1, held());
    test.see(1, 1, WorkState::Absent);
    assert_eq!(test.at(1), (MemberPhase::Admitted, Some(ReasonCode::HoldExpired)));
    assert_eq!(test.wish(1, 1, 3, DesiredPhase::Reserved).actions, []);
    assert_eq!(test.wish(1, 2, 4, DesiredPhase::Reserved).actions, [Action::Hold(key(1, 2))]);
}

#[test]
fn a_hold_expires_only_without_the_hub_and_only_after_its_time() {
    let mut test = Test::new();
    test.wish(1, 1, 2, DesiredPhase::Reserved);
    test.see(1, 1, held());
    assert_eq!(test.party.next_due(), None, "a connected agent keeps it until told");
    test.hear(Input::Disconnected);
    assert_eq!(test.party.next_due(), Some(moment(NOW.plus_secs(600)).monotonic));
    test.now = NOW.plus_secs(599);
    assert_eq!(test.hear(Input::Tick), Transition::default());
    test.now = NOW.plus_secs(600);
    assert_eq!(test.hear(Input::Tick).actions, [Action::Stop(key(1, 1), 7)]);
    assert_eq!(test.at(1), (MemberPhase::Admitted, Some(ReasonCode::HoldExpired)));
}

#[test]
fn a7_the_wall_clock_neither_lets_a_hold_go_nor_keeps_it() {
    for set_to in [NOW.plus_secs(10 * 86_400), Timestamp(0)] {
        let mut test = Test::new();
        test.wish(1, 1, 2, DesiredPhase::Reserved);
        test.see(1, 1, held());
        test.hear(Input::Disconnected);
        let at =
            |seconds| Moment { wall: set_to, monotonic: moment(NOW.plus_secs(seconds)).monotonic };
        let mut out = Transition::default();
        test.party.apply(Input::Tick, at(599), &mut out);
        assert_eq!(out, Transition::default());
        test.party.apply(Input::Tick, at(600), &mut out);
        assert_eq!(out.actions, [Action::Stop(key(1, 1), 7)]);
    }
}

#[test]
fn b6_an_agent_that_did_not_run_has_the_whole_time_to_hear_its_hub_before_a_hold_is_let_go() {
    let mut test = Test::new();
    test.wish(1, 1, 2, DesiredPhase::Reserved);
    test.see(1, 1, held());
    test.hear(Input::Resumed);
    assert_eq!(test.party.next_due(), None, "connected as before");
    test.hear(Input::Disconnected);
    test.now = NOW.plus_secs(5_000);
    assert_eq!(test.hear(Input::Resumed), Transition::default());
    assert_eq!(test.hear(Input::Tick), Transition::default());
    test.now = NOW.plus_secs(5_600);
    assert_eq!(test.hear(Input::Tick).actions, [Action::Stop(key(1, 1), 7)]);
}

#[test]
fn a_policy_that_asks_is_asked_again_when_it_changes() {
    let mut test = Test::new();
    let ask = || Admission::Ask(needs(1), Reason::new(ReasonCode::ApprovalRequired, "ask"));
    test.hear(Input::DesiredReceived(wish(1, 1, 2, DesiredPhase::Reserved), Some(ask())));
    assert_eq!(test.at(1), (MemberPhase::WaitingApproval, Some(ReasonCode::ApprovalRequired)));
    assert_eq!(
        test.hear(Input::AdmissionChanged(run(1), Admission::Admit(needs(1)))).actions,
        [Action::Hold(key(1, 1))]
    );
    test.see(1, 1, held());
    assert_eq!(
        test.hear(Input::AdmissionChanged(run(1), ask())).actions,
        [Action::Stop(key(1, 1), 7)],
        "no longer allowed: no longer held"
    );
    assert_eq!(test.at(1).0, MemberPhase::WaitingApproval);
}

#[test]
fn what_runs_is_not_judged_again() {
    let mut test = Test::new();
    test.start(1);
    let deny = Admission::Refuse(Reason::new(ReasonCode::PolicyDenied, "no"));
    assert_eq!(test.hear(Input::AdmissionChanged(run(1), deny)), Transition::default());
}

#[test]
fn a_spec_exchanged_between_reservation_and_start_is_refused() {
    let mut test = Test::new();
    test.wish(1, 1, 2, DesiredPhase::Reserved);
    test.see(1, 1, held());
    let other = DesiredMember {
        digest: Some(Digest::of(b"another")),
        ..wish(1, 1, 3, DesiredPhase::Running)
    };
    let out = test.hear(Input::DesiredReceived(other, Some(Admission::Admit(needs(1)))));
    assert_eq!(out.actions, [Action::Stop(key(1, 1), 7)]);
    test.see(1, 1, WorkState::Absent);
    assert_eq!(test.at(1), (MemberPhase::Refused, Some(ReasonCode::SpecInvalid)));
}

#[test]
fn a_settled_member_leaves_and_its_proof_may_go() {
    let mut test = Test::new();
    test.start(1);
    test.see(1, 1, exited(Some(0), None, None));
    let out = test.hear(Input::ReportAcked { run: run(1), attempt: 1, settled: true });
    assert!(out.write[&run(1)].settled);
    assert_eq!(out.actions, [Action::Forget(key(1, 1))]);
    assert!(test.party.member(&run(1)).is_none());
    assert_eq!(
        test.see(1, 1, exited(Some(0), None, None)).actions,
        [Action::Forget(key(1, 1))],
        "told again after a restart"
    );
}

#[test]
fn what_the_hub_has_closed_is_ended_here_too() {
    let mut test = Test::new();
    test.start(1);
    assert_eq!(
        test.hear(Input::ReportAcked { run: run(1), attempt: 1, settled: true }).actions,
        [Action::Stop(key(1, 1), 7)]
    );
    test.see(1, 1, WorkState::Absent);
    assert_eq!(test.at(1).0, MemberPhase::Stopped);
}

#[test]
fn a_full_disk_keeps_new_work_out_undoes_what_was_not_written_and_still_stops() {
    let mut test = Test::new();
    test.wish(1, 1, 2, DesiredPhase::Reserved);
    test.see(1, 1, held());
    let start = test.wish(1, 1, 3, DesiredPhase::Running).actions;
    let out = test.hear(Input::WriteFailed(start));
    assert_eq!(out.actions, [Action::Stop(key(1, 1), 7)]);
    test.see(1, 1, WorkState::Absent);
    assert_eq!(test.at(1), (MemberPhase::Failed, Some(ReasonCode::AgentDiskFull)));
    assert_eq!(test.wish(2, 1, 2, DesiredPhase::Reserved).actions, []);
    assert_eq!(test.at(2), (MemberPhase::Admitted, Some(ReasonCode::AgentDiskFull)));
    assert_eq!(test.hear(Input::WriteRecovered).actions, [Action::Hold(key(2, 1))]);
}

#[test]
fn a_restored_hub_may_count_its_wishes_anew() {
    let mut test = Test::new();
    test.wish(1, 1, 8, DesiredPhase::Reserved);
    test.see(1, 1, held());
    test.hear(Input::Disconnected);
    test.hear(Input::Connected { incarnation: 2 });
    test.wish(1, 1, 3, DesiredPhase::Admitted);
    assert_eq!(test.at(1), (MemberPhase::Admitted, None));
}

#[test]
fn what_the_runtime_knows_and_nobody_asked_for_is_stopped_or_forgotten() {
    let mut test = Test::new();
    assert_eq!(test.see(9, 1, WorkState::Running).actions, [Action::Stop(key(9, 1), 0)]);
    assert_eq!(test.see(9, 1, WorkState::Running).actions, [], "once");
    assert_eq!(test.see(8, 1, exited(Some(0), None, None)).actions, [Action::Forget(key(8, 1))]);
}

#[test]
fn a_new_process_asks_again_for_what_was_under_way() {
    let mut test = Test::new();
    let holding = test.wish(1, 1, 2, DesiredPhase::Reserved).write;
    test.see(1, 1, held());
    let started = test.wish(1, 1, 3, DesiredPhase::Running).write;
    let stopping = test.stop(1, 1, 4).write;
    for (journal, again) in [
        (holding, Action::Hold(key(1, 1))),
        (started, Action::Start(key(1, 1))),
        (stopping, Action::Stop(key(1, 1), 7)),
    ] {
        let (_, out) =
            MemberSet::restore(journal.into_values().collect(), NO_LIMIT, 600, 100, 1, moment(NOW));
        assert_eq!(out.actions, [again]);
    }
}

/// The desired member of run `n` of task `n`: no other run belongs to its task.
fn lone(n: u16, generation: u64, desired: DesiredPhase) -> DesiredMember {
    let id = format!("{n:032x}");
    DesiredMember {
        run: id.parse().unwrap(),
        task: id.parse().unwrap(),
        ..wish(0, 1, generation, desired)
    }
}

#[test]
fn more_members_than_an_agent_holds_are_answered_and_not_kept() {
    let mut test = Test::new();
    let admit = || Some(Admission::Admit(needs(1)));
    let most = u16::try_from(MEMBERS_MAX).unwrap();
    for n in 0..most {
        let out = test.hear(Input::DesiredReceived(lone(n, 2, DesiredPhase::Reserved), admit()));
        assert_eq!((out.actions.len(), out.rejected.len()), (1, 0));
    }
    let mut sequence = test.party.sequence();
    for (desired, phase, code, words) in [
        (
            DesiredPhase::Reserved,
            MemberPhase::Refused,
            ReasonCode::ResourcesExhausted,
            "256 members",
        ),
        (
            DesiredPhase::Admitted,
            MemberPhase::Refused,
            ReasonCode::ResourcesExhausted,
            "256 members",
        ),
        (
            DesiredPhase::Running,
            MemberPhase::Failed,
            ReasonCode::AgentStateLost,
            "does not know the run",
        ),
        (
            DesiredPhase::Stopped,
            MemberPhase::Failed,
            ReasonCode::AgentStateLost,
            "does not know the run",
        ),
    ] {
        let one_more = lone(most, 2, desired);
        let out = test.hear(Input::DesiredReceived(one_more.clone(), admit()));
        let [told] = out.rejected.as_slice() else { panic!("{out:?}") };
        assert_eq!((&told.run, told.phase), (&one_more.run, phase));
        assert!(
            told.reason.as_ref().is_some_and(|why| why.code == code && why.message.contains(words)),
            "{told:?}"
        );
        assert!(told.sequence > sequence, "each answer is newer than what was said before");
        sequence = told.sequence;
        assert_eq!(
            Transition { rejected: Vec::new(), ..out },
            Transition::default(),
            "nothing is written, done or remembered"
        );
        assert!(test.party.member(&one_more.run).is_none());
    }
    // The agent reports the end of a settled member again, but does not return it to a full set.
    let old = Member {
        phase: MemberPhase::Succeeded,
        settled: true,
        ..Member::new(&lone(999, 2, DesiredPhase::Running))
    };
    let mut out = Transition::default();
    assert!(!test.party.restore_settled(old, &mut out));
    assert_eq!((out.rejected[0].phase, out.write.len()), (MemberPhase::Succeeded, 0));

    // Members in the set are still reconciled, and a settled one leaves its place to another.
    let first = lone(0, 3, DesiredPhase::Stopped);
    let key = WorkKey { run: first.run.clone(), attempt: 1 };
    assert_eq!(
        test.hear(Input::DesiredReceived(first.clone(), None)).actions,
        [Action::Stop(key.clone(), 7)]
    );
    test.hear(Input::WorkObserved(key, WorkState::Absent));
    test.hear(Input::ReportAcked { run: first.run, attempt: 1, settled: true });
    assert_eq!(
        test.hear(Input::DesiredReceived(lone(most, 2, DesiredPhase::Reserved), admit()))
            .actions
            .len(),
        1
    );
}

#[test]
fn a_spec_that_wants_too_many_ports_is_refused_whether_it_is_allowed_or_asked_for() {
    let wants =
        |count: usize| Needs { ports: (0..count).map(|n| format!("p{n}")).collect(), ..needs(1) };
    let ask = |needs| Admission::Ask(needs, Reason::new(ReasonCode::ApprovalRequired, "ask"));
    for verdict in
        [Admission::Admit(wants(PORTS_PER_MEMBER_MAX + 1)), ask(wants(PORTS_PER_MEMBER_MAX + 1))]
    {
        let mut test = Test::new();
        let out =
            test.hear(Input::DesiredReceived(wish(1, 1, 2, DesiredPhase::Reserved), Some(verdict)));
        assert_eq!(
            (out.actions.as_slice(), test.at(1)),
            (&[][..], (MemberPhase::Refused, Some(ReasonCode::SpecInvalid)))
        );
        let reason = test.party.member(&run(1)).and_then(|m| m.reason.clone()).unwrap();
        assert!(
            reason.message.contains("17 ports") && reason.message.contains("at most 16"),
            "{reason}"
        );
    }
    let mut test = Test::new();
    let out = test.hear(Input::DesiredReceived(
        wish(1, 1, 2, DesiredPhase::Reserved),
        Some(Admission::Admit(wants(PORTS_PER_MEMBER_MAX))),
    ));
    assert_eq!(out.actions, [Action::Hold(key(1, 1))]);
}

#[test]
fn values_for_a_start_are_kept_with_a_start_and_no_longer_than_that() {
    let bindings = || BTreeMap::from([("x".to_owned(), "y".repeat(1000))]);
    let mut test = Test::new();
    let kept = |test: &Test| test.party.member(&run(1)).is_some_and(|m| !m.bindings.is_empty());
    test.hear(Input::DesiredReceived(
        DesiredMember { bindings: bindings(), ..wish(1, 1, 2, DesiredPhase::Reserved) },
        Some(Admission::Admit(needs(1))),
    ));
    assert!(!kept(&test));
    test.see(1, 1, held());
    test.hear(Input::DesiredReceived(
        DesiredMember { bindings: bindings(), ..wish(1, 1, 3, DesiredPhase::Running) },
        Some(Admission::Admit(needs(1))),
    ));
    assert!(kept(&test));
    test.see(1, 1, exited(Some(0), None, None));
    assert!(!kept(&test));
}

#[test]
fn a10_values_for_a_start_that_is_refused_are_not_kept() {
    let bindings = BTreeMap::from([("x".to_owned(), "y".repeat(100_000))]);
    let mut test = Test::new();
    test.wish(1, 1, 2, DesiredPhase::Reserved);
    test.see(1, 1, held());
    let refused =
        Admission::Refuse(Reason::new(ReasonCode::BindingsInvalid, "not a hole of the spec"));
    let out = test.hear(Input::DesiredReceived(
        DesiredMember { bindings, ..wish(1, 1, 3, DesiredPhase::Running) },
        Some(refused),
    ));
    assert_eq!(out.actions, [Action::Stop(key(1, 1), 7)]);
    assert!(
        out.write[&run(1)].bindings.is_empty(),
        "the journal must not hold them while the hold is let go"
    );
}

#[test]
fn a_start_is_remembered_to_the_end_and_one_that_never_came_is_not_claimed() {
    let started = |test: &Test| test.party.member(&run(1)).is_some_and(|m| m.started);
    let mut test = Test::new();
    test.start(1);
    test.stop(1, 1, 4);
    test.see(1, 1, WorkState::Absent);
    assert!(test.at(1).0.is_terminal() && started(&test));

    let mut test = Test::new();
    test.wish(1, 1, 2, DesiredPhase::Reserved);
    test.see(1, 1, held());
    let start = test.wish(1, 1, 3, DesiredPhase::Running).actions;
    assert!(started(&test));
    test.hear(Input::WriteFailed(start));
    test.see(1, 1, WorkState::Absent);
    assert!(
        test.at(1).0.is_terminal() && !started(&test),
        "a start that could not be written down was not done"
    );
}

#[test]
fn a_live_member_is_as_old_as_the_hub_that_last_wished_something_of_it() {
    let mut test = Test::new();
    test.start(1);
    test.hear(Input::DesiredReceived(
        lone(2, 2, DesiredPhase::Reserved),
        Some(Admission::Admit(needs(1))),
    ));
    assert_eq!(test.party.oldest_incarnation(), 1);
    test.hear(Input::Disconnected);
    // The hub was restored from a backup that contains only the first run.
    test.hear(Input::Connected { incarnation: 2 });
    let out = test.wish(1, 1, 3, DesiredPhase::Running);
    assert_eq!(
        out.write.get(&run(1)).map(|m| m.incarnation),
        Some(2),
        "durable before anything is concluded from it"
    );
    assert_eq!(test.party.oldest_incarnation(), 1, "of the other this hub has not spoken");

    // The incarnation of a member survives a crash.
    let members: Vec<Member> = test.party.members().cloned().collect();
    let (party, _) = MemberSet::restore(members, NO_LIMIT, 600, 100, 2, moment(NOW));
    assert_eq!(party.oldest_incarnation(), 1);

    // A stop as an orphan does not renew the incarnation; an ended member no longer counts.
    let orphan = DesiredMember { orphan: true, ..lone(2, 3, DesiredPhase::Stopped) };
    test.hear(Input::DesiredReceived(orphan.clone(), None));
    assert_eq!(test.party.oldest_incarnation(), 1);
    test.hear(Input::WorkObserved(WorkKey { run: orphan.run, attempt: 1 }, WorkState::Absent));
    assert_eq!(test.party.oldest_incarnation(), 2);
}

#[test]
fn why_a_running_member_is_not_seen_is_its_reason_until_it_is_seen_again() {
    let mut test = Test::new();
    test.start(1);
    let unseen =
        || WorkState::Unseen(Reason::new(ReasonCode::RuntimeError, "its node does not answer"));
    let out = test.see(1, 1, unseen());
    assert_eq!(
        (out.reports.len(), out.actions, out.write.len()),
        (1, Vec::new(), 0),
        "told, and no cause for anything"
    );
    assert_eq!(test.at(1), (MemberPhase::Running, Some(ReasonCode::RuntimeError)));
    assert!(test.see(1, 1, unseen()).reports.is_empty(), "once");
    assert_eq!(test.see(1, 1, WorkState::Running).reports.len(), 1);
    assert_eq!(test.at(1), (MemberPhase::Running, None));
    let unreachable = Reason::new(ReasonCode::RuntimeError, "its route was taken away");
    test.see(1, 1, WorkState::Starting { reason: Some(unreachable) });
    assert_eq!(
        test.at(1),
        (MemberPhase::Running, Some(ReasonCode::RuntimeError)),
        "it never goes back to starting"
    );

    // A member that is being stopped reports why it is still alive: an unseen workload is not
    // proven dead.
    assert_eq!(test.stop(1, 1, 4).actions, [Action::Stop(key(1, 1), 7)]);
    test.see(1, 1, WorkState::Running);
    assert_eq!(test.see(1, 1, unseen()).reports.len(), 1);
    assert_eq!(test.at(1), (MemberPhase::Running, Some(ReasonCode::RuntimeError)));
    test.see(1, 1, exited(Some(143), None, Some(ReasonCode::StopRequested)));
    assert_eq!(test.at(1), (MemberPhase::Stopped, Some(ReasonCode::StopRequested)));

    assert_eq!(
        test.see(9, 1, unseen()).actions,
        [Action::Stop(key(9, 1), 0)],
        "nobody's work is ended, seen or not"
    );
}

#[test]
fn why_a_request_does_not_work_yet_comes_before_what_led_to_it_and_goes_with_it() {
    let mut test = Test::new();
    test.start(1);
    let away = || {
        Input::RequestDelayed(key(1, 1), Some(Reason::new(ReasonCode::RuntimeError, "no answer")))
    };
    let told = |test: &Test| {
        test.party
            .member(&run(1))
            .and_then(|m| m.reported_reason().map(|reason| reason.message.clone()))
    };
    let pulling = || WorkState::Unseen(Reason::new(ReasonCode::Unschedulable, "no node"));
    test.see(1, 1, pulling());
    let out = test.hear(away());
    assert_eq!((out.reports.len(), out.actions, out.write.len()), (1, Vec::new(), 0));
    assert_eq!(told(&test).as_deref(), Some("no answer"));
    assert_eq!(test.hear(away()), Transition::default(), "nothing new");
    assert_eq!(
        test.hear(Input::RequestDelayed(key(1, 2), None)),
        Transition::default(),
        "another round's"
    );
    assert_eq!(test.hear(Input::RequestDelayed(key(1, 1), None)).reports.len(), 1);
    assert_eq!(told(&test).as_deref(), Some("no node"));
    test.hear(away());
    test.see(1, 1, exited(Some(0), None, None));
    assert_eq!(told(&test), None, "it has ended");
    assert_eq!(test.hear(away()), Transition::default());
}
