//! Orphans.

use flow_domain::id::Digest;
use flow_domain::member::MemberPhase;
use flow_server::store::{Orphan, OrphanDecision, OrphanKey, PageRequest, StoreError};

use crate::support::*;

crate::on_every_database!(
    orphan_keeps_its_decision,
    orphans_are_limited_per_party,
    orphans_are_listed_page_by_page
);

fn orphan(name: &str, run: char, attempt: u32) -> Orphan {
    Orphan {
        key: OrphanKey {
            party: party(name),
            run: run.to_string().repeat(32).parse().unwrap(),
            attempt,
        },
        task: None,
        digest: None,
        phase: MemberPhase::Running,
        seen_at: at(1),
        decision: None,
    }
}

async fn orphan_keeps_its_decision(fx: Fixture) {
    let store = &fx.store;
    let first = orphan("a", 'a', 1);
    assert!(store.put_orphan(&first, 10).await.unwrap());
    assert_eq!(store.orphan(&first.key).await.unwrap().as_ref(), Some(&first));
    let unknown = OrphanKey { attempt: 2, ..first.key.clone() };
    assert!(store.decide_orphan(&first.key, OrphanDecision::Stop).await.unwrap());
    assert!(!store.decide_orphan(&unknown, OrphanDecision::Keep).await.unwrap());
    assert_eq!(store.orphan(&unknown).await.unwrap(), None);

    let seen = Orphan {
        task: Some(hex().parse().unwrap()),
        digest: Some(Digest::of(b"x")),
        phase: MemberPhase::Stopped,
        seen_at: at(2),
        ..first.clone()
    };
    assert!(store.put_orphan(&seen, 10).await.unwrap());
    let second = Orphan { key: unknown, decision: Some(OrphanDecision::Keep), ..first.clone() };
    assert!(store.put_orphan(&second, 10).await.unwrap());
    let stored = store.orphans(None, &PageRequest::first(10)).await.unwrap().items;
    assert_eq!(
        stored,
        vec![Orphan { decision: Some(OrphanDecision::Stop), ..seen }, second.clone()]
    );
    store.forget_orphan(&first.key).await.unwrap();
    assert_eq!(store.orphans(None, &PageRequest::first(10)).await.unwrap().items, vec![second]);
}

async fn orphans_are_limited_per_party(fx: Fixture) {
    let store = &fx.store;
    assert!(store.put_orphan(&orphan("a", 'a', 1), 2).await.unwrap());
    assert!(store.put_orphan(&orphan("a", 'b', 1), 2).await.unwrap());
    assert!(!store.put_orphan(&orphan("a", 'b', 2), 2).await.unwrap());
    assert!(
        store.put_orphan(&orphan("a", 'b', 1), 2).await.unwrap(),
        "one that is listed stays listed"
    );
    assert!(
        store.put_orphan(&orphan("b", 'a', 1), 2).await.unwrap(),
        "parties do not disturb each other"
    );
    store.forget_orphan(&orphan("a", 'a', 1).key).await.unwrap();
    assert!(store.put_orphan(&orphan("a", 'b', 2), 2).await.unwrap());
}

async fn orphans_are_listed_page_by_page(fx: Fixture) {
    let store = &fx.store;
    let mut all = Vec::new();
    for (name, run, attempt) in
        [("a", 'a', 2), ("a", 'a', 10), ("a", 'b', 1), ("a-b", 'a', 1), ("b", 'c', 1)]
    {
        let orphan = orphan(name, run, attempt);
        store.put_orphan(&orphan, 10).await.unwrap();
        all.push(orphan);
    }
    for (of, expected) in [(None, &all[..]), (Some(party("a")), &all[..3]), (Some(party("c")), &[])]
    {
        let mut found = Vec::new();
        let mut page = PageRequest::first(2);
        loop {
            let listed = store.orphans(of.as_ref(), &page).await.unwrap();
            found.extend(listed.items);
            page.after = listed.next;
            if page.after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "of {of:?}");
    }
    for odd in [
        "",
        "a",
        "a.b.c",
        "a.b",
        &format!("a.{}.-1", "a".repeat(32)),
        &format!("a.{}.1.", "a".repeat(32)),
    ] {
        let page = PageRequest { after: Some(odd.to_owned()), ..PageRequest::first(2) };
        assert!(matches!(store.orphans(None, &page).await, Err(StoreError::Cursor)), "{odd}");
    }
}
