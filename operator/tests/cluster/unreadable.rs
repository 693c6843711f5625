//! An unreadable object affects no other.

use flow_crd::IflearnerJob;
use serde_json::{Value, json};

use crate::support::{SERVER, World, eventually, manifest};

#[tokio::test]
async fn unreadable_object_is_reported_and_affects_no_other() {
    let world = World::new().await;
    let operator = world.operator(&[]).await;
    // The schema does not bound this number; the type does.
    let ports = json!({"spec": {"containers": [{"name": "a", "image": "x", "ports": [{"containerPort": 99_999_999_999_u64}]}]}});
    let dynamic = world.dynamic::<IflearnerJob>();
    let broken =
        serde_json::from_value(manifest(SERVER, "broken", json!({"template": ports}))).unwrap();
    dynamic.create(&Default::default(), &broken).await.unwrap();
    world.create(&manifest(SERVER, "good", json!({}))).await.unwrap();
    world.recorded("good").await;
    let status = eventually("a word to the broken one", async || {
        dynamic
            .get("broken")
            .await
            .unwrap()
            .data
            .get("status")
            .filter(|status| status["reason"] == "Unreadable")
            .cloned()
    })
    .await;
    assert_eq!(status["phase"], "Failed");
    let failed = |condition: &&Value| condition["type"] == "Failed";
    assert_eq!(
        status["conditions"].as_array().unwrap().iter().find(failed).unwrap()["status"],
        "True"
    );
    assert!(world.event("broken", "Unreadable").await.contains("does not fit its type"));
    world.until("good", "a reason", |status| status.reason.is_some()).await;
    let passes = operator.passes().await;
    let version = async || dynamic.get("broken").await.unwrap().metadata.resource_version;
    let before = version().await;
    world.create(&manifest(SERVER, "another", json!({}))).await.unwrap();
    world.live("another", 0).await;
    assert!(operator.passes().await > passes);
    assert_eq!(version().await, before, "the error is reported once");
}
