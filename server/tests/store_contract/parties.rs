//! Parties and their sessions.

use flow_domain::id::Digest;
use flow_server::store::{PageRequest, PartyRow, SessionDecision, SessionGrant, StoreError};

use crate::support::*;

crate::on_every_database!(
    parties_are_created_once_and_listed_by_name,
    u21_secret_is_rotated_and_party_removed,
    u25_party_is_disabled_and_enabled,
    party_has_one_agent_at_a_time,
    concurrent_agents_get_different_epochs,
    inventory_is_stored_with_its_digest,
    newest_contacts_of_a_party_are_kept,
);

fn row(name: &str) -> PartyRow {
    PartyRow {
        id: party(name),
        secret_digest: Digest::of(format!("secret of {name}").as_bytes()),
        created_at: at(0),
        remark: "Ärzte & Co. 🧪".to_owned(),
    }
}

async fn parties_are_created_once_and_listed_by_name(fx: Fixture) {
    let store = &fx.store;
    for name in ["c", "a", "b"] {
        store.create_party(&row(name)).await.unwrap();
    }
    assert!(matches!(
        store.create_party(&PartyRow { secret_digest: Digest::of(b"x"), ..row("a") }).await,
        Err(StoreError::Exists(_))
    ));
    let found = store.party(&party("a")).await.unwrap().unwrap();
    assert_eq!(
        (&found.row, found.epoch, found.connected, found.instance),
        (&row("a"), 0, false, None)
    );
    assert_eq!(store.party(&party("z")).await.unwrap(), None);

    let page = store.parties(&PageRequest::first(2)).await.unwrap();
    let rest = store
        .parties(&PageRequest { after: page.next.clone(), ..PageRequest::first(2) })
        .await
        .unwrap();
    let all: Vec<_> =
        page.items.iter().chain(&rest.items).map(|party| party.row.id.to_string()).collect();
    assert_eq!((all, rest.next), (vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], None));
    assert_eq!(store.count_parties().await.unwrap(), 3);
}

async fn u21_secret_is_rotated_and_party_removed(fx: Fixture) {
    let store = &fx.store;
    store.create_party(&row("a")).await.unwrap();
    assert!(!store.rotate_party_secret(&party("z"), &Digest::of(b"new"), None).await.unwrap());
    for (secret, until, former) in [
        (b"1", None, None),
        (b"2", Some(at(9)), Some((Digest::of(b"1"), at(9)))),
        (b"3", Some(at(8)), Some((Digest::of(b"2"), at(8)))),
        (b"4", None, None),
        (b"5", Some(at(7)), Some((Digest::of(b"4"), at(7)))),
    ] {
        assert!(store.rotate_party_secret(&party("a"), &Digest::of(secret), until).await.unwrap());
        assert_eq!(
            store.party(&party("a")).await.unwrap().unwrap().row.secret_digest,
            Digest::of(secret)
        );
        assert_eq!(store.former_secret(&party("a")).await.unwrap(), former);
    }
    assert!(store.remove_party(&party("a")).await.unwrap());
    assert!(!store.remove_party(&party("a")).await.unwrap());
    assert_eq!(
        (store.party(&party("a")).await.unwrap(), store.former_secret(&party("a")).await.unwrap()),
        (None, None)
    );
    store.create_party(&row("a")).await.unwrap();
}

async fn u25_party_is_disabled_and_enabled(fx: Fixture) {
    let store = &fx.store;
    store.create_party(&row("a")).await.unwrap();
    assert!(!store.disable_party(&party("z"), true, at(1)).await.unwrap());
    let since = async || store.party(&party("a")).await.unwrap().unwrap().disabled_at;
    for (disabled, now, expected) in
        [(true, 2, Some(at(2))), (true, 3, Some(at(2))), (false, 4, None), (false, 5, None)]
    {
        assert!(store.disable_party(&party("a"), disabled, at(now)).await.unwrap());
        assert_eq!(since().await, expected);
        let all = store.disabled_parties().await.unwrap();
        assert_eq!(all.len(), usize::from(disabled));
    }
    assert!(store.disable_party(&party("a"), true, at(6)).await.unwrap());
    assert!(store.remove_party(&party("a")).await.unwrap());
    assert!(store.disabled_parties().await.unwrap().is_empty());
    store.create_party(&row("a")).await.unwrap();
    assert_eq!(since().await, None);
}

