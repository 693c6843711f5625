//! Objects whose names are no names for their children.

use flow_operator::iflearnerjob::api::Phase;
use flow_operator::iflearnerjob::names::Names;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt as _;
use serde_json::json;

use crate::support::{SERVER, World, manifest};

#[tokio::test]
async fn i15_any_name_an_object_can_have_works() {
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
