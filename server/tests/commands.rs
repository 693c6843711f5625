//! Commands that check a hub's data without serving, run as programs: exit status and output.

#[path = "commands/import.rs"]
mod import;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use flow_server::store::{Store, StoreOptions};

/// The data directory and configuration of a hub.
struct Place(tempfile::TempDir);

/// Result of a program: exit status, standard output, standard error.
#[derive(Debug)]
struct ProgramOutput {
    status: i32,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("the folder is writable");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .expect("the folder is writable");
        path
    }

    fn server(&self, arguments: &[&str]) -> ProgramOutput {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-server"));
        command.args(arguments).args(["--set", &format!("data_dir={}", self.path("data"))]);
        let done = command.output().expect("the program was built");
        flow_testkit::secrets::assert_absent("an error", &done.stderr);
        let text = |bytes| String::from_utf8(bytes).expect("text");
        ProgramOutput {
            status: done.status.code().expect("it ends by itself"),
            out: text(done.stdout),
            err: text(done.stderr),
        }
    }
}

#[test]
fn each_command_ends_with_its_status_and_message() {
    let place = Place::new();
    let good = place.write("good.toml", "[rest]\nlisten = \"127.0.0.1:1\"\n");
    let misspelt = place.write("misspelt.toml", "[rest]\nlissten = \"127.0.0.1:1\"\n");
    let broken = place.write("broken.toml", "[rest\n");
    let open =
        place.write("open.toml", "[rest]\nlisten = \"0.0.0.0:1\"\n[store]\nmax_connections = 0\n");
    let (none, nowhere) = (place.path("none.toml"), "rest.listen=nowhere");
    for (arguments, status, out, err) in [
        (
            &["config", "check", "--config", &good][..],
            0,
            &["the configuration is valid"][..],
            &[][..],
        ),
        (
            &["config", "check", "--config", &misspelt],
            1,
            &[],
            &["misspelt.toml", "unknown key `rest.lissten`; did you mean `rest.listen`?"],
        ),
        (
            &["config", "check", "--set", "grpc.max_conections=1"],
            1,
            &[],
            &["--set", "did you mean `grpc.max_connections`?"],
        ),
        (&["config", "check", "--config", &broken], 1, &[], &["broken.toml"]),
        (&["config", "check", "--config", &none], 1, &[], &["none.toml"]),
        (
            &["config", "check", "--config", &open],
            1,
            &[],
            &["rest.listen: other machines can dial", "store.max_connections: is 0"],
        ),
        (&["config", "check", "--set", nowhere], 1, &[], &["rest.listen"]),
        (
            &["config", "dump", "--config", &good],
            0,
            &["rest.listen = \"127.0.0.1:1\" # ", "good.toml"],
            &[],
        ),
        (&["config", "dump", "--config", &misspelt], 1, &[], &["did you mean `rest.listen`?"]),
        (&["serve", "--config", &open], 1, &[], &["rest.listen: other machines can dial"]),
        (&["openapi"], 0, &["\"openapi\": \"3.1.0\""], &[]),
        (&["setup-code"], 1, &[], &["setup-code", "the first start of the hub creates it"]),
        (
            &["doctor", "--config", &misspelt],
            1,
            &["FAIL configuration: ", "did you mean `rest.listen`?"],
            &[],
        ),
        (&["config"], 2, &[], &["Usage: flow-server config"]),
        (&["srve"], 2, &[], &["serve"]),
    ] {
        let output = place.server(arguments);
        assert_eq!(output.status, status, "{arguments:?}: {output:?}");
        for (whole, parts) in [(&output.out, out), (&output.err, err)] {
            assert!(
                parts.iter().all(|part| whole.contains(part)),
                "{arguments:?}: {parts:?} in {output:?}"
            );
            assert_eq!(whole.is_empty(), parts.is_empty(), "{arguments:?}: {output:?}");
        }
    }
    assert!(!std::path::Path::new(&place.path("data")).exists(), "looking makes nothing");
}

#[test]
fn printed_openapi_document_equals_the_repository() {
    let written =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json"))
            .expect("it is checked in");
    assert!(Place::new().server(&["openapi"]).out == written, "run `make generate`");
}

