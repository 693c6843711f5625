//! What a sidecar does next: a pure step from (state, input, now) to effects, so that every order of events can be
//! tried without a process.
//!
//! ```text
//! held ──start──▶ running ──stop, deadline, own end──▶ ending ──nothing alive──▶ over (exit written)
//!   └─stop, alone too long, directory gone──▶ over (nothing has run)
//! ```
//!
//! What it keeps true: the workload is launched at most once; `Finish` is said only after the main process has ended
//! and no descendant is left; the first cause of an end wins.
//!
//! `now` is monotonic time: the longest runtime does not count a suspend of the machine, in which the workload does not run
//! either. After a pause of this process alone the agent, and a workload that was asked to end, have their time anew: it
//! cannot be known whether they were paused, too.

use std::time::Duration;

use flow_domain::member::{Reason, ReasonCode};

/// Pause between two rounds of SIGKILL, for descendants born while the round before went on.
const KILL_AGAIN: Duration = Duration::from_millis(50);

/// Exit status by which a workload says that it lost the other side.
const STATUS_PEER_LOST: i32 = 71;

/// How the main process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It exited.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Whether an agent is connected has changed.
    AgentPresent(bool),
    /// The agent wants it started, with these limits.
    Start {
        /// Longest time it may run.
        limit: Duration,
        /// Time between the polite and the hard end when the limit is reached.
        grace: Duration,
    },
    /// It could not be started; no process was made.
    NotStarted(Reason),
    /// The agent wants it ended.
    Stop {
        /// Time between the polite and the hard end.
        grace: Duration,
    },
    /// The machine wants this process to end.
    Terminated,
    /// The main process has ended.
    MainEnded(Ended),
    /// No descendant is alive.
    Emptied,
    /// The run directory is gone: nobody will ever ask.
    DirGone,
    /// This process did not run for a while: stopped, frozen or starved.
    Resumed,
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write `started`, then spawn.
    Spawn,
    /// SIGTERM to every descendant.
    Terminate,
    /// SIGKILL to every descendant.
    Kill,
    /// Write `exit`, then leave.
    Finish {
        /// How the main process ended; `None` if it never began.
        ended: Option<Ended>,
        /// Why.
        reason: Option<Reason>,
    },
    /// Leave without a word.
    Leave,
}

#[derive(Debug)]
enum Phase {
    Held { alone_since: Option<Duration>, hold_max: Duration },
    Running(Running),
    Over,
}

#[derive(Debug)]
struct Running {
    deadline: Option<Duration>,
    grace: Duration,
    /// The grace under way, between the polite and the hard end.
    ending: Option<Duration>,
    kill_at: Option<Duration>,
    why: Option<Reason>,
    main: Option<Ended>,
    unwanted: bool,
}

/// The state of one sidecar.
#[derive(Debug)]
pub struct Supervision(Phase);

impl Supervision {
    /// A hold, begun now and without an agent.
    #[must_use]
    pub fn new(now: Duration, hold_max: Duration) -> Self {
        Self(Phase::Held { alone_since: Some(now), hold_max })
    }

    /// Nothing has been started yet.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self.0, Phase::Held { .. })
    }

    /// When `Tick` will have something to say, at the latest.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        match &self.0 {
            Phase::Held { alone_since, hold_max } => {
                alone_since.map(|since| since.saturating_add(*hold_max))
            }
            Phase::Running(Running { kill_at: Some(at), .. }) => Some(*at),
            Phase::Running(Running { deadline, .. }) => *deadline,
            Phase::Over => None,
        }
    }

    /// Take one input.
    pub fn step(&mut self, input: Input, now: Duration) -> Vec<Effect> {
        match &mut self.0 {
            Phase::Held { alone_since, hold_max } => match input {
                Input::AgentPresent(present) => {
                    *alone_since = (!present).then_some(now);
                    Vec::new()
                }
                Input::Start { limit, grace } => {
                    self.0 = Phase::Running(Running {
                        deadline: now.checked_add(limit),
                        grace,
                        ending: None,
                        kill_at: None,
                        why: None,
                        main: None,
                        unwanted: false,
                    });
                    vec![Effect::Spawn]
                }
                Input::Resumed => {
                    *alone_since = alone_since.map(|_| now);
                    Vec::new()
                }
                Input::Tick
                    if alone_since.is_none_or(|since| now < since.saturating_add(*hold_max)) =>
                {
                    Vec::new()
                }
                Input::Tick | Input::Stop { .. } | Input::Terminated | Input::DirGone => {
                    self.0 = Phase::Over;
                    vec![Effect::Leave]
                }
                Input::NotStarted(_) | Input::MainEnded(_) | Input::Emptied => Vec::new(),
            },
            Phase::Running(running) => {
                let effects = running.step(input, now);
                if effects
                    .iter()
                    .any(|effect| matches!(effect, Effect::Finish { .. } | Effect::Leave))
                {
                    self.0 = Phase::Over;
                }
                effects
            }
            Phase::Over => Vec::new(),
        }
    }
}

