//! Backup of the embedded database while the hub uses it.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::Store;
use super::db::Db;
use super::error::StoreError;

/// Syncs and renames a finished file, so that it survives a power failure.
fn finish(partial: &Path, path: &Path) -> std::io::Result<()> {
    std::fs::File::open(partial)?.sync_all()?;
    std::fs::rename(partial, path)?;
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

impl Store {
    /// Copies the SQLite database to a new file while it is in use. The copy is consistent, and
    /// gets its name when it is complete.
    pub async fn backup_to(&self, path: &Path) -> Result<(), StoreError> {
        let Db::Sqlite(pools, _) = &*self.db else {
            return Err(StoreError::Config(
                "back up MySQL and MariaDB with their own tools, for example `mysqldump --single-transaction --hex-blob DATABASE`; \
                 after a restore run `UPDATE hub SET incarnation = incarnation + 1`, so that agents learn of it"
                    .to_owned(),
            ));
        };
        let cannot = |problem: std::io::Error| {
            StoreError::Config(format!("cannot write the backup to {}: {problem}", path.display()))
        };
        if path.exists() {
            return Err(StoreError::Config(format!("{} exists: name a new file", path.display())));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = Path::new(&partial);
        let text = partial
            .to_str()
            .ok_or_else(|| StoreError::Config("the backup's path must be UTF-8".to_owned()))?;
        // Left by an interrupted backup.
        if let Err(problem) = std::fs::remove_file(partial)
            && problem.kind() != std::io::ErrorKind::NotFound
        {
            return Err(cannot(problem));
        }
        // SQLite fills an existing empty file. A file that SQLite creates would be readable by all
        // users, and a backup contains confidential data.
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(partial)
            .map_err(cannot)?;
        sqlx::query("VACUUM INTO ?").bind(text).execute(&pools.read).await?;
        finish(partial, path).map_err(cannot)
    }
}
