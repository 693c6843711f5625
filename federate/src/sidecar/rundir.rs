//! The run directory: what it holds, and what its files prove.
//!
//! ```text
//! <root>/runs/<run>-<attempt>/
//!   lock           flock, held by the sidecar for as long as it lives: liveness is this lock, never a pid
//!   hold.json      what was asked to be held, and the ports that were found (not proof of anything)
//!   launch.json    what was asked to be started
//!   container.json where descendants are caught, for whoever has to sweep after a sidecar that vanished
//!   started        made exclusively and synced before the workload is spawned; never removed but with the directory
//!   exit           how it ended; appears whole, by rename, after nothing of the workload is alive
//!   exit.tmp       space set aside for `exit`, so that a full disk cannot swallow the fact
//!   forgotten      the agent needs no more proof; the key can never be started again
//!   control.sock   log/  output/  work/  home/  sidecar.log
//! ```
//!
//! Whoever holds the lock may judge: without `started` nothing has run; with `exit` it has ended; with `started` and
//! no `exit` it was cut off, and is never started again.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use flow_domain::member::Exit;
use flow_domain::progress::Progress;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::runtime::WorkKey;

/// Longest file read here, in bytes: specs are at most 256 KiB.
const FILE_LIMIT: u64 = 4 << 20;

/// Bytes set aside for `exit`.
const EXIT_RESERVE: usize = 64 * 1024;
/// Tries to remove a run directory in which other tasks open the lock.
const REMOVE_TRIES: u32 = 100;

/// File names inside a run directory.
pub mod name {
    /// Held locked by the sidecar.
    pub const LOCK: &str = "lock";
    /// What was asked to be held.
    pub const HOLD: &str = "hold.json";
    /// What was asked to be started.
    pub const LAUNCH: &str = "launch.json";
    /// Where descendants are caught.
    pub const CONTAINER: &str = "container.json";
    /// The workload may have run.
    pub const STARTED: &str = "started";
    /// How it ended.
    pub const EXIT: &str = "exit";
    /// Space set aside for `exit`.
    pub const EXIT_TMP: &str = "exit.tmp";
    /// No proof is needed any more.
    pub const FORGOTTEN: &str = "forgotten";
    /// Where the sidecar listens.
    pub const CONTROL: &str = "control.sock";
    /// What the sidecar has to say about itself.
    pub const SIDECAR_LOG: &str = "sidecar.log";
    /// The workload's output, in segments.
    pub const LOG: &str = "log";
    /// Results to keep (`FED_OUTPUT_DIR`).
    pub const OUTPUT: &str = "output";
    /// Scratch, and the working directory (`FED_WORK_DIR`).
    pub const WORK: &str = "work";
    /// `HOME`: frameworks write there (hazard L14).
    pub const HOME: &str = "home";
}

/// The name of a key, as directory and as the first part of its mark.
#[must_use]
pub fn marker(key: &WorkKey) -> String {
    format!("{}-{}", key.run, key.attempt)
}

/// The key a directory name stands for.
#[must_use]
pub fn parse_marker(name: &str) -> Option<WorkKey> {
    let (run, attempt) = name.split_once('-')?;
    let key = WorkKey { run: run.parse().ok()?, attempt: attempt.parse().ok()? };
    (marker(&key) == name).then_some(key)
}

/// `exit`: how the workload ended, and the last that was seen of its progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// How it ended.
    pub exit: Exit,
    /// Last progress, with as many of the last points as there is room for: an agent that was away has not heard them.
    pub progress: Option<Progress>,
}

impl ExitRecord {
    /// The bytes of the record.
    fn bytes(&self) -> io::Result<Vec<u8>> {
        bounded(self, |record| Some(&mut record.progress))
    }
}

/// A record as JSON; of its progress the points, then all, are left out rather than outgrow what is set aside for an exit.
pub fn bounded<T: Serialize + Clone>(
    record: &T,
    progress: impl Fn(&mut T) -> Option<&mut Option<Progress>>,
) -> io::Result<Vec<u8>> {
    let mut record = record.clone();
    loop {
        let bytes = serde_json::to_vec(&record)?;
        let Some(kept) = progress(&mut record).filter(|_| bytes.len() > EXIT_RESERVE) else {
            return Ok(bytes);
        };
        match kept {
            Some(progress) if !progress.points.is_empty() => {
                let older = progress.points.len().div_ceil(2);
                progress.points.drain(..older);
            }
            kept => {
                // `complete` is a fact the run depends on; it outlives the numbers.
                let verdict = kept
                    .as_ref()
                    .filter(|kept| kept.complete)
                    .map(|_| Progress { complete: true, ..Progress::default() });
                if *kept == verdict {
                    return Ok(bytes);
                }
                *kept = verdict;
            }
        }
    }
}

