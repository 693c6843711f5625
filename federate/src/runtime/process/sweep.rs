//! Killing what a sidecar has left or does not end, as far as it can be found.
//!
//! Of a sidecar that vanished the kernel has killed most already (parent-death signal, end of a PID namespace). What is
//! killed here is known beyond doubt: by its cgroup's name, by number and start time in the same boot, by its marker, by
//! its command line (a supervisor of this directory), or by the directory's lock that it holds. A process that left the
//! cgroup, cleared its environment and holds nothing is not found: messages must not claim that it is dead.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::runtime::WorkKey;
use crate::sidecar::container::{Container, MARKER, Process, all_pids, boot_id, stat};
use crate::sidecar::rundir::{RunDir, name};

/// First and longest pause between two looks at something that was killed and still dies.
const SOON: Duration = Duration::from_millis(1);
const LATER: Duration = Duration::from_millis(200);

/// Blocks until nothing of the key is found alive. The caller holds the directory's lock, or there is no directory.
pub fn sweep(dir: &RunDir, key: &WorkKey) {
    let container = container(dir);
    for cgroup in cgroups(dir, key, container.as_ref()) {
        until(|| is_empty(&cgroup), || drop(fs::write(cgroup.join("cgroup.kill"), "1")));
        // Fails only if something is still dying in it; nothing depends on it.
        let _ = fs::remove_dir(&cgroup);
    }
    if let Some(init) =
        container.and_then(|container| container.init).filter(|init| has_own_namespace(init.pid))
    {
        until(|| is_gone(init), || kill(init.pid, |_| !is_gone(init)));
    }
    let is_ours = |pid: i32| is_marked(pid, dir, key) || is_supervisor(pid, dir);
    let left = || others().filter(|pid| is_ours(*pid)).collect::<Vec<_>>();
    until(|| left().is_empty(), || left().into_iter().for_each(|pid| kill(pid, is_ours)));
}

/// Kills the supervisor of a run directory and what it supervises, until the lock is free, the directory is gone, or
/// `is_over`. Blocks. A supervisor that was stopped (SIGSTOP) or is kept busy cannot resist, nor can a workload that took
/// the lock in its place.
pub fn kill_supervised(dir: &RunDir, key: &WorkKey, is_over: impl Fn() -> bool) {
    let lock = dir.join(name::LOCK);
    let round = || {
        // First, because a supervisor that sees its workload killed would write an end of its own.
        others()
            .filter(|pid| is_supervisor(*pid, dir))
            .for_each(|pid| kill(pid, |pid| is_supervisor(pid, dir)));
        for cgroup in cgroups(dir, key, container(dir).as_ref()) {
            let _ = fs::write(cgroup.join("cgroup.kill"), "1");
        }
        let is_ours =
            |pid: i32| is_supervisor(pid, dir) || is_marked(pid, dir, key) || holds(pid, &lock);
        others().filter(|pid| is_ours(*pid)).for_each(|pid| kill(pid, is_ours));
    };
    if !is_over() {
        round();
    }
    until(|| is_over() || !matches!(dir.lock(), Ok(None)), round);
}

/// How long the workload of a run directory has run at least, if its supervisor is found. The kernel knows the start of
/// the supervisor's children, which no file that a workload can write tells reliably. Time asleep does not count.
pub fn age(dir: &RunDir) -> Option<Duration> {
    let supervisors: Vec<i32> = others().filter(|pid| is_supervisor(*pid, dir)).collect();
    let family = all_pids().filter_map(|pid| Some((pid, stat(pid)?)));
    // The init of a PID namespace is a copy of the supervisor, with its command line.
    let children = family.filter(|(_, stat)| supervisors.contains(&stat.parent));
    let ticks = children.map(|(_, stat)| stat.start).min()?;
    // SAFETY: takes and returns a number.
    let per_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) })
        .ok()
        .filter(|ticks| *ticks > 0)?;
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is written to a place that lives through the call.
    let read = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // The start is counted from the boot with time asleep, the clock without: the difference is the age or less.
    let age =
        u64::try_from(now.tv_sec).ok().filter(|_| read == 0)?.saturating_sub(ticks / per_second);
    Some(Duration::from_secs(age))
}

