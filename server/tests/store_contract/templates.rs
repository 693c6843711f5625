//! Templates and their revisions.

use flow_domain::id::Digest;
use flow_domain::template::Template;
use flow_server::store::{
    DocumentsError, IdempotencyRecord, PageRequest, StoreError, TaskUpdate, TemplateChange,
    TemplateCreation, TemplateFilter, TemplateWrite,
};

use crate::support::*;

crate::on_every_database!(
    edit_adds_a_revision_and_keeps_the_old_one,
    template_names_are_unique_until_deletion,
    template_in_use_is_not_deleted,
    repeated_creation_gets_the_first_answer,
    templates_are_listed_by_name,
    concurrent_edits_of_one_revision_have_one_winner,
    u10_documents_are_stored_together_or_not_at_all,
    corrupt_revision_is_named_in_the_error,
);

async fn edit_adds_a_revision_and_keeps_the_old_one(fx: Fixture) {
    let store = &fx.store;
    let first = template("Größe");
    assert_eq!(store.create_template(&first, None).await.unwrap(), TemplateCreation::Done);
    assert_eq!(store.template(&first.id).await.unwrap().as_ref(), Some(&first));

    let mut second = first.clone();
    second.name = "renamed".to_owned();
    second.remark = String::new();
    second.body.image = "other:2".to_owned();
    second.modified_at = at(10);
    assert_eq!(
        store.edit_template(&second, Some(7)).await.unwrap(),
        TemplateChange::Stale { revision: 1 }
    );
    assert_eq!(
        store.edit_template(&second, Some(1)).await.unwrap(),
        TemplateChange::Done { revision: 2 }
    );
    second.revision = 2;
    assert_eq!(store.template(&first.id).await.unwrap().as_ref(), Some(&second));
    assert_eq!(
        store.edit_template(&second, None).await.unwrap(),
        TemplateChange::Done { revision: 3 }
    );
    assert_eq!(store.template_by_name(&project(), "renamed").await.unwrap().unwrap().revision, 3);

    let old = store.template_revision(&first.id, 1).await.unwrap().unwrap();
    assert_eq!(
        (old.body, old.remark, old.revision, old.modified_at),
        (first.body, first.remark, 1, at(0))
    );
    assert_eq!(store.template_revision(&first.id, 4).await.unwrap(), None);
    let page = store.template_revisions(&first.id, &PageRequest::first(2)).await.unwrap();
    let rest = store
        .template_revisions(&first.id, &PageRequest { after: page.next, ..PageRequest::first(2) })
        .await
        .unwrap();
    let numbers: Vec<_> =
        page.items.iter().chain(&rest.items).map(|revision| revision.revision).collect();
    assert_eq!((numbers, rest.next), (vec![3, 2, 1], None));
    let ghost = template("ghost");
    assert_eq!(store.edit_template(&ghost, None).await.unwrap(), TemplateChange::NotFound);
    assert_eq!(store.delete_template(&ghost.id, None).await.unwrap(), TemplateChange::NotFound);
}

async fn u10_documents_are_stored_together_or_not_at_all(fx: Fixture) {
    let store = &fx.store;
    let first = template("first");
    let (created, task) = (TemplateWrite::Create(first.clone()), task("task", &first.id, &["a"]));
    let answer = IdempotencyRecord {
        scope: "scope".to_owned(),
        key: "key".to_owned(),
        request: Digest::of(b"request"),
        response: "[]".to_owned(),
        at: at(0),
    };
    let apply = async |writes: &[TemplateWrite], tasks: &[TaskUpdate], answer| {
        store.apply_documents(&project(), writes, tasks, answer).await
    };
    apply(std::slice::from_ref(&created), &[creation(task.clone())], Some(&answer)).await.unwrap();
    assert_eq!(store.template(&first.id).await.unwrap().as_ref(), Some(&first));
    assert!(store.task(&task.id).await.unwrap().is_some());
    assert_eq!(store.idempotency("scope", "key").await.unwrap().as_ref(), Some(&answer));

    let second = template("second");
    let new = TemplateWrite::Create(second.clone());
    let other = any_task("other");
    let stale = TemplateWrite::Edit(Template { revision: 3, ..first.clone() });
    for (writes, tasks, answer) in [
        (vec![new.clone(), created], vec![creation(other.clone())], None),
        (vec![new.clone(), stale], vec![creation(other.clone())], None),
        (vec![new.clone()], vec![creation(other.clone()), creation(any_task("task"))], None),
        (vec![new], vec![creation(other.clone())], Some(&answer)),
    ] {
        let error = apply(&writes, &tasks, answer).await.unwrap_err();
        assert!(matches!(error, DocumentsError::Conflict), "{error:?}");
        assert_eq!(store.template(&second.id).await.unwrap(), None);
        assert!(store.task(&other.id).await.unwrap().is_none());
    }
    let mut edited = Template { revision: 2, ..first.clone() };
    edited.body.image = "other:2".to_owned();
    apply(&[TemplateWrite::Edit(edited.clone())], &[], None).await.unwrap();
    assert_eq!(store.template(&first.id).await.unwrap().as_ref(), Some(&edited));
}

