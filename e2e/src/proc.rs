//! Live processes of this machine, read from `/proc` and therefore independent of the programs
//! under test.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process that has not ended.
#[derive(Debug, Clone)]
pub struct Process {
    /// Process id.
    pub pid: i32,
    /// Process id of the parent.
    pub parent: i32,
    /// Program and arguments.
    pub command: String,
    /// Working directory.
    pub cwd: PathBuf,
}

impl Process {
    /// Sends a signal; ignores a process that has ended.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.pid), signal);
    }
}

/// The processes with `word` in environment, command line or working directory. All three are
/// checked, because workloads have a limited environment, sidecars an empty one, and daemons the
/// root as working directory. Zombies have none of them.
#[must_use]
pub fn with_word(word: &str) -> Vec<Process> {
    assert!(!word.is_empty(), "every process has an empty word");
    let own = i32::try_from(std::process::id()).expect("a pid is small");
    let pids = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let pids =
        pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| *pid != own);
    pids.filter_map(|pid| look(pid, word)).collect()
}

fn look(pid: i32, word: &str) -> Option<Process> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let command = fs::read(folder.join("cmdline")).unwrap_or_default();
    let environment = fs::read(folder.join("environ")).unwrap_or_default();
    let cwd = fs::read_link(folder.join("cwd")).unwrap_or_default();
    let has = |bytes: &[u8]| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    if !has(&command) && !has(&environment) && !has(cwd.as_os_str().as_encoded_bytes()) {
        return None;
    }
    let command = String::from_utf8_lossy(&command).replace('\0', " ").trim_end().to_owned();
    Some(Process { pid, parent: parent(pid)?, command, cwd })
}

/// `None` for a process that has ended, even if it is not reaped yet.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may contain brackets; state, parent and further fields follow the last one.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    (!matches!(fields.next()?, "Z" | "X")).then(|| fields.next()?.parse().ok()).flatten()
}

/// Number of open file descriptors of a process.
#[must_use]
pub fn open_files(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Size of all files below a folder, in bytes.
#[must_use]
pub fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
        .fold(0, |sum, (path, meta)| {
            sum + if meta.is_dir() { bytes_below(&path) } else { meta.len() }
        })
}
