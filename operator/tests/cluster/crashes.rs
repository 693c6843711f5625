//! The operator goes at the worst moment, or there are two of them.

use flow_operator::iflearnerjob::api::Phase;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt as _;
use serde_json::json;

use crate::support::{SERVER, World, eventually, manifest};

#[tokio::test]
async fn an_operator_killed_between_any_two_writes_is_continued_by_the_next() {
    for point in ["before_children", "after_network_policy", "after_service", "after_route", "after_job", "after_status"] {
        let world = World::new().await;
        let mut killed = world.operator_with(&[("exposure.ingress.class", "c")], &[("OPERATOR_CRASH_AT", point)]).await;
        world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
        let end = killed.ended().await;
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&end), Some(9), "{point}: {}", killed.log());
        let begun = world.all::<Job>().await;
        assert_eq!(begun.len(), usize::from(matches!(point, "after_job" | "after_status")), "{point}");
        let operator = world.operator(&[("exposure.ingress.class", "c")]).await;
        let job = world.recorded("a").await;
        assert!(begun.iter().all(|begun| begun.uid() == job.uid()), "{point}: the Job that was made is the one that is recorded");
        world.found::<Service>("a", |_| true).await;
        world.found::<NetworkPolicy>("a", |_| true).await;
        let status = world.live("a", 0).await;
        assert_eq!((status.phase, status.job.unwrap().uid), (Some(Phase::Succeeded), job.uid().unwrap()), "{point}");
        assert_eq!((world.all::<Job>().await.len(), world.all::<Pod>().await.len()), (1, 1), "{point}");
        assert_eq!(operator.metric("flow_operator_reconcile_failures_total").await, None, "{point}");
    }
}

#[tokio::test]
async fn the_next_leader_takes_over_in_the_middle_of_creations() {
    const MANY: usize = 20;
    let world = World::new().await;
    let first = world.operator(&[]).await;
    first.works().await;
    let second = world.operator(&[]).await;
    for number in 0..MANY {
        world.create(&manifest(SERVER, &format!("a{number}"), json!({}))).await.unwrap();
    }
    eventually("the first Job", async || !world.all::<Job>().await.is_empty()).await;
    let log = first.stop().await;
    assert!(log.contains("gave the Lease back"), "{log}");
    second.works().await;
    for number in 0..MANY {
        world.recorded(&format!("a{number}")).await;
    }
    let jobs = world.all::<Job>().await;
    let pods = eventually("all Pods", async || Some(world.all::<Pod>().await).filter(|pods| pods.len() >= MANY)).await;
    assert_eq!((jobs.len(), pods.len()), (MANY, MANY));
    let lease: Lease = world.found("flow-operator", |_| true).await;
    assert_eq!(lease.spec.unwrap().lease_transitions, Some(2));
}

#[tokio::test]
async fn two_that_work_at_once_do_no_harm() {
    const MANY: usize = 20;
    let world = World::new().await;
    let both = [world.operator(&[("leader.elect", "false")]).await, world.operator(&[("leader.elect", "false")]).await];
    for number in 0..MANY {
        world.create(&manifest(SERVER, &format!("a{number}"), json!({}))).await.unwrap();
    }
    for number in 0..MANY {
        let name = format!("a{number}");
        let job = world.recorded(&name).await;
        assert_eq!(world.live(&name, 0).await.job.unwrap().uid, job.uid().unwrap());
    }
    assert_eq!((world.all::<Job>().await.len(), world.all::<Pod>().await.len()), (MANY, MANY));
    drop(both);
}

#[tokio::test]
async fn a_leader_that_is_killed_is_followed_when_its_lease_is_over() {
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
async fn a_leader_whose_lease_was_taken_stops_working() {
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
    assert!(operator.log().contains("somebody else holds it"), "{}", operator.log());
}
