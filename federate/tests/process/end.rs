//! The ends of a workload: no process outlives it, and the reported exit is correct. The tests use
//! every kind of containment; on a machine that lacks one they fail with that message.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use crate::support::{LONG, Place, code, lines};
use flow_domain::member::ReasonCode;
use flow_federate::runtime::{ImageSource, Runtime as _, WorkState};
use flow_federate::sidecar::container::Containment;
use flow_testkit::wait_for;
use nix::sys::signal::{Signal, kill};

const WAYS: [Containment; 3] =
    [Containment::Cgroup, Containment::PidNamespace, Containment::Session];

fn place(way: Containment) -> Place {
    let mut place = Place::new();
    place.config.containment = Some(way);
    place
}

/// The way that was asked for is the way that was used.
fn is_caught_by(place: &Place, way: Containment) {
    let container: serde_json::Value =
        serde_json::from_str(&place.text("container.json")).expect("container.json");
    assert_eq!(
        container["containment"],
        way.as_str(),
        "this machine offers no {way:?}: run as root with a writable cgroup2"
    );
}

/// Starts two processes that leave its session and lose their parent, then goes on to `after`.
fn daemonising(
    place: &Place,
    after: &str,
) -> (flow_federate::runtime::StartRequest, std::path::PathBuf) {
    let file = place.root.path().join("born");
    let daemon = |number: u32| {
        format!(
            "(setsid sh -c 'trap \"\" TERM HUP; echo {number} >> {}; sleep 600' &)",
            file.display()
        )
    };
    (place.launch(&format!(": > {}; {}; {}; {after}", file.display(), daemon(1), daemon(2))), file)
}

#[tokio::test]
async fn daemons_of_a_workload_die_with_its_main_process() {
    for way in WAYS {
        let place = place(way);
        let mut agent = place.agent();
        let file = place.root.path().join("born");
        let (launch, _) = daemonising(
            &place,
            &format!("while [ $(wc -l < {}) -lt 2 ]; do sleep 0.01; done; exit 0", file.display()),
        );
        agent.start(&place, launch).await;
        let exit = agent.exit().await;
        is_caught_by(&place, way);
        assert_eq!(exit.code, Some(0), "{way:?}: {exit:?}");
        assert_eq!(place.alive(), [0; 0], "{way:?}: an end was reported with a live process");
    }
}

#[tokio::test]
async fn workload_that_ignores_sigterm_is_killed_after_its_grace_period_with_all_its_daemons() {
    for way in WAYS {
        let place = place(way);
        let mut agent = place.agent();
        let born = place.root.path().join("born");
        let (launch, file) = daemonising(
            &place,
            &format!("trap '' TERM; echo 3 >> {}; while :; do sleep 0.05; done", born.display()),
        );
        agent.start(&place, launch).await;
        lines(&file, 3).await;
        let asked = flow_common::clock::monotonic();
        agent.runtime.stop(place.key.clone(), 1).await.expect("placed");
        let exit = agent.exit().await;
        assert!(asked.elapsed() >= Duration::from_secs(1), "{way:?}: the grace was not given");
        assert_eq!(
            (exit.signal, code(&exit)),
            (Some(9), Some(ReasonCode::StopRequested)),
            "{way:?}"
        );
        assert_eq!(place.alive(), [0; 0], "{way:?}");
    }
}

#[tokio::test]
async fn workload_that_handles_sigterm_ends_at_once_on_a_stop() {
    for way in WAYS {
        let place = place(way);
        let mut agent = place.agent();
        let ready = place.root.path().join("ready");
        let script = format!(
            "trap 'exit 4' TERM; echo >> {}; while :; do sleep 0.02; done",
            ready.display()
        );
        agent.start(&place, place.launch(&script)).await;
        lines(&ready, 1).await;
        agent.runtime.stop(place.key.clone(), 600).await.expect("placed");
        let exit = agent.exit().await;
        assert_eq!((exit.code, code(&exit)), (Some(4), Some(ReasonCode::StopRequested)), "{way:?}");
    }
}

