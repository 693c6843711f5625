//! Webhooks, their deliveries, and the deletion of what they have read.

use flow_common::secret_file::Secret;
use flow_domain::run::EventKind;
use flow_domain::webhook::{DeliveryState, EventFilter};
use flow_server::store::{
    AccessEntry, Attempt, Delivery, PageRequest, Webhook, WebhookChange, WebhookCreation,
};

use crate::support::*;

crate::on_every_database!(
    webhook_is_changed_by_version_and_keeps_its_place_in_the_feed,
    deliveries_and_position_are_stored_together,
    attempts_settle_deliveries_and_disable_their_webhook,
    feed_and_audit_are_deleted_by_age_but_no_event_that_a_webhook_needs,
);

fn entry() -> AccessEntry {
    AccessEntry {
        id: hex(),
        at: at(1),
        actor_id: None,
        actor: "alice".to_owned(),
        action: "edit_webhook".to_owned(),
        object: "x".to_owned(),
        project: Some(project()),
        address: "::1".to_owned(),
        detail: String::new(),
    }
}

fn webhook(name: &str) -> Webhook {
    Webhook {
        id: hex().parse().unwrap(),
        project: project(),
        name: name.to_owned(),
        url: "https://hooks.example/größe".to_owned(),
        filter: EventFilter {
            kinds: vec![EventKind::RunFailed],
            labels: [("a".to_owned(), "b".to_owned())].into(),
        },
        enabled: true,
        disabled_reason: None,
        failing_since: None,
        secret: Secret::new("whsec_eA==".to_owned()),
        former_secret: None,
        position: 0,
        version: 1,
        created_at: at(1),
        modified_at: at(1),
    }
}

fn delivery(webhook: &Webhook, second: i64) -> Delivery {
    Delivery {
        id: hex().parse().unwrap(),
        webhook: webhook.id.clone(),
        project: webhook.project.clone(),
        kind: "run.failed".to_owned(),
        number: Some(second),
        task: Some(hex().parse().unwrap()),
        body: "{\"größe\": \"🧪\"}".to_owned(),
        state: DeliveryState::Pending,
        attempts: 0,
        created_at: at(second),
        attempted_at: None,
        next_at: at(second),
        status: None,
        error: None,
    }
}

async fn created(fx: &Fixture, name: &str) -> Webhook {
    let new = webhook(name);
    let done = fx.store.create_webhook(&new, 9, &entry()).await.unwrap();
    assert_eq!(done, WebhookCreation::Done);
    fx.store.webhook(&new.id).await.unwrap().expect("it is stored")
}

