//! Operators that are killed after each of their writes, and two operators at the same time.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use flow_crd::{IflearnerJobStatus, Phase, condition};
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::relay::{Fate, Relay};
use crate::support::{SERVER, World, eventually, manifest};

/// The writes of operators that were killed before the answer to a write.
#[derive(Default)]
struct Deeds {
    /// The operator to kill.
    pid: Option<Pid>,
    /// Write requests that were received, and those of them that were answered.
    asked: usize,
    answered: usize,
    /// For example `PATCH jobs`, in order.
    writes: Vec<String>,
    /// Created objects.
    created: Vec<String>,
    /// Written statuses, in order.
    phases: Vec<String>,
}

/// Carries a job through `life` with an operator that is killed by `kill -9` after each of its
/// writes, before it receives the answer, and is started again each time.
async fn killed_behind_every_write(
    world: &World,
    setting: (&str, &str),
    life: impl Future<Output = ()>,
) -> Deeds {
    let deeds = Arc::new(Mutex::new(Deeds::default()));
    let straight = world.rights().await;
    let seen = Arc::clone(&deeds);
    let relay = Relay::start(&straight, move |call| {
        if *call.method == Method::GET {
            return Fate::Pass;
        }
        let mut deeds = seen.lock().unwrap();
        deeds.asked += usize::from(call.answer.is_none());
        deeds.answered += usize::from(call.answer.is_some());
        if !call.wrote() {
            return Fate::Pass;
        }
        deeds.writes.push(call.line());
        if call.answer == Some(StatusCode::CREATED) {
            deeds.created.push(call.what.to_owned());
        }
        deeds.phases.extend(call.body["status"]["phase"].as_str().map(str::to_owned));
        if let Some(pid) = deeds.pid.take() {
            kill(pid, Signal::SIGKILL).unwrap();
        }
        Fate::Cut
    })
    .await;
    let kubeconfig = relay.kubeconfig(&straight);
    let operators = async {
        loop {
            let mut operator =
                world.operator_of(kubeconfig.clone(), &[setting, ("leader.elect", "false")]);
            deeds.lock().unwrap().pid = Some(Pid::from_raw(operator.pid().try_into().unwrap()));
            let end = operator.ended().await;
            assert_eq!(end.signal(), Some(9), "{}", operator.log());
            let writes = &deeds.lock().unwrap().writes;
            assert!(writes.len() < 50, "it writes the same again and again: {writes:?}");
        }
    };
    let life = async {
        life.await;
        // The test may read a write before the relay has counted it.
        let all_are_counted = async || {
            let deeds = deeds.lock().unwrap();
            deeds.asked == deeds.answered
        };
        eventually("answers to all requests", all_are_counted).await;
    };
    tokio::select! {
        () = life => {}
        () = operators => {}
    }
    std::mem::take(&mut *deeds.lock().unwrap())
}

impl Deeds {
    fn count(&self, line: &str) -> usize {
        self.writes.iter().filter(|write| *write == line).count()
    }

    /// Number of created objects by kind, without events.
    fn created(&self) -> BTreeMap<&str, usize> {
        let kinds = self.created.iter().map(String::as_str).filter(|kind| *kind != "events");
        kinds.fold(BTreeMap::new(), |mut counts, kind| {
            *counts.entry(kind).or_default() += 1;
            counts
        })
    }

    fn phases(&self) -> Vec<&str> {
        let mut phases: Vec<&str> = self.phases.iter().map(String::as_str).collect();
        phases.dedup();
        phases
    }
}

