//! One key is started at most once, whichever process dies at any time.

use std::fs::File;

use crate::support::{LONG, Place, code};
use flow_common::clock::{Clock as _, SystemClock};
use flow_domain::member::ReasonCode;
use flow_domain::time::Timestamp;
use flow_federate::runtime::{Expired, Runtime as _, RuntimeError, WorkState};
use flow_federate::sidecar::crash::Point;
use flow_testkit::{StartMarker, wait_for};

fn counting(place: &Place, marker: &StartMarker) -> flow_federate::runtime::StartRequest {
    place.launch(&format!("echo started >> {}", marker.path().display()))
}

#[tokio::test]
async fn hold_start_and_end_are_each_reported() {
    let (place, marker) = (Place::new(), StartMarker::new());
    let mut agent = place.agent();
    let held = agent.runtime.hold(place.hold(&["grpc", "http"])).await.expect("held");
    assert_eq!(held.ports.keys().collect::<Vec<_>>(), ["grpc", "http"]);
    assert_eq!(agent.next().await.state, WorkState::Held(held.clone()));
    assert_eq!(agent.runtime.hold(place.hold(&["grpc", "http"])).await.expect("held again"), held);
    assert_eq!(agent.runtime.known().await.expect("known"), std::slice::from_ref(&place.key));
    agent.runtime.ensure(counting(&place, &marker)).await.expect("started");
    let exit = agent.exit().await;
    assert_eq!((exit.code, exit.signal, code(&exit)), (Some(0), None, None));
    assert!(exit.finished_at >= exit.started_at);
    agent.runtime.ensure(counting(&place, &marker)).await.expect("a repeated request");
    assert_eq!(marker.count(), 1);
    wait_for("the sidecar to leave", LONG, async || place.sidecar().is_none()).await;
}

/// Every point at which a sidecar can vanish, and what may have run by then.
#[tokio::test]
async fn sidecar_killed_at_any_point_never_causes_a_second_start() {
    for point in Point::ALL {
        let (mut place, marker) = (Place::new(), StartMarker::new());
        place.config.sidecar = Some(place.crashing_at(point.as_str()));
        let launch = counting(&place, &marker);
        {
            let agent = place.agent();
            // The result of these requests depends on the point; the agent would repeat them.
            let held = agent.runtime.hold(place.hold(&["grpc"])).await;
            let early = matches!(point, Point::BeforeLock | Point::AfterLock | Point::AfterBind);
            assert_eq!(held.is_err(), early, "{point:?}: {held:?}");
            if let Err(error) = held {
                assert!(matches!(error, RuntimeError::Transient { .. }), "{point:?}: {error:?}");
            } else {
                let started = agent.runtime.ensure(launch.clone()).await;
                assert_eq!(
                    started.is_err(),
                    point == Point::BeforeStarted,
                    "{point:?}: {started:?}"
                );
            }
        }
        // The next agent has a sidecar that does not crash.
        place.config.sidecar = Some(crate::support::SIDECAR.into());
        let mut agent = place.agent();
        let may_start = matches!(
            point,
            Point::BeforeLock | Point::AfterLock | Point::AfterBind | Point::BeforeStarted
        );
        if may_start {
            agent.runtime.hold(place.hold(&["grpc"])).await.expect("nothing has run");
        } else {
            // Proven as soon as the lock is free; before that the old sidecar would still be spoken to.
            assert!(!matches!(agent.end().await, WorkState::Absent), "{point:?}");
            assert!(
                agent.runtime.hold(place.hold(&["grpc"])).await.is_err(),
                "{point:?}: held twice"
            );
        }
        agent.runtime.ensure(launch.clone()).await.expect("a repeated request");
        agent.runtime.stop(place.key.clone(), 5).await.expect("asks for the state once more");
        let mut end = agent.end().await;
        while end == WorkState::Absent {
            end = agent.end().await;
        }
        match (point, end) {
            (Point::AfterStarted, WorkState::Lost(reason)) => {
                assert_eq!((reason.code, marker.count()), (ReasonCode::SidecarLost, 0));
            }
            (Point::AfterSpawn, WorkState::Lost(reason)) => {
                assert_eq!(reason.code, ReasonCode::SidecarLost);
                assert!(marker.count() <= 1);
            }
            (Point::BeforeExitRename, WorkState::Lost(reason)) => {
                assert_eq!((reason.code, marker.count()), (ReasonCode::SidecarLost, 1));
            }
            (Point::AfterExitRename, WorkState::Exited(exit)) => {
                assert_eq!((exit.code, marker.count()), (Some(0), 1))
            }
            (_, WorkState::Exited(exit)) if may_start => {
                // The stop above may have been faster than the script.
                assert!(marker.count() <= 1);
                assert!(
                    exit.code == Some(0) || code(&exit) == Some(ReasonCode::StopRequested),
                    "{exit:?}"
                );
            }
            (point, end) => panic!("{point:?} ended as {end:?}"),
        }
        assert!(place.alive().is_empty(), "{point:?}: left alive");
    }
}

