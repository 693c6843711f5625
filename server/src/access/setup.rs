//! The setup code: while the hub has no account, whoever reads it on the hub's machine may create
//! the first one. It is valid for nothing else.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use flow_common::secret_file::{self, Secret, SecretFileError};
use flow_domain::id::Digest;
use subtle::ConstantTimeEq as _;

/// Name of the file in the data directory.
pub const SETUP_FILE: &str = "setup-code";
/// Name of the file with the token of releases without accounts. Its content becomes the code.
const FORMER_FILE: &str = "bootstrap-token";

/// The setup code of a hub without accounts.
#[derive(Debug, Clone)]
pub struct SetupCode {
    digest: Digest,
    /// `None` for a code that is in no file.
    path: Option<PathBuf>,
}

impl SetupCode {
    /// Accepts this code.
    #[must_use]
    pub fn new(code: &Secret) -> Self {
        Self { digest: Digest::of(code.expose().as_bytes()), path: None }
    }

    /// Returns the code of a hub without accounts; creates it at the first start.
    pub fn open(data_dir: &Path) -> Result<Self, SecretFileError> {
        let path = data_dir.join(SETUP_FILE);
        let failed = |source| SecretFileError::Io { action: "write", path: path.clone(), source };
        if !path.try_exists().map_err(failed)? {
            // A rename: a kill leaves one of the two names.
            match std::fs::rename(data_dir.join(FORMER_FILE), &path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    secret_file::write_new(&path, &Secret::new(flow_common::ids::secret()))?;
                }
                renamed => renamed.map_err(failed)?,
            }
        }
        let code = secret_file::read(&path)?;
        Ok(Self { path: Some(path), ..Self::new(&code) })
    }

    /// Removes the files of a hub that has accounts.
    pub fn remove(data_dir: &Path) -> Result<(), SecretFileError> {
        for name in [SETUP_FILE, FORMER_FILE] {
            remove(&data_dir.join(name))?;
        }
        Ok(())
    }

    /// The file with the code.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    pub(super) fn is(&self, text: &str) -> bool {
        let other = Digest::of(text.as_bytes());
        self.digest.as_str().as_bytes().ct_eq(other.as_str().as_bytes()).into()
    }

    /// Removes the file of a code that was used. If this fails, the next start removes it.
    pub(super) fn used(&self) {
        if let Some(path) = &self.path
            && let Err(error) = remove(path)
        {
            tracing::warn!(%error, "cannot remove the used setup code; it is not valid any more");
        }
    }
}

fn remove(path: &Path) -> Result<(), SecretFileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|source| SecretFileError::Io {
            action: "remove",
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_of_a_release_without_accounts_becomes_the_setup_code() {
        let dir = tempfile::tempdir().expect("a directory");
        let former = Secret::new("former".to_owned());
        secret_file::write_new(&dir.path().join(FORMER_FILE), &former).expect("written");
        let code = SetupCode::open(dir.path()).expect("opened");
        assert!(code.is("former") && !code.is("") && !code.is("other"));
        assert!(!dir.path().join(FORMER_FILE).exists());
        assert!(SetupCode::open(dir.path()).expect("opened again").is("former"));
        SetupCode::remove(dir.path()).expect("removed");
        SetupCode::remove(dir.path()).expect("removed again");
        assert!(!SetupCode::open(dir.path()).expect("a new one").is("former"));
    }
}
