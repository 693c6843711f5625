//! The state machine of a sidecar: a pure step from (state, input, now) to effects, so that tests
//! can try every order of events without a process.
//!
//! ```text
//!  held ──start──▶ running ──stop, deadline, own end──▶ ending ──nothing alive──▶ over (exit written)
//!    └─stop, no agent for too long, directory gone──▶ over (nothing ran)
//! ```
//!
//! Guarantees: the workload is spawned at most once; `Finish` follows only after the main process
//! ended and no descendant is left; the first cause of an end is the reported one.
//!
//! `now` is monotonic time: the longest runtime does not include suspend, in which the workload
//! does not run. After a stall of this process alone, the time without an agent and the grace
//! period start again, because agent and workload may have stalled, too.

use std::time::Duration;

use flow_domain::member::{Reason, ReasonCode};

/// Delay between two rounds of SIGKILL, for descendants that were forked during the previous round.
const KILL_PERIOD: Duration = Duration::from_millis(50);

/// Exit status of a workload that lost the connection to its peer.
const STATUS_PEER_LOST: i32 = 71;

/// The exit of the main process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MainExit {
    Code(i32),
    Signal(i32),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An agent connected (`true`), or the last one disconnected.
    AgentPresent(bool),
    /// The agent requests the start.
    Start {
        /// Limit of the running time.
        limit: Duration,
        /// Time between SIGTERM and SIGKILL at the limit.
        grace: Duration,
    },
    /// The start failed; no process was created.
    NotStarted(Reason),
    /// The agent requests the end.
    Stop {
        /// Time between SIGTERM and SIGKILL.
        grace: Duration,
    },
    /// This process got SIGTERM.
    Terminated,
    MainEnded(MainExit),
    /// No descendant is alive.
    Emptied,
    /// The run directory is gone, so no agent can read the exit.
    DirGone,
    /// This process did not run for a while: it was stopped, frozen or starved.
    Resumed,
    /// Time has passed.
    Tick,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write `started`, then spawn the workload.
    Spawn,
    /// Send SIGTERM to every descendant.
    Terminate,
    /// Send SIGKILL to every descendant.
    Kill,
    /// Write `exit`, then exit.
    Finish {
        /// The exit of the main process; `None` if it never started.
        exit: Option<MainExit>,
        reason: Option<Reason>,
    },
    /// Exit without writing.
    Leave,
}

#[derive(Debug)]
enum Phase {
    Held { unattended_since: Option<Duration>, hold_max: Duration },
    Running(Running),
    Over,
}

#[derive(Debug)]
struct Running {
    deadline: Option<Duration>,
    grace: Duration,
    /// The grace period between SIGTERM and SIGKILL, while it runs.
    grace_period: Option<Duration>,
    kill_at: Option<Duration>,
    /// The first cause of the end.
    reason: Option<Reason>,
    main: Option<MainExit>,
    is_dir_gone: bool,
}

/// The state of one sidecar.
#[derive(Debug)]
pub struct Supervision(Phase);

impl Supervision {
    /// A new hold without an agent.
    #[must_use]
    pub fn new(now: Duration, hold_max: Duration) -> Self {
        Self(Phase::Held { unattended_since: Some(now), hold_max })
    }

