//! The run directory of one workload: its files and the state that they prove.
//!
//! ```text
//! <root>/runs/<run>-<attempt>/
//!   lock           flock, held by the sidecar while it lives: this lock, never a pid, proves liveness
//!   hold.json      the hold request and the bound ports (proves nothing)
//!   launch.json    the start request
//!   container.json the containment of descendants, for a sweep after a sidecar vanished
//!   started        created exclusively and synced before the spawn; removed only with the directory
//!   exit           the exit; appears complete, by rename, when no process of the workload is alive
//!   exit.tmp       space reserved for `exit`, so that it can be written on a full disk
//!   origin.json    the image and dataset of the workload, for the party's policy for outputs
//!   digests.json   known SHA-256 values of outputs
//!   forgotten      the agent needs no proof any more; the key can never be started again
//!   control.sock   log/  output/  work/  home/  sidecar.log
//! ```
//!
//! A process that holds the lock can conclude: without `started` nothing ran; with `exit` the
//! workload ended; with `started` and without `exit` it was interrupted and is never started again.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use flow_domain::member::Exit;
use flow_domain::progress::Progress;
use flow_domain::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::workload::WorkKey;

/// Limit of a file that this module reads, in bytes. A spec has at most 256 KiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Space reserved for `exit`, and its limit, in bytes.
const EXIT_BYTES_MAX: usize = 64 * 1024;

/// Limit of the attempts to remove a run directory in which other tasks open the lock.
const REMOVE_ATTEMPTS_MAX: u32 = 100;

/// File names in a run directory.
pub mod name {
    pub const LOCK: &str = "lock";
    pub const HOLD: &str = "hold.json";
    pub const LAUNCH: &str = "launch.json";
    pub const CONTAINER: &str = "container.json";
    pub const STARTED: &str = "started";
    pub const EXIT: &str = "exit";
    pub const EXIT_TMP: &str = "exit.tmp";
    /// The image and dataset of the workload, for the party's policy for outputs.
    pub const ORIGIN: &str = "origin.json";
    /// Known SHA-256 values of outputs.
    pub const DIGESTS: &str = "digests.json";
    pub const FORGOTTEN: &str = "forgotten";
    pub const CONTROL: &str = "control.sock";
    /// The sidecar's own log.
    pub const SIDECAR_LOG: &str = "sidecar.log";
    /// The workload's output, in segments.
    pub const LOG: &str = "log";
    /// The kept results (`FED_OUTPUT_DIR`).
    pub const OUTPUT: &str = "output";
    /// The scratch and working directory (`FED_WORK_DIR`).
    pub const WORK: &str = "work";
    /// `HOME`: frameworks write there (hazard L14).
    pub const HOME: &str = "home";
}

/// Parts that are removed with the outputs.
pub const OUTPUTS: [&str; 2] = [name::OUTPUT, name::DIGESTS];
/// Parts that only a running workload needs.
pub const SCRATCH: [&str; 2] = [name::WORK, name::HOME];

/// Lists the run directories in `runs`.
pub fn list(runs: &Path) -> io::Result<Vec<(WorkKey, RunDir)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(runs)? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str);
        found.extend(name.and_then(parse_dir_name).map(|key| (key, RunDir::at(&path))));
    }
    Ok(found)
}

/// The name of a key's directory, which is also the first part of its marker.
#[must_use]
pub fn dir_name(key: &WorkKey) -> String {
    format!("{}-{}", key.run, key.attempt)
}

/// The key of a directory name; `None` if it is no such name.
#[must_use]
pub fn parse_dir_name(name: &str) -> Option<WorkKey> {
    let (run, attempt) = name.split_once('-')?;
    let key = WorkKey { run: run.parse().ok()?, attempt: attempt.parse().ok()? };
    (dir_name(&key) == name).then_some(key)
}

/// Content of `exit`: the workload's exit and its last progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    pub exit: Exit,
    /// The last progress, with as many of the last points as fit. An agent that was disconnected did
    /// not get them.
    pub progress: Option<Progress>,
}

