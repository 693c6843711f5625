//! The event loop of the sidecar: it waits for events, passes them to `supervise`, and performs the
//! effects.

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
use super::protocol::{HoldRecord, Request, Response};
use super::rundir::{ExitRecord, Lock, RunDir, name};
use super::spawn::{Spawned, spawn, wait_any};
use super::supervise::{Effect, Input, MainExit, Supervision};
use super::{empty_response, io_reason, note};
use crate::workload::{Held, ProgressSource, StartRequest, WorkState};

/// Period of the checks that no event triggers, such as whether the run directory exists.
const TICK_PERIOD: Duration = Duration::from_secs(1);

/// Delay between two attempts to write `exit` to a full disk.
const EXIT_WRITE_RETRY_DELAY: Duration = Duration::from_millis(200);
/// Period of the event loop while the kernel rejects `poll`.
const POLL_RETRY_DELAY: Duration = Duration::from_millis(20);

/// Limit of the reads of output in one turn of the loop.
const READS_PER_TURN_MAX: usize = 16;

pub struct Sidecar {
    dir: RunDir,
    lock: Lock,
    record: HoldRecord,
    ports: HeldPorts,
    control: Control,
    supervision: Supervision,
    state: WorkState,
    work: Option<Work>,
    started_at: Timestamp,
    began: Monotonic,
    stalls: Stalls,
    stalled: Duration,
    last_check: Duration,
    has_agent: bool,
    signals: SignalFd,
    changed: Arc<EventFd>,
    buffer: Vec<u8>,
    end: Option<End>,
}

/// The end of the event loop.
enum End {
    /// The workload was started: write its exit.
    Exit(ExitRecord),
    /// Write nothing.
    Silent,
}

/// The spawned workload.
struct Work {
    spawned: Spawned,
    log: LogWriter,
    output_open: bool,
    progress: ProgressSource,
    /// `None` while its thread cannot be created.
    watcher: Option<Watcher>,
}

impl Sidecar {
    pub fn new(
        dir: RunDir,
        lock: Lock,
        record: HoldRecord,
        ports: HeldPorts,
        control: Control,
    ) -> io::Result<Self> {
        let mask = SigSet::from_iter([Signal::SIGCHLD, Signal::SIGTERM]);
        Ok(Self {
            supervision: Supervision::new(Duration::ZERO, Duration::from_secs(record.hold_max_s)),
            state: WorkState::Held(Held::on_loopback(ports.numbers().clone())),
            signals: SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?,
            changed: Arc::new(EventFd::from_value_and_flags(
                0,
                EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC,
            )?),
            began: clock::monotonic(),
            stalls: Stalls::new(),
            stalled: Duration::ZERO,
            last_check: Duration::ZERO,
            has_agent: false,
            started_at: Timestamp::default(),
            work: None,
            buffer: vec![0; 64 << 10],
            end: None,
            dir,
            lock,
            record,
            ports,
            control,
        })
    }

    /// The current state as a response.
    pub fn status(&self) -> Response {
        Response {
            state: Some(self.state.clone()),
            ports: self.ports.numbers().clone(),
            ..empty_response()
        }
    }

