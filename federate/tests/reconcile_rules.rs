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
fn desired_member(n: u8, attempt: u32, generation: u64, desired: DesiredPhase) -> DesiredMember {
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
        task_name: String::new(),
        run_number: 0,
    }
}

fn needs(cpu_millis: u32) -> Needs {
    Needs { resources: Resources { cpu_millis, memory_mib: 0 }, grace_s: 7, ..Needs::default() }
}

fn held() -> WorkState {
    WorkState::Held(Held::on_loopback(BTreeMap::from([("grpc".to_owned(), 4000)])))
}

fn exited(code: Option<i32>, signal: Option<i32>, reason: Option<ReasonCode>) -> WorkState {
    let reason = reason.map(|code| Reason::new(code, "reported by the sidecar"));
    WorkState::Exited(Exit {
        code,
        signal,
        reason,
        last_lines: Vec::new(),
        started_at: NOW,
        finished_at: NOW,
    })
}

impl Test {
    fn new() -> Self {
        Self::offering(NO_LIMIT)
    }

    fn offering(capacity: Resources) -> Self {
        let (party, out) = MemberSet::restore(Vec::new(), capacity, 600, 0, 1, moment(NOW));
        assert_eq!(out, Transition::default());
        let mut test = Self { party, now: NOW };
        test.apply(Input::Connected { incarnation: 1 });
        test
    }

    fn apply(&mut self, input: Input) -> Transition {
        let mut out = Transition::default();
        self.party.apply(input, moment(self.now), &mut out);
        // The log has tests of its own.
        out.steps.clear();
        out
    }

    fn desire(
        &mut self,
        n: u8,
        attempt: u32,
        generation: u64,
        desired: DesiredPhase,
    ) -> Transition {
        self.apply(Input::DesiredReceived(
            desired_member(n, attempt, generation, desired),
            Some(Admission::Admit(needs(100))),
        ))
    }

    fn stop(&mut self, n: u8, attempt: u32, generation: u64) -> Transition {
        self.apply(Input::DesiredReceived(
            desired_member(n, attempt, generation, DesiredPhase::Stopped),
            None,
        ))
    }

    fn observe(&mut self, n: u8, attempt: u32, state: WorkState) -> Transition {
        self.apply(Input::WorkObserved(key(n, attempt), state))
    }

    /// Brings run `n` to `Running` in attempt 1.
    fn start(&mut self, n: u8) {
        self.desire(n, 1, 2, DesiredPhase::Reserved);
        self.observe(n, 1, held());
        assert_eq!(self.desire(n, 1, 3, DesiredPhase::Running).actions, [Action::Start(key(n, 1))]);
        self.observe(n, 1, WorkState::Running);
        assert_eq!(self.at(n), (MemberPhase::Running, None));
    }

    fn at(&self, n: u8) -> (MemberPhase, Option<ReasonCode>) {
        let member = self.party.member(&run(n)).expect("the member is held");
        (member.phase, member.reason.as_ref().map(|r| r.code))
    }
}

#[test]
fn first_reservation_is_journaled_and_held_without_delay() {
    let mut test = Test::new();
    let out = test.desire(1, 1, 2, DesiredPhase::Reserved);
    assert_eq!(out.actions, [Action::Hold(key(1, 1))]);
    assert!(out.write.contains_key(&run(1)));
    assert!(out.reports.is_empty(), "one round trip: nothing is reported until ports are held");
    let out = test.observe(1, 1, held());
    assert_eq!(out.reports.len(), 1);
    assert!(out.write.is_empty(), "the runtime would report it again");
    assert_eq!(test.at(1), (MemberPhase::Reserved, None));
}

#[test]
fn desired_member_of_an_older_attempt_or_generation_is_ignored() {
    let mut test = Test::new();
    test.desire(1, 2, 5, DesiredPhase::Reserved);
    test.observe(1, 2, held());
    for (attempt, generation) in [(1, 9), (2, 4), (2, 5)] {
        assert_eq!(
            test.desire(1, attempt, generation, DesiredPhase::Admitted),
            Transition::default()
        );
    }
    assert_eq!(test.at(1), (MemberPhase::Reserved, None));
}

