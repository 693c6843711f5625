//! The world of the model: one hub with its database and backup, some agents with journal and
//! machine, and the connections between them.
//!
//! Hub and agents are the real pure functions; this module models only their drivers. The hub sends
//! a desired member when its (attempt, generation) changes, sends all of them on connect, and
//! acknowledges settled members. The agent journals before it acts, loses all other state in a
//! crash, and sends a snapshot on connect.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use flow_common::clock::{Moment, Monotonic};
use flow_domain::id::{Digest, InstanceId, PartyId, RunId, TaskId};
use flow_domain::member::{
    DesiredPhase, Exit, Member as HubMember, MemberPhase, Reason, ReasonCode, Report, Role,
};
use flow_domain::run::{Input as HubInput, NewMember, NewRun, Run, RunPhase, next_due, step};
use flow_domain::task::Rules;
use flow_domain::template::{Framework, Resources};
use flow_domain::time::Timestamp;
use flow_federate::member::{Admission, DesiredMember, Member, Needs, WorkStage};
use flow_federate::reconcile::{Action, Input, MemberSet, Transition};
use flow_federate::runtime::{Held, WorkKey, WorkState};

pub const HOLD_MAX_S: u64 = 600;

/// State of a key on an agent's machine.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Machine {
    Held,
    Running {
        stopping: bool,
    },
    Ended(WorkState),
    /// The runtime records only that the key was used and must not be used again.
    Burnt,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ToAgent {
    Assign(DesiredMember),
    Settled { run: RunId, attempt: u32 },
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ToHub {
    pub run: RunId,
    pub report: Report,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Agent {
    pub party: usize,
    pub instance: InstanceId,
    pub core: MemberSet,
    pub journal: BTreeMap<RunId, Member>,
    pub seen_incarnation: u64,
    pub todo: VecDeque<Action>,
    pub machine: BTreeMap<WorkKey, Machine>,
    /// Keys whose current state the agent has not observed yet.
    pub unseen: BTreeSet<WorkKey>,
    /// Keys that the runtime will report as absent, because a stop found no workload.
    pub absent: BTreeSet<WorkKey>,
    pub connected: bool,
    /// The Hello showed no member of an older incarnation than the hub's.
    pub knows_us: bool,
    pub to_agent: VecDeque<ToAgent>,
    pub to_hub: VecDeque<ToHub>,
}

/// The part of the hub's state that a backup contains.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Database {
    pub runs: Vec<Run>,
    pub instances: BTreeMap<usize, InstanceId>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World {
    pub now: Timestamp,
    pub db: Database,
    pub backup: Option<Database>,
    pub incarnation: u64,
    pub agents: Vec<Agent>,
    /// All starts so far, on all machines.
    pub started: BTreeSet<(RunId, usize, u32)>,
    /// All starts that a hub has committed, before and after a restore.
    pub granted: BTreeSet<(RunId, usize, u32)>,
    /// Counters of unique ids.
    pub instances: u8,
    pub runs: u8,
    /// An administrator has decided to stop all orphans.
    pub operator: bool,
    /// A violated invariant that the state itself does not show.
    pub broken: Option<String>,
}

pub fn party(index: usize) -> PartyId {
    ["a", "b"][index].parse().unwrap()
}

pub fn index(id: &PartyId) -> usize {
    usize::from(id.as_str() == "b")
}

/// In this world monotonic time is wall time.
fn moment(wall: Timestamp) -> Moment {
    let since = Duration::from_micros(u64::try_from(wall.0).expect("after 1970"));
    Moment { wall, monotonic: Monotonic::from_origin(since) }
}

fn wall(at: Monotonic) -> Timestamp {
    Timestamp(i64::try_from(at.since(Monotonic::default()).as_micros()).expect("a moment"))
}

fn hex<T: std::str::FromStr>(n: u8) -> T
where
    T::Err: std::fmt::Debug,
{
    format!("{n:032x}").parse().unwrap()
}

impl Agent {
    fn new(party: usize, instance: InstanceId, now: Timestamp) -> Self {
        let (core, _) =
            MemberSet::restore(Vec::new(), Resources::default(), HOLD_MAX_S, 0, 1, moment(now));
        Self {
            party,
            instance,
            core,
            journal: BTreeMap::new(),
            seen_incarnation: 1,
            todo: VecDeque::new(),
            machine: BTreeMap::new(),
            unseen: BTreeSet::new(),
            absent: BTreeSet::new(),
            connected: false,
            knows_us: false,
            to_agent: VecDeque::new(),
            to_hub: VecDeque::new(),
        }
    }

    /// Keys with a hold or a running workload on this machine.
    pub fn alive(&self) -> impl Iterator<Item = &WorkKey> {
        self.machine
            .iter()
            .filter(|(_, m)| matches!(m, Machine::Held | Machine::Running { .. }))
            .map(|(key, _)| key)
    }

    pub fn running(&self) -> impl Iterator<Item = &WorkKey> {
        self.machine
            .iter()
            .filter(|(_, m)| matches!(m, Machine::Running { .. }))
            .map(|(key, _)| key)
    }

    fn report(&self, member: &Member) -> ToHub {
        ToHub {
            run: member.run.clone(),
            report: Report {
                instance: self.instance.clone(),
                attempt: member.attempt,
                sequence: member.sequence,
                observed_generation: member.generation,
                phase: member.phase,
                reason: member.reason.clone(),
                exit: member.exit.clone(),
                endpoints: BTreeMap::new(),
                resolution: None,
                complete: member.complete,
            },
        }
    }

    /// Applies a transition as the driver does. Only `write` becomes durable, which is the worst
    /// case.
    fn take(&mut self, out: Transition) {
        self.journal.extend(out.write.clone());
        self.todo.extend(out.actions);
        if self.connected {
            let reports: Vec<ToHub> = out
                .reports
                .iter()
                .filter_map(|run| self.core.member(run))
                .map(|m| self.report(m))
                .collect();
            self.to_hub.extend(reports);
        }
    }

    pub fn apply(&mut self, input: Input, now: Timestamp) {
        let mut out = Transition::default();
        self.core.apply(input, moment(now), &mut out);
        self.take(out);
    }

    /// Ends the process between two instructions and starts a new one on the durable state.
    pub fn crash(&mut self, now: Timestamp) {
        self.todo.clear();
        self.absent.clear();
        let members = self.journal.values().filter(|m| !m.settled).cloned().collect();
        let (core, out) = MemberSet::restore(
            members,
            Resources::default(),
            HOLD_MAX_S,
            self.core.sequence(),
            self.seen_incarnation,
            moment(now),
        );
        self.core = core;
        self.take(out);
        // The runtime reports its keys again. The agent first stops those that are not in the
        // journal.
        self.unseen = self
            .machine
            .iter()
            .filter(|(_, m)| **m != Machine::Burnt)
            .map(|(key, _)| key.clone())
            .collect();
        for key in self.unknown() {
            self.stop(&key);
        }
    }

    /// Live keys of runs that are not in the member set.
    pub fn unknown(&self) -> Vec<WorkKey> {
        self.alive().filter(|key| self.core.member(&key.run).is_none()).cloned().collect()
    }

    fn stop(&mut self, key: &WorkKey) {
        match self.machine.get_mut(key) {
            Some(Machine::Running { stopping }) => *stopping = true,
            Some(Machine::Held) => {
                self.machine.insert(key.clone(), Machine::Burnt);
                self.absent.insert(key.clone());
            }
            Some(Machine::Ended(_)) => {
                self.unseen.insert(key.clone());
            }
            Some(Machine::Burnt) | None => {
                self.machine.insert(key.clone(), Machine::Burnt);
                self.absent.insert(key.clone());
            }
        }
    }
}

impl World {
    pub fn new(agents: &[usize], roles: [Role; 2], rules: Rules) -> Self {
        let now = Timestamp(1_000_000_000_000_000);
        let mut world = Self {
            now,
            db: Database::default(),
            backup: None,
            incarnation: 1,
            agents: Vec::new(),
            started: BTreeSet::new(),
            granted: BTreeSet::new(),
            instances: 0,
            runs: 0,
            operator: false,
            broken: None,
        };
        for party in agents {
            let instance = world.new_instance();
            world.agents.push(Agent::new(*party, instance, now));
        }
        world.submit(roles, rules);
        world
    }

    pub fn new_instance(&mut self) -> InstanceId {
        self.instances += 1;
        hex(self.instances)
    }

    /// A user starts the task, for the first time or again.
    pub fn submit(&mut self, roles: [Role; 2], rules: Rules) {
        self.runs += 1;
        let members = (0..2)
            .map(|p| NewMember {
                party: party(p),
                role: roles[p],
                digest: Digest::of(&[]),
                connected: self
                    .agents
                    .iter()
                    .find(|a| a.party == p && a.connected)
                    .map(|a| a.instance.clone()),
                away_since: self.now,
                never_connected: false,
                disabled: false,
            })
            .collect();
        let new = NewRun {
            id: hex(self.runs),
            task: hex::<TaskId>(1),
            number: u32::from(self.runs),
            retry_of: None,
            started_by: None,
            inputs: None,
            retries_left: 0,
            not_before: self.now,
            framework: Framework::Generic,
            rules,
            stop_grace_s: 1,
            members,
        };
        let (run, _) = Run::new(new, self.now);
        self.db.runs.push(run);
        let last = self.db.runs.len() - 1;
        self.send_desired(last, None);
    }

    /// Applies one input to one run and sends the changes to connected members.
    pub fn hub(&mut self, at: usize, input: &HubInput) {
        let before = self.db.runs[at].clone();
        if let Ok((after, _)) = step(&before, input, self.now) {
            self.db.runs[at] = after;
            self.send_desired(at, Some(&before));
        }
    }

    fn send_desired(&mut self, at: usize, before: Option<&Run>) {
        for member in self.db.runs[at].members.clone() {
            let same = before.and_then(|run| run.member(&member.party)).is_some_and(|old| {
                (old.attempt, old.generation) == (member.attempt, member.generation)
            });
            if !same && !member.settled {
                self.assign(at, &member);
            }
        }
    }

    fn assign(&mut self, at: usize, member: &HubMember) {
        let run = &self.db.runs[at];
        let p = index(&member.party);
        if member.desired == DesiredPhase::Running {
            self.granted.insert((run.id.clone(), p, member.attempt));
        }
        let desired = DesiredMember {
            run: run.id.clone(),
            task: run.task.clone(),
            attempt: member.attempt,
            generation: member.generation,
            phase: member.desired,
            digest: Some(member.digest.clone()),
            bindings: BTreeMap::new(),
            orphan: false,
            released: member.desired == DesiredPhase::Stopped && !member.required,
            task_name: String::new(),
            run_number: 0,
        };
        if let Some(agent) = self.agents.iter_mut().find(|a| a.party == p && a.connected) {
            agent.to_agent.push_back(ToAgent::Assign(desired));
        }
    }

    /// True if this agent would connect and the hub would accept its session.
    pub fn may_connect(&self, i: usize) -> bool {
        let agent = &self.agents[i];
        !agent.connected
            && agent.unknown().is_empty()
            && !self.agents.iter().any(|a| a.party == agent.party && a.connected)
    }

    pub fn connect(&mut self, i: usize) {
        let (p, instance) = (self.agents[i].party, self.agents[i].instance.clone());
        self.db.instances.insert(p, instance.clone());
        // The hub stores the contact before it sends a message.
        for at in 0..self.db.runs.len() {
            self.hub(at, &HubInput::Connected { party: party(p), instance: instance.clone() });
        }
        let incarnation = self.incarnation;
        self.agents[i].connected = true;
        for at in 0..self.db.runs.len() {
            if let Some(member) = self.db.runs[at].member(&party(p)).filter(|m| !m.settled).cloned()
            {
                self.assign(at, &member);
            }
        }
        let now = self.now;
        let agent = &mut self.agents[i];
        agent.knows_us = agent.core.oldest_incarnation() == incarnation;
        agent.seen_incarnation = incarnation;
        agent.apply(Input::Connected { incarnation }, now);
        agent.to_hub.clear();
        let open = agent.core.members().map(|m| agent.report(m));
        let settled = agent
            .journal
            .values()
            .filter(|m| m.settled && agent.core.member(&m.run).is_none())
            .map(|m| agent.report(m));
        let set: Vec<ToHub> = open.chain(settled).collect();
        // Reports of members that are settled on both sides change nothing: without them the model
        // is smaller.
        let known = |report: &ToHub| {
            self.db
                .runs
                .iter()
                .any(|r| r.id == report.run && r.member(&party(p)).is_some_and(|m| m.settled))
        };
        let news: Vec<ToHub> = set
            .into_iter()
            .filter(|report| {
                !report.report.phase.is_terminal()
                    || !known(report)
                    || agent.core.member(&report.run).is_some()
            })
            .collect();
        agent.to_hub.extend(news);
    }

    /// The connection breaks; the messages in transit are lost.
    pub fn disconnect(&mut self, i: usize) {
        let now = self.now;
        let agent = &mut self.agents[i];
        agent.connected = false;
        agent.to_agent.clear();
        agent.to_hub.clear();
        agent.apply(Input::Disconnected, now);
        let p = agent.party;
        for at in 0..self.db.runs.len() {
            self.hub(at, &HubInput::Away { party: party(p), since: now });
        }
    }

    pub fn deliver_to_agent(&mut self, i: usize, message: ToAgent) {
        let now = self.now;
        let agent = &mut self.agents[i];
        match message {
            ToAgent::Assign(desired) => {
                if agent.core.member(&desired.run).is_none()
                    && let Some(member) = agent.journal.get(&desired.run).cloned()
                {
                    let mut out = Transition::default();
                    agent.core.restore_settled(member, &mut out);
                    agent.take(out);
                }
                let verdict = (desired.phase != DesiredPhase::Stopped)
                    .then(|| Admission::Admit(Needs::default()));
                agent.apply(Input::DesiredReceived(desired, verdict), now);
            }
            ToAgent::Settled { run, attempt } => {
                agent.apply(Input::ReportAcked { run, attempt, settled: true }, now)
            }
        }
    }

    pub fn deliver_to_hub(&mut self, i: usize, ToHub { run, report }: ToHub) {
        let p = self.agents[i].party;
        let answer = |world: &mut Self, settled: bool| {
            if settled {
                world.agents[i]
                    .to_agent
                    .push_back(ToAgent::Settled { run: run.clone(), attempt: report.attempt });
            }
        };
        if let Some(at) = self.db.runs.iter().position(|r| r.id == run) {
            self.hub(at, &HubInput::Report { party: party(p), report: report.clone() });
            let settled = self.db.runs[at].member(&party(p)).is_some_and(|m| m.settled);
            answer(self, settled);
        } else if report.phase.is_terminal() {
            answer(self, true);
        } else if self.operator || self.agents[i].knows_us {
            if !self.operator {
                // In this model a hub loses a run only by a restore.
                self.broken = Some(format!(
                    "{run} was created before the restore, but the hub stops it as an unknown run"
                ));
            }
            let generation = report.observed_generation + 1;
            let desired = DesiredMember {
                run: run.clone(),
                task: hex(1),
                attempt: report.attempt,
                generation,
                phase: DesiredPhase::Stopped,
                digest: None,
                bindings: BTreeMap::new(),
                orphan: true,
                released: false,
                task_name: String::new(),
                run_number: 0,
            };
            self.agents[i].to_agent.push_back(ToAgent::Assign(desired));
        }
    }

    /// The agent performs its next journaled action. The error is a violated invariant.
    pub fn act(&mut self, i: usize) -> Result<(), String> {
        let now = self.now;
        let Some(action) = self.agents[i].todo.pop_front() else { return Ok(()) };
        let agent = &mut self.agents[i];
        let written = agent
            .journal
            .get(&action.key().run)
            .filter(|m| m.attempt == action.key().attempt)
            .map(|m| m.work);
        let least = match action {
            Action::Hold(_) => WorkStage::Holding,
            Action::Start(_) => WorkStage::Started,
            Action::Stop(..) | Action::Forget(_) => WorkStage::None,
        };
        if least != WorkStage::None && written.is_none_or(|work| work < least) {
            return Err(format!("{action:?} was done before it was written"));
        }
        let refuse = |agent: &mut Agent, key: WorkKey| {
            agent.apply(
                Input::RequestRefused(key, Reason::new(ReasonCode::RuntimeError, "refused")),
                now,
            );
        };
        match action {
            Action::Hold(key) => match agent.machine.get(&key) {
                None | Some(Machine::Held) => {
                    agent.machine.insert(key.clone(), Machine::Held);
                    agent.unseen.insert(key);
                }
                Some(_) => refuse(agent, key),
            },
            Action::Start(key) => match agent.machine.get(&key) {
                Some(Machine::Held) => {
                    let start = (key.run.clone(), agent.party, key.attempt);
                    if !self.granted.contains(&start) {
                        return Err(format!("{start:?} was started though no hub committed it"));
                    }
                    if !self.started.insert(start.clone()) {
                        return Err(format!("{start:?} was started twice"));
                    }
                    agent.machine.insert(key.clone(), Machine::Running { stopping: false });
                    agent.unseen.insert(key);
                }
                None | Some(Machine::Burnt) => refuse(agent, key),
                Some(_) => {}
            },
            Action::Stop(key, _) => agent.stop(&key),
            Action::Forget(key) => {
                if matches!(agent.machine.get(&key), Some(Machine::Held | Machine::Running { .. }))
                {
                    return Err(format!("{key:?} was forgotten alive"));
                }
                agent.machine.insert(key.clone(), Machine::Burnt);
                agent.unseen.remove(&key);
            }
        }
        Ok(())
    }

    /// Performs all pending actions and lets agents observe the results at once, except the ends of
    /// workloads.
    pub fn settle_actions(&mut self) -> Result<(), String> {
        for i in 0..self.agents.len() {
            loop {
                while !self.agents[i].todo.is_empty() {
                    self.act(i)?;
                }
                let agent = &self.agents[i];
                let ended =
                    |key: &&WorkKey| matches!(agent.machine.get(*key), Some(Machine::Ended(_)));
                if let Some(key) = agent.absent.first().cloned() {
                    self.observe_absent(i, &key);
                } else if let Some(key) = agent.unseen.iter().find(|key| !ended(key)).cloned() {
                    self.observe(i, &key);
                } else {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The agent observes the current state of a key.
    pub fn observe(&mut self, i: usize, key: &WorkKey) {
        let now = self.now;
        let agent = &mut self.agents[i];
        agent.unseen.remove(key);
        let state = match agent.machine.get(key) {
            Some(Machine::Held) => WorkState::Held(Held::default()),
            Some(Machine::Running { .. }) => WorkState::Running,
            Some(Machine::Ended(state)) => state.clone(),
            Some(Machine::Burnt) | None => return,
        };
        agent.apply(Input::WorkObserved(key.clone(), state), now);
    }

    pub fn observe_absent(&mut self, i: usize, key: &WorkKey) {
        let now = self.now;
        let agent = &mut self.agents[i];
        agent.absent.remove(key);
        agent.apply(Input::WorkObserved(key.clone(), WorkState::Absent), now);
    }

    /// A workload exits with `code`, or is stopped if `code` is `None`.
    pub fn end(&mut self, i: usize, key: &WorkKey, code: Option<i32>) {
        let agent = &mut self.agents[i];
        let reason = code.is_none().then(|| Reason::new(ReasonCode::StopRequested, "stopped"));
        let at = Timestamp(0);
        let exit = Exit {
            code,
            signal: code.is_none().then_some(15),
            reason,
            last_lines: Vec::new(),
            started_at: at,
            finished_at: at,
        };
        agent.machine.insert(key.clone(), Machine::Ended(WorkState::Exited(exit)));
        agent.unseen.insert(key.clone());
    }

    pub fn lose_journal(&mut self, i: usize) {
        let instance = self.new_instance();
        let agent = &mut self.agents[i];
        agent.journal.clear();
        agent.instance = instance;
        agent.seen_incarnation = 0;
        agent.crash(self.now);
    }

    /// Restores the hub's database from the backup.
    pub fn restore(&mut self) {
        let Some(backup) = self.backup.take() else { return };
        for i in 0..self.agents.len() {
            if self.agents[i].connected {
                self.disconnect(i);
            }
        }
        self.db = backup;
        self.incarnation += 1;
        for at in 0..self.db.runs.len() {
            for p in 0..2 {
                self.hub(at, &HubInput::Away { party: party(p), since: self.now });
            }
        }
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        let runs = self.db.runs.iter().filter_map(next_due);
        runs.chain(self.agents.iter().filter_map(|a| a.core.next_due()).map(wall))
            .filter(|due| *due > self.now)
            .min()
    }

    pub fn pass_time(&mut self, to: Timestamp) {
        self.now = to;
        for at in 0..self.db.runs.len() {
            self.hub(at, &HubInput::Tick);
        }
        for agent in &mut self.agents {
            agent.apply(Input::Tick, to);
        }
    }

    /// Checks the invariants of every state.
    pub fn check(&self) -> Result<(), String> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        for agent in &self.agents {
            let running: Vec<_> = agent.running().collect();
            if running.len() > 1 {
                return Err(format!(
                    "two live members of one task at {}: {running:?}",
                    party(agent.party)
                ));
            }
        }
        for run in &self.db.runs {
            for member in run.members.iter().filter(|m| m.settled) {
                let owners = self.agents.iter().filter(|a| {
                    a.party == index(&member.party) && member.instance.as_ref() == Some(&a.instance)
                });
                if let Some(key) = owners.flat_map(|a| a.alive()).find(|key| key.run == run.id) {
                    return Err(format!("settled at {}, and {key:?} is alive", member.party));
                }
            }
            let late = |m: &&HubMember| {
                m.required && m.role == Role::Trainer && m.phase != MemberPhase::Succeeded
            };
            if run.phase == RunPhase::Succeeded
                && let Some(member) = run.members.iter().find(late)
            {
                return Err(format!("succeeded though {} is {}", member.party, member.phase));
            }
            let impossible = |m: &&HubMember| m.settled && !m.phase.is_terminal();
            if let Some(member) = run.members.iter().find(impossible) {
                return Err(format!("{} settled in phase {}", member.party, member.phase));
            }
        }
        Ok(())
    }

    /// True if all runs are settled and no connected agent has a member or a live key.
    pub fn is_over(&self) -> bool {
        self.db.runs.iter().all(|r| r.phase.is_terminal() && r.is_settled())
            && self
                .agents
                .iter()
                .filter(|a| a.connected)
                .all(|a| a.core.members().next().is_none() && a.alive().next().is_none())
    }
}
