//! Programs that are paused with SIGSTOP and SIGCONT, as in a paused virtual machine.

use std::time::Duration;

use flow_e2e::{Federation, Job};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Deadlines of the runs, in seconds: shorter than each pause, longer than the shortest detected
/// pause.
const NO_PROGRESS_S: u64 = 7;
/// Duration of a pause.
const PAUSE: Duration = Duration::from_secs(9);

/// Completes after a whole pause, measured by another process.
async fn meanwhile() {
    let status =
        tokio::process::Command::new("sleep").arg(PAUSE.as_secs().to_string()).status().await;
    assert!(status.expect("sleep can be executed").success());
}

#[tokio::test]
async fn b6_hub_paused_beyond_a_deadline_contacts_its_agents_before_it_applies_deadlines() {
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
async fn b6_paused_machine_with_all_programs_continues() {
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