/// Every process but this one.
fn others() -> impl Iterator<Item = i32> {
    let own = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    all_pids().filter(move |pid| *pid != own)
}

/// What the sidecar put down about its container in this boot. The workload can write the file, too.
fn container(dir: &RunDir) -> Option<Container> {
    dir.read::<Container>(name::CONTAINER).ok().filter(|container| container.boot == boot_id())
}

/// Cgroups that the workload may be in. Only one of the key's own name is believed: the file could name any other.
fn cgroups(dir: &RunDir, key: &WorkKey, container: Option<&Container>) -> BTreeSet<PathBuf> {
    let expected = Container::cgroup_of(key, dir);
    let told = container.and_then(|container| container.cgroup.clone());
    let told = told.filter(|told| {
        expected.as_ref().is_some_and(|expected| told.file_name() == expected.file_name())
    });
    expected
        .into_iter()
        .chain(told)
        .filter(|cgroup| cgroup.join("cgroup.events").exists())
        .collect()
}

fn is_marked(pid: i32, dir: &RunDir, key: &WorkKey) -> bool {
    let wanted = format!("{MARKER}={}", dir.mark(key));
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
}

/// Whether the process lives in another PID namespace than this one: any other number in the workload's file is not its init.
fn has_own_namespace(pid: i32) -> bool {
    let of = |process: &str| fs::read_link(format!("/proc/{process}/ns/pid")).ok();
    let namespace = of(&pid.to_string());
    namespace.is_some() && namespace != of("self")
}

/// Whether the process was started as the sidecar of this very directory.
fn is_supervisor(pid: i32, dir: &RunDir) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = line.split(|byte| *byte == 0).skip(1);
    [b"sidecar".as_slice(), b"--run-dir", dir.path().as_os_str().as_bytes()]
        .into_iter()
        .all(|word| words.next() == Some(word))
}

/// Whether the process holds the lock on this file, by the kernel's own word.
fn holds(pid: i32, lock: &Path) -> bool {
    let Ok(wanted) = lock.metadata() else { return false };
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut same = open.filter(|fd| {
        fd.path()
            .metadata()
            .is_ok_and(|meta| (meta.dev(), meta.ino()) == (wanted.dev(), wanted.ino()))
    });
    same.any(|fd| {
        let info = fs::read_to_string(
            Path::new("/proc").join(pid.to_string()).join("fdinfo").join(fd.file_name()),
        )
        .unwrap_or_default();
        info.lines().any(|line| line.starts_with("lock:") && line.contains("FLOCK"))
    })
}

/// Runs on a blocking thread: the kernel gives no sign when a stranger's child has died.
fn until(done: impl Fn() -> bool, act: impl Fn()) {
    let mut pause = SOON;
    while !done() {
        act();
        flow_common::clock::sleep_blocking(pause);
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
        unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                handle,
                libc::SIGKILL,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
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
        let spawn = |value: &str| {
            Command::new("sleep").arg("60").env(MARKER, value).spawn().expect("a child")
        };
        let (dir, elsewhere) = (RunDir::at("/nonexistent"), RunDir::at("/other-party"));
        let mut ours = spawn(&dir.mark(&key));
        let mut others = [dir.mark(&WorkKey { attempt: 30, ..key.clone() }), elsewhere.mark(&key)]
            .map(|mark| spawn(&mark));
        // A dead child without a reaper is a zombie, whose environment is empty: that is gone enough.
        sweep(&dir, &key);
        assert!(!ours.wait().expect("reaped").success());
        for other in &mut others {
            assert!(
                other.try_wait().expect("asked").is_none(),
                "the process of another attempt, or party, lives"
            );
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