    /// True before the start.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self.0, Phase::Held { .. })
    }

    /// Time of the next `Tick` that may have an effect.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        match &self.0 {
            Phase::Held { unattended_since, hold_max } => {
                unattended_since.map(|since| since.saturating_add(*hold_max))
            }
            Phase::Running(Running { kill_at: Some(at), .. }) => Some(*at),
            Phase::Running(Running { deadline, .. }) => *deadline,
            Phase::Over => None,
        }
    }

    /// Handles one input and returns the effects to perform, in order.
    pub fn step(&mut self, input: Input, now: Duration) -> Vec<Effect> {
        match &mut self.0 {
            Phase::Held { unattended_since, hold_max } => match input {
                Input::AgentPresent(present) => {
                    *unattended_since = (!present).then_some(now);
                    Vec::new()
                }
                Input::Start { limit, grace } => {
                    self.0 = Phase::Running(Running {
                        deadline: now.checked_add(limit),
                        grace,
                        grace_period: None,
                        kill_at: None,
                        reason: None,
                        main: None,
                        is_dir_gone: false,
                    });
                    vec![Effect::Spawn]
                }
                Input::Resumed => {
                    *unattended_since = unattended_since.map(|_| now);
                    Vec::new()
                }
                Input::Tick
                    if unattended_since
                        .is_none_or(|since| now < since.saturating_add(*hold_max)) =>
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
            Input::NotStarted(reason) => vec![Effect::Finish { exit: None, reason: Some(reason) }],
            Input::Stop { grace } => self.end(
                now,
                grace,
                Reason::new(ReasonCode::StopRequested, "ended because a stop was requested"),
            ),
            Input::Terminated => {
                let text = "ended because the party's machine shut down or another process ended \
                            the sidecar (SIGTERM); start a new run";
                self.end(now, self.grace, Reason::new(ReasonCode::RuntimeError, text))
            }
            Input::DirGone => {
                self.is_dir_gone = true;
                self.kill(now)
            }
            Input::MainEnded(exit) => {
                self.main = Some(exit);
                self.kill(now)
            }
            Input::Emptied => match self.main {
                Some(_) if self.is_dir_gone => vec![Effect::Leave],
                Some(exit) => vec![Effect::Finish {
                    exit: Some(exit),
                    reason: self.reason.take().or_else(|| reason_of_exit(exit)),
                }],
                None => Vec::new(),
            },
            Input::Resumed => {
                if let Some(grace) = self.grace_period {
                    self.kill_at = Some(now.saturating_add(grace));
                }
                Vec::new()
            }
            Input::Tick if self.kill_at.is_some_and(|at| now >= at) => self.kill(now),
            Input::Tick if self.kill_at.is_none() && self.deadline.is_some_and(|at| now >= at) => {
                let text = "ran longer than max_runtime_s; raise max_runtime_s or make the training shorter";
                self.end(now, self.grace, Reason::new(ReasonCode::MaxRuntimeExceeded, text))
            }
            Input::Tick => Vec::new(),
        }
    }

    /// Starts the end, or brings SIGKILL forward. A request after the main process's exit is not
    /// its cause.
    fn end(&mut self, now: Duration, grace: Duration, reason: Reason) -> Vec<Effect> {
        let kill_at = now.saturating_add(grace);
        if self.kill_at.is_none() || self.grace_period.is_some() {
            self.grace_period = Some(self.grace_period.map_or(grace, |known| known.min(grace)));
        }
        match &mut self.kill_at {
            Some(at) => {
                *at = kill_at.min(*at);
                Vec::new()
            }
            None => {
                self.kill_at = Some(kill_at);
                self.reason = Some(reason);
                vec![Effect::Terminate]
            }
        }
    }

    fn kill(&mut self, now: Duration) -> Vec<Effect> {
        self.grace_period = None;
        self.kill_at = Some(now.saturating_add(KILL_PERIOD));
        vec![Effect::Kill]
    }
}

