//! `flow-federate sidecar`: the process beside one workload. It *is* the hold, then the workload's parent, and its lock
//! says that both are alive.
//!
//! ```text
//!  agent ──control.sock──▶ event loop ── supervise (pure) ──▶ spawn, container ──▶ workload
//!                             │  ▲                                                   │ output
//!                           log  └── progress (thread) ◀── status page, metrics ─────┘
//! ```
//!
//! One thread and `poll`, no async runtime: a sidecar stands beside every workload, so it stays small, and its init copy
//! (see `spawn`) needs a process without other threads. It outlives its agent and knows nothing but its run directory.
//!
//! Inside a pod Kubernetes does all of that but the progress: there it is [`native`].

pub mod container;
mod control;
pub mod crash;
mod event_loop;
pub mod log;
pub mod native;
mod ports;
mod progress;
pub mod protocol;
pub mod rundir;
mod spawn;
mod supervise;

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flow_domain::member::{Reason, ReasonCode};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{dup2_stderr, dup2_stdout, setsid};

use self::control::Control;
use self::crash::{Point, point};
use self::event_loop::Sidecar;
use self::ports::HeldPorts;
use self::protocol::{Answer, HoldFile, VERSION, line};
use self::rundir::{RunDir, name};

/// Most bytes of its own diagnostics.
const NOTES_LIMIT: usize = 64 << 10;

const USAGE: &str = "usage: flow-federate sidecar --run-dir DIR | --progress TASK (started for the agent, not by hand)";

/// Act as a sidecar if the command line says so. Called before anything else in `main`, so that a sidecar never pays for
/// the agent's command line, logging or async runtime.
#[must_use]
pub fn run_if_asked(mut args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    if args.nth(1)? != "sidecar" {
        return None;
    }
    let ran = match (args.next(), args.next(), args.next()) {
        (Some(flag), Some(dir), None) if flag == "--run-dir" => run(PathBuf::from(dir)),
        (Some(flag), Some(task), None) if flag == native::FLAG => {
            native::run(&task.to_string_lossy())
        }
        _ => {
            let _ = writeln!(io::stderr(), "{USAGE}");
            return Some(ExitCode::from(2));
        }
    };
    Some(match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(format_args!("sidecar gave up: {error}"));
            ExitCode::FAILURE
        }
    })
}

fn run(path: PathBuf) -> io::Result<()> {
    let dir = RunDir::at(std::path::absolute(path)?);
    point(Point::BeforeLock);
    detach(&dir)?;
    let Some(lock) = lock_patiently(&dir)? else {
        note("another sidecar has this run directory");
        return Ok(());
    };
    point(Point::AfterLock);
    let prepared = prepare(&dir);
    point(Point::AfterBind);
    match prepared {
        Ok((file, held, control)) => {
            let sidecar = Sidecar::new(dir, lock, file, held, control)?;
            ready(&sidecar.status());
            sidecar.run()
        }
        Err(reason) => {
            note(&reason);
            ready(&Answer { error: Some(reason), ..answer() });
            Ok(())
        }
    }
}

/// Leave the agent's session and its open files; take orphans as children; hear signals only where they are read.
fn detach(dir: &RunDir) -> io::Result<()> {
    // SAFETY: nothing has been opened yet; descriptors above the standard ones are leaks of whoever started us.
    unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    // Fails only for a group leader, which is detached enough.
    let _ = setsid();
    umask(Mode::from_bits_truncate(0o077));
    std::env::set_current_dir(dir.path())?;
    // Without a place for diagnostics (full disk) there are none.
    if let Ok(log) =
        OpenOptions::new().append(true).create(true).mode(0o600).open(name::SIDECAR_LOG)
    {
        let _ = log.metadata().map(|meta| {
            NOTES.store(usize::try_from(meta.len()).unwrap_or(usize::MAX), Ordering::Relaxed)
        });
        dup2_stderr(log)?;
    }
    nix::sys::prctl::set_child_subreaper(true)?;
    SigSet::from_iter([Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP])
        .thread_block()?;
    Ok(())
}

/// An agent may be judging the directory, which takes microseconds.
fn lock_patiently(dir: &RunDir) -> io::Result<Option<rundir::Lock>> {
    for _ in 0..50 {
        if let Some(lock) = dir.lock()? {
            return Ok(Some(lock));
        }
        pause(Duration::from_millis(2));
    }
    Ok(None)
}

/// For a thread that has nothing to await, and nothing else to do meanwhile.
fn pause(length: Duration) {
    flow_common::clock::sleep_blocking(length);
}

/// Everything a hold consists of, and all the space that a later exit will need.
fn prepare(dir: &RunDir) -> Result<(HoldFile, HeldPorts, Control), Reason> {
    if [name::STARTED, name::EXIT, name::FORGOTTEN].into_iter().any(|proof| dir.has(proof)) {
        return Err(Reason::new(
            ReasonCode::RuntimeError,
            "this work was started before; it is never started again",
        ));
    }
    let mut file: HoldFile =
        dir.read(name::HOLD).map_err(|error| io_reason("read the hold", &error))?;
    let held = HeldPorts::bind(&file)?;
    file.ports = held.numbers().clone();
    dir.write(name::HOLD, &file).map_err(|error| io_reason("write the hold", &error))?;
    dir.reserve_exit().map_err(|error| io_reason("set aside space", &error))?;
    let control = Control::listen(name::CONTROL.as_ref())
        .map_err(|error| io_reason("listen for the agent", &error))?;
    Ok((file, held, control))
}

/// Tell the agent that waits for our birth, then let go of its pipe. It may have died: then nobody minds.
fn ready(answer: &Answer) {
    let _ = io::stdout().write_all(&line(answer));
    let _ = io::stdout().flush();
    if let Ok(null) = OpenOptions::new().write(true).open("/dev/null") {
        let _ = dup2_stdout(null);
    }
}

/// An answer that says nothing yet.
fn answer() -> Answer {
    Answer { version: VERSION, ..Answer::default() }
}

fn refusal(text: impl Into<String>) -> Answer {
    Answer { error: Some(Reason::new(ReasonCode::RuntimeError, text)), ..answer() }
}

/// What an error of the file system means for the hub. Names no path.
pub(crate) fn io_reason(deed: &str, error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Reason::new(
            ReasonCode::AgentDiskFull,
            "the agent's disk is full; free space in its data directory",
        ),
        _ => Reason::new(ReasonCode::RuntimeError, format!("could not {deed}: {error}")),
    }
}

static NOTES: AtomicUsize = AtomicUsize::new(0);
static NOTES_DROPPED: AtomicUsize = AtomicUsize::new(0);

/// Write to the sidecar's own log, up to its limit. Never fails: `eprintln!` would panic on a full disk. The next note
/// that can be written says how many before it could not.
fn note(text: impl Display) {
    let dropped = NOTES_DROPPED.swap(0, Ordering::Relaxed);
    let text = if dropped > 0 {
        format!("[{dropped} lines were lost: no space left for this log]\n{text}\n")
    } else {
        format!("{text}\n")
    };
    if NOTES.fetch_add(text.len(), Ordering::Relaxed) < NOTES_LIMIT
        && io::stderr().write_all(text.as_bytes()).is_err()
    {
        NOTES.fetch_sub(text.len(), Ordering::Relaxed);
        NOTES_DROPPED.fetch_add(dropped + 1, Ordering::Relaxed);
    }
}