/// What a directory proves, judged while nobody supervises it.
#[derive(Debug)]
pub enum Verdict {
    /// There is no such directory.
    Missing,
    /// A sidecar lives: ask it.
    Alive,
    /// Nothing has run. The lock is ours.
    Fresh(Lock),
    /// It ended, and nothing of it is alive.
    Exited(ExitRecord),
    /// It was cut off: what is left must be killed. The lock is ours.
    CutOff(Lock),
    /// It was forgotten, and cannot be started again.
    Forgotten,
}

/// The lock of a run directory, held until dropped.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// The locked file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.0
    }
}

/// One run directory, addressed by path (or by `.` from inside the sidecar).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// The directory at `path`, which need not exist.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of one of its files.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What marks every process of the key's workload. The place is part of it: two parties on one machine may take part
    /// in the same run, and neither may kill what is the other's.
    #[must_use]
    pub fn mark(&self, key: &WorkKey) -> String {
        format!("{}@{}", marker(key), self.0.display())
    }

    /// Make the directory, readable for nobody else. Existing is fine.
    pub fn create(&self) -> io::Result<()> {
        private_dir(&self.0)
    }

    /// Removes the directory and its content. Another task that opens the lock meanwhile creates its file anew, and the
    /// directory is then not empty; so the removal is tried [`REMOVE_TRIES`] times.
    pub fn remove(&self) -> io::Result<()> {
        let mut tries = 1;
        loop {
            match fs::remove_dir_all(&self.0) {
                Err(error)
                    if error.kind() == io::ErrorKind::DirectoryNotEmpty && tries < REMOVE_TRIES =>
                {
                    tries += 1
                }
                result => return result,
            }
        }
    }

    /// Try to take the lock. `None`: somebody has it.
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

    /// What the directory proves. Read under the lock, so that no sidecar can change it meanwhile.
    pub fn judge(&self) -> io::Result<Verdict> {
        let lock = match self.lock() {
            Ok(Some(lock)) => lock,
            Ok(None) => return Ok(Verdict::Alive),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Verdict::Missing),
            Err(error) => return Err(error),
        };
        if self.has(name::FORGOTTEN) {
            return Ok(Verdict::Forgotten);
        }
        match self.read::<ExitRecord>(name::EXIT) {
            Ok(record) => return Ok(Verdict::Exited(record)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Not written by a sidecar: how it ended cannot be known.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                return Ok(Verdict::CutOff(lock));
            }
            Err(error) => return Err(error),
        }
        Ok(if self.has(name::STARTED) { Verdict::CutOff(lock) } else { Verdict::Fresh(lock) })
    }

    /// Whether the file is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.join(name).symlink_metadata().is_ok()
    }

    /// Read a JSON file.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<T> {
        let mut bytes = Vec::new();
        let count = open_plain(&self.join(name))?.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
        if count as u64 > FILE_LIMIT {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{name} is longer than anything written by a sidecar"),
            ));
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Write a JSON file whole, by rename. Not synced: nothing depends on it after a power loss.
    pub fn write<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        let tmp = self.join(&format!("{name}.tmp"));
        let mut file = private_file(&tmp)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        fs::rename(&tmp, self.join(name))
    }

    /// Set aside the space `exit` will need.
    pub fn reserve_exit(&self) -> io::Result<()> {
        let mut file = private_file(&self.join(name::EXIT_TMP))?;
        // Written, not only allocated: some file systems take an allocation back when it is first written to. Not synced:
        // that would cost every hold a commit of the disk, for a reserve that no longer matters after a power loss.
        file.write_all(&[b' '; EXIT_RESERVE])
    }

    /// Put down that the workload may run from now on. `AlreadyExists` means that it may have run before.
    pub fn write_started(&self) -> io::Result<()> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.join(name::STARTED))?
            .sync_all()?;
        self.sync()
    }

    /// Write how it ended into the space set aside. `before_rename` is called when everything but the rename is done.
    pub fn write_exit(&self, record: &ExitRecord, before_rename: impl FnOnce()) -> io::Result<()> {
        let tmp = self.join(name::EXIT_TMP);
        let options = &mut OpenOptions::new();
        let options = options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let mut file = plain(options.open(&tmp))?;
        let bytes = record.bytes()?;
        file.write_all(&bytes)?;
        file.set_len(bytes.len() as u64)?;
        file.sync_all()?;
        before_rename();
        fs::rename(&tmp, self.join(name::EXIT))?;
        self.sync()
    }

    /// Never start this key again, and drop what only served to prove its state.
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

    /// True if the workload left a log or outputs. A directory that cannot be read may hold some.
    #[must_use]
    pub fn has_results(&self) -> bool {
        [name::LOG, name::OUTPUT].into_iter().any(|folder| match fs::read_dir(self.join(folder)) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        })
    }

    /// Remove the scratch directories of a member that has ended.
    pub fn remove_scratch(&self) -> io::Result<()> {
        for folder in [name::WORK, name::HOME] {
            match fs::remove_dir_all(self.join(folder)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Make the names in the directory durable.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

/// Make a directory (and its parents) that only its owner may enter.
pub fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Open a file for reading that a workload of the same user may have replaced by something that blocks or leads away.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let opened =
        OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    plain(opened)
}

/// Only a regular file, and not through a link.
pub(super) fn plain(opened: io::Result<File>) -> io::Result<File> {
    let strange = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "somebody put something else in the place of a file",
        )
    };
    match opened {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(strange()),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO)) => {
            Err(strange())
        }
        Err(error) => Err(error),
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    let options = &mut OpenOptions::new();
    plain(
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
    use flow_domain::time::Timestamp;

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
            started_at: Timestamp(1),
            finished_at: Timestamp(2),
        };
        ExitRecord { exit, progress: None }
    }

    #[test]
    fn a_directory_proves_what_its_files_say() {
        let (_temp, dir) = fresh();
        assert!(matches!(RunDir::at("/nonexistent/run").judge(), Ok(Verdict::Missing)));
        assert!(matches!(dir.judge(), Ok(Verdict::Fresh(_))));
        dir.write_started().expect("written");
        assert!(matches!(dir.judge(), Ok(Verdict::CutOff(_))));
        let held = dir.lock().expect("a lock").expect("free");
        assert!(matches!(dir.judge(), Ok(Verdict::Alive)));
        drop(held);
        dir.reserve_exit().expect("space");
        dir.write_exit(&record(), || ()).expect("written");
        assert!(matches!(dir.judge(), Ok(Verdict::Exited(found)) if found == record()));
        dir.forget().expect("forgotten");
        assert!(matches!(dir.judge(), Ok(Verdict::Forgotten)));
    }

    #[test]
    fn a_directory_is_removed_while_others_open_its_lock() {
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
    fn started_can_be_made_once_only() {
        let (_temp, dir) = fresh();
        dir.write_started().expect("the first time");
        assert_eq!(
            dir.write_started().expect_err("the second time").kind(),
            io::ErrorKind::AlreadyExists
        );
    }

    #[test]
    fn an_exit_never_outgrows_the_space_set_aside_and_keeps_the_verdict() {
        let metrics = (0..10_000).map(|n| (format!("series-{n}"), "0.125".to_owned())).collect();
        let mut long = record();
        long.progress = Some(Progress { complete: true, metrics, ..Progress::default() });
        let bytes = long.bytes().expect("bytes");
        assert!(bytes.len() <= EXIT_RESERVE);
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
        assert!(bytes.len() <= EXIT_RESERVE);
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
    fn a_directory_name_is_a_key_or_nothing() {
        let key = WorkKey { run: "0".repeat(32).parse().expect("an id"), attempt: 7 };
        assert_eq!(parse_marker(&marker(&key)), Some(key));
        for bad in
            ["", "x", "0-1", &format!("{}-07", "0".repeat(32)), &format!("{}-", "0".repeat(32))]
        {
            assert_eq!(parse_marker(bad), None, "{bad:?}");
        }
    }
}
