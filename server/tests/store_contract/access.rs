//! Accounts, tokens, sessions, projects and the audit of access.

use flow_domain::access::{OfferedDatasets, ProjectRole, TokenScope, UserKind};
use flow_domain::id::{Digest, ProjectId, UserName};
use flow_domain::run::RunPhase;
use flow_server::store::{
    AccessEntry, ApiToken, ApplyError, BrowserSession, DeviceSignIn, Missing, OfferedParty,
    PageRequest, PartyRow, ProjectDeletion, ProjectMember, ProjectQuotas, QuotaEdit, Store,
    StoreError, TaskFilter, User, UserChange, UserEdit,
};

use crate::support::*;

crate::on_every_database!(
    first_account_is_created_once_with_its_token,
    accounts_are_listed_changed_and_deleted_with_all_that_they_have,
    federation_keeps_one_administrator,
    tokens_are_found_by_digest_and_end_with_their_account,
    sessions_end_with_account_password_and_time,
    a21_session_opens_only_with_the_password_that_was_checked,
    roles_belong_to_one_project,
    quotas_hold_for_writers_at_the_same_time,
    project_without_tasks_is_deleted_with_all_that_it_has,
    parties_and_datasets_are_offered_per_project,
    a21_devices_wait_in_bounded_number_and_end_with_the_password,
    creator_of_a_task_is_shown_until_the_account_is_deleted,
    audit_has_the_newest_entry_first,
);

fn name(text: &str) -> UserName {
    text.parse().unwrap()
}

fn other() -> ProjectId {
    "other".parse().unwrap()
}

fn user(text: &str) -> User {
    User {
        id: hex().parse().unwrap(),
        name: name(text),
        kind: UserKind::Person,
        federation_admin: false,
        password_hash: None,
        created_at: at(1),
        disabled_at: None,
    }
}

fn admin(text: &str) -> User {
    User { federation_admin: true, ..user(text) }
}

fn token(user: &User, text: &str) -> ApiToken {
    ApiToken {
        id: hex().parse().unwrap(),
        user: user.id.clone(),
        name: "for tests – „größer“ 🧪".to_owned(),
        digest: Digest::of(text.as_bytes()),
        hint: "aB3d".to_owned(),
        scope: TokenScope::Api,
        project: Some(project()),
        role: Some(ProjectRole::Submitter),
        created_at: at(2),
        expires_at: Some(at(99)),
        last_used_at: None,
    }
}

fn session(user: &User, text: &str) -> BrowserSession {
    BrowserSession {
        id: hex().parse().unwrap(),
        user: user.id.clone(),
        digest: Digest::of(text.as_bytes()),
        method: "password".to_owned(),
        client: "a browser".to_owned(),
        created_at: at(1),
        seen_at: at(1),
        expires_at: at(100),
    }
}

fn entry(action: &str) -> AccessEntry {
    AccessEntry {
        id: hex(),
        at: at(1),
        actor_id: None,
        actor: "alice".to_owned(),
        action: action.to_owned(),
        object: "object".to_owned(),
        project: None,
        address: "2001:db8::1".to_owned(),
        detail: String::new(),
    }
}

async fn created(store: &Store, user: User) -> User {
    store.create_user(&user, &entry("create_user")).await.unwrap();
    user
}

async fn edit(store: &Store, project: &ProjectId, quotas: QuotaEdit) -> bool {
    store.edit_project(project, "y", true, &quotas, &entry("edit_project")).await.unwrap()
}

async fn used(store: &Store, project: &ProjectId) -> [u64; 3] {
    let ProjectQuotas { tasks, runs, templates } =
        store.project(project).await.unwrap().unwrap().quotas;
    [tasks.used, runs.used, templates.used]
}

