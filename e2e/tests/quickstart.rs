//! The two quickstarts as a new user runs them, with the programs under test instead of a build.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flow_e2e::{binaries, proc};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

/// Accuracy of the last average after five epochs in the workload's README.
const TOGETHER: &str = "0.9154";

/// The quickstarts share one folder of the repository: run one at a time.
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

/// The output of both streams.
fn output_of(output: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Processes that still run in the folder.
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
fn u5_u9_u12_the_quickstart_trains_compares_and_leaves_nothing_running_and_a_second_one_deletes_nothing()
 {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mine = folder.join("images/mine/fit.py");
    std::fs::create_dir_all(mine.parent().unwrap()).unwrap();
    std::fs::write(&mine, "mine").unwrap();
    let refused = quickstart(folder, None).output().unwrap();
    assert!(
        !refused.status.success() && output_of(&refused).contains("was not made by a quickstart"),
        "{}",
        output_of(&refused)
    );

    // The state after an interrupted quickstart.
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
    let printed = output_of(&output);
    assert!(output.status.success(), "{printed}");
    for figure in [
        format!("trained together   {TOGETHER}"),
        "party-a alone      0.6837".into(),
        "party-b alone      0.5768".into(),
    ] {
        assert!(printed.contains(&figure), "no {figure:?} in {printed}");
    }
    assert_eq!(printed.matches("model.npz").count(), 2, "{printed}");
    assert!(left(folder).is_empty(), "{:?}", left(folder));
    kept(1);

    let output = quickstart(folder, None).env("KEEP", "1").output().unwrap();
    let printed = output_of(&output);
    let settings = [
        format!("FLOW_TOKEN_FILE={}", folder.join("token").display()),
        format!("PATH=$PATH:{}", binaries::folder().display()),
    ];
    assert!(output.status.success(), "{printed}");
    assert!(settings.iter().all(|setting| printed.contains(setting)), "{settings:?} in {printed}");
    assert_eq!(printed.matches("model.npz").count(), 2, "those of this run: {printed}");
    kept(2);
    console_admits_with_the_printed_code(&printed);
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
    assert!(stopped.status.success() && left(folder).is_empty(), "{}", output_of(&stopped));
    assert!(output_of(&stopped).contains("stopped hub and agents"), "{}", output_of(&stopped));

    let started = verb("start");
    assert!(started.status.success() && hub_answers(folder), "{}", output_of(&started));
    console_admits_with_the_printed_code(&output_of(&started));
    assert!(verb("reload").status.success());
    assert!(verb("stop").status.success() && left(folder).is_empty(), "{:?}", left(folder));
    kept(2);
}

/// The address that a quickstart printed leads to the console, and its code opens one session.
#[track_caller]
fn console_admits_with_the_printed_code(printed: &str) {
    let guide = std::fs::read_to_string(flow_testkit::repository().join("docs/first-task.md"));
    let guide = guide.unwrap();
    let value = |name: &str| {
        let values = printed.lines().filter_map(|line| line.trim().split_once(name));
        values.map(|(_, value)| value.trim()).next().unwrap_or_else(|| panic!("{name}: {printed}"))
    };
    let (url, code) = (value("console  "), value("code     "));
    for line in ["  Hub and agents are up. Open the web console", "    console  http://127.0.0.1:"]
    {
        assert!(printed.contains(line) && guide.contains(line), "{line:?} in {printed}");
    }
    let address = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix('/')).unwrap();
    let page = http(address, "GET / HTTP/1.1", "text/html", "");
    let marks = [r#"<meta name="flow-console" content="hub">"#, r#"<base href="/">"#];
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(
        marks.iter().all(|mark| page.contains(mark)) && !page.contains("make console"),
        "{page}"
    );
    let body = serde_json::json!({ "code": code }).to_string();
    for status in ["HTTP/1.1 201", "HTTP/1.1 401"] {
        let opened = http(address, "POST /api/v2/sessions HTTP/1.1", "*/*", &body);
        assert!(opened.starts_with(status), "{status}: {opened}");
    }
}

/// Sends a request and returns the whole response.
fn http(address: &str, request: &str, accept: &str, body: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{request}\r\nHost: {address}\r\nConnection: close\r\nAccept: {accept}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn interrupted_quickstart_ends_its_processes() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let script = quickstart(folder.path(), None);
    // Tests that run in the background inherit an ignored SIGINT, and shells keep it ignored.
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
fn quickstart_with_a_missing_requirement_prints_the_remedy() {
    let _alone = alone();
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = port.local_addr().unwrap().port().to_string();
    let output = script("quickstart.sh").env("REST_PORT", &taken).output().unwrap();
    assert!(!output.status.success());
    assert!(output_of(&output).contains(&format!(
        "port {taken} of 127.0.0.1 is taken by another program; choose another with REST_PORT=PORT"
    )));

    let folder = tempfile::tempdir().unwrap();
    let output =
        script("quickstart.sh").env("PATH", without("cargo", folder.path())).output().unwrap();
    assert!(!output.status.success());
    assert!(
        output_of(&output)
            .contains("Rust is missing; install it with the command on https://rustup.rs"),
        "{}",
        output_of(&output)
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

/// The cluster that the quickstart keeps; dropping it ends the cluster, also after a failed test.
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
        assert!(output.status.success(), "kubectl {words:?}: {}", output_of(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = script("kube-quickstart.sh").arg("stop").output();
    }
}

/// With the shipped images and manifests: hub, agents and operator as Pods.
#[test]
fn kubernetes_quickstart_deploys_all_programs_trains_in_pods_and_can_be_kept() {
    let _alone = alone();
    let output = script("kube-quickstart.sh").env("KEEP", "1").output().unwrap();
    let printed = output_of(&output);
    // A failed quickstart ends its own cluster; a remaining cluster belongs to another process.
    assert!(output.status.success(), "{printed}");
    let _kept = Kept;
    assert!(
        printed.contains(&format!("accuracy on 449 images that no party trained with: {TOGETHER}")),
        "{printed}"
    );
    assert!(printed.contains("End it all with: tools/kube-quickstart.sh stop"), "{printed}");

    let again = script("kube-quickstart.sh").output().unwrap();
    assert!(
        !again.status.success() && output_of(&again).contains("an earlier quickstart is still up"),
        "{}",
        output_of(&again)
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
        stopped.status.success() && output_of(&stopped).contains("nothing is running"),
        "{}",
        output_of(&stopped)
    );
    let folder = flow_testkit::repository().join("kube-quickstart.run");
    assert!(left(&folder).is_empty(), "{:?}", left(&folder));
    assert!(!Kept::kubeconfig().exists(), "it leads nowhere any more");
}
