//! Invariants of a run for all inputs: any order, duplicates, stale reports, agents that lie, a
//! network that loses and repeats messages. `support::fold` checks each step; the tests here check
//! the outcome.

mod support;

use std::collections::BTreeSet;

use flow_domain::member::{DesiredPhase, MemberPhase, Reason, ReasonCode, Report};
use flow_domain::run::{EndCode, Input, Run, RunPhase, next_due, step};
use flow_domain::task::Rules;
use flow_domain::template::Framework;
use flow_domain::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use support::{START, assert_sound, fold, instance, new_run, party, report};

/// One input, relative to the state of the run at that time.
#[derive(Debug, Clone)]
enum Happening {
    Stop {
        deleting: bool,
    },
    Report {
        phase: MemberPhase,
        older: u32,
        newer: u32,
        repeated: bool,
        journal: usize,
        complete: bool,
        released: bool,
    },
    Connected {
        journal: usize,
    },
    Away,
    Moved,
    TakenOver,
    ClockSet,
    Tick,
}

/// An input, its party (one more than the run has), and the seconds since the previous one.
type Step = (Happening, Index, u64);

fn happening() -> impl Strategy<Value = Happening> {
    let rarely = || prop::bool::weighted(0.1);
    let rare_number = || prop_oneof![9 => Just(0), 1 => 1_u32..3];
    let journal = || prop_oneof![9 => Just(0_usize), 1 => Just(1)];
    let report = (
        select(MemberPhase::ALL),
        rare_number(),
        rare_number(),
        rarely(),
        journal(),
        any::<bool>(),
        rarely(),
    )
        .prop_map(|(phase, older, newer, repeated, journal, complete, released)| {
            Happening::Report { phase, older, newer, repeated, journal, complete, released }
        });
    prop_oneof![
        1 => any::<bool>().prop_map(|deleting| Happening::Stop { deleting }),
        20 => report,
        4 => journal().prop_map(|journal| Happening::Connected { journal }),
        2 => Just(Happening::Away),
        2 => Just(Happening::Moved),
        1 => Just(Happening::TakenOver),
        1 => Just(Happening::ClockSet),
        4 => Just(Happening::Tick),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let seconds = prop_oneof![8 => 0_u64..3, 1 => 30_u64..90, 1 => 900_u64..4_000];
    prop::collection::vec((happening(), any::<Index>(), seconds), 0..40)
}

fn runs() -> impl Strategy<Value = Run> {
    (select(Framework::ALL), 1_usize..4, prop::option::of(1_u32..4), 0_u32..2, any::<bool>())
        .prop_map(|(framework, trainers, minimum, retries, connected)| {
            let minimum_parties =
                minimum.map(|k| k.min(u32::try_from(trainers).expect("it is below 4")));
            new_run(
                framework,
                trainers,
                Rules { minimum_parties, retries, ..Rules::default() },
                connected,
            )
        })
}

fn input(run: &Run, happening: &Happening, index: usize, now: Timestamp) -> Input {
    let who = party(index);
    match happening.clone() {
        Happening::Stop { deleting } => Input::Stop { by: "ada".to_owned(), deleting },
        Happening::Connected { journal } => {
            Input::Connected { party: who, instance: instance(index, journal) }
        }
        Happening::Away => Input::Away { party: who, since: now },
        Happening::Moved => Input::Moved { party: who },
        Happening::TakenOver => Input::TakenOver { from: now, clock_set: None },
        Happening::ClockSet => Input::TakenOver { from: now, clock_set: Some(now) },
        Happening::Tick => Input::Tick,
        Happening::Report { phase, older, newer, repeated, journal, complete, released } => {
            let mut report = report(run, index.min(run.members.len() - 1), phase);
            report.attempt = (report.attempt + newer).saturating_sub(older);
            report.sequence -= u64::from(repeated);
            report.complete = complete;
            if journal > 0 {
                report.instance = instance(index, journal);
            }
            if released && phase == MemberPhase::Stopped {
                report.reason = Some(Reason::new(ReasonCode::Released, "released"));
            }
            Input::Report { party: who, report }
        }
    }
}

/// Applies all inputs and checks every step.
fn live(mut run: Run, steps: &[Step]) -> (Run, Timestamp) {
    let mut now = START;
    for (happening, who, seconds) in steps {
        now = now.plus_secs(*seconds);
        let index = who.index(run.members.len() + 1);
        if let Ok((next, _)) = fold(&run, &input(&run, happening, index, now), now) {
            run = next;
        }
    }
    assert_sound(&run);
    (run, now)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    /// `fold` checks that each step is legal, that terminal stays terminal, and that a replay
    /// changes nothing.
    #[test]
    fn every_step_is_legal_and_a_replay_changes_nothing(run in runs(), steps in steps()) {
        live(run, &steps);
    }

    #[test]
    fn f11_stop_always_ends_the_run_by_ticks_alone(run in runs(), steps in steps()) {
        let (mut run, mut now) = live(run, &steps);
        let was = run.ending.as_ref().map(|e| e.outcome);
        if let Ok((next, _)) = fold(&run, &Input::Stop { by: "ada".to_owned(), deleting: false }, now) {
            run = next;
        }
        let mut ticks = 0;
        while let Some(due) = next_due(&run) {
            now = now.max(due);
            run = fold(&run, &Input::Tick, now).expect("a tick that is due changes something").0;
            ticks += 1;
            prop_assert!(ticks <= 1, "one deadline stands between a stop and the end");
        }
        prop_assert!(run.phase.is_terminal());
        let outcome = run.ending.as_ref().map(|e| e.outcome);
        prop_assert!(was.is_none() || was == outcome, "the first cause wins");
    }

    /// Every run ends, even if the framework hangs (L2), and no timer loops.
    #[test]
    fn l2_run_without_messages_ends_by_its_deadlines(run in runs(), steps in steps()) {
        let (mut run, mut now) = live(run, &steps);
        let mut ticks = 0;
        while let Some(due) = next_due(&run) {
            now = now.max(due);
            run = fold(&run, &Input::Tick, now).expect("a tick that is due changes something").0;
            ticks += 1;
            // An incomplete round is repeated every 40 s for at most one hour.
            prop_assert!(ticks < 250, "{:#?}", run);
        }
        prop_assert!(run.phase.is_terminal());
    }

    #[test]
    fn tick_before_its_time_changes_nothing(run in runs(), steps in steps(), at in 0_i64..=1_000) {
        let (mut run, now) = live(run, &steps);
        // Apply the deadlines that passed in between first.
        while let Ok((next, _)) = step(&run, &Input::Tick, now) {
            run = next;
        }
        let due = next_due(&run).unwrap_or(now.plus_secs(1_000_000));
        prop_assert!(due > now, "due {:?} at {:?}: {:#?}", due, now, run);
        let early = Timestamp(now.0 + (due.0 - now.0 - 1) / 1_000 * at);
        prop_assert!(step(&run, &Input::Tick, early).is_err(), "at {:?} before {:?}: {:#?}", early, due, run);
    }
}

/// A correct agent: it follows the desired phase, requires approvals, and journals each change
/// before its report.
struct Agent {
    phase: MemberPhase,
    attempt: u32,
    generation: u64,
    approved: bool,
    complete: bool,
    starts: Vec<u32>,
    /// All reports so far: the network may deliver any of them repeatedly.
    reports: Vec<Report>,
}

impl Agent {
    fn become_phase(&mut self, index: usize, phase: MemberPhase) {
        self.phase = phase;
        self.reports.push(Report {
            instance: instance(index, 0),
            attempt: self.attempt,
            sequence: self.reports.len() as u64 + 1,
            observed_generation: self.generation,
            phase,
            reason: None,
            exit: None,
            endpoints: std::collections::BTreeMap::new(),
            resolution: None,
            complete: self.complete,
        });
    }

    /// Receives the newest desired member; earlier ones may be lost.
    fn look(&mut self, index: usize, run: &Run) {
        let member = &run.members[index];
        let news = self.generation != member.generation;
        self.generation = member.generation;
        if self.phase.is_terminal() {
            return;
        }
        if member.attempt > self.attempt {
            self.attempt = member.attempt;
            self.phase = MemberPhase::Pending;
        }
        let next = match member.desired {
            DesiredPhase::Stopped => MemberPhase::Stopped,
            _ if self.phase == MemberPhase::Running => return,
            DesiredPhase::Running if self.phase == MemberPhase::Reserved => {
                self.starts.push(self.attempt);
                MemberPhase::Running
            }
            _ if !self.approved => MemberPhase::WaitingApproval,
            DesiredPhase::Reserved => MemberPhase::Reserved,
            DesiredPhase::Admitted | DesiredPhase::Running => MemberPhase::Admitted,
        };
        if news || self.phase != next {
            self.become_phase(index, next);
        }
    }
}

struct World {
    run: Run,
    backup: Run,
    now: Timestamp,
    agents: Vec<Agent>,
}

impl World {
    fn new(trainers: usize, askers: &BTreeSet<usize>) -> Self {
        let run = new_run(Framework::Iflearner, trainers, Rules::default(), true);
        let agent = |index| Agent {
            phase: MemberPhase::Pending,
            attempt: 0,
            generation: 0,
            approved: !askers.contains(&index),
            complete: false,
            starts: Vec::new(),
            reports: Vec::new(),
        };
        Self { backup: run.clone(), run, now: START, agents: (0..=trainers).map(agent).collect() }
    }

    fn fold(&mut self, input: &Input) {
        if let Ok((next, _)) = fold(&self.run, input, self.now) {
            self.run = next;
        }
    }

    /// The workload makes progress: a trainer ends after all others take part; the aggregator never
    /// ends and observes the completion.
    fn work(&mut self, index: usize) {
        if self.agents[index].phase != MemberPhase::Running
            || self.agents.iter().any(|a| a.starts.is_empty())
        {
            return;
        }
        if index > 0 {
            self.agents[index].become_phase(index, MemberPhase::Succeeded);
        } else if !self.agents[0].complete
            && self.agents[1..].iter().all(|a| a.phase == MemberPhase::Succeeded)
        {
            self.agents[0].complete = true;
            self.agents[0].become_phase(0, MemberPhase::Running);
        }
    }

    fn deliver(&mut self, index: usize, pick: Index) {
        let reports = &self.agents[index].reports;
        if !reports.is_empty() {
            let report = pick.get(reports).clone();
            self.fold(&Input::Report { party: party(index), report });
        }
    }

    /// A session opens, and the agent sends its report.
    fn connect(&mut self, index: usize) {
        self.fold(&Input::Connected { party: party(index), instance: instance(index, 0) });
        if let Some(report) = self.agents[index].reports.last().cloned() {
            self.fold(&Input::Report { party: party(index), report });
        }
    }

    /// The hub's database is restored from the last backup. All sessions end.
    fn restore(&mut self) {
        self.run = self.backup.clone();
        for index in 0..self.agents.len() {
            self.fold(&Input::Away { party: party(index), since: self.now });
        }
    }

    /// From now on network and people cooperate: every desired member and the newest report of each
    /// agent arrive.
    fn settle(&mut self) {
        for _ in 0..50 {
            for index in 0..self.agents.len() {
                self.connect(index);
                self.agents[index].approved = true;
                self.agents[index].look(index, &self.run);
                self.work(index);
                if let Some(report) = self.agents[index].reports.last().cloned() {
                    self.fold(&Input::Report { party: party(index), report });
                }
            }
            if self.run.is_settled() {
                return;
            }
            if matches!(self.run.phase, RunPhase::Queued | RunPhase::Reserving) {
                self.now = self.now.plus_secs(5);
                self.fold(&Input::Tick);
            }
        }
        panic!("not settled: {:#?}", self.run);
    }
}

/// A choice of input, party, alternative and delay in microseconds.
type Move = (u8, Index, Index, i64);

fn moves(kinds: u8) -> impl Strategy<Value = Vec<Move>> {
    prop::collection::vec((0..kinds, any::<Index>(), any::<Index>(), 0_i64..400_000), 0..80)
}

/// Applies all inputs to a federation of correct agents and runs it to its end.
fn federation(trainers: usize, askers: &BTreeSet<usize>, moves: Vec<Move>) -> World {
    let mut world = World::new(trainers, askers);
    for (what, who, pick, micros) in moves {
        world.now.0 += micros;
        let index = who.index(trainers + 1);
        match what {
            0 | 1 => world.agents[index].look(index, &world.run),
            2..=4 => world.deliver(index, pick),
            5 => world.work(index),
            6 => world.agents[index].approved = true,
            7 => world.connect(index),
            8 => world.fold(&Input::Away { party: party(index), since: world.now }),
            _ if pick.index(3) > 0 => world.backup = world.run.clone(),
            _ => world.restore(),
        }
    }
    world.settle();
    world
}

fn askers() -> impl Strategy<Value = BTreeSet<usize>> {
    prop::collection::btree_set(0_usize..4, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    /// F8, F10, F13, F15 and the fences L4 and L6 together: with lost, repeated and reordered
    /// reports, disconnects and late approvals, a federation of correct agents starts once and
    /// succeeds.
    #[test]
    fn correct_federation_starts_once_and_succeeds_with_a_faulty_network(
        trainers in 1_usize..4, askers in askers(), moves in moves(9),
    ) {
        let world = federation(trainers, &askers, moves);
        prop_assert_eq!(world.run.phase, RunPhase::Succeeded, "{:#?}", world.run);
        for agent in &world.agents {
            prop_assert_eq!(agent.starts.len(), 1, "each workload is started exactly once");
        }
    }

    /// A restored hub knows less than its agents. It may rely on a released reservation and then
    /// fail the start, but it never starts a workload a second time, and finished runs have
    /// succeeded.
    #[test]
    fn hub_restored_from_a_backup_starts_no_workload_twice(
        trainers in 1_usize..4, askers in askers(), moves in moves(10),
    ) {
        let world = federation(trainers, &askers, moves);
        let code = world.run.ending.as_ref().map(|e| e.code);
        prop_assert!(matches!(code, Some(EndCode::Completed | EndCode::StartFailed)), "{:#?}", world.run);
        for agent in &world.agents {
            prop_assert!(agent.starts.len() <= 1, "started in rounds {:?}", agent.starts);
        }
        if world.agents.iter().any(|a| a.phase == MemberPhase::Succeeded) {
            prop_assert_eq!(code, Some(EndCode::Completed), "{:#?}", world.run);
        }
    }
}