async fn template_names_are_unique_until_deletion(fx: Fixture) {
    let store = &fx.store;
    let (first, second) = (template("name"), template("other"));
    store.create_template(&first, None).await.unwrap();
    store.create_template(&second, None).await.unwrap();
    assert_eq!(
        store.create_template(&template("name"), None).await.unwrap(),
        TemplateCreation::NameTaken
    );
    let mut rename = second.clone();
    rename.name = "name".to_owned();
    assert_eq!(store.edit_template(&rename, None).await.unwrap(), TemplateChange::NameTaken);
    assert_eq!(
        store.template(&second.id).await.unwrap().as_ref(),
        Some(&second),
        "a refused edit leaves no revision behind"
    );
    assert_eq!(store.template_revision(&second.id, 2).await.unwrap(), None);

    assert_eq!(
        store.delete_template(&first.id, Some(2)).await.unwrap(),
        TemplateChange::Stale { revision: 1 }
    );
    assert_eq!(
        store.delete_template(&first.id, Some(1)).await.unwrap(),
        TemplateChange::Done { revision: 1 }
    );
    assert_eq!(store.template(&first.id).await.unwrap(), None);
    assert_eq!(
        store.template_revision(&first.id, 1).await.unwrap().unwrap().body,
        first.body,
        "what ran stays explainable"
    );
    assert_eq!(
        store.edit_template(&rename, None).await.unwrap(),
        TemplateChange::Done { revision: 2 },
        "the name is free"
    );
    let project = add_project(store, "else").await;
    let elsewhere = flow_domain::template::Template { project, ..template("name") };
    assert_eq!(store.create_template(&elsewhere, None).await.unwrap(), TemplateCreation::Done);
}

async fn template_in_use_is_not_deleted(fx: Fixture) {
    let store = &fx.store;
    let used = template("used");
    store.create_template(&used, None).await.unwrap();
    let id = stored(store, task("user", &used.id, &["a", "b"]), false).await.task.id;
    assert_eq!(
        store.delete_template(&used.id, None).await.unwrap(),
        TemplateChange::InUse { tasks: vec!["user".to_owned()] }
    );
    assert!(
        store.template(&used.id).await.unwrap().is_some(),
        "a refused deletion deletes nothing"
    );
    let mut delete = change(store, &id).await;
    delete.task.deleted_at = Some(at(9));
    store.apply(&[delete]).await.unwrap();
    assert_eq!(
        store.delete_template(&used.id, None).await.unwrap(),
        TemplateChange::Done { revision: 1 }
    );
}

async fn repeated_creation_gets_the_first_answer(fx: Fixture) {
    let store = &fx.store;
    let first = template("once");
    let answer = |id: &str| IdempotencyRecord {
        scope: "default/alice/templates".to_owned(),
        key: "k".to_owned(),
        request: Digest::of(b"r"),
        response: id.to_owned(),
        at: at(1),
    };
    let stored = answer(first.id.as_str());
    assert_eq!(store.create_template(&first, Some(&stored)).await.unwrap(), TemplateCreation::Done);
    let again = template("once");
    assert_eq!(
        store.create_template(&again, Some(&answer(again.id.as_str()))).await.unwrap(),
        TemplateCreation::Answered(stored)
    );
    assert_eq!(store.template(&again.id).await.unwrap(), None);

    let taken = IdempotencyRecord { key: "k2".to_owned(), ..answer("x") };
    assert_eq!(
        store.create_template(&again, Some(&taken)).await.unwrap(),
        TemplateCreation::NameTaken
    );
    assert_eq!(
        store.idempotency(&taken.scope, &taken.key).await.unwrap(),
        None,
        "a refusal is not kept: the key can be used again"
    );
}

async fn templates_are_listed_by_name(fx: Fixture) {
    let store = &fx.store;
    for name in ["b", "a", "ab", "abc", "B"] {
        store.create_template(&template(name), None).await.unwrap();
    }
    let filter = TemplateFilter { project: project(), name_prefix: None };
    let page = store.templates(&filter, &PageRequest::first(3)).await.unwrap();
    let rest = store
        .templates(&filter, &PageRequest { after: page.next, ..PageRequest::first(3) })
        .await
        .unwrap();
    let names: Vec<_> =
        page.items.iter().chain(&rest.items).map(|template| template.name.as_str()).collect();
    assert_eq!((names, rest.next.as_deref()), (vec!["B", "a", "ab", "abc", "b"], None));
    assert_eq!(store.count_templates(&filter).await.unwrap(), 5);
    let filter = TemplateFilter { name_prefix: Some("ab".to_owned()), ..filter };
    assert_eq!(store.templates(&filter, &PageRequest::first(9)).await.unwrap().items.len(), 2);
    assert_eq!(store.count_templates(&filter).await.unwrap(), 2);
}

async fn concurrent_edits_of_one_revision_have_one_winner(fx: Fixture) {
    let made = template("contended");
    fx.store.create_template(&made, None).await.unwrap();
    let mut editors = Vec::new();
    for number in 0..4 {
        let (store, mut mine) = (fx.other().await, made.clone());
        mine.remark = number.to_string();
        editors
            .push(tokio::spawn(async move { store.edit_template(&mine, Some(1)).await.unwrap() }));
    }
    let mut won = 0;
    for editor in editors {
        match editor.await.unwrap() {
            TemplateChange::Done { revision: 2 } => won += 1,
            TemplateChange::Stale { revision: 2 } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
}

async fn corrupt_revision_is_named_in_the_error(fx: Fixture) {
    let made = template("broken");
    fx.store.create_template(&made, None).await.unwrap();
    fx.raw("UPDATE template_revisions SET body = '{}'").await;
    let error = fx.store.template(&made.id).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Corrupt { table: "template_revisions", column: "body", id, .. } if id == made.id.as_str())
    );
}