impl Running {
    fn step(&mut self, input: Input, now: Duration) -> Vec<Effect> {
        match input {
            Input::AgentPresent(_) | Input::Start { .. } => Vec::new(),
            Input::NotStarted(reason) => vec![Effect::Finish { ended: None, reason: Some(reason) }],
            Input::Stop { grace } => self.end(
                now,
                grace,
                Reason::new(ReasonCode::StopRequested, "ended because a stop was requested"),
            ),
            Input::Terminated => {
                let text = "ended because the machine shut down or somebody ended the supervisor (SIGTERM)";
                self.end(now, self.grace, Reason::new(ReasonCode::RuntimeError, text))
            }
            Input::DirGone => {
                self.unwanted = true;
                self.kill(now)
            }
            Input::MainEnded(ended) => {
                self.main = Some(ended);
                self.kill(now)
            }
            Input::Emptied => match self.main {
                Some(_) if self.unwanted => vec![Effect::Leave],
                Some(ended) => vec![Effect::Finish {
                    ended: Some(ended),
                    reason: self.why.take().or_else(|| verdict(ended)),
                }],
                None => Vec::new(),
            },
            Input::Resumed => {
                if let Some(grace) = self.ending {
                    self.kill_at = Some(now.saturating_add(grace));
                }
                Vec::new()
            }
            Input::Tick if self.kill_at.is_some_and(|at| now >= at) => self.kill(now),
            Input::Tick if self.kill_at.is_none() && self.deadline.is_some_and(|at| now >= at) => {
                let text =
                    "ran longer than its longest runtime; raise max_runtime or make it faster";
                self.end(now, self.grace, Reason::new(ReasonCode::MaxRuntimeExceeded, text))
            }
            Input::Tick => Vec::new(),
        }
    }

    /// Begin the end, or hasten it. An end after the main process's own is no cause any more.
    fn end(&mut self, now: Duration, grace: Duration, why: Reason) -> Vec<Effect> {
        let kill_at = now.saturating_add(grace);
        if self.kill_at.is_none() || self.ending.is_some() {
            self.ending = Some(self.ending.map_or(grace, |known| known.min(grace)));
        }
        match &mut self.kill_at {
            Some(at) => {
                *at = kill_at.min(*at);
                Vec::new()
            }
            None => {
                self.kill_at = Some(kill_at);
                self.why = Some(why);
                vec![Effect::Terminate]
            }
        }
    }

    fn kill(&mut self, now: Duration) -> Vec<Effect> {
        self.ending = None;
        self.kill_at = Some(now.saturating_add(KILL_AGAIN));
        vec![Effect::Kill]
    }
}

