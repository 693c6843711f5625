//! A description of the machine, and the memory and processor time of a process, as the kernel
//! counts them.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit of open files: 10,000 agents need one socket each in this process and in the
/// hub, which inherits the limit.
pub fn allow_many_files() {
    let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        eprintln!("bench: cannot raise the number of open files to {hard}: {error}");
    }
}

/// Processor, memory, kernel, and the disk of the temporary directory.
pub fn describe() -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory: u64 = field("/proc/meminfo", "MemTotal")
        .split(' ')
        .next()
        .and_then(|kib| kib.parse().ok())
        .unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let folder = std::env::temp_dir();
    let disk = mount_of(&folder).unwrap_or_else(|| "unknown".to_owned());
    format!(
        "{cores} cores ({}), {} GiB, Linux {}; data in {} on {disk}",
        field("/proc/cpuinfo", "model name"),
        memory >> 20,
        kernel.trim(),
        folder.display()
    )
}

/// Device and file system of a folder: the longest mount point above it.
fn mount_of(folder: &std::path::Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let fields = mounts.lines().map(|line| line.split(' ').take(3).collect::<Vec<_>>());
    let above = fields.filter(|fields| fields.len() == 3 && folder.starts_with(fields[1]));
    above
        .max_by_key(|fields| fields[1].len())
        .map(|fields| format!("{} ({})", fields[0], fields[2]))
}

/// Mean number of runnable processes over the last minute.
pub fn load() -> String {
    fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| Some(text.split(' ').next()?.to_owned()))
        .unwrap_or_default()
}

/// Resident memory of a process and its private part, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub resident: u64,
    pub private: u64,
}

impl Memory {
    pub fn of(pid: i32) -> Self {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
            .expect("the process runs under this user");
        let field = |name: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        Self { resident: field("Rss:"), private: field("Private_Clean:") + field("Private_Dirty:") }
    }

    /// `12.3 MB RSS, 4.5 MB of it private`
    pub fn shown(self) -> String {
        format!("{} RSS, {} of it private", megabytes(self.resident), megabytes(self.private))
    }
}

#[expect(clippy::cast_precision_loss, reason = "the result is printed with one decimal")]
pub fn megabytes(kib: u64) -> String {
    format!("{:.1} MB", kib as f64 * 1024.0 / 1e6)
}

/// Starts the measurement of [`peak_memory`] anew.
pub fn reset_peak_memory(pid: i32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("the process runs under this user");
}

/// Largest resident memory of a process so far, in KiB.
pub fn peak_memory(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line =
        text.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel counts it");
    line.trim().trim_end_matches(" kB").parse().expect("the kernel's format")
}

/// Processor time of a process so far, in user and kernel mode.
pub fn processor_time(pid: i32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // The second field, the name, may contain spaces and brackets: split after its last bracket.
    let fields = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_ascii_whitespace())
        .expect("the kernel's format");
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)
        .ok()
        .flatten()
        .and_then(|n| u64::try_from(n).ok());
    Duration::from_millis(ticks * 1000 / per_second.unwrap_or(100))
}