/// Repeats a write while the database is busy, and returns whether a quota refused it.
async fn is_refused<E, F>(write: impl Fn() -> F) -> bool
where
    E: Into<ApplyError>,
    F: Future<Output = Result<(), E>>,
{
    loop {
        match write().await.map_err(Into::into) {
            Ok(()) => return false,
            Err(ApplyError::Store(StoreError::Quota(_))) => return true,
            Err(ApplyError::Store(StoreError::Unavailable(_))) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

async fn quotas_hold_for_writers_at_the_same_time(fx: Fixture) {
    const WRITERS: usize = 8;
    let store = &fx.store;
    let bob = created(store, user("bob")).await;
    let limits = QuotaEdit { tasks: Some(Some(3)), runs: Some(Some(1)), templates: Some(Some(2)) };
    assert!(edit(store, &project(), limits).await);
    for number in 0..97 {
        let token = token(&bob, &format!("token {number}"));
        assert!(store.create_token(&token, &bob.name, &entry("create_token")).await.unwrap());
    }
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (store, bob) = (fx.other().await, bob.clone());
        writers.push(tokio::spawn(async move {
            let task = creation(any_task(&format!("task {writer}")));
            let template = template(&format!("template {writer}"));
            let token = token(&bob, &format!("more {writer}"));
            [
                is_refused(|| store.apply(std::slice::from_ref(&task))).await,
                is_refused(|| async { store.create_template(&template, None).await.map(|_| ()) })
                    .await,
                is_refused(|| async {
                    let entry = entry("create_token");
                    store.create_token(&token, &bob.name, &entry).await.map(|_| ())
                })
                .await,
            ]
        }));
    }
    let mut stored = [0; 3];
    for writer in writers {
        for (count, is_refused) in stored.iter_mut().zip(writer.await.unwrap()) {
            *count += usize::from(!is_refused);
        }
    }
    assert_eq!(stored, [3, 2, 3], "tasks, templates, tokens");
    assert_eq!(used(store, &project()).await, [3, 0, 2]);
    // Expired tokens count no more.
    let late = ApiToken { created_at: at(99), expires_at: None, ..token(&bob, "late") };
    assert!(store.create_token(&late, &bob.name, &entry("create_token")).await.unwrap());

    let tasks = store.list_tasks(&TaskFilter::project(project()), &PageRequest::first(9)).await;
    let tasks: Vec<_> = tasks.unwrap().items.into_iter().map(|row| row.task.id).collect();
    let mut first = change(store, &tasks[0]).await;
    start(&mut first);
    store.apply(&[first]).await.unwrap();
    assert_eq!(used(store, &project()).await, [3, 1, 2]);
    let mut second = change(store, &tasks[1]).await;
    start(&mut second);
    let refused = store.apply(std::slice::from_ref(&second)).await.unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("1 runs") && text.contains("set-quota default --runs"), "{text}");
    assert_eq!(change(store, &tasks[1]).await.base_version, second.base_version, "nothing stored");
    // A run that repeats another is not refused.
    let retried = &mut second.runs[0].after;
    retried.retry_of = Some(hex().parse().unwrap());
    store.apply(&[second]).await.unwrap();
    assert_eq!(used(store, &project()).await, [3, 2, 2]);
    let mut delete = change(store, &tasks[0]).await;
    delete.task.deleted_at = Some(at(5));
    store.apply(&[delete]).await.unwrap();
    // A later change of the deleted task is not counted again.
    let mut event_only = change(store, &tasks[0]).await;
    event_only.events = vec![event("late")];
    store.apply(&[event_only]).await.unwrap();
    assert_eq!(used(store, &project()).await, [2, 1, 2]);
    let default = QuotaEdit { tasks: Some(None), ..QuotaEdit::default() };
    assert!(edit(store, &project(), default).await);
    let quotas = store.project(&project()).await.unwrap().unwrap().quotas;
    assert_eq!((quotas.tasks.limit, quotas.runs.limit), (100_000, 1));
}

async fn project_without_tasks_is_deleted_with_all_that_it_has(fx: Fixture) {
    let store = &fx.store;
    let bob = created(store, user("bob")).await;
    let create =
        || async { store.create_project(&other(), "x", false, &entry("create_project")).await };
    let delete =
        || async { store.delete_project(&other(), &entry("delete_project")).await.unwrap() };
    assert_eq!(delete().await, ProjectDeletion::Unknown);
    create().await.unwrap();
    let member =
        ProjectMember { user: bob.name.clone(), role: ProjectRole::Viewer, added_at: at(3) };
    store.set_member(&other(), &member, &entry("set_member")).await.unwrap().unwrap();
    let limited = ApiToken { project: Some(other()), ..token(&bob, "limited") };
    for token in [&limited, &token(&bob, "of another project")] {
        assert!(store.create_token(token, &bob.name, &entry("create_token")).await.unwrap());
    }
    let kind = flow_domain::template::Template { project: other(), ..template("kind") };
    store.create_template(&kind, None).await.unwrap();
    let mut task = any_task("task");
    task.project = other();
    let mut new = creation(task.clone());
    let run = start(&mut new);
    store.apply(&[new]).await.unwrap();
    assert_eq!(delete().await, ProjectDeletion::HasTasks(1));
    let mut end = change(store, &task.id).await;
    end.task.deleted_at = Some(at(5));
    store.apply(&[end]).await.unwrap();
    assert_eq!(delete().await, ProjectDeletion::HasRuns);
    assert!(store.project(&other()).await.unwrap().is_some());
    let mut end = change(store, &task.id).await;
    settle(&mut end, &run, RunPhase::Succeeded);
    store.apply(&[end]).await.unwrap();
    assert_eq!(delete().await, ProjectDeletion::Done);

    assert_eq!(store.project(&other()).await.unwrap(), None);
    assert!(store.roles_of(&bob).await.unwrap().is_empty());
    assert!(store.token_by_digest(&limited.digest).await.unwrap().is_none());
    assert!(store.token_by_digest(&Digest::of(b"of another project")).await.unwrap().is_some());
    assert!(store.template(&kind.id).await.unwrap().is_none());
    let late = flow_domain::template::Template { project: other(), ..template("late") };
    let refused = store.create_template(&late, None).await;
    assert!(matches!(refused, Err(StoreError::NoProject(_))), "{refused:?}");
    assert!(matches!(create().await, Err(StoreError::Exists(_))), "the name stays taken");
    assert_eq!(delete().await, ProjectDeletion::Unknown);
    let audit = store.access_audit(&PageRequest::first(99)).await.unwrap().items;
    let deletions = audit.iter().filter(|entry| entry.action == "delete_project").count();
    assert_eq!(deletions, 1);
}

async fn first_account_is_created_once_with_its_token(fx: Fixture) {
    let store = &fx.store;
    assert!(!store.has_users().await.unwrap());
    let attempts = ["one", "two", "three"].map(|text| {
        let (store, user) = (store.clone(), admin(text));
        async move {
            let token = token(&user, text);
            store.create_first_user(&user, &token, &entry("setup")).await.unwrap()
        }
    });
    let [one, two, three] = attempts;
    let (one, two, three) = tokio::join!(one, two, three);
    assert_eq!(u8::from(one) + u8::from(two) + u8::from(three), 1, "concurrent setups");
    assert!(store.has_users().await.unwrap());
    let users = store.users(&PageRequest::first(9)).await.unwrap().items;
    let tokens = store.tokens(None, &PageRequest::first(9)).await.unwrap().items;
    assert_eq!((users.len(), tokens.len()), (1, 1));
    assert_eq!(tokens[0].1, users[0]);
    assert_eq!(store.access_audit(&PageRequest::first(9)).await.unwrap().items.len(), 1);
}

async fn accounts_are_listed_changed_and_deleted_with_all_that_they_have(fx: Fixture) {
    let store = &fx.store;
    let root = created(store, admin("root")).await;
    let bob = created(store, user("bob")).await;
    let taken = store.create_user(&user("bob"), &entry("create_user")).await;
    assert!(matches!(taken, Err(StoreError::Exists(_))), "{taken:?}");
    let first = store.users(&PageRequest::first(1)).await.unwrap();
    let rest = PageRequest { after: first.next.clone(), ..PageRequest::first(9) };
    let rest = store.users(&rest).await.unwrap();
    assert_eq!((first.items, rest.items), (vec![bob.clone()], vec![root]));

    let edit = UserEdit {
        federation_admin: Some(true),
        disabled_at: Some(Some(at(7))),
        password_hash: Some("$argon2id$".to_owned()),
    };
    let edited = store.edit_user(&bob.name, &edit, &entry("edit_user")).await.unwrap();
    assert_eq!(edited, UserChange::Done);
    let found = store.user(&bob.name).await.unwrap().unwrap();
    assert!(found.federation_admin && found.disabled_at == Some(at(7)));
    assert_eq!(found.password_hash.as_deref(), Some("$argon2id$"));
    let again = UserEdit { disabled_at: Some(Some(at(8))), ..UserEdit::default() };
    store.edit_user(&bob.name, &again, &entry("edit_user")).await.unwrap();
    let found = store.user_by_id(&bob.id).await.unwrap().unwrap();
    assert_eq!(found.disabled_at, Some(at(7)), "a disabled account keeps its time");
    assert!(found.password_hash.is_some(), "what is not named does not change");

    store.create_token(&token(&bob, "t"), &bob.name, &entry("create_token")).await.unwrap();
    let member =
        ProjectMember { user: bob.name.clone(), role: ProjectRole::Viewer, added_at: at(3) };
    store.set_member(&project(), &member, &entry("set_member")).await.unwrap().unwrap();
    let deleted = store.delete_user(&bob.name, &entry("delete_user")).await.unwrap();
    assert_eq!(deleted, UserChange::Done);
    assert_eq!(store.user(&bob.name).await.unwrap(), None);
    let again = created(store, user("bob")).await;
    assert!(store.tokens(None, &PageRequest::first(9)).await.unwrap().items.is_empty());
    assert!(store.roles_of(&again).await.unwrap().is_empty(), "the name inherits nothing");
    let late = store.create_token(&token(&bob, "u"), &bob.name, &entry("create_token")).await;
    assert!(!late.unwrap(), "the name has another account by now");
    for gone in [
        store.edit_user(&name("nobody"), &edit, &entry("edit_user")).await.unwrap(),
        store.delete_user(&name("nobody"), &entry("delete_user")).await.unwrap(),
    ] {
        assert_eq!(gone, UserChange::Unknown);
    }
}

async fn federation_keeps_one_administrator(fx: Fixture) {
    let store = &fx.store;
    let one = created(store, admin("one")).await;
    let demote = UserEdit { federation_admin: Some(false), ..UserEdit::default() };
    let disable = UserEdit { disabled_at: Some(Some(at(5))), ..UserEdit::default() };
    for edit in [&demote, &disable] {
        let change = store.edit_user(&one.name, edit, &entry("edit_user")).await.unwrap();
        assert_eq!(change, UserChange::LastAdmin);
    }
    let deleted = store.delete_user(&one.name, &entry("delete_user")).await.unwrap();
    assert_eq!(deleted, UserChange::LastAdmin);
    let two = created(store, admin("two")).await;
    let (first, second) = tokio::join!(
        async { store.edit_user(&one.name, &disable, &entry("edit_user")).await.unwrap() },
        async { store.edit_user(&two.name, &demote, &entry("edit_user")).await.unwrap() },
    );
    let mut changes = [first, second];
    changes.sort_by_key(|change| *change == UserChange::LastAdmin);
    assert_eq!(changes, [UserChange::Done, UserChange::LastAdmin], "concurrent changes");
}

async fn tokens_are_found_by_digest_and_end_with_their_account(fx: Fixture) {
    let store = &fx.store;
    created(store, admin("root")).await;
    let bob = created(store, user("bob")).await;
    let (one, two) = (token(&bob, "one"), token(&bob, "two"));
    for token in [&one, &two] {
        assert!(store.create_token(token, &bob.name, &entry("create_token")).await.unwrap());
    }
    let found = store.token_by_digest(&one.digest).await.unwrap().unwrap();
    assert_eq!(found, (one.clone(), bob.clone()));
    assert_eq!(store.token_by_digest(&Digest::of(b"x")).await.unwrap(), None);
    store.tokens_used(std::slice::from_ref(&one.id), at(7)).await.unwrap();
    let used = store.token(&one.id).await.unwrap().unwrap().0;
    assert_eq!(used.last_used_at, Some(at(7)));
    let page = store.tokens(Some(&bob.id), &PageRequest::first(1)).await.unwrap();
    let rest = PageRequest { after: page.next.clone(), ..PageRequest::first(1) };
    let rest = store.tokens(Some(&bob.id), &rest).await.unwrap();
    assert_eq!((&page.items[0].0, &rest.items[0].0), (&used, &two));
    assert!(store.delete_token(&one.id, &entry("delete_token")).await.unwrap());
    assert!(!store.delete_token(&one.id, &entry("delete_token")).await.unwrap());
    store.delete_user(&bob.name, &entry("delete_user")).await.unwrap();
    assert_eq!(store.token_by_digest(&two.digest).await.unwrap(), None);
}

async fn sessions_end_with_account_password_and_time(fx: Fixture) {
    let store = &fx.store;
    created(store, admin("root")).await;
    let bob = created(store, user("bob")).await;
    let one = session(&bob, "one");
    let open = |session: BrowserSession| async move {
        store.create_session(&session, None, &entry("create_session")).await.unwrap()
    };
    assert!(open(one.clone()).await);
    assert_eq!(
        store.session_by_digest(&one.digest).await.unwrap().unwrap(),
        (one.clone(), bob.clone())
    );
    store.session_seen(&one.id, at(50)).await.unwrap();
    assert_eq!(store.purge_sessions(at(60), at(40)).await.unwrap(), 0);
    assert_eq!(store.purge_sessions(at(60), at(50)).await.unwrap(), 1, "idle");
    let two = session(&bob, "two");
    assert!(open(two).await);
    assert_eq!(store.purge_sessions(at(100), at(0)).await.unwrap(), 1, "expired");
    let three = session(&bob, "three");
    assert!(open(three.clone()).await);
    let root = store.user(&name("root")).await.unwrap().unwrap();
    let foreign = store.delete_session(&root.id, &three.id, &entry("delete_session")).await;
    assert!(!foreign.unwrap(), "of another account");
    assert!(store.delete_session(&bob.id, &three.id, &entry("delete_session")).await.unwrap());
    for edit in [
        UserEdit { password_hash: Some("new".to_owned()), ..UserEdit::default() },
        UserEdit { disabled_at: Some(Some(at(5))), ..UserEdit::default() },
    ] {
        assert!(open(session(&bob, &hex())).await);
        assert_eq!(
            store.sessions_of(&bob.id, &PageRequest::first(9)).await.unwrap().items.len(),
            1
        );
        store.edit_user(&bob.name, &edit, &entry("edit_user")).await.unwrap();
        assert!(store.sessions_of(&bob.id, &PageRequest::first(9)).await.unwrap().items.is_empty());
    }
    assert!(!open(session(&bob, "four")).await, "the account is disabled");
}

async fn a21_session_opens_only_with_the_password_that_was_checked(fx: Fixture) {
    let store = &fx.store;
    created(store, admin("root")).await;
    let bob = created(store, User { password_hash: Some("new".to_owned()), ..user("bob") }).await;
    for (hash, opens) in [("old", false), ("new", true)] {
        let session = session(&bob, hash);
        let opened = store.create_session(&session, Some(hash), &entry("create_session")).await;
        assert_eq!(opened.unwrap(), opens, "the password that was checked is {hash}");
    }
}

async fn a21_devices_wait_in_bounded_number_and_end_with_the_password(fx: Fixture) {
    let store = &fx.store;
    let bob = created(store, user("bob")).await.id;
    let bob = &bob;
    let device = |number: i64| DeviceSignIn {
        device_digest: Digest::of(format!("device {number}").as_bytes()),
        user_digest: Digest::of(format!("user {number}").as_bytes()),
        client: "a device".to_owned(),
        address: "192.0.2.1".to_owned(),
        interval_s: 5,
        created_at: at(number),
        expires_at: at(600 + number),
    };
    let waits = |number: i64| async move {
        store.device_sign_in(&device(number).user_digest, at(9)).await.unwrap().is_some()
    };
    let approve = |number: i64| async move {
        let digest = device(number).user_digest;
        store.decide_device_sign_in(&digest, bob, true, &entry("approve")).await.unwrap()
    };
    for number in 1..=3 {
        assert!(store.create_device_sign_in(&device(number), 3).await.unwrap());
    }
    assert!(approve(1).await);
    assert!(store.create_device_sign_in(&device(4), 3).await.unwrap());
    assert!(!waits(2).await, "it was the oldest without an approval");
    assert!(waits(3).await && waits(4).await);
    assert!(approve(3).await && approve(4).await);
    assert!(!store.create_device_sign_in(&device(5), 3).await.unwrap());
    created(store, admin("root")).await;
    let edit = UserEdit { password_hash: Some("new".to_owned()), ..UserEdit::default() };
    store.edit_user(&name("bob"), &edit, &entry("set_password")).await.unwrap();
    for number in [1, 3, 4] {
        let found = store.has_device_sign_in(&device(number).device_digest).await.unwrap();
        assert!(!found, "who approved with the old password gives no token");
    }
}

async fn roles_belong_to_one_project(fx: Fixture) {
    let store = &fx.store;
    let root = created(store, admin("root")).await;
    let bob = created(store, user("bob")).await;
    let create =
        || async { store.create_project(&other(), "x", false, &entry("create_project")).await };
    create().await.unwrap();
    assert!(matches!(create().await, Err(StoreError::Exists(_))));
    let new = store.project(&other()).await.unwrap().unwrap();
    assert_eq!(
        (new.id, new.remark.as_str(), new.all_parties, new.created_at),
        (other(), "x", false, at(1))
    );
    let member = |role| ProjectMember { user: bob.name.clone(), role, added_at: at(3) };
    for role in [ProjectRole::Viewer, ProjectRole::Operator] {
        store.set_member(&other(), &member(role), &entry("set_member")).await.unwrap().unwrap();
    }
    assert_eq!(store.roles_of(&bob).await.unwrap(), vec![(other(), ProjectRole::Operator)]);
    let mut all = store.roles_of(&root).await.unwrap();
    all.sort();
    assert_eq!(all, vec![(project(), ProjectRole::Admin), (other(), ProjectRole::Admin)]);
    let members = store.members_of(&other(), &PageRequest::first(9)).await.unwrap().items;
    assert_eq!(members, vec![member(ProjectRole::Operator)]);
    assert!(store.members_of(&project(), &PageRequest::first(9)).await.unwrap().items.is_empty());
    let missing =
        |name: &str| ProjectMember { user: name.parse().unwrap(), ..member(ProjectRole::Viewer) };
    for (project, member, what) in [
        ("nothing", member(ProjectRole::Viewer), Missing::Project),
        ("other", missing("nobody"), Missing::User),
    ] {
        let set = store.set_member(&project.parse().unwrap(), &member, &entry("set_member")).await;
        assert_eq!(set.unwrap(), Err(what));
    }
    let remove = |project: ProjectId| async move {
        store.remove_member(&project, &name("bob"), &entry("remove_member")).await.unwrap()
    };
    assert_eq!(remove(project()).await, Err(Missing::Entry));
    assert_eq!(remove(other()).await, Ok(()));
    assert!(store.roles_of(&bob).await.unwrap().is_empty());
    assert!(edit(store, &other(), QuotaEdit::default()).await);
    let (default, other) = (project(), other());
    let page = store.projects(&[&default, &other], &PageRequest::first(1)).await.unwrap();
    let rest = PageRequest { after: page.next.clone(), ..PageRequest::first(9) };
    let rest = store.projects(&[&default, &other], &rest).await.unwrap();
    assert_eq!((page.items[0].id.as_str(), rest.items[0].remark.as_str()), ("default", "y"));
}

async fn parties_and_datasets_are_offered_per_project(fx: Fixture) {
    let store = &fx.store;
    for name in ["a", "b", "c"] {
        let row = PartyRow {
            id: party(name),
            secret_digest: Digest::of(name.as_bytes()),
            created_at: at(0),
            remark: String::new(),
        };
        store.create_party(&row).await.unwrap();
    }
    store.create_project(&other(), "", false, &entry("create_project")).await.unwrap();
    let (a, b, z) = (party("a"), party("b"), party("z"));
    let among = [&a, &b, &z];
    let all = store.offered(&project(), &among).await.unwrap();
    assert_eq!(all.keys().collect::<Vec<_>>(), [&a, &b], "the default project has every party");
    assert!(store.offered(&other(), &among).await.unwrap().is_empty());
    let offer = |party: &str, datasets| OfferedParty {
        party: party.parse().unwrap(),
        datasets,
        added_at: at(2),
    };
    let only = OfferedDatasets::Only(vec!["digits".parse().unwrap()]);
    for datasets in [OfferedDatasets::All, only.clone()] {
        store
            .offer_party(&other(), &offer("a", datasets), &entry("offer_party"))
            .await
            .unwrap()
            .unwrap();
    }
    let found = store.offered(&other(), &among).await.unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), vec![(a.clone(), only.clone())]);
    let names = |page: flow_server::store::Page<flow_server::store::Party>| {
        page.items.into_iter().map(|party| party.row.id.to_string()).collect::<Vec<_>>()
    };
    let first = PageRequest::first(9);
    assert_eq!(names(store.parties_of_project(&other(), &first).await.unwrap()), ["a"]);
    assert_eq!(names(store.parties_of_project(&project(), &first).await.unwrap()), ["a", "b", "c"]);
    assert_eq!(store.offers(&other(), &first).await.unwrap().items, vec![offer("a", only)]);
    for (project, party, what) in
        [("nothing", "a", Missing::Project), ("other", "z", Missing::Party)]
    {
        let offer = offer(party, OfferedDatasets::All);
        let offered =
            store.offer_party(&project.parse().unwrap(), &offer, &entry("offer_party")).await;
        assert_eq!(offered.unwrap(), Err(what));
    }
    let withdraw =
        || async { store.withdraw_party(&other(), &a, &entry("withdraw_party")).await.unwrap() };
    assert_eq!((withdraw().await, withdraw().await), (Ok(()), Err(Missing::Entry)));
    store
        .offer_party(&other(), &offer("b", OfferedDatasets::All), &entry("offer_party"))
        .await
        .unwrap()
        .unwrap();
    store.remove_party(&b).await.unwrap();
    assert!(
        store.offers(&other(), &first).await.unwrap().items.is_empty(),
        "no name inherits an offer"
    );
}