#[test]
fn u24_all_configuration_errors_are_reported_at_once_with_their_file() {
    let place = Place::new();
    let text = "[rest]\nlisten = \"nowhere\"\nport = 1\n[store]\nmax_connections = 0\n[hub_agent.images.mine]\nroot = \"relative\"\n";
    let config = place.write("several.toml", text);
    let output = place.server(&["config", "check", "--config", &config]);
    assert_eq!((output.status, output.err.lines().count()), (1, 4), "{output:?}");
    for (line, part) in output.err.lines().zip([
        "`rest.port`",
        "hub_agent.images.mine",
        "rest.listen",
        "store.max_connections: is 0",
    ]) {
        assert!(line.contains("several.toml") && line.contains(part), "{part}: {output:?}");
    }
    let output = place.server(&["doctor", "--config", &config]);
    assert_eq!(output.out.matches("FAIL configuration: ").count(), 4, "{output:?}");
}

#[test]
fn u27_expired_certificate_is_rejected_and_expiring_one_is_warned_about() {
    let place = Place::new();
    let authority = flow_testkit::Authority::new();
    let folder = std::path::PathBuf::from(place.path("."));
    let config = |pair: flow_testkit::Pair| {
        let (cert, key) = (pair.cert.display(), pair.key.display());
        place.write(
            "hub.toml",
            &format!("[rest.tls]\ncert_file = \"{cert}\"\nkey_file = \"{key}\"\n"),
        )
    };
    let ended = config(authority.pair_ending(&folder, "old", &["localhost"], -1));
    for command in [&["config", "check"][..], &["doctor"], &["serve"]] {
        let output = place.server(&[command, &["--config", &ended]].concat());
        assert!(
            output.status == 1 && format!("{}{}", output.out, output.err).contains("expired on "),
            "{command:?}: {output:?}"
        );
    }
    let ending = config(authority.pair_ending(&folder, "ending", &["localhost"], 20));
    let output = place.server(&["config", "check", "--config", &ending]);
    assert!(
        output.status == 0
            && output.out.contains("warning: rest.tls: the certificate of ")
            && output.out.contains("renew it"),
        "{output:?}"
    );
    assert!(
        place
            .server(&["doctor", "--config", &ending])
            .out
            .contains("warn rest.tls: the certificate of ")
    );
}

#[test]
fn passwords_are_never_shown() {
    let place = Place::new();
    let file = place.write("password", "open-sesame");
    let config = place.write(
        "hub.toml",
        &format!("[store]\nurl = \"mysql://flow@127.0.0.1:1/flow\"\npassword_file = \"{file}\"\n"),
    );
    let in_url = place
        .write("careless.toml", "[store]\nurl = \"mysql://flow:open-sesame@127.0.0.1:1/flow\"\n");
    let commands = [
        (&["config", "dump"][..], &config),
        (&["config", "dump"], &in_url),
        (&["config", "check"], &in_url),
        (&["doctor"], &in_url),
    ];
    for (command, config) in commands {
        let ProgramOutput { out, err, .. } =
            place.server(&[command, &["--config", config]].concat());
        assert!(!out.contains("sesame") && !err.contains("sesame"), "{command:?}: {out}{err}");
        assert!(!out.is_empty() || !err.is_empty(), "{command:?}");
    }
    let output = place.server(&["config", "dump", "--config", &config]);
    assert!(output.out.contains(&format!("store.password_file = \"{file}\"")), "{output:?}");
}

#[test]
fn u28_backup_reports_that_it_has_no_database_of_a_server() {
    let place = Place::new();
    let file = place.write("password", "open-sesame");
    let text = format!(
        "[store]\nurl = \"mysql://flow@127.0.0.1:1/flow\"\npassword_file = \"{file}\"\n[hub_agent]\nenabled = false\n"
    );
    let config = place.write("hub.toml", &text);
    let backup = place.path("backup");
    let output = place.server(&["backup", "--all", &backup, "--config", &config]);
    assert!(
        output.status == 0 && output.err.contains("the database is not in this backup: dump it"),
        "{output:?}"
    );
    let copied = |path: &str| std::fs::read_to_string(format!("{backup}/files{path}"));
    assert_eq!(copied(&file).expect("a copy"), "open-sesame");
    assert_eq!(copied(&config).expect("a copy"), text);
    let output = place.server(&["backup", "--all", &backup, "--config", &config]);
    assert!(
        output.status == 1 && output.err.contains("exists: name a new directory"),
        "{output:?}"
    );
}

