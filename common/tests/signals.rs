//! Signals and the deadline of a graceful shutdown, with a process whose runtime is stuck. The
//! process is another instance of this test program.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flow_common::lifecycle::{LATE_EXIT_STATUS, Shutdown};
use flow_testkit::{spawn_tied, wait_for_blocking};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Environment variable of the child process: deadline in seconds.
const STUCK: &str = "FLOW_TEST_STUCK";
const SOON: Duration = Duration::from_secs(30);

/// Starts a process whose only thread waits for input without end. Returns `None` in the child
/// process.
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
    assert!(lines.any(|line| line.expect("text") == "ready"), "the child becomes stuck");
    Some(child)
}

fn terminate(child: &Child) {
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), Signal::SIGTERM)
        .expect("the child of this process");
    // Two pending signals of the same number would merge.
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
    wait_for_blocking("the process to end", SOON, || {
        child.try_wait().expect("the child of this process")
    })
    .code()
}

#[test]
fn a1_second_signal_ends_a_process_with_a_stuck_runtime() {
    let Some(child) = stuck("a1_second_signal_ends_a_process_with_a_stuck_runtime", 600) else {
        return;
    };
    terminate(&child);
    terminate(&child);
    assert_eq!(status(child), Some(128 + Signal::SIGTERM as i32));
}

#[test]
fn a1_graceful_shutdown_ends_at_its_deadline() {
    let Some(child) = stuck("a1_graceful_shutdown_ends_at_its_deadline", 1) else {
        return;
    };
    terminate(&child);
    assert_eq!(status(child), Some(LATE_EXIT_STATUS));
}
