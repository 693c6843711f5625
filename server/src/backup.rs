//! `backup --all`: the directory with everything that a new machine needs for a hub.
//!
//! ```text
//! flow.db     the embedded database, consistent
//! setup-code  the code of a hub without accounts
//! files/PATH  configuration, certificates, keys, password file, by their absolute paths
//! ```
//!
//! The directory gets its name when it is complete and synced. It contains secrets: only its owner
//! can read it. The journal of the hub's own agent is not part of it, because a journal must never
//! be restored.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use flow_common::error::chain;
use flow_common::secret_file::{self, SecretFileError};

use crate::access::SETUP_FILE;
use crate::config::Config;
use crate::error::StartError;
use crate::startup;

/// Name of the database in the directory.
pub(crate) const DATABASE: &str = "flow.db";
/// Directory of the files that lie outside of the data directory.
const FILES: &str = "files";

fn failed<'a>(what: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> StartError + 'a {
    move |error| StartError(format!("cannot {what} {}: {error}", path.display()))
}

/// Writes the backup to the new directory `to`. With a database server the database is not part of
/// it, and a line on standard error reports this.
pub(crate) async fn write(
    config: &Config,
    file: Option<&Path>,
    to: &Path,
) -> Result<(), StartError> {
    if to.exists() {
        return Err(StartError(format!("{} exists: name a new directory", to.display())));
    }
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    // Left by an interrupted backup.
    match std::fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("delete", &partial)(error));
        }
        _ => {}
    }
    private_directory(&partial)?;
    if config.store.url.is_none() {
        let store = startup::open_store(config).await?;
        let copied = async {
            store.check_schema().await?;
            store.backup_to(&partial.join(DATABASE)).await
        };
        copied.await.map_err(|error| StartError(chain(&error)))?;
        store.close().await;
    } else {
        eprintln!(
            "the database is not in this backup: dump it with `mysqldump --single-transaction --hex-blob DATABASE`"
        );
    }
    let code = config.data_dir.join(SETUP_FILE);
    if code.exists() {
        copy(&code, &partial.join(SETUP_FILE))?;
    }
    for path in outside_files(config, file)? {
        let relative = path.strip_prefix("/").unwrap_or(&path);
        copy(&path, &partial.join(FILES).join(relative))?;
    }
    sync_directories(&partial)?;
    std::fs::rename(&partial, to).map_err(failed("create", to))?;
    let parent =
        to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync(parent)
}

/// Returns the absolute paths of the files that the configuration names, and its own.
fn outside_files(config: &Config, file: Option<&Path>) -> Result<BTreeSet<PathBuf>, StartError> {
    let (rest, grpc) = (&config.rest.tls, &config.grpc.tls);
    let named = [
        file,
        rest.cert_file.as_deref(),
        rest.key_file.as_deref(),
        grpc.cert_file.as_deref(),
        grpc.key_file.as_deref(),
        config.store.password_file.as_deref(),
    ];
    let sign_in = config.access.sign_in();
    let absolute =
        |path: &Path| std::path::absolute(path).map_err(failed("find the path of", path));
    named.into_iter().flatten().chain(sign_in.files()).map(absolute).collect()
}

/// Restores the setup code of a backup, unless the data directory has one. (The start of a hub with
/// accounts removes it.)
pub(crate) fn restore_setup_code(config: &Config, from: &Path) -> Result<(), StartError> {
    let (backup, code) = (from.join(SETUP_FILE), config.data_dir.join(SETUP_FILE));
    if !backup.exists() || code.exists() {
        return Ok(());
    }
    let failed = |error: SecretFileError| StartError(error.to_string());
    let secret = secret_file::read(&backup).map_err(failed)?;
    secret_file::write_new(&code, &secret).map_err(failed)
}

/// Returns a sentence for each file of the backup that is missing or different on this machine.
pub(crate) fn differing(from: &Path) -> Result<Vec<String>, StartError> {
    let root = from.join(FILES);
    let mut sentences = Vec::new();
    for copied in files_below(&root)? {
        let place = Path::new("/").join(copied.strip_prefix(&root).unwrap_or(&copied));
        let content = std::fs::read(&copied).map_err(failed("read", &copied))?;
        let state = match std::fs::read(&place) {
            Ok(found) if found == content => continue,
            Ok(_) => "differs from",
            Err(error) if error.kind() == io::ErrorKind::NotFound => "is missing; it is",
            Err(_) => "cannot be compared with",
        };
        sentences.push(format!("{} {state} {}", place.display(), copied.display()));
    }
    Ok(sentences)
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>, StartError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed("read", folder))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed("read", folder))?.path();
        if path.is_dir() {
            found.extend(files_below(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn private_directory(path: &Path) -> Result<(), StartError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("create", path))
}

fn copy(from: &Path, to: &Path) -> Result<(), StartError> {
    let content = std::fs::read(from).map_err(failed("read", from))?;
    if let Some(parent) = to.parent() {
        private_directory(parent)?;
    }
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).and_then(
        |mut file| {
            file.write_all(&content)?;
            file.sync_all()
        },
    );
    written.map_err(failed("write", to))
}

fn sync(folder: &Path) -> Result<(), StartError> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(failed("sync", folder))
}

fn sync_directories(folder: &Path) -> Result<(), StartError> {
    for entry in std::fs::read_dir(folder).map_err(failed("read", folder))? {
        let path = entry.map_err(failed("read", folder))?.path();
        if path.is_dir() {
            sync_directories(&path)?;
        }
    }
    sync(folder)
}