async fn creator_of_a_task_is_shown_until_the_account_is_deleted(fx: Fixture) {
    let store = &fx.store;
    created(store, admin("root")).await;
    let bob = created(store, user("bob")).await;
    let mine = any_task("mine");
    let new =
        flow_server::store::TaskUpdate { creator: Some(bob.id.clone()), ..creation(mine.clone()) };
    store.apply(&[new, creation(any_task("old"))]).await.unwrap();
    assert_eq!(store.task_creator(&mine.id).await.unwrap(), Some(bob.id.clone()));
    let shown = |id| async move { store.task(&id).await.unwrap().unwrap().creator };
    assert_eq!(shown(mine.id.clone()).await.as_deref(), Some("bob"));
    let old = store.task_by_name(&project(), "old").await.unwrap().unwrap();
    assert_eq!((old.creator, store.task_creator(&old.task.id).await.unwrap()), (None, None));
    store.delete_user(&bob.name, &entry("delete_user")).await.unwrap();
    assert_eq!(shown(mine.id).await, None);
}

async fn audit_has_the_newest_entry_first(fx: Fixture) {
    let store = &fx.store;
    let mut entries = Vec::new();
    for second in 1..=3 {
        let entry = AccessEntry {
            at: at(second),
            project: Some(project()),
            actor_id: Some(hex().parse().unwrap()),
            detail: "größer".to_owned(),
            ..entry("edit_user")
        };
        store.audit_access(&entry).await.unwrap();
        entries.push(entry);
    }
    entries.reverse();
    let page = store.access_audit(&PageRequest::first(2)).await.unwrap();
    let rest = PageRequest { after: page.next.clone(), ..PageRequest::first(2) };
    let rest = store.access_audit(&rest).await.unwrap().items;
    assert_eq!([page.items, rest].concat(), entries);
}
