//! Ports, deadlines, markers and tied processes.

use std::process::{Command, Stdio};
use std::time::Duration;

use flow_testkit::{
    StartMarker, alive_with_marker, digits, digits_dir, free_port, secrets, spawn_tied,
    venv_python, wait_for, wait_for_blocking, workload,
};

const SOON: Duration = Duration::from_secs(20);

fn sleeper(marker: &str) -> Command {
    let mut command = Command::new("sleep");
    command.arg("600").env("TESTKIT_MARKER", marker).stdin(Stdio::null());
    command
}

#[test]
fn ports_are_given_out_once() {
    let mut ports: Vec<u16> = (0..200).map(|_| free_port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 200);
}

#[test]
fn tied_process_outlives_the_thread_that_spawned_it() {
    let mut child =
        std::thread::spawn(|| spawn_tied(sleeper("outlives-the-thread")).unwrap()).join().unwrap();
    assert!(child.try_wait().unwrap().is_none());
    wait_for_blocking("the marker to be seen", SOON, || {
        alive_with_marker("outlives-the-thread") == [child.id()]
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(alive_with_marker("outlives-the-thread").is_empty());
}

#[test]
fn tied_process_ends_with_a_killed_test() {
    // The test to be killed is this same test, started a second time with another part to play.
    if let Ok(marker) = std::env::var("DOOMED_WITH_A_CHILD") {
        spawn_tied(sleeper(&marker)).unwrap().wait().unwrap();
    }
    let marker = format!("dies-with-{}", std::process::id());
    let marked = format!("TESTKIT_MARKER={marker}");
    let mut helper = Command::new(std::env::current_exe().unwrap());
    helper
        .args(["--exact", "tied_process_ends_with_a_killed_test"])
        .env("DOOMED_WITH_A_CHILD", &marker);
    let mut helper = spawn_tied(helper).unwrap();
    wait_for_blocking("the helper's child", SOON, || !alive_with_marker(&marked).is_empty());
    helper.kill().unwrap();
    helper.wait().unwrap();
    wait_for_blocking("the helper's child to die", SOON, || alive_with_marker(&marked).is_empty());
}

#[tokio::test]
async fn wait_returns_the_found_value() {
    let mut looks = 0;
    let found = wait_for("the third look", SOON, async || {
        looks += 1;
        (looks == 3).then_some("found")
    })
    .await;
    assert_eq!((found, looks), ("found", 3));
}

#[tokio::test]
#[should_panic(expected = "in vain for: a look that hangs")]
async fn hanging_condition_ends_at_the_deadline() {
    wait_for("a look that hangs", Duration::from_millis(20), async || {
        std::future::pending::<bool>().await
    })
    .await;
}

#[test]
fn starts_are_counted_from_the_real_workload_environment() {
    let marker = StartMarker::new();
    assert_eq!(marker.count(), 0);
    let script = "import sys, iflearner, numpy; rows = len(numpy.load(sys.argv[1])['y']); open(sys.argv[2], 'a').write(f'{rows}\\n')";
    for party in ["party-a", "party-b"] {
        let mut python = Command::new(venv_python());
        python.arg("-c").arg(script).arg(digits(party)).arg(marker.path());
        assert!(spawn_tied(python).unwrap().wait().unwrap().success());
    }
    assert_eq!(marker.lines(), ["674", "674"]);
    assert!(digits_dir().join("test.npz").exists() && workload().join("client.py").exists());
}

#[test]
fn program_that_writes_a_secret_fails_the_tests_of_its_process() {
    // The process to fail is this same test, started again with another part to play.
    if let Ok(text) = std::env::var("TEXT_TO_WRITE") {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("flow-leaky");
        std::os::unix::fs::symlink("/bin/sh", &program).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command.args(["-c", "read line; echo \"code=$TEXT_TO_WRITE.\""]).env("TEXT_TO_WRITE", text);
        command.stdin(Stdio::piped()).stderr(Stdio::null()).stdout(log);
        let mut program = spawn_tied(command).unwrap();
        drop(program.stdin.take());
        program.wait().unwrap();
        secrets::register("a1b2c3d4e5f6");
        return;
    }
    let token = format!("flp_{}", "0".repeat(36));
    for (text, status) in [("a1b2c3d4e5f6", 101), (token.as_str(), 101), ("a1b2c3d4e5f", 0)] {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again
            .args(["--exact", "program_that_writes_a_secret_fails_the_tests_of_its_process"])
            .env("TEXT_TO_WRITE", text);
        let done = again.output().unwrap();
        assert_eq!(done.status.code(), Some(status), "{text}: {done:?}");
        let error = String::from_utf8(done.stderr).unwrap();
        assert_eq!(error.contains("A program wrote a secret."), status != 0, "{error}");
    }
}

#[test]
#[should_panic(expected = "an argument of a program has a secret")]
fn secret_among_the_arguments_of_a_program_fails_the_test() {
    let mut command = Command::new("/nowhere/flowctl");
    command.arg(format!("--token=fls_{}", "1".repeat(36)));
    let _ = spawn_tied(command);
}
