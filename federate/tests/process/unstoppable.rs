//! A workload of the agent's user can freeze its sidecar, flood its control socket or answer in its
//! place. It still ends at its stop and at its longest runtime.

use std::time::Duration;

use crate::support::{Agent, LONG, Place, code, lines};
use flow_domain::member::{Exit, ReasonCode};
use flow_federate::runtime::{Runtime as _, WorkState};
use flow_federate::sidecar::container::Containment;
use flow_testkit::wait_for;
use nix::sys::signal::{Signal, kill};

/// An agent that does not wait long for a sidecar.
fn place(containment: Option<Containment>) -> Place {
    let mut place = Place::new();
    place.config.containment = containment;
    place.config.overdue = Duration::from_secs(1);
    place
}

fn freeze(place: &Place) {
    kill(place.sidecar().expect("a sidecar"), Signal::SIGSTOP).expect("frozen");
}

/// Stops the workload and returns the reported exit.
async fn stop(agent: &mut Agent, place: &Place, grace_s: u64) -> Exit {
    let (stopped, end) = agent.end_during(|runtime| runtime.stop(place.key.clone(), grace_s)).await;
    stopped.expect("placed");
    match end {
        WorkState::Exited(exit) => exit,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a6_workload_with_a_frozen_sidecar_can_be_stopped() {
    for way in [Containment::Cgroup, Containment::PidNamespace, Containment::Session] {
        let place = place(Some(way));
        let mut agent = place.agent();
        let born = place.root.path().join("born");
        let daemon = format!(
            "(setsid sh -c 'trap \"\" TERM; echo >> {0}; sleep 600' &); echo >> {0}",
            born.display()
        );
        agent
            .start(
                &place,
                place.launch(&format!("trap '' TERM; {daemon}; while :; do sleep 0.05; done")),
            )
            .await;
        lines(&born, 2).await;
        freeze(&place);
        let asked = flow_common::clock::monotonic();
        let exit = stop(&mut agent, &place, 1).await;
        assert!(
            asked.elapsed() >= Duration::from_secs(2),
            "{way:?}: grace and delay were not given"
        );
        assert_eq!(
            (exit.signal, code(&exit)),
            (Some(9), Some(ReasonCode::StopRequested)),
            "{way:?}"
        );
        assert!(exit.reason.is_some_and(|reason| {
            reason.message.contains("the agent killed every process of both that it found")
        }));
        assert_eq!((place.alive(), place.sidecar()), (vec![], None), "{way:?}");
        // The next agent reads it from the directory.
        drop(agent);
        assert_eq!(code(&place.agent().exit().await), Some(ReasonCode::StopRequested), "{way:?}");
    }
}

#[tokio::test]
async fn a6_longest_runtime_holds_with_a_frozen_sidecar_and_a_new_agent() {
    let place = place(None);
    let agent = place.agent();
    let mut launch = place.launch("sleep 600");
    (launch.max_runtime_s, launch.stop_grace_s) = (3, 0);
    agent.start(&place, launch.clone()).await;
    freeze(&place);
    drop(agent);
    let mut next = place.agent();
    let exit = match next.end_during(|runtime| runtime.ensure(launch)).await.1 {
        WorkState::Exited(exit) => exit,
        other => panic!("{other:?}"),
    };
    assert_eq!((exit.signal, code(&exit)), (Some(9), Some(ReasonCode::MaxRuntimeExceeded)));
    assert_eq!((place.alive(), place.sidecar()), (vec![], None));
}

#[tokio::test]
async fn a6_hold_with_a_frozen_sidecar_is_released() {
    let place = place(None);
    let mut agent = place.agent();
    agent.runtime.hold(place.hold(&["grpc"])).await.expect("held");
    freeze(&place);
    let (stopped, end) = agent.end_during(|runtime| runtime.stop(place.key.clone(), 0)).await;
    stopped.expect("placed");
    assert_eq!(end, WorkState::Absent);
    assert_eq!((place.sidecar(), place.dir().path().exists()), (None, false));
}

#[tokio::test]
async fn a6_workload_that_floods_the_control_socket_is_stopped_with_sigterm() {
    let place = place(None);
    let mut agent = place.agent();
    let ready = place.root.path().join("ready");
    let script = "import os, signal, socket, sys, time\n\
        signal.signal(signal.SIGTERM, lambda *_: os._exit(4))\n\
        os.chdir(os.path.dirname(os.environ['FED_OUTPUT_DIR']))\n\
        kept = []\n\
        while True:\n\
        \x20   for _ in range(20):\n\
        \x20       one = socket.socket(socket.AF_UNIX)\n\
        \x20       one.setblocking(False)\n\
        \x20       try: one.connect('control.sock')\n\
        \x20       except OSError: break\n\
        \x20       kept.append(one)\n\
        \x20   kept = kept[-40:]\n\
        \x20   open(sys.argv[1], 'a').write('.\\n')\n\
        \x20   time.sleep(0.02)\n";
    let mut launch = place.launch("");
    launch.argv =
        ["python3", "-c", script, ready.to_str().expect("text")].map(str::to_owned).to_vec();
    launch.env.insert("PATH".to_owned(), std::env::var("PATH").expect("a PATH"));
    agent.start(&place, launch).await;
    lines(&ready, 5).await;
    drop(agent);
    agent = place.agent();
    agent.runtime.stop(place.key.clone(), 60).await.expect("asked");
    let exit = agent.exit().await;
    assert_eq!((exit.code, code(&exit)), (Some(4), Some(ReasonCode::StopRequested)));
}

#[tokio::test]
async fn a6_exit_sent_by_another_process_on_the_control_socket_is_ignored() {
    let place = place(None);
    let agent = place.agent();
    let ready = place.root.path().join("ready");
    let script = "import os, signal, socket, sys\n\
        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
        os.chdir(os.path.dirname(os.environ['FED_OUTPUT_DIR']))\n\
        os.unlink('control.sock')\n\
        server = socket.socket(socket.AF_UNIX)\n\
        server.bind('control.sock')\n\
        server.listen(20)\n\
        open(sys.argv[1], 'w').write('listens\\n')\n\
        exit = b'{\"code\":0,\"signal\":null,\"reason\":null,\"started_at\":1,\"finished_at\":2}'\n\
        while True:\n\
        \x20   one, _ = server.accept()\n\
        \x20   one.recv(1000)\n\
        \x20   one.sendall(b'{\"version\":1,\"state\":{\"Exited\":' + exit + b'}}\\n')\n\
        \x20   open(sys.argv[1], 'a').write('lied\\n')\n";
    let mut launch = place.launch("");
    launch.argv =
        ["python3", "-c", script, ready.to_str().expect("text")].map(str::to_owned).to_vec();
    launch.env.insert("PATH".to_owned(), std::env::var("PATH").expect("a PATH"));
    agent.start(&place, launch).await;
    lines(&ready, 1).await;
    drop(agent);
    let mut next = place.agent();
    lines(&ready, 2).await;
    assert!(next.observed.try_recv().is_err(), "reported as ended while it is alive");
    let exit = stop(&mut next, &place, 0).await;
    assert_eq!(code(&exit), Some(ReasonCode::StopRequested));
    assert_eq!((place.alive(), place.sidecar()), (vec![], None));
}

#[tokio::test]
async fn a6_workload_that_wrote_its_exit_file_is_killed() {
    let place = place(Some(Containment::Session));
    let mut agent = place.agent();
    let born = place.root.path().join("born");
    let exit = r#"{"exit":{"code":0,"signal":null,"reason":null,"started_at":1,"finished_at":2},"progress":null}"#;
    let script = format!(
        "cd \"$FED_OUTPUT_DIR/..\"; (setsid sh -c 'trap \"\" TERM HUP; echo >> {0}; sleep 600' &); \
         while [ ! -s {0} ]; do sleep 0.01; done; echo '{exit}' > exit; kill -KILL $PPID; sleep 600",
        born.display()
    );
    agent.start(&place, place.launch(&script)).await;
    assert_eq!(agent.exit().await.code, Some(0));
    assert_eq!(place.alive(), [0; 0], "an end was reported with a live process");
}

#[tokio::test]
async fn a6_workload_without_a_directory_and_with_a_frozen_sidecar_is_stopped() {
    let place = place(None);
    let mut agent = place.agent();
    agent.start(&place, place.launch("trap '' TERM; while :; do sleep 0.05; done")).await;
    wait_for("the workload", LONG, async || !place.alive().is_empty()).await;
    freeze(&place);
    std::fs::rename(place.dir().path(), place.root.path().join("elsewhere")).expect("moved");
    let (stopped, end) = agent.end_during(|runtime| runtime.stop(place.key.clone(), 0)).await;
    stopped.expect("placed");
    assert_eq!(end, WorkState::Absent);
    assert_eq!((place.alive(), place.sidecar()), (vec![], None));
}

#[tokio::test]
async fn a12_reason_of_a_vanished_sidecar_claims_only_what_was_found() {
    let place = place(None);
    let mut agent = place.agent();
    agent.start(&place, place.launch("sleep 600")).await;
    kill(place.sidecar().expect("a sidecar"), Signal::SIGKILL).expect("killed");
    let WorkState::Lost(reason) = agent.end().await else { panic!("it is not known how it ended") };
    assert!(
        reason.message.contains("every process of the workload that it found"),
        "{}",
        reason.message
    );
    assert!(reason.message.contains("cannot be found"), "{}", reason.message);
}
