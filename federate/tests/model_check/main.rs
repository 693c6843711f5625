//! Bounded model check of hub and agents: interleavings of messages, crashes, lost journals,
//! restored backups, deadlines and user requests, over the real `flow_domain::run::step` and the
//! real `flow_federate::reconcile`.
//!
//! Each scenario has a budget of faults. A breadth-first search visits its states until there is no
//! new state or `STATES` is reached, so a violated invariant comes with a shortest trace. Random
//! walks follow; each has a number and is repeatable. The test prints the number of states and
//! steps. From a sample of the states all runs are stopped and no fault follows: the model must
//! reach its end.

mod world;

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::rc::Rc;

use flow_domain::member::Role;
use flow_domain::run::{Input as HubInput, RunPhase};
use flow_domain::task::Rules;
use flow_federate::runtime::WorkKey;
use world::World;

/// Limit of states in the breadth-first search of one scenario.
const STATES: usize = 12_000;
/// One state in `SAMPLE` is followed to its end.
const SAMPLE: u64 = 64;
/// Random walks in one scenario.
const WALKS: u64 = 1_000;
/// Limit of events in one walk.
const STEPS: usize = 400;

/// The number of times that each fault and user request may still occur.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
struct Budget {
    breaks: u8,
    loses: u8,
    duplicates: u8,
    reorders: u8,
    crashes: u8,
    journal_losses: u8,
    backups: u8,
    restores: u8,
    jumps: u8,
    stops: u8,
    restarts: u8,
    failures: u8,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Event {
    Connect(usize),
    Break(usize),
    ToAgent(usize, usize),
    ToAgentAgain(usize),
    LoseToAgent(usize),
    ToHub(usize, usize),
    ToHubAgain(usize),
    LoseToHub(usize),
    Act(usize),
    Observe(usize, WorkKey),
    ObserveAbsent(usize, WorkKey),
    Ends(usize, WorkKey, Option<i32>),
    Crash(usize),
    LoseJournal(usize),
    Backup,
    Restore,
    Jump,
    Stop(usize),
    Restart,
}

struct Scenario {
    name: &'static str,
    agents: &'static [usize],
    roles: [Role; 2],
    rules: Rules,
    budget: Budget,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    world: World,
    left: Budget,
    /// Agents perform their actions at once, which leaves out intermediate states. The search sets
    /// it only in scenarios without crashes.
    hurry: bool,
}

impl State {
    fn events(&self) -> Vec<Event> {
        let (w, left) = (&self.world, &self.left);
        // An agent performs the actions that it journaled, or crashes: no other event can affect
        // them.
        if let Some(i) = w.agents.iter().position(|a| !a.todo.is_empty()) {
            let mut events = vec![Event::Act(i)];
            if left.crashes > 0 {
                events.push(Event::Crash(i));
            }
            return events;
        }
        let mut events = Vec::new();
        for (i, agent) in w.agents.iter().enumerate() {
            if w.may_connect(i) {
                events.push(Event::Connect(i));
            }
            if agent.connected && left.breaks > 0 {
                events.push(Event::Break(i));
            }
            for n in 0..agent.to_agent.len().min(1 + usize::from(left.reorders > 0)) {
                events.push(Event::ToAgent(i, n));
            }
            for n in 0..agent.to_hub.len().min(1 + usize::from(left.reorders > 0)) {
                events.push(Event::ToHub(i, n));
            }
            if !agent.to_agent.is_empty() {
                events.extend((left.duplicates > 0).then_some(Event::ToAgentAgain(i)));
                events.extend((left.loses > 0).then_some(Event::LoseToAgent(i)));
            }
            if !agent.to_hub.is_empty() {
                events.extend((left.duplicates > 0).then_some(Event::ToHubAgain(i)));
                events.extend((left.loses > 0).then_some(Event::LoseToHub(i)));
            }
            events.extend(agent.unseen.iter().map(|key| Event::Observe(i, key.clone())));
            events.extend(agent.absent.iter().map(|key| Event::ObserveAbsent(i, key.clone())));
            for (key, machine) in &agent.machine {
                if let world::Machine::Running { stopping } = machine {
                    events.push(Event::Ends(i, key.clone(), Some(0)));
                    events
                        .extend((left.failures > 0).then(|| Event::Ends(i, key.clone(), Some(1))));
                    events.extend(stopping.then(|| Event::Ends(i, key.clone(), None)));
                }
            }
            events.extend((left.crashes > 0).then_some(Event::Crash(i)));
            events.extend((left.journal_losses > 0).then_some(Event::LoseJournal(i)));
        }
        events.extend((left.backups > 0 && w.backup.is_none()).then_some(Event::Backup));
        events.extend((left.restores > 0 && w.backup.is_some()).then_some(Event::Restore));
        events.extend((left.jumps > 0 && w.next_due().is_some()).then_some(Event::Jump));
        if left.stops > 0 {
            events.extend(
                (0..w.db.runs.len()).filter(|at| w.db.runs[*at].ending.is_none()).map(Event::Stop),
            );
        }
        if left.restarts > 0 && w.db.runs.iter().all(|run| !run.is_active()) {
            events.push(Event::Restart);
        }
        events
    }

