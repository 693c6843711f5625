//! `flow-server restore` as a process, on the embedded database.

use std::path::Path;
use std::process::Command;

use flow_server::store::{Store, StoreOptions};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Runs a command that must succeed; returns its output.
    fn server(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-server"));
        command.args(arguments).args(["--set", &format!("data_dir={}", self.path("data"))]);
        let output = command.output().expect("the program was built");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    }

    async fn incarnation(&self) -> u64 {
        let url = format!("sqlite:{}", self.path("data/flow.db"));
        let store = Store::open(&url, StoreOptions::default()).await.expect("a database");
        let found = store.incarnation().await.expect("migrated");
        store.close().await;
        found
    }

    fn kept(&self) -> usize {
        let files = Path::new(&self.path("data")).read_dir().expect("a folder");
        let names =
            files.map(|file| file.expect("a file").file_name().into_string().expect("text"));
        names
            .filter(|name| name.starts_with("flow.db.before-restore-") && !name.ends_with("-wal"))
            .count()
    }
}

#[tokio::test]
async fn same_backup_restored_twice_yields_two_incarnations() {
    let place = Place::new();
    place.server(&["migrate"]);
    let backup = place.path("backup.db");
    place.server(&["backup", &backup]);
    for expected in [2, 3, 4] {
        place.server(&["restore", &backup]);
        assert_eq!(place.incarnation().await, expected);
    }
    assert_eq!(place.kept(), 3);
}

#[tokio::test]
async fn unreadable_old_database_is_kept_and_replaced() {
    let place = Place::new();
    place.server(&["migrate"]);
    let backup = place.path("backup.db");
    place.server(&["backup", &backup]);
    std::fs::write(place.path("data/flow.db"), "a disk's last words").expect("written");
    let output = place.server(&["restore", &backup]);
    assert!(output.contains("cannot read the old database"), "{output}");
    assert_eq!((place.incarnation().await, place.kept()), (2, 1));
}
