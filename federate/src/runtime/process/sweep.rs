//! Kills the processes that a sidecar left or does not end.
//!
//! The kernel kills most processes of a vanished sidecar (parent-death signal, end of a PID
//! namespace). This module kills the others that it can identify for certain: by the name of their
//! cgroup, by pid and start time in the same boot, by their marker, by their command line (the
//! sidecar of this directory), or by the directory's lock that they hold. It cannot find a process
//! that left the cgroup, cleared its environment and holds nothing, so no message may claim that
//! such a process is dead.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::runtime::WorkKey;
use crate::runtime::backoff::Backoff;
use crate::sidecar::container::{Container, MARKER, Process, all_pids, boot_id, stat};
use crate::sidecar::rundir::{RunDir, name};

/// Bounds of the delay between two checks of a killed process.
const CHECK_DELAY_MIN: Duration = Duration::from_millis(1);
const CHECK_DELAY_MAX: Duration = Duration::from_millis(200);

/// Kills every process of the key and blocks until it finds none alive. The caller holds the
/// directory's lock, or the directory does not exist.
pub fn sweep(dir: &RunDir, key: &WorkKey) {
    let container = container(dir);
    for cgroup in cgroups(dir, key, container.as_ref()) {
        repeat_until(|| is_empty(&cgroup), || drop(fs::write(cgroup.join("cgroup.kill"), "1")));
        // Fails only while a process in it is exiting; nothing depends on the removal.
        let _ = fs::remove_dir(&cgroup);
    }
    // The workload can write the file: only a copy of this directory's sidecar is an init.
    let is_init = |init: &Process| has_own_namespace(init.pid) && is_sidecar(init.pid, dir);
    if let Some(init) = container.and_then(|container| container.init).filter(is_init) {
        repeat_until(|| has_ended(init), || kill(init.pid, |_| !has_ended(init)));
    }
    let is_ours = |pid: i32| is_marked(pid, dir, key) || is_sidecar(pid, dir);
    let left = || other_pids().filter(|pid| is_ours(*pid)).collect::<Vec<_>>();
    repeat_until(|| left().is_empty(), || left().into_iter().for_each(|pid| kill(pid, is_ours)));
}

/// Kills the sidecar of a run directory and its workload. Blocks until the lock is free, the
/// directory is gone, or `is_cancelled`. A sidecar that is stopped (SIGSTOP) or busy cannot resist,
/// nor can a workload that took the lock.
pub fn kill_supervised(dir: &RunDir, key: &WorkKey, is_cancelled: impl Fn() -> bool) {
    let lock = dir.join(name::LOCK);
    let kill_all = || {
        // The sidecar first: after the death of its workload it would write an exit.
        other_pids()
            .filter(|pid| is_sidecar(*pid, dir))
            .for_each(|pid| kill(pid, |pid| is_sidecar(pid, dir)));
        for cgroup in cgroups(dir, key, container(dir).as_ref()) {
            let _ = fs::write(cgroup.join("cgroup.kill"), "1");
        }
        let is_ours =
            |pid: i32| is_sidecar(pid, dir) || is_marked(pid, dir, key) || holds_lock(pid, &lock);
        other_pids().filter(|pid| is_ours(*pid)).for_each(|pid| kill(pid, is_ours));
    };
    if !is_cancelled() {
        kill_all();
    }
    repeat_until(|| is_cancelled() || !matches!(dir.lock(), Ok(None)), kill_all);
}

/// Returns the least age of a run directory's workload, if its sidecar is found. The kernel knows
/// the start time of the sidecar's children; a workload could change any file with a time. Time in
/// suspend does not count.
pub fn workload_age(dir: &RunDir) -> Option<Duration> {
    let sidecars: Vec<i32> = other_pids().filter(|pid| is_sidecar(*pid, dir)).collect();
    let processes = all_pids().filter_map(|pid| Some((pid, stat(pid)?)));
    // The init of a PID namespace is a copy of the sidecar with its command line.
    let children = processes.filter(|(_, stat)| sidecars.contains(&stat.parent));
    let ticks = children.map(|(_, stat)| stat.start).min()?;
    // SAFETY: sysconf takes and returns a number.
    let per_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) })
        .ok()
        .filter(|ticks| *ticks > 0)?;
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid during the call.
    let read = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // The start time includes suspend since boot, the clock does not: the difference is at most the
    // age.
    let age =
        u64::try_from(now.tv_sec).ok().filter(|_| read == 0)?.saturating_sub(ticks / per_second);
    Some(Duration::from_secs(age))
}

/// The pids of every process but this one.
fn other_pids() -> impl Iterator<Item = i32> {
    let own = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    all_pids().filter(move |pid| *pid != own)
}

/// The sidecar's record of its container in this boot. The workload can write the file, too.
fn container(dir: &RunDir) -> Option<Container> {
    dir.read::<Container>(name::CONTAINER).ok().filter(|container| container.boot == boot_id())
}

/// The cgroups that may contain the workload. The recorded one counts only if it has the key's
/// name: the file could name any cgroup.
fn cgroups(dir: &RunDir, key: &WorkKey, container: Option<&Container>) -> BTreeSet<PathBuf> {
    let expected = Container::cgroup_of(key, dir);
    let recorded = container.and_then(|container| container.cgroup.clone());
    let recorded = recorded.filter(|recorded| {
        expected.as_ref().is_some_and(|expected| recorded.file_name() == expected.file_name())
    });
    expected
        .into_iter()
        .chain(recorded)
        .filter(|cgroup| cgroup.join("cgroup.events").exists())
        .collect()
}

fn is_marked(pid: i32, dir: &RunDir, key: &WorkKey) -> bool {
    let marker = format!("{MARKER}={}", dir.marker(key));
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == marker.as_bytes())
}