    fn next(&self, event: &Event, scenario: &Scenario) -> Result<Self, String> {
        let mut next = self.clone();
        let (w, left) = (&mut next.world, &mut next.left);
        match event {
            Event::Connect(i) => w.connect(*i),
            Event::Break(i) => {
                left.breaks -= 1;
                w.disconnect(*i);
            }
            Event::ToAgent(i, n) => {
                left.reorders -= u8::from(*n > 0);
                let message = w.agents[*i].to_agent.remove(*n).ok_or("no message")?;
                w.deliver_to_agent(*i, message);
            }
            Event::ToAgentAgain(i) => {
                left.duplicates -= 1;
                let message = w.agents[*i].to_agent.front().cloned().ok_or("no message")?;
                w.deliver_to_agent(*i, message);
            }
            Event::LoseToAgent(i) => {
                left.loses -= 1;
                w.agents[*i].to_agent.pop_front();
            }
            Event::ToHub(i, n) => {
                left.reorders -= u8::from(*n > 0);
                let message = w.agents[*i].to_hub.remove(*n).ok_or("no message")?;
                w.deliver_to_hub(*i, message);
            }
            Event::ToHubAgain(i) => {
                left.duplicates -= 1;
                let message = w.agents[*i].to_hub.front().cloned().ok_or("no message")?;
                w.deliver_to_hub(*i, message);
            }
            Event::LoseToHub(i) => {
                left.loses -= 1;
                w.agents[*i].to_hub.pop_front();
            }
            Event::Act(i) => w.act(*i)?,
            Event::Observe(i, key) => w.observe(*i, key),
            Event::ObserveAbsent(i, key) => w.observe_absent(*i, key),
            Event::Ends(i, key, code) => {
                left.failures -= u8::from(*code == Some(1));
                w.end(*i, key, *code);
            }
            Event::Crash(i) => {
                left.crashes -= 1;
                if w.agents[*i].connected {
                    w.disconnect(*i);
                }
                w.agents[*i].crash(w.now);
            }
            Event::LoseJournal(i) => {
                left.journal_losses -= 1;
                if w.agents[*i].connected {
                    w.disconnect(*i);
                }
                w.lose_journal(*i);
            }
            Event::Backup => {
                left.backups -= 1;
                w.backup = Some(w.db.clone());
            }
            Event::Restore => {
                left.restores -= 1;
                w.restore();
            }
            Event::Jump => {
                left.jumps -= 1;
                let due = w.next_due().ok_or("nothing is due")?;
                w.pass_time(due);
            }
            Event::Stop(at) => {
                left.stops -= 1;
                w.hub(*at, &HubInput::Stop { by: "user".to_owned(), deleting: false });
            }
            Event::Restart => {
                left.restarts -= 1;
                w.submit(scenario.roles, scenario.rules.clone());
            }
        }
        if next.hurry {
            next.world.settle_actions()?;
        }
        next.world.check()?;
        Ok(next)
    }