#[tokio::test]
async fn killed_sidecar_ends_its_workload_and_every_descendant() {
    for way in WAYS {
        let place = place(way);
        let mut agent = place.agent();
        let (launch, file) = daemonising(&place, "sleep 600");
        agent.start(&place, launch).await;
        lines(&file, 2).await;
        assert!(place.alive().len() >= 3, "{way:?}: a main process and two daemons");
        kill(place.sidecar().expect("a sidecar"), Signal::SIGKILL).expect("killed");
        let WorkState::Lost(reason) = agent.end().await else {
            panic!("{way:?}: it is not known how it ended")
        };
        assert_eq!(reason.code, ReasonCode::SidecarLost);
        assert_eq!(place.alive(), [0; 0], "{way:?}: reported as lost with a live process");
        agent.runtime.ensure(place.launch("exit 0")).await.expect("answered");
        assert!(place.sidecar().is_none(), "{way:?}: started again");
    }
}

#[tokio::test]
async fn next_agent_kills_the_processes_of_a_killed_agent_and_sidecar() {
    for way in WAYS {
        let place = place(way);
        let agent = place.agent();
        let (launch, file) = daemonising(&place, "sleep 600");
        agent.start(&place, launch).await;
        lines(&file, 2).await;
        drop(agent);
        kill(place.sidecar().expect("a sidecar"), Signal::SIGKILL).expect("killed");
        wait_for("the sidecar's end", LONG, async || place.sidecar().is_none()).await;
        let mut next = place.agent();
        assert!(matches!(next.end().await, WorkState::Lost(_)), "{way:?}");
        assert_eq!(place.alive(), [0; 0], "{way:?}");
    }
}

#[tokio::test]
async fn exit_of_a_workload_is_reported_unchanged() {
    for (script, status, signal, reason) in [
        ("exit 1", Some(1), None, Some(ReasonCode::ExitNonzero)),
        ("exit 71", Some(71), None, Some(ReasonCode::PeerLost)),
        ("kill -SEGV $$", None, Some(11), Some(ReasonCode::ExitSignal)),
        ("kill -40 $$", None, Some(40), Some(ReasonCode::ExitSignal)),
    ] {
        for way in WAYS {
            let place = place(way);
            let mut agent = place.agent();
            agent.start(&place, place.launch(script)).await;
            let exit = agent.exit().await;
            assert_eq!(
                (exit.code, exit.signal, code(&exit)),
                (status, signal, reason),
                "{script} in {way:?}"
            );
        }
    }
}

#[tokio::test]
async fn program_that_cannot_be_executed_fails_with_its_name_and_no_path_of_the_party() {
    for way in WAYS {
        let place = place(way);
        let mut agent = place.agent();
        let mut launch = place.launch("");
        launch.argv = vec!["no-such-program".to_owned()];
        launch.image = Some(ImageSource::Root(place.root.path().to_owned()));
        agent.start(&place, launch).await;
        let exit = agent.exit().await;
        let reason = exit.reason.expect("a reason");
        assert_eq!((reason.code, exit.code), (ReasonCode::SpawnFailed, None), "{way:?}");
        assert!(reason.message.contains("no-such-program"));
        assert!(
            !reason.message.contains(place.root.path().to_str().expect("text")),
            "{}",
            reason.message
        );
    }
}

#[tokio::test]
async fn u7_program_that_exists_fails_with_the_cause_and_the_remedy() {
    for (content, mode, parts) in [
        ("#!/bin/sh\n", 0o644, ["is not executable", "`chmod +x bin/fit.py` there"]),
        ("#!/opt/no-such/python4\n", 0o755, ["\"/opt/no-such/python4\"", "correct the line"]),
        ("#!/etc/passwd\n", 0o755, ["\"/etc/passwd\", which is not executable", "noexec"]),
    ] {
        for absolute in [false, true] {
            let place = Place::new();
            let folder = place.root.path().join("bin");
            std::fs::create_dir(&folder).expect("a folder");
            let program = folder.join("fit.py");
            std::fs::write(&program, content).expect("a file");
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(mode))
                .expect("a mode");
            let mut agent = place.agent();
            let mut launch = place.launch("");
            if absolute {
                launch.argv = vec![program.to_str().expect("text").to_owned()];
            } else {
                launch.argv = vec!["fit.py".to_owned()];
                launch.image = Some(ImageSource::Root(place.root.path().to_owned()));
            }
            agent.start(&place, launch).await;
            let exit = agent.exit().await;
            let reason = exit.reason.expect("a reason");
            assert_eq!((reason.code, exit.code), (ReasonCode::SpawnFailed, None));
            let parts = if absolute && mode == 0o644 { [parts[0], "`chmod +x`"] } else { parts };
            for part in parts {
                assert!(reason.message.contains(part), "{part:?} in {reason}");
            }
        }
    }
}

