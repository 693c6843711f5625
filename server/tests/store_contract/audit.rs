//! Audit of reports.

use flow_server::store::AuditReport;

use crate::support::*;

crate::on_every_database!(report_is_audited_once, newest_reports_of_each_party_are_kept);

fn report(name: &str, sequence: u64, seconds: i64) -> AuditReport {
    AuditReport {
        party: party(name),
        run: "a".repeat(32).parse().unwrap(),
        report: format!("{sequence}"),
        attempt: 1,
        sequence,
        instance: instance(1),
        refusal: "old_attempt".to_owned(),
        at: at(seconds),
    }
}

async fn newest_reports_of_each_party_are_kept(fx: Fixture) {
    let store = &fx.store;
    let kept = async |name: &str| {
        let kept =
            store.audited_reports(&party(name), &"a".repeat(32).parse().unwrap()).await.unwrap();
        kept.into_iter().map(|(_, report)| report.parse::<u64>().unwrap()).collect::<Vec<_>>()
    };
    for sequence in 0..5 {
        store.audit_report(&report("a", sequence, sequence as i64)).await.unwrap();
    }
    store.audit_report(&report("b", 7, 0)).await.unwrap();
    store.prune_audit(3).await.unwrap();
    assert_eq!((kept("a").await, kept("b").await), (vec![2, 3, 4], vec![7]));
    // Pruning checks only parties with new reports; after a start, all parties.
    for sequence in 8..12 {
        store.audit_report(&report("b", sequence, sequence as i64)).await.unwrap();
    }
    store.prune_audit(2).await.unwrap();
    assert_eq!((kept("a").await, kept("b").await), (vec![2, 3, 4], vec![10, 11]));
    fx.other().await.prune_audit(1).await.unwrap();
    assert_eq!((kept("a").await, kept("b").await), (vec![4], vec![11]));
    store.prune_audit(0).await.unwrap();
    assert_eq!(kept("a").await, vec![4], "no party has sent more");
}

async fn report_is_audited_once(fx: Fixture) {
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
    store
        .audit_report(&AuditReport { at: at(2), refusal: "not_newer".to_owned(), ..report.clone() })
        .await
        .unwrap();
    store.audit_report(&AuditReport { sequence: 8, ..report.clone() }).await.unwrap();
    let kept = store.audited_reports(&report.party, &report.run).await.unwrap();
    assert_eq!(
        kept,
        vec![
            ("old_attempt".to_owned(), report.report.clone()),
            ("old_attempt".to_owned(), report.report)
        ]
    );
}
