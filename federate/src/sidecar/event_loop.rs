//! The sidecar's loop: waits for events, asks `supervise` what they mean, and does it.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::{self, Clock as _, Monotonic, STALL_MIN, Stalls, SystemClock};
use flow_common::dir_lock::Place;
use flow_domain::member::{Exit, Reason};
use flow_domain::progress::Progress;
use flow_domain::time::Timestamp;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::control::Control;
use super::crash::{Point, point};
use super::log::LogWriter;
use super::ports::HeldPorts;
use super::progress::{StatusPage, Watcher, metrics_file};
use super::protocol::{Answer, HoldFile, Verb};
use super::rundir::{ExitRecord, Lock, RunDir, name};
use super::spawn::{Spawned, spawn, wait_any};
use super::supervise::{Effect, Ended, Input, Supervision};
use super::{answer, io_reason, note, pause};
use crate::runtime::{Held, ProgressSource, StartRequest, WorkState};

/// How often the run directory is looked for, and everything else that gives no sign of its own.
const TICK: Duration = Duration::from_secs(1);

/// Pause between two tries to write `exit` to a full disk.
const WRITE_AGAIN: Duration = Duration::from_millis(200);

/// Most output taken in one turn of the loop, in reads.
const READS_PER_TURN: usize = 16;

/// One sidecar.
pub struct Sidecar {
    dir: RunDir,
    lock: Lock,
    file: HoldFile,
    ports: HeldPorts,
    control: Control,
    supervision: Supervision,
    state: WorkState,
    work: Option<Work>,
    started_at: Timestamp,
    began: Monotonic,
    stalls: Stalls,
    stalled: Duration,
    looked: Duration,
    attended: bool,
    signals: SignalFd,
    changed: Arc<EventFd>,
    buffer: Vec<u8>,
    /// Set when all is over: the record to write, or nothing if there is nothing to tell.
    last: Option<Option<ExitRecord>>,
}

/// A workload that was spawned.
struct Work {
    spawned: Spawned,
    log: LogWriter,
    output_open: bool,
    progress: ProgressSource,
    /// `None` while its thread cannot be made.
    watcher: Option<Watcher>,
}

impl Sidecar {
    /// A sidecar that holds, and has told nobody yet.
    pub fn new(
        dir: RunDir,
        lock: Lock,
        file: HoldFile,
        ports: HeldPorts,
        control: Control,
    ) -> io::Result<Self> {
        let mask = SigSet::from_iter([Signal::SIGCHLD, Signal::SIGTERM]);
        Ok(Self {
            supervision: Supervision::new(Duration::ZERO, Duration::from_secs(file.hold_max_s)),
            state: WorkState::Held(Held::on_loopback(ports.numbers().clone())),
            signals: SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?,
            changed: Arc::new(EventFd::from_value_and_flags(
                0,
                EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC,
            )?),
            began: clock::monotonic(),
            stalls: Stalls::new(),
            stalled: Duration::ZERO,
            looked: Duration::ZERO,
            attended: false,
            started_at: Timestamp::default(),
            work: None,
            buffer: vec![0; 64 << 10],
            last: None,
            dir,
            lock,
            file,
            ports,
            control,
        })
    }

    /// What an agent is told.
    pub fn status(&self) -> Answer {
        Answer { state: Some(self.state.clone()), ports: self.ports.numbers().clone(), ..answer() }
    }