    /// Stops all runs and allows no further fault. Fails if the model does not reach its end.
    fn ends(&self, scenario: &Scenario) -> Result<(), String> {
        let mut state =
            Self { left: Budget { jumps: 40, ..Budget::default() }, hurry: true, ..self.clone() };
        state.world.operator = true;
        // The snapshots of the next session replace the lost messages.
        for i in 0..state.world.agents.len() {
            if state.world.agents[i].connected {
                state.world.disconnect(i);
            }
        }
        for at in 0..state.world.db.runs.len() {
            state.world.hub(at, &HubInput::Stop { by: "user".to_owned(), deleting: false });
        }
        for _ in 0..600 {
            if state.world.is_over() {
                return Ok(());
            }
            // Any event goes before a jump in time; a workload ends only because it is stopped.
            let events = state.events();
            let quiet = |e: &&Event| !matches!(e, Event::Jump | Event::Ends(_, _, Some(_)));
            let event = events
                .iter()
                .find(quiet)
                .or_else(|| events.iter().find(|e| matches!(e, Event::Jump)));
            let Some(event) = event.cloned() else { break };
            state = state.next(&event, scenario)?;
        }
        if state.world.is_over() {
            Ok(())
        } else {
            Err(format!("stopped, but the model never ends: {:#?}", state.world))
        }
    }
}

struct Story {
    event: Event,
    before: Option<Rc<Story>>,
}

fn describe(mut story: Option<Rc<Story>>) -> String {
    let mut events = Vec::new();
    while let Some(part) = story {
        events.push(format!("{:?}", part.event));
        story = part.before.clone();
    }
    events.reverse();
    events.join("\n  ")
}

fn fingerprint(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// The number of settled runs by final phase: shows that the search reaches the end of runs.
#[derive(Default, Debug)]
struct Ends {
    succeeded: usize,
    failed: usize,
    cancelled: usize,
}

impl Ends {
    fn note(&mut self, state: &State) {
        for run in state.world.db.runs.iter().filter(|run| run.is_settled()) {
            match run.phase {
                RunPhase::Succeeded => self.succeeded += 1,
                RunPhase::Failed => self.failed += 1,
                RunPhase::Cancelled => self.cancelled += 1,
                _ => {}
            }
        }
    }
}

fn explore(scenario: &Scenario) {
    let world = World::new(scenario.agents, scenario.roles, scenario.rules.clone());
    let begin = State { world, left: scenario.budget, hurry: scenario.budget.crashes == 0 };
    let mut ends = Ends::default();
    search(scenario, &begin, &mut ends);
    let begin = State { hurry: false, ..begin };
    let steps: usize =
        (1..=WALKS).map(|number| walk(scenario, begin.clone(), number, &mut ends)).sum();
    println!("{:<42} {WALKS} walks of {steps} steps; ends seen: {ends:?}", scenario.name);
    assert!(ends.failed + ends.succeeded + ends.cancelled > 0, "the scenario reaches ends of runs");
}

fn search(scenario: &Scenario, begin: &State, ends: &mut Ends) {
    let mut seen = HashSet::from([fingerprint(begin)]);
    let mut queue: VecDeque<(State, Option<Rc<Story>>, usize)> =
        VecDeque::from([(begin.clone(), None, 0)]);
    let (mut followed, mut depth) = (0, 0);
    while let Some((state, story, deep)) = queue.pop_front() {
        depth = deep;
        for event in state.events() {
            let here = || Some(Rc::new(Story { event: event.clone(), before: story.clone() }));
            let next = match state.next(&event, scenario) {
                Ok(next) => next,
                Err(broken) => panic!("{}: {broken}\n  {}", scenario.name, describe(here())),
            };
            let print = fingerprint(&next);
            if seen.len() >= STATES || !seen.insert(print) {
                continue;
            }
            ends.note(&next);
            let story = here();
            if print.is_multiple_of(SAMPLE) {
                followed += 1;
                if let Err(broken) = next.ends(scenario) {
                    panic!("{}: {broken}\n  {}", scenario.name, describe(story));
                }
            }
            queue.push_back((next, story, deep + 1));
        }
    }
    let whole = if seen.len() < STATES { "all there are" } else { "the budget" };
    println!(
        "{:<42} {:>6} states ({whole}), depth {depth}, {followed} followed to the end",
        scenario.name,
        seen.len()
    );
}

/// One random walk; `number` is the seed. Faults are rarer than progress, otherwise no walk would
/// reach an end.
fn walk(scenario: &Scenario, mut state: State, number: u64, ends: &mut Ends) -> usize {
    let mut random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut draw = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    let mut story = None;
    for step in 0..STEPS {
        let (misfortunes, progress): (Vec<Event>, Vec<Event>) =
            state.events().into_iter().partition(|event| {
                !matches!(
                    event,
                    Event::Connect(_)
                        | Event::ToAgent(_, 0)
                        | Event::ToHub(_, 0)
                        | Event::Act(_)
                        | Event::Observe(..)
                        | Event::ObserveAbsent(..)
                )
            });
        let unlucky = !misfortunes.is_empty() && (progress.is_empty() || draw(10) == 0);
        let choice = if unlucky { misfortunes } else { progress };
        if choice.is_empty() {
            ends.note(&state);
            return step;
        }
        let event = choice[draw(choice.len())].clone();
        story = Some(Rc::new(Story { event: event.clone(), before: story }));
        match state.next(&event, scenario) {
            Ok(next) => state = next,
            Err(broken) => {
                panic!("{}, walk {number}: {broken}\n  {}", scenario.name, describe(story))
            }
        }
        if draw(SAMPLE as usize) == 0
            && let Err(broken) = state.ends(scenario)
        {
            panic!("{}, walk {number}: {broken}\n  {}", scenario.name, describe(story));
        }
    }
    ends.note(&state);
    STEPS
}

const PAIR: [Role; 2] = [Role::Aggregator, Role::Trainer];
const TRAINERS: [Role; 2] = [Role::Trainer, Role::Trainer];

fn scenario(name: &'static str, budget: Budget) -> Scenario {
    Scenario { name, agents: &[0, 1], roles: PAIR, rules: Rules::default(), budget }
}

#[test]
fn lost_repeated_and_reordered_messages_violate_no_invariant() {
    let budget = Budget { breaks: 1, loses: 1, duplicates: 1, reorders: 1, ..Budget::default() };
    explore(&scenario("lost, repeated, overtaken messages", budget));
}

#[test]
fn agent_crash_at_any_point_causes_no_second_start() {
    explore(&scenario("agent crashes, journal kept", Budget { crashes: 2, ..Budget::default() }));
    explore(&scenario(
        "agent crashes, user stops",
        Budget { crashes: 1, stops: 1, ..Budget::default() },
    ));
}

#[test]
fn lost_journal_causes_failure_and_no_second_start() {
    explore(&scenario(
        "journal lost",
        Budget { journal_losses: 1, breaks: 1, ..Budget::default() },
    ));
    explore(&scenario(
        "journal lost, user stops, restarts",
        Budget { journal_losses: 1, stops: 1, restarts: 1, ..Budget::default() },
    ));
}

#[test]
fn second_agent_of_a_party_repeats_no_start_of_the_first() {
    let budget = Budget { breaks: 2, ..Budget::default() };
    explore(&Scenario { agents: &[0, 0, 1], ..scenario("second agent of a party", budget) });
}

#[test]
fn hub_restored_from_a_backup_recovers() {
    explore(&scenario("hub restored", Budget { backups: 1, restores: 1, ..Budget::default() }));
    explore(&scenario(
        "hub restored, user stops",
        Budget { backups: 1, restores: 1, stops: 1, ..Budget::default() },
    ));
    explore(&scenario(
        "hub restored, time passes",
        Budget { backups: 1, restores: 1, jumps: 2, ..Budget::default() },
    ));
}

#[test]
fn hold_that_expires_during_the_start_commit_is_never_started() {
    explore(&scenario(
        "time passes, connections break",
        Budget { breaks: 2, jumps: 4, ..Budget::default() },
    ));
}

#[test]
fn stop_during_a_success_has_one_outcome() {
    explore(&scenario(
        "user stops, workloads fail",
        Budget { stops: 1, failures: 1, breaks: 1, ..Budget::default() },
    ));
}

#[test]
fn new_run_waits_until_the_old_one_has_ended() {
    explore(&scenario(
        "restart over an unsettled run",
        Budget { stops: 1, restarts: 1, jumps: 2, breaks: 1, ..Budget::default() },
    ));
    explore(&scenario(
        "restart over an unsettled run, crash",
        Budget { stops: 1, restarts: 1, jumps: 1, crashes: 1, ..Budget::default() },
    ));
}

#[test]
fn k_of_n_releases_surplus_members_and_counts_only_the_bound_set() {
    let rules = Rules { minimum_parties: Some(1), ..Rules::default() };
    let budget = Budget { breaks: 1, jumps: 2, failures: 1, ..Budget::default() };
    explore(&Scenario {
        roles: TRAINERS,
        rules: rules.clone(),
        ..scenario("one of two trainers is enough", budget)
    });
    let budget = Budget { backups: 1, restores: 1, jumps: 1, ..Budget::default() };
    explore(&Scenario {
        roles: TRAINERS,
        rules,
        ..scenario("one of two trainers, hub restored", budget)
    });
}

#[test]
fn all_faults_together_violate_no_invariant() {
    let budget = Budget {
        breaks: 2,
        loses: 1,
        duplicates: 1,
        reorders: 2,
        crashes: 2,
        journal_losses: 1,
        backups: 1,
        restores: 1,
        jumps: 3,
        stops: 1,
        restarts: 2,
        failures: 1,
    };
    explore(&scenario("everything at once", budget));
    // With two machines for one party, a restored hub that has lost its messages to the first can
    // start one attempt on both. Only a lease that both machines share (Kubernetes) prevents this,
    // so this scenario has no restore.
    let faithful = Budget { restores: 0, ..budget };
    explore(&Scenario {
        agents: &[0, 0, 1],
        ..scenario("everything at once, two agents of a party", faithful)
    });
    let rules = Rules { minimum_parties: Some(1), ..Rules::default() };
    explore(&Scenario {
        roles: TRAINERS,
        rules,
        ..scenario("everything at once, one trainer is enough", budget)
    });
}
