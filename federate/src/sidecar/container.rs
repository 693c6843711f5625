//! The containment of a workload's descendants, so that none outlives the workload.
//!
//! There are three kinds; the sidecar uses the best that the machine allows:
//!
//! * a **cgroup** (cgroup2, if the agent's cgroup is writable, e.g. systemd `Delegate=yes`);
//! * a **PID namespace** with a tiny init: the kernel kills every process in it when init dies, and
//!   init dies with the sidecar;
//! * a **session**: descendants are found through the process tree and by their environment's
//!   marker.
//!
//! In each kind the sidecar is the subreaper of all descendants: ECHILD from `waitpid` proves that
//! none is left. This module kills descendants and records what a sweep needs after a sidecar
//! vanished.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flow_domain::id::Digest;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::rundir::{RunDir, dir_name};
use crate::workload::WorkKey;

/// Environment variable that marks the processes of a workload.
pub const MARKER: &str = "FED_MEMBER";

/// Limit of the search for this process among the ancestors of another one. A workload can make a
/// chain of processes of any length.
const ANCESTORS_MAX: usize = 1000;

/// The kinds of containment, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Containment {
    Cgroup,
    PidNamespace,
    /// Process tree and marker only.
    Session,
}

impl Containment {
    /// The name in the inventory.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::PidNamespace => "pid_namespace",
            Self::Session => "session",
        }
    }

    /// The best kind that this machine allows. The result is cached.
    #[must_use]
    pub fn detect() -> Self {
        static FOUND: OnceLock<Containment> = OnceLock::new();
        *FOUND.get_or_init(|| {
            if can_make_cgroups() {
                Self::Cgroup
            } else if can_unshare() {
                Self::PidNamespace
            } else {
                Self::Session
            }
        })
    }

    /// This kind and every lesser one, best first.
    pub fn and_lesser(self) -> impl Iterator<Item = Self> {
        [Self::Cgroup, Self::PidNamespace, Self::Session]
            .into_iter()
            .filter(move |kind| *kind >= self)
    }
}

/// The identity of one process: the kernel reuses a pid, but not with the same start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub pid: i32,
    /// Start time in clock ticks since boot.
    pub start: u64,
}

/// Content of `container.json`: the containment of one workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    pub containment: Containment,
    /// Identity of the boot: after another boot no process of it is alive.
    pub boot: String,
    /// The cgroup's directory.
    pub cgroup: Option<PathBuf>,
    /// Init of the PID namespace.
    pub init: Option<Process>,
}

impl Container {
    /// Creates what can be created before the spawn.
    pub fn create(containment: Containment, key: &WorkKey, dir: &RunDir) -> io::Result<Self> {
        let cgroup = match containment {
            Containment::Cgroup => {
                let path = Self::cgroup_of(key, dir).ok_or(io::ErrorKind::Unsupported)?;
                match fs::create_dir(&path) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(error);
                    }
                    _ => Some(path),
                }
            }
            Containment::PidNamespace | Containment::Session => None,
        };
        Ok(Self { containment, boot: boot_id(), cgroup, init: None })
    }

    /// Path of the cgroup of a key's workload, which need not exist; `None` without cgroup2.
    #[must_use]
    pub fn cgroup_of(key: &WorkKey, dir: &RunDir) -> Option<PathBuf> {
        let digest = Digest::of(dir.marker(key).as_bytes());
        Some(own_cgroup()?.join(format!("flow-{}-{:.16}", dir_name(key), digest.as_str())))
    }

    /// Sends SIGTERM to every descendant of this process except the init of a PID namespace, which
    /// waits for the others.
    pub fn terminate(&self) {
        for process in descendants() {
            if self.init.is_none_or(|init| init.pid != process.as_raw()) {
                // Fails if the process has ended meanwhile.
                let _ = kill(process, Signal::SIGTERM);
            }
        }
    }

    /// Sends SIGKILL to every descendant of this process, atomically if the containment allows it.
    pub fn kill(&self) {
        if let Some(cgroup) = &self.cgroup {
            // Atomic: no fork can escape. Kernels before 5.14 do not have the file; the loop below
            // kills then.
            let _ = fs::write(cgroup.join("cgroup.kill"), "1");
        }
        for process in descendants() {
            let _ = kill(process, Signal::SIGKILL);
        }
    }

    /// Removes what `create` created. No process may be alive in it.
    pub fn remove(&self) {
        if let Some(cgroup) = &self.cgroup {
            // Fails only while a process in it is exiting; the sweep at the agent's next start
            // tries again.
            let _ = fs::remove_dir(cgroup);
        }
    }
}

