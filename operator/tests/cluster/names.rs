//! Objects whose names are not valid for their children.

use flow_crd::Phase;
use flow_operator::iflearnerjob::names::Names;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt as _;
use serde_json::json;

use crate::support::{SERVER, World, manifest};

#[tokio::test]
async fn i15_every_valid_object_name_works() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    let long = format!("{}.{}", "a".repeat(126), "b".repeat(126));
    for name in [long.as_str(), "7.of.9", "1", &"x".repeat(64)] {
        let created = world.create(&manifest(SERVER, name, json!({}))).await.unwrap();
        let names = Names::new(name, &created.uid().unwrap());
        let job = world.recorded(name).await;
        assert_eq!(job.name_any(), names.job);
        world.found::<Service>(&names.service, |_| true).await;
        let pod = world.pod(name).await;
        assert_eq!(pod.labels()["app"], names.app);
        assert_eq!(world.live(name, 0).await.phase, Some(Phase::Succeeded));
        world.event(name, "Succeeded").await;
    }
}

/// The original platform gives container and volume the name of the object: 64 characters with a
/// party name of eleven.
#[tokio::test]
async fn f17_invalid_container_name_fails_the_job_with_a_message() {
    let world = World::new().await;
    let _operator = world.operator(&[]).await;
    let name = "iflearnerjob-client-4b1f0c6e9d3a4f5c8e7a2b6d1c0f9e88-federate-10";
    assert_eq!(name.len(), 64);
    let mut object = manifest(SERVER, name, json!({}));
    object["spec"]["template"]["spec"]["containers"][0]["name"] = json!(name);
    world.create(&object).await.unwrap();
    let status = world.until(name, "the end", |status| status.phase == Some(Phase::Failed)).await;
    assert_eq!(status.reason.as_deref(), Some("InvalidTemplate"), "{status:#?}");
    let note = world.event(name, "InvalidTemplate").await;
    assert!(note.contains("containers[0].name") && note.contains("63"), "{note}");
}