async fn party_has_one_agent_at_a_time(fx: Fixture) {
    let store = &fx.store;
    let id = party("hospital-a");
    let open = async |number, seconds| {
        store.open_session(&id, &instance(number), "0.1.0", at(seconds), 30).await.unwrap()
    };
    let granted = |epoch, replaced: Option<u32>| {
        SessionDecision::Granted(SessionGrant { epoch, replaced: replaced.map(instance) })
    };
    assert_eq!(open(1, 0).await, SessionDecision::UnknownParty);
    store.create_party(&row("hospital-a")).await.unwrap();

    assert_eq!(open(1, 10).await, granted(1, None));
    assert_eq!(open(1, 20).await, granted(2, None), "the same journal supersedes at once");
    assert_eq!(
        open(2, 1_000).await,
        SessionDecision::InUse { since: at(20) },
        "another is refused however long the first is there"
    );
    assert!(
        !store.close_session(&id, 1, at(30), "disconnected").await.unwrap(),
        "the superseded session has nothing to close"
    );
    assert!(store.party(&id).await.unwrap().unwrap().connected);

    assert!(store.close_session(&id, 2, at(40), "disconnected").await.unwrap());
    let away = store.party(&id).await.unwrap().unwrap();
    assert_eq!((away.connected, away.since, away.agent_version.as_str()), (false, at(40), "0.1.0"));
    assert!(
        !store.close_session(&id, 2, at(50), "disconnected").await.unwrap(),
        "it was closed already"
    );
    assert_eq!(store.party(&id).await.unwrap().unwrap().since, at(40));
    assert_eq!(open(2, 69).await, SessionDecision::InUse { since: at(40) });
    assert_eq!(
        open(2, 70).await,
        granted(3, Some(1)),
        "another is let in when the first has been away long enough"
    );
    assert_eq!(store.counts().await.unwrap().parties_connected, 1);

    store.all_away(at(100)).await.unwrap();
    let away = store.party(&id).await.unwrap().unwrap();
    assert_eq!(
        (away.connected, away.since, away.epoch),
        (false, at(100), 3),
        "absence counts from the hub's start"
    );
    store.all_away(at(200)).await.unwrap();
    assert_eq!(
        store.party(&id).await.unwrap().unwrap().since,
        at(100),
        "those away already stay away since then"
    );
    assert_eq!(open(2, 101).await, granted(4, None));
}

async fn concurrent_agents_get_different_epochs(fx: Fixture) {
    fx.store.create_party(&row("hospital-a")).await.unwrap();
    let mut agents = Vec::new();
    for _ in 0..8 {
        let store = fx.other().await;
        agents.push(tokio::spawn(async move {
            loop {
                match store
                    .open_session(&party("hospital-a"), &instance(1), "0.1.0", at(1), 30)
                    .await
                {
                    Ok(SessionDecision::Granted(grant)) => return grant.epoch,
                    Err(error) if error.is_retryable() => {}
                    other => panic!("{other:?}"),
                }
            }
        }));
    }
    let mut epochs = Vec::new();
    for agent in agents {
        epochs.push(agent.await.unwrap());
    }
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=8).collect::<Vec<u64>>());
}

async fn inventory_is_stored_with_its_digest(fx: Fixture) {
    let store = &fx.store;
    let id = party("hospital-a");
    store.create_party(&row("hospital-a")).await.unwrap();
    assert_eq!(store.inventory(&id).await.unwrap(), None);
    let json = r#"{"images":["iflearner-digits:1"],"größe":null}"#;
    store.set_inventory(&id, &Digest::of(json.as_bytes()), json).await.unwrap();
    assert_eq!(store.inventory(&id).await.unwrap().unwrap()["images"][0], "iflearner-digits:1");
    assert_eq!(
        store.party(&id).await.unwrap().unwrap().inventory_digest,
        Some(Digest::of(json.as_bytes()))
    );
    fx.raw("UPDATE parties SET inventory = 'nonsense'").await;
    assert!(matches!(
        store.inventory(&id).await,
        Err(StoreError::Corrupt { table: "parties", column: "inventory", .. })
    ));
    fx.raw("UPDATE parties SET instance = 'nonsense'").await;
    assert!(matches!(
        store.party(&id).await,
        Err(StoreError::Corrupt { table: "parties", column: "instance", .. })
    ));
}

async fn newest_contacts_of_a_party_are_kept(fx: Fixture) {
    let store = &fx.store;
    let id = party("hospital-a");
    store.create_party(&row("hospital-a")).await.unwrap();
    let mut watched = store.watch_contacts();
    let open =
        async |seconds| store.open_session(&id, &instance(1), "0.1.0", at(seconds), 30).await;
    for epoch in 1..=60_u32 {
        open(i64::from(epoch)).await.unwrap();
        store.close_session(&id, epoch.into(), at(epoch.into()), "disconnected").await.unwrap();
    }
    open(61).await.unwrap();
    let contacts = store.contacts_of(&id).await.unwrap();
    assert_eq!(contacts.len(), 100);
    let numbers: Vec<u64> = contacts.iter().map(|contact| contact.number).collect();
    assert_eq!(numbers, (23..=122).rev().collect::<Vec<_>>());
    assert!(contacts[0].is_connected() && contacts[0].agent_version == "0.1.0");
    assert_eq!(contacts[1].reason.as_deref(), Some("disconnected"));
    assert_eq!(watched.recv().await.unwrap().number, 2);

    store.all_away(at(70)).await.unwrap();
    let contacts = store.contacts_of(&id).await.unwrap();
    assert_eq!((contacts[0].reason.as_deref(), contacts[0].at), (Some("hub_restarted"), at(70)));
    store.all_away(at(80)).await.unwrap();
    assert_eq!(store.contacts_of(&id).await.unwrap(), contacts, "it is away already");
    store.remove_party(&id).await.unwrap();
    assert_eq!(store.contacts_of(&id).await.unwrap(), []);
}