/// Identity of this boot.
#[must_use]
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

/// Fields of `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy)]
pub struct Stat {
    /// True for a zombie, which holds no resources.
    pub dead: bool,
    /// Pid of the parent.
    pub parent: i32,
    /// Start time in clock ticks since boot.
    pub start: u64,
}

/// Reads the status of a process; `None` if no process has this pid.
#[must_use]
pub fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name may contain spaces and brackets; the fields after the last bracket are regular.
    let rest = text.get(text.iter().rposition(|byte| *byte == b')')? + 1..)?;
    let fields: Vec<&str> = std::str::from_utf8(rest).ok()?.split_ascii_whitespace().collect();
    Some(Stat {
        dead: matches!(*fields.first()?, "Z" | "X" | "x"),
        parent: fields.get(1)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

/// The pids of all processes.
pub fn all_pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| std::str::from_utf8(entry.file_name().as_bytes()).ok()?.parse().ok())
}

/// The living descendants of this process. Orphans are children of this process, their subreaper.
#[must_use]
pub fn descendants() -> Vec<Pid> {
    let table: Vec<(i32, Stat)> = all_pids().filter_map(|pid| Some((pid, stat(pid)?))).collect();
    let mut family = vec![i32::try_from(std::process::id()).unwrap_or(i32::MAX)];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(table.iter().filter(|(_, stat)| stat.parent == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    let alive = |pid: &i32| table.iter().any(|(other, stat)| other == pid && !stat.dead);
    family.into_iter().skip(1).filter(alive).map(Pid::from_raw).collect()
}

/// True if `pid` is a descendant of this process or has just ended. A pid that is not visible here
/// (0) is of another PID namespace, which contains no descendants.
#[must_use]
pub fn is_descendant(pid: i32) -> bool {
    let own = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    let mut next = pid;
    for _ in 0..ANCESTORS_MAX {
        if next <= 1 {
            return false;
        }
        match stat(next) {
            Some(stat) if stat.parent != own => next = stat.parent,
            Some(_) | None => return true,
        }
    }
    true
}

/// The cgroup2 directory of this process.
fn own_cgroup() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        right.starts_with("cgroup2 ").then_some(())?;
        let mut fields = left.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let inside = Path::new(own).strip_prefix(root).ok()?;
        Some(Path::new(point).join(inside))
    })
}

/// Tries to create a cgroup, because the permissions of a cgroup tree are spread over several
/// files.
fn can_make_cgroups() -> bool {
    let Some(own) = own_cgroup() else { return false };
    let probe = own.join(format!("flow-probe-{}", std::process::id()));
    if fs::create_dir(&probe).is_err() {
        return false;
    }
    let has_kill = probe.join("cgroup.kill").exists();
    // Moving a process also requires write access to the common ancestor.
    let can_move =
        nix::unistd::access(&own.join("cgroup.procs"), nix::unistd::AccessFlags::W_OK).is_ok();
    let _ = fs::remove_dir(&probe);
    has_kill && can_move
}

/// True if this process has CAP_SYS_ADMIN, which a new PID namespace requires.
fn can_unshare() -> bool {
    const CAP_SYS_ADMIN: u64 = 1 << 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok());
    effective.is_some_and(|caps| caps & CAP_SYS_ADMIN != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_is_a_descendant_until_it_is_dead() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("a child");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
        assert!(descendants().contains(&pid));
        assert!(
            is_descendant(pid.as_raw())
                && !is_descendant(nix::unistd::getppid().as_raw())
                && !is_descendant(0)
        );
        assert!(stat(pid.as_raw()).is_some_and(|stat| !stat.dead && stat.start > 0));
        child.kill().expect("killed");
        child.wait().expect("reaped");
        assert!(!descendants().contains(&pid));
    }

    #[test]
    fn containment_falls_back_to_lesser_kinds_only() {
        let after: Vec<_> = Containment::PidNamespace.and_lesser().collect();
        assert_eq!(after, [Containment::PidNamespace, Containment::Session]);
    }
}
