//! An overloaded API server, and a bad connection to it: the operator is late, repeats no effect
//! and omits none.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use flow_crd::{IflearnerJob, Phase};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use crate::relay::{Fate, Relay};
use crate::support::{SERVER, World, client, eventually, manifest};

const GATEWAY: (&str, &str) = ("exposure.gateway.name", "edge");

/// A fault for one request.
#[derive(Debug, PartialEq)]
enum Fault {
    Refused(StatusCode),
    Lost,
    AnswerLost,
}

use Fault::{AnswerLost, Lost, Refused};

/// Read or write, the resource, and the prefix of the object's name.
type Strike = (&'static str, &'static str, &'static str, Fault);

#[tokio::test]
async fn rejected_requests_and_lost_answers_are_retried() {
    let world = World::new().await;
    let straight = world.rights().await;
    let strikes: Arc<Mutex<Vec<Strike>>> = Arc::default();
    let made: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    let (left, counts) = (Arc::clone(&strikes), Arc::clone(&made));
    let relay = Relay::start(&straight, move |call| {
        if call.answer == Some(StatusCode::CREATED) {
            *counts.lock().unwrap().entry(call.what.to_owned()).or_default() += 1;
        }
        let way = if *call.method == Method::GET { "read" } else { "write" };
        let mut left = left.lock().unwrap();
        let strikes = left.iter().position(|(how, what, name, fault)| {
            (*how, *what) == (way, call.what)
                && call.name.starts_with(name)
                && (*fault == AnswerLost) == call.answer.is_some()
        });
        match strikes.map(|index| left.remove(index).3) {
            Some(Refused(code)) => Fate::Refuse(code),
            Some(Lost | AnswerLost) => Fate::Cut,
            None => Fate::Pass,
        }
    })
    .await;
    let none_is_left =
        async || eventually("every fault", async || strikes.lock().unwrap().is_empty()).await;

    strikes.lock().unwrap().extend([
        ("write", "leases", "flow-operator", Lost),
        ("write", "networkpolicies", "alpha", Refused(StatusCode::SERVICE_UNAVAILABLE)),
        ("write", "jobs", "alpha", Lost),
        ("write", "iflearnerjobs/status", "alpha", AnswerLost),
        ("write", "services", "beta", Lost),
        ("write", "jobs", "beta", AnswerLost),
        ("write", "grpcroutes", "gamma", AnswerLost),
        ("write", "iflearnerjobs/status", "gamma", Lost),
        ("write", "networkpolicies", "delta", Refused(StatusCode::INTERNAL_SERVER_ERROR)),
        ("write", "jobs", "delta", Refused(StatusCode::TOO_MANY_REQUESTS)),
    ]);
    let operator = world.operator_of(relay.kubeconfig(&straight), &[GATEWAY]);
    let names = ["alpha", "beta", "gamma", "delta"];
    for name in names {
        world.create(&manifest(SERVER, name, json!({}))).await.unwrap();
    }
    for name in names {
        world.run_pod(name).await;
        world.until(name, "running", |status| status.phase == Some(Phase::Running)).await;
    }
    none_is_left().await;

    // Changes while no watch works are found afterwards.
    strikes.lock().unwrap().extend([
        ("read", "jobs", "", Lost),
        ("read", "iflearnerjobs", "", Refused(StatusCode::INTERNAL_SERVER_ERROR)),
        ("read", "services", "", Refused(StatusCode::TOO_MANY_REQUESTS)),
        // The watch of Pods resumes long after that of Jobs.
        ("read", "pods", "", Lost),
        ("read", "pods", "", Lost),
        ("read", "pods", "", Lost),
        ("read", "pods", "", Lost),
        ("write", "iflearnerjobs/status", "alpha", AnswerLost),
        ("write", "iflearnerjobs/status", "beta", Lost),
    ]);
    relay.cut();
    for name in names {
        world.end_pod(name, 0).await;
    }
    for name in names {
        let status = world
            .until(name, "the end", |status| status.phase.is_some_and(Phase::is_terminal))
            .await;
        assert_eq!(
            (status.phase, status.exit_code),
            (Some(Phase::Succeeded), Some(0)),
            "{name}: {status:?}"
        );
    }
    none_is_left().await;
    let made = made.lock().unwrap().clone();
    for kind in ["networkpolicies", "services", "grpcroutes", "jobs"] {
        assert_eq!(made[kind], names.len(), "{made:?}");
    }
    assert_eq!(
        (world.all::<Job>().await.len(), world.all::<Pod>().await.len()),
        (names.len(), names.len())
    );
    let log = operator.stop().await;
    assert!(log.contains("reconcile pass failed") && log.contains("a watch failed"), "{log}");
}

#[tokio::test]
async fn operator_continues_after_the_api_server_rejected_all_requests() {
    let world = World::new().await;
    let straight = world.rights().await;
    let (sheds, shed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (when, count) = (Arc::clone(&sheds), Arc::clone(&shed));
    let relay = Relay::start(&straight, move |call| {
        if call.answer.is_some() || !when.load(Ordering::Relaxed) {
            return Fate::Pass;
        }
        count.fetch_add(1, Ordering::Relaxed);
        Fate::Refuse(StatusCode::TOO_MANY_REQUESTS)
    })
    .await;
    let operator =
        world.operator_of(relay.kubeconfig(&straight), &[GATEWAY, ("leader.elect", "false")]);
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    world.run_pod("a").await;
    world.until("a", "running", |status| status.phase == Some(Phase::Running)).await;
    sheds.store(true, Ordering::Relaxed);
    world.create(&manifest(SERVER, "b", json!({}))).await.unwrap();
    world.end_pod("a", 0).await;
    // The first request, and its retry.
    eventually("refusals", async || shed.load(Ordering::Relaxed) >= 4).await;
    assert_eq!(world.job("a").await.status.unwrap().phase, Some(Phase::Running));
    assert_eq!(world.all::<Job>().await.len(), 1);
    sheds.store(false, Ordering::Relaxed);
    world.until("a", "the end", |status| status.phase == Some(Phase::Succeeded)).await;
    assert_eq!(world.live("b", 0).await.phase, Some(Phase::Succeeded));
    assert_eq!((world.all::<Job>().await.len(), world.all::<Pod>().await.len()), (2, 2));
    assert_eq!(
        operator.metric("flow_operator_reconcile_failures_total").await,
        None,
        "the operator waits as long as the answer demands"
    );
}

#[tokio::test]
async fn i08_status_is_never_written_to_another_object_of_the_same_name() {
    let world = World::new().await;
    let straight = world.rights().await;
    let object = manifest(SERVER, "a", json!({}));
    let (kubeconfig, namespace, again) =
        (world.cluster.kubeconfig().to_owned(), world.namespace.clone(), object.clone());
    let mut is_first = true;
    let relay = Relay::start(&straight, move |call| {
        // The write of the status that records the Job is in progress.
        if call.line() == "PATCH iflearnerjobs/status"
            && call.answer.is_none()
            && std::mem::take(&mut is_first)
        {
            let (kubeconfig, namespace, again) =
                (kubeconfig.clone(), namespace.clone(), again.clone());
            let replace = move || {
                delete_at_once(kubeconfig.clone(), &namespace);
                create_at_once(kubeconfig, &namespace, again);
            };
            std::thread::spawn(replace).join().unwrap();
        }
        Fate::Pass
    })
    .await;
    let _operator = world.operator_of(relay.kubeconfig(&straight), &[]);
    let first = world.create(&object).await.unwrap();
    let another = eventually("another", async || {
        world
            .api::<IflearnerJob>()
            .get_opt("a")
            .await
            .unwrap()
            .filter(|found| found.metadata.uid != first.metadata.uid)
    });
    let another = another.await;
    let job = world.recorded("a").await;
    assert_eq!(Some(&job.metadata.owner_references.unwrap()[0].uid), another.metadata.uid.as_ref());
    assert_eq!(world.live("a", 0).await.phase, Some(Phase::Succeeded));
    eventually("one Job", async || world.all::<Job>().await.len() == 1).await;
}

/// Creates this IflearnerJob while the caller waits.
fn create_at_once(kubeconfig: PathBuf, namespace: &str, object: Value) {
    let create = async {
        let api: Api<IflearnerJob> = Api::namespaced(client(kubeconfig).await, namespace);
        api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(create);
}

/// Deletes the IflearnerJob `a` while the caller waits.
fn delete_at_once(kubeconfig: PathBuf, namespace: &str) {
    let delete = async {
        let api: Api<IflearnerJob> = Api::namespaced(client(kubeconfig).await, namespace);
        api.delete("a", &DeleteParams::background()).await.unwrap();
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(delete);
}

#[tokio::test]
async fn i07_job_created_during_the_deletion_of_its_owner_is_deleted() {
    for finalizers in [json!([]), json!(["example.org/held"])] {
        let world = World::new().await;
        let straight = world.rights().await;
        let (mut is_there, kubeconfig, namespace) =
            (true, world.cluster.kubeconfig().to_owned(), world.namespace.clone());
        let relay = Relay::start(&straight, move |call| {
            // The operator has checked the object and has not created the Job yet.
            if call.line() == "POST jobs" && call.answer.is_none() && std::mem::take(&mut is_there)
            {
                let (kubeconfig, namespace) = (kubeconfig.clone(), namespace.clone());
                std::thread::spawn(move || delete_at_once(kubeconfig, &namespace)).join().unwrap();
            }
            Fate::Pass
        })
        .await;
        let operator = world.operator_of(relay.kubeconfig(&straight), &[]);
        let mut object = manifest(SERVER, "a", json!({}));
        object["metadata"]["finalizers"] = finalizers;
        world.create(&object).await.unwrap();
        eventually("the Job taken back", async || operator.writes("Job", "delete").await >= 1.0)
            .await;
        eventually("no Job", async || world.all::<Job>().await.is_empty()).await;
        assert_eq!(operator.writes("Job", "create").await, 1.0);
    }
}
