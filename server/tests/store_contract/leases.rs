//! Leases.

use crate::support::*;

crate::on_every_database!(
    lease_has_one_holder_until_it_expires,
    lease_of_an_ended_holder_can_be_released,
    concurrent_requests_for_a_lease_have_one_winner,
);

async fn lease_has_one_holder_until_it_expires(fx: Fixture) {
    let store = &fx.store;
    let take = async |holder: &str, now, until| {
        store.take_lease("timers", holder, at(now), at(until)).await.unwrap()
    };
    assert!(take("a", 0, 10).await);
    assert!(take("a", 5, 15).await, "its holder keeps it");
    assert!(!take("b", 14, 24).await);
    assert!(take("b", 15, 25).await, "it has run out");
    assert!(!take("a", 16, 26).await);
    store.release_lease("timers", "a").await.unwrap();
    assert!(!take("a", 17, 27).await, "another's lease cannot be given back");
    store.release_lease("timers", "b").await.unwrap();
    assert!(take("a", 17, 27).await);
    assert!(
        store.take_lease("other", "b", at(17), at(18)).await.unwrap(),
        "names do not disturb each other"
    );
}

async fn concurrent_requests_for_a_lease_have_one_winner(fx: Fixture) {
    for round in 0..3 {
        let mut takers = Vec::new();
        for number in 0..6 {
            let store = fx.other().await;
            let (now, until) = (at(round * 10), at(round * 10 + 10));
            takers.push(tokio::spawn(async move {
                loop {
                    match store.take_lease("timers", &format!("hub-{number}"), now, until).await {
                        Ok(taken) => return taken,
                        Err(error) => assert!(error.is_retryable(), "{error:?}"),
                    }
                }
            }));
        }
        let mut holders = 0;
        for taker in takers {
            holders += u32::from(taker.await.unwrap());
        }
        assert_eq!(holders, 1, "round {round}");
    }
}

async fn lease_of_an_ended_holder_can_be_released(fx: Fixture) {
    let store = &fx.store;
    store.free_lease("timers").await.unwrap();
    assert_eq!(store.lease_holder("timers").await.unwrap(), None);
    assert!(store.take_lease("timers", "a", at(0), at(100)).await.unwrap());
    store.free_lease("timers").await.unwrap();
    assert_eq!(
        store.lease_holder("timers").await.unwrap().as_deref(),
        Some("a"),
        "the last holder is still known"
    );
    assert!(store.take_lease("timers", "b", at(1), at(101)).await.unwrap());
    assert_eq!(store.lease_holder("timers").await.unwrap().as_deref(), Some("b"));
}