/// True if the process is in another PID namespace than this one. A pid in the workload's file that
/// is not, is not an init.
fn has_own_namespace(pid: i32) -> bool {
    let of = |process: &str| fs::read_link(format!("/proc/{process}/ns/pid")).ok();
    let namespace = of(&pid.to_string());
    namespace.is_some() && namespace != of("self")
}

/// True if the process was started as the sidecar of this directory.
fn is_sidecar(pid: i32, dir: &RunDir) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = line.split(|byte| *byte == 0).skip(1);
    [b"sidecar".as_slice(), b"--run-dir", dir.path().as_os_str().as_bytes()]
        .into_iter()
        .all(|word| words.next() == Some(word))
}

/// True if the process holds the lock on this file, according to the kernel.
fn holds_lock(pid: i32, lock: &Path) -> bool {
    let Ok(lock) = lock.metadata() else { return false };
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut same = open.filter(|fd| {
        fd.path().metadata().is_ok_and(|meta| (meta.dev(), meta.ino()) == (lock.dev(), lock.ino()))
    });
    same.any(|fd| {
        let info = fs::read_to_string(
            Path::new("/proc").join(pid.to_string()).join("fdinfo").join(fd.file_name()),
        )
        .unwrap_or_default();
        info.lines().any(|line| line.starts_with("lock:") && line.contains("FLOCK"))
    })
}

/// Repeats `act` until `is_done`, on a thread that may block: the kernel does not notify a process
/// of the death of another process's child.
fn repeat_until(is_done: impl Fn() -> bool, act: impl Fn()) {
    let mut backoff = Backoff::new(CHECK_DELAY_MIN, CHECK_DELAY_MAX);
    while !is_done() {
        act();
        backoff.sleep_blocking();
    }
}

fn is_empty(cgroup: &Path) -> bool {
    match fs::read_to_string(cgroup.join("cgroup.events")) {
        Ok(events) => events.lines().any(|line| line == "populated 0"),
        Err(_) => !cgroup.exists(),
    }
}

/// A zombie counts as ended: the init of a PID namespace becomes one after every process in it
/// ended.
fn has_ended(process: Process) -> bool {
    stat(process.pid).is_none_or(|stat| stat.dead || stat.start != process.start)
}

/// Sends SIGKILL to a process if it still is the meant one after its handle is open. The kernel may
/// reuse a pid between a check and a kill, but not a handle.
fn kill(pid: i32, is_meant: impl Fn(i32) -> bool) {
    // SAFETY: the call takes and returns numbers only; the result is checked.
    let handle = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let Ok(handle @ 0..) = i32::try_from(handle) else { return };
    if is_meant(pid) {
        // SAFETY: the handle is open, and the only pointer is null.
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
    // SAFETY: the handle was opened above and nothing else uses it.
    unsafe { libc::close(handle) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sidecar::container::Containment;
    use std::process::Command;

    #[test]
    fn only_processes_with_the_marker_are_swept() {
        let key = WorkKey { run: "5".repeat(32).parse().expect("an id"), attempt: 3 };
        let spawn = |value: &str| {
            Command::new("sleep").arg("60").env(MARKER, value).spawn().expect("a child")
        };
        let (dir, elsewhere) = (RunDir::at("/nonexistent"), RunDir::at("/other-party"));
        let mut ours = spawn(&dir.marker(&key));
        let mut others =
            [dir.marker(&WorkKey { attempt: 30, ..key.clone() }), elsewhere.marker(&key)]
                .map(|marker| spawn(&marker));
        // A dead child that is not reaped is a zombie with an empty environment: it counts as ended.
        sweep(&dir, &key);
        assert!(!ours.wait().expect("reaped").success());
        for other in &mut others {
            assert!(
                other.try_wait().expect("asked").is_none(),
                "the process of another attempt or party is alive"
            );
            other.kill().expect("killed");
            other.wait().expect("reaped");
        }
    }

    #[test]
    fn a6_init_that_the_workload_wrote_into_the_file_is_not_killed() {
        let key = WorkKey { run: "6".repeat(32).parse().expect("an id"), attempt: 1 };
        let folder = tempfile::tempdir().expect("a directory");
        let dir = RunDir::at(folder.path().join("run"));
        dir.create().expect("a run directory");
        let mut other = Command::new("unshare")
            .args(["--pid", "--fork", "--kill-child", "sleep", "60"])
            .spawn()
            .expect("a child");
        let children = format!("/proc/{0}/task/{0}/children", other.id());
        let child = || fs::read_to_string(&children).ok()?.trim().parse::<i32>().ok();
        let pid = flow_testkit::wait_for_blocking("the init", Duration::from_secs(20), child);
        let start = stat(pid).expect("alive").start;
        let forged = Container {
            containment: Containment::PidNamespace,
            boot: boot_id(),
            cgroup: None,
            init: Some(Process { pid, start }),
        };
        dir.write(name::CONTAINER, &forged).expect("written");
        assert!(has_own_namespace(pid));
        sweep(&dir, &key);
        assert!(!has_ended(Process { pid, start }), "the process of another run was killed");
        other.kill().expect("killed");
        other.wait().expect("reaped");
    }

    #[test]
    fn reused_pid_is_not_the_recorded_process() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("a child");
        let pid = i32::try_from(child.id()).expect("a pid");
        let start = stat(pid).expect("alive").start;
        assert!(!has_ended(Process { pid, start }));
        assert!(has_ended(Process { pid, start: start + 1 }));
        kill(pid, |_| false);
        assert!(child.try_wait().expect("asked").is_none());
        kill(pid, |_| true);
        assert!(!child.wait().expect("reaped").success());
    }
}
