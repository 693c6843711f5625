//! An operator that loses a resource of its machine: the reader of its log, or file descriptors.

use flow_testkit::{closed_pipe, full_output, stuck_pipe, without_descriptors};
use serde_json::json;

use crate::support::{SERVER, World, eventually, manifest};

#[tokio::test]
async fn a1_operator_with_an_unwritable_log_works_counts_and_ends_at_the_first_signal() {
    let world = World::new().await;
    let (reader, stuck) = stuck_pipe();
    for (index, output) in [full_output(), closed_pipe(), stuck].into_iter().enumerate() {
        let operator = world.operator_that_logs_to(output).await;
        operator.works().await;
        let name = format!("aggregator-{index}");
        world
            .create(&manifest(SERVER, &name, json!({"host": format!("{name}.server.example.org")})))
            .await
            .unwrap();
        world.recorded(&name).await;
        assert!(
            operator.metric("flow_log_lines_dropped_total").await > Some(0.0),
            "output {index}"
        );
        assert_eq!(operator.terminate().await.code(), Some(0), "output {index}");
    }
    drop(reader);
}

#[tokio::test]
async fn a1_operator_without_file_descriptors_recovers() {
    let world = World::new().await;
    // Without a Lease: the operator would lose it and end.
    let operator = world.operator(&[("leader.elect", "false")]).await;
    operator.works().await;
    let none = without_descriptors(operator.pid());
    // The request for the page waits until a descriptor is free.
    let freed = async {
        eventually("the operator to notice", async || {
            operator.log().contains("Too many open files")
        })
        .await;
        drop(none);
    };
    let (page, ()) = tokio::join!(operator.metric("flow_operator_leader"), freed);
    assert!(page.is_some());
    world.create(&manifest(SERVER, "aggregator", json!({}))).await.unwrap();
    world.recorded("aggregator").await;
}