impl ExitRecord {
    fn bytes(&self) -> io::Result<Vec<u8>> {
        bounded_json(self, |record| Some(&mut record.progress))
    }
}

/// Encodes a record in at most [`EXIT_BYTES_MAX`] bytes: it leaves out the oldest points, then the rest
/// of the progress except `complete`.
pub fn bounded_json<T: Serialize + Clone>(
    record: &T,
    progress: impl Fn(&mut T) -> Option<&mut Option<Progress>>,
) -> io::Result<Vec<u8>> {
    let mut record = record.clone();
    loop {
        let bytes = serde_json::to_vec(&record)?;
        let Some(kept) = progress(&mut record).filter(|_| bytes.len() > EXIT_BYTES_MAX) else {
            return Ok(bytes);
        };
        match kept {
            Some(progress) if !progress.points.is_empty() => {
                let older = progress.points.len().div_ceil(2);
                progress.points.drain(..older);
            }
            kept => {
                // The outcome of the run depends on `complete`, so it stays.
                let least = kept
                    .as_ref()
                    .filter(|kept| kept.complete)
                    .map(|_| Progress { complete: true, ..Progress::default() });
                if *kept == least {
                    return Ok(bytes);
                }
                *kept = least;
            }
        }
    }
}

/// The state that a run directory proves.
#[derive(Debug)]
pub enum RunDirState {
    /// The directory does not exist.
    Missing,
    /// A sidecar holds the lock and knows the state.
    Alive,
    /// Nothing ran. The caller gets the lock.
    Fresh(Lock),
    /// The workload ended.
    Exited(ExitRecord),
    /// The sidecar vanished before it wrote the exit: processes that are left must be killed. The
    /// caller gets the lock.
    Interrupted(Lock),
    /// The key was forgotten and cannot be started again.
    Forgotten,
}

/// The lock of a run directory; dropping it releases the lock.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    /// A process that is being started has a copy of the descriptor until its `exec`: closing the
    /// file would leave the lock with the copy.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the lock of a run directory was not released");
        }
    }
}

impl Lock {
    #[must_use]
    pub fn file(&self) -> &File {
        &self.0
    }
}

