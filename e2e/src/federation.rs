//! One hub and its parties as real processes on loopback, each with its own folder below one
//! temporary folder.

mod builder;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use flow_testkit::secrets;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::proc::{self, Process};
use crate::process::Daemon;
use crate::{Hub, Run, SOON, binaries, eventually};

pub use self::builder::{Builder, Cluster, Prepare};

/// Variables that the templates of tests may set at every party.
const ENV: &str = r#"["E2E", "IFLEARNER_COMPAT"]"#;

/// A running federation.
pub struct Federation {
    /// Its hub, as a user sees it.
    pub hub: Hub,
    ca: Option<PathBuf>,
    server: Option<Daemon>,
    agents: BTreeMap<String, Daemon>,
    rest: u16,
    grpc: u16,
    builder: Builder,
    root: PathBuf,
    _folder: TempDir,
}

impl Federation {
    /// A hub with its own agent, and the parties `hospital-a` and `hospital-b`.
    pub async fn start() -> Self {
        Builder::default().start().await
    }

    /// The folder of the federation.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The certificate of the hub's authority, if the hub has one.
    #[must_use]
    pub fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// A party's own folder.
    #[must_use]
    pub fn data_dir(&self, party: &str) -> PathBuf {
        self.root.join("data").join(party)
    }

    /// The log of a program: `server`, or the name of an agent.
    #[must_use]
    pub fn log_file(&self, name: &str) -> PathBuf {
        if !self.builder.logs_in_data_dirs {
            return self.root.join(format!("{name}.log"));
        }
        let folder = self.data_dir(name);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .expect("the folder is writable");
        folder.join("log")
    }

    fn prepare(&self, party: &str) {
        for (_, prepare) in self.builder.prepared.iter().filter(|(name, _)| name == party) {
            prepare(&self.data_dir(party));
        }
    }

    // ---- hub -----------------------------------------------------------------------------------

    fn configure_server(&self) {
        let mut text = format!(
            "data_dir = {:?}\n[rest]\nlisten = \"127.0.0.1:{}\"\n[grpc]\nlisten = \"127.0.0.1:{}\"\n\
             [health]\nlisten = \"127.0.0.1:0\"\n\
             [access]\nrequests_per_s = 100000\n",
            self.data_dir("server"),
            self.rest,
            self.grpc
        );
        if self.ca.is_some() {
            for listener in ["rest", "grpc"] {
                text += &format!(
                    "[{listener}.tls]\ncert_file = {:?}\nkey_file = {:?}\n",
                    self.root.join("hub.crt"),
                    self.root.join("hub.key")
                );
            }
        }
        if let Some((url, password)) = &self.builder.database {
            let file = self.root.join("database-password");
            write_secret(&file, password);
            text += &format!("[store]\nurl = {url:?}\npassword_file = {file:?}\n");
        }
        if self.builder.cluster.is_none() {
            text += &self.meanings("hub", "hub_agent.");
        }
        fs::write(self.root.join("server.toml"), text).expect("the folder is writable");
    }

    /// The image map and datasets of a party.
    fn meanings(&self, party: &str, prefix: &str) -> String {
        if let Some(Cluster { image: (image, root), .. }) = &self.builder.cluster {
            // The data is in a claim with this name in the party's namespace.
            return format!(
                "[{prefix}images.digits]\ncontainer = {image:?}\nroot = {root:?}\nallow = true\nenv = {ENV}\n[{prefix}datasets.digits]\nclaim = \"digits\"\n"
            );
        }
        let mut text = format!(
            "[{prefix}images.e2e]\nroot = {:?}\nallow = true\nenv = {ENV}\n",
            self.root.join("image")
        );
        if self.builder.digits {
            let data = self.root.join("rows").join(party);
            fs::create_dir_all(&data).expect("the folder is writable");
            for (index, name) in ["hospital-a", "hospital-b"].iter().enumerate() {
                let part = if *name == party || (party == "hub" && index == 0) {
                    ["party-a", "party-b"][index]
                } else {
                    continue;
                };
                fs::copy(flow_testkit::digits(part), data.join(format!("{party}.npz")))
                    .expect("the folder is writable");
            }
            fs::copy(flow_testkit::digits("test"), data.join("test.npz"))
                .expect("the folder is writable");
            text += &format!(
                "[{prefix}images.digits]\nroot = {:?}\nallow = true\nenv = {ENV}\n",
                self.root.join("digits")
            );
            text += &format!("[{prefix}datasets.digits]\npath = {data:?}\n");
        }
        text
    }

