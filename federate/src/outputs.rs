//! The outputs of a member as files that may leave the party: their list, their SHA-256, and the
//! reading of one of them.
//!
//! The workload owns the directory and may change it at any time, also by links. Every file is
//! therefore opened part by part below a descriptor of the directory, without following a link, and
//! must be a plain file. A digest belongs to one state of a file (inode, size, times); the digests
//! that were computed are kept beside the directory and lost without harm.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flow_common::clock;
use flow_domain::id::Digest;
use flow_domain::output::{FILES_MAX, OutputPath};
use flow_domain::time::Timestamp;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::sidecar::rundir::{RunDir, name};
use crate::workload::Origin;

/// Most directory entries that a list reads: a workload can create any number.
const ENTRIES_MAX: usize = 20_000;
/// Interval in which computed digests of a long list are kept.
const KEEP_PERIOD: Duration = Duration::from_secs(1);
/// Bytes that are read at once.
pub(crate) const BLOCK_BYTES: usize = 64 << 10;

/// The directory with the outputs of one member.
#[derive(Debug, Clone)]
pub struct OutputDir {
    run: RunDir,
    /// The image and dataset that made the outputs; `None` if the runtime does not know it.
    pub origin: Option<Origin>,
}

/// A state of a file. A write changes it, and a workload cannot set the time of the last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct FileState {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileState {
    fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }

    fn modified_at(&self) -> Timestamp {
        let (seconds, nanoseconds) = self.modified;
        Timestamp(seconds.saturating_mul(1_000_000).saturating_add(nanoseconds / 1000))
    }
}

/// One listed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub path: OutputPath,
    pub size: u64,
    pub modified_at: Timestamp,
    /// `None`: not computed yet, or the file is being written.
    pub sha256: Option<Digest>,
}

/// The files of a directory, ordered by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    pub files: Vec<Output>,
    /// Entries that are not listed: beyond the limits, neither plain files nor directories, or with
    /// names that no [`OutputPath`] can have.
    pub left_out: u32,
}

/// An open output.
#[derive(Debug)]
pub struct OpenOutput {
    file: File,
    state: FileState,
    pub output: Output,
}

/// Content of the file with the known digests.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Digests(BTreeMap<OutputPath, (FileState, Digest)>);

impl OutputDir {
    /// The outputs in this run directory, which need not exist.
    #[must_use]
    pub fn of(run: RunDir) -> Self {
        let origin = run.read(name::ORIGIN).ok();
        Self { run, origin }
    }

    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.run.join(name::OUTPUT)
    }

    /// Bytes that all files of the member occupy, its log and working directory among them.
    #[must_use]
    pub fn disk_use_of_member(&self) -> u64 {
        disk_use(self.run.path())
    }

    /// Lists the files with the digests that are known. `NotFound` = the directory does not exist.
    pub fn list(&self) -> io::Result<Listing> {
        let root = open_directory(&self.path())?;
        let mut left_out = 0_u32;
        let mut entries = 0;
        // The first paths are kept, so that the list does not depend on the order of directories.
        let mut kept = BTreeMap::new();
        // Paths, not descriptors: a workload can create more directories than a process may open.
        let mut directories = vec![None];
        while let Some(directory) = directories.pop() {
            let Ok(open) = descend(&root, directory.as_ref()) else {
                left_out = left_out.saturating_add(1);
                continue;
            };
            for entry in fs::read_dir(by_descriptor(&open))? {
                entries += 1;
                if entries > ENTRIES_MAX {
                    left_out = left_out.saturating_add(1);
                    directories.clear();
                    break;
                }
                let entry = entry?.file_name();
                let path = join(directory.as_ref(), &entry);
                match (path, open_below(&open, &entry, OFlag::O_PATH)) {
                    (Some(path), Ok(child)) if child.metadata()?.is_dir() => {
                        directories.push(Some(path));
                    }
                    (Some(path), Ok(child)) if child.metadata()?.is_file() => {
                        kept.insert(path, FileState::of(&child)?);
                        if kept.len() > FILES_MAX {
                            kept.pop_last();
                            left_out = left_out.saturating_add(1);
                        }
                    }
                    _ => left_out = left_out.saturating_add(1),
                }
            }
        }
        let digests = self.digests();
        let files = kept.into_iter().map(|(path, state)| Output {
            sha256: digests.of(&path, &state),
            size: state.size,
            modified_at: state.modified_at(),
            path,
        });
        Ok(Listing { files: files.collect(), left_out })
    }

    /// Opens a file. `NotFound` also for everything that is no plain file.
    pub fn open(&self, path: &OutputPath) -> io::Result<OpenOutput> {
        let root = open_directory(&self.path())?;
        let place = open_path(&root, path, OFlag::O_NONBLOCK).map_err(|error| {
            match error.raw_os_error() {
                Some(libc::ELOOP | libc::ENOTDIR | libc::ENXIO | libc::ENAMETOOLONG) => {
                    io::ErrorKind::NotFound.into()
                }
                _ => error,
            }
        })?;
        if !place.metadata()?.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let state = FileState::of(&place)?;
        let output = Output {
            sha256: self.digests().of(path, &state),
            path: path.clone(),
            size: state.size,
            modified_at: state.modified_at(),
        };
        Ok(OpenOutput { file: place, state, output })
    }

    /// Computes the digest of an open file and keeps it. `None`: the file changed meanwhile, or
    /// `is_cancelled`.
    pub fn hash(
        &self,
        open: &OpenOutput,
        is_cancelled: impl Fn() -> bool,
    ) -> io::Result<Option<Digest>> {
        let digest = open.hash(is_cancelled)?;
        self.keep(
            digest.iter().map(|digest| (open.output.path.clone(), open.state, digest.clone())),
        );
        Ok(digest)
    }

    /// Computes the missing digests of a list and keeps them.
    pub fn complete(&self, listing: &mut Listing, is_cancelled: impl Fn() -> bool) {
        let mut found = Vec::new();
        let mut kept_at = clock::monotonic();
        for file in listing.files.iter_mut().filter(|file| file.sha256.is_none()) {
            // A file that cannot be read, or changes, has no digest.
            let Ok(open) = self.open(&file.path) else { continue };
            let Ok(Some(digest)) = open.hash(&is_cancelled) else { continue };
            *file = Output { sha256: Some(digest.clone()), ..open.output };
            found.push((file.path.clone(), open.state, digest));
            if kept_at.elapsed() >= KEEP_PERIOD {
                self.keep(found.drain(..));
                kept_at = clock::monotonic();
            }
        }
        self.keep(found.into_iter());
    }

    fn keep(&self, new: impl ExactSizeIterator<Item = (OutputPath, FileState, Digest)>) {
        if new.len() == 0 {
            return;
        }
        let mut digests = self.digests();
        // Digests of files that do not exist any more must not accumulate.
        if digests.0.len() + new.len() > 2 * FILES_MAX {
            digests.0.clear();
        }
        digests.0.extend(new.map(|(path, state, digest)| (path, (state, digest))));
        // A digest that is not kept is computed again.
        if let Err(error) = self.run.write(name::DIGESTS, &digests) {
            tracing::debug!(%error, "cannot keep the digests of outputs");
        }
    }

    fn digests(&self) -> Digests {
        self.run.read(name::DIGESTS).unwrap_or_default()
    }
}

