//! Killing what a sidecar that vanished has left, until it is proven that nothing is.
//!
//! The kernel has killed most of it already (parent-death signal, end of a PID namespace). What is killed here is known
//! beyond doubt: by its cgroup's name, by number and start time in the same boot, or by its marker.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::runtime::WorkKey;
use crate::sidecar::container::{Container, MARKER, Process, all_pids, boot_id, stat};
use crate::sidecar::rundir::{RunDir, name};

/// First and longest pause between two looks at something that was killed and still dies.
const SOON: Duration = Duration::from_millis(1);
const LATER: Duration = Duration::from_millis(200);

/// Blocks until nothing of the key is alive. The caller holds the directory's lock.
pub fn sweep(dir: &RunDir, key: &WorkKey) {
    if let Ok(container) = dir.read::<Container>(name::CONTAINER)
        && container.boot == boot_id()
    {
        if let Some(cgroup) = &container.cgroup {
            until(|| is_empty(cgroup), || drop(fs::write(cgroup.join("cgroup.kill"), "1")));
            container.remove();
        }
        if let Some(init) = container.init {
            until(|| is_gone(init), || kill(init.pid, |_| !is_gone(init)));
        }
    }
    let wanted = format!("{MARKER}={}", dir.mark(key));
    let is_ours = |pid: i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    };
    let left = || all_pids().filter(|pid| is_ours(*pid)).collect::<Vec<_>>();
    until(|| left().is_empty(), || left().into_iter().for_each(|pid| kill(pid, is_ours)));
}

#[expect(clippy::disallowed_methods, reason = "runs on a blocking thread; the kernel gives no sign when a stranger's child has died")]
fn until(done: impl Fn() -> bool, act: impl Fn()) {
    let mut pause = SOON;
    while !done() {
        act();
        std::thread::sleep(pause);
        pause = (pause * 2).min(LATER);
    }
}

fn is_empty(cgroup: &Path) -> bool {
    match fs::read_to_string(cgroup.join("cgroup.events")) {
        Ok(events) => events.lines().any(|line| line == "populated 0"),
        Err(_) => !cgroup.exists(),
    }
}

/// A zombie counts: init of a PID namespace becomes one only after everything in it has ended.
fn is_gone(process: Process) -> bool {
    stat(process.pid).is_none_or(|stat| stat.dead || stat.start != process.start)
}

/// SIGKILL to a process that is still the one meant when its handle has been opened: a number may be used again between
/// a look and a kill, a handle is not.
fn kill(pid: i32, is_meant: impl Fn(i32) -> bool) {
    // SAFETY: takes and returns numbers only; the result is checked.
    let handle = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let Ok(handle @ 0..) = i32::try_from(handle) else { return };
    if is_meant(pid) {
        // SAFETY: the handle is open, and no pointer but null is passed.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, handle, libc::SIGKILL, std::ptr::null::<libc::siginfo_t>(), 0) };
    }
    // SAFETY: the handle was opened above and is used by nobody else.
    unsafe { libc::close(handle) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn only_what_carries_the_marker_is_swept() {
        let key = WorkKey { run: "5".repeat(32).parse().expect("an id"), attempt: 3 };
        let spawn = |value: &str| Command::new("sleep").arg("60").env(MARKER, value).spawn().expect("a child");
        let (dir, elsewhere) = (RunDir::at("/nonexistent"), RunDir::at("/other-party"));
        let mut ours = spawn(&dir.mark(&key));
        let mut others = [dir.mark(&WorkKey { attempt: 30, ..key.clone() }), elsewhere.mark(&key)].map(|mark| spawn(&mark));
        // A dead child without a reaper is a zombie, whose environment is empty: that is gone enough.
        sweep(&dir, &key);
        assert!(!ours.wait().expect("reaped").success());
        for other in &mut others {
            assert!(other.try_wait().expect("asked").is_none(), "the process of another attempt, or party, lives");
            other.kill().expect("killed");
            other.wait().expect("reaped");
        }
    }

    #[test]
    fn a_number_that_is_used_again_is_not_the_process_that_was_meant() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("a child");
        let pid = i32::try_from(child.id()).expect("a pid");
        let start = stat(pid).expect("alive").start;
        assert!(!is_gone(Process { pid, start }));
        assert!(is_gone(Process { pid, start: start + 1 }));
        kill(pid, |_| false);
        assert!(child.try_wait().expect("asked").is_none());
        kill(pid, |_| true);
        assert!(!child.wait().expect("reaped").success());
    }
}
