//! The Lease of the leader while a machine is suspended, on mock clocks.

use std::sync::Arc;
use std::time::Duration;

use flow_common::clock::MockClock;
use flow_domain::time::Timestamp;
use flow_operator::leader::Elector;

use crate::support::{WAIT_TIMEOUT, World};

const VALIDITY_S: u64 = 60;

/// A candidate of this identity, with a clock that the test moves.
fn candidate(world: &World, identity: &str) -> (Elector, MockClock) {
    let clock = MockClock::new(Timestamp(0));
    let elector = Elector::new(
        world.client.clone(),
        &world.namespace,
        "suspended",
        identity.to_owned(),
        Duration::from_secs(VALIDITY_S),
        Arc::new(clock.clone()),
    );
    (elector, clock)
}

#[tokio::test]
async fn b6_a_lease_expires_in_boot_time_and_its_former_leader_ends() {
    let world = World::new().await;
    let (leader, leader_clock) = candidate(&world, "first");
    leader.acquire().await;
    let (second, second_clock) = candidate(&world, "second");
    let mut acquired = tokio::spawn(async move { second.acquire().await });
    // An attempt every eighth of the validity. Fewer than eight of them: monotonic time alone
    // does not reach the validity.
    for _ in 0..6 {
        second_clock.suspend(VALIDITY_S);
        second_clock.advance(VALIDITY_S / 8 + 1);
        if flow_common::clock::timeout(Duration::from_secs(2), &mut acquired).await.is_ok() {
            break;
        }
    }
    assert!(acquired.is_finished(), "the Lease did not expire while the machine was suspended");

    let held = tokio::spawn(async move { leader.hold().await });
    leader_clock.suspend(VALIDITY_S);
    let lost = async {
        while !held.is_finished() {
            leader_clock.advance(1);
            flow_common::clock::sleep(Duration::from_millis(20)).await;
        }
        held.await.expect("no panic")
    };
    let lost = flow_common::clock::timeout(WAIT_TIMEOUT, lost).await.expect("the leader ends");
    assert!(lost.to_string().contains("lost the Lease suspended"), "{lost}");
}
