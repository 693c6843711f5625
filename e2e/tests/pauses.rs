//! Programs that do not run for a while, as in a virtual machine that stands still: SIGSTOP, and later SIGCONT.

use std::time::Duration;

use flow_e2e::{Federation, Job};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Rule of the runs here, in seconds: shorter than each pause, longer than what counts as one.
const NO_PROGRESS_S: u64 = 7;
/// How long programs are stopped.
const PAUSE: Duration = Duration::from_secs(9);

/// Completes when another process has lived through a whole pause.
async fn meanwhile() {
    let status =
        tokio::process::Command::new("sleep").arg(PAUSE.as_secs().to_string()).status().await;
    assert!(status.expect("sleep can be executed").success());
}

#[tokio::test]
async fn b6_a_hub_that_is_stopped_for_longer_than_a_deadline_hears_its_agents_before_it_judges() {
    let federation = Federation::start().await;
    let run = federation
        .hub
        .launch(&Job::new("gate").trainers_only().rule("no_progress_s", NO_PROGRESS_S))
        .await;
    federation.hub.wait_phase(&run, "running").await;
    federation.server().signal(Signal::SIGSTOP);
    meanwhile().await;
    federation.release(&run);
    federation.server().signal(Signal::SIGCONT);
    federation.hub.ends(&run, "succeeded", "completed").await;
    federation.end().await;
}

#[tokio::test]
async fn b6_a_machine_that_stands_still_with_all_its_programs_goes_on_where_it_was() {
    let mut federation = Federation::start().await;
    let run = federation
        .hub
        .launch(&Job::new("gate").trainers_only().rule("no_progress_s", NO_PROGRESS_S))
        .await;
    federation.hub.wait_phase(&run, "running").await;
    let mut programs = vec![
        federation.server().pid(),
        federation.agent("hospital-a").pid(),
        federation.agent("hospital-b").pid(),
    ];
    // Sidecars and workloads.
    programs.extend(federation.alive(&run, None).iter().map(|process| process.pid));
    for signal in [Signal::SIGSTOP, Signal::SIGCONT] {
        for pid in &programs {
            // A workload's own children come and go.
            let _ = kill(Pid::from_raw(*pid), signal);
        }
        if signal == Signal::SIGSTOP {
            meanwhile().await;
        }
    }
    federation.release(&run);
    federation.hub.ends(&run, "succeeded", "completed").await;
    assert_eq!(federation.started(&run), ["hospital-a", "hospital-b"]);
    federation.end().await;
}