#[tokio::test]
async fn u8_failed_workload_leaves_its_last_lines_and_another_none() {
    let place = Place::new();
    let mut agent = place.agent();
    let script = "for n in $(seq 1 30); do echo line $n; done; printf \"KeyError: 'FED_DATA_DIR'\\033[2J\" >&2; exit 3";
    agent.start(&place, place.launch(script)).await;
    let exit = agent.exit().await;
    assert_eq!((exit.code, exit.last_lines.len()), (Some(3), 10), "{exit:?}");
    assert_eq!(exit.last_lines[8..], ["line 30", "KeyError: 'FED_DATA_DIR'\\u{1b}[2J"]);
    let place = Place::new();
    let mut agent = place.agent();
    agent.start(&place, place.launch("echo done")).await;
    assert_eq!(agent.exit().await.last_lines, Vec::<String>::new());
}

#[tokio::test]
async fn b14_script_with_windows_line_ends_fails_with_the_missing_interpreter() {
    for (head, interpreter) in
        [("#!/bin/bash\r\n", r#""/bin/bash\r""#), ("#!/usr/bin/env python3\r\n", r#""python3\r""#)]
    {
        for way in WAYS {
            let place = place(way);
            let script = place.root.path().join("script");
            std::fs::write(&script, head).expect("a script");
            std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))
                .expect("executable");
            let mut agent = place.agent();
            let mut launch = place.launch("");
            launch.argv = vec!["script".to_owned()];
            launch.image = Some(ImageSource::Root(place.root.path().to_owned()));
            agent.start(&place, launch).await;
            let reason = agent.exit().await.reason.expect("a reason");
            assert!(
                reason.message.contains(interpreter)
                    && reason.message.contains("Windows line ends"),
                "{way:?}: {reason}"
            );
        }
    }
}

#[tokio::test]
async fn workload_is_ended_at_its_longest_runtime() {
    let place = Place::new();
    let mut agent = place.agent();
    let mut launch = place.launch("sleep 600");
    launch.max_runtime_s = 1;
    agent.start(&place, launch).await;
    let exit = agent.exit().await;
    assert_eq!((exit.signal, code(&exit)), (Some(15), Some(ReasonCode::MaxRuntimeExceeded)));
}

#[tokio::test]
async fn terminated_sidecar_ends_its_workload_and_reports_the_reason() {
    let place = Place::new();
    let mut agent = place.agent();
    agent.start(&place, place.launch("sleep 600")).await;
    agent.until(|state| *state == WorkState::Running).await;
    kill(place.sidecar().expect("a sidecar"), Signal::SIGTERM).expect("asked");
    let exit = agent.exit().await;
    assert_eq!((exit.signal, code(&exit)), (Some(15), Some(ReasonCode::RuntimeError)));
}

#[tokio::test]
async fn removed_run_directory_ends_sidecar_and_workload() {
    for way in WAYS {
        let place = place(way);
        let mut agent = place.agent();
        let (launch, file) = daemonising(&place, "sleep 600");
        agent.start(&place, launch).await;
        lines(&file, 2).await;
        // Moved away first: what is being written to cannot be removed in one step.
        let elsewhere = place.root.path().join("elsewhere");
        std::fs::rename(place.dir().path(), &elsewhere).expect("moved");
        std::fs::remove_dir_all(&elsewhere).expect("removed");
        wait_for("the sidecar's end", LONG, async || place.sidecar().is_none()).await;
        assert_eq!(agent.end().await, WorkState::Absent);
        assert_eq!(place.alive(), [0; 0], "{way:?}");
    }
}
