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
    command.env("REST_PORT", flow_testkit::free_port().to_string()).env("GRPC_PORT", flow_testkit::free_port().to_string());
    command
}

/// What was printed.
fn told(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What is still running in the folder it works in.
fn left(folder: &str) -> Vec<proc::Process> {
    proc::with_word(&flow_testkit::repository().join(folder).display().to_string())
}

#[test]
fn the_quickstart_trains_compares_and_leaves_nothing_running() {
    let _alone = alone();
    let output = script("quickstart.sh").output().unwrap();
    let told = told(&output);
    assert!(output.status.success(), "{told}");
    for figure in [format!("trained together   {TOGETHER}"), "party-a alone      0.6837".into(), "party-b alone      0.5768".into()] {
        assert!(told.contains(&figure), "no {figure:?} in {told}");
    }
    assert_eq!(told.matches("model.npz").count(), 2, "{told}");
    assert!(left("quickstart.run").is_empty(), "{:?}", left("quickstart.run"));
}

#[test]
fn the_quickstart_interrupted_ends_what_it_started() {
    let _alone = alone();
    let script = script("quickstart.sh");
    // Whoever runs the tests in the background has them ignore what the terminal's Ctrl-C sends, and a shell keeps to that.
    let mut running = Command::new("env");
    running.arg("--default-signal=INT").arg(script.get_program()).stdin(Stdio::null());
    running.envs(script.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut running = running.stdout(Stdio::piped()).process_group(0).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("the hub is up")), "it ended before: {:?}", running.wait());
    // As the terminal does: to all in the foreground.
    killpg(Pid::from_raw(running.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let rest: Vec<_> = lines.collect();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{rest:#?}");
    assert!(left("quickstart.run").is_empty(), "{:?}", left("quickstart.run"));
}

#[test]
fn a_quickstart_that_cannot_work_says_in_one_sentence_what_to_do() {
    let _alone = alone();
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = port.local_addr().unwrap().port().to_string();
    let output = script("quickstart.sh").env("REST_PORT", &taken).output().unwrap();
    assert!(!output.status.success());
    assert!(told(&output).contains(&format!("port {taken} of 127.0.0.1 is taken by another program; choose another with REST_PORT=PORT")));

    let folder = tempfile::tempdir().unwrap();
    let output = script("quickstart.sh").env("PATH", without("cargo", folder.path())).output().unwrap();
    assert!(!output.status.success());
    assert!(told(&output).contains("Rust is missing; install it with the command on https://rustup.rs"), "{}", told(&output));
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

/// With the images and manifests that are shipped: hub, agents and operator as pods.
#[test]
fn the_quickstart_on_kubernetes_deploys_everything_and_trains_in_pods() {
    let _alone = alone();
    let output = script("kube-quickstart.sh").output().unwrap();
    let told = told(&output);
    assert!(output.status.success(), "{told}");
    assert!(told.contains(&format!("accuracy on 449 images nobody trained with: {TOGETHER}")), "{told}");
    assert!(left("kube-quickstart.run").is_empty(), "{:?}", left("kube-quickstart.run"));
}
