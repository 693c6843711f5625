//! Where the descendants of a workload are caught, so that none outlives it.
//!
//! Three ways, the best that the machine allows:
//!
//! * a **cgroup** of its own (cgroup2, where the agent's own group is writable, e.g. systemd `Delegate=yes`);
//! * a **PID namespace** with a tiny init: the kernel kills all of it when init dies, and init dies with the sidecar;
//! * a **session**: descendants are found through the process tree, and by their environment's marker.
//!
//! In each, the sidecar is the subreaper of all descendants: `waitpid` saying ECHILD is the proof that none is left.
//! What this module adds is the killing, and what remains for whoever sweeps after a sidecar that vanished.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flow_domain::id::Digest;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::rundir::{RunDir, marker};
use crate::runtime::WorkKey;

/// Environment variable by which a workload's processes are known.
pub const MARKER: &str = "FED_MEMBER";

/// Most ancestors looked through for this process: a workload can make the chain of its own as long as it likes.
const ANCESTORS_MAX: usize = 1000;

/// A way of catching descendants, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Containment {
    /// A cgroup of its own.
    Cgroup,
    /// A PID namespace.
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

    /// The best this machine allows. Looked up once.
    #[must_use]
    pub fn detect() -> Self {
        static FOUND: OnceLock<Containment> = OnceLock::new();
        *FOUND.get_or_init(|| {
            if can_make_cgroups() {
                Self::Cgroup
            } else if may_unshare() {
                Self::PidNamespace
            } else {
                Self::Session
            }
        })
    }

    /// This way and every lesser one.
    pub fn and_lesser(self) -> impl Iterator<Item = Self> {
        [Self::Cgroup, Self::PidNamespace, Self::Session]
            .into_iter()
            .filter(move |way| *way >= self)
    }
}

/// One process, beyond any doubt: numbers are used again, a number with its start time (since boot) is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its start, in clock ticks since boot.
    pub start: u64,
}

/// `container.json`: one workload's container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Which way.
    pub containment: Containment,
    /// The boot it belongs to: after another one, nothing of it can be alive.
    pub boot: String,
    /// The cgroup's directory.
    pub cgroup: Option<PathBuf>,
    /// Init of the PID namespace.
    pub init: Option<Process>,
}

impl Container {
    /// Make what can be made before the workload is spawned.
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

    /// The cgroup of a key's workload, whether or not it exists; `None` where there are no cgroups.
    #[must_use]
    pub fn cgroup_of(key: &WorkKey, dir: &RunDir) -> Option<PathBuf> {
        let mark = Digest::of(dir.mark(key).as_bytes());
        Some(own_cgroup()?.join(format!("flow-{}-{:.16}", marker(key), mark.as_str())))
    }

    /// SIGTERM to every descendant of this process. Init of a PID namespace is left out: it waits for the others.
    pub fn terminate(&self) {
        for process in descendants() {
            if self.init.is_none_or(|init| init.pid != process.as_raw()) {
                // A process that has ended meanwhile is fine.
                let _ = kill(process, Signal::SIGTERM);
            }
        }
    }

    /// SIGKILL to every descendant of this process, as nearly at once as the way allows.
    pub fn kill(&self) {
        if let Some(cgroup) = &self.cgroup {
            // Atomic: nothing can be forked out of it. Kernels before 5.14 lack the file; the walk below does it then.
            let _ = fs::write(cgroup.join("cgroup.kill"), "1");
        }
        for process in descendants() {
            let _ = kill(process, Signal::SIGKILL);
        }
    }

    /// Remove what `create` made. Nothing may be alive in it.
    pub fn remove(&self) {
        if let Some(cgroup) = &self.cgroup {
            // Fails only if something is still dying in it; the sweep at the agent's next start tries again.
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

/// The fields of `/proc/<pid>/stat` this project looks at.
#[derive(Debug, Clone, Copy)]
pub struct Stat {
    /// Zombie or dead: holds nothing any more.
    pub dead: bool,
    /// Parent.
    pub parent: i32,
    /// Start, in clock ticks since boot.
    pub start: u64,
}

/// How a process stands; `None` if there is none of that number.
#[must_use]
pub fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, spaces and brackets included; what follows the last bracket is regular.
    let rest = text.get(text.iter().rposition(|byte| *byte == b')')? + 1..)?;
    let fields: Vec<&str> = std::str::from_utf8(rest).ok()?.split_ascii_whitespace().collect();
    Some(Stat {
        dead: matches!(*fields.first()?, "Z" | "X" | "x"),
        parent: fields.get(1)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

/// Every process there is.
pub fn all_pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| std::str::from_utf8(entry.file_name().as_bytes()).ok()?.parse().ok())
}

/// Every descendant of this process that has not ended. Orphans are ours, since this process is their subreaper.
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

/// Whether `pid` is a descendant of this process, or nothing can be said of it any more. A number that stands for no
/// process here (0) belongs to another PID namespace, which descendants are never outside of.
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

/// The cgroup2 directory this process lives in.
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

/// Tried, not guessed: the permissions of a cgroup tree are spread over several files.
fn can_make_cgroups() -> bool {
    let Some(own) = own_cgroup() else { return false };
    let probe = own.join(format!("flow-probe-{}", std::process::id()));
    if fs::create_dir(&probe).is_err() {
        return false;
    }
    let usable = probe.join("cgroup.kill").exists();
    // Moving a process needs the right to write to the common ancestor as well.
    let movable =
        nix::unistd::access(&own.join("cgroup.procs"), nix::unistd::AccessFlags::W_OK).is_ok();
    let _ = fs::remove_dir(&probe);
    usable && movable
}

/// CAP_SYS_ADMIN, without which the kernel makes no PID namespace.
fn may_unshare() -> bool {
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
    fn a_process_is_found_among_the_descendants_until_it_is_dead() {
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
    fn a_way_is_followed_by_the_lesser_ones_only() {
        let after: Vec<_> = Containment::PidNamespace.and_lesser().collect();
        assert_eq!(after, [Containment::PidNamespace, Containment::Session]);
    }
}