/// One run directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// The directory at `path`, which need not exist.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The marker of every process of the key's workload. It contains the path: two parties on one
    /// machine may take part in the same run, and an agent must not kill the other party's
    /// workload.
    #[must_use]
    pub fn marker(&self, key: &WorkKey) -> String {
        format!("{}@{}", dir_name(key), self.0.display())
    }

    /// Creates the directory with access for its owner only. It may exist.
    pub fn create(&self) -> io::Result<()> {
        private_dir(&self.0)
    }

    /// Removes the directory and its content. Another task that opens the lock meanwhile creates
    /// that file again and the directory is not empty, so the removal is tried at most
    /// [`REMOVE_ATTEMPTS_MAX`] times.
    pub fn remove(&self) -> io::Result<()> {
        let mut attempts = 1;
        loop {
            match fs::remove_dir_all(&self.0) {
                Err(error)
                    if error.kind() == io::ErrorKind::DirectoryNotEmpty
                        && attempts < REMOVE_ATTEMPTS_MAX =>
                {
                    attempts += 1;
                }
                result => return result,
            }
        }
    }

    /// Tries to take the lock. `None` = another process holds it.
    pub fn lock(&self) -> io::Result<Option<Lock>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.join(name::LOCK))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Inspects the directory under the lock, so that no sidecar can change it meanwhile.
    pub fn inspect(&self) -> io::Result<RunDirState> {
        let lock = match self.lock() {
            Ok(Some(lock)) => lock,
            Ok(None) => return Ok(RunDirState::Alive),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(RunDirState::Missing);
            }
            Err(error) => return Err(error),
        };
        if self.has(name::FORGOTTEN) {
            return Ok(RunDirState::Forgotten);
        }
        match self.read::<ExitRecord>(name::EXIT) {
            Ok(record) => return Ok(RunDirState::Exited(record)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // No sidecar wrote this file, so the exit is unknown.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                return Ok(RunDirState::Interrupted(lock));
            }
            Err(error) => return Err(error),
        }
        Ok(if self.has(name::STARTED) {
            RunDirState::Interrupted(lock)
        } else {
            RunDirState::Fresh(lock)
        })
    }

    /// True if the file exists.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.join(name).symlink_metadata().is_ok()
    }

    /// Reads a JSON file.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<T> {
        let mut bytes = Vec::new();
        let count =
            open_regular(&self.join(name))?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if count as u64 > FILE_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{name} has more than {FILE_BYTES_MAX} bytes"),
            ));
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Writes a JSON file by rename, without a sync: nothing depends on it after a power loss.
    pub fn write<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        let tmp = self.join(&format!("{name}.tmp"));
        let mut file = private_file(&tmp)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        fs::rename(&tmp, self.join(name))
    }

    /// Reserves the space of `exit`.
    pub fn reserve_exit(&self) -> io::Result<()> {
        let mut file = private_file(&self.join(name::EXIT_TMP))?;
        // Written instead of allocated: some file systems take an allocation back at the first
        // write. Without a sync, which would cost every hold a commit of the disk; after a power
        // loss the reserve does not matter.
        file.write_all(&[b' '; EXIT_BYTES_MAX])
    }

    /// Records that the workload may run from now on. `AlreadyExists` = it may have run before.
    pub fn write_started(&self) -> io::Result<()> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.join(name::STARTED))?
            .sync_all()?;
        self.sync()
    }

    /// Writes the exit into the reserved space. `before_rename` runs when everything except the
    /// rename is done.
    pub fn write_exit(&self, record: &ExitRecord, before_rename: impl FnOnce()) -> io::Result<()> {
        let tmp = self.join(name::EXIT_TMP);
        let options = &mut OpenOptions::new();
        let options = options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let mut file = require_regular(options.open(&tmp))?;
        let bytes = record.bytes()?;
        file.write_all(&bytes)?;
        file.set_len(bytes.len() as u64)?;
        file.sync_all()?;
        before_rename();
        fs::rename(&tmp, self.join(name::EXIT))?;
        self.sync()
    }

    /// Marks the key so that it never starts again, and removes the files that only proved its
    /// state.
    pub fn forget(&self) -> io::Result<()> {
        private_file(&self.join(name::FORGOTTEN))?.sync_all()?;
        self.sync()?;
        for name in
            [name::LAUNCH, name::CONTAINER, name::EXIT_TMP, name::CONTROL, name::SIDECAR_LOG]
        {
            match fs::remove_file(self.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The time at which the key was forgotten; `None` if it was not.
    #[must_use]
    pub fn forgotten_at(&self) -> Option<Timestamp> {
        let at = self.join(name::FORGOTTEN).metadata().and_then(|found| found.modified()).ok()?;
        let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_micros()).ok().map(Timestamp)
    }

    /// True if the workload left neither log nor outputs nor scratch files. A directory that cannot
    /// be read may hold some.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let mut folders = [name::LOG, name::OUTPUT].into_iter().chain(SCRATCH);
        folders.all(|folder| match fs::read_dir(self.join(folder)) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        })
    }

    /// Removes files and directories of an ended member, which need not exist. A link is removed,
    /// not followed.
    pub fn remove_parts(&self, names: &[&str]) -> io::Result<()> {
        for name in names {
            let path = self.join(name);
            let removed = match path.symlink_metadata() {
                Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
                Ok(_) => fs::remove_file(&path),
                Err(error) => Err(error),
            };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes the names in the directory durable.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

/// Creates a directory and its parents with access for the owner only.
pub fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file for reading. A workload of the same user may have replaced it by a link, a pipe or
/// a device, which is an error.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let opened =
        OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    require_regular(opened)
}

/// Rejects everything but a regular file.
pub(super) fn require_regular(opened: io::Result<File>) -> io::Result<File> {
    let not_regular = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "a file was replaced by a link, a pipe or a device",
        )
    };
    match opened {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(not_regular()),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO)) => {
            Err(not_regular())
        }
        Err(error) => Err(error),
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    let options = &mut OpenOptions::new();
    require_regular(
        options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (tempfile::TempDir, RunDir) {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let dir = RunDir::at(temp.path().join("x"));
        dir.create().expect("a run directory");
        (temp, dir)
    }

    fn record() -> ExitRecord {
        let exit = Exit {
            code: Some(0),
            signal: None,
            reason: None,
            last_lines: Vec::new(),
            started_at: Timestamp(1),
            finished_at: Timestamp(2),
        };
        ExitRecord { exit, progress: None }
    }

    #[test]
    fn files_of_a_directory_determine_its_state() {
        let (_temp, dir) = fresh();
        assert!(matches!(RunDir::at("/nonexistent/run").inspect(), Ok(RunDirState::Missing)));
        assert!(matches!(dir.inspect(), Ok(RunDirState::Fresh(_))));
        dir.write_started().expect("written");
        assert!(matches!(dir.inspect(), Ok(RunDirState::Interrupted(_))));
        let held = dir.lock().expect("a lock").expect("free");
        assert!(matches!(dir.inspect(), Ok(RunDirState::Alive)));
        drop(held);
        dir.reserve_exit().expect("space");
        dir.write_exit(&record(), || ()).expect("written");
        assert!(matches!(dir.inspect(), Ok(RunDirState::Exited(found)) if found == record()));
        dir.forget().expect("forgotten");
        assert!(matches!(dir.inspect(), Ok(RunDirState::Forgotten)));
    }

    #[test]
    fn directory_is_removed_while_other_tasks_open_its_lock() {
        let (_temp, dir) = fresh();
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    drop(dir.lock());
                }
            });
            for _ in 0..200 {
                dir.create().expect("a run directory");
                dir.remove().expect("removed");
                assert!(!dir.path().exists());
            }
            over.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }

    #[test]
    fn started_is_created_only_once() {
        let (_temp, dir) = fresh();
        dir.write_started().expect("the first time");
        assert_eq!(
            dir.write_started().expect_err("the second time").kind(),
            io::ErrorKind::AlreadyExists
        );
    }

    #[test]
    fn exit_fits_into_the_reserved_space_and_keeps_completion() {
        let metrics = (0..10_000).map(|n| (format!("series-{n}"), "0.125".to_owned())).collect();
        let mut long = record();
        long.progress = Some(Progress { complete: true, metrics, ..Progress::default() });
        let bytes = long.bytes().expect("bytes");
        assert!(bytes.len() <= EXIT_BYTES_MAX);
        let back: ExitRecord = serde_json::from_slice(&bytes).expect("a record");
        assert!(back.progress.expect("progress").complete);
        let point = |step| flow_domain::progress::Point {
            series: "s".to_owned(),
            step,
            value: "0.125".to_owned(),
        };
        let points = (0..10_000).map(point).collect();
        let many = ExitRecord {
            progress: Some(Progress { complete: true, points, ..Progress::default() }),
            ..record()
        };
        let bytes = many.bytes().expect("bytes");
        assert!(bytes.len() <= EXIT_BYTES_MAX);
        let back: ExitRecord = serde_json::from_slice(&bytes).expect("a record");
        let kept: Vec<u64> = back
            .progress
            .iter()
            .flat_map(|progress| &progress.points)
            .map(|point| point.step)
            .collect();
        assert!(kept.len() > 500 && kept.last() == Some(&9_999), "the last ones: {kept:?}");
    }

    #[test]
    fn only_a_valid_directory_name_is_a_key() {
        let key = WorkKey { run: "0".repeat(32).parse().expect("an id"), attempt: 7 };
        assert_eq!(parse_dir_name(&dir_name(&key)), Some(key));
        for bad in
            ["", "x", "0-1", &format!("{}-07", "0".repeat(32)), &format!("{}-", "0".repeat(32))]
        {
            assert_eq!(parse_dir_name(bad), None, "{bad:?}");
        }
    }
}
