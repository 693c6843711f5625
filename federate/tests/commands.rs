//! `flow-federate` as a process, without a hub.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use flow_testkit::{Authority, free_port, spawn_tied, wait_for_blocking};

const SOON: Duration = Duration::from_secs(30);

/// A directory with an agent's configuration and secret.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("secret"), "x").unwrap();
        fs::set_permissions(place.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn configure(&self, party: &str, address: &str, more: &str) {
        let (data, secret) = (self.path("data"), self.path("secret"));
        let text = format!(
            "party = {party:?}\ndata_dir = {data:?}\n[hub]\naddress = {address:?}\nsecret_file = {secret:?}\n{more}"
        );
        fs::write(self.path("agent.toml"), text).unwrap();
    }

    fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-federate"));
        command
            .args(verb)
            .arg("--config")
            .arg(self.path("agent.toml"))
            .env_clear()
            .stdin(Stdio::null());
        command
    }

    /// Runs a command until it ends. Returns its success and the output of both streams.
    fn said(&self, verb: &[&str]) -> (bool, String) {
        let output = self.command(verb).output().unwrap();
        (
            output.status.success(),
            format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            ),
        )
    }
}

#[test]
fn b9_sighup_names_what_changed_and_cannot_be_reloaded() {
    let place = Place::new();
    let address = format!("http://127.0.0.1:{}", free_port());
    place.configure("party-a", &address, "");
    let log = place.path("log");
    let mut command = place.command(&["run"]);
    command.stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
    let mut agent = spawn_tied(command).unwrap();
    let says = |sentence: &str| {
        wait_for_blocking(sentence, SOON, || fs::read_to_string(&log).unwrap().contains(sentence))
    };
    says("agent started");
    place.configure("party-x", "http://127.0.0.1:1", "[resources]\ncpu_millis = 1000\n");
    let told = Command::new("kill").arg("-HUP").arg(agent.id().to_string()).status().unwrap();
    assert!(told.success());
    says("changed, and not reloadable: hub.address, party; restart the agent");
    says("reloaded images, datasets and resources");
    agent.kill().unwrap();
    agent.wait().unwrap();
}

#[test]
fn u23_doctor_makes_nothing() {
    let place = Place::new();
    place.configure("party-a", &format!("http://127.0.0.1:{}", free_port()), "");
    let (well, said) = place.said(&["doctor"]);
    assert!(!well && said.contains("FAIL  hub: cannot reach the hub"), "{said}");
    assert!(
        said.contains("ok    data_dir: ") && said.contains("does not exist yet; `run` creates it"),
        "{said}"
    );
    let mut left: Vec<_> =
        fs::read_dir(place.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["agent.toml", "secret"]);

    fs::create_dir(place.path("data")).unwrap();
    fs::set_permissions(place.path("data"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(place.said(&["doctor"]).1.contains("FAIL  data_dir: "), "others may look into it");
}

#[test]
fn u24_every_fault_is_told_at_once_with_its_file() {
    let place = Place::new();
    place.configure("", "ftp://hub", "[images.mine]\nroot = \"relative\"\n[retention]\ndays = 1\n");
    let (well, said) = place.said(&["config", "check"]);
    let lines: Vec<_> = said.lines().collect();
    assert!(!well && lines.len() == 4, "{said}");
    for (line, part) in
        lines.iter().zip(["images.mine", "party: ", "hub.address: ", "retention.days: "])
    {
        assert!(line.contains("agent.toml") && line.contains(part), "{part}: {said}");
    }
}

#[test]
fn u27_authorities_that_expire_are_told_of() {
    let place = Place::new();
    let authority = Authority::new();
    // A server's certificate stands for the authority: the check reads only its validity period.
    let told = |days| {
        let file = authority.pair_ending(place.0.path(), "ca", &["hub"], days).cert;
        place.configure("party-a", "https://127.0.0.1:1", &format!("ca_file = {file:?}\n"));
        place.said(&["config", "check"])
    };
    let (well, said) = told(20);
    assert!(well && said.contains("warning: hub.ca_file: the certificate of "), "{said}");
    let (well, said) = told(-1);
    assert!(
        !well && said.contains("hub.ca_file: the certificate of ") && said.contains("expired on "),
        "{said}"
    );
    assert!(place.said(&["doctor"]).1.contains("FAIL  hub: hub.ca_file: the certificate of "));
}