#[tokio::test]
async fn operator_killed_after_every_write_of_a_successful_run_repeats_none() {
    let world = World::new().await;
    let is = |phase| move |status: &IflearnerJobStatus| status.phase == Some(phase);
    let job_is = async |what: &str, so: &dyn Fn(&JobSpec) -> bool| {
        eventually(what, async || {
            world.all::<Job>().await.pop().and_then(|job| job.spec).is_some_and(|spec| so(&spec))
        })
        .await;
    };
    let life = async {
        world.trust_roots().await;
        let roots = json!({"server": {"configMap": "server-iflearner-crt"}});
        let more = json!({"runPolicy": {"suspend": true, "ttlSecondsAfterFinished": 3600}, "certificates": roots});
        world.create(&manifest(SERVER, "a", more)).await.unwrap();
        world.until("a", "suspended", |status| status.reason.as_deref() == Some("Suspended")).await;
        world.patch("a", json!({"spec": {"runPolicy": {"suspend": false}}})).await.unwrap();
        world.run_pod("a").await;
        world.until("a", "running", is(Phase::Running)).await;
        world
            .patch("a", json!({"spec": {"runPolicy": {"activeDeadlineSeconds": 86400}}}))
            .await
            .unwrap();
        job_is("the deadline", &|spec| spec.active_deadline_seconds == Some(86400)).await;
        let policy = world.found::<NetworkPolicy>("a", |_| true).await;
        let wider = Patch::Merge(json!({"spec": {"ingress": [{}]}}));
        world.api::<NetworkPolicy>().patch("a", &PatchParams::default(), &wider).await.unwrap();
        world.found("a", |now: &NetworkPolicy| now.spec == policy.spec).await;
        world.end_pod("a", 0).await;
        world.until("a", "the end", is(Phase::Succeeded)).await;
        job_is("its leave to go", &|spec| spec.ttl_seconds_after_finished == Some(3600)).await;
    };
    let deeds = killed_behind_every_write(&world, ("exposure.gateway.name", "edge"), life).await;
    let once = [("grpcroutes", 1), ("jobs", 1), ("networkpolicies", 1), ("services", 1)];
    assert_eq!(deeds.created(), BTreeMap::from(once), "{:?}", deeds.writes);
    assert_eq!(deeds.phases(), ["Pending", "Running", "Succeeded"]);
    assert_eq!(
        deeds.count("PATCH jobs"),
        3,
        "resumed, given a deadline, let go: {:?}",
        deeds.writes
    );
    assert_eq!(
        deeds.count("PATCH networkpolicies"),
        2,
        "made what was applied, and applied: {:?}",
        deeds.writes
    );
    // The last operator finds nothing to do.
    let last =
        world.operator(&[("exposure.gateway.name", "edge"), ("leader.elect", "false")]).await;
    eventually("a pass", async || last.works().await.passes().await > 0.0).await;
    assert_eq!(last.all_writes().await, 0.0);
    let (object, job) = (world.job("a").await, world.all::<Job>().await.pop().unwrap());
    let status = object.status.unwrap();
    assert_eq!(
        (status.exit_code, status.observed_generation),
        (Some(0), object.metadata.generation)
    );
    assert!(status.is_true(condition::CERTIFICATES_READY), "{:?}", status.conditions);
    assert_eq!(status.job.unwrap().uid, job.uid().unwrap());
    assert!(status.start_time.is_some() && status.completion_time.is_some());
    assert_eq!((world.all::<Pod>().await.len(), job.status.unwrap().succeeded), (1, Some(1)));
}

