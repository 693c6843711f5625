//! The program `flow-federate sidecar`: the process beside one workload. It holds the ports, then
//! is the workload's parent. While its lock is held, the sidecar is alive.
//!
//! ```text
//!   agent ──control.sock──▶ event loop ── supervise (pure) ──▶ spawn, container ──▶ workload
//!                              │  ▲                                                   │ output
//!                            log  └── progress (thread) ◀── status page, metrics ─────┘
//! ```
//!
//! It has one thread and `poll` instead of an async runtime: every workload has a sidecar, so a
//! sidecar must be small, and its init copy (see `spawn`) requires a process without other threads.
//! It outlives its agent and knows only its run directory.
//!
//! In a Pod, Kubernetes does all of this except progress: there the sidecar is [`native`].

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
use self::protocol::{HoldRecord, Response, VERSION, line};
use self::rundir::{RunDir, name};

/// Limit of the sidecar's own log in bytes.
const SIDECAR_LOG_BYTES_MAX: usize = 64 << 10;

/// Limit of the attempts to take the lock, and the delay between two of them. An agent that inspects
/// the directory holds the lock for microseconds.
const LOCK_ATTEMPTS_MAX: u32 = 50;
const LOCK_RETRY_DELAY: Duration = Duration::from_millis(2);

const USAGE: &str = "usage: flow-federate sidecar --run-dir DIR | --progress TASK (the agent and the operator start it)";

/// Runs as a sidecar if the command line requests it. `main` calls it first, so that a sidecar has
/// no cost of the agent's command line, logging or async runtime.
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
            note(format_args!("the sidecar failed: {error}"));
            ExitCode::FAILURE
        }
    })
}

fn run(path: PathBuf) -> io::Result<()> {
    let dir = RunDir::at(std::path::absolute(path)?);
    point(Point::BeforeLock);
    detach(&dir)?;
    let Some(lock) = lock_with_retries(&dir)? else {
        note("another sidecar holds the lock of this run directory");
        return Ok(());
    };
    point(Point::AfterLock);
    let prepared = prepare(&dir);
    point(Point::AfterBind);
    match prepared {
        Ok((record, held, control)) => {
            let sidecar = Sidecar::new(dir, lock, record, held, control)?;
            report_ready(&sidecar.status());
            sidecar.run()
        }
        Err(reason) => {
            note(&reason);
            report_ready(&error_response(reason));
            Ok(())
        }
    }
}

/// Leaves the agent's session, closes inherited files, adopts orphans, and blocks the signals that
/// the event loop reads.
fn detach(dir: &RunDir) -> io::Result<()> {
    // SAFETY: this process has opened nothing yet; it inherited every descriptor above the standard
    // ones.
    unsafe { close_from(3) };
    // The program started through /proc/self/exe, so `ps -e` and `top` would show `exe`.
    nix::sys::prctl::set_name(c"flow-sidecar")?;
    // Fails only for a group leader, which already has a session of its own.
    let _ = setsid();
    umask(Mode::from_bits_truncate(0o077));
    std::env::set_current_dir(dir.path())?;
    // On a full disk the sidecar has no log.
    if let Ok(log) =
        OpenOptions::new().append(true).create(true).mode(0o600).open(name::SIDECAR_LOG)
    {
        let _ = log.metadata().map(|meta| {
            LOGGED_BYTES.store(usize::try_from(meta.len()).unwrap_or(usize::MAX), Ordering::Relaxed)
        });
        dup2_stderr(log)?;
    }
    nix::sys::prctl::set_child_subreaper(true)?;
    SigSet::from_iter([Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP])
        .thread_block()?;
    Ok(())
}

/// Closes all descriptors from `first`. It is a system call of its own, because the function of the
/// C library is missing before glibc 2.34.
///
/// # Safety
///
/// Nothing in this process uses one of these descriptors any more.
unsafe fn close_from(first: libc::c_uint) {
    // SAFETY: the caller guarantees that no descriptor is in use.
    unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
}

fn lock_with_retries(dir: &RunDir) -> io::Result<Option<rundir::Lock>> {
    for _ in 0..LOCK_ATTEMPTS_MAX {
        if let Some(lock) = dir.lock()? {
            return Ok(Some(lock));
        }
        flow_common::clock::sleep_blocking(LOCK_RETRY_DELAY);
    }
    Ok(None)
}

/// Binds the ports, reserves the disk space of the later exit, and opens the control socket.
fn prepare(dir: &RunDir) -> Result<(HoldRecord, HeldPorts, Control), Reason> {
    if [name::STARTED, name::EXIT, name::FORGOTTEN].into_iter().any(|proof| dir.has(proof)) {
        return Err(Reason::new(
            ReasonCode::RuntimeError,
            "this attempt was started before, and an attempt starts once; start a new run",
        ));
    }
    let mut record: HoldRecord =
        dir.read(name::HOLD).map_err(|error| io_reason("read the hold", &error))?;
    let held = HeldPorts::bind(&record)?;
    record.ports = held.numbers().clone();
    dir.write(name::HOLD, &record).map_err(|error| io_reason("write the hold", &error))?;
    dir.reserve_exit().map_err(|error| io_reason("reserve disk space", &error))?;
    let control = Control::listen(name::CONTROL.as_ref())
        .map_err(|error| io_reason("open the control socket", &error))?;
    Ok((record, held, control))
}

/// Sends the first response to the agent that spawned this sidecar, then closes the pipe. The agent may
/// have died, so errors are ignored.
fn report_ready(response: &Response) {
    let _ = io::stdout().write_all(&line(response));
    let _ = io::stdout().flush();
    if let Ok(null) = OpenOptions::new().write(true).open("/dev/null") {
        let _ = dup2_stdout(null);
    }
}

fn empty_response() -> Response {
    Response { version: VERSION, ..Response::default() }
}

fn error_response(reason: Reason) -> Response {
    Response { error: Some(reason), ..empty_response() }
}

/// The reason of a file-system error during `action`, as the hub may see it: it contains no path.
pub(crate) fn io_reason(action: &str, error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Reason::new(
            ReasonCode::AgentDiskFull,
            "the disk of the party's agent is full; ask the party to free space in the agent's data \
             directory, then start a new run",
        ),
        _ => Reason::new(
            ReasonCode::RuntimeError,
            format!("the party's agent could not {action}: {error}; ask the party"),
        ),
    }
}

static LOGGED_BYTES: AtomicUsize = AtomicUsize::new(0);
static LINES_DROPPED: AtomicUsize = AtomicUsize::new(0);

/// Writes a line to the sidecar's own log, up to its limit. It never fails, unlike `eprintln!`,
/// which panics on a full disk. The next line that can be written contains the number of lost ones.
fn note(text: impl Display) {
    let dropped = LINES_DROPPED.swap(0, Ordering::Relaxed);
    let text = if dropped > 0 {
        format!("[{dropped} lines were lost: no space left for this log]\n{text}\n")
    } else {
        format!("{text}\n")
    };
    if LOGGED_BYTES.fetch_add(text.len(), Ordering::Relaxed) < SIDECAR_LOG_BYTES_MAX
        && io::stderr().write_all(text.as_bytes()).is_err()
    {
        LOGGED_BYTES.fetch_sub(text.len(), Ordering::Relaxed);
        LINES_DROPPED.fetch_add(dropped + 1, Ordering::Relaxed);
    }
}