impl Digests {
    fn of(&self, path: &OutputPath, state: &FileState) -> Option<Digest> {
        self.0.get(path).filter(|(known, _)| known == state).map(|(_, digest)| digest.clone())
    }
}

impl OpenOutput {
    /// Reads the bytes at `offset` into `block`; 0 = the end.
    pub(crate) fn read(&self, block: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(block, offset)
    }

    /// True if nothing wrote to the file since it was opened.
    pub(crate) fn is_unchanged(&self) -> io::Result<bool> {
        Ok(FileState::of(&self.file)? == self.state)
    }

    /// Computes the digest. `None`: the file changed meanwhile, or `is_cancelled`.
    pub fn hash(&self, is_cancelled: impl Fn() -> bool) -> io::Result<Option<Digest>> {
        let mut hasher = Sha256::new();
        let mut block = vec![0; 4 * BLOCK_BYTES];
        let mut offset = 0;
        // Only the known size is read: a file may grow without end.
        while offset < self.state.size {
            if is_cancelled() {
                return Ok(None);
            }
            let count = self.read(&mut block, offset)?;
            if count == 0 {
                break;
            }
            hasher.update(&block[..count]);
            offset += count as u64;
        }
        Ok(self.is_unchanged()?.then(|| digest_of(hasher)))
    }
}

/// The digest of all that was hashed.
pub(crate) fn digest_of(hasher: Sha256) -> Digest {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.parse().expect("64 hexadecimal digits")
}

/// Bytes that the files below `path` occupy, without following links, up to [`ENTRIES_MAX`]
/// entries.
#[must_use]
pub fn disk_use(path: &Path) -> u64 {
    let mut sum = 0;
    let mut open = vec![path.to_owned()];
    let mut entries = 0;
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            entries += 1;
            if entries > ENTRIES_MAX {
                return sum;
            }
            let Ok(found) = entry.metadata() else { continue };
            sum += found.blocks() * 512;
            if found.is_dir() {
                open.push(entry.path());
            }
        }
    }
    sum
}

/// The path of an open directory, whatever replaced its name meanwhile.
fn by_descriptor(directory: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()))
}

fn open_directory(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(nix::fcntl::open(path, flags, Mode::empty())?.into())
}

/// Opens a directory below `root`; `None` = `root` itself.
fn descend(root: &File, path: Option<&OutputPath>) -> io::Result<File> {
    match path {
        Some(path) => open_path(root, path, OFlag::O_DIRECTORY),
        None => root.try_clone(),
    }
}

/// Opens a path below `root`, of which no part is a link. `last` are the flags of the last part.
fn open_path(root: &File, path: &OutputPath, last: OFlag) -> io::Result<File> {
    let mut place = root.try_clone()?;
    let mut parts = path.parts().peekable();
    while let Some(part) = parts.next() {
        let flags = if parts.peek().is_some() { OFlag::O_DIRECTORY } else { last };
        place = open_below(&place, OsStr::new(part), flags)?;
    }
    Ok(place)
}

/// The path of a directory entry; `None` if no [`OutputPath`] can have its name.
fn join(directory: Option<&OutputPath>, entry: &OsStr) -> Option<OutputPath> {
    let entry = entry.to_str()?;
    match directory {
        Some(directory) => format!("{directory}/{entry}").parse().ok(),
        None => entry.parse().ok(),
    }
}

/// Opens one part of a path, which must be no link.
fn open_below(directory: &File, part: &OsStr, flags: OFlag) -> io::Result<File> {
    let part = CString::new(part.as_bytes())?;
    let flags = flags | OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(nix::fcntl::openat(directory, part.as_c_str(), flags, Mode::empty())?.into())
}