#[tokio::test]
async fn new_sidecar_holds_the_ports_of_one_that_died_before_the_start() {
    let mut place = Place::new();
    let agent = place.agent();
    let ports = agent.runtime.hold(place.hold(&["grpc", "http"])).await.expect("held").ports;
    let first = place.sidecar().expect("a sidecar");
    nix::sys::signal::kill(first, nix::sys::signal::Signal::SIGKILL).expect("killed");
    drop(agent);
    place.config.hold_max_s = 60;
    let mut agent = place.agent();
    wait_for("the lock to be free", LONG, async || place.sidecar().is_none_or(|pid| pid != first))
        .await;
    agent.runtime.ensure(place.launch("exit 0")).await.expect("born again and started");
    assert_eq!(agent.exit().await.code, Some(0));
    let hold: serde_json::Value = serde_json::from_str(&place.text("hold.json")).expect("json");
    assert_eq!(hold["ports"], serde_json::to_value(&ports).expect("json"));
}

#[tokio::test]
async fn second_agent_adopts_a_running_workload_and_reports_its_end() {
    let (place, marker) = (Place::new(), StartMarker::new());
    let gate = place.root.path().join("gate");
    let script = format!(
        "echo started >> {}; while [ ! -e {} ]; do sleep 0.02; done; exit 3",
        marker.path().display(),
        gate.display()
    );
    {
        let mut agent = place.agent();
        agent.start(&place, place.launch(&script)).await;
        agent.until(|state| *state == WorkState::Running).await;
        crate::support::lines(&marker.path(), 1).await;
    }
    let mut agent = place.agent();
    assert_eq!(agent.next().await.state, WorkState::Running, "first the state of what is known");
    agent.runtime.ensure(place.launch(&script)).await.expect("a repeated request");
    std::fs::write(&gate, "").expect("opened");
    let exit = agent.exit().await;
    assert_eq!((exit.code, code(&exit)), (Some(3), Some(ReasonCode::ExitNonzero)));
    assert_eq!(marker.count(), 1);
    drop(agent);
    let mut third = place.agent();
    assert_eq!(third.exit().await, exit, "reported from the directory");
}

#[tokio::test]
async fn concurrent_agents_on_one_directory_start_a_workload_once() {
    for _ in 0..5 {
        let (place, marker) = (Place::new(), StartMarker::new());
        let launch = counting(&place, &marker);
        let agents = [place.agent(), place.agent(), place.agent()];
        let request = async |agent: &crate::support::Agent| {
            let ports = agent.runtime.hold(place.hold(&["grpc"])).await;
            (ports, agent.runtime.ensure(launch.clone()).await)
        };
        let [a, b, c] = &agents;
        let all = futures::join!(request(a), request(b), request(c));
        // The others may come too late to hold, but none starts it again.
        let holds = [all.0, all.1, all.2].map(|(ports, _)| ports);
        let ports: Vec<_> = holds.iter().flatten().collect();
        assert!(!ports.is_empty() && ports.iter().all(|held| held == &ports[0]), "{holds:?}");
        let [mut a, _, _] = agents;
        assert_eq!(a.exit().await.code, Some(0));
        assert_eq!(marker.count(), 1);
    }
}