/// The reason of an exit that was not requested; `None` for a success.
fn reason_of_exit(exit: MainExit) -> Option<Reason> {
    match exit {
        MainExit::Code(0) => None,
        MainExit::Code(STATUS_PEER_LOST) => {
            let text = format!(
                "exited with status {STATUS_PEER_LOST}: it lost the connection to its peer; start a \
                 new run"
            );
            Some(Reason::new(ReasonCode::PeerLost, text))
        }
        MainExit::Code(code) => {
            Some(Reason::new(ReasonCode::ExitNonzero, format!("exited with status {code}")))
        }
        MainExit::Signal(signal) => {
            let text = format!(
                "ended by signal {signal}; read its log for the cause. Signal 9 often means that \
                 the machine or a limit of the service ran out of memory"
            );
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
    fn hold_is_released_only_without_an_agent() {
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
    fn repeated_start_spawns_once() {
        let mut it = running();
        assert_eq!(it.step(Input::Start { limit: s(1), grace: s(1) }, s(2)), []);
    }

    #[test]
    fn finish_requires_the_exit_of_main_and_no_descendants() {
        let mut it = running();
        assert_eq!(it.step(Input::Emptied, s(2)), []);
        assert_eq!(it.step(Input::MainEnded(MainExit::Code(0)), s(3)), [Effect::Kill]);
        assert_eq!(it.step(Input::Tick, s(4)), [Effect::Kill], "again, for late forks");
        assert_eq!(
            it.step(Input::Emptied, s(5)),
            [Effect::Finish { exit: Some(MainExit::Code(0)), reason: None }]
        );
        assert_eq!(it.step(Input::Emptied, s(6)), []);
    }

    #[test]
    fn exit_status_determines_the_reason() {
        for (exit, code) in [
            (MainExit::Code(0), None),
            (MainExit::Code(1), Some(ReasonCode::ExitNonzero)),
            (MainExit::Code(71), Some(ReasonCode::PeerLost)),
            (MainExit::Signal(9), Some(ReasonCode::ExitSignal)),
        ] {
            let mut it = running();
            it.step(Input::MainEnded(exit), s(2));
            assert_eq!(code_of(&it.step(Input::Emptied, s(2))), code, "{exit:?}");
        }
    }

    #[test]
    fn stop_starts_with_sigterm_and_a_second_stop_can_only_bring_sigkill_forward() {
        let mut it = running();
        assert_eq!(it.step(Input::Stop { grace: s(30) }, s(10)), [Effect::Terminate]);
        assert_eq!(it.step(Input::Stop { grace: s(60) }, s(11)), []);
        assert_eq!(it.next(), Some(s(40)));
        assert_eq!(it.step(Input::Stop { grace: s(1) }, s(12)), []);
        assert_eq!(it.step(Input::Tick, s(13)), [Effect::Kill]);
        it.step(Input::MainEnded(MainExit::Signal(9)), s(13));
        assert_eq!(code_of(&it.step(Input::Emptied, s(13))), Some(ReasonCode::StopRequested));
    }

    #[test]
    fn longest_runtime_ends_the_workload_and_stays_the_reason() {
        let mut it = running();
        assert_eq!(it.step(Input::Tick, s(100)), []);
        assert_eq!(it.step(Input::Tick, s(101)), [Effect::Terminate]);
        assert_eq!(it.step(Input::Stop { grace: s(0) }, s(102)), []);
        it.step(Input::MainEnded(MainExit::Signal(15)), s(102));
        assert_eq!(code_of(&it.step(Input::Emptied, s(102))), Some(ReasonCode::MaxRuntimeExceeded));
    }

    #[test]
    fn b6_hold_time_and_grace_period_start_again_after_a_stall() {
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
            "no second grace period after SIGKILL"
        );
    }

    #[test]
    fn stop_after_the_exit_is_not_its_reason() {
        let mut it = running();
        it.step(Input::MainEnded(MainExit::Code(0)), s(2));
        assert_eq!(it.step(Input::Stop { grace: s(9) }, s(2)), []);
        assert_eq!(code_of(&it.step(Input::Emptied, s(2))), None);
    }

    #[test]
    fn without_the_directory_everything_is_killed_and_nothing_is_written() {
        let mut it = running();
        assert_eq!(it.step(Input::DirGone, s(2)), [Effect::Kill]);
        it.step(Input::MainEnded(MainExit::Signal(9)), s(2));
        assert_eq!(it.step(Input::Emptied, s(2)), [Effect::Leave]);
    }

    #[test]
    fn failed_start_finishes_with_its_reason() {
        let mut it = running();
        let reason = Reason::new(ReasonCode::SpawnFailed, "no such program");
        assert_eq!(
            code_of(&it.step(Input::NotStarted(reason), s(1))),
            Some(ReasonCode::SpawnFailed)
        );
    }
}