    /// Serves the hold, the start, the run and the end of the workload.
    pub fn run(mut self) -> io::Result<()> {
        while self.end.is_none() {
            self.wait()?;
            self.detect_stall();
            self.receive();
            self.reap();
            self.read_output();
            self.publish_progress();
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
        let until = self
            .supervision
            .next()
            .map_or(TICK_PERIOD, |at| at.saturating_sub(self.now()).min(TICK_PERIOD));
        // Rounded up: a loop that wakes before its deadline would spin.
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
            // The kernel rejects a set that is larger than the limit of open files, which another
            // process can lower. All inputs are non-blocking, so the loop can read them unasked.
            Err(Errno::EINVAL | Errno::ENOMEM) => {
                clock::sleep_blocking(POLL_RETRY_DELAY);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The loop turns at least every [`TICK_PERIOD`]: a longer gap means that this process did not
    /// run.
    fn detect_stall(&mut self) {
        let stalled = self.stalls.beat(clock::monotonic());
        if stalled > std::mem::replace(&mut self.stalled, stalled) {
            note(format_args!("the sidecar did not run for more than {} s", STALL_MIN.as_secs()));
            self.step(Input::Resumed);
        }
    }

    fn receive(&mut self) {
        for (connection, request) in self.control.receive() {
            match request {
                Request::Status => {}
                Request::Subscribe => self.control.subscribe(connection),
                Request::Start(start) if self.supervision.is_held() => self.start(&start),
                // The workload was started before: the response contains its state.
                Request::Start(_) => {}
                Request::Stop { grace_s } => {
                    self.step(Input::Stop { grace: Duration::from_secs(grace_s) });
                }
            }
            let status = self.status();
            self.control.respond(connection, &status);
        }
        self.control.flush();
        if self.has_agent != self.control.has_subscriber() {
            self.has_agent = !self.has_agent;
            self.step(Input::AgentPresent(self.has_agent));
        }
    }

    fn start(&mut self, request: &StartRequest) {
        let (limit, grace) =
            (Duration::from_secs(request.max_runtime_s), Duration::from_secs(request.stop_grace_s));
        point(Point::BeforeStarted);
        self.state = WorkState::Starting { reason: None };
        for effect in self.supervision.step(Input::Start { limit, grace }, self.now()) {
            if effect == Effect::Spawn {
                self.started_at = SystemClock.now();
                match self.spawn(request) {
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

    /// Writes `started`, then spawns the workload. After this call the key can never start again.
    fn spawn(&self, request: &StartRequest) -> Result<Work, Reason> {
        // For diagnosis; nothing depends on it.
        let _ = self.dir.write(name::LAUNCH, request);
        self.dir.write_started().map_err(|error| io_reason("record the start", &error))?;
        point(Point::AfterStarted);
        let spawned = spawn(request, &self.dir, self.record.containment)?;
        point(Point::AfterSpawn);
        let watcher = watch(&request.progress, &self.dir, &self.ports, &self.changed);
        let log = LogWriter::new(self.dir.join(name::LOG), request.log_limit_bytes);
        Ok(Work { spawned, log, output_open: true, progress: request.progress.clone(), watcher })
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
                (Effect::Finish { exit, reason }, _) => {
                    let (code, signal) = match exit {
                        Some(MainExit::Code(code)) => (Some(code), None),
                        Some(MainExit::Signal(signal)) => (None, Some(signal)),
                        None => (None, None),
                    };
                    let exit = Exit {
                        code,
                        signal,
                        reason,
                        last_lines: Vec::new(),
                        started_at: self.started_at,
                        finished_at: SystemClock.now(),
                    };
                    self.end = Some(End::Exit(ExitRecord { exit, progress: None }));
                }
                (Effect::Leave, _) => self.end = Some(End::Silent),
            }
        }
    }

    /// Reads signals, reaps dead children, and detects that no descendant is left.
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
                    inputs.push(Input::MainEnded(work.spawned.main_exit(status)));
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
            // No process is left to kill, so skip the search through all processes of the machine.
            effects = self.supervision.step(Input::Emptied, now);
        }
        self.perform(effects);
    }

    fn read_output(&mut self) {
        let Some(work) = &mut self.work else { return };
        for _ in 0..READS_PER_TURN_MAX {
            if !work.read_output(&mut self.buffer) {
                break;
            }
        }
    }

    fn publish_progress(&mut self) {
        // The event only wakes the loop; the watcher has the progress.
        let _ = self.changed.read();
        if let Some(watcher) = self.work.as_ref().and_then(|work| work.watcher.as_ref()) {
            watcher.with(|history| self.control.publish_progress(history, &self.state));
        }
    }

    fn tick(&mut self) {
        let now = self.now();
        if now >= self.last_check + TICK_PERIOD {
            self.last_check = now;
            self.control.resume_accepting();
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

    /// Writes the exit, then sends it to the agent. No process of the workload is alive.
    fn leave(mut self) {
        self.state = WorkState::Absent;
        let mut progress = None;
        if let Some(End::Exit(mut record)) = self.end.take() {
            if let Some(mut work) = self.work.take() {
                // Bounded, because a process outside of the workload may have the other end of the
                // pipe.
                for _ in 0..READS_PER_TURN_MAX {
                    if !work.read_output(&mut self.buffer) {
                        break;
                    }
                }
                if let Some(history) = work.watcher.take().map(Watcher::finish) {
                    self.control.publish_progress(&history, &WorkState::Running);
                    record.progress = history.full();
                }
                // Before the exit is written: no sweep follows an exit.
                work.spawned.container.remove();
                self.write_exit(&record, Some(&mut work.log));
            } else {
                self.write_exit(&record, None);
            }
            self.state = WorkState::Exited(record.exit);
            // The subscribers have all points.
            progress = record.progress.map(|progress| Progress { points: Vec::new(), ..progress });
        } else if let Some(work) = self.work.take() {
            work.spawned.container.remove();
        }
        let status = Response { progress, ..self.status() };
        self.control.publish(&status);
        // Before the lock is free, so that this does not remove the socket of a later sidecar.
        let _ = std::fs::remove_file(self.dir.join(name::CONTROL));
        self.control.close();
    }

    /// Retries until the exit is written; on a full disk it removes log segments.
    fn write_exit(&self, record: &ExitRecord, mut log: Option<&mut LogWriter>) {
        while let Err(error) = self.dir.write_exit(record, || point(Point::BeforeExitRename)) {
            note(format_args!("the exit could not be written, retrying: {error}"));
            if !self.dir.path().exists() {
                return;
            }
            if !log.as_mut().is_some_and(|log| log.shrink()) {
                clock::sleep_blocking(EXIT_WRITE_RETRY_DELAY);
            }
        }
        point(Point::AfterExitRename);
    }
}

/// Starts the watcher; `None` if the machine has no thread for it. A new watcher starts at the
/// beginning; subscribers do not get points again, because their cursor counts points.
fn watch(
    progress: &ProgressSource,
    dir: &RunDir,
    ports: &HeldPorts,
    changed: &Arc<EventFd>,
) -> Option<Watcher> {
    let page = StatusPage::of(progress, |port| ports.numbers().get(port).copied());
    let started = Watcher::start(metrics_file(&dir.join(name::OUTPUT)), page, Arc::clone(changed));
    started
        .inspect_err(|error| {
            note(format_args!("the progress thread could not be started, retrying: {error}"));
        })
        .ok()
}

impl Work {
    /// Reads one buffer of output. Returns `true` if there may be more.
    fn read_output(&mut self, buffer: &mut [u8]) -> bool {
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
