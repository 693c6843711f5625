//! Leases, orphans, and reports kept for the audit.

use flow_domain::id::Digest;
use flow_domain::member::MemberPhase;
use flow_server::store::{AuditReport, Orphan, OrphanDecision};

use crate::support::*;

crate::on_every_database!(
    a_lease_has_one_holder_until_it_runs_out,
    of_many_who_want_a_lease_one_gets_it,
    an_orphan_keeps_its_decision,
    a_report_is_audited_once,
);

async fn a_lease_has_one_holder_until_it_runs_out(fx: Fixture) {
    let store = &fx.store;
    let take = async |holder: &str, now, until| store.take_lease("timers", holder, at(now), at(until)).await.unwrap();
    assert!(take("a", 0, 10).await);
    assert!(take("a", 5, 15).await, "its holder keeps it");
    assert!(!take("b", 14, 24).await);
    assert!(take("b", 15, 25).await, "it has run out");
    assert!(!take("a", 16, 26).await);
    store.release_lease("timers", "a").await.unwrap();
    assert!(!take("a", 17, 27).await, "another's lease cannot be given back");
    store.release_lease("timers", "b").await.unwrap();
    assert!(take("a", 17, 27).await);
    assert!(store.take_lease("other", "b", at(17), at(18)).await.unwrap(), "names do not disturb each other");
}

async fn of_many_who_want_a_lease_one_gets_it(fx: Fixture) {
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

async fn an_orphan_keeps_its_decision(fx: Fixture) {
    let store = &fx.store;
    let first = Orphan {
        party: party("a"),
        run: hex().parse().unwrap(),
        task: None,
        attempt: 1,
        digest: None,
        phase: MemberPhase::Running,
        seen_at: at(1),
        decision: None,
    };
    store.put_orphan(&first).await.unwrap();
    assert_eq!(store.orphans().await.unwrap(), vec![first.clone()]);
    assert!(store.decide_orphan(&first.party, &first.run, 1, OrphanDecision::Stop).await.unwrap());
    assert!(!store.decide_orphan(&first.party, &first.run, 2, OrphanDecision::Keep).await.unwrap());

    let seen = Orphan {
        task: Some(hex().parse().unwrap()),
        digest: Some(Digest::of(b"x")),
        phase: MemberPhase::Stopped,
        seen_at: at(2),
        ..first.clone()
    };
    store.put_orphan(&seen).await.unwrap();
    let second = Orphan { attempt: 2, decision: Some(OrphanDecision::Keep), ..first.clone() };
    store.put_orphan(&second).await.unwrap();
    let stored = store.orphans().await.unwrap();
    assert_eq!(stored, vec![Orphan { decision: Some(OrphanDecision::Stop), ..seen }, second]);
    store.forget_orphan(&first.party, &first.run, 1).await.unwrap();
    assert_eq!(store.orphans().await.unwrap().len(), 1);
}

async fn a_report_is_audited_once(fx: Fixture) {
    let store = &fx.store;
    let report = AuditReport {
        party: party("a"),
        run: hex().parse().unwrap(),
        report: r#"{"phase":"running"}"#.to_owned(),
        attempt: 1,
        sequence: 7,
        instance: instance(1),
        refusal: "old_attempt".to_owned(),
        at: at(1),
    };
    store.audit_report(&report).await.unwrap();
    store.audit_report(&AuditReport { at: at(2), refusal: "not_newer".to_owned(), ..report.clone() }).await.unwrap();
    store.audit_report(&AuditReport { sequence: 8, ..report.clone() }).await.unwrap();
    let kept = store.audited_reports(&report.party, &report.run).await.unwrap();
    assert_eq!(kept, vec![("old_attempt".to_owned(), report.report.clone()), ("old_attempt".to_owned(), report.report)]);
}
