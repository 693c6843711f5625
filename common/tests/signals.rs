//! Signals and the deadline of an orderly end, at a process whose runtime is stuck. The process is this program itself,
//! started again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flow_common::lifecycle::{LATE_EXIT_STATUS, Shutdown};
use flow_testkit::{spawn_tied, wait_for_blocking};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Set for the process that is to be ended: its deadline, in seconds.
const STUCK: &str = "FLOW_TEST_STUCK";
const SOON: Duration = Duration::from_secs(30);

/// A process whose only thread waits for input that never comes. `None`: this is that process, and its end is near.
fn stuck(test: &str, deadline_s: u64) -> Option<Child> {
    if let Ok(seconds) = std::env::var(STUCK) {
        let deadline = Duration::from_secs(seconds.parse().expect("a number"));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let _shutdown = Shutdown::on_signals(deadline).expect("signals");
            writeln!(std::io::stderr(), "ready").expect("the parent reads");
            // Blocks the runtime.
            let _ = std::io::stdin().read(&mut [0]);
        });
        return None;
    }
    let mut command = Command::new(std::env::current_exe().expect("a running program has a path"));
    command.args(["--exact", test, "--nocapture"]).env(STUCK, deadline_s.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = spawn_tied(command).expect("this program runs");
    let mut lines = BufReader::new(child.stderr.as_mut().expect("a pipe")).lines();
    assert!(lines.any(|line| line.expect("text") == "ready"), "it gets stuck");
    Some(child)
}

fn terminate(child: &Child) {
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), Signal::SIGTERM)
        .expect("a child of ours");
    // Two that are pending at once would be one.
    wait_for_blocking("the signal to be taken", SOON, || {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let pending = |key: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .is_some_and(|set| set.contains(|c| c != '0' && c != '\t'))
        };
        !pending("ShdPnd:") && !pending("SigPnd:")
    });
}

fn status(mut child: Child) -> Option<i32> {
    wait_for_blocking("the process to end", SOON, || child.try_wait().expect("a child of ours"))
        .code()
}

#[test]
fn a1_a_second_signal_ends_a_process_whose_runtime_is_stuck() {
    let Some(child) = stuck("a1_a_second_signal_ends_a_process_whose_runtime_is_stuck", 600) else {
        return;
    };
    terminate(&child);
    terminate(&child);
    assert_eq!(status(child), Some(128 + Signal::SIGTERM as i32));
}

#[test]
fn a1_an_orderly_end_that_does_not_come_is_cut_off_at_its_deadline() {
    let Some(child) = stuck("a1_an_orderly_end_that_does_not_come_is_cut_off_at_its_deadline", 1)
    else {
        return;
    };
    terminate(&child);
    assert_eq!(status(child), Some(LATE_EXIT_STATUS));
}
