//! `flow-server restore` as a process, on the embedded database.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use flow_server::store::{Store, StoreOptions};
use flow_testkit::{spawn_tied, wait_for};

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
        flow_testkit::secrets::assert_absent("an error", &output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    }

    /// Starts a hub and waits until it is ready.
    async fn hub(&self, config: &str) -> Child {
        let log = self.path("log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-server"));
        command.args(["serve", "--config", config]);
        command.args(["--set", &format!("data_dir={}", self.path("data"))]);
        command.stderr(std::fs::File::create(&log).expect("the folder is ours"));
        let mut hub = spawn_tied(command).expect("the program was built");
        wait_for("the hub to be ready", Duration::from_secs(30), async || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            assert!(hub.try_wait().expect("a child of ours").is_none(), "{text}");
            text.contains("the hub is ready")
        })
        .await;
        hub
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

/// Asserts that only the owner has permissions on the path and on everything below it.
fn assert_private(path: &Path) {
    let mode = path.metadata().expect("it exists").permissions().mode() & 0o777;
    assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    if path.is_dir() {
        for entry in path.read_dir().expect("a folder") {
            assert_private(&entry.expect("a file").path());
        }
    }
}

/// The restore drill of docs/operations.md.
#[tokio::test]
async fn u22_u28_backup_of_everything_restores_a_hub_on_an_empty_machine() {
    let place = Place::new();
    let folder = Path::new(&place.path(".")).canonicalize().expect("a folder");
    let pair = flow_testkit::Authority::new().pair(&folder, "hub", &["localhost"]);
    let config = folder.join("hub.toml");
    let text = format!(
        "[rest]\nlisten = \"127.0.0.1:0\"\n[rest.tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\n\
         [grpc]\nlisten = \"127.0.0.1:0\"\n[health]\nlisten = \"\"\n",
        pair.cert.display(),
        pair.key.display()
    );
    std::fs::write(&config, &text).expect("the folder is ours");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let config = config.to_str().expect("text");

    let mut hub = place.hub(config).await;
    let (backup, code) = (place.path("backup"), place.path("data/setup-code"));
    std::fs::create_dir(format!("{backup}.partial")).expect("as an interrupted backup leaves it");
    place.server(&["backup", "--all", &backup, "--config", config]);
    assert_private(Path::new(&backup));
    let former_code = std::fs::read(&code).expect("the hub has no account");
    hub.kill().expect("a child of ours");
    hub.wait().expect("a child of ours");

    // Nothing is left of the machine but the backup and the configuration.
    std::fs::remove_dir_all(place.path("data")).expect("the folder is ours");
    std::fs::remove_file(&pair.key).expect("it is ours");
    let output = place.server(&["restore", &backup, "--config", config]);
    let copy = format!("{backup}/files{}", pair.key.display());
    assert!(
        output.contains(&format!("{} is missing; it is {copy}\n", pair.key.display())),
        "{output}"
    );
    std::fs::copy(&copy, &pair.key).expect("both are ours");
    assert_eq!(std::fs::read(&code).expect("it is restored"), former_code);
    assert_eq!(place.incarnation().await, 2);
    let doctor = place.server(&["doctor", "--config", config]);
    assert!(doctor.contains("counts: 1 parties"), "{doctor}");
    let mut hub = place.hub(config).await;
    let output = place.server(&["setup-code", "--config", config]);
    assert_eq!(output.trim().as_bytes(), former_code.trim_ascii());
    hub.kill().expect("a child of ours");
    hub.wait().expect("a child of ours");
}
