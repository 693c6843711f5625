//! `flow-federate` as a process, without a hub.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
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
    fn output(&self, verb: &[&str]) -> (bool, String) {
        let output = self.command(verb).output().unwrap();
        flow_testkit::secrets::assert_absent("an error", &output.stderr);
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
fn b9_sighup_lists_changed_keys_that_need_a_restart() {
    let place = Place::new();
    let address = format!("http://127.0.0.1:{}", free_port());
    place.configure("party-a", &address, "");
    let log = place.path("log");
    // The default address is that of another test.
    let mut command = place.command(&["run", "--set", "v1.listen="]);
    command.stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
    let mut agent = spawn_tied(command).unwrap();
    let wait_for_line = |sentence: &str| {
        wait_for_blocking(sentence, SOON, || fs::read_to_string(&log).unwrap().contains(sentence))
    };
    wait_for_line("agent started");
    place.configure("party-x", "http://127.0.0.1:1", "[resources]\ncpu_millis = 1000\n");
    let status = Command::new("kill").arg("-HUP").arg(agent.id().to_string()).status().unwrap();
    assert!(status.success());
    wait_for_line("changed, and not reloadable: hub.address, party; restart the agent");
    wait_for_line("reloaded images, datasets, resources and released outputs");
    // A fault is one line of the log.
    place.configure("party-x", "http://127.0.0.1:1", "[images.x]\nroot = \n[images.y]\n");
    let status = Command::new("kill").arg("-HUP").arg(agent.id().to_string()).status().unwrap();
    assert!(status.success());
    wait_for_line("cannot reload the configuration");
    let text = fs::read_to_string(&log).unwrap();
    let line = text.lines().last().unwrap();
    assert!(
        line.contains("agent.toml: line 7, column 8: ") && line.contains("cannot reload"),
        "{text}"
    );
    agent.kill().unwrap();
    agent.wait().unwrap();
}

#[test]
fn u23_doctor_creates_no_file() {
    let place = Place::new();
    place.configure("party-a", &format!("http://127.0.0.1:{}", free_port()), "");
    let (ok, output) = place.output(&["doctor"]);
    assert!(!ok && output.contains("FAIL  hub: cannot reach the hub"), "{output}");
    assert!(
        output.contains("ok    data_dir: ")
            && output.contains("does not exist yet; `run` creates it"),
        "{output}"
    );
    let mut left: Vec<_> =
        fs::read_dir(place.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["agent.toml", "secret"]);

    fs::create_dir(place.path("data")).unwrap();
    fs::set_permissions(place.path("data"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(place.output(&["doctor"]).1.contains("FAIL  data_dir: "), "others may look into it");
}

#[test]
fn u28_backup_has_all_files_with_their_checksums_and_restores_them() {
    let place = Place::new();
    fs::write(place.path("ca.crt"), "authority").unwrap();
    let ca = format!("ca_file = {:?}\n", place.path("ca.crt"));
    place.configure("party-a", "https://hub.example.org:1234", &ca);
    let to = place.path("backup");
    let command = ["backup", to.to_str().unwrap()];
    // Left by a backup that was killed.
    fs::create_dir_all(place.path("backup.partial/files")).unwrap();
    let (ok, text) = place.output(&command);
    assert!(ok && text == format!("wrote {}\n", to.display()), "{text}");
    assert!(!place.path("backup.partial").exists());
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let files = to.join("files").join(place.path("").strip_prefix("/").unwrap());
    assert_eq!((mode(to.clone()), mode(files.join("secret"))), (0o700, 0o600));
    let check = || {
        let mut command = Command::new("sha256sum");
        command.args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&to).output().unwrap().status
    };
    assert!(check().success());
    assert_eq!(fs::read_to_string(to.join("SHA256SUMS")).unwrap().lines().count(), 3);
    let names = ["agent.toml", "ca.crt", "secret"];
    let before = names.map(|name| fs::read(place.path(name)).unwrap());
    for name in names {
        fs::remove_file(place.path(name)).unwrap();
        fs::copy(files.join(name), place.path(name)).unwrap();
    }
    assert_eq!(names.map(|name| fs::read(place.path(name)).unwrap()), before);
    assert!(!place.path("data").exists(), "a backup creates no data directory");
    let (ok, text) = place.output(&command);
    assert!(!ok && text.contains("exists: name a new directory"), "{text}");
    fs::write(files.join("ca.crt"), "damaged").unwrap();
    assert!(!check().success());
    // A missing file is no complete backup.
    fs::remove_file(place.path("secret")).unwrap();
    let other = place.path("other");
    let (ok, text) = place.output(&["backup", other.to_str().unwrap()]);
    assert!(!ok && text.contains("secret") && !other.exists(), "{text}");
}

#[test]
fn u24_all_configuration_errors_are_reported_together_with_their_file() {
    let place = Place::new();
    place.configure(
        "",
        "ftp://hub",
        "[images.mine]\nroot = \"relative\"\n[retention]\nmin_free_percent = 101\n",
    );
    let (ok, output) = place.output(&["config", "check"]);
    let lines: Vec<_> = output.lines().collect();
    assert!(!ok && lines.len() == 4, "{output}");
    for (line, part) in lines.iter().zip([
        "images.mine",
        "party: ",
        "hub.address: ",
        "retention.min_free_percent: ",
    ]) {
        assert!(line.contains("agent.toml") && line.contains(part), "{part}: {output}");
    }
}

#[test]
fn u27_expiry_of_a_certificate_authority_is_reported() {
    let place = Place::new();
    let authority = Authority::new();
    // A server's certificate stands for the authority: the check reads only its validity period.
    let check = |days| {
        let file = authority.pair_ending(place.0.path(), "ca", &["hub"], days).cert;
        place.configure("party-a", "https://127.0.0.1:1", &format!("ca_file = {file:?}\n"));
        place.output(&["config", "check"])
    };
    let (ok, output) = check(20);
    assert!(ok && output.contains("warning: hub.ca_file: the certificate of "), "{output}");
    let (ok, output) = check(-1);
    assert!(
        !ok && output.contains("hub.ca_file: the certificate of ")
            && output.contains("expired on "),
        "{output}"
    );
    assert!(place.output(&["doctor"]).1.contains("FAIL  hub: hub.ca_file: the certificate of "));
}

/// Sends a request to the agent's listener. Returns the response.
fn request(address: &str, authorization: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let text = format!(
        "GET /api/v1/task HTTP/1.0\r\nHost: {address}\r\nAuthorization: {authorization}\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn u43_token_of_the_party_is_private_and_an_agent_survives_a_taken_default_port() {
    let place = Place::new();
    let hub = format!("http://127.0.0.1:{}", free_port());
    let log = place.path("log");
    let start = |more: &str| {
        place.configure("party-a", &hub, more);
        let mut command = place.command(&["run"]);
        command.stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
        spawn_tied(command).unwrap()
    };
    let wait_for_line = |sentence: &str| {
        wait_for_blocking(sentence, SOON, || fs::read_to_string(&log).unwrap().contains(sentence))
    };
    let stop = |mut agent: std::process::Child| {
        agent.kill().unwrap();
        agent.wait().unwrap();
    };
    // Another program may hold the default address already.
    let holder = TcpListener::bind("127.0.0.1:1236");
    let agent = start("");
    wait_for_line("agent started");
    wait_for_line("are not served, because 127.0.0.1:1236 is not free");
    wait_for_blocking("the control socket", SOON, || place.path("data/control.sock").exists());
    let (ok, text) = place.output(&["console"]);
    assert!(!ok && text.contains("serves no party view"), "{text}");
    stop(agent);
    drop(holder);

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = |address: &str| format!("[v1]\nlisten = {address:?}\n");
    let address = taken.local_addr().unwrap().to_string();
    let mut agent = start(&listen(&address));
    assert!(!agent.wait().unwrap().success(), "an address of the configuration must be free");
    wait_for_line(&format!("v1.listen = {address}: "));
    drop(taken);

    let address = format!("127.0.0.1:{}", free_port());
    let agent = start(&listen(&address));
    wait_for_line("serving the REST API and the party view");
    let file = place.path("data/v1-token");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let token = fs::read_to_string(&file).unwrap().trim().to_owned();
    let answer = request(&address, &format!("Bearer {token}"));
    let body = "{\"data\":{\"task_count\":0,\"tasks\":[]},\"ret_code\":0,\"ret_msg\":\"success\"}";
    assert!(answer.starts_with("HTTP/1.0 200 OK") && answer.ends_with(body), "{answer}");
    assert!(request(&address, "Bearer x").starts_with("HTTP/1.0 401 "));
    let (ok, link) = place.output(&["console"]);
    assert!(ok && link.starts_with(&format!("http://{address}/console/sign-in?code=")), "{link}");
    stop(agent);
    let text = fs::read_to_string(&log).unwrap();
    let code = link.trim().split_once("code=").unwrap().1;
    assert!(!text.contains(&token) && !text.contains(code), "{text}");

    // A token that others can read is no credential.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let mut agent = start(&listen(&address));
    assert!(!agent.wait().unwrap().success());
    wait_for_line("chmod 600");
}