#[tokio::test]
async fn forgotten_key_keeps_its_output_and_log_and_never_starts_again() {
    let (place, marker) = (Place::new(), StartMarker::new());
    let script = format!(
        "echo started >> {}; echo said; echo kept > \"$FED_OUTPUT_DIR/result\"",
        marker.path().display()
    );
    let mut agent = place.agent();
    agent.start(&place, place.launch(&script)).await;
    assert_eq!(agent.exit().await.code, Some(0));
    agent.runtime.forget(place.key.clone()).await.expect("forgotten");
    assert!(agent.runtime.known().await.expect("known").is_empty());
    assert_eq!(place.text("output/result"), "kept\n");
    assert!(place.text("launch.json").is_empty(), "the environment of the workload is gone");
    for agent in [agent, place.agent()] {
        assert!(matches!(agent.runtime.hold(place.hold(&[])).await, Err(RuntimeError::Refused(_))));
        assert!(matches!(
            agent.runtime.ensure(place.launch(&script)).await,
            Err(RuntimeError::Refused(_))
        ));
    }
    assert_eq!(marker.count(), 1);
    let agent = place.agent();
    let now = SystemClock.now();
    let all =
        |at: Timestamp| Expired { proof: at, outputs: Some(at), logs: Some(at), scratch: Some(at) };
    assert_eq!(agent.runtime.sweep(&all(Timestamp(0))).await.expect("swept"), 0);
    let kept = Expired { outputs: None, ..all(now) };
    assert_eq!(agent.runtime.sweep(&kept).await.expect("swept"), 0);
    assert_eq!(place.text("output/result"), "kept\n");
    assert!(!place.dir().path().join("log").exists());
    assert_eq!(agent.runtime.sweep(&all(now)).await.expect("swept"), 1);
    assert!(!place.dir().path().exists());
}

#[tokio::test]
async fn u4_outputs_stay_until_the_party_removes_them_and_scratch_does_not() {
    let place = Place::new();
    let mut agent = place.agent();
    agent.start(&place, place.launch("echo said; echo kept > \"$FED_OUTPUT_DIR/result\"; echo scratch > \"$FED_WORK_DIR/cache\"")).await;
    assert_eq!(agent.exit().await.code, Some(0));
    agent.runtime.forget(place.key.clone()).await.expect("forgotten");
    // Ended long ago.
    let marker =
        File::options().write(true).open(place.dir().path().join("forgotten")).expect("the marker");
    marker.set_modified(std::time::UNIX_EPOCH).expect("aged");
    let week_ago = Timestamp(SystemClock.now().0 - 7 * 24 * 3600 * 1_000_000);
    let expired = Expired { proof: week_ago, outputs: None, logs: None, scratch: Some(week_ago) };
    assert_eq!(agent.runtime.sweep(&expired).await.expect("swept"), 0);
    assert_eq!(place.text("output/result"), "kept\n");
    assert!(!place.dir().path().join("work").exists() && place.dir().path().join("log").exists());
    for folder in ["output", "log"] {
        std::fs::remove_dir_all(place.dir().path().join(folder)).expect("removed by the party");
    }
    assert_eq!(
        agent.runtime.sweep(&expired).await.expect("swept"),
        1,
        "nothing is left that is worth keeping"
    );
    assert!(!place.dir().path().exists());
}

#[tokio::test]
async fn a8_unknown_key_is_rejected_and_its_stop_reports_absent_and_leaves_no_files() {
    let place = Place::new();
    let mut agent = place.agent();
    let refused = agent.runtime.ensure(place.launch("exit 0")).await;
    assert!(
        matches!(refused, Err(RuntimeError::Refused(reason)) if reason.code == ReasonCode::HoldExpired)
    );
    agent.runtime.stop(place.key.clone(), 1).await.expect("nothing to do");
    assert_eq!(agent.next().await.state, WorkState::Absent);
    agent.runtime.forget(place.key.clone()).await.expect("nothing to do");
    let written =
        std::fs::read_dir(place.root.path().join("runs")).expect("the folder of all runs").count();
    assert_eq!(written, 0, "a hub that invents runs must not fill the disk");
}