async fn webhook_is_changed_by_version_and_keeps_its_place_in_the_feed(fx: Fixture) {
    let store = &fx.store;
    store.apply(&[creation(any_task("first"))]).await.unwrap();
    let first = created(&fx, "b").await;
    assert_eq!(first, Webhook { id: first.id.clone(), position: 1, ..webhook("b") });
    assert_eq!(store.webhook_by_name(&project(), "b").await.unwrap().as_ref(), Some(&first));
    let again = store.create_webhook(&webhook("b"), 9, &entry()).await.unwrap();
    assert_eq!(again, WebhookCreation::NameTaken);
    let full = store.create_webhook(&webhook("c"), 1, &entry()).await.unwrap();
    assert_eq!(full, WebhookCreation::LimitReached);
    let second = created(&fx, "a").await;
    let page = store.webhooks(&project(), &PageRequest::first(1)).await.unwrap();
    assert_eq!(page.items, std::slice::from_ref(&second));
    let rest = PageRequest { after: page.next, ..PageRequest::first(1) };
    assert_eq!(
        store.webhooks(&project(), &rest).await.unwrap().items,
        std::slice::from_ref(&first)
    );

    let edit = |change: &dyn Fn(&mut Webhook)| {
        let mut edited = first.clone();
        change(&mut edited);
        edited
    };
    let taken = edit(&|webhook| webhook.name = "a".to_owned());
    let change = store.edit_webhook(&taken, None, &entry()).await.unwrap();
    assert_eq!(change, WebhookChange::NameTaken);
    let off = edit(&|webhook| webhook.enabled = false);
    assert_eq!(store.edit_webhook(&off, Some(7), &entry()).await.unwrap(), WebhookChange::Stale);
    assert_eq!(store.edit_webhook(&off, Some(1), &entry()).await.unwrap(), WebhookChange::Done);
    assert_eq!(store.enabled_webhooks().await.unwrap(), std::slice::from_ref(&second));
    store.apply(&[creation(any_task("second"))]).await.unwrap();
    let on = edit(&|_| ());
    assert_eq!(store.edit_webhook(&on, Some(2), &entry()).await.unwrap(), WebhookChange::Done);
    let found = store.webhook(&first.id).await.unwrap().unwrap();
    assert_eq!((found.position, found.version), (2, 3), "events meanwhile are skipped");
    assert_eq!(store.edit_webhook(&on, None, &entry()).await.unwrap(), WebhookChange::Done);

    let new = Secret::new("whsec_eQ==".to_owned());
    let rotated = store.rotate_webhook_secret(&first.id, &new, Some(at(5)), &entry()).await;
    assert_eq!(rotated.unwrap(), WebhookChange::Done);
    let found = store.webhook(&first.id).await.unwrap().unwrap();
    assert_eq!((found.secret, found.former_secret), (new, Some((first.secret.clone(), at(5)))));
    store.purge_webhook_secrets(at(5)).await.unwrap();
    assert_eq!(store.webhook(&first.id).await.unwrap().unwrap().former_secret, None);

    let stale = store.delete_webhook(&first.id, Some(1), &entry()).await.unwrap();
    assert_eq!(stale, WebhookChange::Stale);
    let deleted = store.delete_webhook(&first.id, None, &entry()).await.unwrap();
    assert_eq!(deleted, WebhookChange::Done);
    let gone = store.delete_webhook(&first.id, None, &entry()).await.unwrap();
    assert_eq!(gone, WebhookChange::NotFound);
}

async fn deliveries_and_position_are_stored_together(fx: Fixture) {
    let store = &fx.store;
    let first = created(&fx, "first").await;
    let queued = [delivery(&first, 2), delivery(&first, 1), delivery(&first, 3)];
    assert!(store.queue_deliveries(&first, 3, &queued).await.unwrap());
    assert!(!store.queue_deliveries(&first, 3, &queued).await.unwrap(), "from the old position");
    let first = store.webhook(&first.id).await.unwrap().unwrap();
    assert_eq!(first.position, 3);
    assert_eq!(store.next_delivery(&first.id).await.unwrap(), Some(queued[1].clone()));
    let page = store.deliveries(&first.id, &PageRequest::first(2)).await.unwrap();
    assert_eq!(page.items, [queued[2].clone(), queued[1].clone()]);
    let rest = PageRequest { after: page.next, ..PageRequest::first(2) };
    assert_eq!(store.deliveries(&first.id, &rest).await.unwrap().items, [queued[0].clone()]);
    let pending = store.pending_deliveries().await.unwrap();
    assert_eq!((pending.len(), pending[0].count), (1, 3));
    assert_eq!((pending[0].next_at, pending[0].oldest_at), (at(1), at(1)));

    store.purge_deliveries(Some(at(9)), 0).await.unwrap();
    assert_eq!(store.pending_deliveries().await.unwrap()[0].count, 3, "waiting ones are kept");
    let off = Webhook { enabled: false, ..first.clone() };
    assert_eq!(store.edit_webhook(&off, None, &entry()).await.unwrap(), WebhookChange::Done);
    let failed = store.delivery(&queued[0].id).await.unwrap().unwrap();
    assert_eq!(failed.state, DeliveryState::Failed);
    assert_eq!(failed.error.as_deref(), Some("the webhook was disabled"));
    assert!(!store.redeliver(&failed, at(4)).await.unwrap());
    assert!(!store.queue_delivery(&delivery(&first, 5)).await.unwrap());
    store.purge_deliveries(None, 2).await.unwrap();
    let left = store.deliveries(&first.id, &PageRequest::first(9)).await.unwrap().items;
    assert_eq!(left.len(), 2);
    store.purge_deliveries(Some(at(3)), 9).await.unwrap();
    let left = store.deliveries(&first.id, &PageRequest::first(9)).await.unwrap().items;
    assert_eq!(left.iter().map(|left| &left.id).collect::<Vec<_>>(), [&queued[2].id]);
    store.delete_webhook(&first.id, None, &entry()).await.unwrap();
    assert_eq!(store.delivery(&queued[2].id).await.unwrap(), None);
}

