//! Many jobs at once: what they share, and what waits for what.

use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use flow_crd::Phase;
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;

use crate::relay::{Fate, Relay};
use crate::support::{SERVER, World, eventually, manifest};

const MANY: usize = 20;

#[tokio::test]
async fn of_many_jobs_all_are_made_before_their_statuses_and_share_the_reading_of_their_namespace()
{
    let world = World::new().await;
    for number in 0..MANY {
        // There is no node for a Pod, which would be something to tell.
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
    for number in 0..MANY {
        world.recorded(&format!("a{number}")).await;
    }
    let requests = std::mem::take(&mut *requests.lock().unwrap());
    let last_job = requests.iter().rposition(|line| line == "POST jobs").unwrap();
    let early =
        requests[..last_job].iter().filter(|line| *line == "PATCH iflearnerjobs/status").count();
    // What waits is let go once only three are being made.
    assert!(early <= MANY / 4, "{early}: {requests:?}");
    let reads = requests
        .iter()
        .filter(|line| **line == format!("GET /api/v1/namespaces/{}", world.namespace))
        .count();
    assert!((1..MANY / 2).contains(&reads), "{reads}: {requests:?}");
}

#[tokio::test]
async fn a_job_that_is_deleted_before_its_status_records_it_is_not_made_again() {
    let world = World::new().await;
    let straight = world.rights().await;
    let (refuses, made) = (Arc::new(Mutex::new(true)), Arc::new(Mutex::new(0)));
    let (refuse, count) = (Arc::clone(&refuses), Arc::clone(&made));
    let relay = Relay::start(&straight, move |call| {
        if call.line() == "POST jobs" && call.answer == Some(StatusCode::CREATED) {
            *count.lock().unwrap() += 1;
        }
        let tells = *call.method == Method::PATCH
            && call.what == "iflearnerjobs/status"
            && call.answer.is_none();
        if tells && *refuse.lock().unwrap() { Fate::Cut } else { Fate::Pass }
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