/// What the end of a workload means that nobody had asked to end.
fn verdict(ended: Ended) -> Option<Reason> {
    match ended {
        Ended::Code(0) => None,
        Ended::Code(STATUS_PEER_LOST) => {
            let text = format!(
                "exited with status {STATUS_PEER_LOST}: it lost the other side; a new run may go better"
            );
            Some(Reason::new(ReasonCode::PeerLost, text))
        }
        Ended::Code(code) => Some(Reason::new(
            ReasonCode::ExitNonzero,
            format!("exited with status {code}; its log says why"),
        )),
        Ended::Signal(signal) => {
            let text = format!("ended by signal {signal}; 9 often means that memory ran out");
            Some(Reason::new(ReasonCode::ExitSignal, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn running() -> Supervision {
        let mut it = Supervision::new(s(0), s(600));
        assert_eq!(it.step(Input::Start { limit: s(100), grace: s(5) }, s(1)), [Effect::Spawn]);
        it
    }

    fn code_of(effects: &[Effect]) -> Option<ReasonCode> {
        match effects {
            [Effect::Finish { reason, .. }] => reason.as_ref().map(|reason| reason.code),
            other => panic!("not finished: {other:?}"),
        }
    }

    #[test]
    fn a_hold_without_an_agent_is_let_go_and_one_with_an_agent_never() {
        let mut it = Supervision::new(s(0), s(600));
        assert_eq!(it.step(Input::AgentPresent(true), s(1)), []);
        assert_eq!(it.step(Input::Tick, s(100_000)), []);
        assert_eq!(it.step(Input::AgentPresent(false), s(100_000)), []);
        assert_eq!(it.next(), Some(s(100_600)));
        assert_eq!(it.step(Input::Tick, s(100_599)), []);
        assert_eq!(it.step(Input::Tick, s(100_600)), [Effect::Leave]);
        assert_eq!(it.step(Input::Start { limit: s(1), grace: s(1) }, s(100_601)), [], "too late");
    }

    #[test]
    fn it_is_launched_once_however_often_it_is_told() {
        let mut it = running();
        assert_eq!(it.step(Input::Start { limit: s(1), grace: s(1) }, s(2)), []);
    }

    #[test]
    fn it_finishes_only_when_main_has_ended_and_nothing_is_left() {
        let mut it = running();
        assert_eq!(it.step(Input::Emptied, s(2)), []);
        assert_eq!(it.step(Input::MainEnded(Ended::Code(0)), s(3)), [Effect::Kill]);
        assert_eq!(it.step(Input::Tick, s(4)), [Effect::Kill], "again, for late children");
        assert_eq!(
            it.step(Input::Emptied, s(5)),
            [Effect::Finish { ended: Some(Ended::Code(0)), reason: None }]
        );
        assert_eq!(it.step(Input::Emptied, s(6)), []);
    }

    #[test]
    fn the_end_of_a_workload_is_told_by_its_status() {
        for (ended, code) in [
            (Ended::Code(0), None),
            (Ended::Code(1), Some(ReasonCode::ExitNonzero)),
            (Ended::Code(71), Some(ReasonCode::PeerLost)),
            (Ended::Signal(9), Some(ReasonCode::ExitSignal)),
        ] {
            let mut it = running();
            it.step(Input::MainEnded(ended), s(2));
            assert_eq!(code_of(&it.step(Input::Emptied, s(2))), code, "{ended:?}");
        }
    }

    #[test]
    fn a_stop_is_polite_first_and_a_second_stop_can_only_hasten_it() {
        let mut it = running();
        assert_eq!(it.step(Input::Stop { grace: s(30) }, s(10)), [Effect::Terminate]);
        assert_eq!(it.step(Input::Stop { grace: s(60) }, s(11)), []);
        assert_eq!(it.next(), Some(s(40)));
        assert_eq!(it.step(Input::Stop { grace: s(1) }, s(12)), []);
        assert_eq!(it.step(Input::Tick, s(13)), [Effect::Kill]);
        it.step(Input::MainEnded(Ended::Signal(9)), s(13));
        assert_eq!(code_of(&it.step(Input::Emptied, s(13))), Some(ReasonCode::StopRequested));
    }

    #[test]
    fn the_longest_runtime_ends_it_and_an_earlier_stop_stays_the_cause() {
        let mut it = running();
        assert_eq!(it.step(Input::Tick, s(100)), []);
        assert_eq!(it.step(Input::Tick, s(101)), [Effect::Terminate]);
        assert_eq!(it.step(Input::Stop { grace: s(0) }, s(102)), []);
        it.step(Input::MainEnded(Ended::Signal(15)), s(102));
        assert_eq!(code_of(&it.step(Input::Emptied, s(102))), Some(ReasonCode::MaxRuntimeExceeded));
    }

    #[test]
    fn b6_after_a_pause_the_agent_and_a_workload_that_is_to_end_have_their_whole_time_again() {
        let mut it = Supervision::new(s(0), s(600));
        assert_eq!(it.step(Input::Resumed, s(5_000)), []);
        assert_eq!(it.step(Input::Tick, s(5_599)), []);
        assert_eq!(it.step(Input::Tick, s(5_600)), [Effect::Leave]);

        let mut it = running();
        assert_eq!(it.step(Input::Stop { grace: s(30) }, s(10)), [Effect::Terminate]);
        assert_eq!(it.step(Input::Resumed, s(90)), []);
        assert_eq!(it.step(Input::Tick, s(119)), []);
        assert_eq!(it.step(Input::Tick, s(120)), [Effect::Kill]);
        assert_eq!(it.step(Input::Resumed, s(200)), []);
        assert_eq!(
            it.step(Input::Tick, s(200)),
            [Effect::Kill],
            "the hard end does not become polite again"
        );
    }

    #[test]
    fn a_stop_that_comes_after_the_end_is_not_its_cause() {
        let mut it = running();
        it.step(Input::MainEnded(Ended::Code(0)), s(2));
        assert_eq!(it.step(Input::Stop { grace: s(9) }, s(2)), []);
        assert_eq!(code_of(&it.step(Input::Emptied, s(2))), None);
    }

    #[test]
    fn with_the_directory_gone_everything_dies_and_nothing_is_written() {
        let mut it = running();
        assert_eq!(it.step(Input::DirGone, s(2)), [Effect::Kill]);
        it.step(Input::MainEnded(Ended::Signal(9)), s(2));
        assert_eq!(it.step(Input::Emptied, s(2)), [Effect::Leave]);
    }

    #[test]
    fn a_failed_start_ends_at_once_with_its_reason() {
        let mut it = running();
        let reason = Reason::new(ReasonCode::SpawnFailed, "no such program");
        assert_eq!(
            code_of(&it.step(Input::NotStarted(reason), s(1))),
            Some(ReasonCode::SpawnFailed)
        );
    }
}