    fn server_program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binaries::flow_server());
        command.args(arguments).arg("--config").arg(self.root.join("server.toml"));
        for (key, value) in &self.builder.server {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        command
    }

    /// Runs a short command of flow-server, which must succeed; returns its output.
    pub fn server_command(&self, arguments: &[&str]) -> String {
        let output = self.server_program(arguments).output().expect("flow-server can be executed");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        secrets::assert_absent("an error of flow-server", &output.stderr);
        assert!(
            output.status.success(),
            "flow-server {arguments:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    async fn start_server(&mut self) {
        self.server =
            Some(Daemon::start(self.server_program(&["serve"]), &self.log_file("server")));
        let (data, token) = (self.data_dir("server"), self.token_file());
        if self.hub.ready(&data, &token).await.is_none() {
            panic!("flow-server does not become ready; its log:\n{}", self.server_log());
        }
    }

    /// The file with the token of the first account.
    #[must_use]
    pub fn token_file(&self) -> PathBuf {
        self.root.join("token")
    }

    /// The hub's process.
    #[must_use]
    pub fn server(&self) -> &Daemon {
        self.server.as_ref().expect("the hub runs")
    }

    /// The log of the hub.
    #[must_use]
    pub fn server_log(&self) -> String {
        fs::read_to_string(self.log_file("server")).unwrap_or_default()
    }

    /// The output directory of a party's member.
    #[must_use]
    pub fn outputs(&self, party: &str, run: &Run) -> PathBuf {
        self.data_dir(party).join("runs").join(format!("{}-1", run.id)).join("output")
    }

    /// Sends a signal to an agent.
    pub fn signal_agent(&self, party: &str, signal: Signal) {
        self.agents[party].signal(signal);
    }

    /// Runs a short command of a party's flow-federate. Returns its success and its output.
    #[must_use]
    pub fn agent_command(&self, party: &str, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(binaries::flow_federate());
        command.args(arguments).arg("--config").arg(self.root.join(format!("{party}.toml")));
        let output = command.output().expect("flow-federate can be executed");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        secrets::assert_absent("an error of flow-federate", &output.stderr);
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    }

    /// Kills the hub with SIGKILL.
    pub fn kill9_server(&mut self) {
        self.server.take().expect("the hub runs").kill9();
    }

    /// Restarts the hub and waits until it is ready; kills a running one first.
    pub async fn restart_server(&mut self) {
        if self.server.is_some() {
            self.kill9_server();
        }
        self.start_server().await;
    }

    /// Copies the hub's database; the hub may be running.
    #[must_use]
    pub fn backup(&self, name: &str) -> PathBuf {
        let file = self.root.join(name);
        self.server_command(&["backup", file.to_str().expect("a temporary folder's path is text")]);
        file
    }

    /// Kills the hub, restores a backup and restarts the hub.
    pub async fn restore(&mut self, backup: &Path) {
        self.kill9_server();
        self.server_command(&[
            "restore",
            backup.to_str().expect("a temporary folder's path is text"),
        ]);
        self.start_server().await;
    }

    // ---- parties -------------------------------------------------------------------------------

    /// Creates a party and writes the configuration of its agent; starts no agent.
    pub async fn add_party(&self, party: &str) {
        let secret = self.hub.create_party(party).await;
        write_secret(&self.root.join(format!("{party}.secret")), &secret);
        self.configure_agent(party, party);
    }

    /// Configuration `name` of an agent that speaks for `party`, with a folder of its own.
    fn configure_agent(&self, name: &str, party: &str) {
        let mut text = String::new();
        if self.builder.cluster.is_some() {
            text += "runtime = \"kubernetes\"\n";
        }
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        text += &format!(
            "data_dir = {:?}\nparty = {party:?}\n[hub]\naddress = \"{scheme}://127.0.0.1:{}\"\nsecret_file = {:?}\nca_file = {:?}\n{}",
            self.data_dir(name),
            self.grpc,
            self.root.join(format!("{party}.secret")),
            self.ca.as_deref().unwrap_or(Path::new("")),
            self.meanings(party, "")
        );
        if let Some(Cluster { parties, settings, .. }) = &self.builder.cluster {
            let (kubeconfig, namespace) = &parties[party];
            text += &format!(
                "[kubernetes]\nkubeconfig = {kubeconfig:?}\nnamespace = {namespace:?}\n{settings}"
            );
        }
        fs::write(self.root.join(format!("{name}.toml")), text).expect("the folder is writable");
    }

    fn spawn_agent(&mut self, name: &str) {
        let mut command = Command::new(binaries::flow_federate());
        command.arg("run").arg("--config").arg(self.root.join(format!("{name}.toml")));
        for (key, value) in &self.builder.agent {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        let agent = Daemon::start(command, &self.log_file(name));
        assert!(self.agents.insert(name.to_owned(), agent).is_none(), "{name} runs already");
    }

    /// Starts a party's agent and waits until it is connected.
    pub async fn start_agent(&mut self, party: &str) {
        self.spawn_agent(party);
        self.wait_contact(party, "connected").await;
    }

    /// Starts a second agent for a party with a separate folder; returns its name in this
    /// federation.
    pub fn start_second_agent(&mut self, party: &str) -> String {
        let name = format!("{party}-again");
        self.configure_agent(&name, party);
        self.spawn_agent(&name);
        name
    }

    /// A party's agent.
    pub fn agent(&mut self, name: &str) -> &mut Daemon {
        self.agents.get_mut(name).unwrap_or_else(|| panic!("{name} does not run"))
    }

    /// Runs a command of a party's administrator on its agent, which must succeed; returns its
    /// output.
    pub fn admin(&self, party: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(binaries::flow_federate());
        command.args(arguments).arg("--config").arg(self.root.join(format!("{party}.toml")));
        let output = command.output().expect("flow-federate can be executed");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        secrets::assert_absent("an error of flow-federate", &err);
        assert!(output.status.success(), "flow-federate {arguments:?} at {party}: {out}{err}");
        out
    }

    /// Kills a party's agent with SIGKILL. Its sidecars and workloads continue to run.
    pub fn kill9_agent(&mut self, name: &str) {
        self.agents.remove(name).unwrap_or_else(|| panic!("{name} does not run")).kill9();
    }

    /// Restarts a party's agent; kills a running one first.
    pub async fn restart_agent(&mut self, party: &str) {
        if self.agents.contains_key(party) {
            self.kill9_agent(party);
        }
        self.start_agent(party).await;
    }

    /// Stops a party's agent with SIGSTOP until [`Federation::thaw`]; its session stays open.
    pub fn freeze(&self, party: &str) {
        self.agents[party].signal(Signal::SIGSTOP);
    }

    /// Continues a frozen agent.
    pub fn thaw(&self, party: &str) {
        self.agents[party].signal(Signal::SIGCONT);
    }

    /// Deletes the data of a dead agent, like the loss of a disk; workloads continue to run.
    pub fn wipe_agent_journal(&self, party: &str) {
        assert!(!self.agents.contains_key(party), "{party} still runs");
        let files = fs::read_dir(self.data_dir(party))
            .expect("the agent made it")
            .flatten()
            .map(|entry| entry.path());
        let journal = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("journal"))
        };
        let journal: Vec<_> = files.filter(journal).collect();
        assert!(!journal.is_empty(), "{party} has no journal to wipe");
        journal.iter().for_each(|file| fs::remove_file(file).expect("the folder is writable"));
    }

    /// Waits until the hub shows this state of the party's agent: `connected` or `away`.
    pub async fn wait_contact(&self, party: &str, state: &str) {
        let path = format!("/parties/{party}");
        let mut last = Value::Null;
        let found = eventually(SOON, async || {
            let (_, answer) = self.hub.try_call(reqwest::Method::GET, &path, None).await.ok()?;
            last = answer;
            (last["contact"]["state"] == state).then_some(())
        });
        if found.await.is_none() {
            let log = fs::read_to_string(self.log_file(party)).unwrap_or_default();
            panic!("{party} does not become {state}: {last:#}\nits agent's log:\n{log}");
        }
    }

    // ---- workloads -----------------------------------------------------------------------------

    /// The sidecar of a party's member.
    pub fn sidecar(&self, party: &str, run: &Run) -> Option<Process> {
        let data = self.data_dir(if party == "hub" && self.builder.database.is_none() {
            "server"
        } else {
            party
        });
        let of_run = |cwd: &Path| {
            cwd.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(&format!("{}-", run.id)))
        };
        let found: Vec<_> = proc::with_word(&run.id)
            .into_iter()
            .filter(|p| p.cwd.starts_with(&data) && of_run(&p.cwd))
            .collect();
        // The helper with the same folder is a child of the sidecar.
        found.iter().find(|process| !found.iter().any(|other| other.pid == process.parent)).cloned()
    }

    /// Kills the sidecar of a party's member with SIGKILL.
    pub fn kill9_sidecar(&self, party: &str, run: &Run) {
        let sidecar = self
            .sidecar(party, run)
            .unwrap_or_else(|| panic!("{party} has no sidecar for the run"));
        sidecar.signal(Signal::SIGKILL);
    }

    /// Processes of workloads and sidecars of a run, at all parties or one.
    #[must_use]
    pub fn alive(&self, run: &Run, party: Option<&str>) -> Vec<Process> {
        let data = party.map(|party| self.data_dir(if party == "hub" { "server" } else { party }));
        let mut found = proc::with_word(&run.id);
        found.retain(|process| data.as_ref().is_none_or(|data| process.cwd.starts_with(data)));
        found
    }

    /// Waits until no process of a run is alive, at all parties or one.
    pub async fn nothing_left(&self, run: &Run, party: Option<&str>) {
        let gone = eventually(SOON, async || self.alive(run, party).is_empty().then_some(())).await;
        assert!(gone.is_some(), "still alive: {:#?}", self.alive(run, party));
    }

    /// Releases the waiting workloads of a task.
    pub fn release(&self, run: &Run) {
        fs::write(self.root.join("release").join(&run.task), "").expect("the folder is writable");
    }

    /// All starts in order: run, party, program.
    #[must_use]
    pub fn starts(&self) -> Vec<(String, String, String)> {
        let text = fs::read_to_string(self.root.join("starts")).unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            (
                words.next().unwrap_or_default(),
                words.next().unwrap_or_default(),
                words.next().unwrap_or_default(),
            )
        };
        text.lines().map(line).collect()
    }

    /// The parties that started a workload of this run, sorted by name, once per start.
    #[must_use]
    pub fn started(&self, run: &Run) -> Vec<String> {
        let mut parties: Vec<_> = self
            .starts()
            .into_iter()
            .filter(|(id, ..)| *id == run.id)
            .map(|(_, party, _)| party)
            .collect();
        parties.sort();
        parties
    }

    /// [`Federation::started`] without the hub's party, whose aggregator may be stopped before its
    /// first line.
    #[must_use]
    pub fn trained(&self, run: &Run) -> Vec<String> {
        let mut parties = self.started(run);
        parties.retain(|party| party != "hub");
        parties
    }

    /// Waits until the workloads of these parties have begun, shortly after the hub shows them
    /// running.
    pub async fn wait_started(&self, run: &Run, parties: &[&str]) {
        let has_begun = |party: &&str| self.started(run).iter().any(|name| name == party);
        let begun = eventually(SOON, async || parties.iter().all(has_begun).then_some(())).await;
        assert!(
            begun.is_some(),
            "not all of {parties:?} started their workload; started: {:?}",
            self.starts()
        );
    }

    /// Shuts agents and hub down gracefully; each must succeed. Workloads continue to run.
    pub async fn terminate_all(&mut self) {
        self.search_metrics().await;
        for (name, agent) in std::mem::take(&mut self.agents) {
            let status = agent.terminate(SOON).await;
            assert!(status.success(), "the agent of {name} ended with {status}");
        }
        if let Some(server) = self.server.take() {
            let status = server.terminate(SOON).await;
            assert!(
                status.success(),
                "the hub ended with {status}; its log:\n{}",
                self.server_log()
            );
        }
    }

    /// Checks that the metrics of a running hub contain no secret.
    async fn search_metrics(&self) {
        if self.server.is_none() {
            return;
        }
        let request = self.hub.http().get(format!("{}/metrics", self.hub.base));
        let page = request.bearer_auth(self.hub.token()).timeout(SOON).send().await;
        // A test may have stopped or frozen the hub.
        if let Ok(page) = page {
            secrets::assert_absent("/metrics", page.text().await.unwrap_or_default());
        }
    }

    /// Checks that no workload was started twice and that only hub and agents are alive; shuts
    /// these down and checks that no process is left.
    pub async fn end(mut self) {
        let starts = self.starts();
        let mut seen = std::collections::BTreeSet::new();
        for start in &starts {
            assert!(seen.insert((&start.0, &start.1)), "started twice: {start:?} in {starts:#?}");
        }
        let word = self.root.to_str().expect("a temporary folder's path is text").to_owned();
        let mut own: Vec<i32> = self.agents.values().chain(&self.server).map(Daemon::pid).collect();
        own.sort_unstable();
        let others = || {
            proc::with_word(&word)
                .into_iter()
                .filter(|process| own.binary_search(&process.pid).is_err())
                .collect::<Vec<_>>()
        };
        let clean = eventually(SOON, async || others().is_empty().then_some(())).await;
        assert!(clean.is_some(), "left behind: {:#?}", others());
        self.terminate_all().await;
        let left = proc::with_word(&word);
        assert!(left.is_empty(), "left behind: {left:#?}");
    }
}

impl Drop for Federation {
    /// Kills remaining processes; [`Federation::end`] leaves none. A failing test prints the logs.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in std::iter::once("server").chain(self.agents.keys().map(String::as_str)) {
                let log = fs::read_to_string(self.log_file(name)).unwrap_or_default();
                let lines: Vec<_> = log.lines().collect();
                eprintln!(
                    "---- the end of {name}.log\n{}",
                    lines[lines.len().saturating_sub(40)..].join("\n")
                );
            }
        }
        self.agents.clear();
        self.server = None;
        let word = self.root.to_string_lossy().into_owned();
        // Killing a sidecar kills its children, so that a few rounds suffice.
        flow_testkit::wait_for_blocking(
            "everything of the federation to be dead",
            Duration::from_secs(20),
            || {
                let left = proc::with_word(&word);
                left.iter().for_each(|process| process.signal(Signal::SIGKILL));
                left.is_empty()
            },
        );
    }
}

pub(crate) fn write_secret(path: &Path, secret: &str) {
    use std::io::Write as _;
    secrets::register(secret);
    let mut file = fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .expect("the folder is writable");
    file.write_all(secret.as_bytes()).expect("the folder is writable");
}