async fn attempts_settle_deliveries_and_disable_their_webhook(fx: Fixture) {
    let store = &fx.store;
    let first = created(&fx, "first").await;
    let (one, two) = (delivery(&first, 1), delivery(&first, 2));
    assert!(store.queue_delivery(&one).await.unwrap());
    assert!(store.queue_delivery(&two).await.unwrap());
    let failed = Attempt {
        at: at(3),
        state: DeliveryState::Pending,
        next_at: at(8),
        status: Some(500),
        error: Some("größer".repeat(200)),
        disable: None,
    };
    assert!(!store.record_attempt(&first, &one.id, &failed).await.unwrap());
    let stored = store.delivery(&one.id).await.unwrap().unwrap();
    assert_eq!((stored.attempts, stored.status, stored.next_at), (1, Some(500), at(8)));
    assert_eq!(store.webhook(&first.id).await.unwrap().unwrap().failing_since, Some(at(3)));
    assert_eq!(store.next_delivery(&first.id).await.unwrap(), Some(two.clone()));
    let done = Attempt { state: DeliveryState::Delivered, error: None, ..failed.clone() };
    assert!(!store.record_attempt(&first, &two.id, &done).await.unwrap());
    assert_eq!(store.webhook(&first.id).await.unwrap().unwrap().failing_since, None);
    assert!(store.redeliver(&two, at(9)).await.unwrap());
    let stored = store.delivery(&two.id).await.unwrap().unwrap();
    assert_eq!((stored.state, stored.attempts), (DeliveryState::Pending, 0));

    // A result for an older version of the webhook does not disable the newer one.
    let gone = Attempt {
        state: DeliveryState::Failed,
        disable: Some("the receiver answered 410 (Gone)".to_owned()),
        ..failed
    };
    assert_eq!(store.edit_webhook(&first, None, &entry()).await.unwrap(), WebhookChange::Done);
    assert!(!store.record_attempt(&first, &two.id, &gone).await.unwrap());
    let newer = store.webhook(&first.id).await.unwrap().unwrap();
    assert!(newer.enabled);
    assert!(store.record_attempt(&newer, &two.id, &gone).await.unwrap());
    let disabled = store.webhook(&first.id).await.unwrap().unwrap();
    assert!(!disabled.enabled);
    assert_eq!(disabled.disabled_reason, gone.disable);
    assert_eq!(store.pending_deliveries().await.unwrap(), []);
}

async fn feed_and_audit_are_deleted_by_age_but_no_event_that_a_webhook_needs(fx: Fixture) {
    let store = &fx.store;
    let first = created(&fx, "first").await;
    for name in ["a", "b", "c"] {
        store.apply(&[creation(any_task(name))]).await.unwrap();
    }
    assert_eq!(store.feed_pruned().await.unwrap(), 0);
    store.purge_feed(at(1)).await.unwrap();
    assert_eq!(store.feed_pruned().await.unwrap(), 0, "the events are of this second");
    assert!(store.queue_deliveries(&first, 2, &[]).await.unwrap());
    store.purge_feed(at(2)).await.unwrap();
    assert_eq!(store.feed_pruned().await.unwrap(), 3);
    let left = store.feed(None, 0, 9).await.unwrap();
    assert_eq!(left.iter().map(|row| row.number).collect::<Vec<_>>(), [3]);
    // The next deletion takes what the webhook has read since.
    let first = store.webhook(&first.id).await.unwrap().unwrap();
    assert!(store.queue_deliveries(&first, 3, &[]).await.unwrap());
    store.apply(&[creation(any_task("d"))]).await.unwrap();
    store.purge_feed(at(2)).await.unwrap();
    let left = store.feed(None, 0, 9).await.unwrap();
    assert_eq!(left.iter().map(|row| row.number).collect::<Vec<_>>(), [4]);

    for second in 1..=3 {
        store.audit_access(&AccessEntry { at: at(second), ..entry() }).await.unwrap();
    }
    store.purge_access_audit(at(3)).await.unwrap();
    let left = store.access_audit(&PageRequest::first(9)).await.unwrap().items;
    assert_eq!(left.iter().map(|entry| entry.at).collect::<Vec<_>>(), [at(3)]);
}
