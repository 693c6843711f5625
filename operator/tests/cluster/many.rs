//! A burst of jobs: the order of their writes and the reads that they share.

use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use flow_crd::Phase;
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;

use crate::relay::{Fate, Relay};
use crate::support::{SERVER, World, eventually, manifest};

const JOB_COUNT: usize = 20;

#[tokio::test]
async fn jobs_of_a_burst_are_created_before_their_statuses_and_share_one_read_of_the_namespace() {
    let world = World::new().await;
    for number in 0..JOB_COUNT {
        // A Pod without a node would be reported in the status.
        world
            .create(&manifest(
                SERVER,
                &format!("a{number}"),
                json!({"runPolicy": {"suspend": true}}),
            ))
            .await
            .unwrap();
    }
    let straight = world.rights().await;
    let requests: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&requests);
    let relay = Relay::start(&straight, move |call| {
        if call.answer.is_none() {
            seen.lock().unwrap().push(call.line());
        }
        Fate::Pass
    })
    .await;
    let _operator = world.operator_of(relay.kubeconfig(&straight), &[("leader.elect", "false")]);
    for number in 0..JOB_COUNT {
        world.recorded(&format!("a{number}")).await;
    }
    let requests = std::mem::take(&mut *requests.lock().unwrap());
    let last_job = requests.iter().rposition(|line| line == "POST jobs").unwrap();
    let early =
        requests[..last_job].iter().filter(|line| *line == "PATCH iflearnerjobs/status").count();
    // Delayed statuses are written when at most three creations are in progress.
    assert!(early <= JOB_COUNT / 4, "{early}: {requests:?}");
    let reads = requests
        .iter()
        .filter(|line| **line == format!("GET /api/v1/namespaces/{}", world.namespace))
        .count();
    assert!((1..JOB_COUNT / 2).contains(&reads), "{reads}: {requests:?}");
}

#[tokio::test]
async fn job_deleted_before_a_status_records_it_is_not_created_again() {
    let world = World::new().await;
    let straight = world.rights().await;
    let (refuses, made) = (Arc::new(Mutex::new(true)), Arc::new(Mutex::new(0)));
    let (refuse, count) = (Arc::clone(&refuses), Arc::clone(&made));
    let relay = Relay::start(&straight, move |call| {
        if call.line() == "POST jobs" && call.answer == Some(StatusCode::CREATED) {
            *count.lock().unwrap() += 1;
        }
        let writes_status = *call.method == Method::PATCH
            && call.what == "iflearnerjobs/status"
            && call.answer.is_none();
        if writes_status && *refuse.lock().unwrap() { Fate::Cut } else { Fate::Pass }
    })
    .await;
    let _operator = world.operator_of(relay.kubeconfig(&straight), &[("leader.elect", "false")]);
    world.create(&manifest(SERVER, "a", json!({}))).await.unwrap();
    let job = eventually("its Job", async || world.all::<Job>().await.pop()).await;
    world.delete::<Job>(&job.name_any(), &DeleteParams::background()).await;
    world.gone::<Job>(&job.name_any()).await;
    *refuses.lock().unwrap() = false;
    let status = world.until("a", "the end", |status| status.phase == Some(Phase::Failed)).await;
    assert_eq!((status.reason.as_deref(), *made.lock().unwrap()), (Some("JobDeleted"), 1));
}
