//! The two quickstarts, as a newcomer runs them, with the programs under test instead of a build.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flow_e2e::{binaries, proc};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

/// What the workload's README promises of the last average after five epochs.
const TOGETHER: &str = "0.9154";

/// They work in one folder of the repository, so one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn script(name: &str) -> Command {
    let mut command = Command::new(flow_testkit::repository().join("tools").join(name));
    command.env("BIN", binaries::folder()).stdin(Stdio::null());
    command
        .env("REST_PORT", flow_testkit::free_port().to_string())
        .env("GRPC_PORT", flow_testkit::free_port().to_string());
    command
}

/// What was printed.
fn told(output: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// What is still running in the folder it works in.
fn left(folder: &Path) -> Vec<proc::Process> {
    proc::with_word(folder.to_str().unwrap())
}

/// `quickstart.sh VERB` in a folder of its own.
fn quickstart(folder: &Path, verb: Option<&str>) -> Command {
    let mut command = script("quickstart.sh");
    command.args(verb).env("RUN_DIR", folder);
    command
}

fn hub_answers(folder: &Path) -> bool {
    let text = std::fs::read_to_string(folder.join("hub.toml")).unwrap();
    let address = text.split('"').find(|part| part.starts_with("127.0.0.1:")).unwrap();
    std::net::TcpStream::connect(address).is_ok()
}

#[test]
fn u5_u12_the_quickstart_trains_compares_and_leaves_nothing_running_and_a_second_one_deletes_nothing()
 {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mine = folder.join("images/mine/fit.py");
    std::fs::create_dir_all(mine.parent().unwrap()).unwrap();
    std::fs::write(&mine, "mine").unwrap();
    let refused = quickstart(folder, None).output().unwrap();
    assert!(
        !refused.status.success() && told(&refused).contains("was not made by a quickstart"),
        "{}",
        told(&refused)
    );

    // As one that was interrupted has left it.
    std::fs::write(folder.join(".quickstart"), "").unwrap();
    let kept = |runs| {
        let results = std::fs::read_dir(folder.join("party-a/agent/runs")).unwrap().count();
        assert_eq!(
            (std::fs::read_to_string(&mine).unwrap().as_str(), results),
            ("mine", runs),
            "files and history stay"
        );
    };
    let output = quickstart(folder, None).output().unwrap();
    let said = told(&output);
    assert!(output.status.success(), "{said}");
    for figure in [
        format!("trained together   {TOGETHER}"),
        "party-a alone      0.6837".into(),
        "party-b alone      0.5768".into(),
    ] {
        assert!(said.contains(&figure), "no {figure:?} in {said}");
    }
    assert_eq!(said.matches("model.npz").count(), 2, "{said}");
    assert!(left(folder).is_empty(), "{:?}", left(folder));
    kept(1);

    let output = quickstart(folder, None).env("KEEP", "1").output().unwrap();
    let said = told(&output);
    assert!(
        output.status.success()
            && said.contains(&format!("FLOW_DATA_DIR={}", folder.join("hub").display())),
        "{said}"
    );
    assert_eq!(said.matches("model.npz").count(), 2, "those of this run: {said}");
    kept(2);
    // Programs that are somewhere else end it all the same.
    let verb = |verb| {
        quickstart(folder, Some(verb))
            .env_remove("REST_PORT")
            .env_remove("GRPC_PORT")
            .output()
            .unwrap()
    };
    let stopped =
        quickstart(folder, Some("stop")).env("BIN", folder.join("elsewhere")).output().unwrap();
    assert!(stopped.status.success() && left(folder).is_empty(), "{}", told(&stopped));

    let started = verb("start");
    assert!(started.status.success() && hub_answers(folder), "{}", told(&started));
    assert!(verb("reload").status.success());
    assert!(verb("stop").status.success() && left(folder).is_empty(), "{:?}", left(folder));
    kept(2);
}

#[test]
fn the_quickstart_interrupted_ends_what_it_started() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let script = quickstart(folder.path(), None);
    // Whoever runs the tests in the background has them ignore what the terminal's Ctrl-C sends, and a shell keeps to that.
    let mut running = Command::new("env");
    running.arg("--default-signal=INT").arg(script.get_program()).stdin(Stdio::null());
    running.envs(script.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut running = running.stdout(Stdio::piped()).process_group(0).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(
        lines.any(|line| line.contains("the hub is up")),
        "it ended before: {:?}",
        running.wait()
    );
    // As the terminal does: to all in the foreground.
    killpg(Pid::from_raw(running.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let rest: Vec<_> = lines.collect();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{rest:#?}");
    assert!(left(folder.path()).is_empty(), "{:?}", left(folder.path()));
}

#[test]
fn a_quickstart_that_cannot_work_says_in_one_sentence_what_to_do() {
    let _alone = alone();
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = port.local_addr().unwrap().port().to_string();
    let output = script("quickstart.sh").env("REST_PORT", &taken).output().unwrap();
    assert!(!output.status.success());
    assert!(told(&output).contains(&format!(
        "port {taken} of 127.0.0.1 is taken by another program; choose another with REST_PORT=PORT"
    )));

    let folder = tempfile::tempdir().unwrap();
    let output =
        script("quickstart.sh").env("PATH", without("cargo", folder.path())).output().unwrap();
    assert!(!output.status.success());
    assert!(
        told(&output).contains("Rust is missing; install it with the command on https://rustup.rs"),
        "{}",
        told(&output)
    );
}

/// A search path with everything but `program`.
fn without(program: &str, folder: &Path) -> PathBuf {
    for entry in ["/usr/bin", "/bin"].iter().flat_map(|path| std::fs::read_dir(path).unwrap()) {
        let (name, path) = entry.map(|entry| (entry.file_name(), entry.path())).unwrap();
        if name != program {
            // `/bin` may be `/usr/bin`.
            let _ = std::os::unix::fs::symlink(path, folder.join(name));
        }
    }
    folder.to_owned()
}

/// The cluster that the quickstart was told to keep: ended also by a test that fails.
struct Kept;

impl Kept {
    fn kubeconfig() -> PathBuf {
        flow_testkit::repository().join("kube-quickstart.run/kubeconfig")
    }

    fn end() -> Output {
        script("kube-quickstart.sh").arg("stop").output().unwrap()
    }

    fn kubectl(words: &[&str]) -> String {
        let mut kubectl = Command::new(flow_testkit::cache_dir().join("kube/bin/kubectl"));
        kubectl.args(words).env("KUBECONFIG", Self::kubeconfig());
        let output = kubectl.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "kubectl {words:?}: {}", told(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = script("kube-quickstart.sh").arg("stop").output();
    }
}

/// With the images and manifests that are shipped: hub, agents and operator as pods.
#[test]
fn the_quickstart_on_kubernetes_deploys_everything_trains_in_pods_and_can_be_kept() {
    let _alone = alone();
    let output = script("kube-quickstart.sh").env("KEEP", "1").output().unwrap();
    let said = told(&output);
    // One that fails ends what it started; what is up then is somebody else's.
    assert!(output.status.success(), "{said}");
    let _kept = Kept;
    assert!(
        said.contains(&format!("accuracy on 449 images that no party trained with: {TOGETHER}")),
        "{said}"
    );
    assert!(said.contains("End it all with: tools/kube-quickstart.sh stop"), "{said}");

    let again = script("kube-quickstart.sh").output().unwrap();
    assert!(
        !again.status.success() && told(&again).contains("an earlier quickstart is still up"),
        "{}",
        told(&again)
    );
    let parties = Kept::kubectl(&[
        "-n",
        "hub",
        "exec",
        "deploy/flow-server",
        "--",
        "flowctl",
        "party",
        "list",
        "-o",
        "json",
    ]);
    let connected = serde_json::from_str::<Value>(&parties)
        .unwrap()
        .to_string()
        .matches(r#""state":"connected""#)
        .count();
    assert_eq!(connected, 3, "{parties}");

    let stopped = Kept::end();
    assert!(
        stopped.status.success() && told(&stopped).contains("nothing is running"),
        "{}",
        told(&stopped)
    );
    let folder = flow_testkit::repository().join("kube-quickstart.run");
    assert!(left(&folder).is_empty(), "{:?}", left(&folder));
    assert!(!Kept::kubeconfig().exists(), "it leads nowhere any more");
}