#[tokio::test]
async fn operator_killed_after_every_write_of_a_failure_leaves_no_running_child() {
    let world = World::new().await;
    let life = async {
        world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
        world.recorded("a").await;
        let pod = world.pod("a").await;
        let refused = json!({"waiting": {"reason": "CreateContainerConfigError", "message": "container has runAsNonRoot and image will run as root"}});
        let container = json!([{"name": "aggregator", "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": refused}]);
        world.set_pod(&pod, json!({"containerStatuses": container, "conditions": [{"type": "PodScheduled", "status": "True"}]})).await;
        world.until("a", "the end", |status| status.phase == Some(Phase::Failed)).await;
        eventually("the end of the Job", async || world.all::<Job>().await.is_empty()).await;
    };
    let deeds = killed_behind_every_write(&world, ("exposure.ingress.class", "c"), life).await;
    let once = [("ingresses", 1), ("jobs", 1), ("networkpolicies", 1), ("services", 1)];
    assert_eq!(deeds.created(), BTreeMap::from(once), "{:?}", deeds.writes);
    assert_eq!(deeds.phases(), ["Pending", "Failed"]);
    assert_eq!(deeds.count("DELETE jobs"), 1, "{:?}", deeds.writes);
    let last = world.operator(&[("exposure.ingress.class", "c"), ("leader.elect", "false")]).await;
    eventually("a pass", async || last.works().await.passes().await > 0.0).await;
    assert_eq!((last.all_writes().await, world.all::<Job>().await.len()), (0.0, 0));
    assert_eq!(world.job("a").await.status.unwrap().reason.as_deref(), Some("RunsAsRoot"));
}

#[tokio::test]
async fn next_leader_takes_over_during_creations() {
    const JOB_COUNT: usize = 20;
    let world = World::new().await;
    let first = world.operator(&[]).await;
    first.works().await;
    let second = world.operator(&[]).await;
    for number in 0..JOB_COUNT {
        world.create(&manifest(SERVER, &format!("a{number}"), json!({}))).await.unwrap();
    }
    eventually("the first Job", async || !world.all::<Job>().await.is_empty()).await;
    let log = first.stop().await;
    assert!(log.contains("released the Lease"), "{log}");
    second.works().await;
    for number in 0..JOB_COUNT {
        world.recorded(&format!("a{number}")).await;
    }
    let jobs = world.all::<Job>().await;
    let pods = eventually("all Pods", async || {
        Some(world.all::<Pod>().await).filter(|pods| pods.len() >= JOB_COUNT)
    })
    .await;
    assert_eq!((jobs.len(), pods.len()), (JOB_COUNT, JOB_COUNT));
    let lease: Lease = world.found("flow-operator", |_| true).await;
    assert_eq!(lease.spec.unwrap().lease_transitions, Some(2));
}

#[tokio::test]
async fn two_operators_at_the_same_time_do_no_harm() {
    const JOB_COUNT: usize = 20;
    let world = World::new().await;
    let both = [
        world.operator(&[("leader.elect", "false")]).await,
        world.operator(&[("leader.elect", "false")]).await,
    ];
    for number in 0..JOB_COUNT {
        world.create(&manifest(SERVER, &format!("a{number}"), json!({}))).await.unwrap();
    }
    let lives = (0..JOB_COUNT).map(|number| {
        let (world, name) = (&world, format!("a{number}"));
        async move {
            let job = world.recorded(&name).await;
            assert_eq!(world.live(&name, 0).await.job.unwrap().uid, job.uid().unwrap());
        }
    });
    futures::future::join_all(lives).await;
    assert_eq!(
        (world.all::<Job>().await.len(), world.all::<Pod>().await.len()),
        (JOB_COUNT, JOB_COUNT)
    );
    drop(both);
}

#[tokio::test]
async fn killed_leader_is_replaced_when_its_lease_expires() {
    let world = World::new().await;
    let first = world.operator(&[]).await;
    first.works().await;
    let second = world.operator(&[]).await;
    first.kill().await;
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    world.recorded("a").await;
    assert_eq!(second.metric("flow_operator_leader").await, Some(1.0));
}

#[tokio::test]
async fn leader_that_loses_its_lease_stops() {
    let world = World::new().await;
    let mut operator = world.operator(&[]).await;
    operator.works().await;
    let api = world.api::<Lease>();
    eventually("the Lease taken", async || {
        let mut lease = api.get("flow-operator").await.unwrap();
        lease.spec.as_mut().unwrap().holder_identity = Some("somebody".to_owned());
        api.replace("flow-operator", &Default::default(), &lease).await.is_ok()
    })
    .await;
    assert!(!operator.ended().await.success());
    assert!(operator.log().contains("another operator holds it"), "{}", operator.log());
}
