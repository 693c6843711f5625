//! `flow-federate backup`: a directory with everything that a new machine needs for this agent.
//!
//! ```text
//! files/PATH    configuration, secret, authorities, kubeconfig, by their absolute paths
//! SHA256SUMS    their checksums, for sha256sum --check
//! ```
//!
//! The directory gets its name when it is complete and synced, so a kill leaves only a directory
//! `.partial`, which the next backup of this name replaces. It contains secrets: only its owner can
//! read it. The journal is not part of it: an agent with an older journal could start work twice, and
//! the hub rejects it.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use flow_common::plain_file::PlainFile;
use flow_domain::id::Digest;

use super::source::{ConfigArgs, Failure, load, print};
use crate::config::Config;

/// Directory of the copied files.
const FILES: &str = "files";
const CHECKSUMS: &str = "SHA256SUMS";
/// Largest file. All of them are small texts.
const FILE_BYTES_MAX: u64 = 16 << 20;

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// Directory to write; must not exist
    directory: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &BackupArgs) -> Result<ExitCode, Failure> {
    let BackupArgs { directory, config } = args;
    let loaded = load(config)?;
    if directory.symlink_metadata().is_ok() {
        return Err(format!("{} exists: name a new directory", directory.display()).into());
    }
    let mut partial = directory.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("delete", &partial)(error));
        }
        _ => {}
    }
    private_directory(&partial)?;
    let sources = sources(&loaded.value, config.file.as_deref())?;
    let (mut sums, mut copied) = (String::new(), Vec::new());
    for source in sources {
        let name = Path::new(FILES).join(source.strip_prefix("/").unwrap_or(&source));
        let text = name.to_str().filter(|name| !name.contains(['\n', '\\']));
        let text = text.ok_or_else(|| {
            format!("{}: the name has characters that {CHECKSUMS} cannot have", source.display())
        })?;
        let content = read(&source)?;
        write(&partial.join(&name), &content)?;
        let digest = Digest::of(&content);
        sums += &format!("{digest}  {text}\n");
        copied.push((source, digest));
    }
    // The files belong together: an edit meanwhile may have changed which ones there are.
    for (source, digest) in &copied {
        if Digest::of(&read(source)?) != *digest {
            let message = "changed during the backup: repeat it";
            return Err(format!("{} {message}", source.display()).into());
        }
    }
    write(&partial.join(CHECKSUMS), sums.as_bytes())?;
    sync_directories(&partial)?;
    fs::rename(&partial, directory).map_err(failed("create", directory))?;
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync(parent.unwrap_or(Path::new(".")))?;
    print(&format!("wrote {}", directory.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn failed<'a>(verb: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> Failure + 'a {
    move |error| format!("cannot {verb} {}: {error}", path.display()).into()
}

/// Returns the absolute paths of the configuration and of the files that it names.
fn sources(config: &Config, file: Option<&Path>) -> Result<BTreeSet<PathBuf>, Failure> {
    let named = [&config.hub.secret_file, &config.hub.ca_file, &config.kubernetes.kubeconfig];
    let named = named.into_iter().map(PathBuf::as_path).filter(|path| !path.as_os_str().is_empty());
    let all = file.into_iter().chain(named);
    all.map(|path| std::path::absolute(path).map_err(failed("find the path of", path))).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = PlainFile::open(path).map_err(failed("read", path))?;
    file.read(FILE_BYTES_MAX).map_err(failed("read", path))
}

fn private_directory(path: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("create", path))
}

fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    if let Some(parent) = path.parent() {
        private_directory(parent)?;
    }
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = opened.and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.map_err(failed("write", path))
}

fn sync(folder: &Path) -> Result<(), Failure> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(failed("sync", folder))
}

fn sync_directories(folder: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        let path = entry.map_err(failed("read", folder))?.path();
        if path.is_dir() {
            sync_directories(&path)?;
        }
    }
    sync(folder)
}