#[test]
fn stop_of_any_attempt_is_applied() {
    let mut test = Test::new();
    test.desire(1, 5, 9, DesiredPhase::Reserved);
    test.observe(1, 5, held());
    assert_eq!(test.stop(1, 1, 2).actions, [Action::Stop(key(1, 5), 7)]);
    test.observe(1, 5, WorkState::Absent);
    assert_eq!(test.at(1), (MemberPhase::Stopped, Some(ReasonCode::StopRequested)));
}

#[test]
fn start_needs_a_hold_of_the_same_attempt() {
    let mut test = Test::new();
    test.desire(1, 1, 2, DesiredPhase::Reserved);
    test.observe(1, 1, held());
    let out = test.desire(1, 2, 3, DesiredPhase::Running);
    assert_eq!(
        out.actions,
        [Action::Stop(key(1, 1), 7)],
        "the older hold is stopped, nothing starts"
    );
    assert_eq!(test.at(1).0, MemberPhase::Admitted, "not final while the old hold may be alive");
    test.observe(1, 1, WorkState::Absent);
    assert_eq!(test.at(1), (MemberPhase::Failed, Some(ReasonCode::HoldExpired)));
}

#[test]
fn a8_run_unknown_to_journal_and_runtime_is_answered_and_not_stored() {
    for desired in [DesiredPhase::Running, DesiredPhase::Stopped] {
        let mut test = Test::new();
        let bindings = BTreeMap::from([("x".to_owned(), "y".to_owned())]);
        let invented = DesiredMember { bindings, ..desired_member(1, 1, 3, desired) };
        let out = test.apply(Input::DesiredReceived(
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
        assert_eq!(test.desire(1, 1, 2, DesiredPhase::Reserved), Transition::default());
        assert_eq!(test.apply(Input::Connected { incarnation: 2 }), Transition::default());
        let (mut next, out) = MemberSet::restore(Vec::new(), NO_LIMIT, 600, 100, 1, moment(NOW));
        assert_eq!(out, Transition::default());
        let mut again = Transition::default();
        next.apply(
            Input::DesiredReceived(desired_member(1, 1, 3, desired), None),
            moment(NOW),
            &mut again,
        );
        assert_eq!(again.reports.len(), 1, "a new process gives the same answer");
        assert_eq!(
            test.apply(Input::ReportAcked { run: run(1), attempt: 1, settled: true }),
            Transition::default()
        );
        assert!(test.party.member(&run(1)).is_none());
        // A delayed desired member that arrives after the acknowledgement starts nothing either.
        let out = test.desire(1, 1, 2, DesiredPhase::Reserved);
        assert_eq!(out, Transition { reports: [run(1)].into(), ..Transition::default() });
        assert_eq!(test.at(1), (MemberPhase::Failed, Some(ReasonCode::AgentStateLost)));
    }
}

#[test]
fn unknown_run_is_never_started_and_settles_only_after_its_workload_ended() {
    for desired in [DesiredPhase::Running, DesiredPhase::Stopped] {
        let mut test = Test::new();
        assert_eq!(test.observe(1, 1, WorkState::Running).actions, [Action::Stop(key(1, 1), 0)]);
        test.desire(1, 1, 3, desired);
        assert_eq!(test.at(1).0, MemberPhase::Pending);
        test.observe(1, 1, WorkState::Absent);
        assert_eq!(test.at(1), (MemberPhase::Failed, Some(ReasonCode::AgentStateLost)));
        let out = test.apply(Input::ReportAcked { run: run(1), attempt: 1, settled: true });
        assert!(out.write[&run(1)].settled, "the outcome of the runtime is recorded");
    }
}

#[test]
fn unknown_orphan_has_no_effect() {
    let mut test = Test::new();
    let orphan = DesiredMember { orphan: true, ..desired_member(1, 1, 3, DesiredPhase::Stopped) };
    assert_eq!(test.apply(Input::DesiredReceived(orphan, None)), Transition::default());
}

#[test]
fn success_takes_precedence_over_an_earlier_stop() {
    let mut test = Test::new();
    test.start(1);
    test.stop(1, 1, 4);
    assert_eq!(
        test.at(1).0,
        MemberPhase::Running,
        "no end is reported while the workload may be alive"
    );
    test.observe(1, 1, exited(Some(0), None, None));
    assert_eq!(test.at(1), (MemberPhase::Succeeded, None));
}

#[test]
fn every_end_has_a_reason() {
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
        test.observe(1, 1, state.clone());
        assert_eq!(test.at(1), end, "{state:?}");
    }
    let mut test = Test::new();
    test.start(1);
    test.stop(1, 1, 4);
    test.observe(1, 1, exited(None, Some(15), None));
    assert_eq!(
        test.at(1),
        (MemberPhase::Stopped, Some(ReasonCode::StopRequested)),
        "a signal after a stop counts as the stop"
    );
}

#[test]
fn u8_lost_peer_is_named_with_its_address_and_only_a_failure_keeps_lines() {
    let started_with = |addresses: &[(&str, &str)]| {
        let mut test = Test::new();
        test.desire(1, 1, 2, DesiredPhase::Reserved);
        test.observe(1, 1, held());
        let binding = |(party, address): &(&str, &str)| {
            (format!("endpoint.{party}.grpc"), (*address).to_owned())
        };
        let bindings = addresses.iter().map(binding).collect();
        let desired = DesiredMember { bindings, ..desired_member(1, 1, 3, DesiredPhase::Running) };
        test.apply(Input::DesiredReceived(desired, Some(Admission::Admit(needs(100)))));
        test.observe(1, 1, WorkState::Running);
        test
    };
    let ended = |mut test: Test, code: i32, reason: Option<ReasonCode>, line: &str| {
        let WorkState::Exited(exit) = exited(Some(code), None, reason) else { unreachable!() };
        test.observe(1, 1, WorkState::Exited(Exit { last_lines: vec![line.to_owned()], ..exit }));
        let member = test.party.member(&run(1)).expect("the member is held");
        let message = member.reason.as_ref().map(|reason| reason.message.clone());
        (message.unwrap_or_default(), member.exit.clone().expect("an exit").last_lines.len())
    };
    let one = [("hub", "127.0.0.1:45823")];
    let two = [("party-b", "192.0.2.7:1"), ("party.c", "192.0.2.8:2")];
    for reason in [None, Some(ReasonCode::PeerLost)] {
        let (message, lines) = ended(started_with(&one), 71, reason, "no address");
        assert!(message.contains("reach hub at 127.0.0.1:45823, its own machine"), "{message}");
        assert_eq!(lines, 1);
        let (message, _) = ended(started_with(&two), 71, reason, "grpc: ipv4:192.0.2.8:2 refused");
        assert!(message.contains("reach party.c at 192.0.2.8:2, or"), "{message}");
        let (message, _) = ended(started_with(&two), 71, reason, "no address");
        assert!(message.contains("the connection to a peer"), "{message}");
    }
    let stop = Some(ReasonCode::StopRequested);
    assert_eq!(ended(started_with(&one), 143, stop, "interrupted").1, 0, "no failure");
}

#[test]
fn u8_directory_removed_during_a_run_differs_from_a_start_without_a_trace() {
    for (is_seen, part) in [(true, "removed while it ran"), (false, "or it never started")] {
        let mut test = Test::new();
        test.desire(1, 1, 2, DesiredPhase::Reserved);
        test.observe(1, 1, held());
        test.desire(1, 1, 3, DesiredPhase::Running);
        if is_seen {
            test.observe(1, 1, WorkState::Running);
        }
        test.observe(1, 1, WorkState::Absent);
        test.observe(1, 1, WorkState::Absent);
        let member = test.party.member(&run(1)).expect("the member is held");
        let reason = member.reason.clone().expect("a reason");
        assert_eq!(reason.code, ReasonCode::SidecarLost);
        assert!(reason.message.contains(part), "{reason}");
    }
}

#[test]
fn released_member_reports_its_release_to_a_restored_hub() {
    let mut test = Test::new();
    test.desire(1, 1, 2, DesiredPhase::Reserved);
    test.observe(1, 1, held());
    test.apply(Input::DesiredReceived(
        DesiredMember { released: true, ..desired_member(1, 1, 3, DesiredPhase::Stopped) },
        None,
    ));
    test.observe(1, 1, WorkState::Absent);
    assert_eq!(test.at(1), (MemberPhase::Stopped, Some(ReasonCode::Released)));
}

#[test]
fn f16_l6_newer_run_of_a_task_waits_until_the_older_has_ended() {
    let mut test = Test::new();
    test.start(1);
    assert_eq!(test.desire(2, 1, 2, DesiredPhase::Reserved).actions, []);
    assert_eq!(test.at(2), (MemberPhase::Admitted, Some(ReasonCode::PreviousRunStopping)));
    test.stop(1, 1, 4);
    assert_eq!(test.at(2).0, MemberPhase::Admitted);
    let out = test.observe(1, 1, exited(None, Some(15), None));
    assert_eq!(out.actions, [Action::Hold(key(2, 1))]);
}

#[test]
fn holds_never_exceed_the_offered_resources() {
    let other_task = |n: u8| DesiredMember {
        task: format!("{:032x}", 100 + u32::from(n)).parse().unwrap(),
        ..desired_member(n, 1, 2, DesiredPhase::Reserved)
    };
    let mut test = Test::offering(Resources { cpu_millis: 1000, memory_mib: 0 });
    let admit = |cpu| Some(Admission::Admit(needs(cpu)));
    assert_eq!(test.apply(Input::DesiredReceived(other_task(1), admit(700))).actions.len(), 1);
    assert_eq!(test.apply(Input::DesiredReceived(other_task(2), admit(400))).actions, []);
    assert_eq!(test.at(2), (MemberPhase::Admitted, Some(ReasonCode::ResourcesExhausted)));
    test.apply(Input::DesiredReceived(other_task(3), admit(1001)));
    assert_eq!(
        test.at(3),
        (MemberPhase::Refused, Some(ReasonCode::ResourcesExhausted)),
        "it can never fit"
    );
    test.observe(1, 1, held());
    test.apply(Input::DesiredReceived(
        DesiredMember { phase: DesiredPhase::Stopped, generation: 3, ..other_task(1) },
        None,
    ));
    assert_eq!(test.observe(1, 1, WorkState::Absent).actions, [Action::Hold(key(2, 1))]);
}

#[test]
fn key_is_held_once_and_a_lost_hold_waits_for_the_next_attempt() {
    let mut test = Test::new();
    test.desire(1, 1, 2, DesiredPhase::Reserved);
    test.observe(1, 1, held());
    test.observe(1, 1, WorkState::Absent);
    assert_eq!(test.at(1), (MemberPhase::Admitted, Some(ReasonCode::HoldExpired)));
    assert_eq!(test.desire(1, 1, 3, DesiredPhase::Reserved).actions, []);
    assert_eq!(test.desire(1, 2, 4, DesiredPhase::Reserved).actions, [Action::Hold(key(1, 2))]);
}

#[test]
fn hold_expires_only_without_the_hub_and_after_its_time() {
    let mut test = Test::new();
    test.desire(1, 1, 2, DesiredPhase::Reserved);
    test.observe(1, 1, held());
    assert_eq!(test.party.next_due(), None, "a connected agent keeps it until the hub stops it");
    test.apply(Input::Disconnected);
    assert_eq!(test.party.next_due(), Some(moment(NOW.plus_secs(600)).monotonic));
    test.now = NOW.plus_secs(599);
    assert_eq!(test.apply(Input::Tick), Transition::default());
    test.now = NOW.plus_secs(600);
    assert_eq!(test.apply(Input::Tick).actions, [Action::Stop(key(1, 1), 7)]);
    assert_eq!(test.at(1), (MemberPhase::Admitted, Some(ReasonCode::HoldExpired)));
}

#[test]
fn a7_wall_clock_does_not_affect_the_expiry_of_a_hold() {
    for set_to in [NOW.plus_secs(10 * 86_400), Timestamp(0)] {
        let mut test = Test::new();
        test.desire(1, 1, 2, DesiredPhase::Reserved);
        test.observe(1, 1, held());
        test.apply(Input::Disconnected);
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
fn b6_hold_time_restarts_after_a_pause_of_the_agent() {
    let mut test = Test::new();
    test.desire(1, 1, 2, DesiredPhase::Reserved);
    test.observe(1, 1, held());
    test.apply(Input::Resumed);
    assert_eq!(test.party.next_due(), None, "connected as before");
    test.apply(Input::Disconnected);
    test.now = NOW.plus_secs(5_000);
    assert_eq!(test.apply(Input::Resumed), Transition::default());
    assert_eq!(test.apply(Input::Tick), Transition::default());
    test.now = NOW.plus_secs(5_600);
    assert_eq!(test.apply(Input::Tick).actions, [Action::Stop(key(1, 1), 7)]);
}

#[test]
fn waiting_member_is_evaluated_again_when_the_policy_changes() {
    let mut test = Test::new();
    let ask = || Admission::Ask(needs(1), Reason::new(ReasonCode::ApprovalRequired, "ask"));
    test.apply(Input::DesiredReceived(
        desired_member(1, 1, 2, DesiredPhase::Reserved),
        Some(ask()),
    ));
    assert_eq!(test.at(1), (MemberPhase::WaitingApproval, Some(ReasonCode::ApprovalRequired)));
    assert_eq!(
        test.apply(Input::AdmissionChanged(run(1), Admission::Admit(needs(1)))).actions,
        [Action::Hold(key(1, 1))]
    );
    test.observe(1, 1, held());
    assert_eq!(
        test.apply(Input::AdmissionChanged(run(1), ask())).actions,
        [Action::Stop(key(1, 1), 7)],
        "a denied member is no longer held"
    );
    assert_eq!(test.at(1).0, MemberPhase::WaitingApproval);
}

#[test]
fn running_member_is_not_evaluated_again() {
    let mut test = Test::new();
    test.start(1);
    let deny = Admission::Refuse(Reason::new(ReasonCode::PolicyDenied, "no"));
    assert_eq!(test.apply(Input::AdmissionChanged(run(1), deny)), Transition::default());
}

#[test]
fn spec_replaced_between_reservation_and_start_is_refused() {
    let mut test = Test::new();
    test.desire(1, 1, 2, DesiredPhase::Reserved);
    test.observe(1, 1, held());
    let other = DesiredMember {
        digest: Some(Digest::of(b"another")),
        ..desired_member(1, 1, 3, DesiredPhase::Running)
    };
    let out = test.apply(Input::DesiredReceived(other, Some(Admission::Admit(needs(1)))));
    assert_eq!(out.actions, [Action::Stop(key(1, 1), 7)]);
    test.observe(1, 1, WorkState::Absent);
    assert_eq!(test.at(1), (MemberPhase::Refused, Some(ReasonCode::SpecInvalid)));
}

#[test]
fn settled_member_is_removed_with_its_workload_record() {
    let mut test = Test::new();
    test.start(1);
    test.observe(1, 1, exited(Some(0), None, None));
    let out = test.apply(Input::ReportAcked { run: run(1), attempt: 1, settled: true });
    assert!(out.write[&run(1)].settled);
    assert_eq!(out.actions, [Action::Forget(key(1, 1))]);
    assert!(test.party.member(&run(1)).is_none());
    assert_eq!(
        test.observe(1, 1, exited(Some(0), None, None)).actions,
        [Action::Forget(key(1, 1))],
        "reported again after a restart"
    );
}

#[test]
fn member_settled_at_the_hub_is_stopped_at_the_agent() {
    let mut test = Test::new();
    test.start(1);
    assert_eq!(
        test.apply(Input::ReportAcked { run: run(1), attempt: 1, settled: true }).actions,
        [Action::Stop(key(1, 1), 7)]
    );
    test.observe(1, 1, WorkState::Absent);
    assert_eq!(test.at(1).0, MemberPhase::Stopped);
}

#[test]
fn full_disk_rejects_new_members_reverts_unwritten_starts_and_permits_stops() {
    let mut test = Test::new();
    test.desire(1, 1, 2, DesiredPhase::Reserved);
    test.observe(1, 1, held());
    let start = test.desire(1, 1, 3, DesiredPhase::Running).actions;
    let out = test.apply(Input::WriteFailed(start));
    assert_eq!(out.actions, [Action::Stop(key(1, 1), 7)]);
    test.observe(1, 1, WorkState::Absent);
    assert_eq!(test.at(1), (MemberPhase::Failed, Some(ReasonCode::AgentDiskFull)));
    assert_eq!(test.desire(2, 1, 2, DesiredPhase::Reserved).actions, []);
    assert_eq!(test.at(2), (MemberPhase::Admitted, Some(ReasonCode::AgentDiskFull)));
    assert_eq!(test.apply(Input::WriteRecovered).actions, [Action::Hold(key(2, 1))]);
}

#[test]
fn restored_hub_may_restart_its_generations() {
    let mut test = Test::new();
    test.desire(1, 1, 8, DesiredPhase::Reserved);
    test.observe(1, 1, held());
    test.apply(Input::Disconnected);
    test.apply(Input::Connected { incarnation: 2 });
    test.desire(1, 1, 3, DesiredPhase::Admitted);
    assert_eq!(test.at(1), (MemberPhase::Admitted, None));
}

#[test]
fn workload_without_a_member_is_stopped_or_forgotten() {
    let mut test = Test::new();
    assert_eq!(test.observe(9, 1, WorkState::Running).actions, [Action::Stop(key(9, 1), 0)]);
    assert_eq!(test.observe(9, 1, WorkState::Running).actions, [], "once");
    assert_eq!(
        test.observe(8, 1, exited(Some(0), None, None)).actions,
        [Action::Forget(key(8, 1))]
    );
}

#[test]
fn new_process_repeats_pending_requests() {
    let mut test = Test::new();
    let holding = test.desire(1, 1, 2, DesiredPhase::Reserved).write;
    test.observe(1, 1, held());
    let started = test.desire(1, 1, 3, DesiredPhase::Running).write;
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
        ..desired_member(0, 1, generation, desired)
    }
}

#[test]
fn members_beyond_the_limit_are_answered_and_not_stored() {
    let mut test = Test::new();
    let admit = || Some(Admission::Admit(needs(1)));
    let most = u16::try_from(MEMBERS_MAX).unwrap();
    for n in 0..most {
        let out = test.apply(Input::DesiredReceived(lone(n, 2, DesiredPhase::Reserved), admit()));
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
        let out = test.apply(Input::DesiredReceived(one_more.clone(), admit()));
        let [report] = out.rejected.as_slice() else { panic!("{out:?}") };
        assert_eq!((&report.run, report.phase), (&one_more.run, phase));
        assert!(
            report
                .reason
                .as_ref()
                .is_some_and(|why| why.code == code && why.message.contains(words)),
            "{report:?}"
        );
        assert!(report.sequence > sequence, "each answer is newer than the one before");
        sequence = report.sequence;
        assert_eq!(
            Transition { rejected: Vec::new(), ..out },
            Transition::default(),
            "no write, action or member"
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

    // Members in the set are still reconciled, and a settled one makes room for another.
    let first = lone(0, 3, DesiredPhase::Stopped);
    let key = WorkKey { run: first.run.clone(), attempt: 1 };
    assert_eq!(
        test.apply(Input::DesiredReceived(first.clone(), None)).actions,
        [Action::Stop(key.clone(), 7)]
    );
    test.apply(Input::WorkObserved(key, WorkState::Absent));
    test.apply(Input::ReportAcked { run: first.run, attempt: 1, settled: true });
    assert_eq!(
        test.apply(Input::DesiredReceived(lone(most, 2, DesiredPhase::Reserved), admit()))
            .actions
            .len(),
        1
    );
}

#[test]
fn spec_with_too_many_ports_is_refused_under_every_permission() {
    let wants =
        |count: usize| Needs { ports: (0..count).map(|n| format!("p{n}")).collect(), ..needs(1) };
    let ask = |needs| Admission::Ask(needs, Reason::new(ReasonCode::ApprovalRequired, "ask"));
    for verdict in
        [Admission::Admit(wants(PORTS_PER_MEMBER_MAX + 1)), ask(wants(PORTS_PER_MEMBER_MAX + 1))]
    {
        let mut test = Test::new();
        let out = test.apply(Input::DesiredReceived(
            desired_member(1, 1, 2, DesiredPhase::Reserved),
            Some(verdict),
        ));
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
    let out = test.apply(Input::DesiredReceived(
        desired_member(1, 1, 2, DesiredPhase::Reserved),
        Some(Admission::Admit(wants(PORTS_PER_MEMBER_MAX))),
    ));
    assert_eq!(out.actions, [Action::Hold(key(1, 1))]);
}

#[test]
fn bindings_are_stored_only_from_start_to_end() {
    let bindings = || BTreeMap::from([("x".to_owned(), "y".repeat(1000))]);
    let mut test = Test::new();
    let kept = |test: &Test| test.party.member(&run(1)).is_some_and(|m| !m.bindings.is_empty());
    test.apply(Input::DesiredReceived(
        DesiredMember { bindings: bindings(), ..desired_member(1, 1, 2, DesiredPhase::Reserved) },
        Some(Admission::Admit(needs(1))),
    ));
    assert!(!kept(&test));
    test.observe(1, 1, held());
    test.apply(Input::DesiredReceived(
        DesiredMember { bindings: bindings(), ..desired_member(1, 1, 3, DesiredPhase::Running) },
        Some(Admission::Admit(needs(1))),
    ));
    assert!(kept(&test));
    test.observe(1, 1, exited(Some(0), None, None));
    assert!(!kept(&test));
}

#[test]
fn a10_bindings_of_a_refused_start_are_not_stored() {
    let bindings = BTreeMap::from([("x".to_owned(), "y".repeat(100_000))]);
    let mut test = Test::new();
    test.desire(1, 1, 2, DesiredPhase::Reserved);
    test.observe(1, 1, held());
    let refused =
        Admission::Refuse(Reason::new(ReasonCode::BindingsInvalid, "not a hole of the spec"));
    let out = test.apply(Input::DesiredReceived(
        DesiredMember { bindings, ..desired_member(1, 1, 3, DesiredPhase::Running) },
        Some(refused),
    ));
    assert_eq!(out.actions, [Action::Stop(key(1, 1), 7)]);
    assert!(
        out.write[&run(1)].bindings.is_empty(),
        "the journal must not contain bindings while the hold is released"
    );
}

#[test]
fn start_is_recorded_to_the_end_and_only_if_it_happened() {
    let started = |test: &Test| test.party.member(&run(1)).is_some_and(|m| m.started);
    let mut test = Test::new();
    test.start(1);
    test.stop(1, 1, 4);
    test.observe(1, 1, WorkState::Absent);
    assert!(test.at(1).0.is_terminal() && started(&test));

    let mut test = Test::new();
    test.desire(1, 1, 2, DesiredPhase::Reserved);
    test.observe(1, 1, held());
    let start = test.desire(1, 1, 3, DesiredPhase::Running).actions;
    assert!(started(&test));
    test.apply(Input::WriteFailed(start));
    test.observe(1, 1, WorkState::Absent);
    assert!(
        test.at(1).0.is_terminal() && !started(&test),
        "a start that was not journaled was not executed"
    );
}

#[test]
fn live_member_has_the_incarnation_of_its_newest_desired_state() {
    let mut test = Test::new();
    test.start(1);
    test.apply(Input::DesiredReceived(
        lone(2, 2, DesiredPhase::Reserved),
        Some(Admission::Admit(needs(1))),
    ));
    assert_eq!(test.party.oldest_incarnation(), 1);
    test.apply(Input::Disconnected);
    // The hub was restored from a backup that contains only the first run.
    test.apply(Input::Connected { incarnation: 2 });
    let out = test.desire(1, 1, 3, DesiredPhase::Running);
    assert_eq!(
        out.write.get(&run(1)).map(|m| m.incarnation),
        Some(2),
        "the incarnation is durable before its use"
    );
    assert_eq!(
        test.party.oldest_incarnation(),
        1,
        "the restored hub has not sent the other member"
    );

    // The incarnation of a member survives a crash.
    let members: Vec<Member> = test.party.members().cloned().collect();
    let (party, _) = MemberSet::restore(members, NO_LIMIT, 600, 100, 2, moment(NOW));
    assert_eq!(party.oldest_incarnation(), 1);

    // A stop as an orphan does not renew the incarnation; an ended member no longer counts.
    let orphan = DesiredMember { orphan: true, ..lone(2, 3, DesiredPhase::Stopped) };
    test.apply(Input::DesiredReceived(orphan.clone(), None));
    assert_eq!(test.party.oldest_incarnation(), 1);
    test.apply(Input::WorkObserved(WorkKey { run: orphan.run, attempt: 1 }, WorkState::Absent));
    assert_eq!(test.party.oldest_incarnation(), 2);
}

#[test]
fn unseen_member_has_a_reason_until_it_is_observed_again() {
    let mut test = Test::new();
    test.start(1);
    let unseen =
        || WorkState::Unseen(Reason::new(ReasonCode::RuntimeError, "its node does not answer"));
    let out = test.observe(1, 1, unseen());
    assert_eq!(
        (out.reports.len(), out.actions, out.write.len()),
        (1, Vec::new(), 0),
        "reported, without an action"
    );
    assert_eq!(test.at(1), (MemberPhase::Running, Some(ReasonCode::RuntimeError)));
    assert!(test.observe(1, 1, unseen()).reports.is_empty(), "once");
    assert_eq!(test.observe(1, 1, WorkState::Running).reports.len(), 1);
    assert_eq!(test.at(1), (MemberPhase::Running, None));
    let unreachable = Reason::new(ReasonCode::RuntimeError, "its route was deleted");
    test.observe(1, 1, WorkState::Starting { reason: Some(unreachable) });
    assert_eq!(
        test.at(1),
        (MemberPhase::Running, Some(ReasonCode::RuntimeError)),
        "a running member never returns to starting"
    );

    // A member that is being stopped reports why it is still alive: an unseen workload is not
    // proven dead.
    assert_eq!(test.stop(1, 1, 4).actions, [Action::Stop(key(1, 1), 7)]);
    test.observe(1, 1, WorkState::Running);
    assert_eq!(test.observe(1, 1, unseen()).reports.len(), 1);
    assert_eq!(test.at(1), (MemberPhase::Running, Some(ReasonCode::RuntimeError)));
    test.observe(1, 1, exited(Some(143), None, Some(ReasonCode::StopRequested)));
    assert_eq!(test.at(1), (MemberPhase::Stopped, Some(ReasonCode::StopRequested)));

    assert_eq!(
        test.observe(9, 1, unseen()).actions,
        [Action::Stop(key(9, 1), 0)],
        "no workload is ended, observed or not"
    );
}

#[test]
fn reason_of_a_delayed_request_replaces_the_earlier_one_until_the_request_succeeds() {
    let mut test = Test::new();
    test.start(1);
    let away = || {
        Input::RequestDelayed(key(1, 1), Some(Reason::new(ReasonCode::RuntimeError, "no answer")))
    };
    let reason = |test: &Test| {
        test.party
            .member(&run(1))
            .and_then(|m| m.reported_reason().map(|reason| reason.message.clone()))
    };
    let pulling = || WorkState::Unseen(Reason::new(ReasonCode::Unschedulable, "no node"));
    test.observe(1, 1, pulling());
    let out = test.apply(away());
    assert_eq!((out.reports.len(), out.actions, out.write.len()), (1, Vec::new(), 0));
    assert_eq!(reason(&test).as_deref(), Some("no answer"));
    assert_eq!(test.apply(away()), Transition::default(), "nothing new");
    assert_eq!(
        test.apply(Input::RequestDelayed(key(1, 2), None)),
        Transition::default(),
        "another round's"
    );
    assert_eq!(test.apply(Input::RequestDelayed(key(1, 1), None)).reports.len(), 1);
    assert_eq!(reason(&test).as_deref(), Some("no node"));
    test.apply(away());
    test.observe(1, 1, exited(Some(0), None, None));
    assert_eq!(reason(&test), None, "it has ended");
    assert_eq!(test.apply(away()), Transition::default());
}