    /// Serves the hold, the start, the run and the end of the workload.
    pub fn run(mut self) -> io::Result<()> {
        while self.last.is_none() {
            self.wait()?;
            self.notice_pause();
            self.receive();
            self.reap();
            self.read_output();
            self.tell_progress();
            self.tick();
            self.control.flush();
        }
        self.leave();
        Ok(())
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn wait(&mut self) -> io::Result<()> {
        let until =
            self.supervision.next().map_or(TICK, |at| at.saturating_sub(self.now()).min(TICK));
        // Rounded up: a loop that wakes just before its deadline would spin.
        let timeout =
            PollTimeout::try_from(until + Duration::from_millis(1)).unwrap_or(PollTimeout::ZERO);
        let mut polled = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.changed.as_fd(), PollFlags::POLLIN),
        ];
        if let Some(work) = self.work.as_ref().filter(|work| work.output_open) {
            polled.push(PollFd::new(work.spawned.output.as_fd(), PollFlags::POLLIN));
        }
        for (fd, writes) in self.control.polled() {
            let flags =
                if writes { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
            polled.push(PollFd::new(fd, flags));
        }
        match poll(&mut polled, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The loop turns at least every [`TICK`]: a longer gap means that this process did not run.
    fn notice_pause(&mut self) {
        let stalled = self.stalls.beat(clock::monotonic());
        if stalled > std::mem::replace(&mut self.stalled, stalled) {
            note(format_args!("did not run for more than {} s", STALL_MIN.as_secs()));
            self.step(Input::Resumed);
        }
    }

    fn receive(&mut self) {
        for (who, verb) in self.control.receive() {
            match verb {
                Verb::Status => {}
                Verb::Subscribe => self.control.subscribe(who),
                Verb::Start(launch) if self.supervision.is_held() => self.start(&launch),
                // Started before: the answer says how it stands.
                Verb::Start(_) => {}
                Verb::Stop { grace_s } => {
                    self.step(Input::Stop { grace: Duration::from_secs(grace_s) })
                }
            }
            let status = self.status();
            self.control.answer(who, &status);
        }
        self.control.flush();
        if self.attended != self.control.has_subscriber() {
            self.attended = !self.attended;
            self.step(Input::AgentPresent(self.attended));
        }
    }

    fn start(&mut self, launch: &StartRequest) {
        let (limit, grace) =
            (Duration::from_secs(launch.max_runtime_s), Duration::from_secs(launch.stop_grace_s));
        point(Point::BeforeStarted);
        self.state = WorkState::Starting { reason: None };
        for effect in self.supervision.step(Input::Start { limit, grace }, self.now()) {
            if effect == Effect::Spawn {
                self.started_at = SystemClock.now();
                match self.launch(launch) {
                    Ok(work) => {
                        self.work = Some(work);
                        self.state = WorkState::Running;
                        let status = self.status();
                        self.control.publish(&status);
                    }
                    Err(reason) => self.step(Input::NotStarted(reason)),
                }
            }
        }
    }

    /// `started` first, only then a process. After this function has been entered, the key is used up.
    fn launch(&self, launch: &StartRequest) -> Result<Work, Reason> {
        // For people and for later agents; nothing depends on it.
        let _ = self.dir.write(name::LAUNCH, launch);
        self.dir.write_started().map_err(|error| io_reason("put down the start", &error))?;
        point(Point::AfterStarted);
        let spawned = spawn(launch, &self.dir, self.file.containment)?;
        point(Point::AfterSpawn);
        let watcher = watch(&launch.progress, &self.dir, &self.ports, &self.changed);
        let log = LogWriter::new(self.dir.join(name::LOG), launch.log_limit_bytes);
        Ok(Work { spawned, log, output_open: true, progress: launch.progress.clone(), watcher })
    }

    fn step(&mut self, input: Input) {
        let effects = self.supervision.step(input, self.now());
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match (effect, &self.work) {
                (Effect::Terminate, Some(work)) => work.spawned.container.terminate(),
                (Effect::Kill, Some(work)) => work.spawned.container.kill(),
                (Effect::Spawn | Effect::Terminate | Effect::Kill, _) => {}
                (Effect::Finish { ended, reason }, _) => {
                    let (code, signal) = match ended {
                        Some(Ended::Code(code)) => (Some(code), None),
                        Some(Ended::Signal(signal)) => (None, Some(signal)),
                        None => (None, None),
                    };
                    let exit = Exit {
                        code,
                        signal,
                        reason,
                        started_at: self.started_at,
                        finished_at: SystemClock.now(),
                    };
                    self.last = Some(Some(ExitRecord { exit, progress: None }));
                }
                (Effect::Leave, _) => self.last = Some(None),
            }
        }
    }

    /// Read signals, take dead children, and notice when none is left.
    fn reap(&mut self) {
        let mut terminated = false;
        while let Ok(Some(signal)) = self.signals.read_signal() {
            terminated |= signal.ssi_signo == Signal::SIGTERM as u32;
        }
        if terminated {
            self.step(Input::Terminated);
        }
        let Some(work) = &mut self.work else { return };
        let (mut inputs, mut emptied) = (Vec::new(), false);
        loop {
            match wait_any(libc::WNOHANG) {
                Ok(None) => break,
                Ok(Some((pid, status))) if pid == work.spawned.child.as_raw() => {
                    inputs.push(Input::MainEnded(work.spawned.ended(status)));
                }
                Ok(Some(_)) => {}
                Err(Errno::EINTR) => {}
                Err(_) => {
                    emptied = true;
                    break;
                }
            }
        }
        let now = self.now();
        let mut effects: Vec<Effect> =
            inputs.into_iter().flat_map(|input| self.supervision.step(input, now)).collect();
        if emptied {
            // Nobody is left to be killed: do not walk through all processes of the machine for it.
            effects = self.supervision.step(Input::Emptied, now);
        }
        self.perform(effects);
    }

    fn read_output(&mut self) {
        let Some(work) = &mut self.work else { return };
        for _ in 0..READS_PER_TURN {
            if !work.take_output(&mut self.buffer) {
                break;
            }
        }
    }

    fn tell_progress(&mut self) {
        // Only wakes the loop; what is new is asked of the watcher.
        let _ = self.changed.read();
        if let Some(watcher) = self.work.as_ref().and_then(|work| work.watcher.as_ref()) {
            watcher.with(|known| self.control.publish_progress(known, &self.state));
        }
    }

    fn tick(&mut self) {
        let now = self.now();
        if now >= self.looked + TICK {
            self.looked = now;
            self.control.accept_again();
            if let Some(work) = self
                .work
                .as_mut()
                .filter(|work| work.watcher.as_ref().is_none_or(Watcher::has_ended))
            {
                work.watcher = watch(&work.progress, &self.dir, &self.ports, &self.changed);
            }
            if Place::of_file(&self.dir.join(name::LOCK), self.lock.file())
                .is_ok_and(|place| place.is_gone())
            {
                note("the run directory is gone");
                self.step(Input::DirGone);
            }
        }
        self.step(Input::Tick);
    }

    /// Nothing is alive any more: tell the disk, then the agent.
    fn leave(mut self) {
        self.state = WorkState::Absent;
        let mut last = None;
        if let Some(mut record) = self.last.take().flatten() {
            if let Some(mut work) = self.work.take() {
                // Bounded: what the pipe held. Somebody outside may have been handed its other end.
                for _ in 0..READS_PER_TURN {
                    if !work.take_output(&mut self.buffer) {
                        break;
                    }
                }
                if let Some(known) = work.watcher.take().map(Watcher::finish) {
                    self.control.publish_progress(&known, &WorkState::Running);
                    record.progress = known.whole();
                }
                // Before the exit is written: after that nobody looks for it.
                work.spawned.container.remove();
                self.write_exit(&record, Some(&mut work.log));
            } else {
                self.write_exit(&record, None);
            }
            self.state = WorkState::Exited(record.exit);
            // Whoever listens has been told the points.
            last = record.progress.map(|progress| Progress { points: Vec::new(), ..progress });
        } else if let Some(work) = self.work.take() {
            work.spawned.container.remove();
        }
        let status = Answer { progress: last, ..self.status() };
        self.control.publish(&status);
        // Before the lock is free, so that no later sidecar's socket is removed.
        let _ = std::fs::remove_file(self.dir.join(name::CONTROL));
        self.control.close();
    }

    /// Does not give up: the exit is a fact, and the log makes room for it.
    fn write_exit(&self, record: &ExitRecord, mut log: Option<&mut LogWriter>) {
        while let Err(error) = self.dir.write_exit(record, || point(Point::BeforeExitRename)) {
            note(format_args!("cannot write the exit: {error}"));
            if !self.dir.path().exists() {
                return;
            }
            if !log.as_mut().is_some_and(|log| log.shrink()) {
                pause(WRITE_AGAIN);
            }
        }
        point(Point::AfterExitRename);
    }
}

/// Watches the progress, if the machine gives a thread for it. From its beginning: whoever was told points is not told them
/// again, because their number is known.
fn watch(
    progress: &ProgressSource,
    dir: &RunDir,
    ports: &HeldPorts,
    changed: &Arc<EventFd>,
) -> Option<Watcher> {
    let page = StatusPage::of(progress, |port| ports.numbers().get(port).copied());
    let started = Watcher::start(metrics_file(&dir.join(name::OUTPUT)), page, Arc::clone(changed));
    started
        .inspect_err(|error| note(format_args!("cannot watch the progress, trying again: {error}")))
        .ok()
}

impl Work {
    /// Take one buffer of output; answers whether there may be more at once.
    fn take_output(&mut self, buffer: &mut [u8]) -> bool {
        if !self.output_open {
            return false;
        }
        match self.spawned.output.read(buffer) {
            Ok(0) => {
                self.output_open = false;
                false
            }
            Ok(count) => {
                self.log.write(&buffer[..count]);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::Interrupted,
        }
    }
}