#[tokio::test]
async fn doctor_reports_missing_unmigrated_valid_and_damaged_databases() {
    let place = Place::new();
    let output = place.server(&["doctor"]);
    assert_eq!(output.status, 0, "{output:?}");
    assert!(
        output
            .out
            .contains("note database: there is none yet; the first `flow-server serve` creates it"),
        "{output:?}"
    );

    flow_common::private_dir::ensure(place.path("data").as_ref()).expect("the folder is writable");
    let url = format!("sqlite:{}", place.path("data/flow.db"));
    Store::open(&url, StoreOptions::default()).await.expect("it opens").close().await;
    let output = place.server(&["doctor"]);
    assert_eq!(output.status, 1);
    assert!(
        output
            .out
            .contains("FAIL schema: the database lacks migration 1; run `flow-server migrate`"),
        "{output:?}"
    );
    assert_eq!(output.out.matches("FAIL").count(), 1, "one fault is reported once: {output:?}");

    let migrated = place.server(&["migrate"]);
    assert_eq!(
        (migrated.status, migrated.out.trim()),
        (0, "the database is up to date"),
        "{migrated:?}"
    );
    let output = place.server(&["doctor"]);
    assert_eq!(output.status, 0, "{output:?}");
    // The disk of this machine may be full.
    assert!(
        output.out.lines().all(|line| line.starts_with("ok   ") || line.starts_with("warn ")),
        "{output:?}"
    );
    for line in [
        "configuration: valid",
        "schema: up to date",
        "server: SQLite ",
        "integrity: ",
        "events: ",
        "counts: 0 parties",
    ] {
        assert!(output.out.contains(line), "{line}: {output:?}");
    }

    std::fs::write(place.path("data/flow.db"), "not a database at all")
        .expect("the folder is writable");
    let output = place.server(&["doctor"]);
    assert_eq!(output.status, 1, "{output:?}");
    assert!(output.out.contains("FAIL database: cannot open the store"), "{output:?}");
}

#[tokio::test]
async fn migrate_waits_for_an_unreachable_database_but_not_for_one_that_rejects() {
    let mut mysql = flow_testkit::mysql().await;
    let url = mysql.create_database().await;
    let (user, rest) = url
        .strip_prefix("mysql://")
        .and_then(|rest| rest.split_once('@'))
        .expect("user:password@host/database");
    let (name, password) = user.split_once(':').expect("user:password");
    let place = Place::new();
    let write = |password: &str| {
        let file = place.write("password", password);
        let text = format!(
            "[store]\nurl = \"mysql://{name}@{rest}\"\npassword_file = \"{file}\"\n[hub_agent]\nenabled = false\n"
        );
        place.write("hub.toml", &text)
    };

    let config = write("another");
    let output = place.server(&["migrate", "--wait=600", "--config", &config]);
    assert!(output.status == 1 && output.err.contains("Access denied"), "{output:?}");
    let config = write(password);
    mysql.kill9();
    let output = place.server(&["migrate", "--config", &config]);
    assert!(
        output.status == 1
            && output.err.contains("cannot open the store: the database does not answer"),
        "{output:?}"
    );
    let log = place.0.path().join("log");
    let waiting = || {
        let file = std::fs::File::create(&log).expect("the folder is writable");
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-server"));
        command.args([
            "migrate",
            "--wait=600",
            "--config",
            &config,
            "--set",
            &format!("data_dir={}", place.path("data")),
        ]);
        command.stdout(file.try_clone().expect("a file can be cloned")).stderr(file);
        flow_testkit::spawn_tied(command).expect("the program was built")
    };
    let mut migrate = waiting();
    let output = || std::fs::read_to_string(&log).unwrap_or_default();
    let patience = std::time::Duration::from_secs(60);
    flow_testkit::wait_for("a question in vain", patience, async || {
        output().contains("waiting for the database")
    })
    .await;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(migrate.id()).expect("a pid is small"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("it waits");
    let ended = flow_testkit::wait_for("the end", patience, async || {
        migrate.try_wait().expect("a child process")
    })
    .await;
    assert!(
        ended.code() == Some(1) && output().contains("interrupted while waiting for the database"),
        "{}",
        output()
    );

    let mut migrate = waiting();
    flow_testkit::wait_for("a question in vain", patience, async || {
        output().contains("waiting for the database")
    })
    .await;
    mysql.restart().await;
    let ended = flow_testkit::wait_for("the end", patience, async || {
        migrate.try_wait().expect("a child process")
    })
    .await;
    assert!(ended.success() && output().ends_with("the database is up to date\n"), "{}", output());
}
